/* SPDX-License-Identifier: Apache-2.0 */
/* resources.c: finding what requests take turns at, and how long. See resources.h.
 *
 * A demand that the measured throughput contradicts (more would have been served than fits) is
 * lowered to what fits, or dropped if it is far off. Holds no state, takes no lock. */
#include "analysis/resources_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A smaller part of a request's time is no wait to infer anything from. */
#define LEAST_WAIT 0.05

/* Parts whose sum is further off a request's time are not its parts. */
#define SHARES_FAR_OFF 0.5

/* So many of the cores in use are all of them. */
#define NEARLY_ALL 0.8

/* A wait that is so much of a request's time shows that the servers are busy: a demand that says
 * that they are less busy than that is too small. */
#define MAIN_WAIT 0.30
#define BUSY_ENOUGH 0.7
#define BUSY_ENOUGH_TOLD 0.4

/* Throughput may be so far above what the demands allow without refuting them. */
#define NOISE 1.03

/* Parts of a request that take so many times longer than with few threads are waited for. */
#define GROWN 1.3

/* A demand that would have kept its servers busier than this was measured wrongly. */
#define BUSIEST_TOLD 1.3

/* Of quantile 90 % - 50 % over the mean, for exponentially distributed times. */
#define RANDOM_SPREAD 1.609

double trib__point_time_us(const struct trib__point *point)
{
        return 1e6 * point->threads / point->ops_per_s;
}

bool trib__point_is_attributed(const struct trib__point *point)
{
        double sum = 0;

        for (size_t i = 0; i < point->share_count; i++)
                sum += point->shares[i].fraction;
        return fabs(sum - 1) <= SHARES_FAR_OFF;
}

double trib__point_part_us(const struct trib__point *point, const char *name)
{
        double sum = 0;

        if (!trib__point_is_attributed(point))
                return 0;
        for (size_t i = 0; i < point->share_count; i++)
                if (strncmp(point->shares[i].name, name, strlen(name)) == 0)
                        sum += point->shares[i].fraction;
        return fmin(fmax(sum, 0), 1) * trib__point_time_us(point);
}

bool trib__is_host_device(const struct trib__results *results)
{
        return results->device.name[0] == '\0' || strncmp(results->device.name, "cpu", 3) == 0;
}

const struct trib__point *trib__sweep_full_point(const struct trib__sweep *sweep)
{
        const struct trib__point *best = trib__sweep_best(sweep), *full = best;

        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].threads > full->threads
                    && sweep->points[i].ops_per_s >= TRIB__SATURATED * best->ops_per_s)
                        full = &sweep->points[i];
        return full;
}

double trib__turn_of_wait(const struct trib__point *point, double wait_us)
{
        double x = point->ops_per_s * 1e-6, n = point->threads;
        double a = (n - 1) / n * x, b = a * wait_us;

        if (!(a > 0) || !(wait_us > 0))
                return 0;
        return fmin((sqrt(b * b + 4 * b) - b) / (2 * a), 1 / x);
}

bool trib__finder_is_wait(const struct trib__finder *finder, double wait_us)
{
        return wait_us >= LEAST_WAIT * trib__point_time_us(finder->at);
}

/* The demand that the measurements bear out; 0: none. */
static double settle(const struct trib__finder *finder, const struct trib__offer *offer,
                     bool *is_inferred)
{
        double us = offer->demand_us;
        double waited = offer->servers * trib__turn_of_wait(finder->at, offer->wait_us);
        double busy = us / offer->servers * finder->best->ops_per_s * 1e-6;

        *is_inferred = offer->is_inferred;
        if (!isfinite(us) || !(us > 0) || !(offer->servers > 0)
            || busy > (offer->busiest > 0 ? offer->busiest : BUSIEST_TOLD))
                return 0;
        if (busy > NOISE)
                return us / busy;
        if (busy < (offer->is_told ? BUSY_ENOUGH_TOLD : BUSY_ENOUGH)
            && offer->wait_us >= MAIN_WAIT * trib__point_time_us(finder->at)
            && us < waited) {
                us = fmin(waited, us / busy);
                *is_inferred = true;
        }
        return us;
}

void trib__finder_add(const struct trib__finder *finder, const struct trib__offer *offer)
{
        struct trib__sweep    *sweep = finder->sweep;
        struct trib__resource *resource = &sweep->resources[sweep->resource_count];
        bool   is_inferred;
        double demand_us = settle(finder, offer, &is_inferred);

        if (!(demand_us > 0) || sweep->resource_count >= TRIB__RESOURCES_MAX)
                return;
        memset(resource, 0, sizeof(*resource));
        (void)snprintf(resource->name, sizeof(resource->name), "%s", offer->name);
        resource->servers = offer->servers;
        resource->demand_us = demand_us;
        resource->ceiling_ops_per_s = 1e6 * offer->servers / resource->demand_us;
        if (!(resource->ceiling_ops_per_s > 0))
                return;
        resource->utilisation = finder->at->ops_per_s / resource->ceiling_ops_per_s;
        resource->wait_us = fmax(offer->wait_us, 0);
        resource->is_inferred = is_inferred;
        resource->is_told = offer->is_told && !is_inferred;
        resource->freed_us = fmin(fmax(offer->freed_us, 0), sweep->alone_us);
        resource->frees_core = offer->frees_core;
        sweep->resource_count++;
}

