/* SPDX-License-Identifier: Apache-2.0 */
/* H20: fork. In the child every function that the library exports is called, by the list of
 * exported symbols: a function that is new there and not here fails the test. */
#include "test_main.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "child.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"

struct objects {
        struct session_rig   rig;
        trib_stream         *stream;
        trib_buffer          buffer;
        trib_event           event;
        trib_request        *request;
        struct zoo_job       job;
        trib_request_options options;
        trib_model_builder  *builder;
        char                 bytes[8];
        size_t               needed;
        /* What a call would give. */
        union {
                trib_device         *device;
                trib_model          *model;
                trib_session        *session;
                trib_stream         *stream;
                trib_buffer          buffer;
                trib_event           event;
                trib_request        *request;
                trib_device_info     info;
                trib_device_probe    probe;
                trib_memory_stats    memory;
                trib_device_peaks    peaks;
                trib_session_stats   stats;
                uint64_t             number;
                int                  count;
                char                 text[64];
        } out;
};

/* X(name, arguments): must give TRIB_FORKED with a message, whatever it is asked. */
#define REFUSED(X)                                                                                \
        X(trib_device_probe_at, (0, &o->out.probe, err))                                          \
        X(trib_device_open, ("cpu:0", NULL, &o->out.device, err))                                 \
        X(trib_device_get_info, (o->rig.device, &o->out.info, err))                               \
        X(trib_device_get_memory, (o->rig.device, &o->out.memory, err))                           \
        X(trib_device_describe_memory, (o->rig.device, o->out.text, sizeof(o->out.text),          \
                                        &o->needed, err))                                         \
        X(trib_device_trim, (o->rig.device, &o->out.number, err))                                 \
        X(trib_device_measure_peaks, (o->rig.device, 1, &o->out.peaks, err))                      \
        X(trib_model_build, (o->builder, o->rig.device, &o->out.model, err))                      \
        X(trib_model_count, (o->rig.model, &o->out.count, &o->out.count, err))                    \
        X(trib_session_open, (o->rig.model, NULL, &o->out.session, err))                          \
        X(trib_session_close, (o->rig.session, err))                                              \
        X(trib_session_prepare, (o->rig.session, &o->job.input, 1, NULL, err))                    \
        X(trib_session_get_stats, (o->rig.session, &o->out.stats, err))                           \
        X(trib_infer, (o->rig.session, &o->job.input, 1, o->job.outputs, 1, err))                 \
        X(trib_submit, (o->rig.session, &o->options, &o->out.request, err))                       \
        X(trib_wait, (o->request, TRIB_NO_LIMIT, err))                                            \
        X(trib_poll, (o->request, err))                                                           \
        X(trib_cancel, (o->request, err))                                                         \
        X(trib_stream_acquire, (o->rig.device, TRIB_NO_LIMIT, &o->out.stream, err))               \
        X(trib_stream_record, (o->stream, &o->out.event, err))                                    \
        X(trib_stream_wait_event, (o->stream, o->event, TRIB_NO_LIMIT, err))                      \
        X(trib_stream_upload, (o->stream, o->buffer, 0, o->bytes, 8, err))                        \
        X(trib_stream_download, (o->stream, o->bytes, o->buffer, 0, 8, err))                      \
        X(trib_event_query, (o->event, err))                                                      \
        X(trib_event_wait, (o->event, TRIB_NO_LIMIT, err))                                        \
        X(trib_buffer_create, (o->stream, 8, &o->out.buffer, err))                                \
        X(trib_buffer_retain, (o->rig.device, o->buffer, err))                                    \
        X(trib_buffer_release, (o->rig.device, o->buffer, err))                                   \
        X(trib_buffer_use, (o->buffer, o->stream, err))                                           \
        X(trib_buffer_address, (o->rig.device, o->buffer, NULL, &o->out.number, err))

/* X(name, arguments): gives nothing, and must come back. */
#define SILENT(X)                                        \
        X(trib_request_release, (o->request))            \
        X(trib_stream_release, (o->stream))              \
        X(trib_model_close, (o->rig.model))              \
        X(trib_device_close, (o->rig.device))

