/* SPDX-License-Identifier: Apache-2.0 */
/* From graph to plan: fusion exactly where it is allowed, dead nodes dropped, every operand in its
 * place, shapes fixed, sizes that do not fit refused, every allocation failing in turn. */
#include "test_main.h"

#include <math.h>

#include "base/fault.h"
#include "base/random.h"
#include "expect.h"
#include "plan/plan.h"

static float                    zeros[64];
static const struct trib__shape any_by_8 = { TRIB_F32, 2, { TRIB__ANY, 8 } };
static const struct trib__shape three_by_8 = { TRIB_F32, 2, { 3, 8 } };

static int32_t add_input(struct trib__graph *graph)
{
        trib_error err = TRIB_ERROR_INIT;
        int32_t    value = -7;

        EXPECT_OK(trib__graph_add_input(graph, "x", &any_by_8, &value, &err), &err);
        return value;
}

/* 8 by 8 weights. */
static int32_t add_weights(struct trib__graph *graph)
{
        trib_tensor tensor = trib_tensor_from_f32(zeros, 2, (int64_t[]){ 8, 8 });
        trib_error  err = TRIB_ERROR_INIT;
        int32_t     value = -7;

        EXPECT_OK(trib__graph_add_constant(graph, &tensor, &value, &err), &err);
        return value;
}

static int32_t node(struct trib__graph *graph, enum trib__op op, int32_t a, int32_t b)
{
        struct trib__node made = { .op = op, .n_inputs = b >= 0 ? 2 : 1, .inputs = { a, b } };
        trib_error        err = TRIB_ERROR_INIT;
        int32_t           value = -7;

        EXPECT_OK(trib__graph_add_node(graph, &made, &value, &err), &err);
        return value;
}

static void output(struct trib__graph *graph, const char *name, int32_t value)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__graph_add_output(graph, name, value, &err), &err);
}

static struct trib__plan *build(const struct trib__graph *graph)
{
        struct trib__plan *plan = NULL;
        trib_error         err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__plan_build(graph, &three_by_8, &plan, &err), &err);
        return plan;
}

static void plan_fuses_every_activation_into_its_linear(void **state)
{
        static const enum trib__op ops[] = { TRIB__OP_RELU, TRIB__OP_GELU_ERF,
                                             TRIB__OP_GELU_TANH, TRIB__OP_TANH,
                                             TRIB__OP_SIGMOID };

        (void)state;
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
                struct trib__graph graph = { 0 };
                int32_t            x = add_input(&graph), w = add_weights(&graph);
                struct trib__plan *plan;

                output(&graph, "y", node(&graph, ops[i], node(&graph, TRIB__OP_LINEAR, x, w), -1));
                plan = build(&graph);
                assert_int_equal(plan->n_steps, 1);
                assert_int_equal(plan->steps[0].op, TRIB__OP_LINEAR);
                assert_int_equal(plan->steps[0].activation, ops[i]);
                assert_int_equal(plan->steps[0].output.place, TRIB__PLACE_OUTPUT);
                assert_int_equal(plan->slab_bytes, 0);
                trib__plan_destroy(plan);
                trib__graph_clear(&graph);
        }
}

static void plan_fuses_across_steps_between(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            x = add_input(&graph), w = add_weights(&graph), a, b;
        struct trib__plan *plan;

        (void)state;
        a = node(&graph, TRIB__OP_LINEAR, x, w);
        b = node(&graph, TRIB__OP_LINEAR, x, w);
        a = node(&graph, TRIB__OP_RELU, a, -1);
        b = node(&graph, TRIB__OP_SIGMOID, b, -1);
        output(&graph, "y", node(&graph, TRIB__OP_MUL, a, b));
        plan = build(&graph);
        assert_int_equal(plan->n_steps, 3);
        assert_int_equal(plan->steps[0].activation, TRIB__OP_RELU);
        assert_int_equal(plan->steps[1].activation, TRIB__OP_SIGMOID);
        assert_int_equal(plan->steps[2].inputs[0].offset, plan->steps[0].output.offset);
        assert_int_equal(plan->steps[2].inputs[1].offset, plan->steps[1].output.offset);
        trib__plan_destroy(plan);
        trib__graph_clear(&graph);
}

