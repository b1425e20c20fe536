/* SPDX-License-Identifier: Apache-2.0 */
/* workload_operators.c: what each operator of a workload costs: FLOPs, and the bytes that it reads
 * and writes if each number passes once. At medium precision the factors that are constants are
 * kept in bf16. Pure functions. */
#include "loadgen/workload_model.h"

#define F32 4.0
#define I64 8.0

struct listing {
        struct trib__load_operator *operators;
        size_t                      count;
        bool                        is_medium;
};

static struct trib__load_operator *add(struct listing *listing, const char *name, double count)
{
        struct trib__load_operator *one = &listing->operators[listing->count++];

        *one = (struct trib__load_operator){ .name = name, .dtype = "f32", .count = count };
        return one;
}

/* One that multiplies `weights` constants, with `biases`, by what flows through it. */
static void add_product(struct listing *listing, const char *name, double count, double flops,
                        const double numbers[3])
{
        struct trib__load_operator *one = add(listing, name, count);
        double weights = numbers[0], biases = numbers[1], values = numbers[2];

        one->flops = flops;
        one->dtype = listing->is_medium ? "medium" : "f32";
        one->shared_bytes = (listing->is_medium ? F32 / 2 : F32) * weights + F32 * biases;
        one->bytes = one->shared_bytes + F32 * values;
}

static void add_linear(struct listing *listing, double count, double in, double out, double rows)
{
        add_product(listing, "linear", count, 2 * rows * in * out,
                    (double[]){ in * out, out, rows * (in + out) });
}

/* `flops` for each of `numbers` results, of `factors` values each. */
static void add_elementwise(struct listing *listing, const char *name, double count,
                            const double shape[3])
{
        struct trib__load_operator *one = add(listing, name, count);
        double flops = shape[0], numbers = shape[1], factors = shape[2];

        one->flops = flops * numbers;
        one->bytes = F32 * numbers * (1 + factors);
}

/* FLOPs to the two leading orders (Golub and Van Loan, Matrix Computations, section 3.4); then the
 * packed factors and the pivots are taken apart. */
static void add_lu(struct listing *listing, const struct trib__load_spec *spec)
{
        double m = (double)spec->out_features, n = (double)spec->in_features;
        double p = m < n ? m : n, batch = (double)spec->batch;
        struct trib__load_operator *one = add(listing, "lu", 1);

        one->flops = batch * 2 * (m * n * p - (m + n) * p * p / 2 + p * p * p / 3);
        one->bytes = batch * F32 * (m * n + m * (n + 1));
        add(listing, "lu_factors", 1)->bytes = batch * F32 * (m * (n + 1) + m * n);
        add(listing, "lu_pivots", 1)->bytes = batch * F32 * 2 * p;
}

/* Each number of the matrix with its column's, then a number a row. */
static void add_sparse(struct listing *listing, const struct trib__load_spec *spec)
{
        double rows = (double)spec->out_features, width = (double)spec->batch;
        double numbers = rows * (double)trib__load_spec_row(spec);
        struct trib__load_operator *one = add(listing, "sparse_matmul", 1);

        one->flops = 2 * numbers * width;
        one->shared_bytes = (F32 + I64) * numbers + I64 * (rows + 1);
        one->bytes = one->shared_bytes + F32 * width * (rows + (double)spec->in_features);
}

/* Every row with every row: two products, and 4 a softmax of each head. */
static void add_attention(struct listing *listing, const struct trib__load_spec *spec)
{
        double rows = (double)spec->rows, width = (double)spec->in_features;
        double batch = (double)spec->batch, pairs = batch * rows * rows;
        struct trib__load_operator *one = add(listing, "attention", 1);

        one->dtype = listing->is_medium ? "medium" : "f32";
        one->flops = pairs * (4 * width + 4 * (double)spec->heads);
        one->bytes = F32 * 4 * batch * rows * width;
}

static void add_transformer(struct listing *listing, const struct trib__load_spec *spec)
{
        double width = (double)spec->in_features, rows = (double)spec->batch * (double)spec->rows;

        add_elementwise(listing, "layer_norm", 2, (double[]){ 8, rows * width, 1 });
        add_linear(listing, 4, width, width, rows);
        add_attention(listing, spec);
        add_elementwise(listing, "add", 2, (double[]){ 1, rows * width, 2 });
        add_linear(listing, 1, width, 4 * width, rows);
        add_linear(listing, 1, 4 * width, width, rows);
}

static void add_conv(struct listing *listing, const struct trib__load_spec *spec)
{
        double channels = (double)spec->in_features;
        double pixels = (double)spec->batch * (double)spec->rows * (double)spec->columns;

        add_product(listing, "conv2d", 2, 2 * pixels * channels * 9 * channels,
                    (double[]){ 9 * channels * channels, channels, 2 * pixels * channels });
        add_elementwise(listing, "add", 1, (double[]){ 1, pixels * channels, 2 });
        add_elementwise(listing, "relu", 1, (double[]){ 1, pixels * channels, 1 });
}

size_t trib__load_spec_operators(const struct trib__load_spec *spec, trib_precision precision,
                                 struct trib__load_operator out[TRIB__LOAD_OPERATORS_MAX])
{
        struct listing listing = { out, 0, precision == TRIB_PRECISION_MEDIUM };
        double in = (double)spec->in_features, result = (double)spec->out_features;
        double hidden = (double)spec->hidden, batch = (double)spec->batch;

        switch (spec->kind) {
        case TRIB__LOAD_LINEAR:
                add_linear(&listing, 1, in, result, batch);
                break;
        case TRIB__LOAD_MLP:
                add_linear(&listing, 1, in, hidden, batch);
                add_linear(&listing, 1, hidden, hidden, batch);
                add_linear(&listing, 1, hidden, result, batch);
                break;
        case TRIB__LOAD_LU:
                add_lu(&listing, spec);
                break;
        case TRIB__LOAD_SPARSE:
                add_sparse(&listing, spec);
                break;
        case TRIB__LOAD_TRANSFORMER:
                add_transformer(&listing, spec);
                break;
        case TRIB__LOAD_CONV:
                add_conv(&listing, spec);
                break;
        case TRIB__LOAD_NOOP:
                break;
        }
        return listing.count;
}
