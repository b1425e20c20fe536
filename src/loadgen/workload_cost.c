/* SPDX-License-Identifier: Apache-2.0 */
/* workload_cost.c: what a workload takes and gives: shapes of its input and outputs, its memory,
 * and its FLOPs and bytes by the textbook. Pure functions. */
#include <inttypes.h>

#include "base/error.h"
#include "loadgen/workload_model.h"

/* ---- input and outputs ------------------------------------------------------------------ */

static struct trib__load_port port(trib_dtype dtype, int rank, int64_t a, int64_t b, int64_t c,
                                   int64_t d)
{
        struct trib__load_port made = { dtype, rank, { a, b, c, d }, trib_dtype_size(dtype) };

        for (int i = 0; i < rank; i++)
                made.bytes *= (size_t)made.shape[i];
        return made;
}

void trib__load_spec_ports(const struct trib__load_spec *spec, struct trib__load_ports *out)
{
        int64_t m = spec->out_features, n = spec->in_features, batch = spec->batch;

        out->n_outputs = 1;
        switch (spec->kind) {
        case TRIB__LOAD_LU:
                out->input = out->outputs[0] = port(TRIB_F32, 3, batch, m, n, 1);
                out->outputs[1] = port(TRIB_I32, 2, batch, m < n ? m : n, 1, 1);
                out->n_outputs = 2;
                break;
        case TRIB__LOAD_SPARSE:
                out->input = port(TRIB_F32, 2, n, batch, 1, 1);
                out->outputs[0] = port(TRIB_F32, 2, m, batch, 1, 1);
                break;
        case TRIB__LOAD_TRANSFORMER:
                out->input = out->outputs[0] = port(TRIB_F32, 3, batch, spec->rows, n, 1);
                break;
        case TRIB__LOAD_CONV:
                out->input = out->outputs[0] = port(TRIB_F32, 4, batch, n, spec->rows,
                                                    spec->columns);
                break;
        default:
                out->input = port(TRIB_F32, 2, batch, n, 1, 1);
                out->outputs[0] = port(TRIB_F32, 2, batch, m, 1, 1);
                break;
        }
}

/* ---- memory ----------------------------------------------------------------------------- */

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
/* A value and its column: the caller's, and the model's on host and device, in f32. */
#define SPARSE_COPIES 9

/* Of a transformer: the widths between input and output, as wide as the slab can become. */
#define TRANSFORMER_WIDTHS 12
#define TRANSFORMER_WEIGHTS 12

static bool add_transformer(uint64_t *total, const struct trib__load_spec *spec, uint64_t threads)
{
        int64_t wide;

        return !__builtin_mul_overflow(spec->rows, spec->batch, &wide)
               && add_f32(total, WEIGHT_COPIES * TRANSFORMER_WEIGHTS, spec->in_features,
                          spec->in_features)
               && add_f32(total, (TRANSFORMER_WIDTHS + 1 + OUTPUT_COPIES) * threads, wide,
                          spec->in_features)
               && add_f32(total, threads, spec->rows, spec->rows);
}

/* The library also lays a group of channels out nine times, for each pixel's neighbours. */
static bool add_conv(uint64_t *total, const struct trib__load_spec *spec, uint64_t threads)
{
        int64_t plane, images;

        return !__builtin_mul_overflow(spec->rows, spec->columns, &plane)
               && !__builtin_mul_overflow(plane, spec->batch, &images)
               && add_f32(total, 2 * 9 * WEIGHT_COPIES, spec->in_features, spec->in_features)
               && add_f32(total, (3 + OUTPUT_COPIES) * threads, images, spec->in_features)
               && add_f32(total, 9 * threads, plane, spec->in_features);
}

/* Weights, and what each thread has between input and output. */
static bool add_inside(uint64_t *total, const struct trib__load_spec *spec, uint64_t threads)
{
        int64_t in = spec->in_features, hidden = spec->hidden, out = spec->out_features;

        switch (spec->kind) {
        case TRIB__LOAD_MLP:
                return add_f32(total, WEIGHT_COPIES, in, hidden)
                       && add_f32(total, WEIGHT_COPIES, hidden, hidden)
                       && add_f32(total, WEIGHT_COPIES, hidden, out)
                       && add_f32(total, 2 * threads, spec->batch, hidden);
        case TRIB__LOAD_SPARSE:
                return add_f32(total, SPARSE_COPIES, trib__load_spec_row(spec) + 1, out);
        default:
                return add_f32(total, WEIGHT_COPIES, in, out);
        }
}

