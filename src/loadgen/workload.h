/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h: the built-in workloads, through the public interface.
 *
 *     linear  y = W x + b, f32, random weights uniform in +-1/sqrt(in_features)
 *     mlp     two hidden layers: linear, relu, linear, relu, linear
 *     noop    an operator that copies one number: what a request costs beside its computation
 *
 * Every thread has random input of its own and an output; the right result of each is computed
 * before, one after the other, and compared bit for bit after each window. */
#ifndef TRIB_LOADGEN_WORKLOAD_H
#define TRIB_LOADGEN_WORKLOAD_H

#include "loadgen/loadgen.h"

typedef enum trib__load_kind {
        TRIB__LOAD_LINEAR,
        TRIB__LOAD_MLP,
        TRIB__LOAD_NOOP
} trib__load_kind;

struct trib__load_spec {
        trib__load_kind kind;
        int64_t in_features, hidden, out_features, batch; /* hidden: of mlp only */
};

/* What: reads "INxOUTxBATCH" or "linear:INxOUTxBATCH", "mlp:INxHIDDENxOUTxBATCH", "noop".
 * Errors: TRIB_INVALID_ARGUMENT. */
TRIB_MUST_USE trib_status trib__load_spec_parse(const char *text, struct trib__load_spec *out,
                                                trib_error *err);

/* "linear", "mlp", "noop". */
const char *trib__load_kind_name(trib__load_kind kind);

/* As trib__load_spec_parse reads it. Returns buffer. */
const char *trib__load_spec_text(const struct trib__load_spec *spec, char *buffer, size_t size);

/* What: host memory that the workload takes with so many threads: weights with the copies that
 * building and packing make, inputs, outputs and right results.
 * Errors: TRIB_OVERFLOW. */
TRIB_MUST_USE trib_status trib__load_spec_bytes(const struct trib__load_spec *spec,
                                                unsigned threads, uint64_t *bytes,
                                                trib_error *err);

/* FLOPs and bytes of one request, by the textbook. */
void trib__load_spec_cost(const struct trib__load_spec *spec, double *flops, double *bytes);

struct trib__load_options {
        unsigned       threads;       /* the most that will ask                            */
        trib_precision precision;
        uint64_t       seed;          /* of weights and inputs                             */
        uint32_t       measure_every; /* 0 = by the size of the workload                   */
        uint64_t       deadline;      /* for the right results; TRIB__NEVER                */
        uint64_t       timeout_ns;    /* of a request and of closing; 0 = no clock reading   */
        bool           computes_nothing; /* the device: results are not compared           */
        const trib__atomic_u32 *stop; /* or NULL                                           */
};

struct trib__load_workload;

/* What: builds the model, opens a session, and computes the right result of each thread's input
 * on thread 0 of the crew.
 * Ownership: the caller closes *out before the device; NULL on failure.
 * Errors: those of the public calls; TRIB_CANCELLED, TRIB_TIMED_OUT. */
TRIB_MUST_USE trib_status trib__load_workload_open(trib_device *device, struct trib__crew *crew,
                                                   const struct trib__load_spec *spec,
                                                   const struct trib__load_options *options,
                                                   struct trib__load_workload **out,
                                                   trib_error *err);
void trib__load_workload_close(struct trib__load_workload *workload); /* NULL is fine */

const struct trib__target *trib__load_workload_target(const struct trib__load_workload *workload);

struct trib__load_facts {
        double   flops, bytes;    /* of one request                                   */
        unsigned serial_steps;    /* of one request: those that run one at a time     */
        uint64_t request_ns;      /* the fastest request when nothing else ran        */
        uint64_t first_answer_at; /* when the first right result was there, trib__now */
};

void trib__load_workload_facts(const struct trib__load_workload *workload,
                               struct trib__load_facts *out);

#endif
