/* SPDX-License-Identifier: Apache-2.0 */
/* adaptive.c: one window after the other, each where the planner wants it. A session for each
 * batch and precision is opened when the first setting of it is asked for. */
#include "adaptive.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "analysis/planner.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "interrupt.h"

/* What the first window at a setting takes beside, before it is known: warming up. */
#define SETUP_SECONDS 0.2
#define SETUP_ROUND 0.05

struct adaptive_run {
        struct trib_measuring       *measuring;
        const struct trib_adaptive  *adaptive;
        struct trib__plan_facts     *plan;      /* of the results */
        struct trib__setting         settings[TRIB__PLANNER_SETTINGS_MAX];
        size_t                       count;
        struct trib__load_workload **workloads; /* one a precision and batch; NULL: not yet */
        struct trib__load_point     *points;    /* one a setting, rounds are added to it    */
        struct trib__planner        *planner;
        double                       window_s;
        size_t                       at;        /* setting in work, for the display         */
        double                       budget_s;
};

static const char *precision_name(trib_precision precision)
{
        return precision == TRIB_PRECISION_MEDIUM ? "medium" : "high";
}

static bool has_medium(const struct trib_measuring *measuring)
{
        trib_device_info info;

        return trib_device_get_info(measuring->device, &info, NULL) == TRIB_OK && info.has_medium;
}

static trib_status fill_plan(struct adaptive_run *run, trib_error *err)
{
        const struct trib_adaptive        *adaptive = run->adaptive;
        const struct trib_measure_options *options = run->measuring->options;
        struct trib__plan_facts           *plan = run->plan;

        if (adaptive->thread_count > TRIB__PLAN_LIST_MAX
            || adaptive->batch_count > TRIB__PLAN_LIST_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "--plan adaptive: at most %u thread counts and %u batches",
                                  TRIB__PLAN_LIST_MAX, TRIB__PLAN_LIST_MAX);
        plan->thread_count = adaptive->thread_count;
        memcpy(plan->threads, adaptive->threads, adaptive->thread_count * sizeof(unsigned));
        plan->batch_count = adaptive->batch_count > 0 ? adaptive->batch_count : 1;
        plan->batches[0] = adaptive->spec.batch > 0 ? adaptive->spec.batch : 1;
        for (size_t i = 0; i < adaptive->batch_count; i++)
                plan->batches[i] = adaptive->batches[i];
        plan->precision_count = adaptive->is_both && has_medium(run->measuring) ? 2 : 1;
        (void)snprintf(plan->precisions[0], sizeof(plan->precisions[0]), "%s",
                       precision_name(options->precision));
        (void)snprintf(plan->precisions[1], sizeof(plan->precisions[1]), "medium");
        plan->windows = options->rounds;
        plan->window_s = run->window_s;
        plan->setup_s = SETUP_SECONDS;
        run->count = trib__plan_settings(plan, run->settings, TRIB__PLANNER_SETTINGS_MAX);
        if (run->count == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "--plan adaptive: %zu threads x %zu batches x %zu precisions "
                                  "are more than %u settings",
                                  plan->thread_count, plan->batch_count, plan->precision_count,
                                  TRIB__PLANNER_SETTINGS_MAX);
        plan->grid_s = (double)run->count
                       * (SETUP_SECONDS + options->rounds * (run->window_s + SETUP_ROUND / 10));
        run->budget_s = (adaptive->is_all ? 1 : adaptive->part) * plan->grid_s;
        return TRIB_OK;
}

static unsigned most_threads(const struct trib_adaptive *adaptive)
{
        unsigned most = 1;

        for (size_t i = 0; i < adaptive->thread_count; i++)
                most = adaptive->threads[i] > most ? adaptive->threads[i] : most;
        return most;
}

/* All batches and precisions may be open at the same time. */
static trib_status check_memory(const struct adaptive_run *run, trib_error *err)
{
        uint64_t               memory = run->measuring->results->machine.memory_bytes, total = 0;
        struct trib__load_spec spec = run->adaptive->spec;

        for (size_t i = 0; i < run->plan->batch_count; i++) {
                uint64_t    bytes;
                trib_status status;

                if (run->adaptive->batch_count > 0)
                        spec.batch = run->plan->batches[i];
                status = trib__load_spec_bytes(&spec, most_threads(run->adaptive), &bytes, err);
                if (status != TRIB_OK)
                        return status;
                if (__builtin_mul_overflow(bytes, (uint64_t)run->plan->precision_count, &bytes)
                    || __builtin_add_overflow(total, bytes, &total))
                        total = UINT64_MAX;
        }
        if (memory == 0 || total <= memory)
                return TRIB_OK;
        return trib__fail(err, TRIB_OUT_OF_MEMORY,
                          "--batches: %zu batches need %.1f GiB of memory, this machine has "
                          "%.1f GiB: ask for fewer or smaller ones",
                          run->plan->batch_count, (double)total / 1073741824.0,
                          (double)memory / 1073741824.0);
}

