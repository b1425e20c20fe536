/* SPDX-License-Identifier: Apache-2.0 */
/* What the analysis says of 8 and 16 threads, from 1 to 4, against a discrete-event model of random
 * machines. bench/predictions.c does the same over hundreds of them. */
#include "test_main.h"

#include <math.h>

#include "held_out.h"

#define MACHINES 48

static void held_out_throughput_is_predicted(void **state)
{
        struct held_out held;
        unsigned        right = 0, covered = 0;

        (void)state;
        for (uint64_t seed = 1; seed <= MACHINES; seed++) {
                assert_true(held_out_run(seed, &held));
                for (unsigned i = 0; i < HELD_OUT_COUNT; i++) {
                        right += fabs(held.at[i].error) <= 0.10;
                        covered += held.at[i].is_covered;
                }
        }
        if (right < 0.95 * HELD_OUT_COUNT * MACHINES)
                fail_msg("%u of %u predictions are within 10 %%", right, HELD_OUT_COUNT * MACHINES);
        if (covered < 0.90 * HELD_OUT_COUNT * MACHINES)
                fail_msg("%u of %u predictions are in their interval", covered,
                         HELD_OUT_COUNT * MACHINES);
}

/* One server of 100 us, 50 us elsewhere: alone 150 us; two threads already keep it busy. */
static void held_out_model_reaches_the_bounds_of_a_closed_network(void **state)
{
        const struct loop_machine machine = { .executors = 1, .resume_us = 50, .bandwidth = 1,
                                              .n_steps = 1, .steps = { { 100, 0, false } } };
        struct loop_plan plan = { .rounds = 1, .requests = 200, .seed = 1 };
        struct loop_run  run;

        (void)state;
        for (plan.threads = 1; plan.threads <= 8; plan.threads++) {
                double expected = plan.threads == 1 ? 1e6 / 150 : 1e4;

                loop_measure(&machine, &plan, &run);
                assert_true(fabs(run.ops_per_s / expected - 1) < 0.01);
                assert_true(fabs(run.latency_us * run.ops_per_s / 1e6 / plan.threads - 1) < 0.02);
                assert_true(fabs(run.shares.device - 100) < 1);
                assert_true(fabs(run.shares.device + run.shares.queue + run.shares.notification
                                 - run.latency_us) < 1);
        }
}

/* Four executors that each could move 10 bytes per us, 20 in all: 100 bytes take 20 us each. */
static void held_out_model_shares_the_memory(void **state)
{
        const struct loop_machine machine = { .executors = 4, .bandwidth = 10,
                                              .total_bandwidth = 20, .n_steps = 1,
                                              .steps = { { 1, 100, false } } };
        struct loop_plan plan = { .threads = 4, .rounds = 1, .requests = 200, .seed = 1 };
        struct loop_run  run;

        (void)state;
        loop_measure(&machine, &plan, &run);
        assert_true(fabs(run.ops_per_s / 2e5 - 1) < 0.01);
        plan.threads = 1;
        loop_measure(&machine, &plan, &run);
        assert_true(fabs(run.ops_per_s / 1e5 - 1) < 0.01);
}

TRIB_TEST_MAIN(TRIB_TEST(held_out_throughput_is_predicted),
               TRIB_TEST(held_out_model_reaches_the_bounds_of_a_closed_network),
               TRIB_TEST(held_out_model_shares_the_memory))
