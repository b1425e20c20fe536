/* SPDX-License-Identifier: Apache-2.0 */
/* slo.c: reading a service level, and judging what was seen against it. Holds no state. */
#include "loadgen/slo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/beta.h"
#include "base/error.h"

#define QUANTILE_MIN 0.01
#define QUANTILE_MAX 0.9999
#define SECONDS_MIN 1e-6
#define SECONDS_MAX 1e3

/* Latencies above half the bound are a common thing from this part of all on. */
#define HALF_PART 0.3

/* Digits with perhaps a point; moves *text behind them. */
static bool take_decimal(const char **text, double *out)
{
        size_t length = strspn(*text, "0123456789.");
        char   digits[24], *end;

        if (length == 0 || length >= sizeof(digits))
                return false;
        memcpy(digits, *text, length);
        digits[length] = '\0';
        *out = strtod(digits, &end);
        *text += length;
        return *end == '\0';
}

static bool take_unit(const char **text, double *seconds)
{
        static const struct {
                const char *name;
                double      seconds;
        } units[] = { { "us", 1e-6 }, { "ms", 1e-3 }, { "s", 1 } };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                size_t length = strlen(units[i].name);

                if (strncmp(*text, units[i].name, length) != 0)
                        continue;
                *seconds = units[i].seconds;
                *text += length;
                return true;
        }
        return false;
}

/* "p99=5ms"; moves *text behind it. */
static bool take_bound(const char **text, struct trib__slo_bound *out)
{
        double percent, value, unit;

        if (**text != 'p')
                return false;
        ++*text;
        if (!take_decimal(text, &percent) || *(*text)++ != '=' || !take_decimal(text, &value)
            || !take_unit(text, &unit))
                return false;
        value *= unit;
        if (!(value >= SECONDS_MIN * (1 - 1e-9) && value <= SECONDS_MAX)
            || !(percent >= 100 * QUANTILE_MIN && percent <= 100 * QUANTILE_MAX))
                return false;
        out->quantile = percent / 100;
        out->ns = (uint64_t)llround(value * 1e9);
        return true;
}

trib_status trib__slo_parse(const char *text, struct trib__slo *out, trib_error *err)
{
        struct trib__slo slo = { .count = 0 };
        const char      *at = text;

        for (;;) {
                if (slo.count == TRIB__SLO_BOUNDS_MAX)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT, "at most %u bounds fit",
                                          TRIB__SLO_BOUNDS_MAX);
                if (!take_bound(&at, &slo.bounds[slo.count]) || (*at != ',' && *at != '\0'))
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "'%.40s' is no list of bounds such as p99=5ms,p50=800us "
                                          "(p1 to p99.99; us, ms or s; 1us to 1000s)", text);
                for (size_t i = 0; i < slo.count; i++)
                        if (fabs(slo.bounds[i].quantile - slo.bounds[slo.count].quantile) < 1e-9)
                                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                                  "'%.40s' has a percentile twice", text);
                slo.count++;
                if (*at++ == '\0')
                        break;
        }
        *out = slo;
        return TRIB_OK;
}

const char *trib__slo_percentile_text(double quantile, char *buffer, size_t size)
{
        (void)snprintf(buffer, size, "p%.6g", 100 * quantile);
        return buffer;
}

const char *trib__slo_text(const struct trib__slo *slo, char *buffer, size_t size)
{
        size_t used = 0;

        if (size > 0)
                buffer[0] = '\0';
        for (size_t i = 0; i < slo->count && used < size; i++) {
                uint64_t ns = slo->bounds[i].ns;
                char     name[16];
                int      length = snprintf(
                        buffer + used, size - used, "%s%s=%.9g%s", i > 0 ? "," : "",
                        trib__slo_percentile_text(slo->bounds[i].quantile, name, sizeof(name)),
                        ns >= 1000000000 ? (double)ns * 1e-9
                        : ns >= 1000000  ? (double)ns * 1e-6
                                         : (double)ns * 1e-3,
                        ns >= 1000000000 ? "s"
                        : ns >= 1000000  ? "ms"
                                         : "us");

                used += length > 0 ? (size_t)length : 0;
        }
        return buffer;
}

double trib__binomial_cdf(double successes, double count, double p)
{
        if (successes < 0)
                return 0;
        if (successes >= count)
                return 1;
        return trib__incomplete_beta(1 - p, count - successes, successes + 1);
}

