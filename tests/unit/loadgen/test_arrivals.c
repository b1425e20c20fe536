/* SPDX-License-Identifier: Apache-2.0 */
/* test_arrivals.c: moments of arrivals are what their names say: evenly spaced without drift, or
 * exponential gaps that do not depend on each other; rates that cannot be run are refused. */
#include "test_main.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "loadgen/arrivals.h"

#define SECOND TRIB__NS_PER_SECOND
#define MANY 100000u

static uint64_t moments[2 * MANY];

static size_t fill(trib__arrivals_kind kind, double rate, uint64_t seed, uint64_t length)
{
        const struct trib__arrivals arrivals = { kind, rate, seed };

        return trib__arrivals_fill(&arrivals, length, moments, 2 * MANY);
}

static void constant_arrivals_do_not_drift(void **state)
{
        size_t count = fill(TRIB__ARRIVALS_CONSTANT, 3, 1, 20000 * SECOND);

        (void)state;
        assert_int_equal(count, 60000);
        for (size_t i = 0; i < count; i += 3)
                assert_int_equal(moments[i], i / 3 * SECOND);
        assert_int_equal(moments[1], 333333333);
        assert_int_equal(fill(TRIB__ARRIVALS_CONSTANT, 1000, 1, 5000000), 5);
}

static void poisson_moments_follow_from_the_seed(void **state)
{
        uint64_t first[1000];

        (void)state;
        assert_true(fill(TRIB__ARRIVALS_POISSON, 1000, 7, 2 * SECOND) > 1000);
        memcpy(first, moments, sizeof(first));
        assert_true(fill(TRIB__ARRIVALS_POISSON, 1000, 7, 2 * SECOND) > 1000);
        assert_memory_equal(first, moments, sizeof(first));
        assert_true(fill(TRIB__ARRIVALS_POISSON, 1000, 8, 2 * SECOND) > 1000);
        assert_memory_not_equal(first, moments, sizeof(first));
        for (size_t i = 1; i < 1000; i++)
                assert_true(moments[i] >= moments[i - 1]);
}

/* Kolmogorov-Smirnov: the largest distance of gaps from the exponential distribution is below
 * 1.63 / sqrt(n) in 99 of 100 cases; with a fixed seed this is one case, once and for all. */
static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void poisson_gaps_are_exponential(void **state)
{
        static double gaps[MANY];
        size_t        count = fill(TRIB__ARRIVALS_POISSON, 2000, 3, 40 * SECOND);
        double        distance = 0, mean = SECOND / 2000.0;

        (void)state;
        /* Within 4 roots of the mean. */
        assert_in_range(count, 80000 - 1132, 80000 + 1132);
        for (size_t i = 0; i < count; i++)
                gaps[i] = (double)(moments[i] - (i > 0 ? moments[i - 1] : 0));
        qsort(gaps, count, sizeof(gaps[0]), compare);
        for (size_t i = 0; i < count; i++) {
                double expected = 1 - exp(-gaps[i] / mean);

                distance = fmax(distance, fabs(expected - (double)i / (double)count));
                distance = fmax(distance, fabs(expected - (double)(i + 1) / (double)count));
        }
        assert_true(distance < 1.63 / sqrt((double)count));
}

/* Chi-square: the counts of disjoint stretches are Poisson, so their variance is their mean. */
static void poisson_counts_vary_as_their_mean(void **state)
{
        size_t   count = fill(TRIB__ARRIVALS_POISSON, 2000, 5, 40 * SECOND), at = 0;
        unsigned stretches = 1000;
        double   chi2 = 0, mean = (double)count / stretches;

        (void)state;
        for (unsigned i = 0; i < stretches; i++) {
                size_t from = at;

                while (at < count && moments[at] < (i + 1) * (40 * SECOND / stretches))
                        at++;
                chi2 += ((double)(at - from) - mean) * ((double)(at - from) - mean) / mean;
        }
        /* 999 degrees: 99.9 % lie within 999 +- 3.3 roots of 2 * 999. */
        assert_true(fabs(chi2 - 999) < 3.3 * sqrt(2 * 999.0));
}

