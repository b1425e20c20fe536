/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: the result of every kind of step, on odd shapes and every dtype that the device
 * has, against the oracle. */
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define SEED 20240229

static const trib_dtype float_dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16 };
static const trib_dtype all_dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16,
                                         TRIB_I8,  TRIB_U8,  TRIB_I32, TRIB_I64 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void *fill(struct rig_bench *bench, const struct trib__operand *operand)
{
        void *data = calloc(operand->bytes + 1, 1);

        assert_non_null(data);
        oracle_fill(operand, data, &bench->random);
        return data;
}

/* Host data of the one step of a plan, made if *data is NULL: operand i in data[i]. */
static void fill_operands(struct rig_bench *bench, const struct trib__step *step, void **data)
{
        for (uint32_t i = 0; i < step->n_inputs; i++) {
                if (data[i] == NULL && step->inputs[i].place != TRIB__PLACE_NONE)
                        data[i] = fill(bench, &step->inputs[i]);
        }
}

static void sort_operands(const struct trib__step *step, void *const *data,
                          const void **inputs, const void **constants)
{
        for (uint32_t i = 0; i < step->n_inputs; i++) {
                if (step->inputs[i].place == TRIB__PLACE_INPUT)
                        inputs[step->inputs[i].index] = data[i];
                else if (step->inputs[i].place == TRIB__PLACE_CONSTANT)
                        constants[step->inputs[i].index] = data[i];
        }
}

/* Compile, run once and forget a plan. */
static void run_plan(struct rig_bench *bench, struct handmade *made, const void *const *constants,
                     const void *const *inputs, void *const *outputs)
{
        struct rig_program program;
        struct rig_frame   frame;
        trib_error         err = TRIB_ERROR_INIT;

        rig_compile(&bench->rig, &bench->queue, made, constants, NULL, &program);
        rig_frame_open(&bench->rig, &program, &frame);
        must(rig_run(&bench->queue, &program, &frame, inputs, outputs, &err), &err);
        rig_frame_close(&bench->rig, &program, &frame);
        rig_release(&bench->rig, &program);
}

/* Run a plan of one step on host data; the output is the caller's to free. */
static void *run_step(struct rig_bench *bench, struct handmade *made, void *const *data)
{
        const struct trib__step *step = &made->steps[0];
        const void              *inputs[HANDMADE_MAX], *constants[HANDMADE_MAX];
        void                    *y = calloc(step->output.bytes + 1, 1);

        assert_non_null(y);
        sort_operands(step, data, inputs, constants);
        run_plan(bench, made, constants, inputs, &y);
        return y;
}

static bool is_supported(struct rig_bench *bench, const struct handmade *made)
{
        return bench->rig.backend->supports(bench->rig.device, &made->steps[0], NULL, 0) !=
               TRIB__SUPPORT_NO;
}

/* Fill, run and compare; frees `data`. A step that the device has not is passed over. */
static void check_filled(struct rig_bench *bench, struct handmade *made, void **data)
{
        const struct trib__step *step = &made->steps[0];
        void                    *y;

        if (is_supported(bench, made)) {
                fill_operands(bench, step, data);
                y = run_step(bench, made, data);
                oracle_check(step, (const void *const *)data, y);
                free(y);
        } else {
                assert_int_not_equal(step->output.dtype, TRIB_F32);
        }
        for (uint32_t i = 0; i < step->n_inputs; i++)
                free(data[i]);
}

static void check(struct rig_bench *bench, struct handmade *made)
{
        void *data[TRIB__MAX_STEP_INPUTS] = { NULL };

        check_filled(bench, made, data);
}

static void make_linear(struct handmade *made, trib_dtype dtype, const int64_t *mkn,
                        bool has_bias)
{
        struct trib__operand in[3];

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2, mkn);
        in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 2,
                                 (int64_t[]){ mkn[2], mkn[1] });
        if (has_bias)
                in[2] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 1, &mkn[2]);
        else
                in[2] = (struct trib__operand){ .place = TRIB__PLACE_NONE };
        (void)handmade_step(made, TRIB__OP_LINEAR, 3, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2,
                                             (int64_t[]){ mkn[0], mkn[2] }));
}

