/* SPDX-License-Identifier: Apache-2.0 */
/* spy.h: every device of these programs is opened through a spy, which passes each call on and
 * checks on the way what the library promises its backends. What is broken ends the process with a
 * line that says so:
 *
 *   H9   no lock of the library's is held in any call but `completed`, which is a load;
 *   H12  the values of a queue only grow, and are never used again;
 *   H13  a timeline never goes back;
 *   H28  a program is released only when no launch of it is unfinished, once.
 *
 * The spy's words are relaxed atomics, so that it adds no order between threads that would hide a
 * missing one from a thread sanitizer. */
#ifndef TRIB_TESTS_SPY_H
#define TRIB_TESTS_SPY_H

#include <stdint.h>

enum spy_call {
        SPY_OPEN,
        SPY_ALLOC,
        SPY_FREE,
        SPY_COMPILE,
        SPY_RELEASE,
        SPY_QUEUE_CREATE,
        SPY_LAUNCH,
        SPY_COPY,
        SPY_COMPLETED,
        SPY_PARK,
        SPY_RESULT,
        SPY_CALL_COUNT
};

/* How often each call came, on all devices of the process. */
uint64_t spy_count(enum spy_call call);
/* Programs made and not yet released, and the most that there ever were. */
uint64_t spy_programs(void);
uint64_t spy_programs_peak(void);

#endif
