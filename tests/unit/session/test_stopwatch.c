/* SPDX-License-Identifier: Apache-2.0 */
/* test_stopwatch.c: what becomes of a request's time when the device tells of its part: told times
 * that fit, that contradict each other, and none. */
#include "test_main.h"

#include <string.h>

#include "base/clock.h"
#include "base/meter.h"
#include "expect.h"
#include "session/stopwatch.h"
#include "session_rig.h"

#define US UINT64_C(1000)

static struct trib__work_times told;
static bool                    is_told;

static bool tell(trib__queue *queue, uint64_t value, struct trib__work_times *out)
{
        (void)queue;
        assert_int_equal(value, 7);
        *out = told;
        return is_told;
}

static const struct trib__backend device = { .times = tell };
static const struct trib__backend silent = { .times = NULL };

/* The launch was called 1,000 us ago and returned 900 us ago. */
static uint64_t begin_work(struct stopwatch *watch)
{
        uint64_t now = trib__now();

        memset(watch, 0, sizeof(*watch));
        memset(trib__meter(), 0, sizeof(*trib__meter()));
        watch->call.began = now - 1000 * US;
        watch->call.ended = watch->mark = now - 900 * US;
        memset(&told, 0, sizeof(told));
        is_told = true;
        return watch->call.began;
}

static uint64_t sum_of(const struct stopwatch *watch)
{
        uint64_t sum = 0;

        for (int t = 0; t <= TIME_DESCHEDULED; t++)
                sum += watch->times[t];
        return sum;
}

/* No part is lost, none counted twice. */
static void assert_whole(const struct stopwatch *watch)
{
        assert_true(sum_of(watch) >= 1000 * US);
        assert_true(sum_of(watch) <= trib__now() - watch->call.began);
}

static void tell_times(uint64_t began)
{
        told = (struct trib__work_times){
                .lock_ns = 30 * US,
                .descheduled_ns = 20 * US,
                .queue_ns = 80 * US,
                .serial_ns = 60 * US,
                .copy_ns = 40 * US,
                .device_ns = 500 * US,
                .held = { 1, 2, 3, 4, 5 },
                .has_clock = true,
                .submitted = began + 120 * US,
                .started = began + 200 * US,
                .ended = began + 800 * US,
        };
}

static void watch_cuts_the_time_where_the_device_says(void **state)
{
        struct stopwatch watch;

        (void)state;
        tell_times(begin_work(&watch));
        trib__stopwatch_end_work(&watch, &device, NULL, 7);
        assert_int_equal(watch.times[TIME_LOCK], 30 * US);
        assert_int_equal(watch.times[TIME_DESCHEDULED], 20 * US);
        assert_int_equal(watch.times[TIME_SUBMIT], 70 * US);
        assert_int_equal(watch.times[TIME_QUEUE], 80 * US);
        assert_int_equal(watch.times[TIME_SERIAL], 60 * US);
        assert_int_equal(watch.times[TIME_COPY], 40 * US);
        assert_int_equal(watch.times[TIME_DEVICE], 500 * US);
        assert_true(watch.times[TIME_NOTIFY] >= 200 * US);
        assert_int_equal(watch.times[TIME_HOST_HELD], 1);
        assert_int_equal(watch.times[TIME_LOCK_HELD], 2);
        assert_int_equal(watch.times[TIME_PATH_HELD], 3);
        assert_int_equal(watch.times[TIME_SERIAL_HELD], 4);
        assert_int_equal(watch.times[TIME_COPY_HELD], 5);
        assert_whole(&watch);
}

/* Submitted after the call had returned, and while it went on: both count from the call. */
static void watch_takes_submission_from_the_device_not_from_the_call(void **state)
{
        struct stopwatch watch;
        uint64_t         began;

        (void)state;
        began = begin_work(&watch);
        told = (struct trib__work_times){ .device_ns = 100 * US, .has_clock = true,
                                          .submitted = began + 400 * US,
                                          .started = began + 400 * US,
                                          .ended = began + 500 * US };
        trib__stopwatch_end_work(&watch, &device, NULL, 7);
        assert_int_equal(watch.times[TIME_SUBMIT], 400 * US);
        assert_int_equal(watch.times[TIME_DEVICE], 100 * US);
        assert_whole(&watch);
        began = begin_work(&watch);
        told = (struct trib__work_times){ .device_ns = 50 * US, .has_clock = true,
                                          .submitted = began + 10 * US,
                                          .started = began + 10 * US,
                                          .ended = began + 60 * US };
        trib__stopwatch_end_work(&watch, &device, NULL, 7);
        assert_int_equal(watch.times[TIME_SUBMIT], 10 * US);
        assert_int_equal(watch.times[TIME_DEVICE], 50 * US);
        assert_true(watch.times[TIME_NOTIFY] >= 940 * US);
        assert_whole(&watch);
}