static void plan_does_not_fuse_what_is_needed_elsewhere(void **state)
{
        (void)state;
        for (int kind = 0; kind < 4; kind++) {
                struct trib__graph graph = { 0 };
                int32_t            x = add_input(&graph), w = add_weights(&graph), y, z;
                struct trib__plan *plan;

                y = node(&graph, TRIB__OP_LINEAR, x, w);
                z = node(&graph, TRIB__OP_RELU, y, -1);
                if (kind == 0) /* read by another operator too */
                        z = node(&graph, TRIB__OP_ADD, z, y);
                else if (kind == 1) /* an output itself */
                        output(&graph, "between", y);
                else if (kind == 2) /* a second activation of the same value */
                        z = node(&graph, TRIB__OP_MUL, z, node(&graph, TRIB__OP_TANH, y, -1));
                else /* only one activation goes into one step */
                        z = node(&graph, TRIB__OP_TANH, z, -1);
                output(&graph, "y", z);
                plan = build(&graph);
                assert_int_equal(plan->steps[0].op, TRIB__OP_LINEAR);
                assert_int_equal(plan->steps[0].activation,
                                 kind == 3 ? TRIB__OP_RELU : TRIB__OP_COUNT);
                assert_int_equal(plan->n_steps, kind == 0 ? 3 : kind == 2 ? 4 : 2);
                trib__plan_destroy(plan);
                trib__graph_clear(&graph);
        }
}

static void plan_does_not_fuse_behind_other_operators(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            x = add_input(&graph);
        struct trib__plan *plan;

        (void)state;
        output(&graph, "y", node(&graph, TRIB__OP_RELU, node(&graph, TRIB__OP_ADD, x, x), -1));
        plan = build(&graph);
        assert_int_equal(plan->n_steps, 2);
        trib__plan_destroy(plan);
        trib__graph_clear(&graph);
}

static void plan_drops_dead_nodes_and_counts_no_use_of_theirs(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            x = add_input(&graph), w = add_weights(&graph), y, dead;
        struct trib__plan *plan;

        (void)state;
        y = node(&graph, TRIB__OP_LINEAR, x, w);
        dead = node(&graph, TRIB__OP_TANH, y, -1);
        (void)node(&graph, TRIB__OP_ADD, dead, dead);
        output(&graph, "y", node(&graph, TRIB__OP_RELU, y, -1));
        plan = build(&graph);
        assert_int_equal(plan->n_steps, 1);
        assert_int_equal(plan->steps[0].activation, TRIB__OP_RELU);
        assert_int_equal(plan->unshared_bytes, 0);
        trib__plan_destroy(plan);
        trib__graph_clear(&graph);
}

static void plan_places_operands_and_sums_costs(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            x = add_input(&graph), w = add_weights(&graph), a;
        struct trib__plan *plan;

        (void)state;
        a = node(&graph, TRIB__OP_SOFTMAX, x, -1);
        a = node(&graph, TRIB__OP_LINEAR, a, w);
        output(&graph, "y", a);
        plan = build(&graph);
        assert_int_equal(plan->n_steps, 2);
        assert_int_equal(plan->steps[0].inputs[0].place, TRIB__PLACE_INPUT);
        assert_int_equal(plan->steps[0].axis, 0);
        assert_int_equal(plan->steps[0].output.place, TRIB__PLACE_SLAB);
        assert_int_equal(plan->steps[1].inputs[0].offset, plan->steps[0].output.offset);
        assert_int_equal(plan->steps[1].inputs[1].place, TRIB__PLACE_CONSTANT);
        assert_int_equal(plan->steps[1].output.place, TRIB__PLACE_OUTPUT);
        assert_int_equal(plan->inputs[0].shape[0], 3);
        assert_int_equal(plan->outputs[0].bytes, 96);
        assert_int_equal(plan->slab_bytes, 128); /* 96 rounded up to 64 */
        assert_true(plan->flops == 24 * 4 + 24 * 16);
        assert_true(plan->bytes == 96 + 96 + 96 + 256 + 96);
        trib__plan_destroy(plan);
        trib__graph_clear(&graph);
}

