/* SPDX-License-Identifier: Apache-2.0 */
/* compare.c: two runs against each other; see compare.h. Holds no state, takes no lock. */
#include "analysis/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "base/alloc.h"
#include "base/beta.h"
#include "base/error.h"

#define SHOWN_BELOW 0.05
/* Degrees of freedom of an interval that came without its rounds. */
#define ASSUMED_DEGREES 2.0

const char *trib__verdict_name(trib__verdict verdict)
{
        switch (verdict) {
        case TRIB__VERDICT_SAME:
                return "no difference shown";
        case TRIB__VERDICT_REGRESSION:
                return "regression";
        case TRIB__VERDICT_IMPROVEMENT:
                return "improvement";
        case TRIB__VERDICT_NONE:
                break;
        }
        return "not judged";
}

/* ---- Student's t --------------------------------------------------------------------------- */

double trib__student_p(double t, double degrees)
{
        if (!isfinite(t))
                return 0;
        return trib__incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/* The t beyond which lies 5 % of the distribution, both sides together; by halving. */
static double student_t95_of(double degrees)
{
        double low = 0, high = 1e5;

        for (int i = 0; i < 100; i++) {
                double middle = (low + high) / 2;

                if (trib__student_p(middle, degrees) > 0.05)
                        low = middle;
                else
                        high = middle;
        }
        return (low + high) / 2;
}

/* ---- one point ------------------------------------------------------------------------------ */

/* Mean of logarithms, its variance, and the degrees of freedom of that; false: not known. */
struct level {
        double mean, variance, degrees;
        bool   has_variance;
};

static struct level level_of(const struct trib__point *point)
{
        struct level level = { log(point->ops_per_s), 0, ASSUMED_DEGREES, false };
        double       n = (double)point->round_count;

        if (point->round_count >= 2) {
                double squares = 0;

                level.mean = 0;
                for (size_t i = 0; i < point->round_count; i++)
                        level.mean += log(point->rounds[i]) / n;
                for (size_t i = 0; i < point->round_count; i++)
                        squares += (log(point->rounds[i]) - level.mean)
                                   * (log(point->rounds[i]) - level.mean);
                level.variance = squares / (n - 1) / n;
                level.degrees = n - 1;
                level.has_variance = true;
        } else if (trib__point_has_ci(point) && point->ops_per_s_ci95[0] > 0) {
                double half = log(point->ops_per_s_ci95[1] / point->ops_per_s_ci95[0]) / 2;

                level.variance = pow(half / trib__student_t95((size_t)ASSUMED_DEGREES), 2);
                level.has_variance = true;
        }
        return level;
}

static double drift_of(const struct trib__sweep *sweep)
{
        const struct trib__baseline *baseline = &sweep->baseline;

        if (!baseline->is_measured)
                return 0;
        return log(baseline->last_ops_per_s / baseline->first_ops_per_s) / 2;
}

/* The variance between a run's rounds: of the sweep, or the largest of the run. */
static double drift_variance(const struct trib__results *results, const struct trib__sweep *sweep)
{
        double largest = 0;

        if (sweep->baseline.is_measured)
                return drift_of(sweep) * drift_of(sweep);
        for (size_t i = 0; i < results->sweep_count; i++)
                largest = fmax(largest, fabs(drift_of(results->sweeps[i])));
        return largest * largest;
}

static void judge(struct trib__change *change, double drift)
{
        struct level before = level_of(change->before), after = level_of(change->after);
        double       d = after.mean - before.mean, within, variance, degrees, half;

        change->p = change->p_holm = 1;
        change->percent = 100 * expm1(d);
        change->verdict = TRIB__VERDICT_NONE;
        if (!before.has_variance || !after.has_variance)
                return;
        within = before.variance + after.variance;
        variance = within + drift;
        change->verdict = TRIB__VERDICT_SAME;
        /* Rounds that agree to the last digit say that nothing was measured twice. */
        if (!(variance > 0)) {
                change->ci95[0] = change->ci95[1] = change->percent;
                change->p = fabs(d) > 0 ? 0 : 1;
                return;
        }
        degrees = within > 0 ? within * within
                                       / (before.variance * before.variance / before.degrees
                                          + after.variance * after.variance / after.degrees)
                             : fmin(before.degrees, after.degrees);
        half = student_t95_of(degrees) * sqrt(variance);
        change->ci95[0] = 100 * expm1(d - half);
        change->ci95[1] = 100 * expm1(d + half);
        change->p = trib__student_p(d / sqrt(variance), degrees);
}

/* ---- all points ------------------------------------------------------------------------------ */

static const char *precision_of(const struct trib__results *results,
                                const struct trib__sweep *sweep)
{
        return sweep->precision[0] != '\0' ? sweep->precision : results->device.precision;
}

static const struct trib__sweep *partner_of(const struct trib__results *before,
                                            const struct trib__results *after,
                                            const struct trib__sweep *sweep)
{
        for (size_t i = 0; i < before->sweep_count; i++) {
                const struct trib__sweep *other = before->sweeps[i];

                if (other->kind == sweep->kind && strcmp(other->policy, sweep->policy) == 0
                    && strcmp(precision_of(before, other), precision_of(after, sweep)) == 0
                    && trib__workload_is_same(&other->workload, &sweep->workload))
                        return other;
        }
        return NULL;
}

static size_t count_points(const struct trib__results *results)
{
        size_t count = 0;

        for (size_t i = 0; i < results->sweep_count; i++)
                count += results->sweeps[i]->point_count;
        return count;
}

static void add_sweep(struct trib__comparison *comparison, const struct trib__sweep *sweep)
{
        const struct trib__sweep *other =
                partner_of(comparison->before, comparison->after, sweep);
        double drift;

        if (other == NULL)
                return;
        drift = drift_variance(comparison->before, other)
                + drift_variance(comparison->after, sweep);
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];
                const struct trib__point *before = trib__sweep_find_point(other, point->threads);
                struct trib__change      *change = &comparison->changes[comparison->count];

                if (before == NULL)
                        continue;
                change->sweep = sweep;
                change->before = before;
                change->after = point;
                judge(change, drift);
                comparison->count++;
        }
}

