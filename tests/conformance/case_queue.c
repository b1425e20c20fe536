/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: queues, copies, timelines, order. */
#include "base/atomic.h"
#include "base/clock.h"
#include "base/sync.h"
#include "cases.h"
#include "oracle.h"
#include "rig.h"

/* y = relu(x) over `count` floats, as one step from input to output. */
static void make_relu(struct handmade *made, int64_t count)
{
        struct trib__operand x;

        handmade_init(made);
        x = handmade_operand(made, TRIB__PLACE_INPUT, TRIB_F32, 1, &count);
        (void)handmade_step(made, TRIB__OP_RELU, 1, &x,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_F32, 1, &count));
}

void queues_up_to_64_work_side_by_side(void **state)
{
        struct rig         rig;
        struct rig_queue   queues[64];
        struct rig_frame   frames[64];
        struct rig_program program;
        struct handmade    made;
        float              x[2], y[2];

        rig_open(&rig, *state);
        for (uint32_t i = 0; i < 64; i++)
                rig_queue_open(&rig, 63 - i, &queues[i]);
        make_relu(&made, 2);
        rig_compile(&rig, &queues[0], &made, NULL, NULL, &program);
        for (int i = 0; i < 64; i++) {
                rig_frame_open(&rig, &program, &frames[i]);
                x[0] = (float)i;
                x[1] = (float)-i;
                rig_copy(&rig, &queues[i], frames[i].inputs[0], x, sizeof(x));
        }
        for (int i = 0; i < 64; i++)
                must(rig_launch(&rig, &queues[i], &program, &frames[i], TRIB__NEVER, NULL),
                     &(trib_error)TRIB_ERROR_INIT);
        for (int i = 0; i < 64; i++) {
                assert_int_equal(rig_finish(&rig, &queues[i], NULL), TRIB_OK);
                rig_copy(&rig, &queues[i], y, frames[i].outputs[0], sizeof(y));
                assert_true(y[0] == (float)i && y[1] == 0.0f);
                rig_frame_close(&rig, &program, &frames[i]);
        }
        rig_release(&rig, &program);
        for (int i = 0; i < 64; i++)
                rig_queue_close(&rig, &queues[i]);
        rig_close(&rig);
}

void copies_between_all_memories_are_exact(void **state)
{
        static const uint64_t sizes[] = { 0, 1, 63, 64, 65, 4097, 300007 };
        static unsigned char  from[300008], to[300008];
        struct rig            rig;
        struct rig_queue      queue;
        unsigned char        *a, *b;

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        a = rig_alloc(&rig, sizeof(from));
        b = rig_alloc(&rig, sizeof(from));
        for (size_t i = 0; i < sizeof(from); i++)
                from[i] = (unsigned char)(i * 131 >> 3);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                memset(to, 0xEE, sizeof(to));
                rig_copy(&rig, &queue, a + 1, from, sizes[i]);
                rig_copy(&rig, &queue, b, a + 1, sizes[i]);
                rig_copy(&rig, &queue, to, b, sizes[i]);
                assert_memory_equal(to, from, sizes[i]);
                assert_int_equal(to[sizes[i]], 0xEE);
        }
        rig.backend->free(rig.device, a, sizeof(from));
        rig.backend->free(rig.device, b, sizeof(from));
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

struct watcher {
        struct rig      *rig;
        struct rig_queue *queue;
        uint64_t          last;
        bool              is_monotonic;
};

static void watch(void *argument)
{
        struct watcher *watcher = argument;
        uint64_t        seen = 0;

        watcher->is_monotonic = true;
        while (seen < watcher->last) {
                uint64_t now = watcher->rig->backend->completed(watcher->queue->queue);

                if (now < seen)
                        watcher->is_monotonic = false;
                seen = now;
        }
}