/* Shapes may be as the caller likes when a plan is prepared: small inputs, huge intermediates. */
/* To the last bit that f64 has; what the caller gives stays. */
static void plan_scales_attention_by_the_width_of_a_head(void **state)
{
        (void)state;
        for (int i = 0; i < 2; i++) {
                struct trib__graph graph = { 0 };
                int32_t            x = add_input(&graph), y = -7;
                struct trib__node  made = { .op = TRIB__OP_ATTENTION, .n_inputs = 3,
                                            .inputs = { x, x, x } };
                struct trib__plan *plan;
                trib_error         err = TRIB_ERROR_INIT;

                made.attention.heads = 4;
                made.attention.scale = i == 0 ? 0 : 0.3;
                EXPECT_OK(trib__graph_add_node(&graph, &made, &y, &err), &err);
                output(&graph, "y", y);
                plan = build(&graph);
                assert_true(plan->steps[0].attention.scale == (i == 0 ? 1 / sqrt(2) : 0.3));
                trib__plan_destroy(plan);
                trib__graph_clear(&graph);
        }
}

static void plan_refuses_a_slab_that_does_not_fit(void **state)
{
        const struct trib__shape column = { TRIB_I8, 2, { TRIB__ANY, 1 } };
        const struct trib__shape row = { TRIB_I8, 2, { 1, TRIB__ANY } };
        const struct trib__shape shapes[2] = { { TRIB_I8, 2, { INT64_C(1) << 31, 1 } },
                                               { TRIB_I8, 2, { 1, INT64_C(1) << 31 } } };
        struct trib__graph       graph = { 0 };
        struct trib__plan       *plan = NULL;
        trib_error               err = TRIB_ERROR_INIT;
        int32_t                  a, b, values[5], sum;

        (void)state;
        EXPECT_OK(trib__graph_add_input(&graph, "a", &column, &a, &err), &err);
        EXPECT_OK(trib__graph_add_input(&graph, "b", &row, &b, &err), &err);
        for (int i = 0; i < 5; i++)
                values[i] = node(&graph, i % 2 ? TRIB__OP_ADD : TRIB__OP_MUL, a, b);
        sum = values[0];
        for (int i = 1; i < 5; i++)
                sum = node(&graph, TRIB__OP_ADD, sum, values[i]);
        output(&graph, "y", sum);
        EXPECT_FAILS(trib__plan_build(&graph, shapes, &plan, &err), TRIB_OVERFLOW, &err, "2^62");
        assert_null(plan);
        trib__graph_clear(&graph);
}

static void plan_build_names_the_operator_that_does_not_fit(void **state)
{
        const struct trib__shape huge = { TRIB_F32, 2, { INT64_C(1) << 62, 8 } };
        struct trib__graph       graph = { 0 };
        struct trib__plan       *plan = NULL;
        trib_error               err;
        int32_t                  x;

        (void)state;
        x = add_input(&graph);
        output(&graph, "y", node(&graph, TRIB__OP_TANH, x, -1));
        EXPECT_FAILS(trib__plan_build(&graph, &huge, &plan, &err), TRIB_OVERFLOW, &err,
                     "operator 0 (tanh)");
        assert_null(plan);
        trib__graph_clear(&graph);
}

