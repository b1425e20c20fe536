/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: handing out and taking back blocks. See memory.h for the nouns; locks: slots_mutex
 * (rank HANDLES) for new slots only, and one shard's (rank SHARD); never both, and neither over a
 * device call. */
#include "memory/memory_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#define HOLDERS(state) ((uint32_t)(state))
#define GENERATION(state) ((uint32_t)((state) >> 32))
#define STATE(generation, holders) ((uint64_t)(generation) << 32 | (holders))

uint32_t trib__memory_class(uint64_t bytes, uint64_t *size)
{
        uint32_t top, quarter;
        uint64_t step;

        if (bytes > UINT64_C(1) << LARGEST_CLASS_BITS) {
                *size = (bytes + LARGE_GRAIN - 1) / LARGE_GRAIN * LARGE_GRAIN;
                return LARGE_CLASS;
        }
        if (bytes <= UINT64_C(1) << SMALLEST_CLASS_BITS) {
                *size = UINT64_C(1) << SMALLEST_CLASS_BITS;
                return 0;
        }
        /* 2^top < bytes <= 2^(top+1), in four steps. */
        top = 63u - (uint32_t)__builtin_clzll(bytes - 1);
        step = UINT64_C(1) << (top - 2);
        quarter = (uint32_t)((bytes - (UINT64_C(1) << top) + step - 1) / step);
        *size = (UINT64_C(1) << top) + quarter * step;
        return (top - SMALLEST_CLASS_BITS) * 4 + quarter;
}

trib_status trib__memory_create(const struct trib__memory_params *params,
                                struct trib__memory **out, trib_error *err)
{
        struct trib__memory *memory;
        trib_status          status;
        uint32_t             made = 0;

        *out = NULL;
        memory = trib__aligned("memory.create", TRIB__CACHE_LINE, sizeof(*memory));
        if (memory == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for an allocator");
        memset(memory, 0, sizeof(*memory));
        memory->params = *params;
        status = trib__mutex_init(&memory->slots_mutex, TRIB__RANK_HANDLES, err);
        if (status != TRIB_OK)
                goto fail_slots;
        for (; made < params->n_shards; made++) {
                status = trib__mutex_init(&memory->shards[made].mutex, TRIB__RANK_SHARD, err);
                if (status != TRIB_OK)
                        goto fail_shards;
        }
        *out = memory;
        return TRIB_OK;

fail_shards:
        while (made-- > 0)
                trib__mutex_destroy(&memory->shards[made].mutex);
        trib__mutex_destroy(&memory->slots_mutex);
fail_slots:
        trib__free(memory);
        return status;
}

void trib__memory_destroy(struct trib__memory *memory)
{
        if (memory == NULL)
                return;
        for (uint32_t c = 0; c < MAX_CHUNKS; c++) {
                /* Acquire: pairs with the release in new_slot. */
                struct block *chunk = trib__load_acquire_ptr(&memory->chunks[c]);

                for (uint32_t i = 0; chunk != NULL && i < BLOCKS_PER_CHUNK; i++) {
                        if (chunk[i].address != NULL)
                                memory->params.backend->free(memory->params.device,
                                                             chunk[i].address, chunk[i].size);
                }
                trib__free(chunk);
        }
        for (uint32_t i = 0; i < memory->params.n_shards; i++)
                trib__mutex_destroy(&memory->shards[i].mutex);
        trib__mutex_destroy(&memory->slots_mutex);
        trib__free(memory);
}

/* Whether all streams but `stream` have passed the block's fences (stream >= 64: all). */
static bool is_past_fences(const struct trib__memory *memory, const struct block *block,
                           uint32_t stream)
{
        uint64_t left = block->fenced;

        if (stream < TRIB__MAX_STREAMS)
                left &= ~(UINT64_C(1) << stream);
        for (; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);
                /* Acquire: pairs with the release that published the stream's new queue. */
                trib__queue *queue = trib__load_acquire_ptr(&memory->params.timelines[l].queue);

                if (queue != NULL && memory->params.backend->completed(queue) < block->fences[l])
                        return false;
        }
        return true;
}

static struct block *take_from(struct trib__memory *memory, struct shard *shard, uint32_t list,
                               uint64_t size, uint32_t stream)
{
        struct block **link, *block = NULL;

        trib__lock(&shard->mutex);
        for (link = &shard->free[list]; *link != NULL; link = &(*link)->next) {
                block = *link;
                if (block->size >= size && block->size - size <= size / 8 &&
                    is_past_fences(memory, block, stream)) {
                        *link = block->next;
                        break;
                }
                block = NULL;
        }
        trib__unlock(&shard->mutex);
        return block;
}

