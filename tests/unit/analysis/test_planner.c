/* SPDX-License-Identifier: Apache-2.0 */
/* Advice from some of the settings: what each goal picks, and that the planner finds it. */
#include <math.h>

#include "test_main.h"

#include "analysis/planner.h"
#include "planned.h"

static const unsigned threads[] = { 1, 2, 3, 4, 6, 8, 12, 16 };

/* Of cases from seed 1 on: how many lose over 3 % in any goal, with a fifth of the grid's time. */
static unsigned cases_missed(enum planned_truth truth, unsigned count, unsigned kinds)
{
        unsigned missed = 0;

        for (uint64_t seed = 1; seed <= count; seed++) {
                struct planned_case  planned = { .seed = seed, .truth = truth, .batches = 4,
                                                 .kinds = kinds };
                struct planned_score score;
                double               most = 0;

                planned_fill(&planned);
                assert_true(planned_run(&planned, 0.2, &score));
                assert_true(score.part <= 0.2);
                for (int g = 0; g < TRIB__GOALS; g++)
                        most = fmax(most, score.loss[g]);
                missed += most > 0.03;
                if (most > 0.03)
                        print_message("seed %d: latency %.3f, production %.3f, batch %.3f, slo "
                                      "%.3f\n", (int)seed, score.loss[0], score.loss[1],
                                      score.loss[2], score.loss[3]);
        }
        return missed;
}

static void advice_is_found_in_a_fifth_of_the_time(void **state)
{
        (void)state;
        assert_in_range(cases_missed(PLANNED_NETWORK, 40, 2), 0, 1);
}

static void advice_over_batches_alone_is_found_too(void **state)
{
        (void)state;
        assert_in_range(cases_missed(PLANNED_NETWORK, 40, 1), 0, 4);
}

static void advice_is_found_on_the_discrete_event_model(void **state)
{
        (void)state;
        assert_in_range(cases_missed(PLANNED_EVENTS, 24, 2), 0, 1);
}

static void same_seed_makes_the_same_plan(void **state)
{
        struct planned_case planned = { .seed = 7, .batches = 2, .kinds = 1 };
        size_t              asked[2][100], count[2] = { 0, 0 };

        (void)state;
        planned_fill(&planned);
        for (int run = 0; run < 2; run++) {
                struct trib__planner *planner;
                size_t                at;

                assert_int_equal(trib__planner_create(&(struct trib__planner_options){
                                                              planned.settings,
                                                              planned.surface.count,
                                                              3, 1, 0, 20, 0, 5 },
                                                      &planner, NULL), TRIB_OK);
                while (trib__planner_next(planner, &at)) {
                        trib__planner_add(planner,
                                          &(struct trib__seen){ at, exp(planned.log_rate[at]), 0,
                                                                1 });
                        asked[run][count[run]++] = at;
                }
                trib__planner_destroy(planner);
        }
        assert_int_equal(count[0], count[1]);
        assert_true(count[0] >= 5);
        assert_memory_equal(asked[0], asked[1], count[0] * sizeof(size_t));
}

/* The published thread table, whose authors chose 2-3, 4-6 and 8 by eye. */
static void goals_pick_what_people_pick(void **state)
{
        static const double ops[] = { 4117, 7213, 8513, 9241, 9898, 10289, 10430, 10472 };
        struct trib__setting settings[8];
        double               log_rate[8], log_tail[8] = { 0 };
        struct trib__surface surface = { settings, 8, log_rate, log_tail, 0 };

        (void)state;
        for (size_t i = 0; i < 8; i++) {
                settings[i] = (struct trib__setting){ threads[i], 32, 0 };
                log_rate[i] = log(32 * ops[i]);
        }
        assert_int_equal(settings[trib__goal_pick(TRIB__GOAL_LATENCY, &surface)].threads, 2);
        assert_int_equal(settings[trib__goal_pick(TRIB__GOAL_PRODUCTION, &surface)].threads, 4);
        assert_int_equal(settings[trib__goal_pick(TRIB__GOAL_BATCH, &surface)].threads, 8);
        /* p99 of 1e6 N / X: 243 us at 1 thread, 277 at 2, 352 at 3. */
        surface.slo_us = 300;
        assert_int_equal(settings[trib__goal_pick(TRIB__GOAL_SLO, &surface)].threads, 2);
        surface.slo_us = 100;
        assert_int_equal(settings[trib__goal_pick(TRIB__GOAL_SLO, &surface)].threads, 1);
}

