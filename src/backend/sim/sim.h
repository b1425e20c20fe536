/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h: the simulated device, and the strings that tests pull.
 *
 * It computes real results with the reference kernels, at times that a small model gives, and it
 * delays, reorders, fails and hangs when told to. The device name carries its options:
 * "sim:gpu,queues=4,fail_at=7"; docs/simulated-device.md lists them and states the time model.
 *
 * event: the start or the end of one piece of work (a step of a launch, or a copy) on one queue.
 *        At the start the inputs are read; at the end the output is written, and with the last
 *        piece the timeline is raised (later where wake_us says so: that is a notice). Between
 *        the two the device neither reads nor writes.
 * clock=real:     a thread of the device runs each event when its time has come.
 * clock=scripted: nothing runs by itself. Time is virtual, starts at 0, and moves only by the
 *                 functions below, which any thread may call; events run on the caller's thread.
 *
 * Works count launches and copies of the device in order of submission, from 1.
 * Locks: one per device, of rank TRIB__RANK_BACKEND; none is held while a kernel or a user's
 * operator runs. The functions below block only while another thread runs an event. */
#ifndef TRIB_BACKEND_SIM_H
#define TRIB_BACKEND_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

extern const struct trib__backend trib__sim_backend;

enum trib__sim_event_kind {
        TRIB__SIM_START,
        TRIB__SIM_END,
        TRIB__SIM_NOTICE /* the host learns of an end; with wake_us only                */
};

#define TRIB__SIM_NO_STEP UINT32_MAX

struct trib__sim_event {
        enum trib__sim_event_kind kind;
        uint32_t                  queue; /* its index                                    */
        uint64_t                  time;  /* ns                                           */
        uint64_t                  work;
        uint64_t                  value; /* that the work raises the timeline to         */
        uint32_t                  step;  /* of the launch; TRIB__SIM_NO_STEP for a copy, a
                                          * transfer, a notice, a launch without steps or
                                          * one that failed                              */
};

/* The clock, ns: virtual time, or trib__now() on a device with a real clock. */
uint64_t trib__sim_now(trib__device *device);

/* How many events could run next: at most one a queue, and with wake_us a notice beside it. */
uint32_t trib__sim_pending(trib__device *device);
/* The index-th of them, in order of time; false if there are fewer. */
bool trib__sim_peek(trib__device *device, uint32_t index, struct trib__sim_event *out);

/* Run one event: the next in time, or one picked by the generator if the device was opened with
 * reorder=SEED. The clock moves to the event's time unless it is later already. False when
 * nothing can run. `out` may be NULL. Scripted clock only, as are the next three. */
bool trib__sim_step(trib__device *device, struct trib__sim_event *out);
/* Run the event that trib__sim_peek shows at `index`. */
bool trib__sim_step_at(trib__device *device, uint32_t index, struct trib__sim_event *out);
/* Run every event of the next `ns` in order, and leave the clock there. Returns how many. */
uint64_t trib__sim_advance(trib__device *device, uint64_t ns);
/* Run events until none can run. Returns how many. */
uint64_t trib__sim_run_until_idle(trib__device *device);

/* How many works have been submitted so far. */
uint64_t trib__sim_works(trib__device *device);

/* What can be arranged for one work. */
enum trib__sim_fault_kind {
        TRIB__SIM_FAULT_FAIL,  /* it computes nothing and ends with TRIB_DEVICE_ERROR         */
        TRIB__SIM_FAULT_HANG,  /* it never starts, until trib__sim_unhang                     */
        TRIB__SIM_FAULT_DELAY, /* it starts `amount` ns later                                 */
        TRIB__SIM_FAULT_FLIP   /* bit `amount` (modulo its size) of its last output is flipped */
};

#define TRIB__SIM_MAX_FAULTS 32

/* Arrange a fault for work number `work`. False if that has been submitted already, or when
 * TRIB__SIM_MAX_FAULTS are waiting. */
bool trib__sim_fault(trib__device *device, uint64_t work, enum trib__sim_fault_kind kind,
                     uint64_t amount);

/* From now on nothing starts or ends on the queue with this index, or it does again. False if
 * there is no such queue. */
bool trib__sim_hang(trib__device *device, uint32_t queue);
bool trib__sim_unhang(trib__device *device, uint32_t queue);

/* The device is lost for good: no work ends any more, and when this returns it touches no memory
 * any more. Every park for what has not ended, and every launch and copy, gives TRIB_DEVICE_LOST;
 * a launch or copy that is refused so still raises the timeline, as any that is refused. */
void trib__sim_lose(trib__device *device);

#endif
