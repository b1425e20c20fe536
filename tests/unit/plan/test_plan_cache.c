/* SPDX-License-Identifier: Apache-2.0 */
/* The plan cache on a backend that only counts: single flight, failures that reach every waiter,
 * eviction, deadlines. Its compile stops at a door that the test opens. */
#include "test_main.h"

#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"
#include "crowd.h"
#include "expect.h"
#include "plan/plan.h"

#define THREADS 8

/* What the backend below was asked to do. */
static struct {
        sem_t      entered, door;
        atomic_int is_guarded; /* compile says that it entered, and waits at the door */
        atomic_int is_failing;
        atomic_int compiles, releases;
} counted;

struct trib__program {
        int64_t rows;
        int     is_released;
};

static trib_status count_compile(trib__device *device, const struct trib__compile_params *params,
                                 trib__program **out, struct trib__program_info *info,
                                 trib_error *err)
{
        int number = atomic_fetch_add(&counted.compiles, 1) + 1;

        (void)device;
        *out = NULL;
        memset(info, 0, sizeof(*info));
        if (atomic_load(&counted.is_guarded) != 0) {
                (void)sem_post(&counted.entered);
                (void)sem_wait(&counted.door);
        }
        if (atomic_load(&counted.is_failing) != 0) {
                err->status = TRIB_DEVICE_ERROR;
                (void)snprintf(err->message, sizeof(err->message), "compile %d failed", number);
                atomic_fetch_add(&counted.releases, 1); /* there is nothing to release */
                return TRIB_DEVICE_ERROR;
        }
        *out = calloc(1, sizeof(**out));
        (*out)->rows = params->plan->inputs[0].shape[0];
        info->device_bytes = 1000;
        return TRIB_OK;
}

static void count_release(trib__device *device, trib__program *program)
{
        (void)device;
        if (program != NULL)
                atomic_fetch_add(&counted.releases, 1);
        free(program);
}

static const struct trib__backend counting = { .compile = count_compile,
                                               .release = count_release };

struct rig {
        struct trib__graph       graph;
        struct trib__timeline    timelines[1];
        struct trib__memory     *memory;
        struct trib__plan_cache *cache;
        struct trib__gate        gate;
};

static void rig_open(struct rig *rig, uint32_t max_plans, uint64_t limit)
{
        const struct trib__shape any_by_4 = { TRIB_F32, 2, { TRIB__ANY, 4 } };
        struct trib__node        relu = { .op = TRIB__OP_RELU, .n_inputs = 1 };
        int32_t                  value;
        trib_error               err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        memset(&counted, 0, sizeof(counted));
        assert_int_equal(sem_init(&counted.entered, 0, 0), 0);
        assert_int_equal(sem_init(&counted.door, 0, 0), 0);
        EXPECT_OK(trib__graph_add_input(&rig->graph, "x", &any_by_4, &value, &err), &err);
        EXPECT_OK(trib__graph_add_node(&rig->graph, &relu, &value, &err), &err);
        EXPECT_OK(trib__graph_add_output(&rig->graph, "y", value, &err), &err);

        struct trib__memory_params memory = { .backend = &counting,
                                              .timelines = rig->timelines,
                                              .n_streams = 1,
                                              .n_shards = 1,
                                              .limit = limit };

        EXPECT_OK(trib__memory_create(&memory, &rig->memory, &err), &err);

        struct trib__plan_cache_params params = { .backend = &counting,
                                                  .memory = rig->memory,
                                                  .graph = &rig->graph,
                                                  .serial = &rig->gate,
                                                  .max_plans = max_plans };

        EXPECT_OK(trib__plan_cache_create(&params, &rig->cache, &err), &err);
}

static uint64_t charged(struct rig *rig)
{
        struct trib__memory_stats stats;

        trib__memory_get_stats(rig->memory, &stats);
        return stats.programs;
}

static int live(void)
{
        return atomic_load(&counted.compiles) - atomic_load(&counted.releases);
}

static void rig_close(struct rig *rig)
{
        trib__plan_cache_destroy(rig->cache);
        assert_int_equal(charged(rig), 0);
        trib__memory_destroy(rig->memory);
        trib__graph_clear(&rig->graph);
}

static trib_status get(struct rig *rig, int64_t rows, uint64_t deadline,
                       struct trib__executable **out, trib_error *err)
{
        const struct trib__shape shape = { TRIB_F32, 2, { rows, 4 } };

