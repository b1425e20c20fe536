/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_pack.c: weights in the layout and type that a primitive wants, converted once. They carry
 * a reference count, because primitives for several batch sizes use the same. No locks. */
#include "kernels/cpu/onednn_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

void trib__onednn_packed_take(struct trib__onednn_packed *packed)
{
        /* Relaxed: the caller knows of it through an owner, so it cannot go meanwhile. */
        (void)trib__fetch_add_relaxed_u32(&packed->references, 1);
}

void trib__onednn_packed_drop(struct trib__onednn_packed *packed)
{
        if (packed == NULL)
                return;
        /* Acquire and release: pairs with itself, so that whoever frees has seen every other
         * owner's last use. */
        if (trib__fetch_sub_acqrel_u32(&packed->references, 1) != 1)
                return;
        trib__free(packed->data);
        trib__free(packed);
}

static trib_status packed_alloc(size_t bytes, struct trib__onednn_packed **out, trib_error *err)
{
        struct trib__onednn_packed *packed = trib__calloc("onednn.packed", 1, sizeof(*packed));

        *out = NULL;
        if (packed != NULL)
                packed->data = trib__aligned("onednn.weights", TRIB__ONEDNN_ALIGNMENT, bytes);
        if (packed == NULL || packed->data == NULL) {
                trib__free(packed);
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "onednn: no memory left for %zu bytes of packed weights",
                                  bytes);
        }
        packed->bytes = bytes;
        /* Relaxed: no other thread has seen it yet. */
        trib__store_relaxed_u32(&packed->references, 1);
        *out = packed;
        return TRIB_OK;
}

/* A conversion of layout and type, done once: the objects that live for it. */
struct reorder {
        struct trib__dnnl_pd        *pd;
        struct trib__dnnl_primitive *primitive;
        struct trib__dnnl_memory    *from, *to;
        struct trib__dnnl_stream    *stream;
};

static int reorder_run(struct trib__onednn *lib, struct reorder *r)
{
        const struct trib__dnnl_arg args[] = { { TRIB__DNNL_ARG_SRC, r->from },
                                               { TRIB__DNNL_ARG_DST, r->to } };
        int failed;

        failed = TRIB__ONEDNN_CALL("reorder_create",
                                   lib->api.primitive_create(&r->primitive, r->pd));
        if (failed != TRIB__DNNL_SUCCESS) {
                r->primitive = NULL;
                return failed;
        }
        failed = TRIB__ONEDNN_CALL("stream_create",
                                   lib->api.stream_create(&r->stream, lib->engine,
                                                          TRIB__DNNL_STREAM_IN_ORDER));
        if (failed != TRIB__DNNL_SUCCESS) {
                r->stream = NULL;
                return failed;
        }
        return TRIB__ONEDNN_CALL("reorder_execute",
                                 lib->api.primitive_execute(r->primitive, r->stream, 2, args));
}

static void reorder_free(struct trib__onednn *lib, struct reorder *r)
{
        if (r->stream != NULL)
                (void)lib->api.stream_destroy(r->stream);
        if (r->primitive != NULL)
                (void)lib->api.primitive_destroy(r->primitive);
        if (r->pd != NULL)
                (void)lib->api.primitive_desc_destroy(r->pd);
        if (r->to != NULL)
                (void)lib->api.memory_destroy(r->to);
        if (r->from != NULL)
                (void)lib->api.memory_destroy(r->from);
}

static int make_memory(struct trib__onednn *lib, const void *md, void *data,
                       struct trib__dnnl_memory **out)
{
        int failed = TRIB__ONEDNN_CALL("memory_create",
                                       lib->api.memory_create(out, md, lib->engine, data));

        if (failed != TRIB__DNNL_SUCCESS)
                *out = NULL;
        return failed;
}

