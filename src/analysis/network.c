/* SPDX-License-Identifier: Apache-2.0 */
/* network.c: throughput of a closed network, and what points say of its parameters. See network.h.
 *
 * The fit has three parameters: a common scale u of all times (in logarithms), the ratio q of the
 * demands' scale to the latency's (in logarithms), and the smoothness s. Throughput is in inverse
 * proportion to the common scale, so u has its best value in closed form for each q and s; these
 * two are looked at on a grid. The sum of squares is of logarithms of throughput over the points'
 * relative errors, and of what is known beforehand: the demands, and the smoothness. Holds no
 * state, takes no lock. */
#include "analysis/network.h"

#include <math.h>
#include <string.h>

#include "analysis/analysis_priv.h"

/* How far the smoothness may be from what was expected, one standard error. */
#define SMOOTH_ERROR 0.2

/* One smoothness does not hold for all thread counts to the digit: so much it may differ at
 * another one. Below 0: times can be more uneven than exponential ones, and Schweitzer's estimate
 * is good to some percent. */
#define SMOOTH_DRIFT 0.2

/* Nor is it exact to the digit otherwise: one standard error of its own, relative. */
#define MODEL_ERROR 0.0075

#define BISECTIONS 60

/* Few rounds leave Student's t so large that any curve would do; this is 4.5 standard errors. */
#define ALLOWED_MOST 20.0

double trib__network_ceiling(const struct trib__network *network)
{
        double longest = 0;

        for (unsigned i = 0; i < network->count; i++)
                longest = fmax(longest, network->turn_us[i]);
        return longest > 0 ? 1e6 / longest : (double)INFINITY;
}

/* Both bounds of ops per us at n threads, with all turns multiplied by `scale`: requests in step,
 * and requests of random times. */
static void find_bounds(const struct trib__network *network, double scale, double n,
                        double *in_step, double *random)
{
        double longest = 0, f = (n - 1) / n, low = 0, high;

        for (unsigned i = 0; i < network->count; i++)
                longest = fmax(longest, network->turn_us[i] * scale);
        *in_step = n / network->latency_us;
        if (longest > 0)
                *in_step = fmin(*in_step, 1 / longest);
        high = *in_step;
        /* The sum rises with x, and without bound towards f x longest = 1: one root. */
        for (int step = 0; step < BISECTIONS && high - low > 1e-12 * high; step++) {
                double x = (low + high) / 2, sum = x * network->latency_us;

                for (unsigned i = 0; i < network->count; i++) {
                        double busy = x * network->turn_us[i] * scale;

                        sum += f * busy * busy / (1 - f * busy);
                }
                if (sum > n)
                        high = x;
                else
                        low = x;
        }
        *random = high;
}

static double mix(double in_step, double random, double smoothness)
{
        return 1 / (smoothness / in_step + (1 - smoothness) / random);
}

static double throughput(const struct trib__network *network, double scale, double smoothness,
                         double threads)
{
        double in_step, random;

        find_bounds(network, scale, fmax(threads, 1), &in_step, &random);
        return 1e6 * mix(in_step, random, smoothness);
}

double trib__network_throughput(const struct trib__network *network, double threads)
{
        return throughput(network, 1, network->smoothness, threads);
}

static double smoothness_at(unsigned index)
{
        return index / (TRIB__NETWORK_SMOOTHS - 1.0);
}

static double ratio_at(const struct trib__network_fit *fit, unsigned index)
{
        return fit->reach * (2.0 * index / (TRIB__NETWORK_RATIOS - 1.0) - 1);
}

/* What a point weighs, in logarithms of its throughput. */
static double weight_of(const struct trib__usl_point *point)
{
        return point->weight * point->ops_per_s * point->ops_per_s;
}

/* Every smoothness at one ratio: the best common scale, and the sum of squares there. */
static void try_ratio(const struct trib__network *network, const struct trib__network_data *data,
                      double ratio, struct trib__network_fit *fit,
                      struct trib__network_trial *trials)
{
        double prior = 1 / (data->demand_error * data->demand_error);
        double sums[TRIB__NETWORK_SMOOTHS][2] = { { 0 } };

