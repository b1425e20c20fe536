/* SPDX-License-Identifier: Apache-2.0 */
/* What a request costs on the simulated device beside its steps: a driver's lock, host cores, late
 * notices, transfers, shared memory bandwidth; and what is told of it. On a scripted clock, each
 * time worked out by hand in a comment. */
#include "test_main.h"

#include "base/clock.h"
#include "sim_rig.h"

static const float x[4] = { -1, 2, -3, 4 };

#define MOST 4

/* When the works ended, and when the host learned of it, by queue. */
struct seen {
        uint64_t ends[SIM_RIG_QUEUES];
        uint64_t notices[SIM_RIG_QUEUES];
};

static void run_and_see(struct sim_rig *rig, struct seen *seen)
{
        struct trib__sim_event event;

        memset(seen, 0, sizeof(*seen));
        while (trib__sim_step(rig->device, &event)) {
                if (event.kind == TRIB__SIM_END)
                        seen->ends[event.queue] = event.time;
                if (event.kind == TRIB__SIM_NOTICE)
                        seen->notices[event.queue] = event.time;
        }
}

static void assert_times(const uint64_t *times, uint32_t count, const uint64_t *expected)
{
        for (uint32_t i = 0; i < count; i++) {
                if (times[i] != expected[i])
                        fail_msg("queue %u: %llu, not %llu", i, (unsigned long long)times[i],
                                 (unsigned long long)expected[i]);
        }
}

struct cost {
        double flops;
        double bytes;
};

static trib_status launch_timed(struct sim_rig *rig, uint32_t queue, struct sim_model *model,
                                float *y)
{
        const void                    *inputs[1] = { x };
        void                          *outputs[1] = { y };
        const struct trib__launch_args args = { .inputs = inputs,
                                                .outputs = outputs,
                                                .deadline = TRIB__NEVER,
                                                .is_timed = true };

        return rig->backend->launch(rig->queues[queue], model->program, &args,
                                    ++rig->values[queue], NULL);
}

/* One timed launch of one step on each of `count` queues at time 0; what came of them. */
static void run_one_each(const char *options, const struct cost *costs, uint32_t count,
                         struct seen *seen, struct trib__work_times *times)
{
        struct sim_rig   rig;
        struct sim_model models[MOST];
        float            y[MOST][4];

        sim_rig_open(&rig, options, count);
        for (uint32_t i = 0; i < count; i++) {
                sim_model_make(&rig, &models[i], TRIB__OP_RELU, 1, costs[i].flops,
                               costs[i].bytes);
                assert_int_equal(launch_timed(&rig, i, &models[i], y[i]), TRIB_OK);
        }
        run_and_see(&rig, seen);
        for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(sim_rig_completed(&rig, i), 1);
                assert_true(y[i][1] == 2 && y[i][2] == 0);
                assert_true(rig.backend->times(rig.queues[i], 1, &times[i]));
                assert_false(times[i].has_clock);
                sim_model_free(&rig, &models[i]);
        }
        sim_rig_close(&rig);
}

static const struct cost five_us[MOST] = { { 5e3, 0 }, { 5e3, 0 }, { 5e3, 0 }, { 5e3, 0 } };

/* The lock is held 0-10, 10-20, 20-30; then each step takes 5 us. */
static void sim_lock_is_held_by_one_submission_at_a_time(void **state)
{
        struct seen             seen;
        struct trib__work_times times[MOST];

        (void)state;
        run_one_each("queues=4,launch_us=0,flops=1e9,lock_us=10,clock=scripted", five_us, 3, &seen,
                     times);
        assert_times(seen.ends, 3, (uint64_t[]){ 15000, 25000, 35000 });
        for (uint32_t i = 0; i < 3; i++) {
                assert_int_equal(times[i].lock_ns, i * 10000);
                assert_int_equal(times[i].held.lock_ns, 10000);
                assert_int_equal(times[i].device_ns, 5000);
                assert_int_equal(times[i].queue_ns, 0);
        }
}

/* Lock 0-10, 10-20; then the submission path 10-17, 20-27. */
static void sim_lock_comes_before_the_submission_path(void **state)
{
        struct seen             seen;
        struct trib__work_times times[MOST];

        (void)state;
        run_one_each("queues=4,launch_us=7,flops=1e9,lock_us=10,clock=scripted", five_us, 2, &seen,
                     times);
        assert_times(seen.ends, 2, (uint64_t[]){ 22000, 32000 });
        assert_int_equal(times[1].held.path_ns, 7000);
}

