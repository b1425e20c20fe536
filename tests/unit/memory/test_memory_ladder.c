/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder: each rung is reached by a situation of its own, and counted. The device's clock
 * stands still, so what a stream has not passed stays so until the test says otherwise. */
#include "test_main.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "memory_rig.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define A_MINUTE (60 * TRIB__NS_PER_SECOND)

static struct memory_rig rig;

static uint64_t take(uint32_t stream, uint64_t bytes)
{
        return memory_rig_take(&rig, stream, bytes);
}

static void release(uint64_t handle, uint32_t near)
{
        memory_rig_release(&rig, handle, near);
}

/* What the ladder has served so far: central, device, donation, freeing, waiting, failed. */
static void check_ladder(uint64_t central, uint64_t device, uint64_t donation, uint64_t freeing,
                         uint64_t waiting, uint64_t failed)
{
        struct trib__memory_stats stats = memory_rig_stats(&rig);

        assert_int_equal(stats.from_central, central);
        assert_int_equal(stats.from_device, device);
        assert_int_equal(stats.from_donation, donation);
        assert_int_equal(stats.from_freeing, freeing);
        assert_int_equal(stats.from_waiting, waiting);
        assert_int_equal(stats.out_of_memory, failed);
}

static void ladder_ends_in_the_own_cache(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 0);
        release(take(0, 1000), 0);
        for (int i = 0; i < 100; i++)
                release(take(0, 1000), i % 2 != 0 ? 0 : 5); /* freed here, and from elsewhere */
        check_ladder(0, 1, 0, 0, 0, 0);
        assert_int_equal(memory_rig_stats(&rig).allocations, 101);
        memory_rig_close(&rig);
}

static void ladder_takes_from_the_central_pool(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 0);
        release(take(0, 1000), 0);
        release(take(1, 1000), 1); /* the rest of the first slab */
        release(take(2, 50 * KIB), 2); /* the rest of the segment */
        check_ladder(2, 1, 0, 0, 0, 0);
        memory_rig_close(&rig);
}

static void ladder_grows_before_it_takes_from_other_streams(void **state)
{
        uint64_t handle;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        handle = take(0, 1 * MIB);
        release(handle, 0);
        release(take(1, 1 * MIB), 1);
        check_ladder(0, 2, 0, 0, 0, 0);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 2);
        memory_rig_close(&rig);
}

/* Where more would be reserved than was ever live, and some more, others give before the device is
 * asked. */
static void ladder_takes_from_other_streams_before_it_grows_far(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 0);
        (void)take(2, 20 * MIB);
        release(take(0, 20 * MIB), 0);
        check_ladder(0, 2, 0, 0, 0, 0);
        release(take(1, 20 * MIB), 1);
        check_ladder(0, 2, 1, 0, 0, 0);
        /* Small blocks stay in their caches. */
        release(take(0, 1000), 0);
        release(take(1, 1000), 1);
        release(take(0, 20 * MIB), 0);
        check_ladder(1, 3, 2, 0, 0, 0);
        release(take(0, 1000), 0);
        release(take(1, 1000), 1);
        check_ladder(1, 3, 2, 0, 0, 0);
        memory_rig_close(&rig);
}

/* What is free and too small goes to the device before something larger is taken. */
static void ladder_keeps_nothing_that_does_not_fit(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 0);
        release(take(0, 20 * MIB), 0);
        release(take(1, 40 * MIB), 1);
        check_ladder(0, 2, 0, 0, 0, 0);
        assert_true(memory_rig_stats(&rig).reserved < 50 * MIB);
        memory_rig_close(&rig);
}

/* The gap is in the segment of small blocks, which is left alone as long as there is more. */
static void ladder_takes_a_gap_between_small_blocks_at_last(void **state)
{
        uint64_t held, handle;

        (void)state;
        memory_rig_open(&rig, 0, 1 * MIB);
        held = take(0, 1000);
        handle = take(0, 700 * KIB);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 1);
        check_ladder(1, 1, 0, 0, 0, 0);
        release(held, 0);
        release(handle, 0);
        assert_int_equal(trib__memory_trim(rig.memory), 1 * MIB);
        memory_rig_close(&rig);
}

