/* SPDX-License-Identifier: Apache-2.0 */
/* load_sweep.c: a point under a stated load: what it concludes instead of a curve, and what is
 * wrong with it. Three things can hold an open loop back, and each is told apart from the others:
 * the threads (and so the library and the device), the load generator itself, and a machine that
 * wakes threads late. Pure; takes no lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"
#include "base/alloc.h"
#include "base/error.h"

/* The generator's own part of the threads' waking time, from which on it may be the limit. */
#define OWN_PART 0.1

/* Waking late makes up so much of the mean latency, or of p99, that it must be said. */
#define LATE_MEAN_PART 0.1
#define LATE_TAIL_PART 0.25

/* Answered by so much more than arrived: one of the two is wrong. */
#define RATE_OFF 1.05

/* A valid run of MLPerf Inference takes this long, and has at least so many queries where it
 * stops early. */
#define MLPERF_SECONDS 600.0
#define MLPERF_OFFLINE_SAMPLES 24576u

trib_status trib__sweep_set_load(struct trib__sweep *sweep, struct trib__load **out,
                                 trib_error *err)
{
        struct trib__load *load = trib__calloc("analysis.load", 1, sizeof(*load));

        if (load == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for a load");
        trib__free(sweep->load);
        sweep->kind = TRIB__SWEEP_LOAD;
        *out = sweep->load = load;
        return TRIB_OK;
}

bool trib__sweep_is_closed_loop(const struct trib__sweep *sweep)
{
        return sweep->load == NULL
               || (strcmp(sweep->load->arrivals, "closed") == 0
                   && sweep->load->samples_per_query <= 1);
}

const char *trib__sweep_kind_name(trib__sweep_kind kind)
{
        static const char *const names[] = { "threads", "sizes", "load" };

        return names[kind];
}

static void set_metric(struct trib__load *load, const char *name, double value)
{
        (void)snprintf(load->metric, sizeof(load->metric), "%s", name);
        load->metric_value = value;
}

static void conclude_scenario(struct trib__load *load, const struct trib__point *point)
{
        load->metric[0] = '\0';
        load->metric_value = 0;
        if (strcmp(load->scenario, "single-stream") == 0)
                set_metric(load, "p90_us", point->latency_us.p90);
        else if (strcmp(load->scenario, "multi-stream") == 0)
                set_metric(load, "p99_us", point->latency_us.p99);
        else if (strcmp(load->scenario, "server") == 0)
                set_metric(load, "rate", load->slo.kept_rate);
        else if (strcmp(load->scenario, "offline") == 0)
                set_metric(load, "ops_per_s", point->ops_per_s);
}

void trib__conclude_load(const struct trib__results *results, struct trib__sweep *sweep)
{
        memset(sweep->saturation_ci95, 0, sizeof(sweep->saturation_ci95));
        memset(sweep->predictions, 0, sizeof(sweep->predictions));
        memset(&sweep->bottleneck, 0, sizeof(sweep->bottleneck));
        sweep->saturation_threads = 0;
        sweep->resource_count = sweep->what_if_count = 0;
        sweep->refuted[0] = '\0';
        (void)snprintf(sweep->fit.reason, sizeof(sweep->fit.reason),
                       "a load of its own is no curve of threads");
        (void)snprintf(sweep->bottleneck.primary, sizeof(sweep->bottleneck.primary), "unknown");
        (void)snprintf(sweep->bottleneck.evidence, sizeof(sweep->bottleneck.evidence),
                       "throughput follows the arrivals; 'scale' tells what stops it from rising");
        trib__conclude_limit(results, sweep);
        for (size_t i = 0; i < sweep->point_count; i++)
                sweep->points[i].speedup = sweep->points[i].efficiency = 0;
        if (sweep->load != NULL && sweep->point_count > 0)
                conclude_scenario(sweep->load, &sweep->points[0]);
}

static void start(struct trib__finding_draft *draft, const char *code, trib__severity severity,
                  const struct trib__results *results, const struct trib__sweep *sweep)
{
        trib__finding_start(draft, code, severity);
        trib__finding_about(draft, results, sweep);
}

/* More came than was answered. Where a service level is searched for, what broke it says so. */
static trib_status audit_overload(struct trib__results *results, const struct trib__sweep *sweep,
                                  trib_error *err)
{
        const struct trib__load   *load = sweep->load;
        const struct trib__point  *point = &sweep->points[0];
        struct trib__finding_draft draft;

        if (!(load->rate > 0) || load->slo.is_present
            || (!load->is_backlogged && load->unfinished == 0))
                return TRIB_OK;
        start(&draft, "overload", TRIB__SEVERITY_WARNING, results, sweep);
        trib__text_add(&draft.text, "%s arrivals of %s/s were more than %s could take: %s/s were "
                                    "answered, up to %s requests were due and not begun",
                       load->arrivals, trib__grouped(load->rate).text,
                       trib__threads_text(point->threads).text,
                       trib__grouped(point->ops_per_s).text,
                       trib__grouped((double)load->backlog_max).text);
        if (load->unfinished > 0)
                trib__text_add(&draft.text, ", %s never began (they count with their age)",
                               trib__grouped((double)load->unfinished).text);
        trib__text_add(&draft.text, "; the backlog grows as long as the run lasts, and latencies "
                                    "with it. ");
        if (load->own_part > OWN_PART)
                trib__text_add(&draft.text, "See generator-limit");
        else if (load->closed_ops_per_s > 0)
                trib__text_add(&draft.text,
                               "The threads were in requests %.0f %% of their waking time, and do "
                               "%s/s in a closed loop: they were the limit, not the load "
                               "generator; lower the rate, or use more threads",
                               100 * (1 - load->own_part),
                               trib__grouped(load->closed_ops_per_s).text);
        return trib__finding_end(&draft, results, err);
}

static trib_status audit_own_part(struct trib__results *results, const struct trib__sweep *sweep,
                                  trib_error *err)
{
        const struct trib__load   *load = sweep->load;
        struct trib__finding_draft draft;

        if (load->own_part <= OWN_PART || (!load->is_backlogged && load->unfinished == 0))
                return TRIB_OK;
        start(&draft, "generator-limit", TRIB__SEVERITY_WARNING, results, sweep);
        trib__text_add(&draft.text, "the load generator was the limit, or a part of it: it took "
                                    "%.0f %% of the time in which its threads were awake; such "
                                    "short requests cannot be offered faster from these threads",
                       100 * load->own_part);
        return trib__finding_end(&draft, results, err);
}

static trib_status audit_late(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        const struct trib__load       *load = sweep->load;
        const struct trib__latency_us *us = &sweep->points[0].latency_us;
        struct trib__finding_draft     draft;

        if (!(load->late_us.mean > LATE_MEAN_PART * us->mean)
            && !(load->late_us.p99 > LATE_TAIL_PART * us->p99))
                return TRIB_OK;
        if (!(us->mean > 0) || !(us->p99 > 0) || load->is_backlogged)
                return TRIB_OK;
        start(&draft, "late-generator", TRIB__SEVERITY_WARNING, results, sweep);
        trib__text_add(&draft.text,
                       "threads that slept until a request was due woke up late, by %s on average "
                       "and %s at p99, against a latency of %s and %s: that much of it is the "
                       "machine waking them (no free core, slow timers), not the requests",
                       trib__duration_us(load->late_us.mean).text,
                       trib__duration_us(load->late_us.p99).text,
                       trib__duration_us(us->mean).text, trib__duration_us(us->p99).text);
        return trib__finding_end(&draft, results, err);
}

/* Answers cannot come faster than requests. */
static trib_status audit_rate(struct trib__results *results, const struct trib__sweep *sweep,
                              trib_error *err)
{
        const struct trib__load   *load = sweep->load;
        const struct trib__point  *point = &sweep->points[0];
        struct trib__finding_draft draft;
        double noise = point->requests > 0 ? 4 / sqrt((double)point->requests) : 1;

        if (!(load->rate > 0) || point->ops_per_s <= load->rate * (RATE_OFF + noise))
                return TRIB_OK;
        start(&draft, "rate-mismatch", TRIB__SEVERITY_ERROR, results, sweep);
        trib__text_add(&draft.text, "%s requests/s were answered and %s/s arrived; answers cannot "
                                    "come faster than requests, so one of the two is wrong",
                       trib__grouped(point->ops_per_s).text, trib__grouped(load->rate).text);
        return trib__finding_end(&draft, results, err);
}

static void add_bounds(struct trib__text *text, const struct trib__service_level *slo)
{
        for (size_t i = 0; i < slo->bound_count; i++)
                trib__text_add(text, "%sp%.6g of %s", i > 0 ? " and " : "",
                               100 * slo->bounds[i].quantile,
                               trib__duration_us(slo->bounds[i].us).text);
}

static const struct trib__rate_trial *lowest_trial(const struct trib__service_level *slo)
{
        const struct trib__rate_trial *lowest = NULL;

        for (size_t i = 0; i < slo->trial_count; i++)
                if (lowest == NULL || slo->trials[i].rate <= lowest->rate)
                        lowest = &slo->trials[i];
        return lowest;
}

static trib_status audit_slo(struct trib__results *results, const struct trib__sweep *sweep,
                             trib_error *err)
{
        const struct trib__service_level *slo = &sweep->load->slo;
        const struct trib__rate_trial    *lowest = lowest_trial(slo);
        struct trib__finding_draft        draft;

        if (!slo->is_present || strcmp(slo->end, "found") == 0)
                return TRIB_OK;
        start(&draft,
              strcmp(slo->end, "none") == 0      ? "slo-not-kept"
              : strcmp(slo->end, "ceiling") == 0 ? "slo-ceiling"
                                                 : "slo-no-time",
              strcmp(slo->end, "ceiling") == 0 ? TRIB__SEVERITY_INFO : TRIB__SEVERITY_WARNING,
              results, sweep);
        if (strcmp(slo->end, "none") == 0) {
                trib__text_add(&draft.text, "no rate was shown to keep ");
                add_bounds(&draft.text, slo);
                if (lowest != NULL)
                        trib__text_add(&draft.text, ": at the lowest tried, %s/s, it is %s",
                                       trib__grouped(lowest->rate).text,
                                       trib__duration_us(lowest->measured_us).text);
        } else if (strcmp(slo->end, "ceiling") == 0) {
                add_bounds(&draft.text, slo);
                trib__text_add(&draft.text, " is still kept at the highest rate tried, %s/s, which "
                                            "is what %s in a closed loop: the threads (or the load "
                                            "generator) limit the rate, not the service level; try "
                                            "more threads",
                               trib__grouped(slo->kept_rate).text,
                               sweep->points[0].threads == 1 ? "1 thread does"
                                                             : "these threads do");
        } else {
                trib__text_add(&draft.text, "the search for the highest rate that keeps ");
                add_bounds(&draft.text, slo);
                trib__text_add(&draft.text, " was not done when its %.3g s were over: a verdict "
                                            "needs %llu requests or more; it would take about "
                                            "%.0f s (--seconds)",
                               slo->seconds, (unsigned long long)slo->requests_needed,
                               ceil(slo->seconds_needed));
        }
        return trib__finding_end(&draft, results, err);
}

/* What was kept at one time must not be broken at another, at the same rate or a lower one. */
static trib_status audit_trials(struct trib__results *results, const struct trib__sweep *sweep,
                                trib_error *err)
{
        const struct trib__service_level *slo = &sweep->load->slo;
        const struct trib__rate_trial    *kept = NULL;
        struct trib__finding_draft        draft;

        start(&draft, "restless-trials", TRIB__SEVERITY_WARNING, results, sweep);
        for (size_t i = 0; i < slo->trial_count; i++) {
                const struct trib__rate_trial *trial = &slo->trials[i];

                if (strcmp(trial->verdict, "kept") == 0
                    && (kept == NULL || trial->rate > kept->rate))
                        kept = trial;
                if (strcmp(trial->verdict, "broken") == 0 && kept != NULL
                    && trial->rate <= kept->rate && trib__finding_item(&draft))
                        trib__text_add(&draft.text, "%s/s was kept and later %s/s was not",
                                       trib__grouped(kept->rate).text,
                                       trib__grouped(trial->rate).text);
        }
        if (draft.items == 0)
                return TRIB_OK;
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, ": other work on the machine, or a changing clock; search on a "
                                    "quiet machine, or for longer (--seconds)");
        return trib__finding_end(&draft, results, err);
}

