/* SPDX-License-Identifier: Apache-2.0 */
/* test_onednn.c: the promises of kernels/cpu/onednn.h that hold for every operator: how the library
 * is found, what is refused, what is left untouched, what each failure leaves behind. */
#include <dlfcn.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "onednn_data.h"

/* ---- opening ---------------------------------------------------------------------------- */

static void onednn_open_says_what_it_found(void **state)
{
        struct trib__onednn            *lib = open_or_skip();
        const struct trib__onednn_info *info = trib__onednn_info(lib);

        (void)state;
        print_message("oneDNN %s, %s, %s, bf16 %d, amx %d\n", info->version, info->path,
                      info->isa, info->has_bf16, info->has_amx);
        assert_true(info->version[0] == '2' || info->version[0] == '3');
        assert_non_null(strstr(info->path, "libdnnl"));
        assert_true(strlen(info->isa) > 2);
        assert_true(info->has_bf16 || !info->has_amx);
        trib__onednn_close(lib);
        trib__onednn_close(NULL);
}

/* Around a case that sets TRIB_ONEDNN, for the sake of those that follow in the same process. */
static int keep_setting(void **state)
{
        const char *setting = getenv("TRIB_ONEDNN");

        *state = setting != NULL ? strdup(setting) : NULL;
        return 0;
}

static int restore_setting(void **state)
{
        if (*state == NULL)
                return unsetenv("TRIB_ONEDNN");
        if (setenv("TRIB_ONEDNN", *state, 1) != 0)
                return -1;
        free(*state);
        return 0;
}

#define SETTING_TEST(function) \
        cmocka_unit_test_setup_teardown(function, keep_setting, restore_setting)

static void onednn_open_is_off_when_told(void **state)
{
        struct trib__onednn *lib = (struct trib__onednn *)(uintptr_t)64;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        assert_int_equal(trib__onednn_open(&lib, &err), TRIB_NOT_FOUND);
        assert_null(lib);
        assert_non_null(strstr(err.message, "TRIB_ONEDNN=off"));
        assert_int_equal(trib__onednn_open(&lib, NULL), TRIB_NOT_FOUND);
}

static void onednn_open_refuses_a_setting_that_is_no_path(void **state)
{
        static const char *const bad[] = { "", "on", "OFF", "libdnnl.so.2", " /lib/x" };
        struct trib__onednn     *lib;
        trib_error               err = TRIB_ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_int_equal(setenv("TRIB_ONEDNN", bad[i], 1), 0);
                assert_int_equal(trib__onednn_open(&lib, &err), TRIB_INVALID_ARGUMENT);
                assert_null(lib);
        }
}

static void onednn_open_refuses_a_file_that_is_not_onednn(void **state)
{
        struct trib__onednn *lib;
        trib_error           err = TRIB_ERROR_INIT;
        Dl_info              libc;
        void                *symbol = dlsym(RTLD_DEFAULT, "qsort");
        char                *path;

        (void)state;
        assert_int_equal(setenv("TRIB_ONEDNN", "/nonexistent/libdnnl.so", 1), 0);
        assert_int_equal(trib__onednn_open(&lib, &err), TRIB_NOT_FOUND);
        assert_non_null(strstr(err.message, "/nonexistent/libdnnl.so"));
        assert_null(lib);

        assert_int_not_equal(dladdr(symbol, &libc), 0);
        path = realpath(libc.dli_fname, NULL);
        if (path == NULL)
                return; /* a sanitizer's own qsort, in the program */
        assert_int_equal(setenv("TRIB_ONEDNN", path, 1), 0);
        free(path);
        assert_int_not_equal(trib__onednn_open(&lib, &err), TRIB_OK);
        assert_null(lib);
}

static void *open_in_thread(void *argument)
{
        struct trib__onednn **out = argument;

        if (trib__onednn_open(out, NULL) != TRIB_OK)
                *out = NULL;
        return NULL;
}

