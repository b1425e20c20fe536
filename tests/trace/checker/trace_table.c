/* SPDX-License-Identifier: Apache-2.0 */
/* trace_table.c: objects by address, and ranges of addresses that may not overlap. */
#include <stdlib.h>
#include <string.h>

#include "trace_check.h"

void *must(void *memory)
{
        if (memory == NULL) {
                (void)fprintf(stderr, "trace-check: no memory\n");
                exit(2);
        }
        return memory;
}

static size_t place_of(const struct map *map, uint64_t address)
{
        return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (map->capacity - 1);
}

struct object *map_find(const struct map *map, uint64_t address)
{
        if (map->capacity == 0)
                return NULL;
        for (size_t i = place_of(map, address); map->slots[i] != NULL;
             i = (i + 1) & (map->capacity - 1)) {
                if (map->slots[i]->address == address)
                        return map->slots[i];
        }
        return NULL;
}

static void put(struct map *map, struct object *object)
{
        size_t i = place_of(map, object->address);

        while (map->slots[i] != NULL)
                i = (i + 1) & (map->capacity - 1);
        map->slots[i] = object;
}

void map_add(struct map *map, struct object *object)
{
        if (map->count * 4 >= map->capacity) {
                struct map old = *map;

                map->capacity = old.capacity == 0 ? 1024 : old.capacity * 2;
                map->slots = must(calloc(map->capacity, sizeof(struct object *)));
                for (size_t i = 0; i < old.capacity; i++) {
                        if (old.slots[i] != NULL)
                                put(map, old.slots[i]);
                }
                free(old.slots);
        }
        put(map, object);
        map->count++;
}

void map_remove(struct map *map, uint64_t address)
{
        size_t mask = map->capacity - 1, hole = place_of(map, address);

        while (map->slots[hole] == NULL || map->slots[hole]->address != address)
                hole = (hole + 1) & mask;
        /* Move back what would not be found across the hole. */
        for (size_t i = (hole + 1) & mask; map->slots[i] != NULL; i = (i + 1) & mask) {
                size_t home = place_of(map, map->slots[i]->address);

                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        map->slots[hole] = map->slots[i];
                        hole = i;
                }
        }
        map->slots[hole] = NULL;
        map->count--;
}

/* The first range that begins after `address`. */
static size_t after(const struct ranges *ranges, uint64_t address)
{
        size_t low = 0, high = ranges->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (ranges->at[middle].start <= address)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct range *ranges_find(const struct ranges *ranges, uint64_t address)
{
        size_t i = after(ranges, address);

        return i > 0 ? &ranges->at[i - 1] : NULL;
}

bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t bytes, uint64_t slot)
{
        size_t   i = after(ranges, start);
        uint64_t end = start + bytes;

        if ((i > 0 && ranges->at[i - 1].end > start) ||
            (i < ranges->count && ranges->at[i].start < end))
                return false;
        if (ranges->count == ranges->capacity) {
                ranges->capacity = ranges->capacity == 0 ? 256 : ranges->capacity * 2;
                ranges->at = must(realloc(ranges->at, ranges->capacity * sizeof(*ranges->at)));
        }
        memmove(&ranges->at[i + 1], &ranges->at[i], (ranges->count - i) * sizeof(*ranges->at));
        ranges->at[i] = (struct range){ start, end, slot };
        ranges->count++;
        return true;
}

bool ranges_remove(struct ranges *ranges, uint64_t start)
{
        size_t i = after(ranges, start);

        if (i == 0 || ranges->at[i - 1].start != start)
                return false;
        memmove(&ranges->at[i - 1], &ranges->at[i], (ranges->count - i) * sizeof(*ranges->at));
        ranges->count--;
        return true;
}
