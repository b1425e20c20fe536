/* SPDX-License-Identifier: Apache-2.0 */
/* onednn.h: operators on oneDNN, which is opened at run time: 2.6 or newer 2.x, and 3.x.
 *
 * Nouns:
 *   library    the loaded oneDNN with its one CPU engine; one per process, counted.
 *   primitive  one operator for fixed shapes and types, with what is constant in it (packed
 *              weights, bias, scale, shift) copied in. Immutable: all threads share it.
 *   exec       a primitive bound to one queue: the memory objects that carry the addresses of the
 *              next run. Used by one thread at a time; which thread may change between runs.
 *
 * Every run and every creation happens with one OpenMP thread, and leaves the calling thread's
 * OpenMP setting as it was. Raw pointers and parameter structs only; tensors are dense and
 * row-major. No function prints, and none keeps a pointer of its parameters after it returns,
 * except those that an exec was last run with (compared, not followed, by the next run). */
#ifndef TRIB_KERNELS_CPU_ONEDNN_H
#define TRIB_KERNELS_CPU_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>
#include <tributary/tensor.h>

#include "model/op.h"

struct trib__onednn;
struct trib__onednn_prim;
struct trib__onednn_exec;

/* What every scratch pointer must be aligned to. Inputs and outputs need their element's alignment
 * only, but run faster when aligned to this. */
#define TRIB__ONEDNN_ALIGNMENT 64

/* The most dimensions that a binary primitive takes. */
#define TRIB__ONEDNN_MAX_RANK 8

/* ---- the library ------------------------------------------------------------------------ */

struct trib__onednn_info {
        char        version[32]; /* "2.6.3"                                             */
        char        path[256];   /* the file that was loaded, or the name if unknown    */
        const char *isa;         /* instruction set in effect, such as avx512_core_bf16 */
        bool        has_bf16;    /* medium precision can work: AVX512-BF16 or AMX       */
        bool        has_amx;
        bool        has_openmp;  /* threads are OpenMP's, and held at one per caller    */
};

/* Open the library, or take another reference to it. The environment variable TRIB_ONEDNN, read
 * when nothing is open yet, is the absolute path of the library file to use instead of the
 * system's, or "off": as if none were installed.
 * Errors: TRIB_NOT_FOUND (not installed, "off"; the message says how to install it),
 * TRIB_INVALID_ARGUMENT (TRIB_ONEDNN is neither), TRIB_UNSUPPORTED (a version that we do not
 * speak), TRIB_OUT_OF_MEMORY, TRIB_DEVICE_ERROR. On failure *out is NULL.
 * Threads: any, concurrently. */
trib_status trib__onednn_open(struct trib__onednn **out, trib_error *err) TRIB_MUST_USE;

/* Give a reference back; NULL is fine. Every primitive and exec must be destroyed before the last
 * one goes. The code stays mapped for the life of the process. */
void trib__onednn_close(struct trib__onednn *lib);

/* Valid until the close. */
const struct trib__onednn_info *trib__onednn_info(const struct trib__onednn *lib);

/* Around runs with trib__onednn_exec_run_inside on one thread: set the calling thread's OpenMP
 * thread count to one, and back. Give what enter returned to leave. */
int  trib__onednn_enter(const struct trib__onednn *lib);
void trib__onednn_leave(const struct trib__onednn *lib, int previous);

/* ---- primitives ------------------------------------------------------------------------- */

enum trib__onednn_precision {
        TRIB__ONEDNN_HIGH = 0, /* as the types say                                           */
        TRIB__ONEDNN_MEDIUM,   /* f32 in and out, operands rounded to bf16, f32 accumulation */
};

enum trib__onednn_activation {
        TRIB__ONEDNN_NONE = 0,
        TRIB__ONEDNN_RELU,
        TRIB__ONEDNN_GELU_ERF,
        TRIB__ONEDNN_GELU_TANH,
        TRIB__ONEDNN_TANH,
        TRIB__ONEDNN_SIGMOID,
};

