/* SPDX-License-Identifier: Apache-2.0 */
/* test_lu.c: factorisations by every instruction set: the factors times each other are the matrix
 * with its rows exchanged, no multiplier is above 1, and what is not finite is the reference's. */
#include "test_main.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/lu.h"
#include "ref_oracle.h"

#define MOST TRIB__SMALL_LU_MOST

static double  input[MOST * MOST], packed[MOST * (MOST + 1)], other[MOST * (MOST + 1)];
static double  a[MOST * MOST]; /* column-major */

/* How a matrix is made. */
enum kind { KIND_RANDOM, KIND_TIES, KIND_SINGULAR, KIND_ZERO, KIND_KINDS };

static double number(struct trib__random *random, enum kind kind, int64_t column)
{
        double value = (double)trib__random_f32(random);

        if (kind == KIND_TIES)
                return value < 0 ? -1 : 1;
        if (kind == KIND_SINGULAR)
                return column % 3 == 1 ? 0 : value;
        return kind == KIND_ZERO ? 0 : value;
}

static void fill(struct trib__random *random, enum kind kind, const struct trib__ref_lu *p)
{
        for (int64_t i = 0; i < p->m; i++)
                for (int64_t j = 0; j < p->n; j++) {
                        trib__store_from_f64(p->dtype, input, (size_t)(i * p->n + j),
                                             number(random, kind, j));
                        a[j * p->m + i] = trib__load_as_f64(p->dtype, input,
                                                            (size_t)(i * p->n + j));
                }
}

static double at(const struct trib__ref_lu *p, int64_t i, int64_t j)
{
        return trib__load_as_f64(p->dtype, packed, (size_t)(j * p->m + i));
}

static void exchange_rows(const struct trib__ref_lu *p, int64_t count)
{
        for (int64_t i = 0; i < count; i++) {
                int64_t pivot = (int64_t)at(p, i, p->n);

                assert_in_range(pivot, i, p->m - 1);
                for (int64_t j = 0; j < p->n; j++) {
                        double kept = a[j * p->m + i];

                        a[j * p->m + i] = a[j * p->m + pivot];
                        a[j * p->m + pivot] = kept;
                }
        }
}

/* |PA - LU| <= 2 k u |L||U|, element by element (Higham, Accuracy and Stability of Numerical
 * Algorithms, theorem 9.3, where it is k u / (1 - k u)). */
static void check(const struct trib__ref_lu *p)
{
        int64_t count = p->m < p->n ? p->m : p->n;
        double  u = ref_half_step(p->dtype);

        exchange_rows(p, count);
        for (int64_t i = 0; i < p->m; i++)
                for (int64_t j = 0; j < p->n; j++) {
                        double sum = 0, size = 0;

                        for (int64_t k = 0; k <= i && k <= j && k < count; k++) {
                                double l = k == i ? 1 : at(p, i, k);

                                assert_true(fabs(l) <= 1);
                                sum += l * at(p, k, j);
                                size += fabs(l * at(p, k, j));
                        }
                        assert_true(fabs(a[j * p->m + i] - sum) <=
                                    2 * (double)(count + 1) * u * size);
                }
}

static void check_sizes(const struct trib__small_lu_set *set, const int64_t *sizes, size_t count)
{
        const struct trib__lu lu = { NULL, set };
        struct trib__random   random = { 5 };
        trib_error            err = TRIB_ERROR_INIT;

        for (size_t i = 0; i < count * count * KIND_KINDS * 2; i++) {
                size_t              pair = i / 2 / KIND_KINDS;
                struct trib__ref_lu p = { input, packed, 1, sizes[pair / count],
                                          sizes[pair % count],
                                          i % 2 == 0 ? TRIB_F32 : TRIB_F64 };

                fill(&random, (enum kind)(i / 2 % KIND_KINDS), &p);
                assert_int_equal(trib__lu_run(&lu, &p, &err), TRIB_OK);
                check(&p);
        }
}

static void check_set(const struct trib__small_lu_set *set)
{
        static const int64_t few[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40 };
        static const int64_t many[] = { 63, 128, MOST };

        check_sizes(set, few, sizeof(few) / sizeof(few[0]));
        check_sizes(set, many, sizeof(many) / sizeof(many[0]));
}

static void lu_without_wide_vectors_is_right(void **state)
{
        (void)state;
        check_set(&trib__small_lu_plain);
}

static void lu_of_every_instruction_set_is_right(void **state)
{
        (void)state;
#if defined(__x86_64__)
        if (trib__isa_choose() >= TRIB__ISA_AVX2)
                check_set(&trib__small_lu_avx2);
        if (trib__isa_choose() >= TRIB__ISA_AVX512) {
                check_set(&trib__small_lu_avx512);
                assert_ptr_equal(trib__small_lu_choose(), &trib__small_lu_avx512);
        }
#endif
}

