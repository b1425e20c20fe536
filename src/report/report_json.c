/* SPDX-License-Identifier: Apache-2.0 */
/* report_json.c: results as JSON of schema 1. The keys are a contract: none is renamed, more may
 * come. What is not known is absent or null, never a made-up number.
 *
 * Values go in by json_object_set_new, which frees the value when memory is short and says so; the
 * first such failure is kept in `writer` and reported once. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "report/report_priv.h"

/* 17 digits give a reader every double back exactly, and so the same conclusions to the digit. */
#define JSON_STYLE (JSON_INDENT(2) | JSON_REAL_PRECISION(17))

struct writer {
        bool has_failed; /* memory was short */
};

static void set(struct writer *writer, json_t *object, const char *key, json_t *value)
{
        if (value == NULL || json_object_set_new(object, key, value) != 0)
                writer->has_failed = true;
}

static void append(struct writer *writer, json_t *array, json_t *value)
{
        if (value == NULL || json_array_append_new(array, value) != 0)
                writer->has_failed = true;
}

static json_t *number(double value)
{
        return isfinite(value) ? json_real(value) : json_null();
}

/* Text that came from outside may not be UTF-8; JSON must be. */
static json_t *text(const char *value)
{
        json_t *as_it_is = json_string(value);
        char    clean[1024];
        size_t  i;

        if (as_it_is != NULL)
                return as_it_is;
        for (i = 0; value[i] != '\0' && i + 1 < sizeof(clean); i++)
                clean[i] = (unsigned char)value[i] < 128 ? value[i] : '?';
        clean[i] = '\0';
        return json_string(clean);
}

/* Null for what was not measured or cannot be concluded. */
static json_t *positive(double value)
{
        return value > 0 ? number(value) : json_null();
}

static json_t *pair(struct writer *writer, const double values[2])
{
        json_t *array = json_array();

        append(writer, array, number(values[0]));
        append(writer, array, number(values[1]));
        return array;
}

static json_t *whole(uint64_t value)
{
        return json_integer((json_int_t)value);
}

static json_t *machine_of(struct writer *writer, const struct trib__machine *machine)
{
        json_t *object = json_object();

        set(writer, object, "cpu_model", text(machine->cpu_model));
        set(writer, object, "logical_cores", whole(machine->logical_cores));
        set(writer, object, "physical_cores", whole(machine->physical_cores));
        set(writer, object, "memory_bytes", whole(machine->memory_bytes));
        set(writer, object, "os", text(machine->os));
        return object;
}

/* Each under its own name; what was not measured is null. */
static void add_peaks(struct writer *writer, json_t *object, const struct trib__peaks *peaks)
{
#define ADD_PEAK(name) set(writer, object, #name, positive(peaks->name));
        TRIB__PEAK_MEMBERS(ADD_PEAK)
#undef ADD_PEAK
        if (peaks->source[0] != '\0')
                set(writer, object, "source", text(peaks->source));
        if (strcmp(peaks->source, "cached") == 0)
                set(writer, object, "age_s", number(peaks->age_s));
}

static json_t *device_of(struct writer *writer, const struct trib__device_facts *device)
{
        json_t *object = json_object(), *peaks = json_object();

        set(writer, object, "name", text(device->name));
        set(writer, object, "text", text(device->text));
        set(writer, object, "kernel_library", text(device->kernel_library));
        set(writer, object, "precision", text(device->precision));
        if (device->host_cores > 0)
                set(writer, object, "host_cores", whole(device->host_cores));
        set(writer, peaks, "flops_per_s_unit", positive(device->peaks.flops_per_s_unit));
        set(writer, peaks, "parallel_units", whole(device->peaks.parallel_units));
        set(writer, peaks, "flops_per_s", positive(device->peaks.flops_per_s));
        set(writer, peaks, "bytes_per_s", positive(device->peaks.bytes_per_s));
        set(writer, peaks, "cache_bytes", positive(device->peaks.cache_bytes));
        set(writer, peaks, "submissions_per_s", positive(device->peaks.submissions_per_s));
        add_peaks(writer, peaks, &device->peaks);
        set(writer, object, "peaks", peaks);
        return object;
}

static void add_operators(struct writer *writer, json_t *object,
                          const struct trib__workload *workload)
{
        json_t *array = json_array();

        for (size_t i = 0; i < workload->operator_count; i++) {
                const struct trib__operator_cost *cost = &workload->operators[i];
                json_t                           *value = json_object();

                set(writer, value, "name", text(cost->name));
                set(writer, value, "dtype", text(cost->dtype));
                set(writer, value, "count", number(cost->count));
                set(writer, value, "flops", number(cost->flops));
                set(writer, value, "bytes", number(cost->bytes));
                set(writer, value, "shared_bytes", number(cost->shared_bytes));
                append(writer, array, value);
        }
        set(writer, object, "operators", array);
}

