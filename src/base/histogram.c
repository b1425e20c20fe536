/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c: bucket b of doubling d (values 2^(d+6) .. 2^(d+7) - 1) is 2^d wide. */
#include "base/histogram.h"

#include <math.h>
#include <string.h>

#define STEPS (UINT64_C(1) << TRIB__HISTOGRAM_STEP_BITS)

static uint32_t bucket_of(uint64_t value)
{
        uint32_t top, shift;

        if (value < STEPS)
                return (uint32_t)value;
        top = 63u - (uint32_t)__builtin_clzll(value);
        if (top >= TRIB__HISTOGRAM_TOP_BIT)
                return TRIB__HISTOGRAM_BUCKETS - 1;
        shift = top - TRIB__HISTOGRAM_STEP_BITS;
        return (uint32_t)(((uint64_t)(shift + 1) << TRIB__HISTOGRAM_STEP_BITS) +
                          ((value >> shift) - STEPS));
}

static uint64_t bucket_end(uint32_t bucket)
{
        uint32_t doubling = bucket >> TRIB__HISTOGRAM_STEP_BITS;
        uint64_t step = bucket & (STEPS - 1);

        if (doubling == 0)
                return step;
        return ((STEPS + step + 1) << (doubling - 1)) - 1;
}

void trib__histogram_clear(struct trib__histogram *histogram)
{
        memset(histogram, 0, sizeof(*histogram));
}

void trib__histogram_add(struct trib__histogram *histogram, uint64_t value)
{
        histogram->count++;
        histogram->sum += value;
        if (value > histogram->max)
                histogram->max = value;
        histogram->buckets[bucket_of(value)]++;
}

void trib__histogram_merge(struct trib__histogram *into, const struct trib__histogram *from)
{
        into->count += from->count;
        into->sum += from->sum;
        if (from->max > into->max)
                into->max = from->max;
        for (uint32_t i = 0; i < TRIB__HISTOGRAM_BUCKETS; i++)
                into->buckets[i] += from->buckets[i];
}

uint64_t trib__histogram_quantile(const struct trib__histogram *histogram, double quantile)
{
        uint64_t seen = 0;
        uint64_t wanted = (uint64_t)ceil(quantile * (double)histogram->count);

        if (histogram->count == 0)
                return 0;
        if (wanted < 1)
                wanted = 1;
        for (uint32_t i = 0; i < TRIB__HISTOGRAM_BUCKETS; i++) {
                seen += histogram->buckets[i];
                if (seen >= wanted)
                        return i == TRIB__HISTOGRAM_BUCKETS - 1 ||
                                               bucket_end(i) > histogram->max
                                       ? histogram->max
                                       : bucket_end(i);
        }
        return histogram->max;
}
