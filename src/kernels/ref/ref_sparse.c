/* SPDX-License-Identifier: Apache-2.0 */
/* ref_sparse.c: y = A x for A in compressed rows (CSR). A block of columns of a row of y is summed
 * at once in doubles on the stack, in the order of A's numbers. */
#include "kernels/ref/ref.h"
#include "tensor/convert.h"

#define COLUMNS 64

static int64_t index_at(const struct trib__ref_sparse *p, const void *indices, int64_t i)
{
        return p->index_dtype == TRIB_I32 ? ((const int32_t *)indices)[i]
                                          : ((const int64_t *)indices)[i];
}

static void multiply_row(const struct trib__ref_sparse *p, int64_t batch, int64_t row)
{
        int64_t first = index_at(p, p->rows, row), last = index_at(p, p->rows, row + 1);
        double  sums[COLUMNS];

        for (int64_t column = 0; column < p->n; column += COLUMNS) {
                int count = (int)(p->n - column < COLUMNS ? p->n - column : COLUMNS);

                memset(sums, 0, sizeof(sums));
                for (int64_t i = first; i < last; i++) {
                        double  value = trib__load_as_f64(p->dtype, p->values, (size_t)i);
                        int64_t x_row = batch * p->k + index_at(p, p->columns, i);

                        for (int c = 0; c < count; c++)
                                sums[c] += value *
                                           trib__load_as_f64(p->dtype, p->x,
                                                             (size_t)(x_row * p->n + column + c));
                }
                for (int c = 0; c < count; c++)
                        trib__store_from_f64(
                                p->dtype, p->y,
                                (size_t)((batch * p->m + row) * p->n + column + c), sums[c]);
        }
}

trib_status trib__ref_sparse(const struct trib__ref_sparse *p)
{
        if (!trib__dtype_is_float(p->dtype) ||
            (p->index_dtype != TRIB_I32 && p->index_dtype != TRIB_I64))
                return TRIB_UNSUPPORTED;
        for (int64_t batch = 0; batch < p->batch; batch++)
                for (int64_t row = 0; row < p->m; row++)
                        multiply_row(p, batch, row);
        return TRIB_OK;
}
