/* SPDX-License-Identifier: Apache-2.0 */
/* The public model builder: the first mistake is kept, named and reported by build; a builder can
 * be used again; a failed build leaves nothing on the device. */
#include "test_main.h"

#include <math.h>

#include "expect.h"
#include "session_rig.h"

struct rig {
        trib_device        *device;
        trib_model_builder *b;
        trib_value          x;
};

static void rig_open(struct rig *rig)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open("sim:fast", NULL, &rig->device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&rig->b, &err), &err);
        rig->x = trib_model_input(rig->b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 4 });
        assert_int_equal(rig->x, 0);
}

/* The builder must fail so, whatever is called afterwards; then start anew. */
static void must_fail(struct rig *rig, trib_value value, trib_status status, const char *says)
{
        trib_model *model = (trib_model *)rig;
        trib_error  err;

        assert_int_equal(value, TRIB_NO_VALUE);
        /* Later calls change nothing, and later mistakes are not the first. */
        assert_int_equal(trib_model_relu(rig->b, rig->x), TRIB_NO_VALUE);
        assert_int_equal(trib_model_relu(rig->b, 1234), TRIB_NO_VALUE);
        assert_int_equal(trib_model_input(rig->b, NULL, TRIB_F32, 0, NULL), TRIB_NO_VALUE);
        trib_model_output(rig->b, "y", 77);
        EXPECT_FAILS(trib_model_build(rig->b, rig->device, &model, &err), status, &err, says);
        assert_null(model);
        trib_model_builder_destroy(rig->b);
        EXPECT_OK(trib_model_builder_create(&rig->b, &err), &err);
        rig->x = trib_model_input(rig->b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 4 });
}

static void rig_close(struct rig *rig)
{
        trib_model_builder_destroy(rig->b);
        trib_device_close(rig->device);
}

static void builder_keeps_the_first_mistake(void **state)
{
        static const float values[16];
        struct rig         rig;
        trib_tensor        w = trib_tensor_from_f32(values, 2, (int64_t[]){ 4, 4 });
        trib_tensor        v = trib_tensor_from_f32(values, 1, (int64_t[]){ 4 });
        trib_tensor        nine = trib_tensor_from_f32(values, 9, (int64_t[9]){ 1 });
        trib_value         c;

        (void)state;
        rig_open(&rig);
        must_fail(&rig, trib_model_input(rig.b, "z", TRIB_F32, 2, NULL), TRIB_INVALID_ARGUMENT,
                  "shape is NULL");
        must_fail(&rig, trib_model_input(rig.b, "z", TRIB_F32, 9, (int64_t[9]){ 1 }),
                  TRIB_INVALID_ARGUMENT, "'z': rank is 9");
        must_fail(&rig, trib_model_input(rig.b, "z", TRIB_F32, 1, (int64_t[]){ 0 }),
                  TRIB_INVALID_ARGUMENT, "'z': dimension 0 is 0");
        must_fail(&rig, trib_model_constant(rig.b, NULL), TRIB_INVALID_ARGUMENT, "NULL");
        must_fail(&rig, trib_model_constant(rig.b, &nine), TRIB_INVALID_ARGUMENT, "rank");
        must_fail(&rig, trib_model_linear(rig.b, rig.x, rig.x, TRIB_NO_VALUE), TRIB_UNSUPPORTED,
                  "linear: operand 1 must be a constant");
        must_fail(&rig, trib_model_linear(rig.b, TRIB_NO_VALUE, 0, TRIB_NO_VALUE),
                  TRIB_INVALID_ARGUMENT, "linear: operand 0");
        c = trib_model_constant(rig.b, &v);
        must_fail(&rig, trib_model_matmul(rig.b, rig.x, c), TRIB_SHAPE_MISMATCH, "matmul");
        must_fail(&rig, trib_model_add(rig.b, rig.x, 5), TRIB_INVALID_ARGUMENT, "add: operand 1");
        must_fail(&rig, trib_model_mul(rig.b, -5, rig.x), TRIB_INVALID_ARGUMENT,
                  "mul: operand 0");
        must_fail(&rig, trib_model_relu(rig.b, 9), TRIB_INVALID_ARGUMENT, "relu");
        must_fail(&rig, trib_model_tanh(rig.b, 9), TRIB_INVALID_ARGUMENT, "tanh");
        must_fail(&rig, trib_model_sigmoid(rig.b, 9), TRIB_INVALID_ARGUMENT, "sigmoid");
        must_fail(&rig, trib_model_gelu(rig.b, rig.x, (trib_gelu_kind)2), TRIB_INVALID_ARGUMENT,
                  "gelu: kind is 2");
        must_fail(&rig, trib_model_softmax(rig.b, rig.x, 2), TRIB_INVALID_ARGUMENT,
                  "softmax: axis 2");
        c = trib_model_constant(rig.b, &v);
        must_fail(&rig, trib_model_layer_norm(rig.b, rig.x, c, TRIB_NO_VALUE, 0),
                  TRIB_INVALID_ARGUMENT, "both scale and shift");
        must_fail(&rig, trib_model_layer_norm(rig.b, rig.x, TRIB_NO_VALUE, TRIB_NO_VALUE, -1),
                  TRIB_INVALID_ARGUMENT, "epsilon is -1");
        must_fail(&rig, trib_model_layer_norm(rig.b, rig.x, TRIB_NO_VALUE, TRIB_NO_VALUE, NAN),
                  TRIB_INVALID_ARGUMENT, "epsilon");
        c = trib_model_constant(rig.b, &w);
        must_fail(&rig, trib_model_layer_norm(rig.b, rig.x, c, c, 0), TRIB_SHAPE_MISMATCH,
                  "layer_norm");
        rig_close(&rig);
}

