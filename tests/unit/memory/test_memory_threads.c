/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator under threads: each block has one owner at a time (plain writes, so that a race
 * is seen), the cap holds at every moment that anyone can look, and at the end all adds up. */
#include "test_main.h"

#include <sched.h>

#include "base/fault.h"
#include "base/random.h"
#include "crowd.h"
#include "expect.h"
#include "memory/memory_priv.h"
#include "sim_rig.h"

#define THREADS 8
#define ROUNDS 4000
#define LIMIT (UINT64_C(256) << 10)

struct rig {
        struct sim_rig        sim;
        struct trib__timeline timelines[THREADS];
        struct trib__memory  *memory;
        atomic_int            running;
        atomic_ullong         shared; /* a handle that all retain and release */
};

static void rig_open(struct rig *rig, uint32_t shards, uint64_t limit)
{
        trib_error                 err = TRIB_ERROR_INIT;
        struct trib__memory_params params = { .timelines = rig->timelines,
                                              .n_streams = THREADS,
                                              .n_shards = shards,
                                              .limit = limit };

        memset(rig, 0, sizeof(*rig));
        sim_rig_open(&rig->sim, "clock=scripted", THREADS);
        for (int i = 0; i < THREADS; i++)
                trib__store_release_ptr(&rig->timelines[i].queue, rig->sim.queues[i]);
        params.backend = rig->sim.backend;
        params.device = rig->sim.device;
        EXPECT_OK(trib__memory_create(&params, &rig->memory, &err), &err);
}

static void rig_close(struct rig *rig)
{
        struct trib__memory_stats stats;

        trib__memory_get_stats(rig->memory, &stats);
        assert_int_equal(stats.requested, 0);
        assert_int_equal(stats.allocated, 0);
        assert_int_equal(stats.limbo, 0);
        assert_int_equal(stats.reserved, stats.cached);
        assert_int_equal(trib__memory_trim(rig->memory), stats.cached);
        trib__memory_get_stats(rig->memory, &stats);
        assert_int_equal(stats.reserved, 0);
        trib__memory_destroy(rig->memory);
        sim_rig_close(&rig->sim);
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
        struct rig         *rig = me->context;
        struct trib__random random = { me->index };

        for (int i = 0; i < ROUNDS; i++) {
                uint64_t    handle, bytes = 64 + trib__random_below(&random, 60000);
                trib_status status;

                status = trib__memory_alloc(rig->memory, me->index, bytes, &handle, &me->err);
                if (status == TRIB_OUT_OF_MEMORY)
                        continue;
                if (status != TRIB_OK) {
                        me->wrong++;
                        break;
                }
                me->done++;
                me->wrong += hold_for_a_while(rig->memory, handle, me->index + 1);
                me->wrong += trib__memory_release(rig->memory, handle, NULL) != TRIB_OK;
                me->wrong += trib__memory_release(rig->memory, handle, NULL) != TRIB_STALE;
        }
        atomic_fetch_sub(&rig->running, 1);
}

static void watch_the_cap(struct crowd_member *me)
{
        struct rig *rig = me->context;

        while (atomic_load(&rig->running) > 0) {
                struct trib__memory_stats stats;

                trib__memory_get_stats(rig->memory, &stats);
                me->wrong += stats.reserved > LIMIT || stats.reserved_peak > LIMIT;
                me->done++;
        }
}

static void check_cap(uint32_t shards)
{
        static struct rig          rig;
        struct crowd_member members[THREADS], watcher;

        rig_open(&rig, shards, LIMIT);
        atomic_store(&rig.running, THREADS);
        crowd_start(&watcher, watch_the_cap, &rig, 0);
        crowd_run_all(members, THREADS, take_and_give, &rig);
        crowd_join(&watcher);
        for (int i = 0; i < THREADS; i++) {
                if (members[i].wrong != 0)
                        fail_msg("thread %d: %llu wrong: %s", i,
                                 (unsigned long long)members[i].wrong, members[i].err.message);
                assert_true(members[i].done > 0);
        }
        assert_int_equal(watcher.wrong, 0);
        rig_close(&rig);
}

static void memory_cap_holds_under_8_threads_and_8_shards(void **state)
{
        (void)state;
        check_cap(8);
}

static void memory_cap_holds_under_8_threads_and_1_shard(void **state)
{
        (void)state;
        check_cap(1);
}

/* A request that can never fit must not make those fail that always do. */
static void ask_too_much(struct crowd_member *me)
{
        struct rig *rig = me->context;
        uint64_t    handle;

        while (atomic_load(&rig->running) > 0) {
                me->wrong += trib__memory_alloc(rig->memory, 0, LIMIT + 1, &handle, NULL) !=
                             TRIB_OUT_OF_MEMORY;
                me->done++;
        }
}

