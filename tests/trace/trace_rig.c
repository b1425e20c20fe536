/* SPDX-License-Identifier: Apache-2.0 */
/* trace_rig.c: see trace_rig.h. */
#include "trace_rig.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* 4 MiB of records: stays in the caches, and a reader that sleeps for a moment holds up nobody. */
#define CAPACITY (UINT64_C(1) << 16)

extern char **environ;

static pid_t start_checker(char **arguments)
{
        pid_t pid;

        assert_int_equal(posix_spawn(&pid, TRACE_CHECK, NULL, NULL, arguments, environ), 0);
        return pid;
}

static int wait_for(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* `options`: up to 4 words for the checker. */
static void begin(struct trace_rig *rig, const char *const *options)
{
        char  descriptor[16];
        char *arguments[8] = { (char *)(uintptr_t)"trace-check", (char *)(uintptr_t)"--ring",
                               descriptor };
        int   file = memfd_create("trace", 0);

        assert_true(file >= 0);
        rig->size = sizeof(*rig->ring) + CAPACITY * sizeof(rig->ring->slots[0]);
        assert_int_equal(ftruncate(file, (off_t)rig->size), 0);
        rig->ring = mmap(NULL, rig->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        assert_true(rig->ring != MAP_FAILED);
        rig->ring->capacity = CAPACITY;
        (void)snprintf(descriptor, sizeof(descriptor), "%d", file);
        for (int i = 0; options[i] != NULL; i++)
                arguments[3 + i] = (char *)(uintptr_t)options[i];
        rig->checker = start_checker(arguments);
        (void)close(file);
        trib__trace_start(rig->ring);
}

void trace_begin(struct trace_rig *rig, const char *need, const char *save)
{
        const char *options[5] = { NULL };
        int         count = 0;

        if (need != NULL) {
                options[count++] = "--need";
                options[count++] = need;
        }
        if (save != NULL) {
                options[count++] = "--save";
                options[count++] = save;
        }
        begin(rig, options);
}

void trace_begin_expecting(struct trace_rig *rig, const char *property)
{
        const char *const options[3] = { property != NULL ? "--expect" : NULL, property, NULL };

        begin(rig, options);
}

void trace_quiet(void)
{
        TRIB__TRACE(QUIET, NULL, 0);
}

uint64_t trace_count(const struct trace_rig *rig)
{
        return trib__load_relaxed_u64(&rig->ring->next);
}

int trace_end(struct trace_rig *rig)
{
        int status;

        trib__trace_stop();
        (void)fflush(stdout);
        status = wait_for(rig->checker);
        assert_int_equal(munmap(rig->ring, rig->size), 0);
        return status;
}

int trace_replay(const char *option, const char *path)
{
        char *arguments[4] = { (char *)(uintptr_t)"trace-check", (char *)(uintptr_t)option,
                               (char *)(uintptr_t)path };

        return wait_for(start_checker(arguments));
}

const char *trace_file(void)
{
        static char path[64];
        int         file;

        /* Open until the test ends, so that its name stays good: it is nowhere else. */
        file = memfd_create("saved trace", 0);
        assert_true(file >= 0);
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), file);
        return path;
}
