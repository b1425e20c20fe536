/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h: the contract of devices, and the registry.
 *
 * program: what a backend makes of a plan. Immutable, shared by all threads; what differs per
 *          launch is not in it.
 * queue:   an in-order queue of the device with a *timeline*, a 64-bit number that only grows.
 * launch:  program + slab + arguments on one queue; ends by raising the timeline to a given value.
 *
 * Rules: no slot calls back into the library's upper layers, prints, aborts or keeps global state
 * outside of open; every allocation, library and system call inside passes a fault site; the
 * caller holds no lock in any slot but `completed`; every slot has a caller. The conformance suite
 * (tests/conformance) runs every slot and every kind of step on every backend. */
#ifndef TRIB_BACKEND_BACKEND_H
#define TRIB_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/step.h"
#include "base/sync.h"

#include <tributary/status.h>

#define TRIB__BACKEND_ABI 1

typedef struct trib__device  trib__device;  /* each backend's own */
typedef struct trib__queue   trib__queue;
typedef struct trib__program trib__program;

struct trib__probe {
        char name[64];
        char description[128];
        bool is_available;
        char missing[256];
};

struct trib__device_caps {
        char     name[64];
        char     description[128];
        char     library[128];
        char     note[256];
        uint64_t memory_bytes;
        uint32_t compute_units;
        uint32_t host_cores;   /* for its callers, where it simulates them; else 0          */
        bool     is_unified;   /* kernels read and write host memory in place               */
        bool     is_inline;    /* a launch or copy is done when it returns                  */
        bool     has_medium;   /* compile accepts medium precision                          */
        bool     has_wait;     /* wait_queue exists                                         */
};

/* As trib_device_peaks has them; 0: not measured, or not there. "unit": one compute unit while the
 * others rest; otherwise all of them together. */
struct trib__peaks {
        double flops_f32;
        double flops_medium;
        double bytes_per_s;
        double submissions_per_s;
        double flops_f64, flops_f16;
        double unit_flops_f32, unit_flops_medium, unit_flops_f64, unit_flops_f16;
        double unit_bytes_per_s;
        double copy_bytes_per_s;       /* each byte copied counts once                      */
        double unit_submissions_per_s; /* of one thread                                     */
        double wake_ns;                /* from waking a sleeping thread until it runs       */
        double private_cache_bytes;    /* of one unit                                       */
        double private_cache_bytes_per_s;
        double shared_cache_bytes;     /* all of them, if there are several                 */
        double shared_cache_bytes_per_s, unit_shared_cache_bytes_per_s;
};

/* What compile is given beside the plan. */
struct trib__compile_params {
        const struct trib__plan *plan;      /* outlives the program                        */
        const void *const       *constants; /* device addresses; outlive the program        */
        bool                     is_medium; /* medium precision; only if caps.has_medium    */
        struct trib__gate       *serial;    /* the model's turnstile for serial steps       */
        const trib__program     *donor;     /* the same model, constants and precision for
                                             * other shapes, or NULL: what does not depend on
                                             * shapes may be shared; donor may go first       */
};

struct trib__program_info {
        uint64_t device_bytes;    /* memory that the program itself holds                   */
        uint64_t workspace_bytes; /* to be added to the slab, behind the plan's slab_bytes
                                   * rounded up to TRIB__SLAB_ALIGNMENT                     */
        uint32_t serial_steps;
};

/* What differs per launch. Addresses are valid on the device and stay so until the timeline
 * reaches the launch's value; the struct and its two tables only until launch returns. */
struct trib__launch_args {
        void             *slab; /* slab_bytes rounded up + workspace_bytes; or NULL if 0    */
        const void *const *inputs;
        void *const       *outputs;
        uint64_t           deadline; /* for waiting at a serial step; TRIB__NEVER: none     */
        bool               is_timed; /* the caller will ask `times` about this launch       */
};

/* Where the time of one launch went, in ns. The parts are disjoint. What a device cannot tell is 0.
 *
 *     launch is called ─ lock, descheduled, the rest: submission ─ submitted
 *       ─ queue, serial, copy, device, in any order ─ ended ─ (notification) ─ the caller goes on
 *
 * A device whose clock has no common zero with trib__now() tells durations only. Then the caller
 * takes the call of launch for submission, and what is left of its wait for queue. */
struct trib__work_times {
        uint64_t lock_ns;        /* the calling thread waited for a lock of the driver or of the
                                  * backend; not for a gate or mutex of base/sync.h          */
        uint64_t descheduled_ns; /* it was ready and had no core, where the device simulates the
                                  * cores of its host; real ones are counted by the caller   */
        uint64_t queue_ns;       /* submitted, and nothing of it ran: no free executor, works
                                  * before it on the queue, other queues waited for          */
        uint64_t serial_ns;      /* waited for the unit that serial steps share              */
        uint64_t copy_ns;        /* its copies ran, or waited for the copy engine            */
        uint64_t device_ns;      /* its steps ran                                            */
        /* What it had of each unit, without waiting for it: parts of the above. */
        struct {
                uint64_t host_ns;   /* of submission: a core that the device simulates       */
                uint64_t lock_ns;   /* of submission: that lock                              */
                uint64_t path_ns;   /* of submission: the one path to the device             */
                uint64_t serial_ns; /* of device_ns: the unit of serial steps                */
                uint64_t copy_ns;   /* of copy_ns: the copy engine                           */
        } held;
        bool     has_clock;      /* the following are times of trib__now(); else they are 0  */
        uint64_t submitted;      /* it had passed the path of submission                     */
        uint64_t started;        /* its first piece began                                    */
        uint64_t ended;          /* its last piece ended; not later than the timeline's rise */
};

