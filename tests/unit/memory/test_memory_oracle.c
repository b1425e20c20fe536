/* SPDX-License-Identifier: Apache-2.0 */
/* The same long random sequences of operations on the caches per stream, on 1 shard, on 8 shards
 * and on a model of a page of code: every answer that a caller can see is the same, and the sums
 * are. Seeds are printed and replay exactly: TRIB_SEED=N runs that one alone.
 *
 * What differs by design is left out: which address a block has, what is cached, and, under a
 * cap, how early memory is short. Content is checked instead: a block holds what its holder wrote,
 * and blocks that are held at one time do not overlap. */
#include "test_main.h"

#include <stdlib.h>

#include "base/random.h"
#include "expect.h"
#include "memory_rig.h"

#define DESIGNS 3
#define HELD 64
#define OPERATIONS 8000

static const uint32_t shards[DESIGNS] = { 0, 1, 8 };

/* One thing that the caller holds or held: the handle that each design gave for it. */
struct thing {
        uint64_t handles[DESIGNS];
        /* The model. */
        uint64_t bytes, size;
        uint32_t holders; /* 0: stale, if it ever was */
        bool     was_given;
        uint64_t seal;
};

static struct memory_rig rigs[DESIGNS];
static struct thing      things[HELD];
static uint64_t          requested, allocated, calls; /* by the model */

static void check_content(const struct thing *thing, bool is_writing)
{
        for (int d = 0; d < DESIGNS; d++) {
                uint64_t *words = memory_rig_address(&rigs[d], thing->handles[d]);
                uint64_t  last = thing->bytes / sizeof(*words) - 1;

                if (is_writing)
                        words[0] = words[last] = thing->seal;
                assert_int_equal(words[0], thing->seal);
                assert_int_equal(words[last], thing->seal);
        }
}

static trib_status model_of(const struct thing *thing)
{
        if (!thing->was_given)
                return TRIB_INVALID_ARGUMENT;
        return thing->holders > 0 ? TRIB_OK : TRIB_STALE;
}

static void do_alloc(struct thing *thing, uint32_t stream, uint64_t bytes, uint64_t seal)
{
        for (int d = 0; d < DESIGNS; d++)
                thing->handles[d] = memory_rig_take(&rigs[d], stream, bytes);
        thing->bytes = bytes;
        (void)trib__memory_class(bytes, &thing->size);
        thing->holders = 1;
        thing->was_given = true;
        thing->seal = seal;
        requested += bytes;
        allocated += thing->size;
        calls++;
        check_content(thing, true);
}

static void do_release(struct thing *thing, uint32_t near)
{
        trib_status wanted = model_of(thing);

        if (wanted == TRIB_OK)
                check_content(thing, false);
        for (int d = 0; d < DESIGNS; d++)
                assert_int_equal(trib__memory_release(rigs[d].memory, thing->handles[d], near,
                                                      NULL),
                                 wanted);
        if (wanted == TRIB_OK && --thing->holders == 0) {
                requested -= thing->bytes;
                allocated -= thing->size;
        }
}

static void do_retain(struct thing *thing)
{
        for (int d = 0; d < DESIGNS; d++)
                assert_int_equal(trib__memory_retain(rigs[d].memory, thing->handles[d], NULL),
                                 model_of(thing));
        thing->holders += thing->holders > 0;
}

/* With work on the stream, or the word alone. */
static void do_use(struct thing *thing, uint32_t stream, bool has_work)
{
        for (int d = 0; d < DESIGNS; d++) {
                trib_status got = trib__memory_use(rigs[d].memory, thing->handles[d], stream, NULL);

                assert_int_equal(got, model_of(thing));
                if (got != TRIB_OK || !has_work)
                        continue;
                /* A copy onto itself: it takes until the clock moves, and changes nothing. */
                trib__store_release_u64(&rigs[d].timelines[stream].submitted,
                                        rigs[d].sim.values[stream] + 1);
                assert_int_equal(sim_rig_copy(&rigs[d].sim, stream, rigs[d].bytes, rigs[d].bytes,
                                              64),
                                 TRIB_OK);
        }
}

static void do_lookup(const struct thing *thing)
{
        for (int d = 0; d < DESIGNS; d++) {
                uint64_t bytes = 0;
                void    *address;

                assert_int_equal(trib__memory_lookup(rigs[d].memory, thing->handles[d], &address,
                                                     &bytes, NULL),
                                 model_of(thing));
                assert_int_equal(bytes, thing->holders > 0 ? thing->bytes : 0);
        }
}

static void do_world(struct trib__random *random)
{
        uint32_t what = trib__random_below(random, 8);

        for (int d = 0; d < DESIGNS; d++) {
                if (what == 0)
                        (void)trib__memory_trim(rigs[d].memory);
                else if (what == 1)
                        (void)trib__sim_run_until_idle(rigs[d].sim.device);
                else
                        (void)trib__sim_step(rigs[d].sim.device, NULL);
        }
}

static void do_any(struct trib__random *random)
{
        struct thing *thing = &things[trib__random_below(random, HELD)];
        uint32_t      stream = trib__random_below(random, MEMORY_RIG_STREAMS);
        uint32_t      what = trib__random_below(random, 16);

        if (what < 6 && thing->holders == 0)
                do_alloc(thing, stream,
                         16 + trib__random_below(random, 1u << trib__random_below(random, 21)),
                         trib__random_next(random));
        else if (what < 9)
                do_release(thing, stream);
        else if (what < 11)
                do_use(thing, stream, what == 9);
        else if (what < 12)
                do_retain(thing);
        else if (what < 14)
                do_lookup(thing);
        else
                do_world(random);
}

static void check_sums(void)
{
        for (int d = 0; d < DESIGNS; d++) {
                struct trib__memory_stats stats = memory_rig_stats(&rigs[d]);

                assert_int_equal(stats.requested, requested);
                assert_int_equal(stats.allocated, allocated);
                assert_int_equal(stats.allocations, calls);
                assert_int_equal(stats.out_of_memory, 0);
                memory_rig_check(&rigs[d]);
        }
}

static void run_seed(uint64_t seed)
{
        struct trib__random random = { seed };

        print_message("seed %llu\n", (unsigned long long)seed);
        memset(things, 0, sizeof(things));
        requested = allocated = calls = 0;
        for (int d = 0; d < DESIGNS; d++)
                memory_rig_open(&rigs[d], shards[d], 0);
        for (int i = 0; i < OPERATIONS; i++) {
                do_any(&random);
                if (i % 200 == 0)
                        check_sums();
        }
        for (int i = 0; i < HELD; i++) {
                while (things[i].holders > 0)
                        do_release(&things[i], trib__random_below(&random, MEMORY_RIG_STREAMS));
        }
        check_sums();
        for (int d = 0; d < DESIGNS; d++) {
                (void)trib__sim_run_until_idle(rigs[d].sim.device);
                (void)trib__memory_trim(rigs[d].memory);
                assert_int_equal(memory_rig_stats(&rigs[d]).reserved, 0);
                memory_rig_close(&rigs[d]);
        }
}

static void memory_of_all_designs_gives_the_same_answers(void **state)
{
        const char *only = getenv("TRIB_SEED");

        (void)state;
        if (only != NULL) {
                run_seed(strtoull(only, NULL, 10));
                return;
        }
        for (uint64_t seed = 1; seed <= 6; seed++)
                run_seed(seed);
}

TRIB_TEST_MAIN(TRIB_TEST(memory_of_all_designs_gives_the_same_answers))
