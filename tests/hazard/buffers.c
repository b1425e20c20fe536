/* SPDX-License-Identifier: Apache-2.0 */
/* buffers.c: see buffers.h. */
#include "buffers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/sim/sim.h"
#include "expect.h"
#include "session/session_priv.h"

const uint32_t buffers_allocators[BUFFERS_ALLOCATORS] = { 0, 1, 8 };

void buffers_open(struct buffers *rig, const char *device, uint32_t allocator, uint64_t limit)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error          err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        options.allocator_shards = allocator;
        options.memory_limit = limit;
        EXPECT_OK(trib_device_open(device, &options, &rig->device, &err), &err);
        for (uint32_t i = 0; i < BUFFERS_STREAMS; i++)
                EXPECT_OK(trib_stream_acquire(rig->device, 0, &rig->streams[i], &err), &err);
}

void buffers_close(struct buffers *rig)
{
        for (uint32_t i = 0; i < BUFFERS_STREAMS; i++)
                trib_stream_release(rig->streams[i]);
        trib_device_close(rig->device);
}

trib_buffer buffers_create(struct buffers *rig, uint32_t stream, uint64_t bytes)
{
        trib_buffer buffer = { 0 };
        trib_error  err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_buffer_create(rig->streams[stream], bytes, &buffer, &err), &err);
        assert_int_not_equal(buffer.id, 0);
        return buffer;
}

void buffers_release(struct buffers *rig, trib_buffer buffer)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_buffer_release(rig->device, buffer, &err), &err);
}

unsigned char *buffers_address(struct buffers *rig, trib_buffer buffer)
{
        void      *address = NULL;
        uint64_t   bytes = 0;
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_buffer_address(rig->device, buffer, &address, &bytes, &err), &err);
        assert_non_null(address);
        return address;
}

trib_event buffers_upload(struct buffers *rig, uint32_t stream, trib_buffer buffer)
{
        trib_event event = { 0 };
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_stream_upload(rig->streams[stream], buffer, 0, rig->bytes,
                                     sizeof(rig->bytes), &err),
                  &err);
        EXPECT_OK(trib_stream_record(rig->streams[stream], &event, &err), &err);
        return event;
}

bool buffers_is_reached(trib_event event)
{
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status = trib_event_query(event, &err);

        if (status != TRIB_PENDING)
                EXPECT_OK(status, &err);
        return status == TRIB_OK;
}

void buffers_run(struct buffers *rig)
{
        (void)trib__sim_run_until_idle(trib__device_backend(rig->device));
}

trib_memory_stats buffers_stats(struct buffers *rig)
{
        trib_memory_stats stats;
        trib_error        err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_get_memory(rig->device, &stats, &err), &err);
        return stats;
}
