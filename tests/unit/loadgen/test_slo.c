/* SPDX-License-Identifier: Apache-2.0 */
/* test_slo.c: reading a service level, the binomial test behind a verdict, and the search for the
 * highest rate, on a queue of which the answer is known. */
#include "test_main.h"

#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "loadgen/slo_open.h"

static void bounds_are_read_and_written(void **state)
{
        struct trib__slo slo;
        char             text[100];

        (void)state;
        assert_int_equal(trib__slo_parse("p99=5ms", &slo, NULL), TRIB_OK);
        assert_int_equal(slo.count, 1);
        assert_true(fabs(slo.bounds[0].quantile - 0.99) < 1e-12);
        assert_int_equal(slo.bounds[0].ns, 5000000);
        assert_int_equal(trib__slo_parse("p50=800us,p99.9=1.5s,p90=0.25ms", &slo, NULL), TRIB_OK);
        assert_int_equal(slo.count, 3);
        assert_int_equal(slo.bounds[0].ns, 800000);
        assert_int_equal(slo.bounds[1].ns, 1500000000);
        assert_string_equal(trib__slo_text(&slo, text, sizeof(text)),
                            "p50=800us,p99.9=1.5s,p90=250us");
        assert_int_equal(trib__slo_parse(text, &slo, NULL), TRIB_OK);
        assert_int_equal(slo.count, 3);
}

static void nonsense_bounds_are_refused(void **state)
{
        static const char *const bad[] = {
                "",          "p99",       "p99=",       "p99=5",      "p99=5m",     "p99=ms",
                "99=5ms",    "p=5ms",     "p0=5ms",     "p100=5ms",   "p999=5ms",   "p99=-5ms",
                "p99=0ms",   "p99=0.5us", "p99=1001s",  "p99=nanms",  "p99=infms",  "p99=5msx",
                "p99=5ms,",  ",p99=5ms",  "p99=5ms,,p50=1ms", "p99=5ms p50=1ms", "p99=1e3ms",
                "p99=5ms,p99=6ms", "p99=5ms,p99.0=6ms", "p1.2.3=5ms", "p99=1.2.3ms",
                "p10=1ms,p20=1ms,p30=1ms,p40=1ms,p50=1ms",
                "p99=11111111111111111111111111111111111ms"
        };
        struct trib__slo slo = { .count = 77 };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                trib_error err = TRIB_ERROR_INIT;

                if (trib__slo_parse(bad[i], &slo, &err) != TRIB_INVALID_ARGUMENT)
                        fail_msg("'%s' was taken", bad[i]);
                assert_true(err.message[0] != '\0');
                assert_int_equal(slo.count, 77);
        }
}

/* By adding up the terms. */
static double slow_cdf(int successes, int count, double p)
{
        double term = pow(1 - p, count), sum = 0;

        for (int k = 0; k <= successes; k++) {
                sum += term;
                term *= (double)(count - k) / (k + 1) * p / (1 - p);
        }
        return sum;
}

static void binomial_is_that_of_its_terms(void **state)
{
        static const double ps[] = { 0.001, 0.01, 0.1, 0.5, 0.9 };

        (void)state;
        for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++)
                for (int n = 1; n < 300; n += 37)
                        for (int k = 0; k <= n; k += 1 + n / 5)
                                assert_true(fabs(trib__binomial_cdf(k, n, ps[i])
                                                 - fmin(1, slow_cdf(k, n, ps[i])))
                                            < 1e-9);
        assert_true(trib__binomial_cdf(-1, 10, 0.5) <= 0);
        assert_true(trib__binomial_cdf(10, 10, 0.5) >= 1);
        /* Large counts: the median of a binomial is its mean, within one. */
        assert_true(fabs(trib__binomial_cdf(1e5, 1e7, 0.01) - 0.5) < 0.002);
}

/* Nothing over the bound says little of how requests depend on each other: those over half of it
 * do, where they come in runs and are no common thing. */
