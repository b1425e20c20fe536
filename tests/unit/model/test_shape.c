/* SPDX-License-Identifier: Apache-2.0 */
/* Shape inference: a table of every operator with good and bad operands; sizes and their limits. */
#include "test_main.h"

#include "expect.h"
#include "model/graph.h"

#define ANY TRIB__ANY

/* A shape in one line; rank -1 is "not known yet". */
#define SHAPE(dtype, rank, ...) { dtype, rank, { __VA_ARGS__ } }
#define UNKNOWN { TRIB_DTYPE_NONE, -1, { 0 } }

struct row {
        enum trib__op      op;
        int                axis;
        uint32_t           n_inputs;
        struct trib__shape inputs[3];
        struct trib__shape expected; /* if status is TRIB_OK */
        trib_status        status;
        const char        *says[3];  /* parts of the message */
};

static void check_shape(size_t number, const struct trib__shape *got,
                        const struct trib__shape *expected)
{
        char one[128], two[128];

        if (got->rank != expected->rank || got->dtype != expected->dtype ||
            (got->rank > 0 && memcmp(got->dims, expected->dims,
                                     (size_t)got->rank * sizeof(int64_t)) != 0))
                fail_msg("row %zu gave %s of rank %d, not %s of rank %d", number,
                         trib__shape_text(got, one, sizeof(one)), got->rank,
                         trib__shape_text(expected, two, sizeof(two)), expected->rank);
}

static void check_rows(const struct row *rows, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct row  *row = &rows[i];
                struct trib__node  node = { .op = row->op,
                                            .axis = row->axis,
                                            .n_inputs = row->n_inputs };
                struct trib__shape output;
                trib_error         err = TRIB_ERROR_INIT;
                trib_status        status;

                status = trib__shape_infer(&node, row->inputs, false, &output, &err);
                if (status != row->status)
                        fail_msg("row %zu gave %s: %s", i, trib_status_name(status), err.message);
                if (status == TRIB_OK)
                        check_shape(i, &output, &row->expected);
                for (size_t part = 0; part < 3 && row->says[part] != NULL; part++) {
                        if (strstr(err.message, row->says[part]) == NULL)
                                fail_msg("row %zu said \"%s\", which has no \"%s\"", i,
                                         err.message, row->says[part]);
                }
        }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void shape_infer_knows_linear(void **state)
{
        static const struct row rows[] = {
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 5, 4) },
                  SHAPE(TRIB_F32, 2, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_LINEAR, 0, 3,
                  { SHAPE(TRIB_F16, 3, ANY, 7, 4), SHAPE(TRIB_F16, 2, 5, 4),
                    SHAPE(TRIB_F16, 1, 5) },
                  SHAPE(TRIB_F16, 3, ANY, 7, 5), TRIB_OK, { NULL } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 1, 4), SHAPE(TRIB_F32, 2, 5, 4) },
                  SHAPE(TRIB_F32, 1, 5), TRIB_OK, { NULL } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 2, 3, ANY), SHAPE(TRIB_F32, 2, 5, 4) },
                  SHAPE(TRIB_F32, 2, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_LINEAR, 0, 2, { UNKNOWN, SHAPE(TRIB_F32, 2, 5, 4) }, UNKNOWN, TRIB_OK,
                  { NULL } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 2, 3, 6), SHAPE(TRIB_F32, 2, 5, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "linear", "f32 [3, 6]", "f32 [5, 4]" } },
                { TRIB__OP_LINEAR, 0, 2,
                  { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 3, 1, 5, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "linear", "f32 [1, 5, 4]", "[out_features" } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 0, 0), SHAPE(TRIB_F32, 2, 5, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "linear", "f32 []", "dimension" } },
                { TRIB__OP_LINEAR, 0, 3,
                  { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 5, 4), SHAPE(TRIB_F32, 1, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "linear", "f32 [4]", "bias" } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F64, 2, 5, 4) },
                  UNKNOWN, TRIB_DTYPE_MISMATCH, { "linear", "f32", "f64" } },
                { TRIB__OP_LINEAR, 0, 2, { SHAPE(TRIB_I32, 2, 3, 4), SHAPE(TRIB_I32, 2, 5, 4) },
                  UNKNOWN, TRIB_DTYPE_MISMATCH, { "linear", "i32", NULL } },
        };

        (void)state;
        CHECK_ROWS(rows);
}

