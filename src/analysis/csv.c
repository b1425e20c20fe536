/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c: what the rows of a CSV of measurements mean; the format is in read.h.
 *
 * A *field* here is a column that we understand. Rows go into results of their own, which the
 * caller's results take over at the very end: a file that is refused leaves nothing behind. No
 * locks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/audit_priv.h"
#include "analysis/csv_lines.h"
#include "analysis/read.h"
#include "base/error.h"

/* The columns that we understand. */
#define FIELD_LIST(X)                                                                         \
        X(THREADS, "threads")                                                                 \
        X(OPS, "ops_per_s")                                                                   \
        X(IN, "in_features")                                                                  \
        X(OUT, "out_features")                                                                \
        X(BATCH, "batch")                                                                     \
        X(CI_LOW, "ops_per_s_ci95_low")                                                       \
        X(CI_HIGH, "ops_per_s_ci95_high")                                                     \
        X(MEAN, "mean_us")                                                                    \
        X(P50, "p50_us")                                                                      \
        X(P90, "p90_us")                                                                      \
        X(P99, "p99_us")                                                                      \
        X(P999, "p999_us")                                                                    \
        X(MAX, "max_us")                                                                      \
        X(REQUESTS, "requests")                                                               \
        X(ERRORS, "errors")                                                                   \
        X(SWEEP, "sweep")                                                                     \
        X(KIND, "kind")                                                                       \
        X(POLICY, "policy")                                                                   \
        X(DTYPE, "dtype")                                                                     \
        X(MODEL, "model")                                                                     \
        X(WORKLOAD, "workload")                                                               \
        X(ARRIVALS, "arrivals")                                                               \
        X(RATE, "rate")                                                                       \
        X(INTENDED, "intended")                                                               \
        X(UNFINISHED, "unfinished")

