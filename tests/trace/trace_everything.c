/* SPDX-License-Identifier: Apache-2.0 */
/* trace_everything.c: the parts of the load in all the settings that matter. */
#include <stddef.h>

#include "trace_load.h"

#define MIB (UINT64_C(1) << 20)

void load_everything(uint32_t scale, uint64_t seed)
{
        const struct load loads[] = {
                { .device = "sim:fast", .threads = 8, .streams = 4, .rounds = 60, .hangs = true },
                { .device = "sim:fast", .threads = 6, .streams = 6, .rounds = 40,
                  .limit = 8 * MIB },
                { .device = "cpu:0", .threads = 8, .streams = 8, .rounds = 100, .limit = 4 * MIB },
                { .device = "sim:fast,reorder=7", .threads = 6, .streams = 4, .rounds = 30,
                  .shards = 8, .limit = 64 * MIB },
                { .device = "cpu:0", .threads = 6, .streams = 3, .rounds = 30, .shards = 1 },
        };
        const struct load requests[] = {
                { .device = "sim:fast", .threads = 8, .streams = 3, .rounds = 40, .hangs = true,
                  .fails = 24 },
                { .device = "cpu:0", .threads = 8, .streams = 4, .rounds = 80,
                  .policy = TRIB_STREAMS_WAIT },
                { .device = "cpu:0", .threads = 6, .streams = 2, .rounds = 60, .shards = 8,
                  .limit = 64 * MIB },
        };
        struct load lives = { .device = "cpu:0", .threads = 8, .streams = 4, .rounds = 3,
                              .policy = TRIB_STREAMS_WAIT };
        struct load deaths = { .device = "cpu:0", .threads = 6, .streams = 3, .rounds = 10 };

        for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
                struct load load = loads[i];

                load.rounds *= scale;
                load.seed = seed + i;
                load_memory(&load);
        }
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                struct load load = requests[i];

                load.rounds *= scale;
                load.seed = seed + 100 + i;
                load_requests(&load);
        }
        lives.rounds *= scale;
        load_lives(&lives);
        deaths.rounds *= scale;
        load_deaths(&deaths);
}
