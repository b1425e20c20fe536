/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator on one thread: size classes, handles, the cap, statistics, and reuse in the order
 * of streams, on a simulated device whose clock stands still until the test moves it. */
#include "test_main.h"

#include "expect.h"
#include "memory_rig.h"

/* Each case that names no design runs on all. */
static const uint32_t designs[] = { 0, 1, 8 };

#define FOR_EACH_DESIGN(shards) \
        for (const uint32_t *shards = designs; shards < designs + 3; shards++)

static struct memory_rig rig;

static uint64_t take(uint32_t stream, uint64_t bytes)
{
        return memory_rig_take(&rig, stream, bytes);
}

/* By a thread of stream 0. */
static void release(uint64_t handle)
{
        memory_rig_release(&rig, handle, 0);
}

static void *address_of(uint64_t handle)
{
        return memory_rig_address(&rig, handle);
}

static void use_on(uint64_t handle, uint32_t stream)
{
        memory_rig_use(&rig, handle, stream);
}

static struct trib__memory_stats stats_now(void)
{
        return memory_rig_stats(&rig);
}

/* ---- classes ---------------------------------------------------------------------------- */

static void memory_class_holds_what_is_asked_and_wastes_little(void **state)
{
        uint64_t size = 0, last_size = 0;
        uint32_t last = 0;

        (void)state;
        for (uint64_t bytes = 0; bytes < UINT64_C(200) << 20; bytes += bytes / 300 + 1) {
                uint32_t list = trib__memory_class(bytes, &size);

                assert_true(size >= bytes);
                assert_int_equal(size % TRIB__SLAB_ALIGNMENT, 0);
                if (list < LARGE_CLASS && bytes > 512)
                        assert_true(size - bytes < size / 4);
                if (list == LARGE_CLASS)
                        assert_true(size - bytes < LARGE_GRAIN);
                assert_true(list < N_LISTS && list >= last);
                assert_true(size >= last_size);
                assert_true(list == LARGE_CLASS || (list == last) == (size == last_size) ||
                            last_size == 0);
                last = list;
                last_size = size;
        }
        assert_int_equal(last, LARGE_CLASS);
}

static void memory_class_edges_are_exact(void **state)
{
        static const struct {
                uint64_t bytes, size;
        } rows[] = {
                { 0, 512 },      { 1, 512 },       { 512, 512 },   { 513, 640 },  { 640, 640 },
                { 641, 768 },    { 1024, 1024 },   { 1025, 1280 }, { 2048, 2048 },
                { 64 << 20, 64 << 20 },            { (64 << 20) + 1, 66 << 20 },
                { 66 << 20, 66 << 20 },            { UINT64_C(1) << 62, UINT64_C(1) << 62 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t size, again;
                uint32_t list = trib__memory_class(rows[i].bytes, &size);

                assert_int_equal(size, rows[i].size);
                assert_int_equal(trib__memory_class(size, &again), list);
                assert_int_equal(again, size);
        }
}

/* ---- order of streams ------------------------------------------------------------------- */

static void memory_is_reused_at_once_on_the_same_stream(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t handle;
                void    *address;

                memory_rig_open(&rig, *shards, MEMORY_RIG_EXACT);
                handle = take(1, 1000);
                address = address_of(handle);
                use_on(handle, 1);
                release(handle);
                assert_int_equal(stats_now().limbo, 1024);
                handle = take(1, 900);
                assert_ptr_equal(address_of(handle), address);
                assert_int_equal(stats_now().device_allocations, 1);
                memory_rig_close(&rig);
        }
}

