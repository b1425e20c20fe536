/* SPDX-License-Identifier: Apache-2.0 */
/* advice_settings.c: advice from a run that measured some settings of a grid (planner.h), advice
 * for a stated objective, and what each advice costs. Pure. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/planner.h"
#include "base/alloc.h"

#define OBJECTIVE_REACHES 0.98

double trib__point_quantile_us(const struct trib__point *point, double quantile)
{
        const struct trib__latency_us *us = &point->latency_us;

        if (quantile >= 0.9985)
                return us->p999;
        if (quantile >= 0.985)
                return us->p99;
        return quantile >= 0.85 ? us->p90 : us->p50;
}

static const char *quantile_name(double quantile)
{
        return quantile >= 0.9985 ? "p99.9" : quantile >= 0.985 ? "p99"
                                          : quantile >= 0.85    ? "p90"
                                                                : "p50";
}

/* ---- a stated objective on a thread sweep ------------------------------------------------ */

static const struct trib__point *lowest_tail(const struct trib__sweep *sweep, double quantile)
{
        const struct trib__point *lowest = NULL;

        for (size_t i = 0; i < sweep->point_count; i++) {
                double us = trib__point_quantile_us(&sweep->points[i], quantile);

                if (us > 0
                    && (lowest == NULL || us < trib__point_quantile_us(lowest, quantile)))
                        lowest = &sweep->points[i];
        }
        return lowest;
}

static bool keeps(const struct trib__point *point, const struct trib__objective *objective)
{
        double us = trib__point_quantile_us(point, objective->quantile);

        return us > 0 && us <= objective->us;
}

void trib__advise_objective(const struct trib__results *results, const struct trib__sweep *sweep,
                            struct trib__recommendation *advice)
{
        const struct trib__objective *objective = &results->objective;
        const struct trib__point     *best = NULL, *found = NULL,
                                     *lowest = lowest_tail(sweep, objective->quantile);
        struct trib__text text = trib__text_of(advice->why, sizeof(advice->why));
        const char       *name = quantile_name(objective->quantile);

        for (size_t i = 0; i < sweep->point_count; i++)
                if (keeps(&sweep->points[i], objective)
                    && (best == NULL || sweep->points[i].ops_per_s > best->ops_per_s))
                        best = &sweep->points[i];
        for (size_t i = 0; i < sweep->point_count && best != NULL && found == NULL; i++)
                if (keeps(&sweep->points[i], objective)
                    && sweep->points[i].ops_per_s >= OBJECTIVE_REACHES * best->ops_per_s)
                        found = &sweep->points[i];
        if (found != NULL) {
                trib__advice_take_point(results, sweep, found, advice);
                trib__text_add(&text, "the highest throughput whose %s keeps %s: %s there, with "
                                      "as many requests at once as threads",
                               name, trib__duration_us(objective->us).text,
                               trib__duration_us(trib__point_quantile_us(
                                                         found, objective->quantile)).text);
        } else if (lowest != NULL) {
                trib__text_add(&text, "nothing that was measured keeps %s of %s: the lowest is %s, "
                                      "at %s", name, trib__duration_us(objective->us).text,
                               trib__duration_us(trib__point_quantile_us(
                                                         lowest, objective->quantile)).text,
                               trib__threads_text(lowest->threads).text);
        } else {
                trib__text_add(&text, "%s was not measured", name);
        }
}

/* ---- settings of a grid -------------------------------------------------------------------- */

/* The grid of a plan as settings; kinds are its precisions. */
static size_t fill_settings(const struct trib__plan_facts *plan, struct trib__setting *settings)
{
        size_t count = 0;

        for (size_t p = 0; p < plan->precision_count; p++)
                for (size_t b = 0; b < plan->batch_count; b++)
                        for (size_t t = 0; t < plan->thread_count; t++)
                                settings[count++] = (struct trib__setting){
                                        plan->threads[t], (double)plan->batches[b], (unsigned)p
                                };
        return count;
}

