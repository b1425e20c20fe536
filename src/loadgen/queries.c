/* SPDX-License-Identifier: Apache-2.0 */
/* queries.c: samples are numbered through all queries: sample s belongs to query s / samples. A
 * thread takes the next number, and waits until its query has begun; the thread that ends a
 * query's last sample begins the next query. No locks: two counters and a word to sleep on. */
#include "loadgen/queries.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "loadgen/loadgen_priv.h"

#define SAMPLES_MAX 65536u
#define SPINS 2000 /* looks before a thread sleeps for the next query */

struct sharing {
        /* Each alone on its line, wherever this lies: written by every thread, once a sample. */
        trib__atomic_u64 next;    /* sample to be taken       */
        char apart_1[TRIB__CACHE_LINE];
        trib__atomic_u64 ended;   /* samples                  */
        char apart_2[TRIB__CACHE_LINE];
        /* The query that has begun, modulo 2^32; UINT32_MAX: all is over. */
        trib__atomic_u32 query;
        char apart_3[TRIB__CACHE_LINE];

        /* Fixed while the threads run. */
        const struct trib__queries_plan *plan;
        const struct trib__load_clock *clock;
        struct seat                   *seats;
        uint64_t                       closes;
        char apart_4[TRIB__CACHE_LINE];

        /* Written by the thread that ends a query; `query` publishes them. */
        uint64_t begun; /* when the query began */
        struct trib__queries_result *result;
        uint64_t                     failed; /* samples, up to the query before */
};

/* Of one thread, alone on its line. */
struct seat {
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 errors;
        uint64_t    asked, mismatches;
        trib_status last_status;
        trib_error  first_error;
};

#define OVER UINT32_MAX

static bool is_stopped(const trib__atomic_u32 *stop)
{
        /* Relaxed: a wish that carries no data. */
        return stop != NULL && trib__load_relaxed_u32(stop) != 0;
}

/* Queries are numbered 0 .. OVER - 1 and around. */
static uint32_t number_of(uint64_t query)
{
        return (uint32_t)(query % OVER);
}

/* Until query `wanted` has begun; false when there will be none. */
static bool wait_for(struct sharing *sharing, uint32_t wanted)
{
        for (int i = 0;; i++) {
                /* Acquire: pairs with the release in begin_query, so that this thread sees the
                 * query as begun, and the seats as they were left. */
                uint32_t query = trib__load_acquire_u32(&sharing->query);

                if (query == wanted || query == OVER)
                        return query == wanted;
                if (i < SPINS)
                        trib__cpu_relax();
                else
                        (void)trib__word_wait(&sharing->query, query, TRIB__NEVER);
        }
}

static void begin_query(struct sharing *sharing, uint32_t query)
{
        /* Release: pairs with the acquire in wait_for. */
        trib__store_release_u32(&sharing->query, query);
        trib__word_wake(&sharing->query, sharing->plan->threads);
}

static uint64_t failures(const struct sharing *sharing)
{
        uint64_t sum = 0;

        for (unsigned i = 0; i < sharing->plan->threads; i++)
                /* Relaxed: the count of ended samples, acquired before, covers it. */
                sum += trib__load_relaxed_u64(&sharing->seats[i].errors);
        return sum;
}

/* By the thread that ended the last sample of `query`. */
static void end_query(struct sharing *sharing, uint64_t query)
{
        const struct trib__queries_plan *plan = sharing->plan;
        struct trib__queries_result     *result = sharing->result;
        uint64_t now = sharing->clock->now(sharing->clock->context), failed = failures(sharing);

        if (now <= sharing->closes && failed == sharing->failed) {
                trib__histogram_add(&result->latency, now - sharing->begun);
                result->queries++;
                result->samples += plan->samples;
        }
        if (now <= sharing->closes)
                result->spent_ns += now - sharing->begun;
        sharing->failed = failed;
        sharing->begun = now;
        begin_query(sharing, now >= sharing->closes || is_stopped(plan->stop)
                                     ? OVER
                                     : number_of(query + 1));
}

