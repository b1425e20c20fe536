/* SPDX-License-Identifier: Apache-2.0 */
/* memory_priv.h: blocks, caches, the central pool and shards.
 *
 * slot:    the host's record of a block; 256 of them are a chunk. Chunks live as long as the
 *          allocator, so that any number that a caller takes for a handle can be looked up.
 * cache:   the free blocks of one stream. Whoever is inside (the owner word) has it to himself.
 * run:     consecutive pages of 64 KiB of a segment, which is one piece of the device's memory.
 * slab:    a run cut into blocks of one class.
 * single:  a block that is one piece of the device's memory by itself.
 * central: the pool of free runs, of slabs' free blocks and of free singles. What is in there is
 *          past all its fences. */
#ifndef TRIB_MEMORY_MEMORY_PRIV_H
#define TRIB_MEMORY_MEMORY_PRIV_H

#include "memory/memory.h"

/* Size classes: 512 B, then 4 to a doubling up to 64 MiB (at most 25 % of a block is waste); then
 * whole multiples of 2 MiB, which share the last list and fit if at most 1/8 larger. */
#define SMALLEST_CLASS_BITS 9
#define LARGEST_CLASS_BITS 26
#define CLASSES ((LARGEST_CLASS_BITS - SMALLEST_CLASS_BITS) * 4 + 1)
#define LARGE_CLASS CLASSES
#define N_LISTS (CLASSES + 1)
#define LARGE_GRAIN (UINT64_C(2) << 20)

#define PAGE_BITS 16
#define PAGE_BYTES (UINT64_C(1) << PAGE_BITS)
/* Classes up to 256 KiB are cut from slabs; all larger ones are whole pages. */
#define SLAB_CLASSES ((18 - SMALLEST_CLASS_BITS) * 4 + 1)
#define LEAST_SEGMENT (UINT64_C(1) << 20)
#define LARGEST_SEGMENT (UINT64_C(32) << 20)
/* Larger blocks are pieces of the device by themselves: in segments they would leave large gaps. */
#define LARGEST_RUN (UINT64_C(16) << 20)
#define POOLS 3
#define MAX_RUN ((uint32_t)(LARGEST_SEGMENT >> PAGE_BITS)) /* pages */

#define BLOCKS_PER_CHUNK 256
#define MAX_CHUNKS 4096

#define HOLDERS(state) ((uint32_t)(state))
#define GENERATION(state) ((uint32_t)((state) >> 32))
#define STATE(generation, holders) ((uint64_t)(generation) << 32 | (holders))

/* Where a block is. Kept for statistics, snapshots and our own checks: no decision reads it. */
enum place {
        PLACE_SPARE,   /* the slot has no memory                              */
        PLACE_LIVE,    /* it has holders                                      */
        PLACE_IN_HAND, /* on its way, with the thread that moves it           */
        PLACE_LIST,    /* in a cache's list, or in a shard's                  */
        PLACE_LIMBO,   /* in a cache's limbo                                  */
        PLACE_PUSHED,  /* freed by a thread of another stream, not taken yet  */
        PLACE_CENTRAL
};

struct run;

/* Two lines of the cache. The atomics in it, but for the state and the mask, belong to whoever has
 * the block, and are atomic because statistics read them at any time. */
struct block {
        /* All that a request needs is on this line: freed by another thread, it moves from core
         * to core once. Generation in the upper half, holders in the lower; 0 holders: not live.
         * The last holder's CAS moves the generation, so that exactly one thread retires it. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 state;
        trib__atomic_u64 use_mask; /* bit l: stream l used it since it was handed out */
        struct block    *next;     /* in whatever list it is in; its holder's          */
        trib__atomic_u64 requested;
        trib__atomic_ptr address;
        /* Taken at the last drop: bit l: stream l must reach a value. That of a single stream is
         * beside it, those of several are in many_fences. */
        trib__atomic_u64 fenced;
        trib__atomic_u64 fence;
        uint32_t         slot;  /* fixed */
        trib__atomic_u32 where; /* enum place | class << 8 | home << 16: the stream whose cache
                                 * it goes to */

