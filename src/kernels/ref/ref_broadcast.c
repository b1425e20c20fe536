/* SPDX-License-Identifier: Apache-2.0 */
/* ref_broadcast.c: how two operands of different shapes are walked along one output. */
#include "kernels/ref/ref_priv.h"

void trib__ref_broadcast(const int64_t *shape, int rank, int out_rank, int64_t *strides)
{
        int     missing = out_rank - rank;
        int64_t step = 1;

        for (int d = out_rank - 1; d >= 0; d--) {
                int64_t size = d < missing ? 1 : shape[d - missing];

                strides[d] = size == 1 ? 0 : step;
                step *= size;
        }
}

bool trib__ref_pair_next(struct trib__ref_pair *pair, int rank)
{
        for (int d = rank - 1; d >= 0; d--) {
                pair->a_at += pair->a_strides[d];
                pair->b_at += pair->b_strides[d];
                if (++pair->index[d] < pair->shape[d])
                        return true;
                pair->a_at -= pair->a_strides[d] * pair->index[d];
                pair->b_at -= pair->b_strides[d] * pair->index[d];
                pair->index[d] = 0;
        }
        return false;
}
