/* SPDX-License-Identifier: Apache-2.0 */
/* planner.c: which setting to measure next; see planner.h.
 *
 * It begins with a frame: of each kind the fewest and the most threads at the smallest and the
 * largest batch, and the middle of both. Then, step by step: the surfaces of log throughput and of
 * log (p99 / mean) are learnt anew, drawn, and each goal's pick on the expected surface is held
 * against its pick on every draw. The goal with most to lose is next; of its pick and the setting
 * that most draws prefer, the one of which less is known is measured. */
#include "analysis/planner.h"

#include <math.h>
#include <string.h>

#include "analysis/surrogate.h"
#include "base/alloc.h"
#include "base/error.h"

#define LOSES 0.005      /* that a draw loses by a pick: not to be borne while there is time */
#define LOSES_MUCH 0.03  /* to be told of                                                    */
#define LOOKS 4u         /* windows of a setting that is advised                             */

/* What the windows of one setting scatter by is shared by all; until enough were seen twice, it is
 * believed to be this, with the weight of so many. */
#define RATE_SCATTER 0.015
#define TAIL_SCATTER 0.10
#define BELIEVED 4.0
/* What no number of windows removes. */
#define RATE_FLOOR 0.003
#define TAIL_FLOOR 0.02

struct record {
        unsigned windows, tails;
        double   rate, rate_squares; /* mean of log samples/s, and squares about it */
        double   tail, tail_squares; /* of log p99 / mean latency                   */
        bool     is_dead;            /* measured, and nothing came of it            */
};

struct trib__planner {
        struct trib__planner_options options;
        struct trib__setting   *settings;
        struct record          *records;
        struct trib__surrogate *rate, *tail;
        struct trib__sighting  *sightings;
        double                 *values;   /* 4 x count: expected and drawn, rate and tail */
        unsigned               *votes;    /* of the draws, per setting                     */
        struct trib__random     random;
        double                  spent;
        bool                    is_learnt; /* since the last window */
        double                  doubt[TRIB__GOALS]; /* part of the draws that lose ...      */
        double                  risk[TRIB__GOALS];  /* ... and that lose much               */
};

static trib_status check_options(const struct trib__planner_options *options, trib_error *err)
{
        if (options->count == 0 || options->count > TRIB__PLANNER_SETTINGS_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "planner: %zu settings, must be 1..%u", options->count,
                                  TRIB__PLANNER_SETTINGS_MAX);
        for (size_t i = 0; i < options->count; i++)
                if (options->settings[i].threads == 0 || !(options->settings[i].batch > 0))
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "planner: setting %zu has no threads or no batch", i);
        if (options->windows == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "planner: needs a window at least");
        return TRIB_OK;
}

static trib_status take_parts(struct trib__planner *planner,
                              const struct trib__planner_options *options, trib_error *err)
{
        size_t              count = options->count;
        struct trib__place *places = trib__calloc("analysis.places", count, sizeof(*places));
        trib_status         status = TRIB_OK;

        planner->settings = trib__calloc("analysis.settings", count, sizeof(*planner->settings));
        planner->records = trib__calloc("analysis.records", count, sizeof(*planner->records));
        planner->sightings =
                trib__calloc("analysis.sightings", count, sizeof(*planner->sightings));
        planner->values = trib__calloc("analysis.values", 4 * count, sizeof(double));
        planner->votes = trib__calloc("analysis.votes", count, sizeof(unsigned));
        if (places == NULL || planner->settings == NULL || planner->records == NULL
            || planner->sightings == NULL || planner->values == NULL || planner->votes == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "planner: no memory");
        for (size_t i = 0; i < count && status == TRIB_OK; i++) {
                planner->settings[i] = options->settings[i];
                places[i] = (struct trib__place){ log2(options->settings[i].threads),
                                                  log2(options->settings[i].batch),
                                                  options->settings[i].kind };
        }
        if (status == TRIB_OK)
                status = trib__surrogate_create(places, count, &planner->rate, err);
        if (status == TRIB_OK)
                status = trib__surrogate_create(places, count, &planner->tail, err);
        trib__free(places);
        return status;
}

trib_status trib__planner_create(const struct trib__planner_options *options,
                                 struct trib__planner **out, trib_error *err)
{
        struct trib__planner *planner;
        trib_status           status = check_options(options, err);

        *out = NULL;
        if (status != TRIB_OK)
                return status;
        planner = trib__calloc("analysis.planner", 1, sizeof(*planner));
        if (planner == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "planner: no memory");
        planner->options = *options;
        planner->random.state = options->seed;
        status = take_parts(planner, options, err);
        if (status != TRIB_OK) {
                trib__planner_destroy(planner);
                return status;
        }
        planner->options.settings = planner->settings;
        *out = planner;
        return TRIB_OK;
}

