/* SPDX-License-Identifier: Apache-2.0 */
/* test_copy.c: copies between views of any strides and dtypes, against plain index loops. */
#include "test_main.h"

#include <math.h>

#include <tributary/tensor.h>

#include "base/random.h"
#include "tensor/convert.h"

static void copy_keeps_every_bit_of_equal_dtypes(void **state)
{
        struct trib__random random = { 1 };
        uint64_t            from[64], to[64];

        (void)state;
        for (int i = 0; i < 64; i++)
                from[i] = trib__random_next(&random) | UINT64_C(0x7ff0) << 48;
        for (int d = TRIB_F32; d <= TRIB_BOOL; d++) {
                int64_t     count = (int64_t)(sizeof(from) / trib_dtype_size((trib_dtype)d));
                trib_tensor src = trib_tensor_from((trib_dtype)d, from, 1, &count);
                trib_tensor dst = trib_tensor_from((trib_dtype)d, to, 1, &count);

                memset(to, 0, sizeof(to));
                assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
                assert_memory_equal(from, to, sizeof(to));
        }
}

static void copy_transposes(void **state)
{
        int32_t     from[6] = { 1, 2, 3, 4, 5, 6 };
        int32_t     to[6] = { 0 };
        trib_tensor src = trib_tensor_from(TRIB_I32, from, 2, (int64_t[]){ 3, 2 });
        trib_tensor dst = trib_tensor_from(TRIB_I32, to, 2, (int64_t[]){ 3, 2 });

        (void)state;
        src.strides[0] = 1;
        src.strides[1] = 3;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_memory_equal(to, ((int32_t[]){ 1, 4, 2, 5, 3, 6 }), sizeof(to));
}

static void copy_repeats_and_reverses(void **state)
{
        float       from[3] = { 1, 2, 3 };
        float       to[6];
        trib_tensor src = trib_tensor_from_f32(from, 2, (int64_t[]){ 2, 3 });
        trib_tensor dst = trib_tensor_from_f32(to, 2, (int64_t[]){ 2, 3 });

        (void)state;
        src.strides[0] = 0;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_memory_equal(to, ((float[]){ 1, 2, 3, 1, 2, 3 }), sizeof(to));
        src.data = from + 2;
        src.strides[1] = -1;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_memory_equal(to, ((float[]){ 3, 2, 1, 3, 2, 1 }), sizeof(to));
}

/* A view of a random shape in `memory` of 4096 elements, with dimensions in a random order in
 * memory, some apart, some reversed. */
static trib_tensor random_view(struct trib__random *random, trib_dtype dtype, void *memory,
                               const trib_tensor *like)
{
        trib_tensor view = *like;
        int         order[TRIB_MAX_RANK];
        int64_t     step = 1 + trib__random_below(random, 2);
        int64_t     first = 0;

        for (int d = 0; d < view.rank; d++)
                order[d] = d;
        for (int d = view.rank - 1; d > 0; d--) {
                int other = (int)trib__random_below(random, (uint32_t)d + 1);
                int kept = order[d];

                order[d] = order[other];
                order[other] = kept;
        }
        for (int d = 0; d < view.rank; d++) {
                int64_t size = view.shape[order[d]];

                view.strides[order[d]] = step;
                if (trib__random_below(random, 3) == 0 && size > 0) {
                        first += step * (size - 1);
                        view.strides[order[d]] = -step;
                }
                step *= size;
        }
        view.dtype = dtype;
        view.data = (char *)memory + first * (int64_t)trib_dtype_size(dtype);
        return view;
}

static size_t element_at(const trib_tensor *view, const void *memory, const int64_t *index)
{
        ptrdiff_t at = ((const char *)view->data - (const char *)memory) /
                       (ptrdiff_t)trib_dtype_size(view->dtype);

        for (int d = 0; d < view->rank; d++)
                at += index[d] * view->strides[d];
        return (size_t)at;
}