static trib_status reorder(struct trib__onednn *lib, const void *from_md, const void *from,
                           const void *to_md, void *to, trib_error *err)
{
        struct reorder r = { 0 };
        int            failed;

        /* The library has no const memory; a source is only read. */
        failed = make_memory(lib, from_md, (void *)(uintptr_t)from, &r.from);
        if (failed == TRIB__DNNL_SUCCESS)
                failed = make_memory(lib, to_md, to, &r.to);
        if (failed == TRIB__DNNL_SUCCESS) {
                failed = TRIB__ONEDNN_CALL("reorder_desc_create",
                                           lib->api.reorder_primitive_desc_create(
                                                   &r.pd, from_md, lib->engine, to_md,
                                                   lib->engine, NULL));
                if (failed != TRIB__DNNL_SUCCESS)
                        r.pd = NULL;
        }
        if (failed == TRIB__DNNL_SUCCESS)
                failed = reorder_run(lib, &r);
        reorder_free(lib, &r);
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "the packing of weights", err);
        return TRIB_OK;
}

trib_status trib__onednn_packed_create(struct trib__onednn *lib, const void *from_md,
                                       const void *from, const void *to_md,
                                       struct trib__onednn_packed **out, trib_error *err)
{
        trib_status status;

        status = packed_alloc(lib->api.memory_desc_get_size(to_md), out, err);
        if (status == TRIB_OK)
                status = reorder(lib, from_md, from, to_md, (*out)->data, err);
        if (status != TRIB_OK) {
                trib__onednn_packed_drop(*out);
                *out = NULL;
        }
        return status;
}

/* ---- as arguments of a primitive -------------------------------------------------------- */

static bool can_share(const struct trib__onednn_prim *prim, const struct trib__onednn_prim *donor)
{
        return donor != NULL && donor->packed != NULL && donor->lib == prim->lib &&
               prim->lib->api.memory_desc_equal(
                       trib__onednn_arg_md(prim, TRIB__DNNL_ARG_WEIGHTS),
                       trib__onednn_arg_md(donor, TRIB__DNNL_ARG_WEIGHTS)) != 0;
}

static trib_status pack_weights(struct trib__onednn_prim         *prim,
                                const struct trib__onednn_layout *given, const void *weights,
                                trib_error *err)
{
        struct trib__onednn_mds mds = { .lib = prim->lib };
        const void             *from_md = NULL;
        trib_status             status = trib__onednn_mds_add(&mds, given, &from_md, err);

        if (status == TRIB_OK)
                status = trib__onednn_packed_create(
                        prim->lib, from_md, weights,
                        trib__onednn_arg_md(prim, TRIB__DNNL_ARG_WEIGHTS), &prim->packed, err);
        trib__onednn_mds_free(&mds);
        return status;
}

trib_status trib__onednn_prim_add_weights(struct trib__onednn_prim         *prim,
                                          const struct trib__onednn_layout *given,
                                          const void                       *weights,
                                          const struct trib__onednn_prim   *donor,
                                          trib_error                       *err)
{
        trib_status status = TRIB_OK;

        if (can_share(prim, donor)) {
                prim->packed = donor->packed;
                prim->info.is_sharing = true;
                trib__onednn_packed_take(prim->packed);
        } else {
                status = pack_weights(prim, given, weights, err);
        }
        if (status != TRIB_OK)
                return status;
        prim->info.packed_bytes = prim->packed->bytes;
        return trib__onednn_prim_add_constant(prim, TRIB__DNNL_ARG_WEIGHTS, prim->packed->data,
                                              false, err);
}

trib_status trib__onednn_prim_add_bias(struct trib__onednn_prim *prim, trib_dtype dtype,
                                       int64_t count, const void *bias, trib_error *err)
{
        const size_t bytes = (size_t)count * (dtype == TRIB_F32 ? 4 : 2);
        void        *copy;

        if (bias == NULL)
                return TRIB_OK;
        copy = trib__aligned("onednn.bias", TRIB__ONEDNN_ALIGNMENT, bytes);
        if (copy == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "onednn: no memory left for a bias");
        memcpy(copy, bias, bytes);
        return trib__onednn_prim_add_constant(prim, TRIB__DNNL_ARG_BIAS, copy, true, err);
}
