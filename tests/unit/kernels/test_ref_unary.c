/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_unary.c: relu, gelu, tanh and sigmoid against their formulas in long double, and at
 * the ends of the number line. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

static const enum trib__op unary_ops[] = { TRIB__OP_RELU, TRIB__OP_GELU_ERF, TRIB__OP_GELU_TANH,
                                           TRIB__OP_TANH, TRIB__OP_SIGMOID };

/* The contracts of model.h, word for word. */
static long double formula(enum trib__op op, long double x)
{
        static const long double pi = 3.14159265358979323846264338327950288L;

        switch (op) {
        case TRIB__OP_RELU:
                return x > 0 ? x : 0;
        case TRIB__OP_GELU_ERF:
                return x / 2 * (1 + erfl(x / sqrtl(2)));
        case TRIB__OP_GELU_TANH:
                return x / 2 * (1 + tanhl(sqrtl(2 / pi) * (x + 0.044715L * x * x * x)));
        case TRIB__OP_TANH:
                return tanhl(x);
        default:
                return 1 / (1 + expl(-x));
        }
}

static double apply(enum trib__op op, trib_dtype dtype, double value)
{
        double                 in, out;
        struct trib__ref_unary p = { op, &in, &out, 1, dtype };

        trib__store_from_f64(dtype, &in, 0, value);
        assert_int_equal(trib__ref_unary(&p), TRIB_OK);
        return trib__load_as_f64(dtype, &out, 0);
}

static void unary_agrees_with_the_formulas_in_long_double(void **state)
{
        enum { COUNT = 4001 };
        static double x[COUNT], y[COUNT];

        (void)state;
        for (size_t o = 0; o < 5; o++)
                for (size_t d = 0; d < 4; d++) {
                        struct trib__ref_unary p = { unary_ops[o], x, y, COUNT, ref_floats[d] };

                        for (size_t i = 0; i < COUNT; i++)
                                trib__store_from_f64(p.dtype, x, i, ((double)i - 2000) / 200);
                        assert_int_equal(trib__ref_unary(&p), TRIB_OK);
                        for (size_t i = 0; i < COUNT; i++) {
                                double      in = trib__load_as_f64(p.dtype, x, i);
                                long double expected = formula(p.op, (long double)in);

                                assert_true(ref_is_near(p.dtype, y, i, expected, 1.0));
                        }
                }
}

static void tails_keep_their_relative_precision(void **state)
{
        (void)state;
        /* From the asymptotic series of erfc, to 12 digits: gelu(-10) and gelu(-20). */
        assert_true(fabs(apply(TRIB__OP_GELU_ERF, TRIB_F64, -10) / -7.61985302416e-23 - 1) < 1e-9);
        assert_true(fabs(apply(TRIB__OP_GELU_ERF, TRIB_F64, -20) / -5.50724823721e-88 - 1) < 1e-9);
        assert_true(fabs(apply(TRIB__OP_SIGMOID, TRIB_F64, -700) / exp(-700) - 1) < 1e-12);
        assert_true(apply(TRIB__OP_SIGMOID, TRIB_F32, -100) > 0);
        assert_true(apply(TRIB__OP_GELU_TANH, TRIB_F64, -5) < 0);
}

static void ends_of_the_line_are_the_limits(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++) {
                trib_dtype dtype = ref_floats[d];

                assert_true(apply(TRIB__OP_RELU, dtype, HUGE_VAL) == HUGE_VAL);
                assert_true(apply(TRIB__OP_RELU, dtype, -HUGE_VAL) == 0);
                assert_true(apply(TRIB__OP_GELU_ERF, dtype, HUGE_VAL) == HUGE_VAL);
                assert_true(apply(TRIB__OP_GELU_ERF, dtype, -HUGE_VAL) == 0);
                assert_true(apply(TRIB__OP_GELU_TANH, dtype, HUGE_VAL) == HUGE_VAL);
                assert_true(apply(TRIB__OP_GELU_TANH, dtype, -HUGE_VAL) == 0);
                assert_true(apply(TRIB__OP_TANH, dtype, HUGE_VAL) == 1);
                assert_true(apply(TRIB__OP_TANH, dtype, -HUGE_VAL) == -1);
                assert_true(apply(TRIB__OP_SIGMOID, dtype, HUGE_VAL) == 1);
                assert_true(apply(TRIB__OP_SIGMOID, dtype, -HUGE_VAL) == 0);
        }
        for (size_t o = 0; o < 5; o++) {
                /* The largest finite number overflows nothing that it should not. */
                assert_true(apply(unary_ops[o], TRIB_F64, 1.7e308) > 0.5);
                assert_true(apply(unary_ops[o], TRIB_F64, -1.7e308) <= 0.0);
        }
}

