/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator on one thread: size classes, handles, the cap, statistics, and reuse in the order
 * of streams, on a simulated device whose clock stands still until the test moves it. */
#include "test_main.h"

#include "base/random.h"
#include "expect.h"
#include "memory/memory_priv.h"
#include "sim_rig.h"

#define STREAMS 4

struct rig {
        struct sim_rig         sim;
        struct trib__timeline  timelines[STREAMS];
        struct trib__memory   *memory;
        unsigned char          bytes[4096];
};

static void rig_open(struct rig *rig, uint32_t shards, uint64_t limit)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        sim_rig_open(&rig->sim, "clock=scripted", STREAMS);
        for (int i = 0; i < STREAMS; i++)
                trib__store_release_ptr(&rig->timelines[i].queue, rig->sim.queues[i]);

        struct trib__memory_params params = { .backend = rig->sim.backend,
                                              .device = rig->sim.device,
                                              .timelines = rig->timelines,
                                              .n_streams = STREAMS,
                                              .n_shards = shards,
                                              .limit = limit };

        EXPECT_OK(trib__memory_create(&params, &rig->memory, &err), &err);
}

static void rig_close(struct rig *rig)
{
        trib__sim_run_until_idle(rig->sim.device);
        trib__memory_destroy(rig->memory);
        sim_rig_close(&rig->sim);
}

static struct trib__memory_stats stats_of(struct rig *rig)
{
        struct trib__memory_stats stats;

        trib__memory_get_stats(rig->memory, &stats);
        return stats;
}

static uint64_t take(struct rig *rig, uint32_t stream, uint64_t bytes)
{
        trib_error err = TRIB_ERROR_INIT;
        uint64_t   handle = 0;

        EXPECT_OK(trib__memory_alloc(rig->memory, stream, bytes, &handle, &err), &err);
        assert_int_not_equal(handle, 0);
        return handle;
}

static void release(struct rig *rig, uint64_t handle)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__memory_release(rig->memory, handle, &err), &err);
}

static void *address_of(struct rig *rig, uint64_t handle)
{
        trib_error err = TRIB_ERROR_INIT;
        void      *address = NULL;
        uint64_t   bytes;

        EXPECT_OK(trib__memory_lookup(rig->memory, handle, &address, &bytes, &err), &err);
        assert_int_equal((uintptr_t)address % TRIB__SLAB_ALIGNMENT, 0);
        return address;
}

/* Put a copy into the block on a stream, which takes until the test moves the clock. */
static void use_on(struct rig *rig, uint64_t handle, uint32_t stream)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__memory_use(rig->memory, handle, stream, &err), &err);
        trib__store_release_u64(&rig->timelines[stream].submitted,
                                rig->sim.values[stream] + 1);
        assert_int_equal(sim_rig_copy(&rig->sim, stream, address_of(rig, handle), rig->bytes, 64),
                         TRIB_OK);
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
        static struct rig rig;
        uint64_t   handle;
        void      *address;

        (void)state;
        rig_open(&rig, 8, 0);
        handle = take(&rig, 1, 1000);
        address = address_of(&rig, handle);
        use_on(&rig, handle, 1);
        release(&rig, handle);
        assert_int_equal(stats_of(&rig).limbo, 1024);
        handle = take(&rig, 1, 900);
        assert_ptr_equal(address_of(&rig, handle), address);
        assert_int_equal(stats_of(&rig).device_allocations, 1);
        rig_close(&rig);
}

/* H1: not before the fence, and right after it. */
static void memory_is_reused_on_another_stream_only_after_the_fence(void **state)
{
        (void)state;
        for (uint32_t shards = 1; shards <= 8; shards += 7) {
                static struct rig rig;
                uint64_t   handle, other;
                void      *address;

                rig_open(&rig, shards, 0);
                handle = take(&rig, 1, 1000);
                address = address_of(&rig, handle);
                use_on(&rig, handle, 1);
                release(&rig, handle);
                other = take(&rig, 0, 1000);
                assert_ptr_not_equal(address_of(&rig, other), address);
                assert_true(trib__sim_step(rig.sim.device, NULL)); /* the copy starts */
                handle = take(&rig, 0, 1000);
                assert_ptr_not_equal(address_of(&rig, handle), address);
                assert_true(trib__sim_step(rig.sim.device, NULL)); /* and ends */
                handle = take(&rig, 0, 1000);
                assert_ptr_equal(address_of(&rig, handle), address);
                rig_close(&rig);
        }
}

