/* SPDX-License-Identifier: Apache-2.0 */
/* Two runs of the same points against each other. */
#include <math.h>

#include "analysis/measured.h"

#include "analysis/compare.h"
#include "base/random.h"

static double normal(struct trib__random *random)
{
        double radius = sqrt(-2 * log(1 - trib__random_unit(random)));

        return radius * cos(6.283185307179586 * trib__random_unit(random));
}

/* A sweep of 8 thread counts whose rounds scatter by 1 %; `slower` of them at `factor`. */
static struct trib__results *made_up(uint64_t seed, unsigned slower, double factor)
{
        struct trib__random   random = { seed };
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(
                results, TRIB__SWEEP_THREADS,
                { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }, { 6, 0 }, { 8, 0 }, { 12, 0 },
                  { 16, 0 } });

        for (size_t i = 0; i < sweep->point_count; i++) {
                double level = 1000.0 * (double)(i + 1) * (i < slower ? factor : 1);

                for (int r = 0; r < 5; r++)
                        assert_int_equal(trib__point_add_round(&sweep->points[i],
                                                               level * exp(0.01 * normal(&random)),
                                                               NULL), TRIB_OK);
        }
        measured_conclude(results);
        return results;
}

static void student_probabilities_match_the_tables(void **state)
{
        static const struct {
                double degrees, t;
        } table[] = { { 1, 12.706 }, { 2, 4.303 }, { 4, 2.776 }, { 10, 2.228 }, { 30, 2.042 } };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                assert_near(trib__student_p(table[i].t, table[i].degrees), 0.05, 1e-3);
        assert_near(trib__student_p(0, 5), 1, 1e-12);
        assert_near(trib__student_p(-3.365, 5), 0.02, 1e-3);
        assert_near(trib__student_p(1.96, 1e6), 0.05, 1e-3);
        assert_true(trib__student_p(INFINITY, 5) == 0);
}

static void holm_corrects_as_published(void **state)
{
        /* 0.01 x 4, 0.02 x 3, 0.03 x 2, and the last not below the one before. */
        double p[] = { 0.03, 0.01, 0.04, 0.02 }, adjusted[4];

        (void)state;
        assert_int_equal(trib__holm(p, 4, adjusted, NULL), TRIB_OK);
        assert_near(adjusted[1], 0.04, 1e-12);
        assert_near(adjusted[3], 0.06, 1e-12);
        assert_near(adjusted[0], 0.06, 1e-12);
        assert_near(adjusted[2], 0.06, 1e-12);
}

static void same_runs_show_no_difference(void **state)
{
        int wrong = 0;

        (void)state;
        for (uint64_t trial = 0; trial < 200; trial++) {
                struct trib__results   *before = made_up(2 * trial, 0, 1);
                struct trib__results   *after = made_up(2 * trial + 1, 0, 1);
                struct trib__comparison comparison;

                assert_int_equal(trib__compare(before, after, &comparison, NULL), TRIB_OK);
                assert_int_equal(comparison.count, 8);
                wrong += comparison.regressions + comparison.improvements > 0;
                trib__comparison_release(&comparison);
                trib__results_destroy(before);
                trib__results_destroy(after);
        }
        /* 5 % of 200 comparisons, and three standard deviations. */
        if (wrong > 19)
                fail_msg("%d of 200 comparisons of equal runs show a difference", wrong);
}

static void slower_points_are_regressions_and_others_are_not(void **state)
{
        struct trib__results   *before = made_up(3, 0, 1), *after = made_up(4, 3, 0.9);
        struct trib__comparison comparison;

        (void)state;
        assert_int_equal(trib__compare(before, after, &comparison, NULL), TRIB_OK);
        assert_int_equal(comparison.regressions, 3);
        assert_int_equal(comparison.same, 5);
        for (size_t i = 0; i < 3; i++) {
                const struct trib__change *change = &comparison.changes[i];

                assert_int_equal(change->verdict, TRIB__VERDICT_REGRESSION);
                assert_true(change->ci95[0] < -10 && change->ci95[1] > -10);
                assert_true(change->p_holm >= change->p && change->p_holm < 0.05);
        }
        trib__comparison_release(&comparison);
        assert_int_equal(trib__compare(after, before, &comparison, NULL), TRIB_OK);
        assert_int_equal(comparison.improvements, 3);
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        trib__results_destroy(after);
}

static void drift_between_the_rounds_of_a_run_counts(void **state)
{
        struct trib__results   *before = made_up(1, 0, 1), *after = made_up(2, 8, 0.9);
        struct trib__comparison comparison;

        (void)state;
        after->sweeps[0]->baseline = (struct trib__baseline){
                .is_measured = true, .first_ops_per_s = 1000, .last_ops_per_s = 800
        };
        assert_int_equal(trib__compare(before, after, &comparison, NULL), TRIB_OK);
        assert_int_equal(comparison.regressions, 0);
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        trib__results_destroy(after);
}

