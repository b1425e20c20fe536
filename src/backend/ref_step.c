/* SPDX-License-Identifier: Apache-2.0 */
/* ref_step.c: from a step to the parameters of a reference kernel, or to the call of a user's
 * operator. No state but user_call.h's depth. */
#include "backend/ref_step.h"

#include "backend/ref_matrix.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "kernels/ref/ref.h"
#include "tensor/view.h"

static bool is_floating(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64 || dtype == TRIB_F16 || dtype == TRIB_BF16;
}

static bool is_integer(trib_dtype dtype)
{
        return dtype == TRIB_I8 || dtype == TRIB_U8 || dtype == TRIB_I32 || dtype == TRIB_I64;
}

static bool is_unary(enum trib__op op)
{
        return op == TRIB__OP_RELU || op == TRIB__OP_GELU_ERF || op == TRIB__OP_GELU_TANH ||
               op == TRIB__OP_TANH || op == TRIB__OP_SIGMOID;
}

static bool takes_integers(enum trib__op op)
{
        return op == TRIB__OP_ADD || op == TRIB__OP_MUL || op == TRIB__OP_RELU;
}

/* How many operands an operator must have and may have; 0 in *least for a number that is none. */
static void operand_limits(enum trib__op op, uint32_t *least, uint32_t *most)
{
        *least = 0;
        *most = 0;
        if (op == TRIB__OP_LINEAR) {
                *least = 2;
                *most = 3;
        } else if (op == TRIB__OP_ATTENTION) {
                *least = 3;
                *most = 3;
        } else if (op == TRIB__OP_CONV2D) {
                *least = 2;
                *most = 3;
        } else if (op == TRIB__OP_LAYER_NORM) {
                *least = 1;
                *most = 3;
        } else if (op == TRIB__OP_MATMUL || op == TRIB__OP_ADD || op == TRIB__OP_MUL) {
                *least = 2;
                *most = 2;
        } else if (is_unary(op) || op == TRIB__OP_SOFTMAX) {
                *least = 1;
                *most = 1;
        }
}

static bool refuse(char *reason, uint32_t size, const char *text, const char *detail)
{
        if (reason != NULL && size > 0)
                (void)snprintf(reason, size, "%s%s", text, detail);
        return false;
}

bool trib__ref_step_is_supported(const struct trib__step *step, char *reason, uint32_t size)
{
        trib_dtype dtype = step->output.dtype;
        uint32_t   least, most;

        if (step->op == TRIB__OP_USER)
                return step->user != NULL ||
                       refuse(reason, size, "a user's operator without a function", "");
        if (trib__is_matrix_step(step->op))
                return trib__ref_matrix_is_supported(step, reason, size);
        operand_limits(step->op, &least, &most);
        if (least == 0)
                return refuse(reason, size, "no such operator", "");
        if (step->n_inputs < least || step->n_inputs > most)
                return refuse(reason, size, "wrong number of operands", "");
        for (uint32_t i = 0; i < step->n_inputs; i++) {
                if (step->inputs[i].place == TRIB__PLACE_NONE) {
                        if (i < least)
                                return refuse(reason, size, "a needed operand is absent", "");
                } else if (step->inputs[i].dtype != dtype) {
                        return refuse(reason, size, "its operands are not of one dtype", "");
                }
        }
        if (!is_floating(dtype) && !(is_integer(dtype) && takes_integers(step->op)))
                return refuse(reason, size, "no reference kernel for dtype ",
                              trib_dtype_name(dtype));
        if ((step->op == TRIB__OP_LINEAR || step->op == TRIB__OP_CONV2D) &&
            step->activation != TRIB__OP_COUNT && !is_unary(step->activation))
                return refuse(reason, size, "its activation is not a unary operator", "");
        if ((step->op == TRIB__OP_LINEAR && (step->inputs[1].rank != 2 || step->output.rank < 1)) ||
            (step->op == TRIB__OP_LAYER_NORM && step->output.rank < 1) ||
            ((step->op == TRIB__OP_MATMUL || step->op == TRIB__OP_ATTENTION) &&
             step->output.rank < 2) ||
            (step->op == TRIB__OP_CONV2D &&
             (step->inputs[0].rank != 4 || step->inputs[1].rank != 4 || step->output.rank != 4)))
                return refuse(reason, size, "too few dimensions", "");
        if (step->op == TRIB__OP_SOFTMAX &&
            (step->axis < 0 || step->axis >= step->output.rank))
                return refuse(reason, size, "its axis is not one of its dimensions", "");
        return true;
}

static int64_t count_elements(const struct trib__operand *operand, int32_t first, int32_t last)
{
        int64_t count = 1;

        for (int32_t i = first; i < last; i++)
                count *= operand->shape[i];
        return count;
}

static void copy_shape(int64_t *shape, const struct trib__operand *operand)
{
        memcpy(shape, operand->shape, sizeof(operand->shape));
}

static const void *optional_input(const struct trib__step *step, const void *const inputs[],
                                  uint32_t index)
{
        return index < step->n_inputs && step->inputs[index].place != TRIB__PLACE_NONE
                       ? inputs[index]
                       : NULL;
}

static trib_status run_linear(const struct trib__step *step, const void *const inputs[],
                              void *output)
{
        const struct trib__operand *w = &step->inputs[1];
        const struct trib__operand *y = &step->output;
        struct trib__ref_linear     params = {
                .x = inputs[0],
                .w = inputs[1],
                .b = optional_input(step, inputs, 2),
                .y = output,
                .m = count_elements(y, 0, y->rank - 1),
                .k = w->shape[1],
                .n = w->shape[0],
                .dtype = y->dtype,
                .activation = step->activation,
        };

        return trib__ref_linear(&params);
}

