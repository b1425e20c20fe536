/* SPDX-License-Identifier: Apache-2.0 */
/* The scaling law: published data with published coefficients, and planted parameters. */
#include <math.h>

#include "analysis/measured.h"

#include "analysis/usl.h"

static size_t plant(struct trib__usl_point *points, const double *parameters, size_t count)
{
        static const double threads[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 };

        for (size_t i = 0; i < count; i++) {
                double n = threads[i];

                points[i].threads = n;
                points[i].weight = 1;
                points[i].ops_per_s = parameters[0] * n
                                      / (1 + parameters[1] * (n - 1)
                                         + parameters[2] * n * (n - 1));
        }
        return count;
}

/* SPEC SDM91 on a SPARCcenter 2000, the data set `specsdm91` of the R package usl, whose summary
 * prints (its alpha, beta, gamma are our sigma, kappa, lambda):
 *     alpha 0.0277285 +- 0.0091217, beta 0.0001044 +- 0.0000199, gamma 89.995233 +- 14.2134894
 * and in the package's own tests beta 1.044e-04 +- 1.988e-05. */
static void usl_fit_gives_the_published_coefficients_of_specsdm91(void **state)
{
        static const struct trib__usl_point points[] = {
                { 1, 64.9, 1 },    { 18, 995.9, 1 },   { 36, 1652.4, 1 }, { 72, 1853.2, 1 },
                { 108, 1828.9, 1 }, { 144, 1775.0, 1 }, { 216, 1702.2, 1 }
        };
        struct trib__fit fit;

        (void)state;
        trib__usl_fit(points, 7, &fit);
        assert_true(fit.is_present);
        assert_near(fit.lambda, 89.995233, 1e-6);
        assert_near(fit.sigma, 0.0277285, 2e-6);
        assert_near(fit.kappa, 0.0001044, 4e-4);
        assert_near(fit.se[0], 14.2134894, 1e-5);
        assert_near(fit.se[1], 0.0091217, 1e-5);
        assert_near(fit.se[2], 1.988e-5, 4e-4);
        assert_near(fit.peak_threads, 96.5, 1e-3);
        assert_near(fit.ci95[1][1], 0.0277285 + 2.776 * 0.0091217, 1e-4);
        assert_near(fit.ci95[1][0], 0.0277285 - 2.776 * 0.0091217, 2e-3);
}

/* The ray tracer of Gunther's "Guerrilla Capacity Planning". Unbounded, its kappa is negative; the
 * R package usl publishes alpha 0.057771, beta 0, gamma 21.848843, and in its own tests intervals
 * of 0.033677 to 0.081864 for alpha, 17.868380 to 25.829306 for gamma and +-0.000214 for beta: that
 * is 1.812461 standard errors (Student's t, 95 % one-sided, 10 degrees of freedom) to each side. */
static void usl_fit_holds_kappa_at_zero_for_the_raytracer(void **state)
{
        static const struct trib__usl_point points[] = {
                { 1, 20, 1 },   { 4, 78, 1 },   { 8, 130, 1 },  { 12, 170, 1 },
                { 16, 190, 1 }, { 20, 200, 1 }, { 24, 210, 1 }, { 28, 230, 1 },
                { 32, 260, 1 }, { 48, 280, 1 }, { 64, 310, 1 }
        };
        struct trib__fit fit;

        (void)state;
        trib__usl_fit(points, 11, &fit);
        assert_true(fit.is_present);
        assert_true(fit.kappa == 0);
        assert_near(fit.sigma, 0.057771, 2e-5);
        assert_near(fit.lambda, 21.848843, 2e-5);
        assert_near(fit.se[0] * 1.812461, (25.829306 - 17.868380) / 2, 2e-5);
        assert_near(fit.se[1] * 1.812461, (0.081864 - 0.033677) / 2, 1e-4);
        assert_near(fit.se[2] * 1.812461, 0.000214, 2e-3);
        assert_true(fit.peak_threads == 0);
}

