/* SPDX-License-Identifier: Apache-2.0 */
/* Reading CSV: what is accepted, and for everything else the line, the field and what was
 * expected there. */
#include <math.h>

#include "analysis/measured.h"

static trib_status read_text(const char *text, size_t size, struct trib__results *results,
                             trib_error *err)
{
        /* Memory of the exact size, so that a read behind the end is seen. */
        char                   *copy = malloc(size != 0 ? size : 1);
        struct trib__read_input input = { copy, size, "dir/m.csv", NULL };
        trib_status             status;

        assert_non_null(copy);
        memcpy(copy, text, size);
        status = trib__read_csv(&input, results, err);
        free(copy);
        return status;
}

#define THREADS ", field 1 (threads)"
#define OPS ", field 2 (ops_per_s)"
#define SIZES "in_features,out_features,batch,threads,ops_per_s\n"

static const struct {
        const char *text;
        int         line;
        const char *place; /* behind the line */
        const char *expected;
} malformed[] = {
        { "", 1, "", "expected a header line" },
        { "# only a comment\n", 1, "", "expected a header line" },
        { "threads\n1\n", 1, "", "'threads' and 'ops_per_s'" },
        { "a,b\n1,2\n", 1, "", "'threads' and 'ops_per_s'" },
        { "1,2\n", 1, "", "'threads' and 'ops_per_s'" },
        { "threads,ops_per_s,threads\n1,2,3\n", 1, ", field 3", "'threads' is here twice" },
        { "threads,ops_per_s,\n1,2,3\n", 1, ", field 3", "name of a column" },
        { "threads,ops_per_s,batch\n1,2,3\n", 1, "", "'in_features' is missing" },
        { "threads,ops_per_s\n", 2, "", "at least one row" },
        { "threads,ops_per_s\n1\n", 2, "", "expected 2 cells as in the header, found 1" },
        { "threads,ops_per_s\n1,2,3\n", 2, "", "found 3" },
        { "threads,ops_per_s\n1,3,796\n", 2, "", "found 3" },
        { "threads,ops_per_s\nx,2\n", 2, THREADS, "expected a whole number" },
        { "threads,ops_per_s\n0,2\n", 2, THREADS, "from 1 to 65536, found '0'" },
        { "threads,ops_per_s\n1000000,2\n", 2, THREADS, "found '1000000'" },
        { "threads,ops_per_s\n99999999999999999999999,2\n", 2, THREADS, "expected" },
        { "threads,ops_per_s\n-1,2\n", 2, THREADS, "found '-1'" },
        { "threads,ops_per_s\n1.5,2\n", 2, THREADS, "found '1.5'" },
        { "threads,ops_per_s\n+1,2\n", 2, THREADS, "found '+1'" },
        { "threads,ops_per_s\n,2\n", 2, THREADS, "the cell is empty" },
        { "threads,ops_per_s\n1,\n", 2, OPS, "expected a number above 0, the" },
        { "threads,ops_per_s\n1,0\n", 2, OPS, "number above 0, found '0'" },
        { "threads,ops_per_s\n1,-5\n", 2, OPS, "found '-5'" },
        { "threads,ops_per_s\n1,nan\n", 2, OPS, "found 'nan'" },
        { "threads,ops_per_s\n1,NaN\n", 2, OPS, "found 'NaN'" },
        { "threads,ops_per_s\n1,inf\n", 2, OPS, "found 'inf'" },
        { "threads,ops_per_s\n1,1e999\n", 2, OPS, "found '1e999'" },
        { "threads,ops_per_s\n1,1e-999\n", 2, OPS, "found '1e-999'" },
        { "threads,ops_per_s\n1,1e\n", 2, OPS, "found '1e'" },
        { "threads,ops_per_s\n1,.\n", 2, OPS, "found '.'" },
        { "threads,ops_per_s\n1,0x10\n", 2, OPS, "found '0x10'" },
        { "threads,ops_per_s\n1,3 796\n", 2, OPS, "found '3 796'" },
        { "threads,ops_per_s\n1,5\n\n# c\n  2,  x\n", 5, OPS, "found 'x'" },
        { "threads,ops_per_s\r\n1,5\r\n2,x\r\n", 3, OPS, "found 'x'" },
        { "threads,ops_per_s\n1,5\n1,6\n", 3, THREADS, "1 is here twice" },
        { "threads,ops_per_s\r1,5\r", 1, ", character 18", "carriage return alone" },
        { "threads,ops_per_s\n1,\"5\n", 2, ", character 3", "closing '\"'" },
        { "threads,ops_per_s\n1,\"5\"6\n", 2, ", character 6", "after '\"'" },
        { "threads,ops_per_s\n1,5\"\n", 2, ", character 4", "only around a whole cell" },
        { "threads,ops_per_s\n1,\033[2J\n", 2, ", character 3", "found the byte 0x1b" },
        { "threads,ops_per_s,p50_us\n1,5,fast\n",
          2, ", field 3 (p50_us)", "expected a number" },
        { "threads,ops_per_s,errors\n1,5,-1\n",
          2, ", field 3 (errors)", "expected a whole number" },
        { "threads,ops_per_s,ops_per_s_ci95_low,ops_per_s_ci95_high\n1,5,6,4\n",
          2, ", field 3 (ops_per_s_ci95_low)",
          "an interval that ends above" },
        { "threads,ops_per_s,policy\n1,5,a-very-long-name-of-a-policy\n",
          2, ", field 3 (policy)",
          "at most 15 bytes" },
        { SIZES "0,1,1,1,5\n",
          2, ", field 1 (in_features)", "expected a whole number from 1" },
        { SIZES "1,2147483648,1,1,5\n",
          2, ", field 2 (out_features)", "from 1 to 2147483647" },
        { SIZES "1,1,,1,5\n", 2, ", field 3 (batch)", "expected a whole number" },
        { SIZES "1,1,1,1,5\n2,1,1,1,5\n1,1,1,1,6\n",
          4, ", field 4 (threads)", "1 is here twice" },
        { "threads,ops_per_s,kind\n1,5,stairs\n",
          2, ", field 3 (kind)", "'threads', 'sizes' or 'load'" },
};

