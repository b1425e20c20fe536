/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.c: see crowd.h. */
#include "crowd.h"

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void *crowd_main(void *argument)
{
        struct crowd_member *member = argument;

        atomic_store(&member->tid, gettid());
        member->run(member);
        return NULL;
}

void crowd_start(struct crowd_member *member, void (*run)(struct crowd_member *), void *context,
                 uint32_t index)
{
        memset(member, 0, sizeof(*member));
        member->run = run;
        member->context = context;
        member->index = index;
        assert_int_equal(pthread_create(&member->thread, NULL, crowd_main, member), 0);
}

void crowd_join(struct crowd_member *member)
{
        assert_int_equal(pthread_join(member->thread, NULL), 0);
}

/* The state letter of a thread: the first behind the last ')' of its stat line. */
static char thread_state(int tid)
{
        char  path[64], line[512], *end;
        FILE *file;
        char  state = '?';

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
        file = fopen(path, "re");
        if (file == NULL)
                return '?';
        if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL)
                state = end[2];
        (void)fclose(file);
        return state;
}

/* What threads and files there are, and whether a thread sleeps, is read from /proc. */
static void need_proc(void)
{
        if (access("/proc/self/task", F_OK) == 0)
                return;
        print_message("not run: /proc is not mounted here\n");
        skip();
}

void crowd_wait_asleep(struct crowd_member *member)
{
        int tid;

        need_proc();
        while ((tid = atomic_load(&member->tid)) == 0)
                (void)sched_yield();
        while (thread_state(tid) != 'S')
                (void)sched_yield();
}

struct start {
        void (*run)(struct crowd_member *);
        void             *context;
        pthread_barrier_t barrier;
};

static void run_together(struct crowd_member *member)
{
        struct start *start = member->context;

        (void)pthread_barrier_wait(&start->barrier);
        member->context = start->context;
        start->run(member);
}

void crowd_run_all(struct crowd_member *members, uint32_t count,
                   void (*run)(struct crowd_member *), void *context)
{
        struct start start = { .run = run, .context = context };

        assert_int_equal(pthread_barrier_init(&start.barrier, NULL, count), 0);
        for (uint32_t i = 0; i < count; i++)
                crowd_start(&members[i], run_together, &start, i);
        for (uint32_t i = 0; i < count; i++)
                crowd_join(&members[i]);
        (void)pthread_barrier_destroy(&start.barrier);
}

static uint32_t count_entries(const char *path)
{
        DIR           *folder;
        struct dirent *entry;
        uint32_t       count = 0;

        need_proc();
        folder = opendir(path);
        assert_non_null(folder);
        while ((entry = readdir(folder)) != NULL)
                count += entry->d_name[0] != '.';
        (void)closedir(folder);
        return count;
}

static void do_nothing(struct crowd_member *member)
{
        (void)member;
}

uint32_t crowd_thread_count(void)
{
        struct crowd_member member;

        /* A sanitizer starts a thread of its own with the program's first. */
        crowd_start(&member, do_nothing, NULL, 0);
        crowd_join(&member);
        while (thread_state(atomic_load(&member.tid)) != '?')
                (void)sched_yield();
        return count_entries("/proc/self/task");
}

uint32_t crowd_file_count(void)
{
        return count_entries("/proc/self/fd") - 1;
}

void crowd_wait_threads(uint32_t count)
{
        while (count_entries("/proc/self/task") != count)
                (void)sched_yield();
}
