/* SPDX-License-Identifier: Apache-2.0 */
/* read_json.c: our own JSON of schema 1, read back. Only what was measured is taken, with the
 * findings of the one who measured; conclusions in the file are ignored and drawn anew. Keys that
 * we do not know are ignored: more may be added. Every message names the place as a path, e.g.
 * "sweeps[2].points[0].threads". Takes no lock. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"
#include "analysis/read.h"
#include "analysis/read_json_priv.h"
#include "analysis/read_json_load.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/fault.h"

/* The median in a file and that of its rounds differ by no more than digits that were cut. */
#define ROUNDS_OFF 0.01

static trib_status read_machine(struct reader *reader, json_t *root)
{
        struct trib__machine *machine = &reader->results->machine;
        json_t               *object;
        trib_status           status = take_object(reader, root, "machine", &object);

        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "machine");
        status = take_text(reader, object, "cpu_model", machine->cpu_model,
                           sizeof(machine->cpu_model));
        if (status == TRIB_OK)
                status = take_text(reader, object, "os", machine->os, sizeof(machine->os));
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "logical_cores", &machine->logical_cores);
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "physical_cores",
                                       &machine->physical_cores);
        if (status == TRIB_OK)
                status = take_count(reader, object, "memory_bytes", &machine->memory_bytes);
        return status;
}

static trib_status read_peaks(struct reader *reader, json_t *device)
{
        struct trib__peaks *peaks = &reader->results->device.peaks;
        const struct number_member members[] = { { "flops_per_s_unit", &peaks->flops_per_s_unit },
                                                 { "flops_per_s", &peaks->flops_per_s },
                                                 { "bytes_per_s", &peaks->bytes_per_s },
                                                 { "cache_bytes", &peaks->cache_bytes },
#define PEAK(name) { #name, &peaks->name },
                                                 TRIB__PEAK_MEMBERS(PEAK)
#undef PEAK
                                                 { "age_s", &peaks->age_s },
                                                 { "submissions_per_s",
                                                   &peaks->submissions_per_s } };
        json_t     *object;
        trib_status status = take_object(reader, device, "peaks", &object);

        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "device.peaks");
        status = take_numbers(reader, object, members, sizeof(members) / sizeof(members[0]));
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "parallel_units", &peaks->parallel_units);
        if (status == TRIB_OK)
                status = take_text(reader, object, "source", peaks->source,
                                   sizeof(peaks->source));
        return status;
}

static trib_status read_device(struct reader *reader, json_t *root)
{
        struct trib__device_facts *device = &reader->results->device;
        json_t                    *object;
        trib_status                status;

        reader->path[0] = '\0';
        status = take_object(reader, root, "device", &object);
        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "device");
        status = take_text(reader, object, "name", device->name, sizeof(device->name));
        if (status == TRIB_OK)
                status = take_text(reader, object, "text", device->text, sizeof(device->text));
        if (status == TRIB_OK)
                status = take_text(reader, object, "kernel_library", device->kernel_library,
                                   sizeof(device->kernel_library));
        if (status == TRIB_OK)
                status = take_text(reader, object, "precision", device->precision,
                                   sizeof(device->precision));
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "host_cores", &device->host_cores);
        return status == TRIB_OK ? read_peaks(reader, object) : status;
}

static trib_status read_run(struct reader *reader, json_t *root)
{
        struct trib__run_facts    *run = &reader->results->run;
        const struct number_member members[] = { { "round_seconds", &run->round_seconds },
                                                 { "first_answer_ms", &run->first_answer_ms } };
        json_t     *object, *seed;
        trib_status status;

        reader->path[0] = '\0';
        status = take_object(reader, root, "run", &object);
        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "run");
        seed = json_object_get(object, "seed");
        if (seed != NULL && !json_is_integer(seed))
                return refuse(reader, "seed", "expected a whole number");
        run->is_present = true;
        run->seed = (uint64_t)json_integer_value(seed);
        status = take_unsigned(reader, object, "rounds", &run->rounds);
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "streams", &run->streams);
        return status == TRIB_OK ? take_numbers(reader, object, members, 2) : status;
}

