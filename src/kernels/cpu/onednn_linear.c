/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_linear.c: the two products. A linear layer is a matmul whose right operand never changes:
 * the library says in which layout it wants the weights, and we put them into it once. That layout
 * depends little on m, so plans of one model for several batch sizes usually share them.
 *
 * A row's bits may depend on m, and so on which requests it was merged with; whoever merges must
 * take this into account. Measured with one thread:
 *   AMX                2.6.3 (avx512_core_amx): rows differ with m.
 *   AVX-512, no AMX    2.6.3, 3.1.1: no difference. 3.7.2: m = 1 differs from m >= 2, for k over
 *                      1024 only.
 *   AVX2               2.6.3, 3.7.2: the 1 to 3 rows left over from groups of 6 are summed in
 *                      another order; even two equal rows of one batch can differ.
 *   AVX, SSE4.1        m = 1 differs.
 *
 * No locks. */
#include "kernels/cpu/onednn_priv.h"

#include "base/error.h"

/* Of an int in the library. */
#define GREATEST_DIMENSION INT64_C(0x7fffffff)

/* Every dimension fits the library's int, and each of the three tensors into memory. */
static trib_status check_product(const char *op, int64_t m, int64_t k, int64_t n, trib_error *err)
{
        const int64_t left[] = { m, k }, right[] = { k, n }, result[] = { m, n };
        trib_status   status;
        const struct {
                const char *name;
                int64_t     value;
        } table[] = { { "m", m }, { "k", k }, { "n", n } };

        for (int i = 0; i < 3; i++)
                if (table[i].value < 1 || table[i].value > GREATEST_DIMENSION)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "%s: %s is %lld, must be 1..%lld", op, table[i].name,
                                          (long long)table[i].value,
                                          (long long)GREATEST_DIMENSION);
        status = trib__onednn_check_shape("the left operand", 2, left, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("the right operand", 2, right, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("the result", 2, result, err);
        return status;
}

trib_status trib__onednn_operand_type(const struct trib__onednn *lib, trib_dtype dtype,
                                      enum trib__onednn_precision precision, int *type,
                                      trib_error *err)
{
        trib_status status = trib__onednn_type(dtype, type, err);

        if (status != TRIB_OK || precision == TRIB__ONEDNN_HIGH)
                return status;
        if (precision != TRIB__ONEDNN_MEDIUM)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "precision %d is none",
                                  (int)precision);
        if (dtype != TRIB_F32)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "medium precision is for f32 tensors only");
        if (!lib->info.has_bf16)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "medium precision needs AVX512-BF16 or AMX; this processor and "
                                  "oneDNN %s have %s",
                                  lib->info.version, lib->info.isa);
        *type = TRIB__DNNL_BF16;
        return TRIB_OK;
}

trib_status trib__onednn_add_operand(struct trib__onednn_prim *prim, int arg,
                                     enum trib__onednn_precision precision, int64_t count,
                                     trib_error *err)
{
        if (precision == TRIB__ONEDNN_MEDIUM)
                return trib__onednn_prim_add_rounded(prim, arg, (size_t)count, err);
        trib__onednn_prim_add_input(prim, arg);
        return TRIB_OK;
}

/* ---- linear ----------------------------------------------------------------------------- */

/* The weights as the caller has them. */
static trib_status add_weights(struct trib__onednn_prim                *prim,
                               const struct trib__onednn_linear_params *params, trib_error *err)
{
        struct trib__onednn_layout given = { .rank = 2 };
        trib_status                status = trib__onednn_type(params->dtype, &given.type, err);

        given.shape[0] = params->k;
        given.shape[1] = params->n;
        given.strides[0] = params->weights_are_nk ? 1 : params->n;
        given.strides[1] = params->weights_are_nk ? params->k : 1;
        if (status != TRIB_OK)
                return status;
        return trib__onednn_prim_add_weights(prim, &given, params->weights, params->donor, err);
}

/* Describe the operator to the library and build it. */
static trib_status linear_describe(struct trib__onednn_prim                *prim,
                                   const struct trib__onednn_linear_params *params,
                                   int outer_type, int inner_type, trib_error *err)
{
        const int64_t src[] = { params->m, params->k }, weights[] = { params->k, params->n };
        const int64_t bias[] = { 1, params->n }, dst[] = { params->m, params->n };
        struct trib__onednn_layout layout = trib__onednn_dense(inner_type, 2, src);
        struct trib__onednn_mds    mds = { .lib = prim->lib };
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_MATMUL };
        trib_status                status = trib__onednn_mds_add(&mds, &layout, &op.src, err);

        layout = trib__onednn_dense(inner_type, 2, weights);
        layout.is_any = true;
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.src1, err);
        layout = trib__onednn_dense(outer_type, 2, bias);
        if (status == TRIB_OK && params->bias != NULL)
                status = trib__onednn_mds_add(&mds, &layout, &op.bias, err);
        layout = trib__onednn_dense(outer_type, 2, dst);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.dst, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_build(prim, &op, params->activation, err);
        trib__onednn_mds_free(&mds);
        return status;
}

