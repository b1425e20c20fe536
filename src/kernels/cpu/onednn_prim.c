/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_prim.c: what all primitives have in common: making and unmaking them, and their list of
 * arguments. An argument ("slot") is given by each run, lies in the run's scratch, or is constant;
 * constants have one memory object for all threads, which only read it. No locks. */
#include "kernels/cpu/onednn_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

trib_status trib__onednn_type(trib_dtype dtype, int *type, trib_error *err)
{
        switch (dtype) {
        case TRIB_F32:
                *type = TRIB__DNNL_F32;
                return TRIB_OK;
        case TRIB_BF16:
                *type = TRIB__DNNL_BF16;
                return TRIB_OK;
        case TRIB_F16:
                *type = TRIB__DNNL_F16;
                return TRIB_OK;
        default:
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: dtype %d has no kernel; f32, bf16 and f16 may",
                                  (int)dtype);
        }
}

trib_status trib__onednn_check_shape(const char *what, int rank, const int64_t *shape,
                                     trib_error *err)
{
        int64_t bytes = (int64_t)sizeof(float);

        for (int i = 0; i < rank; i++) {
                if (shape[i] < 1)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "onednn: dimension %d of %s is %lld, must be positive",
                                          i, what, (long long)shape[i]);
                if (__builtin_mul_overflow(bytes, shape[i], &bytes))
                        return trib__fail(err, TRIB_OVERFLOW,
                                          "onednn: %s has more elements than memory can hold",
                                          what);
        }
        return TRIB_OK;
}

struct trib__onednn_layout trib__onednn_dense(int type, int rank, const int64_t *shape)
{
        struct trib__onednn_layout layout = { .rank = rank, .type = type };
        int64_t                    stride = 1;

        for (int i = rank - 1; i >= 0; i--) {
                layout.shape[i] = shape[i];
                layout.strides[i] = stride;
                stride *= shape[i];
        }
        return layout;
}

trib_status trib__onednn_mds_add(struct trib__onednn_mds          *mds,
                                 const struct trib__onednn_layout *layout, const void **pointer,
                                 trib_error *err)
{
        union trib__onednn_md *md = &mds->md[mds->count];
        int                    failed;

        failed = TRIB__ONEDNN_CALL("memory_desc",
                                   mds->lib->abi->md_init(mds->lib, md, layout));
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "the description of a tensor", err);
        *pointer = mds->lib->abi->md_pointer(md);
        mds->count++;
        return TRIB_OK;
}

void trib__onednn_mds_free(struct trib__onednn_mds *mds)
{
        while (mds->count > 0)
                mds->lib->abi->md_fini(mds->lib, &mds->md[--mds->count]);
}

const void *trib__onednn_arg_md(const struct trib__onednn_prim *prim, int arg)
{
        return prim->lib->api.primitive_desc_query_md(prim->pd, TRIB__DNNL_QUERY_ARGUMENT_MD,
                                                      arg);
}

/* ---- slots ------------------------------------------------------------------------------ */

static struct trib__onednn_slot *add_slot(struct trib__onednn_prim *prim, int arg,
                                          enum trib__onednn_source source)
{
        struct trib__onednn_slot *slot = &prim->slots[prim->slot_count++];

        slot->arg = arg;
        slot->source = source;
        return slot;
}

/* Take `bytes` more of the run's scratch, at the next aligned offset. */
static trib_status reserve_scratch(struct trib__onednn_prim *prim, size_t bytes, size_t *offset,
                                   trib_error *err)
{
        const size_t mask = TRIB__ONEDNN_ALIGNMENT - 1;
        size_t       total;

        *offset = prim->info.scratch_bytes;
        if (__builtin_add_overflow(*offset, bytes, &total) ||
            __builtin_add_overflow(total, mask, &total))
                return trib__fail(err, TRIB_OVERFLOW, "onednn: the scratch memory is too large");
        prim->info.scratch_bytes = total & ~mask;
        return TRIB_OK;
}