        /* Set when the block is cut. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 size;
        struct run       *run;         /* of its slab, or itself; NULL: a single */
        trib__atomic_u64 *many_fences; /* TRIB__MAX_STREAMS of them; fixed       */
};

struct chunk {
        struct block     blocks[BLOCKS_PER_CHUNK];
        trib__atomic_u64 *fences; /* for blocks that more streams used; untouched until then */
};

/* The free blocks of one stream. */
struct cache {
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 owner; /* 0: nobody is inside */
        /* Of who is inside. */
        uint32_t         n_limbo;
        trib__atomic_u64 given; /* allocations; read by anyone */
        struct block    *limbo; /* in order of arrival; fences of other streams not passed */
        struct block   **limbo_end;
        struct block    *taken; /* of `pushed`, not looked at yet */
        /* Only this stream used them, or all others are past it: free to give to this stream. */
        struct block *free[N_LISTS];

        /* Blocks that threads of other streams freed: pushed by anyone, taken all at once. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_ptr pushed;
};

enum run_kind {
        RUN_FREE,
        RUN_BLOCK, /* one block */
        RUN_SLAB
};

struct segment;

/* One a page. The first of a run has all; its last has pages and kind of a free one, so that a
 * neighbour behind it can merge. Under the central mutex. */
struct run {
        struct run     *next, **link; /* in a bin, or in its class's list of slabs */
        struct segment *segment;
        struct block   *here; /* a slab's blocks that are in central */
        uint32_t        pages;
        enum run_kind   kind;
        uint32_t        list, n_blocks, n_cut, n_here; /* of a slab; n_cut of n_blocks have slots */
};

struct segment {
        struct segment *next, **link;
        struct pool    *pool;
        void           *address;
        uint32_t        n_pages;
        struct run      runs[];
};

/* The free runs of the segments for blocks of about one size. Blocks of all sizes in one segment
 * would not let it become free, nor hold a large one again. */
struct pool {
        struct run *bins[MAX_RUN + 1]; /* by pages */
        uint64_t    filled[MAX_RUN / 64 + 1];
};

struct central {
        struct trib__mutex mutex;
        struct segment    *segments;
        struct pool        pools[POOLS];
        struct run        *slabs[SLAB_CLASSES]; /* those that have something to give */
        struct block      *singles;
        uint64_t           held; /* bytes of blocks in here: of slabs, and singles */
        uint64_t           uncut;        /* bytes of segments that are in no block */
        uint64_t           n_segments;
};

struct shard {
        struct trib__mutex mutex;
        struct block      *free[N_LISTS];
        trib__atomic_u64   given; /* written under the mutex */
} __attribute__((aligned(TRIB__CACHE_LINE)));

struct history;

struct trib__memory {
        struct trib__memory_params params;  /* fixed */
        struct history            *history; /* fixed; NULL: none is kept */

        /* Written when memory comes and goes, not per request. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 reserved;
        trib__atomic_u64 reserved_peak;
        trib__atomic_u64 programs;
        trib__atomic_u64 device_allocations;
        trib__atomic_u64 out_of_memory;
        trib__atomic_u64 from_own, from_central, from_device; /* calls that each rung served */
        trib__atomic_u64 from_donation, from_freeing, from_waiting;

        /* Under slots_mutex; chunk pointers are published and never change. */
        struct trib__mutex slots_mutex;
        struct block      *spare_slots;
        trib__atomic_u32   n_slots;
        trib__atomic_ptr   chunks[MAX_CHUNKS];

        /* One thread at a time moves memory between the device, the central pool and caches of
         * others. So a thread that finds none inside knows that none is on its way. */
        struct trib__gate gate;
        uint64_t          active_peak; /* the most that live blocks had; inside the gate */
        struct central    central;
        struct cache      caches[TRIB__MAX_STREAMS];