/* The fewest requests at which one longer one still shows the bound kept. */
static uint64_t requests_for(double allowed)
{
        double low = 1, high = 2;

        while (trib__binomial_cdf(1, high, allowed) > 1 - TRIB__SLO_LOOK_CONFIDENCE)
                high *= 2;
        while (high - low > 1) {
                double middle = floor((low + high) / 2);

                if (trib__binomial_cdf(1, middle, allowed) > 1 - TRIB__SLO_LOOK_CONFIDENCE)
                        low = middle;
                else
                        high = middle;
        }
        return (uint64_t)high;
}

uint64_t trib__slo_requests(const struct trib__slo *slo)
{
        uint64_t most = 1;

        for (size_t i = 0; i < slo->count; i++) {
                uint64_t needed = requests_for(1 - slo->bounds[i].quantile);

                most = needed > most ? needed : most;
        }
        return most;
}

double trib__slo_mlperf_requests(double quantile)
{
        const double normal_995 = 2.5758293035489004;
        double       margin = (1 - quantile) / 20;

        return normal_995 * normal_995 * quantile * (1 - quantile) / (margin * margin);
}

void trib__slo_ranks(uint64_t count, double quantile, uint64_t ranks[2])
{
        double n = (double)count;
        double low = 0, high = n + 1;

        /* The largest rank r with P(X <= r - 1) <= 2.5 %: fewer than r below the quantile. */
        for (double from = 0, to = n + 1; to - from > 0.5;) {
                double middle = floor((from + to) / 2);

                if (middle <= from)
                        break;
                if (trib__binomial_cdf(middle - 1, n, quantile) <= 0.025)
                        from = middle;
                else
                        to = middle;
                low = from;
        }
        /* The smallest rank r with P(X <= r - 1) >= 97.5 %. */
        for (double from = 0, to = n + 1; to - from > 1;) {
                double middle = floor((from + to) / 2);

                if (trib__binomial_cdf(middle - 1, n, quantile) >= 0.975)
                        to = middle;
                else
                        from = middle;
                high = to;
        }
        ranks[0] = low < 1 ? 1 : (uint64_t)low;
        ranks[1] = (uint64_t)high;
}

/* The mean length of runs as a longer request meets them, against that of independent requests of
 * which a part `part` is longer; a run goes over single shorter ones. */
static double run_of(double square, double count, double part)
{
        double hit = part + (1 - part) * part;

        return count > 0 ? square / count / ((1 + hit) / (1 - hit)) : 1;
}

/* How many requests stand for one independent one, never below 1: from the spread of the longer
 * requests over batches, against that of independent ones, and from the lengths of their runs. Few
 * longer requests, or none, say little of that; runs above half the bound then stand for them,
 * where these are no common thing. */
static double burst_of(const struct trib__open_result *seen, size_t bound)
{
        const struct trib__open_over *over = &seen->over[bound];
        double n = (double)seen->intended, k = (double)over->count, p = n > 0 ? k / n : 0;
        double half = (double)over->half_count, burst = 1;

        if (n <= 0 || k >= n || seen->batches < 2)
                return 1;
        burst = fmax(burst, run_of(over->run_square, k, p));
        if (half < HALF_PART * n)
                burst = fmax(burst, run_of(over->half_run_square, half, half / n));
        if (k > 0)
                burst = fmax(burst, (over->square - k * p) / (p * (1 - p))
                                            / (double)(seen->batches - 1));
        return burst;
}

trib__slo_verdict trib__slo_judge(const struct trib__slo *slo,
                                  const struct trib__open_result *seen)
{
        const double      error = 1 - TRIB__SLO_LOOK_CONFIDENCE;
        trib__slo_verdict verdict = TRIB__SLO_KEPT;

        for (size_t i = 0; i < slo->count; i++) {
                double allowed = 1 - slo->bounds[i].quantile;
                double burst = burst_of(seen, i);
                double n = (double)seen->intended / burst;
                double k = (double)seen->over[i].count / burst;

                /* P(X >= k): at least k longer ones were it just kept. */
                if (1 - trib__binomial_cdf(k - 1, n, allowed) <= error)
                        return TRIB__SLO_BROKEN;
                if (!(trib__binomial_cdf(k, n, allowed) <= error))
                        verdict = TRIB__SLO_UNDECIDED;
        }
        return seen->intended > 0 ? verdict : TRIB__SLO_UNDECIDED;
}
