/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h: a log-linear histogram of 64-bit values (nanoseconds): 64 equal steps a doubling,
 * so a value read back is at most 1/64 above the one recorded. Values below 64 are exact.
 * Not thread-safe: one writer, then merge. */
#ifndef TRIB_BASE_HISTOGRAM_H
#define TRIB_BASE_HISTOGRAM_H

#include <stdint.h>

#define TRIB__HISTOGRAM_STEP_BITS 6
#define TRIB__HISTOGRAM_TOP_BIT 42 /* values from 2^42 ns (73 min) on share the last bucket */
#define TRIB__HISTOGRAM_BUCKETS \
        ((TRIB__HISTOGRAM_TOP_BIT - TRIB__HISTOGRAM_STEP_BITS + 1) << TRIB__HISTOGRAM_STEP_BITS)

struct trib__histogram {
        uint64_t count;
        uint64_t max; /* exact */
        uint64_t sum;
        uint64_t buckets[TRIB__HISTOGRAM_BUCKETS];
};

void trib__histogram_clear(struct trib__histogram *histogram);
void trib__histogram_add(struct trib__histogram *histogram, uint64_t value);
void trib__histogram_merge(struct trib__histogram *into, const struct trib__histogram *from);

/* The value below or at which a share `quantile` (0..1) of the recorded values lie: the upper end
 * of the bucket that holds the ceil(quantile * count)-th smallest, never above max. 0 if empty. */
uint64_t trib__histogram_quantile(const struct trib__histogram *histogram, double quantile);

#endif