/* H1: not before the fence, and right after it. The cap leaves no other memory than this. */
static void memory_is_reused_on_another_stream_only_after_the_fence(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t handle, other;
                void    *address;

                memory_rig_open(&rig, *shards, 3 * 1024);
                handle = take(1, 1000);
                address = address_of(handle);
                use_on(handle, 1);
                release(handle);
                other = take(0, 1000);
                assert_ptr_not_equal(address_of(other), address);
                assert_true(trib__sim_step(rig.sim.device, NULL)); /* the copy starts */
                handle = take(0, 1000);
                assert_ptr_not_equal(address_of(handle), address);
                assert_int_equal(trib__memory_alloc(rig.memory, 0, 1000, 0, &other, NULL),
                                 TRIB_OUT_OF_MEMORY);
                assert_true(trib__sim_step(rig.sim.device, NULL)); /* and ends */
                handle = take(0, 1000);
                assert_ptr_equal(address_of(handle), address);
                memory_rig_close(&rig);
        }
}

/* H1: used on stream 1 although it is stream 0's; stream 0 itself must wait for stream 1. */
static void memory_used_elsewhere_waits_for_that_stream_on_its_own(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t handle, other;
                void    *address;

                memory_rig_open(&rig, *shards, 3 * 1024);
                handle = take(0, 1000);
                address = address_of(handle);
                use_on(handle, 1);
                use_on(handle, 2);
                release(handle);
                other = take(0, 1000);
                assert_ptr_not_equal(address_of(other), address);
                other = take(1, 1000);
                assert_ptr_not_equal(address_of(other), address);
                assert_int_equal(stats_now().limbo, 1024);
                (void)trib__sim_run_until_idle(rig.sim.device);
                assert_int_equal(stats_now().limbo, 0);
                assert_int_equal(stats_now().cached, 1024);
                other = take(3, 1000);
                assert_ptr_equal(address_of(other), address);
                memory_rig_close(&rig);
        }
}

/* Work submitted to the stream after the release does not hold the block up. */
static void memory_fence_is_taken_at_the_release(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t handle, later;
                void    *address;

                memory_rig_open(&rig, *shards, 1024 + 5120);
                handle = take(1, 1000);
                later = take(1, 5000);
                address = address_of(handle);
                use_on(handle, 1);
                release(handle);
                use_on(later, 1);
                (void)trib__sim_step(rig.sim.device, NULL);
                (void)trib__sim_step(rig.sim.device, NULL);
                assert_int_equal(sim_rig_completed(&rig.sim, 1), 1);
                assert_ptr_equal(address_of(take(0, 1000)), address);
                memory_rig_close(&rig);
        }
}

static void memory_trim_gives_back_what_is_free_and_nothing_else(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t held, flying, idle;

                memory_rig_open(&rig, *shards, MEMORY_RIG_EXACT);
                held = take(0, 1000);
                flying = take(1, 2000);
                idle = take(2, 4000);
                use_on(flying, 1);
                release(flying);
                release(idle);
                assert_int_equal(trib__memory_trim(rig.memory), 4096);
                assert_int_equal(trib__memory_trim(rig.memory), 0);
                assert_int_equal(stats_now().reserved, 1024 + 2048);
                (void)trib__sim_run_until_idle(rig.sim.device);
                assert_int_equal(trib__memory_trim(rig.memory), 2048);
                release(held);
                assert_int_equal(trib__memory_trim(rig.memory), 1024);
                assert_int_equal(stats_now().reserved, 0);
                memory_rig_close(&rig);
        }
}

/* ---- handles ---------------------------------------------------------------------------- */

