/* SPDX-License-Identifier: Apache-2.0 */
/* conclude.c: from measured points to speedup, fit, saturation, limit and bottleneck of a sweep,
 * and the order in which everything is concluded. Pure: the same measurements give the same
 * conclusions. Holds no state, takes no lock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/law.h"
#include "base/alloc.h"
#include "base/error.h"

/* A limit explains throughput from here on. */
#define NEAR_LIMIT_PERCENT 80.0

/* A part of a request's time that is the main one to look at. */
#define MAIN_SHARE 0.30

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
static trib_status conclude_rounds(struct trib__point *point, trib_error *err)
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
static double weight_of(const struct trib__point *point, bool has_intervals)
{
        double half = (point->ops_per_s_ci95[1] - point->ops_per_s_ci95[0]) / 2;
        double error = fmin(fmax(half / 1.96 / point->ops_per_s, 0.005), 0.2) * point->ops_per_s;

        return has_intervals ? 1 / (error * error) : 1;
}

/* What the laws say of more threads than were measured. No machine does more than its limit. */
static void conclude_predictions(const struct trib__law_data *data, struct trib__sweep *sweep)
{
        unsigned most = sweep->points[sweep->point_count - 1].threads;

        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                struct trib__prediction *prediction = &sweep->predictions[i];

                trib__law_predict(data, &sweep->fit, (double)most * (2 << i), prediction);
                if (!sweep->limit.is_present || prediction->ops_per_s <= sweep->limit.ops_per_s)
                        continue;
                prediction->ops_per_s = sweep->limit.ops_per_s;
                for (int end = 0; end < 2; end++)
                        prediction->ci95[end] = fmin(prediction->ci95[end],
                                                     sweep->limit.ops_per_s);
        }
}

static void conclude_fit(struct trib__sweep *sweep)
{
        struct trib__usl_point points[TRIB__POINTS_MAX];
        struct trib__law_data  data = { points, sweep->point_count, true, 0 };

        memset(sweep->predictions, 0, sizeof(sweep->predictions));
        for (size_t i = 0; i < sweep->point_count; i++)
                data.has_errors = data.has_errors && trib__point_has_ci(&sweep->points[i]);
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                points[i].threads = point->threads;
                points[i].ops_per_s = point->ops_per_s;
                points[i].weight = weight_of(point, data.has_errors);
                data.error_degrees += point->round_count > 1 ? point->round_count - 1 : 0;
        }
        /* Intervals that came without their rounds: as if of three rounds each. */
        if (data.error_degrees == 0)
                data.error_degrees = 2 * sweep->point_count;
        trib__law_fit(&data, &sweep->fit);
        if (sweep->fit.is_present)
                conclude_predictions(&data, sweep);
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
        conclude_saturation(sweep);
        trib__conclude_limit(results, sweep);
        conclude_fit(sweep);
        trib__conclude_bottleneck(results, sweep);
}

static void offer_limit(struct trib__limit *limit, double ops_per_s, const char *bound)
{
        if (!(ops_per_s > 0) || !isfinite(ops_per_s))
                return;
        if (limit->is_present && limit->ops_per_s <= ops_per_s)
                return;
        limit->is_present = true;
        limit->ops_per_s = ops_per_s;
        (void)snprintf(limit->bound, sizeof(limit->bound), "%s", bound);
}

void trib__conclude_limit(const struct trib__results *results, struct trib__sweep *sweep)
{
        const struct trib__peaks    *peaks = &results->device.peaks;
        const struct trib__workload *workload = &sweep->workload;
        double flops = peaks->flops_per_s;
        double submissions = fmax(workload->submissions_per_op, 1);

        memset(&sweep->limit, 0, sizeof(sweep->limit));
        if (flops <= 0)
                flops = peaks->flops_per_s_unit * peaks->parallel_units;
        if (workload->flops_per_op > 0)
                offer_limit(&sweep->limit, flops / workload->flops_per_op, "compute");
        if (workload->bytes_per_op > peaks->cache_bytes)
                offer_limit(&sweep->limit, peaks->bytes_per_s / workload->bytes_per_op,
                            "memory-bandwidth");
        offer_limit(&sweep->limit, peaks->submissions_per_s / submissions, "submission");
        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];

                point->percent_of_limit = sweep->limit.is_present
                                                  ? 100 * point->ops_per_s / sweep->limit.ops_per_s
                                                  : 0;
        }
}

