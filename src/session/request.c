/* SPDX-License-Identifier: Apache-2.0 */
/* request.c: submitted requests: a bounded queue in arrival order and the worker threads that run
 * it. Workers start with the first submit and block all signals.
 *
 * request: QUEUED -> RUNNING -> DONE, or QUEUED -> DONE (cancelled, or its time ran out). Who wins
 *          the compare-and-swap out of QUEUED decides how it ends; so each ends exactly once. A
 *          request that was cancelled stays in the queue, counted, until a worker takes it off:
 *          that worker calls its callback.
 * record:  counted: one for the caller, one for the queue. Done records are kept for the next
 *          submit, so that a steady load allocates nothing.
 * queue:   counted by its session and by every record in a caller's hands, so that a request
 *          stays valid after its session is gone.
 *
 * One mutex guards the list, the spare records and the counts. No callback, run or allocation
 * happens under it. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"
#include "session/session_priv.h"

enum request_state { REQUEST_QUEUED, REQUEST_RUNNING, REQUEST_ENDING, REQUEST_DONE };

#define LOOKS_BEFORE_SLEEP 64

struct trib_request {
        struct request_queue *queue;
        trib_request         *next; /* in the queue or among the spares; under the mutex */

        /* Fixed while submitted. */
        trib_tensor      *inputs; /* n_inputs, then n_outputs: one piece of memory */
        trib_tensor      *outputs;
        int               n_inputs, n_outputs;
        uint64_t          deadline;
        trib_request_done done;
        void             *context;

        trib__atomic_u32 state;   /* enum request_state; waited on          */
        trib__atomic_u32 holders; /* caller and queue                       */
        trib_status      status;  /* set before DONE, read after            */
        trib_error       failure;
};

/* A worker thread. A user's operator or callback that ends the thread does not end the worker:
 * another thread takes its place, and ends the request or goes on behind the callback. */
struct worker {
        struct request_queue *queue;
        struct trib__thread   thread;
        bool                  has_thread; /* under the mutex */

        /* The worker's own. */
        trib_request *request; /* in hand */
        bool          is_called; /* its callback has been called */
};

struct request_queue {
        /* Fixed. */
        struct trib__session *session; /* not to be touched once stopped and joined */
        uint32_t      max_queued;
        uint32_t      n_inputs, n_outputs;
        trib_wait_mode wait; /* of trib_wait */

        trib__atomic_u64 refs; /* the session, and every record not among the spares */

        /* Under mutex. */
        struct trib__mutex   mutex;
        struct trib__cond    changed; /* something queued, or stopping: workers  */
        struct trib__cond    left;    /* a worker ended: join; or the start did  */
        trib_request        *first, **last;
        trib_request        *spares;
        uint32_t             n_queued;
        uint32_t             n_workers, n_running;
        bool                 is_stopping, is_starting, is_started, is_joined;
        struct worker       *workers;
};

static _Thread_local uint32_t callback_depth;

bool trib__is_in_callback(void)
{
        return callback_depth > 0;
}

