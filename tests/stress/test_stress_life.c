/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing, again and again, alone and under load: requests that race with the end of
 * their session get their result or TRIB_CLOSED, and nothing is left behind. */
#include "test_main.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "crowd.h"
#include "base/clock.h"
#include "expect.h"
#include "figures.h"
#include "zoo.h"

#define WHOLE 10000

static void open_use_close(const char *device, uint64_t turn)
{
        enum zoo_kind  kind = (enum zoo_kind)(turn % ZOO_COUNT);
        trib_device   *opened;
        trib_model    *model;
        trib_session  *session;
        struct zoo_job job;
        trib_error     err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open(device, NULL, &opened, &err), &err);
        EXPECT_OK(zoo_build(opened, kind, &model, &err), &err);
        EXPECT_OK(trib_session_open(model, NULL, &session, &err), &err);
        zoo_job_init(&job, kind, (int64_t)(1 + turn % ZOO_MAX_ROWS), 1);
        if (turn % 2 == 0) {
                EXPECT_OK(zoo_job_infer(&job, session, &err), &err);
        } else {
                trib_request_options options;
                trib_request        *request;

                zoo_job_options(&job, &options);
                EXPECT_OK(trib_submit(session, &options, &request, &err), &err);
                EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                trib_request_release(request);
        }
        assert_true(zoo_job_is_right(&job, NULL));
        trib_device_close(opened);
        EXPECT_OK(trib_session_close(session, &err), &err);
        trib_model_close(model);
}

static void check_life(const char *name, const char *device)
{
        struct figures_bounds bounds = { 8 << 20, 0, 0 };
        uint64_t              turns = figures_scaled(WHOLE, 20), began = trib__now();
        uint64_t              first = figures_scaled(2 * WHOLE, 20), turn = 0;
        struct figures        warm, now;
        struct figures_line   line;

        first = first < 1000 ? first : 1000;
        /* Caches of malloc and of oneDNN fill first. */
        for (; turn < first; turn++)
                open_use_close(device, turn);
        figures_take(NULL, NULL, &warm);
        for (; turn < first + turns; turn++)
                open_use_close(device, turn);
        figures_take(NULL, &warm, &now);
        line = (struct figures_line){ name, turn, 0, trib__now() - began, NULL };
        figures_print(&line, &warm, &now);
        /* Half of the smallest allocation that a turn could leave behind, and some of malloc's. */
        bounds.heap = 16 * turns + (32 << 10);
        figures_expect_flat(&warm, &now, &bounds);
}

static void life_of_cpu_devices_leaves_nothing(void **state)
{
        (void)state;
        check_life("cpu, open and close", "cpu:0");
}

static void life_without_onednn_leaves_nothing(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        check_life("cpu without oneDNN, open and close", "cpu:0");
}

static void life_of_simulated_devices_leaves_nothing(void **state)
{
        (void)state;
        check_life("sim, open and close", "sim:fast");
}

/* ---- sessions that close under load ----------------------------------------------------- */

#define CALLERS 6

/* A callback that does not return until told keeps the session from being freed, so that callers
 * may race with close without using a session that is gone. */
struct racing {
        trib_session  *session;
        enum zoo_kind  kind;
        bool           is_async;
        struct zoo_job golden;
        atomic_uint    done;
        sem_t          entered, go;
};

static void hold_session(void *context, trib_request *request, trib_status status)
{
        struct racing *racing = context;

        (void)request;
        (void)status;
        (void)sem_post(&racing->entered);
        (void)sem_wait(&racing->go);
}

static trib_status one_request(const struct racing *racing, struct zoo_job *job, trib_error *err)
{
        trib_request_options options;
        trib_request        *request;
        trib_status          status;

        zoo_job_reset(job);
        if (!racing->is_async)
                return zoo_job_infer(job, racing->session, err);
        zoo_job_options(job, &options);
        status = trib_submit(racing->session, &options, &request, err);
        if (status != TRIB_OK)
                return status;
        status = trib_wait(request, TRIB_NO_LIMIT, err);
        trib_request_release(request);
        return status;
}

