/* SPDX-License-Identifier: Apache-2.0 */
/* trace_streams.c: S7, S10, S11, S15, T1: leases, waiters, homes, timelines. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_check.h"

#define POLICY_WAIT 1u

void pool_free(struct pool *pool)
{
        free(pool->waiters);
        free(pool->streams);
}

static void open_pool(struct check *check, const struct trib__trace_record *r)
{
        struct pool   *pool = object_open(check, KIND_POOL, r->object, sizeof(*pool));
        struct object *memory = map_find(&check->objects, r->values[0]);

        if (pool == NULL)
                return;
        if (memory != NULL && memory->kind == KIND_MEMORY)
                pool->memory = (struct memory *)memory;
        pool->policy = (uint32_t)r->values[2];
        pool->n_streams = r->values[1] < STREAMS ? (size_t)r->values[1] : STREAMS;
        pool->streams = must(calloc(pool->n_streams + 1, sizeof(struct stream *)));
        for (uint32_t i = 0; i < pool->n_streams; i++) {
                struct stream *stream = object_open(check, KIND_STREAM,
                                                    r->values[3] + i * r->values[4],
                                                    sizeof(*stream));

                pool->streams[i] = stream;
                if (stream == NULL)
                        break;
                stream->pool = pool;
                stream->index = i;
        }
}

void stream_quiet(struct check *check, struct pool *pool)
{
        (void)DEMAND(check, S11, pool->n_waiters == 0, "%zu threads still wait for a stream",
                     pool->n_waiters);
        for (size_t i = 0; i < pool->n_streams && pool->streams[i] != NULL; i++)
                (void)DEMAND(check, S11,
                             pool->streams[i]->state == STREAM_FREE ||
                                     pool->streams[i]->state == STREAM_HUNG,
                             "stream %zu is still leased", i);
}

static void close_pool(struct check *check, struct pool *pool)
{
        stream_quiet(check, pool);
        for (size_t i = 0; i < pool->n_streams && pool->streams[i] != NULL; i++) {
                if (pool->streams[i]->queue != NULL)
                        pool->streams[i]->queue->stream = NULL;
                object_close(check, &pool->streams[i]->object);
        }
        pool_free(pool);
        object_close(check, &pool->object);
        if (check->thread->closing != 0)
                memset(&check->places[check->thread->closing - 1], 0, sizeof(check->places[0]));
        check->thread->closing = 0;
}

static void make_stream(struct check *check, struct stream *stream, uint64_t address)
{
        struct queue *queue = object_open(check, KIND_QUEUE, address, sizeof(*queue));

        (void)DEMAND(check, S7, stream->state == STREAM_LEASED && stream->queue == NULL,
                     "stream %u is made by one who does not lease it, or twice", stream->index);
        if (queue == NULL)
                return;
        queue->stream = stream;
        queue->memory = stream->pool->memory;
        queue->index = stream->index;
        stream->queue = queue;
        if (queue->memory != NULL) {
                queue->memory->submitted[stream->index] = 0;
                queue->memory->completed[stream->index] = 0;
        }
}

/* Records behind the one that says that a thread waits: long enough for it to say so to the
 * streams as well. */
#define JUST_QUEUED 32

/* Nobody overtakes who waits, but: the last holder within its turn, and, where threads wait for
 * homes, the one at home. A thread that was about to lease when the first one queued up may have
 * been first, and only its stamp is late. And who queues up says so before the words of the
 * streams do: in the first records behind that, newcomers may come in between. */
static void demand_order(struct check *check, const struct stream *stream, uint64_t how)
{
        const struct pool *pool = stream->pool;
        uint32_t           thread = check->record->thread;

        if (how == TRIB__TRACE_LEASE_TURN)
                (void)DEMAND(check, S15, stream->returner == thread,
                             "thread %u takes the turn of thread %u on stream %u", thread,
                             stream->returner, stream->index);
        if (pool->n_waiters == 0 || how == TRIB__TRACE_LEASE_TURN ||
            how == TRIB__TRACE_LEASE_QUEUED)
                return;
        for (int p = 0; p < PLACES && pool->policy == POLICY_WAIT; p++) {
                if (check->places[p].owners[stream->index] == thread)
                        return;
        }
        if (check->record->stamp - pool->waiters[0].since < JUST_QUEUED)
                return;
        (void)DEMAND(check, S15, check->thread->last_stamp < pool->waiters[0].since,
                     "thread %u overtakes a thread that has waited since record %" PRIu64, thread,
                     pool->waiters[0].since);
}

