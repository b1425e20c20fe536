/* SPDX-License-Identifier: Apache-2.0 */
/* program.c: compiling a plan for the CPU: each step becomes a oneDNN primitive where oneDNN has
 * one for its shapes and dtype, else stays a reference kernel. Runs on one thread per program;
 * no locks. */
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu_priv.h"
#include "backend/ref_matrix.h"
#include "backend/ref_step.h"
#include "base/alloc.h"
#include "base/error.h"

static enum trib__onednn_activation activation_of(enum trib__op op)
{
        switch (op) {
        case TRIB__OP_RELU:
                return TRIB__ONEDNN_RELU;
        case TRIB__OP_GELU_ERF:
                return TRIB__ONEDNN_GELU_ERF;
        case TRIB__OP_GELU_TANH:
                return TRIB__ONEDNN_GELU_TANH;
        case TRIB__OP_TANH:
                return TRIB__ONEDNN_TANH;
        case TRIB__OP_SIGMOID:
                return TRIB__ONEDNN_SIGMOID;
        default:
                return TRIB__ONEDNN_NONE;
        }
}

/* The product of dimensions [first, last). Cannot overflow: the plan has checked the bytes. */
static int64_t span(const struct trib__operand *operand, int32_t first, int32_t last)
{
        int64_t product = 1;

        for (int32_t i = first; i < last; i++)
                product *= operand->shape[i];
        return product;
}

/* What a step's primitive is made from. */
struct making {
        struct trib__onednn               *lib;
        const struct trib__compile_params *params;
        const struct trib__step           *step;
        const struct trib__onednn_prim    *donor; /* of the same step for other shapes, or NULL */
};

/* NULL for an absent operand. */
static const void *constant(const struct making *m, uint32_t input)
{
        const struct trib__operand *operand = &m->step->inputs[input];

        return operand->place == TRIB__PLACE_CONSTANT ? m->params->constants[operand->index]
                                                      : NULL;
}

static enum trib__onednn_precision precision_of(const struct making *m, trib_dtype dtype)
{
        return m->params->is_medium && dtype == TRIB_F32 ? TRIB__ONEDNN_MEDIUM
                                                         : TRIB__ONEDNN_HIGH;
}

static trib_status make_linear(const struct making *m, struct trib__onednn_prim **out,
                               trib_error *err)
{
        const struct trib__step          *step = m->step;
        const struct trib__operand       *w = &step->inputs[1];
        struct trib__onednn_linear_params p = { 0 };

        p.m = span(&step->output, 0, step->output.rank - 1);
        p.k = w->shape[1];
        p.n = w->shape[0];
        p.dtype = w->dtype;
        p.precision = precision_of(m, p.dtype);
        p.activation = activation_of(step->activation);
        p.weights_are_nk = true;
        p.weights = constant(m, 1);
        p.bias = step->n_inputs > 2 ? constant(m, 2) : NULL;
        p.donor = m->donor;
        return trib__onednn_linear_create(m->lib, &p, out, err);
}

/* A product with a constant matrix is a linear step whose weights stand the other way round: they
 * are packed once. */
static trib_status make_constant_matmul(const struct making *m, struct trib__onednn_prim **out,
                                        trib_error *err)
{
        const struct trib__operand       *a = &m->step->inputs[0], *b = &m->step->inputs[1];
        struct trib__onednn_linear_params p = { 0 };

        p.m = span(a, 0, a->rank - 1);
        p.k = b->shape[0];
        p.n = b->shape[1];
        p.dtype = a->dtype;
        p.precision = precision_of(m, p.dtype);
        p.weights = constant(m, 1);
        p.donor = m->donor;
        return trib__onednn_linear_create(m->lib, &p, out, err);
}

