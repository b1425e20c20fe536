/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c: growing, copying and freeing a graph. No locks: one thread builds a graph. */
#include "model/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/csr.h"
#include "model/shape_priv.h"

/* Make room for one more element in *array of `*cap` elements of `size` bytes. */
static trib_status grow(void **array, uint32_t *cap, uint32_t count, size_t size,
                        trib_error *err)
{
        uint32_t wanted = *cap == 0 ? 8 : *cap * 2;
        void    *larger;

        if (count >= TRIB__MAX_VALUES)
                return trib__fail(err, TRIB_OVERFLOW, "a model has at most %d values",
                                  TRIB__MAX_VALUES);
        if (count < *cap)
                return TRIB_OK;
        larger = trib__calloc("model.grow", wanted, size);
        if (larger == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %u graph entries",
                                  wanted);
        if (count > 0)
                memcpy(larger, *array, count * size);
        trib__free(*array);
        *array = larger;
        *cap = wanted;
        return TRIB_OK;
}

#define GROW(graph, what, err)                                                    \
        grow((void **)&(graph)->what, &(graph)->cap_##what, (graph)->n_##what,    \
             sizeof(*(graph)->what), (err))

static trib_status copy_name(char *to, const char *name, const char *what, trib_error *err)
{
        size_t length = name != NULL ? strnlen(name, TRIB__MAX_NAME) : 0;

        if (length == 0 || length >= TRIB__MAX_NAME)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%s: a name of 1 to %d bytes is needed", what,
                                  TRIB__MAX_NAME - 1);
        memcpy(to, name, length + 1);
        return TRIB_OK;
}

static trib_status add_value(struct trib__graph *graph, enum trib__value_kind kind,
                             uint32_t index, const struct trib__shape *shape, int32_t *value,
                             trib_error *err)
{
        struct trib__value *added;
        trib_status         status = GROW(graph, values, err);

        if (status != TRIB_OK)
                return status;
        added = &graph->values[graph->n_values];
        added->kind = kind;
        added->index = index;
        added->shape = *shape;
        *value = (int32_t)graph->n_values++;
        return TRIB_OK;
}

trib_status trib__graph_add_input(struct trib__graph *graph, const char *name,
                                  const struct trib__shape *shape, int32_t *value,
                                  trib_error *err)
{
        struct trib__port port;
        trib_status       status = copy_name(port.name, name, "input", err);

        if (status != TRIB_OK)
                return status;
        if (trib_dtype_size(shape->dtype) == 0)
                return trib__fail(err, TRIB_DTYPE_MISMATCH, "input '%s': no dtype has number %d",
                                  name, (int)shape->dtype);
        if (shape->rank < 0 || shape->rank > TRIB_MAX_RANK)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "input '%s': rank is %d, must be 0..%d", name, shape->rank,
                                  TRIB_MAX_RANK);
        for (int32_t i = 0; i < shape->rank; i++) {
                if (shape->dims[i] != TRIB__ANY && shape->dims[i] < 1)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "input '%s': dimension %d is %lld, must be positive "
                                          "or TRIB_ANY",
                                          name, i, (long long)shape->dims[i]);
        }
        status = GROW(graph, inputs, err);
        if (status == TRIB_OK)
                status = add_value(graph, TRIB__VALUE_INPUT, graph->n_inputs, shape, value, err);
        if (status != TRIB_OK)
                return status;
        port.value = *value;
        graph->inputs[graph->n_inputs++] = port;
        return TRIB_OK;
}

trib_status trib__graph_add_constant(struct trib__graph *graph, const trib_tensor *tensor,
                                     int32_t *value, trib_error *err)
{
        struct trib__constant constant = { 0 };
        trib_tensor           packed;
        size_t                bytes;
        trib_status           status = trib_tensor_check(tensor, NULL, &bytes, err);

        if (status == TRIB_OK && bytes == 0)
                status = trib__fail(err, TRIB_INVALID_ARGUMENT, "a constant has no elements");
        if (status == TRIB_OK)
                status = GROW(graph, constants, err);
        if (status != TRIB_OK)
                return status;
        constant.shape.dtype = tensor->dtype;
        constant.shape.rank = tensor->rank;
        memcpy(constant.shape.dims, tensor->shape, sizeof(tensor->shape));
        constant.bytes = bytes;
        constant.data = trib__alloc("model.constant", bytes);
        if (constant.data == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a constant of %zu bytes",
                                  bytes);
        packed = trib_tensor_from(tensor->dtype, constant.data, tensor->rank, tensor->shape);
        status = trib_tensor_copy(&packed, tensor, err);
        if (status == TRIB_OK)
                status = add_value(graph, TRIB__VALUE_CONSTANT, graph->n_constants,
                                   &constant.shape, value, err);
        if (status != TRIB_OK) {
                trib__free(constant.data);
                return status;
        }
        graph->constants[graph->n_constants++] = constant;
        return TRIB_OK;
}

static bool is_constant(const struct trib__graph *graph, int32_t value)
{
        return graph->values[value].kind == TRIB__VALUE_CONSTANT;
}

/* Operands that are kept in a form of their own (packed, checked), and so cannot be computed. */
static bool must_be_constant(enum trib__op op, uint32_t operand)
{
        return (op == TRIB__OP_LINEAR || op == TRIB__OP_LAYER_NORM || op == TRIB__OP_CONV2D ||
                op == TRIB__OP_SPARSE_MATMUL) &&
               operand > 0;
}