static void shape_infer_knows_matmul(void **state)
{
        static const struct row rows[] = {
                { TRIB__OP_MATMUL, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 4, 5) },
                  SHAPE(TRIB_F32, 2, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_MATMUL, 0, 2,
                  { SHAPE(TRIB_F32, 4, 2, 1, 3, 4), SHAPE(TRIB_F32, 3, 7, 4, 5) },
                  SHAPE(TRIB_F32, 4, 2, 7, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_MATMUL, 0, 2,
                  { SHAPE(TRIB_BF16, 3, ANY, 3, 4), SHAPE(TRIB_BF16, 3, 1, ANY, 5) },
                  SHAPE(TRIB_BF16, 3, ANY, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_MATMUL, 0, 2,
                  { SHAPE(TRIB_F32, 3, 6, 3, 4), SHAPE(TRIB_F32, 3, ANY, 4, 5) },
                  SHAPE(TRIB_F32, 3, 6, 3, 5), TRIB_OK, { NULL } },
                { TRIB__OP_MATMUL, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 5, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "matmul", "f32 [3, 4]", "f32 [5, 4]" } },
                { TRIB__OP_MATMUL, 0, 2, { SHAPE(TRIB_F32, 1, 4), SHAPE(TRIB_F32, 2, 4, 5) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "matmul", "f32 [4]", "two dimensions" } },
                { TRIB__OP_MATMUL, 0, 2,
                  { SHAPE(TRIB_F32, 3, 2, 3, 4), SHAPE(TRIB_F32, 3, 3, 4, 5) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "matmul", "leading", NULL } },
                { TRIB__OP_MATMUL, 0, 2, { SHAPE(TRIB_U8, 2, 3, 4), SHAPE(TRIB_U8, 2, 4, 5) },
                  UNKNOWN, TRIB_DTYPE_MISMATCH, { "matmul", "u8", NULL } },
        };

        (void)state;
        CHECK_ROWS(rows);
}

static void shape_infer_knows_add_and_mul(void **state)
{
        static const struct row rows[] = {
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 3, 4) },
                  SHAPE(TRIB_F32, 2, 3, 4), TRIB_OK, { NULL } },
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 1, 4) },
                  SHAPE(TRIB_F32, 2, 3, 4), TRIB_OK, { NULL } },
                { TRIB__OP_MUL, 0, 2, { SHAPE(TRIB_I64, 0, 0), SHAPE(TRIB_I64, 2, 3, 4) },
                  SHAPE(TRIB_I64, 2, 3, 4), TRIB_OK, { NULL } },
                { TRIB__OP_MUL, 0, 2, { SHAPE(TRIB_U8, 3, 3, 1, 4), SHAPE(TRIB_U8, 2, 7, 1) },
                  SHAPE(TRIB_U8, 3, 3, 7, 4), TRIB_OK, { NULL } },
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 1, ANY), SHAPE(TRIB_F32, 1, 1) },
                  SHAPE(TRIB_F32, 1, ANY), TRIB_OK, { NULL } },
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 1, ANY), SHAPE(TRIB_F32, 1, 9) },
                  SHAPE(TRIB_F32, 1, 9), TRIB_OK, { NULL } },
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 1, 1), SHAPE(TRIB_F32, 1, ANY) },
                  SHAPE(TRIB_F32, 1, ANY), TRIB_OK, { NULL } },
                { TRIB__OP_ADD, 0, 2, { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 1, 3) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "add", "f32 [3, 4]", "f32 [3]" } },
                { TRIB__OP_MUL, 0, 2, { SHAPE(TRIB_F32, 1, 4), SHAPE(TRIB_F16, 1, 4) },
                  UNKNOWN, TRIB_DTYPE_MISMATCH, { "mul", "f32", "f16" } },
                { TRIB__OP_MUL, 0, 2, { SHAPE(TRIB_BOOL, 1, 4), SHAPE(TRIB_BOOL, 1, 4) },
                  UNKNOWN, TRIB_DTYPE_MISMATCH, { "mul", "bool", NULL } },
        };

        (void)state;
        CHECK_ROWS(rows);
}

