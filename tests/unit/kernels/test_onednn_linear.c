/* SPDX-License-Identifier: Apache-2.0 */
/* test_onednn_linear.c: linear and matmul on oneDNN against loops in double precision. */
#include "onednn_data.h"

static const int64_t odd_shapes[][3] = {
        { 1, 1, 1 }, { 3, 5, 7 }, { 17, 33, 65 }, { 1, 300, 10 }, { 64, 64, 48 }, { 5, 1, 9 },
};

#define SHAPE_COUNT (sizeof(odd_shapes) / sizeof(odd_shapes[0]))

/* Relative to the sum of the products' sizes: f32 adds k terms with 2^-24 each; operands that are
 * rounded to bf16 have 2^-9 each. */
#define HIGH_TOLERANCE 4e-6
#define MEDIUM_TOLERANCE 0x1p-8

struct product {
        int64_t m, k, n;
        bool    is_nk; /* the right operand is [n][k] */
};

/* want = activation(x w + bias), allowed = tolerance * (sum |x w| + |bias|). */
static void want_product(const struct product *p, const double *x, const double *w,
                         const double *bias, double *want, double *allowed)
{
        for (int64_t i = 0; i < p->m; i++) {
                for (int64_t j = 0; j < p->n; j++) {
                        double sum = bias != NULL ? bias[j] : 0, size = fabs(sum);

                        for (int64_t l = 0; l < p->k; l++) {
                                const double right = p->is_nk ? w[j * p->k + l] : w[l * p->n + j];

                                sum += x[i * p->k + l] * right;
                                size += fabs(x[i * p->k + l] * right);
                        }
                        want[i * p->n + j] = sum;
                        allowed[i * p->n + j] = size;
                }
        }
}

struct linear_case {
        int64_t                      m, k, n;
        trib_dtype                   dtype;
        enum trib__onednn_precision  precision;
        enum trib__onednn_activation activation;
        bool                         is_nk, has_bias;
};

static void check_linear(struct trib__onednn *lib, const struct linear_case *c)
{
        struct data x = make_data(c->dtype, c->m * c->k), w = make_data(c->dtype, c->k * c->n);
        struct data bias = make_data(c->dtype, c->n), y = make_data(c->dtype, c->m * c->n);
        const struct product p = { c->m, c->k, c->n, c->is_nk };
        const double tolerance = c->precision == TRIB__ONEDNN_MEDIUM ? MEDIUM_TOLERANCE
                                                                     : HIGH_TOLERANCE;
        const struct trib__onednn_linear_params params = {
                .m = c->m, .k = c->k, .n = c->n, .dtype = c->dtype, .precision = c->precision,
                .activation = c->activation, .weights_are_nk = c->is_nk, .weights = w.bytes,
                .bias = c->has_bias ? bias.bytes : NULL,
        };
        double                   *want = malloc(y.count * sizeof(double));
        double                   *allowed = malloc(y.count * sizeof(double));
        struct trib__onednn_prim *prim = NULL;
        trib_error                err = TRIB_ERROR_INIT;

        want_product(&p, x.value, w.value, c->has_bias ? bias.value : NULL, want, allowed);
        for (size_t i = 0; i < y.count; i++) {
                want[i] = activate(c->activation, want[i]);
                allowed[i] = tolerance * (allowed[i] * 1.2 + 1.0);
        }
        if (is_usable(trib__onednn_linear_create(lib, &params, &prim, &err), c->dtype, &err)) {
                /* The content was copied: nobody may look at it again. */
                memset(w.bytes, 0xff, w.count * 2);
                memset(bias.bytes, 0xff, bias.count * 2);
                run_once(prim, (const void *const[]){ x.bytes }, y.bytes);
                check_near(&y, want, allowed);
                trib__onednn_prim_destroy(prim);
        }
        free(want);
        free(allowed);
        free_data(&x);
        free_data(&w);
        free_data(&bias);
        free_data(&y);
}

