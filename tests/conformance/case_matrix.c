/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: LU factorisation and sparse products.
 *
 * Factors cannot be compared number by number: where two candidates for a pivot are nearly equal,
 * devices may take either. They are checked for what they are: rows exchanged as the pivots say,
 * the product of the factors is the matrix, to
 *     |P a - l u| <= (m + n) u (|l| |u|) + the smallest number,  u the dtype's unit roundoff,
 * element by element (Higham, Accuracy and Stability of Numerical Algorithms, section 9.3, with
 * room for blocks); and |l| <= 1.
 * Sparse products are sums: (k + 4) a sum|A x| + u |y|, as in oracle.h. */
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define SEED 20241101

#define MOST 96

static void run(struct rig_queue *queue, struct handmade *made, const void *const *constants,
                const void *const *inputs, void *const *outputs)
{
        struct rig_program program;
        struct rig_frame   frame;
        trib_error         err = TRIB_ERROR_INIT;

        rig_compile(queue->rig, queue, made, constants, NULL, &program);
        rig_frame_open(queue->rig, &program, &frame);
        must(rig_run(queue, &program, &frame, inputs, outputs, &err), &err);
        rig_frame_close(queue->rig, &program, &frame);
        rig_release(queue->rig, &program);
}

static void *room(const struct trib__operand *operand)
{
        void *data = calloc(operand->bytes + 1, 1);

        assert_non_null(data);
        return data;
}

/* ---- LU --------------------------------------------------------------------------------- */

/* `batch` matrices of m by n: lu, then both of its parts. */
static void make_lu(struct handmade *made, trib_dtype dtype, int64_t batch, int64_t m, int64_t n)
{
        const int64_t        shape[3] = { batch, m, n }, packed_shape[3] = { batch, n + 1, m };
        const int64_t        pivots[2] = { batch, m < n ? m : n };
        struct trib__operand a, packed;

        handmade_init(made);
        a = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 3, shape);
        packed = handmade_slab(made, dtype, 3, packed_shape);
        (void)handmade_step(made, TRIB__OP_LU, 1, &a, packed);
        (void)handmade_step(made, TRIB__OP_LU_FACTORS, 1, &packed,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 3, shape));
        (void)handmade_step(made, TRIB__OP_LU_PIVOTS, 1, &packed,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_I32, 2, pivots));
}

static long double unit_roundoff(trib_dtype dtype)
{
        return ldexpl(1, dtype == TRIB_F64 ? -53 : -24);
}

/* Matrix `index` of the batch. */
static void check_one_lu(const struct handmade *made, const void *a, const void *lu,
                         const int32_t *pivots, int64_t index)
{
        static long double          expected[MOST * MOST];
        const struct trib__operand *operand = &made->inputs[0];
        trib_dtype                  dtype = operand->dtype;
        int64_t m = operand->shape[1], n = operand->shape[2], p = m < n ? m : n;
        int64_t first = index * m * n;

        for (int64_t i = 0; i < m * n; i++)
                expected[i] = oracle_get(dtype, a, first + i);
        for (int64_t j = 0; j < p; j++) {
                int32_t other = pivots[index * p + j];

                assert_in_range(other, j, m - 1);
                for (int64_t c = 0; c < n; c++) {
                        long double kept = expected[j * n + c];

                        expected[j * n + c] = expected[other * n + c];
                        expected[other * n + c] = kept;
                }
        }
        for (int64_t i = 0; i < m * n; i++) {
                int64_t     row = i / n, column = i % n, terms = row < column ? row : column;
                long double sum = 0, size = 0, bound, last;

                for (int64_t k = 0; k < terms; k++) {
                        long double product = oracle_get(dtype, lu, first + row * n + k) *
                                              oracle_get(dtype, lu, first + k * n + column);

                        sum += product;
                        size += fabsl(product);
                }
                last = oracle_get(dtype, lu, first + row * n + terms);
                if (row > column) {
                        if (!(fabsl(last) <= 1 + 4 * unit_roundoff(dtype)))
                                fail_msg("l[%lld, %lld] is %Lg", (long long)row, (long long)column,
                                         last);
                        last *= oracle_get(dtype, lu, first + column * n + column);
                } else {
                        last = oracle_get(dtype, lu, first + row * n + column);
                }
                bound = (long double)(m + n) * unit_roundoff(dtype) * (size + fabsl(last)) +
                        1e-37L * (dtype == TRIB_F32);
                if (!(fabsl(sum + last - expected[i]) <= bound))
                        fail_msg("%lld x %lld at %lld, %lld: l u is %.9Lg, not %.9Lg +- %.3Lg",
                                 (long long)m, (long long)n, (long long)row, (long long)column,
                                 sum + last, expected[i], bound);
        }
}