static void lease(struct check *check, struct stream *stream, uint64_t how)
{
        uint32_t thread = check->record->thread;

        (void)DEMAND(check, S7,
                     stream->state != STREAM_LEASED &&
                             (stream->state != STREAM_RECOVERED || stream->holder == thread),
                     "stream %u is leased by thread %u already", stream->index, stream->holder);
        if (stream->state == STREAM_HUNG || stream->state == STREAM_RECOVERED)
                (void)DEMAND(check, S10,
                             stream->queue != NULL &&
                                     stream->queue->completed >= stream->hung_until,
                             "stream %u has not passed %" PRIu64 ", the abandoned work",
                             stream->index, stream->hung_until);
        demand_order(check, stream, how);
        stream->state = STREAM_LEASED;
        stream->holder = thread;
        memory_lease(check, stream);
}

static void give_up(struct check *check, struct stream *stream, bool is_hung)
{
        /* Who only looked whether a hung stream has passed says so again. */
        if (stream->state == STREAM_HUNG && is_hung)
                return;
        (void)DEMAND(check, S7,
                     stream->state == STREAM_LEASED || stream->state == STREAM_RECOVERED,
                     "stream %u is not leased", stream->index);
        stream->state = is_hung ? STREAM_HUNG : STREAM_FREE;
        stream->hung_until = stream->submitted;
        stream->returner = check->record->thread;
}

/* The holder died in the middle of a request. */
static void take_orphan(struct check *check, struct stream *stream)
{
        (void)DEMAND(check, S7, stream->state == STREAM_LEASED,
                     "stream %u is taken from the dead and was not leased", stream->index);
        stream->state = STREAM_RECOVERED;
        stream->hung_until = stream->submitted;
        stream->holder = check->record->thread;
}

static void begin_wait(struct check *check, struct pool *pool, uint64_t address)
{
        for (size_t i = 0; i < pool->n_waiters; i++)
                (void)DEMAND(check, S15, pool->waiters[i].address != address,
                             "a waiter queues up twice");
        if (pool->n_waiters == pool->capacity) {
                pool->capacity = pool->capacity == 0 ? 64 : pool->capacity * 2;
                pool->waiters = must(realloc(pool->waiters,
                                             pool->capacity * sizeof(*pool->waiters)));
        }
        pool->waiters[pool->n_waiters++] = (struct waiter){ address, check->record->stamp };
}

static void end_wait(struct check *check, struct pool *pool, uint64_t address, uint64_t lease_of)
{
        size_t         i = 0;
        struct stream *stream = lease_of != 0 ? object_find(check, KIND_STREAM, lease_of) : NULL;

        while (i < pool->n_waiters && pool->waiters[i].address != address)
                i++;
        if (!DEMAND(check, S15, i < pool->n_waiters, "a waiter leaves that is not in the queue"))
                return;
        if (stream != NULL)
                (void)DEMAND(check, S15, i == 0 && stream->state == STREAM_LEASED,
                             "number %zu of the queue leaves with stream %u", i, stream->index);
        memmove(&pool->waiters[i], &pool->waiters[i + 1],
                (--pool->n_waiters - i) * sizeof(*pool->waiters));
}

static void hand_over(struct check *check, struct stream *stream, uint64_t address)
{
        const struct pool *pool = stream->pool;

        (void)DEMAND(check, S7,
                     stream->state == STREAM_FREE && stream->returner == check->record->thread,
                     "stream %u is handed over by thread %u, returned by %u", stream->index,
                     check->record->thread, stream->returner);
        (void)DEMAND(check, S15, pool->n_waiters > 0 && pool->waiters[0].address == address,
                     "stream %u is handed to another than the first", stream->index);
        stream->state = STREAM_LEASED;
        stream->holder = NOBODY;
}

static void submit(struct check *check, struct stream *stream, uint64_t value)
{
        (void)DEMAND(check, S7,
                     stream->state == STREAM_LEASED ||
                             (stream->state == STREAM_RECOVERED &&
                              stream->holder == check->record->thread),
                     "work for stream %u, which nobody leases", stream->index);
        (void)DEMAND(check, T1, value > stream->submitted,
                     "%" PRIu64 " is submitted after %" PRIu64, value, stream->submitted);
        stream->submitted = value;
        /* Whoever was handed the stream shows itself. */
        if (stream->state == STREAM_LEASED && stream->holder == NOBODY) {
                stream->holder = check->record->thread;
                memory_lease(check, stream);
        }
        if (stream->pool->memory != NULL)
                memory_submit(check, stream, value);
}

static void timeline_event(struct check *check, const struct trib__trace_record *r)
{
        /* A backend's own tests have queues without streams. */
        struct object *object = map_find(&check->objects, r->object);
        struct queue  *queue = (struct queue *)object;
        uint64_t       value = r->values[0];

        if (object == NULL || object->kind != KIND_QUEUE)
                return;
        if (r->event == TRIB__TRACE_LAUNCHED) {
                (void)DEMAND(check, T1,
                             value > queue->launched &&
                                     (queue->stream == NULL || value <= queue->stream->submitted),
                             "%" PRIu64 " is launched after %" PRIu64 " and before it is submitted",
                             value, queue->launched);
                queue->launched = value;
                return;
        }
        /* A queue that is taken down says that everything is over. */
        (void)DEMAND(check, T1,
                     value >= queue->completed &&
                             (value <= queue->launched || value == UINT64_MAX),
                     "%" PRIu64 " is completed after %" PRIu64 ", launched is %" PRIu64, value,
                     queue->completed, queue->launched);
        queue->completed = value;
        if (queue->memory != NULL)
                queue->memory->completed[queue->index] = value;
}

