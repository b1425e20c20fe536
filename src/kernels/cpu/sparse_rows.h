/* SPDX-License-Identifier: Apache-2.0 */
/* sparse_rows.h: the loop of sparse products, written once for every instruction set, dtype and
 * index type. A .c file per instruction set gives its vectors and makes its four functions.
 *
 * Four vectors of a row of y are summed at once, in registers, along the numbers of A's row; then
 * one vector; then single columns. */
#ifndef TRIB_KERNELS_CPU_SPARSE_ROWS_H
#define TRIB_KERNELS_CPU_SPARSE_ROWS_H

#include <math.h>

#include "kernels/ref/ref.h"

typedef void (*trib__sparse_fn)(const struct trib__ref_sparse *params, int64_t batch);

/* By dtype (f32, f64) and index dtype (i32, i64). */
struct trib__sparse_set {
        trib__sparse_fn rows[2][2];
};

extern const struct trib__sparse_set trib__sparse_plain;
#if defined(__x86_64__)
extern const struct trib__sparse_set trib__sparse_avx2;
extern const struct trib__sparse_set trib__sparse_avx512;
#endif

/* Vectors of `bytes` bytes, at any element's address. */
#define TRIB__SPARSE_VECTORS(bytes)                                                             \
        typedef float  f32_lanes __attribute__((vector_size(bytes), aligned(4), may_alias));    \
        typedef double f64_lanes __attribute__((vector_size(bytes), aligned(8), may_alias));

/* Four vectors of row `row` of y, from column `first` on. */
#define TRIB__SPARSE_FOUR(name, real, lanes, index, add)                                        \
        static inline void name(const struct trib__ref_sparse *p, int64_t batch, int64_t row,   \
                                int64_t first)                                                  \
        {                                                                                       \
                const index  *columns = p->columns, *rows = p->rows;                            \
                const real   *values = p->values;                                               \
                const real   *x = (const real *)p->x + batch * p->k * p->n + first;             \
                real         *y = (real *)p->y + (batch * p->m + row) * p->n + first;           \
                lanes         a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };                       \
                                                                                                \
                for (int64_t i = rows[row]; i < rows[row + 1]; i++) {                           \
                        const lanes *line = (const lanes *)(x + columns[i] * p->n);             \
                                                                                                \
                        a = add(values[i], line[0], a);                                         \
                        b = add(values[i], line[1], b);                                         \
                        c = add(values[i], line[2], c);                                         \
                        d = add(values[i], line[3], d);                                         \
                }                                                                               \
                ((lanes *)y)[0] = a;                                                            \
                ((lanes *)y)[1] = b;                                                            \
                ((lanes *)y)[2] = c;                                                            \
                ((lanes *)y)[3] = d;                                                            \
        }

/* One vector. */
#define TRIB__SPARSE_ONE(name, real, lanes, index, add)                                         \
        static inline void name(const struct trib__ref_sparse *p, int64_t batch, int64_t row,   \
                                int64_t first)                                                  \
        {                                                                                       \
                const index  *columns = p->columns, *rows = p->rows;                            \
                const real   *values = p->values;                                               \
                const real   *x = (const real *)p->x + batch * p->k * p->n + first;             \
                real         *y = (real *)p->y + (batch * p->m + row) * p->n + first;           \
                lanes         sum = { 0 };                                                      \
                                                                                                \
                for (int64_t i = rows[row]; i < rows[row + 1]; i++) {                           \
                        const lanes *line = (const lanes *)(x + columns[i] * p->n);             \
                                                                                                \
                        sum = add(values[i], line[0], sum);                                     \
                }                                                                               \
                *(lanes *)y = sum;                                                              \
        }

/* All rows of one dense matrix. `add(number, line, sum)` gives the sums with number times line
 * added; `add_one` does that for single numbers and must round as `add` does: both once, for
 * product and sum together, or both twice. */
#define TRIB__SPARSE_ROWS(name, real, lanes, index, add, add_one)                               \
        TRIB__SPARSE_FOUR(name##_four, real, lanes, index, add)                                 \
        TRIB__SPARSE_ONE(name##_one, real, lanes, index, add)                                   \
        static void name(const struct trib__ref_sparse *p, int64_t batch)                       \
        {                                                                                       \
                const int64_t wide = (int64_t)(sizeof(lanes) / sizeof(real));                   \
                const index  *columns = p->columns, *rows = p->rows;                            \
                const real   *values = p->values, *x = p->x;                                    \
                real         *y = p->y;                                                         \
                                                                                                \
                for (int64_t row = 0; row < p->m; row++) {                                      \
                        int64_t c = 0;                                                          \
                                                                                                \
                        for (; c + 4 * wide <= p->n; c += 4 * wide)                             \
                                name##_four(p, batch, row, c);                                  \
                        for (; c + wide <= p->n; c += wide)                                     \
                                name##_one(p, batch, row, c);                                   \
                        for (; c < p->n; c++) {                                                 \
                                real sum = 0;                                                   \
                                                                                                \
                                for (int64_t i = rows[row]; i < rows[row + 1]; i++)             \
                                        sum = add_one(values[i],                                \
                                                      x[(batch * p->k + columns[i]) * p->n + c], \
                                                      sum);                                     \
                                y[(batch * p->m + row) * p->n + c] = sum;                       \
                        }                                                                       \
                }                                                                               \
        }

#define TRIB__SPARSE_SET(set, add32, one32, add64, one64)                                       \
        TRIB__SPARSE_ROWS(f32_i32, float, f32_lanes, int32_t, add32, one32)                     \
        TRIB__SPARSE_ROWS(f32_i64, float, f32_lanes, int64_t, add32, one32)                     \
        TRIB__SPARSE_ROWS(f64_i32, double, f64_lanes, int32_t, add64, one64)                    \
        TRIB__SPARSE_ROWS(f64_i64, double, f64_lanes, int64_t, add64, one64)                    \
        const struct trib__sparse_set set = { { { f32_i32, f32_i64 }, { f64_i32, f64_i64 } } };

#endif
