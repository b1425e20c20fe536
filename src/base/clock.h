/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: monotonic time in nanoseconds, and deadlines. */
#ifndef TRIB_BASE_CLOCK_H
#define TRIB_BASE_CLOCK_H

#include <stdint.h>

#define TRIB__NS_PER_SECOND UINT64_C(1000000000)
#define TRIB__NEVER UINT64_MAX /* a deadline that does not come */

/* Nanoseconds since some fixed moment; never goes back; about 20 ns a call. */
uint64_t trib__now(void);

/* The CPU time of the calling thread, nanoseconds. */
uint64_t trib__thread_cpu_time(void);

/* now + timeout, or TRIB__NEVER if that would not fit (so a timeout of UINT64_MAX is no limit);
 * 0, a deadline that has passed, for a timeout of 0. */
uint64_t trib__deadline_after(uint64_t timeout_ns);

#endif
