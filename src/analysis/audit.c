/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c: what is wrong with the numbers of one sweep, each as a finding that quotes them.
 * Results are checked against themselves and against physics before anybody relies on advice.
 * Findings across sweeps and about the environment are in audit_across.c, about the curve in
 * audit_shape.c, about single points in audit_point.c, and about numbers that cannot be what they
 * say in audit_refute.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"

/* More than N times one thread, beyond what noise does. */
#define SUPERLINEAR 1.05

/* Two measurements of the 1-thread point that differ by more have drifted. */
#define DRIFT 0.05

/* A first round this much slower than the later ones met a cold device. */
#define COLD 0.90

/* Rounds that differ by more than this part of their median are not steady. */
#define SPREAD 0.10

/* Other work on the machine can halve a measured peak; beyond that the count is wrong. */
#define IMPOSSIBLE_PERCENT 250.0

/* Shares must sum to the measured latency within this. */
#define SHARES_OFF 0.05

/* Less than this, in microseconds, is what asking for a request costs outside of it. */
#define SHARES_OFF_US 0.05

void trib__finding_start(struct trib__finding_draft *draft, const char *code,
                         trib__severity severity)
{
        memset(&draft->finding, 0, sizeof(draft->finding));
        (void)snprintf(draft->finding.code, sizeof(draft->finding.code), "%s", code);
        draft->finding.severity = severity;
        draft->finding.sweeps[0] = draft->finding.sweeps[1] = -1;
        draft->text = trib__text_of(draft->finding.text, sizeof(draft->finding.text));
        draft->items = 0;
        draft->left_out = 0;
        draft->is_grouped = false;
}

void trib__finding_about(struct trib__finding_draft *draft, const struct trib__results *results,
                         const struct trib__sweep *sweep)
{
        char name[400];
        int  slot = draft->finding.sweeps[0] < 0 ? 0 : 1;

        for (size_t i = 0; i < results->sweep_count; i++)
                if (results->sweeps[i] == sweep)
                        draft->finding.sweeps[slot] = (int)i;
        if (slot == 1)
                return;
        trib__text_add(&draft->text, "%s",
                       sweep->kind == TRIB__SWEEP_SIZES && draft->is_grouped
                               ? "sizes"
                               : trib__workload_text(&sweep->workload, name, sizeof(name)));
        if (sweep->policy[0] != '\0')
                trib__text_add(&draft->text, " (%s)", sweep->policy);
        trib__text_add(&draft->text, ": ");
}

bool trib__finding_item(struct trib__finding_draft *draft)
{
        /* Keep room for the sentence that ends the text and for "and N more". */
        if (draft->items == TRIB__FINDING_ITEMS || trib__text_room(&draft->text) < 330) {
                draft->left_out++;
                return false;
        }
        if (draft->items++ > 0)
                trib__text_add(&draft->text, ", ");
        return true;
}

trib_status trib__finding_end(struct trib__finding_draft *draft, struct trib__results *results,
                              trib_error *err)
{
        return trib__results_add_finding(results, &draft->finding, err);
}

void trib__finding_end_list(struct trib__finding_draft *draft)
{
        if (draft->left_out > 0)
                trib__text_add(&draft->text, " and %zu more", draft->left_out);
}

/* What `point` does for each thread, against what `base` does for each. */
static double efficiency_against(const struct trib__point *base, const struct trib__point *point)
{
        return point->ops_per_s / base->ops_per_s * base->threads / point->threads;
}

/* Without a point of 1 thread, the one of the fewest threads is the baseline. */
static trib_status audit_superlinear(struct trib__results *results,
                                     const struct trib__sweep *sweep, trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__point  *base = sweep->points;

        if (sweep->point_count == 0)
                return TRIB_OK;
        trib__finding_start(&draft, "superlinear-baseline", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text, "efficiency ");
        if (base->threads > 1)
                trib__text_add(&draft.text, "against %u threads ", base->threads);
        trib__text_add(&draft.text, "is ");
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];
                double                    efficiency = efficiency_against(base, point);

                if (efficiency > SUPERLINEAR && trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%.0f %% at %s", 100 * efficiency,
                                       trib__threads_text(point->threads).text);
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text,
                       "; N threads cannot do more than N times the work of one, so the %u-thread "
                       "baseline of %s ops/s is too slow (cold clock, or one stream that waits on "
                       "latency), and every speedup is overstated",
                       base->threads, trib__grouped(base->ops_per_s).text);
        return trib__finding_end(&draft, results, err);
}

