/* SPDX-License-Identifier: Apache-2.0 */
/* The static layout: no two values that are alive in the same step overlap, and the slab is little
 * larger than what is alive at once. The checker goes step by step and knows nothing of how the
 * layout was made. */
#include "test_main.h"

#include <stdlib.h>

#include "base/random.h"
#include "plan/plan.h"

#define MOST 120

static int by_offset(const void *a, const void *b)
{
        const struct trib__lifetime *x = *(struct trib__lifetime *const *)a;
        const struct trib__lifetime *y = *(struct trib__lifetime *const *)b;

        return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Check every step; gives the largest sum alive in one. */
static uint64_t check_layout(struct trib__lifetime *lives, uint32_t count, uint32_t steps,
                             uint64_t slab)
{
        uint64_t most = 0;

        for (uint32_t step = 0; step < steps; step++) {
                struct trib__lifetime *alive[MOST];
                uint32_t               n = 0;
                uint64_t               sum = 0, end = 0;

                for (uint32_t i = 0; i < count; i++) {
                        if (lives[i].first <= step && step <= lives[i].last)
                                alive[n++] = &lives[i];
                }
                qsort(alive, n, sizeof(alive[0]), by_offset);
                for (uint32_t i = 0; i < n; i++) {
                        if (alive[i]->bytes == 0)
                                continue;
                        assert_true(alive[i]->offset >= end);
                        end = alive[i]->offset + alive[i]->bytes;
                        sum += alive[i]->bytes;
                }
                assert_true(end <= slab);
                most = sum > most ? sum : most;
        }
        return most;
}

static void plan_layout_never_overlaps_live_values(void **state)
{
        struct trib__random   random = { 20250101 };
        struct trib__lifetime lives[MOST];
        uint32_t              order[MOST];
        double                ratios = 0, worst = 0;
        const int             rounds = 2000;

        (void)state;
        for (int round = 0; round < rounds; round++) {
                uint32_t count = 1 + trib__random_below(&random, MOST);
                uint32_t steps = 1 + trib__random_below(&random, 200);
                uint64_t slab, most;

                for (uint32_t i = 0; i < count; i++) {
                        lives[i].bytes = 64 * (1 + (UINT64_C(1)
                                                    << trib__random_below(&random, 12)) +
                                               trib__random_below(&random, 100));
                        lives[i].first = trib__random_below(&random, steps);
                        lives[i].last = lives[i].first + trib__random_below(&random, 8);
                        lives[i].offset = 12345;
                }
                slab = trib__plan_layout(lives, order, count);
                most = check_layout(lives, count, steps + 8, slab);
                assert_true(slab >= most);
                ratios += (double)slab / (double)most;
                worst = (double)slab / (double)most > worst ? (double)slab / (double)most
                                                            : worst;
        }
        print_message("slab / most alive: mean %.4f, worst %.3f\n", ratios / rounds, worst);
        assert_true(ratios / rounds < 1.05);
        assert_true(worst < 1.6);
}

static void plan_layout_of_a_chain_is_two_values(void **state)
{
        struct trib__lifetime lives[100];
        uint32_t              order[100];

        (void)state;
        for (uint32_t i = 0; i < 100; i++)
                lives[i] = (struct trib__lifetime){ 4096, i, i + 1, 0 };
        assert_int_equal(trib__plan_layout(lives, order, 100), 2 * 4096);
        (void)check_layout(lives, 100, 102, 2 * 4096);
}

static void plan_layout_of_nothing_is_nothing(void **state)
{
        uint32_t order[1];

        (void)state;
        assert_int_equal(trib__plan_layout(NULL, order, 0), 0);
}

static void plan_layout_is_the_same_every_time(void **state)
{
        struct trib__random   random = { 7 };
        struct trib__lifetime one[MOST], two[MOST];
        uint32_t              order[MOST];

        (void)state;
        for (uint32_t i = 0; i < MOST; i++) {
                one[i] = (struct trib__lifetime){ 64 * (1 + trib__random_below(&random, 4)),
                                                  trib__random_below(&random, 50), 0, 0 };
                one[i].last = one[i].first + trib__random_below(&random, 5);
        }
        memcpy(two, one, sizeof(two));
        assert_int_equal(trib__plan_layout(one, order, MOST), trib__plan_layout(two, order, MOST));
        for (uint32_t i = 0; i < MOST; i++)
                assert_int_equal(one[i].offset, two[i].offset);
}

TRIB_TEST_MAIN(TRIB_TEST(plan_layout_never_overlaps_live_values),
               TRIB_TEST(plan_layout_of_a_chain_is_two_values),
               TRIB_TEST(plan_layout_of_nothing_is_nothing),
               TRIB_TEST(plan_layout_is_the_same_every_time))
