/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated device with threads: its own on a real clock, and a driver beside those that
 * wait on a scripted one. */
#include "test_main.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/sync.h"
#include "sim_rig.h"

#define THREADS 8
#define ROUNDS 30

struct worker {
        struct sim_rig   *rig;
        struct sim_model *model;
        uint32_t          index;
        uint32_t          wrong;
        trib_status       status;
};

static void run_rounds(void *argument)
{
        struct worker *worker = argument;
        float          x[4] = { 1, -2, 3, -4 }, y[4];

        for (int i = 0; i < ROUNDS; i++) {
                trib__queue *queue = worker->rig->queues[worker->index];

                x[0] = (float)(i + 1);
                worker->status = sim_rig_launch(worker->rig, worker->index, worker->model, x, y);
                if (worker->status == TRIB_OK)
                        worker->status = worker->rig->backend->park(
                                queue, worker->rig->values[worker->index], TRIB__NEVER, NULL);
                if (worker->status != TRIB_OK)
                        return;
                if (y[0] != x[0] || y[1] != 0 || y[2] != 3 || y[3] != 0)
                        worker->wrong++;
        }
}

static void run_workers(struct sim_rig *rig, struct sim_model *model,
                        struct trib__thread *threads, struct worker *workers)
{
        for (uint32_t i = 0; i < THREADS; i++) {
                workers[i] = (struct worker){ rig, model, i, 0, TRIB_OK };
                assert_int_equal(trib__thread_start(&threads[i], run_rounds, &workers[i], NULL),
                                 TRIB_OK);
        }
}

static void sim_real_clock_serves_threads(void **state)
{
        struct sim_rig      rig;
        struct sim_model    model;
        struct trib__thread threads[THREADS];
        struct worker       workers[THREADS];

        (void)state;
        sim_rig_open(&rig, "queues=2,launch_us=1,flops=1e9,reorder=5", THREADS);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 2, 5e3, 0);
        run_workers(&rig, &model, threads, workers);
        for (int i = 0; i < THREADS; i++) {
                trib__thread_join(&threads[i]);
                assert_int_equal(workers[i].wrong, 0);
                assert_int_equal(workers[i].status, TRIB_OK);
        }
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* A launch takes at least what the model says: the lower bound of a real clock is exact. */
static void sim_real_clock_is_never_early(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            x[4] = { 1 }, y[4];
        uint64_t         begin;

        (void)state;
        sim_rig_open(&rig, "launch_us=100,flops=1e9", 1);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 2e6, 0);
        begin = trib__now();
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(rig.backend->park(rig.queues[0], 1, TRIB__NEVER, NULL), TRIB_OK);
        assert_true(trib__now() - begin >= 2100000);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* Threads park; this thread drives the scripted clock until all are through. */
static void sim_scripted_clock_wakes_parked_threads(void **state)
{
        struct sim_rig      rig;
        struct sim_model    model;
        struct trib__thread threads[THREADS];
        struct worker       workers[THREADS];
        uint64_t            done;

        (void)state;
        sim_rig_open(&rig, "clock=scripted,reorder=3", THREADS);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        run_workers(&rig, &model, threads, workers);
        do {
                (void)trib__sim_step(rig.device, NULL);
                done = 0;
                for (uint32_t i = 0; i < THREADS; i++)
                        done += sim_rig_completed(&rig, i);
        } while (done < THREADS * ROUNDS);
        for (int i = 0; i < THREADS; i++) {
                trib__thread_join(&threads[i]);
                assert_int_equal(workers[i].wrong, 0);
        }
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void drive(void *argument)
{
        struct sim_rig *rig = argument;

        for (int i = 0; i < 2000; i++) {
                (void)trib__sim_advance(rig->device, 1000);
                (void)trib__sim_pending(rig->device);
                (void)trib__sim_now(rig->device);
        }
}

/* Two drivers at once: events still run one at a time. */
static void sim_scripted_clock_takes_two_drivers(void **state)
{
        struct sim_rig      rig;
        struct sim_model    model;
        struct trib__thread drivers[2];
        static float        x[4] = { 1 }, y[SIM_RIG_QUEUES][4];

        (void)state;
        sim_rig_open(&rig, "clock=scripted", SIM_RIG_QUEUES);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e4, 0);
        for (uint32_t i = 0; i < 10 * SIM_RIG_QUEUES; i++)
                assert_int_equal(sim_rig_launch(&rig, i % SIM_RIG_QUEUES, &model, x,
                                                y[i % SIM_RIG_QUEUES]),
                                 TRIB_OK);
        for (int i = 0; i < 2; i++)
                assert_int_equal(trib__thread_start(&drivers[i], drive, &rig, NULL), TRIB_OK);
        for (int i = 0; i < 2; i++)
                trib__thread_join(&drivers[i]);
        trib__sim_run_until_idle(rig.device);
        for (uint32_t i = 0; i < SIM_RIG_QUEUES; i++)
                assert_int_equal(sim_rig_completed(&rig, i), 10);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void sim_losing_the_device_wakes_everybody(void **state)
{
        struct sim_rig      rig;
        struct sim_model    model;
        struct trib__thread threads[THREADS];
        struct worker       workers[THREADS];

        (void)state;
        /* Each launch would take a quarter of an hour. */
        sim_rig_open(&rig, "flops=1e9", THREADS);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e12, 0);
        run_workers(&rig, &model, threads, workers);
        trib__sim_lose(rig.device);
        for (int i = 0; i < THREADS; i++) {
                trib__thread_join(&threads[i]);
                assert_int_equal(workers[i].status, TRIB_DEVICE_LOST);
        }
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

static void sim_closes_with_hung_work(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            x[4] = { 1 }, *y = malloc(4 * sizeof(*y));

        (void)state;
        assert_non_null(y);
        sim_rig_open(&rig, "hang_at=2,launch_us=0", 2);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 1, 1e3, 0);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(rig.backend->park(rig.queues[0], 1, TRIB__NEVER, NULL), TRIB_OK);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y), TRIB_OK);
        assert_int_equal(rig.backend->park(rig.queues[0], 2, trib__deadline_after(2000000), NULL),
                         TRIB_TIMED_OUT);
        rig.backend->queue_destroy(rig.queues[0]);
        rig.queues[0] = NULL;
        free(y);
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

/* Queues come and go while their work runs on a real clock. */
static void sim_queue_destroy_waits_for_the_kernel(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;

        (void)state;
        sim_rig_open(&rig, "fast", 0);
        sim_model_make(&rig, &model, TRIB__OP_RELU, 8, 0, 0);
        for (int i = 0; i < 200; i++) {
                float *x = calloc(8, sizeof(*x));

                assert_non_null(x);
                assert_int_equal(rig.backend->queue_create(rig.device, 0, &rig.queues[0], NULL),
                                 TRIB_OK);
                rig.values[0] = 0;
                assert_int_equal(sim_rig_launch(&rig, 0, &model, x, x + 4), TRIB_OK);
                rig.backend->queue_destroy(rig.queues[0]);
                free(x);
        }
        sim_model_free(&rig, &model);
        sim_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(sim_real_clock_serves_threads),
               TRIB_TEST(sim_real_clock_is_never_early),
               TRIB_TEST(sim_scripted_clock_wakes_parked_threads),
               TRIB_TEST(sim_scripted_clock_takes_two_drivers),
               TRIB_TEST(sim_losing_the_device_wakes_everybody),
               TRIB_TEST(sim_closes_with_hung_work),
               TRIB_TEST(sim_queue_destroy_waits_for_the_kernel))
