/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_scale.c: `tributary scale`: a thread sweep of one workload, then sizes, with everything
 * that follows from them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ablate.h"
#include "adaptive.h"
#include "app.h"
#include "base/clock.h"
#include "host_facts.h"
#include "loadgen/slo.h"
#include "measuring.h"

#define SIZES_MAX 32
#define QUICK_SECONDS 0.36
#define MS UINT64_C(1000000)
/* Of the time that measuring all settings takes, for --plan adaptive. */
#define PLAN_PART 0.20

/* --quick ends within 20 s of the start of the process, and a plain run within two minutes, on
 * any machine: what does not fit is left out and named. */
#define QUICK_SWEEP_END_NS (9500 * MS)
#define QUICK_END_NS (17000 * MS)
#define PLAIN_SWEEP_END_NS (50000 * MS)
#define PLAIN_END_NS (95000 * MS)

static const char help_text[] =
        "usage: tributary scale [OPTION]...\n"
        "\n"
        "Measure how one workload scales over threads on a device, and workloads of\n"
        "several sizes at few and many threads; say where throughput stops, why, and how\n"
        "many threads to use. About 70 s; --quick within 20 s. Ctrl-C ends cleanly with\n"
        "what was measured so far.\n"
        "\n"
        "  --device NAME             cpu:0; see 'tributary devices'\n"
        "  --threads LIST            1,2,3,4,6,8,12,16\n"
        "  --workload WORKLOAD       of the thread sweep: INxOUTxBATCH (2048x1024x32),\n"
        "                            mlp:INxHIDDENxOUTxBATCH, lu:ROWSxCOLUMNS[xBATCH],\n"
        "                            transformer:ROWSxWIDTHxHEADS[xBATCH],\n"
        "                            conv:CHANNELSxROWSxCOLUMNS[xBATCH],\n"
        "                            sparse:ROWSxCOLUMNSxDENSITY%xWIDTH, or noop\n"
        "  --sizes LIST, --no-sizes  256x128x8,512x256x16,1024x512x16,2048x1024x32,\n"
        "                            4096x2048x64; at 1 and 8 threads, or 1 and the most\n"
        "  --ablate NAME=A,B,...     what an option is worth, B against A, in one run:\n"
        "                            allocator.shards, streams, wait, precision\n"
        "  --plan grid|adaptive      adaptive: advice from some of the settings (grid)\n"
        "  --batches LIST, --any-precision   settings beside threads, for the advice\n"
        "  --slo p99=5ms             advice for that objective as well\n"
        "  --precision high|medium   medium: fp32 in and out, bf16 inside\n"
        "  --rounds N, --seconds S   windows of each point (5), and their time (2.5)\n"
        "  --seed N                  of data and order (1)\n"
        "  --streams N               at most N streams, 1 to 64\n"
        "  --stream-policy share|wait|fail   of threads that find no free stream\n"
        "  --quick                   fewer and shorter rounds\n"
        "  --fresh-peaks             measure the device's peaks even if they are known\n"
        "  --format text|json|csv|md\n"
        "  --out FILE                write there (format by its name, unless --format)\n"
        "  --out FOLDER/             JSON, CSV, Markdown, and a page with plots\n"
        "  --plot auto|always|never  plots in the text (auto: on a wide terminal)\n"
        "  --trace FILE              the requests as a trace, for Perfetto\n"
        "  --quiet                   no progress bar; with --out: print nothing\n"
        "\n"
        "example: tributary scale --quick --out report/\n";

struct settings {
        struct trib_measure_options measure;
        struct trib__load_spec      workload;
        struct trib__load_spec      sizes[SIZES_MAX];
        size_t                      size_count;
        struct trib_app_list        threads;
        unsigned                    size_threads[2];
        size_t                      size_thread_count;
        bool                        has_own_points; /* the defaults' time limit is off */
        bool                        has_own_sizes;
        struct trib_ablate          ablate;
        bool                        is_adaptive;     /* --plan adaptive */
        bool                        is_any_precision;
        struct trib_app_list        batches;
        struct trib__objective      objective;
};

