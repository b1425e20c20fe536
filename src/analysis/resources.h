/* SPDX-License-Identifier: Apache-2.0 */
/* resources.h: what requests take turns at, which of it stops them, and what would move it.
 *
 * A *resource* serves so many requests at a time (servers) for so long each (demand); servers /
 * demand is its ceiling. Demands come, the first that there is, from what the backend told
 * (trib__demands_us), from measured peaks and the workload's cost, or are inferred from the time
 * that requests waited. A request alone takes the sweep's alone_us; with others it waits, by the
 * model of network.h. docs/analysis.md says which bottleneck means what. */
#ifndef TRIB_ANALYSIS_RESOURCES_H
#define TRIB_ANALYSIS_RESOURCES_H

#include "analysis/law.h"
#include "analysis/measurements.h"
#include "analysis/network.h"

/* What: writes the sweep's resources, alone_us and smoothness. Needs shares and limit concluded.
 * Threads: any, each on its own results (so for all below).   Blocks: no. */
void trib__conclude_resources(const struct trib__results *results, struct trib__sweep *sweep);

/* What: writes the sweep's bottleneck and what-ifs from its resources. */
void trib__conclude_bottleneck(const struct trib__results *results, struct trib__sweep *sweep);

/* What: throughput at `threads`, measured or not, of a sweep that is concluded: by the resources,
 * if they explain the points as well as the law does, else by the law under the resources'
 * ceilings; never above the limit. out->ops_per_s is 0, and out->why says why, if there is none.
 * Blocks: no; some ms. */
void trib__sweep_predict(const struct trib__sweep *sweep, double threads,
                         struct trib__prediction *out);
/* What: the same at `count` thread counts, for little more than the time of one. */
void trib__sweep_predict_all(const struct trib__sweep *sweep, const double *threads, size_t count,
                             struct trib__prediction *out);

/* The point that bottleneck and what-ifs are about: of the most threads whose throughput is within
 * 5 % of the highest; NULL when there is none. */
const struct trib__point *trib__sweep_full_point(const struct trib__sweep *sweep);

/* Whether a point has shares that add up to its time, roughly: from half of it to one and a half
 * times. Nothing is concluded from others; the finding shares-mismatch is stricter. */
bool trib__point_is_attributed(const struct trib__point *point);

/* The part of a mean request's time, in us, of the shares whose name starts so; 0 where they do not
 * add up. Time is threads /
 * throughput, which holds in a closed loop whatever was sampled. */
double trib__point_part_us(const struct trib__point *point, const char *name);
double trib__point_time_us(const struct trib__point *point);

bool trib__is_host_device(const struct trib__results *results);

/* The sweep's points for the fits, at most `most`; false when there is none. `points` is what
 * data->points refers to. */
bool trib__sweep_law_data(const struct trib__sweep *sweep, struct trib__usl_point *points,
                          size_t most, struct trib__law_data *data);

/* The network of the sweep's resources; false when the time of a request alone is not known. */
bool trib__sweep_network(const struct trib__sweep *sweep, struct trib__network *network);

/* What: fits the network to the sweep's points; `network` gets what was fitted from. */
bool trib__sweep_fit_network(const struct trib__sweep *sweep, struct trib__network *network,
                             struct trib__network_fit *fit);

#endif
