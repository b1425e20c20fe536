/* SPDX-License-Identifier: Apache-2.0 */
/* device_api.c: the public device calls. A device is counted; no lock of its own. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/user_call.h"
#include "session/session_priv.h"

#define DEFAULT_STREAM_TIMEOUT_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define DEFAULT_MEMORY_TIMEOUT_NS (UINT64_C(1) * 1000 * 1000 * 1000)

trib_status trib__refuse_handle(const void *handle, const char *what, trib_error *err)
{
        if (handle == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "%s is NULL", what);
        return trib__fail(err, TRIB_FORKED, "%s belongs to the process before fork: %s", what,
                          trib_status_text(TRIB_FORKED));
}

trib_status trib__check_may_wait(trib_error *err)
{
        if (trib__is_in_callback() || trib__is_in_user_operator())
                return trib__fail(err, TRIB_REENTRANT,
                                  "a callback or a user-defined operator must not wait for a "
                                  "request");
        return TRIB_OK;
}

trib_status trib__check_options(const void *options, size_t known, const char *what,
                                trib_error *err)
{
        size_t               size;
        const unsigned char *bytes = options;

        memcpy(&size, options, sizeof(size));
        if (size < sizeof(size) || size > 4096)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "%s.struct_size is %zu: start from the _INIT macro", what,
                                  size);
        for (size_t i = known; i < size; i++) {
                if (bytes[i] != 0)
                        return trib__fail(err, TRIB_UNSUPPORTED,
                                          "%s has an option that version %s does not know", what,
                                          trib_version());
        }
        return TRIB_OK;
}

/* Copy what the caller's struct has, leave the rest zero. */
static trib_status read_options(const trib_device_options *from, trib_device_options *to,
                                trib_error *err)
{
        trib_status status;

        memset(to, 0, sizeof(*to));
        if (from != NULL) {
                status = trib__check_options(from, sizeof(*to), "trib_device_options", err);
                if (status != TRIB_OK)
                        return status;
                memcpy(to, from,
                       from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
        }
        if (to->max_streams > TRIB__MAX_STREAMS)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "max_streams is %u, must be 1..%d",
                                  to->max_streams, TRIB__MAX_STREAMS);
        if (to->allocator_shards != 0 && to->allocator_shards != 1 && to->allocator_shards != 8)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "allocator_shards is %u, must be 0 (caches per stream), 1 or 8",
                                  to->allocator_shards);
        if (to->memory_history > TRIB_MEMORY_HISTORY_MAX)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "memory_history is %u, must be at most %d", to->memory_history,
                                  TRIB_MEMORY_HISTORY_MAX);
        if ((unsigned)to->stream_policy > (unsigned)TRIB_STREAMS_FAIL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "stream_policy is %d, must be 0..2",
                                  (int)to->stream_policy);
        if (to->max_streams == 0)
                to->max_streams = TRIB__MAX_STREAMS;
        if (to->stream_timeout_ns == 0)
                to->stream_timeout_ns = DEFAULT_STREAM_TIMEOUT_NS;
        if (to->memory_timeout_ns == 0)
                to->memory_timeout_ns = DEFAULT_MEMORY_TIMEOUT_NS;
        return TRIB_OK;
}

static trib_status open_parts(trib_device *device, const trib_device_options *options,
                              trib_error *err)
{
        struct trib__memory_params      memory = { 0 };
        struct trib__stream_pool_params pool = { 0 };
        trib_status                     status;

        memory.backend = device->backend;
        memory.device = device->device;
        memory.timelines = device->timelines;
        memory.n_streams = options->max_streams;
        memory.n_shards = options->allocator_shards;
        memory.limit = options->memory_limit;
        memory.timeout_ns = options->memory_timeout_ns;
        memory.n_history = options->memory_history;
        status = trib__memory_create(&memory, &device->memory, err);
        if (status != TRIB_OK)
                return status;
        pool.backend = device->backend;
        pool.device = device->device;
        pool.memory = device->memory;
        pool.timelines = device->timelines;
        pool.owner = device;
        pool.max_streams = options->max_streams;
        pool.policy = (enum trib__stream_policy)options->stream_policy;
        pool.timeout_ns = options->stream_timeout_ns;
        pool.is_inline = device->caps.is_inline;
        return trib__stream_pool_create(&pool, &device->pool, err);
}

