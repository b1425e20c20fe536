/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that end inside a call: by pthread_exit or a cancellation in an operator, in infer_shape
 * or in a callback. Their stream, their count, their turnstile and their plan come back: others go
 * on, and close ends. */
#include "test_main.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

enum way { RETURN, EXIT, CANCEL, EXIT_FOR_GOOD };

static sem_t may_go;

/* How the next call of the operator's functions ends. */
static _Atomic(enum way) next_run, next_shape, next_callback;

static void end_so(enum way way)
{
        if (way == EXIT_FOR_GOOD) {
                /* No thread will be had in place of this one. */
                (void)sem_wait(&may_go);
                trib__fault_arm(1, true);
        }
        if (way == EXIT || way == EXIT_FOR_GOOD)
                pthread_exit(NULL);
        if (way == CANCEL) {
                (void)pthread_cancel(pthread_self());
                pthread_testcancel();
        }
}

static int run(void *context, const trib_tensor *inputs, int n_inputs, const trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        end_so(atomic_exchange(&next_run, RETURN));
        memcpy(output->data, inputs[0].data,
               (size_t)(output->shape[0] * output->shape[1]) * sizeof(float));
        return 0;
}

static int infer_shape(void *context, const trib_tensor *inputs, int n_inputs, trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        end_so(atomic_exchange(&next_shape, RETURN));
        output->dtype = inputs[0].dtype;
        output->rank = inputs[0].rank;
        memcpy(output->shape, inputs[0].shape, sizeof(output->shape));
        return 0;
}

struct mortal_rig {
        trib_device  *device;
        trib_model   *model;
        trib_session *session;
        float         x[ZOO_MAX_ROWS * ZOO_WIDTH], y[ZOO_MAX_ROWS * ZOO_WIDTH];
        trib_tensor   input, output;
};

/* y = x, by the operator above. One worker, so that it is missed if it is lost. */
static void open_rig(struct mortal_rig *rig, uint32_t streams, trib_concurrency concurrency)
{
        trib_device_options  device_options = TRIB_DEVICE_OPTIONS_INIT;
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_operator        op = TRIB_OPERATOR_INIT;
        trib_error           err = TRIB_ERROR_INIT;
        trib_model_builder  *b;
        trib_value           x;

        device_options.max_streams = streams;
        options.workers = 1;
        options.close_timeout_ns = TRIB_NO_LIMIT;
        op.name = "mortal";
        op.run = run;
        op.infer_shape = infer_shape;
        op.concurrency = concurrency;
        EXPECT_OK(trib_device_open("cpu:0", &device_options, &rig->device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, rig->device, &rig->model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig->model, &options, &rig->session, &err), &err);
        for (int i = 0; i < ZOO_MAX_ROWS * ZOO_WIDTH; i++)
                rig->x[i] = (float)i;
        rig->input = trib_tensor_from_f32(rig->x, 2, (int64_t[]){ 2, ZOO_WIDTH });
        rig->output = trib_tensor_from_f32(rig->y, 2, (int64_t[]){ 2, ZOO_WIDTH });
}

static trib_status infer(struct mortal_rig *rig, trib_error *err)
{
        memset(rig->y, 0, sizeof(rig->y));
        return trib_infer(rig->session, &rig->input, 1, &rig->output, 1, err);
}

static void must_infer(struct mortal_rig *rig)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(infer(rig, &err), &err);
        assert_memory_equal(rig->y, rig->x, 2 * ZOO_WIDTH * sizeof(float));
}

static void close_rig(struct mortal_rig *rig)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_session_close(rig->session, &err), &err);
        trib_model_close(rig->model);
        trib_device_close(rig->device);
}

static void infer_once(struct crowd_member *me)
{
        me->status = infer(me->context, &me->err);
        me->done = 1;
}

static void prepare_once(struct crowd_member *me)
{
        struct mortal_rig *rig = me->context;

        me->status = trib_session_prepare(rig->session, &rig->input, 1, NULL, &me->err);
        me->done = 1;
}

/* A thread that does not come back from its call. */
static void die_in(void (*call)(struct crowd_member *), struct mortal_rig *rig)
{
        struct crowd_member member;

        crowd_start(&member, call, rig, 0);
        crowd_join(&member);
        assert_int_equal(member.done, 0);
}

static void check_operator(uint32_t streams, trib_concurrency concurrency)
{
        struct mortal_rig rig;

        for (enum way way = EXIT; way <= CANCEL; way++) {
                open_rig(&rig, streams, concurrency);
                for (int i = 0; i < 3; i++) {
                        atomic_store(&next_run, way);
                        die_in(infer_once, &rig);
                        must_infer(&rig);
                }
                atomic_store(&next_run, way);
                die_in(infer_once, &rig);
                close_rig(&rig);
        }
}

static void operator_that_ends_its_thread_gives_the_stream_back(void **state)
{
        (void)state;
        check_operator(1, TRIB_CONCURRENT);
        check_operator(4, TRIB_CONCURRENT);
}

static void operator_that_ends_its_thread_leaves_the_turnstile(void **state)
{
        (void)state;
        check_operator(4, TRIB_SERIAL);
}