/* How a step runs on a device. */
enum trib__support {
        TRIB__SUPPORT_NO,
        TRIB__SUPPORT_CONCURRENT,
        TRIB__SUPPORT_SERIAL
};

struct trib__backend {
        uint32_t    size; /* of this struct */
        uint32_t    abi;  /* TRIB__BACKEND_ABI */
        const char *prefix; /* "cpu" */

        /* The index-th device that is here or could be. Any thread, before open; does not block
         * on a device. TRIB_NOT_FOUND past the last. */
        trib_status (*probe)(uint32_t index, struct trib__probe *out, trib_error *err);

        /* Open the device that `which` (what follows "prefix:") names. One thread; may block. */
        trib_status (*open)(const char *which, trib__device **out,
                            struct trib__device_caps *caps, trib_error *err);
        /* All queues, programs and memory are gone by then. One thread; may block. */
        void (*close)(trib__device *device);

        /* Device memory, aligned to TRIB__SLAB_ALIGNMENT, in large pieces. Any thread; may block.
         * No memory is an ordinary status. */
        trib_status (*alloc)(trib__device *device, uint64_t bytes, void **out, trib_error *err);
        void (*free)(trib__device *device, void *memory, uint64_t bytes); /* NULL is fine */
        /* Memory that both the host and the device see, for staging and arguments. */
        trib_status (*alloc_host)(trib__device *device, uint64_t bytes, void **out,
                                  trib_error *err);
        void (*free_host)(trib__device *device, void *memory, uint64_t bytes);

        /* Whether and how a step can run; `reason` (size bytes) gets the why of NO and SERIAL.
         * Any thread; does not block. */
        enum trib__support (*supports)(trib__device *device, const struct trib__step *step,
                                       char *reason, uint32_t size);

        /* Make a program. Any thread, one per key; may block. An error names the step. */
        trib_status (*compile)(trib__device *device, const struct trib__compile_params *params,
                               trib__program **out, struct trib__program_info *info,
                               trib_error *err);
        /* No launch of the program is unfinished by then. Any thread; NULL is fine. */
        void (*release)(trib__device *device, trib__program *program);

        /* An in-order queue; `index` is below 64 and unique among live queues. May block. */
        trib_status (*queue_create)(trib__device *device, uint32_t index, trib__queue **out,
                                    trib_error *err);
        /* Nothing unfinished is on the queue, unless the device is hung or lost. NULL is fine. */
        void (*queue_destroy)(trib__queue *queue);

        /* Submit. The thread that leases the queue; blocks only where `is_inline` work, a serial
         * step or a driver's own lock does. When done, timeline >= value, with release order; value
         * is greater than any before on this queue. An error means that nothing of it will touch
         * the arguments any more, and the timeline reaches value all the same. */
        trib_status (*launch)(trib__queue *queue, trib__program *program,
                              const struct trib__launch_args *args, uint64_t value,
                              trib_error *err);
        /* Copy between any two of host and device memory; otherwise as launch. */
        trib_status (*copy)(trib__queue *queue, void *target, const void *source, uint64_t bytes,
                            uint64_t value, trib_error *err);
        /* Work submitted to queue after this starts when other's timeline has reached value, which
         * was submitted before.
         * Optional (NULL): the caller waits on the host instead. */
        trib_status (*wait_queue)(trib__queue *queue, trib__queue *other, uint64_t value,
                                  trib_error *err);

        /* The timeline: an acquire load of host memory. Any thread; never blocks. */
        uint64_t (*completed)(trib__queue *queue);
        /* Wait until the timeline reaches value: TRIB_OK; TRIB_TIMED_OUT at the deadline; the
         * device's error if it never will. Any thread; blocks. */
        trib_status (*park)(trib__queue *queue, uint64_t value, uint64_t deadline,
                            trib_error *err);
        /* How the launch or copy that raised the timeline to value ended: TRIB_OK or why not. Work
         * that fails does not spoil what comes after it on the queue, so each value is asked for.
         * After the value is reached, by the thread that leases the queue, before its next
         * request. On a device that was lost: TRIB_DEVICE_LOST for what never ran. */
        trib_status (*result)(trib__queue *queue, uint64_t value, trib_error *err);
        /* The first failure that submission did not tell among the works with values above `since`
         * up to `value`, which is reached; or TRIB_OK. Any thread, also later: the last 8 failures
         * of a queue are remembered. Does not block on the device. */
        trib_status (*failure)(trib__queue *queue, uint64_t since, uint64_t value,
                               trib_error *err);

        /* Where the time went of the last launch on the queue that was timed, if that is the one
         * with this value, which is reached. By the thread that leases the queue, before its next
         * launch; does not block on the device. False: not known.
         * Optional (NULL): not known, ever. A device that computes inside the launch has no need
         * of it, if it waits by gates and mutexes of base/sync.h, which the caller meters. */
        bool (*times)(trib__queue *queue, uint64_t value, struct trib__work_times *out);

        /* Measure the limits for about `milliseconds`. One thread at a time; blocks. */
        trib_status (*peaks)(trib__device *device, uint32_t milliseconds,
                             struct trib__peaks *out, trib_error *err);
};

/* The backends that are compiled in, in order of preference; NULL-terminated. */
const struct trib__backend *const *trib__backends(void);

/* The backend of a device name "prefix:which", and in *which what follows the colon ("0" where
 * nothing does); or TRIB_NOT_FOUND with the names that there are. */
trib_status trib__backend_find(const char *name, const struct trib__backend **out,
                               const char **which, trib_error *err) TRIB_MUST_USE;

#endif
