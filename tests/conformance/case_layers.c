/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: attention and convolution, against long double loops.
 *
 * Tolerances, with u the unit roundoff of the output's dtype and a that of the arithmetic inside
 * (2^-53 for f64, 2^-24 otherwise):
 *   conv2d      (k + 4) a sum|x w| + u |y|, k the number of products; 64 a (1 + |y|) more with an
 *               activation
 *   attention   (k rows + 64 + 2 e) a sum p|v| + u |y|, where e a is how far a score may be off:
 *               e = (width + 4) max over rows of k of |scale| sum|q k|
 * and the smallest subnormal of the dtype. */
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define SEED 20241102

/* Run a plan of one step; data[i] is operand i. The output is the caller's to free. */
static void *run(struct rig_bench *bench, struct handmade *made, void *const *data)
{
        const struct trib__step *step = &made->steps[0];
        const void              *inputs[4], *constants[4];
        void                    *y = calloc(step->output.bytes + 1, 1);
        struct rig_program       program;
        struct rig_frame         frame;
        trib_error               err = TRIB_ERROR_INIT;

        assert_non_null(y);
        for (uint32_t i = 0; i < step->n_inputs; i++) {
                if (step->inputs[i].place == TRIB__PLACE_INPUT)
                        inputs[step->inputs[i].index] = data[i];
                else if (step->inputs[i].place == TRIB__PLACE_CONSTANT)
                        constants[step->inputs[i].index] = data[i];
        }
        rig_compile(&bench->rig, &bench->queue, made, constants, NULL, &program);
        rig_frame_open(&bench->rig, &program, &frame);
        must(rig_run(&bench->queue, &program, &frame, inputs, &y, &err), &err);
        rig_frame_close(&bench->rig, &program, &frame);
        rig_release(&bench->rig, &program);
        return y;
}

static void fill(struct rig_bench *bench, const struct trib__step *step, void **data)
{
        for (uint32_t i = 0; i < step->n_inputs; i++) {
                data[i] = calloc(step->inputs[i].bytes + 1, 1);
                assert_non_null(data[i]);
                if (step->inputs[i].place != TRIB__PLACE_NONE)
                        oracle_fill(&step->inputs[i], data[i], &bench->random);
        }
}

static long double unit_roundoff(trib_dtype dtype)
{
        return ldexpl(1, dtype == TRIB_F64   ? -53
                         : dtype == TRIB_F32 ? -24
                         : dtype == TRIB_F16 ? -11
                                             : -8);
}

static long double inner_roundoff(trib_dtype dtype)
{
        return dtype == TRIB_F64 ? ldexpl(1, -53) : ldexpl(1, -24);
}

static void check_near(const char *what, trib_dtype dtype, int64_t index, long double got,
                       long double expected, long double bound)
{
        long double smallest = ldexpl(1, dtype == TRIB_F16 ? -24 : -133);

        /* Written so that a NaN fails. */
        if (!(fabsl(got - expected) <= bound + unit_roundoff(dtype) * fabsl(expected) + smallest))
                fail_msg("%s %s, element %lld: got %.9Lg, expected %.9Lg +- %.3Lg", what,
                         trib_dtype_name(dtype), (long long)index, got, expected, bound);
}

static const trib_dtype dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16 };

/* ---- attention -------------------------------------------------------------------------- */

struct attention {
        int64_t batch, q_rows, k_rows, heads, width, v_width;
        bool    is_causal;
        float   scale;
};

static void make_attention(struct handmade *made, const struct attention *a, trib_dtype dtype)
{
        const int64_t q[3] = { a->batch, a->q_rows, a->heads * a->width };
        const int64_t k[3] = { a->batch, a->k_rows, a->heads * a->width };
        const int64_t v[3] = { a->batch, a->k_rows, a->heads * a->v_width };
        const int64_t y[3] = { a->batch, a->q_rows, a->heads * a->v_width };
        struct trib__operand in[3];

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 3, q);
        in[1] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 3, k);
        in[2] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 3, v);
        handmade_step(made, TRIB__OP_ATTENTION, 3, in,
                      handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 3, y))
                ->attention = (struct trib__attention){ a->heads, (double)a->scale,
                                                   a->is_causal };
}

#define K_ROWS_MOST 80

