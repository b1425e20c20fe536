/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h: the text of a report with plots in it, drawn with characters. */
#ifndef TRIB_REPORT_TERMINAL_H
#define TRIB_REPORT_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include <tributary/status.h>

#include "analysis/measurements.h"

struct trib__terminal {
        unsigned columns;   /* 0 or less than 80 = 80 */
        bool     has_utf8;  /* finer dots, and lines  */
        bool     has_color; /* ANSI escapes           */
};

/* What: the text as trib__report_write gives it, with plots of throughput and of the parts of a
 * request's time, no wider than the terminal, and 100 columns at most.
 * Threads: any, while nobody changes the results.   Blocks: on the stream.
 * Errors: TRIB_IO, TRIB_OUT_OF_MEMORY.   Since: 0.1 */
TRIB_MUST_USE trib_status trib__report_terminal(const struct trib__results *results,
                                                const struct trib__terminal *terminal,
                                                FILE *stream, trib_error *err);

#endif