static void ladder_asks_other_streams_when_the_cap_is_reached(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, MIB);
        release(take(0, 1 * MIB), 0);
        release(take(1, 1 * MIB), 1);
        check_ladder(0, 1, 1, 0, 0, 0);
        memory_rig_close(&rig);
}

static void ladder_gives_free_memory_to_the_device_for_another_size(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        release(take(0, 40 * KIB), 0);
        release(take(1, 60 * KIB), 1); /* for this the first must go */
        check_ladder(0, 1, 0, 1, 0, 0);
        assert_int_equal(memory_rig_stats(&rig).reserved, 64 * KIB);
        memory_rig_close(&rig);

        /* And of segments. */
        memory_rig_open(&rig, 0, 80 * MIB);
        release(take(0, 1000), 0);
        release(take(1, 80 * MIB), 1);
        check_ladder(0, 1, 0, 1, 0, 0);
        assert_int_equal(memory_rig_stats(&rig).segments, 0);
        memory_rig_close(&rig);
}

static void ladder_fails_at_once_without_a_deadline(void **state)
{
        trib_error err;
        uint64_t   handle, none;

        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        handle = take(0, 60 * KIB);
        memory_rig_use(&rig, handle, 0);
        release(handle, 0);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 60 * KIB, 0, &none, &err),
                     TRIB_OUT_OF_MEMORY, &err, "limbo 65536");
        check_ladder(0, 1, 0, 0, 0, 1);
        /* Its own stream may have it at once, and nobody else. */
        release(take(0, 60 * KIB), 0);
        memory_rig_finish(&rig, 0);
        release(take(1, 60 * KIB), 1);
        check_ladder(0, 1, 1, 0, 0, 1);
        memory_rig_close(&rig);
}

/* Nothing was released: there is nothing to wait for, however long one would. */
static void ladder_does_not_wait_for_what_is_held(void **state)
{
        trib_error err;
        uint64_t   handle, none;

        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        handle = take(0, 60 * KIB);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 60 * KIB, TRIB__NEVER, &none, &err),
                     TRIB_OUT_OF_MEMORY, &err, "live 65536");
        release(handle, 0);
        memory_rig_close(&rig);
}

/* ---- rung 6 ------------------------------------------------------------------------------ */

static void wait_for_memory(struct crowd_member *me)
{
        uint64_t handle;

        me->status = trib__memory_alloc(rig.memory, me->index, 60 * KIB,
                                        trib__deadline_after(A_MINUTE), &handle, &me->err);
        if (me->status == TRIB_OK)
                me->status = trib__memory_release(rig.memory, handle, me->index, &me->err);
}

static void ladder_waits_for_the_fence_of_another_stream(void **state)
{
        struct crowd_member waiter = { 0 };
        uint64_t            handle;

        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        handle = take(0, 60 * KIB);
        memory_rig_use(&rig, handle, 0);
        release(handle, 0);
        crowd_start(&waiter, wait_for_memory, NULL, 1);
        crowd_wait_asleep(&waiter);
        assert_true(trib__sim_step(rig.sim.device, NULL)); /* begins: not yet */
        memory_rig_finish(&rig, 0);
        crowd_join(&waiter);
        EXPECT_OK(waiter.status, &waiter.err);
        check_ladder(0, 1, 0, 0, 1, 0);
        memory_rig_close(&rig);
}

/* One of the two blocks waits for a stream that hangs; the other one is what there is to wait for,
 * though it is behind it in every list. */
