/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals.h: when requests of an open loop are meant to start.
 *
 * In an open loop requests come at moments that are fixed ahead and do not wait for answers. The
 * moments of a stretch of time follow from (kind, rate, seed) alone: the same three give the same
 * moments. Takes no lock, holds no state. */
#ifndef TRIB_LOADGEN_ARRIVALS_H
#define TRIB_LOADGEN_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>

typedef enum trib__arrivals_kind {
        TRIB__ARRIVALS_CONSTANT, /* one each 1 / rate                                     */
        TRIB__ARRIVALS_POISSON,  /* gaps exponential of mean 1 / rate, without memory     */
        TRIB__ARRIVALS_AT_ONCE   /* all at the start; has no rate                         */
} trib__arrivals_kind;

#define TRIB__ARRIVALS_RATE_MIN 0.001
#define TRIB__ARRIVALS_RATE_MAX 1e7
#define TRIB__ARRIVALS_MAX ((size_t)1 << 23) /* of one window */

struct trib__arrivals {
        trib__arrivals_kind kind;
        double              rate; /* requests per second */
        uint64_t            seed;
};

/* "constant", "poisson", "at-once". */
const char *trib__arrivals_name(trib__arrivals_kind kind);

/* What: reads "constant" or "poisson"; false when it is neither. */
bool trib__arrivals_parse(const char *text, trib__arrivals_kind *out);

/* What: reads a rate: digits, a point, an exponent.
 * Errors: TRIB_INVALID_ARGUMENT, also outside of RATE_MIN .. RATE_MAX. */
TRIB_MUST_USE trib_status trib__arrivals_parse_rate(const char *text, double *out,
                                                    trib_error *err);

/* What: whether the rate can be run.
 * Errors: TRIB_INVALID_ARGUMENT. */
TRIB_MUST_USE trib_status trib__arrivals_check(const struct trib__arrivals *arrivals,
                                               trib_error *err);

/* Room that trib__arrivals_fill needs for a length, at most TRIB__ARRIVALS_MAX. */
size_t trib__arrivals_room(const struct trib__arrivals *arrivals, uint64_t length_ns);

/* What: the moments in [0, length_ns), ascending, in ns from the start; returns how many, at most
 * `room`. AT_ONCE gives `room` zeros. Moments do not drift: the k-th of constant arrivals is
 * k / rate, rounded down. */
size_t trib__arrivals_fill(const struct trib__arrivals *arrivals, uint64_t length_ns,
                           uint64_t *moments, size_t room);

#endif
