/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c: putting events into the ring. State: one pointer, set by tests while nothing runs. No
 * lock, no allocation. */
#include "base/trace.h"

#if defined(TRIB_TRACE)
#include <time.h>

#include "base/sync.h"

#define FULL_NAP_NS 20000

/* What a thread knows of the ring, so that it seldom looks at the reader's line. */
static _Thread_local uint32_t thread_number; /* 0: not given yet */
static _Thread_local uint32_t known_ring;    /* the number of the ring that is meant */
static _Thread_local uint64_t room_until;    /* stamps below this have a slot        */

trib__atomic_ptr        trib__trace_ring;
static trib__atomic_u32 ring_number; /* moves with every start */
static trib__atomic_u32 last_thread_number;

void trib__trace_start(struct trib__trace_ring *ring)
{
        /* Relaxed: read after the ring, which is released below. */
        (void)trib__fetch_add_relaxed_u32(&ring_number, 1);
        /* Release: pairs with the acquire in trib__trace_emit. */
        trib__store_release_ptr(&trib__trace_ring, ring);
}

void trib__trace_stop(void)
{
        /* AcqRel: no event is on its way; the last ones are in the ring. */
        struct trib__trace_ring *ring = trib__exchange_acqrel_ptr(&trib__trace_ring, NULL);

        /* Release: pairs with the reader's acquire; `next` is final. */
        if (ring != NULL)
                trib__store_release_u64(&ring->ended, 1);
}

/* Sleep until the slot of `stamp` has been read. */
static void wait_for_room(struct trib__trace_ring *ring, uint64_t stamp)
{
        const struct timespec nap = { 0, FULL_NAP_NS };

        for (;;) {
                /* Acquire: pairs with the reader's release: it has read what we overwrite. */
                room_until = trib__load_acquire_u64(&ring->consumed) + ring->capacity;
                if (stamp < room_until)
                        break;
                (void)nanosleep(&nap, NULL);
        }
}

void trib__trace_emit(enum trib__trace_event event, uint64_t object, const uint64_t *values)
{
        /* Acquire: pairs with the release in trib__trace_start. */
        struct trib__trace_ring *ring = trib__load_acquire_ptr(&trib__trace_ring);
        struct trib__trace_slot *slot;
        uint64_t                 stamp;
        uint32_t                 number;

        /* A forked child has no reader, and its stamps would be its parent's. */
        if (ring == NULL || trib__is_forked())
                return;
        /* Relaxed: moves only while nobody is here. */
        number = trib__load_relaxed_u32(&ring_number);
        if (known_ring != number) {
                known_ring = number;
                room_until = 0;
        }
        if (thread_number == 0) {
                /* Relaxed: only uniqueness matters. */
                thread_number = trib__fetch_add_relaxed_u32(&last_thread_number, 1) + 1;
        }
        /* Relaxed: of two events in happens-before order the earlier gets the lower stamp, because
         * one word's modifications are in that order too. More is not needed. */
        stamp = trib__fetch_add_relaxed_u64(&ring->next, 1);
        if (stamp >= room_until)
                wait_for_room(ring, stamp);
        slot = &ring->slots[stamp & (ring->capacity - 1)];
        /* Relaxed, all of them: published by the release below. Atomic because the reader, which
         * hands the slot from its last writer to us, may be another process. */
        trib__store_relaxed_u64(&slot->words[1], (uint64_t)event | (uint64_t)thread_number << 32);
        trib__store_relaxed_u64(&slot->words[2], object);
        for (uint32_t i = 0; i < TRIB__TRACE_VALUES; i++)
                trib__store_relaxed_u64(&slot->words[3 + i], values[i]); /* Relaxed: as above. */
        /* Release: pairs with the reader's acquire. */
        trib__store_release_u64(&slot->words[0], stamp + 1);
}

#else
typedef int trib__trace_is_off; /* a translation unit must not be empty */
#endif
