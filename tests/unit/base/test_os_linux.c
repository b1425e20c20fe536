/* SPDX-License-Identifier: Apache-2.0 */
/* test_os_linux.c: the fork guard, the count of cores, and waits on words. */
#include "test_main.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/machine.h"
#include "base/sync.h"

/* What trib__is_forked says in a child (and there in a child of its own, if `depth` is 2). */
static int forked_in_child(int depth)
{
        int   status = -1;
        pid_t child = fork();

        if (child == 0)
                _exit(depth > 1 ? forked_in_child(depth - 1) : trib__is_forked());
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void fork_guard_tells_children_from_the_parent(void **state)
{
        (void)state;
        assert_false(trib__is_forked());
        assert_int_equal(trib__fork_guard_init(NULL), TRIB_OK);
        assert_false(trib__is_forked());
        assert_int_equal(forked_in_child(1), 1);
        assert_int_equal(forked_in_child(2), 1);
        assert_false(trib__is_forked());
        assert_int_equal(trib__fork_guard_init(NULL), TRIB_OK);
        assert_false(trib__is_forked());
}

static void fork_guard_that_starts_in_a_child_holds_there(void **state)
{
        int   status = -1;
        pid_t child = fork();

        (void)state;
        if (child == 0)
                _exit(trib__fork_guard_init(NULL) != TRIB_OK || trib__is_forked() ||
                      forked_in_child(1) != 1);
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_guard_reports_each_failure(void **state)
{
        (void)state;
        for (uint64_t k = 1; k <= 2; k++) {
                trib_error err = TRIB_ERROR_INIT;

                trib__fault_arm(k, false);
                assert_int_equal(trib__fork_guard_init(&err), TRIB_SYSTEM);
                (void)trib__fault_disarm(NULL);
                assert_true(strlen(err.message) > 0);
                assert_false(trib__is_forked());
        }
        assert_int_equal(trib__fork_guard_init(NULL), TRIB_OK);
}

static void cpu_count_is_that_of_the_affinity_mask(void **state)
{
        cpu_set_t before, one;
        size_t    first = 0;

        (void)state;
        assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
        assert_int_equal(trib__cpu_count(), CPU_COUNT(&before));
        while (!CPU_ISSET(first, &before))
                first++;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        assert_int_equal(trib__cpu_count(), 1);
        assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void machine_has_a_name_and_memory(void **state)
{
        char name[128], tiny[4];

        (void)state;
        trib__cpu_name(name, sizeof(name));
        assert_true(strlen(name) > 0);
        trib__cpu_name(tiny, sizeof(tiny));
        assert_int_equal(strlen(tiny), 3);
        trib__fault_arm(1, false);
        trib__cpu_name(name, sizeof(name));
        (void)trib__fault_disarm(NULL);
        assert_string_equal(name, "unknown processor");
        assert_true(trib__memory_bytes() > 1 << 20);
}

static void word_wait_returns_at_once_for_another_value(void **state)
{
        trib__atomic_u32 word = { 5 };

        (void)state;
        assert_true(trib__word_wait(&word, 4, TRIB__NEVER));
}

static void word_wait_ends_at_its_deadline(void **state)
{
        trib__atomic_u32 word = { 5 };
        uint64_t         deadline = trib__deadline_after(2000000);
        uint64_t         waits = trib__thread_counts()->waits;

        (void)state;
        while (trib__word_wait(&word, 5, deadline)) {
        }
        assert_true(trib__now() >= deadline);
        assert_false(trib__word_wait(&word, 5, 0));
        assert_true(trib__thread_counts()->waits >= waits + 2);
}

static void set_and_wake(void *argument)
{
        trib__atomic_u32 *word = argument;

        /* Release: pairs with the acquire load in the waiting test. */
        trib__store_release_u32(word, 1);
        trib__word_wake(word, 1);
}

static void word_wake_ends_a_wait(void **state)
{
        trib__atomic_u32    word = { 0 };
        struct trib__thread thread;

        (void)state;
        assert_int_equal(trib__thread_start(&thread, set_and_wake, &word, NULL), TRIB_OK);
        /* Acquire: pairs with the release store in set_and_wake. */
        while (trib__load_acquire_u32(&word) == 0)
                assert_true(trib__word_wait(&word, 0, TRIB__NEVER));
        trib__thread_join(&thread);
}

TRIB_TEST_MAIN(TRIB_TEST(fork_guard_reports_each_failure),
               TRIB_TEST(fork_guard_that_starts_in_a_child_holds_there),
               TRIB_TEST(fork_guard_tells_children_from_the_parent),
               TRIB_TEST(cpu_count_is_that_of_the_affinity_mask),
               TRIB_TEST(machine_has_a_name_and_memory),
               TRIB_TEST(word_wait_returns_at_once_for_another_value),
               TRIB_TEST(word_wait_ends_at_its_deadline), TRIB_TEST(word_wake_ends_a_wait))