void timeline_reaches_each_value_and_only_grows(void **state)
{
        struct rig          rig;
        struct rig_queue    queue;
        struct rig_frame    frame;
        struct rig_program  program;
        struct handmade     made;
        struct trib__thread thread;
        struct watcher      watcher = { &rig, &queue, 600, false };
        float               x[64] = { 1 };

        rig_open(&rig, *state);
        rig_queue_open(&rig, 5, &queue);
        make_relu(&made, 64);
        rig_compile(&rig, &queue, &made, NULL, NULL, &program);
        rig_frame_open(&rig, &program, &frame);
        rig_copy(&rig, &queue, frame.inputs[0], x, sizeof(x));
        assert_int_equal(trib__thread_start(&thread, watch, &watcher, NULL), TRIB_OK);
        while (queue.value < watcher.last) {
                /* Values may have gaps. */
                queue.value += queue.value % 3;
                assert_int_equal(rig_launch(&rig, &queue, &program, &frame, TRIB__NEVER, NULL),
                                 TRIB_OK);
                if (queue.value % 5 == 0)
                        assert_int_equal(rig_finish(&rig, &queue, NULL), TRIB_OK);
        }
        assert_int_equal(rig_finish(&rig, &queue, NULL), TRIB_OK);
        trib__thread_join(&thread);
        assert_true(watcher.is_monotonic);
        assert_int_equal(rig.backend->completed(queue.queue), queue.value);
        /* Waiting for a value long past is over at once. */
        assert_int_equal(rig.backend->park(queue.queue, 1, 0, NULL), TRIB_OK);
        rig_frame_close(&rig, &program, &frame);
        rig_release(&rig, &program);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

void empty_launch_raises_the_timeline(void **state)
{
        struct rig         rig;
        struct rig_queue   queue;
        struct rig_frame   frame;
        struct rig_program program;
        struct handmade    made;

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        handmade_init(&made);
        rig_compile(&rig, &queue, &made, NULL, NULL, &program);
        assert_int_equal(program.info.serial_steps, 0);
        rig_frame_open(&rig, &program, &frame);
        for (int i = 0; i < 10; i++) {
                assert_int_equal(rig_launch(&rig, &queue, &program, &frame, TRIB__NEVER, NULL),
                                 TRIB_OK);
                assert_int_equal(rig_finish(&rig, &queue, NULL), TRIB_OK);
        }
        rig_frame_close(&rig, &program, &frame);
        rig_release(&rig, &program);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

void park_times_out_for_work_that_is_not_there(void **state)
{
        struct rig       rig;
        struct rig_queue queue;
        trib_error       err = TRIB_ERROR_INIT;

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        assert_int_equal(rig.backend->park(queue.queue, 1, trib__deadline_after(5000000), &err),
                         TRIB_TIMED_OUT);
        assert_true(strlen(err.message) > 0);
        assert_int_equal(rig.backend->park(queue.queue, UINT64_MAX, 0, NULL), TRIB_TIMED_OUT);
        assert_int_equal(rig.backend->park(queue.queue, 0, 0, NULL), TRIB_OK);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

/* copy, launch, copy, launch, copy: submitted at once; each needs what the one before made. */
void queue_runs_in_order_without_waits_between(void **state)
{
        struct rig           rig;
        struct rig_queue     queue;
        struct rig_frame     frame;
        struct rig_program   program;
        struct handmade      made;
        const int64_t        shape[1] = { 1000 };
        static float         x[1000], y[1000];
        struct trib__operand in[2];

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        handmade_init(&made);
        in[0] = handmade_operand(&made, TRIB__PLACE_INPUT, TRIB_F32, 1, shape);
        in[1] = in[0];
        (void)handmade_step(&made, TRIB__OP_ADD, 2, in,
                            handmade_operand(&made, TRIB__PLACE_OUTPUT, TRIB_F32, 1, shape));
        rig_compile(&rig, &queue, &made, NULL, NULL, &program);
        rig_frame_open(&rig, &program, &frame);
        for (int round = 0; round < 20; round++) {
                const struct trib__backend *b = rig.backend;

                for (int i = 0; i < 1000; i++)
                        x[i] = (float)(round * 1000 + i);
                assert_int_equal(b->copy(queue.queue, frame.inputs[0], x, sizeof(x),
                                         ++queue.value, NULL), TRIB_OK);
                assert_int_equal(rig_launch(&rig, &queue, &program, &frame, TRIB__NEVER, NULL),
                                 TRIB_OK);
                assert_int_equal(b->copy(queue.queue, frame.inputs[0], frame.outputs[0],
                                         sizeof(x), ++queue.value, NULL), TRIB_OK);
                assert_int_equal(rig_launch(&rig, &queue, &program, &frame, TRIB__NEVER, NULL),
                                 TRIB_OK);
                assert_int_equal(b->copy(queue.queue, y, frame.outputs[0], sizeof(y),
                                         ++queue.value, NULL), TRIB_OK);
                assert_int_equal(rig_finish(&rig, &queue, NULL), TRIB_OK);
                for (int i = 0; i < 1000; i++)
                        assert_true(y[i] == 4 * x[i]);
        }
        rig_frame_close(&rig, &program, &frame);
        rig_release(&rig, &program);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

/* One queue produces, the other waits for it and hands on; then the other way round. */
void wait_queue_orders_queues(void **state)
{
        struct rig       rig;
        struct rig_queue a, b;
        static char      source[100000], target[100000];
        char            *memory[2];
        trib_error       err = TRIB_ERROR_INIT;

        rig_open(&rig, *state);
        if (rig.backend->wait_queue == NULL) {
                rig_close(&rig);
                skip();
        }
        rig_queue_open(&rig, 0, &a);
        rig_queue_open(&rig, 1, &b);
        memory[0] = rig_alloc(&rig, sizeof(source));
        memory[1] = rig_alloc(&rig, sizeof(source));
        for (int round = 0; round < 30; round++) {
                memset(source, round, sizeof(source));
                must(rig.backend->copy(a.queue, memory[0], source, sizeof(source), ++a.value,
                                       &err), &err);
                must(rig.backend->wait_queue(b.queue, a.queue, a.value, &err), &err);
                must(rig.backend->copy(b.queue, memory[1], memory[0], sizeof(source), ++b.value,
                                       &err), &err);
                must(rig.backend->wait_queue(a.queue, b.queue, b.value, &err), &err);
                must(rig.backend->copy(a.queue, target, memory[1], sizeof(target), ++a.value,
                                       &err), &err);
                must(rig_finish(&rig, &a, &err), &err);
                assert_int_equal(target[0], round);
                assert_int_equal(target[sizeof(target) - 1], round);
        }
        /* For a value that is past, and for itself. */
        must(rig.backend->wait_queue(a.queue, b.queue, 1, &err), &err);
        must(rig.backend->wait_queue(a.queue, a.queue, a.value, &err), &err);
        rig_copy(&rig, &a, memory[0], source, sizeof(source));
        rig.backend->free(rig.device, memory[0], sizeof(source));
        rig.backend->free(rig.device, memory[1], sizeof(source));
        rig_queue_close(&rig, &a);
        rig_queue_close(&rig, &b);
        rig_close(&rig);
}

/* Launch with the wish to know the times, and wait. */
static void run_timed(struct rig *rig, struct rig_queue *queue, struct rig_program *program,
                      struct rig_frame *frame)
{
        const struct trib__launch_args args = {
                .slab = frame->slab,
                .inputs = (const void *const *)frame->inputs,
                .outputs = frame->outputs,
                .deadline = TRIB__NEVER,
                .is_timed = true,
        };
        trib_error err = TRIB_ERROR_INIT;

        must(rig->backend->launch(queue->queue, program->program, &args, ++queue->value, &err),
             &err);
        must(rig_finish(rig, queue, &err), &err);
}

static void check_times(const struct trib__work_times *times, uint64_t began, uint64_t seen)
{
        uint64_t call = times->lock_ns + times->descheduled_ns;
        uint64_t work = times->queue_ns + times->serial_ns + times->copy_ns + times->device_ns;

        assert_true(times->held.serial_ns <= times->device_ns);
        assert_true(times->held.copy_ns <= times->copy_ns);
        if (times->has_clock) {
                assert_true(began <= times->submitted);
                assert_true(times->submitted <= times->started);
                assert_true(times->started <= times->ended);
                assert_true(times->ended <= seen);
                assert_true(call + times->held.host_ns + times->held.lock_ns +
                                    times->held.path_ns <= times->submitted - began);
                assert_true(work <= times->ended - times->submitted);
        } else {
                assert_int_equal(times->submitted | times->started | times->ended, 0);
                assert_true(call + work <= seen - began);
        }
}

void told_times_are_in_order_and_within_the_callers_own(void **state)
{
        struct rig              rig;
        struct rig_queue        queue;
        struct rig_program      program;
        struct rig_frame        frame;
        struct handmade         made;
        struct trib__work_times times;

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        make_relu(&made, 1000);
        rig_compile(&rig, &queue, &made, NULL, NULL, &program);
        rig_frame_open(&rig, &program, &frame);
        rig_copy(&rig, &queue, frame.inputs[0], (const float[1000]){ 0 }, 1000 * sizeof(float));
        for (int i = 0; rig.backend->times != NULL && i < 20; i++) {
                uint64_t began = trib__now();

                run_timed(&rig, &queue, &program, &frame);
                assert_true(rig.backend->times(queue.queue, queue.value, &times));
                check_times(&times, began, trib__now());
                assert_false(rig.backend->times(queue.queue, queue.value + 1, &times));
                /* One that was not timed is not known. */
                must(rig_launch(&rig, &queue, &program, &frame, TRIB__NEVER, NULL),
                     &(trib_error)TRIB_ERROR_INIT);
                assert_int_equal(rig_finish(&rig, &queue, NULL), TRIB_OK);
                assert_false(rig.backend->times(queue.queue, queue.value, &times));
        }
        rig_frame_close(&rig, &program, &frame);
        rig_release(&rig, &program);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}
