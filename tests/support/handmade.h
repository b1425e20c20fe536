/* SPDX-License-Identifier: Apache-2.0 */
/* handmade.h: plans written by hand, for tests at the level of the backend contract. */
#ifndef TRIB_TESTS_HANDMADE_H
#define TRIB_TESTS_HANDMADE_H

#include "backend/step.h"

#define HANDMADE_MAX 8

struct handmade {
        struct trib__plan    plan;
        struct trib__step    steps[HANDMADE_MAX];
        struct trib__operand inputs[HANDMADE_MAX];
        struct trib__operand outputs[HANDMADE_MAX];
};

/* An empty plan. The struct must not move afterwards. */
void handmade_init(struct handmade *made);

/* A packed operand. A request's input or output, or a constant, is also entered in the plan. */
struct trib__operand handmade_operand(struct handmade *made, enum trib__place place,
                                      trib_dtype dtype, int rank, const int64_t *shape);

/* A new place in the slab. */
struct trib__operand handmade_slab(struct handmade *made, trib_dtype dtype, int rank,
                                   const int64_t *shape);

/* One more step, with costs that follow from nothing: 2 flops and 8 bytes an element of y. */
struct trib__step *handmade_step(struct handmade *made, enum trib__op op, uint32_t n_inputs,
                                 const struct trib__operand *inputs, struct trib__operand output);

int64_t handmade_count(const struct trib__operand *operand);

#endif
