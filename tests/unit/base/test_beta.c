/* SPDX-License-Identifier: Apache-2.0 */
/* The incomplete beta function against what is known of it in closed form. */
#include "test_main.h"

#include <math.h>

#include "base/beta.h"

static void incomplete_beta_is_a_power_when_one_parameter_is_1(void **state)
{
        (void)state;
        for (double a = 0.5; a < 300; a *= 3)
                for (double x = 0.05; x < 1; x += 0.1) {
                        double power = pow(x, a), other = 1 - pow(1 - x, a);

                        assert_true(fabs(trib__incomplete_beta(x, a, 1) - power) < 1e-12);
                        assert_true(fabs(trib__incomplete_beta(x, 1, a) - other) < 1e-12);
                }
}

static void incomplete_beta_of_halves_is_an_arc_sine(void **state)
{
        double pi = acos(-1);

        (void)state;
        for (double x = 0.05; x < 1; x += 0.1)
                assert_true(fabs(trib__incomplete_beta(x, 0.5, 0.5) - 2 / pi * asin(sqrt(x))) <
                            1e-12);
}

static void incomplete_beta_ends_at_0_and_1(void **state)
{
        (void)state;
        assert_true(trib__incomplete_beta(0, 2, 3) == 0);
        assert_true(trib__incomplete_beta(-1, 2, 3) == 0);
        assert_true(trib__incomplete_beta(1, 2, 3) == 1);
        assert_true(trib__incomplete_beta(2, 2, 3) == 1);
}

static void incomplete_beta_rises_with_x(void **state)
{
        double last = 0;

        (void)state;
        for (double x = 0.01; x < 1; x += 0.01) {
                double now = trib__incomplete_beta(x, 331, 0.5);

                assert_true(now >= last);
                last = now;
        }
}

TRIB_TEST_MAIN(TRIB_TEST(incomplete_beta_is_a_power_when_one_parameter_is_1),
               TRIB_TEST(incomplete_beta_of_halves_is_an_arc_sine),
               TRIB_TEST(incomplete_beta_ends_at_0_and_1),
               TRIB_TEST(incomplete_beta_rises_with_x))
