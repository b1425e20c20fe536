/* SPDX-License-Identifier: Apache-2.0 */
/* measuring.c: device, threads and groups of points for the measuring subcommands. */
#include "measuring.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/format.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "host_facts.h"
#include "interrupt.h"
#include "tracing.h"

#define DEVICE_DEFAULT "cpu:0"
#define SECONDS_MAX 3600.0
/* How long a thread waits for a stream with --stream-policy wait. */
#define STREAM_TIMEOUT_NS UINT64_C(1000000000)
/* A device other than this processor may hang; a request that takes this long has met that. */
#define REQUEST_TIMEOUT_NS UINT64_C(10000000000)
/* Expected beside the windows: what passes before each, and the warm-up of a point. */
#define LEAD_SECONDS 0.008
#define WARM_UP_PART 0.5

/* A group being measured: one workload a spec, one point a spec and thread count. */
struct group_run {
        struct trib_measuring           *measuring;
        const struct trib_measure_group *group;
        struct trib__load_workload     **workloads; /* NULL: there was no time for it */
        struct trib__load_point         *points;
        size_t                           point_count;
        size_t                          *spec_of;   /* of each point */
};

static bool take_seconds(struct trib_app_args *args, double *out)
{
        const char *text = trib_app_value(args);
        char       *end;
        double      value;

        if (text == NULL)
                return false;
        value = strtod(text, &end);
        if (*end != '\0' || strspn(text, "0123456789.") != strlen(text) || !(value >= 0.01)
            || value > SECONDS_MAX) {
                trib_app_misuse(args, "%s: '%.40s' is not a number of seconds from 0.01 to %.0f",
                                args->option, text, SECONDS_MAX);
                return false;
        }
        *out = value;
        return true;
}

static void take_seed(struct trib_app_args *args, uint64_t *out)
{
        const char *text = trib_app_value(args);
        uint64_t    value = 0;

        for (const char *c = text; c != NULL && *c != '\0'; c++)
                if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, UINT64_C(10), &value)
                    || __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value)) {
                        trib_app_misuse(args, "--seed: '%.40s' is not a whole number below 2^64",
                                        text);
                        return;
                }
        if (text != NULL)
                *out = value;
}

/* One of the names; NULL-terminated list. */
static void take_choice(struct trib_app_args *args, const char *const *names, const char *listed,
                        int *out)
{
        const char *text = trib_app_value(args);

        if (text == NULL)
                return;
        for (int i = 0; names[i] != NULL; i++) {
                if (strcmp(text, names[i]) == 0) {
                        *out = i;
                        return;
                }
        }
        trib_app_misuse(args, "%s: '%.40s' is not %s", args->option, text, listed);
}

bool trib_measure_take(struct trib_app_args *args, struct trib_measure_options *options)
{
        static const char *const precisions[] = { "high", "medium", NULL };
        static const char *const policies[] = { "share", "wait", "fail", NULL };
        int choice = 0;

        if (trib_app_is(args, "--precision")) {
                take_choice(args, precisions, "high or medium", &choice);
                options->precision = (trib_precision)choice;
        } else if (trib_app_is(args, "--stream-policy")) {
                take_choice(args, policies, "share, wait or fail", &choice);
                options->stream_policy = (trib_stream_policy)choice;
        } else if (trib_app_is(args, "--streams")) {
                (void)trib_app_take_unsigned(args, 1, 64, &options->streams);
        } else if (trib_app_is(args, "--rounds")) {
                options->has_rounds = trib_app_take_unsigned(args, TRIB__LOAD_ROUNDS_MIN,
                                                             TRIB__LOAD_ROUNDS_MAX,
                                                             &options->rounds);
        } else if (trib_app_is(args, "--seconds")) {
                options->has_seconds = take_seconds(args, &options->seconds);
        } else if (trib_app_is(args, "--seed")) {
                take_seed(args, &options->seed);
        } else if (trib_app_is(args, "--quick")) {
                options->is_quick = true;
        } else if (trib_app_is(args, "--trace")) {
                options->trace = trib_app_value(args);
        } else if (trib_app_is(args, "--fresh-peaks")) {
                options->is_fresh_peaks = true;
        } else {
                return trib_app_take_common(args, &options->common);
        }
        return true;
}

