/* SPDX-License-Identifier: Apache-2.0 */
/* predict.c: throughput at thread counts that were not measured. See resources.h.
 *
 * Two models may speak: the law (law.h), which knows nothing but the points, and the network of the
 * resources (network.h), which knows of ceilings that the points have not reached yet. The network
 * is believed where it goes through the points about as well as the law does. Otherwise something
 * is at work that it does not know, and the law is, up to the ceilings.
 *
 * Numbers without a machine have no resources. Where throughput has stopped rising over a doubling
 * of threads, some ceiling is there all the same, at the plateau; the network of that one alone
 * then speaks if it is nearer to the points than the law. Holds no state, takes no lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/resources.h"

/* More points say nothing more of three parameters. */
#define POINTS_MOST 64u

/* How exact demands are, relative: those that were told, those of peaks and of the processor's
 * time, and those that were inferred. */
#define ERROR_TOLD 0.004
#define ERROR_MEASURED 0.01
#define ERROR_INFERRED 0.05

/* Ceilings that are so many times the lowest one have no say. */
#define FAR_CEILING 1.5

/* The network may be so far from the points, or so much further than the law (for each of whose
 * degrees of freedom there is one point less), and is believed for what it knows of ceilings. */
#define CLOSE_ENOUGH 0.05

/* So many times the threads from which on throughput is saturated make a plateau. */
#define PLATEAU 2.0
#define WORSE_FACTOR 1.5

/* A network that is further than that from the points does not explain them. */
#define EXPLAINED 0.1

/* As in law.c: beyond so many times the most threads measured, predictions are named guesses. */
#define REACH 4.0

bool trib__sweep_law_data(const struct trib__sweep *sweep, struct trib__usl_point *points,
                          size_t most, struct trib__law_data *data)
{
        size_t count = sweep->point_count < most ? sweep->point_count : most;

        *data = (struct trib__law_data){ points, count, true, 0 };
        for (size_t i = 0; i < sweep->point_count; i++)
                data->has_errors = data->has_errors && trib__point_has_ci(&sweep->points[i]);
        for (size_t i = 0; i < count; i++) {
                /* All, or evenly chosen ones with the first and the last. */
                size_t at = count < 2 ? 0 : i * (sweep->point_count - 1) / (count - 1);
                const struct trib__point *point = &sweep->points[at];

                points[i].threads = point->threads;
                points[i].ops_per_s = point->ops_per_s;
                points[i].weight = trib__point_weight(point, data->has_errors);
                data->error_degrees += point->round_count > 1 ? point->round_count - 1 : 0;
        }
        /* Intervals that came without their rounds: as if of three rounds each. */
        if (data->error_degrees == 0)
                data->error_degrees = 2 * count;
        return count > 0;
}

bool trib__sweep_network(const struct trib__sweep *sweep, struct trib__network *network)
{
        memset(network, 0, sizeof(*network));
        network->latency_us = sweep->alone_us;
        network->smoothness = sweep->smoothness;
        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];

                if (isfinite(resource->ceiling_ops_per_s))
                        network->turn_us[network->count++] = 1e6 / resource->ceiling_ops_per_s;
        }
        return network->latency_us > 0 && isfinite(network->latency_us);
}

/* Of the demands that could matter, the least exact one's. */
static double demand_error(const struct trib__sweep *sweep)
{
        double error = ERROR_TOLD, lowest = (double)INFINITY;

        for (unsigned i = 0; i < sweep->resource_count; i++)
                lowest = fmin(lowest, sweep->resources[i].ceiling_ops_per_s);
        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];

                if (resource->ceiling_ops_per_s > FAR_CEILING * lowest)
                        continue;
                if (resource->is_inferred)
                        error = fmax(error, ERROR_INFERRED);
                else if (!resource->is_told)
                        error = fmax(error, ERROR_MEASURED);
        }
        return error;
}

static bool fit_with(const struct trib__sweep *sweep, const struct trib__network *network,
                     double error, struct trib__network_fit *fit)
{
        struct trib__usl_point    points[POINTS_MOST];
        struct trib__law_data     law;
        struct trib__network_data data;

        if (!trib__sweep_law_data(sweep, points, POINTS_MOST, &law))
                return false;
        data = (struct trib__network_data){ points, law.count, law.error_degrees,
                                            sweep->smoothness, error };
        /* Points without intervals: each as good as 2 %. */
        for (size_t i = 0; i < law.count && !law.has_errors; i++)
                points[i].weight = 2500 / (points[i].ops_per_s * points[i].ops_per_s);
        trib__network_fit(network, &data, fit);
        return isfinite(fit->least);
}