static bool intervals_overlap(const double a[2], const double b[2])
{
        return a[1] > 0 && b[1] > 0 && a[0] <= b[1] && b[0] <= a[1];
}

static trib_status audit_drift(struct trib__results *results, const struct trib__sweep *sweep,
                               trib_error *err)
{
        const struct trib__baseline *baseline = &sweep->baseline;
        struct trib__finding_draft   draft;
        double                       change;

        if (!baseline->is_measured || baseline->first_ops_per_s <= 0
            || baseline->last_ops_per_s <= 0)
                return TRIB_OK;
        change = baseline->last_ops_per_s / baseline->first_ops_per_s - 1;
        if (fabs(change) <= DRIFT || intervals_overlap(baseline->first_ci95, baseline->last_ci95))
                return TRIB_OK;
        trib__finding_start(&draft, "drift", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "the 1-thread point gave %s ops/s at the start and %s at the end "
                       "(%+.0f %%): the machine changed meanwhile (clock, heat, other work), so "
                       "points measured at different times do not compare",
                       trib__grouped(baseline->first_ops_per_s).text,
                       trib__grouped(baseline->last_ops_per_s).text, 100 * change);
        return trib__finding_end(&draft, results, err);
}

/* The slowest round but the first; 0 when there is none. */
static double slowest_later(const struct trib__point *point)
{
        double slowest = point->round_count > 1 ? point->rounds[1] : 0;

        for (size_t i = 2; i < point->round_count; i++)
                slowest = fmin(slowest, point->rounds[i]);
        return slowest;
}

/* Two signs: the 1-thread point was clearly slower at the start of the run than at its end, or
 * its first round slower than each later one (elsewhere slow rounds are noise, not cold). */
static trib_status audit_cold(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        const struct trib__baseline *baseline = &sweep->baseline;
        const struct trib__point    *one = trib__sweep_find_point(sweep, 1);
        struct trib__finding_draft   draft;
        double                       first = 0, later = 0;

        if (baseline->is_measured && baseline->first_ops_per_s < COLD * baseline->last_ops_per_s
            && !intervals_overlap(baseline->first_ci95, baseline->last_ci95)) {
                first = baseline->first_ops_per_s;
                later = baseline->last_ops_per_s;
        } else if (one != NULL && one->round_count >= 3
                   && one->rounds[0] < COLD * slowest_later(one)) {
                first = one->rounds[0];
                later = one->ops_per_s;
        }
        if (!(first > 0))
                return TRIB_OK;
        trib__finding_start(&draft, "cold-baseline", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text,
                       "one thread began at %s ops/s and reached %s later: it was measured cold; "
                       "warm up for longer and measure again",
                       trib__grouped(first).text, trib__grouped(later).text);
        return trib__finding_end(&draft, results, err);
}

/* The point of a sweep that lies highest above its limit; NULL when none does. */
static const struct trib__point *most_above(const struct trib__sweep *sweep)
{
        const struct trib__point *worst = NULL;

        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].percent_of_limit > TRIB__ABOVE_LIMIT_PERCENT
                    && (worst == NULL
                        || sweep->points[i].percent_of_limit > worst->percent_of_limit))
                        worst = &sweep->points[i];
        return worst;
}

static trib_status audit_limit(struct trib__results *results, const struct trib__sweep *head,
                               trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;
        char                       prefix[256];

        trib__finding_start(&draft, "above-limit", TRIB__SEVERITY_WARNING);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;) {
                const struct trib__point *point = most_above(sweep);

                if (point != NULL && point->percent_of_limit > IMPOSSIBLE_PERCENT)
                        draft.finding.severity = TRIB__SEVERITY_ERROR;
                if (point != NULL && trib__finding_item(&draft))
                        trib__text_add(&draft.text,
                                       "%s%s ops/s at %s is %.0f %% of the %s limit of %s",
                                       trib__group_prefix(head, sweep, prefix, sizeof(prefix)),
                                       trib__grouped(point->ops_per_s).text,
                                       trib__threads_text(point->threads).text,
                                       point->percent_of_limit, sweep->limit.bound,
                                       trib__grouped(sweep->limit.ops_per_s).text);
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        if (draft.finding.severity == TRIB__SEVERITY_ERROR)
                trib__text_add(&draft.text, ": no peak is measured that much too low; the work "
                                            "that is counted was not done");
        else
                trib__text_add(&draft.text, ": the peak was measured too low, on a busy machine; "
                                            "take the limit as at least what was reached");
        return trib__finding_end(&draft, results, err);
}

