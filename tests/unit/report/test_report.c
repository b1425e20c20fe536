/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: the JSON's keys, reading JSON and CSV back, tables, and files that are whole or not
 * there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/measured.h"

#include "base/fault.h"
#include "report/report.h"

/* Results with everything in them. */
static struct trib__results *full_results(void)
{
        static const char *const parts[] = { "admission", "submission", "device" };
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;

        strcpy(results->machine.cpu_model, "Some CPU, \"quoted\"");
        results->machine.logical_cores = 8;
        results->machine.memory_bytes = (uint64_t)16 << 30;
        strcpy(results->device.name, "cpu:0");
        strcpy(results->device.kernel_library, "oneDNN 3.7");
        results->run = (struct trib__run_facts){ true, UINT64_MAX - 3, 5, 0.25, 4, 123.5 };
        results->device.peaks.flops_per_s_unit = 1.5e11;
        results->device.peaks.parallel_units = 8;
        results->device.peaks.flops_f32 = 1.2e12;
        results->device.peaks.unit_bytes_per_s = 1e12 / 3;
        results->device.peaks.wake_us = 20.5;
        strcpy(results->device.peaks.source, "cached");
        results->device.peaks.age_s = 7200;
        results->device.host_cores = 6;
        sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                               { { 1, 0 }, { 2, 0 }, { 4, 0 }, { 8, 0 } });
        strcpy(sweep->policy, "direct");
        sweep->workload.flops_per_op = 2.0 * 2048 * 1024 * 32;
        strcpy(sweep->workload.dtype, "f32");
        sweep->workload.operators[0] = (struct trib__operator_cost){
                "linear", "f32", 1, 2.0 * 2048 * 1024 * 32, 8785920, 8392704 };
        sweep->workload.operators[1] = (struct trib__operator_cost){ "add", "f32", 2, 3, 4, 0 };
        sweep->workload.operator_count = 2;
        sweep->baseline = (struct trib__baseline){ true, 1000, { 990, 1010 }, 1001, { 9e2, 2e3 } };
        for (size_t i = 0; i < sweep->point_count; i++) {
                struct trib__point *point = &sweep->points[i];
                double              n = point->threads, x = 1000 * n / (1 + 0.05 * (n - 1));

                MEASURED_ROUNDS(sweep, point->threads, x * 1.01, x * 0.993, x / 3 * 3);
                point->latency_us = (struct trib__latency_us){ 1e6 * n / x, 990.1, 1100,
                                                               1500, 2000.25, 1e5 };
                point->requests = 123456789;
                point->demands_us = (struct trib__demands_us){ 900.5, 0.25, 1.5, 2.5, 3, 900 };
                for (size_t k = 0; k < 3; k++)
                        assert_int_equal(trib__point_add_share(point, parts[k],
                                                               k == 1 ? 0 : 5e5 * n / x, NULL),
                                         TRIB_OK);
        }
        for (int i = 1; i <= 2; i++) {
                sweep = MEASURED_SWEEP(results, TRIB__SWEEP_SIZES, { { 1, 50 }, { 8, 40 } });
                sweep->workload.batch = i;
                strcpy(sweep->policy, "direct");
        }
        measured_conclude(results);
        return results;
}

