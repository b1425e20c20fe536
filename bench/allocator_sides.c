/* SPDX-License-Identifier: Apache-2.0 */
/* allocator_sides.c: tributary's designs, glibc, mimalloc, and two that measure the measuring.
 * Locks: none; floor's list of remote frees is pushed to by anyone and taken whole by its owner. */
#include "allocator_sides.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static trib_device *device;
static bool         is_touching;
static void *(*mi_malloc)(size_t);
static void (*mi_free)(void *);
static char version[128];

bool complain(const char *what, const char *why)
{
        fprintf(stderr, "allocator: %s: %s\n", what, why);
        return false;
}

static bool nothing_open(const struct side *s, const char *library)
{
        (void)library;
        (void)snprintf(version, sizeof(version), "%s", s->name);
        return true;
}

static bool lane_nothing(struct lane *lane)
{
        (void)lane;
        return true;
}

static void lane_forget(struct lane *lane)
{
        (void)lane;
}

static void *token_address(uint64_t token)
{
        return (void *)(uintptr_t)token;
}

static bool trib_open(const struct side *s, const char *library)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error          err = TRIB_ERROR_INIT;

        (void)library;
        options.allocator_shards = s->shards;
        (void)snprintf(version, sizeof(version), "tributary %s, %s", trib_version(), s->name);
        return trib_device_open("cpu:0", &options, &device, &err) == TRIB_OK ||
               complain(s->name, err.message);
}

static bool trib_lane_open(struct lane *lane)
{
        lane->err = (trib_error)TRIB_ERROR_INIT;
        return trib_stream_acquire(device, 0, &lane->stream, &lane->err) == TRIB_OK ||
               complain("a stream for each thread", lane->err.message);
}

static void trib_lane_close(struct lane *lane)
{
        trib_stream_release(lane->stream);
        lane->stream = NULL;
}

static void *trib_address(uint64_t token)
{
        void *address = NULL;

        (void)!trib_buffer_address(device, (trib_buffer){ token }, &address, NULL, NULL);
        return address;
}

static void *trib_alloc(struct lane *lane, size_t bytes, uint64_t *token)
{
        trib_buffer buffer;

        if (trib_buffer_create(lane->stream, bytes, &buffer, &lane->err) != TRIB_OK)
                return NULL;
        *token = buffer.id;
        return is_touching ? trib_address(buffer.id) : lane;
}

static bool trib_free(struct lane *lane, uint64_t token)
{
        return trib_buffer_release(device, (trib_buffer){ token }, &lane->err) == TRIB_OK;
}

/* Kept from giving memory back to the system: that is not what is compared, and costs much. */
static bool malloc_open(const struct side *s, const char *library)
{
        (void)library;
        (void)snprintf(version, sizeof(version), "glibc %s, %s", gnu_get_libc_version(), s->name);
        return (mallopt(M_MMAP_THRESHOLD, 32 << 20) == 1 &&
                mallopt(M_TRIM_THRESHOLD, 1 << 30) == 1) ||
               complain(s->name, "mallopt");
}

static void *malloc_alloc(struct lane *lane, size_t bytes, uint64_t *token)
{
        void *memory = malloc(bytes);

        (void)lane;
        *token = (uintptr_t)memory;
        return memory;
}

static bool malloc_free(struct lane *lane, uint64_t token)
{
        (void)lane;
        free((void *)(uintptr_t)token);
        return true;
}