static void ladder_is_not_held_up_by_a_stream_that_hangs(void **state)
{
        struct crowd_member waiter = { 0 };
        uint64_t            hung, other;

        (void)state;
        for (int turn = 0; turn < 2; turn++) {
                memory_rig_open(&rig, 0, 128 * KIB);
                hung = take(0, 60 * KIB);
                other = take(0, 60 * KIB);
                assert_true(trib__sim_fault(rig.sim.device, turn == 0 ? 1 : 2,
                                            TRIB__SIM_FAULT_HANG, 0));
                memory_rig_use(&rig, turn == 0 ? hung : other, 2);
                memory_rig_use(&rig, turn == 0 ? other : hung, 3);
                release(hung, 0);
                release(other, 0);
                crowd_start(&waiter, wait_for_memory, NULL, 1);
                crowd_wait_asleep(&waiter);
                memory_rig_finish(&rig, turn == 0 ? 3 : 2);
                crowd_join(&waiter);
                EXPECT_OK(waiter.status, &waiter.err);
                assert_int_equal(memory_rig_stats(&rig).from_waiting, 1);
                assert_int_equal(memory_rig_stats(&rig).limbo, 64 * KIB);
                (void)trib__sim_unhang(rig.sim.device, turn == 0 ? 2 : 3);
                memory_rig_close(&rig);
        }
}

static void ladder_gives_up_at_the_deadline(void **state)
{
        trib_error err;
        uint64_t   handle, none;

        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        handle = take(0, 60 * KIB);
        memory_rig_use(&rig, handle, 0);
        release(handle, 0);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 60 * KIB,
                                        trib__deadline_after(TRIB__NS_PER_SECOND / 50), &none,
                                        &err),
                     TRIB_OUT_OF_MEMORY, &err, "limbo 65536");
        check_ladder(0, 1, 0, 0, 0, 1);
        memory_rig_close(&rig);
}

/* The allocator's own time-out, when the caller has none. */
static void ladder_knows_how_long_to_wait_by_itself(void **state)
{
        const struct trib__memory_params params = { .limit = 64 * KIB,
                                                    .timeout_ns = TRIB__NS_PER_SECOND / 50 };
        trib_error                       err;
        uint64_t                         handle, none;

        (void)state;
        memory_rig_open_with(&rig, "clock=scripted", &params);
        handle = take(0, 60 * KIB);
        memory_rig_use(&rig, handle, 0);
        release(handle, 0);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 60 * KIB, TRIB__MEMORY_TIMEOUT, &none,
                                        &err),
                     TRIB_OUT_OF_MEMORY, &err, "limbo 65536");
        memory_rig_close(&rig);
}

/* A lost device will never pass a fence, and says so. */
static void ladder_does_not_wait_for_a_lost_device(void **state)
{
        trib_error err;
        uint64_t   handle, none;

        (void)state;
        memory_rig_open(&rig, 0, 64 * KIB);
        handle = take(0, 60 * KIB);
        memory_rig_use(&rig, handle, 0);
        release(handle, 0);
        trib__sim_lose(rig.sim.device);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 60 * KIB, TRIB__NEVER, &none, &err),
                     TRIB_OUT_OF_MEMORY, &err, "no device memory");
        memory_rig_close(&rig);
}

/* A neighbour releases while we wait for a fence that does not come: we get that. */
static void ladder_sees_what_neighbours_release_while_it_waits(void **state)
{
        struct crowd_member waiter = { 0 };
        uint64_t            stuck, held;

        (void)state;
        memory_rig_open(&rig, 0, 128 * KIB);
        stuck = take(0, 60 * KIB);
        held = take(2, 60 * KIB);
        memory_rig_use(&rig, stuck, 0);
        release(stuck, 0);
        crowd_start(&waiter, wait_for_memory, NULL, 1);
        crowd_wait_asleep(&waiter);
        release(held, 2);
        crowd_join(&waiter);
        EXPECT_OK(waiter.status, &waiter.err);
        memory_rig_close(&rig);
}

/* ---- failures on the way ----------------------------------------------------------------- */