/* A report as one string, to be freed. */
static char *report_text(const struct trib__results *results, trib__report_format format,
                         unsigned columns)
{
        struct trib__report_style style = { format, columns };
        trib_error                err = TRIB_ERROR_INIT;
        char                     *text = NULL;
        size_t                    size = 0;
        FILE                     *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        if (trib__report_write(results, &style, stream, &err) != TRIB_OK)
                fail_msg("%s", err.message);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void assert_keys(json_t *object, const char *const *keys)
{
        for (; *keys != NULL; keys++)
                if (json_object_get(object, *keys) == NULL)
                        fail_msg("key '%s' is missing", *keys);
}

#define ASSERT_KEYS(object, ...) assert_keys((object), (const char *[]){ __VA_ARGS__, NULL })

static void json_has_the_keys_of_the_contract(void **state)
{
        struct trib__results *results = full_results();
        char   *text = report_text(results, TRIB__REPORT_JSON, 0);
        json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *sweep, *point, *advice;

        (void)state;
        assert_non_null(root);
        ASSERT_KEYS(root, "schema", "tool", "machine", "device", "sweeps", "recommendations",
                    "findings");
        assert_int_equal(json_integer_value(json_object_get(root, "schema")), 1);
        sweep = json_array_get(json_object_get(root, "sweeps"), 0);
        ASSERT_KEYS(sweep, "workload", "policy", "points", "fit", "saturation_threads", "limit",
                    "bottleneck");
        ASSERT_KEYS(json_object_get(sweep, "workload"), "kind", "in_features", "out_features",
                    "batch", "dtype");
        ASSERT_KEYS(json_object_get(sweep, "fit"), "lambda", "sigma", "kappa", "peak_threads",
                    "r2", "ci95");
        ASSERT_KEYS(json_object_get(sweep, "limit"), "ops_per_s", "bound", "compute_us",
                    "unit_us");
        ASSERT_KEYS(json_array_get(json_object_get(json_object_get(sweep, "workload"),
                                                   "operators"), 0),
                    "name", "dtype", "count", "flops", "bytes", "shared_bytes");
        ASSERT_KEYS(json_object_get(json_object_get(root, "device"), "peaks"), "flops_f32",
                    "unit_bytes_per_s", "wake_us", "source", "age_s");
        ASSERT_KEYS(json_object_get(sweep, "bottleneck"), "primary", "evidence");
        ASSERT_KEYS(sweep, "resources", "what_ifs", "predictions", "alone_us");
        ASSERT_KEYS(json_array_get(json_object_get(sweep, "resources"), 0), "name", "servers",
                    "demand_us", "ceiling_ops_per_s", "utilisation", "wait_us");
        ASSERT_KEYS(json_array_get(json_object_get(sweep, "what_ifs"), 0), "cause", "change",
                    "threads", "ops_per_s", "ops_per_s_ci95", "gain", "text");
        ASSERT_KEYS(json_array_get(json_object_get(sweep, "predictions"), 0), "threads",
                    "ops_per_s", "ops_per_s_ci95", "is_borne", "by");
        point = json_array_get(json_object_get(sweep, "points"), 3);
        ASSERT_KEYS(point, "threads", "ops_per_s", "ops_per_s_ci95", "speedup", "efficiency",
                    "latency_us", "requests", "errors", "shares");
        ASSERT_KEYS(json_object_get(point, "latency_us"), "p50", "p90", "p99", "p999", "max");
        assert_int_equal(json_array_size(json_object_get(point, "ops_per_s_ci95")), 2);
        ASSERT_KEYS(json_object_get(point, "shares"), "admission", "device");
        advice = json_object_get(root, "recommendations");
        ASSERT_KEYS(advice, "latency", "production", "batch");
        ASSERT_KEYS(json_object_get(advice, "batch"), "threads", "policy", "why");
        assert_int_equal(json_array_size(json_object_get(root, "findings")), 1);
        ASSERT_KEYS(json_array_get(json_object_get(root, "findings"), 0), "code", "severity",
                    "text");
        json_decref(root);
        free(text);
        trib__results_destroy(results);
}

static void json_read_back_gives_the_same_report(void **state)
{
        struct trib__results   *results = full_results(), *again = measured_new();
        char                   *text = report_text(results, TRIB__REPORT_JSON, 0), *second;
        struct trib__read_input input = { text, strlen(text), "r.json", NULL };
        trib_error              err = TRIB_ERROR_INIT;

        (void)state;
        if (trib__read_json(&input, again, &err) != TRIB_OK)
                fail_msg("%s", err.message);
        for (size_t i = 0; i < again->sweep_count; i++)
                again->sweeps[i]->source[0] = '\0';
        measured_conclude(again);
        second = report_text(again, TRIB__REPORT_JSON, 0);
        assert_string_equal(text, second);
        free(text);
        free(second);
        trib__results_destroy(results);
        trib__results_destroy(again);
}

static void csv_read_back_gives_the_same_conclusions(void **state)
{
        struct trib__results   *results = full_results(), *again = measured_new();
        char                   *text = report_text(results, TRIB__REPORT_CSV, 0);
        struct trib__read_input input = { text, strlen(text), "r.csv", NULL };
        trib_error              err = TRIB_ERROR_INIT;

        (void)state;
        if (trib__read_csv(&input, again, &err) != TRIB_OK)
                fail_msg("%s", err.message);
        measured_conclude(again);
        assert_int_equal(again->sweep_count, results->sweep_count);
        for (size_t i = 0; i < results->sweep_count; i++) {
                const struct trib__sweep *a = results->sweeps[i], *b = again->sweeps[i];

                assert_int_equal(a->kind, b->kind);
                assert_string_equal(a->policy, b->policy);
                assert_true(trib__workload_is_same(&a->workload, &b->workload));
                assert_int_equal(a->saturation_threads, b->saturation_threads);
                assert_int_equal(a->point_count, b->point_count);
                for (size_t k = 0; k < a->point_count; k++) {
                        assert_near(b->points[k].ops_per_s, a->points[k].ops_per_s, 1e-9);
                        assert_near(b->points[k].latency_us.p999, a->points[k].latency_us.p999,
                                    1e-9);
                }
        }
        assert_near(again->sweeps[0]->fit.sigma, results->sweeps[0]->fit.sigma, 1e-5);
        assert_int_equal(again->latency.threads, results->latency.threads);
        assert_int_equal(again->production.threads, results->production.threads);
        assert_int_equal(again->batch.threads, results->batch.threads);
        assert_string_equal(measured_finding(again, "loses-throughput"),
                            measured_finding(results, "loses-throughput"));
        free(text);
        trib__results_destroy(results);
        trib__results_destroy(again);
}

static void csv_of_one_thread_sweep_starts_with_threads(void **state)
{
        struct trib__results   *results = measured_new(), *again = measured_new();
        char                   *text;
        struct trib__read_input input = { NULL, 0, "r.csv", NULL };

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 9 }, { 2, 17 } });
        measured_conclude(results);
        text = report_text(results, TRIB__REPORT_CSV, 0);
        assert_non_null(strstr(text, "\nthreads,ops_per_s,"));
        input.data = text;
        input.size = strlen(text);
        assert_int_equal(trib__read_csv(&input, again, NULL), TRIB_OK);
        assert_true(trib__workload_is_same(&again->sweeps[0]->workload,
                                           &results->sweeps[0]->workload));
        assert_int_equal(again->sweeps[0]->kind, TRIB__SWEEP_THREADS);
        free(text);
        trib__results_destroy(results);
        trib__results_destroy(again);
}