size_t trib__plan_settings(const struct trib__plan_facts *plan, struct trib__setting *settings,
                           size_t most)
{
        size_t count = plan->thread_count * plan->batch_count * plan->precision_count;

        return count <= most ? fill_settings(plan, settings) : 0;
}

/* The sweep of a setting's batch and precision; NULL when nothing of it was measured. */
static const struct trib__sweep *sweep_of(const struct trib__results *results,
                                          const struct trib__setting *setting)
{
        const char *precision = results->plan.precisions[setting->kind];

        for (size_t i = 0; i < results->sweep_count; i++) {
                const struct trib__sweep *sweep = results->sweeps[i];

                if ((double)sweep->workload.batch == setting->batch
                    && strcmp(sweep->precision, precision) == 0)
                        return sweep;
        }
        return NULL;
}

/* Everything that was measured, as the windows that it was measured in. */
static void feed(const struct trib__results *results, const struct trib__setting *settings,
                 size_t count, struct trib__planner *planner)
{
        double quantile = results->objective.us > 0 ? results->objective.quantile : 0.99;

        for (size_t i = 0; i < count; i++) {
                const struct trib__sweep *sweep = sweep_of(results, &settings[i]);
                const struct trib__point *point =
                        sweep != NULL ? trib__sweep_find_point(sweep, settings[i].threads) : NULL;

                for (size_t r = 0; point != NULL && r < point->round_count; r++) {
                        struct trib__seen seen = { i, point->rounds[r],
                                                   trib__point_quantile_us(point, quantile), 0 };

                        trib__planner_add(planner, &seen);
                }
        }
}

static void say_why(const struct trib__results *results, trib__goal goal,
                    const struct trib__choice *choice, struct trib__recommendation *advice)
{
        static const char *const reasons[] = {
                "greatest power (throughput / mean latency)",
                "the knee of the throughput over threads, at the best batch and precision of each",
                "fewest threads that reach 98 % of the highest throughput", "",
        };
        struct trib__text text = trib__text_of(advice->why, sizeof(advice->why));

        if (goal == TRIB__GOAL_SLO)
                trib__text_add(&text, "the highest throughput whose %s keeps %s",
                               quantile_name(results->objective.quantile),
                               trib__duration_us(results->objective.us).text);
        else
                trib__text_add(&text, "%s", reasons[goal]);
        if (!choice->is_measured)
                trib__text_add(&text, "; not measured itself, by what was measured around it");
        if (choice->doubt > 0.05)
                trib__text_add(&text, "; another setting may be better by over 3 %% (chance "
                                      "%.0f %%): measure longer, or with --plan grid",
                               100 * choice->doubt);
}

/* The planner speaks of the objective's percentile; of another one only what was measured. */
static double expected_p99(const struct trib__results *results,
                           const struct trib__setting *setting,
                           const struct trib__choice *choice)
{
        const struct trib__sweep *sweep = sweep_of(results, setting);
        const struct trib__point *point = NULL;

        if (!(results->objective.us > 0)
            || strcmp(quantile_name(results->objective.quantile), "p99") == 0)
                return choice->p99_us;
        if (sweep != NULL)
                point = trib__sweep_find_point(sweep, setting->threads);
        return point != NULL ? point->latency_us.p99 : 0;
}

static void take_choice(const struct trib__results *results, trib__goal goal,
                        const struct trib__setting *setting, const struct trib__choice *choice,
                        struct trib__recommendation *advice)
{
        if (goal == TRIB__GOAL_SLO && !choice->is_kept) {
                (void)snprintf(advice->why, sizeof(advice->why),
                               "no setting is expected to keep %s of %s: the lowest is %s, at "
                               "%s, batch %.0f",
                               quantile_name(results->objective.quantile),
                               trib__duration_us(results->objective.us).text,
                               trib__duration_us(choice->p99_us).text,
                               trib__threads_text(setting->threads).text, setting->batch);
                return;
        }
        advice->threads = setting->threads;
        advice->batch = (int64_t)setting->batch;
        (void)snprintf(advice->precision, sizeof(advice->precision), "%s",
                       results->plan.precisions[setting->kind]);
        (void)snprintf(advice->policy, sizeof(advice->policy), "direct");
        advice->ops_per_s = choice->ops_per_s;
        memcpy(advice->ops_per_s_ci95, choice->ops_ci95, sizeof(choice->ops_ci95));
        advice->p99_us = expected_p99(results, setting, choice);
        say_why(results, goal, choice, advice);
}

