/* SPDX-License-Identifier: Apache-2.0 */
/* open_thread.c: one thread's part in a window of an open loop. The threads share the index of the
 * next arrival, which all of them add to, and a word that ends the window; all else is the
 * thread's own, or is not written while they run. */
#include <string.h>

#include "loadgen/open_priv.h"

#define SLICE_NS UINT64_C(100000000) /* how often a sleeping thread looks up */

/* Work behind the end of a window: of this part of it, and that many requests, the rate was more
 * than the threads could take. */
#define BACKLOG_PART 10
#define BACKLOG_REQUESTS 4

/* Arrivals that are longer and no further apart than this are of one run. */
#define RUN_GAP 2

static uint64_t time_now(const struct trib__open_window *window)
{
        return window->clock->now(window->clock->context);
}

static bool is_over(struct trib__open_window *window)
{
        const trib__atomic_u32 *stop = window->plan->stop;

        /* Relaxed: both are wishes that carry no data. */
        return (stop != NULL && trib__load_relaxed_u32(stop) != 0)
               /* Relaxed: as above. */
               || trib__load_relaxed_u32(&window->is_hopeless) != 0;
}

/* Sleep until `moment`; returns when it is. */
static uint64_t wait_for(struct trib__open_window *window, uint64_t moment, uint64_t now)
{
        while (now < moment && !is_over(window)) {
                uint64_t until = moment - now > SLICE_NS ? now + SLICE_NS : moment;

                window->pause(window->clock->context, until, window->spin_ns);
                now = time_now(window);
        }
        return now;
}

/* How many arrivals from `index` on were due at `now`: steps that double, then halves. */
static uint64_t due_from(const struct trib__open_window *window, uint64_t index, uint64_t now)
{
        uint64_t low = index, step = 1, high;

        while (low + step < window->count && window->begins + window->moments[low + step] <= now) {
                low += step;
                step *= 2;
        }
        high = low + step < window->count ? low + step : window->count;
        while (high - low > 1) {
                uint64_t middle = low + (high - low) / 2;

                if (window->begins + window->moments[middle] <= now)
                        low = middle;
                else
                        high = middle;
        }
        return low - index + 1;
}

static void mark(const struct trib__open_window *window, uint64_t index, uint64_t latency,
                 bool is_answered)
{
        const struct trib__open_plan *plan = window->plan;
        unsigned                      bits = TRIB__OPEN_CAME;

        for (size_t i = 0; i < plan->bound_count; i++) {
                if (!is_answered || latency > plan->bounds[i])
                        bits |= TRIB__OPEN_OVER(i);
                if (!is_answered || latency > plan->bounds[i] / 2)
                        bits |= TRIB__OPEN_OVER_HALF(i);
        }
        window->marks[index] = (uint16_t)bits;
}

static void count_request(const struct trib__open_window *window, uint64_t index,
                          uint64_t end, trib_status status, struct trib__open_tally *tally)
{
        uint64_t latency = end - (window->begins + window->moments[index]);

        if (end > tally->last_end)
                tally->last_end = end;
        mark(window, index, latency, status == TRIB_OK);
        if (status != TRIB_OK) {
                tally->errors++;
                return;
        }
        tally->answered++;
        trib__histogram_add(&tally->latency, latency);
}

/* How late the request begins, and whose fault that is. */
static void count_start(struct trib__open_window *window, uint64_t index, uint64_t start,
                        bool has_slept, struct trib__open_tally *tally)
{
        uint64_t behind = start - (window->begins + window->moments[index]);
        uint64_t hopeless = window->plan->hopeless_ns, backlog;

        if (index >= window->first_counted)
                trib__histogram_add(has_slept ? &tally->late : &tally->waited, behind);
        if (!has_slept) {
                backlog = due_from(window, index, start);
                if (backlog > tally->backlog_max)
                        tally->backlog_max = backlog;
        }
        if (hopeless > 0 && behind > hopeless)
                /* Relaxed: a wish that carries no data. */
                trib__store_relaxed_u32(&window->is_hopeless, 1);
}

bool trib__open_take(struct trib__open_window *window, unsigned thread,
                     struct trib__open_tally *tally)
{
        const struct trib__target *target = window->plan->target;
        trib_error  error = TRIB_ERROR_INIT;
        uint64_t    now = time_now(window), index, moment, start, end;
        bool        has_slept;

        if (is_over(window) || now >= window->gives_up)
                return false;
        /* Relaxed: the moments were published when the crew was started; each index goes to one
         * thread whatever the order. */
        index = trib__fetch_add_relaxed_u64(&window->next, 1);
        if (index >= window->count)
                return false;
        moment = window->begins + window->moments[index];
        has_slept = now < moment;
        start = wait_for(window, moment, now);
        tally->idle_ns += start - now;
        if (start < moment)
                return false;
        count_start(window, index, start, has_slept, tally);
        tally->last_status = target->request(target->context, thread, &error);
        end = time_now(window);
        tally->asked++;
        tally->busy_ns += end - start;
        if (tally->last_status != TRIB_OK && tally->first_error.status == TRIB_OK) {
                tally->first_error = error;
                tally->first_error.status = tally->last_status;
        }
        if (index >= window->first_counted)
                count_request(window, index, end, tally->last_status, tally);
        return true;
}

/* Arrivals that were due and not begun: their age is a lower bound of their latency. Those that
 * were not yet due when the window was ended never came. Returns how many came in all. */
static uint64_t count_unfinished(const struct trib__open_window *window, uint64_t from,
                                 uint64_t now, struct trib__open_tally *tally,
                                 struct trib__open_result *result)
{
        uint64_t index;

