/* SPDX-License-Identifier: Apache-2.0 */
/* Which thread has which stream: given back when threads end, void when the pool closes, whatever
 * comes first. The pool has policy fail, so that a stream that was not given back is seen. */
#include "test_main.h"

#include <semaphore.h>

#include "base/clock.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "stream/stream_priv.h"
#include "stream_rig.h"

static const struct stream_rig_params one_or_fail = { .streams = 1,
                                                      .policy = TRIB__STREAMS_FAIL };
static const struct stream_rig_params two_or_fail = { .streams = 2,
                                                      .policy = TRIB__STREAMS_FAIL };

static void lease_once(struct crowd_member *me)
{
        struct stream_rig  *rig = me->context;
        struct trib_stream *stream;

        me->status = trib__stream_lease(rig->pool, TRIB__NEVER, &stream, &me->err);
        if (me->status == TRIB_OK)
                trib__stream_return(stream, false);
}

static void must_lease_once(struct stream_rig *rig)
{
        struct crowd_member member;

        crowd_start(&member, lease_once, rig, 0);
        crowd_join(&member);
        EXPECT_OK(member.status, &member.err);
}

/* H21 */
static void binding_is_given_back_by_10000_threads_on_2_streams(void **state)
{
        static struct stream_rig   rig;
        struct crowd_member pair[2];

        (void)state;
        stream_rig_open(&rig, &two_or_fail);
        for (int i = 0; i < 5000; i++) {
                for (uint32_t j = 0; j < 2; j++)
                        crowd_start(&pair[j], lease_once, &rig, j);
                for (uint32_t j = 0; j < 2; j++) {
                        crowd_join(&pair[j]);
                        EXPECT_OK(pair[j].status, &pair[j].err);
                }
        }
        assert_true(trib__stream_count(rig.pool) <= 2);
        stream_rig_close(&rig);
}

/* A thread that leases once in each pool that it is shown. */
struct bound {
        struct crowd_member member;
        struct stream_rig  *rig;
        sem_t               go, done;
        bool                is_ending;
        trib_status         status;
        trib_error          err;
};

static void lease_when_told(struct crowd_member *me)
{
        struct bound *bound = me->context;

        for (;;) {
                struct trib_stream *stream;

                (void)sem_wait(&bound->go);
                if (bound->is_ending)
                        return;
                bound->status = trib__stream_lease(bound->rig->pool, TRIB__NEVER, &stream,
                                                   &bound->err);
                if (bound->status == TRIB_OK)
                        trib__stream_return(stream, false);
                (void)sem_post(&bound->done);
        }
}

static void bound_start(struct bound *bound, struct stream_rig *rig)
{
        memset(bound, 0, sizeof(*bound));
        bound->rig = rig;
        assert_int_equal(sem_init(&bound->go, 0, 0), 0);
        assert_int_equal(sem_init(&bound->done, 0, 0), 0);
        crowd_start(&bound->member, lease_when_told, bound, 0);
}

static trib_status bound_lease(struct bound *bound)
{
        (void)sem_post(&bound->go);
        (void)sem_wait(&bound->done);
        return bound->status;
}

static void bound_end(struct bound *bound)
{
        bound->is_ending = true;
        (void)sem_post(&bound->go);
        crowd_join(&bound->member);
}

static void binding_of_a_closed_pool_is_void_in_the_next(void **state)
{
        static struct stream_rig rig;
        struct bound             bound;
        struct crowd_member      other;

        (void)state;
        stream_rig_open(&rig, &one_or_fail);
        bound_start(&bound, &rig);
        EXPECT_OK(bound_lease(&bound), &bound.err);
        for (int i = 0; i < 100; i++) {
                trib__stream_pool_destroy(rig.pool);
                stream_rig_open_pool(&rig, &one_or_fail);
                if (i % 2 == 0) {
                        EXPECT_OK(bound_lease(&bound), &bound.err);
                        crowd_start(&other, lease_once, &rig, 0);
                        crowd_join(&other);
                        assert_int_equal(other.status, TRIB_NO_STREAM);
                } else {
                        must_lease_once(&rig);
                }
        }
        bound_end(&bound);
        must_lease_once(&rig);
        stream_rig_close(&rig);
}

