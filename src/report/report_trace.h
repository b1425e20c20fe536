/* SPDX-License-Identifier: Apache-2.0 */
/* report_trace.h: recorded requests as a trace that Perfetto and Chrome's about:tracing open. */
#ifndef TRIB_REPORT_REPORT_TRACE_H
#define TRIB_REPORT_REPORT_TRACE_H

#include <stdio.h>

#include <tributary/status.h>

#include "analysis/measurements.h"
#include "loadgen/recorder.h"

struct trib__trace_content {
        const struct trib__results  *results; /* for tool, machine, device, run */
        const struct trib__recorder *recorder; /* after trib__recorder_end */
};

/* What: the trace, in the JSON of the Trace Event Format, to a stream, which keeps its errors;
 * `context` is a struct trib__trace_content. As trib__report_write_files takes it.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_trace(void *context, FILE *stream, trib_error *err);

#endif
