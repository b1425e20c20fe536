/* SPDX-License-Identifier: Apache-2.0 */
/* test_layer_models.c: attention and convolution through the public interface: results by hand, on
 * every device, and operands and options that the builder must refuse. */
#include "test_main.h"

#include "expect.h"

#include <math.h>

#include <tributary/tributary.h>

static const char *const devices[] = { "cpu:0", "sim:fast" };

static int64_t count_of(const trib_tensor *tensor)
{
        int64_t count = 1;

        for (int i = 0; i < tensor->rank; i++)
                count *= tensor->shape[i];
        return count;
}

/* Build, run once and compare to `expected`, of the shape of `like`, on every
 * device. */
static void check_model(trib_model_builder *b, trib_tensor *inputs, int n_inputs,
                        const trib_tensor *like, const float *expected)
{
        for (size_t d = 0; d < 2; d++) {
                trib_device  *device;
                trib_model   *model;
                trib_session *session;
                float         y[64];
                trib_tensor   out = trib_tensor_from_f32(y, like->rank, like->shape);
                trib_error    err = TRIB_ERROR_INIT;

                EXPECT_OK(trib_device_open(devices[d], NULL, &device, &err), &err);
                EXPECT_OK(trib_model_build(b, device, &model, &err), &err);
                EXPECT_OK(trib_session_open(model, NULL, &session, &err), &err);
                EXPECT_OK(trib_infer(session, inputs, n_inputs, &out, 1, &err), &err);
                for (int64_t i = 0; i < count_of(like); i++)
                        assert_float_equal(y[i], expected[i], 1e-5);
                assert_int_equal(trib_session_close(session, NULL), TRIB_OK);
                trib_model_close(model);
                trib_device_close(device);
        }
        trib_model_builder_destroy(b);
}

/* One row of q: scores ln 2 and 0, so weights 2/3 and 1/3; the second head sees equal scores. */
static void attention_by_hand(void **state)
{
        const float q[2] = { 0.69314718f, 0 }, k[4] = { 1, 5, 0, 7 }, v[4] = { 3, 10, 6, 20 };
        const float expected[2] = { 4, 15 };
        const int64_t          q_shape[2] = { 1, 2 }, k_shape[2] = { 2, 2 };
        trib_tensor            in[3] = { trib_tensor_from_f32(q, 2, q_shape),
                                         trib_tensor_from_f32(k, 2, k_shape),
                                         trib_tensor_from_f32(v, 2, k_shape) };
        trib_attention_options options = TRIB_ATTENTION_OPTIONS_INIT;
        trib_model_builder    *b;
        trib_value             values[3];
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        for (int i = 0; i < 3; i++)
                values[i] = trib_model_input(b, "i", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 2 });
        options.heads = 2;
        trib_model_output(b, "y", trib_model_attention(b, values[0], values[1], values[2],
                                                       &options));
        check_model(b, in, 3, &in[0], expected);
}

/* Causal: the first row sees itself alone. */
static void causal_attention_by_hand(void **state)
{
        const float            x[4] = { 1, 2, 3, 4 };
        float                  expected[4] = { 1, 2, 0, 0 };
        const int64_t          shape[2] = { 2, 2 };
        trib_tensor            in = trib_tensor_from_f32(x, 2, shape);
        trib_attention_options options = TRIB_ATTENTION_OPTIONS_INIT;
        trib_model_builder    *b;
        trib_value             value;
        trib_error             err = TRIB_ERROR_INIT;
        double                 p;

        (void)state;
        p = 1 / (1 + exp(14 * sqrt(0.5))); /* scores of row 1 are 11 and 25, times sqrt(1/2) */
        expected[2] = (float)(1 * p + 3 * (1 - p));
        expected[3] = (float)(2 * p + 4 * (1 - p));
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        value = trib_model_input(b, "x", TRIB_F32, 2, shape);
        options.is_causal = 1;
        trib_model_output(b, "y", trib_model_attention(b, value, value, value, &options));
        check_model(b, &in, 1, &in, expected);
}

static trib_value constant(trib_model_builder *b, int rank, const int64_t *shape,
                           const float *values)
{
        trib_tensor tensor = trib_tensor_from_f32(values, rank, shape);

        return trib_model_constant(b, &tensor);
}