/* Tolerates a half-opened device. Streams give their slabs back to the memory, so they go first. */
static void device_free(trib_device *device)
{
        trib__stream_pool_destroy(device->pool);
        trib__memory_destroy(device->memory);
        if (device->device != NULL)
                device->backend->close(device->device);
        trib__free(device);
}

trib_status trib_device_open(const char *name, const trib_device_options *options,
                             trib_device **out, trib_error *err)
{
        trib_device_options         filled;
        const struct trib__backend *backend;
        const char                 *which;
        trib_device                *device;
        trib_status                 status;

        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "out is NULL");
        *out = NULL;
        status = trib__check_handle(name, "the device's name", err);
        if (status == TRIB_OK)
                status = read_options(options, &filled, err);
        if (status == TRIB_OK)
                status = trib__backend_find(name, &backend, &which, err);
        if (status == TRIB_OK)
                status = trib__fork_guard_init(err);
        if (status != TRIB_OK)
                return status;
        device = trib__aligned("device.open", TRIB__CACHE_LINE, sizeof(*device));
        if (device == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a device");
        memset(device, 0, sizeof(*device));
        device->backend = backend;
        device->max_streams = filled.max_streams;
        /* Relaxed: nobody else knows the device yet. */
        trib__store_relaxed_u64(&device->refs, 1);
        status = backend->open(which, &device->device, &device->caps, err);
        if (status == TRIB_OK)
                status = open_parts(device, &filled, err);
        if (status != TRIB_OK) {
                device_free(device);
                return status;
        }
        *out = device;
        return TRIB_OK;
}

void trib__device_hold(trib_device *device)
{
        /* Relaxed: the caller has a hold already. */
        (void)trib__fetch_add_relaxed_u64(&device->refs, 1);
}

void trib__device_drop(trib_device *device)
{
        /* AcqRel: the last one frees what all have used. */
        if (trib__fetch_sub_acqrel_u64(&device->refs, 1) == 1)
                device_free(device);
}

trib__device *trib__device_backend(trib_device *device)
{
        return device->device;
}

void trib_device_close(trib_device *device)
{
        /* In a forked child the device's threads and queues are gone: it is left as it is. */
        if (device != NULL && !trib__is_forked())
                trib__device_drop(device);
}

trib_status trib_device_probe_at(uint32_t index, trib_device_probe *out, trib_error *err)
{
        const struct trib__backend *const *backends = trib__backends();
        struct trib__probe                 probe;
        trib_status                        status;

        status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        memset(out, 0, sizeof(*out));
        for (uint32_t b = 0; backends[b] != NULL; b++) {
                for (uint32_t i = 0;; i++) {
                        status = backends[b]->probe(i, &probe, err);
                        if (status == TRIB_NOT_FOUND)
                                break;
                        if (status != TRIB_OK)
                                return status;
                        if (index-- > 0)
                                continue;
                        memcpy(out->name, probe.name, sizeof(out->name));
                        memcpy(out->description, probe.description, sizeof(out->description));
                        memcpy(out->missing, probe.missing, sizeof(out->missing));
                        out->is_available = probe.is_available;
                        return TRIB_OK;
                }
        }
        return trib__fail(err, TRIB_NOT_FOUND, "there is no further device");
}

trib_status trib_device_get_info(const trib_device *device, trib_device_info *out,
                                 trib_error *err)
{
        trib_status status = trib__check_handle(device, "device", err);

        if (status == TRIB_OK)
                status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        memset(out, 0, sizeof(*out));
        (void)snprintf(out->name, sizeof(out->name), "%s", device->caps.name);
        (void)snprintf(out->description, sizeof(out->description), "%s",
                       device->caps.description);
        (void)snprintf(out->library, sizeof(out->library), "%s", device->caps.library);
        (void)snprintf(out->note, sizeof(out->note), "%s", device->caps.note);
        out->memory_bytes = device->caps.memory_bytes;
        out->compute_units = device->caps.compute_units;
        out->host_cores = device->caps.host_cores;
        out->max_streams = device->max_streams;
        out->is_unified = device->caps.is_unified;
        out->has_medium = device->caps.has_medium;
        return TRIB_OK;
}

