/* SPDX-License-Identifier: Apache-2.0 */
/* limit.c: the most that a device can do of a workload, from its measured peaks and the workload's
 * FLOPs and bytes: a roofline for every operator.
 *
 * Two kinds of bound, of which the lowest is the limit:
 *   totals  what one request takes of something that all units share: memory bandwidth, bandwidth
 *           of the shared cache, submissions, arithmetic
 *   a unit  its time for a request, operator after operator, each as long as the slowest of its
 *           arithmetic and of its bytes at each level; units work beside each other
 *
 * How many bytes come from where is a lower bound, so that the limit is an upper one. A request
 * touches the constants, which all threads share, and data of its own. Of what it touches, at least
 * that part which is more than a cache holds comes from behind that cache, whatever is kept in it.
 *
 * Pure; no state, no lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"

/* A request that touches no more is at home in a core's first cache, of which nothing is known. */
#define FIRST_CACHE_BYTES 65536.0

enum part { PART_COMPUTE, PART_PRIVATE, PART_SHARED, PART_MEMORY, PARTS };

static const char *const bounds[PARTS] = { "compute", "cache-bandwidth", "cache-bandwidth",
                                           "memory-bandwidth" };

/* Of each byte that an operator moves, how many pass each level. */
struct traffic {
        double part[PARTS];
};

static double first_positive(double a, double b, double c)
{
        return a > 0 ? a : b > 0 ? b : c;
}

/* All units together, for arithmetic of that dtype. */
static double flops_of(const struct trib__peaks *peaks, const char *dtype)
{
        double run = first_positive(peaks->flops_per_s,
                                    peaks->flops_per_s_unit * peaks->parallel_units, 0);

        if (strcmp(dtype, "f32") == 0)
                return first_positive(peaks->flops_f32, run, 0);
        if (strcmp(dtype, "medium") == 0)
                return first_positive(peaks->flops_medium, run, 0);
        if (strcmp(dtype, "f64") == 0)
                return first_positive(peaks->flops_f64, run, 0);
        if (strcmp(dtype, "f16") == 0)
                return first_positive(peaks->flops_f16, peaks->flops_f32, run);
        return run;
}

/* The operators, or, where they are not known, one of the request's sums. */
static size_t operators_of(const struct trib__workload *workload,
                           struct trib__operator_cost *out)
{
        if (workload->operator_count > 0) {
                memcpy(out, workload->operators, workload->operator_count * sizeof(*out));
                return workload->operator_count;
        }
        memset(out, 0, sizeof(*out));
        out->count = 1;
        out->flops = workload->flops_per_op;
        out->bytes = workload->bytes_per_op;
        out->shared_bytes = 0;
        return 1;
}

/* The part of `bytes` that is more than `room` holds. */
static double part_beyond(double bytes, double room)
{
        return bytes > room ? 1 - room / bytes : 0;
}

static struct traffic traffic_of(const struct trib__peaks *peaks,
                                 const struct trib__operator_cost *operators, size_t count)
{
        struct traffic traffic = { { 0 } };
        double units = fmax(peaks->parallel_units, 1), shared = 0, own = 0, moved = 0, touched;
        double last = first_positive(peaks->shared_cache_bytes, peaks->cache_bytes, 0);

        for (size_t i = 0; i < count; i++) {
                const struct trib__operator_cost *one = &operators[i];

                shared += one->count * one->shared_bytes;
                own = fmax(own, one->bytes - one->shared_bytes);
                moved += one->count * one->bytes;
        }
        touched = shared + own;
        if (!(moved > 0))
                return traffic;
        /* Without caches every byte that is moved comes from memory. */
        if (last <= 0) {
                traffic.part[PART_MEMORY] = 1;
                return traffic;
        }
        traffic.part[PART_PRIVATE] = touched > FIRST_CACHE_BYTES ? 1 : 0;
        traffic.part[PART_SHARED] = part_beyond(touched, peaks->private_cache_bytes) * touched
                                    / moved;
        /* All units' data is in the last caches at the same time, the constants once. */
        if (peaks->private_cache_bytes > 0)
                touched = shared + units * own;
        traffic.part[PART_MEMORY] = part_beyond(touched, last + units * peaks->private_cache_bytes)
                                    * (shared + own) / moved;
        return traffic;
}

/* What a unit can do of each part in a second; 0: not known, or no bound. */
static void unit_rates(const struct trib__peaks *peaks, double rates[PARTS])
{
        double units = fmax(peaks->parallel_units, 1);

        rates[PART_COMPUTE] = 0; /* by dtype */
        rates[PART_PRIVATE] = peaks->private_cache_bytes_per_s / units;
        rates[PART_SHARED] = first_positive(peaks->unit_shared_cache_bytes_per_s,
                                            peaks->shared_cache_bytes_per_s, 0);
        rates[PART_MEMORY] = first_positive(peaks->unit_bytes_per_s, peaks->bytes_per_s, 0);
}

