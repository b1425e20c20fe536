/* SPDX-License-Identifier: Apache-2.0 */
/* sim_priv.h: what the files of the simulated device share.
 *
 *   sim_options.c   the device name -> struct trib__sim_options
 *   sim_device.c    open, close, memory, peaks, and the table of slots
 *   sim_program.c   supports, compile: the cost of each step under the time model
 *   sim_queue.c     queues, submission of works, waiting, results
 *   sim_schedule.c  which event comes next, and what it does
 *   sim_flow.c      how the running steps share the device's memory bandwidth
 *   sim_notice.c    how the host learns that a work has ended, and how the work spent its time
 *   sim_control.c   the device thread of clock=real, and the functions of sim.h
 *
 * item:     one entry of a queue: a work (launch or copy), or a wait for another queue.
 * piece:    what runs between a start and an end: one step of a launch, a transfer of its inputs
 *           or outputs, a copy, or nothing.
 * executor: runs one piece of a launch at a time; `queues` of them. One copy engine runs copies.
 * shadow:   where a piece's output is made at its start, before its end writes it out.
 * untold:   a work that has ended, and of which the host does not know yet (wake_us).
 *
 * Everything below is under the device's mutex unless it says otherwise; atomic words are written
 * under it, and read without it by those who wait, so that a request takes it once, to submit.
 * While an item's
 * is_computing is set, one thread works on it (its shadow, and the memory that it names) without
 * the mutex, and nobody else touches the item. */
#ifndef TRIB_BACKEND_SIM_PRIV_H
#define TRIB_BACKEND_SIM_PRIV_H

#include "backend/sim/sim.h"
#include "base/atomic.h"
#include "base/random.h"
#include "base/sync.h"

#define TRIB__SIM_MAX_QUEUES 64
#define TRIB__SIM_MAX_FAILURES 8
#define TRIB__SIM_NONE UINT32_MAX

struct trib__sim_options {
        uint32_t executors;
        uint32_t serial_ops; /* bit i: operator i excludes the other serial ones        */
        double   flops;      /* of one executor, per second                             */
        double   bandwidth;  /* of one executor, bytes per second                       */
        double   copy_bandwidth;
        double   total_bandwidth; /* of all executors together; 0: no such bound       */
        uint64_t launch_ns;
        uint64_t lock_ns;    /* a submission holds the driver's lock for                */
        uint64_t wake_ns;    /* the host learns of an end later by                      */
        uint64_t host_ns;    /* of a core's time that a launch takes                    */
        uint32_t host_cores; /* that there are for that; 0: as many as needed           */
        uint64_t delay_ns;
        uint64_t memory_bytes;
        uint64_t fail_at;    /* 0: never; so are the next two                           */
        uint64_t fail_every;
        uint64_t hang_at;
        uint64_t seed;
        bool     is_reordered;
        bool     is_scripted;
        bool     is_computed;
        bool     is_unified;
        bool     is_transferred; /* a launch's inputs and outputs cross the copy engine */
};

/* Read what follows "sim:". TRIB_INVALID_ARGUMENT names the part that is wrong. */
trib_status trib__sim_options_read(const char *text, struct trib__sim_options *out,
                                   trib_error *err) TRIB_MUST_USE;

/* How one work spends its time, ns. What is held is without waiting. */
struct trib__sim_times {
        uint64_t descheduled; /* the caller waited for a core                           */
        uint64_t host;        /* and had it                                             */
        uint64_t lock;        /* the caller waited for the driver's lock                */
        uint64_t lock_held;
        uint64_t submission_held; /* on the submission path                             */
        uint64_t device;      /* its steps ran                                          */
        uint64_t serial;      /* its serial steps waited for the serial unit            */
        uint64_t serial_held;
        uint64_t copy;        /* its copies were on the copy engine, or waited for it   */
        uint64_t copy_held;
        /* Moments. */
        uint64_t called;      /* the caller's part was over                             */
        uint64_t submitted;   /* it had passed the submission path                      */
        uint64_t started;     /* its first piece                                        */
        uint64_t ended;       /* its last piece                                         */
};

struct trib__program {
        const struct trib__plan *plan;
        const void *const       *constants;
        uint64_t                 shadow_bytes; /* of the largest output                 */
        uint32_t                 n_steps;
        uint64_t                 in_ns;  /* to move the inputs to the device            */
        uint64_t                 out_ns; /* and the outputs back                        */
        struct step_cost {
                uint64_t ns;
                uint64_t computing_ns; /* without memory                                */
                double   bytes;
                bool     is_serial;
        } costs[];
};

enum trib__sim_item_kind {
        TRIB__SIM_LAUNCH,
        TRIB__SIM_COPY,
        TRIB__SIM_WAIT
};

/* The parts of a launch. */
enum trib__sim_stage {
        TRIB__SIM_INPUTS,
        TRIB__SIM_STEPS,
        TRIB__SIM_OUTPUTS
};

