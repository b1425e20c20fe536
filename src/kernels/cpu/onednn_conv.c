/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_conv.c: two-dimensional convolution with constant weights, packed once; src and dst are
 * row-major, as requests have them. Grouped weights have one dimension more. No locks. */
#include "kernels/cpu/onednn_priv.h"

#include "base/error.h"

struct shapes {
        int64_t src[4], dst[4], weights[5], bias;
        int     weights_rank;
};

static struct shapes shapes_of(const struct trib__onednn_conv2d_params *p)
{
        const int64_t groups = p->geometry.groups;
        struct shapes s = {
                .src = { p->batch, p->in_channels, p->in[0], p->in[1] },
                .dst = { p->batch, p->out_channels, p->out[0], p->out[1] },
                .weights = { groups, p->out_channels / groups, p->in_channels / groups,
                             p->kernel[0], p->kernel[1] },
                .bias = p->out_channels,
                .weights_rank = groups == 1 ? 4 : 5,
        };

        return s;
}

static trib_status describe(struct trib__onednn_prim                *prim,
                            const struct trib__onednn_conv2d_params *p, int inner_type,
                            int outer_type, trib_error *err)
{
        struct shapes              s = shapes_of(p);
        struct trib__onednn_layout layout = trib__onednn_dense(inner_type, 4, s.src);
        struct trib__onednn_mds    mds = { .lib = prim->lib };
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_CONV };
        trib_status                status = trib__onednn_mds_add(&mds, &layout, &op.src, err);

        for (int i = 0; i < 2; i++) {
                op.strides[i] = p->geometry.stride[i];
                op.dilates[i] = p->geometry.dilation[i] - 1;
                op.padding[i] = p->geometry.padding[i];
        }
        layout = trib__onednn_dense(inner_type, s.weights_rank,
                                    s.weights + (5 - s.weights_rank));
        layout.is_any = true;
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.src1, err);
        layout = trib__onednn_dense(outer_type, 1, &s.bias);
        if (status == TRIB_OK && p->bias != NULL)
                status = trib__onednn_mds_add(&mds, &layout, &op.bias, err);
        layout = trib__onednn_dense(outer_type, 4, s.dst);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.dst, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_build(prim, &op, p->activation, err);
        trib__onednn_mds_free(&mds);
        return status;
}

static trib_status build(struct trib__onednn_prim *prim,
                         const struct trib__onednn_conv2d_params *p, int inner_type,
                         trib_error *err)
{
        struct shapes              s = shapes_of(p);
        int                        outer_type;
        struct trib__onednn_layout given;
        trib_status                status = trib__onednn_type(p->dtype, &outer_type, err);

        if (status == TRIB_OK)
                status = describe(prim, p, inner_type, outer_type, err);
        if (status == TRIB_OK)
                status = trib__onednn_add_operand(prim, TRIB__DNNL_ARG_SRC, p->precision,
                                                  s.src[0] * s.src[1] * s.src[2] * s.src[3], err);
        if (status != TRIB_OK)
                return status;
        given = trib__onednn_dense(outer_type, s.weights_rank, s.weights + (5 - s.weights_rank));
        status = trib__onednn_prim_add_weights(prim, &given, p->weights, p->donor, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_add_bias(prim, p->dtype, p->out_channels, p->bias,
                                                    err);
        return status;
}

/* oneDNN counts in 32 bits, and reads beyond its tensors where that overflows. */
#define STEP_MOST 1024

static bool is_moderate(const struct trib__conv2d *g)
{
        for (int i = 0; i < 2; i++)
                if (g->stride[i] > STEP_MOST || g->padding[i] > STEP_MOST ||
                    g->dilation[i] > STEP_MOST)
                        return false;
        return true;
}

static trib_status check(const struct trib__onednn_conv2d_params *p, trib_error *err)
{
        struct shapes s;
        trib_status   status;

        if (p->geometry.groups < 1 || p->in_channels % p->geometry.groups != 0 ||
            p->out_channels % p->geometry.groups != 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "conv2d: %lld groups do not divide the channels",
                                  (long long)p->geometry.groups);
        if (p->weights == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "conv2d: weights are missing");
        if (!is_moderate(&p->geometry))
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "conv2d: a stride, padding or dilation is above %d, which oneDNN "
                                  "may not hold: use the reference kernel", STEP_MOST);
        s = shapes_of(p);
        status = trib__onednn_check_shape("conv2d's source", 4, s.src, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("conv2d's weights", 5, s.weights, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("conv2d's result", 4, s.dst, err);
        return status;
}

trib_status trib__onednn_conv2d_create(struct trib__onednn *lib,
                                       const struct trib__onednn_conv2d_params *params,
                                       struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_prim *prim;
        trib_status               status = check(params, err);
        int                       type = 0, previous;

        *out = NULL;
        if (status == TRIB_OK)
                status = trib__onednn_operand_type(lib, params->dtype, params->precision, &type,
                                                   err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_start(lib, &prim, err);
        if (status != TRIB_OK)
                return status;
        previous = trib__onednn_enter(lib);
        status = build(prim, params, type, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}
