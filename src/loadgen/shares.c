/* SPDX-License-Identifier: Apache-2.0 */
/* shares.c: where the time of a point's mean request went.
 *
 * Two sources. The target takes some requests' time apart, perhaps one in 16, and leaves out of
 * each part the time in which the thread was ready and had no core. The windows know that time for
 * all requests, together with the latency of each.
 *
 * Where the device computes in the calling thread, all of that time lengthens requests, and so
 * `descheduled` is taken from the windows: long waits for a core are rare, and few of them fall
 * into the requests that are taken apart. Elsewhere a thread may lack a core while the device has
 * its work, and lose nothing by it: there `descheduled` is the target's. So each part is measured,
 * none is what the others leave, and the sum says how well they cover the latency.
 *
 * Where it is not told how long threads were without a core, it is their wall time minus
 * CPU time minus the wait for a stream, and the parts that run are held to the CPU time.
 *
 * Every request's latency holds one reading of the clock, at its end. A measured request reads it
 * at the end of each part: the parts before the last are told without their reading. Holds no
 * state, takes no lock. */
#include <math.h>
#include <string.h>

#include "loadgen/loadgen.h"

/* Off their cores for a smaller part of the time, threads hardly ever lost one. */
#define HARDLY_EVER 0.05

static double running_of(const struct trib__load_shares *shares)
{
        return shares->submission + shares->device + shares->copy + shares->notification;
}

/* Split without knowing the run delay. Where the threads hardly ever lost a core, no more is taken
 * off the parts that run than that explains: what is then too much stays in the sum, and so do
 * parts that fall short of the time on a core, and both are told. */
static void split_off_core(const struct trib__load_point *point, struct trib__load_shares *shares)
{
        double on = shares->latency * fmin((double)point->cpu_ns / (double)point->wall_ns, 1);
        double off = shares->latency - on;
        double asleep = fmin(shares->admission + shares->lock + shares->serial, off);
        double waiting = fmin(shares->admission, asleep);
        double taking = shares->admission - waiting; /* a stream, on the core */
        double running = taking + running_of(shares);
        double excess = fmax(running - on, 0), factor;

        shares->descheduled = off - asleep;
        if (off < HARDLY_EVER * shares->latency)
                excess = fmin(excess, shares->descheduled);
        factor = running > 0 ? 1 - excess / running : 1;
        shares->admission = waiting + taking * factor;
        shares->prepare *= factor;
        shares->submission *= factor;
        shares->device *= factor;
        shares->copy *= factor;
        shares->notification *= factor;
}

static double mean_us(const struct trib__load_point *point, uint64_t sum_ns)
{
        return (double)sum_ns / (double)point->times.measured * 1e-3;
}

/* The mean of a part that ends with a reading of the clock, without the reading. */
static double mean_read_us(const struct trib__load_point *point, uint64_t sum_ns)
{
        return fmax(mean_us(point, sum_ns) - point->reading_ns * 1e-3, 0);
}

static void take_parts(const struct trib__load_point *point, struct trib__load_shares *out)
{
        const trib_session_stats *times = &point->times;

        out->admission = mean_read_us(point, times->admission_ns);
        out->lock = mean_us(point, times->lock_ns);
        out->prepare = mean_read_us(point, times->prepare_ns);
        out->submission = out->prepare + mean_read_us(point, times->submit_ns);
        out->queue = mean_us(point, times->queue_ns);
        out->device = mean_read_us(point, times->device_ns);
        out->serial = mean_us(point, times->serial_ns);
        out->copy = mean_read_us(point, times->copy_ns);
        out->notification = mean_us(point, times->notify_ns);
        out->descheduled = mean_us(point, times->descheduled_ns);
        out->held.cores = mean_us(point, times->host_held_ns);
        out->held.lock = mean_us(point, times->lock_held_ns);
        out->held.submission = mean_us(point, times->path_held_ns);
        out->held.serial = mean_us(point, times->serial_held_ns);
        out->held.copy = mean_us(point, times->copy_held_ns);
        out->held.device = out->device;
}

bool trib__load_shares_of(const struct trib__load_point *point, bool runs_on_cpu,
                          struct trib__load_shares *out)
{
        memset(out, 0, sizeof(*out));
        if (point->times.measured == 0 || point->latency.count == 0)
                return false;
        take_parts(point, out);
        out->latency = (double)point->latency.sum / (double)point->latency.count * 1e-3;
        if (runs_on_cpu && point->wall_ns > 0) {
                out->held.cores = out->latency * fmin((double)point->cpu_ns
                                                      / (double)point->wall_ns, 1);
                if (point->has_delay && point->asked_ns > 0 && point->times.measured_blind == 0)
                        out->descheduled = out->latency * fmin((double)point->delay_ns
                                                               / (double)point->asked_ns, 1);
                else
                        split_off_core(point, out);
        }
        out->sum = out->admission + out->lock + out->queue + out->serial + running_of(out)
                   + out->descheduled;
        return true;
}
