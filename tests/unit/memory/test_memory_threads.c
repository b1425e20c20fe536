/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator under threads: each block has one owner at a time (plain writes, so that a race
 * is seen), the cap holds at every moment that anyone can look, and at the end all adds up. */
#include "test_main.h"

#include <sched.h>

#include "base/fault.h"
#include "base/random.h"
#include "crowd.h"
#include "expect.h"
#include "memory_rig.h"
#include "scale.h"

#define THREADS MEMORY_RIG_STREAMS
#define ROUNDS ((int)test_scale(4000, 400000))
#define BOXES 16
#define LIMIT (UINT64_C(256) << 10)

struct rig {
        struct memory_rig    base;
        struct trib__memory *memory;
        atomic_int           running;
        atomic_ullong        shared;                  /* a handle that all retain and release */
        atomic_ullong        boxes[THREADS][BOXES];   /* handles on their way to a thread     */
};

static struct rig rig;

static void rig_open(uint32_t shards, uint64_t limit)
{
        memset(&rig, 0, sizeof(rig));
        memory_rig_open(&rig.base, shards, limit);
        rig.memory = rig.base.memory;
}

static void rig_close(void)
{
        struct trib__memory_stats stats = memory_rig_stats(&rig.base);

        memory_rig_check(&rig.base);
        assert_int_equal(stats.requested, 0);
        assert_int_equal(stats.allocated, 0);
        assert_int_equal(stats.limbo, 0);
        assert_int_equal(stats.reserved, stats.cached);
        assert_int_equal(trib__memory_trim(rig.memory), stats.cached);
        stats = memory_rig_stats(&rig.base);
        assert_int_equal(stats.reserved, 0);
        memory_rig_close(&rig.base);
}

static void check_members(const struct crowd_member *members, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                if (members[i].wrong != 0)
                        fail_msg("thread %u: %llu wrong: %s", i,
                                 (unsigned long long)members[i].wrong, members[i].err.message);
                assert_true(members[i].done > 0);
        }
}

/* Fill, let others run, and look whether it is still ours. */
static uint64_t hold_for_a_while(struct trib__memory *memory, uint64_t handle, uint32_t me)
{
        uint32_t *words;
        void     *address;
        uint64_t  bytes, wrong = 0;

        if (trib__memory_lookup(memory, handle, &address, &bytes, NULL) != TRIB_OK)
                return 1;
        words = address;
        for (uint64_t i = 0; i < bytes / sizeof(*words); i += 16)
                words[i] = me;
        (void)sched_yield();
        for (uint64_t i = 0; i < bytes / sizeof(*words); i += 16)
                wrong += words[i] != me;
        return wrong;
}

static void take_and_give(struct crowd_member *me)
{
        struct trib__random random = { me->index };

        for (int i = 0; i < ROUNDS; i++) {
                uint64_t    handle, bytes = 64 + trib__random_below(&random, 60000);
                trib_status status;

                status = trib__memory_alloc(rig.memory, me->index, bytes, 0, &handle, &me->err);
                if (status == TRIB_OUT_OF_MEMORY)
                        continue;
                if (status != TRIB_OK) {
                        me->wrong++;
                        break;
                }
                me->done++;
                me->wrong += hold_for_a_while(rig.memory, handle, me->index + 1);
                me->wrong += trib__memory_release(rig.memory, handle, TRIB__NEAR_MINE, NULL) !=
                             TRIB_OK;
                me->wrong += trib__memory_release(rig.memory, handle, TRIB__NEAR_MINE, NULL) !=
                             TRIB_STALE;
        }
        atomic_fetch_sub(&rig.running, 1);
}

static void watch_the_cap(struct crowd_member *me)
{
        uint64_t limit = rig.memory->params.limit;

        do {
                struct trib__memory_stats stats = memory_rig_stats(&rig.base);
                char                      text[64];

                me->wrong += stats.reserved > limit || stats.reserved_peak > limit;
                me->wrong += trib__memory_describe(rig.memory, text, sizeof(text)) < 64;
                me->done++;
        } while (atomic_load(&rig.running) > 0);
}

/* With a small cap every block is a piece of its own, with the large one segments come and go. */
static void memory_cap_holds_under_8_threads(void **state)
{
        static const uint64_t limits[] = { LIMIT, UINT64_C(5) << 20 };

        (void)state;
        for (uint32_t i = 0; i < 6; i++) {
                static const uint32_t designs[] = { 0, 1, 8 };
                struct crowd_member   members[THREADS], watcher;

                rig_open(designs[i % 3], limits[i / 3]);
                atomic_store(&rig.running, THREADS);
                crowd_start(&watcher, watch_the_cap, NULL, 0);
                crowd_run_all(members, THREADS, take_and_give, NULL);
                crowd_join(&watcher);
                check_members(members, THREADS);
                check_members(&watcher, 1);
                rig_close();
        }
}

