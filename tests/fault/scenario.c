/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.c: see scenario.h. Nothing here checks with cmocka: a failing step is what is wanted. */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "backend/sim/sim.h"
#include "session/session_priv.h"
#include "tensor/dlpack_abi.h"

static struct zoo_job golden[ZOO_COUNT][ZOO_MAX_ROWS];

static trib_session_options small_cache(void)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;

        options.max_plans = 1; /* so that plans are built again */
        options.workers = 2;
        return options;
}

static trib_status open_model(struct scenario *s, int kind, trib_error *err)
{
        trib_session_options options = small_cache();
        struct in_use       *use = &s->models[kind];
        trib_status          status = zoo_build(s->device, (enum zoo_kind)kind, &use->model, err);

        if (status == TRIB_OK)
                status = trib_session_open(use->model, &options, &use->session, err);
        return status;
}

static trib_status infer(struct scenario *s, int kind, int64_t rows, trib_error *err)
{
        struct zoo_job job;
        trib_status    status;

        zoo_job_init(&job, (enum zoo_kind)kind, rows, 1);
        s->models[kind].requests++;
        status = zoo_job_infer(&job, s->models[kind].session, err);
        if (status == TRIB_OK)
                s->wrong += !zoo_job_is_right(&job, &golden[kind][rows - 1]);
        return status;
}

static trib_status submit(struct scenario *s, int kind, int64_t rows, trib_error *err)
{
        trib_request_options options;
        trib_request        *request;
        struct zoo_job       job;
        trib_status          status;

        zoo_job_init(&job, (enum zoo_kind)kind, rows, 1);
        zoo_job_options(&job, &options);
        status = trib_submit(s->models[kind].session, &options, &request, err);
        if (status != TRIB_OK)
                return status;
        s->models[kind].requests++;
        status = trib_wait(request, TRIB_NO_LIMIT, err);
        trib_request_release(request);
        if (status == TRIB_OK)
                s->wrong += !zoo_job_is_right(&job, &golden[kind][rows - 1]);
        return status;
}

/* A model of more ports than a request keeps on its stack. */
static trib_status open_wide(struct scenario *s, trib_error *err)
{
        trib_model_builder *b;
        trib_status         status = trib_model_builder_create(&b, err);

        if (status != TRIB_OK)
                return status;
        for (int i = 0; i < SCENARIO_PORTS; i++) {
                trib_value x = trib_model_input(b, "x", TRIB_I32, 1, (int64_t[]){ 3 });

                trib_model_output(b, "y", trib_model_add(b, x, x));
        }
        status = trib_model_build(b, s->device, &s->wide.model, err);
        trib_model_builder_destroy(b);
        if (status == TRIB_OK)
                status = trib_session_open(s->wide.model, NULL, &s->wide.session, err);
        return status;
}

static trib_status infer_wide(struct scenario *s, trib_error *err)
{
        int32_t     x[SCENARIO_PORTS][3], y[SCENARIO_PORTS][3];
        trib_tensor in[SCENARIO_PORTS], out[SCENARIO_PORTS];
        trib_status status;

        for (int i = 0; i < SCENARIO_PORTS; i++) {
                for (int j = 0; j < 3; j++)
                        x[i][j] = i * 3 + j;
                in[i] = trib_tensor_from(TRIB_I32, x[i], 1, (int64_t[]){ 3 });
                out[i] = trib_tensor_from(TRIB_I32, y[i], 1, (int64_t[]){ 3 });
        }
        status = trib_infer(s->wide.session, in, SCENARIO_PORTS, out, SCENARIO_PORTS, err);
        for (int i = 0; status == TRIB_OK && i < SCENARIO_PORTS; i++) {
                for (int j = 0; j < 3; j++)
                        s->wrong += y[i][j] != 2 * (i * 3 + j);
        }
        return status;
}

