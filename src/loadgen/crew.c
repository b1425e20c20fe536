/* SPDX-License-Identifier: Apache-2.0 */
/* crew.c: persistent threads that run a job when told to.
 *
 * Each member sleeps on a word of its own, its *turn*, so that a job for 4 members leaves the
 * others asleep. The members that still run are counted down in `running`, on which the caller
 * sleeps. No locks. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/meter.h"
#include "base/sync.h"
#include "loadgen/loadgen.h"

struct member {
        /* Alone on its line: written by the caller, once a job. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 turn;

        /* Fixed by create. */
        struct trib__crew  *crew;
        unsigned            index;
        struct trib__thread thread;
};

struct trib__crew {
        /* Alone on its line: written by each member, once a job. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 running;

        /* Fixed by create; `started` by create and destroy. */
        _Alignas(TRIB__CACHE_LINE) struct member *members;
        unsigned size;
        unsigned started;

        /* Written by the caller while no member runs; the turn publishes them. */
        void (*job)(void *context, unsigned index);
        void *context;
        bool  is_ending;
};

static void take_turns(void *argument)
{
        struct member     *me = argument;
        struct trib__crew *crew = me->crew;
        uint32_t           seen = 0;

        (void)trib__run_delay_open();
        for (;;) {
                uint32_t turn;

                /* Acquire: pairs with the release in give_turn, so that this thread sees the
                 * job, and whether the crew ends. */
                while ((turn = trib__load_acquire_u32(&me->turn)) == seen)
                        (void)trib__word_wait(&me->turn, seen, TRIB__NEVER);
                seen = turn;
                if (crew->is_ending)
                        break;
                crew->job(crew->context, me->index);
                /* Release: pairs with the acquire in trib__crew_wait, so that the caller sees
                 * what the job wrote. */
                if (trib__fetch_sub_release_u32(&crew->running, 1) == 1)
                        trib__word_wake(&crew->running, 1);
        }
        trib__run_delay_close();
}

static void give_turn(struct member *member)
{
        /* Relaxed: only the caller's thread writes turns. */
        uint32_t turn = trib__load_relaxed_u32(&member->turn);

        /* Release: pairs with the acquire in take_turns. */
        trib__store_release_u32(&member->turn, turn + 1);
        trib__word_wake(&member->turn, 1);
}

void trib__crew_destroy(struct trib__crew *crew)
{
        if (crew == NULL)
                return;
        crew->is_ending = true;
        for (unsigned i = 0; i < crew->started; i++)
                give_turn(&crew->members[i]);
        for (unsigned i = 0; i < crew->started; i++)
                trib__thread_join(&crew->members[i].thread);
        trib__free(crew->members);
        trib__free(crew);
}

static trib_status start_members(struct trib__crew *crew, trib_error *err)
{
        for (unsigned i = 0; i < crew->size; i++) {
                struct member *member = &crew->members[i];
                trib_status    status;

                member->crew = crew;
                member->index = i;
                status = trib__thread_start(&member->thread, take_turns, member, err);
                if (status != TRIB_OK) {
                        trib__error_prefix(err, "load generator: thread %u of %u", i + 1,
                                           crew->size);
                        return status;
                }
                crew->started++;
        }
        return TRIB_OK;
}

trib_status trib__crew_create(unsigned size, struct trib__crew **out, trib_error *err)
{
        struct trib__crew *crew;
        trib_status        status;

        *out = NULL;
        if (size < 1 || size > TRIB__LOAD_THREADS_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "load generator: %u threads, must be 1 .. %u", size,
                                  TRIB__LOAD_THREADS_MAX);
        crew = trib__aligned("loadgen.crew", TRIB__CACHE_LINE, sizeof(*crew));
        if (crew == NULL)
                goto fail_memory;
        memset(crew, 0, sizeof(*crew));
        crew->size = size;
        crew->members = trib__aligned("loadgen.members", TRIB__CACHE_LINE,
                                      size * sizeof(*crew->members));
        if (crew->members == NULL)
                goto fail_memory;
        memset(crew->members, 0, size * sizeof(*crew->members));
        status = start_members(crew, err);
        if (status != TRIB_OK) {
                trib__crew_destroy(crew);
                return status;
        }
        *out = crew;
        return TRIB_OK;

fail_memory:
        trib__crew_destroy(crew);
        return trib__fail(err, TRIB_OUT_OF_MEMORY, "load generator: no memory for %u threads",
                          size);
}

unsigned trib__crew_size(const struct trib__crew *crew)
{
        return crew->size;
}

void trib__crew_start(struct trib__crew *crew, unsigned threads,
                      void (*job)(void *context, unsigned index), void *context)
{
        crew->job = job;
        crew->context = context;
        /* Relaxed: the turns given below publish it together with the job. */
        trib__store_relaxed_u32(&crew->running, threads);
        for (unsigned i = 0; i < threads && i < crew->size; i++)
                give_turn(&crew->members[i]);
}

bool trib__crew_wait(struct trib__crew *crew, uint64_t deadline)
{
        for (;;) {
                /* Acquire: pairs with the release in take_turns; the members' subtractions
                 * form one release sequence, so the last value covers all of them. */
                uint32_t running = trib__load_acquire_u32(&crew->running);

                if (running == 0)
                        return true;
                if (!trib__word_wait(&crew->running, running, deadline))
                        /* Acquire: as above, for a crew that ended just now. */
                        return trib__load_acquire_u32(&crew->running) == 0;
        }
}
