/* SPDX-License-Identifier: Apache-2.0 */
/* sim_priv.h: what the files of the simulated device share.
 *
 *   sim_options.c   the device name -> struct trib__sim_options
 *   sim_device.c    open, close, memory, peaks, and the table of slots
 *   sim_program.c   supports, compile: the cost of each step under the time model
 *   sim_queue.c     queues, submission of works, waiting, results
 *   sim_schedule.c  which event comes next, and what it does
 *   sim_control.c   the device thread of clock=real, and the functions of sim.h
 *
 * item:     one entry of a queue: a work (launch or copy), or a wait for another queue.
 * piece:    what runs between a start and an end: one step of a launch, a copy, or nothing.
 * executor: runs one piece of a launch at a time; `queues` of them. One copy engine runs copies.
 * shadow:   where a piece's output is made at its start, before its end writes it out.
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
        uint64_t launch_ns;
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
};

/* Read what follows "sim:". TRIB_INVALID_ARGUMENT names the part that is wrong. */
trib_status trib__sim_options_read(const char *text, struct trib__sim_options *out,
                                   trib_error *err) TRIB_MUST_USE;

struct trib__program {
        const struct trib__plan *plan;
        const void *const       *constants;
        uint64_t                 shadow_bytes; /* of the largest output                 */
        uint32_t                 n_steps;
        struct step_cost {
                uint64_t ns;
                bool     is_serial;
        } costs[];
};

enum trib__sim_item_kind {
        TRIB__SIM_LAUNCH,
        TRIB__SIM_COPY,
        TRIB__SIM_WAIT
};

struct trib__sim_item {
        struct trib__sim_item   *next;
        enum trib__sim_item_kind kind;
        bool                     is_hung;
        bool                     is_flipped;
        uint64_t                 work;
        uint64_t                 value;     /* of the work itself                       */
        uint64_t                 raise_to;  /* more if works behind it were refused     */
        uint64_t                 earliest;  /* it starts at this time at the earliest   */
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
        uint64_t               done;   /* value of the last work that ended             */
        uint64_t               ready;  /* when the head may start                       */
        uint64_t               end;    /* when the running piece ends                   */
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
        trib__queue              *raised; /* by the last event: its waiters still sleep  */
        uint64_t                  memory_used;
        struct trib__random       random;
        struct trib__sim_unit     executors[TRIB__SIM_MAX_QUEUES];
        struct trib__sim_unit     serial;
        struct trib__sim_unit     copier;
        struct trib__sim_arranged arranged[TRIB__SIM_MAX_FAULTS];
};

/* An event that could run. */
struct trib__sim_candidate {
        trib__queue *queue;
        bool         is_end;
        uint64_t     time;
        uint64_t     ready;
        uint64_t     work;
};

/* sim_schedule.c */
uint64_t trib__sim_add(uint64_t time, uint64_t duration); /* saturating */
uint64_t trib__sim_clock_locked(trib__device *device) TRIB__REQUIRES(device->mutex);
/* Every event that could run, in order of time, in out[TRIB__SIM_MAX_QUEUES]. */
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
/* Raise a queue's timeline, at a time, and let other queues go on that wait for it. True if
 * somebody may sleep until then: the caller wakes them, without the mutex where it can, because
 * the kernel may give the processor to whom it wakes. */
bool trib__sim_raise_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time) TRIB__REQUIRES(device->mutex);
void trib__sim_record_locked(trib__device *device, trib__queue *queue, uint64_t value,
                             trib_status status, const char *message)
        TRIB__REQUIRES(device->mutex);
/* Give back what the running piece has. */
void trib__sim_vacate_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex);

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
