/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: the allocator of one device's memory, in the order of streams, and the table of
 * buffer handles.
 *
 * block:  a piece of device memory; live while it has holders, else free for reuse.
 * handle: {generation, slot} of a live block. A handle that is no longer live is TRIB_STALE,
 *         always: its generation never comes back.
 * fence:  {stream, value}: that stream may use the block until its timeline reaches the value.
 *         Fences are taken when the last holder lets go, for every stream that used the block.
 * cap:    the most bytes that are taken from the device, the memory of programs included.
 *
 * A block that was only used on one stream is given out on that stream again at once: its next
 * use is queued behind the last. For another stream all its fences must have been passed.
 *
 * Two designs stand behind this header, chosen when the allocator is made. Caches per stream
 * (n_shards = 0) is what ships: cached.c, central.c, ladder.c. One table of free blocks behind 1
 * or 8 locks (sharded.c) is the baseline that it is measured and tested against. */
#ifndef TRIB_MEMORY_MEMORY_H
#define TRIB_MEMORY_MEMORY_H

#include "backend/backend.h"

#define TRIB__MAX_STREAMS 64

/* For trib__memory_alloc: wait as long as the allocator's own time-out says. */
#define TRIB__MEMORY_TIMEOUT (TRIB__NEVER - 1)
/* For trib__memory_release: the stream for which the calling thread last allocated. */
#define TRIB__NEAR_MINE UINT32_MAX

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
        /* Calls that the stream's own cache could not serve, by the step that did. */
        uint64_t from_central, from_device, from_donation, from_freeing, from_waiting;
        uint64_t segments;            /* number */
        uint64_t central;             /* of cached: in the central pool */
        uint64_t central_largest_run; /* the largest piece that the central pool could give */
};

struct trib__memory_params {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__timeline      *timelines; /* n_streams of them; outlive the memory */
        uint32_t                    n_streams;
        uint32_t                    n_shards;   /* 0: caches per stream; 1 or 8: shards */
        uint64_t                    limit;      /* bytes; 0: none */
        uint64_t                    timeout_ns; /* what TRIB__MEMORY_TIMEOUT stands for */
        uint32_t                    n_history;  /* events to keep; 0: none */
};

trib_status trib__memory_create(const struct trib__memory_params *params,
                                struct trib__memory **out, trib_error *err) TRIB_MUST_USE;
/* Gives all memory back to the device, whoever holds it. NULL is fine. */
void trib__memory_destroy(struct trib__memory *memory);

/* A block for use on `stream`. Any thread. Blocks for the device's allocation, and, where nothing
 * else helps, for the fences of released blocks, until the deadline (0: not for those). */
trib_status trib__memory_alloc(struct trib__memory *memory, uint32_t stream, uint64_t bytes,
                               uint64_t deadline, uint64_t *handle,
                               trib_error *err) TRIB_MUST_USE;
trib_status trib__memory_retain(struct trib__memory *memory, uint64_t handle,
                                trib_error *err) TRIB_MUST_USE;
/* Drop a holder. `near` is the stream that the calling thread works on, or TRIB__NEAR_MINE; it
 * decides which way of the block is the cheaper one, and any number is right. */
trib_status trib__memory_release(struct trib__memory *memory, uint64_t handle, uint32_t near,
                                 trib_error *err);
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

/* The figures are read one after the other: they fit together exactly while nothing runs. Takes
 * no lock that a request takes. */
void trib__memory_get_stats(struct trib__memory *memory, struct trib__memory_stats *out);

/* All there is to say, as one JSON object: as much of it as fits `size` bytes, terminated (unless
 * size is 0). Returns the length of the whole, which may differ from one call to the next. */
uint64_t trib__memory_describe(struct trib__memory *memory, char *text, size_t size);

#endif
