/* SPDX-License-Identifier: Apache-2.0 */
/* trace_load_priv.h: what the parts of the load share. */
#ifndef TRIB_TESTS_TRACE_LOAD_PRIV_H
#define TRIB_TESTS_TRACE_LOAD_PRIV_H

#include <stdatomic.h>

#include "base/random.h"
#include "crowd.h"
#include "trace_load.h"

#define MOST_THREADS 64
#define BOXES 16
#define KINDS 3
#define MILLISECOND UINT64_C(1000000)

struct world {
        const struct load *load;
        trib_device       *device;
        trib_model        *models[KINDS];
        trib_session      *sessions[KINDS];
        _Atomic(uint64_t)  boxes[BOXES]; /* buffers on their way to whoever takes them */
};

void load_open(struct world *world, const struct load *load);
/* The load's threads, all in `run`; a wrong answer fails the test. */
void load_run(struct world *world, void (*run)(struct crowd_member *));

/* Whether the status is TRIB_OK; counts it as wrong if the interface does not allow it. */
bool load_is_fine(struct crowd_member *me, trib_status status);

/* A work that is submitted soon will be late (simulated device). */
void load_delay(struct world *world, struct trib__random *random);

#endif
