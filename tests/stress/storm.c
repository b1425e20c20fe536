/* SPDX-License-Identifier: Apache-2.0 */
/* storm.c: see storm.h. */
#include "storm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "expect.h"
#include "figures.h"
#include "storm_priv.h"
#include "stream/stream_priv.h"

#define PHASES 10
#define MOST_KEEPERS 4
#define HASTY_TIMEOUT_NS 100000
#define HASTY_QUEUE 16

struct storm storm;
struct deck  storm_decks[MOST_DECKS];

static struct desk   desks[STORM_MOST_THREADS][DESKS];
static struct member members[STORM_MOST_THREADS];
static struct keeper keepers[MOST_KEEPERS];
static struct forker forker;
static struct breaker breaker;

static pthread_barrier_t all_have_inferred;

/* ---- the world ---------------------------------------------------------------------------- */

static void add_deck(enum zoo_kind kind, trib_precision precision)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_session        *session;
        trib_error           err = TRIB_ERROR_INIT;

        options.precision = precision;
        options.workers = storm.plan->workers;
        options.max_queued = STORM_MOST_THREADS * IN_FLIGHT;
        EXPECT_OK(trib_session_open(storm.models[kind], &options, &session, &err), &err);
        deck_fill(&storm_decks[storm.n_decks], kind, session);
        if (kind == ZOO_NORM)
                storm.deck_of_norm = storm.n_decks;
        if (kind == ZOO_MLP || kind == ZOO_SERIAL) {
                options.timeout_ns = HASTY_TIMEOUT_NS;
                options.max_queued = HASTY_QUEUE;
                options.workers = 1;
                EXPECT_OK(trib_session_open(storm.models[kind], &options,
                                            &storm.hasty[storm.n_decks], &err),
                          &err);
        }
        storm.n_decks++;
}

static void open_world(const struct storm_plan *plan)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device_info    info;
        trib_error          err = TRIB_ERROR_INIT;

        memset(&storm, 0, sizeof(storm));
        storm.plan = plan;
        options.max_streams = plan->streams;
        options.memory_limit = plan->memory_limit;
        EXPECT_OK(trib_device_open(plan->device, &options, &storm.device, &err), &err);
        EXPECT_OK(trib_device_get_info(storm.device, &info, &err), &err);
        for (int k = 0; k < ZOO_COUNT; k++) {
                EXPECT_OK(zoo_build(storm.device, (enum zoo_kind)k, &storm.models[k], &err),
                          &err);
                add_deck((enum zoo_kind)k, TRIB_PRECISION_HIGH);
                if (info.has_medium && (k == ZOO_MLP || k == ZOO_GATED))
                        add_deck((enum zoo_kind)k, TRIB_PRECISION_MEDIUM);
        }
}

static void close_world(void)
{
        trib_error err = TRIB_ERROR_INIT;

        for (uint32_t d = 0; d < storm.n_decks; d++) {
                EXPECT_OK(trib_session_close(storm.hasty[d], &err), &err);
                EXPECT_OK(trib_session_close(storm_decks[d].session, &err), &err);
        }
        for (int k = 0; k < ZOO_COUNT; k++)
                trib_model_close(storm.models[k]);
        trib_device_close(storm.device);
}

static void seat_members(void)
{
        for (uint32_t i = 0; i < storm.plan->threads; i++) {
                struct member *me = &members[i];

                memset(me, 0, sizeof(*me));
                me->random.state = figures_seed() * UINT64_C(0x9E3779B97F4A7C15) + i;
                for (uint32_t d = 0; d < DESKS; d++)
                        desk_init(&desks[i][d], i * DESKS + d);
                for (uint32_t s = 0; s < IN_FLIGHT; s++) {
                        me->slots[s].desk = &desks[i][s];
                        assert_int_equal(sem_init(&me->slots[s].done, 0, 0), 0);
                }
                me->spare = &desks[i][IN_FLIGHT];
        }
}

/* ---- threads ------------------------------------------------------------------------------- */

