/* SPDX-License-Identifier: Apache-2.0 */
/* central.c: the cold pool that all streams share: segments of pages, free runs in bins with
 * boundary tags (best fit, split, merge), slabs, and singles. What is in here is past all its
 * fences, so that any stream may have it.
 *
 * Lock: central.mutex (rank SHARD) for all of it, never over a call of the device. Segments come
 * and go only inside the gate (ladder.c). */
#include "base/alloc.h"
#include "base/trace.h"
#include "memory/history.h"
#include "memory/memory_priv.h"

/* A slab holds about so many blocks, and is so large at most. */
#define SLAB_BLOCKS 8
#define SLAB_PAGES 32
/* The blocks of the first and the second pool are so large at most. */
#define SMALL_BLOCK (UINT64_C(64) << 10)
#define MIDDLE_BLOCK (UINT64_C(512) << 10)
/* A segment has room for so many of what it is made for. */
#define SEGMENT_BLOCKS 4

static uint32_t pages_of(uint64_t bytes)
{
        return (uint32_t)((bytes + PAGE_BYTES - 1) >> PAGE_BITS);
}

trib_status trib__central_init(struct trib__memory *memory, trib_error *err)
{
        return trib__mutex_init(&memory->central.mutex, TRIB__RANK_SHARD, err);
}

void trib__central_destroy(struct trib__memory *memory)
{
        struct segment *segment = memory->central.segments;

        while (segment != NULL) {
                struct segment *next = segment->next;

                memory->params.backend->free(memory->params.device, segment->address,
                                             (uint64_t)segment->n_pages << PAGE_BITS);
                trib__free(segment);
                segment = next;
        }
        trib__mutex_destroy(&memory->central.mutex);
}

/* ---- runs; all of these hold central.mutex ---------------------------------------------- */

static void link_run(struct run **head, struct run *run)
{
        run->next = *head;
        run->link = head;
        if (run->next != NULL)
                run->next->link = &run->next;
        *head = run;
}

static void unlink_run(struct run *run)
{
        *run->link = run->next;
        if (run->next != NULL)
                run->next->link = run->link;
}

static struct pool *pool_of(struct central *central, uint64_t size)
{
        return &central->pools[size <= SMALL_BLOCK ? 0 : size <= MIDDLE_BLOCK ? 1 : 2];
}

static void bin_put(struct run *run, uint32_t pages)
{
        struct pool *pool = run->segment->pool;

        run[0].kind = run[pages - 1].kind = RUN_FREE;
        run[0].pages = run[pages - 1].pages = pages;
        link_run(&pool->bins[pages], run);
        pool->filled[pages / 64] |= UINT64_C(1) << pages % 64;
}

static void bin_take(struct run *run)
{
        struct pool *pool = run->segment->pool;

        unlink_run(run);
        if (pool->bins[run->pages] == NULL)
                pool->filled[run->pages / 64] &= ~(UINT64_C(1) << run->pages % 64);
}

/* The smallest free run of at least so many pages, or NULL. */
static struct run *best_fit(const struct pool *pool, uint32_t pages)
{
        uint64_t bits = pool->filled[pages / 64] & (UINT64_MAX << pages % 64);

        for (uint32_t word = pages / 64;;) {
                if (bits != 0)
                        return pool->bins[word * 64 + (uint32_t)__builtin_ctzll(bits)];
                if (++word > MAX_RUN / 64)
                        return NULL;
                bits = pool->filled[word];
        }
}

/* The pages of the largest free run; 0: there is none. */
static uint32_t largest_run(const struct pool *pool)
{
        for (uint32_t word = MAX_RUN / 64 + 1; word-- > 0;) {
                uint64_t bits = pool->filled[word];

                if (bits != 0)
                        return word * 64 + 63u - (uint32_t)__builtin_clzll(bits);
        }
        return 0;
}

/* The first pool of these that has room: the one for the size, or with nothing else left any. */
static struct pool *pool_with(struct central *central, const struct want *want, uint32_t pages)
{
        struct pool *pool = pool_of(central, want->size);

        for (uint32_t p = 0; want->is_desperate && p < POOLS && largest_run(pool) < pages; p++)
                pool = &central->pools[p];
        return pool;
}

/* Take so many pages off a free run; the rest stays free. */
static void split(struct run *run, uint32_t pages, enum run_kind kind)
{
        uint32_t rest = run->pages - pages;

        bin_take(run);
        if (rest > 0)
                bin_put(run + pages, rest);
        run[0].kind = run[pages - 1].kind = kind;
        run[0].pages = run[pages - 1].pages = pages;
}