struct trib__sim_item {
        struct trib__sim_item   *next;
        enum trib__sim_item_kind kind;
        enum trib__sim_stage     stage;
        bool                     is_timed;
        bool                     is_hung;
        bool                     is_flipped;
        uint64_t                 work;
        uint64_t                 value;     /* of the work itself                       */
        uint64_t                 raise_to;  /* more if works behind it were refused     */
        uint64_t                 earliest;  /* it starts at this time at the earliest   */
        uint64_t                 told_at;   /* once it is untold                        */
        struct trib__sim_times   times;
        uint64_t                 flip_bit;
        trib_status              status;
        char                     message[TRIB_ERROR_TEXT_BYTES];

        /* LAUNCH */
        trib__program           *program;
        struct trib__launch_args args;      /* its tables are copied behind the item    */
        uint32_t                 step;      /* that comes next, or runs                 */
        /* COPY */
        void                    *target;
        const void              *source;
        uint64_t                 bytes;
        /* WAIT */
        trib__queue             *other;     /* NULL: reached, at `earliest`             */
        uint64_t                 until;

        void                    *shadow;
        uint64_t                 shadow_capacity;
        uint32_t                 table_capacity; /* pointers in `table`                 */
        void                    *table[];
};

struct trib__queue {
        trib__device          *device; /* fixed */
        uint32_t               index;  /* fixed */
        struct trib__sim_item *head;
        struct trib__sim_item *tail;
        struct trib__sim_item *spare;  /* finished items, to be used again              */
        trib__atomic_ptr       handy;  /* one more; swapped without the mutex           */
        struct trib__sim_item *untold; /* have ended; the first to be told first        */
        uint64_t               reached; /* the timeline as the device sees it           */
        uint64_t               timed_value; /* of the last timed launch that ended      */
        struct trib__sim_times timed;
        double                 bytes_left; /* that the running step still moves         */
        uint64_t               computed_at; /* and when it is done but for those        */
        uint64_t               done;   /* value of the last work that ended             */
        uint64_t               ready;  /* when the head may start                       */
        uint64_t               began;  /* when the running piece started                */
        uint64_t               end;    /* and when it ends                              */
        uint32_t               executor; /* that it runs on; TRIB__SIM_NONE: the copier */
        bool                   is_running;
        bool                   has_serial; /* the running piece has the serial unit     */
        bool                   is_computing;
        bool                   is_hung;
        trib__atomic_u32       n_failures; /* ever; the ring holds the last ones        */
        struct failure {
                uint64_t    value;
                trib_status status;
                bool        is_told; /* by the submission itself                         */
                char        message[TRIB_ERROR_TEXT_BYTES];
        } failures[TRIB__SIM_MAX_FAILURES];

        /* Alone on their line. Those who wait count themselves in `parked`, then look at the
         * timeline, then sleep on `raises`; who raises looks at `parked` afterwards. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 timeline;
        trib__atomic_u32                            parked; /* written by those who wait */
        trib__atomic_u32                            raises;
        char                                        padding[TRIB__CACHE_LINE - 16];
};

/* Something that one piece at a time has: an executor, the copy engine, the serial unit. */
struct trib__sim_unit {
        bool     is_busy;
        uint64_t free_at;
};

struct trib__sim_arranged {
        uint64_t                  work; /* 0: free entry */
        enum trib__sim_fault_kind kind;
        uint64_t                  amount;
};

struct trib__device {
        /* Fixed by open. */
        struct trib__sim_options options;
        struct trib__thread      thread; /* of clock=real */
        struct trib__mutex       mutex;
        struct trib__cond        work;   /* for the device thread: look again           */
        struct trib__cond        idle;   /* nothing computes on some queue any more     */

        /* Under mutex. */
        trib__atomic_u32          lost; /* 1: for good                                  */
        bool                      is_closing;
        bool                      is_driven; /* a thread runs an event                  */
        uint32_t                  n_queues;
        trib__queue              *queues[TRIB__SIM_MAX_QUEUES]; /* in order of creation */
        uint64_t                  clock;     /* virtual time                            */
        uint64_t                  works;
        uint64_t                  submission_free;
        uint64_t                  lock_free;  /* the driver's                           */
        uint64_t                  core_free[TRIB__SIM_MAX_QUEUES]; /* simulated cores   */
        double                    flowed_at;  /* ns: the queues' bytes_left are of then */
        trib__queue              *raised; /* by the last event: its waiters still sleep  */
        uint64_t                  memory_used;
        struct trib__random       random;
        struct trib__sim_unit     executors[TRIB__SIM_MAX_QUEUES];
        struct trib__sim_unit     serial;
        struct trib__sim_unit     copier;
        struct trib__sim_arranged arranged[TRIB__SIM_MAX_FAULTS];
};

/* At most this many events could run: one of each queue's works, and one notice. */
#define TRIB__SIM_MAX_CANDIDATES (2 * TRIB__SIM_MAX_QUEUES)

