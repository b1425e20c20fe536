/* SPDX-License-Identifier: Apache-2.0 */
/* test_queries.c: queries of several samples come one after the other, each sample is asked once,
 * and a query with a failed sample does not count. In a time that passes by one microsecond a
 * sample, so that a busy machine changes nothing. */
#include "test_main.h"

#include "base/clock.h"
#include "base/error.h"
#include "loadgen/queries.h"

#define US UINT64_C(1000)
#define SAMPLES 8u

static struct {
        trib__atomic_u64 time, asked;
        trib__atomic_u32 stop;
        uint64_t         fails_every, stop_after;
} scene;

static uint64_t scene_now(void *context)
{
        (void)context;
        /* Relaxed: only counts. */
        return trib__load_relaxed_u64(&scene.time);
}

static trib_status scene_request(void *context, unsigned thread, trib_error *err)
{
        /* Relaxed: only counts. */
        uint64_t number = trib__fetch_add_relaxed_u64(&scene.asked, 1);

        (void)context;
        (void)thread;
        /* Relaxed: only counts. */
        (void)trib__fetch_add_relaxed_u64(&scene.time, US);
        if (number + 1 == scene.stop_after)
                /* Relaxed: a wish that carries no data. */
                trib__store_relaxed_u32(&scene.stop, 1);
        if (scene.fails_every > 0 && number % scene.fails_every == 0)
                return trib__fail(err, TRIB_DEVICE_ERROR, "no luck");
        return TRIB_OK;
}

static const struct trib__load_clock scene_clock = { .now = scene_now, .cpu_time = scene_now };
static const struct trib__target     scene_target = { NULL, scene_request, NULL, NULL, NULL };
static struct trib__queries_result   result;

static trib_status run(unsigned threads, unsigned samples, uint64_t window_ns, trib_error *err)
{
        const struct trib__queries_plan plan = { &scene_target, threads,     samples,
                                                 window_ns,     &scene.stop, &scene_clock };
        struct trib__crew *crew;
        trib_status        status;

        memset(&result, 0, sizeof(result));
        assert_int_equal(trib__crew_create(4, &crew, NULL), TRIB_OK);
        status = trib__queries_run(crew, &plan, &result, err);
        trib__crew_destroy(crew);
        return status;
}

static void every_query_takes_all_its_samples(void **state)
{
        (void)state;
        for (unsigned threads = 1; threads <= 4; threads++) {
                memset(&scene, 0, sizeof(scene));
                assert_int_equal(run(threads, SAMPLES, 800 * US, NULL), TRIB_OK);
                assert_int_equal(result.queries, 100);
                assert_int_equal(result.samples, 800);
                /* Relaxed: the threads are done. */
                assert_int_equal(trib__load_relaxed_u64(&scene.asked), 800);
                assert_int_equal(result.latency.count, 100);
                assert_int_equal(result.latency.max, SAMPLES * US);
                assert_int_equal(result.spent_ns, 800 * US);
                assert_int_equal(result.errors, 0);
        }
}

static void query_with_a_failed_sample_does_not_count(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        memset(&scene, 0, sizeof(scene));
        scene.fails_every = 80;
        assert_int_equal(run(3, SAMPLES, 800 * US, &err), TRIB_OK);
        assert_int_equal(result.errors, 10);
        assert_int_equal(result.queries, 90);
        assert_int_equal(result.first_error.status, TRIB_DEVICE_ERROR);
}

static void single_sample_queries_are_a_closed_loop(void **state)
{
        (void)state;
        memset(&scene, 0, sizeof(scene));
        assert_int_equal(run(1, 1, 100 * US, NULL), TRIB_OK);
        assert_int_equal(result.queries, 100);
        assert_int_equal(result.latency.max, US);
}

static void stop_ends_the_run_after_the_query(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        memset(&scene, 0, sizeof(scene));
        scene.stop_after = 81;
        assert_int_equal(run(4, SAMPLES, TRIB__NEVER / 2, &err), TRIB_CANCELLED);
        assert_int_equal(result.queries, 11);
}

static void hostile_queries_are_refused(void **state)
{
        (void)state;
        assert_int_equal(run(0, 8, US, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(run(5, 8, US, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(run(1, 0, US, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(run(1, 65537, US, NULL), TRIB_INVALID_ARGUMENT);
}

TRIB_TEST_MAIN(TRIB_TEST(every_query_takes_all_its_samples),
               TRIB_TEST(query_with_a_failed_sample_does_not_count),
               TRIB_TEST(single_sample_queries_are_a_closed_loop),
               TRIB_TEST(stop_ends_the_run_after_the_query),
               TRIB_TEST(hostile_queries_are_refused))