static void onednn_open_gives_threads_one_library(void **state)
{
        struct trib__onednn *libs[8];
        pthread_t            threads[8];

        (void)state;
        trib__onednn_close(open_or_skip());
        for (int i = 0; i < 8; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread, &libs[i]), 0);
        for (int i = 0; i < 8; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < 8; i++) {
                assert_non_null(libs[i]);
                assert_ptr_equal(libs[i], libs[0]);
        }
        for (int i = 0; i < 8; i++)
                trib__onednn_close(libs[i]);
}

/* ---- bad parameters --------------------------------------------------------------------- */

static void onednn_create_refuses_impossible_shapes(void **state)
{
        const int64_t             huge = INT64_MAX / 2, most = 2000000000;
        const float               one = 1.0f;
        struct trib__onednn      *lib = open_or_skip();
        struct trib__onednn_prim *somewhere = (struct trib__onednn_prim *)(uintptr_t)64, *prim;

        (void)state;
#define F32 .dtype = TRIB_F32
#define ONES .m = 1, .k = 1, .n = 1
#define ADD .op = TRIB__ONEDNN_ADD
#define REFUSED(kind, want, ...)                                                       \
        do {                                                                           \
                const struct trib__onednn_##kind##_params params = { __VA_ARGS__ };    \
                prim = somewhere;                                                      \
                assert_int_equal(trib__onednn_##kind##_create(lib, &params, &prim, NULL), \
                                 want);                                                \
                assert_null(prim);                                                     \
        } while (0)

        REFUSED(linear, TRIB_INVALID_ARGUMENT, .m = 0, .k = 1, .n = 1, F32, .weights = &one);
        REFUSED(linear, TRIB_INVALID_ARGUMENT, .m = 1, .k = -1, .n = 1, F32, .weights = &one);
        REFUSED(linear, TRIB_INVALID_ARGUMENT, .m = 1, .k = 1, .n = huge, F32, .weights = &one);
        REFUSED(linear, TRIB_OVERFLOW, .m = most, .k = most, .n = 1, F32, .weights = &one);
        REFUSED(linear, TRIB_INVALID_ARGUMENT, .m = 1, .k = 1, .n = 1, F32);
        REFUSED(linear, TRIB_UNSUPPORTED, .m = 1, .k = 1, .n = 1, .dtype = TRIB_I8,
                .weights = &one);
        REFUSED(matmul, TRIB_INVALID_ARGUMENT, .a_batch = 2, .b_batch = 3, ONES, F32);
        REFUSED(matmul, TRIB_INVALID_ARGUMENT, .a_batch = 0, .b_batch = 1, ONES, F32);
        REFUSED(matmul, TRIB_OVERFLOW, .a_batch = huge, .b_batch = 1, ONES, F32);
        REFUSED(binary, TRIB_SHAPE_MISMATCH, ADD, .rank = 1, .a_shape = { 2 }, .b_shape = { 3 },
                F32);
        REFUSED(binary, TRIB_INVALID_ARGUMENT, ADD, .rank = 9, .a_shape = { 2 },
                .b_shape = { 2 }, F32);
        REFUSED(binary, TRIB_INVALID_ARGUMENT, ADD, .rank = 0, F32);
        REFUSED(binary, TRIB_OVERFLOW, ADD, .rank = 2, .a_shape = { most, 1 },
                .b_shape = { 1, most }, F32);
        REFUSED(eltwise, TRIB_INVALID_ARGUMENT, .activation = TRIB__ONEDNN_RELU, F32);
        REFUSED(eltwise, TRIB_INVALID_ARGUMENT, .count = 1, F32);
        REFUSED(eltwise, TRIB_OVERFLOW, .activation = TRIB__ONEDNN_RELU, .count = huge, F32);
        REFUSED(softmax, TRIB_INVALID_ARGUMENT, .outer = 1, .axis = 0, .inner = 1, F32);
        REFUSED(softmax, TRIB_OVERFLOW, .outer = most, .axis = 2, .inner = most, F32);
        REFUSED(layer_norm, TRIB_INVALID_ARGUMENT, .rows = 1, .cols = 1, .epsilon = NAN, F32);
        REFUSED(layer_norm, TRIB_INVALID_ARGUMENT, .rows = -1, .cols = 1, F32);
#undef REFUSED
#undef ADD
#undef ONES
#undef F32
        trib__onednn_close(lib);
}

