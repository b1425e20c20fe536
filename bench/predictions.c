/* SPDX-License-Identifier: Apache-2.0 */
/* predictions.c: how well throughput at 8 and 16 threads is predicted from 1 to 4, over random
 * machines, by the discrete-event model of tests/support.
 *
 *     predictions check COUNT [FIRST]   predict COUNT machines, from seed FIRST (1) on, and say how
 *                                       many predictions are right; status 1 when too few are
 *     predictions describe SEED RESUME_US THREADS...   a machine as a simulated device, and its
 *                                       throughput by the model, as JSON: for planted.py */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "held_out.h"

/* What is promised. */
#define ERROR_MOST 0.10
#define COVERED_LEAST 0.90
#define RIGHT_LEAST 0.95 /* of the predictions are within ERROR_MOST */

struct score {
        unsigned predictions, right, covered;
        double   errors[4096];
};

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void add(struct score *score, uint64_t seed, const struct held_out *held)
{
        for (unsigned i = 0; i < HELD_OUT_COUNT; i++) {
                double error = fabs(held->at[i].error);
                bool   is_right = error <= ERROR_MOST;

                if (score->predictions < 4096)
                        score->errors[score->predictions] = error;
                score->predictions++;
                score->right += is_right;
                score->covered += held->at[i].is_covered;
                if (!is_right || !held->at[i].is_covered)
                        printf("seed %4llu, %2u threads: %9.1f ops/s, predicted %9.1f (%+.1f %%), "
                               "95 %% %.1f .. %.1f%s; %s\n",
                               (unsigned long long)seed, held->at[i].threads, held->at[i].truth,
                               held->at[i].predicted, 100 * held->at[i].error, held->at[i].low,
                               held->at[i].high, held->at[i].is_covered ? "" : ": not covered",
                               held->primary);
        }
}

static int check(uint64_t count, uint64_t first)
{
        static struct score score;
        struct held_out     held;
        double              right, covered;

        for (uint64_t seed = first; seed < first + count; seed++) {
                if (held_out_run(seed, &held))
                        add(&score, seed, &held);
                else
                        printf("seed %llu: nothing is predicted\n", (unsigned long long)seed);
        }
        if (score.predictions == 0 || score.predictions > 4096)
                return 1;
        qsort(score.errors, score.predictions, sizeof(score.errors[0]), compare);
        right = score.right / (2.0 * (double)count);
        covered = score.covered / (2.0 * (double)count);
        printf("%llu machines, %u predictions: %.1f %% within %.0f %%, %.1f %% in their interval; "
               "error: median %.2f %%, 95th percentile %.1f %%, largest %.1f %%\n",
               (unsigned long long)count, score.predictions, 100 * right, 100 * ERROR_MOST,
               100 * covered, 100 * score.errors[score.predictions / 2],
               100 * score.errors[score.predictions * 95 / 100],
               100 * score.errors[score.predictions - 1]);
        return right >= RIGHT_LEAST && covered >= COVERED_LEAST ? 0 : 1;
}

static int describe(uint64_t seed, double resume_us, int count, char **threads)
{
        struct loop_machine machine;
        char                name[512];
        const char         *workload;

        held_out_machine(seed, &machine);
        if (!held_out_device(&machine, name, sizeof(name), &workload))
                return 1;
        machine.resume_us = resume_us;
        printf("{\"device\": \"%s\", \"workload\": \"%s\", \"ops_per_s\": {", name, workload);
        for (int i = 0; i < count; i++) {
                struct loop_plan plan = { .threads = (unsigned)atoi(threads[i]), .rounds = 1,
                                          .requests = 400, .seed = seed };
                struct loop_run  run;

                if (plan.threads < 1 || plan.threads > LOOP_THREADS_MAX)
                        return 2;
                loop_measure(&machine, &plan, &run);
                printf("%s\"%u\": %.3f", i > 0 ? ", " : "", plan.threads, run.ops_per_s);
        }
        printf("}}\n");
        return 0;
}

int main(int argc, char **argv)
{
        if (argc >= 3 && strcmp(argv[1], "check") == 0)
                return check(strtoull(argv[2], NULL, 10),
                             argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
        if (argc >= 5 && strcmp(argv[1], "describe") == 0)
                return describe(strtoull(argv[2], NULL, 10), atof(argv[3]), argc - 4, argv + 4);
        fprintf(stderr, "usage: predictions check COUNT [FIRST]\n"
                        "       predictions describe SEED RESUME_US THREADS...\n");
        return 2;
}
