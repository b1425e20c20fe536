/* SPDX-License-Identifier: Apache-2.0 */
/* binding.c: the static table of places, which thread's home is which stream, and the hook that
 * runs when a thread ends.
 *
 * All state that a dying thread touches is static: the words of the table and the thread's own
 * thread-local record. Its hook takes no lock, allocates nothing and calls no device: it marks the
 * lease of a request that the thread died in as an orphan, takes itself out of the count that it
 * was in, and gives the thread's homes back. Who meets an orphan recovers it (stream_pool.c).
 * A pool that closes moves its place's epoch on, which voids all words of the old one. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/meter.h"
#include "base/trace.h"
#include "stream/stream_priv.h"

/* Rounds of thread-specific destructors in which the hook runs. The last that the system makes is
 * left out: others that watch threads end, such as thread sanitizers, close their books in it. */
#define HOOK_ROUNDS (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

#define MUTEX { .mutex = TRIB__MUTEX_INIT(TRIB__RANK_STREAMS) }

struct trib__stream_place trib__stream_places[TRIB__MAX_DEVICES] = {
        MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX,
        MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX, MUTEX
};
_Static_assert(TRIB__MAX_DEVICES == 16, "one initialiser for each place");

_Thread_local struct trib__stream_thread trib__stream_thread;

static trib__atomic_u32 last_thread_number;

/* Made by the first pool of the process; if that fails, the next one tries again. */
static struct trib__mutex hook_mutex = TRIB__MUTEX_INIT(TRIB__RANK_REGISTRY);
static bool               has_hook; /* under hook_mutex */
static pthread_key_t      hook_key; /* fixed once has_hook */

static uint64_t owner_word(uint32_t epoch, uint32_t number)
{
        return (uint64_t)epoch << 32 | number;
}

static void give_home_back(uint32_t place, const struct trib__home *home)
{
        uint64_t expected = owner_word(home->epoch, trib__stream_thread.number);

        TRIB__TRACE(HOME_GIVE, place, home->epoch, home->stream);
        /* Release: what this thread did on the stream is done; pairs with the acquire in take.
         * Fails, rightly, when the pool has closed meanwhile: its epoch is void. Who waits for a
         * home looks by its own clock, so that the hook wakes nobody. */
        if (!trib__cas_release_u64(&trib__stream_places[place].owners[home->stream], &expected, 0))
                TRIB__TRACE(HOME_VOID, place, home->epoch, home->stream);
}

/* The thread died in the middle of a request. Its stream's members are not touched: whoever takes
 * the orphan over sees, in its memory, how far the work has come. */
static void leave_orphan(struct trib__lease *lease)
{
        uint64_t seen = lease->held;

        for (;;) {
                uint64_t orphan = trib__lease_word(seen, TRIB__LEASE_ORPHAN,
                                                   trib__lease_tag(seen)) |
                                  (seen & TRIB__LEASE_WANTED);

                /* Release: what the thread did to the members; pairs with the acquire in
                 * trib__lease_take. Fails only when WANTED has changed. */
                if (trib__cas_release_u64(&lease->word, &seen, orphan))
                        return;
        }
}

static void thread_ends(void *unused)
{
        struct trib__stream_thread *self = &trib__stream_thread;
        trib__atomic_u32           *inside = self->inside;

        (void)unused;
        /* Asks for the next round in any case, so that the rounds are counted right. No site: where
         * the value was set once, its place is there. */
        if (++self->hook_rounds < HOOK_ROUNDS)
                (void)pthread_setspecific(hook_key, self);
        if (self->held != NULL || inside != NULL)
                TRIB__TRACE(THREAD_DIES, self->held, 0);
        if (self->held != NULL) {
                /* The lease still counts in its session, so the model with the gate is there. */
                trib__gate_abandon();
                leave_orphan(self->held);
        }
        self->held = NULL;
        self->inside = NULL;
        trib__run_delay_close();
        /* SeqCst: as when a call leaves by itself; see session_table.c. */
        if (inside != NULL)
                (void)trib__fetch_add_seqcst_u32(inside, UINT32_MAX);
        for (uint32_t p = 0; p < TRIB__MAX_DEVICES; p++) {
                struct trib__home home = self->homes[p];

                self->homes[p].epoch = 0;
                if (home.epoch != 0)
                        give_home_back(p, &home);
        }
}

static bool make_hook(void)
{
        bool is_made;

        trib__lock(&hook_mutex);
        if (!has_hook)
                has_hook = !TRIB__FAULT(THREAD, "stream.hook") &&
                           pthread_key_create(&hook_key, thread_ends) == 0;
        is_made = has_hook;
        trib__unlock(&hook_mutex);
        return is_made;
}

bool trib__binding_watch(void)
{
        struct trib__stream_thread *self = &trib__stream_thread;

        if (self->is_watched)
                return self->hook_rounds < HOOK_ROUNDS;
        while (self->number == 0) {
                /* Relaxed: only uniqueness matters. After 2^28 threads numbers repeat; two live
                 * threads with one number are mixed up only if the same epoch and stream are
                 * theirs, and a stream's word can only be held by one. */
                self->number = (trib__fetch_add_relaxed_u32(&last_thread_number, 1) + 1) &
                               (uint32_t)TRIB__LEASE_TAG_MASK;
        }
        /* Any non-NULL value makes the hook run when the thread ends. */
        self->is_watched = !TRIB__FAULT(THREAD, "stream.hook_value") &&
                           pthread_setspecific(hook_key, self) == 0;
        return self->is_watched && self->hook_rounds < HOOK_ROUNDS;
}

