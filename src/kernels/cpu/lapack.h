/* SPDX-License-Identifier: Apache-2.0 */
/* lapack.h: LU factorisation by LAPACKE, which is opened at run time, when the first program needs
 * it.
 *
 * library: the loaded LAPACKE; one per process, counted. Its BLAS is held at one thread, so that
 *          callers scale and results do not depend on what else runs. OpenBLAS has one number for
 *          the whole process: it is set to 1 by the first open, and stays so, also for a program
 *          that uses OpenBLAS itself. An OpenBLAS that is not built for POSIX threads is refused:
 *          libopenblas0-serial has no lock around its buffers, and callers spoil each other's.
 *
 * A run takes no lock of ours and allocates nothing of ours. The code stays mapped. */
#ifndef TRIB_KERNELS_CPU_LAPACK_H
#define TRIB_KERNELS_CPU_LAPACK_H

#include "kernels/ref/ref.h"

struct trib__lapack;

/* Open the library, or take another reference to it. The environment variable TRIB_LAPACKE, read
 * when nothing is open yet, is the absolute path of the library file to use instead of the
 * system's, or "off": as if none were installed.
 * Errors: TRIB_NOT_FOUND (not installed, "off"), TRIB_UNSUPPORTED (not a LAPACKE), both of which
 * mean the reference kernel; TRIB_INVALID_ARGUMENT (TRIB_LAPACKE is neither), TRIB_OUT_OF_MEMORY.
 * On failure *out is NULL. Threads: any, concurrently. */
trib_status trib__lapack_open(struct trib__lapack **out, trib_error *err) TRIB_MUST_USE;

/* Give a reference back; NULL is fine. */
void trib__lapack_close(struct trib__lapack *lib);

/* Factorise one matrix in place, as trib__ref_lu_pack has laid it out; f32 or f64, with numbers
 * that are finite and leave room for the arithmetic. Equal inputs give equal bits.
 * Errors: TRIB_UNSUPPORTED (size), TRIB_DEVICE_ERROR. */
trib_status trib__lapack_lu(const struct trib__lapack *lib, const struct trib__ref_lu *params,
                            char *packed, trib_error *err) TRIB_MUST_USE;

#endif
