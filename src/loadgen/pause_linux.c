/* SPDX-License-Identifier: Apache-2.0 */
/* pause_linux.c: sleeping until a moment, as exactly as the kernel lets us. A thread's timer slack
 * is 50 us unless it asks for less. */
#include <sys/prctl.h>
#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "loadgen/open_loop.h"

static _Thread_local bool is_exact; /* this thread has asked for the least slack */

void trib__open_pause_real(void *context, uint64_t moment, uint64_t spin_ns)
{
        uint64_t        wake = moment - spin_ns;
        struct timespec until = { .tv_sec = (time_t)(wake / TRIB__NS_PER_SECOND),
                                  .tv_nsec = (long)(wake % TRIB__NS_PER_SECOND) };

        (void)context;
        if (!is_exact)
                (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        is_exact = true;
        if (wake > trib__now())
                (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        while (trib__now() < moment)
                trib__cpu_relax();
}