static void ask(struct sharing *sharing, unsigned thread, uint64_t sample)
{
        const struct trib__queries_plan *plan = sharing->plan;
        struct seat                     *seat = &sharing->seats[thread];
        trib_error                       error = TRIB_ERROR_INIT;

        seat->last_status = plan->target->request(plan->target->context, thread, &error);
        seat->asked++;
        if (seat->last_status != TRIB_OK) {
                /* Relaxed: published by the count of ended samples below. */
                if (trib__fetch_add_relaxed_u64(&seat->errors, 1) == 0) {
                        seat->first_error = error;
                        seat->first_error.status = seat->last_status;
                }
        }
        /* Acquire and release, pairs with itself: the thread that ends the last sample sees what
         * the others of the query counted. */
        if ((trib__fetch_add_acqrel_u64(&sharing->ended, 1) + 1) % plan->samples == 0)
                end_query(sharing, sample / plan->samples);
}

static void run_thread(void *context, unsigned index)
{
        struct sharing           *sharing = context;
        const struct trib__target *target = sharing->plan->target;
        struct seat              *seat = &sharing->seats[index];

        if (target->begin != NULL)
                target->begin(target->context, index);
        for (;;) {
                /* Relaxed: each number goes to one thread whatever the order. */
                uint64_t sample = trib__fetch_add_relaxed_u64(&sharing->next, 1);

                if (!wait_for(sharing, number_of(sample / sharing->plan->samples)))
                        break;
                ask(sharing, index, sample);
        }
        if (target->check != NULL && seat->asked > 0 && seat->last_status == TRIB_OK)
                seat->mismatches = target->check(target->context, index) ? 0 : 1;
}

static void collect(const struct sharing *sharing)
{
        struct trib__queries_result *result = sharing->result;
        const struct trib__target   *target = sharing->plan->target;

        for (unsigned i = 0; i < sharing->plan->threads; i++) {
                const struct seat *seat = &sharing->seats[i];
                /* Relaxed: the threads are done. */
                uint64_t errors = trib__load_relaxed_u64(&seat->errors);

                if (errors > 0 && result->errors == 0)
                        result->first_error = seat->first_error;
                result->errors += errors;
                result->checks += target->check != NULL && seat->asked > 0
                                  && seat->last_status == TRIB_OK;
                result->mismatches += seat->mismatches;
        }
}

trib_status trib__queries_run(struct trib__crew *crew, const struct trib__queries_plan *plan,
                              struct trib__queries_result *result, trib_error *err)
{
        struct sharing sharing;

        if (plan->threads < 1 || plan->threads > trib__crew_size(crew) || plan->samples < 1
            || plan->samples > SAMPLES_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "queries: %u samples on %u threads, must be 1 .. %u on 1 .. %u",
                                  plan->samples, plan->threads, SAMPLES_MAX,
                                  trib__crew_size(crew));
        memset(&sharing, 0, sizeof(sharing));
        sharing.plan = plan;
        sharing.clock = plan->clock != NULL ? plan->clock : &trib__load_clock_real;
        sharing.result = result;
        sharing.seats = trib__aligned("loadgen.seats", TRIB__CACHE_LINE,
                                      plan->threads * sizeof(*sharing.seats));
        if (sharing.seats == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "queries: no memory for the counts of %u threads",
                                  plan->threads);
        memset(sharing.seats, 0, plan->threads * sizeof(*sharing.seats));
        sharing.begun = sharing.clock->now(sharing.clock->context);
        sharing.closes = sharing.begun + plan->window_ns;
        trib__crew_start(crew, plan->threads, run_thread, &sharing);
        (void)trib__crew_wait(crew, TRIB__NEVER);
        collect(&sharing);
        trib__free(sharing.seats);
        return is_stopped(plan->stop) ? trib__fail(err, TRIB_CANCELLED, "load generator: stopped")
                                      : TRIB_OK;
}
