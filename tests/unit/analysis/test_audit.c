/* SPDX-License-Identifier: Apache-2.0 */
/* Every finding: what raises it, what it says, and what must not raise it. */
#include <math.h>

#include "analysis/measured.h"

static void superlinear_needs_more_than_five_percent(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 }, { 2, 209 } });
        measured_conclude(results);
        assert_no_finding(results, "superlinear-baseline");
        results->sweeps[0]->points[1].ops_per_s = 211;
        measured_conclude(results);
        assert_finding(results, "superlinear-baseline", "106 % at 2 threads");
        trib__results_destroy(results);
}

static void mismatch_is_found_within_one_file(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 }, { 2, 190 } });
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 150 }, { 8, 190 } });
        measured_conclude(results);
        assert_finding(results, "baseline-mismatch", "100 ops/s in the thread sweep");
        assert_finding(results, "baseline-mismatch", "150 ops/s in the sizes run, 1.5x");
        trib__results_destroy(results);
}

static void a_small_mismatch_in_one_run_is_the_machine_and_no_error(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 }, { 2, 190 } });
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 115 }, { 8, 190 } });
        measured_conclude(results);
        assert_finding(results, "baseline-mismatch", "1.15x apart for the same point: the machine");
        assert_int_equal(results->findings[0].severity, TRIB__SEVERITY_WARNING);
        (void)snprintf(results->sweeps[1]->source, sizeof(results->sweeps[1]->source), "b.csv");
        measured_conclude(results);
        assert_finding(results, "baseline-mismatch", "one of the two baselines is wrong");
        assert_int_equal(results->findings[0].severity, TRIB__SEVERITY_ERROR);
        trib__results_destroy(results);
}

static void mismatch_does_not_compare_what_is_not_the_same(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *other;

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 }, { 2, 190 } });
        other = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 105 }, { 8, 190 } });
        measured_conclude(results);
        assert_no_finding(results, "baseline-mismatch");
        other->points[0].ops_per_s = 200;
        other->workload.batch = 64;
        measured_conclude(results);
        assert_no_finding(results, "baseline-mismatch");
        other->workload.batch = 32;
        strcpy(other->policy, "merged");
        measured_conclude(results);
        assert_no_finding(results, "baseline-mismatch");
        other->policy[0] = '\0';
        measured_conclude(results);
        assert_finding(results, "baseline-mismatch", "2.0x");
        strcpy(results->sweeps[0]->workload.dtype, "f32");
        strcpy(other->workload.dtype, "bf16");
        measured_conclude(results);
        assert_no_finding(results, "baseline-mismatch");
        trib__results_destroy(results);
}

static void drift_needs_five_percent_beyond_the_intervals(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 190 }, { 4, 300 } });

        (void)state;
        sweep->baseline = (struct trib__baseline){ true, 100, { 98, 102 }, 104, { 103, 105 } };
        measured_conclude(results);
        assert_no_finding(results, "drift");
        sweep->baseline = (struct trib__baseline){ true, 100, { 90, 110 }, 93, { 85, 99 } };
        measured_conclude(results);
        assert_no_finding(results, "drift");
        sweep->baseline = (struct trib__baseline){ true, 100, { 98, 102 }, 93, { 92, 94 } };
        measured_conclude(results);
        assert_finding(results, "drift", "-7 %");
        assert_no_finding(results, "cold-baseline");
        assert_non_null(strstr(results->caution, "drift"));
        trib__results_destroy(results);
}

static void cold_baseline_is_seen_at_the_end_or_in_the_first_round(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 190 } });

        (void)state;
        sweep->baseline = (struct trib__baseline){ true, 80, { 79, 81 }, 100, { 99, 101 } };
        measured_conclude(results);
        assert_finding(results, "cold-baseline", "began at 80 ops/s and reached 100 later");
        sweep->baseline.is_measured = false;
        measured_conclude(results);
        assert_no_finding(results, "cold-baseline");
        MEASURED_ROUNDS(sweep, 1, 60, 100, 101, 99);
        measured_conclude(results);
        assert_finding(results, "cold-baseline", "began at 60");
        /* One slow round among others is noise. */
        sweep->points[0].rounds[2] = 63;
        measured_conclude(results);
        assert_no_finding(results, "cold-baseline");
        trib__results_destroy(results);
}

static void unstable_names_points_whose_rounds_differ(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 0 }, { 2, 0 } });

        (void)state;
        MEASURED_ROUNDS(sweep, 1, 100, 104, 108);
        MEASURED_ROUNDS(sweep, 2, 200, 190, 215);
        measured_conclude(results);
        assert_finding(results, "unstable", "2 threads 190 to 215 ops/s");
        assert_null(strstr(measured_finding(results, "unstable"), "1 thread "));
        trib__results_destroy(results);
}

static void thread_dip_compares_with_the_best_lower_count(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 100 }, { 2, 180 }, { 4, 172 }, { 8, 90 } });
        measured_conclude(results);
        assert_finding(results, "thread-dip", "8 threads 90 ops/s against 180 at 2 (0.50x)");
        assert_null(strstr(measured_finding(results, "thread-dip"), "4 threads"));
        trib__results_destroy(results);
}

