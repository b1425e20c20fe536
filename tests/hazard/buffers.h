/* SPDX-License-Identifier: Apache-2.0 */
/* buffers.h: a device with leased streams, and buffers on them, through the public interface. Every
 * failure of the rig itself fails the test. */
#ifndef TRIB_TESTS_BUFFERS_H
#define TRIB_TESTS_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tributary.h>

#define BUFFERS_STREAMS 3

struct buffers {
        trib_device  *device;
        trib_stream  *streams[BUFFERS_STREAMS];
        unsigned char bytes[4096];
};

/* The allocators that there are: trib_device_options.allocator_shards. */
#define BUFFERS_ALLOCATORS 3
extern const uint32_t buffers_allocators[BUFFERS_ALLOCATORS];

/* limit 0: none. */
void buffers_open(struct buffers *rig, const char *device, uint32_t allocator, uint64_t limit);
void buffers_close(struct buffers *rig);

trib_buffer buffers_create(struct buffers *rig, uint32_t stream, uint64_t bytes);
void        buffers_release(struct buffers *rig, trib_buffer buffer);
/* Its first byte. */
unsigned char *buffers_address(struct buffers *rig, trib_buffer buffer);
/* Work of the stream on the buffer; the event behind it. */
trib_event buffers_upload(struct buffers *rig, uint32_t stream, trib_buffer buffer);
bool       buffers_is_reached(trib_event event);
/* Every byte that could run on a scripted device has run. */
void              buffers_run(struct buffers *rig);
trib_memory_stats buffers_stats(struct buffers *rig);

#endif
