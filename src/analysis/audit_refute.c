/* SPDX-License-Identifier: Apache-2.0 */
/* audit_refute.c: sweeps whose numbers cannot be what they say: columns swapped, units mixed, more
 * than any machine does. Such a sweep gets a finding, and everything that was concluded from it is
 * taken back, so that nothing stands beside the finding that it contradicts. Takes no lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"

/* A tenth of a nanosecond is less than a clock cycle: no thread answers a request in that. */
#define OPS_MOST_PER_THREAD 1e10

/* Neighbours that differ by a factor between these were counted in different units. */
#define THOUSAND_LEAST 200.0
#define THOUSAND_MOST 5000.0

/* Throughputs that could be thread counts, and how far below the thread counts they then are. */
#define SWAPPED_MOST 1024.0
#define SWAPPED_APART 8.0

/* A refuted sweep keeps its points and loses what was concluded from them. */
static void take_back(struct trib__sweep *sweep, const char *code)
{
        (void)snprintf(sweep->refuted, sizeof(sweep->refuted), "%s", code);
        for (size_t i = 0; i < sweep->point_count; i++) {
                sweep->points[i].speedup = 0;
                sweep->points[i].efficiency = 0;
                sweep->points[i].percent_of_limit = 0;
        }
        memset(&sweep->fit, 0, sizeof(sweep->fit));
        (void)snprintf(sweep->fit.reason, sizeof(sweep->fit.reason),
                       "none: the numbers cannot be what they say (%s)", code);
        memset(sweep->predictions, 0, sizeof(sweep->predictions));
        memset(&sweep->limit, 0, sizeof(sweep->limit));
        memset(sweep->resources, 0, sizeof(sweep->resources));
        memset(sweep->what_ifs, 0, sizeof(sweep->what_ifs));
        sweep->resource_count = sweep->what_if_count = 0;
        sweep->alone_us = sweep->hidden_us = sweep->smoothness = 0;
        sweep->saturation_threads = 0;
        sweep->saturation_ci95[0] = sweep->saturation_ci95[1] = 0;
        (void)snprintf(sweep->bottleneck.primary, sizeof(sweep->bottleneck.primary), "unknown");
        (void)snprintf(sweep->bottleneck.evidence, sizeof(sweep->bottleneck.evidence),
                       "none: the numbers cannot be what they say (%s)", code);
}

static void start(struct trib__finding_draft *draft, const char *code,
                  const struct trib__results *results, const struct trib__sweep *sweep)
{
        trib__finding_start(draft, code, TRIB__SEVERITY_ERROR);
        trib__finding_about(draft, results, sweep);
}

static bool is_implausible(const struct trib__results *results, const struct trib__sweep *sweep,
                           struct trib__finding_draft *draft)
{
        start(draft, "implausible", results, sweep);
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                if (point->ops_per_s / point->threads > OPS_MOST_PER_THREAD
                    && trib__finding_item(draft))
                        trib__text_add(&draft->text, "%.3g ops/s at %s", point->ops_per_s,
                                       trib__threads_text(point->threads).text);
        }
        if (draft->items == 0)
                return false;
        trib__finding_end_list(draft);
        trib__text_add(&draft->text, ": a request would take a thread less than 0.1 ns, which no "
                                     "machine does; look for a wrong unit or a broken counter");
        return true;
}

/* Throughputs that are all different small whole numbers, far below the thread counts beside
 * them, and no point of one thread. */
static bool is_swapped(const struct trib__results *results, const struct trib__sweep *sweep,
                       struct trib__finding_draft *draft)
{
        double least = (double)INFINITY;

        if (sweep->point_count < 3)
                return false;
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                if (point->ops_per_s > SWAPPED_MOST || !(fmod(point->ops_per_s, 1) == 0)
                    || point->threads < SWAPPED_APART * point->ops_per_s)
                        return false;
                for (size_t k = 0; k < i; k++)
                        if (!(fabs(sweep->points[k].ops_per_s - point->ops_per_s) >= 1))
                                return false;
                least = fmin(least, point->ops_per_s);
        }
        if (least > 4)
                return false;
        start(draft, "swapped-columns", results, sweep);
        trib__text_add(&draft->text,
                       "%s with %s ops/s, and the other rows alike: the throughputs look like "
                       "thread counts and the thread counts like throughputs; exchange the names "
                       "'threads' and 'ops_per_s' in the header",
                       trib__threads_text(sweep->points[0].threads).text,
                       trib__grouped(sweep->points[0].ops_per_s).text);
        return true;
}

/* By how much more than the threads explain two neighbours differ, and in which direction: above
 * 1, the one of more threads is too high (rising faster than its threads) or too low. */
static double apart(const struct trib__point *a, const struct trib__point *b)
{
        double ratio = b->ops_per_s / a->ops_per_s;

        return ratio < 1 ? 1 / ratio : ratio * a->threads / b->threads;
}

/* 1000 or 1000000 when two neighbours differ by about that, else 0. */
static double unit_between(const struct trib__point *a, const struct trib__point *b)
{
        double factor = apart(a, b);

        for (double unit = 1e3; unit <= 1e6; unit *= 1e3)
                if (factor >= THOUSAND_LEAST / 1e3 * unit && factor <= THOUSAND_MOST / 1e3 * unit)
                        return unit;
        return 0;
}

static bool is_mixed(const struct trib__results *results, const struct trib__sweep *sweep,
                     struct trib__finding_draft *draft)
{
        double unit = 0;

        start(draft, "mixed-units", results, sweep);
        for (size_t i = 1; i < sweep->point_count; i++) {
                const struct trib__point *a = &sweep->points[i - 1], *b = &sweep->points[i];

                if (unit_between(a, b) <= 0 || !trib__finding_item(draft))
                        continue;
                unit = unit_between(a, b);
                trib__text_add(&draft->text, "%s ops/s at %s and %s at %u",
                               trib__grouped(a->ops_per_s).text,
                               trib__threads_text(a->threads).text,
                               trib__grouped(b->ops_per_s).text, b->threads);
        }
        if (draft->items == 0)
                return false;
        trib__finding_end_list(draft);
        trib__text_add(&draft->text,
                       ": a factor of about %s between neighbours is a change of unit (ops/s "
                       "against ops/%s, or a thousands separator that was lost); give every "
                       "throughput in ops/s",
                       trib__grouped(unit).text, unit < 1e4 ? "ms" : "us");
        return true;
}

trib_status trib__audit_refute(struct trib__results *results, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < results->sweep_count && status == TRIB_OK; i++) {
                struct trib__sweep        *sweep = results->sweeps[i];
                struct trib__finding_draft draft;

                sweep->refuted[0] = '\0';
                if (!is_implausible(results, sweep, &draft) && !is_swapped(results, sweep, &draft)
                    && !is_mixed(results, sweep, &draft))
                        continue;
                take_back(sweep, draft.finding.code);
                status = trib__finding_end(&draft, results, err);
        }
        return status;
}