/* Sums of neighbours with zeros around, a bias, and a relu that is fused. */
static void conv2d_by_hand(void **state)
{
        const float         x[4] = { 1, 2, 3, 4 }, cross[9] = { 0, 1, 0, 1, 1, 1, 0, 1, 0 };
        const float         bias = -7, expected[4] = { 0, 0, 1, 2 };
        const int64_t       shape[4] = { 1, 1, 2, 2 };
        trib_tensor         in = trib_tensor_from_f32(x, 4, shape);
        trib_conv2d_options options = TRIB_CONV2D_OPTIONS_INIT;
        trib_model_builder *b;
        trib_value          value;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        options.padding[0] = options.padding[1] = 1;
        value = trib_model_input(b, "x", TRIB_F32, 4,
                                 (int64_t[]){ TRIB_ANY, 1, TRIB_ANY, TRIB_ANY });
        value = trib_model_conv2d(b, value, constant(b, 4, (int64_t[]){ 1, 1, 3, 3 }, cross),
                                  constant(b, 1, (int64_t[]){ 1 }, &bias), &options);
        trib_model_output(b, "y", trib_model_relu(b, value));
        check_model(b, &in, 1, &in, expected);
}

/* ---- refusals --------------------------------------------------------------------------- */

static trib_value make_attention(trib_model_builder *b, int kind)
{
        trib_attention_options o = TRIB_ATTENTION_OPTIONS_INIT;
        trib_value q = trib_model_input(b, "q", TRIB_F32, 3, (int64_t[]){ 2, 5, 6 });
        trib_value k = trib_model_input(b, "k", TRIB_F32, 3, (int64_t[]){ 2, 4, 6 });
        trib_value v = trib_model_input(b, "v", TRIB_F32, 3, (int64_t[]){ 2, 4, 10 });
        trib_value w = trib_model_input(b, "w", TRIB_F32, 3, (int64_t[]){ 3, 4, 7 });
        trib_value f = trib_model_input(b, "f", TRIB_F32, 1, (int64_t[]){ 6 });
        trib_value h = trib_model_input(b, "h", TRIB_F16, 3, (int64_t[]){ 2, 4, 6 });

        o.heads = kind == 0 ? 0 : kind == 1 ? -1 : kind == 2 ? 4 : kind == 3 ? 3 : 2;
        o.scale = kind == 4 ? NAN : kind == 5 ? -1.0f : kind == 6 ? INFINITY : 0;
        o.is_causal = kind == 7;
        o.struct_size = kind == 8 ? 0 : sizeof(o);
        if (kind == 9)
                return trib_model_attention(b, q, v, v, &o);
        if (kind == 10)
                return trib_model_attention(b, q, k, q, &o);
        if (kind == 11)
                return trib_model_attention(b, q, k, w, &o);
        if (kind == 12)
                return trib_model_attention(b, f, f, f, &o);
        if (kind == 13)
                return trib_model_attention(b, q, h, v, &o);
        if (kind == 14)
                return trib_model_attention(b, trib_model_input(b, "a", TRIB_F32, 3,
                                                                (int64_t[]){ TRIB_ANY, 5, 6 }),
                                            k, trib_model_input(b, "s", TRIB_F32, 3,
                                                                (int64_t[]){ 3, 4, 6 }), &o);
        return trib_model_attention(b, q, k, v, &o);
}

static trib_value make_conv(trib_model_builder *b, int kind)
{
        static const float  weights[64];
        trib_conv2d_options o = TRIB_CONV2D_OPTIONS_INIT;
        trib_value x = trib_model_input(b, "x", TRIB_F32, 4, (int64_t[]){ 1, 4, 5, 5 });
        trib_value t = trib_model_input(b, "t", TRIB_F32, 3, (int64_t[]){ 4, 5, 5 });
        trib_value l = trib_model_input(b, "l", TRIB_F32, 4, (int64_t[]){ 1, 4, INT64_MAX, 5 });
        trib_value w = constant(b, 4, (int64_t[]){ 4, 4, 2, 2 }, weights);
        trib_value c = constant(b, 1, (int64_t[]){ 3 }, weights);

        o.stride[0] = kind == 0 ? 0 : kind == 1 ? INT64_MAX : 1;
        o.dilation[1] = kind == 2 ? 0 : kind == 3 ? 5 : 1;
        o.padding[0] = kind == 4 ? -1 : kind == 5 ? INT64_MAX : 0;
        o.groups = kind == 6 ? 0 : kind == 7 ? 2 : kind == 8 ? INT64_C(0x7fffffff) : 1;
        if (kind == 9)
                return trib_model_conv2d(b, t, w, TRIB_NO_VALUE, &o);
        if (kind == 10)
                return trib_model_conv2d(b, x, x, TRIB_NO_VALUE, &o);
        if (kind == 11)
                return trib_model_conv2d(b, x, w, c, &o);
        if (kind == 12)
                return trib_model_conv2d(b, l, w, TRIB_NO_VALUE, &o);
        return trib_model_conv2d(b, x, w, TRIB_NO_VALUE, &o);
}

