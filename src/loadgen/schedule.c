/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c: the order of the points in a round, and when a warm-up is over. */
#include <math.h>

#include "loadgen/loadgen_priv.h"

void trib__schedule_fill(size_t *order, size_t count, struct trib__random *random)
{
        for (size_t i = 0; i < count; i++) {
                size_t other = trib__random_below(random, (uint32_t)(i + 1));

                order[i] = order[other];
                order[other] = i;
        }
}

bool trib__rates_are_steady(const double *rates, size_t count, double tolerance)
{
        const double *last;
        double        mean = 0;

        if (count < TRIB__STEADY_WINDOWS)
                return false;
        last = rates + (count - TRIB__STEADY_WINDOWS);
        for (size_t i = 0; i < TRIB__STEADY_WINDOWS; i++) {
                if (!(last[i] > 0))
                        return false;
                mean += last[i] / TRIB__STEADY_WINDOWS;
        }
        for (size_t i = 0; i < TRIB__STEADY_WINDOWS; i++)
                if (fabs(last[i] - mean) > tolerance * mean)
                        return false;
        return true;
}
