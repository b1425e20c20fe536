/* SPDX-License-Identifier: Apache-2.0 */
/* test_sparse.c: the sparse kernels of every instruction set that this processor has, against sums
 * in long double: (numbers of the row + 1) roundings of the sum of absolute values. And each column
 * has the same bits wherever it lies. */
#include "test_main.h"

#include "base/random.h"
#include "kernels/cpu/sparse.h"
#include "kernels/cpu/sparse_rows.h"
#include "ref_oracle.h"

#define M 13
#define K 29
#define N_MOST 150
#define GUARD 7.25

static double  x[2 * K * N_MOST], values[M * K], y[2 * M * N_MOST + 1];
static int64_t columns[M * K], rows[M + 1];

static void set_index(trib_dtype dtype, int64_t *array, int64_t i, int64_t value)
{
        if (dtype == TRIB_I32)
                ((int32_t *)(void *)array)[i] = (int32_t)value;
        else
                array[i] = value;
}

static int64_t get_index(trib_dtype dtype, const int64_t *array, int64_t i)
{
        return dtype == TRIB_I32 ? ((const int32_t *)(const void *)array)[i] : array[i];
}

static void make(struct trib__random *random, struct trib__ref_sparse *p)
{
        int64_t count = 0;

        set_index(p->index_dtype, rows, 0, 0);
        for (int64_t row = 0; row < M; row++) {
                for (int64_t column = 0; column < K; column++)
                        if (row == 0 || (row != 3 && trib__random_below(random, 4) == 0))
                                set_index(p->index_dtype, columns, count++, column);
                set_index(p->index_dtype, rows, row + 1, count);
        }
        ref_fill(random, p->dtype, values, (size_t)count);
        ref_fill(random, p->dtype, x, (size_t)(p->batch * K * p->n));
        trib__store_from_f64(p->dtype, y, (size_t)(p->batch * M * p->n), GUARD);
}

static void check(const struct trib__ref_sparse *p)
{
        assert_true(trib__load_as_f64(p->dtype, y, (size_t)(p->batch * M * p->n)) == GUARD);
        for (int64_t i = 0; i < p->batch * M * p->n; i++) {
                int64_t     row = i / p->n % M, batch = i / p->n / M;
                int64_t     first = get_index(p->index_dtype, rows, row);
                int64_t     last = get_index(p->index_dtype, rows, row + 1);
                long double sum = 0, size = 0;

                for (int64_t j = first; j < last; j++) {
                        int64_t k = get_index(p->index_dtype, columns, j);
                        long double product =
                                (long double)trib__load_as_f64(p->dtype, values, (size_t)j) *
                                (long double)trib__load_as_f64(
                                        p->dtype, x, (size_t)((batch * K + k) * p->n + i % p->n));

                        sum += product;
                        size += fabsl(product);
                }
                assert_true(fabsl((long double)trib__load_as_f64(p->dtype, y, (size_t)i) - sum) <=
                            (long double)(last - first + 1) * size *
                                    (long double)ref_half_step(p->dtype));
        }
}

static void check_set(const struct trib__sparse_set *set)
{
        static const int64_t widths[] = { 1, 3, 4, 15, 16, 31, 33, 64, 67, 150 };
        struct trib__random  random = { 3 };

        for (size_t i = 0; i < 4 * sizeof(widths) / sizeof(widths[0]); i++) {
                struct trib__ref_sparse p = { x, values, columns, rows, y, 2, M, K,
                                              widths[i / 4], i % 2 == 0 ? TRIB_F32 : TRIB_F64,
                                              i % 4 < 2 ? TRIB_I32 : TRIB_I64 };

                make(&random, &p);
                for (int64_t batch = 0; batch < 2; batch++)
                        set->rows[p.dtype == TRIB_F64][p.index_dtype == TRIB_I64](&p, batch);
                check(&p);
        }
}

static void sparse_of_every_instruction_set_is_right(void **state)
{
        (void)state;
        check_set(&trib__sparse_plain);
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                check_set(&trib__sparse_avx2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
                check_set(&trib__sparse_avx512);
                assert_ptr_equal(trib__sparse_choose(), &trib__sparse_avx512);
        }
#endif
}

/* All columns of x alike: then all of y are, in vectors as beside them. */
static void sparse_columns_have_the_same_bits_wherever_they_lie(void **state)
{
        struct trib__random     random = { 4 };
        struct trib__ref_sparse p = { x, values, columns, rows, y, 1, M, K,
                                      N_MOST, TRIB_F32, TRIB_I32 };
        float                  *numbers = (void *)x, *results = (void *)y;

        (void)state;
        make(&random, &p);
        for (int64_t i = 0; i < K * N_MOST; i++)
                numbers[i] = numbers[i / N_MOST * N_MOST];
        trib__sparse_run(trib__sparse_choose(), &p);
        for (int64_t i = 0; i < M * N_MOST; i++)
                assert_memory_equal(&results[i], &results[i / N_MOST * N_MOST], sizeof(float));
}

static void sparse_has_two_dtypes(void **state)
{
        (void)state;
        assert_true(trib__sparse_has(TRIB_F32, TRIB_I32) && trib__sparse_has(TRIB_F64, TRIB_I64));
        assert_false(trib__sparse_has(TRIB_F16, TRIB_I32) || trib__sparse_has(TRIB_F32, TRIB_I8));
}

TRIB_TEST_MAIN(TRIB_TEST(sparse_of_every_instruction_set_is_right),
               TRIB_TEST(sparse_columns_have_the_same_bits_wherever_they_lie),
               TRIB_TEST(sparse_has_two_dtypes))
