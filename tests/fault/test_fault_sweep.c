/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault point fails, once and for good, in a whole life from open to close, on a device and
 * on sessions that stay open, beside neighbours, and in what reads and writes files. See sweep.h
 * for what is checked after each run. */
#include "test_main.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "crowd.h"
#include "expect.h"
#include "kernels/cpu/lapack.h"
#include "neighbour.h"
#include "recount.h"
#include "scale.h"
#include "sweep.h"

/* ---- ways to run; each closes what it opened while the faults are armed too ---------------- */

static trib_status run_life(struct scenario *s, const char *device, trib_error *err)
{
        trib_status status = scenario_live(s, device, err);

        scenario_close(s);
        return status;
}

static trib_status run_meeting(struct scenario *s, const char *device, trib_error *err)
{
        (void)device;
        return scenario_meet(s, err);
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
        return trib_device_measure_peaks(sweep_witness(), 1, &peaks, err);
}

static void use_onednn(bool is_used)
{
        if (is_used)
                assert_int_equal(unsetenv("TRIB_ONEDNN"), 0);
        else
                assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
}

/* ---- from open to close ----------------------------------------------------------------- */

/* The very first opening in a process also makes what all later ones share. */
static void sweep_first_opening(void)
{
        trib_error err = TRIB_ERROR_INIT;

        for (uint64_t k = 1, failed = 1; failed != 0; k++) {
                trib_device *device = NULL;

                /* Twice the same k: the first may use up what is made only once. */
                for (int turn = 0; turn < 2; turn++) {
                        trib_status status;

                        trib__fault_arm(k, false);
                        status = trib_device_open("cpu:0", NULL, &device, &err);
                        (void)trib__fault_disarm(&failed);
                        assert_int_equal(device != NULL, status == TRIB_OK);
                        if (status != TRIB_OK)
                                assert_true(err.status == status && err.message[0] != '\0');
                        trib_device_close(device);
                }
        }
        assert_int_equal(trib__live_allocations(), 0);
}

static void sweep_life(const char *device, bool has_onednn, uint32_t shards)
{
        struct sweep    sweep = { .device = device,
                                  .run = run_life,
                                  .leaves_nothing = true,
                                  .is_repeated = true };
        struct scenario s = { .shards = shards };

        use_onednn(has_onednn);
        sweep_open(device);
        sweep_all(&sweep, &s);
        sweep_close();
}

static void sweep_meeting(void)
{
        struct sweep    sweep = { .device = "sim:fast",
                                  .run = run_meeting,
                                  .leaves_nothing = true,
                                  .is_repeated = true };
        struct scenario s = { 0 };

        sweep_open(sweep.device);
        sweep_all(&sweep, &s);
        sweep_close();
}

/* Measuring launches as often as it can, and takes its time, so it is one run a site. */
static void sweep_peaks(const char *const *sites, bool has_onednn)
{
        struct sweep    sweep = { .device = "cpu:0", .run = run_peaks, .leaves_nothing = true };
        struct scenario s = { 0 };

        use_onednn(has_onednn);
        sweep_open("cpu:0");
        sweep_sites(&sweep, &s, sites);
        sweep_close();
}

static void sweep_all_peaks(void)
{
        static const char *const with[] = { "peaks.lanes", "peaks.weights", "peaks.x", "peaks.y",
                                            "peaks.scratch", "peaks.array", "cpu.queue_create",
                                            "cpu.launch", "onednn.execute", "base.thread_create",
                                            "base.caches", "base.cache_affinity", NULL };
        static const char *const without[] = { "peaks.lanes", "peaks.array", NULL };

        sweep_peaks(with, true);
        sweep_peaks(without, false);
}

/* Every sleep may end for no reason: then everything works all the same. */
static void sweep_wakes(const char *device)
{
        struct sweep    sweep = { .device = device,
                                  .run = run_life,
                                  .classes = 1u << TRIB__FAULT_WAKE,
                                  .leaves_nothing = true };
        struct trib__fault_plan plan = { .first = 1, .is_persistent = true,
                                         .classes = sweep.classes };
        struct scenario s = { 0 };

        sweep_open(device);
        /* All sleeps, where no thread of the device's does nothing else; then one of them, here and
         * there. */
        if (strcmp(device, "cpu:0") == 0)
                (void)sweep_one(&sweep, &s, &plan);
        plan.is_persistent = false;
        while (!sweep_one(&sweep, &s, &plan))
                plan.first += 1 + plan.first / 4;
        sweep_close();
}