/* Work on the caller's own memory, in a child too: the names. */
static const char *const plain[] = {
        "trib_version",         "trib_status_name",       "trib_status_text",
        "trib_dtype_name",      "trib_dtype_size",        "trib_tensor_from",
        "trib_tensor_from_f32", "trib_tensor_check",      "trib_tensor_copy",
        "trib_tensor_rows",     "trib_tensor_to_dlpack",  "trib_tensor_from_dlpack",
        "trib_npy_load",        "trib_npy_save",          "trib_npy_free",
        "trib_tensor_is_contiguous",
        /* A builder is its thread's own until it builds. */
        "trib_model_builder_create", "trib_model_builder_destroy",
        "trib_model_input",     "trib_model_constant",    "trib_model_linear",
        "trib_model_matmul",    "trib_model_add",         "trib_model_mul",
        "trib_model_relu",      "trib_model_gelu",        "trib_model_tanh",
        "trib_model_sigmoid",   "trib_model_softmax",     "trib_model_layer_norm",
        "trib_model_attention", "trib_model_conv2d",      "trib_model_lu",
        "trib_model_sparse_matmul", "trib_thread_take_times",
        "trib_model_operator",  "trib_model_output",
};

#define REFUSED_CALL(name, arguments)                                        \
        static trib_status call_##name(struct objects *o, trib_error *err)   \
        {                                                                    \
                return name arguments;                                       \
        }
#define SILENT_CALL(name, arguments)                                         \
        static trib_status call_##name(struct objects *o, trib_error *err)   \
        {                                                                    \
                name arguments;                                              \
                (void)err;                                                   \
                return TRIB_OK;                                              \
        }
REFUSED(REFUSED_CALL)
SILENT(SILENT_CALL)

struct call {
        const char *name;
        trib_status (*call)(struct objects *o, trib_error *err);
        trib_status expected;
};

#define REFUSED_ROW(name, arguments) { #name, call_##name, TRIB_FORKED },
#define SILENT_ROW(name, arguments) { #name, call_##name, TRIB_OK },
static const struct call calls[] = { REFUSED(REFUSED_ROW) SILENT(SILENT_ROW) };

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

/* The plain ones, all in one. */
static void use_plain_functions(void)
{
        float                            values[4] = { 1, 2, 3, 4 }, copied[4];
        trib_tensor                      in = trib_tensor_from_f32(values, 1, (int64_t[]){ 4 });
        trib_tensor                      out = trib_tensor_from(TRIB_F32, copied, 1,
                                                                (int64_t[]){ 4 });
        trib_tensor                      rows;
        struct DLManagedTensorVersioned *managed;
        trib_model_builder              *b;

        CHILD_CHECK(trib_version()[0] != '\0' && trib_status_name(TRIB_OK)[0] == 'O');
        CHILD_CHECK(trib_dtype_size(TRIB_F32) == 4 && trib_dtype_name(TRIB_F32)[0] == 'f');
        CHILD_CHECK(trib_status_text(TRIB_FORKED)[0] != '\0');
        CHILD_CHECK(trib_tensor_check(&in, NULL, NULL, NULL) == TRIB_OK);
        CHILD_CHECK(trib_tensor_copy(&out, &in, NULL) == TRIB_OK && copied[3] == 4);
        CHILD_CHECK(trib_tensor_rows(&in, 1, 2, &rows, NULL) == TRIB_OK);
        CHILD_CHECK(trib_tensor_is_contiguous(&rows) == 1);
        CHILD_CHECK(trib_tensor_to_dlpack(&in, NULL, NULL, &managed, NULL) == TRIB_OK);
        CHILD_CHECK(trib_tensor_from_dlpack(managed, &rows, NULL) == TRIB_OK);
        CHILD_CHECK(trib_npy_load("/no such file", &rows, NULL) == TRIB_NOT_FOUND);
        trib_npy_free(&rows);
        CHILD_CHECK(trib_model_builder_create(&b, NULL) == TRIB_OK);
        CHILD_CHECK(trib_model_input(b, "x", TRIB_F32, 1, (int64_t[]){ 4 }) >= 0);
        trib_model_builder_destroy(b);
}

