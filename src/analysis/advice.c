/* SPDX-License-Identifier: Apache-2.0 */
/* advice.c: how many threads to use, for three aims, each with its reason.
 *
 * latency     the point of greatest power, throughput / latency: the best exchange of one for the
 *             other (in a closed loop without measured latency: latency = threads / throughput)
 * production  the knee: the point farthest above the chord of the curve, both axes scaled to 0..1
 * batch       the fewest threads that reach 98 % of the highest throughput
 *
 * When the audit found that the numbers under the advice do not hold, the caution says so. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"

#define BATCH_REACHES 0.98

/* A curve that rises less than this from its first point has no knee: more threads give nothing.
 * Nor does one that rises less than the second while the intervals of its ends share values. */
#define KNEE_RISE 1.05
#define KNEE_RISE_UNCLEAR 1.20

/* A curve that stays this close to its chord is straight: where it lies above is noise, and the
 * advice is then the saturation point. */
#define KNEE_HEIGHT 0.05

/* Whether one may be advised instead of the other. Rows of one file that name no workload are of
 * the same one: what tells them apart is the policy. */
static bool are_alternatives(const struct trib__sweep *a, const struct trib__sweep *b)
{
        if (strcmp(a->source, b->source) != 0)
                return false;
        return trib__workload_is_same(&a->workload, &b->workload)
               || (a->workload.kind[0] == '\0' && b->workload.kind[0] == '\0'
                   && strcmp(a->policy, b->policy) != 0);
}

const struct trib__sweep *trib__results_advised_sweep(const struct trib__results *results)
{
        const struct trib__sweep *advised = NULL;

        for (size_t i = 0; i < results->sweep_count; i++) {
                const struct trib__sweep *sweep = results->sweeps[i];

                if (sweep->kind != TRIB__SWEEP_THREADS || sweep->point_count == 0)
                        continue;
                if (advised == NULL
                    || (are_alternatives(advised, sweep) && sweep->refuted[0] == '\0'
                        && (advised->refuted[0] != '\0'
                            || trib__sweep_best(sweep)->ops_per_s
                                       > trib__sweep_best(advised)->ops_per_s)))
                        advised = sweep;
        }
        return advised;
}

static const struct trib__point *most_power(const struct trib__sweep *sweep)
{
        const struct trib__point *best = NULL;
        double                    most = 0;

        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];
                double power = point->ops_per_s / trib__point_latency_us(point);

                if (best == NULL || power > most) {
                        best = point;
                        most = power;
                }
        }
        return best;
}

/* How far a point lies above the chord of the curve, both axes scaled to 0..1. */
static double above_chord(const struct trib__sweep *sweep, const struct trib__point *point,
                          double lowest, double highest)
{
        double first = sweep->points[0].threads;
        double last = sweep->points[sweep->point_count - 1].threads;

        return (point->ops_per_s - lowest) / (highest - lowest)
               - (point->threads - first) / (last - first);
}

static bool has_knee(const struct trib__sweep *sweep)
{
        const struct trib__point *first = &sweep->points[0], *best = trib__sweep_best(sweep);
        double                    rise = best->ops_per_s / first->ops_per_s;

        return rise >= (trib__points_overlap(first, best) ? KNEE_RISE_UNCLEAR : KNEE_RISE);
}

/* The point of the advice, and in *is_straight whether it is for want of a knee. */
static const struct trib__point *knee(const struct trib__sweep *sweep, bool *is_straight)
{
        const struct trib__point *first = &sweep->points[0], *best = first;
        double highest = trib__sweep_best(sweep)->ops_per_s, lowest = first->ops_per_s;

        *is_straight = false;
        if (!has_knee(sweep))
                return first;
        for (size_t i = 0; i < sweep->point_count; i++)
                lowest = fmin(lowest, sweep->points[i].ops_per_s);
        for (size_t i = 1; i < sweep->point_count; i++)
                if (above_chord(sweep, &sweep->points[i], lowest, highest)
                    > above_chord(sweep, best, lowest, highest))
                        best = &sweep->points[i];
        *is_straight = above_chord(sweep, best, lowest, highest) < KNEE_HEIGHT;
        if (*is_straight)
                best = trib__sweep_find_point(sweep,
                                              trib__sweep_fewest_reaching(sweep, TRIB__SATURATED));
        return best;
}

/* Whether the audit found this about the sweep, or about the whole run. */
static bool has_finding(const struct trib__results *results, const struct trib__sweep *sweep,
                        const char *code)
{
        for (size_t i = 0; i < results->finding_count; i++) {
                const struct trib__finding *finding = &results->findings[i];

                if (strcmp(finding->code, code) != 0)
                        continue;
                if (finding->sweeps[0] < 0)
                        return true;
                for (int k = 0; k < 2; k++)
                        if (finding->sweeps[k] >= 0
                            && results->sweeps[finding->sweeps[k]] == sweep)
                                return true;
        }
        return false;
}