static json_t *workload_of(struct writer *writer, const struct trib__workload *workload)
{
        json_t *object = json_object();

        set(writer, object, "kind", text(workload->kind));
        if (workload->model[0] != '\0')
                set(writer, object, "model", text(workload->model));
        if (workload->in_features > 0) {
                set(writer, object, "in_features", json_integer(workload->in_features));
                set(writer, object, "out_features", json_integer(workload->out_features));
        }
        if (workload->batch > 0)
                set(writer, object, "batch", json_integer(workload->batch));
        set(writer, object, "dtype", text(workload->dtype));
        set(writer, object, "flops_per_op", positive(workload->flops_per_op));
        set(writer, object, "bytes_per_op", positive(workload->bytes_per_op));
        set(writer, object, "submissions_per_op", positive(workload->submissions_per_op));
        if (workload->serial_steps > 0)
                set(writer, object, "serial_steps", number(workload->serial_steps));
        if (workload->operator_count > 0)
                add_operators(writer, object, workload);
        return object;
}

static void add_shares(struct writer *writer, json_t *object, const struct trib__point *point)
{
        json_t *fractions = json_object(), *in_us;
        bool    has_us = false;

        for (size_t i = 0; i < point->share_count; i++)
                set(writer, fractions, point->shares[i].name, number(point->shares[i].fraction));
        set(writer, object, "shares", fractions);
        for (size_t i = 0; i < point->share_count; i++)
                has_us = has_us || point->shares[i].us > 0;
        if (!has_us)
                return;
        in_us = json_object();
        for (size_t i = 0; i < point->share_count; i++)
                set(writer, in_us, point->shares[i].name, number(point->shares[i].us));
        set(writer, object, "shares_us", in_us);
}

/* What a request takes of each unit, where something told it. */
static void add_demands(struct writer *writer, json_t *object,
                        const struct trib__demands_us *us)
{
        const struct {
                const char *name;
                double      us;
        } parts[] = { { "cores", us->cores }, { "lock", us->lock },
                      { "serial", us->serial }, { "copy", us->copy },
                      { "submission", us->submission }, { "device", us->device } };
        json_t *value = NULL;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (!(parts[i].us > 0))
                        continue;
                if (value == NULL)
                        value = json_object();
                set(writer, value, parts[i].name, number(parts[i].us));
        }
        if (value != NULL)
                set(writer, object, "demands_us", value);
}

static json_t *point_of(struct writer *writer, const struct trib__point *point)
{
        const struct trib__latency_us *us = &point->latency_us;
        json_t *object = json_object(), *latency = json_object();

        set(writer, object, "threads", whole(point->threads));
        set(writer, object, "ops_per_s", number(point->ops_per_s));
        set(writer, object, "ops_per_s_ci95",
            point->ops_per_s_ci95[1] > 0 ? pair(writer, point->ops_per_s_ci95) : json_null());
        if (point->round_count > 0) {
                json_t *rounds = json_array();

                for (size_t i = 0; i < point->round_count; i++)
                        append(writer, rounds, number(point->rounds[i]));
                set(writer, object, "rounds", rounds);
        }
        set(writer, object, "speedup", positive(point->speedup));
        set(writer, object, "efficiency", positive(point->efficiency));
        set(writer, object, "percent_of_limit", positive(point->percent_of_limit));
        set(writer, latency, "mean", positive(us->mean));
        set(writer, latency, "p50", positive(us->p50));
        set(writer, latency, "p90", positive(us->p90));
        set(writer, latency, "p99", positive(us->p99));
        set(writer, latency, "p999", positive(us->p999));
        set(writer, latency, "max", positive(us->max));
        set(writer, object, "latency_us", latency);
        set(writer, object, "requests", whole(point->requests));
        set(writer, object, "errors", whole(point->errors));
        add_shares(writer, object, point);
        add_demands(writer, object, &point->demands_us);
        return object;
}

