/* SPDX-License-Identifier: Apache-2.0 */
/* workload_spec.c: the texts that name a built-in workload, and what it costs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "loadgen/workload.h"

#define SIZE_MAX_EACH INT64_C(2147483647)
#define SIZES_MAX 4

static const char *const kind_names[] = { "linear", "mlp", "noop" };
static const char *const linear_sizes[] = { "in_features", "out_features", "batch" };
static const char *const mlp_sizes[] = { "in_features", "hidden", "out_features", "batch" };

const char *trib__load_kind_name(trib__load_kind kind)
{
        return kind_names[kind];
}

/* A decimal number up to the next 'x' or the end; larger ones than fit stick at the limit. */
static const char *read_size(const char *text, int64_t *out)
{
        int64_t value = 0;

        if (*text < '0' || *text > '9')
                return NULL;
        for (; *text >= '0' && *text <= '9'; text++)
                if (value <= SIZE_MAX_EACH)
                        value = value * 10 + (*text - '0');
        *out = value;
        return text;
}

static trib_status read_sizes(const char *whole, const char *text, const char *const *names,
                              int count, int64_t *sizes, trib_error *err)
{
        for (int i = 0; i < count; i++) {
                const char *number = text;

                text = read_size(text, &sizes[i]);
                if (text == NULL || *text != (i + 1 < count ? 'x' : '\0'))
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "'%.80s' is not INxOUTxBATCH (such as 2048x1024x32), "
                                          "mlp:INxHIDDENxOUTxBATCH or noop", whole);
                if (sizes[i] < 1 || sizes[i] > SIZE_MAX_EACH)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "'%.80s': %s is %.*s, must be 1 .. %" PRId64,
                                          whole, names[i], (int)strspn(number, "0123456789") > 40
                                          ? 40 : (int)strspn(number, "0123456789"), number,
                                          SIZE_MAX_EACH);
                text += *text == 'x';
        }
        return TRIB_OK;
}

trib_status trib__load_spec_parse(const char *text, struct trib__load_spec *out, trib_error *err)
{
        int64_t     sizes[SIZES_MAX] = { 1, 1, 1, 1 };
        trib_status status;

        memset(out, 0, sizeof(*out));
        if (strcmp(text, "noop") == 0) {
                *out = (struct trib__load_spec){ TRIB__LOAD_NOOP, 1, 0, 1, 1 };
                return TRIB_OK;
        }
        if (strncmp(text, "mlp:", 4) == 0) {
                status = read_sizes(text, text + 4, mlp_sizes, 4, sizes, err);
                *out = (struct trib__load_spec){ TRIB__LOAD_MLP, sizes[0], sizes[1], sizes[2],
                                                 sizes[3] };
                return status;
        }
        status = read_sizes(text, strncmp(text, "linear:", 7) == 0 ? text + 7 : text,
                            linear_sizes, 3, sizes, err);
        *out = (struct trib__load_spec){ TRIB__LOAD_LINEAR, sizes[0], 0, sizes[1], sizes[2] };
        return status;
}

const char *trib__load_spec_text(const struct trib__load_spec *spec, char *buffer, size_t size)
{
        if (spec->kind == TRIB__LOAD_NOOP)
                (void)snprintf(buffer, size, "noop");
        else if (spec->kind == TRIB__LOAD_MLP)
                (void)snprintf(buffer, size,
                               "mlp:%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64,
                               spec->in_features, spec->hidden, spec->out_features, spec->batch);
        else
                (void)snprintf(buffer, size, "%" PRId64 "x%" PRId64 "x%" PRId64,
                               spec->in_features, spec->out_features, spec->batch);
        return buffer;
}

/* *total += count * rows * columns * 4; false if that does not fit. */
static bool add_f32(uint64_t *total, uint64_t count, int64_t rows, int64_t columns)
{
        uint64_t bytes;

        return !__builtin_mul_overflow((uint64_t)rows, (uint64_t)columns, &bytes)
               && !__builtin_mul_overflow(bytes, 4 * count, &bytes)
               && !__builtin_add_overflow(*total, bytes, total);
}

/* The caller's weights, the model's and the packed ones. */
#define WEIGHT_COPIES 3
/* The output and the right result of it. */
#define OUTPUT_COPIES 2

trib_status trib__load_spec_bytes(const struct trib__load_spec *spec, unsigned threads,
                                  uint64_t *bytes, trib_error *err)
{
        uint64_t total = 0;
        bool     fits = add_f32(&total, threads, spec->batch, spec->in_features)
                    && add_f32(&total, OUTPUT_COPIES * (uint64_t)threads, spec->batch,
                               spec->out_features);

        if (spec->kind == TRIB__LOAD_MLP)
                fits = fits && add_f32(&total, WEIGHT_COPIES, spec->in_features, spec->hidden)
                       && add_f32(&total, WEIGHT_COPIES, spec->hidden, spec->hidden)
                       && add_f32(&total, WEIGHT_COPIES, spec->hidden, spec->out_features)
                       && add_f32(&total, 2 * (uint64_t)threads, spec->batch, spec->hidden);
        else
                fits = fits
                       && add_f32(&total, WEIGHT_COPIES, spec->in_features, spec->out_features);
        *bytes = fits ? total : UINT64_MAX;
        if (!fits || total > INT64_MAX) {
                char text[96];

                return trib__fail(err, TRIB_OVERFLOW,
                                  "workload %s with %u thread%s: its size in bytes does not fit "
                                  "in 63 bits", trib__load_spec_text(spec, text, sizeof(text)),
                                  threads, threads == 1 ? "" : "s");
        }
        return TRIB_OK;
}

/* One layer: each weight and bias is read once, input and output pass once. */
static void add_layer(double in, double out, double batch, double *flops, double *bytes)
{
        *flops += 2.0 * batch * in * out;
        *bytes += 4.0 * (in * out + out + batch * (in + out));
}

void trib__load_spec_cost(const struct trib__load_spec *spec, double *flops, double *bytes)
{
        double in = (double)spec->in_features, out = (double)spec->out_features;
        double hidden = (double)spec->hidden, batch = (double)spec->batch;

        *flops = 0;
        *bytes = 0;
        if (spec->kind == TRIB__LOAD_LINEAR) {
                add_layer(in, out, batch, flops, bytes);
        } else if (spec->kind == TRIB__LOAD_MLP) {
                add_layer(in, hidden, batch, flops, bytes);
                add_layer(hidden, hidden, batch, flops, bytes);
                add_layer(hidden, out, batch, flops, bytes);
        }
}
