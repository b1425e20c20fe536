/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_exec.c: running. An exec owns one memory object of the library for each argument that a
 * run gives, and remembers which address each of them has, so that a run with the same addresses
 * as the last one sets none. Constants are the primitive's. No locks, and no allocation of ours in
 * a run; the library makes a few small ones of its own, which its interface does not let us
 * avoid. */
#include "kernels/cpu/onednn_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

struct trib__onednn_exec {
        /* Fixed by create. */
        const struct trib__onednn_prim *prim;
        struct trib__dnnl_stream       *stream;
        uint32_t                        owned; /* bit i: args[i].memory is ours */

        /* Owner thread only. */
        struct trib__dnnl_arg args[TRIB__ONEDNN_SLOTS];
        const void           *addresses[TRIB__ONEDNN_SLOTS];
};

/* ---- rounding --------------------------------------------------------------------------- */

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) void
trib__onednn_round_bf16(const float *from, uint16_t *to, size_t n)
{
        for (size_t i = 0; i < n; i += 16) {
                const unsigned  lanes = n - i >= 16 ? 0xffffu : (1u << (n - i)) - 1u;
                const __mmask16 mask = (__mmask16)lanes;
                const __m512    wide = _mm512_maskz_loadu_ps(mask, from + i);
                const __m256i   half = (__m256i)_mm512_cvtneps_pbh(wide);

                _mm256_mask_storeu_epi16(to + i, mask, half);
        }
}
#else
/* Never reached: info.has_bf16 is false where the instruction does not exist. */
void trib__onednn_round_bf16(const float *from, uint16_t *to, size_t n)
{
        (void)from;
        (void)to;
        (void)n;
}
#endif

/* ---- create and destroy ----------------------------------------------------------------- */

static trib_status make_memories(struct trib__onednn_exec *exec, trib_error *err)
{
        const struct trib__onednn_prim *prim = exec->prim;
        const struct trib__onednn      *lib = prim->lib;

        for (uint32_t i = 0; i < prim->slot_count; i++) {
                const struct trib__onednn_slot *slot = &prim->slots[i];
                struct trib__dnnl_arg          *arg = &exec->args[i];
                int                             failed;

                arg->arg = slot->arg;
                arg->memory = slot->memory;
                if (slot->source == TRIB__ONEDNN_CONSTANT)
                        continue;
                failed = TRIB__ONEDNN_CALL(
                        "memory_create",
                        lib->api.memory_create(&arg->memory,
                                               trib__onednn_arg_md(prim, slot->arg), lib->engine,
                                               NULL));
                if (failed != TRIB__DNNL_SUCCESS)
                        return trib__onednn_failed(failed, "a memory object", err);
                exec->owned |= UINT32_C(1) << i;
        }
        return TRIB_OK;
}

trib_status trib__onednn_exec_create(const struct trib__onednn_prim *prim,
                                     struct trib__onednn_exec **out, trib_error *err)
{
        struct trib__onednn      *lib = prim->lib;
        struct trib__onednn_exec *exec = trib__calloc("onednn.exec", 1, sizeof(*exec));
        trib_status               status;
        int                       failed;

        *out = NULL;
        if (exec == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "onednn: no memory left for a queue");
        exec->prim = prim;
        failed = TRIB__ONEDNN_CALL("stream_create",
                                   lib->api.stream_create(&exec->stream, lib->engine,
                                                          TRIB__DNNL_STREAM_IN_ORDER));
        if (failed != TRIB__DNNL_SUCCESS) {
                exec->stream = NULL;
                status = trib__onednn_failed(failed, "the creation of a stream", err);
        } else {
                status = make_memories(exec, err);
        }
        if (status != TRIB_OK) {
                trib__onednn_exec_destroy(exec);
                return status;
        }
        *out = exec;
        return TRIB_OK;
}

void trib__onednn_exec_destroy(struct trib__onednn_exec *exec)
{
        if (exec == NULL)
                return;
        for (uint32_t i = 0; i < TRIB__ONEDNN_SLOTS; i++)
                if ((exec->owned >> i & 1) != 0)
                        (void)exec->prim->lib->api.memory_destroy(exec->args[i].memory);
        if (exec->stream != NULL)
                (void)exec->prim->lib->api.stream_destroy(exec->stream);
        trib__free(exec);
}

/* ---- run -------------------------------------------------------------------------------- */

/* Round an input to bf16, into scratch. */
static void *round_input(const struct trib__onednn_slot *slot, const void *input, void *scratch)
{
        void *place = (char *)scratch + slot->offset;

        trib__onednn_round_bf16(input, place, slot->count);
        return place;
}

/* The address of one argument in this run. */
static void *address_of(const struct trib__onednn_slot *slot, const void *const *inputs,
                        void *output, void *scratch)
{
        switch (slot->source) {
        case TRIB__ONEDNN_INPUT:
                /* The library has no const memory; a source is only read. */
                return (void *)(uintptr_t)inputs[slot->index];
        case TRIB__ONEDNN_INPUT_ROUNDED:
                return round_input(slot, inputs[slot->index], scratch);
        case TRIB__ONEDNN_OUTPUT:
                return output;
        case TRIB__ONEDNN_SCRATCH:
                return (char *)scratch + slot->offset;
        case TRIB__ONEDNN_CONSTANT:
                break;
        }
        return NULL;
}

trib_status trib__onednn_exec_run(struct trib__onednn_exec *exec, const void *const *inputs,
                                  void *output, void *scratch, trib_error *err)
{
        int         previous = trib__onednn_enter(exec->prim->lib);
        trib_status status = trib__onednn_exec_run_inside(exec, inputs, output, scratch, err);

        trib__onednn_leave(exec->prim->lib, previous);
        return status;
}

trib_status trib__onednn_exec_run_inside(struct trib__onednn_exec *exec,
                                         const void *const *inputs, void *output, void *scratch,
                                         trib_error *err)
{
        const struct trib__onednn_prim *prim = exec->prim;
        const struct trib__onednn      *lib = prim->lib;
        int                             failed = TRIB__DNNL_SUCCESS;

        for (uint32_t i = 0; i < prim->slot_count; i++) {
                void *address;

                if (prim->slots[i].source == TRIB__ONEDNN_CONSTANT)
                        continue;
                address = address_of(&prim->slots[i], inputs, output, scratch);
                if (address == exec->addresses[i])
                        continue;
                failed = TRIB__ONEDNN_CALL("set_data_handle",
                                           lib->api.memory_set_data_handle(exec->args[i].memory,
                                                                           address));
                if (failed != TRIB__DNNL_SUCCESS)
                        return trib__onednn_failed(failed, "the binding of a tensor", err);
                exec->addresses[i] = address;
        }
        failed = TRIB__ONEDNN_CALL("execute",
                                   lib->api.primitive_execute(prim->primitive, exec->stream,
                                                              (int)prim->slot_count, exec->args));
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "the run of a primitive", err);
        return TRIB_OK;
}