static void runs_above_half_the_bound_leave_it_undecided(void **state)
{
        static struct trib__open_result seen;
        struct trib__slo                slo;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=5ms", &slo, NULL), TRIB_OK);
        memset(&seen, 0, sizeof(seen));
        seen.intended = 1000;
        seen.batches = 16;
        assert_int_equal(trib__slo_judge(&slo, &seen), TRIB__SLO_KEPT);
        seen.over[0].half_count = 100;
        seen.over[0].half_run_square = 100 * 100;
        assert_int_equal(trib__slo_judge(&slo, &seen), TRIB__SLO_UNDECIDED);
        seen.over[0].half_run_square = 100;
        assert_int_equal(trib__slo_judge(&slo, &seen), TRIB__SLO_KEPT);
        seen.over[0].half_count = 500;
        seen.over[0].half_run_square = 500.0 * 500;
        assert_int_equal(trib__slo_judge(&slo, &seen), TRIB__SLO_KEPT);
}

/* The numbers in the rules of MLPerf Inference. */
static void counts_are_those_of_mlperf(void **state)
{
        struct trib__slo slo;

        (void)state;
        assert_int_equal(trib__slo_parse("p90=1ms", &slo, NULL), TRIB_OK);
        assert_int_equal(trib__slo_requests(&slo), 64);
        assert_int_equal(trib__slo_parse("p90=1ms,p99=1ms", &slo, NULL), TRIB_OK);
        assert_int_equal(trib__slo_requests(&slo), 662);
        assert_int_equal((int)round(trib__slo_mlperf_requests(0.90)), 23886);
        assert_int_equal((int)round(trib__slo_mlperf_requests(0.95)), 50425);
        assert_int_equal((int)round(trib__slo_mlperf_requests(0.97)), 85811);
        assert_int_equal((int)round(trib__slo_mlperf_requests(0.99)), 262742);
}

static void ranks_hold_the_quantile(void **state)
{
        uint64_t ranks[2];

        (void)state;
        /* The textbook's 95 % interval of the median of 100: ranks 40 and 61. */
        trib__slo_ranks(100, 0.5, ranks);
        assert_int_equal(ranks[0], 40);
        assert_int_equal(ranks[1], 61);
        trib__slo_ranks(1000, 0.99, ranks);
        assert_in_range(ranks[0], 983, 985);
        assert_in_range(ranks[1], 996, 998);
        /* 50 requests say nothing about the upper end of p99. */
        trib__slo_ranks(50, 0.99, ranks);
        assert_int_equal(ranks[1], 51);
        trib__slo_ranks(1, 0.5, ranks);
        assert_int_equal(ranks[0], 1);
        assert_int_equal(ranks[1], 2);
}

/* `over` of `count` requests, spread over `batches` batches of 16. */
static struct trib__open_result *seen_of(uint64_t count, uint64_t over, unsigned spread)
{
        static struct trib__open_result seen;
        double                          each = (double)over / spread, size = (double)count / 16;

        memset(&seen, 0, sizeof(seen));
        seen.intended = count;
        seen.batches = 16;
        seen.over[0].count = over;
        seen.over[0].square = spread * each * each / size;
        return &seen;
}

static void verdict_needs_enough_requests(void **state)
{
        struct trib__slo slo;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=1ms", &slo, NULL), TRIB_OK);
        assert_int_equal(trib__slo_judge(&slo, seen_of(0, 0, 16)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(400, 0, 16)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(459, 0, 16)), TRIB__SLO_KEPT);
        assert_int_equal(trib__slo_judge(&slo, seen_of(661, 1, 16)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(662, 1, 16)), TRIB__SLO_KEPT);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 160, 16)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 120, 16)), TRIB__SLO_KEPT);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 200, 16)), TRIB__SLO_BROKEN);
        assert_int_equal(trib__slo_judge(&slo, seen_of(10, 10, 16)), TRIB__SLO_BROKEN);
}

static void bursts_count_for_less(void **state)
{
        struct trib__slo slo;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=1ms", &slo, NULL), TRIB_OK);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 120, 1)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 200, 1)), TRIB__SLO_UNDECIDED);
        assert_int_equal(trib__slo_judge(&slo, seen_of(16000, 4000, 4)), TRIB__SLO_BROKEN);
}