/* The thread's old word is not its own any more: its end must not take it from the new owner. */
static void binding_of_a_closed_pool_gives_nothing_back(void **state)
{
        static struct stream_rig   rig;
        struct bound        old, owner, third;

        (void)state;
        stream_rig_open(&rig, &one_or_fail);
        bound_start(&old, &rig);
        EXPECT_OK(bound_lease(&old), &old.err);
        trib__stream_pool_destroy(rig.pool);
        stream_rig_open_pool(&rig, &one_or_fail);
        bound_start(&owner, &rig);
        EXPECT_OK(bound_lease(&owner), &owner.err);
        bound_end(&old);
        bound_start(&third, &rig);
        assert_int_equal(bound_lease(&third), TRIB_NO_STREAM);
        bound_end(&owner);
        EXPECT_OK(bound_lease(&third), &third.err);
        bound_end(&third);
        stream_rig_close(&rig);
}

static void binding_thread_may_end_after_its_pool(void **state)
{
        static struct stream_rig rig;
        struct bound      bound;

        (void)state;
        stream_rig_open(&rig, &one_or_fail);
        bound_start(&bound, &rig);
        EXPECT_OK(bound_lease(&bound), &bound.err);
        stream_rig_close(&rig);
        bound_end(&bound);
}

/* H18: a destructor of the program's that runs after ours and uses the device once more. */
static pthread_key_t    late_key;
static struct crowd_member *late_member;

static void lease_late(void *rounds)
{
        uintptr_t left = (uintptr_t)rounds;

        lease_once(late_member);
        late_member->done++;
        if (left > 1)
                (void)pthread_setspecific(late_key, (void *)(left - 1));
}

static void lease_and_set_late(struct crowd_member *me)
{
        late_member = me;
        lease_once(me);
        (void)pthread_setspecific(late_key, (void *)(uintptr_t)2);
}

static void binding_is_given_back_after_late_destructors(void **state)
{
        static struct stream_rig   rig;
        struct crowd_member member;

        (void)state;
        stream_rig_open(&rig, &one_or_fail);
        assert_int_equal(pthread_key_create(&late_key, lease_late), 0);
        for (int i = 0; i < 50; i++) {
                crowd_start(&member, lease_and_set_late, &rig, 0);
                crowd_join(&member);
                EXPECT_OK(member.status, &member.err);
                assert_int_equal(member.done, 2);
        }
        must_lease_once(&rig);
        stream_rig_close(&rig);
}

static void binding_of_as_many_devices_as_there_are_places(void **state)
{
        static struct {
                uint32_t place, epoch;
        } open[TRIB__MAX_DEVICES];
        uint32_t   place, epoch;
        trib_error err;

        (void)state;
        for (int i = 0; i < TRIB__MAX_DEVICES; i++)
                EXPECT_OK(trib__binding_open(1, &open[i].place, &open[i].epoch, &err), &err);
        EXPECT_FAILS(trib__binding_open(1, &place, &epoch, &err), TRIB_BUSY, &err, "at most ");
        for (int i = 0; i < TRIB__MAX_DEVICES; i++)
                assert_int_equal(trib__binding_take(open[i].place, open[i].epoch, 1), 0);
        for (int i = 0; i < TRIB__MAX_DEVICES; i++)
                assert_int_equal(trib__binding_home(open[i].place, open[i].epoch), 0);
        trib__binding_close(open[5].place, open[5].epoch);
        EXPECT_OK(trib__binding_open(1, &place, &epoch, &err), &err);
        assert_int_equal(place, open[5].place);
        assert_int_not_equal(epoch, open[5].epoch);
        assert_int_equal(trib__binding_home(place, epoch), TRIB__NO_HOME);
        open[5].epoch = epoch;
        for (int i = 0; i < TRIB__MAX_DEVICES; i++)
                trib__binding_close(open[i].place, open[i].epoch);
}

