/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c: the allocator as one JSON object. Reads what any thread may read, so no request
 * waits for it, but for those that need the central pool while its segments are written down
 * (lock: central.mutex). Parts are read one after the other, as statistics are. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory/history.h"
#include "memory/memory_priv.h"

struct text {
        char    *text;
        size_t   size;
        uint64_t length; /* of the whole, whether it fits or not */
};

TRIB_PRINTF(2, 3)
static void add(struct text *text, const char *format, ...)
{
        size_t  room = text->length < text->size ? text->size - (size_t)text->length : 0;
        va_list values;
        int     n;

        va_start(values, format);
        n = vsnprintf(room > 0 ? text->text + text->length : NULL, room, format, values);
        va_end(values);
        if (n > 0)
                text->length += (uint64_t)n;
}

/* A member of an object, with the comma that comes before all but the first. */
static void add_u64(struct text *text, const char *name, uint64_t value)
{
        add(text, "%s\"%s\":%llu", name[0] == '{' ? "{" : ",", name[0] == '{' ? name + 1 : name,
            (unsigned long long)value);
}

static double share_of(uint64_t part, uint64_t whole)
{
        return whole != 0 ? (double)part / (double)whole : 0;
}

/* Thousandths by hand: a program's locale may write its decimals with a comma. */
static void add_share(struct text *text, const char *name, double share)
{
        uint32_t thousandths = (uint32_t)(share * 1000 + 0.5);

        add(text, "%s\"%s\":%u.%03u", name[0] == '{' ? "{" : ",", name[0] == '{' ? name + 1 : name,
            thousandths / 1000, thousandths % 1000);
}

static void add_figures(struct text *text, struct trib__memory *memory)
{
        struct trib__memory_stats stats;
        uint64_t                  free;

        trib__memory_get_stats(memory, &stats);
        free = stats.central;
        add(text, "{\"schema\":1,\"design\":\"%s\",\"streams\":%u,\"bytes\":",
            memory->params.n_shards == 0 ? "caches" : "shards", memory->params.n_streams);
        add_u64(text, "{limit", stats.limit);
        add_u64(text, "reserved", stats.reserved);
        add_u64(text, "reserved_peak", stats.reserved_peak);
        add_u64(text, "requested", stats.requested);
        add_u64(text, "allocated", stats.allocated);
        add_u64(text, "limbo", stats.limbo);
        add_u64(text, "cached", stats.cached);
        add_u64(text, "central", stats.central);
        add_u64(text, "programs", stats.programs);
        add(text, "},\"calls\":");
        add_u64(text, "{allocations", stats.allocations);
        add_u64(text, "device_allocations", stats.device_allocations);
        add(text, "},\"ladder\":");
        add_u64(text, "{own_cache",
                stats.allocations - stats.from_central - stats.from_device - stats.from_donation -
                        stats.from_freeing - stats.from_waiting);
        add_u64(text, "central", stats.from_central);
        add_u64(text, "device", stats.from_device);
        add_u64(text, "donation", stats.from_donation);
        add_u64(text, "freeing", stats.from_freeing);
        add_u64(text, "waiting", stats.from_waiting);
        add_u64(text, "out_of_memory", stats.out_of_memory);
        add(text, "},\"fragmentation\":");
        add_share(text, "{inner",
                  stats.allocated != 0 ? 1 - share_of(stats.requested, stats.allocated) : 0);
        add_share(text, "outer", free != 0 ? 1 - share_of(stats.central_largest_run, free) : 0);
        add_u64(text, "largest_free_run", stats.central_largest_run);
        add(text, "}");
}

static void add_segment(struct text *text, const struct segment *segment)
{
        static const char *const kinds[] = { [RUN_FREE] = "free",
                                             [RUN_BLOCK] = "block",
                                             [RUN_SLAB] = "slab" };

        add(text, "{\"address\":\"%p\",\"bytes\":%llu,\"runs\":[", segment->address,
            (unsigned long long)segment->n_pages << PAGE_BITS);
        for (uint32_t i = 0; i < segment->n_pages; i += segment->runs[i].pages) {
                const struct run *run = &segment->runs[i];

                add(text, "%s{\"page\":%u,\"pages\":%u,\"kind\":\"%s\"", i > 0 ? "," : "", i,
                    run->pages, kinds[run->kind]);
                if (run->kind == RUN_SLAB) {
                        add_u64(text, "blocks", run->n_blocks);
                        add_u64(text, "cut", run->n_cut);
                        add_u64(text, "central", run->n_here);
                }
                add(text, "}");
        }
        add(text, "]}");
}

static void add_segments(struct text *text, struct trib__memory *memory)
{
        struct central *central = &memory->central;

        add(text, ",\"segments\":[");
        trib__lock(&central->mutex);
        for (const struct segment *s = central->segments; s != NULL; s = s->next) {
                if (s != central->segments)
                        add(text, ",");
                add_segment(text, s);
        }
        trib__unlock(&central->mutex);
        add(text, "]");
}

/* What is added up over the blocks while they are written down. */
struct sums {
        uint64_t listed[TRIB__MAX_STREAMS], limbo[TRIB__MAX_STREAMS], pushed[TRIB__MAX_STREAMS];
        uint64_t waits[TRIB__MAX_STREAMS]; /* bytes that wait for a stream */
};

static uint64_t completed(const struct trib__memory *memory, uint32_t l)
{
        /* Acquire: pairs with the release that published the stream's new queue. */
        trib__queue *queue = trib__load_acquire_ptr(&memory->params.timelines[l].queue);

        return queue != NULL ? memory->params.backend->completed(queue) : 0;
}

