/* SPDX-License-Identifier: Apache-2.0 */
/* Leasing streams: policies, waiting, streams that hang, slabs. The device is simulated and its
 * clock stands still unless the test moves it. */
#include "test_main.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "stream_rig.h"

#define MS UINT64_C(1000000)

static struct trib_stream *lease(struct stream_rig *rig)
{
        struct trib_stream *stream = NULL;
        trib_error          err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__stream_lease(rig->pool, TRIB__NEVER, &stream, &err), &err);
        assert_non_null(stream);
        return stream;
}

/* A thread that leases when told, and returns when told. */
struct actor {
        struct crowd_member member;
        struct stream_rig  *rig;
        uint64_t            deadline;
        sem_t               go, leased, finish;
        struct trib_stream *stream; /* what it got; read after `leased` */
        trib_status         status;
        trib_error          err;
};

static void act(struct crowd_member *me)
{
        struct actor *actor = me->context;

        (void)sem_wait(&actor->go);
        actor->status = trib__stream_lease(actor->rig->pool, actor->deadline, &actor->stream,
                                           &actor->err);
        (void)sem_post(&actor->leased);
        (void)sem_wait(&actor->finish);
        if (actor->status == TRIB_OK)
                trib__stream_return(actor->stream, false);
}

static void actor_start(struct actor *actor, struct stream_rig *rig, uint64_t deadline)
{
        memset(actor, 0, sizeof(*actor));
        actor->rig = rig;
        actor->deadline = deadline;
        assert_int_equal(sem_init(&actor->go, 0, 1), 0);
        assert_int_equal(sem_init(&actor->leased, 0, 0), 0);
        assert_int_equal(sem_init(&actor->finish, 0, 0), 0);
        crowd_start(&actor->member, act, actor, 0);
}

static void actor_must_lease(struct actor *actor)
{
        (void)sem_wait(&actor->leased);
        EXPECT_OK(actor->status, &actor->err);
        assert_non_null(actor->stream);
}

static void actor_end(struct actor *actor)
{
        (void)sem_post(&actor->finish);
        crowd_join(&actor->member);
}

/* ---- policies --------------------------------------------------------------------------- */

static void stream_lease_gives_a_thread_its_own_stream_again_and_again(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *first;
        struct actor        other;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 4 });
        first = lease(&rig);
        trib__stream_return(first, false);
        actor_start(&other, &rig, TRIB__NEVER);
        actor_must_lease(&other);
        assert_ptr_not_equal(other.stream, first);
        for (int i = 0; i < 100; i++) {
                assert_ptr_equal(lease(&rig), first);
                trib__stream_return(first, false);
        }
        actor_end(&other);
        assert_int_equal(trib__stream_count(rig.pool), 2);
        stream_rig_close(&rig);
}

static void stream_share_borrows_an_idle_stream(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        owner, guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 2 });
        mine = lease(&rig);
        actor_start(&owner, &rig, TRIB__NEVER);
        actor_must_lease(&owner);
        trib__stream_return(mine, false); /* both homes are taken, mine is idle */
        actor_start(&guest, &rig, TRIB__NEVER);
        actor_must_lease(&guest);
        assert_ptr_equal(guest.stream, mine);
        actor_end(&guest);
        actor_end(&owner);
        stream_rig_close(&rig);
}

static void stream_share_waits_when_all_are_busy(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        actor_start(&guest, &rig, TRIB__NEVER);
        crowd_wait_asleep(&guest.member);
        trib__stream_return(mine, false);
        actor_must_lease(&guest);
        assert_ptr_equal(guest.stream, mine);
        actor_end(&guest);
        stream_rig_close(&rig);
}

static void stream_share_keeps_its_deadline(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        for (int i = 0; i < 3; i++) {
                actor_start(&guest, &rig, i == 0 ? 0 : trib__now() + (uint64_t)i * 3 * MS);
                (void)sem_wait(&guest.leased);
                assert_int_equal(guest.status, TRIB_TIMED_OUT);
                assert_non_null(strstr(guest.err.message, "all 1 streams were busy"));
                assert_null(guest.stream);
                actor_end(&guest);
        }
        trib__stream_return(mine, false);
        stream_rig_close(&rig);
}