/* H1: used on stream 1 although it is stream 0's; stream 0 itself must wait for stream 1. */
static void memory_used_elsewhere_waits_for_that_stream_on_its_own(void **state)
{
        static struct rig rig;
        uint64_t   handle, other;
        void      *address;

        (void)state;
        rig_open(&rig, 8, 0);
        handle = take(&rig, 0, 1000);
        address = address_of(&rig, handle);
        use_on(&rig, handle, 1);
        use_on(&rig, handle, 2);
        release(&rig, handle);
        other = take(&rig, 0, 1000);
        assert_ptr_not_equal(address_of(&rig, other), address);
        other = take(&rig, 1, 1000);
        assert_ptr_not_equal(address_of(&rig, other), address);
        assert_int_equal(stats_of(&rig).limbo, 1024);
        (void)trib__sim_run_until_idle(rig.sim.device);
        assert_int_equal(stats_of(&rig).limbo, 0);
        assert_int_equal(stats_of(&rig).cached, 1024);
        other = take(&rig, 3, 1000);
        assert_ptr_equal(address_of(&rig, other), address);
        rig_close(&rig);
}

/* Work submitted to the stream after the release does not hold the block up. */
static void memory_fence_is_taken_at_the_release(void **state)
{
        static struct rig rig;
        uint64_t   handle, later;
        void      *address;

        (void)state;
        rig_open(&rig, 8, 0);
        handle = take(&rig, 1, 1000);
        later = take(&rig, 1, 5000);
        address = address_of(&rig, handle);
        use_on(&rig, handle, 1);
        release(&rig, handle);
        use_on(&rig, later, 1);
        (void)trib__sim_step(rig.sim.device, NULL);
        (void)trib__sim_step(rig.sim.device, NULL);
        assert_int_equal(sim_rig_completed(&rig.sim, 1), 1);
        assert_ptr_equal(address_of(&rig, take(&rig, 0, 1000)), address);
        rig_close(&rig);
}

static void memory_trim_gives_back_what_is_free_and_nothing_else(void **state)
{
        static struct rig rig;
        uint64_t   held, flying, idle;

        (void)state;
        rig_open(&rig, 8, 0);
        held = take(&rig, 0, 1000);
        flying = take(&rig, 1, 2000);
        idle = take(&rig, 2, 4000);
        use_on(&rig, flying, 1);
        release(&rig, flying);
        release(&rig, idle);
        assert_int_equal(trib__memory_trim(rig.memory), 4096);
        assert_int_equal(trib__memory_trim(rig.memory), 0);
        assert_int_equal(stats_of(&rig).reserved, 1024 + 2048);
        (void)trib__sim_run_until_idle(rig.sim.device);
        assert_int_equal(trib__memory_trim(rig.memory), 2048);
        release(&rig, held);
        assert_int_equal(trib__memory_trim(rig.memory), 1024);
        assert_int_equal(stats_of(&rig).reserved, 0);
        rig_close(&rig);
}

/* ---- handles ---------------------------------------------------------------------------- */

