/* SPDX-License-Identifier: Apache-2.0 */
/* planned.h: devices that do not exist, for the planner. A seed makes a device; every setting of a
 * grid of threads, batches and precisions has a true throughput and a true tail there; the planner
 * is answered with what a window would measure, and its advice is held against that of one who
 * knows all settings.
 *
 *     network  throughput by a closed network of resources with a soft bend, coherency cost, and
 *              everything else drawn from the seed; the tail is p99
 *     events   by the discrete-event model of closed_loop.h, with random service times; the tail
 *              is p90 */
#ifndef TRIB_TESTS_PLANNED_H
#define TRIB_TESTS_PLANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/planner.h"

#define PLANNED_SETTINGS_MAX 64
/* What one window of a setting takes, what the first takes beside, and how many the grid has. */
#define PLANNED_WINDOW_S 0.5
#define PLANNED_SETUP_S 0.2
#define PLANNED_WINDOWS 5u

enum planned_truth { PLANNED_NETWORK, PLANNED_EVENTS };

struct planned_case {
        uint64_t             seed;
        enum planned_truth   truth;
        size_t               batches;  /* 1..4: of 1, 4, 16, 64  */
        unsigned             kinds;    /* 1 or 2                 */
        /* Filled by planned_fill. */
        struct trib__setting settings[PLANNED_SETTINGS_MAX];
        double               log_rate[PLANNED_SETTINGS_MAX], log_tail[PLANNED_SETTINGS_MAX];
        struct trib__surface surface;  /* with an objective that some settings keep */
        double               scatter;  /* of one window's throughput */
        double               tail_scatter;
};

void planned_fill(struct planned_case *planned);

struct planned_score {
        double loss[TRIB__GOALS]; /* what each advice loses: 0.03 = 3 %                     */
        double part;              /* of the grid's measuring time that the plan took         */
        size_t settings, windows; /* that were measured                                      */
};

/* Plan with at most `part` of the grid's time. An objective is met or missed by what the tail was
 * measured to be, so 3 % of it on either side are no loss. False when memory is short. */
bool planned_run(const struct planned_case *planned, double part, struct planned_score *out);

#endif
