/* SPDX-License-Identifier: Apache-2.0 */
/* report_peaks.h: what a device can do at most, as people read it. */
#ifndef TRIB_REPORT_PEAKS_H
#define TRIB_REPORT_PEAKS_H

#include "analysis/measurements.h"
#include "report/table.h"

/* What: one item a kind of peak: arithmetic, memory, caches, threads, and when they were measured;
 * what was not measured is left out. */
void trib__report_peaks(const struct trib__peaks *peaks, const struct trib__sink *sink);

/* What: the same in one item, as short as the head of a report wants it; nothing where none is
 * known. */
void trib__report_peaks_short(const struct trib__peaks *peaks, const struct trib__sink *sink);

/* What: an item that says what the device can do at most of a sweep's workload, and why; or that a
 * workload which computes nothing has no such limit. */
void trib__report_limit(const struct trib__sweep *sweep, const struct trib__sink *sink);

#endif
