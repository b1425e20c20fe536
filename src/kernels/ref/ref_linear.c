/* SPDX-License-Identifier: Apache-2.0 */
/* ref_linear.c: y[m][n] = activation(sum over k of x[m][k] w[n][k] + b[n]).
 *
 * The sum is four partial sums in double, k modulo 4, as ref.h says: the order of additions
 * is fixed by k alone, and the four are what the compiler keeps in vector registers. For f32 the
 * products are exact, and four rows of x go through each row of w together, which saves reads
 * but changes no sum. */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_priv.h"
#include "tensor/convert.h"

#define LANES 4
#define ROWS 4

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef float  narrow_lanes __attribute__((vector_size(LANES * sizeof(float))));

static double total(const double *sums)
{
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void finish(const struct trib__ref_linear *p, int64_t row, int64_t column, double sum)
{
        if (p->b != NULL)
                sum += trib__load_as_f64(p->dtype, p->b, (size_t)column);
        trib__store_from_f64(p->dtype, p->y, (size_t)(row * p->n + column),
                             trib__ref_apply(p->activation, sum));
}

#define WIDEN(out, pointer)                                                     \
        do {                                                                    \
                narrow_lanes narrow_value;                                      \
                                                                                \
                memcpy(&narrow_value, (pointer), sizeof(narrow_value));         \
                (out) = __builtin_convertvector(narrow_value, lanes);           \
        } while (0)

/* Dot products of the rows x, x + k, x + 2k, x + 3k with w. */
static void dot_four(const float *x, const float *w, int64_t k, double out[ROWS])
{
        double  sums[ROWS][LANES];
        lanes   acc0 = { 0 }, acc1 = { 0 }, acc2 = { 0 }, acc3 = { 0 };
        int64_t i = 0;

        for (; i + LANES <= k; i += LANES) {
                lanes weights, in0, in1, in2, in3;

                WIDEN(weights, w + i);
                WIDEN(in0, x + i);
                WIDEN(in1, x + k + i);
                WIDEN(in2, x + 2 * k + i);
                WIDEN(in3, x + 3 * k + i);
                acc0 += in0 * weights;
                acc1 += in1 * weights;
                acc2 += in2 * weights;
                acc3 += in3 * weights;
        }
        memcpy(sums[0], &acc0, sizeof(acc0));
        memcpy(sums[1], &acc1, sizeof(acc1));
        memcpy(sums[2], &acc2, sizeof(acc2));
        memcpy(sums[3], &acc3, sizeof(acc3));
        for (; i < k; i++)
                for (int r = 0; r < ROWS; r++)
                        sums[r][i % LANES] += (double)x[r * k + i] * (double)w[i];
        for (int r = 0; r < ROWS; r++)
                out[r] = total(sums[r]);
}

/* The dot product of rows `row` of x and `column` of w, for any dtype. */
static double dot_any(const struct trib__ref_linear *p, int64_t row, int64_t column)
{
        double sums[LANES] = { 0 };

        for (int64_t i = 0; i < p->k; i++)
                sums[i % LANES] += trib__load_as_f64(p->dtype, p->x, (size_t)(row * p->k + i)) *
                                   trib__load_as_f64(p->dtype, p->w, (size_t)(column * p->k + i));
        return total(sums);
}

static double dot_f32(const float *x, const float *w, int64_t k)
{
        double  sums[LANES];
        lanes   acc = { 0 };
        int64_t i = 0;

        for (; i + LANES <= k; i += LANES) {
                lanes in, weights;

                WIDEN(in, x + i);
                WIDEN(weights, w + i);
                acc += in * weights;
        }
        memcpy(sums, &acc, sizeof(acc));
        for (; i < k; i++)
                sums[i % LANES] += (double)x[i] * (double)w[i];
        return total(sums);
}

static void linear_f32(const struct trib__ref_linear *p)
{
        const float *x = p->x;
        const float *w = p->w;
        int64_t      row = 0;

        for (; row + ROWS <= p->m; row += ROWS)
                for (int64_t column = 0; column < p->n; column++) {
                        double sums[ROWS];

                        dot_four(x + row * p->k, w + column * p->k, p->k, sums);
                        for (int r = 0; r < ROWS; r++)
                                finish(p, row + r, column, sums[r]);
                }
        for (; row < p->m; row++)
                for (int64_t column = 0; column < p->n; column++)
                        finish(p, row, column,
                               dot_f32(x + row * p->k, w + column * p->k, p->k));
}

trib_status trib__ref_linear(const struct trib__ref_linear *p)
{
        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        if (p->activation != TRIB__OP_COUNT && !trib__ref_is_unary(p->activation))
                return TRIB_UNSUPPORTED;
        if (p->dtype == TRIB_F32) {
                linear_f32(p);
                return TRIB_OK;
        }
        for (int64_t row = 0; row < p->m; row++)
                for (int64_t column = 0; column < p->n; column++)
                        finish(p, row, column, dot_any(p, row, column));
        return TRIB_OK;
}
