/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of the simulated device: told to, arranged, hung, lost, out of memory; and that every
 * fault site of its own is passed by a short run. */
#include "test_main.h"

#include "base/clock.h"
#include "base/fault.h"
#include "sim_rig.h"

static const float x[4] = { -1, 2, -3, 4 };

static void launch(struct sim_rig *rig, uint32_t queue, struct sim_model *model, float *y)
{
        memset(y, 0, 4 * sizeof(*y));
        assert_int_equal(sim_rig_launch(rig, queue, model, x, y), TRIB_OK);
}

static void open_with_relu(struct sim_rig *rig, struct sim_model *model, const char *options,
                           uint32_t n_queues)
{
        sim_rig_open(rig, options, n_queues);
        sim_model_make(rig, model, TRIB__OP_RELU, 1, 1e4, 0);
}

static void close_with(struct sim_rig *rig, struct sim_model *model)
{
        sim_model_free(rig, model);
        sim_rig_close(rig);
}

static void sim_fail_at_fails_that_work_only(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4];
        trib_error       err = TRIB_ERROR_INIT;

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted,fail_at=3", 2);
        for (uint64_t i = 1; i <= 5; i++) {
                launch(&rig, 0, &model, y);
                trib__sim_run_until_idle(rig.device);
                assert_int_equal(sim_rig_completed(&rig, 0), i);
                assert_int_equal(sim_rig_result(&rig, 0, i, &err),
                                 i == 3 ? TRIB_DEVICE_ERROR : TRIB_OK);
                assert_true(y[1] == (i == 3 ? 0 : 2));
        }
        assert_non_null(strstr(err.message, "work 3"));
        assert_int_equal(sim_rig_result(&rig, 1, 3, NULL), TRIB_PENDING);
        assert_int_equal(rig.backend->failure(rig.queues[0], 0, 5, &err), TRIB_DEVICE_ERROR);
        assert_int_equal(rig.backend->failure(rig.queues[0], 2, 3, NULL), TRIB_DEVICE_ERROR);
        assert_int_equal(rig.backend->failure(rig.queues[0], 0, 2, NULL), TRIB_OK);
        assert_int_equal(rig.backend->failure(rig.queues[0], 3, 5, NULL), TRIB_OK);
        close_with(&rig, &model);
}

static void sim_fail_every_fails_copies_too(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4], z[4] = { 0 };

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted,fail_every=2", 1);
        launch(&rig, 0, &model, y);
        assert_int_equal(sim_rig_copy(&rig, 0, z, y, sizeof(z)), TRIB_OK);
        launch(&rig, 0, &model, y);
        assert_int_equal(sim_rig_copy(&rig, 0, z, y, sizeof(z)), TRIB_OK);
        trib__sim_run_until_idle(rig.device);
        for (uint64_t value = 1; value <= 4; value++)
                assert_int_equal(sim_rig_result(&rig, 0, value, NULL),
                                 value % 2 == 0 ? TRIB_DEVICE_ERROR : TRIB_OK);
        assert_true(z[1] == 0);
        close_with(&rig, &model);
}

static void sim_arranged_faults_hit_their_work(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[3][4];

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted,launch_us=0,flops=1e9", 3);
        assert_true(trib__sim_fault(rig.device, 1, TRIB__SIM_FAULT_FAIL, 0));
        assert_true(trib__sim_fault(rig.device, 2, TRIB__SIM_FAULT_DELAY, 5000));
        /* Bit 33 is bit 1 of the second float's lowest byte: 2.0f has a fraction of zero. */
        assert_true(trib__sim_fault(rig.device, 3, TRIB__SIM_FAULT_FLIP, 33));
        for (uint32_t i = 0; i < 3; i++)
                launch(&rig, i, &model, y[i]);
        assert_false(trib__sim_fault(rig.device, 3, TRIB__SIM_FAULT_FAIL, 0));
        trib__sim_advance(rig.device, 10000);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_DEVICE_ERROR);
        assert_int_equal(sim_rig_completed(&rig, 1), 0);
        assert_int_equal(sim_rig_completed(&rig, 2), 1);
        assert_int_equal(sim_rig_result(&rig, 2, 1, NULL), TRIB_OK);
        assert_true(y[2][1] == 2.0f + 2 * 0x1.0p-22f && y[2][3] == 4.0f);
        trib__sim_advance(rig.device, 5000);
        assert_int_equal(sim_rig_completed(&rig, 1), 1);
        assert_true(y[1][1] == 2);
        close_with(&rig, &model);
}

static void sim_arranged_faults_are_limited(void **state)
{
        struct sim_rig rig;

        (void)state;
        sim_rig_open(&rig, "clock=scripted", 0);
        for (uint64_t i = 1; i <= TRIB__SIM_MAX_FAULTS; i++)
                assert_true(trib__sim_fault(rig.device, i, TRIB__SIM_FAULT_FAIL, 0));
        assert_false(trib__sim_fault(rig.device, 99, TRIB__SIM_FAULT_FAIL, 0));
        sim_rig_close(&rig);
}