static void add_fit(struct writer *writer, json_t *object, const struct trib__fit *fit)
{
        static const char *const names[] = { "lambda", "sigma", "kappa" };
        json_t                  *value, *intervals, *errors;

        if (!fit->is_present) {
                set(writer, object, "fit", json_null());
                set(writer, object, "fit_reason", text(fit->reason));
                return;
        }
        value = json_object();
        intervals = json_object();
        errors = json_object();
        set(writer, value, "lambda", number(fit->lambda));
        set(writer, value, "sigma", number(fit->sigma));
        set(writer, value, "kappa", number(fit->kappa));
        set(writer, value, "peak_threads", positive(fit->peak_threads));
        set(writer, value, "r2", number(fit->r2));
        set(writer, value, "law", text(fit->law));
        set(writer, value, "law_why", text(fit->law_why));
        set(writer, value, "peak_ci95",
            fit->peak_ci95[0] > 0 ? pair(writer, fit->peak_ci95) : json_null());
        for (int i = 0; i < 3; i++) {
                set(writer, intervals, names[i], pair(writer, fit->ci95[i]));
                set(writer, errors, names[i], number(fit->se[i]));
        }
        set(writer, value, "ci95", intervals);
        set(writer, value, "standard_errors", errors);
        set(writer, object, "fit", value);
}

static void add_predictions(struct writer *writer, json_t *object,
                            const struct trib__sweep *sweep)
{
        json_t *array = json_array();

        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                const struct trib__prediction *prediction = &sweep->predictions[i];
                json_t                        *value;

                if (!(prediction->threads > 0))
                        continue;
                value = json_object();
                set(writer, value, "threads", number(prediction->threads));
                set(writer, value, "ops_per_s", number(prediction->ops_per_s));
                set(writer, value, "ops_per_s_ci95",
                    prediction->ci95[1] > 0 ? pair(writer, prediction->ci95) : json_null());
                set(writer, value, "by", text(prediction->by));
                set(writer, value, "is_borne", json_boolean(prediction->is_borne));
                set(writer, value, "why", text(prediction->why));
                append(writer, array, value);
        }
        set(writer, object, "predictions", array);
}

static void add_resources(struct writer *writer, json_t *object,
                          const struct trib__sweep *sweep)
{
        json_t *array = json_array(), *what_ifs = json_array();

        for (unsigned i = 0; i < sweep->resource_count; i++) {
                const struct trib__resource *resource = &sweep->resources[i];
                json_t                      *value = json_object();

                set(writer, value, "name", text(resource->name));
                set(writer, value, "servers", number(resource->servers));
                set(writer, value, "demand_us", number(resource->demand_us));
                set(writer, value, "ceiling_ops_per_s", number(resource->ceiling_ops_per_s));
                set(writer, value, "utilisation", number(resource->utilisation));
                set(writer, value, "wait_us", number(resource->wait_us));
                set(writer, value, "is_told", json_boolean(resource->is_told));
                set(writer, value, "is_inferred", json_boolean(resource->is_inferred));
                append(writer, array, value);
        }
        set(writer, object, "resources", array);
        for (unsigned i = 0; i < sweep->what_if_count; i++) {
                const struct trib__what_if *what_if = &sweep->what_ifs[i];
                json_t                     *value = json_object();

                set(writer, value, "cause", text(what_if->cause));
                set(writer, value, "change", text(what_if->change));
                set(writer, value, "threads", whole(what_if->threads));
                set(writer, value, "ops_per_s", number(what_if->ops_per_s));
                set(writer, value, "ops_per_s_ci95",
                    what_if->ci95[1] > 0 ? pair(writer, what_if->ci95) : json_null());
                set(writer, value, "gain", number(what_if->gain));
                set(writer, value, "text", text(what_if->text));
                append(writer, what_ifs, value);
        }
        set(writer, object, "what_ifs", what_ifs);
        set(writer, object, "alone_us", positive(sweep->alone_us));
}

static void add_baseline(struct writer *writer, json_t *object,
                         const struct trib__baseline *baseline)
{
        json_t *value;

        if (!baseline->is_measured)
                return;
        value = json_object();
        set(writer, value, "first_ops_per_s", number(baseline->first_ops_per_s));
        set(writer, value, "last_ops_per_s", number(baseline->last_ops_per_s));
        set(writer, value, "first_ci95", pair(writer, baseline->first_ci95));
        set(writer, value, "last_ci95", pair(writer, baseline->last_ci95));
        set(writer, object, "baseline", value);
}

static json_t *limit_of(struct writer *writer, const struct trib__limit *limit)
{
        json_t *object;

        if (!limit->is_present)
                return json_null();
        object = json_object();
        set(writer, object, "ops_per_s", number(limit->ops_per_s));
        set(writer, object, "bound", text(limit->bound));
        set(writer, object, "compute_us", positive(limit->compute_us));
        set(writer, object, "memory_us", positive(limit->memory_us));
        set(writer, object, "cache_us", positive(limit->cache_us));
        set(writer, object, "submission_us", positive(limit->submission_us));
        set(writer, object, "unit_us", positive(limit->unit_us));
        return object;
}

