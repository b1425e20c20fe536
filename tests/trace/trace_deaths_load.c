/* SPDX-License-Identifier: Apache-2.0 */
/* trace_deaths_load.c: threads that end in the middle of a request: callers, and workers of the
 * library's own, in an operator of the model. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "trace_load_priv.h"
#include "trace_rig.h"

#define WIDTH 16
#define DEADLY (-7777.0f)

/* y = x, or the end. */
static int live_or_die(void *context, const trib_tensor *inputs, int n_inputs,
                       const trib_tensor *output)
{
        const float *x = inputs[0].data;

        (void)context;
        (void)n_inputs;
        if (x[0] == DEADLY)
                pthread_exit(NULL);
        memcpy(output->data, x, WIDTH * sizeof(*x));
        return 0;
}

static void open_session(struct world *world)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_operator        op = TRIB_OPERATOR_INIT;
        trib_error           err = TRIB_ERROR_INIT;
        trib_model_builder  *b;
        trib_value           x;

        op.name = "live or die";
        op.run = live_or_die;
        options.workers = 2;
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ 1, WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, world->device, &world->models[0], &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(world->models[0], &options, &world->sessions[0], &err), &err);
}

static trib_status submit_and_wait(struct world *world, const trib_tensor *x, const trib_tensor *y,
                                   trib_error *err)
{
        trib_request_options options = TRIB_REQUEST_OPTIONS_INIT;
        trib_request        *request;
        trib_status          status;

        options.inputs = x;
        options.outputs = y;
        options.n_inputs = options.n_outputs = 1;
        status = trib_submit(world->sessions[0], &options, &request, err);
        if (status != TRIB_OK)
                return status;
        status = trib_wait(request, TRIB_NO_LIMIT, err);
        trib_request_release(request);
        return status;
}

static void live_and_die(struct crowd_member *me)
{
        struct world *world = me->context;
        float         in[WIDTH] = { 0 }, out[WIDTH];
        trib_tensor   x = trib_tensor_from_f32(in, 2, (int64_t[]){ 1, WIDTH });
        trib_tensor   y = trib_tensor_from_f32(out, 2, (int64_t[]){ 1, WIDTH });
        trib_status   status;

        for (uint32_t i = 0; i < world->load->rounds; i++) {
                in[0] = i % 8 == 7 ? DEADLY : 1;
                status = submit_and_wait(world, &x, &y, &me->err);
                if (status != TRIB_BUSY && status != (in[0] == DEADLY ? TRIB_USER_OPERATOR
                                                                     : TRIB_OK))
                        me->wrong++;
                in[0] = 1;
                (void)load_is_fine(me, trib_infer(world->sessions[0], &x, 1, &y, 1, &me->err));
        }
        in[0] = DEADLY;
        if (me->index % 2 != 0)
                me->wrong += trib_infer(world->sessions[0], &x, 1, &y, 1, &me->err) == TRIB_OK;
}

void load_deaths(const struct load *load)
{
        struct world world;
        trib_error   err = TRIB_ERROR_INIT;

        load_open(&world, load);
        open_session(&world);
        for (int i = 0; i < 3; i++)
                load_run(&world, live_and_die);
        EXPECT_OK(trib_session_close(world.sessions[0], &err), &err);
        trib_model_close(world.models[0]);
        trace_quiet();
        trib_device_close(world.device);
}
