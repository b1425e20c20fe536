/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: handles, holders and figures: what both designs share, and the way into either. See
 * memory.h for the nouns. No locks here. */
#include "memory/memory.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"
#include "memory/history.h"
#include "memory/memory_priv.h"

/* The stream for which this thread last allocated: where it most likely works. */
static _Thread_local uint32_t near_mine = TRIB__MAX_STREAMS;

trib_status trib__memory_create(const struct trib__memory_params *params,
                                struct trib__memory **out, trib_error *err)
{
        struct trib__memory *memory;
        trib_status          status;

        *out = NULL;
        memory = trib__aligned("memory.create", TRIB__CACHE_LINE, sizeof(*memory));
        if (memory == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for an allocator");
        memset(memory, 0, sizeof(*memory));
        memory->params = *params;
        trib__caches_init(memory);
        status = trib__history_create(params->n_history, &memory->history, err);
        if (status != TRIB_OK)
                goto fail_history;
        status = trib__mutex_init(&memory->slots_mutex, TRIB__RANK_HANDLES, err);
        if (status != TRIB_OK)
                goto fail_slots;
        status = trib__central_init(memory, err);
        if (status != TRIB_OK)
                goto fail_central;
        status = trib__shards_init(memory, err);
        if (status != TRIB_OK)
                goto fail_shards;
        TRIB__TRACE(MEMORY_OPEN, memory, params->limit, params->n_streams, params->n_shards);
        *out = memory;
        return TRIB_OK;

fail_shards:
        trib__central_destroy(memory);
fail_central:
        trib__mutex_destroy(&memory->slots_mutex);
fail_slots:
        trib__history_destroy(memory->history);
fail_history:
        trib__free(memory);
        return status;
}

void trib__memory_destroy(struct trib__memory *memory)
{
        if (memory == NULL)
                return;
        TRIB__TRACE(MEMORY_CLOSE, memory, 0);
        for (uint32_t c = 0; c < MAX_CHUNKS; c++) {
                /* Acquire: pairs with the release in trib__slot_take. */
                struct chunk *chunk = trib__load_acquire_ptr(&memory->chunks[c]);

                for (uint32_t i = 0; chunk != NULL && i < BLOCKS_PER_CHUNK; i++) {
                        struct block *block = &chunk->blocks[i];
                        /* Relaxed: no other thread uses the allocator any more. */
                        void *address = trib__load_relaxed_ptr(&block->address);

                        if (address != NULL && block->run == NULL)
                                memory->params.backend->free(memory->params.device, address,
                                                             trib__block_size(block));
                }
                if (chunk != NULL)
                        trib__free(chunk->fences);
                trib__free(chunk);
        }
        trib__shards_destroy(memory);
        trib__central_destroy(memory);
        trib__mutex_destroy(&memory->slots_mutex);
        trib__history_destroy(memory->history);
        trib__free(memory);
}

/* ---- handing out ------------------------------------------------------------------------ */

static void hand_out(struct trib__memory *memory, struct block *block, uint32_t stream,
                     uint64_t bytes, uint64_t *handle)
{
        /* Relaxed, all of them: nobody else knows the block yet; the release below publishes it. */
        uint32_t generation = GENERATION(trib__load_relaxed_u64(&block->state));

        trib__store_relaxed_u64(&block->requested, bytes);
        trib__store_relaxed_u64(&block->use_mask, UINT64_C(1) << stream);
        trib__block_put(block, PLACE_LIVE);
        trib__event(memory, TRIB__MEMORY_ALLOC, block, stream, bytes);
        TRIB__TRACE(ALLOC, memory, block->slot, generation, stream, trib__block_size(block),
                    bytes);
        /* Release: pairs with the acquire in find. */
        trib__store_release_u64(&block->state, STATE(generation, 1));
        *handle = (uint64_t)generation << 32 | (block->slot + 1);
}

/* The way of a request that the stream's cache could not serve, or of one to the shards. */
static __attribute__((noinline)) trib_status take_elsewhere(struct trib__memory *memory,
                                                            struct want *want, uint64_t deadline,
                                                            uint64_t *handle, trib_error *err)
{
        struct block *block = NULL;
        trib_status   status;

        if (want->bytes > UINT64_C(1) << 62)
                return trib__fail(err, TRIB_OVERFLOW, "a buffer of %llu bytes",
                                  (unsigned long long)want->bytes);
        if (memory->params.n_shards != 0)
                status = trib__shards_take(memory, want, &block, err);
        else
                status = trib__ladder_take(memory, want, deadline, &block, err);
        if (status != TRIB_OK) {
                TRIB__TRACE(OUT_OF_MEMORY, memory, want->bytes);
                trib__event(memory, TRIB__MEMORY_OUT_OF_MEMORY, NULL, want->stream, want->bytes);
                return status;
        }
        trib__block_settle(block, trib__block_list(block), want->stream);
        hand_out(memory, block, want->stream, want->bytes, handle);
        return TRIB_OK;
}

trib_status trib__memory_alloc(struct trib__memory *memory, uint32_t stream, uint64_t bytes,
                               uint64_t deadline, uint64_t *handle, trib_error *err)
{
        struct want   want;
        struct block *block;

        near_mine = stream;
        *handle = 0;
        want.list = trib__memory_class(bytes, &want.size);
        if (__builtin_expect(memory->params.n_shards == 0, true)) {
                block = trib__cache_take(memory, stream, want.list, want.size);
                if (__builtin_expect(block != NULL, true)) {
                        hand_out(memory, block, stream, bytes, handle);
                        return TRIB_OK;
                }
        }
        want.stream = stream;
        want.bytes = bytes;
        want.slot = NULL;
        want.is_desperate = false;
        return take_elsewhere(memory, &want, deadline, handle, err);
}

/* ---- handles ---------------------------------------------------------------------------- */

/* The block of a live handle, or NULL. *state is what was seen. */
static struct block *find(struct trib__memory *memory, uint64_t handle, uint64_t *state)
{
        struct block *block = NULL;