/* The key is made by the first pool of the process: when that fails, the next one tries again. */
static void binding_hook_that_failed_is_tried_again(void **state)
{
        uint32_t   place, epoch;
        trib_error err = TRIB_ERROR_INIT;
        uint64_t   failed;

        (void)state;
        trib__fault_arm(1, false);
        EXPECT_FAILS(trib__binding_open(1, &place, &epoch, &err), TRIB_SYSTEM, &err, "key");
        (void)trib__fault_disarm(&failed);
        assert_int_equal(failed, 1);
        EXPECT_OK(trib__binding_open(1, &place, &epoch, &err), &err);
        trib__binding_close(place, epoch);
}

/* Without memory for the hook a thread gets no home, because nobody would give it back. */
static void take_without_hook(struct crowd_member *me)
{
        struct stream_rig *rig = me->context;

        trib__fault_arm(1, false);
        lease_once(me);
        (void)trib__fault_disarm(&me->done);
        (void)rig;
}

static void binding_without_a_hook_is_none(void **state)
{
        static struct stream_rig   rig;
        struct crowd_member member;

        (void)state;
        stream_rig_open(&rig, &one_or_fail);
        must_lease_once(&rig); /* the stream itself is made */
        crowd_start(&member, take_without_hook, &rig, 0);
        crowd_join(&member);
        assert_int_equal(member.done, 1);
        assert_int_equal(member.status, TRIB_NO_STREAM);
        must_lease_once(&rig);
        stream_rig_close(&rig);
}

/* Threads that end and pools that close at the same time. */
struct churn {
        struct stream_rig *rig;
        pthread_barrier_t  barrier;
};

static void lease_then_end(struct crowd_member *me)
{
        struct churn       *churn = me->context;
        struct trib_stream *stream;

        me->status = trib__stream_lease(churn->rig->pool, TRIB__NEVER, &stream, &me->err);
        if (me->status == TRIB_OK)
                trib__stream_return(stream, false);
        (void)pthread_barrier_wait(&churn->barrier);
}

static void binding_end_of_threads_races_with_the_end_of_the_pool(void **state)
{
        static struct stream_rig   rig;
        struct churn        churn = { .rig = &rig };
        struct crowd_member members[4];

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 4,
                                                           .policy = TRIB__STREAMS_FAIL });
        assert_int_equal(pthread_barrier_init(&churn.barrier, NULL, 5), 0);
        for (int round = 0; round < 300; round++) {
                for (uint32_t i = 0; i < 4; i++)
                        crowd_start(&members[i], lease_then_end, &churn, i);
                (void)pthread_barrier_wait(&churn.barrier);
                trib__stream_pool_destroy(rig.pool);
                stream_rig_open_pool(&rig, &(struct stream_rig_params){
                                                   .streams = 4, .policy = TRIB__STREAMS_FAIL });
                for (uint32_t i = 0; i < 4; i++) {
                        crowd_join(&members[i]);
                        EXPECT_OK(members[i].status, &members[i].err);
                }
        }
        (void)pthread_barrier_destroy(&churn.barrier);
        stream_rig_close(&rig);
}

/* The first case is about the first pool of the process. */
TRIB_TEST_MAIN(TRIB_TEST(binding_hook_that_failed_is_tried_again),
               TRIB_TEST(binding_is_given_back_by_10000_threads_on_2_streams),
               TRIB_TEST(binding_of_a_closed_pool_is_void_in_the_next),
               TRIB_TEST(binding_of_a_closed_pool_gives_nothing_back),
               TRIB_TEST(binding_thread_may_end_after_its_pool),
               TRIB_TEST(binding_is_given_back_after_late_destructors),
               TRIB_TEST(binding_of_as_many_devices_as_there_are_places),
               TRIB_TEST(binding_without_a_hook_is_none),
               TRIB_TEST(binding_end_of_threads_races_with_the_end_of_the_pool))
