/* SPDX-License-Identifier: Apache-2.0 */
/* H11, H16, H17: the end of a session while the device still works for it, on a simulated device
 * that the test moves. */
#include "test_main.h"

#include <sched.h>
#include <sys/mman.h>

#include "backend/sim/sim.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

static trib__device *sim_of(trib_device *device)
{
        return trib__device_backend(device);
}

/* A job in pages of its own, so that a touch after the end of its memory is a fault. */
static struct zoo_job *map_job(uint64_t seed)
{
        struct zoo_job *job = mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (job == MAP_FAILED)
                return NULL;
        zoo_job_init(job, ZOO_RELU, 2, seed);
        return job;
}

static void unmap_job(struct zoo_job *job)
{
        (void)munmap(job, sizeof(*job));
}

/* ---- H11 -------------------------------------------------------------------------------- */

#define FLYING 64

static void infer_and_leave(struct crowd_member *me)
{
        struct zoo_job *job = map_job(me->index);

        me->status = job != NULL ? zoo_job_infer(job, me->context, &me->err) : TRIB_SYSTEM;
        if (job != NULL)
                unmap_job(job);
}

/* The callers have left, their memory is unmapped, their handles are released; only then does the
 * device finish. The session goes when it has, not before. */
static void H11_completions_that_come_late_hit_memory_that_is_there(void **state)
{
        static const char *const devices[] = { "sim:clock=scripted,queues=64",
                                               "sim:clock=scripted,queues=64,unified=1" };

        (void)state;
        for (int d = 0; d < 2; d++) {
                static struct crowd_member members[FLYING];
                trib_session_options       options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig         rig;
                trib__device              *sim;
                trib_error                 err = TRIB_ERROR_INIT;

                options.timeout_ns = 50 * MS;
                options.close_timeout_ns = MS;
                session_rig_open(&rig, devices[d], ZOO_RELU, &options);
                sim = sim_of(rig.device);
                crowd_run_all(members, FLYING, infer_and_leave, rig.session);
                for (int i = 0; i < FLYING; i++)
                        assert_int_equal(members[i].status, TRIB_TIMED_OUT);
                assert_true(trib__sim_pending(sim) > 0);
                trib_model_close(rig.model);
                trib_device_close(rig.device);
                EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err, "still run");
                while (trib__sim_step(sim, NULL))
                        continue;
                session_close_at_last(rig.session);
        }
}

/* The same for records of requests whose handles were released while they ran. */
static void H11_a_released_request_that_runs_keeps_its_record(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        struct zoo_job       jobs[8];
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        options.workers = 8;
        options.close_timeout_ns = MS;
        session_rig_open(&rig, "sim:clock=scripted,queues=8", ZOO_RELU, &options);
        for (uint32_t i = 0; i < 8; i++) {
                trib_request_options one;
                trib_request        *request;

                zoo_job_init(&jobs[i], ZOO_RELU, 2, i);
                zoo_job_options(&jobs[i], &one);
                EXPECT_OK(trib_submit(rig.session, &one, &request, &err), &err);
                trib_request_release(request);
        }
        while (trib__sim_works(sim_of(rig.device)) < 8)
                (void)sched_yield();
        EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err, "still run");
        (void)trib__sim_run_until_idle(sim_of(rig.device));
        session_rig_close(&rig);
        for (int i = 0; i < 8; i++)
                assert_true(zoo_job_is_right(&jobs[i], NULL));
}

/* ---- H16 -------------------------------------------------------------------------------- */

#define SUBMITTED 4
#define WORKERS 2

/* One session with a caller and submitted requests; the device has run `steps` events when close
 * begins. */
struct scene {
        struct session_rig  rig;
        trib__device       *sim;
        uint32_t            last_step; /* of one request's plan */
        struct zoo_job      golden[SUBMITTED + 1], jobs[SUBMITTED + 1];
        trib_request       *requests[SUBMITTED];
        struct crowd_member caller, closer;
        uint64_t            works;    /* given to the device so far        */
        uint64_t            callers;  /* the one of them that is the caller's */
        uint32_t            launched; /* of the submitted ones */
};

static void infer_last(struct crowd_member *me)
{
        struct scene *scene = me->context;

        me->status = zoo_job_infer(&scene->jobs[SUBMITTED], scene->rig.session, &me->err);
}