/* Also kept from giving memory back. The names differ between 2.0 and 2.1. */
static bool mimalloc_open(const struct side *s, const char *library)
{
        void *handle;
        int (*number)(void);

        (void)setenv("MIMALLOC_ALLOW_DECOMMIT", "0", 1);
        (void)setenv("MIMALLOC_PURGE_DELAY", "-1", 1);
        handle = dlopen(library != NULL ? library : "libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL)
                return complain(s->name, dlerror());
        *(void **)&mi_malloc = dlsym(handle, "mi_malloc");
        *(void **)&mi_free = dlsym(handle, "mi_free");
        *(void **)&number = dlsym(handle, "mi_version");
        if (mi_malloc == NULL || mi_free == NULL || number == NULL)
                return complain(s->name, "not a mimalloc");
        (void)snprintf(version, sizeof(version), "mimalloc %d", number());
        return true;
}

static void *mimalloc_alloc(struct lane *lane, size_t bytes, uint64_t *token)
{
        void *memory = mi_malloc(bytes);

        (void)lane;
        *token = (uintptr_t)memory;
        return memory;
}

static bool mimalloc_free(struct lane *lane, uint64_t token)
{
        (void)lane;
        mi_free((void *)(uintptr_t)token);
        return true;
}

static bool loop_lane_open(struct lane *lane)
{
        lane->last = aligned_alloc(LINE, 2 * LINE);
        return lane->last != NULL || complain("loop", "no memory");
}

static void loop_lane_close(struct lane *lane)
{
        free(lane->last);
}

static void *loop_alloc(struct lane *lane, size_t bytes, uint64_t *token)
{
        *token = bytes;
        return lane->last;
}

static bool loop_free(struct lane *lane, uint64_t token)
{
        (void)lane;
        return token != 0;
}

/* The least that can be done: one size, no checks, no fences; the link lies in the block's first
 * line, so that a remote free moves one line and the head of the owner's list, taken whole. */
struct floor_block {
        _Alignas(LINE) struct floor_block *next;
        struct lane *owner;
};

static bool floor_lane_open(struct lane *lane)
{
        enum { BLOCKS = RING + 2 * LIVE };
        struct floor_block *blocks = aligned_alloc(LINE, BLOCKS * sizeof(*blocks));

        lane->last = blocks;
        for (int i = 0; blocks != NULL && i < BLOCKS; i++) {
                blocks[i].owner = lane;
                blocks[i].next = i + 1 < BLOCKS ? &blocks[i + 1] : NULL;
        }
        lane->list = blocks;
        return blocks != NULL || complain("floor", "no memory");
}

static void floor_lane_close(struct lane *lane)
{
        free(lane->last);
}

static void *floor_alloc(struct lane *lane, size_t bytes, uint64_t *token)
{
        struct floor_block *block = lane->list;

        (void)bytes;
        if (block == NULL)
                /* Acquire: pairs with the release in floor_free. */
                block = atomic_exchange_explicit(&lane->remote_list, NULL, memory_order_acquire);
        if (block == NULL)
                return NULL;
        lane->list = block->next;
        *token = (uintptr_t)block;
        return block;
}

static bool floor_free(struct lane *lane, uint64_t token)
{
        struct floor_block *block = (void *)(uintptr_t)token, *seen;

        if (block->owner == lane) {
                block->next = lane->list;
                lane->list = block;
                return true;
        }
        /* Relaxed: a guess. Release: the link is there before the block can be seen. */
        seen = atomic_load_explicit(&block->owner->remote_list, memory_order_relaxed);
        do
                block->next = seen;
        while (!atomic_compare_exchange_weak_explicit(&block->owner->remote_list, &seen, block,
                                                      memory_order_release, memory_order_relaxed));
        return true;
}

#define TRIB_SIDE(name, shards) \
        { name, shards, trib_open, trib_lane_open, trib_lane_close, trib_alloc, trib_free, \
          trib_address }

static const struct side all_sides[] = {
        TRIB_SIDE("cached", 0),
        TRIB_SIDE("shards1", 1),
        TRIB_SIDE("shards8", 8),
        { "malloc", 0, malloc_open, lane_nothing, lane_forget, malloc_alloc, malloc_free,
          token_address },
        { "mimalloc", 0, mimalloc_open, lane_nothing, lane_forget, mimalloc_alloc, mimalloc_free,
          token_address },
        { "floor", 0, nothing_open, floor_lane_open, floor_lane_close, floor_alloc, floor_free,
          token_address },
        { "loop", 0, nothing_open, loop_lane_open, loop_lane_close, loop_alloc, loop_free,
          token_address },
};

const struct side *side_find(const char *name)
{
        for (size_t i = 0; i < sizeof(all_sides) / sizeof(all_sides[0]); i++) {
                if (strcmp(name, all_sides[i].name) == 0)
                        return &all_sides[i];
        }
        return NULL;
}

bool side_gives_memory(const struct side *side)
{
        return side->alloc != loop_alloc && side->alloc != floor_alloc;
}

bool side_open(const struct side *side, const char *library, bool is_touched)
{
        is_touching = is_touched;
        return side->open(side, library);
}

const char *side_version(void)
{
        return version;
}

void side_close(void)
{
        trib_device_close(device);
}
