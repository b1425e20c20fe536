/* SPDX-License-Identifier: Apache-2.0 */
/* op.h: the operators, as one list, and what they are called. Plain data for every layer from
 * the graph up to the backends. */
#ifndef TRIB_MODEL_OP_H
#define TRIB_MODEL_OP_H

#include <stdbool.h>
#include <stdint.h>

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
        X(ATTENTION, "attention")    \
        X(CONV2D, "conv2d")          \
        X(LU, "lu")                  \
        X(LU_FACTORS, "lu_factors")  \
        X(LU_PIVOTS, "lu_pivots")    \
        X(SPARSE_MATMUL, "sparse_matmul") \
        X(USER, "user")

enum trib__op {
#define TRIB__OP_ENUM(name, text) TRIB__OP_##name,
        TRIB__OP_LIST(TRIB__OP_ENUM)
#undef TRIB__OP_ENUM
        TRIB__OP_COUNT
};

/* LU has one value for its two results, which LU_FACTORS and LU_PIVOTS take apart. Of a matrix a
 * [m, n] it is [n + 1, m] of a's dtype: the factors, column after column (as LAPACK has them),
 * then a line of pivots: element j says with which row row j was exchanged, from 0, for
 * j < min(m, n); the rest of that line is 0. */

struct trib__attention {
        int64_t heads;
        double  scale; /* of q k; 0: 1 / sqrt(width of a head) */
        bool    is_causal;
};

/* Rows first, then columns. */
struct trib__conv2d {
        int64_t stride[2], padding[2], dilation[2];
        int64_t groups;
};

const char *trib__op_name(enum trib__op op);

#endif