/* Free a run, and merge it with its neighbours. */
static void merge(struct run *run)
{
        struct segment *segment = run->segment;
        struct run     *end = segment->runs + segment->n_pages, *behind = run + run->pages;
        uint32_t        pages = run->pages;

        if (behind < end && behind->kind == RUN_FREE) {
                bin_take(behind);
                pages += behind->pages;
        }
        if (run > segment->runs && run[-1].kind == RUN_FREE) {
                run -= run[-1].pages;
                bin_take(run);
                pages += run->pages;
        }
        bin_put(run, pages);
}

/* ---- blocks; all of these hold central.mutex -------------------------------------------- */

static struct block *cut(struct trib__memory *memory, struct want *want, struct run *run,
                         uint64_t offset)
{
        struct central *central = &memory->central;
        struct block   *block = want->slot;
        uint64_t        start = (uint64_t)(run - run->segment->runs) << PAGE_BITS;

        want->slot = NULL;
        block->run = run;
        trib__block_settle(block, want->list, 0);
        /* Relaxed, all of them: nobody else has the block; statistics may look. */
        trib__store_relaxed_ptr(&block->address, (char *)run->segment->address + start + offset);
        trib__store_relaxed_u64(&block->fenced, 0);
        trib__store_relaxed_u64(&block->size, want->size); /* Relaxed: as above. */
        central->uncut -= want->size;
        TRIB__TRACE(BLOCK_MAKE, memory, block->slot,
                    TRIB__TRACE_ADDRESS(trib__load_relaxed_ptr(&block->address)), want->size);
        return block;
}

/* Make a slab of the class that is wanted: of about SLAB_BLOCKS blocks, or of what there is. */
static struct run *new_slab(struct central *central, const struct want *want)
{
        uint32_t     least = pages_of(want->size), pages = pages_of(want->size * SLAB_BLOCKS);
        struct pool *pool = pool_with(central, want, least);
        struct run  *run;

        if (pages > SLAB_PAGES)
                pages = SLAB_PAGES;
        run = best_fit(pool, pages);
        if (run == NULL && largest_run(pool) >= least) {
                pages = largest_run(pool);
                run = best_fit(pool, pages);
        }
        if (run == NULL)
                return NULL;
        split(run, pages, RUN_SLAB);
        run->list = want->list;
        run->n_blocks = (uint32_t)(((uint64_t)pages << PAGE_BITS) / want->size);
        run->n_cut = run->n_here = 0;
        run->here = NULL;
        link_run(&central->slabs[want->list], run);
        return run;
}

static struct block *from_slab(struct trib__memory *memory, struct want *want)
{
        struct central *central = &memory->central;
        struct run     *run = central->slabs[want->list];
        struct block   *block;

        if (run == NULL && want->slot != NULL)
                run = new_slab(central, want);
        if (run == NULL || (run->here == NULL && want->slot == NULL))
                return NULL;
        block = run->here;
        if (block != NULL) {
                run->here = block->next;
                run->n_here--;
                central->held -= want->size;
        } else {
                block = cut(memory, want, run, run->n_cut * want->size);
                run->n_cut++;
        }
        if (run->here == NULL && run->n_cut == run->n_blocks)
                unlink_run(run);
        return block;
}

static struct block *from_runs(struct trib__memory *memory, struct want *want)
{
        uint32_t    pages = pages_of(want->size);
        struct run *run;

        if (want->slot == NULL)
                return NULL;
        run = best_fit(pool_with(&memory->central, want, pages), pages);
        if (run == NULL)
                return NULL;
        split(run, pages, RUN_BLOCK);
        return cut(memory, want, run, 0);
}

static struct block *from_singles(struct central *central, uint64_t size)
{
        for (struct block **link = &central->singles; *link != NULL; link = &(*link)->next) {
                struct block *block = *link;
                uint64_t      has = trib__block_size(block);

                if (has >= size && has - size <= size / 8) {
                        *link = block->next;
                        central->held -= has;
                        return block;
                }
        }
        return NULL;
}

static struct block *take_locked(struct trib__memory *memory, struct want *want)
        TRIB__REQUIRES(memory->central.mutex)
{
        struct central *central = &memory->central;
        struct block   *block = from_singles(central, want->size);

        if (block == NULL && want->list < SLAB_CLASSES)
                block = from_slab(memory, want);
        else if (block == NULL && want->size <= LARGEST_RUN)
                block = from_runs(memory, want);
        if (block != NULL)
                trib__block_put(block, PLACE_IN_HAND);
        return block;
}