static void check_stale(uint64_t handle, trib_status wanted)
{
        struct trib__memory_stats before = stats_now(), after;
        trib_error                err;
        void                     *address = NULL;
        uint64_t                  bytes;

        EXPECT_FAILS(trib__memory_retain(rig.memory, handle, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_release(rig.memory, handle, 0, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_use(rig.memory, handle, 0, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_lookup(rig.memory, handle, &address, &bytes, &err), wanted,
                     &err, "buffer");
        assert_null(address);
        after = stats_now();
        assert_memory_equal(&before, &after, sizeof(before));
}

/* H3: the same memory again, and the old handle is still an error. */
static void memory_stale_handles_are_errors_for_ever(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t old[100], fresh;
                void    *address;

                memory_rig_open(&rig, *shards, 0);
                old[0] = take(0, 1000);
                address = address_of(old[0]);
                release(old[0]);
                for (int i = 1; i < 100; i++) {
                        old[i] = take(0, 1000);
                        assert_ptr_equal(address_of(old[i]), address);
                        release(old[i]);
                }
                fresh = take(0, 1000);
                for (int i = 0; i < 100; i++)
                        check_stale(old[i], TRIB_STALE);
                assert_ptr_equal(address_of(fresh), address);
                release(fresh);
                (void)trib__memory_trim(rig.memory);
                check_stale(fresh, TRIB_STALE);
                memory_rig_close(&rig);
        }
}

static void memory_numbers_that_were_never_given_are_errors(void **state)
{
        static const uint64_t bad[] = { 1, 2, UINT64_C(1) << 32, (UINT64_C(1) << 32) | 2,
                                        (UINT64_C(7) << 32) | 1, UINT64_MAX,
                                        UINT64_MAX << 32, UINT32_MAX,
                                        (UINT64_C(1) << 32) | 1048577 };

        (void)state;
        FOR_EACH_DESIGN(shards) {
                memory_rig_open(&rig, *shards, 0);
                check_stale(0, TRIB_INVALID_ARGUMENT);
                for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                        check_stale(bad[i], TRIB_STALE);
                (void)take(0, 10);
                for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                        check_stale(bad[i], TRIB_STALE);
                memory_rig_close(&rig);
        }
}

/* H5: exactly as many releases as holders. */
static void memory_counts_its_holders(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                trib_error err = TRIB_ERROR_INIT;
                uint64_t   handle;

                memory_rig_open(&rig, *shards, 0);
                handle = take(0, 1000);
                for (int i = 0; i < 5; i++)
                        EXPECT_OK(trib__memory_retain(rig.memory, handle, &err), &err);
                for (int i = 0; i < 6; i++) {
                        assert_int_equal(stats_now().allocated, 1024);
                        release(handle);
                }
                assert_int_equal(stats_now().allocated, 0);
                check_stale(handle, TRIB_STALE);
                memory_rig_close(&rig);
        }
}

/* The count of holders and the generation are numbers that end; neither comes round unnoticed. */
static void memory_counts_of_a_block_do_not_run_over(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                trib_error    err = TRIB_ERROR_INIT;
                struct block *block;
                uint64_t      handle;

                memory_rig_open(&rig, *shards, 0);
                handle = take(0, 1000);
                block = trib__slot_at(rig.memory, (uint32_t)handle - 1);
                trib__store_release_u64(&block->state, STATE(1, UINT32_MAX));
                EXPECT_FAILS(trib__memory_retain(rig.memory, handle, &err), TRIB_OVERFLOW, &err,
                             "holders");
                trib__store_release_u64(&block->state, STATE(UINT32_MAX, 1));
                check_stale(handle, TRIB_STALE);
                handle = (uint64_t)UINT32_MAX << 32 | (uint32_t)handle;
                release(handle);
                check_stale(handle, TRIB_STALE);
                handle = take(0, 1000);
                assert_int_equal(handle >> 32, 1);
                release(handle);
                memory_rig_close(&rig);
        }
}

/* ---- the cap ---------------------------------------------------------------------------- */

static void memory_cap_is_kept_and_the_message_has_the_account(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t   a, b, none = 7;
                trib_error err;

                memory_rig_open(&rig, *shards, 8192);
                a = take(0, 4096);
                b = take(0, 4096);
                EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, 100, 0, &none, &err),
                             TRIB_OUT_OF_MEMORY, &err, "for 100 bytes: limit 8192");
                assert_non_null(strstr(err.message, "live 8192"));
                assert_int_equal(none, 0);
                assert_int_equal(stats_now().out_of_memory, 1);
                /* What is cached is given back for another size. */
                release(a);
                a = take(1, 100);
                release(b);
                release(a);
                assert_int_equal(stats_now().reserved_peak, 8192);
                memory_rig_close(&rig);
        }
}

