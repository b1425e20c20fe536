/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON of schema 1: each malformation, and the path it is at. */
#include <math.h>

#include "analysis/measured.h"

static trib_status read_text(const char *text, struct trib__results *results, trib_error *err)
{
        size_t                  size = strlen(text);
        char                   *copy = malloc(size + 1);
        struct trib__read_input input = { copy, size, "dir/m.json", NULL };
        trib_status             status;

        assert_non_null(copy);
        memcpy(copy, text, size);
        status = trib__read_json(&input, results, err);
        free(copy);
        return status;
}

#define ROOT(sweeps) "{\"schema\":1,\"sweeps\":[" sweeps "]}"
#define SWEEP(points) ROOT("{\"workload\":{\"kind\":\"linear\"},\"points\":[" points "]}")

static void json_refuses_each_malformation_with_its_path(void **state)
{
        static const struct {
                const char *text, *expected;
        } table[] = {
                { "{", "line 1, character 1: " },
                { "{\"schema\":1,\n\"schema\":1}", ": duplicate object key" },
                { "[]", "the file: expected an object" },
                { "{}", "schema: expected 1" },
                { "{\"schema\":2,\"sweeps\":[]}", "schema: expected 1" },
                { "{\"schema\":1}", "sweeps: expected an array" },
                { "{\"schema\":1,\"sweeps\":[]}", "sweeps: expected an array of 1" },
                { ROOT("7"), "sweeps[0]: expected an object" },
                { ROOT("{}"), "sweeps[0].points: expected an array" },
                { ROOT("{\"points\":[]}"), "sweeps[0].workload: expected an object" },
                { ROOT("{\"workload\":{\"batch\":-1},\"points\":[]}"),
                  "sweeps[0].workload.batch: expected a whole number" },
                { ROOT("{\"workload\":{\"kind\":7},\"points\":[]}"),
                  "sweeps[0].workload.kind: expected a string" },
                { ROOT("{\"workload\":{},\"kind\":\"x\",\"points\":[]}"),
                  "sweeps[0].kind: expected \"threads\"" },
                { ROOT("{\"workload\":{},\"policy\":\"0123456789abcdef\",\"points\":[]}"),
                  "policy: expected a string of at most 15 bytes" },
                { SWEEP("1"), "sweeps[0].points[0]: expected an object" },
                { SWEEP("{}"), "sweeps[0].points[0].threads: expected a whole number from 1" },
                { SWEEP("{\"threads\":1.5}"), "points[0].threads: expected a whole number" },
                { SWEEP("{\"threads\":1}"), "points[0].ops_per_s: expected a number above 0" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":-2}"), "points[0].ops_per_s: expected" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":\"2\"}"), "points[0].ops_per_s: expected" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":2,\"rounds\":[0]}"), "rounds: expected" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":2,\"ops_per_s_ci95\":[3,1]}"),
                  "ops_per_s_ci95: expected [low, high]" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":2,\"latency_us\":[]}"),
                  "latency_us: expected an object" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":2,\"shares\":{\"a\":\"b\"}}"),
                  "shares: expected short names with numbers" },
                { SWEEP("{\"threads\":1,\"ops_per_s\":2},{\"threads\":1,\"ops_per_s\":2}"),
                  "sweeps[0].points[1].threads: 1 is in this sweep twice" },
                { "{\"schema\":1,\"machine\":7,\"sweeps\":[{}]}", "machine: expected an object" },
                { "{\"schema\":1,\"sweeps\":[{\"workload\":{\"operators\":{}},\"points\":[]}]}",
                  "sweeps[0].workload.operators: expected an array" },
                { "{\"schema\":1,\"sweeps\":[{\"workload\":{\"operators\":[7]},\"points\":[]}]}",
                  "sweeps[0].workload.operators: expected an array of objects" },
                { "{\"schema\":1,\"sweeps\":[{\"workload\":{\"operators\":[{\"bytes\":1,"
                  "\"shared_bytes\":2}]},\"points\":[]}]}",
                  "shared_bytes are a part of bytes" },
                { "{\"schema\":1,\"device\":{\"peaks\":{\"bytes_per_s\":-1}},\"sweeps\":[{}]}",
                  "device.peaks.bytes_per_s: expected" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct trib__results *results = measured_new();
                trib_error            err = TRIB_ERROR_INIT;

                assert_int_equal(read_text(table[i].text, results, &err), TRIB_MALFORMED);
                if (strncmp(err.message, "dir/m.json: ", 12) != 0
                    || strstr(err.message, table[i].expected) == NULL)
                        fail_msg("row %zu: '%s' lacks '%s'", i, err.message, table[i].expected);
                assert_int_equal(results->sweep_count, 0);
                assert_true(results->device.peaks.bytes_per_s == 0);
                trib__results_destroy(results);
        }
}

static void json_message_does_not_repeat_control_bytes(void **state)
{
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(read_text("{\"schema\": \033[2J}", results, &err), TRIB_MALFORMED);
        assert_null(strchr(err.message, '\033'));
        trib__results_destroy(results);
}

static void json_refuses_deep_nesting(void **state)
{
        char                 *text = malloc(100002);
        struct trib__results *results = measured_new();

        (void)state;
        assert_non_null(text);
        memset(text, '[', 100000);
        text[100000] = '\0';
        assert_int_equal(read_text(text, results, NULL), TRIB_MALFORMED);
        free(text);
        trib__results_destroy(results);
}

static void json_of_another_device_is_refused(void **state)
{
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;
#define ON(device)                                                                             \
        "{\"schema\":1,\"device\":{\"name\":\"" device "\"},\"sweeps\":[{\"workload\":{},"     \
        "\"points\":[{\"threads\":1,\"ops_per_s\":5}]}]}"

        (void)state;
        assert_int_equal(read_text(ON("cpu:0"), results, &err), TRIB_OK);
        assert_int_equal(read_text(ON("cuda:0"), results, &err), TRIB_INVALID_ARGUMENT);
        assert_int_equal(results->sweep_count, 1);
        assert_string_equal(results->device.name, "cpu:0");
        assert_int_equal(read_text(ON("cpu:0"), results, &err), TRIB_OK);
        assert_int_equal(results->sweep_count, 2);
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(json_refuses_each_malformation_with_its_path),
               TRIB_TEST(json_message_does_not_repeat_control_bytes),
               TRIB_TEST(json_refuses_deep_nesting),
               TRIB_TEST(json_of_another_device_is_refused))
