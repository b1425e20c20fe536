/* SPDX-License-Identifier: Apache-2.0 */
/* usl.c: fitting the Universal Scalability Law.
 *
 * The least-squares optimum under sigma, kappa >= 0 is a stationary point either inside, or with
 * one or both of them at 0. So Levenberg-Marquardt runs once for each of the four sets of free
 * parameters, steps being clamped to the allowed range, and the best of the four is the answer.
 * Standard errors come from the Jacobian of all three parameters at that point.
 *
 * Throughputs are divided by the largest one first, so that all numbers are near 1. */
#include "analysis/usl.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"

enum { LAMBDA, SIGMA, KAPPA, PARAMETERS };

struct problem {
        const struct trib__usl_point *points;
        size_t count;
        double scale; /* throughputs are divided by it */
};

/* J'WJ, J'Wr and r'Wr of the residuals r at some parameters. */
struct normal {
        double a[PARAMETERS][PARAMETERS];
        double g[PARAMETERS];
        double sse;
};

static double denominator(const double *p, double n)
{
        return 1 + p[SIGMA] * (n - 1) + p[KAPPA] * n * (n - 1);
}

static void build_normal(const struct problem *problem, const double *p, struct normal *out)
{
        memset(out, 0, sizeof(*out));
        for (size_t i = 0; i < problem->count; i++) {
                double n = problem->points[i].threads;
                double w = problem->points[i].weight;
                double d = denominator(p, n);
                double model = p[LAMBDA] * n / d;
                double r = problem->points[i].ops_per_s / problem->scale - model;
                double j[PARAMETERS] = { n / d, -model * (n - 1) / d, -model * n * (n - 1) / d };

                out->sse += w * r * r;
                for (int row = 0; row < PARAMETERS; row++) {
                        out->g[row] += w * j[row] * r;
                        for (int column = 0; column < PARAMETERS; column++)
                                out->a[row][column] += w * j[row] * j[column];
                }
        }
}

/* Solve the symmetric positive definite a x = b by Cholesky after scaling the diagonal to 1.
 * False when a is not positive definite to working precision. */
static bool solve(double a[PARAMETERS][PARAMETERS], const double *b, int n, double *x)
{
        double l[PARAMETERS][PARAMETERS] = { { 0 } };
        double s[PARAMETERS], y[PARAMETERS];

        for (int i = 0; i < n; i++) {
                if (!(a[i][i] > 0))
                        return false;
                s[i] = 1 / sqrt(a[i][i]);
        }
        for (int i = 0; i < n; i++) {
                for (int j = 0; j <= i; j++) {
                        double sum = a[i][j] * s[i] * s[j];
                        for (int k = 0; k < j; k++)
                                sum -= l[i][k] * l[j][k];
                        if (i == j && !(sum > 1e-13))
                                return false;
                        l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
                }
        }
        for (int i = 0; i < n; i++) {
                y[i] = b[i] * s[i];
                for (int k = 0; k < i; k++)
                        y[i] -= l[i][k] * y[k];
                y[i] /= l[i][i];
        }
        for (int i = n - 1; i >= 0; i--) {
                x[i] = y[i];
                for (int k = i + 1; k < n; k++)
                        x[i] -= l[k][i] * x[k];
                x[i] /= l[i][i];
        }
        for (int i = 0; i < n; i++)
                x[i] *= s[i];
        return true;
}

/* One damped step of the free parameters from p to next, clamped to the allowed range. */
static bool take_step(const struct normal *normal, const bool *is_free, double damping,
                      const double *p, double *next)
{
        double a[PARAMETERS][PARAMETERS], b[PARAMETERS], x[PARAMETERS];
        int    index[PARAMETERS], n = 0;

        for (int i = 0; i < PARAMETERS; i++)
                if (is_free[i])
                        index[n++] = i;
        for (int i = 0; i < n; i++) {
                b[i] = normal->g[index[i]];
                for (int j = 0; j < n; j++)
                        a[i][j] = normal->a[index[i]][index[j]];
                a[i][i] *= 1 + damping;
        }
        if (!solve(a, b, n, x))
                return false;
        memcpy(next, p, PARAMETERS * sizeof(*next));
        for (int i = 0; i < n; i++)
                next[index[i]] = p[index[i]] + x[i];
        next[LAMBDA] = fmax(next[LAMBDA], DBL_MIN);
        next[SIGMA] = fmax(next[SIGMA], 0);
        next[KAPPA] = fmax(next[KAPPA], 0);
        return true;
}