static void check_lu(struct rig_bench *bench, struct handmade *made, const void *a)
{
        void *outputs[2] = { room(&made->outputs[0]), room(&made->outputs[1]) };

        run(&bench->queue, made, NULL, &a, outputs);
        for (int64_t i = 0; i < made->inputs[0].shape[0]; i++)
                check_one_lu(made, a, outputs[0], outputs[1], i);
        free(outputs[0]);
        free(outputs[1]);
}

static const trib_dtype lu_dtypes[] = { TRIB_F32, TRIB_F64 };

void lu_is_right(void **state)
{
        static const int64_t shapes[][3] = { { 1, 1, 1 },  { 2, 3, 3 },   { 1, 7, 3 },
                                             { 1, 3, 7 },  { 3, 17, 17 }, { 1, 65, 65 },
                                             { 1, 96, 80 }, { 1, 33, 70 }, { 2, 1, 9 },
                                             { 2, 9, 1 },   { 1, 270, 30 },
                                             { 1, 30, 270 } };
        struct rig_bench         bench;
        struct handmade      made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                for (size_t d = 0; d < 2; d++) {
                        void *a;

                        make_lu(&made, lu_dtypes[d], shapes[i][0], shapes[i][1], shapes[i][2]);
                        a = room(&made.inputs[0]);
                        oracle_fill(&made.inputs[0], a, &bench.random);
                        check_lu(&bench, &made, a);
                        free(a);
                }
        }
        rig_bench_close(&bench);
}

/* Numbers of one kind or another at row, column. */
static long double special(int kind, int64_t row, int64_t column, struct trib__random *random)
{
        switch (kind) {
        case 0: /* zero */
                return 0;
        case 1: /* rank 1 */
                return (long double)((row + 1) * (column + 1));
        case 2: /* the identity, from the bottom up */
                return row + column == 32 ? 1 : 0;
        case 3: /* all equal */
                return 1;
        case 4: /* Wilkinson's: the numbers double in each step */
                return column == 32 || row == column ? 1 : row > column ? -1 : 0;
        case 5: /* powers of two that are far apart */
                return ldexpl((long double)trib__random_f32(random), (int)(row % 60) - 30);
        case 6: /* a zero line across and down */
                return row == 5 || column == 7 ? 0 : (long double)trib__random_f32(random);
        default: /* large and small, near the ends of f32 */
                return ldexpl((long double)trib__random_f32(random), kind == 7 ? 90 : -100);
        }
}

void lu_takes_every_kind_of_matrix(void **state)
{
        struct rig_bench    bench;
        struct handmade made;
        void           *a, *outputs[2];

        rig_bench_open(&bench, state, SEED);
        for (size_t d = 0; d < 2; d++) {
                make_lu(&made, lu_dtypes[d], 1, 33, 33);
                a = room(&made.inputs[0]);
                for (int kind = 0; kind <= 8; kind++) {
                        for (int64_t i = 0; i < 33 * 33; i++)
                                oracle_set(lu_dtypes[d], a, i,
                                           special(kind, i / 33, i % 33, &bench.random));
                        check_lu(&bench, &made, a);
                }
                /* Not a number and infinity: whatever comes, pivots are rows that there are. */
                for (int kind = 0; kind < 3; kind++) {
                        oracle_fill(&made.inputs[0], a, &bench.random);
                        for (int64_t i = kind; i < 33 * 33; i += kind == 2 ? 1 : 40)
                                oracle_set(lu_dtypes[d], a, i,
                                           kind == 1 ? (long double)INFINITY : (long double)NAN);
                        outputs[0] = room(&made.outputs[0]);
                        outputs[1] = room(&made.outputs[1]);
                        run(&bench.queue, &made, NULL, (const void *const *)&a, outputs);
                        for (int j = 0; j < 33; j++)
                                assert_in_range(((int32_t *)outputs[1])[j], j, 32);
                        free(outputs[0]);
                        free(outputs[1]);
                }
                free(a);
        }
        rig_bench_close(&bench);
}

void lu_gives_the_same_bits_on_every_queue(void **state)
{
        struct rig_bench     bench;
        struct handmade  made;
        struct rig_queue other;
        void            *a, *once[2], *twice[2];

        rig_bench_open(&bench, state, SEED);
        rig_queue_open(&bench.rig, 1, &other);
        make_lu(&made, TRIB_F32, 2, 90, 90);
        a = room(&made.inputs[0]);
        oracle_fill(&made.inputs[0], a, &bench.random);
        for (int i = 0; i < 2; i++) {
                once[i] = room(&made.outputs[i]);
                twice[i] = room(&made.outputs[i]);
        }
        run(&bench.queue, &made, NULL, (const void *const *)&a, once);
        run(&other, &made, NULL, (const void *const *)&a, twice);
        for (int i = 0; i < 2; i++) {
                assert_memory_equal(once[i], twice[i], made.outputs[i].bytes);
                free(once[i]);
                free(twice[i]);
        }
        free(a);
        rig_queue_close(&bench.rig, &other);
        rig_bench_close(&bench);
}

/* ---- sparse products -------------------------------------------------------------------- */