static const unsigned default_threads[] = { 1, 2, 3, 4, 6, 8, 12, 16 };
static const struct trib__load_spec default_workload = TRIB__LOAD_SPEC_LINEAR(2048, 1024, 32);
static const struct trib__load_spec default_sizes[] = {
        TRIB__LOAD_SPEC_LINEAR(256, 128, 8),    TRIB__LOAD_SPEC_LINEAR(512, 256, 16),
        TRIB__LOAD_SPEC_LINEAR(1024, 512, 16),  TRIB__LOAD_SPEC_LINEAR(2048, 1024, 32),
        TRIB__LOAD_SPEC_LINEAR(4096, 2048, 64),
};

static struct settings settings_of_defaults(void)
{
        struct settings settings = { .measure = TRIB_MEASURE_OPTIONS_INIT };

        settings.workload = default_workload;
        memcpy(settings.sizes, default_sizes, sizeof(default_sizes));
        settings.size_count = sizeof(default_sizes) / sizeof(default_sizes[0]);
        memcpy(settings.threads.values, default_threads, sizeof(default_threads));
        settings.threads.count = sizeof(default_threads) / sizeof(default_threads[0]);
        settings.size_threads[0] = 1;
        settings.size_threads[1] = 8;
        settings.size_thread_count = 2;
        return settings;
}

static void take_sizes(struct trib_app_args *args, struct settings *settings)
{
        const char *text = trib_app_value(args);
        trib_error  err = TRIB_ERROR_INIT;

        settings->size_count = 0;
        while (text != NULL) {
                size_t length = strcspn(text, ",");
                char   one[128];

                if (settings->size_count == SIZES_MAX) {
                        trib_app_misuse(args, "--sizes: at most %d fit", SIZES_MAX);
                        return;
                }
                (void)snprintf(one, sizeof(one), "%.*s", length < 120 ? (int)length : 120, text);
                if (trib__load_spec_parse(one, &settings->sizes[settings->size_count++], &err)
                    != TRIB_OK) {
                        trib_app_misuse(args, "--sizes: %s", err.message);
                        return;
                }
                text = text[length] == ',' ? text + length + 1 : NULL;
        }
}

static void take_threads(struct trib_app_args *args, struct settings *settings)
{
        unsigned most = 1;

        if (!trib_app_take_list(args, 1, TRIB__LOAD_THREADS_MAX, &settings->threads))
                return;
        for (size_t i = 0; i < settings->threads.count; i++)
                if (settings->threads.values[i] > most)
                        most = settings->threads.values[i];
        settings->size_threads[1] = most;
        settings->size_thread_count = most > 1 ? 2 : 1;
        settings->has_own_points = true;
}

static void take_plan(struct trib_app_args *args, struct settings *settings)
{
        const char *text = trib_app_value(args);

        settings->is_adaptive = text != NULL && strcmp(text, "adaptive") == 0;
        if (text != NULL && !settings->is_adaptive && strcmp(text, "grid") != 0)
                trib_app_misuse(args, "--plan: '%.40s' is not grid or adaptive", text);
}

/* One percentile of those that the tables have. */
static void take_objective(struct trib_app_args *args, struct trib__objective *out)
{
        static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999 };
        const char      *text = trib_app_value(args);
        trib_error       err = TRIB_ERROR_INIT;
        struct trib__slo slo;
        size_t           i = 0;

        if (text == NULL)
                return;
        if (trib__slo_parse(text, &slo, &err) != TRIB_OK) {
                trib_app_misuse(args, "--slo: %s", err.message);
                return;
        }
        while (i < 4 && fabs(slo.bounds[0].quantile - quantiles[i]) > 1e-9)
                i++;
        if (slo.count != 1 || i == 4) {
                trib_app_misuse(args, "--slo: '%.40s': here it is one of p50, p90, p99 and p99.9, "
                                      "such as p99=5ms", text);
                return;
        }
        out->quantile = quantiles[i];
        out->us = (double)slo.bounds[0].ns * 1e-3;
}

