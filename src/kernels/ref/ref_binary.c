/* SPDX-License-Identifier: Apache-2.0 */
/* ref_binary.c: y = a + b and y = a * b with broadcasting.
 *
 * f32 and f64 are computed in their own type: one operation in double and a rounding to f32 give
 * the same bits. Integers are computed as unsigned, which wraps. */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_priv.h"
#include "tensor/convert.h"

/* One row: y[i] = a[i * a_step] op b[i * b_step]; the pointers are at its first elements. */
struct row {
        const void   *a;
        const void   *b;
        void         *y;
        int64_t       a_step, b_step, count;
        enum trib__op op;
        trib_dtype    dtype;
};

/* Integers narrower than `wide` are widened without their sign, so nothing can overflow. */
#define BINARY_ROW(name, type, wide)                                                          \
        static void name(const struct row *row)                                               \
        {                                                                                     \
                const type *a = row->a;                                                       \
                const type *b = row->b;                                                       \
                type       *y = row->y;                                                       \
                                                                                              \
                if (row->op == TRIB__OP_ADD)                                                  \
                        for (int64_t i = 0; i < row->count; i++)                              \
                                y[i] = (type)((wide)a[i * row->a_step] +                      \
                                              (wide)b[i * row->b_step]);                      \
                else                                                                          \
                        for (int64_t i = 0; i < row->count; i++)                              \
                                y[i] = (type)((wide)a[i * row->a_step] *                      \
                                              (wide)b[i * row->b_step]);                      \
        }

BINARY_ROW(row_f32, float, float)
BINARY_ROW(row_f64, double, double)
BINARY_ROW(row_8, uint8_t, uint32_t)
BINARY_ROW(row_32, uint32_t, uint32_t)
BINARY_ROW(row_64, uint64_t, uint64_t)

static void row_half(const struct row *row)
{
        for (int64_t i = 0; i < row->count; i++) {
                double a = trib__load_as_f64(row->dtype, row->a, (size_t)(i * row->a_step));
                double b = trib__load_as_f64(row->dtype, row->b, (size_t)(i * row->b_step));

                trib__store_from_f64(row->dtype, row->y, (size_t)i,
                                     row->op == TRIB__OP_ADD ? a + b : a * b);
        }
}

typedef void (*row_function)(const struct row *row);

static row_function function_for(trib_dtype dtype)
{
        switch (dtype) {
        case TRIB_F32:
                return row_f32;
        case TRIB_F64:
                return row_f64;
        case TRIB_F16:
        case TRIB_BF16:
                return row_half;
        case TRIB_I8:
        case TRIB_U8:
                return row_8;
        case TRIB_I32:
                return row_32;
        case TRIB_I64:
                return row_64;
        case TRIB_BOOL:
        case TRIB_DTYPE_NONE:
                break;
        }
        return NULL;
}

/* Drop dimensions of 1, and merge neighbours that both operands step through evenly. */
static void merge(struct trib__ref_pair *pair)
{
        int kept = -1;

        for (int d = 0; d < pair->rank; d++) {
                int64_t size = pair->shape[d];

                if (size == 1)
                        continue;
                if (kept >= 0 && pair->a_strides[kept] == pair->a_strides[d] * size &&
                    pair->b_strides[kept] == pair->b_strides[d] * size)
                        size *= pair->shape[kept];
                else
                        kept++;
                pair->shape[kept] = size;
                pair->a_strides[kept] = pair->a_strides[d];
                pair->b_strides[kept] = pair->b_strides[d];
        }
        if (kept < 0) {
                kept = 0;
                pair->shape[0] = 1;
                pair->a_strides[0] = pair->b_strides[0] = 0;
        }
        pair->rank = kept + 1;
}

trib_status trib__ref_binary(const struct trib__ref_binary *p)
{
        row_function          compute = function_for(p->dtype);
        int64_t               size = (int64_t)trib_dtype_size(p->dtype);
        struct trib__ref_pair pair = { .rank = p->y_rank };
        int                   inner;
        char                 *y = p->y;

        if (compute == NULL || (p->op != TRIB__OP_ADD && p->op != TRIB__OP_MUL))
                return TRIB_UNSUPPORTED;
        for (int d = 0; d < p->y_rank; d++) {
                if (p->y_shape[d] == 0)
                        return TRIB_OK;
                pair.shape[d] = p->y_shape[d];
        }
        trib__ref_broadcast(p->a_shape, p->a_rank, p->y_rank, pair.a_strides);
        trib__ref_broadcast(p->b_shape, p->b_rank, p->y_rank, pair.b_strides);
        merge(&pair);
        inner = pair.rank - 1;
        do {
                struct row row = {
                        .a = (const char *)p->a + pair.a_at * size,
                        .b = (const char *)p->b + pair.b_at * size,
                        .y = y,
                        .a_step = pair.a_strides[inner],
                        .b_step = pair.b_strides[inner],
                        .count = pair.shape[inner],
                        .op = p->op,
                        .dtype = p->dtype,
                };

                compute(&row);
                y += pair.shape[inner] * size;
        } while (trib__ref_pair_next(&pair, inner));
        return TRIB_OK;
}
