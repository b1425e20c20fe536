/* SPDX-License-Identifier: Apache-2.0 */
/* Resources: each bottleneck from the numbers of a machine that has it, what would move it, and
 * what more threads would give. */
#include <math.h>

#include "analysis/measured.h"
#include "base/random.h"

#include "analysis/analysis_priv.h"
#include "analysis/resources.h"

/* What a request goes through on a simulated device, in us; all of it once, in order. */
struct machine {
        double   host_us, lock_us, path_us, copy_us, device_us, serial_us, wake_us;
        unsigned host_cores, executors;
        double   bytes, bytes_per_s; /* moved while on the executor; 0 = no bound */
};

static const struct machine balanced = { 50, 10, 10, 20, 500, 10, 30, 16, 16, 0, 0 };

static double alone_us(const struct machine *m)
{
        return m->host_us + m->lock_us + m->path_us + m->copy_us + m->device_us + m->wake_us;
}

static double busiest_us(const struct machine *m)
{
        double single = fmax(fmax(m->lock_us, m->path_us), fmax(m->copy_us, m->serial_us));

        if (m->bytes_per_s > 0)
                single = fmax(single, 1e6 * m->bytes / m->bytes_per_s);
        return fmax(single, fmax(m->host_us / m->host_cores, m->device_us / m->executors));
}

/* Requests that take equal times: the lower of the two bounds. */
static double truth(const struct machine *m, double threads)
{
        return 1e6 * fmin(threads / alone_us(m), 1 / busiest_us(m));
}

static void add_share(struct trib__point *point, const char *name, double us)
{
        assert_int_equal(trib__point_add_share(point, name, us, NULL), TRIB_OK);
}

/* A point of a machine whose requests wait where `waiting` says. */
static void measure(const struct machine *m, const char *waiting, bool is_told,
                    struct trib__point *point)
{
        static const char *const names[] = { "admission", "lock",   "submission", "queue",
                                             "device",    "serial", "copy",       "notification",
                                             "descheduled" };
        const double parts[] = { 0, 0, m->host_us + m->lock_us + m->path_us, 0, m->device_us, 0,
                                 m->copy_us, m->wake_us, 0 };
        double wait;

        point->ops_per_s = truth(m, point->threads);
        point->ops_per_s_ci95[0] = point->ops_per_s * 0.99;
        point->ops_per_s_ci95[1] = point->ops_per_s * 1.01;
        point->latency_us.mean = 1e6 * point->threads / point->ops_per_s;
        point->latency_us.p50 = point->latency_us.p90 = point->latency_us.mean;
        wait = fmax(point->latency_us.mean - alone_us(m), 0);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                add_share(point, names[i], parts[i]
                                           + (strcmp(names[i], waiting) == 0 ? wait : 0));
        if (is_told)
                point->demands_us = (struct trib__demands_us){ m->host_us, m->lock_us,
                                                               m->serial_us, m->copy_us,
                                                               m->path_us, m->device_us };
}

static struct trib__results *results_of(const struct machine *m, const char *waiting,
                                        bool is_told, unsigned most)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;

        strcpy(results->device.name, "sim:test");
        results->machine.logical_cores = 2;
        results->device.host_cores = m->host_cores;
        results->device.peaks.parallel_units = m->executors;
        results->device.peaks.bytes_per_s = m->bytes_per_s;
        results->device.peaks.submissions_per_s = 1e6 / m->path_us;
        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        assert_true(trib__workload_parse("2048x1024x32", &sweep->workload));
        sweep->workload.bytes_per_op = m->bytes;
        for (unsigned n = 1; n <= most; n *= 2) {
                struct trib__point *point;

                assert_int_equal(trib__sweep_add_point(sweep, n, &point, NULL), TRIB_OK);
                measure(m, waiting, is_told, point);
        }
        measured_conclude(results);
        return results;
}

