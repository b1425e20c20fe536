/* SPDX-License-Identifier: Apache-2.0 */
/* audit_across.c: findings that need more than one sweep, or the machine: the same workload with
 * different baselines, sizes that lose throughput, threads beyond the cores, an interrupted run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"

/* The same point in two sweeps differs when it is this much apart; within one run a busy machine
 * can do that, up to about the second mark. */
#define MISMATCH 1.10
#define MISMATCH_BEYOND_NOISE 1.50

/* Apart by about this factor, the two are in different units. */
#define UNIT_LEAST 200.0
#define UNIT_MOST 5000.0

/* Threads that have a core each keep it; off it for a larger part of the time, others used it. */
#define BUSY 0.10

bool trib__point_loses(const struct trib__point *point, const struct trib__point *lower)
{
        return point->ops_per_s < (1 - TRIB__DIFFERENCE) * lower->ops_per_s
               && !trib__points_overlap(point, lower);
}

/* Where a sweep's numbers come from, told apart from another one, with a preposition. */
static const char *origin(const struct trib__sweep *sweep, const struct trib__sweep *other,
                          char *buffer, size_t size)
{
        if (strcmp(sweep->source, other->source) != 0 && sweep->source[0] != '\0')
                (void)snprintf(buffer, size, "in %.60s", sweep->source);
        else
                (void)snprintf(buffer, size, "in the %s",
                               sweep->kind == TRIB__SWEEP_SIZES ? "sizes run" : "thread sweep");
        return buffer;
}

/* Both were measured by one run, and are no further apart than other work can bring them. */
static bool may_be_noise(const struct trib__sweep *a, const struct trib__sweep *b, double apart)
{
        return strcmp(a->source, b->source) == 0 && apart < MISMATCH_BEYOND_NOISE;
}

static trib_status report_mismatch(struct trib__results *results, const struct trib__sweep *a,
                                   const struct trib__sweep *b, trib_error *err)
{
        struct trib__finding_draft draft;
        const struct trib__point  *x = trib__sweep_find_point(a, 1);
        const struct trib__point  *y = trib__sweep_find_point(b, 1);
        const struct trib__sweep  *slow = x->ops_per_s < y->ops_per_s ? a : b;
        const struct trib__point  *best = trib__sweep_best(slow);
        double fast = fmax(x->ops_per_s, y->ops_per_s);
        double apart = fast / fmin(x->ops_per_s, y->ops_per_s);
        bool   is_noise = may_be_noise(a, b, apart);
        char   where[2][96];

        trib__finding_start(&draft, "baseline-mismatch",
                            is_noise ? TRIB__SEVERITY_WARNING : TRIB__SEVERITY_ERROR);
        trib__finding_about(&draft, results, a);
        trib__finding_about(&draft, results, b);
        trib__text_add(&draft.text,
                       "1 thread gives %s ops/s %s against %s ops/s %s, %.*fx apart for the same "
                       "point",
                       trib__grouped(x->ops_per_s).text, origin(a, b, where[0], sizeof(where[0])),
                       trib__grouped(y->ops_per_s).text, origin(b, a, where[1], sizeof(where[1])),
                       apart < MISMATCH_BEYOND_NOISE ? 2 : 1, apart);
        if (is_noise)
                trib__text_add(&draft.text, ": the machine changed between the two (other work, "
                                            "clock), so they do not compare");
        else if (apart >= UNIT_LEAST && apart <= UNIT_MOST)
                trib__text_add(&draft.text, ": about 1000 times, so one of the two is not in "
                                            "ops/s (ops/ms?)");
        else
                trib__text_add(&draft.text, ", so one of the two baselines is wrong");
        if (!is_noise && best->threads > 1 && apart < UNIT_LEAST)
                trib__text_add(&draft.text,
                               "; the speedup of %.1fx at %s %s is %.2fx against the faster one",
                               best->speedup, trib__threads_text(best->threads).text,
                               origin(slow, slow == a ? b : a, where[0], sizeof(where[0])),
                               best->ops_per_s / fast);
        return trib__finding_end(&draft, results, err);
}

static bool is_mismatch(const struct trib__sweep *a, const struct trib__sweep *b)
{
        const struct trib__point *x, *y;

        if (a->refuted[0] != '\0' || b->refuted[0] != '\0' || strcmp(a->policy, b->policy) != 0
            || strcmp(a->precision, b->precision) != 0
            || !trib__workload_is_same(&a->workload, &b->workload))
                return false;
        x = trib__sweep_find_point(a, 1);
        y = trib__sweep_find_point(b, 1);
        if (x == NULL || y == NULL || trib__points_overlap(x, y))
                return false;
        return fmax(x->ops_per_s, y->ops_per_s) > MISMATCH * fmin(x->ops_per_s, y->ops_per_s);
}

