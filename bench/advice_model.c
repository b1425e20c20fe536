/* SPDX-License-Identifier: Apache-2.0 */
/* advice_model.c: advice from a fifth of the measuring time against that from all of it, over
 * devices of tests/support/planned.h.
 *
 *     advice_model [COUNT [FIRST]]   COUNT (24) devices of each model, from seed FIRST (1) on: a
 *                                    line each; status 1 when more than one in 20 loses over 3 % */
#include <stdio.h>
#include <stdlib.h>

#include "planned.h"

#define LOSS 0.03
#define PART 0.20

static unsigned run(enum planned_truth truth, const char *name, uint64_t count, uint64_t first)
{
        unsigned kept = 0;
        double   parts = 0;

        printf("%s\n  seed  settings  windows  part of time   latency  production     batch       "
               "slo\n", name);
        for (uint64_t seed = first; seed < first + count; seed++) {
                struct planned_case  planned = { .seed = seed, .truth = truth, .batches = 4,
                                                 .kinds = 2 };
                struct planned_score score;
                double               most = 0;

                planned_fill(&planned);
                if (!planned_run(&planned, PART, &score))
                        return 0;
                for (int g = 0; g < TRIB__GOALS; g++)
                        most = score.loss[g] > most ? score.loss[g] : most;
                kept += most <= LOSS && score.part <= PART;
                parts += score.part / (double)count;
                printf("%6llu  %2zu of %zu  %7zu  %10.1f %%  %6.1f %%  %8.1f %%  %6.1f %%  %6.1f %%"
                       "%s\n",
                       (unsigned long long)seed, score.settings, planned.surface.count,
                       score.windows, 100 * score.part, 100 * score.loss[TRIB__GOAL_LATENCY],
                       100 * score.loss[TRIB__GOAL_PRODUCTION], 100 * score.loss[TRIB__GOAL_BATCH],
                       100 * score.loss[TRIB__GOAL_SLO], most <= LOSS ? "" : "  missed");
        }
        printf("%u of %llu within %.0f %% in every goal, in %.1f %% of the time on average, "
               "%.0f %% at most\n\n",
               kept, (unsigned long long)count, 100 * LOSS, 100 * parts, 100 * PART);
        return kept;
}

int main(int argc, char **argv)
{
        uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 24;
        uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
        unsigned kept = run(PLANNED_EVENTS, "discrete-event model", count, first);

        kept += run(PLANNED_NETWORK, "network of resources", count, first);
        return kept * 20 >= 2 * count * 19 ? 0 : 1;
}
