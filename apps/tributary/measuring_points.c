/* SPDX-License-Identifier: Apache-2.0 */
/* measuring_points.c: from the load generator's points to those of results. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "measuring.h"

static double quantile_us(const struct trib__histogram *latency, double quantile)
{
        return (double)trib__histogram_quantile(latency, quantile) * 1e-3;
}

double trib_measure_quantile_us(const struct trib__load_point *point, double quantile)
{
        return point->latency.count > 0
                       ? quantile_us(&point->latency, quantile > 0 ? quantile : 0.99)
                       : 0;
}

static trib_status add_shares(struct trib__point *out, const struct trib__load_point *point,
                              bool runs_on_cpu, trib_error *err)
{
        struct trib__load_shares shares;
        trib_status              status = TRIB_OK;
        const struct {
                const char   *name;
                const double *us;
        } parts[] = {
                { "admission", &shares.admission },
                { "lock", &shares.lock },
                { "submission", &shares.submission },
                { "queue", &shares.queue },
                { "device", &shares.device },
                { "serial", &shares.serial },
                { "copy", &shares.copy },
                { "notification", &shares.notification },
                { "descheduled", &shares.descheduled },
        };

        if (!trib__load_shares_of(point, runs_on_cpu, &shares))
                return TRIB_OK;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == TRIB_OK; i++)
                status = trib__point_add_share(out, parts[i].name, *parts[i].us, err);
        out->demands_us = (struct trib__demands_us){
                .cores = shares.held.cores,
                .lock = shares.held.lock,
                .serial = shares.held.serial,
                .copy = shares.held.copy,
                .submission = shares.held.submission,
                .device = shares.held.device,
        };
        return status;
}

trib_status trib_measure_add_point(struct trib__sweep *sweep, struct trib__load_point *point,
                                   bool runs_on_cpu, trib_error *err)
{
        struct trib__latency_us *us;
        struct trib__point      *out;
        trib_status              status;

        if (point->round_count == 0)
                return TRIB_OK;
        status = trib__sweep_add_point(sweep, point->threads, &out, err);
        for (size_t i = 0; i < point->round_count && status == TRIB_OK; i++)
                status = trib__point_add_round(out, point->rounds[i], err);
        if (status != TRIB_OK)
                return status;
        us = &out->latency_us;
        if (point->latency.count > 0)
                us->mean = (double)point->latency.sum / (double)point->latency.count * 1e-3;
        us->p50 = quantile_us(&point->latency, 0.5);
        us->p90 = quantile_us(&point->latency, 0.9);
        us->p99 = quantile_us(&point->latency, 0.99);
        us->p999 = quantile_us(&point->latency, 0.999);
        us->max = (double)point->latency.max * 1e-3;
        out->requests = point->latency.count;
        out->errors = point->errors;
        if (point->first_count > 0 && point->last_count > 0) {
                struct trib__baseline *baseline = &sweep->baseline;

                baseline->is_measured = true;
                baseline->first_ops_per_s = trib__rounds_median(point->first, point->first_count,
                                                                baseline->first_ci95);
                baseline->last_ops_per_s = trib__rounds_median(point->last, point->last_count,
                                                               baseline->last_ci95);
        }
        return add_shares(out, point, runs_on_cpu, err);
}

static void describe_operators(const struct trib__load_spec *spec, trib_precision precision,
                               struct trib__workload *out)
{
        struct trib__load_operator operators[TRIB__LOAD_OPERATORS_MAX];

        out->operator_count = trib__load_spec_operators(spec, precision, operators);
        for (size_t i = 0; i < out->operator_count; i++) {
                struct trib__operator_cost *cost = &out->operators[i];

                (void)snprintf(cost->name, sizeof(cost->name), "%s", operators[i].name);
                (void)snprintf(cost->dtype, sizeof(cost->dtype), "%s", operators[i].dtype);
                cost->count = operators[i].count;
                cost->flops = operators[i].flops;
                cost->bytes = operators[i].bytes;
                cost->shared_bytes = operators[i].shared_bytes;
        }
}

void trib_measure_describe(const struct trib__load_spec *spec, const struct trib__load_facts *facts,
                           struct trib__workload *out)
{
        memset(out, 0, sizeof(*out));
        (void)snprintf(out->kind, sizeof(out->kind), "%s", trib__load_kind_name(spec->kind));
        (void)snprintf(out->dtype, sizeof(out->dtype), "f32");
        out->in_features = spec->in_features;
        out->out_features = spec->out_features;
        out->batch = spec->batch;
        out->submissions_per_op = 1;
        out->serial_steps = facts->serial_steps;
        trib__load_spec_cost(spec, &out->flops_per_op, &out->bytes_per_op);
        describe_operators(spec, facts->precision, out);
}

void trib_measure_note(struct trib_measuring *measuring, const char *code,
                       trib__severity severity, const char *format, ...)
{
        struct trib__finding *note = &measuring->notes[measuring->note_count];
        va_list               arguments;

        if (measuring->note_count == TRIB_MEASURE_NOTES_MAX)
                return;
        measuring->note_count++;
        (void)snprintf(note->code, sizeof(note->code), "%s", code);
        note->severity = severity;
        va_start(arguments, format);
        (void)vsnprintf(note->text, sizeof(note->text), format, arguments);
        va_end(arguments);
}