/* An event that could run. */
struct trib__sim_candidate {
        trib__queue *queue;
        bool         is_end;
        bool         is_notice; /* of the queue's first untold work                    */
        uint64_t     time;
        uint64_t     ready;
        uint64_t     work;
};

/* sim_schedule.c */
uint64_t trib__sim_add(uint64_t time, uint64_t duration); /* saturating */
uint64_t trib__sim_clock_locked(trib__device *device) TRIB__REQUIRES(device->mutex);
/* Every event that could run, in order of time, in out[TRIB__SIM_MAX_CANDIDATES]. */
uint32_t trib__sim_candidates_locked(trib__device *device, struct trib__sim_candidate *out)
        TRIB__REQUIRES(device->mutex);
void trib__sim_describe(const struct trib__sim_candidate *candidate,
                        struct trib__sim_event *out);
/* Run one; gives the mutex back while it computes. The caller wakes those who wait for
 * device->raised. */
void trib__sim_run_locked(trib__device *device, const struct trib__sim_candidate *candidate)
        TRIB__REQUIRES(device->mutex);
/* Drop waits at the head of a queue that are over. */
void trib__sim_settle_locked(trib__device *device, trib__queue *queue)
        TRIB__REQUIRES(device->mutex);
bool trib__sim_is_lost(const trib__device *device);
/* Wake those who wait for the queue. Only the queue's address is used, which may be gone by then:
 * whoever saw the value need not have slept, and may have closed the device since. */
void trib__sim_wake(trib__queue *queue);
/* A queue has reached a value at a time, for the device: other queues go on that wait for it. */
void trib__sim_reach_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time) TRIB__REQUIRES(device->mutex);
/* Reach a value and raise the queue's timeline to it. True if somebody may sleep until then: the
 * caller wakes them, without the mutex where it can, because the kernel may give the processor to
 * whom it wakes. */
bool trib__sim_raise_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time) TRIB__REQUIRES(device->mutex);
/* Take the head of a queue off it, which has ended at `time`, and tell the host, now or later. */
void trib__sim_finish_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex);
void trib__sim_record_locked(trib__device *device, trib__queue *queue, uint64_t value,
                             trib_status status, const char *message)
        TRIB__REQUIRES(device->mutex);
/* Give back what the running piece has. */
void trib__sim_vacate_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex);

/* sim_notice.c */
/* Tell the host of the queue's first untold work. As trib__sim_raise_locked. */
bool trib__sim_tell_locked(trib__device *device, trib__queue *queue) TRIB__REQUIRES(device->mutex);
/* Keep an item that has been used for the queue's next works. */
void trib__sim_reuse_locked(trib__device *device, trib__queue *queue, struct trib__sim_item *item)
        TRIB__REQUIRES(device->mutex);

bool trib__sim_times(trib__queue *queue, uint64_t value, struct trib__work_times *out);

/* sim_flow.c; both only where a total bandwidth is set. */
/* Move the bytes of the steps that run, up to `time`. Before one starts or has ended. */
void trib__sim_flow_locked(trib__device *device, uint64_t time) TRIB__REQUIRES(device->mutex);
/* Set anew when each of them ends. After one has started or ended. */
void trib__sim_flow_plan_locked(trib__device *device) TRIB__REQUIRES(device->mutex);

/* sim_program.c */
enum trib__support trib__sim_supports(trib__device *device, const struct trib__step *step,
                                      char *reason, uint32_t size);
trib_status trib__sim_compile(trib__device *device, const struct trib__compile_params *params,
                              trib__program **out, struct trib__program_info *info,
                              trib_error *err);
void     trib__sim_release(trib__device *device, trib__program *program);
uint64_t trib__sim_duration(double amount, double per_second); /* ns, at least 0 */

/* sim_queue.c */
trib_status trib__sim_queue_create(trib__device *device, uint32_t index, trib__queue **out,
                                   trib_error *err);
void        trib__sim_queue_destroy(trib__queue *queue);
trib_status trib__sim_launch(trib__queue *queue, trib__program *program,
                             const struct trib__launch_args *args, uint64_t value,
                             trib_error *err);
trib_status trib__sim_copy(trib__queue *queue, void *target, const void *source, uint64_t bytes,
                           uint64_t value, trib_error *err);
trib_status trib__sim_wait_queue(trib__queue *queue, trib__queue *other, uint64_t value,
                                 trib_error *err);
uint64_t    trib__sim_completed(trib__queue *queue);
trib_status trib__sim_park(trib__queue *queue, uint64_t value, uint64_t deadline,
                           trib_error *err);
trib_status trib__sim_result(trib__queue *queue, uint64_t value, trib_error *err);
trib_status trib__sim_failure(trib__queue *queue, uint64_t since, uint64_t value,
                              trib_error *err);

/* sim_control.c */
void trib__sim_thread_main(void *device);

#endif
