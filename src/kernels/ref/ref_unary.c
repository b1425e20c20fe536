/* SPDX-License-Identifier: Apache-2.0 */
/* ref_unary.c: relu, gelu (two forms), tanh and sigmoid.
 *
 *     relu(x)      = max(x, 0); -0 gives 0, NaN stays NaN
 *     gelu(x)      = x/2 (1 + erf(x / sqrt 2))
 *     gelu_tanh(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
 *     tanh(x), sigmoid(x) = 1 / (1 + exp(-x))
 *
 * Where a formula cancels for very negative x, an equal one that does not is computed. The limits
 * at infinity are taken: gelu(-inf) = -0. */
#include <math.h>

#include "kernels/ref/ref.h"
#include "kernels/ref/ref_priv.h"
#include "tensor/convert.h"

static double gelu_erf(double x)
{
        if (x == -HUGE_VAL)
                return -0.0;
        return 0.5 * x * erfc(x * -0.70710678118654752440); /* 1 + erf(u) = erfc(-u) */
}

static double gelu_tanh(double x)
{
        double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);

        if (x == -HUGE_VAL)
                return -0.0;
        /* 1/2 (1 + tanh(u)) = 1 / (1 + exp(-2u)) */
        return x / (1.0 + exp(-2.0 * u));
}

static double sigmoid(double x)
{
        double e;

        if (x >= 0.0)
                return 1.0 / (1.0 + exp(-x));
        e = exp(x);
        return e / (1.0 + e);
}

double trib__ref_apply(enum trib__op op, double x)
{
        switch (op) {
        case TRIB__OP_RELU:
                return x > 0.0 ? x : (x != x ? x : 0.0);
        case TRIB__OP_GELU_ERF:
                return gelu_erf(x);
        case TRIB__OP_GELU_TANH:
                return gelu_tanh(x);
        case TRIB__OP_TANH:
                return tanh(x);
        case TRIB__OP_SIGMOID:
                return sigmoid(x);
        default:
                return x;
        }
}

bool trib__ref_is_unary(enum trib__op op)
{
        return op == TRIB__OP_RELU || op == TRIB__OP_GELU_ERF || op == TRIB__OP_GELU_TANH ||
               op == TRIB__OP_TANH || op == TRIB__OP_SIGMOID;
}

#define RELU(type)                                                     \
        do {                                                           \
                const type *x = p->x;                                  \
                type       *y = p->y;                                  \
                                                                       \
                for (int64_t i = 0; i < p->count; i++)                 \
                        y[i] = (type)(x[i] > 0 || x[i] != x[i] ? x[i] : 0); \
        } while (0)

/* Relu is exact, so it stays in its own type; false for dtypes that the general path does. */
static bool relu(const struct trib__ref_unary *p)
{
        switch (p->dtype) {
        case TRIB_F32:
                RELU(float);
                return true;
        case TRIB_F64:
                RELU(double);
                return true;
        case TRIB_I8:
                RELU(int8_t);
                return true;
        case TRIB_U8:
                RELU(uint8_t);
                return true;
        case TRIB_I32:
                RELU(int32_t);
                return true;
        case TRIB_I64:
                RELU(int64_t);
                return true;
        default:
                return false;
        }
}

trib_status trib__ref_unary(const struct trib__ref_unary *p)
{
        if (!trib__ref_is_unary(p->op))
                return TRIB_UNSUPPORTED;
        if (p->op == TRIB__OP_RELU && relu(p))
                return TRIB_OK;
        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        for (size_t i = 0; i < (size_t)p->count; i++) {
                double x = trib__load_as_f64(p->dtype, p->x, i);

                trib__store_from_f64(p->dtype, p->y, i, trib__ref_apply(p->op, x));
        }
        return TRIB_OK;
}
