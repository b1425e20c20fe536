/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h: from a graph and concrete input shapes to a plan, and the cache of built programs.
 *
 * plan:       backend/step.h; made here by shape inference, fusion and static memory layout.
 * executable: a plan with the program that a backend made of it. Counted; lives in a cache.
 * cache:      one per session, keyed by the input shapes, compared in full. Two threads that need
 *             the same new key build it once (single flight): one builds, outside of the lock,
 *             the others wait; if it fails they all get its error, and the next try builds anew. */
#ifndef TRIB_PLAN_PLAN_H
#define TRIB_PLAN_PLAN_H

#include "backend/backend.h"
#include "backend/step.h"
#include "memory/memory.h"
#include "model/graph.h"

/* Build the plan of `graph` for `inputs` (graph->n_inputs final shapes). The plan refers to the
 * graph's user-defined operators, so the graph must outlive it. */
trib_status trib__plan_build(const struct trib__graph *graph, const struct trib__shape *inputs,
                             struct trib__plan **out, trib_error *err) TRIB_MUST_USE;
void trib__plan_destroy(struct trib__plan *plan);

/* An intermediate value, alive from the step that makes it to the last that reads it. */
struct trib__lifetime {
        uint64_t bytes;
        uint32_t first;
        uint32_t last;
        uint64_t offset; /* out */
};

/* Give each lifetime an offset so that no two that are alive in the same step overlap, largest
 * first at the lowest gap that fits ("greedy by size for offset calculation", Pisarchyk and Lee,
 * 2020). Returns the size of the slab. `order` is scratch for count numbers. */
uint64_t trib__plan_layout(struct trib__lifetime *lifetimes, uint32_t *order, uint32_t count);

struct trib__executable {
        /* Fixed once ready. */
        struct trib__plan        *plan;
        trib__program            *program;
        struct trib__program_info info;
        uint64_t                  slab_bytes; /* of a launch: plan and workspace             */
        uint64_t                  input_bytes, output_bytes; /* staging, each packed to 64   */

        /* Holders: the cache, and whoever got it. */
        trib__atomic_u64 refs;

        /* Under the cache's mutex. */
        struct trib__executable *next;
        struct trib__shape      *key;
        uint64_t                 hash;
        uint64_t                 last_use;
        enum { TRIB__BUILDING, TRIB__READY, TRIB__FAILED } state;
        trib_error               failure;
};

struct trib__plan_cache;

struct trib__plan_cache_params {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__memory        *memory; /* charged for what programs hold                */
        const struct trib__graph   *graph;
        const void *const          *constants;
        struct trib__gate          *serial;
        bool                        is_medium;
        uint32_t                    max_plans;
};

trib_status trib__plan_cache_create(const struct trib__plan_cache_params *params,
                                    struct trib__plan_cache **out, trib_error *err) TRIB_MUST_USE;
/* Nobody holds an executable any more. NULL is fine. */
void trib__plan_cache_destroy(struct trib__plan_cache *cache);

/* The executable for these inputs, built if need be; the caller holds it until ..._put. Waits for
 * another thread's build at most until the deadline. */
trib_status trib__plan_cache_get(struct trib__plan_cache *cache, const struct trib__shape *inputs,
                                 uint64_t deadline, struct trib__executable **out,
                                 trib_error *err) TRIB_MUST_USE;
/* Hold it no longer. What nobody holds then goes at once if the cache has more plans than it
 * should, oldest first. */
void trib__plan_cache_put(struct trib__plan_cache *cache, struct trib__executable *executable);

/* Drop what nobody holds, for want of device memory; true if that was anything. */
bool trib__plan_cache_trim(struct trib__plan_cache *cache);

/* Whether the cache has more plans than it should, because somebody holds them. */
bool trib__plan_cache_is_over(struct trib__plan_cache *cache);

/* How many builds were started. */
uint64_t trib__plan_cache_builds(struct trib__plan_cache *cache);

#endif