/* The highest 1-thread throughput of the same workload under the same policy in another sweep,
 * 0 when there is none. */
static double other_baseline(const struct trib__results *results, const struct trib__sweep *sweep)
{
        double highest = 0;

        for (size_t i = 0; i < results->sweep_count; i++) {
                const struct trib__sweep *other = results->sweeps[i];
                const struct trib__point *one = trib__sweep_find_point(other, 1);

                if (other != sweep && one != NULL && strcmp(other->policy, sweep->policy) == 0
                    && trib__workload_is_same(&other->workload, &sweep->workload))
                        highest = fmax(highest, one->ops_per_s);
        }
        return highest;
}

/* Whether the points that the advice stands on are themselves unsteady. */
static bool is_shaky(const struct trib__results *results, const struct trib__sweep *sweep)
{
        const struct trib__point *points[] = {
                trib__sweep_find_point(sweep, results->latency.threads),
                trib__sweep_find_point(sweep, results->production.threads),
                trib__sweep_find_point(sweep, results->batch.threads),
                trib__sweep_best(sweep),
        };
        double range[2];

        for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
                if (points[i] != NULL && trib__point_is_unsteady(points[i], range))
                        return true;
        return false;
}

/* What each advised thread count gives against a faster 1-thread point of the same workload. */
static void add_other_baseline(const struct trib__results *results,
                               const struct trib__sweep *sweep, struct trib__text *text)
{
        const unsigned advised[] = { results->latency.threads, results->production.threads,
                                     results->batch.threads };
        double         other = other_baseline(results, sweep);
        const struct trib__point *one = trib__sweep_find_point(sweep, 1);

        /* So far apart, the two are in different units. */
        if (other <= 0 || one == NULL || other > 200 * one->ops_per_s
            || one->ops_per_s > 200 * other)
                return;
        trib__text_add(text, "; against the other 1-thread baseline of %s ops/s:",
                       trib__grouped(other).text);
        for (size_t i = 0; i < 3; i++) {
                const struct trib__point *point = trib__sweep_find_point(sweep, advised[i]);

                if (point == NULL || (i > 0 && advised[i] == advised[i - 1]))
                        continue;
                trib__text_add(text, "%s %s give%s %.2fx", i == 0 ? "" : ",",
                               trib__threads_text(point->threads).text,
                               point->threads == 1 ? "s" : "", point->ops_per_s / other);
        }
}

/* Whether this is the first error of its code, about this sweep or everything, and none of the
 * codes that are looked at by name. */
static bool is_other_error(const struct trib__results *results, const struct trib__sweep *sweep,
                           size_t index, const char *const *codes, size_t count)
{
        const struct trib__finding *finding = &results->findings[index];

        if (finding->severity != TRIB__SEVERITY_ERROR
            || !has_finding(results, sweep, finding->code))
                return false;
        for (size_t i = 0; i < count; i++)
                if (strcmp(finding->code, codes[i]) == 0)
                        return false;
        for (size_t i = 0; i < index; i++)
                if (strcmp(finding->code, results->findings[i].code) == 0)
                        return false;
        return true;
}

/* What the audit found that the advice does not survive. */
static void conclude_caution(struct trib__results *results, const struct trib__sweep *sweep)
{
        static const char *const codes[] = { "superlinear-baseline", "baseline-mismatch",
                                             "cold-baseline",        "drift",
                                             "busy-machine",         "interrupted",
                                             "outlier",              "non-monotonic",
                                             "constant-throughput" };
        struct trib__text text = trib__text_of(results->caution, sizeof(results->caution));
        int               count = 0;

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (has_finding(results, sweep, codes[i]))
                        trib__text_add(&text, "%s%s", count++ == 0 ? "do not rely on this yet: "
                                                                   : ", ", codes[i]);
        for (size_t i = 0; i < results->finding_count; i++)
                if (is_other_error(results, sweep, i, codes, sizeof(codes) / sizeof(codes[0])))
                        trib__text_add(&text, "%s%s", count++ == 0 ? "do not rely on this yet: "
                                                                   : ", ",
                                       results->findings[i].code);
        if (is_shaky(results, sweep))
                trib__text_add(&text, "%s%s", count++ == 0 ? "do not rely on this yet: " : ", ",
                               "unstable");
        if (count > 0 && has_finding(results, sweep, "baseline-mismatch"))
                add_other_baseline(results, sweep, &text);
        if (count > 0)
                trib__text_add(&text, "; see the findings");
}

void trib__advice_take_point(const struct trib__results *results, const struct trib__sweep *sweep,
                             const struct trib__point *point,
                             struct trib__recommendation *advice)
{
        advice->threads = point->threads;
        advice->batch = sweep->workload.batch;
        advice->ops_per_s = point->ops_per_s;
        advice->p99_us = point->latency_us.p99;
        memcpy(advice->ops_per_s_ci95, point->ops_per_s_ci95, sizeof(advice->ops_per_s_ci95));
        (void)snprintf(advice->policy, sizeof(advice->policy), "%s", sweep->policy);
        (void)snprintf(advice->precision, sizeof(advice->precision), "%s",
                       sweep->precision[0] != '\0' ? sweep->precision
                                                   : results->device.precision);
}

