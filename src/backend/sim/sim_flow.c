/* SPDX-License-Identifier: Apache-2.0 */
/* sim_flow.c: memory bandwidth that the executors share. Each step that runs has bytes to move;
 * of k such steps each moves them at the executor's own bandwidth or a k-th of the total,
 * whichever is less. A step ends when its bytes are moved and its arithmetic is done. So the rates
 * change whenever a step starts, ends, or has moved all it had: between these moments they are
 * constant, and the moments follow from the bytes that are left. Under the device's mutex. */
#include <math.h>
#include <string.h>

#include "backend/sim/sim_priv.h"

#define LONGEST_NS 1e18

/* What is less is rounding. */
#define NO_BYTES 1e-6

/* Bytes per ns of each of `count` steps. */
static double rate_of(const trib__device *device, uint32_t count)
{
        double share = device->options.total_bandwidth / count;

        return (share < device->options.bandwidth ? share : device->options.bandwidth) * 1e-9;
}

/* How many of the queues have bytes left, and the fewest that one has. */
static uint32_t count_moving(const double *left, uint32_t n, double *least)
{
        uint32_t count = 0;

        *least = HUGE_VAL;
        for (uint32_t i = 0; i < n; i++) {
                if (left[i] <= 0)
                        continue;
                count++;
                if (left[i] < *least)
                        *least = left[i];
        }
        return count;
}

static void move(double *left, uint32_t n, double bytes)
{
        for (uint32_t i = 0; i < n; i++) {
                if (left[i] > 0)
                        left[i] = left[i] - bytes > NO_BYTES ? left[i] - bytes : 0;
        }
}

static void take_left_locked(trib__device *device, double *left) TRIB__REQUIRES(device->mutex)
{
        for (uint32_t i = 0; i < device->n_queues; i++)
                left[i] = device->queues[i]->bytes_left;
}

void trib__sim_flow_locked(trib__device *device, uint64_t time)
{
        double   left[TRIB__SIM_MAX_QUEUES], least;
        double   until = (double)time;
        uint32_t count;

        take_left_locked(device, left);
        while (until > device->flowed_at &&
               (count = count_moving(left, device->n_queues, &least)) != 0) {
                double rate = rate_of(device, count);
                double bytes = (until - device->flowed_at) * rate;

                if (bytes < least) {
                        move(left, device->n_queues, bytes);
                        break;
                }
                move(left, device->n_queues, least);
                device->flowed_at += least / rate;
        }
        if (until > device->flowed_at)
                device->flowed_at = until;
        for (uint32_t i = 0; i < device->n_queues; i++)
                device->queues[i]->bytes_left = left[i];
}

/* The running step of the queue has moved its bytes at `ns`. */
static void set_end_locked(trib__device *device, trib__queue *queue, double ns)
        TRIB__REQUIRES(device->mutex)
{
        uint64_t moved_at = ns < LONGEST_NS ? (uint64_t)ceil(ns) : (uint64_t)LONGEST_NS;

        (void)device;
        if (moved_at > queue->end)
                queue->end = moved_at;
}

void trib__sim_flow_plan_locked(trib__device *device)
{
        double   left[TRIB__SIM_MAX_QUEUES] = { 0 }, before[TRIB__SIM_MAX_QUEUES], least;
        double   at = device->flowed_at;
        uint32_t count;

        for (uint32_t i = 0; i < device->n_queues; i++) {
                trib__queue *queue = device->queues[i];

                /* Who has moved all it had ends when that was planned; so does who had nothing. */
                if (queue->bytes_left > 0)
                        queue->end = queue->computed_at;
        }
        take_left_locked(device, left);
        while ((count = count_moving(left, device->n_queues, &least)) != 0) {
                memcpy(before, left, sizeof(before));
                at += least / rate_of(device, count);
                move(left, device->n_queues, least);
                for (uint32_t i = 0; i < device->n_queues; i++) {
                        if (before[i] > 0 && left[i] <= 0)
                                set_end_locked(device, device->queues[i], at);
                }
        }
}
