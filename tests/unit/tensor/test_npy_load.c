/* SPDX-License-Identifier: Apache-2.0 */
/* test_npy_load.c: reading .npy files, whole and broken. */
#include "test_main.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tributary/tensor.h>

#include "base/fault.h"
#include "npy_files.h"

#define TEXT "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n"

static const float six[6] = { 1, 2, 3, 4, 5, 6 };

/* Loading must fail so, and leave nothing. */
static void refuses(const char *path, trib_status expected, const char *words)
{
        trib_error  err = TRIB_ERROR_INIT;
        trib_tensor tensor = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });

        assert_int_equal(trib_npy_load(path, &tensor, &err), expected);
        assert_int_equal(err.status, expected);
        if (strstr(err.message, words) == NULL)
                fail_msg("'%s' does not say '%s'", err.message, words);
        assert_int_equal(tensor.rank, -1);
        assert_null(tensor.data);
}

static void npy_load_reads_every_format(void **state)
{
        (void)state;
        for (int major = 1; major <= 3; major++) {
                unsigned char bytes[1024];
                size_t        size = npy_compose(major, TEXT, six, sizeof(six), bytes);
                const char   *path = npy_path("a.npy");
                trib_tensor   tensor;

                npy_write_file(path, bytes, size);
                assert_int_equal(trib_npy_load(path, &tensor, NULL), TRIB_OK);
                assert_int_equal(tensor.dtype, TRIB_F32);
                assert_int_equal(tensor.rank, 2);
                assert_true(tensor.shape[0] == 2 && tensor.shape[1] == 3);
                assert_true(trib_tensor_is_contiguous(&tensor));
                assert_memory_equal(tensor.data, six, sizeof(six));
                trib_npy_free(&tensor);
                assert_null(tensor.data);
                assert_int_equal(tensor.rank, -1);
                trib_npy_free(&tensor);
        }
        trib_npy_free(NULL);
        npy_files_remove();
}

static void npy_load_puts_fortran_order_into_c_order(void **state)
{
        static const int8_t expected[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
        /* Element (i, j, k) is 4i + 2j + k and lies at i + 2j + 4k. */
        static const int8_t stored[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };
        unsigned char       bytes[1024];
        const char         *path = npy_path("f.npy");
        trib_tensor         tensor;
        size_t size = npy_compose(1, "{'descr': '|i1', 'fortran_order': True, 'shape': (2,2,2)}\n",
                                  stored, sizeof(stored), bytes);

        (void)state;
        npy_write_file(path, bytes, size);
        assert_int_equal(trib_npy_load(path, &tensor, NULL), TRIB_OK);
        assert_true(trib_tensor_is_contiguous(&tensor));
        assert_memory_equal(tensor.data, expected, sizeof(expected));
        trib_npy_free(&tensor);
        size = npy_compose(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}\n",
                           six, sizeof(six), bytes);
        npy_write_file(path, bytes, size);
        assert_int_equal(trib_npy_load(path, &tensor, NULL), TRIB_OK);
        assert_memory_equal(tensor.data, ((float[]){ 1, 3, 5, 2, 4, 6 }), sizeof(six));
        trib_npy_free(&tensor);
        npy_files_remove();
}

static void npy_load_reads_empty_and_scalar(void **state)
{
        unsigned char bytes[1024];
        const char   *path = npy_path("e.npy");
        trib_tensor   tensor;
        size_t        size = npy_compose(
                1, "{'descr': '<f4', 'fortran_order': True, "
                   "'shape': (9223372036854775807, 0, 9)}\n", NULL, 0, bytes);

        (void)state;
        npy_write_file(path, bytes, size);
        assert_int_equal(trib_npy_load(path, &tensor, NULL), TRIB_OK);
        assert_true(tensor.rank == 3 && tensor.shape[0] == INT64_MAX);
        trib_npy_free(&tensor);
        size = npy_compose(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", six, 4,
                           bytes);
        npy_write_file(path, bytes, size);
        assert_int_equal(trib_npy_load(path, &tensor, NULL), TRIB_OK);
        assert_int_equal(tensor.rank, 0);
        assert_true(*(float *)tensor.data == 1.0f);
        trib_npy_free(&tensor);
        npy_files_remove();
}

static void npy_load_refuses_a_file_cut_at_any_byte(void **state)
{
        (void)state;
        for (int major = 1; major <= 3; major++) {
                unsigned char bytes[1024];
                size_t        size = npy_compose(major, TEXT, six, sizeof(six), bytes);

                for (size_t cut = 0; cut < size; cut++) {
                        const char *path = npy_path("cut.npy");

                        npy_write_file(path, bytes, cut);
                        refuses(path, TRIB_MALFORMED, "cut.npy: npy: offset ");
                }
        }
        npy_files_remove();
}

static void npy_load_compares_the_size_of_the_file(void **state)
{
        unsigned char bytes[1024] = { 0 };
        const char   *path = npy_path("size.npy");
        size_t        size = npy_compose(1, TEXT, six, sizeof(six), bytes);

        (void)state;
        npy_write_file(path, bytes, size + 1);
        refuses(path, TRIB_MALFORMED, "offset 75: the shape needs 24 bytes of elements, but the "
                                      "file has 25");
        npy_write_file(path, bytes, size - 1);
        refuses(path, TRIB_MALFORMED, "but the file has 23");
        npy_files_remove();
}

