/* SPDX-License-Identifier: Apache-2.0 */
/* session.h: running requests.
 *
 * A session is a model with a policy and limits; one session serves all threads. Its calls equal
 * running the requests one after the other in some order: how many threads run changes the time,
 * never the bits of a result.
 *
 * Life of a session: open, then closing (refuses new requests, finishes those that it has), then
 * closed. Life of a submitted request: queued, running, then done with exactly one status. */
#ifndef TRIBUTARY_SESSION_H
#define TRIBUTARY_SESSION_H

#include <stdbool.h>

#include <tributary/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trib_session trib_session;
typedef struct trib_request trib_request;

#define TRIB_NO_LIMIT UINT64_MAX

/* How concurrent requests of one session meet the device. */
typedef enum trib_policy {
        TRIB_POLICY_AUTO = 0,  /* the best that the device offers; today always direct       */
        TRIB_POLICY_DIRECT = 1 /* each thread launches its own request on its own stream     */
} trib_policy;

typedef enum trib_precision {
        TRIB_PRECISION_HIGH = 0,  /* computes in the dtype of the model                      */
        TRIB_PRECISION_MEDIUM = 1 /* f32 linear and matmul: inputs rounded to bf16, sums in
                                   * f32; where the device has it (trib_device_info)         */
} trib_precision;

/* How a request waits for a device that works by itself. One that computes on the calling thread
 * (cpu:0) is done when the launch returns: trib_infer has nothing to wait for there, only
 * trib_wait has. */
typedef enum trib_wait_mode {
        TRIB_WAIT_HYBRID = 0, /* look a few times, then sleep until woken                    */
        TRIB_WAIT_SPIN = 1,   /* look until it is done: the soonest to know, and a whole core
                               * for each waiting thread                                     */
        TRIB_WAIT_BLOCK = 2   /* sleep until woken, at once: the least CPU time              */
} trib_wait_mode;

typedef struct trib_session_options {
        size_t         struct_size;       /* TRIB_SESSION_OPTIONS_INIT sets it               */
        trib_policy    policy;
        trib_precision precision;
        uint64_t       timeout_ns;        /* of each request; 0 = no limit                   */
        uint64_t       close_timeout_ns;  /* of trib_session_close; 0 = 30 s                 */
        uint32_t       max_queued;        /* submitted and not yet running; 0 = 1,024        */
        uint32_t       workers;           /* threads that run submitted requests, started by
                                           * the first trib_submit; 0 = one per compute unit */
        uint32_t       max_plans;         /* plans kept, one per combination of input shapes
                                           * in use; 0 = 64                                  */
        uint32_t       measure_every;     /* take every n-th request's time apart for
                                           * trib_session_get_stats, long ones more often as
                                           * far as it costs them little; 0 = none           */
        trib_wait_mode wait;              /* of trib_infer and trib_wait                     */
} trib_session_options;

#define TRIB_SESSION_OPTIONS_INIT                                                          \
        { sizeof(trib_session_options), TRIB_POLICY_AUTO, TRIB_PRECISION_HIGH, 0, 0, 0, 0, \
          0, 0, TRIB_WAIT_HYBRID }

/* Called once when a submitted request is done, on one of the session's workers, which holds no
 * lock and no stream. It may submit and release requests; it must not wait or infer
 * (TRIB_REENTRANT). It may come before trib_submit has returned. It may come after trib_wait has:
 * for a request that was cancelled or ran out of time in the queue, only when a worker gets to it.
 * So `context` must live until the call has returned; trib_session_close waits for all of them.
 * A callback should return: one that ends its thread does not end the worker, which goes on in a
 * new thread, but it costs one.
 * Without a handle (trib_submit with out NULL) `request` is valid during the call only, and not to
 * be released. */
typedef void (*trib_request_done)(void *context, trib_request *request, trib_status status);

/* What trib_submit is asked to run. The views are copied; what they view must stay until the
 * request has its status (trib_wait, trib_poll or `done` gives it). */
typedef struct trib_request_options {
        size_t             struct_size; /* TRIB_REQUEST_OPTIONS_INIT sets it                 */
        const trib_tensor *inputs;      /* as for trib_infer                                 */
        const trib_tensor *outputs;
        int                n_inputs;
        int                n_outputs;
        uint64_t           timeout_ns;  /* from trib_submit on; 0 = the session's            */
        trib_request_done  done;        /* or NULL                                           */
        void              *context;     /* passed to done                                    */
} trib_request_options;

#define TRIB_REQUEST_OPTIONS_INIT { sizeof(trib_request_options), NULL, NULL, 0, 0, 0, NULL, NULL }

