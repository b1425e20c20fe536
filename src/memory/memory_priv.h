/* SPDX-License-Identifier: Apache-2.0 */
/* memory_priv.h: blocks, classes and shards. */
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

#define BLOCKS_PER_CHUNK 256
#define MAX_CHUNKS 4096

struct block {
        /* Fixed when the slot is first used. */
        uint32_t slot;

        /* Generation in the upper half, holders in the lower; 0 holders: not live. The last
         * holder's CAS moves the generation, so that exactly one thread retires the block. */
        trib__atomic_u64 state;
        trib__atomic_u64 use_mask; /* bit l: stream l used it since it was handed out */

        /* Set by alloc while nobody else knows the block; then read by holders. */
        void    *address;
        uint64_t size;
        uint64_t requested;
        uint32_t list;
        uint32_t shard;

        /* Under the shard's mutex while the block is free. */
        struct block *next;
        uint64_t      fenced; /* bit l: fences[l] counts */
        uint64_t      fences[TRIB__MAX_STREAMS];
};

struct shard {
        struct trib__mutex mutex;
        struct block      *free[N_LISTS];
        uint64_t           requested; /* by live blocks of this shard */
        uint64_t           allocated;
        uint64_t           allocations;
} __attribute__((aligned(TRIB__CACHE_LINE)));

struct trib__memory {
        struct trib__memory_params params; /* fixed */

        /* Atomic: written when segments come and go, not per request. */
        trib__atomic_u64 reserved;
        trib__atomic_u64 reserved_peak;
        trib__atomic_u64 programs;
        trib__atomic_u64 device_allocations;
        trib__atomic_u64 out_of_memory;

        /* Under slots_mutex; chunk pointers are published and never change. */
        struct trib__mutex slots_mutex;
        struct block      *spare_slots;
        uint32_t           n_slots;
        trib__atomic_ptr   chunks[MAX_CHUNKS];

        struct shard shards[8]; /* params.n_shards of them in use */
};

uint32_t trib__memory_class(uint64_t bytes, uint64_t *size);

#endif
