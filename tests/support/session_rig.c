/* SPDX-License-Identifier: Apache-2.0 */
/* session_rig.c: see session_rig.h. */
#include "session_rig.h"

#include <sched.h>

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

void session_rig_open_on(struct session_rig *rig, const char *device,
                         const trib_device_options *device_options, enum zoo_kind kind,
                         const trib_session_options *options)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open(device, device_options, &rig->device, &err), &err);
        EXPECT_OK(zoo_build(rig->device, kind, &rig->model, &err), &err);
        EXPECT_OK(trib_session_open(rig->model, options, &rig->session, &err), &err);
}

void session_rig_open(struct session_rig *rig, const char *device, enum zoo_kind kind,
                      const trib_session_options *options)
{
        session_rig_open_on(rig, device, NULL, kind, options);
}

void session_close_at_last(trib_session *session)
{
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status;

        do {
                (void)sched_yield();
                status = trib_session_close(session, &err);
        } while (status == TRIB_BUSY);
        EXPECT_OK(status, &err);
}

void session_rig_close(struct session_rig *rig)
{
        session_close_at_last(rig->session);
        trib_model_close(rig->model);
        trib_device_close(rig->device);
}

struct door {
        sem_t            entered, go;
        trib_concurrency concurrency;
};

struct door *door_make(void)
{
        struct door *door = calloc(1, sizeof(*door));

        assert_non_null(door);
        assert_int_equal(sem_init(&door->entered, 0, 0), 0);
        assert_int_equal(sem_init(&door->go, 0, 0), 0);
        return door;
}

struct door *door_make_serial(void)
{
        struct door *door = door_make();

        door->concurrency = TRIB_SERIAL;
        return door;
}

void door_free(struct door *door)
{
        free(door);
}

static int pass_door(void *context, const trib_tensor *inputs, int n_inputs,
                     const trib_tensor *output)
{
        struct door *door = context;
        size_t       bytes = (size_t)(output->shape[0] * output->shape[1]) * sizeof(float);

        (void)n_inputs;
        (void)sem_post(&door->entered);
        (void)sem_wait(&door->go);
        memcpy(output->data, inputs[0].data, bytes);
        return 0;
}

trib_status door_build(struct door *door, trib_device *device, trib_model **out, trib_error *err)
{
        trib_operator       op = TRIB_OPERATOR_INIT;
        trib_model_builder *b;
        trib_value          x;
        trib_status         status = trib_model_builder_create(&b, err);

        if (status != TRIB_OK)
                return status;
        op.name = "door";
        op.run = pass_door;
        op.concurrency = door->concurrency;
        op.context = door;
        x = trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, ZOO_WIDTH });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        status = trib_model_build(b, device, out, err);
        trib_model_builder_destroy(b);
        return status;
}

void door_wait_entered(struct door *door)
{
        (void)sem_wait(&door->entered);
}

void door_let_go(struct door *door)
{
        (void)sem_post(&door->go);
}
