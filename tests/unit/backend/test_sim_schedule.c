/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes next on a scripted clock: by time, by choice, by a seed; always in order on each queue
 * and after what was waited for. */
#include "test_main.h"

#include "base/random.h"
#include "sim_rig.h"

#define MAX_EVENTS 512

static const float x[4] = { -1, 2, -3, 4 };

struct trace {
        uint32_t               count;
        struct trib__sim_event events[MAX_EVENTS];
};

/* Four queues, each with a launch of two steps, a copy, and a launch; queue 3 waits for queue 0
 * before its second launch. */
static void record(const char *options, struct trace *trace)
{
        static float     y[4][4], copies[4][4];
        struct sim_rig   rig;
        struct sim_model one, two;

        memset(trace, 0, sizeof(*trace));
        sim_rig_open(&rig, options, 4);
        sim_model_make(&rig, &one, TRIB__OP_RELU, 1, 1e4, 0);
        sim_model_make(&rig, &two, TRIB__OP_SOFTMAX, 2, 2e4, 0);
        for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(sim_rig_launch(&rig, i, &two, x, y[i]), TRIB_OK);
                assert_int_equal(sim_rig_copy(&rig, i, copies[i], y[i], sizeof(y[i])), TRIB_OK);
                if (i == 3)
                        assert_int_equal(rig.backend->wait_queue(rig.queues[3], rig.queues[0], 3,
                                                                 NULL), TRIB_OK);
                assert_int_equal(sim_rig_launch(&rig, i, &one, copies[i], y[i]), TRIB_OK);
        }
        while (trace->count < MAX_EVENTS &&
               trib__sim_step(rig.device, &trace->events[trace->count]))
                trace->count++;
        for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(sim_rig_completed(&rig, i), 3);
                assert_true(y[i][0] == copies[i][0]);
        }
        sim_model_free(&rig, &one);
        sim_model_free(&rig, &two);
        sim_rig_close(&rig);
}

/* Each queue's events come in order of work, step, and start before end; queue 3's last work
 * starts after queue 0's has ended. */
static void check_order(const struct trace *trace)
{
        struct trib__sim_event last[4] = { { 0 } };
        bool                   is_first_done = false;

        for (uint32_t i = 0; i < trace->count; i++) {
                const struct trib__sim_event *event = &trace->events[i];
                struct trib__sim_event       *before = &last[event->queue];

                assert_true(event->value >= before->value);
                assert_true(event->time >= before->time);
                if (event->kind == TRIB__SIM_END) {
                        assert_int_equal(before->kind, TRIB__SIM_START);
                        assert_true(before->value == event->value && before->step == event->step);
                } else if (before->value == event->value) {
                        assert_int_equal(event->step, before->step + 1);
                } else {
                        assert_int_equal(event->value, before->value + 1);
                }
                if (event->queue == 3 && event->value == 3)
                        assert_true(is_first_done);
                if (event->queue == 0 && event->value == 3 && event->kind == TRIB__SIM_END)
                        is_first_done = true;
                *before = *event;
        }
        /* 2 + 1 + 1 pieces, a start and an end each, on four queues. */
        assert_int_equal(trace->count, 4 * 4 * 2);
}

static bool is_same(const struct trace *a, const struct trace *b)
{
        if (a->count != b->count)
                return false;
        for (uint32_t i = 0; i < a->count; i++) {
                const struct trib__sim_event *p = &a->events[i], *q = &b->events[i];

                if (p->kind != q->kind || p->queue != q->queue || p->time != q->time ||
                    p->work != q->work || p->value != q->value || p->step != q->step)
                        return false;
        }
        return true;
}

static void sim_same_script_gives_the_same_trace(void **state)
{
        static const char *const options[] = {
                "clock=scripted",
                "clock=scripted,queues=1,serial=softmax",
                "clock=scripted,reorder=1",
                "clock=scripted,reorder=1,queues=2,serial=softmax+relu,delay_us=3",
        };
        static struct trace first, second;

        (void)state;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                record(options[i], &first);
                record(options[i], &second);
                assert_true(is_same(&first, &second));
                check_order(&first);
        }
}

static void sim_time_order_never_goes_back(void **state)
{
        static struct trace trace;

        (void)state;
        record("clock=scripted,queues=2", &trace);
        for (uint32_t i = 1; i < trace.count; i++)
                assert_true(trace.events[i].time >= trace.events[i - 1].time);
}

