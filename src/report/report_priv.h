/* SPDX-License-Identifier: Apache-2.0 */
/* report_priv.h: one writer a format. They write to a stream and leave its errors to report.c. */
#ifndef TRIB_REPORT_REPORT_PRIV_H
#define TRIB_REPORT_REPORT_PRIV_H

#include "report/report.h"
#include "report/table.h"

/* The sink of text and Markdown. */
struct trib__sink trib__sink_of(const struct trib__report_style *style, FILE *stream);

/* What a reader wants first: advice and bottleneck, as items. Part of the pages but in HTML. */
void trib__report_summary(const struct trib__results *results, const struct trib__sink *sink);

/* Text, Markdown, and the inner part of HTML. Errors (of all three): TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_pages(const struct trib__results *results,
                                             const struct trib__sink *sink, trib_error *err);
TRIB_MUST_USE trib_status trib__report_json(const struct trib__results *results, FILE *stream,
                                            trib_error *err);
TRIB_MUST_USE trib_status trib__report_csv(const struct trib__results *results, FILE *stream,
                                           trib_error *err);
/* The part of a page that ablations fill; nothing where there are none. */
TRIB_MUST_USE trib_status trib__report_ablations(const struct trib__results *results,
                                                 const struct trib__sink *sink, trib_error *err);

/* report_json_load.c: a new JSON object, or NULL when memory is short. */
struct json_t;
struct json_t *trib__report_json_load(const struct trib__load *load);

/* report_load.c: what a load sweep says beside its point: arrivals, lateness, scenario, service
 * level with its trials. */
TRIB_MUST_USE trib_status trib__report_load(const struct trib__sweep *sweep,
                                            const struct trib__sink *sink, trib_error *err);

#endif
