/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.c: the slots of the CPU backend but compile (program.c) and peaks (peaks.c).
 * No locks: a queue is used by the one thread that leases it, all else is fixed. */
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu_priv.h"
#include "backend/ref_step.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/trace.h"

static void describe(char *text, uint32_t size)
{
        char     name[96];
        unsigned cores = trib__cpu_count();

        trib__cpu_name(name, sizeof(name));
        (void)snprintf(text, size, "%s, %u core%s", name, cores, cores == 1 ? "" : "s");
}

static trib_status cpu_probe(uint32_t index, struct trib__probe *out, trib_error *err)
{
        struct trib__onednn *onednn;
        trib_error           why = TRIB_ERROR_INIT;

        memset(out, 0, sizeof(*out));
        if (index > 0)
                return trib__fail(err, TRIB_NOT_FOUND, "there is one CPU device, cpu:0");
        (void)snprintf(out->name, sizeof(out->name), "cpu:0");
        describe(out->description, sizeof(out->description));
        out->is_available = true;
        if (trib__onednn_open(&onednn, &why) == TRIB_OK)
                trib__onednn_close(onednn);
        else
                (void)snprintf(out->missing, sizeof(out->missing), "%s", why.message);
        return TRIB_OK;
}

static void describe_library(const struct trib__onednn *onednn, struct trib__device_caps *caps)
{
        const struct trib__onednn_info *info;

        if (onednn == NULL) {
                (void)snprintf(caps->library, sizeof(caps->library), "reference kernels");
                return;
        }
        info = trib__onednn_info(onednn);
        (void)snprintf(caps->library, sizeof(caps->library), "oneDNN %s, %s", info->version,
                       info->isa);
        caps->has_medium = info->has_bf16;
}

static trib_status cpu_open(const char *which, trib__device **out,
                            struct trib__device_caps *caps, trib_error *err)
{
        trib__device *device;
        trib_error    why = TRIB_ERROR_INIT;
        trib_status   status;

