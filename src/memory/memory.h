/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: the stream-ordered caching allocator of one device, first version.
 *
 * block:    a piece of device memory of a size class, counted, known by a handle: slot number and
 *           generation. The generation moves on when the last holder goes, so a late use is an
 *           error (TRIB_STALE), never a hit.
 * fence:    (stream, value): passed when the stream's timeline has reached the value. When the
 *           last reference goes, one fence is taken for every stream that used the block.
 * limbo:    released blocks with fences not yet passed; they wait in the free lists.
 * shard:    free lists by size class behind one mutex; 1 or 8 of them. A stream's blocks live in
 *           shard (stream mod shards); when that has none, the others are asked.
 *
 * A block freed on stream s may be given out to stream s at once, because later work of s runs
 * behind its last use (in-order queue); to any other stream when all its fences are passed.
 *
 * Locks: the handle table's and one shard's; never two at once; none over a device call. */
#ifndef TRIB_MEMORY_MEMORY_H
#define TRIB_MEMORY_MEMORY_H

#include "backend/backend.h"

#define TRIB__MAX_STREAMS 64

struct trib__memory;

/* The timeline of one stream, shared between the streams above and the allocator. */
struct trib__timeline {
        /* Set once, when the queue is created; NULL before. */
        trib__atomic_ptr queue;
        /* Written by the holder of the stream's lease, read by anyone. */
        trib__atomic_u64 submitted;
} __attribute__((aligned(TRIB__CACHE_LINE)));

/* Bytes, unless said otherwise; the fields of trib_memory_stats. */
struct trib__memory_stats {
        uint64_t limit, reserved, reserved_peak, requested, allocated, limbo, cached, programs;
        uint64_t allocations, device_allocations, out_of_memory; /* calls */
};

struct trib__memory_params {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__timeline      *timelines; /* n_streams of them; outlive the memory */
        uint32_t                    n_streams;
        uint32_t                    n_shards; /* 1 or 8 */
        uint64_t                    limit;    /* bytes; 0: none */
};

trib_status trib__memory_create(const struct trib__memory_params *params,
                                struct trib__memory **out, trib_error *err) TRIB_MUST_USE;
/* Gives all memory back to the device, whoever holds it. NULL is fine. */
void trib__memory_destroy(struct trib__memory *memory);

/* A block for use on `stream`. Any thread. Blocks for the device's allocation at most. */
trib_status trib__memory_alloc(struct trib__memory *memory, uint32_t stream, uint64_t bytes,
                               uint64_t *handle, trib_error *err) TRIB_MUST_USE;
trib_status trib__memory_retain(struct trib__memory *memory, uint64_t handle,
                                trib_error *err) TRIB_MUST_USE;
trib_status trib__memory_release(struct trib__memory *memory, uint64_t handle, trib_error *err);
/* Note that `stream` uses the block, beside the one it was allocated for. */
trib_status trib__memory_use(struct trib__memory *memory, uint64_t handle, uint32_t stream,
                             trib_error *err) TRIB_MUST_USE;
trib_status trib__memory_lookup(struct trib__memory *memory, uint64_t handle, void **address,
                                uint64_t *bytes, trib_error *err) TRIB_MUST_USE;

/* Count bytes that somebody else holds on the device (programs) under the cap. */
trib_status trib__memory_charge(struct trib__memory *memory, uint64_t bytes,
                                trib_error *err) TRIB_MUST_USE;
void trib__memory_uncharge(struct trib__memory *memory, uint64_t bytes);

/* Give back to the device what is free; returns the bytes. */
uint64_t trib__memory_trim(struct trib__memory *memory);

void trib__memory_get_stats(struct trib__memory *memory, struct trib__memory_stats *out);

#endif
