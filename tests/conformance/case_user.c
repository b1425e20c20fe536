/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: user-defined operators, concurrent and serial. */
#include "base/alloc.h"
#include "base/sync.h"
#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define THREADS 8
#define ROUNDS 25

/* y = x[0] + x[1], element by element, and what it saw. */
struct adder {
        int         calls;
        int         depth;       /* plain on purpose: only a turnstile guards these two */
        int         worst_depth;
        int         answer;
        bool        is_serial;
        bool        has_wrong_views;
        bool        has_lock;
};

static int run_adder(void *context, const trib_tensor *inputs, int n_inputs,
                     const trib_tensor *output)
{
        struct adder *adder = context;
        int64_t       count = 1;

        if (adder->is_serial) {
                adder->calls++;
                adder->depth++;
                if (adder->depth > adder->worst_depth)
                        adder->worst_depth = adder->depth;
        }
        if (trib__thread_counts()->lock_depth != 0)
                adder->has_lock = true;
        if (n_inputs != 2 || inputs[0].dtype != TRIB_F32 || output->rank != 2 ||
            output->shape[1] != 7 || !trib_tensor_is_contiguous(output) ||
            !trib_tensor_is_contiguous(&inputs[1]) || inputs[1].rank != 2 ||
            inputs[0].shape[0] != 3)
                adder->has_wrong_views = true;
        for (int i = 0; i < output->rank; i++)
                count *= output->shape[i];
        for (int64_t i = 0; i < count; i++)
                ((float *)output->data)[i] = ((const float *)inputs[0].data)[i] +
                                             ((const float *)inputs[1].data)[i];
        if (adder->is_serial)
                adder->depth--;
        return adder->answer;
}

static trib_operator make_operator(struct adder *adder)
{
        trib_operator op = TRIB_OPERATOR_INIT;

        memset(adder, 0, sizeof(*adder));
        op.name = "adder";
        op.run = run_adder;
        op.context = adder;
        return op;
}

/* relu(x) -> h, adder(x, h) -> y: 2 x where x > 0, else x. */
static void make_plan(struct handmade *made, const trib_operator *op)
{
        const int64_t        shape[2] = { 3, 7 };
        struct trib__operand in[2], y;

        handmade_init(made);
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, TRIB_F32, 2, shape);
        in[1] = handmade_slab(made, TRIB_F32, 2, shape);
        y = handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_F32, 2, shape);
        (void)handmade_step(made, TRIB__OP_RELU, 1, in, in[1]);
        handmade_step(made, TRIB__OP_USER, 2, in, y)->user = op;
}

/* One device, one program of the adder, one turnstile. */
struct stage {
        struct rig         rig;
        struct rig_queue   queue;
        struct handmade    made;
        struct trib__gate  gate;
        struct rig_program program;
};

static void stage_open(struct stage *stage, void **state, const trib_operator *op)
{
        memset(&stage->gate, 0, sizeof(stage->gate));
        rig_open(&stage->rig, *state);
        rig_queue_open(&stage->rig, 63, &stage->queue);
        make_plan(&stage->made, op);
        rig_compile(&stage->rig, &stage->queue, &stage->made, NULL, &stage->gate,
                    &stage->program);
}

static void stage_close(struct stage *stage)
{
        rig_release(&stage->rig, &stage->program);
        rig_queue_close(&stage->rig, &stage->queue);
        rig_close(&stage->rig);
}

/* Run once with x[i] = base + i - 10 and see that y is right; how it ended. */
static trib_status run_once(struct stage *stage, struct rig_queue *queue,
                            const struct rig_frame *frame, float base, trib_error *err)
{
        float       x[21], y[21] = { 0 };
        const void *inputs[1] = { x };
        void       *outputs[1] = { y };
        trib_status status;

        for (int i = 0; i < 21; i++)
                x[i] = base + (float)i - 10;
        status = rig_run(queue, &stage->program, frame, inputs, outputs, err);
        for (int i = 0; i < 21 && status == TRIB_OK; i++)
                assert_true(y[i] == (x[i] > 0 ? 2 * x[i] : x[i]));
        return status;
}

void user_operator_gets_views_and_runs_without_locks(void **state)
{
        struct stage     stage;
        struct rig_frame frame;
        struct adder     adder;
        trib_operator    op = make_operator(&adder);

        stage_open(&stage, state, &op);
        assert_int_equal(stage.program.info.serial_steps, 0);
        rig_frame_open(&stage.rig, &stage.program, &frame);
        assert_int_equal(run_once(&stage, &stage.queue, &frame, 0, NULL), TRIB_OK);
        assert_false(adder.has_wrong_views);
        assert_false(adder.has_lock);
        rig_frame_close(&stage.rig, &stage.program, &frame);
        stage_close(&stage);
}

