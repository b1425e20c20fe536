/* SPDX-License-Identifier: Apache-2.0 */
/* workload.c: a built-in workload as a target of load: model, session, and for each thread its
 * input, output and right result. A thread's memory is one block of its own, first touched by the
 * thread itself, with a gap between blocks, so that no two threads write near each other. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "loadgen/workload_model.h"

#define GAP_BYTES 128u
/* Taking a request's time apart takes about 1 us. Of long requests the session takes more. */
#define MEASURE_EVERY 64u

/* Owned by the thread of its index while a window runs. */
struct seat {
        void       *block; /* input, outputs, right results */
        void       *right[TRIB__LOAD_OUTPUTS_MAX];
        trib_tensor input, outputs[TRIB__LOAD_OUTPUTS_MAX];
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
        struct trib__load_ports   ports;
};

static trib_status build_model(struct trib__load_workload *workload, trib_device *device,
                               trib_error *err)
{
        trib_model_builder *builder;
        trib_status         status = trib_model_builder_create(&builder, err);

        if (status != TRIB_OK)
                return status;
        status = trib__load_describe(&workload->spec, workload->options.seed, builder, err);
        if (status == TRIB_OK)
                status = trib_model_build(builder, device, &workload->model, err);
        trib_model_builder_destroy(builder);
        return status;
}

/* A view of a port; a workload's ports are packed. */
static trib_tensor view_of(const struct trib__load_port *port, void *data)
{
        return trib_tensor_from(port->dtype, data, port->rank, port->shape);
}

static trib_status open_session(struct trib__load_workload *workload, trib_error *err)
{
        const struct trib__load_options *options = &workload->options;
        trib_session_options session_options = TRIB_SESSION_OPTIONS_INIT;
        trib_plan_info       info;
        trib_tensor          input = view_of(&workload->ports.input, NULL);
        trib_status          status;

        trib__load_spec_cost(&workload->spec, &workload->facts.flops, &workload->facts.bytes);
        session_options.precision = workload->facts.precision = options->precision;
        session_options.wait = options->wait;
        session_options.timeout_ns = session_options.close_timeout_ns = options->timeout_ns;
        session_options.measure_every = options->measure_every;
        if (options->recorder != NULL)
                session_options.measure_every = 1;
        else if (options->measure_every == 0)
                session_options.measure_every = MEASURE_EVERY;
        status = trib_session_open(workload->model, &session_options, &workload->session, err);
        if (status == TRIB_OK)
                status = trib_session_prepare(workload->session, &input, 1, &info, err);
        if (status == TRIB_OK)
                workload->facts.serial_steps = info.serial_steps;
        return status;
}

/* Each part begins on a line of its own. */
static size_t padded(size_t bytes)
{
        return (bytes + 63) & ~(size_t)63;
}

static void set_up_seat(const struct trib__load_workload *workload, struct seat *seat)
{
        char *at = (char *)seat->block + padded(workload->ports.input.bytes);

        seat->input = view_of(&workload->ports.input, seat->block);
        for (int i = 0; i < workload->ports.n_outputs; i++) {
                seat->outputs[i] = view_of(&workload->ports.outputs[i], at);
                at += padded(workload->ports.outputs[i].bytes);
        }
        for (int i = 0; i < workload->ports.n_outputs; i++) {
                seat->right[i] = at;
                at += padded(workload->ports.outputs[i].bytes);
        }
}

static trib_status take_seats(struct trib__load_workload *workload, trib_error *err)
{
        size_t bytes = padded(workload->ports.input.bytes) + GAP_BYTES;

        for (int i = 0; i < workload->ports.n_outputs; i++)
                bytes += 2 * padded(workload->ports.outputs[i].bytes);
        workload->seats =
                trib__calloc("loadgen.seats", workload->options.threads, sizeof(struct seat));
        for (unsigned i = 0; workload->seats != NULL && i < workload->options.threads; i++) {
                struct seat *seat = &workload->seats[i];

                seat->block = trib__aligned("loadgen.seat", 64, bytes);
                if (seat->block == NULL)
                        break;
                set_up_seat(workload, seat);
        }
        if (workload->seats == NULL
            || workload->seats[workload->options.threads - 1].block == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "workload: no memory for inputs and outputs of %u threads, %zu "
                                  "bytes each", workload->options.threads, bytes);
        return TRIB_OK;
}

/* Every byte of the outputs. */
static void set_outputs(const struct trib__load_workload *workload, unsigned thread, int byte)
{
        for (int i = 0; i < workload->ports.n_outputs; i++)
                memset(workload->seats[thread].outputs[i].data, byte,
                       workload->ports.outputs[i].bytes);
}

/* On each thread: its own random input. */
static void fill_input(void *context, unsigned thread)
{
        struct trib__load_workload *workload = context;
        float                      *numbers = workload->seats[thread].block;
        struct trib__random         random = { workload->options.seed };

        random.state ^= trib__random_next(&random) + thread;
        (void)trib__random_next(&random);
        for (size_t i = 0; i < workload->ports.input.bytes / sizeof(float); i++)
                numbers[i] = trib__random_f32(&random);
        set_outputs(workload, thread, 0);
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
        status = trib_infer(workload->session, &seat->input, 1, seat->outputs,
                            workload->ports.n_outputs, err);
        if (status != TRIB_OK)
                return status;
        took = trib__now() - began;
        if (thread == 0)
                workload->facts.first_answer_at = began + took;
        if (thread == 0 || took < workload->facts.request_ns)
                workload->facts.request_ns = took;
        for (int i = 0; i < workload->ports.n_outputs; i++)
                memcpy(seat->right[i], seat->outputs[i].data, workload->ports.outputs[i].bytes);
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
        uint64_t                          began;
        trib_status                       status;

        if (workload->options.recorder == NULL)
                return trib_infer(workload->session, &seat->input, 1, seat->outputs,
                                  workload->ports.n_outputs, err);
        began = trib__now();
        status = trib_infer(workload->session, &seat->input, 1, seat->outputs,
                            workload->ports.n_outputs, err);
        trib__recorder_add(workload->options.recorder, thread, began, trib__now(), status);
        return status;
}

/* All bits set: not a number, and not what any workload gives. */
static void begin(void *context, unsigned thread)
{
        const struct trib__load_workload *workload = context;

        set_outputs(workload, thread, 0xFF);
}

static bool check(void *context, unsigned thread)
{
        const struct trib__load_workload *workload = context;
        const struct seat                *seat = &workload->seats[thread];

        for (int i = 0; i < workload->ports.n_outputs; i++) {
                if (memcmp(seat->outputs[i].data, seat->right[i],
                           workload->ports.outputs[i].bytes) != 0)
                        return false;
        }
        return true;
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
        trib__load_spec_ports(spec, &workload->ports);
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
