/* SPDX-License-Identifier: Apache-2.0 */
/* stream_pool.c: a pool and its streams: making, recovering, memory. How they are leased is in
 * stream_lease.c. No locks: all is the holder's of the stream's lease. */
#include "stream/stream_pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/trace.h"
#include "stream/stream_priv.h"

trib_status trib__stream_pool_create(const struct trib__stream_pool_params *params,
                                     struct trib__stream_pool **out, trib_error *err)
{
        struct trib__stream_pool *pool;
        trib_status               status;

        *out = NULL;
        pool = trib__aligned("stream.pool", TRIB__CACHE_LINE, sizeof(*pool));
        if (pool == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a stream pool");
        memset(pool, 0, sizeof(*pool));
        pool->params = *params;
        status = trib__binding_open(params->max_streams, &pool->place_index, &pool->epoch, err);
        if (status != TRIB_OK) {
                trib__free(pool);
                return status;
        }
        pool->place = &trib__stream_places[pool->place_index];
        TRIB__TRACE(POOL_OPEN, pool->place, TRIB__TRACE_ADDRESS(params->memory),
                    params->max_streams, (uint64_t)params->policy,
                    TRIB__TRACE_ADDRESS(pool->place->leases), sizeof(struct trib__lease));
        *out = pool;
        return TRIB_OK;
}

struct trib_stream *trib__stream_at(const struct trib__stream_pool *pool, uint32_t index)
{
        /* Acquire: pairs with the release in trib__stream_make: the stream is seen whole. */
        return trib__load_acquire_ptr(&pool->streams[index]);
}

/* Give the stream's memory back. Holder of the lease. */
static uint64_t trim_stream(struct trib_stream *stream)
{
        const struct trib__stream_pool_params *p = &stream->pool->params;
        uint64_t                               bytes = stream->slab_bytes + stream->staging_bytes;

        if (stream->slab_handle != 0)
                (void)trib__memory_release(p->memory, stream->slab_handle, stream->index, NULL);
        if (stream->staging != NULL)
                p->backend->free_host(p->device, stream->staging, stream->staging_bytes);
        stream->slab_handle = stream->slab_bytes = stream->staging_bytes = 0;
        stream->slab = stream->staging = NULL;
        return bytes;
}

static void destroy_stream(struct trib__stream_pool *pool, struct trib_stream *stream)
{
        TRIB__TRACE(STREAM_UNMAKE, stream->queue, 0);
        (void)trim_stream(stream);
        pool->params.backend->queue_destroy(stream->queue);
        trib__free(stream);
}

void trib__stream_pool_destroy(struct trib__stream_pool *pool)
{
        if (pool == NULL)
                return;
        trib__binding_close(pool->place_index, pool->epoch);
        for (uint32_t i = 0; i < pool->params.max_streams; i++) {
                struct trib_stream *stream = trib__stream_at(pool, i);

                /* Release: no thread looks at this timeline's queue any more. */
                trib__store_release_ptr(&pool->params.timelines[i].queue, NULL);
                if (stream != NULL)
                        destroy_stream(pool, stream);
        }
        trib__free(pool);
}

void trib__stream_pool_where(const struct trib__stream_pool *pool, uint32_t *place,
                             uint32_t *epoch)
{
        *place = pool->place_index;
        *epoch = pool->epoch;
}

uint32_t trib__stream_hint(const struct trib__stream_pool *pool)
{
        uint32_t home = trib__binding_home(pool->place_index, pool->epoch);

        return home != TRIB__NO_HOME ? home : TRIB__MAX_STREAMS - 1;
}

uint32_t trib__stream_count(const struct trib__stream_pool *pool)
{
        /* Relaxed: a statistic. */
        return trib__load_relaxed_u32(&pool->n_made);
}

void trib__stream_pool_get_counts(struct trib__stream_pool *pool, struct trib__stream_counts *out)
{
        trib__lock(&pool->place->mutex);
        *out = pool->place->counts;
        trib__unlock(&pool->place->mutex);
}

uint32_t trib__stream_thread_number(void)
{
        (void)trib__binding_watch();
        return trib__stream_thread.number;
}

void trib__stream_thread_inside(trib__atomic_u32 *count)
{
        trib__stream_thread.inside = count;
}

trib_status trib__stream_make(struct trib__stream_pool *pool, uint32_t index,
                              struct trib_stream **out, trib_error *err)
{
        struct trib_stream *stream;
        trib_status         status;

