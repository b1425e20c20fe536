/* SPDX-License-Identifier: Apache-2.0 */
/* How a request waits: spinning, sleeping, or first the one and then the other. The answer is the
 * same, and so is what ends the waiting: the device, a deadline, or the device's loss. */
#include "test_main.h"

#include <sched.h>

#include "backend/sim/sim.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

static const trib_wait_mode modes[] = { TRIB_WAIT_HYBRID, TRIB_WAIT_SPIN, TRIB_WAIT_BLOCK };

static void infer_gives_the_same_whichever_way_it_waits(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast", "sim:launch_us=200" };
        struct zoo_job           golden;

        (void)state;
        for (size_t d = 0; d < 3; d++) {
                for (size_t m = 0; m < 3; m++) {
                        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                        struct session_rig   rig;
                        struct zoo_job       job;
                        trib_error           err;

                        options.wait = modes[m];
                        session_rig_open(&rig, devices[d], ZOO_RELU, &options);
                        zoo_job_init(&job, ZOO_RELU, 2, 1);
                        for (int i = 0; i < 3; i++) {
                                zoo_job_reset(&job);
                                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                                if (d == 0 && m == 0)
                                        golden = job;
                                assert_true(zoo_job_is_right(&job, &golden));
                        }
                        session_rig_close(&rig);
                }
        }
}

static void infer_ends_at_its_deadline_whichever_way_it_waits(void **state)
{
        (void)state;
        for (size_t m = 0; m < 3; m++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                trib_device_options  device = TRIB_DEVICE_OPTIONS_INIT;
                struct session_rig   rig;
                struct zoo_job       job;
                trib_error           err;

                options.timeout_ns = options.close_timeout_ns = 4 * MS;
                options.wait = modes[m];
                device.max_streams = 1;
                session_rig_open_on(&rig, "sim:clock=scripted", &device, ZOO_RELU, &options);
                zoo_job_init(&job, ZOO_RELU, 2, 1);
                EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_TIMED_OUT, &err,
                             "did not reach 1 in time");
                (void)trib__sim_run_until_idle(trib__device_backend(rig.device));
                session_rig_close(&rig);
        }
}

struct waiter {
        struct session_rig *rig;
        struct zoo_job      job;
};

static void wait_for_answer(struct crowd_member *member)
{
        struct waiter *waiter = member->context;

        member->status = zoo_job_infer(&waiter->job, waiter->rig->session, &member->err);
}

static void infer_ends_when_the_device_is_lost_whichever_way_it_waits(void **state)
{
        (void)state;
        for (size_t m = 0; m < 3; m++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig   rig;
                struct waiter        waiter = { .rig = &rig };
                struct crowd_member  member;

                options.wait = modes[m];
                session_rig_open(&rig, "sim:clock=scripted", ZOO_RELU, &options);
                zoo_job_init(&waiter.job, ZOO_RELU, 2, 1);
                crowd_start(&member, wait_for_answer, &waiter, 0);
                while (trib__sim_works(trib__device_backend(rig.device)) == 0)
                        sched_yield();
                trib__sim_lose(trib__device_backend(rig.device));
                crowd_join(&member);
                assert_int_equal(member.status, TRIB_DEVICE_LOST);
                session_rig_close(&rig);
        }
}

static void submitted_request_is_waited_for_whichever_way(void **state)
{
        (void)state;
        for (size_t m = 0; m < 3; m++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                trib_request_options asked;
                trib_request        *request;
                struct session_rig   rig;
                struct zoo_job       job, golden;
                trib_error           err;

                options.wait = modes[m];
                session_rig_open(&rig, "cpu:0", ZOO_RELU, &options);
                zoo_job_init(&job, ZOO_RELU, 2, 1);
                zoo_job_init(&golden, ZOO_RELU, 2, 1);
                EXPECT_OK(zoo_job_infer(&golden, rig.session, &err), &err);
                zoo_job_options(&job, &asked);
                EXPECT_OK(trib_submit(rig.session, &asked, &request, &err), &err);
                EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                assert_true(zoo_job_is_right(&job, &golden));
                trib_request_release(request);
                session_rig_close(&rig);
        }
}

static void session_refuses_a_way_to_wait_that_there_is_not(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        trib_session        *session;
        trib_error           err;

        (void)state;
        session_rig_open(&rig, "sim:fast", ZOO_RELU, NULL);
        options.wait = (trib_wait_mode)3;
        EXPECT_FAILS(trib_session_open(rig.model, &options, &session, &err),
                     TRIB_INVALID_ARGUMENT, &err, "wait is 3");
        assert_null(session);
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(infer_gives_the_same_whichever_way_it_waits),
               TRIB_TEST(infer_ends_at_its_deadline_whichever_way_it_waits),
               TRIB_TEST(infer_ends_when_the_device_is_lost_whichever_way_it_waits),
               TRIB_TEST(submitted_request_is_waited_for_whichever_way),
               TRIB_TEST(session_refuses_a_way_to_wait_that_there_is_not))
