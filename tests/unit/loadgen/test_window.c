/* SPDX-License-Identifier: Apache-2.0 */
/* test_window.c: what one thread counts in a window, on a clock that the test moves by hand. */
#include "test_main.h"

#include "base/clock.h"
#include "base/error.h"
#include "loadgen/loadgen_priv.h"

/* A target whose every request takes `step` of the test's own time. */
struct scene {
        uint64_t         time;
        uint64_t         cpu;
        uint64_t         step;
        uint64_t         clock_reads;
        unsigned         asked;
        unsigned         fail_from, fail_to; /* requests (from 1) that fail */
        unsigned         stop_at;            /* sets stop during this request; 0 = never */
        unsigned         begun;
        bool             is_result_right;
        trib__atomic_u32 stop;
        bool             is_delay_lost;
        unsigned         delay_reads;
};

static uint64_t scene_now(void *context)
{
        struct scene *scene = context;

        scene->clock_reads++;
        return scene->time;
}

static uint64_t scene_cpu(void *context)
{
        return ((struct scene *)context)->cpu;
}

/* A third of the time; told twice at most, once it is to fail. */
static bool scene_delay(void *context, uint64_t *out)
{
        struct scene *scene = context;

        *out = scene->time / 3;
        return !scene->is_delay_lost || ++scene->delay_reads < 2;
}

static trib_status scene_request(void *context, unsigned thread, trib_error *err)
{
        struct scene *scene = context;

        assert_int_equal(thread, 3);
        scene->asked++;
        scene->time += scene->step;
        scene->cpu += scene->step / 2;
        if (scene->asked == scene->stop_at)
                /* Relaxed: the only thread. */
                trib__store_relaxed_u32(&scene->stop, 1);
        if (scene->asked >= scene->fail_from && scene->asked <= scene->fail_to)
                return trib__fail(err, TRIB_DEVICE_ERROR, "request %u failed", scene->asked);
        return TRIB_OK;
}

static void scene_begin(void *context, unsigned thread)
{
        assert_int_equal(thread, 3);
        ((struct scene *)context)->begun++;
}

static bool scene_check(void *context, unsigned thread)
{
        assert_int_equal(thread, 3);
        return ((struct scene *)context)->is_result_right;
}

static void run(struct scene *scene, uint64_t opens, uint64_t closes, struct trib__tally *tally)
{
        struct trib__target     target = { scene, scene_request, scene_begin, scene_check, NULL };
        struct trib__load_clock clock = { scene_now, scene_cpu, scene, scene_delay };
        struct trib__window     window = { &target, &clock, &scene->stop, opens, closes, 0 };

        trib__window_run(&window, 3, tally);
}

static struct scene scene_of(uint64_t start, uint64_t step)
{
        struct scene scene;

        memset(&scene, 0, sizeof(scene));
        scene.time = start;
        scene.step = step;
        scene.is_result_right = true;
        return scene;
}

static struct trib__tally tally;

static void window_counts_requests_that_end_inside(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        /* Ends at 1010, 1020 ... Those from 1050 to 1090 are inside [1050, 1100). */
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(tally.latency.count, 5);
        assert_int_equal(scene.asked, 10);
        assert_int_equal(tally.errors, 0);
}

static void window_counts_a_request_that_began_before_it(void **state)
{
        struct scene scene = scene_of(1000, 60);

        (void)state;
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(tally.latency.count, 1);
        assert_int_equal(tally.latency.max, 60);
}

static void window_counts_work_over_its_edges_by_parts(void **state)
{
        struct scene scene = scene_of(1000, 64);

        (void)state;
        /* [1000, 1064) and [1064, 1128) against [1032, 1112). */
        run(&scene, 1032, 1112, &tally);
        assert_float_equal(tally.work, 1.25, 0);
        assert_int_equal(tally.latency.count, 1);
        scene = scene_of(1000, 10);
        run(&scene, 1050, 1100, &tally);
        assert_float_equal(tally.work, 5.0, 0);
        scene = scene_of(1000, 512);
        run(&scene, 1032, 1096, &tally);
        assert_float_equal(tally.work, 0.125, 0);
}

static void window_drops_a_request_that_ends_after_it(void **state)
{
        struct scene scene = scene_of(1000, 500);

        (void)state;
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(tally.latency.count, 0);
        assert_int_equal(scene.asked, 1);
}

static void window_reads_the_clock_once_a_request(void **state)
{
        struct scene scene = scene_of(1000, 1);

        (void)state;
        run(&scene, 1000, 2000, &tally);
        assert_int_equal(scene.asked, 1000);
        assert_int_equal(scene.clock_reads, 1001);
        assert_int_equal(tally.latency.sum, 999);
}