bool trib_measure_is_ready(struct trib_app_args *args, struct trib_measure_options *options,
                           double quick_seconds, const char *help_text, int *exit_status)
{
        *exit_status = TRIB_EXIT_USAGE;
        if (args->has_failed)
                return false;
        if (options->common.is_help) {
                *exit_status = trib_app_print_help(help_text);
                return false;
        }
        if (options->is_quick && !options->has_rounds)
                options->rounds = TRIB__LOAD_ROUNDS_MIN;
        if (options->is_quick && !options->has_seconds)
                options->seconds = quick_seconds;
        *exit_status = trib_app_check_out(args->command, &options->common);
        if (*exit_status == TRIB_EXIT_DONE)
                *exit_status = trib_app_check_file(args->command, options->trace);
        if (*exit_status != TRIB_EXIT_DONE)
                return false;
        trib_interrupt_catch();
        return true;
}

bool trib_measure_take_spec(struct trib_app_args *args, struct trib__load_spec *out)
{
        const char *text = trib_app_value(args);
        trib_error  err = TRIB_ERROR_INIT;

        if (text == NULL)
                return false;
        if (trib__load_spec_parse(text, out, &err) == TRIB_OK)
                return true;
        trib_app_misuse(args, "%s: %s", args->option, err.message);
        return false;
}

static unsigned most_threads(const struct trib_measure_group *group)
{
        unsigned most = 1;

        for (size_t i = 0; i < group->thread_count; i++)
                if (group->threads[i] > most)
                        most = group->threads[i];
        return most;
}

static trib_status check_memory(const struct trib_measuring *measuring,
                                const struct trib_measure_group *group, trib_error *err)
{
        uint64_t    total = 0, memory = measuring->results->machine.memory_bytes, bytes;
        char        text[96];
        trib_status status;

        for (size_t i = 0; i < group->spec_count; i++) {
                status = trib__load_spec_bytes(&group->specs[i], most_threads(group), &bytes, err);
                if (status != TRIB_OK)
                        return status;
                if (__builtin_add_overflow(total, bytes, &total))
                        total = UINT64_MAX;
                if (memory > 0 && total > memory)
                        return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                          "workload %s with %s needs %.1f GiB of memory"
                                          "%s, this machine has %.1f GiB",
                                          trib__load_spec_text(&group->specs[i], text,
                                                               sizeof(text)),
                                          trib__threads_text(most_threads(group)).text,
                                          (double)total / 1073741824.0,
                                          i > 0 ? " together with those before it" : "",
                                          (double)memory / 1073741824.0);
        }
        return TRIB_OK;
}

const char *trib_measuring_device_name(const struct trib_measure_options *options)
{
        return options->common.device != NULL ? options->common.device : DEVICE_DEFAULT;
}

trib_device_options trib_measuring_device_options(const struct trib_measure_options *options)
{
        trib_device_options device_options = TRIB_DEVICE_OPTIONS_INIT;

        device_options.max_streams = options->streams;
        device_options.stream_policy = options->stream_policy;
        device_options.stream_timeout_ns = STREAM_TIMEOUT_NS;
        return device_options;
}

static trib_status open_device(struct trib_measuring *measuring, trib_error *err)
{
        const struct trib_measure_options *options = measuring->options;
        struct trib__device_facts         *facts = &measuring->results->device;
        trib_device_options device_options = trib_measuring_device_options(options);
        trib_device_info    info;
        trib_status         status;

        status = trib_device_open(trib_measuring_device_name(options), &device_options,
                                  &measuring->device, err);
        if (status == TRIB_OK)
                status = trib_device_get_info(measuring->device, &info, err);
        if (status != TRIB_OK)
                return status;
        if (options->precision == TRIB_PRECISION_MEDIUM && !info.has_medium)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "%s has no precision medium%s%s; use --precision high",
                                  info.name, info.note[0] != '\0' ? ": " : "", info.note);
        (void)snprintf(facts->name, sizeof(facts->name), "%s", info.name);
        (void)snprintf(facts->text, sizeof(facts->text), "%s", info.description);
        (void)snprintf(facts->kernel_library, sizeof(facts->kernel_library), "%s", info.library);
        (void)snprintf(facts->precision, sizeof(facts->precision), "%s",
                       options->precision == TRIB_PRECISION_MEDIUM ? "medium" : "high");
        facts->peaks.parallel_units = info.compute_units;
        facts->host_cores = info.host_cores;
        return TRIB_OK;
}