/* Batches and precisions are settings of a plan; threads alone are the thread sweep. */
static bool has_plan(const struct settings *settings)
{
        return settings->is_adaptive || settings->batches.count > 0 || settings->is_any_precision;
}

static void take_arguments(struct trib_app_args *args, struct settings *settings)
{
        bool wants_sizes = true;

        while (trib_app_next(args)) {
                if (trib_app_is(args, "--threads")) {
                        take_threads(args, settings);
                } else if (trib_app_is(args, "--workload")) {
                        settings->has_own_points |=
                                trib_measure_take_spec(args, &settings->workload);
                } else if (trib_app_is(args, "--sizes")) {
                        take_sizes(args, settings);
                        settings->has_own_points = true;
                        settings->has_own_sizes = true;
                } else if (trib_app_is(args, "--plan")) {
                        take_plan(args, settings);
                } else if (trib_app_is(args, "--batches")) {
                        settings->has_own_points |=
                                trib_app_take_list(args, 1, 65536, &settings->batches);
                } else if (trib_app_is(args, "--any-precision")) {
                        settings->is_any_precision = settings->has_own_points = true;
                } else if (trib_app_is(args, "--slo")) {
                        take_objective(args, &settings->objective);
                } else if (trib_app_is(args, "--ablate")) {
                        settings->has_own_points |= trib_ablate_take(args, &settings->ablate);
                } else if (trib_app_is(args, "--no-sizes")) {
                        wants_sizes = false;
                } else if (!trib_measure_take(args, &settings->measure)) {
                        trib_app_unexpected(args);
                }
        }
        /* One who asks what an option is worth, or for advice, does not wait for sizes. */
        if (!wants_sizes
            || ((settings->ablate.count > 0 || has_plan(settings)) && !settings->has_own_sizes))
                settings->size_count = 0;
        if (settings->batches.count > 0 && settings->workload.kind == TRIB__LOAD_NOOP)
                trib_app_misuse(args, "--batches: the workload noop has no batch");
}

/* The two groups; without sizes the second is empty. */
static size_t make_groups(const struct settings *settings, struct trib_measure_group *groups)
{
        bool     is_quick = settings->measure.is_quick;
        bool     is_endless = !is_quick
                          && (settings->has_own_points || settings->measure.has_rounds
                              || settings->measure.has_seconds);
        uint64_t began = trib__now() - trib_host_process_age();

        groups[0] = (struct trib_measure_group){
                .specs = &settings->workload,
                .spec_count = 1,
                .threads = settings->threads.values,
                .thread_count = settings->threads.count,
                .kind = TRIB__SWEEP_THREADS,
                .drift_rounds = is_quick ? 2 : 3,
                .warm_up_ns = trib_measuring_warm_up_ns(&settings->measure),
                .deadline = is_endless ? TRIB__NEVER
                                       : began + (is_quick ? QUICK_SWEEP_END_NS
                                                           : PLAIN_SWEEP_END_NS),
        };
        groups[1] = (struct trib_measure_group){
                .specs = settings->sizes,
                .spec_count = settings->size_count,
                .threads = settings->size_threads,
                .thread_count = settings->size_thread_count,
                .kind = TRIB__SWEEP_SIZES,
                .warm_up_ns = groups[0].warm_up_ns,
                .deadline = is_endless ? TRIB__NEVER
                                       : began + (is_quick ? QUICK_END_NS : PLAIN_END_NS),
        };
        if (settings->size_count == 0) {
                if (settings->ablate.count == 0)
                        groups[0].deadline = groups[1].deadline;
                return 1;
        }
        groups[0].seconds_after = trib_measuring_seconds(&settings->measure, &groups[1]);
        return 2;
}