void trib__planner_destroy(struct trib__planner *planner)
{
        if (planner == NULL)
                return;
        trib__surrogate_destroy(planner->tail);
        trib__surrogate_destroy(planner->rate);
        trib__free(planner->votes);
        trib__free(planner->values);
        trib__free(planner->sightings);
        trib__free(planner->records);
        trib__free(planner->settings);
        trib__free(planner);
}

double trib__planner_spent(const struct trib__planner *planner)
{
        return planner->spent;
}

/* One more value of a running mean and the squares about it (Welford's). */
static void add_value(double value, unsigned count, double *mean, double *squares)
{
        double before = value - *mean;

        *mean += before / count;
        *squares += before * (value - *mean);
}

void trib__planner_add(struct trib__planner *planner, const struct trib__seen *seen)
{
        const struct trib__setting *setting = &planner->settings[seen->setting];
        struct record              *record = &planner->records[seen->setting];
        double                      mean_us;

        planner->spent += seen->seconds;
        planner->is_learnt = false;
        if (!(seen->ops_per_s > 0)) {
                record->is_dead = true;
                return;
        }
        record->windows++;
        add_value(log(seen->ops_per_s * setting->batch), record->windows, &record->rate,
                  &record->rate_squares);
        if (!(seen->p99_us > 0))
                return;
        mean_us = 1e6 * setting->threads / seen->ops_per_s;
        record->tails++;
        add_value(log(seen->p99_us / mean_us), record->tails, &record->tail,
                  &record->tail_squares);
}

/* The variance of one window, from all settings that were seen more than once. */
static double scatter_of(const struct trib__planner *planner, bool is_tail)
{
        double believed = is_tail ? TAIL_SCATTER : RATE_SCATTER;
        double squares = BELIEVED * believed * believed, degrees = BELIEVED;

        for (size_t i = 0; i < planner->options.count; i++) {
                const struct record *record = &planner->records[i];
                unsigned             seen = is_tail ? record->tails : record->windows;

                if (seen < 2)
                        continue;
                squares += is_tail ? record->tail_squares : record->rate_squares;
                degrees += seen - 1;
        }
        return squares / degrees;
}

/* Learn one of the two; false when nothing was seen of it. */
static bool learn(struct trib__planner *planner, bool is_tail)
{
        double floor = is_tail ? TAIL_FLOOR : RATE_FLOOR, scatter = scatter_of(planner, is_tail);
        double *expected = planner->values + (is_tail ? planner->options.count : 0);
        struct trib__surrogate *surrogate = is_tail ? planner->tail : planner->rate;
        size_t                  count = 0;

        for (size_t i = 0; i < planner->options.count; i++) {
                const struct record *record = &planner->records[i];
                unsigned             seen = is_tail ? record->tails : record->windows;

                if (seen > 0)
                        planner->sightings[count++] = (struct trib__sighting){
                                i, is_tail ? record->tail : record->rate,
                                scatter / seen + floor * floor
                        };
        }
        if (count == 0)
                return false;
        trib__surrogate_learn(surrogate, planner->sightings, count);
        for (size_t i = 0; i < planner->options.count; i++)
                expected[i] = trib__surrogate_mean(surrogate, i);
        return true;
}

/* The surface of what is expected, or of the last draw. */
static struct trib__surface surface_of(const struct trib__planner *planner, bool is_drawn)
{
        size_t count = planner->options.count, first = is_drawn ? 2 * count : 0;

        return (struct trib__surface){ planner->settings, count, planner->values + first,
                                       planner->values + first + count,
                                       planner->options.slo_us };
}

static bool is_goal(const struct trib__planner *planner, trib__goal goal)
{
        return goal != TRIB__GOAL_SLO || planner->options.slo_us > 0;
}