enum field {
#define FIELD_ENUM(name, text) FIELD_##name,
        FIELD_LIST(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_COUNT
};

static const char *const field_names[] = {
#define FIELD_NAME(name, text) text,
        FIELD_LIST(FIELD_NAME)
#undef FIELD_NAME
};

static const char *const derived_names[] = { "speedup",  "efficiency", "percent_of_limit",
                                             "scenario", "slo_rate",   "slo_failed_rate" };

/* So many columns that are not understood are named. */
#define IGNORED_NAMED 4

struct csv {
        /* Fixed while reading. */
        const struct trib__read_input *input;
        trib_error                    *err;
        struct trib__results          *results; /* taken over by the caller's at the end */
        struct trib__csv_lines         lines;
        /* Known after the header. */
        size_t columns;
        int    column_of[FIELD_COUNT]; /* index of the cell; -1 = not there */
        /* Growing. */
        struct trib__workload commented; /* kind is "" until a comment names one */
        size_t   rows;
        size_t   ignored_count;
        char     ignored_text[200]; /* of the first columns that are not understood */
        struct trib__text ignored;  /* writes there */
        uint64_t sweep_ids[TRIB__SWEEPS_MAX];
        bool     has_kind[TRIB__SWEEPS_MAX];
};

/* The next row; *found is false at the end of the text. Comments before the first row of numbers
 * are searched for the workload. */
static trib_status next_row(struct csv *csv, bool *found)
{
        enum trib__csv_line kind;
        trib_status         status;

        do {
                status = trib__csv_next(&csv->lines, &kind);
                if (status == TRIB_OK && kind == TRIB__CSV_COMMENT && csv->rows == 0
                    && csv->commented.kind[0] == '\0')
                        (void)trib__workload_find(csv->lines.text, csv->lines.length,
                                                  &csv->commented);
        } while (status == TRIB_OK && kind == TRIB__CSV_COMMENT);
        *found = status == TRIB_OK && kind == TRIB__CSV_ROW;
        return status;
}

static bool has(const struct csv *csv, enum field field)
{
        return csv->column_of[field] >= 0;
}

/* Kept for a finding: a column that was meant for us may have another name. */
static void note_ignored(struct csv *csv, const struct trib__csv_cell *cell)
{
        char name[32];

        if (csv->ignored_count++ < IGNORED_NAMED)
                trib__text_add(&csv->ignored, "%s'%s'", csv->ignored_count > 1 ? ", " : "",
                               trib__csv_excerpt(cell->text, cell->length, name));
}

static trib_status match_header_cell(struct csv *csv, size_t index)
{
        const struct trib__csv_cell *cell = &csv->lines.row.cells[index];
        bool                         is_known = false;

        if (cell->length == 0)
                return trib__csv_refuse_field(&csv->lines, cell, "",
                                              "expected the name of a column, it is empty");
        for (int field = 0; field < FIELD_COUNT; field++) {
                if (!trib__csv_cell_is(cell, field_names[field]))
                        continue;
                if (csv->column_of[field] >= 0)
                        return trib__csv_refuse_field(&csv->lines, cell, "",
                                                      "expected each column once, '%s' is here "
                                                      "twice",
                                                      field_names[field]);
                csv->column_of[field] = (int)index;
                is_known = true;
        }
        /* Our own files hold these too, for people; they follow from the others. */
        for (size_t i = 0; i < sizeof(derived_names) / sizeof(derived_names[0]); i++)
                is_known = is_known || trib__csv_cell_is(cell, derived_names[i]);
        if (!is_known)
                note_ignored(csv, cell);
        return TRIB_OK;
}

/* Why a first line is no header of ours, as far as it can be guessed. */
static const char *header_hint(const struct trib__csv_lines *lines)
{
        const char *text = lines->text;

        if (lines->length > 0 && text[0] >= '0' && text[0] <= '9')
                return "; is the header line missing?";
        if (lines->row.count == 1 && memchr(text, ';', lines->length) != NULL)
                return "; cells are separated by ',' and numbers have a '.'";
        if (lines->row.count == 1 && memchr(text, '\t', lines->length) != NULL)
                return "; cells are separated by ','";
        return "";
}

static trib_status check_header(const struct csv *csv)
{
        static const enum field sizes[] = { FIELD_IN, FIELD_OUT, FIELD_BATCH };
        bool has_size = false;
        char text[32];

        if (!has(csv, FIELD_THREADS) || !has(csv, FIELD_OPS))
                return trib__csv_refuse(
                        &csv->lines,
                        "expected a header with the columns 'threads' and 'ops_per_s', found "
                        "'%s'%s",
                        trib__csv_excerpt(csv->lines.text, csv->lines.length, text),
                        header_hint(&csv->lines));
        for (size_t i = 0; i < 3; i++)
                has_size = has_size || has(csv, sizes[i]);
        for (size_t i = 0; i < 3; i++)
                if (has_size && !has(csv, sizes[i]))
                        return trib__csv_refuse(&csv->lines,
                                                "expected 'in_features', 'out_features' and "
                                                "'batch' together, '%s' is missing",
                                                field_names[sizes[i]]);
        return TRIB_OK;
}

static trib_status read_header(struct csv *csv)
{
        bool        found;
        trib_status status = next_row(csv, &found);

        if (status != TRIB_OK)
                return status;
        if (!found) {
                csv->lines.line = csv->lines.line == 0 ? 1 : csv->lines.line;
                return trib__csv_refuse(&csv->lines,
                                        "expected a header line such as 'threads,ops_per_s', the "
                                        "file has none");
        }
        for (size_t i = 0; i < csv->lines.row.count; i++) {
                status = match_header_cell(csv, i);
                if (status != TRIB_OK)
                        return status;
        }
        csv->columns = csv->lines.row.count;
        return check_header(csv);
}

static const struct trib__csv_cell *cell_of(const struct csv *csv, enum field field)
{
        return has(csv, field) ? &csv->lines.row.cells[csv->column_of[field]] : NULL;
}

/* Whether a cell is a decimal number, and how many digits stand before its point. */
static bool is_number(const struct trib__csv_cell *cell, size_t *digits)
{
        size_t points = 0, i = 0;

        *digits = 0;
        for (; i < cell->length; i++) {
                bool is_digit = cell->text[i] >= '0' && cell->text[i] <= '9';

                if (!is_digit && cell->text[i] != '.')
                        return false;
                points += !is_digit;
                *digits += is_digit && points == 0;
        }
        return i > 0 && points <= 1 && *digits > 0;
}

/* A row whose thread count cannot be one, and whose throughput could be. */
static bool looks_swapped(const struct csv *csv)
{
        const struct trib__csv_cell *ops = cell_of(csv, FIELD_OPS);
        size_t threads_digits, ops_digits;

        return is_number(cell_of(csv, FIELD_THREADS), &threads_digits)
               && is_number(ops, &ops_digits) && ops_digits == ops->length && ops_digits <= 4
               && threads_digits > ops_digits;
}

/* A whole number from `lowest` to `highest`. */
static trib_status take_whole(struct csv *csv, enum field field, int64_t range[2], int64_t *out)
{
        const struct trib__csv_cell *cell = cell_of(csv, field);
        char               expected[112];
        int64_t            value = 0;
        bool               is_good = cell->length > 0 && cell->length <= 18;

        for (size_t i = 0; i < cell->length && is_good; i++) {
                is_good = cell->text[i] >= '0' && cell->text[i] <= '9';
                value = value * 10 + (cell->text[i] - '0');
        }
        if (is_good && value >= range[0] && value <= range[1]) {
                *out = value;
                return TRIB_OK;
        }
        (void)snprintf(expected, sizeof(expected), "a whole number from %lld to %lld%s",
                       (long long)range[0], (long long)range[1],
                       field == FIELD_THREADS && looks_swapped(csv)
                               ? " (are threads and ops_per_s exchanged?)" : "");
        return trib__csv_refuse_cell(&csv->lines, cell, field_names[field], expected);
}

/* Digits, with an optional fraction and exponent, and nothing else. */
static bool is_decimal(const char *text, size_t length)
{
        size_t i = 0, digits = 0;

        for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
                digits++;
        if (i < length && text[i] == '.')
                for (i++; i < length && text[i] >= '0' && text[i] <= '9'; i++)
                        digits++;
        if (digits == 0)
                return false;
        if (i < length && (text[i] == 'e' || text[i] == 'E')) {
                i++;
                if (i < length && (text[i] == '+' || text[i] == '-'))
                        i++;
                if (i == length)
                        return false;
                while (i < length && text[i] >= '0' && text[i] <= '9')
                        i++;
        }
        return i == length;
}

/* A finite number above 0. An optional column may leave it empty: *out stays 0. */
static trib_status take_positive(struct csv *csv, enum field field, double *out)
{
        const struct trib__csv_cell *cell = cell_of(csv, field);
        char               digits[64], *end;
        double             value;

        if (cell == NULL || (cell->length == 0 && field != FIELD_OPS))
                return TRIB_OK;
        if (cell->length < sizeof(digits) && is_decimal(cell->text, cell->length)) {
                memcpy(digits, cell->text, cell->length);
                digits[cell->length] = '\0';
                value = strtod(digits, &end);
                if (*end == '\0' && isfinite(value) && value >= 1e-30 && value <= 1e30) {
                        *out = value;
                        return TRIB_OK;
                }
        }
        return trib__csv_refuse_cell(&csv->lines, cell, field_names[field],
                                     memchr(cell->text, ',', cell->length) != NULL
                                             ? "a number above 0 with a '.' and no ','"
                                             : "a number above 0");
}

static trib_status take_count(struct csv *csv, enum field field, uint64_t *out)
{
        const struct trib__csv_cell *cell = cell_of(csv, field);
        int64_t            value = 0, range[2] = { 0, INT64_C(9007199254740991) };
        trib_status        status;

        if (cell == NULL || cell->length == 0)
                return TRIB_OK;
        status = take_whole(csv, field, range, &value);
        *out = (uint64_t)value;
        return status;
}

static trib_status take_text(struct csv *csv, enum field field, char *out, size_t size)
{
        const struct trib__csv_cell *cell = cell_of(csv, field);
        char               expected[48];

        if (cell == NULL)
                return TRIB_OK;
        if (cell->length >= size) {
                (void)snprintf(expected, sizeof(expected), "at most %zu bytes", size - 1);
                return trib__csv_refuse_cell(&csv->lines, cell, field_names[field], expected);
        }
        memcpy(out, cell->text, cell->length);
        out[cell->length] = '\0';
        return TRIB_OK;
}

/* What the row measured: from its columns, else from the caller, else from a comment. */
static trib_status take_workload(struct csv *csv, struct trib__workload *workload)
{
        static const enum field sizes[] = { FIELD_IN, FIELD_OUT, FIELD_BATCH };
        int64_t    *members[] = { &workload->in_features, &workload->out_features,
                                  &workload->batch };
        int64_t     range[2] = { 1, INT64_C(2147483647) };
        bool        may_be_empty;
        trib_status status;

        memset(workload, 0, sizeof(*workload));
        if (!has(csv, FIELD_IN) && !has(csv, FIELD_MODEL)) {
                if (csv->input->workload != NULL)
                        *workload = *csv->input->workload;
                else
                        *workload = csv->commented;
                return take_text(csv, FIELD_DTYPE, workload->dtype, sizeof(workload->dtype));
        }
        status = take_text(csv, FIELD_DTYPE, workload->dtype, sizeof(workload->dtype));
        if (status == TRIB_OK)
                status = take_text(csv, FIELD_MODEL, workload->model, sizeof(workload->model));
        if (status == TRIB_OK)
                status = take_text(csv, FIELD_WORKLOAD, workload->kind, sizeof(workload->kind));
        /* Our own files, which number their sweeps, may hold workloads without sizes. */
        may_be_empty = workload->model[0] != '\0' || has(csv, FIELD_SWEEP);
        for (size_t i = 0; i < 3 && status == TRIB_OK; i++) {
                const struct trib__csv_cell *cell = cell_of(csv, sizes[i]);

                if (cell != NULL && (cell->length > 0 || !may_be_empty))
                        status = take_whole(csv, sizes[i], range, members[i]);
        }
        if (workload->kind[0] == '\0' && workload->model[0] != '\0')
                (void)snprintf(workload->kind, sizeof(workload->kind), "model");
        else if (workload->kind[0] == '\0' && workload->in_features > 0)
                (void)snprintf(workload->kind, sizeof(workload->kind), "linear");
        return status;
}

static trib_status take_numbers(struct csv *csv, struct trib__point *point)
{
        double *const members[] = { &point->ops_per_s,         &point->ops_per_s_ci95[0],
                                    &point->ops_per_s_ci95[1], &point->latency_us.mean,
                                    &point->latency_us.p50,    &point->latency_us.p90,
                                    &point->latency_us.p99,    &point->latency_us.p999,
                                    &point->latency_us.max };
        static const enum field fields[] = { FIELD_OPS, FIELD_CI_LOW, FIELD_CI_HIGH,
                                             FIELD_MEAN, FIELD_P50,   FIELD_P90,
                                             FIELD_P99,  FIELD_P999,  FIELD_MAX };
        const struct trib__csv_cell *low = cell_of(csv, FIELD_CI_LOW);
        trib_status        status = TRIB_OK;

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && status == TRIB_OK; i++) {
                /* The only number that may be 0: an interval can reach down to it. */
                if (fields[i] == FIELD_CI_LOW && low != NULL && trib__csv_cell_is(low, "0"))
                        continue;
                status = take_positive(csv, fields[i], members[i]);
        }
        if (status == TRIB_OK)
                status = take_count(csv, FIELD_REQUESTS, &point->requests);
        if (status == TRIB_OK)
                status = take_count(csv, FIELD_ERRORS, &point->errors);
        if (status == TRIB_OK && low != NULL
            && point->ops_per_s_ci95[0] > point->ops_per_s_ci95[1])
                return trib__csv_refuse_cell(&csv->lines, low, field_names[FIELD_CI_LOW],
                                             "an interval that ends above its beginning");
        return status;
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash != NULL ? slash + 1 : path;
}

