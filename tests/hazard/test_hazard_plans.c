/* SPDX-License-Identifier: Apache-2.0 */
/* H26 to H28: plans and programs. How many programs there are, and that none goes while the device
 * runs it, is the spy's to say (spy.h). */
#include "test_main.h"

#include <sched.h>
#include <semaphore.h>

#include "backend/sim/sim.h"
#include "base/clock.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"
#include "spy.h"

/* ---- H26 -------------------------------------------------------------------------------- */

#define THREADS 8

/* An operator whose shapes are asked for behind a door: so a build stands where the test wants. */
static struct {
        sem_t       entered, go;
        atomic_bool is_guarded, is_failing;
} shapes;

static int guarded_shapes(void *context, const trib_tensor *inputs, int n_inputs,
                          trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        if (atomic_exchange(&shapes.is_guarded, false)) {
                (void)sem_post(&shapes.entered);
                (void)sem_wait(&shapes.go);
        }
        output->dtype = inputs[0].dtype;
        output->rank = inputs[0].rank;
        memcpy(output->shape, inputs[0].shape, sizeof(output->shape));
        return atomic_load(&shapes.is_failing) ? 1 : 0;
}

static int copy_through(void *context, const trib_tensor *inputs, int n_inputs,
                        const trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        memcpy(output->data, inputs[0].data,
               (size_t)(output->shape[0] * output->shape[1]) * sizeof(float));
        return 0;
}

static void guarded_open(struct session_rig *rig)
{
        trib_operator       op = TRIB_OPERATOR_INIT;
        trib_model_builder *b;
        trib_value          x;
        trib_error          err = TRIB_ERROR_INIT;

        memset(&shapes, 0, sizeof(shapes));
        assert_int_equal(sem_init(&shapes.entered, 0, 0), 0);
        assert_int_equal(sem_init(&shapes.go, 0, 0), 0);
        op.name = "copy";
        op.run = copy_through;
        op.infer_shape = guarded_shapes;
        EXPECT_OK(trib_device_open("cpu:0", NULL, &rig->device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, rig->device, &rig->model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig->model, NULL, &rig->session, &err), &err);
}

static trib_status infer_rows(trib_session *session, int64_t rows, trib_error *err)
{
        struct zoo_job job;
        trib_status    status;

        zoo_job_init(&job, ZOO_USER, rows, (uint64_t)rows);
        status = zoo_job_infer(&job, session, err);
        if (status == TRIB_OK && memcmp(job.y[0] + ZOO_GUARD, job.x + ZOO_GUARD,
                                        (size_t)rows * ZOO_WIDTH * sizeof(float)) != 0)
                return TRIB_INTERNAL;
        return status;
}

static void infer_5_rows(struct crowd_member *me)
{
        me->status = infer_rows(me->context, 5, &me->err);
}

/* One builds and stands inside; the others have gone to sleep. */
static void start_builder_and_waiters(struct session_rig *rig, struct crowd_member *members)
{
        atomic_store(&shapes.is_guarded, true);
        for (uint32_t i = 0; i < THREADS; i++)
                crowd_start(&members[i], infer_5_rows, rig->session, i);
        (void)sem_wait(&shapes.entered);
        for (uint32_t i = 0; i < THREADS; i++)
                crowd_wait_asleep(&members[i]);
}

static void H26_one_builds_and_all_who_wait_get_the_same(void **state)
{
        struct session_rig  rig = { 0 };
        struct crowd_member members[THREADS];
        trib_session_stats  stats;
        uint64_t            compiles;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        guarded_open(&rig);
        EXPECT_OK(infer_rows(rig.session, 2, &err), &err);
        compiles = spy_count(SPY_COMPILE);
        start_builder_and_waiters(&rig, members);
        /* The builder holds nothing that others need: a plan that is there runs, a new one is
         * built beside it. */
        EXPECT_OK(infer_rows(rig.session, 2, &err), &err);
        EXPECT_OK(infer_rows(rig.session, 3, &err), &err);
        (void)sem_post(&shapes.go);
        for (int i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                EXPECT_OK(members[i].status, &members[i].err);
        }
        assert_int_equal(spy_count(SPY_COMPILE) - compiles, 2); /* of 3 and of 5 rows */
        EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
        assert_int_equal(stats.plans_built, 3);
        session_rig_close(&rig);
        assert_int_equal(spy_programs(), 0);
}

