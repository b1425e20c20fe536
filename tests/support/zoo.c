/* SPDX-License-Identifier: Apache-2.0 */
/* zoo.c: see zoo.h. */
#include "zoo.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/random.h"

#define HIDDEN 24

/* A signalling NaN with a pattern of its own, as bits. */
#define GUARD_BITS UINT32_C(0x7fa5a5a5)

static atomic_int   serial_inside;
static atomic_ullong serial_clashes, serial_calls;

uint64_t zoo_serial_clashes(void)
{
        return atomic_load(&serial_clashes);
}

uint64_t zoo_serial_calls(void)
{
        return atomic_load(&serial_calls);
}

static int double_and_one(void *context, const trib_tensor *inputs, int n_inputs,
                          const trib_tensor *output)
{
        const float *x = inputs[0].data;
        float       *y = output->data;

        (void)n_inputs;
        if (context != NULL && atomic_fetch_add(&serial_inside, 1) != 0)
                atomic_fetch_add(&serial_clashes, 1);
        for (int64_t i = 0; i < output->shape[0] * output->shape[1]; i++)
                y[i] = 2 * x[i] + 1;
        if (context != NULL) {
                (void)sched_yield();
                atomic_fetch_sub(&serial_inside, 1);
                atomic_fetch_add(&serial_calls, 1);
        }
        return 0;
}

/* A constant of values that follow from the seed. */
static trib_value constant(trib_model_builder *b, int rank, const int64_t *shape, uint64_t seed)
{
        float              values[HIDDEN * HIDDEN] = { 0 };
        struct trib__random random = { seed };
        int64_t            count = shape[0] * (rank > 1 ? shape[1] : 1);
        trib_tensor        tensor = trib_tensor_from_f32(values, rank, shape);

        for (int64_t i = 0; i < count; i++)
                values[i] = trib__random_f32(&random);
        return trib_model_constant(b, &tensor);
}

static void add_gated(trib_model_builder *b, trib_value x)
{
        trib_value w = constant(b, 2, (int64_t[]){ ZOO_WIDTH, ZOO_WIDTH }, 4);
        trib_value v = constant(b, 2, (int64_t[]){ ZOO_WIDTH, ZOO_WIDTH }, 5);
        trib_value m = constant(b, 2, (int64_t[]){ ZOO_WIDTH, 8 }, 6);
        trib_value gate = trib_model_linear(b, x, w, TRIB_NO_VALUE);
        trib_value y = trib_model_linear(b, x, v, TRIB_NO_VALUE);
        trib_attention_options heads = TRIB_ATTENTION_OPTIONS_INIT;

        heads.heads = 2;
        y = trib_model_mul(b, trib_model_sigmoid(b, gate), y);
        y = trib_model_attention(b, y, x, y, &heads);
        y = trib_model_add(b, y, x);
        trib_model_output(b, "y", trib_model_matmul(b, y, m));
}

static void add_user(trib_model_builder *b, trib_value x, trib_concurrency concurrency)
{
        trib_operator op = TRIB_OPERATOR_INIT;

        op.name = "double and one";
        op.run = double_and_one;
        op.concurrency = concurrency;
        op.context = concurrency == TRIB_SERIAL ? &serial_inside : NULL;
        x = trib_model_tanh(b, x);
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
}

static void describe(trib_model_builder *b, enum zoo_kind kind)
{
        trib_value x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_value y;

        switch (kind) {
        case ZOO_RELU:
                trib_model_output(b, "y", trib_model_relu(b, x));
                break;
        case ZOO_MLP:
                y = trib_model_linear(b, x, constant(b, 2, (int64_t[]){ HIDDEN, ZOO_WIDTH }, 1),
                                      constant(b, 1, (int64_t[]){ HIDDEN }, 2));
                y = trib_model_relu(b, y);
                y = trib_model_linear(b, y, constant(b, 2, (int64_t[]){ 8, HIDDEN }, 3),
                                      TRIB_NO_VALUE);
                trib_model_output(b, "y", y);
                break;
        case ZOO_NORM:
                y = trib_model_layer_norm(b, x, constant(b, 1, (int64_t[]){ ZOO_WIDTH }, 7),
                                          constant(b, 1, (int64_t[]){ ZOO_WIDTH }, 8), 1e-5f);
                trib_model_output(b, "p", trib_model_softmax(b, y, -1));
                trib_model_output(b, "q", trib_model_tanh(b, y));
                break;
        case ZOO_GATED:
                add_gated(b, x);
                break;
        default:
                add_user(b, x, kind == ZOO_SERIAL ? TRIB_SERIAL : TRIB_CONCURRENT);
                break;
        }
}

