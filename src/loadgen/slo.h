/* SPDX-License-Identifier: Apache-2.0 */
/* slo.h: a stated service level, such as p99 below 5 ms, and the highest rate that keeps it.
 *
 * Nouns. A *bound* is a percentile and a time: at most (100 - percentile) % of the requests may
 * take longer. An *SLO* is one to four bounds, all to be kept. *Evidence* is what was seen at one
 * rate: requests, and how many took longer than each bound; a request that failed or was never
 * begun took longer. A *trial* is one rate with its verdict:
 *
 *     kept       the share of longer requests is shown to be below what the bound allows
 *     broken     it is shown to be above
 *     undecided  neither was shown in the time there was; the search treats it as not kept
 *
 * "Shown" is a one-sided binomial test at 99 % at each look. A trial has at most
 * TRIB__SLO_LOOKS looks, each after a further window, so its verdict stands at 95 %. A look needs
 * as many requests as MLPerf's early stopping wants for that percentile at one longer request
 * (662 for p99, 64 for p90). Longer requests come in bursts where requests queue; the test counts
 * them by their effective number, from how they spread over batches of the windows and from the
 * lengths of their runs.
 *
 * The search itself is here and asks another to measure; slo_open.h puts the two together.
 *
 * Locks: none; all functions may be called by any thread on data of its own. */
#ifndef TRIB_LOADGEN_SLO_H
#define TRIB_LOADGEN_SLO_H

#include "loadgen/open_loop.h"

#define TRIB__SLO_BOUNDS_MAX TRIB__OPEN_BOUNDS_MAX
#define TRIB__SLO_LOOKS 5u
#define TRIB__SLO_CONFIRM_LOOKS 3u /* at least, at the rate that was found */
#define TRIB__SLO_TRIALS_MAX 24u
#define TRIB__SLO_LOOK_CONFIDENCE 0.99
#define TRIB__SLO_CONFIDENCE 0.95
#define TRIB__SLO_PRECISION 0.05 /* the search ends when kept and not kept are this close */

struct trib__slo_bound {
        double   quantile; /* 0.99 for p99 */
        uint64_t ns;
};

struct trib__slo {
        struct trib__slo_bound bounds[TRIB__SLO_BOUNDS_MAX];
        size_t                 count;
};

typedef enum trib__slo_verdict {
        TRIB__SLO_UNDECIDED,
        TRIB__SLO_KEPT,
        TRIB__SLO_BROKEN
} trib__slo_verdict;

/* What: reads "p99=5ms" or "p99=5ms,p50=800us": percentiles from p1 to p99.99, times in us, ms or
 * s from 1 us to 1000 s, each percentile once.
 * Errors: TRIB_INVALID_ARGUMENT. */
TRIB_MUST_USE trib_status trib__slo_parse(const char *text, struct trib__slo *out,
                                          trib_error *err);

/* As trib__slo_parse reads it. Returns buffer. */
const char *trib__slo_text(const struct trib__slo *slo, char *buffer, size_t size);

/* "p99", "p99.9". Returns buffer. */
const char *trib__slo_percentile_text(double quantile, char *buffer, size_t size);

/* Requests without which no look says "kept": MLPerf's early stopping for one longer request, of
 * the bound that needs most. */
uint64_t trib__slo_requests(const struct trib__slo *slo);

/* Requests that a valid MLPerf run of the server scenario has for this percentile (99 %
 * confidence, a margin of a twentieth of what is allowed), before it is rounded up to a multiple
 * of 2^13. */
double trib__slo_mlperf_requests(double quantile);

/* The smallest and largest order statistics, counted from 1, of `count` that hold the quantile
 * with 95 % confidence; ranks[1] is count + 1 when there are too few for an upper end. */
void trib__slo_ranks(uint64_t count, double quantile, uint64_t ranks[2]);

/* P(X <= successes) of a binomial of `count` trials of probability p; real numbers are fine. */
double trib__binomial_cdf(double successes, double count, double p);

/* What was seen at one rate: `over` in order of the SLO's bounds. */
trib__slo_verdict trib__slo_judge(const struct trib__slo *slo,
                                  const struct trib__open_result *seen);

struct trib__slo_trial {
        double            rate;
        trib__slo_verdict verdict;
        uint64_t          requests;
        uint64_t          over[TRIB__SLO_BOUNDS_MAX];
        double            quantile_ns[TRIB__SLO_BOUNDS_MAX]; /* what each bound's percentile was */
        unsigned          looks;
        bool              is_backlogged; /* broken because the backlog grew */
};

typedef enum trib__slo_end {
        TRIB__SLO_FOUND,      /* kept at `kept`, not kept at `failed`, close together            */
        TRIB__SLO_AT_CEILING, /* kept at the highest rate that may be tried                      */
        TRIB__SLO_NONE,       /* broken at any rate tried, down to the lowest worth a try        */
        TRIB__SLO_NO_TIME     /* ended by time or trials: `kept` and `failed` as far as it got    */
} trib__slo_end;

/* What the search asks of the one who measures: one more window at `rate`, added to *seen (zero at
 * the first look of a trial). */
struct trib__slo_asker {
        trib_status (*look)(void *context, double rate, unsigned look,
                            struct trib__open_result *seen, trib_error *err);
        double (*seconds_left)(void *context); /* of the search */
        double (*seconds_of)(void *context, double rate); /* that one look will take */
        void *context;
};

struct trib__slo_search {
        const struct trib__slo *slo;
        struct trib__slo_asker  asker;
        double                  ceiling; /* highest rate to try: what a closed loop reached */
};

struct trib__slo_outcome {
        trib__slo_end            end;
        struct trib__slo_trial   kept;     /* the highest rate kept; rate 0 = none               */
        struct trib__slo_trial   failed;   /* the lowest above it that was not; rate 0 = none    */
        struct trib__slo_trial   trials[TRIB__SLO_TRIALS_MAX]; /* in order                       */
        size_t                   trial_count;
        struct trib__open_result *best;    /* what was measured at `kept`, or, when nothing was
                                            * kept, at the lowest rate tried. The caller's
                                            * storage, given before                              */
        struct trib__open_result *scratch; /* as large; the caller's                             */
};

/* What: searches by halving the distance (of logarithms) between a kept and a failed rate; the
 * rate found is measured a second time, with other arrivals, before it is believed.
 * Errors: those of the asker; the outcome then holds the trials that were done. */
TRIB_MUST_USE trib_status trib__slo_search_run(const struct trib__slo_search *search,
                                               struct trib__slo_outcome *outcome,
                                               trib_error *err);

#endif
