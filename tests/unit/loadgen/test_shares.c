/* SPDX-License-Identifier: Apache-2.0 */
/* Where a mean request's time went, from made-up points: sums, what measuring costs, time without
 * a core known and not known, and points that no machine would give. */
#include <math.h>
#include <string.h>

#include "loadgen/loadgen.h"
#include "test_main.h"

#define NEAR 1e-9

/* 100 requests of 10 us, 10 of them taken apart; each had 4 parts of a device of its own. */
static struct trib__load_point point_of_10_us(void)
{
        struct trib__load_point point;

        memset(&point, 0, sizeof(point));
        for (int i = 0; i < 100; i++)
                trib__histogram_add(&point.latency, 10000);
        point.times.measured = 10;
        point.times.admission_ns = 10000;
        point.times.prepare_ns = 5000;
        point.times.submit_ns = 5000;
        point.times.device_ns = 70000;
        point.times.copy_ns = 5000;
        point.times.notify_ns = 5000;
        point.wall_ns = 1000000;
        point.cpu_ns = 450000;
        return point;
}

static void shares_need_measured_requests(void **state)
{
        struct trib__load_point  point;
        struct trib__load_shares shares;

        (void)state;
        memset(&point, 0, sizeof(point));
        assert_false(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.sum, 0, NEAR);
        point.times.measured = 1;
        assert_false(trib__load_shares_of(&point, true, &shares));
        point.times.measured = 0;
        trib__histogram_add(&point.latency, 1);
        assert_false(trib__load_shares_of(&point, false, &shares));
}

static void shares_of_a_device_add_up(void **state)
{
        struct trib__load_point  point = point_of_10_us();
        struct trib__load_shares shares;

        (void)state;
        point.times.lock_ns = 1000;
        point.times.queue_ns = 2000;
        point.times.serial_ns = 3000;
        point.times.descheduled_ns = 4000;
        point.times.device_ns = 60000;
        point.times.host_held_ns = 100;
        point.times.lock_held_ns = 200;
        point.times.path_held_ns = 300;
        point.times.serial_held_ns = 400;
        point.times.copy_held_ns = 500;
        /* What the windows saw of the threads' cores means nothing here. */
        point.has_delay = true;
        point.delay_ns = 500000;
        assert_true(trib__load_shares_of(&point, false, &shares));
        assert_float_equal(shares.admission, 1.0, NEAR);
        assert_float_equal(shares.lock, 0.1, NEAR);
        assert_float_equal(shares.prepare, 0.5, NEAR);
        assert_float_equal(shares.submission, 1.0, NEAR);
        assert_float_equal(shares.queue, 0.2, NEAR);
        assert_float_equal(shares.device, 6.0, NEAR);
        assert_float_equal(shares.serial, 0.3, NEAR);
        assert_float_equal(shares.copy, 0.5, NEAR);
        assert_float_equal(shares.notification, 0.5, NEAR);
        assert_float_equal(shares.descheduled, 0.4, NEAR);
        assert_float_equal(shares.sum, 10.0, NEAR);
        assert_float_equal(shares.latency, 10.0, NEAR);
        assert_float_equal(shares.held.cores, 0.01, NEAR);
        assert_float_equal(shares.held.lock, 0.02, NEAR);
        assert_float_equal(shares.held.submission, 0.03, NEAR);
        assert_float_equal(shares.held.serial, 0.04, NEAR);
        assert_float_equal(shares.held.copy, 0.05, NEAR);
        assert_float_equal(shares.held.device, 6.0, NEAR);
}

/* On a CPU, the time without a core is that of all requests, not of the few taken apart; and the
 * other parts stay as they are, whether the sum is right or not. */
static void shares_take_the_time_without_a_core_from_all_requests(void **state)
{
        struct trib__load_point  point = point_of_10_us();
        struct trib__load_shares shares;

        (void)state;
        point.times.device_ns = 15000;
        point.times.descheduled_ns = 7000; /* of which it knows less */
        point.has_delay = true;
        point.delay_ns = 55000;
        point.asked_ns = 100000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.device, 1.5, NEAR);
        assert_float_equal(shares.descheduled, 5.5, NEAR);
        assert_float_equal(shares.sum, 10.0, NEAR);
        assert_float_equal(shares.held.cores, 4.5, NEAR);
        /* The target's parts hold it, too: then it must not count twice. */
        point.times.measured_blind = 1;
        point.times.device_ns = 70000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.sum, 10.0, NEAR);
        point.times.measured_blind = 0;
        point.times.device_ns = 5000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.device, 0.5, NEAR);
        assert_float_equal(shares.sum, 9.0, NEAR);
        point.times.device_ns = 35000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.sum, 12.0, NEAR);
}