        if ((uint32_t)handle != 0)
                block = trib__slot_at(memory, (uint32_t)handle - 1);
        if (block == NULL)
                return NULL;
        /* Acquire: pairs with the release in hand_out, so that the block's fields are seen. */
        *state = trib__load_acquire_u64(&block->state);
        return GENERATION(*state) == handle >> 32 && HOLDERS(*state) != 0 ? block : NULL;
}

static bool is_live(uint64_t state, uint64_t handle)
{
        return GENERATION(state) == handle >> 32 && HOLDERS(state) != 0;
}

static trib_status stale(const struct trib__memory *memory, uint64_t handle, trib_error *err)
{
        (void)memory;
        if (handle == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "buffer 0 is none");
        TRIB__TRACE(STALE, memory, (uint32_t)handle - 1, handle >> 32);
        return trib__fail(err, TRIB_STALE, "buffer %llu was released before",
                          (unsigned long long)handle);
}

trib_status trib__memory_retain(struct trib__memory *memory, uint64_t handle, trib_error *err)
{
        uint64_t      state = 0;
        struct block *block = find(memory, handle, &state);

        while (block != NULL && is_live(state, handle)) {
                if (HOLDERS(state) == UINT32_MAX)
                        return trib__fail(err, TRIB_OVERFLOW, "a buffer has 2^32 - 1 holders");
                /* AcqRel: keeps the chain of holders ordered for the last one. */
                if (!trib__cas_acqrel_u64(&block->state, &state, state + 1))
                        continue;
                TRIB__TRACE(SHARE, memory, block->slot, handle >> 32);
                trib__event(memory, TRIB__MEMORY_SHARE, block, trib__block_home(block),
                            HOLDERS(state) + 1);
                return TRIB_OK;
        }
        return stale(memory, handle, err);
}

/* The last holder is gone. */
static void retire(struct trib__memory *memory, struct block *block, uint32_t near)
{
        trib__block_put(block, PLACE_IN_HAND);
        trib__fences_take(memory, block);
        /* Relaxed: ours now. */
        TRIB__TRACE(FREE, memory, block->slot, GENERATION(trib__load_relaxed_u64(&block->state)),
                    trib__load_relaxed_u64(&block->fenced));
        trib__event(memory, TRIB__MEMORY_FREE, block, near < TRIB__MAX_STREAMS ? near : near_mine,
                    trib__load_relaxed_u64(&block->fenced)); /* Relaxed: as above. */
        if (__builtin_expect(memory->params.n_shards != 0, false))
                trib__shards_give(memory, block);
        else
                trib__cache_give(memory, block, near != TRIB__NEAR_MINE ? near : near_mine);
}

trib_status trib__memory_release(struct trib__memory *memory, uint64_t handle, uint32_t near,
                                 trib_error *err)
{
        /* Most blocks have one holder: swap at once, without a look before that. The block's line
         * may be another core's, and comes over once, to be written. */
        uint64_t      state = STATE(handle >> 32, 1);
        struct block *block = NULL;

        if ((uint32_t)handle != 0)
                block = trib__slot_at(memory, (uint32_t)handle - 1);
        if (__builtin_expect(block == NULL, false))
                return stale(memory, handle, err);
        TRIB__TRACE(DROP, memory, block->slot, handle >> 32, near);
        while (is_live(state, handle)) {
                bool     is_last = HOLDERS(state) == 1;
                uint32_t next = GENERATION(state) == UINT32_MAX ? 1 : GENERATION(state) + 1;

                /* AcqRel: release gives our writes and uses to the last holder; acquire, as the
                 * last, sees those of all. */
                if (!trib__cas_acqrel_u64(&block->state, &state,
                                          is_last ? STATE(next, 0) : state - 1))
                        continue;
                if (is_last)
                        retire(memory, block, near);
                return TRIB_OK;
        }
        TRIB__TRACE(DROP_REFUSED, memory, block->slot, handle >> 32);
        return stale(memory, handle, err);
}

trib_status trib__memory_use(struct trib__memory *memory, uint64_t handle, uint32_t stream,
                             trib_error *err)
{
        uint64_t      state, bit = UINT64_C(1) << stream;
        struct block *block = find(memory, handle, &state);

        if (block == NULL)
                return stale(memory, handle, err);
        TRIB__TRACE(USE, memory, block->slot, handle >> 32, stream);
        /* Relaxed, both: the caller holds the block; its release orders this before the last
         * drop, and a bit that is set stays so until then. */
        if ((trib__load_relaxed_u64(&block->use_mask) & bit) == 0) {
                (void)trib__fetch_or_relaxed_u64(&block->use_mask, bit); /* Relaxed: above. */
                trib__event(memory, TRIB__MEMORY_USE, block, stream, 0);
        }
        return TRIB_OK;
}

trib_status trib__memory_lookup(struct trib__memory *memory, uint64_t handle, void **address,
                                uint64_t *bytes, trib_error *err)
{
        uint64_t      state;
        struct block *block = find(memory, handle, &state);

        if (block == NULL)
                return stale(memory, handle, err);
        /* Relaxed, both: written before the release that find has seen. */
        *address = trib__load_relaxed_ptr(&block->address);
        *bytes = trib__load_relaxed_u64(&block->requested);
        return TRIB_OK;
}

/* ---- the cap ---------------------------------------------------------------------------- */

static bool reserve_after_trim(struct trib__memory *memory, uint64_t bytes)
{
        if (memory->params.n_shards == 0)
                return trib__ladder_reserve(memory, bytes);
        (void)trib__shards_trim(memory);
        return trib__cap_reserve(memory, bytes);
}

trib_status trib__memory_charge(struct trib__memory *memory, uint64_t bytes, trib_error *err)
{
        if (!trib__cap_reserve(memory, bytes) && !reserve_after_trim(memory, bytes)) {
                TRIB__TRACE(OUT_OF_MEMORY, memory, bytes);
                return trib__memory_fail(memory, bytes, "", err);
        }
        trib__cap_note_peak(memory);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->programs, bytes);
        TRIB__TRACE(CHARGE, memory, bytes);
        return TRIB_OK;
}