bool trib__point_is_unsteady(const struct trib__point *point, double range[2])
{
        range[0] = (double)INFINITY;
        range[1] = 0;
        for (size_t i = 0; i < point->round_count; i++) {
                range[0] = fmin(range[0], point->rounds[i]);
                range[1] = fmax(range[1], point->rounds[i]);
        }
        return point->round_count >= 2 && range[1] - range[0] > SPREAD * point->ops_per_s;
}

static trib_status audit_unstable(struct trib__results *results, const struct trib__sweep *head,
                                  trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;
        char                       prefix[256];
        double                     range[2];

        trib__finding_start(&draft, "unstable", TRIB__SEVERITY_WARNING);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        trib__text_add(&draft.text, "rounds differ by more than 10 %% of their median: ");
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;) {
                for (size_t i = 0; i < sweep->point_count; i++) {
                        const struct trib__point *point = &sweep->points[i];

                        if (trib__point_is_unsteady(point, range)
                            && trib__finding_item(&draft))
                                trib__text_add(&draft.text, "%s%s %s to %s ops/s",
                                               trib__group_prefix(head, sweep, prefix,
                                                                  sizeof(prefix)),
                                               trib__threads_text(point->threads).text,
                                               trib__grouped(range[0]).text,
                                               trib__grouped(range[1]).text);
                }
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, ": other work, or a changing clock; measure for longer "
                                    "(--seconds), or on a quiet machine");
        return trib__finding_end(&draft, results, err);
}

/* Promise 1: no thread count below 0.95x of a lower one. Where both intervals share a value it is
 * not shown to be a dip, and `overlapping-intervals` speaks of it instead. */
static trib_status audit_dip(struct trib__results *results, const struct trib__sweep *sweep,
                             trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__point  *best = NULL;

        if (sweep->kind != TRIB__SWEEP_THREADS)
                return TRIB_OK;
        trib__finding_start(&draft, "thread-dip", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text, "more threads give less: ");
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                if (best != NULL && trib__point_loses(point, best) && trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%s %s ops/s against %s at %u (%.2fx)",
                                       trib__threads_text(point->threads).text,
                                       trib__grouped(point->ops_per_s).text,
                                       trib__grouped(best->ops_per_s).text, best->threads,
                                       point->ops_per_s / best->ops_per_s);
                if (best == NULL || point->ops_per_s > best->ops_per_s)
                        best = point;
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        return trib__finding_end(&draft, results, err);
}

/* Neighbours whose medians differ as if it meant something, while their intervals share values. */
static trib_status audit_overlap(struct trib__results *results, const struct trib__sweep *head,
                                 trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;
        char                       prefix[256];

        trib__finding_start(&draft, "overlapping-intervals", TRIB__SEVERITY_INFO);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;) {
                for (size_t i = 1; i < sweep->point_count; i++) {
                        const struct trib__point *a = &sweep->points[i - 1];
                        const struct trib__point *b = &sweep->points[i];

                        if (fabs(b->ops_per_s / a->ops_per_s - 1) >= TRIB__DIFFERENCE
                            && trib__points_overlap(a, b) && trib__finding_item(&draft))
                                trib__text_add(&draft.text, "%s%u and %s (%s and %s ops/s)",
                                               trib__group_prefix(head, sweep, prefix,
                                                                  sizeof(prefix)),
                                               a->threads, trib__threads_text(b->threads).text,
                                               trib__grouped(a->ops_per_s).text,
                                               trib__grouped(b->ops_per_s).text);
                }
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, ": their 95 %% intervals share values, so they are not shown "
                                    "to differ; more rounds would tell");
        return trib__finding_end(&draft, results, err);
}

