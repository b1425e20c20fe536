/* SPDX-License-Identifier: Apache-2.0 */
/* report_compare.c: see report_compare.h. JSON: `comparison` {`changes`[] {`workload`, `policy`,
 * `kind`, `threads`, `before`, `after`, `percent`, `percent_ci95`, `p`, `p_holm`, `verdict`},
 * `regressions`, `improvements`, `no_difference_shown`, `not_judged`}, `findings`[]. */
#include "report/report_compare.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/format.h"
#include "base/error.h"
#include "base/fault.h"
#include "report/report_priv.h"

#define JSON_STYLE (JSON_INDENT(2) | JSON_REAL_PRECISION(17))

static void set(json_t *object, const char *key, json_t *value, bool *has_failed)
{
        if (value == NULL || json_object_set_new(object, key, value) != 0)
                *has_failed = true;
}

static void append(json_t *array, json_t *value, bool *has_failed)
{
        if (value == NULL || json_array_append_new(array, value) != 0)
                *has_failed = true;
}

static json_t *number(double value)
{
        return isfinite(value) ? json_real(value) : json_null();
}

/* Text of a file is UTF-8 or else cut to what is. */
static json_t *text(const char *value)
{
        json_t *string = json_string(value);

        return string != NULL ? string : json_string("?");
}

static json_t *change_of(const struct trib__change *change, bool *has_failed)
{
        json_t *object = json_object(), *interval = json_array();
        char    name[400];

        set(object, "workload",
            text(trib__workload_text(&change->sweep->workload, name, sizeof(name))), has_failed);
        set(object, "policy", text(change->sweep->policy), has_failed);
        if (change->sweep->precision[0] != '\0')
                set(object, "precision", text(change->sweep->precision), has_failed);
        set(object, "kind",
            json_string(change->sweep->kind == TRIB__SWEEP_SIZES ? "sizes" : "threads"),
            has_failed);
        set(object, "threads", json_integer(change->after->threads), has_failed);
        set(object, "before", number(change->before->ops_per_s), has_failed);
        set(object, "after", number(change->after->ops_per_s), has_failed);
        set(object, "percent", number(change->percent), has_failed);
        if (change->verdict == TRIB__VERDICT_NONE) {
                json_decref(interval);
                set(object, "percent_ci95", json_null(), has_failed);
                set(object, "p", json_null(), has_failed);
                set(object, "p_holm", json_null(), has_failed);
        } else {
                append(interval, number(change->ci95[0]), has_failed);
                append(interval, number(change->ci95[1]), has_failed);
                set(object, "percent_ci95", interval, has_failed);
                set(object, "p", number(change->p), has_failed);
                set(object, "p_holm", number(change->p_holm), has_failed);
        }
        set(object, "verdict", json_string(trib__verdict_name(change->verdict)), has_failed);
        return object;
}

static json_t *findings_of(const struct trib__comparison *comparison, bool *has_failed)
{
        json_t *array = json_array();

        for (size_t i = 0; i < comparison->finding_count; i++) {
                const struct trib__finding *finding = &comparison->findings[i];
                json_t                     *object = json_object();

                set(object, "code", text(finding->code), has_failed);
                set(object, "severity", json_string(trib__severity_name(finding->severity)),
                    has_failed);
                set(object, "text", text(finding->text), has_failed);
                append(array, object, has_failed);
        }
        return array;
}

static trib_status write_json(const struct trib__comparison *comparison, FILE *stream,
                              trib_error *err)
{
        json_t     *root = json_object(), *object = json_object(), *changes = json_array();
        bool        has_failed = false;
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < comparison->count; i++)
                append(changes, change_of(&comparison->changes[i], &has_failed), &has_failed);
        set(root, "schema", json_integer(TRIB__RESULTS_SCHEMA), &has_failed);
        set(root, "tool", text(comparison->after->tool), &has_failed);
        set(object, "regressions", json_integer((json_int_t)comparison->regressions), &has_failed);
        set(object, "improvements", json_integer((json_int_t)comparison->improvements),
            &has_failed);
        set(object, "no_difference_shown", json_integer((json_int_t)comparison->same),
            &has_failed);
        set(object, "not_judged", json_integer((json_int_t)comparison->unjudged), &has_failed);
        set(object, "changes", changes, &has_failed);
        set(root, "comparison", object, &has_failed);
        set(root, "findings", findings_of(comparison, &has_failed), &has_failed);
        if (has_failed || TRIB__FAULT(LIBRARY, "report.compare")
            || (json_dumpf(root, stream, JSON_STYLE) != 0 && !ferror(stream)))
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for the JSON");
        else
                (void)fputc('\n', stream);
        json_decref(root);
        return status;
}

static void write_csv(const struct trib__comparison *comparison, FILE *stream)
{
        (void)fputs("workload,policy,kind,threads,before,after,change_percent,change_ci95_low,"
                    "change_ci95_high,p,p_holm,verdict\n", stream);
        for (size_t i = 0; i < comparison->count; i++) {
                const struct trib__change *change = &comparison->changes[i];
                char                       name[400];

                trib__workload_text(&change->sweep->workload, name, sizeof(name));
                for (char *c = name; *c != '\0'; c++)
                        if (*c == '"' || (unsigned char)*c < ' ' || *c == 127)
                                *c = '?';
                (void)fprintf(stream, "\"%s\",%s,%s,%u,%.10g,%.10g,%.6g,", name,
                              change->sweep->policy,
                              change->sweep->kind == TRIB__SWEEP_SIZES ? "sizes" : "threads",
                              change->after->threads, change->before->ops_per_s,
                              change->after->ops_per_s, change->percent);
                if (change->verdict == TRIB__VERDICT_NONE)
                        (void)fputs(",,,,", stream);
                else
                        (void)fprintf(stream, "%.6g,%.6g,%.4g,%.4g,", change->ci95[0],
                                      change->ci95[1], change->p, change->p_holm);
                (void)fprintf(stream, "%s\n", trib__verdict_name(change->verdict));
        }
}

