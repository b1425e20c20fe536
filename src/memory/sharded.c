/* SPDX-License-Identifier: Apache-2.0 */
/* sharded.c: the design of 1 or 8 locks, which the caches per stream are measured and tested
 * against: free blocks in lists by class, split over the shards by the stream that they were made
 * for; every block is a piece of the device by itself.
 * Lock: one shard's (rank SHARD) at a time, never over a call of the device. */
#include "base/trace.h"
#include "memory/history.h"
#include "memory/memory_priv.h"

trib_status trib__shards_init(struct trib__memory *memory, trib_error *err)
{
        for (uint32_t i = 0; i < memory->params.n_shards; i++) {
                trib_status status =
                        trib__mutex_init(&memory->shards[i].mutex, TRIB__RANK_SHARD, err);

                if (status != TRIB_OK) {
                        while (i-- > 0)
                                trib__mutex_destroy(&memory->shards[i].mutex);
                        return status;
                }
        }
        return TRIB_OK;
}

void trib__shards_destroy(struct trib__memory *memory)
{
        for (uint32_t i = 0; i < memory->params.n_shards; i++)
                trib__mutex_destroy(&memory->shards[i].mutex);
}

static struct block *take_from(struct trib__memory *memory, struct shard *shard,
                               const struct want *want)
{
        struct block **link, *block = NULL;
        uint64_t       own = UINT64_C(1) << want->stream;

        trib__lock(&shard->mutex);
        for (link = &shard->free[want->list]; *link != NULL; link = &(*link)->next) {
                uint64_t has = trib__block_size(*link);
                /* Relaxed: under the lock the block is ours. */
                uint64_t fenced = trib__load_relaxed_u64(&(*link)->fenced);

                if (has >= want->size && has - want->size <= want->size / 8 &&
                    trib__fences_are_past(memory, *link, fenced & ~own)) {
                        block = *link;
                        *link = block->next;
                        trib__block_put(block, PLACE_IN_HAND);
                        break;
                }
        }
        trib__unlock(&shard->mutex);
        return block;
}

static struct block *take_free(struct trib__memory *memory, const struct want *want)
{
        uint32_t n = memory->params.n_shards;

        for (uint32_t i = 0; i < n; i++) {
                struct block *block =
                        take_from(memory, &memory->shards[(want->stream + i) % n], want);

                if (block != NULL)
                        return block;
        }
        return NULL;
}

static struct block *new_block(struct trib__memory *memory, const struct want *want)
{
        struct block *slot = trib__slot_take(memory);
        trib_status   status;

        if (slot == NULL)
                return NULL;
        if (trib__single_make(memory, slot, want->list, want->size, &status, NULL))
                return slot;
        slot->next = NULL;
        trib__slots_spare(memory, slot);
        return NULL;
}

trib_status trib__shards_take(struct trib__memory *memory, struct want *want, struct block **out,
                              trib_error *err)
{
        struct shard *shard = &memory->shards[want->stream % memory->params.n_shards];
        struct block *block = take_free(memory, want);

        if (block == NULL)
                block = new_block(memory, want);
        if (block == NULL && trib__shards_trim(memory) > 0)
                block = new_block(memory, want);
        *out = block;
        if (block == NULL)
                return trib__memory_fail(memory, want->bytes, "", err);
        trib__lock(&shard->mutex);
        /* Relaxed, both: written under the lock only; read as a statistic. */
        trib__store_relaxed_u64(&shard->given, trib__load_relaxed_u64(&shard->given) + 1);
        trib__unlock(&shard->mutex);
        return TRIB_OK;
}

void trib__shards_give(struct trib__memory *memory, struct block *block)
{
        uint32_t      home = trib__block_home(block), list = trib__block_list(block);
        struct shard *shard = &memory->shards[home % memory->params.n_shards];

        trib__lock(&shard->mutex);
        trib__block_put(block, PLACE_LIST);
        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_SHARD, home);
        block->next = shard->free[list];
        shard->free[list] = block;
        trib__unlock(&shard->mutex);
}

/* Take what is past all its fences off a list. */
static struct block *collect(struct trib__memory *memory, struct shard *shard, uint32_t list)
{
        struct block *taken = NULL, **link;

        trib__lock(&shard->mutex);
        for (link = &shard->free[list]; *link != NULL;) {
                struct block *block = *link;

                if (trib__fences_are_all_past(memory, block)) {
                        *link = block->next;
                        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_IN_HAND, 0);
                        block->next = taken;
                        taken = block;
                } else {
                        link = &block->next;
                }
        }
        trib__unlock(&shard->mutex);
        return taken;
}

uint64_t trib__shards_trim(struct trib__memory *memory)
{
        uint64_t freed = 0;

        for (uint32_t i = 0; i < memory->params.n_shards; i++) {
                for (uint32_t list = 0; list < N_LISTS; list++) {
                        struct block *taken = collect(memory, &memory->shards[i], list);

                        for (struct block *b = taken; b != NULL; b = b->next) {
                                uint64_t bytes = trib__block_size(b);

                                TRIB__TRACE(BLOCK_UNMAKE, memory, b->slot);
                                /* Relaxed: nobody else has the block. */
                                trib__piece_give(memory, trib__load_relaxed_ptr(&b->address),
                                                 bytes);
                                freed += bytes;
                        }
                        trib__slots_spare(memory, taken);
                }
        }
        return freed;
}