/* What decides to which sweep a row belongs. */
struct key {
        struct trib__workload workload;
        char                  policy[16];
        uint64_t              id;
};

static bool is_sweep_of(const struct csv *csv, size_t index, const struct key *key)
{
        const struct trib__sweep    *sweep = csv->results->sweeps[index];
        const struct trib__workload *a = &sweep->workload, *b = &key->workload;

        return csv->sweep_ids[index] == key->id && a->in_features == b->in_features
               && a->out_features == b->out_features && a->batch == b->batch
               && strcmp(sweep->policy, key->policy) == 0 && strcmp(a->dtype, b->dtype) == 0
               && strcmp(a->model, b->model) == 0 && strcmp(a->kind, b->kind) == 0;
}

static trib_status find_sweep(struct csv *csv, const struct key *key, size_t *index)
{
        size_t      count = csv->results->sweep_count;
        struct trib__sweep *sweep;
        trib_status status;

        /* From the back: most rows belong to the sweep of the row before. */
        for (*index = count; (*index)-- > 0;)
                if (is_sweep_of(csv, *index, key))
                        return TRIB_OK;
        *index = count;
        status = trib__results_add_sweep(csv->results, &sweep, csv->err);
        if (status != TRIB_OK) {
                if (status == TRIB_OVERFLOW)
                        return trib__csv_refuse(&csv->lines,
                                                "expected at most %u different workloads",
                                                TRIB__SWEEPS_MAX);
                return status;
        }
        sweep->workload = key->workload;
        memcpy(sweep->policy, key->policy, sizeof(key->policy));
        (void)snprintf(sweep->source, sizeof(sweep->source), "%.127s",
                       base_name(csv->input->name));
        csv->sweep_ids[*index] = key->id;
        return TRIB_OK;
}

