/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.h: break it on purpose. The k-th fault point fails, k = 1, 2, ... until the scenario
 * passes without having reached it; each k once, and once with every later point failing too.
 * After each run:
 *
 *   C1  the status and the message say something that fits what failed, or nothing was noticed and
 *       every result is golden;
 *   C2  threads, open files, host memory and device memory are as before, and the library's own
 *       counts are what a walk over its structures finds;
 *   C3  a witness, a session of its own on a device of its own, gives golden bits (and so do the
 *       neighbours of neighbour.h, which run meanwhile);
 *   C4  the same scenario works again.
 *
 * For the thread that runs the case. */
#ifndef TRIB_TESTS_SWEEP_H
#define TRIB_TESTS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "scenario.h"

struct sweep {
        const char *device;
        /* Gives the status of the first step that failed, or TRIB_OK. */
        trib_status (*run)(struct scenario *s, const char *device, trib_error *err);
        void (*check)(struct scenario *s, const char *device); /* after each run; or NULL         */
        uint32_t classes;        /* of struct trib__fault_plan                                    */
        bool     leaves_nothing; /* no host memory of the library's is alive after a run          */
        bool     is_repeated;    /* after a single fault the same once more, without (C4)         */
        bool     is_sampled;     /* too many points: the first 8, then half as many a time        */
};

/* Note what there is now, with a witness on `device`; and end that. */
void sweep_open(const char *device);
void sweep_close(void);
/* Note again how many threads, files and pieces of memory there are. */
void sweep_rebase(void);
/* The witness's device. */
trib_device *sweep_witness(void);

/* One run under a plan; true when nothing of the plan was reached. */
bool sweep_one(const struct sweep *sweep, struct scenario *s,
               const struct trib__fault_plan *plan);
/* Every k, once and for ever. */
void sweep_all(const struct sweep *sweep, struct scenario *s);
/* The first pass of each of these sites (NULL-terminated), once and for ever. */
void sweep_sites(const struct sweep *sweep, struct scenario *s, const char *const *sites);
/* `count` runs with two faults each, at places that follow from the seed. */
void sweep_pairs(const struct sweep *sweep, struct scenario *s, uint64_t count, uint64_t seed);

/* What the sweeps of this process did, site by site and class by class. With `must_hit_all` a
 * site that was never passed fails the case. */
void sweep_print(bool must_hit_all);

#endif
