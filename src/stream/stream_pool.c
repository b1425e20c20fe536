/* SPDX-License-Identifier: Apache-2.0 */
/* stream_pool.c: leasing streams. See stream_pool.h for the nouns and policies.
 *
 * The lease word: FREE, LEASED or HUNG. Who turns FREE (or HUNG, once its work is past) into
 * LEASED has the stream. The queue of waiting threads is a list of records on their stacks, under
 * one mutex that is only taken when somebody waits. */
#include "stream/stream_pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "stream/stream_priv.h"

#define FREE UINT64_C(0)
#define LEASED UINT64_C(1)
#define HUNG UINT64_C(2)

/* A thread that waited so long is handed the next stream: about a time slice of the scheduler, so
 * that handing over costs no more than being descheduled would (as Go's starving mutex does). */
#define STARVING_NS (TRIB__NS_PER_SECOND / 250)
/* How often a waiter looks at hung streams, which nobody returns. */
#define HUNG_LOOK_NS (TRIB__NS_PER_SECOND / 100)

/* A thread that waits, on its own stack. Under the pool's mutex, but for `word`. */
struct waiter {
        struct waiter      *next;
        struct trib_stream *handed;    /* a stream, already leased to this thread */
        bool                is_starving;
        bool                is_woken;
        trib__atomic_u32    word; /* 0 sleep, 1 look again */
};

struct trib__stream_pool {
        /* Fixed. */
        struct trib__stream_pool_params params;
        uint32_t                        place, epoch;

        /* Published when a stream is made; entry i by the owner of home i, or under making[i]. */
        trib__atomic_ptr streams[TRIB__MAX_STREAMS];
        trib__atomic_u32 making[TRIB__MAX_STREAMS]; /* 1: some thread makes stream i */
        trib__atomic_u32 n_made;
        trib__atomic_u32 round_robin;

        /* Read by every return; written when threads queue up. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 n_waiters;
        struct trib__mutex mutex;
        struct waiter     *first; /* under mutex, in order of arrival */
};

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
        status = trib__mutex_init(&pool->mutex, TRIB__RANK_STREAMS, err);
        if (status != TRIB_OK)
                goto fail_mutex;
        status = trib__binding_open(&pool->place, &pool->epoch, err);
        if (status != TRIB_OK)
                goto fail_place;
        *out = pool;
        return TRIB_OK;

fail_place:
        trib__mutex_destroy(&pool->mutex);
fail_mutex:
        trib__free(pool);
        return status;
}

static struct trib_stream *stream_at(const struct trib__stream_pool *pool, uint32_t index)
{
        /* Acquire: pairs with the release in make_stream, so that the stream is seen whole. */
        return trib__load_acquire_ptr(&pool->streams[index]);
}

static void destroy_stream(struct trib__stream_pool *pool, struct trib_stream *stream)
{
        if (stream->slab_handle != 0)
                (void)trib__memory_release(pool->params.memory, stream->slab_handle, NULL);
        if (stream->staging != NULL) {
                pool->params.backend->free_host(pool->params.device, stream->staging,
                                                stream->staging_bytes);
        }
        pool->params.backend->queue_destroy(stream->queue);
        trib__free(stream);
}

void trib__stream_pool_destroy(struct trib__stream_pool *pool)
{
        if (pool == NULL)
                return;
        trib__binding_close(pool->place, pool->epoch, pool->params.max_streams);
        for (uint32_t i = 0; i < pool->params.max_streams; i++) {
                struct trib_stream *stream = stream_at(pool, i);

                /* Release: no thread looks at this timeline's queue any more. */
                trib__store_release_ptr(&pool->params.timelines[i].queue, NULL);
                if (stream != NULL)
                        destroy_stream(pool, stream);
        }
        trib__mutex_destroy(&pool->mutex);
        trib__free(pool);
}

uint32_t trib__stream_hint(const struct trib__stream_pool *pool)
{
        uint32_t home = trib__binding_home(pool->place, pool->epoch);

        return home != TRIB__NO_HOME ? home : TRIB__MAX_STREAMS - 1;
}

uint32_t trib__stream_count(const struct trib__stream_pool *pool)
{
        /* Relaxed: a statistic. */
        return trib__load_relaxed_u32(&pool->n_made);
}

/* Make stream `index`, leased to the caller, who has set making[index]. */
static trib_status make_stream(struct trib__stream_pool *pool, uint32_t index,
                               struct trib_stream **out, trib_error *err)
{
        struct trib_stream *stream;
        trib_status         status;

