/* SPDX-License-Identifier: Apache-2.0 */
/* allocator_sides.h: what allocator.c measures. A side is a design or a peer; a lane is what one
 * thread has of a run. See allocator.c for the other nouns. Locks: none. */
#ifndef TRIB_BENCH_ALLOCATOR_SIDES_H
#define TRIB_BENCH_ALLOCATOR_SIDES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>

#include <tributary/tributary.h>

#include "allocator_clock.h"

#define LINE 64
#define LIVE 16
#define RING 512      /* slots; a power of two */
#define IN_FLIGHT 128 /* blocks in each ring: four batches */

struct lane;
struct floor_block;

struct side {
        const char *name;
        uint32_t    shards; /* of tributary; else 0 */
        bool (*open)(const struct side *side, const char *library);
        bool (*lane_open)(struct lane *lane);
        void (*lane_close)(struct lane *lane);
        /* The address, or NULL; *token is what free and address know the block by. */
        void *(*alloc)(struct lane *lane, size_t bytes, uint64_t *token);
        bool (*free)(struct lane *lane, uint64_t token);
        void *(*address)(uint64_t token);
};

struct ring {
        _Alignas(2 * LINE) _Atomic uint64_t written; /* by the giver    */
        _Alignas(2 * LINE) _Atomic uint64_t taken;   /* by the receiver */
        _Alignas(2 * LINE) uint64_t tokens[RING];
        uint64_t stamps[RING]; /* used when checking only */
};

struct lane {
        /* Fixed before the threads start. */
        _Alignas(2 * LINE) uint32_t index;
        uint32_t     remote; /* pairs of a batch that are */
        bool         is_checking;
        struct ring *out, *in;
        trib_stream *stream;
        trib_error   err; /* why a call of tributary failed */
        pthread_t    thread;

        /* The lane's thread's own. */
        _Alignas(2 * LINE) uint64_t next_size;
        uint64_t live[LIVE], live_stamps[LIVE];
        uint64_t stamp;
        uint64_t written, taken; /* of out and in, before they are published */
        void               *last; /* of sides loop and floor */
        struct floor_block *list; /* of side floor           */
        uint64_t wrong;
        uint64_t pairs, singles, waits;
        uint64_t cpu_ns, cpu_waiting_ns, cpu_begin_ns;
        struct histogram batch, single;

        /* Read by main while the thread runs. */
        _Alignas(2 * LINE) _Atomic(struct floor_block *) remote_list; /* of side floor */
        _Alignas(2 * LINE) _Atomic uint64_t batches;
        _Atomic bool is_failed;
};

/* The side of that name, or NULL. */
const struct side *side_find(const char *name);
/* Whether its blocks are real memory of the size that was asked for. */
bool side_gives_memory(const struct side *side);
/* Prepare it. `is_touched`: the address of each block is wanted. False after a complaint. */
bool side_open(const struct side *side, const char *library, bool is_touched);
/* Name and version, once it is open. */
const char *side_version(void);
void side_close(void);
/* Say on standard error what went wrong; gives false. */
bool complain(const char *what, const char *why);

#endif
