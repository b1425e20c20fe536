/* SPDX-License-Identifier: Apache-2.0 */
/* window.c: one thread's part in a measuring window. Nothing here is shared between threads but
 * the window, which nobody writes, and the stop word, which is written at most once. */
#include <string.h>

#include "base/clock.h"
#include "base/meter.h"
#include "loadgen/loadgen_priv.h"

/* Of such a request the time without a core is read by itself: 1 us, 0.2 % of it. */
#define LONG_NS UINT64_C(500000)

static uint64_t real_now(void *context)
{
        (void)context;
        return trib__now();
}

static uint64_t real_cpu_time(void *context)
{
        (void)context;
        return trib__thread_cpu_time();
}

static bool real_run_delay(void *context, uint64_t *out)
{
        (void)context;
        *out = trib__run_delay();
        return trib__run_delay_is_open();
}

const struct trib__load_clock trib__load_clock_real = { real_now, real_cpu_time, NULL,
                                                        real_run_delay };

static void clear(struct trib__tally *tally)
{
        memset(tally, 0, sizeof(*tally));
}

static bool is_stopped(const struct trib__window *window)
{
        /* Relaxed: a wish that carries no data; a request more or less does not matter. */
        return window->stop != NULL && trib__load_relaxed_u32(window->stop) != 0;
}

/* The part of [start, end) that lies in the window. */
static double part_inside(const struct trib__window *window, uint64_t start, uint64_t end)
{
        uint64_t from = start > window->opens ? start : window->opens;
        uint64_t to = end < window->closes ? end : window->closes;

        return end > start && to > from ? (double)(to - from) / (double)(end - start) : 0;
}

/* A request that succeeded and ended when the window was open or later. */
static void add_request(const struct trib__window *window, struct trib__tally *tally,
                        uint64_t start, uint64_t end)
{
        bool is_counted = end < window->closes;

        if (is_counted)
                trib__histogram_add(&tally->latency, end - start);
        if (is_counted && start >= window->opens)
                tally->work += 1;
        else
                tally->work += part_inside(window, start, end);
}

/* Keep the first failure's detail. */
static void note_failure(struct trib__tally *tally, const trib_error *error, trib_status status)
{
        if (tally->errors++ > 0)
                return;
        tally->first_error = *error;
        tally->first_error.status = status;
}

/* How long the thread had no core in the requests that the latencies count. Long ones are looked at
 * one by one: of those that cross an edge of the window, the one that ends in it counts, with all
 * of its time, and the one that ends behind it does not. */
struct delay_log {
        bool     is_known, has_begun;
        uint64_t latest;       /* the thread's run delay when it was read last */
        uint64_t from, to;     /* and at the ends of this stretch:             */
        uint64_t began, ended;
};

static void read_delay(struct delay_log *log, const struct trib__load_clock *clock)
{
        if (log->is_known)
                log->is_known = clock->run_delay != NULL
                                && clock->run_delay(clock->context, &log->latest);
}

static void log_request(struct delay_log *log, const struct trib__window *window, uint64_t start,
                        uint64_t end)
{
        uint64_t before = log->latest;
        bool     is_long = end - start >= LONG_NS;

        if (is_long)
                read_delay(log, window->clock);
        if (end < window->opens || end >= window->closes)
                return;
        if (!log->has_begun) {
                if (!is_long)
                        read_delay(log, window->clock);
                log->from = is_long ? before : log->latest;
                log->began = is_long ? start : end;
                log->has_begun = true;
        }
        log->to = log->latest;
        log->ended = end;
}

/* The last request was this one: after a short one the stretch goes on to its end. */
static void log_last(struct delay_log *log, const struct trib__window *window, uint64_t start,
                     uint64_t end)
{
        if (!log->has_begun || end - start >= LONG_NS)
                return;
        read_delay(log, window->clock);
        log->to = log->latest;
        log->ended = end;
}

/* The loop. Returns the status of the last request. */
static trib_status ask(const struct trib__window *window, unsigned thread,
                       struct trib__tally *tally, uint64_t *cpu_at_first)
{
        const struct trib__target     *target = window->target;
        const struct trib__load_clock *clock = window->clock;
        trib_error  error = TRIB_ERROR_INIT;
        trib_status status = TRIB_PENDING;
        uint64_t    asked = 0;
        unsigned    failures = 0;
        uint64_t    start, end = clock->now(clock->context);
        struct delay_log log = { .is_known = true };

        read_delay(&log, clock);
        do {
                start = end;
                status = target->request(target->context, thread, &error);
                end = clock->now(clock->context);
                asked++;
                failures = status == TRIB_OK ? 0 : failures + 1;
                if (status != TRIB_OK)
                        note_failure(tally, &error, status);
                log_request(&log, window, start, end);
                if (end < window->opens)
                        continue;
                if (tally->first_end == 0) {
                        tally->first_end = end;
                        *cpu_at_first = clock->cpu_time(clock->context);
                }
                tally->last_end = end;
                if (status == TRIB_OK)
                        add_request(window, tally, start, end);
        } while (end < window->closes && asked != window->limit
                 && failures < TRIB__WINDOW_FAILURES_MAX && !is_stopped(window));
        log_last(&log, window, start, end);
        tally->has_delay = log.is_known && log.has_begun;
        tally->delay_ns = log.to - log.from;
        tally->asked_ns = log.ended - log.began;
        return status;
}

void trib__window_run(const struct trib__window *window, unsigned thread,
                      struct trib__tally *tally)
{
        const struct trib__target     *target = window->target;
        const struct trib__load_clock *clock = window->clock;
        uint64_t    cpu_at_first = 0;
        trib_status status;

        clear(tally);
        if (target->begin != NULL)
                target->begin(target->context, thread);
        status = ask(window, thread, tally, &cpu_at_first);
        if (tally->first_end != 0) {
                tally->wall_ns = tally->last_end - tally->first_end;
                tally->cpu_ns = clock->cpu_time(clock->context) - cpu_at_first;
        }
        if (target->check != NULL && status == TRIB_OK) {
                tally->checks = 1;
                tally->mismatches = target->check(target->context, thread) ? 0 : 1;
        }
}
