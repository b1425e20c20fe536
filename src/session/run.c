/* SPDX-License-Identifier: Apache-2.0 */
/* run.c: the request path: lease a stream, find the plan, launch, wait, give back.
 *
 * In the steady state (same shapes as this session's last request on the stream) it takes no lock,
 * allocates nothing and writes no cache line that another running thread writes. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/meter.h"
#include "base/trace.h"
#include "session/session_priv.h"

#define MAX_STACK_PORTS 8
#define POLLS_BEFORE_PARK 64
#define POLLS_BEFORE_ASKING 1024 /* of one that spins */

/* One request on its way. */
struct run {
        struct trib__session   *session;
        const struct run_args  *args;
        struct trib_stream     *stream;
        struct session_slot    *slot;
        struct trib__executable *executable;
        bool                    is_hung; /* gave up while the device still has work of it */
        struct stopwatch       *watch;   /* NULL: not measured                            */
};

/* Whether the view is exactly this operand: dtype, shape, packed, with memory that is aligned. */
static bool is_match(const trib_tensor *view, const struct trib__operand *operand)
{
        int64_t stride = 1;

        if (view->dtype != operand->dtype || view->rank != operand->rank || view->data == NULL ||
            ((uintptr_t)view->data & (trib_dtype_size(view->dtype) - 1)) != 0)
                return false;
        for (int32_t d = view->rank - 1; d >= 0; d--) {
                if (view->shape[d] != operand->shape[d] ||
                    (view->strides[d] != stride && view->shape[d] != 1))
                        return false;
                stride *= view->shape[d];
        }
        return true;
}

static bool are_matches(const trib_tensor *views, const struct trib__operand *operands,
                        uint32_t count)
{
        for (uint32_t i = 0; i < count; i++) {
                if (!is_match(&views[i], &operands[i]))
                        return false;
        }
        return true;
}

/* Say what is wrong with a view that is no match for its operand. */
static trib_status explain(const trib_tensor *view, const struct trib__operand *operand,
                           const char *what, const char *name, trib_error *err)
{
        struct trib__shape given = { view->dtype, view->rank, { 0 } };
        struct trib__shape wanted = { operand->dtype, operand->rank, { 0 } };
        char               one[96], two[96];
        trib_status        status = trib_tensor_check(view, NULL, NULL, err);

        if (status != TRIB_OK) {
                trib__error_prefix(err, "%s '%s'", what, name);
                return status;
        }
        memcpy(given.dims, view->shape, sizeof(given.dims));
        memcpy(wanted.dims, operand->shape, sizeof(wanted.dims));
        if (view->dtype != operand->dtype)
                status = TRIB_DTYPE_MISMATCH;
        else if (view->rank != operand->rank ||
                 memcmp(given.dims, wanted.dims, (size_t)given.rank * sizeof(int64_t)) != 0)
                status = TRIB_SHAPE_MISMATCH;
        else if (!trib_tensor_is_contiguous(view))
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "%s '%s' is strided: pack it with trib_tensor_copy first", what,
                                  name);
        else
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "%s '%s' has no memory", what,
                                  name);
        return trib__fail(err, status, "%s '%s' is %s, must be %s", what, name,
                          trib__shape_text(&given, one, sizeof(one)),
                          trib__shape_text(&wanted, two, sizeof(two)));
}

/* Make `executable` the slot's first; those before place `from` move back by one. Gives the one
 * that was at `from`. */
static struct trib__executable *put_first(struct session_slot *slot, uint32_t from,
                                          struct trib__executable *executable)
{
        struct trib__executable *moved = slot->executable;

        slot->executable = executable;
        for (uint32_t i = 0; i < from; i++) {
                struct trib__executable *next = slot->older[i];

                slot->older[i] = moved;
                moved = next;
        }
        return moved;
}

/* The plan of these shapes among the slot's older ones, made its first; or NULL. */
static struct trib__executable *recall_plan(struct run *run)
{
        struct session_slot *slot = run->slot;

