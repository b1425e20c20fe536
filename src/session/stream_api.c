/* SPDX-License-Identifier: Apache-2.0 */
/* stream_api.c: the public stream, event and buffer calls: argument checks around the stream pool
 * and the allocator. No locks of its own. */
#include "base/clock.h"
#include "base/error.h"
#include "session/session_priv.h"

static trib_device *device_of(const trib_stream *stream)
{
        return stream->owner;
}

trib_status trib_stream_acquire(trib_device *device, uint64_t timeout_ns, trib_stream **out,
                                trib_error *err)
{
        trib_status status = trib__check_handle(out, "out", err);

        if (status != TRIB_OK)
                return status;
        *out = NULL;
        status = trib__check_handle(device, "device", err);
        if (status != TRIB_OK)
                return status;
        status = trib__stream_lease_any(device->pool, trib__deadline_after(timeout_ns), out, err);
        if (status == TRIB_TIMED_OUT)
                status = trib__fail(err, TRIB_NO_STREAM,
                                    "all %u streams stayed leased for %llu ms",
                                    device->max_streams,
                                    (unsigned long long)(timeout_ns / 1000000));
        if (status == TRIB_OK) {
                trib__device_hold(device);
                /* How earlier work ended was told to whoever asked for it. */
                (*out)->recorded = (*out)->submitted;
        }
        return status;
}

void trib_stream_release(trib_stream *stream)
{
        trib_device *device;

        if (stream == NULL || trib__is_forked())
                return;
        device = device_of(stream);
        trib__stream_return(stream, false);
        trib__device_drop(device);
}

trib_status trib_stream_record(trib_stream *stream, trib_event *out, trib_error *err)
{
        trib_status status = trib__check_handle(stream, "stream", err);

        if (status == TRIB_OK)
                status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        out->stream = stream;
        out->value = stream->submitted;
        out->since = stream->recorded;
        stream->recorded = stream->submitted;
        return TRIB_OK;
}

/* The event is reached: how did its work end? */
static trib_status outcome(trib_event event, trib_error *err)
{
        return device_of(event.stream)
                ->backend->failure(event.stream->queue, event.since, event.value, err);
}

trib_status trib_event_query(trib_event event, trib_error *err)
{
        const struct trib__backend *backend;
        trib_status                 status = trib__check_handle(event.stream, "the event", err);

        if (status != TRIB_OK)
                return status;
        backend = device_of(event.stream)->backend;
        if (backend->completed(event.stream->queue) >= event.value)
                return outcome(event, err);
        /* A deadline in the past makes park say why, if it will never be. */
        status = backend->park(event.stream->queue, event.value, 0, err);
        if (status == TRIB_OK)
                return outcome(event, err);
        return status == TRIB_TIMED_OUT
                       ? trib__fail(err, TRIB_PENDING, "the event is not reached yet")
                       : status;
}

trib_status trib_event_wait(trib_event event, uint64_t timeout_ns, trib_error *err)
{
        trib_status status = trib__check_handle(event.stream, "the event", err);

        if (status == TRIB_OK)
                status = device_of(event.stream)
                                 ->backend->park(event.stream->queue, event.value,
                                                 trib__deadline_after(timeout_ns), err);
        return status == TRIB_OK ? outcome(event, err) : status;
}

trib_status trib_stream_wait_event(trib_stream *stream, trib_event event, uint64_t timeout_ns,
                                   trib_error *err)
{
        const struct trib__backend *backend;
        trib_status                 status = trib__check_handle(stream, "stream", err);

        if (status == TRIB_OK)
                status = trib__check_handle(event.stream, "the event", err);
        if (status != TRIB_OK)
                return status;
        if (event.stream->owner != stream->owner)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "the event is of another device's stream");
        backend = device_of(stream)->backend;
        if (backend->completed(event.stream->queue) >= event.value)
                return TRIB_OK;
        if (backend->wait_queue != NULL)
                return backend->wait_queue(stream->queue, event.stream->queue, event.value, err);
        return trib_event_wait(event, timeout_ns, err);
}

