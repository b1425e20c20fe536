/* SPDX-License-Identifier: Apache-2.0 */
/* H29 to H34: requests: whose memory, whose result, and that none is lost or counted wrong. */
#include "test_main.h"

#include <math.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

#include "backend/sim/sim.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"

/* ---- H29 -------------------------------------------------------------------------------- */

/* A request whose job lies in pages of its own. */
struct lent {
        struct zoo_job *job;
        trib_request   *request;
};

static void lend(struct lent *lent, trib_session *session, uint64_t seed)
{
        trib_request_options options;
        trib_error           err = TRIB_ERROR_INIT;

        lent->job = mmap(NULL, sizeof(*lent->job), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(lent->job != MAP_FAILED);
        zoo_job_init(lent->job, ZOO_RELU, 3, seed);
        zoo_job_options(lent->job, &options);
        EXPECT_OK(trib_submit(session, &options, &lent->request, &err), &err);
}

static void take_back(struct lent *lent)
{
        assert_int_equal(munmap(lent->job, sizeof(*lent->job)), 0);
        lent->job = NULL;
}

/* One worker: the first request is on the device, the second behind it. After `steps` events of
 * the device the second is cancelled; if that is won, its pages go at once. Returns whether the
 * device had more to do than that. */
static bool cancel_after(struct session_rig *rig, uint32_t steps, uint32_t *won)
{
        trib__device *sim = trib__device_backend(rig->device);
        uint64_t      works = trib__sim_works(sim) + 1, last = works + 1;
        struct lent   first, second;
        bool          has_more = true;
        trib_error    err = TRIB_ERROR_INIT;
        trib_status   status;

        lend(&first, rig->session, 1);
        lend(&second, rig->session, 2);
        while (trib__sim_works(sim) < works)
                (void)sched_yield();
        for (uint32_t i = 0; i < steps && has_more; i++) {
                struct trib__sim_event event;

                has_more = trib__sim_step(sim, &event);
                if (has_more && event.kind == TRIB__SIM_END && event.work == works && works < last)
                        works = last;
                while (trib__sim_works(sim) < works)
                        (void)sched_yield();
        }
        status = trib_cancel(second.request, &err);
        if (status == TRIB_OK) {
                (*won)++;
                take_back(&second);
        }
        while (trib_poll(first.request, &err) == TRIB_PENDING ||
               trib_poll(second.request, &err) == TRIB_PENDING) {
                (void)trib__sim_run_until_idle(sim);
                (void)sched_yield();
        }
        EXPECT_OK(trib_wait(first.request, 0, &err), &err);
        assert_true(zoo_job_is_right(first.job, NULL));
        assert_int_equal(trib_wait(second.request, 0, &err),
                         status == TRIB_OK ? TRIB_CANCELLED : TRIB_OK);
        if (status != TRIB_OK) {
                assert_int_equal(status, TRIB_BUSY);
                assert_true(zoo_job_is_right(second.job, NULL));
                take_back(&second);
        }
        take_back(&first);
        trib_request_release(first.request);
        trib_request_release(second.request);
        return has_more;
}

static void H29_a_won_cancel_means_that_the_memory_is_never_touched(void **state)
{
        static const char *const devices[] = { "sim:clock=scripted",
                                               "sim:clock=scripted,unified=1" };

        (void)state;
        for (int d = 0; d < 2; d++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig   rig;
                uint32_t             steps = 0, won = 0;

                options.workers = 1;
                session_rig_open(&rig, devices[d], ZOO_RELU, &options);
                while (cancel_after(&rig, steps, &won))
                        steps++;
                assert_true(won > 0 && won < steps);
                (void)trib__sim_run_until_idle(trib__device_backend(rig.device));
                session_rig_close(&rig);
        }
}

/* A request that has run out of time is final: the device still works on it, on its own copies. */
static void infer_and_unmap(struct crowd_member *me)
{
        struct zoo_job *job = mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        zoo_job_init(job, ZOO_RELU, 3, me->index);
        me->status = zoo_job_infer(job, me->context, &me->err);
        (void)munmap(job, sizeof(*job));
}

static void H29_what_ran_out_of_time_is_never_touched_at_any_step(void **state)
{
        static const char *const devices[] = { "sim:clock=scripted",
                                               "sim:clock=scripted,unified=1" };

        (void)state;
        for (uint32_t steps = 0; steps < 3; steps++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig   rig;
                struct crowd_member  member;
                trib__device        *sim;

                options.timeout_ns = 20 * 1000 * 1000;
                session_rig_open(&rig, devices[steps % 2], ZOO_RELU, &options);
                sim = trib__device_backend(rig.device);
                crowd_start(&member, infer_and_unmap, rig.session, steps);
                for (uint32_t i = 0; i < steps / 2;) {
                        if (trib__sim_step(sim, NULL)) /* it has begun, and not ended */
                                i++;
                        else
                                (void)sched_yield();
                }
                crowd_join(&member);
                assert_int_equal(member.status, TRIB_TIMED_OUT);
                (void)trib__sim_run_until_idle(sim);
                session_rig_close(&rig);
        }
}

/* ---- H30 -------------------------------------------------------------------------------- */

#define NEIGHBOURS 8
#define SEEDS 4

struct street {
        trib_session  *session;
        enum zoo_kind  kind;
        struct zoo_job golden[ZOO_MAX_ROWS][SEEDS];
        uint64_t       rounds;
        bool           is_async;
};

static trib_status run_job(struct street *street, struct zoo_job *job, trib_error *err)
{
        trib_request_options options;
        trib_request        *request;
        trib_status          status;

        if (!street->is_async)
                return zoo_job_infer(job, street->session, err);
        zoo_job_options(job, &options);
        status = trib_submit(street->session, &options, &request, err);
        if (status != TRIB_OK)
                return status;
        status = trib_wait(request, TRIB_NO_LIMIT, err);
        trib_request_release(request);
        return status;
}

/* Every second one sends what would spread if anything of it came into another's result. */
static void live_beside(struct crowd_member *me)
{
        struct street *street = me->context;
        struct zoo_job job;

        for (uint64_t i = 0; i < street->rounds && me->status == TRIB_OK; i++) {
                uint64_t row = (i * 5 + me->index) % ZOO_MAX_ROWS, seed = (i + me->index) % SEEDS;

                zoo_job_init(&job, street->kind, (int64_t)row + 1, seed);
                for (uint64_t e = 0; me->index % 2 == 1 && e < (row + 1) * ZOO_WIDTH; e++)
                        job.x[ZOO_GUARD + e] = e % 3 == 0 ? NAN : (e % 2 ? INFINITY : -INFINITY);
                me->status = run_job(street, &job, &me->err);
                if (me->index % 2 == 0)
                        me->wrong += !zoo_job_is_right(&job, &street->golden[row][seed]);
                me->done++;
        }
}

static void check_street(const char *device, enum zoo_kind kind, bool is_async)
{
        static struct street       street;
        static struct crowd_member members[NEIGHBOURS];
        trib_device_options        options = TRIB_DEVICE_OPTIONS_INIT;
        struct session_rig         rig;
        trib_error                 err = TRIB_ERROR_INIT;

        options.max_streams = 3; /* so that they use each other's slabs */
        session_rig_open_on(&rig, device, &options, kind, NULL);
        street.session = rig.session;
        street.kind = kind;
        street.is_async = is_async;
        street.rounds = test_scale(300, 100000);
        for (int row = 0; row < ZOO_MAX_ROWS; row++) {
                for (int seed = 0; seed < SEEDS; seed++) {
                        struct zoo_job *golden = &street.golden[row][seed];

                        zoo_job_init(golden, kind, row + 1, (uint64_t)seed);
                        EXPECT_OK(zoo_job_infer(golden, rig.session, &err), &err);
                }
        }
        crowd_run_all(members, NEIGHBOURS, live_beside, &street);
        for (int i = 0; i < NEIGHBOURS; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        session_rig_close(&rig);
}

static void H30_every_result_is_of_its_own_input_beside_poisoned_neighbours(void **state)
{
        static const char *const   devices[] = { "cpu:0", "sim:fast,reorder=9" };
        static const enum zoo_kind kinds[] = { ZOO_MLP, ZOO_NORM, ZOO_GATED };

        (void)state;
        for (int d = 0; d < 2; d++) {
                for (int k = 0; k < 3; k++) {
                        check_street(devices[d], kinds[k], false);
                        check_street(devices[d], kinds[k], true);
                }
        }
}

/* ---- H31 -------------------------------------------------------------------------------- */

static atomic_ullong called;

static void count_done(void *context, trib_request *request, trib_status status)
{
        (void)context;
        (void)request;
        atomic_fetch_add(&called, status == TRIB_OK ? 1 : 1000000);
}

static void submit_one_by_one(struct crowd_member *me)
{
        struct street *street = me->context;
        struct zoo_job job;

        zoo_job_init(&job, ZOO_RELU, 1, me->index);
        for (uint64_t i = 0; i < street->rounds && me->status == TRIB_OK; i++) {
                me->status = run_job(street, &job, &me->err);
                if (i % 7 == 0)
                        (void)sched_yield();
        }
}

/* The worker goes to sleep between any two of these. A wake that is lost is a request that never
 * ends; nothing here has a deadline that would hide it. */
static void H31_no_wake_of_a_worker_or_a_waiter_is_lost(void **state)
{
        (void)state;
        for (uint32_t threads = 1; threads <= 4; threads *= 2) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                struct street        street = { .kind = ZOO_RELU, .is_async = true };
                struct session_rig   rig;
                struct crowd_member  members[4];

                options.workers = threads == 4 ? 2 : 1;
                session_rig_open(&rig, "cpu:0", ZOO_RELU, &options);
                street.session = rig.session;
                street.rounds = test_scale(10000, 1000000);
                crowd_run_all(members, threads, submit_one_by_one, &street);
                for (uint32_t i = 0; i < threads; i++)
                        EXPECT_OK(members[i].status, &members[i].err);
                session_rig_close(&rig);
        }
}

/* ---- H32 -------------------------------------------------------------------------------- */

#define CALLERS 4

struct stopping {
        trib_session *session;
        atomic_uint   submitted;
        sem_t         entered, go;
};

/* Keeps the session there until all callers have been refused. */
static void hold_session(void *context, trib_request *request, trib_status status)
{
        struct stopping *stopping = context;

        (void)request;
        (void)status;
        (void)sem_post(&stopping->entered);
        (void)sem_wait(&stopping->go);
}

static void submit_until_refused(struct crowd_member *me)
{
        struct stopping     *stopping = me->context;
        struct zoo_job       job;
        trib_request_options options;

        zoo_job_init(&job, ZOO_RELU, 1, me->index);
        zoo_job_options(&job, &options);
        for (;;) {
                trib_request *request;
                trib_status   status = trib_submit(stopping->session, &options, &request,
                                                   &me->err);

                if (status == TRIB_CLOSED)
                        break;
                me->wrong += status != TRIB_OK;
                if (status != TRIB_OK)
                        break;
                me->done++;
                atomic_fetch_add(&stopping->submitted, 1);
                /* With no deadline: one that is left behind in the queue never ends. */
                status = trib_wait(request, TRIB_NO_LIMIT, &me->err);
                me->wrong += status != TRIB_OK && status != TRIB_CANCELLED;
                trib_request_release(request);
        }
}

static void close_session(struct crowd_member *me)
{
        struct stopping *stopping = me->context;

        me->status = trib_session_close(stopping->session, &me->err);
}

static void stop_under_submits(trib_model *model, uint32_t after)
{
        struct stopping      stopping = { 0 };
        struct crowd_member  callers[CALLERS], closer;
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options holding;
        struct zoo_job       job;
        trib_error           err = TRIB_ERROR_INIT;

        options.workers = 2;
        assert_int_equal(sem_init(&stopping.entered, 0, 0), 0);
        assert_int_equal(sem_init(&stopping.go, 0, 0), 0);
        EXPECT_OK(trib_session_open(model, &options, &stopping.session, &err), &err);
        zoo_job_init(&job, ZOO_RELU, 1, 1);
        zoo_job_options(&job, &holding);
        holding.done = hold_session;
        holding.context = &stopping;
        EXPECT_OK(trib_submit(stopping.session, &holding, NULL, &err), &err);
        (void)sem_wait(&stopping.entered);
        for (uint32_t i = 0; i < CALLERS; i++)
                crowd_start(&callers[i], submit_until_refused, &stopping, i);
        while (atomic_load(&stopping.submitted) < after)
                (void)sched_yield();
        crowd_start(&closer, close_session, &stopping, 0);
        for (int i = 0; i < CALLERS; i++) {
                crowd_join(&callers[i]);
                if (callers[i].wrong != 0)
                        fail_msg("%llu wrong: %s", (unsigned long long)callers[i].wrong,
                                 callers[i].err.message);
        }
        (void)sem_post(&stopping.go);
        crowd_join(&closer);
        EXPECT_OK(closer.status, &closer.err);
}

static void H32_what_was_accepted_ends_though_the_workers_leave(void **state)
{
        const uint32_t     turns = (uint32_t)test_scale(300, 100000);
        struct session_rig rig;

        (void)state;
        session_rig_open(&rig, "cpu:0", ZOO_RELU, NULL);
        for (uint32_t turn = 0; turn < turns; turn++)
                stop_under_submits(rig.model, turn * 7 % 40);
        session_rig_close(&rig);
}

/* ---- H33, H34: counts ------------------------------------------------------------------- */

#define QUEUE 5

/* A session whose one worker is behind the door with the first request. */
struct counted {
        struct session_rig base;
        struct door       *door;
        struct zoo_job     job;
        trib_request      *requests[64];
        uint32_t           n_requests;
};

static trib_status submit_one(struct counted *counted, trib_error *err)
{
        trib_request_options options;
        trib_request        *request;
        trib_status          status;

        zoo_job_options(&counted->job, &options);
        status = trib_submit(counted->base.session, &options, &request, err);
        if (status == TRIB_OK)
                counted->requests[counted->n_requests++] = request;
        return status;
}

static void counted_open(struct counted *counted)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_error           err = TRIB_ERROR_INIT;

        memset(counted, 0, sizeof(*counted));
        options.workers = 1;
        options.max_queued = QUEUE;
        counted->door = door_make();
        zoo_job_init(&counted->job, ZOO_RELU, 1, 1);
        EXPECT_OK(trib_device_open("cpu:0", NULL, &counted->base.device, &err), &err);
        EXPECT_OK(door_build(counted->door, counted->base.device, &counted->base.model, &err),
                  &err);
        EXPECT_OK(trib_session_open(counted->base.model, &options, &counted->base.session, &err),
                  &err);
        EXPECT_OK(submit_one(counted, &err), &err);
        door_wait_entered(counted->door);
}