trib_status trib_device_get_memory(trib_device *device, trib_memory_stats *out, trib_error *err)
{
        struct trib__memory_stats stats;
        trib_status               status = trib__check_handle(device, "device", err);

        if (status == TRIB_OK)
                status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        trib__memory_get_stats(device->memory, &stats);
        out->limit = stats.limit;
        out->reserved = stats.reserved;
        out->reserved_peak = stats.reserved_peak;
        out->requested = stats.requested;
        out->allocated = stats.allocated;
        out->limbo = stats.limbo;
        out->cached = stats.cached;
        out->programs = stats.programs;
        out->allocations = stats.allocations;
        out->device_allocations = stats.device_allocations;
        out->out_of_memory = stats.out_of_memory;
        out->from_central = stats.from_central;
        out->from_device = stats.from_device;
        out->from_donation = stats.from_donation;
        out->from_freeing = stats.from_freeing;
        out->from_waiting = stats.from_waiting;
        out->segments = stats.segments;
        out->central = stats.central;
        out->central_largest_run = stats.central_largest_run;
        return TRIB_OK;
}

trib_status trib_device_describe_memory(trib_device *device, char *text, size_t size,
                                        size_t *needed, trib_error *err)
{
        trib_status status = trib__check_handle(device, "device", err);

        if (status == TRIB_OK)
                status = trib__check_handle(needed, "needed", err);
        if (status == TRIB_OK && size > 0)
                status = trib__check_handle(text, "text", err);
        if (status == TRIB_OK)
                *needed = (size_t)trib__memory_describe(device->memory, text, size) + 1;
        return status;
}

trib_status trib_device_trim(trib_device *device, uint64_t *freed, trib_error *err)
{
        trib_status status = trib__check_handle(device, "device", err);
        uint64_t    bytes;

        if (status != TRIB_OK)
                return status;
        (void)trib__stream_pool_trim(device->pool);
        bytes = trib__memory_trim(device->memory);
        if (freed != NULL)
                *freed = bytes;
        return TRIB_OK;
}

trib_status trib_device_measure_peaks(trib_device *device, uint32_t milliseconds,
                                      trib_device_peaks *out, trib_error *err)
{
        struct trib__peaks peaks;
        trib_status        status = trib__check_handle(device, "device", err);

        if (status == TRIB_OK)
                status = trib__check_handle(out, "out", err);
        if (status != TRIB_OK)
                return status;
        memset(out, 0, sizeof(*out));
        memset(&peaks, 0, sizeof(peaks));
        status = device->backend->peaks(device->device, milliseconds != 0 ? milliseconds : 500,
                                        &peaks, err);
        out->flops_f32 = peaks.flops_f32;
        out->flops_medium = peaks.flops_medium;
        out->bytes_per_s = peaks.bytes_per_s;
        out->submissions_per_s = peaks.submissions_per_s;
        out->flops_f64 = peaks.flops_f64;
        out->flops_f16 = peaks.flops_f16;
        out->unit_flops_f32 = peaks.unit_flops_f32;
        out->unit_flops_medium = peaks.unit_flops_medium;
        out->unit_flops_f64 = peaks.unit_flops_f64;
        out->unit_flops_f16 = peaks.unit_flops_f16;
        out->unit_bytes_per_s = peaks.unit_bytes_per_s;
        out->copy_bytes_per_s = peaks.copy_bytes_per_s;
        out->unit_submissions_per_s = peaks.unit_submissions_per_s;
        out->wake_ns = peaks.wake_ns;
        out->private_cache_bytes = peaks.private_cache_bytes;
        out->private_cache_bytes_per_s = peaks.private_cache_bytes_per_s;
        out->shared_cache_bytes = peaks.shared_cache_bytes;
        out->shared_cache_bytes_per_s = peaks.shared_cache_bytes_per_s;
        out->unit_shared_cache_bytes_per_s = peaks.unit_shared_cache_bytes_per_s;
        return status;
}
