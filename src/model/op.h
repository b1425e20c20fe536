/* SPDX-License-Identifier: Apache-2.0 */
/* op.h: the operators, as one list, and what they are called. Plain data for every layer from
 * the graph up to the backends. */
#ifndef TRIB_MODEL_OP_H
#define TRIB_MODEL_OP_H

/* X(NAME, text). Mathematical contracts: include/tributary/model.h. */
#define TRIB__OP_LIST(X)             \
        X(LINEAR, "linear")          \
        X(MATMUL, "matmul")          \
        X(ADD, "add")                \
        X(MUL, "mul")                \
        X(RELU, "relu")              \
        X(GELU_ERF, "gelu")          \
        X(GELU_TANH, "gelu_tanh")    \
        X(TANH, "tanh")              \
        X(SIGMOID, "sigmoid")        \
        X(SOFTMAX, "softmax")        \
        X(LAYER_NORM, "layer_norm")  \
        X(USER, "user")

enum trib__op {
#define TRIB__OP_ENUM(name, text) TRIB__OP_##name,
        TRIB__OP_LIST(TRIB__OP_ENUM)
#undef TRIB__OP_ENUM
        TRIB__OP_COUNT
};

const char *trib__op_name(enum trib__op op);

#endif
