/* SPDX-License-Identifier: Apache-2.0 */
/* bottleneck.c: which of its resources a sweep stops at, and what would follow if it did not.
 * See resources.h. Holds no state, takes no lock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/resources.h"

/* A resource that is so busy explains the throughput. */
#define BUSY 0.8

/* A wait, or another part of a request's time, that is the main one to look at. */
#define MAIN_SHARE 0.30

/* A what-if that gains less is not worth a line, unless it is the bottleneck's. */
#define WORTH_SAYING 1.01

static void say_primary(struct trib__sweep *sweep, const char *primary)
{
        char name[sizeof(sweep->bottleneck.primary)]; /* primary may be of the sweep itself */

        (void)snprintf(name, sizeof(name), "%s", primary);
        memcpy(sweep->bottleneck.primary, name, sizeof(name));
}

static bool is_named(const struct trib__resource *resource, const char *name)
{
        return strcmp(resource->name, name) == 0;
}

/* How well a resource explains that throughput does not rise: how busy it is, or how much of a
 * request's time is spent waiting for it. */
static double explains(const struct trib__resource *resource, double time_us)
{
        double waiting = resource->wait_us / time_us;

        if (isinf(resource->ceiling_ops_per_s))
                return 0;
        return fmax(resource->utilisation,
                    waiting >= MAIN_SHARE ? 0.9 + 0.1 * fmin(waiting, 1) : 0);
}

/* On the calling thread's core, work at the device's peak is what the core is busy with. */
static const struct trib__resource *inside_cores(const struct trib__sweep *sweep)
{
        const struct trib__resource *found = NULL;

        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];

                if (resource->frees_core && resource->utilisation >= BUSY
                    && (found == NULL || resource->utilisation > found->utilisation))
                        found = resource;
        }
        return found;
}

static const struct trib__resource *find_full(const struct trib__sweep *sweep, double time_us)
{
        const struct trib__resource *full = NULL;

        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];
                double                       here = explains(resource, time_us);

                if (here >= BUSY && (full == NULL || here > explains(full, time_us)))
                        full = resource;
        }
        if (full != NULL && is_named(full, "cores") && inside_cores(sweep) != NULL)
                full = inside_cores(sweep);
        return full;
}

/* Throughput stopped rising where every core had a thread. */
static bool stops_at_cores(const struct trib__results *results, const struct trib__sweep *sweep)
{
        unsigned cores = results->machine.physical_cores;
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];

        if (cores == 0 || cores > results->machine.logical_cores)
                cores = results->machine.logical_cores;
        return trib__is_host_device(results) && cores > 0 && last->threads >= cores
               && sweep->saturation_threads * 4 >= cores * 3;
}

/* The name of what no resource of the list explains. */
static const char *name_of_rest(const struct trib__results *results,
                                const struct trib__sweep *sweep, const struct trib__point *at)
{
        double time = trib__point_time_us(at);

        if (trib__point_part_us(at, "notif") >= MAIN_SHARE * time
            && !trib__is_host_device(results))
                return "wake-up";
        if (trib__point_part_us(at, "submission") >= MAIN_SHARE * time)
                return "submission";
        if (stops_at_cores(results, sweep))
                return "cores";
        /* All parts are known and nothing is full: more threads would do. */
        if (trib__point_is_attributed(at)
            && sweep->saturation_threads == sweep->points[sweep->point_count - 1].threads)
                return "none";
        return "unknown";
}

static void add_full(const struct trib__resource *full, const struct trib__point *at,
                     struct trib__text *text)
{
        double waiting = full->wait_us / trib__point_time_us(at);

        if (full->servers > 1 && !isinf(full->servers))
                trib__text_add(text, "%.3g at once, ", full->servers);
        trib__text_add(text, "%s a request%s, so at most %s ops/s: %.0f %% of that at %s",
                       trib__duration_us(full->demand_us).text,
                       full->is_inferred ? " (inferred)" : "",
                       trib__grouped(full->ceiling_ops_per_s).text, 100 * full->utilisation,
                       trib__threads_text(at->threads).text);
        if (waiting >= 0.01)
                trib__text_add(text, ", with %.0f %% of a request's time spent waiting for it",
                               100 * waiting);
        trib__text_add(text, "; ");
}