        return trib__plan_cache_get(rig->cache, &shape, deadline, out, err);
}

static void cache_finds_what_it_has_built(void **state)
{
        static struct rig               rig;
        struct trib__executable *a, *b, *c;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 8, 0);
        EXPECT_OK(get(&rig, 3, TRIB__NEVER, &a, &err), &err);
        EXPECT_OK(get(&rig, 3, TRIB__NEVER, &b, &err), &err);
        EXPECT_OK(get(&rig, 4, TRIB__NEVER, &c, &err), &err);
        assert_ptr_equal(a, b);
        assert_ptr_not_equal(a, c);
        assert_int_equal(a->plan->inputs[0].shape[0], 3);
        assert_int_equal(a->input_bytes, 64);
        assert_int_equal(trib__plan_cache_builds(rig.cache), 2);
        assert_int_equal(charged(&rig), 2000);
        trib__plan_cache_put(rig.cache, a);
        trib__plan_cache_put(rig.cache, b);
        trib__plan_cache_put(rig.cache, c);
        rig_close(&rig);
        assert_int_equal(live(), 0);
}

struct race {
        struct rig              *rig;
        uint32_t                 keys;
        uint64_t                 deadline;
};

/* Get every key in an order of one's own; it must be the right one, and stay so. */
static void get_all_keys(struct crowd_member *me)
{
        struct race        *race = me->context;
        struct trib__random random = { me->index };

        for (uint32_t round = 0; round < 4 * race->keys; round++) {
                int64_t                  rows = 1 + trib__random_below(&random, race->keys);
                struct trib__executable *got;

                me->status = get(race->rig, rows, TRIB__NEVER, &got, &me->err);
                if (me->status != TRIB_OK)
                        return;
                me->wrong += got->program->rows != rows || got->key->dims[0] != rows;
                trib__plan_cache_put(race->rig->cache, got);
        }
}

