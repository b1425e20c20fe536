/* SPDX-License-Identifier: Apache-2.0 */
/* handmade.c: see handmade.h. Plans are small and right by construction; nothing is checked. */
#include "handmade.h"

#include <string.h>

void handmade_init(struct handmade *made)
{
        memset(made, 0, sizeof(*made));
        made->plan.steps = made->steps;
        made->plan.inputs = made->inputs;
        made->plan.outputs = made->outputs;
}

int64_t handmade_count(const struct trib__operand *operand)
{
        int64_t count = 1;

        for (int i = 0; i < operand->rank; i++)
                count *= operand->shape[i];
        return count;
}

struct trib__operand handmade_operand(struct handmade *made, enum trib__place place,
                                      trib_dtype dtype, int rank, const int64_t *shape)
{
        struct trib__operand operand = { .place = place, .dtype = dtype, .rank = rank };

        for (int i = 0; i < rank; i++)
                operand.shape[i] = shape[i];
        operand.bytes = (uint64_t)handmade_count(&operand) * trib_dtype_size(dtype);
        if (place == TRIB__PLACE_INPUT) {
                operand.index = made->plan.n_inputs++;
                made->inputs[operand.index] = operand;
        } else if (place == TRIB__PLACE_OUTPUT) {
                operand.index = made->plan.n_outputs++;
                made->outputs[operand.index] = operand;
        } else if (place == TRIB__PLACE_CONSTANT) {
                operand.index = made->plan.n_constants++;
        }
        return operand;
}

struct trib__operand handmade_slab(struct handmade *made, trib_dtype dtype, int rank,
                                   const int64_t *shape)
{
        struct trib__operand operand = handmade_operand(made, TRIB__PLACE_SLAB, dtype, rank,
                                                        shape);

        operand.offset = made->plan.slab_bytes;
        made->plan.slab_bytes += (operand.bytes + TRIB__SLAB_ALIGNMENT - 1) /
                                 TRIB__SLAB_ALIGNMENT * TRIB__SLAB_ALIGNMENT;
        return operand;
}

struct trib__step *handmade_step(struct handmade *made, enum trib__op op, uint32_t n_inputs,
                                 const struct trib__operand *inputs, struct trib__operand output)
{
        struct trib__step *step = &made->steps[made->plan.n_steps++];

        step->op = op;
        step->activation = TRIB__OP_COUNT;
        step->epsilon = 1e-5f;
        step->n_inputs = n_inputs;
        for (uint32_t i = 0; i < n_inputs; i++)
                step->inputs[i] = inputs[i];
        step->output = output;
        step->flops = 2 * (double)handmade_count(&output);
        step->bytes = 8 * (double)handmade_count(&output);
        return step;
}
