/* SPDX-License-Identifier: Apache-2.0 */
/* The closed network: its bounds, how near it is to exact mean value analysis, and its fit. */
#include <math.h>

#include "analysis/measured.h"
#include "base/random.h"

#include "analysis/network.h"

static const struct trib__network plain = { .latency_us = 1000, .smoothness = 1, .count = 3,
                                            .turn_us = { 250, 100, 30 } };

/* Exact mean value analysis of single servers and a delay (Reiser and Lavenberg). */
static double exact(const struct trib__network *network, unsigned threads)
{
        double queues[TRIB__STATIONS_MAX] = { 0 }, x = 0;

        for (unsigned n = 1; n <= threads; n++) {
                double time = network->latency_us;

                for (unsigned i = 0; i < network->count; i++)
                        time += network->turn_us[i] * queues[i];
                x = n / time;
                for (unsigned i = 0; i < network->count; i++)
                        queues[i] = x * network->turn_us[i] * (1 + queues[i]);
        }
        return 1e6 * x;
}

static void network_in_step_reaches_the_lower_of_its_bounds(void **state)
{
        (void)state;
        for (unsigned n = 1; n <= 64; n++)
                assert_near(trib__network_throughput(&plain, n),
                            fmin(n * 1e6 / plain.latency_us, 1e6 / 250), 1e-9);
        assert_near(trib__network_ceiling(&plain), 4000, 1e-12);
}

static void network_of_random_times_is_near_exact_mean_value_analysis(void **state)
{
        static const double turns[][3] = { { 250, 100, 30 }, { 900, 50, 50 }, { 300, 300, 300 },
                                           { 10, 1, 1 } };

        (void)state;
        for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
                struct trib__network network = plain;

                network.smoothness = 0;
                memcpy(network.turn_us, turns[i], sizeof(turns[i]));
                assert_near(trib__network_throughput(&network, 1), 1000, 1e-9);
                for (unsigned n = 2; n <= 256; n *= 2)
                        assert_near(trib__network_throughput(&network, n), exact(&network, n),
                                    0.06);
        }
}

static void network_rises_with_threads_and_never_beyond_its_bounds(void **state)
{
        (void)state;
        for (int k = 0; k <= 10; k++) {
                struct trib__network network = plain;
                double               before = 0;

                network.smoothness = k / 10.0;
                for (double n = 1; n <= 65536; n *= 1.5) {
                        double x = trib__network_throughput(&network, n);

                        assert_true(isfinite(x) && x >= before * (1 - 1e-9));
                        assert_true(x <= n * 1000 * (1 + 1e-9) && x <= 4000 * (1 + 1e-9));
                        before = x;
                }
                assert_near(before, 4000, 1e-3);
        }
}

static void network_without_stations_has_no_ceiling(void **state)
{
        struct trib__network network = { .latency_us = 10 };

        (void)state;
        assert_near(trib__network_throughput(&network, 7), 7e5, 1e-9);
        assert_true(isinf(trib__network_ceiling(&network)));
}

static void network_survives_times_of_any_size(void **state)
{
        static const double sizes[] = { 1e-30, 1e-3, 1, 1e9, 1e30 };

        (void)state;
        for (size_t i = 0; i < 5; i++) {
                for (size_t k = 0; k < 5; k++) {
                        struct trib__network network = { .latency_us = sizes[i], .count = 1,
                                                         .turn_us = { sizes[k] } };
                        double x = trib__network_throughput(&network, 65536);

                        assert_true(isfinite(x) && x > 0);
                }
        }
}

static double normal(struct trib__random *random)
{
        double sum = -6;

        for (int i = 0; i < 12; i++)
                sum += trib__random_unit(random);
        return sum;
}

/* Of 200 seeded cases with the true times known to 1 %: intervals at four times the threads that
 * hold the truth. */
static void network_intervals_cover_the_truth(void **state)
{
        static const double threads[] = { 1, 2, 3, 4 };
        struct trib__random random = { 5 };
        int                 hits = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                struct trib__network     truth = plain, told;
                struct trib__usl_point   points[4];
                struct trib__network_fit fit;
                struct trib__network_data data = { points, 4, 16, 0.7, 0.01 };
                double                   range[3], x;

                truth.smoothness = 0.4 + 0.6 * trib__random_unit(&random);
                truth.turn_us[0] = 60 + 400 * trib__random_unit(&random);
                for (int k = 0; k < 4; k++) {
                        x = trib__network_throughput(&truth, threads[k]);
                        points[k] = (struct trib__usl_point){
                                threads[k], x * (1 + 0.01 * normal(&random)), 1e4 / (x * x) };
                }
                told = truth;
                told.smoothness = 0.7;
                for (unsigned k = 0; k < told.count; k++)
                        told.turn_us[k] *= 1 + 0.005 * normal(&random);
                trib__network_fit(&told, &data, &fit);
                trib__network_interval(&fit, &told, 16, range);
                x = trib__network_throughput(&truth, 16);
                hits += range[0] <= x && x <= range[1];
                assert_true(range[0] <= range[2] && range[2] <= range[1]);
                assert_near(range[2], x, 0.1);
        }
        assert_in_range(hits, 184, 200);
}

TRIB_TEST_MAIN(TRIB_TEST(network_in_step_reaches_the_lower_of_its_bounds),
               TRIB_TEST(network_of_random_times_is_near_exact_mean_value_analysis),
               TRIB_TEST(network_rises_with_threads_and_never_beyond_its_bounds),
               TRIB_TEST(network_without_stations_has_no_ceiling),
               TRIB_TEST(network_survives_times_of_any_size),
               TRIB_TEST(network_intervals_cover_the_truth))