static trib_status audit_mismatch(struct trib__results *results, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < results->sweep_count && status == TRIB_OK; i++)
                for (size_t k = i + 1; k < results->sweep_count && status == TRIB_OK; k++)
                        if (results->sweeps[i]->kind != TRIB__SWEEP_LOAD
                            && results->sweeps[k]->kind != TRIB__SWEEP_LOAD
                            && is_mismatch(results->sweeps[i], results->sweeps[k]))
                                status = report_mismatch(results, results->sweeps[i],
                                                         results->sweeps[k], err);
        return status;
}

bool trib__sweep_is_same_run(const struct trib__sweep *a, const struct trib__sweep *b)
{
        return a->kind == TRIB__SWEEP_SIZES && b->kind == TRIB__SWEEP_SIZES
               && strcmp(a->policy, b->policy) == 0 && strcmp(a->source, b->source) == 0;
}

bool trib__sweep_is_first_of_run(const struct trib__results *results,
                                 const struct trib__sweep *sweep)
{
        size_t i = 0;

        while (i < results->sweep_count && !trib__sweep_is_same_run(results->sweeps[i], sweep))
                i++;
        return i < results->sweep_count && results->sweeps[i] == sweep;
}

const struct trib__sweep *trib__group_next(const struct trib__results *results,
                                           const struct trib__sweep *head, size_t *at)
{
        while (*at < results->sweep_count) {
                const struct trib__sweep *sweep = results->sweeps[(*at)++];

                if (sweep == head || trib__sweep_is_same_run(sweep, head))
                        return sweep;
        }
        return NULL;
}

static const char *short_name(const struct trib__sweep *sweep, char *buffer, size_t size)
{
        if (sweep->workload.in_features <= 0)
                return trib__workload_text(&sweep->workload, buffer, size);
        (void)snprintf(buffer, size, "%lld->%lld batch %lld",
                       (long long)sweep->workload.in_features,
                       (long long)sweep->workload.out_features, (long long)sweep->workload.batch);
        return buffer;
}

const char *trib__group_prefix(const struct trib__sweep *head, const struct trib__sweep *sweep,
                               char *buffer, size_t size)
{
        char name[400];

        buffer[0] = '\0';
        if (head->kind == TRIB__SWEEP_SIZES)
                (void)snprintf(buffer, size, "%.200s: ", short_name(sweep, name, sizeof(name)));
        return buffer;
}

static unsigned most_threads(const struct trib__results *results, const struct trib__sweep *run)
{
        unsigned most = 0;

        for (size_t i = 0; i < results->sweep_count; i++)
                for (size_t k = 0; k < results->sweeps[i]->point_count; k++)
                        if (trib__sweep_is_same_run(results->sweeps[i], run)
                            && results->sweeps[i]->points[k].threads > most)
                                most = results->sweeps[i]->points[k].threads;
        return most;
}

static void add_losing_size(struct trib__finding_draft *draft, const struct trib__sweep *sweep,
                            const struct trib__point *one, const struct trib__point *many)
{
        char name[400];

        trib__text_add(&draft->text, "%s: %s -> %s ops/s (%.2fx)",
                       short_name(sweep, name, sizeof(name)),
                       trib__grouped(one->ops_per_s).text, trib__grouped(many->ops_per_s).text,
                       many->ops_per_s / one->ops_per_s);
}

static trib_status audit_run(struct trib__results *results, const struct trib__sweep *run,
                             trib_error *err)
{
        struct trib__finding_draft draft;
        unsigned many_threads = most_threads(results, run);
        size_t   losing = 0, sizes = 0;

        for (int pass = 0; pass < 2; pass++) {
                if (pass == 1 && losing == 0)
                        return TRIB_OK;
                trib__finding_start(&draft, "loses-throughput", TRIB__SEVERITY_WARNING);
                trib__text_add(&draft.text, "%zu of %zu sizes lose throughput at %u threads%s%s: ",
                               losing, sizes, many_threads, run->policy[0] != '\0' ? ", " : "",
                               run->policy);
                losing = sizes = 0;
                for (size_t i = 0; i < results->sweep_count; i++) {
                        const struct trib__sweep *sweep = results->sweeps[i];
                        const struct trib__point *one = trib__sweep_find_point(sweep, 1);
                        const struct trib__point *many =
                                trib__sweep_find_point(sweep, many_threads);

                        if (!trib__sweep_is_same_run(sweep, run) || one == NULL || many == NULL
                            || many == one || sweep->refuted[0] != '\0')
                                continue;
                        sizes++;
                        if (!trib__point_loses(many, one))
                                continue;
                        losing++;
                        if (pass == 1 && trib__finding_item(&draft))
                                add_losing_size(&draft, sweep, one, many);
                }
        }
        trib__finding_end_list(&draft);
        trib__text_add(&draft.text, "; at these sizes use fewer threads");
        return trib__finding_end(&draft, results, err);
}