/* dst[m][n] = activation(sum over k of src[m][k] * W[k][n] + bias[n])
 * W[k][n] is weights[n * k_size + k] if weights_are_nk (one row per output), else
 * weights[k * n_size + n]. Inputs when run: { src }. */
struct trib__onednn_linear_params {
        int64_t                      m, k, n;
        trib_dtype                   dtype; /* F32, BF16 or F16: src, weights, bias and dst */
        enum trib__onednn_precision  precision; /* medium needs dtype F32                       */
        enum trib__onednn_activation activation;
        bool                         weights_are_nk;
        const void                  *weights; /* k * n elements                               */
        const void                  *bias;    /* n elements, or NULL: none                    */

        /* NULL, or a linear primitive of the same k, n, dtype, precision, weights and weights
         * order, usually with another m: its packed weights are used in common when the layout
         * fits; otherwise new ones are packed. The content is taken on trust. The donor may be
         * destroyed first. */
        const struct trib__onednn_prim *donor;
};

/* dst[i][m][n] = sum over k of a[i][m][k] * b[i][k][n], i < max(a_batch, b_batch), where a batch
 * of 1 is used for every i. Inputs when run: { a, b }. */
struct trib__onednn_matmul_params {
        int64_t                     a_batch, b_batch; /* equal, or one of them 1 */
        int64_t                     m, k, n;
        trib_dtype                  dtype;
        enum trib__onednn_precision precision;
};

enum trib__onednn_binary { TRIB__ONEDNN_ADD = 1, TRIB__ONEDNN_MUL };

/* dst = a (op) b; dimensions of 1 in either are repeated. dst has the larger of each dimension.
 * Inputs when run: { a, b }. */
struct trib__onednn_binary_params {
        enum trib__onednn_binary op;
        int                      rank; /* 1..TRIB__ONEDNN_MAX_RANK */
        int64_t                  a_shape[TRIB__ONEDNN_MAX_RANK];
        int64_t                  b_shape[TRIB__ONEDNN_MAX_RANK];
        trib_dtype               dtype;
};

/* dst[i] = activation(src[i]), i < count. dst may be src. Inputs when run: { src }. */
struct trib__onednn_eltwise_params {
        enum trib__onednn_activation activation; /* not NONE */
        int64_t                      count;
        trib_dtype                   dtype;
};

/* dst[o][j][i] = exp(src[o][j][i] - max) / sum, max and sum over j < axis. dst may be src.
 * Inputs when run: { src }. */
struct trib__onednn_softmax_params {
        int64_t    outer, axis, inner;
        trib_dtype dtype;
};

/* dst[r][c] = (src[r][c] - mean[r]) / sqrt(variance[r] + epsilon) * scale[c] + shift[c], mean and
 * (biased) variance over c < cols. dst may be src. Inputs when run: { src }. */
struct trib__onednn_layer_norm_params {
        int64_t     rows, cols;
        float       epsilon;
        trib_dtype  dtype;
        const void *scale; /* cols elements of dtype, or NULL: 1 */
        const void *shift; /* cols elements of dtype, or NULL: 0 */
};

/* dst = activation(conv(src, weights) + bias): src [batch, in_channels, in ...] and dst [batch,
 * out_channels, out ...] row-major, weights [out_channels, in_channels / groups, kernel ...], zeros
 * beyond the edges. Inputs when run: { src }. */
struct trib__onednn_conv2d_params {
        int64_t                      batch, in_channels, out_channels;
        int64_t                      in[2], kernel[2], out[2]; /* rows, columns */
        struct trib__conv2d          geometry;
        trib_dtype                   dtype;
        enum trib__onednn_precision  precision;
        enum trib__onednn_activation activation;
        const void                  *weights;
        const void                  *bias; /* out_channels elements, or NULL: none */
        const struct trib__onednn_prim *donor; /* as for linear */
};

/* All seven: the result is shared by any number of threads and takes no lock when run.
 * Errors: TRIB_INVALID_ARGUMENT (a dimension that is not positive, a bad enum), TRIB_OVERFLOW,
 * TRIB_UNSUPPORTED (this library or processor cannot: use the reference kernel),
 * TRIB_OUT_OF_MEMORY, TRIB_DEVICE_ERROR. On failure *out is NULL and nothing is kept.
 * Threads: any, concurrently. Slow (machine code is generated): never on the request path. */