static void csv_of_a_model_with_an_odd_name_can_be_read_back(void **state)
{
        struct trib__results   *results = measured_new(), *again = measured_new();
        struct trib__sweep     *sweep = MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                                                       { { 1, 9 }, { 2, 17 } });
        char                   *text;
        struct trib__read_input input = { NULL, 0, "r.csv", NULL };
        trib_error              err = TRIB_ERROR_INIT;

        (void)state;
        memset(&sweep->workload, 0, sizeof(sweep->workload));
        strcpy(sweep->workload.kind, "model");
        strcpy(sweep->workload.model, "dir, with \"odd\"\nname#.onnx");
        measured_conclude(results);
        text = report_text(results, TRIB__REPORT_CSV, 0);
        input.data = text;
        input.size = strlen(text);
        if (trib__read_csv(&input, again, &err) != TRIB_OK)
                fail_msg("%s", err.message);
        assert_string_equal(again->sweeps[0]->workload.model, "dir, with ?odd??name#.onnx");
        free(text);
        trib__results_destroy(results);
        trib__results_destroy(again);
}

static size_t longest_line(const char *text)
{
        size_t longest = 0;

        while (*text != '\0') {
                size_t length = strcspn(text, "\n");

                longest = length > longest ? length : longest;
                text += length + (text[length] == '\n');
        }
        return longest;
}

static void text_fits_its_terminal(void **state)
{
        struct trib__results *results = full_results();
        char                 *narrow = report_text(results, TRIB__REPORT_TEXT, 0);
        char                 *wide = report_text(results, TRIB__REPORT_TEXT, 140);

        (void)state;
        assert_true(longest_line(narrow) <= 80);
        assert_true(longest_line(wide) <= 140);
        assert_null(strstr(narrow, "p99.9"));
        assert_non_null(strstr(wide, "p99.9"));
        assert_non_null(strstr(narrow, "of limit"));
        assert_non_null(strstr(narrow, "2 of 2 sizes lose"));
        free(narrow);
        free(wide);
        trib__results_destroy(results);
}

static void markdown_rows_have_the_same_number_of_bars(void **state)
{
        struct trib__results *results = full_results();
        char                 *text = report_text(results, TRIB__REPORT_MARKDOWN, 0), *line, *save;
        int                   bars = 0;

        (void)state;
        for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
                int count = 0;

                for (const char *c = line; *c != '\0'; c++)
                        count += *c == '|';
                if (line[0] == '|' && bars > 0)
                        assert_int_equal(count, bars);
                bars = line[0] == '|' ? count : 0;
        }
        free(text);
        trib__results_destroy(results);
}

