/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c: see rig.h. */
#include "rig.h"

#define PATIENCE_NS (UINT64_C(60) * TRIB__NS_PER_SECOND)

void must(trib_status status, const trib_error *err)
{
        if (status != TRIB_OK)
                fail_msg("%s: %s", trib_status_name(status), err->message);
}

void rig_open(struct rig *rig, const char *name)
{
        const char *which;
        trib_error  err = TRIB_ERROR_INIT;

        memset(rig, 0, sizeof(*rig));
        must(trib__backend_find(name, &rig->backend, &which, &err), &err);
        must(rig->backend->open(which, &rig->device, &rig->caps, &err), &err);
        assert_non_null(rig->device);
}

void rig_close(struct rig *rig)
{
        rig->backend->close(rig->device);
}

void rig_queue_open(struct rig *rig, uint32_t index, struct rig_queue *queue)
{
        trib_error err = TRIB_ERROR_INIT;

        queue->rig = rig;
        queue->value = 0;
        must(rig->backend->queue_create(rig->device, index, &queue->queue, &err), &err);
        assert_int_equal(rig->backend->completed(queue->queue), 0);
}

void rig_queue_close(struct rig *rig, struct rig_queue *queue)
{
        (void)rig_finish(rig, queue, NULL);
        rig->backend->queue_destroy(queue->queue);
}

void rig_bench_open(struct rig_bench *bench, void **state, uint64_t seed)
{
        rig_open(&bench->rig, *state);
        rig_queue_open(&bench->rig, 0, &bench->queue);
        bench->random.state = seed;
}

void rig_bench_close(struct rig_bench *bench)
{
        rig_queue_close(&bench->rig, &bench->queue);
        rig_close(&bench->rig);
}

trib_status rig_finish(struct rig *rig, struct rig_queue *queue, trib_error *err)
{
        trib_error  parked = TRIB_ERROR_INIT;
        trib_status status;

        must(rig->backend->park(queue->queue, queue->value, trib__deadline_after(PATIENCE_NS),
                                &parked),
             &parked);
        assert_true(rig->backend->completed(queue->queue) >= queue->value);
        if (queue->value == 0)
                return TRIB_OK;
        status = rig->backend->result(queue->queue, queue->value, err);
        /* What ended well is no failure, alone or among all. */
        if (status == TRIB_OK)
                must(rig->backend->failure(queue->queue, queue->value - 1, queue->value, &parked),
                     &parked);
        return status;
}

void rig_copy(struct rig *rig, struct rig_queue *queue, void *target, const void *source,
              uint64_t bytes)
{
        trib_error err = TRIB_ERROR_INIT;

        must(rig->backend->copy(queue->queue, target, source, bytes, ++queue->value, &err), &err);
        must(rig_finish(rig, queue, &err), &err);
}

void *rig_alloc(struct rig *rig, uint64_t bytes)
{
        trib_error err = TRIB_ERROR_INIT;
        void      *memory = NULL;

        must(rig->backend->alloc(rig->device, bytes, &memory, &err), &err);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % TRIB__SLAB_ALIGNMENT, 0);
        return memory;
}

/* The operand that is constant number `index` of a plan. */
static const struct trib__operand *find_constant(const struct handmade *made, uint32_t index)
{
        for (uint32_t i = 0; i < made->plan.n_steps; i++) {
                for (uint32_t j = 0; j < made->steps[i].n_inputs; j++) {
                        const struct trib__operand *operand = &made->steps[i].inputs[j];

                        if (operand->place == TRIB__PLACE_CONSTANT && operand->index == index)
                                return operand;
                }
        }
        fail_msg("constant %u is not used", index);
        return NULL;
}

