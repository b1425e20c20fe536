/* SPDX-License-Identifier: Apache-2.0 */
/* history.c: a ring of the last events, written by any thread. No locks: a record is claimed by its
 * number; who finds it claimed, because the ring has gone round meanwhile, drops his event. */
#include "memory/history.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#define CLAIMED UINT64_MAX

struct record {
        trib__atomic_u64 number; /* + 1; 0: never written; CLAIMED: being written */
        trib__atomic_u64 time, handle, value, what; /* what: event << 32 | stream */
};

struct history {
        uint32_t                                    n; /* fixed */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 count;
        struct record                               records[];
};

const char *trib__memory_event_name(enum trib__memory_event event)
{
        static const char *const names[TRIB__MEMORY_EVENTS] = {
                [TRIB__MEMORY_ALLOC] = "alloc",
                [TRIB__MEMORY_USE] = "use",
                [TRIB__MEMORY_SHARE] = "share",
                [TRIB__MEMORY_FREE] = "free",
                [TRIB__MEMORY_SETTLE] = "settle",
                [TRIB__MEMORY_DONATE] = "donate",
                [TRIB__MEMORY_SEGMENT_ADD] = "segment-add",
                [TRIB__MEMORY_SEGMENT_FREE] = "segment-free",
                [TRIB__MEMORY_OUT_OF_MEMORY] = "out-of-memory",
        };

        return event < TRIB__MEMORY_EVENTS ? names[event] : "?";
}

trib_status trib__history_create(uint32_t n, struct history **out, trib_error *err)
{
        size_t          bytes = sizeof(struct history) + (size_t)n * sizeof(struct record);
        struct history *history;

        *out = NULL;
        if (n == 0)
                return TRIB_OK;
        bytes = (bytes + TRIB__CACHE_LINE - 1) / TRIB__CACHE_LINE * TRIB__CACHE_LINE;
        history = trib__aligned("memory.history", TRIB__CACHE_LINE, bytes);
        if (history == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "no memory for a history of %u events", n);
        history->n = n;
        /* Relaxed, both: nobody else knows the ring yet. */
        trib__store_relaxed_u64(&history->count, 0);
        for (uint32_t i = 0; i < n; i++)
                trib__store_relaxed_u64(&history->records[i].number, 0); /* Relaxed: above. */
        *out = history;
        return TRIB_OK;
}

void trib__history_destroy(struct history *history)
{
        trib__free(history);
}

static uint64_t handle_of(const struct block *block)
{
        /* Relaxed: a note. */
        uint64_t state = block != NULL ? trib__load_relaxed_u64(&block->state) : 0;

        return block != NULL ? (uint64_t)GENERATION(state) << 32 | (block->slot + 1) : 0;
}

void trib__history_add(struct history *history, enum trib__memory_event event,
                       const struct block *block, uint32_t stream, uint64_t value)
{
        /* Relaxed: only that numbers differ. */
        uint64_t       number = trib__fetch_add_relaxed_u64(&history->count, 1);
        struct record *record = &history->records[number % history->n];
        uint64_t       seen = trib__load_relaxed_u64(&record->number); /* Relaxed: a guess. */

        /* Acquire: nobody else writes the record from here on; pairs with the release below. */
        if (seen == CLAIMED || seen > number ||
            !trib__cas_acquire_u64(&record->number, &seen, CLAIMED))
                return;
        /* Release, all of them: a reader that sees any of these sees the claim above it. */
        trib__store_release_u64(&record->time, trib__now());
        trib__store_release_u64(&record->handle, handle_of(block));
        trib__store_release_u64(&record->value, value);
        /* Release: as above. */
        trib__store_release_u64(&record->what, (uint64_t)event << 32 | stream);
        trib__store_release_u64(&record->number, number + 1);
}

uint64_t trib__history_count(const struct history *history)
{
        /* Relaxed: a statistic. */
        return trib__load_relaxed_u64(&history->count);
}

uint32_t trib__history_size(const struct history *history)
{
        return history->n;
}

bool trib__history_read(const struct history *history, uint64_t number,
                        struct trib__history_record *out)
{
        const struct record *record = &history->records[number % history->n];
        uint64_t             what;

        /* Acquire, all of them: pairs with the releases in add: whoever overwrites what is read
         * here has claimed the record before, and the second look sees that. */
        if (trib__load_acquire_u64(&record->number) != number + 1)
                return false;
        out->number = number;
        out->time = trib__load_acquire_u64(&record->time);
        /* Acquire: as above. */
        out->handle = trib__load_acquire_u64(&record->handle);
        out->value = trib__load_acquire_u64(&record->value);
        what = trib__load_acquire_u64(&record->what);
        out->stream = (uint32_t)what;
        out->event = (enum trib__memory_event)(what >> 32);
        /* Acquire: as above. */
        return trib__load_acquire_u64(&record->number) == number + 1;
}
