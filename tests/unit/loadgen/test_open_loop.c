/* SPDX-License-Identifier: Apache-2.0 */
/* test_open_loop.c: an open loop asks at the intended moments and counts latency from them. Most
 * cases run the parts of several threads on one, in a time of their own: the thread that is
 * earliest goes next, as it would on a machine of enough cores. Queues then have to wait as long
 * as the formulas of queueing theory say. */
#include "test_main.h"

#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/random.h"
#include "loadgen/open_priv.h"

#define THREADS_MAX 8u
#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* A server in virtual time. */
static struct {
        uint64_t            now;           /* of the thread that goes */
        uint64_t            time[THREADS_MAX];
        uint64_t            service_ns;
        bool                is_exponential;
        uint64_t            oversleep_ns;  /* threads wake that late */
        uint64_t            fails_every;
        uint64_t            stop_at;
        uint64_t            asked;
        struct trib__random random;
        trib__atomic_u32    stop;
} world;

static uint64_t world_now(void *context)
{
        (void)context;
        return world.now;
}

static void world_pause(void *context, uint64_t moment, uint64_t spin_ns)
{
        (void)context;
        (void)spin_ns;
        world.now = moment + world.oversleep_ns;
}

static trib_status world_request(void *context, unsigned thread, trib_error *err)
{
        double unit = trib__random_unit(&world.random);

        (void)context;
        (void)thread;
        world.asked++;
        world.now += world.is_exponential
                             ? (uint64_t)(-log1p(-unit) * (double)world.service_ns)
                             : world.service_ns;
        if (world.stop_at > 0 && world.now >= world.stop_at)
                /* Relaxed: one thread. */
                trib__store_relaxed_u32(&world.stop, 1);
        if (world.fails_every > 0 && world.asked % world.fails_every == 0)
                return trib__fail(err, TRIB_DEVICE_ERROR, "no luck");
        return TRIB_OK;
}

static const struct trib__load_clock world_clock = { .now = world_now, .cpu_time = world_now };
static const struct trib__target     world_target = { NULL, world_request, NULL, NULL, NULL };

static struct trib__open_plan   plan;
static struct trib__open_result result;
static struct trib__open_tally  tallies[THREADS_MAX];
static uint64_t                 room[(size_t)1 << 20];
static uint16_t                 marks[(size_t)1 << 20];

/* On threads of a crew, on the machine's clock: counts only, no times. */
struct scene {
        trib__atomic_u64 asked;
        trib__atomic_u32 stop;
        uint64_t         stop_after;
        bool             is_wrong;
};

static struct scene scene;

static void set_up(unsigned threads, trib__arrivals_kind kind, double rate, uint64_t service_ns)
{
        memset(&world, 0, sizeof(world));
        memset(&plan, 0, sizeof(plan));
        memset(&result, 0, sizeof(result));
        memset(tallies, 0, sizeof(tallies));
        memset(&scene, 0, sizeof(scene));
        world.service_ns = service_ns;
        world.random.state = 42;
        plan.target = &world_target;
        plan.threads = threads;
        plan.arrivals = (struct trib__arrivals){ kind, rate, 9 };
        plan.rounds = 1;
        plan.window_ns = 100 * MS;
        plan.drain_ns = UINT64_C(1000000000);
        plan.deadline = TRIB__NEVER;
        plan.stop = &world.stop;
}

static unsigned earliest(unsigned threads)
{
        unsigned first = 0;

        for (unsigned i = 1; i < threads; i++)
                if (world.time[i] < world.time[first])
                        first = i;
        return first;
}

