/* SPDX-License-Identifier: Apache-2.0 */
/* Break it on purpose: the k-th fault point fails, k = 1, 2, ... until the scenario passes without
 * having reached it; each k once, and once with every later point failing too. After each run:
 *
 *   the status and the message say something, or nothing was noticed and every result is golden;
 *   threads, open files and device memory are as before; leaks are for the leak sanitizer;
 *   a witness, a session of its own on a device of its own, gives golden bits;
 *   the same scenario, and the same session, works again.
 *
 * The last case shows that every fault point of the library is reached by these scenarios. */
#include "test_main.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "scenario.h"

/* What a run must leave as it was. */
struct baseline {
        uint32_t       threads, files;
        trib_device   *device;
        trib_model    *model;
        trib_session  *session;
        struct zoo_job golden;
};

static struct baseline base;
static uint64_t        n_runs, n_failed, n_unnoticed;

static void baseline_open(const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        scenario_learn(device);
        EXPECT_OK(trib_device_open(device, NULL, &base.device, &err), &err);
        EXPECT_OK(zoo_build(base.device, ZOO_MLP, &base.model, &err), &err);
        EXPECT_OK(trib_session_open(base.model, NULL, &base.session, &err), &err);
        zoo_job_init(&base.golden, ZOO_MLP, 4, 7);
        EXPECT_OK(zoo_job_infer(&base.golden, base.session, &err), &err);
        base.threads = crowd_thread_count();
        base.files = crowd_file_count();
}

static void baseline_close(void)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_session_close(base.session, &err), &err);
        trib_model_close(base.model);
        trib_device_close(base.device);
        print_message("%llu runs, %llu with a fault, %llu of them unnoticed\n",
                      (unsigned long long)n_runs, (unsigned long long)n_failed,
                      (unsigned long long)n_unnoticed);
}

static void check_baseline(void)
{
        struct zoo_job job;
        trib_error     err = TRIB_ERROR_INIT;

        crowd_wait_threads(base.threads);
        assert_int_equal(crowd_file_count(), base.files);
        zoo_job_init(&job, ZOO_MLP, 4, 7);
        EXPECT_OK(zoo_job_infer(&job, base.session, &err), &err);
        assert_true(zoo_job_is_right(&job, &base.golden));
}

/* What a run said: its status, or nothing at all if the fault was absorbed. */
static void check_said(uint64_t k, bool is_persistent, trib_status status, const trib_error *err)
{
        const struct trib__fault_site *site = trib__fault_last();

        n_unnoticed += status == TRIB_OK;
        if (status == TRIB_OK)
                return;
        if (err->status != status || err->message[0] == '\0' || status == TRIB_INTERNAL)
                fail_msg("k = %llu%s at %s (%s:%llu): gave %s, said %s \"%s\"",
                         (unsigned long long)k, is_persistent ? " and on" : "",
                         site != NULL ? site->name : "?", site != NULL ? site->file : "?",
                         (unsigned long long)(site != NULL ? site->line : 0),
                         trib_status_name(status), trib_status_name(err->status), err->message);
}

/* One way to run; gives the status, closes what it opened while the faults are armed too. */
typedef trib_status (*sweep_run)(struct scenario *s, const char *device, trib_error *err);

static trib_status run_life(struct scenario *s, const char *device, trib_error *err)
{
        trib_status status = scenario_live(s, device, err);

        scenario_close(s);
        return status;
}

static trib_status run_use(struct scenario *s, const char *device, trib_error *err)
{
        trib_status status;

        (void)device;
        status = scenario_use(s, err);
        scenario_close_use(s);
        return status;
}

static trib_status run_again(struct scenario *s, const char *device, trib_error *err)
{
        (void)device;
        return scenario_again(s, err);
}

static trib_status run_peaks(struct scenario *s, const char *device, trib_error *err)
{
        trib_device_peaks peaks;

        (void)s;
        (void)device;
        return trib_device_measure_peaks(base.device, 1, &peaks, err);
}

/* Fail pass k; true when the scenario did not get that far. */
static bool sweep_one(sweep_run run, struct scenario *s, const char *device, uint64_t k,
                      bool is_persistent)
{
        trib_error  err = TRIB_ERROR_INIT;
        uint64_t    failed;
        trib_status status;

        trib__fault_arm(k, is_persistent);
        status = run(s, device, &err);
        (void)trib__fault_disarm(&failed);
        n_runs++;
        n_failed += failed != 0;
        if (failed == 0 && status != TRIB_OK)
                fail_msg("k = %llu: nothing failed, but: %s", (unsigned long long)k, err.message);
        check_said(k, is_persistent, status, &err);
        if (s->wrong != 0)
                fail_msg("k = %llu: %llu wrong results or refused closes at %s",
                         (unsigned long long)k, (unsigned long long)s->wrong,
                         trib__fault_last() != NULL ? trib__fault_last()->name : "?");
        check_baseline();
        return failed == 0;
}