void trib__onednn_prim_add_input(struct trib__onednn_prim *prim, int arg)
{
        struct trib__onednn_slot *slot = add_slot(prim, arg, TRIB__ONEDNN_INPUT);

        slot->index = prim->info.input_count++;
}

trib_status trib__onednn_prim_add_rounded(struct trib__onednn_prim *prim, int arg, size_t count,
                                          trib_error *err)
{
        struct trib__onednn_slot *slot = add_slot(prim, arg, TRIB__ONEDNN_INPUT_ROUNDED);

        slot->count = count;
        slot->index = prim->info.input_count++;
        return reserve_scratch(prim, count * sizeof(uint16_t), &slot->offset, err);
}

trib_status trib__onednn_prim_add_constant(struct trib__onednn_prim *prim, int arg, void *data,
                                           bool is_owned, trib_error *err)
{
        struct trib__onednn       *lib = prim->lib;
        struct trib__onednn_slot *slot = add_slot(prim, arg, TRIB__ONEDNN_CONSTANT);
        int                        failed;

        slot->data = is_owned ? data : NULL;
        failed = TRIB__ONEDNN_CALL("memory_create",
                                   lib->api.memory_create(&slot->memory,
                                                          trib__onednn_arg_md(prim, arg),
                                                          lib->engine, data));
        if (failed == TRIB__DNNL_SUCCESS)
                return TRIB_OK;
        slot->memory = NULL;
        return trib__onednn_failed(failed, "the memory object of a constant", err);
}

/* ---- the primitive ---------------------------------------------------------------------- */

trib_status trib__onednn_prim_start(struct trib__onednn *lib, struct trib__onednn_prim **prim,
                                    trib_error *err)
{
        *prim = trib__calloc("onednn.primitive", 1, sizeof(**prim));
        if (*prim == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "onednn: no memory left for a primitive");
        (*prim)->lib = lib;
        (*prim)->info.implementation = "?";
        return TRIB_OK;
}

trib_status trib__onednn_prim_finish(struct trib__onednn_prim *prim, trib_status status,
                                     struct trib__onednn_prim **out)
{
        if (status != TRIB_OK) {
                trib__onednn_prim_destroy(prim);
                prim = NULL;
        }
        *out = prim;
        return status;
}

static trib_status set_post_op(struct trib__onednn *lib, struct trib__dnnl_attr *attr,
                               enum trib__onednn_activation post_op, trib_error *err)
{
        struct trib__dnnl_post_ops *post_ops = NULL;
        int                         failed;

        failed = TRIB__ONEDNN_CALL("post_ops_create", lib->api.post_ops_create(&post_ops));
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "an activation", err);
        failed = TRIB__ONEDNN_CALL("post_ops_append",
                                   lib->abi->append_activation(lib, post_ops, post_op));
        if (failed == TRIB__DNNL_SUCCESS)
                failed = TRIB__ONEDNN_CALL("set_post_ops", lib->api.primitive_attr_set_post_ops(
                                                                   attr, post_ops));
        (void)lib->api.post_ops_destroy(post_ops);
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "an activation", err);
        return TRIB_OK;
}

/* The attributes of every primitive: scratch memory comes from us, because memory of the library
 * would make one primitive unusable by two threads. */
static trib_status make_attr(struct trib__onednn *lib, enum trib__onednn_activation post_op,
                             struct trib__dnnl_attr **attr, trib_error *err)
{
        trib_status status = TRIB_OK;
        int         failed;

        failed = TRIB__ONEDNN_CALL("attr_create", lib->api.primitive_attr_create(attr));
        if (failed != TRIB__DNNL_SUCCESS) {
                *attr = NULL;
                return trib__onednn_failed(failed, "the attributes of a primitive", err);
        }
        failed = TRIB__ONEDNN_CALL("set_scratchpad_mode",
                                   lib->api.primitive_attr_set_scratchpad_mode(
                                           *attr, TRIB__DNNL_SCRATCHPAD_USER));
        if (failed != TRIB__DNNL_SUCCESS)
                status = trib__onednn_failed(failed, "scratch memory of the caller", err);
        else if (post_op != TRIB__ONEDNN_NONE)
                status = set_post_op(lib, *attr, post_op, err);
        return status;
}

