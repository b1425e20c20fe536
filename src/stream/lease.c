/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c: the lease words, and the queue of threads that wait for one. Static memory only.
 *
 * FREE -> LEASED by compare-and-swap, by anyone, unless WANTED is set in the word. Who makes the
 * queue non-empty sets WANTED in all words of the place, who empties it takes it away: so one that
 * comes while others wait cannot be before them, and one that returns sees by its failing
 * compare-and-swap, which expects no WANTED, that there is somebody to serve. Both sides meet in
 * one word, so no wake is lost.
 *
 * turn: while others wait, a thread that comes back at once with its next request keeps its stream
 *       for TRIB__TURN_NS (LEASED -> KEPT -> LEASED), because handing over costs a context switch,
 *       and for small models that is more than a request. Then the stream is handed to the first
 *       of the queue: leased on its behalf, with one wake.
 * quick: whether a thread comes back at once is what it did the last time. One that does not hands
 *       over at its return.
 *
 * One mutex per place, for the queue; taken once a turn and by those who wait. */
#include "base/clock.h"
#include "base/trace.h"
#include "stream/stream_priv.h"

/* About what handing over costs: who is back before that has lost nothing by keeping. */
#define QUICK_NS (TRIB__NS_PER_SECOND / 200000)

static struct trib__stream_place *place_of(const struct trib__lease *lease)
{
        uint64_t offset = (uint64_t)((const char *)lease - (const char *)trib__stream_places);

        return &trib__stream_places[offset / sizeof(trib__stream_places[0])];
}

bool trib__lease_take(struct trib__lease *lease, uint64_t seen, uint32_t tag, bool is_request)
{
        uint64_t held = trib__lease_word(seen, TRIB__LEASE_LEASED, tag);

        /* SeqCst: acquire pairs with the release of the last holder: its work on the plain members
         * is seen; and a call that counts itself in by the tag then looks at its session's
         * state, while close sets that state and then looks at the words. */
        if (!trib__cas_seqcst_u64(&lease->word, &seen, held | (seen & TRIB__LEASE_WANTED)))
                return false;
        lease->held = held;
        lease->is_request = is_request;
        if (is_request)
                trib__stream_thread.held = lease;
        return true;
}

uint32_t trib__stream_take_home(uint32_t place, uint32_t epoch, uint32_t tag,
                                struct trib_stream **out)
{
        const struct trib__home *home = &trib__stream_thread.homes[place];
        struct trib__lease      *lease = &trib__stream_places[place].leases[home->stream];

        if (home->epoch != epoch ||
            !trib__lease_take(lease, trib__lease_word((uint64_t)epoch << 32, TRIB__LEASE_FREE, 0),
                              tag, true))
                return TRIB__NO_STREAM_INDEX;
        TRIB__TRACE(LEASE, lease, TRIB__TRACE_LEASE_FREE);
        *out = lease->stream;
        return home->stream;
}

void trib__stream_untake(uint32_t place, uint32_t index)
{
        trib__lease_end(&trib__stream_places[place].leases[index]);
}

static void want_all_locked(struct trib__stream_place *place) TRIB__REQUIRES(place->mutex)
{
        /* Relaxed: read under the mutex or after a word that this change comes before. */
        trib__store_relaxed_u32(&place->crowd, trib__load_relaxed_u32(&place->crowd) + 1);
        for (uint32_t i = 0; i < place->n_streams; i++) {
                /* Release: `crowd` is seen by who sees WANTED. */
                (void)trib__fetch_or_release_u64(&place->leases[i].word, TRIB__LEASE_WANTED);
        }
}

/* The queue is empty: words of idle streams become plain FREE, also where a turn was going on. */
static void unwant_all_locked(struct trib__stream_place *place) TRIB__REQUIRES(place->mutex)
{
        for (uint32_t i = 0; i < place->n_streams; i++) {
                trib__atomic_u64 *word = &place->leases[i].word;
                /* Relaxed: a guess; the CAS decides. */
                uint64_t seen = trib__load_relaxed_u64(word), next;

                do {
                        next = seen & ~TRIB__LEASE_WANTED;
                        if (trib__lease_kind(seen) == TRIB__LEASE_KEPT)
                                next = trib__lease_word(seen, TRIB__LEASE_FREE, 0);
                        /* AcqRel: a KEPT stream passes through our hands to its next holder. */
                } while (!trib__cas_acqrel_u64(word, &seen, next));
        }
}

