/* SPDX-License-Identifier: Apache-2.0 */
/* sim_device.c: the simulated device as a backend: opening, memory, and the table of slots.
 * Device memory is host memory under a cap; checked builds fill it with a pattern when it is
 * given and when it is given back, so that what reads it too early or too late is seen. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/sim/sim_priv.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#if defined(TRIB_CHECKED)
#define POISON(memory, bytes) memset((memory), 0xA5, (bytes))
#else
#define POISON(memory, bytes) ((void)(memory), (void)(bytes))
#endif

static trib_status sim_probe(uint32_t index, struct trib__probe *out, trib_error *err)
{
        if (index != 0)
                return trib__fail(err, TRIB_NOT_FOUND, "there is one simulated device");
        *out = (struct trib__probe){
                .name = "sim:",
                .description = "simulated device, deterministic, for tests and what-ifs",
                .is_available = true,
        };
        return TRIB_OK;
}

/* Bytes per second of all executors together. */
static double memory_peak(const struct trib__sim_options *options)
{
        double sum = options->bandwidth * options->executors;

        return options->total_bandwidth > 0 ? fmin(options->total_bandwidth, sum) : sum;
}

static void fill_caps(const char *which, const struct trib__sim_options *options,
                      struct trib__device_caps *caps)
{
        *caps = (struct trib__device_caps){
                .memory_bytes = options->memory_bytes,
                .compute_units = options->executors,
                .host_cores = options->host_ns != 0 ? options->host_cores : 0,
                .is_unified = options->is_unified,
                .has_wait = true,
        };
        (void)snprintf(caps->name, sizeof(caps->name), "sim:%s", which);
        (void)snprintf(caps->description, sizeof(caps->description),
                       "simulated, %" PRIu32 " queues of %.3g FLOP/s and %.3g B/s, "
                       "launch %.3g us, %s clock",
                       options->executors, options->flops, options->bandwidth,
                       (double)options->launch_ns * 1e-3,
                       options->is_scripted ? "scripted" : "real");
        (void)snprintf(caps->library, sizeof(caps->library), "%s",
                       options->is_computed ? "reference kernels" : "none (compute=none)");
        if (!options->is_computed)
                (void)snprintf(caps->note, sizeof(caps->note),
                               "nothing is computed: outputs keep their content");
}

static trib_status start_device(trib__device *device, trib_error *err)
{
        trib_status status = trib__mutex_init(&device->mutex, TRIB__RANK_BACKEND, err);

        if (status != TRIB_OK)
                return status;
        status = trib__cond_init(&device->work, err);
        if (status != TRIB_OK)
                goto fail_work;
        status = trib__cond_init(&device->idle, err);
        if (status != TRIB_OK)
                goto fail_idle;
        if (!device->options.is_scripted)
                status = trib__thread_start(&device->thread, trib__sim_thread_main, device, err);
        if (status != TRIB_OK)
                goto fail_thread;
        return TRIB_OK;

fail_thread:
        trib__cond_destroy(&device->idle);
fail_idle:
        trib__cond_destroy(&device->work);
fail_work:
        trib__mutex_destroy(&device->mutex);
        return status;
}

static trib_status sim_open(const char *which, trib__device **out,
                            struct trib__device_caps *caps, trib_error *err)
{
        struct trib__sim_options options;
        trib__device            *device;
        trib_status              status;

