/* SPDX-License-Identifier: Apache-2.0 */
/* test_random.c: the generator against published values of SplitMix64, and its ranges. */
#include "test_main.h"

#include "base/random.h"

static void random_is_splitmix64(void **state)
{
        static const uint64_t expected[] = {
                UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
                UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
                UINT64_C(16408922859458223821),
        };
        struct trib__random random = { 1234567 };

        (void)state;
        for (size_t i = 0; i < 5; i++)
                assert_true(trib__random_next(&random) == expected[i]);
}

static void random_below_reaches_all_and_no_more(void **state)
{
        struct trib__random random = { 3 };
        int                 seen[7] = { 0 };

        (void)state;
        for (int i = 0; i < 7000; i++) {
                uint32_t value = trib__random_below(&random, 7);

                assert_true(value < 7);
                seen[value]++;
        }
        for (int i = 0; i < 7; i++)
                assert_true(seen[i] > 800 && seen[i] < 1200);
        assert_int_equal(trib__random_below(&random, 1), 0);
        for (int i = 0; i < 100; i++)
                assert_true(trib__random_below(&random, UINT32_MAX) < UINT32_MAX);
}

static void random_numbers_stay_in_their_ranges(void **state)
{
        struct trib__random random = { 5 };
        double              sum = 0.0;

        (void)state;
        for (int i = 0; i < 10000; i++) {
                double unit = trib__random_unit(&random);
                float  small = trib__random_f32(&random);

                assert_true(unit >= 0.0 && unit < 1.0);
                assert_true(small >= -1.0f && small <= 1.0f);
                sum += unit;
        }
        assert_true(sum > 4800.0 && sum < 5200.0);
}

TRIB_TEST_MAIN(TRIB_TEST(random_is_splitmix64), TRIB_TEST(random_below_reaches_all_and_no_more),
               TRIB_TEST(random_numbers_stay_in_their_ranges))
