/* SPDX-License-Identifier: Apache-2.0 */
/* audit_shape.c: what is wrong with the curve that the points of a sweep make: too few of them, no
 * baseline, the same number everywhere, one that its neighbours contradict, or up and down without
 * a law. Takes no lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"
#include "analysis/usl.h"

/* Advice compares thread counts; two of them make no curve. */
#define ADVICE_POINTS 3

/* A point so many times below both its neighbours, or above what they allow, is an outlier. */
#define OUTLIER 1.5

/* More than threads explain: this much above proportional growth from the neighbour before. */
#define OUTLIER_STEP 1.25

/* Falls and rises by less than this part are noise that every measurement has. */
#define SWING 0.10

/* So many falls that are followed by a rise are no longer one bad point. */
#define SWINGS 2

/* Sizes compare two thread counts each; when none of a run has two, nothing compares. */
static trib_status audit_few_sizes(struct trib__results *results, const struct trib__sweep *head,
                                   trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;

        if (!trib__sweep_is_first_of_run(results, head) || head->source[0] == '\0')
                return TRIB_OK;
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;)
                if (sweep->point_count >= 2)
                        return TRIB_OK;
        trib__finding_start(&draft, "few-points", TRIB__SEVERITY_WARNING);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        trib__text_add(&draft.text, "no size has two thread counts, so nothing can be compared; "
                                    "measure each at 1 thread and at many");
        return trib__finding_end(&draft, results, err);
}

trib_status trib__audit_few(struct trib__results *results, const struct trib__sweep *sweep,
                            trib_error *err)
{
        struct trib__finding_draft draft;
        size_t                     count = sweep->point_count;

        if (sweep->kind == TRIB__SWEEP_SIZES)
                return audit_few_sizes(results, sweep, err);
        /* One point that was measured here was asked for as one; none was an interrupted run. */
        if (count >= TRIB__USL_POINTS_MIN || (sweep->source[0] == '\0' && count <= 1))
                return TRIB_OK;
        trib__finding_start(&draft, "few-points",
                            count < ADVICE_POINTS ? TRIB__SEVERITY_WARNING : TRIB__SEVERITY_INFO);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "%zu thread count%s: a scaling law needs %u%s; measure more thread counts, "
                       "1 among them",
                       count, count == 1 ? "" : "s", TRIB__USL_POINTS_MIN,
                       count < ADVICE_POINTS ? " and advice 3, so there is neither" : "");
        return trib__finding_end(&draft, results, err);
}

/* Speedup is against one thread. Sizes that were measured at a single thread count, and points
 * measured alone, compare with nothing and need no baseline. */
trib_status trib__audit_baseline(struct trib__results *results, const struct trib__sweep *head,
                                 trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;
        char                       prefix[256];

        trib__finding_start(&draft, "no-baseline", TRIB__SEVERITY_WARNING);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        trib__text_add(&draft.text, "there is no point of 1 thread: ");
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;)
                if (sweep->point_count >= 2 && sweep->points[0].threads > 1
                    && sweep->refuted[0] == '\0' && trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%sthe fewest are %u",
                                       trib__group_prefix(head, sweep, prefix, sizeof(prefix)),
                                       sweep->points[0].threads);
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, "; speedup and efficiency are not known, and the throughput "
                                    "of one thread in the scaling law is extrapolated; measure 1 "
                                    "thread too");
        return trib__finding_end(&draft, results, err);
}

/* No law describes such points, so what one says beyond them is not to be relied on. */
static void distrust(struct trib__results *results, const struct trib__sweep *sweep,
                     const char *why)
{
        for (size_t i = 0; i < results->sweep_count; i++)
                for (size_t k = 0; results->sweeps[i] == sweep && k < TRIB__PREDICTIONS; k++) {
                        struct trib__prediction *one = &results->sweeps[i]->predictions[k];

                        if (!one->is_borne)
                                continue;
                        one->is_borne = false;
                        (void)snprintf(one->why, sizeof(one->why), "%s", why);
                }
}

