/* SPDX-License-Identifier: Apache-2.0 */
/* breaker.c: see storm.h. At intervals it lets one pass of a fault site fail, whichever thread
 * comes by, and trims the device, so that requests need memory again. */
#include <time.h>

#include "base/fault.h"
#include "base/random.h"
#include "storm.h"

/* Passes that sites see in some milliseconds of load. */
#define PASSES 2000

static void pause_for(uint64_t ns)
{
        struct timespec span = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

        (void)nanosleep(&span, NULL);
}

void breaker_run(struct breaker *breaker)
{
        struct trib__random random = { breaker->seed };
        uint64_t            failed;

        trib__fault_spare_thread(true);
        while (atomic_load(breaker->running) > 0) {
                trib__fault_arm(1 + trib__random_below(&random, PASSES), false);
                if (trib_device_trim(breaker->device, NULL, &breaker->err) != TRIB_OK)
                        breaker->wrong++;
                pause_for(breaker->gap_ns);
                (void)trib__fault_disarm(&failed);
                breaker->done += failed;
        }
        trib__fault_spare_thread(false);
}