static void shares_without_the_run_delay_hold_parts_to_the_cpu_time(void **state)
{
        struct trib__load_point  point = point_of_10_us();
        struct trib__load_shares shares;

        (void)state;
        assert_true(trib__load_shares_of(&point, true, &shares));
        /* Off the core 5.5 us a request, 1 of them waiting for a stream. */
        assert_float_equal(shares.admission, 1.0, NEAR);
        assert_float_equal(shares.descheduled, 4.5, NEAR);
        assert_float_equal(shares.device, 3.5, NEAR);
        assert_float_equal(shares.sum, 10.0, NEAR);
        assert_float_equal(shares.latency, 10.0, NEAR);
        /* Sampled requests that waited less for a core than the mean. */
        point.times.device_ns = 40000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal((shares.device + shares.prepare), 3.375, 1e-6);
        assert_float_equal(shares.sum, 10.0, 1e-6);
        /* Parts that do not cover the time on the core are not blown up. */
        point.times.device_ns = 10000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.device, 1.0, 1e-6);
        assert_float_equal(shares.sum, 8.5, 1e-6);
        /* Waiting asleep for a lock or a turn is no want of a core. */
        point.times.device_ns = 30000;
        point.times.lock_ns = 10000;
        point.times.serial_ns = 30000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.lock, 1.0, NEAR);
        assert_float_equal(shares.serial, 3.0, NEAR);
        assert_float_equal(shares.descheduled, 0.5, NEAR);
        assert_float_equal(shares.sum, 10.0, NEAR);
}

/* Requests of 100 ns, a tenth of them measured: 3 parts, each with a reading of 20 ns. */
static void shares_leave_out_what_measuring_costs(void **state)
{
        struct trib__load_point  point;
        struct trib__load_shares shares;

        (void)state;
        memset(&point, 0, sizeof(point));
        for (int i = 0; i < 100; i++)
                trib__histogram_add(&point.latency, 100);
        point.times.measured = 10;
        point.times.admission_ns = 500;
        point.times.device_ns = 600;
        point.times.notify_ns = 300;
        point.wall_ns = point.cpu_ns = 10000;
        point.reading_ns = 20;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.admission, 0.03, NEAR);
        assert_float_equal(shares.copy, 0, NEAR);
        assert_float_equal(shares.device, 0.04, NEAR);
        assert_float_equal(shares.notification, 0.03, NEAR);
        assert_float_equal(shares.sum, 0.1, NEAR);
        /* On their cores all the time, threads were not off them: a sum that is off stays so. */
        point.reading_ns = 0;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.sum, 0.14, NEAR);
        /* Off them for half of the time, taking a stream included. */
        point.cpu_ns = 5000;
        assert_true(trib__load_shares_of(&point, true, &shares));
        assert_float_equal(shares.sum, 0.1, NEAR);
}

static void assert_sane(const struct trib__load_shares *shares)
{
        const double parts[] = { shares->admission, shares->lock, shares->submission,
                                 shares->queue, shares->device, shares->serial, shares->copy,
                                 shares->notification, shares->descheduled, shares->prepare,
                                 shares->held.cores, shares->held.device, shares->sum,
                                 shares->latency };

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                assert_true(isfinite(parts[i]) && parts[i] >= 0);
}

/* Times at the ends of their range, clocks that contradict each other, nothing at all. */
static void shares_of_impossible_points_stay_finite(void **state)
{
        static const uint64_t values[] = { 0, 1, UINT64_MAX };

        (void)state;
        for (unsigned i = 0; i < 3 * 3 * 3 * 3 * 2 * 2; i++) {
                struct trib__load_point  point;
                struct trib__load_shares shares;

                memset(&point, 0, sizeof(point));
                trib__histogram_add(&point.latency, values[i % 3]);
                point.times.measured = i % 2 ? 1 : UINT64_MAX;
                memset(&point.times.measured_ns, i / 3 % 3 == 2 ? 0xff : 0,
                       sizeof(point.times) - offsetof(trib_session_stats, measured_ns));
                point.times.device_ns = values[i / 3 % 3];
                point.wall_ns = values[i / 9 % 3];
                point.asked_ns = point.wall_ns;
                point.cpu_ns = point.delay_ns = values[i / 27 % 3];
                point.has_delay = i / 81 % 2;
                point.reading_ns = i / 162 % 2 ? 1e300 : 0;
                assert_true(trib__load_shares_of(&point, true, &shares));
                assert_sane(&shares);
                assert_true(shares.descheduled <= shares.latency || point.wall_ns == 0);
                assert_true(trib__load_shares_of(&point, false, &shares));
                assert_sane(&shares);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(shares_need_measured_requests), TRIB_TEST(shares_of_a_device_add_up),
               TRIB_TEST(shares_take_the_time_without_a_core_from_all_requests),
               TRIB_TEST(shares_without_the_run_delay_hold_parts_to_the_cpu_time),
               TRIB_TEST(shares_leave_out_what_measuring_costs),
               TRIB_TEST(shares_of_impossible_points_stay_finite))
