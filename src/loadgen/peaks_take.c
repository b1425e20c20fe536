/* SPDX-License-Identifier: Apache-2.0 */
/* peaks_take.c: kept peaks or measured ones: the decisions of peaks_cache.h. No state, no lock. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "loadgen/peaks_cache.h"

#define WHOLE_MS 1000
#define CHECK_MS 120
/* What a second look at the end of a run finds more is written down from here on. */
#define WORTH_KEEPING 0.02

/* ---- comparing -------------------------------------------------------------------------- */

struct trib__peaks_drift trib__peaks_compare(const trib_device_peaks *kept,
                                             const trib_device_peaks *now)
{
        const struct {
                const char *what;
                double      kept, now;
        } pairs[] = { { "arithmetic", kept->flops_f32, now->flops_f32 },
                      { "memory", kept->bytes_per_s, now->bytes_per_s } };
        struct trib__peaks_drift drift = { TRIB__PEAKS_HOLD, "", 0 };

        for (int i = 0; i < 2; i++) {
                double change;

                if (!(pairs[i].kept > 0) || !(pairs[i].now > 0))
                        continue;
                change = pairs[i].now / pairs[i].kept - 1;
                /* That one is faster weighs more than that one is slower: then the peak is wrong.
                 * Else the first one, arithmetic, which varies less. */
                if (fabs(change) <= TRIB__PEAKS_DRIFT || drift.verdict == TRIB__PEAKS_TOO_LOW
                    || (drift.verdict == TRIB__PEAKS_NOT_REACHED && change < 0))
                        continue;
                drift.verdict = change > 0 ? TRIB__PEAKS_TOO_LOW : TRIB__PEAKS_NOT_REACHED;
                drift.what = pairs[i].what;
                drift.percent = 100 * change;
        }
        return drift;
}

static double raise_to(double *peak, double measured)
{
        double gain = *peak > 0 ? measured / *peak - 1 : measured > 0 ? 1 : 0;

        if (!(gain > 0))
                return 0;
        *peak = measured;
        return gain;
}

double trib__peaks_improve(trib_device_peaks *peaks, const trib_device_peaks *more)
{
        double gain = 0;

#define RAISE(name) gain = fmax(gain, raise_to(&peaks->name, more->name));
        RAISE(flops_f32)
        RAISE(flops_medium)
        RAISE(flops_f64)
        RAISE(flops_f16)
        RAISE(bytes_per_s)
        RAISE(submissions_per_s)
        RAISE(unit_flops_f32)
        RAISE(unit_flops_medium)
        RAISE(unit_flops_f64)
        RAISE(unit_flops_f16)
        RAISE(unit_bytes_per_s)
        RAISE(copy_bytes_per_s)
        RAISE(unit_submissions_per_s)
        RAISE(private_cache_bytes_per_s)
        RAISE(shared_cache_bytes_per_s)
        RAISE(unit_shared_cache_bytes_per_s)
#undef RAISE
        return gain;
}

/* ---- deciding --------------------------------------------------------------------------- */

TRIB_PRINTF(4, 5)
static void note(struct trib__peaks_taken *out, const char *code, bool is_warning,
                 const char *format, ...)
{
        struct trib__peaks_note *one = &out->notes[out->note_count];
        va_list                  arguments;

        if (out->note_count == TRIB__PEAKS_NOTES_MAX)
                return;
        out->note_count++;
        (void)snprintf(one->code, sizeof(one->code), "%s", code);
        one->is_warning = is_warning;
        va_start(arguments, format);
        (void)vsnprintf(one->text, sizeof(one->text), format, arguments);
        va_end(arguments);
}

static void keep(const struct trib__peaks_source *source, struct trib__peaks_taken *taken)
{
        trib_error why = TRIB_ERROR_INIT;

        if (source->path[0] == '\0')
                return;
        if (trib__peaks_store(source->path, &source->key, source->now_s, &taken->peaks, &why)
            != TRIB_OK)
                note(taken, "peaks-cache", false,
                     "the peaks of the device cannot be kept for the next run: %s",
                     why.message);
}