static void every_bound_must_be_kept(void **state)
{
        struct trib__slo          slo;
        struct trib__open_result *seen = seen_of(16000, 100, 16);

        (void)state;
        assert_int_equal(trib__slo_parse("p99=1ms,p50=0.5ms", &slo, NULL), TRIB_OK);
        seen->over[1].count = 9000;
        seen->over[1].square = 9000.0 * 9000 / 16000;
        assert_int_equal(trib__slo_judge(&slo, seen), TRIB__SLO_BROKEN);
        seen->over[1].count = 8000;
        seen->over[1].square = 8000.0 * 8000 / 16000;
        assert_int_equal(trib__slo_judge(&slo, seen), TRIB__SLO_UNDECIDED);
        seen->over[1].count = 7000;
        seen->over[1].square = 7000.0 * 7000 / 16000;
        assert_int_equal(trib__slo_judge(&slo, seen), TRIB__SLO_KEPT);
}

/* ---- the search ---- */

/* One server of a fixed time, in time of its own (Lindley's recursion). */
static struct queue {
        double   service_ns;
        double   seconds_left;
        double   seconds;
        uint64_t seed;
        uint64_t moments[200000];
        const struct trib__slo *slo;
        uint64_t looks;
        double   lowest, highest;
        unsigned fails_at; /* the look that does */
} queue;

static double queue_left(void *context)
{
        return ((struct queue *)context)->seconds_left;
}

static double look_seconds(double rate)
{
        return trib__slo_look_seconds(queue.slo, queue.seconds, rate);
}

static double queue_seconds(void *context, double rate)
{
        (void)context;
        return look_seconds(rate) * (1 + TRIB__SLO_SETTLE_PART);
}

/* (l + 1)^2 - l^2 to the sum of squared lengths for one more in a run. */
static void lengthen(double *length, bool is_over, double *square)
{
        if (is_over)
                *square += 2 * *length + 1;
        *length = is_over ? *length + 1 : 0;
}

static void count_one(struct trib__open_result *seen, double latency, uint64_t over[],
                      double runs[][2])
{
        seen->intended++;
        seen->answered++;
        trib__histogram_add(&seen->latency, (uint64_t)latency);
        for (size_t i = 0; i < queue.slo->count; i++) {
                double bound = (double)queue.slo->bounds[i].ns;

                over[i] += latency > bound;
                seen->over[i].half_count += latency > bound / 2;
                lengthen(&runs[i][0], latency > bound, &seen->over[i].run_square);
                lengthen(&runs[i][1], latency > bound / 2, &seen->over[i].half_run_square);
        }
}

static trib_status queue_look(void *context, double rate, unsigned look,
                              struct trib__open_result *seen, trib_error *err)
{
        const struct trib__arrivals arrivals = { TRIB__ARRIVALS_POISSON, rate,
                                                 trib__open_seed(queue.seed, queue.looks++) };
        double   free_at = 0, settle = look_seconds(rate) * TRIB__SLO_SETTLE_PART * 1e9;
        uint64_t length = (uint64_t)(queue_seconds(context, rate) * 1e9);
        size_t   count = trib__arrivals_fill(&arrivals, length, queue.moments, 200000), skip = 0;
        double   runs[TRIB__SLO_BOUNDS_MAX][2] = { { 0 } };
        uint64_t first = seen->intended;

