/* SPDX-License-Identifier: Apache-2.0 */
/* cached.c: the caches, one a stream. See memory_priv.h for the nouns.
 *
 * The owner word is a lock that requests only try: its sections are a few dozen instructions
 * without a call of a device, a lock, an allocation or a wait, and a request that does not get in
 * goes another way. Threads that look after memory on cold paths wait for it, by yielding.
 *
 * A cache belongs to a stream and not to a thread, so a thread that ends strands nothing. */
#include <sched.h>

#include "base/assert.h"
#include "base/trace.h"
#include "memory/history.h"
#include "memory/memory_priv.h"

/* How often a request looks at a word that somebody holds: about as long as a section takes. */
#define ENTER_TRIES 32
/* Blocks of a limbo that one request looks at. Those that wait for a stream that hangs go to its
 * end, so that they hold up nobody. */
#define LIMBO_LOOKS 8
/* Large blocks that a request looks through for one that fits. */
#define LARGE_LOOKS 8

void trib__caches_init(struct trib__memory *memory)
{
        for (uint32_t s = 0; s < TRIB__MAX_STREAMS; s++)
                memory->caches[s].limbo_end = &memory->caches[s].limbo;
}

/* ---- the owner word --------------------------------------------------------------------- */

static inline bool is_in(struct cache *cache)
{
        uint32_t nobody = 0;

        /* Acquire: pairs with the release in leave: the lists are as the last one left them. */
        return trib__cas_acquire_u32(&cache->owner, &nobody, 1);
}

static __attribute__((noinline)) bool enter_soon(struct cache *cache)
{
        for (uint32_t i = 0; i < ENTER_TRIES; i++) {
                trib__cpu_relax();
                /* Relaxed: a guess; the CAS decides. */
                if (trib__load_relaxed_u32(&cache->owner) == 0 && is_in(cache))
                        return true;
        }
        return false;
}

static inline bool enter(struct trib__memory *memory, uint32_t stream)
{
        struct cache *cache = &memory->caches[stream];

        if (__builtin_expect(!is_in(cache), false) && !enter_soon(cache))
                return false;
        TRIB__TRACE(CACHE_ENTER, memory, stream);
        return true;
}

static void enter_patiently(struct trib__memory *memory, uint32_t stream)
{
        while (!enter(memory, stream))
                (void)sched_yield();
}

static void leave(struct trib__memory *memory, uint32_t stream)
{
        TRIB__TRACE(CACHE_LEAVE, memory, stream);
        /* Release: pairs with the acquire in is_in. */
        trib__store_release_u32(&memory->caches[stream].owner, 0);
}

/* ---- inside ----------------------------------------------------------------------------- */

static void list_push(struct trib__memory *memory, uint32_t stream, struct block *block)
{
        struct cache *cache = &memory->caches[stream];
        uint32_t      list = trib__block_list(block);

        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_LIST, stream);
        trib__block_put(block, PLACE_LIST);
        block->next = cache->free[list];
        cache->free[list] = block;
}

static void limbo_append(struct trib__memory *memory, uint32_t stream, struct block *block)
{
        struct cache *cache = &memory->caches[stream];

        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_LIMBO, stream);
        trib__block_put(block, PLACE_LIMBO);
        block->next = NULL;
        *cache->limbo_end = block;
        cache->limbo_end = &block->next;
        cache->n_limbo++;
}

/* Where a released block belongs: the list if the stream may have it at once. */
static void sort_in(struct trib__memory *memory, uint32_t stream, struct block *block)
{
        /* Relaxed: who is inside has the block. */
        uint64_t others = trib__load_relaxed_u64(&block->fenced) & ~(UINT64_C(1) << stream);

        if (others == 0 || trib__fences_are_past(memory, block, others))
                list_push(memory, stream, block);
        else
                limbo_append(memory, stream, block);
}

/* Have a line here, and no other core's, by the time it is needed. */
static inline void fetch_to_write(const void *line)
{
#if defined(__x86_64__)
        /* What __builtin_prefetch gives without options is a fetch to read, and the first write
         * has to ask the other core again. Processors without it take it for nothing. */
        __asm__ __volatile__("prefetchw (%0)" : : "r"(line));
#else
        __builtin_prefetch(line, 1);
#endif
}

