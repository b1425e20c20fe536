/* SPDX-License-Identifier: Apache-2.0 */
/* speed.c: see speed.h: which loops for which processor, and those of processors without wide
 * vectors. */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/speed_loops.h"

#define MULTIPLY_ADD(sum, a, b) ((sum) * (a) + (b))

TRIB__SPEED_CHAIN(chain_f32, float, 16, MULTIPLY_ADD)
TRIB__SPEED_CHAIN(chain_f64, double, 16, MULTIPLY_ADD)
TRIB__SPEED_READER(read_lines, 16)

const struct trib__speed_set trib__speed_plain = {
        .f32 = chain_f32,
        .f64 = chain_f64,
        .f32_flops = TRIB__SPEED_FLOPS(16, float),
        .f64_flops = TRIB__SPEED_FLOPS(16, double),
        .read = read_lines,
};

const struct trib__speed_set *trib__speed_choose(void)
{
#if defined(__x86_64__)
        switch (trib__isa_choose()) {
        case TRIB__ISA_AVX512_BF16:
                return &trib__speed_avx512bf16;
        case TRIB__ISA_AVX512:
                return &trib__speed_avx512;
        case TRIB__ISA_AVX2:
                return &trib__speed_avx2;
        case TRIB__ISA_PLAIN:
                break;
        }
#endif
        return &trib__speed_plain;
}