trib_status zoo_build(trib_device *device, enum zoo_kind kind, trib_model **out, trib_error *err)
{
        trib_model_builder *b;
        trib_status         status = trib_model_builder_create(&b, err);

        *out = NULL;
        if (status != TRIB_OK)
                return status;
        describe(b, kind);
        status = trib_model_build(b, device, out, err);
        trib_model_builder_destroy(b);
        return status;
}

static int64_t output_width(enum zoo_kind kind)
{
        return kind == ZOO_MLP || kind == ZOO_GATED ? 8 : ZOO_WIDTH;
}

/* As bits, so that no conversion touches a signalling NaN. */
static void fill(float *values, size_t count)
{
        const uint32_t bits = GUARD_BITS;

        for (size_t i = 0; i < count; i++)
                memcpy(&values[i], &bits, sizeof(bits));
}

static bool is_filled(const float *values, size_t count)
{
        const uint32_t bits = GUARD_BITS;

        for (size_t i = 0; i < count; i++) {
                if (memcmp(&values[i], &bits, sizeof(bits)) != 0)
                        return false;
        }
        return true;
}

void zoo_job_reset(struct zoo_job *job)
{
        for (int i = 0; i < 2; i++)
                fill(job->y[i], sizeof(job->y[i]) / sizeof(float));
}

void zoo_job_init(struct zoo_job *job, enum zoo_kind kind, int64_t rows, uint64_t seed)
{
        struct trib__random random = { seed * 1000003 + (uint64_t)rows };

        memset(job, 0, sizeof(*job));
        job->kind = kind;
        job->rows = rows;
        job->seed = seed;
        job->n_outputs = kind == ZOO_NORM ? 2 : 1;
        fill(job->x, sizeof(job->x) / sizeof(float));
        for (int64_t i = 0; i < rows * ZOO_WIDTH; i++)
                job->x[ZOO_GUARD + i] = trib__random_f32(&random);
        zoo_job_reset(job);
        job->input = trib_tensor_from_f32(job->x + ZOO_GUARD, 2, (int64_t[]){ rows, ZOO_WIDTH });
        for (int i = 0; i < job->n_outputs; i++)
                job->outputs[i] = trib_tensor_from_f32(job->y[i] + ZOO_GUARD, 2,
                                                       (int64_t[]){ rows, output_width(kind) });
}

trib_status zoo_job_infer(struct zoo_job *job, trib_session *session, trib_error *err)
{
        return trib_infer(session, &job->input, 1, job->outputs, job->n_outputs, err);
}

void zoo_job_options(struct zoo_job *job, trib_request_options *options)
{
        *options = (trib_request_options)TRIB_REQUEST_OPTIONS_INIT;
        options->inputs = &job->input;
        options->n_inputs = 1;
        options->outputs = job->outputs;
        options->n_outputs = job->n_outputs;
}

bool zoo_job_is_right(const struct zoo_job *job, const struct zoo_job *golden)
{
        size_t              in = (size_t)(job->rows * ZOO_WIDTH);
        size_t              out = (size_t)(job->rows * output_width(job->kind));
        struct trib__random random = { job->seed * 1000003 + (uint64_t)job->rows };
        bool                is_right;

        is_right = is_filled(job->x, ZOO_GUARD) &&
                   is_filled(job->x + ZOO_GUARD + in,
                             sizeof(job->x) / sizeof(float) - ZOO_GUARD - in);
        for (size_t i = 0; i < in; i++) {
                float value = trib__random_f32(&random);

                is_right = is_right && memcmp(&job->x[ZOO_GUARD + i], &value, sizeof(value)) == 0;
        }
        for (int o = 0; o < job->n_outputs; o++) {
                const float *y = job->y[o];

                is_right = is_right && is_filled(y, ZOO_GUARD) &&
                           is_filled(y + ZOO_GUARD + out,
                                     sizeof(job->y[o]) / sizeof(float) - ZOO_GUARD - out);
                if (golden != NULL)
                        is_right = is_right && memcmp(y + ZOO_GUARD, golden->y[o] + ZOO_GUARD,
                                                      out * sizeof(float)) == 0;
        }
        return is_right;
}