void user_operator_failure_is_reported_once(void **state)
{
        struct stage     stage;
        struct rig_frame frame;
        struct adder     adder;
        trib_operator    op = make_operator(&adder);

        stage_open(&stage, state, &op);
        rig_frame_open(&stage.rig, &stage.program, &frame);
        for (int i = 0; i < 20; i++) {
                trib_error err = TRIB_ERROR_INIT;

                adder.answer = -77;
                assert_int_equal(run_once(&stage, &stage.queue, &frame, 0, &err),
                                 TRIB_USER_OPERATOR);
                assert_non_null(strstr(err.message, "adder"));
                assert_non_null(strstr(err.message, "-77"));
                adder.answer = 0;
                assert_int_equal(run_once(&stage, &stage.queue, &frame, 1, NULL), TRIB_OK);
        }
        rig_frame_close(&stage.rig, &stage.program, &frame);
        stage_close(&stage);
}

struct caller {
        struct stage *stage;
        uint32_t      index;
};

static void call_often(void *argument)
{
        struct caller   *caller = argument;
        struct stage    *stage = caller->stage;
        struct rig_queue queue;
        struct rig_frame frame;

        rig_queue_open(&stage->rig, caller->index, &queue);
        rig_frame_open(&stage->rig, &stage->program, &frame);
        for (int i = 0; i < ROUNDS; i++)
                assert_int_equal(run_once(stage, &queue, &frame, (float)i, NULL), TRIB_OK);
        rig_frame_close(&stage->rig, &stage->program, &frame);
        rig_queue_close(&stage->rig, &queue);
}

static void call_from_threads(struct stage *stage)
{
        struct trib__thread threads[THREADS];
        struct caller       callers[THREADS];

        for (uint32_t i = 0; i < THREADS; i++) {
                callers[i] = (struct caller){ stage, i };
                assert_int_equal(trib__thread_start(&threads[i], call_often, &callers[i], NULL),
                                 TRIB_OK);
        }
        for (uint32_t i = 0; i < THREADS; i++)
                trib__thread_join(&threads[i]);
}

void user_operators_run_from_many_queues(void **state)
{
        struct stage  stage;
        struct adder  adder;
        trib_operator op = make_operator(&adder);

        stage_open(&stage, state, &op);
        call_from_threads(&stage);
        assert_false(adder.has_wrong_views);
        assert_false(adder.has_lock);
        stage_close(&stage);
}

void serial_user_operator_never_overlaps_itself(void **state)
{
        struct stage  stage;
        struct adder  adder;
        trib_operator op = make_operator(&adder);
        char          reason[128] = "";

        op.concurrency = TRIB_SERIAL;
        adder.is_serial = true;
        stage_open(&stage, state, &op);
        assert_int_equal(stage.rig.backend->supports(stage.rig.device, &stage.made.steps[1],
                                                     reason, sizeof(reason)),
                         TRIB__SUPPORT_SERIAL);
        assert_non_null(strstr(reason, "adder"));
        assert_int_equal(stage.program.info.serial_steps, 1);
        call_from_threads(&stage);
        assert_int_equal(adder.worst_depth, 1);
        assert_int_equal(adder.calls, THREADS * ROUNDS);
        stage_close(&stage);
}

/* Somebody is inside for longer than the launch's deadline allows. A device that orders serial
 * steps without the turnstile just runs. */
void serial_step_that_cannot_enter_ends_in_time(void **state)
{
        struct stage     stage;
        struct rig_frame frame;
        struct adder     adder;
        trib_operator    op = make_operator(&adder);
        trib_error       err = TRIB_ERROR_INIT;
        trib_status      status, ended;

        op.concurrency = TRIB_SERIAL;
        adder.is_serial = true;
        stage_open(&stage, state, &op);
        rig_frame_open(&stage.rig, &stage.program, &frame);
        assert_int_equal(run_once(&stage, &stage.queue, &frame, 0, NULL), TRIB_OK);
        assert_true(trib__gate_enter(&stage.gate, TRIB__NEVER));
        adder.calls = 0;
        status = rig_launch(&stage.rig, &stage.queue, &stage.program, &frame,
                            trib__deadline_after(20000000), &err);
        ended = rig_finish(&stage.rig, &stage.queue, status == TRIB_OK ? &err : NULL);
        status = status != TRIB_OK ? status : ended;
        trib__gate_leave(&stage.gate);
        if (status == TRIB_TIMED_OUT) {
                assert_int_equal(adder.calls, 0);
                assert_true(strlen(err.message) > 0);
        } else {
                assert_int_equal(status, TRIB_OK);
                assert_int_equal(adder.calls, 1);
        }
        assert_int_equal(run_once(&stage, &stage.queue, &frame, 3, NULL), TRIB_OK);
        rig_frame_close(&stage.rig, &stage.program, &frame);
        stage_close(&stage);
}
