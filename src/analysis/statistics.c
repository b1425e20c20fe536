/* SPDX-License-Identifier: Apache-2.0 */
/* statistics.c: median and 95 % interval of the rounds of a point.
 *
 * From six rounds on, the interval is the exact one of a median by order statistics: between the
 * k-th smallest and the k-th largest, k the largest for which the binomial distribution leaves at
 * most 2.5 % on either side (Hahn and Meeker, "Statistical Intervals", section 5.2). Fewer rounds
 * cannot give 95 % that way; then it is Student's t around the median. One round gives none. */
#include <math.h>
#include <stdlib.h>

#include "analysis/analysis_priv.h"

double trib__student_t95(size_t degrees)
{
        static const double table[] = { 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                                        2.306,  2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
                                        2.131,  2.120, 2.110, 2.101, 2.093, 2.086, 2.080,
                                        2.074,  2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
                                        2.045,  2.042 };
        size_t              rows = sizeof(table) / sizeof(table[0]);
        double              d = (double)degrees;

        if (degrees == 0)
                return (double)INFINITY;
        if (degrees <= rows)
                return table[degrees - 1];
        /* Cornish-Fisher around the normal quantile: right to four digits beyond the table. */
        return 1.95996 + 2.37227 / d + 2.82250 / (d * d);
}

static int compare_doubles(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* log of n!, without the global that lgamma writes. */
static double log_factorial(double n)
{
        int sign;

        return lgamma_r(n + 1, &sign);
}

/* The largest k, counted from 1, with P(Binomial(count, 1/2) < k) <= 2.5 %; 0 when none. */
static size_t interval_rank(size_t count)
{
        double n = (double)count, below = 0;
        size_t k = 0;

        while (k < count) {
                double i = (double)k;

                below += exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i)
                             - n * log(2.0));
                if (below > 0.025)
                        break;
                k++;
        }
        return k;
}

double trib__rounds_median(double *values, size_t count, double ci95[2])
{
        double median, mean = 0, squares = 0, half;
        size_t rank;

        ci95[0] = ci95[1] = 0;
        if (count == 0)
                return 0;
        qsort(values, count, sizeof(*values), compare_doubles);
        median = count % 2 == 1 ? values[count / 2]
                                : (values[count / 2 - 1] + values[count / 2]) / 2;
        if (count == 1)
                return median;
        rank = interval_rank(count);
        if (rank > 0) {
                ci95[0] = values[rank - 1];
                ci95[1] = values[count - rank];
                return median;
        }
        for (size_t i = 0; i < count; i++)
                mean += values[i] / (double)count;
        for (size_t i = 0; i < count; i++)
                squares += (values[i] - mean) * (values[i] - mean);
        half = trib__student_t95(count - 1) * sqrt(squares / (double)(count - 1) / (double)count);
        ci95[0] = fmax(median - half, 0);
        ci95[1] = median + half;
        return median;
}

bool trib__point_has_ci(const struct trib__point *point)
{
        return point->ops_per_s_ci95[1] > 0 && point->ops_per_s_ci95[0] <= point->ops_per_s
               && point->ops_per_s <= point->ops_per_s_ci95[1];
}

bool trib__points_overlap(const struct trib__point *a, const struct trib__point *b)
{
        return trib__point_has_ci(a) && trib__point_has_ci(b)
               && a->ops_per_s_ci95[0] <= b->ops_per_s_ci95[1]
               && b->ops_per_s_ci95[0] <= a->ops_per_s_ci95[1];
}