static void check_copied(const trib_tensor *dst, const void *to, const trib_tensor *src,
                         const void *from)
{
        int64_t index[TRIB_MAX_RANK] = { 0 };
        int     d;

        do {
                double value = trib__load_as_f64(src->dtype, from, element_at(src, from, index));
                double rounded[1];

                trib__store_from_f64(dst->dtype, rounded, 0, value);
                assert_true(trib__load_as_f64(dst->dtype, rounded, 0) ==
                            trib__load_as_f64(dst->dtype, to, element_at(dst, to, index)));
                for (d = src->rank - 1; d >= 0; d--) {
                        if (++index[d] < src->shape[d])
                                break;
                        index[d] = 0;
                }
        } while (d >= 0);
}

static void copy_walks_any_strides_and_dtypes(void **state)
{
        static double       from[4096], to[4096];
        struct trib__random random = { 2 };

        (void)state;
        for (int round = 0; round < 3000; round++) {
                trib_dtype  a = (trib_dtype)(1 + trib__random_below(&random, 9));
                trib_dtype  b = (trib_dtype)(1 + trib__random_below(&random, 9));
                trib_tensor like = { .rank = (int32_t)trib__random_below(&random, 6) };
                trib_tensor src, dst;

                for (int d = 0; d < like.rank; d++)
                        like.shape[d] = 1 + trib__random_below(&random, 4);
                for (size_t i = 0; i < 4096; i++)
                        trib__store_from_f64(a, from, i,
                                             (double)trib__random_below(&random, 900) * 0.5 - 200);
                src = random_view(&random, a, from, &like);
                dst = random_view(&random, b, to, &like);
                assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
                check_copied(&dst, to, &src, from);
        }
}

static void copy_writes_only_its_elements(void **state)
{
        float       from[4] = { 1, 2, 3, 4 };
        float       to[9];
        trib_tensor src = trib_tensor_from_f32(from, 2, (int64_t[]){ 2, 2 });
        trib_tensor dst = trib_tensor_from_f32(to, 2, (int64_t[]){ 2, 2 });

        (void)state;
        for (int i = 0; i < 9; i++)
                to[i] = -1;
        dst.strides[0] = 5;
        dst.strides[1] = 2;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_memory_equal(to, ((float[]){ 1, -1, 2, -1, -1, 3, -1, 4, -1 }), sizeof(to));
}

static void copy_rounds_large_integers_once(void **state)
{
        /* Just over half way between two floats: through a double it would be the tie. */
        int64_t     from[4] = { (INT64_C(1) << 60) + (INT64_C(1) << 36) + 1,
                                -(INT64_C(1) << 60) - (INT64_C(1) << 36) - 1, INT64_MIN,
                                (INT64_C(1) << 60) + (INT64_C(1) << 52) + 1 };
        float       f32[4];
        uint16_t    bf16[4];
        double      f64[4];
        int64_t     count = 4;
        trib_tensor src = trib_tensor_from(TRIB_I64, from, 1, &count);
        trib_tensor dst = trib_tensor_from(TRIB_F32, f32, 1, &count);

        (void)state;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_true(f32[0] == 0x1.0p60f + 0x1.0p37f);
        assert_true(f32[1] == -0x1.0p60f - 0x1.0p37f);
        assert_true(f32[2] == -0x1.0p63f);
        dst = trib_tensor_from(TRIB_BF16, bf16, 1, &count);
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_true(trib__bf16_to_f32(bf16[3]) == 0x1.0p60f + 0x1.0p53f);
        dst = trib_tensor_from(TRIB_F64, f64, 1, &count);
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        for (int i = 0; i < 4; i++)
                assert_true(f64[i] == (double)from[i]);
}

