/* SPDX-License-Identifier: Apache-2.0 */
/* Threads in the queue, and threads that die with a stream: the order in which they are served,
 * for each policy; that a stream whose thread has ended comes back. The device is simulated and
 * its clock stands still unless the test moves it. */
#include "test_main.h"

#include <sched.h>
#include <semaphore.h>

#include "base/clock.h"
#include "crowd.h"
#include "expect.h"
#include "stream/stream_priv.h"
#include "stream_rig.h"

#define THREADS 6

/* Threads that queue one after the other, and note when it is their turn. */
struct line {
        struct stream_rig *rig;
        bool               is_explicit[THREADS]; /* by trib__stream_lease_any */
        uint32_t           order[THREADS];       /* under the only stream's lease */
        uint32_t           n_served;
};

static void wait_in_line(struct crowd_member *me)
{
        struct line        *line = me->context;
        struct trib_stream *stream;

        if (line->is_explicit[me->index])
                me->status = trib__stream_lease_any(line->rig->pool, TRIB__NEVER, &stream,
                                                    &me->err);
        else
                me->status = trib__stream_lease(line->rig->pool, TRIB__NEVER, &stream, &me->err);
        if (me->status != TRIB_OK)
                return;
        line->order[line->n_served++] = me->index;
        trib__stream_return(stream, false);
}

/* Until so many threads have come to the queue. */
static void wait_queued(struct stream_rig *rig, uint64_t count)
{
        struct trib__stream_counts counts;

        do {
                (void)sched_yield();
                trib__stream_pool_get_counts(rig->pool, &counts);
        } while (counts.queued < count);
}

static void check_order(enum trib__stream_policy policy, bool is_mixed)
{
        static struct stream_rig   rig;
        struct line                line = { .rig = &rig };
        struct crowd_member        members[THREADS];
        struct trib__stream_counts counts;
        struct trib_stream        *stream;
        trib_error                 err = TRIB_ERROR_INIT;

        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1, .policy = policy,
                                                           .timeout_ns = TRIB__NEVER });
        EXPECT_OK(trib__stream_lease(rig.pool, TRIB__NEVER, &stream, &err), &err);
        for (uint32_t i = 0; i < THREADS; i++) {
                line.is_explicit[i] = is_mixed && i % 2 == 1;
                crowd_start(&members[i], wait_in_line, &line, i);
                wait_queued(&rig, i + 1);
        }
        trib__stream_return(stream, false);
        for (uint32_t i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                EXPECT_OK(members[i].status, &members[i].err);
        }
        assert_int_equal(line.n_served, THREADS);
        for (uint32_t i = 0; i < THREADS; i++)
                assert_int_equal(line.order[i], i);
        trib__stream_pool_get_counts(rig.pool, &counts);
        assert_int_equal(counts.queued, THREADS);
        assert_int_equal(counts.handed, THREADS);
        assert_int_equal(counts.longest_queue, THREADS);
        stream_rig_close(&rig);
}

/* H21 */
static void waiting_is_in_order_of_arrival_under_share(void **state)
{
        (void)state;
        check_order(TRIB__STREAMS_SHARE, false);
        check_order(TRIB__STREAMS_SHARE, true);
}

static void waiting_is_in_order_of_arrival_under_wait(void **state)
{
        (void)state;
        check_order(TRIB__STREAMS_WAIT, false);
        check_order(TRIB__STREAMS_WAIT, true);
}

/* Under policy wait the home goes along with the stream. */
static void waiting_gives_the_home_to_the_next(void **state)
{
        static struct stream_rig rig;
        struct line              line = { .rig = &rig };
        struct crowd_member      member;
        struct trib_stream      *stream;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1,
                                                           .policy = TRIB__STREAMS_WAIT,
                                                           .timeout_ns = TRIB__NEVER });
        EXPECT_OK(trib__stream_lease(rig.pool, TRIB__NEVER, &stream, &err), &err);
        assert_int_equal(trib__binding_home(rig.pool->place_index, rig.pool->epoch), 0);
        crowd_start(&member, wait_in_line, &line, 0);
        wait_queued(&rig, 1);
        trib__stream_return(stream, false);
        assert_int_equal(trib__binding_home(rig.pool->place_index, rig.pool->epoch),
                         TRIB__NO_HOME);
        crowd_join(&member);
        EXPECT_OK(member.status, &member.err);
        /* The thread has ended, and so the home is free again. */
        EXPECT_OK(trib__stream_lease(rig.pool, 0, &stream, &err), &err);
        assert_int_equal(trib__binding_home(rig.pool->place_index, rig.pool->epoch), 0);
        trib__stream_return(stream, false);
        stream_rig_close(&rig);
}

/* ---- threads that die with a stream ----------------------------------------------------- */

#define TAG 5

struct mortal {
        struct stream_rig *rig;
        bool               has_work;
        sem_t              has_leased, may_die;
};

static void lease_and_die(struct crowd_member *me)
{
        struct mortal      *mortal = me->context;
        struct trib_stream *stream;

        me->status = trib__stream_lease_for(mortal->rig->pool, TAG, TRIB__NEVER, &stream, &me->err);
        if (me->status == TRIB_OK && mortal->has_work)
                me->done = stream_rig_submit(mortal->rig, stream);
        (void)sem_post(&mortal->has_leased);
        (void)sem_wait(&mortal->may_die);
        pthread_exit(NULL);
}