/* A unit of one server that is removed with the time spent at it: what was told, or else what
 * the wait says. */
static void add_single(const struct trib__finder *finder, const char *name, double told_us,
                       double wait_us)
{
        struct trib__offer offer = { .name = name, .servers = 1, .demand_us = told_us,
                                     .wait_us = wait_us, .is_told = told_us > 0 };

        if (!(told_us > 0) && trib__finder_is_wait(finder, wait_us)) {
                offer.demand_us = trib__turn_of_wait(finder->at, wait_us);
                offer.is_inferred = true;
        }
        offer.freed_us = offer.demand_us;
        trib__finder_add(finder, &offer);
}

double trib__finder_growth(const struct trib__finder *finder, const char *name)
{
        double now = trib__point_part_us(finder->at, name);
        double then = trib__point_part_us(finder->first, name);

        return finder->has_shares && now > GROWN * then ? now - then : 0;
}

/* Requests that were past admission at once, by Little's law. */
static double in_flight(const struct trib__finder *finder)
{
        return finder->at->threads * (1 - trib__point_part_us(finder->at, "admission")
                                                  / trib__point_time_us(finder->at));
}

/* On the calling thread's core, requests that wait for admission wait for a core when those past
 * it have them all. */
static bool is_admission_for_cores(const struct trib__finder *finder)
{
        return finder->is_inline
               && in_flight(finder) >= NEARLY_ALL * finder->results->machine.logical_cores;
}

/* Host work of a request on cores. */
static void add_cores(const struct trib__finder *finder)
{
        const struct trib__results *results = finder->results;
        const struct trib__point   *at = finder->at;
        double told = at->demands_us.cores, time = trib__point_time_us(at);
        double waits = trib__point_part_us(at, "descheduled");
        struct trib__offer offer = { .name = "cores", .servers = results->device.host_cores,
                                     .demand_us = told,
                                     .is_told = told > 0 && !finder->is_inline };

        if (offer.servers <= 0)
                offer.servers = results->machine.logical_cores;
        if (is_admission_for_cores(finder))
                waits += trib__point_part_us(at, "admission");
        offer.wait_us = waits;
        if (!(told > 0) && finder->is_inline && offer.servers > 0) {
                /* A thread has its core but for the waits. */
                offer.demand_us = trib__point_is_attributed(at)
                                          ? time - trib__point_part_us(at, "admission")
                                                    - trib__point_part_us(at, "descheduled")
                                                    - trib__point_part_us(at, "lock")
                                                    - trib__point_part_us(at, "serial")
                                                    - trib__point_part_us(at, "queue")
                                          : finder->sweep->alone_us;
                offer.is_inferred = !trib__point_is_attributed(at);
        } else if (!(told > 0) && trib__finder_is_wait(finder, waits)) {
                offer.servers = fmax(offer.servers, 1);
                offer.demand_us = trib__turn_of_wait(at, waits) * offer.servers;
                offer.is_inferred = true;
        }
        trib__finder_add(finder, &offer);
}

/* Steps that exclude each other. Without times, throughput that stopped rising says how long. */
static void add_serial(const struct trib__finder *finder)
{
        const struct trib__point *at = finder->at;
        struct trib__offer offer = { .name = "serial-operator", .servers = 1,
                                     .demand_us = at->demands_us.serial,
                                     .wait_us = trib__point_part_us(at, "serial"),
                                     .is_told = at->demands_us.serial > 0 && !finder->is_inline };

        if (!(offer.demand_us > 0) && trib__finder_is_wait(finder, offer.wait_us)) {
                offer.demand_us = trib__turn_of_wait(at, offer.wait_us);
                offer.is_inferred = true;
        } else if (!(offer.demand_us > 0) && finder->sweep->workload.serial_steps > 0
                   && finder->is_flat) {
                offer.demand_us = 1e6 / finder->best->ops_per_s;
                offer.is_inferred = true;
        }
        trib__finder_add(finder, &offer);
}

static void add_admission(const struct trib__finder *finder)
{
        double admission = trib__point_part_us(finder->at, "admission");
        struct trib__offer offer = { .name = "admission", .wait_us = admission,
                                     .servers = in_flight(finder),
                                     .demand_us = trib__point_time_us(finder->at) - admission,
                                     .is_inferred = true };

        if (trib__finder_is_wait(finder, admission) && !is_admission_for_cores(finder))
                trib__finder_add(finder, &offer);
}