static void stream_fail_says_no_stream_at_once(void **state)
{
        static struct stream_rig rig;
        struct actor      guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1,
                                                           .policy = TRIB__STREAMS_FAIL });
        trib__stream_return(lease(&rig), false);
        actor_start(&guest, &rig, TRIB__NEVER);
        (void)sem_wait(&guest.leased);
        assert_int_equal(guest.status, TRIB_NO_STREAM);
        assert_non_null(strstr(guest.err.message, "1 streams belong to other threads"));
        actor_end(&guest);
        trib__stream_return(lease(&rig), false); /* its owner still has it */
        stream_rig_close(&rig);
}

static void stream_wait_gets_the_stream_of_a_thread_that_ends(void **state)
{
        static struct stream_rig rig;
        struct actor      owner, guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1,
                                                           .policy = TRIB__STREAMS_WAIT,
                                                           .timeout_ns = UINT64_MAX });
        actor_start(&owner, &rig, TRIB__NEVER);
        actor_must_lease(&owner);
        actor_start(&guest, &rig, TRIB__NEVER);
        crowd_wait_asleep(&guest.member);
        actor_end(&owner);
        actor_must_lease(&guest);
        assert_ptr_equal(guest.stream, owner.stream);
        actor_end(&guest);
        stream_rig_close(&rig);
}

static void stream_wait_gets_the_stream_of_a_thread_that_finishes_a_request(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1,
                                                           .policy = TRIB__STREAMS_WAIT,
                                                           .timeout_ns = UINT64_MAX });
        mine = lease(&rig);
        actor_start(&guest, &rig, TRIB__NEVER);
        crowd_wait_asleep(&guest.member);
        trib__stream_return(mine, false);
        actor_must_lease(&guest);
        actor_end(&guest);
        assert_ptr_equal(lease(&rig), mine); /* taken again, now that it is free */
        trib__stream_return(mine, false);
        stream_rig_close(&rig);
}

static void stream_wait_gives_up_at_its_timeout_or_the_deadline(void **state)
{
        static struct stream_rig rig;
        struct actor      guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1,
                                                           .policy = TRIB__STREAMS_WAIT,
                                                           .timeout_ns = 5 * MS });
        trib__stream_return(lease(&rig), false);
        actor_start(&guest, &rig, TRIB__NEVER);
        (void)sem_wait(&guest.leased);
        assert_int_equal(guest.status, TRIB_NO_STREAM);
        actor_end(&guest);
        actor_start(&guest, &rig, trib__now() + MS);
        (void)sem_wait(&guest.leased);
        assert_int_equal(guest.status, TRIB_TIMED_OUT);
        assert_non_null(strstr(guest.err.message, "none of 1 streams"));
        actor_end(&guest);
        stream_rig_close(&rig);
}

/* ---- waiting in line -------------------------------------------------------------------- */

/* A signal handler that holds its thread up: it says so, and waits to be told to go on. */
static int held_up[2], go_on[2];

static void hold_up(int number)
{
        char byte = (char)number;

        if (write(held_up[1], &byte, 1) != 1 || read(go_on[0], &byte, 1) != 1)
                _exit(3);
}

static void freeze(struct actor *actor)
{
        char byte;

        crowd_wait_asleep(&actor->member);
        assert_int_equal(pthread_kill(actor->member.thread, SIGUSR1), 0);
        assert_int_equal(read(held_up[0], &byte, 1), 1);
}

static void thaw(void)
{
        assert_int_equal(write(go_on[1], "", 1), 1);
}

/* One thread gives the only stream back and takes it again all the time. One that has waited long
 * enough is handed it, even if it cannot run itself. */