/* One window, on this thread alone. */
static void run_world(void)
{
        struct trib__open_window window = { .plan = &plan, .clock = &world_clock };
        uint64_t length = plan.settle_ns + plan.window_ns, last = 0;
        unsigned going = plan.threads;

        window.pause = world_pause;
        window.count = trib__arrivals_fill(&plan.arrivals, length, room,
                                           sizeof(room) / sizeof(room[0]));
        window.moments = room;
        window.marks = marks;
        memset(marks, 0, sizeof(marks));
        while (window.first_counted < window.count
               && room[window.first_counted] < plan.settle_ns)
                window.first_counted++;
        window.begins = 1000;
        window.closes = window.begins + length;
        window.gives_up = window.closes + plan.drain_ns;
        while (going > 0) {
                unsigned thread = earliest(plan.threads);

                world.now = world.time[thread];
                if (tallies[thread].ended != 0)
                        world.now = TRIB__NEVER;
                if (trib__open_take(&window, thread, &tallies[thread])) {
                        world.time[thread] = world.now;
                        continue;
                }
                tallies[thread].ended = world.now;
                last = world.now > last ? world.now : last;
                world.time[thread] = TRIB__NEVER;
                going--;
        }
        trib__open_collect(&window, tallies, last, &result);
}

static double mean_of(const struct trib__histogram *histogram)
{
        return (double)histogram->sum / (double)histogram->count;
}

/* The mean time between the intended start and the end, less the service. */
static double mean_wait_of(void)
{
        return mean_of(&result.latency) - (double)world.service_ns;
}

static void idle_target_is_asked_at_the_intended_moments(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 1000, 300 * US);
        run_world();
        assert_int_equal(result.intended, 100);
        assert_int_equal(result.answered, 100);
        assert_int_equal(result.errors + result.unfinished, 0);
        assert_int_equal(result.latency.max, 300 * US);
        assert_int_equal(result.late.count, 100);
        assert_int_equal(result.late.max, 0);
        assert_int_equal(result.waited.count, 0);
        assert_int_equal(result.backlog_max, 0);
        assert_false(result.is_backlogged);
        /* The last request ends behind the window, by no more than it takes. */
        assert_true(fabs(result.rounds[0] - 1000) < 1);
}

static void late_waking_is_part_of_the_latency_and_told(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 1000, 300 * US);
        world.oversleep_ns = 70 * US;
        run_world();
        assert_int_equal(result.latency.max, 370 * US);
        assert_int_equal(result.late.max, 70 * US);
        assert_int_equal(result.waited.count, 0);
}

static void slow_answer_delays_the_ones_behind_it(void **state)
{
        (void)state;
        /* A closed loop would report 1.5 ms for each; here each waits for all before it. */
        set_up(1, TRIB__ARRIVALS_CONSTANT, 1000, 1500 * US);
        run_world();
        assert_int_equal(result.answered, 100);
        assert_int_equal(result.latency.max, 1500 * US + 99 * 500 * US);
        assert_int_equal(result.waited.count, 99);
        assert_int_equal(result.waited.max, 99 * 500 * US);
        assert_in_range(result.backlog_max, 33, 34);
        assert_true(result.is_backlogged);
        assert_true(fabs(result.rounds[0] - 1e9 / 1.5e6) < 10);
}

static void requests_that_were_never_begun_count_as_unfinished(void **state)
{
        (void)state;
        set_up(1, TRIB__ARRIVALS_CONSTANT, 1000, 10 * MS);
        plan.drain_ns = 20 * MS;
        plan.bounds[0] = 15 * MS;
        plan.bound_count = 1;
        run_world();
        assert_int_equal(result.intended, 100);
        assert_int_equal(result.answered, 12);
        assert_int_equal(result.unfinished, 88);
        assert_int_equal(result.latency.count, 100);
        /* Request k ends at 10 (k + 1) ms, and those from 12 on are 120 - k ms old. */
        assert_int_equal(result.latency.sum, (714 + 5676) * MS);
        assert_int_equal(result.over[0].count, 99);
        assert_int_equal(result.batches, TRIB__OPEN_BATCHES);
}