static void every_format_takes_results_without_points(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__sweep   *sweep;

        (void)state;
        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        results->is_complete = false;
        measured_conclude(results);
        for (int format = TRIB__REPORT_TEXT; format <= TRIB__REPORT_MARKDOWN; format++)
                free(report_text(results, (trib__report_format)format, 80));
        trib__results_destroy(results);
}

/* A folder of its own for each case. */
static char folder[64];

static const char *in_folder(const char *name)
{
        static char path[128];

        if (folder[0] == '\0') {
                strcpy(folder, "/tmp/tributary-test-XXXXXX");
                assert_non_null(mkdtemp(folder));
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void remove_folder(void)
{
        assert_int_equal(rmdir(folder), 0);
        folder[0] = '\0';
}

static int count_files(void)
{
        DIR           *dir = opendir(folder);
        struct dirent *entry;
        int            count = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir)) != NULL)
                count += entry->d_name[0] != '.';
        assert_int_equal(closedir(dir), 0);
        return count;
}

static void file_is_replaced_as_a_whole(void **state)
{
        struct trib__results     *results = full_results(), *again = measured_new();
        struct trib__report_style style = { TRIB__REPORT_JSON, 0 };
        const char               *path = in_folder("r.json");
        struct stat               info;
        FILE                     *old = fopen(path, "w");

        (void)state;
        assert_non_null(old);
        assert_true(fputs("old", old) >= 0 && fclose(old) == 0);
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(trib__report_write_file(results, &style, path, NULL), TRIB_OK);
        assert_int_equal(trib__read_file(path, NULL, again, NULL), TRIB_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0640);
        assert_int_equal(count_files(), 1);
        assert_int_equal(unlink(path), 0);
        remove_folder();
        trib__results_destroy(results);
        trib__results_destroy(again);
}

static void failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
        static const char *const sites[] = { "report.access", "report.create", "report.write",
                                             "report.sync", "report.close", "report.rename" };
        struct trib__results     *results = full_results();
        struct trib__report_style style = { TRIB__REPORT_CSV, 0 };
        const char               *path = in_folder("r.csv");
        trib_error                err = TRIB_ERROR_INIT;
        char                      text[8] = "";
        FILE                     *old = fopen(path, "w");

        (void)state;
        assert_non_null(old);
        assert_true(fputs("old", old) >= 0 && fclose(old) == 0);
        for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
                struct trib__fault_plan plan = { .first = 1, .site = sites[i] };
                uint64_t                failed;

                trib__fault_arm_plan(&plan);
                assert_int_equal(trib__report_write_file(results, &style, path, &err), TRIB_IO);
                (void)trib__fault_disarm(&failed);
                assert_int_equal(failed, 1);
                assert_non_null(strstr(err.message, i + 1 < sizeof(sites) / sizeof(sites[0])
                                                            ? "cannot write"
                                                            : "cannot replace"));
                assert_int_equal(count_files(), 1);
        }
        old = fopen(path, "r");
        assert_non_null(old);
        assert_non_null(fgets(text, sizeof(text), old));
        assert_int_equal(fclose(old), 0);
        assert_string_equal(text, "old");
        assert_int_equal(count_files(), 1);
        assert_int_equal(unlink(path), 0);
        remove_folder();
        trib__results_destroy(results);
}

static void full_device_is_reported(void **state)
{
        struct trib__results     *results = full_results();
        struct trib__report_style style = { TRIB__REPORT_TEXT, 0 };
        trib_error                err = TRIB_ERROR_INIT;

        (void)state;
        for (int format = TRIB__REPORT_TEXT; format <= TRIB__REPORT_MARKDOWN; format++) {
                style.format = (trib__report_format)format;
                assert_int_equal(trib__report_write_file(results, &style, "/dev/full", &err),
                                 TRIB_IO);
                assert_non_null(strstr(err.message, "/dev/full: cannot write: No space left on "
                                                    "device: "));
                assert_non_null(strstr(err.message, " bytes are missing"));
        }
        assert_int_equal(trib__report_write_file(results, &style, "/dev/null", &err), TRIB_OK);
        trib__results_destroy(results);
}

static void unwritable_places_are_named_before_the_work(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__report_check_file("/nowhere/r.json", &err), TRIB_NOT_FOUND);
        assert_non_null(strstr(err.message, "/nowhere/r.json: cannot write: No such file"));
        assert_int_equal(trib__report_check_file("/tmp", &err), TRIB_IO);
        assert_int_equal(trib__report_check_file("", &err), TRIB_NOT_FOUND);
        assert_int_equal(trib__report_check_file(in_folder("r.json"), &err), TRIB_OK);
        assert_int_equal(count_files(), 0);
        remove_folder();
}

