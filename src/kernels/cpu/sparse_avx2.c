/* SPDX-License-Identifier: Apache-2.0 */
/* sparse_avx2.c: sparse products with vectors of 32 bytes and fused multiply-add. Only called where
 * the processor has them: sparse.c asks. */
#include "kernels/cpu/sparse_rows.h"

/* One rounding for product and sum, in vectors as in single numbers. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#else
#pragma GCC optimize("fp-contract=fast")
#endif

TRIB__SPARSE_VECTORS(32)
TRIB__SPARSE_SET(trib__sparse_avx2, fmaf, fma)
