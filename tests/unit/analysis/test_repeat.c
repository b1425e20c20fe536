/* SPDX-License-Identifier: Apache-2.0 */
/* The interval in which the median of the same run, made again, lies. */
#include <math.h>

#include "analysis/measured.h"

#include "analysis/analysis_priv.h"
#include "base/random.h"

static double normal(struct trib__random *random)
{
        double radius = sqrt(-2 * log(1 - trib__random_unit(random)));

        return radius * cos(6.283185307179586 * trib__random_unit(random));
}

/* Of 4,000 pairs of made-up runs whose rounds scatter by 2 %, and which differ by `between`: how
 * many second medians lie in the first's interval. */
static double share_inside(size_t rounds, double between)
{
        struct trib__random random = { 30 + rounds };
        int                 inside = 0;

        for (int trial = 0; trial < 4000; trial++) {
                double values[2][30], ci95[2][2], medians[2];

                for (int run = 0; run < 2; run++) {
                        double level = 1000 * exp(between * normal(&random));

                        for (size_t i = 0; i < rounds; i++)
                                values[run][i] = level * exp(0.02 * normal(&random));
                        medians[run] = trib__rounds_median(values[run], rounds, ci95[run]);
                        trib__repeat_interval(medians[run], 0, ci95[run]);
                }
                inside += ci95[0][0] <= medians[1] && medians[1] <= ci95[0][1];
        }
        return inside / 4000.0;
}

static void interval_holds_the_median_of_the_next_run(void **state)
{
        static const size_t rounds[] = { 3, 4, 5, 6, 8, 10, 15, 30 };

        (void)state;
        for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
                double inside = share_inside(rounds[i], 0.002);

                if (inside < 0.92 || inside > 0.995)
                        fail_msg("%zu rounds: %.3f of the medians are inside", rounds[i], inside);
        }
}

static void interval_grows_with_the_drift_of_the_run(void **state)
{
        double ci95[2] = { 99, 102 };

        (void)state;
        trib__repeat_interval(100, log(1.04), ci95);
        /* Half of 3.9 % between runs, 1 and 2 of the median. */
        assert_near(ci95[0], 100 - sqrt(2) * hypot(1, 1.96 * 100 * log(1.04) / 2), 1e-12);
        assert_near(ci95[1], 100 + sqrt(2) * hypot(2, 1.96 * 100 * log(1.04) / 2), 1e-12);
}

static void interval_of_equal_rounds_is_that_of_a_quiet_machine(void **state)
{
        double ci95[2] = { 100, 100 };

        (void)state;
        trib__repeat_interval(100, 0, ci95);
        assert_near(ci95[0], 100 - sqrt(2) * 1.96 * 0.2, 1e-12);
        assert_near(ci95[1], 100 + sqrt(2) * 1.96 * 0.2, 1e-12);
}

static void interval_that_is_not_known_stays_so(void **state)
{
        double ci95[2] = { 0, 0 };

        (void)state;
        trib__repeat_interval(100, 0.1, ci95);
        assert_true(ci95[0] == 0 && ci95[1] == 0);
}

static void drift_is_of_baselines_that_were_measured_twice(void **state)
{
        struct trib__baseline baseline = { .is_measured = true, .first_ops_per_s = 100,
                                           .last_ops_per_s = 110 };

        (void)state;
        assert_near(trib__baseline_drift(&baseline), log(1.1), 1e-12);
        baseline.last_ops_per_s = 0;
        assert_true(trib__baseline_drift(&baseline) == 0);
        baseline.is_measured = false;
        assert_true(trib__baseline_drift(&baseline) == 0);
}

TRIB_TEST_MAIN(TRIB_TEST(interval_holds_the_median_of_the_next_run),
               TRIB_TEST(interval_grows_with_the_drift_of_the_run),
               TRIB_TEST(interval_of_equal_rounds_is_that_of_a_quiet_machine),
               TRIB_TEST(interval_that_is_not_known_stays_so),
               TRIB_TEST(drift_is_of_baselines_that_were_measured_twice))