/* How many more fit. */
static uint32_t fill(struct counted *counted)
{
        uint32_t    accepted = 0;
        trib_status status;
        trib_error  err = TRIB_ERROR_INIT;

        while ((status = submit_one(counted, &err)) == TRIB_OK)
                accepted++;
        EXPECT(status, TRIB_BUSY, &err);
        return accepted;
}

/* Everything that was accepted ends, once, and is counted. */
static void counted_close(struct counted *counted)
{
        trib_session_stats stats;
        uint32_t           ran = 0;
        trib_error         err = TRIB_ERROR_INIT;

        for (uint32_t i = 0; i < counted->n_requests; i++)
                door_let_go(counted->door);
        for (uint32_t i = 0; i < counted->n_requests; i++) {
                trib_status status = trib_wait(counted->requests[i], TRIB_NO_LIMIT, &err);

                ran += status == TRIB_OK;
                assert_true(status == TRIB_OK || status == TRIB_CANCELLED);
                trib_request_release(counted->requests[i]);
        }
        EXPECT_OK(trib_session_get_stats(counted->base.session, &stats, &err), &err);
        assert_int_equal(stats.requests, counted->n_requests);
        assert_int_equal(stats.failures, counted->n_requests - ran);
        session_rig_close(&counted->base);
        door_free(counted->door);
}

