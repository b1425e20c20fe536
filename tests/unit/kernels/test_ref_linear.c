/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_linear.c: linear against loops in long double, and its promises about bits. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

enum { M = 9, K = 67, N = 7 };

static double x[M * K], w[N * K], b[N], y[M * N], other[M * N];

static struct trib__ref_linear fill(trib_dtype dtype, uint64_t seed)
{
        struct trib__random     random = { seed };
        struct trib__ref_linear p = { x, w, b, y, M, K, N, dtype, TRIB__OP_COUNT };

        ref_fill(&random, dtype, x, M * K);
        ref_fill(&random, dtype, w, N * K);
        ref_fill(&random, dtype, b, N);
        return p;
}

static long double expected_at(const struct trib__ref_linear *p, int64_t m, int64_t n)
{
        long double sum = p->b != NULL ? trib__load_as_f64(p->dtype, p->b, (size_t)n) : 0.0;

        for (int64_t k = 0; k < p->k; k++)
                sum += (long double)trib__load_as_f64(p->dtype, p->x, (size_t)(m * p->k + k)) *
                       (long double)trib__load_as_f64(p->dtype, p->w, (size_t)(n * p->k + k));
        return sum;
}

static void check(const struct trib__ref_linear *p)
{
        for (int64_t m = 0; m < p->m; m++)
                for (int64_t n = 0; n < p->n; n++) {
                        long double expected = expected_at(p, m, n);

                        if (p->activation == TRIB__OP_RELU && expected < 0)
                                expected = 0;
                        assert_true(ref_is_near(p->dtype, p->y, (size_t)(m * p->n + n), expected,
                                                4.0 * (double)p->k));
                }
}

static void linear_of_small_numbers(void **state)
{
        const float in[2 * 3] = { 1, 2, 3, 4, 5, 6 };
        const float weights[2 * 3] = { 1, 0, -1, 2, 2, 2 };
        const float shift[2] = { 10, 20 };
        float       out[4];
        struct trib__ref_linear p = { in, weights, shift, out, 2, 3, 2, TRIB_F32, TRIB__OP_COUNT };

        (void)state;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 8, 32, 8, 50 }), sizeof(out));
        p.b = NULL;
        p.activation = TRIB__OP_RELU;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 0, 12, 0, 30 }), sizeof(out));
}

static void linear_agrees_with_long_double(void **state)
{
        static const int64_t sizes[][3] = { { 1, 1, 1 }, { 1, 67, 7 }, { 4, 64, 7 }, { 5, 3, 1 },
                                            { 9, 66, 7 }, { 8, 65, 2 }, { 3, 4, 5 } };

        (void)state;
        for (size_t d = 0; d < 4; d++)
                for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                        struct trib__ref_linear p = fill(ref_floats[d], s + 1);

                        p.m = sizes[s][0];
                        p.k = sizes[s][1];
                        p.n = sizes[s][2];
                        p.b = s % 2 == 0 ? b : NULL;
                        p.activation = s % 3 == 0 ? TRIB__OP_RELU : TRIB__OP_COUNT;
                        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
                        check(&p);
                }
}

static void linear_gives_a_row_the_same_bits_in_any_batch(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++) {
                size_t                  size = trib_dtype_size(ref_floats[d]);
                struct trib__ref_linear p = fill(ref_floats[d], 5);

                assert_int_equal(trib__ref_linear(&p), TRIB_OK);
                p.y = other;
                p.m = 1;
                for (size_t row = 0; row < M; row++) {
                        p.x = (char *)x + row * K * size;
                        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
                        assert_memory_equal(other, (char *)y + row * N * size, N * size);
                }
        }
}

static void linear_adds_in_the_stated_order(void **state)
{
        struct trib__ref_linear p = fill(TRIB_F64, 6);

        (void)state;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        for (int m = 0; m < M; m++)
                for (int n = 0; n < N; n++) {
                        double s[4] = { 0 };

                        for (int k = 0; k < K; k++) {
                                volatile double product = x[m * K + k] * w[n * K + k];

                                s[k % 4] += product;
                        }
                        assert_true(y[m * N + n] == (s[0] + s[1]) + (s[2] + s[3]) + b[n]);
                }
}

static void linear_f32_is_the_double_sum_rounded_once(void **state)
{
        struct trib__ref_linear p = fill(TRIB_F32, 7);
        const float            *in = (float *)x, *weights = (float *)w, *shift = (float *)b;

        (void)state;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        for (int m = 0; m < M; m++)
                for (int n = 0; n < N; n++) {
                        double s[4] = { 0 };

                        for (int k = 0; k < K; k++)
                                s[k % 4] += (double)in[m * K + k] * (double)weights[n * K + k];
                        assert_true(((float *)y)[m * N + n] ==
                                    (float)((s[0] + s[1]) + (s[2] + s[3]) + (double)shift[n]));
                }
}

static void linear_survives_cancellation_and_overflow(void **state)
{
        const float in[3] = { 3e38f, 3e38f, -3e38f };
        const float weights[3] = { 2, 1, 3 };
        float       out;
        struct trib__ref_linear p = { in, weights, NULL, &out, 1, 3, 1, TRIB_F32, TRIB__OP_COUNT };

        (void)state;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        assert_true(out == 0.0f);
        p.k = 2;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        assert_true(isinf(out));
}

static void linear_applies_every_activation_in_double(void **state)
{
        (void)state;
        for (int op = TRIB__OP_RELU; op <= TRIB__OP_SIGMOID; op++) {
                struct trib__ref_linear p = fill(TRIB_F64, 8);
                struct trib__ref_unary  u = { (enum trib__op)op, y, other, M * N, TRIB_F64 };

                assert_int_equal(trib__ref_linear(&p), TRIB_OK);
                assert_int_equal(trib__ref_unary(&u), TRIB_OK);
                p.activation = (enum trib__op)op;
                assert_int_equal(trib__ref_linear(&p), TRIB_OK);
                assert_memory_equal(y, other, sizeof(y));
        }
}

static void linear_without_elements_is_the_bias(void **state)
{
        const float             shift[2] = { 3, 4 };
        float                   out[4];
        struct trib__ref_linear p = { NULL, NULL, shift, out, 2, 0, 2, TRIB_F32, TRIB__OP_COUNT };

        (void)state;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 3, 4, 3, 4 }), sizeof(out));
        p.m = 0;
        p.y = NULL;
        assert_int_equal(trib__ref_linear(&p), TRIB_OK);
}

static void linear_refuses_what_makes_no_sense(void **state)
{
        struct trib__ref_linear p = fill(TRIB_F32, 1);

        (void)state;
        p.activation = TRIB__OP_SOFTMAX;
        assert_int_equal(trib__ref_linear(&p), TRIB_UNSUPPORTED);
        p.activation = TRIB__OP_COUNT;
        for (size_t d = 0; d < sizeof(ref_others) / sizeof(ref_others[0]); d++) {
                p.dtype = ref_others[d];
                assert_int_equal(trib__ref_linear(&p), TRIB_UNSUPPORTED);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(linear_of_small_numbers), TRIB_TEST(linear_agrees_with_long_double),
               TRIB_TEST(linear_gives_a_row_the_same_bits_in_any_batch),
               TRIB_TEST(linear_adds_in_the_stated_order),
               TRIB_TEST(linear_f32_is_the_double_sum_rounded_once),
               TRIB_TEST(linear_survives_cancellation_and_overflow),
               TRIB_TEST(linear_applies_every_activation_in_double),
               TRIB_TEST(linear_without_elements_is_the_bias),
               TRIB_TEST(linear_refuses_what_makes_no_sense))
