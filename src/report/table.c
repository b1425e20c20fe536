/* SPDX-License-Identifier: Apache-2.0 */
/* table.c: see table.h. Texts from files are printable already, but a model's name may hold what
 * Markdown takes for markup; bars are escaped, so that a table stays a table. */
#include "report/table.h"

#include <stdint.h>
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

/* The length of the UTF-8 character that begins at `text`, or 0 if none does that HTML takes. */
static size_t character_length(const unsigned char *text)
{
        size_t   length = text[0] < 0x80   ? 1
                          : text[0] < 0xC2 ? 0
                          : text[0] < 0xE0 ? 2
                          : text[0] < 0xF0 ? 3
                          : text[0] < 0xF5 ? 4
                                           : 0;
        uint32_t code = length == 1 ? text[0] : text[0] & (0x7Fu >> length);

        for (size_t i = 1; i < length; i++) {
                if ((text[i] & 0xC0) != 0x80)
                        return 0;
                code = code << 6 | (text[i] & 0x3Fu);
        }
        if (code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0xD800 && code < 0xE000)
            || (length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10FFFF))
            || (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code < 0xFDF0)
            || (code >= 0x202A && code < 0x202F) || (code >= 0x2066 && code < 0x206A))
                return 0;
        return length;
}

void trib__html_text(FILE *stream, const char *text)
{
        static const struct {
                char        character;
                const char *entity;
        } entities[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
                         { '"', "&quot;" }, { '\'', "&#39;" } };

        while (*text != '\0') {
                size_t      length = character_length((const unsigned char *)text);
                const char *entity = length == 0 ? "\xEF\xBF\xBD" : NULL;

                for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
                        if (*text == entities[i].character)
                                entity = entities[i].entity;
                if (entity != NULL)
                        (void)fputs(entity, stream);
                else
                        (void)fwrite(text, 1, length, stream); /* No site: see the flush. */
                text += length > 0 ? length : 1;
        }
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

static void print_html_row(const struct trib__table *table,
                           const char (*cells)[TRIB__CELL_BYTES], bool is_header, FILE *stream)
{
        (void)fputs("<tr>", stream);
        for (size_t column = 0; column < table->columns; column++) {
                const char *name = is_header || column == 0 ? "th" : "td";

                (void)fprintf(stream, "<%s%s%s>", name,
                              is_header     ? " scope=\"col\""
                              : column == 0 ? " scope=\"row\""
                                            : "",
                              table->is_text[column] ? " class=\"text\"" : "");
                trib__html_text(stream, cells[column]);
                (void)fprintf(stream, "</%s>", name);
        }
        (void)fputs("</tr>\n", stream);
}

void trib__sink_close_list(const struct trib__sink *sink)
{
        if (!sink->is_html || !sink->state->is_in_list)
                return;
        (void)fputs("</dl>\n", sink->stream);
        sink->state->is_in_list = false;
}

/* A table that is too wide scrolls by itself, also by the keyboard; the page does not. */
static void print_html_table(const struct trib__table *table, const struct trib__sink *sink)
{
        trib__sink_close_list(sink);
        (void)fputs("<div class=\"scroll\" role=\"region\" aria-label=\"Table\" tabindex=\"0\">"
                    "<table>\n<thead>", sink->stream);
        print_html_row(table, table->headers, true, sink->stream);
        (void)fputs("</thead>\n<tbody>\n", sink->stream);
        for (size_t row = 0; row < table->rows; row++)
                print_html_row(table,
                               (const char(*)[TRIB__CELL_BYTES])(table->cells
                                                                 + row * table->columns),
                               false, sink->stream);
        (void)fputs("</tbody>\n</table></div>\n", sink->stream);
}

void trib__table_print(const struct trib__table *table, const struct trib__sink *sink)
{
        size_t widths[TRIB__TABLE_COLUMNS_MAX] = { 0 };

        if (sink->is_html) {
                print_html_table(table, sink);
                return;
        }
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

void trib__sink_end(const struct trib__sink *sink)
{
        if (!sink->is_html)
                return;
        trib__sink_close_list(sink);
        if (sink->state->is_in_section)
                (void)fputs("</section>\n", sink->stream);
        sink->state->is_in_section = false;
}

static void print_html_element(const struct trib__sink *sink, const char *name, const char *text)
{
        (void)fprintf(sink->stream, "<%s>", name);
        trib__html_text(sink->stream, text);
        (void)fprintf(sink->stream, "</%s>\n", name);
}

void trib__sink_heading(const struct trib__sink *sink, const char *text)
{
        if (sink->is_html) {
                trib__sink_end(sink);
                sink->state->is_in_section = true;
                (void)fputs("<section>\n", sink->stream);
                print_html_element(sink, "h2", text);
                return;
        }
        (void)fprintf(sink->stream, sink->is_markdown ? "\n## %s\n\n" : "\n%s\n\n", text);
}

void trib__sink_note(const struct trib__sink *sink, const char *text)
{
        if (sink->is_html) {
                trib__sink_close_list(sink);
                print_html_element(sink, "h3", text);
                return;
        }
        (void)fprintf(sink->stream, sink->is_markdown ? "\n%s\n\n" : "\n  %s\n\n", text);
}

void trib__sink_figure(const struct trib__sink *sink, enum trib__figure figure, size_t index)
{
        if (sink->draw == NULL)
                return;
        trib__sink_close_list(sink);
        sink->draw(sink, figure, index);
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

static void print_html_item(const struct trib__sink *sink, const char *label, const char *text)
{
        if (!sink->state->is_in_list)
                (void)fputs("<dl>\n", sink->stream);
        sink->state->is_in_list = true;
        /* The severities of findings have looks of their own. */
        if (strcmp(label, "error") == 0 || strcmp(label, "warning") == 0
            || strcmp(label, "caution") == 0)
                (void)fprintf(sink->stream, "<div class=\"%s\"><dt>", label);
        else
                (void)fputs("<div><dt>", sink->stream);
        trib__html_text(sink->stream, label);
        (void)fputs("</dt><dd>", sink->stream);
        trib__html_text(sink->stream, text);
        (void)fputs("</dd></div>\n", sink->stream);
}

void trib__sink_item(const struct trib__sink *sink, const char *label, const char *text)
{
        if (sink->is_html) {
                print_html_item(sink, label, text);
                return;
        }
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
