/* SPDX-License-Identifier: Apache-2.0 */
/* test_load_driver.c: a plan is measured whole, stops when told, and notices wrong results; on a
 * target without a device, in a time of its own that passes by one microsecond a request, so that
 * a busy machine changes nothing. */
#include "test_main.h"

#include "base/clock.h"
#include "base/error.h"
#include "loadgen/loadgen.h"

#define THREADS 4u
#define MS UINT64_C(1000000)

/* Sums numbers; each thread has its own output and expects the same sum in it. */
struct scene {
        struct {
                _Alignas(TRIB__CACHE_LINE) uint64_t sum;
                uint64_t asked;
        } seats[THREADS];
        trib__atomic_u32 stop;
        trib__atomic_u64 time;
        uint64_t         stop_at;      /* a time; 0 = never */
        unsigned         wrong_thread; /* flips a bit of its result; THREADS = none */
        unsigned         failing_thread;
        uint64_t         calls_of_stats;
        unsigned         windows_seen;
        unsigned         rounds_seen;
};

#define NUMBERS 500u
#define STEP_NS UINT64_C(1000)
#define START_NS UINT64_C(1000000)
#define RIGHT_SUM (NUMBERS * (NUMBERS - 1) / 2)

static trib_status scene_request(void *context, unsigned thread, trib_error *err)
{
        struct scene *scene = context;
        uint64_t      sum = 0, time;

        for (uint64_t i = 0; i < NUMBERS; i++)
                sum += i;
        scene->seats[thread].asked++;
        scene->seats[thread].sum = thread == scene->wrong_thread ? sum ^ 1 : sum;
        /* Relaxed: only counts. */
        time = trib__fetch_add_relaxed_u64(&scene->time, STEP_NS) + STEP_NS;
        if (scene->stop_at != 0 && time >= scene->stop_at)
                /* Relaxed: a wish that carries no data. */
                trib__store_relaxed_u32(&scene->stop, 1);
        if (thread == scene->failing_thread)
                return trib__fail(err, TRIB_DEVICE_ERROR, "thread %u has no luck", thread);
        return TRIB_OK;
}

static void scene_begin(void *context, unsigned thread)
{
        ((struct scene *)context)->seats[thread].sum = 0;
}

static bool scene_check(void *context, unsigned thread)
{
        return ((struct scene *)context)->seats[thread].sum == RIGHT_SUM;
}

static trib_status scene_stats(void *context, trib_session_stats *out, trib_error *err)
{
        struct scene *scene = context;

        (void)err;
        scene->calls_of_stats++;
        memset(out, 0, sizeof(*out));
        out->measured = 10 * scene->calls_of_stats;
        out->measured_ns = 10000 * scene->calls_of_stats;
        out->device_ns = 8000 * scene->calls_of_stats;
        out->admission_ns = 2000 * scene->calls_of_stats;
        return TRIB_OK;
}

static void scene_progress(void *context, const struct trib__load_progress *progress)
{
        struct scene *scene = context;

        assert_true(progress->left_seconds >= 0);
        assert_in_range(progress->threads, 1, THREADS);
        scene->windows_seen++;
        if (progress->round > scene->rounds_seen)
                scene->rounds_seen = progress->round;
}

static uint64_t scene_now(void *context)
{
        /* Relaxed: only counts. */
        return trib__load_relaxed_u64(&((struct scene *)context)->time);
}

static struct scene        scene;
static const struct trib__load_clock scene_clock = { scene_now, scene_now, &scene, NULL };
static struct trib__target target = { &scene, scene_request, scene_begin, scene_check,
                                      scene_stats };
static struct trib__load_point points[3];

static struct trib__load_plan plan_of(unsigned rounds)
{
        struct trib__load_plan plan;
        const unsigned         threads[3] = { 1, 2, THREADS };

        memset(&scene, 0, sizeof(scene));
        scene.wrong_thread = scene.failing_thread = THREADS;
        /* Relaxed: no other thread yet. */
        trib__store_relaxed_u64(&scene.time, START_NS);
        memset(points, 0, sizeof(points));
        for (size_t i = 0; i < 3; i++) {
                points[i].target = &target;
                points[i].threads = threads[i];
                points[i].is_baseline = threads[i] == 1;
        }
        memset(&plan, 0, sizeof(plan));
        plan.points = points;
        plan.point_count = 3;
        plan.rounds = rounds;
        plan.drift_rounds = 2;
        plan.window_ns = 3 * MS;
        plan.warm_up_ns = 20 * MS;
        plan.deadline = TRIB__NEVER;
        plan.seed = 1;
        plan.stop = &scene.stop;
        plan.progress = scene_progress;
        plan.progress_context = &scene;
        plan.clock = &scene_clock;
        return plan;
}

static trib_status run(struct trib__load_plan *plan, trib_error *err)
{
        struct trib__crew *crew;
        trib_status        status;

        assert_int_equal(trib__crew_create(THREADS, &crew, err), TRIB_OK);
        status = trib__load_run(crew, plan, err);
        trib__crew_destroy(crew);
        return status;
}

