/* SPDX-License-Identifier: Apache-2.0 */
/* H20: in a child every call on an object of the parent says so at once, touches no lock and no
 * device, and frees nothing; the parent goes on, its results unchanged. */
#include "test_main.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

/* In the child: cmocka's checks would run the parent's cleanup, so count and exit. */
#define COUNT(wrong, call, err)                                              \
        do {                                                                 \
                *(err) = (trib_error)TRIB_ERROR_INIT;                        \
                (wrong) += !is_told((call), (err), #call);                   \
        } while (0)

static bool is_told(trib_status status, const trib_error *err, const char *call)
{
        if (status == TRIB_FORKED && err->status == TRIB_FORKED &&
            strstr(err->message, "fork") != NULL)
                return true;
        print_message("in the child: %s\n  gave %s: %s\n", call, trib_status_name(status),
                      err->message);
        return false;
}

struct objects {
        struct session_rig   rig;
        trib_stream         *stream;
        trib_buffer          buffer;
        trib_event           event;
        trib_request        *request;
        struct zoo_job       job;
        trib_request_options options;
};

static int call_everything_on_sessions(struct objects *o)
{
        trib_session      *session;
        trib_request      *request;
        trib_session_stats stats;
        trib_error         err;
        int                wrong = 0;

        COUNT(wrong, trib_session_open(o->rig.model, NULL, &session, &err), &err);
        COUNT(wrong, zoo_job_infer(&o->job, o->rig.session, &err), &err);
        COUNT(wrong, trib_session_prepare(o->rig.session, &o->job.input, 1, NULL, &err), &err);
        COUNT(wrong, trib_submit(o->rig.session, &o->options, &request, &err), &err);
        COUNT(wrong, trib_wait(o->request, TRIB_NO_LIMIT, &err), &err);
        COUNT(wrong, trib_poll(o->request, &err), &err);
        COUNT(wrong, trib_cancel(o->request, &err), &err);
        COUNT(wrong, trib_session_get_stats(o->rig.session, &stats, &err), &err);
        COUNT(wrong, trib_session_close(o->rig.session, &err), &err);
        return wrong;
}

static int call_everything_on_devices(struct objects *o)
{
        trib_device         *device;
        trib_model          *model;
        trib_model_builder  *builder;
        trib_device_info     info;
        trib_device_probe    probe;
        trib_memory_stats    memory;
        trib_device_peaks    peaks;
        trib_error           err;
        int                  wrong = 0, n;

        COUNT(wrong, trib_device_open("cpu:0", NULL, &device, &err), &err);
        COUNT(wrong, trib_device_probe_at(0, &probe, &err), &err);
        COUNT(wrong, trib_device_get_info(o->rig.device, &info, &err), &err);
        COUNT(wrong, trib_device_get_memory(o->rig.device, &memory, &err), &err);
        COUNT(wrong, trib_device_measure_peaks(o->rig.device, 1, &peaks, &err), &err);
        COUNT(wrong, trib_model_count(o->rig.model, &n, &n, &err), &err);
        if (trib_model_builder_create(&builder, &err) == TRIB_OK) {
                COUNT(wrong, trib_model_build(builder, o->rig.device, &model, &err), &err);
                trib_model_builder_destroy(builder);
        }
        return wrong;
}

static int call_everything_on_streams(struct objects *o)
{
        trib_stream *stream;
        trib_buffer  buffer;
        trib_event   event;
        char         bytes[8] = { 0 };
        trib_error   err;
        int          wrong = 0;

        COUNT(wrong, trib_stream_acquire(o->rig.device, 0, &stream, &err), &err);
        COUNT(wrong, trib_stream_record(o->stream, &event, &err), &err);
        COUNT(wrong, trib_stream_wait_event(o->stream, o->event, 0, &err), &err);
        COUNT(wrong, trib_event_query(o->event, &err), &err);
        COUNT(wrong, trib_event_wait(o->event, TRIB_NO_LIMIT, &err), &err);
        COUNT(wrong, trib_buffer_create(o->stream, 8, &buffer, &err), &err);
        COUNT(wrong, trib_buffer_retain(o->rig.device, o->buffer, &err), &err);
        COUNT(wrong, trib_buffer_release(o->rig.device, o->buffer, &err), &err);
        COUNT(wrong, trib_buffer_use(o->buffer, o->stream, &err), &err);
        COUNT(wrong, trib_buffer_address(o->rig.device, o->buffer, NULL, NULL, &err), &err);
        COUNT(wrong, trib_stream_upload(o->stream, o->buffer, 0, bytes, 8, &err), &err);
        COUNT(wrong, trib_stream_download(o->stream, bytes, o->buffer, 0, 8, &err), &err);
        return wrong;
}

static void close_everything(struct objects *o)
{
        trib_request_release(o->request);
        trib_stream_release(o->stream);
        trib_model_close(o->rig.model);
        trib_device_close(o->rig.device);
}

static void open_everything(struct objects *o, const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(o, 0, sizeof(*o));
        session_rig_open(&o->rig, device, ZOO_RELU, NULL);
        zoo_job_init(&o->job, ZOO_RELU, 2, 1);
        zoo_job_options(&o->job, &o->options);
        EXPECT_OK(trib_stream_acquire(o->rig.device, 0, &o->stream, &err), &err);
        EXPECT_OK(trib_buffer_create(o->stream, 8, &o->buffer, &err), &err);
        EXPECT_OK(trib_stream_record(o->stream, &o->event, &err), &err);
        EXPECT_OK(trib_submit(o->rig.session, &o->options, &o->request, &err), &err);
        EXPECT_OK(trib_wait(o->request, TRIB_NO_LIMIT, &err), &err);
}

/* Fork, and give the child's number of wrong answers. */
static int ask_child(int (*ask)(struct objects *), struct objects *o)
{
        int   status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                int wrong = ask(o);

                close_everything(o);
                (void)fflush(stdout);
                _exit(wrong > 99 ? 99 : wrong);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void child_is_told_by_every_function(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                struct objects o;
                trib_error     err = TRIB_ERROR_INIT;

                open_everything(&o, devices[d]);
                assert_int_equal(ask_child(call_everything_on_sessions, &o), 0);
                assert_int_equal(ask_child(call_everything_on_devices, &o), 0);
                assert_int_equal(ask_child(call_everything_on_streams, &o), 0);
                /* The parent has all that it had. */
                zoo_job_reset(&o.job);
                EXPECT_OK(zoo_job_infer(&o.job, o.rig.session, &err), &err);
                assert_true(zoo_job_is_right(&o.job, NULL));
                EXPECT_OK(trib_buffer_release(o.rig.device, o.buffer, &err), &err);
                trib_request_release(o.request);
                trib_stream_release(o.stream);
                session_rig_close(&o.rig);
        }
}

struct busy {
        trib_session *session;
        atomic_int    is_over;
};

static void infer_until_over(struct crowd_member *me)
{
        struct busy   *busy = me->context;
        struct zoo_job job, golden;

        zoo_job_init(&golden, ZOO_NORM, 3, me->index);
        zoo_job_init(&job, ZOO_NORM, 3, me->index);
        if (zoo_job_infer(&golden, busy->session, &me->err) != TRIB_OK)
                me->wrong++;
        while (atomic_load(&busy->is_over) == 0) {
                zoo_job_reset(&job);
                if (zoo_job_infer(&job, busy->session, &me->err) != TRIB_OK)
                        me->wrong++;
                me->wrong += !zoo_job_is_right(&job, &golden);
                me->done++;
        }
}

static void parent_goes_on_through_many_forks(void **state)
{
        struct session_rig  rig;
        struct busy         busy = { 0 };
        struct crowd_member members[4];
        struct objects      o;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_NORM, NULL);
        open_everything(&o, "cpu:0");
        busy.session = rig.session;
        for (uint32_t i = 0; i < 4; i++)
                crowd_start(&members[i], infer_until_over, &busy, i);
        for (int i = 0; i < 60; i++)
                assert_int_equal(ask_child(call_everything_on_sessions, &o), 0);
        atomic_store(&busy.is_over, 1);
        for (int i = 0; i < 4; i++) {
                crowd_join(&members[i]);
                if (members[i].wrong != 0)
                        fail_msg("%llu wrong: %s", (unsigned long long)members[i].wrong,
                                 members[i].err.message);
        }
        trib_request_release(o.request);
        trib_stream_release(o.stream);
        session_rig_close(&o.rig);
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(child_is_told_by_every_function),
               TRIB_TEST(parent_goes_on_through_many_forks))