/* How often each pick loses on the draws; the votes of the one that loses most often. */
static trib__goal weigh(struct trib__planner *planner, const size_t picks[TRIB__GOALS])
{
        size_t       count = planner->options.count;
        struct trib__surface drawn = surface_of(planner, true);
        size_t       preferred[TRIB__GOALS][TRIB__PLANNER_DRAWS];
        trib__goal   worst = TRIB__GOAL_LATENCY;

        memset(planner->doubt, 0, sizeof(planner->doubt));
        memset(planner->risk, 0, sizeof(planner->risk));
        for (unsigned draw = 0; draw < TRIB__PLANNER_DRAWS; draw++) {
                trib__surrogate_draw(planner->rate, &planner->random,
                                     planner->values + 2 * count);
                if (planner->options.slo_us > 0)
                        trib__surrogate_draw(planner->tail, &planner->random,
                                             planner->values + 3 * count);
                for (int g = 0; g < TRIB__GOALS; g++) {
                        size_t pick;
                        double loss;

                        if (!is_goal(planner, (trib__goal)g))
                                continue;
                        pick = trib__goal_pick((trib__goal)g, &drawn);
                        loss = trib__goal_loss((trib__goal)g, &drawn, pick, picks[g]);
                        preferred[g][draw] = loss > LOSES ? pick : count;
                        planner->doubt[g] += loss > LOSES ? 1.0 / TRIB__PLANNER_DRAWS : 0;
                        planner->risk[g] += loss > LOSES_MUCH ? 1.0 / TRIB__PLANNER_DRAWS : 0;
                }
        }
        for (int g = 0; g < TRIB__GOALS; g++)
                if (planner->doubt[g] > planner->doubt[worst])
                        worst = (trib__goal)g;
        memset(planner->votes, 0, count * sizeof(*planner->votes));
        for (unsigned draw = 0; draw < TRIB__PLANNER_DRAWS && planner->doubt[worst] > 0; draw++)
                if (preferred[worst][draw] < count)
                        planner->votes[preferred[worst][draw]]++;
        return worst;
}

static bool is_open(const struct trib__planner *planner, size_t setting)
{
        const struct record *record = &planner->records[setting];

        return !record->is_dead && record->windows < planner->options.windows;
}

/* What is not known of a setting: throughput, and its tail where that matters. */
static double unknown_of(const struct trib__planner *planner, trib__goal goal, size_t setting)
{
        double unknown = trib__surrogate_deviation(planner->rate, setting);

        if (goal == TRIB__GOAL_SLO)
                unknown += trib__surrogate_deviation(planner->tail, setting);
        return unknown;
}

/* Of the pick and of what the draws prefer to it, the one of which less is known; the more votes,
 * the more it matters. False when all of them were measured to the end. */
static bool most_telling(const struct trib__planner *planner, trib__goal goal, size_t pick,
                         size_t *setting)
{
        double most = 0;

        for (size_t i = 0; i < planner->options.count; i++) {
                double votes = i == pick ? TRIB__PLANNER_DRAWS / 2.0 : planner->votes[i];
                double worth = sqrt(votes) * unknown_of(planner, goal, i);

                if (!is_open(planner, i) || worth <= most)
                        continue;
                most = worth;
                *setting = i;
        }
        return most > 0;
}

/* The setting nearest to given logarithms, of a kind. */
static size_t nearest(const struct trib__planner *planner, double threads, double batch,
                      unsigned kind)
{
        size_t best = planner->options.count;
        double least = (double)INFINITY;

        for (size_t i = 0; i < planner->options.count; i++) {
                const struct trib__setting *setting = &planner->settings[i];
                double far = hypot(log2(setting->threads) - threads,
                                   log2(setting->batch) - batch);

                if (setting->kind == kind && far < least) {
                        least = far;
                        best = i;
                }
        }
        return best;
}

/* The frame: a setting of it that was not measured yet, or false. */
static bool frame(const struct trib__planner *planner, size_t *setting)
{
        /* Where between the ends of threads and batch; later kinds need fewer, as the first tells
         * of them too. */
        static const double spots[][2] = { { 0, 0 }, { 1, 1 }, { 1, 0 }, { 0.5, 0.5 }, { 0, 1 } };
        double   low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };
        unsigned kinds = 0;

        for (size_t i = 0; i < planner->options.count; i++) {
                double at[2] = { log2(planner->settings[i].threads),
                                 log2(planner->settings[i].batch) };

                for (int d = 0; d < 2; d++) {
                        low[d] = fmin(low[d], at[d]);
                        high[d] = fmax(high[d], at[d]);
                }
                kinds = planner->settings[i].kind >= kinds ? planner->settings[i].kind + 1 : kinds;
        }
        for (unsigned kind = 0; kind < kinds; kind++) {
                for (size_t s = 0; s < (kind == 0 ? 5u : 2u); s++) {
                        size_t found = nearest(planner,
                                               low[0] + spots[s][0] * (high[0] - low[0]),
                                               low[1] + spots[s][1] * (high[1] - low[1]), kind);

                        if (found == planner->options.count || !is_open(planner, found)
                            || planner->records[found].windows > 0)
                                continue;
                        *setting = found;
                        return true;
                }
        }
        return false;
}

static bool is_between(double value, double a, double b)
{
        return value > fmin(a, b) && value < fmax(a, b);
}