        (void)look;
        if (queue.fails_at > 0 && queue.looks == queue.fails_at)
                return trib__fail(err, TRIB_DEVICE_ERROR, "it broke");
        queue.seconds_left -= queue_seconds(context, rate);
        queue.lowest = fmin(queue.lowest, rate);
        queue.highest = fmax(queue.highest, rate);
        for (; skip < count && (double)queue.moments[skip] < settle; skip++)
                free_at = fmax(free_at, (double)queue.moments[skip]) + queue.service_ns;
        for (size_t batch = 0; batch < 16; batch++) {
                uint64_t over[TRIB__SLO_BOUNDS_MAX] = { 0 };
                size_t   from = skip + (count - skip) * batch / 16;
                size_t   to = skip + (count - skip) * (batch + 1) / 16;

                for (size_t i = from; i < to; i++) {
                        double moment = (double)queue.moments[i];

                        free_at = fmax(free_at, moment) + queue.service_ns;
                        count_one(seen, free_at - moment, over, runs);
                }
                seen->batches += to > from;
                for (size_t i = 0; i < queue.slo->count && to > from; i++) {
                        seen->over[i].count += over[i];
                        seen->over[i].square +=
                                (double)over[i] * (double)over[i] / (double)(to - from);
                }
        }
        assert_true(seen->intended > first);
        return TRIB_OK;
}

#define CEILING 900 /* the queue takes 1000 requests a second */

static struct trib__open_result best, scratch;

static struct trib__slo_outcome search(const struct trib__slo *slo, double seconds,
                                       uint64_t seed, trib_status expected)
{
        struct trib__slo_outcome       outcome = { .best = &best, .scratch = &scratch };
        const struct trib__slo_search  settings = {
                 slo, { queue_look, queue_left, queue_seconds, &queue }, CEILING
        };
        unsigned fails_at = queue.fails_at;

        memset(&queue, 0, sizeof(queue));
        queue.fails_at = fails_at;
        queue.service_ns = 1e6;
        queue.seconds = queue.seconds_left = seconds;
        queue.seed = seed;
        queue.slo = slo;
        queue.lowest = 1e9;
        assert_int_equal(trib__slo_search_run(&settings, &outcome, NULL), expected);
        return outcome;
}

/* P(latency <= t) of M/D/1 with service 1 and load `load`, by Crommelin's series. */
static double md1_cdf(double t, double load)
{
        double sum = 0, wait = t - 1;

        for (int k = 0; k <= (int)floor(wait); k++) {
                double x = load * (k - wait), term = exp(-x);

                for (int j = 1; j <= k; j++)
                        term *= x / j;
                sum += term;
        }
        return (1 - load) * sum;
}

