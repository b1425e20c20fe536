/* SPDX-License-Identifier: Apache-2.0 */
/* sparse_avx2.c: sparse products with vectors of 32 bytes and fused multiply-add. Only called where
 * the processor has them: sparse.c asks. */
#include <immintrin.h>

#include "kernels/cpu/sparse_rows.h"

TRIB__SPARSE_VECTORS(32)

/* Said outright: one rounding for product and sum, whatever the compiler would make of `*` and `+`,
 * so that a column has the same bits in a vector as beside it. */
#define ADD_F32(number, line, sum) _mm256_fmadd_ps(_mm256_set1_ps(number), line, sum)
#define ADD_F64(number, line, sum) _mm256_fmadd_pd(_mm256_set1_pd(number), line, sum)

TRIB__SPARSE_SET(trib__sparse_avx2, ADD_F32, fmaf, ADD_F64, fma)
