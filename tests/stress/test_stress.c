/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, mixed models and shapes, every result compared with the bits of the same request
 * run alone. TRIB_STRESS_REQUESTS sets how many requests each of up to 64 threads makes (default
 * 10,000, in thread sanitizer builds 500); on the simulated device, and each of more threads, a
 * tenth of it.
 *
 * Jobs lie between guards of NaN, each thread's right beside the next one's, so that a read or a
 * write beyond an array is seen. Counters are plain memory: a missing order is seen, too. */
#include "test_main.h"

#include <stdlib.h>

#include "base/random.h"
#include "crowd.h"
#include "expect.h"
#include "zoo.h"

#define MOST_THREADS 256
#define SEEDS 3

#if defined(__SANITIZE_THREAD__)
#define DEFAULT_REQUESTS 500
#else
#define DEFAULT_REQUESTS 10000
#endif

static uint32_t wanted_requests(void)
{
        const char *text = getenv("TRIB_STRESS_REQUESTS");
        long        value = text != NULL ? strtol(text, NULL, 10) : 0;

        return value > 0 ? (uint32_t)value : DEFAULT_REQUESTS;
}

/* All models of the zoo on one device, with the golden result of every job. */
struct world {
        trib_device   *device;
        trib_model    *models[ZOO_COUNT];
        trib_session  *sessions[ZOO_COUNT];
        struct zoo_job golden[ZOO_COUNT][ZOO_MAX_ROWS][SEEDS];
        uint32_t       requests; /* of each thread */
};

static struct world world;

static void world_open(const char *device, const trib_device_options *options,
                       const trib_session_options *session_options)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(&world, 0, sizeof(world));
        EXPECT_OK(trib_device_open(device, options, &world.device, &err), &err);
        for (int k = 0; k < ZOO_COUNT; k++) {
                EXPECT_OK(zoo_build(world.device, (enum zoo_kind)k, &world.models[k], &err),
                          &err);
                EXPECT_OK(trib_session_open(world.models[k], session_options,
                                            &world.sessions[k], &err),
                          &err);
                for (int rows = 1; rows <= ZOO_MAX_ROWS; rows++) {
                        for (int seed = 0; seed < SEEDS; seed++) {
                                struct zoo_job *job = &world.golden[k][rows - 1][seed];

                                zoo_job_init(job, (enum zoo_kind)k, rows, (uint64_t)seed);
                                EXPECT_OK(zoo_job_infer(job, world.sessions[k], &err), &err);
                        }
                }
        }
}

static void world_close(void)
{
        trib_error err = TRIB_ERROR_INIT;

        for (int k = 0; k < ZOO_COUNT; k++) {
                EXPECT_OK(trib_session_close(world.sessions[k], &err), &err);
                trib_model_close(world.models[k]);
        }
        trib_device_close(world.device);
}

struct pick {
        int kind, rows, seed;
};

static struct pick pick(struct trib__random *random)
{
        return (struct pick){ (int)trib__random_below(random, ZOO_COUNT),
                              1 + (int)trib__random_below(random, ZOO_MAX_ROWS),
                              (int)trib__random_below(random, SEEDS) };
}

static const struct zoo_job *golden_of(struct pick p)
{
        return &world.golden[p.kind][p.rows - 1][p.seed];
}

static void run_direct(struct crowd_member *me)
{
        struct trib__random random = { me->index + 1 };
        struct zoo_job      job;

        for (uint32_t i = 0; i < world.requests; i++) {
                struct pick p = pick(&random);

                zoo_job_init(&job, (enum zoo_kind)p.kind, p.rows, (uint64_t)p.seed);
                me->status = zoo_job_infer(&job, world.sessions[p.kind], &me->err);
                if (me->status != TRIB_OK)
                        return;
                me->wrong += !zoo_job_is_right(&job, golden_of(p));
                me->done++;
        }
}

#define IN_FLIGHT 4

