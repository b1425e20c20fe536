/* SPDX-License-Identifier: Apache-2.0 */
/* measurements.c: the storage of results: growing arrays with hard bounds, and what is said of a
 * workload. Holds no state, takes no lock. */
#include "analysis/measurements.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/ablation.h"
#include "analysis/analysis_priv.h"
#include "base/alloc.h"
#include "base/error.h"

/* Make room for one more of `size` bytes; *array may move. False when memory is short. */
static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
        size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
        void  *bigger;

        if (count < *capacity)
                return true;
        bigger = trib__calloc("analysis.grow", wanted, size);
        if (bigger == NULL)
                return false;
        if (count > 0)
                memcpy(bigger, *array, count * size);
        trib__free(*array);
        *array = bigger;
        *capacity = wanted;
        return true;
}

trib_status trib__results_create(struct trib__results **out, trib_error *err)
{
        struct trib__results *results;

        *out = NULL;
        results = trib__calloc("analysis.results", 1, sizeof(*results));
        if (results == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory");
        results->schema = TRIB__RESULTS_SCHEMA;
        (void)snprintf(results->tool, sizeof(results->tool), "tributary %s", trib_version());
        results->is_complete = true;
        *out = results;
        return TRIB_OK;
}

void trib__sweep_destroy(struct trib__sweep *sweep)
{
        if (sweep == NULL)
                return;
        for (size_t i = 0; i < sweep->point_count; i++) {
                trib__free(sweep->points[i].rounds);
                trib__free(sweep->points[i].shares);
        }
        trib__free(sweep->points);
        trib__free(sweep->load);
        trib__free(sweep);
}

void trib__results_destroy(struct trib__results *results)
{
        if (results == NULL)
                return;
        for (size_t i = 0; i < results->sweep_count; i++)
                trib__sweep_destroy(results->sweeps[i]);
        trib__ablations_destroy(results);
        trib__free(results->sweeps);
        trib__free(results->findings);
        trib__free(results->notes);
        trib__free(results);
}

trib_status trib__results_add_sweep(struct trib__results *results, struct trib__sweep **out,
                                    trib_error *err)
{
        struct trib__sweep *sweep;
        void               *array = results->sweeps;

        *out = NULL;
        if (results->sweep_count >= TRIB__SWEEPS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "results: at most %u sweeps fit",
                                  TRIB__SWEEPS_MAX);
        if (!grow(&array, results->sweep_count, &results->sweep_capacity, sizeof(sweep)))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for a sweep");
        results->sweeps = array;
        sweep = trib__calloc("analysis.sweep", 1, sizeof(*sweep));
        if (sweep == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for a sweep");
        results->sweeps[results->sweep_count++] = sweep;
        *out = sweep;
        return TRIB_OK;
}

struct trib__point *trib__sweep_find_point(const struct trib__sweep *sweep, unsigned threads)
{
        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].threads == threads)
                        return &sweep->points[i];
        return NULL;
}

trib_status trib__sweep_add_point(struct trib__sweep *sweep, unsigned threads,
                                  struct trib__point **out, trib_error *err)
{
        void *array = sweep->points;

        *out = NULL;
        if (threads == 0 || threads > TRIB__THREADS_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "sweep: %u threads, must be 1..%u", threads, TRIB__THREADS_MAX);
        if (trib__sweep_find_point(sweep, threads) != NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "sweep: there is already a point of %u threads", threads);
        if (sweep->point_count >= TRIB__POINTS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "sweep: at most %u thread counts fit",
                                  TRIB__POINTS_MAX);
        if (!grow(&array, sweep->point_count, &sweep->point_capacity, sizeof(**out)))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "sweep: no memory for a point");
        sweep->points = array;
        *out = &sweep->points[sweep->point_count++];
        (*out)->threads = threads;
        return TRIB_OK;
}

trib_status trib__point_add_round(struct trib__point *point, double ops_per_s, trib_error *err)
{
        void *array = point->rounds;

        if (!isfinite(ops_per_s) || ops_per_s <= 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "round: %g ops/s, must be finite and above 0", ops_per_s);
        if (point->round_count >= TRIB__ROUNDS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "point: at most %u rounds fit",
                                  TRIB__ROUNDS_MAX);
        if (!grow(&array, point->round_count, &point->round_capacity, sizeof(double)))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "point: no memory for a round");
        point->rounds = array;
        point->rounds[point->round_count++] = ops_per_s;
        return TRIB_OK;
}

