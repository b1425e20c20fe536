/* SPDX-License-Identifier: Apache-2.0 */
/* trace_requests.c: B1-B7, S8: sessions, requests, and who may touch a caller's memory. */
#include <inttypes.h>

#include "trace_check.h"

#define TO_RUNNING 1u

void session_quiet(struct check *check, struct session *session)
{
        (void)DEMAND(check, B6, session->inside == 0, "%" PRId64 " calls are inside a session",
                     session->inside);
}

/* One that was cancelled may still be in the queue. */
void requests_quiet(struct check *check, struct requests *requests)
{
        for (struct object *o = requests->records; o != NULL; o = o->next) {
                const struct request *request = (const struct request *)o;

                (void)DEMAND(check, B6,
                             request->state == REQUEST_SPARE || request->state == REQUEST_DONE,
                             "a request is in state %d at rest", (int)request->state);
        }
}

void session_thread_dies(struct check *check)
{
        struct thread *thread = check->thread;

        if (thread->inside != NULL)
                thread->inside->inside -= thread->n_inside;
        thread->n_inside = 0;
        thread->inside = NULL;
}

static void close_session(struct check *check, struct session *session)
{
        (void)DEMAND(check, S8, session->inside == 0,
                     "a session is freed with %" PRId64 " calls inside", session->inside);
        (void)DEMAND(check, S8, session->is_draining, "a session is freed that was not closed");
        for (size_t i = 0; i < check->objects.capacity; i++) {
                struct object *object = check->objects.slots[i];

                if (object != NULL && object->kind == KIND_REQUESTS &&
                    ((struct requests *)object)->session == session->object.address) {
                        const struct requests *requests = (const struct requests *)object;

                        (void)DEMAND(check, B6, requests->queued == 0,
                                     "%" PRIu64 " requests are still queued", requests->queued);
                        requests_quiet(check, (struct requests *)object);
                }
        }
        for (size_t i = 0; i < check->n_threads; i++) {
                if (check->threads[i].inside == session) {
                        check->threads[i].inside = NULL;
                        check->threads[i].n_inside = 0;
                }
        }
        object_close(check, &session->object);
}

void session_event(struct check *check, const struct trib__trace_record *r)
{
        struct session *session;

        if (r->event == TRIB__TRACE_SESSION_OPEN) {
                (void)object_open(check, KIND_SESSION, r->object, sizeof(*session));
                return;
        }
        session = object_find(check, KIND_SESSION, r->object);
        if (session == NULL)
                return;
        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_SESSION_ENTER:
                session->inside++;
                check->thread->inside = session;
                check->thread->n_inside++;
                break;
        case TRIB__TRACE_SESSION_LEAVE:
                session->inside--;
                check->thread->n_inside--;
                (void)DEMAND(check, S8, session->inside >= 0 && check->thread->n_inside >= 0,
                             "more calls leave a session than are inside");
                break;
        case TRIB__TRACE_SESSION_DRAIN:
                session->is_draining = true;
                break;
        default:
                close_session(check, session);
        }
}

static void new_request(struct check *check, const struct trib__trace_record *r)
{
        struct requests *requests = object_find(check, KIND_REQUESTS, r->values[0]);
        struct object   *object = map_find(&check->objects, r->object);
        struct request  *request = (struct request *)object;

        if (requests == NULL)
                return;
        if (object == NULL) {
                request = object_open(check, KIND_REQUEST, r->object, sizeof(*request));
                request->requests = requests;
                request->object.next = requests->records;
                requests->records = &request->object;
        }
        if (!DEMAND(check, B1,
                    request->object.kind == KIND_REQUEST && request->requests == requests &&
                            request->state == REQUEST_SPARE,
                    "a record is used again that is in use"))
                return;
        request->state = REQUEST_FRESH;
        request->holders = (int64_t)r->values[1];
        request->output = r->values[2];
        request->has_callback = r->values[3] != 0;
        request->is_cancelled = request->has_run = request->was_queued = false;
        request->calls = 0;
}

static void queue_request(struct check *check, struct request *request)
{
        struct requests *requests = request->requests;

        (void)DEMAND(check, B4, request->state == REQUEST_FRESH && !request->is_listed,
                     "a request is queued twice");
        request->state = REQUEST_QUEUED;
        request->is_listed = request->was_queued = true;
        request->order = requests->next_order++;
        requests->queued++;
        (void)DEMAND(check, B4, requests->queued <= requests->max_queued,
                     "%" PRIu64 " requests are queued, at most %" PRIu64 " may be",
                     requests->queued, requests->max_queued);
}

static void take_request(struct check *check, struct request *request)
{
        struct requests *requests = request->requests;

        if (!DEMAND(check, B4, request->is_listed, "a request is taken that is not queued"))
                return;
        (void)DEMAND(check, B4, request->order == requests->first_order,
                     "request %" PRIu64 " is taken before request %" PRIu64, request->order,
                     requests->first_order);
        requests->first_order = request->order + 1;
        request->is_listed = false;
        requests->queued--;
}

static void win_request(struct check *check, struct request *request, uint64_t to)
{
        bool is_run = to == TO_RUNNING;

        (void)DEMAND(check, B7, !is_run || !request->is_cancelled,
                     "a request runs that was cancelled");
        (void)DEMAND(check, B1, request->state == REQUEST_QUEUED,
                     "a request is won in state %d", (int)request->state);
        if (is_run) {
                (void)DEMAND(check, B4, !request->is_listed, "a request runs from the queue");
                check->thread->running = request;
                request->has_run = true;
        }
        request->state = is_run ? REQUEST_RUNNING : REQUEST_ENDING;
        request->winner = check->record->thread;
}

