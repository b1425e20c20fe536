/* SPDX-License-Identifier: Apache-2.0 */
/* test_crew.c: persistent threads do what they are told, once each. */
#include "test_main.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/sync.h"
#include "loadgen/loadgen.h"

#define THREADS 16u

struct counts {
        unsigned         of[THREADS]; /* each written by the thread of its index */
        trib__atomic_u32 inside;
        unsigned         wanted;
};

static void count(void *context, unsigned index)
{
        ((struct counts *)context)->of[index]++;
}

static void crew_runs_a_job_once_on_each_thread(void **state)
{
        struct counts      counts = { { 0 }, { 0 }, 0 };
        struct trib__crew *crew;
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__crew_create(THREADS, &crew, &err), TRIB_OK);
        assert_int_equal(trib__crew_size(crew), THREADS);
        for (unsigned threads = 1; threads <= THREADS; threads++) {
                trib__crew_start(crew, threads, count, &counts);
                assert_true(trib__crew_wait(crew, TRIB__NEVER));
        }
        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(counts.of[i], THREADS - i);
        trib__crew_destroy(crew);
}

/* Returns only once all are inside, which shows that they run at the same time. */
static void meet(void *context, unsigned index)
{
        struct counts *counts = context;

        (void)index;
        /* Relaxed: only counts. */
        (void)trib__fetch_add_relaxed_u32(&counts->inside, 1);
        /* Relaxed: as above. */
        while (trib__load_relaxed_u32(&counts->inside) < counts->wanted)
                trib__cpu_relax();
}

static void crew_runs_its_threads_at_the_same_time(void **state)
{
        struct counts      counts = { { 0 }, { 0 }, 4 };
        struct trib__crew *crew;

        (void)state;
        assert_int_equal(trib__crew_create(4, &crew, NULL), TRIB_OK);
        trib__crew_start(crew, 4, meet, &counts);
        assert_true(trib__crew_wait(crew, TRIB__NEVER));
        trib__crew_destroy(crew);
}

static void hold(void *context, unsigned index)
{
        struct counts *counts = context;

        (void)index;
        /* Acquire: pairs with the release in crew_wait_gives_up_at_its_deadline. */
        while (trib__load_acquire_u32(&counts->inside) == 0)
                (void)trib__word_wait(&counts->inside, 0, TRIB__NEVER);
}

static void crew_wait_gives_up_at_its_deadline(void **state)
{
        struct counts      counts = { { 0 }, { 0 }, 0 };
        struct trib__crew *crew;

        (void)state;
        assert_int_equal(trib__crew_create(2, &crew, NULL), TRIB_OK);
        trib__crew_start(crew, 2, hold, &counts);
        assert_false(trib__crew_wait(crew, trib__now() + 1000));
        /* Release: pairs with the acquire in hold. */
        trib__store_release_u32(&counts.inside, 1);
        trib__word_wake(&counts.inside, 2);
        assert_true(trib__crew_wait(crew, TRIB__NEVER));
        trib__crew_destroy(crew);
}

static void crew_refuses_no_thread_and_too_many(void **state)
{
        struct trib__crew *crew = (struct trib__crew *)1;
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__crew_create(0, &crew, &err), TRIB_INVALID_ARGUMENT);
        assert_null(crew);
        assert_int_equal(trib__crew_create(TRIB__LOAD_THREADS_MAX + 1, &crew, &err),
                         TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "1025 threads"));
        trib__crew_destroy(NULL);
}

static void crew_create_survives_every_failure(void **state)
{
        struct trib__crew *crew = NULL;
        uint64_t           failed;

        (void)state;
        for (uint64_t k = 1;; k++) {
                trib_error  err = TRIB_ERROR_INIT;
                trib_status status;

                trib__fault_arm(k, false);
                status = trib__crew_create(5, &crew, &err);
                (void)trib__fault_disarm(&failed);
                if (status == TRIB_OK)
                        break;
                assert_null(crew);
                assert_true(err.message[0] != '\0');
        }
        assert_int_equal(failed, 0);
        trib__crew_destroy(crew);
}

TRIB_TEST_MAIN(TRIB_TEST(crew_runs_a_job_once_on_each_thread),
               TRIB_TEST(crew_runs_its_threads_at_the_same_time),
               TRIB_TEST(crew_wait_gives_up_at_its_deadline),
               TRIB_TEST(crew_refuses_no_thread_and_too_many),
               TRIB_TEST(crew_create_survives_every_failure))
