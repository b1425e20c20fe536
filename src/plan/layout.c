/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c: where intermediate values lie in the slab. A pure function. */
#include "plan/plan.h"

/* Larger first; ties in order of birth, so that the layout is the same every time. */
static void sort_by_size(const struct trib__lifetime *lifetimes, uint32_t *order, uint32_t count)
{
        /* Shell sort (gaps of Knuth, 1973): in place, no recursion. */
        uint32_t gap = 1;

        for (uint32_t i = 0; i < count; i++)
                order[i] = i;
        while (gap < count / 3)
                gap = gap * 3 + 1;
        for (; gap > 0; gap /= 3) {
                for (uint32_t i = gap; i < count; i++) {
                        uint32_t moved = order[i];
                        uint64_t bytes = lifetimes[moved].bytes;
                        uint32_t j = i;

                        while (j >= gap && (lifetimes[order[j - gap]].bytes < bytes ||
                                            (lifetimes[order[j - gap]].bytes == bytes &&
                                             order[j - gap] > moved))) {
                                order[j] = order[j - gap];
                                j -= gap;
                        }
                        order[j] = moved;
                }
        }
}

static bool overlaps_in_time(const struct trib__lifetime *a, const struct trib__lifetime *b)
{
        return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `wanted` fits beside those of order[0 .. placed) alive with it. */
static uint64_t lowest_gap(const struct trib__lifetime *lifetimes, const uint32_t *order,
                           uint32_t placed, const struct trib__lifetime *wanted)
{
        uint64_t offset = 0;
        bool     has_moved = true;

        while (has_moved) {
                has_moved = false;
                for (uint32_t i = 0; i < placed; i++) {
                        const struct trib__lifetime *other = &lifetimes[order[i]];

                        if (overlaps_in_time(other, wanted) &&
                            offset < other->offset + other->bytes &&
                            other->offset < offset + wanted->bytes) {
                                offset = other->offset + other->bytes;
                                has_moved = true;
                        }
                }
        }
        return offset;
}

uint64_t trib__plan_layout(struct trib__lifetime *lifetimes, uint32_t *order, uint32_t count)
{
        uint64_t slab = 0;

        sort_by_size(lifetimes, order, count);
        for (uint32_t i = 0; i < count; i++) {
                struct trib__lifetime *placed = &lifetimes[order[i]];

                placed->offset = lowest_gap(lifetimes, order, i, placed);
                if (placed->offset + placed->bytes > slab)
                        slab = placed->offset + placed->bytes;
        }
        return slab;
}