void linear_is_right(void **state)
{
        static const int64_t shapes[][3] = { { 1, 1, 1 },    { 3, 5, 7 },   { 17, 33, 65 },
                                             { 1, 64, 10 },  { 32, 128, 64 }, { 5, 1, 3 },
                                             { 2, 257, 1 } };
        struct rig_bench         bench;
        struct handmade      made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
                for (size_t d = 0; d < COUNT_OF(float_dtypes); d++) {
                        for (int bias = 0; bias < 2; bias++) {
                                make_linear(&made, float_dtypes[d], shapes[i], bias != 0);
                                check(&bench, &made);
                        }
                }
        }
        /* Inputs of rank 3 and 1. */
        for (int rank = 1; rank <= 3; rank += 2) {
                struct trib__operand in[2];

                handmade_init(&made);
                in[0] = handmade_operand(&made, TRIB__PLACE_INPUT, TRIB_F32, rank,
                                         rank == 1 ? (int64_t[]){ 5 } : (int64_t[]){ 2, 3, 5 });
                in[1] = handmade_operand(&made, TRIB__PLACE_CONSTANT, TRIB_F32, 2,
                                         (int64_t[]){ 7, 5 });
                (void)handmade_step(&made, TRIB__OP_LINEAR, 2, in,
                                    handmade_operand(&made, TRIB__PLACE_OUTPUT, TRIB_F32, rank,
                                                     rank == 1 ? (int64_t[]){ 7 }
                                                               : (int64_t[]){ 2, 3, 7 }));
                check(&bench, &made);
        }
        rig_bench_close(&bench);
}

static const enum trib__op unary_ops[] = { TRIB__OP_RELU, TRIB__OP_GELU_ERF, TRIB__OP_GELU_TANH,
                                           TRIB__OP_TANH, TRIB__OP_SIGMOID };

void linear_with_activation_is_right(void **state)
{
        static const int64_t shape[3] = { 17, 33, 65 };
        struct rig_bench         bench;
        struct handmade      made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(unary_ops); i++) {
                for (size_t d = 0; d < COUNT_OF(float_dtypes); d++) {
                        for (int bias = 0; bias < 2; bias++) {
                                make_linear(&made, float_dtypes[d], shape, bias != 0);
                                made.steps[0].activation = unary_ops[i];
                                check(&bench, &made);
                        }
                }
        }
        rig_bench_close(&bench);
}

struct pair {
        int     a_rank, b_rank, y_rank;
        int64_t a[4], b[4], y[4];
};

static void make_pair(struct handmade *made, enum trib__op op, trib_dtype dtype,
                      const struct pair *pair)
{
        struct trib__operand in[2];

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, pair->a_rank, pair->a);
        in[1] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, pair->b_rank, pair->b);
        (void)handmade_step(made, op, 2, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, pair->y_rank,
                                             pair->y));
}

void matmul_is_right(void **state)
{
        static const struct pair pairs[] = {
                { 2, 2, 2, { 1, 1 }, { 1, 1 }, { 1, 1 } },
                { 2, 2, 2, { 3, 5 }, { 5, 7 }, { 3, 7 } },
                { 2, 2, 2, { 17, 33 }, { 33, 65 }, { 17, 65 } },
                { 3, 3, 3, { 2, 3, 5 }, { 2, 5, 7 }, { 2, 3, 7 } },
                { 3, 2, 3, { 2, 3, 5 }, { 5, 7 }, { 2, 3, 7 } },
                { 2, 3, 3, { 3, 5 }, { 2, 5, 7 }, { 2, 3, 7 } },
                { 4, 3, 4, { 4, 1, 3, 5 }, { 6, 5, 2 }, { 4, 6, 3, 2 } },
                { 4, 4, 4, { 1, 2, 3, 4 }, { 3, 1, 4, 5 }, { 3, 2, 3, 5 } },
        };
        struct rig_bench    bench;
        struct handmade made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
                for (size_t d = 0; d < COUNT_OF(float_dtypes); d++) {
                        make_pair(&made, TRIB__OP_MATMUL, float_dtypes[d], &pairs[i]);
                        check(&bench, &made);
                }
        }
        rig_bench_close(&bench);
}

