/* SPDX-License-Identifier: Apache-2.0 */
/* Fences of blocks that several streams use, in the caches per stream: how many streams, in which
 * order they pass, who frees the block, and what a stream that hangs holds up. */
#include "test_main.h"

#include "expect.h"
#include "memory_rig.h"

static struct memory_rig rig;

static uint64_t take(uint32_t stream, uint64_t bytes)
{
        return memory_rig_take(&rig, stream, bytes);
}

/* The cap of a single block of 1 KiB: who gets a block gets that one. */
static bool is_to_be_had(uint32_t stream, uint64_t *handle)
{
        trib_status status = trib__memory_alloc(rig.memory, stream, 1000, 0, handle, NULL);

        assert_true(status == TRIB_OK || status == TRIB_OUT_OF_MEMORY);
        return status == TRIB_OK;
}

/* A block used by n streams is to be had again by its own when all the others have passed, and by
 * another when its own has as well; in either order of passing. */
static void check_streams(uint32_t n, uint32_t near, bool is_backwards)
{
        uint64_t handle;

        memory_rig_open(&rig, 0, 1024);
        handle = take(0, 1000);
        for (uint32_t l = 0; l < n; l++)
                memory_rig_use(&rig, handle, l);
        memory_rig_release(&rig, handle, near);
        assert_int_equal(memory_rig_stats(&rig).limbo, 1024);
        for (uint32_t i = 1; i < n; i++) {
                assert_false(is_to_be_had(0, &handle));
                assert_false(is_to_be_had(7, &handle));
                memory_rig_finish(&rig, is_backwards ? n - i : i);
        }
        assert_int_equal(memory_rig_stats(&rig).limbo, 1024);
        assert_false(is_to_be_had(7, &handle));
        assert_true(is_to_be_had(0, &handle));
        memory_rig_release(&rig, handle, near);
        memory_rig_finish(&rig, 0);
        assert_int_equal(memory_rig_stats(&rig).limbo, 0);
        assert_true(is_to_be_had(7, &handle));
        memory_rig_release(&rig, handle, 7);
        memory_rig_close(&rig);
}

static void fences_of_up_to_8_streams_all_count(void **state)
{
        (void)state;
        for (uint32_t n = 1; n < MEMORY_RIG_STREAMS; n++) {
                for (uint32_t i = 0; i < 4; i++)
                        check_streams(n, i % 2 == 0 ? 0 : 5, i / 2 != 0);
        }
}

/* A block that was never used on its own stream: that stream's work is past at once. */
static void fences_count_only_streams_with_work(void **state)
{
        uint64_t handle;

        (void)state;
        memory_rig_open(&rig, 0, 1024);
        handle = take(0, 1000);
        memory_rig_release(&rig, handle, 0);
        assert_int_equal(memory_rig_stats(&rig).limbo, 0);
        assert_true(is_to_be_had(3, &handle));
        memory_rig_close(&rig);
}

/* More blocks wait for a stream that hangs than one look sees; those behind them come back. */
static void fences_of_a_hung_stream_hold_up_nobody_else(void **state)
{
        enum { BLOCKS = 30 };
        uint64_t hung[BLOCKS], other, handle;
        void    *address;

        (void)state;
        memory_rig_open(&rig, 0, (BLOCKS + 1) * 1024);
        for (int i = 0; i < BLOCKS; i++)
                hung[i] = take(0, 1000);
        other = take(0, 1000);
        address = memory_rig_address(&rig, other);
        assert_true(trib__sim_fault(rig.sim.device, 1, TRIB__SIM_FAULT_HANG, 0));
        for (int i = 0; i < BLOCKS; i++)
                memory_rig_use(&rig, hung[i], 1);
        memory_rig_use(&rig, other, 2);
        for (int i = 0; i < BLOCKS; i++)
                memory_rig_release(&rig, hung[i], 0);
        memory_rig_release(&rig, other, 0);
        assert_false(is_to_be_had(0, &handle));
        memory_rig_finish(&rig, 2);
        assert_true(is_to_be_had(0, &handle));
        assert_ptr_equal(memory_rig_address(&rig, handle), address);
        memory_rig_release(&rig, handle, 0);
        assert_int_equal(memory_rig_stats(&rig).limbo, BLOCKS * 1024);
        assert_true(trib__sim_unhang(rig.sim.device, 1));
        (void)trib__sim_run_until_idle(rig.sim.device);
        assert_int_equal(memory_rig_stats(&rig).limbo, 0);
        for (int i = 0; i < BLOCKS; i++)
                hung[i] = take(0, 1000);
        memory_rig_close(&rig);
}

/* What one stream's look finds not passed goes to the end, so that a few looks see everything. */
static void limbo_is_looked_through_in_turn(void **state)
{
        enum { BLOCKS = 20 };
        uint64_t blocks[BLOCKS], handle;
        int      looks = 0;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        for (int i = 0; i < BLOCKS; i++) {
                blocks[i] = take(0, 600 + (uint64_t)i);
                memory_rig_use(&rig, blocks[i], i == BLOCKS - 1 ? 2 : 1);
        }
        for (int i = 0; i < BLOCKS; i++)
                memory_rig_release(&rig, blocks[i], 0);
        assert_int_equal(rig.memory->caches[0].n_limbo, BLOCKS);
        memory_rig_finish(&rig, 2);
        while (rig.memory->caches[0].n_limbo == BLOCKS && looks < BLOCKS) {
                handle = take(0, 100 << 10); /* of a class that the cache has not */
                looks++;
        }
        (void)handle;
        assert_int_equal(rig.memory->caches[0].n_limbo, BLOCKS - 1);
        assert_true(looks <= 3);
        memory_rig_close(&rig);
}

/* A stream that is gone (its queue destroyed) has passed everything. */
static void fences_of_a_stream_that_is_gone_are_past(void **state)
{
        uint64_t handle;

        (void)state;
        memory_rig_open(&rig, 0, 1024);
        handle = take(0, 1000);
        memory_rig_use(&rig, handle, 1);
        memory_rig_release(&rig, handle, 0);
        assert_false(is_to_be_had(0, &handle));
        trib__store_release_ptr(&rig.timelines[1].queue, NULL);
        assert_true(is_to_be_had(0, &handle));
        memory_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(fences_of_up_to_8_streams_all_count),
               TRIB_TEST(fences_count_only_streams_with_work),
               TRIB_TEST(fences_of_a_hung_stream_hold_up_nobody_else),
               TRIB_TEST(limbo_is_looked_through_in_turn),
               TRIB_TEST(fences_of_a_stream_that_is_gone_are_past))
