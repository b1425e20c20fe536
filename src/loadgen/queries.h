/* SPDX-License-Identifier: Apache-2.0 */
/* queries.h: a closed loop of queries of several samples each: the next query comes when every
 * sample of the one before is answered. Threads share the samples of a query.
 *
 * Locks: none. A plan and its result belong to one thread, the one that calls trib__queries_run. */
#ifndef TRIB_LOADGEN_QUERIES_H
#define TRIB_LOADGEN_QUERIES_H

#include "loadgen/loadgen.h"

struct trib__queries_plan {
        const struct trib__target *target;
        unsigned threads;
        unsigned samples;    /* of each query, 1 .. 65536 */
        uint64_t window_ns;  /* a query that ends later is not counted */
        const trib__atomic_u32 *stop;
        const struct trib__load_clock *clock; /* NULL: the machine's */
};

struct trib__queries_result {
        struct trib__histogram latency; /* ns, of queries: from its start to its last answer */
        uint64_t queries;               /* whose samples were all answered well */
        uint64_t samples;               /* of these queries */
        uint64_t errors;                /* samples that failed */
        uint64_t spent_ns;              /* from the first query's start to the last one's end */
        uint64_t checks, mismatches;
        trib_error first_error;
};

/* What: runs queries for a window and adds to *result.
 * Threads: one; the crew must be idle and have plan->threads.
 * Blocks: for the window, and the query at its end.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_CANCELLED (what was measured is
 * there). */
TRIB_MUST_USE trib_status trib__queries_run(struct trib__crew *crew,
                                            const struct trib__queries_plan *plan,
                                            struct trib__queries_result *result, trib_error *err);

#endif
