/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.c: where memory comes from when the stream's own cache has none. The rungs, in turn:
 *
 *   1 the stream's own cache                       (cached.c; most requests end here)
 *   2 the central pool
 *   3 a new segment, or a piece of just that size, under the cap
 *   4 donation: every cache gives what is past all its fences; then 2 again
 *   5 wholly free segments and singles go back to the device; then 3 again
 *   6 wait for a fence of released memory, until the deadline; then from 1 again
 *   7 TRIB_OUT_OF_MEMORY, with the account
 *
 * Growing comes before donating, so that in steady state nobody robs the warm caches of others. But
 * for large blocks, where much is reserved already, 4 comes before 3: otherwise the memory would
 * become the sum of what each stream ever needed at its worst, and not the most that all needed
 * at one time.
 *
 * Rungs 3 to 5, and trim, are inside the gate: one thread at a time. It is no mutex, because it is
 * held over calls of the device, and waiting for it has an end. Whoever fails has been alone in
 * there, so no memory was on its way between two places, and the failure is a true one. */
#include "base/clock.h"
#include "memory/history.h"
#include "memory/memory_priv.h"

/* How long a thread waits for another that asks the device, though its own deadline be earlier: a
 * device that takes longer does not work. */
#define GATE_PATIENCE_NS TRIB__NS_PER_SECOND
/* How long a waiter stays with one stream before it looks at the others, one of which may be the
 * one that does not hang, and at what its neighbours have released. */
#define WAIT_SLICE_NS (TRIB__NS_PER_SECOND / 100)
/* How often the caches are emptied again at once, because something was released meanwhile. As
 * often it was not enough; more of it would only rob the others of what they have just released. */
#define EAGER_ROUNDS 16
/* Donation comes before growth where more would be reserved than live blocks ever had, and a part
 * of that; and more than so much, and so much again for each stream that allocates. */
#define SLACK_PART 4
#define LEAST_FLOOR (UINT64_C(8) << 20)
#define FLOOR_OF_A_STREAM (UINT64_C(2) << 20)

struct climb {
        struct trib__memory *memory;
        struct want         *want;
        uint64_t             deadline;
        trib_status          status; /* of the last call of the device */
        trib_error           err;
        trib__atomic_u64    *served; /* the counter of the rung that had something */

        /* For rung 6. */
        bool     is_free_now;              /* what was not when it was collected */
        uint64_t waited_for;               /* streams */
        uint64_t values[TRIB__MAX_STREAMS]; /* that they must reach */
        uint64_t lost;                     /* streams that never will */
        uint32_t n_waits;
        uint32_t n_eager;
};

/* Of the blocks of that class and larger ones. */
static void donate_all(struct trib__memory *memory, uint32_t list)
{
        for (uint32_t s = 0; s < memory->params.n_streams; s++)
                trib__central_put(memory, trib__cache_donate(memory, s, list));
}

/* By how much more would be reserved than live blocks ever needed, and some more: then the caches
 * should give before the device is asked. Only for blocks that are no slab's: of the small ones a
 * cache holds little memory, and misses much when it is robbed; the large ones are most of the
 * memory, and take longer to use once than to find. */
static uint64_t excess_of(struct trib__memory *memory, const struct want *want)
{
        uint64_t floor = LEAST_FLOOR, active, needed;
        /* Relaxed, both: guesses. */
        uint64_t after = trib__load_relaxed_u64(&memory->reserved) + want->size;

        if (want->list < SLAB_CLASSES)
                return 0;
        for (uint32_t s = 0; s < memory->params.n_streams; s++) {
                /* Relaxed: as above. */
                if (trib__load_relaxed_u64(&memory->caches[s].given) > 0)
                        floor += FLOOR_OF_A_STREAM;
        }
        if (after <= floor)
                return 0;
        active = trib__memory_active(memory) + want->size;
        if (active > memory->active_peak)
                memory->active_peak = active;
        needed = memory->active_peak + memory->active_peak / SLACK_PART;
        needed = needed > floor ? needed : floor;
        return after > needed ? after - needed : 0;
}

static struct block *from_donation(struct climb *climb, uint32_t list)
{
        struct trib__memory *memory = climb->memory;