static void window_records_latency_between_ends(void **state)
{
        struct scene scene = scene_of(1000, 7);

        (void)state;
        run(&scene, 1000, 1100, &tally);
        assert_int_equal(trib__histogram_quantile(&tally.latency, 0.0), 7);
        assert_int_equal(trib__histogram_quantile(&tally.latency, 1.0), 7);
}

static void window_measures_core_time_beside_wall_time(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(tally.wall_ns, 50);
        assert_int_equal(tally.cpu_ns, 25);
}

static void window_measures_the_time_without_a_core_if_it_is_told(void **state)
{
        struct scene scene = scene_of(0, 30);

        (void)state;
        run(&scene, 50, 320, &tally);
        assert_true(tally.has_delay);
        assert_int_equal(tally.asked_ns, 270);
        assert_int_equal(tally.delay_ns, 90);
        scene = scene_of(0, 30);
        scene.is_delay_lost = true;
        run(&scene, 50, 320, &tally);
        assert_false(tally.has_delay);
}

/* Requests of 3 ms: those that end inside are [3, 6) to [9, 12). */
static void window_counts_waits_for_a_core_as_it_counts_requests(void **state)
{
        const uint64_t ms = 1000000;
        struct scene   scene = scene_of(0, 3 * ms);

        (void)state;
        run(&scene, 4 * ms, 13 * ms, &tally);
        assert_int_equal(tally.latency.count, 3);
        assert_true(tally.has_delay);
        assert_int_equal(tally.asked_ns, 9 * ms);
        assert_int_equal(tally.delay_ns, 3 * ms);
        assert_int_equal(tally.wall_ns, 9 * ms);
        /* None ends inside. */
        scene = scene_of(0, 3 * ms);
        run(&scene, 4 * ms, 5 * ms, &tally);
        assert_int_equal(tally.asked_ns, 0);
        assert_false(tally.has_delay);
}

static void window_ends_when_stopped(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        scene.stop_at = 8;
        run(&scene, 1050, UINT64_MAX, &tally);
        assert_int_equal(scene.asked, 8);
        assert_int_equal(tally.latency.count, 4);
}

static void window_counts_failures_and_keeps_the_first_message(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        scene.fail_from = 7;
        scene.fail_to = 8;
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(tally.errors, 2);
        assert_int_equal(tally.latency.count, 3);
        assert_int_equal(tally.first_error.status, TRIB_DEVICE_ERROR);
        assert_string_equal(tally.first_error.message, "request 7 failed");
}

static void window_is_left_after_many_failures_in_a_row(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        scene.fail_from = 5;
        scene.fail_to = UINT32_MAX;
        run(&scene, 1000, UINT64_MAX, &tally);
        assert_int_equal(tally.errors, TRIB__WINDOW_FAILURES_MAX);
        assert_int_equal(tally.latency.count, 4);
        assert_int_equal(tally.checks, 0);
}

static void window_catches_a_wrong_result(void **state)
{
        struct scene scene = scene_of(1000, 10);

        (void)state;
        run(&scene, 1050, 1100, &tally);
        assert_int_equal(scene.begun, 1);
        assert_int_equal(tally.checks, 1);
        assert_int_equal(tally.mismatches, 0);
        scene.is_result_right = false;
        run(&scene, 2050, 2100, &tally);
        assert_int_equal(scene.begun, 2);
        assert_int_equal(tally.mismatches, 1);
}

TRIB_TEST_MAIN(TRIB_TEST(window_counts_requests_that_end_inside),
               TRIB_TEST(window_counts_a_request_that_began_before_it),
               TRIB_TEST(window_counts_work_over_its_edges_by_parts),
               TRIB_TEST(window_drops_a_request_that_ends_after_it),
               TRIB_TEST(window_reads_the_clock_once_a_request),
               TRIB_TEST(window_records_latency_between_ends),
               TRIB_TEST(window_measures_core_time_beside_wall_time),
               TRIB_TEST(window_measures_the_time_without_a_core_if_it_is_told),
               TRIB_TEST(window_counts_waits_for_a_core_as_it_counts_requests),
               TRIB_TEST(window_ends_when_stopped),
               TRIB_TEST(window_counts_failures_and_keeps_the_first_message),
               TRIB_TEST(window_is_left_after_many_failures_in_a_row),
               TRIB_TEST(window_catches_a_wrong_result))
