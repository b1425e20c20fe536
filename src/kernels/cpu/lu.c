/* SPDX-License-Identifier: Apache-2.0 */
/* lu.c: see lu.h. Holds no state and takes no lock. */
#include "kernels/cpu/lu.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "tensor/convert.h"

/* Bits of a floating point number. */
typedef uint32_t __attribute__((may_alias)) bits32;
typedef uint64_t __attribute__((may_alias)) bits64;

/* A magnitude, as the bits of either dtype. */
struct bound {
        uint32_t f32;
        uint64_t f64;
};

/* Numbers grow by 2 at most in each step of the elimination, and in practice by little in all:
 * below 2^62 and 2^511, nothing overflows but in matrices made for it. */
static const struct bound safe = { UINT32_C(0x5e800000), UINT64_C(0x5fe0000000000000) };
static const struct bound greatest = { UINT32_C(0x7f7fffff), UINT64_C(0x7fefffffffffffff) };

/* Whether no magnitude is above the bound. Not-a-number and infinity have the greatest bits. */
static bool is_within(struct bound bound, const void *a, size_t count, trib_dtype dtype)
{
        uint32_t most32 = 0;
        uint64_t most64 = 0;

        for (size_t i = 0; dtype == TRIB_F32 && i < count; i++) {
                uint32_t bits = ((const bits32 *)a)[i] & (UINT32_MAX >> 1);

                most32 = bits > most32 ? bits : most32;
        }
        for (size_t i = 0; dtype == TRIB_F64 && i < count; i++) {
                uint64_t bits = ((const bits64 *)a)[i] & (UINT64_MAX >> 1);

                most64 = bits > most64 ? bits : most64;
        }
        return most32 <= bound.f32 && most64 <= bound.f64;
}

/* OpenBLAS multiplies by 1 / pivot, which of a subnormal pivot is infinite; or, in later versions,
 * leaves the column as it is. */
static bool has_subnormal_pivot(const struct trib__ref_lu *p, const char *packed)
{
        const double smallest = p->dtype == TRIB_F32 ? (double)FLT_MIN : DBL_MIN;

        for (int64_t i = 0; i < p->m && i < p->n; i++) {
                double pivot = fabs(trib__load_as_f64(p->dtype, packed, (size_t)(i * (p->m + 1))));

                if (pivot > 0 && pivot < smallest)
                        return true;
        }
        return false;
}

static void factorise_small(const struct trib__small_lu_set *set, const struct trib__ref_lu *p,
                            char *packed)
{
        int32_t pivots[TRIB__SMALL_LU_MOST];
        void   *line = packed + (size_t)p->m * (size_t)p->n * trib_dtype_size(p->dtype);

        set->factorise[p->dtype == TRIB_F64](packed, p->m, p->n, pivots);
        for (int64_t i = 0; i < p->m && i < p->n; i++) {
                if (p->dtype == TRIB_F32)
                        ((float *)line)[i] = (float)pivots[i];
                else
                        ((double *)line)[i] = (double)pivots[i];
        }
}

trib_status trib__lu_run(const struct trib__lu *lu, const struct trib__ref_lu *p, trib_error *err)
{
        size_t      size = trib_dtype_size(p->dtype), elements = (size_t)p->m * (size_t)p->n;
        bool        is_small = lu->small != NULL && p->m <= TRIB__SMALL_LU_MOST &&
                               p->n <= TRIB__SMALL_LU_MOST;
        trib_status status = TRIB_OK;

        if (p->dtype != TRIB_F32 && p->dtype != TRIB_F64)
                return trib__fail(err, TRIB_UNSUPPORTED, "lu: no factorisation of %s",
                                  trib_dtype_name(p->dtype));
        for (int64_t i = 0; status == TRIB_OK && i < p->batch; i++) {
                char       *packed = (char *)p->packed +
                                     (size_t)i * (elements + (size_t)p->m) * size;
                const char *a = (const char *)p->a + (size_t)i * elements * size;

                if ((!is_small && lu->lapack == NULL) || !is_within(safe, a, elements, p->dtype)) {
                        trib__ref_lu_one(p, i);
                        continue;
                }
                trib__ref_lu_pack(p, i);
                if (is_small) {
                        factorise_small(lu->small, p, packed);
                        continue;
                }
                status = trib__lapack_lu(lu->lapack, p, packed, err);
                if (status == TRIB_OK && (has_subnormal_pivot(p, packed) ||
                                          !is_within(greatest, packed, elements, p->dtype)))
                        trib__ref_lu_one(p, i);
        }
        return status;
}