/* The machine stops at `cause`, and would go on like `after` without it. */
static void check(const struct machine *m, const struct machine *after, const char *cause,
                  const char *waiting, bool is_told)
{
        struct trib__results     *results = results_of(m, waiting, is_told, 16);
        const struct trib__sweep *sweep = results->sweeps[0];

        if (strcmp(sweep->bottleneck.primary, cause) != 0)
                fail_msg("%s, not %s: %s", sweep->bottleneck.primary, cause,
                         sweep->bottleneck.evidence);
        assert_true(sweep->what_if_count > 0);
        assert_string_equal(sweep->what_ifs[0].cause, cause);
        assert_int_equal(sweep->what_ifs[0].threads, 16);
        assert_near(sweep->what_ifs[0].gain, truth(after, 16) / truth(m, 16), 0.08);
        assert_near(sweep->what_ifs[0].ops_per_s, truth(after, 16), 0.08);
        assert_true(sweep->what_ifs[0].ci95[0] <= truth(after, 16) * 1.001);
        assert_true(sweep->what_ifs[0].ci95[1] >= truth(after, 16) * 0.999);
        assert_non_null(strstr(sweep->what_ifs[0].text, "at 16 threads instead of"));
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                const struct trib__prediction *at = &sweep->predictions[i];

                assert_near(at->ops_per_s, truth(m, at->threads), 0.05);
                assert_true(at->ci95[0] <= truth(m, at->threads) * 1.001);
                assert_true(at->ci95[1] >= truth(m, at->threads) * 0.999);
        }
        trib__results_destroy(results);
}

static void bottleneck_is_a_lock_that_is_held_for_long(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.lock_us = 200;
        after.lock_us = 0;
        check(&m, &after, "lock", "lock", true);
}

static void bottleneck_is_the_busier_of_two_that_are_full(void **state)
{
        struct machine m = balanced, after;

        (void)state;
        m.lock_us = 400;
        m.path_us = 360;
        after = m;
        after.lock_us = 0;
        check(&m, &after, "lock", "lock", true);
        m.lock_us = 360;
        m.path_us = 400;
        after = m;
        after.path_us = 0;
        check(&m, &after, "submission", "submission", true);
}

static void bottleneck_is_the_submission_path(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.path_us = 200;
        after.path_us = 1e-3;
        check(&m, &after, "submission", "submission", true);
        check(&m, &after, "submission", "submission", false);
}

static void bottleneck_is_the_copy_engine(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.copy_us = 200;
        after.copy_us = 0;
        check(&m, &after, "copy", "copy", true);
}

static void bottleneck_is_the_serial_unit_and_its_time_stays(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.serial_us = 250;
        after.serial_us = 0;
        check(&m, &after, "serial-operator", "serial", true);
}

static void bottleneck_is_compute_when_all_executors_are_busy(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.executors = 3;
        after.executors = 6;
        check(&m, &after, "compute", "queue", true);
}

static void bottleneck_is_the_memory_that_executors_share(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.bytes = after.bytes = 2e5;
        m.bytes_per_s = 1e9;
        after.bytes_per_s = 2e9;
        check(&m, &after, "memory-bandwidth", "device", true);
}

static void bottleneck_is_the_host_cores(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.host_us = after.host_us = 400;
        m.host_cores = 2;
        after.host_cores = 4;
        check(&m, &after, "cores", "descheduled", true);
}

static void bottleneck_is_waking_up_when_most_of_a_request_is(void **state)
{
        struct machine m = balanced, after = balanced;

        (void)state;
        m.executors = after.executors = 64;
        m.wake_us = 1000;
        after.wake_us = 0;
        check(&m, &after, "wake-up", "", true);
}

/* Another device tells nothing of itself: its time grows while requests queue up inside. */
static void bottleneck_is_compute_when_a_device_that_tells_nothing_is_full(void **state)
{
        struct machine m = balanced;

        (void)state;
        m.executors = 2;
        for (int has_peaks = 0; has_peaks < 2; has_peaks++) {
                struct trib__results     *results = results_of(&m, "device", false, 16);
                const struct trib__sweep *sweep = results->sweeps[0];

                strcpy(results->device.name, "cuda:0");
                results->sweeps[0]->workload.flops_per_op = 1e6;
                results->device.peaks.flops_per_s = has_peaks ? 2e10 : 0;
                measured_conclude(results);
                assert_string_equal(sweep->bottleneck.primary, "compute");
                assert_near(sweep->predictions[1].ops_per_s, truth(&m, 64), 0.05);
                assert_near(sweep->what_ifs[0].gain, 2, 0.1);
                trib__results_destroy(results);
        }
}

