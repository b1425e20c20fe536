/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions on a device that hangs, fails, comes back or is lost. The device is simulated; with a
 * scripted clock nothing happens on it unless the test says so. */
#include "test_main.h"

#include <unistd.h>

#include "backend/sim/sim.h"
#include "base/clock.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

static trib_session_options impatient(void)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;

        options.timeout_ns = 4 * MS;
        options.close_timeout_ns = 4 * MS;
        return options;
}

static trib__device *sim_of(struct session_rig *rig)
{
        return trib__device_backend(rig->device);
}

/* Without constants, so that the build needs no device. */
static void open_scripted(struct session_rig *rig, const char *name, uint32_t streams,
                          const trib_session_options *options)
{
        trib_device_options device = TRIB_DEVICE_OPTIONS_INIT;

        device.max_streams = streams;
        session_rig_open_on(rig, name, &device, ZOO_RELU, options);
}

/* H14, H17: the request ends at its deadline, the stream is left alone, close says busy and later
 * succeeds. */
static void infer_times_out_on_a_hung_device_and_close_waits_for_it(void **state)
{
        trib_session_options options = impatient();
        struct session_rig   rig;
        struct zoo_job       job;
        trib_session_stats   stats;
        trib_error           err;

        (void)state;
        open_scripted(&rig, "sim:clock=scripted", 1, &options);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err,
                     "did not reach 1 in time");
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err,
                     "all 1 streams were busy");
        EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
        assert_int_equal(stats.requests, 2);
        assert_int_equal(stats.failures, 2);
        for (int i = 0; i < 2; i++)
                EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err,
                             "requests still run after 4 ms");
        (void)trib__sim_run_until_idle(sim_of(&rig));
        session_rig_close(&rig);
}

/* A stream that was hung serves again; another one serves meanwhile. */
static void infer_goes_on_beside_a_hung_stream_and_on_it_later(void **state)
{
        trib_session_options options = impatient();
        struct session_rig   rig;
        struct zoo_job       job, golden;
        trib_error           err;

        (void)state;
        options.timeout_ns = 400 * MS; /* long enough for what must succeed */
        open_scripted(&rig, "sim:fast", 2, &options);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_init(&golden, ZOO_RELU, 2, 1);
        EXPECT_OK(zoo_job_infer(&golden, rig.session, &err), &err);
        assert_true(trib__sim_hang(sim_of(&rig), 0));
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err, "queue 0");
        for (int i = 0; i < 20; i++) {
                zoo_job_reset(&job);
                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                assert_true(zoo_job_is_right(&job, &golden));
        }
        assert_true(trib__sim_hang(sim_of(&rig), 1));
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err, "queue 1");
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err, "2 streams");
        assert_true(trib__sim_unhang(sim_of(&rig), 0));
        /* The stream is past its work when its timeline is; the deadline is short, so ask again. */
        do {
                zoo_job_reset(&job);
        } while (zoo_job_infer(&job, rig.session, &err) == TRIB_TIMED_OUT);
        assert_true(zoo_job_is_right(&job, &golden));
        assert_true(trib__sim_unhang(sim_of(&rig), 1));
        while (trib_session_close(rig.session, &err) == TRIB_BUSY)
                ;
        trib_model_close(rig.model);
        trib_device_close(rig.device);
}

/* H29: what the caller gets back is the caller's: the device must not write it later, whether it
 * reads and writes host memory in place or not. */
static void infer_that_timed_out_never_touches_its_arrays_again(void **state)
{
        static const char *const devices[] = { "sim:clock=scripted",
                                               "sim:clock=scripted,unified=1" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                trib_session_options options = impatient();
                struct session_rig   rig;
                struct zoo_job       job, untouched;
                trib_error           err;

                open_scripted(&rig, devices[d], 1, &options);
                zoo_job_init(&job, ZOO_RELU, 2, 1);
                EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err, "");
                memset(&job, 0xda, sizeof(job)); /* negative: relu would change it */
                memset(&untouched, 0xda, sizeof(untouched));
                (void)trib__sim_run_until_idle(sim_of(&rig));
                assert_memory_equal(&job, &untouched, sizeof(job));
                session_rig_close(&rig);
        }
}

static void request_times_out_on_a_hung_device(void **state)
{
        trib_session_options options = impatient();
        struct session_rig   rig;
        struct zoo_job       job;
        trib_request_options one;
        trib_request        *request;
        trib_error           err;

        (void)state;
        options.workers = 1;
        options.timeout_ns = 500 * MS; /* long enough to be on the device when it passes */
        open_scripted(&rig, "sim:clock=scripted", 1, &options);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_options(&job, &one);
        EXPECT_OK(trib_submit(rig.session, &one, &request, &err), &err);
        EXPECT_FAILS(trib_wait(request, TRIB_NO_LIMIT, &err), TRIB_TIMED_OUT, &err, "queue 0");
        trib_request_release(request);
        EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err, "");
        (void)trib__sim_run_until_idle(sim_of(&rig));
        session_rig_close(&rig);
}