static void stream_goes_to_one_who_starves(void **state)
{
        static struct stream_rig rig;
        struct sigaction         action = { .sa_handler = hold_up };
        struct actor             guest;
        struct trib_stream      *mine, *again;
        trib_error               err;
        trib_status              status;

        (void)state;
#if defined(__SANITIZE_THREAD__)
        /* There a handler runs at the end of the next call that is watched: with the mutex. */
        skip();
#endif
        assert_int_equal(pipe2(held_up, O_CLOEXEC) + pipe2(go_on, O_CLOEXEC), 0);
        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        actor_start(&guest, &rig, TRIB__NEVER);
        for (;;) {
                freeze(&guest);
                trib__stream_return(mine, false);
                status = trib__stream_lease(rig.pool, 0, &again, &err);
                thaw();
                if (status != TRIB_OK)
                        break;
        }
        assert_int_equal(status, TRIB_TIMED_OUT);
        actor_must_lease(&guest);
        assert_ptr_equal(guest.stream, mine);
        actor_end(&guest);
        stream_rig_close(&rig);
}

/* Each thread checks that it is alone on its stream: a plain word per stream. */
struct alone {
        struct stream_rig *rig;
        uint32_t           rounds;
        struct {
                _Alignas(64) uint64_t inside;
                uint64_t              uses;
        } words[TRIB__MAX_STREAMS];
};

static void lease_and_check(struct crowd_member *me)
{
        struct alone *alone = me->context;

        for (uint32_t i = 0; i < alone->rounds; i++) {
                struct trib_stream *stream;

                me->status = trib__stream_lease(alone->rig->pool, TRIB__NEVER, &stream, &me->err);
                if (me->status != TRIB_OK)
                        return;
                me->wrong += alone->words[stream->index].inside != 0;
                alone->words[stream->index].inside = me->index + 1;
                me->wrong += alone->words[stream->index].inside != me->index + 1;
                alone->words[stream->index].inside = 0;
                alone->words[stream->index].uses++;
                trib__stream_return(stream, false);
                me->done++;
        }
}

static void check_alone(uint32_t threads, uint32_t rounds, const struct stream_rig_params *params)
{
        static struct crowd_member members[256];
        static struct alone        alone;
        static struct stream_rig          rig;
        uint64_t                   uses = 0;

        memset(&alone, 0, sizeof(alone));
        stream_rig_open(&rig, params);
        alone.rig = &rig;
        alone.rounds = rounds;
        crowd_run_all(members, threads, lease_and_check, &alone);
        for (uint32_t i = 0; i < threads; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        for (uint32_t i = 0; i < TRIB__MAX_STREAMS; i++)
                uses += alone.words[i].uses;
        assert_int_equal(uses, threads * rounds);
        assert_true(trib__stream_count(rig.pool) <= params->streams);
        stream_rig_close(&rig);
}

static void stream_is_never_leased_twice(void **state)
{
        (void)state;
        check_alone(8, 3000, &(struct stream_rig_params){ .streams = 8 });
        check_alone(16, 1000, &(struct stream_rig_params){ .streams = 3 });
        check_alone(8, 500, &(struct stream_rig_params){ .streams = 1 });
}

static void stream_pool_serves_more_than_64_threads(void **state)
{
        (void)state;
        check_alone(200, 50, &(struct stream_rig_params){ .streams = 64 });
}

static void stream_wait_serves_more_threads_than_streams(void **state)
{
        (void)state;
        check_alone(8, 200, &(struct stream_rig_params){ .streams = 2,
                                                         .policy = TRIB__STREAMS_WAIT,
                                                         .timeout_ns = 15000 * MS });
}

/* ---- hanging ---------------------------------------------------------------------------- */

static void stream_that_hangs_is_left_alone_until_it_is_past_its_work(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine, *got;
        trib_error          err;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        (void)stream_rig_submit(&rig, mine);
        trib__stream_return(mine, true);
        for (int i = 0; i < 3; i++)
                EXPECT_FAILS(trib__stream_lease(rig.pool, trib__now() + MS, &got, &err),
                             TRIB_TIMED_OUT, &err, "busy");
        assert_true(trib__sim_step(rig.sim.device, NULL));
        EXPECT_FAILS(trib__stream_lease(rig.pool, 0, &got, &err), TRIB_TIMED_OUT, &err, "busy");
        (void)trib__sim_run_until_idle(rig.sim.device);
        assert_ptr_equal(lease(&rig), mine);
        trib__stream_return(mine, false);
        stream_rig_close(&rig);
}

static void stream_waiter_gets_a_stream_that_comes_back_from_hanging(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        (void)stream_rig_submit(&rig, mine);
        trib__stream_return(mine, true);
        actor_start(&guest, &rig, TRIB__NEVER);
        crowd_wait_asleep(&guest.member);
        (void)trib__sim_run_until_idle(rig.sim.device);
        actor_must_lease(&guest);
        actor_end(&guest);
        stream_rig_close(&rig);
}

static void stream_beside_one_that_hangs_is_made(void **state)
{
        static const enum trib__stream_policy policies[] = { TRIB__STREAMS_SHARE,
                                                             TRIB__STREAMS_WAIT,
                                                             TRIB__STREAMS_FAIL };

        (void)state;
        for (int i = 0; i < 3; i++) {
                static struct stream_rig   rig;
                struct trib_stream *hung, *got = NULL;
                trib_error          err = TRIB_ERROR_INIT;

                stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 2,
                                                                   .policy = policies[i],
                                                                   .timeout_ns = MS });
                hung = lease(&rig);
                (void)stream_rig_submit(&rig, hung);
                trib__stream_return(hung, true);
                EXPECT_OK(trib__stream_lease(rig.pool, trib__now() + MS, &got, &err), &err);
                assert_ptr_not_equal(got, hung);
                trib__stream_return(got, false);
                (void)trib__sim_run_until_idle(rig.sim.device);
                stream_rig_close(&rig);
        }
}

