/* SPDX-License-Identifier: Apache-2.0 */
/* held_out.h: predictions against what was held out. A seed makes a machine; the discrete-event
 * model measures it at few threads, as noisily as rounds are; the analysis predicts more threads
 * from that; and the model says what would have been measured there, without noise. */
#ifndef TRIB_TESTS_HELD_OUT_H
#define TRIB_TESTS_HELD_OUT_H

#include "closed_loop.h"

#define HELD_OUT_COUNT 2

static const unsigned held_out_threads[HELD_OUT_COUNT] = { 8, 16 };

struct held_out {
        struct loop_machine machine;
        struct {
                unsigned threads;
                double   truth, predicted, low, high; /* ops per second */
                double   error;                       /* relative */
                bool     is_covered;
        } at[HELD_OUT_COUNT];
        char primary[24];  /* the bottleneck that was named */
};

/* Even seeds make machines that held_out_device can tell as a simulated device. */
void held_out_machine(uint64_t seed, struct loop_machine *out);

/* The machine of an even seed as the name of a simulated device, and its workload as the command
 * takes it. False for another one, whose service times are random, and when `size` is short. */
bool held_out_device(const struct loop_machine *machine, char *name, unsigned size,
                     const char **workload);

/* False when memory is short or the analysis predicts nothing. */
bool held_out_run(uint64_t seed, struct held_out *out);

#endif