static void bottleneck_is_inferred_from_waits_when_nothing_is_told(void **state)
{
        static const struct {
                const char *cause, *waiting;
        } cases[] = { { "lock", "lock" }, { "serial-operator", "serial" }, { "copy", "copy" },
                      { "cores", "descheduled" } };

        (void)state;
        for (size_t i = 0; i < 4; i++) {
                struct machine            m = balanced;
                struct trib__results     *results;
                const struct trib__sweep *sweep;

                /* The device does not say that it has a lock, but that requests wait for one. */
                m.lock_us = 200;
                m.copy_us = i == 2 ? 190 : 20;
                results = results_of(&m, cases[i].waiting, false, 16);
                sweep = results->sweeps[0];
                assert_string_equal(sweep->bottleneck.primary, cases[i].cause);
                assert_true(sweep->resources[0].is_inferred);
                assert_near(sweep->resources[0].ceiling_ops_per_s, truth(&m, 16), 0.05);
                trib__results_destroy(results);
        }
}

static void bottleneck_is_none_while_nothing_is_full(void **state)
{
        struct trib__results     *results = results_of(&balanced, "", true, 4);
        const struct trib__sweep *sweep = results->sweeps[0];

        (void)state;
        assert_string_equal(sweep->bottleneck.primary, "none");
        assert_non_null(strstr(sweep->bottleneck.evidence, "nothing is full"));
        trib__results_destroy(results);
}

static void bottleneck_is_admission_when_threads_share_few_streams(void **state)
{
        struct machine        m = balanced;
        struct trib__results *results;

        (void)state;
        /* As many executors as streams would do the same; but nothing queues at the device. */
        m.executors = 64;
        m.serial_us = 0;
        results = results_of(&m, "", true, 16);
        for (size_t i = 0; i < results->sweeps[0]->point_count; i++) {
                struct trib__point *point = &results->sweeps[0]->points[i];
                double              streams = fmin(point->threads, 4);

                point->ops_per_s = 1e6 * streams / alone_us(&m);
                point->ops_per_s_ci95[0] = point->ops_per_s_ci95[1] = point->ops_per_s;
                point->latency_us.mean = 1e6 * point->threads / point->ops_per_s;
                point->shares[0].us = point->latency_us.mean - alone_us(&m);
        }
        for (size_t i = 0; i < results->sweeps[0]->point_count; i++)
                for (size_t k = 0; k < results->sweeps[0]->points[i].share_count; k++)
                        results->sweeps[0]->points[i].shares[k].fraction = 0;
        measured_conclude(results);
        assert_string_equal(results->sweeps[0]->bottleneck.primary, "admission");
        assert_near(results->sweeps[0]->what_ifs[0].gain, 2, 0.05);
        trib__results_destroy(results);
}

static void demand_that_throughput_refutes_is_dropped(void **state)
{
        struct trib__results *results = results_of(&balanced, "", true, 8);
        struct trib__sweep   *sweep = results->sweeps[0];

        (void)state;
        for (size_t i = 0; i < sweep->point_count; i++)
                sweep->points[i].demands_us.lock = 5000;
        measured_conclude(results);
        for (unsigned i = 0; i < sweep->resource_count; i++)
                assert_string_not_equal(sweep->resources[i].name, "lock");
        assert_string_not_equal(sweep->bottleneck.primary, "lock");
        trib__results_destroy(results);
}

/* From four thread counts that show no ceiling yet. */
static void prediction_knows_of_ceilings_that_were_not_reached(void **state)
{
        struct machine            m = balanced;
        struct trib__results     *results;
        struct trib__prediction   at;
        const struct trib__sweep *sweep;

        (void)state;
        m.executors = 6;
        results = results_of(&m, "", true, 4);
        sweep = results->sweeps[0];
        assert_near(truth(&m, 4), 4 * truth(&m, 1), 1e-9);
        for (double n = 1; n <= 64; n++) {
                trib__sweep_predict(sweep, n, &at);
                assert_string_equal(at.by, "resources");
                assert_near(at.ops_per_s, truth(&m, n), 0.1);
                assert_true(at.ci95[0] <= at.ops_per_s && at.ops_per_s <= at.ci95[1]);
                assert_true(at.is_borne == (n <= 16));
        }
        trib__sweep_predict(sweep, 0, &at);
        assert_true(at.ops_per_s == 0 && at.why[0] != '\0');
        trib__sweep_predict(sweep, (double)NAN, &at);
        assert_true(at.ops_per_s == 0);
        trib__results_destroy(results);
}