trib_status trib_measuring_open(struct trib_measuring *measuring, const char *command,
                                const struct trib_measure_options *options,
                                const struct trib_measure_group *groups, size_t group_count,
                                trib_error *err)
{
        struct trib__run_facts *run;
        unsigned                most = 1;
        trib_status             status;

        memset(measuring, 0, sizeof(*measuring));
        measuring->command = command;
        measuring->options = options;
        measuring->began = trib__now() - trib_host_process_age();
        status = trib__results_create(&measuring->results, err);
        if (status != TRIB_OK)
                return status;
        run = &measuring->results->run;
        run->is_present = true;
        run->seed = options->seed;
        run->streams = options->streams;
        trib_host_describe(&measuring->results->machine);
        for (size_t i = 0; i < group_count && status == TRIB_OK; i++) {
                most = most_threads(&groups[i]) > most ? most_threads(&groups[i]) : most;
                status = check_memory(measuring, &groups[i], err);
        }
        if (status == TRIB_OK)
                status = open_device(measuring, err);
        if (status == TRIB_OK)
                status = trib__crew_create(most, &measuring->crew, err);
        if (status == TRIB_OK)
                status = trib_tracing_open(measuring, groups, group_count, err);
        if (status != TRIB_OK) {
                trib_measuring_close(measuring);
                return status;
        }
        trib_progress_begin(&measuring->progress, options->common.is_quiet);
        measuring->progress.recorder = measuring->recorder;
        return TRIB_OK;
}

void trib_measuring_close(struct trib_measuring *measuring)
{
        trib_progress_end(&measuring->progress);
        trib__crew_destroy(measuring->crew);
        trib_device_close(measuring->device);
        trib__results_destroy(measuring->results);
        trib__recorder_destroy(measuring->recorder);
        measuring->recorder = NULL;
        measuring->crew = NULL;
        measuring->device = NULL;
        measuring->results = NULL;
}

static double clamp(double value, double lowest, double highest)
{
        return value < lowest ? lowest : value > highest ? highest : value;
}

uint64_t trib_measuring_warm_up_ns(const struct trib_measure_options *options)
{
        double seconds = options->is_quick ? 0.25 : clamp(0.4 * options->seconds, 0.1, 1.0);

        return (uint64_t)(seconds * 1e9);
}

static double window_seconds(const struct trib_measure_options *options)
{
        return options->seconds / options->rounds;
}

double trib_measuring_seconds(const struct trib_measure_options *options,
                              const struct trib_measure_group *group)
{
        double window = window_seconds(options) + LEAD_SECONDS;
        double points = (double)(group->spec_count * group->thread_count);

        return points * (options->rounds * window + (double)group->warm_up_ns * 1e-9 * WARM_UP_PART)
               + (double)group->spec_count * 2 * group->drift_rounds * window;
}

static void show_progress(void *context, const struct trib__load_progress *progress)
{
        struct group_run      *run = context;
        struct trib_measuring *measuring = run->measuring;
        char                   name[96], text[200];

        trib__load_spec_text(&run->group->specs[run->spec_of[progress->point]], name,
                             sizeof(name));
        if (progress->is_warm_up)
                (void)snprintf(text, sizeof(text), "warming up %s on %s",
                               trib__threads_text(progress->threads).text, name);
        else if (progress->round == 0)
                (void)snprintf(text, sizeof(text), "baseline on %s", name);
        else
                (void)snprintf(text, sizeof(text), "round %u of %u: %s on %s", progress->round,
                               measuring->options->rounds,
                               trib__threads_text(progress->threads).text, name);
        trib_progress_draw(&measuring->progress,
                           (double)(trib__now() - measuring->began) * 1e-9,
                           progress->left_seconds + run->group->seconds_after, text);
}

bool trib_measuring_runs_on_cpu(const struct trib_measuring *measuring)
{
        return strncmp(measuring->results->device.name, "cpu", 3) == 0;
}

