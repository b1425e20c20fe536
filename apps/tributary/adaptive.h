/* SPDX-License-Identifier: Apache-2.0 */
/* adaptive.h: `scale --plan adaptive`: advice on threads, batch and precision from some of the
 * settings, as the planner (analysis/planner.h) asks for them. */
#ifndef TRIB_APPS_ADAPTIVE_H
#define TRIB_APPS_ADAPTIVE_H

#include "measuring.h"

struct trib_adaptive {
        struct trib__load_spec spec;       /* its batch is that of each setting */
        const unsigned        *threads;
        size_t                 thread_count;
        const unsigned        *batches;    /* count 0: the spec's own */
        size_t                 batch_count;
        bool                   is_both;    /* precision medium as well, where the device has it */
        bool                   is_all;     /* all settings, each in all windows */
        double                 part;       /* of the time that all settings would take */
        uint64_t               warm_up_ns;
        uint64_t               deadline;
};

/* Measure what the planner asks for and add a sweep for each batch and precision, and the plan.
 * TRIB_CANCELLED, TRIB_TIMED_OUT: what was measured is added. */
TRIB_MUST_USE trib_status trib_adaptive_run(struct trib_measuring *measuring,
                                            const struct trib_adaptive *adaptive,
                                            trib_error *err);

#endif
