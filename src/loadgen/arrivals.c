/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals.c: the moments of constant and Poisson arrivals. */
#include "loadgen/arrivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

/* A Poisson count exceeds its mean by this many roots of it once in 1e15 windows. */
#define ROOM_DEVIATIONS 8.0

const char *trib__arrivals_name(trib__arrivals_kind kind)
{
        static const char *const names[] = { "constant", "poisson", "at-once" };

        return names[kind];
}

bool trib__arrivals_parse(const char *text, trib__arrivals_kind *out)
{
        if (strcmp(text, "constant") == 0)
                *out = TRIB__ARRIVALS_CONSTANT;
        else if (strcmp(text, "poisson") == 0)
                *out = TRIB__ARRIVALS_POISSON;
        else
                return false;
        return true;
}

trib_status trib__arrivals_parse_rate(const char *text, double *out, trib_error *err)
{
        struct trib__arrivals arrivals = { TRIB__ARRIVALS_CONSTANT, 0, 0 };
        char                 *end;
        trib_status           status;

        /* strtod alone would also take blanks, signs, "nan", "inf" and hexadecimal. */
        if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "'%.40s' is not a number of requests per second, such as 2000",
                                  text);
        arrivals.rate = strtod(text, &end);
        if (*end != '\0')
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "'%.40s' is not a number of requests per second, such as 2000",
                                  text);
        status = trib__arrivals_check(&arrivals, err);
        if (status == TRIB_OK)
                *out = arrivals.rate;
        return status;
}

trib_status trib__arrivals_check(const struct trib__arrivals *arrivals, trib_error *err)
{
        if (arrivals->kind == TRIB__ARRIVALS_AT_ONCE
            || (arrivals->rate >= TRIB__ARRIVALS_RATE_MIN
                && arrivals->rate <= TRIB__ARRIVALS_RATE_MAX))
                return TRIB_OK;
        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                          "a rate of %g requests per second cannot be run, only %g to %g",
                          arrivals->rate, TRIB__ARRIVALS_RATE_MIN, TRIB__ARRIVALS_RATE_MAX);
}

size_t trib__arrivals_room(const struct trib__arrivals *arrivals, uint64_t length_ns)
{
        double mean = arrivals->rate * (double)length_ns / (double)TRIB__NS_PER_SECOND;
        double room = mean + ROOM_DEVIATIONS * sqrt(mean) + 16;

        return room < (double)TRIB__ARRIVALS_MAX ? (size_t)room : TRIB__ARRIVALS_MAX;
}

static size_t fill_constant(double rate, uint64_t length_ns, uint64_t *moments, size_t room)
{
        size_t count = 0;

        while (count < room) {
                double at = (double)count * (double)TRIB__NS_PER_SECOND / rate;

                if (!(at < (double)length_ns))
                        break;
                moments[count++] = (uint64_t)at;
        }
        return count;
}

/* The first gap is random too: the start of the window is no arrival. */
static size_t fill_poisson(double gap, uint64_t seed, uint64_t length_ns, uint64_t *moments,
                           size_t room)
{
        struct trib__random random = { seed };
        double              at = 0;
        size_t              count = 0;

        while (count < room) {
                at -= gap * log1p(-trib__random_unit(&random));
                if (!(at < (double)length_ns))
                        break;
                moments[count++] = (uint64_t)at;
        }
        return count;
}

size_t trib__arrivals_fill(const struct trib__arrivals *arrivals, uint64_t length_ns,
                           uint64_t *moments, size_t room)
{
        double gap = (double)TRIB__NS_PER_SECOND / arrivals->rate;

        if (arrivals->kind == TRIB__ARRIVALS_CONSTANT)
                return fill_constant(arrivals->rate, length_ns, moments, room);
        if (arrivals->kind == TRIB__ARRIVALS_POISSON)
                return fill_poisson(gap, arrivals->seed, length_ns, moments, room);
        memset(moments, 0, room * sizeof(*moments));
        return room;
}