static void gaps_do_not_depend_on_the_gap_before(void **state)
{
        size_t count = fill(TRIB__ARRIVALS_POISSON, 2000, 11, 40 * SECOND);
        double mean = SECOND / 2000.0, product = 0;

        (void)state;
        for (size_t i = 2; i < count; i++)
                product += ((double)(moments[i] - moments[i - 1]) - mean)
                           * ((double)(moments[i - 1] - moments[i - 2]) - mean) / (mean * mean);
        assert_true(fabs(product / (double)count) < 4 / sqrt((double)count));
}

static void room_holds_what_a_window_needs(void **state)
{
        (void)state;
        for (uint64_t seed = 0; seed < 200; seed++) {
                const struct trib__arrivals arrivals = { TRIB__ARRIVALS_POISSON, 5000, seed };
                size_t room = trib__arrivals_room(&arrivals, SECOND / 10);

                assert_true(trib__arrivals_fill(&arrivals, SECOND / 10, moments, 2 * MANY) < room);
        }
        assert_true(trib__arrivals_room(&(struct trib__arrivals){ TRIB__ARRIVALS_POISSON, 1e7, 1 },
                                        3600 * SECOND)
                    == TRIB__ARRIVALS_MAX);
}

static void at_once_is_all_at_the_start(void **state)
{
        const struct trib__arrivals arrivals = { TRIB__ARRIVALS_AT_ONCE, 0, 1 };

        (void)state;
        moments[9] = 1;
        assert_int_equal(trib__arrivals_check(&arrivals, NULL), TRIB_OK);
        assert_int_equal(trib__arrivals_fill(&arrivals, 1, moments, 10), 10);
        assert_int_equal(moments[9], 0);
}

static void rates_that_cannot_be_run_are_refused(void **state)
{
        static const char *const bad[] = { "",    "0",    "-1",  "nan", "inf",  "1e12", "1e-9",
                                           "1e",  "12x",  "0x10", " 5",  "5 ",   "1e400", "--1",
                                           "1,000" };
        double                   rate = 77;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                trib_error err = TRIB_ERROR_INIT;

                assert_int_equal(trib__arrivals_parse_rate(bad[i], &rate, &err),
                                 TRIB_INVALID_ARGUMENT);
                assert_non_null(strstr(err.message, "requests per second"));
                assert_true(rate > 76.9 && rate < 77.1);
        }
        assert_int_equal(trib__arrivals_parse_rate("2.5e3", &rate, NULL), TRIB_OK);
        assert_true(rate > 2499.9 && rate < 2500.1);
}

static void names_are_read_back(void **state)
{
        trib__arrivals_kind kind = TRIB__ARRIVALS_AT_ONCE;

        (void)state;
        assert_true(trib__arrivals_parse("poisson", &kind));
        assert_int_equal(kind, TRIB__ARRIVALS_POISSON);
        assert_string_equal(trib__arrivals_name(kind), "poisson");
        assert_true(trib__arrivals_parse("constant", &kind));
        assert_int_equal(kind, TRIB__ARRIVALS_CONSTANT);
        assert_false(trib__arrivals_parse("at-once", &kind));
        assert_false(trib__arrivals_parse("", &kind));
}

TRIB_TEST_MAIN(TRIB_TEST(constant_arrivals_do_not_drift),
               TRIB_TEST(poisson_moments_follow_from_the_seed),
               TRIB_TEST(poisson_gaps_are_exponential),
               TRIB_TEST(poisson_counts_vary_as_their_mean),
               TRIB_TEST(gaps_do_not_depend_on_the_gap_before),
               TRIB_TEST(room_holds_what_a_window_needs), TRIB_TEST(at_once_is_all_at_the_start),
               TRIB_TEST(rates_that_cannot_be_run_are_refused), TRIB_TEST(names_are_read_back))
