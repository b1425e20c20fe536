/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, models and sessions on one thread: what is refused, with which words; results worked
 * out by hand; what is described and counted; the order of closing. */
#include "test_main.h"

#include <math.h>
#include <stdlib.h>

#include "expect.h"
#include "session_rig.h"

/* ---- options ---------------------------------------------------------------------------- */

/* A struct of a newer caller: ours and a tail. */
#define LONGER(type)                     \
        struct {                         \
                type          known;     \
                unsigned char tail[32];  \
        }

static void device_open_refuses_bad_options(void **state)
{
        LONGER(trib_device_options) longer = { .known = TRIB_DEVICE_OPTIONS_INIT };
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device        *device = (trib_device *)&options;
        trib_error          err;

        (void)state;
        EXPECT_FAILS(trib_device_open("cpu:0", NULL, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_device_open(NULL, NULL, &device, &err), TRIB_INVALID_ARGUMENT, &err,
                     "name is NULL");
        assert_null(device);
        EXPECT_FAILS(trib_device_open("tpu:0", NULL, &device, &err), TRIB_NOT_FOUND, &err,
                     "cpu:0");
        EXPECT_FAILS(trib_device_open("cpu:1", NULL, &device, &err), TRIB_NOT_FOUND, &err,
                     "cpu:1");
        EXPECT_FAILS(trib_device_open("", NULL, &device, &err), TRIB_NOT_FOUND, &err, "''");
        EXPECT_FAILS(trib_device_open("sim:queues=0", NULL, &device, &err),
                     TRIB_INVALID_ARGUMENT, &err, "queues=0");
        options.max_streams = 65;
        EXPECT_FAILS(trib_device_open("cpu:0", &options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, "max_streams is 65");
        options = (trib_device_options)TRIB_DEVICE_OPTIONS_INIT;
        options.allocator_shards = 2;
        EXPECT_FAILS(trib_device_open("cpu:0", &options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, "allocator_shards is 2");
        options = (trib_device_options)TRIB_DEVICE_OPTIONS_INIT;
        options.stream_policy = (trib_stream_policy)3;
        EXPECT_FAILS(trib_device_open("cpu:0", &options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, "stream_policy is 3");
        options = (trib_device_options)TRIB_DEVICE_OPTIONS_INIT;
        options.struct_size = 0;
        EXPECT_FAILS(trib_device_open("cpu:0", &options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, "struct_size is 0");
        options.struct_size = 1 << 20;
        EXPECT_FAILS(trib_device_open("cpu:0", &options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, "_INIT");
        longer.known.struct_size = sizeof(longer);
        longer.tail[31] = 1;
        EXPECT_FAILS(trib_device_open("cpu:0", &longer.known, &device, &err), TRIB_UNSUPPORTED,
                     &err, "option that version");
        assert_null(device);
        longer.tail[31] = 0;
        EXPECT_OK(trib_device_open("cpu:0", &longer.known, &device, &err), &err);
        trib_device_close(device);
        /* An older caller: only the first members. */
        options.struct_size = offsetof(trib_device_options, stream_policy);
        options.max_streams = 3;
        options.stream_policy = (trib_stream_policy)77;
        EXPECT_OK(trib_device_open("cpu:0", &options, &device, &err), &err);

        trib_device_info info;

        EXPECT_OK(trib_device_get_info(device, &info, &err), &err);
        assert_int_equal(info.max_streams, 3);
        trib_device_close(device);
        trib_device_close(NULL);
}

static void session_open_refuses_bad_options(void **state)
{
        LONGER(trib_session_options) longer = { .known = TRIB_SESSION_OPTIONS_INIT };
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        trib_session        *session = (trib_session *)&options;
        trib_error           err;

        (void)state;
        session_rig_open(&rig, "sim:fast", ZOO_RELU, NULL);
        EXPECT_FAILS(trib_session_open(rig.model, NULL, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_session_open(NULL, NULL, &session, &err), TRIB_INVALID_ARGUMENT, &err,
                     "model is NULL");
        assert_null(session);
        options.policy = (trib_policy)2;
        EXPECT_FAILS(trib_session_open(rig.model, &options, &session, &err), TRIB_UNSUPPORTED,
                     &err, "policy 2");
        options = (trib_session_options)TRIB_SESSION_OPTIONS_INIT;
        options.precision = (trib_precision)-1;
        EXPECT_FAILS(trib_session_open(rig.model, &options, &session, &err),
                     TRIB_INVALID_ARGUMENT, &err, "precision is -1");
        options.precision = TRIB_PRECISION_MEDIUM;
        EXPECT_FAILS(trib_session_open(rig.model, &options, &session, &err), TRIB_UNSUPPORTED,
                     &err, "medium");
        options = (trib_session_options)TRIB_SESSION_OPTIONS_INIT;
        options.workers = 1025;
        EXPECT_FAILS(trib_session_open(rig.model, &options, &session, &err),
                     TRIB_INVALID_ARGUMENT, &err, "workers is 1025");
        longer.known.struct_size = sizeof(longer);
        longer.tail[0] = 1;
        EXPECT_FAILS(trib_session_open(rig.model, &longer.known, &session, &err),
                     TRIB_UNSUPPORTED, &err, "trib_session_options");
        assert_null(session);
        EXPECT_OK(trib_session_close(NULL, &err), &err);
        session_rig_close(&rig);
}

/* ---- what a request is refused for ------------------------------------------------------ */

static void infer_refuses_views_with_the_name_of_the_port(void **state)
{
        struct session_rig rig;
        struct zoo_job     job;
        trib_tensor        in, out;
        trib_error         err;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 3, 1);
#define REFUSE(status, says) \
        EXPECT_FAILS(trib_infer(rig.session, &in, 1, &out, 1, &err), status, &err, says); \
        assert_true(zoo_job_is_right(&job, NULL)); \
        in = job.input;                                                                   \
        out = job.outputs[0]
        in = job.input;
        out = job.outputs[0];
        in.rank = 1;
        REFUSE(TRIB_SHAPE_MISMATCH, "input 'x' has rank 1, must have 2");
        in.rank = -1;
        REFUSE(TRIB_SHAPE_MISMATCH, "input 'x'");
        in.dtype = TRIB_F64;
        REFUSE(TRIB_DTYPE_MISMATCH, "input 'x' is f64, must be f32");
        in.shape[1] = 15;
        REFUSE(TRIB_SHAPE_MISMATCH, "input 'x' is f32 [3, 15], must be f32 [any, 16]");
        in.shape[0] = 0;
        REFUSE(TRIB_SHAPE_MISMATCH, "no dimension may be 0");
        in.shape[0] = -1;
        REFUSE(TRIB_SHAPE_MISMATCH, "input 'x'");
        in.shape[0] = INT64_MAX;
        REFUSE(TRIB_OVERFLOW, "");
        in.data = NULL;
        REFUSE(TRIB_INVALID_ARGUMENT, "input 'x'");
        in.strides[0] = 17;
        REFUSE(TRIB_UNSUPPORTED, "input 'x' is strided");
        in.strides[1] = -1;
        REFUSE(TRIB_UNSUPPORTED, "trib_tensor_copy");
        in.data = (char *)in.data + 1;
        REFUSE(TRIB_INVALID_ARGUMENT, "aligned");
        out.shape[0] = 2;
        REFUSE(TRIB_SHAPE_MISMATCH, "output 'y' is f32 [2, 16], must be f32 [3, 16]");
        out.dtype = TRIB_I32;
        REFUSE(TRIB_DTYPE_MISMATCH, "output 'y'");
        out.data = NULL;
        REFUSE(TRIB_INVALID_ARGUMENT, "output 'y'");
        out.data = (char *)out.data + 2;
        REFUSE(TRIB_INVALID_ARGUMENT, "output 'y'");
        out.rank = 99;
        REFUSE(TRIB_INVALID_ARGUMENT, "output 'y'");
        out.strides[1] = 2;
        REFUSE(TRIB_UNSUPPORTED, "output 'y' is strided");
#undef REFUSE
        EXPECT_FAILS(trib_infer(NULL, &in, 1, &out, 1, &err), TRIB_INVALID_ARGUMENT, &err,
                     "session is NULL");
        EXPECT_FAILS(trib_infer(rig.session, NULL, 1, &out, 1, &err), TRIB_INVALID_ARGUMENT, &err,
                     "NULL");
        EXPECT_FAILS(trib_infer(rig.session, &in, 1, NULL, 1, &err), TRIB_INVALID_ARGUMENT, &err,
                     "NULL");
        EXPECT_FAILS(trib_infer(rig.session, &in, 0, &out, 1, &err), TRIB_INVALID_ARGUMENT, &err,
                     "0 inputs and 1 outputs given, the model has 1 and 1");
        EXPECT_FAILS(trib_infer(rig.session, &in, 1, &out, -1, &err), TRIB_INVALID_ARGUMENT,
                     &err, "the model has 1 and 1");
        assert_int_equal(trib_infer(rig.session, &in, 2, &out, 1, NULL), TRIB_INVALID_ARGUMENT);
        EXPECT_OK(trib_infer(rig.session, &in, 1, &out, 1, &err), &err);
        session_rig_close(&rig);
}

/* ---- results ---------------------------------------------------------------------------- */

static void infer_gives_what_is_worked_out_by_hand(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast", "sim:fast,unified=1" };
        const float              w[6] = { 1, 2, 3, -4, -5, -6 }, bias[2] = { 10, 20 };
        const float              x[6] = { 1, 1, 1, 2, 0, -1 };
        const float              expected[4] = { 16, 5, 9, 18 };
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
                float               y[4] = { 0 };
                trib_tensor         weights = trib_tensor_from_f32(w, 2, (int64_t[]){ 2, 3 });
                trib_tensor         shift = trib_tensor_from_f32(bias, 1, (int64_t[]){ 2 });
                trib_tensor         in = trib_tensor_from_f32(x, 2, (int64_t[]){ 2, 3 });
                trib_tensor         out = trib_tensor_from_f32(y, 2, (int64_t[]){ 2, 2 });
                trib_device        *device;
                trib_model         *model;
                trib_session       *session;
                trib_model_builder *b;
                trib_value          v;

                EXPECT_OK(trib_device_open(devices[i], NULL, &device, &err), &err);
                EXPECT_OK(trib_model_builder_create(&b, &err), &err);
                v = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 3 });
                v = trib_model_linear(b, v, trib_model_constant(b, &weights),
                                      trib_model_constant(b, &shift));
                trib_model_output(b, "y", trib_model_relu(b, v));
                EXPECT_OK(trib_model_build(b, device, &model, &err), &err);
                trib_model_builder_destroy(b);
                EXPECT_OK(trib_session_open(model, NULL, &session, &err), &err);
                /* Closing in any order is safe. */
                trib_device_close(device);
                trib_model_close(model);
                EXPECT_OK(trib_infer(session, &in, 1, &out, 1, &err), &err);
                assert_memory_equal(y, expected, sizeof(y));
                EXPECT_OK(trib_session_close(session, &err), &err);
        }
}

static void infer_serves_any_number_of_rows(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                struct session_rig   rig;
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                trib_session_stats   stats;
                trib_error           err = TRIB_ERROR_INIT;
                struct zoo_job       job;

                options.max_plans = 2;
                session_rig_open(&rig, devices[d], ZOO_RELU, &options);
                for (int64_t i = 0; i < 100; i++) {
                        zoo_job_init(&job, ZOO_RELU, 1 + i * 5 % ZOO_MAX_ROWS, (uint64_t)i);
                        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                        assert_true(zoo_job_is_right(&job, NULL));
                        for (int64_t j = 0; j < job.rows * ZOO_WIDTH; j++)
                                assert_true(job.y[0][ZOO_GUARD + j] ==
                                            fmaxf(job.x[ZOO_GUARD + j], 0));
                }
                EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
                assert_int_equal(stats.requests, 100);
                assert_int_equal(stats.failures, 0);
                assert_true(stats.plans_built >= ZOO_MAX_ROWS);
                session_rig_close(&rig);
        }
}

static void infer_is_the_same_to_the_bit_every_time(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        struct zoo_job           golden, job;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                for (int kind = 0; kind < ZOO_COUNT; kind++) {
                        struct session_rig rig, again;

                        session_rig_open(&rig, devices[d], (enum zoo_kind)kind, NULL);
                        session_rig_open(&again, devices[d], (enum zoo_kind)kind, NULL);
                        zoo_job_init(&golden, (enum zoo_kind)kind, 5, 1);
                        zoo_job_init(&job, (enum zoo_kind)kind, 5, 1);
                        EXPECT_OK(zoo_job_infer(&golden, rig.session, &err), &err);
                        for (int i = 0; i < 5; i++) {
                                zoo_job_reset(&job);
                                EXPECT_OK(zoo_job_infer(&job, i % 2 ? again.session : rig.session,
                                                        &err),
                                          &err);
                                assert_true(zoo_job_is_right(&job, &golden));
                        }
                        session_rig_close(&rig);
                        session_rig_close(&again);
                }
        }
}

/* ---- more ports than fit on a stack ----------------------------------------------------- */

static void infer_serves_models_of_many_inputs_and_outputs(void **state)
{
        enum { N = 20 };
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        float                    x[N][2], y[N][2];
        trib_tensor              in[N], out[N];
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                trib_model_builder *b;
                trib_device        *device;
                trib_model         *model;
                trib_session       *session;
                int                 n_in = 0, n_out = 0;

                EXPECT_OK(trib_device_open(devices[d], NULL, &device, &err), &err);
                EXPECT_OK(trib_model_builder_create(&b, &err), &err);
                for (int i = 0; i < N; i++) {
                        trib_value v = trib_model_input(b, "x", TRIB_F32, 1, (int64_t[]){ 2 });

                        trib_model_output(b, "y", trib_model_add(b, v, v));
                        x[i][0] = (float)i;
                        x[i][1] = (float)-i;
                        in[i] = trib_tensor_from_f32(x[i], 1, (int64_t[]){ 2 });
                        out[i] = trib_tensor_from_f32(y[i], 1, (int64_t[]){ 2 });
                }
                EXPECT_OK(trib_model_build(b, device, &model, &err), &err);
                trib_model_builder_destroy(b);
                EXPECT_OK(trib_model_count(model, &n_in, &n_out, &err), &err);
                assert_int_equal(n_in, N);
                assert_int_equal(n_out, N);
                EXPECT_OK(trib_model_count(model, NULL, NULL, &err), &err);
                EXPECT_FAILS(trib_model_count(NULL, &n_in, &n_out, &err), TRIB_INVALID_ARGUMENT,
                             &err, "model is NULL");
                EXPECT_OK(trib_session_open(model, NULL, &session, &err), &err);
                EXPECT_OK(trib_infer(session, in, N, out, N, &err), &err);
                for (int i = 0; i < N; i++) {
                        assert_true(y[i][0] == 2 * x[i][0]);
                        assert_true(y[i][1] == 2 * x[i][1]);
                }
                EXPECT_OK(trib_session_close(session, &err), &err);
                trib_model_close(model);
                trib_device_close(device);
        }
}

