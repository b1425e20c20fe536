/* SPDX-License-Identifier: Apache-2.0 */
/* session.c: opening, closing and describing sessions. The request path is run.c, submitted
 * requests are request.c.
 *
 * Who is inside is counted in session_table.c. When nobody is and the workers have ended, close
 * waits until the device is past the session's work, then frees. At its deadline it frees nothing:
 * the session stays, refusing requests. No locks here. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"
#include "session/session_priv.h"

#define DEFAULT_CLOSE_TIMEOUT_NS (UINT64_C(30) * 1000 * 1000 * 1000)
#define DEFAULT_MAX_QUEUED 1024
#define DEFAULT_MAX_PLANS 64
#define MAX_WORKERS 1024

static trib_status read_options(const trib_session_options *from, const trib_device *device,
                                trib_session_options *to, trib_error *err)
{
        trib_status status;

        memset(to, 0, sizeof(*to));
        if (from != NULL) {
                status = trib__check_options(from, sizeof(*to), "trib_session_options", err);
                if (status != TRIB_OK)
                        return status;
                memcpy(to, from,
                       from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
        }
        if ((unsigned)to->policy > (unsigned)TRIB_POLICY_DIRECT)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "policy %d: there are auto (0) and direct (1)",
                                  (int)to->policy);
        if ((unsigned)to->precision > (unsigned)TRIB_PRECISION_MEDIUM)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "precision is %d, must be high (0) or medium (1)",
                                  (int)to->precision);
        if (to->precision == TRIB_PRECISION_MEDIUM && !device->caps.has_medium)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "precision medium needs bf16 instructions (AMX or "
                                  "AVX512-BF16) and oneDNN; %s has: %s",
                                  device->caps.name, device->caps.library);
        if ((unsigned)to->wait > (unsigned)TRIB_WAIT_BLOCK)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "wait is %d, must be hybrid (0), spin (1) or block (2)",
                                  (int)to->wait);
        if (to->workers > MAX_WORKERS)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "workers is %u, must be 1..%d",
                                  to->workers, MAX_WORKERS);
        if (to->workers == 0)
                to->workers = device->caps.compute_units < device->max_streams
                                      ? device->caps.compute_units
                                      : device->max_streams;
        if (to->close_timeout_ns == 0)
                to->close_timeout_ns = DEFAULT_CLOSE_TIMEOUT_NS;
        if (to->max_queued == 0)
                to->max_queued = DEFAULT_MAX_QUEUED;
        if (to->max_plans == 0)
                to->max_plans = DEFAULT_MAX_PLANS;
        return TRIB_OK;
}

static trib_status open_parts(struct trib__session *session, trib_error *err)
{
        struct trib__plan_cache_params params = { 0 };
        trib_status                    status;

        params.backend = session->device->backend;
        params.device = session->device->device;
        params.memory = session->device->memory;
        params.graph = &session->model->graph;
        params.constants = session->model->constants;
        params.serial = &session->model->serial;
        params.is_medium = session->options.precision == TRIB_PRECISION_MEDIUM;
        params.max_plans = session->options.max_plans;
        status = trib__plan_cache_create(&params, &session->plans, err);
        if (status != TRIB_OK)
                return status;
        return trib__requests_create(session, &session->queue, err);
}

/* Tolerates a half-opened session. Nothing runs in it any more. */
static void session_free(struct trib__session *session)
{
        for (uint32_t i = 0; i < TRIB__MAX_STREAMS; i++) {
                struct session_slot *slot = &session->slots[i];

                trib__plan_cache_put(session->plans, slot->executable);
                for (uint32_t k = 0; k < SLOT_PLANS - 1; k++)
                        trib__plan_cache_put(session->plans, slot->older[k]);
                trib__free(slot->addresses);
        }
        trib__requests_destroy(session->queue);
        trib__plan_cache_destroy(session->plans);
        trib__model_drop(session->model);
        trib__free(session);
}