static void sim_reorder_seeds_differ_and_keep_the_order_of_queues(void **state)
{
        static struct trace base, trace;
        char                options[64];
        uint32_t            different = 0;

        (void)state;
        record("clock=scripted,reorder=0", &base);
        for (int seed = 1; seed <= 100; seed++) {
                (void)snprintf(options, sizeof(options), "clock=scripted,reorder=%d,queues=%d",
                               seed, 1 + seed % 4);
                record(options, &trace);
                check_order(&trace);
                different += is_same(&base, &trace) ? 0 : 1;
        }
        assert_true(different > 90);
}

/* No two serial steps are between start and end at the same time, in any order. */
static void sim_reorder_keeps_serial_steps_apart(void **state)
{
        static struct trace trace;
        char                options[64];

        (void)state;
        for (int seed = 0; seed < 50; seed++) {
                int inside = 0;

                (void)snprintf(options, sizeof(options),
                               "clock=scripted,serial=softmax,reorder=%d", seed);
                record(options, &trace);
                for (uint32_t i = 0; i < trace.count; i++) {
                        if (trace.events[i].value != 1)
                                continue;
                        inside += trace.events[i].kind == TRIB__SIM_START ? 1 : -1;
                        assert_true(inside == 0 || inside == 1);
                }
        }
}

static void sim_peek_shows_and_step_at_takes_the_choice(void **state)
{
        struct sim_rig         rig;
        struct sim_model       model;
        struct trib__sim_event seen, done;
        float                  y[3][4];

        (void)state;
        sim_rig_open(&rig, "clock=scripted,launch_us=1,flops=1e9", 3);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(trib__sim_pending(rig.device), 0);
        assert_false(trib__sim_peek(rig.device, 0, &seen));
        assert_false(trib__sim_step(rig.device, NULL));
        for (uint32_t i = 0; i < 3; i++)
                assert_int_equal(sim_rig_launch(&rig, i, &model, x, y[i]), TRIB_OK);
        assert_int_equal(trib__sim_works(rig.device), 3);
        assert_int_equal(trib__sim_pending(rig.device), 3);
        /* The last to be submitted runs to its end before the others start. */
        assert_true(trib__sim_peek(rig.device, 2, &seen));
        assert_int_equal(seen.queue, 2);
        assert_int_equal(seen.time, 3000);
        assert_true(trib__sim_step_at(rig.device, 2, &done));
        assert_memory_equal(&seen.time, &done.time, sizeof(seen.time));
        assert_true(trib__sim_step_at(rig.device, 2, &done));
        assert_int_equal(done.kind, TRIB__SIM_END);
        assert_int_equal(sim_rig_completed(&rig, 2), 1);
        assert_int_equal(sim_rig_completed(&rig, 0), 0);
        assert_false(trib__sim_step_at(rig.device, 2, &done));
        assert_int_equal(trib__sim_run_until_idle(rig.device), 4);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* Inputs are read at the start and outputs written at the end: not before, not after. */
static void sim_reads_at_the_start_and_writes_at_the_end(void **state)
{
        struct sim_rig         rig;
        struct sim_model       model;
        struct trib__sim_event event;
        float                  in[4] = { 1, 1, 1, 1 }, y[4] = { 0 };

        (void)state;
        sim_rig_open(&rig, "clock=scripted", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, in, y), TRIB_OK);
        in[0] = 2;
        assert_true(trib__sim_step(rig.device, &event));
        assert_int_equal(event.kind, TRIB__SIM_START);
        in[1] = 2;
        y[2] = 5;
        assert_true(y[0] == 0 && sim_rig_completed(&rig, 0) == 0);
        assert_true(trib__sim_step(rig.device, &event));
        assert_true(y[0] == 2 && y[1] == 1 && y[2] == 1);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void sim_compute_none_leaves_outputs_alone(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4] = { 7, 7, 7, 7 };

        (void)state;
        sim_rig_open(&rig, "clock=scripted,compute=none,launch_us=1,flops=1e9", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(trib__sim_run_until_idle(rig.device), 2);
        assert_int_equal(trib__sim_now(rig.device), 11000);
        assert_true(y[0] == 7 && sim_rig_completed(&rig, 0) == 1);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(sim_same_script_gives_the_same_trace),
               TRIB_TEST(sim_time_order_never_goes_back),
               TRIB_TEST(sim_reorder_seeds_differ_and_keep_the_order_of_queues),
               TRIB_TEST(sim_reorder_keeps_serial_steps_apart),
               TRIB_TEST(sim_peek_shows_and_step_at_takes_the_choice),
               TRIB_TEST(sim_reads_at_the_start_and_writes_at_the_end),
               TRIB_TEST(sim_compute_none_leaves_outputs_alone))