static trib_status make_matmul(const struct making *m, struct trib__onednn_prim **out,
                               trib_error *err)
{
        const struct trib__operand       *a = &m->step->inputs[0], *b = &m->step->inputs[1];
        struct trib__onednn_matmul_params p = { 0 };

        if (b->place == TRIB__PLACE_CONSTANT && b->rank == 2)
                return make_constant_matmul(m, out, err);
        p.a_batch = span(a, 0, a->rank - 2);
        p.b_batch = span(b, 0, b->rank - 2);
        /* Two leading dimensions or more may repeat in ways that one batch number cannot say. */
        if (p.a_batch != p.b_batch && p.a_batch != 1 && p.b_batch != 1)
                return trib__fail(err, TRIB_UNSUPPORTED, "matmul with repeated dimensions");
        if (p.a_batch == p.b_batch && p.a_batch != span(&m->step->output, 0,
                                                        m->step->output.rank - 2))
                return trib__fail(err, TRIB_UNSUPPORTED, "matmul with repeated dimensions");
        p.m = a->shape[a->rank - 2];
        p.k = a->shape[a->rank - 1];
        p.n = b->shape[b->rank - 1];
        p.dtype = a->dtype;
        p.precision = precision_of(m, p.dtype);
        return trib__onednn_matmul_create(m->lib, &p, out, err);
}

static trib_status make_binary(const struct making *m, struct trib__onednn_prim **out,
                               trib_error *err)
{
        const struct trib__step          *step = m->step;
        struct trib__onednn_binary_params p = { 0 };

        p.op = step->op == TRIB__OP_ADD ? TRIB__ONEDNN_ADD : TRIB__ONEDNN_MUL;
        p.rank = step->output.rank > 0 ? step->output.rank : 1;
        p.dtype = step->output.dtype;
        for (int32_t i = 0; i < p.rank; i++) {
                int32_t ia = i - (p.rank - step->inputs[0].rank);
                int32_t ib = i - (p.rank - step->inputs[1].rank);

                p.a_shape[i] = ia >= 0 ? step->inputs[0].shape[ia] : 1;
                p.b_shape[i] = ib >= 0 ? step->inputs[1].shape[ib] : 1;
        }
        return trib__onednn_binary_create(m->lib, &p, out, err);
}

static trib_status make_conv2d(const struct making *m, struct trib__onednn_prim **out,
                               trib_error *err)
{
        const struct trib__step          *step = m->step;
        const int64_t                    *x = step->inputs[0].shape, *w = step->inputs[1].shape;
        const int64_t                    *y = step->output.shape;
        struct trib__onednn_conv2d_params p = {
                .batch = x[0],
                .in_channels = x[1],
                .out_channels = y[1],
                .in = { x[2], x[3] },
                .kernel = { w[2], w[3] },
                .out = { y[2], y[3] },
                .geometry = step->conv2d,
                .dtype = step->output.dtype,
                .precision = precision_of(m, step->output.dtype),
                .activation = activation_of(step->activation),
                .weights = constant(m, 1),
                .bias = step->n_inputs > 2 ? constant(m, 2) : NULL,
                .donor = m->donor,
        };

        return trib__onednn_conv2d_create(m->lib, &p, out, err);
}

/* *out stays NULL where the reference kernel computes. */
static trib_status make_attention(const struct making *m, struct trib__attention_plan **out,
                                  trib_error *err)
{
        static const void *const   none[3] = { NULL, NULL, NULL };
        struct trib__ref_attention p = trib__attention_params(m->step, none, NULL);
        trib_error                 why = TRIB_ERROR_INIT;
        trib_status                status;

        *out = NULL;
        if (m->lib == NULL || p.dtype != TRIB_F32)
                return TRIB_OK;
        status = trib__attention_create(m->lib, &p, precision_of(m, p.dtype), out, &why);
        if (status == TRIB_OK || status == TRIB_UNSUPPORTED)
                return TRIB_OK;
        if (err != NULL)
                *err = why;
        return status;
}

static trib_status make_other(const struct making *m, struct trib__onednn_prim **out,
                              trib_error *err)
{
        const struct trib__step    *step = m->step;
        const struct trib__operand *x = &step->inputs[0];

        if (step->op == TRIB__OP_SOFTMAX) {
                struct trib__onednn_softmax_params p = {
                        .outer = span(x, 0, step->axis),
                        .axis = x->shape[step->axis],
                        .inner = span(x, step->axis + 1, x->rank),
                        .dtype = x->dtype,
                };

                return trib__onednn_softmax_create(m->lib, &p, out, err);
        }
        if (step->op == TRIB__OP_LAYER_NORM) {
                struct trib__onednn_layer_norm_params p = {
                        .rows = span(x, 0, x->rank - 1),
                        .cols = x->shape[x->rank - 1],
                        .epsilon = step->epsilon,
                        .dtype = x->dtype,
                        .scale = step->n_inputs > 1 ? constant(m, 1) : NULL,
                        .shift = step->n_inputs > 2 ? constant(m, 2) : NULL,
                };

                return trib__onednn_layer_norm_create(m->lib, &p, out, err);
        }
        struct trib__onednn_eltwise_params p = {
                .activation = activation_of(step->op),
                .count = span(x, 0, x->rank),
                .dtype = x->dtype,
        };

        return trib__onednn_eltwise_create(m->lib, &p, out, err);
}