static json_t *sweep_of(struct writer *writer, const struct trib__sweep *sweep)
{
        json_t *object = json_object(), *points = json_array(), *bottleneck = json_object();
        json_t *interval = json_array();

        set(writer, object, "workload", workload_of(writer, &sweep->workload));
        set(writer, object, "policy", text(sweep->policy));
        if (sweep->precision[0] != '\0')
                set(writer, object, "precision", text(sweep->precision));
        set(writer, object, "kind",
            text(trib__sweep_kind_name(sweep->kind)));
        if (sweep->load != NULL)
                set(writer, object, "load", trib__report_json_load(sweep->load));
        if (sweep->source[0] != '\0')
                set(writer, object, "source", text(sweep->source));
        for (size_t i = 0; i < sweep->point_count; i++)
                append(writer, points, point_of(writer, &sweep->points[i]));
        set(writer, object, "points", points);
        add_baseline(writer, object, &sweep->baseline);
        add_fit(writer, object, &sweep->fit);
        add_predictions(writer, object, sweep);
        set(writer, object, "saturation_threads",
            sweep->saturation_threads > 0 ? whole(sweep->saturation_threads) : json_null());
        append(writer, interval, whole(sweep->saturation_ci95[0]));
        append(writer, interval, whole(sweep->saturation_ci95[1]));
        set(writer, object, "saturation_threads_ci95", interval);
        set(writer, object, "limit", limit_of(writer, &sweep->limit));
        set(writer, bottleneck, "primary", text(sweep->bottleneck.primary));
        set(writer, bottleneck, "evidence", text(sweep->bottleneck.evidence));
        set(writer, object, "bottleneck", bottleneck);
        add_resources(writer, object, sweep);
        return object;
}

static json_t *difference_of(struct writer *writer, const struct trib__difference *difference)
{
        json_t *object;

        if (!difference->is_present)
                return json_null();
        object = json_object();
        set(writer, object, "percent", number(difference->percent));
        set(writer, object, "percent_ci95", pair(writer, difference->ci95));
        set(writer, object, "is_shown", json_boolean(difference->is_shown));
        set(writer, object, "rounds", whole(difference->rounds));
        return object;
}

static json_t *variant_of(struct writer *writer, const struct trib__variant *variant)
{
        json_t *object = json_object(), *points = json_array();

        set(writer, object, "value", text(variant->value));
        set(writer, object, "note", variant->note[0] != '\0' ? text(variant->note) : json_null());
        set(writer, object, "workload", workload_of(writer, &variant->sweep->workload));
        for (size_t i = 0; i < variant->sweep->point_count; i++) {
                const struct trib__point *point = &variant->sweep->points[i];
                json_t                   *value = point_of(writer, point);

                set(writer, value, "difference", difference_of(writer, &point->difference));
                append(writer, points, value);
        }
        set(writer, object, "points", points);
        return object;
}

static json_t *ablation_of(struct writer *writer, const struct trib__ablation *ablation)
{
        json_t *object = json_object(), *variants = json_array();

        set(writer, object, "option", text(ablation->option));
        set(writer, object, "note",
            ablation->note[0] != '\0' ? text(ablation->note) : json_null());
        for (size_t i = 0; i < ablation->variant_count; i++)
                append(writer, variants, variant_of(writer, &ablation->variants[i]));
        set(writer, object, "variants", variants);
        set(writer, object, "text", text(ablation->text));
        return object;
}

static json_t *ablations_of(struct writer *writer, const struct trib__results *results)
{
        json_t *array = json_array();

        for (size_t i = 0; i < results->ablation_count; i++)
                append(writer, array, ablation_of(writer, results->ablations[i]));
        return array;
}

static json_t *advice_of(struct writer *writer, const struct trib__recommendation *advice,
                         const char *caution)
{
        json_t *object = json_object();
        bool    is_given = advice->threads > 0;

        set(writer, object, "threads", is_given ? whole(advice->threads) : json_null());
        set(writer, object, "policy", text(advice->policy));
        set(writer, object, "batch",
            is_given && advice->batch > 0 ? json_integer(advice->batch) : json_null());
        set(writer, object, "precision", text(advice->precision));
        set(writer, object, "ops_per_s", positive(advice->ops_per_s));
        set(writer, object, "ops_per_s_ci95",
            advice->ops_per_s_ci95[1] > 0 ? pair(writer, advice->ops_per_s_ci95) : json_null());
        set(writer, object, "p99_us", positive(advice->p99_us));
        set(writer, object, "why", text(advice->why));
        set(writer, object, "cost", text(advice->cost));
        set(writer, object, "caution",
            caution[0] != '\0' && is_given ? text(caution) : json_null());
        return object;
}

