/* SPDX-License-Identifier: Apache-2.0 */
/* test_dlpack.c: views to DLPack and back, and refusals. Type codes and device numbers are those
 * of the standard, written out. */
#include "test_main.h"

#include <tributary/tensor.h>

#include "base/fault.h"
#include "tensor/dlpack_abi.h"

static float pixels[24];

static void count_release(void *context)
{
        ++*(int *)context;
}

static void to_dlpack_describes_the_view(void **state)
{
        trib_tensor view = trib_tensor_from_f32(pixels, 2, (int64_t[]){ 3, 4 });
        int         released = 0;
        struct DLManagedTensorVersioned *managed = NULL;

        (void)state;
        view.strides[0] = 8;
        assert_int_equal(trib_tensor_to_dlpack(&view, count_release, &released, &managed, NULL),
                         TRIB_OK);
        assert_int_equal(managed->version.major, 1);
        assert_int_equal(managed->flags, 0);
        assert_ptr_equal(managed->tensor.data, pixels);
        assert_int_equal(managed->tensor.device.type, 1);
        assert_int_equal(managed->tensor.device.id, 0);
        assert_int_equal(managed->tensor.rank, 2);
        assert_int_equal(managed->tensor.byte_offset, 0);
        assert_true(managed->tensor.shape[0] == 3 && managed->tensor.shape[1] == 4);
        assert_true(managed->tensor.strides[0] == 8 && managed->tensor.strides[1] == 1);
        assert_int_equal(released, 0);
        managed->deleter(managed);
        assert_int_equal(released, 1);
}

static void every_dtype_has_its_code_and_comes_back(void **state)
{
        static const struct {
                trib_dtype dtype;
                uint8_t    code, bits;
        } codes[] = {
                { TRIB_F32, 2, 32 }, { TRIB_F64, 2, 64 }, { TRIB_F16, 2, 16 },
                { TRIB_BF16, 4, 16 }, { TRIB_I8, 0, 8 },  { TRIB_U8, 1, 8 },
                { TRIB_I32, 0, 32 }, { TRIB_I64, 0, 64 }, { TRIB_BOOL, 6, 8 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                trib_tensor view = trib_tensor_from(codes[i].dtype, pixels, 1, (int64_t[]){ 5 });
                trib_tensor back;
                struct DLManagedTensorVersioned *managed;

                assert_int_equal(trib_tensor_to_dlpack(&view, NULL, NULL, &managed, NULL),
                                 TRIB_OK);
                assert_int_equal(managed->tensor.dtype.code, codes[i].code);
                assert_int_equal(managed->tensor.dtype.bits, codes[i].bits);
                assert_int_equal(managed->tensor.dtype.lanes, 1);
                assert_int_equal(trib_tensor_from_dlpack(managed, &back, NULL), TRIB_OK);
                assert_memory_equal(&back, &view, sizeof(view));
                managed->deleter(managed);
        }
}

static void empty_views_and_scalars_come_back(void **state)
{
        trib_tensor views[2] = { trib_tensor_from(TRIB_I8, NULL, 2, (int64_t[]){ 0, 3 }),
                                 trib_tensor_from(TRIB_I8, pixels, 0, NULL) };

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct DLManagedTensorVersioned *managed;
                trib_tensor                      back;

                assert_int_equal(trib_tensor_to_dlpack(&views[i], NULL, NULL, &managed, NULL),
                                 TRIB_OK);
                assert_int_equal(trib_tensor_from_dlpack(managed, &back, NULL), TRIB_OK);
                assert_memory_equal(&back, &views[i], sizeof(back));
                managed->deleter(managed);
                managed = NULL;
        }
}

/* A packed f32 tensor of 2 x 3 that somebody else made. */
static struct DLManagedTensorVersioned foreign(int64_t *shape)
{
        struct DLManagedTensorVersioned managed = {
                .version = { 1, 3 },
                .flags = 1,
                .tensor = { pixels, { 1, 0 }, 2, { 2, 32, 1 }, shape, NULL, 0 },
        };

        shape[0] = 2;
        shape[1] = 3;
        return managed;
}

static void from_dlpack_reads_missing_strides_and_offsets(void **state)
{
        int64_t                         shape[2];
        int64_t                         strides[2] = { 1, 2 };
        struct DLManagedTensorVersioned managed = foreign(shape);
        trib_tensor                     view;

        (void)state;
        managed.tensor.byte_offset = 16;
        assert_int_equal(trib_tensor_from_dlpack(&managed, &view, NULL), TRIB_OK);
        assert_ptr_equal(view.data, pixels + 4);
        assert_true(view.strides[0] == 3 && view.strides[1] == 1);
        managed.tensor.strides = strides;
        assert_int_equal(trib_tensor_from_dlpack(&managed, &view, NULL), TRIB_OK);
        assert_true(view.strides[0] == 1 && view.strides[1] == 2);
        managed.tensor.device.type = 3; /* host memory pinned for CUDA */
        assert_int_equal(trib_tensor_from_dlpack(&managed, &view, NULL), TRIB_OK);
}