static void overlapping_intervals_silence_a_dip_and_are_named(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 90 } });

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                sweep->points[i].ops_per_s_ci95[0] = 85;
                sweep->points[i].ops_per_s_ci95[1] = 110;
        }
        measured_conclude(results);
        assert_no_finding(results, "thread-dip");
        assert_finding(results, "overlapping-intervals", "1 and 2 threads (100 and 90");
        trib__results_destroy(results);
}

static void sizes_of_other_policies_are_counted_apart(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        for (int i = 0; i < 3; i++) {
                struct trib__sweep *sweep;

                sweep = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 100 }, { 8, 60 } });
                sweep->workload.batch = i + 1;
                strcpy(sweep->policy, "direct");
                sweep = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 100 }, { 8, 400 } });
                sweep->workload.batch = i + 1;
                strcpy(sweep->policy, "merged");
        }
        measured_conclude(results);
        assert_finding(results, "loses-throughput", "3 of 3 sizes lose throughput at 8 threads, "
                                                    "direct");
        assert_int_equal(results->finding_count, 1);
        trib__results_destroy(results);
}

static void a_finding_lists_as_many_as_fit_and_counts_the_rest(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        for (int i = 0; i < 100; i++)
                MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 100 }, { 8, 60 } })
                        ->workload.batch = i + 1;
        measured_conclude(results);
        assert_finding(results, "loses-throughput", "100 of 100 sizes");
        assert_finding(results, "loses-throughput", " more; at these sizes use fewer threads");
        trib__results_destroy(results);
}

static void above_limit_is_an_error_where_a_busy_machine_does_not_explain_it(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 150 } });

        (void)state;
        results->device.peaks.flops_per_s = 1e8;
        sweep->workload.flops_per_op = 1e6;
        measured_conclude(results);
        assert_finding(results, "above-limit", "150 ops/s at 2 threads is 150 %");
        assert_int_equal(results->findings[results->finding_count - 1].severity,
                         TRIB__SEVERITY_WARNING);
        results->device.peaks.flops_per_s = 0.5e8;
        measured_conclude(results);
        assert_finding(results, "above-limit", "300 %");
        assert_int_equal(results->findings[results->finding_count - 1].severity,
                         TRIB__SEVERITY_ERROR);
        trib__results_destroy(results);
}

static void a_sizes_run_has_one_finding_of_each_kind(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        for (int i = 1; i <= 3; i++) {
                struct trib__sweep *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES,
                                                           { { 1, 0 }, { 8, 0 } });

                sweep->workload.batch = i;
                sweep->workload.flops_per_op = 1e6;
                MEASURED_ROUNDS(sweep, 1, 120, 100, 140);
                MEASURED_ROUNDS(sweep, 8, 110, 140, 150);
        }
        results->device.peaks.flops_per_s = 1e8;
        measured_conclude(results);
        assert_int_equal(results->finding_count, 3);
        assert_finding(results, "unstable", "sizes: rounds differ");
        assert_finding(results, "unstable", "2048->1024 batch 2: 8 threads 110 to 150 ops/s and 2 "
                                            "more");
        assert_finding(results, "above-limit", "2048->1024 batch 2: 140 ops/s at 8 threads is "
                                               "140 % of the compute limit of 100");
        assert_finding(results, "overlapping-intervals", "batch 1: 1 and 8 threads (120 and 140");
        trib__results_destroy(results);
}

static void oversubscription_is_of_the_host_only(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 9 }, { 12, 10 }, { 16, 10 } });
        measured_conclude(results);
        assert_no_finding(results, "oversubscribed");
        results->machine.logical_cores = 8;
        measured_conclude(results);
        assert_finding(results, "oversubscribed", "12 to 16 threads share 8 logical cores");
        strcpy(results->device.name, "cuda:0");
        measured_conclude(results);
        assert_no_finding(results, "oversubscribed");
        trib__results_destroy(results);
}

static void a_busy_machine_is_seen_where_each_thread_has_a_core(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 110 }, { 4, 120 } });

        (void)state;
        results->machine.logical_cores = 2;
        for (size_t i = 0; i < 3; i++) {
                sweep->points[i].latency_us.mean = 100;
                assert_int_equal(trib__point_add_share(&sweep->points[i], "device",
                                                       i == 2 ? 50 : 95, NULL), TRIB_OK);
                assert_int_equal(trib__point_add_share(&sweep->points[i], "descheduled",
                                                       i == 2 ? 50 : 5, NULL), TRIB_OK);
        }
        measured_conclude(results);
        assert_no_finding(results, "busy-machine");
        sweep->points[1].shares[0].us = 70;
        sweep->points[1].shares[1].us = 30;
        measured_conclude(results);
        assert_finding(results, "busy-machine", "2 threads on 2 logical cores waited for one 30 %");
        assert_non_null(strstr(results->caution, "busy-machine"));
        trib__results_destroy(results);
}