static trib_status copy_there_and_back(struct scenario *s, trib_error *err)
{
        trib_event  event;
        char        sent[16] = "there and back.", got[16];
        trib_status status = trib_stream_acquire(s->device, TRIB_NO_LIMIT, &s->stream, err);
        trib_status ended;

        if (status == TRIB_OK)
                status = trib_buffer_create(s->stream, 16, &s->buffer, err);
        if (status == TRIB_OK)
                status = trib_stream_upload(s->stream, s->buffer, 0, sent, 16, err);
        if (status == TRIB_OK)
                status = trib_stream_download(s->stream, got, s->buffer, 0, 16, err);
        if (s->stream == NULL)
                return status;
        /* Whatever was accepted must be past before the arrays go. */
        if (trib_stream_record(s->stream, &event, NULL) != TRIB_OK)
                s->wrong++;
        ended = trib_event_wait(event, TRIB_NO_LIMIT, status == TRIB_OK ? err : NULL);
        if (status == TRIB_OK)
                status = ended;
        if (status == TRIB_OK)
                s->wrong += memcmp(sent, got, 16) != 0;
        return status;
}

/* Two streams of a scripted device, one waiting for the other. */
static trib_status meet(trib_device *device, trib_stream *const streams[2], trib_buffer buffer,
                        uint64_t *wrong, trib_error *err)
{
        char        sent[16] = "from one to two", got[16] = "";
        trib_event  events[3];
        trib_status status = trib_stream_upload(streams[0], buffer, 0, sent, 16, err);

        if (status == TRIB_OK)
                status = trib_stream_record(streams[0], &events[2], err);
        if (status == TRIB_OK)
                status = trib_stream_wait_event(streams[1], events[2], TRIB_NO_LIMIT, err);
        if (status == TRIB_OK)
                status = trib_stream_download(streams[1], got, buffer, 0, 16, err);
        (void)trib__sim_run_until_idle(trib__device_backend(device));
        if (status == TRIB_OK)
                status = trib_event_wait(events[2], TRIB_NO_LIMIT, err);
        for (int i = 0; i < 2; i++) {
                trib_status ended;

                if (trib_stream_record(streams[i], &events[i], NULL) != TRIB_OK)
                        (*wrong)++;
                ended = trib_event_wait(events[i], TRIB_NO_LIMIT, status == TRIB_OK ? err : NULL);
                if (status == TRIB_OK)
                        status = ended;
        }
        if (status == TRIB_OK && memcmp(sent, got, 16) != 0)
                (*wrong)++;
        return status;
}

trib_status scenario_meet(struct scenario *s, trib_error *err)
{
        trib_device *device;
        trib_stream *streams[2] = { NULL, NULL };
        trib_buffer  buffer = { 0 };
        trib_status  status = trib_device_open("sim:fast,clock=scripted", NULL, &device, err);

        if (status != TRIB_OK)
                return status;
        for (int i = 0; i < 2 && status == TRIB_OK; i++)
                status = trib_stream_acquire(device, TRIB_NO_LIMIT, &streams[i], err);
        if (status == TRIB_OK)
                status = trib_buffer_create(streams[0], 16, &buffer, err);
        if (status == TRIB_OK)
                status = meet(device, streams, buffer, &s->wrong, err);
        if (buffer.id != 0)
                s->wrong += trib_buffer_release(device, buffer, NULL) != TRIB_OK;
        for (int i = 0; i < 2; i++)
                trib_stream_release(streams[i]);
        trib_device_close(device);
        return status;
}

trib_status scenario_use(struct scenario *s, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (int kind = 0; status == TRIB_OK && kind < ZOO_COUNT; kind++) {
                struct zoo_job job;

                zoo_job_init(&job, (enum zoo_kind)kind, 4, 1);
                status = open_model(s, kind, err);
                if (status == TRIB_OK)
                        status = trib_session_prepare(s->models[kind].session, &job.input, 1,
                                                      NULL, err);
                if (status == TRIB_OK)
                        status = infer(s, kind, 3, err);
                if (status == TRIB_OK)
                        status = infer(s, kind, ZOO_MAX_ROWS, err);
        }
        if (status == TRIB_OK)
                status = submit(s, ZOO_MLP, 5, err);
        if (status == TRIB_OK)
                status = open_wide(s, err);
        if (status == TRIB_OK)
                status = infer_wide(s, err);
        if (status == TRIB_OK)
                status = copy_there_and_back(s, err);
        return status;
}

