/* SPDX-License-Identifier: Apache-2.0 */
/* read_json_load.c: the member "load" of a sweep, read back. What follows from it is drawn anew.
 * Takes no lock. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/read_json_load.h"
#include "base/error.h"

#define WHOLE_MAX INT64_C(9007199254740991)

struct load_reader {
        const char *where; /* "FILE: sweeps[2]" */
        trib_error *err;
};

static trib_status refuse(const struct load_reader *reader, const char *key, const char *expected)
{
        return trib__fail(reader->err, TRIB_MALFORMED, "%s.load.%s: expected %s", reader->where,
                          key, expected);
}

struct number {
        const char *key;
        double      most;
        double     *out;
};

/* Finite numbers of at least 0; what is absent or null stays 0. */
static trib_status take_numbers(const struct load_reader *reader, json_t *object,
                                const struct number *numbers, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                json_t *value = json_object_get(object, numbers[i].key);
                double  number = json_number_value(value);

                if (value == NULL || json_is_null(value))
                        continue;
                if (!json_is_number(value) || !isfinite(number) || number < 0
                    || number > numbers[i].most)
                        return refuse(reader, numbers[i].key, "a finite number, not below 0");
                *numbers[i].out = number;
        }
        return TRIB_OK;
}

struct whole {
        const char *key;
        int64_t     most;
        uint64_t   *out;
};

static trib_status take_wholes(const struct load_reader *reader, json_t *object,
                               const struct whole *wholes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                json_t *value = json_object_get(object, wholes[i].key);

                if (value == NULL || json_is_null(value))
                        continue;
                if (!json_is_integer(value) || json_integer_value(value) < 0
                    || json_integer_value(value) > wholes[i].most)
                        return refuse(reader, wholes[i].key, "a whole number, not below 0");
                *wholes[i].out = (uint64_t)json_integer_value(value);
        }
        return TRIB_OK;
}

/* One of the words; NULL-terminated. What is absent or null stays "". */
static trib_status take_word(const struct load_reader *reader, json_t *object, const char *key,
                             const char *const *words, char *out, size_t size)
{
        json_t *value = json_object_get(object, key);

        if (value == NULL || json_is_null(value))
                return TRIB_OK;
        for (size_t i = 0; json_is_string(value) && words[i] != NULL; i++) {
                if (strcmp(json_string_value(value), words[i]) != 0)
                        continue;
                (void)snprintf(out, size, "%s", words[i]);
                return TRIB_OK;
        }
        return refuse(reader, key, "one of the words that this program writes");
}

static trib_status take_delays(const struct load_reader *reader, json_t *load, const char *key,
                               struct trib__delays_us *out)
{
        json_t             *object = json_object_get(load, key);
        const struct number numbers[] = { { "mean", 1e30, &out->mean },
                                          { "p50", 1e30, &out->p50 },
                                          { "p99", 1e30, &out->p99 },
                                          { "max", 1e30, &out->max } };

        if (object == NULL || json_is_null(object))
                return TRIB_OK;
        if (!json_is_object(object))
                return refuse(reader, key, "an object");
        return take_numbers(reader, object, numbers, 4);
}

static trib_status read_bound(const struct load_reader *reader, json_t *object,
                              struct trib__bound *bound)
{
        double              percent = 0;
        json_t             *interval = json_object_get(object, "measured_us_ci95");
        const struct number numbers[] = { { "percentile", 100, &percent },
                                          { "us", 1e30, &bound->us },
                                          { "measured_us", 1e30, &bound->measured_us } };
        trib_status         status;

        if (!json_is_object(object))
                return refuse(reader, "slo.bounds", "an array of objects");
        status = take_numbers(reader, object, numbers, 3);
        if (status != TRIB_OK)
                return status;
        bound->quantile = percent / 100;
        for (size_t i = 0; i < 2 && json_array_size(interval) == 2; i++) {
                double end = json_number_value(json_array_get(interval, i));

                if (!isfinite(end) || end < 0)
                        return refuse(reader, "slo.bounds", "an interval of numbers");
                bound->ci95_us[i] = end;
        }
        return TRIB_OK;
}

static trib_status read_trial(const struct load_reader *reader, json_t *object,
                              struct trib__rate_trial *trial)
{
        static const char *const verdicts[] = { "kept", "broken", "undecided", NULL };
        const struct number      numbers[] = { { "rate", 1e30, &trial->rate },
                                               { "over", 1, &trial->over },
                                               { "measured_us", 1e30, &trial->measured_us } };
        const struct whole       wholes[] = { { "requests", WHOLE_MAX, &trial->requests } };
        trib_status              status;

        if (!json_is_object(object))
                return refuse(reader, "slo.trials", "an array of objects");
        status = take_numbers(reader, object, numbers, 3);
        if (status == TRIB_OK)
                status = take_wholes(reader, object, wholes, 1);
        return status == TRIB_OK ? take_word(reader, object, "verdict", verdicts, trial->verdict,
                                             sizeof(trial->verdict))
                                 : status;
}

