/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: the k-th call that can fail does, for every k until a run meets no fault; once,
 * and from then on. Each run either succeeds with the right answer, or fails with a status and a
 * text; afterwards the same run without faults is right again. Leaks are the sanitizer's. */
#include "base/fault.h"
#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define COUNT 33

/* Everything of one run; NULL is what was not made. */
struct run {
        const struct trib__backend *backend;
        trib__device               *device;
        trib__queue                *queues[2];
        trib__program              *program;
        void                       *x, *y, *slab, *staging, *w;
        uint64_t                    slab_bytes;
        uint64_t                    value;
};

static void make_plan(struct handmade *made)
{
        const int64_t        shape[2] = { 1, COUNT }, square[2] = { COUNT, COUNT };
        struct trib__operand in[2], h;

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, TRIB_F32, 2, shape);
        in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, TRIB_F32, 2, square);
        h = handmade_slab(made, TRIB_F32, 2, shape);
        (void)handmade_step(made, TRIB__OP_LINEAR, 2, in, h);
        (void)handmade_step(made, TRIB__OP_RELU, 1, &h,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_F32, 2, shape));
}

/* Wait for the value just submitted; what the slot said comes first. */
static trib_status finish(struct run *run, trib_status submitted, trib_error *err)
{
        trib_error  parked = TRIB_ERROR_INIT;
        trib_status ended;

        /* Whatever happened, the value is reached. */
        must(run->backend->park(run->queues[0], run->value,
                                trib__deadline_after(UINT64_C(60) * TRIB__NS_PER_SECOND),
                                &parked),
             &parked);
        ended = run->backend->result(run->queues[0], run->value,
                                     submitted == TRIB_OK ? err : NULL);
        return submitted != TRIB_OK ? submitted : ended;
}

static trib_status copy(struct run *run, void *target, const void *source, uint64_t bytes,
                        trib_error *err)
{
        trib_status status = run->backend->copy(run->queues[0], target, source, bytes,
                                                ++run->value, err);

        return finish(run, status, err);
}

static trib_status alloc_all(struct run *run, trib_error *err)
{
        const struct trib__backend *b = run->backend;
        trib_status                 status;

        if ((status = b->alloc(run->device, COUNT * sizeof(float), &run->x, err)) != TRIB_OK ||
            (status = b->alloc(run->device, COUNT * sizeof(float), &run->y, err)) != TRIB_OK ||
            (status = b->alloc(run->device, COUNT * COUNT * sizeof(float), &run->w, err)) !=
                    TRIB_OK ||
            (status = b->alloc_host(run->device, COUNT * sizeof(float), &run->staging, err)) !=
                    TRIB_OK)
                return status;
        for (uint32_t i = 0; i < 2 && status == TRIB_OK; i++)
                status = b->queue_create(run->device, i, &run->queues[i], err);
        return status;
}

static trib_status compile(struct run *run, struct handmade *made, const void *const *constants,
                           trib_error *err)
{
        struct trib__compile_params params = { .plan = &made->plan, .constants = constants };
        struct trib__program_info   info;
        trib_status                 status;

        status = run->backend->compile(run->device, &params, &run->program, &info, err);
        if (status != TRIB_OK)
                return status;
        run->slab_bytes = made->plan.slab_bytes + info.workspace_bytes;
        return run->backend->alloc(run->device, run->slab_bytes, &run->slab, err);
}

static trib_status launch(struct run *run, trib_error *err)
{
        const void                    *inputs[1] = { run->x };
        void                          *outputs[1] = { run->y };
        const struct trib__launch_args args = { run->slab, inputs, outputs, TRIB__NEVER, false };
        trib_status                    status, waited = TRIB_OK;
        trib_error                     wait_err = TRIB_ERROR_INIT;

        status = run->backend->launch(run->queues[0], run->program, &args, ++run->value, err);
        if (run->backend->wait_queue != NULL)
                waited = run->backend->wait_queue(run->queues[1], run->queues[0], run->value,
                                                  &wait_err);
        status = finish(run, status, err);
        if (status == TRIB_OK && waited != TRIB_OK) {
                *err = wait_err;
                status = waited;
        }
        return status;
}

/* w = 2 I, so y = max(2 x, 0). */
static trib_status do_run(struct run *run, struct handmade *made, const char *which, float *y,
                          trib_error *err)
{
        static float             w[COUNT * COUNT];
        struct trib__device_caps caps;
        const void              *constants[1];
        trib_status              status;

        for (int i = 0; i < COUNT; i++)
                w[i * COUNT + i] = 2;
        if ((status = run->backend->open(which, &run->device, &caps, err)) != TRIB_OK ||
            (status = alloc_all(run, err)) != TRIB_OK)
                return status;
        constants[0] = run->w;
        for (int i = 0; i < COUNT; i++)
                ((float *)run->staging)[i] = (float)(i - 16);
        if ((status = copy(run, run->w, w, sizeof(w), err)) != TRIB_OK ||
            (status = compile(run, made, constants, err)) != TRIB_OK ||
            (status = copy(run, run->x, run->staging, COUNT * sizeof(float), err)) != TRIB_OK)
                return status;
        if ((status = launch(run, err)) != TRIB_OK)
                return status;
        return copy(run, y, run->y, COUNT * sizeof(float), err);
}

static void undo_run(struct run *run)
{
        const struct trib__backend *b = run->backend;

        if (run->device == NULL)
                return;
        b->queue_destroy(run->queues[0]);
        b->queue_destroy(run->queues[1]);
        b->release(run->device, run->program);
        b->free(run->device, run->x, COUNT * sizeof(float));
        b->free(run->device, run->y, COUNT * sizeof(float));
        b->free(run->device, run->w, COUNT * COUNT * sizeof(float));
        b->free(run->device, run->slab, run->slab_bytes);
        b->free_host(run->device, run->staging, COUNT * sizeof(float));
        b->close(run->device);
}

static void check_answer(const float *y)
{
        for (int i = 0; i < COUNT; i++)
                assert_true(y[i] == (i > 16 ? 2 * (float)(i - 16) : 0));
}

/* True if the run met a fault. */
static bool run_with_fault(const char *device, uint64_t k, bool is_persistent)
{
        const struct trib__fault_site *last;
        struct run                     run = { 0 };
        struct handmade                made;
        const char                    *which;
        float                          y[COUNT];
        trib_error                     err = TRIB_ERROR_INIT;
        trib_status                    status;
        uint64_t                       failed;

        must(trib__backend_find(device, &run.backend, &which, &err), &err);
        make_plan(&made);
        trib__fault_arm(k, is_persistent);
        status = do_run(&run, &made, which, y, &err);
        undo_run(&run);
        (void)trib__fault_disarm(&failed);
        last = trib__fault_last();
        if (status == TRIB_OK) {
                check_answer(y);
                return failed != 0;
        }
        if (failed == 0)
                fail_msg("without a fault: %s: %s", trib_status_name(status), err.message);
        if (err.status != status || strlen(err.message) == 0)
                fail_msg("the fault at %s gave %s, but the error says %s: '%s'", last->name,
                         trib_status_name(status), trib_status_name(err.status), err.message);
        return true;
}

static void sweep(const char *device, bool is_persistent)
{
        uint64_t k = 1;

        while (run_with_fault(device, k, is_persistent)) {
                assert_true(k < 10000);
                assert_false(run_with_fault(device, 0, false));
                k++;
        }
        assert_true(k > 5);
}

void every_single_fault_is_survived(void **state)
{
        sweep(*state, false);
}

void every_lasting_fault_is_survived(void **state)
{
        sweep(*state, true);
}