static void offer(struct trib__limit *limit, double request_us, const char *bound)
{
        if (!(request_us > 0) || !isfinite(request_us))
                return;
        if (limit->is_present && limit->ops_per_s <= 1e6 / request_us)
                return;
        limit->is_present = true;
        limit->ops_per_s = 1e6 / request_us;
        (void)snprintf(limit->bound, sizeof(limit->bound), "%s", bound);
}

/* One unit's time, operator after operator; which part of it is the largest. */
static const char *add_unit_time(const struct trib__peaks *peaks, const struct traffic *traffic,
                                 const struct trib__operator_cost *operators, size_t count,
                                 struct trib__limit *limit)
{
        double units = fmax(peaks->parallel_units, 1), us[PARTS] = { 0 }, rates[PARTS];
        int    largest = PART_COMPUTE;

        unit_rates(peaks, rates);
        for (size_t i = 0; i < count; i++) {
                const struct trib__operator_cost *one = &operators[i];
                double times[PARTS] = { 0 }, flops = flops_of(peaks, one->dtype);
                int    slowest = PART_COMPUTE;

                if (flops > 0)
                        times[PART_COMPUTE] = one->flops * units / flops;
                for (int part = PART_PRIVATE; part < PARTS; part++)
                        if (rates[part] > 0)
                                times[part] = one->bytes * traffic->part[part] / rates[part];
                for (int part = 1; part < PARTS; part++)
                        slowest = times[part] > times[slowest] ? part : slowest;
                us[slowest] += 1e6 * one->count * times[slowest];
        }
        limit->unit_us = 0;
        for (int part = 0; part < PARTS; part++) {
                limit->unit_us += us[part];
                largest = us[part] > us[largest] ? part : largest;
        }
        return bounds[largest];
}

static void add_totals(const struct trib__peaks *peaks, const struct traffic *traffic,
                       const struct trib__operator_cost *operators, size_t count,
                       struct trib__limit *limit)
{
        for (size_t i = 0; i < count; i++) {
                const struct trib__operator_cost *one = &operators[i];
                double flops = flops_of(peaks, one->dtype), bytes = one->count * one->bytes;

                if (flops > 0)
                        limit->compute_us += 1e6 * one->count * one->flops / flops;
                if (peaks->shared_cache_bytes_per_s > 0)
                        limit->cache_us += 1e6 * bytes * traffic->part[PART_SHARED]
                                           / peaks->shared_cache_bytes_per_s;
                if (peaks->bytes_per_s > 0)
                        limit->memory_us += 1e6 * bytes * traffic->part[PART_MEMORY]
                                            / peaks->bytes_per_s;
        }
}

static bool is_processor(const struct trib__results *results)
{
        return strncmp(results->device.name, "cpu", 3) == 0;
}

static void set_percents(struct trib__sweep *sweep)
{
        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];

                point->percent_of_limit = sweep->limit.is_present
                                                  ? 100 * point->ops_per_s / sweep->limit.ops_per_s
                                                  : 0;
        }
}

void trib__conclude_limit(const struct trib__results *results, struct trib__sweep *sweep)
{
        const struct trib__peaks    *peaks = &results->device.peaks;
        const struct trib__workload *workload = &sweep->workload;
        struct trib__limit          *limit = &sweep->limit;
        struct trib__operator_cost   operators[TRIB__OPERATORS_MAX];
        size_t                       count = operators_of(workload, operators);
        struct traffic               traffic = traffic_of(peaks, operators, count);
        const char                  *slowest;

        memset(limit, 0, sizeof(*limit));
        if (peaks->submissions_per_s > 0)
                limit->submission_us = 1e6 * fmax(workload->submissions_per_op, 1)
                                       / peaks->submissions_per_s;
        add_totals(peaks, &traffic, operators, count, limit);
        slowest = add_unit_time(peaks, &traffic, operators, count, limit);
        offer(limit, limit->compute_us, "compute");
        offer(limit, limit->unit_us / fmax(peaks->parallel_units, 1), slowest);
        offer(limit, limit->cache_us, "cache-bandwidth");
        offer(limit, limit->memory_us, "memory-bandwidth");
        /* On the processor a submission is the call of a function: nothing that could run out, and
         * for a request that computes nothing no limit that anybody would meet. */
        if (!is_processor(results) || limit->is_present)
                offer(limit, limit->submission_us, "submission");
        set_percents(sweep);
}
