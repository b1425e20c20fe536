/* SPDX-License-Identifier: Apache-2.0 */
/* session_table.c: the table of sessions, and how calls get in and out.
 *
 * seat:   an entry of a static table, taken by a session while it is open. It outlives every
 *         session, so a call that comes too late, or at the same time as close, finds out there:
 *         it touches no memory that can be gone.
 * handle: a trib_session is the address of a seat plus the low bits of the seat's generation, which
 *         moves on at every close. Seats are taken in turn, so that a stale handle meets its own
 *         number again only after GENERATIONS * N_SEATS sessions.
 * word:   {epoch of the device's streams: 32, generation: 24, place of the streams: 4, state: 4}:
 *         all that a call needs to lease its thread's home.
 *
 * NONE -> OPEN -> CLOSING -> NONE, or CLOSING -> DRAINING -> CLOSING when close ran out of time. A
 * call counts itself in, then looks at the word; close sets the word, then looks at the counts.
 * Both do so with sequentially consistent operations, so one of them sees the other. What counts
 * is the session's tag in the word of a stream's lease, or one of the seat's counters for a call
 * that has no stream (yet). No locks here. */
#include <sched.h>

#include "base/error.h"
#include "base/trace.h"
#include "session/session_priv.h"

#define N_SEATS 1024
#define COUNTERS 4
/* What fits into a handle: the seats' alignment is free there. */
#define GENERATIONS TRIB__CACHE_LINE

enum seat_state { SEAT_NONE, SEAT_TAKEN, SEAT_OPEN, SEAT_DRAINING, SEAT_CLOSING };

#define STATE_MASK UINT64_C(15)
#define PLACE_SHIFT 4
#define GENERATION_SHIFT 8
#define GENERATION_MASK UINT64_C(0xffffff)
#define EPOCH_SHIFT 32

_Static_assert(TRIB__MAX_DEVICES <= 16, "a place has 4 bits");
_Static_assert(N_SEATS <= TRIB__MAX_TAG, "a seat has a tag");

struct seat {
        /* Read by every call; written by open and close. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 word;
        trib__atomic_ptr session; /* for those inside */

        /* Calls inside that have no lease in the session's name; a thread counts in the one of its
         * number. */
        struct {
                _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 inside;
        } counters[COUNTERS];
};

static struct seat      seats[N_SEATS];
static trib__atomic_u32 last_seat; /* where the next search begins */

static struct seat *seat_of(const trib_session *handle)
{
        return (struct seat *)((uintptr_t)handle / GENERATIONS * GENERATIONS);
}

static uint64_t generation_of(uint64_t word)
{
        return word >> GENERATION_SHIFT & GENERATION_MASK;
}

static enum seat_state state_of(uint64_t word)
{
        return (enum seat_state)(word & STATE_MASK);
}

/* Whether the handle is of the session that has the seat. */
static bool is_its(const trib_session *handle, uint64_t word)
{
        return (uintptr_t)handle % GENERATIONS == generation_of(word) % GENERATIONS;
}

static bool is_open(const trib_session *handle, uint64_t word)
{
        return state_of(word) == SEAT_OPEN && is_its(handle, word);
}

trib_status trib__session_seat(struct trib__session *session, trib_session **out, trib_error *err)
{
        uint32_t epoch;

        trib__stream_pool_where(session->device->pool, &session->place, &epoch);
        for (uint32_t i = 0; i < N_SEATS; i++) {
                /* Relaxed: any spread in time will do. */
                uint32_t     index = trib__fetch_add_relaxed_u32(&last_seat, 1) % N_SEATS;
                struct seat *seat = &seats[index];
                /* Relaxed: a guess; the CAS decides. */
                uint64_t seen = trib__load_relaxed_u64(&seat->word);
                uint64_t generation = generation_of(seen);

                /* AcqRel: acquire pairs with the release of the last close. */
                if (state_of(seen) != SEAT_NONE ||
                    !trib__cas_acqrel_u64(&seat->word, &seen, seen | SEAT_TAKEN))
                        continue;
                session->seat = seat;
                session->tag = index + 1;
                /* Relaxed: published by the word. */
                trib__store_relaxed_ptr(&seat->session, session);
                /* Release: pairs with the acquire of who enters. */
                trib__store_release_u64(&seat->word, (uint64_t)epoch << EPOCH_SHIFT |
                                                             generation << GENERATION_SHIFT |
                                                             session->place << PLACE_SHIFT |
                                                             SEAT_OPEN);
                *out = (trib_session *)((uintptr_t)seat + generation % GENERATIONS);
                return TRIB_OK;
        }
        return trib__fail(err, TRIB_BUSY, "at most %d sessions can be open at once", N_SEATS);
}

bool trib__session_enter(const trib_session *handle, bool is_draining_fine,
                         struct session_call *call)
{
        struct seat      *seat = seat_of(handle);
        uint32_t          number = trib__stream_thread_number();
        trib__atomic_u32 *count = &seat->counters[number % COUNTERS].inside;
        uint64_t          word;