/* The lock hides a device that could do half of what its threads would ask of it. */
static void what_if_ends_at_the_limit(void **state)
{
        struct machine            m = balanced;
        struct trib__results     *results;
        struct trib__sweep       *sweep;
        double                    limit;

        (void)state;
        m.lock_us = 400;
        results = results_of(&m, "lock", true, 4);
        sweep = results->sweeps[0];
        limit = 1.1 * trib__sweep_best(sweep)->ops_per_s;
        assert_string_equal(sweep->what_ifs[0].cause, "lock");
        assert_true(sweep->what_ifs[0].ops_per_s > 1.2 * limit);
        /* Peaks of arithmetic that allow just that. */
        sweep->workload.flops_per_op = 1e6;
        results->device.peaks.flops_per_s = 1e6 * limit;
        measured_conclude(results);
        assert_near(sweep->limit.ops_per_s, limit, 1e-9);
        assert_string_equal(sweep->what_ifs[0].cause, "lock");
        assert_near(sweep->what_ifs[0].ops_per_s, limit, 1e-9);
        assert_near(sweep->what_ifs[0].ci95[1], limit, 1e-9);
        trib__results_destroy(results);
}

/* Points that the resources explain badly leave a wide interval; the limit ends it. */
static void prediction_by_resources_ends_at_the_limit(void **state)
{
        struct machine          m = balanced;
        struct trib__results   *results = results_of(&m, "", true, 4);
        struct trib__sweep     *sweep = results->sweeps[0];
        struct trib__prediction at;

        (void)state;
        trib__sweep_predict(sweep, 16, &at);
        assert_string_equal(at.by, "resources");
        assert_true(at.ops_per_s > 1.5 * trib__sweep_best(sweep)->ops_per_s);
        sweep->limit.is_present = true;
        sweep->limit.ops_per_s = 1.2 * trib__sweep_best(sweep)->ops_per_s;
        trib__sweep_predict(sweep, 16, &at);
        assert_string_equal(at.by, "resources");
        assert_near(at.ops_per_s, sweep->limit.ops_per_s, 1e-12);
        assert_true(at.ci95[0] <= at.ops_per_s);
        assert_true(at.ci95[1] <= 1.05 * sweep->limit.ops_per_s);
        trib__results_destroy(results);
}

static void prediction_by_the_law_ends_at_the_limit(void **state)
{
        struct trib__results   *results = measured_new();
        struct trib__sweep     *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                       { { 1, 100 }, { 2, 200 }, { 3, 300 },
                                                         { 4, 400 } });
        struct trib__prediction at;

        (void)state;
        measured_conclude(results);
        trib__sweep_predict(sweep, 16, &at);
        assert_string_equal(at.by, "law");
        assert_near(at.ops_per_s, 1600, 1e-6);
        sweep->limit.is_present = true;
        sweep->limit.ops_per_s = 500;
        trib__sweep_predict(sweep, 16, &at);
        assert_near(at.ops_per_s, 500, 1e-12);
        assert_true(at.ci95[0] <= 500 && at.ci95[1] <= 500);
        trib__results_destroy(results);
}

/* A machine whose throughput falls for a reason that no resource has. */
static void prediction_is_the_laws_where_the_resources_do_not_explain(void **state)
{
        struct trib__results   *results = results_of(&balanced, "", true, 32);
        struct trib__sweep     *sweep = results->sweeps[0];
        struct trib__prediction at;

        (void)state;
        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];
                double n = point->threads, x = 1600 * n / (1 + 0.02 * n * (n - 1));

                point->ops_per_s = x;
                point->ops_per_s_ci95[0] = x * 0.99;
                point->ops_per_s_ci95[1] = x * 1.01;
        }
        measured_conclude(results);
        trib__sweep_predict(sweep, 64, &at);
        assert_string_equal(at.by, "law");
        assert_near(at.ops_per_s, 1600 * 64 / (1 + 0.02 * 64 * 63), 0.05);
        trib__results_destroy(results);
}