/* ---- threads, OpenMP, steady state, faults ---------------------------------------------- */

struct runner {
        const struct trib__onednn_prim *prim;
        const void                     *x;
        const float                    *want;
        size_t                          count;
        bool                            is_same;
};

static void *run_many(void *argument)
{
        struct runner            *r = argument;
        struct trib__onednn_exec *exec;
        float                    *y = calloc(2 * r->count, sizeof(float));
        void *scratch = aligned_alloc(64, trib__onednn_prim_info(r->prim)->scratch_bytes + 64);

        r->is_same = trib__onednn_exec_create(r->prim, &exec, NULL) == TRIB_OK;
        for (int i = 0; i < 200 && r->is_same; i++) {
                float *output = i % 3 == 0 ? y + r->count : y;

                memset(y, 0, 2 * r->count * sizeof(float));
                r->is_same = trib__onednn_exec_run(exec, &r->x, output, scratch, NULL) == TRIB_OK &&
                             memcmp(output, r->want, r->count * sizeof(float)) == 0;
        }
        trib__onednn_exec_destroy(exec);
        free(y);
        free(scratch);
        return NULL;
}

static void onednn_two_threads_get_identical_bits(void **state)
{
        struct trib__onednn              *lib = open_or_skip();
        struct data                       x = make_data(TRIB_F32, 17 * 133);
        struct data                       w = make_data(TRIB_F32, 133 * 65);
        struct data                       y = make_data(TRIB_F32, 17 * 65);
        struct trib__onednn_prim         *prim;
        struct runner                     runners[2];
        pthread_t                         threads[2];
        struct trib__onednn_linear_params params = {
                .m = 17, .k = 133, .n = 65, .dtype = TRIB_F32, .weights = w.bytes,
                .activation = TRIB__ONEDNN_GELU_ERF,
                .precision = trib__onednn_info(lib)->has_bf16 ? TRIB__ONEDNN_MEDIUM
                                                              : TRIB__ONEDNN_HIGH,
        };

        (void)state;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &prim, NULL), TRIB_OK);
        run_once(prim, (const void *const[]){ x.bytes }, y.bytes);
        for (int i = 0; i < 2; i++) {
                runners[i] = (struct runner){ prim, x.bytes, y.bytes, y.count, false };
                assert_int_equal(pthread_create(&threads[i], NULL, run_many, &runners[i]), 0);
        }
        for (int i = 0; i < 2; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(runners[0].is_same);
        assert_true(runners[1].is_same);
        trib__onednn_prim_destroy(prim);
        free_data(&x);
        free_data(&w);
        free_data(&y);
        trib__onednn_close(lib);
}

static void onednn_leaves_the_openmp_setting_alone(void **state)
{
        struct trib__onednn      *lib = open_or_skip();
        void                     *openmp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
        int                       (*get)(void);
        void                      (*set)(int);
        void                     *symbol;
        struct trib__onednn_prim *prim;
        float                     x[48] = { 1.0f }, y[48];

        (void)state;
        if (openmp == NULL) {
                trib__onednn_close(lib);
                skip();
        }
        symbol = dlsym(openmp, "omp_get_max_threads");
        memcpy(&get, &symbol, sizeof(get));
        symbol = dlsym(openmp, "omp_set_num_threads");
        memcpy(&set, &symbol, sizeof(set));
        for (int threads = 1; threads <= 5; threads += 2) {
                int previous;

                set(threads);
                assert_int_equal(
                        trib__onednn_eltwise_create(
                                lib, &(struct trib__onednn_eltwise_params){ TRIB__ONEDNN_TANH, 48,
                                                                            TRIB_F32 },
                                &prim, NULL),
                        TRIB_OK);
                assert_int_equal(get(), threads);
                run_once(prim, (const void *const[]){ x }, y);
                assert_int_equal(get(), threads);
                previous = trib__onednn_enter(lib);
                assert_int_equal(get(), 1);
                run_once(prim, (const void *const[]){ x }, y);
                assert_int_equal(get(), 1);
                trib__onednn_leave(lib, previous);
                assert_int_equal(get(), threads);
                trib__onednn_prim_destroy(prim);
        }
        assert_int_equal(dlclose(openmp), 0);
        trib__onednn_close(lib);
}

