/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: tables of short cells, and running text: for a terminal, aligned and wrapped; for
 * Markdown, with bars and left as they are; for HTML, escaped and marked up. What prints through
 * these functions alone is right in all three. */
#ifndef TRIB_REPORT_TABLE_H
#define TRIB_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <tributary/status.h>

#define TRIB__TABLE_COLUMNS_MAX 16
#define TRIB__CELL_BYTES 64

struct trib__table {
        size_t columns;
        char   headers[TRIB__TABLE_COLUMNS_MAX][TRIB__CELL_BYTES];
        bool   is_text[TRIB__TABLE_COLUMNS_MAX]; /* to the left; numbers go to the right */
        char (*cells)[TRIB__CELL_BYTES];         /* row by row; owned */
        size_t rows;
        size_t row_capacity;
};

/* What of HTML is open and has to be closed; all false at first. */
struct trib__sink_state {
        bool is_in_section;
        bool is_in_list;
};

struct trib__sweep;

/* The pictures of a report; of a sweep, or of the sizes run that begins with it. */
enum trib__figure {
        TRIB__FIGURE_THROUGHPUT,
        TRIB__FIGURE_LATENCY,
        TRIB__FIGURE_SHARES,
        TRIB__FIGURE_SIZES,
        TRIB__FIGURE_ABLATIONS,
        TRIB__FIGURE_LOAD
};

/* Where a report goes, and how. */
struct trib__sink {
        FILE    *stream;
        bool     is_markdown;
        unsigned columns; /* width for text, 80 or more */
        bool     is_html;
        struct trib__sink_state *state; /* of HTML */
        /* Draws a picture here if there is one; NULL: there are none. */
        void (*draw)(const struct trib__sink *sink, enum trib__figure figure, size_t index);
        const void *pictures; /* of draw */
};

/* What: columns first, then room for rows, then cells by row and column.
 * Errors: trib__table_reserve TRIB_OUT_OF_MEMORY; a column too many is left out. */
void trib__table_add_column(struct trib__table *table, const char *header, bool is_text);
TRIB_MUST_USE trib_status trib__table_reserve(struct trib__table *table, size_t rows,
                                              trib_error *err);

/* Begin a row; its cells are empty. NULL beyond what was reserved. */
char (*trib__table_add_row(struct trib__table *table))[TRIB__CELL_BYTES];

void trib__table_print(const struct trib__table *table, const struct trib__sink *sink);
void trib__table_release(struct trib__table *table);

/* A heading of a section. */
void trib__sink_heading(const struct trib__sink *sink, const char *text);

/* A line of text between paragraphs or tables. */
void trib__sink_note(const struct trib__sink *sink, const char *text);

/* The place of a picture: nothing where there is none. */
void trib__sink_figure(const struct trib__sink *sink, enum trib__figure figure, size_t index);

/* End the list of items, if one is open: whoever writes HTML by hand does that first. */
void trib__sink_close_list(const struct trib__sink *sink);

/* Close what is open, at the end of the report. */
void trib__sink_end(const struct trib__sink *sink);

/* What: text as the content of an HTML element or of a quoted attribute: markup is escaped, and
 * what is no UTF-8, or no character that HTML takes, becomes U+FFFD. */
void trib__html_text(FILE *stream, const char *text);

/* "label  text", the text wrapped into its own column; in Markdown a list item. */
void trib__sink_item(const struct trib__sink *sink, const char *label, const char *text);

#endif