/* The sum of the shares whose name starts so, e.g. "lock" and "lock wait". */
static double share_of(const struct trib__point *point, const char *name)
{
        double sum = 0;

        for (size_t i = 0; i < point->share_count; i++)
                if (strncmp(point->shares[i].name, name, strlen(name)) == 0)
                        sum += point->shares[i].fraction;
        return sum;
}

static bool is_host_device(const struct trib__results *results)
{
        return results->device.name[0] == '\0' || strncmp(results->device.name, "cpu", 3) == 0;
}

/* Throughput stopped rising where every core had a thread. */
static bool stops_at_cores(const struct trib__results *results, const struct trib__sweep *sweep)
{
        unsigned cores = results->machine.physical_cores;
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];

        if (cores == 0 || cores > results->machine.logical_cores)
                cores = results->machine.logical_cores;
        return is_host_device(results) && cores > 0 && last->threads >= cores
               && sweep->saturation_threads * 4 >= cores * 3;
}

static void say_primary(struct trib__sweep *sweep, const char *primary)
{
        (void)snprintf(sweep->bottleneck.primary, sizeof(sweep->bottleneck.primary), "%s",
                       primary);
}

/* The facts that any answer stands on. */
static void add_evidence(const struct trib__results *results, const struct trib__sweep *sweep,
                         struct trib__text *text)
{
        const struct trib__point *best = trib__sweep_best(sweep);
        int                       count = 0;

        trib__text_add(text, "highest throughput %s ops/s at %s",
                       trib__grouped(best->ops_per_s).text,
                       trib__threads_text(best->threads).text);
        if (sweep->point_count > 1)
                trib__text_add(text, ", 95 %% of it from %s on",
                               trib__threads_text(sweep->saturation_threads).text);
        if (sweep->limit.is_present)
                trib__text_add(text, "; that is %.0f %% of the %s limit of %s ops/s",
                               best->percent_of_limit, sweep->limit.bound,
                               trib__grouped(sweep->limit.ops_per_s).text);
        else
                trib__text_add(text, "; no measured peaks of the device to compare with");
        if (is_host_device(results) && results->machine.logical_cores > 0)
                trib__text_add(text, "; %u logical cores", results->machine.logical_cores);
        if (sweep->workload.serial_steps > 0)
                trib__text_add(text, "; %.0f step%s of each request run%s one at a time",
                               sweep->workload.serial_steps,
                               sweep->workload.serial_steps == 1 ? "" : "s",
                               sweep->workload.serial_steps == 1 ? "s" : "");
        for (size_t i = 0; i < best->share_count; i++)
                if (best->shares[i].fraction >= 0.01)
                        trib__text_add(text, "%s %s %.0f %%",
                                       count++ == 0 ? "; of each request's time:" : ",",
                                       best->shares[i].name, 100 * best->shares[i].fraction);
}

void trib__conclude_bottleneck(const struct trib__results *results, struct trib__sweep *sweep)
{
        struct trib__text text = trib__text_of(sweep->bottleneck.evidence,
                                               sizeof(sweep->bottleneck.evidence));
        const struct trib__point *best = trib__sweep_best(sweep);
        const struct trib__point *last;

        say_primary(sweep, "unknown");
        if (best == NULL) {
                trib__text_add(&text, "nothing was measured");
                return;
        }
        last = &sweep->points[sweep->point_count - 1];
        if (share_of(best, "lock") >= MAIN_SHARE)
                say_primary(sweep, "lock");
        else if (best->percent_of_limit >= NEAR_LIMIT_PERCENT
                 && best->percent_of_limit <= TRIB__ABOVE_LIMIT_PERCENT)
                say_primary(sweep, sweep->limit.bound);
        else if (sweep->workload.serial_steps > 0 && sweep->saturation_threads < last->threads)
                say_primary(sweep, "serial-operation");
        else if (share_of(best, "submission") >= MAIN_SHARE)
                say_primary(sweep, "submission");
        else if (share_of(best, "descheduled") >= MAIN_SHARE || stops_at_cores(results, sweep))
                say_primary(sweep, "cores");
        add_evidence(results, sweep, &text);
        if (sweep->point_count > 1 && sweep->saturation_threads == last->threads)
                trib__text_add(&text, "; throughput still rose at the highest thread count "
                                      "measured, so the ceiling may lie beyond it");
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

trib_status trib__results_conclude(struct trib__results *results, trib_error *err)
{
        trib_status status;

        results->finding_count = 0;
        for (size_t i = 0; i < results->sweep_count; i++) {
                struct trib__sweep *sweep = results->sweeps[i];

                for (size_t k = 0; k < sweep->point_count; k++) {
                        status = conclude_rounds(&sweep->points[k], err);
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