static const char *kind_text(enum trib__onednn_op_kind kind)
{
        switch (kind) {
        case TRIB__ONEDNN_OP_MATMUL: return "a matmul of these types";
        case TRIB__ONEDNN_OP_BINARY: return "this elementwise operation on two tensors";
        case TRIB__ONEDNN_OP_ELTWISE: return "this elementwise operation";
        case TRIB__ONEDNN_OP_SOFTMAX: return "this softmax";
        case TRIB__ONEDNN_OP_LAYER_NORM: return "this layer norm";
        case TRIB__ONEDNN_OP_CONV: return "this convolution";
        }
        return "?";
}

static trib_status add_common_slots(struct trib__onednn_prim *prim, trib_error *err)
{
        struct trib__onednn      *lib = prim->lib;
        const void               *scratch = trib__onednn_arg_md(prim, TRIB__DNNL_ARG_SCRATCHPAD);
        size_t                    bytes = 0;
        struct trib__onednn_slot *slot;

        (void)add_slot(prim, TRIB__DNNL_ARG_DST, TRIB__ONEDNN_OUTPUT);
        if (scratch != NULL)
                bytes = lib->api.memory_desc_get_size(scratch);
        if (bytes == 0)
                return TRIB_OK;
        slot = add_slot(prim, TRIB__DNNL_ARG_SCRATCHPAD, TRIB__ONEDNN_SCRATCH);
        return reserve_scratch(prim, bytes, &slot->offset, err);
}

trib_status trib__onednn_prim_build(struct trib__onednn_prim *prim,
                                    const struct trib__onednn_op *op,
                                    enum trib__onednn_activation post_op, trib_error *err)
{
        struct trib__onednn    *lib = prim->lib;
        struct trib__dnnl_attr *attr = NULL;
        const char             *text = NULL;
        trib_status             status = make_attr(lib, post_op, &attr, err);
        int                     failed = TRIB__DNNL_SUCCESS;

        if (status == TRIB_OK)
                failed = TRIB__ONEDNN_CALL("primitive_desc_create",
                                           lib->abi->pd_create(lib, op, attr, &prim->pd));
        if (attr != NULL)
                (void)lib->api.primitive_attr_destroy(attr);
        if (status != TRIB_OK)
                return status;
        if (failed != TRIB__DNNL_SUCCESS) {
                prim->pd = NULL;
                return trib__onednn_failed(failed, kind_text(op->kind), err);
        }
        failed = TRIB__ONEDNN_CALL("primitive_create",
                                   lib->api.primitive_create(&prim->primitive, prim->pd));
        if (failed != TRIB__DNNL_SUCCESS) {
                prim->primitive = NULL;
                return trib__onednn_failed(failed, kind_text(op->kind), err);
        }
        if (lib->api.primitive_desc_query(prim->pd, TRIB__DNNL_QUERY_IMPLEMENTATION, 0, &text) ==
                    TRIB__DNNL_SUCCESS &&
            text != NULL)
                prim->info.implementation = text;
        return add_common_slots(prim, err);
}

void trib__onednn_prim_destroy(struct trib__onednn_prim *prim)
{
        if (prim == NULL)
                return;
        for (uint32_t i = 0; i < prim->slot_count; i++) {
                if (prim->slots[i].memory != NULL)
                        (void)prim->lib->api.memory_destroy(prim->slots[i].memory);
                trib__free(prim->slots[i].data);
        }
        if (prim->primitive != NULL)
                (void)prim->lib->api.primitive_destroy(prim->primitive);
        if (prim->pd != NULL)
                (void)prim->lib->api.primitive_desc_destroy(prim->pd);
        trib__onednn_packed_drop(prim->packed);
        trib__free(prim);
}

const struct trib__onednn_prim_info *trib__onednn_prim_info(const struct trib__onednn_prim *prim)
{
        return &prim->info;
}