static void check_stale(struct rig *rig, uint64_t handle, trib_status wanted)
{
        struct trib__memory_stats before = stats_of(rig), after;
        trib_error                err;
        void                     *address = NULL;
        uint64_t                  bytes;

        EXPECT_FAILS(trib__memory_retain(rig->memory, handle, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_release(rig->memory, handle, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_use(rig->memory, handle, 0, &err), wanted, &err, "buffer");
        EXPECT_FAILS(trib__memory_lookup(rig->memory, handle, &address, &bytes, &err), wanted,
                     &err, "buffer");
        assert_null(address);
        after = stats_of(rig);
        assert_memory_equal(&before, &after, sizeof(before));
}

/* H3: the same memory again, and the old handle is still an error. */
static void memory_stale_handles_are_errors_for_ever(void **state)
{
        static struct rig rig;
        uint64_t   old[100], fresh;
        void      *address;

        (void)state;
        rig_open(&rig, 8, 0);
        old[0] = take(&rig, 0, 1000);
        address = address_of(&rig, old[0]);
        release(&rig, old[0]);
        for (int i = 1; i < 100; i++) {
                old[i] = take(&rig, 0, 1000);
                assert_ptr_equal(address_of(&rig, old[i]), address);
                release(&rig, old[i]);
        }
        fresh = take(&rig, 0, 1000);
        for (int i = 0; i < 100; i++)
                check_stale(&rig, old[i], TRIB_STALE);
        assert_ptr_equal(address_of(&rig, fresh), address);
        release(&rig, fresh);
        (void)trib__memory_trim(rig.memory);
        check_stale(&rig, fresh, TRIB_STALE);
        rig_close(&rig);
}

static void memory_numbers_that_were_never_given_are_errors(void **state)
{
        static const uint64_t bad[] = { 1, 2, UINT64_C(1) << 32, (UINT64_C(1) << 32) | 2,
                                        (UINT64_C(7) << 32) | 1, UINT64_MAX,
                                        UINT64_MAX << 32, UINT32_MAX,
                                        (UINT64_C(1) << 32) | 1048577 };
        static struct rig            rig;

        (void)state;
        rig_open(&rig, 1, 0);
        check_stale(&rig, 0, TRIB_INVALID_ARGUMENT);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                check_stale(&rig, bad[i], TRIB_STALE);
        (void)take(&rig, 0, 10);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                check_stale(&rig, bad[i], TRIB_STALE);
        rig_close(&rig);
}

/* H5: exactly as many releases as holders. */
static void memory_counts_its_holders(void **state)
{
        static struct rig rig;
        trib_error err = TRIB_ERROR_INIT;
        uint64_t   handle;

        (void)state;
        rig_open(&rig, 8, 0);
        handle = take(&rig, 0, 1000);
        for (int i = 0; i < 5; i++)
                EXPECT_OK(trib__memory_retain(rig.memory, handle, &err), &err);
        for (int i = 0; i < 6; i++) {
                assert_int_equal(stats_of(&rig).allocated, 1024);
                release(&rig, handle);
        }
        assert_int_equal(stats_of(&rig).allocated, 0);
        check_stale(&rig, handle, TRIB_STALE);
        rig_close(&rig);
}

/* ---- the cap ---------------------------------------------------------------------------- */

static void memory_cap_is_kept_and_the_message_has_the_account(void **state)
{
        static struct rig rig;
        uint64_t   a, b, none = 7;
        trib_error err;

        (void)state;
        rig_open(&rig, 8, 8192);
        a = take(&rig, 0, 4096);
        b = take(&rig, 0, 4096);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, 100, &none, &err), TRIB_OUT_OF_MEMORY,
                     &err, "limit 8192");
        assert_non_null(strstr(err.message, "live 8192"));
        assert_int_equal(none, 0);
        assert_int_equal(stats_of(&rig).out_of_memory, 1);
        /* What is cached is given back for another size. */
        release(&rig, a);
        a = take(&rig, 1, 100);
        release(&rig, b);
        release(&rig, a);
        assert_int_equal(stats_of(&rig).reserved_peak, 8192);
        rig_close(&rig);
}

static void memory_charge_counts_under_the_cap(void **state)
{
        static struct rig rig;
        uint64_t   handle;
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 8, 8192);
        handle = take(&rig, 0, 4096);
        release(&rig, handle);
        /* The cached block goes for the program. */
        EXPECT_OK(trib__memory_charge(rig.memory, 5000, &err), &err);
        assert_int_equal(stats_of(&rig).reserved, 5000);
        assert_int_equal(stats_of(&rig).programs, 5000);
        EXPECT_FAILS(trib__memory_charge(rig.memory, 5000, &err), TRIB_OUT_OF_MEMORY, &err,
                     "programs 5000");
        assert_int_equal(stats_of(&rig).programs, 5000);
        trib__memory_uncharge(rig.memory, 5000);
        assert_int_equal(stats_of(&rig).reserved, 0);
        rig_close(&rig);
}

/* Four times 2^62 is 0 again: the sum must not pass for a small one. */
static void memory_cap_holds_against_requests_near_the_end_of_numbers(void **state)
{
        static struct rig rig;
        uint64_t   none;
        trib_error err;

        (void)state;
        rig_open(&rig, 8, 8192);
        for (int i = 0; i < 8; i++)
                EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_C(1) << 62, &none, &err),
                             TRIB_OUT_OF_MEMORY, &err, "4611686018427387904");
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, (UINT64_C(1) << 62) + 1, &none, &err),
                     TRIB_OVERFLOW, &err, "4611686018427387905");
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_MAX, &none, &err), TRIB_OVERFLOW,
                     &err, "buffer");
        EXPECT_FAILS(trib__memory_charge(rig.memory, UINT64_MAX, &err), TRIB_OUT_OF_MEMORY, &err,
                     "limit");
        assert_int_equal(stats_of(&rig).reserved, 0);
        release(&rig, take(&rig, 0, 8192));
        rig_close(&rig);
}

