/* SPDX-License-Identifier: Apache-2.0 */
/* planner_goals.c: what each goal picks from a surface, and what another setting loses. The rules
 * are those of advice.c, over batches and kinds as well. Pure. */
#include <math.h>

#include "analysis/planner.h"

#define BATCH_REACHES 0.98
#define SATURATED 0.95
#define KNEE_RISE 1.05
#define KNEE_HEIGHT 0.05

static double mean_us_of(const struct trib__surface *surface, size_t i)
{
        const struct trib__setting *setting = &surface->settings[i];

        return 1e6 * setting->threads * setting->batch / exp(surface->log_rate[i]);
}

static double log_power_of(const struct trib__surface *surface, size_t i)
{
        return surface->log_rate[i] - log(mean_us_of(surface, i));
}

static double p99_of(const struct trib__surface *surface, size_t i)
{
        return mean_us_of(surface, i) * exp(surface->log_tail[i]);
}

static bool is_kept(const struct trib__surface *surface, size_t i, double slack)
{
        return p99_of(surface, i) <= surface->slo_us * slack;
}

/* Cheaper at as good as the same throughput: fewer threads, then smaller batches. */
static bool is_cheaper(const struct trib__setting *a, const struct trib__setting *b)
{
        return a->threads != b->threads ? a->threads < b->threads : a->batch < b->batch;
}

static size_t pick_latency(const struct trib__surface *surface)
{
        size_t best = 0;

        for (size_t i = 1; i < surface->count; i++)
                if (log_power_of(surface, i) > log_power_of(surface, best))
                        best = i;
        return best;
}

/* The highest throughput, of one thread count unless that is 0, and of those that keep the
 * objective if asked; surface->count when there is none. */
static size_t highest(const struct trib__surface *surface, unsigned threads, bool is_to_keep)
{
        size_t best = surface->count;

        for (size_t i = 0; i < surface->count; i++) {
                if ((threads != 0 && surface->settings[i].threads != threads)
                    || (is_to_keep && !is_kept(surface, i, 1)))
                        continue;
                if (best == surface->count || surface->log_rate[i] > surface->log_rate[best])
                        best = i;
        }
        return best;
}

/* The cheapest setting within BATCH_REACHES of `best`. */
static size_t cheapest(const struct trib__surface *surface, size_t best, unsigned threads,
                       bool is_to_keep)
{
        double least = surface->log_rate[best] + log(BATCH_REACHES);
        size_t found = best;

        for (size_t i = 0; i < surface->count; i++)
                if (surface->log_rate[i] >= least
                    && (threads == 0 || surface->settings[i].threads == threads)
                    && (!is_to_keep || is_kept(surface, i, 1))
                    && is_cheaper(&surface->settings[i], &surface->settings[found]))
                        found = i;
        return found;
}

/* The highest throughput at each thread count: the curve that has a knee. */
struct curve {
        unsigned threads[TRIB__PLANNER_SETTINGS_MAX];
        double   rates[TRIB__PLANNER_SETTINGS_MAX];
        size_t   count;
        double   lowest, highest; /* of the rates              */
        double   first;           /* that of the fewest threads */
        unsigned few, many;
};

/* The place of a thread count in the curve; curve->count when it is not there. */
static size_t place_in(const struct curve *curve, unsigned threads)
{
        size_t place = 0;

        while (place < curve->count && curve->threads[place] != threads)
                place++;
        return place;
}

static void fill_curve(const struct trib__surface *surface, struct curve *curve)
{
        curve->count = 0;
        for (size_t i = 0; i < surface->count; i++) {
                size_t place = place_in(curve, surface->settings[i].threads);

                if (place == curve->count) {
                        curve->threads[place] = surface->settings[i].threads;
                        curve->rates[place] = surface->log_rate[i];
                        curve->count++;
                }
                curve->rates[place] = fmax(curve->rates[place], surface->log_rate[i]);
        }
        curve->lowest = (double)INFINITY;
        curve->highest = 0;
        curve->few = curve->many = curve->threads[0];
        for (size_t i = 0; i < curve->count; i++) {
                curve->rates[i] = exp(curve->rates[i]);
                curve->lowest = fmin(curve->lowest, curve->rates[i]);
                curve->highest = fmax(curve->highest, curve->rates[i]);
                curve->few = curve->threads[i] < curve->few ? curve->threads[i] : curve->few;
                curve->many = curve->threads[i] > curve->many ? curve->threads[i] : curve->many;
        }
        curve->first = curve->rates[place_in(curve, curve->few)];
}

