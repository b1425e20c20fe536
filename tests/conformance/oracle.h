/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h: what the result of a step must be, in long double loops written from the mathematical
 * contracts of include/tributary/model.h, and how far from it a device may be.
 *
 * Tolerances. With u the unit roundoff of the output's dtype (f32 2^-24, f64 2^-53, f16 2^-11,
 * bf16 2^-8) and a that of the arithmetic inside (2^-53 for f64, 2^-24 otherwise):
 *   sums of k products   (k + 4) a sum|x w|  +  u |y|
 *   layer norm, element-wise functions   64 a (1 + |y|)  +  u |y|
 *   softmax                              64 a (1 + |y|)  +  2 u |y|, as libraries keep the
 *                                        exponentials in the output until the sum is known
 *   add, mul, relu       2 u |y|
 * and for each half the smallest subnormal of the dtype. Integers are exact, modulo 2^bits. */
#ifndef TRIB_CONFORMANCE_ORACLE_H
#define TRIB_CONFORMANCE_ORACLE_H

#include <stdbool.h>

#include "backend/step.h"
#include "base/random.h"

bool oracle_is_floating(trib_dtype dtype);

/* Element `index` of packed data, and setting it (rounded to nearest even; integers wrap). */
long double oracle_get(trib_dtype dtype, const void *data, int64_t index);
void        oracle_set(trib_dtype dtype, void *data, int64_t index, long double value);

/* Fill packed data: floats in [-1, 1), integers over their whole range. */
void oracle_fill(const struct trib__operand *operand, void *data, struct trib__random *random);

/* Every element of y against the oracle; fails the test with the first that is too far. */
void oracle_check(const struct trib__step *step, const void *const *inputs, const void *y);

#endif