static bool onednn_has(const struct trib__step *step)
{
        trib_dtype dtype = step->output.dtype;

        return step->op != TRIB__OP_USER && !trib__is_matrix_step(step->op) &&
               (dtype == TRIB_F32 || dtype == TRIB_BF16 || dtype == TRIB_F16);
}

/* The step's primitive; *out stays NULL where oneDNN has none, which is not an error. */
static trib_status make(const struct making *m, struct trib__onednn_prim **out, trib_error *err)
{
        trib_error  why = TRIB_ERROR_INIT;
        trib_status status;

        *out = NULL;
        if (m->lib == NULL || !onednn_has(m->step))
                return TRIB_OK;
        switch (m->step->op) {
        case TRIB__OP_LINEAR:
                status = make_linear(m, out, &why);
                break;
        case TRIB__OP_MATMUL:
                status = make_matmul(m, out, &why);
                break;
        case TRIB__OP_CONV2D:
                status = make_conv2d(m, out, &why);
                break;
        case TRIB__OP_ADD:
        case TRIB__OP_MUL:
                status = make_binary(m, out, &why);
                break;
        default:
                status = make_other(m, out, &why);
                break;
        }
        if (status == TRIB_OK || status == TRIB_UNSUPPORTED)
                return TRIB_OK;
        if (err != NULL)
                *err = why;
        return status;
}

enum trib__support trib__cpu_supports(trib__device *device, const struct trib__step *step,
                                      char *reason, uint32_t size)
{
        (void)device;
        if (size > 0)
                reason[0] = '\0';
        if (!trib__ref_step_is_supported(step, reason, size))
                return TRIB__SUPPORT_NO;
        if (step->op == TRIB__OP_USER && step->user->concurrency == TRIB_SERIAL) {
                (void)snprintf(reason, size, "operator '%s' is declared serial",
                               step->user->name);
                return TRIB__SUPPORT_SERIAL;
        }
        return TRIB__SUPPORT_CONCURRENT;
}

trib_status trib__cpu_run_plain(const trib__program *program, const struct trib__step *step,
                                const void *const inputs[], void *output, trib_error *err)
{
        if (step->op == TRIB__OP_LU) {
                struct trib__ref_lu params = trib__lu_params(step, inputs, output);

                return trib__lu_run(&program->lu, &params, err);
        }
        if (step->op == TRIB__OP_SPARSE_MATMUL &&
            trib__sparse_has(step->output.dtype, step->inputs[2].dtype)) {
                struct trib__ref_sparse params = trib__sparse_params(step, inputs, output);

                trib__sparse_run(program->sparse, &params);
                return TRIB_OK;
        }
        return trib__ref_step_run(step, inputs, output, err);
}

/* LAPACKE for the first step that wants it; where there is none, the reference kernel computes what
 * is not small. */
static trib_status open_lu(trib__program *program, trib_error *err)
{
        trib_error  why = TRIB_ERROR_INIT;
        trib_status status;

        program->lu.small = trib__small_lu_choose();
        if (program->lu.lapack != NULL)
                return TRIB_OK;
        status = trib__lapack_open(&program->lu.lapack, &why);
        if (status == TRIB_OK || status == TRIB_NOT_FOUND || status == TRIB_UNSUPPORTED)
                return TRIB_OK;
        if (err != NULL)
                *err = why;
        return status;
}

static trib_status compile_step(trib__device *device, trib__program *program, uint32_t number,
                                const struct trib__compile_params *params,
                                struct trib__program_info *info, trib_error *err)
{
        struct cpu_step   *cpu = &program->steps[number];
        struct making      m = { device->onednn, params, &params->plan->steps[number], NULL };
        char               reason[128];
        enum trib__support support;
        trib_status        status;

