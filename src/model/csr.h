/* SPDX-License-Identifier: Apache-2.0 */
/* csr.h: whether the three arrays of a sparse matrix in compressed rows make sense. Pure. */
#ifndef TRIB_MODEL_CSR_H
#define TRIB_MODEL_CSR_H

#include <stdint.h>

#include <tributary/tensor.h>

/* Packed arrays in host memory. */
struct trib__csr {
        const void *row_pointers; /* n_rows + 1 of index_dtype */
        const void *columns;      /* n_values of index_dtype   */
        int64_t     n_rows, n_columns, n_values;
        trib_dtype  index_dtype;  /* TRIB_I32 or TRIB_I64      */
};

/* Row pointers start at 0, never fall and end at n_values; columns lie in 0 .. n_columns - 1 and
 * rise within a row. TRIB_INVALID_ARGUMENT, with the first place that is wrong. */
trib_status trib__csr_check(const struct trib__csr *csr, trib_error *err) TRIB_MUST_USE;

#endif