static void copy_of_i64_to_f32_is_the_compilers(void **state)
{
        struct trib__random random = { 9 };

        (void)state;
        for (int i = 0; i < 20000; i++) {
                int64_t from = (int64_t)trib__random_next(&random) >>
                               trib__random_below(&random, 60);
                float       to;
                trib_tensor src = trib_tensor_from(TRIB_I64, &from, 0, NULL);
                trib_tensor dst = trib_tensor_from(TRIB_F32, &to, 0, NULL);

                assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
                assert_true(to == (float)from);
        }
}

static void copy_to_bool_is_one_unless_zero(void **state)
{
        float         from[5] = { 0.0f, -0.0f, 1e-45f, NAN, -3.0f };
        unsigned char to[5];
        int64_t       count = 5;
        trib_tensor   src = trib_tensor_from(TRIB_F32, from, 1, &count);
        trib_tensor   dst = trib_tensor_from(TRIB_BOOL, to, 1, &count);

        (void)state;
        assert_int_equal(trib_tensor_copy(&dst, &src, NULL), TRIB_OK);
        assert_memory_equal(to, "\0\0\1\1\1", 5);
}

static void copy_onto_itself_is_fine(void **state)
{
        float       data[4] = { 1, 2, 3, 4 };
        trib_tensor view = trib_tensor_from_f32(data, 1, (int64_t[]){ 4 });

        (void)state;
        assert_int_equal(trib_tensor_copy(&view, &view, NULL), TRIB_OK);
        assert_memory_equal(data, ((float[]){ 1, 2, 3, 4 }), sizeof(data));
}

static void copy_refuses_other_shapes_and_bad_views(void **state)
{
        float       data[4] = { 0 };
        trib_error  err = TRIB_ERROR_INIT;
        trib_tensor a = trib_tensor_from_f32(data, 1, (int64_t[]){ 4 });
        trib_tensor b = trib_tensor_from_f32(data, 2, (int64_t[]){ 2, 2 });
        trib_tensor c = trib_tensor_from_f32(data, 1, (int64_t[]){ 3 });

        (void)state;
        assert_int_equal(trib_tensor_copy(&a, &b, &err), TRIB_SHAPE_MISMATCH);
        assert_string_equal(err.message, "copy: rank is 2 in src but 1 in dst");
        assert_int_equal(trib_tensor_copy(&a, &c, &err), TRIB_SHAPE_MISMATCH);
        assert_string_equal(err.message, "copy: dimension 0 is 3 in src but 4 in dst");
        assert_int_equal(trib_tensor_copy(NULL, &a, &err), TRIB_INVALID_ARGUMENT);
        assert_int_equal(trib_tensor_copy(&a, NULL, &err), TRIB_INVALID_ARGUMENT);
        c.strides[0] = INT64_MAX;
        assert_int_equal(trib_tensor_copy(&a, &c, &err), TRIB_OVERFLOW);
}

static void copy_of_nothing_touches_nothing(void **state)
{
        trib_tensor a = trib_tensor_from(TRIB_F32, NULL, 2, (int64_t[]){ 0, 5 });
        trib_tensor b = trib_tensor_from(TRIB_I8, NULL, 2, (int64_t[]){ 0, 5 });

        (void)state;
        assert_int_equal(trib_tensor_copy(&a, &b, NULL), TRIB_OK);
}

TRIB_TEST_MAIN(TRIB_TEST(copy_keeps_every_bit_of_equal_dtypes), TRIB_TEST(copy_transposes),
               TRIB_TEST(copy_repeats_and_reverses), TRIB_TEST(copy_walks_any_strides_and_dtypes),
               TRIB_TEST(copy_writes_only_its_elements),
               TRIB_TEST(copy_rounds_large_integers_once),
               TRIB_TEST(copy_of_i64_to_f32_is_the_compilers),
               TRIB_TEST(copy_to_bool_is_one_unless_zero), TRIB_TEST(copy_onto_itself_is_fine),
               TRIB_TEST(copy_refuses_other_shapes_and_bad_views),
               TRIB_TEST(copy_of_nothing_touches_nothing))
