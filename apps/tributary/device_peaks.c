/* SPDX-License-Identifier: Apache-2.0 */
/* device_peaks.c: see device_peaks.h; and the peaks of a measuring subcommand. */
#include "device_peaks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host_facts.h"
#include "measuring.h"

static trib_status measure(void *context, uint32_t milliseconds, trib_device_peaks *out,
                           trib_error *err)
{
        return trib_device_measure_peaks(context, milliseconds, out, err);
}

static bool is_simulated(const char *name)
{
        return strncmp(name, "sim", 3) == 0;
}

void trib_device_peaks_source(trib_device *device, const trib_device_info *info, bool is_fresh,
                              struct trib__peaks_source *out)
{
        struct trib__peaks_key *key = &out->key;
        struct trib__machine    machine = { .logical_cores = 0 };

        memset(out, 0, sizeof(*out));
        out->measure = measure;
        out->context = device;
        out->is_fresh = is_fresh;
        out->now_s = (int64_t)time(NULL);
        trib_host_describe(&machine);
        key->cores = machine.logical_cores;
        (void)snprintf(key->cpu, sizeof(key->cpu), "%s", machine.cpu_model);
        (void)snprintf(key->os, sizeof(key->os), "%s", machine.os);
        (void)snprintf(key->device, sizeof(key->device), "%s", info->name);
        (void)snprintf(key->library, sizeof(key->library), "%s", info->library);
        (void)snprintf(key->tool, sizeof(key->tool), "tributary %s", trib_version());
        if (!is_simulated(info->name))
                (void)trib__peaks_path(key, getenv("XDG_CACHE_HOME"), getenv("HOME"), out->path);
}

void trib_device_peaks_describe(const struct trib__peaks_taken *taken, bool is_medium,
                                struct trib__peaks *out)
{
        const trib_device_peaks *peaks = &taken->peaks;

        out->flops_per_s = is_medium ? peaks->flops_medium : peaks->flops_f32;
        out->bytes_per_s = peaks->bytes_per_s;
        out->submissions_per_s = peaks->submissions_per_s;
        out->cache_bytes = peaks->shared_cache_bytes;
        if (out->parallel_units > 0)
                out->flops_per_s_unit = out->flops_per_s / out->parallel_units;
        out->flops_f32 = peaks->flops_f32;
        out->flops_medium = peaks->flops_medium;
        out->flops_f64 = peaks->flops_f64;
        out->flops_f16 = peaks->flops_f16;
        out->unit_flops_f32 = peaks->unit_flops_f32;
        out->unit_flops_medium = peaks->unit_flops_medium;
        out->unit_flops_f64 = peaks->unit_flops_f64;
        out->unit_flops_f16 = peaks->unit_flops_f16;
        out->unit_bytes_per_s = peaks->unit_bytes_per_s;
        out->copy_bytes_per_s = peaks->copy_bytes_per_s;
        out->unit_submissions_per_s = peaks->unit_submissions_per_s;
        out->wake_us = peaks->wake_ns * 1e-3;
        out->private_cache_bytes = peaks->private_cache_bytes;
        out->private_cache_bytes_per_s = peaks->private_cache_bytes_per_s;
        out->shared_cache_bytes = peaks->shared_cache_bytes;
        out->shared_cache_bytes_per_s = peaks->shared_cache_bytes_per_s;
        out->unit_shared_cache_bytes_per_s = peaks->unit_shared_cache_bytes_per_s;
        (void)snprintf(out->source, sizeof(out->source), "%s",
                       taken->is_cached ? "cached" : "measured");
        out->age_s = taken->age_s;
}

/* ---- of a measuring subcommand ---------------------------------------------------------- */

static trib_status take(struct trib_measuring *measuring, trib_error *err)
{
        trib_device_info info;
        trib_status      status = trib_device_get_info(measuring->device, &info, err);

        if (status != TRIB_OK)
                return status;
        trib_device_peaks_source(measuring->device, &info, measuring->options->is_fresh_peaks,
                                 &measuring->peaks_source);
        status = trib__peaks_take(&measuring->peaks_source, &measuring->peaks, err);
        measuring->has_peaks = status == TRIB_OK;
        return status;
}

trib_status trib_measuring_peaks(struct trib_measuring *measuring, trib_error *err)
{
        struct trib__peaks_taken *taken = &measuring->peaks;
        struct trib__peaks       *out = &measuring->results->device.peaks;
        size_t                    known = taken->note_count;
        trib_status               status;

        trib_progress_draw(&measuring->progress, 0, 1, "measuring what the device can do");
        status = measuring->has_peaks
                         ? trib__peaks_take_again(&measuring->peaks_source, taken, err)
                         : take(measuring, err);
        if (status != TRIB_OK)
                return status;
        for (size_t i = known; i < taken->note_count; i++)
                trib_measure_note(measuring, taken->notes[i].code,
                                  taken->notes[i].is_warning ? TRIB__SEVERITY_WARNING
                                                             : TRIB__SEVERITY_INFO,
                                  "%s", taken->notes[i].text);
        trib_device_peaks_describe(taken, measuring->options->precision == TRIB_PRECISION_MEDIUM,
                                   out);
        if (is_simulated(measuring->results->device.name))
                out->source[0] = '\0';
        return TRIB_OK;
}