static atomic_bool is_closed;

static void close_scene(struct crowd_member *me)
{
        struct scene *scene = me->context;

        me->status = trib_session_close(scene->rig.session, &me->err);
        atomic_store(&is_closed, true);
}

static void wait_for_works(struct scene *scene)
{
        while (trib__sim_works(scene->sim) < scene->works)
                (void)sched_yield();
}

static void open_scene(struct scene *scene)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options one;
        trib_plan_info       info;
        trib_error           err = TRIB_ERROR_INIT;

        options.workers = WORKERS;
        EXPECT_OK(trib_session_open(scene->rig.model, &options, &scene->rig.session, &err), &err);
        EXPECT_OK(trib_session_prepare(scene->rig.session, &scene->golden[0].input, 1, &info, &err),
                  &err);
        scene->last_step = info.steps - 1;
        scene->works = trib__sim_works(scene->sim) + WORKERS;
        scene->launched = WORKERS;
        for (uint32_t i = 0; i < SUBMITTED; i++) {
                zoo_job_init(&scene->jobs[i], ZOO_MLP, 3, i);
                zoo_job_options(&scene->jobs[i], &one);
                EXPECT_OK(trib_submit(scene->rig.session, &one, &scene->requests[i], &err), &err);
        }
        wait_for_works(scene);
        zoo_job_init(&scene->jobs[SUBMITTED], ZOO_MLP, 3, SUBMITTED);
        crowd_start(&scene->caller, infer_last, scene, 0);
        scene->callers = ++scene->works;
        wait_for_works(scene);
}

/* False when there is nothing left to do. A worker whose request has ended launches the next one
 * before the device goes on. */
static bool step_scene(struct scene *scene)
{
        struct trib__sim_event event;

        if (!trib__sim_step(scene->sim, &event))
                return false;
        if (event.kind != TRIB__SIM_END || event.step != scene->last_step ||
            event.work == scene->callers || scene->launched == SUBMITTED)
                return true;
        scene->launched++;
        scene->works++;
        wait_for_works(scene);
        return true;
}

/* Close has begun and waits; or, when nothing is left on the device, may be over. */
static void begin_close(struct scene *scene)
{
        atomic_store(&is_closed, false);
        crowd_start(&scene->closer, close_scene, scene, 0);
        if (trib__sim_pending(scene->sim) == 0)
                return;
        while (trib_session_prepare(scene->rig.session, &scene->golden[0].input, 1, NULL, NULL) !=
               TRIB_CLOSED)
                (void)sched_yield();
        crowd_wait_asleep(&scene->closer);
}

static void finish_scene(struct scene *scene)
{
        uint32_t   cancelled = 0;
        trib_error err = TRIB_ERROR_INIT;

        begin_close(scene);
        while (!atomic_load(&is_closed)) {
                (void)trib__sim_run_until_idle(scene->sim);
                (void)sched_yield();
        }
        crowd_join(&scene->closer);
        crowd_join(&scene->caller);
        EXPECT_OK(scene->closer.status, &scene->closer.err);
        EXPECT_OK(scene->caller.status, &scene->caller.err);
        assert_true(zoo_job_is_right(&scene->jobs[SUBMITTED], &scene->golden[SUBMITTED]));
        for (uint32_t i = 0; i < SUBMITTED; i++) {
                trib_status status = trib_wait(scene->requests[i], 0, &err);

                trib_request_release(scene->requests[i]);
                cancelled += status == TRIB_CANCELLED;
                if (status == TRIB_CANCELLED)
                        continue;
                EXPECT_OK(status, &err);
                assert_true(zoo_job_is_right(&scene->jobs[i], &scene->golden[i]));
        }
        /* What was on the device when close began has its result, the rest never got there. */
        assert_int_equal(cancelled, SUBMITTED - scene->launched);
        assert_int_equal(trib__sim_works(scene->sim), scene->works);
        assert_int_equal(trib__sim_pending(scene->sim), 0);
}

static void open_device(struct scene *scene, uint32_t seed)
{
        trib_error err = TRIB_ERROR_INIT;
        char       name[64];

        (void)snprintf(name, sizeof(name), "sim:clock=scripted,queues=3,reorder=%u", seed);
        EXPECT_OK(trib_device_open(name, NULL, &scene->rig.device, &err), &err);
        scene->sim = sim_of(scene->rig.device);
}

