/* SPDX-License-Identifier: Apache-2.0 */
/* speed.h: loops that show what a core of this processor can do at most: multiply-adds that stay
 * in registers, and reads that only add up what they read. No state, no lock, no allocation. */
#ifndef TRIB_KERNELS_CPU_SPEED_H
#define TRIB_KERNELS_CPU_SPEED_H

#include <stddef.h>
#include <stdint.h>

/* Does `turns` turns of the loop; the result depends on all of them. */
typedef double (*trib__speed_fn)(uint64_t turns);

struct trib__speed_set {
        trib__speed_fn f32, f64;
        trib__speed_fn bf16;   /* pairs of bf16 into f32; or NULL: the processor has none */
        double f32_flops, f64_flops, bf16_flops; /* of a turn */
        /* Reads `bytes`, a multiple of TRIB__SPEED_READ, from `data`, aligned to 64. */
        uint64_t (*read)(const void *data, size_t bytes);
};

#define TRIB__SPEED_READ 512

/* For this processor. Never NULL. */
const struct trib__speed_set *trib__speed_choose(void);

#endif
