/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_layer_norm.c: layer norm against a loop in long double. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

enum { ROWS = 5, LENGTH = 33 };

static double x[ROWS * LENGTH], scale[LENGTH], shift[LENGTH], y[ROWS * LENGTH];

static void check(const struct trib__ref_layer_norm *p)
{
        for (size_t row = 0; row < (size_t)p->rows; row++) {
                size_t      length = (size_t)p->length;
                long double mean = 0, variance = 0;

                for (size_t i = 0; i < length; i++)
                        mean += trib__load_as_f64(p->dtype, p->x, row * length + i);
                mean /= p->length;
                for (size_t i = 0; i < length; i++) {
                        long double off =
                                trib__load_as_f64(p->dtype, p->x, row * length + i) - mean;

                        variance += off * off / p->length;
                }
                for (size_t i = 0; i < length; i++) {
                        long double v = trib__load_as_f64(p->dtype, p->x, row * length + i) - mean;

                        v /= sqrtl(variance + p->epsilon);
                        if (p->scale != NULL)
                                v *= trib__load_as_f64(p->dtype, p->scale, i);
                        if (p->shift != NULL)
                                v += trib__load_as_f64(p->dtype, p->shift, i);
                        assert_true(ref_is_near(p->dtype, p->y, row * length + i, v, 8.0));
                }
        }
}

static void layer_norm_of_small_numbers(void **state)
{
        const float in[4] = { -1, 1, 3, 7 };
        const float s[2] = { 2, 3 }, t[2] = { 10, 20 };
        float       out[4];
        struct trib__ref_layer_norm p = { in, NULL, NULL, out, 2, 2, 0.0, TRIB_F32 };

        (void)state;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ -1, 1, -1, 1 }), sizeof(out));
        p.scale = s;
        p.shift = t;
        p.epsilon = 3.0; /* deviations 2 and sqrt 7 */
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_true(out[0] == 9.0f && out[1] == 21.5f);
}

static void layer_norm_agrees_with_long_double(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++)
                for (int given = 0; given < 4; given++) {
                        struct trib__random         random = { 51 };
                        struct trib__ref_layer_norm p = { x, scale, shift, y, ROWS, LENGTH, 1e-5,
                                                          ref_floats[d] };

                        ref_fill(&random, p.dtype, x, ROWS * LENGTH);
                        ref_fill(&random, p.dtype, scale, LENGTH);
                        ref_fill(&random, p.dtype, shift, LENGTH);
                        if ((given & 1) == 0)
                                p.scale = NULL;
                        if ((given & 2) == 0)
                                p.shift = NULL;
                        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
                        check(&p);
                }
}

static void layer_norm_of_a_constant_row_is_the_shift(void **state)
{
        const float in[3] = { 7, 7, 7 };
        const float t[3] = { 1, 2, 3 };
        float       out[3];
        struct trib__ref_layer_norm p = { in, NULL, t, out, 1, 3, 1e-5, TRIB_F32 };

        (void)state;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_memory_equal(out, t, sizeof(out));
}

static void layer_norm_keeps_precision_far_from_zero(void **state)
{
        const float in[4] = { 10000001, 10000002, 10000003, 10000004 };
        float       out[4];
        struct trib__ref_layer_norm p = { in, NULL, NULL, out, 1, 4, 0.0, TRIB_F32 };

        (void)state;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_true(out[0] == (float)(-1.5 / sqrt(1.25)) && out[3] == (float)(1.5 / sqrt(1.25)));
}

static void layer_norm_works_in_place(void **state)
{
        struct trib__random         random = { 52 };
        struct trib__ref_layer_norm p = { x, NULL, NULL, y, ROWS, LENGTH, 1e-5, TRIB_F16 };

        (void)state;
        ref_fill(&random, p.dtype, x, ROWS * LENGTH);
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        p.y = x;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_memory_equal(x, y, ROWS * LENGTH * 2);
}

static void layer_norm_of_nan_and_of_nothing(void **state)
{
        float in[4] = { 1, NAN, 2, 4 };
        float out[4];
        struct trib__ref_layer_norm p = { in, NULL, NULL, out, 2, 2, 0.0, TRIB_F32 };

        (void)state;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        assert_true(isnan(out[0]) && isnan(out[1]) && out[2] == -1 && out[3] == 1);
        p.x = p.y = NULL;
        p.length = 0;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
        p.rows = 0;
        p.length = 2;
        assert_int_equal(trib__ref_layer_norm(&p), TRIB_OK);
}

static void layer_norm_refuses_dtypes_that_make_no_sense(void **state)
{
        struct trib__ref_layer_norm p = { x, NULL, NULL, y, 1, 2, 0.0, TRIB_F32 };

        (void)state;
        for (size_t d = 0; d < sizeof(ref_others) / sizeof(ref_others[0]); d++) {
                p.dtype = ref_others[d];
                assert_int_equal(trib__ref_layer_norm(&p), TRIB_UNSUPPORTED);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(layer_norm_of_small_numbers),
               TRIB_TEST(layer_norm_agrees_with_long_double),
               TRIB_TEST(layer_norm_of_a_constant_row_is_the_shift),
               TRIB_TEST(layer_norm_keeps_precision_far_from_zero),
               TRIB_TEST(layer_norm_works_in_place), TRIB_TEST(layer_norm_of_nan_and_of_nothing),
               TRIB_TEST(layer_norm_refuses_dtypes_that_make_no_sense))