static void usl_fit_recovers_planted_parameters(void **state)
{
        static const double planted[][3] = { { 4000, 0.05, 0.002 }, { 1e6, 0.3, 0.02 },
                                             { 12.5, 0.0, 0.01 },   { 1800, 0.12, 0.0 },
                                             { 999, 0.0, 0.0 },     { 5e4, 0.9, 0.0001 } };

        (void)state;
        for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
                struct trib__usl_point points[10];
                struct trib__fit       fit;

                trib__usl_fit(points, plant(points, planted[i], 10), &fit);
                assert_true(fit.is_present);
                assert_near(fit.lambda, planted[i][0], 1e-6);
                assert_true(fabs(fit.sigma - planted[i][1]) < 1e-6);
                assert_true(fabs(fit.kappa - planted[i][2]) < 1e-6);
                assert_true(fit.r2 > 0.999999 || planted[i][1] >= 0.9);
        }
}

static void usl_fit_finds_the_planted_peak(void **state)
{
        static const double    planted[] = { 1000, 0.1, 0.01 };
        struct trib__usl_point points[8];
        struct trib__fit       fit;

        (void)state;
        trib__usl_fit(points, plant(points, planted, 8), &fit);
        assert_near(fit.peak_threads, sqrt(0.9 / 0.01), 1e-5);
        assert_near(trib__usl_throughput(&fit, 4), points[3].ops_per_s, 1e-9);
}

static void usl_fit_intervals_cover_noisy_parameters(void **state)
{
        static const double    planted[] = { 1000, 0.08, 0.003 };
        static const double    noise[] = { 1.01, 0.99, 1.012, 0.985, 1.0, 1.015, 0.99, 1.008 };
        struct trib__usl_point points[8];
        struct trib__fit       fit;

        (void)state;
        plant(points, planted, 8);
        for (size_t i = 0; i < 8; i++)
                points[i].ops_per_s *= noise[i];
        trib__usl_fit(points, 8, &fit);
        assert_true(fit.is_present);
        for (int i = 0; i < 3; i++)
                assert_true(fit.ci95[i][0] <= planted[i] && planted[i] <= fit.ci95[i][1]);
}

static void usl_fit_listens_to_weights(void **state)
{
        static const double    planted[] = { 1000, 0.1, 0.01 };
        struct trib__usl_point points[8];
        struct trib__fit       fit;

        (void)state;
        plant(points, planted, 8);
        points[5].ops_per_s *= 3;
        points[5].weight = 1e-9;
        trib__usl_fit(points, 8, &fit);
        assert_near(fit.lambda, 1000, 1e-5);
        assert_near(fit.sigma, 0.1, 1e-4);
}

static void usl_fit_is_absent_with_three_points_and_says_so(void **state)
{
        static const double    planted[] = { 1000, 0.1, 0.01 };
        struct trib__usl_point points[3];
        struct trib__fit       fit;

        (void)state;
        trib__usl_fit(points, plant(points, planted, 3), &fit);
        assert_false(fit.is_present);
        assert_non_null(strstr(fit.reason, "too few points: 3"));
        trib__usl_fit(points, 0, &fit);
        assert_false(fit.is_present);
}

static void usl_fit_survives_curves_that_are_no_scaling_law(void **state)
{
        static const double shapes[][5] = { { 1, 1, 1, 1, 1 },
                                            { 5, 4, 3, 2, 1 },
                                            { 1, 10, 100, 1000, 10000 },
                                            { 1e-20, 1e20, 1, 1e20, 1e-20 },
                                            { 1e30, 1e30, 1e30, 1e30, 1e-30 } };

        (void)state;
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                struct trib__usl_point points[5];
                struct trib__fit       fit;

                for (size_t k = 0; k < 5; k++) {
                        points[k].threads = (double)(k + 1);
                        points[k].ops_per_s = shapes[i][k];
                        points[k].weight = 1;
                }
                trib__usl_fit(points, 5, &fit);
                assert_true(!fit.is_present
                            || (isfinite(fit.lambda) && fit.lambda > 0 && isfinite(fit.sigma)
                                && fit.sigma >= 0 && isfinite(fit.kappa) && fit.kappa >= 0));
        }
}

TRIB_TEST_MAIN(TRIB_TEST(usl_fit_gives_the_published_coefficients_of_specsdm91),
               TRIB_TEST(usl_fit_holds_kappa_at_zero_for_the_raytracer),
               TRIB_TEST(usl_fit_recovers_planted_parameters),
               TRIB_TEST(usl_fit_finds_the_planted_peak),
               TRIB_TEST(usl_fit_intervals_cover_noisy_parameters),
               TRIB_TEST(usl_fit_listens_to_weights),
               TRIB_TEST(usl_fit_is_absent_with_three_points_and_says_so),
               TRIB_TEST(usl_fit_survives_curves_that_are_no_scaling_law))