static void cache_builds_each_key_once_for_all_threads(void **state)
{
        static struct rig          rig;
        struct race         race = { .rig = &rig, .keys = 40 };
        struct crowd_member members[THREADS];

        (void)state;
        rig_open(&rig, 40, 0);
        crowd_run_all(members, THREADS, get_all_keys, &race);
        for (int i = 0; i < THREADS; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        assert_true(trib__plan_cache_builds(rig.cache) <= 40);
        assert_int_equal(trib__plan_cache_builds(rig.cache), atomic_load(&counted.compiles));
        assert_int_equal(live(), trib__plan_cache_builds(rig.cache));
        rig_close(&rig);
}

static void cache_churns_under_a_small_cap_without_harm(void **state)
{
        static struct rig          rig;
        struct race         race = { .rig = &rig, .keys = 200 };
        struct crowd_member members[THREADS];

        (void)state;
        rig_open(&rig, 3, 0);
        crowd_run_all(members, THREADS, get_all_keys, &race);
        for (int i = 0; i < THREADS; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        assert_true(live() <= 3 + THREADS);
        rig_close(&rig);
        assert_int_equal(live(), 0);
}

static void get_one_key(struct crowd_member *me)
{
        struct race             *race = me->context;
        struct trib__executable *got = NULL;

        me->status = get(race->rig, 5, race->deadline, &got, &me->err);
        if (me->status == TRIB_OK)
                trib__plan_cache_put(race->rig->cache, got);
        else
                me->wrong += got != NULL;
}

/* All threads but one are asleep, waiting for the one that builds. */
static void start_waiters(struct race *race, struct crowd_member *members)
{
        atomic_store(&counted.is_guarded, 1);
        for (uint32_t i = 0; i < THREADS; i++)
                crowd_start(&members[i], get_one_key, race, i);
        (void)sem_wait(&counted.entered);
        for (uint32_t i = 0; i < THREADS; i++)
                crowd_wait_asleep(&members[i]);
}

static void cache_build_serves_all_who_wait(void **state)
{
        static struct rig          rig;
        struct race         race = { .rig = &rig, .deadline = TRIB__NEVER };
        struct crowd_member members[THREADS];

        (void)state;
        rig_open(&rig, 8, 0);
        start_waiters(&race, members);
        assert_int_equal(trib__plan_cache_builds(rig.cache), 1);
        (void)sem_post(&counted.door);
        for (uint32_t i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                EXPECT_OK(members[i].status, &members[i].err);
        }
        assert_int_equal(atomic_load(&counted.compiles), 1);
        rig_close(&rig);
}

static void cache_failed_build_reaches_all_who_wait_and_the_next_builds_anew(void **state)
{
        static struct rig               rig;
        struct race              race = { .rig = &rig, .deadline = TRIB__NEVER };
        struct crowd_member      members[THREADS];
        struct trib__executable *got;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 8, 0);
        atomic_store(&counted.is_failing, 1);
        start_waiters(&race, members);
        (void)sem_post(&counted.door);
        for (uint32_t i = 0; i < THREADS; i++) {
                crowd_join(&members[i]);
                assert_int_equal(members[i].status, TRIB_DEVICE_ERROR);
                assert_string_equal(members[i].err.message, "compile 1 failed");
                assert_int_equal(members[i].wrong, 0);
        }
        assert_int_equal(atomic_load(&counted.compiles), 1);
        atomic_store(&counted.is_failing, 0);
        atomic_store(&counted.is_guarded, 0);
        EXPECT_OK(get(&rig, 5, TRIB__NEVER, &got, &err), &err);
        assert_int_equal(trib__plan_cache_builds(rig.cache), 2);
        trib__plan_cache_put(rig.cache, got);
        rig_close(&rig);
}

static void cache_waiter_keeps_its_deadline_and_the_build_goes_on(void **state)
{
        static struct rig               rig;
        struct race              race = { .rig = &rig, .deadline = TRIB__NEVER };
        struct crowd_member      builder;
        struct trib__executable *got;
        trib_error               err;

        (void)state;
        rig_open(&rig, 8, 0);
        atomic_store(&counted.is_guarded, 1);
        crowd_start(&builder, get_one_key, &race, 0);
        (void)sem_wait(&counted.entered);
        EXPECT_FAILS(get(&rig, 5, 1, &got, &err), TRIB_TIMED_OUT, &err, "built the plan");
        assert_null(got);
        (void)sem_post(&counted.door);
        crowd_join(&builder);
        EXPECT_OK(builder.status, &builder.err);
        EXPECT_OK(get(&rig, 5, 1, &got, &err), &err);
        assert_int_equal(atomic_load(&counted.compiles), 1);
        trib__plan_cache_put(rig.cache, got);
        rig_close(&rig);
}

static void cache_evicts_the_least_recently_used(void **state)
{
        static struct rig               rig;
        struct trib__executable *got;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 3, 0);
        for (int64_t rows = 1; rows <= 3; rows++) {
                EXPECT_OK(get(&rig, rows, TRIB__NEVER, &got, &err), &err);
                trib__plan_cache_put(rig.cache, got);
        }
        EXPECT_OK(get(&rig, 1, TRIB__NEVER, &got, &err), &err); /* now 2 is the oldest */
        trib__plan_cache_put(rig.cache, got);
        EXPECT_OK(get(&rig, 4, TRIB__NEVER, &got, &err), &err);
        trib__plan_cache_put(rig.cache, got);
        assert_int_equal(live(), 3);
        EXPECT_OK(get(&rig, 1, TRIB__NEVER, &got, &err), &err);
        trib__plan_cache_put(rig.cache, got);
        assert_int_equal(trib__plan_cache_builds(rig.cache), 4);
        EXPECT_OK(get(&rig, 2, TRIB__NEVER, &got, &err), &err);
        trib__plan_cache_put(rig.cache, got);
        assert_int_equal(trib__plan_cache_builds(rig.cache), 5);
        rig_close(&rig);
}

/* H27, H28: never more than the cap and what is held; what is held is never freed. */
static void cache_keeps_what_is_held_and_shrinks_to_its_cap_afterwards(void **state)
{
        static struct rig               rig;
        struct trib__executable *held[50], *got;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 4, 0);
        for (int64_t i = 0; i < 50; i++)
                EXPECT_OK(get(&rig, 1 + i, TRIB__NEVER, &held[i], &err), &err);
        assert_int_equal(live(), 50);
        for (int64_t i = 0; i < 50; i++) {
                assert_int_equal(held[i]->program->rows, 1 + i);
                EXPECT_OK(get(&rig, 1 + i, TRIB__NEVER, &got, &err), &err);
                assert_ptr_equal(got, held[i]);
                trib__plan_cache_put(rig.cache, got);
        }
        for (int i = 0; i < 50; i++)
                trib__plan_cache_put(rig.cache, held[i]);
        assert_int_equal(live(), 4); /* the last holder's put does it, not the next get */
        EXPECT_OK(get(&rig, 100, TRIB__NEVER, &got, &err), &err);
        trib__plan_cache_put(rig.cache, got);
        assert_int_equal(live(), 4);
        assert_int_equal(charged(&rig), 4000);
        rig_close(&rig);
}

