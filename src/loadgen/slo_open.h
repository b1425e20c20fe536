/* SPDX-License-Identifier: Apache-2.0 */
/* slo_open.h: the highest rate that keeps a service level, measured: the search of slo.h over the
 * open loop of open_loop.h. This is what `bench --slo`, and advice for a stated service level, call
 * for each setting (threads, precision, batch, ...) that they compare:
 *
 *     struct trib__slo_plan plan = { .target = target, .threads = 8, .slo = &slo,
 *                                    .arrivals = TRIB__ARRIVALS_POISSON, .seed = 1,
 *                                    .seconds = 10, .ceiling = closed_loop_ops_per_s };
 *     struct trib__slo_outcome outcome = { .best = &best, .scratch = &scratch };
 *
 *     status = trib__slo_open(crew, &plan, &outcome, &err);
 *
 * outcome.kept.rate is then the rate, outcome.kept.quantile_ns[] the percentiles there,
 * outcome.failed.rate the first rate that was not kept, and *outcome.best (a struct
 * trib__open_result, large: not for the stack) everything that was measured at the kept rate.
 * The target must be warm; `ceiling` is what the same threads do in a closed loop. */
#ifndef TRIB_LOADGEN_SLO_OPEN_H
#define TRIB_LOADGEN_SLO_OPEN_H

#include "loadgen/slo.h"

struct trib__slo_plan {
        const struct trib__target *target;
        unsigned                   threads;
        const struct trib__slo    *slo;
        trib__arrivals_kind        arrivals; /* constant or Poisson                              */
        uint64_t                   seed;
        double                     seconds;  /* the whole search takes about this long at most   */
        double                     ceiling;  /* the highest rate to try                          */
        const trib__atomic_u32    *stop;
        void (*progress)(void *context, double rate, double left_seconds); /* or NULL            */
        void                      *progress_context;
};

/* Before the counted stretch of a look a queue settles, for this part of it. */
#define TRIB__SLO_SETTLE_PART 0.25

/* How long the counted stretch of a look is: enough requests, and many times the longest bound,
 * as requests that queue behind each other are late together. */
double trib__slo_look_seconds(const struct trib__slo *slo, double seconds, double rate);

/* Seconds that a search needs to come to an end at this ceiling, roughly. */
double trib__slo_seconds_needed(const struct trib__slo *slo, double ceiling);

/* What: searches.
 * Threads: one; the crew must be idle and have plan->threads.
 * Blocks: for plan->seconds and the drain of one window.
 * Errors: those of trib__open_run and trib__slo_search_run; TRIB_CANCELLED: the outcome holds the
 * trials that were done. */
TRIB_MUST_USE trib_status trib__slo_open(struct trib__crew *crew, const struct trib__slo_plan *plan,
                                         struct trib__slo_outcome *outcome, trib_error *err);

#endif
