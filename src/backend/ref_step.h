/* SPDX-License-Identifier: Apache-2.0 */
/* ref_step.h: one step of a plan on the reference kernels, for backends that compute on the host.
 * No state but a thread-local depth, no lock, no allocation. */
#ifndef TRIB_BACKEND_REF_STEP_H
#define TRIB_BACKEND_REF_STEP_H

#include <stdbool.h>

#include "backend/backend.h"
#include "model/user_call.h"

/* Where an operand of a launch lies; NULL for an absent one. `constants` may be NULL if the plan
 * has none. */
static inline const void *trib__operand_address(const struct trib__operand *operand,
                                                const struct trib__launch_args *args,
                                                const void *const *constants)
{
        switch (operand->place) {
        case TRIB__PLACE_SLAB:
                return (const char *)args->slab + operand->offset;
        case TRIB__PLACE_INPUT:
                return args->inputs[operand->index];
        case TRIB__PLACE_OUTPUT:
                return args->outputs[operand->index];
        case TRIB__PLACE_CONSTANT:
                return constants[operand->index];
        case TRIB__PLACE_NONE:
                break;
        }
        return NULL;
}

/* Whether the reference kernels can run a step, by its operator, dtypes and operand counts; if
 * not, why not (reason gets at most size bytes). A user's operator always can. */
bool trib__ref_step_is_supported(const struct trib__step *step, char *reason, uint32_t size);

/* Run one step whose operands lie at inputs[0 .. n_inputs - 1] (NULL: absent) and output, in
 * memory of the host. Shapes are those that the plan was checked for. A user's operator is called
 * on this thread; the caller holds no lock, and the turnstile if the operator is serial.
 * TRIB_USER_OPERATOR if it fails; TRIB_UNSUPPORTED for what is not supported. */
trib_status trib__ref_step_run(const struct trib__step *step, const void *const inputs[],
                               void *output, trib_error *err) TRIB_MUST_USE;

#endif