        *out = NULL;
        stream = trib__aligned("stream.stream", TRIB__CACHE_LINE, sizeof(*stream));
        if (stream == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a stream");
        memset(stream, 0, sizeof(*stream));
        stream->pool = pool;
        stream->lease = &pool->place->leases[index];
        stream->index = index;
        stream->timeline = &pool->params.timelines[index];
        stream->owner = pool->params.owner;
        TRIB__ASSERT_NO_LOCK();
        status = pool->params.backend->queue_create(pool->params.device, index, &stream->queue,
                                                    err);
        if (status != TRIB_OK) {
                trib__free(stream);
                return status;
        }
        TRIB__TRACE(STREAM_MAKE, stream->lease, TRIB__TRACE_ADDRESS(stream->queue));
        /* Release: pairs with the acquire where fences are compared. */
        trib__store_release_ptr(&stream->timeline->queue, stream->queue);
        /* Release: pairs with the acquire in trib__stream_at. */
        trib__store_release_ptr(&pool->streams[index], stream);
        stream->lease->stream = stream;
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u32(&pool->n_made, 1);
        *out = stream;
        return TRIB_OK;
}

/* What the dead thread submitted is abandoned. Where the thread itself did the work, nobody does
 * it any more: an empty work raises the timeline past it, for those who wait for that. */
static void adopt(struct trib__stream_pool *pool, struct trib_stream *stream)
{
        const struct trib__backend *backend = pool->params.backend;
        char                        nothing = 0;

        TRIB__TRACE(ORPHAN, stream->lease, trib__stream_thread.number);
        if (pool->params.is_inline && backend->completed(stream->queue) < stream->submitted) {
                uint64_t value = trib__stream_next_value(stream);

                /* Raises the timeline even if it fails. */
                (void)backend->copy(stream->queue, &nothing, &nothing, 0, value, NULL);
        }
        stream->hung_until = stream->submitted;
}

/* A hung stream is past its abandoned work, or never will be because its device is lost: that
 * touches nothing any more, and says so to whoever submits next. */
bool trib__stream_recover(struct trib__stream_pool *pool, struct trib_stream *stream,
                          bool was_orphan)
{
        const struct trib__backend *backend = pool->params.backend;

        if (stream == NULL) /* died before it was made */
                return true;
        TRIB__ASSERT_NO_LOCK();
        if (was_orphan)
                adopt(pool, stream);
        if (backend->completed(stream->queue) >= stream->hung_until)
                return true;
        /* A deadline in the past: only asks. */
        return backend->park(stream->queue, stream->hung_until, 0, NULL) != TRIB_TIMED_OUT;
}

uint64_t trib__stream_next_value(struct trib_stream *stream)
{
        uint64_t value = ++stream->submitted;

        TRIB__TRACE(SUBMIT, stream->lease, value);
        /* Release: pairs with the acquire when fences are taken: whoever drops a buffer after
         * this sees that the stream has this work ahead. */
        trib__store_release_u64(&stream->timeline->submitted, value);
        return value;
}

trib_status trib__stream_slab(struct trib_stream *stream, uint64_t bytes, uint64_t deadline,
                              void **slab, trib_error *err)
{
        struct trib__memory *memory = stream->pool->params.memory;
        uint64_t             size, handle;
        trib_status          status;

        if (bytes > stream->slab_bytes) {
                if (stream->slab_handle != 0)
                        (void)trib__memory_release(memory, stream->slab_handle, stream->index,
                                                   NULL);
                stream->slab_handle = 0;
                stream->slab_bytes = 0;
                stream->slab = NULL;
                status = trib__memory_alloc(memory, stream->index, bytes, deadline, &handle, err);
                if (status != TRIB_OK)
                        return status;
                stream->slab_handle = handle;
                status = trib__memory_lookup(memory, handle, &stream->slab, &size, err);
                if (status != TRIB_OK)
                        return status;
                stream->slab_bytes = size;
        }
        *slab = bytes > 0 ? stream->slab : NULL;
        return TRIB_OK;
}

trib_status trib__stream_staging(struct trib_stream *stream, uint64_t bytes, void **staging,
                                 trib_error *err)
{
        const struct trib__stream_pool_params *p = &stream->pool->params;

        if (bytes > stream->staging_bytes) {
                trib_status status;

                if (stream->staging != NULL)
                        p->backend->free_host(p->device, stream->staging, stream->staging_bytes);
                stream->staging = NULL;
                stream->staging_bytes = 0;
                TRIB__ASSERT_NO_LOCK();
                status = p->backend->alloc_host(p->device, bytes, &stream->staging, err);
                if (status != TRIB_OK)
                        return status;
                stream->staging_bytes = bytes;
        }
        *staging = stream->staging;
        return TRIB_OK;
}

uint64_t trib__stream_pool_trim(struct trib__stream_pool *pool)
{
        uint64_t epoch = (uint64_t)pool->epoch << 32;
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < pool->params.max_streams; i++) {
                struct trib_stream *stream = trib__stream_at(pool, i);

                if (stream == NULL ||
                    !trib__lease_take(stream->lease, trib__lease_word(epoch, TRIB__LEASE_FREE, 0),
                                      0, false))
                        continue;
                TRIB__TRACE(LEASE, stream->lease, TRIB__TRACE_LEASE_TRIM);
                bytes += trim_stream(stream);
                trib__lease_end(stream->lease);
        }
        return bytes;
}
