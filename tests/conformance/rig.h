/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h: what every conformance case is made of: an opened device, a queue that counts its own
 * values, host data that goes through device memory, and the exact oracle.
 *
 * A rig function that is not itself under test fails the case when the device refuses it. */
#ifndef TRIB_CONFORMANCE_RIG_H
#define TRIB_CONFORMANCE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/random.h"
#include "handmade.h"

struct rig {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__device_caps    caps;
};

struct rig_queue {
        struct rig  *rig;
        trib__queue *queue;
        uint64_t     value; /* last submitted */
};

/* A compiled plan with its constants on the device. */
struct rig_program {
        struct handmade         *made;
        trib__program           *program;
        struct trib__program_info info;
        void                    *constants[HANDMADE_MAX];
        uint64_t                 constant_bytes[HANDMADE_MAX];
};

/* Device memory of one launch. */
struct rig_frame {
        void    *inputs[HANDMADE_MAX];
        void    *outputs[HANDMADE_MAX];
        void    *slab;
        uint64_t slab_bytes;
};

void must(trib_status status, const trib_error *err);

void rig_open(struct rig *rig, const char *name);
void rig_close(struct rig *rig);

void rig_queue_open(struct rig *rig, uint32_t index, struct rig_queue *queue);
void rig_queue_close(struct rig *rig, struct rig_queue *queue);

/* A device with a queue, and the generator of its data; `state` is the case's. */
struct rig_bench {
        struct rig          rig;
        struct rig_queue    queue;
        struct trib__random random;
};

void rig_bench_open(struct rig_bench *bench, void **state, uint64_t seed);
void rig_bench_close(struct rig_bench *bench);

/* Wait for the queue's last value, at most a minute, and give how that work ended. */
trib_status rig_finish(struct rig *rig, struct rig_queue *queue, trib_error *err);
/* Copy and wait. */
void rig_copy(struct rig *rig, struct rig_queue *queue, void *target, const void *source,
              uint64_t bytes);
void *rig_alloc(struct rig *rig, uint64_t bytes);

/* constants[i] is host data for the plan's i-th constant, of constant_bytes[i] bytes. */
void rig_compile(struct rig *rig, struct rig_queue *queue, struct handmade *made,
                 const void *const *constants, struct trib__gate *gate,
                 struct rig_program *out);
void rig_release(struct rig *rig, struct rig_program *program);

void rig_frame_open(struct rig *rig, const struct rig_program *program, struct rig_frame *frame);
void rig_frame_close(struct rig *rig, const struct rig_program *program,
                     struct rig_frame *frame);

/* Launch on a frame without waiting; the status of the slot. */
trib_status rig_launch(struct rig *rig, struct rig_queue *queue,
                       const struct rig_program *program, const struct rig_frame *frame,
                       uint64_t deadline, trib_error *err);
/* Inputs to the device, launch, outputs to the host; how it ended. */
trib_status rig_run(struct rig_queue *queue, const struct rig_program *program,
                    const struct rig_frame *frame, const void *const *inputs,
                    void *const *outputs, trib_error *err);

#endif