void add_and_mul_are_right(void **state)
{
        static const struct pair pairs[] = {
                { 0, 0, 0, { 0 }, { 0 }, { 0 } },
                { 1, 1, 1, { 1 }, { 1 }, { 1 } },
                { 3, 3, 3, { 3, 5, 7 }, { 3, 5, 7 }, { 3, 5, 7 } },
                { 2, 2, 2, { 17, 33 }, { 17, 33 }, { 17, 33 } },
                { 2, 1, 2, { 17, 33 }, { 33 }, { 17, 33 } },
                { 1, 2, 2, { 33 }, { 17, 33 }, { 17, 33 } },
                { 3, 2, 3, { 3, 1, 7 }, { 5, 1 }, { 3, 5, 7 } },
                { 3, 0, 3, { 3, 5, 7 }, { 0 }, { 3, 5, 7 } },
                { 0, 2, 2, { 0 }, { 3, 5 }, { 3, 5 } },
                { 4, 4, 4, { 2, 1, 3, 1 }, { 1, 4, 1, 5 }, { 2, 4, 3, 5 } },
                { 2, 2, 2, { 65, 1 }, { 1, 65 }, { 65, 65 } },
        };
        struct rig_bench    bench;
        struct handmade made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
                for (size_t d = 0; d < COUNT_OF(all_dtypes); d++) {
                        make_pair(&made, TRIB__OP_ADD, all_dtypes[d], &pairs[i]);
                        check(&bench, &made);
                        make_pair(&made, TRIB__OP_MUL, all_dtypes[d], &pairs[i]);
                        check(&bench, &made);
                }
        }
        rig_bench_close(&bench);
}

static void make_single(struct handmade *made, enum trib__op op, trib_dtype dtype, int rank,
                        const int64_t *shape)
{
        struct trib__operand x;

        handmade_init(made);
        x = handmade_operand(made, TRIB__PLACE_INPUT, dtype, rank, shape);
        (void)handmade_step(made, op, 1, &x,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, rank, shape));
}

static const struct {
        int     rank;
        int64_t shape[3];
} odd_shapes[] = { { 0, { 0 } },    { 1, { 1 } },      { 3, { 3, 5, 7 } },
                   { 2, { 17, 33 } }, { 3, { 2, 1, 65 } }, { 1, { 1000 } } };

void unary_operators_are_right(void **state)
{
        struct rig_bench    bench;
        struct handmade made;

        rig_bench_open(&bench, state, SEED);
        for (size_t op = 0; op < COUNT_OF(unary_ops); op++) {
                for (size_t d = 0; d < COUNT_OF(all_dtypes); d++) {
                        for (size_t i = 0; i < COUNT_OF(odd_shapes); i++) {
                                make_single(&made, unary_ops[op], all_dtypes[d],
                                            odd_shapes[i].rank, odd_shapes[i].shape);
                                check(&bench, &made);
                        }
                }
        }
        rig_bench_close(&bench);
}

void softmax_is_right_over_every_axis(void **state)
{
        struct rig_bench    bench;
        struct handmade made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 1; i < COUNT_OF(odd_shapes); i++) {
                for (int axis = 0; axis < odd_shapes[i].rank; axis++) {
                        for (size_t d = 0; d < COUNT_OF(float_dtypes); d++) {
                                make_single(&made, TRIB__OP_SOFTMAX, float_dtypes[d],
                                            odd_shapes[i].rank, odd_shapes[i].shape);
                                made.steps[0].axis = axis;
                                check(&bench, &made);
                        }
                }
        }
        rig_bench_close(&bench);
}

