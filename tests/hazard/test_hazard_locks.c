/* SPDX-License-Identifier: Apache-2.0 */
/* H8 to H10 and H25: locks. Ranks and lock depths are checked by the library that the tests link,
 * which traps; a child of the test is what traps. */
#include "test_main.h"

#include <semaphore.h>

#include "backend/sim/sim.h"
#include "base/alloc.h"
#include "base/random.h"
#include "child.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"
#include "spy.h"

/* ---- H8 --------------------------------------------------------------------------------- */

struct ranks {
        enum trib__lock_rank first, second;
};

static void take_both(void *argument)
{
        const struct ranks *ranks = argument;
        struct trib__mutex  one = TRIB__MUTEX_INIT(ranks->first);
        struct trib__mutex  two = TRIB__MUTEX_INIT(ranks->second);

        trib__lock(&one);
        trib__lock(&two);
        CHILD_CHECK(trib__thread_counts()->lock_depth == 2);
        trib__unlock(&two);
        trib__unlock(&one);
}

static void H08_locks_are_taken_in_the_order_of_their_ranks_or_trap(void **state)
{
        (void)state;
        for (int first = TRIB__RANK_SESSION; first < TRIB__RANK_COUNT; first++) {
                for (int second = TRIB__RANK_SESSION; second < TRIB__RANK_COUNT; second++) {
                        struct ranks ranks = { (enum trib__lock_rank)first,
                                               (enum trib__lock_rank)second };
                        char         what[64];

                        (void)snprintf(what, sizeof(what), "rank %d, then %d", first, second);
                        if (second > first)
                                child_must_succeed(take_both, &ranks, what);
                        else
                                child_must_trap(take_both, &ranks, what);
                }
        }
}

/* ---- H9 --------------------------------------------------------------------------------- */

static struct trib__mutex lowest = TRIB__MUTEX_INIT(TRIB__RANK_SESSION);

static void make_stream_with_a_lock(void *argument)
{
        struct session_rig *rig = argument;
        trib_stream        *stream;

        session_rig_open(rig, "sim:fast", ZOO_RELU, NULL);
        trib__lock(&lowest);
        for (int i = 0; i < 2; i++)
                CHILD_CHECK(trib_stream_acquire(rig->device, 0, &stream, NULL) == TRIB_OK);
        trib__unlock(&lowest);
}

static void make_memory_with_a_lock(void *argument)
{
        struct session_rig *rig = argument;
        trib_stream        *stream;
        trib_buffer         buffer;

        session_rig_open(rig, "sim:fast", ZOO_RELU, NULL);
        CHILD_CHECK(trib_stream_acquire(rig->device, 0, &stream, NULL) == TRIB_OK);
        trib__lock(&lowest);
        CHILD_CHECK(trib_buffer_create(stream, UINT64_C(200) << 20, &buffer, NULL) == TRIB_OK);
        trib__unlock(&lowest);
}

