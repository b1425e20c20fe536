/* SPDX-License-Identifier: Apache-2.0 */
/* trace_requests_load.c: requests in every way, and threads and devices that come and go. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/sim/sim.h"
#include "base/fault.h"
#include "expect.h"
#include "session/session_priv.h"
#include "trace_load_priv.h"
#include "trace_rig.h"
#include "zoo.h"

#define IN_FLIGHT 4
#define LEFT_IN_FLIGHT 32
#define MOST_LIVES 4096

static const enum zoo_kind kinds[KINDS] = { ZOO_RELU, ZOO_MLP, ZOO_NORM };

/* Plans that cannot be built: each place where a build needs something fails once. */
static void fail_plans(struct world *world)
{
        uint32_t failed = 0;

        for (uint32_t k = 1; k <= world->load->fails; k++) {
                struct zoo_job job;

                zoo_job_init(&job, kinds[0], 1 + k % ZOO_MAX_ROWS, k);
                trib__fault_arm(k, false);
                if (trib_session_prepare(world->sessions[0], &job.input, 1, NULL, NULL) != TRIB_OK)
                        failed++;
                (void)trib__fault_disarm(NULL);
        }
        assert_true(failed > 0 || world->load->fails == 0);
}

/* A request is given up while the device has its work; its stream is hung until then. */
static void hang_once(struct world *world)
{
        trib__device        *device = trib__device_backend(world->device);
        trib_request_options options;
        trib_request        *request;
        struct zoo_job       job;
        trib_error           err = TRIB_ERROR_INIT;

        zoo_job_init(&job, kinds[0], 1, 0);
        zoo_job_options(&job, &options);
        options.timeout_ns = 20 * MILLISECOND;
        assert_true(trib__sim_fault(device, trib__sim_works(device) + 1, TRIB__SIM_FAULT_DELAY,
                                    40 * MILLISECOND));
        EXPECT_OK(trib_submit(world->sessions[0], &options, &request, &err), &err);
        if (trib_wait(request, TRIB_NO_LIMIT, &err) != TRIB_TIMED_OUT)
                print_message("a late work was not late\n");
        trib_request_release(request);
}

static void open_sessions(struct world *world)
{
        trib_error err = TRIB_ERROR_INIT;

        for (int k = 0; k < KINDS; k++) {
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;

                options.max_plans = 2;
                options.max_queued = 8;
                options.workers = 2;
                EXPECT_OK(zoo_build(world->device, kinds[k], &world->models[k], &err), &err);
                EXPECT_OK(trib_session_open(world->models[k], &options, &world->sessions[k], &err),
                          &err);
        }
        fail_plans(world);
}

static void close_sessions(struct world *world)
{
        trib_error err = TRIB_ERROR_INIT;

        for (int k = 0; k < KINDS; k++) {
                EXPECT_OK(trib_session_close(world->sessions[k], &err), &err);
                trib_model_close(world->models[k]);
        }
}

struct flight {
        struct zoo_job job;
        trib_request  *request; /* NULL: only the callback tells */
        bool           is_out;  /* submitted                      */
        atomic_int     calls;
        bool           has_callback;
};

static void landed(void *context, trib_request *request, trib_status status)
{
        struct flight *flight = context;

        (void)request;
        (void)status;
        atomic_fetch_add(&flight->calls, 1);
}

static void take_off(struct crowd_member *me, struct flight *flight, struct trib__random *random)
{
        struct world        *world = me->context;
        trib_request_options options;
        uint32_t             kind = (uint32_t)trib__random_below(random, KINDS);
        uint32_t             way = (uint32_t)trib__random_below(random, 4);

        zoo_job_init(&flight->job, kinds[kind],
                     1 + (int64_t)trib__random_below(random, ZOO_MAX_ROWS), way);
        zoo_job_options(&flight->job, &options);
        atomic_store(&flight->calls, 0);
        flight->request = NULL;
        flight->has_callback = way != 0;
        if (flight->has_callback) {
                options.done = landed;
                options.context = flight;
        }
        if (trib__random_below(random, 4) == 0)
                options.timeout_ns = 1 + trib__random_below(random, MILLISECOND);
        flight->is_out = load_is_fine(me, trib_submit(world->sessions[kind], &options,
                                                      way == 1 ? NULL : &flight->request,
                                                      &me->err));
}

/* Until it is over, however it ends. */
static void land(struct crowd_member *me, struct flight *flight, struct trib__random *random)
{
        bool is_left = trib__random_below(random, 8) == 0 && flight->has_callback;

        if (!flight->is_out)
                return;
        if (flight->request != NULL) {
                if (trib__random_below(random, 3) == 0)
                        (void)trib_cancel(flight->request, NULL);
                if (trib__random_below(random, 4) == 0)
                        me->wrong += trib_poll(flight->request, NULL) == TRIB_STALE;
                if (!is_left)
                        (void)load_is_fine(me, trib_wait(flight->request, TRIB_NO_LIMIT,
                                                         &me->err));
                trib_request_release(flight->request);
        }
        while (flight->has_callback && atomic_load(&flight->calls) == 0)
                (void)sched_yield();
        if (!zoo_job_is_right(&flight->job, NULL))
                me->wrong++;
}

