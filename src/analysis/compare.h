/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h: two runs of the same points against each other: what became slower, what faster.
 *
 * Points are matched by workload, policy, precision, kind of sweep and thread count. The change of
 * one point, with a[i] and b[j] the throughputs of the rounds before and after:
 *
 *     d      = mean ln b - mean ln a
 *     se^2   = s_a^2 / n_a + s_b^2 / n_b + v_a + v_b
 *     change = exp(d) - 1, 95 % interval exp(d -+ t se) - 1
 *
 * v is what passes between the rounds of a run and not within: the square of half the drift of the
 * run's baseline, ln(last / first) / 2, of the sweep where it was measured, else of all. t is
 * Student's, by Welch's degrees of freedom. A point without rounds counts by its interval, as if
 * of three rounds; without an interval nothing is said of it.
 *
 * Many points are judged at once, so a verdict is by Holm's step-down: the k-th smallest of m
 * probabilities is multiplied by m - k + 1, and a change is shown where the product, and all
 * before it, stay below 5 %. The chance that any verdict of a comparison is wrong is then 5 %. */
#ifndef TRIB_ANALYSIS_COMPARE_H
#define TRIB_ANALYSIS_COMPARE_H

#include "analysis/measurements.h"

typedef enum trib__verdict {
        TRIB__VERDICT_SAME,        /* no difference shown            */
        TRIB__VERDICT_REGRESSION,  /* shown to be slower             */
        TRIB__VERDICT_IMPROVEMENT, /* shown to be faster             */
        TRIB__VERDICT_NONE         /* no interval: nothing is judged */
} trib__verdict;

struct trib__change {
        const struct trib__sweep *sweep; /* of the run after */
        const struct trib__point *before, *after;
        double        percent;
        double        ci95[2];  /* percent; {0, 0} when nothing is judged     */
        double        p;        /* of no difference, of this point alone      */
        double        p_holm;   /* the same, corrected for the number of them */
        trib__verdict verdict;
};

struct trib__comparison {
        const struct trib__results *before, *after;
        struct trib__change *changes; /* owned; in the order of the run after */
        size_t count;
        size_t regressions, improvements, same, unjudged;
        size_t only_before, only_after;  /* points without a partner */
        struct trib__finding findings[16];
        size_t finding_count;
};

/* What: compares two results, both concluded, which must outlive *out.
 * Ownership: trib__comparison_release frees what *out owns.
 * Errors: TRIB_INVALID_ARGUMENT (no point is in both), TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__compare(const struct trib__results *before,
                                        const struct trib__results *after,
                                        struct trib__comparison *out, trib_error *err);
void trib__comparison_release(struct trib__comparison *comparison);

/* "no difference shown", "regression", "improvement", "not judged". */
const char *trib__verdict_name(trib__verdict verdict);

/* What: P(|T| >= t) of Student's t with so many degrees of freedom, which need not be whole. */
double trib__student_p(double t, double degrees);

/* What: Holm's correction of `count` probabilities, in place of `adjusted`.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__holm(const double *p, size_t count, double *adjusted,
                                     trib_error *err);

#endif