/* Element `index` of y. */
static void check_element(const struct attention *a, trib_dtype dtype, void *const *data,
                          const void *y, int64_t index)
{
        int64_t     h = index % a->v_width, head = index / a->v_width % a->heads;
        int64_t     i = index / a->v_width / a->heads % a->q_rows;
        int64_t     batch = index / a->v_width / a->heads / a->q_rows;
        int64_t     visible = a->is_causal ? i + 1 + a->k_rows - a->q_rows : a->k_rows;
        long double scores[K_ROWS_MOST], largest = -INFINITY, error = 0, total = 0;
        long double value = 0, size = 0;

        for (int64_t j = 0; j < visible; j++) {
                long double sum = 0, absolute = 0;

                for (int64_t c = 0; c < a->width; c++) {
                        int64_t q_at = ((batch * a->q_rows + i) * a->heads + head) * a->width + c;
                        int64_t k_at = ((batch * a->k_rows + j) * a->heads + head) * a->width + c;
                        long double product = oracle_get(dtype, data[0], q_at) *
                                              oracle_get(dtype, data[1], k_at);

                        sum += product;
                        absolute += fabsl(product);
                }
                scores[j] = sum * (long double)a->scale;
                largest = fmaxl(largest, scores[j]);
                absolute *= (long double)a->scale * (long double)(a->width + 4);
                error = fmaxl(error, absolute);
        }
        for (int64_t j = 0; j < visible; j++) {
                int64_t     v_at = ((batch * a->k_rows + j) * a->heads + head) * a->v_width + h;
                long double p = expl(scores[j] - largest), v = oracle_get(dtype, data[2], v_at);

                total += p;
                value += p * v;
                size += p * fabsl(v);
        }
        check_near("attention", dtype, index, oracle_get(dtype, y, index), value / total,
                   ((long double)a->k_rows + 64 + 2 * error) * inner_roundoff(dtype) * size /
                           total);
}

static void check_attention(struct rig_bench *bench, const struct attention *a, trib_dtype dtype,
                            float factor)
{
        struct handmade made;
        void           *data[3], *y;

        make_attention(&made, a, dtype);
        fill(bench, &made.steps[0], data);
        for (int64_t i = 0; factor != 1 && i < handmade_count(&made.inputs[0]); i++)
                oracle_set(dtype, data[0], i, (long double)factor * oracle_get(dtype, data[0], i));
        y = run(bench, &made, data);
        for (int64_t i = 0; i < handmade_count(&made.steps[0].output); i++)
                check_element(a, dtype, data, y, i);
        free(y);
        for (int i = 0; i < 3; i++)
                free(data[i]);
}

void attention_is_right(void **state)
{
        static const struct attention shapes[] = {
                { 1, 1, 1, 1, 1, 1, false, 1 },      { 2, 5, 7, 3, 4, 2, false, 0.5f },
                { 2, 5, 7, 3, 4, 2, true, 0.5f },    { 1, 33, 33, 2, 17, 17, true, 0.25f },
                { 1, 9, 80, 1, 64, 70, false, 0.125f }, { 1, 1, 40, 4, 8, 8, true, 2 },
        };
        struct rig_bench bench;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
                for (size_t d = 0; d < 4; d++)
                        check_attention(&bench, &shapes[i], dtypes[d], 1);
        rig_bench_close(&bench);
}

/* exp of such scores would overflow; of their differences it does not. */
void attention_survives_large_scores(void **state)
{
        static const struct attention shape = { 1, 8, 16, 2, 8, 8, true, 1 };
        struct rig_bench                  bench;

        rig_bench_open(&bench, state, SEED);
        check_attention(&bench, &shape, TRIB_F32, 1e3f);
        check_attention(&bench, &shape, TRIB_F64, 1e4f);
        rig_bench_close(&bench);
}

/* ---- convolution ------------------------------------------------------------------------ */

struct conv {
        int64_t             batch, in_channels, out_channels, in[2], kernel[2], out[2];
        struct trib__conv2d g;
};

static void set_out(struct conv *c)
{
        for (int i = 0; i < 2; i++)
                c->out[i] = (c->in[i] + 2 * c->g.padding[i] -
                             c->g.dilation[i] * (c->kernel[i] - 1) - 1) / c->g.stride[i] + 1;
}

static void make_conv(struct handmade *made, const struct conv *c, trib_dtype dtype,
                      bool has_bias)
{
        const int64_t x[4] = { c->batch, c->in_channels, c->in[0], c->in[1] };
        const int64_t w[4] = { c->out_channels, c->in_channels / c->g.groups, c->kernel[0],
                               c->kernel[1] };
        const int64_t y[4] = { c->batch, c->out_channels, c->out[0], c->out[1] };
        struct trib__operand in[3] = { { 0 } };

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 4, x);
        in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 4, w);
        if (has_bias)
                in[2] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 1, &c->out_channels);
        else
                in[2] = (struct trib__operand){ .place = TRIB__PLACE_NONE };
        handmade_step(made, TRIB__OP_CONV2D, 3, in,
                      handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 4, y))
                ->conv2d = c->g;
}

