/* SPDX-License-Identifier: Apache-2.0 */
/* test_npy_save.c: writing .npy files, and what is left when that fails: nothing new. */
#include "test_main.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tributary/tensor.h>

#include "base/fault.h"
#include "npy_files.h"

static const float six[6] = { 1, 2, 3, 4, 5, 6 };

static void npy_save_writes_what_numpy_would(void **state)
{
        const char   *path = npy_path("a.npy");
        trib_tensor   view = trib_tensor_from_f32(six, 2, (int64_t[]){ 2, 3 });
        unsigned char expected[1024];
        char          text[119];
        size_t        size;
        char         *bytes;

        (void)state;
        (void)snprintf(text, sizeof(text), "%-117s\n",
                       "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        assert_int_equal(trib_npy_save(path, &view, NULL), TRIB_OK);
        bytes = npy_read_file(path, &size);
        assert_int_equal(size, npy_compose(1, text, six, sizeof(six), expected));
        assert_memory_equal(bytes, expected, size);
        free(bytes);
        assert_int_equal(npy_file_count(), 1);
        npy_files_remove();
}

static void npy_save_and_load_round_trip_every_dtype_and_rank(void **state)
{
        static const int64_t shape[8] = { 2, 1, 3, 1, 2, 2, 1, 2 };
        unsigned char        data[48 * 8];

        (void)state;
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (unsigned char)(i * 37);
        for (int rank = 0; rank <= 8; rank++)
                for (int d = TRIB_F32; d <= TRIB_BOOL; d++) {
                        const char *path = npy_path("r.npy");
                        trib_tensor view = trib_tensor_from((trib_dtype)d, data, rank, shape);
                        trib_tensor back;
                        size_t      bytes;

                        assert_int_equal(trib_tensor_check(&view, NULL, &bytes, NULL), TRIB_OK);
                        assert_int_equal(trib_npy_save(path, &view, NULL), TRIB_OK);
                        if (d == TRIB_BF16) {
                                assert_int_equal(trib_npy_load(path, &back, NULL),
                                                 TRIB_UNSUPPORTED);
                                continue;
                        }
                        assert_int_equal(trib_npy_load(path, &back, NULL), TRIB_OK);
                        assert_int_equal(back.dtype, d);
                        assert_int_equal(back.rank, rank);
                        assert_memory_equal(back.shape, view.shape, sizeof(view.shape));
                        assert_memory_equal(back.data, data, bytes);
                        trib_npy_free(&back);
                }
        npy_files_remove();
}

static void npy_save_packs_strided_views(void **state)
{
        const char *path = npy_path("t.npy");
        trib_tensor view = trib_tensor_from_f32(six, 2, (int64_t[]){ 3, 2 });
        trib_tensor back;

        (void)state;
        view.strides[0] = 1;
        view.strides[1] = 3;
        assert_int_equal(trib_npy_save(path, &view, NULL), TRIB_OK);
        assert_int_equal(trib_npy_load(path, &back, NULL), TRIB_OK);
        assert_memory_equal(back.data, ((float[]){ 1, 4, 2, 5, 3, 6 }), sizeof(six));
        trib_npy_free(&back);
        npy_files_remove();
}

static void npy_save_writes_empty_views(void **state)
{
        const char *path = npy_path("e.npy");
        trib_tensor view = trib_tensor_from(TRIB_I64, NULL, 2, (int64_t[]){ 0, 4 });
        trib_tensor back;

        (void)state;
        assert_int_equal(trib_npy_save(path, &view, NULL), TRIB_OK);
        assert_int_equal(trib_npy_load(path, &back, NULL), TRIB_OK);
        assert_true(back.rank == 2 && back.shape[0] == 0 && back.shape[1] == 4);
        trib_npy_free(&back);
        npy_files_remove();
}

static void npy_save_works_with_a_plain_name(void **state)
{
        trib_tensor view = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });
        char        folder[512];

        (void)state;
        (void)snprintf(folder, sizeof(folder), "%s", npy_path("."));
        assert_int_equal(chdir(folder), 0);
        assert_int_equal(trib_npy_save("plain.npy", &view, NULL), TRIB_OK);
        assert_int_equal(npy_file_count(), 1);
        assert_int_equal(access(npy_path("plain.npy"), R_OK), 0);
        assert_int_equal(chdir("/"), 0);
        npy_files_remove();
}

static void npy_save_replaces_an_older_file(void **state)
{
        const char *path = npy_path("old.npy");
        trib_tensor view = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });
        trib_tensor back;

        (void)state;
        npy_write_file(path, "something else", 14);
        assert_int_equal(trib_npy_save(path, &view, NULL), TRIB_OK);
        assert_int_equal(trib_npy_load(path, &back, NULL), TRIB_OK);
        trib_npy_free(&back);
        assert_int_equal(npy_file_count(), 1);
        npy_files_remove();
}