static void run_member(struct crowd_member *thread)
{
        struct member *me = &members[thread->index];
        uint64_t       i = 0;

        if (storm.is_first_phase) {
                member_infer_every_shape(me);
                /* None leaves its stream to another before all have had one. */
                (void)pthread_barrier_wait(&all_have_inferred);
        }
        while (i < storm.part || atomic_load(&storm.forking) > 0 ||
               (storm.until > 0 && trib__now() < storm.until)) {
                if (storm.plan->is_async)
                        member_submit(me);
                else
                        member_infer(me);
                i += storm.plan->is_async ? IN_FLIGHT : 1;
        }
        atomic_fetch_sub(&storm.running, 1);
}

static void run_one(struct crowd_member *thread)
{
        const struct storm_plan *plan = storm.plan;

        if (thread->index < plan->threads) {
                run_member(thread);
        } else if (thread->index < plan->threads + plan->keepers) {
                keeper_run(&keepers[thread->index - plan->threads]);
        } else if (plan->forks > 0) {
                forker_run(&forker);
                atomic_store(&storm.forking, 0);
        } else {
                breaker_run(&breaker);
        }
}

static void run_phase(void)
{
        static struct crowd_member threads[STORM_MOST_THREADS + MOST_KEEPERS + 1];
        const struct storm_plan   *plan = storm.plan;
        uint32_t                   forkers = plan->forks > 0, breakers = plan->break_ms > 0;

        atomic_store(&storm.running, plan->threads);
        for (uint32_t i = 0; i < plan->keepers; i++) {
                keepers[i].device = storm.device;
                keepers[i].running = &storm.running;
                keepers[i].most_bytes = plan->kept_bytes;
                keepers[i].seed += UINT64_C(1) + i * 1000003;
        }
        if (forkers > 0) {
                forker.device = storm.device;
                forker.model = storm.models[ZOO_NORM];
                forker.session = storm_decks[storm.deck_of_norm].session;
                forker.kind = ZOO_NORM;
                forker.part = (figures_scaled(plan->forks, PHASES) + PHASES - 1) / PHASES;
        }
        if (breakers > 0) {
                breaker.device = storm.device;
                breaker.running = &storm.running;
                breaker.seed += figures_seed();
                breaker.gap_ns = plan->break_ms * 1000000;
        }
        storm.until = 0;
        if (plan->soak_ms > 0)
                storm.until = trib__now() + figures_scaled(plan->soak_ms, 500) * 1000000 / PHASES;
        atomic_store(&storm.forking, forkers);
        crowd_run_all(threads, plan->threads + plan->keepers + forkers + breakers, run_one, NULL);
}

struct sums {
        uint64_t done, wrong, late, cancelled, refused, failed, longest, total, kept;
};

static struct sums add_up(void)
{
        const struct storm_plan *plan = storm.plan;
        struct sums              sums = { 0 };
        const char              *first = NULL;
        static char              who[sizeof(members[0].first.message) + 32];

        for (uint32_t i = 0; i < plan->threads; i++) {
                const struct member *me = &members[i];

                sums.done += me->done;
                sums.wrong += me->wrong;
                sums.late += me->late;
                sums.cancelled += me->cancelled;
                sums.refused += me->refused;
                sums.failed += me->failed;
                sums.total += me->total;
                sums.longest = me->longest > sums.longest ? me->longest : sums.longest;
                if (me->wrong > 0 && first == NULL) {
                        (void)snprintf(who, sizeof(who), "thread %u, %s", i, me->first.message);
                        first = who;
                }
        }
        for (uint32_t i = 0; i < plan->keepers; i++) {
                sums.kept += keepers[i].done;
                sums.wrong += keepers[i].wrong;
                if (keepers[i].wrong > 0 && first == NULL)
                        first = keepers[i].err.message;
        }
        sums.wrong += forker.wrong;
        if (forker.wrong > 0 && first == NULL)
                first = forker.err.message;
        sums.wrong += breaker.wrong;
        if (breaker.wrong > 0 && first == NULL)
                first = breaker.err.message;
        if (sums.wrong > 0)
                fail_msg("%s: %llu of %llu are wrong (TRIB_TEST_SEED=%llu): %s", plan->name,
                         (unsigned long long)sums.wrong, (unsigned long long)sums.done,
                         (unsigned long long)figures_seed(), first);
        return sums;
}