/* Some requests in flight, waited for in another order than they were submitted. */
static void run_async(struct crowd_member *me)
{
        struct trib__random random = { me->index + 1000 };
        struct zoo_job      jobs[IN_FLIGHT];
        trib_request       *requests[IN_FLIGHT];
        struct pick         picks[IN_FLIGHT];

        for (uint32_t i = 0; i < world.requests; i += IN_FLIGHT) {
                for (int j = 0; j < IN_FLIGHT; j++) {
                        trib_request_options options;

                        picks[j] = pick(&random);
                        zoo_job_init(&jobs[j], (enum zoo_kind)picks[j].kind, picks[j].rows,
                                     (uint64_t)picks[j].seed);
                        zoo_job_options(&jobs[j], &options);
                        me->status = trib_submit(world.sessions[picks[j].kind], &options,
                                                 &requests[j], &me->err);
                        if (me->status != TRIB_OK)
                                return;
                }
                for (int j = IN_FLIGHT - 1; j >= 0; j--) {
                        trib_status status = TRIB_PENDING;

                        if (j % 2 == 0)
                                status = trib_poll(requests[j], NULL);
                        if (status == TRIB_PENDING)
                                status = trib_wait(requests[j], TRIB_NO_LIMIT, &me->err);
                        me->wrong += status != TRIB_OK;
                        me->wrong += !zoo_job_is_right(&jobs[j], golden_of(picks[j]));
                        trib_request_release(requests[j]);
                        me->done++;
                }
        }
}

static void run_mixed(struct crowd_member *me)
{
        if (me->index % 2 == 0)
                run_direct(me);
        else
                run_async(me);
}

static void check(const char *device, uint32_t threads, uint32_t streams,
                  void (*run)(struct crowd_member *))
{
        static struct crowd_member members[MOST_THREADS];
        trib_device_options        options = TRIB_DEVICE_OPTIONS_INIT;
        trib_session_options       session = TRIB_SESSION_OPTIONS_INIT;
        uint32_t                   threads_before = crowd_thread_count();
        uint32_t                   files_before = crowd_file_count();
        trib_memory_stats          before, after;
        trib_error                 err = TRIB_ERROR_INIT;

        options.max_streams = streams;
        session.workers = streams < 4 ? streams : 4;
        session.max_queued = MOST_THREADS * IN_FLIGHT;
        world_open(device, &options, &session);
        world.requests = wanted_requests();
        if (threads > 64 || device[0] == 's')
                world.requests = (world.requests + 9) / 10;
        EXPECT_OK(trib_device_get_memory(world.device, &before, &err), &err);
        crowd_run_all(members, threads, run, NULL);
        for (uint32_t i = 0; i < threads; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                if (members[i].wrong != 0)
                        fail_msg("thread %u: %llu of %llu results are wrong", i,
                                 (unsigned long long)members[i].wrong,
                                 (unsigned long long)members[i].done);
                assert_true(members[i].done >= world.requests);
        }
        assert_int_equal(zoo_serial_clashes(), 0);
        assert_true(zoo_serial_calls() > 0);
        EXPECT_OK(trib_device_get_memory(world.device, &after, &err), &err);
        /* Only slabs were added, at most one a stream, and no larger than the largest plan's. */
        assert_true(after.requested <= before.requested + streams * (UINT64_C(64) << 10));
        assert_int_equal(after.out_of_memory, 0);
        world_close();
        crowd_wait_threads(threads_before);
        assert_int_equal(crowd_file_count(), files_before);
}

static void stress_cpu_16_threads(void **state)
{
        (void)state;
        check("cpu:0", 16, 64, run_mixed);
}

static void stress_cpu_64_threads(void **state)
{
        (void)state;
        check("cpu:0", 64, 64, run_mixed);
}

static void stress_reference_kernels_16_threads(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        check("cpu:0", 16, 64, run_mixed);
}

static void stress_reference_kernels_64_threads(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        check("cpu:0", 64, 64, run_mixed);
}

static void stress_sim_16_threads(void **state)
{
        (void)state;
        check("sim:fast", 16, 16, run_mixed);
}

static void stress_sim_64_threads_reordered(void **state)
{
        (void)state;
        check("sim:fast,reorder=5", 64, 64, run_mixed);
}

static void stress_256_threads_on_8_streams(void **state)
{
        (void)state;
        check("cpu:0", 256, 8, run_direct);
}

static void stress_256_threads_on_1_stream(void **state)
{
        (void)state;
        check("cpu:0", 256, 1, run_direct);
}

static void stress_sim_256_threads_on_1_stream(void **state)
{
        (void)state;
        check("sim:fast", 256, 1, run_mixed);
}

TRIB_TEST_MAIN(TRIB_TEST(stress_cpu_16_threads), TRIB_TEST(stress_cpu_64_threads),
               TRIB_TEST(stress_reference_kernels_16_threads),
               TRIB_TEST(stress_reference_kernels_64_threads),
               TRIB_TEST(stress_sim_16_threads), TRIB_TEST(stress_sim_64_threads_reordered),
               TRIB_TEST(stress_256_threads_on_8_streams),
               TRIB_TEST(stress_256_threads_on_1_stream),
               TRIB_TEST(stress_sim_256_threads_on_1_stream))