static void check_pixel(const struct conv *c, const struct trib__step *step, void *const *data,
                        const void *y, int64_t index)
{
        trib_dtype  dtype = step->output.dtype;
        int64_t     column = index % c->out[1], row = index / c->out[1] % c->out[0];
        int64_t     plane = index / c->out[1] / c->out[0], o = plane % c->out_channels;
        int64_t     batch = plane / c->out_channels, per_group = c->in_channels / c->g.groups;
        int64_t     first = o / (c->out_channels / c->g.groups) * per_group, terms = 1;
        long double sum = 0, size = 0, bound;

        for (int64_t i = 0; i < per_group * c->kernel[0] * c->kernel[1]; i++) {
                int64_t kc = i % c->kernel[1], kr = i / c->kernel[1] % c->kernel[0];
                int64_t channel = i / c->kernel[1] / c->kernel[0];
                int64_t r = row * c->g.stride[0] - c->g.padding[0] + kr * c->g.dilation[0];
                int64_t x = column * c->g.stride[1] - c->g.padding[1] + kc * c->g.dilation[1];
                int64_t at = ((batch * c->in_channels + first + channel) * c->in[0] + r) *
                                     c->in[1] + x;
                long double product;

                if (r < 0 || r >= c->in[0] || x < 0 || x >= c->in[1])
                        continue;
                product = oracle_get(dtype, data[0], at) *
                          oracle_get(dtype, data[1],
                                     o * per_group * c->kernel[0] * c->kernel[1] + i);
                sum += product;
                size += fabsl(product);
                terms++;
        }
        if (step->inputs[2].place != TRIB__PLACE_NONE) {
                sum += oracle_get(dtype, data[2], o);
                size += fabsl(oracle_get(dtype, data[2], o));
        }
        bound = (long double)(terms + 4) * inner_roundoff(dtype) * size;
        if (step->activation == TRIB__OP_RELU)
                sum = sum > 0 ? sum : 0;
        if (step->activation == TRIB__OP_TANH) {
                sum = tanhl(sum);
                bound += 64 * inner_roundoff(dtype) * (1 + fabsl(sum));
        }
        check_near("conv2d", dtype, index, oracle_get(dtype, y, index), sum, bound);
}

static void check_conv(struct rig_bench *bench, const struct conv *c, trib_dtype dtype,
                       bool has_bias, enum trib__op activation)
{
        struct handmade made;
        void           *data[3], *y;

        make_conv(&made, c, dtype, has_bias);
        made.steps[0].activation = activation;
        fill(bench, &made.steps[0], data);
        y = run(bench, &made, data);
        for (int64_t i = 0; i < handmade_count(&made.steps[0].output); i++)
                check_pixel(c, &made.steps[0], data, y, i);
        free(y);
        for (int i = 0; i < 3; i++)
                free(data[i]);
}

#define GREATEST INT64_C(0x7fffffff)

static const struct conv convs[] = {
        { 1, 1, 1, { 1, 1 }, { 1, 1 }, { 0 }, { { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 } },
        { 2, 3, 5, { 8, 9 }, { 3, 3 }, { 0 }, { { 1, 1 }, { 1, 1 }, { 1, 1 }, 1 } },
        { 1, 16, 16, { 7, 11 }, { 3, 5 }, { 0 }, { { 2, 3 }, { 1, 2 }, { 1, 1 }, 1 } },
        { 1, 4, 6, { 9, 9 }, { 3, 3 }, { 0 }, { { 1, 1 }, { 2, 2 }, { 2, 2 }, 1 } },
        { 2, 6, 4, { 6, 5 }, { 2, 3 }, { 0 }, { { 1, 2 }, { 0, 1 }, { 1, 2 }, 2 } },
        { 1, 8, 8, { 6, 6 }, { 3, 3 }, { 0 }, { { 1, 1 }, { 1, 1 }, { 1, 1 }, 8 } },
        { 1, 2, 3, { 3, 3 }, { 1, 1 }, { 0 }, { { 1, 1 }, { 4, 0 }, { 1, 1 }, 1 } },
        { 1, 32, 48, { 10, 10 }, { 1, 1 }, { 0 }, { { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 } },
        { 1, 3, 3, { 4, 9 }, { 3, 3 }, { 0 }, { { 1000000, GREATEST }, { 2, 8 }, { 1, 1 }, 1 } },
        { 1, 2, 3, { 5, 5 }, { 3, 3 }, { 0 },
          { { GREATEST, GREATEST }, { GREATEST, GREATEST }, { 1, 1 }, 1 } },
        { 1, 2, 3, { 5, 5 }, { 3, 3 }, { 0 },
          { { 1, 1 }, { GREATEST, GREATEST }, { GREATEST, GREATEST }, 1 } },
};

void conv2d_is_right(void **state)
{
        struct rig_bench bench;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 0; i < sizeof(convs) / sizeof(convs[0]); i++) {
                struct conv c = convs[i];

                set_out(&c);
                for (size_t d = 0; d < 4; d++)
                        for (int bias = 0; bias < 2; bias++)
                                check_conv(&bench, &c, dtypes[d], bias != 0, TRIB__OP_COUNT);
        }
        rig_bench_close(&bench);
}

void conv2d_with_activation_is_right(void **state)
{
        struct rig_bench bench;

        rig_bench_open(&bench, state, SEED);
        for (size_t i = 1; i < 6; i += 2) {
                struct conv c = convs[i];

                set_out(&c);
                for (size_t d = 0; d < 2; d++) {
                        check_conv(&bench, &c, dtypes[d], true, TRIB__OP_RELU);
                        check_conv(&bench, &c, dtypes[d], false, TRIB__OP_TANH);
                }
        }
        rig_bench_close(&bench);
}