/* `seen`, if not NULL: what was seen just before, and counts as well. */
static trib_status measure(const struct trib__peaks_source *source, const trib_device_peaks *seen,
                           struct trib__peaks_taken *out, trib_error *err)
{
        trib_status status;

        out->is_cached = false;
        out->age_s = 0;
        status = source->measure(source->context, WHOLE_MS, &out->peaks, err);
        if (status != TRIB_OK)
                return status;
        if (seen != NULL)
                (void)trib__peaks_improve(&out->peaks, seen);
        keep(source, out);
        return TRIB_OK;
}

/* A short look; a second one where the first is slow, which one moment of other work makes it. */
static trib_status check(const struct trib__peaks_source *source,
                         const struct trib__peaks_taken *taken, trib_device_peaks *now,
                         struct trib__peaks_drift *drift, trib_error *err)
{
        trib_device_peaks again;
        trib_status       status = source->measure(source->context, CHECK_MS, now, err);

        if (status != TRIB_OK)
                return status;
        *drift = trib__peaks_compare(&taken->peaks, now);
        if (drift->verdict != TRIB__PEAKS_NOT_REACHED)
                return TRIB_OK;
        status = source->measure(source->context, CHECK_MS, &again, err);
        if (status != TRIB_OK)
                return status;
        (void)trib__peaks_improve(now, &again);
        *drift = trib__peaks_compare(&taken->peaks, now);
        return TRIB_OK;
}

trib_status trib__peaks_take(const struct trib__peaks_source *source,
                             struct trib__peaks_taken *out, trib_error *err)
{
        struct trib__peaks_drift drift;
        trib_device_peaks        now;
        trib_error               why = TRIB_ERROR_INIT;
        trib_status              status;

        memset(out, 0, sizeof(*out));
        if (source->is_fresh || source->path[0] == '\0')
                return measure(source, NULL, out, err);
        status = trib__peaks_load(source->path, &source->key, source->now_s, &out->peaks,
                                  &out->age_s, &why);
        if (status != TRIB_OK && status != TRIB_NOT_FOUND)
                note(out, "peaks-cache", false,
                     "the file of the device's peaks was left aside and they were measured: %s",
                     why.message);
        if (status != TRIB_OK)
                return measure(source, NULL, out, err);
        out->is_cached = true;
        status = check(source, out, &now, &drift, err);
        if (status != TRIB_OK)
                return status;
        if (drift.verdict == TRIB__PEAKS_TOO_LOW) {
                note(out, "peaks-rose", false,
                     "%s is %.0f %% faster than the peaks that were kept from an earlier run, so "
                     "they were measured again", drift.what, drift.percent);
                return measure(source, &now, out, err);
        }
        if (drift.verdict == TRIB__PEAKS_NOT_REACHED)
                note(out, "slower-device", strcmp(drift.what, "arithmetic") == 0,
                     "%s is %.0f %% slower now than when the peaks of the device were measured: "
                     "other programs run, or its clock is lower; percentages of the limit are of "
                     "the peaks (--fresh-peaks measures them again)", drift.what, -drift.percent);
        return TRIB_OK;
}

trib_status trib__peaks_take_again(const struct trib__peaks_source *source,
                                   struct trib__peaks_taken *taken, trib_error *err)
{
        trib_device_peaks more;
        double            gain;
        trib_status       status;

        status = source->measure(source->context, taken->is_cached ? CHECK_MS : WHOLE_MS / 3,
                                 &more, err);
        if (status != TRIB_OK)
                return status;
        gain = trib__peaks_improve(&taken->peaks, &more);
        if (gain > (taken->is_cached ? TRIB__PEAKS_DRIFT : WORTH_KEEPING))
                keep(source, taken);
        return TRIB_OK;
}