static void H26_a_failed_build_reaches_all_who_wait_and_the_next_builds_again(void **state)
{
        struct session_rig  rig = { 0 };
        struct crowd_member members[THREADS];
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        guarded_open(&rig);
        atomic_store(&shapes.is_failing, true);
        start_builder_and_waiters(&rig, members);
        (void)sem_post(&shapes.go);
        for (int i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                assert_int_equal(members[i].status, members[0].status);
                assert_int_not_equal(members[i].status, TRIB_OK);
                assert_string_equal(members[i].err.message, members[0].err.message);
                assert_int_not_equal(members[i].err.message[0], '\0');
        }
        atomic_store(&shapes.is_failing, false);
        EXPECT_OK(infer_rows(rig.session, 5, &err), &err);
        session_rig_close(&rig);
}

/* ---- H27 -------------------------------------------------------------------------------- */

struct keys {
        struct session_rig rig;
        uint64_t           count;
};

static void prepare_many(struct crowd_member *me)
{
        struct keys   *keys = me->context;
        struct zoo_job job;

        for (uint64_t i = 0; i < keys->count && me->status == TRIB_OK; i++) {
                trib_tensor    in = trib_tensor_from_f32(NULL, 2,
                                                         (int64_t[]){ (int64_t)i + 1,
                                                                      ZOO_WIDTH });
                trib_plan_info info;

                me->status = trib_session_prepare(keys->rig.session, &in, 1, &info, &me->err);
                me->wrong += info.flops != (double)(i + 1) * ZOO_WIDTH;
                if (i % 100 != 0 || me->status != TRIB_OK)
                        continue;
                zoo_job_init(&job, ZOO_RELU, 1 + (int64_t)(i / 100) % ZOO_MAX_ROWS, i);
                me->status = zoo_job_infer(&job, keys->rig.session, &me->err);
                me->wrong += !zoo_job_is_right(&job, NULL);
        }
}