void rig_compile(struct rig *rig, struct rig_queue *queue, struct handmade *made,
                 const void *const *constants, struct trib__gate *gate, struct rig_program *out)
{
        struct trib__compile_params params = { .plan = &made->plan, .serial = gate };
        trib_error                  err = TRIB_ERROR_INIT;

        memset(out, 0, sizeof(*out));
        out->made = made;
        params.constants = (const void *const *)out->constants;
        for (uint32_t i = 0; i < made->plan.n_constants; i++) {
                out->constant_bytes[i] = find_constant(made, i)->bytes;
                out->constants[i] = rig_alloc(rig, out->constant_bytes[i]);
                rig_copy(rig, queue, out->constants[i], constants[i], out->constant_bytes[i]);
        }
        must(rig->backend->compile(rig->device, &params, &out->program, &out->info, &err), &err);
        assert_non_null(out->program);
}

void rig_release(struct rig *rig, struct rig_program *program)
{
        rig->backend->release(rig->device, program->program);
        for (uint32_t i = 0; i < program->made->plan.n_constants; i++)
                rig->backend->free(rig->device, program->constants[i],
                                   program->constant_bytes[i]);
}

void rig_frame_open(struct rig *rig, const struct rig_program *program, struct rig_frame *frame)
{
        const struct trib__plan *plan = &program->made->plan;

        memset(frame, 0, sizeof(*frame));
        frame->slab_bytes = (plan->slab_bytes + TRIB__SLAB_ALIGNMENT - 1) /
                                    TRIB__SLAB_ALIGNMENT * TRIB__SLAB_ALIGNMENT +
                            program->info.workspace_bytes;
        if (frame->slab_bytes != 0)
                frame->slab = rig_alloc(rig, frame->slab_bytes);
        for (uint32_t i = 0; i < plan->n_inputs; i++)
                frame->inputs[i] = rig_alloc(rig, plan->inputs[i].bytes);
        for (uint32_t i = 0; i < plan->n_outputs; i++)
                frame->outputs[i] = rig_alloc(rig, plan->outputs[i].bytes);
}

void rig_frame_close(struct rig *rig, const struct rig_program *program, struct rig_frame *frame)
{
        const struct trib__plan *plan = &program->made->plan;

        if (frame->slab != NULL)
                rig->backend->free(rig->device, frame->slab, frame->slab_bytes);
        for (uint32_t i = 0; i < plan->n_inputs; i++)
                rig->backend->free(rig->device, frame->inputs[i], plan->inputs[i].bytes);
        for (uint32_t i = 0; i < plan->n_outputs; i++)
                rig->backend->free(rig->device, frame->outputs[i], plan->outputs[i].bytes);
}

trib_status rig_launch(struct rig *rig, struct rig_queue *queue,
                       const struct rig_program *program, const struct rig_frame *frame,
                       uint64_t deadline, trib_error *err)
{
        const struct trib__launch_args args = {
                .slab = frame->slab,
                .inputs = (const void *const *)frame->inputs,
                .outputs = frame->outputs,
                .deadline = deadline,
        };

        return rig->backend->launch(queue->queue, program->program, &args, ++queue->value, err);
}

trib_status rig_run(struct rig_queue *queue, const struct rig_program *program,
                    const struct rig_frame *frame, const void *const *inputs,
                    void *const *outputs, trib_error *err)
{
        struct rig              *rig = queue->rig;
        const struct trib__plan *plan = &program->made->plan;
        trib_status              status, ended;

        for (uint32_t i = 0; i < plan->n_inputs; i++)
                rig_copy(rig, queue, frame->inputs[i], inputs[i], plan->inputs[i].bytes);
        status = rig_launch(rig, queue, program, frame, TRIB__NEVER, err);
        ended = rig_finish(rig, queue, status == TRIB_OK ? err : NULL);
        if (status != TRIB_OK || ended != TRIB_OK)
                return status != TRIB_OK ? status : ended;
        for (uint32_t i = 0; i < plan->n_outputs; i++)
                rig_copy(rig, queue, outputs[i], frame->outputs[i], plan->outputs[i].bytes);
        return TRIB_OK;
}