        climb->served = &memory->from_donation;
        donate_all(memory, list);
        if (climb->want->slot == NULL)
                climb->want->slot = trib__slot_take(memory);
        return trib__central_take(memory, climb->want);
}

static struct block *from_device(struct climb *climb)
{
        climb->served = &climb->memory->from_device;
        return trib__central_grow(climb->memory, climb->want, &climb->status, &climb->err);
}

static struct block *from_freeing(struct climb *climb)
{
        struct block *block = NULL;

        if (trib__central_free(climb->memory, UINT64_MAX) > 0)
                block = from_device(climb);
        climb->served = &climb->memory->from_freeing;
        return block;
}

/* Gaps between blocks of other sizes, which are left alone as long as there is anything else. */
static struct block *from_other_pools(struct climb *climb)
{
        climb->served = &climb->memory->from_central;
        climb->want->is_desperate = true;
        return trib__central_take(climb->memory, climb->want);
}

/* The device keeps another thread inside: what it can give for this request alone. */
static struct block *past_the_gate(struct climb *climb)
{
        struct want  *want = climb->want;
        struct block *block = want->slot;

        climb->served = &climb->memory->from_device;
        if (block == NULL || !trib__single_make(climb->memory, block, want->list, want->size,
                                                &climb->status, &climb->err))
                return NULL;
        want->slot = NULL;
        return block;
}

/* Rungs 1 to 5. Inside the gate. */
static struct block *climb_inside(struct climb *climb)
{
        struct trib__memory *memory = climb->memory;
        struct want         *want = climb->want;
        struct block        *block;
        uint64_t             excess;

        climb->served = &memory->from_own;
        block = trib__cache_take_patiently(memory, want->stream, want->list, want->size);
        if (block != NULL)
                return block;
        climb->served = &memory->from_central;
        block = trib__central_take(memory, want);
        if (block != NULL)
                return block;
        excess = excess_of(memory, want);
        if (excess > 0) {
                block = from_donation(climb, SLAB_CLASSES);
                /* What is free and does not fit need not be kept beside what is taken now. */
                if (block == NULL)
                        (void)trib__central_free(memory, excess);
        }
        if (block == NULL)
                block = from_device(climb);
        if (block == NULL)
                block = from_donation(climb, 0);
        if (block == NULL)
                block = from_freeing(climb);
        if (block == NULL)
                block = from_other_pools(climb);
        if (block != NULL)
                return block;
        climb->waited_for = 0;
        climb->is_free_now = false;
        for (uint32_t s = 0; s < memory->params.n_streams; s++) {
                if (trib__cache_fences(memory, s, climb->values, &climb->waited_for))
                        climb->is_free_now = true;
        }
        return NULL;
}

/* The stream to wait for: first the one that has least to do, later each in turn. */
static uint32_t choose_stream(const struct climb *climb, uint64_t streams)
{
        const struct trib__memory *memory = climb->memory;
        uint64_t                   least = UINT64_MAX, left = streams;
        uint32_t                   chosen = TRIB__MAX_STREAMS, skip;

        if (climb->n_waits > 0) {
                skip = climb->n_waits % (uint32_t)__builtin_popcountll(streams);
                while (skip-- > 0)
                        left &= left - 1;
                return (uint32_t)__builtin_ctzll(left);
        }
        for (; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);
                /* Acquire: as in trib__fences_are_past. */
                trib__queue *queue = trib__load_acquire_ptr(&memory->params.timelines[l].queue);
                uint64_t     done = queue != NULL ? memory->params.backend->completed(queue)
                                                  : climb->values[l];

                if (chosen == TRIB__MAX_STREAMS || climb->values[l] - done < least) {
                        least = climb->values[l] - done;
                        chosen = l;
                }
        }
        return chosen;
}

/* Rung 6: for a fence that is not past. False: there is none. */
static bool wait_for_fence(struct climb *climb, uint64_t now)
{
        uint64_t     streams = climb->waited_for & ~climb->lost, until = now + WAIT_SLICE_NS;
        trib__queue *queue;
        trib_status  status;
        uint32_t     l;

        if (streams == 0)
                return false;
        l = choose_stream(climb, streams);
        climb->n_waits++;
        if (until > climb->deadline)
                until = climb->deadline;
        /* Acquire: as in trib__fences_are_past. */
        queue = trib__load_acquire_ptr(&climb->memory->params.timelines[l].queue);
        if (queue == NULL)
                return true;
        status = climb->memory->params.backend->park(queue, climb->values[l], until, NULL);
        if (status != TRIB_OK && status != TRIB_TIMED_OUT)
                climb->lost |= UINT64_C(1) << l;
        return true;
}

