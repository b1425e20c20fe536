/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_report.c: what the command does once it has measured: conclude, compare, plan what to
 * measure next, and write reports. See scenario.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/ablation.h"
#include "analysis/compare.h"
#include "analysis/planner.h"
#include "analysis/read.h"
#include "base/clock.h"
#include "loadgen/recorder.h"
#include "report/plot.h"
#include "report/report.h"
#include "report/report_compare.h"
#include "report/report_trace.h"
#include "report/terminal.h"
#include "scenario.h"

#define POINTS 2 /* threads 1 and 2 */
#define ROUNDS 3
#define SETTINGS 3
#define WINDOWS 4 /* that are planned, at most */

/* ---- reports ---------------------------------------------------------------------------- */

static trib_status write_reports(const struct trib__results *results, const char *folder,
                                 trib_error *err)
{
        static const char *const  names[] = { "r.txt", "r.json", "r.csv", "r.md" };
        struct trib__report_style style = { TRIB__REPORT_TEXT, 0 };
        char                      path[256];
        FILE                     *nowhere;
        trib_status               status = TRIB_OK;

        for (size_t i = 0; status == TRIB_OK && i < 4; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                style.format = trib__report_format_of_file(path);
                status = trib__report_write_file(results, &style, path, err);
        }
        if (status == TRIB_OK)
                status = trib__report_write_file(results, &style, "/dev/null", err);
        nowhere = fopen("/dev/null", "we");
        if (nowhere != NULL && status == TRIB_OK)
                status = trib__report_write(results, &style, nowhere, err);
        if (nowhere != NULL && status == TRIB_OK)
                status = trib__report_write_bytes(NULL, nowhere, "text", 4, err);
        if (nowhere != NULL && status == TRIB_OK)
                status = trib__report_terminal(results, &(struct trib__terminal){ 0 }, nowhere,
                                               err);
        if (nowhere != NULL)
                (void)fclose(nowhere);
        return status;
}

/* So that the next one is made anew. */
static void remove_folder(const char *folder)
{
        static const char *const names[] = { "results.json", "tables.csv", "report.md",
                                             "report.html" };
        char path[300];

        for (size_t i = 0; i < 4; i++) {
                (void)snprintf(path, sizeof(path), "%s%s", folder, names[i]);
                (void)unlink(path);
        }
        (void)rmdir(folder);
}

/* The page with a picture, and what goes into a folder. */
static trib_status write_folder(const struct trib__results *results, const char *folder,
                                trib_error *err)
{
        static const char  svg[] = "<svg viewBox='0 0 9 9'><rect x='1'/></svg>";
        struct trib__plots plots;
        char               path[256];
        trib_status        status = trib__plots_create(results, &plots, err);

        if (status == TRIB_OK)
                status = trib__plots_take_svg(&plots, 0, TRIB__PLOT_WIDE, svg, strlen(svg), err);
        (void)snprintf(path, sizeof(path), "%s/r.all/", folder);
        if (status == TRIB_OK)
                status = trib__report_write_folder(results, &plots, path, err);
        remove_folder(path);
        trib__plots_release(&plots);
        return status;
}

/* A recorder of one request, as a trace. */
static trib_status write_trace(const struct trib__results *results, const char *folder,
                               trib_error *err)
{
        struct trib__recorder     *recorder;
        struct trib__trace_content content = { results, NULL };
        char                       path[256];
        struct trib__report_file   file = { path, trib__report_trace, &content };
        trib_status                status = trib__recorder_create(1, 1, &recorder, err);

        if (status != TRIB_OK)
                return status;
        (void)snprintf(path, sizeof(path), "%s/r.trace", folder);
        trib__recorder_stage(recorder, "stage");
        trib__recorder_add(recorder, 0, trib__now(), trib__now() + 1, TRIB_OK);
        trib__recorder_end(recorder);
        content.recorder = recorder;
        status = trib__report_write_files(&file, 1, err);
        trib__recorder_destroy(recorder);
        return status;
}

/* Against itself: every point is the same. */
static trib_status write_comparison(const struct trib__results *results, const char *folder,
                                    trib_error *err)
{
        static const char *const  names[] = { "r.both.txt", "r.both.json" };
        struct trib__report_style style = { TRIB__REPORT_TEXT, 0 };
        struct trib__comparison   comparison;
        char                      path[256];
        trib_status status = trib__compare(results, results, &comparison, err);

        if (status != TRIB_OK)
                return status;
        if (comparison.count == 0 || comparison.regressions > 0)
                status = TRIB_INTERNAL;
        for (size_t i = 0; status == TRIB_OK && i < 2; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                style.format = trib__report_format_of_file(path);
                status = trib__report_comparison(&comparison, &style, path, NULL, err);
        }
        trib__comparison_release(&comparison);
        return status;
}

/* ---- results ---------------------------------------------------------------------------- */

static trib_status add_points(struct trib__sweep *sweep, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (unsigned threads = 1; status == TRIB_OK && threads <= POINTS; threads++) {
                struct trib__point *point = NULL;

                status = trib__sweep_add_point(sweep, threads, &point, err);
                for (unsigned i = 0; status == TRIB_OK && i < ROUNDS; i++)
                        status = trib__point_add_round(point, threads * (1000.0 + i), err);
                if (status == TRIB_OK)
                        status = trib__point_add_share(point, "device", 900, err);
        }
        return status;
}

