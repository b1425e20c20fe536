/* SPDX-License-Identifier: Apache-2.0 */
/* shape_priv.h: what the files of shape inference share. Pure functions. */
#ifndef TRIB_MODEL_SHAPE_PRIV_H
#define TRIB_MODEL_SHAPE_PRIV_H

#include "model/graph.h"

/* "OP: f32 [2, 3] and f32 [4]: why". */
trib_status trib__shape_mismatch(const struct trib__node *node, const struct trib__shape *a,
                                 const struct trib__shape *b, const char *why, trib_error *err);

/* "OP: f32 [2, 3]: why". */
trib_status trib__shape_refuse(const struct trib__node *node, const struct trib__shape *a,
                               const char *why, trib_error *err);

/* Equal, or one of them not known yet. */
bool trib__dims_agree(int64_t a, int64_t b);

/* The number of elements of a final shape. */
double trib__shape_count(const struct trib__shape *shape);

/* The three constants of a sparse matrix: ranks, lengths and dtypes. x, in[0], may be unknown. */
trib_status trib__shape_check_csr(const struct trib__node *node, const struct trib__shape *in,
                                  trib_error *err);

/* The operators of shape_matrix.c: whether `op` is one; its output, checked; its FLOPs. */
bool        trib__is_matrix_op(enum trib__op op);
trib_status trib__shape_infer_matrix(const struct trib__node *node, const struct trib__shape *in,
                                     struct trib__shape *out, trib_error *err);
double      trib__matrix_flops(const struct trib__node *node, const struct trib__shape *in,
                               const struct trib__shape *out);

/* The layers of shape_layers.c; dtypes are checked. */
trib_status trib__shape_infer_attention(const struct trib__node  *node,
                                        const struct trib__shape *in, struct trib__shape *out,
                                        trib_error *err);
double      trib__attention_flops(const struct trib__node *node, const struct trib__shape *in);
trib_status trib__shape_infer_conv2d(const struct trib__node *node, const struct trib__shape *in,
                                     struct trib__shape *out, trib_error *err);

#endif