static void H33_cancelled_requests_count_until_they_leave_the_queue(void **state)
{
        static struct counted counted;
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        for (uint32_t cancels = 0; cancels <= QUEUE; cancels++) {
                counted_open(&counted);
                assert_int_equal(fill(&counted), QUEUE);
                for (uint32_t i = 0; i < cancels; i++)
                        EXPECT_OK(trib_cancel(counted.requests[1 + i], &err), &err);
                assert_int_equal(fill(&counted), 0);
                counted_close(&counted);
        }
}

static void H33_room_comes_back_when_the_worker_takes_them_off(void **state)
{
        static struct counted counted;
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        counted_open(&counted);
        assert_int_equal(fill(&counted), QUEUE);
        for (uint32_t i = 1; i < QUEUE; i++)
                EXPECT_OK(trib_cancel(counted.requests[i], &err), &err);
        door_let_go(counted.door);
        door_wait_entered(counted.door); /* the last of them: the queue is empty */
        assert_int_equal(fill(&counted), QUEUE);
        counted_close(&counted);
}

/* The k-th allocation, lock or device call of these fails. */
static void do_what_may_fail(struct counted *counted, uint32_t *accepted, bool *has_room)
{
        trib_tensor  in = trib_tensor_from_f32(NULL, 2, (int64_t[]){ 2, ZOO_WIDTH });
        trib_stream *stream = NULL;
        trib_buffer  buffer = { 0 };

        *accepted = submit_one(counted, NULL) == TRIB_OK;
        *has_room = trib_session_prepare(counted->base.session, &in, 1, NULL, NULL) == TRIB_OK;
        if (trib_stream_acquire(counted->base.device, 0, &stream, NULL) != TRIB_OK)
                return;
        if (trib_buffer_create(stream, 100000, &buffer, NULL) == TRIB_OK)
                (void)trib_buffer_release(counted->base.device, buffer, NULL);
        trib_stream_release(stream);
}