struct ranked {
        double p;
        size_t index;
};

static int compare_ranked(const void *a, const void *b)
{
        double x = ((const struct ranked *)a)->p, y = ((const struct ranked *)b)->p;

        return (x > y) - (x < y);
}

trib_status trib__holm(const double *p, size_t count, double *adjusted, trib_error *err)
{
        struct ranked *ranked = trib__calloc("analysis.holm", count, sizeof(*ranked));
        double         highest = 0;

        if (ranked == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "compare: no memory");
        for (size_t i = 0; i < count; i++)
                ranked[i] = (struct ranked){ p[i], i };
        qsort(ranked, count, sizeof(*ranked), compare_ranked);
        for (size_t k = 0; k < count; k++) {
                highest = fmax(highest, fmin(1, ranked[k].p * (double)(count - k)));
                adjusted[ranked[k].index] = highest;
        }
        trib__free(ranked);
        return TRIB_OK;
}

/* The verdicts, of those that can be judged. */
static trib_status conclude(struct trib__comparison *comparison, trib_error *err)
{
        double     *p = trib__calloc("analysis.p", 2 * comparison->count, sizeof(*p));
        size_t      judged = 0, at = 0;
        trib_status status;

        if (p == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "compare: no memory");
        for (size_t i = 0; i < comparison->count; i++)
                if (comparison->changes[i].verdict != TRIB__VERDICT_NONE)
                        p[judged++] = comparison->changes[i].p;
        status = judged > 0 ? trib__holm(p, judged, p + comparison->count, err) : TRIB_OK;
        for (size_t i = 0; i < comparison->count && status == TRIB_OK; i++) {
                struct trib__change *change = &comparison->changes[i];

                if (change->verdict == TRIB__VERDICT_NONE) {
                        comparison->unjudged++;
                        continue;
                }
                change->p_holm = p[comparison->count + at++];
                if (change->p_holm >= SHOWN_BELOW) {
                        comparison->same++;
                } else if (change->percent < 0) {
                        change->verdict = TRIB__VERDICT_REGRESSION;
                        comparison->regressions++;
                } else {
                        change->verdict = TRIB__VERDICT_IMPROVEMENT;
                        comparison->improvements++;
                }
        }
        trib__free(p);
        return status;
}

/* ---- what else differs --------------------------------------------------------------------- */