static trib_status create(struct adaptive_run *run, trib_error *err)
{
        trib_status status = fill_plan(run, err);

        if (status == TRIB_OK)
                status = check_memory(run, err);
        if (status != TRIB_OK)
                return status;
        run->workloads = trib__calloc("app.workloads",
                                      run->plan->batch_count * run->plan->precision_count,
                                      sizeof(*run->workloads));
        run->points = trib__calloc("app.points", run->count, sizeof(*run->points));
        if (run->workloads == NULL || run->points == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %zu settings",
                                  run->count);
        return trib__planner_create(&(struct trib__planner_options){
                                            .settings = run->settings,
                                            .count = run->count,
                                            .windows = run->measuring->options->rounds,
                                            .window_s = run->window_s,
                                            .setup_s = SETUP_SECONDS,
                                            .budget_s = run->budget_s,
                                            .slo_us = run->measuring->results->objective.us,
                                            .seed = run->measuring->options->seed,
                                    },
                                    &run->planner, err);
}

static size_t workload_index(const struct adaptive_run *run, size_t setting)
{
        return setting / run->plan->thread_count;
}

static trib_status open_workload(struct adaptive_run *run, size_t setting, trib_error *err)
{
        size_t                    index = workload_index(run, setting);
        struct trib__load_spec    spec = run->adaptive->spec;
        struct trib__load_options options;

        if (run->workloads[index] != NULL)
                return TRIB_OK;
        options = trib_measuring_load_options(run->measuring, most_threads(run->adaptive),
                                              run->adaptive->deadline);
        if (run->settings[setting].kind > 0)
                options.precision = TRIB_PRECISION_MEDIUM;
        if (run->adaptive->batch_count > 0)
                spec.batch = (int64_t)run->settings[setting].batch;
        return trib__load_workload_open(run->measuring->device, run->measuring->crew, &spec,
                                        &options, &run->workloads[index], err);
}

static void show_progress(void *context, const struct trib__load_progress *progress)
{
        struct adaptive_run   *run = context;
        struct trib_measuring *measuring = run->measuring;
        double left = run->budget_s - trib__planner_spent(run->planner);
        char   text[160];

        (void)progress;
        (void)snprintf(text, sizeof(text), "%s, batch %.0f, precision %s",
                       trib__threads_text(run->settings[run->at].threads).text,
                       run->settings[run->at].batch,
                       run->plan->precisions[run->settings[run->at].kind]);
        trib_progress_draw(&measuring->progress,
                           (double)(trib__now() - measuring->began) * 1e-9, left > 0 ? left : 0,
                           text);
}

/* One window at the setting; the first is after a warm-up. */
static trib_status measure(struct adaptive_run *run, size_t setting, trib_error *err)
{
        struct trib__load_point *point = &run->points[setting];
        struct trib__load_plan   plan = {
                  .points = point,
                  .point_count = 1,
                  .rounds = 1,
                  .window_ns = (uint64_t)(run->window_s * 1e9),
                  .warm_up_ns = point->round_count == 0 ? run->adaptive->warm_up_ns : 0,
                  .deadline = run->adaptive->deadline,
                  .seed = run->measuring->options->seed,
                  .stop = trib_interrupt_flag(),
                  .progress = show_progress,
                  .progress_context = run,
        };
        size_t      index = workload_index(run, setting), rounds = point->round_count;
        uint64_t    began;
        trib_status status = open_workload(run, setting, err);

        if (status != TRIB_OK)
                return status;
        run->at = setting;
        point->target = trib__load_workload_target(run->workloads[index]);
        point->threads = run->settings[setting].threads;
        began = trib__now();
        status = trib__load_run(run->measuring->crew, &plan, err);
        if (status == TRIB_OK) {
                struct trib__seen seen = { .setting = setting,
                                           .seconds = (double)(trib__now() - began) * 1e-9 };

                if (point->round_count > rounds) {
                        seen.ops_per_s = point->rounds[rounds];
                        seen.p99_us = trib_measure_quantile_us(
                                point, run->measuring->results->objective.quantile);
                }
                trib__planner_add(run->planner, &seen);
        }
        return status;
}