/* The array `key`, of at most `most`; NULL when there is none. */
static trib_status take_array(const struct load_reader *reader, json_t *object, const char *key,
                              size_t most, json_t **out)
{
        *out = json_object_get(object, key);
        if (json_is_null(*out))
                *out = NULL;
        if (*out != NULL && (!json_is_array(*out) || json_array_size(*out) > most))
                return refuse(reader, key, "an array, not as long");
        return TRIB_OK;
}

static trib_status read_slo(const struct load_reader *reader, json_t *load,
                            struct trib__service_level *slo)
{
        static const char *const ends[] = { "found", "ceiling", "none", "no-time", NULL };
        const struct number      numbers[] = { { "rate", 1e30, &slo->kept_rate },
                                               { "failed_rate", 1e30, &slo->failed_rate },
                                               { "confidence", 1, &slo->confidence },
                                               { "seconds", 1e30, &slo->seconds },
                                               { "seconds_needed", 1e30, &slo->seconds_needed },
                                               { "mlperf_requests", 1e30,
                                                 &slo->mlperf_requests } };
        const struct whole       wholes[] = { { "requests_needed", WHOLE_MAX,
                                                &slo->requests_needed } };
        json_t     *object = json_object_get(load, "slo"), *bounds, *trials;
        trib_status status;

        if (object == NULL || json_is_null(object))
                return TRIB_OK;
        if (!json_is_object(object))
                return refuse(reader, "slo", "an object");
        slo->is_present = true;
        status = take_word(reader, object, "end", ends, slo->end, sizeof(slo->end));
        if (status == TRIB_OK)
                status = take_numbers(reader, object, numbers, 6);
        if (status == TRIB_OK)
                status = take_wholes(reader, object, wholes, 1);
        if (status == TRIB_OK)
                status = take_array(reader, object, "bounds", TRIB__BOUNDS_MAX, &bounds);
        if (status == TRIB_OK)
                status = take_array(reader, object, "trials", TRIB__TRIALS_MAX, &trials);
        for (size_t i = 0; status == TRIB_OK && i < json_array_size(bounds); i++)
                status = read_bound(reader, json_array_get(bounds, i),
                                    &slo->bounds[slo->bound_count++]);
        for (size_t i = 0; status == TRIB_OK && i < json_array_size(trials); i++)
                status = read_trial(reader, json_array_get(trials, i),
                                    &slo->trials[slo->trial_count++]);
        return status;
}

static trib_status read_members(const struct load_reader *reader, json_t *object,
                                struct trib__load *load)
{
        static const char *const arrivals[] = { "closed", "constant", "poisson", "at-once", NULL };
        const struct number      numbers[] = { { "rate", 1e30, &load->rate },
                                               { "generator_part", 1, &load->own_part },
                                               { "closed_loop_ops_per_s", 1e30,
                                                 &load->closed_ops_per_s },
                                               { "seconds", 1e30, &load->measured_seconds } };
        uint64_t                 samples = 0;
        const struct whole       wholes[] = { { "intended", WHOLE_MAX, &load->intended },
                                              { "unfinished", WHOLE_MAX, &load->unfinished },
                                              { "backlog_max", WHOLE_MAX, &load->backlog_max },
                                              { "queries", WHOLE_MAX, &load->queries },
                                              { "samples_per_query", 65536, &samples } };
        trib_status status = take_word(reader, object, "arrivals", arrivals, load->arrivals,
                                       sizeof(load->arrivals));

        if (status == TRIB_OK)
                status = take_numbers(reader, object, numbers, 4);
        if (status == TRIB_OK)
                status = take_wholes(reader, object, wholes, 5);
        if (status == TRIB_OK)
                status = take_delays(reader, object, "late_us", &load->late_us);
        if (status == TRIB_OK)
                status = take_delays(reader, object, "waited_us", &load->waited_us);
        load->samples_per_query = (unsigned)samples;
        load->is_backlogged = json_is_true(json_object_get(object, "is_backlogged"));
        return status;
}

trib_status trib__read_load(const char *where, struct json_t *object, struct trib__sweep *sweep,
                            trib_error *err)
{
        static const char *const scenarios[] = { "single-stream", "multi-stream", "server",
                                                 "offline", NULL };
        const struct load_reader reader = { where, err };
        struct trib__load       *load;
        json_t                  *scenario;
        trib_status              status;

        if (!json_is_object(object))
                return trib__fail(err, TRIB_MALFORMED, "%s.load: expected an object", where);
        status = trib__sweep_set_load(sweep, &load, err);
        if (status == TRIB_OK)
                status = read_members(&reader, object, load);
        scenario = json_object_get(object, "scenario");
        if (status == TRIB_OK && json_is_object(scenario))
                status = take_word(&reader, scenario, "name", scenarios, load->scenario,
                                   sizeof(load->scenario));
        return status == TRIB_OK ? read_slo(&reader, object, &load->slo) : status;
}
