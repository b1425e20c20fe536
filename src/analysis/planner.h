/* SPDX-License-Identifier: Apache-2.0 */
/* planner.h: which setting to measure next, so that the advice is found without measuring all.
 *
 * A *setting* is a thread count, a batch, and a kind (precision and policy). A *window* is one
 * measurement of a setting. A *goal* picks one setting from the throughput and the latency of all:
 *
 *     latency     the greatest power: throughput / mean latency
 *     production  the knee of the throughput over threads, at the best batch and kind for each
 *     batch       the fewest threads at 98 % of the highest throughput
 *     slo         the highest throughput whose p99 keeps the objective
 *
 * Throughput counts samples (requests x batch), so that batches compare. What was measured so far
 * makes some surfaces of throughput and p99 likely (surrogate.h); the planner draws
 * TRIB__PLANNER_DRAWS of them, looks at how much each goal's pick would lose on each, and asks for
 * a window at the setting that decides most. It is done when no draw loses more than 0.5 % by any
 * pick and what lies beside each pick was seen, or when its time is spent.
 *
 *     while (trib__planner_next(planner, &setting))
 *             ... measure one window there ...
 *             trib__planner_add(planner, &seen);
 *     trib__planner_choose(planner, TRIB__GOAL_BATCH, &choice);
 *
 * Pure: the same seed and the same measurements give the same plan. Locks: none; a planner belongs
 * to one thread. */
#ifndef TRIB_ANALYSIS_PLANNER_H
#define TRIB_ANALYSIS_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>

#define TRIB__PLANNER_SETTINGS_MAX 256u
#define TRIB__PLANNER_DRAWS 64u

typedef enum trib__goal {
        TRIB__GOAL_LATENCY,
        TRIB__GOAL_PRODUCTION,
        TRIB__GOAL_BATCH,
        TRIB__GOAL_SLO,
        TRIB__GOALS
} trib__goal;

struct trib__setting {
        unsigned threads;
        double   batch; /* samples of a request */
        unsigned kind;
};

/* All settings with what is known or believed of each. */
struct trib__surface {
        const struct trib__setting *settings;
        size_t        count;
        const double *log_rate; /* of samples per second                        */
        const double *log_tail; /* of p99 / mean latency; may be NULL: no SLO   */
        double        slo_us;   /* 0: none                                      */
};

/* What: the goal's pick on a surface, and how much of the goal another setting loses against it:
 * 0 to 1, 0.03 = 3 %. No setting keeps the objective: the one with the lowest p99.
 * Threads: any (so for all below).   Blocks: no. */
size_t trib__goal_pick(trib__goal goal, const struct trib__surface *surface);
double trib__goal_loss(trib__goal goal, const struct trib__surface *surface, size_t pick,
                       size_t setting);

struct trib__planner_options {
        const struct trib__setting *settings; /* each once; copied */
        size_t   count;
        unsigned windows;    /* of a setting when all are measured: never more at one         */
        double   window_s;   /* what one window takes ...                                     */
        double   setup_s;    /* ... and what the first at a setting takes beside              */
        double   budget_s;   /* spend no more                                                 */
        double   slo_us;     /* a p99 to keep; 0: none                                        */
        uint64_t seed;
};

struct trib__planner;

/* What one window gave. */
struct trib__seen {
        size_t setting;
        double ops_per_s; /* requests, not samples           */
        double p99_us;    /* 0: not known                    */
        double seconds;   /* that measuring took, with setup */
};

/* What: a planner that has seen nothing.
 * Ownership: the caller destroys *out; NULL on failure.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__planner_create(const struct trib__planner_options *options,
                                               struct trib__planner **out, trib_error *err);
void trib__planner_destroy(struct trib__planner *planner); /* NULL is fine */

/* What: the setting to measure for one more window; false when done. Blocks: some ms. */
bool trib__planner_next(struct trib__planner *planner, size_t *setting);

/* What: takes a window in; one whose throughput is not above 0 is left out of what is learnt, and
 * the setting is not asked for again. */
void trib__planner_add(struct trib__planner *planner, const struct trib__seen *seen);

struct trib__choice {
        size_t setting;
        double ops_per_s, ops_ci95[2]; /* expected, with what is likely of it */
        double p99_us, p99_ci95[2];    /* 0: not known                        */
        bool   is_measured;            /* at least one window was             */
        bool   is_kept;                /* slo: whether the objective is expected to be kept */
        double doubt;                  /* part of the draws by which this loses over 3 %    */
};

/* What: the goal's setting, of those expected best by now; false when nothing was seen, or the
 * goal is slo and none was stated. */
bool trib__planner_choose(struct trib__planner *planner, trib__goal goal,
                          struct trib__choice *out);

struct trib__plan_facts;

/* What: the settings of a run's plan, in the order of its lists: precision (the kind), batch,
 * threads. 0 when there are more than `most`. */
size_t trib__plan_settings(const struct trib__plan_facts *plan, struct trib__setting *settings,
                           size_t most);

/* What it has cost so far. */
double trib__planner_spent(const struct trib__planner *planner);

#endif
