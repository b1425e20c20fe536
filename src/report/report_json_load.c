/* SPDX-License-Identifier: Apache-2.0 */
/* report_json_load.c: the member "load" of a sweep: how its requests came, the scenario, and the
 * search for the highest rate that keeps a service level. read_json_load.c reads it back. */
#include <jansson.h>
#include <math.h>

#include "report/report_priv.h"

static json_t *positive(double value)
{
        return value > 0 && isfinite(value) ? json_real(value) : json_null();
}

static json_t *delays(const struct trib__delays_us *us)
{
        return json_pack("{s:f, s:f, s:f, s:f}", "mean", us->mean, "p50", us->p50, "p99", us->p99,
                         "max", us->max);
}

/* NULL when memory is short, whatever was appended so far. */
static json_t *bounds_of(const struct trib__service_level *slo)
{
        json_t *array = json_array();

        for (size_t i = 0; i < slo->bound_count; i++) {
                const struct trib__bound *bound = &slo->bounds[i];
                json_t *interval = bound->ci95_us[0] > 0
                                           ? json_pack("[f, o]", bound->ci95_us[0],
                                                       positive(bound->ci95_us[1]))
                                           : json_null();
                json_t *object = json_pack("{s:f, s:f, s:o, s:o}", "percentile",
                                           100 * bound->quantile, "us", bound->us, "measured_us",
                                           positive(bound->measured_us), "measured_us_ci95",
                                           interval);

                if (json_array_append_new(array, object) != 0) {
                        json_decref(array);
                        return NULL;
                }
        }
        return array;
}

static json_t *trials_of(const struct trib__service_level *slo)
{
        json_t *array = json_array();

        for (size_t i = 0; i < slo->trial_count; i++) {
                const struct trib__rate_trial *trial = &slo->trials[i];
                json_t *object = json_pack("{s:f, s:s, s:I, s:f, s:o}", "rate", trial->rate,
                                           "verdict", trial->verdict, "requests",
                                           (json_int_t)trial->requests, "over", trial->over,
                                           "measured_us", positive(trial->measured_us));

                if (json_array_append_new(array, object) != 0) {
                        json_decref(array);
                        return NULL;
                }
        }
        return array;
}

static json_t *slo_of(const struct trib__service_level *slo)
{
        if (!slo->is_present)
                return json_null();
        return json_pack("{s:s, s:o, s:o, s:o, s:f, s:f, s:o, s:I, s:o, s:o}", "end", slo->end,
                         "bounds", bounds_of(slo), "rate", positive(slo->kept_rate), "failed_rate",
                         positive(slo->failed_rate), "confidence", slo->confidence, "seconds",
                         slo->seconds, "seconds_needed", positive(slo->seconds_needed),
                         "requests_needed", (json_int_t)slo->requests_needed, "mlperf_requests",
                         positive(slo->mlperf_requests), "trials", trials_of(slo));
}

static json_t *scenario_of(const struct trib__load *load)
{
        if (load->scenario[0] == '\0')
                return json_null();
        return json_pack("{s:s, s:s, s:o}", "name", load->scenario, "metric", load->metric,
                         "value", positive(load->metric_value));
}

struct json_t *trib__report_json_load(const struct trib__load *load)
{
        return json_pack("{s:s, s:o, s:I, s:I, s:I, s:b, s:o, s:o, s:f, s:o, s:i, s:I, s:f, s:o, "
                         "s:o}",
                         "arrivals", load->arrivals, "rate", positive(load->rate), "intended",
                         (json_int_t)load->intended, "unfinished", (json_int_t)load->unfinished,
                         "backlog_max", (json_int_t)load->backlog_max, "is_backlogged",
                         (int)load->is_backlogged, "late_us", delays(&load->late_us), "waited_us",
                         delays(&load->waited_us), "generator_part", load->own_part,
                         "closed_loop_ops_per_s", positive(load->closed_ops_per_s),
                         "samples_per_query", (int)load->samples_per_query, "queries",
                         (json_int_t)load->queries, "seconds", load->measured_seconds, "scenario",
                         scenario_of(load), "slo", slo_of(&load->slo));
}
