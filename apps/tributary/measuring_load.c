/* SPDX-License-Identifier: Apache-2.0 */
/* measuring_load.c: runs a stated load and turns it into a load sweep. In all modes but
 * single-stream a short closed loop comes first: it warms everything up, and says what the threads
 * can do. */
#include "measuring_load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "interrupt.h"
#include "loadgen/queries.h"

#define CLOSED_NS UINT64_C(200000000)
#define SETTLE_PART 0.25
#define SETTLE_NS_MIN 20e6
#define SETTLE_NS_MAX 1e9
#define DRAIN_NS UINT64_C(1000000000)
#define SEARCH_SECONDS_MIN 20.0
#define SEARCH_SECONDS_MAX 60.0
#define QUERY_SAMPLES 8u /* of MLPerf's multi-stream */

struct load_run {
        struct trib_measuring           *measuring;
        const struct trib__load_spec    *spec;
        const struct trib_load_settings *settings;
        unsigned                         threads;
        struct trib__load_workload      *workload;
        const struct trib__target       *target;
        struct trib__load_point         *closed;  /* the closed loop before */
        double                           closed_ops_per_s;
        struct trib__open_result        *result, *scratch;
        struct trib__sweep              *sweep;   /* NULL: nothing was measured */
};

static void draw(struct load_run *run, double left, const char *text)
{
        struct trib_measuring *measuring = run->measuring;

        trib_progress_draw(&measuring->progress, (double)(trib__now() - measuring->began) * 1e-9,
                           left, text);
}

static void show_closed(void *context, const struct trib__load_progress *progress)
{
        struct load_run *run = context;
        char             name[96], text[200];

        (void)snprintf(text, sizeof(text), "%s, %s in a closed loop",
                       trib__load_spec_text(run->spec, name, sizeof(name)),
                       trib__threads_text(run->threads).text);
        draw(run, progress->left_seconds, text);
}

static void show_open(void *context, unsigned round, double left)
{
        struct load_run *run = context;
        char             text[200];

        (void)snprintf(text, sizeof(text), "%s arrivals, window %u",
                       trib__arrivals_name(run->settings->arrivals), round);
        draw(run, left, text);
}

static void show_search(void *context, double rate, double left)
{
        char text[200];

        (void)snprintf(text, sizeof(text), "trying %s requests/s", trib__grouped(rate).text);
        draw(context, left, text);
}