static void mortal_start(struct mortal *mortal, struct stream_rig *rig, bool has_work,
                         struct crowd_member *member)
{
        mortal->rig = rig;
        mortal->has_work = has_work;
        assert_int_equal(sem_init(&mortal->has_leased, 0, 0), 0);
        assert_int_equal(sem_init(&mortal->may_die, 0, 0), 0);
        crowd_start(member, lease_and_die, mortal, 0);
        (void)sem_wait(&mortal->has_leased);
        EXPECT_OK(member->status, &member->err);
}

static void dead_threads_stream_serves_the_next(void **state)
{
        static struct stream_rig rig;
        struct mortal            mortal;
        struct crowd_member      member;
        struct trib_stream      *stream;
        trib_error               err;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        for (int i = 0; i < 3; i++) {
                mortal_start(&mortal, &rig, false, &member);
                EXPECT_FAILS(trib__stream_lease(rig.pool, 0, &stream, &err), TRIB_TIMED_OUT, &err,
                             "busy");
                assert_true(trib__stream_pool_is_used(rig.pool, TAG));
                (void)sem_post(&mortal.may_die);
                crowd_join(&member);
                EXPECT_OK(trib__stream_lease(rig.pool, 0, &stream, &err), &err);
                trib__stream_return(stream, false);
        }
        stream_rig_close(&rig);
}

/* Its work goes on, on the device: until that is past, the stream is like one that hangs. */
static void dead_threads_stream_is_left_alone_until_it_is_past_its_work(void **state)
{
        static struct stream_rig rig;
        struct mortal            mortal;
        struct crowd_member      member;
        struct trib_stream      *stream;
        trib_error               err;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mortal_start(&mortal, &rig, true, &member);
        (void)sem_post(&mortal.may_die);
        crowd_join(&member);
        for (int i = 0; i < 3; i++)
                EXPECT_FAILS(trib__stream_lease(rig.pool, 0, &stream, &err), TRIB_TIMED_OUT, &err,
                             "busy");
        (void)trib__sim_run_until_idle(rig.sim.device);
        EXPECT_OK(trib__stream_lease(rig.pool, 0, &stream, &err), &err);
        assert_true(stream->submitted >= member.done);
        trib__stream_return(stream, false);
        stream_rig_close(&rig);
}

/* What close does: the dead thread's call is no longer counted. */
static void dead_threads_call_is_taken_out_of_the_count(void **state)
{
        static struct stream_rig rig;
        struct mortal            mortal;
        struct crowd_member      member;
        struct trib_stream      *stream;
        trib_error               err;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 2 });
        mortal_start(&mortal, &rig, true, &member);
        assert_true(trib__stream_pool_is_used(rig.pool, TAG));
        assert_false(trib__stream_pool_is_used(rig.pool, TAG + 1));
        (void)sem_post(&mortal.may_die);
        crowd_join(&member);
        assert_false(trib__stream_pool_is_used(rig.pool, TAG + 1));
        assert_false(trib__stream_pool_is_used(rig.pool, TAG));
        /* The other stream is free; this one is hung until its work is past. */
        EXPECT_OK(trib__stream_lease(rig.pool, 0, &stream, &err), &err);
        assert_int_equal(stream->submitted, 0);
        trib__stream_return(stream, false);
        (void)trib__sim_run_until_idle(rig.sim.device);
        stream_rig_close(&rig);
}

/* One that waits already, asleep, gets it too. */
static void dead_threads_stream_goes_to_one_who_waits(void **state)
{
        static struct stream_rig rig;
        struct line              line = { .rig = &rig };
        struct mortal            mortal;
        struct crowd_member      member, waiter;

        (void)state;
        for (int policy = TRIB__STREAMS_SHARE; policy <= TRIB__STREAMS_WAIT; policy++) {
                stream_rig_open(&rig, &(struct stream_rig_params){
                                              .streams = 1,
                                              .policy = (enum trib__stream_policy)policy,
                                              .timeout_ns = TRIB__NEVER });
                mortal_start(&mortal, &rig, false, &member);
                line.n_served = 0;
                crowd_start(&waiter, wait_in_line, &line, 0);
                wait_queued(&rig, 1);
                (void)sem_post(&mortal.may_die);
                crowd_join(&member);
                crowd_join(&waiter);
                EXPECT_OK(waiter.status, &waiter.err);
                assert_int_equal(line.n_served, 1);
                stream_rig_close(&rig);
        }
}

/* The pool goes, and its place is another's, before the thread ends: its hook touches nothing. */
static void dead_threads_hook_leaves_the_next_pool_alone(void **state)
{
        static struct stream_rig rig;
        struct mortal            mortal;
        struct crowd_member      member;
        struct trib_stream      *stream;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mortal_start(&mortal, &rig, false, &member);
        (void)sem_post(&mortal.may_die);
        crowd_join(&member);
        /* An orphan that nobody has recovered goes with its pool. */
        stream_rig_close(&rig);
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        EXPECT_OK(trib__stream_lease(rig.pool, 0, &stream, &err), &err);
        trib__stream_return(stream, false);
        stream_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(waiting_is_in_order_of_arrival_under_share),
               TRIB_TEST(waiting_is_in_order_of_arrival_under_wait),
               TRIB_TEST(waiting_gives_the_home_to_the_next),
               TRIB_TEST(dead_threads_stream_serves_the_next),
               TRIB_TEST(dead_threads_stream_is_left_alone_until_it_is_past_its_work),
               TRIB_TEST(dead_threads_call_is_taken_out_of_the_count),
               TRIB_TEST(dead_threads_stream_goes_to_one_who_waits),
               TRIB_TEST(dead_threads_hook_leaves_the_next_pool_alone))