/* ---- files ------------------------------------------------------------------------------ */

static char folder[40];

/* In memory where there is such a place: thousands of files are synced. */
static void make_folder(void)
{
        (void)snprintf(folder, sizeof(folder), "%s/trib-fault-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(folder));
}

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

static void sweep_exchange(void)
{
        struct sweep    sweep = { .device = "cpu:0",
                                  .run = run_exchange,
                                  .check = check_folder,
                                  .leaves_nothing = true,
                                  .is_repeated = true };
        struct scenario s = { 0 };
        char            path[64];

        make_folder();
        sweep_open(sweep.device);
        sweep_all(&sweep, &s);
        (void)snprintf(path, sizeof(path), "%s/exchange.npy", folder);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        sweep_close();
}

static trib_status run_report(struct scenario *s, const char *device, trib_error *err)
{
        (void)s;
        (void)device;
        return scenario_report(folder, err);
}

static trib_status run_advice(struct scenario *s, const char *device, trib_error *err)
{
        trib_status status = scenario_plan(err);

        (void)s;
        (void)device;
        return status == TRIB_OK ? scenario_advice(getenv("TRIB_SOURCE_DIR"), err) : status;
}

static trib_status run_kept_peaks(struct scenario *s, const char *device, trib_error *err)
{
        (void)s;
        (void)device;
        return scenario_peaks(folder, err);
}

/* The file is whole, or there is none; nothing lies beside it. */
static void check_kept_peaks(struct scenario *s, const char *device)
{
        char           path[80];
        DIR           *dir;
        struct dirent *entry;

        (void)s;
        (void)device;
        (void)snprintf(path, sizeof(path), "%s/tributary", folder);
        dir = opendir(path);
        while (dir != NULL && (entry = readdir(dir)) != NULL)
                assert_null(strstr(entry->d_name, ".tmp"));
        if (dir != NULL)
                (void)closedir(dir);
}

/* In a folder of its own below the system's for such files. */
static void sweep_kept_peaks(void)
{
        struct sweep    sweep = { .device = "cpu:0",
                                  .run = run_kept_peaks,
                                  .check = check_kept_peaks,
                                  .leaves_nothing = true,
                                  .is_repeated = true };
        struct scenario s = { 0 };
        char            command[128];

        make_folder();
        sweep_open("cpu:0");
        sweep_all(&sweep, &s);
        sweep_close();
        (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
        assert_int_equal(system(command), 0);
}

static trib_status run_load(struct scenario *s, const char *device, trib_error *err)
{
        (void)s;
        (void)device;
        return scenario_load(err);
}

/* Reports are there as they were, or as they shall be, and nothing lies beside them. */
static void check_reports(struct scenario *s, const char *device)
{
        DIR           *dir = opendir(folder);
        struct dirent *entry;

        (void)s;
        (void)device;
        assert_non_null(dir);
        while ((entry = readdir(dir)) != NULL)
                assert_true(entry->d_name[0] == '.' || strncmp(entry->d_name, "r.", 2) == 0);
        (void)closedir(dir);
}

/* A BLAS may start threads when it is loaded, and they stay: here, where nobody counts yet. */
static void start_foreign_threads(void)
{
        struct trib__lapack *lapack;

        if (trib__lapack_open(&lapack, NULL) == TRIB_OK)
                trib__lapack_close(lapack);
}

static void sweep_tools(void)
{
        struct sweep    report = { .device = "cpu:0",
                                   .run = run_report,
                                   .check = check_reports,
                                   .leaves_nothing = true,
                                   .is_repeated = true };
        struct sweep    advice = { .device = "cpu:0",
                                   .run = run_advice,
                                   .leaves_nothing = true,
                                   .is_repeated = true };
        struct sweep    drive = { .device = "cpu:0",
                                  .run = run_load,
                                  .leaves_nothing = true,
                                  .is_sampled = true };
        /* Those among the many that sampling may pass by. */
        static const char *const of_load[] = {
                "loadgen.tallies", "loadgen.order",   "loadgen.open",    "loadgen.marks",
                "loadgen.moments", "loadgen.seats",   "loadgen.seat",    "loadgen.workload",
                "loadgen.rows",    "loadgen.columns", "loadgen.weights", NULL
        };
        struct scenario s = { 0 };
        const char     *names[] = { "r.txt",   "r.json",     "r.csv",     "r.md",
                                    "r.trace", "r.both.txt", "r.both.json" };
        char            path[64];

        if (getenv("TRIB_SOURCE_DIR") == NULL)
                assert_int_equal(setenv("TRIB_SOURCE_DIR", ".", 0), 0);
        report.is_sampled = test_scale(10, 10) < 10; /* with a sanitizer */
        make_folder();
        use_onednn(false);
        start_foreign_threads();
        sweep_open("cpu:0");
        sweep_all(&report, &s);
        sweep_all(&advice, &s);
        sweep_all(&drive, &s);
        sweep_sites(&drive, &s, of_load);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(rmdir(folder), 0);
        sweep_close();
}

/* ---- everything that is not done on objects that stay open, and the table ----------------- */

static void sweep_hits_every_site(void **state)
{
        (void)state;
        sweep_first_opening();
        sweep_life("cpu:0", true, 0);
        sweep_life("cpu:0", false, 0);
        sweep_life("cpu:0", false, 8);
        sweep_life("sim:fast", false, 0);
        sweep_meeting();
        sweep_all_peaks();
        sweep_exchange();
        sweep_tools();
        sweep_kept_peaks();
        sweep_wakes("cpu:0");
        sweep_wakes("sim:fast");
        sweep_print(true);
}

/* ---- on a device, and on sessions, that stay open --------------------------------------- */

static struct recount at_rest;

static bool is_sim(const char *device)
{
        return strncmp(device, "sim", 3) == 0;
}

static void check_books(struct scenario *s, const char *device)
{
        struct recount now;

        recount_device(s->device, is_sim(device), &now);
        /* Only slabs, one a stream, may stay; they are there already. */
        if (now.memory.requested > at_rest.memory.requested || now.holds != at_rest.holds ||
            now.staging > at_rest.staging || now.streams != at_rest.streams)
                fail_msg("%llu bytes of device memory, %llu of staging, %llu holds; were %llu, "
                         "%llu, %llu; last fault at %s",
                         (unsigned long long)now.memory.requested, (unsigned long long)now.staging,
                         (unsigned long long)now.holds,
                         (unsigned long long)at_rest.memory.requested,
                         (unsigned long long)at_rest.staging, (unsigned long long)at_rest.holds,
                         trib__fault_last() != NULL ? trib__fault_last()->name : "?");
}

/* The same sessions must give golden bits at once, and the books must balance. */
static void check_sessions(struct scenario *s, const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(scenario_again(s, &err), &err);
        assert_int_equal(s->wrong, 0);
        check_books(s, device);
        for (int kind = 0; kind < ZOO_COUNT; kind++)
                recount_session(s->models[kind].session, s->models[kind].requests);
}

/* One stream, so that the slabs do not depend on who was first. */
static void open_device(struct scenario *s, const char *device)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error          err = TRIB_ERROR_INIT;

        options.max_streams = 1;
        EXPECT_OK(trib_device_open(device, &options, &s->device, &err), &err);
}

static void sweep_use(const char *device)
{
        struct sweep    sweep = { .device = device,
                                  .run = run_use,
                                  .check = check_books,
                                  .is_repeated = true };
        struct scenario s = { 0 };
        trib_error      err = TRIB_ERROR_INIT;

        sweep_open(device);
        open_device(&s, device);
        EXPECT_OK(scenario_use(&s, &err), &err);
        scenario_close_use(&s);
        sweep_rebase();
        recount_device(s.device, is_sim(device), &at_rest);
        assert_int_equal(at_rest.holds, 1);
        sweep_all(&sweep, &s);
        scenario_close(&s);
        sweep_close();
}

static void sweep_of_models_and_sessions_on_one_cpu_device(void **state)
{
        (void)state;
        sweep_use("cpu:0");
        sweep_print(false);
}

static void sweep_of_models_and_sessions_on_one_sim_device(void **state)
{
        (void)state;
        sweep_use("sim:fast");
        sweep_print(false);
}

static void sweep_again(const char *device, bool has_onednn)
{
        struct sweep    sweep = { .device = device, .run = run_again, .check = check_sessions };
        struct scenario s = { 0 };
        trib_error      err = TRIB_ERROR_INIT;

        use_onednn(has_onednn);
        sweep_open(device);
        open_device(&s, device);
        EXPECT_OK(scenario_use(&s, &err), &err);
        trib_stream_release(s.stream);
        s.stream = NULL;
        EXPECT_OK(scenario_again(&s, &err), &err);
        sweep_rebase();
        recount_device(s.device, is_sim(device), &at_rest);
        sweep_all(&sweep, &s);
        scenario_close(&s);
        assert_int_equal(s.wrong, 0);
        sweep_close();
        sweep_print(false);
}

static void sweep_of_requests_on_open_cpu_sessions(void **state)
{
        (void)state;
        sweep_again("cpu:0", true);
}

static void sweep_of_requests_on_open_sessions_without_onednn(void **state)
{
        (void)state;
        sweep_again("cpu:0", false);
}

static void sweep_of_requests_on_open_sim_sessions(void **state)
{
        (void)state;
        sweep_again("sim:fast", false);
}

/* ---- beside neighbours ------------------------------------------------------------------ */

/* Two neighbours, one on the same device, one on another, work through the whole sweep. */
static void sweep_beside_neighbours(const char *device)
{
        struct neighbour near, far;
        struct sweep     sweep = { .device = device, .run = run_use };
        struct scenario  s = { 0 };
        trib_error       err = TRIB_ERROR_INIT;

        sweep.is_sampled = test_scale(10, 10) < 10; /* with a sanitizer */
        sweep_open(device);
        EXPECT_OK(trib_device_open(device, NULL, &s.device, &err), &err);
        neighbour_start(&near, s.device, NULL, ZOO_GATED);
        neighbour_start(&far, NULL, device, ZOO_MLP);
        EXPECT_OK(run_use(&s, device, &err), &err);
        sweep_rebase();
        for (int round = 0; round < (int)test_scale(1, 100); round++) {
                sweep_all(&sweep, &s);
                neighbour_await(&near, 1);
                neighbour_await(&far, 1);
        }
        print_message("neighbours' right answers: %llu on the same device, %llu on another\n",
                      (unsigned long long)neighbour_requests(&near),
                      (unsigned long long)neighbour_requests(&far));
        neighbour_stop(&near);
        neighbour_stop(&far);
        scenario_close(&s);
        sweep_close();
        sweep_print(false);
}

static void neighbours_on_cpu_keep_golden_bits_through_a_sweep(void **state)
{
        (void)state;
        sweep_beside_neighbours("cpu:0");
}

static void neighbours_on_sim_keep_golden_bits_through_a_sweep(void **state)
{
        (void)state;
        sweep_beside_neighbours("sim:fast");
}

/* ---- two faults ------------------------------------------------------------------------- */

/* Pair i follows from seed 1 + i alone: TRIB_TEST_SCALE=full runs 10,000 of them over the three. */
static void random_pairs(const char *device, bool has_onednn, uint64_t seed)
{
        struct sweep    sweep = { .device = device,
                                  .run = run_life,
                                  .leaves_nothing = true,
                                  .is_repeated = true };
        struct scenario s = { 0 };

        use_onednn(has_onednn);
        sweep_open(device);
        sweep_pairs(&sweep, &s, test_scale(200, 3400), seed);
        sweep_close();
        sweep_print(false);
}

static void random_pairs_of_faults_on_cpu(void **state)
{
        (void)state;
        random_pairs("cpu:0", true, 1);
}

static void random_pairs_of_faults_without_onednn(void **state)
{
        (void)state;
        random_pairs("cpu:0", false, 100001);
}

static void random_pairs_of_faults_on_sim(void **state)
{
        (void)state;
        random_pairs("sim:fast", false, 200001);
}

TRIB_TEST_MAIN(TRIB_TEST(sweep_hits_every_site),
               TRIB_TEST(sweep_of_models_and_sessions_on_one_cpu_device),
               TRIB_TEST(sweep_of_models_and_sessions_on_one_sim_device),
               TRIB_TEST(sweep_of_requests_on_open_cpu_sessions),
               TRIB_TEST(sweep_of_requests_on_open_sessions_without_onednn),
               TRIB_TEST(sweep_of_requests_on_open_sim_sessions),
               TRIB_TEST(neighbours_on_cpu_keep_golden_bits_through_a_sweep),
               TRIB_TEST(neighbours_on_sim_keep_golden_bits_through_a_sweep),
               TRIB_TEST(random_pairs_of_faults_on_cpu),
               TRIB_TEST(random_pairs_of_faults_without_onednn),
               TRIB_TEST(random_pairs_of_faults_on_sim))