static trib_status begin(struct load_run *run, trib_error *err)
{
        struct trib__load_options options =
                trib_measuring_load_options(run->measuring, run->threads, TRIB__NEVER);
        trib_status status;

        run->closed = trib__calloc("app.closed", 1, sizeof(*run->closed));
        run->result = trib__calloc("app.load", 1, sizeof(*run->result));
        run->scratch = trib__calloc("app.load", 1, sizeof(*run->scratch));
        if (run->closed == NULL || run->result == NULL || run->scratch == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the counts of a load");
        status = trib__load_workload_open(run->measuring->device, run->measuring->crew, run->spec,
                                          &options, &run->workload, err);
        if (status == TRIB_TIMED_OUT)
                return trib__fail(err, TRIB_DEVICE_ERROR,
                                  "the first requests did not end in time: the device hangs");
        if (status == TRIB_OK)
                run->target = trib__load_workload_target(run->workload);
        return status;
}

static void end(struct load_run *run)
{
        trib__load_workload_close(run->workload);
        trib__free(run->closed);
        trib__free(run->result);
        trib__free(run->scratch);
}

static trib_status run_closed(struct load_run *run, unsigned rounds, uint64_t window_ns,
                              trib_error *err)
{
        struct trib__load_facts facts;
        struct trib__load_plan  plan = {
                 .points = run->closed,
                 .point_count = 1,
                 .rounds = rounds,
                 .window_ns = window_ns,
                 .warm_up_ns = trib_measuring_warm_up_ns(run->measuring->options),
                 .deadline = TRIB__NEVER,
                 .seed = run->measuring->options->seed,
                 .stop = trib_interrupt_flag(),
                 .progress = show_closed,
                 .progress_context = run,
        };
        trib_status status;

        trib__load_workload_facts(run->workload, &facts);
        run->closed->target = run->target;
        run->closed->threads = run->threads;
        run->closed->expected_ns = facts.request_ns;
        status = trib__load_run(run->measuring->crew, &plan, err);
        if (run->closed->round_count > 0)
                run->closed_ops_per_s = run->closed->rounds[0];
        return status;
}

static void note_checks(struct load_run *run, uint64_t checks, uint64_t mismatches,
                        const trib_error *first_error)
{
        struct trib_measuring *measuring = run->measuring;

        if (first_error->status != TRIB_OK && measuring->first_error.status == TRIB_OK)
                measuring->first_error = *first_error;
        measuring->mismatches += mismatches;
        if (mismatches > 0)
                trib_measure_note(measuring, "result-mismatch", TRIB__SEVERITY_ERROR,
                                  "%llu of %llu checked results differ from those of the same "
                                  "requests run one after the other: the answers cannot be "
                                  "trusted",
                                  (unsigned long long)mismatches, (unsigned long long)checks);
        if (run->target->check == NULL)
                trib_measure_note(measuring, "nothing-computed", TRIB__SEVERITY_INFO,
                                  "the device takes the time of computing and computes nothing, "
                                  "so results were not checked");
}

static const char *scenario_of(const struct load_run *run)
{
        static const char *const names[] = { "", "single-stream", "multi-stream", "server",
                                             "offline" };

        return names[run->settings->scenario];
}

/* A sweep of this workload, and its load. */
static trib_status add_sweep(struct load_run *run, const char *arrivals, struct trib__load **load,
                             trib_error *err)
{
        struct trib__load_facts facts;
        trib_status status = trib__results_add_sweep(run->measuring->results, &run->sweep, err);

        if (status != TRIB_OK)
                return status;
        trib__load_workload_facts(run->workload, &facts);
        trib_measure_describe(run->spec, &facts, &run->sweep->workload);
        (void)snprintf(run->sweep->policy, sizeof(run->sweep->policy), "direct");
        status = trib__sweep_set_load(run->sweep, load, err);
        if (status != TRIB_OK)
                return status;
        (void)snprintf((*load)->arrivals, sizeof((*load)->arrivals), "%s", arrivals);
        (void)snprintf((*load)->scenario, sizeof((*load)->scenario), "%s", scenario_of(run));
        return TRIB_OK;
}

static void fill_latency(const struct trib__histogram *latency, struct trib__latency_us *us)
{
        if (latency->count > 0)
                us->mean = (double)latency->sum / (double)latency->count * 1e-3;
        us->p50 = (double)trib__histogram_quantile(latency, 0.5) * 1e-3;
        us->p90 = (double)trib__histogram_quantile(latency, 0.9) * 1e-3;
        us->p99 = (double)trib__histogram_quantile(latency, 0.99) * 1e-3;
        us->p999 = (double)trib__histogram_quantile(latency, 0.999) * 1e-3;
        us->max = (double)latency->max * 1e-3;
}

static trib_status add_point(struct load_run *run, const double *rounds, size_t round_count,
                             struct trib__point **out, trib_error *err)
{
        trib_status status = trib__sweep_add_point(run->sweep, run->threads, out, err);

        for (size_t i = 0; i < round_count && status == TRIB_OK; i++)
                status = trib__point_add_round(*out, rounds[i], err);
        return status;
}

/* Delays of some of `count` requests; those of the others are 0. */
static struct trib__delays_us delays_of(const struct trib__histogram *some, uint64_t count)
{
        struct trib__delays_us us = { 0, 0, 0, (double)some->max * 1e-3 };
        const double           quantiles[] = { 0.5, 0.99 };
        double                *out[] = { &us.p50, &us.p99 };

        if (count == 0 || some->count == 0)
                return us;
        us.mean = (double)some->sum / (double)count * 1e-3;
        for (int i = 0; i < 2; i++) {
                double among = 1 - (1 - quantiles[i]) * (double)count / (double)some->count;

                if (among > 0)
                        *out[i] = (double)trib__histogram_quantile(some, among) * 1e-3;
        }
        return us;
}

/* The load and the point that an open loop's result makes. */
static trib_status add_open(struct load_run *run, const struct trib__open_result *result,
                            struct trib__load *load, trib_error *err)
{
        uint64_t            begun = result->late.count + result->waited.count;
        struct trib__point *point;
        trib_status         status;

        note_checks(run, result->checks, result->mismatches, &result->first_error);
        load->intended = result->intended;
        load->unfinished = result->unfinished;
        load->backlog_max = result->backlog_max;
        load->is_backlogged = result->is_backlogged || result->is_hopeless;
        load->late_us = delays_of(&result->late, begun);
        load->waited_us = delays_of(&result->waited, begun);
        load->own_part = trib__open_own_part(result);
        load->closed_ops_per_s = run->closed_ops_per_s;
        status = add_point(run, result->rounds, result->round_count, &point, err);
        if (status != TRIB_OK)
                return status;
        fill_latency(&result->latency, &point->latency_us);
        point->requests = result->answered;
        point->errors = result->errors;
        return TRIB_OK;
}

static struct trib__open_plan open_plan_of(struct load_run *run)
{
        return (struct trib__open_plan){
                .target = run->target,
                .threads = run->threads,
                .arrivals = { run->settings->arrivals, run->settings->rate,
                              run->measuring->options->seed },
                .rounds = run->measuring->options->rounds,
                .drain_ns = DRAIN_NS,
                .deadline = TRIB__NEVER,
                .stop = trib_interrupt_flag(),
                .progress = show_open,
                .progress_context = run,
        };
}

static trib_status measure_rate(struct load_run *run, trib_error *err)
{
        const struct trib_measure_options *options = run->measuring->options;
        struct trib__run_facts *facts = &run->measuring->results->run;
        struct trib__open_plan  plan = open_plan_of(run);
        struct trib__load      *load;
        double      window = options->seconds / options->rounds * 1e9;
        double      most = 0.7 * (double)TRIB__ARRIVALS_MAX / run->settings->rate * 1e9;
        trib_status ended, status;

        window = fmin(window, most);
        plan.window_ns = (uint64_t)window;
        plan.settle_ns = (uint64_t)fmin(fmax(SETTLE_PART * window, SETTLE_NS_MIN), SETTLE_NS_MAX);
        facts->rounds = options->rounds;
        facts->round_seconds = window * 1e-9;
        ended = trib__open_run(run->measuring->crew, &plan, run->result, err);
        if ((ended != TRIB_OK && ended != TRIB_CANCELLED) || run->result->round_count == 0) {
                note_checks(run, 0, 0, &run->result->first_error);
                return ended;
        }
        status = add_sweep(run, trib__arrivals_name(plan.arrivals.kind), &load, err);
        if (status != TRIB_OK)
                return status;
        load->rate = run->settings->rate;
        load->measured_seconds = (double)run->result->round_count * window * 1e-9;
        status = add_open(run, run->result, load, err);
        return status != TRIB_OK ? status : ended;
}

static trib_status measure_offline(struct load_run *run, trib_error *err)
{
        double                  samples = run->closed_ops_per_s * run->measuring->options->seconds;
        struct trib__open_plan  plan = open_plan_of(run);
        struct trib__load      *load;
        trib_status             ended, status;

        plan.arrivals.kind = TRIB__ARRIVALS_AT_ONCE;
        plan.at_once = (size_t)fmin(fmax(samples, 4.0 * run->threads), (double)TRIB__ARRIVALS_MAX);
        plan.rounds = 1;
        plan.window_ns = 1;
        run->measuring->results->run.rounds = 1;
        ended = trib__open_run(run->measuring->crew, &plan, run->result, err);
        if (ended != TRIB_OK || run->result->round_count == 0) {
                note_checks(run, 0, 0, &run->result->first_error);
                return ended;
        }
        status = add_sweep(run, trib__arrivals_name(plan.arrivals.kind), &load, err);
        if (status != TRIB_OK)
                return status;
        load->queries = 1;
        load->measured_seconds = (double)run->result->answered / run->result->rounds[0];
        return add_open(run, run->result, load, err);
}

static void fill_trials(const struct trib__slo *slo, const struct trib__slo_outcome *outcome,
                        struct trib__service_level *out)
{
        static const char *const verdicts[] = { "undecided", "kept", "broken" };

        for (size_t i = 0; i < outcome->trial_count && i < TRIB__TRIALS_MAX; i++) {
                const struct trib__slo_trial *from = &outcome->trials[i];
                struct trib__rate_trial      *to = &out->trials[out->trial_count++];
                size_t                        worst = 0;
                double                        most = -1;

                for (size_t k = 0; k < slo->count; k++) {
                        double part = (double)from->over[k] / (1 - slo->bounds[k].quantile);

                        if (part > most) {
                                most = part;
                                worst = k;
                        }
                }
                to->rate = from->rate;
                to->requests = from->requests;
                to->over = from->requests > 0
                                   ? (double)from->over[worst] / (double)from->requests
                                   : 0;
                to->measured_us = from->quantile_ns[worst] * 1e-3;
                (void)snprintf(to->verdict, sizeof(to->verdict), "%s", verdicts[from->verdict]);
        }
}

static void fill_bounds(const struct trib__slo *slo, const struct trib__slo_outcome *outcome,
                        struct trib__service_level *out)
{
        const struct trib__histogram *latency = &outcome->best->latency;

        for (size_t i = 0; i < slo->count; i++) {
                struct trib__bound *bound = &out->bounds[out->bound_count++];
                uint64_t            ranks[2];

                bound->quantile = slo->bounds[i].quantile;
                bound->us = (double)slo->bounds[i].ns * 1e-3;
                if (!(outcome->kept.rate > 0) || latency->count == 0)
                        continue;
                bound->measured_us = outcome->kept.quantile_ns[i] * 1e-3;
                trib__slo_ranks(latency->count, bound->quantile, ranks);
                for (int end = 0; end < 2; end++)
                        if (ranks[end] <= latency->count)
                                bound->ci95_us[end] =
                                        (double)trib__histogram_quantile(
                                                latency,
                                                (double)ranks[end] / (double)latency->count)
                                        * 1e-3;
        }
}

static void fill_slo(const struct load_run *run, const struct trib__slo_outcome *outcome,
                     double seconds, struct trib__service_level *out)
{
        static const char *const ends[] = { "found", "ceiling", "none", "no-time" };
        const struct trib__slo  *slo = &run->settings->slo;

        out->is_present = true;
        (void)snprintf(out->end, sizeof(out->end), "%s", ends[outcome->end]);
        out->kept_rate = outcome->kept.rate;
        out->failed_rate = outcome->failed.rate;
        out->confidence = TRIB__SLO_CONFIDENCE;
        out->seconds = seconds;
        out->requests_needed = trib__slo_requests(slo);
        if (outcome->end == TRIB__SLO_NO_TIME)
                out->seconds_needed = fmax(trib__slo_seconds_needed(slo, run->closed_ops_per_s),
                                           1.5 * seconds);
        for (size_t i = 0; i < slo->count; i++)
                out->mlperf_requests = fmax(out->mlperf_requests,
                                            trib__slo_mlperf_requests(slo->bounds[i].quantile));
        fill_bounds(slo, outcome, out);
        fill_trials(slo, outcome, out);
}

/* As long as it was told to, or as it needs within bounds. */
static double search_seconds(const struct load_run *run)
{
        double needed = trib__slo_seconds_needed(&run->settings->slo, run->closed_ops_per_s);

        if (run->settings->search_seconds > 0)
                return run->settings->search_seconds;
        return fmin(fmax(needed, SEARCH_SECONDS_MIN), SEARCH_SECONDS_MAX);
}

static trib_status measure_slo(struct load_run *run, trib_error *err)
{
        const struct trib__slo_plan plan = {
                .target = run->target,
                .threads = run->threads,
                .slo = &run->settings->slo,
                .arrivals = run->settings->arrivals,
                .seed = run->measuring->options->seed,
                .seconds = search_seconds(run),
                .ceiling = run->closed_ops_per_s,
                .stop = trib_interrupt_flag(),
                .progress = show_search,
                .progress_context = run,
        };
        struct trib__slo_outcome outcome = { .best = run->result, .scratch = run->scratch };
        uint64_t                 began = trib__now();
        struct trib__load       *load;
        trib_status              ended, status;

        ended = trib__slo_open(run->measuring->crew, &plan, &outcome, err);
        if (ended != TRIB_OK && ended != TRIB_CANCELLED) {
                note_checks(run, 0, 0, &run->scratch->first_error);
                return ended;
        }
        status = add_sweep(run, trib__arrivals_name(plan.arrivals), &load, err);
        if (status != TRIB_OK)
                return status;
        load->rate = outcome.kept.rate;
        for (size_t i = 0; i < outcome.trial_count && !(outcome.kept.rate > 0); i++)
                if (load->rate <= 0 || outcome.trials[i].rate < load->rate)
                        load->rate = outcome.trials[i].rate;
        load->measured_seconds = (double)(trib__now() - began) * 1e-9;
        fill_slo(run, &outcome, load->measured_seconds, &load->slo);
        if (run->result->round_count == 0)
                return trib__fail(err, ended != TRIB_OK ? ended : TRIB_INVALID_ARGUMENT,
                                  "no rate could be tried in %.3g s: a verdict needs %llu "
                                  "requests, and %s/s is all that the threads do; --seconds %.0f "
                                  "would do, or a lower percentile",
                                  plan.seconds,
                                  (unsigned long long)load->slo.requests_needed,
                                  trib__grouped(run->closed_ops_per_s).text,
                                  ceil(load->slo.seconds_needed));
        status = add_open(run, run->result, load, err);
        return status != TRIB_OK ? status : ended;
}

static trib_status measure_queries(struct load_run *run, trib_error *err)
{
        const struct trib_measure_options *options = run->measuring->options;
        struct trib__queries_plan plan = {
                .target = run->target,
                .threads = run->threads,
                .samples = QUERY_SAMPLES,
                .window_ns = (uint64_t)(options->seconds / options->rounds * 1e9),
                .stop = trib_interrupt_flag(),
        };
        struct trib__queries_result *seen = trib__calloc("app.queries", 1, sizeof(*seen));
        double                       rounds[TRIB__LOAD_ROUNDS_MAX];
        size_t                       count = 0;
        struct trib__load           *load = NULL;
        struct trib__point          *point;
        trib_status                  ended = TRIB_OK, status = TRIB_OK;

        if (seen == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the counts of a load");
        for (unsigned i = 0; i < options->rounds && ended == TRIB_OK; i++) {
                uint64_t samples = seen->samples, spent = seen->spent_ns;

                draw(run, options->seconds * (options->rounds - i) / options->rounds,
                     "queries of 8 samples");
                ended = trib__queries_run(run->measuring->crew, &plan, seen, err);
                if (ended == TRIB_OK && seen->samples > samples)
                        rounds[count++] = (double)(seen->samples - samples) * 1e9
                                          / (double)(seen->spent_ns - spent);
        }
        note_checks(run, seen->checks, seen->mismatches, &seen->first_error);
        run->measuring->results->run.rounds = options->rounds;
        run->measuring->results->run.round_seconds = options->seconds / options->rounds;
        if (count > 0)
                status = add_sweep(run, "closed", &load, err);
        if (count > 0 && status == TRIB_OK)
                status = add_point(run, rounds, count, &point, err);
        if (load != NULL && status == TRIB_OK) {
                load->samples_per_query = QUERY_SAMPLES;
                load->queries = seen->queries;
                load->closed_ops_per_s = run->closed_ops_per_s;
                load->measured_seconds = (double)seen->spent_ns * 1e-9;
                fill_latency(&seen->latency, &point->latency_us);
                point->requests = seen->samples;
                point->errors = seen->errors;
        }
        trib__free(seen);
        return status != TRIB_OK ? status : ended;
}

/* Single-stream is the closed loop itself. */
static trib_status measure_single(struct load_run *run, trib_error *err)
{
        const struct trib_measure_options *options = run->measuring->options;
        struct trib__run_facts *facts = &run->measuring->results->run;
        struct trib__load      *load;
        trib_status             ended, status;

        facts->rounds = options->rounds;
        facts->round_seconds = options->seconds / options->rounds;
        ended = run_closed(run, options->rounds, (uint64_t)(facts->round_seconds * 1e9), err);
        note_checks(run, run->closed->checks, run->closed->mismatches, &run->closed->first_error);
        if ((ended != TRIB_OK && ended != TRIB_CANCELLED) || run->closed->round_count == 0)
                return ended;
        status = add_sweep(run, "closed", &load, err);
        if (status != TRIB_OK)
                return status;
        load->samples_per_query = 1;
        load->queries = run->closed->latency.count;
        load->measured_seconds = (double)run->closed->round_count * facts->round_seconds;
        status = trib_measure_add_point(run->sweep, run->closed,
                                        trib_measuring_runs_on_cpu(run->measuring), err);
        return status != TRIB_OK ? status : ended;
}

static trib_status measure(struct load_run *run, trib_error *err)
{
        trib_status status;

        if (run->settings->scenario == TRIB_SCENARIO_SINGLE_STREAM)
                return measure_single(run, err);
        status = run_closed(run, 1, CLOSED_NS, err);
        if (status != TRIB_OK)
                return status;
        if (run->closed->errors > 0)
                note_checks(run, 0, 0, &run->closed->first_error);
        if (!(run->closed_ops_per_s > 0))
                return trib__fail(err, TRIB_DEVICE_ERROR, "no request ended well in a closed loop");
        if (run->settings->scenario == TRIB_SCENARIO_MULTI_STREAM)
                return measure_queries(run, err);
        if (run->settings->scenario == TRIB_SCENARIO_OFFLINE)
                return measure_offline(run, err);
        return run->settings->slo.count > 0 ? measure_slo(run, err) : measure_rate(run, err);
}

trib_status trib_measuring_load(struct trib_measuring *measuring,
                                const struct trib__load_spec *spec, unsigned threads,
                                const struct trib_load_settings *settings, trib_error *err)
{
        struct load_run run = {
                .measuring = measuring,
                .spec = spec,
                .settings = settings,
                .threads = threads,
        };
        trib_status status = begin(&run, err);

        if (status == TRIB_OK)
                status = measure(&run, err);
        end(&run);
        return status;
}