static void shape_function_that_ends_its_thread_fails_the_plan(void **state)
{
        struct mortal_rig rig;

        (void)state;
        for (enum way way = EXIT; way <= CANCEL; way++) {
                open_rig(&rig, 1, TRIB_CONCURRENT);
                atomic_store(&next_shape, way);
                die_in(infer_once, &rig);
                atomic_store(&next_shape, way);
                die_in(prepare_once, &rig);
                must_infer(&rig);
                rig.input.shape[0] = rig.output.shape[0] = 3;
                atomic_store(&next_shape, way);
                die_in(prepare_once, &rig);
                close_rig(&rig);
        }
}

/* ---- workers ---------------------------------------------------------------------------- */

static sem_t called;

static void callback(void *context, trib_request *request, trib_status status)
{
        (void)context;
        (void)request;
        (void)status;
        (void)sem_post(&called);
        end_so(atomic_exchange(&next_callback, RETURN));
}

static trib_status submit_and_wait(struct mortal_rig *rig, trib_error *err)
{
        trib_request_options options = TRIB_REQUEST_OPTIONS_INIT;
        trib_request        *request = NULL;
        trib_status          status;

        options.inputs = &rig->input;
        options.outputs = &rig->output;
        options.n_inputs = options.n_outputs = 1;
        options.done = callback;
        memset(rig->y, 0, sizeof(rig->y));
        EXPECT_OK(trib_submit(rig->session, &options, &request, err), err);
        status = trib_wait(request, TRIB_NO_LIMIT, err);
        (void)sem_wait(&called);
        trib_request_release(request);
        return status;
}

static void operator_that_ends_a_worker_fails_its_request_only(void **state)
{
        struct mortal_rig rig;
        trib_error        err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(sem_init(&called, 0, 0), 0);
        open_rig(&rig, 1, TRIB_SERIAL);
        for (int i = 0; i < 5; i++) {
                atomic_store(&next_run, EXIT);
                EXPECT_FAILS(submit_and_wait(&rig, &err), TRIB_USER_OPERATOR, &err, "ended");
                EXPECT_OK(submit_and_wait(&rig, &err), &err);
                assert_memory_equal(rig.y, rig.x, 2 * ZOO_WIDTH * sizeof(float));
        }
        atomic_store(&next_run, EXIT);
        EXPECT_FAILS(submit_and_wait(&rig, &err), TRIB_USER_OPERATOR, &err, "ended");
        close_rig(&rig);
}

static void callback_that_ends_a_worker_is_followed_by_the_next(void **state)
{
        struct mortal_rig rig;
        trib_error        err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(sem_init(&called, 0, 0), 0);
        open_rig(&rig, 1, TRIB_CONCURRENT);
        for (int i = 0; i < 5; i++) {
                atomic_store(&next_callback, EXIT);
                EXPECT_OK(submit_and_wait(&rig, &err), &err);
                EXPECT_OK(submit_and_wait(&rig, &err), &err);
        }
        atomic_store(&next_callback, EXIT);
        EXPECT_OK(submit_and_wait(&rig, &err), &err);
        close_rig(&rig);
}

/* Not even a new thread: what is queued ends too, and the next submit starts anew. */
static void operator_that_ends_the_last_worker_fails_what_is_queued(void **state)
{
        struct mortal_rig    rig;
        trib_request_options options = TRIB_REQUEST_OPTIONS_INIT;
        trib_request        *requests[3];
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(sem_init(&called, 0, 0), 0);
        assert_int_equal(sem_init(&may_go, 0, 0), 0);
        open_rig(&rig, 1, TRIB_CONCURRENT);
        options.inputs = &rig.input;
        options.outputs = &rig.output;
        options.n_inputs = options.n_outputs = 1;
        options.done = callback;
        for (int round = 0; round < 2; round++) {
                atomic_store(&next_run, EXIT_FOR_GOOD);
                for (int i = 0; i < 3; i++)
                        EXPECT_OK(trib_submit(rig.session, &options, &requests[i], &err), &err);
                (void)sem_post(&may_go);
                for (int i = 0; i < 3; i++) {
                        (void)sem_wait(&called);
                        EXPECT_FAILS(trib_wait(requests[i], TRIB_NO_LIMIT, &err),
                                     i == 0 ? TRIB_USER_OPERATOR : TRIB_SYSTEM, &err, "thread");
                        trib_request_release(requests[i]);
                }
                (void)trib__fault_disarm(NULL);
        }
        EXPECT_OK(submit_and_wait(&rig, &err), &err);
        close_rig(&rig);
}

/* Workers are not to be cancelled. */
static void callback_that_cancels_a_worker_does_nothing(void **state)
{
        struct mortal_rig rig;
        trib_error        err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(sem_init(&called, 0, 0), 0);
        open_rig(&rig, 1, TRIB_CONCURRENT);
        atomic_store(&next_callback, CANCEL);
        EXPECT_OK(submit_and_wait(&rig, &err), &err);
        atomic_store(&next_run, CANCEL);
        EXPECT_OK(submit_and_wait(&rig, &err), &err);
        EXPECT_OK(submit_and_wait(&rig, &err), &err);
        close_rig(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(operator_that_ends_its_thread_gives_the_stream_back),
               TRIB_TEST(operator_that_ends_its_thread_leaves_the_turnstile),
               TRIB_TEST(shape_function_that_ends_its_thread_fails_the_plan),
               TRIB_TEST(operator_that_ends_a_worker_fails_its_request_only),
               TRIB_TEST(callback_that_ends_a_worker_is_followed_by_the_next),
               TRIB_TEST(operator_that_ends_the_last_worker_fails_what_is_queued),
               TRIB_TEST(callback_that_cancels_a_worker_does_nothing))
