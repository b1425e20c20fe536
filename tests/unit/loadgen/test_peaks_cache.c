/* SPDX-License-Identifier: Apache-2.0 */
/* test_peaks_cache.c: the file of kept peaks, whole, broken and hostile; and what is decided of it
 * when measurements, which are made up here, are faster or slower. */
#include "test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "loadgen/peaks_cache.h"

#define NOW 1000000

static char home[64], path[TRIB__PEAKS_PATH_BYTES];

static const struct trib__peaks_key key = { "a processor", "cpu:0", "a library 1.0",
                                            "tributary x",  "a system", 8 };

static const trib_device_peaks peaks = {
        .flops_f32 = 1e11,
        .flops_medium = 2e11,
        .bytes_per_s = 3e10,
        .submissions_per_s = 1e6,
        .unit_bytes_per_s = 1.0 / 3,
        .wake_ns = 20000.5,
};

static void set_up(void)
{
        (void)snprintf(home, sizeof(home), "/tmp/trib-peaks-XXXXXX");
        assert_non_null(mkdtemp(home));
        assert_true(trib__peaks_path(&key, home, NULL, path));
}

static void tear_down(void)
{
        char command[128];

        (void)snprintf(command, sizeof(command), "rm -r '%s'", home);
        assert_int_equal(system(command), 0);
}

static trib_status load(trib_device_peaks *out, trib_error *err)
{
        double age;

        return trib__peaks_load(path, &key, NOW + 60, out, &age, err);
}

static void write_file(const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
}

/* ---- the file --------------------------------------------------------------------------- */

static void path_is_below_the_cache_home_or_the_home(void **state)
{
        char                   a[TRIB__PEAKS_PATH_BYTES], b[TRIB__PEAKS_PATH_BYTES], longest[2000];
        struct trib__peaks_key other = key;

        (void)state;
        assert_true(trib__peaks_path(&key, "/c", "/h", a));
        assert_memory_equal(a, "/c/tributary/peaks-", 19);
        assert_true(trib__peaks_path(&key, NULL, "/h", b));
        assert_memory_equal(b, "/h/.cache/tributary/peaks-", 26);
        assert_string_equal(strrchr(a, '/'), strrchr(b, '/'));
        /* The standard: a relative path is to be ignored. */
        assert_true(trib__peaks_path(&key, "c", "/h", a));
        assert_string_equal(a, b);
        assert_true(trib__peaks_path(&key, "", "/h", a));
        assert_string_equal(a, b);
        other.cores = 4;
        assert_true(trib__peaks_path(&other, NULL, "/h", a));
        assert_string_not_equal(a, b);
        assert_false(trib__peaks_path(&key, NULL, NULL, a));
        assert_false(trib__peaks_path(&key, "c", "h", a));
        assert_string_equal(a, "");
        memset(longest, 'x', sizeof(longest));
        longest[0] = '/';
        longest[sizeof(longest) - 1] = '\0';
        assert_false(trib__peaks_path(&key, longest, NULL, a));
        assert_string_equal(a, "");
}

static void peaks_come_back_as_they_were_kept(void **state)
{
        trib_device_peaks out;
        double            age;
        struct stat       facts;

        (void)state;
        set_up();
        assert_int_equal(load(&out, NULL), TRIB_NOT_FOUND);
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        assert_int_equal(trib__peaks_load(path, &key, NOW + 60, &out, &age, NULL), TRIB_OK);
        assert_memory_equal(&out, &peaks, sizeof(out));
        assert_true(age == 60);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
        *strrchr(path, '/') = '\0';
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0700);
        tear_down();
}

static void peaks_are_of_one_key_and_not_of_the_future(void **state)
{
        struct trib__peaks_key other = key;
        trib_device_peaks      out;
        double                 age;

        (void)state;
        set_up();
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        assert_int_equal(trib__peaks_load(path, &key, NOW - 1, &out, &age, NULL), TRIB_MALFORMED);
        other.cores++;
        assert_int_equal(trib__peaks_load(path, &other, NOW, &out, &age, NULL), TRIB_MALFORMED);
        other = key;
        strcpy(other.library, "a library 1.1");
        assert_int_equal(trib__peaks_load(path, &other, NOW, &out, &age, NULL), TRIB_MALFORMED);
        assert_true(out.flops_f32 == 0);
        tear_down();
}

