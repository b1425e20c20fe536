/* SPDX-License-Identifier: Apache-2.0 */
/* test_histogram.c: the histogram against sorted arrays. */
#include "test_main.h"

#include <stdlib.h>

#include "base/histogram.h"
#include "base/random.h"

static struct trib__histogram histogram, other;

/* A value read back lies in value .. value * 65/64. */
static void assert_near(uint64_t got, uint64_t value)
{
        assert_true(got >= value);
        assert_true(got <= value + value / 64);
}

static void empty_histogram_gives_zero(void **state)
{
        (void)state;
        trib__histogram_clear(&histogram);
        assert_int_equal(trib__histogram_quantile(&histogram, 0.0), 0);
        assert_int_equal(trib__histogram_quantile(&histogram, 1.0), 0);
}

static void one_value_is_every_quantile(void **state)
{
        static const uint64_t values[] = { 0, 1, 63, 64, 65, 127, 128, 1000003, UINT64_C(1) << 41,
                                           UINT64_C(1) << 42, UINT64_MAX };

        (void)state;
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                trib__histogram_clear(&histogram);
                trib__histogram_add(&histogram, values[i]);
                assert_int_equal(trib__histogram_quantile(&histogram, 0.0), values[i]);
                assert_int_equal(trib__histogram_quantile(&histogram, 0.5), values[i]);
                assert_int_equal(trib__histogram_quantile(&histogram, 1.0), values[i]);
                assert_int_equal(histogram.max, values[i]);
        }
}

static void values_below_64_are_exact(void **state)
{
        (void)state;
        trib__histogram_clear(&histogram);
        for (uint64_t v = 0; v < 64; v++)
                trib__histogram_add(&histogram, v);
        for (uint64_t v = 0; v < 64; v++)
                assert_int_equal(
                        trib__histogram_quantile(&histogram, (double)(v + 1) / 64.0), v);
}

static void every_edge_of_a_bucket_reads_back_within_a_64th(void **state)
{
        (void)state;
        for (int bit = 6; bit < 42; bit++)
                for (int step = -1; step <= 1; step++)
                        for (uint64_t part = 64; part < 128; part++) {
                                uint64_t value = (part << bit >> 6) + (uint64_t)(int64_t)step;

                                trib__histogram_clear(&histogram);
                                trib__histogram_add(&histogram, value);
                                trib__histogram_add(&histogram, UINT64_C(1) << 43);
                                if (value < (UINT64_C(127) << 35))
                                        assert_near(trib__histogram_quantile(&histogram, 0.5),
                                                    value);
                        }
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

static void quantiles_agree_with_a_sorted_array(void **state)
{
        enum { COUNT = 20000 };
        static uint64_t      values[COUNT];
        struct trib__random  random = { 7 };
        static const double  quantiles[] = { 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0 };
        static const size_t  ranks[] = { 20, 5000, 10000, 18000, 19800, 19980, 20000 };

        (void)state;
        trib__histogram_clear(&histogram);
        for (int i = 0; i < COUNT; i++) {
                values[i] = trib__random_next(&random) >> (24 + trib__random_below(&random, 40));
                trib__histogram_add(&histogram, values[i]);
        }
        qsort(values, COUNT, sizeof(values[0]), compare);
        for (size_t q = 0; q < sizeof(ranks) / sizeof(ranks[0]); q++)
                assert_near(trib__histogram_quantile(&histogram, quantiles[q]),
                            values[ranks[q] - 1]);
        assert_int_equal(trib__histogram_quantile(&histogram, 1.0), values[COUNT - 1]);
}

static void merging_equals_adding_everything_to_one(void **state)
{
        static struct trib__histogram both;
        struct trib__random           random = { 11 };

        (void)state;
        trib__histogram_clear(&histogram);
        trib__histogram_clear(&other);
        trib__histogram_clear(&both);
        for (int i = 0; i < 1000; i++) {
                uint64_t value = trib__random_below(&random, 1000000);

                trib__histogram_add(i % 3 == 0 ? &histogram : &other, value);
                trib__histogram_add(&both, value);
        }
        trib__histogram_merge(&histogram, &other);
        assert_memory_equal(&histogram, &both, sizeof(both));
}

TRIB_TEST_MAIN(TRIB_TEST(empty_histogram_gives_zero), TRIB_TEST(one_value_is_every_quantile),
               TRIB_TEST(values_below_64_are_exact),
               TRIB_TEST(every_edge_of_a_bucket_reads_back_within_a_64th),
               TRIB_TEST(quantiles_agree_with_a_sorted_array),
               TRIB_TEST(merging_equals_adding_everything_to_one))