static int run_nothing(void *context, const trib_tensor *inputs, int n_inputs,
                       const trib_tensor *output)
{
        (void)context;
        (void)inputs;
        (void)n_inputs;
        (void)output;
        return 0;
}

static void builder_checks_user_operators(void **state)
{
        struct {
                trib_operator known;
                char          tail[16];
        } longer = { .known = TRIB_OPERATOR_INIT };
        trib_operator op = TRIB_OPERATOR_INIT;
        trib_value    five[5] = { 0 };
        struct rig    rig;
        char          name[80];

        (void)state;
        rig_open(&rig);
        memset(name, 'n', sizeof(name));
        name[79] = '\0';
        op.name = "good";
        op.run = run_nothing;
#define FAILS(status, says)                                                                 \
        must_fail(&rig, trib_model_operator(rig.b, &op, &rig.x, 1), status, says);          \
        op = (trib_operator)TRIB_OPERATOR_INIT;                                             \
        op.name = "good";                                                                   \
        op.run = run_nothing
        must_fail(&rig, trib_model_operator(rig.b, NULL, &rig.x, 1), TRIB_INVALID_ARGUMENT,
                  "operator: op");
        must_fail(&rig, trib_model_operator(rig.b, &op, NULL, 1), TRIB_INVALID_ARGUMENT, "inputs");
        must_fail(&rig, trib_model_operator(rig.b, &op, &rig.x, 0), TRIB_INVALID_ARGUMENT,
                  "1 to 4");
        must_fail(&rig, trib_model_operator(rig.b, &op, five, 5), TRIB_INVALID_ARGUMENT,
                  "1 to 4");
        op.name = NULL;
        FAILS(TRIB_INVALID_ARGUMENT, "needs a name");
        op.name = name;
        FAILS(TRIB_INVALID_ARGUMENT, "1 to 63 bytes");
        op.run = NULL;
        FAILS(TRIB_INVALID_ARGUMENT, "'good': run is NULL");
        op.concurrency = (trib_concurrency)2;
        FAILS(TRIB_INVALID_ARGUMENT, "concurrency is 2");
        op.flops = -1;
        FAILS(TRIB_INVALID_ARGUMENT, "flops");
        op.flops = NAN;
        FAILS(TRIB_INVALID_ARGUMENT, "flops");
        op.struct_size = 3;
        FAILS(TRIB_INVALID_ARGUMENT, "struct_size is 3");
        longer.known = op;
        longer.known.struct_size = sizeof(longer);
        longer.tail[3] = 1;
        must_fail(&rig, trib_model_operator(rig.b, &longer.known, &rig.x, 1), TRIB_UNSUPPORTED,
                  "trib_operator");
#undef FAILS
        rig_close(&rig);
}

