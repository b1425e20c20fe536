/* SPDX-License-Identifier: Apache-2.0 */
/* law.c: choosing among the three laws, and profile likelihood intervals. See law.h.
 *
 * A profile fixes what is asked for (the throughput at some N, or the place of the peak), lets
 * the rest take its best values, and looks how much the sum of squares rises. With the throughput
 * at N fixed, lambda follows from sigma and kappa; these two are searched by a pattern search,
 * which needs no derivatives and keeps to the bounds. Holds no state, takes no lock. */
#include "analysis/law.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"

/* Predictions beyond so many times the most threads measured are named guesses. */
#define REACH 4.0

#define SIGMA_MOST 10.0
#define KAPPA_MOST 10.0
#define BISECTIONS 48

enum { LAMBDA, SIGMA, KAPPA, PARAMETERS };

/* What judges a rise of the sum of squares. */
struct judge {
        double least;  /* sum of squares of the USL                    */
        double allowed; /* t^2 s^2: a rise by more is significant       */
        bool   is_possible; /* false: no degree of freedom is left      */
};

static double denominator(double sigma, double kappa, double n)
{
        return 1 + sigma * (n - 1) + kappa * n * (n - 1);
}

static struct judge judge_of(const struct trib__law_data *data, double least)
{
        struct judge judge = { .least = least };
        size_t       degrees = data->count > PARAMETERS ? data->count - PARAMETERS : 0;
        double       variance = degrees > 0 ? least / (double)degrees : (double)INFINITY;
        double       t = trib__student_t95(degrees);

        if (data->has_errors && (degrees == 0 || variance <= 1)) {
                variance = 1;
                t = trib__student_t95(data->error_degrees);
        }
        /* Points that lie on the curve to the last bit leave no variance; rounding is some. */
        for (size_t i = 0; i < data->count; i++)
                variance = fmax(variance, data->points[i].weight * data->points[i].ops_per_s
                                                  * data->points[i].ops_per_s * 1e-20);
        judge.allowed = t * t * variance;
        judge.is_possible = isfinite(judge.allowed);
        return judge;
}

static void choose(const struct trib__law_data *data, const struct judge *judge,
                   struct trib__fit *fit)
{
        static const char *const names[] = { "linear", "amdahl", "usl" };
        double                   parameters[3][PARAMETERS], sse[3];
        int                      law = 2;

        for (int i = 0; i < 3; i++)
                sse[i] = trib__usl_fit_set(data->points, data->count, i >= 1, i >= 2,
                                           parameters[i]);
        sse[2] = fmin(sse[2], judge->least);
        sse[1] = fmax(sse[1], sse[2]);
        sse[0] = fmax(sse[0], sse[1]);
        if (judge->is_possible && sse[1] - sse[2] <= judge->allowed)
                law = sse[0] - sse[1] <= judge->allowed && sse[0] - sse[2] <= 2 * judge->allowed
                              ? 0 : 1;
        (void)snprintf(fit->law, sizeof(fit->law), "%s", names[law]);
        if (law < 2)
                trib__usl_narrow(data->points, data->count, law == 1, fit);
        if (!judge->is_possible)
                (void)snprintf(fit->law_why, sizeof(fit->law_why),
                               "as many parameters as points: no simpler law can be tested");
        else if (law == 2)
                (void)snprintf(fit->law_why, sizeof(fit->law_why),
                               "without kappa the sum of squares rises by %.3g times what "
                               "chance explains (95 %%)",
                               (sse[1] - sse[2]) / judge->allowed);
        else
                (void)snprintf(fit->law_why, sizeof(fit->law_why),
                               "%s not shown: with %s the sum of squares falls by %.2g of what "
                               "would be significant (95 %%)",
                               law == 1 ? "kappa is" : "sigma and kappa are",
                               law == 1 ? "it" : "them",
                               (sse[law] - sse[2]) / judge->allowed);
}

/* What a profile holds fixed. */
struct fixed {
        const struct trib__law_data *data;
        double threads, ops_per_s; /* the throughput there ...                           */
        double peak;               /* ... or, if above 0, the place of the peak instead  */
};

/* The sum of squares at sigma and kappa under what is fixed. */
static double squares(const struct fixed *fixed, double sigma, double kappa)
{
        const struct trib__law_data *data = fixed->data;
        double                       lambda = 0, up = 0, down = 0, sum = 0;

        if (fixed->peak > 0) {
                kappa = fmax(1 - sigma, 0) / (fixed->peak * fixed->peak);
                for (size_t i = 0; i < data->count; i++) {
                        double f = data->points[i].threads
                                   / denominator(sigma, kappa, data->points[i].threads);

                        up += data->points[i].weight * data->points[i].ops_per_s * f;
                        down += data->points[i].weight * f * f;
                }
                lambda = up / down;
        } else {
                lambda = fixed->ops_per_s * denominator(sigma, kappa, fixed->threads)
                         / fixed->threads;
        }
        for (size_t i = 0; i < data->count; i++) {
                double n = data->points[i].threads;
                double r = data->points[i].ops_per_s - lambda * n / denominator(sigma, kappa, n);

                sum += data->points[i].weight * r * r;
        }
        return sum;
}

static double clamp(double value, double most)
{
        return fmin(fmax(value, 0), most);
}