static void link_is_followed_not_replaced(void **state)
{
        struct trib__results     *results = full_results();
        struct trib__report_style style = { TRIB__REPORT_CSV, 0 };
        char                      target[128];
        struct stat               info;

        (void)state;
        (void)snprintf(target, sizeof(target), "%s", in_folder("target.csv"));
        assert_int_equal(close(open(target, O_CREAT | O_WRONLY, 0600)), 0);
        assert_int_equal(symlink(target, in_folder("link.csv")), 0);
        assert_int_equal(trib__report_write_file(results, &style, in_folder("link.csv"), NULL),
                         TRIB_OK);
        assert_int_equal(lstat(in_folder("link.csv"), &info), 0);
        assert_true(S_ISLNK(info.st_mode));
        assert_int_equal(stat(target, &info), 0);
        assert_true(info.st_size > 100);
        assert_int_equal(unlink(in_folder("link.csv")), 0);
        assert_int_equal(unlink(target), 0);
        remove_folder();
        trib__results_destroy(results);
}

static void format_follows_the_file_name(void **state)
{
        trib__report_format format;

        (void)state;
        assert_int_equal(trib__report_format_of_file("a.b/c.json"), TRIB__REPORT_JSON);
        assert_int_equal(trib__report_format_of_file("x.md"), TRIB__REPORT_MARKDOWN);
        assert_int_equal(trib__report_format_of_file("x"), TRIB__REPORT_TEXT);
        assert_true(trib__report_format_parse("csv", &format) && format == TRIB__REPORT_CSV);
        assert_false(trib__report_format_parse("xml", &format));
}

/* Every allocation of reading, concluding and reporting fails once: an error each time, no leak,
 * no half result. (The JSON library's own memory is not among the sites.) */
static void memory_shortage_anywhere_is_an_error(void **state)
{
        struct trib__report_style style = { TRIB__REPORT_TEXT, 0 };

        (void)state;
        for (uint64_t k = 1;; k++) {
                struct trib__results *results = NULL;
                trib_error            err = TRIB_ERROR_INIT;
                trib_status           status;
                uint64_t              failed;

                assert_int_equal(trib__results_create(&results, NULL), TRIB_OK);
                trib__fault_arm(k, false);
                status = trib__read_file(measured_path("examples/data/ceiling-sizes.csv"), NULL,
                                         results, &err);
                if (status == TRIB_OK)
                        status = trib__read_file(measured_path("examples/data/ceiling-threads.csv"),
                                                 NULL, results, &err);
                if (status == TRIB_OK)
                        status = trib__results_conclude(results, &err);
                if (status == TRIB_OK)
                        status = trib__report_write_file(results, &style, "/dev/null", &err);
                (void)trib__fault_disarm(&failed);
                trib__results_destroy(results);
                if (failed == 0) {
                        assert_int_equal(status, TRIB_OK);
                        assert_true(k > 10);
                        return;
                }
                if (status == TRIB_OK) /* what is read or written short goes on */
                        assert_non_null(strstr(trib__fault_last()->name, "_short"));
                else
                        assert_true(err.message[0] != '\0');
        }
}

TRIB_TEST_MAIN(TRIB_TEST(json_has_the_keys_of_the_contract),
               TRIB_TEST(json_read_back_gives_the_same_report),
               TRIB_TEST(csv_read_back_gives_the_same_conclusions),
               TRIB_TEST(csv_of_one_thread_sweep_starts_with_threads),
               TRIB_TEST(csv_of_a_model_with_an_odd_name_can_be_read_back),
               TRIB_TEST(text_fits_its_terminal),
               TRIB_TEST(markdown_rows_have_the_same_number_of_bars),
               TRIB_TEST(every_format_takes_results_without_points),
               TRIB_TEST(file_is_replaced_as_a_whole),
               TRIB_TEST(failed_write_leaves_the_old_file_and_nothing_else),
               TRIB_TEST(full_device_is_reported),
               TRIB_TEST(unwritable_places_are_named_before_the_work),
               TRIB_TEST(link_is_followed_not_replaced),
               TRIB_TEST(format_follows_the_file_name),
               TRIB_TEST(memory_shortage_anywhere_is_an_error))