static void cache_of_many_keys_stays_at_its_cap(void **state)
{
        static struct rig               rig;
        struct trib__executable *got;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 16, 0);
        for (int64_t rows = 1; rows <= 20000; rows++) {
                EXPECT_OK(get(&rig, rows, TRIB__NEVER, &got, &err), &err);
                assert_int_equal(got->program->rows, rows);
                trib__plan_cache_put(rig.cache, got);
        }
        assert_int_equal(live(), 16);
        rig_close(&rig);
}

static void cache_counts_programs_under_the_memory_cap(void **state)
{
        static struct rig               rig;
        struct trib__executable *one, *two, *three = NULL;
        trib_error               err;

        (void)state;
        rig_open(&rig, 8, 2500);
        EXPECT_OK(get(&rig, 1, TRIB__NEVER, &one, &err), &err);
        EXPECT_OK(get(&rig, 2, TRIB__NEVER, &two, &err), &err);
        EXPECT_FAILS(get(&rig, 3, TRIB__NEVER, &three, &err), TRIB_OUT_OF_MEMORY, &err,
                     "limit 2500");
        assert_null(three);
        assert_int_equal(live(), 2);
        assert_int_equal(charged(&rig), 2000);
        trib__plan_cache_put(rig.cache, one);
        trib__plan_cache_put(rig.cache, two);
        rig_close(&rig);
}

static void cache_gives_up_idle_plans_when_memory_is_short(void **state)
{
        static struct rig        rig;
        struct trib__executable *held, *idle, *wanted;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig, 8, 2500);
        EXPECT_OK(get(&rig, 1, TRIB__NEVER, &held, &err), &err);
        EXPECT_OK(get(&rig, 2, TRIB__NEVER, &idle, &err), &err);
        trib__plan_cache_put(rig.cache, idle);
        EXPECT_OK(get(&rig, 3, TRIB__NEVER, &wanted, &err), &err);
        assert_int_equal(held->program->rows, 1);
        assert_int_equal(wanted->program->rows, 3);
        assert_int_equal(live(), 2);
        assert_int_equal(charged(&rig), 2000);
        assert_false(trib__plan_cache_trim(rig.cache));
        trib__plan_cache_put(rig.cache, held);
        trib__plan_cache_put(rig.cache, wanted);
        assert_true(trib__plan_cache_trim(rig.cache));
        assert_int_equal(live(), 0);
        rig_close(&rig);
}

static void cache_survives_every_failed_allocation(void **state)
{
        static struct rig               rig;
        struct trib__executable *got;
        trib_error               err = TRIB_ERROR_INIT;
        uint64_t                 failed, k;
        trib_status              status;

        (void)state;
        rig_open(&rig, 8, 0);
        for (k = 1;; k++) {
                trib__fault_arm(k, false);
                status = get(&rig, 5, TRIB__NEVER, &got, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0)
                        break;
                assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                assert_null(got);
                assert_int_equal(live(), 0);
        }
        EXPECT_OK(status, &err);
        assert_true(k > 10);
        trib__plan_cache_put(rig.cache, got);
        rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(cache_finds_what_it_has_built),
               TRIB_TEST(cache_builds_each_key_once_for_all_threads),
               TRIB_TEST(cache_churns_under_a_small_cap_without_harm),
               TRIB_TEST(cache_build_serves_all_who_wait),
               TRIB_TEST(cache_failed_build_reaches_all_who_wait_and_the_next_builds_anew),
               TRIB_TEST(cache_waiter_keeps_its_deadline_and_the_build_goes_on),
               TRIB_TEST(cache_evicts_the_least_recently_used),
               TRIB_TEST(cache_keeps_what_is_held_and_shrinks_to_its_cap_afterwards),
               TRIB_TEST(cache_of_many_keys_stays_at_its_cap),
               TRIB_TEST(cache_counts_programs_under_the_memory_cap),
               TRIB_TEST(cache_gives_up_idle_plans_when_memory_is_short),
               TRIB_TEST(cache_survives_every_failed_allocation))
