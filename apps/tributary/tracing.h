/* SPDX-License-Identifier: Apache-2.0 */
/* tracing.h: --trace of the measuring subcommands. */
#ifndef TRIB_APPS_TRACING_H
#define TRIB_APPS_TRACING_H

#include "measuring.h"

/* Begin to record, if it was asked for. */
TRIB_MUST_USE trib_status trib_tracing_open(struct trib_measuring *measuring,
                                            const struct trib_measure_group *groups,
                                            size_t group_count, trib_error *err);

/* Write the trace, and say so, if there is one. Returns the exit status. */
int trib_tracing_write(struct trib_measuring *measuring);

#endif
