/* SPDX-License-Identifier: Apache-2.0 */
/* test_onednn_elementwise.c: binary, activations, softmax and layer norm on oneDNN against loops in
 * double precision. */
#include "onednn_data.h"

static size_t element_of(int rank, const int64_t *dst, const int64_t *mine, size_t index)
{
        size_t place = 0, stride = 1;

        for (int d = rank - 1; d >= 0; d--) {
                if (mine[d] != 1)
                        place += index % (size_t)dst[d] * stride;
                index /= (size_t)dst[d];
                stride *= (size_t)mine[d];
        }
        return place;
}

/* Returns the status of the creation; checks the values where it worked. */
static trib_status check_binary(struct trib__onednn                     *lib,
                                const struct trib__onednn_binary_params *params)
{
        int64_t                   dst[TRIB__ONEDNN_MAX_RANK], na = 1, nb = 1, ny = 1;
        struct trib__onednn_prim *prim = NULL;
        trib_error                err = TRIB_ERROR_INIT;
        trib_status               status = trib__onednn_binary_create(lib, params, &prim, &err);

        for (int d = 0; d < params->rank; d++) {
                dst[d] = params->a_shape[d] > params->b_shape[d] ? params->a_shape[d]
                                                                 : params->b_shape[d];
                na *= params->a_shape[d];
                nb *= params->b_shape[d];
                ny *= dst[d];
        }
        if (status == TRIB_OK) {
                struct data a = make_data(params->dtype, na), b = make_data(params->dtype, nb);
                struct data y = make_data(params->dtype, ny);
                double     *want = malloc(y.count * sizeof(double));
                double     *allowed = calloc(y.count, sizeof(double));

                for (size_t i = 0; i < y.count; i++) {
                        const double left = a.value[element_of(params->rank, dst,
                                                               params->a_shape, i)];
                        const double right = b.value[element_of(params->rank, dst,
                                                                params->b_shape, i)];

                        want[i] = params->op == TRIB__ONEDNN_ADD ? left + right : left * right;
                }
                run_once(prim, (const void *const[]){ a.bytes, b.bytes }, y.bytes);
                check_near(&y, want, allowed);
                free(want);
                free(allowed);
                free_data(&a);
                free_data(&b);
                free_data(&y);
        }
        trib__onednn_prim_destroy(prim);
        return status;
}

static void onednn_binary_equals_the_loop(void **state)
{
        static const struct trib__onednn_binary_params cases[] = {
                { .rank = 1, .a_shape = { 1 }, .b_shape = { 1 } },
                { .rank = 1, .a_shape = { 1 }, .b_shape = { 37 } },
                { .rank = 1, .a_shape = { 37 }, .b_shape = { 37 } },
                { .rank = 2, .a_shape = { 3, 7 }, .b_shape = { 1, 7 } },
                { .rank = 2, .a_shape = { 3, 7 }, .b_shape = { 3, 1 } },
                { .rank = 2, .a_shape = { 1, 65 }, .b_shape = { 17, 65 } },
                { .rank = 3, .a_shape = { 2, 33, 17 }, .b_shape = { 2, 33, 17 } },
                { .rank = 3, .a_shape = { 5, 3, 9 }, .b_shape = { 5, 1, 9 } },
                { .rank = 4, .a_shape = { 2, 3, 5, 7 }, .b_shape = { 1, 3, 1, 1 } },
                { .rank = 4, .a_shape = { 2, 3, 5, 7 }, .b_shape = { 1, 3, 1, 7 } },
                { .rank = 4, .a_shape = { 1, 1, 5, 1 }, .b_shape = { 2, 3, 5, 7 } },
                { .rank = 8, .a_shape = { 2, 1, 3, 1, 2, 1, 2, 3 },
                  .b_shape = { 2, 1, 1, 1, 2, 1, 2, 1 } },
        };
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                for (int t = 0; t < 2 * DTYPE_COUNT; t++) {
                        struct trib__onednn_binary_params params = cases[i];
                        trib_status                       status;

                        params.dtype = all_dtypes[t / 2];
                        params.op = t % 2 == 0 ? TRIB__ONEDNN_ADD : TRIB__ONEDNN_MUL;
                        status = check_binary(lib, &params);
                        if (status != TRIB_OK && params.dtype == TRIB_F32)
                                fail_msg("case %zu: %s", i, trib_status_name(status));
                }
        }
        trib__onednn_close(lib);
}