/* A request that can never fit must not make those fail that always do. */
static void ask_too_much(struct crowd_member *me)
{
        uint64_t handle;

        do {
                me->wrong += trib__memory_alloc(rig.memory, 0, LIMIT + me->index, 0, &handle,
                                                NULL) != TRIB_OUT_OF_MEMORY;
                me->done++;
        } while (atomic_load(&rig.running) > 0);
}

static void ask_a_little(struct crowd_member *me)
{
        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle, bytes = i % 2 ? 1000 : 3000;

                if (trib__memory_alloc(rig.memory, me->index, bytes, 0, &handle, &me->err) !=
                    TRIB_OK) {
                        me->wrong++;
                        continue;
                }
                me->done++;
                me->wrong += trib__memory_release(rig.memory, handle, TRIB__NEAR_MINE, NULL) !=
                             TRIB_OK;
                if (i % 64 == 0)
                        (void)trib__memory_trim(rig.memory);
        }
        atomic_fetch_sub(&rig.running, 1);
}

/* One of the greedy asks for more than the cap, the other for all of it while one block is held:
 * it empties the caches of all again and again. */
static void memory_of_a_greedy_neighbour_disturbs_nobody(void **state)
{
        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                struct crowd_member members[4], greedy[2];
                trib_error          err = TRIB_ERROR_INIT;
                uint64_t            held;

                rig_open(shards, LIMIT);
                EXPECT_OK(trib__memory_alloc(rig.memory, 7, 600, 0, &held, &err), &err);
                atomic_store(&rig.running, 4);
                for (uint32_t i = 0; i < 2; i++)
                        crowd_start(&greedy[i], ask_too_much, NULL, i);
                for (uint32_t i = 0; i < 4; i++)
                        crowd_start(&members[i], ask_a_little, NULL, i);
                for (int i = 0; i < 4; i++)
                        crowd_join(&members[i]);
                for (uint32_t i = 0; i < 2; i++)
                        crowd_join(&greedy[i]);
                check_members(members, 4);
                check_members(greedy, 2);
                EXPECT_OK(trib__memory_release(rig.memory, held, 0, &err), &err);
                rig_close();
        }
}

/* H6: the last of many holders retires the block, once. */
static void hold_together(struct crowd_member *me)
{
        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle = atomic_load(&rig.shared);

                me->done++;
                if (trib__memory_retain(rig.memory, handle, NULL) == TRIB_OK) {
                        me->wrong += trib__memory_use(rig.memory, handle, me->index, NULL) !=
                                     TRIB_OK;
                        me->wrong += trib__memory_release(rig.memory, handle, me->index, NULL) !=
                                     TRIB_OK;
                }
                if (me->index == 0) {
                        uint64_t fresh = 0;

                        me->wrong += trib__memory_alloc(rig.memory, 0, 100, 0, &fresh, NULL) !=
                                     TRIB_OK;
                        atomic_store(&rig.shared, fresh);
                        me->wrong += trib__memory_release(rig.memory, handle, 0, NULL) != TRIB_OK;
                }
        }
}

static void memory_shared_by_many_has_one_last_holder(void **state)
{
        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                struct crowd_member members[THREADS];
                uint64_t            handle;
                trib_error          err = TRIB_ERROR_INIT;

                rig_open(shards, 0);
                EXPECT_OK(trib__memory_alloc(rig.memory, 0, 100, 0, &handle, &err), &err);
                atomic_store(&rig.shared, handle);
                crowd_run_all(members, THREADS, hold_together, NULL);
                check_members(members, THREADS);
                EXPECT_OK(trib__memory_release(rig.memory, atomic_load(&rig.shared), 0, &err),
                          &err);
                rig_close();
        }
}

/* Blocks go from thread to thread, and each is freed by another than the one that took it. What
 * the one wrote into the block, the other must see, and nobody may have written in between: plain
 * words, so that a missing order is a race that a sanitizer finds. */
static void write_seal(void *address, uint64_t bytes, uint64_t seal)
{
        uint64_t *words = address;

        words[0] = seal;
        words[bytes / sizeof(*words) - 1] = ~seal;
}

static bool is_sealed(const void *address, uint64_t bytes, uint64_t seal)
{
        const uint64_t *words = address;

        return words[0] == seal && words[bytes / sizeof(*words) - 1] == ~seal;
}

static uint64_t open_box(uint64_t handle, uint32_t near)
{
        void    *address;
        uint64_t bytes, wrong;

        if (handle == 0)
                return 0;
        if (trib__memory_lookup(rig.memory, handle, &address, &bytes, NULL) != TRIB_OK)
                return 1;
        wrong = !is_sealed(address, bytes, handle);
        write_seal(address, bytes, 0);
        return wrong + (trib__memory_release(rig.memory, handle, near, NULL) != TRIB_OK);
}

