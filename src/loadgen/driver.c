/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c: measures the points of a plan: warm-up, baseline, interleaved rounds, baseline again.
 *
 * One window: the caller fixes [opens, closes) a little ahead and starts the crew; the threads ask
 * from then on, so that all of them are at it when the window opens; the caller sleeps, reads the
 * target's statistics when it opens and when it closes, and adds up the threads' tallies. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "loadgen/loadgen_priv.h"

#define MS UINT64_C(1000000)
#define LEAD_NS (5 * MS)             /* from the start of the threads to the window       */
#define LEAD_PER_THREAD_NS UINT64_C(20000)
#define LEAD_MAX_NS (100 * MS)
#define WARM_WINDOW_NS (40 * MS)
#define WARM_WINDOWS_MAX 64u
#define STEADY_TOLERANCE 0.05
#define REQUESTS_PER_WINDOW 4u       /* of each thread, at least */
#define SLICE_NS (100 * MS)          /* how often a sleeping caller looks up */

/* Of one call of trib__load_run. */
struct run {
        struct trib__crew            *crew;
        struct trib__load_plan       *plan;
        const struct trib__load_clock *clock;
        struct trib__random           random;
        struct trib__tally           *tallies; /* one a thread of the largest point */
        size_t                       *order;   /* of the points in a round          */
        uint64_t                      began;
        struct trib__load_progress    progress;
        size_t                        windows_left; /* of rounds and baselines */
        size_t                        warm_ups_left;
        uint64_t                      window_began; /* of the one going on */
        uint64_t                      spent_ns;     /* in windows that are done ... */
        size_t                        windows_done; /* ... so many */
};

/* What one window gave. */
struct outcome {
        double   rate;    /* requests per second                  */
        uint64_t counted; /* requests that ended inside           */
        trib_session_stats times; /* of the target between opens and closes */
};

struct window_job {
        const struct trib__window *window;
        struct trib__tally        *tallies;
};

static void run_job(void *context, unsigned index)
{
        struct window_job *job = context;

        trib__window_run(job->window, index, &job->tallies[index]);
}

static bool is_stopped(const trib__atomic_u32 *stop)
{
        /* Relaxed: a wish that carries no data. */
        return stop != NULL && trib__load_relaxed_u32(stop) != 0;
}

static uint64_t time_now(const struct run *run)
{
        return run->clock->now(run->clock->context);
}

/* What one reading of the machine's clock costs: of several short runs the fastest. */
static double reading_cost(void)
{
        double best = 1e9;

        for (int run = 0; run < 8; run++) {
                uint64_t began = trib__now(), last = began;

                for (int i = 0; i < 64; i++)
                        last = trib__now();
                if ((double)(last - began) / 64 < best)
                        best = (double)(last - began) / 64;
        }
        return best;
}

static void report(struct run *run)
{
        const struct trib__load_plan *plan = run->plan;
        double   window = (double)(plan->window_ns + LEAD_NS) * 1e-9;
        double   warm_up = (double)plan->warm_up_ns * 0.5e-9;
        uint64_t now = time_now(run);

        if (run->windows_done > 0)
                window = (double)run->spent_ns * 1e-9 / (double)run->windows_done;

        if (plan->progress == NULL)
                return;
        run->progress.done_seconds = (double)(now - run->began) * 1e-9;
        run->progress.left_seconds = (double)run->windows_left * window
                                     + (double)run->warm_ups_left * warm_up
                                     - (double)(now - run->window_began) * 1e-9;
        if (run->progress.left_seconds < 0)
                run->progress.left_seconds = 0;
        plan->progress(plan->progress_context, &run->progress);
}

/* Sleep until `moment` or until the crew is idle. */
static void sleep_until(struct run *run, uint64_t moment)
{
        uint64_t now;

        while ((now = time_now(run)) < moment) {
                uint64_t slice = moment - now < SLICE_NS ? moment - now : SLICE_NS;

                if (trib__crew_wait(run->crew, trib__deadline_after(slice)))
                        return;
                report(run);
        }
}

