/* SPDX-License-Identifier: Apache-2.0 */
/* law.h: which scaling law the points bear, and what it predicts.
 *
 * Three nested laws of throughput X at N threads, each the next one with a parameter at 0:
 *
 *     linear   X = lambda N
 *     Amdahl   X = lambda N / (1 + sigma (N-1))
 *     USL      X = lambda N / (1 + sigma (N-1) + kappa N (N-1))
 *
 * The one that is chosen is the simplest that the next richer one does not improve upon: a
 * parameter is kept if leaving it out raises the weighted sum of squares by more than
 * t^2 s^2, with t the 95 % quantile of Student's t (the F test of one parameter). s^2 is the
 * variance about the USL; where the points' own errors are known it is not below 1 in their
 * units (Birge's ratio), so that a lucky fit does not claim more than the rounds bear.
 *
 * Intervals of predictions and of the peak are profile likelihood intervals: every value for
 * which some sigma, kappa >= 0 keep the sum of squares within t^2 s^2 of the least (Bates and
 * Watts, "Nonlinear Regression Analysis", section 6.1). They take the whole USL, whichever law
 * was chosen: points that show no fall yet do not prove that there is none. */
#ifndef TRIB_ANALYSIS_LAW_H
#define TRIB_ANALYSIS_LAW_H

#include "analysis/usl.h"

struct trib__law_data {
        const struct trib__usl_point *points; /* each with a thread count of its own          */
        size_t count;
        bool   has_errors;   /* weights are 1 / squared standard error, not only in proportion */
        size_t error_degrees; /* of freedom of these errors: rounds beyond one, summed          */
};

/* What: fits, chooses the law, and gives fit->law, law_why, peak_ci95 and the parameters of the
 * chosen law; everything else as trib__usl_fit.
 * Threads: any.   Blocks: no; some ms. */
void trib__law_fit(const struct trib__law_data *data, struct trib__fit *fit);

/* What: X(threads) by the chosen law with its 95 % interval, for the mean of many rounds there.
 * out->is_borne is false, and out->why says why, where the data cannot bear it: beyond 4 times
 * the most threads measured, or with an interval wider than the value itself. `fit` is of the
 * same data.
 * Threads: any.   Blocks: no; some ms. */
void trib__law_predict(const struct trib__law_data *data, const struct trib__fit *fit,
                       double threads, struct trib__prediction *out);

#endif