/* Take the waiter off the queue. */
static bool unlink_locked(struct trib__stream_place *place, struct trib__waiter *waiter)
        TRIB__REQUIRES(place->mutex)
{
        struct trib__waiter **link = &place->first;

        while (*link != NULL && *link != waiter)
                link = &(*link)->next;
        if (*link == NULL)
                return false;
        TRIB__TRACE(WAIT_END, place, TRIB__TRACE_ADDRESS(waiter),
                    TRIB__TRACE_ADDRESS(waiter->lease));
        *link = waiter->next;
        if (*link == NULL)
                place->last = link;
        if (--place->n_waiting == 0)
                unwant_all_locked(place);
        return true;
}

/* Lease the stream on the first waiter's behalf, or free it if there is none. Gives the word to
 * wake it by, or NULL. Its record may be gone after `word` is 1; waking an address that nobody
 * waits at any more does no harm. */
static trib__atomic_u32 *hand_over_locked(struct trib__stream_place *place,
                                          struct trib__lease *lease)
        TRIB__REQUIRES(place->mutex)
{
        struct trib__waiter *first = place->first;
        uint32_t             index = (uint32_t)(lease - place->leases);
        uint64_t             free = trib__lease_word(lease->held, TRIB__LEASE_FREE, 0);
        uint64_t             held;

        if (first == NULL) {
                /* Release: pairs with the acquire in trib__lease_take. WANTED changes under the
                 * mutex only, so it is not set. */
                trib__store_release_u64(&lease->word, free);
                return NULL;
        }
        held = trib__lease_word(free, TRIB__LEASE_LEASED, first->tag);
        if (first->needs_home)
                first->has_home = trib__binding_pass((uint32_t)(place - trib__stream_places),
                                                     (uint32_t)(held >> 32), index,
                                                     first->number);
        TRIB__TRACE(HAND_OVER, lease, TRIB__TRACE_ADDRESS(first));
        lease->held = held;
        lease->is_request = first->is_request;
        first->lease = lease;
        /* SeqCst: before the waiter leaves its session's count; close looks at the counts, then at
         * the words. */
        trib__store_seqcst_u64(&lease->word, held | TRIB__LEASE_WANTED);
        (void)unlink_locked(place, first);
        place->counts.handed++;
        /* Release: pairs with the acquire of the waiter, who does not take the mutex. */
        trib__store_release_u32(&first->word, 1);
        return &first->word;
}

static void give(struct trib__lease *lease)
{
        struct trib__stream_place *place = place_of(lease);
        trib__atomic_u32   *word;

        trib__lock(&place->mutex);
        word = hand_over_locked(place, lease);
        trib__unlock(&place->mutex);
        if (word != NULL)
                trib__word_wake(word, 1);
}

void trib__lease_give(struct trib__lease *lease)
{
        TRIB__TRACE(RETURN, lease, 0);
        give(lease);
}

/* Others wait. True if the turn goes on and the stream is kept for it. */
static bool keep(struct trib__lease *lease, uint64_t now)
{
        struct trib__stream_thread *self = &trib__stream_thread;
        /* Relaxed: `crowd` is ordered by the word, of which the caller has seen WANTED. */
        uint32_t crowd = trib__load_relaxed_u32(&place_of(lease)->crowd);
        uint64_t held = lease->held | TRIB__LEASE_WANTED;
        uint64_t kept = trib__lease_word(held, TRIB__LEASE_KEPT, self->number) |
                        TRIB__LEASE_WANTED;

        if (lease->crowd != crowd) {
                lease->crowd = crowd;
                lease->turn_until = now + TRIB__TURN_NS;
        }
        if (!self->is_quick || now >= lease->turn_until)
                return false;
        /* Release: as any return. Fails if the last waiter has just gone. */
        if (!trib__cas_release_u64(&lease->word, &held, kept))
                return false;
        self->kept = lease;
        self->kept_word = kept;
        return true;
}