/* Levenberg-Marquardt from p, in place; gives the sum of squares reached. */
static double descend(const struct problem *problem, const bool *is_free, double *p)
{
        struct normal normal, trial;
        double        next[PARAMETERS], damping = 1e-3;
        int           still = 0;

        build_normal(problem, p, &normal);
        for (int step = 0; step < 500 && damping < 1e16 && still < 3; step++) {
                if (!take_step(&normal, is_free, damping, p, next)) {
                        damping *= 10;
                        continue;
                }
                build_normal(problem, next, &trial);
                if (!(trial.sse <= normal.sse)) {
                        damping *= 10;
                        continue;
                }
                still = normal.sse - trial.sse <= 1e-15 * normal.sse ? still + 1 : 0;
                memcpy(p, next, sizeof(next));
                normal = trial;
                damping = fmax(damping / 10, 1e-15);
        }
        return normal.sse;
}

/* Where to start: N / X is linear in 1/lambda, sigma/lambda and kappa/lambda; a plain guess when
 * that gives nothing usable. */
static void guess(const struct problem *problem, double *p)
{
        double a[PARAMETERS][PARAMETERS] = { { 0 } }, b[PARAMETERS] = { 0 }, x[PARAMETERS];

        for (size_t i = 0; i < problem->count; i++) {
                double n = problem->points[i].threads;
                double y = n * problem->scale / problem->points[i].ops_per_s;
                double f[PARAMETERS] = { 1, n - 1, n * (n - 1) };

                for (int row = 0; row < PARAMETERS; row++) {
                        b[row] += f[row] * y;
                        for (int column = 0; column < PARAMETERS; column++)
                                a[row][column] += f[row] * f[column];
                }
        }
        if (solve(a, b, PARAMETERS, x) && x[0] > 0) {
                p[LAMBDA] = 1 / x[0];
                p[SIGMA] = fmax(x[1] / x[0], 0);
                p[KAPPA] = fmax(x[2] / x[0], 0);
                return;
        }
        p[LAMBDA] = problem->points[0].ops_per_s / problem->scale / problem->points[0].threads;
        p[SIGMA] = 0.1;
        p[KAPPA] = 0.001;
}

/* Standard errors and intervals of the free parameters, from the Jacobian there. */
static void write_intervals(const struct problem *problem, const bool *is_free, const double *p,
                            struct trib__fit *fit)
{
        struct normal normal;
        double        a[PARAMETERS][PARAMETERS], t, variance;
        int           index[PARAMETERS], n = 0;

        build_normal(problem, p, &normal);
        for (int i = 0; i < PARAMETERS; i++) {
                fit->se[i] = fit->ci95[i][0] = fit->ci95[i][1] = (double)NAN;
                if (is_free[i])
                        index[n++] = i;
        }
        if (problem->count <= (size_t)n)
                return;
        for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                        a[i][j] = normal.a[index[i]][index[j]];
        variance = normal.sse / (double)(problem->count - (size_t)n);
        t = trib__student_t95(problem->count - (size_t)n);
        for (int i = 0; i < n; i++) {
                double unit[PARAMETERS] = { 0 }, column[PARAMETERS];
                int    at = index[i];
                double size = at == LAMBDA ? problem->scale : 1;

                unit[i] = 1;
                if (!solve(a, unit, n, column))
                        return;
                fit->se[at] = sqrt(variance * fmax(column[i], 0)) * size;
                fit->ci95[at][0] = fmax(p[at] * size - t * fit->se[at], 0);
                fit->ci95[at][1] = p[at] * size + t * fit->se[at];
        }
}

static double determination(const struct problem *problem, double sse)
{
        double weights = 0, mean = 0, total = 0;

        for (size_t i = 0; i < problem->count; i++) {
                weights += problem->points[i].weight;
                mean += problem->points[i].weight * problem->points[i].ops_per_s / problem->scale;
        }
        mean /= weights;
        for (size_t i = 0; i < problem->count; i++) {
                double r = problem->points[i].ops_per_s / problem->scale - mean;
                total += problem->points[i].weight * r * r;
        }
        return total > 0 ? 1 - sse / total : 0;
}

