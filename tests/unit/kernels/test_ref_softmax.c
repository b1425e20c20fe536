/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_softmax.c: softmax over any dimension against a loop in long double. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

static double x[4096], y[4096];

static void check(const struct trib__ref_softmax *p)
{
        size_t inner = 1, outer = 1;
        size_t length = (size_t)p->shape[p->axis];

        for (int d = 0; d < p->rank; d++) {
                if (d < p->axis)
                        outer *= (size_t)p->shape[d];
                if (d > p->axis)
                        inner *= (size_t)p->shape[d];
        }
        for (size_t line = 0; line < outer * inner; line++) {
                size_t      first = line / inner * length * inner + line % inner;
                long double sum = 0, m = -HUGE_VALL;

                for (size_t i = 0; i < length; i++)
                        m = fmaxl(m, trib__load_as_f64(p->dtype, p->x, first + i * inner));
                for (size_t i = 0; i < length; i++)
                        sum += expl(trib__load_as_f64(p->dtype, p->x, first + i * inner) - m);
                for (size_t i = 0; i < length; i++) {
                        size_t      at = first + i * inner;
                        long double e = expl(trib__load_as_f64(p->dtype, p->x, at) - m);

                        assert_true(ref_is_near(p->dtype, p->y, at, e / sum, 1.0));
                }
        }
}

static void softmax_of_small_numbers(void **state)
{
        const float in[4] = { 0, 0, 1000, -1000 };
        float       out[4];
        struct trib__ref_softmax p = { in, out, TRIB_F32, 2, 1, { 2, 2 } };

        (void)state;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 0.5f, 0.5f, 1, 0 }), sizeof(out));
        p.axis = 0;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_memory_equal(out, ((float[]){ 0, 1, 1, 0 }), sizeof(out));
}

static void softmax_agrees_with_long_double_on_any_axis(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++)
                for (int axis = 0; axis < 4; axis++) {
                        struct trib__ref_softmax p = { x, y, ref_floats[d], 4, axis,
                                                       { 3, 1, 7, 11 } };
                        struct trib__random      random = { 41 };

                        ref_fill(&random, p.dtype, x, 231);
                        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
                        check(&p);
                }
}

static void softmax_works_in_place(void **state)
{
        struct trib__ref_softmax p = { x, y, TRIB_BF16, 3, 1, { 3, 5, 7 } };
        struct trib__random      random = { 42 };

        (void)state;
        ref_fill(&random, p.dtype, x, 105);
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        p.y = x;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_memory_equal(x, y, 105 * 2);
}

static void softmax_at_infinity_follows_the_formula(void **state)
{
        double                   in[6] = { HUGE_VAL, 1, -HUGE_VAL, 0, -HUGE_VAL, -HUGE_VAL };
        double                   out[6];
        struct trib__ref_softmax p = { in, out, TRIB_F64, 2, 1, { 3, 2 } };

        (void)state;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_true(isnan(out[0]) && isnan(out[1]));
        assert_true(out[2] == 0 && out[3] == 1);
        assert_true(isnan(out[4]) && isnan(out[5]));
        in[0] = (double)NAN;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_true(isnan(out[0]) && isnan(out[1]));
}

static void softmax_of_nothing_and_of_one(void **state)
{
        float                    one = 5, out = 0;
        struct trib__ref_softmax p = { &one, &out, TRIB_F32, 1, 0, { 1 } };

        (void)state;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
        assert_true(out == 1);
        p.x = p.y = NULL;
        p.shape[0] = 0;
        assert_int_equal(trib__ref_softmax(&p), TRIB_OK);
}

static void softmax_refuses_dtypes_that_make_no_sense(void **state)
{
        struct trib__ref_softmax p = { x, y, TRIB_F32, 1, 0, { 4 } };

        (void)state;
        for (size_t d = 0; d < sizeof(ref_others) / sizeof(ref_others[0]); d++) {
                p.dtype = ref_others[d];
                assert_int_equal(trib__ref_softmax(&p), TRIB_UNSUPPORTED);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(softmax_of_small_numbers),
               TRIB_TEST(softmax_agrees_with_long_double_on_any_axis),
               TRIB_TEST(softmax_works_in_place),
               TRIB_TEST(softmax_at_infinity_follows_the_formula),
               TRIB_TEST(softmax_of_nothing_and_of_one),
               TRIB_TEST(softmax_refuses_dtypes_that_make_no_sense))