static trib_status read_operator(struct reader *reader, json_t *object,
                                 struct trib__operator_cost *cost)
{
        const struct number_member members[] = { { "count", &cost->count },
                                                 { "flops", &cost->flops },
                                                 { "bytes", &cost->bytes },
                                                 { "shared_bytes", &cost->shared_bytes } };
        trib_status status;

        if (!json_is_object(object))
                return refuse(reader, "operators", "expected an array of objects");
        status = take_text(reader, object, "name", cost->name, sizeof(cost->name));
        if (status == TRIB_OK)
                status = take_text(reader, object, "dtype", cost->dtype, sizeof(cost->dtype));
        if (status == TRIB_OK)
                status = take_numbers(reader, object, members,
                                      sizeof(members) / sizeof(members[0]));
        if (status == TRIB_OK && cost->shared_bytes > cost->bytes)
                return refuse(reader, "operators", "shared_bytes are a part of bytes");
        return status;
}

static trib_status read_operators(struct reader *reader, json_t *object,
                                  struct trib__workload *workload)
{
        json_t     *array = json_object_get(object, "operators");
        trib_status status = TRIB_OK;

        if (array == NULL || json_is_null(array))
                return TRIB_OK;
        if (!json_is_array(array) || json_array_size(array) > TRIB__OPERATORS_MAX)
                return refuse(reader, "operators", "expected an array of at most %u objects",
                              TRIB__OPERATORS_MAX);
        for (size_t i = 0; i < json_array_size(array) && status == TRIB_OK; i++)
                status = read_operator(reader, json_array_get(array, i), &workload->operators[i]);
        workload->operator_count = json_array_size(array);
        return status;
}

trib_status trib__read_json_workload(struct reader *reader, json_t *sweep_object,
                                     struct trib__workload *workload)
{
        const struct number_member members[] = { { "flops_per_op", &workload->flops_per_op },
                                                 { "bytes_per_op", &workload->bytes_per_op },
                                                 { "submissions_per_op",
                                                   &workload->submissions_per_op },
                                                 { "serial_steps",
                                                   &workload->serial_steps } };
        int64_t     range[2] = { 0, INT64_C(2147483647) };
        size_t      length;
        json_t     *object;
        trib_status status = take_object(reader, sweep_object, "workload", &object);

        if (status != TRIB_OK)
                return status;
        if (object == NULL)
                return refuse(reader, "workload", "expected an object, it is missing");
        length = strlen(reader->path);
        (void)snprintf(reader->path + length, sizeof(reader->path) - length, ".workload");
        status = take_text(reader, object, "kind", workload->kind, sizeof(workload->kind));
        if (status == TRIB_OK)
                status = take_text(reader, object, "dtype", workload->dtype,
                                   sizeof(workload->dtype));
        if (status == TRIB_OK)
                status = take_text(reader, object, "model", workload->model,
                                   sizeof(workload->model));
        if (status == TRIB_OK)
                status = take_whole(reader, object, "in_features", range,
                                    &workload->in_features);
        if (status == TRIB_OK)
                status = take_whole(reader, object, "out_features", range,
                                    &workload->out_features);
        if (status == TRIB_OK)
                status = take_whole(reader, object, "batch", range, &workload->batch);
        if (status == TRIB_OK)
                status = take_numbers(reader, object, members,
                                      sizeof(members) / sizeof(members[0]));
        if (status == TRIB_OK)
                status = read_operators(reader, object, workload);
        reader->path[length] = '\0';
        return status;
}

/* Rounds are what was measured, so they win over a median that is not theirs. */
static trib_status check_rounds(struct reader *reader, const struct trib__point *point)
{
        struct trib__finding_draft draft;
        double                    *sorted, median, ci95[2], stated = point->ops_per_s;
        const char                *slash = strrchr(reader->input->name, '/');

        if (point->round_count == 0 || stated <= 0)
                return TRIB_OK;
        sorted = trib__calloc("analysis.rounds", point->round_count, sizeof(*sorted));
        if (sorted == NULL)
                return trib__fail(reader->err, TRIB_OUT_OF_MEMORY,
                                  "results: no memory for rounds");
        memcpy(sorted, point->rounds, point->round_count * sizeof(*sorted));
        median = trib__rounds_median(sorted, point->round_count, ci95);
        trib__free(sorted);
        if (fabs(stated / median - 1) <= ROUNDS_OFF)
                return TRIB_OK;
        trib__finding_start(&draft, "rounds-mismatch", TRIB__SEVERITY_ERROR);
        trib__text_add(&draft.text,
                       "%.60s: %s says %s ops/s, and the median of its %zu round%s is %s: the "
                       "median is taken; one of the two was changed or is not of this point",
                       slash != NULL ? slash + 1 : reader->input->name, reader->path,
                       trib__grouped(stated).text, point->round_count,
                       point->round_count == 1 ? "" : "s", trib__grouped(median).text);
        return trib__results_note(reader->results, &draft.finding, reader->err);
}