/* Each change of a good file, as sed would make it, leaves something that is not used. */
static void broken_files_are_not_used(void **state)
{
        static const char *const changes[] = {
                "s/\"schema\": 1/\"schema\": 2/",      "s/\"schema\": 1/\"schema\": \"1\"/",
                "s/100000000000.0/1e999/",             "s/100000000000.0/-1/",
                "s/100000000000.0/0/",                 "s/100000000000.0/null/",
                "s/100000000000.0/1e22/",              "s/\"bytes_per_s\"/\"bytes_per_\"/",
                "s/\"cores\": 8/\"cores\": 8.0/",      "s/a system/a sys\\\\u0000tem/",
                "s/\"peaks\": {/\"peaks\": [] , \"x\": {/",
                "s/\"measured_at\": 1000000/\"measured_at\": -5/",
                "s/\"schema\": 1/\"schema\": 1, \"schema\": 1/", "1d", "$d", "s/^.*$//",
                "1s/^/\\xEF\\xBB/"
        };

        (void)state;
        set_up();
        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                char              command[TRIB__PEAKS_PATH_BYTES + 128];
                trib_device_peaks out;
                trib_error        err = TRIB_ERROR_INIT;

                assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
                assert_int_equal(load(&out, NULL), TRIB_OK);
                (void)snprintf(command, sizeof(command), "sed -i '%s' '%s'", changes[i], path);
                assert_int_equal(system(command), 0);
                if (load(&out, &err) != TRIB_MALFORMED)
                        fail_msg("taken: %s", changes[i]);
                assert_true(err.message[0] != '\0' && out.flops_f32 == 0);
        }
        tear_down();
}

static void hostile_files_are_not_used(void **state)
{
        trib_device_peaks out;
        char             *huge = malloc(70001), elsewhere[TRIB__PEAKS_PATH_BYTES + 8];

        (void)state;
        assert_non_null(huge);
        set_up();
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        write_file("");
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        memset(huge, '[', 70000);
        huge[70000] = '\0';
        write_file(huge);
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        huge[60000] = '\0';
        write_file(huge);
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        free(huge);
        /* One that others may write; a link; a pipe that nobody writes; a folder. */
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        assert_int_equal(chmod(path, 0622), 0);
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        assert_int_equal(chmod(path, 0600), 0);
        (void)snprintf(elsewhere, sizeof(elsewhere), "%s.real", path);
        assert_int_equal(rename(path, elsewhere), 0);
        assert_int_equal(symlink(elsewhere, path), 0);
        assert_int_equal(load(&out, NULL), TRIB_SYSTEM);
        /* Writing takes the link's place and leaves alone what it points to. */
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        assert_int_equal(load(&out, NULL), TRIB_OK);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(load(&out, NULL), TRIB_MALFORMED);
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_SYSTEM);
        tear_down();
}

static void folders_that_are_not_ours_alone_are_not_written(void **state)
{
        char folder[TRIB__PEAKS_PATH_BYTES];

        (void)state;
        set_up();
        (void)snprintf(folder, sizeof(folder), "%s/tributary", home);
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_int_equal(chmod(folder, 0777), 0);
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_SYSTEM);
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(symlink("/tmp", folder), 0);
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_SYSTEM);
        assert_int_equal(unlink(folder), 0);
        tear_down();
        assert_int_equal(trib__peaks_store("/proc/nowhere/tributary/x", &key, NOW, &peaks, NULL),
                         TRIB_SYSTEM);
}

/* ---- decisions -------------------------------------------------------------------------- */