trib_status trib__point_add_share(struct trib__point *point, const char *name, double us,
                                  trib_error *err)
{
        struct trib__share *share;

        if (!isfinite(us) || us < 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "share %.20s: %g us, must be finite and not below 0", name, us);
        if (point->share_count >= TRIB__SHARES_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "point: at most %u shares fit",
                                  TRIB__SHARES_MAX);
        if (point->shares == NULL)
                point->shares =
                        trib__calloc("analysis.shares", TRIB__SHARES_MAX, sizeof(*share));
        if (point->shares == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "point: no memory for its shares");
        share = &point->shares[point->share_count++];
        (void)snprintf(share->name, sizeof(share->name), "%s", name);
        share->us = us;
        return TRIB_OK;
}

trib_status trib__results_adopt(struct trib__results *into, struct trib__results *from,
                                trib_error *err)
{
        void  *array = into->sweeps;
        size_t notes = into->note_count;

        if (into->sweep_count + from->sweep_count > TRIB__SWEEPS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "results: at most %u sweeps fit",
                                  TRIB__SWEEPS_MAX);
        for (size_t i = 0; i < from->note_count; i++) {
                trib_status status = trib__results_note(into, &from->notes[i], err);

                if (status != TRIB_OK) {
                        into->note_count = notes;
                        return status;
                }
        }
        for (size_t i = 0; i < from->sweep_count; i++) {
                if (!grow(&array, into->sweep_count + i, &into->sweep_capacity,
                          sizeof(from->sweeps[i]))) {
                        into->note_count = notes;
                        return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory");
                }
                into->sweeps = array;
                into->sweeps[into->sweep_count + i] = from->sweeps[i];
        }
        into->sweep_count += from->sweep_count;
        from->sweep_count = 0;
        trib__ablations_adopt(into, from);
        into->is_complete = into->is_complete && from->is_complete;
        return TRIB_OK;
}

trib_status trib__results_note(struct trib__results *results, const struct trib__finding *note,
                               trib_error *err)
{
        void *array = results->notes;

        if (results->note_count >= TRIB__FINDINGS_MAX)
                return TRIB_OK;
        if (!grow(&array, results->note_count, &results->note_capacity, sizeof(*note)))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for a finding");
        results->notes = array;
        results->notes[results->note_count++] = *note;
        return TRIB_OK;
}

trib_status trib__results_add_finding(struct trib__results *results,
                                      const struct trib__finding *finding, trib_error *err)
{
        void *array = results->findings;

        if (results->finding_count >= TRIB__FINDINGS_MAX)
                return TRIB_OK;
        if (!grow(&array, results->finding_count, &results->finding_capacity, sizeof(*finding)))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for a finding");
        results->findings = array;
        results->findings[results->finding_count++] = *finding;
        return TRIB_OK;
}

const char *trib__workload_text(const struct trib__workload *workload, char *buffer, size_t size)
{
        struct trib__text text = trib__text_of(buffer, size);

        if (workload->model[0] != '\0')
                trib__text_add(&text, "%s", workload->model);
        else if (workload->in_features <= 0)
                trib__text_add(&text, "%s",
                               workload->kind[0] != '\0' ? workload->kind : "workload");
        else
                trib__text_add(&text, "%s %lld->%lld",
                               strcmp(workload->kind, "linear") == 0 ? "Linear" : workload->kind,
                               (long long)workload->in_features,
                               (long long)workload->out_features);
        if (workload->batch > 0)
                trib__text_add(&text, ", batch %lld", (long long)workload->batch);
        if (workload->dtype[0] != '\0')
                trib__text_add(&text, ", %s", workload->dtype);
        return buffer;
}

/* Of two counts of arithmetic; 0 is not known. */
static bool are_apart(double a, double b)
{
        return a > 0 && b > 0 && fabs(a - b) > 1e-6 * fmax(a, b);
}

bool trib__workload_is_same(const struct trib__workload *a, const struct trib__workload *b)
{
        if (a->kind[0] == '\0' || strcmp(a->kind, b->kind) != 0)
                return false;
        if (a->dtype[0] != '\0' && b->dtype[0] != '\0' && strcmp(a->dtype, b->dtype) != 0)
                return false;
        /* Kinds have sizes that are not told here, such as the rows of a transformer. */
        if (are_apart(a->flops_per_op, b->flops_per_op))
                return false;
        return strcmp(a->model, b->model) == 0 && a->in_features == b->in_features
               && a->out_features == b->out_features && a->batch == b->batch;
}

const char *trib__severity_name(trib__severity severity)
{
        switch (severity) {
        case TRIB__SEVERITY_INFO:
                return "info";
        case TRIB__SEVERITY_WARNING:
                return "warning";
        case TRIB__SEVERITY_ERROR:
                return "error";
        }
        return "?";
}
