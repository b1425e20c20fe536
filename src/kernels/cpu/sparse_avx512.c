/* SPDX-License-Identifier: Apache-2.0 */
/* sparse_avx512.c: sparse products with vectors of 64 bytes and fused multiply-add. Only called
 * where the processor has them: sparse.c asks. */
#include <immintrin.h>

#include "kernels/cpu/sparse_rows.h"

TRIB__SPARSE_VECTORS(64)

/* Said outright: one rounding for product and sum, whatever the compiler would make of `*` and `+`,
 * so that a column has the same bits in a vector as beside it. */
#define ADD_F32(number, line, sum) _mm512_fmadd_ps(_mm512_set1_ps(number), line, sum)
#define ADD_F64(number, line, sum) _mm512_fmadd_pd(_mm512_set1_pd(number), line, sum)

TRIB__SPARSE_SET(trib__sparse_avx512, ADD_F32, fmaf, ADD_F64, fma)