TRIB_PRINTF(3, 4)
static void find(struct trib__comparison *comparison, const char *code, const char *format, ...)
{
        struct trib__finding *finding = &comparison->findings[comparison->finding_count];
        va_list               arguments;

        if (comparison->finding_count
            == sizeof(comparison->findings) / sizeof(comparison->findings[0]))
                return;
        comparison->finding_count++;
        *finding = (struct trib__finding){ .severity = TRIB__SEVERITY_WARNING,
                                           .sweeps = { -1, -1 } };
        (void)snprintf(finding->code, sizeof(finding->code), "%s", code);
        va_start(arguments, format);
        (void)vsnprintf(finding->text, sizeof(finding->text), format, arguments);
        va_end(arguments);
}

/* Two facts as text; one that is not known goes with any. */
static void find_text(struct trib__comparison *comparison, const char *code, const char *what,
                      const char *before, const char *after)
{
        if (before[0] != '\0' && after[0] != '\0' && strcmp(before, after) != 0)
                find(comparison, code, "%s: '%s' before, '%s' after", what, before, after);
}

static void find_number(struct trib__comparison *comparison, const char *code, const char *what,
                        double before, double after)
{
        if (before > 0 && after > 0 && fabs(before - after) > 1e-9 * before)
                find(comparison, code, "%s: %g before, %g after", what, before, after);
}

static void find_differences(struct trib__comparison *comparison)
{
        const struct trib__results *before = comparison->before, *after = comparison->after;

        find_text(comparison, "different-machine", "processor", before->machine.cpu_model,
                  after->machine.cpu_model);
        find_number(comparison, "different-machine", "logical cores",
                    before->machine.logical_cores, after->machine.logical_cores);
        find_text(comparison, "different-machine", "system", before->machine.os,
                  after->machine.os);
        find_text(comparison, "different-device", "device", before->device.name,
                  after->device.name);
        find_text(comparison, "different-device", "kernels", before->device.kernel_library,
                  after->device.kernel_library);
        find_text(comparison, "different-settings", "precision", before->device.precision,
                  after->device.precision);
        find_text(comparison, "different-settings", "tool", before->tool, after->tool);
        find_number(comparison, "different-settings", "seed of data and order",
                    (double)before->run.seed, (double)after->run.seed);
        find_number(comparison, "different-settings", "seconds of a round",
                    before->run.round_seconds, after->run.round_seconds);
        if (before->run.streams != after->run.streams)
                find(comparison, "different-settings",
                     "streams at most: %u before, %u after (0: the device's own number)",
                     before->run.streams, after->run.streams);
        if (comparison->only_before + comparison->only_after > 0)
                find(comparison, "unmatched-points",
                     "%zu points only before and %zu only after: they are not compared",
                     comparison->only_before, comparison->only_after);
        if (comparison->unjudged > 0)
                find(comparison, "no-interval",
                     "%zu points have no rounds and no interval: their change is not judged",
                     comparison->unjudged);
        if (!before->is_complete || !after->is_complete)
                find(comparison, "interrupted", "the run %s was interrupted",
                     before->is_complete  ? "after"
                     : after->is_complete ? "before"
                                          : "before, and the one after,");
}

trib_status trib__compare(const struct trib__results *before, const struct trib__results *after,
                          struct trib__comparison *out, trib_error *err)
{
        size_t      most = count_points(after);
        trib_status status;

        memset(out, 0, sizeof(*out));
        out->before = before;
        out->after = after;
        out->changes = trib__calloc("analysis.changes", most > 0 ? most : 1,
                                    sizeof(*out->changes));
        if (out->changes == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "compare: no memory");
        for (size_t i = 0; i < after->sweep_count; i++)
                add_sweep(out, after->sweeps[i]);
        if (out->count == 0) {
                trib__comparison_release(out);
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "no point is in both: they measured different workloads, "
                                  "policies, precisions or thread counts");
        }
        out->only_before = count_points(before) > out->count ? count_points(before) - out->count
                                                             : 0;
        out->only_after = most - out->count;
        status = conclude(out, err);
        if (status != TRIB_OK) {
                trib__comparison_release(out);
                return status;
        }
        find_differences(out);
        return TRIB_OK;
}

void trib__comparison_release(struct trib__comparison *comparison)
{
        trib__free(comparison->changes);
        comparison->changes = NULL;
        comparison->count = 0;
}