/* A time that passes in each request, whatever others do. */
static void add_wake_up(const struct trib__finder *finder)
{
        double waking = trib__point_part_us(finder->at, "notif");
        double told = finder->results->device.peaks.wake_us;
        struct trib__sweep    *sweep = finder->sweep;
        struct trib__resource *resource = &sweep->resources[sweep->resource_count];

        if (!(waking > 0) || sweep->resource_count >= TRIB__RESOURCES_MAX)
                return;
        memset(resource, 0, sizeof(*resource));
        (void)snprintf(resource->name, sizeof(resource->name), "wake-up");
        resource->servers = resource->ceiling_ops_per_s = (double)INFINITY;
        resource->demand_us = told > 0 ? fmin(told, waking) : waking;
        resource->wait_us = waking;
        resource->freed_us = fmin(resource->demand_us, sweep->alone_us);
        sweep->resource_count++;
}

static int compare_ceilings(const void *a, const void *b)
{
        double x = ((const struct trib__resource *)a)->ceiling_ops_per_s;
        double y = ((const struct trib__resource *)b)->ceiling_ops_per_s;

        return (x > y) - (x < y);
}

/* The time of a request alone: that of the fewest threads, less its waits. */
static double alone_of(const struct trib__finder *finder)
{
        static const char *const waits[] = { "admission", "lock", "queue", "serial",
                                             "descheduled" };
        double time = trib__point_time_us(finder->first), left = time;

        for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]) && finder->first->threads > 1;
             i++)
                left -= trib__point_part_us(finder->first, waits[i]);
        return fmax(left, time * 0.01);
}

/* Where the device does not tell what requests hold, a part of their time may be somebody's turn
 * without a wait having shown yet. */
static double hidden_of(const struct trib__finder *finder)
{
        const struct trib__demands_us *told = &finder->at->demands_us;
        double hidden = fmax(trib__point_part_us(finder->first, "submission"),
                             trib__point_part_us(finder->first, "copy"));

        if (finder->is_inline || !finder->has_shares || told->cores > 0 || told->lock > 0
            || told->serial > 0 || told->copy > 0 || told->submission > 0)
                return 0;
        if (finder->sweep->workload.serial_steps > 0)
                hidden = fmax(hidden, trib__point_part_us(finder->first, "device"));
        return hidden;
}

/* 1 where requests of few threads took equal times, 0 where as spread as exponential ones. */
static double smoothness_of(const struct trib__finder *finder)
{
        const struct trib__latency_us *us = &finder->first->latency_us;
        double spread;

        if (!(us->p50 > 0) || !(us->p90 >= us->p50) || !(us->mean > 0))
                return 0.7;
        spread = (us->p90 - us->p50) / us->mean / RANDOM_SPREAD;
        return fmin(fmax(1 - spread, 0.2), 0.9);
}

static struct trib__finder finder_of(const struct trib__results *results, struct trib__sweep *sweep)
{
        struct trib__finder finder = { .results = results, .sweep = sweep };

        finder.at = trib__sweep_full_point(sweep);
        finder.best = trib__sweep_best(sweep);
        finder.first = &sweep->points[0];
        finder.has_shares = trib__point_is_attributed(finder.at)
                            && trib__point_is_attributed(finder.first);
        finder.is_inline = trib__is_host_device(results);
        finder.is_simulated = strncmp(results->device.name, "sim", 3) == 0;
        finder.is_flat = sweep->saturation_threads
                         < sweep->points[sweep->point_count - 1].threads;
        return finder;
}

void trib__conclude_resources(const struct trib__results *results, struct trib__sweep *sweep)
{
        struct trib__roofline roofline;
        struct trib__finder   finder;

        memset(sweep->resources, 0, sizeof(sweep->resources));
        sweep->resource_count = 0;
        sweep->alone_us = sweep->hidden_us = sweep->smoothness = 0;
        if (sweep->point_count == 0)
                return;
        finder = finder_of(results, sweep);
        sweep->alone_us = alone_of(&finder);
        sweep->smoothness = smoothness_of(&finder);
        sweep->hidden_us = hidden_of(&finder);
        roofline = trib__roofline_of(&finder);
        add_cores(&finder);
        trib__finder_add_roofline(&finder, &roofline);
        add_single(&finder, "lock", finder.at->demands_us.lock,
                   trib__point_part_us(finder.at, "lock"));
        add_serial(&finder);
        if (!finder.is_inline) {
                if (finder.at->demands_us.submission > 0 || !(roofline.submission_us > 0))
                        add_single(&finder, "submission", finder.at->demands_us.submission,
                                   trib__finder_growth(&finder, "submission"));
                if (finder.is_simulated || !(roofline.compute_us + roofline.memory_us > 0))
                        trib__finder_add_executors(&finder);
                add_single(&finder, "copy", finder.at->demands_us.copy,
                           trib__finder_growth(&finder, "copy"));
                add_wake_up(&finder);
        }
        add_admission(&finder);
        qsort(sweep->resources, sweep->resource_count, sizeof(sweep->resources[0]),
              compare_ceilings);
}
