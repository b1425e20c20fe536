/* SPDX-License-Identifier: Apache-2.0 */
/* meter.h: what the calling thread waited for, while it wants to know.
 *
 * run delay: the time in which the thread was ready to run and had no core, as the kernel's
 *            scheduler counts it (/proc/thread-self/schedstat): all of it since the thread began.
 * meter:     the thread's own account of its waits for locks and gates (base/sync.h), kept while it
 *            is on. Off, a lock or gate that is free costs what it always does.
 *
 * Everything here belongs to the calling thread; there is nothing to lock. */
#ifndef TRIB_BASE_METER_H
#define TRIB_BASE_METER_H

#include <stdbool.h>
#include <stdint.h>

/* All times in ns. */
struct trib__meter {
        bool     is_on;
        uint64_t lock_ns;      /* asleep for mutexes                                            */
        uint64_t gate_ns;      /* asleep for gates                                              */
        uint64_t delay_ns;     /* run delay within these waits, which is in neither             */
        uint64_t gate_held_ns; /* inside of gates                                               */
        uint64_t gate_since;   /* when it came into the one that it is in; 0: before it was on  */
};

struct trib__meter *trib__meter(void);

/* A wait that begins, and how it ended: the time asleep in *asleep, the run delay in it in the
 * meter. */
struct trib__metered_wait {
        uint64_t began, delay;
};
struct trib__metered_wait trib__meter_wait_begin(void);
void trib__meter_wait_end(struct trib__meter *meter, const struct trib__metered_wait *wait,
                          uint64_t *asleep);

/* Open the thread's record; a thread that has closed it cannot open it again. Who opens it closes
 * it before the thread ends. False: the system does not tell the run delay, or the program has half
 * of the files open that it may. */
bool trib__run_delay_open(void);
void trib__run_delay_close(void); /* open or not */
bool trib__run_delay_is_open(void);
/* Of the calling thread so far; 0 where it is not open. About 1 us. */
uint64_t trib__run_delay(void);

#endif
