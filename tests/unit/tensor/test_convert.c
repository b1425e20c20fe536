/* SPDX-License-Identifier: Apache-2.0 */
/* test_convert.c: f16 and bf16 against a table of all their values and a search in it, which
 * knows nothing of bits and shifts. */
#include "test_main.h"

#include <math.h>

#include "base/random.h"
#include "tensor/convert.h"

struct format {
        int mantissa_bits, exponent_bits;
        double (*widen)(uint16_t);
        uint16_t (*narrow)(double);
};

static double widen_bf16(uint16_t bits)
{
        return (double)trib__bf16_to_f32(bits);
}

static const struct format f16 = { 10, 5, trib__f16_to_f64, trib__f16_from_f64 };
static const struct format bf16 = { 7, 8, widen_bf16, trib__bf16_from_f64 };

static uint32_t infinity_of(const struct format *format)
{
        return ((1u << format->exponent_bits) - 1) << format->mantissa_bits;
}

/* The value of a pattern, from the definition of the formats. */
static double value_of(const struct format *format, uint32_t pattern)
{
        uint32_t magnitude = pattern & 0x7fff;
        uint32_t fraction = magnitude & ((1u << format->mantissa_bits) - 1);
        int      exponent = (int)(magnitude >> format->mantissa_bits);
        int      bias = (1 << (format->exponent_bits - 1)) - 1;
        double   value;

        if (exponent == 0)
                value = ldexp(fraction, 1 - bias - format->mantissa_bits);
        else
                value = ldexp(fraction + (1u << format->mantissa_bits),
                              exponent - bias - format->mantissa_bits);
        return (pattern & 0x8000) != 0 ? -value : value;
}

static void check_every_pattern(const struct format *format)
{
        uint32_t infinity = infinity_of(format);

        for (uint32_t pattern = 0; pattern <= 0xffff; pattern++) {
                double   value = format->widen((uint16_t)pattern);
                uint32_t magnitude = pattern & 0x7fff;
                uint32_t expected = pattern;

                if (magnitude > infinity) {
                        assert_true(isnan(value));
                        expected = pattern | 1u << (format->mantissa_bits - 1);
                } else if (magnitude == infinity) {
                        assert_true(isinf(value));
                } else {
                        assert_true(value == value_of(format, pattern));
                }
                assert_int_equal(signbit(value) != 0, pattern >> 15);
                assert_int_equal(format->narrow(value), expected);
        }
}

/* The pattern nearest to a positive value, ties to the even one, by bisection. */
static uint32_t nearest(const struct format *format, double value)
{
        uint32_t low = 0, high = infinity_of(format);
        double   below, above;

        /* Infinity stands for the next power of two. */
        while (high - low > 1) {
                uint32_t middle = (low + high) / 2;

                if (value_of(format, middle) <= value)
                        low = middle;
                else
                        high = middle;
        }
        below = value - value_of(format, low);
        above = value_of(format, high) - value;
        if (below != above)
                return below < above ? low : high;
        return low % 2 == 0 ? low : high;
}

static void check_around(const struct format *format, double value)
{
        const double values[] = { nextafter(value, 0.0), value, nextafter(value, HUGE_VAL) };

        for (int i = 0; i < 3; i++) {
                uint32_t expected = nearest(format, values[i]);

                assert_int_equal(format->narrow(values[i]), expected);
                assert_int_equal(format->narrow(-values[i]), expected | 0x8000);
        }
}

static void check_ties(const struct format *format)
{
        for (uint32_t pattern = 0; pattern < infinity_of(format); pattern++)
                check_around(format,
                             (value_of(format, pattern) + value_of(format, pattern + 1)) / 2.0);
}

static void check_random(const struct format *format)
{
        struct trib__random random = { 17 };

        for (int i = 0; i < 200000; i++) {
                int    exponent = (int)trib__random_below(&random, 300) - 150;
                double value = ldexp(1.0 + trib__random_unit(&random), exponent);

                if (value < value_of(format, infinity_of(format)))
                        assert_int_equal(format->narrow(value), nearest(format, value));
        }
}

