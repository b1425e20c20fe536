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

static json_t *device_of(struct writer *writer, const struct trib__device_facts *device)
{
        json_t *object = json_object(), *peaks = json_object();

        set(writer, object, "name", text(device->name));
        set(writer, object, "text", text(device->text));
        set(writer, object, "kernel_library", text(device->kernel_library));
        set(writer, object, "precision", text(device->precision));
        set(writer, peaks, "flops_per_s_unit", positive(device->peaks.flops_per_s_unit));
        set(writer, peaks, "parallel_units", whole(device->peaks.parallel_units));
        set(writer, peaks, "flops_per_s", positive(device->peaks.flops_per_s));
        set(writer, peaks, "bytes_per_s", positive(device->peaks.bytes_per_s));
        set(writer, peaks, "cache_bytes", positive(device->peaks.cache_bytes));
        set(writer, peaks, "submissions_per_s", positive(device->peaks.submissions_per_s));
        set(writer, object, "peaks", peaks);
        return object;
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
                set(writer, value, "is_borne", json_boolean(prediction->is_borne));
                set(writer, value, "why", text(prediction->why));
                append(writer, array, value);
        }
        set(writer, object, "predictions", array);
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
        return object;
}

static json_t *sweep_of(struct writer *writer, const struct trib__sweep *sweep)
{
        json_t *object = json_object(), *points = json_array(), *bottleneck = json_object();
        json_t *interval = json_array();

        set(writer, object, "workload", workload_of(writer, &sweep->workload));
        set(writer, object, "policy", text(sweep->policy));
        set(writer, object, "kind",
            text(sweep->kind == TRIB__SWEEP_SIZES ? "sizes" : "threads"));
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
        return object;
}

static json_t *advice_of(struct writer *writer, const struct trib__recommendation *advice,
                         const char *caution)
{
        json_t *object = json_object();

        set(writer, object, "threads",
            advice->threads > 0 ? whole(advice->threads) : json_null());
        set(writer, object, "policy", text(advice->policy));
        set(writer, object, "why", text(advice->why));
        set(writer, object, "caution",
            caution[0] != '\0' && advice->threads > 0 ? text(caution) : json_null());
        return object;
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
        set(writer, advice, "latency", advice_of(writer, &results->latency, results->caution));
        set(writer, advice, "production",
            advice_of(writer, &results->production, results->caution));
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
