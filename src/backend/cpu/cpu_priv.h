/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_priv.h: the CPU backend's objects. */
#ifndef TRIB_BACKEND_CPU_PRIV_H
#define TRIB_BACKEND_CPU_PRIV_H

#include "backend/cpu/cpu.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/lu.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/sparse.h"

#define MAX_QUEUES 64

struct trib__device {
        struct trib__onednn *onednn; /* NULL: reference kernels only */
        uint32_t             n_cores;
};

struct trib__queue {
        /* Alone on its line: written by the launching thread, read by whoever waits. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 timeline;

        /* Fixed. */
        _Alignas(TRIB__CACHE_LINE) trib__device *device;
        uint32_t index;
};

/* A step, with its oneDNN primitive if it has one. */
struct cpu_step {
        const struct trib__step  *step;
        struct trib__onednn_prim *prim; /* NULL: the reference kernel, or ... */
        struct trib__attention_plan *attention; /* if it is that        */
        uint32_t                  n_run_inputs; /* leading operands whose addresses a run needs */
        bool                      is_serial;
};

/* A step bound to a queue: at most one of the two. */
struct cpu_exec {
        struct trib__onednn_exec    *prim;
        struct trib__attention_exec *attention;
};

struct trib__program {
        /* Fixed by compile. */
        const struct trib__plan *plan;
        const void *const       *constants;
        struct trib__gate       *serial;
        struct trib__onednn     *onednn;
        struct trib__lu          lu;     /* for a program with a step of it */
        const struct trib__sparse_set *sparse; /* if a step is SPARSE_MATMUL */
        uint64_t                 workspace_offset;
        uint32_t                 n_steps;
        bool                     has_prims;
        struct cpu_step         *steps;

        /* Entry q belongs to the thread that leases queue q: n_steps execs, or NULL before the
         * first launch there. */
        struct cpu_exec *execs[MAX_QUEUES];
};

enum trib__support trib__cpu_supports(trib__device *device, const struct trib__step *step,
                                      char *reason, uint32_t size);
trib_status trib__cpu_compile(trib__device *device, const struct trib__compile_params *params,
                              trib__program **out, struct trib__program_info *info,
                              trib_error *err) TRIB_MUST_USE;
/* Give back what a program has bound to one queue; NULL is fine. */
void trib__cpu_unbind(const trib__program *program, struct cpu_exec *execs);

/* A step without a primitive, on the calling thread: kernels of our own, then reference kernels. */
trib_status trib__cpu_run_plain(const trib__program *program, const struct trib__step *step,
                                const void *const inputs[], void *output,
                                trib_error *err) TRIB_MUST_USE;
void        trib__cpu_release(trib__device *device, trib__program *program);
trib_status trib__cpu_measure_peaks(trib__device *device, uint32_t milliseconds,
                                    struct trib__peaks *out, trib_error *err) TRIB_MUST_USE;

#endif