static void end_wanted(struct trib__lease *lease)
{
        struct trib__stream_thread *self = &trib__stream_thread;

        /* Acquire: pairs with the release in want_all_locked; `crowd` is seen. */
        (void)trib__load_acquire_u64(&lease->word);
        if (lease->is_request) {
                self->returned_at = trib__now();
                if (keep(lease, self->returned_at))
                        return;
        }
        give(lease);
}

void trib__lease_end(struct trib__lease *lease)
{
        struct trib__stream_thread *self = &trib__stream_thread;
        uint64_t                    expected = lease->held;

        if (self->held == lease)
                self->held = NULL;
        TRIB__TRACE(RETURN, lease, 0);
        /* Release: pairs with the acquire of the next holder. Fails if somebody waits. */
        if (!trib__cas_release_u64(&lease->word, &expected,
                                   trib__lease_word(expected, TRIB__LEASE_FREE, 0)))
                end_wanted(lease);
}

void trib__lease_hang(struct trib__lease *lease)
{
        struct trib__stream_thread *self = &trib__stream_thread;
        uint64_t                    seen = lease->held;
        uint64_t                    hung;

        if (self->held == lease)
                self->held = NULL;
        TRIB__TRACE(RETURN, lease, 1);
        do {
                hung = trib__lease_word(seen, TRIB__LEASE_HUNG, 0) | (seen & TRIB__LEASE_WANTED);
                /* Release: the members stay as they are, for whoever looks next. Fails only when
                 * WANTED has changed. */
        } while (!trib__cas_release_u64(&lease->word, &seen, hung));
}

struct trib__lease *trib__lease_resume(const struct trib__stream_place *place, uint32_t tag)
{
        struct trib__stream_thread *self = &trib__stream_thread;
        struct trib__lease         *kept = self->kept;

        if (self->returned_at != 0)
                self->is_quick = trib__now() - self->returned_at < QUICK_NS;
        self->returned_at = 0;
        self->kept = NULL;
        if (kept == NULL)
                return NULL;
        if (place_of(kept) == place)
                return trib__lease_take(kept, self->kept_word, tag, true) ? kept : NULL;
        /* Of another device: who waits there waits for nothing. */
        if (trib__lease_take(kept, self->kept_word, 0, false)) {
                TRIB__TRACE(LEASE, kept, TRIB__TRACE_LEASE_TURN);
                trib__lease_give(kept);
        }
        return NULL;
}

void trib__lease_begin_turn(struct trib__lease *lease, uint64_t now)
{
        /* Relaxed: if the queue has emptied and filled since, the turn begins anew. */
        lease->crowd = trib__load_relaxed_u32(&place_of(lease)->crowd);
        lease->turn_until = now + TRIB__TURN_NS;
}

uint32_t trib__line_join(struct trib__stream_place *place, struct trib__waiter *waiter)
{
        uint32_t ahead;

        waiter->next = NULL;
        trib__lock(&place->mutex);
        ahead = place->n_waiting++;
        if (ahead == 0)
                want_all_locked(place);
        *place->last = waiter;
        place->last = &waiter->next;
        place->counts.queued++;
        if (ahead >= place->counts.longest_queue)
                place->counts.longest_queue = ahead + 1;
        TRIB__TRACE(WAIT_BEGIN, place, TRIB__TRACE_ADDRESS(waiter));
        trib__unlock(&place->mutex);
        return ahead;
}

bool trib__line_leave(struct trib__stream_place *place, struct trib__waiter *waiter)
{
        bool has_left;

        trib__lock(&place->mutex);
        has_left = unlink_locked(place, waiter);
        trib__unlock(&place->mutex);
        return has_left;
}

bool trib__line_is_first(struct trib__stream_place *place, const struct trib__waiter *waiter)
{
        bool is_first;

        trib__lock(&place->mutex);
        is_first = place->first == waiter;
        trib__unlock(&place->mutex);
        return is_first;
}