trib_status trib_session_open(trib_model *model, const trib_session_options *options,
                              trib_session **out, trib_error *err)
{
        trib_session_options  filled;
        struct trib__session *session;
        trib_status           status = trib__check_handle(out, "out", err);

        if (status != TRIB_OK)
                return status;
        *out = NULL;
        status = trib__check_handle(model, "model", err);
        if (status == TRIB_OK)
                status = read_options(options, model->device, &filled, err);
        if (status != TRIB_OK)
                return status;
        session = trib__aligned("session.open", TRIB__CACHE_LINE, sizeof(*session));
        if (session == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a session");
        memset(session, 0, sizeof(*session));
        session->model = model;
        session->device = model->device;
        session->options = filled;
        trib__model_hold(model);
        status = open_parts(session, err);
        TRIB__TRACE(SESSION_OPEN, session, TRIB__TRACE_ADDRESS(session->queue),
                    TRIB__TRACE_ADDRESS(session->plans),
                    TRIB__TRACE_ADDRESS(session->device->pool));
        if (status == TRIB_OK)
                status = trib__session_seat(session, out, err);
        if (status != TRIB_OK)
                session_free(session);
        return status;
}

/* Whether nothing of the session is still on the device: a request that ran out of time may be,
 * unless the device is lost, which touches nothing any more. Nobody is inside any more, so the
 * slots stand still. */
static bool is_off_device(const struct trib__session *session)
{
        const struct trib__backend *backend = session->device->backend;

        for (uint32_t i = 0; i < TRIB__MAX_STREAMS; i++) {
                const struct session_slot *slot = &session->slots[i];

                /* A deadline in the past: only asks. */
                if (slot->stream != NULL &&
                    backend->park(slot->stream->queue, slot->last_value, 0, NULL) ==
                            TRIB_TIMED_OUT)
                        return false;
        }
        return true;
}

/* Look every 200 us: requests take no notice of close, so that their path stays short. */
static bool wait_until(bool (*is_true)(const struct trib__session *),
                       const struct trib__session *session, uint64_t deadline)
{
        trib__atomic_u32 nobody = { 0 };

        while (!is_true(session)) {
                if (trib__now() >= deadline)
                        return false;
                (void)trib__word_wait(&nobody, 0, trib__now() + TRIB__NS_PER_SECOND / 5000);
        }
        return true;
}

/* Callers first: one of them may just be starting the workers. And once more behind the workers: a
 * thread of theirs that died in a request ends its lease after it has ended as a worker. */
static bool drain(struct trib__session *session)
{
        uint64_t deadline = trib__deadline_after(session->options.close_timeout_ns);

        trib__requests_stop(session->queue);
        return wait_until(trib__session_is_left, session, deadline) &&
               trib__requests_join(session->queue, deadline) &&
               wait_until(trib__session_is_left, session, deadline) &&
               wait_until(is_off_device, session, deadline);
}

trib_status trib_session_close(trib_session *handle, trib_error *err)
{
        struct trib__session *session;
        uint64_t              timeout;
        bool                  is_drained;
        trib_status           status;

        if (handle == NULL)
                return TRIB_OK;
        status = trib__check_handle(handle, "session", err);
        if (status == TRIB_OK)
                status = trib__check_may_wait(err);
        if (status == TRIB_OK)
                status = trib__session_close_begin(handle, &session, err);
        if (status != TRIB_OK)
                return status;
        timeout = session->options.close_timeout_ns;
        is_drained = drain(session);
        trib__session_close_end(session, is_drained);
        if (!is_drained)
                return trib__fail(err, TRIB_BUSY,
                                  "requests still run after %llu ms: the session stays, refusing "
                                  "new ones; close it again later",
                                  (unsigned long long)(timeout / 1000000));
        session_free(session);
        return TRIB_OK;
}

static void check_dims(const struct trib__port *port, const struct trib__shape *wanted,
                       const struct trib__shape *given, trib_status *status, trib_error *err)
{
        char one[128], two[128];

        for (int32_t d = 0; d < wanted->rank; d++) {
                if (given->dims[d] < 1 ||
                    (wanted->dims[d] != TRIB__ANY && given->dims[d] != wanted->dims[d]))
                        *status = TRIB_SHAPE_MISMATCH;
        }
        if (*status != TRIB_OK)
                (void)trib__fail(err, *status,
                                 "input '%s' is %s, must be %s (no dimension may be 0)",
                                 port->name, trib__shape_text(given, one, sizeof(one)),
                                 trib__shape_text(wanted, two, sizeof(two)));
}

trib_status trib__session_shapes(const struct trib__session *session, const trib_tensor *inputs,
                                 int n_inputs, struct trib__shape *shapes, trib_error *err)
{
        const struct trib__graph *graph = &session->model->graph;
        trib_status               status = TRIB_OK;

        if (n_inputs != (int)graph->n_inputs || inputs == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "%d inputs given, the model has %u",
                                  inputs == NULL ? 0 : n_inputs, graph->n_inputs);
        for (uint32_t i = 0; status == TRIB_OK && i < graph->n_inputs; i++) {
                const struct trib__port  *port = &graph->inputs[i];
                const struct trib__shape *wanted = &graph->values[port->value].shape;

                if (inputs[i].rank != wanted->rank)
                        return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                          "input '%s' has rank %d, must have %d", port->name,
                                          inputs[i].rank, wanted->rank);
                if (inputs[i].dtype != wanted->dtype)
                        return trib__fail(err, TRIB_DTYPE_MISMATCH, "input '%s' is %s, must be %s",
                                          port->name, trib_dtype_name(inputs[i].dtype),
                                          trib_dtype_name(wanted->dtype));
                memset(&shapes[i], 0, sizeof(shapes[i]));
                shapes[i].dtype = inputs[i].dtype;
                shapes[i].rank = inputs[i].rank;
                memcpy(shapes[i].dims, inputs[i].shape, sizeof(shapes[i].dims));
                check_dims(port, wanted, &shapes[i], &status, err);
                if (status == TRIB_OK)
                        status = trib__shape_size(&shapes[i], NULL, NULL, err);
        }
        return status;
}