/* The sweep of one batch and precision. */
static trib_status add_sweep(struct adaptive_run *run, size_t index, trib_error *err)
{
        struct trib_measuring  *measuring = run->measuring;
        size_t                  first = index * run->plan->thread_count;
        struct trib__load_spec  spec = run->adaptive->spec;
        struct trib__sweep     *sweep = NULL;
        struct trib__load_facts facts;
        trib_status             status = TRIB_OK;

        for (size_t i = first; i < first + run->plan->thread_count && status == TRIB_OK; i++) {
                const struct trib__load_point *point = &run->points[i];

                measuring->mismatches += point->mismatches;
                if (point->errors > 0 && measuring->first_error.status == TRIB_OK)
                        measuring->first_error = point->first_error;
                if (point->round_count == 0)
                        continue;
                if (sweep == NULL)
                        status = trib__results_add_sweep(measuring->results, &sweep, err);
                if (status == TRIB_OK)
                        status = trib_measure_add_point(sweep, &run->points[i],
                                                        trib_measuring_runs_on_cpu(measuring),
                                                        err);
        }
        if (sweep == NULL)
                return status;
        if (run->adaptive->batch_count > 0)
                spec.batch = (int64_t)run->settings[first].batch;
        trib__load_workload_facts(run->workloads[index], &facts);
        trib_measure_describe(&spec, &facts, &sweep->workload);
        sweep->kind = TRIB__SWEEP_SIZES;
        if (sweep->workload.batch == 0)
                sweep->workload.batch = run->plan->batches[0];
        (void)snprintf(sweep->policy, sizeof(sweep->policy), "direct");
        (void)snprintf(sweep->precision, sizeof(sweep->precision), "%s",
                       run->plan->precisions[run->settings[first].kind]);
        return status;
}

static trib_status follow(struct adaptive_run *run, trib_error *err)
{
        uint64_t    before = run->measuring->mismatches;
        trib_status ended = TRIB_OK, status = TRIB_OK;
        size_t      setting;

        for (size_t i = 0; run->adaptive->is_all && ended == TRIB_OK
                           && i < run->count * run->plan->windows; i++)
                ended = measure(run, i % run->count, err);
        while (!run->adaptive->is_all && ended == TRIB_OK
               && trib__planner_next(run->planner, &setting))
                ended = measure(run, setting, err);
        if (ended != TRIB_OK && ended != TRIB_CANCELLED && ended != TRIB_TIMED_OUT)
                return ended;
        for (size_t i = 0; i < run->plan->batch_count * run->plan->precision_count
                           && status == TRIB_OK; i++)
                status = add_sweep(run, i, err);
        if (ended == TRIB_TIMED_OUT)
                trib_measure_note(run->measuring, "time-budget", TRIB__SEVERITY_WARNING,
                                  "the time was over before the plan was: the advice stands on "
                                  "fewer measurements than it should");
        run->plan->is_present = true;
        run->plan->spent_s = trib__planner_spent(run->planner);
        if (run->measuring->mismatches > before)
                trib_measure_note(run->measuring, "result-mismatch", TRIB__SEVERITY_ERROR,
                                  "%" PRIu64 " checked results differ from those of the same "
                                  "requests run one after the other: the answers cannot be "
                                  "trusted", run->measuring->mismatches - before);
        return status != TRIB_OK ? status : ended;
}

trib_status trib_adaptive_run(struct trib_measuring *measuring,
                              const struct trib_adaptive *adaptive, trib_error *err)
{
        struct adaptive_run *run = trib__calloc("app.adaptive", 1, sizeof(*run));
        trib_status          status;

        if (run == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a plan");
        run->measuring = measuring;
        run->adaptive = adaptive;
        run->plan = &measuring->results->plan;
        run->window_s = measuring->options->seconds / measuring->options->rounds;
        measuring->results->run.rounds = measuring->options->rounds;
        measuring->results->run.round_seconds = run->window_s;
        status = create(run, err);
        if (status == TRIB_OK)
                status = follow(run, err);
        for (size_t i = 0; run->workloads != NULL
                           && i < run->plan->batch_count * run->plan->precision_count; i++)
                trib__load_workload_close(run->workloads[i]);
        trib__planner_destroy(run->planner);
        trib__free(run->points);
        trib__free(run->workloads);
        trib__free(run);
        return status;
}