static void sweep(sweep_run run, struct scenario *s, const char *device,
                  void (*check)(struct scenario *, const char *))
{
        for (int is_persistent = 0; is_persistent < 2; is_persistent++) {
                for (uint64_t k = 1; !sweep_one(run, s, device, k, is_persistent != 0); k++) {
                        if (check != NULL)
                                check(s, device);
                }
        }
}

/* ---- from open to close ----------------------------------------------------------------- */

static void sweep_life(const char *device)
{
        struct scenario s = { 0 };
        trib_error      err = TRIB_ERROR_INIT;

        baseline_open(device);
        sweep(run_life, &s, device, NULL);
        EXPECT_OK(run_life(&s, device, &err), &err);
        assert_int_equal(s.wrong, 0);
        baseline_close();
}

static void sweep_of_a_whole_life_on_cpu(void **state)
{
        (void)state;
        sweep_life("cpu:0");
}

static void sweep_of_a_whole_life_without_onednn(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        sweep_life("cpu:0");
}

static void sweep_of_a_whole_life_on_sim(void **state)
{
        (void)state;
        sweep_life("sim:fast");
}

/* The very first opening in a process also makes what all later ones share. */
static void sweep_of_the_first_opening(void **state)
{
        (void)state;
        for (uint64_t k = 1;; k++) {
                trib_device *device = NULL;
                trib_error   err = TRIB_ERROR_INIT;
                uint64_t     failed;
                trib_status  status;

                /* Twice the same k: the first may use up what is made only once. */
                for (int turn = 0; turn < 2; turn++) {
                        trib__fault_arm(k, false);
                        status = trib_device_open("cpu:0", NULL, &device, &err);
                        (void)trib__fault_disarm(&failed);
                        check_said(k, false, status, &err);
                        assert_int_equal(device != NULL, status == TRIB_OK);
                        trib_device_close(device);
                }
                if (failed == 0)
                        break;
        }
}

/* ---- on a device, and on sessions, that stay open --------------------------------------- */

static uint64_t requested(trib_device *device)
{
        trib_memory_stats stats;
        trib_error        err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_get_memory(device, &stats, &err), &err);
        assert_int_equal(stats.reserved,
                         stats.allocated + stats.cached + stats.limbo + stats.programs);
        return stats.requested;
}

static uint64_t memory_at_rest;

static void check_memory(struct scenario *s, const char *device)
{
        (void)device;
        /* Only slabs, one a stream, may stay; they are there already. */
        if (requested(s->device) > memory_at_rest)
                fail_msg("%llu bytes of device memory, were %llu; last fault at %s",
                         (unsigned long long)requested(s->device),
                         (unsigned long long)memory_at_rest,
                         trib__fault_last() != NULL ? trib__fault_last()->name : "?");
}

/* The same sessions must give golden bits at once, and the books must balance. */
static void check_sessions(struct scenario *s, const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(scenario_again(s, &err), &err);
        assert_int_equal(s->wrong, 0);
        check_memory(s, device);
}

/* All streams that the scenario may ever use exist, with slabs as large as they get. */
static void warm_up(struct scenario *s, const char *device)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error          err = TRIB_ERROR_INIT;

        options.max_streams = 1; /* so that the slabs do not depend on who was first */
        EXPECT_OK(trib_device_open(device, &options, &s->device, &err), &err);
}

static void sweep_use(const char *device)
{
        struct scenario s = { 0 };
        trib_error      err = TRIB_ERROR_INIT;

        baseline_open(device);
        warm_up(&s, device);
        EXPECT_OK(scenario_use(&s, &err), &err);
        scenario_close_use(&s);
        base.threads = crowd_thread_count();
        memory_at_rest = requested(s.device);
        sweep(run_use, &s, device, check_memory);
        scenario_close(&s);
        baseline_close();
}

static void sweep_of_models_and_sessions_on_one_cpu_device(void **state)
{
        (void)state;
        sweep_use("cpu:0");
}

static void sweep_of_models_and_sessions_on_one_sim_device(void **state)
{
        (void)state;
        sweep_use("sim:fast");
}

static void sweep_again(const char *device)
{
        struct scenario s = { 0 };
        trib_error      err = TRIB_ERROR_INIT;

        baseline_open(device);
        warm_up(&s, device);
        EXPECT_OK(scenario_use(&s, &err), &err);
        trib_stream_release(s.stream);
        s.stream = NULL;
        EXPECT_OK(scenario_again(&s, &err), &err);
        base.threads = crowd_thread_count();
        memory_at_rest = requested(s.device);
        sweep(run_again, &s, device, check_sessions);
        scenario_close(&s);
        assert_int_equal(s.wrong, 0);
        base.threads = crowd_thread_count();
        baseline_close();
}

static void sweep_of_requests_on_open_cpu_sessions(void **state)
{
        (void)state;
        sweep_again("cpu:0");
}

static void sweep_of_requests_on_open_sessions_without_onednn(void **state)
{
        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        sweep_again("cpu:0");
}