static void shape_infer_knows_the_unary_operators(void **state)
{
        static const enum trib__op floats[] = { TRIB__OP_GELU_ERF, TRIB__OP_GELU_TANH,
                                                TRIB__OP_TANH, TRIB__OP_SIGMOID,
                                                TRIB__OP_SOFTMAX, TRIB__OP_LAYER_NORM };
        static const struct row    relu[] = {
                { TRIB__OP_RELU, 0, 1, { SHAPE(TRIB_I8, 2, ANY, 4) }, SHAPE(TRIB_I8, 2, ANY, 4),
                  TRIB_OK, { NULL } },
                { TRIB__OP_RELU, 0, 1, { SHAPE(TRIB_F64, 0, 0) }, SHAPE(TRIB_F64, 0, 0), TRIB_OK,
                  { NULL } },
                { TRIB__OP_RELU, 0, 1, { SHAPE(TRIB_BOOL, 1, 4) }, UNKNOWN, TRIB_DTYPE_MISMATCH,
                  { "relu", "bool", NULL } },
        };

        (void)state;
        CHECK_ROWS(relu);
        for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
                const struct row rows[] = {
                        { floats[i], 0, 1, { SHAPE(TRIB_F16, 2, ANY, 4) },
                          SHAPE(TRIB_F16, 2, ANY, 4), TRIB_OK, { NULL } },
                        { floats[i], 0, 1, { SHAPE(TRIB_I32, 2, 2, 4) }, UNKNOWN,
                          TRIB_DTYPE_MISMATCH, { trib__op_name(floats[i]), "i32", NULL } },
                };

                CHECK_ROWS(rows);
        }
}

static void shape_infer_knows_softmax_and_layer_norm(void **state)
{
        static const struct row rows[] = {
                { TRIB__OP_SOFTMAX, -2, 1, { SHAPE(TRIB_F32, 2, 3, 4) },
                  SHAPE(TRIB_F32, 2, 3, 4), TRIB_OK, { NULL } },
                { TRIB__OP_SOFTMAX, 1, 1, { SHAPE(TRIB_F32, 2, 3, 4) }, SHAPE(TRIB_F32, 2, 3, 4),
                  TRIB_OK, { NULL } },
                { TRIB__OP_SOFTMAX, 2, 1, { SHAPE(TRIB_F32, 2, 3, 4) }, UNKNOWN,
                  TRIB_INVALID_ARGUMENT, { "softmax", "axis 2", "rank 2" } },
                { TRIB__OP_SOFTMAX, -3, 1, { SHAPE(TRIB_F32, 2, 3, 4) }, UNKNOWN,
                  TRIB_INVALID_ARGUMENT, { "softmax", "axis -3", NULL } },
                { TRIB__OP_SOFTMAX, 0, 1, { SHAPE(TRIB_F32, 0, 0) }, UNKNOWN,
                  TRIB_SHAPE_MISMATCH, { "softmax", "scalar", NULL } },
                { TRIB__OP_LAYER_NORM, 0, 3,
                  { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 1, 4), SHAPE(TRIB_F32, 1, 4) },
                  SHAPE(TRIB_F32, 2, 3, 4), TRIB_OK, { NULL } },
                { TRIB__OP_LAYER_NORM, 0, 3,
                  { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 1, 4), SHAPE(TRIB_F32, 1, 3) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "layer_norm", "f32 [3, 4]", "f32 [3]" } },
                { TRIB__OP_LAYER_NORM, 0, 3,
                  { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 1, 4), SHAPE(TRIB_F32, 1, 4) },
                  UNKNOWN, TRIB_SHAPE_MISMATCH, { "layer_norm", "f32 [1, 4]", NULL } },
                { TRIB__OP_LAYER_NORM, 0, 1, { SHAPE(TRIB_F32, 0, 0) }, UNKNOWN,
                  TRIB_SHAPE_MISMATCH, { "layer_norm", "scalar", NULL } },
        };

        (void)state;
        CHECK_ROWS(rows);
}

