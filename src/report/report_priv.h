/* SPDX-License-Identifier: Apache-2.0 */
/* report_priv.h: one writer a format. They write to a stream and leave its errors to report.c. */
#ifndef TRIB_REPORT_REPORT_PRIV_H
#define TRIB_REPORT_REPORT_PRIV_H

#include "report/report.h"
#include "report/table.h"

/* Text and Markdown. Errors (of all three): TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_pages(const struct trib__results *results,
                                             const struct trib__sink *sink, trib_error *err);
TRIB_MUST_USE trib_status trib__report_json(const struct trib__results *results, FILE *stream,
                                            trib_error *err);
TRIB_MUST_USE trib_status trib__report_csv(const struct trib__results *results, FILE *stream,
                                           trib_error *err);

#endif
