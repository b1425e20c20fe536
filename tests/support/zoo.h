/* SPDX-License-Identifier: Apache-2.0 */
/* zoo.h: small models through the public interface, with requests whose arrays lie between guards.
 *
 * Every model has one input x, f32 [any, ZOO_WIDTH]. A job is one request: its input follows from
 * (kind, rows, seed), its outputs are filled with NaN before it runs, and both lie between guards
 * of signalling bits that nobody may read or write. Golden results are those of a job that ran
 * alone. Nothing here uses cmocka: members of a crowd call it too. */
#ifndef TRIB_TESTS_ZOO_H
#define TRIB_TESTS_ZOO_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tributary.h>

enum zoo_kind {
        ZOO_RELU,   /* y = relu(x): results are plain to see    */
        ZOO_MLP,    /* linear relu, linear                      */
        ZOO_NORM,   /* layer_norm, softmax; and tanh: 2 outputs */
        ZOO_GATED,  /* sigmoid(linear) * linear, attention, + x, matmul */
        ZOO_USER,   /* tanh, then y = 2 x + 1 by a user         */
        ZOO_SERIAL, /* the same, one at a time                  */
        ZOO_COUNT
};

#define ZOO_WIDTH 16
#define ZOO_MAX_ROWS 8
#define ZOO_GUARD 32

trib_status zoo_build(trib_device *device, enum zoo_kind kind, trib_model **out, trib_error *err);

struct zoo_job {
        enum zoo_kind kind;
        int64_t       rows;
        uint64_t      seed;
        int           n_outputs;
        trib_tensor   input;
        trib_tensor   outputs[2];
        float         x[ZOO_GUARD + ZOO_MAX_ROWS * ZOO_WIDTH + ZOO_GUARD];
        float         y[2][ZOO_GUARD + ZOO_MAX_ROWS * ZOO_WIDTH + ZOO_GUARD];
};

/* The struct must not move afterwards. */
void zoo_job_init(struct zoo_job *job, enum zoo_kind kind, int64_t rows, uint64_t seed);
/* Outputs to NaN again. */
void        zoo_job_reset(struct zoo_job *job);
trib_status zoo_job_infer(struct zoo_job *job, trib_session *session, trib_error *err);
void        zoo_job_options(struct zoo_job *job, trib_request_options *options);

/* Whether guards and input are as they were made, and the outputs are the golden's bits (any, if
 * golden is NULL). */
bool zoo_job_is_right(const struct zoo_job *job, const struct zoo_job *golden);

/* How often two calls were inside the operator of ZOO_SERIAL at once; and how many there were. */
uint64_t zoo_serial_clashes(void);
uint64_t zoo_serial_calls(void);

#endif
