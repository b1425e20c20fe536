/* SPDX-License-Identifier: Apache-2.0 */
/* speed_avx512bf16.c: the loops of speed.h on processors that also add products of bf16 pairs to
 * f32 in one instruction. Only called where the processor has it: speed.c asks. */
#include <immintrin.h>

#include "kernels/cpu/speed_loops.h"

TRIB__SPEED_CHAIN(chain_f32, float, 64, _mm512_fmadd_ps)
TRIB__SPEED_CHAIN(chain_f64, double, 64, _mm512_fmadd_pd)
TRIB__SPEED_READER(read_lines, 64)

/* Pairs (1, -1) times (x, x): the sums keep what they are. */
static double chain_bf16(uint64_t turns)
{
        volatile uint32_t signs = 0xbf803f80u, equal = 0x3f003f00u;
        __m512i           first = _mm512_set1_epi32((int)signs);
        __m512i           second = _mm512_set1_epi32((int)equal);
        __m512bh          a = (__m512bh)first, b = (__m512bh)second;
        __m512            sums[TRIB__SPEED_CHAINS];
        double            total = 0;

        for (int i = 0; i < TRIB__SPEED_CHAINS; i++)
                sums[i] = _mm512_set1_ps((float)i);
        for (uint64_t t = 0; t < turns; t++) {
                _Pragma("GCC unroll 12") for (int i = 0; i < TRIB__SPEED_CHAINS; i++)
                        sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
        }
        for (int i = 0; i < TRIB__SPEED_CHAINS; i++)
                total += (double)_mm512_cvtss_f32(sums[i]);
        return total;
}

const struct trib__speed_set trib__speed_avx512bf16 = {
        .f32 = chain_f32,
        .f64 = chain_f64,
        .bf16 = chain_bf16,
        .f32_flops = TRIB__SPEED_FLOPS(64, float),
        .f64_flops = TRIB__SPEED_FLOPS(64, double),
        .bf16_flops = 2 * TRIB__SPEED_FLOPS(64, float), /* two products for each number */
        .read = read_lines,
};
