/* SPDX-License-Identifier: Apache-2.0 */
/* ablation.c: differences between variants; see ablation.h. Holds no state, takes no lock. */
#include "analysis/ablation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "base/alloc.h"
#include "base/error.h"

#define RANKED_MIN 6u
#define RANKED_MAX 100u
#define EXACT_MAX 20u
#define WALSH_MAX (RANKED_MAX * (RANKED_MAX + 1) / 2)

static int compare_doubles(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* The largest k, counted from 1, with P(W < k) <= 2.5 %, W the signed rank sum of `count`. */
static size_t signed_rank(size_t count)
{
        double ways[EXACT_MAX * (EXACT_MAX + 1) / 2 + 1] = { 1 };
        double n = (double)count, below = 0;
        size_t sum = 0, k = 0;

        if (count > EXACT_MAX) {
                double spread = 1.96 * sqrt(n * (n + 1) * (2 * n + 1) / 24);

                return (size_t)fmax(1, floor(n * (n + 1) / 4 - spread));
        }
        for (size_t rank = 1; rank <= count; rank++) {
                sum += rank;
                for (size_t w = sum; w >= rank; w--)
                        ways[w] += ways[w - rank];
        }
        while (k <= sum && below + ways[k] * exp2(-n) <= 0.025)
                below += ways[k++] * exp2(-n);
        return k;
}

/* Median and interval by signed ranks; `count` from RANKED_MIN to RANKED_MAX. */
static void by_ranks(const double *d, size_t count, double out[3])
{
        double walsh[WALSH_MAX];
        size_t n = 0, k = signed_rank(count);

        for (size_t i = 0; i < count; i++)
                for (size_t j = i; j < count; j++)
                        walsh[n++] = (d[i] + d[j]) / 2;
        qsort(walsh, n, sizeof(*walsh), compare_doubles);
        out[0] = n % 2 == 1 ? walsh[n / 2] : (walsh[n / 2 - 1] + walsh[n / 2]) / 2;
        out[1] = walsh[k - 1];
        out[2] = walsh[n - k];
}

/* Mean and interval by Student's t; of differences that are not kept. */
static void by_t(const double *x, const double *y, size_t count, double out[3])
{
        double n = (double)count, mean = 0, squares = 0, half;

        for (size_t i = 0; i < count; i++)
                mean += log(x[i] / y[i]) / n;
        for (size_t i = 0; i < count; i++)
                squares += (log(x[i] / y[i]) - mean) * (log(x[i] / y[i]) - mean);
        half = trib__student_t95(count - 1) * sqrt(squares / (n - 1) / n);
        out[0] = mean;
        out[1] = mean - half;
        out[2] = mean + half;
}

void trib__difference_of_rounds(const double *x, size_t x_count, const double *y, size_t y_count,
                                struct trib__difference *out)
{
        size_t count = x_count < y_count ? x_count : y_count;
        double d[RANKED_MAX], found[3];

        memset(out, 0, sizeof(*out));
        for (size_t i = 0; i < count; i++) {
                if (!(x[i] > 0) || !(y[i] > 0))
                        return;
                if (i < RANKED_MAX)
                        d[i] = log(x[i] / y[i]);
        }
        if (count < 2)
                return;
        if (count >= RANKED_MIN && count <= RANKED_MAX)
                by_ranks(d, count, found);
        else
                by_t(x, y, count, found);
        out->is_present = true;
        out->rounds = count;
        out->percent = 100 * expm1(found[0]);
        out->ci95[0] = 100 * expm1(found[1]);
        out->ci95[1] = 100 * expm1(found[2]);
        out->is_shown = out->ci95[0] > 0 || out->ci95[1] < 0;
}

trib_status trib__results_add_ablation(struct trib__results *results, const char *option,
                                       struct trib__ablation **out, trib_error *err)
{
        struct trib__ablation *ablation;

        *out = NULL;
        if (results->ablation_count >= TRIB__ABLATIONS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "results: at most %u ablations fit",
                                  TRIB__ABLATIONS_MAX);
        ablation = trib__calloc("analysis.ablation", 1, sizeof(*ablation));
        if (ablation == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "results: no memory for an ablation");
        (void)snprintf(ablation->option, sizeof(ablation->option), "%s", option);
        results->ablations[results->ablation_count++] = ablation;
        *out = ablation;
        return TRIB_OK;
}

trib_status trib__ablation_add_variant(struct trib__ablation *ablation, const char *value,
                                       struct trib__variant **out, trib_error *err)
{
        struct trib__variant *variant = &ablation->variants[ablation->variant_count];

        *out = NULL;
        if (ablation->variant_count >= TRIB__VARIANTS_MAX)
                return trib__fail(err, TRIB_OVERFLOW, "ablation %.30s: at most %u variants fit",
                                  ablation->option, TRIB__VARIANTS_MAX);
        variant->sweep = trib__calloc("analysis.variant", 1, sizeof(*variant->sweep));
        if (variant->sweep == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "ablation: no memory for a variant");
        (void)snprintf(variant->value, sizeof(variant->value), "%s", value);
        ablation->variant_count++;
        *out = variant;
        return TRIB_OK;
}

void trib__ablations_adopt(struct trib__results *into, struct trib__results *from)
{
        size_t moved = 0;

        while (moved < from->ablation_count && into->ablation_count < TRIB__ABLATIONS_MAX)
                into->ablations[into->ablation_count++] = from->ablations[moved++];
        for (size_t i = moved; i < from->ablation_count; i++)
                from->ablations[i - moved] = from->ablations[i];
        from->ablation_count -= moved;
}

void trib__ablations_destroy(struct trib__results *results)
{
        for (size_t i = 0; i < results->ablation_count; i++) {
                struct trib__ablation *ablation = results->ablations[i];

                for (size_t k = 0; k < ablation->variant_count; k++)
                        trib__sweep_destroy(ablation->variants[k].sweep);
                trib__free(ablation);
        }
        results->ablation_count = 0;
}

/* The variant that the others are compared with: the first that was measured. */
static const struct trib__variant *first_measured(const struct trib__ablation *ablation)
{
        for (size_t i = 0; i < ablation->variant_count; i++)
                if (ablation->variants[i].sweep->point_count > 0)
                        return &ablation->variants[i];
        return NULL;
}

/* "16 threads: 8 is 3.1 % faster than 1 (95 %: 2.0 to 4.2), ...". */
static void add_difference(struct trib__text *text, const struct trib__variant *variant,
                           const struct trib__point *point)
{
        const struct trib__difference *difference = &point->difference;

        trib__text_add(text, "%s%s at %s: ", text->used > 0 ? "; " : "", variant->value,
                       trib__threads_text(point->threads).text);
        if (difference->is_shown)
                trib__text_add(text, "%+.1f %% (95 %%: %+.1f to %+.1f)", difference->percent,
                               difference->ci95[0], difference->ci95[1]);
        else
                trib__text_add(text, "no difference shown (95 %%: %+.1f to %+.1f %%)",
                               difference->ci95[0], difference->ci95[1]);
}

static void conclude_variant(const struct trib__variant *first, struct trib__variant *variant,
                             struct trib__text *text)
{
        for (size_t i = 0; i < variant->sweep->point_count; i++) {
                struct trib__point       *point = &variant->sweep->points[i];
                const struct trib__point *other =
                        trib__sweep_find_point(first->sweep, point->threads);

                memset(&point->difference, 0, sizeof(point->difference));
                if (other == NULL || variant == first)
                        continue;
                trib__difference_of_rounds(point->rounds, point->round_count, other->rounds,
                                           other->round_count, &point->difference);
                if (point->difference.is_present)
                        add_difference(text, variant, point);
        }
}

void trib__conclude_ablations(struct trib__results *results)
{
        for (size_t i = 0; i < results->ablation_count; i++) {
                struct trib__ablation      *ablation = results->ablations[i];
                const struct trib__variant *first = first_measured(ablation);
                struct trib__text text = trib__text_of(ablation->text, sizeof(ablation->text));

                for (size_t k = 0; first != NULL && k < ablation->variant_count; k++)
                        conclude_variant(first, &ablation->variants[k], &text);
                if (text.used == 0)
                        trib__text_add(&text, "nothing to compare");
        }
}