static trib_status audit_requests(struct trib__results *results, const struct trib__sweep *sweep,
                                  trib_error *err)
{
        struct trib__finding_draft draft;
        trib_status                status = TRIB_OK;

        trib__finding_start(&draft, "request-errors", TRIB__SEVERITY_ERROR);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text, "requests failed: ");
        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].errors > 0 && trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%s of %s at %s",
                                       trib__grouped((double)sweep->points[i].errors).text,
                                       trib__grouped((double)sweep->points[i].requests).text,
                                       trib__threads_text(sweep->points[i].threads).text);
        trib__finding_end_list(&draft);
        if (draft.items > 0)
                status = trib__finding_end(&draft, results, err);
        return status;
}

static trib_status audit_shares(struct trib__results *results, const struct trib__sweep *sweep,
                                trib_error *err)
{
        struct trib__finding_draft draft;
        double                     most_us = 0;

        trib__finding_start(&draft, "shares-mismatch", TRIB__SEVERITY_WARNING);
        trib__finding_about(&draft, results, sweep);
        trib__text_add(&draft.text, "the parts of a request's time sum to ");
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];
                double                    sum = 0;

                for (size_t k = 0; k < point->share_count; k++)
                        sum += point->shares[k].fraction;
                if (point->share_count == 0 || fabs(sum - 1) <= SHARES_OFF)
                        continue;
                most_us = fmax(most_us, fabs(sum - 1) * trib__point_latency_us(point));
                if (trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%.0f %% of its latency at %s", 100 * sum,
                                       trib__threads_text(point->threads).text);
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        if (most_us < SHARES_OFF_US) {
                draft.finding.severity = TRIB__SEVERITY_INFO;
                trib__text_add(&draft.text, ": less than %.2f us of each is outside the session or "
                                            "not attributed", SHARES_OFF_US);
        } else {
                trib__text_add(&draft.text, ": the attribution is not right there");
        }
        return trib__finding_end(&draft, results, err);
}

bool trib__finding_is_concluded(const char *code)
{
        static const char *const codes[] = {
                "above-limit",        "baseline-mismatch",    "busy-machine",
                "cold-baseline",      "constant-throughput",  "drift",
                "few-points",         "implausible",          "interrupted",
                "interval-mismatch",  "latency-mismatch",     "latency-order",
                "loses-throughput",   "mixed-units",          "no-baseline",
                "no-onednn",          "non-monotonic",        "outlier",
                "oversubscribed",     "overlapping-intervals", "request-count",
                "request-errors",     "shares-mismatch",      "superlinear-baseline",
                "swapped-columns",    "thread-dip",           "unstable",
                "overload",           "generator-limit",      "late-generator",
                "slo-not-kept",       "slo-ceiling",          "slo-no-time",
                "short-run",          "rate-mismatch",        "restless-trials",
        };

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (strcmp(code, codes[i]) == 0)
                        return true;
        return false;
}

typedef trib_status (*check_function)(struct trib__results *, const struct trib__sweep *,
                                      trib_error *);

/* A load sweep is no curve: only what holds for a point by itself. */
static trib_status audit_load(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        static const check_function checks[] = { audit_requests, audit_shares, audit_limit,
                                                 trib__audit_points, trib__audit_load };
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && status == TRIB_OK; i++)
                if (sweep->refuted[0] == '\0')
                        status = checks[i](results, sweep, err);
        return status;
}

trib_status trib__audit_sweep(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        static const check_function each[] = { trib__audit_few, audit_superlinear,
                                               audit_drift,     audit_cold,
                                               audit_dip,       trib__audit_constant,
                                               trib__audit_curve, audit_requests,
                                               audit_shares };
        static const check_function grouped[] = { trib__audit_baseline, audit_limit,
                                                  audit_unstable, audit_overlap,
                                                  trib__audit_points };
        trib_status status = TRIB_OK;

        if (sweep->kind == TRIB__SWEEP_LOAD)
                return audit_load(results, sweep, err);
        for (size_t i = 0; i < sizeof(each) / sizeof(each[0]) && status == TRIB_OK; i++)
                if (sweep->refuted[0] == '\0')
                        status = each[i](results, sweep, err);
        if (sweep->kind != TRIB__SWEEP_SIZES && sweep->refuted[0] != '\0')
                return status;
        if (sweep->kind == TRIB__SWEEP_SIZES && !trib__sweep_is_first_of_run(results, sweep))
                return status;
        for (size_t i = 0; i < sizeof(grouped) / sizeof(grouped[0]) && status == TRIB_OK; i++)
                status = grouped[i](results, sweep, err);
        return status;
}