static void describe(const struct trib__executable *executable, trib_plan_info *info)
{
        info->steps = executable->plan->n_steps;
        info->serial_steps = executable->info.serial_steps;
        info->slab_bytes = executable->slab_bytes;
        info->unshared_bytes = executable->plan->unshared_bytes;
        info->program_bytes = executable->info.device_bytes + executable->info.workspace_bytes;
        info->flops = executable->plan->flops;
        info->bytes = executable->plan->bytes;
}

static trib_status prepare(struct trib__session *session, const trib_tensor *inputs, int n_inputs,
                           trib_plan_info *info, trib_error *err)
{
        struct trib__executable *executable;
        struct trib__shape      *shapes;
        trib_status              status;

        shapes = trib__calloc("session.prepare", session->model->graph.n_inputs, sizeof(*shapes));
        if (shapes == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to prepare a plan");
        /* Freed also when the thread ends inside of an operator's infer_shape. */
        pthread_cleanup_push(trib__free, shapes);
        status = trib__session_shapes(session, inputs, n_inputs, shapes, err);
        if (status == TRIB_OK)
                status = trib__plan_cache_get(session->plans, shapes, TRIB__NEVER, &executable,
                                              err);
        pthread_cleanup_pop(1);
        if (status != TRIB_OK)
                return status;
        if (info != NULL)
                describe(executable, info);
        trib__plan_cache_put(session->plans, executable);
        return TRIB_OK;
}

trib_status trib_session_prepare(trib_session *handle, const trib_tensor *inputs, int n_inputs,
                                 trib_plan_info *info, trib_error *err)
{
        struct session_call call;
        trib_status         status = trib__check_handle(handle, "session", err);

        if (status == TRIB_OK)
                status = trib__check_may_wait(err);
        if (status != TRIB_OK)
                return status;
        if (!trib__session_enter(handle, false, &call))
                return trib__fail(err, TRIB_CLOSED, "the session is closed or closing");
        status = prepare(call.session, inputs, n_inputs, info, err);
        trib__session_leave(&call);
        return status;
}

static void get_stats(const struct trib__session *session, trib_session_stats *out)
{
        uint64_t times[TIME_COUNT] = { 0 };

        /* Relaxed: a statistic. */
        out->requests = out->failures = trib__load_relaxed_u64(&session->turned_away);
        for (uint32_t i = 0; i < TRIB__MAX_STREAMS; i++) {
                const struct session_slot *slot = &session->slots[i];

                /* Relaxed, all of them: statistics, each written by one thread. */
                out->requests += trib__load_relaxed_u64(&slot->requests);
                out->failures += trib__load_relaxed_u64(&slot->failures);
                out->measured += trib__load_relaxed_u64(&slot->measured);
                out->measured_blind += trib__load_relaxed_u64(&slot->measured_blind);
                /* Relaxed: as above. */
                for (uint32_t t = 0; t < TIME_COUNT; t++)
                        times[t] += trib__load_relaxed_u64(&slot->times[t]);
        }
        out->plans_built = trib__plan_cache_builds(session->plans);
        out->admission_ns = times[TIME_ADMISSION];
        out->lock_ns = times[TIME_LOCK];
        out->prepare_ns = times[TIME_PREPARE];
        out->submit_ns = times[TIME_SUBMIT];
        out->queue_ns = times[TIME_QUEUE];
        out->device_ns = times[TIME_DEVICE];
        out->serial_ns = times[TIME_SERIAL];
        out->copy_ns = times[TIME_COPY];
        out->notify_ns = times[TIME_NOTIFY];
        out->descheduled_ns = times[TIME_DESCHEDULED];
        out->host_held_ns = times[TIME_HOST_HELD];
        out->lock_held_ns = times[TIME_LOCK_HELD];
        out->path_held_ns = times[TIME_PATH_HELD];
        out->serial_held_ns = times[TIME_SERIAL_HELD];
        out->copy_held_ns = times[TIME_COPY_HELD];
        for (uint32_t t = 0; t <= TIME_DESCHEDULED; t++)
                out->measured_ns += times[t];
}

trib_status trib_session_get_stats(const trib_session *handle, trib_session_stats *out,
                                   trib_error *err)
{
        struct session_call call;
        trib_status         status = trib__check_handle(handle, "session", err);

        if (status == TRIB_OK)
                status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        memset(out, 0, sizeof(*out));
        if (!trib__session_enter(handle, true, &call))
                return trib__fail(err, TRIB_CLOSED, "the session is closed");
        get_stats(call.session, out);
        trib__session_leave(&call);
        return TRIB_OK;
}