static void refuses(const char *path, const trib_tensor *view, trib_status expected,
                    const char *words)
{
        trib_error err = TRIB_ERROR_INIT;

        assert_int_equal(trib_npy_save(path, view, &err), expected);
        if (strstr(err.message, words) == NULL)
                fail_msg("'%s' does not say '%s'", err.message, words);
}

static void npy_save_refuses_bad_views_and_targets(void **state)
{
        trib_tensor view = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });
        trib_tensor none = trib_tensor_from_f32(six, 9, (int64_t[]){ 6 });
        struct stat status;

        (void)state;
        refuses(NULL, &view, TRIB_INVALID_ARGUMENT, "path is NULL");
        refuses(npy_path("a.npy"), NULL, TRIB_INVALID_ARGUMENT, "view is NULL");
        refuses(npy_path("a.npy"), &none, TRIB_INVALID_ARGUMENT, "rank");
        refuses(npy_path("none/a.npy"), &view, TRIB_IO, "none/a.npy: No such file");
        refuses(npy_path("."), &view, TRIB_IO, "no regular file");
        refuses("", &view, TRIB_IO, "cannot");
        refuses("/dev/null", &view, TRIB_IO, "no regular file");
        assert_int_equal(stat("/dev/null", &status), 0);
        assert_true(S_ISCHR(status.st_mode));
        assert_int_equal(npy_file_count(), 0);
        npy_files_remove();
}

static void sweep(const char *path, const trib_tensor *view, bool is_persistent, int old_files)
{
        uint64_t failed = 1;

        for (uint64_t k = 1; failed != 0; k++) {
                trib_error  err = TRIB_ERROR_INIT;
                trib_status status;

                trib__fault_arm(k, is_persistent);
                status = trib_npy_save(path, view, &err);
                (void)trib__fault_disarm(&failed);
                if (failed == 0) {
                        assert_int_equal(status, TRIB_OK);
                        assert_true(k > 6);
                        continue;
                }
                if (status == TRIB_OK) { /* a short write is written on; the folder may refuse */
                        const char *site = trib__fault_last()->name;

                        assert_true(strcmp(site, "npy.write_short") == 0 ||
                                    strcmp(site, "npy.folder") == 0);
                        assert_int_equal(npy_file_count(), 1);
                        if (old_files == 0)
                                assert_int_equal(unlink(path), 0);
                        continue;
                }
                assert_true(status == TRIB_IO || status == TRIB_OUT_OF_MEMORY);
                assert_int_equal(err.status, status);
                assert_int_equal(npy_file_count(), old_files);
        }
        assert_int_equal(npy_file_count(), 1);
}

static void npy_save_leaves_nothing_after_any_fault(void **state)
{
        trib_tensor view = trib_tensor_from_f32(six, 2, (int64_t[]){ 2, 3 });
        const char *path = npy_path("fault.npy");

        (void)state;
        view.shape[1] = 2; /* not contiguous: packing is a fault site too */
        sweep(path, &view, false, 0);
        assert_int_equal(unlink(path), 0);
        sweep(path, &view, true, 0);
        npy_files_remove();
}

static void npy_save_keeps_the_old_file_after_any_fault(void **state)
{
        trib_tensor view = trib_tensor_from_f32(six, 1, (int64_t[]){ 6 });
        const char *path = npy_path("kept.npy");
        uint64_t    failed = 1;

        (void)state;
        npy_write_file(path, "something else", 14);
        for (uint64_t k = 1; failed != 0; k++) {
                size_t size;
                char  *bytes;

                trib__fault_arm(k, false);
                if (trib_npy_save(path, &view, NULL) == TRIB_OK) {
                        (void)trib__fault_disarm(&failed);
                        npy_write_file(path, "something else", 14);
                        continue;
                }
                (void)trib__fault_disarm(&failed);
                bytes = npy_read_file(path, &size);
                assert_int_equal(size, 14);
                assert_memory_equal(bytes, "something else", 14);
                free(bytes);
                assert_int_equal(npy_file_count(), 1);
        }
        npy_files_remove();
}

TRIB_TEST_MAIN(TRIB_TEST(npy_save_writes_what_numpy_would),
               TRIB_TEST(npy_save_and_load_round_trip_every_dtype_and_rank),
               TRIB_TEST(npy_save_packs_strided_views), TRIB_TEST(npy_save_writes_empty_views),
               TRIB_TEST(npy_save_works_with_a_plain_name),
               TRIB_TEST(npy_save_replaces_an_older_file),
               TRIB_TEST(npy_save_refuses_bad_views_and_targets),
               TRIB_TEST(npy_save_leaves_nothing_after_any_fault),
               TRIB_TEST(npy_save_keeps_the_old_file_after_any_fault))
