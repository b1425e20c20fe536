/* SPDX-License-Identifier: Apache-2.0 */
/* read.h: measurements from files: CSV from anywhere, JSON of schema 1. Every file is treated as
 * hostile; what is not understood is refused with the place and what was expected, and nothing of
 * a refused file is used.
 *
 * CSV. Lines that start with '#' are comments, empty lines are skipped; the first other line
 * names the columns. Needed: `threads`, `ops_per_s`; for sizes also `in_features`,
 * `out_features`, `batch` (empty where `model` names a model). Understood when present:
 * `ops_per_s_ci95_low`, `ops_per_s_ci95_high`, `mean_us`, `p50_us`, `p90_us`, `p99_us`,
 * `p999_us`, `max_us`, `requests`, `errors` (each may be empty in a row), `sweep` (a number that
 * tells apart sweeps of the same workload; sizes may then be empty), `kind` (threads or sizes),
 * `policy`, `dtype`, `model`, `workload` (what in_features and so on describe; linear when absent).
 * Other columns are ignored, which a finding says. A cell may be quoted; commas may then be
 * inside, quotes and line ends may not.
 *
 * A thread sweep says which workload it measured in a comment: "Linear 2048->1024, batch 32,
 * fp32" anywhere in one comment line before the data, the dtype being optional. Or the caller
 * says. Rows of one workload with three thread counts or more are a thread sweep, unless `kind`
 * says otherwise. */
#ifndef TRIB_ANALYSIS_READ_H
#define TRIB_ANALYSIS_READ_H

#include "analysis/measurements.h"

#define TRIB__CSV_BYTES_MAX ((size_t)64 << 20)
#define TRIB__CSV_ROWS_MAX 1000000u
#define TRIB__JSON_BYTES_MAX ((size_t)16 << 20)

/* What: read the CSV or JSON file at `path` and append its sweeps to `results`. A file whose
 * first character is '{' is JSON. `workload` (may be NULL) is what thread sweeps without a
 * workload of their own have measured. JSON also brings machine and device facts.
 * Ownership: results stays the caller's; unchanged on failure.
 * Threads: any, each on its own results.   Blocks: on the file.
 * Errors: TRIB_NOT_FOUND and TRIB_IO (the file), TRIB_OVERFLOW (too large), TRIB_MALFORMED (with
 * file, line and field), TRIB_INVALID_ARGUMENT (another device than an earlier file),
 * TRIB_OUT_OF_MEMORY.   Since: 0.1 */
TRIB_MUST_USE trib_status trib__read_file(const char *path, const struct trib__workload *workload,
                                          struct trib__results *results, trib_error *err);

/* The same from memory; `name` stands for the file in messages. */
struct trib__read_input {
        const char                  *data;
        size_t                       size;
        const char                  *name;
        const struct trib__workload *workload; /* may be NULL */
};

TRIB_MUST_USE trib_status trib__read_csv(const struct trib__read_input *input,
                                         struct trib__results *results, trib_error *err);
TRIB_MUST_USE trib_status trib__read_json(const struct trib__read_input *input,
                                          struct trib__results *results, trib_error *err);

/* What: find "KIND IN->OUT[, batch N][, DTYPE]" in a text, e.g. in a comment. KIND is the word
 * before, "linear" when there is none. False when there is no such pattern. */
bool trib__workload_find(const char *text, size_t length, struct trib__workload *out);

/* What: parse "2048x1024x32" (in, out, batch) as a linear workload. */
bool trib__workload_parse(const char *text, struct trib__workload *out);

#endif
