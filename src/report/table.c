/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: see table.h. Texts from files are printable already, but a model's name may hold what
 * Markdown takes for markup; bars are escaped, so that a table stays a table. */
#include "report/table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define LABEL_WIDTH 13

void trib__table_add_column(struct trib__table *table, const char *header, bool is_text)
{
        if (table->columns == TRIB__TABLE_COLUMNS_MAX)
                return;
        (void)snprintf(table->headers[table->columns], TRIB__CELL_BYTES, "%s", header);
        table->is_text[table->columns++] = is_text;
}

trib_status trib__table_reserve(struct trib__table *table, size_t rows, trib_error *err)
{
        size_t cells;

        if (__builtin_mul_overflow(rows, table->columns, &cells))
                return trib__fail(err, TRIB_OVERFLOW, "report: a table is too large");
        table->cells = trib__calloc("report.table", cells, sizeof(*table->cells));
        if (table->cells == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for a table");
        table->rows = 0;
        table->row_capacity = rows;
        return TRIB_OK;
}

char (*trib__table_add_row(struct trib__table *table))[TRIB__CELL_BYTES]
{
        if (table->rows == table->row_capacity)
                return NULL;
        return table->cells + table->columns * table->rows++;
}

void trib__table_release(struct trib__table *table)
{
        trib__free(table->cells);
        table->cells = NULL;
        table->rows = table->row_capacity = 0;
}

static size_t column_width(const struct trib__table *table, size_t column)
{
        size_t width = strlen(table->headers[column]);

        for (size_t row = 0; row < table->rows; row++) {
                size_t length = strlen(table->cells[row * table->columns + column]);

                width = length > width ? length : width;
        }
        return width;
}

static void print_line(const struct trib__table *table, const size_t *widths,
                       const char (*cells)[TRIB__CELL_BYTES], const struct trib__sink *sink)
{
        for (size_t column = 0; column < table->columns; column++) {
                bool is_last = column + 1 == table->columns;

                (void)fputs(sink->is_markdown ? "| " : "  ", sink->stream);
                if (sink->is_markdown)
                        for (const char *c = cells[column]; *c != '\0'; c++)
                                (void)fprintf(sink->stream, "%s%c", *c == '|' ? "\\" : "", *c);
                else if (!table->is_text[column])
                        (void)fprintf(sink->stream, "%*s", (int)widths[column], cells[column]);
                else if (is_last)
                        (void)fputs(cells[column], sink->stream);
                else
                        (void)fprintf(sink->stream, "%-*s", (int)widths[column], cells[column]);
                if (sink->is_markdown)
                        (void)fputc(' ', sink->stream);
        }
        (void)fputs(sink->is_markdown ? "|\n" : "\n", sink->stream);
}

void trib__table_print(const struct trib__table *table, const struct trib__sink *sink)
{
        size_t widths[TRIB__TABLE_COLUMNS_MAX] = { 0 };

        for (size_t column = 0; column < table->columns; column++)
                widths[column] = column_width(table, column);
        print_line(table, widths, table->headers, sink);
        if (sink->is_markdown) {
                for (size_t column = 0; column < table->columns; column++)
                        (void)fputs(table->is_text[column] ? "|:---" : "|---:", sink->stream);
                (void)fputs("|\n", sink->stream);
        }
        for (size_t row = 0; row < table->rows; row++)
                print_line(table, widths,
                           (const char(*)[TRIB__CELL_BYTES])(table->cells
                                                             + row * table->columns), sink);
}

void trib__sink_heading(const struct trib__sink *sink, const char *text)
{
        (void)fprintf(sink->stream, sink->is_markdown ? "\n## %s\n\n" : "\n%s\n\n", text);
}

/* Words of `text` from column `indent` on, broken where they would pass the width. */
static void print_wrapped(const struct trib__sink *sink, size_t indent, const char *text)
{
        size_t at = indent;

        while (*text != '\0') {
                size_t length = strcspn(text, " ");

                if (at > indent && at + 1 + length > sink->columns) {
                        (void)fprintf(sink->stream, "\n%*s", (int)indent, "");
                        at = indent;
                } else if (at > indent) {
                        (void)fputc(' ', sink->stream);
                        at++;
                }
                (void)fwrite(text, 1, length, sink->stream); /* No site: see the flush. */
                at += length;
                text += length + strspn(text + length, " ");
        }
        (void)fputc('\n', sink->stream);
}

void trib__sink_item(const struct trib__sink *sink, const char *label, const char *text)
{
        if (sink->is_markdown) {
                (void)fprintf(sink->stream, "- **%s**: %s\n", label, text);
                return;
        }
        if (strlen(label) > LABEL_WIDTH)
                (void)fprintf(sink->stream, "  %s\n%*s", label, LABEL_WIDTH + 4, "");
        else
                (void)fprintf(sink->stream, "  %-*s  ", LABEL_WIDTH, label);
        print_wrapped(sink, LABEL_WIDTH + 4, text);
}