static void onednn_run_neither_allocates_nor_locks(void **state)
{
        struct trib__onednn      *lib = open_or_skip();
        struct data               x = make_data(TRIB_F32, 64), y = make_data(TRIB_F32, 128);
        struct trib__onednn_prim *prim;
        struct trib__onednn_exec *exec;
        const void               *inputs[] = { x.bytes };
        struct trib__thread_counts before;

        (void)state;
        assert_int_equal(trib__onednn_softmax_create(
                                 lib, &(struct trib__onednn_softmax_params){ 4, 16, 1, TRIB_F32 },
                                 &prim, NULL),
                         TRIB_OK);
        assert_int_equal(trib__onednn_exec_create(prim, &exec, NULL), TRIB_OK);
        assert_int_equal(trib__onednn_prim_info(prim)->input_count, 1);
        before = *trib__thread_counts();
        for (int i = 0; i < 10; i++)
                assert_int_equal(trib__onednn_exec_run(exec, inputs,
                                                       (float *)y.bytes + (i % 2) * 64, x.bytes,
                                                       NULL),
                                 TRIB_OK);
        assert_int_equal(trib__thread_counts()->allocations, before.allocations);
        assert_int_equal(trib__thread_counts()->locks, before.locks);
        trib__onednn_exec_destroy(exec);
        trib__onednn_prim_destroy(prim);
        free_data(&x);
        free_data(&y);
        trib__onednn_close(lib);
}

/* Create `kind`, bind it, run it; everything is released again whatever failed. */
static trib_status build_and_run(struct trib__onednn *lib, int kind, trib_error *err)
{
        static float              weights[7 * 5], bias[7], x[64], y[64];
        static _Alignas(64) char  scratch[16384];
        struct trib__onednn_prim *prim = NULL;
        struct trib__onednn_exec *exec = NULL;
        const void               *inputs[] = { x, x };
        trib_status               status = TRIB_OK;

        if (kind == 0)
                status = trib__onednn_linear_create(
                        lib,
                        &(struct trib__onednn_linear_params){
                                .m = 3, .k = 5, .n = 7, .dtype = TRIB_F32, .weights = weights,
                                .weights_are_nk = true, .bias = bias,
                                .activation = TRIB__ONEDNN_GELU_ERF },
                        &prim, err);
        else if (kind == 1)
                status = trib__onednn_matmul_create(
                        lib, &(struct trib__onednn_matmul_params){ 2, 2, 3, 4, 5, TRIB_F32, 0 },
                        &prim, err);
        else if (kind == 2)
                status = trib__onednn_binary_create(
                        lib,
                        &(struct trib__onednn_binary_params){ TRIB__ONEDNN_ADD, 2, { 1, 8 },
                                                              { 4, 8 }, TRIB_F32 },
                        &prim, err);
        else
                status = trib__onednn_layer_norm_create(
                        lib,
                        &(struct trib__onednn_layer_norm_params){ 4, 5, 1e-5f, TRIB_F32, bias,
                                                                  bias },
                        &prim, err);
        assert_true((status == TRIB_OK) == (prim != NULL));
        if (status == TRIB_OK) {
                assert_true(trib__onednn_prim_info(prim)->scratch_bytes <= sizeof(scratch));
                status = trib__onednn_exec_create(prim, &exec, err);
                assert_true((status == TRIB_OK) == (exec != NULL));
        }
        if (status == TRIB_OK)
                status = trib__onednn_exec_run(exec, inputs, y, scratch, err);
        trib__onednn_exec_destroy(exec);
        trib__onednn_prim_destroy(prim);
        return status;
}