static double peak_of(double sigma, double kappa)
{
        /* Below this the peak would lie beyond a million threads: noise, not a peak. */
        if (kappa < 1e-12)
                return 0;
        return sigma < 1 ? fmax(sqrt((1 - sigma) / kappa), 1) : 1;
}

double trib__usl_fit_set(const struct trib__usl_point *points, size_t count, bool has_sigma,
                         bool has_kappa, double parameters[3])
{
        const bool     is_free[PARAMETERS] = { true, has_sigma, has_kappa };
        struct problem problem = { points, count, 0 };
        double         start[PARAMETERS], sse;

        for (size_t i = 0; i < count; i++)
                problem.scale = fmax(problem.scale, points[i].ops_per_s);
        guess(&problem, start);
        for (int i = 0; i < PARAMETERS; i++)
                parameters[i] = is_free[i] ? start[i] : 0;
        sse = descend(&problem, is_free, parameters);
        parameters[LAMBDA] *= problem.scale;
        return isfinite(sse) && isfinite(parameters[LAMBDA])
                       ? sse * problem.scale * problem.scale
                       : (double)INFINITY;
}

void trib__usl_narrow(const struct trib__usl_point *points, size_t count, bool has_sigma,
                      struct trib__fit *fit)
{
        const bool     is_free[PARAMETERS] = { true, has_sigma, false };
        struct problem problem = { points, count, 0 };
        double         p[PARAMETERS], sse;

        sse = trib__usl_fit_set(points, count, has_sigma, false, p);
        for (size_t i = 0; i < count; i++)
                problem.scale = fmax(problem.scale, points[i].ops_per_s);
        fit->lambda = p[LAMBDA];
        fit->sigma = p[SIGMA];
        fit->kappa = 0;
        fit->peak_threads = 0;
        p[LAMBDA] /= problem.scale;
        fit->r2 = determination(&problem, sse / (problem.scale * problem.scale));
        write_intervals(&problem, is_free, p, fit);
}

void trib__usl_fit(const struct trib__usl_point *points, size_t count, struct trib__fit *fit)
{
        static const bool sets[4][PARAMETERS] = { { true, true, true },
                                                  { true, true, false },
                                                  { true, false, true },
                                                  { true, false, false } };
        struct problem problem = { points, count, 0 };
        double         start[PARAMETERS], best[PARAMETERS] = { 0 }, best_sse = (double)INFINITY;

        memset(fit, 0, sizeof(*fit));
        if (count < TRIB__USL_POINTS_MIN) {
                (void)snprintf(fit->reason, sizeof(fit->reason),
                               "too few points: %zu thread counts, a fit of three parameters "
                               "needs at least %u", count, TRIB__USL_POINTS_MIN);
                return;
        }
        for (size_t i = 0; i < count; i++)
                problem.scale = fmax(problem.scale, points[i].ops_per_s);
        guess(&problem, start);
        for (int set = 0; set < 4; set++) {
                double p[PARAMETERS], sse;

                for (int i = 0; i < PARAMETERS; i++)
                        p[i] = sets[set][i] ? start[i] : 0;
                sse = descend(&problem, sets[set], p);
                if (isfinite(sse) && isfinite(p[LAMBDA]) && sse < best_sse) {
                        best_sse = sse;
                        memcpy(best, p, sizeof(best));
                }
        }
        if (!isfinite(best_sse)) {
                (void)snprintf(fit->reason, sizeof(fit->reason),
                               "the scaling law does not fit these points");
                return;
        }
        fit->is_present = true;
        fit->lambda = best[LAMBDA] * problem.scale;
        fit->sigma = best[SIGMA];
        fit->kappa = best[KAPPA];
        fit->peak_threads = peak_of(fit->sigma, fit->kappa);
        fit->r2 = determination(&problem, best_sse);
        write_intervals(&problem, sets[0], best, fit);
}

double trib__usl_throughput(const struct trib__fit *fit, double threads)
{
        double p[PARAMETERS] = { fit->lambda, fit->sigma, fit->kappa };

        return fit->lambda * threads / denominator(p, threads);
}