/* What a session has done. The times are sums in nanoseconds over `measured` requests: those taken
 * apart (trib_session_options.measure_every), each as often as there were requests since the one
 * before, for which it stands; up to descheduled_ns they are disjoint and add up to
 * measured_ns. A part that this device or system cannot tell apart is 0, and its time in the part
 * around it. */
typedef struct trib_session_stats {
        uint64_t requests; /* finished, with any status                                      */
        uint64_t failures; /* of these, not TRIB_OK                                          */
        uint64_t plans_built;
        uint64_t measured;
        uint64_t measured_ns;  /* from call to return                                        */
        uint64_t admission_ns; /* waiting for and taking a stream                            */
        uint64_t prepare_ns;   /* checking arguments, finding the plan and its memory        */
        uint64_t submit_ns;    /* handing the launch to the device                           */
        uint64_t device_ns;    /* the device ran it                                          */
        uint64_t copy_ns;      /* moving inputs and outputs                                  */
        uint64_t notify_ns;    /* from the end on the device until the caller went on; and
                                * giving back                                                */
        uint64_t lock_ns;      /* waiting for a lock of the library or the driver            */
        uint64_t queue_ns;     /* submitted, and not running yet                             */
        uint64_t serial_ns;    /* waiting for an operator that runs one at a time            */
        uint64_t descheduled_ns; /* the thread was ready and had no core                     */
        /* Parts of these parts: with a unit in use, without waiting for it. 0: not told. */
        uint64_t host_held_ns;   /* of submit_ns: a core that a simulated device grants      */
        uint64_t lock_held_ns;   /* of submit_ns: the driver's lock                          */
        uint64_t path_held_ns;   /* of submit_ns: the device's one path of submission        */
        uint64_t serial_held_ns; /* of device_ns: operators that run one at a time           */
        uint64_t copy_held_ns;   /* of copy_ns: the device's copy engine                     */
        uint64_t measured_blind; /* of measured: the system does not tell descheduled_ns, and
                                  * it is in the other parts                                 */
} trib_session_stats;

/* The parts of one measured request, as trib_session_stats sums them, in nanoseconds. */
typedef struct trib_request_times {
        uint64_t admission_ns, lock_ns, prepare_ns, submit_ns, queue_ns;
        uint64_t device_ns, serial_ns, copy_ns, notify_ns, descheduled_ns;
        uint32_t stream; /* index of the device's stream that it ran on */
} trib_request_times;

/* What a plan is, for one combination of input shapes. */
typedef struct trib_plan_info {
        uint32_t steps;
        uint32_t serial_steps;  /* steps that run one at a time                              */
        uint64_t slab_bytes;    /* memory for intermediate values, one slab per stream       */
        uint64_t unshared_bytes;/* what they would take without reuse                        */
        uint64_t program_bytes; /* packed weights and workspaces                             */
        double   flops;         /* of one request                                            */
        double   bytes;         /* that one request must read and write at least             */
} trib_plan_info;

/* What: opens a session on a model. NULL options: defaults.
 * Ownership: *out is the caller's, until trib_session_close; it keeps the model open.
 * Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_UNSUPPORTED (a precision or policy that the device has
 * not), TRIB_OUT_OF_MEMORY, TRIB_BUSY (1,024 sessions are open), TRIB_SYSTEM, TRIB_FORKED; *out
 * is then NULL.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_session_open(trib_model *model,
                                                     const trib_session_options *options,
                                                     trib_session **out, trib_error *err);

/* What: refuses new requests, waits for those running, cancels those queued (TRIB_CANCELLED), and
 * frees the session. NULL is fine. Requests not yet released stay valid until they are.
 * Ownership: ends the caller's, unless TRIB_BUSY: then the session stays, closing, and close can
 * be called again.
 * Threads: any but a callback. Calls of other threads that are inside the session are waited for;
 * those that begin at the same time as close, or later, get TRIB_CLOSED, a second close too.
 * Blocks: until running requests are done, at most close_timeout_ns.
 * Errors: TRIB_BUSY (also while another call closes the session), TRIB_CLOSED, TRIB_REENTRANT,
 * TRIB_FORKED.   Since: 0.1 */
TRIB_API trib_status trib_session_close(trib_session *session, trib_error *err);