struct block *trib__central_take(struct trib__memory *memory, struct want *want)
{
        struct block *block;

        trib__lock(&memory->central.mutex);
        block = take_locked(memory, want);
        trib__unlock(&memory->central.mutex);
        return block;
}

/* All blocks of a slab are here: their slots go to *spare, and the run is free. */
static void dissolve(struct trib__memory *memory, struct run *run, struct block **spare)
{
        struct central *central = &memory->central;

        unlink_run(run);
        while (run->here != NULL) {
                struct block *block = run->here;

                run->here = block->next;
                central->held -= trib__block_size(block);
                central->uncut += trib__block_size(block);
                TRIB__TRACE(BLOCK_UNMAKE, memory, block->slot);
                block->next = *spare;
                *spare = block;
        }
        merge(run);
}

static void put_locked(struct trib__memory *memory, struct block *block, struct block **spare)
        TRIB__REQUIRES(memory->central.mutex)
{
        struct central *central = &memory->central;
        struct run     *run = block->run;

        trib__block_put(block, PLACE_CENTRAL);
        if (run == NULL) {
                TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_CENTRAL, 0);
                central->held += trib__block_size(block);
                block->next = central->singles;
                central->singles = block;
        } else if (run->kind == RUN_BLOCK) {
                central->uncut += trib__block_size(block);
                TRIB__TRACE(BLOCK_UNMAKE, memory, block->slot);
                block->next = *spare;
                *spare = block;
                merge(run);
        } else {
                if (run->here == NULL && run->n_cut == run->n_blocks)
                        link_run(&central->slabs[run->list], run);
                TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_CENTRAL, 0);
                central->held += trib__block_size(block);
                block->next = run->here;
                run->here = block;
                run->n_here++;
                if (run->n_here == run->n_cut)
                        dissolve(memory, run, spare);
        }
}

void trib__central_put(struct trib__memory *memory, struct block *chain)
{
        struct block *spare = NULL;

        if (chain == NULL)
                return;
        trib__lock(&memory->central.mutex);
        while (chain != NULL) {
                struct block *block = chain;

                chain = block->next;
                trib__event(memory, TRIB__MEMORY_DONATE, block, TRIB__MAX_STREAMS, 0);
                put_locked(memory, block, &spare);
        }
        trib__unlock(&memory->central.mutex);
        trib__slots_spare(memory, spare);
}

/* ---- segments; inside the gate ---------------------------------------------------------- */

/* How large the next segment for such a block is; 0: there should be none. */
static uint64_t segment_bytes(const struct trib__memory *memory, const struct want *want)
{
        uint64_t limit = memory->params.limit, least = (uint64_t)pages_of(want->size) << PAGE_BITS;
        /* Relaxed: a guess; the reservation decides. */
        uint64_t reserved = trib__load_relaxed_u64(&memory->reserved);
        uint64_t bytes = LEAST_SEGMENT, rest = UINT64_MAX;

        if (want->size > LARGEST_RUN)
                return 0;
        /* Larger ones as there is more, so that the last one is never much of the whole. */
        while (bytes < LARGEST_SEGMENT && bytes < SEGMENT_BLOCKS * least && bytes < reserved / 4)
                bytes *= 2;
        while (bytes < LARGEST_SEGMENT && bytes < reserved / 64)
                bytes *= 2;
        if (bytes < least)
                bytes = least;
        if (limit != 0)
                rest = reserved < limit ? limit - reserved : 0;
        if (bytes > rest)
                bytes = rest >> PAGE_BITS << PAGE_BITS;
        return bytes >= least && bytes >= LEAST_SEGMENT ? bytes : 0;
}

static struct block *add_segment(struct trib__memory *memory, struct segment *segment,
                                 struct want *want)
{
        struct central *central = &memory->central;
        struct block   *block;

        segment->pool = pool_of(central, want->size);
        for (uint32_t i = 0; i < segment->n_pages; i++)
                segment->runs[i].segment = segment;
        trib__lock(&memory->central.mutex);
        segment->next = central->segments;
        segment->link = &central->segments;
        if (segment->next != NULL)
                segment->next->link = &segment->next;
        central->segments = segment;
        central->n_segments++;
        central->uncut += (uint64_t)segment->n_pages << PAGE_BITS;
        bin_put(segment->runs, segment->n_pages);
        block = take_locked(memory, want);
        trib__unlock(&memory->central.mutex);
        return block;
}

