/* SPDX-License-Identifier: Apache-2.0 */
/* ref.h: the naive definition of every operator: what every backend's kernels are compared with,
 * what the simulated device runs, and what the CPU device runs where oneDNN is missing.
 *
 * A kernel takes raw pointers to packed row-major elements, aligned to their size, and a params
 * struct. It allocates nothing, keeps nothing, takes no lock, and any thread may call it.
 * It returns TRIB_OK, or TRIB_UNSUPPORTED for a dtype (or op) that makes no sense there; the
 * output is then untouched. Shapes are not checked: the model has done it.
 *
 * Arithmetic: floating point elements (f32, f64, f16, bf16) are widened to double, computed in
 * double, and rounded once, to nearest even, at the end; integers wrap (two's complement). Results
 * depend on the inputs alone: the result of a row never depends on the rows beside it.
 * Mathematical contracts: include/tributary/model.h. */
#ifndef TRIB_KERNELS_REF_H
#define TRIB_KERNELS_REF_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tensor.h>

#include "model/op.h"

/* y[m][n] = activation(sum over k of x[m][k] w[n][k] + b[n]); floating point.
 * The sum is four partial sums, of k = 0, 4, 8 ..., of k = 1, 5, 9 ... and so on, each in order
 * of k, added as (s0 + s1) + (s2 + s3), then b. y overlaps no input. */
struct trib__ref_linear {
        const void   *x;
        const void   *w;
        const void   *b; /* NULL: none */
        void         *y;
        int64_t       m, k, n;
        trib_dtype    dtype;
        enum trib__op activation; /* a unary operator, or TRIB__OP_COUNT for none */
};

trib_status trib__ref_linear(const struct trib__ref_linear *params) TRIB_MUST_USE;

/* y[..., m, n] = sum over k of a[..., m, k] b[..., k, n], in order of k; floating point. Ranks are
 * 2 or more; the dimensions before the last two are aligned at their ends, and missing ones and
 * ones of 1 are repeated. y overlaps no input. */
struct trib__ref_matmul {
        const void *a;
        const void *b;
        void       *y;
        trib_dtype  dtype;
        int32_t     a_rank, b_rank, y_rank;
        int64_t     a_shape[TRIB_MAX_RANK];
        int64_t     b_shape[TRIB_MAX_RANK];
        int64_t     y_shape[TRIB_MAX_RANK];
};

trib_status trib__ref_matmul(const struct trib__ref_matmul *params) TRIB_MUST_USE;

/* y = a + b or a * b, shapes aligned at their ends, missing dimensions and ones of 1 repeated;
 * floating point and i8, u8, i32, i64. y may be a or b where that has the shape of y. */
struct trib__ref_binary {
        enum trib__op op; /* TRIB__OP_ADD or TRIB__OP_MUL */
        const void   *a;
        const void   *b;
        void         *y;
        trib_dtype    dtype;
        int32_t       a_rank, b_rank, y_rank;
        int64_t       a_shape[TRIB_MAX_RANK];
        int64_t       b_shape[TRIB_MAX_RANK];
        int64_t       y_shape[TRIB_MAX_RANK];
};

trib_status trib__ref_binary(const struct trib__ref_binary *params) TRIB_MUST_USE;

/* y[i] = op(x[i]); floating point, and relu also i8, u8, i32, i64. y may be x. */
struct trib__ref_unary {
        enum trib__op op; /* RELU, GELU_ERF, GELU_TANH, TANH or SIGMOID */
        const void   *x;
        void         *y;
        int64_t       count;
        trib_dtype    dtype;
};

trib_status trib__ref_unary(const struct trib__ref_unary *params) TRIB_MUST_USE;

/* Softmax over dimension `axis` (0 .. rank - 1); floating point. y may be x. */
struct trib__ref_softmax {
        const void *x;
        void       *y;
        trib_dtype  dtype;
        int32_t     rank;
        int32_t     axis;
        int64_t     shape[TRIB_MAX_RANK];
};

trib_status trib__ref_softmax(const struct trib__ref_softmax *params) TRIB_MUST_USE;