static trib_status take_kind(struct csv *csv, size_t index)
{
        const struct trib__csv_cell *cell = cell_of(csv, FIELD_KIND);

        if (cell == NULL || cell->length == 0)
                return TRIB_OK;
        csv->has_kind[index] = true;
        if (trib__csv_cell_is(cell, "threads"))
                csv->results->sweeps[index]->kind = TRIB__SWEEP_THREADS;
        else if (trib__csv_cell_is(cell, "sizes"))
                csv->results->sweeps[index]->kind = TRIB__SWEEP_SIZES;
        else if (trib__csv_cell_is(cell, "load"))
                csv->results->sweeps[index]->kind = TRIB__SWEEP_LOAD;
        else
                return trib__csv_refuse_cell(&csv->lines, cell, "kind",
                                             "'threads', 'sizes' or 'load'");
        return TRIB_OK;
}

/* Arrivals that did not wait for answers: without this, such rows would be taken for a closed
 * loop. */
static trib_status take_arrivals(struct csv *csv, size_t index)
{
        static const char *const     words[] = { "constant", "poisson", "at-once", "closed" };
        const struct trib__csv_cell *cell = cell_of(csv, FIELD_ARRIVALS);
        struct trib__sweep          *sweep = csv->results->sweeps[index];
        struct trib__load           *load = sweep->load;
        size_t                       word = 0;
        double                       rate = 0;
        trib_status                  status;

        if (cell == NULL || cell->length == 0)
                return TRIB_OK;
        while (word < 4 && !trib__csv_cell_is(cell, words[word]))
                word++;
        if (word == 4)
                return trib__csv_refuse_cell(&csv->lines, cell, "arrivals",
                                             "'constant', 'poisson', 'at-once' or 'closed'");
        status = take_positive(csv, FIELD_RATE, &rate);
        if (status == TRIB_OK && load != NULL
            && (strcmp(load->arrivals, words[word]) != 0 || load->rate < rate || load->rate > rate))
                return trib__csv_refuse_cell(&csv->lines, cell, "arrivals",
                                             "the same arrivals in a sweep; number sweeps of "
                                             "other rates in a column 'sweep'");
        if (status == TRIB_OK && load == NULL)
                status = trib__sweep_set_load(sweep, &load, csv->err);
        if (status != TRIB_OK)
                return status;
        csv->has_kind[index] = true;
        (void)snprintf(load->arrivals, sizeof(load->arrivals), "%s", words[word]);
        load->rate = rate;
        status = take_count(csv, FIELD_INTENDED, &load->intended);
        return status == TRIB_OK ? take_count(csv, FIELD_UNFINISHED, &load->unfinished) : status;
}

