/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a law, and how often its intervals cover the truth. */
#include <math.h>

#include "analysis/measured.h"
#include "base/random.h"

#include "analysis/law.h"

static double law_of(const double *p, double n)
{
        return p[0] * n / (1 + p[1] * (n - 1) + p[2] * n * (n - 1));
}

/* A standard normal number: the sum of twelve uniform ones, less 6. */
static double normal(struct trib__random *random)
{
        double sum = -6;

        for (int i = 0; i < 12; i++)
                sum += trib__random_unit(random);
        return sum;
}

static void draw(struct trib__usl_point *points, const double *threads, size_t count,
                 const double *p, double noise, struct trib__random *random)
{
        for (size_t i = 0; i < count; i++) {
                double x = law_of(p, threads[i]);

                points[i].threads = threads[i];
                points[i].ops_per_s = x * (1 + noise * normal(random));
                points[i].weight = noise > 0 ? 1 / (noise * noise * x * x) : 1 / (x * x);
        }
}

static const double few[] = { 1, 2, 3, 4, 6, 8 };

static void check_choice(const double *p, const char *wanted)
{
        struct trib__usl_point points[6];
        struct trib__random    random = { 7 };
        struct trib__law_data  data = { points, 6, true, 24 };
        struct trib__fit       fit;

        draw(points, few, 6, p, 0.01, &random);
        trib__law_fit(&data, &fit);
        assert_true(fit.is_present);
        assert_string_equal(fit.law, wanted);
        assert_true(fit.law_why[0] != '\0');
}

static void law_chooses_the_one_that_was_planted(void **state)
{
        (void)state;
        check_choice((const double[]){ 1000, 0, 0 }, "linear");
        check_choice((const double[]){ 1000, 0.1, 0 }, "amdahl");
        check_choice((const double[]){ 1000, 0.1, 0.02 }, "usl");
        check_choice((const double[]){ 1000, 0, 0.02 }, "usl");
}

/* Of 200 seeded cases: how many of the 95 % intervals at `threads` hold the planted truth. */
static int covered(const double *threads, size_t count, double at, double noise, bool has_errors)
{
        struct trib__random random = { 99 };
        int                 hits = 0;

        for (int i = 0; i < 200; i++) {
                struct trib__usl_point  points[8];
                struct trib__law_data   data = { points, count, has_errors, 4 * count };
                struct trib__fit        fit;
                struct trib__prediction prediction;
                double p[] = { 1000, 0.3 * (i % 5) / 4.0, 0.01 * (i % 3) / 2.0 };

                draw(points, threads, count, p, noise, &random);
                trib__law_fit(&data, &fit);
                trib__law_predict(&data, &fit, at, &prediction);
                hits += prediction.ci95[0] <= law_of(p, at) && law_of(p, at) <= prediction.ci95[1];
        }
        return hits;
}

static void law_intervals_cover_the_truth_between_the_points(void **state)
{
        (void)state;
        assert_in_range(covered(few, 6, 5, 0.02, true), 184, 200);
        assert_in_range(covered(few, 6, 5, 0.02, false), 184, 200);
}

static void law_intervals_cover_the_truth_at_four_times_the_threads(void **state)
{
        (void)state;
        assert_in_range(covered(few, 6, 32, 0.02, true), 184, 200);
        assert_in_range(covered(few, 4, 16, 0.01, true), 184, 200);
        assert_in_range(covered(few, 4, 16, 0.01, false), 184, 200);
}

static void law_interval_of_a_planted_peak_holds_it(void **state)
{
        const double           p[] = { 1000, 0.05, 0.01 };
        struct trib__usl_point points[6];
        struct trib__random    random = { 3 };
        struct trib__law_data  data = { points, 6, true, 24 };
        struct trib__fit       fit;

        (void)state;
        draw(points, few, 6, p, 0.005, &random);
        trib__law_fit(&data, &fit);
        assert_in_range((int)(10 * fit.peak_ci95[0]), 50, 97);
        assert_true(fit.peak_ci95[1] > sqrt(0.95 / 0.01));
        assert_true(isfinite(fit.peak_ci95[1]));
}

static void law_says_when_the_data_cannot_bear_a_prediction(void **state)
{
        const double            p[] = { 1000, 0.05, 0.001 };
        struct trib__usl_point  points[6];
        struct trib__random     random = { 5 };
        struct trib__law_data   data = { points, 6, true, 24 };
        struct trib__fit        fit;
        struct trib__prediction prediction;

        (void)state;
        draw(points, few, 6, p, 0.01, &random);
        trib__law_fit(&data, &fit);
        trib__law_predict(&data, &fit, 16, &prediction);
        assert_true(prediction.is_borne);
        trib__law_predict(&data, &fit, 100, &prediction);
        assert_false(prediction.is_borne);
        assert_non_null(strstr(prediction.why, "more than 4 times"));
        draw(points, few, 6, p, 0.2, &random);
        trib__law_fit(&data, &fit);
        trib__law_predict(&data, &fit, 32, &prediction);
        assert_false(prediction.is_borne);
        assert_non_null(strstr(prediction.why, "wider than the value"));
        data.count = 3;
        trib__law_fit(&data, &fit);
        trib__law_predict(&data, &fit, 16, &prediction);
        assert_false(prediction.is_borne);
        assert_non_null(strstr(prediction.why, "too few points"));
}

/* The Cisco benchmark of B. Schwartz's "Practical Scalability Analysis with the Universal
 * Scalability Law"; the book's fit: lambda 995.6486, sigma 0.02671591, kappa 0.0007690945, with
 * the peak at 35 threads and 12,341 operations per second. */
static void law_gives_the_published_fit_of_the_cisco_benchmark(void **state)
{
        static const double ops[] = {
                955.16,   1878.91,  2688.01,  3548.68,  4315.54,  5130.43,  5931.37,  6531.08,
                7219.8,   7867.61,  8278.71,  8646.7,   9047.84,  9426.55,  9645.37,  9897.24,
                10097.6,  10240.5,  10532.39, 10798.52, 11151.43, 11518.63, 11806,    12089.37,
                12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4,  12074.39
        };
        struct trib__usl_point points[32];
        struct trib__law_data  data = { points, 32, false, 0 };
        struct trib__fit       fit;

        (void)state;
        for (int i = 0; i < 32; i++)
                points[i] = (struct trib__usl_point){ i + 1, ops[i], 1 };
        trib__law_fit(&data, &fit);
        assert_string_equal(fit.law, "usl");
        assert_near(fit.lambda, 995.6486, 1e-6);
        assert_near(fit.sigma, 0.02671591, 1e-5);
        assert_near(fit.kappa, 0.0007690945, 1e-5);
        assert_in_range((int)fit.peak_threads, 35, 35);
        assert_near(trib__usl_throughput(&fit, 35), 12341.7454, 1e-6);
        assert_true(fit.peak_ci95[0] < fit.peak_threads && fit.peak_threads < fit.peak_ci95[1]);
}

TRIB_TEST_MAIN(TRIB_TEST(law_chooses_the_one_that_was_planted),
               TRIB_TEST(law_intervals_cover_the_truth_between_the_points),
               TRIB_TEST(law_intervals_cover_the_truth_at_four_times_the_threads),
               TRIB_TEST(law_interval_of_a_planted_peak_holds_it),
               TRIB_TEST(law_says_when_the_data_cannot_bear_a_prediction),
               TRIB_TEST(law_gives_the_published_fit_of_the_cisco_benchmark))