/* Whether the planner had to stop for want of time is told by the doubt that it is left with. */
static void advise(struct trib__results *results, const struct trib__setting *settings,
                   struct trib__planner *planner)
{
        struct trib__recommendation *all[] = { &results->latency, &results->production,
                                               &results->batch, &results->slo };
        struct trib__choice choice;
        size_t              next;

        (void)trib__planner_next(planner, &next);
        for (int g = 0; g < TRIB__GOALS; g++)
                if (trib__planner_choose(planner, (trib__goal)g, &choice))
                        take_choice(results, (trib__goal)g, &settings[choice.setting], &choice,
                                    all[g]);
}

void trib__advise_plan(struct trib__results *results)
{
        struct trib__setting        settings[TRIB__PLANNER_SETTINGS_MAX];
        struct trib__planner_options options = {
                .settings = settings,
                .count = trib__plan_settings(&results->plan, settings,
                                             TRIB__PLANNER_SETTINGS_MAX),
                .windows = results->plan.windows > 0 ? results->plan.windows : 1,
                .budget_s = INFINITY,
                .slo_us = results->objective.us,
                .seed = results->run.seed,
        };
        struct trib__planner *planner;

        if (options.count == 0
            || trib__planner_create(&options, &planner, NULL) != TRIB_OK) {
                (void)snprintf(results->latency.why, sizeof(results->latency.why),
                               "the plan of the run cannot be used");
                return;
        }
        feed(results, settings, options.count, planner);
        advise(results, settings, planner);
        trib__planner_destroy(planner);
}

/* ---- what it costs -------------------------------------------------------------------------- */

/* Samples per second; requests where no batch is known. */
static double rate_of(const struct trib__recommendation *advice)
{
        return advice->ops_per_s * (advice->batch > 0 ? (double)advice->batch : 1);
}

static void cost(struct trib__recommendation *advice, const struct trib__recommendation *quickest,
                 const struct trib__recommendation *highest)
{
        struct trib__text text = trib__text_of(advice->cost, sizeof(advice->cost));
        double less = highest->threads > 0 ? 1 - rate_of(advice) / rate_of(highest) : 0;
        double slower = quickest->p99_us > 0 ? advice->p99_us / quickest->p99_us : 0;

        if (advice->threads == 0 || !(advice->ops_per_s > 0))
                return;
        if (less > 0.01)
                trib__text_add(&text, "%.0f %% less throughput than for batch", 100 * less);
        if (slower > 1.05)
                trib__text_add(&text, "%sp99 %.1f times that of latency",
                               text.used > 0 ? "; " : "", slower);
        if (quickest->threads > 0 && advice->threads > quickest->threads)
                trib__text_add(&text, "%s%s where latency takes %u", text.used > 0 ? "; " : "",
                               trib__threads_text(advice->threads).text, quickest->threads);
        if (strcmp(advice->precision, "medium") == 0)
                trib__text_add(&text, "%sbf16 inside: less exact results",
                               text.used > 0 ? "; " : "");
        if (text.used == 0)
                trib__text_add(&text, "nothing against the others");
}

void trib__conclude_costs(struct trib__results *results)
{
        cost(&results->latency, &results->latency, &results->batch);
        cost(&results->production, &results->latency, &results->batch);
        cost(&results->batch, &results->latency, &results->batch);
        cost(&results->slo, &results->latency, &results->batch);
}