trib_status trib_buffer_create(trib_stream *stream, uint64_t bytes, trib_buffer *out,
                               trib_error *err)
{
        trib_status status = trib__check_handle(out, "out", err);

        if (status != TRIB_OK)
                return status;
        out->id = 0;
        status = trib__check_handle(stream, "stream", err);
        if (status != TRIB_OK)
                return status;
        if (bytes == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "a buffer of 0 bytes");
        return trib__memory_alloc(device_of(stream)->memory, stream->index, bytes,
                                  TRIB__MEMORY_TIMEOUT, &out->id, err);
}

trib_status trib_buffer_retain(trib_device *device, trib_buffer buffer, trib_error *err)
{
        trib_status status = trib__check_handle(device, "device", err);

        return status == TRIB_OK ? trib__memory_retain(device->memory, buffer.id, err) : status;
}

trib_status trib_buffer_release(trib_device *device, trib_buffer buffer, trib_error *err)
{
        trib_status status = trib__check_handle(device, "device", err);

        if (status != TRIB_OK)
                return status;
        return trib__memory_release(device->memory, buffer.id, TRIB__NEAR_MINE, err);
}

trib_status trib_buffer_use(trib_buffer buffer, trib_stream *stream, trib_error *err)
{
        trib_status status = trib__check_handle(stream, "stream", err);

        if (status != TRIB_OK)
                return status;
        return trib__memory_use(device_of(stream)->memory, buffer.id, stream->index, err);
}

trib_status trib_buffer_address(trib_device *device, trib_buffer buffer, void **address,
                                uint64_t *bytes, trib_error *err)
{
        void       *where;
        uint64_t    size;
        trib_status status = trib__check_handle(device, "device", err);

        if (status == TRIB_OK)
                status = trib__memory_lookup(device->memory, buffer.id, &where, &size, err);
        if (status != TRIB_OK)
                return status;
        if (address != NULL)
                *address = where;
        if (bytes != NULL)
                *bytes = size;
        return TRIB_OK;
}

/* The address of [offset, offset + bytes) of a buffer that `stream` is about to use. */
static trib_status range(trib_stream *stream, trib_buffer buffer, uint64_t offset,
                         uint64_t bytes, char **out, trib_error *err)
{
        struct trib__memory *memory = device_of(stream)->memory;
        void                *address;
        uint64_t             size, end;
        trib_status          status = trib__memory_lookup(memory, buffer.id, &address, &size, err);

        if (status != TRIB_OK)
                return status;
        if (__builtin_add_overflow(offset, bytes, &end) || end > size)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%llu bytes at offset %llu of a buffer of %llu bytes",
                                  (unsigned long long)bytes, (unsigned long long)offset,
                                  (unsigned long long)size);
        *out = (char *)address + offset;
        return trib__memory_use(memory, buffer.id, stream->index, err);
}

trib_status trib_stream_upload(trib_stream *stream, trib_buffer target, uint64_t offset,
                               const void *source, uint64_t bytes, trib_error *err)
{
        char       *address = NULL;
        trib_status status = trib__check_handle(stream, "stream", err);

        if (status == TRIB_OK)
                status = trib__check_handle(source, "source", err);
        if (status == TRIB_OK)
                status = range(stream, target, offset, bytes, &address, err);
        if (status != TRIB_OK)
                return status;
        return device_of(stream)->backend->copy(stream->queue, address, source, bytes,
                                                trib__stream_next_value(stream), err);
}

trib_status trib_stream_download(trib_stream *stream, void *target, trib_buffer source,
                                 uint64_t offset, uint64_t bytes, trib_error *err)
{
        char       *address = NULL;
        trib_status status = trib__check_handle(stream, "stream", err);

        if (status == TRIB_OK)
                status = trib__check_handle(target, "target", err);
        if (status == TRIB_OK)
                status = range(stream, source, offset, bytes, &address, err);
        if (status != TRIB_OK)
                return status;
        return device_of(stream)->backend->copy(stream->queue, target, address, bytes,
                                                trib__stream_next_value(stream), err);
}
