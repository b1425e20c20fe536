/* SPDX-License-Identifier: Apache-2.0 */
/* test_sync.c: ranked locks, condition variables, gates and threads. */
#include "test_main.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"

enum { THREADS = 8, ROUNDS = 2000 };

static struct trib__mutex low = TRIB__MUTEX_INIT(TRIB__RANK_SESSION);
static struct trib__mutex high = TRIB__MUTEX_INIT(TRIB__RANK_LIBRARY);
static struct trib__mutex high_too = TRIB__MUTEX_INIT(TRIB__RANK_LIBRARY);

/* Whether `act` ends its process by the trap of a failed assertion. */
static bool traps(void (*act)(void))
{
        const struct rlimit none = { 0, 0 };
        int                 status = 0;
        pid_t               child = fork();

        if (child == 0) {
                (void)signal(SIGILL, SIG_DFL);
                (void)signal(SIGTRAP, SIG_DFL);
                (void)setrlimit(RLIMIT_CORE, &none);
                act();
                _exit(0);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

/* They break the rules on purpose, so clang's analysis is off. */
static void lock_in_order(void) TRIB__UNCHECKED
{
        trib__lock(&low);
        trib__lock(&high);
        trib__unlock(&low);
        trib__unlock(&high);
        trib__lock(&low);
        trib__unlock(&low);
}

static void lock_in_reverse(void) TRIB__UNCHECKED
{
        trib__lock(&high);
        trib__lock(&low);
}

static void lock_the_same_rank(void) TRIB__UNCHECKED
{
        trib__lock(&high);
        trib__lock(&high_too);
}

static void unlock_what_is_not_held(void) TRIB__UNCHECKED
{
        trib__unlock(&low);
}

static void locks_in_rank_order_are_fine(void **state)
{
        (void)state;
        assert_false(traps(lock_in_order));
}

static void locks_in_reverse_order_trap(void **state)
{
        (void)state;
        assert_true(traps(lock_in_reverse));
}

static void two_locks_of_one_rank_trap(void **state)
{
        (void)state;
        assert_true(traps(lock_the_same_rank));
}

static void unlocking_what_is_not_held_traps(void **state)
{
        (void)state;
        assert_true(traps(unlock_what_is_not_held));
}

static void locks_are_counted(void **state)
{
        struct trib__thread_counts *counts = trib__thread_counts();
        uint64_t                    before = counts->locks;

        (void)state;
        trib__lock(&low);
        trib__lock(&high);
        assert_int_equal(counts->locks - before, 2);
        assert_int_equal(counts->lock_depth, 2);
        trib__unlock(&high);
        trib__unlock(&low);
        assert_int_equal(counts->lock_depth, 0);
}

struct shared {
        struct trib__mutex mutex;
        struct trib__cond  changed;
        struct trib__gate  gate;
        uint64_t           count; /* under mutex, or inside gate */
        uint32_t           turn;  /* under mutex */
};

static void add_under_mutex(void *argument)
{
        struct shared *shared = argument;

        for (int i = 0; i < ROUNDS; i++) {
                trib__lock(&shared->mutex);
                shared->count++;
                trib__unlock(&shared->mutex);
        }
}

static void add_inside_gate(void *argument)
{
        struct shared *shared = argument;

        for (int i = 0; i < ROUNDS; i++) {
                /* With and without a deadline that can pass; a refusal is tried again. */
                while (!trib__gate_enter(&shared->gate, i % 2 == 0 ? TRIB__NEVER
                                                                   : trib__deadline_after(1000))) {
                }
                shared->count++;
                trib__gate_leave(&shared->gate);
        }
}

static void run_threads(struct shared *shared, void (*run)(void *))
{
        struct trib__thread threads[THREADS];

        for (int i = 0; i < THREADS; i++)
                assert_int_equal(trib__thread_start(&threads[i], run, shared, NULL), TRIB_OK);
        for (int i = 0; i < THREADS; i++)
                trib__thread_join(&threads[i]);
}

static void mutex_admits_one_at_a_time(void **state)
{
        struct shared shared = { .count = 0 };

        (void)state;
        assert_int_equal(trib__mutex_init(&shared.mutex, TRIB__RANK_PLANS, NULL), TRIB_OK);
        run_threads(&shared, add_under_mutex);
        assert_int_equal(shared.count, THREADS * ROUNDS);
        trib__mutex_destroy(&shared.mutex);
}

static void gate_admits_one_at_a_time(void **state)
{
        struct shared shared = { .count = 0 };

        (void)state;
        run_threads(&shared, add_inside_gate);
        assert_int_equal(shared.count, THREADS * ROUNDS);
        assert_true(trib__gate_enter(&shared.gate, 0));
        trib__gate_leave(&shared.gate);
}

static void gate_refuses_after_the_deadline(void **state)
{
        struct trib__gate gate = { { 0 } };
        uint64_t          deadline = trib__deadline_after(2000000);

        (void)state;
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        assert_false(trib__gate_enter(&gate, 0));
        assert_false(trib__gate_enter(&gate, deadline));
        assert_true(trib__now() >= deadline);
        trib__gate_leave(&gate);
        assert_true(trib__gate_enter(&gate, 0));
        trib__gate_leave(&gate);
}

static void gate_may_be_held_without_lock_depth(void **state)
{
        struct trib__gate gate = { { 0 } };

        (void)state;
        assert_true(trib__gate_enter(&gate, TRIB__NEVER));
        assert_int_equal(trib__thread_counts()->lock_depth, 0);
        trib__gate_leave(&gate);
}

/* Threads take turns: each waits until the count is its own, THREADS rounds of it. */
static void take_turns(void *argument)
{
        struct shared *shared = argument;
        uint32_t       mine;

        trib__lock(&shared->mutex);
        mine = shared->turn++;
        for (int round = 0; round < 50; round++) {
                while (shared->count % THREADS != mine)
                        (void)trib__cond_wait(&shared->changed, &shared->mutex, TRIB__NEVER);
                shared->count++;
                trib__broadcast(&shared->changed);
        }
        trib__unlock(&shared->mutex);
}

static void cond_wakes_waiters(void **state)
{
        struct shared shared = { .count = 0 };

        (void)state;
        assert_int_equal(trib__mutex_init(&shared.mutex, TRIB__RANK_PLANS, NULL), TRIB_OK);
        assert_int_equal(trib__cond_init(&shared.changed, NULL), TRIB_OK);
        run_threads(&shared, take_turns);
        assert_int_equal(shared.count, THREADS * 50);
        trib__cond_destroy(&shared.changed);
        trib__mutex_destroy(&shared.mutex);
}

static void cond_wait_ends_at_its_deadline(void **state)
{
        struct trib__mutex mutex;
        struct trib__cond  cond;
        uint64_t           deadline;

        (void)state;
        assert_int_equal(trib__mutex_init(&mutex, TRIB__RANK_PLANS, NULL), TRIB_OK);
        assert_int_equal(trib__cond_init(&cond, NULL), TRIB_OK);
        trib__lock(&mutex);
        assert_false(trib__cond_wait(&cond, &mutex, 0));
        deadline = trib__deadline_after(2000000);
        while (trib__cond_wait(&cond, &mutex, deadline)) {
        }
        assert_true(trib__now() >= deadline);
        trib__unlock(&mutex);
        trib__signal(&cond);
        trib__cond_destroy(&cond);
        trib__mutex_destroy(&mutex);
}

static void read_signal_mask(void *argument)
{
        (void)pthread_sigmask(SIG_SETMASK, NULL, argument);
}

static void threads_run_with_every_signal_blocked(void **state)
{
        sigset_t            before, after, inside;
        struct trib__thread thread;

        (void)state;
        (void)sigemptyset(&inside);
        (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
        assert_int_equal(trib__thread_start(&thread, read_signal_mask, &inside, NULL), TRIB_OK);
        trib__thread_join(&thread);
        (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
        assert_int_equal(sigismember(&inside, SIGINT), 1);
        assert_int_equal(sigismember(&inside, SIGTERM), 1);
        assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}

static void each_failure_is_reported(void **state)
{
        struct trib__mutex  mutex;
        struct trib__cond   cond;
        struct trib__thread thread;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        trib__fault_arm(1, true);
        assert_int_equal(trib__mutex_init(&mutex, TRIB__RANK_PLANS, &err), TRIB_SYSTEM);
        assert_int_equal(trib__cond_init(&cond, &err), TRIB_SYSTEM);
        assert_int_equal(trib__thread_start(&thread, add_under_mutex, NULL, &err),
                         TRIB_OUT_OF_MEMORY);
        trib__fault_arm(2, false);
        assert_int_equal(trib__thread_start(&thread, add_under_mutex, NULL, &err), TRIB_SYSTEM);
        (void)trib__fault_disarm(NULL);
        assert_non_null(strstr(err.message, "cannot start a thread"));
}

TRIB_TEST_MAIN(TRIB_TEST(locks_in_rank_order_are_fine), TRIB_TEST(locks_in_reverse_order_trap),
               TRIB_TEST(two_locks_of_one_rank_trap), TRIB_TEST(unlocking_what_is_not_held_traps),
               TRIB_TEST(locks_are_counted), TRIB_TEST(mutex_admits_one_at_a_time),
               TRIB_TEST(gate_admits_one_at_a_time), TRIB_TEST(gate_refuses_after_the_deadline),
               TRIB_TEST(gate_may_be_held_without_lock_depth), TRIB_TEST(cond_wakes_waiters),
               TRIB_TEST(cond_wait_ends_at_its_deadline),
               TRIB_TEST(threads_run_with_every_signal_blocked),
               TRIB_TEST(each_failure_is_reported))
