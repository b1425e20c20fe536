/* SPDX-License-Identifier: Apache-2.0 */
/* ref_matrix.c: see ref_matrix.h. No state. */
#include "backend/ref_matrix.h"

#include <stdio.h>

bool trib__is_matrix_step(enum trib__op op)
{
        return op == TRIB__OP_LU || op == TRIB__OP_LU_FACTORS || op == TRIB__OP_LU_PIVOTS ||
               op == TRIB__OP_SPARSE_MATMUL;
}

/* ---- which are supported ---------------------------------------------------------------- */

static bool refuse(char *reason, uint32_t size, const char *text, const char *detail)
{
        if (reason != NULL && size > 0)
                (void)snprintf(reason, size, "%s%s", text, detail);
        return false;
}

static bool is_floating(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64 || dtype == TRIB_F16 || dtype == TRIB_BF16;
}

static bool check_sparse(const struct trib__step *step, char *reason, uint32_t size)
{
        const struct trib__operand *in = step->inputs;
        trib_dtype                  index = in[2].dtype;

        if (!is_floating(step->output.dtype))
                return refuse(reason, size, "no reference kernel for dtype ",
                              trib_dtype_name(step->output.dtype));
        if (in[0].dtype != step->output.dtype || in[1].dtype != step->output.dtype)
                return refuse(reason, size, "its operands are not of one dtype", "");
        if ((index != TRIB_I32 && index != TRIB_I64) || in[3].dtype != index)
                return refuse(reason, size, "its indices are not i32 or i64", "");
        if (in[0].rank < 2 || in[1].rank != 1 || in[2].rank != 1 || in[3].rank != 1)
                return refuse(reason, size, "wrong dimensions", "");
        return true;
}

static bool check_lu(const struct trib__step *step, char *reason, uint32_t size)
{
        trib_dtype dtype = step->inputs[0].dtype;

        if (dtype != TRIB_F32 && dtype != TRIB_F64)
                return refuse(reason, size, "no reference kernel for dtype ",
                              trib_dtype_name(dtype));
        if (step->output.dtype != (step->op == TRIB__OP_LU_PIVOTS ? TRIB_I32 : dtype))
                return refuse(reason, size, "its output is of the wrong dtype", "");
        if (step->inputs[0].rank < 2)
                return refuse(reason, size, "too few dimensions", "");
        return true;
}

bool trib__ref_matrix_is_supported(const struct trib__step *step, char *reason, uint32_t size)
{
        uint32_t wanted = step->op == TRIB__OP_SPARSE_MATMUL ? 4 : 1;

        if (step->n_inputs != wanted)
                return refuse(reason, size, "wrong number of operands", "");
        for (uint32_t i = 0; i < wanted; i++)
                if (step->inputs[i].place == TRIB__PLACE_NONE)
                        return refuse(reason, size, "a needed operand is absent", "");
        return wanted == 4 ? check_sparse(step, reason, size) : check_lu(step, reason, size);
}

/* ---- running ---------------------------------------------------------------------------- */

/* How many matrices: the product of the dimensions before the last two. */
static int64_t batch_of(const struct trib__operand *operand)
{
        int64_t count = 1;

        for (int32_t i = 0; i < operand->rank - 2; i++)
                count *= operand->shape[i];
        return count;
}

struct trib__ref_lu trib__lu_params(const struct trib__step *step, const void *const inputs[],
                                    void *output)
{
        const struct trib__operand *a = &step->inputs[0];

        return (struct trib__ref_lu){
                .a = inputs[0],
                .packed = output,
                .batch = batch_of(a),
                .m = a->shape[a->rank - 2],
                .n = a->shape[a->rank - 1],
                .dtype = a->dtype,
        };
}

static struct trib__ref_lu_part part_params(const struct trib__step *step,
                                            const void *const inputs[], void *output)
{
        const struct trib__operand *packed = &step->inputs[0];

        return (struct trib__ref_lu_part){
                .packed = inputs[0],
                .y = output,
                .batch = batch_of(packed),
                .m = packed->shape[packed->rank - 1],
                .n = packed->shape[packed->rank - 2] - 1,
                .dtype = packed->dtype,
        };
}

struct trib__ref_sparse trib__sparse_params(const struct trib__step *step,
                                            const void *const inputs[], void *output)
{
        const struct trib__operand *x = &step->inputs[0];

        return (struct trib__ref_sparse){
                .x = inputs[0],
                .values = inputs[1],
                .columns = inputs[2],
                .rows = inputs[3],
                .y = output,
                .batch = batch_of(x),
                .m = step->inputs[3].shape[0] - 1,
                .k = x->shape[x->rank - 2],
                .n = x->shape[x->rank - 1],
                .dtype = x->dtype,
                .index_dtype = step->inputs[2].dtype,
        };
}

trib_status trib__ref_matrix_run(const struct trib__step *step, const void *const inputs[],
                                 void *output)
{
        if (step->op == TRIB__OP_LU) {
                struct trib__ref_lu params = trib__lu_params(step, inputs, output);

                return trib__ref_lu(&params);
        }
        if (step->op == TRIB__OP_SPARSE_MATMUL) {
                struct trib__ref_sparse params = trib__sparse_params(step, inputs, output);

                return trib__ref_sparse(&params);
        }
        struct trib__ref_lu_part params = part_params(step, inputs, output);

        return step->op == TRIB__OP_LU_FACTORS ? trib__ref_lu_factors(&params)
                                               : trib__ref_lu_pivots(&params);
}

/* ---- layers ----------------------------------------------------------------------------- */

struct trib__ref_attention trib__attention_params(const struct trib__step *step,
                                                  const void *const inputs[], void *output)
{
        const struct trib__operand *q = &step->inputs[0], *k = &step->inputs[1];
        const struct trib__operand *v = &step->inputs[2];
        int64_t                     heads = step->attention.heads;

        return (struct trib__ref_attention){
                .q = inputs[0],
                .k = inputs[1],
                .v = inputs[2],
                .y = output,
                .batch = batch_of(q),
                .heads = heads,
                .q_rows = q->shape[q->rank - 2],
                .k_rows = k->shape[k->rank - 2],
                .width = q->shape[q->rank - 1] / heads,
                .v_width = v->shape[v->rank - 1] / heads,
                .scale = step->attention.scale,
                .is_causal = step->attention.is_causal,
                .dtype = q->dtype,
        };
}

trib_status trib__ref_attention_run(const struct trib__step *step, const void *const inputs[],
                                    void *output)
{
        struct trib__ref_attention params = trib__attention_params(step, inputs, output);

        return trib__ref_attention(&params);
}

trib_status trib__ref_conv2d_run(const struct trib__step *step, const void *const inputs[],
                                 void *output)
{
        const int64_t          *x = step->inputs[0].shape, *w = step->inputs[1].shape;
        const int64_t          *y = step->output.shape;
        bool                    has_bias = step->n_inputs > 2 &&
                                           step->inputs[2].place != TRIB__PLACE_NONE;
        struct trib__ref_conv2d params = {
                .x = inputs[0],
                .w = inputs[1],
                .b = has_bias ? inputs[2] : NULL,
                .y = output,
                .batch = x[0],
                .in_channels = x[1],
                .out_channels = y[1],
                .in = { x[2], x[3] },
                .kernel = { w[2], w[3] },
                .out = { y[2], y[3] },
                .geometry = step->conv2d,
                .dtype = step->output.dtype,
                .activation = step->activation,
        };

        return trib__ref_conv2d(&params);
}
