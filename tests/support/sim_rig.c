/* SPDX-License-Identifier: Apache-2.0 */
/* sim_rig.c: see sim_rig.h. */
#include "sim_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 4

static void must(trib_status status, const trib_error *err)
{
        if (status != TRIB_OK)
                fail_msg("%s: %s", trib_status_name(status), err->message);
}

void sim_rig_open(struct sim_rig *rig, const char *options, uint32_t n_queues)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        rig->backend = &trib__sim_backend;
        must(rig->backend->open(options, &rig->device, &rig->caps, &err), &err);
        for (uint32_t i = 0; i < n_queues; i++) {
                must(rig->backend->queue_create(rig->device, i, &rig->queues[i], &err), &err);
                rig->n_queues++;
        }
}

void sim_rig_close(struct sim_rig *rig)
{
        for (uint32_t i = 0; i < rig->n_queues; i++)
                rig->backend->queue_destroy(rig->queues[i]);
        rig->backend->close(rig->device);
}

void sim_model_make(struct sim_rig *rig, struct sim_model *model, enum trib__op op,
                    uint32_t n_steps, double flops, double bytes)
{
        const int64_t               shape[1] = { COUNT };
        struct trib__compile_params params = { .plan = &model->made.plan };
        struct trib__operand        x, y;
        trib_error                  err = TRIB_ERROR_INIT;

        handmade_init(&model->made);
        model->count = COUNT;
        x = handmade_operand(&model->made, TRIB__PLACE_INPUT, TRIB_F32, 1, shape);
        y = handmade_operand(&model->made, TRIB__PLACE_OUTPUT, TRIB_F32, 1, shape);
        for (uint32_t i = 0; i < n_steps; i++) {
                struct trib__step *step = handmade_step(&model->made, op, 1, i == 0 ? &x : &y, y);

                step->flops = flops;
                step->bytes = bytes;
        }
        must(rig->backend->compile(rig->device, &params, &model->program, &model->info, &err),
             &err);
}

void sim_model_free(struct sim_rig *rig, struct sim_model *model)
{
        rig->backend->release(rig->device, model->program);
}

trib_status sim_rig_launch(struct sim_rig *rig, uint32_t queue, struct sim_model *model,
                           const float *x, float *y)
{
        const void                    *inputs[1] = { x };
        void                          *outputs[1] = { y };
        const struct trib__launch_args args = { .inputs = inputs,
                                                .outputs = outputs,
                                                .deadline = UINT64_MAX };

        return rig->backend->launch(rig->queues[queue], model->program, &args,
                                    ++rig->values[queue], NULL);
}

trib_status sim_rig_copy(struct sim_rig *rig, uint32_t queue, void *target, const void *source,
                         uint64_t bytes)
{
        return rig->backend->copy(rig->queues[queue], target, source, bytes,
                                  ++rig->values[queue], NULL);
}

uint64_t sim_rig_completed(struct sim_rig *rig, uint32_t queue)
{
        return rig->backend->completed(rig->queues[queue]);
}

trib_status sim_rig_result(struct sim_rig *rig, uint32_t queue, uint64_t value, trib_error *err)
{
        return rig->backend->result(rig->queues[queue], value, err);
}
