/* SPDX-License-Identifier: Apache-2.0 */
/* isa.c: see isa.h. Asks the processor itself; keeps nothing. */
#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Not __builtin_cpu_supports, which runs code when the library is loaded. */
enum { FMA_BIT = 12, OSXSAVE_BIT = 27, AVX2_BIT = 5, BF16_BIT = 5 };

/* AVX-512 F, DQ, BW and VL: what files named _avx512.c are compiled for. */
#define AVX512_BITS (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
/* The registers that the system keeps: those of AVX, and those of AVX-512. */
#define AVX_STATE 0x06u
#define AVX512_STATE 0xe6u

__attribute__((target("xsave"))) static unsigned kept_registers(void)
{
        return (unsigned)__builtin_ia32_xgetbv(0);
}

enum trib__isa trib__isa_choose(void)
{
        unsigned a, b, c, d, features, kept;

        if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> OSXSAVE_BIT & 1) == 0)
                return TRIB__ISA_PLAIN;
        features = c;
        kept = kept_registers();
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (features >> FMA_BIT & 1) == 0 ||
            (b >> AVX2_BIT & 1) == 0 || (kept & AVX_STATE) != AVX_STATE)
                return TRIB__ISA_PLAIN;
        if ((b & AVX512_BITS) != AVX512_BITS || (kept & AVX512_STATE) != AVX512_STATE)
                return TRIB__ISA_AVX2;
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a >> BF16_BIT & 1) == 0)
                return TRIB__ISA_AVX512;
        return TRIB__ISA_AVX512_BF16;
}
#else
enum trib__isa trib__isa_choose(void)
{
        return TRIB__ISA_PLAIN;
}
#endif