/* The sparse matrix of a node, whatever is known of the dense one. */
static trib_status check_csr(const struct trib__graph *graph, const struct trib__node *node,
                             const struct trib__shape *shapes, trib_error *err)
{
        const struct trib__value *columns = &graph->values[node->inputs[2]];
        const struct trib__value *rows = &graph->values[node->inputs[3]];
        trib_status               status = trib__shape_check_csr(node, shapes, err);
        const struct trib__csr    csr = {
                .row_pointers = graph->constants[rows->index].data,
                .columns = graph->constants[columns->index].data,
                .n_rows = shapes[3].dims[0] - 1,
                .n_columns = node->columns,
                .n_values = shapes[2].dims[0],
                .index_dtype = shapes[2].dtype,
        };

        return status == TRIB_OK ? trib__csr_check(&csr, err) : status;
}

static trib_status check_inputs(const struct trib__graph *graph, const struct trib__node *node,
                                struct trib__shape *shapes, trib_error *err)
{
        for (uint32_t i = 0; i < node->n_inputs; i++) {
                int32_t value = node->inputs[i];

                if (value < 0 || (uint32_t)value >= graph->n_values)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "%s: operand %u is not a value of this builder",
                                          trib__op_name(node->op), i);
                if (must_be_constant(node->op, i) && !is_constant(graph, value))
                        return trib__fail(err, TRIB_UNSUPPORTED,
                                          "%s: operand %u must be a constant (use matmul and add "
                                          "for computed weights)",
                                          trib__op_name(node->op), i);
                shapes[i] = graph->values[value].shape;
        }
        return TRIB_OK;
}

trib_status trib__graph_add_node(struct trib__graph *graph, const struct trib__node *node,
                                 int32_t *value, trib_error *err)
{
        struct trib__shape shapes[TRIB_MAX_OPERATOR_INPUTS];
        struct trib__shape output;
        struct trib__node *added;
        trib_status        status = check_inputs(graph, node, shapes, err);

        if (status == TRIB_OK)
                status = trib__shape_infer(node, shapes, false, &output, err);
        if (status == TRIB_OK && node->op == TRIB__OP_SPARSE_MATMUL)
                status = check_csr(graph, node, shapes, err);
        if (status == TRIB_OK)
                status = GROW(graph, nodes, err);
        if (status == TRIB_OK)
                status = add_value(graph, TRIB__VALUE_NODE, graph->n_nodes, &output, value, err);
        if (status != TRIB_OK)
                return status;
        added = &graph->nodes[graph->n_nodes++];
        *added = *node;
        added->output = *value;
        if (node->op == TRIB__OP_SOFTMAX && node->axis >= 0 && output.rank > 0)
                added->axis = node->axis - output.rank; /* kept from the end: rank-independent */
        return TRIB_OK;
}

trib_status trib__graph_add_output(struct trib__graph *graph, const char *name, int32_t value,
                                   trib_error *err)
{
        struct trib__port port = { .value = value };
        trib_status       status = copy_name(port.name, name, "output", err);

        if (status != TRIB_OK)
                return status;
        if (value < 0 || (uint32_t)value >= graph->n_values)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "output '%s' is not a value of this builder", name);
        if (graph->values[value].kind != TRIB__VALUE_NODE)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "output '%s' must come from an operator, not directly from an "
                                  "input or a constant",
                                  name);
        for (uint32_t i = 0; i < graph->n_outputs; i++) {
                if (graph->outputs[i].value == value)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "output '%s' is the same value as output '%s'", name,
                                          graph->outputs[i].name);
        }
        status = GROW(graph, outputs, err);
        if (status == TRIB_OK)
                graph->outputs[graph->n_outputs++] = port;
        return status;
}

static void *copy_array(const void *array, uint32_t count, size_t size)
{
        void *copy = trib__calloc("model.copy", count, size);

        if (copy != NULL && count > 0)
                memcpy(copy, array, count * size);
        return copy;
}

trib_status trib__graph_copy_structure(const struct trib__graph *graph, struct trib__graph *copy,
                                       trib_error *err)
{
        memset(copy, 0, sizeof(*copy));
        copy->values = copy_array(graph->values, graph->n_values, sizeof(*graph->values));
        copy->nodes = copy_array(graph->nodes, graph->n_nodes, sizeof(*graph->nodes));
        copy->inputs = copy_array(graph->inputs, graph->n_inputs, sizeof(*graph->inputs));
        copy->outputs = copy_array(graph->outputs, graph->n_outputs, sizeof(*graph->outputs));
        copy->constants =
                copy_array(graph->constants, graph->n_constants, sizeof(*graph->constants));
        for (uint32_t i = 0; copy->constants != NULL && i < graph->n_constants; i++)
                copy->constants[i].data = NULL;
        if (copy->values == NULL || copy->nodes == NULL || copy->inputs == NULL ||
            copy->outputs == NULL || copy->constants == NULL) {
                trib__graph_clear(copy);
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to copy a graph");
        }
        copy->n_values = graph->n_values;
        copy->n_nodes = graph->n_nodes;
        copy->n_inputs = graph->n_inputs;
        copy->n_outputs = graph->n_outputs;
        copy->n_constants = graph->n_constants;
        for (uint32_t i = 0; i < copy->n_nodes; i++)
                copy->nodes[i].user.name = copy->nodes[i].user_name;
        return TRIB_OK;
}

void trib__graph_clear(struct trib__graph *graph)
{
        for (uint32_t i = 0; i < graph->n_constants; i++)
                trib__free(graph->constants[i].data);
        trib__free(graph->values);
        trib__free(graph->nodes);
        trib__free(graph->constants);
        trib__free(graph->inputs);
        trib__free(graph->outputs);
        memset(graph, 0, sizeof(*graph));
}
