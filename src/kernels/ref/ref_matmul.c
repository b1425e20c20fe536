/* SPDX-License-Identifier: Apache-2.0 */
/* ref_matmul.c: y[..., m, n] = sum over k of a[..., m, k] b[..., k, n], in order of k.
 *
 * A block of columns of y is summed at once in doubles on the stack, for a few rows together: the
 * inner loop runs along rows of b, which the compiler vectorises, and each sum stays in order. */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_priv.h"
#include "tensor/convert.h"

#define COLUMNS 64
#define ROWS 4

/* One matrix product, of packed matrices. */
struct product {
        const char *a;
        const char *b;
        char       *y;
        int64_t     m, k, n;
        trib_dtype  dtype;
};

static void block_f32(const struct product *p, int64_t row, int64_t column, int rows, int columns,
                      double sums[ROWS][COLUMNS])
{
        const float *a = (const float *)(const void *)p->a + row * p->k;
        const float *b = (const float *)(const void *)p->b + column;

        for (int64_t i = 0; i < p->k; i++)
                for (int r = 0; r < rows; r++) {
                        double factor = (double)a[r * p->k + i];

                        for (int c = 0; c < columns; c++)
                                sums[r][c] += factor * (double)b[i * p->n + c];
                }
}

static void block_any(const struct product *p, int64_t row, int64_t column, int rows, int columns,
                      double sums[ROWS][COLUMNS])
{
        double line[COLUMNS];

        for (int64_t i = 0; i < p->k; i++) {
                for (int c = 0; c < columns; c++)
                        line[c] = trib__load_as_f64(p->dtype, p->b,
                                                    (size_t)(i * p->n + column + c));
                for (int r = 0; r < rows; r++) {
                        double factor = trib__load_as_f64(p->dtype, p->a,
                                                          (size_t)((row + r) * p->k + i));

                        for (int c = 0; c < columns; c++)
                                sums[r][c] += factor * line[c];
                }
        }
}

static void multiply(const struct product *p)
{
        double sums[ROWS][COLUMNS];

        for (int64_t row = 0; row < p->m; row += ROWS)
                for (int64_t column = 0; column < p->n; column += COLUMNS) {
                        int rows = (int)(p->m - row < ROWS ? p->m - row : ROWS);
                        int columns = (int)(p->n - column < COLUMNS ? p->n - column : COLUMNS);

                        memset(sums, 0, sizeof(sums));
                        if (p->dtype == TRIB_F32)
                                block_f32(p, row, column, rows, columns, sums);
                        else
                                block_any(p, row, column, rows, columns, sums);
                        for (int r = 0; r < rows; r++)
                                for (int c = 0; c < columns; c++)
                                        trib__store_from_f64(
                                                p->dtype, p->y,
                                                (size_t)((row + r) * p->n + column + c),
                                                sums[r][c]);
                }
}

trib_status trib__ref_matmul(const struct trib__ref_matmul *p)
{
        int                   batch_rank = p->y_rank - 2;
        int64_t               size = (int64_t)trib_dtype_size(p->dtype);
        struct trib__ref_pair pair = { .rank = batch_rank };
        struct product        one = { NULL, NULL, p->y, 0, 0, 0, p->dtype };

        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int d = 0; d < batch_rank; d++) {
                if (p->y_shape[d] == 0)
                        return TRIB_OK;
                pair.shape[d] = p->y_shape[d];
        }
        one.m = p->a_shape[p->a_rank - 2];
        one.k = p->a_shape[p->a_rank - 1];
        one.n = p->b_shape[p->b_rank - 1];
        trib__ref_broadcast(p->a_shape, p->a_rank - 2, batch_rank, pair.a_strides);
        trib__ref_broadcast(p->b_shape, p->b_rank - 2, batch_rank, pair.b_strides);
        do {
                one.a = (const char *)p->a + pair.a_at * one.m * one.k * size;
                one.b = (const char *)p->b + pair.b_at * one.k * one.n * size;
                multiply(&one);
                one.y += one.m * one.n * size;
        } while (trib__ref_pair_next(&pair, batch_rank));
        return TRIB_OK;
}
