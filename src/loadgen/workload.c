/* SPDX-License-Identifier: Apache-2.0 */
/* workload.c: a built-in workload as a target of load: model, session, and for each thread its
 * input, output and right result. A thread's memory is one block of its own, first touched by the
 * thread itself, with a gap between blocks, so that no two threads write near each other. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "loadgen/workload.h"

#define GAP_BYTES 128u
#define LAYERS_MAX 3
/* Taking a request's time apart costs some clock readings: nothing beside this many FLOPs. */
#define MEASURE_ALL_FLOPS 2e6
#define MEASURE_EVERY_SMALL 16u

/* Owned by the thread of its index while a window runs. */
struct seat {
        float      *block; /* input, output, right result */
        float      *right;
        trib_tensor input, output;
};

struct trib__load_workload {
        /* Fixed by open. */
        struct trib__load_spec    spec;
        struct trib__load_options options;
        struct trib__target       target;
        struct trib__load_facts   facts;
        trib_model               *model;
        trib_session             *session;
        struct seat              *seats;
        size_t                    in_count, out_count; /* numbers in an input, an output */
};

static int copy_one(void *context, const trib_tensor *inputs, int n_inputs,
                    const trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        *(float *)output->data = *(const float *)inputs[0].data;
        return 0;
}

/* `rows` x `columns` numbers in +-scale; NULL when memory is short. */
static float *random_numbers(struct trib__random *random, size_t count, float scale)
{
        float *numbers = trib__alloc("loadgen.weights", count * sizeof(*numbers));

        for (size_t i = 0; numbers != NULL && i < count; i++)
                numbers[i] = scale * trib__random_f32(random);
        return numbers;
}

static trib_status add_linear(trib_model_builder *builder, struct trib__random *random,
                              int64_t in, int64_t out, trib_value *value, trib_error *err)
{
        size_t      weight_count = (size_t)in * (size_t)out;
        float       scale = 1.0f / sqrtf((float)in);
        float      *weights = random_numbers(random, weight_count, scale);
        float      *biases = random_numbers(random, (size_t)out, scale);
        trib_status status = TRIB_OK;

        if (weights == NULL || biases == NULL) {
                status = trib__fail(err, TRIB_OUT_OF_MEMORY,
                                    "workload: no memory for %zu weights", weight_count);
        } else {
                trib_tensor w = trib_tensor_from_f32(weights, 2, (int64_t[]){ out, in });
                trib_tensor b = trib_tensor_from_f32(biases, 1, (int64_t[]){ out });

                *value = trib_model_linear(builder, *value, trib_model_constant(builder, &w),
                                           trib_model_constant(builder, &b));
        }
        trib__free(biases);
        trib__free(weights);
        return status;
}

static trib_status add_layers(const struct trib__load_workload *workload,
                              trib_model_builder *builder, trib_value *value, trib_error *err)
{
        const struct trib__load_spec *spec = &workload->spec;
        struct trib__random           random = { workload->options.seed };
        int64_t     widths[LAYERS_MAX + 1] = { spec->in_features, spec->hidden, spec->hidden,
                                               spec->out_features };
        int         layers = spec->kind == TRIB__LOAD_MLP ? LAYERS_MAX : 1;
        trib_status status = TRIB_OK;

        if (layers == 1)
                widths[1] = spec->out_features;
        for (int i = 0; i < layers && status == TRIB_OK; i++) {
                if (i > 0)
                        *value = trib_model_relu(builder, *value);
                status = add_linear(builder, &random, widths[i], widths[i + 1], value, err);
        }
        return status;
}

static trib_status build_model(struct trib__load_workload *workload, trib_device *device,
                               trib_error *err)
{
        const struct trib__load_spec *spec = &workload->spec;
        trib_operator       noop = TRIB_OPERATOR_INIT;
        trib_model_builder *builder;
        trib_value          value;
        trib_status         status = trib_model_builder_create(&builder, err);

        if (status != TRIB_OK)
                return status;
        value = trib_model_input(builder, "x", TRIB_F32, 2,
                                 (int64_t[]){ spec->batch, spec->in_features });
        noop.name = "noop";
        noop.run = copy_one;
        if (spec->kind == TRIB__LOAD_NOOP)
                value = trib_model_operator(builder, &noop, &value, 1);
        else
                status = add_layers(workload, builder, &value, err);
        if (status == TRIB_OK) {
                trib_model_output(builder, "y", value);
                status = trib_model_build(builder, device, &workload->model, err);
        }
        trib_model_builder_destroy(builder);
        return status;
}

