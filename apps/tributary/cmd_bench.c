/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench.c: `tributary bench`: one workload under one fixed setting. */
#include "app.h"
#include "base/clock.h"
#include "measuring.h"

#define REQUESTS_MAX 1000000000u
#define QUICK_SECONDS 1.0

static const char help_text[] =
        "usage: tributary bench [OPTION]...\n"
        "\n"
        "Measure one workload under one fixed setting: throughput, latency, and where a\n"
        "request's time goes. With --requests nothing is warmed up, and the time from the\n"
        "start of the program to the first answer is told.\n"
        "\n"
        "  --workload WORKLOAD       INxOUTxBATCH (2048x1024x32), that is a linear layer;\n"
        "                            mlp:INxHIDDENxOUTxBATCH;\n"
        "                            transformer:ROWSxWIDTHxHEADS[xBATCH], a block;\n"
        "                            conv:CHANNELSxROWSxCOLUMNS[xBATCH], a residual block\n"
        "                            of 3x3 convolutions; lu:ROWSxCOLUMNS[xBATCH],\n"
        "                            LU factorisation; sparse times dense:\n"
        "                            sparse:ROWSxCOLUMNSxDENSITY%xWIDTH, such as\n"
        "                            sparse:4096x4096x1%x32; or noop, which computes\n"
        "                            nothing and shows what a request costs by itself\n"
        "  --threads N               1 to 1024 (1)\n"
        "  --seconds S               measured time, all rounds together (2.5)\n"
        "  --rounds N                windows, 3 to 100 (5)\n"
        "  --requests N              instead: N requests of each thread, from cold\n"
        "  --device NAME             cpu:0; see 'tributary devices'\n"
        "  --precision high|medium   medium: fp32 in and out, bf16 inside\n"
        "  --seed N                  of data (1)\n"
        "  --streams N               at most N streams, 1 to 64\n"
        "  --stream-policy share|wait|fail   of threads that find no free stream\n"
        "  --quick                   one second\n"
        "  --format text|json|csv|md\n"
        "  --out FILE                write there (format by its name, unless --format)\n"
        "  --quiet                   no progress bar; with --out: print nothing\n"
        "\n"
        "example: tributary bench --workload 1024x512x16 --threads 4\n";

struct settings {
        struct trib_measure_options measure;
        struct trib__load_spec      workload;
        unsigned                    threads;
        unsigned                    requests; /* 0 = by time */
};

static void take_arguments(struct trib_app_args *args, struct settings *settings)
{
        while (trib_app_next(args)) {
                if (trib_app_is(args, "--threads"))
                        (void)trib_app_take_unsigned(args, 1, TRIB__LOAD_THREADS_MAX,
                                                     &settings->threads);
                else if (trib_app_is(args, "--workload"))
                        (void)trib_measure_take_spec(args, &settings->workload);
                else if (trib_app_is(args, "--requests"))
                        (void)trib_app_take_unsigned(args, 1, REQUESTS_MAX, &settings->requests);
                else if (!trib_measure_take(args, &settings->measure))
                        trib_app_unexpected(args);
        }
        if (!args->has_failed && settings->requests > 0
            && (settings->measure.has_rounds || settings->measure.has_seconds
                || settings->measure.is_quick))
                trib_app_misuse(args, "--requests does not go with --seconds, --rounds or --quick");
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
        if (settings->requests > 0) {
                status = trib_measuring_count(&measuring, &group, settings->requests, &err);
        } else {
                status = trib_measuring_peaks(&measuring, &err);
                if (status == TRIB_OK)
                        status = trib_measuring_run(&measuring, &group, &err);
                if (status == TRIB_OK)
                        status = trib_measuring_peaks(&measuring, &err);
        }
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
        };
        int                  exit_status;

        take_arguments(&args, &settings);
        if (!trib_measure_is_ready(&args, &settings.measure, QUICK_SECONDS, help_text,
                                   &exit_status))
                return exit_status;
        return bench(&settings);
}
