/* SPDX-License-Identifier: Apache-2.0 */
/* conclude.c: from measured points to speedup, fit, saturation, limit and bottleneck of a sweep,
 * and the order in which everything is concluded. Pure: the same measurements give the same
 * conclusions. Holds no state, takes no lock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/ablation.h"
#include "analysis/analysis_priv.h"
#include "analysis/resources.h"
#include "base/alloc.h"
#include "base/error.h"

static int compare_points(const void *a, const void *b)
{
        unsigned x = ((const struct trib__point *)a)->threads;
        unsigned y = ((const struct trib__point *)b)->threads;

        return (x > y) - (x < y);
}

const struct trib__point *trib__sweep_best(const struct trib__sweep *sweep)
{
        const struct trib__point *best = NULL;

        for (size_t i = 0; i < sweep->point_count; i++)
                if (best == NULL || sweep->points[i].ops_per_s > best->ops_per_s)
                        best = &sweep->points[i];
        return best;
}

double trib__point_latency_us(const struct trib__point *point)
{
        if (point->latency_us.mean > 0)
                return point->latency_us.mean;
        if (point->latency_us.p50 > 0)
                return point->latency_us.p50;
        return 1e6 * point->threads / point->ops_per_s;
}

unsigned trib__sweep_fewest_reaching(const struct trib__sweep *sweep, double fraction)
{
        const struct trib__point *best = trib__sweep_best(sweep);

        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].ops_per_s >= fraction * best->ops_per_s)
                        return sweep->points[i].threads;
        return 0;
}

/* Median and interval from rounds, when there are rounds; keeps the rounds in their order. */
static trib_status conclude_rounds(struct trib__point *point, double drift, trib_error *err)
{
        double *sorted;

        if (point->round_count == 0)
                return TRIB_OK;
        sorted = trib__calloc("analysis.rounds", point->round_count, sizeof(*sorted));
        if (sorted == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for rounds");
        memcpy(sorted, point->rounds, point->round_count * sizeof(*sorted));
        point->ops_per_s = trib__rounds_median(sorted, point->round_count, point->ops_per_s_ci95);
        trib__free(sorted);
        trib__repeat_interval(point->ops_per_s, drift, point->ops_per_s_ci95);
        return TRIB_OK;
}

/* Points that were planned and never measured say nothing; an interrupted run leaves some. */
static void drop_unmeasured(struct trib__sweep *sweep)
{
        size_t kept = 0;

        for (size_t i = 0; i < sweep->point_count; i++) {
                if (isfinite(sweep->points[i].ops_per_s) && sweep->points[i].ops_per_s > 0) {
                        sweep->points[kept++] = sweep->points[i];
                        continue;
                }
                trib__free(sweep->points[i].rounds);
                trib__free(sweep->points[i].shares);
        }
        memset(&sweep->points[kept], 0, (sweep->point_count - kept) * sizeof(*sweep->points));
        sweep->point_count = kept;
}

/* Shares that were measured in microseconds become fractions of the mean latency. */
static void conclude_shares(struct trib__point *point)
{
        double latency = trib__point_latency_us(point);

        for (size_t i = 0; i < point->share_count; i++)
                if (point->shares[i].us > 0 && latency > 0)
                        point->shares[i].fraction = point->shares[i].us / latency;
}

/* A point of few rounds can show no spread by luck, or much; neither may rule the fit, so the
 * standard error that it is weighted by is kept between these parts of its throughput. */
double trib__point_weight(const struct trib__point *point, bool has_intervals)
{
        double half = (point->ops_per_s_ci95[1] - point->ops_per_s_ci95[0]) / 2;
        double part = half / TRIB__REPEAT / 1.96 / point->ops_per_s;
        double error = fmin(fmax(part, 0.005), 0.2) * point->ops_per_s;

        return has_intervals ? 1 / (error * error) : 1;
}

static void conclude_fit(struct trib__sweep *sweep)
{
        struct trib__usl_point points[TRIB__POINTS_MAX];
        struct trib__law_data  data;

        if (!trib__sweep_law_data(sweep, points, TRIB__POINTS_MAX, &data))
                data = (struct trib__law_data){ points, 0, false, 0 };
        trib__law_fit(&data, &sweep->fit);
}

/* What is to be expected of more threads than were measured. */
static void conclude_predictions(struct trib__sweep *sweep)
{
        double threads[TRIB__PREDICTIONS];

        memset(sweep->predictions, 0, sizeof(sweep->predictions));
        if (sweep->point_count == 0)
                return;
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++)
                threads[i] = (double)sweep->points[sweep->point_count - 1].threads * (2 << i);
        trib__sweep_predict_all(sweep, threads, TRIB__PREDICTIONS, sweep->predictions);
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++)
                if (!(sweep->predictions[i].ops_per_s > 0))
                        memset(&sweep->predictions[i], 0, sizeof(sweep->predictions[i]));
}

