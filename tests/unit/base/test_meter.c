/* SPDX-License-Identifier: Apache-2.0 */
/* test_meter.c: a thread's account of its waits, and the time that it had no core. */
#include "test_main.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "base/meter.h"
#include "base/sync.h"

static struct trib__mutex mutex = TRIB__MUTEX_INIT(TRIB__RANK_REGISTRY);
static struct trib__gate  gate;
static trib__atomic_u32   step; /* of the two threads below */

static void start_meter(void)
{
        *trib__meter() = (struct trib__meter){ .is_on = true };
}

static void await_step(uint32_t wanted)
{
        /* Acquire: pairs with the releases below. */
        while (trib__load_acquire_u32(&step) < wanted)
                trib__cpu_relax();
}

static void go_to_step(uint32_t next)
{
        /* Release: pairs with the acquire in await_step. */
        trib__store_release_u32(&step, next);
}

static void open_and_close(void *told)
{
        uint64_t last = 0;

        assert_int_equal(trib__run_delay(), 0);
        *(bool *)told = trib__run_delay_open();
        assert_int_equal(trib__run_delay_is_open(), *(bool *)told);
        assert_int_equal(trib__run_delay_open(), *(bool *)told);
        for (int i = 0; i < 1000; i++) {
                uint64_t now = trib__run_delay();

                assert_true(now >= last);
                last = now;
        }
        trib__run_delay_close();
        trib__run_delay_close();
        assert_false(trib__run_delay_is_open());
        assert_false(trib__run_delay_open());
        assert_int_equal(trib__run_delay(), 0);
}

static void run_delay_never_goes_back_and_ends_with_its_record(void **state)
{
        bool first = false, second = false;

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct trib__thread thread;

                assert_int_equal(trib__thread_start(&thread, open_and_close,
                                                    i == 0 ? &first : &second, NULL),
                                 TRIB_OK);
                trib__thread_join(&thread);
        }
        assert_int_equal(first, second);
}

static void open_with_few_files(void *told)
{
        struct rlimit before, few;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        few = before;
        few.rlim_cur = 4;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        *(bool *)told = trib__run_delay_open();
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        trib__run_delay_close();
}

/* A thousand threads that are measured leave the program files to open. */
static void run_delay_takes_no_file_that_the_program_may_need(void **state)
{
        struct trib__thread thread;
        bool                is_open = true;

        (void)state;
        assert_int_equal(trib__thread_start(&thread, open_with_few_files, &is_open, NULL),
                         TRIB_OK);
        trib__thread_join(&thread);
        assert_false(is_open);
}

/* Holds the gate until somebody sleeps for it. */
static void hold_gate(void *argument)
{
        (void)argument;
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        go_to_step(1);
        /* Relaxed: only the value matters; 2: somebody may sleep. */
        while (trib__load_relaxed_u32(&gate.state) != 2)
                trib__cpu_relax();
        trib__gate_leave(&gate);
}

static void meter_counts_waits_for_a_gate_and_the_time_inside(void **state)
{
        struct trib__meter *meter = trib__meter();
        struct trib__thread thread;

        (void)state;
        start_meter();
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        assert_int_equal(meter->gate_ns, 0);
        trib__gate_leave(&gate);
        assert_true(meter->gate_held_ns > 0);
        start_meter();
        go_to_step(0);
        assert_int_equal(trib__thread_start(&thread, hold_gate, NULL, NULL), TRIB_OK);
        await_step(1);
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        assert_true(meter->gate_ns + meter->delay_ns > 0);
        assert_int_equal(meter->lock_ns, 0);
        assert_int_equal(meter->gate_held_ns, 0);
        trib__gate_leave(&gate);
        assert_true(meter->gate_held_ns > 0);
        trib__thread_join(&thread);
}

static void meter_that_is_off_counts_nothing(void **state)
{
        struct trib__meter *meter = trib__meter();
        struct trib__thread thread;

        (void)state;
        *meter = (struct trib__meter){ 0 };
        go_to_step(0);
        assert_int_equal(trib__thread_start(&thread, hold_gate, NULL, NULL), TRIB_OK);
        await_step(1);
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        /* Switched on inside: when it came in is not known. */
        meter->is_on = true;
        trib__gate_leave(&gate);
        trib__thread_join(&thread);
        assert_int_equal(meter->gate_ns + meter->gate_held_ns + meter->delay_ns, 0);
}

static void meter_counts_a_gate_that_is_not_reached_in_time(void **state)
{
        struct trib__meter *meter = trib__meter();
        struct trib__gate   taken = { { 1 } };

        (void)state;
        start_meter();
        assert_false(trib__gate_enter(&taken, 1));
        assert_int_equal(meter->gate_since, 0);
        assert_true(meter->gate_ns + meter->delay_ns > 0);
}

/* Holds the mutex while the other asks for it. */
static void hold_mutex(void *argument)
{
        (void)argument;
        trib__lock(&mutex);
        go_to_step(1);
        await_step(2);
        for (int i = 0; i < 100000; i++)
                trib__cpu_relax();
        trib__unlock(&mutex);
}

static void meter_counts_waits_for_a_mutex(void **state)
{
        struct trib__meter *meter = trib__meter();

        (void)state;
        start_meter();
        trib__lock(&mutex);
        trib__unlock(&mutex);
        assert_int_equal(meter->lock_ns, 0);
        /* Until the two have met. */
        do {
                struct trib__thread thread;

                go_to_step(0);
                assert_int_equal(trib__thread_start(&thread, hold_mutex, NULL, NULL), TRIB_OK);
                await_step(1);
                go_to_step(2);
                trib__lock(&mutex);
                trib__unlock(&mutex);
                trib__thread_join(&thread);
        } while (meter->lock_ns + meter->delay_ns == 0);
        assert_int_equal(meter->gate_ns, 0);
}

TRIB_TEST_MAIN(TRIB_TEST(run_delay_never_goes_back_and_ends_with_its_record),
               TRIB_TEST(run_delay_takes_no_file_that_the_program_may_need),
               TRIB_TEST(meter_counts_waits_for_a_gate_and_the_time_inside),
               TRIB_TEST(meter_that_is_off_counts_nothing),
               TRIB_TEST(meter_counts_a_gate_that_is_not_reached_in_time),
               TRIB_TEST(meter_counts_waits_for_a_mutex))
