/* SPDX-License-Identifier: Apache-2.0 */
/* tensor_priv.h: what the files of tensor/ share. */
#ifndef TRIB_TENSOR_PRIV_H
#define TRIB_TENSOR_PRIV_H

#include <stddef.h>

#include <tributary/tensor.h>

/* The view that could not be made: no memory, rank -1. */
static inline trib_tensor trib__tensor_none(void)
{
        trib_tensor none = { NULL, TRIB_DTYPE_NONE, -1, { 0 }, { 0 } };

        return none;
}

/* The row-major strides of a shape. Wraps where they do not fit; trib_tensor_check says so. */
void trib__packed_strides(int rank, const int64_t *shape, int64_t *strides);

#endif
