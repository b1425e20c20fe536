/* SPDX-License-Identifier: Apache-2.0 */
/* csv_lines.h: the lines and cells of a CSV text.
 *
 * A *cursor* walks the lines; a line is a comment, or a *row* of cells that point into the text.
 * A *field* is the place of a cell in its row. Every message names file, line and field, or the
 * character (byte) of the line where it is not about a cell, all from 1, and what was expected
 * there. Nothing is copied or allocated. */
#ifndef TRIB_ANALYSIS_CSV_LINES_H
#define TRIB_ANALYSIS_CSV_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <tributary/status.h>

#define TRIB__CSV_CELLS_MAX 256

struct trib__csv_cell {
        const char *text;   /* without blanks and quotes around it */
        size_t      length;
};

struct trib__csv_row {
        struct trib__csv_cell cells[TRIB__CSV_CELLS_MAX];
        size_t                count;
};

enum trib__csv_line { TRIB__CSV_END, TRIB__CSV_COMMENT, TRIB__CSV_ROW };

struct trib__csv_lines {
        /* Set by the caller, with the rest 0. */
        const char *data;
        size_t      size;
        const char *name; /* of the file, for messages */
        trib_error *err;
        /* The cursor. */
        size_t      at;
        size_t      line;
        const char *text; /* of the line, without its end */
        size_t      length;
        struct trib__csv_row row; /* when it is one */
};

/* What: move to the next line that is not empty. Errors: TRIB_MALFORMED. */
TRIB_MUST_USE trib_status trib__csv_next(struct trib__csv_lines *csv, enum trib__csv_line *kind);

bool trib__csv_cell_is(const struct trib__csv_cell *cell, const char *text);

/* What: fail with TRIB_MALFORMED, naming the place: the line; a character of it; or a cell of the
 * row, of the column `name`, in which something else was expected. */
TRIB_PRINTF(2, 3)
trib_status trib__csv_refuse(const struct trib__csv_lines *csv, const char *format, ...);
TRIB_PRINTF(3, 4)
trib_status trib__csv_refuse_at(const struct trib__csv_lines *csv, size_t character,
                                const char *format, ...);
TRIB_PRINTF(4, 5)
trib_status trib__csv_refuse_field(const struct trib__csv_lines *csv,
                                   const struct trib__csv_cell *cell, const char *name,
                                   const char *format, ...);
trib_status trib__csv_refuse_cell(const struct trib__csv_lines *csv,
                                  const struct trib__csv_cell *cell, const char *name,
                                  const char *expected);

/* A piece of the file for a message: cut, and without bytes that a terminal would act on. */
const char *trib__csv_excerpt(const char *text, size_t length, char buffer[32]);

#endif
