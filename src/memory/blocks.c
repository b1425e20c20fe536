/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c: size classes, block slots and fences.
 * Lock: slots_mutex, for the list of spare slots. */
#include <string.h>

#include "base/alloc.h"
#include "memory/memory_priv.h"

/* ---- slots ------------------------------------------------------------------------------ */

static struct block *spare_slot(struct trib__memory *memory)
{
        struct block *block;

        trib__lock(&memory->slots_mutex);
        block = memory->spare_slots;
        if (block != NULL)
                memory->spare_slots = block->next;
        trib__unlock(&memory->slots_mutex);
        return block;
}

static struct chunk *new_chunk(void)
{
        struct chunk *chunk = trib__aligned("memory.slots", TRIB__CACHE_LINE, sizeof(*chunk));

        if (chunk == NULL)
                return NULL;
        memset(chunk, 0, sizeof(*chunk));
        /* Large enough that the system gives pages of zeros, which cost nothing until a block is
         * used by more streams than it has room for. */
        chunk->fences = trib__calloc("memory.fences", (size_t)BLOCKS_PER_CHUNK * TRIB__MAX_STREAMS,
                                     sizeof(*chunk->fences));
        if (chunk->fences == NULL) {
                trib__free(chunk);
                return NULL;
        }
        for (uint32_t i = 0; i < BLOCKS_PER_CHUNK; i++) {
                struct block *block = &chunk->blocks[i];

                block->many_fences = chunk->fences + (size_t)i * TRIB__MAX_STREAMS;
                block->next = i + 1 < BLOCKS_PER_CHUNK ? block + 1 : NULL;
                /* Relaxed: nobody knows the block yet. */
                trib__store_relaxed_u64(&block->state, STATE(1, 0));
        }
        return chunk;
}

struct block *trib__slot_take(struct trib__memory *memory)
{
        struct block *block = spare_slot(memory);
        struct chunk *chunk, *unused = NULL;
        uint32_t      n;

        if (block != NULL)
                return block;
        /* Allocated outside of the lock; a thread that was faster makes ours superfluous. */
        chunk = new_chunk();
        if (chunk == NULL)
                return NULL;
        trib__lock(&memory->slots_mutex);
        /* Relaxed: written under this lock only. */
        n = trib__load_relaxed_u32(&memory->n_slots);
        if (memory->spare_slots != NULL || n / BLOCKS_PER_CHUNK >= MAX_CHUNKS) {
                unused = chunk;
        } else {
                for (uint32_t i = 0; i < BLOCKS_PER_CHUNK; i++)
                        chunk->blocks[i].slot = n + i;
                memory->spare_slots = chunk->blocks;
                /* Release: pairs with the acquire in trib__slot_at; the slots are filled in. */
                trib__store_release_ptr(&memory->chunks[n / BLOCKS_PER_CHUNK], chunk);
                /* Relaxed: only how far walks go. */
                trib__store_relaxed_u32(&memory->n_slots, n + BLOCKS_PER_CHUNK);
        }
        block = memory->spare_slots;
        if (block != NULL)
                memory->spare_slots = block->next;
        trib__unlock(&memory->slots_mutex);
        if (unused != NULL)
                trib__free(unused->fences);
        trib__free(unused);
        return block;
}

void trib__slots_spare(struct trib__memory *memory, struct block *chain)
{
        struct block *last = NULL;

        for (struct block *block = chain; block != NULL; block = block->next) {
                trib__block_put(block, PLACE_SPARE);
                /* Relaxed, both: nobody has the block; statistics see it without bytes. */
                trib__store_relaxed_u64(&block->size, 0);
                trib__store_relaxed_ptr(&block->address, NULL);
                block->run = NULL;
                last = block;
        }
        if (chain == NULL)
                return;
        trib__lock(&memory->slots_mutex);
        last->next = memory->spare_slots;
        memory->spare_slots = chain;
        trib__unlock(&memory->slots_mutex);
}

struct block *trib__slot_at(const struct trib__memory *memory, uint32_t slot)
{
        struct chunk *chunk;

        if (slot / BLOCKS_PER_CHUNK >= MAX_CHUNKS)
                return NULL;
        /* Acquire: pairs with the release in trib__slot_take. */
        chunk = trib__load_acquire_ptr(&memory->chunks[slot / BLOCKS_PER_CHUNK]);
        return chunk != NULL ? &chunk->blocks[slot % BLOCKS_PER_CHUNK] : NULL;
}

/* ---- fences ----------------------------------------------------------------------------- */

/* Relaxed, all of them: the fences belong to whoever has the block, and pass from hand to hand
 * with it; statistics and snapshots may read them at any time, and want no more than a figure. */

static trib__atomic_u64 *fence_word(struct block *block, uint64_t fenced, uint32_t l)
{
        return (fenced & (fenced - 1)) == 0 ? &block->fence : &block->many_fences[l];
}

void trib__fences_take(struct trib__memory *memory, struct block *block)
{
        /* Relaxed: ordered by the CAS in release, which every holder has passed. */
        uint64_t used = trib__load_relaxed_u64(&block->use_mask);

        /* Relaxed: see above. */
        trib__store_relaxed_u64(&block->fenced, used);
        for (uint64_t left = used; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);
                /* Acquire: pairs with the release when the stream's holder submits: all that was
                 * submitted before the drop is behind the fence. */
                uint64_t value = trib__load_acquire_u64(&memory->params.timelines[l].submitted);

                trib__store_relaxed_u64(fence_word(block, used, l), value); /* Relaxed: above. */
        }
}

uint64_t trib__fence_of(const struct block *block, uint64_t fenced, uint32_t l)
{
        /* Relaxed: see above. */
        return trib__load_relaxed_u64(fence_word((struct block *)(uintptr_t)block, fenced, l));
}

bool trib__fences_are_past(const struct trib__memory *memory, const struct block *block,
                           uint64_t left)
{
        /* Relaxed: see above. */
        uint64_t fenced = trib__load_relaxed_u64(&block->fenced);

        for (; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);
                /* Acquire: pairs with the release that published the stream's new queue. */
                trib__queue *queue = trib__load_acquire_ptr(&memory->params.timelines[l].queue);

                if (queue != NULL &&
                    memory->params.backend->completed(queue) < trib__fence_of(block, fenced, l))
                        return false;
        }
        return true;
}
