/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_elementwise.c: the operators that touch each element a few times: binary with repetition
 * ("broadcasting"), activations, softmax and layer norm. No locks. */
#include "kernels/cpu/onednn_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- binary ----------------------------------------------------------------------------- */

/* A binary operator with neighbouring dimensions that behave alike merged into one, which is how
 * the library's fast kernels recognise it: [8,16,32]+[1,1,32] becomes [128,32]+[1,32]. */
struct merged {
        int     rank;
        int64_t a[TRIB__ONEDNN_MAX_RANK];
        int64_t b[TRIB__ONEDNN_MAX_RANK];
};

enum repetition { NONE_REPEATED, A_REPEATED, B_REPEATED };

static enum repetition repetition_of(int64_t a, int64_t b)
{
        if (a == b)
                return NONE_REPEATED;
        return a == 1 ? A_REPEATED : B_REPEATED;
}

static struct merged merge(const struct trib__onednn_binary_params *p)
{
        struct merged   m = { 0 };
        enum repetition last = NONE_REPEATED;

        for (int i = 0; i < p->rank; i++) {
                enum repetition now = repetition_of(p->a_shape[i], p->b_shape[i]);

                if (p->a_shape[i] == 1 && p->b_shape[i] == 1)
                        continue;
                if (m.rank > 0 && now == last) {
                        m.a[m.rank - 1] *= p->a_shape[i];
                        m.b[m.rank - 1] *= p->b_shape[i];
                        continue;
                }
                m.a[m.rank] = p->a_shape[i];
                m.b[m.rank] = p->b_shape[i];
                m.rank++;
                last = now;
        }
        if (m.rank == 0) {
                m.a[0] = m.b[0] = 1;
                m.rank = 1;
        }
        return m;
}

static bool repeats(int rank, const int64_t *mine, const int64_t *other)
{
        for (int i = 0; i < rank; i++)
                if (mine[i] < other[i])
                        return true;
        return false;
}

static trib_status binary_check(const struct trib__onednn_binary_params *p, trib_error *err)
{
        int64_t     dst[TRIB__ONEDNN_MAX_RANK];
        trib_status status;

        if (p->op != TRIB__ONEDNN_ADD && p->op != TRIB__ONEDNN_MUL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "binary: operation %d is none",
                                  (int)p->op);
        if (p->rank < 1 || p->rank > TRIB__ONEDNN_MAX_RANK)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "binary: rank is %d, must be 1..%d",
                                  p->rank, TRIB__ONEDNN_MAX_RANK);
        status = trib__onednn_check_shape("binary's first operand", p->rank, p->a_shape, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("binary's second operand", p->rank, p->b_shape,
                                                  err);
        if (status != TRIB_OK)
                return status;
        for (int i = 0; i < p->rank; i++) {
                const int64_t a = p->a_shape[i], b = p->b_shape[i];

                if (a != b && a != 1 && b != 1)
                        return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                          "binary: dimension %d is %lld and %lld; they must be "
                                          "equal, or one of them 1",
                                          i, (long long)a, (long long)b);
                dst[i] = a > b ? a : b;
        }
        return trib__onednn_check_shape("binary's result", p->rank, dst, err);
}

static trib_status binary_build(struct trib__onednn_prim                *prim,
                                const struct trib__onednn_binary_params *params, int type,
                                trib_error *err)
{
        const struct merged m = merge(params);
        /* The library repeats its second operand only; both operations commute. */
        const bool                 is_swapped = repeats(m.rank, m.a, m.b);
        struct trib__onednn_mds    mds = { .lib = prim->lib };
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_BINARY };
        struct trib__onednn_layout layout;
        trib_status                status;
        int64_t                    dst[TRIB__ONEDNN_MAX_RANK];

        if (is_swapped && repeats(m.rank, m.b, m.a))
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: it cannot repeat both operands of one operation");
        for (int i = 0; i < m.rank; i++)
                dst[i] = m.a[i] > m.b[i] ? m.a[i] : m.b[i];
        op.binary = params->op == TRIB__ONEDNN_ADD ? TRIB__DNNL_BINARY_ADD
                                                   : TRIB__DNNL_BINARY_MUL;
        layout = trib__onednn_dense(type, m.rank, is_swapped ? m.b : m.a);
        status = trib__onednn_mds_add(&mds, &layout, &op.src, err);
        layout = trib__onednn_dense(type, m.rank, is_swapped ? m.a : m.b);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.src1, err);
        layout = trib__onednn_dense(type, m.rank, dst);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.dst, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_build(prim, &op, TRIB__ONEDNN_NONE, err);
        trib__onednn_mds_free(&mds);
        if (status != TRIB_OK)
                return status;
        trib__onednn_prim_add_input(prim, is_swapped ? TRIB__DNNL_ARG_SRC_1 : TRIB__DNNL_ARG_SRC);
        trib__onednn_prim_add_input(prim, is_swapped ? TRIB__DNNL_ARG_SRC : TRIB__DNNL_ARG_SRC_1);
        return TRIB_OK;
}

