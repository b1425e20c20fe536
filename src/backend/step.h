/* SPDX-License-Identifier: Apache-2.0 */
/* step.h: steps and plans, the plain data that every backend is given.
 *
 * step: one operator with its attributes and where its operands lie.
 * plan: the steps of a model for concrete shapes, in order, with a static memory layout: offsets
 *       into one slab. Made above the backends, the same for all, immutable once made. It can be
 *       printed, hashed, compared and costed without a device. */
#ifndef TRIB_BACKEND_STEP_H
#define TRIB_BACKEND_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/op.h"

#include <tributary/operator.h>
#include <tributary/tensor.h>

#define TRIB__MAX_STEP_INPUTS TRIB_MAX_OPERATOR_INPUTS
#define TRIB__SLAB_ALIGNMENT 64

/* Which memory an operand lies in. */
enum trib__place {
        TRIB__PLACE_NONE,     /* an optional operand that is absent        */
        TRIB__PLACE_SLAB,     /* at `offset` of the launch's slab          */
        TRIB__PLACE_INPUT,    /* the request's `index`-th input            */
        TRIB__PLACE_OUTPUT,   /* the request's `index`-th output           */
        TRIB__PLACE_CONSTANT  /* the model's `index`-th constant           */
};

/* A packed, row-major array. */
struct trib__operand {
        enum trib__place place;
        uint32_t         index;
        uint64_t         offset;
        uint64_t         bytes;
        trib_dtype       dtype;
        int32_t          rank;
        int64_t          shape[TRIB_MAX_RANK];
};

struct trib__step {
        enum trib__op        op;
        enum trib__op        activation; /* fused behind LINEAR, CONV2D; or TRIB__OP_COUNT  */
        int32_t              axis;       /* SOFTMAX, 0 <= axis < rank                       */
        float                epsilon;    /* LAYER_NORM                                      */
        struct trib__attention attention; /* ATTENTION; the scale is set                    */
        struct trib__conv2d    conv2d;    /* CONV2D                                         */
        const trib_operator *user;       /* USER; owned by the graph                        */
        uint32_t             n_inputs;
        struct trib__operand inputs[TRIB__MAX_STEP_INPUTS]; /* LINEAR: x, w, b or NONE;
                                                               LAYER_NORM: x, scale, shift;
                                                               ATTENTION: q, k, v;
                                                               CONV2D: x, w, b or NONE;
                                                               SPARSE_MATMUL: x, values,
                                                               columns, row pointers        */
        struct trib__operand output;
        double               flops;
        double               bytes;          /* read and written at least                   */
};

struct trib__plan {
        uint32_t              n_steps;
        uint32_t              n_inputs;
        uint32_t              n_outputs;
        uint32_t              n_constants;
        struct trib__step    *steps;
        struct trib__operand *inputs;    /* what requests must pass */
        struct trib__operand *outputs;
        uint64_t              slab_bytes;
        uint64_t              unshared_bytes; /* of the intermediates without reuse         */
        double                flops;
        double                bytes;
};

#endif
