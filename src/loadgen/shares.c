/* SPDX-License-Identifier: Apache-2.0 */
/* shares.c: where the time of a point's mean request went.
 *
 * Two sources. The target takes some requests' time apart (perhaps one in 16; these cost some
 * clock readings more than the others, and a rare long wait for a core may be in none of them).
 * The windows know for which part of their time the threads ran on a core.
 * So on a CPU the parts that run are held to the time on a core, and the rest is `descheduled`.
 * Parts that do not reach that time stay as they are: the sum then falls short, which is told. */
#include <string.h>

#include "loadgen/loadgen.h"

static void scale_running(struct trib__load_shares *shares, double factor)
{
        shares->prepare *= factor;
        shares->submission *= factor;
        shares->device *= factor;
        shares->copy *= factor;
        shares->notification *= factor;
}

static double running_of(const struct trib__load_shares *shares)
{
        return shares->prepare + shares->submission + shares->device + shares->copy
               + shares->notification;
}

static void split_off_core(const struct trib__load_point *point, struct trib__load_shares *shares)
{
        double on = shares->latency * (double)point->cpu_ns / (double)point->wall_ns;
        double off = shares->latency - on;
        double running = running_of(shares);

        if (running > on)
                scale_running(shares, on / running);
        if (off > shares->admission)
                shares->descheduled = off - shares->admission;
}

bool trib__load_shares_of(const struct trib__load_point *point, bool runs_on_cpu,
                          struct trib__load_shares *out)
{
        const trib_session_stats *times = &point->times;
        double                    scale;

        memset(out, 0, sizeof(*out));
        if (times->measured == 0 || point->latency.count == 0)
                return false;
        scale = 1e-3 / (double)times->measured;
        out->admission = (double)times->admission_ns * scale;
        out->prepare = (double)times->prepare_ns * scale;
        out->submission = (double)times->submit_ns * scale;
        out->device = (double)times->device_ns * scale;
        out->copy = (double)times->copy_ns * scale;
        out->notification = (double)times->notify_ns * scale;
        out->latency = (double)point->latency.sum / (double)point->latency.count * 1e-3;
        if (runs_on_cpu && point->wall_ns > 0)
                split_off_core(point, out);
        out->sum = out->admission + running_of(out) + out->descheduled;
        return true;
}