static trib_status read_rounds(struct reader *reader, json_t *object, struct trib__point *point)
{
        json_t     *rounds = json_object_get(object, "rounds");
        trib_status status = TRIB_OK;

        if (rounds == NULL || json_is_null(rounds))
                return TRIB_OK;
        if (!json_is_array(rounds))
                return refuse(reader, "rounds", "expected an array of numbers above 0");
        for (size_t i = 0; i < json_array_size(rounds) && status == TRIB_OK; i++) {
                json_t *value = json_array_get(rounds, i);

                if (!is_number_in(value, 1e-30))
                        return refuse(reader, "rounds", "expected an array of numbers above 0");
                status = trib__point_add_round(point, json_number_value(value), reader->err);
        }
        return status;
}

/* `shares_us` holds microseconds, `shares` fractions; the first says more and wins. */
static trib_status read_shares(struct reader *reader, json_t *object, struct trib__point *point)
{
        json_t     *in_us, *fractions, *value;
        const char *name;
        trib_status status = take_object(reader, object, "shares_us", &in_us);

        if (status == TRIB_OK)
                status = take_object(reader, object, "shares", &fractions);
        if (status != TRIB_OK)
                return status;
        json_object_foreach(in_us != NULL ? in_us : fractions, name, value) {
                if (!is_number_in(value, 0) || strlen(name) >= sizeof(point->shares[0].name)
                    || name[strcspn(name, "\n\r\t\033")] != '\0')
                        return refuse(reader, in_us != NULL ? "shares_us" : "shares",
                                      "expected short names with numbers, not below 0");
                status = trib__point_add_share(point, name,
                                               in_us != NULL ? json_number_value(value) : 0,
                                               reader->err);
                if (status != TRIB_OK)
                        return status;
                if (in_us == NULL)
                        point->shares[point->share_count - 1].fraction = json_number_value(value);
        }
        return TRIB_OK;
}

static trib_status read_demands(struct reader *reader, json_t *object, struct trib__point *point)
{
        struct trib__demands_us   *us = &point->demands_us;
        const struct number_member members[] = {
                { "cores", &us->cores }, { "lock", &us->lock },
                { "serial", &us->serial }, { "copy", &us->copy },
                { "submission", &us->submission }, { "device", &us->device }
        };
        size_t      length = strlen(reader->path);
        json_t     *demands;
        trib_status status = take_object(reader, object, "demands_us", &demands);

        if (status != TRIB_OK || demands == NULL)
                return status;
        (void)snprintf(reader->path + length, sizeof(reader->path) - length, ".demands_us");
        status = take_numbers(reader, demands, members, sizeof(members) / sizeof(members[0]));
        reader->path[length] = '\0';
        return status;
}

static trib_status read_point_numbers(struct reader *reader, json_t *object,
                                      struct trib__point *point)
{
        struct trib__latency_us   *us = &point->latency_us;
        const struct number_member latencies[] = { { "mean", &us->mean }, { "p50", &us->p50 },
                                                   { "p90", &us->p90 },   { "p99", &us->p99 },
                                                   { "p999", &us->p999 }, { "max", &us->max } };
        size_t      length = strlen(reader->path);
        json_t     *latency;
        trib_status status = take_number(reader, object, "ops_per_s", &point->ops_per_s);