static void plan_measures_every_point_in_every_round(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(run(&plan, &err), TRIB_OK);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(points[i].round_count, 3);
                for (size_t k = 0; k < 3; k++)
                        assert_true(points[i].rounds[k] > 0);
                assert_true(points[i].latency.count > 0);
                assert_int_equal(points[i].errors, 0);
                assert_true(points[i].checks >= 3 * points[i].threads);
                assert_int_equal(points[i].mismatches, 0);
                assert_true(points[i].wall_ns > 0);
                assert_true(points[i].warm_rate > 0);
        }
        assert_int_equal(points[0].first_count, 2);
        assert_int_equal(points[0].last_count, 2);
        assert_int_equal(points[1].first_count, 0);
        assert_int_equal(scene.rounds_seen, 3);
        assert_true(scene.windows_seen >= 13);
}

static void plan_notices_a_flipped_bit(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        scene.wrong_thread = 1;
        assert_int_equal(run(&plan, &err), TRIB_OK);
        assert_int_equal(points[0].mismatches, 0);
        assert_true(points[1].mismatches >= 3);
        assert_true(points[2].mismatches >= 3);
        assert_int_equal(points[1].checks, 2 * points[1].mismatches);
        assert_int_equal(points[2].checks, THREADS * points[2].mismatches);
}

static trib_status never_answered(void *context, unsigned thread, trib_error *err)
{
        (void)thread;
        (void)scene_request(context, 0, err);
        err->status = TRIB_TIMED_OUT;
        return TRIB_TIMED_OUT;
}

static void plan_ends_where_requests_end_by_their_timeout_only(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        struct trib__target    hung = *points[0].target;
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        hung.request = never_answered;
        for (size_t i = 0; i < 3; i++)
                points[i].target = &hung;
        assert_int_equal(run(&plan, &err), TRIB_DEVICE_ERROR);
        assert_non_null(strstr(err.message, "hangs"));
        assert_int_equal(points[1].errors, 0);
}

static void plan_counts_failures_and_keeps_the_first(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        scene.failing_thread = 3;
        assert_int_equal(run(&plan, &err), TRIB_OK);
        assert_int_equal(points[1].errors, 0);
        assert_true(points[2].errors > 0);
        assert_int_equal(points[2].first_error.status, TRIB_DEVICE_ERROR);
        assert_string_equal(points[2].first_error.message, "thread 3 has no luck");
        assert_int_equal(points[2].round_count, 3);
}

static void plan_keeps_what_was_measured_when_stopped(void **state)
{
        struct trib__load_plan plan = plan_of(100);
        trib_error             err = TRIB_ERROR_INIT;
        size_t                 most = 0;

        (void)state;
        plan.drift_rounds = 0;
        plan.warm_up_ns = 1;
        scene.stop_at = 300 * MS;
        assert_int_equal(run(&plan, &err), TRIB_CANCELLED);
        for (size_t i = 0; i < 3; i++)
                most = points[i].round_count > most ? points[i].round_count : most;
        assert_in_range(most, 1, 99);
        for (size_t i = 0; i < 3; i++)
                assert_true(points[i].round_count + 1 >= most);
}

static void plan_does_nothing_when_stopped_before(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        /* Relaxed: no other thread yet. */
        trib__store_relaxed_u32(&scene.stop, 1);
        assert_int_equal(run(&plan, &err), TRIB_CANCELLED);
        assert_int_equal(scene.seats[0].asked, 0);
}

static void plan_ends_at_its_deadline(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        plan.deadline = START_NS + 1;
        assert_int_equal(run(&plan, &err), TRIB_TIMED_OUT);
        assert_int_equal(scene.seats[0].asked, 0);
        assert_int_equal(points[0].round_count, 0);
}

static void plan_refuses_more_threads_than_the_crew_has(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        points[2].threads = THREADS + 1;
        assert_int_equal(run(&plan, &err), TRIB_INVALID_ARGUMENT);
        points[2].threads = 0;
        assert_int_equal(run(&plan, &err), TRIB_INVALID_ARGUMENT);
        points[2].threads = 1;
        plan.rounds = 0;
        assert_int_equal(run(&plan, &err), TRIB_INVALID_ARGUMENT);
}

static void count_runs_exactly_so_many_requests(void **state)
{
        struct trib__load_plan plan = plan_of(3);
        struct trib__crew     *crew;
        trib_error             err = TRIB_ERROR_INIT;
        uint64_t               before = trib__now(), first = 0;

        (void)state;
        (void)plan;
        assert_int_equal(trib__crew_create(2, &crew, &err), TRIB_OK);
        assert_int_equal(trib__load_count(crew, &points[1], 25, NULL, &first, &err), TRIB_OK);
        trib__crew_destroy(crew);
        assert_int_equal(scene.seats[0].asked, 25);
        assert_int_equal(scene.seats[1].asked, 25);
        assert_int_equal(points[1].latency.count, 50);
        assert_int_equal(points[1].round_count, 1);
        assert_true(first > before && first <= trib__now());
}

TRIB_TEST_MAIN(TRIB_TEST(plan_measures_every_point_in_every_round),
               TRIB_TEST(plan_notices_a_flipped_bit),
               TRIB_TEST(plan_ends_where_requests_end_by_their_timeout_only),
               TRIB_TEST(plan_counts_failures_and_keeps_the_first),
               TRIB_TEST(plan_keeps_what_was_measured_when_stopped),
               TRIB_TEST(plan_does_nothing_when_stopped_before),
               TRIB_TEST(plan_ends_at_its_deadline),
               TRIB_TEST(plan_refuses_more_threads_than_the_crew_has),
               TRIB_TEST(count_runs_exactly_so_many_requests))