/* ---- plans and figures ------------------------------------------------------------------ */

static void session_prepare_builds_ahead_and_describes(void **state)
{
        struct session_rig rig;
        trib_plan_info     info;
        trib_session_stats stats;
        struct zoo_job     job;
        trib_tensor        shape_only;
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_MLP, NULL);
        zoo_job_init(&job, ZOO_MLP, 4, 1);
        shape_only = job.input;
        shape_only.data = NULL;
        EXPECT_OK(trib_session_prepare(rig.session, &shape_only, 1, &info, &err), &err);
        assert_int_equal(info.steps, 2);
        assert_int_equal(info.serial_steps, 0);
        assert_true(info.flops == 4 * 24 * (2 * 16 + 1) + 4 * 24 + 4 * 8 * (2 * 24));
        assert_true(info.slab_bytes >= 4 * 24 * 4);
        EXPECT_OK(trib_session_prepare(rig.session, &shape_only, 1, NULL, &err), &err);
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
        assert_int_equal(stats.plans_built, 1);
        EXPECT_FAILS(trib_session_prepare(rig.session, NULL, 1, &info, &err),
                     TRIB_INVALID_ARGUMENT, &err, "the model has 1");
        EXPECT_FAILS(trib_session_prepare(rig.session, &shape_only, 2, &info, &err),
                     TRIB_INVALID_ARGUMENT, &err, "2 inputs given");
        EXPECT_FAILS(trib_session_prepare(NULL, &shape_only, 1, &info, &err),
                     TRIB_INVALID_ARGUMENT, &err, "session is NULL");
        shape_only.shape[1] = 3;
        EXPECT_FAILS(trib_session_prepare(rig.session, &shape_only, 1, &info, &err),
                     TRIB_SHAPE_MISMATCH, &err, "'x'");
        session_rig_close(&rig);
}

