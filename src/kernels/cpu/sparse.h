/* SPDX-License-Identifier: Apache-2.0 */
/* sparse.h: y = A x for A in compressed rows (CSR), for the processor that runs it.
 *
 * Each number of y is one sum in the order of A's numbers, by fused multiply-add where the
 * processor has it, in the dtype itself: equal inputs give equal bits on one machine, wherever a
 * column lies. No state, no lock, no allocation. */
#ifndef TRIB_KERNELS_CPU_SPARSE_H
#define TRIB_KERNELS_CPU_SPARSE_H

#include <stdbool.h>

#include "kernels/ref/ref.h"

/* Whether there is a kernel for these dtypes: f32 and f64, by i32 or i64. */
bool trib__sparse_has(trib_dtype dtype, trib_dtype index_dtype);

struct trib__sparse_set;

/* The loops for this processor. Asking takes microseconds on a virtual machine: once a program. */
const struct trib__sparse_set *trib__sparse_choose(void);

/* What trib__sparse_has says it can. */
void trib__sparse_run(const struct trib__sparse_set *set, const struct trib__ref_sparse *params);

#endif