/* Layer norm of each of `rows` rows of `length` elements; floating point. y may be x. */
struct trib__ref_layer_norm {
        const void *x;
        const void *scale; /* [length], or NULL: 1 */
        const void *shift; /* [length], or NULL: 0 */
        void       *y;
        int64_t     rows, length;
        double      epsilon;
        trib_dtype  dtype;
};

trib_status trib__ref_layer_norm(const struct trib__ref_layer_norm *params) TRIB_MUST_USE;

/* y[b][i][h] = sum over j of p[j] v[b][j][h], p the softmax over j of scale q[b][i][h] k[b][j][h];
 * with is_causal only j <= i + k_rows - q_rows. q is [batch, q_rows, heads width], k [batch,
 * k_rows, heads width], v [batch, k_rows, heads v_width], y [batch, q_rows, heads v_width];
 * floating point. Sums are in order. y overlaps no input. */
struct trib__ref_attention {
        const void *q;
        const void *k;
        const void *v;
        void       *y;
        int64_t     batch, heads, q_rows, k_rows, width, v_width;
        double      scale;
        bool        is_causal;
        trib_dtype  dtype;
};

trib_status trib__ref_attention(const struct trib__ref_attention *params) TRIB_MUST_USE;

/* y = activation(cross-correlation of x [batch, groups in, H, W] with w [groups out, in, KH, KW], +
 * b), zeros beyond the edges; floating point. Sums are in order of w's elements, then b. y overlaps
 * no input. */
struct trib__ref_conv2d {
        const void         *x;
        const void         *w;
        const void         *b; /* NULL: none */
        void               *y;
        int64_t             batch, in_channels, out_channels; /* of all groups */
        int64_t             in[2], kernel[2], out[2];         /* rows, columns */
        struct trib__conv2d geometry;
        trib_dtype          dtype;
        enum trib__op       activation; /* a unary operator, or TRIB__OP_COUNT for none */
};

trib_status trib__ref_conv2d(const struct trib__ref_conv2d *params) TRIB_MUST_USE;

/* P a = l u for each of `batch` matrices a [m, n], packed as model/op.h says; f32 and f64. A matrix
 * whose pivot is 0 keeps the column as it is, and goes on. Equal pivots: the first. A NaN is never
 * preferred. `packed` overlaps nothing. */
struct trib__ref_lu {
        const void *a;
        void       *packed; /* [batch, n + 1, m] */
        int64_t     batch, m, n;
        trib_dtype  dtype;
};

trib_status trib__ref_lu(const struct trib__ref_lu *params) TRIB_MUST_USE;

/* Of it: one matrix alone, and one matrix turned into columns but not factorised. */
void trib__ref_lu_one(const struct trib__ref_lu *params, int64_t index);
void trib__ref_lu_pack(const struct trib__ref_lu *params, int64_t index);

/* From what lu packed to the factors [batch, m, n], l below the diagonal and u on and above it, and
 * to the pivots [batch, min(m, n)] of i32. */
struct trib__ref_lu_part {
        const void *packed;
        void       *y;
        int64_t     batch, m, n;
        trib_dtype  dtype; /* of packed */
};

trib_status trib__ref_lu_factors(const struct trib__ref_lu_part *params) TRIB_MUST_USE;
trib_status trib__ref_lu_pivots(const struct trib__ref_lu_part *params) TRIB_MUST_USE;

/* y[b][r][c] = sum over the numbers of row r of A, in order, of value x[b][column][c]; floating
 * point. A is m by k in compressed rows: row r has the numbers rows[r] .. rows[r + 1] - 1 of
 * `values`, in the columns `columns`. The indices are right: model/csr.h has checked them. */
struct trib__ref_sparse {
        const void *x;       /* [batch, k, n]  */
        const void *values;  /* of dtype       */
        const void *columns; /* of index_dtype */
        const void *rows;    /* [m + 1]        */
        void       *y;       /* [batch, m, n]  */
        int64_t     batch, m, k, n;
        trib_dtype  dtype;
        trib_dtype  index_dtype; /* TRIB_I32 or TRIB_I64 */
};

trib_status trib__ref_sparse(const struct trib__ref_sparse *params) TRIB_MUST_USE;

#endif
