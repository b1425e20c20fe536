/* SPDX-License-Identifier: Apache-2.0 */
/* open_loop.h: drives load that does not wait for answers, and measures it.
 *
 * The arrivals of a window are one list of moments, fixed before it begins. The threads of a
 * crew take them in order: a free thread takes the next one, sleeps until its moment, and asks.
 * Latency counts from the intended moment, so that time in which a request waited because all
 * threads were busy, or because its thread woke late, is part of it: nothing is left out because
 * the target was slow (no coordinated omission). The two kinds of lateness are told apart:
 *
 *     late    the thread slept until the moment and woke behind it: the load generator, or a
 *             machine without a free core
 *     waited  no thread was free at the moment: the queue in front of the threads
 *
 * A window is a stretch of settling, whose requests are not counted, and the counted stretch. At
 * its end the backlog is worked off for a while; a request that was not begun by then is
 * *unfinished*: it enters the latencies with its age, which is a lower bound of its latency.
 *
 * Locks: none. A plan and its result belong to one thread, the one that calls trib__open_run. */
#ifndef TRIB_LOADGEN_OPEN_LOOP_H
#define TRIB_LOADGEN_OPEN_LOOP_H

#include "loadgen/arrivals.h"
#include "loadgen/loadgen.h"

#define TRIB__OPEN_BOUNDS_MAX 4u
#define TRIB__OPEN_BATCHES 16u /* equal parts of a window's counted requests */

/* Sleeps until about `moment`, then spins for at most spin_ns; may come back early. */
typedef void (*trib__open_pause)(void *context, uint64_t moment, uint64_t spin_ns);

/* The machine's: clock_nanosleep to an absolute time. */
void trib__open_pause_real(void *context, uint64_t moment, uint64_t spin_ns);

struct trib__open_plan {
        const struct trib__target *target;
        unsigned              threads;   /* that many requests are in the target at most        */
        struct trib__arrivals arrivals;
        size_t                at_once;   /* arrivals AT_ONCE: how many                          */
        unsigned              rounds;    /* windows, 1 .. TRIB__LOAD_ROUNDS_MAX                 */
        uint64_t              window_ns; /* of each, counted                                    */
        uint64_t              settle_ns; /* before it, not counted                              */
        uint64_t              drain_ns;  /* behind it: when what was not begun is unfinished    */
        uint64_t              hopeless_ns; /* a request that begins this late ends its window;
                                          * 0 = never                                          */
        uint64_t              bounds[TRIB__OPEN_BOUNDS_MAX]; /* count latencies above these, ns */
        size_t                bound_count;
        uint64_t              deadline;  /* no window is begun that would end later             */
        const trib__atomic_u32 *stop;    /* not 0: end soon                                     */
        void (*progress)(void *context, unsigned round, double left_seconds); /* or NULL        */
        void                 *progress_context;
        const struct trib__load_clock *clock; /* NULL: the machine's                            */
        trib__open_pause      pause;     /* NULL: the machine's                                 */
};

/* The latencies above a bound, and how they gather. A *run* is one of arrivals in a row (but for
 * single ones between) that were all longer. */
struct trib__open_over {
        uint64_t count;      /* latencies above the bound, failed and unfinished requests        */
        double   square;     /* sum over batches of (count of the batch)^2 / (its requests)      */
        double   run_square; /* sum over runs of (their lengths)^2                               */
        uint64_t half_count; /* the same of latencies above half the bound, of which there are   */
        double   half_run_square; /* more: how long such runs are when none was above it        */
};

/* Of all windows together. Requests are counted by their intended start. */
struct trib__open_result {
        double   rounds[TRIB__LOAD_ROUNDS_MAX]; /* answered per second of each window           */
        size_t   round_count;
        uint64_t intended;
        uint64_t answered;                      /* well                                         */
        uint64_t errors;                        /* failed                                       */
        uint64_t unfinished;                    /* never begun                                  */
        struct trib__histogram latency;         /* ns from the intended start; with unfinished  */
        struct trib__histogram late;            /* ns, of those that a thread slept for         */
        struct trib__histogram waited;          /* ns, of those that no thread slept for        */
        uint64_t backlog_max;                   /* requests due and not begun at one moment     */
        uint64_t drained_ns;                    /* longest work behind the end of a window      */
        uint64_t busy_ns, idle_ns, wall_ns;     /* of all threads: in requests, asleep, in all  */
        struct trib__open_over over[TRIB__OPEN_BOUNDS_MAX];
        uint64_t batches;                       /* that had requests                            */
        bool     is_hopeless;                   /* a window was ended for hopeless_ns           */
        bool     is_backlogged;                 /* what was left at the end of a window took
                                                 * more than a tenth of it to work off          */
        uint64_t checks, mismatches;
        trib_error first_error;
};

/* What: runs the windows of the plan and adds to *result, which is zero or from an earlier call
 * with the same bounds. Windows get different moments: round r of seed s those of
 * trib__open_seed(s, r).
 * Threads: one; the crew must be idle and have plan->threads.
 * Blocks: until done, stopped or out of time.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_CANCELLED, TRIB_TIMED_OUT (what was
 * measured is there), TRIB_DEVICE_ERROR (a window in which every request failed by its timeout). */
TRIB_MUST_USE trib_status trib__open_run(struct trib__crew *crew,
                                         const struct trib__open_plan *plan,
                                         struct trib__open_result *result, trib_error *err);

/* The seed of a window's arrivals. */
uint64_t trib__open_seed(uint64_t seed, uint64_t round);

/* The part of the threads' waking time that they spent neither in requests nor waiting for the
 * next moment: what the load generator itself took. */
double trib__open_own_part(const struct trib__open_result *result);

#endif
