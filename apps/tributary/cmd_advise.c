/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_advise.c: `tributary advise`: conclusions from measurements in files, from here or
 * anywhere. Reads CSV and JSON, concludes, writes; measures nothing. */
#include <stdio.h>

#include "analysis/read.h"
#include "app.h"
#include "report/report_compare.h"

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
        "  --compare BEFORE         what became slower or faster since then, point by\n"
        "                           point, with 95 % intervals\n"
        "  --fail-on-regression     with --compare: exit status 1 if a point is slower\n"
        "  --format text|json|csv|md\n"
        "  --out FILE, --out FOLDER/   write there; a folder gets all formats and a page\n"
        "  --plot auto|always|never plots in the text (auto: on a wide terminal)\n"
        "  --quiet                  with --out: print nothing\n"
        "\n"
        "example: tributary advise examples/data/ceiling-threads.csv\n";

struct settings {
        struct trib_app_common common;
        struct trib__workload  workload;
        bool                   has_workload;
        unsigned               cores; /* 0 = not given */
        const char            *before; /* --compare; NULL = not given */
        bool                   fails_on_regression;
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
                else if (trib_app_is(args, "--compare"))
                        settings->before = trib_app_value(args);
                else if (trib_app_is(args, "--fail-on-regression"))
                        settings->fails_on_regression = true;
                else if (!trib_app_take_common(args, &settings->common))
                        trib_app_unexpected(args);
        }
        if (args->has_failed || settings->common.is_help)
                return;
        if (settings->common.device != NULL)
                trib_app_misuse(args, "--device: nothing is measured here, the files say it");
        else if (settings->file_count == 0 && settings->before != NULL)
                trib_app_misuse(args, "--compare: a second file is missing, the run after");
        else if (settings->file_count == 0)
                trib_app_misuse(args, "a file of measurements is missing");
        else if (settings->fails_on_regression && settings->before == NULL)
                trib_app_misuse(args, "--fail-on-regression needs --compare");
        else if (settings->before != NULL)
                trib_app_need_plain_out(args, &settings->common);
}

/* Read some files and conclude. */
static trib_status read_all(const struct settings *settings, const char *const *files,
                            size_t count, struct trib__results *results, trib_error *err)
{
        const struct trib__workload *workload =
                settings->has_workload ? &settings->workload : NULL;
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < count && status == TRIB_OK; i++)
                status = trib__read_file(files[i], workload, results, err);
        if (settings->cores > 0)
                results->machine.logical_cores = settings->cores;
        if (status == TRIB_OK)
                status = trib__results_conclude(results, err);
        return status;
}

static trib_status write_comparison(const struct settings *settings,
                                    const struct trib__comparison *comparison, trib_error *err)
{
        const struct trib_app_common *common = &settings->common;
        struct trib__report_style     style = { .format = common->format };
        trib_status                   status = TRIB_OK;

        if (common->out != NULL) {
                if (!common->has_format)
                        style.format = trib__report_format_of_file(common->out);
                status = trib__report_comparison(comparison, &style, common->out, stdout, err);
                style.format = TRIB__REPORT_TEXT;
        }
        if (status == TRIB_OK && (common->out == NULL || !common->is_quiet))
                status = trib__report_comparison(comparison, &style, NULL, stdout, err);
        return status;
}

/* The files against the one of --compare. */
static int compare(const struct settings *settings, const struct trib__results *after)
{
        struct trib__comparison comparison = { .count = 0 };
        struct trib__results   *before;
        trib_error              err = TRIB_ERROR_INIT;
        int                     exit_status = TRIB_EXIT_DONE;
        trib_status             status = trib__results_create(&before, &err);

        if (status == TRIB_OK)
                status = read_all(settings, &settings->before, 1, before, &err);
        if (status == TRIB_OK)
                status = trib__compare(before, after, &comparison, &err);
        if (status == TRIB_OK)
                status = write_comparison(settings, &comparison, &err);
        if (status != TRIB_OK)
                exit_status = trib_app_fail("advise", &err);
        else if (settings->fails_on_regression && comparison.regressions > 0)
                exit_status = TRIB_EXIT_FAILED;
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        return exit_status;
}

static int advise(const struct settings *settings, struct trib__results *results)
{
        trib_error err = TRIB_ERROR_INIT;

        if (read_all(settings, settings->files, settings->file_count, results, &err) != TRIB_OK)
                return trib_app_fail("advise", &err);
        if (settings->before != NULL)
                return compare(settings, results);
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
