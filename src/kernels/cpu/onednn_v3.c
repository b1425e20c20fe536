/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_v3.c: what is particular to oneDNN 3.x. A memory descriptor is a handle that must be
 * destroyed, and each operator has one function that makes its primitive descriptor. No locks. */
#include "kernels/cpu/onednn_priv.h"

enum v3_own { MD_CREATE_TAG, MD_CREATE_STRIDES, MD_DESTROY, MATMUL, BINARY, ELTWISE, SOFTMAX, NORM,
              CONV, APPEND_ELTWISE };

static const char *const own_names[] = {
        [MD_CREATE_TAG] = "memory_desc_create_with_tag",
        [MD_CREATE_STRIDES] = "memory_desc_create_with_strides",
        [MD_DESTROY] = "memory_desc_destroy",
        [MATMUL] = "matmul_primitive_desc_create",
        [BINARY] = "binary_primitive_desc_create",
        [ELTWISE] = "eltwise_forward_primitive_desc_create",
        [SOFTMAX] = "softmax_forward_primitive_desc_create",
        [NORM] = "layer_normalization_forward_primitive_desc_create",
        [CONV] = "convolution_forward_primitive_desc_create",
        [APPEND_ELTWISE] = "post_ops_append_eltwise",
        NULL,
};

typedef struct trib__dnnl_pd           pd_t;
typedef struct trib__dnnl_engine       engine_t;
typedef const struct trib__dnnl_attr   attr_t;

typedef int (*md_create_tag_fn)(void **md, int rank, const int64_t *dims, int type, int tag);
typedef int (*md_create_strides_fn)(void **md, int rank, const int64_t *dims, int type,
                                    const int64_t *strides);
typedef int (*md_destroy_fn)(void *md);
typedef int (*matmul_fn)(pd_t **pd, engine_t *engine, const void *src, const void *weights,
                         const void *bias, const void *dst, attr_t *attr);
typedef int (*binary_fn)(pd_t **pd, engine_t *engine, int algorithm, const void *a, const void *b,
                         const void *dst, attr_t *attr);
typedef int (*eltwise_fn)(pd_t **pd, engine_t *engine, int propagation, int algorithm,
                          const void *src, const void *dst, float alpha, float beta,
                          attr_t *attr);
typedef int (*softmax_fn)(pd_t **pd, engine_t *engine, int propagation, int algorithm,
                          const void *src, const void *dst, int axis, attr_t *attr);
typedef int (*norm_fn)(pd_t **pd, engine_t *engine, int propagation, const void *src,
                       const void *dst, const void *statistics, float epsilon, unsigned flags,
                       attr_t *attr);
typedef int (*conv_fn)(pd_t **pd, engine_t *engine, int propagation, int algorithm,
                       const void *src, const void *weights, const void *bias, const void *dst,
                       const int64_t *strides, const int64_t *dilates, const int64_t *left,
                       const int64_t *right, attr_t *attr);
typedef int (*append_eltwise_fn)(struct trib__dnnl_post_ops *post_ops, int algorithm, float alpha,
                                 float beta);

#define SOFTMAX_ACCURATE 0x30000
#define CONV_DIRECT 1
#define USE_SCALE 0x2u
#define USE_SHIFT 0x4u

static int algorithm_of(enum trib__onednn_activation activation)
{
        switch (activation) {
        case TRIB__ONEDNN_RELU: return 0x20;
        case TRIB__ONEDNN_TANH: return 0x21;
        case TRIB__ONEDNN_SIGMOID: return 0x29;
        case TRIB__ONEDNN_GELU_TANH: return 0x2b;
        case TRIB__ONEDNN_GELU_ERF: return 0x31;
        case TRIB__ONEDNN_NONE: break;
        }
        return 0;
}