void trib__memory_uncharge(struct trib__memory *memory, uint64_t bytes)
{
        TRIB__TRACE(UNCHARGE, memory, bytes);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->programs, 0 - bytes);
        trib__cap_unreserve(memory, bytes);
}

uint64_t trib__memory_trim(struct trib__memory *memory)
{
        if (memory->params.n_shards != 0)
                return trib__shards_trim(memory);
        return trib__ladder_trim(memory);
}

/* ---- figures ---------------------------------------------------------------------------- */

static void count_block(const struct trib__memory *memory, const struct block *block,
                        struct trib__memory_stats *out)
{
        /* Acquire, both: what is read between two looks that show one generation is of it. */
        uint64_t state = trib__load_acquire_u64(&block->state);
        uint64_t size = trib__block_size(block);
        uint64_t requested = trib__load_acquire_u64(&block->requested);

        if (size == 0)
                return;
        if (HOLDERS(state) == 0) {
                if (trib__fences_are_all_past(memory, block))
                        out->cached += size;
                else
                        out->limbo += size;
                /* Relaxed: the second look; the load above keeps it behind. */
        } else if (GENERATION(trib__load_relaxed_u64(&block->state)) == GENERATION(state)) {
                out->requested += requested;
                out->allocated += size;
        }
}

static void count_blocks(const struct trib__memory *memory, struct trib__memory_stats *out)
{
        /* Relaxed: only how far to walk. */
        uint32_t n = trib__load_relaxed_u32(&memory->n_slots);

        for (uint32_t slot = 0; slot < n; slot++) {
                const struct block *block = trib__slot_at(memory, slot);

                if (block != NULL)
                        count_block(memory, block, out);
        }
}

