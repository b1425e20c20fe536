/* SPDX-License-Identifier: Apache-2.0 */
/* ablate.h: `--ablate NAME=VALUE,...`: an option's values against each other, in one run. See
 * analysis/ablation.h for what follows from it. */
#ifndef TRIB_APPS_ABLATE_H
#define TRIB_APPS_ABLATE_H

#include "measuring.h"

#define TRIB_ABLATE_VALUES_MAX 16u

struct trib_ablate_option;

struct trib_ablate_one {
        const struct trib_ablate_option *option;
        char   values[TRIB_ABLATE_VALUES_MAX][16]; /* as they were given */
        size_t count;
};

/* What was asked for; all zero: nothing. */
struct trib_ablate {
        struct trib_ablate_one all[TRIB__ABLATIONS_MAX];
        size_t count;
};

/* The current option's value; false, and a message, when it names no option or value. */
bool trib_ablate_take(struct trib_app_args *args, struct trib_ablate *ablate);

struct trib_ablate_group {
        const struct trib__load_spec *spec;
        unsigned threads[2];   /* each variant is measured at these */
        size_t   thread_count;
        uint64_t warm_up_ns;
        uint64_t deadline;
        double   seconds_after;
};

/* Roughly how long trib_ablate_run takes, seconds. */
double trib_ablate_seconds(const struct trib_ablate *ablate,
                           const struct trib_measure_options *options,
                           const struct trib_ablate_group *group);

/* Measure all variants in interleaved rounds, each with a device and a session of its own, and add
 * the ablations to the results. TRIB_CANCELLED, TRIB_TIMED_OUT: what was measured is added. */
TRIB_MUST_USE trib_status trib_ablate_run(struct trib_measuring *measuring,
                                          const struct trib_ablate *ablate,
                                          const struct trib_ablate_group *group, trib_error *err);

#endif