bool trib__sweep_fit_network(const struct trib__sweep *sweep, struct trib__network *network,
                             struct trib__network_fit *fit)
{
        return trib__sweep_network(sweep, network)
               && fit_with(sweep, network, demand_error(sweep), fit);
}

/* The most threads have reached a ceiling whose demand was told: that explains them, and what
 * follows, wherever requests of fewer threads got in each other's way. */
static bool stands_at_ceiling(const struct trib__sweep *sweep)
{
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];

        for (unsigned i = 0; i < sweep->resource_count; i++)
                if (sweep->resources[i].is_told
                    && last->ops_per_s >= TRIB__SATURATED * sweep->resources[i].ceiling_ops_per_s)
                        return last->ops_per_s
                               >= TRIB__SATURATED * trib__sweep_best(sweep)->ops_per_s;
        return false;
}

/* How much further than the law the network may be from the points. */
static bool is_believed(const struct trib__sweep *sweep, const struct trib__network_fit *fit)
{
        double freedom = (double)sweep->point_count / ((double)sweep->point_count - 3);

        return !sweep->fit.is_present || sweep->point_count <= 3 || stands_at_ceiling(sweep)
               || fit->residual <= fmax(CLOSE_ENOUGH,
                                        WORSE_FACTOR * sweep->fit.residual * sqrt(freedom));
}

/* The network of a ceiling of which nothing is known but that it is there. */
static bool fit_plateau(const struct trib__sweep *sweep, struct trib__network *network,
                        struct trib__network_fit *fit)
{
        const struct trib__point *best = trib__sweep_best(sweep);
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];

        if (sweep->resource_count > 0 || !sweep->fit.is_present
            || last->threads < PLATEAU * sweep->saturation_threads
            || last->ops_per_s < TRIB__SATURATED * best->ops_per_s
            || !trib__sweep_network(sweep, network))
                return false;
        network->turn_us[network->count++] = 1e6 / best->ops_per_s;
        return fit_with(sweep, network, ERROR_INFERRED, fit)
               && fit->residual <= sweep->fit.residual;
}

static double limit_of(const struct trib__sweep *sweep)
{
        return sweep->limit.is_present ? sweep->limit.ops_per_s : (double)INFINITY;
}

/* The lowest of the limit and of the ceilings that were not inferred. */
static double ceiling_of(const struct trib__sweep *sweep)
{
        double most = limit_of(sweep);

        for (unsigned i = 0; i < sweep->resource_count; i++)
                if (!sweep->resources[i].is_inferred)
                        most = fmin(most, sweep->resources[i].ceiling_ops_per_s);
        return most;
}

/* What was measured above a limit is no prediction's fault. */
static bool is_passed(const struct trib__sweep *sweep, double most)
{
        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].ops_per_s > most)
                        return true;
        return false;
}

static void cap(const struct trib__sweep *sweep, struct trib__prediction *out)
{
        double most = ceiling_of(sweep);

        if (is_passed(sweep, most))
                return;
        out->ops_per_s = fmin(out->ops_per_s, most);
        for (int end = 0; end < 2; end++)
                out->ci95[end] = fmin(out->ci95[end], most);
}

/* The network has the ceilings in it already, each as exact as it is known; the limit may be lower
 * than they are. A measurement scatters around it as around anything. */
static void cap_at_limit(const struct trib__sweep *sweep, struct trib__prediction *out)
{
        double high = fmin(out->ci95[1],
                           limit_of(sweep) * TRIB__ABOVE_LIMIT_PERCENT / 100);

        if (is_passed(sweep, limit_of(sweep)))
                return;
        out->ops_per_s = fmin(out->ops_per_s, limit_of(sweep));
        out->ci95[0] = fmin(out->ci95[0], out->ops_per_s);
        out->ci95[1] = fmax(high, out->ops_per_s);
}