static void onednn_linear_equals_the_loop(void **state)
{
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (size_t s = 0; s < SHAPE_COUNT; s++)
                for (int t = 0; t < DTYPE_COUNT; t++)
                        for (int bits = 0; bits < 4; bits++)
                                check_linear(lib, &(struct linear_case){
                                                          odd_shapes[s][0], odd_shapes[s][1],
                                                          odd_shapes[s][2], all_dtypes[t],
                                                          TRIB__ONEDNN_HIGH, TRIB__ONEDNN_NONE,
                                                          (bits & 1) != 0, (bits & 2) != 0 });
        trib__onednn_close(lib);
}

static void onednn_linear_fuses_each_activation(void **state)
{
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        for (int a = TRIB__ONEDNN_RELU; a <= (int)TRIB__ONEDNN_SIGMOID; a++)
                for (size_t s = 0; s < SHAPE_COUNT; s++)
                        check_linear(lib, &(struct linear_case){
                                                  odd_shapes[s][0], odd_shapes[s][1],
                                                  odd_shapes[s][2], TRIB_F32, TRIB__ONEDNN_HIGH,
                                                  (enum trib__onednn_activation)a, true, true });
        trib__onednn_close(lib);
}

static void onednn_linear_medium_is_within_bf16_rounding(void **state)
{
        struct trib__onednn *lib = open_or_skip();

        (void)state;
        if (!trib__onednn_info(lib)->has_bf16) {
                trib__onednn_close(lib);
                skip();
        }
        for (size_t s = 0; s < SHAPE_COUNT; s++)
                for (int bits = 0; bits < 4; bits++)
                        check_linear(lib, &(struct linear_case){
                                                  odd_shapes[s][0], odd_shapes[s][1],
                                                  odd_shapes[s][2], TRIB_F32,
                                                  TRIB__ONEDNN_MEDIUM, TRIB__ONEDNN_GELU_ERF,
                                                  (bits & 1) != 0, (bits & 2) != 0 });
        trib__onednn_close(lib);
}

static void onednn_linear_medium_is_refused_for_other_types(void **state)
{
        struct trib__onednn                    *lib = open_or_skip();
        struct trib__onednn_prim               *prim;
        const uint16_t                          weight = 0;
        const struct trib__onednn_linear_params params = {
                .m = 1, .k = 1, .n = 1, .dtype = TRIB_BF16, .precision = TRIB__ONEDNN_MEDIUM,
                .weights = &weight,
        };

        (void)state;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &prim, NULL),
                         TRIB_INVALID_ARGUMENT);
        assert_null(prim);
        trib__onednn_close(lib);
}

static void onednn_linear_shares_packed_weights(void **state)
{
        struct trib__onednn              *lib = open_or_skip();
        struct data                       x = make_data(TRIB_F32, 64 * 96);
        struct data                       w = make_data(TRIB_F32, 96 * 80);
        struct data                       own = make_data(TRIB_F32, 64 * 80);
        struct data                       shared = make_data(TRIB_F32, 64 * 80);
        struct trib__onednn_prim         *first, *alone, *again;
        struct trib__onednn_linear_params params = { .m = 1, .k = 96, .n = 80, .dtype = TRIB_F32,
                                                     .weights = w.bytes };

        (void)state;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &first, NULL), TRIB_OK);
        assert_false(trib__onednn_prim_info(first)->is_sharing);
        assert_true(trib__onednn_prim_info(first)->packed_bytes >= 96 * 80 * sizeof(float));
        params.m = 64;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &alone, NULL), TRIB_OK);
        params.donor = first;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &again, NULL), TRIB_OK);
        print_message("m 64 shares the weights of m 1: %d\n",
                      trib__onednn_prim_info(again)->is_sharing);
        trib__onednn_prim_destroy(first);
        params.donor = alone;
        assert_int_equal(trib__onednn_linear_create(lib, &params, &first, NULL), TRIB_OK);
        assert_true(trib__onednn_prim_info(first)->is_sharing);
        run_once(alone, (const void *const[]){ x.bytes }, own.bytes);
        trib__onednn_prim_destroy(alone);
        run_once(again, (const void *const[]){ x.bytes }, shared.bytes);
        assert_memory_equal(own.bytes, shared.bytes, 64 * 80 * sizeof(float));
        run_once(first, (const void *const[]){ x.bytes }, shared.bytes);
        assert_memory_equal(own.bytes, shared.bytes, 64 * 80 * sizeof(float));
        trib__onednn_prim_destroy(again);
        trib__onednn_prim_destroy(first);
        free_data(&x);
        free_data(&w);
        free_data(&own);
        free_data(&shared);
        trib__onednn_close(lib);
}