static bool is_told(const struct call *call, struct objects *o)
{
        uint64_t    locks = trib__thread_counts()->locks;
        uint64_t    waits = trib__thread_counts()->waits;
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status = call->call(o, &err);

        if (status == call->expected && trib__thread_counts()->locks == locks &&
            trib__thread_counts()->waits == waits &&
            (status == TRIB_OK || strstr(err.message, "fork") != NULL))
                return true;
        (void)fprintf(stderr, "in the child: %s gave %s (%s), took %llu locks, slept %llu times\n",
                      call->name, trib_status_name(status), err.message,
                      (unsigned long long)(trib__thread_counts()->locks - locks),
                      (unsigned long long)(trib__thread_counts()->waits - waits));
        return false;
}

static void call_all_that_refuse(void *argument)
{
        struct objects *o = argument;
        uint32_t        wrong = 0;

        for (size_t i = 0; i < N_CALLS; i++)
                wrong += !is_told(&calls[i], o);
        CHILD_CHECK(wrong == 0);
}

static void call_everything(void *argument)
{
        call_all_that_refuse(argument);
        use_plain_functions();
}

/* In the child of a process with many threads. The plain functions allocate, and the allocator of
 * the address sanitizer may have been forked while another thread held its locks. */
static void call_under_load(void *argument)
{
#if defined(__SANITIZE_ADDRESS__)
        call_all_that_refuse(argument);
#else
        call_everything(argument);
#endif
}

static void open_objects(struct objects *o, const char *device)
{
        trib_error err = TRIB_ERROR_INIT;
        trib_value x;

        memset(o, 0, sizeof(*o));
        session_rig_open(&o->rig, device, ZOO_RELU, NULL);
        zoo_job_init(&o->job, ZOO_RELU, 2, 1);
        zoo_job_options(&o->job, &o->options);
        EXPECT_OK(trib_stream_acquire(o->rig.device, 0, &o->stream, &err), &err);
        EXPECT_OK(trib_buffer_create(o->stream, 8, &o->buffer, &err), &err);
        EXPECT_OK(trib_stream_record(o->stream, &o->event, &err), &err);
        EXPECT_OK(trib_submit(o->rig.session, &o->options, &o->request, &err), &err);
        EXPECT_OK(trib_wait(o->request, TRIB_NO_LIMIT, &err), &err);
        EXPECT_OK(trib_model_builder_create(&o->builder, &err), &err);
        x = trib_model_input(o->builder, "x", TRIB_F32, 1, (int64_t[]){ 4 });
        trib_model_output(o->builder, "y", trib_model_relu(o->builder, x));
}

/* The parent has all that it had. */
static void close_objects(struct objects *o)
{
        trib_error err = TRIB_ERROR_INIT;

        zoo_job_reset(&o->job);
        EXPECT_OK(zoo_job_infer(&o->job, o->rig.session, &err), &err);
        assert_true(zoo_job_is_right(&o->job, NULL));
        EXPECT_OK(trib_buffer_release(o->rig.device, o->buffer, &err), &err);
        trib_model_builder_destroy(o->builder);
        trib_request_release(o->request);
        trib_stream_release(o->stream);
        session_rig_close(&o->rig);
}

static bool is_called(const char *symbol)
{
        for (size_t i = 0; i < N_CALLS; i++) {
                if (strcmp(calls[i].name, symbol) == 0)
                        return true;
        }
        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
                if (strcmp(plain[i], symbol) == 0)
                        return true;
        }
        return false;
}

static void H20_every_exported_function_is_called_in_the_child(void **state)
{
        const char *root = getenv("TRIB_SOURCE_DIR");
        char        path[4096], line[128];
        uint32_t    symbols = 0, missing = 0;
        FILE       *file;

        (void)state;
        (void)snprintf(path, sizeof(path), "%s/tools/symbols.txt", root != NULL ? root : "..");
        file = fopen(path, "re");
        if (file == NULL) {
                print_message("not run: TRIB_SOURCE_DIR does not name the project\n");
                skip();
        }
        while (fgets(line, sizeof(line), file) != NULL) {
                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#' || line[0] == '\0')
                        continue;
                symbols++;
                if (is_called(line))
                        continue;
                print_message("%s is exported, and not called in the child\n", line);
                missing++;
        }
        (void)fclose(file);
        assert_true(symbols > 50);
        assert_int_equal(missing, 0);
}