/* A simulated device may take the time of computing and leave the outputs as they are. */
static bool computes_nothing(const struct trib_measuring *measuring)
{
        return strncmp(measuring->results->device.kernel_library, "none", 4) == 0;
}

struct trib__load_options trib_measuring_load_options(const struct trib_measuring *measuring,
                                                      unsigned threads, uint64_t deadline)
{
        bool is_cpu = trib_measuring_runs_on_cpu(measuring);

        return (struct trib__load_options){
                .threads = threads,
                .precision = measuring->options->precision,
                .seed = measuring->options->seed,
                .timeout_ns = is_cpu ? 0 : REQUEST_TIMEOUT_NS,
                .computes_nothing = computes_nothing(measuring),
                .deadline = deadline,
                .stop = trib_interrupt_flag(),
                .recorder = measuring->recorder,
        };
}

static trib_status open_workloads(struct group_run *run, trib_error *err)
{
        const struct trib_measure_group *group = run->group;
        struct trib__load_options options =
                trib_measuring_load_options(run->measuring, most_threads(group), group->deadline);
        char text[96];

        for (size_t i = 0; i < group->spec_count; i++) {
                trib_status status = trib__load_workload_open(run->measuring->device,
                                                              run->measuring->crew,
                                                              &group->specs[i], &options,
                                                              &run->workloads[i], err);
                if (status == TRIB_TIMED_OUT && trib__now() > group->deadline)
                        trib_measure_note(run->measuring, "time-budget", TRIB__SEVERITY_WARNING,
                                          "%s was not measured: the time was over before its "
                                          "right results were computed",
                                          trib__load_spec_text(&group->specs[i], text,
                                                               sizeof(text)));
                else if (status == TRIB_TIMED_OUT)
                        return trib__fail(err, TRIB_DEVICE_ERROR,
                                          "%s: the first requests did not end in %.0f s: the "
                                          "device hangs",
                                          trib__load_spec_text(&group->specs[i], text,
                                                               sizeof(text)),
                                          (double)REQUEST_TIMEOUT_NS * 1e-9);
                else if (status != TRIB_OK)
                        return status;
        }
        return TRIB_OK;
}

/* With more threads than compute units a request takes as many times longer. */
static uint64_t expected_ns(const struct trib_measuring *measuring, uint64_t alone,
                            unsigned threads)
{
        unsigned units = measuring->results->device.peaks.parallel_units;

        return units > 0 && threads > units ? alone * threads / units : alone;
}

static void make_points(struct group_run *run)
{
        const struct trib_measure_group *group = run->group;

        for (size_t i = 0; i < group->spec_count; i++) {
                struct trib__load_facts facts;

                if (run->workloads[i] == NULL)
                        continue;
                trib__load_workload_facts(run->workloads[i], &facts);
                for (size_t k = 0; k < group->thread_count; k++) {
                        struct trib__load_point *point = &run->points[run->point_count];

                        run->spec_of[run->point_count++] = i;
                        point->target = trib__load_workload_target(run->workloads[i]);
                        point->threads = group->threads[k];
                        point->is_baseline = group->threads[k] == 1;
                        point->expected_ns =
                                expected_ns(run->measuring, facts.request_ns, point->threads);
                }
        }
}