static void watch_takes_durations_of_a_device_with_a_clock_of_its_own(void **state)
{
        struct stopwatch watch;

        (void)state;
        (void)begin_work(&watch);
        told = (struct trib__work_times){ .lock_ns = 40 * US, .device_ns = 300 * US,
                                          .copy_ns = 100 * US };
        trib__stopwatch_end_work(&watch, &device, NULL, 7);
        assert_int_equal(watch.times[TIME_LOCK], 40 * US);
        assert_int_equal(watch.times[TIME_SUBMIT], 60 * US);
        assert_int_equal(watch.times[TIME_DEVICE], 300 * US);
        assert_int_equal(watch.times[TIME_COPY], 100 * US);
        assert_true(watch.times[TIME_QUEUE] >= 500 * US);
        assert_int_equal(watch.times[TIME_NOTIFY], 0);
        assert_whole(&watch);
}

static void watch_takes_the_wait_for_device_time_where_nothing_is_told(void **state)
{
        struct stopwatch watch;

        (void)state;
        for (int i = 0; i < 2; i++) {
                (void)begin_work(&watch);
                is_told = false;
                trib__stopwatch_end_work(&watch, i == 0 ? &silent : &device, NULL, 7);
                assert_int_equal(watch.times[TIME_SUBMIT], 100 * US);
                assert_true(watch.times[TIME_DEVICE] >= 900 * US);
                assert_whole(&watch);
        }
}

/* What a thread waited for our own locks in the call goes out of submission, whatever is told. */
static void watch_takes_waits_of_the_call_out_of_submission(void **state)
{
        struct stopwatch watch;

        (void)state;
        for (int i = 0; i < 2; i++) {
                tell_times(begin_work(&watch));
                told.lock_ns = told.descheduled_ns = 0;
                memset(&told.held, 0, sizeof(told.held));
                is_told = i == 0;
                watch.call.lock = 10 * US;
                watch.call.gate = 20 * US;
                watch.call.delay = 30 * US;
                watch.call.delay_in_waits = 5 * US;
                trib__stopwatch_end_work(&watch, &device, NULL, 7);
                assert_int_equal(watch.times[TIME_LOCK], 10 * US);
                assert_int_equal(watch.times[TIME_SERIAL], (i == 0 ? 80 : 20) * US);
                assert_int_equal(watch.times[TIME_DESCHEDULED], 35 * US);
                assert_int_equal(watch.times[TIME_SUBMIT], (i == 0 ? 55 : 35) * US);
                assert_whole(&watch);
        }
}

static void watch_survives_what_no_device_should_tell(void **state)
{
        static const uint64_t values[] = { 0, 1, UINT64_MAX };

        (void)state;
        for (unsigned i = 0; i < 3 * 3 * 3 * 3 * 2; i++) {
                struct stopwatch watch;

                (void)begin_work(&watch);
                told.lock_ns = told.descheduled_ns = values[i % 3];
                told.queue_ns = told.copy_ns = values[i / 3 % 3];
                told.device_ns = told.serial_ns = values[i / 9 % 3];
                told.submitted = values[i / 27 % 3];
                told.ended = values[(i / 27 + i) % 3];
                told.has_clock = i / 81 % 2;
                watch.call.lock = watch.call.gate = watch.call.delay = values[i % 3];
                trib__stopwatch_end_work(&watch, &device, NULL, 7);
                assert_whole(&watch);
        }
}

/* A part that was shorter than what was waited in it. */
static void watch_gives_no_part_more_than_its_time(void **state)
{
        struct stopwatch watch;

        (void)state;
        memset(&watch, 0, sizeof(watch));
        memset(trib__meter(), 0, sizeof(*trib__meter()));
        watch.call.began = watch.mark = trib__now() - 1000 * US;
        trib__meter()->lock_ns = UINT64_MAX;
        trib__meter()->gate_ns = UINT64_MAX;
        trib__meter()->delay_ns = UINT64_MAX;
        trib__stopwatch_end(&watch, TIME_PREPARE);
        assert_int_equal(watch.times[TIME_LOCK], sum_of(&watch));
        assert_whole(&watch);
        trib__stopwatch_end(NULL, TIME_PREPARE);
}

/* The turnstile of a serial operator is told as such; and so is the time without a core, if the
 * system tells it. */
static void session_tells_the_time_inside_of_serial_operators(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_session_stats   stats;
        struct session_rig   rig;
        struct zoo_job       job;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        options.measure_every = 1;
        session_rig_open(&rig, "cpu:0", ZOO_SERIAL, &options);
        zoo_job_init(&job, ZOO_SERIAL, 2, 1);
        for (int i = 0; i < 20; i++)
                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
        assert_true(stats.measured > 0);
        assert_true(stats.serial_held_ns > 0);
        assert_int_equal(stats.lock_ns, 0);
        assert_false(trib__meter()->is_on);
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(watch_cuts_the_time_where_the_device_says),
               TRIB_TEST(watch_takes_submission_from_the_device_not_from_the_call),
               TRIB_TEST(watch_takes_durations_of_a_device_with_a_clock_of_its_own),
               TRIB_TEST(watch_takes_the_wait_for_device_time_where_nothing_is_told),
               TRIB_TEST(watch_takes_waits_of_the_call_out_of_submission),
               TRIB_TEST(watch_survives_what_no_device_should_tell),
               TRIB_TEST(watch_gives_no_part_more_than_its_time),
               TRIB_TEST(session_tells_the_time_inside_of_serial_operators))
