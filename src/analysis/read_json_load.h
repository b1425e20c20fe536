/* SPDX-License-Identifier: Apache-2.0 */
/* read_json_load.h: reading the member "load" of a sweep, for read_json.c alone. */
#ifndef TRIB_ANALYSIS_READ_JSON_LOAD_H
#define TRIB_ANALYSIS_READ_JSON_LOAD_H

#include "analysis/measurements.h"

struct json_t;

/* What: makes the sweep a load sweep from the JSON object; `where` begins the messages.
 * Errors: TRIB_MALFORMED, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__read_load(const char *where, struct json_t *object,
                                          struct trib__sweep *sweep, trib_error *err);

#endif