static void onednn_binary_leaves_two_sided_repetition_to_the_reference(void **state)
{
        const struct trib__onednn_binary_params params = { .op = TRIB__ONEDNN_ADD, .rank = 2,
                                                           .a_shape = { 3, 1 },
                                                           .b_shape = { 1, 4 },
                                                           .dtype = TRIB_F32 };
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        assert_int_equal(check_binary(lib, &params), TRIB_UNSUPPORTED);
        trib__onednn_close(lib);
}

/* Activations are polynomials in the library: 2e-6 absolute for values around 1. */
#define ACTIVATION_TOLERANCE 2e-6

static void check_eltwise(struct trib__onednn *lib, enum trib__onednn_activation activation,
                          trib_dtype dtype, int64_t count)
{
        const struct trib__onednn_eltwise_params params = { activation, count, dtype };
        struct data                              x = make_data(dtype, count);
        struct data                              y = make_data(dtype, count);
        double                                  *want = malloc(y.count * sizeof(double));
        double                                  *allowed = malloc(y.count * sizeof(double));
        struct trib__onednn_prim                *prim = NULL;
        trib_error                               err = TRIB_ERROR_INIT;

        for (size_t i = 0; i < x.count; i++) {
                if (dtype == TRIB_F32) {
                        ((float *)x.bytes)[i] *= 8.0f;
                        x.value[i] *= 8.0;
                }
                want[i] = activate(activation, x.value[i]);
                allowed[i] = ACTIVATION_TOLERANCE * (fabs(want[i]) + 1.0);
        }
        if (is_usable(trib__onednn_eltwise_create(lib, &params, &prim, &err), dtype, &err)) {
                run_once(prim, (const void *const[]){ x.bytes }, y.bytes);
                check_near(&y, want, allowed);
                run_once(prim, (const void *const[]){ x.bytes }, x.bytes);
                assert_memory_equal(x.bytes, y.bytes, x.count * (dtype == TRIB_F32 ? 4 : 2));
                trib__onednn_prim_destroy(prim);
        }
        free(want);
        free(allowed);
        free_data(&x);
        free_data(&y);
}

static void onednn_eltwise_equals_the_loop(void **state)
{
        static const int64_t counts[] = { 1, 15, 16, 17, 1001 };
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (int a = TRIB__ONEDNN_RELU; a <= (int)TRIB__ONEDNN_SIGMOID; a++)
                for (int t = 0; t < DTYPE_COUNT; t++)
                        for (int i = 0; i < 5; i++)
                                check_eltwise(lib, (enum trib__onednn_activation)a,
                                              all_dtypes[t], counts[i]);
        trib__onednn_close(lib);
}

static void want_softmax(const struct trib__onednn_softmax_params *p, const double *x, double *y)
{
        for (int64_t o = 0; o < p->outer; o++) {
                for (int64_t i = 0; i < p->inner; i++) {
                        const int64_t base = o * p->axis * p->inner + i;
                        double        most = -INFINITY, sum = 0;

                        for (int64_t j = 0; j < p->axis; j++)
                                most = fmax(most, x[base + j * p->inner]);
                        for (int64_t j = 0; j < p->axis; j++)
                                sum += exp(x[base + j * p->inner] - most);
                        for (int64_t j = 0; j < p->axis; j++)
                                y[base + j * p->inner] =
                                        exp(x[base + j * p->inner] - most) / sum;
                }
        }
}

static void check_softmax(struct trib__onednn                      *lib,
                          const struct trib__onednn_softmax_params *params)
{
        const int64_t             count = params->outer * params->axis * params->inner;
        struct data               x = make_data(params->dtype, count);
        struct data               y = make_data(params->dtype, count);
        double                   *want = malloc(y.count * sizeof(double));
        double                   *allowed = malloc(y.count * sizeof(double));
        struct trib__onednn_prim *prim = NULL;
        trib_error                err = TRIB_ERROR_INIT;

        want_softmax(params, x.value, want);
        for (size_t i = 0; i < y.count; i++)
                allowed[i] = ACTIVATION_TOLERANCE;
        if (is_usable(trib__onednn_softmax_create(lib, params, &prim, &err), params->dtype,
                      &err)) {
                run_once(prim, (const void *const[]){ x.bytes }, y.bytes);
                check_near(&y, want, allowed);
                trib__onednn_prim_destroy(prim);
        }
        free(want);
        free(allowed);
        free_data(&x);
        free_data(&y);
}