/* Nothing is full: what comes nearest. */
static void add_nearest(const struct trib__sweep *sweep, struct trib__text *text)
{
        const struct trib__resource *next = NULL;

        for (unsigned i = 0; i < sweep->resource_count; i++)
                if (!isinf(sweep->resources[i].ceiling_ops_per_s)
                    && (next == NULL || sweep->resources[i].utilisation > next->utilisation))
                        next = &sweep->resources[i];
        if (next != NULL)
                trib__text_add(text, "nothing is full: the next ceiling is %s at %s ops/s; ",
                               next->name, trib__grouped(next->ceiling_ops_per_s).text);
}

/* The facts that any answer stands on. */
static void add_evidence(const struct trib__results *results, const struct trib__sweep *sweep,
                         struct trib__text *text)
{
        const struct trib__point *best = trib__sweep_best(sweep);
        int                       count = 0;

        trib__text_add(text, "highest throughput %s ops/s at %s",
                       trib__grouped(best->ops_per_s).text,
                       trib__threads_text(best->threads).text);
        if (sweep->point_count > 1)
                trib__text_add(text, ", 95 %% of it from %s on",
                               trib__threads_text(sweep->saturation_threads).text);
        if (sweep->limit.is_present)
                trib__text_add(text, "; that is %.0f %% of the %s limit of %s ops/s",
                               best->percent_of_limit, sweep->limit.bound,
                               trib__grouped(sweep->limit.ops_per_s).text);
        else
                trib__text_add(text, "; no measured peaks of the device to compare with");
        if (trib__is_host_device(results) && results->machine.logical_cores > 0)
                trib__text_add(text, "; %u logical cores", results->machine.logical_cores);
        if (sweep->workload.serial_steps > 0)
                trib__text_add(text, "; %.0f step%s of each request run%s one at a time",
                               sweep->workload.serial_steps,
                               sweep->workload.serial_steps == 1 ? "" : "s",
                               sweep->workload.serial_steps == 1 ? "s" : "");
        for (size_t i = 0; i < best->share_count; i++)
                if (best->shares[i].fraction >= 0.01)
                        trib__text_add(text, "%s %s %.0f %%",
                                       count++ == 0 ? "; of each request's time:" : ",",
                                       best->shares[i].name, 100 * best->shares[i].fraction);
}

/* The network if that resource were no bound any more. */
static void change(const struct trib__sweep *sweep, const struct trib__resource *cause,
                   bool is_doubled, struct trib__network *out)
{
        memset(out, 0, sizeof(*out));
        out->smoothness = sweep->smoothness;
        out->latency_us = fmax(sweep->alone_us - cause->freed_us, sweep->alone_us * 1e-3);
        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];
                double                       turn = 1e6 / resource->ceiling_ops_per_s;

                if (isinf(resource->ceiling_ops_per_s) || (resource == cause && !is_doubled))
                        continue;
                if (resource == cause)
                        turn /= 2;
                else if (cause->frees_core && is_named(resource, "cores"))
                        turn = fmax(turn - cause->freed_us / resource->servers, turn * 1e-3);
                else if (resource->frees_core && is_named(cause, "cores")
                         && is_named(resource, "compute"))
                        turn /= 2; /* the peak is that of all cores */
                out->turn_us[out->count++] = turn;
        }
}

static bool is_doubled(const struct trib__resource *resource)
{
        return is_named(resource, "cores") || is_named(resource, "compute")
               || is_named(resource, "memory-bandwidth") || is_named(resource, "admission");
}

/* What a change other than of the peaks themselves cannot go beyond: the limit that they set, or
 * what was measured above it. */
static double most_after(const struct trib__sweep *sweep, const struct trib__resource *cause,
                         const struct trib__point *at)
{
        if (!sweep->limit.is_present || is_named(cause, "cores") || is_named(cause, "compute")
            || is_named(cause, "memory-bandwidth") || is_named(cause, sweep->limit.bound))
                return (double)INFINITY;
        return fmax(sweep->limit.ops_per_s, at->ops_per_s);
}

