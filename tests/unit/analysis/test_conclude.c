/* SPDX-License-Identifier: Apache-2.0 */
/* Speedup, saturation, limit, bottleneck and advice. */
#include <math.h>

#include "analysis/measured.h"

static void published_tables_give_what_their_authors_chose(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        measured_read(results, "examples/data/ceiling-threads.csv");
        measured_read(results, "examples/data/ceiling-sizes.csv");
        measured_conclude(results);
        assert_int_equal(results->latency.threads, 2);
        assert_int_equal(results->production.threads, 6);
        assert_int_equal(results->batch.threads, 8);
        assert_int_equal(results->sweeps[0]->saturation_threads, 8);
        assert_finding(results, "superlinear-baseline", "139 % at 2 threads");
        assert_finding(results, "baseline-mismatch", "3,796 ops/s in ceiling-threads.csv");
        assert_finding(results, "baseline-mismatch", "18,182 ops/s in ceiling-sizes.csv");
        assert_finding(results, "baseline-mismatch", "4.8x");
        assert_finding(results, "loses-throughput", "4 of 5 sizes lose throughput at 8 threads");
        assert_finding(results, "loses-throughput", "256->128 batch 8: 15,124 -> 4,546 ops/s");
        assert_null(strstr(measured_finding(results, "loses-throughput"), "4096"));
        assert_int_equal(results->finding_count, 3);
        trib__results_destroy(results);
}

static void published_advice_says_that_its_baseline_does_not_hold(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        measured_read(results, "examples/data/ceiling-sizes.csv");
        measured_read(results, "examples/data/ceiling-threads.csv");
        measured_conclude(results);
        assert_non_null(strstr(results->caution, "superlinear-baseline, baseline-mismatch"));
        assert_non_null(strstr(results->caution, "18,182"));
        assert_non_null(strstr(results->caution, "6 threads give 0.92x, 8 threads give 1.02x"));
        trib__results_destroy(results);
}

static void advice_on_sound_numbers_has_no_doubts(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 100 }, { 2, 195 }, { 4, 370 }, { 8, 380 } });
        measured_conclude(results);
        assert_int_equal(results->production.threads, 4);
        assert_int_equal(results->batch.threads, 8);
        assert_string_equal(results->caution, "");
        assert_int_equal(results->finding_count, 0);
        trib__results_destroy(results);
}

static void straight_curve_advises_saturation(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 764 }, { 2, 1581 }, { 4, 3154 }, { 8, 6161 }, { 12, 8789 },
                               { 16, 11544 } });
        measured_conclude(results);
        assert_int_equal(results->production.threads, 16);
        assert_non_null(strstr(results->production.why, "no knee"));
        trib__results_destroy(results);
}

static void flat_curve_advises_one_thread(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 1000 }, { 2, 1010 }, { 4, 1005 }, { 8, 1012 } });
        measured_conclude(results);
        assert_int_equal(results->latency.threads, 1);
        assert_int_equal(results->production.threads, 1);
        assert_int_equal(results->batch.threads, 1);
        assert_int_equal(results->sweeps[0]->saturation_threads, 1);
        trib__results_destroy(results);
}

static void latency_advice_uses_measured_latency(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 190 }, { 4, 370 } });

        (void)state;
        for (size_t i = 0; i < 3; i++)
                sweep->points[i].latency_us.p50 = i == 0 ? 1000 : 9000;
        measured_conclude(results);
        assert_int_equal(results->latency.threads, 1);
        assert_null(strstr(results->latency.why, "latency taken as"));
        trib__results_destroy(results);
}

static void advice_is_drawn_from_the_policy_with_most_throughput(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *direct, *merged;

        (void)state;
        direct = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 10 }, { 2, 11 }, { 4, 12 } });
        merged = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 10 }, { 2, 19 }, { 4, 36 } });
        strcpy(direct->policy, "direct");
        strcpy(merged->policy, "merged");
        measured_conclude(results);
        assert_string_equal(results->batch.policy, "merged");
        assert_int_equal(results->batch.threads, 4);
        /* Numbers from elsewhere name no workload, and perhaps a policy. */
        memset(&direct->workload, 0, sizeof(direct->workload));
        memset(&merged->workload, 0, sizeof(merged->workload));
        measured_conclude(results);
        assert_string_equal(results->batch.policy, "merged");
        strcpy(merged->policy, "direct");
        measured_conclude(results);
        assert_near(results->batch.ops_per_s, 12, 1e-9);
        trib__results_destroy(results);
}

static void advice_is_absent_without_a_thread_sweep_and_says_so(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        measured_conclude(results);
        assert_int_equal(results->batch.threads, 0);
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 10 }, { 8, 20 } });
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 10 } });
        measured_conclude(results);
        assert_int_equal(results->batch.threads, 0);
        assert_non_null(strstr(results->batch.why, "at least 3"));
        assert_false(results->sweeps[0]->fit.is_present);
        trib__results_destroy(results);
}