/* Failing works fail their requests, and nobody else's. */
static void infer_on_a_failing_device_fails_alone(void **state)
{
        struct session_rig rig;
        struct zoo_job     job, golden;
        trib_error         err;

        (void)state;
        session_rig_open(&rig, "sim:fast", ZOO_NORM, NULL);
        zoo_job_init(&golden, ZOO_NORM, 4, 1);
        zoo_job_init(&job, ZOO_NORM, 4, 1);
        EXPECT_OK(zoo_job_infer(&golden, rig.session, &err), &err);
        for (int i = 0; i < 30; i++) {
                assert_true(trib__sim_fault(sim_of(&rig), trib__sim_works(sim_of(&rig)) + 1,
                                            TRIB__SIM_FAULT_FAIL, 0));
                EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_DEVICE_ERROR, &err,
                             "failed work");
                zoo_job_reset(&job);
                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                assert_true(zoo_job_is_right(&job, &golden));
        }
        session_rig_close(&rig);
}

static void infer_of_wrong_bits_is_noticed_by_our_own_comparison(void **state)
{
        struct session_rig rig;
        struct zoo_job     job, golden;
        trib_error         err;

        (void)state;
        session_rig_open(&rig, "sim:fast", ZOO_RELU, NULL);
        zoo_job_init(&golden, ZOO_RELU, 4, 1);
        zoo_job_init(&job, ZOO_RELU, 4, 1);
        EXPECT_OK(zoo_job_infer(&golden, rig.session, &err), &err);
        assert_true(trib__sim_fault(sim_of(&rig), trib__sim_works(sim_of(&rig)) + 1,
                                    TRIB__SIM_FAULT_FLIP, 77));
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        assert_false(zoo_job_is_right(&job, &golden));
        session_rig_close(&rig);
}

static void infer_without_limit(struct crowd_member *me)
{
        struct zoo_job job;

        zoo_job_init(&job, ZOO_RELU, 2, me->index);
        me->status = zoo_job_infer(&job, me->context, &me->err);
        me->wrong = !zoo_job_is_right(&job, NULL);
}

/* All pending requests end, further ones are refused at once, and everything can be closed. */
static void device_that_is_lost_ends_all_requests_and_closes(void **state)
{
        static const char *const devices[] = { "sim:clock=scripted",
                                               "sim:clock=scripted,unified=1" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                struct session_rig  rig;
                struct crowd_member members[4];
                struct zoo_job      job;
                trib_error          err;

                open_scripted(&rig, devices[d], 2, NULL);
                for (uint32_t i = 0; i < 4; i++) {
                        crowd_start(&members[i], infer_without_limit, rig.session, i);
                        crowd_wait_asleep(&members[i]);
                }
                trib__sim_lose(sim_of(&rig));
                for (uint32_t i = 0; i < 4; i++) {
                        crowd_join(&members[i]);
                        assert_int_equal(members[i].status, TRIB_DEVICE_LOST);
                        assert_non_null(strstr(members[i].err.message, "lost"));
                        assert_int_equal(members[i].wrong, 0);
                }
                zoo_job_init(&job, ZOO_RELU, 2, 9);
                for (int i = 0; i < 5; i++)
                        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_DEVICE_LOST,
                                     &err, "lost");
                session_rig_close(&rig);
        }
}

static void device_lost_while_a_stream_is_hung_closes_too(void **state)
{
        trib_session_options options = impatient();
        struct session_rig   rig;
        struct zoo_job       job;
        trib_error           err;

        (void)state;
        open_scripted(&rig, "sim:clock=scripted", 1, &options);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err, "");
        EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err, "");
        trib__sim_lose(sim_of(&rig));
        session_rig_close(&rig);
}

/* A model that cannot be put on the device leaves nothing behind. */
static void model_build_on_a_failing_device_says_which_constant(void **state)
{
        trib_device      *device;
        trib_model       *model;
        trib_memory_stats before, after;
        trib_error        err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_device_open("sim:fast,fail_at=2", NULL, &device, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &before, &err), &err);
        EXPECT_FAILS(zoo_build(device, ZOO_MLP, &model, &err), TRIB_DEVICE_ERROR, &err,
                     "constant 1 of 3");
        assert_null(model);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.allocated, before.allocated);
        EXPECT_OK(zoo_build(device, ZOO_MLP, &model, &err), &err);
        trib_model_close(model);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.allocated, before.allocated);
        trib_device_close(device);
}

TRIB_TEST_MAIN(TRIB_TEST(infer_times_out_on_a_hung_device_and_close_waits_for_it),
               TRIB_TEST(infer_goes_on_beside_a_hung_stream_and_on_it_later),
               TRIB_TEST(infer_that_timed_out_never_touches_its_arrays_again),
               TRIB_TEST(request_times_out_on_a_hung_device),
               TRIB_TEST(infer_on_a_failing_device_fails_alone),
               TRIB_TEST(infer_of_wrong_bits_is_noticed_by_our_own_comparison),
               TRIB_TEST(device_that_is_lost_ends_all_requests_and_closes),
               TRIB_TEST(device_lost_while_a_stream_is_hung_closes_too),
               TRIB_TEST(model_build_on_a_failing_device_says_which_constant))
