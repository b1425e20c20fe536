/* SPDX-License-Identifier: Apache-2.0 */
/* open_loop.c: the windows of an open loop: moments laid out, threads started, tallies added up.
 *
 *     begins           opens                         closes          gives_up
 *       |── settling ────|── counted ──────────────────|── backlog ─────|
 *
 * Holds no lock; what the threads share is in open_thread.c. */
#include "loadgen/open_loop.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "loadgen/loadgen_priv.h"
#include "loadgen/open_priv.h"

#define MS UINT64_C(1000000)
#define LEAD_NS (2 * MS) /* from the start of the threads to moment 0 */
#define LEAD_PER_THREAD_NS UINT64_C(20000)
#define SLICE_NS (100 * MS)

/* Waiting wide awake is exact and takes a core from the target: no more than this part of one. */
#define SPIN_PART 0.1
#define SPIN_MAX_NS 50000.0

/* Of one call of trib__open_run. */
struct open_run {
        struct trib__crew            *crew;
        const struct trib__open_plan *plan;
        struct trib__open_result     *result;
        struct trib__open_tally      *tallies;
        uint64_t                     *moments;
        uint16_t                     *marks;
        size_t                        room;
        struct trib__open_window      window;
};

uint64_t trib__open_seed(uint64_t seed, uint64_t round)
{
        struct trib__random random = { seed };

        random.state = trib__random_next(&random) ^ (round * UINT64_C(0xD1B54A32D192ED03));
        return trib__random_next(&random);
}

double trib__open_own_part(const struct trib__open_result *result)
{
        uint64_t awake = result->wall_ns - result->idle_ns;

        return result->wall_ns > result->idle_ns && awake > result->busy_ns
                       ? (double)(awake - result->busy_ns) / (double)awake
                       : 0;
}

static uint64_t time_now(const struct open_run *run)
{
        return run->window.clock->now(run->window.clock->context);
}

static bool is_stopped(const struct open_run *run)
{
        /* Relaxed: a wish that carries no data. */
        return run->plan->stop != NULL && trib__load_relaxed_u32(run->plan->stop) != 0;
}

static void run_thread(void *context, unsigned index)
{
        struct open_run          *run = context;
        struct trib__open_tally  *tally = &run->tallies[index];
        const struct trib__target *target = run->plan->target;

        memset(tally, 0, sizeof(*tally));
        if (target->begin != NULL)
                target->begin(target->context, index);
        tally->began = time_now(run);
        while (trib__open_take(&run->window, index, tally))
                ;
        tally->ended = time_now(run);
        if (target->check != NULL && tally->asked > 0 && tally->last_status == TRIB_OK) {
                tally->checks = 1;
                tally->mismatches = target->check(target->context, index) ? 0 : 1;
        }
}

static void lay_out(struct open_run *run, unsigned round)
{
        const struct trib__open_plan *plan = run->plan;
        struct trib__open_window     *window = &run->window;
        struct trib__arrivals         arrivals = plan->arrivals;
        uint64_t                      length = plan->settle_ns + plan->window_ns;

        arrivals.seed = trib__open_seed(plan->arrivals.seed, round);
        window->count = trib__arrivals_fill(&arrivals, length, run->moments, run->room);
        memset(run->marks, 0, window->count * sizeof(*run->marks));
        window->first_counted = 0;
        while (window->first_counted < window->count
               && run->moments[window->first_counted] < plan->settle_ns)
                window->first_counted++;
        window->begins = time_now(run) + LEAD_NS + plan->threads * LEAD_PER_THREAD_NS;
        window->closes = window->begins + length;
        window->gives_up = window->closes + plan->drain_ns;
        if (arrivals.kind == TRIB__ARRIVALS_AT_ONCE)
                window->gives_up = TRIB__NEVER;
        /* Relaxed: the start of the crew publishes both. */
        trib__store_relaxed_u64(&window->next, 0);
        /* Relaxed: as above. */
        trib__store_relaxed_u32(&window->is_hopeless, 0);
}

static void report(const struct open_run *run, unsigned round)
{
        const struct trib__open_plan *plan = run->plan;
        uint64_t now = time_now(run), each = plan->settle_ns + plan->window_ns;
        double   left = (double)(plan->rounds - 1 - round) * (double)each;

        if (plan->progress == NULL)
                return;
        if (run->window.closes > now)
                left += (double)(run->window.closes - now);
        plan->progress(plan->progress_context, round + 1, left * 1e-9);
}