static trib_status run_matmul(const struct trib__step *step, const void *const inputs[],
                              void *output)
{
        struct trib__ref_matmul params = {
                .a = inputs[0],
                .b = inputs[1],
                .y = output,
                .dtype = step->output.dtype,
                .a_rank = step->inputs[0].rank,
                .b_rank = step->inputs[1].rank,
                .y_rank = step->output.rank,
        };

        copy_shape(params.a_shape, &step->inputs[0]);
        copy_shape(params.b_shape, &step->inputs[1]);
        copy_shape(params.y_shape, &step->output);
        return trib__ref_matmul(&params);
}

static trib_status run_binary(const struct trib__step *step, const void *const inputs[],
                              void *output)
{
        struct trib__ref_binary params = {
                .op = step->op,
                .a = inputs[0],
                .b = inputs[1],
                .y = output,
                .dtype = step->output.dtype,
                .a_rank = step->inputs[0].rank,
                .b_rank = step->inputs[1].rank,
                .y_rank = step->output.rank,
        };

        copy_shape(params.a_shape, &step->inputs[0]);
        copy_shape(params.b_shape, &step->inputs[1]);
        copy_shape(params.y_shape, &step->output);
        return trib__ref_binary(&params);
}

static trib_status run_softmax(const struct trib__step *step, const void *const inputs[],
                               void *output)
{
        struct trib__ref_softmax params = {
                .x = inputs[0],
                .y = output,
                .dtype = step->output.dtype,
                .rank = step->output.rank,
                .axis = step->axis,
        };

        copy_shape(params.shape, &step->output);
        return trib__ref_softmax(&params);
}

static trib_status run_layer_norm(const struct trib__step *step, const void *const inputs[],
                                  void *output)
{
        const struct trib__operand *y = &step->output;
        struct trib__ref_layer_norm params = {
                .x = inputs[0],
                .scale = optional_input(step, inputs, 1),
                .shift = optional_input(step, inputs, 2),
                .y = output,
                .rows = count_elements(y, 0, y->rank - 1),
                .length = y->shape[y->rank - 1],
                .epsilon = (double)step->epsilon,
                .dtype = y->dtype,
        };

        return trib__ref_layer_norm(&params);
}

static trib_status run_unary(const struct trib__step *step, const void *const inputs[],
                             void *output)
{
        struct trib__ref_unary params = {
                .op = step->op,
                .x = inputs[0],
                .y = output,
                .count = count_elements(&step->output, 0, step->output.rank),
                .dtype = step->output.dtype,
        };

        return trib__ref_unary(&params);
}

/* The view is const for the callee; trib_tensor has no const form. */
static void view_of(trib_tensor *view, const struct trib__operand *operand, const void *data)
{
        trib__tensor_view(view, operand->dtype, (void *)(uintptr_t)data, operand->rank,
                          operand->shape);
}

static trib_status run_user(const struct trib__step *step, const void *const inputs[],
                            void *output, trib_error *err)
{
        trib_tensor views[TRIB__MAX_STEP_INPUTS];
        trib_tensor result;
        int         code;

        TRIB__ASSERT_NO_LOCK();
        for (uint32_t i = 0; i < step->n_inputs; i++)
                view_of(&views[i], &step->inputs[i], inputs[i]);
        view_of(&result, &step->output, output);
        trib__user_call_enter();
        code = step->user->run(step->user->context, views, (int)step->n_inputs, &result);
        trib__user_call_leave();
        if (code != 0)
                return trib__fail(err, TRIB_USER_OPERATOR, "operator '%s' returned %d",
                                  step->user->name, code);
        return TRIB_OK;
}

trib_status trib__ref_step_run(const struct trib__step *step, const void *const inputs[],
                               void *output, trib_error *err)
{
        trib_status status = TRIB_UNSUPPORTED;
        char        reason[128];

        if (!trib__ref_step_is_supported(step, reason, sizeof(reason)))
                return trib__fail(err, TRIB_UNSUPPORTED, "%s: %s", trib__op_name(step->op),
                                  reason);
        if (step->op == TRIB__OP_USER)
                return run_user(step, inputs, output, err);
        if (trib__is_matrix_step(step->op))
                status = trib__ref_matrix_run(step, inputs, output);
        else if (step->op == TRIB__OP_ATTENTION)
                status = trib__ref_attention_run(step, inputs, output);
        else if (step->op == TRIB__OP_CONV2D)
                status = trib__ref_conv2d_run(step, inputs, output);
        else if (step->op == TRIB__OP_LINEAR)
                status = run_linear(step, inputs, output);
        else if (step->op == TRIB__OP_MATMUL)
                status = run_matmul(step, inputs, output);
        else if (step->op == TRIB__OP_ADD || step->op == TRIB__OP_MUL)
                status = run_binary(step, inputs, output);
        else if (step->op == TRIB__OP_SOFTMAX)
                status = run_softmax(step, inputs, output);
        else if (step->op == TRIB__OP_LAYER_NORM)
                status = run_layer_norm(step, inputs, output);
        else
                status = run_unary(step, inputs, output);
        if (status != TRIB_OK)
                return trib__fail(err, status, "%s: no reference kernel for dtype %s",
                                  trib__op_name(step->op), trib_dtype_name(step->output.dtype));
        return TRIB_OK;
}