/* Bit 0 of `parts`: with a scale, bit 1: with a shift. */
static void make_layer_norm(struct handmade *made, trib_dtype dtype, int64_t rows,
                            int64_t length, int parts)
{
        const struct trib__operand none = { .place = TRIB__PLACE_NONE };
        const int64_t              shape[2] = { rows, length };
        struct trib__operand       in[3];

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2, shape);
        in[1] = (parts & 1) == 0 ? none
                                 : handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 1,
                                                    &length);
        in[2] = (parts & 2) == 0 ? none
                                 : handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 1,
                                                    &length);
        (void)handmade_step(made, TRIB__OP_LAYER_NORM, 3, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2, shape));
}

void layer_norm_is_right(void **state)
{
        static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 17, 65 }, { 1, 1000 } };
        struct rig_bench         bench;
        struct handmade      made;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
                for (size_t d = 0; d < COUNT_OF(float_dtypes); d++) {
                        for (int parts = 0; parts < 4; parts += 3) {
                                make_layer_norm(&made, float_dtypes[d], shapes[i][0],
                                                shapes[i][1], parts);
                                check(&bench, &made);
                        }
                }
        }
        rig_bench_close(&bench);
}

/* What an operator may make of NaN: NaN, and relu also 0 (include/tributary/model.h). */
static bool is_of_nan(enum trib__op op, float y)
{
        return y != y || (op == TRIB__OP_RELU && y == 0);
}

/* A NaN of the sum goes through a fused activation as through the activation alone. */
static void check_fused_nan(struct rig_bench *bench)
{
        static const int64_t shape[3] = { 2, 4, 4 };
        struct handmade      made;

        for (size_t op = 0; op < COUNT_OF(unary_ops); op++) {
                void  *data[TRIB__MAX_STEP_INPUTS] = { NULL };
                float *y;

                make_linear(&made, TRIB_F32, shape, true);
                made.steps[0].activation = unary_ops[op];
                fill_operands(bench, &made.steps[0], data);
                ((float *)data[0])[1] = (float)NAN;
                y = run_step(bench, &made, data);
                for (int i = 0; i < 8; i++) {
                        if (i < 4 ? !is_of_nan(unary_ops[op], y[i]) : y[i] != y[i])
                                fail_msg("linear with %s: element %d is %g, of a row %s NaN",
                                         trib__op_name(unary_ops[op]), i, (double)y[i],
                                         i < 4 ? "with a" : "without");
                }
                free(y);
                for (int i = 0; i < 3; i++)
                        free(data[i]);
        }
}

/* Large arguments neither overflow nor become NaN, and a NaN does not become a number. */
void functions_keep_their_limits(void **state)
{
        static const int64_t shape[2] = { 2, 4 };
        const float          x[8] = { -1e30f, -90, 90, 1e30f, 80, 80, -80, 1.5e38f };
        struct rig_bench         bench;
        struct handmade      made;
        float                nan[8] = { 0 };

        rig_bench_open(&bench, state, SEED);
        nan[2] = (float)NAN;
        for (size_t op = 0; op <= COUNT_OF(unary_ops); op++) {
                void  *data[1];
                float *y;

                make_single(&made, op == COUNT_OF(unary_ops) ? TRIB__OP_SOFTMAX : unary_ops[op],
                            TRIB_F32, 2, shape);
                made.steps[0].axis = 1;
                data[0] = malloc(sizeof(x));
                assert_non_null(data[0]);
                memcpy(data[0], x, sizeof(x));
                check_filled(&bench, &made, data);
                data[0] = nan;
                y = run_step(&bench, &made, data);
                if (!is_of_nan(made.steps[0].op, y[2]))
                        fail_msg("%s of NaN is %g", trib__op_name(made.steps[0].op), (double)y[2]);
                assert_true(y[6] == y[6]);
                free(y);
        }
        check_fused_nan(&bench);
        rig_bench_close(&bench);
}

