/* SPDX-License-Identifier: Apache-2.0 */
/* Medians and intervals of rounds. */
#include <math.h>

#include "analysis/measured.h"

#include "analysis/analysis_priv.h"

static void median_of_one_round_has_no_interval(void **state)
{
        double values[] = { 7 }, ci95[2] = { 1, 1 };

        (void)state;
        assert_near(trib__rounds_median(values, 1, ci95), 7, 0);
        assert_true(ci95[0] == 0 && ci95[1] == 0);
        assert_true(trib__rounds_median(values, 0, ci95) == 0);
}

static void median_of_three_rounds_has_students_interval(void **state)
{
        double values[] = { 12, 10, 11 }, ci95[2];

        (void)state;
        /* Standard deviation 1: 4.303 / sqrt(3) on either side. */
        assert_near(trib__rounds_median(values, 3, ci95), 11, 0);
        assert_near(ci95[0], 11 - 4.303 / sqrt(3), 1e-12);
        assert_near(ci95[1], 11 + 4.303 / sqrt(3), 1e-12);
}

static void interval_of_few_wild_rounds_does_not_go_below_zero(void **state)
{
        double values[] = { 1, 100 }, ci95[2];

        (void)state;
        assert_near(trib__rounds_median(values, 2, ci95), 50.5, 0);
        assert_true(ci95[0] == 0);
}

static void median_interval_by_order_statistics_matches_the_tables(void **state)
{
        /* Ranks of the two-sided 95 % interval of a median, as published in tables of the sign
         * test: 6 -> 1, 8 -> 1, 9 -> 2, 15 -> 4, 25 -> 8, 50 -> 18, 100 -> 40. */
        static const struct {
                size_t count, rank;
        } table[] = { { 6, 1 },  { 7, 1 },   { 8, 1 },   { 9, 2 },    { 15, 4 },
                      { 25, 8 }, { 50, 18 }, { 100, 40 } };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                double values[100], ci95[2];

                for (size_t k = 0; k < table[i].count; k++)
                        values[k] = (double)(table[i].count - k);
                assert_near(trib__rounds_median(values, table[i].count, ci95),
                            (double)(table[i].count + 1) / 2, 0);
                assert_near(ci95[0], (double)table[i].rank, 0);
                assert_near(ci95[1], (double)(table[i].count + 1 - table[i].rank), 0);
        }
}

static void student_quantile_joins_its_table_to_the_normal(void **state)
{
        (void)state;
        assert_near(trib__student_t95(1), 12.706, 0);
        assert_near(trib__student_t95(30), 2.042, 0);
        assert_near(trib__student_t95(31), 2.0395, 1e-4);
        assert_near(trib__student_t95(60), 2.0003, 1e-4);
        assert_near(trib__student_t95(120), 1.9799, 1e-4);
        assert_true(isinf(trib__student_t95(0)));
}

static void rounds_keep_their_order_when_concluded(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 0 } });

        (void)state;
        MEASURED_ROUNDS(sweep, 1, 30, 10, 20);
        measured_conclude(results);
        assert_near(sweep->points[0].ops_per_s, 20, 0);
        assert_true(sweep->points[0].rounds[0] == 30 && sweep->points[0].rounds[1] == 10);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(median_of_one_round_has_no_interval),
               TRIB_TEST(median_of_three_rounds_has_students_interval),
               TRIB_TEST(interval_of_few_wild_rounds_does_not_go_below_zero),
               TRIB_TEST(median_interval_by_order_statistics_matches_the_tables),
               TRIB_TEST(student_quantile_joins_its_table_to_the_normal),
               TRIB_TEST(rounds_keep_their_order_when_concluded))
