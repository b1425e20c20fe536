/* SPDX-License-Identifier: Apache-2.0 */
/* model_api.c: the public model builder, and models: a graph with its constants on a device.
 * A builder is used by one thread; a model is immutable and counted. No locks. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "session/session_priv.h"

struct trib_model_builder {
        struct trib__graph graph;
        trib_error         first_failure; /* status TRIB_OK: none so far */
};

trib_status trib_model_builder_create(trib_model_builder **out, trib_error *err)
{
        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "out is NULL");
        *out = trib__calloc("builder.create", 1, sizeof(**out));
        if (*out == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a model builder");
        return TRIB_OK;
}

void trib_model_builder_destroy(trib_model_builder *builder)
{
        if (builder == NULL)
                return;
        trib__graph_clear(&builder->graph);
        trib__free(builder);
}

/* Whether to go on: not after the first failure, so that its message is the one reported. */
static bool is_good(const trib_model_builder *builder)
{
        return builder != NULL && builder->first_failure.status == TRIB_OK;
}

trib_value trib_model_input(trib_model_builder *builder, const char *name, trib_dtype dtype,
                            int rank, const int64_t *shape)
{
        struct trib__shape given = { 0 };
        int32_t            value = TRIB_NO_VALUE;

        if (!is_good(builder))
                return TRIB_NO_VALUE;
        given.dtype = dtype;
        given.rank = rank;
        if (rank > 0 && rank <= TRIB_MAX_RANK) {
                if (shape == NULL) {
                        (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                         "input: shape is NULL");
                        return TRIB_NO_VALUE;
                }
                memcpy(given.dims, shape, (size_t)rank * sizeof(*shape));
        }
        if (trib__graph_add_input(&builder->graph, name, &given, &value,
                                  &builder->first_failure) != TRIB_OK)
                return TRIB_NO_VALUE;
        return value;
}

trib_value trib_model_constant(trib_model_builder *builder, const trib_tensor *tensor)
{
        int32_t value = TRIB_NO_VALUE;

        if (!is_good(builder))
                return TRIB_NO_VALUE;
        if (trib__graph_add_constant(&builder->graph, tensor, &value,
                                     &builder->first_failure) != TRIB_OK)
                return TRIB_NO_VALUE;
        return value;
}

static trib_value add(trib_model_builder *builder, const struct trib__node *node)
{
        int32_t value = TRIB_NO_VALUE;

        if (!is_good(builder))
                return TRIB_NO_VALUE;
        if (trib__graph_add_node(&builder->graph, node, &value, &builder->first_failure) !=
            TRIB_OK)
                return TRIB_NO_VALUE;
        return value;
}

static trib_value add_simple(trib_model_builder *builder, enum trib__op op, trib_value a,
                             trib_value b, uint32_t n_inputs)
{
        struct trib__node node = { .op = op, .n_inputs = n_inputs, .inputs = { a, b } };

        return add(builder, &node);
}

trib_value trib_model_linear(trib_model_builder *builder, trib_value x, trib_value w,
                             trib_value b)
{
        struct trib__node node = { .op = TRIB__OP_LINEAR,
                                   .n_inputs = b == TRIB_NO_VALUE ? 2 : 3,
                                   .inputs = { x, w, b } };

        return add(builder, &node);
}

trib_value trib_model_matmul(trib_model_builder *builder, trib_value a, trib_value b)
{
        return add_simple(builder, TRIB__OP_MATMUL, a, b, 2);
}

trib_value trib_model_add(trib_model_builder *builder, trib_value a, trib_value b)
{
        return add_simple(builder, TRIB__OP_ADD, a, b, 2);
}

trib_value trib_model_mul(trib_model_builder *builder, trib_value a, trib_value b)
{
        return add_simple(builder, TRIB__OP_MUL, a, b, 2);
}

trib_value trib_model_relu(trib_model_builder *builder, trib_value x)
{
        return add_simple(builder, TRIB__OP_RELU, x, 0, 1);
}

trib_value trib_model_gelu(trib_model_builder *builder, trib_value x, trib_gelu_kind kind)
{
        if (is_good(builder) && kind != TRIB_GELU_ERF && kind != TRIB_GELU_TANH) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "gelu: kind is %d, must be 0 or 1", (int)kind);
                return TRIB_NO_VALUE;
        }
        return add_simple(builder,
                          kind == TRIB_GELU_TANH ? TRIB__OP_GELU_TANH : TRIB__OP_GELU_ERF, x, 0,
                          1);
}

trib_value trib_model_tanh(trib_model_builder *builder, trib_value x)
{
        return add_simple(builder, TRIB__OP_TANH, x, 0, 1);
}

trib_value trib_model_sigmoid(trib_model_builder *builder, trib_value x)
{
        return add_simple(builder, TRIB__OP_SIGMOID, x, 0, 1);
}

