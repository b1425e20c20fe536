/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, mixed models and shapes, every result compared with the bits of the same request
 * run alone (storm.h). TRIB_TEST_SCALE=100 makes the whole: 64 threads, 10^6 requests of each,
 * direct and submitted, on the CPU and on the simulated device. */
#include "test_main.h"

#include <stdlib.h>

#include "cards.h"
#include "storm.h"

#define MIB (UINT64_C(1) << 20)

/* What most cases have; what follows overrides. */
#define PLAN(title, where, ...)                                                            \
        static const struct storm_plan plan = { .name = (title), .device = (where),        \
                                                .memory_limit = 64 * MIB, __VA_ARGS__ }

/* The simulated device has eight queues here, because it has one thread to compute with. */
static void stress_cpu_direct(void **state)
{
        PLAN("cpu, direct", "cpu:0", .threads = 64, .streams = 64, .workers = 2, .keepers = 2,
             .kept_bytes = 256 << 10, .requests = 1000000);

        (void)state;
        storm_run(&plan);
}

static void stress_cpu_async(void **state)
{
        PLAN("cpu, async", "cpu:0", .threads = 64, .streams = 64, .workers = 2, .keepers = 2,
             .kept_bytes = 256 << 10, .requests = 1000000, .is_async = true);

        (void)state;
        storm_run(&plan);
}

static void stress_sim_direct(void **state)
{
        PLAN("sim, direct", "sim:fast,queues=8", .threads = 64, .streams = 8, .workers = 2,
             .keepers = 1, .kept_bytes = 16 << 10, .requests = 1000000);

        (void)state;
        storm_run(&plan);
}

static void stress_sim_async(void **state)
{
        PLAN("sim, async", "sim:fast,queues=8", .threads = 64, .streams = 8, .workers = 2,
             .keepers = 1, .kept_bytes = 16 << 10, .requests = 1000000, .is_async = true);

        (void)state;
        storm_run(&plan);
}

static void stress_reference_kernels(void **state)
{
        PLAN("cpu without oneDNN", "cpu:0", .threads = 64, .streams = 64, .workers = 2,
             .keepers = 2, .kept_bytes = 256 << 10, .requests = 100000);

        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        storm_run(&plan);
}

/* Events of 64 queues in any order that keeps each queue's own. */
static void stress_sim_reordered(void **state)
{
        PLAN("sim, reordered", "sim:fast,reorder=5", .threads = 64, .streams = 64, .workers = 4,
             .keepers = 2, .kept_bytes = 16 << 10, .requests = 20000);

        (void)state;
        storm_run(&plan);
}

static void stress_256_threads_on_8_streams(void **state)
{
        PLAN("cpu, 256 on 8 streams", "cpu:0", .threads = 256, .streams = 8, .workers = 2,
             .requests = 40000, .is_waiting = true);

        (void)state;
        storm_run(&plan);
}

static void stress_256_threads_on_1_stream(void **state)
{
        PLAN("cpu, 256 on 1 stream", "cpu:0", .threads = 256, .streams = 1, .workers = 1,
             .requests = 40000, .is_waiting = true);

        (void)state;
        storm_run(&plan);
}

static void stress_sim_256_threads_on_1_stream(void **state)
{
        PLAN("sim, 256 on 1 stream", "sim:fast,queues=1", .threads = 256, .streams = 1,
             .workers = 1, .requests = 4000, .is_waiting = true);

        (void)state;
        storm_run(&plan);
}

static void stress_cpu_forks(void **state)
{
        PLAN("cpu, forks", "cpu:0", .threads = 64, .streams = 64, .workers = 2, .keepers = 2,
             .kept_bytes = 64 << 10, .requests = 1000, .forks = 1000);

        (void)state;
        storm_run(&plan);
}

static void stress_sim_async_forks(void **state)
{
        PLAN("sim, async, forks", "sim:fast,queues=8", .threads = 64, .streams = 8,
             .workers = 2, .keepers = 1, .kept_bytes = 16 << 10, .requests = 1000,
             .forks = 1000, .is_async = true);

        (void)state;
        storm_run(&plan);
}

/* A minute at TRIB_TEST_SCALE=100. */
static void soak_cpu_with_faults(void **state)
{
        PLAN("cpu, soak with faults", "cpu:0", .threads = 16, .streams = 16, .workers = 2,
             .soak_ms = 60000, .break_ms = 20);

        (void)state;
        storm_run(&plan);
}

static void soak_sim_with_faults(void **state)
{
        PLAN("sim, soak with faults", "sim:fast,queues=8", .threads = 16, .streams = 8,
             .workers = 2, .soak_ms = 60000, .break_ms = 20, .is_async = true);

        (void)state;
        storm_run(&plan);
}

/* The judge itself: it must see each kind of damage. */
static void every_kind_of_damage_is_seen(void **state)
{
        static struct card card = { .kind = ZOO_NORM, .rows = 3, .n_outputs = 2 };
        static struct desk desk;
        trib_error         err = TRIB_ERROR_INIT;
        float             *places[] = { &desk.front[DESK_GUARD - 1], &desk.x[5], &desk.between[0],
                                        &desk.y0[47], &desk.y0[48], &desk.middle[3], &desk.y1[0],
                                        &desk.back[DESK_GUARD - 1] };

        (void)state;
        desk_init(&desk, 7);
        desk_lay(&desk, &card);
        memcpy(desk.y0, card.y[0], sizeof(desk.y0));
        memcpy(desk.y1, card.y[1], sizeof(desk.y1));
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                uint32_t bits;

                assert_true(desk_check(&desk, &card, DESK_GOLDEN, &err));
                assert_true(desk_check(&desk, &card, DESK_EITHER, &err));
                assert_false(desk_check(&desk, &card, DESK_UNTOUCHED, &err));
                memcpy(&bits, places[i], sizeof(bits));
                bits ^= 1;
                memcpy(places[i], &bits, sizeof(bits));
                assert_false(desk_check(&desk, &card, DESK_GOLDEN, &err));
                assert_false(desk_check(&desk, &card, DESK_EITHER, &err));
                bits ^= 1;
                memcpy(places[i], &bits, sizeof(bits));
        }
        desk_lay(&desk, &card);
        assert_true(desk_check(&desk, &card, DESK_UNTOUCHED, &err));
        assert_false(desk_check(&desk, &card, DESK_GOLDEN, &err));
}

TRIB_TEST_MAIN(TRIB_TEST(every_kind_of_damage_is_seen), TRIB_TEST(stress_cpu_direct),
               TRIB_TEST(stress_cpu_async), TRIB_TEST(stress_sim_direct),
               TRIB_TEST(stress_sim_async), TRIB_TEST(stress_reference_kernels),
               TRIB_TEST(stress_sim_reordered), TRIB_TEST(stress_256_threads_on_8_streams),
               TRIB_TEST(stress_256_threads_on_1_stream),
               TRIB_TEST(stress_sim_256_threads_on_1_stream), TRIB_TEST(stress_cpu_forks),
               TRIB_TEST(stress_sim_async_forks), TRIB_TEST(soak_cpu_with_faults),
               TRIB_TEST(soak_sim_with_faults))