static void check_matmul(struct trib__onednn *lib, const struct trib__onednn_matmul_params *params)
{
        const int64_t  m = params->m, k = params->k, n = params->n;
        const int64_t  batch = params->a_batch > params->b_batch ? params->a_batch
                                                                 : params->b_batch;
        struct data    a = make_data(params->dtype, params->a_batch * m * k);
        struct data    b = make_data(params->dtype, params->b_batch * k * n);
        struct data    y = make_data(params->dtype, batch * m * n);
        double        *want = malloc(y.count * sizeof(double));
        double        *allowed = malloc(y.count * sizeof(double));
        const double   tolerance = params->precision == TRIB__ONEDNN_MEDIUM ? MEDIUM_TOLERANCE
                                                                            : HIGH_TOLERANCE;
        struct trib__onednn_prim *prim = NULL;
        trib_error                err = TRIB_ERROR_INIT;

        for (int64_t i = 0; i < batch; i++)
                want_product(&(struct product){ m, k, n, false },
                             a.value + (params->a_batch == 1 ? 0 : i * m * k),
                             b.value + (params->b_batch == 1 ? 0 : i * k * n), NULL,
                             want + i * m * n, allowed + i * m * n);
        for (size_t i = 0; i < y.count; i++)
                allowed[i] = tolerance * (allowed[i] + 1.0);
        if (is_usable(trib__onednn_matmul_create(lib, params, &prim, &err), params->dtype, &err)) {
                run_once(prim, (const void *const[]){ a.bytes, b.bytes }, y.bytes);
                check_near(&y, want, allowed);
                trib__onednn_prim_destroy(prim);
        }
        free(want);
        free(allowed);
        free_data(&a);
        free_data(&b);
        free_data(&y);
}

static const int64_t batches[][2] = { { 1, 1 }, { 3, 3 }, { 4, 1 }, { 1, 5 } };

static void check_matmuls(enum trib__onednn_precision precision, int dtypes)
{
        struct trib__onednn *lib = open_or_skip();

        if (precision == TRIB__ONEDNN_MEDIUM && !trib__onednn_info(lib)->has_bf16) {
                trib__onednn_close(lib);
                skip();
        }
        for (size_t s = 0; s < SHAPE_COUNT; s++)
                for (int t = 0; t < dtypes; t++)
                        for (int i = 0; i < 4; i++)
                                check_matmul(lib, &(struct trib__onednn_matmul_params){
                                                          batches[i][0], batches[i][1],
                                                          odd_shapes[s][0], odd_shapes[s][1],
                                                          odd_shapes[s][2], all_dtypes[t],
                                                          precision });
        trib__onednn_close(lib);
}

static void onednn_matmul_equals_the_loop(void **state)
{
        (void)state;
        check_matmuls(TRIB__ONEDNN_HIGH, DTYPE_COUNT);
}

static void onednn_matmul_medium_is_within_bf16_rounding(void **state)
{
        (void)state;
        check_matmuls(TRIB__ONEDNN_MEDIUM, 1);
}

TRIB_TEST_MAIN(TRIB_TEST(onednn_linear_equals_the_loop),
               TRIB_TEST(onednn_linear_fuses_each_activation),
               TRIB_TEST(onednn_linear_medium_is_within_bf16_rounding),
               TRIB_TEST(onednn_linear_medium_is_refused_for_other_types),
               TRIB_TEST(onednn_linear_shares_packed_weights),
               TRIB_TEST(onednn_matmul_equals_the_loop),
               TRIB_TEST(onednn_matmul_medium_is_within_bf16_rounding))