static void sim_hung_work_holds_its_queue_and_no_other(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[3][4];
        trib_error       err = TRIB_ERROR_INIT;

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted,hang_at=1,launch_us=0,flops=1e9", 2);
        launch(&rig, 0, &model, y[0]);
        launch(&rig, 0, &model, y[1]);
        launch(&rig, 1, &model, y[2]);
        trib__sim_run_until_idle(rig.device);
        assert_int_equal(sim_rig_completed(&rig, 0), 0);
        assert_int_equal(sim_rig_completed(&rig, 1), 1);
        assert_int_equal(rig.backend->park(rig.queues[0], 1, trib__deadline_after(1000000), &err),
                         TRIB_TIMED_OUT);
        assert_non_null(strstr(err.message, "queue 0"));
        assert_true(trib__sim_unhang(rig.device, 0));
        /* 10 us have passed on queue 1; two works of 10 us follow. */
        assert_int_equal(trib__sim_now(rig.device), 10000);
        trib__sim_run_until_idle(rig.device);
        assert_int_equal(trib__sim_now(rig.device), 30000);
        assert_int_equal(sim_rig_completed(&rig, 0), 2);
        assert_true(y[0][1] == 2 && y[1][1] == 2);
        close_with(&rig, &model);
}

static void sim_hung_queue_can_be_destroyed_while_it_runs(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[3][4];

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted,queues=1,serial=relu", 2);
        assert_false(trib__sim_hang(rig.device, 7));
        launch(&rig, 0, &model, y[0]);
        launch(&rig, 0, &model, y[0]);
        assert_true(trib__sim_step(rig.device, NULL)); /* started: has the only executor */
        assert_true(trib__sim_hang(rig.device, 0));
        assert_int_equal(rig.backend->wait_queue(rig.queues[1], rig.queues[0], 2, NULL), TRIB_OK);
        launch(&rig, 1, &model, y[1]);
        assert_int_equal(trib__sim_run_until_idle(rig.device), 0);
        rig.backend->queue_destroy(rig.queues[0]);
        rig.queues[0] = NULL;
        /* The executor and the serial unit are free again, and nobody waits for the queue. */
        assert_int_equal(trib__sim_run_until_idle(rig.device), 2);
        assert_int_equal(sim_rig_completed(&rig, 1), 1);
        assert_true(y[0][1] == 0 && y[1][1] == 2);
        close_with(&rig, &model);
}

static void sim_lost_device_says_so_everywhere(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        trib__queue     *queue;
        float            y[2][4];
        trib_error       err = TRIB_ERROR_INIT;

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted", 2);
        launch(&rig, 0, &model, y[0]);
        trib__sim_run_until_idle(rig.device);
        launch(&rig, 0, &model, y[0]);
        launch(&rig, 1, &model, y[1]);
        assert_true(trib__sim_step(rig.device, NULL));
        trib__sim_lose(rig.device);
        assert_int_equal(trib__sim_pending(rig.device), 0);
        assert_int_equal(rig.backend->park(rig.queues[0], 2, TRIB__NEVER, &err),
                         TRIB_DEVICE_LOST);
        assert_true(strlen(err.message) > 0);
        assert_int_equal(sim_rig_result(&rig, 0, 2, NULL), TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_OK);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        assert_int_equal(sim_rig_launch(&rig, 0, &model, x, y[0]), TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_copy(&rig, 0, y[0], y[1], 4), TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_completed(&rig, 0), 4);
        assert_int_equal(sim_rig_result(&rig, 0, 2, NULL), TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_result(&rig, 0, 4, NULL), TRIB_DEVICE_LOST);
        assert_int_equal(rig.backend->queue_create(rig.device, 5, &queue, NULL),
                         TRIB_DEVICE_LOST);
        assert_int_equal(sim_rig_completed(&rig, 1), 0);
        close_with(&rig, &model);
}

/* A refused launch runs nothing, and its value is reached with the work before it. */
static void sim_refused_launch_reaches_its_value_in_order(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[2][4];

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted", 1);
        trib__fault_arm(1, true);
        assert_int_not_equal(sim_rig_launch(&rig, 0, &model, x, y[0]), TRIB_OK);
        trib__fault_disarm(NULL);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        assert_int_equal(sim_rig_result(&rig, 0, 1, NULL), TRIB_DEVICE_ERROR);
        launch(&rig, 0, &model, y[0]);
        trib__fault_arm(1, true);
        assert_int_equal(sim_rig_copy(&rig, 0, y[1], y[0], 4), TRIB_DEVICE_ERROR);
        trib__fault_disarm(NULL);
        assert_int_equal(sim_rig_completed(&rig, 0), 1);
        trib__sim_run_until_idle(rig.device);
        assert_int_equal(sim_rig_completed(&rig, 0), 3);
        assert_int_equal(sim_rig_result(&rig, 0, 2, NULL), TRIB_OK);
        assert_int_equal(sim_rig_result(&rig, 0, 3, NULL), TRIB_DEVICE_ERROR);
        launch(&rig, 0, &model, y[0]);
        trib__sim_run_until_idle(rig.device);
        assert_int_equal(sim_rig_result(&rig, 0, 4, NULL), TRIB_OK);
        close_with(&rig, &model);
}

