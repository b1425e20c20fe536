/* SPDX-License-Identifier: Apache-2.0 */
/* plot_load.c: the picture of a search for the highest rate that keeps a service level: each rate
 * that was tried with the percentile that it gave, and the bound. */
#include <math.h>
#include <string.h>

#include "analysis/format.h"
#include "report/plot_priv.h"

struct frame {
        double first, last;     /* rates        */
        double lowest, highest; /* microseconds */
        bool   has[3];          /* verdicts     */
};

static const char *const verdicts[3] = { "kept", "broken", "undecided" };
static const unsigned    colors[3] = { TRIB__COLOR_SATURATION, TRIB__COLOR_LIMIT,
                                       TRIB__COLOR_IDEAL };

static int verdict_of(const struct trib__rate_trial *trial)
{
        for (int k = 0; k < 2; k++)
                if (strcmp(trial->verdict, verdicts[k]) == 0)
                        return k;
        return 2;
}

static bool is_usable(const struct trib__rate_trial *trial)
{
        return trial->rate > 0 && trial->measured_us > 0 && isfinite(trial->rate)
               && isfinite(trial->measured_us);
}

static bool frame_of(const struct trib__service_level *slo, struct frame *frame)
{
        *frame = (struct frame){ INFINITY, 0, INFINITY, 0, { false } };
        for (size_t i = 0; i < slo->trial_count; i++) {
                const struct trib__rate_trial *trial = &slo->trials[i];

                if (!is_usable(trial))
                        continue;
                frame->first = fmin(frame->first, trial->rate);
                frame->last = fmax(frame->last, trial->rate);
                frame->lowest = fmin(frame->lowest, trial->measured_us);
                frame->highest = fmax(frame->highest, trial->measured_us);
                frame->has[verdict_of(trial)] = true;
        }
        if (!(frame->last > frame->first))
                return false;
        for (size_t i = 0; i < slo->bound_count; i++) {
                if (!(slo->bounds[i].us > 0))
                        continue;
                frame->lowest = fmin(frame->lowest, slo->bounds[i].us);
                frame->highest = fmax(frame->highest, slo->bounds[i].us);
        }
        frame->lowest /= 1.5;
        frame->highest *= 1.5;
        frame->first = fmax(frame->first - 0.08 * frame->last, 0);
        frame->last *= 1.06;
        return true;
}

static void print_bounds(const struct trib__service_level *slo, FILE *stream)
{
        for (size_t i = 0; i < slo->bound_count; i++)
                if (slo->bounds[i].us > 0)
                        (void)fprintf(stream,
                                      "set arrow %zu from graph 0, first %.10g to graph 1, first "
                                      "%.10g nohead lw 1.5 dt (8,5) lc %s\n", i + 2,
                                      slo->bounds[i].us, slo->bounds[i].us,
                                      trib__color_of(TRIB__COLOR_LIMIT).text);
        if (slo->kept_rate > 0)
                (void)fprintf(stream,
                              "set arrow 1 from first %.10g, graph 0 to first %.10g, graph 1 "
                              "nohead lw 1.5 dt (3,4) lc %s\n", slo->kept_rate, slo->kept_rate,
                              trib__color_of(TRIB__COLOR_SATURATION).text);
}

static void print_trials(const struct trib__service_level *slo, const struct frame *frame,
                         FILE *stream)
{
        int count = 0;

        for (int k = 0; k < 3; k++) {
                (void)fprintf(stream, "$trials%d << EOD\n", k);
                for (size_t i = 0; i < slo->trial_count; i++)
                        if (is_usable(&slo->trials[i]) && verdict_of(&slo->trials[i]) == k)
                                (void)fprintf(stream, "%.10g %.10g\n", slo->trials[i].rate,
                                              slo->trials[i].measured_us);
                (void)fputs("EOD\n", stream);
        }
        (void)fputs("plot ", stream);
        for (int k = 0; k < 3; k++)
                if (frame->has[k])
                        (void)fprintf(stream, "%s$trials%d using 1:2 with points pt %d ps 1 lw 1.5 "
                                              "lc %s", count++ > 0 ? ", " : "", k,
                                      (const int[]){ 7, 9, 6 }[k],
                                      trib__color_of(colors[k]).text);
        (void)fputc('\n', stream);
}

static void describe(const struct trib__service_level *slo, const struct frame *frame,
                     struct trib__plot *plot)
{
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));

        for (int k = 0; k < 3; k++)
                if (frame->has[k])
                        trib__plot_legend(plot, colors[k],
                                          (const enum trib__mark[]){ TRIB__MARK_POINT,
                                                                     TRIB__MARK_TRIANGLE,
                                                                     TRIB__MARK_RING }[k],
                                          "rate tried: %s", verdicts[k]);
        for (size_t i = 0; i < slo->bound_count; i++)
                if (slo->bounds[i].us > 0)
                        trib__plot_legend(plot, TRIB__COLOR_LIMIT, TRIB__MARK_DASHES,
                                          "bound, p%.4g: %s", 100 * slo->bounds[i].quantile,
                                          trib__duration_us(slo->bounds[i].us).text);
        if (slo->kept_rate > 0)
                trib__plot_legend(plot, TRIB__COLOR_SATURATION, TRIB__MARK_DASHES,
                                  "highest rate that keeps it: %s/s",
                                  trib__grouped(slo->kept_rate).text);
        trib__text_add(&alt, "Latency against the rate of arrivals, for %zu rates that were tried",
                       slo->trial_count);
        if (slo->kept_rate > 0)
                trib__text_add(&alt, "; the highest that keeps the service level is %s per second",
                               trib__grouped(slo->kept_rate).text);
        trib__text_add(&alt, ". The numbers are in the table.");
        (void)snprintf(plot->caption, sizeof(plot->caption),
                       "The percentile of the latency that was nearest to its bound, against the "
                       "rate of arrivals. The time axis is logarithmic.");
}

bool trib__plot_load(const struct trib__results *results, size_t index, struct trib__plot *plot,
                     enum trib__plot_width width, FILE *stream)
{
        const struct trib__sweep         *sweep = results->sweeps[index];
        const struct trib__service_level *slo;
        struct frame                      frame;

        if (sweep->kind != TRIB__SWEEP_LOAD || sweep->load == NULL)
                return false;
        slo = &sweep->load->slo;
        if (!slo->is_present || !frame_of(slo, &frame))
                return false;
        (void)trib__canvas_begin(stream, width, width == TRIB__PLOT_WIDE ? 320 : 260);
        (void)fprintf(stream,
                      "set xrange [%.10g:%.10g]\nset logscale y\nset yrange [%.10g:%.10g]\n"
                      "set xlabel 'requests per second' textcolor %s\n",
                      frame.first, frame.last, frame.lowest, frame.highest,
                      trib__color_of(TRIB__COLOR_TEXT).text);
        trib__plot_ticks(stream, "x", frame.first, frame.last, false);
        trib__plot_time_ticks(stream, frame.lowest, frame.highest);
        print_bounds(slo, stream);
        print_trials(slo, &frame, stream);
        if (width == TRIB__PLOT_WIDE)
                describe(slo, &frame, plot);
        return true;
}