        *out = NULL;
        stream = trib__aligned("stream.stream", TRIB__CACHE_LINE, sizeof(*stream));
        if (stream == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a stream");
        memset(stream, 0, sizeof(*stream));
        /* Relaxed: published with the stream, below. */
        trib__store_relaxed_u64(&stream->lease, LEASED);
        stream->pool = pool;
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
        /* Release: pairs with the acquire where fences are compared. */
        trib__store_release_ptr(&stream->timeline->queue, stream->queue);
        /* Release: pairs with the acquire in stream_at. */
        trib__store_release_ptr(&pool->streams[index], stream);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u32(&pool->n_made, 1);
        *out = stream;
        return TRIB_OK;
}

/* Whether a hung stream is past its abandoned work, or never will be because its device is lost:
 * that touches nothing any more, and says so to whoever submits next. Holder of the lease. */
static bool is_past(const struct trib__stream_pool *pool, const struct trib_stream *stream)
{
        const struct trib__backend *backend = pool->params.backend;

        if (backend->completed(stream->queue) >= stream->hung_until)
                return true;
        TRIB__ASSERT_NO_LOCK();
        /* A deadline in the past: only asks. */
        return backend->park(stream->queue, stream->hung_until, 0, NULL) != TRIB_TIMED_OUT;
}

/* Lease the stream if it is free, or hung and past it. */
static bool try_lease(struct trib__stream_pool *pool, struct trib_stream *stream)
{
        uint64_t seen = FREE;

        /* Acquire: pairs with the SeqCst store in trib__stream_return: the last holder's work on
         * the stream's plain members is seen. */
        if (trib__cas_acquire_u64(&stream->lease, &seen, LEASED))
                return true;
        if (seen != HUNG)
                return false;
        /* Acquire, again: take it first, then look whether the abandoned work is past. */
        if (!trib__cas_acquire_u64(&stream->lease, &seen, LEASED))
                return false;
        if (is_past(pool, stream))
                return true;
        /* Release: the members stay as they are, for whoever looks next. */
        trib__store_release_u64(&stream->lease, HUNG);
        return false;
}

/* Somebody waits: hand the stream over, or wake the first to try its luck. Without a stream:
 * only wake, on behalf of one who was woken and leaves without having looked. */
static void serve_waiters(struct trib__stream_pool *pool, struct trib_stream *stream)
{
        struct waiter *first;
        uint64_t       seen = FREE;

        trib__lock(&pool->mutex);
        /* The first that still needs a stream and is starving, or has not been woken: a woken one
         * is on its way to look, and this stream may serve the next as well. */
        first = pool->first;
        while (first != NULL &&
               (first->handed != NULL ||
                (first->is_woken && (stream == NULL || !first->is_starving))))
                first = first->next;
        if (first == NULL) {
                trib__unlock(&pool->mutex);
                return;
        }
        /* Acquire: as in try_lease; the members pass to the waiter through the mutex. */
        if (stream != NULL && first->is_starving &&
            trib__cas_acquire_u64(&stream->lease, &seen, LEASED))
                first->handed = stream;
        first->is_woken = true;
        /* Release: the mutex orders the rest; the waiter re-reads under it. */
        trib__store_release_u32(&first->word, 1);
        /* Under the mutex, because the record is on the waiter's stack: it cannot go before. */
        trib__word_wake(&first->word, 1);
        trib__unlock(&pool->mutex);
}

/* Lease stream `index`, making it first if need be. TRIB_PENDING: it is busy. */
static trib_status try_index(struct trib__stream_pool *pool, uint32_t index,
                             struct trib_stream **out, trib_error *err)
{
        struct trib_stream *stream = stream_at(pool, index);
        uint32_t            nobody = 0;
        trib_status         status;

        if (stream != NULL) {
                *out = stream;
                return try_lease(pool, stream) ? TRIB_OK : TRIB_PENDING;
        }
        /* Acquire: pairs with the release below. */
        if (!trib__cas_acquire_u32(&pool->making[index], &nobody, 1))
                return TRIB_PENDING;
        if (stream_at(pool, index) != NULL)
                status = TRIB_PENDING;
        else
                status = make_stream(pool, index, out, err);
        /* SeqCst: release for the acquire above; and pairs with queue_up: a thread that was turned
         * away because we were making this stream, and waits, is seen below if we failed. */
        trib__store_seqcst_u32(&pool->making[index], 0);
        if (status != TRIB_OK && trib__load_seqcst_u32(&pool->n_waiters) > 0)
                serve_waiters(pool, NULL);
        return status;
}

/* Lease any stream but `avoided` (or TRIB__NO_HOME), starting at `start`: idle ones first, then new
 * ones. */
static trib_status try_any(struct trib__stream_pool *pool, uint32_t start, uint32_t avoided,
                           struct trib_stream **out, trib_error *err)
{
        uint32_t n = pool->params.max_streams;