static trib_status linear_build(struct trib__onednn_prim                *prim,
                                const struct trib__onednn_linear_params *params,
                                int inner_type, trib_error *err)
{
        int         outer_type;
        trib_status status = trib__onednn_type(params->dtype, &outer_type, err);

        if (status == TRIB_OK)
                status = linear_describe(prim, params, outer_type, inner_type, err);
        if (status == TRIB_OK)
                status = trib__onednn_add_operand(prim, TRIB__DNNL_ARG_SRC, params->precision,
                                     params->m * params->k, err);
        if (status == TRIB_OK)
                status = add_weights(prim, params, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_add_bias(prim, params->dtype, params->n, params->bias,
                                                    err);
        return status;
}

trib_status trib__onednn_linear_create(struct trib__onednn *lib,
                                       const struct trib__onednn_linear_params *params,
                                       struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_prim *prim;
        trib_status status = check_product("linear", params->m, params->k, params->n, err);
        int         type = 0, previous;

        *out = NULL;
        if (status == TRIB_OK &&
            (params->activation < TRIB__ONEDNN_NONE || params->activation > TRIB__ONEDNN_SIGMOID))
                status = trib__fail(err, TRIB_INVALID_ARGUMENT, "linear: activation %d is none",
                                    (int)params->activation);
        if (status == TRIB_OK && params->weights == NULL)
                status = trib__fail(err, TRIB_INVALID_ARGUMENT, "linear: weights are missing");
        if (status == TRIB_OK)
                status = trib__onednn_operand_type(lib, params->dtype, params->precision, &type,
                                                   err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_start(lib, &prim, err);
        if (status != TRIB_OK)
                return status;
        previous = trib__onednn_enter(lib);
        status = linear_build(prim, params, type, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}

/* ---- matmul ----------------------------------------------------------------------------- */

static trib_status matmul_check(const struct trib__onednn_matmul_params *p, trib_error *err)
{
        const int64_t batch = p->a_batch > p->b_batch ? p->a_batch : p->b_batch;
        const int64_t a[] = { batch, p->m, p->k }, b[] = { batch, p->k, p->n };
        const int64_t dst[] = { batch, p->m, p->n };
        trib_status   status = check_product("matmul", p->m, p->k, p->n, err);

        if (status != TRIB_OK)
                return status;
        if (p->a_batch < 1 || p->b_batch < 1 ||
            (p->a_batch != p->b_batch && p->a_batch != 1 && p->b_batch != 1))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "matmul: batches %lld and %lld must be equal, or one of them 1",
                                  (long long)p->a_batch, (long long)p->b_batch);
        status = trib__onednn_check_shape("matmul's first operand", 3, a, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("matmul's second operand", 3, b, err);
        if (status == TRIB_OK)
                status = trib__onednn_check_shape("matmul's result", 3, dst, err);
        return status;
}

static trib_status matmul_build(struct trib__onednn_prim                *prim,
                                const struct trib__onednn_matmul_params *p, int inner_type,
                                trib_error *err)
{
        const bool    is_folded = p->b_batch == 1; /* a's batch is then only more rows */
        const int64_t m = is_folded ? p->m * p->a_batch : p->m;
        const int64_t a[] = { p->a_batch, m, p->k }, b[] = { p->b_batch, p->k, p->n };
        const int64_t dst[] = { p->b_batch, m, p->n };
        const int     rank = is_folded ? 2 : 3, skipped = 3 - rank;
        const int64_t a_count = p->a_batch * p->m * p->k, b_count = p->b_batch * p->k * p->n;
        struct trib__onednn_layout layout = trib__onednn_dense(inner_type, rank, a + skipped);
        struct trib__onednn_mds    mds = { .lib = prim->lib };
        struct trib__onednn_op     op = { .kind = TRIB__ONEDNN_OP_MATMUL };
        int                        outer_type = 0;
        trib_status status = trib__onednn_type(p->dtype, &outer_type, err);

        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.src, err);
        layout = trib__onednn_dense(inner_type, rank, b + skipped);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.src1, err);
        layout = trib__onednn_dense(outer_type, rank, dst + skipped);
        if (status == TRIB_OK)
                status = trib__onednn_mds_add(&mds, &layout, &op.dst, err);
        if (status == TRIB_OK)
                status = trib__onednn_prim_build(prim, &op, TRIB__ONEDNN_NONE, err);
        trib__onednn_mds_free(&mds);
        if (status == TRIB_OK)
                status = trib__onednn_add_operand(prim, TRIB__DNNL_ARG_SRC, p->precision, a_count,
                                                  err);
        if (status == TRIB_OK)
                status = trib__onednn_add_operand(prim, TRIB__DNNL_ARG_WEIGHTS, p->precision,
                                                  b_count, err);
        return status;
}

trib_status trib__onednn_matmul_create(struct trib__onednn *lib,
                                       const struct trib__onednn_matmul_params *params,
                                       struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_prim *prim;
        trib_status               status = matmul_check(params, err);
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
        status = matmul_build(prim, params, type, err);
        trib__onednn_leave(lib, previous);
        return trib__onednn_prim_finish(prim, status, out);
}
