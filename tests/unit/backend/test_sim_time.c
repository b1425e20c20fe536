/* SPDX-License-Identifier: Apache-2.0 */
/* The time model of the simulated device on a scripted clock: completion times in virtual
 * nanoseconds, each worked out by hand in a comment. */
#include "test_main.h"

#include "sim_rig.h"

static const float x[4] = { -1, 2, -3, 4 };

/* Run the device until idle and note when each queue's timeline got to its last value. */
static void run_and_note(struct sim_rig *rig, uint64_t *times)
{
        struct trib__sim_event event;

        memset(times, 0, SIM_RIG_QUEUES * sizeof(*times));
        while (trib__sim_step(rig->device, &event)) {
                if (event.kind == TRIB__SIM_END &&
                    sim_rig_completed(rig, event.queue) == rig->values[event.queue])
                        times[event.queue] = times[event.queue] != 0 ? times[event.queue]
                                                                     : event.time;
        }
}

static void assert_times(const uint64_t *times, uint32_t count, const uint64_t *expected)
{
        for (uint32_t i = 0; i < count; i++) {
                if (times[i] != expected[i])
                        fail_msg("queue %u ended at %llu, not at %llu", i,
                                 (unsigned long long)times[i], (unsigned long long)expected[i]);
        }
}

struct shape {
        enum trib__op op;
        uint32_t      steps;
        double        flops;
        double        bytes;
};

/* Launch once on each of `count` queues at time 0, and compare when they end. */
static void check_one_launch_each(const char *options, const struct shape *shapes,
                                  uint32_t count, const uint64_t *expected)
{
        struct sim_rig   rig;
        struct sim_model models[SIM_RIG_QUEUES];
        float            y[SIM_RIG_QUEUES][4];
        uint64_t         times[SIM_RIG_QUEUES];

        sim_rig_open(&rig, options, count);
        for (uint32_t i = 0; i < count; i++) {
                sim_model_make(&rig, &models[i], shapes[i].op, shapes[i].steps, shapes[i].flops,
                               shapes[i].bytes);
                assert_int_equal(sim_rig_launch(&rig, i, &models[i], x, y[i]), TRIB_OK);
        }
        run_and_note(&rig, times);
        assert_times(times, count, expected);
        for (uint32_t i = 0; i < count; i++)
                sim_model_free(&rig, &models[i]);
        sim_rig_close(&rig);
}

/* Submissions end at 5, 10, 15, 20 us; a step takes 10 us; two executors: 5-15, 10-20, then
 * 15-25 on the first and 20-30 on the second. */
static void sim_time_submission_is_serial_and_executors_are_shared(void **state)
{
        const struct shape relu = { TRIB__OP_RELU, 1, 1e4, 0 };
        const struct shape shapes[4] = { relu, relu, relu, relu };

        (void)state;
        check_one_launch_each("queues=2,launch_us=5,flops=1e9,clock=scripted", shapes, 4,
                              (uint64_t[]){ 15000, 20000, 25000, 30000 });
}

/* max(flops / flops per second, bytes / bytes per second): 10 us, 20 us, 30 us. */
static void sim_time_step_costs_the_larger_of_compute_and_memory(void **state)
{
        const struct shape shapes[3] = { { TRIB__OP_RELU, 1, 1e4, 1e4 },
                                         { TRIB__OP_RELU, 1, 2e4, 1e4 },
                                         { TRIB__OP_RELU, 1, 1e4, 6e4 } };

        (void)state;
        check_one_launch_each("queues=4,launch_us=0,flops=1e9,bandwidth=2e9,clock=scripted",
                              shapes, 3, (uint64_t[]){ 10000, 20000, 30000 });
}

/* The two softmax exclude each other: 0-10 and 10-20; relu runs beside them. */
static void sim_time_serial_operators_exclude_each_other(void **state)
{
        const struct shape shapes[3] = { { TRIB__OP_SOFTMAX, 1, 1e4, 0 },
                                         { TRIB__OP_SOFTMAX, 1, 1e4, 0 },
                                         { TRIB__OP_RELU, 1, 1e4, 0 } };

        (void)state;
        check_one_launch_each("queues=4,launch_us=0,flops=1e9,serial=softmax,clock=scripted",
                              shapes, 3, (uint64_t[]){ 10000, 20000, 10000 });
}

/* One executor, two launches of two steps of 10 us: a1 0-10, b1 10-20 (it has waited for longer
 * than a2), a2 20-30, b2 30-40. */
static void sim_time_who_waits_longest_goes_first(void **state)
{
        const struct shape two = { TRIB__OP_RELU, 2, 1e4, 0 };
        const struct shape shapes[2] = { two, two };

        (void)state;
        check_one_launch_each("queues=1,launch_us=0,flops=1e9,clock=scripted", shapes, 2,
                              (uint64_t[]){ 30000, 40000 });
}

/* A launch without steps ends when its submission does. */
static void sim_time_empty_launch_costs_its_submission(void **state)
{
        const struct shape none = { TRIB__OP_RELU, 0, 0, 0 };
        const struct shape shapes[3] = { none, none, none };

        (void)state;
        check_one_launch_each("launch_us=2.5,clock=scripted", shapes, 3,
                              (uint64_t[]){ 2500, 5000, 7500 });
}

/* The delay holds nothing: 5+100+10, 10+100+10. */
static void sim_time_delay_holds_no_unit(void **state)
{
        const struct shape relu = { TRIB__OP_RELU, 1, 1e4, 0 };
        const struct shape shapes[2] = { relu, relu };

        (void)state;
        check_one_launch_each("queues=1,launch_us=5,flops=1e9,delay_us=100,clock=scripted",
                              shapes, 2, (uint64_t[]){ 115000, 125000 });
}