        call->count = count;
        call->index = TRIB__NO_STREAM_INDEX;
        call->stream = NULL;
        call->is_own = false;
        trib__stream_thread_inside(count);
        /* SeqCst, both: count, then look at the word; see the top of the file. */
        (void)trib__fetch_add_seqcst_u32(count, 1);
        word = trib__load_seqcst_u64(&seat->word);
        if (is_open(handle, word) ||
            (is_draining_fine && is_its(handle, word) && state_of(word) == SEAT_DRAINING)) {
                /* Relaxed: published by the word. */
                call->session = trib__load_relaxed_ptr(&seat->session);
                TRIB__TRACE(SESSION_ENTER, call->session, number % COUNTERS);
                return true;
        }
        trib__stream_thread_inside(NULL);
        /* SeqCst: as in trib__session_leave. */
        (void)trib__fetch_add_seqcst_u32(count, UINT32_MAX);
        return false;
}

bool trib__session_enter_leased(const trib_session *handle, struct session_call *call)
{
        struct seat *seat = seat_of(handle);
        /* Acquire: pairs with the release in trib__session_seat. */
        uint64_t word = trib__load_acquire_u64(&seat->word);
        uint32_t place = (uint32_t)(word >> PLACE_SHIFT & 15);

        /* Relaxed: published by the word. Not looked at before the call is counted. */
        call->session = trib__load_relaxed_ptr(&seat->session);
        if (!is_open(handle, word))
                return false;
        call->index = trib__stream_take_home(place, (uint32_t)(word >> EPOCH_SHIFT),
                                             (uint32_t)(seat - seats) + 1, &call->stream);
        if (call->index == TRIB__NO_STREAM_INDEX)
                return trib__session_enter(handle, false, call);
        call->count = NULL;
        call->is_own = false;
        /* SeqCst: the lease counts; then look at the word; see the top of the file. */
        if (trib__load_seqcst_u64(&seat->word) != word) {
                trib__stream_untake(place, call->index);
                return false;
        }
        TRIB__TRACE(SESSION_ENTER, call->session, COUNTERS + call->index);
        return true;
}

void trib__session_leave(struct session_call *call)
{
        trib__atomic_u32 *count = call->count;

        if (count == NULL)
                return;
        call->count = NULL;
        trib__stream_thread_inside(NULL);
        if (call->index == TRIB__NO_STREAM_INDEX)
                TRIB__TRACE(SESSION_LEAVE, call->session, 0);
        /* SeqCst: includes the release for close, which frees what this call used; and comes
         * after the lease, if there is one, whose tag counts from then on. After this, and without
         * a lease, the session may be gone. */
        (void)trib__fetch_add_seqcst_u32(count, UINT32_MAX);
}

trib_status trib__session_close_begin(const trib_session *handle, struct trib__session **out,
                                      trib_error *err)
{
        struct seat *seat = seat_of(handle);
        /* Acquire: pairs with the release in trib__session_seat. */
        uint64_t seen = trib__load_acquire_u64(&seat->word);

        for (;;) {
                enum seat_state state = state_of(seen);

                if (!is_its(handle, seen) || state < SEAT_OPEN)
                        return trib__fail(err, TRIB_CLOSED, "the session is closed");
                if (state == SEAT_CLOSING)
                        return trib__fail(err, TRIB_BUSY, "another call closes the session");
                /* SeqCst: then look at the counts; see the top of the file. */
                if (trib__cas_seqcst_u64(&seat->word, &seen, (seen & ~STATE_MASK) | SEAT_CLOSING))
                        break;
        }
        /* Relaxed: published by the word. */
        *out = trib__load_relaxed_ptr(&seat->session);
        TRIB__TRACE(SESSION_DRAIN, *out, 0);
        return TRIB_OK;
}

static bool is_counted(const struct seat *seat)
{
        for (uint32_t i = 0; i < COUNTERS; i++) {
                /* SeqCst: after the word was set; see the top of the file. */
                if (trib__load_seqcst_u32(&seat->counters[i].inside) != 0)
                        return true;
        }
        return false;
}

bool trib__session_is_left(const struct trib__session *session)
{
        /* In this order: a call goes from a counter to a lease. */
        return !is_counted(session->seat) &&
               !trib__stream_pool_is_used(session->device->pool, session->tag);
}

void trib__session_close_end(struct trib__session *session, bool is_closed)
{
        struct seat *seat = session->seat;
        /* Relaxed: the word is ours while it says CLOSING. */
        uint64_t word = trib__load_relaxed_u64(&seat->word);
        uint64_t generation = (generation_of(word) + 1) & GENERATION_MASK;

        if (!is_closed) {
                /* Release: pairs with the acquire of the next close. */
                trib__store_release_u64(&seat->word, (word & ~STATE_MASK) | SEAT_DRAINING);
                return;
        }
        TRIB__TRACE(SESSION_FREE, session, 0);
        /* The seat is not given up before nobody looks at the session, or they would be counted
         * in the next one's seat. SeqCst: then look at the counts; see the top of the file. */
        trib__store_seqcst_u64(&seat->word, generation << GENERATION_SHIFT | SEAT_TAKEN);
        while (is_counted(seat))
                (void)sched_yield();
        /* Relaxed: nobody reads it without having seen OPEN. */
        trib__store_relaxed_ptr(&seat->session, NULL);
        /* Release: pairs with the acquire in trib__session_seat. */
        trib__store_release_u64(&seat->word, generation << GENERATION_SHIFT | SEAT_NONE);
}
