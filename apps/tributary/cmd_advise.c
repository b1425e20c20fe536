/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_advise.c: `tributary advise`: conclusions from measurements in files, from here or
 * anywhere. Reads CSV and JSON, concludes, writes; measures nothing. */
#include <stdio.h>

#include "analysis/read.h"
#include "app.h"

#define FILES_MAX 64

static const char help_text[] =
        "usage: tributary advise [OPTION]... FILE...\n"
        "\n"
        "Say how many threads to use, where throughput stops and what is wrong with the\n"
        "numbers, from measurements in CSV or JSON files: of 'tributary scale', or of\n"
        "any other program. Several files are judged together and against each other.\n"
        "\n"
        "CSV: lines that start with '#' are comments, then a header line:\n"
        "  a thread sweep   threads,ops_per_s\n"
        "  sizes            in_features,out_features,batch,threads,ops_per_s\n"
        "  more, if known   ops_per_s_ci95_low, ops_per_s_ci95_high, mean_us, p50_us,\n"
        "                   p90_us, p99_us, p999_us, max_us, requests, errors, policy\n"
        "A comment such as '# Linear 2048->1024, batch 32, fp32' says what a thread\n"
        "sweep has measured.\n"
        "\n"
        "  --workload INxOUTxBATCH  what thread sweeps measured, instead of a comment\n"
        "  --cores N                logical cores of the machine that was measured\n"
        "  --format text|json|csv|md\n"
        "  --out FILE               write there (format by its name, unless --format)\n"
        "  --quiet                  with --out: print nothing\n"
        "\n"
        "example: tributary advise examples/data/ceiling-threads.csv \\\n"
        "                          examples/data/ceiling-sizes.csv\n";

struct settings {
        struct trib_app_common common;
        struct trib__workload  workload;
        bool                   has_workload;
        unsigned               cores; /* 0 = not given */
        const char            *files[FILES_MAX];
        size_t                 file_count;
};

static void take_operand(struct trib_app_args *args, struct settings *settings)
{
        if (settings->file_count == FILES_MAX)
                trib_app_misuse(args, "at most %d files", FILES_MAX);
        else
                settings->files[settings->file_count++] = args->operand;
}

static void take_arguments(struct trib_app_args *args, struct settings *settings)
{
        while (trib_app_next(args)) {
                if (args->option == NULL)
                        take_operand(args, settings);
                else if (trib_app_is(args, "--workload"))
                        settings->has_workload =
                                trib_app_take_workload(args, &settings->workload);
                else if (trib_app_is(args, "--cores"))
                        (void)trib_app_take_unsigned(args, 1, TRIB__THREADS_MAX,
                                                     &settings->cores);
                else if (!trib_app_take_common(args, &settings->common))
                        trib_app_unexpected(args);
        }
        if (args->has_failed || settings->common.is_help)
                return;
        if (settings->common.device != NULL)
                trib_app_misuse(args, "--device: nothing is measured here, the files say it");
        else if (settings->file_count == 0)
                trib_app_misuse(args, "a file of measurements is missing");
}

static int advise(const struct settings *settings, struct trib__results *results)
{
        const struct trib__workload *workload =
                settings->has_workload ? &settings->workload : NULL;
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < settings->file_count && status == TRIB_OK; i++)
                status = trib__read_file(settings->files[i], workload, results, &err);
        if (settings->cores > 0)
                results->machine.logical_cores = settings->cores;
        if (status == TRIB_OK)
                status = trib__results_conclude(results, &err);
        if (status != TRIB_OK)
                return trib_app_fail("advise", &err);
        return trib_app_emit("advise", &settings->common, results);
}

int trib_cmd_advise(int argc, char **argv)
{
        struct trib_app_args  args = trib_app_args_of("advise", argc, argv);
        struct settings       settings = { .common = TRIB_APP_COMMON_INIT };
        struct trib__results *results;
        trib_error            err = TRIB_ERROR_INIT;
        int                   exit_status;

        take_arguments(&args, &settings);
        if (args.has_failed)
                return TRIB_EXIT_USAGE;
        if (settings.common.is_help)
                return trib_app_print_help(help_text);
        if (trib__results_create(&results, &err) != TRIB_OK)
                return trib_app_fail("advise", &err);
        exit_status = advise(&settings, results);
        trib__results_destroy(results);
        return exit_status;
}