/* How long a thread waits when all others have a turn before it, in ns. */
static double fair_share(const struct storm_plan *plan)
{
        return (double)plan->threads / plan->streams * (double)TRIB__TURN_NS;
}

static void print(const struct sums *sums, uint64_t ns, const struct figures *warm,
                  const struct figures *now)
{
        const struct storm_plan *plan = storm.plan;
        struct figures_line      line;
        char                     more[200];
        int                      length;

        length = snprintf(more, sizeof(more), "late %llu, cancelled %llu, refused %llu",
                          (unsigned long long)sums->late, (unsigned long long)sums->cancelled,
                          (unsigned long long)sums->refused);
        if (plan->keepers > 0)
                length += snprintf(more + length, sizeof(more) - (size_t)length,
                                   ", buffers %llu", (unsigned long long)sums->kept);
        if (plan->forks > 0)
                length += snprintf(more + length, sizeof(more) - (size_t)length,
                                   ", forks %llu", (unsigned long long)forker.done);
        if (plan->break_ms > 0)
                length += snprintf(more + length, sizeof(more) - (size_t)length,
                                   ", faults %llu, failed %llu",
                                   (unsigned long long)breaker.done,
                                   (unsigned long long)sums->failed);
        if (plan->is_waiting)
                (void)snprintf(more + length, sizeof(more) - (size_t)length,
                               ", longest %.1f ms = %.2f fair shares, mean %.3f ms",
                               (double)sums->longest * 1e-6,
                               (double)sums->longest / fair_share(plan),
                               (double)sums->total * 1e-6 / (double)sums->done);
        line = (struct figures_line){ plan->name, sums->done, sums->wrong, ns, more };
        figures_print(&line, warm, now);
}

void storm_run(const struct storm_plan *plan)
{
        struct figures_bounds allowed = { 16 << 20, 8 << 20, 1 << 20 };
        struct figures        before, warm, now, after;
        struct sums           sums;
        uint64_t              requests, ns = 0;

        figures_take(NULL, NULL, &before);
        open_world(plan);
        seat_members();
        memset(keepers, 0, sizeof(keepers));
        memset(&forker, 0, sizeof(forker));
        memset(&breaker, 0, sizeof(breaker));
        requests = figures_scaled(plan->requests, PHASES * IN_FLIGHT);
        storm.part = (requests + PHASES - 1) / PHASES;
        assert_int_equal(pthread_barrier_init(&all_have_inferred, NULL, plan->threads), 0);
        for (int phase = 0; phase < PHASES; phase++) {
                uint64_t began = trib__now();

                storm.is_first_phase = phase == 0 && figures_are_exact();
                run_phase();
                ns += trib__now() - began;
                if (phase == 0)
                        figures_take(storm.device, NULL, &warm);
        }
        figures_take(storm.device, &warm, &now);
        (void)pthread_barrier_destroy(&all_have_inferred);
        sums = add_up();
        print(&sums, ns, &warm, &now);
        assert_true(sums.done >= requests * plan->threads);
        assert_int_equal(zoo_serial_clashes(), 0);
        close_world();
        for (uint32_t i = 0; i < plan->threads; i++)
                assert_int_equal(atomic_load(&members[i].called), members[i].callbacks);
        /* A stream that others held all through the first phase, such as the forker's, gets its
         * executions (some 0.5 MiB of oneDNN's) later. */
        /* The sizes that keepers draw fill the caches of all streams, up to the cap. */
        if (plan->keepers > 0)
                allowed.device = plan->memory_limit;
        figures_expect_flat(&warm, &now, &allowed);
        figures_take(NULL, &before, &after);
        allowed = (struct figures_bounds){ FIGURES_ANY, FIGURES_ANY, FIGURES_ANY };
        figures_expect_flat(&before, &after, &allowed);
}
