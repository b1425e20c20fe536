/* SPDX-License-Identifier: Apache-2.0 */
/* workload_model.c: the built-in workloads' models, with random weights. No state. */
#include "loadgen/workload_model.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"

#define LAYERS_MAX 3

/* What a model is built with. */
struct making {
        const struct trib__load_spec *spec;
        trib_model_builder           *builder;
        struct trib__random           random;
};

static int copy_one(void *context, const trib_tensor *inputs, int n_inputs,
                    const trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        *(float *)output->data = *(const float *)inputs[0].data;
        return 0;
}

/* `count` numbers in +-scale; NULL when memory is short. */
static float *random_numbers(struct trib__random *random, size_t count, float scale)
{
        float *numbers = trib__alloc("loadgen.weights", count * sizeof(*numbers));

        for (size_t i = 0; numbers != NULL && i < count; i++)
                numbers[i] = scale * trib__random_f32(random);
        return numbers;
}

static trib_status short_of(size_t count, trib_error *err)
{
        return trib__fail(err, TRIB_OUT_OF_MEMORY, "workload: no memory for %zu weights", count);
}

/* ---- layers ----------------------------------------------------------------------------- */

static trib_status add_linear(struct making *making, int64_t in, int64_t out, trib_value *value,
                              trib_error *err)
{
        size_t      weight_count = (size_t)in * (size_t)out;
        float       scale = 1.0f / sqrtf((float)in);
        float      *weights = random_numbers(&making->random, weight_count, scale);
        float      *biases = random_numbers(&making->random, (size_t)out, scale);
        trib_status status = TRIB_OK;

        if (weights == NULL || biases == NULL) {
                status = short_of(weight_count, err);
        } else {
                trib_tensor w = trib_tensor_from_f32(weights, 2, (int64_t[]){ out, in });
                trib_tensor b = trib_tensor_from_f32(biases, 1, (int64_t[]){ out });

                *value = trib_model_linear(making->builder, *value,
                                           trib_model_constant(making->builder, &w),
                                           trib_model_constant(making->builder, &b));
        }
        trib__free(biases);
        trib__free(weights);
        return status;
}

static trib_status add_layers(struct making *making, trib_value *value, trib_error *err)
{
        const struct trib__load_spec *spec = making->spec;
        int64_t     widths[LAYERS_MAX + 1] = { spec->in_features, spec->hidden, spec->hidden,
                                               spec->out_features };
        int         layers = spec->kind == TRIB__LOAD_MLP ? LAYERS_MAX : 1;
        trib_status status = TRIB_OK;

        if (layers == 1)
                widths[1] = spec->out_features;
        for (int i = 0; i < layers && status == TRIB_OK; i++) {
                if (i > 0)
                        *value = trib_model_relu(making->builder, *value);
                status = add_linear(making, widths[i], widths[i + 1], value, err);
        }
        return status;
}

/* ---- sparse ----------------------------------------------------------------------------- */

int64_t trib__load_spec_row(const struct trib__load_spec *spec)
{
        int64_t count = (int64_t)((double)spec->in_features * (double)spec->density * 1e-6 + 0.5);

        return count < 1 ? 1 : count;
}

/* Every row has equally many numbers: one, somewhere, in each of as many equal parts of the row. */
static trib_status add_sparse(struct making *making, trib_value *value, trib_error *err)
{
        const struct trib__load_spec *spec = making->spec;
        int64_t     per_row = trib__load_spec_row(spec), rows = spec->out_features;
        int64_t     count = per_row * rows, pointers = rows + 1;
        float      *values = random_numbers(&making->random, (size_t)count,
                                            1.0f / sqrtf((float)per_row));
        int64_t    *columns = trib__alloc("loadgen.columns", (size_t)count * sizeof(*columns));
        int64_t    *starts = trib__alloc("loadgen.rows", (size_t)pointers * sizeof(*starts));
        trib_status status = TRIB_OK;

        if (values == NULL || columns == NULL || starts == NULL) {
                status = short_of((size_t)count, err);
        } else {
                for (int64_t i = 0; i < count; i++) {
                        int64_t first = i % per_row * spec->in_features / per_row;
                        int64_t last = (i % per_row + 1) * spec->in_features / per_row;

                        columns[i] = first + trib__random_below(&making->random,
                                                                (uint32_t)(last - first));
                }
                for (int64_t i = 0; i < pointers; i++)
                        starts[i] = i * per_row;
                trib_tensor v = trib_tensor_from_f32(values, 1, &count);
                trib_tensor c = trib_tensor_from(TRIB_I64, columns, 1, &count);
                trib_tensor r = trib_tensor_from(TRIB_I64, starts, 1, &pointers);

                *value = trib_model_sparse_matmul(making->builder,
                                                  trib_model_constant(making->builder, &r),
                                                  trib_model_constant(making->builder, &c),
                                                  trib_model_constant(making->builder, &v),
                                                  spec->in_features, *value);
        }
        trib__free(starts);
        trib__free(columns);
        trib__free(values);
        return status;
}

