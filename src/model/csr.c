/* SPDX-License-Identifier: Apache-2.0 */
/* csr.c: see csr.h. What passes here is what kernels index memory with. */
#include "model/csr.h"

#include "base/error.h"

static int64_t index_at(const struct trib__csr *csr, const void *indices, int64_t i)
{
        return csr->index_dtype == TRIB_I32 ? ((const int32_t *)indices)[i]
                                            : ((const int64_t *)indices)[i];
}

static trib_status check_row(const struct trib__csr *csr, int64_t row, trib_error *err)
{
        int64_t first = index_at(csr, csr->row_pointers, row);
        int64_t last = index_at(csr, csr->row_pointers, row + 1);
        int64_t previous = -1;

        if (last < first || last > csr->n_values)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "sparse_matmul: row pointers %lld and %lld are %lld and %lld; "
                                  "they must not fall, nor pass the %lld values",
                                  (long long)row, (long long)row + 1, (long long)first,
                                  (long long)last, (long long)csr->n_values);
        for (int64_t i = first; i < last; i++) {
                int64_t column = index_at(csr, csr->columns, i);

                if (column < 0 || column >= csr->n_columns)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "sparse_matmul: value %lld, of row %lld, is in column "
                                          "%lld, must be 0..%lld",
                                          (long long)i, (long long)row, (long long)column,
                                          (long long)csr->n_columns - 1);
                if (column <= previous)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "sparse_matmul: row %lld has column %lld after %lld; the "
                                          "columns of a row must rise: sort them and add up "
                                          "repeated ones",
                                          (long long)row, (long long)column,
                                          (long long)previous);
                previous = column;
        }
        return TRIB_OK;
}

trib_status trib__csr_check(const struct trib__csr *csr, trib_error *err)
{
        int64_t     first = index_at(csr, csr->row_pointers, 0);
        int64_t     last = index_at(csr, csr->row_pointers, csr->n_rows);
        trib_status status = TRIB_OK;

        if (first != 0 || last != csr->n_values)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "sparse_matmul: the row pointers go from %lld to %lld, must go "
                                  "from 0 to the %lld values",
                                  (long long)first, (long long)last, (long long)csr->n_values);
        for (int64_t row = 0; status == TRIB_OK && row < csr->n_rows; row++)
                status = check_row(csr, row, err);
        return status;
}