/* The first of equal candidates, as the reference takes it. */
static void lu_takes_the_first_of_equal_pivots(void **state)
{
        const struct trib__lu lu = { NULL, trib__small_lu_choose() };
        struct trib__ref_lu   p = { input, packed, 1, 9, 1, TRIB_F32 };

        (void)state;
        for (size_t i = 0; i < 9; i++)
                trib__store_from_f64(TRIB_F32, input, i, i < 4 ? 1 : i % 2 == 0 ? -2 : 2);
        assert_int_equal(trib__lu_run(&lu, &p, NULL), TRIB_OK);
        assert_true(at(&p, 0, 1) == 4);
        assert_true(at(&p, 0, 0) == -2);
}

/* Matrices that are not finite or nearly so are the reference kernel's to the bit, whoever else
 * there is. */
static void lu_leaves_hostile_matrices_to_the_reference(void **state)
{
        static const double hostile[] = { (double)NAN, -(double)NAN, (double)INFINITY,
                                          -(double)INFINITY, 3e38, -1e30 };
        struct trib__lu     lu = { NULL, trib__small_lu_choose() };
        struct trib__random random = { 12 };

        (void)state;
        for (size_t i = 0; i < 12; i++) {
                struct trib__ref_lu p = { input, packed, 1, 70, 70, TRIB_F32 };

                fill(&random, KIND_RANDOM, &p);
                trib__store_from_f64(TRIB_F32, input, i * 733 % 4900, hostile[i % 6]);
                assert_int_equal(trib__lu_run(&lu, &p, NULL), TRIB_OK);
                p.packed = other;
                assert_int_equal(trib__ref_lu(&p), TRIB_OK);
                assert_memory_equal(packed, other, 70 * 71 * sizeof(float));
                if (i == 5 && trib__lapack_open(&lu.lapack, NULL) == TRIB_OK)
                        lu.small = NULL;
        }
        trib__lapack_close(lu.lapack);
}

/* Above the size of small ones, whose pivots have no inverse in the dtype. */
static void lu_of_subnormal_numbers_is_the_reference(void **state)
{
        static const int64_t shapes[][2] = { { MOST + 4, 5 }, { 5, MOST + 4 } };
        struct trib__lu      lu = { NULL, trib__small_lu_choose() };
        struct trib__random  random = { 14 };

        (void)state;
        if (trib__lapack_open(&lu.lapack, NULL) != TRIB_OK)
                skip();
        for (size_t i = 0; i < 4; i++) {
                struct trib__ref_lu p = { input, packed, 1, shapes[i / 2][0], shapes[i / 2][1],
                                          i % 2 == 0 ? TRIB_F32 : TRIB_F64 };
                size_t              count = (size_t)(p.m * p.n);

                for (size_t j = 0; j < count; j++)
                        trib__store_from_f64(p.dtype, input, j,
                                             (double)trib__random_f32(&random) *
                                                     (p.dtype == TRIB_F32 ? 1e-40 : 1e-310));
                assert_int_equal(trib__lu_run(&lu, &p, NULL), TRIB_OK);
                for (int64_t j = 0; j < p.m * p.n; j++)
                        assert_true(fabs(at(&p, j % p.m, j / p.m)) <=
                                    (j % p.m > j / p.m ? 1 : 1e-30));
                p.packed = other;
                assert_int_equal(trib__ref_lu(&p), TRIB_OK);
                assert_memory_equal(packed, other,
                                    (count + (size_t)p.m) * trib_dtype_size(p.dtype));
        }
        trib__lapack_close(lu.lapack);
}

/* Above the size of small ones, without LAPACKE. */
static void lu_without_a_library_is_the_reference(void **state)
{
        const struct trib__lu lu = { NULL, trib__small_lu_choose() };
        struct trib__random   random = { 13 };
        struct trib__ref_lu   p = { input, packed, 1, MOST + 1, 3, TRIB_F64 };

        (void)state;
        fill(&random, KIND_RANDOM, &p);
        assert_int_equal(trib__lu_run(&lu, &p, NULL), TRIB_OK);
        p.packed = other;
        assert_int_equal(trib__ref_lu(&p), TRIB_OK);
        assert_memory_equal(packed, other, (MOST + 1) * 4 * sizeof(double));
}

static void lu_refuses_other_dtypes(void **state)
{
        const struct trib__lu lu = { NULL, trib__small_lu_choose() };
        struct trib__ref_lu   p = { input, packed, 1, 2, 2, TRIB_F16 };
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__lu_run(&lu, &p, &err), TRIB_UNSUPPORTED);
        assert_non_null(strstr(err.message, "f16"));
        assert_int_equal(trib__ref_lu(&p), TRIB_UNSUPPORTED);
}

TRIB_TEST_MAIN(TRIB_TEST(lu_without_wide_vectors_is_right),
               TRIB_TEST(lu_of_every_instruction_set_is_right),
               TRIB_TEST(lu_takes_the_first_of_equal_pivots),
               TRIB_TEST(lu_leaves_hostile_matrices_to_the_reference),
               TRIB_TEST(lu_of_subnormal_numbers_is_the_reference),
               TRIB_TEST(lu_without_a_library_is_the_reference),
               TRIB_TEST(lu_refuses_other_dtypes))