static const char *finding_of(const struct trib__comparison *comparison, const char *code)
{
        for (size_t i = 0; i < comparison->finding_count; i++)
                if (strcmp(comparison->findings[i].code, code) == 0)
                        return comparison->findings[i].text;
        fail_msg("no finding %s", code);
        return "";
}

static void what_else_differs_is_found(void **state)
{
        struct trib__results   *before = made_up(1, 0, 1), *after = made_up(2, 0, 1);
        struct trib__point     *point;
        struct trib__comparison comparison;

        (void)state;
        (void)snprintf(before->machine.cpu_model, sizeof(before->machine.cpu_model), "one");
        (void)snprintf(after->machine.cpu_model, sizeof(after->machine.cpu_model), "other");
        (void)snprintf(before->device.name, sizeof(before->device.name), "cpu:0");
        (void)snprintf(after->device.name, sizeof(after->device.name), "sim:gpu");
        before->run.round_seconds = 0.5;
        after->run.round_seconds = 0.1;
        after->is_complete = false;
        assert_int_equal(trib__sweep_add_point(after->sweeps[0], 32, &point, NULL), TRIB_OK);
        point->ops_per_s = 5;
        assert_int_equal(trib__compare(before, after, &comparison, NULL), TRIB_OK);
        assert_non_null(strstr(finding_of(&comparison, "different-machine"), "'one' before"));
        assert_non_null(strstr(finding_of(&comparison, "different-device"), "'sim:gpu' after"));
        assert_non_null(strstr(finding_of(&comparison, "different-settings"), "seconds"));
        assert_non_null(strstr(finding_of(&comparison, "unmatched-points"), "1 only after"));
        assert_non_null(strstr(finding_of(&comparison, "interrupted"), "the run after"));
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        trib__results_destroy(after);
}

static void points_without_intervals_are_not_judged(void **state)
{
        struct trib__results   *before = measured_new(), *after = measured_new();
        struct trib__comparison comparison;

        (void)state;
        MEASURED_SWEEP(before, TRIB__SWEEP_THREADS, { { 1, 100 }, { 2, 200 } });
        MEASURED_SWEEP(after, TRIB__SWEEP_THREADS, { { 1, 10 }, { 2, 200 } });
        after->sweeps[0]->points[1].ops_per_s_ci95[0] = 199;
        after->sweeps[0]->points[1].ops_per_s_ci95[1] = 201;
        before->sweeps[0]->points[1].ops_per_s_ci95[0] = 199;
        before->sweeps[0]->points[1].ops_per_s_ci95[1] = 201;
        measured_conclude(before);
        measured_conclude(after);
        assert_int_equal(trib__compare(before, after, &comparison, NULL), TRIB_OK);
        assert_int_equal(comparison.unjudged, 1);
        assert_int_equal(comparison.same, 1);
        assert_near(comparison.changes[0].percent, -90, 1e-9);
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        trib__results_destroy(after);
}

static void runs_without_a_common_point_are_refused(void **state)
{
        struct trib__results   *before = made_up(1, 0, 1), *after = made_up(2, 0, 1);
        struct trib__comparison comparison;
        trib_error              err = TRIB_ERROR_INIT;

        (void)state;
        after->sweeps[0]->workload.batch = 7;
        assert_int_equal(trib__compare(before, after, &comparison, &err), TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "no point is in both"));
        trib__comparison_release(&comparison);
        /* Sizes that the record does not name, as the rows of a transformer. */
        after->sweeps[0]->workload.batch = before->sweeps[0]->workload.batch;
        before->sweeps[0]->workload.flops_per_op = 1e6;
        after->sweeps[0]->workload.flops_per_op = 4e6;
        assert_int_equal(trib__compare(before, after, &comparison, &err), TRIB_INVALID_ARGUMENT);
        trib__comparison_release(&comparison);
        trib__results_destroy(before);
        trib__results_destroy(after);
}

TRIB_TEST_MAIN(TRIB_TEST(student_probabilities_match_the_tables),
               TRIB_TEST(holm_corrects_as_published),
               TRIB_TEST(same_runs_show_no_difference),
               TRIB_TEST(slower_points_are_regressions_and_others_are_not),
               TRIB_TEST(drift_between_the_rounds_of_a_run_counts),
               TRIB_TEST(what_else_differs_is_found),
               TRIB_TEST(points_without_intervals_are_not_judged),
               TRIB_TEST(runs_without_a_common_point_are_refused))