trib_status trib__requests_create(struct trib__session *session, struct request_queue **out,
                                  trib_error *err)
{
        struct request_queue *queue = trib__calloc("requests.create", 1, sizeof(*queue));
        trib_status           status;

        *out = NULL;
        if (queue == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a request queue");
        queue->session = session;
        queue->max_queued = session->options.max_queued;
        queue->wait = session->options.wait;
        queue->n_inputs = session->model->graph.n_inputs;
        queue->n_outputs = session->model->graph.n_outputs;
        queue->last = &queue->first;
        /* Relaxed: nobody else knows the queue yet. */
        trib__store_relaxed_u64(&queue->refs, 1);
        status = trib__mutex_init(&queue->mutex, TRIB__RANK_SESSION, err);
        if (status != TRIB_OK)
                goto fail_mutex;
        status = trib__cond_init(&queue->changed, err);
        if (status != TRIB_OK)
                goto fail_changed;
        status = trib__cond_init(&queue->left, err);
        if (status != TRIB_OK)
                goto fail_left;
        TRIB__TRACE(QUEUE_OPEN, queue, TRIB__TRACE_ADDRESS(session), queue->max_queued);
        *out = queue;
        return TRIB_OK;

fail_left:
        trib__cond_destroy(&queue->changed);
fail_changed:
        trib__mutex_destroy(&queue->mutex);
fail_mutex:
        trib__free(queue);
        return status;
}

static void record_free(trib_request *request)
{
        trib__free(request->inputs);
        trib__free(request);
}

static void queue_drop(struct request_queue *queue)
{
        /* AcqRel: the last one frees what all have used. */
        if (trib__fetch_sub_acqrel_u64(&queue->refs, 1) != 1)
                return;
        TRIB__TRACE(QUEUE_FREE, queue, 0);
        while (queue->spares != NULL) {
                trib_request *spare = queue->spares;

                queue->spares = spare->next;
                record_free(spare);
        }
        trib__free(queue->workers);
        trib__cond_destroy(&queue->left);
        trib__cond_destroy(&queue->changed);
        trib__mutex_destroy(&queue->mutex);
        trib__free(queue);
}

/* Drop one hold; the last puts the record among the spares. */
static void request_drop(trib_request *request)
{
        struct request_queue *queue = request->queue;

        TRIB__TRACE(REQUEST_DROP, request, 0);
        /* AcqRel: the last holder reuses what both have used. */
        if (trib__fetch_sub_acqrel_u32(&request->holders, 1) != 1)
                return;
        TRIB__TRACE(REQUEST_SPARE, request, 0);
        trib__lock(&queue->mutex);
        request->next = queue->spares;
        queue->spares = request;
        trib__unlock(&queue->mutex);
        queue_drop(queue);
}

/* Move the request out of QUEUED to `to`; false if somebody else was first. */
static bool win(trib_request *request, enum request_state to)
{
        uint32_t expected = REQUEST_QUEUED;

        /* AcqRel: acquire pairs with the release of the mutex in submit, for one who did not take
         * the mutex; the winner alone goes on. */
        if (!trib__cas_acqrel_u32(&request->state, &expected, (uint32_t)to))
                return false;
        TRIB__TRACE(REQUEST_WIN, request, (uint64_t)to);
        return true;
}

static void finish(trib_request *request, trib_status status)
{
        request->status = status;
        TRIB__TRACE(REQUEST_DONE, request, (uint64_t)status);
        /* Release: pairs with the acquire of whoever sees DONE; status, failure and the outputs
         * are written. */
        trib__store_release_u32(&request->state, REQUEST_DONE);
        trib__word_wake(&request->state, UINT32_MAX >> 1);
}

static void call_back(trib_request *request)
{
        if (request->done == NULL)
                return;
        TRIB__ASSERT_NO_LOCK();
        callback_depth++;
        TRIB__TRACE(REQUEST_CALL, request, 0);
        request->done(request->context, request, request->status);
        TRIB__TRACE(REQUEST_CALLED, request, 0);
        callback_depth--;
}

/* End a request that is still queued; false if somebody else was first. */
static bool turn_away(trib_request *request, trib_status status, const char *why)
{
        if (!win(request, REQUEST_ENDING))
                return false;
        /* The session is there: whoever takes the request off the queue waits for finish. */
        trib__session_count_turned_away(request->queue->session);
        finish(request, trib__fail(&request->failure, status, "%s", why));
        return true;
}

/* Somebody else won the request and is about to write DONE. */
static void wait_for_done(trib_request *request)
{
        uint32_t seen;

        /* Acquire: pairs with the release in finish. */
        while ((seen = trib__load_acquire_u32(&request->state)) != REQUEST_DONE)
                (void)trib__word_wait(&request->state, seen, TRIB__NEVER);
}

/* The end of the request in hand: its callback, unless that has been called. */
static void end_request(struct worker *self)
{
        trib_request *request = self->request;

        if (!self->is_called) {
                self->is_called = true;
                call_back(request);
        }
        self->request = NULL;
        request_drop(request);
}

static void run_request(struct worker *self, trib_request *request, bool is_stopping)
{
        struct request_queue *queue = self->queue;
        struct run_args     args = { request->inputs, request->outputs, request->n_inputs,
                                     request->n_outputs, request->deadline };
        struct session_call call = { queue->session, NULL, TRIB__NO_STREAM_INDEX, NULL,
                                     true };
        bool                is_ours;

        self->request = request;
        self->is_called = false;
        if (is_stopping) {
                is_ours = turn_away(request, TRIB_CANCELLED, "the session was closed");
        } else if (request->deadline != TRIB__NEVER && trib__now() >= request->deadline) {
                is_ours = turn_away(request, TRIB_TIMED_OUT, "the deadline passed in the queue");
        } else {
                is_ours = win(request, REQUEST_RUNNING);
                if (is_ours)
                        finish(request, trib__session_run(&call, &args, &request->failure));
        }
        /* Whoever else won still needs the session (turn_away), which goes when the workers have
         * left; and the callback needs the status. */
        if (!is_ours)
                wait_for_done(request);
        end_request(self);
}

/* The first of the queue, taken off; NULL if there is none. */
static trib_request *take_first_locked(struct request_queue *queue) TRIB__REQUIRES(queue->mutex)
{
        trib_request *request = queue->first;

        if (request != NULL) {
                queue->first = request->next;
                if (queue->first == NULL)
                        queue->last = &queue->first;
                queue->n_queued--;
                TRIB__TRACE(REQUEST_TAKE, request, TRIB__TRACE_ADDRESS(queue));
        }
        return request;
}

static void work(struct worker *self)
{
        struct request_queue *queue = self->queue;

        if (self->request != NULL)
                end_request(self);
        trib__lock(&queue->mutex);
        for (;;) {
                trib_request *request = take_first_locked(queue);
                bool          is_stopping = queue->is_stopping;

                if (request == NULL && is_stopping)
                        break;
                if (request == NULL) {
                        (void)trib__cond_wait(&queue->changed, &queue->mutex, TRIB__NEVER);
                        continue;
                }
                trib__unlock(&queue->mutex);
                run_request(self, request, is_stopping);
                trib__lock(&queue->mutex);
        }
        queue->n_running--;
        trib__broadcast(&queue->left);
        trib__unlock(&queue->mutex);
}

static void worker(void *argument);

/* No thread can be had in place of the one that ends. If it was the last, nobody will run what is
 * queued, and the next submit tries again to start workers; until that is said, close waits as it
 * does for a start. */
static void give_worker_up(struct worker *self)
{
        struct request_queue *queue = self->queue;
        trib_request         *request = self->request;

        end_request(self);
        trib__lock(&queue->mutex);
        self->has_thread = false;
        queue->is_started = --queue->n_running > 0;
        queue->is_starting = !queue->is_started;
        while (!queue->is_started && (request = take_first_locked(queue)) != NULL) {
                trib__unlock(&queue->mutex);
                self->request = request;
                self->is_called = false;
                if (!turn_away(request, TRIB_SYSTEM, "no thread could be started to run it"))
                        wait_for_done(request);
                end_request(self);
                trib__lock(&queue->mutex);
        }
        queue->is_starting = false;
        trib__broadcast(&queue->left);
        trib__unlock(&queue->mutex);
}

/* The thread of a worker ends inside of a user's operator or callback. The stream that it has is
 * given back by its exit hook. */
static void worker_died(void *argument)
{
        struct worker        *self = argument;
        struct request_queue *queue = self->queue;
        trib_request         *request = self->request;
        trib_status           status;

        /* Relaxed: the session, which waits for this worker, holds the queue; but nobody joins this
         * thread. */
        (void)trib__fetch_add_relaxed_u64(&queue->refs, 1);
        if (!self->is_called) {
                trib__session_count_turned_away(queue->session);
                finish(request, trib__fail(&request->failure, TRIB_USER_OPERATOR,
                                           "the thread that ran it ended inside of an operator"));
        }
        trib__lock(&queue->mutex);
        while (queue->is_starting)
                (void)trib__cond_wait(&queue->left, &queue->mutex, TRIB__NEVER);
        queue->n_running++; /* for both, until this one has started the other */
        trib__unlock(&queue->mutex);
        trib__thread_detach_self();
        status = trib__thread_start(&self->thread, worker, self, NULL);
        trib__lock(&queue->mutex);
        queue->n_running--;
        trib__broadcast(&queue->left);
        trib__unlock(&queue->mutex);
        if (status != TRIB_OK)
                give_worker_up(self);
        queue_drop(queue);
}

static void worker(void *argument)
{
        pthread_cleanup_push(worker_died, argument);
        work(argument);
        pthread_cleanup_pop(0);
}

/* Start as many workers as the system allows. The caller has set is_starting. */
static trib_status start_workers(struct request_queue *queue, trib_error *err)
{
        uint32_t       wanted = queue->session->options.workers, made = 0;
        struct worker *workers = trib__calloc("requests.workers", wanted, sizeof(*workers));
        trib_status    status = TRIB_OK;

        if (workers == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %u workers", wanted);
        trib__lock(&queue->mutex);
        queue->n_running = status == TRIB_OK ? wanted : 0;
        trib__unlock(&queue->mutex);
        for (; status == TRIB_OK && made < wanted; made++) {
                workers[made].queue = queue;
                workers[made].has_thread = true;
                status = trib__thread_start(&workers[made].thread, worker, &workers[made], err);
                if (status != TRIB_OK)
                        break;
        }
        trib__lock(&queue->mutex);
        queue->n_running -= queue->n_running > 0 ? wanted - made : 0;
        queue->n_workers = made;
        if (made > 0) {
                /* Those of before, if there were any, have all ended. */
                trib__free(queue->workers);
                queue->workers = workers;
        }
        queue->is_started = made > 0;
        queue->is_starting = false;
        trib__broadcast(&queue->left);
        trib__unlock(&queue->mutex);
        if (made == 0)
                trib__free(workers);
        return made > 0 ? TRIB_OK : status;
}

/* See to it that there is at least one worker; the first submit starts them. Others wait for the
 * end of that, so that no request is queued behind a start that fails. */
static trib_status ensure_workers(struct request_queue *queue, trib_error *err)
{
        trib_error  failure = TRIB_ERROR_INIT;
        trib_status status;
        bool        must_start;

        trib__lock(&queue->mutex);
        while (queue->is_starting)
                (void)trib__cond_wait(&queue->left, &queue->mutex, TRIB__NEVER);
        must_start = !queue->is_started;
        queue->is_starting = must_start;
        trib__unlock(&queue->mutex);
        if (!must_start)
                return TRIB_OK;
        /* A start of fewer workers than wanted is no failure of the caller's. */
        status = start_workers(queue, &failure);
        return status == TRIB_OK ? TRIB_OK : trib__fail(err, status, "%s", failure.message);
}

void trib__requests_stop(struct request_queue *queue)
{
        trib__lock(&queue->mutex);
        queue->is_stopping = true;
        trib__broadcast(&queue->changed);
        trib__unlock(&queue->mutex);
}

bool trib__requests_join(struct request_queue *queue, uint64_t deadline)
{
        struct worker nobody = { .queue = queue };
        trib_request *request;
        bool          is_in_time = true, must_join;

        trib__lock(&queue->mutex);
        while ((queue->n_running > 0 || queue->is_starting) && is_in_time)
                is_in_time = trib__cond_wait(&queue->left, &queue->mutex, deadline);
        is_in_time = queue->n_running == 0 && !queue->is_starting;
        must_join = is_in_time && !queue->is_joined;
        queue->is_joined = is_in_time;
        trib__unlock(&queue->mutex);
        for (uint32_t i = 0; must_join && i < queue->n_workers; i++) {
                if (queue->workers[i].has_thread)
                        trib__thread_join(&queue->workers[i].thread);
        }
        /* Only if no worker could be started is anything left. */
        while (is_in_time) {
                trib__lock(&queue->mutex);
                request = take_first_locked(queue);
                trib__unlock(&queue->mutex);
                if (request == NULL)
                        break;
                run_request(&nobody, request, true);
        }
        return is_in_time;
}

void trib__requests_destroy(struct request_queue *queue)
{
        if (queue != NULL)
                queue_drop(queue);
}

/* A record with room for the model's views: a spare one, or new. Holds the queue. */
static trib_request *take_record(struct request_queue *queue)
{
        trib_request *request;

        trib__lock(&queue->mutex);
        request = queue->spares;
        if (request != NULL)
                queue->spares = request->next;
        trib__unlock(&queue->mutex);
        if (request == NULL) {
                request = trib__calloc("request.record", 1, sizeof(*request));
                if (request == NULL)
                        return NULL;
                request->inputs = trib__calloc("request.views",
                                               (size_t)queue->n_inputs + queue->n_outputs,
                                               sizeof(*request->inputs));
                if (request->inputs == NULL) {
                        trib__free(request);
                        return NULL;
                }
                request->outputs = request->inputs + queue->n_inputs;
                request->queue = queue;
        }
        /* Relaxed: the caller is inside the session, which holds the queue. */
        (void)trib__fetch_add_relaxed_u64(&queue->refs, 1);
        return request;
}

/* Put the request into the queue; workers start with the first one. */
static trib_status enqueue(struct request_queue *queue, trib_request *request, trib_error *err)
{
        trib_status status = ensure_workers(queue, err);

        if (status != TRIB_OK)
                return status;
        trib__lock(&queue->mutex);
        if (queue->is_stopping) {
                status = TRIB_CLOSED;
        } else if (queue->n_queued >= queue->max_queued) {
                status = TRIB_BUSY;
        } else {
                request->next = NULL;
                *queue->last = request;
                queue->last = &request->next;
                queue->n_queued++;
                TRIB__TRACE(REQUEST_QUEUE, request, TRIB__TRACE_ADDRESS(queue));
                trib__signal(&queue->changed);
        }
        trib__unlock(&queue->mutex);
        if (status == TRIB_CLOSED)
                return trib__fail(err, status, "the session is closing");
        if (status == TRIB_BUSY)
                return trib__fail(err, status, "%u requests are queued already (max_queued)",
                                  queue->max_queued);
        return TRIB_OK;
}

static trib_status read_options(const struct trib__session *session,
                                const trib_request_options *from, trib_request_options *to,
                                trib_error *err)
{
        const struct trib__graph *graph = &session->model->graph;
        trib_status               status;

        status = trib__check_handle(from, "options", err);
        if (status == TRIB_OK)
                status = trib__check_options(from, sizeof(*to), "trib_request_options", err);
        if (status != TRIB_OK)
                return status;
        memset(to, 0, sizeof(*to));
        memcpy(to, from, from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
        if (to->inputs == NULL || to->outputs == NULL || to->n_inputs != (int)graph->n_inputs ||
            to->n_outputs != (int)graph->n_outputs)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%d inputs and %d outputs given, the model has %u and %u",
                                  to->inputs == NULL ? 0 : to->n_inputs,
                                  to->outputs == NULL ? 0 : to->n_outputs, graph->n_inputs,
                                  graph->n_outputs);
        if (to->timeout_ns == 0)
                to->timeout_ns = session->options.timeout_ns;
        return TRIB_OK;
}

static trib_status submit(struct trib__session *session, const trib_request_options *options,
                          trib_request **out, trib_error *err)
{
        trib_request *request = take_record(session->queue);
        trib_status   status;

        if (request == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a request");
        request->n_inputs = options->n_inputs;
        request->n_outputs = options->n_outputs;
        memcpy(request->inputs, options->inputs,
               (size_t)options->n_inputs * sizeof(*options->inputs));
        memcpy(request->outputs, options->outputs,
               (size_t)options->n_outputs * sizeof(*options->outputs));
        request->deadline = options->timeout_ns != 0 ? trib__deadline_after(options->timeout_ns)
                                                     : TRIB__NEVER;
        request->done = options->done;
        request->context = options->context;
        request->status = TRIB_PENDING;
        request->failure = (trib_error)TRIB_ERROR_INIT;
        /* Relaxed: nobody else knows the record; the queue's mutex publishes it. */
        trib__store_relaxed_u32(&request->state, REQUEST_QUEUED);
        trib__store_relaxed_u32(&request->holders, out != NULL ? 2 : 1);
        TRIB__TRACE(REQUEST_NEW, request, TRIB__TRACE_ADDRESS(session->queue), out != NULL ? 2 : 1,
                    TRIB__TRACE_ADDRESS(request->outputs[0].data), request->done != NULL,
                    request->deadline != TRIB__NEVER);
        if (out != NULL)
                *out = request;
        status = enqueue(session->queue, request, err);
        if (status != TRIB_OK) {
                if (out != NULL)
                        *out = NULL;
                /* Relaxed: it never came into the queue. */
                trib__store_relaxed_u32(&request->holders, 1);
                TRIB__TRACE(REQUEST_REFUSE, request, 0);
                request_drop(request);
        }
        return status;
}

static trib_status check_and_submit(struct trib__session *session,
                                    const trib_request_options *options, trib_request **out,
                                    trib_error *err)
{
        trib_request_options filled;
        trib_status          status = read_options(session, options, &filled, err);

        if (status != TRIB_OK)
                return status;
        if (out == NULL && filled.done == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "submit needs somewhere to put the request, or a callback");
        return submit(session, &filled, out, err);
}

trib_status trib_submit(trib_session *handle, const trib_request_options *options,
                        trib_request **out, trib_error *err)
{
        struct session_call call;
        trib_status         status;

        if (out != NULL)
                *out = NULL;
        status = trib__check_handle(handle, "session", err);
        if (status != TRIB_OK)
                return status;
        if (!trib__session_enter(handle, false, &call))
                return trib__fail(err, TRIB_CLOSED, "the session is closed or closing");
        status = check_and_submit(call.session, options, out, err);
        trib__session_leave(&call);
        return status;
}

/* The end of a request that is DONE. */
static trib_status outcome(const trib_request *request, trib_error *err)
{
        TRIB__TRACE(REQUEST_SEEN, request, (uint64_t)request->status);
        if (request->status != TRIB_OK && err != NULL)
                *err = request->failure;
        return request->status;
}

trib_status trib_poll(trib_request *request, trib_error *err)
{
        trib_status status = trib__check_handle(request, "request", err);

        if (status != TRIB_OK)
                return status;
        /* Acquire: pairs with the release in finish. */
        if (trib__load_acquire_u32(&request->state) != REQUEST_DONE)
                return trib__fail(err, TRIB_PENDING, "the request is not done yet");
        return outcome(request, err);
}

/* As the session waits: look for a while before the next sleep, or the next look at the clock. */
static void look_for_done(const trib_request *request, trib_wait_mode wait)
{
        uint32_t looks = wait == TRIB_WAIT_BLOCK ? 0 : LOOKS_BEFORE_SLEEP;

        for (uint32_t i = 0; i < looks; i++) {
                /* Relaxed: trib_wait looks again, with acquire. */
                if (trib__load_relaxed_u32(&request->state) == REQUEST_DONE)
                        return;
                trib__cpu_relax();
        }
}

trib_status trib_wait(trib_request *request, uint64_t timeout_ns, trib_error *err)
{
        trib_wait_mode wait;
        uint64_t    deadline;
        trib_status status = trib__check_handle(request, "request", err);

        if (status == TRIB_OK)
                status = trib__check_may_wait(err);
        if (status != TRIB_OK)
                return status;
        deadline = trib__deadline_after(timeout_ns);
        wait = request->queue->wait;
        for (;;) {
                uint64_t until = deadline, now;
                uint32_t seen;

                if (timeout_ns > 0)
                        look_for_done(request, wait);
                /* Acquire: pairs with the release in finish. */
                seen = trib__load_acquire_u32(&request->state);

                if (seen == REQUEST_DONE)
                        return outcome(request, err);
                now = trib__now();
                if (now >= request->deadline &&
                    turn_away(request, TRIB_TIMED_OUT, "the deadline passed in the queue"))
                        continue;
                if (now >= deadline)
                        return trib__fail(err, TRIB_PENDING,
                                          "the request is not done after %llu ms of waiting",
                                          (unsigned long long)(timeout_ns / 1000000));
                if (seen == REQUEST_QUEUED && request->deadline < until)
                        until = request->deadline;
                if (wait != TRIB_WAIT_SPIN)
                        (void)trib__word_wait(&request->state, seen, until);
        }
}

trib_status trib_cancel(trib_request *request, trib_error *err)
{
        uint32_t    seen;
        trib_status status = trib__check_handle(request, "request", err);

        if (status != TRIB_OK)
                return status;
        if (turn_away(request, TRIB_CANCELLED, "cancelled before it ran")) {
                TRIB__TRACE(REQUEST_CANCEL, request, 0);
                return TRIB_OK;
        }
        /* Acquire: pairs with the release in finish. */
        seen = trib__load_acquire_u32(&request->state);
        if (seen == REQUEST_DONE && request->status != TRIB_OK)
                return outcome(request, err);
        return trib__fail(err, TRIB_BUSY, seen == REQUEST_DONE ? "the request is done"
                                                               : "the request runs already");
}

void trib_request_release(trib_request *request)
{
        if (request != NULL && !trib__is_forked())
                request_drop(request);
}