static void compile_with_a_lock(void *argument)
{
        struct session_rig *rig = argument;
        struct zoo_job      job;

        session_rig_open(rig, "cpu:0", ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        trib__lock(&lowest);
        CHILD_CHECK(trib_session_prepare(rig->session, &job.input, 1, NULL, NULL) == TRIB_OK);
        trib__unlock(&lowest);
}

static void wait_with_a_lock(void *argument)
{
        struct session_rig *rig = argument;
        struct zoo_job      job;

        session_rig_open(rig, "sim:fast", ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        CHILD_CHECK(zoo_job_infer(&job, rig->session, NULL) == TRIB_OK);
        trib__lock(&lowest);
        (void)zoo_job_infer(&job, rig->session, NULL);
        trib__unlock(&lowest);
}

static void H09_a_lock_held_over_a_device_call_traps(void **state)
{
        static struct session_rig rig;

        (void)state;
        child_must_trap(make_stream_with_a_lock, &rig, "queue_create");
        child_must_trap(make_memory_with_a_lock, &rig, "alloc");
        child_must_trap(compile_with_a_lock, &rig, "compile");
        child_must_trap(wait_with_a_lock, &rig, "launch");
}

struct tour {
        struct session_rig rig;
        atomic_int         calls; /* of callbacks, without a lock */
};

static void count_call(void *context, trib_request *request, trib_status status)
{
        struct tour *tour = context;

        (void)request;
        if (trib__thread_counts()->lock_depth == 0 && status == TRIB_OK)
                atomic_fetch_add(&tour->calls, 1);
}

/* Direct and submitted requests of many shapes on few streams with room for two plans: leases are
 * waited for, plans are built and evicted, slabs grow. */
static void walk(struct crowd_member *me)
{
        struct tour         *tour = me->context;
        struct zoo_job       job;
        trib_request_options options;
        trib_request        *request;

        for (uint64_t i = 0; i < 40 && me->status == TRIB_OK; i++) {
                zoo_job_init(&job, ZOO_USER, 1 + (int64_t)((me->index + i) % ZOO_MAX_ROWS), i);
                me->status = zoo_job_infer(&job, tour->rig.session, &me->err);
                me->wrong += !zoo_job_is_right(&job, NULL);
                if (i % 4 != 0 || me->status != TRIB_OK)
                        continue;
                zoo_job_options(&job, &options);
                options.done = count_call;
                options.context = tour;
                me->status = trib_submit(tour->rig.session, &options, &request, &me->err);
                if (me->status != TRIB_OK)
                        break;
                me->status = trib_wait(request, TRIB_NO_LIMIT, &me->err);
                trib_request_release(request);
                me->done++;
        }
}

static void H09_no_call_of_a_device_or_a_user_comes_with_a_lock_held(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (int d = 0; d < 2; d++) {
                static struct tour   tour;
                struct crowd_member  members[8];
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                trib_device_options  device = TRIB_DEVICE_OPTIONS_INIT;
                int                  calls = 0;

                memset(&tour, 0, sizeof(tour));
                options.max_plans = 2;
                device.max_streams = 2;
                session_rig_open_on(&tour.rig, devices[d], &device, ZOO_USER, &options);
                crowd_run_all(members, 8, walk, &tour);
                for (int i = 0; i < 8; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                        calls += (int)members[i].done;
                }
                session_rig_close(&tour.rig);
                assert_int_equal(atomic_load(&tour.calls), calls);
        }
        /* The spy has looked at all of these: none was left out. */
        for (int call = 0; call < SPY_CALL_COUNT; call++) {
                if (call != SPY_COPY)
                        assert_true(spy_count((enum spy_call)call) > 0);
        }
}

/* ---- H10 -------------------------------------------------------------------------------- */

enum { ANSWERS = 4 };

struct inside {
        trib_session  *session;
        trib_request  *waited;
        struct zoo_job job;
        trib_status    answers[3][ANSWERS]; /* from a callback, an operator, its shapes */
        sem_t          done;
};

static void call_in_again(struct inside *inside, trib_status *answers)
{
        trib_error err = TRIB_ERROR_INIT;

        answers[0] = zoo_job_infer(&inside->job, inside->session, &err);
        answers[1] = trib_session_prepare(inside->session, &inside->job.input, 1, NULL, &err);
        answers[2] = trib_session_close(inside->session, &err);
        answers[3] = trib_wait(inside->waited, TRIB_NO_LIMIT, &err);
}

static void callback_calls_in(void *context, trib_request *request, trib_status status)
{
        struct inside *inside = context;

        (void)status;
        inside->waited = request;
        call_in_again(inside, inside->answers[0]);
        (void)sem_post(&inside->done);
}

static int operator_calls_in(void *context, const trib_tensor *inputs, int n_inputs,
                             const trib_tensor *output)
{
        struct inside *inside = context;

        (void)n_inputs;
        call_in_again(inside, inside->answers[1]);
        memcpy(output->data, inputs[0].data,
               (size_t)(output->shape[0] * output->shape[1]) * sizeof(float));
        return 0;
}

static int shapes_call_in(void *context, const trib_tensor *inputs, int n_inputs,
                          trib_tensor *output)
{
        struct inside *inside = context;

        (void)n_inputs;
        if (inside->session != NULL)
                call_in_again(inside, inside->answers[2]);
        output->dtype = inputs[0].dtype;
        output->rank = inputs[0].rank;
        memcpy(output->shape, inputs[0].shape, sizeof(output->shape));
        return 0;
}

static void build_inside(struct inside *inside, const char *device, struct session_rig *rig)
{
        trib_operator       op = TRIB_OPERATOR_INIT;
        trib_model_builder *b;
        trib_value          x;
        trib_error          err = TRIB_ERROR_INIT;

        op.name = "calls in";
        op.run = operator_calls_in;
        op.infer_shape = shapes_call_in;
        op.context = inside;
        EXPECT_OK(trib_device_open(device, NULL, &rig->device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, rig->device, &rig->model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(rig->model, NULL, &rig->session, &err), &err);
}

static void H10_calls_from_inside_are_refused_and_do_not_hang(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (int d = 0; d < 2; d++) {
                static struct inside inside;
                struct session_rig   rig;
                struct zoo_job       job;
                trib_request_options options;
                trib_request        *request;
                trib_error           err = TRIB_ERROR_INIT;

                memset(&inside, 0, sizeof(inside));
                assert_int_equal(sem_init(&inside.done, 0, 0), 0);
                build_inside(&inside, devices[d], &rig);
                inside.session = rig.session;
                zoo_job_init(&inside.job, ZOO_RELU, 1, 2);
                zoo_job_init(&job, ZOO_RELU, 3, 1);
                zoo_job_options(&job, &options);
                /* Any request that is done will do for trib_wait. */
                options.done = NULL;
                EXPECT_OK(trib_submit(rig.session, &options, &request, &err), &err);
                EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                inside.waited = request;
                memset(inside.answers, 0, sizeof(inside.answers));
                zoo_job_init(&job, ZOO_RELU, 2, 1);
                zoo_job_options(&job, &options);
                options.done = callback_calls_in;
                options.context = &inside;
                EXPECT_OK(trib_submit(rig.session, &options, NULL, &err), &err);
                (void)sem_wait(&inside.done);
                for (int from = 0; from < 3; from++) {
                        for (int i = 0; i < ANSWERS; i++)
                                assert_int_equal(inside.answers[from][i], TRIB_REENTRANT);
                }
                assert_memory_equal(job.y[0] + ZOO_GUARD, job.x + ZOO_GUARD, 2 * ZOO_WIDTH * 4);
                assert_true(zoo_job_is_right(&job, NULL));
                trib_request_release(request);
                session_rig_close(&rig);
        }
}

/* ---- H25 -------------------------------------------------------------------------------- */

#define FINDERS 64
#define KEPT 8

struct table {
        trib_device *device;
        uint64_t     rounds;
};

struct entry {
        trib_buffer buffer;
        uint64_t   *words, tag;
};

static void insert(struct crowd_member *me, trib_device *device, trib_stream *stream,
                   struct entry *entry, uint64_t tag)
{
        void    *address = NULL;
        uint64_t bytes = (tag % 9 + 1) * 160;

        if (trib_buffer_create(stream, bytes, &entry->buffer, &me->err) != TRIB_OK ||
            trib_buffer_address(device, entry->buffer, &address, NULL, &me->err) != TRIB_OK) {
                me->wrong++;
                entry->buffer.id = 0;
                return;
        }
        entry->words = address;
        entry->tag = tag;
        for (int i = 0; i < 20; i++)
                entry->words[i] = tag;
}

/* What was found is what was put there, and gone when it was taken out. */
static void find_and_evict(struct crowd_member *me, trib_device *device, struct entry *entry)
{
        void    *address = NULL;
        uint64_t bytes = 0;

        if (entry->buffer.id == 0)
                return;
        me->wrong += trib_buffer_address(device, entry->buffer, &address, &bytes, NULL) != TRIB_OK;
        me->wrong += address != entry->words || bytes < 160;
        for (int i = 0; i < 20; i++)
                me->wrong += entry->words[i] != entry->tag;
        me->wrong += trib_buffer_release(device, entry->buffer, NULL) != TRIB_OK;
        me->wrong += trib_buffer_address(device, entry->buffer, NULL, NULL, NULL) != TRIB_STALE;
        entry->buffer.id = 0;
}

static void use_table(struct crowd_member *me)
{
        struct table      *table = me->context;
        struct entry       kept[KEPT] = { 0 };
        struct trib__random random = { me->index };
        trib_stream       *stream;

        me->status = trib_stream_acquire(table->device, 0, &stream, &me->err);
        for (uint64_t i = 0; me->status == TRIB_OK && i < table->rounds; i++) {
                struct entry *entry = &kept[trib__random_below(&random, KEPT)];

                find_and_evict(me, table->device, entry);
                insert(me, table->device, stream, entry, (uint64_t)me->index << 32 | i);
        }
        for (int i = 0; i < KEPT; i++)
                find_and_evict(me, table->device, &kept[i]);
        trib_stream_release(stream);
}

static void H25_each_part_of_the_allocator_owns_its_table(void **state)
{
        static const uint32_t allocators[] = { 0, 1, 8 };

        (void)state;
        for (int a = 0; a < 3; a++) {
                static struct crowd_member members[FINDERS];
                trib_device_options        options = TRIB_DEVICE_OPTIONS_INIT;
                struct table               table = { .rounds = test_scale(2000, 200000) };
                trib_memory_stats          stats;
                trib_error                 err = TRIB_ERROR_INIT;

                options.allocator_shards = allocators[a];
                EXPECT_OK(trib_device_open("cpu:0", &options, &table.device, &err), &err);
                crowd_run_all(members, FINDERS, use_table, &table);
                for (int i = 0; i < FINDERS; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                }
                EXPECT_OK(trib_device_get_memory(table.device, &stats, &err), &err);
                assert_int_equal(stats.allocated, 0);
                assert_int_equal(stats.requested, 0);
                trib_device_close(table.device);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(H08_locks_are_taken_in_the_order_of_their_ranks_or_trap),
               TRIB_TEST(H09_a_lock_held_over_a_device_call_traps),
               TRIB_TEST(H09_no_call_of_a_device_or_a_user_comes_with_a_lock_held),
               TRIB_TEST(H10_calls_from_inside_are_refused_and_do_not_hang),
               TRIB_TEST(H25_each_part_of_the_allocator_owns_its_table))