/* What: builds the plan for inputs of these shapes and dtypes (data may be NULL) ahead of the
 * first request, and describes it.
 * Ownership: nothing is kept. *info may be NULL.
 * Threads: any.   Blocks: while the plan is built; threads that need the same plan wait for one.
 * Errors: TRIB_SHAPE_MISMATCH, TRIB_DTYPE_MISMATCH, TRIB_OVERFLOW, TRIB_UNSUPPORTED,
 * TRIB_OUT_OF_MEMORY, TRIB_CLOSED, TRIB_INVALID_ARGUMENT, TRIB_REENTRANT, TRIB_FORKED.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_session_prepare(trib_session *session,
                                                        const trib_tensor *inputs, int n_inputs,
                                                        trib_plan_info *info, trib_error *err);

/* What: one request, start to end. Inputs and outputs are contiguous views of host memory of the
 * model's dtypes; outputs have the shapes that the inputs lead to, and are wholly written.
 * Ownership: nothing is kept after the return. Inputs may be shared by any number of calls;
 * outputs must not overlap anything in use.
 * Threads: any number, concurrently.
 * Blocks: until the result is there. The session's timeout is looked at while the request waits,
 * for a stream, a plan, a serial operator or the device; kernels and operators that compute on the
 * calling thread (cpu:0) are not interrupted, and a result that comes late is still TRIB_OK.
 * Errors: TRIB_SHAPE_MISMATCH, TRIB_DTYPE_MISMATCH, TRIB_INVALID_ARGUMENT, TRIB_UNSUPPORTED,
 * TRIB_TIMED_OUT, TRIB_NO_STREAM, TRIB_OUT_OF_MEMORY, TRIB_USER_OPERATOR, TRIB_DEVICE_ERROR,
 * TRIB_DEVICE_LOST, TRIB_CLOSED, TRIB_REENTRANT, TRIB_FORKED; the outputs' content is then
 * undefined.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_infer(trib_session *session, const trib_tensor *inputs,
                                              int n_inputs, const trib_tensor *outputs,
                                              int n_outputs, trib_error *err);

/* What: queues one request; worker threads of the session run them in arrival order. Shapes and
 * dtypes are checked when it runs: what trib_infer would return is then the request's status.
 * Ownership: *out is the caller's, until trib_request_release. `out` may be NULL with a `done`
 * callback; the library then releases the request itself.
 * Threads: any number, concurrently; also from a callback.
 * Blocks: no.
 * Errors: TRIB_BUSY (max_queued reached), TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY,
 * TRIB_SYSTEM, TRIB_CLOSED, TRIB_FORKED; *out is then NULL and `done` is not called.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_submit(trib_session *session,
                                               const trib_request_options *options,
                                               trib_request **out, trib_error *err);

/* What: waits until a request is done and gives its status. After a timeout of the wait itself
 * (TRIB_PENDING) the request goes on.
 * Ownership: nothing changes.   Threads: any number, while the request is held.
 * Blocks: at most timeout_ns (TRIB_NO_LIMIT: until done).
 * Errors: the request's own, with its detail; TRIB_PENDING, TRIB_INVALID_ARGUMENT,
 * TRIB_REENTRANT, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_wait(trib_request *request, uint64_t timeout_ns,
                                             trib_error *err);

/* What: the request's status if it is done, else TRIB_PENDING.
 * Ownership: nothing changes.   Threads: any number, while the request is held.   Blocks: no.
 * Errors: the request's own, with its detail; TRIB_INVALID_ARGUMENT, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_poll(trib_request *request, trib_error *err);

/* What: cancels a request that is still queued: it ends with TRIB_CANCELLED, and its memory is
 * not touched. One that runs or is done is left alone.
 * Ownership: nothing changes.   Threads: any, while the request is held.   Blocks: no.
 * Errors: TRIB_BUSY (too late: it runs, or has succeeded), or the status that it failed with;
 * TRIB_INVALID_ARGUMENT, TRIB_FORKED. TRIB_OK: this call cancelled it.   Since: 0.1 */
TRIB_API trib_status trib_cancel(trib_request *request, trib_error *err);

/* What: gives up the caller's hold on a request, done or not. NULL is fine.
 * Ownership: ends the caller's.   Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API void trib_request_release(trib_request *request);

/* What: what the session has done so far.
 * Ownership: *out is filled.   Threads: any.   Blocks: no.
 * Errors: TRIB_CLOSED (also while trib_session_close runs, which would otherwise wait for those who
 * keep asking; not after it gave TRIB_BUSY), TRIB_INVALID_ARGUMENT, TRIB_FORKED.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_session_get_stats(const trib_session *session,
                                                          trib_session_stats *out,
                                                          trib_error *err);

/* What: the parts of the last request that the calling thread ran by trib_infer, if that was
 * measured (trib_session_options.measure_every) and was not taken yet; else false, and *out is as
 * it was.
 * Ownership: *out is filled.   Threads: any, each has its own.   Blocks: no.   Errors: none.
 * Since: 0.1 */
TRIB_API bool trib_thread_take_times(trib_request_times *out);

#ifdef __cplusplus
}
#endif
#endif