static void saturation_interval_follows_the_points_intervals(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;

        (void)state;
        sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                               { { 1, 100 }, { 2, 190 }, { 4, 200 }, { 8, 204 } });
        for (size_t i = 0; i < 4; i++) {
                sweep->points[i].ops_per_s_ci95[0] = sweep->points[i].ops_per_s * 0.96;
                sweep->points[i].ops_per_s_ci95[1] = sweep->points[i].ops_per_s * 1.04;
        }
        measured_conclude(results);
        assert_int_equal(sweep->saturation_threads, 4);
        assert_int_equal(sweep->saturation_ci95[0], 2);
        assert_int_equal(sweep->saturation_ci95[1], 8);
        assert_int_equal(results->batch.threads, 4);
        assert_non_null(strstr(results->batch.why, "2 threads may be as good"));
        trib__results_destroy(results);
}

static void unmeasured_points_are_dropped(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 4, 0 }, { 2, 19 }, { 1, 10 }, { 8, 0 } });

        (void)state;
        results->is_complete = false;
        assert_int_equal(trib__point_add_share(&sweep->points[0], "device", 1, NULL), TRIB_OK);
        measured_conclude(results);
        assert_int_equal(sweep->point_count, 2);
        assert_int_equal(sweep->points[0].threads, 1);
        assert_near(sweep->points[1].speedup, 1.9, 1e-12);
        assert_finding(results, "interrupted", "interrupted");
        trib__results_destroy(results);
}

static struct trib__results *with_peaks(double flops_unit, double bytes, double submissions)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 190 }, { 4, 360 } });

        strcpy(results->device.name, "cpu:0");
        results->machine.logical_cores = 64;
        results->device.peaks.flops_per_s_unit = flops_unit;
        results->device.peaks.parallel_units = 4;
        results->device.peaks.bytes_per_s = bytes;
        results->device.peaks.submissions_per_s = submissions;
        sweep->workload.flops_per_op = 1e6;
        sweep->workload.bytes_per_op = 1e5;
        measured_conclude(results);
        return results;
}

static void limit_is_the_lowest_of_the_measured_peaks(void **state)
{
        struct trib__results *results = with_peaks(1e8, 1e9, 1e6);

        (void)state;
        assert_string_equal(results->sweeps[0]->limit.bound, "compute");
        assert_near(results->sweeps[0]->limit.ops_per_s, 400, 1e-12);
        assert_near(results->sweeps[0]->points[2].percent_of_limit, 90, 1e-12);
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "compute");
        assert_non_null(strstr(results->sweeps[0]->bottleneck.evidence, "90 %"));
        trib__results_destroy(results);

        results = with_peaks(1e12, 4e7, 1e6);
        assert_string_equal(results->sweeps[0]->limit.bound, "memory-bandwidth");
        trib__results_destroy(results);

        results = with_peaks(1e12, 1e12, 380);
        assert_string_equal(results->sweeps[0]->limit.bound, "submission");
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "submission");
        trib__results_destroy(results);

        results = with_peaks(0, 0, 0);
        assert_false(results->sweeps[0]->limit.is_present);
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "unknown");
        trib__results_destroy(results);
}

static void memory_is_no_limit_for_what_fits_the_cache(void **state)
{
        struct trib__results *results = with_peaks(1e9, 4e7, 0);

        (void)state;
        results->device.peaks.cache_bytes = 2e5;
        measured_conclude(results);
        assert_string_equal(results->sweeps[0]->limit.bound, "compute");
        trib__results_destroy(results);
}

static void bottleneck_is_the_cores_when_throughput_stops_there(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 100 }, { 2, 200 }, { 4, 390 }, { 8, 391 } });
        strcpy(results->device.name, "cpu:0");
        results->machine.logical_cores = 4;
        measured_conclude(results);
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "cores");
        assert_non_null(strstr(results->sweeps[0]->bottleneck.evidence, "4 logical cores"));
        assert_finding(results, "oversubscribed", "points of 8 threads share 4 logical cores");
        trib__results_destroy(results);
}

static void bottleneck_is_no_limit_that_was_passed(void **state)
{
        struct trib__results *results = with_peaks(5e7, 0, 0);

        (void)state;
        assert_near(results->sweeps[0]->points[2].percent_of_limit, 180, 1e-12);
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "unknown");
        assert_finding(results, "above-limit", "180 % of the compute limit");
        trib__results_destroy(results);
}

static void bottleneck_is_the_serial_step_when_throughput_stops_below_the_limit(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 102 }, { 4, 102 } });

        (void)state;
        (void)snprintf(results->device.name, sizeof(results->device.name), "sim:serial");
        results->device.peaks.flops_per_s = 4e8;
        sweep->workload.flops_per_op = 1e6;
        sweep->workload.serial_steps = 1;
        measured_conclude(results);
        assert_string_equal(sweep->bottleneck.primary, "serial-operator");
        assert_non_null(strstr(sweep->bottleneck.evidence, "1 step of each request runs one at a "
                                                           "time"));
        sweep->points[2].ops_per_s = 200;
        measured_conclude(results);
        assert_string_equal(sweep->bottleneck.primary, "unknown");
        trib__results_destroy(results);
}

