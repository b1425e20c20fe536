/* SPDX-License-Identifier: Apache-2.0 */
/* trace_load.c: see trace_load.h. Here: what the parts share, and buffers. Members of a crowd take
 * every answer that the interface allows; another one is counted as wrong. */
#include "trace_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/sim/sim.h"
#include "expect.h"
#include "session/session_priv.h"
#include "trace_load_priv.h"
#include "trace_rig.h"

#define HELD 8

void load_open(struct world *world, const struct load *load)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error          err = TRIB_ERROR_INIT;

        memset(world, 0, sizeof(*world));
        world->load = load;
        options.max_streams = load->streams;
        options.stream_policy = load->policy;
        options.stream_timeout_ns = 20 * MILLISECOND;
        options.memory_limit = load->limit;
        options.allocator_shards = load->shards;
        options.memory_timeout_ns = MILLISECOND;
        EXPECT_OK(trib_device_open(load->device, &options, &world->device, &err), &err);
}

void load_run(struct world *world, void (*run)(struct crowd_member *))
{
        static struct crowd_member members[MOST_THREADS];

        crowd_run_all(members, world->load->threads, run, world);
        for (uint32_t i = 0; i < world->load->threads; i++) {
                if (members[i].wrong != 0)
                        fail_msg("thread %u: %llu wrong answers, the last is %s: %s", i,
                                 (unsigned long long)members[i].wrong,
                                 trib_status_name(members[i].status), members[i].err.message);
        }
}

/* What the interface may answer when streams, memory and time are short. */
static bool is_allowed(trib_status status)
{
        return status == TRIB_OK || status == TRIB_OUT_OF_MEMORY || status == TRIB_NO_STREAM ||
               status == TRIB_TIMED_OUT || status == TRIB_BUSY || status == TRIB_CANCELLED ||
               status == TRIB_DEVICE_ERROR || status == TRIB_CLOSED;
}

bool load_is_fine(struct crowd_member *me, trib_status status)
{
        if (!is_allowed(status)) {
                me->status = status;
                me->wrong++;
        }
        return status == TRIB_OK;
}

void load_delay(struct world *world, struct trib__random *random)
{
        trib__device *device = trib__device_backend(world->device);

        (void)trib__sim_fault(device, trib__sim_works(device) + 2, TRIB__SIM_FAULT_DELAY,
                              (1 + trib__random_below(random, 4)) * MILLISECOND);
}

/* --- buffers --- */

static const char source[4096];

/* Mostly small, some a little larger than a class of the page runs, few large. */
static uint64_t some_size(struct trib__random *random)
{
        uint64_t bits = 9 + trib__random_below(random, 6);

        if (trib__random_below(random, 64) == 0)
                bits = 18 + trib__random_below(random, 4);
        return (UINT64_C(1) << bits) - trib__random_below(random, 200);
}

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Somebody else's buffer, used on our stream and dropped here. */
static void take_from_box(struct crowd_member *me, trib_stream *stream,
                          struct trib__random *random)
{
        struct world *world = me->context;
        trib_buffer   buffer = { atomic_exchange(&world->boxes[trib__random_below(random, BOXES)],
                                                 0) };

        if (buffer.id == 0)
                return;
        if (stream != NULL && trib__random_below(random, 2) == 0)
                (void)load_is_fine(me, trib_stream_upload(stream, buffer, 0, source, 64, &me->err));
        (void)load_is_fine(me, trib_buffer_release(world->device, buffer, &me->err));
}

/* One of ours gets a second holder: whoever takes it out of the box. */
static void put_into_box(struct crowd_member *me, trib_buffer buffer,
                         struct trib__random *random)
{
        struct world *world = me->context;
        uint64_t      before;

        if (!load_is_fine(me, trib_buffer_retain(world->device, buffer, &me->err)))
                return;
        before = atomic_exchange(&world->boxes[trib__random_below(random, BOXES)], buffer.id);
        if (before != 0)
                (void)load_is_fine(me, trib_buffer_release(world->device, (trib_buffer){ before },
                                                      &me->err));
}