/* Input, output and right result of each thread; LU's has the packed factors as well. */
static bool add_threads(uint64_t *total, const struct trib__load_spec *spec, uint64_t threads)
{
        int64_t in = spec->in_features, out = spec->out_features;

        if (spec->kind != TRIB__LOAD_LU)
                return add_f32(total, threads, spec->batch, in)
                       && add_f32(total, OUTPUT_COPIES * threads, spec->batch, out);
        /* Of LU they are the columns and rows, each at most 2^24. */
        return in <= TRIB__LOAD_LU_MAX && out <= TRIB__LOAD_LU_MAX
               && add_f32(total, (2 + OUTPUT_COPIES) * threads, spec->batch, (in + 2) * (out + 2));
}

trib_status trib__load_spec_bytes(const struct trib__load_spec *spec, unsigned threads,
                                  uint64_t *bytes, trib_error *err)
{
        uint64_t total = 0;
        bool     fits;

        if (spec->kind == TRIB__LOAD_TRANSFORMER)
                fits = add_transformer(&total, spec, threads);
        else if (spec->kind == TRIB__LOAD_CONV)
                fits = add_conv(&total, spec, threads);
        else
                fits = add_threads(&total, spec, threads) && add_inside(&total, spec, threads);

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

/* ---- FLOPs and bytes -------------------------------------------------------------------- */

/* One layer: each weight and bias is read once, input and output pass once. */
static void add_layer(double in, double out, double batch, double *flops, double *bytes)
{
        *flops += 2.0 * batch * in * out;
        *bytes += 4.0 * (in * out + out + batch * (in + out));
}

/* The two leading orders (Golub and Van Loan, Matrix Computations, section 3.4). */
static void add_lu(double m, double n, double batch, double *flops, double *bytes)
{
        double p = m < n ? m : n;

        *flops += batch * 2 * (m * n * p - (m + n) * p * p / 2 + p * p * p / 3);
        *bytes += batch * 4 * (2 * m * n + p);
}

/* Every value is read once with its column, x and y pass once. */
static void add_sparse(const struct trib__load_spec *spec, double *flops, double *bytes)
{
        double rows = (double)spec->out_features, count = rows * (double)trib__load_spec_row(spec);
        double width = (double)spec->batch;

        *flops += 2 * count * width;
        *bytes += (4 + 8) * count + 8 * (rows + 1)
                  + 4 * width * (rows + (double)spec->in_features);
}

/* The products: 4 widths of linear layers for attention and 8 behind it; q k' and p v. */
static void add_block(const struct trib__load_spec *spec, double *flops, double *bytes)
{
        double rows = (double)spec->rows, width = (double)spec->in_features;
        double batch = (double)spec->batch;

        *flops += 2 * batch * rows * 12 * width * width + 4 * batch * rows * rows * width;
        *bytes += 4 * (12 * width * width + 9 * width + 2 * batch * rows * width);
}

static void add_convs(const struct trib__load_spec *spec, double *flops, double *bytes)
{
        double channels = (double)spec->in_features;
        double pixels = (double)spec->batch * (double)spec->rows * (double)spec->columns;

        *flops += 2 * pixels * channels * (2 * 9 * channels + 1);
        *bytes += 4 * (2 * (9 * channels * channels + channels) + 2 * pixels * channels);
}

void trib__load_spec_cost(const struct trib__load_spec *spec, double *flops, double *bytes)
{
        double in = (double)spec->in_features, out = (double)spec->out_features;
        double hidden = (double)spec->hidden, batch = (double)spec->batch;

        *flops = 0;
        *bytes = 0;
        switch (spec->kind) {
        case TRIB__LOAD_LINEAR:
                add_layer(in, out, batch, flops, bytes);
                break;
        case TRIB__LOAD_MLP:
                add_layer(in, hidden, batch, flops, bytes);
                add_layer(hidden, hidden, batch, flops, bytes);
                add_layer(hidden, out, batch, flops, bytes);
                break;
        case TRIB__LOAD_LU:
                add_lu(out, in, batch, flops, bytes);
                break;
        case TRIB__LOAD_SPARSE:
                add_sparse(spec, flops, bytes);
                break;
        case TRIB__LOAD_TRANSFORMER:
                add_block(spec, flops, bytes);
                break;
        case TRIB__LOAD_CONV:
                add_convs(spec, flops, bytes);
                break;
        case TRIB__LOAD_NOOP:
                break;
        }
}