static double md1_load(double t, double quantile)
{
        double low = 0.01, high = 0.99;

        for (int i = 0; i < 60; i++) {
                double middle = (low + high) / 2;

                if (md1_cdf(t, middle) >= quantile)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

/* 20 seeds each for three bounds; the rate found keeps the bound by the formula, and is not far
 * below the highest that does. */
static void rate_found_is_that_of_the_formula(void **state)
{
        static const struct {
                const char *text;
                double      t, quantile;
        } cases[] = { { "p99=5ms", 5, 0.99 }, { "p90=2.5ms", 2.5, 0.9 }, { "p99=12ms", 12, 0.99 } };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                double   truth = 1000 * md1_load(cases[i].t, cases[i].quantile);
                unsigned above = 0;

                for (uint64_t seed = 1; seed <= 20; seed++) {
                        struct trib__slo         slo;
                        struct trib__slo_outcome outcome;

                        assert_int_equal(trib__slo_parse(cases[i].text, &slo, NULL), TRIB_OK);
                        outcome = search(&slo, 600, seed, TRIB_OK);
                        assert_int_equal(outcome.end, TRIB__SLO_FOUND);
                        assert_int_equal(outcome.kept.verdict, TRIB__SLO_KEPT);
                        assert_true(outcome.failed.rate > outcome.kept.rate);
                        assert_true(outcome.failed.rate <= outcome.kept.rate * 1.0501);
                        assert_true(outcome.kept.rate > 0.7 * truth);
                        assert_true(outcome.kept.rate < 1.04 * truth);
                        assert_true(outcome.kept.quantile_ns[0] <= cases[i].t * 1e6 * 1.02);
                        assert_int_equal(best.intended, outcome.kept.requests);
                        above += outcome.kept.rate > truth;
                }
                /* 95 % confidence: of 20 searches one may be above, or by chance two. */
                assert_in_range(above, 0, 2);
        }
}

static void loose_bound_ends_at_the_ceiling(void **state)
{
        struct trib__slo         slo;
        struct trib__slo_outcome outcome;

        (void)state;
        assert_int_equal(trib__slo_parse("p50=20ms", &slo, NULL), TRIB_OK);
        outcome = search(&slo, 600, 1, TRIB_OK);
        assert_int_equal(outcome.end, TRIB__SLO_AT_CEILING);
        assert_true(outcome.kept.rate >= CEILING);
        assert_true(outcome.failed.rate <= 0);
        assert_true(queue.highest <= CEILING);
}

static void bound_below_the_service_time_is_never_kept(void **state)
{
        struct trib__slo         slo;
        struct trib__slo_outcome outcome;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=0.9ms", &slo, NULL), TRIB_OK);
        outcome = search(&slo, 6000, 1, TRIB_OK);
        assert_int_equal(outcome.end, TRIB__SLO_NONE);
        assert_true(outcome.kept.rate <= 0);
        assert_int_equal(outcome.failed.verdict, TRIB__SLO_BROKEN);
        assert_true(queue.lowest < 30);
        /* What was seen at the lowest rate is kept to be shown. */
        assert_int_equal(best.intended, outcome.failed.requests);
}

static void search_ends_when_its_time_is_over(void **state)
{
        struct trib__slo         slo;
        struct trib__slo_outcome outcome;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=5ms", &slo, NULL), TRIB_OK);
        for (double seconds = 1; seconds < 100; seconds *= 1.5) {
                outcome = search(&slo, seconds, 1, TRIB_OK);
                assert_true(queue.seconds_left >= 0);
                assert_true(outcome.trial_count <= TRIB__SLO_TRIALS_MAX);
                if (seconds < 1.4)
                        assert_int_equal(outcome.trial_count, 0);
                if (outcome.end != TRIB__SLO_FOUND)
                        assert_int_equal(outcome.end, TRIB__SLO_NO_TIME);
        }
}

static void failing_look_ends_the_search(void **state)
{
        struct trib__slo         slo;
        struct trib__slo_outcome outcome;

        (void)state;
        assert_int_equal(trib__slo_parse("p99=5ms", &slo, NULL), TRIB_OK);
        queue.fails_at = 5;
        outcome = search(&slo, 600, 1, TRIB_DEVICE_ERROR);
        assert_in_range(outcome.trial_count, 1, 4);
}

static void search_without_a_ceiling_is_refused(void **state)
{
        struct trib__slo         slo = { .count = 0 };
        struct trib__slo_outcome outcome = { .best = &best, .scratch = &scratch };
        struct trib__slo_search  settings = {
                 &slo, { queue_look, queue_left, queue_seconds, &queue }, 1000
        };

        (void)state;
        assert_int_equal(trib__slo_search_run(&settings, &outcome, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__slo_parse("p99=5ms", &slo, NULL), TRIB_OK);
        settings.ceiling = (double)NAN;
        assert_int_equal(trib__slo_search_run(&settings, &outcome, NULL), TRIB_INVALID_ARGUMENT);
}

TRIB_TEST_MAIN(TRIB_TEST(bounds_are_read_and_written), TRIB_TEST(nonsense_bounds_are_refused),
               TRIB_TEST(binomial_is_that_of_its_terms),
               TRIB_TEST(runs_above_half_the_bound_leave_it_undecided),
               TRIB_TEST(counts_are_those_of_mlperf),
               TRIB_TEST(ranks_hold_the_quantile), TRIB_TEST(verdict_needs_enough_requests),
               TRIB_TEST(bursts_count_for_less), TRIB_TEST(every_bound_must_be_kept),
               TRIB_TEST(rate_found_is_that_of_the_formula),
               TRIB_TEST(loose_bound_ends_at_the_ceiling),
               TRIB_TEST(bound_below_the_service_time_is_never_kept),
               TRIB_TEST(search_ends_when_its_time_is_over),
               TRIB_TEST(failing_look_ends_the_search),
               TRIB_TEST(search_without_a_ceiling_is_refused))
