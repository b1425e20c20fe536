/* SPDX-License-Identifier: Apache-2.0 */
/* report_peaks.c: see report_peaks.h. */
#include "report/report_peaks.h"

#include <stdio.h>
#include <string.h>

#include "analysis/format.h"

#define LINE_BYTES 400

/* "235 GFLOP/s", three digits. */
static struct trib__number scaled(double value, const char *unit)
{
        static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
        struct trib__number      number;
        size_t                   i = 0;

        for (; value >= 999.5 && i + 1 < sizeof(prefixes) / sizeof(prefixes[0]); i++)
                value /= 1000;
        (void)snprintf(number.text, sizeof(number.text), "%.*f %s%s",
                       value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, prefixes[i], unit);
        return number;
}

/* "32.0 MiB" */
static struct trib__number bytes_of(double bytes)
{
        struct trib__number number;

        if (bytes >= 1048576.0)
                (void)snprintf(number.text, sizeof(number.text), "%.4g MiB", bytes / 1048576.0);
        else
                (void)snprintf(number.text, sizeof(number.text), "%.4g KiB", bytes / 1024.0);
        return number;
}

static void add_separator(struct trib__text *text)
{
        if (text->used > 0)
                trib__text_add(text, "; ");
}

/* "f32 235 GFLOP/s, one unit 118 GFLOP/s" */
static void add_rate(struct trib__text *text, const char *name, const char *unit,
                     const double rates[2])
{
        double all = rates[0], one = rates[1];

        if (!(all > 0))
                return;
        add_separator(text);
        trib__text_add(text, "%s %s", name, scaled(all, unit).text);
        if (one > 0)
                trib__text_add(text, " (one core %s)", scaled(one, unit).text);
}

static void add_cache(struct trib__text *text, const char *name, double bytes,
                      const double rates[2])
{
        if (!(bytes > 0) && !(rates[0] > 0))
                return;
        add_separator(text);
        trib__text_add(text, "%s", name);
        if (bytes > 0)
                trib__text_add(text, " of %s", bytes_of(bytes).text);
        if (rates[0] > 0)
                trib__text_add(text, ", %s", scaled(rates[0], "B/s").text);
        if (rates[1] > 0)
                trib__text_add(text, " (one core %s)", scaled(rates[1], "B/s").text);
}

static void add_age(struct trib__text *text, const struct trib__peaks *peaks)
{
        double hours = peaks->age_s / 3600;

        if (strcmp(peaks->source, "measured") == 0)
                trib__text_add(text, "measured now");
        else if (strcmp(peaks->source, "cached") == 0 && hours < 1)
                trib__text_add(text, "cached (%.0f min)", peaks->age_s / 60);
        else if (strcmp(peaks->source, "cached") == 0 && hours < 48)
                trib__text_add(text, "cached (%.0f h)", hours);
        else if (strcmp(peaks->source, "cached") == 0)
                trib__text_add(text, "cached (%.0f days)", hours / 24);
}

static void print(const struct trib__sink *sink, const char *label, struct trib__text *text)
{
        if (text->used > 0)
                trib__sink_item(sink, label, text->buffer);
        text->used = 0;
        text->buffer[0] = '\0';
}

void trib__report_peaks(const struct trib__peaks *peaks, const struct trib__sink *sink)
{
        char              line[LINE_BYTES] = "";
        struct trib__text text = trib__text_of(line, sizeof(line));

        add_rate(&text, "f32", "FLOP/s", (double[]){ peaks->flops_f32, peaks->unit_flops_f32 });
        add_rate(&text, "medium", "FLOP/s",
                 (double[]){ peaks->flops_medium, peaks->unit_flops_medium });
        add_rate(&text, "f64", "FLOP/s", (double[]){ peaks->flops_f64, peaks->unit_flops_f64 });
        add_rate(&text, "f16", "FLOP/s", (double[]){ peaks->flops_f16, peaks->unit_flops_f16 });
        print(sink, "arithmetic", &text);
        add_rate(&text, "read", "B/s", (double[]){ peaks->bytes_per_s, peaks->unit_bytes_per_s });
        add_rate(&text, "copied", "B/s", (double[]){ peaks->copy_bytes_per_s, 0 });
        print(sink, "memory", &text);
        add_cache(&text, "a core's own", peaks->private_cache_bytes,
                  (double[]){ peaks->private_cache_bytes_per_s, 0 });
        add_cache(&text, "shared", peaks->shared_cache_bytes,
                  (double[]){ peaks->shared_cache_bytes_per_s,
                              peaks->unit_shared_cache_bytes_per_s });
        print(sink, "caches", &text);
        add_rate(&text, "submissions", "/s",
                 (double[]){ peaks->submissions_per_s, peaks->unit_submissions_per_s });
        if (peaks->wake_us > 0) {
                add_separator(&text);
                trib__text_add(&text, "a thread wakes in %s",
                               trib__duration_us(peaks->wake_us).text);
        }
        print(sink, "threads", &text);
        add_age(&text, peaks);
        print(sink, "peaks", &text);
}

void trib__report_peaks_short(const struct trib__peaks *peaks, const struct trib__sink *sink)
{
        char              line[LINE_BYTES] = "";
        struct trib__text text = trib__text_of(line, sizeof(line));

        if (peaks->source[0] == '\0')
                return;
        if (peaks->flops_per_s > 0)
                trib__text_add(&text, "%s", scaled(peaks->flops_per_s, "FLOP/s").text);
        add_rate(&text, "memory", "B/s", (double[]){ peaks->bytes_per_s, 0 });
        add_rate(&text, "shared cache", "B/s", (double[]){ peaks->shared_cache_bytes_per_s, 0 });
        add_rate(&text, "a core's own caches", "B/s",
                 (double[]){ peaks->private_cache_bytes_per_s, 0 });
        add_separator(&text);
        add_age(&text, peaks);
        print(sink, "peaks", &text);
}

void trib__report_limit(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        const struct trib__limit *limit = &sweep->limit;
        char                      line[LINE_BYTES] = "";
        struct trib__text         text = trib__text_of(line, sizeof(line));

        if (limit->is_present) {
                trib__text_add(&text, "%s ops/s (%s)", trib__grouped(limit->ops_per_s).text,
                               limit->bound);
                if (limit->unit_us > 0 && strcmp(limit->bound, "submission") != 0)
                        trib__text_add(&text, "; a request alone takes at least %s",
                                       trib__duration_us(limit->unit_us).text);
        } else if (strcmp(sweep->workload.kind, "noop") == 0) {
                trib__text_add(&text, "none: the workload computes nothing");
        }
        print(sink, "limit", &text);
}
