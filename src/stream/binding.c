/* SPDX-License-Identifier: Apache-2.0 */
/* binding.c: which thread's home is which stream.
 *
 * All state that a dying thread touches is static: the words of the table below and the thread's
 * own thread-local record. Its hook takes no lock, allocates nothing and calls no device. A pool
 * that closes moves its place's epoch on, which voids all words of the old one. */
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "stream/stream_priv.h"

/* Rounds of thread-specific destructors in which the hook runs. The last that the system makes is
 * left out: others that watch threads end, such as thread sanitizers, close their books in it. */
#define HOOK_ROUNDS (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

struct place {
        /* Odd while a pool has the place, even while it is free. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 epoch;
        trib__atomic_u32 generation; /* moves when a home is given back */
        trib__atomic_u32 waiters;
        /* {epoch, thread number} of each stream's owner; 0: nobody's. Taken and given back by
         * threads that start and end, so the words need no lines of their own. */
        trib__atomic_u64 owners[TRIB__MAX_STREAMS];
};

static struct place places[TRIB__MAX_DEVICES];

struct home {
        uint32_t epoch; /* 0: none */
        uint32_t stream;
};

static _Thread_local struct home homes[TRIB__MAX_DEVICES];
static _Thread_local uint32_t    thread_number; /* 0: not given yet */
/* How often the hook has run. Destructors of the program's may run after it and infer again; the
 * hook then runs again, but only so often. A home taken after the last time would never be given
 * back, so there is none then; such a thread can still borrow. */
static _Thread_local uint32_t    hook_rounds;
static trib__atomic_u32          last_thread_number;

/* Made by the first pool of the process; if that fails, the next one tries again. */
static struct trib__mutex hook_mutex = TRIB__MUTEX_INIT(TRIB__RANK_REGISTRY);
static bool               has_hook; /* under hook_mutex */
static pthread_key_t      hook_key; /* fixed once has_hook */

static uint64_t owner_word(uint32_t epoch)
{
        return (uint64_t)epoch << 32 | thread_number;
}

static void give_back(uint32_t place, const struct home *home)
{
        uint64_t expected = owner_word(home->epoch);

        /* Release: what this thread did on the stream is done; pairs with the acquire in take.
         * Fails, rightly, when the pool has closed meanwhile: its epoch is void. */
        if (trib__cas_release_u64(&places[place].owners[home->stream], &expected, 0)) {
                /* SeqCst: pairs with the order of a waiter's own two steps (count itself, then
                 * look at the words): one of the two sides sees the other. */
                (void)trib__fetch_add_seqcst_u32(&places[place].generation, 1);
                if (trib__load_seqcst_u32(&places[place].waiters) > 0)
                        trib__word_wake(&places[place].generation, 1);
        }
}

static void thread_ends(void *unused)
{
        (void)unused;
        /* Asks for the next round in any case, so that the rounds are counted right. */
        if (++hook_rounds < HOOK_ROUNDS)
                (void)pthread_setspecific(hook_key, homes);
        for (uint32_t p = 0; p < TRIB__MAX_DEVICES; p++) {
                struct home home = homes[p];

                homes[p].epoch = 0;
                if (home.epoch != 0)
                        give_back(p, &home);
        }
}

static bool make_hook(void)
{
        bool is_made;

        trib__lock(&hook_mutex);
        if (!has_hook)
                has_hook = !TRIB__FAULT("stream.hook") &&
                           pthread_key_create(&hook_key, thread_ends) == 0;
        is_made = has_hook;
        trib__unlock(&hook_mutex);
        return is_made;
}

