/* SPDX-License-Identifier: Apache-2.0 */
/* window.c: one thread's part in a measuring window. Nothing here is shared between threads but
 * the window, which nobody writes, and the stop word, which is written at most once. */
#include <string.h>

#include "base/clock.h"
#include "loadgen/loadgen_priv.h"

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

const struct trib__load_clock trib__load_clock_real = { real_now, real_cpu_time, NULL };

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
        uint64_t    end = clock->now(clock->context);

        do {
                uint64_t start = end;

                status = target->request(target->context, thread, &error);
                end = clock->now(clock->context);
                asked++;
                failures = status == TRIB_OK ? 0 : failures + 1;
                if (status != TRIB_OK)
                        note_failure(tally, &error, status);
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