static void session_stats_add_up(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                trib_session_stats   stats;
                struct session_rig   rig;
                struct zoo_job       job;
                trib_tensor          bad;
                trib_error           err = TRIB_ERROR_INIT;

                options.measure_every = 1;
                session_rig_open(&rig, devices[d], ZOO_NORM, &options);
                zoo_job_init(&job, ZOO_NORM, 2, 1);
                bad = job.input;
                bad.shape[1] = 1;
                for (int i = 0; i < 20; i++)
                        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
                for (int i = 0; i < 3; i++)
                        EXPECT_FAILS(trib_infer(rig.session, &bad, 1, job.outputs, 2, &err),
                                     TRIB_SHAPE_MISMATCH, &err, "'x'");
                EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
                assert_int_equal(stats.requests, 23);
                assert_int_equal(stats.failures, 3);
                assert_int_equal(stats.plans_built, 1);
                assert_true(stats.measured >= 19 && stats.measured <= 23);
                assert_int_equal(stats.measured_ns,
                                 stats.admission_ns + stats.prepare_ns + stats.submit_ns +
                                         stats.device_ns + stats.copy_ns + stats.notify_ns +
                                         stats.lock_ns + stats.queue_ns + stats.serial_ns +
                                         stats.descheduled_ns);
                assert_true(stats.device_ns > 0);
                EXPECT_FAILS(trib_session_get_stats(NULL, &stats, &err), TRIB_INVALID_ARGUMENT,
                             &err, "session is NULL");
                EXPECT_FAILS(trib_session_get_stats(rig.session, NULL, &err),
                             TRIB_INVALID_ARGUMENT, &err, "out is NULL");
                session_rig_close(&rig);
        }
}

