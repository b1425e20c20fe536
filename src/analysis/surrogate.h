/* SPDX-License-Identifier: Apache-2.0 */
/* surrogate.h: what a quantity is likely to be at every setting, from a few that were measured: a
 * Gaussian process (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006).
 *
 * A *place* is a setting: the logarithms to base 2 of threads and batch, and a kind (precision and
 * policy). The prior is a sum of parts: one of threads, one of batch, one of the kind, and one of
 * all together, so that what was learnt of one batch says something of the others. Its scales are
 * those that make what was measured most likely, of a few.
 *
 * Locks: none; a surrogate belongs to one thread. */
#ifndef TRIB_ANALYSIS_SURROGATE_H
#define TRIB_ANALYSIS_SURROGATE_H

#include <stdbool.h>
#include <stddef.h>

#include <tributary/status.h>

#include "base/random.h"

struct trib__place {
        double   threads; /* log2 */
        double   batch;   /* log2 */
        unsigned kind;
};

/* What was measured at one place. */
struct trib__sighting {
        size_t place;    /* index */
        double value;
        double variance; /* of its error, above 0 */
};

struct trib__surrogate;

/* What: room for `count` places, at most 256; they are copied.
 * Ownership: the caller destroys *out; NULL on failure.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__surrogate_create(const struct trib__place *places, size_t count,
                                                 struct trib__surrogate **out, trib_error *err);
void trib__surrogate_destroy(struct trib__surrogate *surrogate); /* NULL is fine */

/* What: learns from these sightings alone, at least one, each of a place of its own.
 * Blocks: no; some ms. */
void trib__surrogate_learn(struct trib__surrogate *surrogate,
                           const struct trib__sighting *sightings, size_t count);

/* After learning: the expected value at a place and its standard deviation. */
double trib__surrogate_mean(const struct trib__surrogate *surrogate, size_t place);
double trib__surrogate_deviation(const struct trib__surrogate *surrogate, size_t place);

/* After learning: one of the curves that are likely, at all places at once. */
void trib__surrogate_draw(const struct trib__surrogate *surrogate, struct trib__random *random,
                          double *values);

#endif