        if (status == TRIB_OK)
                status = take_pair(reader, object, "ops_per_s_ci95", point->ops_per_s_ci95);
        if (status == TRIB_OK)
                status = take_object(reader, object, "latency_us", &latency);
        if (status == TRIB_OK && latency != NULL) {
                (void)snprintf(reader->path + length, sizeof(reader->path) - length,
                               ".latency_us");
                status = take_numbers(reader, latency, latencies,
                                      sizeof(latencies) / sizeof(latencies[0]));
                reader->path[length] = '\0';
        }
        if (status == TRIB_OK)
                status = take_count(reader, object, "requests", &point->requests);
        if (status == TRIB_OK)
                status = take_count(reader, object, "errors", &point->errors);
        if (status == TRIB_OK)
                status = read_rounds(reader, object, point);
        if (status == TRIB_OK)
                status = check_rounds(reader, point);
        if (status == TRIB_OK)
                status = read_demands(reader, object, point);
        return status == TRIB_OK ? read_shares(reader, object, point) : status;
}

trib_status trib__read_json_point(struct reader *reader, json_t *object, struct trib__sweep *sweep)
{
        struct trib__point *point;
        unsigned            threads = 0;
        trib_status         status;

        if (!json_is_object(object))
                return refuse(reader, "", "expected an object");
        status = take_unsigned(reader, object, "threads", &threads);
        if (status != TRIB_OK)
                return status;
        if (threads == 0 || threads > TRIB__THREADS_MAX)
                return refuse(reader, "threads", "expected a whole number from 1 to %u",
                              TRIB__THREADS_MAX);
        if (trib__sweep_find_point(sweep, threads) != NULL)
                return refuse(reader, "threads", "%u is in this sweep twice", threads);
        status = trib__sweep_add_point(sweep, threads, &point, reader->err);
        if (status == TRIB_OK)
                status = read_point_numbers(reader, object, point);
        if (status == TRIB_OK && point->round_count == 0 && !(point->ops_per_s >= 1e-30))
                return refuse(reader, "ops_per_s", "expected a number above 0");
        return status;
}

static trib_status read_baseline(struct reader *reader, json_t *object, struct trib__sweep *sweep)
{
        struct trib__baseline     *baseline = &sweep->baseline;
        const struct number_member members[] = {
                { "first_ops_per_s", &baseline->first_ops_per_s },
                { "last_ops_per_s", &baseline->last_ops_per_s }
        };
        json_t     *value;
        trib_status status = take_object(reader, object, "baseline", &value);

        if (status != TRIB_OK || value == NULL)
                return status;
        status = take_numbers(reader, value, members, 2);
        if (status == TRIB_OK)
                status = take_pair(reader, value, "first_ci95", baseline->first_ci95);
        if (status == TRIB_OK)
                status = take_pair(reader, value, "last_ci95", baseline->last_ci95);
        baseline->is_measured = baseline->first_ops_per_s > 0 && baseline->last_ops_per_s > 0;
        return status;
}

/* How the requests of a load sweep came. One sweep has one point then. */
static trib_status read_load(struct reader *reader, json_t *load, size_t index,
                             struct trib__sweep *sweep)
{
        const char *name = reader->input->name;
        size_t      length = strlen(name);
        char        where[100];

        (void)snprintf(where, sizeof(where), "%s: sweeps[%zu]",
                       length > 60 ? name + length - 60 : name, index);
        return trib__read_load(where, load, sweep, reader->err);
}