/* The least sum of squares over sigma, kappa >= 0, from a start; pattern search. */
static double least_squares(const struct fixed *fixed, double sigma, double kappa)
{
        static const double moves[][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 },
                                           { 1, -1 }, { -1, 1 }, { 1, 1 }, { -1, -1 } };
        double best = squares(fixed, sigma, kappa);
        double step_s = fmax(0.1, sigma), step_k = fmax(0.01, kappa);

        for (int round = 0; round < 400 && (step_s > 1e-9 || step_k > 1e-11); round++) {
                bool is_better = false;

                for (size_t m = 0; m < sizeof(moves) / sizeof(moves[0]); m++) {
                        double s = clamp(sigma + moves[m][0] * step_s, SIGMA_MOST);
                        double k = clamp(kappa + moves[m][1] * step_k, KAPPA_MOST);
                        double sum = squares(fixed, s, k);

                        if (sum < best) {
                                best = sum;
                                sigma = s;
                                kappa = k;
                                is_better = true;
                        }
                }
                if (!is_better) {
                        step_s /= 2;
                        step_k /= 2;
                }
        }
        return best;
}

static bool is_allowed(const struct fixed *fixed, const struct judge *judge,
                       const struct trib__fit *full)
{
        return least_squares(fixed, full->sigma, full->kappa) - judge->least <= judge->allowed
               || least_squares(fixed, 0, 0) - judge->least <= judge->allowed;
}

/* One end of the interval of `*value`, a member of fixed: between `inside`, which is allowed, and
 * `outside`. */
static double edge(struct fixed *fixed, double *value, const struct judge *judge,
                   const struct trib__fit *full, double inside, double outside)
{
        *value = outside;
        if (is_allowed(fixed, judge, full))
                return outside;
        for (int i = 0; i < BISECTIONS && fabs(outside - inside) > 1e-6 * inside; i++) {
                *value = (inside + outside) / 2;
                if (is_allowed(fixed, judge, full))
                        inside = *value;
                else
                        outside = *value;
        }
        return inside;
}

static void find_peak_interval(const struct trib__law_data *data, const struct judge *judge,
                               const struct trib__fit *full, struct trib__fit *fit)
{
        struct fixed fixed = { .data = data };
        double       far = 1e6;

        if (!judge->is_possible || full->peak_threads <= 0)
                return;
        fit->peak_ci95[0] = edge(&fixed, &fixed.peak, judge, full, full->peak_threads, 1);
        fit->peak_ci95[1] = edge(&fixed, &fixed.peak, judge, full, full->peak_threads, far);
        if (fit->peak_ci95[1] >= far)
                fit->peak_ci95[1] = (double)INFINITY;
}

static double residual_of(const struct trib__law_data *data, const struct trib__fit *fit)
{
        double sum = 0;

        for (size_t i = 0; i < data->count; i++) {
                double model = trib__usl_throughput(fit, data->points[i].threads);
                double r = data->points[i].ops_per_s / model - 1;

                sum += r * r;
        }
        return sqrt(sum / (double)data->count);
}

void trib__law_fit(const struct trib__law_data *data, struct trib__fit *fit)
{
        struct trib__fit full;
        struct judge     judge;
        double           parameters[PARAMETERS];

        trib__usl_fit(data->points, data->count, fit);
        if (!fit->is_present)
                return;
        full = *fit;
        judge = judge_of(data, trib__usl_fit_set(data->points, data->count, full.sigma > 0,
                                                 full.kappa > 0, parameters));
        choose(data, &judge, fit);
        find_peak_interval(data, &judge, &full, fit);
        fit->residual = residual_of(data, fit);
}

static double most_threads(const struct trib__law_data *data)
{
        double most = 0;

        for (size_t i = 0; i < data->count; i++)
                most = fmax(most, data->points[i].threads);
        return most;
}

void trib__law_predict(const struct trib__law_data *data, const struct trib__fit *fit,
                       double threads, struct trib__prediction *out)
{
        struct fixed     fixed = { .data = data, .threads = threads };
        struct trib__fit full;
        struct judge     judge;
        double           parameters[PARAMETERS], most = most_threads(data), at;

        memset(out, 0, sizeof(*out));
        out->threads = threads;
        if (!fit->is_present) {
                (void)snprintf(out->why, sizeof(out->why), "%.120s", fit->reason);
                return;
        }
        out->ops_per_s = trib__usl_throughput(fit, threads);
        trib__usl_fit(data->points, data->count, &full);
        judge = judge_of(data, trib__usl_fit_set(data->points, data->count, full.sigma > 0,
                                                 full.kappa > 0, parameters));
        if (!judge.is_possible) {
                (void)snprintf(out->why, sizeof(out->why),
                               "%zu thread counts leave nothing to judge the fit by", data->count);
                return;
        }
        at = trib__usl_throughput(&full, threads);
        out->ci95[0] = edge(&fixed, &fixed.ops_per_s, &judge, &full, at, at * 1e-3);
        out->ci95[1] = edge(&fixed, &fixed.ops_per_s, &judge, &full, at, at * 1e3);
        out->ci95[0] = fmin(out->ci95[0], out->ops_per_s);
        out->ci95[1] = fmax(out->ci95[1], out->ops_per_s);
        out->is_borne = threads <= REACH * most && out->ci95[1] - out->ci95[0] <= out->ops_per_s;
        if (threads > REACH * most)
                (void)snprintf(out->why, sizeof(out->why),
                               "%.0f threads are more than %.0f times the %.0f that were measured",
                               threads, REACH, most);
        else if (!out->is_borne)
                (void)snprintf(out->why, sizeof(out->why),
                               "the 95 %% interval is wider than the value: measure more threads "
                               "or more rounds");
}
