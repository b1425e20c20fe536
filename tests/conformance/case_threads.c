/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: many threads, each on a queue of its own, with one program between them. */
#include <stdlib.h>

#include "base/sync.h"
#include "cases.h"
#include "oracle.h"
#include "rig.h"

#define THREADS 8
#define ROUNDS 40
#define ROWS 5
#define IN 33
#define OUT 65

/* linear + gelu -> layer norm -> softmax, with two values in the slab. */
static void make_chain(struct handmade *made)
{
        struct trib__operand x, w, b, h[2], y, none = { .place = TRIB__PLACE_NONE };

        handmade_init(made);
        x = handmade_operand(made, TRIB__PLACE_INPUT, TRIB_F32, 2, (int64_t[]){ ROWS, IN });
        w = handmade_operand(made, TRIB__PLACE_CONSTANT, TRIB_F32, 2, (int64_t[]){ OUT, IN });
        b = handmade_operand(made, TRIB__PLACE_CONSTANT, TRIB_F32, 1, (int64_t[]){ OUT });
        for (int i = 0; i < 2; i++)
                h[i] = handmade_slab(made, TRIB_F32, 2, (int64_t[]){ ROWS, OUT });
        y = handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_F32, 2, (int64_t[]){ ROWS, OUT });
        handmade_step(made, TRIB__OP_LINEAR, 3, (struct trib__operand[]){ x, w, b },
                      h[0])->activation = TRIB__OP_GELU_ERF;
        (void)handmade_step(made, TRIB__OP_LAYER_NORM, 3,
                            (struct trib__operand[]){ h[0], none, none }, h[1]);
        handmade_step(made, TRIB__OP_SOFTMAX, 1, &h[1], y)->axis = 1;
}

static float weights[OUT * IN], bias[OUT];

static const void *const *make_constants(void)
{
        static const void  *constants[2] = { weights, bias };
        struct trib__random random = { 99 };

        for (int i = 0; i < OUT * IN; i++)
                weights[i] = trib__random_f32(&random);
        for (int i = 0; i < OUT; i++)
                bias[i] = trib__random_f32(&random);
        return constants;
}

static void make_input(float *x, uint32_t thread, uint32_t round)
{
        struct trib__random random = { (uint64_t)thread * 1000 + round };

        for (int i = 0; i < ROWS * IN; i++)
                x[i] = trib__random_f32(&random);
}

struct worker {
        struct rig               *rig;
        const struct rig_program *program;
        uint32_t                  index;
        float                     results[ROUNDS][ROWS * OUT];
};

/* Threads of the case: what fails here ends the program, which fails the case as well. */
static void work(void *argument)
{
        struct worker   *worker = argument;
        struct rig_queue queue;
        struct rig_frame frame;
        float            x[ROWS * IN];

        rig_queue_open(worker->rig, worker->index, &queue);
        rig_frame_open(worker->rig, worker->program, &frame);
        for (uint32_t round = 0; round < ROUNDS; round++) {
                const void *inputs[1] = { x };
                void       *outputs[1] = { worker->results[round] };
                trib_error  err = TRIB_ERROR_INIT;

                make_input(x, worker->index, round);
                must(rig_run(&queue, worker->program, &frame, inputs, outputs, &err), &err);
        }
        rig_frame_close(worker->rig, worker->program, &frame);
        rig_queue_close(worker->rig, &queue);
}

void threads_on_queues_of_their_own_agree_to_the_bit(void **state)
{
        struct rig          rig;
        struct rig_queue    queue;
        struct rig_program  program;
        struct handmade     made;
        struct trib__thread threads[THREADS];
        struct worker      *serial, *parallel;

        serial = calloc(THREADS, sizeof(*serial));
        parallel = calloc(THREADS, sizeof(*parallel));
        assert_true(serial != NULL && parallel != NULL);
        rig_open(&rig, *state);
        rig_queue_open(&rig, 63, &queue);
        make_chain(&made);
        rig_compile(&rig, &queue, &made, make_constants(), NULL, &program);
        for (uint32_t i = 0; i < THREADS; i++) {
                serial[i].rig = parallel[i].rig = &rig;
                serial[i].program = parallel[i].program = &program;
                serial[i].index = parallel[i].index = i;
                work(&serial[i]);
        }
        for (uint32_t i = 0; i < THREADS; i++)
                assert_int_equal(trib__thread_start(&threads[i], work, &parallel[i], NULL),
                                 TRIB_OK);
        for (uint32_t i = 0; i < THREADS; i++)
                trib__thread_join(&threads[i]);
        for (uint32_t i = 0; i < THREADS; i++)
                assert_memory_equal(serial[i].results, parallel[i].results,
                                    sizeof(serial[i].results));
        assert_memory_not_equal(serial[0].results, serial[1].results, sizeof(serial[0].results));
        rig_release(&rig, &program);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
        free(serial);
        free(parallel);
}

static void compile_often(void *argument)
{
        struct worker   *worker = argument;
        struct rig_queue queue;
        struct handmade  made;

        rig_queue_open(worker->rig, worker->index, &queue);
        make_chain(&made);
        for (uint32_t round = 0; round < 5; round++) {
                struct rig_program program;
                struct rig_frame   frame;
                const void        *constants[2] = { weights, bias };
                float              x[ROWS * IN];
                const void        *inputs[1] = { x };
                void              *outputs[1] = { worker->results[round] };
                trib_error         err = TRIB_ERROR_INIT;

                make_input(x, 0, 0);
                rig_compile(worker->rig, &queue, &made, constants, NULL, &program);
                rig_frame_open(worker->rig, &program, &frame);
                must(rig_run(&queue, &program, &frame, inputs, outputs, &err), &err);
                rig_frame_close(worker->rig, &program, &frame);
                rig_release(worker->rig, &program);
        }
        rig_queue_close(worker->rig, &queue);
}

void threads_compile_and_release_at_once(void **state)
{
        struct rig          rig;
        struct trib__thread threads[THREADS];
        struct worker      *workers = calloc(THREADS, sizeof(*workers));

        assert_non_null(workers);
        rig_open(&rig, *state);
        (void)make_constants();
        for (uint32_t i = 0; i < THREADS; i++) {
                workers[i].rig = &rig;
                workers[i].index = i;
                assert_int_equal(trib__thread_start(&threads[i], compile_often, &workers[i],
                                                    NULL),
                                 TRIB_OK);
        }
        for (uint32_t i = 0; i < THREADS; i++)
                trib__thread_join(&threads[i]);
        for (uint32_t i = 0; i < THREADS; i++) {
                for (uint32_t round = 0; round < 5; round++)
                        assert_memory_equal(workers[i].results[round], workers[0].results[0],
                                            sizeof(workers[0].results[0]));
        }
        rig_close(&rig);
        free(workers);
}
