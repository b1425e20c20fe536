/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tributary as a contestant: the ordinary use, through the public API. One device, one model of one
 * linear operator, one session for all threads; a request is one trib_infer.
 *
 * A word of the command line with a colon names another device than cpu:0.
 * Locks: none of ours.
 */
#include "peer.h"

#include <tributary/tributary.h>

#include <stdlib.h>
#include <string.h>

static const char *device_name = "cpu:0";

typedef struct side_job {
        peer_workload load;
        trib_device *device;
        trib_model *model;
        trib_session *session;
} side_job;

typedef struct side_lane {
        const side_job *job;
        trib_tensor in, out;
} side_lane;

static bool is_ok(trib_status status, const trib_error *err)
{
        if (status != TRIB_OK)
                peer_complain("%s: %s", trib_status_name(status), err->message);
        return status == TRIB_OK;
}

static void side_close(void *shared)
{
        side_job *j = shared;
        trib_error err = TRIB_ERROR_INIT;
        (void)is_ok(trib_session_close(j->session, &err), &err);
        trib_model_close(j->model);
        trib_device_close(j->device);
        free(j);
}

static bool model_build(side_job *j, const float *weights, const float *bias)
{
        const peer_workload *w = &j->load;
        trib_error err = TRIB_ERROR_INIT;
        trib_model_builder *builder;
        if (!is_ok(trib_model_builder_create(&builder, &err), &err))
                return false;
        const trib_tensor weights_view = trib_tensor_from_f32(
                weights, 2, (int64_t[]){w->out_features, w->in_features});
        const trib_tensor bias_view = trib_tensor_from_f32(bias, 1, (int64_t[]){w->out_features});
        trib_value x = trib_model_input(builder, "x", TRIB_F32, 2,
                                        (int64_t[]){TRIB_ANY, w->in_features});
        trib_value y = trib_model_linear(builder, x, trib_model_constant(builder, &weights_view),
                                         trib_model_constant(builder, &bias_view));
        trib_model_output(builder, "y", y);
        bool is_built = is_ok(trib_model_build(builder, j->device, &j->model, &err), &err);
        trib_model_builder_destroy(builder);
        return is_built;
}

static bool session_open(side_job *j)
{
        trib_error err = TRIB_ERROR_INIT;
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        if (j->load.precision == PEER_MEDIUM)
                options.precision = TRIB_PRECISION_MEDIUM;
        return is_ok(trib_session_open(j->model, &options, &j->session, &err), &err);
}

static bool side_open(const peer_workload *load, const float *weights, const float *bias,
                      void **shared)
{
        trib_error err = TRIB_ERROR_INIT;
        *shared = NULL;
        side_job *j = peer_alloc(sizeof *j);
        if (j == NULL)
                return false;
        j->load = *load;
        if (!is_ok(trib_device_open(device_name, NULL, &j->device, &err), &err) ||
            !model_build(j, weights, bias) || !session_open(j)) {
                side_close(j);
                return false;
        }
        *shared = j;
        return true;
}

static bool side_lane_open(void *shared, void **lane)
{
        side_lane *l = peer_alloc(sizeof *l);
        *lane = l;
        if (l == NULL)
                return false;
        l->job = shared;
        return true;
}

static bool side_run(void *lane, const float *in, float *out)
{
        side_lane *l = lane;
        const peer_workload *w = &l->job->load;
        trib_error err = TRIB_ERROR_INIT;
        /* A user whose buffers stay the same makes the views once, and so do we. */
        if (l->in.data != in || l->out.data != out) {
                l->in = trib_tensor_from_f32(in, 2, (int64_t[]){w->batch, w->in_features});
                l->out = trib_tensor_from_f32(out, 2, (int64_t[]){w->batch, w->out_features});
        }
        return is_ok(trib_infer(l->job->session, &l->in, 1, &l->out, 1, &err), &err);
}

static bool set_option(const char *word)
{
        if (strchr(word, ':') == NULL)
                return false;
        device_name = word;
        return true;
}

const peer_contestant peer_this = {
        .name = "tributary",
        .version = trib_version,
        .set_option = set_option,
        .open = side_open,
        .close = side_close,
        .thread_open = side_lane_open,
        .thread_close = free,
        .run = side_run,
};