static void hopeless_window_is_ended(void **state)
{
        (void)state;
        set_up(1, TRIB__ARRIVALS_CONSTANT, 1000, 10 * MS);
        plan.hopeless_ns = 30 * MS;
        run_world();
        assert_true(result.is_hopeless);
        /* Requests 0 to 4 began 0, 9, 18, 27 and 36 ms late; at 50 ms 50 had come. */
        assert_int_equal(result.answered, 5);
        assert_int_equal(result.intended, 50);
        assert_int_equal(result.unfinished, 45);
}

static void failed_requests_have_no_latency_and_are_longer_than_any_bound(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 1000, 300 * US);
        world.fails_every = 10;
        plan.bounds[0] = 50 * MS;
        plan.bound_count = 1;
        run_world();
        assert_int_equal(result.errors, 10);
        assert_int_equal(result.answered, 90);
        assert_int_equal(result.latency.count, 90);
        assert_int_equal(result.over[0].count, 10);
        assert_int_equal(result.first_error.status, TRIB_DEVICE_ERROR);
        assert_string_equal(result.first_error.message, "no luck");
}

static void settling_requests_are_asked_and_not_counted(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 1000, 300 * US);
        plan.settle_ns = 50 * MS;
        run_world();
        assert_int_equal(world.asked, 150);
        assert_int_equal(result.intended, 100);
        assert_int_equal(result.latency.count, 100);
        assert_true(fabs(result.rounds[0] - 1000) < 1);
}

static void constant_arrivals_below_the_rate_of_service_never_wait(void **state)
{
        (void)state;
        set_up(1, TRIB__ARRIVALS_CONSTANT, 1000, 999 * US);
        plan.window_ns = 20000 * MS;
        run_world();
        assert_int_equal(result.latency.max, 999 * US);
}

/* Pollaczek and Khinchin. */
static void mean_wait_of_m_d_1_is_that_of_the_formula(void **state)
{
        double load, expected;

        (void)state;
        set_up(1, TRIB__ARRIVALS_POISSON, 700, 1000 * US);
        plan.settle_ns = 1000 * MS;
        plan.window_ns = 1000000 * MS;
        run_world();
        load = 0.7;
        expected = load / (2 * (1 - load)) * 1e6;
        assert_true(result.intended > 690000);
        assert_true(fabs(mean_wait_of() / expected - 1) < 0.03);
}

static void mean_wait_of_m_m_1_is_that_of_the_formula(void **state)
{
        (void)state;
        set_up(1, TRIB__ARRIVALS_POISSON, 700, 1000 * US);
        world.is_exponential = true;
        plan.settle_ns = 1000 * MS;
        plan.window_ns = 1000000 * MS;
        run_world();
        assert_true(fabs(mean_wait_of() / (0.7 / 0.3 * 1e6) - 1) < 0.03);
}

/* Erlang's C formula. */
static void mean_wait_of_m_m_4_is_that_of_the_formula(void **state)
{
        double offered = 3.2, term = 1, sum = 0, queue, expected;

        (void)state;
        set_up(4, TRIB__ARRIVALS_POISSON, 3200, 1000 * US);
        world.is_exponential = true;
        plan.settle_ns = 1000 * MS;
        plan.window_ns = 200000 * MS;
        run_world();
        for (int k = 0; k < 4; k++) {
                sum += term;
                term *= offered / (k + 1);
        }
        queue = term / (1 - offered / 4) / (sum + term / (1 - offered / 4));
        expected = queue / (4 - offered) * 1e6;
        assert_true(fabs(mean_wait_of() / expected - 1) < 0.03);
        /* Little: the mean number that wait is the rate times the mean wait. */
        assert_true(result.backlog_max > 10);
}

static trib_status scene_request(void *context, unsigned thread, trib_error *err)
{
        (void)context;
        (void)thread;
        (void)err;
        /* Relaxed: only counts. */
        if (trib__fetch_add_relaxed_u64(&scene.asked, 1) + 1 == scene.stop_after)
                /* Relaxed: a wish that carries no data. */
                trib__store_relaxed_u32(&scene.stop, 1);
        return TRIB_OK;
}