trib_status trib__audit_constant(struct trib__results *results, const struct trib__sweep *sweep,
                                 trib_error *err)
{
        struct trib__finding_draft draft;
        double                     lowest = (double)INFINITY, highest = 0;

        for (size_t i = 0; i < sweep->point_count; i++) {
                lowest = fmin(lowest, sweep->points[i].ops_per_s);
                highest = fmax(highest, sweep->points[i].ops_per_s);
        }
        if (sweep->point_count < ADVICE_POINTS || highest > lowest)
                return TRIB_OK;
        trib__finding_start(&draft, "constant-throughput", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "all %zu thread counts have exactly %s ops/s: measured numbers scatter, so "
                       "these were copied, rounded, or held by a rate limit; measure throughput "
                       "at each thread count in a closed loop",
                       sweep->point_count, trib__grouped(highest).text);
        distrust(results, sweep, "numbers without any scatter bear no law (constant-throughput)");
        return trib__finding_end(&draft, results, err);
}

static bool is_clearly_below(const struct trib__point *a, const struct trib__point *b)
{
        return a->ops_per_s < (1 - SWING) * b->ops_per_s && !trib__points_overlap(a, b);
}

/* How often throughput falls clearly and rises clearly again. */
static unsigned count_swings(const struct trib__sweep *sweep)
{
        const struct trib__point *high = NULL, *low = NULL;
        unsigned                  swings = 0;

        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                if (low != NULL && is_clearly_below(low, point)) {
                        swings++;
                        high = point;
                        low = NULL;
                } else if (high == NULL || point->ops_per_s > high->ops_per_s) {
                        high = point;
                        low = NULL;
                } else if (is_clearly_below(point, high)
                           && (low == NULL || point->ops_per_s < low->ops_per_s)) {
                        low = point;
                }
        }
        return swings;
}

static trib_status report_swings(struct trib__results *results, const struct trib__sweep *sweep,
                                 unsigned swings, trib_error *err)
{
        struct trib__finding_draft draft;

        trib__finding_start(&draft, "non-monotonic", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "throughput falls by more than 10 %% and rises again %u times over %zu "
                       "thread counts: no scaling law does that, so this is other work on the "
                       "machine or too short a measurement; measure again, for longer",
                       swings, sweep->point_count);
        distrust(results, sweep, "throughput rises and falls without a law (non-monotonic)");
        return trib__finding_end(&draft, results, err);
}

/* By how much a point lies off what the ones before and behind it allow; below 1 when it is too
 * low, above 1 when it is too high, 1 when it fits. A curve may bend, so nothing is interpolated:
 * too low is below both, too high is more than proportional growth that does not last. */
static double off_by(const struct trib__point *before, const struct trib__point *point,
                     const struct trib__point *behind)
{
        double low = fmin(before->ops_per_s, behind->ops_per_s);
        double high = before->ops_per_s * point->threads / before->threads;

        if (trib__points_overlap(point, before) || trib__points_overlap(point, behind))
                return 1;
        if (point->ops_per_s * OUTLIER < low)
                return point->ops_per_s / low;
        if (point->ops_per_s > OUTLIER_STEP * high
            && point->ops_per_s > OUTLIER * behind->ops_per_s)
                return point->ops_per_s / high;
        return 1;
}

static trib_status report_outlier(struct trib__results *results, const struct trib__sweep *sweep,
                                  size_t index, trib_error *err)
{
        const struct trib__point  *before = &sweep->points[index - 1], *point = before + 1;
        struct trib__finding_draft draft;
        double                     off = off_by(before, point, point + 1);

        trib__finding_start(&draft, "outlier", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "%s give %s ops/s between %s at %u and %s at %u: %s; measure this point "
                       "again",
                       trib__threads_text(point->threads).text,
                       trib__grouped(point->ops_per_s).text,
                       trib__grouped(before->ops_per_s).text, before->threads,
                       trib__grouped(point[1].ops_per_s).text, point[1].threads,
                       off < 1 ? "far below both, though more threads do well"
                               : "more than its threads can do, and more threads do not keep it");
        distrust(results, sweep, "one point contradicts its neighbours (outlier)");
        return trib__finding_end(&draft, results, err);
}

trib_status trib__audit_curve(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        unsigned swings = count_swings(sweep);
        size_t   worst = 0;
        double   most = 1;

        if (sweep->kind != TRIB__SWEEP_THREADS)
                return TRIB_OK;
        if (swings >= SWINGS)
                return report_swings(results, sweep, swings, err);
        for (size_t i = 1; i + 1 < sweep->point_count; i++) {
                double off = off_by(&sweep->points[i - 1], &sweep->points[i],
                                    &sweep->points[i + 1]);

                off = off < 1 ? 1 / off : off;
                if (off > most) {
                        most = off;
                        worst = i;
                }
        }
        return worst > 0 ? report_outlier(results, sweep, worst, err) : TRIB_OK;
}
