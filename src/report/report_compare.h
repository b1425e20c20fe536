/* SPDX-License-Identifier: Apache-2.0 */
/* report_compare.h: a comparison of two runs as text, JSON, CSV or Markdown. Holds no state. */
#ifndef TRIB_REPORT_REPORT_COMPARE_H
#define TRIB_REPORT_REPORT_COMPARE_H

#include "analysis/compare.h"
#include "report/report.h"

/* What: write a comparison to a file, as trib__report_write_file does, or to `stream` when the
 * path is NULL.
 * Threads: any, while nobody changes the results.   Blocks: on the stream or file.
 * Errors: TRIB_IO, TRIB_NOT_FOUND, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_comparison(const struct trib__comparison *comparison,
                                                  const struct trib__report_style *style,
                                                  const char *path, FILE *stream,
                                                  trib_error *err);

#endif