        for (uint32_t i = 0; i < SLOT_PLANS - 1 && slot->older[i] != NULL; i++) {
                struct trib__executable *older = slot->older[i];

                if (are_matches(run->args->inputs, older->plan->inputs, older->plan->n_inputs)) {
                        (void)put_first(slot, i + 1, older);
                        return older;
                }
        }
        return NULL;
}

/* Keep a plan that the cache gave us, as the slot's first. */
static void keep_plan(struct run *run, struct trib__executable *executable)
{
        struct trib__session *session = run->session;
        struct session_slot *slot = run->slot;
        uint32_t             room = SLOT_PLANS - 1, at;

        if (session->options.max_plans < SLOT_PLANS)
                room = session->options.max_plans - 1;
        /* It is here already if it was asked for with a view that it does not take. */
        for (at = 0; at < room && slot->older[at] != NULL && slot->older[at] != executable;)
                at++;
        if (slot->executable == executable)
                trib__plan_cache_put(session->plans, executable);
        else
                trib__plan_cache_put(session->plans,
                                     put_first(slot, at < room ? at + 1 : room, executable));
        /* More shapes are in use than the cache should have: nothing is gained by keeping any. */
        if (!trib__plan_cache_is_over(session->plans))
                return;
        for (uint32_t i = 0; i < SLOT_PLANS - 1; i++) {
                trib__plan_cache_put(session->plans, slot->older[i]);
                slot->older[i] = NULL;
        }
}

/* Ask the cache for the plan of the request's shapes, which are written to `shapes`. `owned` is
 * freed also when the thread ends inside of an operator's infer_shape. A function by itself, so
 * that no local of the caller's lives across the place that an ending thread comes back to. */
static __attribute__((noinline)) trib_status ask_cache(struct run *run, struct trib__shape *shapes,
                                                       void *owned, trib_error *err)
{
        trib_status status;

        pthread_cleanup_push(trib__free, owned);
        status = trib__session_shapes(run->session, run->args->inputs, run->args->n_inputs, shapes,
                                      err);
        if (status == TRIB_OK)
                status = trib__plan_cache_get(run->session->plans, shapes, run->args->deadline,
                                              &run->executable, err);
        pthread_cleanup_pop(1);
        return status;
}

/* Not the plan of last time, nor of one of the times before: find or build the one for these
 * shapes. */
static trib_status find_plan(struct run *run, trib_error *err)
{
        uint32_t            n_inputs = run->session->model->graph.n_inputs;
        struct trib__shape  on_stack[MAX_STACK_PORTS];
        struct trib__shape *owned = NULL;
        trib_status         status;

        if (n_inputs > MAX_STACK_PORTS) {
                owned = trib__calloc("session.shapes", n_inputs, sizeof(*owned));
                if (owned == NULL)
                        return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for shapes");
        }
        status = ask_cache(run, owned != NULL ? owned : on_stack, owned, err);
        if (status != TRIB_OK)
                return status;
        /* A build is no request's usual cost. */
        if (run->watch != NULL)
                trib__stopwatch_stop();
        run->watch = NULL;
        keep_plan(run, run->executable);
        run->slot->stream = run->stream;
        return TRIB_OK;
}

static trib_status prepare(struct run *run, trib_error *err)
{
        const struct run_args    *args = run->args;
        const struct trib__graph *graph = &run->session->model->graph;
        const struct trib__plan  *plan;
        trib_status               status = TRIB_OK;

        if (args->n_inputs != (int)graph->n_inputs || args->n_outputs != (int)graph->n_outputs)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%d inputs and %d outputs given, the model has %u and %u",
                                  args->n_inputs, args->n_outputs, graph->n_inputs,
                                  graph->n_outputs);
        run->executable = run->slot->executable;
        if (run->executable == NULL ||
            !are_matches(args->inputs, run->executable->plan->inputs, graph->n_inputs)) {
                run->executable = recall_plan(run);
                if (run->executable == NULL)
                        status = find_plan(run, err);
                if (status != TRIB_OK)
                        return status;
                /* The shapes fit now; strides and memory may still not. */
                plan = run->executable->plan;
                for (uint32_t i = 0; i < plan->n_inputs; i++) {
                        if (!is_match(&args->inputs[i], &plan->inputs[i]))
                                return explain(&args->inputs[i], &plan->inputs[i], "input",
                                               graph->inputs[i].name, err);
                }
        }
        plan = run->executable->plan;
        for (uint32_t i = 0; i < plan->n_outputs; i++) {
                if (!is_match(&args->outputs[i], &plan->outputs[i]))
                        return explain(&args->outputs[i], &plan->outputs[i], "output",
                                       graph->outputs[i].name, err);
        }
        return TRIB_OK;
}