static void sweep_without_shares_gets_no_resources(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 180 }, { 4, 290 },
                                                       { 8, 400 } });

        (void)state;
        measured_conclude(results);
        assert_int_equal(sweep->resource_count, 0);
        assert_int_equal(sweep->what_if_count, 0);
        assert_string_equal(sweep->bottleneck.primary, "unknown");
        assert_string_equal(sweep->predictions[0].by, "law");
        trib__results_destroy(results);
}

static void shares_that_are_no_parts_of_the_time_explain_nothing(void **state)
{
        static const double sums[] = { 1, 5, 0.3 };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                struct trib__results *results = measured_new();
                struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                             { { 1, 100 }, { 2, 180 },
                                                               { 4, 200 }, { 8, 200 } });

                strcpy(results->device.name, "sim:test");
                for (size_t k = 0; k < sweep->point_count; k++) {
                        struct trib__point *point = &sweep->points[k];

                        point->latency_us.mean = 1e6 * point->threads / point->ops_per_s;
                        add_share(point, "lock", sums[i] * 0.9 * point->latency_us.mean);
                        add_share(point, "device", sums[i] * 0.1 * point->latency_us.mean);
                }
                measured_conclude(results);
                assert_string_equal(sweep->bottleneck.primary, i == 0 ? "lock" : "unknown");
                assert_int_equal(sweep->what_if_count > 0, i == 0);
                if (i > 0)
                        assert_finding(results, "shares-mismatch", "the attribution is not right");
                trib__results_destroy(results);
        }
}

/* From anywhere: a straight rise, then a ceiling that no law bends to. */
static void plateau_of_bare_numbers_is_predicted_to_go_on(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                     { { 1, 100 }, { 2, 199 }, { 3, 298 },
                                                       { 4, 391 }, { 8, 402 }, { 16, 400 } });

        (void)state;
        measured_conclude(results);
        assert_string_equal(sweep->bottleneck.primary, "unknown");
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                assert_string_equal(sweep->predictions[i].by, "plateau");
                assert_near(sweep->predictions[i].ops_per_s, 400, 0.03);
                assert_true(sweep->predictions[i].ci95[0] < 400);
                assert_true(sweep->predictions[i].ci95[1] > 400);
        }
        trib__results_destroy(results);
}

static void refuted_sweep_loses_its_resources(void **state)
{
        struct trib__results *results = results_of(&balanced, "", true, 16);
        struct trib__sweep   *sweep = results->sweeps[0];

        (void)state;
        for (size_t i = 0; i < sweep->point_count; i++) {
                sweep->points[i].ops_per_s *= 1e12;
                sweep->points[i].ops_per_s_ci95[0] = sweep->points[i].ops_per_s_ci95[1] = 0;
        }
        measured_conclude(results);
        assert_true(sweep->refuted[0] != '\0');
        assert_int_equal(sweep->resource_count, 0);
        assert_int_equal(sweep->what_if_count, 0);
        assert_true(sweep->predictions[0].ops_per_s == 0);
        trib__results_destroy(results);
}

static double hostile(struct trib__random *random)
{
        static const double values[] = { 0,   0,    1e-30, 1e-9, 1e-3, 1,
                                         100, 1e4, 1e9,   1e15, 1e30 };

        return values[trib__random_below(random, sizeof(values) / sizeof(values[0]))];
}

static struct trib__results *hostile_results(struct trib__random *random)
{
        static const char *const names[] = { "admission", "lock",   "submission", "queue",
                                             "device",    "serial", "copy",       "notification",
                                             "descheduled" };
        struct trib__results *results = measured_new();
        struct trib__peaks   *peaks = &results->device.peaks;
        struct trib__sweep   *sweep;