/* Fail the k-th fault point, for k = 1, 2, ..., until nothing fails any more. Leaks are for the
 * address sanitizer to find. */
static void sweep(int kind, bool is_persistent)
{
        uint64_t failed = 1;

        for (uint64_t k = 1; failed > 0; k++) {
                struct trib__onednn *lib;
                trib_error           err = TRIB_ERROR_INIT;
                trib_status          status;

                trib__fault_arm(k, is_persistent);
                status = trib__onednn_open(&lib, &err);
                assert_true((status == TRIB_OK) == (lib != NULL));
                if (status == TRIB_OK)
                        status = build_and_run(lib, kind, &err);
                trib__onednn_close(lib);
                (void)trib__fault_disarm(&failed);
                if (status != TRIB_OK)
                        assert_true(failed > 0 && err.status == status && err.message[0] != '\0');
                assert_true(k < 1000);
                if (failed == 0)
                        assert_int_equal(status, TRIB_OK);
        }
}

static void onednn_every_failure_is_reported_and_undone(void **state)
{
        (void)state;
        trib__onednn_close(open_or_skip());
        for (int kind = 0; kind < 4; kind++) {
                sweep(kind, false);
                sweep(kind, true);
        }
}

static void onednn_exec_survives_a_failed_run(void **state)
{
        struct trib__onednn      *lib = open_or_skip();
        struct trib__onednn_prim *prim;
        struct trib__onednn_exec *exec;
        float                     x[4] = { -1, 2, -3, 4 }, y[4];
        const void               *inputs[] = { x };

        (void)state;
        assert_int_equal(trib__onednn_eltwise_create(
                                 lib,
                                 &(struct trib__onednn_eltwise_params){ TRIB__ONEDNN_RELU, 4,
                                                                        TRIB_F32 },
                                 &prim, NULL),
                         TRIB_OK);
        assert_int_equal(trib__onednn_exec_create(prim, &exec, NULL), TRIB_OK);
        /* The binding of x fails, then that of y, then the execution. */
        for (int i = 0; i < 3; i++) {
                trib__fault_arm(i == 0 ? 1 : 2, false);
                assert_int_equal(trib__onednn_exec_run(exec, inputs, y, NULL, NULL),
                                 TRIB_DEVICE_ERROR);
                (void)trib__fault_disarm(NULL);
        }
        assert_int_equal(trib__onednn_exec_run(exec, inputs, y, NULL, NULL), TRIB_OK);
        assert_true(y[0] == 0.0f && y[1] == 2.0f && y[2] == 0.0f && y[3] == 4.0f);
        trib__onednn_exec_destroy(exec);
        trib__onednn_prim_destroy(prim);
        trib__onednn_close(lib);
}

TRIB_TEST_MAIN(TRIB_TEST(onednn_open_says_what_it_found),
               SETTING_TEST(onednn_open_is_off_when_told),
               SETTING_TEST(onednn_open_refuses_a_setting_that_is_no_path),
               SETTING_TEST(onednn_open_refuses_a_file_that_is_not_onednn),
               TRIB_TEST(onednn_open_gives_threads_one_library),
               TRIB_TEST(onednn_create_refuses_impossible_shapes),
               TRIB_TEST(onednn_two_threads_get_identical_bits),
               TRIB_TEST(onednn_leaves_the_openmp_setting_alone),
               TRIB_TEST(onednn_run_neither_allocates_nor_locks),
               TRIB_TEST(onednn_every_failure_is_reported_and_undone),
               TRIB_TEST(onednn_exec_survives_a_failed_run))
