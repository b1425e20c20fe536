/* SPDX-License-Identifier: Apache-2.0 */
/* Growing a graph: what is checked, what is left as it was after a failure, limits, copies. */
#include "test_main.h"

#include <stdlib.h>

#include "base/fault.h"
#include "expect.h"
#include "model/graph.h"

#define SHAPE(dtype, rank, ...) { dtype, rank, { __VA_ARGS__ } }

static const struct trib__shape rows_of_4 = SHAPE(TRIB_F32, 2, TRIB__ANY, 4);
static const float              weights[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static int32_t add_input(struct trib__graph *graph, const char *name)
{
        trib_error err = TRIB_ERROR_INIT;
        int32_t    value = -7;

        EXPECT_OK(trib__graph_add_input(graph, name, &rows_of_4, &value, &err), &err);
        return value;
}

static int32_t add_constant(struct trib__graph *graph)
{
        trib_tensor tensor = trib_tensor_from_f32(weights, 2, (int64_t[]){ 3, 4 });
        trib_error  err = TRIB_ERROR_INIT;
        int32_t     value = -7;

        EXPECT_OK(trib__graph_add_constant(graph, &tensor, &value, &err), &err);
        return value;
}

static int32_t add_node(struct trib__graph *graph, enum trib__op op, int32_t a, int32_t b)
{
        struct trib__node node = { .op = op, .n_inputs = b >= 0 ? 2 : 1, .inputs = { a, b } };
        trib_error        err = TRIB_ERROR_INIT;
        int32_t           value = -7;

        EXPECT_OK(trib__graph_add_node(graph, &node, &value, &err), &err);
        return value;
}

static void graph_numbers_values_in_order(void **state)
{
        struct trib__graph graph = { 0 };
        trib_error         err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(add_input(&graph, "x"), 0);
        assert_int_equal(add_constant(&graph), 1);
        assert_int_equal(add_node(&graph, TRIB__OP_LINEAR, 0, 1), 2);
        EXPECT_OK(trib__graph_add_output(&graph, "y", 2, &err), &err);
        assert_int_equal(graph.values[2].kind, TRIB__VALUE_NODE);
        assert_int_equal(graph.values[2].shape.dims[0], TRIB__ANY);
        assert_int_equal(graph.values[2].shape.dims[1], 3);
        assert_int_equal(graph.nodes[0].output, 2);
        assert_string_equal(graph.outputs[0].name, "y");
        trib__graph_clear(&graph);
        assert_int_equal(graph.n_values, 0);
        trib__graph_clear(&graph);
}

static void graph_keeps_a_packed_copy_of_a_strided_constant(void **state)
{
        struct trib__graph graph = { 0 };
        trib_tensor        turned = trib_tensor_from_f32(weights, 2, (int64_t[]){ 4, 3 });
        static const float expected[12] = { 1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12 };
        trib_error         err = TRIB_ERROR_INIT;
        int32_t            value;

        (void)state;
        turned.strides[0] = 1;
        turned.strides[1] = 4;
        EXPECT_OK(trib__graph_add_constant(&graph, &turned, &value, &err), &err);
        assert_int_equal(graph.constants[0].bytes, sizeof(expected));
        assert_memory_equal(graph.constants[0].data, expected, sizeof(expected));
        trib__graph_clear(&graph);
}

static void check_untouched(struct trib__graph *graph, uint32_t values)
{
        assert_int_equal(graph->n_values, values);
        assert_int_equal(graph->n_inputs + graph->n_constants + graph->n_nodes, values);
        assert_int_equal(graph->n_outputs, 0);
}

static void graph_refuses_bad_inputs(void **state)
{
        static const struct {
                const char        *name;
                struct trib__shape shape;
                trib_status        status;
                const char        *says;
        } rows[] = {
                { NULL, SHAPE(TRIB_F32, 1, 4), TRIB_INVALID_ARGUMENT, "input: a name" },
                { "", SHAPE(TRIB_F32, 1, 4), TRIB_INVALID_ARGUMENT, "1 to 63 bytes" },
                { "0123456789012345678901234567890123456789012345678901234567890123",
                  SHAPE(TRIB_F32, 1, 4), TRIB_INVALID_ARGUMENT, "1 to 63 bytes" },
                { "x", SHAPE(TRIB_DTYPE_NONE, 1, 4), TRIB_DTYPE_MISMATCH, "'x'" },
                { "x", SHAPE((trib_dtype)10, 1, 4), TRIB_DTYPE_MISMATCH, "number 10" },
                { "x", SHAPE(TRIB_F32, 9, 4), TRIB_INVALID_ARGUMENT, "rank is 9" },
                { "x", SHAPE(TRIB_F32, -1, 4), TRIB_INVALID_ARGUMENT, "rank is -1" },
                { "x", SHAPE(TRIB_F32, 2, 4, 0), TRIB_INVALID_ARGUMENT, "dimension 1 is 0" },
                { "x", SHAPE(TRIB_F32, 1, -2), TRIB_INVALID_ARGUMENT, "dimension 0 is -2" },
        };
        struct trib__graph graph = { 0 };
        trib_error         err;
        int32_t            value;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                EXPECT_FAILS(trib__graph_add_input(&graph, rows[i].name, &rows[i].shape, &value,
                                                   &err),
                             rows[i].status, &err, rows[i].says);
                check_untouched(&graph, 0);
        }
        trib__graph_clear(&graph);
}