static void read_stats(const struct trib__target *target, trib_session_stats *out)
{
        memset(out, 0, sizeof(*out));
        if (target->stats != NULL && target->stats(target->context, out, NULL) != TRIB_OK)
                memset(out, 0, sizeof(*out));
}

static void stats_since(const trib_session_stats *before, trib_session_stats *now)
{
        now->requests -= before->requests;
        now->failures -= before->failures;
        now->plans_built -= before->plans_built;
        now->measured -= before->measured;
        now->measured_ns -= before->measured_ns;
        now->admission_ns -= before->admission_ns;
        now->prepare_ns -= before->prepare_ns;
        now->submit_ns -= before->submit_ns;
        now->device_ns -= before->device_ns;
        now->copy_ns -= before->copy_ns;
        now->notify_ns -= before->notify_ns;
        now->lock_ns -= before->lock_ns;
        now->queue_ns -= before->queue_ns;
        now->serial_ns -= before->serial_ns;
        now->descheduled_ns -= before->descheduled_ns;
        now->host_held_ns -= before->host_held_ns;
        now->lock_held_ns -= before->lock_held_ns;
        now->path_held_ns -= before->path_held_ns;
        now->serial_held_ns -= before->serial_held_ns;
        now->copy_held_ns -= before->copy_held_ns;
        now->measured_blind -= before->measured_blind;
}

static void stats_add(trib_session_stats *into, const trib_session_stats *more)
{
        into->requests += more->requests;
        into->failures += more->failures;
        into->plans_built += more->plans_built;
        into->measured += more->measured;
        into->measured_ns += more->measured_ns;
        into->admission_ns += more->admission_ns;
        into->prepare_ns += more->prepare_ns;
        into->submit_ns += more->submit_ns;
        into->device_ns += more->device_ns;
        into->copy_ns += more->copy_ns;
        into->notify_ns += more->notify_ns;
        into->lock_ns += more->lock_ns;
        into->queue_ns += more->queue_ns;
        into->serial_ns += more->serial_ns;
        into->descheduled_ns += more->descheduled_ns;
        into->host_held_ns += more->host_held_ns;
        into->lock_held_ns += more->lock_held_ns;
        into->path_held_ns += more->path_held_ns;
        into->serial_held_ns += more->serial_held_ns;
        into->copy_held_ns += more->copy_held_ns;
        into->measured_blind += more->measured_blind;
}

/* Failures and mismatches count wherever they happen. */
static uint64_t add_checks(struct trib__load_point *point, const struct trib__tally *tallies)
{
        uint64_t counted = 0;

        for (unsigned i = 0; i < point->threads; i++) {
                const struct trib__tally *tally = &tallies[i];

                if (tally->errors > 0 && point->errors == 0)
                        point->first_error = tally->first_error;
                point->errors += tally->errors;
                point->checks += tally->checks;
                point->mismatches += tally->mismatches;
                counted += tally->latency.count;
        }
        return counted;
}

/* What only the rounds count. */
static void add_round(struct trib__load_point *point, const struct trib__tally *tallies,
                      const struct outcome *outcome)
{
        if (!(outcome->rate > 0) || point->round_count == TRIB__LOAD_ROUNDS_MAX)
                return;
        if (point->round_count == 0)
                point->has_delay = true;
        for (unsigned i = 0; i < point->threads; i++) {
                trib__histogram_merge(&point->latency, &tallies[i].latency);
                point->wall_ns += tallies[i].wall_ns;
                point->cpu_ns += tallies[i].cpu_ns;
                point->asked_ns += tallies[i].asked_ns;
                point->delay_ns += tallies[i].delay_ns;
                /* A thread without an answer has nothing to tell. */
                if (tallies[i].latency.count > 0 && !tallies[i].has_delay)
                        point->has_delay = false;
        }
        stats_add(&point->times, &outcome->times);
        point->rounds[point->round_count++] = outcome->rate;
}