        for (index = from; index < window->count; index++) {
                uint64_t moment = window->begins + window->moments[index];

                if (moment >= now)
                        break;
                if (index < window->first_counted)
                        continue;
                result->unfinished++;
                trib__histogram_add(&tally->latency, now - moment);
                mark(window, index, 0, false);
        }
        return index;
}

static void add_tally(const struct trib__open_tally *tally, struct trib__open_result *result)
{
        if (result->first_error.status == TRIB_OK)
                result->first_error = tally->first_error;
        result->answered += tally->answered;
        result->errors += tally->errors;
        result->checks += tally->checks;
        result->mismatches += tally->mismatches;
        result->busy_ns += tally->busy_ns;
        result->idle_ns += tally->idle_ns;
        result->wall_ns += tally->ended - tally->began;
        if (tally->backlog_max > result->backlog_max)
                result->backlog_max = tally->backlog_max;
        trib__histogram_merge(&result->latency, &tally->latency);
        trib__histogram_merge(&result->late, &tally->late);
        trib__histogram_merge(&result->waited, &tally->waited);
}

/* Of the counted arrivals that came, in order. */
static void add_batches(const struct trib__open_window *window, size_t bound,
                        struct trib__open_over *out)
{
        size_t all = window->count - window->first_counted;

        for (size_t batch = 0; batch < TRIB__OPEN_BATCHES; batch++) {
                size_t   from = window->first_counted + all * batch / TRIB__OPEN_BATCHES;
                size_t   to = window->first_counted + all * (batch + 1) / TRIB__OPEN_BATCHES;
                uint64_t counted = 0, over = 0;

                for (size_t i = from; i < to; i++) {
                        counted += (window->marks[i] & TRIB__OPEN_CAME) != 0;
                        over += (window->marks[i] & TRIB__OPEN_OVER(bound)) != 0;
                }
                out->count += over;
                if (counted > 0)
                        out->square += (double)over * (double)over / (double)counted;
        }
}

/* The sum of squared lengths of the runs of arrivals with that bit. */
static double run_square(const struct trib__open_window *window, unsigned bit)
{
        double length = 0, sum = 0;
        size_t last = 0;

        for (size_t i = window->first_counted; i < window->count; i++) {
                if ((window->marks[i] & bit) == 0)
                        continue;
                if (length > 0 && i - last > RUN_GAP) {
                        sum += length * length;
                        length = 0;
                }
                length++;
                last = i;
        }
        return sum + length * length;
}

static void add_runs(const struct trib__open_window *window, size_t bound,
                     struct trib__open_over *out)
{
        out->run_square += run_square(window, TRIB__OPEN_OVER(bound));
        out->half_run_square += run_square(window, TRIB__OPEN_OVER_HALF(bound));
        for (size_t i = window->first_counted; i < window->count; i++)
                out->half_count += (window->marks[i] & TRIB__OPEN_OVER_HALF(bound)) != 0;
}

static uint64_t batches_of(const struct trib__open_window *window)
{
        size_t   all = window->count - window->first_counted;
        uint64_t batches = 0;

        for (size_t batch = 0; batch < TRIB__OPEN_BATCHES; batch++) {
                size_t from = window->first_counted + all * batch / TRIB__OPEN_BATCHES;
                size_t to = window->first_counted + all * (batch + 1) / TRIB__OPEN_BATCHES;

                for (size_t i = from; i < to; i++) {
                        if ((window->marks[i] & TRIB__OPEN_CAME) == 0)
                                continue;
                        batches++;
                        break;
                }
        }
        return batches;
}

void trib__open_collect(const struct trib__open_window *window, struct trib__open_tally *tallies,
                        uint64_t now, struct trib__open_result *result)
{
        const struct trib__open_plan *plan = window->plan;
        uint64_t answered = 0, last_end = 0, asked = 0, busy = 0, came, opens, end;

        for (unsigned i = 0; i < plan->threads; i++) {
                asked += tallies[i].asked;
                busy += tallies[i].busy_ns;
        }
        /* Arrivals are taken in order, and a taken one is asked unless the window ended. */
        came = count_unfinished(window, asked, now, &tallies[0], result);
        for (unsigned i = 0; i < plan->threads; i++) {
                answered += tallies[i].answered;
                if (tallies[i].last_end > last_end)
                        last_end = tallies[i].last_end;
                add_tally(&tallies[i], result);
        }
        result->batches += batches_of(window);
        for (size_t bound = 0; bound < plan->bound_count; bound++) {
                add_batches(window, bound, &result->over[bound]);
                add_runs(window, bound, &result->over[bound]);
        }
        if (came > window->first_counted)
                result->intended += came - window->first_counted;
        /* Relaxed: the threads are done. */
        if (trib__load_relaxed_u32(&window->is_hopeless) != 0)
                result->is_hopeless = true;
        opens = window->closes - plan->window_ns;
        end = result->is_hopeless && now < window->closes ? now : window->closes;
        if (last_end > end) {
                if (last_end - end > result->drained_ns)
                        result->drained_ns = last_end - end;
                end = last_end;
        }
        if (asked > 0 && plan->arrivals.kind != TRIB__ARRIVALS_AT_ONCE
            && result->drained_ns > plan->window_ns / BACKLOG_PART
                                            + BACKLOG_REQUESTS * (busy / asked))
                result->is_backlogged = true;
        if (answered > 0 && end > opens && result->round_count < TRIB__LOAD_ROUNDS_MAX)
                result->rounds[result->round_count++] =
                        (double)answered * 1e9 / (double)(end - opens);
}