trib_status trib__onednn_linear_create(struct trib__onednn *lib,
                                       const struct trib__onednn_linear_params *params,
                                       struct trib__onednn_prim **out,
                                       trib_error *err) TRIB_MUST_USE;
trib_status trib__onednn_matmul_create(struct trib__onednn *lib,
                                       const struct trib__onednn_matmul_params *params,
                                       struct trib__onednn_prim **out,
                                       trib_error *err) TRIB_MUST_USE;
trib_status trib__onednn_binary_create(struct trib__onednn *lib,
                                       const struct trib__onednn_binary_params *params,
                                       struct trib__onednn_prim **out,
                                       trib_error *err) TRIB_MUST_USE;
trib_status trib__onednn_eltwise_create(struct trib__onednn *lib,
                                        const struct trib__onednn_eltwise_params *params,
                                        struct trib__onednn_prim **out,
                                        trib_error *err) TRIB_MUST_USE;
trib_status trib__onednn_softmax_create(struct trib__onednn *lib,
                                        const struct trib__onednn_softmax_params *params,
                                        struct trib__onednn_prim **out,
                                        trib_error *err) TRIB_MUST_USE;
trib_status trib__onednn_layer_norm_create(struct trib__onednn *lib,
                                           const struct trib__onednn_layer_norm_params *params,
                                           struct trib__onednn_prim **out,
                                           trib_error *err) TRIB_MUST_USE;

trib_status trib__onednn_conv2d_create(struct trib__onednn *lib,
                                       const struct trib__onednn_conv2d_params *params,
                                       struct trib__onednn_prim **out,
                                       trib_error *err) TRIB_MUST_USE;

/* NULL is fine. Every exec of it must be destroyed before. */
void trib__onednn_prim_destroy(struct trib__onednn_prim *prim);

struct trib__onednn_prim_info {
        size_t      scratch_bytes; /* what each run needs for itself; may be 0               */
        size_t      packed_bytes;  /* packed weights: held once by all that share them       */
        bool        is_sharing;    /* the packed weights are the donor's                     */
        uint32_t    input_count;   /* pointers that a run reads                              */
        const char *implementation; /* the library's own name of the kernel, for people      */
};

/* Valid until the primitive is destroyed. */
const struct trib__onednn_prim_info *trib__onednn_prim_info(const struct trib__onednn_prim *prim);

/* ---- running ---------------------------------------------------------------------------- */

/* Bind `prim`, which must outlive the exec, to one queue.
 * Errors: TRIB_OUT_OF_MEMORY, TRIB_DEVICE_ERROR. On failure *out is NULL. */
trib_status trib__onednn_exec_create(const struct trib__onednn_prim *prim,
                                     struct trib__onednn_exec **out,
                                     trib_error *err) TRIB_MUST_USE;

/* NULL is fine. */
void trib__onednn_exec_destroy(struct trib__onednn_exec *exec);

/* Compute output from prim_info.input_count inputs, on the calling thread, before returning.
 * `scratch` has scratch_bytes at TRIB__ONEDNN_ALIGNMENT, used by nobody else meanwhile; NULL is
 * fine when that is 0. Neither allocates nor locks in our code.
 * Errors: TRIB_DEVICE_ERROR (the output is then undefined). The exec stays usable.
 * Threads: one at a time for one exec; execs of one primitive run concurrently. */
trib_status trib__onednn_exec_run(struct trib__onednn_exec *exec, const void *const *inputs,
                                  void *output, void *scratch, trib_error *err) TRIB_MUST_USE;

/* The same between trib__onednn_enter and trib__onednn_leave, which a launch of several steps calls
 * once. */
trib_status trib__onednn_exec_run_inside(struct trib__onednn_exec *exec,
                                         const void *const *inputs, void *output, void *scratch,
                                         trib_error *err) TRIB_MUST_USE;

#endif
