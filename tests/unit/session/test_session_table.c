/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that come too late: with a session that is closed, is being closed, or whose seat another
 * has by now. They are told, and touch nothing that is gone. */
#include "test_main.h"

#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

static void refuses_everything(trib_session *session)
{
        trib_request_options options;
        trib_session_stats   stats;
        trib_request        *request;
        struct zoo_job       job;
        trib_error           err;

        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_options(&job, &options);
        EXPECT_FAILS(zoo_job_infer(&job, session, &err), TRIB_CLOSED, &err, "closed");
        EXPECT_FAILS(trib_submit(session, &options, &request, &err), TRIB_CLOSED, &err, "closed");
        assert_null(request);
        EXPECT_FAILS(trib_session_prepare(session, &job.input, 1, NULL, &err), TRIB_CLOSED, &err,
                     "closed");
        EXPECT_FAILS(trib_session_get_stats(session, &stats, &err), TRIB_CLOSED, &err, "closed");
        EXPECT_FAILS(trib_session_close(session, &err), TRIB_CLOSED, &err, "closed");
}

/* H16 */
static void closed_session_refuses_every_call(void **state)
{
        struct session_rig rig;
        struct zoo_job     job;
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        EXPECT_OK(trib_session_close(rig.session, &err), &err);
        refuses_everything(rig.session);
        trib_model_close(rig.model);
        trib_device_close(rig.device);
        refuses_everything(rig.session);
}

/* A session opened later is never reached by an old handle, whichever seat it has. */
static void closed_sessions_handle_is_nobody_elses(void **state)
{
        struct session_rig rig;
        trib_session      *old, *sessions[40];
        struct zoo_job     job;
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        old = rig.session;
        EXPECT_OK(trib_session_close(rig.session, &err), &err);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        /* More than there are seats. */
        for (int i = 0; i < 1100; i++) {
                EXPECT_OK(trib_session_open(rig.model, NULL, &rig.session, &err), &err);
                assert_ptr_not_equal(rig.session, old);
                EXPECT_FAILS(zoo_job_infer(&job, old, &err), TRIB_CLOSED, &err, "closed");
                EXPECT_OK(trib_session_close(rig.session, &err), &err);
        }
        for (int i = 0; i < 40; i++)
                EXPECT_OK(trib_session_open(rig.model, NULL, &sessions[i], &err), &err);
        refuses_everything(old);
        for (int i = 0; i < 40; i++) {
                EXPECT_OK(zoo_job_infer(&job, sessions[i], &err), &err);
                EXPECT_OK(trib_session_close(sessions[i], &err), &err);
        }
        trib_model_close(rig.model);
        trib_device_close(rig.device);
}

static void sessions_end_at_a_number_that_is_said(void **state)
{
        enum { SEATS = 1024 };
        static trib_session *sessions[SEATS];
        struct session_rig   rig;
        trib_session        *one_more;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        for (int i = 1; i < SEATS; i++)
                EXPECT_OK(trib_session_open(rig.model, NULL, &sessions[i], &err), &err);
        EXPECT_FAILS(trib_session_open(rig.model, NULL, &one_more, &err), TRIB_BUSY, &err,
                     "at most 1024");
        assert_null(one_more);
        EXPECT_OK(trib_session_close(sessions[77], &err), &err);
        EXPECT_OK(trib_session_open(rig.model, NULL, &sessions[77], &err), &err);
        for (int i = 1; i < SEATS; i++)
                EXPECT_OK(trib_session_close(sessions[i], &err), &err);
        session_rig_close(&rig);
}

/* ---- calls beside close ----------------------------------------------------------------- */

struct beside {
        trib_session     *session;
        pthread_barrier_t barrier;
        bool              is_direct;
};

/* Goes on calling for a while after the session is gone. */
static void call_beside_close(struct crowd_member *me)
{
        struct beside *beside = me->context;
        struct zoo_job job;
        uint32_t       late = 0;

        zoo_job_init(&job, ZOO_RELU, 2, me->index);
        (void)pthread_barrier_wait(&beside->barrier);
        while (late < 50) {
                trib_session_stats stats;

                zoo_job_reset(&job);
                if (beside->is_direct) {
                        me->status = zoo_job_infer(&job, beside->session, &me->err);
                        me->wrong += me->status == TRIB_OK && !zoo_job_is_right(&job, NULL);
                } else {
                        me->status = trib_session_get_stats(beside->session, &stats, &me->err);
                }
                me->wrong += me->status != TRIB_OK && me->status != TRIB_CLOSED;
                late += me->status == TRIB_CLOSED;
                me->done++;
        }
}

static void close_beside(struct crowd_member *me)
{
        struct beside *beside = me->context;

        (void)pthread_barrier_wait(&beside->barrier);
        me->status = trib_session_close(beside->session, &me->err);
}

/* H16: with the session the model and the device go too. */
static void check_calls_beside_close(bool is_direct, uint32_t streams)
{
        trib_device_options device_options = TRIB_DEVICE_OPTIONS_INIT;
        struct crowd_member callers[3], closers[2];
        struct beside       beside = { .is_direct = is_direct };

        device_options.max_streams = streams;
        assert_int_equal(pthread_barrier_init(&beside.barrier, NULL, 5), 0);
        for (int round = 0; round < 60; round++) {
                struct session_rig rig;
                int                closed = 0;

                session_rig_open_on(&rig, "cpu:0", &device_options, ZOO_RELU, NULL);
                beside.session = rig.session;
                trib_model_close(rig.model);
                trib_device_close(rig.device);
                for (uint32_t i = 0; i < 3; i++)
                        crowd_start(&callers[i], call_beside_close, &beside, i);
                for (uint32_t i = 0; i < 2; i++)
                        crowd_start(&closers[i], close_beside, &beside, i);
                for (int i = 0; i < 3; i++) {
                        crowd_join(&callers[i]);
                        assert_int_equal(callers[i].wrong, 0);
                }
                for (int i = 0; i < 2; i++) {
                        crowd_join(&closers[i]);
                        closed += closers[i].status == TRIB_OK;
                        assert_true(closers[i].status == TRIB_OK ||
                                    closers[i].status == TRIB_CLOSED ||
                                    closers[i].status == TRIB_BUSY);
                }
                assert_int_equal(closed, 1);
        }
        (void)pthread_barrier_destroy(&beside.barrier);
}

static void requests_beside_close_end_well_or_are_told(void **state)
{
        (void)state;
        check_calls_beside_close(true, 8);
}

static void queued_requests_beside_close_end_well_or_are_told(void **state)
{
        (void)state;
        check_calls_beside_close(true, 1);
}

static void questions_beside_close_are_answered_or_told(void **state)
{
        (void)state;
        check_calls_beside_close(false, 8);
}

TRIB_TEST_MAIN(TRIB_TEST(closed_session_refuses_every_call),
               TRIB_TEST(closed_sessions_handle_is_nobody_elses),
               TRIB_TEST(sessions_end_at_a_number_that_is_said),
               TRIB_TEST(requests_beside_close_end_well_or_are_told),
               TRIB_TEST(queued_requests_beside_close_end_well_or_are_told),
               TRIB_TEST(questions_beside_close_are_answered_or_told))
