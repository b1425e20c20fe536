/* SPDX-License-Identifier: Apache-2.0 */
/* ref_priv.h: what the reference kernels share: unary functions in double, and broadcasting.
 *
 * A *pair* walks two broadcast operands along the dimensions of the output: element i of the
 * output row being walked is made of a[a_at + i * a_inner] and b[b_at + i * b_inner], where the
 * inner strides belong to the last walked dimension. */
#ifndef TRIB_KERNELS_REF_PRIV_H
#define TRIB_KERNELS_REF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tensor.h>

#include "model/op.h"

/* Whether op is one of the unary operators. */
bool trib__ref_is_unary(enum trib__op op);

/* A unary operator on one double; any other op gives x itself. */
double trib__ref_apply(enum trib__op op, double x);

struct trib__ref_pair {
        int     rank; /* dimensions walked */
        int64_t shape[TRIB_MAX_RANK];
        int64_t a_strides[TRIB_MAX_RANK]; /* 0 where a is repeated */
        int64_t b_strides[TRIB_MAX_RANK];
        int64_t index[TRIB_MAX_RANK];
        int64_t a_at, b_at; /* element offsets now */
};

/* Strides of an operand of shape shape[rank], aligned at the end with an output of out_rank
 * dimensions: 0 for the dimensions that are missing or 1. */
void trib__ref_broadcast(const int64_t *shape, int rank, int out_rank, int64_t *strides);

/* Step to the next position of dimensions 0 .. rank - 1; false after the last. */
bool trib__ref_pair_next(struct trib__ref_pair *pair, int rank);

#endif