static void predict_by_resources(const struct trib__sweep *sweep,
                                 const struct trib__network *network,
                                 const struct trib__network_fit *fit, double threads,
                                 struct trib__prediction *out)
{
        double range[3];

        trib__network_interval(fit, network, threads, range);
        out->ops_per_s = range[2];
        out->ci95[0] = fmin(range[0], range[2]);
        out->ci95[1] = fmax(range[1], range[2]);
        if (sweep->hidden_us > 0 && network->count < TRIB__STATIONS_MAX) {
                struct trib__network worst = *network;

                worst.turn_us[worst.count++] = sweep->hidden_us;
                trib__network_interval(fit, &worst, threads, range);
                out->ci95[0] = fmin(out->ci95[0], range[0]);
        }
        (void)snprintf(out->by, sizeof(out->by), "resources");
}

/* Whether a prediction of the network is borne. */
static void judge(const struct trib__sweep *sweep, const struct trib__network_fit *fit,
                  struct trib__prediction *out)
{
        double most = sweep->points[sweep->point_count - 1].threads, threads = out->threads;

        out->is_borne = threads <= REACH * most && fit->residual <= EXPLAINED
                        && out->ci95[1] - out->ci95[0] <= out->ops_per_s;
        if (fit->residual > EXPLAINED)
                (void)snprintf(out->why, sizeof(out->why),
                               "the ceilings explain the points to %.0f %% only",
                               100 * fit->residual);
        else if (threads > REACH * most)
                (void)snprintf(out->why, sizeof(out->why),
                               "%.0f threads are more than %.0f times the %.0f that were measured",
                               threads, REACH, most);
        else if (!out->is_borne)
                (void)snprintf(out->why, sizeof(out->why),
                               "the 95 %% interval is wider than the value: measure more threads "
                               "or more rounds");
}

/* What the points say, found out once for all thread counts. */
struct predictor {
        struct trib__usl_point   points[TRIB__POINTS_MAX];
        struct trib__law_data    data;
        struct trib__network     network;
        struct trib__network_fit fit;
        bool has_data, has_network, has_plateau;
};

static void prepare(const struct trib__sweep *sweep, struct predictor *made)
{
        made->has_network = made->has_plateau = false;
        made->has_data = sweep->refuted[0] == '\0'
                         && trib__sweep_law_data(sweep, made->points, TRIB__POINTS_MAX,
                                                 &made->data);
        if (!made->has_data)
                return;
        made->has_network = sweep->point_count > 1
                            && trib__sweep_fit_network(sweep, &made->network, &made->fit)
                            && made->network.count > 0 && is_believed(sweep, &made->fit);
        if (!made->has_network)
                made->has_plateau = fit_plateau(sweep, &made->network, &made->fit);
}

static void predict(const struct trib__sweep *sweep, const struct predictor *made, double threads,
                    struct trib__prediction *out)
{
        struct trib__prediction law;

        memset(out, 0, sizeof(*out));
        out->threads = threads;
        if (!made->has_data || !(threads >= 1) || !isfinite(threads)) {
                (void)snprintf(out->why, sizeof(out->why), "nothing was measured that bears it");
                return;
        }
        if (!made->has_network && !made->has_plateau) {
                trib__law_predict(&made->data, &sweep->fit, threads, out);
                (void)snprintf(out->by, sizeof(out->by), "law");
                cap(sweep, out);
                return;
        }
        predict_by_resources(sweep, &made->network, &made->fit, threads, out);
        if (made->has_plateau) {
                (void)snprintf(out->by, sizeof(out->by), "plateau");
                trib__law_predict(&made->data, &sweep->fit, threads, &law);
                out->ci95[0] = law.ci95[0] > 0 ? fmin(out->ci95[0], law.ci95[0]) : out->ci95[0];
        }
        cap_at_limit(sweep, out);
        judge(sweep, &made->fit, out);
}

void trib__sweep_predict_all(const struct trib__sweep *sweep, const double *threads, size_t count,
                             struct trib__prediction *out)
{
        struct predictor made;

        prepare(sweep, &made);
        for (size_t i = 0; i < count; i++)
                predict(sweep, &made, threads[i], &out[i]);
}

void trib__sweep_predict(const struct trib__sweep *sweep, double threads,
                         struct trib__prediction *out)
{
        trib__sweep_predict_all(sweep, &threads, 1, out);
}
