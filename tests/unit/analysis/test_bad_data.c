/* SPDX-License-Identifier: Apache-2.0 */
/* Data that is wrong, through the library: every row of tests/data/bad/table.tsv gives the error or
 * the findings that the table names, and whatever is read can be reported and read again. The
 * command is judged by the same table in tests/cli. */
#include <math.h>
#include <stdio.h>

#include "analysis/measured.h"
#include "report/report.h"

enum { FILES, OPTIONS, OUTCOME, EXPECTED, ADVICE, WRONG, COLUMNS };

struct row {
        char *cells[COLUMNS];
};

typedef void (*row_check)(const struct row *row);

/* Cut `text` at each `separator`; the number of pieces, COLUMNS at most. */
static size_t split(char *text, char separator, char **pieces)
{
        size_t count = 0;

        while (text != NULL && count < COLUMNS) {
                char *end = strchr(text, separator);

                if (end != NULL)
                        *end++ = '\0';
                pieces[count++] = text;
                text = end;
        }
        return count;
}

/* Calls `check` for each row of the outcome. */
static void each_row(const char *outcome, row_check check)
{
        FILE  *table = fopen(measured_path("tests/data/bad/table.tsv"), "r");
        char   line[1024];
        bool   is_head = true;
        size_t checked = 0;

        assert_non_null(table);
        while (fgets(line, sizeof(line), table) != NULL) {
                struct row row;

                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#')
                        continue;
                assert_int_equal(split(line, '\t', row.cells), COLUMNS);
                if (!is_head && strcmp(row.cells[OUTCOME], outcome) == 0) {
                        check(&row);
                        checked++;
                }
                is_head = false;
        }
        assert_int_equal(fclose(table), 0);
        assert_true(checked > 0);
}

/* Reads the files of a row, one after the other, into *out. */
static trib_status read_row(const struct row *row, struct trib__results **out, trib_error *err)
{
        char       *names[COLUMNS], files[512], path[640];
        trib_status status = TRIB_OK;
        size_t      count;

        *out = measured_new();
        (void)snprintf(files, sizeof(files), "%s", row->cells[FILES]);
        count = split(files, ' ', names);
        for (size_t i = 0; i < count && status == TRIB_OK; i++) {
                (void)snprintf(path, sizeof(path), "tests/data/bad/%s", names[i]);
                status = trib__read_file(measured_path(path), NULL, *out, err);
        }
        if (strncmp(row->cells[OPTIONS], "--cores ", 8) == 0)
                (*out)->machine.logical_cores = (unsigned)atoi(row->cells[OPTIONS] + 8);
        return status;
}

static void check_refused(const struct row *row)
{
        struct trib__results *results;
        trib_error            err = TRIB_ERROR_INIT;
        trib_status           status = read_row(row, &results, &err);

        if (status != TRIB_MALFORMED && status != TRIB_INVALID_ARGUMENT)
                fail_msg("%s: status %d", row->cells[FILES], (int)status);
        if (strstr(err.message, row->cells[EXPECTED]) == NULL)
                fail_msg("%s: '%s' lacks '%s'", row->cells[FILES], err.message,
                         row->cells[EXPECTED]);
        if (strchr(row->cells[FILES], ' ') == NULL && results->sweep_count + results->note_count)
                fail_msg("%s: something of it was used", row->cells[FILES]);
        trib__results_destroy(results);
}

static void conclude_row(const struct row *row, struct trib__results **results)
{
        trib_error err = TRIB_ERROR_INIT;

        if (read_row(row, results, &err) != TRIB_OK)
                fail_msg("%s: %s", row->cells[FILES], err.message);
        measured_conclude(*results);
}

static void check_advice(const struct row *row, const struct trib__results *results)
{
        const struct trib__recommendation *all[] = { &results->latency, &results->production,
                                                     &results->batch };
        const char *advice = row->cells[ADVICE];

        for (size_t i = 0; i < 3; i++)
                if ((all[i]->threads == 0) != (strcmp(advice, "none") == 0))
                        fail_msg("%s: advice of %u threads", row->cells[FILES], all[i]->threads);
        if (strcmp(advice, "none") != 0
            && (results->caution[0] != '\0') != (strcmp(advice, "cautioned") == 0))
                fail_msg("%s: caution '%s'", row->cells[FILES], results->caution);
}

static void check_found(const struct row *row)
{
        struct trib__results *results;
        char                 *codes[COLUMNS], expected[256];
        size_t                count;

        conclude_row(row, &results);
        (void)snprintf(expected, sizeof(expected), "%s", row->cells[EXPECTED]);
        count = split(expected, ' ', codes);
        for (size_t i = 0; i < count; i++)
                if (measured_finding(results, codes[i]) == NULL)
                        fail_msg("%s: no finding %s", row->cells[FILES], codes[i]);
        check_advice(row, results);
        trib__results_destroy(results);
}

