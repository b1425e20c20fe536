/* SPDX-License-Identifier: Apache-2.0 */
/* test_matrix_models.c: LU and sparse models through the public interface: results by hand, on
 * every device, and operands that the builder must refuse. */
#include "test_main.h"

#include "expect.h"

#include <tributary/tributary.h>

static const char *const devices[] = { "cpu:0", "sim:fast" };

static void open_model(trib_model_builder *b, const char *name, trib_device **device,
                       trib_model **model, trib_session **session)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open(name, NULL, device, &err), &err);
        EXPECT_OK(trib_model_build(b, *device, model, &err), &err);
        EXPECT_OK(trib_session_open(*model, NULL, session, &err), &err);
}

static void close_model(trib_device *device, trib_model *model, trib_session *session)
{
        assert_int_equal(trib_session_close(session, NULL), TRIB_OK);
        trib_model_close(model);
        trib_device_close(device);
}

/* 3 = the row below; by hand: P a = l u with pivots 1, 1. */
static void lu_of_a_small_matrix_by_hand(void **state)
{
        const float         a[4] = { 1, 2, 4, 4 }, expected[4] = { 4, 4, 0.25f, 1 };
        trib_tensor         in = trib_tensor_from_f32(a, 2, (int64_t[]){ 2, 2 });
        trib_model_builder *b;
        trib_value          x, factors, pivots;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "a", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, TRIB_ANY });
        factors = trib_model_lu(b, x, &pivots);
        trib_model_output(b, "lu", factors);
        trib_model_output(b, "pivots", pivots);
        for (size_t i = 0; i < 2; i++) {
                trib_device  *device;
                trib_model   *model;
                trib_session *session;
                float         lu[4];
                int32_t       p[2];
                trib_tensor   out[2] = { trib_tensor_from_f32(lu, 2, (int64_t[]){ 2, 2 }),
                                         trib_tensor_from(TRIB_I32, p, 1, (int64_t[]){ 2 }) };

                open_model(b, devices[i], &device, &model, &session);
                EXPECT_OK(trib_infer(session, &in, 1, out, 2, &err), &err);
                assert_memory_equal(lu, expected, sizeof(lu));
                assert_int_equal(p[0], 1);
                assert_int_equal(p[1], 1);
                close_model(device, model, session);
        }
        trib_model_builder_destroy(b);
}

static trib_value vector(trib_model_builder *b, trib_dtype dtype, const void *data, int64_t count)
{
        trib_tensor tensor = trib_tensor_from(dtype, (void *)(uintptr_t)data, 1, &count);

        return trib_model_constant(b, &tensor);
}

static const int32_t rows[4] = { 0, 2, 2, 3 }, columns[3] = { 0, 3, 1 };
static const float   values[3] = { 1, 2, 3 };

static trib_value add_sparse(trib_model_builder *b, trib_value x, int64_t n_columns)
{
        return trib_model_sparse_matmul(b, vector(b, TRIB_I32, rows, 4),
                                        vector(b, TRIB_I32, columns, 3),
                                        vector(b, TRIB_F32, values, 3), n_columns, x);
}

static void sparse_product_by_hand(void **state)
{
        const float         x[8] = { 1, 10, 2, 20, 3, 30, 4, 40 };
        const float         expected[6] = { 9, 90, 0, 0, 6, 60 };
        trib_tensor         in = trib_tensor_from_f32(x, 2, (int64_t[]){ 4, 2 });
        trib_model_builder *b;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        trib_model_output(b, "y", add_sparse(b, trib_model_input(b, "x", TRIB_F32, 2,
                                                                 (int64_t[]){ TRIB_ANY,
                                                                              TRIB_ANY }), 4));
        for (size_t i = 0; i < 2; i++) {
                trib_device  *device;
                trib_model   *model;
                trib_session *session;
                float         y[6];
                trib_tensor   out = trib_tensor_from_f32(y, 2, (int64_t[]){ 3, 2 });
                trib_tensor   wrong = trib_tensor_from_f32(x, 2, (int64_t[]){ 2, 4 });

                open_model(b, devices[i], &device, &model, &session);
                EXPECT_OK(trib_infer(session, &in, 1, &out, 1, &err), &err);
                assert_memory_equal(y, expected, sizeof(y));
                assert_int_equal(trib_infer(session, &wrong, 1, &out, 1, &err),
                                 TRIB_SHAPE_MISMATCH);
                assert_non_null(strstr(err.message, "4 columns"));
                close_model(device, model, session);
        }
        trib_model_builder_destroy(b);
}