static void recount(struct counted *counted, uint32_t accepted)
{
        trib_memory_stats memory;
        trib_stream      *streams[TRIB__MAX_STREAMS];
        uint32_t          n_streams = 0;
        trib_error        err = TRIB_ERROR_INIT;

        assert_int_equal(fill(counted), QUEUE - accepted);
        EXPECT_OK(trib_device_get_memory(counted->base.device, &memory, &err), &err);
        assert_true(memory.reserved >= memory.allocated + memory.limbo + memory.programs);
        assert_true(memory.reserved <= memory.reserved_peak);
        /* Every stream but the worker's can be had. */
        while (trib_stream_acquire(counted->base.device, 0, &streams[n_streams], NULL) == TRIB_OK)
                n_streams++;
        assert_int_equal(n_streams, TRIB__MAX_STREAMS - 1);
        while (n_streams > 0)
                trib_stream_release(streams[--n_streams]);
}

static void H34_counts_are_right_after_every_single_failure(void **state)
{
        uint64_t failed = 1, k;

        (void)state;
        for (k = 1; failed != 0; k++) {
                static struct counted counted;
                uint32_t              accepted;
                bool                  has_room;

                counted_open(&counted);
                trib__fault_arm(k, false);
                do_what_may_fail(&counted, &accepted, &has_room);
                (void)trib__fault_disarm(&failed);
                recount(&counted, accepted);
                counted_close(&counted);
        }
        print_message("%llu points of failure\n", (unsigned long long)(k - 2));
        assert_true(k > 8);
}

