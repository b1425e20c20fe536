/* SPDX-License-Identifier: Apache-2.0 */
/* ref_lu.c: LU factorisation with row exchanges, and taking its packed result apart.
 *
 * Column by column ("left-looking"): each number of a factor is a - sum of l u, summed in double
 * in order and rounded once; then the largest of the column becomes the pivot, the first of equal
 * ones; the numbers below are divided by it, unless it is 0. Rows are taken in blocks, whose sums
 * lie on the stack. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"
#include "tensor/convert.h"

#define ROWS 64
#define TILE 16

/* Numbers of either dtype, moved as they are. */
typedef uint32_t __attribute__((may_alias)) word32;
typedef uint64_t __attribute__((may_alias)) word64;

/* Column j of one packed matrix. */
struct column {
        char      *packed;
        int64_t    m, j;
        trib_dtype dtype;
};

static double at(const struct column *c, int64_t row, int64_t j)
{
        return trib__load_as_f64(c->dtype, c->packed, (size_t)(j * c->m + row));
}

static void set(const struct column *c, int64_t row, int64_t j, double value)
{
        trib__store_from_f64(c->dtype, c->packed, (size_t)(j * c->m + row), value);
}

/* Rows first .. first + count of column j, less the products of what is left of and above them. */
static void reduce(const struct column *c, int64_t first, int count)
{
        double  sums[ROWS];
        int64_t end = first + count < c->j ? first + count : c->j;

        for (int i = 0; i < count; i++)
                sums[i] = at(c, first + i, c->j);
        for (int64_t k = 0; k < end; k++) {
                double u;
                int    below = k < first ? 0 : (int)(k - first) + 1;

                if (below > 0)
                        set(c, k, c->j, sums[below - 1]); /* final: all of its products are off */
                u = at(c, k, c->j);
                for (int i = below; i < count; i++)
                        sums[i] -= at(c, first + i, k) * u;
        }
        for (int i = 0; i < count; i++)
                if (first + i >= end)
                        set(c, first + i, c->j, sums[i]);
}

static int64_t find_pivot(const struct column *c)
{
        int64_t pivot = c->j;
        double  largest = fabs(at(c, c->j, c->j));

        for (int64_t i = c->j + 1; i < c->m; i++)
                if (fabs(at(c, i, c->j)) > largest) {
                        largest = fabs(at(c, i, c->j));
                        pivot = i;
                }
        return pivot;
}

static void swap_rows(const struct column *c, int64_t n, int64_t other)
{
        for (int64_t j = 0; other != c->j && j < n; j++) {
                double kept = at(c, c->j, j);

                set(c, c->j, j, at(c, other, j));
                set(c, other, j, kept);
        }
}

static void factorise(char *packed, int64_t m, int64_t n, trib_dtype dtype)
{
        struct column c = { packed, m, 0, dtype };

        for (; c.j < n; c.j++) {
                int64_t pivot;
                double  divisor;

                for (int64_t row = 0; row < m; row += ROWS)
                        reduce(&c, row, (int)(m - row < ROWS ? m - row : ROWS));
                if (c.j >= m)
                        continue;
                pivot = find_pivot(&c);
                set(&c, c.j, n, (double)pivot);
                swap_rows(&c, n, pivot);
                divisor = at(&c, c.j, c.j);
                for (int64_t i = c.j + 1; divisor != 0 && i < m; i++)
                        set(&c, i, c.j, at(&c, i, c.j) / divisor);
        }
}

/* to[column][row] = from[row][column], in tiles, so that both stay in the cache. */
static void transpose32(const word32 *from, word32 *to, int64_t rows, int64_t columns)
{
        for (int64_t i = 0; i < rows; i += TILE)
                for (int64_t j = 0; j < columns; j += TILE) {
                        int64_t i_end = i + TILE < rows ? i + TILE : rows;
                        int64_t j_end = j + TILE < columns ? j + TILE : columns;

                        for (int64_t a = i; a < i_end; a++)
                                for (int64_t b = j; b < j_end; b++)
                                        to[b * rows + a] = from[a * columns + b];
                }
}

static void transpose64(const word64 *from, word64 *to, int64_t rows, int64_t columns)
{
        for (int64_t i = 0; i < rows; i += TILE)
                for (int64_t j = 0; j < columns; j += TILE) {
                        int64_t i_end = i + TILE < rows ? i + TILE : rows;
                        int64_t j_end = j + TILE < columns ? j + TILE : columns;

                        for (int64_t a = i; a < i_end; a++)
                                for (int64_t b = j; b < j_end; b++)
                                        to[b * rows + a] = from[a * columns + b];
                }
}

static void transpose(const void *from, void *to, int64_t rows, int64_t columns,
                      trib_dtype dtype)
{
        if (dtype == TRIB_F32)
                transpose32(from, to, rows, columns);
        else
                transpose64(from, to, rows, columns);
}

void trib__ref_lu_pack(const struct trib__ref_lu *p, int64_t index)
{
        size_t size = trib_dtype_size(p->dtype), elements = (size_t)p->m * (size_t)p->n;
        char  *packed = (char *)p->packed + (size_t)index * (elements + (size_t)p->m) * size;

        transpose((const char *)p->a + (size_t)index * elements * size, packed, p->m, p->n,
                  p->dtype);
        memset(packed + elements * size, 0, (size_t)p->m * size);
}

void trib__ref_lu_one(const struct trib__ref_lu *p, int64_t index)
{
        int64_t block = p->m * (p->n + 1) * (int64_t)trib_dtype_size(p->dtype);

        trib__ref_lu_pack(p, index);
        factorise((char *)p->packed + index * block, p->m, p->n, p->dtype);
}

static bool is_known(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64;
}

trib_status trib__ref_lu(const struct trib__ref_lu *p)
{
        if (!is_known(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int64_t i = 0; i < p->batch; i++)
                trib__ref_lu_one(p, i);
        return TRIB_OK;
}

trib_status trib__ref_lu_factors(const struct trib__ref_lu_part *p)
{
        int64_t size = (int64_t)trib_dtype_size(p->dtype);

        if (!is_known(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int64_t i = 0; i < p->batch; i++)
                transpose((const char *)p->packed + i * p->m * (p->n + 1) * size,
                          (char *)p->y + i * p->m * p->n * size, p->n, p->m, p->dtype);
        return TRIB_OK;
}

trib_status trib__ref_lu_pivots(const struct trib__ref_lu_part *p)
{
        int64_t  count = p->m < p->n ? p->m : p->n;
        int32_t *y = p->y;

        if (!is_known(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int64_t i = 0; i < p->batch; i++)
                for (int64_t j = 0; j < count; j++)
                        y[i * count + j] = (int32_t)trib__load_as_f64(
                                p->dtype, p->packed, (size_t)((i * (p->n + 1) + p->n) * p->m + j));
        return TRIB_OK;
}