static trib_status open_session(struct trib__load_workload *workload, trib_error *err)
{
        const struct trib__load_options *options = &workload->options;
        trib_session_options session_options = TRIB_SESSION_OPTIONS_INIT;
        trib_plan_info       info;
        trib_tensor          input = trib_tensor_from_f32(
                NULL, 2, (int64_t[]){ workload->spec.batch, workload->spec.in_features });
        trib_status          status;

        trib__load_spec_cost(&workload->spec, &workload->facts.flops, &workload->facts.bytes);
        session_options.precision = options->precision;
        session_options.timeout_ns = session_options.close_timeout_ns = options->timeout_ns;
        session_options.measure_every = options->measure_every;
        if (options->measure_every == 0)
                session_options.measure_every =
                        workload->facts.flops >= MEASURE_ALL_FLOPS ? 1 : MEASURE_EVERY_SMALL;
        status = trib_session_open(workload->model, &session_options, &workload->session, err);
        if (status == TRIB_OK)
                status = trib_session_prepare(workload->session, &input, 1, &info, err);
        if (status == TRIB_OK)
                workload->facts.serial_steps = info.serial_steps;
        return status;
}

static trib_status take_seats(struct trib__load_workload *workload, trib_error *err)
{
        const struct trib__load_spec *spec = &workload->spec;
        size_t in = (size_t)spec->batch * (size_t)spec->in_features;
        size_t out = (size_t)spec->batch * (size_t)spec->out_features;
        size_t in_padded = (in + 15) & ~(size_t)15, out_padded = (out + 15) & ~(size_t)15;
        size_t bytes = (in_padded + 2 * out_padded) * sizeof(float) + GAP_BYTES;

        workload->in_count = in;
        workload->out_count = out;
        workload->seats =
                trib__calloc("loadgen.seats", workload->options.threads, sizeof(struct seat));
        for (unsigned i = 0; workload->seats != NULL && i < workload->options.threads; i++) {
                struct seat *seat = &workload->seats[i];

                seat->block = trib__aligned("loadgen.seat", 64, (bytes + 63) & ~(size_t)63);
                if (seat->block == NULL)
                        break;
                seat->input = trib_tensor_from_f32(seat->block, 2,
                                                   (int64_t[]){ spec->batch, spec->in_features });
                seat->output = trib_tensor_from_f32(
                        seat->block + in_padded, 2, (int64_t[]){ spec->batch, spec->out_features });
                seat->right = seat->block + in_padded + out_padded;
        }
        if (workload->seats == NULL
            || workload->seats[workload->options.threads - 1].block == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "workload: no memory for inputs and outputs of %u threads, %zu "
                                  "bytes each", workload->options.threads, bytes);
        return TRIB_OK;
}

/* On each thread: its own random input. */
static void fill_input(void *context, unsigned thread)
{
        struct trib__load_workload *workload = context;
        float                      *numbers = workload->seats[thread].block;
        struct trib__random         random = { workload->options.seed };

        random.state ^= trib__random_next(&random) + thread;
        (void)trib__random_next(&random);
        for (size_t i = 0; i < workload->in_count; i++)
                numbers[i] = trib__random_f32(&random);
        memset(workload->seats[thread].output.data, 0, workload->out_count * sizeof(float));
}

struct serial_job {
        struct trib__load_workload *workload;
        trib_status                 status;
        trib_error                 *err;
};

