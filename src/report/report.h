/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: concluded results as text for a terminal, JSON, CSV or Markdown.
 *
 * The JSON's keys are a contract (`schema` 1; more may be added). JSON and CSV can be read back by
 * analysis/read.h and give the same conclusions. Holds no state; results are only read. */
#ifndef TRIB_REPORT_REPORT_H
#define TRIB_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <tributary/status.h>

#include "analysis/measurements.h"

typedef enum trib__report_format {
        TRIB__REPORT_TEXT,
        TRIB__REPORT_JSON,
        TRIB__REPORT_CSV,
        TRIB__REPORT_MARKDOWN,
        TRIB__REPORT_HTML /* without plots; see plot.h */
} trib__report_format;

struct trib__report_style {
        trib__report_format format;
        unsigned            columns; /* width of the terminal, for text; 0 or less than 80 = 80 */
};

/* What: "text", "json", "csv", "md", "html". False for any other name. */
bool trib__report_format_parse(const char *name, trib__report_format *out);

/* What: the format that a file name asks for by its end (".json", ".csv", ".md", ".html"), else
 * text. */
trib__report_format trib__report_format_of_file(const char *path);

/* What: write results, concluded before, to a stream, and flush it.
 * Threads: any, while nobody changes the results.   Blocks: on the stream.
 * Errors: TRIB_IO (with the system's reason), TRIB_OUT_OF_MEMORY.   Since: 0.1 */
TRIB_MUST_USE trib_status trib__report_write(const struct trib__results *results,
                                             const struct trib__report_style *style, FILE *stream,
                                             trib_error *err);

/* What: the same to a file: written beside it, synced, then renamed over it, so that it is the
 * old one or the whole new one at any time; on failure nothing is left behind. What is not a
 * regular file (a pipe, /dev/stdout) is written directly. */
TRIB_MUST_USE trib_status trib__report_write_file(const struct trib__results *results,
                                                  const struct trib__report_style *style,
                                                  const char *path, trib_error *err);

/* One of several files that belong together. */
struct trib__report_file {
        const char *path;
        trib_status (*write)(void *context, FILE *stream, trib_error *err);
        void       *context;
};

/* What: several files in the same way: all of them are written beside their places before the
 * first is moved to its own, so that a disk that gets full leaves every old one as it was. */
TRIB_MUST_USE trib_status trib__report_write_files(const struct trib__report_file *files,
                                                   size_t count, trib_error *err);

/* What: write `bytes` in the same way, for output that is not about results; to `stream` when the
 * path is NULL. */
TRIB_MUST_USE trib_status trib__report_write_bytes(const char *path, FILE *stream,
                                                   const void *bytes, size_t size,
                                                   trib_error *err);

/* What: whether a report could be written there, to be asked before a long measurement: makes the
 * file beside it and removes it again. The file itself is not touched.
 * Errors: TRIB_IO, TRIB_NOT_FOUND. */
TRIB_MUST_USE trib_status trib__report_check_file(const char *path, trib_error *err);

#endif
