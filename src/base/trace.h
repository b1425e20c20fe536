/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h: the events of the models in verify/, emitted by the running code, in builds with
 * TRIB_TRACE (debug and sanitizer presets and the test library); elsewhere nothing is compiled.
 *
 *     TRIB__TRACE(LEASE, stream, how);
 *
 * The library opens no file and keeps no record: a test registers a ring (trace_format.h) and
 * reads it, here or in another process. One global counter gives the stamps, so the ring is in
 * order as it fills, and a thread that ends or sleeps leaves nothing behind in a buffer of its
 * own. A ring that is full makes writers wait for the reader, so memory is bounded and nothing is
 * lost. Nothing is allocated. Without a ring an event costs a load and a branch. */
#ifndef TRIB_BASE_TRACE_H
#define TRIB_BASE_TRACE_H

#if defined(TRIB_TRACE)
#include <stdbool.h>
#include <stddef.h>

#include "base/trace_format.h"

/* From now on events go to `ring`, which is zeroed but for its capacity. No other thread is in the
 * library. */
void trib__trace_start(struct trib__trace_ring *ring);
/* No more events; marks the ring as ended. No other thread is in the library. */
void trib__trace_stop(void);

/* `values`: TRIB__TRACE_VALUES of them. Any thread, under any lock. */
void trib__trace_emit(enum trib__trace_event event, uint64_t object, const uint64_t *values);

extern trib__atomic_ptr trib__trace_ring; /* NULL: no events */

static inline bool trib__trace_is_on(void)
{
        /* Relaxed: a guess; trib__trace_emit looks again. */
        return __builtin_expect(trib__load_relaxed_ptr(&trib__trace_ring) != NULL, false);
}

#define TRIB__TRACE(event, object, ...)                                                        \
        (trib__trace_is_on()                                                                   \
                 ? trib__trace_emit(TRIB__TRACE_##event, (uint64_t)(uintptr_t)(object),        \
                                    (const uint64_t[TRIB__TRACE_VALUES]){ __VA_ARGS__ })       \
                 : (void)0)
/* A pointer as a value. */
#define TRIB__TRACE_ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))

#else
#define TRIB__TRACE(event, object, ...) ((void)0)
#endif

#endif
