/* SPDX-License-Identifier: Apache-2.0 */
/* sync.c: mutexes and condition variables over pthreads, gates over words, threads.
 * The set of held ranks is thread-local; it is checked in TRIB_CHECKED builds only. */
#include "base/sync.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/meter.h"

#define GATE_OPEN 0u
#define GATE_TAKEN 1u
#define GATE_CONTENDED 2u

/* Bit r is set while this thread holds a mutex of rank r. */
static _Thread_local uint32_t held_ranks;
/* The gate that this thread is in, or NULL. */
static _Thread_local struct trib__gate *inside_gate;

trib_status trib__mutex_init(struct trib__mutex *mutex, enum trib__lock_rank rank,
                             trib_error *err)
{
        mutex->rank = rank;
        if (TRIB__FAULT(THREAD, "base.mutex_init") || pthread_mutex_init(&mutex->mutex, NULL) != 0)
                return trib__fail(err, TRIB_SYSTEM, "cannot create a lock");
        return TRIB_OK;
}

void trib__mutex_destroy(struct trib__mutex *mutex)
{
        (void)pthread_mutex_destroy(&mutex->mutex);
}

/* For a thread that keeps account of its waits. */
static void lock_metered(struct trib__mutex *mutex, struct trib__meter *meter) TRIB__UNCHECKED
{
        struct trib__metered_wait wait;

        if (pthread_mutex_trylock(&mutex->mutex) == 0)
                return;
        wait = trib__meter_wait_begin();
        (void)pthread_mutex_lock(&mutex->mutex);
        trib__meter_wait_end(meter, &wait, &meter->lock_ns);
}

void trib__lock(struct trib__mutex *mutex) TRIB__UNCHECKED
{
        struct trib__thread_counts *counts = trib__thread_counts();
        struct trib__meter         *meter = trib__meter();

        TRIB__ASSERT((held_ranks >> mutex->rank) == 0);
        if (meter->is_on)
                lock_metered(mutex, meter);
        else
                (void)pthread_mutex_lock(&mutex->mutex);
        held_ranks |= UINT32_C(1) << mutex->rank;
        counts->locks++;
        counts->lock_depth++;
}

void trib__unlock(struct trib__mutex *mutex) TRIB__UNCHECKED
{
        TRIB__ASSERT((held_ranks >> mutex->rank & 1) != 0);
        held_ranks &= ~(UINT32_C(1) << mutex->rank);
        trib__thread_counts()->lock_depth--;
        (void)pthread_mutex_unlock(&mutex->mutex);
}