/* Callbacks come once for each request, also when close ends what is queued. */
static void H34_every_request_is_called_back_once(void **state)
{
        static struct counted counted;
        trib_request_options  options;
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        counted_open(&counted);
        atomic_store(&called, 0);
        zoo_job_options(&counted.job, &options);
        options.done = count_done;
        for (int i = 0; i < QUEUE; i++) {
                EXPECT_OK(trib_submit(counted.base.session, &options, NULL, &err), &err);
                door_let_go(counted.door);
        }
        door_let_go(counted.door);
        EXPECT_OK(trib_wait(counted.requests[0], TRIB_NO_LIMIT, &err), &err);
        trib_request_release(counted.requests[0]);
        while (atomic_load(&called) < QUEUE)
                (void)sched_yield();
        session_rig_close(&counted.base);
        door_free(counted.door);
        assert_int_equal(atomic_load(&called), QUEUE);
}

TRIB_TEST_MAIN(TRIB_TEST(H29_a_won_cancel_means_that_the_memory_is_never_touched),
               TRIB_TEST(H29_what_ran_out_of_time_is_never_touched_at_any_step),
               TRIB_TEST(H30_every_result_is_of_its_own_input_beside_poisoned_neighbours),
               TRIB_TEST(H31_no_wake_of_a_worker_or_a_waiter_is_lost),
               TRIB_TEST(H32_what_was_accepted_ends_though_the_workers_leave),
               TRIB_TEST(H33_cancelled_requests_count_until_they_leave_the_queue),
               TRIB_TEST(H33_room_comes_back_when_the_worker_takes_them_off),
               TRIB_TEST(H34_counts_are_right_after_every_single_failure),
               TRIB_TEST(H34_every_request_is_called_back_once))
