/* SPDX-License-Identifier: Apache-2.0 */
/* loadgen_priv.h: what the files of this folder share: one thread's part in a window, the order
 * of a round, and when a warm-up is over. */
#ifndef TRIB_LOADGEN_LOADGEN_PRIV_H
#define TRIB_LOADGEN_LOADGEN_PRIV_H

#include "base/random.h"
#include "loadgen/loadgen.h"

/* Read by all threads of a window, written by none. */
struct trib__window {
        const struct trib__target     *target;
        const struct trib__load_clock *clock;
        const trib__atomic_u32        *stop;
        uint64_t opens, closes; /* counted: requests that end in [opens, closes) */
        uint64_t limit;         /* end after so many requests; 0 = by time only  */
};

/* What one thread saw in one window. */
struct trib__tally {
        struct trib__histogram latency; /* of the counted requests that succeeded              */
        double     work;                /* successful requests done inside: the first and the
                                         * last by the part of their time that lies inside     */
        uint64_t   errors;              /* failed requests, wherever they ended                */
        uint64_t   checks, mismatches;  /* 0 or 1                                              */
        uint64_t   first_end, last_end; /* of the requests that ended at or after opens        */
        uint64_t   wall_ns, cpu_ns;     /* from first_end to last_end                          */
        uint64_t   asked_ns;            /* of the counted requests, all but a few short ones   */
        uint64_t   delay_ns;            /* of that: ready, and without a core ...              */
        bool       has_delay;           /* ... if that is known                                */
        trib_error first_error;
};

/* A thread that fails this often in a row leaves the window. */
#define TRIB__WINDOW_FAILURES_MAX 100u

/* The real clock. */
extern const struct trib__load_clock trib__load_clock_real;

/* One thread's part in a window: ask again and again until a request ends at or after closes. The
 * first answer before `opens` is thrown away; one clock reading per request. */
void trib__window_run(const struct trib__window *window, unsigned thread,
                      struct trib__tally *tally);

/* What: says in *err why a run that had begun ended early, by its status, which is given back. */
trib_status trib__load_ended(trib_status status, trib_error *err);

/* order[] becomes a random permutation of 0 .. count - 1. */
void trib__schedule_fill(size_t *order, size_t count, struct trib__random *random);

/* Windows in a row that must agree. */
#define TRIB__STEADY_WINDOWS 3u

/* Whether the last TRIB__STEADY_WINDOWS of the rates are above 0 and each within `tolerance`
 * (0.05 = 5 %) of their mean. */
bool trib__rates_are_steady(const double *rates, size_t count, double tolerance);

#endif