static struct block *grow_by_segment(struct trib__memory *memory, struct want *want,
                                     trib_status *status, trib_error *err)
{
        uint64_t        bytes = segment_bytes(memory, want);
        struct segment *segment;

        if (bytes == 0 || !trib__cap_reserve(memory, bytes))
                return NULL;
        segment = trib__calloc("memory.segment", 1,
                               sizeof(*segment) +
                                       (size_t)(bytes >> PAGE_BITS) * sizeof(segment->runs[0]));
        if (segment == NULL) {
                trib__cap_unreserve(memory, bytes);
                return NULL;
        }
        segment->n_pages = (uint32_t)(bytes >> PAGE_BITS);
        segment->address = trib__piece_take(memory, bytes, status, err);
        if (segment->address == NULL) {
                trib__free(segment);
                return NULL;
        }
        trib__event(memory, TRIB__MEMORY_SEGMENT_ADD, NULL, want->stream, bytes);
        return add_segment(memory, segment, want);
}

struct block *trib__central_grow(struct trib__memory *memory, struct want *want,
                                 trib_status *status, trib_error *err)
{
        struct block *block;

        if (want->slot == NULL)
                return NULL;
        block = grow_by_segment(memory, want, status, err);
        /* The cap or the device has no room for a segment: exactly what is wanted. */
        if (block == NULL && want->slot != NULL &&
            trib__single_make(memory, want->slot, want->list, want->size, status, err)) {
                block = want->slot;
                want->slot = NULL;
                trib__event(memory, TRIB__MEMORY_SEGMENT_ADD, block, want->stream, want->size);
        }
        return block;
}

/* Take one wholly free segment out; NULL: there is none. */
static struct segment *idle_segment(struct trib__memory *memory)
{
        struct central *central = &memory->central;
        struct segment *segment;

        trib__lock(&memory->central.mutex);
        segment = central->segments;
        while (segment != NULL &&
               (segment->runs[0].kind != RUN_FREE || segment->runs[0].pages != segment->n_pages))
                segment = segment->next;
        if (segment != NULL) {
                bin_take(segment->runs);
                *segment->link = segment->next;
                if (segment->next != NULL)
                        segment->next->link = segment->link;
                central->n_segments--;
                central->uncut -= (uint64_t)segment->n_pages << PAGE_BITS;
        }
        trib__unlock(&memory->central.mutex);
        return segment;
}

static struct block *idle_single(struct trib__memory *memory)
{
        struct central *central = &memory->central;
        struct block   *block;

        trib__lock(&memory->central.mutex);
        block = central->singles;
        if (block != NULL) {
                central->singles = block->next;
                central->held -= trib__block_size(block);
        }
        trib__unlock(&memory->central.mutex);
        return block;
}

uint64_t trib__central_free(struct trib__memory *memory, uint64_t enough)
{
        struct segment *segment;
        struct block   *block;
        uint64_t        freed = 0;

        while (freed < enough && (block = idle_single(memory)) != NULL) {
                uint64_t bytes = trib__block_size(block);

                trib__event(memory, TRIB__MEMORY_SEGMENT_FREE, block, TRIB__MAX_STREAMS, bytes);
                TRIB__TRACE(BLOCK_UNMAKE, memory, block->slot);
                /* Relaxed: nobody else has the block. */
                trib__piece_give(memory, trib__load_relaxed_ptr(&block->address), bytes);
                block->next = NULL;
                trib__slots_spare(memory, block);
                freed += bytes;
        }
        while (freed < enough && (segment = idle_segment(memory)) != NULL) {
                uint64_t bytes = (uint64_t)segment->n_pages << PAGE_BITS;

                trib__event(memory, TRIB__MEMORY_SEGMENT_FREE, NULL, TRIB__MAX_STREAMS, bytes);
                trib__piece_give(memory, segment->address, bytes);
                trib__free(segment);
                freed += bytes;
        }
        return freed;
}

void trib__central_figures(struct trib__memory *memory, uint64_t *uncut,
                           struct trib__memory_stats *out)
{
        uint32_t largest = 0;

        trib__lock(&memory->central.mutex);
        for (uint32_t p = 0; p < POOLS; p++) {
                uint32_t pages = largest_run(&memory->central.pools[p]);

                largest = pages > largest ? pages : largest;
        }
        *uncut = memory->central.uncut;
        out->central = memory->central.uncut + memory->central.held;
        out->central_largest_run = (uint64_t)largest << PAGE_BITS;
        out->segments = memory->central.n_segments;
        trib__unlock(&memory->central.mutex);
}