static void build_on_script(struct crowd_member *me)
{
        struct scene *scene = me->context;

        me->status = zoo_build(scene->rig.device, ZOO_MLP, &scene->rig.model, &me->err);
        atomic_store(&is_closed, true);
}

static void infer_golden(struct crowd_member *me)
{
        struct scene *scene = me->context;

        for (uint32_t i = 0; i <= SUBMITTED && me->status == TRIB_OK; i++) {
                zoo_job_init(&scene->golden[i], ZOO_MLP, 3, i);
                me->status = zoo_job_infer(&scene->golden[i], scene->rig.session, &me->err);
        }
        atomic_store(&is_closed, true);
}

/* Something that waits for the device, while this thread moves it. */
static void with_device_moving(struct scene *scene, void (*run)(struct crowd_member *))
{
        struct crowd_member member;

        atomic_store(&is_closed, false);
        crowd_start(&member, run, scene, 0);
        while (!atomic_load(&is_closed)) {
                (void)trib__sim_run_until_idle(scene->sim);
                (void)sched_yield();
        }
        crowd_join(&member);
        EXPECT_OK(member.status, &member.err);
}

static void H16_close_at_every_step_of_the_device_ends_every_request_once(void **state)
{
        const uint64_t      wanted = test_scale(400, 10000);
        uint64_t            points = 0;
        static struct scene scene;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        for (uint32_t seed = 1; points < wanted; seed++) {
                bool is_over = false;

                open_device(&scene, seed);
                with_device_moving(&scene, build_on_script);
                EXPECT_OK(trib_session_open(scene.rig.model, NULL, &scene.rig.session, &err), &err);
                with_device_moving(&scene, infer_golden);
                EXPECT_OK(trib_session_close(scene.rig.session, &err), &err);
                for (uint32_t steps = 0; !is_over; steps++) {
                        open_scene(&scene);
                        for (uint32_t i = 0; i < steps && !is_over; i++)
                                is_over = !step_scene(&scene);
                        finish_scene(&scene);
                        points++;
                }
                trib_model_close(scene.rig.model);
                trib_device_close(scene.rig.device);
        }
        print_message("%llu points\n", (unsigned long long)points);
}

/* ---- H17 -------------------------------------------------------------------------------- */

static void H17_close_on_a_hung_stream_is_busy_and_frees_nothing(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   rig;
        struct zoo_job      *job = map_job(1);
        trib_memory_stats    before, after;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        assert_non_null(job);
        options.timeout_ns = 5 * MS;
        options.close_timeout_ns = 5 * MS;
        session_rig_open(&rig, "sim:clock=scripted", ZOO_RELU, &options);
        EXPECT_FAILS(zoo_job_infer(job, rig.session, &err), TRIB_TIMED_OUT, &err, "");
        for (uint32_t q = 0; q < 4; q++)
                (void)trib__sim_hang(sim_of(rig.device), q);
        unmap_job(job);
        EXPECT_OK(trib_device_get_memory(rig.device, &before, &err), &err);
        for (int i = 0; i < 3; i++) {
                EXPECT_FAILS(trib_session_close(rig.session, &err), TRIB_BUSY, &err, "still run");
                (void)trib__sim_run_until_idle(sim_of(rig.device));
        }
        EXPECT_OK(trib_device_get_memory(rig.device, &after, &err), &err);
        assert_int_equal(after.reserved, before.reserved);
        assert_int_equal(after.programs, before.programs);
        for (uint32_t q = 0; q < 4; q++)
                (void)trib__sim_unhang(sim_of(rig.device), q);
        /* Everything it needs is still there: it writes, and then the session goes. */
        (void)trib__sim_run_until_idle(sim_of(rig.device));
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(H11_completions_that_come_late_hit_memory_that_is_there),
               TRIB_TEST(H11_a_released_request_that_runs_keeps_its_record),
               TRIB_TEST(H16_close_at_every_step_of_the_device_ends_every_request_once),
               TRIB_TEST(H17_close_on_a_hung_stream_is_busy_and_frees_nothing))
