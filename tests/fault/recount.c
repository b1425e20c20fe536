/* SPDX-License-Identifier: Apache-2.0 */
/* recount.c: see recount.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/sim/sim_priv.h"
#include "expect.h"
#include "recount.h"
#include "session/session_priv.h"

void recount_device(trib_device *device, bool is_sim, struct recount *out)
{
        trib_stream *streams[TRIB__MAX_STREAMS];
        trib_error   err = TRIB_ERROR_INIT;

        memset(out, 0, sizeof(*out));
        /* Relaxed: at rest. */
        out->holds = trib__load_relaxed_u64(&device->refs);
        for (uint32_t i = 0; i < device->max_streams; i++) {
                EXPECT_OK(trib_stream_acquire(device, 0, &streams[i], &err), &err);
                out->streams++;
                out->slabs += streams[i]->slab_bytes;
                out->staging += streams[i]->staging_bytes;
        }
        for (uint32_t i = 0; i < device->max_streams; i++)
                trib_stream_release(streams[i]);
        EXPECT_OK(trib_device_get_memory(device, &out->memory, &err), &err);
        assert_int_equal(out->memory.reserved, out->memory.allocated + out->memory.cached +
                                                       out->memory.limbo + out->memory.programs);
        assert_true(out->memory.limit == 0 || out->memory.reserved <= out->memory.limit);
        assert_true(out->memory.requested >= out->slabs);
        /* Relaxed: at rest. */
        assert_int_equal(trib__load_relaxed_u64(&device->refs), out->holds);
        if (is_sim) {
                trib__device *sim = trib__device_backend(device);
                uint64_t      used;

                trib__lock(&sim->mutex);
                used = sim->memory_used;
                trib__unlock(&sim->mutex);
                assert_int_equal(used, out->memory.reserved - out->memory.programs);
        }
}

void recount_session(trib_session *session, uint64_t requests)
{
        trib_session_stats stats;
        trib_error         err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_session_get_stats(session, &stats, &err), &err);
        assert_int_equal(stats.requests, requests);
        assert_true(stats.failures <= stats.requests);
}
