/* SPDX-License-Identifier: Apache-2.0 */
/* surrogate.c: see surrogate.h. Matrices are dense, row by row; only the lower triangle of a
 * Cholesky factor is used. Holds no global state, takes no lock. */
#include "analysis/surrogate.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define PLACES_MAX 256u

/* The standard deviations of the prior's parts, and their reach in octaves. */
struct prior {
        double level;          /* of all places together */
        double threads, batch, kind, together;
        double reach_threads, reach_batch;
};

struct trib__surrogate {
        size_t              count;
        struct trib__place *places;
        double             *mean;
        double             *covariance; /* count x count */
        double             *factor;     /* of covariance: Cholesky */
        double             *gram;       /* sightings x sightings, then its factor */
        double             *cross;      /* sightings x count, then factor^-1 of it */
        double             *weights;    /* factor^-1 of the values */
        double             *normals;    /* count */
};

trib_status trib__surrogate_create(const struct trib__place *places, size_t count,
                                   struct trib__surrogate **out, trib_error *err)
{
        struct trib__surrogate *made;

        *out = NULL;
        if (count == 0 || count > PLACES_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "surrogate: %zu settings, must be 1..%u", count, PLACES_MAX);
        made = trib__calloc("analysis.surrogate", 1, sizeof(*made));
        if (made == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "surrogate: no memory");
        made->count = count;
        made->places = trib__calloc("analysis.places", count, sizeof(*places));
        made->mean = trib__calloc("analysis.mean", 3 * count, sizeof(double));
        made->covariance = trib__calloc("analysis.covariance", 4 * count * count, sizeof(double));
        if (made->places == NULL || made->mean == NULL || made->covariance == NULL) {
                trib__surrogate_destroy(made);
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "surrogate: no memory for %zu settings",
                                  count);
        }
        memcpy(made->places, places, count * sizeof(*places));
        made->weights = made->mean + count;
        made->normals = made->weights + count;
        made->factor = made->covariance + count * count;
        made->gram = made->factor + count * count;
        made->cross = made->gram + count * count;
        *out = made;
        return TRIB_OK;
}

void trib__surrogate_destroy(struct trib__surrogate *surrogate)
{
        if (surrogate == NULL)
                return;
        trib__free(surrogate->covariance);
        trib__free(surrogate->mean);
        trib__free(surrogate->places);
        trib__free(surrogate);
}

/* Matern's covariance of smoothness 5/2: curves that bend but have no corners. */
static double matern(double distance, double reach)
{
        double r = sqrt(5.0) * fabs(distance) / reach;

        return (1 + r + r * r / 3) * exp(-r);
}

static double prior_of(const struct prior *prior, const struct trib__place *a,
                       const struct trib__place *b)
{
        double threads = matern(a->threads - b->threads, prior->reach_threads);
        double batch = matern(a->batch - b->batch, prior->reach_batch);
        double kind = a->kind == b->kind ? 1 : 0;

        return prior->level * prior->level + prior->threads * prior->threads * threads
               + prior->batch * prior->batch * batch + prior->kind * prior->kind * kind
               + prior->together * prior->together * threads * batch * (0.5 + 0.5 * kind);
}

/* In place; false when the matrix is not positive definite. */
static bool factorise(double *a, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j <= i; j++) {
                        double sum = a[i * n + j];

                        for (size_t k = 0; k < j; k++)
                                sum -= a[i * n + k] * a[j * n + k];
                        if (i == j && !(sum > 0))
                                return false;
                        a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
                }
        }
        return true;
}

/* out = factor^-1 in, of one column; out may be in. */
static void solve_lower(const double *factor, size_t n, const double *in, double *out)
{
        for (size_t i = 0; i < n; i++) {
                double sum = in[i];

                for (size_t k = 0; k < i; k++)
                        sum -= factor[i * n + k] * out[k];
                out[i] = sum / factor[i * n + i];
        }
}

/* The factor of the sightings' covariance and the weights; the log likelihood, or -INFINITY. */
static double prepare(struct trib__surrogate *surrogate, const struct prior *prior,
                      const struct trib__sighting *sightings, size_t n, double centre)
{
        double likelihood = 0;

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j <= i; j++)
                        surrogate->gram[i * n + j] =
                                prior_of(prior, &surrogate->places[sightings[i].place],
                                         &surrogate->places[sightings[j].place]);
                surrogate->gram[i * n + i] += sightings[i].variance;
                surrogate->weights[i] = sightings[i].value - centre;
        }
        if (!factorise(surrogate->gram, n))
                return (double)-INFINITY;
        solve_lower(surrogate->gram, n, surrogate->weights, surrogate->weights);
        for (size_t i = 0; i < n; i++)
                likelihood -= log(surrogate->gram[i * n + i])
                              + surrogate->weights[i] * surrogate->weights[i] / 2;
        return likelihood;
}

