/* SPDX-License-Identifier: Apache-2.0 */
/* test_ref_binary.c: add and mul, with broadcasting, wrapping and the corners of IEEE 754. */
#include "test_main.h"

#include "kernels/ref/ref.h"
#include "ref_oracle.h"

static double a[4096], b[4096], y[4096];

static int64_t offset_of(const int64_t *shape, int rank, const int64_t *index, int y_rank)
{
        int64_t at = 0;

        for (int d = 0; d < rank; d++)
                at = at * shape[d] + (shape[d] == 1 ? 0 : index[d + y_rank - rank]);
        return at;
}

/* The shapes of a and b from that of y: dimensions dropped at the front, or made 1. */
static void shrink(struct trib__random *random, const struct trib__ref_binary *p, int32_t *rank,
                   int64_t *shape)
{
        *rank = (int32_t)trib__random_below(random, (uint32_t)p->y_rank + 1);
        for (int d = 0; d < *rank; d++) {
                shape[d] = p->y_shape[p->y_rank - *rank + d];
                if (trib__random_below(random, 3) == 0)
                        shape[d] = 1;
        }
}

static void check(const struct trib__ref_binary *p)
{
        int64_t index[TRIB_MAX_RANK] = { 0 };
        size_t  at = 0;
        int     d;

        do {
                double left = trib__load_as_f64(
                        p->dtype, p->a,
                        (size_t)offset_of(p->a_shape, p->a_rank, index, p->y_rank));
                double right = trib__load_as_f64(
                        p->dtype, p->b,
                        (size_t)offset_of(p->b_shape, p->b_rank, index, p->y_rank));
                double rounded[1];

                trib__store_from_f64(p->dtype, rounded, 0,
                                     p->op == TRIB__OP_ADD ? left + right : left * right);
                assert_true(trib__load_as_f64(p->dtype, p->y, at) ==
                            trib__load_as_f64(p->dtype, rounded, 0));
                at++;
                for (d = p->y_rank - 1; d >= 0; d--) {
                        if (++index[d] < p->y_shape[d])
                                break;
                        index[d] = 0;
                }
        } while (d >= 0);
}

static void binary_agrees_with_index_loops_under_any_broadcast(void **state)
{
        static const trib_dtype dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16,
                                             TRIB_I8,  TRIB_U8,  TRIB_I32, TRIB_I64 };
        struct trib__random     random = { 31 };

        (void)state;
        for (int round = 0; round < 4000; round++) {
                struct trib__ref_binary p = { .op = round % 2 == 0 ? TRIB__OP_ADD : TRIB__OP_MUL,
                                              .a = a, .b = b, .y = y };

                p.dtype = dtypes[trib__random_below(&random, 8)];
                p.y_rank = (int32_t)trib__random_below(&random, 6);
                for (int d = 0; d < p.y_rank; d++)
                        p.y_shape[d] = 1 + trib__random_below(&random, 4);
                shrink(&random, &p, &p.a_rank, p.a_shape);
                shrink(&random, &p, &p.b_rank, p.b_shape);
                /* Whole numbers 0 .. 11: no integer sum or product leaves its range. */
                for (size_t i = 0; i < 1024; i++) {
                        double left = (double)trib__random_below(&random, 12);
                        double right = (double)trib__random_below(&random, 12);

                        if (trib__dtype_is_float(p.dtype)) {
                                left /= 7.0;
                                right /= 7.0;
                        }
                        trib__store_from_f64(p.dtype, a, i, left);
                        trib__store_from_f64(p.dtype, b, i, right);
                }
                assert_int_equal(trib__ref_binary(&p), TRIB_OK);
                check(&p);
        }
}

static trib_status compute(enum trib__op op, trib_dtype dtype, const void *left,
                           const void *right, void *out)
{
        struct trib__ref_binary p = { .op = op, .a = left, .b = right, .y = out, .dtype = dtype,
                                      .a_rank = 1, .b_rank = 1, .y_rank = 1, .a_shape = { 1 },
                                      .b_shape = { 1 }, .y_shape = { 1 } };

        return trib__ref_binary(&p);
}

#define CHECK_INTEGER(type, dtype, op, left, right, expected)                             \
        do {                                                                              \
                type in_a = (left), in_b = (right), out = 0;                              \
                                                                                          \
                assert_int_equal(compute(op, dtype, &in_a, &in_b, &out), TRIB_OK);        \
                assert_true(out == (type)(expected));                                     \
        } while (0)

static void integers_wrap(void **state)
{
        (void)state;
        CHECK_INTEGER(int8_t, TRIB_I8, TRIB__OP_ADD, 127, 1, -128);
        CHECK_INTEGER(int8_t, TRIB_I8, TRIB__OP_ADD, -128, -1, 127);
        CHECK_INTEGER(int8_t, TRIB_I8, TRIB__OP_MUL, -128, -1, -128);
        CHECK_INTEGER(int8_t, TRIB_I8, TRIB__OP_MUL, 100, 3, 44);
        CHECK_INTEGER(uint8_t, TRIB_U8, TRIB__OP_ADD, 255, 2, 1);
        CHECK_INTEGER(uint8_t, TRIB_U8, TRIB__OP_MUL, 255, 255, 1);
        CHECK_INTEGER(int32_t, TRIB_I32, TRIB__OP_ADD, INT32_MAX, 1, INT32_MIN);
        CHECK_INTEGER(int32_t, TRIB_I32, TRIB__OP_MUL, INT32_MIN, -1, INT32_MIN);
        CHECK_INTEGER(int32_t, TRIB_I32, TRIB__OP_MUL, 65536, 65537, 65536);
        CHECK_INTEGER(int64_t, TRIB_I64, TRIB__OP_ADD, INT64_MAX, 1, INT64_MIN);
        CHECK_INTEGER(int64_t, TRIB_I64, TRIB__OP_MUL, INT64_MIN, -1, INT64_MIN);
        CHECK_INTEGER(int64_t, TRIB_I64, TRIB__OP_MUL, INT64_MAX, 3, INT64_MAX - 2);
}

