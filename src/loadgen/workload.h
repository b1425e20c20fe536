/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h: the built-in workloads, through the public interface.
 *
 *     linear  y = W x + b, f32, random weights uniform in +-1/sqrt(in_features)
 *     mlp     two hidden layers: linear, relu, linear, relu, linear
 *     lu      LU factorisation with row exchanges of a random matrix; rows are out_features,
 *             columns in_features
 *     sparse  y = A x, A sparse in compressed rows (CSR), equally many numbers in each row, x of
 *             `batch` columns; rows are out_features, columns in_features
 *     transformer  a block of a transformer: layer norm, attention of several heads, layer norm,
 *             two linear layers with gelu between, four times as wide; both with the input added.
 *             in_features and out_features are its width
 *     conv    a residual block: convolution 3 x 3, relu, convolution 3 x 3, the input added, relu.
 *             in_features and out_features are its channels
 *     noop    an operator that copies one number: what a request costs beside its computation
 *
 * Every thread has random input of its own and an output; the right result of each is computed
 * before, one after the other, and compared bit for bit after each window. */
#ifndef TRIB_LOADGEN_WORKLOAD_H
#define TRIB_LOADGEN_WORKLOAD_H

#include "loadgen/loadgen.h"
#include "loadgen/recorder.h"

typedef enum trib__load_kind {
        TRIB__LOAD_LINEAR,
        TRIB__LOAD_MLP,
        TRIB__LOAD_NOOP,
        TRIB__LOAD_LU,
        TRIB__LOAD_SPARSE,
        TRIB__LOAD_TRANSFORMER,
        TRIB__LOAD_CONV
} trib__load_kind;

#define TRIB__LOAD_LU_MAX (INT64_C(1) << 24) /* rows, and columns */

struct trib__load_spec {
        trib__load_kind kind;
        int64_t in_features, hidden, out_features, batch; /* hidden: of mlp only */
        int64_t density; /* of sparse: how many of a million numbers are there  */
        int64_t rows;    /* of transformer: the sequence; of conv: an image     */
        int64_t columns; /* of conv                                             */
        int64_t heads;   /* of transformer                                      */
};

/* The initialiser of a linear layer. */
#define TRIB__LOAD_SPEC_LINEAR(in, out, rows_at_once)                                         \
        { .kind = TRIB__LOAD_LINEAR, .in_features = (in), .out_features = (out),               \
          .batch = (rows_at_once) }

/* What: reads "INxOUTxBATCH" or "linear:INxOUTxBATCH", "mlp:INxHIDDENxOUTxBATCH",
 * "lu:ROWSxCOLUMNS[xBATCH]", "sparse:ROWSxCOLUMNSxDENSITY%xWIDTH",
 * "transformer:ROWSxWIDTHxHEADS[xBATCH]", "conv:CHANNELSxROWSxCOLUMNS[xBATCH]", "noop".
 * Errors: TRIB_INVALID_ARGUMENT. */
TRIB_MUST_USE trib_status trib__load_spec_parse(const char *text, struct trib__load_spec *out,
                                                trib_error *err);

/* "linear", "mlp", "noop", ... */
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

#define TRIB__LOAD_OPERATORS_MAX 12

/* One operator of a workload, or several alike, as a device runs it: what can be fused is. */
struct trib__load_operator {
        const char *name;         /* "linear", ... as operators are called               */
        const char *dtype;        /* of the arithmetic: "f32", or "medium" for products  */
        double      count;        /* how many of them a request has                      */
        double      flops;        /* of one, as all that follows; bias left out          */
        double      bytes;        /* it reads and writes at least                        */
        double      shared_bytes; /* of these, constants, which all threads share        */
};

/* The operators of one request; how many. Of `noop` none: it computes nothing. */
size_t trib__load_spec_operators(const struct trib__load_spec *spec, trib_precision precision,
                                 struct trib__load_operator out[TRIB__LOAD_OPERATORS_MAX]);

struct trib__load_options {
        unsigned       threads;       /* the most that will ask                            */
        trib_precision precision;
        uint64_t       seed;          /* of weights and inputs                             */
        uint32_t       measure_every; /* 0 = as suits requests of any length               */
        uint64_t       deadline;      /* for the right results; TRIB__NEVER                */
        uint64_t       timeout_ns;    /* of a request and of closing; 0 = no clock reading   */
        bool           computes_nothing; /* the device: results are not compared           */
        const trib__atomic_u32 *stop; /* or NULL                                           */
        trib_wait_mode wait;          /* of the session                                    */
        struct trib__recorder *recorder; /* of every request, all of them measured; or NULL  */
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
        trib_precision precision; /* that it runs at                                  */
        unsigned serial_steps;    /* of one request: those that run one at a time     */
        uint64_t request_ns;      /* the fastest request when nothing else ran        */
        uint64_t first_answer_at; /* when the first right result was there, trib__now */
};

void trib__load_workload_facts(const struct trib__load_workload *workload,
                               struct trib__load_facts *out);

#endif
