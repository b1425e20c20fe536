/* SPDX-License-Identifier: Apache-2.0 */
/* stream_pool.h: the streams of one device, and which thread uses which.
 *
 * stream:  a device queue with its timeline and a slab. Up to 64, made when first needed.
 * binding: a thread's own stream ("home"), taken without a lock on the thread's first use of the
 *          device and given back when the thread ends.
 * lease:   the right to use a stream now, for one request (or for as long as trib_stream_acquire's
 *          caller wants). One word per stream; the uncontended path is one compare-and-swap to take
 *          it and one to give it back. The word also says for whom (`tag`), so that a session
 *          counts the calls inside of it by the leases that have its tag.
 *
 * Both kinds of words are in static tables, {epoch of the device, ...} each: so a thread that dies,
 * or a call that comes too late, touches no memory that can be gone, and an old epoch never acts.
 *
 * What happens when more threads than streams run (`policy`):
 *   share: a thread without a home, or whose home is leased, borrows any idle stream; when there
 *          is none it queues.
 *   wait:  a thread without a home queues until one is given back: by a thread that ends, or,
 *          while others wait, by a thread that finishes a request.
 *   fail:  a thread without a home gets TRIB_NO_STREAM.
 * The queue is served in order of arrival, and nobody overtakes it; but the thread that has a
 * stream may take it again for its next requests until its turn, 1 ms, is over (lease.c).
 *
 * A stream whose request ran out of time is hung: nobody leases it until its timeline has passed
 * the abandoned work; it then serves again. So does one whose thread died in a request. */
#ifndef TRIB_STREAM_STREAM_POOL_H
#define TRIB_STREAM_STREAM_POOL_H

#include "backend/backend.h"
#include "memory/memory.h"

enum trib__stream_policy {
        TRIB__STREAMS_SHARE,
        TRIB__STREAMS_WAIT,
        TRIB__STREAMS_FAIL
};

#define TRIB__MAX_DEVICES 16
#define TRIB__NO_STREAM_INDEX UINT32_MAX
#define TRIB__MAX_TAG ((1u << 28) - 1)

struct trib__stream_pool;
struct trib__lease;

struct trib_stream {
        /* Fixed once the stream is made. */
        _Alignas(TRIB__CACHE_LINE) struct trib__stream_pool *pool;
        struct trib__lease     *lease;
        uint32_t                index;
        trib__queue            *queue;
        struct trib__timeline  *timeline;
        void                   *owner; /* the upper layer's device, for public handles */

        /* Holder of the lease only. */
        uint64_t submitted;
        uint64_t recorded; /* the value of the last event that was recorded here */
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
        bool                        is_inline;  /* work is done by the thread that submits it */
};

/* What the queue of waiting threads has seen. */
struct trib__stream_counts {
        uint64_t queued;        /* threads that had to wait                     */
        uint64_t handed;        /* streams handed over: one wake each           */
        uint64_t longest_queue;
};

trib_status trib__stream_pool_create(const struct trib__stream_pool_params *params,
                                     struct trib__stream_pool **out, trib_error *err) TRIB_MUST_USE;
/* No stream is leased any more. Threads may still be bound; their words are void from now on. */
void trib__stream_pool_destroy(struct trib__stream_pool *pool);

/* Lease a stream for a request of the calling thread, in the name of `tag` (0: of nobody). Blocks,
 * if at all, until the deadline. TRIB_NO_STREAM, TRIB_TIMED_OUT, or why a stream could not be
 * made. */
trib_status trib__stream_lease_for(struct trib__stream_pool *pool, uint32_t tag, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err) TRIB_MUST_USE;
static inline TRIB_MUST_USE trib_status trib__stream_lease(struct trib__stream_pool *pool,
                                                           uint64_t             deadline,
                                                           struct trib_stream **out,
                                                           trib_error          *err)
{
        return trib__stream_lease_for(pool, 0, deadline, out, err);
}

/* The short way, for callers that do not know yet whether the pool is still there: it touches
 * static memory only, and never blocks. {place, epoch} are the pool's. Leases the calling thread's
 * home, if it is idle: gives its index, or TRIB__NO_STREAM_INDEX; and in *out the stream, or NULL
 * if it has yet to be made. */
void     trib__stream_pool_where(const struct trib__stream_pool *pool, uint32_t *place,
                                 uint32_t *epoch);
uint32_t trib__stream_take_home(uint32_t place, uint32_t epoch, uint32_t tag,
                                struct trib_stream **out);
/* End that lease, by way of static memory only. */
void trib__stream_untake(uint32_t place, uint32_t index);
/* The pool is there: make the stream that was taken. The lease goes on, also on failure. */
trib_status trib__stream_make(struct trib__stream_pool *pool, uint32_t index,
                              struct trib_stream **out, trib_error *err) TRIB_MUST_USE;

/* Whether a stream is leased in the name of `tag`. Streams whose thread died in its name are
 * recovered; they are hung, or idle again. */
bool trib__stream_pool_is_used(struct trib__stream_pool *pool, uint32_t tag);

/* For counts of calls that are spread over lines and taken back when a thread dies inside: `count`
 * is static memory. The thread's number, from 0; and the count that the thread is in, or NULL. */
uint32_t trib__stream_thread_number(void);
void     trib__stream_thread_inside(trib__atomic_u32 *count);
/* Whether the thread's end is noticed. Then its record of run delay (base/meter.h) is closed. */
bool     trib__stream_thread_is_watched(void);

/* Lease any idle stream, beside the thread's own one if possible; does not bind the thread. */
trib_status trib__stream_lease_any(struct trib__stream_pool *pool, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err) TRIB_MUST_USE;
/* End the lease. With `is_hung` the stream stays out of use until it has passed all that was
 * submitted to it. */
void trib__stream_return(struct trib_stream *stream, bool is_hung);

/* The stream's slab, at least `bytes` large, or NULL in *slab if bytes is 0. Content undefined.
 * Where it must grow and memory is short, waits for released memory until the deadline.
 * Holder of the lease. */
trib_status trib__stream_slab(struct trib_stream *stream, uint64_t bytes, uint64_t deadline,
                              void **slab, trib_error *err) TRIB_MUST_USE;
/* The same for memory that host and device both see. */
trib_status trib__stream_staging(struct trib_stream *stream, uint64_t bytes, void **staging,
                                 trib_error *err) TRIB_MUST_USE;

/* The value for the next submission; published before the device sees it. Holder of the lease. */
uint64_t trib__stream_next_value(struct trib_stream *stream);

/* A number below TRIB__MAX_STREAMS that spreads threads: the calling thread's home, if any. */
uint32_t trib__stream_hint(const struct trib__stream_pool *pool);

/* Take slab and staging memory from the streams that are idle: the slabs go back to the allocator,
 * which keeps them (trib__memory_trim gives them back to the device), the staging memory to the
 * device. Returns the bytes. Any thread; it leases each stream for a moment. */
uint64_t trib__stream_pool_trim(struct trib__stream_pool *pool);

void trib__stream_pool_get_counts(struct trib__stream_pool *pool,
                                  struct trib__stream_counts *out);

/* How many streams have been made. */
uint32_t trib__stream_count(const struct trib__stream_pool *pool);

#endif