/* The device has no room for a segment, but for the block itself. */
static void ladder_takes_just_a_block_when_the_device_refuses_a_segment(void **state)
{
        uint64_t handle, k;

        (void)state;
        for (k = 1;; k++) {
                uint64_t    failed;
                trib_status status;
                trib_error  err = TRIB_ERROR_INIT;

                memory_rig_open(&rig, 0, 0);
                trib__fault_arm(k, false);
                status = trib__memory_alloc(rig.memory, 0, 1000, 0, &handle, &err);
                (void)trib__fault_disarm(&failed);
                memory_rig_check(&rig);
                if (status == TRIB_OK && failed > 0) {
                        /* A single, or the second try for a slot. */
                        assert_true(memory_rig_stats(&rig).segments <= 1);
                        if (memory_rig_stats(&rig).segments == 0)
                                assert_int_equal(memory_rig_stats(&rig).reserved, 1024);
                }
                if (status == TRIB_OK)
                        release(handle, 0);
                memory_rig_close(&rig);
                if (failed == 0)
                        break;
                assert_true(status == TRIB_OK || status == TRIB_OUT_OF_MEMORY);
        }
        assert_true(k > 4);
}

/* Blocks that are there already are given out though host memory for new ones is short. */
static void ladder_needs_no_host_memory_for_blocks_that_exist(void **state)
{
        uint64_t handles[BLOCKS_PER_CHUNK], handle;
        trib_error err;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        for (int i = 0; i < BLOCKS_PER_CHUNK; i++)
                handles[i] = take(0, 512);
        trib__fault_arm(1, true);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 1, 512, 0, &handle, &err),
                     TRIB_OUT_OF_MEMORY, &err, "host memory");
        release(handles[0], 0);
        EXPECT_OK(trib__memory_alloc(rig.memory, 1, 512, 0, &handle, &err), &err);
        (void)trib__fault_disarm(NULL);
        check_ladder(BLOCKS_PER_CHUNK - 1, 1, 1, 0, 0, 1);
        memory_rig_close(&rig);
}

/* Another thread is inside, in a call of the device that does not come back. */
static void ladder_does_not_wait_for_ever_for_another_thread(void **state)
{
        trib_error err;
        uint64_t   handle, none;

        (void)state;
        memory_rig_open(&rig, 0, 4096);
        assert_true(trib__gate_enter(&rig.memory->gate, 0));
        /* Just this block from the device, and then the cap. */
        handle = take(0, 4000);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, 1000, 0, &none, &err), TRIB_OUT_OF_MEMORY,
                     &err, "another thread's call");
        check_ladder(0, 1, 0, 0, 0, 1);
        release(handle, 0);
        assert_int_equal(trib__memory_trim(rig.memory), 0);
        trib__gate_leave(&rig.memory->gate);
        memory_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(ladder_ends_in_the_own_cache),
               TRIB_TEST(ladder_takes_from_the_central_pool),
               TRIB_TEST(ladder_grows_before_it_takes_from_other_streams),
               TRIB_TEST(ladder_takes_from_other_streams_before_it_grows_far),
               TRIB_TEST(ladder_keeps_nothing_that_does_not_fit),
               TRIB_TEST(ladder_takes_a_gap_between_small_blocks_at_last),
               TRIB_TEST(ladder_asks_other_streams_when_the_cap_is_reached),
               TRIB_TEST(ladder_gives_free_memory_to_the_device_for_another_size),
               TRIB_TEST(ladder_fails_at_once_without_a_deadline),
               TRIB_TEST(ladder_does_not_wait_for_what_is_held),
               TRIB_TEST(ladder_waits_for_the_fence_of_another_stream),
               TRIB_TEST(ladder_is_not_held_up_by_a_stream_that_hangs),
               TRIB_TEST(ladder_gives_up_at_the_deadline),
               TRIB_TEST(ladder_knows_how_long_to_wait_by_itself),
               TRIB_TEST(ladder_does_not_wait_for_a_lost_device),
               TRIB_TEST(ladder_sees_what_neighbours_release_while_it_waits),
               TRIB_TEST(ladder_takes_just_a_block_when_the_device_refuses_a_segment),
               TRIB_TEST(ladder_needs_no_host_memory_for_blocks_that_exist),
               TRIB_TEST(ladder_does_not_wait_for_ever_for_another_thread))
