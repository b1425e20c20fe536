/* SPDX-License-Identifier: Apache-2.0 */
/* lu.c: see lu.h. Holds no state and takes no lock. */
#include "kernels/cpu/lu.h"

#include "base/error.h"

/* Bits of a floating point number. */
typedef uint32_t __attribute__((may_alias)) bits32;
typedef uint64_t __attribute__((may_alias)) bits64;

/* Numbers grow by 2 at most in each step of the elimination, and in practice by little in all:
 * below these, nothing overflows but in matrices made for it. */
#define SAFE_F32 UINT32_C(0x5e800000)           /* 2^62  */
#define SAFE_F64 UINT64_C(0x5fe0000000000000)   /* 2^511 */

/* Whether every number is finite and of a size that leaves room. Not-a-number and infinity have
 * the greatest bits of all. */
static bool is_safe(const void *a, size_t count, trib_dtype dtype)
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
        return most32 <= SAFE_F32 && most64 <= SAFE_F64;
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

                if ((!is_small && lu->lapack == NULL) || !is_safe(a, elements, p->dtype)) {
                        trib__ref_lu_one(p, i);
                        continue;
                }
                trib__ref_lu_pack(p, i);
                if (is_small)
                        factorise_small(lu->small, p, packed);
                else
                        status = trib__lapack_lu(lu->lapack, p, packed, err);
        }
        return status;
}