/* Sort in one of the blocks that others freed; false: there is none. One at a time, and the next
 * one is fetched meanwhile: each was last written on another core. */
static bool sort_pushed(struct trib__memory *memory, uint32_t stream)
{
        struct cache *cache = &memory->caches[stream];
        struct block *block = cache->taken;

        if (block == NULL) {
                /* Relaxed: a guess, which spares the exchange; what is pushed later is for the
                 * next. */
                if (trib__load_relaxed_ptr(&cache->pushed) == NULL)
                        return false;
                /* AcqRel: acquire pairs with the release in push, for every block of the chain;
                 * the release is of no use here. */
                block = trib__exchange_acqrel_ptr(&cache->pushed, NULL);
        }
        cache->taken = block->next;
        fetch_to_write(cache->taken);
        TRIB__ASSERT(trib__block_place(block) == PLACE_PUSHED);
        trib__event(memory, TRIB__MEMORY_SETTLE, block, stream, 0);
        sort_in(memory, stream, block);
        return true;
}

static void sort_all_pushed(struct trib__memory *memory, uint32_t stream)
{
        while (sort_pushed(memory, stream)) {
        }
}

static void settle_limbo(struct trib__memory *memory, uint32_t stream)
{
        struct cache *cache = &memory->caches[stream];
        uint32_t      looks = cache->n_limbo < LIMBO_LOOKS ? cache->n_limbo : LIMBO_LOOKS;

        for (; looks > 0; looks--) {
                struct block *block = cache->limbo;

                cache->limbo = block->next;
                if (cache->limbo == NULL)
                        cache->limbo_end = &cache->limbo;
                cache->n_limbo--;
                trib__event(memory, TRIB__MEMORY_SETTLE, block, stream, 0);
                sort_in(memory, stream, block);
        }
}

static struct block *pop_large(struct cache *cache, uint64_t size)
{
        struct block **link = &cache->free[LARGE_CLASS];

        for (uint32_t i = 0; i < LARGE_LOOKS && *link != NULL; i++, link = &(*link)->next) {
                struct block *block = *link;
                uint64_t      has = trib__block_size(block);

                if (has >= size && has - size <= size / 8) {
                        *link = block->next;
                        return block;
                }
        }
        return NULL;
}

static struct block *pop(struct cache *cache, uint32_t list, uint64_t size)
{
        struct block *block = cache->free[list];

        if (__builtin_expect(list == LARGE_CLASS, false))
                return pop_large(cache, size);
        if (block != NULL)
                cache->free[list] = block->next;
        return block;
}

static struct block *take(struct trib__memory *memory, uint32_t stream, uint32_t list,
                          uint64_t size)
{
        struct cache *cache = &memory->caches[stream];
        struct block *block;

        /* One at each turn, so that the wait for its line lies behind other work. */
        if (__builtin_expect(cache->taken != NULL, false))
                (void)sort_pushed(memory, stream);
        block = pop(cache, list, size);
        if (__builtin_expect(block == NULL, false)) {
                while (block == NULL && sort_pushed(memory, stream))
                        block = pop(cache, list, size);
                if (block == NULL && cache->n_limbo > 0) {
                        settle_limbo(memory, stream);
                        block = pop(cache, list, size);
                }
                if (block == NULL)
                        return NULL;
        }
        TRIB__ASSERT(trib__block_place(block) == PLACE_LIST);
        trib__block_put(block, PLACE_IN_HAND);
        return block;
}

/* ---- requests --------------------------------------------------------------------------- */

struct block *trib__cache_take(struct trib__memory *memory, uint32_t stream, uint32_t list,
                               uint64_t size)
{
        struct cache *cache = &memory->caches[stream];
        struct block *block;

        if (__builtin_expect(!enter(memory, stream), false))
                return NULL;
        block = take(memory, stream, list, size);
        if (block != NULL) {
                /* Relaxed, both: written by who is inside only; read as a statistic. */
                trib__store_relaxed_u64(&cache->given,
                                        trib__load_relaxed_u64(&cache->given) + 1);
        }
        leave(memory, stream);
        return block;
}