static void check_extremes(const struct format *format)
{
        uint32_t infinity = infinity_of(format);

        assert_int_equal(format->narrow(0.0), 0);
        assert_int_equal(format->narrow(-0.0), 0x8000);
        assert_int_equal(format->narrow(HUGE_VAL), infinity);
        assert_int_equal(format->narrow(-HUGE_VAL), infinity | 0x8000);
        assert_int_equal(format->narrow(1.7e308), infinity);
        assert_int_equal(format->narrow(5e-324), 0);
        assert_int_equal(format->narrow(-2.3e-308), 0x8000);
        assert_true((format->narrow((double)NAN) & 0x7fffu) > infinity);
        assert_int_equal(format->narrow(trib__f64_from_bits(UINT64_C(0xfff0000000000001))),
                         0x8000 | infinity | 1u << (format->mantissa_bits - 1));
}

static void f16_patterns_all_round_trip(void **state)
{
        (void)state;
        check_every_pattern(&f16);
}

static void bf16_patterns_all_round_trip(void **state)
{
        (void)state;
        check_every_pattern(&bf16);
}

static void f16_rounds_ties_to_even(void **state)
{
        (void)state;
        check_ties(&f16);
        assert_int_equal(trib__f16_from_f64(65519.99), 0x7bff);
        assert_int_equal(trib__f16_from_f64(65520.0), 0x7c00);
        assert_int_equal(trib__f16_from_f64(0x1.0p-25), 0);
        assert_int_equal(trib__f16_from_f64(0x1.8p-25), 1);
        assert_int_equal(trib__f16_from_f64(0x1.8p-24), 2);
}

static void bf16_rounds_ties_to_even(void **state)
{
        (void)state;
        check_ties(&bf16);
        assert_int_equal(trib__bf16_from_f64(1.00390625), 0x3f80);
        assert_int_equal(trib__bf16_from_f64(1.01171875), 0x3f82);
}

static void f16_rounds_any_value_to_nearest(void **state)
{
        (void)state;
        check_random(&f16);
        check_extremes(&f16);
}

static void bf16_rounds_any_value_to_nearest(void **state)
{
        (void)state;
        check_random(&bf16);
        check_extremes(&bf16);
}

static void narrowing_of_doubles_rounds_once(void **state)
{
        (void)state;
        /* Just over a tie: through f32 it would become the tie, and go down to even. */
        assert_int_equal(trib__f16_from_f64(1.0 + 0x1.0p-11 + 0x1.0p-40), 0x3c01);
        assert_int_equal(trib__bf16_from_f64(1.0 + 0x1.0p-8 + 0x1.0p-40), 0x3f81);
}

static void f32_shortcuts_agree_with_the_long_way(void **state)
{
        struct trib__random random = { 23 };

        (void)state;
        for (int i = 0; i < 1000000; i++) {
                uint32_t bits = (uint32_t)(trib__random_next(&random) >> 32);
                float    value;

                memcpy(&value, &bits, sizeof(value));
                assert_int_equal(trib__bf16_from_f32(value), trib__bf16_from_f64((double)value));
                assert_int_equal(trib__f16_from_f32(value), trib__f16_from_f64((double)value));
        }
        for (uint32_t pattern = 0; pattern <= 0x7c00; pattern++)
                assert_true((double)trib__f16_to_f32((uint16_t)pattern) ==
                            trib__f16_to_f64((uint16_t)pattern));
}