static trib_status read_sweep(struct reader *reader, json_t *object, size_t index)
{
        const char         *slash = strrchr(reader->input->name, '/');
        json_t             *points = json_object_get(object, "points");
        json_t             *load = json_object_get(object, "load");
        char                kind[16] = "";
        struct trib__sweep *sweep;
        trib_status         status;

        (void)snprintf(reader->path, sizeof(reader->path), "sweeps[%zu]", index);
        if (!json_is_object(object))
                return refuse(reader, "", "expected an object");
        if (!json_is_array(points) || json_array_size(points) > TRIB__POINTS_MAX)
                return refuse(reader, "points", "expected an array of at most %u points",
                              TRIB__POINTS_MAX);
        status = trib__results_add_sweep(reader->results, &sweep, reader->err);
        if (status == TRIB_OK)
                status = trib__read_json_workload(reader, object, &sweep->workload);
        if (status == TRIB_OK)
                status = take_text(reader, object, "policy", sweep->policy,
                                   sizeof(sweep->policy));
        if (status == TRIB_OK)
                status = take_text(reader, object, "precision", sweep->precision,
                                   sizeof(sweep->precision));
        if (status == TRIB_OK)
                status = take_text(reader, object, "kind", kind, sizeof(kind));
        if (status == TRIB_OK)
                status = take_text(reader, object, "source", sweep->source,
                                   sizeof(sweep->source));
        if (status == TRIB_OK)
                status = read_baseline(reader, object, sweep);
        if (status != TRIB_OK)
                return status;
        if (kind[0] != '\0' && strcmp(kind, "threads") != 0 && strcmp(kind, "sizes") != 0
            && strcmp(kind, "load") != 0)
                return refuse(reader, "kind", "expected \"threads\", \"sizes\" or \"load\"");
        sweep->kind = strcmp(kind, "sizes") == 0
                                      || (kind[0] == '\0' && json_array_size(points) < 3)
                              ? TRIB__SWEEP_SIZES
                              : TRIB__SWEEP_THREADS;
        if (sweep->source[0] == '\0')
                (void)snprintf(sweep->source, sizeof(sweep->source), "%.127s",
                               slash != NULL ? slash + 1 : reader->input->name);
        for (size_t i = 0; i < json_array_size(points) && status == TRIB_OK; i++) {
                (void)snprintf(reader->path, sizeof(reader->path), "sweeps[%zu].points[%zu]",
                               index, i);
                status = trib__read_json_point(reader, json_array_get(points, i), sweep);
        }
        return status == TRIB_OK && load != NULL && !json_is_null(load)
                       ? read_load(reader, load, index, sweep)
                       : status;
}

/* A finding's code: what no reader of ours would print otherwise is refused. */
static bool is_code(const char *code)
{
        size_t length = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return length > 0 && code[length] == '\0';
}

static trib_status read_finding(struct reader *reader, json_t *object)
{
        static const trib__severity severities[] = { TRIB__SEVERITY_INFO, TRIB__SEVERITY_WARNING,
                                                     TRIB__SEVERITY_ERROR };
        struct trib__finding finding = { .sweeps = { -1, -1 } };
        char                 severity[16] = "";
        size_t               i = 0;
        trib_status          status;

        if (!json_is_object(object))
                return refuse(reader, "", "expected an object");
        status = take_text(reader, object, "code", finding.code, sizeof(finding.code));
        if (status == TRIB_OK)
                status = take_text(reader, object, "severity", severity, sizeof(severity));
        if (status == TRIB_OK)
                status = take_text(reader, object, "text", finding.text, sizeof(finding.text));
        if (status != TRIB_OK)
                return status;
        if (!is_code(finding.code))
                return refuse(reader, "code", "expected small letters, digits and '-'");
        while (i < 3 && strcmp(severity, trib__severity_name(severities[i])) != 0)
                i++;
        if (i == 3)
                return refuse(reader, "severity", "expected \"info\", \"warning\" or \"error\"");
        finding.severity = severities[i];
        if (trib__finding_is_concluded(finding.code))
                return TRIB_OK;
        return trib__results_note(reader->results, &finding, reader->err);
}

/* What the one who measured found and no conclusion can find again. */
static trib_status read_findings(struct reader *reader, json_t *root)
{
        json_t     *findings = json_object_get(root, "findings");
        trib_status status = TRIB_OK;

        reader->path[0] = '\0';
        if (findings == NULL || json_is_null(findings))
                return TRIB_OK;
        if (!json_is_array(findings) || json_array_size(findings) > TRIB__FINDINGS_MAX)
                return refuse(reader, "findings", "expected an array of at most %u findings",
                              TRIB__FINDINGS_MAX);
        for (size_t i = 0; i < json_array_size(findings) && status == TRIB_OK; i++) {
                (void)snprintf(reader->path, sizeof(reader->path), "findings[%zu]", i);
                status = read_finding(reader, json_array_get(findings, i));
        }
        return status;
}