static void add_fences(struct text *text, const struct trib__memory *memory,
                       const struct block *block, struct sums *sums)
{
        /* Relaxed: a figure. */
        uint64_t    fenced = trib__load_relaxed_u64(&block->fenced);
        const char *comma = "";

        add(text, ",\"fences\":[");
        for (uint64_t left = fenced; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);
                bool     is_past = trib__fences_are_past(memory, block, UINT64_C(1) << l);

                add(text, "%s{\"stream\":%u,\"value\":%llu,\"is_past\":%s}", comma, l,
                    (unsigned long long)trib__fence_of(block, fenced, l),
                    is_past ? "true" : "false");
                comma = ",";
                if (!is_past)
                        sums->waits[l] += trib__block_size(block);
        }
        add(text, "]");
}

static void add_block(struct text *text, const struct trib__memory *memory,
                      const struct block *block, struct sums *sums)
{
        static const char *const places[] = { [PLACE_SPARE] = "spare",
                                              [PLACE_LIVE] = "live",
                                              [PLACE_IN_HAND] = "in-hand",
                                              [PLACE_LIST] = "list",
                                              [PLACE_LIMBO] = "limbo",
                                              [PLACE_PUSHED] = "remote",
                                              [PLACE_CENTRAL] = "central" };
        /* Relaxed, all of them: figures. */
        uint64_t   state = trib__load_relaxed_u64(&block->state), size = trib__block_size(block);
        uint32_t   home = trib__block_home(block) % TRIB__MAX_STREAMS;
        enum place place = trib__block_place(block);

        add(text, "{\"handle\":%llu,\"place\":\"%s\",\"address\":\"%p\",\"bytes\":%llu,\"home\":%u",
            (unsigned long long)GENERATION(state) << 32 | (block->slot + 1), places[place],
            /* Relaxed: as above. */
            trib__load_relaxed_ptr(&block->address), (unsigned long long)size, home);
        if (HOLDERS(state) != 0) {
                /* Relaxed: as above. */
                add_u64(text, "requested", trib__load_relaxed_u64(&block->requested));
                add_u64(text, "holders", HOLDERS(state));
                add_u64(text, "used_by", trib__load_relaxed_u64(&block->use_mask));
        } else if (place != PLACE_CENTRAL) {
                add_fences(text, memory, block, sums);
        }
        add(text, "}");
        sums->listed[home] += place == PLACE_LIST ? size : 0;
        sums->limbo[home] += place == PLACE_LIMBO ? size : 0;
        sums->pushed[home] += place == PLACE_PUSHED ? size : 0;
}

static void add_blocks(struct text *text, const struct trib__memory *memory, struct sums *sums)
{
        /* Relaxed: only how far to walk. */
        uint32_t    n = trib__load_relaxed_u32(&memory->n_slots);
        const char *comma = "";

        add(text, ",\"blocks\":[");
        for (uint32_t slot = 0; slot < n; slot++) {
                const struct block *block = trib__slot_at(memory, slot);

                if (block == NULL || trib__block_size(block) == 0)
                        continue;
                add(text, "%s", comma);
                comma = ",";
                add_block(text, memory, block, sums);
        }
        add(text, "]");
}

/* Of each stream: what its cache holds, how far it is, and the bytes that wait for it: of a stream
 * that hangs, what is stranded. */
static void add_streams(struct text *text, const struct trib__memory *memory,
                        const struct sums *sums)
{
        add(text, ",\"caches\":[");
        for (uint32_t l = 0; l < memory->params.n_streams; l++) {
                add(text, "%s", l > 0 ? "," : "");
                add_u64(text, "{stream", l);
                /* Relaxed, both: figures. */
                add_u64(text, "allocations", trib__load_relaxed_u64(&memory->caches[l].given));
                add_u64(text, "submitted",
                        trib__load_relaxed_u64(&memory->params.timelines[l].submitted));
                add_u64(text, "completed", completed(memory, l));
                add_u64(text, "list", sums->listed[l]);
                add_u64(text, "limbo", sums->limbo[l]);
                add_u64(text, "remote", sums->pushed[l]);
                add_u64(text, "waited_for", sums->waits[l]);
                add(text, "}");
        }
        add(text, "]");
}

static void add_history(struct text *text, const struct history *history)
{
        uint64_t    count = history != NULL ? trib__history_count(history) : 0;
        uint64_t    size = history != NULL ? trib__history_size(history) : 0;
        uint64_t    first = count > size ? count - size : 0;
        const char *comma = "";

        add(text, ",\"events\":%llu,\"history\":[", (unsigned long long)count);
        for (uint64_t i = first; i < count; i++) {
                struct trib__history_record record;

                if (!trib__history_read(history, i, &record))
                        continue;
                add(text, "%s{\"event\":\"%s\"", comma, trib__memory_event_name(record.event));
                comma = ",";
                add_u64(text, "number", record.number);
                add_u64(text, "time_ns", record.time);
                if (record.handle != 0)
                        add_u64(text, "handle", record.handle);
                if (record.stream < TRIB__MAX_STREAMS)
                        add_u64(text, "stream", record.stream);
                add_u64(text, "value", record.value);
                add(text, "}");
        }
        add(text, "]");
}

uint64_t trib__memory_describe(struct trib__memory *memory, char *out, size_t size)
{
        struct text text = { out, size, 0 };
        struct sums sums;

        memset(&sums, 0, sizeof(sums));
        add_figures(&text, memory);
        add_segments(&text, memory);
        add_blocks(&text, memory, &sums);
        add_streams(&text, memory, &sums);
        add_history(&text, memory->history);
        add(&text, "}");
        return text.length;
}
