/* SPDX-License-Identifier: Apache-2.0 */
/* slo_open.c: looks of the search as windows of an open loop. Holds no lock. */
#include "loadgen/slo_open.h"

#include <math.h>

#include "base/clock.h"

/* More requests than a look needs at least, so that a few longer ones still show something. */
#define LOOK_REQUESTS 1.25
#define LOOK_SECONDS_MIN 0.1
#define LOOK_BOUNDS 50.0
#define LOOK_PART_MAX 0.06 /* of the search, for the sake of a long bound */
/* Where there is time for more looks than this, they are longer instead. */
#define LOOKS_OF_SEARCH 80.0
#define LOOKS_NEEDED 32.0
#define SECONDS_USUAL 20.0

#define DRAIN_SECONDS 0.5

/* A request this many bounds late shows that the rate is hopeless. */
#define HOPELESS_BOUNDS 20
#define HOPELESS_NS_MIN UINT64_C(100000000)

struct asking {
        struct trib__crew           *crew;
        const struct trib__slo_plan *plan;
        uint64_t                     ends;
        uint64_t                     looks; /* so far: each has other arrivals */
};

double trib__slo_look_seconds(const struct trib__slo *slo, double seconds, double rate)
{
        double longest = LOOK_SECONDS_MIN;

        for (size_t i = 0; i < slo->count; i++)
                longest = fmax(longest, fmin(LOOK_BOUNDS * 1e-9 * (double)slo->bounds[i].ns,
                                             LOOK_PART_MAX * seconds));
        return fmax(fmax(LOOK_REQUESTS * (double)trib__slo_requests(slo) / rate, longest),
                    seconds / LOOKS_OF_SEARCH);
}

static double seconds_of(void *context, double rate)
{
        const struct asking *asking = context;

        return trib__slo_look_seconds(asking->plan->slo, asking->plan->seconds, rate)
                       * (1 + TRIB__SLO_SETTLE_PART)
               + 0.01;
}

static double seconds_left(void *context)
{
        const struct asking *asking = context;
        uint64_t             now = trib__now();

        return now < asking->ends ? (double)(asking->ends - now) * 1e-9 : 0;
}

static trib_status look(void *context, double rate, unsigned number,
                        struct trib__open_result *seen, trib_error *err)
{
        struct asking               *asking = context;
        const struct trib__slo_plan *plan = asking->plan;
        double   seconds = trib__slo_look_seconds(plan->slo, plan->seconds, rate);
        uint64_t seed = trib__open_seed(plan->seed, asking->looks);
        struct trib__open_plan open = {
                .target = plan->target,
                .threads = plan->threads,
                .arrivals = { plan->arrivals, rate, seed },
                .rounds = 1,
                .window_ns = (uint64_t)(seconds * 1e9),
                .settle_ns = (uint64_t)(seconds * TRIB__SLO_SETTLE_PART * 1e9),
                .drain_ns = (uint64_t)(DRAIN_SECONDS * 1e9),
                .bound_count = plan->slo->count,
                .deadline = TRIB__NEVER,
                .stop = plan->stop,
        };

        (void)number;
        asking->looks++;
        for (size_t i = 0; i < plan->slo->count; i++) {
                uint64_t bound = plan->slo->bounds[i].ns;

                open.bounds[i] = bound;
                open.hopeless_ns = bound * HOPELESS_BOUNDS > open.hopeless_ns
                                           ? bound * HOPELESS_BOUNDS
                                           : open.hopeless_ns;
                open.drain_ns = 2 * bound > open.drain_ns ? 2 * bound : open.drain_ns;
        }
        if (open.hopeless_ns < HOPELESS_NS_MIN)
                open.hopeless_ns = HOPELESS_NS_MIN;
        if (plan->progress != NULL)
                plan->progress(plan->progress_context, rate, seconds_left(asking));
        return trib__open_run(asking->crew, &open, seen, err);
}

double trib__slo_seconds_needed(const struct trib__slo *slo, double ceiling)
{
        return LOOKS_NEEDED * (1 + TRIB__SLO_SETTLE_PART)
               * trib__slo_look_seconds(slo, SECONDS_USUAL, 0.6 * ceiling);
}

trib_status trib__slo_open(struct trib__crew *crew, const struct trib__slo_plan *plan,
                           struct trib__slo_outcome *outcome, trib_error *err)
{
        struct asking asking = { crew, plan,
                                 trib__deadline_after((uint64_t)(plan->seconds * 1e9)), 0 };
        const struct trib__slo_search search = {
                .slo = plan->slo,
                .asker = { look, seconds_left, seconds_of, &asking },
                .ceiling = fmin(plan->ceiling, TRIB__ARRIVALS_RATE_MAX),
        };

        return trib__slo_search_run(&search, outcome, err);
}