/* The scales that make the sightings most likely, of a grid; few sightings choose little, so each
 * scale has a usual value that others must beat. */
static struct prior choose_prior(struct trib__surrogate *surrogate,
                                 const struct trib__sighting *sightings, size_t n, double centre)
{
        static const double amplitudes[] = { 1, 0.3, 0.1, 0.03 };
        static const double shares[] = { 0.1, 0.3, 0.7 };
        static const double reaches[] = { 1.5, 3, 6 };
        struct prior        best = { 1, 0.7, 0.7, 0.4, 0.2, 3, 3 };
        double              most = (double)-INFINITY;

        for (size_t a = 0; a < 4; a++) {
                for (size_t s = 0; s < 3; s++) {
                        for (size_t r = 0; r < 9; r++) {
                                double       size = amplitudes[a];
                                struct prior one = { 1.5, size, size, size, size * shares[s],
                                                     reaches[r / 3], reaches[r % 3] };
                                double likely = prepare(surrogate, &one, sightings, n, centre);

                                likely -= s == 1 ? 0 : 0.5;
                                likely -= r == 4 ? 0 : 0.5;
                                if (likely > most) {
                                        most = likely;
                                        best = one;
                                }
                        }
                }
        }
        return best;
}

/* Mean and covariance of all places, and its factor. */
static void project(struct trib__surrogate *surrogate, const struct prior *prior,
                    const struct trib__sighting *sightings, size_t n, double centre)
{
        size_t m = surrogate->count;

        for (size_t p = 0; p < m; p++) {
                double *column = surrogate->cross + p * n; /* one place's, together */

                for (size_t i = 0; i < n; i++)
                        column[i] = prior_of(prior, &surrogate->places[sightings[i].place],
                                             &surrogate->places[p]);
                solve_lower(surrogate->gram, n, column, column);
                surrogate->mean[p] = centre;
                for (size_t i = 0; i < n; i++)
                        surrogate->mean[p] += column[i] * surrogate->weights[i];
        }
        for (size_t p = 0; p < m; p++) {
                for (size_t q = 0; q <= p; q++) {
                        double sum = prior_of(prior, &surrogate->places[p], &surrogate->places[q]);

                        for (size_t i = 0; i < n; i++)
                                sum -= surrogate->cross[p * n + i] * surrogate->cross[q * n + i];
                        surrogate->covariance[p * m + q] = sum;
                }
        }
        /* What rounding leaves below zero is far below what is drawn. */
        for (double jitter = 1e-9;; jitter *= 10) {
                memcpy(surrogate->factor, surrogate->covariance, m * m * sizeof(double));
                for (size_t p = 0; p < m; p++)
                        surrogate->factor[p * m + p] += jitter;
                if (factorise(surrogate->factor, m) || jitter > 1)
                        return;
        }
}

void trib__surrogate_learn(struct trib__surrogate *surrogate,
                           const struct trib__sighting *sightings, size_t count)
{
        struct prior prior;
        double       centre = 0;

        for (size_t i = 0; i < count; i++)
                centre += sightings[i].value / (double)count;
        prior = choose_prior(surrogate, sightings, count, centre);
        (void)prepare(surrogate, &prior, sightings, count, centre);
        project(surrogate, &prior, sightings, count, centre);
}

double trib__surrogate_mean(const struct trib__surrogate *surrogate, size_t place)
{
        return surrogate->mean[place];
}

double trib__surrogate_deviation(const struct trib__surrogate *surrogate, size_t place)
{
        return sqrt(fmax(0, surrogate->covariance[place * surrogate->count + place]));
}

/* Box and Muller's. */
static double normal(struct trib__random *random)
{
        double radius = sqrt(-2 * log(1 - trib__random_unit(random)));

        return radius * cos(6.283185307179586 * trib__random_unit(random));
}

void trib__surrogate_draw(const struct trib__surrogate *surrogate, struct trib__random *random,
                          double *values)
{
        size_t m = surrogate->count;

        for (size_t p = 0; p < m; p++)
                surrogate->normals[p] = normal(random);
        for (size_t p = 0; p < m; p++) {
                values[p] = surrogate->mean[p];
                for (size_t q = 0; q <= p; q++)
                        values[p] += surrogate->factor[p * m + q] * surrogate->normals[q];
        }
}