        struct shard shards[8]; /* params.n_shards of them in use */
};

/* ---- memory.c ---- */

/* How many bytes live blocks have. */
uint64_t trib__memory_active(const struct trib__memory *memory);
/* How many calls gave a buffer. */
uint64_t trib__memory_calls(const struct trib__memory *memory);

/* ---- blocks.c ---- */

/* The class of a block of so many bytes, and the bytes that it then has. */
static inline uint32_t trib__memory_class(uint64_t bytes, uint64_t *size)
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
        quarter = (uint32_t)((bytes - (UINT64_C(1) << top) + step - 1) >> (top - 2));
        *size = (UINT64_C(1) << top) + quarter * step;
        return (top - SMALLEST_CLASS_BITS) * 4 + quarter;
}
/* A slot without memory; NULL if host memory is short. */
struct block *trib__slot_take(struct trib__memory *memory);
/* Give back a chain of them, linked by next; NULL is fine. */
void trib__slots_spare(struct trib__memory *memory, struct block *chain);
/* The slot of that number, or NULL. */
struct block *trib__slot_at(const struct trib__memory *memory, uint32_t slot);
/* Relaxed, all of them: these belong to whoever has the block; statistics guess. */
static inline void trib__block_put(struct block *block, enum place place)
{
        uint32_t where = trib__load_relaxed_u32(&block->where);

        /* Relaxed: see above. */
        trib__store_relaxed_u32(&block->where, (where & ~0xffu) | (uint32_t)place);
}
static inline enum place trib__block_place(const struct block *block)
{
        /* Relaxed: see above. */
        return (enum place)(trib__load_relaxed_u32(&block->where) & 0xff);
}
static inline uint32_t trib__block_list(const struct block *block)
{
        /* Relaxed: see above. */
        return trib__load_relaxed_u32(&block->where) >> 8 & 0xff;
}
static inline uint32_t trib__block_home(const struct block *block)
{
        /* Relaxed: see above. */
        return trib__load_relaxed_u32(&block->where) >> 16;
}
/* In the hands of who calls. */
static inline void trib__block_settle(struct block *block, uint32_t list, uint32_t home)
{
        /* Relaxed: see above. */
        trib__store_relaxed_u32(&block->where, (uint32_t)PLACE_IN_HAND | list << 8 | home << 16);
}
static inline uint64_t trib__block_size(const struct block *block)
{
        /* Relaxed: changes only while nobody else has the block; statistics guess. */
        return trib__load_relaxed_u64(&block->size);
}

/* The last holder is gone: what every stream that used the block has submitted by now. */
void trib__fences_take(struct trib__memory *memory, struct block *block);
/* The value that stream l, which is in `fenced`, must reach. */
uint64_t trib__fence_of(const struct block *block, uint64_t fenced, uint32_t l);
/* Whether all streams of `left` have passed the block's fences. */
bool trib__fences_are_past(const struct trib__memory *memory, const struct block *block,
                           uint64_t left);
/* The same for all streams. */
static inline bool trib__fences_are_all_past(const struct trib__memory *memory,
                                             const struct block *block)
{
        /* Relaxed: the caller has the block, or only wants a figure. */
        return trib__fences_are_past(memory, block, trib__load_relaxed_u64(&block->fenced));
}

/* ---- pieces.c ---- */

/* Count bytes under the cap; false if they do not fit. What does not fit is never counted, so that
 * it is in nobody's way. */
bool trib__cap_reserve(struct trib__memory *memory, uint64_t bytes);
void trib__cap_unreserve(struct trib__memory *memory, uint64_t bytes);
/* What is reserved now, the device has given. */
void trib__cap_note_peak(struct trib__memory *memory);
/* Reserved bytes from the device; NULL: the reservation is undone, and *status says why. */
void *trib__piece_take(struct trib__memory *memory, uint64_t bytes, trib_status *status,
                       trib_error *err);