static void goals_lose_nothing_by_their_own_pick(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct planned_case planned = { .seed = seed, .batches = 4, .kinds = 2 };

                planned_fill(&planned);
                for (int g = 0; g < TRIB__GOALS; g++) {
                        size_t pick = trib__goal_pick((trib__goal)g, &planned.surface);

                        assert_true(pick < planned.surface.count);
                        for (size_t i = 0; i < planned.surface.count; i++) {
                                double loss = trib__goal_loss((trib__goal)g, &planned.surface,
                                                              pick, i);

                                assert_true(isfinite(loss) && loss >= 0);
                                assert_true(i != pick || loss == 0);
                        }
                }
        }
}

static void flat_curve_needs_one_thread(void **state)
{
        struct trib__setting settings[3] = { { 1, 1, 0 }, { 4, 1, 0 }, { 8, 1, 0 } };
        double               log_rate[3] = { 5, 5.001, 4.999 }, log_tail[3] = { 0 };
        struct trib__surface surface = { settings, 3, log_rate, log_tail, 0 };

        (void)state;
        assert_int_equal(trib__goal_pick(TRIB__GOAL_LATENCY, &surface), 0);
        assert_int_equal(trib__goal_pick(TRIB__GOAL_PRODUCTION, &surface), 0);
        assert_int_equal(trib__goal_pick(TRIB__GOAL_BATCH, &surface), 0);
}

static void settings_that_give_nothing_are_not_asked_again(void **state)
{
        struct trib__setting settings[2] = { { 1, 1, 0 }, { 4, 1, 0 } };
        struct trib__planner *planner;
        struct trib__choice   choice;
        size_t                at, asked = 0;

        (void)state;
        assert_int_equal(trib__planner_create(&(struct trib__planner_options){
                                                      settings, 2, 3, 1, 0, 100, 0, 1 },
                                              &planner, NULL), TRIB_OK);
        while (trib__planner_next(planner, &at) && asked++ < 10)
                trib__planner_add(planner, &(struct trib__seen){ at, 0, 0, 1 });
        assert_int_equal(asked, 2);
        assert_false(trib__planner_choose(planner, TRIB__GOAL_BATCH, &choice));
        trib__planner_destroy(planner);
}

static void planner_refuses_bad_options(void **state)
{
        struct trib__setting  one = { 1, 1, 0 }, none = { 0, 1, 0 };
        struct trib__planner *planner;

        (void)state;
        assert_int_equal(trib__planner_create(&(struct trib__planner_options){ &one, 0, 1, 1, 0, 1,
                                                                               0, 1 },
                                              &planner, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__planner_create(&(struct trib__planner_options){ &none, 1, 1, 1, 0,
                                                                               1, 0, 1 },
                                              &planner, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib__planner_create(&(struct trib__planner_options){ &one, 1, 0, 1, 0, 1,
                                                                               0, 1 },
                                              &planner, NULL), TRIB_INVALID_ARGUMENT);
        assert_null(planner);
        trib__planner_destroy(NULL);
}

TRIB_TEST_MAIN(TRIB_TEST(advice_is_found_in_a_fifth_of_the_time),
               TRIB_TEST(advice_over_batches_alone_is_found_too),
               TRIB_TEST(advice_is_found_on_the_discrete_event_model),
               TRIB_TEST(same_seed_makes_the_same_plan),
               TRIB_TEST(goals_pick_what_people_pick),
               TRIB_TEST(goals_lose_nothing_by_their_own_pick),
               TRIB_TEST(flat_curve_needs_one_thread),
               TRIB_TEST(settings_that_give_nothing_are_not_asked_again),
               TRIB_TEST(planner_refuses_bad_options))
