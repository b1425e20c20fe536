/* SPDX-License-Identifier: Apache-2.0 */
/* usl.h: the Universal Scalability Law of N. Gunther,
 *
 *     X(N) = lambda N / (1 + sigma (N-1) + kappa N (N-1)),   sigma, kappa >= 0
 *
 * lambda is the throughput of one thread, sigma the serial fraction (contention), kappa the cost
 * of agreement between threads (coherency). kappa > 0 makes throughput fall beyond a peak. */
#ifndef TRIB_ANALYSIS_USL_H
#define TRIB_ANALYSIS_USL_H

#include "analysis/measurements.h"

struct trib__usl_point {
        double threads;
        double ops_per_s;
        double weight; /* 1 / variance, up to a common factor */
};

/* Three parameters need at least one point more, or there is nothing left to judge the fit by. */
#define TRIB__USL_POINTS_MIN 4u

/* What: weighted non-linear least squares. fit->is_present says whether there is one, and
 * fit->reason why not. Never fails otherwise. Points must have different thread counts.
 * Threads: any.   Blocks: no; at most some ms for the largest sweep. */
void trib__usl_fit(const struct trib__usl_point *points, size_t count, struct trib__fit *fit);

/* What: the same for a chosen set of free parameters, the others being 0 (lambda is always free):
 * the weighted sum of squares at the optimum, INFINITY where there is none. `parameters` gets
 * lambda, sigma, kappa. */
double trib__usl_fit_set(const struct trib__usl_point *points, size_t count, bool has_sigma,
                         bool has_kappa, double parameters[3]);

/* What: turns a fit that is present into that of a simpler law, with kappa 0, and sigma 0 too if
 * `has_sigma` is false; its intervals are those of the parameters that are left. */
void trib__usl_narrow(const struct trib__usl_point *points, size_t count, bool has_sigma,
                      struct trib__fit *fit);

/* X(threads) of a fit. */
double trib__usl_throughput(const struct trib__fit *fit, double threads);

#endif