static void storing_to_integers_rounds_and_clamps(void **state)
{
        static const struct {
                trib_dtype dtype;
                double     value;
                double     expected;
        } cases[] = {
                { TRIB_I8, 2.5, 2 },           { TRIB_I8, 3.5, 4 },
                { TRIB_I8, -2.5, -2 },         { TRIB_I8, 1000.0, 127 },
                { TRIB_I8, -1000.0, -128 },    { TRIB_I8, 127.5, 127 },
                { TRIB_I8, -128.5, -128 },     { TRIB_U8, -0.5, 0 },
                { TRIB_U8, 255.5, 255 },       { TRIB_U8, 254.5, 254 },
                { TRIB_U8, HUGE_VAL, 255 },    { TRIB_U8, -HUGE_VAL, 0 },
                { TRIB_I32, 2147483646.5, 2147483646 },
                { TRIB_I32, 4e9, 2147483647 }, { TRIB_I32, -4e9, -2147483648.0 },
                { TRIB_I64, 0.5, 0 },          { TRIB_I64, 0x1.0p53, 0x1.0p53 },
                { TRIB_I64, -0x1.0p63, -0x1.0p63 },
                { TRIB_BOOL, 0.25, 1 },        { TRIB_BOOL, -0.0, 0 },
                { TRIB_BOOL, HUGE_VAL, 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t memory[2] = { 0, 0 };

                trib__store_from_f64(cases[i].dtype, memory, 1, cases[i].value);
                assert_true(trib__load_as_f64(cases[i].dtype, memory, 1) == cases[i].expected);
                assert_true(trib__load_as_f64(cases[i].dtype, memory, 0) == 0.0);
        }
}

static void storing_far_values_to_i64_clamps(void **state)
{
        int64_t value[4];

        (void)state;
        trib__store_from_f64(TRIB_I64, value, 0, 1e300);
        trib__store_from_f64(TRIB_I64, value, 1, -1e300);
        trib__store_from_f64(TRIB_I64, value, 2, 0x1.0p63);
        trib__store_from_f64(TRIB_I64, value, 3, (double)NAN);
        assert_true(value[0] == INT64_MAX);
        assert_true(value[1] == INT64_MIN);
        assert_true(value[2] == INT64_MAX);
        assert_true(value[3] == 0);
}

static void nan_becomes_zero_true_or_nan(void **state)
{
        (void)state;
        for (int dtype = TRIB_F32; dtype <= TRIB_BOOL; dtype++) {
                int64_t memory = 0;
                double  back;

                trib__store_from_f64((trib_dtype)dtype, &memory, 0, (double)NAN);
                back = trib__load_as_f64((trib_dtype)dtype, &memory, 0);
                if (trib__dtype_is_float((trib_dtype)dtype))
                        assert_true(isnan(back));
                else
                        assert_true(back == (dtype == TRIB_BOOL ? 1.0 : 0.0));
        }
}

static void no_dtype_loads_zero_and_stores_nothing(void **state)
{
        int64_t memory = 42;

        (void)state;
        trib__store_from_f64(TRIB_DTYPE_NONE, &memory, 0, 7.0);
        assert_true(memory == 42);
        assert_true(trib__load_as_f64(TRIB_DTYPE_NONE, &memory, 0) == 0.0);
        assert_false(trib__dtype_is_float(TRIB_DTYPE_NONE));
}

TRIB_TEST_MAIN(TRIB_TEST(f16_patterns_all_round_trip), TRIB_TEST(bf16_patterns_all_round_trip),
               TRIB_TEST(f16_rounds_ties_to_even), TRIB_TEST(bf16_rounds_ties_to_even),
               TRIB_TEST(f16_rounds_any_value_to_nearest),
               TRIB_TEST(bf16_rounds_any_value_to_nearest),
               TRIB_TEST(narrowing_of_doubles_rounds_once),
               TRIB_TEST(f32_shortcuts_agree_with_the_long_way),
               TRIB_TEST(storing_to_integers_rounds_and_clamps),
               TRIB_TEST(storing_far_values_to_i64_clamps),
               TRIB_TEST(nan_becomes_zero_true_or_nan),
               TRIB_TEST(no_dtype_loads_zero_and_stores_nothing))