void trib__piece_give(struct trib__memory *memory, void *address, uint64_t bytes);
/* A block that is a piece by itself, in `slot`; false and a free slot if there is none. */
bool trib__single_make(struct trib__memory *memory, struct block *slot, uint32_t list,
                       uint64_t size, trib_status *status, trib_error *err);
trib_status trib__memory_fail(struct trib__memory *memory, uint64_t bytes, const char *why,
                              trib_error *err);

/* ---- cached.c ---- */

void trib__caches_init(struct trib__memory *memory);
/* From the stream's own cache; NULL: nothing there, or somebody else is inside. */
struct block *trib__cache_take(struct trib__memory *memory, uint32_t stream, uint32_t list,
                               uint64_t size);
/* The same on the ladder: waits until nobody else is inside, and does not count. */
struct block *trib__cache_take_patiently(struct trib__memory *memory, uint32_t stream,
                                         uint32_t list, uint64_t size);
/* A block whose last holder is gone and whose fences are taken. */
void trib__cache_give(struct trib__memory *memory, struct block *block, uint32_t near);
/* Take from the stream's cache what is past all its fences, as a chain, of that class and larger
 * ones. Waits to get in. */
struct block *trib__cache_donate(struct trib__memory *memory, uint32_t stream, uint32_t list);
/* values[l] becomes the smallest fence of stream l, if smaller, over all blocks in the cache that
 * wait for l; *waited_for gets the bits of these streams. True: there is a block that waits for
 * none. Waits to get in. */
bool trib__cache_fences(struct trib__memory *memory, uint32_t stream, uint64_t *values,
                        uint64_t *waited_for);

/* ---- central.c ---- */

trib_status trib__central_init(struct trib__memory *memory, trib_error *err);
void        trib__central_destroy(struct trib__memory *memory);
/* What a request wants. */
struct want {
        uint32_t      stream, list; /* for whom, its class */
        uint64_t      size, bytes;  /* of the class, asked for */
        struct block *slot; /* for a block that has to be cut; NULL when it is used, or there is
                             * none */
        bool          is_desperate; /* from whichever pool has it */
};
struct block *trib__central_take(struct trib__memory *memory, struct want *want);
/* Add a piece of the device, if it has room for want->size, and take from it. */
struct block *trib__central_grow(struct trib__memory *memory, struct want *want,
                                 trib_status *status, trib_error *err);
/* Put back blocks that are past all their fences. */
void trib__central_put(struct trib__memory *memory, struct block *chain);
/* Give wholly free segments and singles to the device, until it is so many bytes or there are no
 * more; returns the bytes. */
uint64_t trib__central_free(struct trib__memory *memory, uint64_t enough);
/* The pool's part of the statistics; *uncut: bytes of segments that are in no block. */
void trib__central_figures(struct trib__memory *memory, uint64_t *uncut,
                           struct trib__memory_stats *out);

/* ---- ladder.c ---- */

/* The stream's cache had nothing: all other ways in turn, until the deadline. */
trib_status trib__ladder_take(struct trib__memory *memory, struct want *want, uint64_t deadline,
                              struct block **out, trib_error *err);
uint64_t    trib__ladder_trim(struct trib__memory *memory);
/* Trim, and count bytes under the cap. */
bool trib__ladder_reserve(struct trib__memory *memory, uint64_t bytes);

/* ---- sharded.c ---- */

trib_status trib__shards_init(struct trib__memory *memory, trib_error *err);
void        trib__shards_destroy(struct trib__memory *memory);
trib_status trib__shards_take(struct trib__memory *memory, struct want *want, struct block **out,
                              trib_error *err);
void        trib__shards_give(struct trib__memory *memory, struct block *block);
uint64_t    trib__shards_trim(struct trib__memory *memory);

#endif