struct refusal {
        trib_status status;
        const char *says;
};

static void check_refusals(trib_value (*make)(trib_model_builder *, int),
                           const struct refusal *expected, size_t count)
{
        trib_device *device;
        trib_error   err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open("cpu:0", NULL, &device, &err), &err);
        for (size_t i = 0; i < count; i++) {
                trib_model_builder *b;
                trib_model         *model;

                EXPECT_OK(trib_model_builder_create(&b, &err), &err);
                trib_model_output(b, "y", make(b, (int)i));
                if (trib_model_build(b, device, &model, &err) != expected[i].status ||
                    strstr(err.message, expected[i].says) == NULL)
                        fail_msg("case %zu gave %s, said \"%s\"", i, trib_status_name(err.status),
                                 err.message);
                trib_model_builder_destroy(b);
        }
        trib_device_close(device);
}

static void builder_refuses_wrong_attention(void **state)
{
        static const struct refusal expected[] = {
                { TRIB_INVALID_ARGUMENT, "heads are 0" },
                { TRIB_INVALID_ARGUMENT, "heads are -1" },
                { TRIB_SHAPE_MISMATCH, "multiple of the 4 heads" },
                { TRIB_SHAPE_MISMATCH, "multiple of the 3 heads" },
                { TRIB_INVALID_ARGUMENT, "scale is nan" },
                { TRIB_INVALID_ARGUMENT, "scale is -1" },
                { TRIB_INVALID_ARGUMENT, "scale is inf" },
                { TRIB_SHAPE_MISMATCH, "causal" },
                { TRIB_INVALID_ARGUMENT, "struct_size" },
                { TRIB_SHAPE_MISMATCH, "equally wide" },
                { TRIB_SHAPE_MISMATCH, "equally many rows" },
                { TRIB_SHAPE_MISMATCH, "leading dimensions" },
                { TRIB_SHAPE_MISMATCH, "[..., rows, heads x width]" },
                { TRIB_DTYPE_MISMATCH, "f32 and f16" },
                { TRIB_SHAPE_MISMATCH, "[2, 4, 6] and f32 [3, 4, 6]: the leading dimensions" },
        };

        (void)state;
        check_refusals(make_attention, expected, sizeof(expected) / sizeof(expected[0]));
}

static void builder_refuses_wrong_convolutions(void **state)
{
        static const struct refusal expected[] = {
                { TRIB_INVALID_ARGUMENT, "must be 1..2^31-1" },
                { TRIB_INVALID_ARGUMENT, "must be 1..2^31-1" },
                { TRIB_INVALID_ARGUMENT, "must be 1..2^31-1" },
                { TRIB_SHAPE_MISMATCH, "does not fit" },
                { TRIB_INVALID_ARGUMENT, "padding 0.." },
                { TRIB_INVALID_ARGUMENT, "padding 0.." },
                { TRIB_INVALID_ARGUMENT, "groups must be" },
                { TRIB_SHAPE_MISMATCH, "with 2 groups" },
                { TRIB_SHAPE_MISMATCH, "channels do not go together" },
                { TRIB_SHAPE_MISMATCH, "[batch, channels, rows, columns]" },
                { TRIB_UNSUPPORTED, "must be a constant" },
                { TRIB_SHAPE_MISMATCH, "the bias is [out channels]" },
                { TRIB_SHAPE_MISMATCH, "does not fit" },
        };

        (void)state;
        check_refusals(make_conv, expected, sizeof(expected) / sizeof(expected[0]));
}

TRIB_TEST_MAIN(TRIB_TEST(attention_by_hand), TRIB_TEST(causal_attention_by_hand),
               TRIB_TEST(conv2d_by_hand), TRIB_TEST(builder_refuses_wrong_attention),
               TRIB_TEST(builder_refuses_wrong_convolutions))