/* A step's operands in the slab must not overlap its output, and a value must stay until read. */
static void check_plan(const struct trib__plan *plan)
{
        for (uint32_t s = 0; s < plan->n_steps; s++) {
                const struct trib__operand *out = &plan->steps[s].output;

                for (uint32_t i = 0; i < plan->steps[s].n_inputs; i++) {
                        const struct trib__operand *in = &plan->steps[s].inputs[i];
                        uint32_t                    made = UINT32_MAX;

                        if (in->place != TRIB__PLACE_SLAB)
                                continue;
                        /* The last writer of any byte of `in` is the step that made all of it. */
                        for (uint32_t t = 0; t < s; t++) {
                                const struct trib__operand *w = &plan->steps[t].output;

                                if (w->place == TRIB__PLACE_SLAB &&
                                    w->offset < in->offset + in->bytes &&
                                    in->offset < w->offset + w->bytes)
                                        made = t;
                        }
                        assert_true(made != UINT32_MAX);
                        assert_int_equal(plan->steps[made].output.offset, in->offset);
                        assert_int_equal(plan->steps[made].output.bytes, in->bytes);
                        if (out->place == TRIB__PLACE_SLAB)
                                assert_true(out->offset >= in->offset + in->bytes ||
                                            in->offset >= out->offset + out->bytes);
                }
        }
}

static void plan_of_random_graphs_never_overwrites_what_is_read_later(void **state)
{
        static const enum trib__op ops[] = { TRIB__OP_ADD, TRIB__OP_RELU, TRIB__OP_LINEAR,
                                             TRIB__OP_TANH, TRIB__OP_MUL, TRIB__OP_SOFTMAX };
        struct trib__random        random = { 99 };

        (void)state;
        for (int round = 0; round < 300; round++) {
                struct trib__graph graph = { 0 };
                int32_t            values[64], w;
                uint32_t           n = 1, nodes = 1 + trib__random_below(&random, 60);
                struct trib__plan *plan;

                values[0] = add_input(&graph);
                w = add_weights(&graph);
                for (; n <= nodes; n++) {
                        enum trib__op op = ops[trib__random_below(&random, 6)];
                        uint32_t      back = n < 6 ? n : 6;
                        int32_t       a = values[n - 1 - trib__random_below(&random, back)];
                        int32_t       b = values[n - 1 - trib__random_below(&random, back)];

                        if (op == TRIB__OP_LINEAR)
                                b = w;
                        else if (op != TRIB__OP_ADD && op != TRIB__OP_MUL)
                                b = -1;
                        values[n] = node(&graph, op, a, b);
                }
                output(&graph, "y", values[n - 1]);
                if (n > 2 && trib__random_below(&random, 2) != 0)
                        output(&graph, "z", values[n - 2]);
                plan = build(&graph);
                check_plan(plan);
                trib__plan_destroy(plan);
                trib__graph_clear(&graph);
        }
}

static void plan_build_survives_every_failed_allocation(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            x = add_input(&graph), w = add_weights(&graph);
        struct trib__plan *plan;
        trib_error         err;
        uint64_t           k, failed;
        trib_status        status;

        (void)state;
        output(&graph, "y", node(&graph, TRIB__OP_RELU, node(&graph, TRIB__OP_LINEAR, x, w), -1));
        for (k = 1;; k++) {
                err = (trib_error)TRIB_ERROR_INIT;
                trib__fault_arm(k, false);
                status = trib__plan_build(&graph, &three_by_8, &plan, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0)
                        break;
                assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                assert_true(err.message[0] != '\0');
                assert_null(plan);
        }
        assert_true(k > 8);
        EXPECT_OK(status, &err);
        trib__plan_destroy(plan);
        trib__plan_destroy(NULL);
        trib__graph_clear(&graph);
}

TRIB_TEST_MAIN(TRIB_TEST(plan_fuses_every_activation_into_its_linear),
               TRIB_TEST(plan_fuses_across_steps_between),
               TRIB_TEST(plan_does_not_fuse_what_is_needed_elsewhere),
               TRIB_TEST(plan_does_not_fuse_behind_other_operators),
               TRIB_TEST(plan_drops_dead_nodes_and_counts_no_use_of_theirs),
               TRIB_TEST(plan_places_operands_and_sums_costs),
               TRIB_TEST(plan_scales_attention_by_the_width_of_a_head),
               TRIB_TEST(plan_refuses_a_slab_that_does_not_fit),
               TRIB_TEST(plan_build_names_the_operator_that_does_not_fit),
               TRIB_TEST(plan_of_random_graphs_never_overwrites_what_is_read_later),
               TRIB_TEST(plan_build_survives_every_failed_allocation))