trib_value trib_model_softmax(trib_model_builder *builder, trib_value x, int axis)
{
        struct trib__node node = {
                .op = TRIB__OP_SOFTMAX, .n_inputs = 1, .inputs = { x }, .axis = axis
        };

        return add(builder, &node);
}

trib_value trib_model_layer_norm(trib_model_builder *builder, trib_value x, trib_value scale,
                                 trib_value shift, float epsilon)
{
        bool              has_scale = scale != TRIB_NO_VALUE;
        struct trib__node node = { .op = TRIB__OP_LAYER_NORM,
                                   .n_inputs = has_scale ? 3 : 1,
                                   .inputs = { x, scale, shift },
                                   .epsilon = epsilon };

        if (is_good(builder) && has_scale != (shift != TRIB_NO_VALUE)) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "layer_norm: give both scale and shift, or neither");
                return TRIB_NO_VALUE;
        }
        if (is_good(builder) && !(epsilon >= 0)) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "layer_norm: epsilon is %g, must be 0 or more",
                                 (double)epsilon);
                return TRIB_NO_VALUE;
        }
        return add(builder, &node);
}

/* Copy what the caller's struct of options has over the defaults in `to`; false if it is none,
 * which the builder keeps. */
static bool take_options(trib_model_builder *builder, const void *from, void *to, size_t known,
                         const char *what)
{
        size_t size;

        if (from == NULL)
                return true;
        if (trib__check_options(from, known, what, &builder->first_failure) != TRIB_OK)
                return false;
        memcpy(&size, from, sizeof(size));
        memcpy(to, from, size < known ? size : known);
        return true;
}

trib_value trib_model_attention(trib_model_builder *builder, trib_value q, trib_value k,
                                trib_value v, const trib_attention_options *options)
{
        trib_attention_options taken = TRIB_ATTENTION_OPTIONS_INIT;
        struct trib__node      node = { .op = TRIB__OP_ATTENTION,
                                        .n_inputs = 3,
                                        .inputs = { q, k, v } };

        if (!is_good(builder) ||
            !take_options(builder, options, &taken, sizeof(taken), "trib_attention_options"))
                return TRIB_NO_VALUE;
        /* Written so that a NaN is refused. */
        if (taken.heads < 1 || !(taken.scale >= 0 && taken.scale <= 1e30f)) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "attention: heads are %lld and scale is %g; must be 1 or more, "
                                 "and 0..1e30", (long long)taken.heads, (double)taken.scale);
                return TRIB_NO_VALUE;
        }
        node.attention.heads = taken.heads;
        node.attention.scale = (double)taken.scale;
        node.attention.is_causal = taken.is_causal != 0;
        return add(builder, &node);
}

#define GREATEST_GEOMETRY INT64_C(0x7fffffff)

trib_value trib_model_conv2d(trib_model_builder *builder, trib_value x, trib_value w,
                             trib_value b, const trib_conv2d_options *options)
{
        trib_conv2d_options taken = TRIB_CONV2D_OPTIONS_INIT;
        struct trib__node   node = { .op = TRIB__OP_CONV2D,
                                     .n_inputs = b == TRIB_NO_VALUE ? 2 : 3,
                                     .inputs = { x, w, b } };
        bool                is_right;

        if (!is_good(builder) ||
            !take_options(builder, options, &taken, sizeof(taken), "trib_conv2d_options"))
                return TRIB_NO_VALUE;
        is_right = taken.groups >= 1 && taken.groups <= GREATEST_GEOMETRY;
        for (int i = 0; i < 2; i++) {
                is_right = is_right && taken.stride[i] >= 1 && taken.padding[i] >= 0 &&
                           taken.dilation[i] >= 1 && taken.stride[i] <= GREATEST_GEOMETRY &&
                           taken.padding[i] <= GREATEST_GEOMETRY &&
                           taken.dilation[i] <= GREATEST_GEOMETRY;
                node.conv2d.stride[i] = taken.stride[i];
                node.conv2d.padding[i] = taken.padding[i];
                node.conv2d.dilation[i] = taken.dilation[i];
        }
        node.conv2d.groups = taken.groups;
        if (!is_right) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "conv2d: stride, dilation and groups must be 1..2^31-1, padding "
                                 "0..2^31-1");
                return TRIB_NO_VALUE;
        }
        return add(builder, &node);
}

trib_value trib_model_lu(trib_model_builder *builder, trib_value a, trib_value *pivots)
{
        trib_value packed = add_simple(builder, TRIB__OP_LU, a, 0, 1);

        if (pivots != NULL)
                *pivots = add_simple(builder, TRIB__OP_LU_PIVOTS, packed, 0, 1);
        return add_simple(builder, TRIB__OP_LU_FACTORS, packed, 0, 1);
}

