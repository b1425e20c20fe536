/* SPDX-License-Identifier: Apache-2.0 */
/* test_view.c: dtypes, and making, checking and slicing views. */
#include "test_main.h"

#include <tributary/tensor.h>

static float pixels[24];

static trib_tensor pixels_view(void)
{
        return trib_tensor_from_f32(pixels, 3, (int64_t[]){ 2, 3, 4 });
}

static void check_refuses(const trib_tensor *tensor, trib_status expected, const char *words)
{
        trib_error err = TRIB_ERROR_INIT;
        size_t     elements = 77, bytes = 77;

        assert_int_equal(trib_tensor_check(tensor, &elements, &bytes, &err), expected);
        assert_int_equal(err.status, expected);
        assert_non_null(strstr(err.message, words));
        assert_int_equal(elements, 77);
        assert_int_equal(bytes, 77);
}

static void dtypes_have_sizes_and_names(void **state)
{
        static const size_t      sizes[] = { 0, 4, 8, 2, 2, 1, 1, 4, 8, 1 };
        static const char *const names[] = { "?",  "f32", "f64", "f16", "bf16",
                                             "i8", "u8",  "i32", "i64", "bool" };

        (void)state;
        for (int d = 0; d <= TRIB_BOOL; d++) {
                assert_int_equal(trib_dtype_size((trib_dtype)d), sizes[d]);
                assert_string_equal(trib_dtype_name((trib_dtype)d), names[d]);
        }
        assert_int_equal(trib_dtype_size((trib_dtype)10), 0);
        assert_string_equal(trib_dtype_name((trib_dtype)-1), "?");
}

static void views_are_packed_row_major(void **state)
{
        trib_tensor view = pixels_view();
        size_t      elements, bytes;

        (void)state;
        assert_int_equal(view.rank, 3);
        assert_int_equal(view.dtype, TRIB_F32);
        assert_ptr_equal(view.data, pixels);
        assert_true(view.strides[0] == 12 && view.strides[1] == 4 && view.strides[2] == 1);
        assert_int_equal(trib_tensor_check(&view, &elements, &bytes, NULL), TRIB_OK);
        assert_int_equal(elements, 24);
        assert_int_equal(bytes, 96);
        assert_int_equal(trib_tensor_check(&view, NULL, NULL, NULL), TRIB_OK);
}

static void a_scalar_has_one_element(void **state)
{
        trib_tensor scalar = trib_tensor_from(TRIB_F32, pixels, 0, NULL);
        size_t      elements, bytes;

        (void)state;
        assert_int_equal(trib_tensor_check(&scalar, &elements, &bytes, NULL), TRIB_OK);
        assert_int_equal(elements, 1);
        assert_int_equal(bytes, 4);
        assert_true(trib_tensor_is_contiguous(&scalar));
}