static void sim_memory_cap_is_hard(void **state)
{
        struct sim_rig rig;
        void          *a, *b;
        trib_error     err = TRIB_ERROR_INIT;

        (void)state;
        sim_rig_open(&rig, "clock=scripted,memory=10000", 0);
        assert_int_equal(rig.caps.memory_bytes, 10000);
        assert_int_equal(rig.backend->alloc(rig.device, 6000, &a, NULL), TRIB_OK);
        assert_int_equal(rig.backend->alloc(rig.device, 4001, &b, &err), TRIB_OUT_OF_MEMORY);
        assert_non_null(strstr(err.message, "10000"));
        assert_int_equal(rig.backend->alloc(rig.device, UINT64_MAX, &b, NULL),
                         TRIB_OUT_OF_MEMORY);
        assert_int_equal(rig.backend->alloc(rig.device, 4000, &b, NULL), TRIB_OK);
        assert_int_equal(((unsigned char *)b)[3999], 0xA5); /* checked builds poison */
        rig.backend->free(rig.device, a, 6000);
        assert_int_equal(rig.backend->alloc(rig.device, 6000, &a, NULL), TRIB_OK);
        rig.backend->free(rig.device, a, 6000);
        rig.backend->free(rig.device, b, 4000);
        sim_rig_close(&rig);
}

static void sim_steady_queue_allocates_nothing(void **state)
{
        struct sim_rig   rig;
        struct sim_model model;
        float            y[4], z[4];
        uint64_t         passes = 0;

        (void)state;
        open_with_relu(&rig, &model, "clock=scripted", 1);
        for (int i = 0; i < 20; i++) {
                trib__fault_arm(0, false);
                assert_int_equal(sim_rig_copy(&rig, 0, z, x, sizeof(z)), TRIB_OK);
                launch(&rig, 0, &model, y);
                assert_int_equal(sim_rig_copy(&rig, 0, z, y, sizeof(z)), TRIB_OK);
                trib__sim_run_until_idle(rig.device);
                passes = trib__fault_disarm(NULL);
        }
        assert_int_equal(passes, 6); /* the three submissions, and the works that they become */
        close_with(&rig, &model);
}

/* One short run passes every fault site of the simulated device. */
static void sim_every_fault_site_is_passed(void **state)
{
        struct sim_rig           rig;
        struct sim_model         model;
        struct trib__fault_site *sites;
        size_t                   count, ours = 0;
        float                    y[2][4];
        void                    *memory;

        (void)state;
        trib__fault_arm(0, false);
        open_with_relu(&rig, &model, "clock=scripted", 2);
        launch(&rig, 0, &model, y[0]);
        assert_int_equal(rig.backend->wait_queue(rig.queues[1], rig.queues[0], 1, NULL), TRIB_OK);
        assert_int_equal(sim_rig_copy(&rig, 1, y[1], y[0], sizeof(y[0])), TRIB_OK);
        trib__sim_run_until_idle(rig.device);
        assert_int_equal(rig.backend->alloc(rig.device, 10, &memory, NULL), TRIB_OK);
        rig.backend->free(rig.device, memory, 10);
        assert_int_equal(rig.backend->alloc_host(rig.device, 10, &memory, NULL), TRIB_OK);
        rig.backend->free_host(rig.device, memory, 10);
        close_with(&rig, &model);
        (void)trib__fault_disarm(NULL);
        sites = trib__fault_sites(&count);
        for (size_t i = 0; i < count; i++) {
                if (strncmp(sites[i].name, "sim.", 4) != 0)
                        continue;
                ours++;
                /* Relaxed: no other thread runs. */
                if (trib__load_relaxed_u64(&sites[i].hits) == 0)
                        fail_msg("%s was not passed", sites[i].name);
        }
        assert_true(ours >= 8);
}

TRIB_TEST_MAIN(TRIB_TEST(sim_fail_at_fails_that_work_only),
               TRIB_TEST(sim_fail_every_fails_copies_too),
               TRIB_TEST(sim_arranged_faults_hit_their_work),
               TRIB_TEST(sim_arranged_faults_are_limited),
               TRIB_TEST(sim_hung_work_holds_its_queue_and_no_other),
               TRIB_TEST(sim_hung_queue_can_be_destroyed_while_it_runs),
               TRIB_TEST(sim_lost_device_says_so_everywhere),
               TRIB_TEST(sim_refused_launch_reaches_its_value_in_order),
               TRIB_TEST(sim_memory_cap_is_hard),
               TRIB_TEST(sim_steady_queue_allocates_nothing),
               TRIB_TEST(sim_every_fault_site_is_passed))
