/* SPDX-License-Identifier: Apache-2.0 */
/* stopwatch.h: takes the time of one measured request apart.
 *
 * mark:  where the part that runs now began. Ending a part reads the clock once, so the parts lie
 *        end to end and leave nothing out but what the readings themselves cost.
 * Out of a part go, into parts of their own: the waits of the thread for mutexes and gates (the
 * meter of base/meter.h), and the time in which it was ready and had no core (its run delay, which
 * is read at the ends of long parts only: a short one lost no core to speak of).
 *
 * A stopwatch belongs to the thread that runs the request, and lies in the slot of its stream; no
 * locks. */
#ifndef TRIB_SESSION_STOPWATCH_H
#define TRIB_SESSION_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

/* The parts, in order of occurrence. */
enum session_time {
        TIME_ADMISSION,
        TIME_LOCK,
        TIME_PREPARE,
        TIME_SUBMIT,
        TIME_QUEUE,
        TIME_DEVICE,
        TIME_SERIAL,
        TIME_COPY,
        TIME_NOTIFY,
        TIME_DESCHEDULED,
        /* Parts of these parts: with a unit in use, without waiting for it. */
        TIME_HOST_HELD,
        TIME_LOCK_HELD,
        TIME_PATH_HELD,
        TIME_SERIAL_HELD,
        TIME_COPY_HELD,
        TIME_COUNT
};

/* A stretch of time, and what of it the thread waited. */
struct stretch {
        uint64_t began, ended;
        uint64_t lock, gate;     /* for mutexes and gates                            */
        uint64_t gate_held;      /* not waited: inside of gates                      */
        uint64_t delay_in_waits; /* for a core, at the end of those waits ...        */
        uint64_t delay;          /* ... and at other times                           */
};

struct stopwatch {
        uint64_t       mark;
        uint64_t       delay; /* the thread's run delay when last looked at, if ever */
        struct stretch call;  /* the call of launch, until the work has ended       */
        uint64_t       times[TIME_COUNT];
        uint32_t       weight; /* requests that this one stands for                 */
};

/* When a request began, before there was room for its stopwatch. */
struct stopwatch_start {
        uint64_t mark, delay;
        uint32_t weight;
};

/* Whether it is this request's turn to be measured, of every n-th of the thread's in the session
 * with this tag; then it begins now. */
bool trib__stopwatch_start(struct stopwatch_start *out, uint32_t tag, uint32_t every,
                           bool is_inline);
void trib__stopwatch_begin(struct stopwatch *watch, const struct stopwatch_start *start);
void trib__stopwatch_end_part(struct stopwatch *watch, enum session_time part);
/* For a device that does not compute inside the launch: the call has returned, and then: the work
 * with this value has ended, or never began. */
void trib__stopwatch_end_call(struct stopwatch *watch);
void trib__stopwatch_end_work(struct stopwatch *watch, const struct trib__backend *backend,
                              trib__queue *queue, uint64_t value);
/* The request is not to be measured after all. */
void trib__stopwatch_stop(void);
/* The request is over, on the stream with this index: keep its parts for trib_thread_take_times,
 * and set how many requests come before the next that is measured. */
void trib__stopwatch_finish(const struct stopwatch *watch, uint32_t every, bool is_inline,
                            uint32_t stream);

/* End the current part of the request's time. NULL is fine. */
static inline void trib__stopwatch_end(struct stopwatch *watch, enum session_time part)
{
        if (__builtin_expect(watch != NULL, false))
                trib__stopwatch_end_part(watch, part);
}

#endif