static void add_what_if(struct trib__sweep *sweep, const struct trib__network_fit *fit,
                        const struct trib__resource *cause, const struct trib__point *at)
{
        struct trib__what_if *what_if = &sweep->what_ifs[sweep->what_if_count];
        struct trib__network  now, then;
        struct trib__text     text;
        double                before[3], after[3], most = most_after(sweep, cause, at);

        (void)trib__sweep_network(sweep, &now);
        change(sweep, cause, is_doubled(cause), &then);
        trib__network_interval(fit, &now, at->threads, before);
        trib__network_interval(fit, &then, at->threads, after);
        memset(what_if, 0, sizeof(*what_if));
        what_if->gain = fmin(after[2] / before[2], most / at->ops_per_s);
        if (!isfinite(what_if->gain)
            || (what_if->gain < WORTH_SAYING
                && strcmp(cause->name, sweep->bottleneck.primary) != 0))
                return;
        memcpy(what_if->cause, cause->name, sizeof(what_if->cause));
        (void)snprintf(what_if->change, sizeof(what_if->change), "%s",
                       is_doubled(cause) ? "doubled" : "removed");
        what_if->threads = at->threads;
        what_if->ops_per_s = at->ops_per_s * what_if->gain;
        what_if->ci95[0] = what_if->ops_per_s * fmin(after[0] / after[2], 1);
        what_if->ci95[1] = fmax(fmin(what_if->ops_per_s * after[1] / after[2], most),
                                what_if->ops_per_s);
        text = trib__text_of(what_if->text, sizeof(what_if->text));
        trib__text_add(&text, "%s %s: %s ops/s at %s instead of %s, %.2fx", cause->name,
                       what_if->change, trib__grouped(what_if->ops_per_s).text,
                       trib__threads_text(at->threads).text,
                       trib__grouped(at->ops_per_s).text, what_if->gain);
        sweep->what_if_count++;
}

static int compare_gains(const void *a, const void *b)
{
        double x = ((const struct trib__what_if *)a)->gain;
        double y = ((const struct trib__what_if *)b)->gain;

        return (x < y) - (x > y);
}

static void conclude_what_ifs(struct trib__sweep *sweep, const struct trib__point *at)
{
        struct trib__network     network;
        struct trib__network_fit fit;

        if (sweep->point_count < 2 || !trib__sweep_fit_network(sweep, &network, &fit))
                return;
        for (unsigned i = 0; i < sweep->resource_count; i++)
                add_what_if(sweep, &fit, &sweep->resources[i], at);
        qsort(sweep->what_ifs, sweep->what_if_count, sizeof(sweep->what_ifs[0]), compare_gains);
        for (unsigned i = 1; i < sweep->what_if_count; i++) {
                struct trib__what_if first = sweep->what_ifs[i];

                if (strcmp(first.cause, sweep->bottleneck.primary) != 0)
                        continue;
                memmove(&sweep->what_ifs[1], &sweep->what_ifs[0], i * sizeof(first));
                sweep->what_ifs[0] = first;
        }
}

void trib__conclude_bottleneck(const struct trib__results *results, struct trib__sweep *sweep)
{
        struct trib__text text = trib__text_of(sweep->bottleneck.evidence,
                                               sizeof(sweep->bottleneck.evidence));
        const struct trib__point    *at, *last;
        const struct trib__resource *full;

        memset(sweep->what_ifs, 0, sizeof(sweep->what_ifs));
        sweep->what_if_count = 0;
        say_primary(sweep, "unknown");
        if (sweep->point_count == 0) {
                trib__text_add(&text, "nothing was measured");
                return;
        }
        at = trib__sweep_full_point(sweep);
        last = &sweep->points[sweep->point_count - 1];
        full = find_full(sweep, trib__point_time_us(at));
        say_primary(sweep, full != NULL ? full->name : name_of_rest(results, sweep, at));
        if (full != NULL)
                add_full(full, at, &text);
        else if (trib__point_is_attributed(at))
                add_nearest(sweep, &text);
        add_evidence(results, sweep, &text);
        if (full == NULL && sweep->point_count > 1 && sweep->saturation_threads == last->threads)
                trib__text_add(&text, "; throughput still rose at the highest thread count "
                                      "measured, so the ceiling may lie beyond it");
        conclude_what_ifs(sweep, at);
}
