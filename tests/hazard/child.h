/* SPDX-License-Identifier: Apache-2.0 */
/* child.h: a function run in a process of its own, for what ends a process: traps, exit(), fork.
 * The parent must have no other thread and must not have used the library, unless the test is about
 * just that. */
#ifndef TRIB_TESTS_CHILD_H
#define TRIB_TESTS_CHILD_H

#include <sys/types.h>

/* Starts it; the child ends with status 0 if `run` returns. */
pid_t child_start(void (*run)(void *argument), void *argument);
/* Its wait status. */
int child_wait(pid_t child);
/* Both. */
int child_run(void (*run)(void *argument), void *argument);

/* Must end with status 0; `what` names it in the failure. */
void child_must_succeed(void (*run)(void *argument), void *argument, const char *what);
/* Must be ended by a trap of the library's own checks, or by the spy (spy.h). */
void child_must_trap(void (*run)(void *argument), void *argument, const char *what);

/* In the child, where cmocka's checks cannot be used: exit with status 1, saying what is wrong. */
#define CHILD_CHECK(condition)                                                          \
        do {                                                                            \
                if (!(condition))                                                       \
                        child_fails(__FILE__, __LINE__, #condition);                    \
        } while (0)
_Noreturn void child_fails(const char *file, int line, const char *what);

#endif