static void memory_charge_counts_under_the_cap(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                trib_error err = TRIB_ERROR_INIT;

                memory_rig_open(&rig, *shards, 8192);
                release(take(0, 4096));
                /* The cached block goes for the program. */
                EXPECT_OK(trib__memory_charge(rig.memory, 5000, &err), &err);
                assert_int_equal(stats_now().reserved, 5000);
                assert_int_equal(stats_now().programs, 5000);
                EXPECT_FAILS(trib__memory_charge(rig.memory, 5000, &err), TRIB_OUT_OF_MEMORY,
                             &err, "programs 5000");
                assert_int_equal(stats_now().programs, 5000);
                trib__memory_uncharge(rig.memory, 5000);
                assert_int_equal(stats_now().reserved, 0);
                memory_rig_close(&rig);
        }
}

/* Four times 2^62 is 0 again: the sum must not pass for a small one. */
static void memory_cap_holds_against_requests_near_the_end_of_numbers(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t   none;
                trib_error err;

                memory_rig_open(&rig, *shards, 8192);
                for (int i = 0; i < 8; i++)
                        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_C(1) << 62, 0,
                                                        &none, &err),
                                     TRIB_OUT_OF_MEMORY, &err, "4611686018427387904");
                EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, (UINT64_C(1) << 62) + 1, 0, &none,
                                                &err),
                             TRIB_OVERFLOW, &err, "4611686018427387905");
                EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_MAX, 0, &none, &err),
                             TRIB_OVERFLOW, &err, "buffer");
                EXPECT_FAILS(trib__memory_charge(rig.memory, UINT64_MAX, &err),
                             TRIB_OUT_OF_MEMORY, &err, "limit");
                assert_int_equal(stats_now().reserved, 0);
                release(take(0, 8192));
                memory_rig_close(&rig);
        }
}

/* What the device refused was never reserved. */
static void memory_peak_has_only_what_the_device_gave(void **state)
{
        (void)state;
        FOR_EACH_DESIGN(shards) {
                uint64_t   none, given = *shards == 0 ? LEAST_SEGMENT : 4096;
                trib_error err;

                memory_rig_open(&rig, *shards, 0);
                (void)take(0, 4096);
                EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_C(1) << 50, 0, &none, &err),
                             TRIB_OUT_OF_MEMORY, &err, "no device memory");
                assert_int_equal(stats_now().reserved, given);
                assert_int_equal(stats_now().reserved_peak, given);
                memory_rig_close(&rig);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(memory_class_holds_what_is_asked_and_wastes_little),
               TRIB_TEST(memory_class_edges_are_exact),
               TRIB_TEST(memory_is_reused_at_once_on_the_same_stream),
               TRIB_TEST(memory_is_reused_on_another_stream_only_after_the_fence),
               TRIB_TEST(memory_used_elsewhere_waits_for_that_stream_on_its_own),
               TRIB_TEST(memory_fence_is_taken_at_the_release),
               TRIB_TEST(memory_trim_gives_back_what_is_free_and_nothing_else),
               TRIB_TEST(memory_stale_handles_are_errors_for_ever),
               TRIB_TEST(memory_numbers_that_were_never_given_are_errors),
               TRIB_TEST(memory_counts_its_holders),
               TRIB_TEST(memory_counts_of_a_block_do_not_run_over),
               TRIB_TEST(memory_cap_is_kept_and_the_message_has_the_account),
               TRIB_TEST(memory_charge_counts_under_the_cap),
               TRIB_TEST(memory_cap_holds_against_requests_near_the_end_of_numbers),
               TRIB_TEST(memory_peak_has_only_what_the_device_gave))
