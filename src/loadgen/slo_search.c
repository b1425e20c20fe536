/* SPDX-License-Identifier: Apache-2.0 */
/* slo_search.c: the highest rate that keeps a service level. Knows no clock and no device: it asks
 * for looks and is told how long they take. Holds no state. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "loadgen/slo.h"

/* Parts of the ceiling: where the search begins, and below which it does not go. */
#define FIRST_PART 0.7
#define LOWEST_PART 0.02

/* Steps down. */
#define STEP_SMALL 0.8
#define STEP_LARGE 0.5

/* Few requests a second take long to show anything: the lowest rate is one at which a look takes
 * no more than this part of the time. */
#define LOWEST_TIME 0.2

/* A rate this far below the ceiling that is not kept shows that none is. */
#define NONE_PART 0.25

/* Looks whose time is kept for measuring the rate that was found a second time. */
#define LOOKS_KEPT (TRIB__SLO_CONFIRM_LOOKS + 1)

struct state {
        const struct trib__slo_search *search;
        struct trib__slo_outcome      *outcome;
        double lowest;
        double low;  /* the highest rate kept; 0 = none yet                  */
        double high; /* the lowest rate above it that was not kept; 0 = none */
        bool   has_time;
};

static void describe(const struct trib__slo *slo, const struct trib__open_result *seen,
                     struct trib__slo_trial *trial)
{
        trial->requests = seen->intended;
        for (size_t i = 0; i < slo->count; i++) {
                trial->over[i] = seen->over[i].count;
                trial->quantile_ns[i] = (double)trib__histogram_quantile(&seen->latency,
                                                                         slo->bounds[i].quantile);
        }
}

static trib__slo_verdict verdict_of(const struct trib__slo *slo,
                                    const struct trib__open_result *seen,
                                    struct trib__slo_trial *trial)
{
        trial->is_backlogged = seen->is_backlogged || seen->is_hopeless;
        return trial->is_backlogged ? TRIB__SLO_BROKEN : trib__slo_judge(slo, seen);
}

/* Looks at one rate until there is a verdict; to be kept takes `least` looks. A trial that no look
 * could be taken for is none. */
static trib_status try_rate(struct state *state, double rate, unsigned least,
                            struct trib__slo_trial *trial, trib_error *err)
{
        const struct trib__slo_search *search = state->search;
        const struct trib__slo_asker  *asker = &search->asker;
        struct trib__open_result      *seen = state->outcome->scratch;
        trib_status                    status = TRIB_OK;

        memset(trial, 0, sizeof(*trial));
        memset(seen, 0, sizeof(*seen));
        trial->rate = rate;
        while (trial->looks < TRIB__SLO_LOOKS
               && (trial->verdict == TRIB__SLO_UNDECIDED
                   || (trial->verdict == TRIB__SLO_KEPT && trial->looks < least))) {
                if (asker->seconds_left(asker->context) < asker->seconds_of(asker->context, rate)) {
                        state->has_time = false;
                        break;
                }
                status = asker->look(asker->context, rate, trial->looks, seen, err);
                if (status != TRIB_OK)
                        return status;
                trial->looks++;
                trial->verdict = verdict_of(search->slo, seen, trial);
        }
        describe(search->slo, seen, trial);
        if (trial->looks > 0)
                state->outcome->trials[state->outcome->trial_count++] = *trial;
        return TRIB_OK;
}

static bool may_go_on(const struct state *state)
{
        return state->has_time && state->outcome->trial_count < TRIB__SLO_TRIALS_MAX;
}

static bool is_lowest_yet(const struct trib__slo_outcome *outcome, double rate)
{
        for (size_t i = 0; i < outcome->trial_count; i++)
                if (outcome->trials[i].rate < rate)
                        return false;
        return true;
}

/* Moves the ends; keeps what was measured at the highest rate kept, or the lowest tried. */
static void take_verdict(struct state *state, const struct trib__slo_trial *trial)
{
        struct trib__slo_outcome *outcome = state->outcome;

        if (trial->looks == 0)
                return;
        if (trial->verdict == TRIB__SLO_KEPT) {
                state->low = trial->rate;
                outcome->kept = *trial;
                *outcome->best = *outcome->scratch;
                return;
        }
        state->high = trial->rate;
        outcome->failed = *trial;
        if (outcome->kept.rate <= 0 && is_lowest_yet(outcome, trial->rate))
                *outcome->best = *outcome->scratch;
}

/* Nothing is kept below. A rate that nearly was is left by a small step, one that was not by a
 * large one. Where two large ones were for nothing, and nothing was ever kept, the lowest decides
 * whether there is anything to find. */
static double rate_below(const struct state *state)
{
        const struct trib__slo_outcome *outcome = state->outcome;
        size_t                          broken = 0, kept = 0, last = outcome->trial_count - 1;

        if (state->high <= state->lowest * 1.001)
                return 0;
        for (size_t i = 0; i <= last; i++) {
                broken += outcome->trials[i].verdict == TRIB__SLO_BROKEN;
                kept += outcome->trials[i].verdict == TRIB__SLO_KEPT;
        }
        if (kept == 0 && broken >= 2)
                return state->lowest;
        return fmax(state->lowest, (outcome->trials[last].verdict == TRIB__SLO_BROKEN
                                            ? STEP_LARGE
                                            : STEP_SMALL) * state->high);
}