static struct block *take_free(struct trib__memory *memory, uint32_t list, uint64_t size,
                               uint32_t stream)
{
        uint32_t n = memory->params.n_shards;

        for (uint32_t i = 0; i < n; i++) {
                struct block *block =
                        take_from(memory, &memory->shards[(stream + i) % n], list, size, stream);

                if (block != NULL)
                        return block;
        }
        return NULL;
}

/* Count bytes under the cap; false if they do not fit. What does not fit is never counted, so that
 * it is in nobody's way. */
static bool reserve(struct trib__memory *memory, uint64_t bytes)
{
        /* Relaxed: a guess; the CAS decides. */
        uint64_t before = trib__load_relaxed_u64(&memory->reserved), after;

        do {
                if (__builtin_add_overflow(before, bytes, &after) ||
                    (memory->params.limit != 0 && after > memory->params.limit))
                        return false;
                /* AcqRel: the sum is the only thing decided here. */
        } while (!trib__cas_acqrel_u64(&memory->reserved, &before, after));
        return true;
}

/* Note what is reserved now, when the device has given it. */
static void note_peak(struct trib__memory *memory)
{
        /* Relaxed, both: a statistic. */
        uint64_t now = trib__load_relaxed_u64(&memory->reserved);
        uint64_t peak = trib__load_relaxed_u64(&memory->reserved_peak);

        while (now > peak) {
                /* Acquire: no order is needed; the CAS only raises a maximum. */
                if (trib__cas_acquire_u64(&memory->reserved_peak, &peak, now))
                        break;
        }
}

static void unreserve(struct trib__memory *memory, uint64_t bytes)
{
        /* AcqRel: as in reserve. */
        (void)trib__fetch_sub_acqrel_u64(&memory->reserved, bytes);
}

/* A slot that is not in use, with address NULL; NULL if host memory is short. */
static struct block *new_slot(struct trib__memory *memory)
{
        struct block *block, *chunk = NULL, *unused = NULL;
        uint32_t      index;

        trib__lock(&memory->slots_mutex);
        block = memory->spare_slots;
        if (block != NULL)
                memory->spare_slots = block->next;
        trib__unlock(&memory->slots_mutex);
        if (block != NULL)
                return block;
        /* Allocated outside of the lock; a thread that was faster makes ours superfluous. */
        chunk = trib__calloc("memory.slots", BLOCKS_PER_CHUNK, sizeof(*chunk));
        if (chunk == NULL)
                return NULL;
        trib__lock(&memory->slots_mutex);
        if (memory->spare_slots != NULL || memory->n_slots / BLOCKS_PER_CHUNK >= MAX_CHUNKS) {
                unused = chunk;
        } else {
                index = memory->n_slots / BLOCKS_PER_CHUNK;
                for (uint32_t i = 0; i < BLOCKS_PER_CHUNK; i++) {
                        chunk[i].slot = memory->n_slots++;
                        /* Relaxed: nobody knows the block yet. */
                        trib__store_relaxed_u64(&chunk[i].state, STATE(1, 0));
                        chunk[i].next = i + 1 < BLOCKS_PER_CHUNK ? &chunk[i + 1] : NULL;
                }
                memory->spare_slots = chunk;
                /* Release: pairs with the acquire in find; the slots are filled in by then. */
                trib__store_release_ptr(&memory->chunks[index], chunk);
        }
        block = memory->spare_slots;
        if (block != NULL)
                memory->spare_slots = block->next;
        trib__unlock(&memory->slots_mutex);
        trib__free(unused);
        return block;
}

static void spare_slot(struct trib__memory *memory, struct block *block)
{
        trib__lock(&memory->slots_mutex);
        block->address = NULL;
        block->next = memory->spare_slots;
        memory->spare_slots = block;
        trib__unlock(&memory->slots_mutex);
}

static struct block *new_block(struct trib__memory *memory, uint32_t list, uint64_t size,
                               trib_error *err)
{
        struct block *block;
        void         *address;

        if (!reserve(memory, size))
                return NULL;
        block = new_slot(memory);
        if (block == NULL)
                goto fail_slot;
        TRIB__ASSERT_NO_LOCK();
        if (memory->params.backend->alloc(memory->params.device, size, &address, err) != TRIB_OK)
                goto fail_alloc;
        block->address = address;
        block->size = size;
        block->list = list;
        block->fenced = 0;
        note_peak(memory);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->device_allocations, 1);
        return block;

fail_alloc:
        spare_slot(memory, block);
fail_slot:
        unreserve(memory, size);
        return NULL;
}