static void csv_refuses_each_malformation_with_its_place(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
                struct trib__results *results = measured_new();
                trib_error            err = TRIB_ERROR_INIT;
                char                  place[80];

                assert_int_equal(read_text(malformed[i].text, strlen(malformed[i].text), results,
                                           &err),
                                 TRIB_MALFORMED);
                (void)snprintf(place, sizeof(place), "dir/m.csv: line %d%s: ",
                               malformed[i].line, malformed[i].place);
                if (strncmp(err.message, place, strlen(place)) != 0
                    || strstr(err.message, malformed[i].expected) == NULL)
                        fail_msg("row %zu: '%s' lacks '%s' or '%s'", i, err.message, place,
                                 malformed[i].expected);
                assert_int_equal(results->sweep_count, 0);
                trib__results_destroy(results);
        }
}

static void csv_refuses_a_nul_byte(void **state)
{
        static const char     text[] = "threads,ops_per_s\n1,\0005\n";
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(read_text(text, sizeof(text) - 1, results, &err), TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "line 2, character 3: expected text, found the byte"));
        trib__results_destroy(results);
}

static void csv_accepts_bom_crlf_blanks_quotes_and_no_last_line_end(void **state)
{
        static const char text[] = "\xEF\xBB\xBF# Linear 2048->1024, batch 32, fp32\r\n"
                                   " \"threads\" ,ops_per_s , \"note, free\"\r\n"
                                   "\r\n"
                                   " 1 , 3.796e3 , \"a, b\"\r\n"
                                   "\t2,10555.5,";
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        if (read_text(text, sizeof(text) - 1, results, &err) != TRIB_OK)
                fail_msg("%s", err.message);
        assert_int_equal(results->sweep_count, 1);
        assert_int_equal(results->sweeps[0]->point_count, 2);
        assert_near(results->sweeps[0]->points[0].ops_per_s, 3796, 0);
        assert_near(results->sweeps[0]->points[1].ops_per_s, 10555.5, 0);
        assert_int_equal(results->sweeps[0]->workload.in_features, 2048);
        assert_string_equal(results->sweeps[0]->workload.dtype, "f32");
        assert_string_equal(results->sweeps[0]->source, "m.csv");
        trib__results_destroy(results);
}

static void csv_reads_what_it_knows_of_more_columns(void **state)
{
        static const char text[] =
                "ops_per_s,threads,ops_per_s_ci95_low,ops_per_s_ci95_high,mean_us,p50_us,p90_us,"
                "p99_us,p999_us,max_us,requests,errors,policy,zzz\n"
                "100,2,0,110,20,19,25,30,40,50,1000,3,merged,?\n";
        struct trib__results *results = measured_new();
        struct trib__point   *point;

        (void)state;
        assert_int_equal(read_text(text, sizeof(text) - 1, results, NULL), TRIB_OK);
        point = &results->sweeps[0]->points[0];
        assert_int_equal(point->threads, 2);
        assert_near(point->ops_per_s_ci95[1], 110, 0);
        assert_near(point->latency_us.mean, 20, 0);
        assert_near(point->latency_us.max, 50, 0);
        assert_int_equal(point->requests, 1000);
        assert_int_equal(point->errors, 3);
        assert_string_equal(results->sweeps[0]->policy, "merged");
        trib__results_destroy(results);
}

