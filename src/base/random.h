/* SPDX-License-Identifier: Apache-2.0 */
/* random.h: a small seeded generator for data, order and schedules; never for secrets.
 * The generator is SplitMix64: a counter through a fixed mixing function. */
#ifndef TRIB_BASE_RANDOM_H
#define TRIB_BASE_RANDOM_H

#include <stdint.h>

struct trib__random {
        uint64_t state;
};

static inline uint64_t trib__random_next(struct trib__random *random)
{
        uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        return z ^ (z >> 31);
}

/* Even in 0 .. bound - 1 up to a bias of bound / 2^32; bound > 0. */
static inline uint32_t trib__random_below(struct trib__random *random, uint32_t bound)
{
        return (uint32_t)(((trib__random_next(random) >> 32) * bound) >> 32);
}

/* Even in [0, 1). */
static inline double trib__random_unit(struct trib__random *random)
{
        return (double)(trib__random_next(random) >> 11) * 0x1.0p-53;
}

/* Even in [-1, 1). */
static inline float trib__random_f32(struct trib__random *random)
{
        return (float)(trib__random_unit(random) * 2.0 - 1.0);
}

#endif