static double above_chord(const struct curve *curve, double rate, unsigned threads)
{
        return (rate - curve->lowest) / (curve->highest - curve->lowest)
               - (double)(threads - curve->few) / (curve->many - curve->few);
}

static bool has_knee(const struct curve *curve)
{
        return curve->many > curve->few && curve->highest >= KNEE_RISE * curve->first;
}

/* The place of the knee; of saturation where the curve is straight. */
static size_t knee_of(const struct curve *curve, bool *is_straight)
{
        size_t best = place_in(curve, curve->few), saturated = place_in(curve, curve->many);
        double height = 0;

        for (size_t i = 0; i < curve->count; i++) {
                double above = above_chord(curve, curve->rates[i], curve->threads[i]);

                if (above > height
                    || (above >= height && curve->threads[i] < curve->threads[best])) {
                        height = above;
                        best = i;
                }
                if (curve->rates[i] >= SATURATED * curve->highest
                    && curve->threads[i] < curve->threads[saturated])
                        saturated = i;
        }
        *is_straight = height < KNEE_HEIGHT;
        return *is_straight ? saturated : best;
}

static size_t pick_production(const struct trib__surface *surface)
{
        struct curve curve = { 0 };
        unsigned     threads;
        bool         is_straight;

        fill_curve(surface, &curve);
        threads = has_knee(&curve) ? curve.threads[knee_of(&curve, &is_straight)] : curve.few;
        return cheapest(surface, highest(surface, threads, false), threads, false);
}

static size_t pick_slo(const struct trib__surface *surface)
{
        size_t best = highest(surface, 0, true);

        if (best < surface->count)
                return cheapest(surface, best, 0, true);
        best = 0;
        for (size_t i = 1; i < surface->count; i++)
                if (p99_of(surface, i) < p99_of(surface, best))
                        best = i;
        return best;
}

size_t trib__goal_pick(trib__goal goal, const struct trib__surface *surface)
{
        switch (goal) {
        case TRIB__GOAL_LATENCY:
                return pick_latency(surface);
        case TRIB__GOAL_PRODUCTION:
                return pick_production(surface);
        case TRIB__GOAL_SLO:
                return pick_slo(surface);
        default:
                return cheapest(surface, highest(surface, 0, false), 0, false);
        }
}

/* What `rate` is short of `wanted`, of that. */
static double shortfall(double log_rate, double log_wanted)
{
        return fmax(0, -expm1(log_rate - log_wanted));
}

/* The part of the knee's height that is missed; or, where there is none to miss, of throughput. */
static double production_loss(const struct trib__surface *surface, size_t setting)
{
        unsigned     threads = surface->settings[setting].threads;
        double       rate = exp(surface->log_rate[setting]);
        struct curve curve = { 0 };
        size_t       knee;
        bool         is_straight;

        fill_curve(surface, &curve);
        if (!has_knee(&curve))
                return shortfall(log(rate), log(curve.first));
        knee = knee_of(&curve, &is_straight);
        if (is_straight)
                return shortfall(log(rate),
                                 log(fmin(curve.highest * SATURATED, curve.rates[knee])));
        return fmax(0, above_chord(&curve, curve.rates[knee], curve.threads[knee])
                               - above_chord(&curve, rate, threads));
}

double trib__goal_loss(trib__goal goal, const struct trib__surface *surface, size_t pick,
                       size_t setting)
{
        if (setting == pick)
                return 0;
        switch (goal) {
        case TRIB__GOAL_LATENCY:
                return shortfall(log_power_of(surface, setting), log_power_of(surface, pick));
        case TRIB__GOAL_PRODUCTION:
                return production_loss(surface, setting);
        case TRIB__GOAL_SLO:
                if (!is_kept(surface, pick, 1))
                        return shortfall(-log(p99_of(surface, setting)),
                                         -log(p99_of(surface, pick)));
                if (!is_kept(surface, setting, 1.03))
                        return 1;
                break;
        default:
                break;
        }
        return shortfall(surface->log_rate[setting], surface->log_rate[pick]);
}