/* What the points say beyond their numbers. */
static void note_points(struct group_run *run, trib_status ended)
{
        struct trib_measuring *measuring = run->measuring;
        unsigned               restless = 0, empty = 0;
        uint64_t               mismatches = 0, checks = 0;

        for (size_t i = 0; i < run->point_count; i++) {
                const struct trib__load_point *point = &run->points[i];

                restless += point->round_count > 0 && !point->is_steady;
                empty += point->round_count == 0;
                mismatches += point->mismatches;
                checks += point->checks;
                if (point->errors > 0 && measuring->first_error.status == TRIB_OK)
                        measuring->first_error = point->first_error;
        }
        measuring->mismatches += mismatches;
        if (mismatches > 0)
                trib_measure_note(measuring, "result-mismatch", TRIB__SEVERITY_ERROR,
                                  "%" PRIu64 " of %" PRIu64 " checked results differ from those "
                                  "of the same requests run one after the other: the answers "
                                  "cannot be trusted", mismatches, checks);
        if (computes_nothing(measuring) && run->group->kind == TRIB__SWEEP_THREADS)
                trib_measure_note(measuring, "nothing-computed", TRIB__SEVERITY_INFO,
                                  "the device takes the time of computing and computes nothing, "
                                  "so results were not checked");
        if (restless > 0 && run->group->kind == TRIB__SWEEP_THREADS && ended == TRIB_OK)
                trib_measure_note(measuring, "not-steady", TRIB__SEVERITY_INFO,
                                  "throughput was not steady when the warm-up ended after its "
                                  "longest time, at %u of %zu points; close other programs, or "
                                  "measure longer (--seconds)", restless, run->point_count);
        if (empty > 0 && ended == TRIB_TIMED_OUT)
                trib_measure_note(measuring, "time-budget", TRIB__SEVERITY_WARNING,
                                  "%u of %zu points of a group were not measured: the time was "
                                  "over", empty, run->point_count);
        else if (empty > 0 && ended == TRIB_OK)
                trib_measure_note(measuring, "not-measured", TRIB__SEVERITY_WARNING,
                                  "no request ended well in time at %u of %zu points; they are "
                                  "left out", empty, run->point_count);
        else if (ended == TRIB_TIMED_OUT)
                trib_measure_note(measuring, "time-budget", TRIB__SEVERITY_INFO,
                                  "the time was over before all rounds were measured");
}

static trib_status add_sweeps(struct group_run *run, trib_error *err)
{
        const struct trib_measure_group *group = run->group;
        struct trib__results            *results = run->measuring->results;
        bool                             is_cpu = trib_measuring_runs_on_cpu(run->measuring);
        trib_status                      status = TRIB_OK;

        for (size_t i = 0; i < group->spec_count && status == TRIB_OK; i++) {
                struct trib__sweep     *sweep = NULL;
                struct trib__load_facts facts;

                for (size_t k = 0; k < run->point_count && status == TRIB_OK; k++) {
                        if (run->spec_of[k] != i || run->points[k].round_count == 0)
                                continue;
                        if (sweep == NULL)
                                status = trib__results_add_sweep(results, &sweep, err);
                        if (status == TRIB_OK)
                                status = trib_measure_add_point(sweep, &run->points[k], is_cpu,
                                                                err);
                }
                if (sweep == NULL)
                        continue;
                trib__load_workload_facts(run->workloads[i], &facts);
                trib_measure_describe(&group->specs[i], &facts, &sweep->workload);
                sweep->kind = group->kind;
                (void)snprintf(sweep->policy, sizeof(sweep->policy), "direct");
        }
        return status;
}

static trib_status run_plan(struct group_run *run, trib_error *err)
{
        const struct trib_measure_options *options = run->measuring->options;
        struct trib__load_plan plan = {
                .points = run->points,
                .point_count = run->point_count,
                .rounds = options->rounds,
                .drift_rounds = run->group->drift_rounds,
                .window_ns = (uint64_t)(window_seconds(options) * 1e9),
                .warm_up_ns = run->group->warm_up_ns,
                .deadline = run->group->deadline,
                .seed = options->seed,
                .stop = trib_interrupt_flag(),
                .progress = show_progress,
                .progress_context = run,
        };

        run->measuring->results->run.rounds = options->rounds;
        run->measuring->results->run.round_seconds = window_seconds(options);
        if (run->point_count == 0)
                return trib__fail(err, TRIB_TIMED_OUT, "the time was over before the first point");
        return trib__load_run(run->measuring->crew, &plan, err);
}

