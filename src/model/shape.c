/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c: shape inference and cost of operators. Pure functions. */
#include "model/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/shape_priv.h"
#include "model/user_call.h"

static bool is_float(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64 || dtype == TRIB_F16 || dtype == TRIB_BF16;
}

static bool is_known(const struct trib__shape *shape)
{
        return shape->rank >= 0;
}

const char *trib__shape_text(const struct trib__shape *shape, char *text, unsigned size)
{
        int used = snprintf(text, size, "%s [", trib_dtype_name(shape->dtype));

        for (int32_t i = 0; i < shape->rank && used > 0 && (unsigned)used < size; i++) {
                const char *comma = i > 0 ? ", " : "";

                if (shape->dims[i] == TRIB__ANY)
                        used += snprintf(text + used, size - (unsigned)used, "%sany", comma);
                else
                        used += snprintf(text + used, size - (unsigned)used, "%s%lld", comma,
                                         (long long)shape->dims[i]);
        }
        if (used > 0 && (unsigned)used < size)
                (void)snprintf(text + used, size - (unsigned)used, "]");
        return text;
}

trib_status trib__shape_size(const struct trib__shape *shape, uint64_t *elements,
                             uint64_t *bytes, trib_error *err)
{
        uint64_t count = 1, size = 0;
        bool     is_too_large = false;
        char     text[128];

        for (int32_t i = 0; i < shape->rank; i++) {
                if (shape->dims[i] < 0)
                        return trib__fail(err, TRIB_SHAPE_MISMATCH, "%s is not a final shape",
                                          trib__shape_text(shape, text, sizeof(text)));
                is_too_large |=
                        __builtin_mul_overflow(count, (uint64_t)shape->dims[i], &count);
        }
        is_too_large |=
                __builtin_mul_overflow(count, (uint64_t)trib_dtype_size(shape->dtype), &size);
        if (is_too_large || size > UINT64_C(1) << 62)
                return trib__fail(err, TRIB_OVERFLOW, "%s takes more than 2^62 bytes",
                                  trib__shape_text(shape, text, sizeof(text)));
        if (elements != NULL)
                *elements = count;
        if (bytes != NULL)
                *bytes = size;
        return TRIB_OK;
}

/* One dimension against another where 1 is repeated; false if they do not go together. */
static bool merge_dim(int64_t a, int64_t b, int64_t *out)
{
        if (a == b || b == 1)
                *out = a;
        else if (a == 1 || a == TRIB__ANY)
                *out = b;
        else if (b == TRIB__ANY)
                *out = a;
        else
                return false;
        return true;
}

trib_status trib__shape_mismatch(const struct trib__node *node, const struct trib__shape *a,
                                 const struct trib__shape *b, const char *why, trib_error *err)
{
        char one[96], two[96];

        return trib__fail(err, TRIB_SHAPE_MISMATCH, "%s: %s and %s: %s", trib__op_name(node->op),
                          trib__shape_text(a, one, sizeof(one)),
                          trib__shape_text(b, two, sizeof(two)), why);
}

trib_status trib__shape_refuse(const struct trib__node *node, const struct trib__shape *a,
                               const char *why, trib_error *err)
{
        char text[96];

        return trib__fail(err, TRIB_SHAPE_MISMATCH, "%s: %s: %s", trib__op_name(node->op),
                          trib__shape_text(a, text, sizeof(text)), why);
}

bool trib__dims_agree(int64_t a, int64_t b)
{
        return a == b || a == TRIB__ANY || b == TRIB__ANY;
}

static trib_status infer_linear(const struct trib__node *node, const struct trib__shape *in,
                                struct trib__shape *out, trib_error *err)
{
        const struct trib__shape *x = &in[0], *w = &in[1], *b = &in[2];

        if (w->rank != 2)
                return trib__shape_mismatch(node, x, w,
                                            "weights are [out_features, in_features]", err);
        if (x->rank < 1)
                return trib__shape_mismatch(node, x, w,
                                            "the input needs at least one dimension", err);
        if (!trib__dims_agree(x->dims[x->rank - 1], w->dims[1]))
                return trib__shape_mismatch(node, x, w,
                                "the input's last dimension must be the weights' second", err);
        if (node->n_inputs > 2 && (b->rank != 1 || b->dims[0] != w->dims[0]))
                return trib__shape_mismatch(node, w, b, "the bias is [out_features]", err);
        *out = *x;
        out->dims[x->rank - 1] = w->dims[0];
        return TRIB_OK;
}