        for (uint32_t i = 0; i < n; i++) {
                uint32_t            index = (start + i) % n;
                struct trib_stream *stream = stream_at(pool, index);

                if (index != avoided && stream != NULL && try_lease(pool, stream)) {
                        *out = stream;
                        return TRIB_OK;
                }
        }
        for (uint32_t i = 0; i < n; i++) {
                uint32_t    index = (start + i) % n;
                trib_status status;

                if (index == avoided || stream_at(pool, index) != NULL)
                        continue;
                status = try_index(pool, index, out, err);
                if (status != TRIB_PENDING)
                        return status;
        }
        return TRIB_PENDING;
}

static void unqueue_locked(struct trib__stream_pool *pool, struct waiter *waiter)
        TRIB__REQUIRES(pool->mutex)
{
        struct waiter **link = &pool->first;

        while (*link != NULL && *link != waiter)
                link = &(*link)->next;
        if (*link != NULL)
                *link = waiter->next;
        /* SeqCst: see trib__stream_return. */
        (void)trib__fetch_add_seqcst_u32(&pool->n_waiters, UINT32_MAX);
}

static void queue_up(struct trib__stream_pool *pool, struct waiter *waiter)
{
        struct waiter **link;

        trib__lock(&pool->mutex);
        for (link = &pool->first; *link != NULL;)
                link = &(*link)->next;
        *link = waiter;
        /* SeqCst: pairs with trib__stream_return. We count ourselves, then look for a free
         * stream; it frees a stream, then looks for waiters. One of us sees the other. */
        (void)trib__fetch_add_seqcst_u32(&pool->n_waiters, 1);
        trib__unlock(&pool->mutex);
}

/* One look of a waiter that slept: what was handed to it, or get ready to sleep again. */
static struct trib_stream *look(struct trib__stream_pool *pool, struct waiter *waiter,
                                uint64_t since)
{
        struct trib_stream *handed;

        trib__lock(&pool->mutex);
        handed = waiter->handed;
        waiter->is_woken = false;
        waiter->is_starving = waiter->is_starving || trib__now() - since > STARVING_NS;
        /* Relaxed: the mutex orders it against the next waker. */
        trib__store_relaxed_u32(&waiter->word, 0);
        trib__unlock(&pool->mutex);
        return handed;
}

static trib_status wait_for_stream(struct trib__stream_pool *pool, uint32_t start,
                                   uint64_t deadline, struct trib_stream **out, trib_error *err)
{
        struct waiter       self = { 0 };
        struct trib_stream *handed = NULL, *found = NULL;
        uint64_t            since = trib__now();
        bool                must_pass_on;
        trib_status         status;

        queue_up(pool, &self);
        for (;;) {
                uint64_t now, until;

                status = try_any(pool, start, TRIB__NO_HOME, &found, err);
                if (status != TRIB_PENDING)
                        break;
                found = NULL;
                now = trib__now();
                if (now >= deadline) {
                        status = trib__fail(err, TRIB_TIMED_OUT,
                                            "the deadline passed while all %u streams were busy",
                                            pool->params.max_streams);
                        break;
                }
                until = deadline - now < HUNG_LOOK_NS ? deadline : now + HUNG_LOOK_NS;
                (void)trib__word_wait(&self.word, 0, until);
                handed = look(pool, &self, since);
                if (handed != NULL) {
                        status = TRIB_OK;
                        break;
                }
        }
        trib__lock(&pool->mutex);
        handed = self.handed;
        must_pass_on = self.is_woken && handed == NULL;
        unqueue_locked(pool, &self);
        trib__unlock(&pool->mutex);
        /* Woken for a stream that we did not look at any more: it is the next one's chance. */
        if (must_pass_on)
                serve_waiters(pool, NULL);
        if (handed != NULL && status == TRIB_OK && found != NULL) {
                /* One was handed to us while we found another. */
                trib__stream_return(handed, false);
        } else if (handed != NULL) {
                found = handed;
                status = TRIB_OK;
        }
        *out = status == TRIB_OK ? found : NULL;
        return status;
}

/* The calling thread's home, taken now if it has none yet. */
static trib_status find_home(struct trib__stream_pool *pool, uint64_t deadline, uint32_t *home,
                             trib_error *err)
{
        const struct trib__stream_pool_params *p = &pool->params;
        uint64_t                               until;

        *home = trib__binding_home(pool->place, pool->epoch);
        if (*home != TRIB__NO_HOME)
                return TRIB_OK;
        *home = trib__binding_take(pool->place, pool->epoch, p->max_streams);
        if (*home != TRIB__NO_HOME || p->policy == TRIB__STREAMS_SHARE)
                return TRIB_OK;
        if (p->policy == TRIB__STREAMS_FAIL)
                return trib__fail(err, TRIB_NO_STREAM,
                                  "all %u streams belong to other threads (policy fail)",
                                  p->max_streams);
        until = trib__deadline_after(p->timeout_ns);
        if (deadline < until)
                until = deadline;
        for (bool is_in_time = true; *home == TRIB__NO_HOME; ) {
                uint32_t seen = trib__binding_generation(pool->place);

                *home = trib__binding_take(pool->place, pool->epoch, p->max_streams);
                if (*home != TRIB__NO_HOME)
                        break;
                if (!is_in_time)
                        return trib__fail(err,
                                          until == deadline ? TRIB_TIMED_OUT : TRIB_NO_STREAM,
                                          "none of %u streams was given back in time (policy "
                                          "wait)",
                                          p->max_streams);
                is_in_time = trib__binding_wait(pool->place, seen, until) && trib__now() < until;
        }
        return TRIB_OK;
}

/* The thread's home is busy, or it has none: borrow, or queue up. */
static trib_status lease_from(struct trib__stream_pool *pool, uint32_t start, uint64_t deadline,
                              struct trib_stream **out, trib_error *err)
{
        trib_status status = try_any(pool, start, TRIB__NO_HOME, out, err);