/* A of m by k with about one number in `every`; row 1 is empty, row 0 is full. */
struct sparse {
        trib_dtype dtype, index_dtype;
        int64_t    batch, m, k, n, every;
};

static void make_sparse(struct handmade *made, const struct sparse *s, int64_t count)
{
        const int64_t        x[3] = { s->batch, s->k, s->n }, y[3] = { s->batch, s->m, s->n };
        const int64_t        pointers = s->m + 1;
        struct trib__operand in[4];

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, s->dtype, 3, x);
        in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, s->dtype, 1, &count);
        in[2] = handmade_operand(made, TRIB__PLACE_CONSTANT, s->index_dtype, 1, &count);
        in[3] = handmade_operand(made, TRIB__PLACE_CONSTANT, s->index_dtype, 1, &pointers);
        (void)handmade_step(made, TRIB__OP_SPARSE_MATMUL, 4, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, s->dtype, 3, y));
}

/* Columns and row pointers; the number of values. */
static int64_t choose(const struct sparse *s, struct trib__random *random, void *columns,
                      void *rows)
{
        int64_t count = 0;

        oracle_set(s->index_dtype, rows, 0, 0);
        for (int64_t row = 0; row < s->m; row++) {
                for (int64_t column = 0; row != 1 && column < s->k; column++) {
                        if (row != 0 && trib__random_below(random, (uint32_t)s->every) != 0)
                                continue;
                        oracle_set(s->index_dtype, columns, count++, column);
                }
                oracle_set(s->index_dtype, rows, row + 1, count);
        }
        return count;
}

static void check_product(const struct sparse *s, const void *const *constants, const void *x,
                          const void *y)
{
        long double u = ldexpl(1, s->dtype == TRIB_F64   ? -53
                                  : s->dtype == TRIB_F32 ? -24
                                  : s->dtype == TRIB_F16 ? -11
                                                         : -8);
        long double a = s->dtype == TRIB_F64 ? u : ldexpl(1, -24);

        for (int64_t i = 0; i < s->batch * s->m * s->n; i++) {
                int64_t     row = i / s->n % s->m, batch = i / s->n / s->m;
                int64_t     first = (int64_t)oracle_get(s->index_dtype, constants[2], row);
                int64_t     last = (int64_t)oracle_get(s->index_dtype, constants[2], row + 1);
                long double sum = 0, size = 0, got = oracle_get(s->dtype, y, i);

                for (int64_t j = first; j < last; j++) {
                        int64_t k = (int64_t)oracle_get(s->index_dtype, constants[1], j);
                        long double product =
                                oracle_get(s->dtype, constants[0], j) *
                                oracle_get(s->dtype, x, (batch * s->k + k) * s->n + i % s->n);

                        sum += product;
                        size += fabsl(product);
                }
                if (!(fabsl(got - sum) <=
                      (long double)(last - first + 4) * a * size + u * fabsl(sum) + 0x1p-25L * u))
                        fail_msg("%s, element %lld: got %.9Lg, expected %.9Lg",
                                 trib_dtype_name(s->dtype), (long long)i, got, sum);
        }
}

static void check_sparse(struct rig_bench *bench, const struct sparse *s)
{
        struct handmade made;
        size_t          most = (size_t)(s->m * s->k);
        void           *constants[3] = { calloc(most, 8), calloc(most, 8),
                                         calloc((size_t)s->m + 1, 8) };
        void           *x, *y;

        assert_true(constants[0] != NULL && constants[1] != NULL && constants[2] != NULL);
        make_sparse(&made, s, choose(s, &bench->random, constants[1], constants[2]));
        oracle_fill(&made.steps[0].inputs[1], constants[0], &bench->random);
        x = room(&made.inputs[0]);
        y = room(&made.outputs[0]);
        oracle_fill(&made.inputs[0], x, &bench->random);
        run(&bench->queue, &made, (const void *const *)constants, (const void *const *)&x, &y);
        check_product(s, (const void *const *)constants, x, y);
        free(x);
        free(y);
        for (int i = 0; i < 3; i++)
                free(constants[i]);
}

void sparse_matmul_is_right(void **state)
{
        static const int64_t    shapes[][5] = { { 1, 1, 1, 1, 1 },     { 1, 5, 7, 1, 2 },
                                                { 2, 9, 33, 17, 3 },   { 1, 40, 20, 64, 4 },
                                                { 1, 17, 100, 131, 9 } };
        static const trib_dtype dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16 };
        struct rig_bench            bench;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                for (size_t d = 0; d < 8; d++) {
                        check_sparse(&bench, &(struct sparse){ dtypes[d / 2],
                                                               d % 2 == 0 ? TRIB_I32 : TRIB_I64,
                                                               shapes[i][0], shapes[i][1],
                                                               shapes[i][2], shapes[i][3],
                                                               shapes[i][4] });
                }
        }
        rig_bench_close(&bench);
}
