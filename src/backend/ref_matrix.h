/* SPDX-License-Identifier: Apache-2.0 */
/* ref_matrix.h: the steps on whole matrices (LU, sparse products), attention and convolution on the
 * reference kernels: the part of ref_step.c that has parameters of its own. */
#ifndef TRIB_BACKEND_REF_MATRIX_H
#define TRIB_BACKEND_REF_MATRIX_H

#include "backend/step.h"
#include "kernels/ref/ref.h"

bool trib__is_matrix_step(enum trib__op op);

/* As trib__ref_step_is_supported and trib__ref_step_run, for these steps; run tells no reason. */
bool trib__ref_matrix_is_supported(const struct trib__step *step, char *reason, uint32_t size);
trib_status trib__ref_matrix_run(const struct trib__step *step, const void *const inputs[],
                                 void *output) TRIB_MUST_USE;

/* Supported as ref_step.c says. */
trib_status trib__ref_attention_run(const struct trib__step *step, const void *const inputs[],
                                    void *output) TRIB_MUST_USE;
trib_status trib__ref_conv2d_run(const struct trib__step *step, const void *const inputs[],
                                 void *output) TRIB_MUST_USE;

/* What the kernels take, which those of a device take too. */
struct trib__ref_lu     trib__lu_params(const struct trib__step *step, const void *const inputs[],
                                        void *output);
struct trib__ref_sparse trib__sparse_params(const struct trib__step *step,
                                            const void *const inputs[], void *output);
struct trib__ref_attention trib__attention_params(const struct trib__step *step,
                                                  const void *const inputs[], void *output);

#endif
