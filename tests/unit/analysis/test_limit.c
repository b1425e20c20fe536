/* SPDX-License-Identifier: Apache-2.0 */
/* test_limit.c: the roofline by numbers worked out by hand. The device: 4 units, 400 FLOP/s
 * together, 40 bytes/s from memory (20 a unit alone), 200 from the shared cache of 1e6 bytes (80 a
 * unit), 800 from the units' own of 1e5 bytes each. */
#include "measured.h"

#define assert_close(a, b) assert_true(((a) - (b)) * ((a) - (b)) <= 1e-16 * (b) * (b))

static struct trib__results *new_device(struct trib__sweep **sweep)
{
        struct trib__results *results = measured_new();
        struct trib__peaks   *peaks = &results->device.peaks;

        *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 0.1 }, { 4, 0.2 } });
        strcpy(results->device.name, "cpu:0");
        peaks->parallel_units = 4;
        peaks->flops_per_s = peaks->flops_f32 = 400;
        peaks->flops_medium = 800;
        peaks->flops_f64 = 200;
        peaks->bytes_per_s = 40;
        peaks->unit_bytes_per_s = 20;
        peaks->private_cache_bytes = 1e5;
        peaks->private_cache_bytes_per_s = 800;
        peaks->shared_cache_bytes = 1e6;
        peaks->shared_cache_bytes_per_s = 200;
        peaks->unit_shared_cache_bytes_per_s = 80;
        (*sweep)->workload.flops_per_op = 1;
        return results;
}

static struct trib__operator_cost *add(struct trib__sweep *sweep, const char *dtype, double flops,
                                       double bytes)
{
        struct trib__operator_cost *one =
                &sweep->workload.operators[sweep->workload.operator_count++];

        strcpy(one->dtype, dtype);
        one->count = 1;
        one->flops = flops;
        one->bytes = bytes;
        return one;
}

static void limit_is_the_arithmetic_of_each_dtype(void **state)
{
        struct trib__sweep   *sweep;
        struct trib__results *results = new_device(&sweep);

        (void)state;
        /* 400 / 400 + 800 / 800 + 2 x 100 / 200 = 3 s on all units; 40 bytes stay in the core. */
        (void)add(sweep, "f32", 400, 10);
        (void)add(sweep, "medium", 800, 10);
        add(sweep, "f64", 100, 10)->count = 2;
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "compute");
        assert_close(sweep->limit.ops_per_s, 1.0 / 3);
        assert_close(sweep->limit.compute_us, 3e6);
        assert_close(sweep->limit.unit_us, 12e6);
        assert_true(sweep->limit.memory_us == 0 && sweep->limit.cache_us == 0);
        assert_close(sweep->points[1].percent_of_limit, 60);
        trib__results_destroy(results);
}

/* One operator has only arithmetic and one only bytes. All units together would be done with the
 * sums in 1 s each, side by side; one unit takes 4 s and then 2 s of its own memory bandwidth. */
static void limit_adds_up_operators_of_one_unit(void **state)
{
        struct trib__sweep   *sweep;
        struct trib__results *results = new_device(&sweep);

        (void)state;
        results->device.peaks.private_cache_bytes = results->device.peaks.shared_cache_bytes = 0;
        (void)add(sweep, "f32", 400, 0);
        (void)add(sweep, "f32", 0, 40);
        measured_conclude(results);
        assert_close(sweep->limit.compute_us, 1e6);
        assert_close(sweep->limit.memory_us, 1e6);
        assert_close(sweep->limit.unit_us, 6e6);
        assert_close(sweep->limit.ops_per_s, 4.0 / 6);
        assert_string_equal(sweep->limit.bound, "compute");
        /* In one operator they happen at the same time. */
        sweep->workload.operators[0].bytes = 40;
        sweep->workload.operator_count = 1;
        measured_conclude(results);
        assert_close(sweep->limit.ops_per_s, 1);
        trib__results_destroy(results);
}

static void limit_takes_bytes_from_where_they_lie(void **state)
{
        struct trib__sweep        *sweep;
        struct trib__results      *results = new_device(&sweep);
        struct trib__operator_cost *one = add(sweep, "f32", 1, 8e4);

        (void)state;
        /* 80000 bytes are in the core's own cache: 200 a second of each unit. */
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "cache-bandwidth");
        assert_close(sweep->limit.ops_per_s, 800 / 8e4);
        /* Of 400000 constants 300000 do not fit there: all units together read them at 200 a
         * second, which is less than 800 for all of them. The shared cache holds them. */
        one->bytes = one->shared_bytes = 4e5;
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "cache-bandwidth");
        assert_close(sweep->limit.cache_us, 1e6 * 3e5 / 200);
        assert_close(sweep->limit.ops_per_s, 200 / 3e5);
        assert_true(sweep->limit.memory_us == 0);
        /* Of 2800000 constants the caches, 1400000 with those of the units, hold half. */
        one->bytes = one->shared_bytes = 2.8e6;
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "memory-bandwidth");
        assert_close(sweep->limit.memory_us, 1e6 * 1.4e6 / 40);
        assert_close(sweep->limit.ops_per_s, 40 / 1.4e6);
        trib__results_destroy(results);
}

/* The same data of its own in each of 4 units is four times as much as of one. */
static void limit_counts_what_every_unit_has_of_its_own(void **state)
{
        struct trib__sweep   *sweep;
        struct trib__results *results = new_device(&sweep);

        (void)state;
        (void)add(sweep, "f32", 1, 7e5);
        measured_conclude(results);
        assert_close(sweep->limit.memory_us, 1e6 * 7e5 * (1 - 1.4e6 / 2.8e6) / 40);
        assert_string_equal(sweep->limit.bound, "memory-bandwidth");
        trib__results_destroy(results);
}

/* Sums without operators are one operator; without caches all bytes come from memory. */
static void limit_of_sums_is_that_of_one_operator(void **state)
{
        struct trib__sweep   *sweep;
        struct trib__results *results = new_device(&sweep);

        (void)state;
        memset(&results->device.peaks, 0, sizeof(results->device.peaks));
        results->device.peaks.bytes_per_s = 50;
        results->device.peaks.flops_per_s_unit = 10;
        results->device.peaks.parallel_units = 2;
        sweep->workload.flops_per_op = 10;
        sweep->workload.bytes_per_op = 100;
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "memory-bandwidth");
        assert_close(sweep->limit.ops_per_s, 0.5);
        trib__results_destroy(results);
}

/* On the processor a request that computes nothing has no limit worth a percentage; a device that
 * takes submissions has one. */
static void limit_of_nothing_is_submission_or_none(void **state)
{
        struct trib__sweep   *sweep;
        struct trib__results *results = new_device(&sweep);

        (void)state;
        sweep->workload.flops_per_op = sweep->workload.bytes_per_op = 0;
        results->device.peaks.submissions_per_s = 1000;
        measured_conclude(results);
        assert_false(sweep->limit.is_present);
        assert_true(sweep->points[0].percent_of_limit == 0);
        strcpy(results->device.name, "sim:x");
        measured_conclude(results);
        assert_string_equal(sweep->limit.bound, "submission");
        assert_close(sweep->limit.ops_per_s, 1000);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(limit_is_the_arithmetic_of_each_dtype),
               TRIB_TEST(limit_adds_up_operators_of_one_unit),
               TRIB_TEST(limit_takes_bytes_from_where_they_lie),
               TRIB_TEST(limit_counts_what_every_unit_has_of_its_own),
               TRIB_TEST(limit_of_sums_is_that_of_one_operator),
               TRIB_TEST(limit_of_nothing_is_submission_or_none))
