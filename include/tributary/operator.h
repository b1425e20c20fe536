/* SPDX-License-Identifier: Apache-2.0 */
/* operator.h: user-defined operators: a function pointer that becomes a step of a plan.
 *
 * This header is vocabulary: every layer may include it. */
#ifndef TRIBUTARY_OPERATOR_H
#define TRIBUTARY_OPERATOR_H

#include <tributary/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRIB_MAX_OPERATOR_INPUTS 4

typedef enum trib_concurrency {
        TRIB_CONCURRENT = 0, /* any number of threads may be inside at once               */
        TRIB_SERIAL = 1      /* one at a time; callers queue for it, and reports name it  */
} trib_concurrency;

/* Compute `output` from `inputs`: contiguous views in host-visible memory, of the shapes that
 * infer_shape agreed to. Called from whatever thread runs the request, without any lock held.
 * It must not call trib_infer, trib_wait, trib_session_prepare or trib_session_close (they return
 * TRIB_REENTRANT).
 * Returns 0, or any other number, which fails the request with TRIB_USER_OPERATOR. It should
 * return: where the thread ends inside of it (pthread_exit, a cancellation), the library gets its
 * stream back and goes on, on devices that compute on the calling thread (cpu:0); a simulated
 * device would lose its own thread. The same holds for infer_shape, on every device. */
typedef int (*trib_operator_run)(void *context, const trib_tensor *inputs, int n_inputs,
                                 const trib_tensor *output);

/* Given the inputs (shape and dtype set, data NULL), set output->dtype, rank and shape. Returns 0,
 * or any other number to refuse the shapes. Called when a plan is built, on any thread; the same
 * calls are refused from inside. */
typedef int (*trib_operator_infer_shape)(void *context, const trib_tensor *inputs, int n_inputs,
                                         trib_tensor *output);

/* Copied by the model builder; `name` is copied too; `context` must outlive the model. */
typedef struct trib_operator {
        size_t                    struct_size; /* TRIB_OPERATOR_INIT sets it                */
        const char               *name;        /* for reports, at most 63 bytes             */
        trib_operator_run         run;
        trib_operator_infer_shape infer_shape; /* NULL: output is like the first input      */
        void                     *context;
        trib_concurrency          concurrency;
        double                    flops;       /* per call, for cost reports; 0: not stated */
} trib_operator;

#define TRIB_OPERATOR_INIT { sizeof(trib_operator), NULL, NULL, NULL, NULL, TRIB_CONCURRENT, 0.0 }

#ifdef __cplusplus
}
#endif
#endif