/* linear + gelu -> layer norm -> softmax, through the slab; checked step by step. */
void chain_through_the_slab_is_right(void **state)
{
        const int64_t         in_shape[2] = { 17, 33 }, shape[2] = { 17, 65 }, k[2] = { 65, 33 };
        struct rig_bench          bench;
        struct handmade       made;
        struct trib__operand  x, w, hidden[2], y[3], none = { .place = TRIB__PLACE_NONE };
        void                 *data[2], *out[3];

        rig_bench_open(&bench, state, SEED);
        handmade_init(&made);
        x = handmade_operand(&made, TRIB__PLACE_INPUT, TRIB_F32, 2, in_shape);
        w = handmade_operand(&made, TRIB__PLACE_CONSTANT, TRIB_F32, 2, k);
        for (int i = 0; i < 3; i++)
                y[i] = handmade_operand(&made, TRIB__PLACE_OUTPUT, TRIB_F32, 2, shape);
        for (int i = 0; i < 2; i++)
                hidden[i] = handmade_slab(&made, TRIB_F32, 2, shape);
        handmade_step(&made, TRIB__OP_LINEAR, 3, (struct trib__operand[]){ x, w, none },
                      hidden[0])->activation = TRIB__OP_GELU_ERF;
        (void)handmade_step(&made, TRIB__OP_LAYER_NORM, 3,
                            (struct trib__operand[]){ hidden[0], none, none }, hidden[1]);
        handmade_step(&made, TRIB__OP_SOFTMAX, 1, &hidden[1], y[2])->axis = 1;
        /* The intermediates too, doubled. */
        (void)handmade_step(&made, TRIB__OP_ADD, 2,
                            (struct trib__operand[]){ hidden[0], hidden[0] }, y[0]);
        (void)handmade_step(&made, TRIB__OP_ADD, 2,
                            (struct trib__operand[]){ hidden[1], hidden[1] }, y[1]);
        data[0] = fill(&bench, &x);
        data[1] = fill(&bench, &w);
        for (int i = 0; i < 3; i++)
                out[i] = calloc(y[i].bytes, 1);
        run_plan(&bench, &made, (const void *const *)&data[1], (const void *const *)data, out);
        /* Halving is exact, so the doubled intermediates give the intermediates. */
        for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 17 * 65; j++)
                        ((float *)out[i])[j] /= 2;
        }
        oracle_check(&made.steps[0], (const void *const *)data, out[0]);
        oracle_check(&made.steps[1], (const void *const *)&out[0], out[1]);
        oracle_check(&made.steps[2], (const void *const *)&out[1], out[2]);
        for (int i = 0; i < 3; i++)
                free(out[i]);
        free(data[0]);
        free(data[1]);
        rig_bench_close(&bench);
}

/* relu(x) -> h, op(h) -> h or a buffer of its own, relu of that -> y. */
static void make_through(struct handmade *made, enum trib__op op, bool is_in_place)
{
        const int64_t        shape[2] = { 9, 33 };
        struct trib__operand x, h, g, y;

        handmade_init(made);
        x = handmade_operand(made, TRIB__PLACE_INPUT, TRIB_F32, 2, shape);
        y = handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_F32, 2, shape);
        h = handmade_slab(made, TRIB_F32, 2, shape);
        g = is_in_place ? h : handmade_slab(made, TRIB_F32, 2, shape);
        (void)handmade_step(made, TRIB__OP_RELU, 1, &x, h);
        handmade_step(made, op, op == TRIB__OP_ADD || op == TRIB__OP_MUL ? 2 : 1,
                      (struct trib__operand[]){ h, h }, g)->axis = 1;
        (void)handmade_step(made, TRIB__OP_RELU, 1, &g, y);
}