/* A copy is a submission, too: lock 0-10, copy 10-11; lock 10-20, copy 20-21. */
static void sim_lock_is_held_by_copies_too(void **state)
{
        static char    source[1000], target[1000];
        struct sim_rig rig;
        struct seen    seen;

        (void)state;
        sim_rig_open(&rig, "lock_us=10,host_us=50,host_cores=1,copy_bandwidth=1e9,clock=scripted",
                     2);
        for (uint32_t i = 0; i < 2; i++)
                assert_int_equal(sim_rig_copy(&rig, i, target, source, 1000), TRIB_OK);
        run_and_see(&rig, &seen);
        assert_times(seen.ends, 2, (uint64_t[]){ 11000, 21000 });
        sim_rig_close(&rig);
}

/* Two cores: 0-10 twice, then 10-20 twice. */
static void sim_host_cores_are_shared_by_submissions(void **state)
{
        struct seen             seen;
        struct trib__work_times times[MOST];

        (void)state;
        run_one_each("queues=4,launch_us=0,flops=1e9,host_us=10,host_cores=2,clock=scripted",
                     five_us, 4, &seen, times);
        assert_times(seen.ends, 4, (uint64_t[]){ 15000, 15000, 25000, 25000 });
        assert_int_equal(times[1].descheduled_ns, 0);
        assert_int_equal(times[2].descheduled_ns, 10000);
        assert_int_equal(times[3].descheduled_ns, 10000);
        assert_int_equal(times[3].held.host_ns, 10000);
}

/* Without host_cores nobody waits for one. */
static void sim_host_work_alone_delays_each_alike(void **state)
{
        struct seen             seen;
        struct trib__work_times times[MOST];

        (void)state;
        run_one_each("queues=4,launch_us=0,flops=1e9,host_us=10,clock=scripted", five_us, 4, &seen,
                     times);
        assert_times(seen.ends, 4, (uint64_t[]){ 15000, 15000, 15000, 15000 });
        assert_int_equal(times[3].descheduled_ns, 0);
}

/* Steps 0-10 and 10-20 on one queue; the host learns of them at 17 and 27. Meanwhile the queue
 * goes on, and so does one that waits for it. */
static void sim_wake_is_late_for_the_host_alone(void **state)
{
        struct sim_rig         rig;
        struct sim_model       model;
        struct trib__sim_event event;
        float                  y[3][4];
        uint64_t               last_end = 0;

        (void)state;
        sim_rig_open(&rig, "launch_us=0,flops=1e9,wake_us=7,clock=scripted", 2);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y[0]), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y[1]), TRIB_OK);
        assert_int_equal(rig.backend->wait_queue(rig.queues[1], rig.queues[0], 1, NULL), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 1, &model, x, y[2]), TRIB_OK);
        assert_int_equal(trib__sim_advance(rig.device, 16999), 4); /* three starts and an end */
        assert_int_equal(sim_rig_completed(&rig, 0), 0);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_PENDING);
        assert_int_equal(trib__sim_advance(rig.device, 1), 1);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_OK);
        while (trib__sim_step(rig.device, &event))
                last_end = event.kind == TRIB__SIM_END ? event.time : last_end;
        assert_int_equal(last_end, 20000); /* queue 1 did not wait for the notice */
        assert_int_equal(trib__sim_now(rig.device), 27000);
        assert_int_equal(sim_rig_completed(&rig, 0), 2);
        assert_int_equal(sim_rig_completed(&rig, 1), 1);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* The value of a work that was refused comes with the notice of the work before it. */