static void csv_groups_rows_into_sweeps_of_workloads(void **state)
{
        static const char text[] = SIZES "1,2,3,1,10\n4,5,6,1,10\n1,2,3,8,20\n4,5,6,2,10\n"
                                         "4,5,6,4,10\n";
        struct trib__results *results = measured_new();

        (void)state;
        assert_int_equal(read_text(text, sizeof(text) - 1, results, NULL), TRIB_OK);
        assert_int_equal(results->sweep_count, 2);
        assert_int_equal(results->sweeps[0]->kind, TRIB__SWEEP_SIZES);
        assert_int_equal(results->sweeps[0]->point_count, 2);
        assert_int_equal(results->sweeps[1]->kind, TRIB__SWEEP_THREADS);
        trib__results_destroy(results);
}

static void csv_takes_the_callers_workload_over_the_comment(void **state)
{
        static const char     text[] = "# Linear 1->2, batch 3\nthreads,ops_per_s\n1,5\n";
        struct trib__results *results = measured_new();
        struct trib__workload workload;
        struct trib__read_input input = { text, sizeof(text) - 1, "m.csv", &workload };

        (void)state;
        assert_true(trib__workload_parse("7x8x9", &workload));
        assert_int_equal(trib__read_csv(&input, results, NULL), TRIB_OK);
        assert_int_equal(results->sweeps[0]->workload.in_features, 7);
        trib__results_destroy(results);
}

static void csv_that_fails_late_leaves_nothing(void **state)
{
        static const char     text[] = "threads,ops_per_s\n1,5\n2,6\n3,7\n4,bad\n";
        struct trib__results *results = measured_new();

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS, { { 1, 100 } });
        assert_int_equal(read_text(text, sizeof(text) - 1, results, NULL), TRIB_MALFORMED);
        assert_int_equal(results->sweep_count, 1);
        trib__results_destroy(results);
}

static void csv_refuses_more_workloads_than_fit(void **state)
{
        size_t                room = 64 * (TRIB__SWEEPS_MAX + 2), used;
        char                 *text = malloc(room);
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_non_null(text);
        used = (size_t)snprintf(text, room, SIZES);
        for (unsigned i = 1; i <= TRIB__SWEEPS_MAX + 1; i++)
                used += (size_t)snprintf(text + used, room - used, "%u,1,1,1,5\n", i);
        assert_int_equal(read_text(text, used, results, &err), TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "line 1026: expected at most 1024"));
        free(text);
        trib__results_destroy(results);
}

static void csv_refuses_a_row_with_too_many_cells(void **state)
{
        char                  text[2000] = "threads,ops_per_s\n";
        size_t                used = strlen(text);
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        memset(text + used, ',', 1000);
        assert_int_equal(read_text(text, used + 1000, results, &err), TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "line 2: expected at most 256 columns"));
        trib__results_destroy(results);
}

static void csv_message_of_a_long_name_keeps_the_place(void **state)
{
        char                    name[600];
        struct trib__read_input input = { "threads,ops_per_s\n1,x\n", 22, name, NULL };
        struct trib__results   *results = measured_new();
        trib_error              err = TRIB_ERROR_INIT;

        (void)state;
        memset(name, 'd', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(trib__read_csv(&input, results, &err), TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "line 2, field 2 (ops_per_s): expected a number"));
        trib__results_destroy(results);
}

static void reading_names_a_file_that_cannot_be_read(void **state)
{
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__read_file("/nowhere/x.csv", NULL, results, &err), TRIB_NOT_FOUND);
        assert_non_null(strstr(err.message, "/nowhere/x.csv: cannot open: No such file"));
        assert_int_equal(trib__read_file("/", NULL, results, &err), TRIB_IO);
        assert_int_equal(trib__read_file("/dev/zero", NULL, results, &err), TRIB_OVERFLOW);
        assert_non_null(strstr(err.message, "larger than 64 MiB"));
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(csv_refuses_each_malformation_with_its_place),
               TRIB_TEST(csv_refuses_a_nul_byte),
               TRIB_TEST(csv_accepts_bom_crlf_blanks_quotes_and_no_last_line_end),
               TRIB_TEST(csv_reads_what_it_knows_of_more_columns),
               TRIB_TEST(csv_groups_rows_into_sweeps_of_workloads),
               TRIB_TEST(csv_takes_the_callers_workload_over_the_comment),
               TRIB_TEST(csv_that_fails_late_leaves_nothing),
               TRIB_TEST(csv_refuses_more_workloads_than_fit),
               TRIB_TEST(csv_refuses_a_row_with_too_many_cells),
               TRIB_TEST(csv_message_of_a_long_name_keeps_the_place),
               TRIB_TEST(reading_names_a_file_that_cannot_be_read))