static uint64_t round_up(uint64_t bytes)
{
        return (bytes + TRIB__SLAB_ALIGNMENT - 1) / TRIB__SLAB_ALIGNMENT * TRIB__SLAB_ALIGNMENT;
}

/* Whether the device may be given the caller's own addresses: only if the request cannot be given
 * up while the device still has them. */
static bool is_direct(const struct run *run)
{
        const struct trib__device_caps *caps = &run->session->device->caps;

        return caps->is_unified && (caps->is_inline || run->args->deadline == TRIB__NEVER);
}

/* The addresses that the device gets: the caller's own, or places in the stream's staging memory,
 * with the inputs copied there. */
static trib_status stage(struct run *run, const void **inputs, void **outputs, trib_error *err)
{
        const struct trib__plan *plan = run->executable->plan;
        char                    *at = NULL;
        trib_status              status;

        TRIB__TRACE(RUN_TOUCH, run->session, TRIB__TRACE_ADDRESS(run->stream),
                    TRIB__TRACE_ADDRESS(run->args->outputs[0].data));
        if (is_direct(run)) {
                for (uint32_t i = 0; i < plan->n_inputs; i++)
                        inputs[i] = run->args->inputs[i].data;
                for (uint32_t i = 0; i < plan->n_outputs; i++)
                        outputs[i] = run->args->outputs[i].data;
                return TRIB_OK;
        }
        status = trib__stream_staging(run->stream,
                                      run->executable->input_bytes + run->executable->output_bytes,
                                      (void **)&at, err);
        if (status != TRIB_OK)
                return status;
        trib__stopwatch_end(run->watch, TIME_PREPARE);
        for (uint32_t i = 0; i < plan->n_inputs; i++) {
                memcpy(at, run->args->inputs[i].data, plan->inputs[i].bytes);
                inputs[i] = at;
                at += round_up(plan->inputs[i].bytes);
        }
        for (uint32_t i = 0; i < plan->n_outputs; i++) {
                outputs[i] = at;
                at += round_up(plan->outputs[i].bytes);
        }
        trib__stopwatch_end(run->watch, TIME_COPY);
        return TRIB_OK;
}

static void unstage(struct run *run, void *const *outputs)
{
        const struct trib__plan *plan = run->executable->plan;

        if (is_direct(run))
                return;
        TRIB__TRACE(RUN_TOUCH, run->session, TRIB__TRACE_ADDRESS(run->stream),
                    TRIB__TRACE_ADDRESS(run->args->outputs[0].data));
        for (uint32_t i = 0; i < plan->n_outputs; i++)
                memcpy(run->args->outputs[i].data, outputs[i], plan->outputs[i].bytes);
        trib__stopwatch_end(run->watch, TIME_COPY);
}

/* Look until the value is reached, or never will be; now and then ask which, and the clock. */
static trib_status spin(struct run *run, uint64_t value, trib_error *err)
{
        const struct trib__backend *backend = run->session->device->backend;
        trib__queue                *queue = run->stream->queue;
        uint64_t                    deadline = run->args->deadline;

        for (;;) {
                trib_status status;

                for (uint32_t i = 0; i < POLLS_BEFORE_ASKING; i++) {
                        if (backend->completed(queue) >= value)
                                return TRIB_OK;
                        trib__cpu_relax();
                }
                /* A deadline in the past: only asks. */
                status = backend->park(queue, value, 0, err);
                if (status != TRIB_TIMED_OUT ||
                    (deadline != TRIB__NEVER && trib__now() >= deadline))
                        return status;
        }
}

