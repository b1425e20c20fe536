/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_matmul.c: matrix products against loops in long double, with every broadcast. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

static double a[40000], b[40000], y[40000], other[40000];

static void matmul_of_small_numbers(void **state)
{
        const float left[4] = { 1, 2, 3, 4 };
        const float right[6] = { 1, 0, 2, 0, 1, 3 };
        float       out[6];
        struct trib__ref_matmul p = { left, right, out, TRIB_F32, 2, 2, 2,
                                      { 2, 2 }, { 2, 3 }, { 2, 3 } };

        (void)state;
        assert_int_equal(trib__ref_matmul(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 1, 2, 8, 3, 4, 18 }), sizeof(out));
}

/* The offset, in matrices, of the batch that `index` of y selects in an operand. */
static int64_t batch_of(const int64_t *shape, int rank, const int64_t *index, int y_rank)
{
        int64_t at = 0;

        for (int d = 0; d < rank - 2; d++)
                at = at * shape[d] + (shape[d] == 1 ? 0 : index[d + y_rank - rank]);
        return at;
}

static void check(const struct trib__ref_matmul *p)
{
        int64_t m = p->a_shape[p->a_rank - 2], k = p->a_shape[p->a_rank - 1];
        int64_t n = p->b_shape[p->b_rank - 1];
        int64_t index[TRIB_MAX_RANK] = { 0 };
        int64_t batches = 1;

        for (int d = 0; d < p->y_rank - 2; d++)
                batches *= p->y_shape[d];
        for (int64_t batch = 0; batch < batches; batch++) {
                int64_t rest = batch;
                int64_t a_at, b_at;

                for (int d = p->y_rank - 3; d >= 0; d--) {
                        index[d] = rest % p->y_shape[d];
                        rest /= p->y_shape[d];
                }
                a_at = batch_of(p->a_shape, p->a_rank, index, p->y_rank) * m * k;
                b_at = batch_of(p->b_shape, p->b_rank, index, p->y_rank) * k * n;
                for (int64_t i = 0; i < m * n; i++) {
                        long double sum = 0;

                        for (int64_t j = 0; j < k; j++)
                                sum += (long double)trib__load_as_f64(
                                               p->dtype, p->a, (size_t)(a_at + i / n * k + j)) *
                                       (long double)trib__load_as_f64(
                                               p->dtype, p->b, (size_t)(b_at + j * n + i % n));
                        assert_true(ref_is_near(p->dtype, p->y, (size_t)(batch * m * n + i), sum,
                                                4.0 * (double)k));
                }
        }
}

static const struct trib__ref_matmul shapes[] = {
        { a, b, y, TRIB_F32, 2, 2, 2, { 1, 1 }, { 1, 1 }, { 1, 1 } },
        { a, b, y, TRIB_F32, 2, 2, 2, { 5, 33 }, { 33, 70 }, { 5, 70 } },
        { a, b, y, TRIB_F32, 2, 2, 2, { 9, 17 }, { 17, 128 }, { 9, 128 } },
        { a, b, y, TRIB_F32, 3, 3, 3, { 4, 3, 5 }, { 4, 5, 2 }, { 4, 3, 2 } },
        { a, b, y, TRIB_F32, 3, 2, 3, { 4, 3, 5 }, { 5, 2 }, { 4, 3, 2 } },
        { a, b, y, TRIB_F32, 2, 3, 3, { 3, 5 }, { 4, 5, 2 }, { 4, 3, 2 } },
        { a, b, y, TRIB_F32, 3, 3, 3, { 1, 3, 5 }, { 4, 5, 2 }, { 4, 3, 2 } },
        { a, b, y, TRIB_F32, 4, 3, 4, { 2, 1, 3, 5 }, { 4, 5, 2 }, { 2, 4, 3, 2 } },
        { a, b, y, TRIB_F32, 4, 4, 4, { 2, 1, 3, 5 }, { 1, 4, 5, 2 }, { 2, 4, 3, 2 } },
        { a, b, y, TRIB_F32, 8, 5, 8, { 2, 1, 2, 1, 3, 1, 2, 3 }, { 3, 1, 2, 3, 2 },
          { 2, 1, 2, 3, 3, 2, 2, 2 } },
};

static void matmul_agrees_with_long_double_under_any_broadcast(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++)
                for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
                        struct trib__ref_matmul p = shapes[s];
                        struct trib__random     random = { s + 1 };

                        p.dtype = ref_floats[d];
                        ref_fill(&random, p.dtype, a, 10000);
                        ref_fill(&random, p.dtype, b, 10000);
                        assert_int_equal(trib__ref_matmul(&p), TRIB_OK);
                        check(&p);
                }
}

static void matmul_gives_a_row_the_same_bits_in_any_batch(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++) {
                struct trib__ref_matmul p = shapes[2];
                struct trib__random     random = { 3 };
                size_t                  size = trib_dtype_size(ref_floats[d]);

                p.dtype = ref_floats[d];
                ref_fill(&random, p.dtype, a, 10000);
                ref_fill(&random, p.dtype, b, 10000);
                assert_int_equal(trib__ref_matmul(&p), TRIB_OK);
                p.a_shape[0] = p.y_shape[0] = 1;
                p.y = other;
                for (size_t row = 0; row < 9; row++) {
                        p.a = (char *)a + row * 17 * size;
                        assert_int_equal(trib__ref_matmul(&p), TRIB_OK);
                        assert_memory_equal(other, (char *)y + row * 128 * size, 128 * size);
                }
        }
}

static void matmul_of_nothing_is_nothing_or_zero(void **state)
{
        float                   out[4] = { 9, 9, 9, 9 };
        struct trib__ref_matmul p = { NULL, NULL, out, TRIB_F32, 2, 2, 2,
                                      { 2, 0 }, { 0, 2 }, { 2, 2 } };
        struct trib__ref_matmul none = { NULL, NULL, NULL, TRIB_F32, 3, 3, 3,
                                         { 0, 2, 2 }, { 1, 2, 2 }, { 0, 2, 2 } };

        (void)state;
        assert_int_equal(trib__ref_matmul(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 0, 0, 0, 0 }), sizeof(out));
        assert_int_equal(trib__ref_matmul(&none), TRIB_OK);
}

static void matmul_refuses_dtypes_that_make_no_sense(void **state)
{
        struct trib__ref_matmul p = shapes[0];

        (void)state;
        for (size_t d = 0; d < sizeof(ref_others) / sizeof(ref_others[0]); d++) {
                p.dtype = ref_others[d];
                assert_int_equal(trib__ref_matmul(&p), TRIB_UNSUPPORTED);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(matmul_of_small_numbers),
               TRIB_TEST(matmul_agrees_with_long_double_under_any_broadcast),
               TRIB_TEST(matmul_gives_a_row_the_same_bits_in_any_batch),
               TRIB_TEST(matmul_of_nothing_is_nothing_or_zero),
               TRIB_TEST(matmul_refuses_dtypes_that_make_no_sense))