        cpu->step = m.step;
        if (params->donor != NULL && number < params->donor->n_steps)
                m.donor = params->donor->steps[number].prim;
        support = trib__cpu_supports(device, m.step, reason, sizeof(reason));
        if (support == TRIB__SUPPORT_NO)
                return trib__fail(err, TRIB_UNSUPPORTED, "step %u (%s): %s", number,
                                  trib__op_name(m.step->op), reason);
        cpu->is_serial = support == TRIB__SUPPORT_SERIAL;
        info->serial_steps += cpu->is_serial ? 1 : 0;
        if (m.step->op == TRIB__OP_SPARSE_MATMUL)
                program->sparse = trib__sparse_choose();
        if (m.step->op == TRIB__OP_LU)
                status = open_lu(program, err);
        else if (m.step->op == TRIB__OP_ATTENTION)
                status = make_attention(&m, &cpu->attention, err);
        else
                status = make(&m, &cpu->prim, err);
        if (status != TRIB_OK) {
                trib__error_prefix(err, "step %u (%s)", number, trib__op_name(m.step->op));
                return status;
        }
        cpu->n_run_inputs = m.step->n_inputs;
        if (cpu->attention != NULL) {
                program->has_prims = true;
                if (trib__attention_scratch(cpu->attention) > info->workspace_bytes)
                        info->workspace_bytes = trib__attention_scratch(cpu->attention);
        }
        if (cpu->prim != NULL) {
                const struct trib__onednn_prim_info *prim = trib__onednn_prim_info(cpu->prim);

                cpu->n_run_inputs = prim->input_count;

                program->has_prims = true;
                if (prim->scratch_bytes > info->workspace_bytes)
                        info->workspace_bytes = prim->scratch_bytes;
                if (!prim->is_sharing)
                        info->device_bytes += prim->packed_bytes;
        }
        return TRIB_OK;
}

trib_status trib__cpu_compile(trib__device *device, const struct trib__compile_params *params,
                              trib__program **out, struct trib__program_info *info,
                              trib_error *err)
{
        const struct trib__plan *plan = params->plan;
        trib__program           *program;
        trib_status              status = TRIB_OK;

        *out = NULL;
        memset(info, 0, sizeof(*info));
        if (params->is_medium &&
            (device->onednn == NULL || !trib__onednn_info(device->onednn)->has_bf16))
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "medium precision needs oneDNN and bf16 instructions");
        if (TRIB__FAULT(DEVICE, "cpu.compile"))
                return trib__fail(err, TRIB_DEVICE_ERROR,
                                  "the device did not compile a plan of %u steps", plan->n_steps);
        program = trib__calloc("cpu.program", 1, sizeof(*program));
        if (program != NULL)
                program->steps = trib__calloc("cpu.steps", plan->n_steps,
                                              sizeof(*program->steps));
        if (program == NULL || program->steps == NULL) {
                trib__free(program);
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a program of %u steps",
                                  plan->n_steps);
        }
        program->plan = plan;
        program->constants = params->constants;
        program->serial = params->serial;
        program->onednn = device->onednn;
        program->n_steps = plan->n_steps;
        program->workspace_offset = (plan->slab_bytes + TRIB__SLAB_ALIGNMENT - 1) /
                                    TRIB__SLAB_ALIGNMENT * TRIB__SLAB_ALIGNMENT;
        for (uint32_t i = 0; status == TRIB_OK && i < plan->n_steps; i++)
                status = compile_step(device, program, i, params, info, err);
        if (status != TRIB_OK) {
                trib__cpu_release(device, program);
                return status;
        }
        *out = program;
        return TRIB_OK;
}

void trib__cpu_unbind(const trib__program *program, struct cpu_exec *execs)
{
        for (uint32_t i = 0; execs != NULL && i < program->n_steps; i++) {
                trib__onednn_exec_destroy(execs[i].prim);
                trib__attention_exec_destroy(execs[i].attention);
        }
        trib__free(execs);
}

void trib__cpu_release(trib__device *device, trib__program *program)
{
        (void)device;
        if (program == NULL)
                return;
        for (uint32_t q = 0; q < MAX_QUEUES; q++) {
                trib__cpu_unbind(program, program->execs[q]);
        }
        for (uint32_t i = 0; i < program->n_steps; i++) {
                trib__onednn_prim_destroy(program->steps[i].prim);
                trib__attention_destroy(program->steps[i].attention);
        }
        trib__lapack_close(program->lu.lapack);
        trib__free(program->steps);
        trib__free(program);
}