        *out = NULL;
        if (strcmp(which, "0") != 0)
                return trib__fail(err, TRIB_NOT_FOUND,
                                  "no device is named 'cpu:%.32s': the CPU is cpu:0", which);
        if (TRIB__FAULT(DEVICE, "cpu.open"))
                return trib__fail(err, TRIB_DEVICE_ERROR, "the device cpu:0 does not open");
        device = trib__calloc("cpu.device", 1, sizeof(*device));
        if (device == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the device cpu:0");
        memset(caps, 0, sizeof(*caps));
        device->n_cores = trib__cpu_count();
        status = trib__onednn_open(&device->onednn, &why);
        if (status == TRIB_NOT_FOUND || status == TRIB_UNSUPPORTED) {
                (void)snprintf(caps->note, sizeof(caps->note), "%s", why.message);
        } else if (status != TRIB_OK) {
                if (err != NULL)
                        *err = why;
                trib__free(device);
                return status;
        }
        (void)snprintf(caps->name, sizeof(caps->name), "cpu:0");
        describe(caps->description, sizeof(caps->description));
        describe_library(device->onednn, caps);
        caps->memory_bytes = trib__memory_bytes();
        caps->compute_units = device->n_cores;
        caps->is_unified = true;
        caps->is_inline = true;
        *out = device;
        return TRIB_OK;
}

static void cpu_close(trib__device *device)
{
        trib__onednn_close(device->onednn);
        trib__free(device);
}

static trib_status cpu_alloc(trib__device *device, uint64_t bytes, void **out, trib_error *err)
{
        (void)device;
        *out = bytes > SIZE_MAX / 2 || TRIB__FAULT(DEVICE, "cpu.alloc")
                       ? NULL
                       : trib__raw_region(TRIB__SLAB_ALIGNMENT, (size_t)bytes);
        if (*out == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "the host has no %llu bytes",
                                  (unsigned long long)bytes);
        return TRIB_OK;
}

static void cpu_free(trib__device *device, void *memory, uint64_t bytes)
{
        (void)device;
        trib__free_region(memory, (size_t)bytes);
}

static trib_status cpu_queue_create(trib__device *device, uint32_t index, trib__queue **out,
                                    trib_error *err)
{
        trib__queue *queue;

        *out = NULL;
        if (TRIB__FAULT(DEVICE, "cpu.queue_create"))
                return trib__fail(err, TRIB_DEVICE_ERROR, "queue %u could not be made", index);
        queue = trib__aligned("cpu.queue", TRIB__CACHE_LINE, sizeof(*queue));
        if (queue == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for queue %u", index);
        memset(queue, 0, sizeof(*queue));
        queue->device = device;
        queue->index = index;
        *out = queue;
        return TRIB_OK;
}

static void cpu_queue_destroy(trib__queue *queue)
{
        trib__free(queue);
}

/* Bind the program's primitives to a queue, on the first launch there. */
static trib_status bind(trib__queue *queue, trib__program *program, trib_error *err)
{
        struct cpu_exec *execs = trib__calloc("cpu.bind", program->n_steps, sizeof(*execs));
        trib_status      status = TRIB_OK;

        if (execs == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "no memory to bind a program of %u steps to queue %u",
                                  program->n_steps, queue->index);
        for (uint32_t i = 0; status == TRIB_OK && i < program->n_steps; i++) {
                if (program->steps[i].prim != NULL)
                        status = trib__onednn_exec_create(program->steps[i].prim, &execs[i].prim,
                                                          err);
                else if (program->steps[i].attention != NULL)
                        status = trib__attention_exec_create(program->steps[i].attention,
                                                             &execs[i].attention, err);
        }
        if (status != TRIB_OK) {
                trib__cpu_unbind(program, execs);
                return status;
        }
        program->execs[queue->index] = execs;
        return TRIB_OK;
}

static trib_status run_step(trib__queue *queue, trib__program *program, uint32_t number,
                            const struct trib__launch_args *args, trib_error *err)
{
        const struct cpu_step   *cpu = &program->steps[number];
        const struct trib__step *step = cpu->step;
        const void              *inputs[TRIB__MAX_STEP_INPUTS];
        void                    *output, *scratch;
        trib_status              status;

        for (uint32_t i = 0; i < cpu->n_run_inputs; i++)
                inputs[i] = trib__operand_address(&step->inputs[i], args, program->constants);
        output = (void *)(uintptr_t)trib__operand_address(&step->output, args,
                                                          program->constants);
        scratch = args->slab == NULL ? NULL : (char *)args->slab + program->workspace_offset;
        if (cpu->prim != NULL)
                return trib__onednn_exec_run_inside(program->execs[queue->index][number].prim,
                                                    inputs, output, scratch, err);
        if (cpu->attention != NULL)
                return trib__attention_run_inside(program->execs[queue->index][number].attention,
                                                  inputs, output, scratch, err);
        if (!cpu->is_serial)
                return trib__cpu_run_plain(program, step, inputs, output, err);
        if (!trib__gate_enter(program->serial, args->deadline))
                return trib__fail(err, TRIB_TIMED_OUT,
                                  "the deadline passed while waiting for serial operator '%s'",
                                  step->user->name);
        status = trib__ref_step_run(step, inputs, output, err);
        trib__gate_leave(program->serial);
        return status;
}

static trib_status cpu_launch(trib__queue *queue, trib__program *program,
                              const struct trib__launch_args *args, uint64_t value,
                              trib_error *err)
{
        trib_status status = TRIB_OK;
        int         previous = 0;

        TRIB__TRACE(LAUNCHED, queue, value);
        if (TRIB__FAULT(DEVICE, "cpu.launch"))
                status = trib__fail(err, TRIB_DEVICE_ERROR, "queue %u: launch %llu failed",
                                    queue->index, (unsigned long long)value);
        if (status == TRIB_OK && program->has_prims && program->execs[queue->index] == NULL)
                status = bind(queue, program, err);
        if (program->has_prims)
                previous = trib__onednn_enter(program->onednn);
        for (uint32_t i = 0; status == TRIB_OK && i < program->n_steps; i++)
                status = run_step(queue, program, i, args, err);
        if (program->has_prims)
                trib__onednn_leave(program->onednn, previous);
        TRIB__TRACE(COMPLETED, queue, value);
        /* Release: pairs with the acquire in cpu_completed; the outputs are written. */
        trib__store_release_u64(&queue->timeline, value);
        return status;
}

static trib_status cpu_copy(trib__queue *queue, void *target, const void *source, uint64_t bytes,
                            uint64_t value, trib_error *err)
{
        trib_status status = TRIB_OK;

        TRIB__TRACE(LAUNCHED, queue, value);
        if (TRIB__FAULT(DEVICE, "cpu.copy"))
                status = trib__fail(err, TRIB_DEVICE_ERROR,
                                    "queue %u: copy %llu of %llu bytes failed", queue->index,
                                    (unsigned long long)value, (unsigned long long)bytes);
        else
                memmove(target, source, (size_t)bytes);
        TRIB__TRACE(COMPLETED, queue, value);
        /* Release: pairs with the acquire in cpu_completed; the bytes are written. */
        trib__store_release_u64(&queue->timeline, value);
        return status;
}

static uint64_t cpu_completed(trib__queue *queue)
{
        /* Acquire: pairs with the release at the end of a launch or copy. */
        return trib__load_acquire_u64(&queue->timeline);
}

/* Work is done before its submission returns, so only a value that was never submitted can be
 * missing: there is nothing to sleep for but the deadline. */
static trib_status cpu_park(trib__queue *queue, uint64_t value, uint64_t deadline,
                            trib_error *err)
{
        trib__atomic_u32 nobody = { 0 };

        while (cpu_completed(queue) < value) {
                if (trib__now() >= deadline)
                        return trib__fail(err, TRIB_TIMED_OUT,
                                          "queue %u did not reach %llu by the deadline",
                                          queue->index, (unsigned long long)value);
                /* At most 1 ms at a time: another thread may submit the value meanwhile. */
                (void)trib__word_wait(&nobody, 0, trib__now() + TRIB__NS_PER_SECOND / 1000);
        }
        return TRIB_OK;
}

static trib_status cpu_result(trib__queue *queue, uint64_t value, trib_error *err)
{
        /* Failures were returned by the launch itself. */
        (void)queue;
        (void)value;
        (void)err;
        return TRIB_OK;
}

static trib_status cpu_failure(trib__queue *queue, uint64_t since, uint64_t value,
                               trib_error *err)
{
        /* As above. */
        (void)since;
        return cpu_result(queue, value, err);
}

const struct trib__backend trib__cpu_backend = {
        .size = sizeof(struct trib__backend),
        .abi = TRIB__BACKEND_ABI,
        .prefix = "cpu",
        .probe = cpu_probe,
        .open = cpu_open,
        .close = cpu_close,
        .alloc = cpu_alloc,
        .free = cpu_free,
        .alloc_host = cpu_alloc,
        .free_host = cpu_free,
        .supports = trib__cpu_supports,
        .compile = trib__cpu_compile,
        .release = trib__cpu_release,
        .queue_create = cpu_queue_create,
        .queue_destroy = cpu_queue_destroy,
        .launch = cpu_launch,
        .copy = cpu_copy,
        .wait_queue = NULL,
        .completed = cpu_completed,
        .park = cpu_park,
        .result = cpu_result,
        .failure = cpu_failure,
        .peaks = trib__cpu_measure_peaks,
};