trib_status trib__binding_open(uint32_t *place, uint32_t *epoch, trib_error *err)
{
        if (!make_hook())
                return trib__fail(err, TRIB_SYSTEM,
                                  "no thread-specific key is left for the stream pool");
        for (uint32_t p = 0; p < TRIB__MAX_DEVICES; p++) {
                /* Relaxed: a guess; the CAS decides. */
                uint32_t seen = trib__load_relaxed_u32(&places[p].epoch);

                /* AcqRel: acquire pairs with the release of the last pool's close, so that its
                 * words are seen cleared. Epoch 0 is skipped when the number wraps. */
                if ((seen & 1) == 0 &&
                    trib__cas_acqrel_u32(&places[p].epoch, &seen, seen + 1)) {
                        *place = p;
                        *epoch = seen + 1;
                        return TRIB_OK;
                }
        }
        return trib__fail(err, TRIB_BUSY, "at most %d devices can be open at once",
                          TRIB__MAX_DEVICES);
}

void trib__binding_close(uint32_t place, uint32_t epoch, uint32_t n_streams)
{
        for (uint32_t i = 0; i < n_streams; i++) {
                /* Relaxed: published by the release below. A thread that ends at this moment
                 * swaps its own word to the same 0, or finds it gone. */
                trib__store_relaxed_u64(&places[place].owners[i], 0);
        }
        /* Release: pairs with the acquire in trib__binding_open. */
        trib__store_release_u32(&places[place].epoch, epoch + 1);
}

uint32_t trib__binding_home(uint32_t place, uint32_t epoch)
{
        return homes[place].epoch == epoch ? homes[place].stream : TRIB__NO_HOME;
}

uint32_t trib__binding_take(uint32_t place, uint32_t epoch, uint32_t n_streams)
{
        if (hook_rounds >= HOOK_ROUNDS)
                return TRIB__NO_HOME;
        if (thread_number == 0) {
                /* Relaxed: only uniqueness matters. After 2^32 threads numbers repeat; two live
                 * threads with one number would need the same epoch and stream to be mixed up,
                 * and the stream's word can only be held by one. */
                thread_number = trib__fetch_add_relaxed_u32(&last_thread_number, 1) + 1;
                if (thread_number == 0)
                        thread_number = 1;
        }
        for (uint32_t i = 0; i < n_streams; i++) {
                uint64_t nobody = 0;

                /* Relaxed: a guess; the CAS decides. */
                if (trib__load_relaxed_u64(&places[place].owners[i]) != 0)
                        continue;
                /* Acquire: pairs with the release in give_back. */
                if (trib__cas_acquire_u64(&places[place].owners[i], &nobody,
                                          owner_word(epoch))) {
                        homes[place].epoch = epoch;
                        homes[place].stream = i;
                        /* Any non-NULL value makes the hook run when the thread ends. Without
                         * it nobody would give the home back, so there is none. */
                        if (!TRIB__FAULT("stream.hook_value") &&
                            pthread_setspecific(hook_key, homes) == 0)
                                return i;
                        trib__binding_drop(place, epoch);
                        return TRIB__NO_HOME;
                }
        }
        return TRIB__NO_HOME;
}

void trib__binding_drop(uint32_t place, uint32_t epoch)
{
        struct home home = homes[place];

        if (home.epoch != epoch)
                return;
        homes[place].epoch = 0;
        give_back(place, &home);
}

uint32_t trib__binding_generation(uint32_t place)
{
        /* SeqCst: see give_back. */
        return trib__load_seqcst_u32(&places[place].generation);
}

bool trib__binding_wait(uint32_t place, uint32_t seen, uint64_t deadline)
{
        bool is_in_time;

        /* SeqCst: see give_back. The word wait compares the generation again in the kernel. */
        (void)trib__fetch_add_seqcst_u32(&places[place].waiters, 1);
        is_in_time = trib__word_wait(&places[place].generation, seen, deadline);
        /* AcqRel: a count; a waker that still sees us makes one wake call too many. */
        (void)trib__fetch_sub_acqrel_u32(&places[place].waiters, 1);
        return is_in_time;
}

bool trib__binding_is_awaited(uint32_t place)
{
        /* Relaxed: a hint. A waiter that comes later is seen by the next request. */
        return trib__load_relaxed_u32(&places[place].waiters) > 0;
}