/* Wait for the launch; on a failure to reach its value the stream is hung. */
static trib_status await(struct run *run, uint64_t value, trib_error *err)
{
        const struct trib__backend *backend = run->session->device->backend;
        trib_wait_mode              mode = run->session->options.wait;
        trib_status                 status;

        for (uint32_t i = 0; mode == TRIB_WAIT_HYBRID && i < POLLS_BEFORE_PARK; i++) {
                if (backend->completed(run->stream->queue) >= value)
                        return backend->result(run->stream->queue, value, err);
                trib__cpu_relax();
        }
        status = mode == TRIB_WAIT_SPIN ? spin(run, value, err)
                                        : backend->park(run->stream->queue, value,
                                                        run->args->deadline, err);
        if (status != TRIB_OK) {
                run->is_hung = true;
                return status;
        }
        return backend->result(run->stream->queue, value, err);
}

static trib_status launch(struct run *run, const void **inputs, void **outputs, trib_error *err)
{
        const struct trib__backend *backend = run->session->device->backend;
        struct trib__launch_args    args;
        uint64_t                    value;
        trib_status                 status;

        status = trib__stream_slab(run->stream, run->executable->slab_bytes, run->args->deadline,
                                   &args.slab, err);
        if (status == TRIB_OK)
                status = stage(run, inputs, outputs, err);
        if (status != TRIB_OK)
                return status;
        args.inputs = inputs;
        args.outputs = outputs;
        args.deadline = run->args->deadline;
        args.is_timed = false;
        value = trib__stream_next_value(run->stream);
        run->slot->last_value = value;
        if (__builtin_expect(run->watch != NULL, false)) {
                trib__stopwatch_end_part(run->watch, TIME_PREPARE);
                args.is_timed = true;
        }
        status = backend->launch(run->stream->queue, run->executable->program, &args, value, err);
        if (run->session->device->caps.is_inline) {
                /* It is done, and its status is final. */
                trib__stopwatch_end(run->watch, TIME_DEVICE);
        } else {
                if (run->watch != NULL)
                        trib__stopwatch_end_call(run->watch);
                if (status == TRIB_OK)
                        status = await(run, value, err);
                if (run->watch != NULL)
                        trib__stopwatch_end_work(run->watch, backend, run->stream->queue, value);
        }
        if (status == TRIB_OK)
                unstage(run, outputs);
        return status;
}

/* prepare and launch, with room for the addresses: the slot's, if they are many, so that a thread
 * which dies in an operator leaves no memory behind. */