static void graph_refuses_bad_constants(void **state)
{
        struct trib__graph graph = { 0 };
        trib_tensor        none = trib_tensor_from_f32(weights, 2, (int64_t[]){ 3, 0 });
        trib_tensor        no_data = trib_tensor_from_f32(NULL, 1, (int64_t[]){ 3 });
        trib_error         err;
        int32_t            value;

        (void)state;
        EXPECT_FAILS(trib__graph_add_constant(&graph, NULL, &value, &err), TRIB_INVALID_ARGUMENT,
                     &err, "NULL");
        EXPECT_FAILS(trib__graph_add_constant(&graph, &none, &value, &err),
                     TRIB_INVALID_ARGUMENT, &err, "no elements");
        EXPECT_FAILS(trib__graph_add_constant(&graph, &no_data, &value, &err),
                     TRIB_INVALID_ARGUMENT, &err, "NULL");
        check_untouched(&graph, 0);
        trib__graph_clear(&graph);
}

static void graph_refuses_bad_nodes(void **state)
{
        struct trib__graph graph = { 0 };
        struct trib__node  node = { .op = TRIB__OP_ADD, .n_inputs = 2, .inputs = { 0, 1 } };
        trib_error         err;
        int32_t            value;

        (void)state;
        (void)add_input(&graph, "x");
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_INVALID_ARGUMENT,
                     &err, "add: operand 1 is not a value");
        node.inputs[1] = -1;
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_INVALID_ARGUMENT,
                     &err, "add: operand 1 is not a value");
        node.inputs[1] = INT32_MAX;
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_INVALID_ARGUMENT,
                     &err, "operand 1");
        node.op = TRIB__OP_LINEAR;
        node.inputs[1] = 0;
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_UNSUPPORTED, &err,
                     "linear: operand 1 must be a constant");
        node.op = TRIB__OP_LAYER_NORM;
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_UNSUPPORTED, &err,
                     "layer_norm: operand 1 must be a constant");
        check_untouched(&graph, 1);
        trib__graph_clear(&graph);
}