static void end_request(struct check *check, struct request *request, uint64_t status)
{
        (void)DEMAND(check, B1,
                     (request->state == REQUEST_RUNNING || request->state == REQUEST_ENDING) &&
                             request->winner == check->record->thread,
                     "a request ends in state %d by thread %u, won by %u", (int)request->state,
                     check->record->thread, request->winner);
        if (check->thread->running == request)
                check->thread->running = NULL;
        request->state = REQUEST_DONE;
        request->status = status;
}

static void spare_request(struct check *check, struct request *request)
{
        (void)DEMAND(check, B1, request->holders == 0 && !request->is_listed,
                     "a record is free with %" PRId64 " holders", request->holders);
        if (request->was_queued) {
                (void)DEMAND(check, B1, request->state == REQUEST_DONE,
                             "a record is free in state %d", (int)request->state);
                (void)DEMAND(check, B1, request->calls == (request->has_callback ? 1u : 0u),
                             "a request's callback came %u times", request->calls);
        }
        request->state = REQUEST_SPARE;
}

static void one_request(struct check *check, struct request *request,
                        const struct trib__trace_record *r)
{
        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_REQUEST_REFUSE:
                request->holders = 1;
                break;
        case TRIB__TRACE_REQUEST_QUEUE:
                queue_request(check, request);
                break;
        case TRIB__TRACE_REQUEST_TAKE:
                take_request(check, request);
                break;
        case TRIB__TRACE_REQUEST_WIN:
                win_request(check, request, r->values[0]);
                break;
        case TRIB__TRACE_REQUEST_DONE:
                end_request(check, request, r->values[0]);
                break;
        case TRIB__TRACE_REQUEST_SEEN:
                (void)DEMAND(check, B1,
                             request->state == REQUEST_DONE && request->status == r->values[0],
                             "the caller is told %" PRIu64 " in state %d, the end was %" PRIu64,
                             r->values[0], (int)request->state, request->status);
                break;
        case TRIB__TRACE_REQUEST_CANCEL:
                (void)DEMAND(check, B7, !request->has_run && request->state == REQUEST_DONE,
                             "\"cancelled\" is said of a request that ran");
                request->is_cancelled = true;
                break;
        case TRIB__TRACE_REQUEST_CALL:
                request->calls++;
                (void)DEMAND(check, B1, request->state == REQUEST_DONE && request->calls == 1,
                             "callback %u of a request in state %d", request->calls,
                             (int)request->state);
                break;
        case TRIB__TRACE_REQUEST_DROP:
                request->holders--;
                (void)DEMAND(check, B1, request->holders >= 0, "a record is dropped too often");
                break;
        case TRIB__TRACE_REQUEST_SPARE:
                spare_request(check, request);
                break;
        default:
                break;
        }
}

/* Of a worker's request, or of a call that is inside the session. */
static void run_event(struct check *check, const struct trib__trace_record *r)
{
        const struct thread  *thread = check->thread;
        const struct request *request = thread->running;
        const struct session *session = object_find(check, KIND_SESSION, r->object);

        if (session == NULL)
                return;
        if (request == NULL) {
                (void)DEMAND(check, B3, thread->n_inside > 0 && thread->inside == session,
                             "a thread runs in a session that runs no request and is not inside");
                return;
        }
        (void)DEMAND(check, B3, request->state == REQUEST_RUNNING,
                     "a request runs in state %d", (int)request->state);
        if (r->event == TRIB__TRACE_RUN_TOUCH)
                (void)DEMAND(check, B2, request->output == r->values[1],
                             "request of output %" PRIx64 " touches %" PRIx64, request->output,
                             r->values[1]);
}

static void free_queue(struct check *check, struct requests *requests)
{
        while (requests->records != NULL) {
                struct request *request = (struct request *)requests->records;

                if (!DEMAND(check, S8, request->state == REQUEST_SPARE,
                            "a queue is freed, a request of it is in state %d",
                            (int)request->state)) {
                        for (size_t i = 0; i < check->n_threads; i++) {
                                if (check->threads[i].running == request)
                                        check->threads[i].running = NULL;
                        }
                }
                requests->records = request->object.next;
                object_close(check, &request->object);
        }
        object_close(check, &requests->object);
}

void request_event(struct check *check, const struct trib__trace_record *r)
{
        struct requests *requests;
        struct request  *request;

        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_QUEUE_OPEN:
                requests = object_open(check, KIND_REQUESTS, r->object, sizeof(*requests));
                if (requests != NULL) {
                        requests->session = r->values[0];
                        requests->max_queued = r->values[1];
                }
                break;
        case TRIB__TRACE_QUEUE_FREE:
                requests = object_find(check, KIND_REQUESTS, r->object);
                if (requests != NULL)
                        free_queue(check, requests);
                break;
        case TRIB__TRACE_REQUEST_NEW:
                new_request(check, r);
                break;
        case TRIB__TRACE_RUN_BEGIN:
        case TRIB__TRACE_RUN_TOUCH:
        case TRIB__TRACE_RUN_END:
                run_event(check, r);
                break;
        default:
                request = object_find(check, KIND_REQUEST, r->object);
                if (request != NULL)
                        one_request(check, request, r);
        }
}
