/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_tools.c: what the command does beside the library: drive load, read measurements,
 * conclude, and write reports. See scenario.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/read.h"
#include "base/clock.h"
#include "loadgen/loadgen.h"
#include "loadgen/workload.h"
#include "report/report.h"
#include "scenario.h"

#define THREADS 2
#define WINDOW_NS UINT64_C(100000)

/* What fails inside of a window is counted, and its first error kept. */
static trib_status first_failure(const struct trib__load_point *point, trib_error *err)
{
        if (point->errors == 0)
                return TRIB_OK;
        *err = point->first_error;
        return err->status;
}

static trib_status drive(struct trib__crew *crew, const struct trib__load_workload *workload,
                         trib_error *err)
{
        struct trib__load_point *points = calloc(2, sizeof(*points));
        struct trib__load_plan   plan = { .points = points,
                                          .point_count = 2,
                                          .rounds = 1,
                                          .window_ns = WINDOW_NS,
                                          .warm_up_ns = WINDOW_NS,
                                          .deadline = TRIB__NEVER,
                                          .seed = 1 };
        uint64_t                 first;
        trib_status              status = TRIB_OK;

        for (unsigned i = 0; points != NULL && i < 2; i++) {
                points[i].target = trib__load_workload_target(workload);
                points[i].threads = 1 + i;
        }
        if (points != NULL)
                status = trib__load_run(crew, &plan, err);
        for (unsigned i = 0; points != NULL && status == TRIB_OK && i < 2; i++)
                status = first_failure(&points[i], err);
        if (points != NULL && status == TRIB_OK) {
                memset(points, 0, sizeof(*points));
                points[0].target = trib__load_workload_target(workload);
                points[0].threads = THREADS;
                status = trib__load_count(crew, &points[0], 2, NULL, &first, err);
                if (status == TRIB_OK)
                        status = first_failure(&points[0], err);
        }
        free(points);
        return status;
}

static trib_status load(struct scenario *s, const char *spec_text, trib_error *err)
{
        const struct trib__load_options options = { .threads = THREADS,
                                                    .seed = 1,
                                                    .deadline = TRIB__NEVER };
        struct trib__load_workload     *workload = NULL;
        struct trib__load_spec          spec;
        struct trib__crew              *crew;
        trib_device                    *device = NULL;
        trib_status status = trib__crew_create(THREADS, &crew, err);

        if (status != TRIB_OK)
                return status;
        status = trib_device_open("cpu:0", NULL, &device, err);
        if (status == TRIB_OK)
                status = trib__load_spec_parse(spec_text, &spec, err);
        if (status == TRIB_OK)
                status = trib__load_workload_open(device, crew, &spec, &options, &workload, err);
        if (status == TRIB_OK)
                status = drive(crew, workload, err);
        trib__load_workload_close(workload);
        trib_device_close(device);
        trib__crew_destroy(crew);
        (void)s;
        return status;
}

trib_status scenario_load(struct scenario *s, trib_error *err)
{
        trib_status status = load(s, "8x8x2", err);

        if (status == TRIB_OK)
                status = load(s, "mlp:8x8x8x2", err);
        if (status == TRIB_OK)
                status = load(s, "lu:6x6", err);
        if (status == TRIB_OK)
                status = load(s, "sparse:8x8x50%x4", err);
        if (status == TRIB_OK)
                status = load(s, "conv:2x4x4", err);
        return status;
}

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
        if (nowhere != NULL)
                (void)fclose(nowhere);
        return status;
}

trib_status scenario_report(const char *source, const char *folder, trib_error *err)
{
        struct trib__results *results = NULL, *again = NULL;
        char                  path[4096];
        trib_status           status = trib__results_create(&results, err);

        if (status == TRIB_OK)
                status = trib__results_create(&again, err);
        (void)snprintf(path, sizeof(path), "%s/examples/data/ceiling-threads.csv", source);
        if (status == TRIB_OK)
                status = trib__read_file(path, NULL, results, err);
        (void)snprintf(path, sizeof(path), "%s/examples/data/ceiling-sizes.csv", source);
        if (status == TRIB_OK)
                status = trib__read_file(path, NULL, results, err);
        for (int i = 0; status == TRIB_OK && i < 3; i++)
                status = trib__point_add_round(&results->sweeps[0]->points[0], 1000 + i, err);
        if (status == TRIB_OK)
                status = trib__point_add_share(&results->sweeps[0]->points[0], "device", 1, err);
        if (status == TRIB_OK)
                status = trib__results_conclude(results, err);
        if (status == TRIB_OK)
                status = write_reports(results, folder, err);
        (void)snprintf(path, sizeof(path), "%s/r.json", folder);
        if (status == TRIB_OK)
                status = trib__read_file(path, NULL, again, err);
        trib__results_destroy(results);
        trib__results_destroy(again);
        return status;
}