/* How long one request of the point takes, as far as is known. */
static uint64_t latency_of(const struct trib__load_point *point)
{
        if (point->warm_rate > 0)
                return (uint64_t)(point->threads / point->warm_rate * 1e9);
        return point->expected_ns;
}

static uint64_t lead_of(const struct trib__load_point *point)
{
        uint64_t lead = LEAD_NS + point->threads * LEAD_PER_THREAD_NS;
        uint64_t latency = latency_of(point);

        if (latency > lead)
                lead = latency < LEAD_MAX_NS ? latency : LEAD_MAX_NS;
        return lead;
}

/* One window of `length`. TRIB_CANCELLED: stopped, *out is not to be used. TRIB_DEVICE_ERROR: no
 * request ended but by its timeout, and none will. */
static trib_status measure(struct run *run, struct trib__load_point *point, uint64_t length,
                           struct outcome *out)
{
        const struct trib__load_plan *plan = run->plan;
        struct trib__window window = { point->target, run->clock, plan->stop, 0, 0, 0 };
        struct window_job   job = { &window, run->tallies };
        trib_session_stats  before;
        uint64_t            now = time_now(run);
        double              work = 0;

        memset(out, 0, sizeof(*out));
        if (is_stopped(plan->stop))
                return TRIB_CANCELLED;
        window.opens = now + lead_of(point);
        window.closes = window.opens + length;
        if (window.closes + latency_of(point) > plan->deadline)
                return TRIB_TIMED_OUT;
        run->window_began = now;
        report(run);
        trib__crew_start(run->crew, point->threads, run_job, &job);
        sleep_until(run, window.opens);
        read_stats(point->target, &before);
        sleep_until(run, window.closes);
        read_stats(point->target, &out->times);
        stats_since(&before, &out->times);
        while (!trib__crew_wait(run->crew, trib__deadline_after(SLICE_NS)))
                report(run);
        out->counted = add_checks(point, run->tallies);
        for (unsigned i = 0; i < point->threads; i++)
                work += run->tallies[i].work;
        out->rate = work * 1e9 / (double)length;
        if (point->first_error.status == TRIB_TIMED_OUT && out->rate <= 0)
                return TRIB_DEVICE_ERROR;
        return is_stopped(plan->stop) ? TRIB_CANCELLED : TRIB_OK;
}

/* Windows of a slow target are stretched, so that each thread gets some requests done in one; up
 * to a fair part of the time that is left. */
static uint64_t window_of(const struct run *run, const struct trib__load_point *point)
{
        uint64_t length = run->plan->window_ns, now = time_now(run);
        uint64_t needed = REQUESTS_PER_WINDOW * latency_of(point);

        if (run->plan->deadline != TRIB__NEVER) {
                uint64_t left = run->plan->deadline > now ? run->plan->deadline - now : 0;
                uint64_t part = left / (run->windows_left > 0 ? run->windows_left : 1);

                needed = needed < part ? needed : part;
        }
        return needed > length ? needed : length;
}

/* A window of a round or of a baseline. */
static trib_status measure_full(struct run *run, size_t index, struct outcome *out)
{
        struct trib__load_point *point = &run->plan->points[index];
        uint64_t                 began = time_now(run);
        trib_status              status;

        run->progress.point = index;
        run->progress.threads = point->threads;
        status = measure(run, point, window_of(run, point), out);
        if (status != TRIB_OK)
                return status;
        run->windows_left--;
        run->windows_done++;
        run->spent_ns += time_now(run) - began;
        return TRIB_OK;
}

/* The counts of short windows jump by whole requests of each thread. */
static double tolerance_of(const struct trib__load_point *point, uint64_t counted)
{
        double jump = counted > 0 ? (double)point->threads / (double)counted : 0;

        return STEADY_TOLERANCE + (jump < 0.2 ? jump : 0.2);
}