        for (size_t i = 0; i < data->count; i++) {
                const struct trib__usl_point *point = &data->points[i];
                double                        in_step, random;

                find_bounds(network, exp(ratio), point->threads, &in_step, &random);
                for (unsigned k = 0; k < TRIB__NETWORK_SMOOTHS; k++) {
                        double a = log(point->ops_per_s
                                       / (1e6 * mix(in_step, random, smoothness_at(k))));

                        sums[k][0] += weight_of(point) * a;
                        sums[k][1] += weight_of(point) * a * a;
                }
        }
        for (unsigned k = 0; k < TRIB__NETWORK_SMOOTHS; k++) {
                double away = (smoothness_at(k) - data->smoothness) / SMOOTH_ERROR;
                double scale = -(sums[k][0] + ratio * prior) / fit->weight;

                trials[k].scale = scale;
                trials[k].squares = sums[k][1] + 2 * scale * sums[k][0]
                                    + scale * scale * (fit->weight - prior)
                                    + prior * (ratio + scale) * (ratio + scale) + away * away;
        }
}

/* The network with the parameters of a trial. */
static void apply(const struct trib__network *network, double ratio, double scale,
                  double smoothness, struct trib__network *out)
{
        *out = *network;
        out->smoothness = smoothness;
        out->latency_us *= exp(scale);
        for (unsigned i = 0; i < out->count; i++)
                out->turn_us[i] *= exp(scale + ratio);
}

static double residual_of(const struct trib__network_data *data,
                          const struct trib__network *network)
{
        double sum = 0;

        for (size_t i = 0; i < data->count; i++) {
                double r = log(data->points[i].ops_per_s
                               / trib__network_throughput(network, data->points[i].threads));

                sum += r * r;
        }
        return data->count > 0 ? sqrt(sum / (double)data->count) : 0;
}

void trib__network_fit(const struct trib__network *network, const struct trib__network_data *data,
                       struct trib__network_fit *fit)
{
        double weights = 0, t = trib__student_t95(data->error_degrees);
        double spare = data->count > 1 ? (double)data->count - 1 : 1;

        memset(fit, 0, sizeof(*fit));
        fit->network = *network;
        fit->least = (double)INFINITY;
        for (size_t i = 0; i < data->count; i++)
                weights += weight_of(&data->points[i]);
        fit->weight = weights + 1 / (data->demand_error * data->demand_error);
        fit->reach = 4 * sqrt(data->demand_error * data->demand_error
                              + (weights > 0 ? 1 / weights : 0));
        for (unsigned i = 0; i < TRIB__NETWORK_RATIOS; i++) {
                try_ratio(network, data, ratio_at(fit, i), fit, fit->trials[i]);
                for (unsigned k = 0; k < TRIB__NETWORK_SMOOTHS; k++) {
                        if (!(fit->trials[i][k].squares < fit->least))
                                continue;
                        fit->least = fit->trials[i][k].squares;
                        apply(network, ratio_at(fit, i), fit->trials[i][k].scale,
                              smoothness_at(k), &fit->network);
                }
        }
        fit->residual = residual_of(data, &fit->network);
        fit->excess = sqrt(fmax(fit->least / spare, 1));
        fit->allowed = fmin(t * t, ALLOWED_MOST) * fit->excess * fit->excess;
}

void trib__network_interval(const struct trib__network_fit *fit,
                            const struct trib__network *changed, double threads, double out[3])
{
        out[0] = (double)INFINITY;
        out[1] = 0;
        out[2] = trib__network_throughput(changed, threads);
        for (unsigned i = 0; i < TRIB__NETWORK_RATIOS; i++) {
                double in_step, random;

                find_bounds(changed, exp(ratio_at(fit, i)), fmax(threads, 1), &in_step, &random);
                for (unsigned k = 0; k < TRIB__NETWORK_SMOOTHS; k++) {
                        const struct trib__network_trial *trial = &fit->trials[i][k];
                        double room = fit->least + fit->allowed - trial->squares, half;
                        double s = smoothness_at(k), size = 1e6 * exp(-trial->scale);

                        if (trial->squares <= fit->least)
                                out[2] = size * mix(in_step, random, s);
                        if (!(room >= 0))
                                continue;
                        half = sqrt(room / fit->weight);
                        out[0] = fmin(out[0], size * exp(-half)
                                                      * mix(in_step, random, s - SMOOTH_DRIFT));
                        out[1] = fmax(out[1], size * exp(half)
                                                      * mix(in_step, random,
                                                            fmin(s + SMOOTH_DRIFT, 1)));
                }
        }
        if (!(out[0] <= out[1]))
                out[0] = out[1] = out[2];
        out[0] *= 1 - 2 * MODEL_ERROR;
        out[1] *= 1 + 2 * MODEL_ERROR;
}