static void onednn_softmax_equals_the_loop(void **state)
{
        static const int64_t shapes[][3] = {
                { 1, 1, 1 }, { 3, 5, 7 }, { 17, 33, 1 }, { 1, 1000, 1 }, { 2, 10, 16 }, { 4, 1, 3 },
        };
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (int i = 0; i < 6; i++)
                for (int t = 0; t < DTYPE_COUNT; t++)
                        check_softmax(lib, &(struct trib__onednn_softmax_params){
                                                   shapes[i][0], shapes[i][1], shapes[i][2],
                                                   all_dtypes[t] });
        trib__onednn_close(lib);
}

static void want_layer_norm(int64_t rows, int64_t cols, double epsilon, const double *x, double *y)
{
        for (int64_t r = 0; r < rows; r++) {
                double mean = 0, variance = 0;

                for (int64_t c = 0; c < cols; c++)
                        mean += x[r * cols + c] / (double)cols;
                for (int64_t c = 0; c < cols; c++)
                        variance += pow(x[r * cols + c] - mean, 2) / (double)cols;
                for (int64_t c = 0; c < cols; c++)
                        y[r * cols + c] = (x[r * cols + c] - mean) / sqrt(variance + epsilon);
        }
}

static void check_layer_norm(struct trib__onednn *lib, int64_t rows, int64_t cols,
                             trib_dtype dtype, int bits)
{
        struct data               x = make_data(dtype, rows * cols);
        struct data               y = make_data(dtype, rows * cols);
        struct data               scale = make_data(dtype, cols), shift = make_data(dtype, cols);
        double                   *want = malloc(y.count * sizeof(double));
        double                   *allowed = malloc(y.count * sizeof(double));
        struct trib__onednn_prim *prim = NULL;
        trib_error                err = TRIB_ERROR_INIT;
        const struct trib__onednn_layer_norm_params params = {
                .rows = rows, .cols = cols, .epsilon = 1e-3f, .dtype = dtype,
                .scale = (bits & 1) != 0 ? scale.bytes : NULL,
                .shift = (bits & 2) != 0 ? shift.bytes : NULL,
        };

        want_layer_norm(rows, cols, 1e-3, x.value, want);
        for (size_t i = 0; i < y.count; i++) {
                if (params.scale != NULL)
                        want[i] *= scale.value[i % (size_t)cols];
                if (params.shift != NULL)
                        want[i] += shift.value[i % (size_t)cols];
                allowed[i] = 2e-5;
        }
        if (is_usable(trib__onednn_layer_norm_create(lib, &params, &prim, &err), dtype, &err)) {
                memset(scale.bytes, 0xff, scale.count * 2);
                memset(shift.bytes, 0xff, shift.count * 2);
                run_once(prim, (const void *const[]){ x.bytes }, y.bytes);
                check_near(&y, want, allowed);
                trib__onednn_prim_destroy(prim);
        }
        free(want);
        free(allowed);
        free_data(&x);
        free_data(&y);
        free_data(&scale);
        free_data(&shift);
}

static void onednn_layer_norm_equals_the_loop(void **state)
{
        static const int64_t shapes[][2] = { { 1, 2 }, { 3, 5 }, { 17, 65 }, { 4, 768 }, { 2, 1 } };
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (int i = 0; i < 5; i++)
                for (int t = 0; t < DTYPE_COUNT; t++)
                        for (int bits = 0; bits < 4; bits++)
                                check_layer_norm(lib, shapes[i][0], shapes[i][1], all_dtypes[t],
                                                 bits);
        trib__onednn_close(lib);
}

TRIB_TEST_MAIN(TRIB_TEST(onednn_binary_equals_the_loop),
               TRIB_TEST(onednn_binary_leaves_two_sided_repetition_to_the_reference),
               TRIB_TEST(onednn_eltwise_equals_the_loop),
               TRIB_TEST(onednn_softmax_equals_the_loop),
               TRIB_TEST(onednn_layer_norm_equals_the_loop))