uint64_t trib__memory_trim(struct trib__memory *memory)
{
        uint64_t freed = 0;

        for (uint32_t i = 0; i < memory->params.n_shards; i++) {
                struct shard *shard = &memory->shards[i];

                for (uint32_t list = 0; list < N_LISTS; list++) {
                        struct block *taken = NULL, **link;

                        trib__lock(&shard->mutex);
                        for (link = &shard->free[list]; *link != NULL;) {
                                struct block *block = *link;

                                if (is_past_fences(memory, block, TRIB__MAX_STREAMS)) {
                                        *link = block->next;
                                        block->next = taken;
                                        taken = block;
                                } else {
                                        link = &block->next;
                                }
                        }
                        trib__unlock(&shard->mutex);
                        while (taken != NULL) {
                                struct block *block = taken;

                                taken = block->next;
                                memory->params.backend->free(memory->params.device,
                                                             block->address, block->size);
                                unreserve(memory, block->size);
                                freed += block->size;
                                spare_slot(memory, block);
                        }
                }
        }
        return freed;
}

static trib_status out_of_memory(struct trib__memory *memory, uint64_t bytes, trib_error *err)
{
        struct trib__memory_stats stats;

        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->out_of_memory, 1);
        trib__memory_get_stats(memory, &stats);
        return trib__fail(err, TRIB_OUT_OF_MEMORY,
                          "no device memory for %llu bytes: limit %llu (0: the device's), "
                          "reserved %llu, live %llu, limbo %llu, cached %llu, programs %llu",
                          (unsigned long long)bytes, (unsigned long long)stats.limit,
                          (unsigned long long)stats.reserved,
                          (unsigned long long)stats.allocated, (unsigned long long)stats.limbo,
                          (unsigned long long)stats.cached, (unsigned long long)stats.programs);
}

trib_status trib__memory_alloc(struct trib__memory *memory, uint32_t stream, uint64_t bytes,
                               uint64_t *handle, trib_error *err)
{
        uint64_t      size, state;
        uint32_t      list;
        struct shard *shard;
        struct block *block;

        *handle = 0;
        if (bytes > UINT64_C(1) << 62)
                return trib__fail(err, TRIB_OVERFLOW, "a buffer of %llu bytes",
                                  (unsigned long long)bytes);
        list = trib__memory_class(bytes, &size);
        block = take_free(memory, list, size, stream);
        if (block == NULL)
                block = new_block(memory, list, size, err);
        if (block == NULL && trib__memory_trim(memory) > 0)
                block = new_block(memory, list, size, err);
        if (block == NULL)
                return out_of_memory(memory, bytes, err);
        block->requested = bytes;
        block->shard = stream % memory->params.n_shards;
        shard = &memory->shards[block->shard];
        trib__lock(&shard->mutex);
        shard->requested += bytes;
        shard->allocated += block->size;
        shard->allocations++;
        trib__unlock(&shard->mutex);
        /* Relaxed: nobody else knows the block yet; the release below publishes it. */
        trib__store_relaxed_u64(&block->use_mask, UINT64_C(1) << stream);
        state = trib__load_relaxed_u64(&block->state); /* Relaxed: as above. */
        /* Release: pairs with the acquire in find. */
        trib__store_release_u64(&block->state, STATE(GENERATION(state), 1));
        *handle = (uint64_t)GENERATION(state) << 32 | (block->slot + 1);
        return TRIB_OK;
}

/* The block of a live handle, or NULL. *state is what was seen. */
static struct block *find(struct trib__memory *memory, uint64_t handle, uint64_t *state)
{
        uint32_t      slot = (uint32_t)handle - 1;
        struct block *chunk;

        if ((uint32_t)handle == 0 || slot / BLOCKS_PER_CHUNK >= MAX_CHUNKS)
                return NULL;
        /* Acquire: pairs with the release in new_slot. */
        chunk = trib__load_acquire_ptr(&memory->chunks[slot / BLOCKS_PER_CHUNK]);
        if (chunk == NULL)
                return NULL;
        /* Acquire: pairs with the release in alloc, so that the block's fields are seen. */
        *state = trib__load_acquire_u64(&chunk[slot % BLOCKS_PER_CHUNK].state);
        if (GENERATION(*state) != handle >> 32 || HOLDERS(*state) == 0)
                return NULL;
        return &chunk[slot % BLOCKS_PER_CHUNK];
}

static trib_status stale(uint64_t handle, trib_error *err)
{
        if (handle == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "buffer 0 is none");
        return trib__fail(err, TRIB_STALE, "buffer %llu was released before",
                          (unsigned long long)handle);
}

