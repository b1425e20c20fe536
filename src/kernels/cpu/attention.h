/* SPDX-License-Identifier: Apache-2.0 */
/* attention.h: attention in f32 on oneDNN's products and softmax, one head after the other.
 *
 * plan: what runs of one shape share: three primitives and where their arrays lie in the scratch
 *       memory. Immutable: all threads share it.
 * exec: a plan bound to one queue; used by one thread at a time.
 *
 * The scratch of one head is small and stays in the cache, whatever the number of heads. */
#ifndef TRIB_KERNELS_CPU_ATTENTION_H
#define TRIB_KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/onednn.h"
#include "kernels/ref/ref.h"

struct trib__attention_plan;
struct trib__attention_exec;

/* The pointers in `params` are not used. Errors: those of trib__onednn_matmul_create;
 * TRIB_UNSUPPORTED (use the reference kernel) also for other dtypes than f32. */
trib_status trib__attention_create(struct trib__onednn *lib,
                                   const struct trib__ref_attention *params,
                                   enum trib__onednn_precision precision,
                                   struct trib__attention_plan **out,
                                   trib_error *err) TRIB_MUST_USE;
/* NULL is fine, here and below. */
void   trib__attention_destroy(struct trib__attention_plan *plan);
size_t trib__attention_scratch(const struct trib__attention_plan *plan);

trib_status trib__attention_exec_create(const struct trib__attention_plan *plan,
                                        struct trib__attention_exec **out,
                                        trib_error *err) TRIB_MUST_USE;
void        trib__attention_exec_destroy(struct trib__attention_exec *exec);

/* Between trib__onednn_enter and trib__onednn_leave. `inputs` are q, k and v; scratch is aligned to
 * TRIB__ONEDNN_ALIGNMENT. Allocates and locks nothing of ours. */
trib_status trib__attention_run_inside(struct trib__attention_exec *exec,
                                       const void *const *inputs, void *output, void *scratch,
                                       trib_error *err) TRIB_MUST_USE;

#endif
