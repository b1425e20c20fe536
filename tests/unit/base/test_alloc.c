/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c: host memory: counted per thread, alignable, and able to fail. */
#include "test_main.h"

#include "base/alloc.h"
#include "base/sync.h"

static void allocations_of_zero_bytes_give_memory(void **state)
{
        void *a = trib__alloc("test.alloc", 0);
        void *b = trib__calloc("test.calloc", 0, 8);
        void *c = trib__aligned("test.aligned", 64, 0);

        (void)state;
        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(c);
        trib__free(a);
        trib__free(b);
        trib__free(c);
        trib__free(NULL);
}

static void calloc_clears_and_refuses_an_overflow(void **state)
{
        unsigned char  *memory = trib__calloc("test.calloc", 100, 8);
        volatile size_t many = SIZE_MAX / 2;

        (void)state;
        assert_non_null(memory);
        for (int i = 0; i < 800; i++)
                assert_int_equal(memory[i], 0);
        trib__free(memory);
        assert_null(trib__calloc("test.calloc", many, 3));
}

static void aligned_memory_is_aligned(void **state)
{
        (void)state;
        for (size_t alignment = 8; alignment <= 4096; alignment *= 2) {
                void *memory = trib__aligned("test.aligned", alignment, 24);

                assert_non_null(memory);
                assert_int_equal((uintptr_t)memory % alignment, 0);
                trib__free(memory);
        }
}

static void strdup_copies_up_to_its_limit(void **state)
{
        char *whole = trib__strdup("test.strdup", "tributary", 64);
        char *cut = trib__strdup("test.strdup", "tributary", 4);
        char  open_end[4] = { 'a', 'b', 'c', 'd' };
        char *copy = trib__strdup("test.strdup", open_end, sizeof(open_end));

        (void)state;
        assert_string_equal(whole, "tributary");
        assert_string_equal(cut, "trib");
        assert_string_equal(copy, "abcd");
        trib__free(whole);
        trib__free(cut);
        trib__free(copy);
}

static void each_site_can_fail(void **state)
{
        (void)state;
        trib__fault_arm(1, true);
        assert_null(trib__alloc("test.alloc", 1));
        assert_null(trib__calloc("test.calloc", 1, 1));
        assert_null(trib__aligned("test.aligned", 64, 64));
        assert_null(trib__strdup("test.strdup", "x", 1));
        assert_int_equal(trib__fault_disarm(NULL), 4);
}

static void count_in_thread(void *argument)
{
        uint64_t *seen = argument;

        trib__free(trib__alloc("test.alloc", 1));
        *seen = trib__thread_counts()->allocations;
}

static void allocations_are_counted_by_thread(void **state)
{
        uint64_t            before, in_thread = 0;
        struct trib__thread thread;

        (void)state;
        before = trib__thread_counts()->allocations;
        trib__free(trib__alloc("test.alloc", 1));
        trib__free(trib__calloc("test.calloc", 1, 1));
        trib__free(trib__aligned("test.aligned", 64, 1));
        trib__free(trib__strdup("test.strdup", "x", 1));
        assert_int_equal(trib__thread_counts()->allocations - before, 4);
        assert_int_equal(trib__thread_start(&thread, count_in_thread, &in_thread, NULL), TRIB_OK);
        trib__thread_join(&thread);
        assert_int_equal(in_thread, 1);
        /* Starting a thread is one allocation, of the starter. */
        assert_int_equal(trib__thread_counts()->allocations - before, 5);
}

TRIB_TEST_MAIN(TRIB_TEST(allocations_of_zero_bytes_give_memory),
               TRIB_TEST(calloc_clears_and_refuses_an_overflow),
               TRIB_TEST(aligned_memory_is_aligned), TRIB_TEST(strdup_copies_up_to_its_limit),
               TRIB_TEST(each_site_can_fail), TRIB_TEST(allocations_are_counted_by_thread))
