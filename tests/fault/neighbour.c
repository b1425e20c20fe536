/* SPDX-License-Identifier: Apache-2.0 */
/* neighbour.c: see neighbour.h. */
#include "neighbour.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "expect.h"

static void ask(struct crowd_member *me)
{
        struct neighbour *neighbour = me->context;
        struct zoo_job    job;

        trib__fault_spare_thread(true);
        zoo_job_init(&job, neighbour->golden.kind, neighbour->golden.rows,
                     neighbour->golden.seed);
        while (atomic_load(&neighbour->must_stop) == 0) {
                zoo_job_reset(&job);
                me->status = zoo_job_infer(&job, neighbour->session, &me->err);
                if (me->status != TRIB_OK)
                        break;
                me->wrong += !zoo_job_is_right(&job, &neighbour->golden);
                atomic_fetch_add(&neighbour->requests, 1);
        }
        atomic_store(&neighbour->has_ended, 1);
}

void neighbour_start(struct neighbour *neighbour, trib_device *device, const char *name,
                     enum zoo_kind kind)
{
        trib_error err = TRIB_ERROR_INIT;

        memset(neighbour, 0, sizeof(*neighbour));
        if (device == NULL) {
                EXPECT_OK(trib_device_open(name, NULL, &neighbour->device, &err), &err);
                device = neighbour->device;
        }
        EXPECT_OK(zoo_build(device, kind, &neighbour->model, &err), &err);
        EXPECT_OK(trib_session_open(neighbour->model, NULL, &neighbour->session, &err), &err);
        zoo_job_init(&neighbour->golden, kind, 3, 11);
        EXPECT_OK(zoo_job_infer(&neighbour->golden, neighbour->session, &err), &err);
        crowd_start(&neighbour->member, ask, neighbour, 0);
        neighbour_await(neighbour, 1);
}

uint64_t neighbour_requests(struct neighbour *neighbour)
{
        return atomic_load(&neighbour->requests);
}

void neighbour_await(struct neighbour *neighbour, uint64_t more)
{
        uint64_t wanted = neighbour_requests(neighbour) + more;

        while (neighbour_requests(neighbour) < wanted && atomic_load(&neighbour->has_ended) == 0)
                (void)sched_yield();
}

void neighbour_stop(struct neighbour *neighbour)
{
        trib_error err = TRIB_ERROR_INIT;

        atomic_store(&neighbour->must_stop, 1);
        crowd_join(&neighbour->member);
        EXPECT_OK(neighbour->member.status, &neighbour->member.err);
        assert_int_equal(neighbour->member.wrong, 0);
        assert_true(neighbour_requests(neighbour) > 0);
        EXPECT_OK(trib_session_close(neighbour->session, &err), &err);
        trib_model_close(neighbour->model);
        trib_device_close(neighbour->device);
}