trib_value trib_model_sparse_matmul(trib_model_builder *builder, trib_value row_pointers,
                                    trib_value column_indices, trib_value values, int64_t columns,
                                    trib_value x)
{
        struct trib__node node = { .op = TRIB__OP_SPARSE_MATMUL,
                                   .n_inputs = 4,
                                   .inputs = { x, values, column_indices, row_pointers },
                                   .columns = columns };

        if (is_good(builder) && columns < 1) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "sparse_matmul: columns is %lld, must be 1 or more",
                                 (long long)columns);
                return TRIB_NO_VALUE;
        }
        return add(builder, &node);
}

/* Copy the caller's operator into the node, checked. */
static trib_status read_operator(const trib_operator *op, struct trib__node *node,
                                 trib_error *err)
{
        trib_status status = trib__check_options(op, sizeof(*op), "trib_operator", err);
        size_t      length;

        if (status != TRIB_OK)
                return status;
        memcpy(&node->user, op, op->struct_size < sizeof(*op) ? op->struct_size : sizeof(*op));
        length = node->user.name != NULL ? strnlen(node->user.name, TRIB__MAX_NAME) : 0;
        if (length == 0 || length >= TRIB__MAX_NAME)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "an operator needs a name of 1 to %d bytes",
                                  TRIB__MAX_NAME - 1);
        memcpy(node->user_name, node->user.name, length + 1);
        node->user.name = NULL; /* set to the copy when the graph is final */
        if (node->user.run == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "operator '%s': run is NULL",
                                  node->user_name);
        if (node->user.concurrency != TRIB_CONCURRENT && node->user.concurrency != TRIB_SERIAL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "operator '%s': concurrency is %d, must be 0 or 1",
                                  node->user_name, (int)node->user.concurrency);
        if (!(node->user.flops >= 0))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "operator '%s': flops must be 0 or more", node->user_name);
        return TRIB_OK;
}

trib_value trib_model_operator(trib_model_builder *builder, const trib_operator *op,
                               const trib_value *inputs, int n_inputs)
{
        struct trib__node node = { .op = TRIB__OP_USER };

        if (!is_good(builder))
                return TRIB_NO_VALUE;
        if (op == NULL || inputs == NULL || n_inputs < 1 || n_inputs > TRIB_MAX_OPERATOR_INPUTS) {
                (void)trib__fail(&builder->first_failure, TRIB_INVALID_ARGUMENT,
                                 "operator: op, and 1 to %d inputs, are needed",
                                 TRIB_MAX_OPERATOR_INPUTS);
                return TRIB_NO_VALUE;
        }
        if (read_operator(op, &node, &builder->first_failure) != TRIB_OK)
                return TRIB_NO_VALUE;
        node.n_inputs = (uint32_t)n_inputs;
        memcpy(node.inputs, inputs, (size_t)n_inputs * sizeof(*inputs));
        return add(builder, &node);
}

void trib_model_output(trib_model_builder *builder, const char *name, trib_value value)
{
        if (is_good(builder))
                (void)!trib__graph_add_output(&builder->graph, name, value,
                                              &builder->first_failure);
}

/* Tolerates a half-built model. */
static void model_free(trib_model *model)
{
        for (uint32_t i = 0; model->handles != NULL && i < model->graph.n_constants; i++) {
                if (model->handles[i] != 0)
                        (void)trib__memory_release(model->device->memory, model->handles[i], 0,
                                                   NULL);
        }
        trib__free(model->handles);
        trib__free((void *)model->constants);
        trib__graph_clear(&model->graph);
        trib__device_drop(model->device);
        trib__free(model);
}

void trib__model_hold(trib_model *model)
{
        /* Relaxed: the caller has a hold already. */
        (void)trib__fetch_add_relaxed_u64(&model->refs, 1);
}

void trib__model_drop(trib_model *model)
{
        /* AcqRel: the last one frees what all have used. */
        if (trib__fetch_sub_acqrel_u64(&model->refs, 1) == 1)
                model_free(model);
}

void trib_model_close(trib_model *model)
{
        if (model != NULL && !trib__is_forked())
                trib__model_drop(model);
}

/* No constant takes a working device so long, so it hangs, or the caller holds every stream. */
#define UPLOAD_TIMEOUT_NS (UINT64_C(60) * TRIB__NS_PER_SECOND)
#define UPLOAD_PIECE_BYTES (UINT64_C(4) << 20)

/* Copy host memory to the device and wait for it, a piece at a time through the stream's staging
 * memory: so a device that hangs is left with an address of ours, not of the builder's. */