static void H20_a_child_is_told_by_every_function(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        static struct objects    o;

        (void)state;
        for (int d = 0; d < 2; d++) {
                open_objects(&o, devices[d]);
                child_must_succeed(call_everything, &o, devices[d]);
                close_objects(&o);
        }
}

/* ---- under load ------------------------------------------------------------------------- */

#define BUSY 64

struct load {
        trib_session *session;
        atomic_bool   is_over;
        atomic_uint   started;
};

static void infer_until_over(struct crowd_member *me)
{
        struct load         *load = me->context;
        struct zoo_job       job, golden;
        trib_request_options options;
        trib_request        *request;

        zoo_job_init(&golden, ZOO_RELU, 1 + me->index % ZOO_MAX_ROWS, me->index);
        zoo_job_init(&job, ZOO_RELU, 1 + me->index % ZOO_MAX_ROWS, me->index);
        me->wrong += zoo_job_infer(&golden, load->session, &me->err) != TRIB_OK;
        atomic_fetch_add(&load->started, 1);
        zoo_job_options(&job, &options);
        while (!atomic_load(&load->is_over)) {
                zoo_job_reset(&job);
                if (me->index % 4 != 0) {
                        me->wrong += zoo_job_infer(&job, load->session, &me->err) != TRIB_OK;
                } else if (trib_submit(load->session, &options, &request, &me->err) == TRIB_OK) {
                        me->wrong += trib_wait(request, TRIB_NO_LIMIT, &me->err) != TRIB_OK;
                        trib_request_release(request);
                } else {
                        me->wrong++;
                }
                me->wrong += !zoo_job_is_right(&job, &golden);
                me->done++;
        }
}

static void fork_under_load(const char *device, uint64_t forks)
{
        static struct crowd_member members[BUSY];
        static struct objects      o;
        struct load                load = { 0 };

        open_objects(&o, device);
        load.session = o.rig.session;
        for (uint32_t i = 0; i < BUSY; i++)
                crowd_start(&members[i], infer_until_over, &load, i);
        while (atomic_load(&load.started) < BUSY)
                (void)sched_yield();
        for (uint64_t i = 0; i < forks; i++)
                child_must_succeed(call_under_load, &o, "a fork under load");
        atomic_store(&load.is_over, true);
        for (int i = 0; i < BUSY; i++) {
                crowd_join(&members[i]);
                if (members[i].wrong != 0)
                        fail_msg("%llu of %llu wrong: %s", (unsigned long long)members[i].wrong,
                                 (unsigned long long)members[i].done, members[i].err.message);
        }
        close_objects(&o);
}

static void H20_64_busy_threads_do_not_notice_forks(void **state)
{
        (void)state;
        fork_under_load("cpu:0", test_scale(40, 1000));
        fork_under_load("sim:fast", test_scale(10, 1000));
}

/* ---- descriptors ------------------------------------------------------------------------ */

static void H20_no_descriptor_of_ours_survives_an_exec(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        bool                     was_open[256];
        struct session_rig       rigs[2];

        (void)state;
        for (int fd = 0; fd < 256; fd++)
                was_open[fd] = fcntl(fd, F_GETFD) >= 0;
        for (int d = 0; d < 2; d++)
                session_rig_open(&rigs[d], devices[d], ZOO_MLP, NULL);
        for (int fd = 0; fd < 256; fd++) {
                int flags = fcntl(fd, F_GETFD);

                if (flags >= 0 && !was_open[fd])
                        assert_int_equal(flags & FD_CLOEXEC, FD_CLOEXEC);
        }
        for (int d = 0; d < 2; d++)
                session_rig_close(&rigs[d]);
}

TRIB_TEST_MAIN(TRIB_TEST(H20_every_exported_function_is_called_in_the_child),
               TRIB_TEST(H20_a_child_is_told_by_every_function),
               TRIB_TEST(H20_64_busy_threads_do_not_notice_forks),
               TRIB_TEST(H20_no_descriptor_of_ours_survives_an_exec))
