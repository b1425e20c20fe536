/* SPDX-License-Identifier: Apache-2.0 */
/* stream_pool.h: the streams of one device, and which thread uses which.
 *
 * stream:  a device queue with its timeline and a slab. Up to 64, made when first needed.
 * binding: a thread's own stream ("home"), taken without a lock on the thread's first use of the
 *          device and given back when the thread ends. One word per stream in a static table says
 *          who: {epoch of the device, number of the thread}; so a dying thread touches no memory
 *          that can be gone, and an old epoch never acts.
 * lease:   the right to use a stream now, for one request (or for as long as trib_stream_acquire's
 *          caller wants). One word per stream; the uncontended path is one compare-and-swap.
 *
 * What happens when more threads than streams run (`policy`):
 *   share: a thread without a home, or whose home is leased, borrows any idle stream; when there
 *          is none it queues. Threads that run may overtake those that wait (that keeps cores
 *          busy with warm caches), but once the first in the queue has waited 4 ms the next
 *          stream that comes back is handed to it: nobody starves.
 *   wait:  a thread without a home waits until one is given back: by a thread that ends, or,
 *          while others wait, by a thread that finishes a request.
 *   fail:  a thread without a home gets TRIB_NO_STREAM.
 *
 * A stream whose request ran out of time is hung: nobody leases it until its timeline has passed
 * the abandoned work; it then serves again. */
#ifndef TRIB_STREAM_STREAM_POOL_H
#define TRIB_STREAM_STREAM_POOL_H

#include "backend/backend.h"
#include "memory/memory.h"

enum trib__stream_policy {
        TRIB__STREAMS_SHARE,
        TRIB__STREAMS_WAIT,
        TRIB__STREAMS_FAIL
};

struct trib__stream_pool;

struct trib_stream {
        /* Alone on its line. 0: free. Else who has it; see stream_pool.c. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 lease;

        /* Fixed once the stream is made. */
        _Alignas(TRIB__CACHE_LINE) struct trib__stream_pool *pool;
        uint32_t                index;
        trib__queue            *queue;
        struct trib__timeline  *timeline;
        void                   *owner; /* the upper layer's device, for public handles */

        /* Holder of the lease only. */
        uint64_t submitted;
        uint64_t hung_until; /* the value that a hung stream must pass */
        uint64_t slab_handle;
        void    *slab;
        uint64_t slab_bytes;
        void    *staging; /* visible to host and device; backend alloc_host */
        uint64_t staging_bytes;
};

struct trib__stream_pool_params {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__memory        *memory;
        struct trib__timeline      *timelines; /* max_streams of them */
        void                       *owner;
        uint32_t                    max_streams; /* 1..64 */
        enum trib__stream_policy    policy;
        uint64_t                    timeout_ns; /* of policy wait */
};

trib_status trib__stream_pool_create(const struct trib__stream_pool_params *params,
                                     struct trib__stream_pool **out, trib_error *err) TRIB_MUST_USE;
/* No stream is leased any more. Threads may still be bound; their words are void from now on. */
void trib__stream_pool_destroy(struct trib__stream_pool *pool);

/* Lease a stream for a request of the calling thread. Blocks, if at all, until the deadline.
 * TRIB_NO_STREAM, TRIB_TIMED_OUT, or why a stream could not be made. */
trib_status trib__stream_lease(struct trib__stream_pool *pool, uint64_t deadline,
                               struct trib_stream **out, trib_error *err) TRIB_MUST_USE;
/* Lease any idle stream, beside the thread's own one if possible; does not bind the thread. */
trib_status trib__stream_lease_any(struct trib__stream_pool *pool, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err) TRIB_MUST_USE;
/* End the lease. With `is_hung` the stream stays out of use until it has passed all that was
 * submitted to it. */
void trib__stream_return(struct trib_stream *stream, bool is_hung);

/* The stream's slab, at least `bytes` large, or NULL in *slab if bytes is 0. Content undefined.
 * Holder of the lease. */
trib_status trib__stream_slab(struct trib_stream *stream, uint64_t bytes, void **slab,
                              trib_error *err) TRIB_MUST_USE;
/* The same for memory that host and device both see. */
trib_status trib__stream_staging(struct trib_stream *stream, uint64_t bytes, void **staging,
                                 trib_error *err) TRIB_MUST_USE;

/* The value for the next submission; published before the device sees it. Holder of the lease. */
uint64_t trib__stream_next_value(struct trib_stream *stream);

/* A number below TRIB__MAX_STREAMS that spreads threads: the calling thread's home, if any. */
uint32_t trib__stream_hint(const struct trib__stream_pool *pool);

/* How many streams have been made. */
uint32_t trib__stream_count(const struct trib__stream_pool *pool);

#endif
