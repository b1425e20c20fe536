/* SPDX-License-Identifier: Apache-2.0 */
/* repeat.c: the interval that a point is reported with: where the median lies when the same command
 * is run again.
 *
 * The 95 % interval of a median (statistics.c) holds the true one in 95 % of runs. The median of a
 * second run scatters as well, and is held in fewer: in 83 to 93 % by the number of rounds, where
 * rounds scatter evenly and nothing changes between the runs. So each side is sqrt(2) times as
 * long, which holds it in 93 to 97 %. And something does change: clocks, temperature, where the
 * system puts the memory. What of it the rounds of one run cannot show is taken as half the drift
 * of the run's baseline, at least REPEAT_LEAST, and is added in squares:
 *
 *     side = sqrt((sqrt(2) side of the median)^2 + (1.96 sqrt(2) between)^2)
 *
 * Pure. */
#include <math.h>

#include "analysis/analysis_priv.h"

/* The standard deviation, relative, that runs on a quiet machine differ by at the least. */
#define REPEAT_LEAST 0.002

static double side(double within, double between)
{
        return sqrt(2.0) * hypot(within, 1.96 * between);
}

void trib__repeat_interval(double median, double drift, double ci95[2])
{
        double between = median * fmax(REPEAT_LEAST, fabs(drift) / 2);

        if (!(ci95[1] > 0))
                return;
        ci95[0] = fmax(0, median - side(median - ci95[0], between));
        ci95[1] = median + side(ci95[1] - median, between);
}

double trib__baseline_drift(const struct trib__baseline *baseline)
{
        if (!baseline->is_measured || !(baseline->first_ops_per_s > 0)
            || !(baseline->last_ops_per_s > 0))
                return 0;
        return log(baseline->last_ops_per_s / baseline->first_ops_per_s);
}