static bool scene_check(void *context, unsigned thread)
{
        (void)context;
        return thread != 1 || !scene.is_wrong;
}

static const struct trib__target scene_target = { NULL, scene_request, NULL, scene_check, NULL };

static trib_status run_crew(trib_error *err)
{
        struct trib__crew *crew;
        trib_status        status;

        plan.target = &scene_target;
        plan.stop = &scene.stop;
        assert_int_equal(trib__crew_create(4, &crew, NULL), TRIB_OK);
        status = trib__open_run(crew, &plan, &result, err);
        trib__crew_destroy(crew);
        return status;
}

static void threads_answer_every_arrival_once(void **state)
{
        (void)state;
        set_up(4, TRIB__ARRIVALS_POISSON, 5000, 0);
        plan.rounds = 3;
        plan.window_ns = 40 * MS;
        plan.settle_ns = 10 * MS;
        plan.drain_ns = 30000 * MS;
        assert_int_equal(run_crew(NULL), TRIB_OK);
        assert_true(result.intended > 100);
        assert_int_equal(result.answered, result.intended);
        assert_int_equal(result.latency.count, result.intended);
        assert_int_equal(result.late.count + result.waited.count, result.intended);
        assert_int_equal(result.round_count, 3);
        assert_int_equal(result.mismatches, 0);
        assert_in_range(result.checks, 3, 12);
        assert_true(result.busy_ns + result.idle_ns <= result.wall_ns);
        assert_true(trib__open_own_part(&result) <= 1);
}

static void threads_settle_before_they_are_counted(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 1000, 0);
        plan.settle_ns = 20 * MS;
        plan.window_ns = 30 * MS;
        plan.drain_ns = 30000 * MS;
        assert_int_equal(run_crew(NULL), TRIB_OK);
        /* Relaxed: no thread runs. */
        assert_int_equal(trib__load_relaxed_u64(&scene.asked), 50);
        assert_int_equal(result.intended, 30);
        assert_int_equal(result.latency.count, 30);
}

static void same_seed_intends_the_same(void **state)
{
        uint64_t intended;

        (void)state;
        set_up(3, TRIB__ARRIVALS_POISSON, 3000, 0);
        plan.window_ns = 20 * MS;
        plan.drain_ns = 30000 * MS;
        assert_int_equal(run_crew(NULL), TRIB_OK);
        intended = result.intended;
        memset(&result, 0, sizeof(result));
        assert_int_equal(run_crew(NULL), TRIB_OK);
        assert_int_equal(result.intended, intended);
        assert_true(trib__open_seed(1, 0) != trib__open_seed(1, 1));
        assert_true(trib__open_seed(1, 0) != trib__open_seed(2, 0));
}

static void all_at_once_is_worked_off(void **state)
{
        (void)state;
        set_up(4, TRIB__ARRIVALS_AT_ONCE, 0, 0);
        plan.at_once = 1000;
        plan.window_ns = 1;
        assert_int_equal(run_crew(NULL), TRIB_OK);
        assert_int_equal(result.answered, 1000);
        assert_int_equal(result.late.count + result.waited.count, 1000);
        assert_false(result.is_backlogged);
        assert_true(result.rounds[0] > 0);
}

static void stopped_run_keeps_the_windows_before(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        set_up(4, TRIB__ARRIVALS_CONSTANT, 10000, 0);
        plan.rounds = 100;
        plan.window_ns = 10 * MS;
        plan.drain_ns = 30000 * MS;
        scene.stop_after = 250;
        assert_int_equal(run_crew(&err), TRIB_CANCELLED);
        assert_int_equal(result.answered % 100, 0);
        assert_in_range(result.answered, 200, 300);
}

static void wrong_results_are_noticed(void **state)
{
        (void)state;
        set_up(2, TRIB__ARRIVALS_CONSTANT, 20000, 0);
        plan.window_ns = 50 * MS;
        plan.drain_ns = 30000 * MS;
        scene.is_wrong = true;
        plan.threads = 2;
        assert_int_equal(run_crew(NULL), TRIB_OK);
        /* Thread 1 may have been given no arrival on a busy machine. */
        assert_true(result.mismatches + 1 >= result.checks);
}

