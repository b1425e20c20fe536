/* SPDX-License-Identifier: Apache-2.0 */
/* The central pool: runs of pages are fitted, split and merged, slabs appear and dissolve, and
 * random work on it is compared with a plain map of pages. */
#include "test_main.h"

#include <stdlib.h>

#include "base/random.h"
#include "expect.h"
#include "memory_rig.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

static struct memory_rig rig;

static uint64_t take(uint64_t bytes)
{
        return memory_rig_take(&rig, 0, bytes);
}

/* Back to the central pool, past the stream's cache. */
static void give(uint64_t handle)
{
        memory_rig_release(&rig, handle, 0);
        trib__central_put(rig.memory, trib__cache_donate(rig.memory, 0, 0));
        memory_rig_check(&rig);
}

static uint64_t page_of(uint64_t handle, void *base)
{
        return (uint64_t)((char *)memory_rig_address(&rig, handle) - (char *)base) >> PAGE_BITS;
}

static uint64_t largest_pages(void)
{
        return memory_rig_stats(&rig).central_largest_run >> PAGE_BITS;
}

/* Make a segment of 16 pages for large blocks, wholly free; gives where it begins. */
static void *open_with_segment(void)
{
        uint64_t handle;
        void    *base;

        memory_rig_open(&rig, 0, 0);
        handle = take(1 * MIB);
        base = memory_rig_address(&rig, handle);
        give(handle);
        assert_int_equal(memory_rig_stats(&rig).segments, 1);
        assert_int_equal(largest_pages(), 16);
        return base;
}

static void central_splits_a_run_and_merges_it_again(void **state)
{
        uint64_t a, b;
        void    *base;

        (void)state;
        base = open_with_segment();
        a = take(640 * KIB); /* 10 pages */
        assert_int_equal(page_of(a, base), 0);
        assert_int_equal(largest_pages(), 6);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 1);
        give(a);
        assert_int_equal(largest_pages(), 16);
        /* With both neighbours, in both orders. */
        a = take(640 * KIB);
        b = take(640 * KIB);
        assert_int_equal(memory_rig_stats(&rig).segments, 2);
        give(b);
        give(a);
        assert_int_equal(largest_pages(), 16);
        assert_int_equal(trib__memory_trim(rig.memory), 2 * MIB);
        memory_rig_close(&rig);
}

static void central_merges_with_the_left_the_right_and_both_neighbours(void **state)
{
        static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

        (void)state;
        for (int o = 0; o < 6; o++) {
                const struct trib__memory_params params = { .limit = 2 * MIB };
                uint64_t                         handles[3];

                /* 32 pages at once: 12, 10 and 10. */
                memory_rig_open_with(&rig, "clock=scripted", &params);
                give(take(2 * MIB));
                handles[0] = take(768 * KIB);
                handles[1] = take(640 * KIB);
                handles[2] = take(640 * KIB);
                assert_int_equal(memory_rig_stats(&rig).device_allocations, 1);
                assert_int_equal(largest_pages(), 0);
                for (int i = 0; i < 3; i++)
                        give(handles[orders[o][i]]);
                assert_int_equal(largest_pages(), 32);
                memory_rig_close(&rig);
        }
}

/* Of two holes the smaller one that is large enough. */
static void central_takes_the_best_fit(void **state)
{
        const struct trib__memory_params params = { .limit = 4 * MIB };
        uint64_t                         large, wall, small, rest, got;
        void                            *base;

        (void)state;
        memory_rig_open_with(&rig, "clock=scripted", &params);
        got = take(4 * MIB);
        base = memory_rig_address(&rig, got);
        give(got);
        large = take(1280 * KIB); /* pages 0..19 */
        wall = take(640 * KIB);   /* 20..29 */
        small = take(768 * KIB);  /* 30..41 */
        rest = take(1280 * KIB);  /* 42..61, and 2 pages are left */
        assert_int_equal(page_of(large, base), 0);
        assert_int_equal(page_of(rest, base), 42);
        give(large);
        give(small);
        got = take(640 * KIB);
        assert_int_equal(page_of(got, base), 30);
        give(got);
        got = take(896 * KIB); /* 14 pages: only the larger hole */
        assert_int_equal(page_of(got, base), 0);
        give(got);
        give(wall);
        give(rest);
        assert_int_equal(largest_pages(), 64);
        memory_rig_close(&rig);
}