static void unmake_stream(struct check *check, struct queue *queue)
{
        (void)DEMAND(check, S8, queue->stream == NULL,
                     "the queue of stream %u is taken away, its pool is open", queue->index);
        if (queue->stream != NULL)
                queue->stream->queue = NULL;
        /* What was on it is over. */
        if (queue->memory != NULL)
                queue->memory->completed[queue->index] = UINT64_MAX;
        object_close(check, &queue->object);
}

/* --- homes --- */

static void home_event(struct check *check, const struct trib__trace_record *r)
{
        struct place_table *place = &check->places[r->object % PLACES];
        uint32_t            epoch = (uint32_t)r->values[0];
        uint32_t           *owner = &place->owners[r->values[1] % STREAMS];

        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_PLACE_OPEN:
                (void)DEMAND(check, S7, place->epoch == 0, "a place is taken twice");
                memset(place, 0, sizeof(*place));
                place->epoch = epoch;
                break;
        case TRIB__TRACE_PLACE_CLOSE:
                (void)DEMAND(check, S7, place->epoch == epoch, "another's place is closed");
                place->is_closing = true;
                check->thread->closing = r->object % PLACES + 1;
                break;
        case TRIB__TRACE_HOME_TAKE:
                (void)DEMAND(check, S7, place->epoch == epoch && *owner == NOBODY,
                             "thread %u takes the home of thread %u, epoch %u of %u", r->thread,
                             *owner, epoch, place->epoch);
                *owner = r->thread;
                break;
        case TRIB__TRACE_HOME_GIVE:
                if (place->epoch != epoch) {
                        check->thread->void_place = r->object + 1;
                } else {
                        (void)DEMAND(check, S7, *owner == r->thread,
                                     "thread %u gives back the home of thread %u", r->thread,
                                     *owner);
                        *owner = NOBODY;
                }
                break;
        default:
                (void)DEMAND(check, S7, place->epoch != epoch || place->is_closing,
                             "thread %u could not give back its home", r->thread);
                check->thread->void_place = 0;
        }
}

static void one_stream(struct check *check, const struct trib__trace_record *r)
{
        struct stream *stream = object_find(check, KIND_STREAM, r->object);

        if (stream == NULL)
                return;
        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_STREAM_MAKE:
                make_stream(check, stream, r->values[0]);
                break;
        case TRIB__TRACE_LEASE:
                lease(check, stream, r->values[0]);
                break;
        case TRIB__TRACE_RETURN:
                give_up(check, stream, r->values[0] != 0);
                break;
        case TRIB__TRACE_ORPHAN:
                take_orphan(check, stream);
                break;
        case TRIB__TRACE_HAND_OVER:
                hand_over(check, stream, r->values[0]);
                break;
        default:
                submit(check, stream, r->values[0]);
        }
}

void stream_event(struct check *check, const struct trib__trace_record *r)
{
        struct pool  *pool;
        struct queue *queue;

        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_POOL_OPEN:
                open_pool(check, r);
                break;
        case TRIB__TRACE_STREAM_UNMAKE:
                queue = object_find(check, KIND_QUEUE, r->object);
                if (queue != NULL)
                        unmake_stream(check, queue);
                break;
        case TRIB__TRACE_POOL_CLOSE:
        case TRIB__TRACE_WAIT_BEGIN:
        case TRIB__TRACE_WAIT_END:
                pool = object_find(check, KIND_POOL, r->object);
                if (pool == NULL)
                        break;
                if (r->event == TRIB__TRACE_POOL_CLOSE)
                        close_pool(check, pool);
                else if (r->event == TRIB__TRACE_WAIT_BEGIN)
                        begin_wait(check, pool, r->values[0]);
                else
                        end_wait(check, pool, r->values[0], r->values[1]);
                break;
        case TRIB__TRACE_THREAD_DIES:
                session_thread_dies(check);
                break;
        case TRIB__TRACE_LAUNCHED:
        case TRIB__TRACE_COMPLETED:
                timeline_event(check, r);
                break;
        case TRIB__TRACE_PLACE_OPEN:
        case TRIB__TRACE_PLACE_CLOSE:
        case TRIB__TRACE_HOME_TAKE:
        case TRIB__TRACE_HOME_GIVE:
        case TRIB__TRACE_HOME_VOID:
                home_event(check, r);
                break;
        default:
                one_stream(check, r);
        }
}
