/* SPDX-License-Identifier: Apache-2.0 */
/* test_clock.c: time goes forward, and deadlines do not wrap. */
#include "test_main.h"

#include <time.h>

#include "base/clock.h"

static void now_never_goes_back(void **state)
{
        uint64_t before = trib__now();

        (void)state;
        for (int i = 0; i < 10000; i++) {
                uint64_t after = trib__now();

                assert_true(after >= before);
                before = after;
        }
}

static void now_is_the_monotonic_clock_in_nanoseconds(void **state)
{
        struct timespec first, second;
        uint64_t        now;

        (void)state;
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &first), 0);
        now = trib__now();
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &second), 0);
        assert_true(now >= (uint64_t)first.tv_sec * 1000000000u + (uint64_t)first.tv_nsec);
        assert_true(now <= (uint64_t)second.tv_sec * 1000000000u + (uint64_t)second.tv_nsec);
}

static void thread_cpu_time_grows_with_work(void **state)
{
        uint64_t before = trib__thread_cpu_time();

        (void)state;
        while (trib__thread_cpu_time() == before) {
        }
        assert_true(trib__thread_cpu_time() > before);
}

static void deadlines_do_not_wrap(void **state)
{
        uint64_t before = trib__now();
        uint64_t deadline = trib__deadline_after(1000);

        (void)state;
        assert_true(deadline >= before + 1000 && deadline <= trib__now() + 1000);
        assert_true(trib__deadline_after(UINT64_MAX) == TRIB__NEVER);
        assert_true(trib__deadline_after(UINT64_MAX - 1) == TRIB__NEVER);
        assert_int_equal(trib__deadline_after(0), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(now_never_goes_back),
               TRIB_TEST(now_is_the_monotonic_clock_in_nanoseconds),
               TRIB_TEST(thread_cpu_time_grows_with_work), TRIB_TEST(deadlines_do_not_wrap))