static trib_status serial_step(struct trib__load_workload *workload, unsigned thread,
                               trib_error *err)
{
        struct seat *seat = &workload->seats[thread];
        uint64_t     began = trib__now(), took;
        trib_status  status;

        /* Relaxed: a wish that carries no data. */
        if (workload->options.stop != NULL && trib__load_relaxed_u32(workload->options.stop) != 0)
                return trib__fail(err, TRIB_CANCELLED, "workload: stopped");
        if (began > workload->options.deadline)
                return trib__fail(err, TRIB_TIMED_OUT,
                                  "the time was over before the right results were computed");
        status = trib_infer(workload->session, &seat->input, 1, &seat->output, 1, err);
        if (status != TRIB_OK)
                return status;
        took = trib__now() - began;
        if (thread == 0)
                workload->facts.first_answer_at = began + took;
        if (thread == 0 || took < workload->facts.request_ns)
                workload->facts.request_ns = took;
        memcpy(seat->right, seat->output.data, workload->out_count * sizeof(float));
        return TRIB_OK;
}

/* On thread 0: every thread's right result, one after the other. */
static void compute_right_results(void *context, unsigned thread)
{
        struct serial_job *job = context;

        (void)thread;
        for (unsigned i = 0; i < job->workload->options.threads && job->status == TRIB_OK; i++)
                job->status = serial_step(job->workload, i, job->err);
}

static trib_status request(void *context, unsigned thread, trib_error *err)
{
        const struct trib__load_workload *workload = context;
        const struct seat                *seat = &workload->seats[thread];

        return trib_infer(workload->session, &seat->input, 1, &seat->output, 1, err);
}

/* All bits set: not a number, and not what any workload gives. */
static void begin(void *context, unsigned thread)
{
        const struct trib__load_workload *workload = context;

        memset(workload->seats[thread].output.data, 0xFF, workload->out_count * sizeof(float));
}

static bool check(void *context, unsigned thread)
{
        const struct trib__load_workload *workload = context;
        const struct seat                *seat = &workload->seats[thread];

        return memcmp(seat->output.data, seat->right, workload->out_count * sizeof(float)) == 0;
}

static trib_status stats(void *context, trib_session_stats *out, trib_error *err)
{
        const struct trib__load_workload *workload = context;

        return trib_session_get_stats(workload->session, out, err);
}

static trib_status prepare(struct trib__load_workload *workload, trib_device *device,
                           struct trib__crew *crew, trib_error *err)
{
        struct serial_job job = { workload, TRIB_OK, err };
        trib_status       status = build_model(workload, device, err);

        if (status == TRIB_OK)
                status = open_session(workload, err);
        if (status == TRIB_OK)
                status = take_seats(workload, err);
        if (status != TRIB_OK)
                return status;
        trib__crew_start(crew, workload->options.threads, fill_input, workload);
        (void)trib__crew_wait(crew, TRIB__NEVER);
        trib__crew_start(crew, 1, compute_right_results, &job);
        (void)trib__crew_wait(crew, TRIB__NEVER);
        return job.status;
}

trib_status trib__load_workload_open(trib_device *device, struct trib__crew *crew,
                                     const struct trib__load_spec *spec,
                                     const struct trib__load_options *options,
                                     struct trib__load_workload **out, trib_error *err)
{
        struct trib__load_workload *workload;
        trib_status                 status;

        *out = NULL;
        if (options->threads < 1 || options->threads > trib__crew_size(crew))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "workload: %u threads, must be 1 .. %u", options->threads,
                                  trib__crew_size(crew));
        workload = trib__calloc("loadgen.workload", 1, sizeof(*workload));
        if (workload == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "workload: no memory");
        workload->spec = *spec;
        workload->options = *options;
        workload->target = (struct trib__target){ workload, request, begin,
                                                  options->computes_nothing ? NULL : check, stats };
        status = prepare(workload, device, crew, err);
        if (status != TRIB_OK) {
                trib__load_workload_close(workload);
                return status;
        }
        *out = workload;
        return TRIB_OK;
}

void trib__load_workload_close(struct trib__load_workload *workload)
{
        if (workload == NULL)
                return;
        (void)trib_session_close(workload->session, NULL);
        trib_model_close(workload->model);
        for (unsigned i = 0; workload->seats != NULL && i < workload->options.threads; i++)
                trib__free(workload->seats[i].block);
        trib__free(workload->seats);
        trib__free(workload);
}

const struct trib__target *trib__load_workload_target(const struct trib__load_workload *workload)
{
        return &workload->target;
}

void trib__load_workload_facts(const struct trib__load_workload *workload,
                               struct trib__load_facts *out)
{
        *out = workload->facts;
}