/* Whether b is one step from a along one of threads, batch and kind. */
static bool is_beside(const struct trib__planner *planner, size_t a, size_t b)
{
        const struct trib__setting *x = &planner->settings[a], *y = &planner->settings[b];

        if ((x->threads != y->threads) + (x->batch != y->batch) + (x->kind != y->kind) != 1)
                return false;
        for (size_t i = 0; i < planner->options.count && x->kind == y->kind; i++) {
                const struct trib__setting *z = &planner->settings[i];

                if (z->kind == x->kind
                    && ((z->batch == x->batch && is_between(z->threads, x->threads, y->threads))
                        || (z->threads == x->threads
                            && is_between(z->batch, x->batch, y->batch))))
                        return false;
        }
        return true;
}

/* Surfaces can be smoother than devices: no pick is advised before the settings beside it were
 * seen. The best of what is left of them. */
static bool neighbour(const struct trib__planner *planner, const struct trib__surface *expected,
                      const size_t picks[TRIB__GOALS], size_t *setting)
{
        double least = (double)INFINITY;

        for (int g = 0; g < TRIB__GOALS; g++) {
                for (size_t i = 0; i < planner->options.count && is_goal(planner, (trib__goal)g);
                     i++) {
                        double loss;

                        if (planner->records[i].windows > 0 || !is_open(planner, i)
                            || !is_beside(planner, picks[g], i))
                                continue;
                        loss = trib__goal_loss((trib__goal)g, expected, picks[g], i);
                        if (loss >= least)
                                continue;
                        least = loss;
                        *setting = i;
                }
        }
        return isfinite(least);
}

/* Learn, unless nothing was added since; false when nothing can be learnt. */
static bool bring_up_to_date(struct trib__planner *planner)
{
        if (planner->is_learnt)
                return true;
        if (!learn(planner, false) || (planner->options.slo_us > 0 && !learn(planner, true)))
                return false;
        if (planner->options.slo_us <= 0)
                (void)learn(planner, true);
        planner->is_learnt = true;
        return true;
}

static bool has_time(const struct trib__planner *planner, size_t setting)
{
        double cost = planner->options.window_s;

        if (planner->records[setting].windows == 0)
                cost += planner->options.setup_s;
        return planner->spent + cost <= planner->options.budget_s;
}

bool trib__planner_next(struct trib__planner *planner, size_t *setting)
{
        struct trib__surface expected = surface_of(planner, false);
        size_t               picks[TRIB__GOALS] = { 0 };
        trib__goal           worst;

        if (frame(planner, setting))
                return has_time(planner, *setting);
        if (!bring_up_to_date(planner))
                return false;
        for (int g = 0; g < TRIB__GOALS; g++)
                if (is_goal(planner, (trib__goal)g))
                        picks[g] = trib__goal_pick((trib__goal)g, &expected);
        worst = weigh(planner, picks);
        if (planner->doubt[worst] > 0
            && most_telling(planner, worst, picks[worst], setting))
                return has_time(planner, *setting);
        if (neighbour(planner, &expected, picks, setting))
                return has_time(planner, *setting);
        /* No pick is advised on one look or two. */
        for (int g = 0; g < TRIB__GOALS; g++) {
                if (is_goal(planner, (trib__goal)g) && is_open(planner, picks[g])
                    && planner->records[picks[g]].windows < LOOKS) {
                        *setting = picks[g];
                        return has_time(planner, *setting);
                }
        }
        return false;
}

bool trib__planner_choose(struct trib__planner *planner, trib__goal goal,
                          struct trib__choice *out)
{
        struct trib__surface        surface = surface_of(planner, false);
        const struct trib__setting *setting;
        double rate, tail, spread;

        memset(out, 0, sizeof(*out));
        if (!is_goal(planner, goal) || !bring_up_to_date(planner))
                return false;
        out->setting = trib__goal_pick(goal, &surface);
        setting = &planner->settings[out->setting];
        spread = 1.96 * trib__surrogate_deviation(planner->rate, out->setting);
        rate = surface.log_rate[out->setting];
        out->ops_per_s = exp(rate) / setting->batch;
        out->ops_ci95[0] = exp(rate - spread) / setting->batch;
        out->ops_ci95[1] = exp(rate + spread) / setting->batch;
        out->is_measured = planner->records[out->setting].windows > 0;
        out->doubt = planner->risk[goal];
        for (size_t i = 0; i < planner->options.count; i++) {
                if (planner->records[i].tails == 0)
                        continue;
                tail = surface.log_tail[out->setting];
                spread += 1.96 * trib__surrogate_deviation(planner->tail, out->setting);
                out->p99_us = 1e6 * setting->threads / out->ops_per_s * exp(tail);
                out->p99_ci95[0] = out->p99_us * exp(-spread);
                out->p99_ci95[1] = out->p99_us * exp(spread);
                break;
        }
        out->is_kept = planner->options.slo_us > 0 && out->p99_us <= planner->options.slo_us;
        return true;
}