static trib_status execute(struct run *run, trib_error *err)
{
        const void  *inputs_on_stack[MAX_STACK_PORTS];
        void        *outputs_on_stack[MAX_STACK_PORTS];
        void       **room = run->slot->addresses;
        uint32_t     n_in = run->session->model->graph.n_inputs;
        uint32_t     n_out = run->session->model->graph.n_outputs;
        trib_status  status = prepare(run, err);

        if (status != TRIB_OK)
                return status;
        if (n_in <= MAX_STACK_PORTS && n_out <= MAX_STACK_PORTS)
                return launch(run, inputs_on_stack, outputs_on_stack, err);
        if (room == NULL)
                room = trib__calloc("session.addresses", (size_t)n_in + n_out, sizeof(void *));
        if (room == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for addresses");
        run->slot->addresses = room;
        return launch(run, (const void **)room, room + n_in, err);
}

/* One writer per slot, the holder of the lease, so a load and a store are enough. */
static void count(trib__atomic_u64 *counter, uint64_t more)
{
        /* Relaxed: a statistic. */
        trib__store_relaxed_u64(counter, trib__load_relaxed_u64(counter) + more);
}

static void count_request(struct run *run, trib_status status)
{
        struct session_slot *slot = run->slot;

        count(&slot->requests, 1);
        if (status != TRIB_OK)
                count(&slot->failures, 1);
        if (__builtin_expect(run->watch == NULL, true))
                return;
        trib__stopwatch_end_part(run->watch, TIME_NOTIFY);
        count(&slot->measured, run->watch->weight);
        if (!trib__run_delay_is_open())
                count(&slot->measured_blind, run->watch->weight);
        for (uint32_t t = 0; t < TIME_COUNT; t++)
                count(&slot->times[t], run->watch->times[t] * run->watch->weight);
        trib__stopwatch_finish(run->watch, run->session->options.measure_every,
                               run->session->device->caps.is_inline, run->stream->index);
}

void trib__session_count_turned_away(struct trib__session *session)
{
        /* Relaxed: a statistic. */
        (void)trib__fetch_add_relaxed_u64(&session->turned_away, 1);
}

/* The call has no stream yet, or one that has to be made. From then on the lease counts it. */
static trib_status find_stream(struct session_call *call, uint64_t deadline, trib_error *err)
{
        struct trib__session *session = call->session;
        trib_status           status;

        if (call->index == TRIB__NO_STREAM_INDEX) {
                status = trib__stream_lease_for(session->device->pool, session->tag, deadline,
                                                &call->stream, err);
                if (status != TRIB_OK) {
                        trib__session_count_turned_away(session);
                        return status;
                }
                call->index = call->stream->index;
                trib__session_leave(call);
                return TRIB_OK;
        }
        status = trib__stream_make(session->device->pool, call->index, &call->stream, err);
        if (status != TRIB_OK) {
                trib__session_count_turned_away(session);
                TRIB__TRACE(SESSION_LEAVE, session, 0);
                trib__stream_untake(session->place, call->index);
        }
        return status;
}

trib_status trib__session_run(struct session_call *call, const struct run_args *args,
                              trib_error *err)
{
        struct run             run;
        struct stopwatch_start start;
        uint32_t               every = call->session->options.measure_every;
        bool                   is_measured = false;
        trib_status            status;

        if (__builtin_expect(every != 0, false))
                is_measured = trib__stopwatch_start(&start, call->session->tag, every,
                                                    call->session->device->caps.is_inline);
        run.session = call->session;
        run.args = args;
        run.is_hung = false;
        if (call->stream == NULL) {
                status = find_stream(call, args->deadline, err);
                if (status != TRIB_OK) {
                        if (is_measured)
                                trib__stopwatch_stop();
                        return status;
                }
        }
        run.stream = call->stream;
        TRIB__TRACE(RUN_BEGIN, run.session, TRIB__TRACE_ADDRESS(run.stream));
        run.slot = &run.session->slots[call->index];
        run.watch = NULL;
        if (__builtin_expect(is_measured, false)) {
                run.watch = &run.slot->watch;
                trib__stopwatch_begin(run.watch, &start);
                trib__stopwatch_end_part(run.watch, TIME_ADMISSION);
        }
        status = execute(&run, err);
        count_request(&run, status);
        TRIB__TRACE(RUN_END, run.session, TRIB__TRACE_ADDRESS(run.stream), (uint64_t)status);
        if (!call->is_own)
                TRIB__TRACE(SESSION_LEAVE, run.session, 0);
        /* The session may be gone when the lease has ended. */
        trib__stream_return(run.stream, run.is_hung);
        return status;
}

trib_status trib_infer(trib_session *handle, const trib_tensor *inputs, int n_inputs,
                       const trib_tensor *outputs, int n_outputs, trib_error *err)
{
        struct run_args     args = { inputs, outputs, n_inputs, n_outputs, TRIB__NEVER };
        struct session_call call;
        uint64_t            timeout;
        trib_status         status = trib__check_handle(handle, "session", err);

        if (status == TRIB_OK)
                status = trib__check_may_wait(err);
        if (status != TRIB_OK)
                return status;
        if (inputs == NULL || outputs == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "inputs or outputs is NULL");
        if (!trib__session_enter_leased(handle, &call))
                return trib__fail(err, TRIB_CLOSED, "the session is closed or closing");
        timeout = call.session->options.timeout_ns;
        if (timeout != 0)
                args.deadline = trib__deadline_after(timeout);
        status = trib__session_run(&call, &args, err);
        trib__session_leave(&call);
        return status;
}
