/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_tools.c: what the command does beside the library to measure: drive load, and keep
 * peaks. See scenario.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loadgen/loadgen.h"
#include "loadgen/open_loop.h"
#include "loadgen/peaks_cache.h"
#include "loadgen/queries.h"
#include "loadgen/workload.h"
#include "scenario.h"

#define THREADS 2
#define WINDOW_NS UINT64_C(100000)
#define ARRIVALS_PER_S 2e4
#define DRAIN_NS UINT64_C(1000000000)

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

/* Requests that come by the clock, and queries of several samples. */
static trib_status drive_by_clock(struct trib__crew *crew,
                                  const struct trib__load_workload *workload, trib_error *err)
{
        const struct trib__target   *target = trib__load_workload_target(workload);
        struct trib__open_result    *seen = calloc(1, sizeof(*seen));
        struct trib__queries_result *queries = calloc(1, sizeof(*queries));
        const struct trib__open_plan open = {
                .target = target,
                .threads = THREADS,
                .arrivals = { TRIB__ARRIVALS_CONSTANT, ARRIVALS_PER_S, 1 },
                .rounds = 1,
                .window_ns = 2 * WINDOW_NS,
                .settle_ns = WINDOW_NS,
                .drain_ns = DRAIN_NS,
                .deadline = TRIB__NEVER
        };
        const struct trib__queries_plan asked = { .target = target,
                                                  .threads = THREADS,
                                                  .samples = 3,
                                                  .window_ns = WINDOW_NS };
        trib_status status = TRIB_OK;

        if (seen != NULL && queries != NULL)
                status = trib__open_run(crew, &open, seen, err);
        if (seen != NULL && status == TRIB_OK && seen->errors > 0) {
                *err = seen->first_error;
                status = err->status;
        }
        if (seen != NULL && queries != NULL && status == TRIB_OK)
                status = trib__queries_run(crew, &asked, queries, err);
        if (queries != NULL && status == TRIB_OK && queries->errors > 0) {
                *err = queries->first_error;
                status = err->status;
        }
        free(seen);
        free(queries);
        return status;
}

static trib_status load(const char *spec_text, bool has_clock, trib_error *err)
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
        if (status == TRIB_OK && has_clock)
                status = drive_by_clock(crew, workload, err);
        trib__load_workload_close(workload);
        trib_device_close(device);
        trib__crew_destroy(crew);
        return status;
}

trib_status scenario_load(trib_error *err)
{
        trib_status status = load("8x8x2", true, err);

        if (status == TRIB_OK)
                status = load("mlp:8x8x8x2", false, err);
        if (status == TRIB_OK)
                status = load("lu:6x6", false, err);
        if (status == TRIB_OK)
                status = load("lu:257x2", false, err); /* larger ones are LAPACKE's */
        if (status == TRIB_OK)
                status = load("sparse:8x8x50%x4", false, err);
        if (status == TRIB_OK)
                status = load("conv:2x4x4", false, err);
        return status;
}

trib_status scenario_peaks(const char *folder, trib_error *err)
{
        const struct trib__peaks_key key = { "processor", "cpu:0", "library", "tool", "os", 2 };
        const trib_device_peaks      peaks = { .flops_f32 = 1e9, .bytes_per_s = 1e9 };
        trib_device_peaks            out;
        double                       age;
        char                         path[TRIB__PEAKS_PATH_BYTES];
        trib_status                  status;

        if (!trib__peaks_path(&key, folder, NULL, path))
                return TRIB_INTERNAL;
        status = trib__peaks_store(path, &key, 1, &peaks, err);
        if (status == TRIB_OK)
                status = trib__peaks_load(path, &key, 2, &out, &age, err);
        if (status == TRIB_OK && out.flops_f32 != peaks.flops_f32)
                return TRIB_INTERNAL;
        return status;
}