/* A scenario's name is MLPerf's; its length mostly is not. */
static trib_status audit_length(struct trib__results *results, const struct trib__sweep *sweep,
                                trib_error *err)
{
        const struct trib__load   *load = sweep->load;
        struct trib__finding_draft draft;
        bool                       is_offline = strcmp(load->scenario, "offline") == 0;

        if (load->scenario[0] == '\0'
            || (load->measured_seconds >= MLPERF_SECONDS
                && (!is_offline || load->intended >= MLPERF_OFFLINE_SAMPLES)))
                return TRIB_OK;
        start(&draft, "short-run", TRIB__SEVERITY_INFO, results, sweep);
        trib__text_add(&draft.text, "shorter than a valid MLPerf run: %.3g s, where MLPerf "
                                    "Inference asks for %.0f",
                       load->measured_seconds, MLPERF_SECONDS);
        if (is_offline)
                trib__text_add(&draft.text, " and %s samples",
                               trib__grouped(MLPERF_OFFLINE_SAMPLES).text);
        if (load->slo.mlperf_requests > 0)
                trib__text_add(&draft.text, ", and before early stopping for %s requests",
                               trib__grouped(load->slo.mlperf_requests).text);
        trib__text_add(&draft.text, "; --seconds makes it longer. The workload is not one of "
                                    "MLPerf's either: the scenario is, the result is not an "
                                    "MLPerf result");
        return trib__finding_end(&draft, results, err);
}

trib_status trib__audit_load(struct trib__results *results, const struct trib__sweep *sweep,
                             trib_error *err)
{
        static trib_status (*const checks[])(struct trib__results *, const struct trib__sweep *,
                                             trib_error *) = { audit_overload, audit_own_part,
                                                               audit_late,     audit_rate,
                                                               audit_slo,      audit_trials,
                                                               audit_length };
        trib_status status = TRIB_OK;

        if (sweep->load == NULL || sweep->point_count == 0)
                return TRIB_OK;
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && status == TRIB_OK; i++)
                status = checks[i](results, sweep, err);
        return status;
}