static void pass_on(struct crowd_member *me)
{
        struct trib__random random = { me->index + 100 };
        atomic_ullong      *next = rig.boxes[(me->index + 1) % THREADS];

        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle, got, bytes = 512u << trib__random_below(&random, 6);
                void    *address;

                if (trib__memory_alloc(rig.memory, me->index, bytes, 0, &handle, &me->err) !=
                    TRIB_OK) {
                        me->wrong++;
                        continue;
                }
                me->done++;
                me->wrong += trib__memory_lookup(rig.memory, handle, &address, &got, NULL) !=
                             TRIB_OK;
                write_seal(address, bytes, handle);
                /* What is in the box already is ours to free. */
                handle = atomic_exchange(&next[trib__random_below(&random, BOXES)], handle);
                me->wrong += open_box(handle, me->index);
                handle = atomic_exchange(&rig.boxes[me->index][i % BOXES], 0);
                me->wrong += open_box(handle, i % 7 == 0 ? TRIB__NEAR_MINE : me->index);
                if (me->index == 0 && i % 500 == 0)
                        (void)trib__memory_trim(rig.memory);
        }
}

static void memory_freed_by_other_threads_comes_back_whole(void **state)
{
        static const uint64_t limits[] = { 0, UINT64_C(3) << 20 };

        (void)state;
        for (uint32_t i = 0; i < 4; i++) {
                struct crowd_member members[THREADS];

                rig_open(i % 2 * 8, limits[i / 2]);
                crowd_run_all(members, THREADS, pass_on, NULL);
                check_members(members, THREADS);
                for (uint32_t t = 0; t < THREADS; t++) {
                        for (uint32_t box = 0; box < BOXES; box++)
                                assert_int_equal(open_box(atomic_load(&rig.boxes[t][box]), t), 0);
                }
                rig_close();
        }
}

/* All threads work on one stream: who does not get into its cache goes another way. */
static void crowd_one_stream(struct crowd_member *me)
{
        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle;

                if (trib__memory_alloc(rig.memory, 3, 700, 0, &handle, &me->err) != TRIB_OK) {
                        me->wrong++;
                        continue;
                }
                me->done++;
                if (i % 16 == 0)
                        me->wrong += hold_for_a_while(rig.memory, handle, me->index + 1);
                me->wrong += trib__memory_release(rig.memory, handle, TRIB__NEAR_MINE, NULL) !=
                             TRIB_OK;
        }
}

static void memory_of_one_stream_serves_many_threads(void **state)
{
        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                struct crowd_member members[THREADS];

                rig_open(shards, 0);
                crowd_run_all(members, THREADS, crowd_one_stream, NULL);
                check_members(members, THREADS);
                assert_int_equal(memory_rig_stats(&rig.base).allocations, THREADS * ROUNDS);
                rig_close();
        }
}

/* Many slots at once, more than one chunk of them. */
static void take_many(struct crowd_member *me)
{
        uint64_t handles[300];

        for (int i = 0; i < 300; i++) {
                if (trib__memory_alloc(rig.memory, me->index, 512, 0, &handles[i], &me->err) !=
                    TRIB_OK)
                        me->wrong++;
        }
        for (int i = 0; i < 300; i++)
                me->wrong += hold_for_a_while(rig.memory, handles[i], me->index + 1);
        for (int i = 0; i < 300; i++)
                me->wrong += trib__memory_release(rig.memory, handles[i], 0, NULL) != TRIB_OK;
        me->done++;
}

static void memory_gives_thousands_of_blocks_to_many_threads(void **state)
{
        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                struct crowd_member members[THREADS];

                rig_open(shards, 0);
                crowd_run_all(members, THREADS, take_many, NULL);
                check_members(members, THREADS);
                rig_close();
        }
}

static void memory_survives_every_failed_allocation(void **state)
{
        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                uint64_t    handle, failed;
                trib_error  err = TRIB_ERROR_INIT;
                trib_status status;

                rig_open(shards, 0);
                for (uint64_t k = 1;; k++) {
                        struct trib__memory_stats stats;

                        trib__fault_arm(k, true);
                        status = trib__memory_alloc(rig.memory, 0, 1000, 0, &handle, &err);
                        (void)trib__fault_disarm(&failed);
                        if (failed == 0)
                                break;
                        assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                        stats = memory_rig_stats(&rig.base);
                        assert_int_equal(stats.reserved, 0);
                        assert_int_equal(stats.out_of_memory, k);
                        memory_rig_check(&rig.base);
                }
                EXPECT_OK(status, &err);
                EXPECT_OK(trib__memory_release(rig.memory, handle, 0, &err), &err);
                rig_close();
        }
}

TRIB_TEST_MAIN(TRIB_TEST(memory_cap_holds_under_8_threads),
               TRIB_TEST(memory_of_a_greedy_neighbour_disturbs_nobody),
               TRIB_TEST(memory_shared_by_many_has_one_last_holder),
               TRIB_TEST(memory_freed_by_other_threads_comes_back_whole),
               TRIB_TEST(memory_of_one_stream_serves_many_threads),
               TRIB_TEST(memory_gives_thousands_of_blocks_to_many_threads),
               TRIB_TEST(memory_survives_every_failed_allocation))