/* Rung 6. False: there is nothing to wait for. */
static bool wait_for_release(struct climb *climb, uint64_t now)
{
        if (climb->is_free_now && climb->n_eager < EAGER_ROUNDS) {
                climb->n_eager++;
                return true;
        }
        return wait_for_fence(climb, now);
}

static trib_status fail(struct climb *climb, const char *why, trib_error *err)
{
        return trib__memory_fail(climb->memory, climb->want->bytes, why, err);
}

static struct block *enter_and_climb(struct climb *climb, uint64_t now, bool *is_inside)
{
        struct trib__gate *gate = &climb->memory->gate;
        uint64_t           patience = now + GATE_PATIENCE_NS;
        struct block      *block;

        if (patience < climb->deadline)
                patience = climb->deadline;
        *is_inside = trib__gate_enter(gate, patience);
        if (!*is_inside)
                return past_the_gate(climb);
        block = climb_inside(climb);
        trib__gate_leave(gate);
        return block;
}

static trib_status rounds(struct climb *climb, struct block **out, trib_error *err)
{
        struct trib__memory *memory = climb->memory;

        for (;;) {
                uint64_t now = trib__now();
                bool     is_last = now >= climb->deadline, is_inside;

                if (climb->want->slot == NULL)
                        climb->want->slot = trib__slot_take(memory);
                climb->served = &memory->from_central;
                *out = trib__central_take(memory, climb->want);
                if (*out == NULL) {
                        *out = enter_and_climb(climb, now, &is_inside);
                        if (*out == NULL && !is_inside)
                                return fail(climb, ", and another thread's call of the device "
                                                   "does not come back", err);
                }
                if (*out != NULL) {
                        if (climb->n_waits > 0)
                                climb->served = &memory->from_waiting;
                        return TRIB_OK;
                }
                if (is_last || !wait_for_release(climb, now))
                        break;
        }
        if (climb->want->slot == NULL)
                return fail(climb, " (nor host memory to note them in)", err);
        return fail(climb, "", err);
}

trib_status trib__ladder_take(struct trib__memory *memory, struct want *want, uint64_t deadline,
                              struct block **out, trib_error *err)
{
        struct climb climb = { .memory = memory, .want = want, .deadline = deadline };
        trib_status  status;

        *out = NULL;
        if (deadline == TRIB__MEMORY_TIMEOUT)
                climb.deadline = trib__deadline_after(memory->params.timeout_ns);
        /* What can never fit robs nobody. */
        if (memory->params.limit != 0 && want->size > memory->params.limit)
                return fail(&climb, "", err);
        status = rounds(&climb, out, err);
        if (want->slot != NULL) {
                want->slot->next = NULL;
                trib__slots_spare(memory, want->slot);
                want->slot = NULL;
        }
        if (status == TRIB_OK) {
                /* Relaxed: a statistic. */
                (void)trib__fetch_add_relaxed_u64(climb.served, 1);
        }
        return status;
}

uint64_t trib__ladder_trim(struct trib__memory *memory)
{
        uint64_t freed;

        if (!trib__gate_enter(&memory->gate, trib__deadline_after(GATE_PATIENCE_NS)))
                return 0;
        donate_all(memory, 0);
        freed = trib__central_free(memory, UINT64_MAX);
        trib__gate_leave(&memory->gate);
        return freed;
}

bool trib__ladder_reserve(struct trib__memory *memory, uint64_t bytes)
{
        bool is_reserved;

        if (!trib__gate_enter(&memory->gate, trib__deadline_after(GATE_PATIENCE_NS)))
                return false;
        donate_all(memory, 0);
        (void)trib__central_free(memory, UINT64_MAX);
        /* Inside, so that no other thread's growth that will fail is in the way. */
        is_reserved = trib__cap_reserve(memory, bytes);
        trib__gate_leave(&memory->gate);
        return is_reserved;
}