/* Plans may lay an element-wise step's output over its input. */
void step_may_write_over_its_input(void **state)
{
        static const enum trib__op ops[] = { TRIB__OP_RELU,    TRIB__OP_GELU_ERF,
                                             TRIB__OP_TANH,    TRIB__OP_SOFTMAX,
                                             TRIB__OP_LAYER_NORM, TRIB__OP_ADD,
                                             TRIB__OP_MUL };
        struct rig_bench               bench;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < COUNT_OF(ops); i++) {
                struct handmade made;
                void           *data, *in_place, *expected;

                make_through(&made, ops[i], true);
                data = fill(&bench, &made.inputs[0]);
                in_place = calloc(made.outputs[0].bytes, 1);
                expected = calloc(made.outputs[0].bytes, 1);
                run_plan(&bench, &made, NULL, (const void *const *)&data, &in_place);
                make_through(&made, ops[i], false);
                run_plan(&bench, &made, NULL, (const void *const *)&data, &expected);
                assert_memory_equal(in_place, expected, made.outputs[0].bytes);
                free(data);
                free(in_place);
                free(expected);
        }
        rig_bench_close(&bench);
}

/* Fill every row of x but one with NaN and infinity; the bits of that one's result must not
 * change. */
static void check_rows(struct rig_bench *bench, struct handmade *made)
{
        const struct trib__step *step = &made->steps[0];
        void                    *data[TRIB__MAX_STEP_INPUTS] = { NULL };
        int64_t                  rows = step->inputs[0].shape[0];
        size_t                   x_row = step->inputs[0].bytes / (size_t)rows;
        size_t                   y_row = step->output.bytes / (size_t)rows;
        char                    *expected, *got, *clean;

        fill_operands(bench, step, data);
        expected = run_step(bench, made, data);
        clean = data[0];
        for (int64_t row = 0; row < rows; row += rows / 2) {
                float *poisoned = malloc(step->inputs[0].bytes);

                assert_non_null(poisoned);
                for (size_t i = 0; i < step->inputs[0].bytes / sizeof(float); i++)
                        poisoned[i] = i % 3 == 0 ? (float)INFINITY : (float)NAN;
                memcpy((char *)poisoned + (size_t)row * x_row, clean + (size_t)row * x_row,
                       x_row);
                data[0] = poisoned;
                got = run_step(bench, made, data);
                assert_memory_equal(got + (size_t)row * y_row, expected + (size_t)row * y_row,
                                    y_row);
                free(got);
                free(poisoned);
        }
        data[0] = clean;
        free(expected);
        for (uint32_t i = 0; i < step->n_inputs; i++)
                free(data[i]);
}

void rows_do_not_see_their_neighbours(void **state)
{
        static const int64_t linear[3] = { 17, 33, 65 }, shape[2] = { 17, 65 };
        struct rig_bench         bench;
        struct handmade      made;

        rig_bench_open(&bench, state, SEED);
        make_linear(&made, TRIB_F32, linear, true);
        check_rows(&bench, &made);
        made.steps[0].activation = TRIB__OP_GELU_TANH;
        check_rows(&bench, &made);
        make_layer_norm(&made, TRIB_F32, shape[0], shape[1], 3);
        check_rows(&bench, &made);
        make_single(&made, TRIB__OP_SOFTMAX, TRIB_F32, 2, shape);
        made.steps[0].axis = 1;
        check_rows(&bench, &made);
        for (size_t i = 0; i < COUNT_OF(unary_ops); i++) {
                make_single(&made, unary_ops[i], TRIB_F32, 2, shape);
                check_rows(&bench, &made);
        }
        make_pair(&made, TRIB__OP_MUL, TRIB_F32,
                  &(struct pair){ 2, 1, 2, { 17, 65 }, { 65 }, { 17, 65 } });
        check_rows(&bench, &made);
        rig_bench_close(&bench);
}
