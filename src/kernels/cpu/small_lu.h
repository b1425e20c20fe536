/* SPDX-License-Identifier: Apache-2.0 */
/* small_lu.h: LU factorisation of small matrices, on vectors, without a lock. OpenBLAS takes one
 * lock of the process several times in a factorisation: of 32 x 32 numbers, 16 threads on 16 cores
 * do 3.9 times what one does; and up to 256 x 256 this is the faster one for one thread, too. */
#ifndef TRIB_KERNELS_CPU_SMALL_LU_H
#define TRIB_KERNELS_CPU_SMALL_LU_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/status.h>
#include <tributary/tensor.h>

/* Rows, and columns, at most. */
#define TRIB__SMALL_LU_MOST 256

/* In place, column-major; pivots[i], from 0, is the row that row i was exchanged with. m and n are
 * 1 .. TRIB__SMALL_LU_MOST; the numbers are finite and leave room for the arithmetic. */
typedef void (*trib__small_lu_fn)(void *a, int64_t m, int64_t n, int32_t *pivots);

/* By dtype: f32, f64. */
struct trib__small_lu_set {
        trib__small_lu_fn factorise[2];
};

extern const struct trib__small_lu_set trib__small_lu_plain;
#if defined(__x86_64__)
extern const struct trib__small_lu_set trib__small_lu_avx2;
extern const struct trib__small_lu_set trib__small_lu_avx512;
#endif

/* The best that this processor has. Threads: any. */
const struct trib__small_lu_set *trib__small_lu_choose(void);

#endif