/* The result shape of aligning a and b at their ends, without their last `skip` dimensions. */
static bool broadcast(const struct trib__shape *a, const struct trib__shape *b, int32_t skip,
                      struct trib__shape *out)
{
        out->rank = a->rank > b->rank ? a->rank : b->rank;
        for (int32_t i = 1 + skip; i <= out->rank; i++) {
                int64_t da = i <= a->rank ? a->dims[a->rank - i] : 1;
                int64_t db = i <= b->rank ? b->dims[b->rank - i] : 1;

                if (!merge_dim(da, db, &out->dims[out->rank - i]))
                        return false;
        }
        return true;
}

static trib_status infer_matmul(const struct trib__node *node, const struct trib__shape *in,
                                struct trib__shape *out, trib_error *err)
{
        const struct trib__shape *a = &in[0], *b = &in[1];

        if (a->rank < 2 || b->rank < 2)
                return trib__shape_mismatch(node, a, b, "both need at least two dimensions", err);
        if (!trib__dims_agree(a->dims[a->rank - 1], b->dims[b->rank - 2]))
                return trib__shape_mismatch(node, a, b,
                                "the first's last dimension must be the second's last but one",
                                err);
        out->dtype = a->dtype;
        if (!broadcast(a, b, 2, out))
                return trib__shape_mismatch(node, a, b, "the leading dimensions differ", err);
        out->dims[out->rank - 2] = a->dims[a->rank - 2];
        out->dims[out->rank - 1] = b->dims[b->rank - 1];
        return TRIB_OK;
}

static trib_status infer_norm(const struct trib__node *node, const struct trib__shape *in,
                              struct trib__shape *out, trib_error *err)
{
        *out = in[0];
        if (in[0].rank < 1)
                return trib__fail(err, TRIB_SHAPE_MISMATCH, "%s: a scalar has no dimension",
                                  trib__op_name(node->op));
        if (node->op == TRIB__OP_SOFTMAX) {
                if (node->axis < -in[0].rank || node->axis >= in[0].rank)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "softmax: axis %d of a tensor of rank %d", node->axis,
                                          in[0].rank);
                return TRIB_OK;
        }
        for (uint32_t i = 1; i < node->n_inputs; i++) {
                if (in[i].rank != 1 ||
                    !trib__dims_agree(in[i].dims[0], in[0].dims[in[0].rank - 1]))
                        return trib__shape_mismatch(node, &in[0], &in[i],
                                        "scale and shift are as long as the last dimension",
                                        err);
        }
        return TRIB_OK;
}

static trib_status infer_user(const struct trib__node *node, const struct trib__shape *in,
                              struct trib__shape *out, trib_error *err)
{
        trib_tensor views[TRIB_MAX_OPERATOR_INPUTS];
        trib_tensor result;
        int         code;

        for (uint32_t i = 0; i < node->n_inputs; i++)
                views[i] = trib_tensor_from(in[i].dtype, NULL, in[i].rank, in[i].dims);
        memset(&result, 0, sizeof(result));
        trib__user_call_enter();
        code = node->user.infer_shape(node->user.context, views, (int)node->n_inputs, &result);
        trib__user_call_leave();
        if (code != 0)
                return trib__fail(err, TRIB_USER_OPERATOR,
                                  "operator '%s' refused the shapes with %d", node->user_name,
                                  code);
        if (result.rank < 0 || result.rank > TRIB_MAX_RANK || trib_dtype_size(result.dtype) == 0)
                return trib__fail(err, TRIB_USER_OPERATOR,
                                  "operator '%s' gave no valid shape: rank %d, dtype %d",
                                  node->user_name, result.rank, (int)result.dtype);
        out->dtype = result.dtype;
        out->rank = result.rank;
        for (int32_t i = 0; i < result.rank; i++) {
                if (result.shape[i] < 1)
                        return trib__fail(err, TRIB_USER_OPERATOR,
                                          "operator '%s' gave dimension %d as %lld",
                                          node->user_name, i, (long long)result.shape[i]);
                out->dims[i] = result.shape[i];
        }
        return TRIB_OK;
}