static trib_status read_root(struct reader *reader, json_t *root)
{
        json_t     *complete = json_object_get(root, "complete");
        json_t     *sweeps = json_object_get(root, "sweeps");
        json_t     *schema = json_object_get(root, "schema");
        trib_status status;

        if (!json_is_object(root))
                return refuse(reader, "the file", "expected an object");
        if (!json_is_integer(schema) || json_integer_value(schema) != TRIB__RESULTS_SCHEMA)
                return refuse(reader, "schema", "expected %d, the only one known",
                              TRIB__RESULTS_SCHEMA);
        if (!json_is_array(sweeps) || json_array_size(sweeps) == 0
            || json_array_size(sweeps) > TRIB__SWEEPS_MAX)
                return refuse(reader, "sweeps", "expected an array of 1 to %u sweeps",
                              TRIB__SWEEPS_MAX);
        if (complete != NULL && !json_is_boolean(complete))
                return refuse(reader, "complete", "expected true or false");
        reader->results->is_complete = !json_is_false(complete);
        status = take_text(reader, root, "tool", reader->results->tool,
                           sizeof(reader->results->tool));
        if (status == TRIB_OK)
                status = read_machine(reader, root);
        if (status == TRIB_OK)
                status = read_device(reader, root);
        if (status == TRIB_OK)
                status = read_run(reader, root);
        for (size_t i = 0; i < json_array_size(sweeps) && status == TRIB_OK; i++)
                status = read_sweep(reader, json_array_get(sweeps, i), i);
        if (status == TRIB_OK)
                status = trib__read_json_plan(reader, root);
        return status == TRIB_OK ? read_findings(reader, root) : status;
}

static bool has_facts(const struct trib__results *results)
{
        return results->device.name[0] != '\0' || results->machine.cpu_model[0] != '\0';
}

/* Facts about machine and device are taken once; a second file must speak of the same device. */
static trib_status check_facts(const struct trib__results *into, const struct trib__results *from,
                               const struct trib__read_input *input, trib_error *err)
{
        if (has_facts(into)
            && (strcmp(into->device.name, from->device.name) != 0
                || strcmp(into->machine.cpu_model, from->machine.cpu_model) != 0))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%.80s: measured on another machine or device (%.30s) than the "
                                  "file before (%.30s); advise on one device at a time",
                                  input->name, from->device.name, into->device.name);
        return TRIB_OK;
}

/* The parser's message can quote bytes of the file; none may reach a terminal as they are. */
static trib_status refuse_syntax(const struct trib__read_input *input, json_error_t *parsed,
                                 trib_error *err)
{
        for (char *c = parsed->text; *c != '\0'; c++)
                if ((unsigned char)*c < ' ' || (unsigned char)*c > 126)
                        *c = '?';
        return trib__fail(err, TRIB_MALFORMED, "%.100s: line %d, character %d: %.100s", input->name,
                          parsed->line, parsed->column, parsed->text);
}

trib_status trib__read_json(const struct trib__read_input *input, struct trib__results *results,
                            trib_error *err)
{
        struct reader reader = { input, err, NULL, "" };
        json_error_t  parsed;
        json_t       *root;
        const char   *text = input->data;
        size_t        size = input->size;
        trib_status   status;

        if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
                text += 3;
                size -= 3;
        }
        if (TRIB__FAULT(LIBRARY, "analysis.json"))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "%.100s: no memory to parse it",
                                  input->name);
        root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &parsed);
        if (root == NULL && json_error_code(&parsed) == json_error_out_of_memory)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "%.100s: no memory to parse it",
                                  input->name);
        if (root == NULL)
                return refuse_syntax(input, &parsed, err);
        status = trib__results_create(&reader.results, err);
        if (status == TRIB_OK)
                status = read_root(&reader, root);
        if (status == TRIB_OK)
                status = check_facts(results, reader.results, input, err);
        if (status == TRIB_OK)
                status = trib__results_adopt(results, reader.results, err);
        if (status == TRIB_OK && !has_facts(results)) {
                results->machine = reader.results->machine;
                results->device = reader.results->device;
                results->run = reader.results->run;
                results->plan = reader.results->plan;
                results->objective = reader.results->objective;
                memcpy(results->tool, reader.results->tool, sizeof(results->tool));
        }
        trib__results_destroy(reader.results);
        json_decref(root);
        return status;
}
