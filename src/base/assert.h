/* SPDX-License-Identifier: Apache-2.0 */
/* assert.h: checks of our own reasoning, never of input. A failed check traps in the builds that
 * have TRIB_CHECKED (debug and sanitizer presets and the test library); elsewhere it is not
 * compiled. */
#ifndef TRIB_BASE_ASSERT_H
#define TRIB_BASE_ASSERT_H

#if defined(TRIB_CHECKED)
#define TRIB__ASSERT(condition)              \
        do {                                 \
                if (!(condition))            \
                        __builtin_trap();    \
        } while (0)
#else
#define TRIB__ASSERT(condition)              \
        do {                                 \
                (void)sizeof(condition);     \
        } while (0)
#endif

/* No lock of ours may be held here: a device call, a callback, a wait. */
#define TRIB__ASSERT_NO_LOCK() TRIB__ASSERT(trib__thread_counts()->lock_depth == 0)

#endif