static trib_status add_load(struct trib__results *results, trib_error *err)
{
        struct trib__sweep *sweep;
        struct trib__point *point = NULL;
        struct trib__load  *load;
        trib_status         status = trib__results_add_sweep(results, &sweep, err);

        if (status != TRIB_OK)
                return status;
        (void)trib__workload_parse("8x8x2", &sweep->workload);
        status = trib__sweep_set_load(sweep, &load, err);
        if (status == TRIB_OK)
                status = trib__sweep_add_point(sweep, POINTS, &point, err);
        for (unsigned i = 0; status == TRIB_OK && i < ROUNDS; i++)
                status = trib__point_add_round(point, 100.0 + i, err);
        if (status == TRIB_OK) {
                (void)snprintf(load->arrivals, sizeof(load->arrivals), "poisson");
                load->rate = 100;
                load->intended = 100;
                load->measured_seconds = 1;
        }
        return status;
}

static trib_status add_ablation(struct trib__results *results, trib_error *err)
{
        static const char *const values[] = { "on", "off" };
        struct trib__ablation   *ablation;
        struct trib__variant    *variant;
        trib_status status = trib__results_add_ablation(results, "merge", &ablation, err);

        for (size_t i = 0; status == TRIB_OK && i < 2; i++) {
                status = trib__ablation_add_variant(ablation, values[i], &variant, err);
                if (status != TRIB_OK)
                        break;
                (void)trib__workload_parse("8x8x2", &variant->sweep->workload);
                status = add_points(variant->sweep, err);
        }
        return status;
}

/* A sweep over threads, a stated load, an ablation: one of each. */
static trib_status fill(struct trib__results *results, trib_error *err)
{
        struct trib__sweep *sweep;
        trib_status         status = trib__results_add_sweep(results, &sweep, err);

        if (status != TRIB_OK)
                return status;
        (void)trib__workload_parse("8x8x2", &sweep->workload);
        status = add_points(sweep, err);
        if (status == TRIB_OK)
                status = add_load(results, err);
        if (status == TRIB_OK)
                status = add_ablation(results, err);
        if (status == TRIB_OK)
                status = trib__results_conclude(results, err);
        return status;
}

/* Everything came back that went out. */
static trib_status read_back(const struct trib__results *results, const char *folder,
                             trib_error *err)
{
        struct trib__results *again;
        char                  path[256];
        trib_status           status = trib__results_create(&again, err);

        if (status != TRIB_OK)
                return status;
        (void)snprintf(path, sizeof(path), "%s/r.json", folder);
        status = trib__read_file(path, NULL, again, err);
        if (status == TRIB_OK && (again->sweep_count != results->sweep_count ||
                                  again->ablation_count != results->ablation_count))
                status = TRIB_INTERNAL;
        trib__results_destroy(again);
        return status;
}

trib_status scenario_report(const char *folder, trib_error *err)
{
        struct trib__results *results;
        trib_status           status = trib__results_create(&results, err);

        if (status != TRIB_OK)
                return status;
        status = fill(results, err);
        if (status == TRIB_OK)
                status = write_reports(results, folder, err);
        if (status == TRIB_OK)
                status = write_folder(results, folder, err);
        if (status == TRIB_OK)
                status = write_trace(results, folder, err);
        if (status == TRIB_OK)
                status = write_comparison(results, folder, err);
        if (status == TRIB_OK)
                status = read_back(results, folder, err);
        trib__results_destroy(results);
        return status;
}

/* ---- numbers of others, and plans -------------------------------------------------------- */

trib_status scenario_advice(const char *source, trib_error *err)
{
        static const char *const names[] = { "ceiling-threads", "ceiling-sizes" };
        struct trib__results    *results;
        char                     path[4096];
        trib_status              status = trib__results_create(&results, err);

        for (size_t i = 0; status == TRIB_OK && i < 2; i++) {
                (void)snprintf(path, sizeof(path), "%s/examples/data/%s.csv", source, names[i]);
                status = trib__read_file(path, NULL, results, err);
        }
        if (status == TRIB_OK)
                status = trib__results_conclude(results, err);
        trib__results_destroy(results);
        return status;
}

trib_status scenario_plan(trib_error *err)
{
        static const struct trib__setting settings[SETTINGS] = { { 1, 1, 0 },
                                                                 { 2, 1, 0 },
                                                                 { 2, 4, 1 } };
        const struct trib__planner_options options = { .settings = settings,
                                                       .count = SETTINGS,
                                                       .windows = 2,
                                                       .window_s = 1,
                                                       .budget_s = 100,
                                                       .slo_us = 1e4,
                                                       .seed = 1 };
        struct trib__planner *planner;
        struct trib__choice   choice;
        size_t                setting;
        trib_status           status = trib__planner_create(&options, &planner, err);

        if (status != TRIB_OK)
                return status;
        for (int i = 0; i < WINDOWS && trib__planner_next(planner, &setting); i++) {
                struct trib__seen seen = { setting, 1000.0 * settings[setting].threads, 2000, 1 };

                trib__planner_add(planner, &seen);
        }
        if (!trib__planner_choose(planner, TRIB__GOAL_BATCH, &choice))
                status = TRIB_INTERNAL;
        trib__planner_destroy(planner);
        return status;
}