        *out = NULL;
        status = trib__sim_options_read(which, &options, err);
        if (status != TRIB_OK)
                return status;
        if (TRIB__FAULT(DEVICE, "sim.open"))
                return trib__fail(err, TRIB_DEVICE_ERROR, "the device sim:%.64s does not open",
                                  which);
        device = trib__calloc("sim.device", 1, sizeof(*device));
        if (device == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a simulated device");
        device->options = options;
        device->random.state = options.seed;
        status = start_device(device, err);
        if (status != TRIB_OK) {
                trib__free(device);
                return status;
        }
        fill_caps(which, &options, caps);
        *out = device;
        return TRIB_OK;
}

static void sim_close(trib__device *device)
{
        if (device == NULL)
                return;
        TRIB__ASSERT(device->n_queues == 0);
        trib__lock(&device->mutex);
        device->is_closing = true;
        trib__signal(&device->work);
        trib__unlock(&device->mutex);
        if (!device->options.is_scripted)
                trib__thread_join(&device->thread);
        trib__cond_destroy(&device->idle);
        trib__cond_destroy(&device->work);
        trib__mutex_destroy(&device->mutex);
        trib__free(device);
}

/* Count bytes against the cap. */
static bool reserve(trib__device *device, uint64_t bytes)
{
        bool fits;

        trib__lock(&device->mutex);
        fits = bytes <= device->options.memory_bytes - device->memory_used;
        if (fits)
                device->memory_used += bytes;
        trib__unlock(&device->mutex);
        return fits;
}

static void unreserve(trib__device *device, uint64_t bytes)
{
        trib__lock(&device->mutex);
        TRIB__ASSERT(device->memory_used >= bytes);
        device->memory_used -= bytes;
        trib__unlock(&device->mutex);
}

static trib_status sim_alloc(trib__device *device, uint64_t bytes, void **out, trib_error *err)
{
        *out = NULL;
        if (!reserve(device, bytes))
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "the simulated device has %" PRIu64
                                  " bytes, and %" PRIu64 " more do not fit",
                                  device->options.memory_bytes, bytes);
        *out = TRIB__FAULT(DEVICE, "sim.alloc") ? NULL
                                                : trib__raw_region(TRIB__SLAB_ALIGNMENT, bytes);
        if (*out == NULL) {
                unreserve(device, bytes);
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "no host memory for %" PRIu64 " bytes of device memory",
                                  bytes);
        }
        POISON(*out, bytes);
        return TRIB_OK;
}

static void sim_free(trib__device *device, void *memory, uint64_t bytes)
{
        if (memory == NULL)
                return;
        POISON(memory, bytes);
        trib__free_region(memory, bytes);
        unreserve(device, bytes);
}

static trib_status sim_alloc_host(trib__device *device, uint64_t bytes, void **out,
                                  trib_error *err)
{
        (void)device;
        *out = bytes > SIZE_MAX / 2 || TRIB__FAULT(DEVICE, "sim.alloc_host")
                       ? NULL
                       : trib__raw_region(TRIB__SLAB_ALIGNMENT, bytes);
        if (*out == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "no host memory for %" PRIu64 " bytes", bytes);
        POISON(*out, bytes);
        return TRIB_OK;
}

static void sim_free_host(trib__device *device, void *memory, uint64_t bytes)
{
        (void)device;
        if (memory == NULL)
                return;
        POISON(memory, bytes);
        trib__free_region(memory, bytes);
}

/* What the time model allows; nothing needs to be measured. The driver's lock is no part of the
 * submission path: requests tell how long they had it. */
static trib_status sim_peaks(trib__device *device, uint32_t milliseconds,
                             struct trib__peaks *out, trib_error *err)
{
        const struct trib__sim_options *options = &device->options;

        (void)milliseconds;
        (void)err;
        *out = (struct trib__peaks){
                .flops_f32 = options->flops * options->executors,
                .flops_f64 = options->flops * options->executors,
                .unit_flops_f32 = options->flops,
                .unit_flops_f64 = options->flops,
                .bytes_per_s = memory_peak(options),
                .unit_bytes_per_s = fmin(options->bandwidth, memory_peak(options)),
                .copy_bytes_per_s = options->copy_bandwidth,
                .wake_ns = (double)options->wake_ns,
        };
        if (options->launch_ns != 0)
                out->submissions_per_s = 1e9 / (double)options->launch_ns;
        out->unit_submissions_per_s = out->submissions_per_s;
        return TRIB_OK;
}

const struct trib__backend trib__sim_backend = {
        .size = sizeof(struct trib__backend),
        .abi = TRIB__BACKEND_ABI,
        .prefix = "sim",
        .probe = sim_probe,
        .open = sim_open,
        .close = sim_close,
        .alloc = sim_alloc,
        .free = sim_free,
        .alloc_host = sim_alloc_host,
        .free_host = sim_free_host,
        .supports = trib__sim_supports,
        .compile = trib__sim_compile,
        .release = trib__sim_release,
        .queue_create = trib__sim_queue_create,
        .queue_destroy = trib__sim_queue_destroy,
        .launch = trib__sim_launch,
        .copy = trib__sim_copy,
        .wait_queue = trib__sim_wait_queue,
        .completed = trib__sim_completed,
        .park = trib__sim_park,
        .result = trib__sim_result,
        .failure = trib__sim_failure,
        .times = trib__sim_times,
        .peaks = sim_peaks,
};