static void npy_load_refuses_shapes_that_overflow(void **state)
{
        static const char *const shapes[] = {
                "(9223372036854775807, 9223372036854775807)",
                "(4611686018427387904, 4)",
                "(9223372036854775807,)",
                "(4294967296, 4294967296)",
                "(65536, 65536, 65536, 65536)",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                unsigned char bytes[1024];
                char          text[200];
                const char   *path = npy_path("big.npy");

                (void)snprintf(text, sizeof(text),
                               "{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n",
                               shapes[i]);
                npy_write_file(path, bytes, npy_compose(1, text, six, sizeof(six), bytes));
                refuses(path, TRIB_MALFORMED, "more bytes than there can be");
        }
        npy_files_remove();
}

static void npy_load_never_allocates_more_than_the_file(void **state)
{
        unsigned char bytes[1024];
        const char   *path = npy_path("claims.npy");

        (void)state;
        /* 2^60 bytes claimed: a size that no allocator gives, yet it is not memory that lacks. */
        npy_write_file(path, bytes,
                       npy_compose(1, "{'descr': '<f4', 'fortran_order': False, 'shape': "
                                      "(288230376151711744,)}\n", six, sizeof(six), bytes));
        refuses(path, TRIB_MALFORMED, "the file has 24");
        npy_files_remove();
}

static void npy_load_refuses_what_is_no_file(void **state)
{
        const char *pipe_path;

        (void)state;
        refuses(NULL, TRIB_INVALID_ARGUMENT, "path is NULL");
        refuses(npy_path("none.npy"), TRIB_NOT_FOUND, "none.npy: No such file");
        refuses("/", TRIB_IO, "no regular file");
        pipe_path = npy_path("pipe.npy");
        assert_int_equal(mkfifo(pipe_path, 0600), 0);
        refuses(pipe_path, TRIB_IO, "no regular file");
        refuses("/dev/null", TRIB_IO, "no regular file");
        assert_int_equal(trib_npy_load("/", NULL, NULL), TRIB_INVALID_ARGUMENT);
        npy_files_remove();
}

static void npy_load_names_the_file_in_its_errors(void **state)
{
        const char *path = npy_path("text.npy");

        (void)state;
        npy_write_file(path, "hello, world\n", 13);
        refuses(path, TRIB_MALFORMED, "text.npy: npy: offset 0: no .npy file");
        npy_files_remove();
}

static void sweep(const char *path, bool is_persistent)
{
        uint64_t failed = 1;

        for (uint64_t k = 1; failed != 0; k++) {
                trib_tensor tensor = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });
                trib_error  err = TRIB_ERROR_INIT;
                trib_status status;

                trib__fault_arm(k, is_persistent);
                status = trib_npy_load(path, &tensor, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0) {
                        assert_int_equal(status, TRIB_OK);
                        assert_true(k > 5);
                        trib_npy_free(&tensor);
                        continue;
                }
                if (status == TRIB_OK) { /* a short read is read on */
                        assert_string_equal(trib__fault_last()->name, "npy.read_short");
                        assert_memory_equal(tensor.data, six, sizeof(six[0]));
                        assert_memory_equal((float *)tensor.data + 5, six + 5, sizeof(six[5]));
                        trib_npy_free(&tensor);
                        continue;
                }
                assert_true(status == TRIB_IO || status == TRIB_OUT_OF_MEMORY);
                assert_int_equal(err.status, status);
                assert_true(strlen(err.message) > 0);
                assert_int_equal(tensor.rank, -1);
                assert_null(tensor.data);
        }
}

static void npy_load_survives_every_fault(void **state)
{
        unsigned char bytes[1024];
        const char   *path = npy_path("fault.npy");

        (void)state;
        npy_write_file(path, bytes,
                       npy_compose(2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}\n",
                                   six, sizeof(six), bytes));
        sweep(path, false);
        sweep(path, true);
        npy_files_remove();
}

static void npy_load_reads_files_that_numpy_wrote(void **state)
{
        const char *root = getenv("TRIB_SOURCE_DIR");
        char        path[4096];
        trib_tensor tensor;
        trib_error  err = TRIB_ERROR_INIT;

        (void)state;
        if (root == NULL)
                skip();
        (void)snprintf(path, sizeof(path), "%s/examples/digits/data/w0.npy", root);
        assert_int_equal(trib_npy_load(path, &tensor, &err), TRIB_OK);
        assert_int_equal(tensor.dtype, TRIB_F32);
        assert_int_equal(tensor.rank, 2);
        assert_true(tensor.shape[1] == 64);
        trib_npy_free(&tensor);
}

TRIB_TEST_MAIN(TRIB_TEST(npy_load_reads_every_format),
               TRIB_TEST(npy_load_puts_fortran_order_into_c_order),
               TRIB_TEST(npy_load_reads_empty_and_scalar),
               TRIB_TEST(npy_load_refuses_a_file_cut_at_any_byte),
               TRIB_TEST(npy_load_compares_the_size_of_the_file),
               TRIB_TEST(npy_load_refuses_shapes_that_overflow),
               TRIB_TEST(npy_load_never_allocates_more_than_the_file),
               TRIB_TEST(npy_load_refuses_what_is_no_file),
               TRIB_TEST(npy_load_names_the_file_in_its_errors),
               TRIB_TEST(npy_load_survives_every_fault),
               TRIB_TEST(npy_load_reads_files_that_numpy_wrote))
