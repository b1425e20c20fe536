/* SPDX-License-Identifier: Apache-2.0 */
/* small_lu.c: see small_lu.h: which code for which processor, and the code for those without wide
 * vectors. */
#include <string.h>

#include "kernels/cpu/small_lu.h"
#include "kernels/cpu/isa.h"

#define WIDE 16
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

const struct trib__small_lu_set trib__small_lu_plain = { { factorise_f32, factorise_f64 } };

const struct trib__small_lu_set *trib__small_lu_choose(void)
{
#if defined(__x86_64__)
        enum trib__isa isa = trib__isa_choose();

        if (isa >= TRIB__ISA_AVX512)
                return &trib__small_lu_avx512;
        if (isa == TRIB__ISA_AVX2)
                return &trib__small_lu_avx2;
#endif
        return &trib__small_lu_plain;
}