static void check_accepted(const struct row *row)
{
        struct trib__results *results;

        conclude_row(row, &results);
        if (results->finding_count != 0)
                fail_msg("%s: %s", row->cells[FILES], results->findings[0].code);
        check_advice(row, results);
        trib__results_destroy(results);
}

/* No conclusion may be infinite or no number, refuted sweeps have none, and predictions that are
 * not borne say why. */
static void check_numbers(const struct row *row)
{
        struct trib__results *results;

        conclude_row(row, &results);
        for (size_t i = 0; i < results->sweep_count; i++) {
                const struct trib__sweep *sweep = results->sweeps[i];

                assert_false(sweep->refuted[0] != '\0' && sweep->fit.is_present);
                assert_false(sweep->refuted[0] != '\0' && sweep->saturation_threads > 0);
                for (size_t k = 0; k < sweep->point_count; k++) {
                        assert_true(isfinite(sweep->points[k].speedup));
                        assert_true(isfinite(sweep->points[k].efficiency));
                        assert_true(isfinite(sweep->points[k].percent_of_limit));
                }
                for (size_t k = 0; k < TRIB__PREDICTIONS; k++)
                        if (sweep->predictions[k].threads > 0 && !sweep->predictions[k].is_borne)
                                assert_true(sweep->predictions[k].why[0] != '\0');
        }
        trib__results_destroy(results);
}

static char *report(const struct trib__results *results, trib__report_format format, size_t *size)
{
        struct trib__report_style style = { format, 80 };
        char                     *text = NULL;
        FILE                     *stream = open_memstream(&text, size);

        assert_non_null(stream);
        assert_int_equal(trib__report_write(results, &style, stream, NULL), TRIB_OK);
        assert_int_equal(fclose(stream), 0);
        return text;
}

static void check_reports(const struct row *row)
{
        struct trib__results *results, *again = measured_new();
        size_t                size;

        conclude_row(row, &results);
        for (int format = TRIB__REPORT_TEXT; format <= TRIB__REPORT_MARKDOWN; format++) {
                char *text = report(results, (trib__report_format)format, &size);
                struct trib__read_input input = { text, size, "again", NULL };
                trib_error              err = TRIB_ERROR_INIT;
                trib_status             status = TRIB_OK;

                if (format == TRIB__REPORT_JSON)
                        status = trib__read_json(&input, again, &err);
                if (status != TRIB_OK)
                        fail_msg("%s: our own JSON: %s", row->cells[FILES], err.message);
                free(text);
        }
        measured_conclude(again);
        assert_int_equal(again->finding_count, results->finding_count);
        for (size_t i = 0; i < results->finding_count; i++)
                assert_string_equal(again->findings[i].code, results->findings[i].code);
        trib__results_destroy(again);
        trib__results_destroy(results);
}

/* The first file of a row, cut at many places: read or refused, but nothing else. */
static void check_cut(const struct row *row)
{
        char   path[640], content[4096];
        FILE  *file;
        size_t size;

        (void)snprintf(path, sizeof(path), "tests/data/bad/%.*s",
                       (int)strcspn(row->cells[FILES], " "), row->cells[FILES]);
        file = fopen(measured_path(path), "rb");
        assert_non_null(file);
        size = fread(content, 1, sizeof(content), file);
        assert_int_equal(fclose(file), 0);
        for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
                char                   *copy = malloc(cut + 1);
                struct trib__read_input input = { copy, cut, "cut", NULL };
                struct trib__results   *results = measured_new();

                assert_non_null(copy);
                memcpy(copy, content, cut);
                if (content[0] == '{')
                        (void)!trib__read_json(&input, results, NULL);
                else
                        (void)!trib__read_csv(&input, results, NULL);
                measured_conclude(results);
                trib__results_destroy(results);
                free(copy);
        }
}

static void bad_data_that_is_malformed_is_refused_and_not_used(void **state)
{
        (void)state;
        each_row("refused", check_refused);
}

static void bad_data_that_is_read_has_the_findings_of_the_table(void **state)
{
        (void)state;
        each_row("finding", check_found);
        each_row("accepted", check_accepted);
}

static void bad_data_bears_no_conclusion_that_is_no_number(void **state)
{
        (void)state;
        each_row("finding", check_numbers);
}

static void bad_data_is_reported_in_every_format_and_read_again(void **state)
{
        (void)state;
        each_row("finding", check_reports);
        each_row("accepted", check_reports);
}

static void bad_data_that_is_cut_does_no_harm(void **state)
{
        (void)state;
        each_row("refused", check_cut);
        each_row("finding", check_cut);
}

TRIB_TEST_MAIN(TRIB_TEST(bad_data_that_is_malformed_is_refused_and_not_used),
               TRIB_TEST(bad_data_that_is_read_has_the_findings_of_the_table),
               TRIB_TEST(bad_data_bears_no_conclusion_that_is_no_number),
               TRIB_TEST(bad_data_is_reported_in_every_format_and_read_again),
               TRIB_TEST(bad_data_that_is_cut_does_no_harm))