static void run_one(struct crowd_member *me, struct trib__random *random)
{
        struct world  *world = me->context;
        uint32_t       kind = (uint32_t)trib__random_below(random, KINDS);
        struct zoo_job job;

        zoo_job_init(&job, kinds[kind], 1 + (int64_t)trib__random_below(random, ZOO_MAX_ROWS), 0);
        (void)load_is_fine(me, zoo_job_infer(&job, world->sessions[kind], &me->err));
}

static void run_requests(struct crowd_member *me)
{
        struct world       *world = me->context;
        struct trib__random random = { world->load->seed * 1000 + me->index + 500 };
        struct flight       flights[IN_FLIGHT];

        for (uint32_t i = 0; i < world->load->rounds; i++) {
                if (world->load->hangs && trib__random_below(&random, 64) == 0)
                        load_delay(world, &random);
                if (trib__random_below(&random, 2) == 0) {
                        run_one(me, &random);
                        continue;
                }
                for (int f = 0; f < IN_FLIGHT; f++)
                        take_off(me, &flights[f], &random);
                for (int f = IN_FLIGHT; f-- > 0;)
                        land(me, &flights[f], &random);
                if (trib__random_below(&random, 256) == 0)
                        (void)load_is_fine(me, trib_device_trim(world->device, NULL, &me->err));
        }
}

/* Member 0 closes the sessions while the others still call them, until they are told. */
static void run_beside_close(struct crowd_member *me)
{
        struct world       *world = me->context;
        struct trib__random random = { me->index + 77 };
        struct zoo_job      job;
        trib_status         status = TRIB_OK;

        zoo_job_init(&job, kinds[0], 1, 0);
        for (uint32_t i = 0; me->index == 0 && i < world->load->rounds; i++)
                run_one(me, &random);
        if (me->index == 0)
                (void)load_is_fine(me, trib_session_close(world->sessions[0], &me->err));
        while (me->index != 0 && status != TRIB_CLOSED) {
                struct flight flight;

                status = zoo_job_infer(&job, world->sessions[0], &me->err);
                (void)load_is_fine(me, status);
                take_off(me, &flight, &random);
                land(me, &flight, &random);
        }
}

/* Requests that are on their way when their session closes. */
static void leave_some(struct world *world, struct flight *flights)
{
        trib_error err = TRIB_ERROR_INIT;

        for (uint32_t i = 0; i < LEFT_IN_FLIGHT; i++) {
                trib_request_options options;
                trib_status          status;

                zoo_job_init(&flights[i].job, kinds[i % KINDS], 1 + i % ZOO_MAX_ROWS, i);
                zoo_job_options(&flights[i].job, &options);
                status = trib_submit(world->sessions[i % KINDS], &options, &flights[i].request,
                                     &err);
                if (status != TRIB_BUSY)
                        EXPECT_OK(status, &err);
                else
                        flights[i].request = NULL;
        }
}

void load_requests(const struct load *load)
{
        static struct flight flights[LEFT_IN_FLIGHT];
        struct world         world;

        load_open(&world, load);
        open_sessions(&world);
        for (int i = 0; i < 3 && load->hangs; i++)
                hang_once(&world);
        load_run(&world, run_requests);
        trace_quiet();
        leave_some(&world, flights);
        close_sessions(&world);
        open_sessions(&world);
        load_run(&world, run_beside_close);
        world.sessions[0] = NULL;
        close_sessions(&world);
        for (uint32_t i = 0; i < LEFT_IN_FLIGHT; i++) {
                if (flights[i].request != NULL)
                        assert_int_not_equal(trib_poll(flights[i].request, NULL), TRIB_PENDING);
                trib_request_release(flights[i].request);
        }
        trace_quiet();
        trib_device_close(world.device);
}

/* --- lives --- */

static void infer_once(struct crowd_member *me)
{
        struct trib__random random = { me->index + 1 };

        run_one(me, &random);
}

static void make_device_and_stay(struct crowd_member *me)
{
        struct world *outer = me->context, world;

        /* The home that this thread takes is of a device that is gone when the thread ends. */
        load_open(&world, outer->load);
        open_sessions(&world);
        me->context = &world;
        infer_once(me);
        me->context = outer;
        close_sessions(&world);
        trib_device_close(world.device);
}

void load_lives(const struct load *load)
{
        struct world               world;
        static struct crowd_member members[MOST_THREADS];

        load_open(&world, load);
        open_sessions(&world);
        for (uint32_t round = 0; round < load->rounds; round++) {
                for (uint32_t i = 0; i < load->threads; i++)
                        crowd_start(&members[i], infer_once, &world, i);
                for (uint32_t i = 0; i < load->threads; i++) {
                        crowd_join(&members[i]);
                        assert_int_equal(members[i].wrong, 0);
                }
        }
        crowd_start(&members[0], make_device_and_stay, &world, 0);
        crowd_join(&members[0]);
        close_sessions(&world);
        trace_quiet();
        trib_device_close(world.device);
}