static void request_until_closed(struct crowd_member *me)
{
        struct racing *racing = me->context;
        struct zoo_job job;
        trib_status    status = TRIB_OK;

        zoo_job_init(&job, racing->kind, racing->golden.rows, racing->golden.seed);
        while (status != TRIB_CLOSED) {
                status = one_request(racing, &job, &me->err);
                if (status == TRIB_OK)
                        me->wrong += !zoo_job_is_right(&job, &racing->golden);
                else
                        me->wrong += status != TRIB_CLOSED && status != TRIB_CANCELLED;
                me->done++;
                atomic_fetch_add(&racing->done, 1);
        }
}

static void close_session(struct crowd_member *me)
{
        struct racing *racing = me->context;

        me->status = trib_session_close(racing->session, &me->err);
}

static void close_under_load(struct racing *racing, trib_model *model, uint32_t after)
{
        struct crowd_member  callers[CALLERS], closer;
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options holding;
        struct zoo_job       job;
        trib_error           err = TRIB_ERROR_INIT;

        options.workers = 3;
        EXPECT_OK(trib_session_open(model, &options, &racing->session, &err), &err);
        atomic_store(&racing->done, 0);
        zoo_job_init(&job, racing->kind, 1, 1);
        zoo_job_options(&job, &holding);
        holding.done = hold_session;
        holding.context = racing;
        EXPECT_OK(trib_submit(racing->session, &holding, NULL, &err), &err);
        (void)sem_wait(&racing->entered);
        for (uint32_t i = 0; i < CALLERS; i++)
                crowd_start(&callers[i], request_until_closed, racing, i);
        while (atomic_load(&racing->done) < after)
                (void)sched_yield();
        crowd_start(&closer, close_session, racing, 0);
        for (int i = 0; i < CALLERS; i++) {
                crowd_join(&callers[i]);
                if (callers[i].wrong != 0)
                        fail_msg("caller %d: %llu wrong: %s", i,
                                 (unsigned long long)callers[i].wrong, callers[i].err.message);
        }
        (void)sem_post(&racing->go);
        crowd_join(&closer);
        EXPECT_OK(closer.status, &closer.err);
}

static void check_close_under_load(const char *device, enum zoo_kind kind, bool is_async)
{
        static struct racing racing;
        trib_device         *opened;
        trib_model          *model;
        trib_error           err = TRIB_ERROR_INIT;

        memset(&racing, 0, sizeof(racing));
        racing.kind = kind;
        racing.is_async = is_async;
        assert_int_equal(sem_init(&racing.entered, 0, 0), 0);
        assert_int_equal(sem_init(&racing.go, 0, 0), 0);
        EXPECT_OK(trib_device_open(device, NULL, &opened, &err), &err);
        EXPECT_OK(zoo_build(opened, kind, &model, &err), &err);
        EXPECT_OK(trib_session_open(model, NULL, &racing.session, &err), &err);
        zoo_job_init(&racing.golden, kind, 3, 1);
        EXPECT_OK(zoo_job_infer(&racing.golden, racing.session, &err), &err);
        EXPECT_OK(trib_session_close(racing.session, &err), &err);
        for (uint32_t turn = 0; turn < figures_scaled(WHOLE, 10); turn++)
                close_under_load(&racing, model, turn * 7 % 50);
        trib_model_close(model);
        trib_device_close(opened);
}

static void close_races_with_direct_requests(void **state)
{
        (void)state;
        check_close_under_load("cpu:0", ZOO_NORM, false);
}

static void close_races_with_submitted_requests(void **state)
{
        (void)state;
        check_close_under_load("cpu:0", ZOO_MLP, true);
}

static void close_races_with_requests_of_a_simulated_device(void **state)
{
        (void)state;
        check_close_under_load("sim:fast", ZOO_USER, false);
        check_close_under_load("sim:fast", ZOO_GATED, true);
}

TRIB_TEST_MAIN(TRIB_TEST(life_of_cpu_devices_leaves_nothing),
               TRIB_TEST(life_without_onednn_leaves_nothing),
               TRIB_TEST(life_of_simulated_devices_leaves_nothing),
               TRIB_TEST(close_races_with_direct_requests),
               TRIB_TEST(close_races_with_submitted_requests),
               TRIB_TEST(close_races_with_requests_of_a_simulated_device))
