/* SPDX-License-Identifier: Apache-2.0 */
/* memory_rig.h: an allocator of either design on a simulated device whose clock stands still until
 * the test moves it. Every failure of the rig itself fails the test. */
#ifndef TRIB_TESTS_MEMORY_RIG_H
#define TRIB_TESTS_MEMORY_RIG_H

#include "memory/memory_priv.h"
#include "sim_rig.h"

#define MEMORY_RIG_STREAMS SIM_RIG_QUEUES

/* Below this cap the caches have no room for a segment, and every block is a piece of the device
 * of just its size, as with shards: sums come out the same. */
#define MEMORY_RIG_EXACT (UINT64_C(960) << 10)

struct memory_rig {
        struct sim_rig        sim;
        struct trib__timeline timelines[MEMORY_RIG_STREAMS];
        struct trib__memory  *memory;
        unsigned char         bytes[4096];
};

/* shards: 0 (caches per stream), 1 or 8. */
void memory_rig_open(struct memory_rig *rig, uint32_t shards, uint64_t limit);
/* With device options, streams in use and events to keep. */
void memory_rig_open_with(struct memory_rig *rig, const char *options,
                          const struct trib__memory_params *wanted);
/* Lets the device finish first. */
void memory_rig_close(struct memory_rig *rig);

struct trib__memory_stats memory_rig_stats(struct memory_rig *rig);
/* What must hold of any allocator while nothing runs: the sums, and that every block is in the one
 * place that it says. */
void memory_rig_check(struct memory_rig *rig);

uint64_t memory_rig_take(struct memory_rig *rig, uint32_t stream, uint64_t bytes);
/* By a thread that works on stream `near`. */
void  memory_rig_release(struct memory_rig *rig, uint64_t handle, uint32_t near);
void *memory_rig_address(struct memory_rig *rig, uint64_t handle);
/* Put a copy into the block on a stream, which takes until the test moves the clock. */
void memory_rig_use(struct memory_rig *rig, uint64_t handle, uint32_t stream);
/* Move the clock until the stream has no work left, without what waits on other streams. */
void memory_rig_finish(struct memory_rig *rig, uint32_t stream);

#endif
