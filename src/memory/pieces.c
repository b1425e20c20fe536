/* SPDX-License-Identifier: Apache-2.0 */
/* pieces.c: the cap, pieces of the device's memory, and the account that a failure gives.
 * No locks. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/trace.h"
#include "memory/memory_priv.h"

bool trib__cap_reserve(struct trib__memory *memory, uint64_t bytes)
{
        /* Relaxed: a guess; the CAS decides. */
        uint64_t before = trib__load_relaxed_u64(&memory->reserved), after;

        do {
                if (__builtin_add_overflow(before, bytes, &after) ||
                    (memory->params.limit != 0 && after > memory->params.limit))
                        return false;
                /* AcqRel: the sum is the only thing decided here. */
        } while (!trib__cas_acqrel_u64(&memory->reserved, &before, after));
        TRIB__TRACE(RESERVE, memory, bytes);
        return true;
}

void trib__cap_unreserve(struct trib__memory *memory, uint64_t bytes)
{
        TRIB__TRACE(UNRESERVE, memory, bytes);
        /* AcqRel: as in reserve. */
        (void)trib__fetch_sub_acqrel_u64(&memory->reserved, bytes);
}

void trib__cap_note_peak(struct trib__memory *memory)
{
        /* Relaxed, both: a statistic. */
        uint64_t now = trib__load_relaxed_u64(&memory->reserved);
        uint64_t peak = trib__load_relaxed_u64(&memory->reserved_peak);

        while (now > peak) {
                /* Acquire: no order is needed; the CAS only raises a maximum. */
                if (trib__cas_acquire_u64(&memory->reserved_peak, &peak, now))
                        break;
        }
}

void *trib__piece_take(struct trib__memory *memory, uint64_t bytes, trib_status *status,
                       trib_error *err)
{
        void *address = NULL;

        TRIB__ASSERT_NO_LOCK();
        *status = memory->params.backend->alloc(memory->params.device, bytes, &address, err);
        if (*status != TRIB_OK) {
                trib__cap_unreserve(memory, bytes);
                return NULL;
        }
        trib__cap_note_peak(memory);
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->device_allocations, 1);
        TRIB__TRACE(SEGMENT_ADD, memory, TRIB__TRACE_ADDRESS(address), bytes);
        return address;
}

void trib__piece_give(struct trib__memory *memory, void *address, uint64_t bytes)
{
        TRIB__ASSERT_NO_LOCK();
        TRIB__TRACE(SEGMENT_FREE, memory, TRIB__TRACE_ADDRESS(address), bytes);
        memory->params.backend->free(memory->params.device, address, bytes);
        /* After the device has it back, so that it never gave more than is reserved. */
        trib__cap_unreserve(memory, bytes);
}

bool trib__single_make(struct trib__memory *memory, struct block *slot, uint32_t list,
                       uint64_t size, trib_status *status, trib_error *err)
{
        void *address;

        if (!trib__cap_reserve(memory, size))
                return false;
        address = trib__piece_take(memory, size, status, err);
        if (address == NULL)
                return false;
        slot->run = NULL;
        trib__block_settle(slot, list, 0);
        /* Relaxed, all of them: nobody else has the slot; statistics may look. */
        trib__store_relaxed_u64(&slot->fenced, 0);
        trib__store_relaxed_ptr(&slot->address, address);
        trib__store_relaxed_u64(&slot->size, size); /* Relaxed: as above. */
        TRIB__TRACE(BLOCK_MAKE, memory, slot->slot, TRIB__TRACE_ADDRESS(address), size);
        return true;
}

trib_status trib__memory_fail(struct trib__memory *memory, uint64_t bytes, const char *why,
                              trib_error *err)
{
        struct trib__memory_stats stats;

        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&memory->out_of_memory, 1);
        trib__memory_get_stats(memory, &stats);
        return trib__fail(err, TRIB_OUT_OF_MEMORY,
                          "no device memory for %llu bytes%s: limit %llu (0: the device's), "
                          "reserved %llu, live %llu, limbo %llu, cached %llu, programs %llu",
                          (unsigned long long)bytes, why, (unsigned long long)stats.limit,
                          (unsigned long long)stats.reserved,
                          (unsigned long long)stats.allocated, (unsigned long long)stats.limbo,
                          (unsigned long long)stats.cached, (unsigned long long)stats.programs);
}