static void graph_refuses_bad_outputs(void **state)
{
        struct trib__graph graph = { 0 };
        trib_error         err;
        int32_t            x, c, y;

        (void)state;
        x = add_input(&graph, "x");
        c = add_constant(&graph);
        y = add_node(&graph, TRIB__OP_RELU, x, -1);
        EXPECT_FAILS(trib__graph_add_output(&graph, NULL, y, &err), TRIB_INVALID_ARGUMENT, &err,
                     "output: a name");
        EXPECT_FAILS(trib__graph_add_output(&graph, "y", 3, &err), TRIB_INVALID_ARGUMENT, &err,
                     "'y' is not a value");
        EXPECT_FAILS(trib__graph_add_output(&graph, "y", -1, &err), TRIB_INVALID_ARGUMENT, &err,
                     "'y' is not a value");
        EXPECT_FAILS(trib__graph_add_output(&graph, "y", x, &err), TRIB_UNSUPPORTED, &err,
                     "from an operator");
        EXPECT_FAILS(trib__graph_add_output(&graph, "y", c, &err), TRIB_UNSUPPORTED, &err,
                     "from an operator");
        EXPECT_OK(trib__graph_add_output(&graph, "y", y, &err), &err);
        EXPECT_FAILS(trib__graph_add_output(&graph, "z", y, &err), TRIB_INVALID_ARGUMENT, &err,
                     "same value as output 'y'");
        assert_int_equal(graph.n_outputs, 1);
        trib__graph_clear(&graph);
}

static void graph_softmax_keeps_its_axis_from_the_end(void **state)
{
        struct trib__graph graph = { 0 };
        struct trib__node  node = { .op = TRIB__OP_SOFTMAX, .n_inputs = 1, .axis = 1 };
        trib_error         err = TRIB_ERROR_INIT;
        int32_t            value;

        (void)state;
        (void)add_input(&graph, "x");
        EXPECT_OK(trib__graph_add_node(&graph, &node, &value, &err), &err);
        assert_int_equal(graph.nodes[0].axis, -1);
        node.axis = -2;
        EXPECT_OK(trib__graph_add_node(&graph, &node, &value, &err), &err);
        assert_int_equal(graph.nodes[1].axis, -2);
        trib__graph_clear(&graph);
}

static void graph_grows_to_its_limit_and_no_further(void **state)
{
        struct trib__graph graph = { 0 };
        struct trib__node  node = { .op = TRIB__OP_RELU, .n_inputs = 1 };
        trib_error         err = TRIB_ERROR_INIT;
        int32_t            value;

        (void)state;
        (void)add_input(&graph, "x");
        /* The arrays as they are after so many nodes, without the time to add them. */
        graph.n_values = TRIB__MAX_VALUES - 1;
        graph.cap_values = 1048576;
        graph.values = realloc(graph.values, graph.cap_values * sizeof(*graph.values));
        assert_non_null(graph.values);
        EXPECT_OK(trib__graph_add_node(&graph, &node, &value, &err), &err);
        assert_int_equal(value, TRIB__MAX_VALUES - 1);
        EXPECT_FAILS(trib__graph_add_node(&graph, &node, &value, &err), TRIB_OVERFLOW, &err,
                     "1000000");
        assert_int_equal(graph.n_values, TRIB__MAX_VALUES);
        assert_int_equal(graph.n_nodes, 1);
        trib__graph_clear(&graph);
}

static void graph_survives_a_growth_of_thousands_of_nodes(void **state)
{
        struct trib__graph graph = { 0 };
        int32_t            value;

        (void)state;
        value = add_input(&graph, "x");
        for (int i = 0; i < 5000; i++)
                value = add_node(&graph, i % 2 ? TRIB__OP_RELU : TRIB__OP_TANH, value, -1);
        assert_int_equal(value, 5000);
        for (int i = 0; i < 5000; i++) {
                assert_int_equal(graph.nodes[i].inputs[0], i);
                assert_int_equal(graph.nodes[i].output, i + 1);
                assert_int_equal(graph.nodes[i].op, i % 2 ? TRIB__OP_RELU : TRIB__OP_TANH);
        }
        trib__graph_clear(&graph);
}

