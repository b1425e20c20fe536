/* SPDX-License-Identifier: Apache-2.0 */
/* Differences between variants that were measured in the same rounds. */
#include <math.h>

#include "analysis/measured.h"

#include "analysis/ablation.h"
#include "base/random.h"

static double normal(struct trib__random *random)
{
        double radius = sqrt(-2 * log(1 - trib__random_unit(random)));

        return radius * cos(6.283185307179586 * trib__random_unit(random));
}

static void difference_of_equal_rounds_is_zero_and_not_shown(void **state)
{
        double x[] = { 10, 11, 12, 10, 11, 12 };
        struct trib__difference difference;

        (void)state;
        trib__difference_of_rounds(x, 6, x, 6, &difference);
        assert_true(difference.is_present && !difference.is_shown);
        assert_true(difference.percent == 0 && difference.ci95[0] == 0);
        assert_int_equal(difference.rounds, 6);
}

static void difference_of_few_rounds_is_students(void **state)
{
        /* Logarithms of the ratios: 0.1, 0.2, 0.3; mean 0.2, deviation 0.1. */
        double x[3], y[] = { 5, 50, 500 }, half = 4.303 * 0.1 / sqrt(3);
        struct trib__difference difference;

        (void)state;
        for (int i = 0; i < 3; i++)
                x[i] = y[i] * exp(0.1 * (i + 1));
        trib__difference_of_rounds(x, 3, y, 3, &difference);
        assert_near(difference.percent, 100 * expm1(0.2), 1e-9);
        assert_near(difference.ci95[0], 100 * expm1(0.2 - half), 1e-9);
        assert_near(difference.ci95[1], 100 * expm1(0.2 + half), 1e-9);
        assert_false(difference.is_shown);
}

static void difference_of_six_rounds_is_between_the_extremes(void **state)
{
        /* Six rounds bear 95 % only from the smallest to the largest mean of two. */
        double x[6], y[6];
        struct trib__difference difference;

        (void)state;
        for (int i = 0; i < 6; i++) {
                y[i] = 100 + i;
                x[i] = y[i] * exp(0.01 * (i + 1));
        }
        trib__difference_of_rounds(x, 6, y, 6, &difference);
        assert_near(difference.percent, 100 * expm1(0.035), 1e-9);
        assert_near(difference.ci95[0], 100 * expm1(0.01), 1e-9);
        assert_near(difference.ci95[1], 100 * expm1(0.06), 1e-9);
        assert_true(difference.is_shown);
}

static void one_disturbed_round_does_not_hide_a_difference(void **state)
{
        double x[12], y[12];
        struct trib__difference difference;

        (void)state;
        for (int i = 0; i < 12; i++) {
                y[i] = 100 * (1 + 0.001 * (i % 3));
                x[i] = y[i] * 1.05;
        }
        x[4] /= 8;
        trib__difference_of_rounds(x, 12, y, 12, &difference);
        assert_true(difference.is_shown);
        assert_near(difference.percent, 5, 1e-6);
}

static void difference_needs_two_rounds_above_zero(void **state)
{
        double x[] = { 1, 2 }, y[] = { 1, 0 };
        struct trib__difference difference;

        (void)state;
        trib__difference_of_rounds(x, 1, x, 1, &difference);
        assert_false(difference.is_present);
        trib__difference_of_rounds(x, 2, y, 2, &difference);
        assert_false(difference.is_present);
        trib__difference_of_rounds(x, 2, x, 1, &difference);
        assert_false(difference.is_present);
}

/* Of 2,000 made-up ablations with a true difference of 2 %, rounds that share a disturbance of 5 %
 * and scatter by 1 % of their own: how many intervals hold the truth. */
static double coverage(size_t rounds, bool is_tailed)
{
        struct trib__random random = { 20 + rounds };
        int                 held = 0;

        for (int trial = 0; trial < 2000; trial++) {
                struct trib__difference difference;
                double                  x[100], y[100];

                for (size_t i = 0; i < rounds; i++) {
                        double shared = 0.05 * normal(&random);
                        double wild = is_tailed && trib__random_below(&random, 8) == 0 ? 10 : 1;

                        y[i] = 1000 * exp(shared + 0.01 * normal(&random));
                        x[i] = 1020 * exp(shared + 0.01 * wild * normal(&random));
                }
                trib__difference_of_rounds(x, rounds, y, rounds, &difference);
                held += difference.ci95[0] <= 2 && 2 <= difference.ci95[1];
        }
        return held / 2000.0;
}

