/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.c: see oracle.h. Slow on purpose: each element of y is worked out from the beginning. */
#include "oracle.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "handmade.h"

bool oracle_is_floating(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64 || dtype == TRIB_F16 || dtype == TRIB_BF16;
}

/* The 16-bit formats: sign, exponent of `width` bits, the rest fraction. */
static long double decode16(uint16_t bits, int width)
{
        int         fraction_bits = 15 - width, bias = (1 << (width - 1)) - 1;
        int         exponent = bits >> fraction_bits & ((1 << width) - 1);
        int         fraction = bits & ((1 << fraction_bits) - 1);
        long double value;

        if (exponent == (1 << width) - 1)
                value = fraction != 0 ? (long double)NAN : (long double)INFINITY;
        else if (exponent == 0)
                value = ldexpl(fraction, 1 - bias - fraction_bits);
        else
                value = ldexpl(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
        return (bits >> 15) != 0 ? -value : value;
}

static uint16_t encode16(long double value, int width)
{
        int         fraction_bits = 15 - width, bias = (1 << (width - 1)) - 1, exponent;
        unsigned    sign = signbit(value) ? 0x8000u : 0;
        unsigned    infinity = ((1u << width) - 1) << fraction_bits;
        long double units;

        if (isnan(value))
                return (uint16_t)(infinity | 1u << (fraction_bits - 1));
        if (isinf(value))
                return (uint16_t)(sign | infinity);
        if (value == 0)
                return (uint16_t)sign;
        exponent = ilogbl(value);
        if (exponent < 1 - bias)
                exponent = 1 - bias;
        /* In units of the last place: a carry out of the fraction lands in the exponent. */
        units = rintl(ldexpl(fabsl(value), fraction_bits - exponent));
        units += ldexpl(exponent + bias - 1, fraction_bits);
        if (units >= infinity)
                return (uint16_t)(sign | infinity);
        return (uint16_t)(sign | (unsigned)units);
}

static long double get_float(trib_dtype dtype, const void *data, int64_t index)
{
        uint16_t bits;

        if (dtype == TRIB_F32)
                return ((const float *)data)[index];
        if (dtype == TRIB_F64)
                return ((const double *)data)[index];
        bits = ((const uint16_t *)data)[index];
        return decode16(bits, dtype == TRIB_F16 ? 5 : 8);
}

long double oracle_get(trib_dtype dtype, const void *data, int64_t index)
{
        switch (dtype) {
        case TRIB_I8:
                return ((const int8_t *)data)[index];
        case TRIB_U8:
        case TRIB_BOOL:
                return ((const uint8_t *)data)[index];
        case TRIB_I32:
                return ((const int32_t *)data)[index];
        case TRIB_I64:
                return (long double)((const int64_t *)data)[index];
        default:
                return get_float(dtype, data, index);
        }
}

void oracle_set(trib_dtype dtype, void *data, int64_t index, long double value)
{
        if (dtype == TRIB_F32)
                ((float *)data)[index] = (float)value;
        else if (dtype == TRIB_F64)
                ((double *)data)[index] = (double)value;
        else if (oracle_is_floating(dtype))
                ((uint16_t *)data)[index] = encode16(value, dtype == TRIB_F16 ? 5 : 8);
        else if (dtype == TRIB_I32)
                ((int32_t *)data)[index] = (int32_t)value;
        else if (dtype == TRIB_I64)
                ((int64_t *)data)[index] = (int64_t)value;
        else
                ((uint8_t *)data)[index] = (uint8_t)(int)value;
}

void oracle_fill(const struct trib__operand *operand, void *data, struct trib__random *random)
{
        int64_t count = handmade_count(operand);

        if (oracle_is_floating(operand->dtype)) {
                for (int64_t i = 0; i < count; i++)
                        oracle_set(operand->dtype, data, i, trib__random_f32(random));
                return;
        }
        for (uint64_t i = 0; i < operand->bytes; i++)
                ((uint8_t *)data)[i] = (uint8_t)trib__random_next(random);
}

/* Where the element of `operand` lies that goes with the element of y at `position` (of rank
 * y_rank), shapes aligned at their ends and ones repeated. */
static int64_t broadcast_index(const struct trib__operand *operand, const int64_t *position,
                               int y_rank, int skip_last)
{
        int64_t index = 0;

        for (int i = 0; i < operand->rank - skip_last; i++) {
                int64_t at = position[i + y_rank - operand->rank];

                index = index * operand->shape[i] + (operand->shape[i] == 1 ? 0 : at);
        }
        return index;
}

static void unflatten(const struct trib__operand *operand, int64_t index, int64_t *position)
{
        for (int i = operand->rank - 1; i >= 0; i--) {
                position[i] = index % operand->shape[i];
                index /= operand->shape[i];
        }
}

static long double apply_unary(enum trib__op op, long double x)
{
        const long double pi = 3.14159265358979323846264338327950288L;

        switch (op) {
        case TRIB__OP_RELU:
                return x > 0 ? x : isnan(x) ? x : 0;
        case TRIB__OP_GELU_ERF:
                return x / 2 * (1 + erfl(x / sqrtl(2)));
        case TRIB__OP_GELU_TANH:
                return x / 2 * (1 + tanhl(sqrtl(2 / pi) * (x + 0.044715L * x * x * x)));
        case TRIB__OP_TANH:
                return tanhl(x);
        case TRIB__OP_SIGMOID:
                return 1 / (1 + expl(-x));
        default:
                return x;
        }
}

/* An exact value and how much of the bound grows with the sum behind it. */
struct expected {
        long double value;
        long double sum;   /* of absolute values of the terms      */
        int64_t     terms; /* 0: not a sum                         */
};

static void add_product(struct expected *out, long double a, long double b)
{
        out->value += a * b;
        out->sum += fabsl(a * b);
        out->terms++;
}

static struct expected expect_linear(const struct trib__step *step, const void *const *inputs,
                                     int64_t index)
{
        const struct trib__operand *w = &step->inputs[1];
        struct expected             out = { 0, 0, 0 };
        int64_t                     n = w->shape[0], k = w->shape[1];

        for (int64_t i = 0; i < k; i++)
                add_product(&out, oracle_get(w->dtype, inputs[0], index / n * k + i),
                            oracle_get(w->dtype, inputs[1], index % n * k + i));
        if (step->n_inputs > 2 && step->inputs[2].place != TRIB__PLACE_NONE)
                add_product(&out, oracle_get(w->dtype, inputs[2], index % n), 1);
        out.value = apply_unary(step->activation, out.value);
        return out;
}

static struct expected expect_matmul(const struct trib__step *step, const void *const *inputs,
                                     int64_t index)
{
        const struct trib__operand *a = &step->inputs[0], *b = &step->inputs[1];
        const struct trib__operand *y = &step->output;
        int64_t                     position[TRIB_MAX_RANK];
        int64_t                     m = a->shape[a->rank - 2], k = a->shape[a->rank - 1];
        int64_t                     n = b->shape[b->rank - 1], row, column, a_at, b_at;
        struct expected             out = { 0, 0, 0 };

        unflatten(y, index, position);
        row = position[y->rank - 2];
        column = position[y->rank - 1];
        a_at = broadcast_index(a, position, y->rank, 2);
        b_at = broadcast_index(b, position, y->rank, 2);
        for (int64_t i = 0; i < k; i++)
                add_product(&out, oracle_get(a->dtype, inputs[0], (a_at * m + row) * k + i),
                            oracle_get(b->dtype, inputs[1], (b_at * k + i) * n + column));
        return out;
}

static struct expected expect_softmax(const struct trib__step *step, const void *const *inputs,
                                      int64_t index)
{
        const struct trib__operand *x = &step->inputs[0];
        int64_t                     stride = 1, length = x->shape[step->axis], first;
        long double                 largest = -INFINITY, sum = 0;

        for (int i = step->axis + 1; i < x->rank; i++)
                stride *= x->shape[i];
        first = index - index / stride % length * stride;
        for (int64_t i = 0; i < length; i++)
                largest = fmaxl(largest, oracle_get(x->dtype, inputs[0], first + i * stride));
        for (int64_t i = 0; i < length; i++)
                sum += expl(oracle_get(x->dtype, inputs[0], first + i * stride) - largest);
        return (struct expected){
                expl(oracle_get(x->dtype, inputs[0], index) - largest) / sum, 0, 0
        };
}

static struct expected expect_layer_norm(const struct trib__step *step,
                                         const void *const *inputs, int64_t index)
{
        const struct trib__operand *x = &step->inputs[0];
        int64_t                     length = x->shape[x->rank - 1];
        int64_t                     first = index / length * length;
        long double                 mean = 0, variance = 0, value;

        for (int64_t i = 0; i < length; i++)
                mean += oracle_get(x->dtype, inputs[0], first + i) / length;
        for (int64_t i = 0; i < length; i++) {
                value = oracle_get(x->dtype, inputs[0], first + i) - mean;
                variance += value * value / length;
        }
        value = (oracle_get(x->dtype, inputs[0], index) - mean) /
                sqrtl(variance + (long double)step->epsilon);
        if (step->n_inputs > 1 && step->inputs[1].place != TRIB__PLACE_NONE)
                value *= oracle_get(x->dtype, inputs[1], index % length);
        if (step->n_inputs > 2 && step->inputs[2].place != TRIB__PLACE_NONE)
                value += oracle_get(x->dtype, inputs[2], index % length);
        return (struct expected){ value, 0, 0 };
}

static struct expected expect_binary(const struct trib__step *step, const void *const *inputs,
                                     int64_t index)
{
        const struct trib__operand *y = &step->output;
        int64_t                     position[TRIB_MAX_RANK];
        long double                 a, b;

        unflatten(y, index, position);
        a = oracle_get(y->dtype, inputs[0],
                       broadcast_index(&step->inputs[0], position, y->rank, 0));
        b = oracle_get(y->dtype, inputs[1],
                       broadcast_index(&step->inputs[1], position, y->rank, 0));
        return (struct expected){ step->op == TRIB__OP_ADD ? a + b : a * b, 0, 0 };
}

static struct expected expect(const struct trib__step *step, const void *const *inputs,
                              int64_t index)
{
        switch (step->op) {
        case TRIB__OP_LINEAR:
                return expect_linear(step, inputs, index);
        case TRIB__OP_MATMUL:
                return expect_matmul(step, inputs, index);
        case TRIB__OP_ADD:
        case TRIB__OP_MUL:
                return expect_binary(step, inputs, index);
        case TRIB__OP_SOFTMAX:
                return expect_softmax(step, inputs, index);
        case TRIB__OP_LAYER_NORM:
                return expect_layer_norm(step, inputs, index);
        default:
                return (struct expected){
                        apply_unary(step->op, oracle_get(step->output.dtype, inputs[0], index)),
                        0, 0
                };
        }
}

static long double unit_roundoff(trib_dtype dtype)
{
        return ldexpl(1, dtype == TRIB_F64 ? -53 : dtype == TRIB_F32 ? -24 :
                         dtype == TRIB_F16 ? -11 : -8);
}

static long double smallest(trib_dtype dtype)
{
        return ldexpl(1, dtype == TRIB_F64 ? -1074 : dtype == TRIB_F16 ? -24 :
                         dtype == TRIB_F32 ? -149 : -133);
}

static long double tolerance(const struct trib__step *step, const struct expected *expected)
{
        trib_dtype  dtype = step->output.dtype;
        long double u = unit_roundoff(dtype), size = fabsl(expected->value);
        long double a = dtype == TRIB_F64 ? u : ldexpl(1, -24);
        long double bound = u * size + smallest(dtype);

        if (step->op == TRIB__OP_ADD || step->op == TRIB__OP_MUL || step->op == TRIB__OP_RELU)
                return bound + u * size;
        if (step->op == TRIB__OP_SOFTMAX)
                bound += u * size;
        if (expected->terms != 0)
                bound += (long double)(expected->terms + 4) * a * expected->sum;
        if (expected->terms == 0 || step->activation != TRIB__OP_COUNT)
                bound += 64 * a * (1 + size);
        return bound;
}

static void check_float(const struct trib__step *step, const void *const *inputs, const void *y,
                        int64_t index)
{
        struct expected expected = expect(step, inputs, index);
        long double     got = oracle_get(step->output.dtype, y, index);
        long double     bound = tolerance(step, &expected);

        /* Written so that a NaN fails. */
        if (!(fabsl(got - expected.value) <= bound))
                fail_msg("%s %s, element %lld: got %.9Lg, expected %.9Lg +- %.3Lg",
                         trib__op_name(step->op), trib_dtype_name(step->output.dtype),
                         (long long)index, got, expected.value, bound);
}

/* The low 64 bits of an integer element. */
static uint64_t get_bits(trib_dtype dtype, const void *data, int64_t index)
{
        return dtype == TRIB_I64 ? ((const uint64_t *)data)[index]
                                 : (uint64_t)(int64_t)oracle_get(dtype, data, index);
}

static void check_integer(const struct trib__step *step, const void *const *inputs,
                          const void *y, int64_t index)
{
        const struct trib__operand *out = &step->output;
        int64_t                     position[TRIB_MAX_RANK];
        uint64_t                    a, b = 0, expected, mask, got = get_bits(out->dtype, y, index);

        unflatten(out, index, position);
        a = get_bits(out->dtype, inputs[0],
                     broadcast_index(&step->inputs[0], position, out->rank, 0));
        if (step->n_inputs > 1)
                b = get_bits(out->dtype, inputs[1],
                             broadcast_index(&step->inputs[1], position, out->rank, 0));
        expected = step->op == TRIB__OP_ADD   ? a + b
                   : step->op == TRIB__OP_MUL ? a * b
                   : (int64_t)a > 0           ? a
                                              : 0;
        mask = UINT64_MAX >> (64 - 8 * trib_dtype_size(out->dtype));
        if ((got & mask) != (expected & mask))
                fail_msg("%s %s, element %lld: got %llx, expected %llx", trib__op_name(step->op),
                         trib_dtype_name(out->dtype), (long long)index,
                         (unsigned long long)(got & mask), (unsigned long long)(expected & mask));
}

void oracle_check(const struct trib__step *step, const void *const *inputs, const void *y)
{
        int64_t count = handmade_count(&step->output);

        for (int64_t i = 0; i < count; i++) {
                if (oracle_is_floating(step->output.dtype))
                        check_float(step, inputs, y, i);
                else
                        check_integer(step, inputs, y, i);
        }
}
