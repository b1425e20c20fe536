/* SPDX-License-Identifier: Apache-2.0 */
/* lu.h: LU factorisation on the CPU: which matrix is factorised by whom. */
#ifndef TRIB_KERNELS_CPU_LU_H
#define TRIB_KERNELS_CPU_LU_H

#include "kernels/cpu/lapack.h"
#include "kernels/cpu/small_lu.h"

/* What there is; NULL: not there. */
struct trib__lu {
        struct trib__lapack             *lapack;
        const struct trib__small_lu_set *small;
};

/* As trib__ref_lu, to the accuracy of the dtype's own arithmetic; equal inputs give equal bits.
 * Matrices up to TRIB__SMALL_LU_MOST are `small`'s, larger ones LAPACKE's. Where that is not there,
 * and for matrices with numbers that are not finite, or so large that the arithmetic could
 * overflow, which LAPACK leaves undefined, it is the reference kernel; and where LAPACKE gives what
 * is not finite, or comes upon a pivot whose inverse could overflow.
 * Errors: TRIB_UNSUPPORTED (dtype, size), TRIB_DEVICE_ERROR. */
trib_status trib__lu_run(const struct trib__lu *lu, const struct trib__ref_lu *params,
                         trib_error *err) TRIB_MUST_USE;

#endif