/* What the device refused was never reserved. */
static void memory_peak_has_only_what_the_device_gave(void **state)
{
        static struct rig rig;
        uint64_t   none;
        trib_error err;

        (void)state;
        rig_open(&rig, 8, 0);
        (void)take(&rig, 0, 4096);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, UINT64_C(1) << 50, &none, &err),
                     TRIB_OUT_OF_MEMORY, &err, "no device memory");
        assert_int_equal(stats_of(&rig).reserved, 4096);
        assert_int_equal(stats_of(&rig).reserved_peak, 4096);
        rig_close(&rig);
}

/* ---- differential ----------------------------------------------------------------------- */

#define HELD 64

/* One random operation on both; the answers must be the same. */
static void same_operation(struct rig *one, struct rig *eight, uint64_t (*held)[2],
                           struct trib__random *random)
{
        uint32_t   at = trib__random_below(random, HELD);
        uint32_t   stream = trib__random_below(random, STREAMS);
        uint64_t   bytes = 1 + trib__random_below(random, 1u << trib__random_below(random, 16));
        uint32_t   what = trib__random_below(random, 8);
        void      *address;
        uint64_t   size[2] = { 0, 0 };
        struct rig *rigs[2] = { one, eight };
        trib_status status[2];

        for (int r = 0; r < 2; r++) {
                struct trib__memory *memory = rigs[r]->memory;

                if (what < 3 && held[at][0] == 0)
                        status[r] = trib__memory_alloc(memory, stream, bytes, &held[HELD][r],
                                                       NULL);
                else if (what < 5)
                        status[r] = trib__memory_release(memory, held[at][r], NULL);
                else if (what == 5)
                        status[r] = trib__memory_use(memory, held[at][r], stream, NULL);
                else if (what == 6)
                        status[r] = trib__memory_lookup(memory, held[at][r], &address, &size[r],
                                                        NULL);
                else
                        status[r] = trib__memory_retain(memory, held[at][r], NULL);
        }
        assert_int_equal(status[0], status[1]);
        assert_int_equal(size[0], size[1]);
        if (what < 3 && held[at][0] == 0)
                memcpy(held[at], held[HELD], sizeof(held[at]));
        else if (status[0] == TRIB_STALE && trib__random_below(random, 2) != 0)
                held[at][0] = held[at][1] = 0;
}

static void memory_of_1_and_of_8_shards_give_the_same_answers(void **state)
{
        static const uint64_t seeds[] = { 1, 2, 3, 4, 5, 6 };

        (void)state;
        for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++) {
                static struct rig          one, eight;
                uint64_t            held[HELD + 1][2] = { { 0 } };
                struct trib__random random = { seeds[s] };

                rig_open(&one, 1, 0);
                rig_open(&eight, 8, 0);
                for (int i = 0; i < 20000; i++) {
                        struct trib__memory_stats a, b;

                        same_operation(&one, &eight, held, &random);
                        if (i % 100 != 0)
                                continue;
                        a = stats_of(&one);
                        b = stats_of(&eight);
                        assert_int_equal(a.requested, b.requested);
                        assert_int_equal(a.allocated, b.allocated);
                        assert_int_equal(a.allocations, b.allocations);
                        assert_int_equal(a.reserved, a.allocated + a.cached + a.limbo);
                        assert_int_equal(b.reserved, b.allocated + b.cached + b.limbo);
                        assert_int_equal(a.reserved, b.reserved);
                }
                rig_close(&one);
                rig_close(&eight);
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
               TRIB_TEST(memory_cap_is_kept_and_the_message_has_the_account),
               TRIB_TEST(memory_charge_counts_under_the_cap),
               TRIB_TEST(memory_cap_holds_against_requests_near_the_end_of_numbers),
               TRIB_TEST(memory_peak_has_only_what_the_device_gave),
               TRIB_TEST(memory_of_1_and_of_8_shards_give_the_same_answers))