static uint32_t fill(struct crowd_member *me, trib_stream *stream, trib_buffer *buffers,
                     struct trib__random *random)
{
        uint32_t count = 0, wanted = 1 + (uint32_t)trib__random_below(random, HELD);

        for (; count < wanted; count++) {
                uint64_t bytes = some_size(random);

                if (!load_is_fine(me, trib_buffer_create(stream, bytes, &buffers[count], &me->err)))
                        break;
                if (trib__random_below(random, 2) == 0)
                        (void)load_is_fine(me, trib_stream_upload(stream, buffers[count], 0, source,
                                                             least(bytes, sizeof(source)),
                                                             &me->err));
                /* The first one stays ours alone. */
                if (count > 0 && trib__random_below(random, 3) == 0)
                        put_into_box(me, buffers[count], random);
        }
        return count;
}

/* Release what we hold: on the stream, after it, or in another thread's sight. */
static void empty(struct crowd_member *me, trib_stream *stream, trib_buffer *buffers,
                  uint32_t count, struct trib__random *random)
{
        struct world *world = me->context;
        bool          is_after = trib__random_below(random, 3) == 0;

        if (is_after)
                trib_stream_release(stream);
        for (uint32_t i = 0; i < count; i++)
                (void)load_is_fine(me, trib_buffer_release(world->device, buffers[i], &me->err));
        if (!is_after)
                trib_stream_release(stream);
}

/* The handle of a buffer that is gone (its slot may be somebody else's by now). */
static void try_stale(struct crowd_member *me, trib_buffer buffer)
{
        struct world *world = me->context;

        if (trib_buffer_retain(world->device, buffer, &me->err) != TRIB_STALE ||
            trib_buffer_release(world->device, buffer, &me->err) != TRIB_STALE)
                me->wrong++;
}

static void run_buffers(struct crowd_member *me)
{
        struct world       *world = me->context;
        struct trib__random random = { world->load->seed * 1000 + me->index + 1 };
        trib_buffer         buffers[HELD], gone = { 0 };

        for (uint32_t i = 0; i < world->load->rounds; i++) {
                trib_stream *stream, *second = NULL;
                uint32_t     count;

                if (world->load->hangs && trib__random_below(&random, 64) == 0)
                        load_delay(world, &random);
                if (!load_is_fine(me, trib_stream_acquire(world->device,
                                                     trib__random_below(&random, 4) * MILLISECOND,
                                                     &stream, &me->err)))
                        continue;
                count = fill(me, stream, buffers, &random);
                take_from_box(me, stream, &random);
                if (count > 0 && trib__random_below(&random, 4) == 0 &&
                    load_is_fine(me, trib_stream_acquire(world->device, 0, &second, &me->err))) {
                        (void)load_is_fine(me, trib_buffer_use(buffers[0], second, &me->err));
                        (void)load_is_fine(me, trib_stream_upload(second, buffers[0], 0, source, 64,
                                                             &me->err));
                        trib_stream_release(second);
                }
                empty(me, stream, buffers, count, &random);
                if (gone.id != 0 && trib__random_below(&random, 8) == 0)
                        try_stale(me, gone);
                gone = count > 0 ? buffers[0] : gone;
                if (trib__random_below(&random, 512) == 0)
                        (void)load_is_fine(me, trib_device_trim(world->device, NULL, &me->err));
        }
}

void load_memory(const struct load *load)
{
        struct world world;
        trib_error   err = TRIB_ERROR_INIT;

        load_open(&world, load);
        load_run(&world, run_buffers);
        for (int i = 0; i < BOXES; i++) {
                uint64_t left = atomic_exchange(&world.boxes[i], 0);

                if (left != 0)
                        EXPECT_OK(trib_buffer_release(world.device, (trib_buffer){ left }, &err),
                                  &err);
        }
        trace_quiet();
        EXPECT_OK(trib_device_trim(world.device, NULL, &err), &err);
        trace_quiet();
        trib_device_close(world.device);
}
