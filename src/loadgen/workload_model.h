/* SPDX-License-Identifier: Apache-2.0 */
/* workload_model.h: a workload's model: its input, its outputs, and how it is built. */
#ifndef TRIB_LOADGEN_WORKLOAD_MODEL_H
#define TRIB_LOADGEN_WORKLOAD_MODEL_H

#include "loadgen/workload.h"

#define TRIB__LOAD_OUTPUTS_MAX 2

/* An input or output: a packed array. */
struct trib__load_port {
        trib_dtype dtype;
        int        rank;
        int64_t    shape[TRIB_MAX_RANK];
        size_t     bytes;
};

struct trib__load_ports {
        struct trib__load_port input; /* f32 */
        struct trib__load_port outputs[TRIB__LOAD_OUTPUTS_MAX];
        int                    n_outputs;
};

/* Of a workload whose size trib__load_spec_bytes has taken. */
void trib__load_spec_ports(const struct trib__load_spec *spec, struct trib__load_ports *out);

/* What: the numbers of a sparse workload's rows, at least one.
 * Threads: any. */
int64_t trib__load_spec_row(const struct trib__load_spec *spec);

/* What: puts the whole model into the builder, with weights that follow from the seed.
 * Errors: TRIB_OUT_OF_MEMORY; the builder keeps its own. */
TRIB_MUST_USE trib_status trib__load_describe(const struct trib__load_spec *spec, uint64_t seed,
                                              trib_model_builder *builder, trib_error *err);

#endif
