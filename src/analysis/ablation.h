/* SPDX-License-Identifier: Apache-2.0 */
/* ablation.h: what one setting is worth: variants of it measured in the same rounds.
 *
 * A *variant* is a value of the option with a session of its own (and a device of its own where
 * the option is the device's); everything else is as in the rest of the run. The points of all
 * variants are measured in the same interleaved rounds, so a disturbance of the machine meets all
 * of them.
 *
 * The difference of a variant to the first, at one thread count: with x[r] and y[r] the
 * throughputs of the two in round r and d[r] = ln(x[r] / y[r]), paired because a round meets both
 * at nearly the same time, the difference is exp(D) - 1, where
 *
 *     6 to 100 rounds:  D is the median of all means (d[i] + d[j]) / 2, i <= j (Hodges and
 *                       Lehmann); its 95 % interval ends at the k-th smallest and the k-th
 *                       largest of them, k by the signed rank distribution (Wilcoxon). A round
 *                       that the machine disturbed moves neither far.
 *     otherwise:        D is the mean of d, its interval D -+ t s / sqrt(n), s the standard
 *                       deviation of d, n the number of rounds, t the 95 % quantile of Student's
 *                       t with n - 1 degrees of freedom.
 *
 * Where the interval contains zero, no difference is shown. Each interval stands alone: of twenty
 * that are looked at, one misses on average.
 */
#ifndef TRIB_ANALYSIS_ABLATION_H
#define TRIB_ANALYSIS_ABLATION_H

#include "analysis/measurements.h"

/* What: the difference above of x to y; rounds go by their place, the longer list's rest is left
 * out. out->is_present is false with fewer than two rounds, or one that is not above 0. */
void trib__difference_of_rounds(const double *x, size_t x_count, const double *y, size_t y_count,
                                struct trib__difference *out);

/* What: append an ablation without variants, and to one a variant without points; *out stays
 * valid as long as the results do.
 * Errors: TRIB_OUT_OF_MEMORY, TRIB_OVERFLOW beyond TRIB__ABLATIONS_MAX, TRIB__VARIANTS_MAX. */
TRIB_MUST_USE trib_status trib__results_add_ablation(struct trib__results *results,
                                                     const char *option,
                                                     struct trib__ablation **out,
                                                     trib_error *err);
TRIB_MUST_USE trib_status trib__ablation_add_variant(struct trib__ablation *ablation,
                                                     const char *value,
                                                     struct trib__variant **out,
                                                     trib_error *err);

/* What: move every ablation of `from` to the end of `into`. Those that do not fit stay. */
void trib__ablations_adopt(struct trib__results *into, struct trib__results *from);

/* What: free them; the results then have none. */
void trib__ablations_destroy(struct trib__results *results);

/* What: the "Concluded" members of all ablations, but for medians and intervals of points. */
void trib__conclude_ablations(struct trib__results *results);

#endif
