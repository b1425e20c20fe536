/* SPDX-License-Identifier: Apache-2.0 */
/* Submitted requests: queued, running, done; waiting, cancelling, deadlines, callbacks, a full
 * queue, and closing with requests in every state. An operator with a door holds them where the
 * test wants them. */
#include "test_main.h"

#include <semaphore.h>

#include "base/clock.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

/* One worker behind a door. */
struct rig {
        struct door       *door;
        struct session_rig base;
};

static void rig_open(struct rig *rig, const trib_session_options *options)
{
        trib_session_options filled = TRIB_SESSION_OPTIONS_INIT;
        trib_error           err = TRIB_ERROR_INIT;

        if (options != NULL)
                filled = *options;
        if (filled.workers == 0)
                filled.workers = 1;
        rig->door = door_make();
        EXPECT_OK(trib_device_open("cpu:0", NULL, &rig->base.device, &err), &err);
        EXPECT_OK(door_build(rig->door, rig->base.device, &rig->base.model, &err), &err);
        EXPECT_OK(trib_session_open(rig->base.model, &filled, &rig->base.session, &err), &err);
}

static void rig_close(struct rig *rig)
{
        session_rig_close(&rig->base);
        door_free(rig->door);
}

static trib_request *submit(trib_session *session, struct zoo_job *job)
{
        trib_request_options options;
        trib_request        *request = NULL;
        trib_error           err = TRIB_ERROR_INIT;

        zoo_job_options(job, &options);
        EXPECT_OK(trib_submit(session, &options, &request, &err), &err);
        assert_non_null(request);
        return request;
}

