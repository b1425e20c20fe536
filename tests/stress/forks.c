/* SPDX-License-Identifier: Apache-2.0 */
/* forks.c: see storm.h. A thread that forks while others are busy. The child has their memory but
 * not their threads: whatever lock was taken stays so, and a call that needs one would never
 * return. So each kind of call must say TRIB_FORKED, and those without a status must return; a
 * child that does not is ended by its alarm, and counted. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storm.h"
#include "zoo.h"

#define CHILD_SECONDS 60

struct scene {
        struct forker       *forker;
        trib_stream         *stream;
        trib_buffer          buffer;
        trib_event           event;
        trib_request        *request;
        struct zoo_job       job;
        trib_request_options options;
};

static int is_told(trib_status status)
{
        return status == TRIB_FORKED ? 0 : 1;
}

static int wrong_of_sessions(struct scene *s)
{
        struct forker *f = s->forker;
        trib_session  *session;
        trib_request  *request;
        int            wrong = 0;

        wrong += is_told(zoo_job_infer(&s->job, f->session, NULL));
        wrong += is_told(trib_submit(f->session, &s->options, &request, NULL));
        wrong += is_told(trib_wait(s->request, TRIB_NO_LIMIT, NULL));
        wrong += is_told(trib_poll(s->request, NULL));
        wrong += is_told(trib_cancel(s->request, NULL));
        wrong += is_told(trib_session_prepare(f->session, &s->job.input, 1, NULL, NULL));
        wrong += is_told(trib_session_open(f->model, NULL, &session, NULL));
        wrong += is_told(trib_session_close(f->session, NULL));
        return wrong;
}

static int wrong_of_devices(struct scene *s)
{
        struct forker    *f = s->forker;
        trib_device      *device;
        trib_stream      *stream;
        trib_buffer       buffer;
        trib_event        event;
        trib_memory_stats memory;
        trib_device_peaks peaks;
        char              bytes[8] = { 0 };
        int               wrong = 0;

        wrong += is_told(trib_device_open("sim:fast", NULL, &device, NULL));
        wrong += is_told(trib_device_get_memory(f->device, &memory, NULL));
        wrong += is_told(trib_device_trim(f->device, NULL, NULL));
        wrong += is_told(trib_device_measure_peaks(f->device, 1, &peaks, NULL));
        wrong += is_told(trib_stream_acquire(f->device, TRIB_NO_LIMIT, &stream, NULL));
        wrong += is_told(trib_stream_record(s->stream, &event, NULL));
        wrong += is_told(trib_stream_wait_event(s->stream, s->event, TRIB_NO_LIMIT, NULL));
        wrong += is_told(trib_event_query(s->event, NULL));
        wrong += is_told(trib_event_wait(s->event, TRIB_NO_LIMIT, NULL));
        wrong += is_told(trib_buffer_create(s->stream, 8, &buffer, NULL));
        wrong += is_told(trib_buffer_retain(f->device, s->buffer, NULL));
        wrong += is_told(trib_buffer_release(f->device, s->buffer, NULL));
        wrong += is_told(trib_buffer_use(s->buffer, s->stream, NULL));
        wrong += is_told(trib_stream_upload(s->stream, s->buffer, 0, bytes, 8, NULL));
        wrong += is_told(trib_stream_download(s->stream, bytes, s->buffer, 0, 8, NULL));
        return wrong;
}

static void be_child(struct scene *s)
{
        int wrong;

        (void)alarm(CHILD_SECONDS);
        wrong = wrong_of_sessions(s) + wrong_of_devices(s);
        trib_request_release(s->request);
        trib_stream_release(s->stream);
        trib_model_close(s->forker->model);
        trib_device_close(s->forker->device);
        _exit(wrong);
}

static void fork_once(struct scene *s)
{
        struct forker *f = s->forker;
        int            ended = 0;
        pid_t          child = fork();

        if (child == 0)
                be_child(s);
        f->done++;
        if (child > 0 && waitpid(child, &ended, 0) == child && WIFEXITED(ended) &&
            WEXITSTATUS(ended) == 0)
                return;
        f->wrong++;
        (void)snprintf(f->err.message, sizeof(f->err.message),
                       "child %llu: %s %d", (unsigned long long)f->done,
                       child < 0 ? "no fork"
                       : WIFSIGNALED(ended) ? "ended by signal"
                                            : "calls that did not say TRIB_FORKED:",
                       WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended));
}

static trib_status set_up(struct scene *s)
{
        struct forker *f = s->forker;
        trib_status    status;

        zoo_job_init(&s->job, f->kind, 2, 1);
        zoo_job_options(&s->job, &s->options);
        status = trib_stream_acquire(f->device, TRIB_NO_LIMIT, &s->stream, &f->err);
        if (status == TRIB_OK)
                status = trib_buffer_create(s->stream, 8, &s->buffer, &f->err);
        if (status == TRIB_OK)
                status = trib_stream_record(s->stream, &s->event, &f->err);
        if (status == TRIB_OK)
                status = trib_submit(f->session, &s->options, &s->request, &f->err);
        if (status == TRIB_OK)
                status = trib_wait(s->request, TRIB_NO_LIMIT, &f->err);
        return status;
}

void forker_run(struct forker *forker)
{
        struct scene s = { .forker = forker };

        if (set_up(&s) != TRIB_OK)
                forker->wrong++;
        for (uint64_t i = 0; i < forker->part && forker->wrong == 0; i++)
                fork_once(&s);
        trib_request_release(s.request);
        if (s.buffer.id != 0 && trib_buffer_release(forker->device, s.buffer, &forker->err))
                forker->wrong++;
        trib_stream_release(s.stream);
}
