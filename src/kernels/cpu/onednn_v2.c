/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_v2.c: what is particular to oneDNN 2.x, from 2.6 on. A memory descriptor is a struct by
 * value, and an operator is described by another struct before its primitive descriptor is made.
 * We hold both as buffers that are larger than the structs, and never look inside. No locks. */
#include "kernels/cpu/onednn_priv.h"

enum v2_own { MD_INIT_TAG, MD_INIT_STRIDES, PD_CREATE, MATMUL, BINARY, ELTWISE, SOFTMAX, NORM,
              CONV, APPEND_ELTWISE };

static const char *const own_names[] = {
        [MD_INIT_TAG] = "memory_desc_init_by_tag",
        [MD_INIT_STRIDES] = "memory_desc_init_by_strides",
        [PD_CREATE] = "primitive_desc_create",
        [MATMUL] = "matmul_desc_init",
        [BINARY] = "binary_desc_init",
        [ELTWISE] = "eltwise_forward_desc_init",
        [SOFTMAX] = "softmax_forward_desc_init",
        [NORM] = "layer_normalization_forward_desc_init",
        [CONV] = "dilated_convolution_forward_desc_init",
        [APPEND_ELTWISE] = "post_ops_append_eltwise",
        NULL,
};

/* An operator descriptor. The largest of those that we use, convolution's, has 5,976 bytes in
 * 2.6. */
union op_desc {
        uint64_t room[1024];
};

typedef int (*md_init_tag_fn)(void *md, int rank, const int64_t *dims, int type, int tag);
typedef int (*md_init_strides_fn)(void *md, int rank, const int64_t *dims, int type,
                                  const int64_t *strides);
typedef int (*pd_create_fn)(struct trib__dnnl_pd **pd, const void *op,
                            const struct trib__dnnl_attr *attr, struct trib__dnnl_engine *engine,
                            const struct trib__dnnl_pd *hint);
typedef int (*matmul_fn)(void *op, const void *src, const void *weights, const void *bias,
                         const void *dst);
typedef int (*binary_fn)(void *op, int algorithm, const void *a, const void *b, const void *dst);
typedef int (*eltwise_fn)(void *op, int propagation, int algorithm, const void *data, float alpha,
                          float beta);
typedef int (*softmax_fn)(void *op, int propagation, const void *data, int axis);
typedef int (*norm_fn)(void *op, int propagation, const void *data, const void *statistics,
                       float epsilon, unsigned flags);
typedef int (*conv_fn)(void *op, int propagation, int algorithm, const void *src,
                       const void *weights, const void *bias, const void *dst,
                       const int64_t *strides, const int64_t *dilates, const int64_t *left,
                       const int64_t *right);
typedef int (*append_eltwise_fn)(struct trib__dnnl_post_ops *post_ops, float scale, int algorithm,
                                 float alpha, float beta);

#define CONV_DIRECT 1
#define USE_SCALE 0x8u
#define USE_SHIFT 0x10u

static int algorithm_of(enum trib__onednn_activation activation)
{
        switch (activation) {
        case TRIB__ONEDNN_RELU: return 0x1f;
        case TRIB__ONEDNN_TANH: return 0x2f;
        case TRIB__ONEDNN_GELU_ERF: return 0x30;
        case TRIB__ONEDNN_SIGMOID: return 0xaf;
        case TRIB__ONEDNN_GELU_TANH: return 0xcf;
        case TRIB__ONEDNN_NONE: break;
        }
        return 0;
}

static int v2_md_init(const struct trib__onednn *lib, union trib__onednn_md *md,
                      const struct trib__onednn_layout *layout)
{
        if (layout->is_any)
                return ((md_init_tag_fn)lib->own[MD_INIT_TAG])(
                        md, layout->rank, layout->shape, layout->type, TRIB__DNNL_TAG_ANY);
        return ((md_init_strides_fn)lib->own[MD_INIT_STRIDES])(md, layout->rank, layout->shape,
                                                               layout->type, layout->strides);
}

static void v2_md_fini(const struct trib__onednn *lib, union trib__onednn_md *md)
{
        (void)lib;
        (void)md;
}

static const void *v2_md_pointer(const union trib__onednn_md *md)
{
        return md;
}

static int describe(const struct trib__onednn *lib, const struct trib__onednn_op *op,
                    union op_desc *desc)
{
        const int      inference = TRIB__DNNL_FORWARD_INFERENCE;
        const unsigned flags = (op->has_scale ? USE_SCALE : 0) | (op->has_shift ? USE_SHIFT : 0);

        switch (op->kind) {
        case TRIB__ONEDNN_OP_MATMUL:
                return ((matmul_fn)lib->own[MATMUL])(desc, op->src, op->src1, op->bias, op->dst);
        case TRIB__ONEDNN_OP_BINARY:
                return ((binary_fn)lib->own[BINARY])(desc, op->binary, op->src, op->src1,
                                                     op->dst);
        case TRIB__ONEDNN_OP_ELTWISE:
                return ((eltwise_fn)lib->own[ELTWISE])(
                        desc, inference, algorithm_of(op->activation), op->src, 0.0f, 0.0f);
        case TRIB__ONEDNN_OP_SOFTMAX:
                return ((softmax_fn)lib->own[SOFTMAX])(desc, inference, op->src, op->axis);
        case TRIB__ONEDNN_OP_LAYER_NORM:
                return ((norm_fn)lib->own[NORM])(desc, inference, op->src, NULL, op->epsilon,
                                                 flags);
        case TRIB__ONEDNN_OP_CONV:
                return ((conv_fn)lib->own[CONV])(desc, inference, CONV_DIRECT, op->src, op->src1,
                                                 op->bias, op->dst, op->strides, op->dilates,
                                                 op->padding, op->padding);
        }
        return TRIB__DNNL_INVALID_ARGUMENTS;
}

static int v2_pd_create(const struct trib__onednn *lib, const struct trib__onednn_op *op,
                        const struct trib__dnnl_attr *attr, struct trib__dnnl_pd **pd)
{
        union op_desc desc = { { 0 } };
        int           status = describe(lib, op, &desc);

        if (status != TRIB__DNNL_SUCCESS)
                return status;
        return ((pd_create_fn)lib->own[PD_CREATE])(pd, &desc, attr, lib->engine, NULL);
}

static int v2_append_activation(const struct trib__onednn   *lib,
                                struct trib__dnnl_post_ops  *post_ops,
                                enum trib__onednn_activation activation)
{
        return ((append_eltwise_fn)lib->own[APPEND_ELTWISE])(
                post_ops, 1.0f, algorithm_of(activation), 0.0f, 0.0f);
}

static const char *v2_isa_name(int isa)
{
        switch (isa) {
        case 0x1: return "sse41";
        case 0x3: return "avx";
        case 0x7: return "avx2";
        case 0x407: return "avx2_vnni";
        case 0x27: return "avx512_core";
        case 0x67: return "avx512_core_vnni";
        case 0xe7: return "avx512_core_bf16";
        case 0x3e7: return "avx512_core_amx";
        default: return "other";
        }
}

const struct trib__onednn_abi trib__onednn_v2 = {
        .major = 2,
        .minor_least = 6,
        .own_names = own_names,
        .isa_amx = 0x3e7,
        .md_init = v2_md_init,
        .md_fini = v2_md_fini,
        .md_pointer = v2_md_pointer,
        .pd_create = v2_pd_create,
        .append_activation = v2_append_activation,
        .isa_name = v2_isa_name,
};
