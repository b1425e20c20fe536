/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: see child.h. */
#include "child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

pid_t child_start(void (*run)(void *argument), void *argument)
{
        pid_t child;

        (void)fflush(NULL);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                run(argument);
                (void)fflush(NULL);
                _exit(0);
        }
        return child;
}

int child_wait(pid_t child)
{
        int status = -1;

        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

int child_run(void (*run)(void *argument), void *argument)
{
        return child_wait(child_start(run, argument));
}

void child_must_succeed(void (*run)(void *argument), void *argument, const char *what)
{
        int status = child_run(run, argument);

        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("%s: the child ended with wait status 0x%x", what, (unsigned)status);
}

struct trap {
        void (*run)(void *argument);
        void *argument;
};

/* The signals of __builtin_trap as the system means them: cmocka and the sanitizers would turn
 * them into reports. No core file. */
static void run_to_trap(void *argument)
{
        const struct trap  *trap = argument;
        const struct rlimit none = { 0, 0 };

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGILL, SIG_DFL);
        (void)signal(SIGTRAP, SIG_DFL);
        (void)signal(SIGABRT, SIG_DFL);
        trap->run(trap->argument);
}

void child_must_trap(void (*run)(void *argument), void *argument, const char *what)
{
        struct trap trap = { run, argument };
        int         status = child_run(run_to_trap, &trap);

        if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGILL && WTERMSIG(status) != SIGTRAP &&
                                     WTERMSIG(status) != SIGABRT))
                fail_msg("%s: did not trap, wait status 0x%x", what, (unsigned)status);
}

_Noreturn void child_fails(const char *file, int line, const char *what)
{
        (void)fprintf(stderr, "in the child: %s:%d: not true: %s\n", file, line, what);
        _exit(1);
}