static trib_status begin_group(struct group_run *run, struct trib_measuring *measuring,
                               const struct trib_measure_group *group, trib_error *err)
{
        size_t      points = group->spec_count * group->thread_count;
        trib_status status;

        memset(run, 0, sizeof(*run));
        run->measuring = measuring;
        run->group = group;
        run->workloads = trib__calloc("app.workloads", group->spec_count, sizeof(*run->workloads));
        run->points = trib__calloc("app.points", points, sizeof(*run->points));
        run->spec_of = trib__calloc("app.spec_of", points, sizeof(*run->spec_of));
        if (run->workloads == NULL || run->points == NULL || run->spec_of == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %zu points", points);
        status = open_workloads(run, err);
        if (status == TRIB_OK)
                make_points(run);
        return status;
}

static void end_group(struct group_run *run)
{
        for (size_t i = 0; run->workloads != NULL && i < run->group->spec_count; i++)
                trib__load_workload_close(run->workloads[i]);
        trib__free(run->workloads);
        trib__free(run->points);
        trib__free(run->spec_of);
}

/* Note and keep what a group gave, however it ended. */
static trib_status keep_group(struct group_run *run, trib_status ended, trib_error *err)
{
        trib_status status;

        if (ended != TRIB_OK && ended != TRIB_CANCELLED && ended != TRIB_TIMED_OUT)
                return ended;
        note_points(run, ended);
        status = add_sweeps(run, err);
        return status != TRIB_OK ? status : ended;
}

trib_status trib_measuring_run(struct trib_measuring *measuring,
                               const struct trib_measure_group *group, trib_error *err)
{
        struct group_run run;
        trib_status      status = begin_group(&run, measuring, group, err);

        if (status == TRIB_OK)
                status = keep_group(&run, run_plan(&run, err), err);
        end_group(&run);
        return status;
}

trib_status trib_measuring_count(struct trib_measuring *measuring,
                                 const struct trib_measure_group *group, uint64_t requests,
                                 trib_error *err)
{
        struct group_run        run;
        struct trib__load_facts facts;
        uint64_t                first_at;
        trib_status             status = begin_group(&run, measuring, group, err);

        if (status == TRIB_OK) {
                trib__load_workload_facts(run.workloads[0], &facts);
                measuring->results->run.first_answer_ms =
                        (double)(facts.first_answer_at - measuring->began) * 1e-6;
                run.points[0].is_steady = true;
                status = trib__load_count(measuring->crew, &run.points[0], requests,
                                          trib_interrupt_flag(), &first_at, err);
                status = keep_group(&run, status, err);
        }
        end_group(&run);
        return status;
}

static bool has_points(const struct trib__results *results)
{
        for (size_t i = 0; i < results->sweep_count; i++)
                if (results->sweeps[i]->point_count > 0)
                        return true;
        return false;
}

static trib_status conclude(struct trib_measuring *measuring, trib_error *err)
{
        trib_status status = trib__results_conclude(measuring->results, err);

        if (measuring->first_error.status != TRIB_OK)
                trib_measure_note(measuring, "first-error", TRIB__SEVERITY_ERROR,
                                  "the first request that failed: %s",
                                  measuring->first_error.message);
        for (size_t i = 0; i < measuring->note_count && status == TRIB_OK; i++)
                status = trib__results_add_finding(measuring->results, &measuring->notes[i], err);
        return status;
}

int trib_measuring_finish(struct trib_measuring *measuring, trib_status status,
                          const trib_error *err)
{
        trib_error failure = *err;
        int        exit_status;

        trib_progress_end(&measuring->progress);
        if (status != TRIB_OK && status != TRIB_CANCELLED && status != TRIB_TIMED_OUT)
                return trib_app_fail(measuring->command, err);
        measuring->results->is_complete = status != TRIB_CANCELLED;
        if (!has_points(measuring->results)) {
                if (measuring->first_error.status != TRIB_OK)
                        failure = measuring->first_error;
                else if (status == TRIB_CANCELLED)
                        (void)trib__fail(&failure, status,
                                         "interrupted before anything was measured");
                else
                        (void)trib__fail(&failure, status, "nothing was measured: %s",
                                         status == TRIB_TIMED_OUT
                                                 ? "the time was over before the first point"
                                                 : "no request ended in time");
                return trib_app_fail(measuring->command, &failure);
        }
        if (conclude(measuring, &failure) != TRIB_OK)
                return trib_app_fail(measuring->command, &failure);
        exit_status = trib_tracing_write(measuring);
        if (exit_status == TRIB_EXIT_DONE)
                exit_status = trib_app_emit(measuring->command, &measuring->options->common,
                                            measuring->results);
        if (exit_status == TRIB_EXIT_DONE && measuring->mismatches > 0) {
                (void)trib__fail(&failure, TRIB_INTERNAL,
                                 "%" PRIu64 " results were wrong, see result-mismatch",
                                 measuring->mismatches);
                return trib_app_fail(measuring->command, &failure);
        }
        return exit_status;
}