static void views_that_cannot_be_made_are_refused_by_name(void **state)
{
        int64_t     shape[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        trib_tensor nine = trib_tensor_from(TRIB_F32, pixels, 9, shape);
        trib_tensor negative = trib_tensor_from(TRIB_F32, pixels, -3, shape);
        trib_tensor shapeless = trib_tensor_from(TRIB_F32, pixels, 1, NULL);
        trib_tensor broken = pixels_view();

        (void)state;
        check_refuses(&nine, TRIB_INVALID_ARGUMENT, "rank");
        check_refuses(&negative, TRIB_INVALID_ARGUMENT, "rank");
        check_refuses(&shapeless, TRIB_INVALID_ARGUMENT, "rank");
        broken.rank = 9;
        check_refuses(&broken, TRIB_INVALID_ARGUMENT, "rank");
        check_refuses(NULL, TRIB_INVALID_ARGUMENT, "NULL");
}

static void check_refuses_bad_dtype_dimension_and_data(void **state)
{
        trib_tensor view = pixels_view();

        (void)state;
        view.dtype = (trib_dtype)10;
        check_refuses(&view, TRIB_INVALID_ARGUMENT, "10 is no dtype");
        view.dtype = TRIB_DTYPE_NONE;
        check_refuses(&view, TRIB_INVALID_ARGUMENT, "no dtype");
        view = pixels_view();
        view.shape[1] = -1;
        check_refuses(&view, TRIB_INVALID_ARGUMENT, "dimension 1 is -1");
        view = pixels_view();
        view.data = NULL;
        check_refuses(&view, TRIB_INVALID_ARGUMENT, "24 elements");
        view.data = (char *)pixels + 2;
        check_refuses(&view, TRIB_INVALID_ARGUMENT, "aligned");
        view.dtype = TRIB_F16;
        assert_int_equal(trib_tensor_check(&view, NULL, NULL, NULL), TRIB_OK);
}

static void check_finds_every_overflow(void **state)
{
        static const int64_t big = INT64_C(1) << 62;
        trib_tensor          view;

        (void)state;
        view = trib_tensor_from(TRIB_I8, pixels, 2, (int64_t[]){ big, 2 });
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        view = trib_tensor_from(TRIB_I32, pixels, 1, (int64_t[]){ big });
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        view = trib_tensor_from(TRIB_I8, pixels, 3, (int64_t[]){ INT64_MAX, INT64_MAX, 4 });
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        view = pixels_view();
        view.strides[0] = INT64_MAX;
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        view.strides[0] = INT64_MIN;
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        view.strides[0] = INT64_MAX / 8;
        view.strides[1] = INT64_MIN / 8;
        check_refuses(&view, TRIB_OVERFLOW, "address space");
        /* Strides of a dimension of 1 are never stepped. */
        view = trib_tensor_from(TRIB_I8, pixels, 2, (int64_t[]){ 1, 24 });
        view.strides[0] = INT64_MIN;
        assert_int_equal(trib_tensor_check(&view, NULL, NULL, NULL), TRIB_OK);
}

static void an_empty_view_needs_no_data(void **state)
{
        trib_tensor view = trib_tensor_from(TRIB_F64, NULL, 3, (int64_t[]){ INT64_MAX, 0, 9 });
        trib_tensor none;
        size_t      elements = 1, bytes = 1;

        (void)state;
        assert_int_equal(trib_tensor_check(&view, &elements, &bytes, NULL), TRIB_OK);
        assert_int_equal(elements, 0);
        assert_int_equal(bytes, 0);
        assert_true(trib_tensor_is_contiguous(&view));
        assert_int_equal(trib_tensor_rows(&view, 5, 7, &none, NULL), TRIB_OK);
        assert_null(none.data);
        view.strides[0] = INT64_MAX;
        assert_int_equal(trib_tensor_rows(&view, 5, 7, &none, NULL), TRIB_OK);
}

static void contiguity_looks_at_strides_that_matter(void **state)
{
        trib_tensor view = pixels_view();

        (void)state;
        assert_true(trib_tensor_is_contiguous(&view));
        view.strides[1] = 5;
        assert_false(trib_tensor_is_contiguous(&view));
        view.shape[1] = 1;
        view.strides[0] = 4;
        assert_true(trib_tensor_is_contiguous(&view));
        view.strides[2] = -1;
        assert_false(trib_tensor_is_contiguous(&view));
        view.shape[0] = 0;
        assert_true(trib_tensor_is_contiguous(&view));
        view.rank = -1;
        assert_false(trib_tensor_is_contiguous(&view));
        view.rank = 9;
        assert_false(trib_tensor_is_contiguous(&view));
        assert_false(trib_tensor_is_contiguous(NULL));
}

static void rows_view_the_same_memory(void **state)
{
        trib_tensor view = trib_tensor_from_f32(pixels, 2, (int64_t[]){ 6, 4 });
        trib_tensor rows;

        (void)state;
        assert_int_equal(trib_tensor_rows(&view, 2, 3, &rows, NULL), TRIB_OK);
        assert_ptr_equal(rows.data, pixels + 8);
        assert_true(rows.shape[0] == 3 && rows.shape[1] == 4);
        assert_int_equal(trib_tensor_rows(&rows, 2, 1, &rows, NULL), TRIB_OK);
        assert_ptr_equal(rows.data, pixels + 16);
        assert_int_equal(trib_tensor_rows(&view, 6, 0, &rows, NULL), TRIB_OK);
        assert_true(rows.shape[0] == 0);
        view.data = pixels + 20;
        view.strides[0] = -4;
        assert_int_equal(trib_tensor_rows(&view, 1, 2, &rows, NULL), TRIB_OK);
        assert_ptr_equal(rows.data, pixels + 16);
}

static void rows_outside_are_refused(void **state)
{
        static const int64_t outside[][2] = { { -1, 1 }, { 0, -1 },  { 7, 0 },
                                              { 6, 1 },  { 0, 7 },   { INT64_MAX, 1 },
                                              { 1, INT64_MAX }, { INT64_MIN, INT64_MIN } };
        trib_tensor view = trib_tensor_from_f32(pixels, 2, (int64_t[]){ 6, 4 });
        trib_tensor scalar = trib_tensor_from_f32(pixels, 0, NULL);
        trib_tensor rows = view;

        (void)state;
        for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
                trib_error err = TRIB_ERROR_INIT;

                assert_int_equal(trib_tensor_rows(&view, outside[i][0], outside[i][1], &rows,
                                                  &err), TRIB_INVALID_ARGUMENT);
                assert_non_null(strstr(err.message, "not inside 0..6"));
                assert_int_equal(rows.rank, -1);
                assert_null(rows.data);
        }
        assert_int_equal(trib_tensor_rows(&scalar, 0, 1, &rows, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib_tensor_rows(NULL, 0, 1, &rows, NULL), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib_tensor_rows(&view, 0, 1, NULL, NULL), TRIB_INVALID_ARGUMENT);
}

TRIB_TEST_MAIN(TRIB_TEST(dtypes_have_sizes_and_names), TRIB_TEST(views_are_packed_row_major),
               TRIB_TEST(a_scalar_has_one_element),
               TRIB_TEST(views_that_cannot_be_made_are_refused_by_name),
               TRIB_TEST(check_refuses_bad_dtype_dimension_and_data),
               TRIB_TEST(check_finds_every_overflow), TRIB_TEST(an_empty_view_needs_no_data),
               TRIB_TEST(contiguity_looks_at_strides_that_matter),
               TRIB_TEST(rows_view_the_same_memory), TRIB_TEST(rows_outside_are_refused))
