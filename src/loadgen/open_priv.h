/* SPDX-License-Identifier: Apache-2.0 */
/* open_priv.h: one window of an open loop, and one thread's part in it; a test drives the parts of
 * several threads in a time of its own. */
#ifndef TRIB_LOADGEN_OPEN_PRIV_H
#define TRIB_LOADGEN_OPEN_PRIV_H

#include "base/atomic.h"
#include "loadgen/open_loop.h"

/* A mark: the bits of the bounds, and half bounds, that the arrival's latency was above, and that
 * it came. */
#define TRIB__OPEN_CAME 0x8000u
#define TRIB__OPEN_OVER(bound) (1u << (bound))
#define TRIB__OPEN_OVER_HALF(bound) (0x100u << (bound))

struct trib__open_window {
        /* Alone on its line, wherever the window lies: every thread adds to it, once a request. */
        trib__atomic_u64 next;
        char apart_1[TRIB__CACHE_LINE];
        /* Alone on its line: written at most once a thread. Not 0: the window is over. */
        trib__atomic_u32 is_hopeless;
        char apart_2[TRIB__CACHE_LINE];

        /* Fixed while the threads run. */
        const struct trib__open_plan *plan;
        const struct trib__load_clock *clock;
        trib__open_pause pause;
        const uint64_t  *moments;       /* from `begins`, ascending                      */
        uint16_t        *marks;         /* of each arrival, written by the thread that took it */
        size_t           count;
        size_t           first_counted; /* index                                        */
        uint64_t         begins;        /* moment 0                                      */
        uint64_t         closes;        /* end of the counted stretch                    */
        uint64_t         gives_up;      /* nothing is begun from then on                 */
        uint64_t         spin_ns;
};

/* What one thread saw. */
struct trib__open_tally {
        struct trib__histogram latency, late, waited;
        uint64_t asked, answered, errors;
        uint64_t backlog_max;
        uint64_t last_end;          /* of the counted requests; 0 = none                 */
        uint64_t busy_ns, idle_ns;
        uint64_t began, ended;
        uint64_t checks, mismatches;
        trib_error first_error;
        trib_status last_status;
};

/* What: takes the next arrival, waits for its moment, asks, and counts. False when there was none
 * left, or it is too late for it, or the window was stopped. */
bool trib__open_take(struct trib__open_window *window, unsigned thread,
                     struct trib__open_tally *tally);

/* What: counts the arrivals that no thread began, then adds the threads' tallies to the result.
 * `now` is when the last thread ended. */
void trib__open_collect(const struct trib__open_window *window, struct trib__open_tally *tallies,
                        uint64_t now, struct trib__open_result *result);

#endif