        strcpy(results->device.name, trib__random_below(random, 2) == 0 ? "sim:x" : "cpu:0");
        results->machine.logical_cores = trib__random_below(random, 4);
        results->device.host_cores = trib__random_below(random, 3) * 1000;
        *peaks = (struct trib__peaks){ .flops_per_s = hostile(random),
                                       .bytes_per_s = hostile(random),
                                       .submissions_per_s = hostile(random),
                                       .unit_bytes_per_s = hostile(random),
                                       .parallel_units = trib__random_below(random, 3) };
        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        sweep->workload.flops_per_op = hostile(random);
        sweep->workload.bytes_per_op = hostile(random);
        sweep->workload.serial_steps = hostile(random);
        for (unsigned i = 0; i < 5; i++) {
                struct trib__point *point;

                assert_int_equal(trib__sweep_add_point(sweep, i == 4 ? TRIB__THREADS_MAX : i + 1,
                                                       &point, NULL), TRIB_OK);
                point->ops_per_s = hostile(random);
                point->latency_us.mean = hostile(random);
                point->latency_us.p50 = hostile(random);
                point->latency_us.p90 = hostile(random);
                for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
                        add_share(point, names[k], hostile(random));
                point->demands_us = (struct trib__demands_us){
                        hostile(random), hostile(random), hostile(random),
                        hostile(random), hostile(random), hostile(random) };
        }
        return results;
}

static void hostile_numbers_give_no_nonsense(void **state)
{
        struct trib__random random = { 11 };

        (void)state;
        for (int round = 0; round < 300; round++) {
                struct trib__results     *results = hostile_results(&random);
                const struct trib__sweep *sweep = results->sweeps[0];

                measured_conclude(results);
                for (unsigned i = 0; i < sweep->resource_count; i++) {
                        const struct trib__resource *resource = &sweep->resources[i];

                        assert_true(isfinite(resource->demand_us) && resource->demand_us > 0);
                        assert_true(resource->ceiling_ops_per_s > 0);
                        assert_true(isfinite(resource->utilisation));
                        assert_true(isfinite(resource->wait_us) && resource->wait_us >= 0);
                }
                for (unsigned i = 0; i < sweep->what_if_count; i++) {
                        const struct trib__what_if *what_if = &sweep->what_ifs[i];

                        assert_true(isfinite(what_if->gain) && what_if->gain > 0);
                        assert_true(isfinite(what_if->ops_per_s) && what_if->ops_per_s > 0);
                        assert_true(what_if->ci95[0] <= what_if->ops_per_s);
                        assert_true(what_if->ops_per_s <= what_if->ci95[1]);
                }
                for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                        const struct trib__prediction *at = &sweep->predictions[i];

                        assert_true(isfinite(at->ops_per_s) && at->ops_per_s >= 0);
                        assert_true(at->ci95[0] <= at->ops_per_s * (1 + 1e-9));
                        assert_true(!isnan(at->ci95[1]));
                }
                trib__results_destroy(results);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(bottleneck_is_a_lock_that_is_held_for_long),
               TRIB_TEST(bottleneck_is_the_busier_of_two_that_are_full),
               TRIB_TEST(bottleneck_is_the_submission_path),
               TRIB_TEST(bottleneck_is_the_copy_engine),
               TRIB_TEST(bottleneck_is_the_serial_unit_and_its_time_stays),
               TRIB_TEST(bottleneck_is_compute_when_all_executors_are_busy),
               TRIB_TEST(bottleneck_is_the_memory_that_executors_share),
               TRIB_TEST(bottleneck_is_the_host_cores),
               TRIB_TEST(bottleneck_is_waking_up_when_most_of_a_request_is),
               TRIB_TEST(bottleneck_is_compute_when_a_device_that_tells_nothing_is_full),
               TRIB_TEST(bottleneck_is_inferred_from_waits_when_nothing_is_told),
               TRIB_TEST(bottleneck_is_none_while_nothing_is_full),
               TRIB_TEST(bottleneck_is_admission_when_threads_share_few_streams),
               TRIB_TEST(demand_that_throughput_refutes_is_dropped),
               TRIB_TEST(prediction_knows_of_ceilings_that_were_not_reached),
               TRIB_TEST(what_if_ends_at_the_limit),
               TRIB_TEST(prediction_by_resources_ends_at_the_limit),
               TRIB_TEST(prediction_by_the_law_ends_at_the_limit),
               TRIB_TEST(prediction_is_the_laws_where_the_resources_do_not_explain),
               TRIB_TEST(sweep_without_shares_gets_no_resources),
               TRIB_TEST(shares_that_are_no_parts_of_the_time_explain_nothing),
               TRIB_TEST(plateau_of_bare_numbers_is_predicted_to_go_on),
               TRIB_TEST(refuted_sweep_loses_its_resources),
               TRIB_TEST(hostile_numbers_give_no_nonsense))