static trib_status add_row(struct csv *csv, size_t index, int64_t threads,
                           struct trib__point **point)
{
        struct trib__sweep *sweep = csv->results->sweeps[index];
        const struct trib__csv_cell  *cell = cell_of(csv, FIELD_THREADS);

        if (trib__sweep_find_point(sweep, (unsigned)threads) != NULL)
                return trib__csv_refuse_field(&csv->lines, cell, "threads",
                                              "expected each thread count once for a workload, "
                                              "%lld is here twice; give medians, or number "
                                              "repeated sweeps in a column 'sweep'",
                                              (long long)threads);
        if (sweep->point_count >= TRIB__POINTS_MAX)
                return trib__csv_refuse_field(&csv->lines, cell, "threads",
                                              "expected at most %u thread counts",
                                              TRIB__POINTS_MAX);
        return trib__sweep_add_point(sweep, (unsigned)threads, point, csv->err);
}

static trib_status read_row(struct csv *csv)
{
        struct trib__point *point;
        struct key          key = { .id = 0 };
        int64_t             threads = 0, range[2] = { 1, TRIB__THREADS_MAX };
        size_t              index = 0;
        trib_status         status;

        if (csv->lines.row.count != csv->columns)
                return trib__csv_refuse(&csv->lines,
                                        "expected %zu cells as in the header, found %zu%s",
                                        csv->columns, csv->lines.row.count,
                                        csv->lines.row.count > csv->columns
                                                ? " (a ',' inside of a number? write a '.')"
                                                : " (is the file cut?)");
        if (csv->rows++ == TRIB__CSV_ROWS_MAX)
                return trib__csv_refuse(&csv->lines, "expected at most %u rows",
                                        TRIB__CSV_ROWS_MAX);
        status = take_workload(csv, &key.workload);
        if (status == TRIB_OK)
                status = take_text(csv, FIELD_POLICY, key.policy, sizeof(key.policy));
        if (status == TRIB_OK)
                status = take_count(csv, FIELD_SWEEP, &key.id);
        if (status == TRIB_OK)
                status = take_whole(csv, FIELD_THREADS, range, &threads);
        if (status == TRIB_OK)
                status = find_sweep(csv, &key, &index);
        if (status == TRIB_OK)
                status = take_kind(csv, index);
        if (status == TRIB_OK)
                status = take_arrivals(csv, index);
        if (status == TRIB_OK)
                status = add_row(csv, index, threads, &point);
        return status == TRIB_OK ? take_numbers(csv, point) : status;
}

