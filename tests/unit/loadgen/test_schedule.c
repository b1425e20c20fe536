/* SPDX-License-Identifier: Apache-2.0 */
/* test_schedule.c: the order of rounds, and when a warm-up is over. */
#include "test_main.h"

#include "loadgen/loadgen_priv.h"

#define POINTS 18u

static void schedule_is_a_permutation_in_every_round(void **state)
{
        struct trib__random random = { 7 };

        (void)state;
        for (unsigned round = 0; round < 200; round++) {
                size_t   order[POINTS];
                unsigned seen[POINTS] = { 0 };

                trib__schedule_fill(order, POINTS, &random);
                for (size_t i = 0; i < POINTS; i++) {
                        assert_in_range(order[i], 0, POINTS - 1);
                        seen[order[i]]++;
                }
                for (size_t i = 0; i < POINTS; i++)
                        assert_int_equal(seen[i], 1);
        }
}

static void schedule_puts_every_point_in_every_place(void **state)
{
        struct trib__random random = { 1 };
        unsigned            times[4][4] = { { 0 } };

        (void)state;
        for (unsigned round = 0; round < 4000; round++) {
                size_t order[4];

                trib__schedule_fill(order, 4, &random);
                for (size_t place = 0; place < 4; place++)
                        times[order[place]][place]++;
        }
        for (size_t point = 0; point < 4; point++)
                for (size_t place = 0; place < 4; place++)
                        assert_in_range(times[point][place], 850, 1150);
}

static void schedule_repeats_with_its_seed(void **state)
{
        struct trib__random one = { 42 }, same = { 42 }, other = { 43 };
        size_t              a[POINTS], b[POINTS], c[POINTS];

        (void)state;
        trib__schedule_fill(a, POINTS, &one);
        trib__schedule_fill(b, POINTS, &same);
        trib__schedule_fill(c, POINTS, &other);
        assert_memory_equal(a, b, sizeof(a));
        assert_memory_not_equal(a, c, sizeof(a));
}

static void schedule_of_one_point_is_that_point(void **state)
{
        struct trib__random random = { 3 };
        size_t              order[1] = { 9 };

        (void)state;
        trib__schedule_fill(order, 1, &random);
        assert_int_equal(order[0], 0);
}

static void rates_are_steady_when_three_in_a_row_agree(void **state)
{
        const double rates[] = { 10, 60, 100, 102, 99 };

        (void)state;
        assert_false(trib__rates_are_steady(rates, 0, 0.05));
        assert_false(trib__rates_are_steady(rates, 2, 0.05));
        assert_false(trib__rates_are_steady(rates, 3, 0.05));
        assert_false(trib__rates_are_steady(rates, 4, 0.05));
        assert_true(trib__rates_are_steady(rates, 5, 0.05));
}

static void rates_that_climb_slowly_are_not_steady(void **state)
{
        const double rates[] = { 100, 108, 117 };

        (void)state;
        assert_false(trib__rates_are_steady(rates, 3, 0.05));
        assert_true(trib__rates_are_steady(rates, 3, 0.10));
}

static void rates_of_nothing_are_not_steady(void **state)
{
        const double zeros[] = { 0, 0, 0 };

        (void)state;
        assert_false(trib__rates_are_steady(zeros, 3, 0.05));
}

TRIB_TEST_MAIN(TRIB_TEST(schedule_is_a_permutation_in_every_round),
               TRIB_TEST(schedule_puts_every_point_in_every_place),
               TRIB_TEST(schedule_repeats_with_its_seed),
               TRIB_TEST(schedule_of_one_point_is_that_point),
               TRIB_TEST(rates_are_steady_when_three_in_a_row_agree),
               TRIB_TEST(rates_that_climb_slowly_are_not_steady),
               TRIB_TEST(rates_of_nothing_are_not_steady))
