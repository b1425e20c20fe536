/* SPDX-License-Identifier: Apache-2.0 */
/* audit_point.c: numbers of one point that contradict each other: its latencies among themselves
 * and its throughput, its interval, its counts of requests. Takes no lock. */
#include <math.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"

/* In a closed loop threads = throughput * latency. Requests over the edges of a window and what a
 * thread does between requests leave it off by some percent; a factor of two is another thing. */
#define LOOP_OFF 2.0

/* Off by about this factor, a unit is wrong. */
#define UNIT_LEAST 400.0
#define UNIT_MOST 2500.0

/* Numbers that were written with few digits. */
#define ROUNDING 1.005

typedef bool (*point_check)(const struct trib__sweep *sweep, const struct trib__point *point,
                            struct trib__text *text);

/* One kind of contradiction: `check` says whether a point has it and, given a text, what. */
struct contradiction {
        const char *code;
        point_check check;
        const char *what_to_do;
};

static bool has_disorder(const struct trib__sweep *sweep, const struct trib__point *point,
                         struct trib__text *text)
{
        static const char *const names[] = { "p50", "p90", "p99", "p99.9", "max" };
        const struct trib__latency_us *us = &point->latency_us;
        const double values[] = { us->p50, us->p90, us->p99, us->p999, us->max };
        const char  *lower_name = "p50", *name = NULL;
        double       lower = 0, value = 0;

        (void)sweep;
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]) && name == NULL; i++) {
                if (values[i] <= 0)
                        continue;
                if (values[i] * ROUNDING < lower) {
                        name = names[i];
                        value = values[i];
                        break;
                }
                lower = values[i];
                lower_name = names[i];
        }
        if (name == NULL && us->max > 0 && us->mean > us->max * ROUNDING) {
                lower_name = "mean";
                lower = us->mean;
                name = "max";
                value = us->max;
        }
        if (name != NULL && text != NULL)
                trib__text_add(text, "%s %s above %s %s at %s", lower_name,
                               trib__duration_us(lower).text, name, trib__duration_us(value).text,
                               trib__threads_text(point->threads).text);
        return name != NULL;
}

/* Only a mean obeys the law; without one the median stands for it where it is far off. The law is
 * one of closed loops: where arrivals do not wait for answers, what is in flight is no count of
 * threads. */
static bool breaks_the_loop(const struct trib__sweep *sweep, const struct trib__point *point,
                            struct trib__text *text)
{
        bool   has_mean = point->latency_us.mean > 0;
        double latency = has_mean ? point->latency_us.mean : point->latency_us.p50;
        double in_flight = point->ops_per_s * latency / 1e6;
        double off = in_flight / point->threads, allowed = has_mean ? LOOP_OFF : 10 * LOOP_OFF;

        if (!trib__sweep_is_closed_loop(sweep))
                return false;
        if (latency <= 0 || (off <= allowed && off >= 1 / allowed))
                return false;
        if (text == NULL)
                return true;
        trib__text_add(text, "%s ops/s at a %s of %s keep %.3g requests in flight, not %u",
                       trib__grouped(point->ops_per_s).text, has_mean ? "mean" : "median",
                       trib__duration_us(latency).text, in_flight, point->threads);
        off = off < 1 ? 1 / off : off;
        if (off >= UNIT_LEAST && off <= UNIT_MOST)
                trib__text_add(text, " (about 1000 times off: is the latency in %s?)",
                               in_flight < point->threads ? "ms" : "ns");
        return true;
}

static bool misses_its_interval(const struct trib__sweep *sweep, const struct trib__point *point,
                                struct trib__text *text)
{
        (void)sweep;
        if (point->ops_per_s_ci95[1] <= 0 || trib__point_has_ci(point))
                return false;
        if (text != NULL)
                trib__text_add(text, "%s ops/s outside of %s to %s at %s",
                               trib__grouped(point->ops_per_s).text,
                               trib__grouped(point->ops_per_s_ci95[0]).text,
                               trib__grouped(point->ops_per_s_ci95[1]).text,
                               trib__threads_text(point->threads).text);
        return true;
}

/* 0 requests also means "not counted", so it is said only where other points were counted. */
static bool miscounts(const struct trib__sweep *sweep, const struct trib__point *point,
                      struct trib__text *text)
{
        bool are_others_counted = false;

        for (size_t i = 0; i < sweep->point_count; i++)
                are_others_counted = are_others_counted || sweep->points[i].requests > 0;
        if (point->requests > 0 ? point->errors <= point->requests
                                : point->errors == 0 && !are_others_counted)
                return false;
        if (text == NULL)
                return true;
        trib__text_add(text, "%s requests", trib__grouped((double)point->requests).text);
        if (point->errors > 0)
                trib__text_add(text, " and %s errors",
                               trib__grouped((double)point->errors).text);
        trib__text_add(text, " for %s ops/s at %s", trib__grouped(point->ops_per_s).text,
                       trib__threads_text(point->threads).text);
        return true;
}

static const struct contradiction contradictions[] = {
        { "latency-order", has_disorder,
          "; a higher percentile cannot be below a lower one: look for exchanged columns or "
          "units" },
        { "latency-mismatch", breaks_the_loop,
          "; in a closed loop threads = throughput * latency, so one of the two is wrong, or the "
          "load was not a closed loop" },
        { "interval-mismatch", misses_its_interval,
          "; an interval holds the value that it is of, so these are not used: look for exchanged "
          "columns, or an interval of something else" },
        { "request-count", miscounts,
          "; throughput needs requests that ended well: count them again" },
};

static trib_status audit_one(struct trib__results *results, const struct trib__sweep *head,
                             const struct contradiction *kind, trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__sweep  *sweep;
        char                       prefix[256];

        trib__finding_start(&draft, kind->code, TRIB__SEVERITY_ERROR);
        draft.is_grouped = true;
        trib__finding_about(&draft, results, head);
        for (size_t at = 0; (sweep = trib__group_next(results, head, &at)) != NULL;) {
                for (size_t i = 0; i < sweep->point_count; i++) {
                        if (!kind->check(sweep, &sweep->points[i], NULL)
                            || !trib__finding_item(&draft))
                                continue;
                        trib__text_add(&draft.text, "%s",
                                       trib__group_prefix(head, sweep, prefix, sizeof(prefix)));
                        (void)kind->check(sweep, &sweep->points[i], &draft.text);
                }
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, "%s", kind->what_to_do);
        return trib__finding_end(&draft, results, err);
}

trib_status trib__audit_points(struct trib__results *results, const struct trib__sweep *head,
                               trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++)
                if (status == TRIB_OK)
                        status = audit_one(results, head, &contradictions[i], err);
        return status;
}