static void floats_follow_ieee_754(void **state)
{
        (void)state;
        for (size_t d = 0; d < 4; d++) {
                double in[4], out[4];
                static const double cases[][4] = {
                        /* a, b, a + b, a * b; NaN by 99 */
                        { HUGE_VAL, -HUGE_VAL, 99, -HUGE_VAL },
                        { HUGE_VAL, 0, HUGE_VAL, 99 },
                        { -0.0, 0.0, 0.0, -0.0 },
                        { -0.0, -0.0, -0.0, 0.0 },
                        { 1, HUGE_VAL, HUGE_VAL, HUGE_VAL },
                };

                for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                        for (int op = TRIB__OP_ADD; op <= TRIB__OP_MUL; op++) {
                                double expected = cases[i][op == TRIB__OP_ADD ? 2 : 3];
                                double got;

                                trib__store_from_f64(ref_floats[d], &in[0], 0, cases[i][0]);
                                trib__store_from_f64(ref_floats[d], &in[1], 0, cases[i][1]);
                                assert_int_equal(compute((enum trib__op)op, ref_floats[d], &in[0],
                                                         &in[1], out), TRIB_OK);
                                got = trib__load_as_f64(ref_floats[d], out, 0);
                                if (expected == 99)
                                        assert_true(isnan(got));
                                else
                                        assert_true(got == expected &&
                                                    signbit(got) == signbit(expected));
                        }
        }
}

static void halves_round_once_and_keep_subnormals(void **state)
{
        uint16_t left = 0x0001, right = 0x0001, out;

        (void)state;
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_F16, &left, &right, &out), TRIB_OK);
        assert_int_equal(out, 0x0002);
        left = 0x7bff; /* the largest f16 */
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_F16, &left, &left, &out), TRIB_OK);
        assert_int_equal(out, 0x7c00);
        left = 0x3c00;  /* 1 */
        right = 0x1000; /* 2^-11, half of the last place of 1: the tie goes to even */
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_F16, &left, &right, &out), TRIB_OK);
        assert_int_equal(out, 0x3c00);
        right = 0x1001;
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_F16, &left, &right, &out), TRIB_OK);
        assert_int_equal(out, 0x3c01);
        left = 0x3f80; /* 1 in bf16 */
        right = 0x3b80; /* 2^-8 */
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_BF16, &left, &right, &out), TRIB_OK);
        assert_int_equal(out, 0x3f80);
}

static void output_may_be_an_input(void **state)
{
        float data[6] = { 1, 2, 3, 4, 5, 6 };
        float shift[3] = { 10, 20, 30 };
        struct trib__ref_binary p = { .op = TRIB__OP_ADD, .a = data, .b = shift, .y = data,
                                      .dtype = TRIB_F32, .a_rank = 2, .b_rank = 1, .y_rank = 2,
                                      .a_shape = { 2, 3 }, .b_shape = { 3 },
                                      .y_shape = { 2, 3 } };

        (void)state;
        assert_int_equal(trib__ref_binary(&p), TRIB_OK);
        assert_memory_equal(data, ((float[]){ 11, 22, 33, 14, 25, 36 }), sizeof(data));
        p.b = data;
        p.b_rank = 2;
        p.b_shape[0] = 2;
        p.b_shape[1] = 3;
        assert_int_equal(trib__ref_binary(&p), TRIB_OK);
        assert_memory_equal(data, ((float[]){ 22, 44, 66, 28, 50, 72 }), sizeof(data));
}

static void empty_output_reads_nothing(void **state)
{
        struct trib__ref_binary p = { .op = TRIB__OP_ADD, .dtype = TRIB_F32, .a_rank = 2,
                                      .y_rank = 2, .a_shape = { 0, 3 }, .y_shape = { 0, 3 } };

        (void)state;
        assert_int_equal(trib__ref_binary(&p), TRIB_OK);
}

static void binary_refuses_what_makes_no_sense(void **state)
{
        double in = 0, out = 7;

        (void)state;
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_BOOL, &in, &in, &out), TRIB_UNSUPPORTED);
        assert_int_equal(compute(TRIB__OP_ADD, TRIB_DTYPE_NONE, &in, &in, &out),
                         TRIB_UNSUPPORTED);
        assert_int_equal(compute(TRIB__OP_RELU, TRIB_F64, &in, &in, &out), TRIB_UNSUPPORTED);
        assert_true(out == 7);
}

TRIB_TEST_MAIN(TRIB_TEST(binary_agrees_with_index_loops_under_any_broadcast),
               TRIB_TEST(integers_wrap), TRIB_TEST(floats_follow_ieee_754),
               TRIB_TEST(halves_round_once_and_keep_subnormals),
               TRIB_TEST(output_may_be_an_input), TRIB_TEST(empty_output_reads_nothing),
               TRIB_TEST(binary_refuses_what_makes_no_sense))