struct block *trib__cache_take_patiently(struct trib__memory *memory, uint32_t stream,
                                         uint32_t list, uint64_t size)
{
        struct block *block;

        enter_patiently(memory, stream);
        block = take(memory, stream, list, size);
        leave(memory, stream);
        return block;
}

static void push(struct trib__memory *memory, uint32_t stream, struct block *block)
{
        trib__atomic_ptr *pushed = &memory->caches[stream].pushed;
        /* Relaxed: a guess; the CAS decides. */
        void *head = trib__load_relaxed_ptr(pushed);

        trib__block_put(block, PLACE_PUSHED);
        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_REMOTE, stream);
        do {
                block->next = head;
                /* Release: pairs with the exchange in sort_pushed, which takes all at once: so
                 * no block can come back between our look and the swap. */
        } while (!trib__cas_release_ptr(pushed, &head, block));
}

void trib__cache_give(struct trib__memory *memory, struct block *block, uint32_t near)
{
        uint32_t home = trib__block_home(block);

        if (near != home || !enter(memory, home)) {
                push(memory, home, block);
                return;
        }
        sort_in(memory, home, block);
        leave(memory, home);
}

/* ---- for those who look after memory ---------------------------------------------------- */

/* Move what is past all its fences, and of that class or larger, from *link on to the chain; *n
 * is less by as many. */
static struct block *collect(struct trib__memory *memory, struct block **link, uint32_t list,
                             uint32_t *n, struct block *chain)
{
        while (*link != NULL) {
                struct block *block = *link;

                if (trib__block_list(block) >= list && trib__fences_are_all_past(memory, block)) {
                        *link = block->next;
                        trib__block_put(block, PLACE_IN_HAND);
                        TRIB__TRACE(PLACE, memory, block->slot, TRIB__TRACE_IN_HAND, 0);
                        block->next = chain;
                        chain = block;
                        (*n)--;
                } else {
                        link = &block->next;
                }
        }
        return chain;
}

struct block *trib__cache_donate(struct trib__memory *memory, uint32_t stream, uint32_t list)
{
        struct cache *cache = &memory->caches[stream];
        struct block *chain = NULL;
        uint32_t      uncounted = 0;

        enter_patiently(memory, stream);
        sort_all_pushed(memory, stream);
        for (uint32_t l = list; l < N_LISTS; l++)
                chain = collect(memory, &cache->free[l], list, &uncounted, chain);
        chain = collect(memory, &cache->limbo, list, &cache->n_limbo, chain);
        cache->limbo_end = &cache->limbo;
        while (*cache->limbo_end != NULL)
                cache->limbo_end = &(*cache->limbo_end)->next;
        leave(memory, stream);
        return chain;
}

static bool note_fences(const struct trib__memory *memory, const struct block *block,
                        uint64_t *values, uint64_t *waited_for)
{
        bool is_any_past = false;

        for (; block != NULL; block = block->next) {
                /* Relaxed: who is inside has the block. */
                uint64_t fenced = trib__load_relaxed_u64(&block->fenced);

                if (trib__fences_are_past(memory, block, fenced)) {
                        is_any_past = true;
                        continue;
                }

                for (uint64_t left = fenced; left != 0; left &= left - 1) {
                        uint32_t l = (uint32_t)__builtin_ctzll(left);
                        uint64_t bit = UINT64_C(1) << l, value;

                        if (trib__fences_are_past(memory, block, bit))
                                continue;
                        value = trib__fence_of(block, fenced, l);
                        if ((*waited_for & bit) == 0 || value < values[l])
                                values[l] = value;
                        *waited_for |= bit;
                }
        }
        return is_any_past;
}

bool trib__cache_fences(struct trib__memory *memory, uint32_t stream, uint64_t *values,
                        uint64_t *waited_for)
{
        struct cache *cache = &memory->caches[stream];
        bool          is_any_past = false;

        enter_patiently(memory, stream);
        sort_all_pushed(memory, stream);
        for (uint32_t list = 0; list < N_LISTS; list++)
                is_any_past |= note_fences(memory, cache->free[list], values, waited_for);
        is_any_past |= note_fences(memory, cache->limbo, values, waited_for);
        leave(memory, stream);
        return is_any_past;
}
