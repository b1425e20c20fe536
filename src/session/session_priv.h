/* SPDX-License-Identifier: Apache-2.0 */
/* session_priv.h: the objects behind the public handles.
 *
 * Handles are counted: session -> model -> device; the last drop frees. */
#ifndef TRIB_SESSION_SESSION_PRIV_H
#define TRIB_SESSION_SESSION_PRIV_H

#include "backend/backend.h"
#include "base/sync.h"
#include "memory/memory.h"
#include "model/graph.h"
#include "plan/plan.h"
#include "stream/stream_pool.h"

#include <tributary/tributary.h>

struct trib_device {
        /* Fixed by open. */
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__device_caps    caps;
        struct trib__memory        *memory;
        struct trib__stream_pool   *pool;
        uint32_t                    max_streams;

        trib__atomic_u64     refs;
        struct trib__timeline timelines[TRIB__MAX_STREAMS];
};

struct trib_model {
        /* Fixed by build. */
        trib_device       *device;
        struct trib__graph graph;     /* without the constants' data            */
        uint64_t          *handles;   /* n_constants blocks of device memory    */
        const void       **constants; /* their addresses                        */
        struct trib__gate  serial;    /* turnstile of the model's serial steps  */

        trib__atomic_u64 refs;
};

enum session_state { SESSION_OPEN, SESSION_DRAINING };

/* What a session keeps per stream. The holder of the stream's lease owns it, but for `inside`. */
struct session_slot {
        /* How many calls are inside the session that chose this slot to be counted in: usually
         * the thread's home stream's, so that running threads count in lines of their own. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 inside;

        /* Holder of the lease; and close, once nobody is inside. */
        struct trib_stream      *stream;
        struct trib__executable *executable; /* of the last request here, held */
        uint64_t                 last_value; /* of the last launch             */

        /* Written by the holder, read by anyone. */
        trib__atomic_u64 requests;
        trib__atomic_u64 failures;
        trib__atomic_u64 measured;
        trib__atomic_u64 times[6]; /* enum session_time */
};

enum session_time {
        TIME_ADMISSION,
        TIME_PREPARE,
        TIME_SUBMIT,
        TIME_DEVICE,
        TIME_COPY,
        TIME_NOTIFY,
        TIME_COUNT
};

struct request_queue;

struct trib_session {
        /* Fixed by open. */
        trib_model              *model;
        trib_device             *device;
        struct trib__plan_cache *plans;
        trib_session_options     options; /* with defaults filled in */
        struct request_queue    *queue;

        /* Read by every request, written by close. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 state;

        /* Requests that ended without a stream; apart, because those that end well are busy. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 turned_away;

        struct session_slot slots[TRIB__MAX_STREAMS];
};

/* One request's arguments, however it came. */
struct run_args {
        const trib_tensor *inputs;
        const trib_tensor *outputs;
        int                n_inputs;
        int                n_outputs;
        uint64_t           deadline;
};

void        trib__device_hold(trib_device *device);
void        trib__device_drop(trib_device *device);
void        trib__model_hold(trib_model *model);
void        trib__model_drop(trib_model *model);
trib__device *trib__device_backend(trib_device *device);

/* Refuse what no call may do: NULL, a forked child. `what` names the argument. */
trib_status trib__check_handle(const void *handle, const char *what, trib_error *err) TRIB_MUST_USE;
/* Refuse waiting from inside a callback or a user's operator. */
trib_status trib__check_may_wait(trib_error *err) TRIB_MUST_USE;

/* Check an options struct's size against what we know; *size is what may be copied. A longer
 * struct of a newer caller is fine if the tail that we do not know is zero. */
trib_status trib__check_options(const void *options, size_t known, const char *what,
                                trib_error *err) TRIB_MUST_USE;

/* Count a request that ended without having run. */
void trib__session_count_turned_away(trib_session *session);

/* Run one request on the calling thread. */
trib_status trib__session_run(trib_session *session, const struct run_args *args,
                              trib_error *err) TRIB_MUST_USE;

/* Enter a session, so that close waits for us; false if it is closing. Give *entry to leave. */
bool trib__session_enter(trib_session *session, uint32_t *entry);
void trib__session_leave(trib_session *session, uint32_t entry);

/* The inputs' shapes, checked against the model's; `shapes` has room for all. */
trib_status trib__session_shapes(const trib_session *session, const trib_tensor *inputs,
                                 int n_inputs, struct trib__shape *shapes,
                                 trib_error *err) TRIB_MUST_USE;

/* The queue of submitted requests: request.c. */
trib_status trib__requests_create(trib_session *session, struct request_queue **out,
                                  trib_error *err) TRIB_MUST_USE;
/* Refuse new ones, cancel the queued. */
void trib__requests_stop(struct request_queue *queue);
/* Join the workers; false if some still run at the deadline. */
bool trib__requests_join(struct request_queue *queue, uint64_t deadline);
void trib__requests_destroy(struct request_queue *queue);
/* True on a thread that runs a callback. */
bool trib__is_in_callback(void);

#endif