/* Nothing will ever move again, but nothing is touched any more either: requests must hear so. */
static void stream_of_a_lost_device_is_leased_so_that_it_can_say_so(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *mine;
        struct actor        guest;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        (void)stream_rig_submit(&rig, mine);
        trib__stream_return(mine, true);
        actor_start(&guest, &rig, TRIB__NEVER);
        crowd_wait_asleep(&guest.member);
        trib__sim_lose(rig.sim.device);
        actor_must_lease(&guest);
        actor_end(&guest);
        assert_ptr_equal(lease(&rig), mine);
        trib__stream_return(mine, false);
        stream_rig_close(&rig);
}

/* ---- leases beside the home ------------------------------------------------------------- */

static void stream_lease_any_is_beside_the_home(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *home, *beside[2], *got;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 3 });
        home = lease(&rig);
        trib__stream_return(home, false);
        for (int i = 0; i < 2; i++) {
                EXPECT_OK(trib__stream_lease_any(rig.pool, 0, &beside[i], &err), &err);
                assert_ptr_not_equal(beside[i], home);
        }
        assert_ptr_equal(lease(&rig), home);
        EXPECT_FAILS(trib__stream_lease_any(rig.pool, 0, &got, &err), TRIB_NO_STREAM, &err,
                     "all 3 streams are leased");
        EXPECT_FAILS(trib__stream_lease_any(rig.pool, trib__now() + MS, &got, &err),
                     TRIB_TIMED_OUT, &err, "3 streams");
        assert_null(got);
        trib__stream_return(home, false);
        EXPECT_OK(trib__stream_lease_any(rig.pool, 0, &got, &err), &err);
        assert_ptr_equal(got, home); /* the last resort */
        trib__stream_return(got, false);
        for (int i = 0; i < 2; i++)
                trib__stream_return(beside[i], false);
        stream_rig_close(&rig);
}

/* ---- slabs and staging ------------------------------------------------------------------ */