/* One copy engine: 1000 bytes at 1e9 B/s are 1 us; copies cost no submission and no executor. */
static void sim_time_copies_share_one_engine(void **state)
{
        static char source[3000], target[3000];
        struct sim_rig rig;
        uint64_t       times[SIM_RIG_QUEUES];

        (void)state;
        sim_rig_open(&rig, "launch_us=5,copy_bandwidth=1e9,clock=scripted", 3);
        for (uint32_t i = 0; i < 3; i++)
                assert_int_equal(sim_rig_copy(&rig, i, target + 1000 * i, source + 1000 * i,
                                              i == 2 ? 500 : 1000),
                                 TRIB_OK);
        run_and_note(&rig, times);
        assert_times(times, 3, (uint64_t[]){ 1000, 2000, 2500 });
        sim_rig_close(&rig);
}

/* In order on one queue: copy 0-1, launch 5-15 (submitted at 5), copy 15-16. */
static void sim_time_queue_is_in_order(void **state)
{
        struct sim_rig         rig;
        struct sim_model       model;
        struct trib__sim_event event;
        static char            source[1000], target[1000];
        float                  y[4];
        uint64_t               ends[3], n = 0;

        (void)state;
        sim_rig_open(&rig, "launch_us=5,flops=1e9,copy_bandwidth=1e9,clock=scripted", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_copy(&rig, 0, target, source, 1000), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(sim_rig_copy(&rig, 0, target, source, 1000), TRIB_OK);
        while (trib__sim_step(rig.device, &event)) {
                if (event.kind == TRIB__SIM_END)
                        ends[n++] = event.time;
                assert_int_equal(sim_rig_completed(&rig, 0), n);
        }
        assert_int_equal(n, 3);
        assert_int_equal(ends[0], 1000);
        assert_int_equal(ends[1], 15000);
        assert_int_equal(ends[2], 16000);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* Queue 1 waits for queue 0 (0-10), then runs 10-20; queue 2 waits for a value that is reached
 * already and is not held up. */
static void sim_time_wait_queue_holds_the_work_behind_it(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[3][4];
        uint64_t         times[SIM_RIG_QUEUES];

        (void)state;
        sim_rig_open(&rig, "launch_us=0,flops=1e9,clock=scripted", 3);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y[0]), TRIB_OK);
        assert_int_equal(rig.backend->wait_queue(rig.queues[1], rig.queues[0], 1, NULL), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 1, &model, y[0], y[1]), TRIB_OK);
        assert_int_equal(rig.backend->wait_queue(rig.queues[2], rig.queues[0], 0, NULL), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 2, &model, x, y[2]), TRIB_OK);
        run_and_note(&rig, times);
        assert_times(times, 3, (uint64_t[]){ 10000, 20000, 10000 });
        assert_true(y[1][1] == 2.0f && y[1][2] == 0.0f);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* Submitted at 3 us of virtual time, not at 0; advance runs what is due and no more. */
static void sim_time_advance_moves_the_clock_exactly(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4];

        (void)state;
        sim_rig_open(&rig, "launch_us=5,flops=1e9,clock=scripted", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(trib__sim_advance(rig.device, 3000), 0);
        assert_int_equal(trib__sim_now(rig.device), 3000);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(trib__sim_advance(rig.device, 14999), 1); /* started at 8000 */
        assert_int_equal(sim_rig_completed(&rig, 0), 0);
        assert_int_equal(trib__sim_advance(rig.device, 1), 1);
        assert_int_equal(trib__sim_now(rig.device), 18000);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        assert_int_equal(trib__sim_run_until_idle(rig.device), 0);
        assert_int_equal(trib__sim_now(rig.device), 18000);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void sim_time_peaks_are_the_models_own(void **state)
{
        struct sim_rig    rig;
        struct trib__peaks peaks;

        (void)state;
        sim_rig_open(&rig, "queues=3,launch_us=2,flops=1e9,bandwidth=5e8,clock=scripted", 0);
        assert_int_equal(rig.backend->peaks(rig.device, 10, &peaks, NULL), TRIB_OK);
        assert_true(peaks.flops_f32 == 3e9 && peaks.bytes_per_s == 1.5e9);
        assert_true(peaks.submissions_per_s == 5e5 && peaks.flops_medium == 0);
        sim_rig_close(&rig);
}

/* Costs that do not fit a clock end at its end, without overflow. */
static void sim_time_absurd_costs_saturate(void **state)
{
        const struct shape huge = { TRIB__OP_RELU, 2, 1e300, 0 };
        const struct shape shapes[2] = { huge, huge };

        (void)state;
        check_one_launch_each("queues=1,launch_us=0,flops=1,clock=scripted", shapes, 2,
                              (uint64_t[]){ 3000000000000000000, 4000000000000000000 });
}

TRIB_TEST_MAIN(TRIB_TEST(sim_time_submission_is_serial_and_executors_are_shared),
               TRIB_TEST(sim_time_step_costs_the_larger_of_compute_and_memory),
               TRIB_TEST(sim_time_serial_operators_exclude_each_other),
               TRIB_TEST(sim_time_who_waits_longest_goes_first),
               TRIB_TEST(sim_time_empty_launch_costs_its_submission),
               TRIB_TEST(sim_time_delay_holds_no_unit),
               TRIB_TEST(sim_time_copies_share_one_engine),
               TRIB_TEST(sim_time_queue_is_in_order),
               TRIB_TEST(sim_time_wait_queue_holds_the_work_behind_it),
               TRIB_TEST(sim_time_advance_moves_the_clock_exactly),
               TRIB_TEST(sim_time_peaks_are_the_models_own),
               TRIB_TEST(sim_time_absurd_costs_saturate))
