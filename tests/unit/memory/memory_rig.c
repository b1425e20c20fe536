/* SPDX-License-Identifier: Apache-2.0 */
/* memory_rig.c: see memory_rig.h. */
#include "memory_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

void memory_rig_open_with(struct memory_rig *rig, const char *options,
                          const struct trib__memory_params *wanted)
{
        trib_error                 err = TRIB_ERROR_INIT;
        struct trib__memory_params params = *wanted;

        memset(rig, 0, sizeof(*rig));
        sim_rig_open(&rig->sim, options, MEMORY_RIG_STREAMS);
        for (int i = 0; i < MEMORY_RIG_STREAMS; i++)
                trib__store_release_ptr(&rig->timelines[i].queue, rig->sim.queues[i]);
        params.backend = rig->sim.backend;
        params.device = rig->sim.device;
        params.timelines = rig->timelines;
        if (params.n_streams == 0)
                params.n_streams = MEMORY_RIG_STREAMS;
        EXPECT_OK(trib__memory_create(&params, &rig->memory, &err), &err);
}

void memory_rig_open(struct memory_rig *rig, uint32_t shards, uint64_t limit)
{
        const struct trib__memory_params params = { .n_shards = shards, .limit = limit };

        memory_rig_open_with(rig, "clock=scripted", &params);
}

void memory_rig_close(struct memory_rig *rig)
{
        (void)trib__sim_run_until_idle(rig->sim.device);
        memory_rig_check(rig);
        trib__memory_destroy(rig->memory);
        sim_rig_close(&rig->sim);
}

struct trib__memory_stats memory_rig_stats(struct memory_rig *rig)
{
        struct trib__memory_stats stats;

        trib__memory_get_stats(rig->memory, &stats);
        return stats;
}

static uint64_t count_list(const struct block *block, enum place place)
{
        uint64_t bytes = 0;

        for (; block != NULL; block = block->next) {
                assert_int_equal(trib__block_place(block), place);
                assert_int_equal(HOLDERS(trib__load_relaxed_u64(&block->state)), 0);
                bytes += trib__block_size(block);
        }
        return bytes;
}

/* Bytes in caches and shards, each block found where it says that it is. */
static uint64_t count_free(struct trib__memory *memory)
{
        uint64_t bytes = 0;

        for (uint32_t s = 0; s < TRIB__MAX_STREAMS; s++) {
                const struct cache *cache = &memory->caches[s];

                assert_int_equal(trib__load_relaxed_u32(&cache->owner), 0);
                for (uint32_t list = 0; list < N_LISTS; list++)
                        bytes += count_list(cache->free[list], PLACE_LIST);
                bytes += count_list(cache->limbo, PLACE_LIMBO);
                bytes += count_list(cache->taken, PLACE_PUSHED);
                bytes += count_list(trib__load_relaxed_ptr(&cache->pushed), PLACE_PUSHED);
        }
        for (uint32_t i = 0; i < memory->params.n_shards; i++) {
                for (uint32_t list = 0; list < N_LISTS; list++)
                        bytes += count_list(memory->shards[i].free[list], PLACE_LIST);
        }
        return bytes;
}

/* Boundary tags: the runs of each segment fill it, free neighbours are merged, and slabs count
 * right. Gives the bytes of central's blocks. */
static uint64_t check_segments(const struct central *central)
{
        uint64_t held = 0;

        for (const struct segment *s = central->segments; s != NULL; s = s->next) {
                bool     was_free = false;
                uint32_t i = 0;

                while (i < s->n_pages) {
                        const struct run *run = &s->runs[i];

                        assert_true(run->pages > 0 && i + run->pages <= s->n_pages);
                        assert_ptr_equal(run->segment, s);
                        assert_false(was_free && run->kind == RUN_FREE);
                        was_free = run->kind == RUN_FREE;
                        if (run->kind == RUN_FREE)
                                assert_int_equal(run[run->pages - 1].pages, run->pages);
                        if (run->kind == RUN_SLAB) {
                                uint64_t bytes = count_list(run->here, PLACE_CENTRAL);

                                held += bytes;
                                assert_true(run->n_here < run->n_cut || run->n_cut == 0);
                                assert_true(run->n_cut <= run->n_blocks);
                                assert_true(run->n_here == 0 ||
                                            bytes / run->n_here == trib__block_size(run->here));
                        }
                        i += run->pages;
                }
        }
        return held + count_list(central->singles, PLACE_CENTRAL);
}

void memory_rig_check(struct memory_rig *rig)
{
        struct trib__memory      *memory = rig->memory;
        struct trib__memory_stats stats = memory_rig_stats(rig);
        uint64_t                  held = check_segments(&memory->central);

        assert_int_equal(stats.reserved,
                         stats.allocated + stats.limbo + stats.cached + stats.programs);
        assert_int_equal(memory->central.held, held);
        assert_int_equal(stats.central, held + memory->central.uncut);
        assert_int_equal(stats.cached + stats.limbo, stats.central + count_free(memory));
        assert_true(stats.limit == 0 || stats.reserved <= stats.limit);
        assert_true(stats.central_largest_run <= stats.central);
}

uint64_t memory_rig_take(struct memory_rig *rig, uint32_t stream, uint64_t bytes)
{
        trib_error err = TRIB_ERROR_INIT;
        uint64_t   handle = 0;

        EXPECT_OK(trib__memory_alloc(rig->memory, stream, bytes, 0, &handle, &err), &err);
        assert_int_not_equal(handle, 0);
        return handle;
}

void memory_rig_release(struct memory_rig *rig, uint64_t handle, uint32_t near)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__memory_release(rig->memory, handle, near, &err), &err);
}

void *memory_rig_address(struct memory_rig *rig, uint64_t handle)
{
        trib_error err = TRIB_ERROR_INIT;
        void      *address = NULL;
        uint64_t   bytes;

        EXPECT_OK(trib__memory_lookup(rig->memory, handle, &address, &bytes, &err), &err);
        assert_int_equal((uintptr_t)address % TRIB__SLAB_ALIGNMENT, 0);
        return address;
}

void memory_rig_use(struct memory_rig *rig, uint64_t handle, uint32_t stream)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__memory_use(rig->memory, handle, stream, &err), &err);
        trib__store_release_u64(&rig->timelines[stream].submitted,
                                rig->sim.values[stream] + 1);
        assert_int_equal(sim_rig_copy(&rig->sim, stream, memory_rig_address(rig, handle),
                                      rig->bytes, 64),
                         TRIB_OK);
}

void memory_rig_finish(struct memory_rig *rig, uint32_t stream)
{
        while (sim_rig_completed(&rig->sim, stream) < rig->sim.values[stream]) {
                struct trib__sim_event event;
                uint32_t               i = 0;

                while (trib__sim_peek(rig->sim.device, i, &event) && event.queue != stream)
                        i++;
                assert_true(trib__sim_step_at(rig->sim.device, i, NULL));
        }
}
