/* SPDX-License-Identifier: Apache-2.0 */
/* resources_priv.h: what resources.c and roofline.c share while they find a sweep's resources. A
 * *finder* holds what is looked at; an *offer* is a resource that may be one. Locks: none. */
#ifndef TRIB_ANALYSIS_RESOURCES_PRIV_H
#define TRIB_ANALYSIS_RESOURCES_PRIV_H

#include "analysis/analysis_priv.h"
#include "analysis/resources.h"

/* A demand of a measured peak that would have kept it busier than this was measured wrongly. */
#define TRIB__BUSIEST_PEAK (TRIB__ABOVE_LIMIT_PERCENT / 100)

/* What is looked at while resources are found. */
struct trib__finder {
        const struct trib__results *results;
        struct trib__sweep         *sweep;
        const struct trib__point   *at;    /* where the ceiling shows                    */
        const struct trib__point   *first; /* of the fewest threads                      */
        const struct trib__point   *best;
        bool                        has_shares; /* both at and first                     */
        bool                        is_inline;  /* the kernel runs on the calling thread */
        bool                        is_simulated;
        bool                        is_flat; /* throughput stopped rising before the end */
};

/* A resource, before the measurements had their say. */
struct trib__offer {
        const char *name;
        double      servers, demand_us, wait_us;
        double      freed_us;
        double      busiest;     /* more than this times the servers' time is an error */
        bool        is_told, is_inferred, frees_core;
};

/* Add it to the sweep's resources, if the measurements bear it. */
void trib__finder_add(const struct trib__finder *finder, const struct trib__offer *offer);

/* Whether a wait is a noticeable part of a request's time. */
bool trib__finder_is_wait(const struct trib__finder *finder, double wait_us);

/* How much longer a part takes than it did with the fewest threads. */
double trib__finder_growth(const struct trib__finder *finder, const char *name);

/* The turn (demand / servers) that makes a request wait so long where n of them run: in a closed
 * network a request finds the queue that one request less leaves, so
 *     wait = turn f X (wait + turn),  f = (n-1) / n. */
double trib__turn_of_wait(const struct trib__point *point, double wait_us);

/* A request's demand of the whole device's peaks. */
struct trib__roofline {
        double compute_us, memory_us, submission_us;
};

struct trib__roofline trib__roofline_of(const struct trib__finder *finder);
void trib__finder_add_roofline(const struct trib__finder *finder,
                               const struct trib__roofline *roofline);
void trib__finder_add_executors(const struct trib__finder *finder);

#endif