trib_status trib__onednn_binary_create(struct trib__onednn *lib,
                                       const struct trib__onednn_binary_params *params,
                                       struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_prim *prim;
        int                       type = 0, previous;
        trib_status               status = binary_check(params, err);

        *out = NULL;
        if (status == TRIB_OK)
                status = trib__onednn_type(params->dtype, &type, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_start(lib, &prim, err);
        if (status != TRIB_OK)
                return status;
        previous = trib__onednn_enter(lib);
        status = binary_build(prim, params, type, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}

/* ---- one tensor in, one of the same shape out ------------------------------------------- */

/* Build `op` over a dense tensor; its one descriptor serves as source and destination. */
static trib_status unary_build(struct trib__onednn_prim *prim, struct trib__onednn_op *op,
                               const struct trib__onednn_layout *layout, trib_error *err)
{
        struct trib__onednn_mds mds = { .lib = prim->lib };
        trib_status             status = trib__onednn_mds_add(&mds, layout, &op->src, err);

        op->dst = op->src;
        if (status == TRIB_OK)
                status = trib__onednn_prim_build(prim, op, TRIB__ONEDNN_NONE, err);
        trib__onednn_mds_free(&mds);
        if (status == TRIB_OK)
                trib__onednn_prim_add_input(prim, TRIB__DNNL_ARG_SRC);
        return status;
}

/* Everything of eltwise and softmax that follows the check of their parameters. */
static trib_status unary_create(struct trib__onednn *lib, struct trib__onednn_op *op,
                                const struct trib__onednn_layout *layout,
                                struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_prim *prim;
        trib_status               status = trib__onednn_prim_start(lib, &prim, err);
        int                       previous;

        if (status != TRIB_OK)
                return status;
        previous = trib__onednn_enter(lib);
        status = unary_build(prim, op, layout, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}

trib_status trib__onednn_eltwise_create(struct trib__onednn *lib,
                                        const struct trib__onednn_eltwise_params *params,
                                        struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_ELTWISE };
        struct trib__onednn_layout layout;
        int                        type = 0;
        trib_status status = trib__onednn_check_shape("eltwise's operand", 1, &params->count, err);

        *out = NULL;
        if (status == TRIB_OK && (params->activation <= TRIB__ONEDNN_NONE ||
                                  params->activation > TRIB__ONEDNN_SIGMOID))
                status = trib__fail(err, TRIB_INVALID_ARGUMENT, "eltwise: activation %d is none",
                                    (int)params->activation);
        if (status == TRIB_OK)
                status = trib__onednn_type(params->dtype, &type, err);
        if (status != TRIB_OK)
                return status;
        op.activation = params->activation;
        layout = trib__onednn_dense(type, 1, &params->count);
        return unary_create(lib, &op, &layout, out, err);
}

trib_status trib__onednn_softmax_create(struct trib__onednn *lib,
                                        const struct trib__onednn_softmax_params *params,
                                        struct trib__onednn_prim **out, trib_error *err)
{
        const int64_t shape[] = { params->outer, params->axis, params->inner };
        const int     rank = params->inner == 1 ? 2 : 3;
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_SOFTMAX, .axis = 1 };
        struct trib__onednn_layout layout;
        int                        type = 0;
        trib_status status = trib__onednn_check_shape("softmax's operand", 3, shape, err);

        *out = NULL;
        if (status == TRIB_OK)
                status = trib__onednn_type(params->dtype, &type, err);
        if (status != TRIB_OK)
                return status;
        layout = trib__onednn_dense(type, rank, shape);
        return unary_create(lib, &op, &layout, out, err);
}

/* ---- layer norm ------------------------------------------------------------------------- */

static float from_f16(uint16_t bits)
{
        const uint32_t exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
        const float    sign = (bits & 0x8000u) != 0 ? -1.0f : 1.0f;
        const uint32_t special = 0x7f800000u | fraction << 13;
        float          value;

        if (exponent == 0x1f)
                memcpy(&value, &special, sizeof(value));
        else if (exponent == 0)
                value = (float)fraction * 0x1p-24f;
        else
                value = (float)(fraction | 0x400u) * 0x1p-25f * (float)(1u << exponent);
        return sign * value;
}

/* Scale and shift are f32 for the library, whatever the type of the tensor. */
static void widen(trib_dtype dtype, const void *from, float *to, int64_t count)
{
        uint16_t bits;
        uint32_t wide;

        if (dtype == TRIB_F32) {
                memcpy(to, from, (size_t)count * sizeof(float));
                return;
        }
        for (int64_t i = 0; i < count; i++) {
                memcpy(&bits, (const char *)from + 2 * i, sizeof(bits));
                wide = (uint32_t)bits << 16;
                if (dtype == TRIB_F16)
                        to[i] = from_f16(bits);
                else
                        memcpy(&to[i], &wide, sizeof(wide));
        }
}

static trib_status add_parameter(struct trib__onednn_prim *prim, int arg,
                                 const struct trib__onednn_layer_norm_params *params,
                                 const void *data, trib_error *err)
{
        float *copy;

        if (data == NULL)
                return TRIB_OK;
        copy = trib__aligned("onednn.norm_parameter", TRIB__ONEDNN_ALIGNMENT,
                             (size_t)params->cols * sizeof(float));
        if (copy == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "onednn: no memory left for a layer norm's parameters");
        widen(params->dtype, data, copy, params->cols);
        return trib__onednn_prim_add_constant(prim, arg, copy, true, err);
}

static trib_status layer_norm_build(struct trib__onednn_prim                    *prim,
                                    const struct trib__onednn_layer_norm_params *params, int type,
                                    trib_error *err)
{
        const int64_t              shape[] = { params->rows, params->cols };
        struct trib__onednn_layout layout = trib__onednn_dense(type, 2, shape);
        struct trib__onednn_op     op = {
                    .kind = TRIB__ONEDNN_OP_LAYER_NORM,
                    .epsilon = params->epsilon,
                    .has_scale = params->scale != NULL,
                    .has_shift = params->shift != NULL,
        };
        trib_status status = unary_build(prim, &op, &layout, err);

        if (status == TRIB_OK)
                status = add_parameter(prim, TRIB__DNNL_ARG_SCALE, params, params->scale, err);
        if (status == TRIB_OK)
                status = add_parameter(prim, TRIB__DNNL_ARG_SHIFT, params, params->shift, err);
        return status;
}

trib_status trib__onednn_layer_norm_create(struct trib__onednn *lib,
                                           const struct trib__onednn_layer_norm_params *params,
                                           struct trib__onednn_prim **out, trib_error *err)
{
        const int64_t             shape[] = { params->rows, params->cols };
        struct trib__onednn_prim *prim;
        int                       type = 0, previous;
        trib_status status = trib__onednn_check_shape("layer norm's operand", 2, shape, err);

        *out = NULL;
        if (status == TRIB_OK && !(params->epsilon >= 0.0f))
                status = trib__fail(err, TRIB_INVALID_ARGUMENT,
                                    "layer norm: epsilon is %g, must not be negative",
                                    (double)params->epsilon);
        if (status == TRIB_OK)
                status = trib__onednn_type(params->dtype, &type, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_start(lib, &prim, err);
        if (status != TRIB_OK)
                return status;
        previous = trib__onednn_enter(lib);
        status = layer_norm_build(prim, params, type, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}
