/* SPDX-License-Identifier: Apache-2.0 */
/* test_workload.c: the built-in workloads through the public interface, on the devices that every
 * machine has. */
#include "test_main.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "loadgen/workload.h"

#define THREADS 3u
#define REQUESTS 20u

struct scene {
        trib_device               *device;
        struct trib__crew         *crew;
        struct trib__load_options options;
        trib__atomic_u32          stop;
};

static void set_up(struct scene *scene, const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(scene, 0, sizeof(*scene));
        (void)setenv("TRIB_ONEDNN", "off", 1);
        assert_int_equal(trib_device_open(device, NULL, &scene->device, &err), TRIB_OK);
        assert_int_equal(trib__crew_create(THREADS, &scene->crew, &err), TRIB_OK);
        scene->options.threads = THREADS;
        scene->options.seed = 1;
        scene->options.deadline = TRIB__NEVER;
        scene->options.stop = &scene->stop;
}

static void tear_down(struct scene *scene)
{
        trib__crew_destroy(scene->crew);
        trib_device_close(scene->device);
}

static trib_status open_workload(struct scene *scene, const char *text,
                                 struct trib__load_workload **out, trib_error *err)
{
        struct trib__load_spec spec;

        assert_int_equal(trib__load_spec_parse(text, &spec, err), TRIB_OK);
        return trib__load_workload_open(scene->device, scene->crew, &spec, &scene->options, out,
                                        err);
}

static struct trib__load_point point;

static void run_workload(const char *device, const char *text)
{
        struct scene                scene;
        struct trib__load_workload *workload;
        struct trib__load_facts     facts;
        trib_error                  err = TRIB_ERROR_INIT;
        uint64_t                    first;

        set_up(&scene, device);
        assert_int_equal(open_workload(&scene, text, &workload, &err), TRIB_OK);
        memset(&point, 0, sizeof(point));
        point.target = trib__load_workload_target(workload);
        point.threads = THREADS;
        assert_int_equal(trib__load_count(scene.crew, &point, REQUESTS, NULL, &first, &err),
                         TRIB_OK);
        assert_int_equal(point.errors, 0);
        assert_int_equal(point.latency.count, THREADS * REQUESTS);
        assert_int_equal(point.checks, THREADS);
        assert_int_equal(point.mismatches, 0);
        assert_int_equal(point.times.requests, THREADS * REQUESTS);
        trib__load_workload_facts(workload, &facts);
        assert_true(facts.request_ns > 0 && facts.first_answer_at > 0);
        trib__load_workload_close(workload);
        tear_down(&scene);
}

static void workload_answers_every_thread_on_every_device(void **state)
{
        const char *const devices[] = { "cpu:0", "sim:" };
        const char *const texts[] = { "16x8x4", "1x1x1", "mlp:8x16x4x2", "noop",
                                      "lu:9x9", "lu:5x8x3", "sparse:30x20x10%x4",
                                      "transformer:6x8x2", "transformer:3x8x4x2", "conv:3x5x6x2" };

        (void)state;
        for (size_t i = 0; i < 2; i++)
                for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
                        run_workload(devices[i], texts[k]);
}

static void workload_check_sees_one_flipped_bit(void **state)
{
        struct scene                scene;
        struct trib__load_workload *workload;
        const struct trib__target  *target;
        trib_error                  err = TRIB_ERROR_INIT;

        (void)state;
        set_up(&scene, "cpu:0");
        assert_int_equal(open_workload(&scene, "16x8x4", &workload, &err), TRIB_OK);
        target = trib__load_workload_target(workload);
        for (unsigned thread = 0; thread < THREADS; thread++) {
                assert_true(target->check(target->context, thread));
                target->begin(target->context, thread);
                assert_false(target->check(target->context, thread));
                assert_int_equal(target->request(target->context, thread, &err), TRIB_OK);
                assert_true(target->check(target->context, thread));
        }
        trib__load_workload_close(workload);
        tear_down(&scene);
}

static void workload_open_ends_when_stopped_or_late(void **state)
{
        struct scene                scene;
        struct trib__load_workload *workload;
        trib_error                  err = TRIB_ERROR_INIT;

        (void)state;
        set_up(&scene, "cpu:0");
        /* Relaxed: the crew is idle. */
        trib__store_relaxed_u32(&scene.stop, 1);
        assert_int_equal(open_workload(&scene, "16x8x4", &workload, &err), TRIB_CANCELLED);
        assert_null(workload);
        /* Relaxed: as above. */
        trib__store_relaxed_u32(&scene.stop, 0);
        scene.options.deadline = 1;
        assert_int_equal(open_workload(&scene, "16x8x4", &workload, &err), TRIB_TIMED_OUT);
        assert_null(workload);
        scene.options.threads = THREADS + 1;
        assert_int_equal(open_workload(&scene, "16x8x4", &workload, &err),
                         TRIB_INVALID_ARGUMENT);
        tear_down(&scene);
}

static void workload_open_survives_every_failure(void **state)
{
        struct scene scene;
        uint64_t     failed;

        (void)state;
        set_up(&scene, "cpu:0");
        for (uint64_t k = 1;; k++) {
                struct trib__load_workload *workload;
                trib_error                  err = TRIB_ERROR_INIT;
                trib_status                 status;

                trib__fault_arm(k, false);
                status = open_workload(&scene, "mlp:8x16x4x2", &workload, &err);
                (void)trib__fault_disarm(&failed);
                if (status != TRIB_OK)
                        assert_null(workload);
                if (status != TRIB_OK)
                        assert_true(err.message[0] != '\0');
                trib__load_workload_close(workload);
                if (failed == 0)
                        break;
        }
        tear_down(&scene);
}

TRIB_TEST_MAIN(TRIB_TEST(workload_answers_every_thread_on_every_device),
               TRIB_TEST(workload_check_sees_one_flipped_bit),
               TRIB_TEST(workload_open_ends_when_stopped_or_late),
               TRIB_TEST(workload_open_survives_every_failure))