trib_status scenario_live(struct scenario *s, const char *device, trib_error *err)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_status         status;

        options.memory_history = 16;
        options.allocator_shards = s->shards;
        status = trib_device_open(device, &options, &s->device, err);
        return status == TRIB_OK ? scenario_use(s, err) : status;
}

trib_status scenario_again(struct scenario *s, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (int kind = 0; status == TRIB_OK && kind < ZOO_COUNT; kind++) {
                status = infer(s, kind, 1, err);
                if (status == TRIB_OK)
                        status = infer(s, kind, 2, err);
        }
        if (status == TRIB_OK)
                status = submit(s, ZOO_NORM, 6, err);
        if (status == TRIB_OK)
                status = infer_wide(s, err);
        return status;
}

static void close_in_use(struct scenario *s, struct in_use *use)
{
        s->wrong += trib_session_close(use->session, NULL) != TRIB_OK;
        trib_model_close(use->model);
        *use = (struct in_use){ 0 };
}

void scenario_close_use(struct scenario *s)
{
        for (int kind = 0; kind < ZOO_COUNT; kind++)
                close_in_use(s, &s->models[kind]);
        close_in_use(s, &s->wide);
        if (s->buffer.id != 0)
                s->wrong += trib_buffer_release(s->device, s->buffer, NULL) != TRIB_OK;
        s->buffer.id = 0;
        trib_stream_release(s->stream);
        s->stream = NULL;
}

void scenario_close(struct scenario *s)
{
        scenario_close_use(s);
        trib_device_close(s->device);
        s->device = NULL;
}

void scenario_learn(const char *device)
{
        struct scenario s = { 0 };

        (void)!trib_device_open(device, NULL, &s.device, NULL);
        for (int kind = 0; kind < ZOO_COUNT; kind++) {
                (void)!open_model(&s, kind, NULL);
                for (int rows = 1; rows <= ZOO_MAX_ROWS; rows++) {
                        zoo_job_init(&golden[kind][rows - 1], (enum zoo_kind)kind, rows, 1);
                        (void)!zoo_job_infer(&golden[kind][rows - 1], s.models[kind].session,
                                             NULL);
                }
        }
        scenario_close(&s);
}

/* A file in Fortran order, which save does not write. */
static void write_fortran(const char *path)
{
        static const char header[] = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
        const float       values[6] = { 1, 2, 3, 4, 5, 6 };
        unsigned char     bytes[128];
        FILE             *file = fopen(path, "wbe");

        memset(bytes, ' ', sizeof(bytes));
        memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
        memcpy(bytes + 10, header, sizeof(header) - 1);
        bytes[127] = '\n';
        if (file == NULL)
                return;
        (void)fwrite(bytes, 1, sizeof(bytes), file);
        (void)fwrite(values, 1, sizeof(values), file);
        (void)fclose(file);
}

static trib_status load_and_free(const char *path, trib_error *err)
{
        trib_tensor loaded;
        trib_status status = trib_npy_load(path, &loaded, err);

        trib_npy_free(&loaded);
        return status;
}

trib_status scenario_exchange(const char *folder, trib_error *err)
{
        struct DLManagedTensorVersioned *managed = NULL;
        const float                      values[6] = { 1, 2, 3, 4, 5, 6 };
        trib_tensor turned = trib_tensor_from_f32(values, 2, (int64_t[]){ 2, 3 });
        char        path[256];
        trib_status status;

        (void)snprintf(path, sizeof(path), "%s/exchange.npy", folder);
        turned.strides[0] = 1;
        turned.strides[1] = 2;
        status = trib_npy_save(path, &turned, err);
        if (status == TRIB_OK)
                status = load_and_free(path, err);
        write_fortran(path);
        if (status == TRIB_OK)
                status = load_and_free(path, err);
        if (status == TRIB_OK)
                status = trib_tensor_to_dlpack(&turned, NULL, NULL, &managed, err);
        if (managed != NULL)
                managed->deleter(managed);
        return status;
}
