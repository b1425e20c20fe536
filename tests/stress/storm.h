/* SPDX-License-Identifier: Apache-2.0 */
/* storm.h: many threads on one device, with mixed models, shapes and precisions; every result is
 * compared, bit for bit, with that of the same request run alone.
 *
 * What request number n of thread t is follows from (t, n) and TRIB_TEST_SEED. Beside the plain
 * ones there are requests of a session with a short timeout and a short queue, and among submitted
 * ones some with a deadline, some that are cancelled, some with a callback and some without a
 * handle. One that did not run must leave its memory alone, also later.
 *
 * A storm has phases. Threads end with each, so that their streams change hands; what the process
 * holds after the first phase is compared with what it holds after the last. */
#ifndef TRIB_TESTS_STORM_H
#define TRIB_TESTS_STORM_H

#include "crowd.h"

#include "zoo.h"

#define STORM_MOST_THREADS 256

struct storm_plan {
        const char *name;
        const char *device;
        uint32_t    threads;
        uint32_t    streams;
        uint32_t    workers;  /* of each session                                    */
        uint32_t    keepers;  /* threads beside that make, share and drop buffers   */
        uint32_t    kept_bytes; /* of the largest buffer                            */
        uint64_t    requests; /* of each thread, of the whole: see figures_scaled   */
        uint64_t    forks;    /* of the whole, while the threads go on              */
        uint64_t    soak_ms;  /* of the whole: how long threads go on at least      */
        uint64_t    break_ms; /* at such intervals a fault site fails; 0: never     */
        uint64_t    memory_limit;
        bool        is_async;
        bool        is_waiting; /* prints how long threads waited, in fair shares   */
};

/* Runs the plan and fails the test for anything wrong. */
void storm_run(const struct storm_plan *plan);

/* A thread that makes, fills, shares, checks and drops buffers of device memory until *running is
 * 0: every byte must be what the last writer put there. */
struct keeper {
        trib_device *device;
        atomic_uint *running;
        uint64_t     seed;
        uint32_t     most_bytes; /* of a buffer, a multiple of 4096 */
        uint64_t     done, wrong, refused; /* refused: for want of memory */
        trib_error   err;
};

void keeper_run(struct keeper *keeper);

/* A thread that forks `part` children, one after the other; each makes every kind of call. */
struct forker {
        trib_device  *device;
        trib_model   *model;
        trib_session *session; /* on that model, which is of this kind */
        enum zoo_kind kind;
        uint64_t      part;
        uint64_t      done, wrong;
        trib_error    err;
};

void forker_run(struct forker *forker);

/* A thread that makes one pass of a fault site fail every gap_ns, until *running is 0. */
struct breaker {
        trib_device *device;
        atomic_uint *running;
        uint64_t     seed;
        uint64_t     gap_ns;
        uint64_t     done, wrong; /* done: passes that failed */
        trib_error   err;
};

void breaker_run(struct breaker *breaker);

#endif