/* A slab serves one class; when its last block comes home it is free pages again. */
static void central_dissolves_a_slab_whose_blocks_are_all_there(void **state)
{
        uint64_t handles[200];
        uint32_t n = 0;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        for (; n < 200; n++)
                handles[n] = take(512);
        /* 64 KiB are 128 of them. */
        assert_int_equal(memory_rig_stats(&rig).segments, 1);
        assert_int_equal(largest_pages(), 14);
        for (uint32_t i = 0; i < n - 1; i++)
                give(handles[i]);
        /* The first slab, page 0, is gone; the second, page 1, is in the way. */
        assert_int_equal(rig.memory->central.segments->runs[0].kind, RUN_FREE);
        assert_int_equal(rig.memory->central.segments->runs[1].kind, RUN_SLAB);
        assert_int_equal(largest_pages(), 14);
        give(handles[n - 1]);
        assert_int_equal(largest_pages(), 16);
        assert_int_equal(memory_rig_stats(&rig).central, MIB);
        assert_int_equal(trib__memory_trim(rig.memory), MIB);
        memory_rig_close(&rig);
}

/* A block of a slab that is partly out is found again before anything is cut. */
static void central_gives_blocks_of_slabs_before_it_cuts_new_ones(void **state)
{
        uint64_t a, b, c;
        void    *address;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        a = take(5000);
        b = take(5000);
        address = memory_rig_address(&rig, a);
        give(a);
        c = memory_rig_take(&rig, 3, 5000);
        assert_ptr_equal(memory_rig_address(&rig, c), address);
        assert_int_equal(memory_rig_stats(&rig).from_central, 2);
        memory_rig_release(&rig, c, 3);
        memory_rig_release(&rig, b, 0);
        memory_rig_close(&rig);
}

/* Above 64 MiB, and where the cap has no room for a segment: a piece of just that size. */
static void central_makes_singles_where_segments_do_not_fit(void **state)
{
        uint64_t large, handle;

        (void)state;
        memory_rig_open(&rig, 0, 160 * MIB);
        large = take(65 * MIB);
        assert_int_equal(memory_rig_stats(&rig).segments, 0);
        assert_int_equal(memory_rig_stats(&rig).reserved, 66 * MIB);
        give(large);
        /* Reused if at most 1/8 larger. */
        large = take(66 * MIB);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 1);
        memory_rig_release(&rig, large, 0);
        large = take(65 * MIB);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 1);
        handle = take(80 * MIB);
        assert_int_equal(memory_rig_stats(&rig).device_allocations, 2);
        memory_rig_release(&rig, handle, 0);
        memory_rig_release(&rig, large, 0);
        memory_rig_close(&rig);

        memory_rig_open(&rig, 0, MIB - 1);
        handle = take(512);
        assert_int_equal(memory_rig_stats(&rig).segments, 0);
        assert_int_equal(memory_rig_stats(&rig).reserved, 512);
        memory_rig_release(&rig, handle, 0);
        memory_rig_close(&rig);
}

/* The cap's rest, if it is more than the least, is made a segment; what is left over is not. */
static void central_never_grows_beyond_the_cap(void **state)
{
        uint64_t a, b;
        trib_error err;

        (void)state;
        memory_rig_open(&rig, 0, 2 * MIB + 100 * KIB);
        a = take(640 * KIB);
        b = take(900 * KIB);
        assert_true(memory_rig_stats(&rig).reserved <= 2 * MIB + 100 * KIB);
        EXPECT_FAILS(trib__memory_alloc(rig.memory, 0, 900 * KIB, 0, &a, &err),
                     TRIB_OUT_OF_MEMORY, &err, "limit 2199552");
        (void)b;
        memory_rig_close(&rig);
}

