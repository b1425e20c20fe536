/* SPDX-License-Identifier: Apache-2.0 */
/* Where operands lie, what the reference kernels take, and the calling of user operators. The
 * results of the kernels are the conformance suite's. */
#include "test_main.h"

#include "backend/ref_step.h"
#include "handmade.h"

static void ref_step_finds_operands_in_every_place(void **state)
{
        char                           slab[256], in[4], out[4], constant[4];
        const void                    *inputs[2] = { NULL, in };
        void                          *outputs[1] = { out };
        const void                    *constants[3] = { NULL, NULL, constant };
        const struct trib__launch_args args = { slab, inputs, outputs, 0, false };
        struct trib__operand           operand = { .place = TRIB__PLACE_SLAB, .offset = 128 };

        (void)state;
        assert_ptr_equal(trib__operand_address(&operand, &args, constants), slab + 128);
        operand = (struct trib__operand){ .place = TRIB__PLACE_INPUT, .index = 1 };
        assert_ptr_equal(trib__operand_address(&operand, &args, constants), in);
        operand = (struct trib__operand){ .place = TRIB__PLACE_OUTPUT };
        assert_ptr_equal(trib__operand_address(&operand, &args, NULL), out);
        operand = (struct trib__operand){ .place = TRIB__PLACE_CONSTANT, .index = 2 };
        assert_ptr_equal(trib__operand_address(&operand, &args, constants), constant);
        operand = (struct trib__operand){ .place = TRIB__PLACE_NONE };
        assert_null(trib__operand_address(&operand, &args, constants));
}

static void make(struct handmade *made, enum trib__op op, uint32_t n_inputs, trib_dtype dtype)
{
        const int64_t        shape[2] = { 2, 2 };
        struct trib__operand in[4];

        handmade_init(made);
        for (int i = 0; i < 4; i++)
                in[i] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2, shape);
        (void)handmade_step(made, op, n_inputs, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2, shape));
}

static void assert_refused(const struct trib__step *step, const char *why)
{
        const void *inputs[4] = { NULL };
        char        reason[128] = "", output[64];
        trib_error  err = TRIB_ERROR_INIT;

        assert_false(trib__ref_step_is_supported(step, reason, sizeof(reason)));
        if (strstr(reason, why) == NULL)
                fail_msg("the reason is '%s', not '%s'", reason, why);
        assert_false(trib__ref_step_is_supported(step, NULL, 0));
        assert_int_equal(trib__ref_step_run(step, inputs, output, &err), TRIB_UNSUPPORTED);
        assert_non_null(strstr(err.message, why));
}

static void ref_step_refuses_what_makes_no_sense(void **state)
{
        struct handmade made;

        (void)state;
        make(&made, TRIB__OP_SOFTMAX, 1, TRIB_I32);
        assert_refused(&made.steps[0], "i32");
        make(&made, TRIB__OP_ADD, 2, TRIB_BOOL);
        assert_refused(&made.steps[0], "bool");
        make(&made, TRIB__OP_ADD, 1, TRIB_F32);
        assert_refused(&made.steps[0], "operands");
        make(&made, TRIB__OP_RELU, 2, TRIB_F32);
        assert_refused(&made.steps[0], "operands");
        make(&made, TRIB__OP_MUL, 2, TRIB_F32);
        made.steps[0].inputs[1].dtype = TRIB_F64;
        assert_refused(&made.steps[0], "one dtype");
        make(&made, TRIB__OP_MATMUL, 2, TRIB_F32);
        made.steps[0].inputs[0].place = TRIB__PLACE_NONE;
        assert_refused(&made.steps[0], "absent");
        make(&made, TRIB__OP_LINEAR, 2, TRIB_F32);
        made.steps[0].activation = TRIB__OP_SOFTMAX;
        assert_refused(&made.steps[0], "activation");
        make(&made, TRIB__OP_SOFTMAX, 1, TRIB_F32);
        made.steps[0].axis = 2;
        assert_refused(&made.steps[0], "axis");
        make(&made, TRIB__OP_LAYER_NORM, 1, TRIB_F32);
        made.steps[0].output.rank = 0;
        assert_refused(&made.steps[0], "dimensions");
        make(&made, TRIB__OP_USER, 1, TRIB_F32);
        assert_refused(&made.steps[0], "without a function");
}

static int answer(void *context, const trib_tensor *inputs, int n_inputs,
                  const trib_tensor *output)
{
        assert_true(trib__is_in_user_operator());
        assert_int_equal(n_inputs, 1);
        assert_ptr_equal(inputs[0].data, (char *)context + 1);
        assert_ptr_equal(output->data, context);
        return *(char *)context;
}

static void ref_step_calls_user_operators_and_knows_it(void **state)
{
        struct handmade made;
        trib_operator   op = TRIB_OPERATOR_INIT;
        char            code[2] = { 0 };
        const void     *inputs[1] = { code + 1 };
        trib_error      err = TRIB_ERROR_INIT;

        (void)state;
        op.name = "mine";
        op.run = answer;
        op.context = code;
        make(&made, TRIB__OP_USER, 1, TRIB_BOOL);
        made.steps[0].user = &op;
        assert_true(trib__ref_step_is_supported(&made.steps[0], NULL, 0));
        assert_false(trib__is_in_user_operator());
        assert_int_equal(trib__ref_step_run(&made.steps[0], inputs, code, &err), TRIB_OK);
        assert_false(trib__is_in_user_operator());
        code[0] = 42;
        assert_int_equal(trib__ref_step_run(&made.steps[0], inputs, code, &err),
                         TRIB_USER_OPERATOR);
        assert_non_null(strstr(err.message, "mine"));
        assert_non_null(strstr(err.message, "42"));
        assert_false(trib__is_in_user_operator());
}

TRIB_TEST_MAIN(TRIB_TEST(ref_step_finds_operands_in_every_place),
               TRIB_TEST(ref_step_refuses_what_makes_no_sense),
               TRIB_TEST(ref_step_calls_user_operators_and_knows_it))
