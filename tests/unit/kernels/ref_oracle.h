/* SPDX-License-Identifier: Apache-2.0 */
/* ref_oracle.h: arrays of any floating point dtype for the tests of the reference kernels, and
 * what may differ from a result computed in long double: one rounding to the dtype, and for f64
 * some of the last bits. */
#ifndef TRIB_TEST_REF_ORACLE_H
#define TRIB_TEST_REF_ORACLE_H

#include <math.h>

#include "base/random.h"
#include "tensor/convert.h"

static const trib_dtype ref_floats[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16 };
static const trib_dtype ref_others[] = { TRIB_I8,  TRIB_U8,   TRIB_I32,
                                         TRIB_I64, TRIB_BOOL, TRIB_DTYPE_NONE };

/* Values in -2 .. 2, as the dtype can hold them. */
static inline void ref_fill(struct trib__random *random, trib_dtype dtype, void *data,
                            size_t count)
{
        for (size_t i = 0; i < count; i++)
                trib__store_from_f64(dtype, data, i, 2.0 * (double)trib__random_f32(random));
}

/* Half of the distance between the dtype's neighbours, relative. */
static inline double ref_half_step(trib_dtype dtype)
{
        switch (dtype) {
        case TRIB_F32:
                return 0x1.0p-24;
        case TRIB_F16:
                return 0x1.0p-11;
        case TRIB_BF16:
                return 0x1.0p-8;
        default:
                return 0x1.0p-53;
        }
}

/* Whether element i is `expected` rounded once, give or take `slack` (relative to `scale`) of
 * arithmetic in double before that. f16's subnormal numbers are 2^-24 apart. */
static inline int ref_is_near(trib_dtype dtype, const void *data, size_t i, long double expected,
                              double scale)
{
        double got = trib__load_as_f64(dtype, data, i);
        double allowed = fabs((double)expected) * ref_half_step(dtype) * (1.0 + 1e-6) +
                         scale * 0x1.0p-48 + (dtype == TRIB_F16 ? 0x1.0p-25 : 1e-45);

        return fabsl((long double)got - expected) <= (long double)allowed;
}

#endif