trib_status trib__audit_across(struct trib__results *results, trib_error *err)
{
        trib_status status = audit_mismatch(results, err);

        for (size_t i = 0; i < results->sweep_count && status == TRIB_OK; i++)
                if (trib__sweep_is_first_of_run(results, results->sweeps[i]))
                        status = audit_run(results, results->sweeps[i], err);
        return status;
}

static trib_status audit_interrupted(struct trib__results *results, trib_error *err)
{
        struct trib__finding_draft draft;

        if (results->is_complete)
                return TRIB_OK;
        trib__finding_start(&draft, "interrupted", TRIB__SEVERITY_WARNING);
        trib__text_add(&draft.text, "the run was interrupted: these are the points measured until "
                                    "then, with fewer rounds than planned");
        return trib__finding_end(&draft, results, err);
}

static trib_status audit_library(struct trib__results *results, trib_error *err)
{
        struct trib__finding_draft draft;

        if (strncmp(results->device.name, "cpu", 3) != 0
            || strncmp(results->device.kernel_library, "reference", 9) != 0)
                return TRIB_OK;
        trib__finding_start(&draft, "no-onednn", TRIB__SEVERITY_WARNING);
        trib__text_add(&draft.text,
                       "oneDNN was not found, so the slow reference kernels ran and these numbers "
                       "say little about the machine; install it (Debian and Ubuntu: apt install "
                       "libdnnl-dev) and run again");
        return trib__finding_end(&draft, results, err);
}

static trib_status audit_oversubscribed(struct trib__results *results, trib_error *err)
{
        struct trib__finding_draft draft;
        unsigned                   cores = results->machine.logical_cores, lowest = 0, highest = 0;

        if (cores == 0
            || (results->device.name[0] != '\0' && strncmp(results->device.name, "cpu", 3) != 0))
                return TRIB_OK;
        for (size_t i = 0; i < results->sweep_count; i++)
                for (size_t k = 0; k < results->sweeps[i]->point_count; k++) {
                        unsigned threads = results->sweeps[i]->points[k].threads;

                        if (threads > cores && (lowest == 0 || threads < lowest))
                                lowest = threads;
                        if (threads > cores && threads > highest)
                                highest = threads;
                }
        if (lowest == 0)
                return TRIB_OK;
        trib__finding_start(&draft, "oversubscribed", TRIB__SEVERITY_INFO);
        trib__text_add(&draft.text, "points of %u", lowest);
        if (highest != lowest)
                trib__text_add(&draft.text, " to %u", highest);
        trib__text_add(&draft.text,
                       " threads share %u logical core%s: they cannot raise throughput, and their "
                       "requests wait for a core, which shows as latency",
                       cores, cores == 1 ? "" : "s");
        return trib__finding_end(&draft, results, err);
}

static double off_core_of(const struct trib__point *point)
{
        for (size_t i = 0; i < point->share_count; i++)
                if (strcmp(point->shares[i].name, "descheduled") == 0)
                        return point->shares[i].fraction;
        return 0;
}

/* The point that lost its cores most, of those that have a core for each thread; NULL when none
 * did so clearly. */
static const struct trib__point *most_off_core(const struct trib__results *results)
{
        const struct trib__point *worst = NULL;

        for (size_t i = 0; i < results->sweep_count; i++)
                for (size_t k = 0; k < results->sweeps[i]->point_count; k++) {
                        const struct trib__point *point = &results->sweeps[i]->points[k];

                        if (point->threads <= results->machine.logical_cores
                            && off_core_of(point) > BUSY
                            && (worst == NULL || off_core_of(point) > off_core_of(worst)))
                                worst = point;
                }
        return worst;
}

static trib_status audit_busy(struct trib__results *results, trib_error *err)
{
        const struct trib__point  *worst = most_off_core(results);
        struct trib__finding_draft draft;

        if (worst == NULL)
                return TRIB_OK;
        trib__finding_start(&draft, "busy-machine", TRIB__SEVERITY_WARNING);
        trib__text_add(&draft.text,
                       "%s on %u logical cores waited for one %.0f %% of the time: other programs "
                       "used the machine, so throughput and peaks are too low; run again on a "
                       "quiet one",
                       trib__threads_text(worst->threads).text, results->machine.logical_cores,
                       100 * off_core_of(worst));
        return trib__finding_end(&draft, results, err);
}

/* What the reader of a file noted. */
static trib_status repeat_notes(struct trib__results *results, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < results->note_count && status == TRIB_OK; i++)
                status = trib__results_add_finding(results, &results->notes[i], err);
        return status;
}

trib_status trib__audit_environment(struct trib__results *results, trib_error *err)
{
        trib_status status = audit_interrupted(results, err);

        if (status == TRIB_OK)
                status = trib__audit_refute(results, err);
        if (status == TRIB_OK)
                status = repeat_notes(results, err);
        if (status == TRIB_OK)
                status = audit_library(results, err);
        if (status == TRIB_OK)
                status = audit_oversubscribed(results, err);
        if (status == TRIB_OK)
                status = audit_busy(results, err);
        return status;
}
