/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h: in-order queues of a device, events on them, buffers of device memory.
 *
 * trib_infer finds a stream by itself. This header is for those who place copies and buffers
 * themselves. A stream does one thing after the other; an event is a point on it: a number that
 * its timeline will reach. */
#ifndef TRIBUTARY_STREAM_H
#define TRIBUTARY_STREAM_H

#include <tributary/device.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trib_stream trib_stream;

/* A point of a stream: reached when the stream's timeline is at `value` or later. A plain value;
 * it never expires and needs no destroy. */
typedef struct trib_event {
        trib_stream *stream;
        uint64_t     value;
        uint64_t     since; /* the event tells how the work behind this value ended          */
} trib_event;

/* A counted piece of device memory, by number: a released buffer's number is never valid again,
 * so that a late use is an error (TRIB_STALE) and not somebody else's memory. 0 is none. */
typedef struct trib_buffer {
        uint64_t id;
} trib_buffer;

/* What: leases a stream to the caller, beside the one that the thread uses for trib_infer.
 * Ownership: *out is the caller's until trib_stream_release; it keeps the device open.
 * Threads: any. The lease may move to another thread, but one thread uses it at a time.
 * It is not the thread's: one that ends without giving it back keeps it leased.
 * Blocks: while every stream is leased, at most timeout_ns (0: not at all); in order of arrival,
 * together with the threads that wait for a stream for a request.
 * Errors: TRIB_NO_STREAM, TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_DEVICE_ERROR,
 * TRIB_FORKED; *out is then NULL.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_stream_acquire(trib_device *device, uint64_t timeout_ns,
                                                       trib_stream **out, trib_error *err);

/* What: gives a stream back. Work still on it goes on. NULL is fine.
 * Ownership: ends the caller's.   Threads: the one that holds the lease.   Blocks: no.
 * Errors: none.   Since: 0.1 */
TRIB_API void trib_stream_release(trib_stream *stream);

/* What: the point of the stream behind all that was submitted so far.
 * Ownership: *out is a plain value.   Threads: the holder.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_stream_record(trib_stream *stream, trib_event *out,
                                                      trib_error *err);

/* What: makes later work of `stream` start only when `event`, of any stream of the same device,
 * is reached.
 * Ownership: nothing is kept.   Threads: the holder of `stream`.
 * Blocks: on devices without queue-to-queue waits, until the event, at most timeout_ns.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_TIMED_OUT, TRIB_DEVICE_ERROR, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_stream_wait_event(trib_stream *stream, trib_event event,
                                                          uint64_t timeout_ns, trib_error *err);

/* What: TRIB_OK if the event is reached, else TRIB_PENDING; the failure of the first copy that
 * failed between the event recorded before on this lease and this one, if any did.
 * Ownership: nothing.   Threads: any, while the device is open.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_DEVICE_ERROR or TRIB_DEVICE_LOST if it never will be.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_event_query(trib_event event, trib_error *err);

/* What: waits until the event is reached, then tells what trib_event_query tells. What a failed
 * copy was to write is undefined.
 * Ownership: nothing.   Threads: any, while the device is open.
 * Blocks: at most timeout_ns (UINT64_MAX: no limit).
 * Errors: TRIB_TIMED_OUT, TRIB_INVALID_ARGUMENT, TRIB_DEVICE_ERROR, TRIB_DEVICE_LOST,
 * TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_event_wait(trib_event event, uint64_t timeout_ns,
                                                   trib_error *err);

/* What: device memory for use on `stream`, aligned to 64 bytes, content undefined. Memory that
 * was released is reused when the streams that used it have passed their last use.
 * Ownership: *out counts one holder: the caller.
 * Threads: the holder of the stream.   Blocks: while the device allocates.
 * Errors: TRIB_OUT_OF_MEMORY (the message has the account), TRIB_OVERFLOW,
 * TRIB_INVALID_ARGUMENT, TRIB_FORKED; *out is then 0.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_buffer_create(trib_stream *stream, uint64_t bytes,
                                                      trib_buffer *out, trib_error *err);

/* What: adds a holder.
 * Ownership: the caller owes one more release.   Threads: any.   Blocks: no.
 * Errors: TRIB_STALE, TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_buffer_retain(trib_device *device, trib_buffer buffer,
                                                      trib_error *err);

/* What: drops a holder; with the last one the memory becomes free for reuse, once every stream
 * that used it is past its last use.
 * Ownership: ends one hold.   Threads: any.   Blocks: no.
 * Errors: TRIB_STALE (released too often), TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API trib_status trib_buffer_release(trib_device *device, trib_buffer buffer,
                                         trib_error *err);

/* What: says that `stream`, other than the one the buffer was created for, uses the buffer: its
 * memory is then not reused before the work submitted to `stream` until the release is done.
 * Ownership: nothing changes.   Threads: the holder of the stream.   Blocks: no.
 * Errors: TRIB_STALE, TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_buffer_use(trib_buffer buffer, trib_stream *stream,
                                                   trib_error *err);

/* What: the address of the buffer's memory on the device and its size. On unified devices
 * (trib_device_info.is_unified) the host may read and write it too.
 * Ownership: valid while the caller holds the buffer.   Threads: any.   Blocks: no.
 * Errors: TRIB_STALE, TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_buffer_address(trib_device *device, trib_buffer buffer,
                                                       void **address, uint64_t *bytes,
                                                       trib_error *err);

/* What: copies host memory into a buffer, as the next work of the stream.
 * Ownership: `source` must stay unchanged until the stream has passed the copy.
 * Threads: the holder of the stream.   Blocks: no (on the CPU: for the copy).
 * Errors: TRIB_STALE, TRIB_INVALID_ARGUMENT (outside the buffer), TRIB_DEVICE_ERROR,
 * TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_stream_upload(trib_stream *stream, trib_buffer target,
                                                      uint64_t offset, const void *source,
                                                      uint64_t bytes, trib_error *err);

/* What: copies from a buffer into host memory, as the next work of the stream.
 * Ownership: `target` must stay valid and unread until the stream has passed the copy.
 * Threads: the holder of the stream.   Blocks: no (on the CPU: for the copy).
 * Errors: as trib_stream_upload.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_stream_download(trib_stream *stream, void *target,
                                                        trib_buffer source, uint64_t offset,
                                                        uint64_t bytes, trib_error *err);

#ifdef __cplusplus
}
#endif
#endif