static void sweep_of_requests_on_open_sim_sessions(void **state)
{
        (void)state;
        sweep_again("sim:fast");
}

/* Measuring launches as often as it can, so its points cannot all be failed one by one: the first
 * ones are, then every so many. */
static void sweep_of_measuring_peaks(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 4; d++) {
                struct scenario s = { 0 };
                bool            is_persistent = d % 2 != 0;
                uint64_t        k = 1;

                baseline_open(devices[d / 2]);
                while (!sweep_one(run_peaks, &s, NULL, k, is_persistent))
                        k += 1 + (k > 16 ? k / 2 : 0);
                baseline_close();
        }
}

/* ---- exchange of tensors ---------------------------------------------------------------- */

static char folder[] = "/tmp/trib-fault-XXXXXX";

static trib_status run_exchange(struct scenario *s, const char *device, trib_error *err)
{
        (void)s;
        (void)device;
        return scenario_exchange(folder, err);
}

/* No half-written file is ever seen beside the good one. */
static void check_folder(struct scenario *s, const char *device)
{
        DIR           *dir = opendir(folder);
        struct dirent *entry;

        (void)s;
        (void)device;
        assert_non_null(dir);
        while ((entry = readdir(dir)) != NULL)
                assert_true(entry->d_name[0] == '.' || strcmp(entry->d_name, "exchange.npy") == 0);
        (void)closedir(dir);
}

static void sweep_of_exchange(void **state)
{
        struct scenario s = { 0 };
        char            path[64];

        (void)state;
        assert_non_null(mkdtemp(folder));
        baseline_open("cpu:0");
        sweep(run_exchange, &s, NULL, check_folder);
        (void)snprintf(path, sizeof(path), "%s/exchange.npy", folder);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        baseline_close();
}

/* ---- every site ------------------------------------------------------------------------- */

/* Sites that the scenarios cannot reach, each with its reason. */
static const struct exempt {
        const char *name, *why;
} exempt[] = {
        { NULL, NULL },
};

static const char *why_exempt(const char *name)
{
        for (const struct exempt *e = exempt; e->name != NULL; e++) {
                if (strcmp(e->name, name) == 0)
                        return e->why;
        }
        return NULL;
}

static void sweep_reaches_every_site(void **state)
{
        struct trib__fault_site *sites;
        struct scenario          s = { 0 };
        trib_error               err = TRIB_ERROR_INIT;
        size_t                   count, missed = 0;
        char                     path[64];

        (void)state;
        assert_non_null(mkdtemp(folder));
        trib__fault_arm(0, false);
        baseline_open("cpu:0");
        EXPECT_OK(run_life(&s, "cpu:0", &err), &err);
        EXPECT_OK(run_life(&s, "sim:fast", &err), &err);
        EXPECT_OK(run_peaks(&s, NULL, &err), &err);
        EXPECT_OK(scenario_exchange(folder, &err), &err);
        baseline_close();
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        baseline_open("cpu:0");
        EXPECT_OK(run_life(&s, "cpu:0", &err), &err);
        EXPECT_OK(run_peaks(&s, NULL, &err), &err);
        (void)trib__fault_disarm(NULL);
        baseline_close();
        (void)snprintf(path, sizeof(path), "%s/exchange.npy", folder);
        assert_int_equal(unlink(path) + rmdir(folder), 0);
        sites = trib__fault_sites(&count);
        for (size_t i = 0; i < count; i++) {
                uint64_t    hits = trib__load_relaxed_u64(&sites[i].hits); /* Relaxed: at rest. */
                const char *why = why_exempt(sites[i].name);

                print_message("%6llu  %-24s %s:%llu%s%s\n", (unsigned long long)hits,
                              sites[i].name, sites[i].file, (unsigned long long)sites[i].line,
                              why != NULL ? "  exempt: " : "", why != NULL ? why : "");
                missed += hits == 0 && why == NULL;
        }
        if (missed != 0)
                fail_msg("%zu of %zu fault points were never reached (0 above)", missed, count);
}

TRIB_TEST_MAIN(TRIB_TEST(sweep_of_the_first_opening), TRIB_TEST(sweep_of_a_whole_life_on_cpu),
               TRIB_TEST(sweep_of_a_whole_life_without_onednn),
               TRIB_TEST(sweep_of_a_whole_life_on_sim),
               TRIB_TEST(sweep_of_models_and_sessions_on_one_cpu_device),
               TRIB_TEST(sweep_of_models_and_sessions_on_one_sim_device),
               TRIB_TEST(sweep_of_requests_on_open_cpu_sessions),
               TRIB_TEST(sweep_of_requests_on_open_sessions_without_onednn),
               TRIB_TEST(sweep_of_requests_on_open_sim_sessions),
               TRIB_TEST(sweep_of_measuring_peaks), TRIB_TEST(sweep_of_exchange),
               TRIB_TEST(sweep_reaches_every_site))