/* Short windows until three in a row agree, or the time for it is over. */
static trib_status warm_up(struct run *run, struct trib__load_point *point)
{
        double   rates[WARM_WINDOWS_MAX];
        uint64_t length = WARM_WINDOW_NS, began = time_now(run);

        for (size_t i = 0; i < WARM_WINDOWS_MAX; i++) {
                struct outcome outcome;
                trib_status    status = measure(run, point, length, &outcome);

                if (status != TRIB_OK)
                        return status;
                rates[i] = outcome.rate;
                if (outcome.rate > 0)
                        point->warm_rate = outcome.rate;
                point->is_steady =
                        trib__rates_are_steady(rates, i + 1, tolerance_of(point, outcome.counted));
                if (point->is_steady || time_now(run) - began >= run->plan->warm_up_ns)
                        break;
                if (outcome.counted < 2 * (uint64_t)point->threads && length < 16 * WARM_WINDOW_NS)
                        length *= 2;
        }
        return TRIB_OK;
}

static trib_status warm_up_all(struct run *run)
{
        struct trib__load_plan *plan = run->plan;

        run->progress.is_warm_up = true;
        for (size_t i = 0; i < plan->point_count; i++) {
                trib_status status;

                run->progress.point = i;
                run->progress.threads = plan->points[i].threads;
                status = warm_up(run, &plan->points[i]);
                if (status != TRIB_OK && status != TRIB_TIMED_OUT)
                        return status;
                run->warm_ups_left--;
        }
        run->progress.is_warm_up = false;
        return TRIB_OK;
}

static trib_status measure_baselines(struct run *run, bool is_first)
{
        struct trib__load_plan *plan = run->plan;

        run->progress.round = 0;
        for (size_t i = 0; i < plan->point_count; i++) {
                struct trib__load_point *point = &plan->points[i];

                for (unsigned k = 0; point->is_baseline && k < plan->drift_rounds; k++) {
                        struct outcome outcome;
                        trib_status    status = measure_full(run, i, &outcome);

                        if (status != TRIB_OK)
                                return status;
                        if (is_first)
                                point->first[point->first_count++] = outcome.rate;
                        else
                                point->last[point->last_count++] = outcome.rate;
                }
        }
        return TRIB_OK;
}

/* A window of a round. One that the machine let pass before the threads woke up says nothing about
 * the target, and is measured again. */
static trib_status measure_round(struct run *run, size_t index, struct outcome *out)
{
        struct trib__load_point *point = &run->plan->points[index];
        trib_status              status = TRIB_OK;

        for (int attempt = 0; attempt < 3; attempt++) {
                run->windows_left += attempt > 0;
                status = measure_full(run, index, out);
                if (status != TRIB_OK || out->rate > 0 || point->errors > 0)
                        break;
        }
        return status;
}

static trib_status measure_rounds(struct run *run)
{
        struct trib__load_plan *plan = run->plan;

        for (unsigned round = 1; round <= plan->rounds; round++) {
                run->progress.round = round;
                trib__schedule_fill(run->order, plan->point_count, &run->random);
                for (size_t i = 0; i < plan->point_count; i++) {
                        struct outcome outcome;
                        trib_status    status = measure_round(run, run->order[i], &outcome);

                        if (status != TRIB_OK)
                                return status;
                        add_round(&plan->points[run->order[i]], run->tallies, &outcome);
                }
        }
        return TRIB_OK;
}

static trib_status check_plan(const struct trib__crew *crew, const struct trib__load_plan *plan,
                              trib_error *err)
{
        if (plan->point_count < 1 || plan->rounds < 1 || plan->rounds > TRIB__LOAD_ROUNDS_MAX
            || plan->drift_rounds > TRIB__LOAD_DRIFT_MAX || plan->window_ns == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "load generator: a plan needs points, 1 .. %u rounds, and a "
                                  "window", TRIB__LOAD_ROUNDS_MAX);
        for (size_t i = 0; i < plan->point_count; i++)
                if (plan->points[i].threads < 1 || plan->points[i].threads > trib__crew_size(crew))
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "load generator: %u threads, must be 1 .. %u",
                                          plan->points[i].threads, trib__crew_size(crew));
        return TRIB_OK;
}