        if (status == TRIB_PENDING)
                status = wait_for_stream(pool, start, deadline, out, err);
        if (status != TRIB_OK)
                *out = NULL;
        return status;
}

trib_status trib__stream_lease(struct trib__stream_pool *pool, uint64_t deadline,
                               struct trib_stream **out, trib_error *err)
{
        uint32_t    home = trib__binding_home(pool->place, pool->epoch);
        uint32_t    start;
        trib_status status;

        *out = NULL;
        if (home == TRIB__NO_HOME) {
                status = find_home(pool, deadline, &home, err);
                if (status != TRIB_OK)
                        return status;
        }
        if (home != TRIB__NO_HOME) {
                status = try_index(pool, home, out, err);
                if (status != TRIB_PENDING)
                        return status;
                start = home;
        } else {
                /* Relaxed: any spread will do. */
                start = trib__fetch_add_relaxed_u32(&pool->round_robin, 1);
        }
        return lease_from(pool, start, deadline, out, err);
}

trib_status trib__stream_lease_any(struct trib__stream_pool *pool, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err)
{
        uint32_t    home = trib__binding_home(pool->place, pool->epoch);
        trib_status status;

        /* The caller's own home comes last, behind streams that have to be made. */
        status = try_any(pool, home != TRIB__NO_HOME ? home + 1 : 0, home, out, err);
        if (status == TRIB_PENDING && home != TRIB__NO_HOME)
                status = try_index(pool, home, out, err);
        if (status == TRIB_PENDING && deadline == 0)
                status = trib__fail(err, TRIB_NO_STREAM, "all %u streams are leased",
                                    pool->params.max_streams);
        else if (status == TRIB_PENDING)
                status = wait_for_stream(pool, 0, deadline, out, err);
        if (status != TRIB_OK)
                *out = NULL;
        return status;
}

void trib__stream_return(struct trib_stream *stream, bool is_hung)
{
        struct trib__stream_pool *pool = stream->pool;

        if (is_hung)
                stream->hung_until = stream->submitted;
        /* SeqCst: release for the next holder's acquire; and pairs with queue_up: a waiter that
         * does not see this stream free is seen by the load below. */
        trib__store_seqcst_u64(&stream->lease, is_hung ? HUNG : FREE);
        if (trib__load_seqcst_u32(&pool->n_waiters) > 0)
                serve_waiters(pool, stream);
        if (pool->params.policy == TRIB__STREAMS_WAIT && trib__binding_is_awaited(pool->place))
                trib__binding_drop(pool->place, pool->epoch);
}

uint64_t trib__stream_next_value(struct trib_stream *stream)
{
        uint64_t value = ++stream->submitted;

        /* Release: pairs with the acquire when fences are taken: whoever drops a buffer after
         * this sees that the stream has this work ahead. */
        trib__store_release_u64(&stream->timeline->submitted, value);
        return value;
}

trib_status trib__stream_slab(struct trib_stream *stream, uint64_t bytes, void **slab,
                              trib_error *err)
{
        struct trib__memory *memory = stream->pool->params.memory;
        uint64_t             size, handle;
        trib_status          status;

        if (bytes > stream->slab_bytes) {
                if (stream->slab_handle != 0)
                        (void)trib__memory_release(memory, stream->slab_handle, NULL);
                stream->slab_handle = 0;
                stream->slab_bytes = 0;
                stream->slab = NULL;
                status = trib__memory_alloc(memory, stream->index, bytes, &handle, err);
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
