/* SPDX-License-Identifier: Apache-2.0 */
/* stream_rig.h: a stream pool on a simulated device. */
#ifndef TRIB_TESTS_STREAM_RIG_H
#define TRIB_TESTS_STREAM_RIG_H

#include "sim_rig.h"
#include "stream/stream_pool.h"

struct stream_rig {
        struct sim_rig            sim;
        struct trib__timeline     timelines[TRIB__MAX_STREAMS];
        struct trib__memory      *memory;
        struct trib__stream_pool *pool;
};

struct stream_rig_params {
        const char              *device; /* NULL: a scripted one      */
        uint32_t                 streams;
        enum trib__stream_policy policy;
        uint64_t                 timeout_ns;
};

void stream_rig_open(struct stream_rig *rig, const struct stream_rig_params *params);
void stream_rig_close(struct stream_rig *rig);

/* The pool alone, closed and opened again on the same device. */
void stream_rig_open_pool(struct stream_rig *rig, const struct stream_rig_params *params);

/* A copy of 64 bytes on the stream; gives its value. */
uint64_t stream_rig_submit(struct stream_rig *rig, struct trib_stream *stream);

#endif