static struct trib__text start(const struct trib__results *results,
                               struct trib__recommendation *advice,
                               const struct trib__sweep *sweep, const struct trib__point *point)
{
        trib__advice_take_point(results, sweep, point, advice);
        return trib__text_of(advice->why, sizeof(advice->why));
}

static void advise_latency(const struct trib__results *results, const struct trib__sweep *sweep,
                           struct trib__recommendation *advice)
{
        const struct trib__point *point = most_power(sweep);
        struct trib__text         text = start(results, advice, sweep, point);

        trib__text_add(&text, "greatest power (throughput / latency): %s ops/s at a mean of %s",
                       trib__grouped(point->ops_per_s).text,
                       trib__duration_us(trib__point_latency_us(point)).text);
        if (point->latency_us.mean <= 0 && point->latency_us.p50 <= 0)
                trib__text_add(&text, " (latency taken as threads / throughput)");
}

static void advise_production(const struct trib__results *results,
                              const struct trib__sweep *sweep,
                              struct trib__recommendation *advice)
{
        bool                      is_straight;
        const struct trib__point *point = knee(sweep, &is_straight);
        const struct trib__point *best = trib__sweep_best(sweep);
        struct trib__text         text = start(results, advice, sweep, point);

        if (is_straight)
                trib__text_add(&text, "no knee: throughput rises in a straight line to %.0f %% of "
                                      "the highest here",
                               100 * point->ops_per_s / best->ops_per_s);
        else if (!has_knee(sweep))
                trib__text_add(&text, "throughput does not clearly rise beyond %s",
                               trib__threads_text(point->threads).text);
        else
                trib__text_add(&text, "knee of the curve: %.0f %% of the highest throughput, "
                                      "beyond it each thread adds less than its part",
                               100 * point->ops_per_s / best->ops_per_s);
}

static void advise_batch(const struct trib__results *results, const struct trib__sweep *sweep,
                         struct trib__recommendation *advice)
{
        const struct trib__point *best = trib__sweep_best(sweep);
        unsigned fewest = trib__sweep_fewest_reaching(sweep, BATCH_REACHES);
        const struct trib__point *point = trib__sweep_find_point(sweep, fewest);
        struct trib__text         text;

        /* A throughput that is not positive reaches nothing; take the best point then. */
        point = point != NULL ? point : best;
        text = start(results, advice, sweep, point);
        trib__text_add(&text, "fewest threads that reach 98 %% of the highest throughput "
                              "(%s of %s ops/s)",
                       trib__grouped(point->ops_per_s).text,
                       trib__grouped(best->ops_per_s).text);
        for (size_t i = 0; i < sweep->point_count; i++) {
                if (sweep->points[i].threads >= point->threads)
                        break;
                if (!trib__points_overlap(&sweep->points[i], best))
                        continue;
                trib__text_add(&text, "; by the 95 %% intervals %s may be as good",
                               trib__threads_text(sweep->points[i].threads).text);
                break;
        }
}

/* Advice from the points of one sweep, or why there is none. */
static void advise_sweep(struct trib__results *results, const struct trib__sweep *sweep)
{
        struct trib__recommendation *all[] = { &results->latency, &results->production,
                                               &results->batch };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                if (sweep != NULL && sweep->refuted[0] != '\0')
                        (void)snprintf(all[i]->why, sizeof(all[i]->why),
                                       "none can be given: the numbers cannot be what they say "
                                       "(%s); see the findings", sweep->refuted);
                else if (sweep == NULL || sweep->point_count < 3)
                        (void)snprintf(all[i]->why, sizeof(all[i]->why),
                                       "advice needs a thread sweep of at least 3 thread counts");
        }
        if (sweep == NULL || sweep->refuted[0] != '\0')
                return;
        if (results->objective.us > 0)
                trib__advise_objective(results, sweep, &results->slo);
        if (sweep->point_count < 3)
                return;
        advise_latency(results, sweep, &results->latency);
        advise_production(results, sweep, &results->production);
        advise_batch(results, sweep, &results->batch);
        conclude_caution(results, sweep);
}

void trib__conclude_advice(struct trib__results *results)
{
        results->caution[0] = '\0';
        memset(&results->latency, 0, sizeof(results->latency));
        memset(&results->production, 0, sizeof(results->production));
        memset(&results->batch, 0, sizeof(results->batch));
        memset(&results->slo, 0, sizeof(results->slo));
        if (results->plan.is_present)
                trib__advise_plan(results);
        else
                advise_sweep(results, trib__results_advised_sweep(results));
        trib__conclude_costs(results);
}
