/* SPDX-License-Identifier: Apache-2.0 */
/* graph.h: a model as a graph in memory; knows no device.
 *
 * value:    a tensor that flows: an input, a constant or the output of one node. Numbered.
 * node:     one operator. Nodes stand in the order in which they were added, which is an order
 *           in which they can run, because a node can only use values that exist.
 * constant: host memory of the graph, packed.
 *
 * A dimension may be TRIB__ANY until a plan fixes it; a value behind a user-defined operator with
 * a shape function of its own has unknown rank (-1) and dtype (0) until then. Not thread-safe
 * while it grows; immutable, and so safe, afterwards. */
#ifndef TRIB_MODEL_GRAPH_H
#define TRIB_MODEL_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "model/op.h"

#include <tributary/operator.h>
#include <tributary/tensor.h>

#define TRIB__ANY (-1)
#define TRIB__NO_VALUE (-1)
#define TRIB__MAX_NAME 64
#define TRIB__MAX_VALUES 1000000

/* What is known of a value's type. */
struct trib__shape {
        trib_dtype dtype; /* TRIB_DTYPE_NONE: not known yet */
        int32_t    rank;  /* -1: not known yet              */
        int64_t    dims[TRIB_MAX_RANK];
};

enum trib__value_kind { TRIB__VALUE_INPUT, TRIB__VALUE_CONSTANT, TRIB__VALUE_NODE };

struct trib__value {
        enum trib__value_kind kind;
        uint32_t              index; /* of the input, constant or node */
        struct trib__shape    shape;
};

struct trib__node {
        enum trib__op op;
        int32_t       axis;
        float         epsilon;
        int64_t       columns; /* SPARSE_MATMUL: of the sparse matrix */
        struct trib__attention attention;
        struct trib__conv2d    conv2d;
        uint32_t      n_inputs;
        int32_t       inputs[TRIB_MAX_OPERATOR_INPUTS]; /* values, or TRIB__NO_VALUE */
        int32_t       output;
        trib_operator user; /* user.name points to user_name */
        char          user_name[TRIB__MAX_NAME];
};

struct trib__constant {
        void              *data;
        uint64_t           bytes;
        struct trib__shape shape;
};

struct trib__port { /* an input or output of the model */
        char    name[TRIB__MAX_NAME];
        int32_t value;
};

struct trib__graph {
        struct trib__value    *values;
        struct trib__node     *nodes;
        struct trib__constant *constants;
        struct trib__port     *inputs;
        struct trib__port     *outputs;
        uint32_t               n_values, n_nodes, n_constants, n_inputs, n_outputs;
        uint32_t cap_values, cap_nodes, cap_constants, cap_inputs, cap_outputs;
};

/* All give TRIB_OK and a value number, or an error that names the operator and leaves the graph
 * as it was. */
trib_status trib__graph_add_input(struct trib__graph *graph, const char *name,
                                  const struct trib__shape *shape, int32_t *value,
                                  trib_error *err) TRIB_MUST_USE;
trib_status trib__graph_add_constant(struct trib__graph *graph, const trib_tensor *tensor,
                                     int32_t *value, trib_error *err) TRIB_MUST_USE;
/* `node` has op, attributes and inputs set; `node->output` is chosen here. */
trib_status trib__graph_add_node(struct trib__graph *graph, const struct trib__node *node,
                                 int32_t *value, trib_error *err) TRIB_MUST_USE;
trib_status trib__graph_add_output(struct trib__graph *graph, const char *name, int32_t value,
                                   trib_error *err) TRIB_MUST_USE;

/* A copy without the constants' data (constants[i].data is NULL), into a zeroed graph. */
trib_status trib__graph_copy_structure(const struct trib__graph *graph, struct trib__graph *copy,
                                       trib_error *err) TRIB_MUST_USE;

/* Free all that the graph holds and zero it. */
void trib__graph_clear(struct trib__graph *graph);

/* The shape of a node's output from its inputs' (constants included): checks ranks, dtypes and
 * dimensions as far as they are known. With `is_final` all dimensions are known, and user-defined
 * shape functions are called. */
trib_status trib__shape_infer(const struct trib__node *node, const struct trib__shape *inputs,
                              bool is_final, struct trib__shape *output,
                              trib_error *err) TRIB_MUST_USE;

/* Elements of a final shape, and its bytes; TRIB_OVERFLOW if they do not fit in 2^62. */
trib_status trib__shape_size(const struct trib__shape *shape, uint64_t *elements,
                             uint64_t *bytes, trib_error *err) TRIB_MUST_USE;

/* "f32 [32, 2048]" into text; gives text. */
const char *trib__shape_text(const struct trib__shape *shape, char *text, unsigned size);

/* Floating-point operations of a node for final shapes: one multiply-add = 2; exp, erf, tanh and
 * divisions count 1. */
double trib__node_flops(const struct trib__node *node, const struct trib__shape *inputs,
                        const struct trib__shape *output);

#endif
