/* SPDX-License-Identifier: Apache-2.0 */
/* small_lu_body.h: LU factorisation of one column-major matrix, in place. No guard: a .c file
 * includes it once for each dtype, after it has defined
 *
 *     REAL, BITS   the number, and an unsigned integer of its size
 *     NAME(name)   what the functions and types here are called
 *     WIDE         bytes of the widest vector: 64, 32 or 16
 *
 * Recursive (Toledo, "Locality of Reference in LU Decomposition with Partial Pivoting", 1997): the
 * left half of the columns, the rows of the right half exchanged alike, a triangular solve, the
 * product taken off the rest, and the rest. Almost all arithmetic is in that product, whose sums
 * are two vectors of rows times four columns, in registers. Each pivot is the first of the
 * largest. */
#include <stdint.h>
#include <string.h>

/* By itself, as the checks compile it. */
#ifndef REAL
#define REAL float
#define BITS uint32_t
#define NAME(name) name##_f32
#define WIDE 16
#endif

typedef REAL NAME(wide) __attribute__((vector_size(WIDE), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(half) __attribute__((vector_size(WIDE / 2), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(eight)
        __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef BITS NAME(bits) __attribute__((may_alias));

/* Columns are `ld` numbers apart; c is m x n, a is m x k, b is k x n. */
struct NAME(product) {
        REAL       *c;
        const REAL *a, *b;
        int64_t     m, n, k, ld;
};

/* Rows from `i` on, `vectors` of them, and `count` columns from j on. */
#define TILE(tile, lanes)                                                                         \
        static inline __attribute__((always_inline)) void NAME(tile)(                             \
                const struct NAME(product) *p, int64_t i, int64_t j, int vectors, int count)      \
        {                                                                                         \
                const int64_t rows = (int64_t)(sizeof(NAME(lanes)) / sizeof(REAL));               \
                REAL         *c = p->c + j * p->ld + i;                                           \
                const REAL   *a = p->a + i, *b = p->b + j * p->ld;                                \
                NAME(lanes)   sums[2][4];                                                         \
                                                                                                  \
                for (int v = 0; v < vectors; v++)                                                 \
                        for (int l = 0; l < count; l++)                                           \
                                sums[v][l] = *(NAME(lanes) *)(c + l * p->ld + v * rows);          \
                for (int64_t q = 0; q < p->k; q++)                                                \
                        for (int v = 0; v < vectors; v++) {                                       \
                                NAME(lanes) column =                                              \
                                        *(const NAME(lanes) *)(a + q * p->ld + v * rows);         \
                                                                                                  \
                                for (int l = 0; l < count; l++)                                   \
                                        sums[v][l] -= column * b[l * p->ld + q];                  \
                        }                                                                         \
                for (int v = 0; v < vectors; v++)                                                 \
                        for (int l = 0; l < count; l++)                                           \
                                *(NAME(lanes) *)(c + l * p->ld + v * rows) = sums[v][l];          \
        }

TILE(tile_wide, wide)
TILE(tile_half, half)
#undef TILE

static inline __attribute__((always_inline)) void
NAME(tile_row)(const struct NAME(product) *p, int64_t i, int64_t j, int count)
{
        for (int l = 0; l < count; l++) {
                REAL sum = p->c[(j + l) * p->ld + i];

                for (int64_t q = 0; q < p->k; q++)
                        sum -= p->a[q * p->ld + i] * p->b[(j + l) * p->ld + q];
                p->c[(j + l) * p->ld + i] = sum;
        }
}

static inline __attribute__((always_inline)) void
NAME(columns)(const struct NAME(product) *p, int64_t j, int count)
{
        const int64_t lanes = WIDE / (int64_t)sizeof(REAL);
        int64_t       i = 0;

        for (; i + 2 * lanes <= p->m; i += 2 * lanes)
                NAME(tile_wide)(p, i, j, 2, count);
        for (; i + lanes <= p->m; i += lanes)
                NAME(tile_wide)(p, i, j, 1, count);
        for (; i + lanes / 2 <= p->m; i += lanes / 2)
                NAME(tile_half)(p, i, j, 1, count);
        for (; i < p->m; i++)
                NAME(tile_row)(p, i, j, count);
}

/* c -= a b */
static inline void NAME(subtract_product)(const struct NAME(product) *p)
{
        int64_t j = 0;

        for (; j + 4 <= p->n; j += 4)
                NAME(columns)(p, j, 4);
        for (; j < p->n; j++)
                NAME(columns)(p, j, 1);
}

/* b = l^-1 b, where l is k x k with ones on its diagonal, k <= 8, and b is k x n. */
static inline void NAME(solve_few)(const REAL *l, REAL *b, int64_t k, int64_t n, int64_t ld)
{
        REAL below[8][8] = { { 0 } };

        for (int64_t j = 0; j < k; j++)
                for (int64_t i = j + 1; i < k; i++)
                        below[j][i] = l[j * ld + i];
        for (int64_t c = 0; c < n; c++) {
                REAL        *column = b + c * ld;
                REAL         kept[8] = { 0 };
                NAME(eight)  numbers;

                memcpy(kept, column, (size_t)k * sizeof(REAL));
                numbers = *(const NAME(eight) *)kept;
                for (int j = 0; j < 7; j++)
                        numbers -= *(const NAME(eight) *)below[j] * numbers[j];
                *(NAME(eight) *)kept = numbers;
                memcpy(column, kept, (size_t)k * sizeof(REAL));
        }
}

static inline void NAME(solve)(const REAL *l, REAL *b, int64_t k, int64_t n, int64_t ld)
{
        int64_t half = (k / 2 + 7) / 8 * 8;

        if (k <= 8) {
                NAME(solve_few)(l, b, k, n, ld);
                return;
        }
        NAME(solve)(l, b, half, n, ld);
        NAME(subtract_product)(&(struct NAME(product)){ b + half, l + half, b, k - half, n, half,
                                                        ld });
        NAME(solve)(l + half * ld + half, b + half, k - half, n, ld);
}

/* The first of the largest. As integers, magnitudes compare like numbers. */
static inline int64_t NAME(find_pivot)(const REAL *column, int64_t m)
{
        const NAME(bits) *bits = (const NAME(bits) *)column;
        const BITS        mask = (BITS)-1 >> 1;
        BITS              largest = 0;
        int64_t           i = 0;

        for (int64_t r = 0; r < m; r++)
                largest = (bits[r] & mask) > largest ? bits[r] & mask : largest;
        while ((bits[i] & mask) != largest)
                i++;
        return i;
}

static inline void NAME(exchange)(REAL *a, int64_t n, int64_t ld, const int32_t *pivots,
                                  int64_t count)
{
        for (int64_t j = 0; j < n; j++, a += ld)
                for (int64_t i = 0; i < count; i++) {
                        REAL kept = a[i];

                        a[i] = a[pivots[i]];
                        a[pivots[i]] = kept;
                }
}

/* n <= 8 columns. Pivots count from the first row here. */
static inline void NAME(factorise_few)(REAL *a, int64_t m, int64_t n, int64_t ld, int32_t *pivots)
{
        for (int64_t j = 0; j < n && j < m; j++) {
                REAL   *restrict column = a + j * ld;
                int64_t pivot = j + NAME(find_pivot)(column + j, m - j);
                REAL    divisor = column[pivot];

                pivots[j] = (int32_t)pivot;
                for (int64_t c = 0; c < n; c++) {
                        REAL kept = a[c * ld + j];

                        a[c * ld + j] = a[c * ld + pivot];
                        a[c * ld + pivot] = kept;
                }
                for (int64_t i = j + 1; divisor != 0 && i < m; i++)
                        column[i] /= divisor;
                for (int64_t c = j + 1; c < n; c++) {
                        REAL *restrict other = a + c * ld;
                        const REAL     factor = other[j];

                        for (int64_t i = j + 1; i < m; i++)
                                other[i] -= column[i] * factor;
                }
        }
}

static inline void NAME(factorise_columns)(REAL *a, int64_t m, int64_t n, int64_t ld,
                                           int32_t *pivots)
{
        int64_t left = (n / 2 + 7) / 8 * 8, done = left < m ? left : m, rest = m - done;
        REAL   *right = a + left * ld;

        if (n <= 8) {
                NAME(factorise_few)(a, m, n, ld, pivots);
                return;
        }
        NAME(factorise_columns)(a, m, left, ld, pivots);
        NAME(exchange)(right, n - left, ld, pivots, done);
        NAME(solve)(a, right, done, n - left, ld);
        if (rest == 0)
                return;
        NAME(subtract_product)(&(struct NAME(product)){ right + done, a + done, right, rest,
                                                        n - left, done, ld });
        NAME(factorise_columns)(right + done, rest, n - left, ld, pivots + done);
        NAME(exchange)(a + done, left, ld, pivots + done, rest < n - left ? rest : n - left);
        for (int64_t i = done; i < m && i < n; i++)
                pivots[i] += (int32_t)done;
}

static inline void NAME(factorise)(void *a, int64_t m, int64_t n, int32_t *pivots)
{
        NAME(factorise_columns)(a, m, n, m, pivots);
}
