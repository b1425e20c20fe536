/* SPDX-License-Identifier: Apache-2.0 */
/* sparse.c: see sparse.h: which loop for which processor, and the loop for those without wide
 * vectors. */
#include "kernels/cpu/sparse.h"
#include "kernels/cpu/sparse_rows.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define MULTIPLY_ADD(a, b, sum) ((a) * (b) + (sum))

TRIB__SPARSE_VECTORS(16)
TRIB__SPARSE_SET(trib__sparse_plain, MULTIPLY_ADD, MULTIPLY_ADD, MULTIPLY_ADD, MULTIPLY_ADD)

bool trib__sparse_has(trib_dtype dtype, trib_dtype index_dtype)
{
        return (dtype == TRIB_F32 || dtype == TRIB_F64) &&
               (index_dtype == TRIB_I32 || index_dtype == TRIB_I64);
}

#if defined(__x86_64__)
/* Not __builtin_cpu_supports, which runs code when the library is loaded. */
enum { FMA_BIT = 12, OSXSAVE_BIT = 27, AVX2_BIT = 5 };

/* AVX-512 F, DQ, BW and VL: what sparse_avx512.c is compiled for. */
#define AVX512_BITS (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
/* The registers that the system keeps: those of AVX, and those of AVX-512. */
#define AVX_STATE 0x06u
#define AVX512_STATE 0xe6u

__attribute__((target("xsave"))) static unsigned kept_registers(void)
{
        return (unsigned)__builtin_ia32_xgetbv(0);
}

const struct trib__sparse_set *trib__sparse_choose(void)
{
        unsigned a, b, c, d, features, kept;

        if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> OSXSAVE_BIT & 1) == 0)
                return &trib__sparse_plain;
        features = c;
        kept = kept_registers();
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (features >> FMA_BIT & 1) == 0 ||
            (b >> AVX2_BIT & 1) == 0 || (kept & AVX_STATE) != AVX_STATE)
                return &trib__sparse_plain;
        if ((b & AVX512_BITS) == AVX512_BITS && (kept & AVX512_STATE) == AVX512_STATE)
                return &trib__sparse_avx512;
        return &trib__sparse_avx2;
}
#else
const struct trib__sparse_set *trib__sparse_choose(void)
{
        return &trib__sparse_plain;
}
#endif

void trib__sparse_run(const struct trib__sparse_set *set, const struct trib__ref_sparse *params)
{
        const int is_f64 = params->dtype == TRIB_F64, is_i64 = params->index_dtype == TRIB_I64;

        for (int64_t batch = 0; batch < params->batch; batch++)
                set->rows[is_f64][is_i64](params, batch);
}