static void H27_a_million_keys_leave_as_many_plans_as_asked_for(void **state)
{
        const uint32_t       threads = 4, cap = 4;
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        static struct keys   keys;
        struct crowd_member  members[4];
        trib_memory_stats    memory;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        keys.count = test_scale(10000, 1000000);
        options.max_plans = cap;
        session_rig_open(&keys.rig, "sim:fast", ZOO_RELU, &options);
        crowd_run_all(members, threads, prepare_many, &keys);
        for (uint32_t i = 0; i < threads; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        /* Beside the cap: what each thread is building, and what its stream has run last. */
        assert_true(spy_programs_peak() <= cap + 2 * threads);
        assert_true(spy_programs() <= cap + threads);
        EXPECT_OK(trib_device_get_memory(keys.rig.device, &memory, &err), &err);
        assert_true(memory.programs <= (cap + 2 * threads) * 4096);
        session_rig_close(&keys.rig);
        assert_int_equal(spy_programs(), 0);
}

#define SIDES 5

/* Two inputs of two open dimensions: 625 keys that have the same numbers in other places. */
static void check_key(trib_session *session, const int64_t *dims)
{
        float       from[2][SIDES * SIDES], to[2][SIDES * SIDES + 1];
        trib_tensor in[2], out[2];
        trib_error  err = TRIB_ERROR_INIT;

        for (int i = 0; i < 2; i++) {
                for (int e = 0; e < SIDES * SIDES; e++) {
                        from[i][e] = (float)(i * 100 + e);
                        to[i][e] = -1;
                }
                in[i] = trib_tensor_from_f32(from[i], 2, &dims[2 * i]);
                out[i] = trib_tensor_from_f32(to[i], 2, &dims[2 * i]);
        }
        EXPECT_OK(trib_infer(session, in, 2, out, 2, &err), &err);
        for (int i = 0; i < 2; i++) {
                size_t count = (size_t)(dims[2 * i] * dims[2 * i + 1]);

                assert_memory_equal(to[i], from[i], count * sizeof(float));
                assert_true(count == SIDES * SIDES || to[i][count] == -1);
        }
}

static void H27_keys_are_compared_in_full(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig = { 0 };
        trib_model_builder  *b;
        trib_session_stats   stats;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        options.max_plans = 1000;
        EXPECT_OK(trib_device_open("sim:fast", NULL, &rig.device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        for (int i = 0; i < 2; i++) {
                const char *const names[2][2] = { { "a", "b" }, { "y", "z" } };
                trib_value        x = trib_model_input(b, names[0][i], TRIB_F32, 2,
                                                       (int64_t[]){ TRIB_ANY, TRIB_ANY });

                trib_model_output(b, names[1][i], trib_model_relu(b, x));
        }
        EXPECT_OK(trib_model_build(b, rig.device, &rig.model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig.model, &options, &rig.session, &err), &err);
        for (int turn = 0; turn < 2; turn++) {
                for (int64_t key = 0; key < SIDES * SIDES * SIDES * SIDES; key++)
                        check_key(rig.session, (int64_t[]){ 1 + key % SIDES,
                                                            1 + key / SIDES % SIDES,
                                                            1 + key / (SIDES * SIDES) % SIDES,
                                                            1 + key / (SIDES * SIDES * SIDES) });
                EXPECT_OK(trib_session_get_stats(rig.session, &stats, &err), &err);
                assert_int_equal(stats.plans_built, SIDES * SIDES * SIDES * SIDES);
        }
        session_rig_close(&rig);
}

/* Two shapes that the cache's hash (FNV-1a over the dimensions, 64 bits a step) cannot tell apart;
 * that it cannot is checked first. */
static void H27_keys_of_one_hash_are_told_apart(void **state)
{
        const struct trib__shape pair[2] = {
                { TRIB_F32, 2, { 1, 1 } }, { TRIB_F32, 2, { 33554433, INT64_C(17079205889) } }
        };
        struct session_rig       rig = { 0 };
        struct session_call      call;
        struct trib__executable *one, *two;
        trib_model_builder      *b;
        trib_value               x;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_device_open("sim:fast", NULL, &rig.device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, TRIB_ANY });
        trib_model_output(b, "y", trib_model_relu(b, x));
        EXPECT_OK(trib_model_build(b, rig.device, &rig.model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig.model, NULL, &rig.session, &err), &err);
        assert_true(trib__session_enter(rig.session, false, &call));
        EXPECT_OK(trib__plan_cache_get(call.session->plans, &pair[0], TRIB__NEVER, &one, &err),
                  &err);
        EXPECT_OK(trib__plan_cache_get(call.session->plans, &pair[1], TRIB__NEVER, &two, &err),
                  &err);
        assert_int_equal(one->hash, two->hash);
        assert_ptr_not_equal(one, two);
        assert_int_equal(one->plan->inputs[0].shape[0], 1);
        assert_int_equal(two->plan->inputs[0].shape[0], 33554433);
        trib__plan_cache_put(call.session->plans, one);
        trib__plan_cache_put(call.session->plans, two);
        trib__session_leave(&call);
        session_rig_close(&rig);
}

/* ---- H28 -------------------------------------------------------------------------------- */

struct flight {
        trib_session  *session;
        struct zoo_job job;
};

static void infer_flight(struct crowd_member *me)
{
        struct flight *flight = me->context;

        me->status = zoo_job_infer(&flight->job, flight->session, &me->err);
}

/* Room for one plan; ten others pass through while the device runs this one. */
static void H28_a_plan_that_the_device_runs_outlives_its_eviction(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        struct flight        flight;
        struct crowd_member  member;
        struct zoo_job       other;
        trib__device        *sim;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        options.max_plans = 1;
        session_rig_open(&rig, "sim:clock=scripted", ZOO_RELU, &options);
        sim = trib__device_backend(rig.device);
        for (int64_t rows = 1; rows <= 4; rows++) {
                uint64_t works = trib__sim_works(sim), releases;

                flight.session = rig.session;
                zoo_job_init(&flight.job, ZOO_RELU, rows, 7);
                crowd_start(&member, infer_flight, &flight, 0);
                while (trib__sim_works(sim) == works)
                        (void)sched_yield();
                releases = spy_count(SPY_RELEASE);
                for (int64_t next = 5; next <= 8; next++) {
                        zoo_job_init(&other, ZOO_RELU, next, 1);
                        EXPECT_OK(trib_session_prepare(rig.session, &other.input, 1, NULL, &err),
                                  &err);
                }
                assert_true(spy_count(SPY_RELEASE) > releases); /* others did go */
                (void)trib__sim_run_until_idle(sim);
                crowd_join(&member);
                EXPECT_OK(member.status, &member.err);
                assert_true(zoo_job_is_right(&flight.job, NULL));
                for (int64_t i = 0; i < rows * ZOO_WIDTH; i++) {
                        float x = flight.job.x[ZOO_GUARD + i];

                        assert_true(flight.job.y[0][ZOO_GUARD + i] == (x > 0 ? x : 0));
                }
        }
        session_rig_close(&rig);
        assert_int_equal(spy_programs(), 0);
}

struct evicting {
        trib_session  *session;
        struct zoo_job golden[ZOO_MAX_ROWS];
        uint64_t       rounds;
};

static void infer_all_rows(struct crowd_member *me)
{
        struct evicting *evicting = me->context;
        struct zoo_job   job;

        for (uint64_t i = 0; i < evicting->rounds && me->status == TRIB_OK; i++) {
                uint64_t row = (me->index + i) % ZOO_MAX_ROWS;

                zoo_job_init(&job, ZOO_MLP, (int64_t)row + 1, 3);
                me->status = zoo_job_infer(&job, evicting->session, &me->err);
                me->wrong += !zoo_job_is_right(&job, &evicting->golden[row]);
        }
}

static void H28_threads_that_evict_each_other_get_the_right_bits(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (int d = 0; d < 2; d++) {
                static struct evicting evicting;
                trib_session_options   options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig     rig;
                struct crowd_member    members[THREADS];
                trib_error             err = TRIB_ERROR_INIT;

                options.max_plans = 1;
                session_rig_open(&rig, devices[d], ZOO_MLP, &options);
                evicting.session = rig.session;
                evicting.rounds = test_scale(400, 40000);
                for (int row = 0; row < ZOO_MAX_ROWS; row++) {
                        zoo_job_init(&evicting.golden[row], ZOO_MLP, row + 1, 3);
                        EXPECT_OK(zoo_job_infer(&evicting.golden[row], rig.session, &err), &err);
                }
                crowd_run_all(members, THREADS, infer_all_rows, &evicting);
                for (int i = 0; i < THREADS; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                }
                session_rig_close(&rig);
                assert_int_equal(spy_programs(), 0);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(H26_one_builds_and_all_who_wait_get_the_same),
               TRIB_TEST(H26_a_failed_build_reaches_all_who_wait_and_the_next_builds_again),
               TRIB_TEST(H27_a_million_keys_leave_as_many_plans_as_asked_for),
               TRIB_TEST(H27_keys_are_compared_in_full),
               TRIB_TEST(H27_keys_of_one_hash_are_told_apart),
               TRIB_TEST(H28_a_plan_that_the_device_runs_outlives_its_eviction),
               TRIB_TEST(H28_threads_that_evict_each_other_get_the_right_bits))
