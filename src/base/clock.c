/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: CLOCK_MONOTONIC in nanoseconds. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
        struct timespec now;

        /* Cannot fail: the clocks exist on every system that we build for. */
        (void)clock_gettime(id, &now);
        return (uint64_t)now.tv_sec * TRIB__NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t trib__now(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

uint64_t trib__thread_cpu_time(void)
{
        return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t trib__deadline_after(uint64_t timeout_ns)
{
        uint64_t deadline;

        if (timeout_ns == 0)
                return 0;
        if (__builtin_add_overflow(trib__now(), timeout_ns, &deadline))
                return TRIB__NEVER;
        return deadline;
}