trib_status trib__cond_init(struct trib__cond *cond, trib_error *err)
{
        pthread_condattr_t attributes;
        int                failed;

        if (TRIB__FAULT(THREAD, "base.cond_init") || pthread_condattr_init(&attributes) != 0)
                return trib__fail(err, TRIB_SYSTEM, "cannot create a condition variable");
        failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (!failed)
                failed = pthread_cond_init(&cond->cond, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        if (failed)
                return trib__fail(err, TRIB_SYSTEM, "cannot create a condition variable");
        return TRIB_OK;
}

void trib__cond_destroy(struct trib__cond *cond)
{
        (void)pthread_cond_destroy(&cond->cond);
}

bool trib__cond_wait(struct trib__cond *cond, struct trib__mutex *mutex, uint64_t deadline)
{
        struct timespec             until;
        struct trib__thread_counts *counts = trib__thread_counts();
        int                         before, result;

        TRIB__ASSERT(counts->lock_depth == 1);
        counts->waits++;
        if (TRIB__FAULT(WAKE, "base.cond_wait")) {
                (void)pthread_mutex_unlock(&mutex->mutex);
                (void)sched_yield();
                (void)pthread_mutex_lock(&mutex->mutex);
                return true;
        }
        /* A thread that is cancelled in here would end with the mutex. */
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        if (deadline == TRIB__NEVER) {
                result = pthread_cond_wait(&cond->cond, &mutex->mutex);
        } else {
                until.tv_sec = (time_t)(deadline / TRIB__NS_PER_SECOND);
                until.tv_nsec = (long)(deadline % TRIB__NS_PER_SECOND);
                result = pthread_cond_timedwait(&cond->cond, &mutex->mutex, &until);
        }
        (void)pthread_setcancelstate(before, NULL);
        return result != ETIMEDOUT;
}

void trib__signal(struct trib__cond *cond)
{
        (void)pthread_cond_signal(&cond->cond);
}

void trib__broadcast(struct trib__cond *cond)
{
        (void)pthread_cond_broadcast(&cond->cond);
}

/* Wait for a gate that is taken. */
static bool gate_wait(struct trib__gate *gate, uint64_t deadline)
{
        /* AcqRel: acquire as in trib__gate_enter; after a sleep nobody knows whether others sleep
         * too, so the word says "contended" and the next leave wakes one. */
        while (trib__exchange_acqrel_u32(&gate->state, GATE_CONTENDED) != GATE_OPEN) {
                if (!trib__word_wait(&gate->state, GATE_CONTENDED, deadline))
                        return false;
        }
        return true;
}

static bool gate_wait_metered(struct trib__gate *gate, uint64_t deadline,
                              struct trib__meter *meter)
{
        struct trib__metered_wait wait = trib__meter_wait_begin();
        bool                      is_inside = gate_wait(gate, deadline);

        trib__meter_wait_end(meter, &wait, &meter->gate_ns);
        return is_inside;
}

bool trib__gate_enter(struct trib__gate *gate, uint64_t deadline)
{
        struct trib__meter *meter = trib__meter();
        uint32_t            seen = GATE_OPEN;
        bool                is_inside;

        /* Acquire: pairs with the release in trib__gate_leave, so that what the last holder wrote
         * inside is visible. */
        inside_gate = gate;
        is_inside = trib__cas_acquire_u32(&gate->state, &seen, GATE_TAKEN);
        if (!is_inside)
                is_inside = meter->is_on ? gate_wait_metered(gate, deadline, meter)
                                         : gate_wait(gate, deadline);
        if (!is_inside)
                inside_gate = NULL;
        else if (meter->is_on)
                meter->gate_since = trib__now();
        return is_inside;
}

void trib__gate_leave(struct trib__gate *gate)
{
        struct trib__meter *meter = trib__meter();

        inside_gate = NULL;
        if (meter->is_on && meter->gate_since != 0) {
                meter->gate_held_ns += trib__now() - meter->gate_since;
                meter->gate_since = 0;
        }
        /* AcqRel: the release publishes what was done inside; pairs with the acquire in enter. */
        if (trib__exchange_acqrel_u32(&gate->state, GATE_OPEN) == GATE_CONTENDED)
                trib__word_wake(&gate->state, 1);
}

void trib__gate_abandon(void)
{
        if (inside_gate != NULL)
                trib__gate_leave(inside_gate);
}

struct thread_start {
        void (*run)(void *);
        void *argument;
};

static void *thread_main(void *memory)
{
        struct thread_start start = *(struct thread_start *)memory;

        trib__free(memory);
        /* A callback may cancel the thread that it runs on; that must not end it in our hands. */
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        start.run(start.argument);
        return NULL;
}

trib_status trib__thread_start(struct trib__thread *thread, void (*run)(void *), void *argument,
                               trib_error *err)
{
        sigset_t             all, before;
        int                  failed;
        struct thread_start *start = trib__alloc("base.thread_start", sizeof(*start));

        if (start == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to start a thread");
        start->run = run;
        start->argument = argument;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        failed = TRIB__FAULT(THREAD, "base.thread_create")
                         ? EAGAIN
                         : pthread_create(&thread->handle, NULL, thread_main, start);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (failed) {
                char text[64];

                trib__free(start);
                return trib__fail(err, TRIB_SYSTEM, "cannot start a thread: %s",
                                  trib__errno_text(failed, text, sizeof(text)));
        }
        return TRIB_OK;
}

void trib__thread_join(struct trib__thread *thread)
{
        (void)pthread_join(thread->handle, NULL);
}

void trib__thread_detach_self(void)
{
        (void)pthread_detach(pthread_self());
}