static void drift_is_more_than_a_tenth(void **state)
{
        const struct {
                double                   arithmetic, memory;
                enum trib__peaks_verdict verdict;
                const char              *what;
                double                   percent;
        } rows[] = {
                { 1.0, 1.0, TRIB__PEAKS_HOLD, "", 0 },
                { 1.09, 0.91, TRIB__PEAKS_HOLD, "", 0 },
                { 1.2, 1.0, TRIB__PEAKS_TOO_LOW, "arithmetic", 20 },
                { 1.0, 1.5, TRIB__PEAKS_TOO_LOW, "memory", 50 },
                { 1.2, 1.5, TRIB__PEAKS_TOO_LOW, "arithmetic", 20 },
                { 1.5, 1.2, TRIB__PEAKS_TOO_LOW, "arithmetic", 50 },
                { 0.5, 1.2, TRIB__PEAKS_TOO_LOW, "memory", 20 },
                { 1.2, 0.5, TRIB__PEAKS_TOO_LOW, "arithmetic", 20 },
                { 0.8, 1.0, TRIB__PEAKS_NOT_REACHED, "arithmetic", -20 },
                { 0.8, 0.5, TRIB__PEAKS_NOT_REACHED, "arithmetic", -20 },
                { 0.5, 0.8, TRIB__PEAKS_NOT_REACHED, "arithmetic", -50 },
                { 0, 0, TRIB__PEAKS_HOLD, "", 0 },
                { 0, 0.8, TRIB__PEAKS_NOT_REACHED, "memory", -20 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                trib_device_peaks        now = peaks;
                struct trib__peaks_drift drift;

                now.flops_f32 *= rows[i].arithmetic;
                now.bytes_per_s *= rows[i].memory;
                drift = trib__peaks_compare(&peaks, &now);
                assert_int_equal(drift.verdict, rows[i].verdict);
                assert_string_equal(drift.what, rows[i].what);
                assert_true(drift.percent - rows[i].percent < 1e-9
                            && rows[i].percent - drift.percent < 1e-9);
        }
}

/* A device whose n-th measurement is the n-th factor of its peaks; how often it was asked. */
struct device {
        double   factors[8];
        unsigned count;
};

static trib_status measure(void *context, uint32_t milliseconds, trib_device_peaks *out,
                           trib_error *err)
{
        struct device *device = context;
        double         factor = device->factors[device->count++];

        assert_true(milliseconds > 0 && device->count < 8);
        *out = peaks;
        if (factor == 0)
                return trib__fail(err, TRIB_DEVICE_ERROR, "no");
        out->flops_f32 *= factor;
        out->bytes_per_s *= factor;
        return TRIB_OK;
}

static struct trib__peaks_source source_of(struct device *device, bool is_fresh)
{
        struct trib__peaks_source source = { .measure = measure, .context = device, .key = key,
                                             .now_s = NOW + 60, .is_fresh = is_fresh };

        (void)snprintf(source.path, sizeof(source.path), "%s", path);
        return source;
}

/* A run with peaks kept at factor 1; its result, and what is kept after. */
static struct trib__peaks_taken run(struct device *device, bool is_fresh, double *kept)
{
        struct trib__peaks_source source = source_of(device, is_fresh);
        struct trib__peaks_taken  taken;
        trib_device_peaks         out;

        device->count = 0;
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_int_equal(load(&out, NULL), TRIB_OK);
        *kept = out.flops_f32 / peaks.flops_f32;
        return taken;
}

static void kept_peaks_are_taken_measured_again_or_doubted(void **state)
{
        struct trib__peaks_taken taken;
        double                   kept;

        (void)state;
        set_up();
        taken = run(&(struct device){ .factors = { 0.95 } }, false, &kept);
        assert_true(taken.is_cached && taken.age_s == 60 && taken.note_count == 0);
        assert_true(taken.peaks.flops_f32 == peaks.flops_f32 && kept == 1);
        /* Faster: measured, and what the check saw counts too. */
        taken = run(&(struct device){ .factors = { 1.5, 1.4 } }, false, &kept);
        assert_true(!taken.is_cached && kept == 1.5);
        assert_string_equal(taken.notes[0].code, "peaks-rose");
        assert_non_null(strstr(taken.notes[0].text, "50 % faster"));
        /* Slower once is a moment of other work. */
        taken = run(&(struct device){ .factors = { 0.5, 0.99 } }, false, &kept);
        assert_true(taken.is_cached && taken.note_count == 0);
        taken = run(&(struct device){ .factors = { 0.5, 0.6 } }, false, &kept);
        assert_true(taken.is_cached && taken.note_count == 1 && kept == 1);
        assert_string_equal(taken.notes[0].code, "slower-device");
        assert_true(taken.notes[0].is_warning);
        assert_non_null(strstr(taken.notes[0].text, "40 % slower"));
        /* Whatever was kept. */
        taken = run(&(struct device){ .factors = { 0.7 } }, true, &kept);
        assert_true(!taken.is_cached && taken.note_count == 0 && kept == 0.7);
        tear_down();
}

static void peaks_are_measured_where_nothing_can_be_kept(void **state)
{
        struct device             device = { .factors = { 1, 1, 1, 1 } };
        struct trib__peaks_source source;
        struct trib__peaks_taken  taken;

        (void)state;
        set_up();
        /* No place at all; one that cannot be made; a file that is not one. */
        path[0] = '\0';
        source = source_of(&device, false);
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_true(!taken.is_cached && taken.note_count == 0);
        (void)snprintf(path, sizeof(path), "/proc/nowhere/tributary/x.json");
        source = source_of(&device, false);
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_true(!taken.is_cached && taken.note_count == 1);
        assert_string_equal(taken.notes[0].code, "peaks-cache");
        assert_true(trib__peaks_path(&key, home, NULL, path));
        assert_int_equal(trib__peaks_store(path, &key, NOW, &peaks, NULL), TRIB_OK);
        write_file("{}");
        source = source_of(&device, false);
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_true(!taken.is_cached && taken.note_count == 1);
        assert_non_null(strstr(taken.notes[0].text, "another version"));
        /* Now it is whole again. */
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_true(taken.is_cached && taken.note_count == 0);
        tear_down();
}

static void the_end_of_a_run_keeps_what_was_better(void **state)
{
        struct device             device = { .factors = { 1, 1.5, 0.5, 0 } };
        struct trib__peaks_source source;
        struct trib__peaks_taken  taken;
        trib_device_peaks         out;
        trib_error                err = TRIB_ERROR_INIT;

        (void)state;
        set_up();
        source = source_of(&device, true);
        assert_int_equal(trib__peaks_take(&source, &taken, NULL), TRIB_OK);
        assert_int_equal(trib__peaks_take_again(&source, &taken, NULL), TRIB_OK);
        assert_true(taken.peaks.flops_f32 == 1.5 * peaks.flops_f32);
        assert_true(taken.peaks.wake_ns == peaks.wake_ns);
        assert_int_equal(load(&out, NULL), TRIB_OK);
        assert_true(out.flops_f32 == 1.5 * peaks.flops_f32);
        assert_int_equal(trib__peaks_take_again(&source, &taken, NULL), TRIB_OK);
        assert_true(taken.peaks.flops_f32 == 1.5 * peaks.flops_f32);
        assert_int_equal(trib__peaks_take_again(&source, &taken, &err), TRIB_DEVICE_ERROR);
        tear_down();
}

TRIB_TEST_MAIN(TRIB_TEST(path_is_below_the_cache_home_or_the_home),
               TRIB_TEST(peaks_come_back_as_they_were_kept),
               TRIB_TEST(peaks_are_of_one_key_and_not_of_the_future),
               TRIB_TEST(broken_files_are_not_used), TRIB_TEST(hostile_files_are_not_used),
               TRIB_TEST(folders_that_are_not_ours_alone_are_not_written),
               TRIB_TEST(drift_is_more_than_a_tenth),
               TRIB_TEST(kept_peaks_are_taken_measured_again_or_doubted),
               TRIB_TEST(peaks_are_measured_where_nothing_can_be_kept),
               TRIB_TEST(the_end_of_a_run_keeps_what_was_better))