static void request_goes_its_way(void **state)
{
        struct rig     rig;
        struct zoo_job job;
        trib_request  *request;
        trib_error     err;

        (void)state;
        rig_open(&rig, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        request = submit(rig.base.session, &job);
        EXPECT_FAILS(trib_poll(request, &err), TRIB_PENDING, &err, "not done yet");
        door_wait_entered(rig.door);
        EXPECT_FAILS(trib_wait(request, 0, &err), TRIB_PENDING, &err, "after 0 ms");
        EXPECT_FAILS(trib_wait(request, 2 * MS, &err), TRIB_PENDING, &err, "after 2 ms");
        EXPECT_FAILS(trib_cancel(request, &err), TRIB_BUSY, &err, "runs already");
        door_let_go(rig.door);
        EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
        EXPECT_OK(trib_wait(request, 0, &err), &err);
        EXPECT_OK(trib_poll(request, &err), &err);
        EXPECT_FAILS(trib_cancel(request, &err), TRIB_BUSY, &err, "is done");
        assert_memory_equal(job.y[0] + ZOO_GUARD, job.x + ZOO_GUARD, 2 * ZOO_WIDTH * 4);
        trib_request_release(request);
        trib_request_release(NULL);
        rig_close(&rig);
}

static void submit_refuses_bad_arguments(void **state)
{
        struct rig           rig;
        struct zoo_job       job;
        trib_request_options options;
        trib_request        *request = (trib_request *)&job;
        trib_error           err;

        (void)state;
        rig_open(&rig, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_options(&job, &options);
        EXPECT_FAILS(trib_submit(NULL, &options, &request, &err), TRIB_INVALID_ARGUMENT, &err,
                     "session is NULL");
        assert_null(request);
        EXPECT_FAILS(trib_submit(rig.base.session, NULL, &request, &err), TRIB_INVALID_ARGUMENT,
                     &err, "options is NULL");
        EXPECT_FAILS(trib_submit(rig.base.session, &options, NULL, &err), TRIB_INVALID_ARGUMENT,
                     &err, "callback");
        options.struct_size = 4;
        EXPECT_FAILS(trib_submit(rig.base.session, &options, &request, &err),
                     TRIB_INVALID_ARGUMENT, &err, "struct_size is 4");
        zoo_job_options(&job, &options);
        options.n_inputs = 2;
        EXPECT_FAILS(trib_submit(rig.base.session, &options, &request, &err),
                     TRIB_INVALID_ARGUMENT, &err, "2 inputs and 1 outputs");
        zoo_job_options(&job, &options);
        options.outputs = NULL;
        EXPECT_FAILS(trib_submit(rig.base.session, &options, &request, &err),
                     TRIB_INVALID_ARGUMENT, &err, "1 inputs and 0 outputs");
        assert_null(request);
        EXPECT_FAILS(trib_wait(NULL, 0, &err), TRIB_INVALID_ARGUMENT, &err, "request is NULL");
        EXPECT_FAILS(trib_poll(NULL, &err), TRIB_INVALID_ARGUMENT, &err, "request is NULL");
        EXPECT_FAILS(trib_cancel(NULL, &err), TRIB_INVALID_ARGUMENT, &err, "request is NULL");
        rig_close(&rig);
}

/* What is wrong with the views is found when the request runs. */
static void request_tells_its_own_failure(void **state)
{
        struct rig     rig;
        struct zoo_job job;
        trib_request  *request;
        trib_error     err;

        (void)state;
        rig_open(&rig, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        job.outputs[0].shape[0] = 7;
        request = submit(rig.base.session, &job);
        EXPECT_FAILS(trib_wait(request, TRIB_NO_LIMIT, &err), TRIB_SHAPE_MISMATCH, &err,
                     "output 'y'");
        EXPECT_FAILS(trib_poll(request, &err), TRIB_SHAPE_MISMATCH, &err, "output 'y'");
        EXPECT_FAILS(trib_cancel(request, &err), TRIB_SHAPE_MISMATCH, &err, "output 'y'");
        trib_request_release(request);
        rig_close(&rig);
}

static void request_is_cancelled_while_it_is_queued(void **state)
{
        struct rig         rig;
        struct zoo_job     jobs[3];
        trib_request      *requests[3];
        trib_session_stats stats;
        trib_error         err;

        (void)state;
        rig_open(&rig, NULL);
        for (int i = 0; i < 3; i++) {
                zoo_job_init(&jobs[i], ZOO_RELU, 2, (uint64_t)i);
                requests[i] = submit(rig.base.session, &jobs[i]);
        }
        door_wait_entered(rig.door);
        EXPECT_OK(trib_cancel(requests[1], &err), &err);
        EXPECT_FAILS(trib_wait(requests[1], TRIB_NO_LIMIT, &err), TRIB_CANCELLED, &err,
                     "cancelled before it ran");
        EXPECT_FAILS(trib_cancel(requests[1], &err), TRIB_CANCELLED, &err, "cancelled");
        /* H29: its memory is its owner's again. */
        memset(&jobs[1], 0xee, sizeof(jobs[1]));
        door_let_go(rig.door);
        door_let_go(rig.door);
        EXPECT_OK(trib_wait(requests[0], TRIB_NO_LIMIT, &err), &err);
        EXPECT_OK(trib_wait(requests[2], TRIB_NO_LIMIT, &err), &err);
        for (size_t i = 0; i < sizeof(jobs[1]); i++)
                assert_int_equal(((unsigned char *)&jobs[1])[i], 0xee);
        for (int i = 0; i < 3; i++)
                trib_request_release(requests[i]);
        EXPECT_OK(trib_session_get_stats(rig.base.session, &stats, &err), &err);
        assert_int_equal(stats.requests, 3);
        assert_int_equal(stats.failures, 1);
        rig_close(&rig);
}

/* H33: a cancelled request is counted until it leaves the queue, so that the queue has a bound. */
static void queue_is_full_and_says_so(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options one;
        struct rig           rig;
        struct zoo_job       jobs[4];
        trib_request        *requests[4];
        trib_error           err;

        (void)state;
        options.max_queued = 2;
        rig_open(&rig, &options);
        zoo_job_init(&jobs[0], ZOO_RELU, 2, 0);
        requests[0] = submit(rig.base.session, &jobs[0]);
        door_wait_entered(rig.door);
        for (int i = 1; i < 4; i++)
                zoo_job_init(&jobs[i], ZOO_RELU, 2, (uint64_t)i);
        requests[1] = submit(rig.base.session, &jobs[1]);
        requests[2] = submit(rig.base.session, &jobs[2]);
        zoo_job_options(&jobs[3], &one);
        EXPECT_FAILS(trib_submit(rig.base.session, &one, &requests[3], &err), TRIB_BUSY, &err,
                     "2 requests are queued already");
        assert_null(requests[3]);
        EXPECT_OK(trib_cancel(requests[1], &err), &err);
        EXPECT_FAILS(trib_submit(rig.base.session, &one, &requests[3], &err), TRIB_BUSY, &err,
                     "max_queued");
        for (int i = 0; i < 3; i++)
                door_let_go(rig.door);
        EXPECT_OK(trib_wait(requests[2], TRIB_NO_LIMIT, &err), &err);
        requests[3] = submit(rig.base.session, &jobs[3]);
        EXPECT_OK(trib_wait(requests[3], TRIB_NO_LIMIT, &err), &err);
        for (int i = 0; i < 4; i++)
                trib_request_release(requests[i]);
        rig_close(&rig);
}

static void request_times_out_in_the_queue(void **state)
{
        struct rig           rig;
        struct zoo_job       jobs[3];
        trib_request_options options;
        trib_request        *requests[3];
        trib_error           err;

        (void)state;
        rig_open(&rig, NULL);
        for (int i = 0; i < 3; i++)
                zoo_job_init(&jobs[i], ZOO_RELU, 2, (uint64_t)i);
        requests[0] = submit(rig.base.session, &jobs[0]);
        door_wait_entered(rig.door);
        for (int i = 1; i < 3; i++) {
                zoo_job_options(&jobs[i], &options);
                options.timeout_ns = MS;
                EXPECT_OK(trib_submit(rig.base.session, &options, &requests[i], &err), &err);
        }
        /* One is told by its waiter, the other by the worker. */
        EXPECT_FAILS(trib_wait(requests[1], TRIB_NO_LIMIT, &err), TRIB_TIMED_OUT, &err,
                     "in the queue");
        door_let_go(rig.door);
        EXPECT_OK(trib_wait(requests[0], TRIB_NO_LIMIT, &err), &err);
        EXPECT_FAILS(trib_wait(requests[2], TRIB_NO_LIMIT, &err), TRIB_TIMED_OUT, &err,
                     "in the queue");
        for (int i = 0; i < 3; i++)
                trib_request_release(requests[i]);
        rig_close(&rig);
}

/* ---- callbacks -------------------------------------------------------------------------- */

struct heard {
        trib_session   *session;
        struct zoo_job  next;
        sem_t           done;
        trib_status     status;
        trib_request   *request;
        trib_status     answers[6];
        int             calls;
        int             left;
};

static void note(void *context, trib_request *request, trib_status status)
{
        struct heard *heard = context;

        heard->status = status;
        heard->request = request;
        heard->calls++;
        (void)sem_post(&heard->done);
}

static void heard_init(struct heard *heard, trib_session *session)
{
        memset(heard, 0, sizeof(*heard));
        heard->session = session;
        assert_int_equal(sem_init(&heard->done, 0, 0), 0);
}

static void callback_is_called_once_with_the_status(void **state)
{
        struct session_rig   rig;
        struct heard         heard;
        struct zoo_job       job;
        trib_request_options options;
        trib_request        *request;
        trib_error           err;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        heard_init(&heard, rig.session);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_options(&job, &options);
        options.done = note;
        options.context = &heard;
        EXPECT_OK(trib_submit(rig.session, &options, &request, &err), &err);
        (void)sem_wait(&heard.done);
        assert_ptr_equal(heard.request, request);
        assert_int_equal(heard.status, TRIB_OK);
        EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
        trib_request_release(request);
        /* The library keeps and releases the request itself. */
        job.input.shape[1] = 1;
        EXPECT_OK(trib_submit(rig.session, &options, NULL, &err), &err);
        (void)sem_wait(&heard.done);
        assert_int_equal(heard.status, TRIB_SHAPE_MISMATCH);
        session_rig_close(&rig);
        assert_int_equal(heard.calls, 2);
}

/* H10 */
static void try_everything_that_waits(void *context, trib_request *request, trib_status status)
{
        struct heard *heard = context;
        trib_error    err = TRIB_ERROR_INIT;

        heard->answers[0] = trib_wait(request, 0, &err);
        heard->answers[1] = zoo_job_infer(&heard->next, heard->session, &err);
        heard->answers[2] = trib_session_close(heard->session, &err);
        heard->answers[3] = trib_session_prepare(heard->session, &heard->next.input, 1, NULL,
                                                 &err);
        heard->answers[4] = trib_poll(request, &err);
        note(context, request, status);
}

static void callback_must_not_wait(void **state)
{
        struct session_rig   rig;
        struct heard         heard;
        struct zoo_job       job;
        trib_request_options options;
        trib_error           err;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        heard_init(&heard, rig.session);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_init(&heard.next, ZOO_RELU, 3, 1);
        zoo_job_options(&job, &options);
        options.done = try_everything_that_waits;
        options.context = &heard;
        EXPECT_OK(trib_submit(rig.session, &options, NULL, &err), &err);
        (void)sem_wait(&heard.done);
        for (int i = 0; i < 4; i++)
                assert_int_equal(heard.answers[i], TRIB_REENTRANT);
        assert_int_equal(heard.answers[4], TRIB_OK);
        session_rig_close(&rig);
}

static void submit_next(void *context, trib_request *request, trib_status status)
{
        struct heard        *heard = context;
        trib_request_options options;

        (void)request;
        heard->calls++;
        if (status != TRIB_OK || heard->left-- == 0) {
                heard->status = status;
                (void)sem_post(&heard->done);
                return;
        }
        zoo_job_options(&heard->next, &options);
        options.done = submit_next;
        options.context = heard;
        status = trib_submit(heard->session, &options, NULL, NULL);
        if (status != TRIB_OK) {
                heard->status = status;
                (void)sem_post(&heard->done);
        }
}

static void callback_may_submit_the_next(void **state)
{
        struct session_rig rig;
        struct heard       heard;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        heard_init(&heard, rig.session);
        zoo_job_init(&heard.next, ZOO_RELU, 3, 1);
        heard.left = 500;
        submit_next(&heard, NULL, TRIB_OK);
        (void)sem_wait(&heard.done);
        assert_int_equal(heard.status, TRIB_OK);
        assert_int_equal(heard.calls, 501);
        session_rig_close(&rig);
}

/* ---- user operators that call back in --------------------------------------------------- */

struct inside {
        trib_session *session;
        struct zoo_job job;
        trib_status   answers[4];
        int           shape_calls;
};

static void try_from_inside(struct inside *inside)
{
        trib_error err = TRIB_ERROR_INIT;

        inside->answers[0] = zoo_job_infer(&inside->job, inside->session, &err);
        inside->answers[1] = trib_session_prepare(inside->session, &inside->job.input, 1, NULL,
                                                  &err);
        inside->answers[2] = trib_session_close(inside->session, &err);
}

static int run_inside(void *context, const trib_tensor *inputs, int n_inputs,
                      const trib_tensor *output)
{
        struct inside *inside = context;

        (void)n_inputs;
        if (inside->shape_calls == 0)
                try_from_inside(inside);
        memcpy(output->data, inputs[0].data, ZOO_WIDTH * sizeof(float));
        return 0;
}

static int shape_inside(void *context, const trib_tensor *inputs, int n_inputs,
                        trib_tensor *output)
{
        struct inside *inside = context;

        (void)n_inputs;
        inside->shape_calls++;
        if (inside->session != NULL)
                try_from_inside(inside);
        *output = inputs[0];
        return 0;
}

static void check_reentrant(bool is_shape)
{
        struct session_rig  rig;
        struct inside       inside = { 0 };
        struct zoo_job      job;
        trib_operator       op = TRIB_OPERATOR_INIT;
        trib_model_builder *b;
        trib_value          x;
        trib_error          err = TRIB_ERROR_INIT;

        op.name = "inside";
        op.run = run_inside;
        op.infer_shape = is_shape ? shape_inside : NULL;
        op.context = &inside;
        EXPECT_OK(trib_device_open("cpu:0", NULL, &rig.device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, rig.device, &rig.model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig.model, NULL, &rig.session, &err), &err);
        inside.session = rig.session;
        zoo_job_init(&job, ZOO_RELU, 1, 1);
        zoo_job_init(&inside.job, ZOO_RELU, 1, 2);
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        for (int i = 0; i < 3; i++)
                assert_int_equal(inside.answers[i], TRIB_REENTRANT);
        assert_int_equal(inside.shape_calls != 0, is_shape);
        session_rig_close(&rig);
}

static void user_operator_must_not_wait(void **state)
{
        (void)state;
        check_reentrant(false);
}

static void user_shape_function_must_not_wait(void **state)
{
        (void)state;
        check_reentrant(true);
}

static int refuse(void *context, const trib_tensor *inputs, int n_inputs,
                  const trib_tensor *output)
{
        (void)context;
        (void)inputs;
        (void)n_inputs;
        (void)output;
        return 42;
}

static void user_operator_that_fails_fails_its_request_only(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                trib_operator       op = TRIB_OPERATOR_INIT;
                trib_model_builder *b;
                trib_device        *device;
                trib_model         *good, *bad;
                trib_session       *sessions[2];
                struct zoo_job      job;
                trib_value          x;
                trib_error          err = TRIB_ERROR_INIT;

                op.name = "moody";
                op.run = refuse;
                EXPECT_OK(trib_device_open(devices[d], NULL, &device, &err), &err);
                EXPECT_OK(trib_model_builder_create(&b, &err), &err);
                x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
                trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
                EXPECT_OK(trib_model_build(b, device, &bad, &err), &err);
                trib_model_builder_destroy(b);
                EXPECT_OK(zoo_build(device, ZOO_RELU, &good, &err), &err);
                EXPECT_OK(trib_session_open(bad, NULL, &sessions[0], &err), &err);
                EXPECT_OK(trib_session_open(good, NULL, &sessions[1], &err), &err);
                for (int i = 0; i < 10; i++) {
                        zoo_job_init(&job, ZOO_RELU, 2, (uint64_t)i);
                        EXPECT_FAILS(zoo_job_infer(&job, sessions[0], &err), TRIB_USER_OPERATOR,
                                     &err, "'moody' returned 42");
                        EXPECT_OK(zoo_job_infer(&job, sessions[1], &err), &err);
                        assert_true(zoo_job_is_right(&job, NULL));
                }
                for (int i = 0; i < 2; i++)
                        EXPECT_OK(trib_session_close(sessions[i], &err), &err);
                trib_model_close(good);
                trib_model_close(bad);
                trib_device_close(device);
        }
}

/* ---- closing ---------------------------------------------------------------------------- */

static void close_it(struct crowd_member *me)
{
        me->status = trib_session_close(me->context, &me->err);
}

static void close_cancels_the_queued_and_waits_for_the_running(void **state)
{
        struct rig           rig;
        struct crowd_member  closer;
        struct heard         heard;
        struct zoo_job       jobs[4];
        trib_request_options options;
        trib_request        *requests[4], *none;
        trib_error           err;

        (void)state;
        rig_open(&rig, NULL);
        heard_init(&heard, rig.base.session);
        for (int i = 0; i < 4; i++) {
                zoo_job_init(&jobs[i], ZOO_RELU, 2, (uint64_t)i);
                zoo_job_options(&jobs[i], &options);
                options.done = note;
                options.context = &heard;
                EXPECT_OK(trib_submit(rig.base.session, &options, &requests[i], &err), &err);
        }
        door_wait_entered(rig.door);
        crowd_start(&closer, close_it, rig.base.session, 0);
        crowd_wait_asleep(&closer);
        EXPECT_FAILS(trib_submit(rig.base.session, &options, &none, &err), TRIB_CLOSED, &err,
                     "closing");
        EXPECT_FAILS(zoo_job_infer(&jobs[3], rig.base.session, &err), TRIB_CLOSED, &err,
                     "closing");
        EXPECT_FAILS(trib_session_prepare(rig.base.session, &jobs[3].input, 1, NULL, &err),
                     TRIB_CLOSED, &err, "closing");
        door_let_go(rig.door);
        crowd_join(&closer);
        EXPECT_OK(closer.status, &closer.err);
        /* Requests outlive their session. */
        EXPECT_OK(trib_wait(requests[0], TRIB_NO_LIMIT, &err), &err);
        for (int i = 1; i < 4; i++) {
                EXPECT_FAILS(trib_wait(requests[i], TRIB_NO_LIMIT, &err), TRIB_CANCELLED, &err,
                             "session was closed");
                EXPECT_FAILS(trib_poll(requests[i], &err), TRIB_CANCELLED, &err, "closed");
        }
        assert_int_equal(heard.calls, 4);
        trib_model_close(rig.base.model);
        trib_device_close(rig.base.device);
        for (int i = 0; i < 4; i++)
                trib_request_release(requests[i]);
        door_free(rig.door);
}

static void close_is_busy_at_its_timeout_and_can_be_called_again(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct rig           rig;
        struct zoo_job       job;
        trib_request        *request;
        trib_error           err;

        (void)state;
        options.close_timeout_ns = 3 * MS;
        rig_open(&rig, &options);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        request = submit(rig.base.session, &job);
        door_wait_entered(rig.door);
        for (int i = 0; i < 3; i++)
                EXPECT_FAILS(trib_session_close(rig.base.session, &err), TRIB_BUSY, &err,
                             "close it again later");
        EXPECT_FAILS(zoo_job_infer(&job, rig.base.session, &err), TRIB_CLOSED, &err, "closing");
        door_let_go(rig.door);
        EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
        while (trib_session_close(rig.base.session, &err) == TRIB_BUSY)
                ;
        trib_request_release(request);
        trib_model_close(rig.base.model);
        trib_device_close(rig.base.device);
        door_free(rig.door);
}

static void infer_it(struct crowd_member *me)
{
        struct zoo_job job;

        zoo_job_init(&job, ZOO_RELU, 2, 1);
        me->status = zoo_job_infer(&job, me->context, &me->err);
        me->wrong = memcmp(job.y[0] + ZOO_GUARD, job.x + ZOO_GUARD, 2 * ZOO_WIDTH * 4) != 0;
}

static void close_is_busy_while_somebody_infers(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct rig           rig;
        struct crowd_member  caller;
        trib_error           err;

        (void)state;
        options.close_timeout_ns = 3 * MS;
        rig_open(&rig, &options);
        crowd_start(&caller, infer_it, rig.base.session, 0);
        door_wait_entered(rig.door);
        EXPECT_FAILS(trib_session_close(rig.base.session, &err), TRIB_BUSY, &err, "after 3 ms");
        door_let_go(rig.door);
        crowd_join(&caller);
        EXPECT_OK(caller.status, &caller.err);
        assert_int_equal(caller.wrong, 0);
        rig_close(&rig);
}

/* ---- workers ---------------------------------------------------------------------------- */

#define STARTERS 8

static void submit_first(struct crowd_member *me)
{
        trib_request_options options;
        struct zoo_job       job;
        trib_request        *request;

        zoo_job_init(&job, ZOO_RELU, 2, me->index);
        zoo_job_options(&job, &options);
        me->status = trib_submit(me->context, &options, &request, &me->err);
        if (me->status != TRIB_OK)
                return;
        me->status = trib_wait(request, TRIB_NO_LIMIT, &me->err);
        trib_request_release(request);
        me->wrong += !zoo_job_is_right(&job, NULL);
}

/* All first submits at once, and no thread can be started: each of them must hear so; none may be
 * queued where nobody will ever come. */
static void submit_tells_everyone_that_no_worker_starts(void **state)
{
        struct session_rig  rig;
        struct crowd_member members[STARTERS];
        trib_error          err = TRIB_ERROR_INIT;
        struct zoo_job      job;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        for (int round = 0; round < 200; round++) {
                trib__fault_arm(1, true);
                crowd_run_all(members, STARTERS, submit_first, rig.session);
                (void)trib__fault_disarm(NULL);
                for (int i = 0; i < STARTERS; i++) {
                        assert_int_not_equal(members[i].status, TRIB_OK);
                        assert_true(members[i].err.message[0] != '\0');
                }
        }
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        crowd_run_all(members, STARTERS, submit_first, rig.session);
        for (int i = 0; i < STARTERS; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        session_rig_close(&rig);
}

/* Fewer workers than wanted still work, and nobody's error is written to. */
static void submit_makes_do_with_fewer_workers(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        uint64_t             passes;
        bool                 is_partial = false;

        (void)state;
        options.workers = 4;
        for (uint64_t k = 1; k < 40 && !is_partial; k++) {
                struct session_rig   rig;
                struct zoo_job       job;
                trib_request_options one;
                trib_request        *request;
                trib_error           err = TRIB_ERROR_INIT;
                uint32_t             threads = crowd_thread_count();
                trib_status          status;

                session_rig_open(&rig, "cpu:0", ZOO_RELU, &options);
                zoo_job_init(&job, ZOO_RELU, 2, 1);
                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                zoo_job_options(&job, &one);
                trib__fault_arm(k, true);
                status = trib_submit(rig.session, &one, &request, &err);
                passes = trib__fault_disarm(NULL);
                if (status == TRIB_OK) {
                        is_partial = passes >= k;
                        assert_int_equal(err.status, TRIB_OK);
                        assert_int_equal(err.message[0], '\0');
                        /* It may have met a fault of its own meanwhile; the next must not. */
                        (void)!trib_wait(request, TRIB_NO_LIMIT, NULL);
                        trib_request_release(request);
                        request = submit(rig.session, &job);
                        EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                        trib_request_release(request);
                }
                session_rig_close(&rig);
                crowd_wait_threads(threads);
        }
        assert_true(is_partial);
}

TRIB_TEST_MAIN(TRIB_TEST(request_goes_its_way), TRIB_TEST(submit_refuses_bad_arguments),
               TRIB_TEST(request_tells_its_own_failure),
               TRIB_TEST(request_is_cancelled_while_it_is_queued),
               TRIB_TEST(queue_is_full_and_says_so), TRIB_TEST(request_times_out_in_the_queue),
               TRIB_TEST(callback_is_called_once_with_the_status),
               TRIB_TEST(callback_must_not_wait), TRIB_TEST(callback_may_submit_the_next),
               TRIB_TEST(user_operator_must_not_wait),
               TRIB_TEST(user_shape_function_must_not_wait),
               TRIB_TEST(user_operator_that_fails_fails_its_request_only),
               TRIB_TEST(close_cancels_the_queued_and_waits_for_the_running),
               TRIB_TEST(close_is_busy_at_its_timeout_and_can_be_called_again),
               TRIB_TEST(close_is_busy_while_somebody_infers),
               TRIB_TEST(submit_tells_everyone_that_no_worker_starts),
               TRIB_TEST(submit_makes_do_with_fewer_workers))