static void interval_holds_the_truth_as_often_as_it_says(void **state)
{
        static const size_t rounds[] = { 2, 3, 5, 6, 7, 8, 10, 15, 20, 21, 40, 100 };

        (void)state;
        for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
                for (int tailed = 0; tailed < 2; tailed++) {
                        double held = coverage(rounds[i], tailed == 1);

                        if (held < 0.935)
                                fail_msg("%zu rounds: %.3f of the intervals hold the truth",
                                         rounds[i], held);
                }
        }
}

static struct trib__ablation *two_variants(struct trib__results *results)
{
        struct trib__ablation *ablation;
        struct trib__variant  *variant;

        assert_int_equal(trib__results_add_ablation(results, "streams", &ablation, NULL), TRIB_OK);
        for (int i = 0; i < 2; i++) {
                struct trib__point *point;

                assert_int_equal(trib__ablation_add_variant(ablation, i == 0 ? "1" : "4",
                                                            &variant, NULL), TRIB_OK);
                assert_int_equal(trib__sweep_add_point(variant->sweep, 8, &point, NULL), TRIB_OK);
                for (int r = 0; r < 6; r++)
                        assert_int_equal(trib__point_add_round(point, (100 + r) * (1 + 0.5 * i),
                                                               NULL), TRIB_OK);
        }
        return ablation;
}

static void conclusion_compares_each_variant_with_the_first(void **state)
{
        struct trib__results  *results = measured_new();
        struct trib__ablation *ablation = two_variants(results);

        (void)state;
        measured_conclude(results);
        assert_false(ablation->variants[0].sweep->points[0].difference.is_present);
        assert_true(ablation->variants[1].sweep->points[0].difference.is_shown);
        assert_near(ablation->variants[1].sweep->points[0].difference.percent, 50, 1e-9);
        assert_near(ablation->variants[1].sweep->points[0].ops_per_s, 153.75, 1e-9);
        assert_non_null(strstr(ablation->text, "4 at 8 threads: +50.0 %"));
        trib__results_destroy(results);
}

static void conclusion_leaves_out_what_was_not_measured(void **state)
{
        struct trib__results  *results = measured_new();
        struct trib__ablation *ablation;
        struct trib__variant  *variant;

        (void)state;
        assert_int_equal(trib__results_add_ablation(results, "wait", &ablation, NULL), TRIB_OK);
        assert_int_equal(trib__ablation_add_variant(ablation, "spin", &variant, NULL), TRIB_OK);
        measured_conclude(results);
        assert_string_equal(ablation->text, "nothing to compare");
        trib__results_destroy(results);
}

static void ablations_have_hard_bounds(void **state)
{
        struct trib__results  *results = measured_new();
        struct trib__ablation *ablation;
        struct trib__variant  *variant;

        (void)state;
        for (unsigned i = 0; i < TRIB__ABLATIONS_MAX; i++)
                assert_int_equal(trib__results_add_ablation(results, "wait", &ablation, NULL),
                                 TRIB_OK);
        for (unsigned i = 0; i < TRIB__VARIANTS_MAX; i++)
                assert_int_equal(trib__ablation_add_variant(ablation, "spin", &variant, NULL),
                                 TRIB_OK);
        assert_int_equal(trib__ablation_add_variant(ablation, "spin", &variant, NULL),
                         TRIB_OVERFLOW);
        assert_int_equal(trib__results_add_ablation(results, "wait", &ablation, NULL),
                         TRIB_OVERFLOW);
        assert_null(ablation);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(difference_of_equal_rounds_is_zero_and_not_shown),
               TRIB_TEST(difference_of_few_rounds_is_students),
               TRIB_TEST(difference_of_six_rounds_is_between_the_extremes),
               TRIB_TEST(one_disturbed_round_does_not_hide_a_difference),
               TRIB_TEST(difference_needs_two_rounds_above_zero),
               TRIB_TEST(interval_holds_the_truth_as_often_as_it_says),
               TRIB_TEST(conclusion_compares_each_variant_with_the_first),
               TRIB_TEST(conclusion_leaves_out_what_was_not_measured),
               TRIB_TEST(ablations_have_hard_bounds))
