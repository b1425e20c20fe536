/* SPDX-License-Identifier: Apache-2.0 */
/* read_json_priv.h: what the readers of our JSON share: where they are, and taking one value of a
 * kind, or refusing it with its place. */
#ifndef TRIB_ANALYSIS_READ_JSON_PRIV_H
#define TRIB_ANALYSIS_READ_JSON_PRIV_H

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/measurements.h"
#include "analysis/read.h"
#include "base/error.h"

/* The largest whole number that a double and a JSON reader elsewhere both hold exactly. */
#define WHOLE_MAX INT64_C(9007199254740991)

struct reader {
        const struct trib__read_input *input;
        trib_error                    *err;
        struct trib__results          *results;
        /* Where we are, for messages; "" at the top. */
        char path[96];
};

TRIB_PRINTF(3, 4)
static inline trib_status refuse(struct reader *reader, const char *key, const char *format,
                                 ...)
{
        const char *name = reader->input->name;
        size_t      length = strlen(name);
        char        detail[120];
        va_list     arguments;

        va_start(arguments, format);
        (void)vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        return trib__fail(reader->err, TRIB_MALFORMED, "%s: %s%s%s: %s",
                          length > 60 ? name + length - 60 : name, reader->path,
                          reader->path[0] != '\0' && key[0] != '\0' ? "." : "", key, detail);
}

/* A string that fits; absent leaves "". Bytes that a terminal would act on become '?'. */
static inline trib_status take_text(struct reader *reader, json_t *object, const char *key,
                                    char *out, size_t size)
{
        json_t *value = json_object_get(object, key);
        size_t  length;

        if (value == NULL || json_is_null(value))
                return TRIB_OK;
        if (!json_is_string(value))
                return refuse(reader, key, "expected a string");
        length = json_string_length(value);
        if (length >= size || strlen(json_string_value(value)) != length)
                return refuse(reader, key, "expected a string of at most %zu bytes", size - 1);
        for (size_t i = 0; i <= length; i++) {
                char c = json_string_value(value)[i];
                out[i] = c != '\0' && ((unsigned char)c < ' ' || c == 127) ? '?' : c;
        }
        return TRIB_OK;
}

static inline bool is_number_in(json_t *value, double lowest)
{
        double number = json_number_value(value);

        return json_is_number(value) && isfinite(number) && number >= lowest && number <= 1e30;
}

/* A finite number of at least 0; absent leaves 0. */
static inline trib_status take_number(struct reader *reader, json_t *object, const char *key,
                                      double *out)
{
        json_t *value = json_object_get(object, key);

        if (value == NULL || json_is_null(value))
                return TRIB_OK;
        if (!is_number_in(value, 0))
                return refuse(reader, key, "expected a finite number, not below 0");
        *out = json_number_value(value);
        return TRIB_OK;
}

static inline trib_status take_whole(struct reader *reader, json_t *object, const char *key,
                                     int64_t range[2], int64_t *out)
{
        json_t *value = json_object_get(object, key);

        if (value == NULL || json_is_null(value))
                return TRIB_OK;
        if (!json_is_integer(value) || json_integer_value(value) < range[0]
            || json_integer_value(value) > range[1])
                return refuse(reader, key, "expected a whole number from %lld to %lld",
                              (long long)range[0], (long long)range[1]);
        *out = json_integer_value(value);
        return TRIB_OK;
}

static inline trib_status take_count(struct reader *reader, json_t *object, const char *key,
                                     uint64_t *out)
{
        int64_t     range[2] = { 0, WHOLE_MAX }, value = (int64_t)*out;
        trib_status status = take_whole(reader, object, key, range, &value);

        *out = (uint64_t)value;
        return status;
}

static inline trib_status take_unsigned(struct reader *reader, json_t *object, const char *key,
                                        unsigned *out)
{
        int64_t     range[2] = { 0, 1 << 24 }, value = *out;
        trib_status status = take_whole(reader, object, key, range, &value);

        *out = (unsigned)value;
        return status;
}

static inline trib_status take_pair(struct reader *reader, json_t *object, const char *key,
                                    double out[2])
{
        json_t *value = json_object_get(object, key);

        if (value == NULL || json_is_null(value))
                return TRIB_OK;
        if (!json_is_array(value) || json_array_size(value) != 2
            || !is_number_in(json_array_get(value, 0), 0)
            || !is_number_in(json_array_get(value, 1), 0)
            || json_number_value(json_array_get(value, 0))
                       > json_number_value(json_array_get(value, 1)))
                return refuse(reader, key, "expected [low, high], low not above high");
        out[0] = json_number_value(json_array_get(value, 0));
        out[1] = json_number_value(json_array_get(value, 1));
        return TRIB_OK;
}

struct number_member {
        const char *key;
        double     *out;
};

static inline trib_status take_numbers(struct reader *reader, json_t *object,
                                       const struct number_member *members, size_t count)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < count && status == TRIB_OK; i++)
                status = take_number(reader, object, members[i].key, members[i].out);
        return status;
}

/* The member `key`, which must be an object when it is there; NULL when it is not. */
static inline trib_status take_object(struct reader *reader, json_t *object, const char *key,
                                      json_t **out)
{
        *out = json_object_get(object, key);
        if (json_is_null(*out))
                *out = NULL;
        if (*out != NULL && !json_is_object(*out))
                return refuse(reader, key, "expected an object");
        return TRIB_OK;
}

/* read_json.c: a point into a sweep, a workload. */
TRIB_MUST_USE trib_status trib__read_json_point(struct reader *reader, json_t *object,
                                                struct trib__sweep *sweep);
TRIB_MUST_USE trib_status trib__read_json_workload(struct reader *reader, json_t *sweep_object,
                                                   struct trib__workload *workload);

/* read_json_plan.c: the ablations, the plan and the objective of a run; absent ones are fine. */
TRIB_MUST_USE trib_status trib__read_json_plan(struct reader *reader, json_t *root);

#endif