static trib_status run_window(struct open_run *run, unsigned round)
{
        const struct trib__open_plan *plan = run->plan;
        struct trib__open_result     *result = run->result;

        if (is_stopped(run))
                return TRIB_CANCELLED;
        lay_out(run, round);
        if (run->window.closes > plan->deadline)
                return TRIB_TIMED_OUT;
        trib__crew_start(run->crew, plan->threads, run_thread, run);
        while (!trib__crew_wait(run->crew, trib__deadline_after(SLICE_NS)))
                report(run, round);
        if (is_stopped(run))
                return TRIB_CANCELLED;
        trib__open_collect(&run->window, run->tallies, time_now(run), result);
        if (result->answered == 0 && result->first_error.status == TRIB_TIMED_OUT)
                return TRIB_DEVICE_ERROR;
        return TRIB_OK;
}

static trib_status check_plan(const struct trib__crew *crew, const struct trib__open_plan *plan,
                              trib_error *err)
{
        if (plan->threads < 1 || plan->threads > trib__crew_size(crew))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "open loop: %u threads, must be 1 .. %u", plan->threads,
                                  trib__crew_size(crew));
        if (plan->rounds < 1 || plan->rounds > TRIB__LOAD_ROUNDS_MAX || plan->window_ns == 0
            || plan->bound_count > TRIB__OPEN_BOUNDS_MAX
            || (plan->arrivals.kind == TRIB__ARRIVALS_AT_ONCE
                && (plan->at_once < 1 || plan->at_once > TRIB__ARRIVALS_MAX)))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "open loop: a plan needs 1 .. %u rounds, a window, at most %u "
                                  "bounds and %zu arrivals",
                                  TRIB__LOAD_ROUNDS_MAX, TRIB__OPEN_BOUNDS_MAX,
                                  TRIB__ARRIVALS_MAX);
        return trib__arrivals_check(&plan->arrivals, err);
}

static trib_status begin(struct open_run *run, struct trib__crew *crew,
                         const struct trib__open_plan *plan, struct trib__open_result *result,
                         trib_error *err)
{
        memset(run, 0, sizeof(*run));
        run->crew = crew;
        run->plan = plan;
        run->result = result;
        run->window.plan = plan;
        run->window.clock = plan->clock != NULL ? plan->clock : &trib__load_clock_real;
        run->window.pause = plan->pause != NULL ? plan->pause : trib__open_pause_real;
        if (plan->arrivals.kind != TRIB__ARRIVALS_AT_ONCE)
                run->window.spin_ns =
                        (uint64_t)fmin(SPIN_MAX_NS, SPIN_PART * 1e9 / plan->arrivals.rate);
        run->room = plan->arrivals.kind == TRIB__ARRIVALS_AT_ONCE
                            ? plan->at_once
                            : trib__arrivals_room(&plan->arrivals,
                                                  plan->settle_ns + plan->window_ns);
        run->moments = trib__calloc("loadgen.moments", run->room, sizeof(*run->moments));
        run->marks = trib__calloc("loadgen.marks", run->room, sizeof(*run->marks));
        run->tallies = trib__calloc("loadgen.open", plan->threads, sizeof(*run->tallies));
        if (run->moments == NULL || run->marks == NULL || run->tallies == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "open loop: no memory for %zu arrivals and %u threads",
                                  run->room, plan->threads);
        run->window.moments = run->moments;
        run->window.marks = run->marks;
        return TRIB_OK;
}

trib_status trib__open_run(struct trib__crew *crew, const struct trib__open_plan *plan,
                           struct trib__open_result *result, trib_error *err)
{
        struct open_run run;
        trib_status     status = check_plan(crew, plan, err);

        if (status != TRIB_OK)
                return status;
        status = begin(&run, crew, plan, result, err);
        for (unsigned round = 0; round < plan->rounds && status == TRIB_OK; round++)
                status = run_window(&run, round);
        trib__free(run.moments);
        trib__free(run.marks);
        trib__free(run.tallies);
        return trib__load_ended(status, err);
}