static void caution_speaks_of_unsteady_rounds_only_where_advice_stands_on_them(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 0 }, { 3, 0 }, { 4, 0 } });

        (void)state;
        MEASURED_ROUNDS(sweep, 2, 198, 199, 200);
        MEASURED_ROUNDS(sweep, 3, 150, 199, 200);
        MEASURED_ROUNDS(sweep, 4, 199, 199.5, 200.5);
        measured_conclude(results);
        assert_finding(results, "unstable", "3 threads 150 to 200");
        assert_string_equal(results->caution, "");
        sweep->points[1].rounds[0] = 150;
        measured_conclude(results);
        assert_non_null(strstr(results->caution, "unstable"));
        trib__results_destroy(results);
}

static void bottleneck_is_the_cores_when_requests_wait_for_one(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 110 }, { 4, 120 } });

        (void)state;
        sweep->points[2].latency_us.mean = 100;
        assert_int_equal(trib__point_add_share(&sweep->points[2], "device", 30, NULL), TRIB_OK);
        assert_int_equal(trib__point_add_share(&sweep->points[2], "descheduled", 70, NULL),
                         TRIB_OK);
        measured_conclude(results);
        assert_string_equal(sweep->bottleneck.primary, "cores");
        trib__results_destroy(results);
}

static void bottleneck_is_the_lock_when_its_share_says_so(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 110 }, { 4, 120 } });

        (void)state;
        sweep->points[2].latency_us.mean = 100;
        assert_int_equal(trib__point_add_share(&sweep->points[2], "lock wait", 60, NULL), TRIB_OK);
        assert_int_equal(trib__point_add_share(&sweep->points[2], "device", 39, NULL), TRIB_OK);
        measured_conclude(results);
        assert_string_equal(sweep->bottleneck.primary, "lock");
        assert_non_null(strstr(sweep->bottleneck.evidence, "lock wait 60 %"));
        assert_no_finding(results, "shares-mismatch");
        trib__results_destroy(results);
}

static void results_refuse_what_does_not_fit(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;
        struct trib__point   *point;

        (void)state;
        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        assert_int_equal(trib__sweep_add_point(sweep, 0, &point, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__sweep_add_point(sweep, TRIB__THREADS_MAX + 1, &point, NULL),
                         TRIB_INVALID_ARGUMENT);
        for (unsigned i = 1; i <= TRIB__POINTS_MAX; i++)
                assert_int_equal(trib__sweep_add_point(sweep, i, &point, NULL), TRIB_OK);
        assert_int_equal(trib__sweep_add_point(sweep, 1, &point, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__sweep_add_point(sweep, 60000, &point, NULL), TRIB_OVERFLOW);
        assert_int_equal(trib__point_add_round(&sweep->points[0], (double)NAN, NULL),
                         TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__point_add_round(&sweep->points[0], -1, NULL),
                         TRIB_INVALID_ARGUMENT);
        for (unsigned i = 0; i < TRIB__SHARES_MAX; i++)
                assert_int_equal(trib__point_add_share(&sweep->points[0], "x", 1, NULL), TRIB_OK);
        assert_int_equal(trib__point_add_share(&sweep->points[0], "x", 1, NULL), TRIB_OVERFLOW);
        for (unsigned i = 1; i < TRIB__SWEEPS_MAX; i++)
                assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OVERFLOW);
        trib__results_destroy(results);
        trib__results_destroy(NULL);
}

TRIB_TEST_MAIN(TRIB_TEST(published_tables_give_what_their_authors_chose),
               TRIB_TEST(published_advice_says_that_its_baseline_does_not_hold),
               TRIB_TEST(advice_on_sound_numbers_has_no_doubts),
               TRIB_TEST(straight_curve_advises_saturation),
               TRIB_TEST(flat_curve_advises_one_thread),
               TRIB_TEST(latency_advice_uses_measured_latency),
               TRIB_TEST(advice_is_drawn_from_the_policy_with_most_throughput),
               TRIB_TEST(advice_is_absent_without_a_thread_sweep_and_says_so),
               TRIB_TEST(saturation_interval_follows_the_points_intervals),
               TRIB_TEST(unmeasured_points_are_dropped),
               TRIB_TEST(limit_is_the_lowest_of_the_measured_peaks),
               TRIB_TEST(memory_is_no_limit_for_what_fits_the_cache),
               TRIB_TEST(bottleneck_is_the_cores_when_throughput_stops_there),
               TRIB_TEST(bottleneck_is_no_limit_that_was_passed),
               TRIB_TEST(bottleneck_is_the_serial_step_when_throughput_stops_below_the_limit),
               TRIB_TEST(caution_speaks_of_unsteady_rounds_only_where_advice_stands_on_them),
               TRIB_TEST(bottleneck_is_the_cores_when_requests_wait_for_one),
               TRIB_TEST(bottleneck_is_the_lock_when_its_share_says_so),
               TRIB_TEST(results_refuse_what_does_not_fit))