static trib_status copy_in_pieces(trib_model *model, struct trib_stream *stream, char *target,
                                  const struct trib__constant *from, trib_error *err)
{
        const struct trib__backend *backend = model->device->backend;
        uint64_t                    piece;
        trib_status                 status = TRIB_OK;

        for (uint64_t at = 0; status == TRIB_OK && at < from->bytes; at += piece) {
                uint64_t value;
                void    *staging;

                piece = from->bytes - at < UPLOAD_PIECE_BYTES ? from->bytes - at
                                                              : UPLOAD_PIECE_BYTES;
                status = trib__stream_staging(stream, piece, &staging, err);
                if (status != TRIB_OK)
                        return status;
                memcpy(staging, (const char *)from->data + at, piece);
                value = trib__stream_next_value(stream);
                status = backend->copy(stream->queue, target + at, staging, piece, value, err);
                if (status == TRIB_OK)
                        status = backend->park(stream->queue, value,
                                               trib__deadline_after(UPLOAD_TIMEOUT_NS), err);
                if (status == TRIB_OK)
                        status = backend->result(stream->queue, value, err);
        }
        return status;
}

static trib_status upload_constant(trib_model *model, uint32_t index,
                                   const struct trib__constant *from, struct trib_stream *stream,
                                   trib_error *err)
{
        void       *address;
        uint64_t    size;
        trib_status status;

        status = trib__memory_alloc(model->device->memory, stream->index, from->bytes, 0,
                                    &model->handles[index], err);
        if (status == TRIB_OK)
                status = trib__memory_lookup(model->device->memory, model->handles[index],
                                             &address, &size, err);
        if (status != TRIB_OK)
                return status;
        model->constants[index] = address;
        return copy_in_pieces(model, stream, address, from, err);
}

static trib_status upload(trib_model *model, const struct trib__graph *graph, trib_error *err)
{
        struct trib_stream *stream;
        trib_status         status;

        if (graph->n_constants == 0)
                return TRIB_OK;
        status = trib__stream_lease_any(model->device->pool,
                                        trib__deadline_after(UPLOAD_TIMEOUT_NS), &stream, err);
        if (status != TRIB_OK)
                return status;
        for (uint32_t i = 0; status == TRIB_OK && i < graph->n_constants; i++) {
                status = upload_constant(model, i, &graph->constants[i], stream, err);
                if (status != TRIB_OK)
                        trib__error_prefix(err, "constant %u of %u", i, graph->n_constants);
        }
        /* What timed out is still on the stream. */
        trib__stream_return(stream, status == TRIB_TIMED_OUT);
        return status;
}

static trib_status check_builder(const trib_model_builder *builder, trib_error *err)
{
        if (builder->first_failure.status != TRIB_OK) {
                if (err != NULL)
                        *err = builder->first_failure;
                return builder->first_failure.status;
        }
        if (builder->graph.n_outputs == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "the model has no output");
        if (builder->graph.n_inputs == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "the model has no input");
        return TRIB_OK;
}

trib_status trib_model_build(trib_model_builder *builder, trib_device *device, trib_model **out,
                             trib_error *err)
{
        trib_model *model;
        trib_status status = trib__check_handle(out, "out", err);

        if (status != TRIB_OK)
                return status;
        *out = NULL;
        status = trib__check_handle(builder, "builder", err);
        if (status == TRIB_OK)
                status = trib__check_handle(device, "device", err);
        if (status == TRIB_OK)
                status = check_builder(builder, err);
        if (status != TRIB_OK)
                return status;
        model = trib__calloc("model.build", 1, sizeof(*model));
        if (model == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a model");
        model->device = device;
        trib__device_hold(device);
        /* Relaxed: nobody else knows the model yet. */
        trib__store_relaxed_u64(&model->refs, 1);
        status = trib__graph_copy_structure(&builder->graph, &model->graph, err);
        if (status != TRIB_OK)
                goto fail;
        model->handles = trib__calloc("model.handles", model->graph.n_constants,
                                      sizeof(*model->handles));
        model->constants = trib__calloc("model.constants", model->graph.n_constants,
                                        sizeof(*model->constants));
        if (model->handles == NULL || model->constants == NULL) {
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a model's constants");
                goto fail;
        }
        status = upload(model, &builder->graph, err);
        if (status != TRIB_OK)
                goto fail;
        *out = model;
        return TRIB_OK;

fail:
        model_free(model);
        return status;
}

trib_status trib_model_count(const trib_model *model, int *n_inputs, int *n_outputs,
                             trib_error *err)
{
        trib_status status = trib__check_handle(model, "model", err);

        if (status != TRIB_OK)
                return status;
        if (n_inputs != NULL)
                *n_inputs = (int)model->graph.n_inputs;
        if (n_outputs != NULL)
                *n_outputs = (int)model->graph.n_outputs;
        return TRIB_OK;
}
