/* SPDX-License-Identifier: Apache-2.0 */
/* small_lu_avx2.c: factorisations with vectors of 32 bytes and fused multiply-add. Only called
 * where the processor has them: small_lu.c asks. */
#include <string.h>

#include "kernels/cpu/small_lu.h"

/* Products and sums may become one: nothing here must have the same bits as something else. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#define WIDE 32
#define REAL float
#define BITS uint32_t
#define NAME(name) name##_f32
#include "kernels/cpu/small_lu_body.h"
#undef REAL
#undef BITS
#undef NAME

#define REAL double
#define BITS uint64_t
#define NAME(name) name##_f64
#include "kernels/cpu/small_lu_body.h"

const struct trib__small_lu_set trib__small_lu_avx2 = { { factorise_f32, factorise_f64 } };