static json_t *plan_of(struct writer *writer, const struct trib__plan_facts *plan)
{
        json_t *object = json_object(), *threads = json_array(), *batches = json_array();
        json_t *precisions = json_array();

        for (size_t i = 0; i < plan->thread_count; i++)
                append(writer, threads, whole(plan->threads[i]));
        for (size_t i = 0; i < plan->batch_count; i++)
                append(writer, batches, json_integer(plan->batches[i]));
        for (size_t i = 0; i < plan->precision_count; i++)
                append(writer, precisions, text(plan->precisions[i]));
        set(writer, object, "threads", threads);
        set(writer, object, "batches", batches);
        set(writer, object, "precisions", precisions);
        set(writer, object, "windows", whole(plan->windows));
        set(writer, object, "window_s", number(plan->window_s));
        set(writer, object, "setup_s", number(plan->setup_s));
        set(writer, object, "spent_s", number(plan->spent_s));
        set(writer, object, "grid_s", number(plan->grid_s));
        return object;
}

static void add_objective(struct writer *writer, json_t *root,
                          const struct trib__objective *objective)
{
        json_t *object;

        if (!(objective->us > 0))
                return;
        object = json_object();
        set(writer, object, "quantile", number(objective->quantile));
        set(writer, object, "us", number(objective->us));
        set(writer, root, "objective", object);
}

static json_t *run_of(struct writer *writer, const struct trib__run_facts *run)
{
        json_t *object = json_object();

        set(writer, object, "seed", whole(run->seed));
        set(writer, object, "rounds", whole(run->rounds));
        set(writer, object, "round_seconds", positive(run->round_seconds));
        if (run->streams > 0)
                set(writer, object, "streams", whole(run->streams));
        if (run->first_answer_ms > 0)
                set(writer, object, "first_answer_ms", number(run->first_answer_ms));
        return object;
}

static json_t *root_of(struct writer *writer, const struct trib__results *results)
{
        json_t *root = json_object(), *sweeps = json_array(), *findings = json_array();
        json_t *advice = json_object();

        set(writer, root, "schema", json_integer(results->schema));
        set(writer, root, "tool", text(results->tool));
        set(writer, root, "complete", json_boolean(results->is_complete));
        set(writer, root, "machine", machine_of(writer, &results->machine));
        set(writer, root, "device", device_of(writer, &results->device));
        if (results->run.is_present)
                set(writer, root, "run", run_of(writer, &results->run));
        for (size_t i = 0; i < results->sweep_count; i++)
                append(writer, sweeps, sweep_of(writer, results->sweeps[i]));
        set(writer, root, "sweeps", sweeps);
        add_objective(writer, root, &results->objective);
        if (results->plan.is_present)
                set(writer, root, "plan", plan_of(writer, &results->plan));
        if (results->ablation_count > 0)
                set(writer, root, "ablations", ablations_of(writer, results));
        set(writer, advice, "latency", advice_of(writer, &results->latency, results->caution));
        set(writer, advice, "production",
            advice_of(writer, &results->production, results->caution));
        if (results->objective.us > 0)
                set(writer, advice, "slo", advice_of(writer, &results->slo, results->caution));
        set(writer, advice, "batch", advice_of(writer, &results->batch, results->caution));
        set(writer, root, "recommendations", advice);
        for (size_t i = 0; i < results->finding_count; i++) {
                const struct trib__finding *finding = &results->findings[i];
                json_t                     *object = json_object();

                set(writer, object, "code", text(finding->code));
                set(writer, object, "severity", text(trib__severity_name(finding->severity)));
                set(writer, object, "text", text(finding->text));
                append(writer, findings, object);
        }
        set(writer, root, "findings", findings);
        return root;
}

trib_status trib__report_json(const struct trib__results *results, FILE *stream, trib_error *err)
{
        struct writer writer = { false };
        json_t       *root = root_of(&writer, results);
        trib_status   status = TRIB_OK;

        if (root == NULL || writer.has_failed || TRIB__FAULT(LIBRARY, "report.json"))
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for the JSON");
        else if (json_dumpf(root, stream, JSON_STYLE) != 0 && !ferror(stream))
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for the JSON");
        else
                (void)fputc('\n', stream);
        json_decref(root);
        return status;
}
