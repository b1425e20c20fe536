/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_scale.c: `tributary scale`: a thread sweep of one workload, then sizes, with everything
 * that follows from them. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"
#include "host_facts.h"
#include "measuring.h"

#define SIZES_MAX 32
#define QUICK_SECONDS 0.36
#define MS UINT64_C(1000000)

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
        "  --sizes LIST              256x128x8,512x256x16,1024x512x16,2048x1024x32,\n"
        "                            4096x2048x64; measured at 1 and 8 threads, or at 1\n"
        "                            and the most of --threads\n"
        "  --no-sizes                only the thread sweep\n"
        "  --precision high|medium   medium: fp32 in and out, bf16 inside\n"
        "  --rounds N                windows of each point, 3 to 100 (5)\n"
        "  --seconds S               measured time of each point (2.5)\n"
        "  --seed N                  of data and order (1)\n"
        "  --streams N               at most N streams, 1 to 64\n"
        "  --stream-policy share|wait|fail   of threads that find no free stream\n"
        "  --quick                   fewer and shorter rounds\n"
        "  --format text|json|csv|md\n"
        "  --out FILE                write there (format by its name, unless --format)\n"
        "  --quiet                   no progress bar; with --out: print nothing\n"
        "\n"
        "example: tributary scale --quick --out result.json\n";

struct settings {
        struct trib_measure_options measure;
        struct trib__load_spec      workload;
        struct trib__load_spec      sizes[SIZES_MAX];
        size_t                      size_count;
        struct trib_app_list        threads;
        unsigned                    size_threads[2];
        size_t                      size_thread_count;
        bool                        has_own_points; /* the defaults' time limit is off */
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
                } else if (trib_app_is(args, "--no-sizes")) {
                        wants_sizes = false;
                } else if (!trib_measure_take(args, &settings->measure)) {
                        trib_app_unexpected(args);
                }
        }
        if (!wants_sizes)
                settings->size_count = 0;
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
                groups[0].deadline = groups[1].deadline;
                return 1;
        }
        groups[0].seconds_after = trib_measuring_seconds(&settings->measure, &groups[1]);
        return 2;
}

static int scale(const struct settings *settings)
{
        struct trib_measure_group groups[2];
        struct trib_measuring     measuring;
        size_t      count = make_groups(settings, groups);
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status;
        int         exit_status;

        if (trib_measuring_open(&measuring, "scale", &settings->measure, groups, count, &err)
            != TRIB_OK)
                return trib_app_fail("scale", &err);
        status = trib_measuring_peaks(&measuring, &err);
        for (size_t i = 0; i < count && (status == TRIB_OK || status == TRIB_TIMED_OUT); i++)
                status = trib_measuring_run(&measuring, &groups[i], &err);
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