static void device_describes_itself(void **state)
{
        struct session_rig rig;
        trib_device_info   info;
        trib_device_probe  probe;
        trib_memory_stats  memory;
        trib_device_peaks  peaks;
        trib_error         err = TRIB_ERROR_INIT;
        uint32_t           n = 0;

        (void)state;
        session_rig_open(&rig, "sim:gpu,queues=3", ZOO_MLP, NULL);
        EXPECT_OK(trib_device_get_info(rig.device, &info, &err), &err);
        assert_string_equal(info.name, "sim:gpu,queues=3");
        assert_int_equal(info.compute_units, 3);
        assert_int_equal(info.max_streams, 64);
        assert_int_equal(info.is_unified, 0);
        assert_true(info.description[0] != '\0' && info.library[0] != '\0');
        EXPECT_OK(trib_device_get_memory(rig.device, &memory, &err), &err);
        assert_true(memory.requested >= 24 * 16 * 4);
        assert_true(memory.reserved >= memory.allocated);
        EXPECT_OK(trib_device_measure_peaks(rig.device, 1, &peaks, &err), &err);
        assert_true(peaks.flops_f32 == 3 * 4e12);
        while (trib_device_probe_at(n, &probe, &err) == TRIB_OK) {
                assert_true(probe.name[0] != '\0');
                assert_true(probe.is_available || probe.missing[0] != '\0');
                n++;
        }
        assert_int_equal(err.status, TRIB_NOT_FOUND);
        assert_true(n >= 2);
        EXPECT_FAILS(trib_device_probe_at(0, NULL, &err), TRIB_INVALID_ARGUMENT, &err, "NULL");
        EXPECT_FAILS(trib_device_get_info(NULL, &info, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        EXPECT_FAILS(trib_device_get_info(rig.device, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_device_get_memory(NULL, &memory, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        EXPECT_FAILS(trib_device_get_memory(rig.device, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_device_measure_peaks(NULL, 1, &peaks, &err), TRIB_INVALID_ARGUMENT,
                     &err, "device is NULL");
        EXPECT_FAILS(trib_device_measure_peaks(rig.device, 1, NULL, &err), TRIB_INVALID_ARGUMENT,
                     &err, "out is NULL");
        session_rig_close(&rig);
}

static void device_cap_is_felt_by_requests_and_survived(void **state)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_memory_stats   memory;
        struct session_rig  rig;
        struct zoo_job      job;
        trib_stream        *stream;
        trib_buffer         hog;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        options.memory_limit = 64 << 10;
        session_rig_open_on(&rig, "sim:fast", &options, ZOO_MLP, NULL);
        EXPECT_OK(trib_device_get_memory(rig.device, &memory, &err), &err);
        EXPECT_OK(trib_stream_acquire(rig.device, 0, &stream, &err), &err);
        /* All but less than the slab of a request. */
        EXPECT_OK(trib_buffer_create(stream, 56 << 10, &hog, &err), &err);
        trib_stream_release(stream);
        zoo_job_init(&job, ZOO_MLP, ZOO_MAX_ROWS, 1);
        EXPECT_OK(trib_device_get_memory(rig.device, &memory, &err), &err);
        if (memory.limit - memory.reserved < 1024)
                EXPECT_FAILS(zoo_job_infer(&job, rig.session, &err), TRIB_OUT_OF_MEMORY, &err,
                             "limit 65536");
        EXPECT_OK(trib_buffer_release(rig.device, hog, &err), &err);
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(device_open_refuses_bad_options),
               TRIB_TEST(session_open_refuses_bad_options),
               TRIB_TEST(infer_refuses_views_with_the_name_of_the_port),
               TRIB_TEST(infer_gives_what_is_worked_out_by_hand),
               TRIB_TEST(infer_serves_any_number_of_rows),
               TRIB_TEST(infer_is_the_same_to_the_bit_every_time),
               TRIB_TEST(infer_serves_models_of_many_inputs_and_outputs),
               TRIB_TEST(session_prepare_builds_ahead_and_describes),
               TRIB_TEST(session_stats_add_up), TRIB_TEST(device_describes_itself),
               TRIB_TEST(device_cap_is_felt_by_requests_and_survived))