/* What the builder must say of a model made wrong in one way. */
static trib_value make_wrong(trib_model_builder *b, int kind)
{
        static const int64_t wide[4] = { 0, 2, 2, 3 };
        trib_value x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ 4, 2 });
        trib_value h = trib_model_input(b, "h", TRIB_F16, 2, (int64_t[]){ 4, 4 });
        trib_value any = trib_model_input(b, "any", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 2 });
        trib_value v = trib_model_input(b, "v", TRIB_F32, 1, (int64_t[]){ 4 });
        trib_value large = trib_model_input(b, "l", TRIB_F32, 2, (int64_t[]){ 2, INT64_MAX });
        trib_value r = vector(b, TRIB_I32, rows, 4), c = vector(b, TRIB_I32, columns, 3);
        trib_value f = vector(b, TRIB_F32, values, 3);

        switch (kind) {
        case 0:
                return trib_model_lu(b, h, NULL);
        case 1:
                return trib_model_lu(b, v, NULL);
        case 2:
                return trib_model_lu(b, large, NULL);
        case 3:
                return trib_model_sparse_matmul(b, r, c, f, 3, any); /* column 3 of 3 */
        case 4:
                return trib_model_sparse_matmul(b, r, c, f, 5, x);
        case 5:
                return trib_model_sparse_matmul(b, r, c, f, 0, x);
        case 6:
                return trib_model_sparse_matmul(b, r, c, x, 4, x);
        case 7:
                return trib_model_sparse_matmul(b, vector(b, TRIB_I64, wide, 4), c, f, 4, x);
        case 8:
                return trib_model_sparse_matmul(b, r, f, f, 4, x);
        case 9:
                return trib_model_sparse_matmul(b, c, c, f, 4, x); /* pointers 0 3 1 */
        case 10:
                return trib_model_sparse_matmul(b, r, r, f, 4, x);
        case 11:
                return trib_model_sparse_matmul(b, r, c, f, 4, h);
        case 12:
                return trib_model_sparse_matmul(b, r, c, f, 4, v);
        case 13:
                return trib_model_sparse_matmul(b, vector(b, TRIB_I32, rows, 1), c, f, 4, x);
        default:
                return trib_model_sparse_matmul(b, r, c, 12345, 4, x);
        }
}

static void builder_refuses_wrong_matrices(void **state)
{
        static const struct {
                trib_status status;
                const char *says;
        } expected[] = {
                { TRIB_DTYPE_MISMATCH, "lu takes f32 and f64, not f16" },
                { TRIB_SHAPE_MISMATCH, "at least two dimensions" },
                { TRIB_SHAPE_MISMATCH, "2^24" },
                { TRIB_INVALID_ARGUMENT, "in column 3, must be 0..2" },
                { TRIB_SHAPE_MISMATCH, "the 5 columns" },
                { TRIB_INVALID_ARGUMENT, "columns is 0" },
                { TRIB_UNSUPPORTED, "must be a constant" },
                { TRIB_DTYPE_MISMATCH, "both be i32 or both i64" },
                { TRIB_DTYPE_MISMATCH, "column indices are f32" },
                { TRIB_INVALID_ARGUMENT, "row pointers go from 0 to 1" },
                { TRIB_SHAPE_MISMATCH, "one length" },
                { TRIB_DTYPE_MISMATCH, "x is f16" },
                { TRIB_SHAPE_MISMATCH, "at least two dimensions" },
                { TRIB_SHAPE_MISMATCH, "rows + 1" },
                { TRIB_INVALID_ARGUMENT, "not a value" },
        };
        trib_device *device;
        trib_error   err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_device_open("cpu:0", NULL, &device, &err), &err);
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
                trib_model_builder *b;
                trib_model         *model;

                EXPECT_OK(trib_model_builder_create(&b, &err), &err);
                trib_model_output(b, "y", make_wrong(b, (int)i));
                if (trib_model_build(b, device, &model, &err) != expected[i].status)
                        fail_msg("case %zu gave %s: %s", i, trib_status_name(err.status),
                                 err.message);
                if (strstr(err.message, expected[i].says) == NULL)
                        fail_msg("case %zu said \"%s\", which has no \"%s\"", i, err.message,
                                 expected[i].says);
                trib_model_builder_destroy(b);
        }
        trib_device_close(device);
}

TRIB_TEST_MAIN(TRIB_TEST(lu_of_a_small_matrix_by_hand), TRIB_TEST(sparse_product_by_hand),
               TRIB_TEST(builder_refuses_wrong_matrices))
