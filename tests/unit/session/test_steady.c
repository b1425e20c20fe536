/* SPDX-License-Identifier: Apache-2.0 */
/* The steady state: a request of the same shapes takes no lock, allocates nothing and does not
 * sleep, on any of several threads. Counted, not timed. */
#include "test_main.h"

#include <semaphore.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define REQUESTS 1000

/* Shapes that a stream keeps the plans of. */
#define MOST_SHAPES 8

struct steady {
        trib_session *session;
        enum zoo_kind kind;
        int           n_shapes; /* requests of 1 .. n_shapes rows in turns */
};

static void count_steady(struct crowd_member *me)
{
        struct steady             *steady = me->context;
        struct trib__thread_counts before, after;
        struct zoo_job             golden[MOST_SHAPES], jobs[MOST_SHAPES];

        for (int i = 0; i < 2 * steady->n_shapes; i++) {
                int at = i % steady->n_shapes;

                zoo_job_init(&golden[at], steady->kind, 1 + at, 1);
                zoo_job_init(&jobs[at], steady->kind, 1 + at, 1);
                me->status = zoo_job_infer(&golden[at], steady->session, &me->err);
                if (me->status != TRIB_OK)
                        return;
        }
        before = *trib__thread_counts();
        for (int i = 0; i < REQUESTS; i++) {
                me->status = zoo_job_infer(&jobs[i % steady->n_shapes], steady->session,
                                           &me->err);
                if (me->status != TRIB_OK)
                        return;
        }
        after = *trib__thread_counts();
        for (int i = 0; i < steady->n_shapes; i++)
                me->wrong += !zoo_job_is_right(&jobs[i], &golden[i]);
        me->done = (after.allocations - before.allocations) + (after.locks - before.locks);
        /* The turnstile of a serial operator may put a thread to sleep; nothing else may. */
        if (steady->kind != ZOO_SERIAL)
                me->done += after.waits - before.waits;
}

static void check_steady(uint32_t threads, int n_shapes)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;

        options.timeout_ns = UINT64_C(3600) * 1000000000;
        options.measure_every = 10;
        for (int kind = 0; kind < ZOO_COUNT; kind++) {
                struct session_rig  rig;
                struct steady       steady;
                struct crowd_member members[4];

                session_rig_open(&rig, "cpu:0", (enum zoo_kind)kind, kind % 2 ? &options : NULL);
                steady = (struct steady){ rig.session, (enum zoo_kind)kind, n_shapes };
                crowd_run_all(members, threads, count_steady, &steady);
                for (uint32_t i = 0; i < threads; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                        if (members[i].done != 0)
                                fail_msg("model %d: %llu allocations, locks and waits in %d "
                                         "requests",
                                         kind, (unsigned long long)members[i].done, REQUESTS);
                }
                session_rig_close(&rig);
        }
}

static void steady_requests_take_nothing(void **state)
{
        (void)state;
        check_steady(1, 1);
}

static void steady_requests_of_4_threads_take_nothing(void **state)
{
        (void)state;
        check_steady(4, 1);
}

static void steady_requests_of_eight_shapes_take_nothing(void **state)
{
        (void)state;
        check_steady(1, MOST_SHAPES);
        check_steady(4, MOST_SHAPES);
}

static void steady_requests_without_onednn_take_nothing(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        check_steady(1, 1);
        check_steady(4, 1);
}

/* Submitted requests use records again; their thread is another one, so count it there. */
struct counted {
        sem_t       called;
        trib_status status;
        uint64_t    allocations; /* of the worker's thread so far */
};

static void count_in_callback(void *context, trib_request *request, trib_status status)
{
        struct counted *counted = context;

        (void)request;
        counted->status = status;
        counted->allocations = trib__thread_counts()->allocations;
        (void)sem_post(&counted->called);
}

static void steady_submits_allocate_nothing(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        struct counted       counts = { 0 };
        struct zoo_job       job;
        trib_request_options one;
        uint64_t             here = 0, there = 0;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(sem_init(&counts.called, 0, 0), 0);
        options.workers = 1;
        session_rig_open(&rig, "cpu:0", ZOO_MLP, &options);
        zoo_job_init(&job, ZOO_MLP, 4, 1);
        zoo_job_options(&job, &one);
        one.done = count_in_callback;
        one.context = &counts;
        for (int i = 0; i < REQUESTS + 5; i++) {
                trib_request *request;

                if (i == 5) {
                        here = trib__thread_counts()->allocations;
                        there = counts.allocations;
                }
                EXPECT_OK(trib_submit(rig.session, &one, &request, &err), &err);
                EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                (void)sem_wait(&counts.called);
                assert_int_equal(counts.status, TRIB_OK);
                trib_request_release(request);
        }
        session_rig_close(&rig);
        assert_int_equal(counts.allocations, there);
        /* A second record, when the worker has not put the first away yet; never a third. */
        assert_true(trib__thread_counts()->allocations - here <= 2);
}

TRIB_TEST_MAIN(TRIB_TEST(steady_requests_take_nothing),
               TRIB_TEST(steady_requests_of_4_threads_take_nothing),
               TRIB_TEST(steady_requests_of_eight_shapes_take_nothing),
               TRIB_TEST(steady_requests_without_onednn_take_nothing),
               TRIB_TEST(steady_submits_allocate_nothing))
