/* SPDX-License-Identifier: Apache-2.0 */
/* sparse.c: see sparse.h: which loop for which processor, and the loop for those without wide
 * vectors. */
#include "kernels/cpu/isa.h"
#include "kernels/cpu/sparse.h"
#include "kernels/cpu/sparse_rows.h"

#define MULTIPLY_ADD(a, b, sum) ((a) * (b) + (sum))

TRIB__SPARSE_VECTORS(16)
TRIB__SPARSE_SET(trib__sparse_plain, MULTIPLY_ADD, MULTIPLY_ADD, MULTIPLY_ADD, MULTIPLY_ADD)

bool trib__sparse_has(trib_dtype dtype, trib_dtype index_dtype)
{
        return (dtype == TRIB_F32 || dtype == TRIB_F64) &&
               (index_dtype == TRIB_I32 || index_dtype == TRIB_I64);
}

const struct trib__sparse_set *trib__sparse_choose(void)
{
#if defined(__x86_64__)
        enum trib__isa isa = trib__isa_choose();

        if (isa >= TRIB__ISA_AVX512)
                return &trib__sparse_avx512;
        if (isa >= TRIB__ISA_AVX2)
                return &trib__sparse_avx2;
#endif
        return &trib__sparse_plain;
}

void trib__sparse_run(const struct trib__sparse_set *set, const struct trib__ref_sparse *params)
{
        const int is_f64 = params->dtype == TRIB_F64, is_i64 = params->index_dtype == TRIB_I64;

        for (int64_t batch = 0; batch < params->batch; batch++)
                set->rows[is_f64][is_i64](params, batch);
}
