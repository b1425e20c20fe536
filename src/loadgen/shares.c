/* SPDX-License-Identifier: Apache-2.0 */
/* shares.c: where the time of a point's mean request went.
 *
 * Two sources. The target takes some requests' time apart (perhaps one in 16; a rare long wait for
 * a core may be in none of them). The windows know for which part of their time the threads ran on
 * a core.
 *
 * Every request's latency holds one reading of the clock, at its end. A measured request reads it
 * at the end of each part: the parts before the last are told without their reading.
 *
 * On a CPU the threads lose their cores now and then, in whatever part they are. So the parts that
 * run are held to the time on a core, and the rest is `descheduled`. Where the threads hardly ever
 * lost one, no more is taken off than that explains: what is then too much stays in the sum, and
 * so do parts that fall short of the time on a core, and both are told. Holds no state, takes no
 * lock. */
#include <math.h>
#include <string.h>

#include "loadgen/loadgen.h"

/* Off their cores for a smaller part of the time, threads hardly ever lost one. */
#define HARDLY_EVER 0.05

static double running_of(const struct trib__load_shares *shares)
{
        return shares->prepare + shares->submission + shares->device + shares->copy
               + shares->notification;
}

static void split_off_core(const struct trib__load_point *point, struct trib__load_shares *shares)
{
        double on = shares->latency * fmin((double)point->cpu_ns / (double)point->wall_ns, 1);
        double off = shares->latency - on;
        double waiting = fmin(shares->admission, off); /* for a stream, asleep */
        double taking = shares->admission - waiting;   /* one, on the core */
        double running = taking + running_of(shares);
        double excess = fmax(running - on, 0), factor;

        shares->descheduled = off - waiting;
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

/* The mean of a part that ends with a reading of the clock, without the reading. */
static double mean_us(const struct trib__load_point *point, uint64_t sum_ns)
{
        return fmax((double)sum_ns / (double)point->times.measured - point->reading_ns, 0) * 1e-3;
}

bool trib__load_shares_of(const struct trib__load_point *point, bool runs_on_cpu,
                          struct trib__load_shares *out)
{
        const trib_session_stats *times = &point->times;

        memset(out, 0, sizeof(*out));
        if (times->measured == 0 || point->latency.count == 0)
                return false;
        out->admission = mean_us(point, times->admission_ns);
        out->prepare = mean_us(point, times->prepare_ns);
        out->submission = mean_us(point, times->submit_ns);
        out->device = mean_us(point, times->device_ns);
        out->copy = mean_us(point, times->copy_ns);
        out->notification = (double)times->notify_ns / (double)times->measured * 1e-3;
        out->latency = (double)point->latency.sum / (double)point->latency.count * 1e-3;
        if (runs_on_cpu && point->wall_ns > 0)
                split_off_core(point, out);
        out->sum = out->admission + running_of(out) + out->descheduled;
        return true;
}