/* ---- blocks ----------------------------------------------------------------------------- */

static trib_status add_transformer(struct making *making, trib_value *value, trib_error *err)
{
        int64_t                width = making->spec->in_features;
        trib_model_builder    *b = making->builder;
        trib_attention_options options = TRIB_ATTENTION_OPTIONS_INIT;
        trib_value             x = *value, parts[3];
        trib_status            status = TRIB_OK;

        options.heads = making->spec->heads;
        *value = trib_model_layer_norm(b, x, TRIB_NO_VALUE, TRIB_NO_VALUE, 1e-5f);
        for (int i = 0; i < 3 && status == TRIB_OK; i++) {
                parts[i] = *value;
                status = add_linear(making, width, width, &parts[i], err);
        }
        if (status != TRIB_OK)
                return status;
        *value = trib_model_attention(b, parts[0], parts[1], parts[2], &options);
        status = add_linear(making, width, width, value, err);
        x = trib_model_add(b, x, *value);
        *value = trib_model_layer_norm(b, x, TRIB_NO_VALUE, TRIB_NO_VALUE, 1e-5f);
        if (status == TRIB_OK)
                status = add_linear(making, width, 4 * width, value, err);
        *value = trib_model_gelu(b, *value, TRIB_GELU_TANH);
        if (status == TRIB_OK)
                status = add_linear(making, 4 * width, width, value, err);
        *value = trib_model_add(b, x, *value);
        return status;
}

/* 3 x 3, with as many channels out as in, and images of the same size. */
static trib_status add_conv(struct making *making, trib_value *value, trib_error *err)
{
        int64_t             channels = making->spec->in_features;
        size_t              count = (size_t)channels * (size_t)channels * 9;
        float               scale = 1.0f / (3 * sqrtf((float)channels));
        float              *weights = random_numbers(&making->random, count, scale);
        float              *biases = random_numbers(&making->random, (size_t)channels, scale);
        trib_conv2d_options options = TRIB_CONV2D_OPTIONS_INIT;
        trib_status         status = TRIB_OK;

        options.padding[0] = options.padding[1] = 1;
        if (weights == NULL || biases == NULL) {
                status = short_of(count, err);
        } else {
                trib_tensor w = trib_tensor_from_f32(weights, 4,
                                                     (int64_t[]){ channels, channels, 3, 3 });
                trib_tensor b = trib_tensor_from_f32(biases, 1, &channels);

                *value = trib_model_conv2d(making->builder, *value,
                                           trib_model_constant(making->builder, &w),
                                           trib_model_constant(making->builder, &b), &options);
        }
        trib__free(biases);
        trib__free(weights);
        return status;
}

static trib_status add_residual(struct making *making, trib_value *value, trib_error *err)
{
        trib_value  x = *value;
        trib_status status = add_conv(making, value, err);

        *value = trib_model_relu(making->builder, *value);
        if (status == TRIB_OK)
                status = add_conv(making, value, err);
        *value = trib_model_relu(making->builder, trib_model_add(making->builder, x, *value));
        return status;
}

/* ---- the whole -------------------------------------------------------------------------- */

static trib_value add_noop(struct making *making, trib_value value)
{
        trib_operator noop = TRIB_OPERATOR_INIT;

        noop.name = "noop";
        noop.run = copy_one;
        return trib_model_operator(making->builder, &noop, &value, 1);
}

trib_status trib__load_describe(const struct trib__load_spec *spec, uint64_t seed,
                                trib_model_builder *builder, trib_error *err)
{
        struct making           making = { spec, builder, { seed } };
        struct trib__load_ports ports;
        trib_value              value, pivots;
        trib_status             status = TRIB_OK;

        trib__load_spec_ports(spec, &ports);
        value = trib_model_input(builder, "x", TRIB_F32, ports.input.rank, ports.input.shape);
        switch (spec->kind) {
        case TRIB__LOAD_NOOP:
                value = add_noop(&making, value);
                break;
        case TRIB__LOAD_LU:
                value = trib_model_lu(builder, value, &pivots);
                break;
        case TRIB__LOAD_SPARSE:
                status = add_sparse(&making, &value, err);
                break;
        case TRIB__LOAD_TRANSFORMER:
                status = add_transformer(&making, &value, err);
                break;
        case TRIB__LOAD_CONV:
                status = add_residual(&making, &value, err);
                break;
        default:
                status = add_layers(&making, &value, err);
                break;
        }
        if (status != TRIB_OK)
                return status;
        trib_model_output(builder, "y", value);
        if (spec->kind == TRIB__LOAD_LU)
                trib_model_output(builder, "pivots", pivots);
        return TRIB_OK;
}
