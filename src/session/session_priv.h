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
#include "session/stopwatch.h"
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

/* Plans that a stream keeps at hand, at most; never more than the session's max_plans. */
#define SLOT_PLANS 8

/* What a session keeps per stream. The holder of the stream's lease owns it. */
struct session_slot {
        /* Holder of the lease; and close, once nobody is inside. */
        _Alignas(TRIB__CACHE_LINE) struct trib_stream *stream;
        struct trib__executable *executable; /* of the last request here, held */
        struct trib__executable *older[SLOT_PLANS - 1]; /* of other shapes before it, latest
                                                         * first, held: so that requests of a
                                                         * few shapes in turns need no lock */
        uint64_t                 last_value; /* of the last launch             */
        void                   **addresses;  /* room for many ports, or NULL   */
        struct stopwatch         watch;      /* of the request here, if it is measured */

        /* Written by the holder, read by anyone. */
        trib__atomic_u64 requests;
        trib__atomic_u64 failures;
        trib__atomic_u64 measured;
        trib__atomic_u64 measured_blind;
        trib__atomic_u64 times[TIME_COUNT]; /* enum session_time */
};

struct request_queue;

/* What is behind a trib_session, which itself is a number for a seat: see session_table.c. */
struct trib__session {
        /* Fixed by open. */
        trib_model              *model;
        trib_device             *device;
        struct trib__plan_cache *plans;
        trib_session_options     options; /* with defaults filled in */
        struct request_queue    *queue;
        struct seat             *seat;
        uint32_t                 tag;   /* in whose name streams are leased for its requests */
        uint32_t                 place; /* of the device's streams                           */

        /* Requests that ended without a stream; apart, because those that end well are busy. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 turned_away;

        struct session_slot slots[TRIB__MAX_STREAMS];
};

/* A call inside a session. It is counted there by one of the two. */
struct session_call {
        struct trib__session *session;
        trib__atomic_u32     *count;  /* that the call is counted in; or NULL              */
        uint32_t              index;  /* of the stream that is leased in the session's name
                                       * already; or TRIB__NO_STREAM_INDEX                 */
        struct trib_stream   *stream; /* that; or NULL: it has to be made                  */
        bool                  is_own; /* of a worker of the session: not counted           */
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
trib_status trib__refuse_handle(const void *handle, const char *what,
                                trib_error *err) TRIB_MUST_USE;
static inline TRIB_MUST_USE trib_status trib__check_handle(const void *handle, const char *what,
                                                           trib_error *err)
{
        if (__builtin_expect(handle != NULL && !trib__is_forked(), true))
                return TRIB_OK;
        return trib__refuse_handle(handle, what, err);
}
/* Refuse waiting from inside a callback or a user's operator. */
trib_status trib__check_may_wait(trib_error *err) TRIB_MUST_USE;

/* Check an options struct's size against what we know; *size is what may be copied. A longer
 * struct of a newer caller is fine if the tail that we do not know is zero. */
trib_status trib__check_options(const void *options, size_t known, const char *what,
                                trib_error *err) TRIB_MUST_USE;

/* Count a request that ended without having run. */
void trib__session_count_turned_away(struct trib__session *session);

/* Run one request on the calling thread. The call's count is taken back as soon as the stream's
 * lease counts for it, and the call is over with the lease: the session may be gone when this
 * returns, unless the count is still there. */
trib_status trib__session_run(struct session_call *call, const struct run_args *args,
                              trib_error *err) TRIB_MUST_USE;

/* The table of sessions: session_table.c. */
/* Give the session a seat, and the handle for it. */
trib_status trib__session_seat(struct trib__session *session, trib_session **out,
                               trib_error *err) TRIB_MUST_USE;
/* Enter a session, so that close waits for us; false if it is closed or being closed, and after a
 * close that ran out of time unless `is_draining_fine`. Any time, also long after close. */
bool trib__session_enter(const trib_session *handle, bool is_draining_fine,
                         struct session_call *call);
/* Enter by leasing the thread's home, if that is idle; else as above. */
bool trib__session_enter_leased(const trib_session *handle, struct session_call *call);
/* Take the count back, if there is one. */
void trib__session_leave(struct session_call *call);
/* Begin to close: nobody enters any more. TRIB_CLOSED; TRIB_BUSY if another call closes it. */
trib_status trib__session_close_begin(const trib_session *handle, struct trib__session **out,
                                      trib_error *err) TRIB_MUST_USE;
/* Whether no call is inside. */
bool trib__session_is_left(const struct trib__session *session);
/* The session is closed: gives the seat up, and waits for those that only look at the session. Else
 * it stays, closing. */
void trib__session_close_end(struct trib__session *session, bool is_closed);

/* The inputs' shapes, checked against the model's; `shapes` has room for all. */
trib_status trib__session_shapes(const struct trib__session *session, const trib_tensor *inputs,
                                 int n_inputs, struct trib__shape *shapes,
                                 trib_error *err) TRIB_MUST_USE;

/* The queue of submitted requests: request.c. */
trib_status trib__requests_create(struct trib__session *session, struct request_queue **out,
                                  trib_error *err) TRIB_MUST_USE;
/* Refuse new ones, cancel the queued. */
void trib__requests_stop(struct request_queue *queue);
/* Join the workers; false if some still run at the deadline. */
bool trib__requests_join(struct request_queue *queue, uint64_t deadline);
void trib__requests_destroy(struct request_queue *queue);
/* True on a thread that runs a callback. */
bool trib__is_in_callback(void);

#endif