static void fill_row(char (*cell)[TRIB__CELL_BYTES], const struct trib__change *change)
{
        char name[400];

        (void)snprintf(cell[0], TRIB__CELL_BYTES, "%.44s%s%.15s",
                       trib__workload_text(&change->sweep->workload, name, sizeof(name)),
                       change->sweep->precision[0] != '\0' ? ", " : "", change->sweep->precision);
        (void)snprintf(cell[1], TRIB__CELL_BYTES, "%u", change->after->threads);
        (void)snprintf(cell[2], TRIB__CELL_BYTES, "%s",
                       trib__grouped(change->before->ops_per_s).text);
        (void)snprintf(cell[3], TRIB__CELL_BYTES, "%s",
                       trib__grouped(change->after->ops_per_s).text);
        (void)snprintf(cell[4], TRIB__CELL_BYTES, "%+.1f %%", change->percent);
        if (change->verdict != TRIB__VERDICT_NONE)
                (void)snprintf(cell[5], TRIB__CELL_BYTES, "%+.1f to %+.1f", change->ci95[0],
                               change->ci95[1]);
        (void)snprintf(cell[6], TRIB__CELL_BYTES, "%s",
                       change->verdict == TRIB__VERDICT_SAME
                               ? "-"
                               : trib__verdict_name(change->verdict));
}

static trib_status write_table(const struct trib__comparison *comparison,
                               const struct trib__sink *sink, trib_error *err)
{
        struct trib__table table = { .columns = 0 };
        trib_status        status;

        trib__table_add_column(&table, "workload", true);
        trib__table_add_column(&table, "threads", false);
        trib__table_add_column(&table, "before", false);
        trib__table_add_column(&table, "after", false);
        trib__table_add_column(&table, "change", false);
        trib__table_add_column(&table, "95 %", false);
        trib__table_add_column(&table, "", true);
        status = trib__table_reserve(&table, comparison->count, err);
        for (size_t i = 0; i < comparison->count && status == TRIB_OK; i++)
                fill_row(trib__table_add_row(&table), &comparison->changes[i]);
        if (status == TRIB_OK)
                trib__table_print(&table, sink);
        trib__table_release(&table);
        return status;
}

static trib_status write_pages(const struct trib__comparison *comparison,
                               const struct trib__sink *sink, trib_error *err)
{
        char              buffer[TRIB__TEXT_BYTES + 64];
        struct trib__text said = trib__text_of(buffer, sizeof(buffer));
        trib_status       status;

        trib__sink_heading(sink, "Comparison, ops/s");
        status = write_table(comparison, sink, err);
        if (status != TRIB_OK)
                return status;
        trib__text_add(&said, "%zu slower, %zu faster, %zu without a difference shown",
                       comparison->regressions, comparison->improvements, comparison->same);
        if (comparison->unjudged > 0)
                trib__text_add(&said, ", %zu not judged", comparison->unjudged);
        trib__text_add(&said, ", of %zu points; intervals of each point alone, verdicts by Holm's "
                              "correction for all of them (5 %%)", comparison->count);
        (void)fputc('\n', sink->stream);
        trib__sink_item(sink, "in short", buffer);
        if (comparison->finding_count > 0)
                trib__sink_heading(sink, "Findings");
        for (size_t i = 0; i < comparison->finding_count; i++) {
                const struct trib__finding *finding = &comparison->findings[i];

                (void)snprintf(buffer, sizeof(buffer), "[%s] %s", finding->code, finding->text);
                trib__sink_item(sink, trib__severity_name(finding->severity), buffer);
        }
        return TRIB_OK;
}

static trib_status write_format(const struct trib__comparison *comparison,
                                const struct trib__report_style *style, FILE *stream,
                                trib_error *err)
{
        struct trib__sink sink = trib__sink_of(style, stream);

        switch (style->format) {
        case TRIB__REPORT_JSON:
                return write_json(comparison, stream, err);
        case TRIB__REPORT_CSV:
                write_csv(comparison, stream);
                return TRIB_OK;
        default:
                return write_pages(comparison, &sink, err);
        }
}

trib_status trib__report_comparison(const struct trib__comparison *comparison,
                                    const struct trib__report_style *style, const char *path,
                                    FILE *stream, trib_error *err)
{
        char       *bytes = NULL;
        size_t      size = 0;
        FILE       *memory = TRIB__FAULT(ALLOCATION, "report.compare")
                                     ? NULL
                                     : open_memstream(&bytes, &size);
        trib_status status;

        if (memory == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for its text");
        status = write_format(comparison, style, memory, err);
        /* Nothing but memory can be short here. */
        if (fclose(memory) != 0 && status == TRIB_OK)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for its text");
        if (status == TRIB_OK)
                status = trib__report_write_bytes(path, stream, bytes, size, err);
        free(bytes); /* of open_memstream */
        return status;
}