static void reference_kernels_on_the_cpu_are_named(void **state)
{
        struct trib__results *results = measured_new();

        (void)state;
        strcpy(results->device.name, "cpu:0");
        strcpy(results->device.kernel_library, "oneDNN 3.7");
        measured_conclude(results);
        assert_no_finding(results, "no-onednn");
        strcpy(results->device.kernel_library, "reference");
        measured_conclude(results);
        assert_finding(results, "no-onednn", "libdnnl-dev");
        trib__results_destroy(results);
}

static void failed_requests_are_an_error(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 150 } });

        (void)state;
        sweep->points[1].requests = 12345;
        sweep->points[1].errors = 17;
        measured_conclude(results);
        assert_finding(results, "request-errors", "17 of 12,345 at 2 threads");
        trib__results_destroy(results);
}

static void shares_that_do_not_sum_are_named(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 } });

        (void)state;
        sweep->points[0].latency_us.mean = 10000;
        assert_int_equal(trib__point_add_share(&sweep->points[0], "device", 8000, NULL), TRIB_OK);
        measured_conclude(results);
        assert_finding(results, "shares-mismatch", "80 % of its latency at 1 thread");
        assert_int_equal(results->findings[results->finding_count - 1].severity,
                         TRIB__SEVERITY_WARNING);
        trib__results_destroy(results);
}

static void real_curves_have_no_finding_about_their_shape(void **state)
{
        static const char *const codes[] = { "outlier", "non-monotonic", "mixed-units",
                                             "implausible", "swapped-columns",
                                             "constant-throughput", "no-baseline" };
        /* A knee, a sharp peak, a slow device, a plateau with noise. */
        static const double curves[][5][2] = {
                { { 1, 100 }, { 2, 200 }, { 4, 400 }, { 16, 400 }, { 32, 401 } },
                { { 1, 100 }, { 2, 180 }, { 4, 60 }, { 8, 30 }, { 16, 15 } },
                { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 7 }, { 16, 12 } },
                { { 1, 100 }, { 2, 150 }, { 4, 141 }, { 8, 149 }, { 16, 138 } },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
                struct trib__results *results = measured_new();

                (void)measured_sweep(results, TRIB__SWEEP_THREADS, 5, curves[i]);
                measured_conclude(results);
                for (size_t k = 0; k < sizeof(codes) / sizeof(codes[0]); k++)
                        assert_no_finding(results, codes[k]);
                trib__results_destroy(results);
        }
}

static void a_refuted_sweep_is_refuted_anew_each_time(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 1000 }, { 2, 1.9 }, { 4, 3.6 } });

        (void)state;
        measured_conclude(results);
        assert_string_equal(sweep->refuted, "mixed-units");
        assert_int_equal(results->latency.threads, 0);
        sweep->points[0].ops_per_s = 1;
        measured_conclude(results);
        assert_string_equal(sweep->refuted, "");
        assert_no_finding(results, "mixed-units");
        assert_true(results->latency.threads > 0);
        trib__results_destroy(results);
}

static void concluding_twice_gives_the_same(void **state)
{
        struct trib__results *results = measured_new();
        size_t                count;

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 2, 300 }, { 1, 100 }, { 4, 50 } });
        measured_conclude(results);
        count = results->finding_count;
        measured_conclude(results);
        assert_int_equal(results->finding_count, count);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(superlinear_needs_more_than_five_percent),
               TRIB_TEST(mismatch_is_found_within_one_file),
               TRIB_TEST(a_small_mismatch_in_one_run_is_the_machine_and_no_error),
               TRIB_TEST(mismatch_does_not_compare_what_is_not_the_same),
               TRIB_TEST(drift_needs_five_percent_beyond_the_intervals),
               TRIB_TEST(cold_baseline_is_seen_at_the_end_or_in_the_first_round),
               TRIB_TEST(unstable_names_points_whose_rounds_differ),
               TRIB_TEST(thread_dip_compares_with_the_best_lower_count),
               TRIB_TEST(overlapping_intervals_silence_a_dip_and_are_named),
               TRIB_TEST(sizes_of_other_policies_are_counted_apart),
               TRIB_TEST(a_finding_lists_as_many_as_fit_and_counts_the_rest),
               TRIB_TEST(above_limit_is_an_error_where_a_busy_machine_does_not_explain_it),
               TRIB_TEST(a_sizes_run_has_one_finding_of_each_kind),
               TRIB_TEST(oversubscription_is_of_the_host_only),
               TRIB_TEST(a_busy_machine_is_seen_where_each_thread_has_a_core),
               TRIB_TEST(reference_kernels_on_the_cpu_are_named),
               TRIB_TEST(failed_requests_are_an_error),
               TRIB_TEST(shares_that_do_not_sum_are_named),
               TRIB_TEST(real_curves_have_no_finding_about_their_shape),
               TRIB_TEST(a_refuted_sweep_is_refuted_anew_each_time),
               TRIB_TEST(concluding_twice_gives_the_same))