static int v3_md_init(const struct trib__onednn *lib, union trib__onednn_md *md,
                      const struct trib__onednn_layout *layout)
{
        md->handle = NULL;
        if (layout->is_any)
                return ((md_create_tag_fn)lib->own[MD_CREATE_TAG])(
                        &md->handle, layout->rank, layout->shape, layout->type,
                        TRIB__DNNL_TAG_ANY);
        return ((md_create_strides_fn)lib->own[MD_CREATE_STRIDES])(
                &md->handle, layout->rank, layout->shape, layout->type, layout->strides);
}

static void v3_md_fini(const struct trib__onednn *lib, union trib__onednn_md *md)
{
        (void)((md_destroy_fn)lib->own[MD_DESTROY])(md->handle);
}

static const void *v3_md_pointer(const union trib__onednn_md *md)
{
        return md->handle;
}

static int v3_pd_create(const struct trib__onednn *lib, const struct trib__onednn_op *op,
                        const struct trib__dnnl_attr *attr, struct trib__dnnl_pd **pd)
{
        engine_t      *engine = lib->engine;
        const int      inference = TRIB__DNNL_FORWARD_INFERENCE;
        const unsigned flags = (op->has_scale ? USE_SCALE : 0) | (op->has_shift ? USE_SHIFT : 0);

        switch (op->kind) {
        case TRIB__ONEDNN_OP_MATMUL:
                return ((matmul_fn)lib->own[MATMUL])(pd, engine, op->src, op->src1, op->bias,
                                                     op->dst, attr);
        case TRIB__ONEDNN_OP_BINARY:
                return ((binary_fn)lib->own[BINARY])(pd, engine, op->binary, op->src, op->src1,
                                                     op->dst, attr);
        case TRIB__ONEDNN_OP_ELTWISE:
                return ((eltwise_fn)lib->own[ELTWISE])(pd, engine, inference,
                                                       algorithm_of(op->activation), op->src,
                                                       op->dst, 0.0f, 0.0f, attr);
        case TRIB__ONEDNN_OP_SOFTMAX:
                return ((softmax_fn)lib->own[SOFTMAX])(pd, engine, inference, SOFTMAX_ACCURATE,
                                                       op->src, op->dst, op->axis, attr);
        case TRIB__ONEDNN_OP_LAYER_NORM:
                return ((norm_fn)lib->own[NORM])(pd, engine, inference, op->src, op->dst, NULL,
                                                 op->epsilon, flags, attr);
        case TRIB__ONEDNN_OP_CONV:
                return ((conv_fn)lib->own[CONV])(pd, engine, inference, CONV_DIRECT, op->src,
                                                 op->src1, op->bias, op->dst, op->strides,
                                                 op->dilates, op->padding, op->padding, attr);
        }
        return TRIB__DNNL_INVALID_ARGUMENTS;
}

static int v3_append_activation(const struct trib__onednn   *lib,
                                struct trib__dnnl_post_ops  *post_ops,
                                enum trib__onednn_activation activation)
{
        return ((append_eltwise_fn)lib->own[APPEND_ELTWISE])(post_ops, algorithm_of(activation),
                                                             0.0f, 0.0f);
}

static const char *v3_isa_name(int isa)
{
        switch (isa) {
        case 0x1: return "sse41";
        case 0x3: return "avx";
        case 0x7: return "avx2";
        case 0xf: return "avx2_vnni";
        case 0x1f: return "avx2_vnni_2";
        case 0x27: return "avx512_core";
        case 0x67: return "avx512_core_vnni";
        case 0xe7: return "avx512_core_bf16";
        case 0x1ef: return "avx512_core_fp16";
        case 0xfef: return "avx512_core_amx";
        case 0x1fef: return "avx512_core_amx_fp16";
        default: return "other";
        }
}

const struct trib__onednn_abi trib__onednn_v3 = {
        .major = 3,
        .minor_least = 0,
        .own_names = own_names,
        .isa_amx = 0xfef,
        .md_init = v3_md_init,
        .md_fini = v3_md_fini,
        .md_pointer = v3_md_pointer,
        .pd_create = v3_pd_create,
        .append_activation = v3_append_activation,
        .isa_name = v3_isa_name,
};