static trib_status check_dtypes(const struct trib__node *node, const struct trib__shape *in,
                                trib_error *err)
{
        bool takes_integers = node->op == TRIB__OP_ADD || node->op == TRIB__OP_MUL ||
                              node->op == TRIB__OP_RELU;

        for (uint32_t i = 1; i < node->n_inputs; i++) {
                if (in[i].dtype != in[0].dtype)
                        return trib__fail(err, TRIB_DTYPE_MISMATCH,
                                          "%s: operands are %s and %s, must be the same",
                                          trib__op_name(node->op), trib_dtype_name(in[0].dtype),
                                          trib_dtype_name(in[i].dtype));
        }
        if (!is_float(in[0].dtype) && (!takes_integers || in[0].dtype == TRIB_BOOL))
                return trib__fail(err, TRIB_DTYPE_MISMATCH, "%s does not take %s",
                                  trib__op_name(node->op), trib_dtype_name(in[0].dtype));
        return TRIB_OK;
}

trib_status trib__shape_infer(const struct trib__node *node, const struct trib__shape *inputs,
                              bool is_final, struct trib__shape *output, trib_error *err)
{
        trib_status status;
        bool        is_all_known = true;

        memset(output, 0, sizeof(*output));
        for (uint32_t i = 0; i < node->n_inputs; i++)
                is_all_known = is_all_known && is_known(&inputs[i]);
        if (!is_all_known ||
            (node->op == TRIB__OP_USER && node->user.infer_shape != NULL && !is_final)) {
                output->rank = -1;
                return TRIB_OK;
        }
        if (node->op == TRIB__OP_USER) {
                if (node->user.infer_shape != NULL)
                        return infer_user(node, inputs, output, err);
                *output = inputs[0];
                return TRIB_OK;
        }
        if (trib__is_matrix_op(node->op))
                return trib__shape_infer_matrix(node, inputs, output, err);
        status = check_dtypes(node, inputs, err);
        if (status != TRIB_OK)
                return status;
        switch (node->op) {
        case TRIB__OP_LINEAR:
                return infer_linear(node, inputs, output, err);
        case TRIB__OP_MATMUL:
                return infer_matmul(node, inputs, output, err);
        case TRIB__OP_ADD:
        case TRIB__OP_MUL:
                output->dtype = inputs[0].dtype;
                if (!broadcast(&inputs[0], &inputs[1], 0, output))
                        return trib__shape_mismatch(node, &inputs[0], &inputs[1],
                                        "dimensions must be equal or 1", err);
                return TRIB_OK;
        case TRIB__OP_ATTENTION:
                return trib__shape_infer_attention(node, inputs, output, err);
        case TRIB__OP_CONV2D:
                return trib__shape_infer_conv2d(node, inputs, output, err);
        case TRIB__OP_SOFTMAX:
        case TRIB__OP_LAYER_NORM:
                return infer_norm(node, inputs, output, err);
        default:
                *output = inputs[0];
                return TRIB_OK;
        }
}

double trib__shape_count(const struct trib__shape *shape)
{
        double count = 1;

        for (int32_t i = 0; i < shape->rank; i++)
                count *= (double)shape->dims[i];
        return count;
}

double trib__node_flops(const struct trib__node *node, const struct trib__shape *inputs,
                        const struct trib__shape *output)
{
        double count = trib__shape_count(output);

        if (trib__is_matrix_op(node->op))
                return trib__matrix_flops(node, inputs, output);
        switch (node->op) {
        case TRIB__OP_LINEAR:
                return count * (2.0 * (double)inputs[1].dims[1] + (node->n_inputs > 2 ? 1 : 0));
        case TRIB__OP_MATMUL:
                return count * 2.0 * (double)inputs[0].dims[inputs[0].rank - 1];
        case TRIB__OP_ATTENTION:
                return trib__attention_flops(node, inputs);
        case TRIB__OP_CONV2D:
                return count * (2 * trib__shape_count(&inputs[1]) / (double)inputs[1].dims[0] +
                                (node->n_inputs > 2 ? 1 : 0));
        case TRIB__OP_GELU_ERF:
        case TRIB__OP_GELU_TANH:
                return count * 6;
        case TRIB__OP_SIGMOID:
        case TRIB__OP_SOFTMAX:
                return count * 4;
        case TRIB__OP_LAYER_NORM:
                return count * 8;
        case TRIB__OP_USER:
                return node->user.flops;
        default:
                return count;
        }
}