static trib_status read_all(struct csv *csv)
{
        bool        found = true;
        trib_status status = read_header(csv);

        while (status == TRIB_OK && found) {
                status = next_row(csv, &found);
                if (status == TRIB_OK && found)
                        status = read_row(csv);
        }
        if (status == TRIB_OK && csv->rows == 0) {
                csv->lines.line++;
                return trib__csv_refuse(&csv->lines,
                                        "expected at least one row of numbers after the header");
        }
        for (size_t i = 0; i < csv->results->sweep_count && status == TRIB_OK; i++)
                if (!csv->has_kind[i])
                        csv->results->sweeps[i]->kind =
                                !has(csv, FIELD_IN) || csv->results->sweeps[i]->point_count >= 3
                                        ? TRIB__SWEEP_THREADS
                                        : TRIB__SWEEP_SIZES;
        return status;
}

static bool is_utf16(const struct trib__read_input *input)
{
        return input->size >= 2
               && (memcmp(input->data, "\xFF\xFE", 2) == 0
                   || memcmp(input->data, "\xFE\xFF", 2) == 0);
}

static trib_status report_ignored(struct csv *csv)
{
        struct trib__finding_draft draft;

        if (csv->ignored_count == 0)
                return TRIB_OK;
        trib__finding_start(&draft, "ignored-columns", TRIB__SEVERITY_INFO);
        trib__text_add(&draft.text,
                       "%.60s: %zu column%s not understood and ignored: %s%s; the manual page "
                       "lists the names of columns",
                       base_name(csv->input->name), csv->ignored_count,
                       csv->ignored_count == 1 ? " is" : "s are", csv->ignored_text,
                       csv->ignored_count > IGNORED_NAMED ? ", ..." : "");
        return trib__results_note(csv->results, &draft.finding, csv->err);
}

trib_status trib__read_csv(const struct trib__read_input *input, struct trib__results *results,
                           trib_error *err)
{
        struct csv  csv = { .input = input, .err = err };
        trib_status status = trib__results_create(&csv.results, err);

        if (status != TRIB_OK)
                return status;
        csv.lines.data = input->data;
        csv.lines.size = input->size;
        csv.lines.name = input->name;
        csv.lines.err = err;
        for (int field = 0; field < FIELD_COUNT; field++)
                csv.column_of[field] = -1;
        if (input->size >= 3 && memcmp(input->data, "\xEF\xBB\xBF", 3) == 0)
                csv.lines.at = 3;
        csv.ignored = trib__text_of(csv.ignored_text, sizeof(csv.ignored_text));
        if (is_utf16(input)) {
                csv.lines.line = 1;
                status = trib__csv_refuse(&csv.lines, "expected UTF-8 text, this is UTF-16; save "
                                                      "the file as UTF-8");
        } else {
                status = read_all(&csv);
        }
        if (status == TRIB_OK)
                status = report_ignored(&csv);
        if (status == TRIB_OK)
                status = trib__results_adopt(results, csv.results, err);
        trib__results_destroy(csv.results);
        return status;
}