/* The user's shape function, told by its context what to do. */
struct answer {
        int                calls;
        int                code;
        trib_dtype         dtype;
        int                rank;
        int64_t            first;
};

static int infer_answer(void *context, const trib_tensor *inputs, int n_inputs,
                        trib_tensor *output)
{
        struct answer *answer = context;

        answer->calls++;
        if (n_inputs != 2 || inputs[0].data != NULL || inputs[0].shape[1] != 4)
                return 99;
        output->dtype = answer->dtype;
        output->rank = answer->rank;
        for (int i = 0; i < TRIB_MAX_RANK; i++)
                output->shape[i] = i == 0 ? answer->first : 2;
        return answer->code;
}

static void shape_infer_asks_a_user_operator_when_shapes_are_final(void **state)
{
        static const struct {
                struct answer answer;
                trib_status   status;
                const char   *says;
        } rows[] = {
                { { 0, 0, TRIB_F64, 3, 5 }, TRIB_OK, "" },
                { { 0, 0, TRIB_F64, 0, 0 }, TRIB_OK, "" },
                { { 0, 7, TRIB_F64, 3, 5 }, TRIB_USER_OPERATOR, "refused the shapes with 7" },
                { { 0, 0, TRIB_F64, 9, 5 }, TRIB_USER_OPERATOR, "rank 9" },
                { { 0, 0, TRIB_F64, -1, 5 }, TRIB_USER_OPERATOR, "rank -1" },
                { { 0, 0, (trib_dtype)77, 1, 5 }, TRIB_USER_OPERATOR, "dtype 77" },
                { { 0, 0, TRIB_F64, 1, 0 }, TRIB_USER_OPERATOR, "dimension 0 as 0" },
                { { 0, 0, TRIB_F64, 1, ANY }, TRIB_USER_OPERATOR, "dimension 0 as -1" },
        };
        const struct trib__shape inputs[2] = { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_I8, 1, 2) };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct answer      answer = rows[i].answer;
                struct trib__node  node = { .op = TRIB__OP_USER, .n_inputs = 2 };
                struct trib__shape output;
                trib_error         err = TRIB_ERROR_INIT;

                strcpy(node.user_name, "stretch");
                node.user.infer_shape = infer_answer;
                node.user.context = &answer;
                EXPECT_OK(trib__shape_infer(&node, inputs, false, &output, &err), &err);
                assert_int_equal(output.rank, -1);
                assert_int_equal(answer.calls, 0);
                EXPECT(trib__shape_infer(&node, inputs, true, &output, &err), rows[i].status,
                       &err);
                assert_int_equal(answer.calls, 1);
                if (rows[i].status == TRIB_OK) {
                        assert_int_equal(output.rank, answer.rank);
                        assert_int_equal(output.dtype, TRIB_F64);
                } else {
                        assert_non_null(strstr(err.message, "'stretch'"));
                        assert_non_null(strstr(err.message, rows[i].says));
                }
        }
}

static void shape_infer_takes_the_first_input_for_a_user_operator_without_a_function(void **state)
{
        const struct trib__shape inputs[2] = { SHAPE(TRIB_I8, 2, ANY, 4), SHAPE(TRIB_F32, 1, 2) };
        struct trib__node        node = { .op = TRIB__OP_USER, .n_inputs = 2 };
        struct trib__shape       output;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib__shape_infer(&node, inputs, false, &output, &err), &err);
        check_shape(0, &output, &inputs[0]);
}