/* ---- random work against a map of pages -------------------------------------------------- */

#define HELD 48

struct holding {
        uint64_t handle;
        char    *address;
        uint64_t bytes;
};

/* No two blocks overlap, and each lies in one segment. */
static void check_map(const struct holding *held)
{
        const struct central *central = &rig.memory->central;

        for (int i = 0; i < HELD; i++) {
                bool is_inside = false;

                if (held[i].handle == 0)
                        continue;
                for (const struct segment *s = central->segments; s != NULL; s = s->next) {
                        const char *begin = s->address;
                        const char *end = begin + ((size_t)s->n_pages << PAGE_BITS);

                        is_inside |= held[i].address >= begin &&
                                     held[i].address + held[i].bytes <= end;
                }
                assert_true(is_inside);
                for (int j = 0; j < i; j++)
                        assert_true(held[j].handle == 0 ||
                                    held[j].address + held[j].bytes <= held[i].address ||
                                    held[i].address + held[i].bytes <= held[j].address);
        }
}

/* The largest run that is free by the plain map: no slab, no block. */
static uint64_t largest_by_map(void)
{
        uint64_t largest = 0;

        for (const struct segment *s = rig.memory->central.segments; s != NULL; s = s->next) {
                uint64_t run = 0;

                for (uint32_t i = 0; i < s->n_pages; i += s->runs[i].pages) {
                        run = s->runs[i].kind == RUN_FREE ? run + s->runs[i].pages : 0;
                        largest = run > largest ? run : largest;
                }
        }
        return largest;
}

static void central_keeps_its_books_through_random_work(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 8; seed++) {
                struct trib__random random = { seed };
                struct holding      held[HELD] = { { 0, NULL, 0 } };

                print_message("seed %llu\n", (unsigned long long)seed);
                memory_rig_open(&rig, 0, 0);
                for (int i = 0; i < 3000; i++) {
                        struct holding *h = &held[trib__random_below(&random, HELD)];

                        if (h->handle != 0) {
                                memory_rig_release(&rig, h->handle, 0);
                                h->handle = 0;
                                if (trib__random_below(&random, 3) == 0)
                                        trib__central_put(rig.memory,
                                                          trib__cache_donate(rig.memory, 0, 0));
                        } else {
                                h->bytes = (UINT64_C(1) << (9 + trib__random_below(&random, 13))) -
                                           trib__random_below(&random, 200);
                                h->handle = take(h->bytes);
                                h->address = memory_rig_address(&rig, h->handle);
                        }
                        if (i % 50 == 0) {
                                memory_rig_check(&rig);
                                check_map(held);
                                assert_int_equal(largest_pages(), largest_by_map());
                        }
                        if (i % 700 == 699)
                                (void)trib__memory_trim(rig.memory);
                }
                for (int i = 0; i < HELD; i++) {
                        if (held[i].handle != 0)
                                memory_rig_release(&rig, held[i].handle, 0);
                }
                (void)trib__memory_trim(rig.memory);
                assert_int_equal(memory_rig_stats(&rig).reserved, 0);
                memory_rig_close(&rig);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(central_splits_a_run_and_merges_it_again),
               TRIB_TEST(central_merges_with_the_left_the_right_and_both_neighbours),
               TRIB_TEST(central_takes_the_best_fit),
               TRIB_TEST(central_dissolves_a_slab_whose_blocks_are_all_there),
               TRIB_TEST(central_gives_blocks_of_slabs_before_it_cuts_new_ones),
               TRIB_TEST(central_makes_singles_where_segments_do_not_fit),
               TRIB_TEST(central_never_grows_beyond_the_cap),
               TRIB_TEST(central_keeps_its_books_through_random_work))
