/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench.c: `tributary bench`: one workload under one fixed setting. */
#include "app.h"
#include "base/clock.h"
#include "measuring_load.h"

#define REQUESTS_MAX 1000000000u
#define QUICK_SECONDS 1.0

static const char help_text[] =
        "usage: tributary bench [OPTION]...\n"
        "\n"
        "Measure one workload under one fixed setting: throughput, latency, and where a\n"
        "request's time goes. Threads ask again when they are answered; or instead:\n"
        "\n"
        "  --arrivals constant|poisson   requests come R a second, without waiting for\n"
        "  --rate R                  answers; latency is from when each should start\n"
        "  --slo p99=5ms[,p50=1ms]   search for the highest rate that keeps the bounds\n"
        "  --scenario NAME           of MLPerf Inference, in shorter runs: single-stream,\n"
        "                            multi-stream, server (with --slo) or offline\n"
        "  --requests N              N requests of each thread, from cold; also tells the\n"
        "                            time from the program's start to the first answer\n"
        "\n"
        "  --workload WORKLOAD       INxOUTxBATCH (2048x1024x32), a linear layer; or\n"
        "                            mlp:INxHIDDENxOUTxBATCH, lu:ROWSxCOLUMNS[xBATCH],\n"
        "                            transformer:ROWSxWIDTHxHEADS[xBATCH],\n"
        "                            conv:CHANNELSxROWSxCOLUMNS[xBATCH],\n"
        "                            sparse:ROWSxCOLUMNSxDENSITY%xWIDTH, or noop\n"
        "  --threads N               1 to 1024 (1; with --arrivals, --rate, --slo or\n"
        "                            --scenario one for each logical core)\n"
        "  --seconds S               measured time, all rounds together (2.5); with --slo\n"
        "                            of the whole search (20 to 60, as it needs)\n"
        "  --rounds N                windows, 3 to 100 (5)\n"
        "  --device NAME             cpu:0; see 'tributary devices'\n"
        "  --precision high|medium   medium: fp32 in and out, bf16 inside\n"
        "  --seed N                  of data and arrivals (1)\n"
        "  --streams N               at most N streams, 1 to 64\n"
        "  --stream-policy share|wait|fail   of threads that find no free stream\n"
        "  --quick                   one second; with --slo six\n"
        "  --fresh-peaks             measure the device's peaks even if they are known\n"
        "  --format text|json|csv|md\n"
        "  --out FILE, --out FOLDER/ write there (format by its name, unless --format)\n"
        "  --trace FILE              the requests as a trace, for Perfetto\n"
        "  --quiet                   no progress bar; with --out: print nothing\n"
        "\n"
        "example: tributary bench --workload 1024x512x16 --slo p99=5ms --threads 4\n";

struct settings {
        struct trib_measure_options measure;
        struct trib__load_spec      workload;
        unsigned                    threads;
        unsigned                    requests; /* 0 = by time */
        struct trib_load_settings   load;
};

static void take_arguments(struct trib_app_args *args, struct settings *settings)
{
        bool has_threads = false;

        while (trib_app_next(args)) {
                if (trib_app_is(args, "--threads"))
                        has_threads = trib_app_take_unsigned(args, 1, TRIB__LOAD_THREADS_MAX,
                                                             &settings->threads);
                else if (trib_app_is(args, "--workload"))
                        (void)trib_measure_take_spec(args, &settings->workload);
                else if (trib_app_is(args, "--requests"))
                        (void)trib_app_take_unsigned(args, 1, REQUESTS_MAX, &settings->requests);
                else if (!trib_load_take(args, &settings->load)
                         && !trib_measure_take(args, &settings->measure))
                        trib_app_unexpected(args);
        }
        if (!args->has_failed && settings->requests > 0
            && (settings->measure.has_rounds || settings->measure.has_seconds
                || settings->measure.is_quick))
                trib_app_misuse(args, "--requests does not go with --seconds, --rounds or --quick");
        if (!args->has_failed && settings->requests > 0 && trib_load_is_asked(&settings->load))
                trib_app_misuse(args, "--requests does not go with --arrivals, --rate, --slo or "
                                      "--scenario");
        trib_load_check(args, &settings->load, &settings->measure, settings->threads, has_threads);
        if (!has_threads && trib_load_is_asked(&settings->load))
                settings->threads = trib_load_threads(&settings->load);
}

/* With the device's peaks, before and behind. */
static trib_status measure(struct trib_measuring *measuring, const struct settings *settings,
                           const struct trib_measure_group *group, trib_error *err)
{
        trib_status status;

        if (settings->requests > 0)
                return trib_measuring_count(measuring, group, settings->requests, err);
        status = trib_measuring_peaks(measuring, err);
        if (status != TRIB_OK)
                return status;
        status = trib_load_is_asked(&settings->load)
                         ? trib_measuring_load(measuring, &settings->workload, settings->threads,
                                               &settings->load, err)
                         : trib_measuring_run(measuring, group, err);
        return status == TRIB_OK ? trib_measuring_peaks(measuring, err) : status;
}

static int bench(const struct settings *settings)
{
        struct trib_measure_group group = {
                .specs = &settings->workload,
                .spec_count = 1,
                .threads = &settings->threads,
                .thread_count = 1,
                .kind = TRIB__SWEEP_THREADS,
                .warm_up_ns = trib_measuring_warm_up_ns(&settings->measure),
                .deadline = TRIB__NEVER,
        };
        struct trib_measuring measuring;
        trib_error            err = TRIB_ERROR_INIT;
        trib_status           status;
        int                   exit_status;

        if (trib_measuring_open(&measuring, "bench", &settings->measure, &group, 1, &err)
            != TRIB_OK)
                return trib_app_fail("bench", &err);
        status = measure(&measuring, settings, &group, &err);
        exit_status = trib_measuring_finish(&measuring, status, &err);
        trib_measuring_close(&measuring);
        return exit_status;
}

int trib_cmd_bench(int argc, char **argv)
{
        struct trib_app_args args = trib_app_args_of("bench", argc, argv);
        struct settings      settings = {
                     .measure = TRIB_MEASURE_OPTIONS_INIT,
                     .workload = TRIB__LOAD_SPEC_LINEAR(2048, 1024, 32),
                     .threads = 1,
                     .load = TRIB_LOAD_SETTINGS_INIT,
        };
        int                  exit_status;

        take_arguments(&args, &settings);
        if (!trib_measure_is_ready(&args, &settings.measure, QUICK_SECONDS, help_text,
                                   &exit_status))
                return exit_status;
        return bench(&settings);
}