static void builder_of_nothing_does_not_build(void **state)
{
        trib_model_builder *b;
        trib_device        *device;
        trib_model         *model;
        trib_error          err;

        (void)state;
        EXPECT_OK(trib_device_open("sim:fast", NULL, &device, &err), &err);
        EXPECT_FAILS(trib_model_builder_create(NULL, &err), TRIB_INVALID_ARGUMENT, &err, "out");
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        EXPECT_FAILS(trib_model_build(b, device, &model, &err), TRIB_INVALID_ARGUMENT, &err,
                     "no output");
        EXPECT_FAILS(trib_model_build(b, device, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_model_build(NULL, device, &model, &err), TRIB_INVALID_ARGUMENT, &err,
                     "builder is NULL");
        EXPECT_FAILS(trib_model_build(b, NULL, &model, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        trib_model_builder_destroy(b);
        trib_model_builder_destroy(NULL);
        trib_model_close(NULL);
        assert_int_equal(trib_model_input(NULL, "x", TRIB_F32, 0, NULL), TRIB_NO_VALUE);
        assert_int_equal(trib_model_constant(NULL, NULL), TRIB_NO_VALUE);
        assert_int_equal(trib_model_softmax(NULL, 0, 0), TRIB_NO_VALUE);
        assert_int_equal(trib_model_layer_norm(NULL, 0, -1, -1, 0), TRIB_NO_VALUE);
        assert_int_equal(trib_model_operator(NULL, NULL, NULL, 0), TRIB_NO_VALUE);
        trib_model_output(NULL, "y", 0);
        trib_device_close(device);
}

/* A builder goes on after a build; models are independent of it and of each other. */
static void builder_builds_more_than_once(void **state)
{
        const float   x[4] = { -1, 2, -3, 4 };
        float         y[4], z[4];
        trib_tensor   in = trib_tensor_from_f32(x, 2, (int64_t[]){ 1, 4 });
        trib_tensor   out[2] = { trib_tensor_from_f32(y, 2, (int64_t[]){ 1, 4 }),
                                 trib_tensor_from_f32(z, 2, (int64_t[]){ 1, 4 }) };
        struct rig    rig;
        trib_model   *one, *two;
        trib_session *sessions[2];
        trib_value    relu;
        trib_error    err = TRIB_ERROR_INIT;

        (void)state;
        rig_open(&rig);
        relu = trib_model_relu(rig.b, rig.x);
        trib_model_output(rig.b, "y", relu);
        EXPECT_OK(trib_model_build(rig.b, rig.device, &one, &err), &err);
        trib_model_output(rig.b, "z", trib_model_add(rig.b, relu, relu));
        EXPECT_OK(trib_model_build(rig.b, rig.device, &two, &err), &err);
        trib_model_builder_destroy(rig.b);
        EXPECT_OK(trib_session_open(one, NULL, &sessions[0], &err), &err);
        EXPECT_OK(trib_session_open(two, NULL, &sessions[1], &err), &err);
        EXPECT_OK(trib_infer(sessions[0], &in, 1, out, 1, &err), &err);
        assert_true(y[0] == 0 && y[1] == 2 && y[2] == 0 && y[3] == 4);
        EXPECT_OK(trib_infer(sessions[1], &in, 1, out, 2, &err), &err);
        assert_true(y[1] == 2 && z[1] == 4 && z[3] == 8 && z[0] == 0);
        for (int i = 0; i < 2; i++)
                EXPECT_OK(trib_session_close(sessions[i], &err), &err);
        trib_model_close(one);
        trib_model_close(two);
        trib_device_close(rig.device);
}

static void model_gives_back_its_memory(void **state)
{
        trib_device      *device;
        trib_memory_stats before, after;
        trib_error        err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_device_open("cpu:0", NULL, &device, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &before, &err), &err);
        for (int i = 0; i < 50; i++) {
                trib_model *model;

                EXPECT_OK(zoo_build(device, (enum zoo_kind)(i % ZOO_COUNT), &model, &err), &err);
                trib_model_close(model);
        }
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.requested, before.requested);
        assert_int_equal(after.limbo, 0);
        trib_device_close(device);
}

TRIB_TEST_MAIN(TRIB_TEST(builder_keeps_the_first_mistake),
               TRIB_TEST(builder_checks_user_operators),
               TRIB_TEST(builder_of_nothing_does_not_build),
               TRIB_TEST(builder_builds_more_than_once), TRIB_TEST(model_gives_back_its_memory))