static void nan_stays_nan(void **state)
{
        (void)state;
        for (size_t o = 0; o < 5; o++)
                for (size_t d = 0; d < 4; d++)
                        assert_true(isnan(apply(unary_ops[o], ref_floats[d], (double)NAN)));
}

static void zero_gives_zero_or_one_half(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++) {
                assert_true(apply(TRIB__OP_SIGMOID, ref_floats[d], 0) == 0.5);
                for (size_t o = 0; o < 4; o++)
                        assert_true(apply(unary_ops[o], ref_floats[d], 0) == 0);
                assert_false(signbit(apply(TRIB__OP_RELU, ref_floats[d], -0.0)));
                assert_true(signbit(apply(TRIB__OP_TANH, ref_floats[d], -0.0)));
                assert_true(signbit(apply(TRIB__OP_GELU_ERF, ref_floats[d], -0.0)));
        }
}

static void relu_keeps_subnormals_and_large_integers(void **state)
{
        int64_t                in[4] = { INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, -1 };
        int64_t                out[4];
        struct trib__ref_unary p = { TRIB__OP_RELU, in, out, 4, TRIB_I64 };

        (void)state;
        assert_true(apply(TRIB__OP_RELU, TRIB_F32, 0x1.0p-149) == 0x1.0p-149);
        assert_true(apply(TRIB__OP_RELU, TRIB_F16, 0x1.0p-24) == 0x1.0p-24);
        assert_int_equal(trib__ref_unary(&p), TRIB_OK);
        assert_true(out[0] == INT64_MAX && out[1] == 0 && out[2] == in[2] && out[3] == 0);
        assert_true(apply(TRIB__OP_RELU, TRIB_I8, -128) == 0);
        assert_true(apply(TRIB__OP_RELU, TRIB_I8, 127) == 127);
        assert_true(apply(TRIB__OP_RELU, TRIB_U8, 255) == 255);
        assert_true(apply(TRIB__OP_RELU, TRIB_I32, -5) == 0);
        assert_true(apply(TRIB__OP_RELU, TRIB_I32, 5) == 5);
}

static void unary_works_in_place(void **state)
{
        (void)state;
        for (size_t o = 0; o < 5; o++)
                for (size_t d = 0; d < 4; d++) {
                        double                 data[32], apart[32];
                        struct trib__random    random = { o + 1 };
                        struct trib__ref_unary p = { unary_ops[o], data, apart, 32, ref_floats[d] };
                        size_t                 bytes = 32 * trib_dtype_size(p.dtype);

                        ref_fill(&random, p.dtype, data, 32);
                        assert_int_equal(trib__ref_unary(&p), TRIB_OK);
                        p.y = data;
                        assert_int_equal(trib__ref_unary(&p), TRIB_OK);
                        assert_memory_equal(data, apart, bytes);
                }
}

static void unary_refuses_what_makes_no_sense(void **state)
{
        int64_t                data = 1;
        struct trib__ref_unary p = { TRIB__OP_TANH, &data, &data, 1, TRIB_F32 };

        (void)state;
        for (size_t d = 0; d < sizeof(ref_others) / sizeof(ref_others[0]); d++) {
                p.dtype = ref_others[d];
                assert_int_equal(trib__ref_unary(&p), TRIB_UNSUPPORTED);
        }
        p.op = TRIB__OP_RELU;
        assert_int_equal(trib__ref_unary(&p), TRIB_UNSUPPORTED);
        p.dtype = TRIB_BOOL;
        assert_int_equal(trib__ref_unary(&p), TRIB_UNSUPPORTED);
        p.dtype = TRIB_F32;
        p.op = TRIB__OP_ADD;
        assert_int_equal(trib__ref_unary(&p), TRIB_UNSUPPORTED);
        p.op = TRIB__OP_COUNT;
        assert_int_equal(trib__ref_unary(&p), TRIB_UNSUPPORTED);
        assert_true(data == 1);
}

TRIB_TEST_MAIN(TRIB_TEST(unary_agrees_with_the_formulas_in_long_double),
               TRIB_TEST(tails_keep_their_relative_precision),
               TRIB_TEST(ends_of_the_line_are_the_limits), TRIB_TEST(nan_stays_nan),
               TRIB_TEST(zero_gives_zero_or_one_half),
               TRIB_TEST(relu_keeps_subnormals_and_large_integers),
               TRIB_TEST(unary_works_in_place), TRIB_TEST(unary_refuses_what_makes_no_sense))
