/* SPDX-License-Identifier: Apache-2.0 */
/* stream_rig.c: see stream_rig.h. */
#include "stream_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

void stream_rig_open_pool(struct stream_rig *rig, const struct stream_rig_params *params)
{
        struct trib__stream_pool_params pool = { .backend = rig->sim.backend,
                                                 .device = rig->sim.device,
                                                 .memory = rig->memory,
                                                 .timelines = rig->timelines,
                                                 .max_streams = params->streams,
                                                 .policy = params->policy,
                                                 .timeout_ns = params->timeout_ns };
        trib_error                      err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__stream_pool_create(&pool, &rig->pool, &err), &err);
}

void stream_rig_open(struct stream_rig *rig, const struct stream_rig_params *params)
{
        struct trib__memory_params memory = { .timelines = rig->timelines,
                                              .n_streams = params->streams,
                                              .n_shards = 8 };
        trib_error                 err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        sim_rig_open(&rig->sim, params->device != NULL ? params->device : "clock=scripted", 0);
        memory.backend = rig->sim.backend;
        memory.device = rig->sim.device;
        EXPECT_OK(trib__memory_create(&memory, &rig->memory, &err), &err);
        stream_rig_open_pool(rig, params);
}

void stream_rig_close(struct stream_rig *rig)
{
        trib__stream_pool_destroy(rig->pool);
        trib__memory_destroy(rig->memory);
        sim_rig_close(&rig->sim);
}

uint64_t stream_rig_submit(struct stream_rig *rig, struct trib_stream *stream)
{
        static const char from[64];
        static char       to[TRIB__MAX_STREAMS][64];
        trib_error        err = TRIB_ERROR_INIT;
        uint64_t          value = trib__stream_next_value(stream);

        EXPECT_OK(rig->sim.backend->copy(stream->queue, to[stream->index], from, sizeof(from),
                                         value, &err),
                  &err);
        return value;
}