static void refuses(const struct DLManagedTensorVersioned *managed, trib_status expected)
{
        trib_error  err = TRIB_ERROR_INIT;
        trib_tensor view = trib_tensor_from_f32(pixels, 0, NULL);

        assert_int_equal(trib_tensor_from_dlpack(managed, &view, &err), expected);
        assert_int_equal(strncmp(err.message, "dlpack: ", 8), 0);
        assert_int_equal(view.rank, -1);
        assert_null(view.data);
}

static void from_dlpack_refuses_what_we_do_not_have(void **state)
{
        int64_t                         shape[2];
        struct DLManagedTensorVersioned managed = foreign(shape);

        (void)state;
        managed.version.major = 2;
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.version.major = 0;
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.tensor.device.type = 2; /* a CUDA device */
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.tensor.dtype.lanes = 4;
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.tensor.dtype.bits = 8; /* an 8-bit float */
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.tensor.dtype.code = 5; /* complex */
        refuses(&managed, TRIB_UNSUPPORTED);
        managed = foreign(shape);
        managed.tensor.rank = 9;
        refuses(&managed, TRIB_UNSUPPORTED);
}

static void from_dlpack_refuses_what_is_no_tensor(void **state)
{
        int64_t                         shape[2];
        struct DLManagedTensorVersioned managed = foreign(shape);
        trib_error                      err = TRIB_ERROR_INIT;

        (void)state;
        refuses(NULL, TRIB_INVALID_ARGUMENT);
        managed.tensor.rank = -1;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        managed = foreign(shape);
        managed.tensor.shape = NULL;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        managed = foreign(shape);
        managed.tensor.data = NULL;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        managed = foreign(shape);
        managed.tensor.byte_offset = UINT64_MAX;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        managed.tensor.byte_offset = 1;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        managed = foreign(shape);
        shape[0] = -2;
        refuses(&managed, TRIB_INVALID_ARGUMENT);
        shape[0] = INT64_MAX;
        refuses(&managed, TRIB_OVERFLOW);
        assert_int_equal(trib_tensor_from_dlpack(&managed, NULL, &err), TRIB_INVALID_ARGUMENT);
}

static void to_dlpack_refuses_bad_views(void **state)
{
        trib_tensor view = trib_tensor_from_f32(NULL, 1, (int64_t[]){ 4 });
        int         released = 0;
        struct DLManagedTensorVersioned *managed = (void *)&view;

        (void)state;
        assert_int_equal(trib_tensor_to_dlpack(&view, count_release, &released, &managed, NULL),
                         TRIB_INVALID_ARGUMENT);
        assert_null(managed);
        assert_int_equal(trib_tensor_to_dlpack(&view, NULL, NULL, NULL, NULL),
                         TRIB_INVALID_ARGUMENT);
        assert_int_equal(released, 0);
}

static void to_dlpack_without_memory_keeps_nothing(void **state)
{
        trib_tensor view = trib_tensor_from_f32(pixels, 1, (int64_t[]){ 4 });
        int         released = 0;
        uint64_t    failed;
        struct DLManagedTensorVersioned *managed = (void *)&view;

        (void)state;
        trib__fault_arm(1, false);
        assert_int_equal(trib_tensor_to_dlpack(&view, count_release, &released, &managed, NULL),
                         TRIB_OUT_OF_MEMORY);
        assert_int_equal(trib__fault_disarm(&failed), 1);
        assert_int_equal(failed, 1);
        assert_null(managed);
        assert_int_equal(released, 0);
}

TRIB_TEST_MAIN(TRIB_TEST(to_dlpack_describes_the_view),
               TRIB_TEST(every_dtype_has_its_code_and_comes_back),
               TRIB_TEST(empty_views_and_scalars_come_back),
               TRIB_TEST(from_dlpack_reads_missing_strides_and_offsets),
               TRIB_TEST(from_dlpack_refuses_what_we_do_not_have),
               TRIB_TEST(from_dlpack_refuses_what_is_no_tensor),
               TRIB_TEST(to_dlpack_refuses_bad_views),
               TRIB_TEST(to_dlpack_without_memory_keeps_nothing))
