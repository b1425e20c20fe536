/* SPDX-License-Identifier: Apache-2.0 */
/* roofline.c: the resources of a device itself: its arithmetic, its memory, the path into it. See
 * resources.h. What limit.c made of the peaks is the demand; where the device does not say what
 * its peaks are, waits are. Holds no state, takes no lock. */
#include <math.h>
#include <string.h>

#include "analysis/resources_priv.h"

struct trib__roofline trib__roofline_of(const struct trib__finder *finder)
{
        const struct trib__limit *limit = &finder->sweep->limit;
        struct trib__roofline out = { limit->compute_us,
                                      fmax(limit->memory_us, limit->cache_us),
                                      limit->submission_us };

        /* A call of a function, for a request that computes nothing: see limit.c. */
        if (finder->is_inline && !limit->is_present)
                out.submission_us = 0;
        /* One unit's time, operator after operator, may bound more than the totals do. */
        if (finder->is_inline && limit->is_present && strcmp(limit->bound, "compute") == 0)
                out.compute_us = fmax(out.compute_us, 1e6 / limit->ops_per_s);
        if (finder->is_inline && limit->is_present && strstr(limit->bound, "bandwidth") != NULL)
                out.memory_us = fmax(out.memory_us, 1e6 / limit->ops_per_s);
        return out;
}

/* On the calling thread's core, computing and moving data pass at the same time: twice the one
 * helps as far as the other lets it. */
static double freed_inline(const struct trib__finder *finder, double own_us, double other_us)
{
        double kernel = finder->has_shares ? trib__point_part_us(finder->first, "device")
                                           : finder->sweep->alone_us;

        return kernel * (1 - fmax(own_us / 2, other_us) / fmax(own_us, other_us));
}

/* On a device that runs a request on one executor: the time that twice the bandwidth of all
 * together takes off it, as far as the executor's own rates let it. */
static double freed_executor(const struct trib__finder *finder, double memory_us)
{
        const struct trib__peaks    *peaks = &finder->results->device.peaks;
        const struct trib__workload *workload = &finder->sweep->workload;
        double floor_us = memory_us / 2;

        if (!(peaks->unit_bytes_per_s > 0))
                return 0;
        floor_us = fmax(floor_us, 1e6 * workload->bytes_per_op / peaks->unit_bytes_per_s);
        if (peaks->flops_per_s_unit > 0)
                floor_us = fmax(floor_us, 1e6 * workload->flops_per_op / peaks->flops_per_s_unit);
        return fmax(memory_us - floor_us, 0);
}

/* What a request waits for a device to be free: before its work starts, or, where the device does
 * not tell when that is, in what seems to be the work. The simulated one tells; there, work takes
 * longer only for want of bandwidth. */
static double device_wait(const struct trib__finder *finder)
{
        double queue = finder->is_simulated ? 0 : trib__point_part_us(finder->at, "queue");

        return queue + trib__finder_growth(finder, "device");
}

void trib__finder_add_roofline(const struct trib__finder *finder,
                               const struct trib__roofline *roofline)
{
        struct trib__offer memory = { .name = "memory-bandwidth", .servers = 1,
                                      .demand_us = roofline->memory_us,
                                      .busiest = TRIB__BUSIEST_PEAK };
        struct trib__offer compute = { .name = "compute", .servers = 1,
                                       .demand_us = roofline->compute_us,
                                       .busiest = TRIB__BUSIEST_PEAK };
        struct trib__offer submission = { .name = "submission", .servers = 1,
                                          .demand_us = roofline->submission_us,
                                          .freed_us = roofline->submission_us,
                                          .wait_us = trib__finder_growth(finder, "submission"),
                                          .busiest = TRIB__BUSIEST_PEAK };

        memory.frees_core = compute.frees_core = finder->is_inline;
        if (finder->is_inline) {
                memory.freed_us = freed_inline(finder, memory.demand_us, compute.demand_us);
                compute.freed_us = freed_inline(finder, compute.demand_us, memory.demand_us);
        } else {
                memory.freed_us = freed_executor(finder, memory.demand_us);
                if (finder->is_simulated || memory.demand_us > compute.demand_us)
                        memory.wait_us = device_wait(finder);
                else
                        compute.wait_us = device_wait(finder);
        }
        trib__finder_add(finder, &memory);
        if (!finder->is_simulated)
                trib__finder_add(finder, &compute);
        if (!(finder->at->demands_us.submission > 0))
                trib__finder_add(finder, &submission);
}

/* A device that runs each request on one of its executors, as the simulated one; of others without
 * peaks we know only that work waits for them. */
void trib__finder_add_executors(const struct trib__finder *finder)
{
        const struct trib__point *first = finder->first;
        struct trib__offer offer = { .name = "compute",
                                     .servers = finder->results->device.peaks.parallel_units,
                                     .demand_us = first->demands_us.device,
                                     .wait_us = trib__point_part_us(finder->at, "queue") };

        if (!(offer.demand_us > 0))
                offer.demand_us = trib__point_part_us(first, "device");
        offer.is_told = first->demands_us.device > 0;
        if (!finder->is_simulated) {
                offer.wait_us = device_wait(finder);
                offer.servers = 1;
                offer.demand_us = trib__finder_is_wait(finder, offer.wait_us)
                                          ? trib__turn_of_wait(finder->at, offer.wait_us) : 0;
                offer.is_told = false;
                offer.is_inferred = true;
        }
        trib__finder_add(finder, &offer);
}