/* The next rate to try; 0 when the ends are close enough, or there is nowhere to go. */
static double next_rate(const struct state *state)
{
        double ceiling = state->search->ceiling;

        if (state->low <= 0)
                return state->high > 0 ? rate_below(state)
                                       : fmax(FIRST_PART * ceiling, state->lowest);
        if (state->high <= 0)
                return state->low >= ceiling ? 0 : fmin(ceiling, 1.02 * sqrt(state->low * ceiling));
        return state->high / state->low <= 1 + TRIB__SLO_PRECISION
                       ? 0
                       : sqrt(state->low * state->high);
}

static trib_status narrow(struct state *state, trib_error *err)
{
        const struct trib__slo_asker *asker = &state->search->asker;
        trib_status                   status = TRIB_OK;
        double                        rate;

        while (status == TRIB_OK && may_go_on(state) && (rate = next_rate(state)) > 0) {
                struct trib__slo_trial trial;

                if (state->low > 0
                    && asker->seconds_left(asker->context)
                               < LOOKS_KEPT * asker->seconds_of(asker->context, state->low))
                        break;
                status = try_rate(state, rate, 1, &trial, err);
                if (status == TRIB_OK)
                        take_verdict(state, &trial);
        }
        return status;
}

/* The highest rate below `below` that was kept; 0 when there is none. */
static double kept_below(const struct trib__slo_outcome *outcome, double below)
{
        double rate = 0;

        for (size_t i = 0; i < outcome->trial_count; i++)
                if (outcome->trials[i].verdict == TRIB__SLO_KEPT && outcome->trials[i].rate < below
                    && outcome->trials[i].rate > rate)
                        rate = outcome->trials[i].rate;
        return rate;
}

/* Of many rates the highest that was kept may have been lucky: it is tried again, and where it
 * fails the search goes on below it. */
static trib_status search_all(struct state *state, bool *is_confirmed, trib_error *err)
{
        struct trib__slo_outcome *outcome = state->outcome;
        trib_status               status = TRIB_OK;

        *is_confirmed = false;
        while (status == TRIB_OK && may_go_on(state) && !*is_confirmed) {
                struct trib__slo_trial trial;

                status = narrow(state, err);
                if (status != TRIB_OK || state->low <= 0 || !may_go_on(state))
                        break;
                status = try_rate(state, state->low, TRIB__SLO_CONFIRM_LOOKS, &trial, err);
                if (status != TRIB_OK || trial.looks == 0)
                        break;
                *is_confirmed = trial.verdict == TRIB__SLO_KEPT;
                if (!*is_confirmed) {
                        state->low = kept_below(outcome, trial.rate);
                        memset(&outcome->kept, 0, sizeof(outcome->kept));
                }
                take_verdict(state, &trial);
        }
        return status;
}

static trib__slo_end end_of(const struct state *state, bool is_confirmed)
{
        if (state->low > 0 && state->high <= 0 && state->low >= state->search->ceiling)
                return TRIB__SLO_AT_CEILING;
        if (state->low <= 0 && state->outcome->failed.verdict == TRIB__SLO_BROKEN
            && state->high <= state->lowest * 1.001
            && state->lowest <= NONE_PART * state->search->ceiling)
                return TRIB__SLO_NONE;
        return is_confirmed && state->high > 0
                               && state->high / state->low <= 1 + TRIB__SLO_PRECISION
                       ? TRIB__SLO_FOUND
                       : TRIB__SLO_NO_TIME;
}

/* The lowest rate worth a try, see LOWEST_PART and LOWEST_TIME. */
static double lowest_of(const struct trib__slo_search *search)
{
        const struct trib__slo_asker *asker = &search->asker;
        double lowest = LOWEST_PART * search->ceiling;
        double most = LOWEST_TIME * asker->seconds_left(asker->context);

        while (lowest < FIRST_PART * search->ceiling
               && asker->seconds_of(asker->context, lowest) > most)
                lowest *= 1.25;
        return fmin(lowest, FIRST_PART * search->ceiling);
}

trib_status trib__slo_search_run(const struct trib__slo_search *search,
                                 struct trib__slo_outcome *outcome, trib_error *err)
{
        struct trib__open_result *best = outcome->best, *scratch = outcome->scratch;
        struct state              state = { search, outcome, 0, 0, 0, true };
        bool                      is_confirmed = false;
        trib_status               status;

        if (!(search->ceiling > 0) || search->slo->count == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "slo: a search needs a bound and a highest rate above 0");
        memset(outcome, 0, sizeof(*outcome));
        outcome->best = best;
        outcome->scratch = scratch;
        memset(best, 0, sizeof(*best));
        state.lowest = lowest_of(search);
        status = search_all(&state, &is_confirmed, err);
        outcome->end = end_of(&state, is_confirmed);
        return status;
}
