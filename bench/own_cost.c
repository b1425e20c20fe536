/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request costs beside its kernel: N blocking requests of an operator that copies one
 * number, on one thread. Prints the median and spread of the time per request over batches of
 * 1,000. own_cost.py runs it under callgrind as well, for instructions per request.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tributary/tributary.h>

#define BATCH 1000

static int copy_one(void *context, const trib_tensor *inputs, int n_inputs,
                    const trib_tensor *output)
{
        (void)context;
        (void)n_inputs;
        *(float *)output->data = *(const float *)inputs[0].data;
        return 0;
}

static trib_status open_all(trib_device **device, trib_model **model, trib_session **session,
                            trib_error *err)
{
        trib_model_builder *builder = NULL;
        trib_operator       op = TRIB_OPERATOR_INIT;
        trib_value          x;
        trib_status         status = trib_device_open("cpu:0", NULL, device, err);

        op.name = "copy_one";
        op.run = copy_one;
        if (status == TRIB_OK)
                status = trib_model_builder_create(&builder, err);
        if (status != TRIB_OK)
                return status;
        x = trib_model_input(builder, "x", TRIB_F32, 1, (int64_t[]){ 1 });
        trib_model_output(builder, "y", trib_model_operator(builder, &op, &x, 1));
        status = trib_model_build(builder, *device, model, err);
        trib_model_builder_destroy(builder);
        if (status == TRIB_OK)
                status = trib_session_open(*model, NULL, session, err);
        return status;
}

static uint64_t now(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
        long          batches = argc > 1 ? strtol(argv[1], NULL, 10) / BATCH : 2000;
        float         in = 0, out = -1;
        trib_tensor   x = trib_tensor_from_f32(&in, 1, (int64_t[]){ 1 });
        trib_tensor   y = trib_tensor_from_f32(&out, 1, (int64_t[]){ 1 });
        trib_error    err = TRIB_ERROR_INIT;
        trib_device  *device = NULL;
        trib_model   *model = NULL;
        trib_session *session = NULL;
        double       *times = batches > 0 ? calloc((size_t)batches, sizeof(double)) : NULL;

        if (times == NULL || open_all(&device, &model, &session, &err) != TRIB_OK) {
                fprintf(stderr, "own_cost: %s\n", times == NULL ? "give a number of requests, "
                                                                  "1000 or more"
                                                                : err.message);
                return 1;
        }
        for (long b = 0; b < batches; b++) {
                uint64_t start = now();

                for (int i = 0; i < BATCH; i++) {
                        in = (float)(b + i);
                        if (trib_infer(session, &x, 1, &y, 1, &err) != TRIB_OK || out != in) {
                                fprintf(stderr, "own_cost: wrong result, or: %s\n", err.message);
                                return 1;
                        }
                }
                times[b] = (double)(now() - start) / BATCH;
        }
        qsort(times, (size_t)batches, sizeof(double), by_value);
        printf("requests=%ld ns_per_request: p10=%.1f p50=%.1f p90=%.1f\n", batches * BATCH,
               times[batches / 10], times[batches / 2], times[batches * 9 / 10]);
        free(times);
        (void)trib_session_close(session, &err);
        trib_model_close(model);
        trib_device_close(device);
        return 0;
}
