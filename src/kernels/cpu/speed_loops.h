/* SPDX-License-Identifier: Apache-2.0 */
/* speed_loops.h: the loops of speed.h, written once for every instruction set. A .c file per
 * instruction set says how wide its vectors are and what a multiply-add is. */
#ifndef TRIB_KERNELS_CPU_SPEED_LOOPS_H
#define TRIB_KERNELS_CPU_SPEED_LOOPS_H

#include "kernels/cpu/speed.h"

extern const struct trib__speed_set trib__speed_plain;
#if defined(__x86_64__)
extern const struct trib__speed_set trib__speed_avx2;
extern const struct trib__speed_set trib__speed_avx512;
extern const struct trib__speed_set trib__speed_avx512bf16;
#endif

/* Sums that do not depend on each other: more than the latency of a multiply-add times how many of
 * them begin in a cycle, and few enough for 16 registers. */
#define TRIB__SPEED_CHAINS 12

/* A turn multiplies and adds once in each chain. The numbers stay near 1: neither the compiler nor
 * the processor can know. */
#define TRIB__SPEED_CHAIN(function, number, bytes, MULTIPLY_ADD)                                  \
        typedef number function##_lanes __attribute__((vector_size(bytes)));                      \
        static double function(uint64_t turns)                                                    \
        {                                                                                         \
                volatile number factor = (number)0.5, term = (number)0.5;                         \
                const function##_lanes a = (function##_lanes){ 0 } + factor;                      \
                const function##_lanes b = (function##_lanes){ 0 } + term;                        \
                function##_lanes       sums[TRIB__SPEED_CHAINS];                                  \
                double                 total = 0;                                                 \
                                                                                                  \
                for (int i = 0; i < TRIB__SPEED_CHAINS; i++)                                      \
                        sums[i] = b * (number)i;                                                  \
                for (uint64_t t = 0; t < turns; t++) {                                            \
                        _Pragma("GCC unroll 12") for (int i = 0; i < TRIB__SPEED_CHAINS; i++)     \
                                sums[i] = MULTIPLY_ADD(sums[i], a, b);                            \
                }                                                                                 \
                for (int i = 0; i < TRIB__SPEED_CHAINS; i++)                                      \
                        total += (double)sums[i][0];                                              \
                return total;                                                                     \
        }

/* Eight vectors a turn, into eight sums. */
#define TRIB__SPEED_READER(function, bytes)                                                       \
        typedef uint64_t function##_lanes __attribute__((vector_size(bytes), may_alias));         \
        static uint64_t function(const void *data, size_t size)                                   \
        {                                                                                         \
                const function##_lanes *at = data;                                                \
                function##_lanes        sums[8] = { { 0 } };                                      \
                                                                                                  \
                for (size_t i = 0; i + 8 <= size / (bytes); i += 8) {                             \
                        _Pragma("GCC unroll 8") for (size_t j = 0; j < 8; j++)                    \
                                sums[j] += at[i + j];                                             \
                }                                                                                 \
                for (int j = 1; j < 8; j++)                                                       \
                        sums[0] += sums[j];                                                       \
                return sums[0][0];                                                                \
        }

/* FLOPs of a turn: two for each number of each chain. */
#define TRIB__SPEED_FLOPS(bytes, number) \
        (2.0 * TRIB__SPEED_CHAINS * (double)((bytes) / sizeof(number)))

#endif