static void shape_size_counts_and_refuses_what_does_not_fit(void **state)
{
        static const struct {
                struct trib__shape shape;
                trib_status        status;
                uint64_t           elements, bytes;
        } rows[] = {
                { SHAPE(TRIB_F32, 0, 0), TRIB_OK, 1, 4 },
                { SHAPE(TRIB_F64, 3, 2, 3, 4), TRIB_OK, 24, 192 },
                { SHAPE(TRIB_I8, 2, INT64_C(1) << 31, INT64_C(1) << 31), TRIB_OK,
                  UINT64_C(1) << 62, UINT64_C(1) << 62 },
                { SHAPE(TRIB_F16, 2, INT64_C(1) << 31, INT64_C(1) << 31), TRIB_OVERFLOW, 0, 0 },
                { SHAPE(TRIB_I8, 2, INT64_C(1) << 32, INT64_C(1) << 32), TRIB_OVERFLOW, 0, 0 },
                { SHAPE(TRIB_F32, 3, INT64_MAX, INT64_MAX, 4), TRIB_OVERFLOW, 0, 0 },
                { SHAPE(TRIB_F32, 2, 3, ANY), TRIB_SHAPE_MISMATCH, 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t   elements = 0, bytes = 0;
                trib_error err = TRIB_ERROR_INIT;

                EXPECT(trib__shape_size(&rows[i].shape, &elements, &bytes, &err), rows[i].status,
                       &err);
                assert_int_equal(elements, rows[i].elements);
                assert_int_equal(bytes, rows[i].bytes);
        }
}

static void shape_text_is_cut_but_terminated(void **state)
{
        const struct trib__shape shape = SHAPE(TRIB_F32, 3, ANY, 2048, 7);
        char                     text[64];

        (void)state;
        assert_string_equal(trib__shape_text(&shape, text, sizeof(text)), "f32 [any, 2048, 7]");
        for (unsigned size = 1; size < 19; size++) {
                memset(text, 'x', sizeof(text));
                (void)trib__shape_text(&shape, text, size);
                assert_true(strlen(text) < size);
                assert_memory_equal(text, "f32 [any, 2048, 7]", strlen(text));
                assert_int_equal(text[size], 'x');
        }
}

static void node_flops_are_those_of_the_textbook(void **state)
{
        const struct trib__shape linear[3] = { SHAPE(TRIB_F32, 2, 3, 4), SHAPE(TRIB_F32, 2, 5, 4),
                                               SHAPE(TRIB_F32, 1, 5) };
        const struct trib__shape matmul[2] = { SHAPE(TRIB_F32, 3, 2, 3, 4),
                                               SHAPE(TRIB_F32, 3, 2, 4, 5) };
        const struct trib__shape y = SHAPE(TRIB_F32, 2, 3, 5), z = SHAPE(TRIB_F32, 3, 2, 3, 5);
        struct trib__node        node = { .op = TRIB__OP_LINEAR, .n_inputs = 2 };

        (void)state;
        assert_true(trib__node_flops(&node, linear, &y) == 2.0 * 3 * 4 * 5);
        node.n_inputs = 3;
        assert_true(trib__node_flops(&node, linear, &y) == 2.0 * 3 * 4 * 5 + 15);
        node = (struct trib__node){ .op = TRIB__OP_MATMUL, .n_inputs = 2 };
        assert_true(trib__node_flops(&node, matmul, &z) == 2.0 * 2 * 3 * 4 * 5);
        node = (struct trib__node){ .op = TRIB__OP_USER, .n_inputs = 1, .user.flops = 77 };
        assert_true(trib__node_flops(&node, matmul, &z) == 77);
        node = (struct trib__node){ .op = TRIB__OP_RELU, .n_inputs = 1 };
        assert_true(trib__node_flops(&node, &z, &z) == 30);
}

/* For each of `count` numbers, of all operators that work on one number after the other. */
static void node_flops_count_every_number_of_simple_operators(void **state)
{
        const struct {
                enum trib__op op;
                double        each;
        } rows[] = { { TRIB__OP_ADD, 1 },      { TRIB__OP_MUL, 1 },       { TRIB__OP_RELU, 1 },
                     { TRIB__OP_GELU_ERF, 6 }, { TRIB__OP_GELU_TANH, 6 }, { TRIB__OP_TANH, 1 },
                     { TRIB__OP_SIGMOID, 4 },  { TRIB__OP_SOFTMAX, 4 },
                     { TRIB__OP_LAYER_NORM, 8 } };
        const struct trib__shape in[2] = { SHAPE(TRIB_F32, 2, 3, 5), SHAPE(TRIB_F32, 2, 3, 5) };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct trib__node node = { .op = rows[i].op, .n_inputs = 2 };

                assert_true(trib__node_flops(&node, in, &in[0]) == 15 * rows[i].each);
        }
}