trib_status trib__memory_retain(struct trib__memory *memory, uint64_t handle, trib_error *err)
{
        uint64_t      state;
        struct block *block = find(memory, handle, &state);

        while (block != NULL && GENERATION(state) == handle >> 32 && HOLDERS(state) != 0) {
                if (HOLDERS(state) == UINT32_MAX)
                        return trib__fail(err, TRIB_OVERFLOW, "a buffer has 2^32 - 1 holders");
                /* AcqRel: keeps the chain of holders ordered for the last one. */
                if (trib__cas_acqrel_u64(&block->state, &state, state + 1))
                        return TRIB_OK;
        }
        return stale(handle, err);
}

/* The last holder is gone: take the fences and put the block into its shard. */
static void retire(struct trib__memory *memory, struct block *block)
{
        struct shard *shard = &memory->shards[block->shard];
        /* Relaxed: ordered by the CAS in release, which every holder has passed. */
        uint64_t used = trib__load_relaxed_u64(&block->use_mask);

        block->fenced = used;
        for (uint64_t left = used; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);

                /* Acquire: pairs with the release when the stream's holder submits: all that was
                 * submitted before the drop is behind the fence. */
                block->fences[l] =
                        trib__load_acquire_u64(&memory->params.timelines[l].submitted);
        }
        trib__lock(&shard->mutex);
        shard->requested -= block->requested;
        shard->allocated -= block->size;
        block->next = shard->free[block->list];
        shard->free[block->list] = block;
        trib__unlock(&shard->mutex);
}

trib_status trib__memory_release(struct trib__memory *memory, uint64_t handle, trib_error *err)
{
        uint64_t      state;
        struct block *block = find(memory, handle, &state);

        while (block != NULL && GENERATION(state) == handle >> 32 && HOLDERS(state) != 0) {
                bool     is_last = HOLDERS(state) == 1;
                uint32_t next = GENERATION(state) == UINT32_MAX ? 1 : GENERATION(state) + 1;

                /* AcqRel: release gives our writes and uses to the last holder; acquire, as the
                 * last, sees those of all. */
                if (!trib__cas_acqrel_u64(&block->state, &state,
                                          is_last ? STATE(next, 0) : state - 1))
                        continue;
                if (is_last)
                        retire(memory, block);
                return TRIB_OK;
        }
        return stale(handle, err);
}

trib_status trib__memory_use(struct trib__memory *memory, uint64_t handle, uint32_t stream,
                             trib_error *err)
{
        uint64_t      state;
        struct block *block = find(memory, handle, &state);

        if (block == NULL)
                return stale(handle, err);
        /* Relaxed: the caller holds the block; its release orders this before the last drop. */
        (void)trib__fetch_or_relaxed_u64(&block->use_mask, UINT64_C(1) << stream);
        return TRIB_OK;
}

trib_status trib__memory_lookup(struct trib__memory *memory, uint64_t handle, void **address,
                                uint64_t *bytes, trib_error *err)
{
        uint64_t      state;
        struct block *block = find(memory, handle, &state);

        if (block == NULL)
                return stale(handle, err);
        *address = block->address;
        *bytes = block->requested;
        return TRIB_OK;
}

trib_status trib__memory_charge(struct trib__memory *memory, uint64_t bytes, trib_error *err)
{
        if (!reserve(memory, bytes)) {
                (void)trib__memory_trim(memory);
                if (!reserve(memory, bytes))
                        return out_of_memory(memory, bytes, err);
        }
        note_peak(memory);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->programs, bytes);
        return TRIB_OK;
}

void trib__memory_uncharge(struct trib__memory *memory, uint64_t bytes)
{
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->programs, 0 - bytes);
        unreserve(memory, bytes);
}

void trib__memory_get_stats(struct trib__memory *memory, struct trib__memory_stats *out)
{
        memset(out, 0, sizeof(*out));
        out->limit = memory->params.limit;
        /* Relaxed, all of them: statistics, said not to be one snapshot. */
        out->reserved = trib__load_relaxed_u64(&memory->reserved);
        out->reserved_peak = trib__load_relaxed_u64(&memory->reserved_peak);
        out->programs = trib__load_relaxed_u64(&memory->programs);
        /* Relaxed: as above. */
        out->device_allocations = trib__load_relaxed_u64(&memory->device_allocations);
        out->out_of_memory = trib__load_relaxed_u64(&memory->out_of_memory);
        for (uint32_t i = 0; i < memory->params.n_shards; i++) {
                struct shard *shard = &memory->shards[i];

                trib__lock(&shard->mutex);
                out->requested += shard->requested;
                out->allocated += shard->allocated;
                out->allocations += shard->allocations;
                for (uint32_t list = 0; list < N_LISTS; list++) {
                        for (struct block *b = shard->free[list]; b != NULL; b = b->next) {
                                if (is_past_fences(memory, b, TRIB__MAX_STREAMS))
                                        out->cached += b->size;
                                else
                                        out->limbo += b->size;
                        }
                }
                trib__unlock(&shard->mutex);
        }
}
