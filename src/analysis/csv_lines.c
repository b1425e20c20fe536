/* SPDX-License-Identifier: Apache-2.0 */
/* csv_lines.c: the lines and cells of a CSV text, and messages that say where. See csv_lines.h. */
#include "analysis/csv_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

const char *trib__csv_excerpt(const char *text, size_t length, char buffer[32])
{
        size_t n = length < 24 ? length : 24;

        for (size_t i = 0; i < n; i++)
                buffer[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
        buffer[n] = '\0';
        if (length > n)
                memcpy(buffer + n, "...", 4);
        return buffer;
}

/* "FILE: line 3PLACE: DETAIL", the file's name cut in front where it is long. */
static trib_status refuse(const struct trib__csv_lines *csv, const char *place,
                          const char *detail)
{
        size_t length = strlen(csv->name);

        return trib__fail(csv->err, TRIB_MALFORMED, "%s%s: line %zu%s: %s",
                          length > 90 ? "..." : "",
                          length > 90 ? csv->name + length - 90 : csv->name, csv->line, place,
                          detail);
}

trib_status trib__csv_refuse(const struct trib__csv_lines *csv, const char *format, ...)
{
        char    detail[240];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        return refuse(csv, "", detail);
}

trib_status trib__csv_refuse_at(const struct trib__csv_lines *csv, size_t character,
                                const char *format, ...)
{
        char    detail[240], place[48];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        (void)snprintf(place, sizeof(place), ", character %zu", character);
        return refuse(csv, place, detail);
}

trib_status trib__csv_refuse_field(const struct trib__csv_lines *csv,
                                   const struct trib__csv_cell *cell, const char *name,
                                   const char *format, ...)
{
        char    detail[240], place[80];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        (void)snprintf(place, sizeof(place), ", field %zu%s%.32s%s",
                       (size_t)(cell - csv->row.cells) + 1, name[0] != '\0' ? " (" : "", name,
                       name[0] != '\0' ? ")" : "");
        return refuse(csv, place, detail);
}

trib_status trib__csv_refuse_cell(const struct trib__csv_lines *csv,
                                  const struct trib__csv_cell *cell, const char *name,
                                  const char *expected)
{
        char found[32];

        if (cell->length == 0)
                return trib__csv_refuse_field(csv, cell, name, "expected %s, the cell is empty",
                                              expected);
        return trib__csv_refuse_field(csv, cell, name, "expected %s, found '%s'", expected,
                                      trib__csv_excerpt(cell->text, cell->length, found));
}

/* Move to the next line; false at the end of the text. */
static bool next_line(struct trib__csv_lines *csv)
{
        const char *data = csv->data, *end;
        size_t      left = csv->size - csv->at;

        if (left == 0)
                return false;
        csv->line++;
        csv->text = data + csv->at;
        end = memchr(csv->text, '\n', left);
        csv->length = end != NULL ? (size_t)(end - csv->text) : left;
        csv->at += csv->length + (end != NULL ? 1 : 0);
        if (csv->length > 0 && csv->text[csv->length - 1] == '\r')
                csv->length--;
        return true;
}

/* No byte that has no place in a line of text. */
static trib_status check_bytes(struct trib__csv_lines *csv)
{
        for (size_t i = 0; i < csv->length; i++) {
                unsigned char c = (unsigned char)csv->text[i];

                if (c == '\r')
                        return trib__csv_refuse_at(csv, i + 1,
                                                   "expected a line end of \\n or \\r\\n, found a "
                                                   "carriage return alone");
                if (c == 127 || (c < ' ' && c != '\t'))
                        return trib__csv_refuse_at(csv, i + 1,
                                                   "expected text, found the byte 0x%02x",
                                                   (unsigned)c);
        }
        return TRIB_OK;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* One cell from *at to its comma or the end of the line; *at moves behind the comma. */
static trib_status take_cell(const struct trib__csv_lines *csv, size_t *at,
                             struct trib__csv_cell *cell)
{
        const char *text = csv->text;
        size_t      begin = *at, end;

        while (begin < csv->length && is_blank(text[begin]))
                begin++;
        if (begin < csv->length && text[begin] == '"') {
                const char *quote = memchr(text + begin + 1, '"', csv->length - begin - 1);

                if (quote == NULL)
                        return trib__csv_refuse_at(csv, begin + 1,
                                                   "expected a closing '\"' in this line");
                cell->text = text + begin + 1;
                cell->length = (size_t)(quote - cell->text);
                for (end = (size_t)(quote - text) + 1; end < csv->length && text[end] != ',';
                     end++)
                        if (!is_blank(text[end]))
                                return trib__csv_refuse_at(csv, end + 1,
                                                           "expected ',' or the end of the line "
                                                           "after '\"'");
                *at = end + 1;
                return TRIB_OK;
        }
        for (end = begin; end < csv->length && text[end] != ','; end++)
                if (text[end] == '"')
                        return trib__csv_refuse_at(csv, end + 1,
                                                   "expected '\"' only around a whole cell");
        *at = end + 1;
        while (end > begin && is_blank(text[end - 1]))
                end--;
        cell->text = text + begin;
        cell->length = end - begin;
        return TRIB_OK;
}

static trib_status split_row(struct trib__csv_lines *csv)
{
        size_t      at = 0;
        trib_status status;

        csv->row.count = 0;
        while (at <= csv->length) {
                if (csv->row.count == TRIB__CSV_CELLS_MAX)
                        return trib__csv_refuse(csv, "expected at most %d columns",
                                                TRIB__CSV_CELLS_MAX);
                status = take_cell(csv, &at, &csv->row.cells[csv->row.count]);
                if (status != TRIB_OK)
                        return status;
                csv->row.count++;
        }
        return TRIB_OK;
}

trib_status trib__csv_next(struct trib__csv_lines *csv, enum trib__csv_line *kind)
{
        trib_status status;

        for (*kind = TRIB__CSV_END; next_line(csv);) {
                size_t first = 0;

                status = check_bytes(csv);
                if (status != TRIB_OK)
                        return status;
                while (first < csv->length && is_blank(csv->text[first]))
                        first++;
                if (first == csv->length)
                        continue;
                *kind = csv->text[first] == '#' ? TRIB__CSV_COMMENT : TRIB__CSV_ROW;
                return *kind == TRIB__CSV_ROW ? split_row(csv) : TRIB_OK;
        }
        return TRIB_OK;
}

bool trib__csv_cell_is(const struct trib__csv_cell *cell, const char *text)
{
        return cell->length == strlen(text) && memcmp(cell->text, text, cell->length) == 0;
}