/* What the intervals allow for the saturation point: at least the fewest threads that could reach
 * the mark at their best against the highest point at its worst, at most the reverse. */
static void conclude_saturation(struct trib__sweep *sweep)
{
        const struct trib__point *best = trib__sweep_best(sweep);
        double                    low, high;

        sweep->saturation_threads = trib__sweep_fewest_reaching(sweep, TRIB__SATURATED);
        sweep->saturation_ci95[0] = sweep->saturation_ci95[1] = sweep->saturation_threads;
        if (best == NULL || !trib__point_has_ci(best))
                return;
        low = TRIB__SATURATED * best->ops_per_s_ci95[0];
        high = TRIB__SATURATED * best->ops_per_s_ci95[1];
        sweep->saturation_ci95[1] = best->threads;
        for (size_t i = sweep->point_count; i-- > 0;) {
                const struct trib__point *point = &sweep->points[i];

                if (point->ops_per_s_ci95[1] >= low && point->threads <= best->threads)
                        sweep->saturation_ci95[0] = point->threads;
                if (point->ops_per_s_ci95[0] >= high && point->threads <= best->threads)
                        sweep->saturation_ci95[1] = point->threads;
        }
}

void trib__conclude_sweep(const struct trib__results *results, struct trib__sweep *sweep)
{
        const struct trib__point *one = trib__sweep_find_point(sweep, 1);

        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];

                point->speedup = one != NULL ? point->ops_per_s / one->ops_per_s : 0;
                point->efficiency = point->speedup / point->threads;
                conclude_shares(point);
        }
        memset(&sweep->fit, 0, sizeof(sweep->fit));
        if (sweep->kind == TRIB__SWEEP_LOAD) {
                trib__conclude_load(results, sweep);
                return;
        }
        conclude_saturation(sweep);
        trib__conclude_limit(results, sweep);
        conclude_fit(sweep);
        sweep->refuted[0] = '\0';
        trib__conclude_resources(results, sweep);
        trib__conclude_bottleneck(results, sweep);
        conclude_predictions(sweep);
}

static trib_status audit(struct trib__results *results, trib_error *err)
{
        trib_status status = trib__audit_environment(results, err);

        if (status == TRIB_OK)
                status = trib__audit_across(results, err);
        for (size_t i = 0; i < results->sweep_count && status == TRIB_OK; i++)
                status = trib__audit_sweep(results, results->sweeps[i], err);
        return status;
}

/* The medians of all variants' points, then what sets them apart. */
static trib_status conclude_ablations(struct trib__results *results, trib_error *err)
{
        for (size_t i = 0; i < results->ablation_count; i++) {
                for (size_t k = 0; k < results->ablations[i]->variant_count; k++) {
                        struct trib__sweep *sweep = results->ablations[i]->variants[k].sweep;

                        for (size_t p = 0; p < sweep->point_count; p++) {
                                trib_status status = conclude_rounds(&sweep->points[p], 0,
                                                                    err);

                                if (status != TRIB_OK)
                                        return status;
                        }
                }
        }
        trib__conclude_ablations(results);
        return TRIB_OK;
}

trib_status trib__results_conclude(struct trib__results *results, trib_error *err)
{
        trib_status status = conclude_ablations(results, err);

        if (status != TRIB_OK)
                return status;
        results->finding_count = 0;
        for (size_t i = 0; i < results->sweep_count; i++) {
                struct trib__sweep *sweep = results->sweeps[i];

                for (size_t k = 0; k < sweep->point_count; k++) {
                        status = conclude_rounds(
                                &sweep->points[k], trib__baseline_drift(&sweep->baseline), err);
                        if (status != TRIB_OK)
                                return status;
                }
                if (sweep->point_count > 0) {
                        drop_unmeasured(sweep);
                        qsort(sweep->points, sweep->point_count, sizeof(*sweep->points),
                              compare_points);
                }
                trib__conclude_sweep(results, sweep);
        }
        status = audit(results, err);
        if (status == TRIB_OK)
                trib__conclude_advice(results);
        return status;
}