static void stream_slab_grows_and_stays(void **state)
{
        static struct stream_rig         rig;
        struct trib_stream       *mine;
        struct trib__memory_stats stats;
        trib_error                err = TRIB_ERROR_INIT;
        void                     *slab = &slab, *again;

        (void)state;
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
        mine = lease(&rig);
        EXPECT_OK(trib__stream_slab(mine, 0, 0, &slab, &err), &err);
        assert_null(slab);
        EXPECT_OK(trib__stream_slab(mine, 5000, 0, &slab, &err), &err);
        memset(slab, 1, 5000);
        EXPECT_OK(trib__stream_slab(mine, 4000, 0, &again, &err), &err);
        assert_ptr_equal(again, slab);
        EXPECT_OK(trib__stream_slab(mine, 50000, 0, &slab, &err), &err);
        memset(slab, 1, 50000);
        trib__memory_get_stats(rig.memory, &stats);
        assert_int_equal(stats.requested, 50000);
        EXPECT_FAILS(trib__stream_slab(mine, UINT64_C(1) << 60, 0, &slab, &err), TRIB_OUT_OF_MEMORY,
                     &err, "");
        EXPECT_OK(trib__stream_slab(mine, 100, 0, &slab, &err), &err);
        assert_non_null(slab);
        EXPECT_OK(trib__stream_staging(mine, 1000, &slab, &err), &err);
        memset(slab, 1, 1000);
        EXPECT_OK(trib__stream_staging(mine, 3000, &slab, &err), &err);
        memset(slab, 1, 3000);
        EXPECT_OK(trib__stream_staging(mine, 10, &again, &err), &err);
        assert_ptr_equal(again, slab);
        trib__stream_return(mine, false);
        stream_rig_close(&rig);
}

static void stream_lease_survives_every_failed_allocation(void **state)
{
        static struct stream_rig   rig;
        struct trib_stream *stream;
        trib_error          err;
        uint64_t            failed, k;
        trib_status         status;

        (void)state;
        for (k = 1, failed = 1; failed != 0; k++) {
                stream_rig_open(&rig, &(struct stream_rig_params){ .streams = 1 });
                err = (trib_error)TRIB_ERROR_INIT;
                trib__fault_arm(k, false);
                status = trib__stream_lease(rig.pool, TRIB__NEVER, &stream, &err);
                (void)trib__fault_disarm(&failed);
                if (status != TRIB_OK) {
                        assert_int_not_equal(failed, 0);
                        assert_null(stream);
                        assert_true(err.message[0] != '\0');
                        stream = lease(&rig);
                }
                trib__stream_return(stream, false);
                stream_rig_close(&rig);
        }
        assert_true(k > 4);
}

TRIB_TEST_MAIN(TRIB_TEST(stream_lease_gives_a_thread_its_own_stream_again_and_again),
               TRIB_TEST(stream_share_borrows_an_idle_stream),
               TRIB_TEST(stream_share_waits_when_all_are_busy),
               TRIB_TEST(stream_share_keeps_its_deadline),
               TRIB_TEST(stream_fail_says_no_stream_at_once),
               TRIB_TEST(stream_wait_gets_the_stream_of_a_thread_that_ends),
               TRIB_TEST(stream_wait_gets_the_stream_of_a_thread_that_finishes_a_request),
               TRIB_TEST(stream_wait_gives_up_at_its_timeout_or_the_deadline),
               TRIB_TEST(stream_goes_to_one_who_starves),
               TRIB_TEST(stream_is_never_leased_twice),
               TRIB_TEST(stream_pool_serves_more_than_64_threads),
               TRIB_TEST(stream_wait_serves_more_threads_than_streams),
               TRIB_TEST(stream_that_hangs_is_left_alone_until_it_is_past_its_work),
               TRIB_TEST(stream_waiter_gets_a_stream_that_comes_back_from_hanging),
               TRIB_TEST(stream_beside_one_that_hangs_is_made),
               TRIB_TEST(stream_of_a_lost_device_is_leased_so_that_it_can_say_so),
               TRIB_TEST(stream_lease_any_is_beside_the_home),
               TRIB_TEST(stream_slab_grows_and_stays),
               TRIB_TEST(stream_lease_survives_every_failed_allocation))
