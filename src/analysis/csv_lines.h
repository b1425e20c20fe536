/* SPDX-License-Identifier: Apache-2.0 */
/* csv_lines.h: the lines and cells of a CSV text.
 *
 * A *cursor* walks the lines; a line is a comment, or a *row* of cells that point into the text.
 * Every message names file, line and column (both from 1, the column in bytes) and what was
 * expected there. Nothing is copied or allocated. */
#ifndef TRIB_ANALYSIS_CSV_LINES_H
#define TRIB_ANALYSIS_CSV_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <tributary/status.h>

#define TRIB__CSV_CELLS_MAX 256

struct trib__csv_cell {
        const char *text;   /* without blanks and quotes around it */
        size_t      length;
        size_t      column;
};

struct trib__csv_row {
        struct trib__csv_cell cells[TRIB__CSV_CELLS_MAX];
        size_t                count;
        size_t                end_column; /* one behind the last byte of the line */
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

/* What: fail with TRIB_MALFORMED, naming the place. */
TRIB_PRINTF(3, 4)
trib_status trib__csv_refuse(const struct trib__csv_lines *csv, size_t column,
                             const char *format, ...);
trib_status trib__csv_refuse_cell(const struct trib__csv_lines *csv,
                                  const struct trib__csv_cell *cell, const char *field,
                                  const char *expected);

/* A piece of the file for a message: cut, and without bytes that a terminal would act on. */
const char *trib__csv_excerpt(const char *text, size_t length, char buffer[32]);

#endif
