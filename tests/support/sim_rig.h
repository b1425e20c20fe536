/* SPDX-License-Identifier: Apache-2.0 */
/* sim_rig.h: a simulated device with queues and one-step programs, for tests of the device and of
 * what is built on it. Every failure of the rig itself fails the test. */
#ifndef TRIB_TESTS_SIM_RIG_H
#define TRIB_TESTS_SIM_RIG_H

#include "backend/sim/sim.h"
#include "handmade.h"

#define SIM_RIG_QUEUES 8

struct sim_rig {
        const struct trib__backend *backend;
        trib__device               *device;
        struct trib__device_caps    caps;
        trib__queue                *queues[SIM_RIG_QUEUES];
        uint64_t                    values[SIM_RIG_QUEUES]; /* last submitted           */
        uint32_t                    n_queues;
};

void sim_rig_open(struct sim_rig *rig, const char *options, uint32_t n_queues);
void sim_rig_close(struct sim_rig *rig);

/* A program of `n_steps` steps, y = relu(x) again and again, of `count` floats. Each step costs
 * the given flops and bytes. */
struct sim_model {
        struct handmade          made;
        trib__program           *program;
        struct trib__program_info info;
        int64_t                  count;
};

void sim_model_make(struct sim_rig *rig, struct sim_model *model, enum trib__op op,
                    uint32_t n_steps, double flops, double bytes);
void sim_model_free(struct sim_rig *rig, struct sim_model *model);

/* Submit to a queue with its next value; gives the status of the slot. */
trib_status sim_rig_launch(struct sim_rig *rig, uint32_t queue, struct sim_model *model,
                           const float *x, float *y);
trib_status sim_rig_copy(struct sim_rig *rig, uint32_t queue, void *target, const void *source,
                         uint64_t bytes);

uint64_t    sim_rig_completed(struct sim_rig *rig, uint32_t queue);
trib_status sim_rig_result(struct sim_rig *rig, uint32_t queue, uint64_t value, trib_error *err);

#endif