static void graph_copy_has_everything_but_the_data(void **state)
{
        struct trib__graph graph = { 0 }, copy;
        struct trib__node  user = { .op = TRIB__OP_USER, .n_inputs = 1 };
        trib_error         err = TRIB_ERROR_INIT;
        int32_t            x, value;

        (void)state;
        x = add_input(&graph, "x");
        value = add_node(&graph, TRIB__OP_LINEAR, x, add_constant(&graph));
        user.inputs[0] = value;
        strcpy(user.user_name, "mine");
        EXPECT_OK(trib__graph_add_node(&graph, &user, &value, &err), &err);
        EXPECT_OK(trib__graph_add_output(&graph, "y", value, &err), &err);
        EXPECT_OK(trib__graph_copy_structure(&graph, &copy, &err), &err);
        assert_int_equal(copy.n_values, graph.n_values);
        assert_memory_equal(copy.values, graph.values, graph.n_values * sizeof(*graph.values));
        assert_null(copy.constants[0].data);
        assert_int_equal(copy.constants[0].bytes, graph.constants[0].bytes);
        trib__graph_clear(&graph);
        assert_ptr_equal(copy.nodes[1].user.name, copy.nodes[1].user_name);
        assert_string_equal(copy.nodes[1].user.name, "mine");
        assert_string_equal(copy.outputs[0].name, "y");
        trib__graph_clear(&copy);
}

/* Fail each allocation in turn; after each failure the graph is as before, and goes on. */
static void graph_is_as_it_was_after_every_failed_allocation(void **state)
{
        struct trib__graph graph = { 0 }, copy;
        trib_tensor        tensor = trib_tensor_from_f32(weights, 2, (int64_t[]){ 3, 4 });
        struct trib__node  node = { .op = TRIB__OP_RELU, .n_inputs = 1 };
        trib_error         err = TRIB_ERROR_INIT;
        uint64_t           failed;
        int32_t            value;
        trib_status        status;

        (void)state;
        for (uint32_t round = 0; round < 9; round++) {
                for (uint64_t k = 1;; k++) {
                        uint32_t before = graph.n_values, constants = graph.n_constants;

                        trib__fault_arm(k, false);
                        status = round == 0 ? trib__graph_add_input(&graph, "x", &rows_of_4,
                                                                    &value, &err)
                                            : trib__graph_add_constant(&graph, &tensor, &value,
                                                                       &err);
                        (void)trib__fault_disarm(&failed);
                        if (failed == 0)
                                break;
                        assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                        assert_int_equal(graph.n_values, before);
                        assert_int_equal(graph.n_constants, constants);
                }
                EXPECT_OK(status, &err);
        }
        for (uint64_t k = 1;; k++) {
                trib__fault_arm(k, false);
                status = trib__graph_add_node(&graph, &node, &value, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0)
                        break;
                assert_int_equal(graph.n_nodes, 0);
        }
        for (uint64_t k = 1;; k++) {
                trib__fault_arm(k, false);
                status = trib__graph_copy_structure(&graph, &copy, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0)
                        break;
                assert_int_equal(status, TRIB_OUT_OF_MEMORY);
                assert_null(copy.values);
        }
        trib__graph_clear(&copy);
        trib__graph_clear(&graph);
}

TRIB_TEST_MAIN(TRIB_TEST(graph_numbers_values_in_order),
               TRIB_TEST(graph_keeps_a_packed_copy_of_a_strided_constant),
               TRIB_TEST(graph_refuses_bad_inputs), TRIB_TEST(graph_refuses_bad_constants),
               TRIB_TEST(graph_refuses_bad_nodes), TRIB_TEST(graph_refuses_bad_outputs),
               TRIB_TEST(graph_softmax_keeps_its_axis_from_the_end),
               TRIB_TEST(graph_grows_to_its_limit_and_no_further),
               TRIB_TEST(graph_survives_a_growth_of_thousands_of_nodes),
               TRIB_TEST(graph_copy_has_everything_but_the_data),
               TRIB_TEST(graph_is_as_it_was_after_every_failed_allocation))
