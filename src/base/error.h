/* SPDX-License-Identifier: Apache-2.0 */
/* error.h: filling the caller's trib_error. */
#ifndef TRIB_BASE_ERROR_H
#define TRIB_BASE_ERROR_H

#include <tributary/status.h>

/* Write `status` and the text into err (which may be NULL) and return `status`, so that a failing
 * function ends in `return trib__fail(err, ...)`. Never allocates. The text may quote err's own
 * old message. */
TRIB_PRINTF(3, 4)
trib_status trib__fail(trib_error *err, trib_status status, const char *format, ...);

/* Put "context: " in front of err's message, so that a caller of a caller can say where. */
TRIB_PRINTF(2, 3)
void trib__error_prefix(trib_error *err, const char *format, ...);

/* The text of an errno value, written into buffer; thread-safe. Returns buffer. */
const char *trib__errno_text(int errnum, char *buffer, unsigned long size);

#endif