/* The variants are measured at the fewest and the most threads of the sweep. */
static struct trib_ablate_group ablate_group(const struct settings *settings,
                                             const struct trib_measure_group *sweep)
{
        struct trib_ablate_group group = {
                .spec = &settings->workload,
                .threads = { settings->threads.values[0], settings->threads.values[0] },
                .thread_count = 1,
                .warm_up_ns = sweep->warm_up_ns,
                .deadline = settings->measure.is_quick ? trib__now() - trib_host_process_age()
                                                                 + QUICK_END_NS
                                                       : TRIB__NEVER,
        };

        for (size_t i = 0; i < settings->threads.count; i++) {
                unsigned threads = settings->threads.values[i];

                if (threads < group.threads[0])
                        group.threads[0] = threads;
                if (threads > group.threads[1])
                        group.threads[1] = threads;
        }
        if (group.threads[1] > group.threads[0])
                group.thread_count = 2;
        return group;
}

static struct trib_adaptive plan_of(const struct settings *settings,
                                    const struct trib_measure_group *sweep)
{
        return (struct trib_adaptive){
                .spec = settings->workload,
                .threads = settings->threads.values,
                .thread_count = settings->threads.count,
                .batches = settings->batches.values,
                .batch_count = settings->batches.count,
                .is_both = settings->is_any_precision
                           && settings->measure.precision == TRIB_PRECISION_HIGH,
                .is_all = !settings->is_adaptive,
                .part = PLAN_PART,
                .warm_up_ns = sweep->warm_up_ns,
                .deadline = sweep->deadline,
        };
}

/* The thread sweep, or the plan's settings; then the ablations. */
static trib_status measure_sweep(struct trib_measuring *measuring,
                                 const struct settings *settings,
                                 const struct trib_measure_group *group,
                                 const struct trib_ablate_group *ablated, trib_error *err)
{
        struct trib_adaptive plan = plan_of(settings, group);
        trib_status          status = has_plan(settings)
                                              ? trib_adaptive_run(measuring, &plan, err)
                                              : trib_measuring_run(measuring, group, err);

        if (settings->ablate.count > 0 && (status == TRIB_OK || status == TRIB_TIMED_OUT))
                status = trib_ablate_run(measuring, &settings->ablate, ablated, err);
        return status;
}

static int scale(const struct settings *settings)
{
        struct trib_measure_group groups[2];
        struct trib_ablate_group  ablated;
        struct trib_measuring     measuring;
        size_t      count = make_groups(settings, groups);
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status;
        int         exit_status;

        ablated = ablate_group(settings, &groups[0]);
        if (settings->ablate.count > 0)
                groups[0].seconds_after +=
                        trib_ablate_seconds(&settings->ablate, &settings->measure, &ablated);
        if (trib_measuring_open(&measuring, "scale", &settings->measure, groups, count, &err)
            != TRIB_OK)
                return trib_app_fail("scale", &err);
        measuring.results->objective = settings->objective;
        status = trib_measuring_peaks(&measuring, &err);
        for (size_t i = 0; i < count && (status == TRIB_OK || status == TRIB_TIMED_OUT); i++) {
                if (i == 0)
                        status = measure_sweep(&measuring, settings, &groups[0], &ablated, &err);
                else
                        status = trib_measuring_run(&measuring, &groups[i], &err);
        }
        if (status == TRIB_OK)
                status = trib_measuring_peaks(&measuring, &err);
        exit_status = trib_measuring_finish(&measuring, status, &err);
        trib_measuring_close(&measuring);
        return exit_status;
}

int trib_cmd_scale(int argc, char **argv)
{
        struct trib_app_args args = trib_app_args_of("scale", argc, argv);
        struct settings      settings = settings_of_defaults();
        int                  exit_status;

        take_arguments(&args, &settings);
        if (!trib_measure_is_ready(&args, &settings.measure, QUICK_SECONDS, help_text,
                                   &exit_status))
                return exit_status;
        return scale(&settings);
}
