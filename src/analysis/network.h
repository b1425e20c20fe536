/* SPDX-License-Identifier: Apache-2.0 */
/* network.h: a closed network of queues, and how many requests per second pass through it.
 *
 * N threads each have one request at a time. A request takes `latency_us` when it is alone; at
 * each *station* it may have to wait, because the station serves `servers` requests at a time for
 * `demand_us` each. Two bounds hold whatever the order of service (asymptotic bounds; Denning and
 * Buzen, "The Operational Analysis of Queueing Network Models", 1978):
 *
 *     X(N) <= N / latency,    X(N) <= servers / demand  of every station
 *
 * Requests that all take the same time fall into step and reach the lower of them. Requests of
 * random (exponential) times do not; their throughput is that of mean value analysis (Reiser and
 * Lavenberg, 1980), here with Schweitzer's estimate that one request less leaves (N-1)/N of each
 * queue (1979), and Seidmann's of c servers by one of demand/c and a delay of the rest (1987).
 * With d = demand / servers and f = (N-1)/N that is the X between 0 and 1 / (f max d) for which
 *
 *     N = X latency + sum over stations of f (X d)^2 / (1 - f X d)
 *
 * Real requests lie between: 1/X = s / X_step + (1 - s) / X_random, s = `smoothness`. */
#ifndef TRIB_ANALYSIS_NETWORK_H
#define TRIB_ANALYSIS_NETWORK_H

#include "analysis/usl.h"

#define TRIB__STATIONS_MAX TRIB__RESOURCES_MAX

struct trib__network {
        double   latency_us; /* of a request that is alone; above 0 */
        double   smoothness; /* 0: random times, 1: equal times */
        unsigned count;
        double   turn_us[TRIB__STATIONS_MAX]; /* demand / servers of each station, above 0 */
};

/* What: throughput of `threads` (at least 1) in ops/s; finite and above 0.
 * Threads: any (so for all below).   Blocks: no. */
double trib__network_throughput(const struct trib__network *network, double threads);

/* The lower bound of turns, in ops/s: no thread count gives more. INFINITY without stations. */
double trib__network_ceiling(const struct trib__network *network);

/* What the points are compared with. */
struct trib__network_data {
        const struct trib__usl_point *points; /* weight: 1 / squared standard error */
        size_t count;
        size_t error_degrees;   /* of freedom of these errors */
        double smoothness;      /* expected, before the points are seen */
        double demand_error;    /* relative standard error that all demands have in common */
};

#define TRIB__NETWORK_RATIOS 25u
#define TRIB__NETWORK_SMOOTHS 21u

/* How well the network explains points. */
struct trib__network_fit {
        struct trib__network network; /* the best one */
        double residual;              /* root of the mean squared relative residual */
        double excess;                /* Birge's ratio: residuals over the points' errors, >= 1 */
        /* For intervals: */
        double least, allowed;        /* sum of squares, and by how much more it may be */
        double weight;                /* the sum rises by weight (du)^2 with the scale of times */
        double reach;                 /* of the ratio of demands to latency, in logarithms */
        struct trib__network_trial {
                double scale;         /* of all times that does best here, in logarithms */
                double squares;
        } trials[TRIB__NETWORK_RATIOS][TRIB__NETWORK_SMOOTHS];
};

/* What: scales the latency and the demands of `network` (all demands alike) and chooses its
 * smoothness, so that it goes through the points as well as it can, near what was measured. */
void trib__network_fit(const struct trib__network *network, const struct trib__network_data *data,
                       struct trib__network_fit *fit);

/* What: the range of throughputs of `changed` at `threads` over all scales and smoothnesses that
 * the points leave possible (95 %). `changed` is the network that was given to the fit, or the
 * same with some of it faster. out: low, high, and the value at the best fit. */
void trib__network_interval(const struct trib__network_fit *fit,
                            const struct trib__network *changed, double threads, double out[3]);

#endif
