/* SPDX-License-Identifier: Apache-2.0 */
/* speed_avx2.c: the loops of speed.h with vectors of 32 bytes and fused multiply-add. Only called
 * where the processor has them: speed.c asks. */
#include <immintrin.h>

#include "kernels/cpu/speed_loops.h"

TRIB__SPEED_CHAIN(chain_f32, float, 32, _mm256_fmadd_ps)
TRIB__SPEED_CHAIN(chain_f64, double, 32, _mm256_fmadd_pd)
TRIB__SPEED_READER(read_lines, 32)

const struct trib__speed_set trib__speed_avx2 = {
        .f32 = chain_f32,
        .f64 = chain_f64,
        .f32_flops = TRIB__SPEED_FLOPS(32, float),
        .f64_flops = TRIB__SPEED_FLOPS(32, double),
        .read = read_lines,
};