bool trib__stream_thread_is_watched(void)
{
        return trib__binding_watch();
}

trib_status trib__binding_open(uint32_t n_streams, uint32_t *place, uint32_t *epoch,
                               trib_error *err)
{
        if (!make_hook())
                return trib__fail(err, TRIB_SYSTEM,
                                  "no thread-specific key is left for the stream pool");
        for (uint32_t p = 0; p < TRIB__MAX_DEVICES; p++) {
                struct trib__stream_place *at = &trib__stream_places[p];
                /* Relaxed: a guess; the CAS decides. */
                uint32_t seen = trib__load_relaxed_u32(&at->epoch);

                /* AcqRel: acquire pairs with the release of the last pool's close, so that its
                 * words are seen cleared. Epoch 0 is even, so a word is never 0 by itself. */
                if ((seen & 1) != 0 || !trib__cas_acqrel_u32(&at->epoch, &seen, seen + 1))
                        continue;
                *place = p;
                *epoch = seen + 1;
                trib__lock(&at->mutex);
                at->n_streams = n_streams;
                at->first = NULL;
                at->last = &at->first;
                at->n_waiting = 0;
                memset(&at->counts, 0, sizeof(at->counts));
                trib__unlock(&at->mutex);
                /* Release: pairs with the acquire of who leases; the pool itself is published by
                 * whoever hands it out. */
                for (uint32_t i = 0; i < n_streams; i++)
                        trib__store_release_u64(&at->leases[i].word,
                                                trib__lease_word((uint64_t)*epoch << 32,
                                                                 TRIB__LEASE_FREE, 0));
                TRIB__TRACE(PLACE_OPEN, p, *epoch);
                return TRIB_OK;
        }
        return trib__fail(err, TRIB_BUSY, "at most %d devices can be open at once",
                          TRIB__MAX_DEVICES);
}

/* Take a lease word out of use. A call that comes too late may have the lease for a moment, until
 * it has looked whether its session is still open: it touches nothing but the word. */
static void void_lease(struct trib__lease *lease)
{
        uint64_t seen;

        for (;;) {
                /* Relaxed: a guess; the CAS decides. */
                seen = trib__load_relaxed_u64(&lease->word);
                /* AcqRel: acquire pairs with the release of the last holder. */
                if (trib__lease_kind(seen) != TRIB__LEASE_LEASED &&
                    trib__cas_acqrel_u64(&lease->word, &seen, 0))
                        return;
                (void)sched_yield();
        }
}

void trib__binding_close(uint32_t place, uint32_t epoch)
{
        struct trib__stream_place *at = &trib__stream_places[place];

        TRIB__TRACE(PLACE_CLOSE, place, epoch);
        for (uint32_t i = 0; i < at->n_streams; i++) {
                void_lease(&at->leases[i]);
                at->leases[i].stream = NULL;
                /* Relaxed: published by the release below. A thread that ends at this moment
                 * swaps its own word to the same 0, or finds it gone. */
                trib__store_relaxed_u64(&at->owners[i], 0);
        }
        TRIB__TRACE(POOL_CLOSE, at, 0);
        /* Release: pairs with the acquire in trib__binding_open. */
        trib__store_release_u32(&at->epoch, epoch + 1);
}

uint32_t trib__binding_home(uint32_t place, uint32_t epoch)
{
        const struct trib__home *home = &trib__stream_thread.homes[place];

        return home->epoch == epoch ? home->stream : TRIB__NO_HOME;
}

void trib__binding_accept(uint32_t place, uint32_t epoch, uint32_t stream)
{
        trib__stream_thread.homes[place] = (struct trib__home){ epoch, stream };
}

uint32_t trib__binding_take(uint32_t place, uint32_t epoch, uint32_t n_streams)
{
        if (!trib__binding_watch())
                return TRIB__NO_HOME;
        for (uint32_t i = 0; i < n_streams; i++) {
                trib__atomic_u64 *owner = &trib__stream_places[place].owners[i];
                uint64_t          nobody = 0;

                /* Relaxed: a guess; the CAS decides. */
                if (trib__load_relaxed_u64(owner) != 0)
                        continue;
                /* Acquire: pairs with the release in give_home_back. */
                if (trib__cas_acquire_u64(owner, &nobody,
                                          owner_word(epoch, trib__stream_thread.number))) {
                        TRIB__TRACE(HOME_TAKE, place, epoch, i);
                        trib__binding_accept(place, epoch, i);
                        return i;
                }
        }
        return TRIB__NO_HOME;
}

bool trib__binding_pass(uint32_t place, uint32_t epoch, uint32_t stream, uint32_t number)
{
        struct trib__home *home = &trib__stream_thread.homes[place];
        uint64_t           owner = 0;

        if (home->epoch == epoch && home->stream == stream) {
                owner = owner_word(epoch, trib__stream_thread.number);
                home->epoch = 0;
                TRIB__TRACE(HOME_GIVE, place, epoch, stream);
        }
        /* AcqRel: from the one who had it, or who gave it back as it died, to the one who is
         * woken after this. */
        return trib__cas_acqrel_u64(&trib__stream_places[place].owners[stream], &owner,
                                    owner_word(epoch, number));
}