static void sim_wake_keeps_the_order_of_values(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4];

        (void)state;
        sim_rig_open(&rig, "launch_us=0,flops=1e9,wake_us=7,clock=scripted", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(trib__sim_advance(rig.device, 10000), 2);
        trib__sim_lose(rig.device); /* what has ended is told */
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_completed(&rig, 0), 2);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* 16 bytes at 1.6e6 B/s are 10 us. In 0-10, 10-20; steps 10-15, 20-25; out 20-30, 30-40. */
static void sim_transfers_cross_the_copy_engine(void **state)
{
        struct seen             seen;
        struct trib__work_times times[MOST];

        (void)state;
        run_one_each("queues=4,launch_us=0,flops=1e9,copy_bandwidth=1.6e6,transfers=1,"
                     "clock=scripted",
                     five_us, 2, &seen, times);
        assert_times(seen.ends, 2, (uint64_t[]){ 30000, 40000 });
        assert_int_equal(times[0].copy_ns, 25000);
        assert_int_equal(times[0].held.copy_ns, 20000);
        assert_int_equal(times[1].copy_ns, 35000);
        assert_int_equal(times[0].device_ns, 5000);
        assert_int_equal(times[0].queue_ns + times[1].queue_ns, 0);
}

/* A launch without steps still moves what it is given: 0-10, 10-20. */
static void sim_transfers_of_an_empty_launch(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        struct seen      seen;
        float            y[4];

        (void)state;
        sim_rig_open(&rig, "launch_us=0,copy_bandwidth=1.6e6,transfers=1,clock=scripted", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 0, 0, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        run_and_see(&rig, &seen);
        assert_int_equal(seen.ends[0], 20000);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* 1e4 bytes each. Alone at 5-10: 5e3 are moved. Both at half the rate: the first has moved its
 * rest at 20, the second 5e3; its rest it moves alone, until 25. */
static void sim_total_bandwidth_is_shared_by_what_runs(void **state)
{
        static const struct cost costs[2] = { { 0, 1e4 }, { 0, 1e4 } };
        struct seen              seen;
        struct trib__work_times  times[MOST];

        (void)state;
        run_one_each("launch_us=5,bandwidth=1e9,total_bandwidth=1e9,clock=scripted", costs, 2,
                     &seen, times);
        assert_times(seen.ends, 2, (uint64_t[]){ 20000, 25000 });
        assert_int_equal(times[0].device_ns, 15000);
        assert_int_equal(times[1].device_ns, 15000);
}

/* The first has moved its bytes at 20 and computes until 30; from 20 on the second has all. */
static void sim_total_bandwidth_is_given_back_by_who_computes(void **state)
{
        static const struct cost costs[2] = { { 3e4, 1e4 }, { 0, 2e4 } };
        struct seen              seen;
        struct trib__work_times  times[MOST];

        (void)state;
        run_one_each("launch_us=0,flops=1e9,bandwidth=1e9,total_bandwidth=1e9,clock=scripted",
                     costs, 2, &seen, times);
        assert_times(seen.ends, 2, (uint64_t[]){ 30000, 30000 });
}

/* Three at 1e9 each, of 2e9 in all: 15 us; an executor alone has no more than its own. */
static void sim_total_bandwidth_leaves_an_executor_its_own(void **state)
{
        static const struct cost costs[3] = { { 0, 1e4 }, { 0, 1e4 }, { 0, 1e4 } };
        struct seen              seen;
        struct trib__work_times  times[MOST];

        (void)state;
        run_one_each("launch_us=0,bandwidth=1e9,total_bandwidth=2e9,clock=scripted", costs, 3,
                     &seen, times);
        assert_times(seen.ends, 3, (uint64_t[]){ 15000, 15000, 15000 });
        run_one_each("launch_us=0,bandwidth=1e9,total_bandwidth=2e9,clock=scripted", costs, 1,
                     &seen, times);
        assert_times(seen.ends, 1, (uint64_t[]){ 10000 });
}

/* One executor, serial steps: 0-10 and 10-20, the second waited for the serial unit; with none
 * serial it waited for the executor. */
static void sim_times_tell_what_was_waited_for(void **state)
{
        struct sim_rig          rig;
        struct sim_model        model;
        struct trib__work_times times;
        float                   y[2][4];

        (void)state;
        for (int is_serial = 0; is_serial < 2; is_serial++) {
                sim_rig_open(&rig,
                             is_serial ? "launch_us=0,flops=1e9,serial=softmax,clock=scripted"
                                       : "launch_us=0,flops=1e9,queues=1,clock=scripted",
                             2);
                sim_model_make(&rig, &model, TRIB__OP_SOFTMAX, 1, 1e4, 0);
                for (uint32_t i = 0; i < 2; i++)
                        assert_int_equal(launch_timed(&rig, i, &model, y[i]), TRIB_OK);
                trib__sim_run_until_idle(rig.device);
                assert_true(rig.backend->times(rig.queues[1], 1, &times));
                assert_int_equal(times.serial_ns, is_serial ? 10000 : 0);
                assert_int_equal(times.held.serial_ns, is_serial ? 10000 : 0);
                assert_int_equal(times.queue_ns, is_serial ? 0 : 10000);
                assert_int_equal(times.device_ns, 10000);
                assert_false(rig.backend->times(rig.queues[1], 2, &times));
                sim_model_free(&rig, &model);
                sim_rig_close(&rig);
        }
}

/* On a real clock the caller itself is held up, and the sum of what is told is what passed. */
static void sim_overhead_is_real_on_a_real_clock(void **state)
{
        struct sim_rig          rig;
        struct sim_model        model;
        struct trib__work_times times;
        float                   y[4];
        uint64_t                began, returned;

        (void)state;
        sim_rig_open(&rig, "launch_us=300,flops=1e9,host_us=1000,host_cores=1,lock_us=2000,"
                           "wake_us=500",
                     1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e5, 0);
        began = trib__now();
        assert_int_equal(launch_timed(&rig, 0, &model, y), TRIB_OK);
        returned = trib__now();
        assert_true(returned - began >= 3000000);
        assert_int_equal(rig.backend->park(rig.queues[0], 1, TRIB__NEVER, NULL), TRIB_OK);
        assert_true(trib__now() - began >= 3900000);
        assert_true(rig.backend->times(rig.queues[0], 1, &times));
        assert_true(times.has_clock);
        assert_true(times.submitted >= began + 3300000);
        assert_true(times.started >= times.submitted && times.ended >= times.started + 100000);
        assert_true(times.ended + 500000 <= trib__now());
        assert_int_equal(times.queue_ns + times.serial_ns + times.copy_ns + times.device_ns,
                         times.ended - times.submitted);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void sim_overhead_peaks_are_the_models_own(void **state)
{
        struct sim_rig     rig;
        struct trib__peaks peaks;

        (void)state;
        sim_rig_open(&rig, "queues=4,bandwidth=1e9,total_bandwidth=3e9,copy_bandwidth=2e9,"
                           "flops=5e9,launch_us=2,lock_us=50,wake_us=7,clock=scripted",
                     0);
        assert_int_equal(rig.backend->peaks(rig.device, 10, &peaks, NULL), TRIB_OK);
        assert_true(peaks.bytes_per_s == 3e9 && peaks.unit_bytes_per_s == 1e9);
        assert_true(peaks.flops_f32 == 2e10 && peaks.unit_flops_f32 == 5e9);
        assert_true(peaks.copy_bytes_per_s == 2e9 && peaks.wake_ns == 7000);
        assert_true(peaks.submissions_per_s == 5e5); /* of the path; the lock is another thing */
        assert_true(peaks.shared_cache_bytes == 0 && peaks.private_cache_bytes == 0);
        sim_rig_close(&rig);
        sim_rig_open(&rig, "queues=4,bandwidth=1e9,total_bandwidth=9e9,clock=scripted", 0);
        assert_int_equal(rig.backend->peaks(rig.device, 10, &peaks, NULL), TRIB_OK);
        assert_true(peaks.bytes_per_s == 4e9);
        sim_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(sim_lock_is_held_by_one_submission_at_a_time),
               TRIB_TEST(sim_lock_comes_before_the_submission_path),
               TRIB_TEST(sim_lock_is_held_by_copies_too),
               TRIB_TEST(sim_host_cores_are_shared_by_submissions),
               TRIB_TEST(sim_host_work_alone_delays_each_alike),
               TRIB_TEST(sim_wake_is_late_for_the_host_alone),
               TRIB_TEST(sim_wake_keeps_the_order_of_values),
               TRIB_TEST(sim_transfers_cross_the_copy_engine),
               TRIB_TEST(sim_transfers_of_an_empty_launch),
               TRIB_TEST(sim_total_bandwidth_is_shared_by_what_runs),
               TRIB_TEST(sim_total_bandwidth_is_given_back_by_who_computes),
               TRIB_TEST(sim_total_bandwidth_leaves_an_executor_its_own),
               TRIB_TEST(sim_times_tell_what_was_waited_for),
               TRIB_TEST(sim_overhead_is_real_on_a_real_clock),
               TRIB_TEST(sim_overhead_peaks_are_the_models_own))