/* 5 rows see 7: all 35 pairs, or causal all but the last 0 + 1 + 2 + 3 + 4 of each first row. */
static void node_flops_of_attention_are_its_pairs(void **state)
{
        const struct trib__shape in[3] = { SHAPE(TRIB_F32, 3, 2, 5, 8), SHAPE(TRIB_F32, 3, 2, 7, 8),
                                           SHAPE(TRIB_F32, 3, 2, 7, 12) };
        const struct trib__shape y = SHAPE(TRIB_F32, 3, 2, 5, 12);
        struct trib__node        node = { .op = TRIB__OP_ATTENTION, .n_inputs = 3 };

        (void)state;
        node.attention.heads = 4;
        assert_true(trib__node_flops(&node, in, &y) == 2 * 35.0 * (2 * 20 + 16));
        node.attention.is_causal = true;
        assert_true(trib__node_flops(&node, in, &y) == 2 * 25.0 * (2 * 20 + 16));
}

static void node_flops_of_convolution_are_its_windows(void **state)
{
        const struct trib__shape in[3] = { SHAPE(TRIB_F32, 4, 2, 6, 9, 9),
                                           SHAPE(TRIB_F32, 4, 4, 3, 3, 2),
                                           SHAPE(TRIB_F32, 1, 4) };
        const struct trib__shape y = SHAPE(TRIB_F32, 4, 2, 4, 7, 8);
        struct trib__node        node = { .op = TRIB__OP_CONV2D, .n_inputs = 2 };

        (void)state;
        assert_true(trib__node_flops(&node, in, &y) == 2.0 * 448 * 18);
        node.n_inputs = 3;
        assert_true(trib__node_flops(&node, in, &y) == 2.0 * 448 * 18 + 448);
}

static void node_flops_of_matrix_operators_are_those_of_the_books(void **state)
{
        const struct trib__shape a = SHAPE(TRIB_F64, 3, 2, 6, 3), packed = SHAPE(TRIB_F64, 3, 2, 4,
                                                                                6);
        const struct trib__shape pivots = SHAPE(TRIB_I32, 2, 2, 3);
        const struct trib__shape sparse[4] = { SHAPE(TRIB_F32, 2, 9, 7), SHAPE(TRIB_F32, 1, 20),
                                               SHAPE(TRIB_I64, 1, 20), SHAPE(TRIB_I64, 1, 6) };
        const struct trib__shape y = SHAPE(TRIB_F32, 2, 5, 7);
        struct trib__node        node = { .op = TRIB__OP_LU, .n_inputs = 1 };

        (void)state;
        assert_true(trib__node_flops(&node, &a, &packed) == 2 * 2 * (54 - 40.5 + 9));
        node.op = TRIB__OP_LU_FACTORS;
        assert_true(trib__node_flops(&node, &packed, &a) == 0);
        node.op = TRIB__OP_LU_PIVOTS;
        assert_true(trib__node_flops(&node, &packed, &pivots) == 0);
        node = (struct trib__node){ .op = TRIB__OP_SPARSE_MATMUL, .n_inputs = 4, .columns = 9 };
        assert_true(trib__node_flops(&node, sparse, &y) == 2.0 * 20 * 7);
}

TRIB_TEST_MAIN(TRIB_TEST(shape_infer_knows_linear), TRIB_TEST(shape_infer_knows_matmul),
               TRIB_TEST(shape_infer_knows_add_and_mul),
               TRIB_TEST(shape_infer_knows_the_unary_operators),
               TRIB_TEST(shape_infer_knows_softmax_and_layer_norm),
               TRIB_TEST(shape_infer_asks_a_user_operator_when_shapes_are_final),
               TRIB_TEST(shape_infer_takes_the_first_input_for_a_user_operator_without_a_function),
               TRIB_TEST(shape_size_counts_and_refuses_what_does_not_fit),
               TRIB_TEST(shape_text_is_cut_but_terminated),
               TRIB_TEST(node_flops_are_those_of_the_textbook),
               TRIB_TEST(node_flops_count_every_number_of_simple_operators),
               TRIB_TEST(node_flops_of_attention_are_its_pairs),
               TRIB_TEST(node_flops_of_convolution_are_its_windows),
               TRIB_TEST(node_flops_of_matrix_operators_are_those_of_the_books))
