/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that events pass through: in order, whole, bounded, and not for a forked child. */
#include "test_main.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sync.h"
#include "base/trace.h"
#include "crowd.h"
#include "expect.h"

#define THREADS 8
#define EACH 3000

static struct trib__trace_ring *ring;

static void start(uint64_t capacity)
{
        size_t size = sizeof(*ring) + capacity * sizeof(ring->slots[0]);

        ring = aligned_alloc(TRIB__CACHE_LINE, size);
        assert_non_null(ring);
        memset(ring, 0, size);
        ring->capacity = capacity;
        trib__trace_start(ring);
}

static void emit_some(struct crowd_member *me)
{
        for (uint64_t i = 0; i < EACH; i++)
                TRIB__TRACE(QUIET, NULL, me->index, i);
}

/* Read everything, and see that each thread's events are there in its order. */
static void read_all(uint64_t *next)
{
        uint64_t capacity = ring->capacity;

        for (uint64_t stamp = 0; stamp < THREADS * EACH; stamp++) {
                const struct trib__trace_slot *slot = &ring->slots[stamp & (capacity - 1)];
                uint64_t                       member;

                /* Pairs with the release in trib__trace_emit. */
                while (trib__load_acquire_u64(&slot->words[0]) != stamp + 1)
                        (void)sched_yield();
                member = trib__load_relaxed_u64(&slot->words[3]);
                assert_true(member < THREADS);
                assert_int_equal((uint32_t)trib__load_relaxed_u64(&slot->words[1]),
                                 TRIB__TRACE_QUIET);
                assert_int_equal(trib__load_relaxed_u64(&slot->words[4]), next[member]);
                next[member]++;
                trib__store_release_u64(&ring->consumed, stamp + 1);
        }
}

static void check(uint64_t capacity)
{
        static struct crowd_member members[THREADS];
        uint64_t                   next[THREADS] = { 0 };

        start(capacity);
        for (uint32_t i = 0; i < THREADS; i++)
                crowd_start(&members[i], emit_some, NULL, i);
        read_all(next);
        for (uint32_t i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                assert_int_equal(next[i], EACH);
        }
        trib__trace_stop();
        assert_int_equal(trib__load_relaxed_u64(&ring->next), THREADS * EACH);
        assert_int_equal(trib__load_relaxed_u64(&ring->ended), 1);
        free(ring);
}

static void ring_keeps_every_event_in_order(void **state)
{
        (void)state;
        check(32768);
}

/* It holds a thousandth of what passes through it. */
static void ring_that_is_full_makes_writers_wait(void **state)
{
        (void)state;
        check(32);
}

static void ring_gets_nothing_when_it_is_stopped(void **state)
{
        (void)state;
        start(32);
        TRIB__TRACE(QUIET, NULL, 1);
        trib__trace_stop();
        TRIB__TRACE(QUIET, NULL, 2);
        assert_int_equal(trib__load_relaxed_u64(&ring->next), 1);
        free(ring);
}

static void ring_gets_nothing_from_a_forked_child(void **state)
{
        trib_error err = TRIB_ERROR_INIT;
        pid_t      child;
        int        status = 0;

        (void)state;
        EXPECT_OK(trib__fork_guard_init(&err), &err);
        start(32);
        child = fork();
        if (child == 0) {
                /* More than the ring holds: nobody reads it here. */
                for (uint64_t i = 0; i < 100; i++)
                        TRIB__TRACE(QUIET, NULL, i);
                _exit(trib__load_relaxed_u64(&ring->next) == 0 ? 0 : 1);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        trib__trace_stop();
        free(ring);
}

TRIB_TEST_MAIN(TRIB_TEST(ring_keeps_every_event_in_order),
               TRIB_TEST(ring_that_is_full_makes_writers_wait),
               TRIB_TEST(ring_gets_nothing_when_it_is_stopped),
               TRIB_TEST(ring_gets_nothing_from_a_forked_child))