static void hostile_plans_are_refused(void **state)
{
        static const double rates[] = { 0, -1, 1e12, (double)NAN, (double)INFINITY };

        (void)state;
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
                trib_error err = TRIB_ERROR_INIT;

                set_up(2, TRIB__ARRIVALS_POISSON, rates[i], 0);
                assert_int_equal(run_crew(&err), TRIB_INVALID_ARGUMENT);
                assert_non_null(strstr(err.message, "rate"));
        }
        set_up(5, TRIB__ARRIVALS_POISSON, 100, 0);
        assert_int_equal(run_crew(NULL), TRIB_INVALID_ARGUMENT);
        set_up(2, TRIB__ARRIVALS_POISSON, 100, 0);
        plan.window_ns = 0;
        assert_int_equal(run_crew(NULL), TRIB_INVALID_ARGUMENT);
        set_up(2, TRIB__ARRIVALS_AT_ONCE, 0, 0);
        assert_int_equal(run_crew(NULL), TRIB_INVALID_ARGUMENT);
        set_up(2, TRIB__ARRIVALS_POISSON, 100, 0);
        plan.deadline = 1;
        assert_int_equal(run_crew(NULL), TRIB_TIMED_OUT);
        /* Relaxed: no thread runs. */
        assert_int_equal(trib__load_relaxed_u64(&scene.asked), 0);
}

/* Every allocation fails once: an error, nothing measured, nothing left. */
static void memory_shortage_is_an_error(void **state)
{
        struct trib__crew *crew;

        (void)state;
        assert_int_equal(trib__crew_create(4, &crew, NULL), TRIB_OK);
        for (uint64_t k = 1;; k++) {
                trib_error  err = TRIB_ERROR_INIT;
                uint64_t    failed;
                trib_status status;

                set_up(4, TRIB__ARRIVALS_CONSTANT, 1000, 0);
                plan.target = &scene_target;
                plan.drain_ns = 30000 * MS;
                trib__fault_arm(k, false);
                status = trib__open_run(crew, &plan, &result, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0) {
                        assert_int_equal(status, TRIB_OK);
                        assert_true(k > 3);
                        break;
                }
                assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                assert_non_null(strstr(err.message, "no memory"));
                assert_int_equal(result.intended, 0);
        }
        trib__crew_destroy(crew);
}

TRIB_TEST_MAIN(TRIB_TEST(idle_target_is_asked_at_the_intended_moments),
               TRIB_TEST(late_waking_is_part_of_the_latency_and_told),
               TRIB_TEST(slow_answer_delays_the_ones_behind_it),
               TRIB_TEST(requests_that_were_never_begun_count_as_unfinished),
               TRIB_TEST(hopeless_window_is_ended),
               TRIB_TEST(failed_requests_have_no_latency_and_are_longer_than_any_bound),
               TRIB_TEST(settling_requests_are_asked_and_not_counted),
               TRIB_TEST(constant_arrivals_below_the_rate_of_service_never_wait),
               TRIB_TEST(mean_wait_of_m_d_1_is_that_of_the_formula),
               TRIB_TEST(mean_wait_of_m_m_1_is_that_of_the_formula),
               TRIB_TEST(mean_wait_of_m_m_4_is_that_of_the_formula),
               TRIB_TEST(threads_answer_every_arrival_once),
               TRIB_TEST(threads_settle_before_they_are_counted),
               TRIB_TEST(same_seed_intends_the_same),
               TRIB_TEST(all_at_once_is_worked_off),
               TRIB_TEST(stopped_run_keeps_the_windows_before),
               TRIB_TEST(wrong_results_are_noticed), TRIB_TEST(hostile_plans_are_refused),
               TRIB_TEST(memory_shortage_is_an_error))