static void run_init(struct run *run, struct trib__crew *crew, struct trib__load_plan *plan)
{
        memset(run, 0, sizeof(*run));
        run->crew = crew;
        run->plan = plan;
        run->clock = plan->clock != NULL ? plan->clock : &trib__load_clock_real;
        run->random.state = plan->seed;
        run->began = time_now(run);
        run->warm_ups_left = plan->point_count;
        for (size_t i = 0; i < plan->point_count; i++) {
                plan->points[i].reading_ns = plan->clock == NULL ? reading_cost() : 0;
                run->windows_left += plan->rounds
                                     + (plan->points[i].is_baseline ? 2 * plan->drift_rounds : 0);
        }
}

trib_status trib__load_ended(trib_status status, trib_error *err)
{
        if (status == TRIB_CANCELLED)
                return trib__fail(err, status, "load generator: stopped");
        if (status == TRIB_TIMED_OUT)
                return trib__fail(err, status, "load generator: the time was over");
        if (status == TRIB_DEVICE_ERROR)
                return trib__fail(err, status,
                                  "the device hangs: requests end by their timeout only");
        return status;
}

trib_status trib__load_run(struct trib__crew *crew, struct trib__load_plan *plan, trib_error *err)
{
        struct run  run;
        trib_status status = check_plan(crew, plan, err);

        if (status != TRIB_OK)
                return status;
        run_init(&run, crew, plan);
        run.tallies = trib__calloc("loadgen.tallies", trib__crew_size(crew), sizeof(*run.tallies));
        run.order = trib__calloc("loadgen.order", plan->point_count, sizeof(*run.order));
        if (run.tallies == NULL || run.order == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY,
                                    "load generator: no memory for the counts of %u threads",
                                    trib__crew_size(crew));
        if (status == TRIB_OK)
                status = warm_up_all(&run);
        if (status == TRIB_OK)
                status = measure_baselines(&run, true);
        if (status == TRIB_OK)
                status = measure_rounds(&run);
        if (status == TRIB_OK)
                status = measure_baselines(&run, false);
        trib__free(run.order);
        trib__free(run.tallies);
        return trib__load_ended(status, err);
}

static uint64_t earliest_end(const struct trib__tally *tallies, unsigned threads, uint64_t *latest)
{
        uint64_t first = UINT64_MAX;

        *latest = 0;
        for (unsigned i = 0; i < threads; i++) {
                if (tallies[i].first_end != 0 && tallies[i].first_end < first)
                        first = tallies[i].first_end;
                if (tallies[i].last_end > *latest)
                        *latest = tallies[i].last_end;
        }
        return first;
}

trib_status trib__load_count(struct trib__crew *crew, struct trib__load_point *point,
                             uint64_t requests, const trib__atomic_u32 *stop,
                             uint64_t *first_answer_at, trib_error *err)
{
        struct trib__window window = { point->target, &trib__load_clock_real, stop, 0, TRIB__NEVER,
                                       requests };
        struct trib__tally *tallies =
                trib__calloc("loadgen.tallies", point->threads, sizeof(*tallies));
        struct window_job   job = { &window, tallies };
        struct outcome      outcome = { 0 };
        trib_session_stats  before;
        uint64_t            began, latest;

        if (tallies == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "load generator: no memory for the counts of %u threads",
                                  point->threads);
        point->reading_ns = reading_cost();
        read_stats(point->target, &before);
        began = trib__now();
        trib__crew_start(crew, point->threads, run_job, &job);
        (void)trib__crew_wait(crew, TRIB__NEVER);
        read_stats(point->target, &outcome.times);
        stats_since(&before, &outcome.times);
        *first_answer_at = earliest_end(tallies, point->threads, &latest);
        outcome.counted = add_checks(point, tallies);
        if (latest > began)
                outcome.rate = (double)outcome.counted * 1e9 / (double)(latest - began);
        add_round(point, tallies, &outcome);
        trib__free(tallies);
        return is_stopped(stop) ? trib__fail(err, TRIB_CANCELLED, "load generator: stopped")
                                : TRIB_OK;
}
