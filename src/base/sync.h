/* SPDX-License-Identifier: Apache-2.0 */
/* sync.h: ranked mutexes, condition variables, word waits and threads.
 *
 * Ranks: a thread may only take a mutex of a higher rank than those it holds. The ranks are the
 * enum below, the order is explained in docs/concurrency.md, and TRIB__ASSERT builds check it.
 * Nothing is held across a device call, a wait on a word, a callback or an allocation. */
#ifndef TRIB_BASE_SYNC_H
#define TRIB_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

#include <tributary/status.h>

#if defined(__clang__)
#define TRIB__CAPABILITY __attribute__((capability("mutex")))
#define TRIB__ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define TRIB__RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))
#define TRIB__REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define TRIB__UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define TRIB__CAPABILITY
#define TRIB__ACQUIRES(...)
#define TRIB__RELEASES(...)
#define TRIB__REQUIRES(...)
#define TRIB__UNCHECKED
#endif

/* The whole lock order, lowest first. */
enum trib__lock_rank {
        TRIB__RANK_SESSION = 1, /* a session's request queue                  */
        TRIB__RANK_PLANS,       /* a session's plan cache                     */
        TRIB__RANK_STREAMS,     /* a device's stream pool, creation only      */
        TRIB__RANK_HANDLES,     /* a device's table of buffer handles         */
        TRIB__RANK_SHARD,       /* one shard of the allocator                 */
        TRIB__RANK_BACKEND,     /* inside a backend                           */
        TRIB__RANK_REGISTRY,    /* process-wide tables                        */
        TRIB__RANK_LIBRARY,     /* opening of vendor libraries                */
        TRIB__RANK_COUNT
};

struct TRIB__CAPABILITY trib__mutex {
        pthread_mutex_t      mutex;
        enum trib__lock_rank rank;
};

struct trib__cond {
        pthread_cond_t cond; /* on the monotonic clock */
};

#define TRIB__MUTEX_INIT(lock_rank) { PTHREAD_MUTEX_INITIALIZER, (lock_rank) }

trib_status trib__mutex_init(struct trib__mutex *mutex, enum trib__lock_rank rank,
                             trib_error *err) TRIB_MUST_USE;
void trib__mutex_destroy(struct trib__mutex *mutex);
void trib__lock(struct trib__mutex *mutex) TRIB__ACQUIRES(*mutex);
void trib__unlock(struct trib__mutex *mutex) TRIB__RELEASES(*mutex);

trib_status trib__cond_init(struct trib__cond *cond, trib_error *err) TRIB_MUST_USE;
void trib__cond_destroy(struct trib__cond *cond);
/* Wait for a signal until the deadline (trib__now time; TRIB__NEVER: no limit). False when the
 * deadline passed. The caller holds mutex and no other, and checks its condition again. */
bool trib__cond_wait(struct trib__cond *cond, struct trib__mutex *mutex, uint64_t deadline)
        TRIB__REQUIRES(*mutex);
void trib__signal(struct trib__cond *cond);
void trib__broadcast(struct trib__cond *cond);

/* Sleep while *word == expected, until woken or the deadline; spurious returns happen, so the
 * caller looks again. False when the deadline has passed. */
bool trib__word_wait(trib__atomic_u32 *word, uint32_t expected, uint64_t deadline);
/* Wake up to `count` sleepers on word. No lock, no allocation: may be used at thread exit. */
void trib__word_wake(trib__atomic_u32 *word, uint32_t count);

/* A turnstile that admits one at a time, for operators that must not run concurrently. It is not
 * a mutex: it may be held across user code, and waiting for it has a deadline. Zero is open. */
struct trib__gate {
        trib__atomic_u32 state; /* 0 open, 1 taken, 2 taken and somebody may sleep */
};

bool trib__gate_enter(struct trib__gate *gate, uint64_t deadline);
void trib__gate_leave(struct trib__gate *gate);
/* Leave the gate that the calling thread is in, if any: for a thread that ends inside. */
void trib__gate_abandon(void);

/* Threads are joined, but for one that ends where it should not. `run` gets `argument`; all
 * signals are blocked in it, so that the program's handlers run on the program's own threads; and
 * it cannot be cancelled. */
struct trib__thread {
        pthread_t handle;
};

trib_status trib__thread_start(struct trib__thread *thread, void (*run)(void *), void *argument,
                               trib_error *err) TRIB_MUST_USE;
void trib__thread_join(struct trib__thread *thread);
/* Nobody will join the calling thread, which is about to end. */
void trib__thread_detach_self(void);

/* A page that holds 1 in this process and is wiped to 0 in a child; NULL before ..._init. */
extern trib__atomic_ptr trib__fork_page;

/* True in a process that was forked after the library was first used: the memory page behind it
 * is wiped by the kernel at fork. One plain load. trib__fork_guard_init must have succeeded. */
static inline bool trib__is_forked(void)
{
        /* Acquire: pairs with the CAS in trib__fork_guard_init, so that the 1 is seen. */
        const uint32_t *page = (const uint32_t *)trib__load_acquire_ptr(&trib__fork_page);

        return page != NULL && *page == 0;
}
trib_status trib__fork_guard_init(trib_error *err) TRIB_MUST_USE;

#endif