uint64_t trib__memory_active(const struct trib__memory *memory)
{
        struct trib__memory_stats stats = { 0 };

        count_blocks(memory, &stats);
        return stats.allocated;
}

uint64_t trib__memory_calls(const struct trib__memory *memory)
{
        /* Relaxed, all of them: statistics. */
        uint64_t calls = trib__load_relaxed_u64(&memory->from_own) +
                         trib__load_relaxed_u64(&memory->from_central) +
                         trib__load_relaxed_u64(&memory->from_device) +
                         /* Relaxed: as above. */
                         trib__load_relaxed_u64(&memory->from_donation) +
                         trib__load_relaxed_u64(&memory->from_freeing) +
                         trib__load_relaxed_u64(&memory->from_waiting);

        /* Relaxed, both: as above. */
        for (uint32_t s = 0; s < TRIB__MAX_STREAMS; s++)
                calls += trib__load_relaxed_u64(&memory->caches[s].given);
        for (uint32_t i = 0; i < memory->params.n_shards; i++)
                calls += trib__load_relaxed_u64(&memory->shards[i].given);
        return calls;
}

void trib__memory_get_stats(struct trib__memory *memory, struct trib__memory_stats *out)
{
        uint64_t uncut;

        memset(out, 0, sizeof(*out));
        out->limit = memory->params.limit;
        /* Relaxed, all of them: statistics, said not to be one snapshot. */
        out->reserved = trib__load_relaxed_u64(&memory->reserved);
        out->reserved_peak = trib__load_relaxed_u64(&memory->reserved_peak);
        out->programs = trib__load_relaxed_u64(&memory->programs);
        /* Relaxed: as above. */
        out->device_allocations = trib__load_relaxed_u64(&memory->device_allocations);
        out->out_of_memory = trib__load_relaxed_u64(&memory->out_of_memory);
        out->from_central = trib__load_relaxed_u64(&memory->from_central);
        /* Relaxed: as above. */
        out->from_device = trib__load_relaxed_u64(&memory->from_device);
        out->from_donation = trib__load_relaxed_u64(&memory->from_donation);
        out->from_freeing = trib__load_relaxed_u64(&memory->from_freeing);
        /* Relaxed: as above. */
        out->from_waiting = trib__load_relaxed_u64(&memory->from_waiting);
        out->allocations = trib__memory_calls(memory);
        count_blocks(memory, out);
        trib__central_figures(memory, &uncut, out);
        out->cached += uncut;
}
