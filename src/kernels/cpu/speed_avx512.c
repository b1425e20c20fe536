/* SPDX-License-Identifier: Apache-2.0 */
/* speed_avx512.c: the loops of speed.h with vectors of 64 bytes and fused multiply-add. Only called
 * where the processor has them: speed.c asks. */
#include <immintrin.h>

#include "kernels/cpu/speed_loops.h"

TRIB__SPEED_CHAIN(chain_f32, float, 64, _mm512_fmadd_ps)
TRIB__SPEED_CHAIN(chain_f64, double, 64, _mm512_fmadd_pd)
TRIB__SPEED_READER(read_lines, 64)

const struct trib__speed_set trib__speed_avx512 = {
        .f32 = chain_f32,
        .f64 = chain_f64,
        .f32_flops = TRIB__SPEED_FLOPS(64, float),
        .f64_flops = TRIB__SPEED_FLOPS(64, double),
        .read = read_lines,
};