static void ask_a_little(struct crowd_member *me)
{
        struct rig *rig = me->context;

        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle, bytes = i % 2 ? 1000 : 3000;

                if (trib__memory_alloc(rig->memory, me->index, bytes, &handle, &me->err) !=
                    TRIB_OK) {
                        me->wrong++;
                        continue;
                }
                me->wrong += trib__memory_release(rig->memory, handle, NULL) != TRIB_OK;
                if (i % 64 == 0)
                        (void)trib__memory_trim(rig->memory);
        }
        atomic_fetch_sub(&rig->running, 1);
}

static void memory_of_a_greedy_neighbour_disturbs_nobody(void **state)
{
        static struct rig          rig;
        struct crowd_member members[4], greedy[2];

        (void)state;
        rig_open(&rig, 8, LIMIT);
        atomic_store(&rig.running, 4);
        for (uint32_t i = 0; i < 2; i++)
                crowd_start(&greedy[i], ask_too_much, &rig, i);
        for (uint32_t i = 0; i < 4; i++)
                crowd_start(&members[i], ask_a_little, &rig, i);
        for (int i = 0; i < 4; i++) {
                crowd_join(&members[i]);
                if (members[i].wrong != 0)
                        fail_msg("%llu requests that fit failed: %s",
                                 (unsigned long long)members[i].wrong, members[i].err.message);
        }
        for (uint32_t i = 0; i < 2; i++) {
                crowd_join(&greedy[i]);
                assert_int_equal(greedy[i].wrong, 0);
        }
        rig_close(&rig);
}

/* H6: the last of many holders retires the block, once. */
static void hold_together(struct crowd_member *me)
{
        struct rig *rig = me->context;

        for (int i = 0; i < ROUNDS; i++) {
                uint64_t handle = atomic_load(&rig->shared);

                if (trib__memory_retain(rig->memory, handle, NULL) == TRIB_OK) {
                        me->done++;
                        me->wrong += trib__memory_use(rig->memory, handle, me->index, NULL) !=
                                     TRIB_OK;
                        me->wrong += trib__memory_release(rig->memory, handle, NULL) != TRIB_OK;
                }
                if (me->index == 0) {
                        uint64_t fresh = 0;

                        me->wrong += trib__memory_alloc(rig->memory, 0, 100, &fresh, NULL) !=
                                     TRIB_OK;
                        atomic_store(&rig->shared, fresh);
                        me->wrong += trib__memory_release(rig->memory, handle, NULL) != TRIB_OK;
                }
        }
}

static void memory_shared_by_many_has_one_last_holder(void **state)
{
        static struct rig          rig;
        struct crowd_member members[THREADS];
        uint64_t            handle;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 8, 0);
        EXPECT_OK(trib__memory_alloc(rig.memory, 0, 100, &handle, &err), &err);
        atomic_store(&rig.shared, handle);
        crowd_run_all(members, THREADS, hold_together, &rig);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(members[i].wrong, 0);
        EXPECT_OK(trib__memory_release(rig.memory, atomic_load(&rig.shared), &err), &err);
        rig_close(&rig);
}

/* Many slots at once, more than one chunk of them. */
static void take_many(struct crowd_member *me)
{
        struct rig *rig = me->context;
        uint64_t    handles[300];

        for (int i = 0; i < 300; i++) {
                if (trib__memory_alloc(rig->memory, me->index, 512, &handles[i], &me->err) !=
                    TRIB_OK)
                        me->wrong++;
        }
        for (int i = 0; i < 300; i++)
                me->wrong += hold_for_a_while(rig->memory, handles[i], me->index + 1);
        for (int i = 0; i < 300; i++)
                me->wrong += trib__memory_release(rig->memory, handles[i], NULL) != TRIB_OK;
}

static void memory_gives_thousands_of_blocks_to_many_threads(void **state)
{
        static struct rig          rig;
        struct crowd_member members[THREADS];

        (void)state;
        rig_open(&rig, 8, 0);
        crowd_run_all(members, THREADS, take_many, &rig);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(members[i].wrong, 0);
        rig_close(&rig);
}

static void memory_survives_every_failed_allocation(void **state)
{
        static struct rig  rig;
        uint64_t    handle, failed;
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status;

        (void)state;
        rig_open(&rig, 8, 0);
        for (uint64_t k = 1;; k++) {
                struct trib__memory_stats stats;

                trib__fault_arm(k, true);
                status = trib__memory_alloc(rig.memory, 0, 1000, &handle, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0)
                        break;
                assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                trib__memory_get_stats(rig.memory, &stats);
                assert_int_equal(stats.reserved, 0);
                assert_int_equal(stats.out_of_memory, k);
        }
        EXPECT_OK(status, &err);
        EXPECT_OK(trib__memory_release(rig.memory, handle, &err), &err);
        rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(memory_cap_holds_under_8_threads_and_8_shards),
               TRIB_TEST(memory_cap_holds_under_8_threads_and_1_shard),
               TRIB_TEST(memory_of_a_greedy_neighbour_disturbs_nobody),
               TRIB_TEST(memory_shared_by_many_has_one_last_holder),
               TRIB_TEST(memory_gives_thousands_of_blocks_to_many_threads),
               TRIB_TEST(memory_survives_every_failed_allocation))
