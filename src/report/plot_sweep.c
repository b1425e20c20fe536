/* SPDX-License-Identifier: Apache-2.0 */
/* plot_sweep.c: the pictures of one sweep over threads: throughput with the law, latency, and the
 * parts of a request's time. */
#include <math.h>
#include <string.h>

#include "analysis/format.h"
#include "analysis/resources.h"
#include "report/plot_priv.h"

#define SAMPLES 48
/* From here on the thread axis is logarithmic, or the small counts would be one heap. */
#define LINEAR_RATIO 12.0
/* A limit or an interval that is so much higher than what was measured is left out of the picture,
 * or the points would lie on its floor. */
#define HEADROOM 2.5

struct span {
        double first, last;   /* threads                                     */
        double most_measured; /* threads                                     */
        double highest;       /* of what was measured                        */
        double top;           /* of the picture                              */
        bool   is_log;
        bool   has_limit;     /* and it lies in the picture                  */
};

static struct span span_of(const struct trib__sweep *sweep)
{
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];
        struct span span = { .first = sweep->points[0].threads, .last = last->threads,
                             .most_measured = last->threads };

        for (size_t i = 0; i < sweep->point_count; i++)
                span.highest = fmax(span.highest, sweep->points[i].ops_per_s);
        span.top = span.highest;
        for (size_t i = 0; i < sweep->point_count; i++)
                span.top = fmax(span.top, fmin(sweep->points[i].ops_per_s_ci95[1],
                                               HEADROOM * span.highest));
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                const struct trib__prediction *prediction = &sweep->predictions[i];

                if (!(prediction->threads > 0) || !(prediction->ops_per_s > 0))
                        continue;
                span.last = fmax(span.last, prediction->threads);
                span.top = fmax(span.top, fmin(prediction->ops_per_s, HEADROOM * span.highest));
        }
        span.has_limit = sweep->limit.is_present
                         && sweep->limit.ops_per_s <= HEADROOM * span.highest;
        if (span.has_limit)
                span.top = fmax(span.top, sweep->limit.ops_per_s);
        span.top *= 1.06;
        span.is_log = span.last / span.first > LINEAR_RATIO;
        return span;
}

static void print_axes(const struct trib__canvas *canvas, const struct trib__sweep *sweep,
                       const struct span *span)
{
        double threads[64];
        size_t count = 0;

        if (span->is_log)
                (void)fputs("set logscale x 2\n", canvas->stream);
        (void)fprintf(canvas->stream, "set xrange [%.10g:%.10g]\n",
                      span->is_log ? span->first / 1.08 : span->first - 0.02 * span->last,
                      span->is_log ? span->last * 1.08 : span->last * 1.02);
        for (size_t i = 0; i < sweep->point_count && count < 60; i++)
                threads[count++] = sweep->points[i].threads;
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++)
                if (span->last > span->most_measured && sweep->predictions[i].threads > 0)
                        threads[count++] = sweep->predictions[i].threads;
        if (count > 0)
                trib__plot_thread_ticks(canvas, threads, count, span->is_log);
        (void)fprintf(canvas->stream, "set xlabel 'threads' textcolor %s\n",
                      trib__color_of(TRIB__COLOR_TEXT).text);
}

/* Measured points with their intervals. */
static void print_points(FILE *stream, const struct trib__sweep *sweep)
{
        (void)fputs("$points << EOD\n", stream);
        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];
                const double             *ci = point->ops_per_s_ci95;

                (void)fprintf(stream, "%u %.10g %.10g %.10g\n", point->threads, point->ops_per_s,
                              ci[1] > 0 ? fmax(ci[0], 0) : point->ops_per_s,
                              ci[1] > 0 ? ci[1] : point->ops_per_s);
        }
        (void)fputs("EOD\n", stream);
}

/* The fit and its band, inside of what was measured and beyond. */
static bool print_law(FILE *stream, const struct trib__sweep *sweep, const struct span *span,
                      bool *has_band)
{
        struct trib__prediction law[SAMPLES];
        double                  threads[SAMPLES];
        bool                    has_any = false;

        for (int i = 0; i < SAMPLES; i++) {
                double part = (double)i / (SAMPLES - 1);

                threads[i] = span->is_log ? span->first * pow(span->last / span->first, part)
                                          : span->first + part * (span->last - span->first);
        }
        trib__sweep_predict_all(sweep, threads, SAMPLES, law);
        (void)fputs("$law << EOD\n", stream);
        for (int i = 0; i < SAMPLES; i++) {
                struct trib__prediction at = law[i];

                if (!(at.ops_per_s > 0))
                        continue;
                if (!(at.ci95[1] > 0))
                        at.ci95[0] = at.ci95[1] = at.ops_per_s;
                else
                        *has_band = true;
                has_any = true;
                (void)fprintf(stream, "%.10g %.10g %.10g %.10g\n", at.threads, at.ops_per_s,
                              fmin(fmax(at.ci95[0], 0), span->top), fmin(at.ci95[1], span->top));
        }
        (void)fputs("EOD\n", stream);
        return has_any;
}

static bool print_predictions(FILE *stream, const struct trib__sweep *sweep,
                              const struct span *span)
{
        bool has_any = false;

        (void)fputs("$beyond << EOD\n", stream);
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                const struct trib__prediction *at = &sweep->predictions[i];
                bool                           has_ci = at->ci95[1] > 0;

                if (!(at->threads > 0) || !(at->ops_per_s > 0) || at->ops_per_s > span->top)
                        continue;
                has_any = true;
                (void)fprintf(stream, "%.10g %.10g %.10g %.10g\n", at->threads, at->ops_per_s,
                              has_ci ? fmax(at->ci95[0], 0) : at->ops_per_s,
                              has_ci ? fmin(at->ci95[1], span->top) : at->ops_per_s);
        }
        (void)fputs("EOD\n", stream);
        return has_any;
}

/* What a throughput picture holds besides its points. */
struct content {
        bool has_law, has_band, has_beyond, has_ideal;
        bool is_cut; /* an interval leaves the picture */
};

static bool is_cut(const struct trib__sweep *sweep, const struct span *span)
{
        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].ops_per_s_ci95[1] > span->top)
                        return true;
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++)
                if (sweep->predictions[i].threads > 0
                    && sweep->predictions[i].ci95[1] > span->top)
                        return true;
        return false;
}

static void describe_throughput(const struct trib__sweep *sweep, const struct span *span,
                                const struct content *content, struct trib__plot *plot)
{
        const struct trib__point *first = &sweep->points[0];
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));
        struct trib__text caption = trib__text_of(plot->caption, sizeof(plot->caption));

        trib__plot_legend(plot, TRIB__COLOR_MEASURED, TRIB__MARK_POINT,
                          "measured, with its 95 %% interval");
        if (content->has_law)
                trib__plot_legend(plot, TRIB__COLOR_LAW, TRIB__MARK_LINE,
                                  "fit: %sceilings of resources",
                                  !sweep->fit.is_present                  ? ""
                                  : strcmp(sweep->fit.law, "linear") == 0 ? "linear law, "
                                  : strcmp(sweep->fit.law, "amdahl") == 0 ? "Amdahl's law, "
                                                                          : "USL, ");
        if (content->has_band)
                trib__plot_legend(plot, TRIB__COLOR_LAW, TRIB__MARK_AREA,
                                  "95 %% interval of the fit");
        if (content->has_beyond)
                trib__plot_legend(plot, TRIB__COLOR_PREDICTED, TRIB__MARK_RING,
                                  "prediction, not measured");
        if (span->has_limit)
                trib__plot_legend(plot, TRIB__COLOR_LIMIT, TRIB__MARK_DASHES,
                                  "limit of the device (%s)", sweep->limit.bound);
        if (sweep->saturation_threads > 0)
                trib__plot_legend(plot, TRIB__COLOR_SATURATION, TRIB__MARK_DASHES,
                                  "saturation, at %s",
                                  trib__threads_text(sweep->saturation_threads).text);
        if (content->has_ideal)
                trib__plot_legend(plot, TRIB__COLOR_IDEAL, TRIB__MARK_LINE,
                                  "N times one thread");
        trib__text_add(&alt, "Throughput against threads: from %s ops/s at %s to %s ops/s at %s",
                       trib__grouped(first->ops_per_s).text,
                       trib__threads_text(first->threads).text,
                       trib__grouped(last->ops_per_s).text,
                       trib__threads_text(last->threads).text);
        if (sweep->saturation_threads > 0)
                trib__text_add(&alt, "; saturation at %s",
                               trib__threads_text(sweep->saturation_threads).text);
        if (sweep->limit.is_present)
                trib__text_add(&alt, "; the device's limit is %s ops/s",
                               trib__grouped(sweep->limit.ops_per_s).text);
        trib__text_add(&alt, ". The numbers are in the table below.");
        trib__text_add(&caption, "%s", "Throughput in ops/s against threads.");
        if (sweep->limit.is_present && !span->has_limit)
                trib__text_add(&caption, " The limit of the device, %s ops/s (%s), lies above "
                                         "the picture.",
                               trib__grouped(sweep->limit.ops_per_s).text, sweep->limit.bound);
        if (content->is_cut)
                trib__text_add(&caption, " Intervals that touch the upper edge go on above it.");
        if (span->is_log)
                trib__text_add(&caption, " The thread axis is logarithmic.");
}

static void print_throughput(const struct trib__canvas *canvas, const struct trib__sweep *sweep,
                             const struct span *span, const struct content *content)
{
        FILE *stream = canvas->stream;

        (void)fprintf(stream, "set yrange [0:%.10g]\n", span->top);
        trib__plot_ticks(stream, "y", 0, span->top, false);
        if (span->has_limit)
                (void)fprintf(stream,
                              "set arrow 1 from graph 0, first %.10g to graph 1, first %.10g "
                              "nohead lw 1.5 dt (8,5) lc %s\n",
                              sweep->limit.ops_per_s, sweep->limit.ops_per_s,
                              trib__color_of(TRIB__COLOR_LIMIT).text);
        if (sweep->saturation_threads > 0)
                (void)fprintf(stream,
                              "set arrow 2 from first %u, graph 0 to first %u, graph 1 nohead "
                              "lw 1.5 dt (3,4) lc %s\n",
                              sweep->saturation_threads, sweep->saturation_threads,
                              trib__color_of(TRIB__COLOR_SATURATION).text);
        (void)fputs("plot ", stream);
        if (content->has_band)
                (void)fprintf(stream, "$law using 1:3:4 with filledcurves lc %s fs solid 0.18 "
                                      "noborder, ", trib__color_of(TRIB__COLOR_LAW).text);
        if (content->has_ideal)
                (void)fprintf(stream, "%.10g*x with lines lw 1 lc %s, ",
                              sweep->points[0].ops_per_s / sweep->points[0].threads,
                              trib__color_of(TRIB__COLOR_IDEAL).text);
        if (content->has_law)
                (void)fprintf(stream, "$law using 1:2 with lines lw 2 lc %s, ",
                              trib__color_of(TRIB__COLOR_LAW).text);
        if (content->has_beyond)
                (void)fprintf(stream, "$beyond using 1:2:3:4 with yerrorbars pt 6 ps 0.9 lw 1.5 "
                                      "lc %s, ", trib__color_of(TRIB__COLOR_PREDICTED).text);
        (void)fprintf(stream, "$points using 1:2:3:4 with yerrorbars pt 7 ps 0.8 lw 1.5 lc %s\n",
                      trib__color_of(TRIB__COLOR_MEASURED).text);
}

bool trib__plot_throughput(const struct trib__results *results, size_t index,
                           struct trib__plot *plot, enum trib__plot_width width, FILE *stream)
{
        const struct trib__sweep *sweep = results->sweeps[index];
        struct trib__canvas       canvas;
        struct content            content = { 0 };
        struct span               span;

        if (sweep->point_count < 2 || sweep->points[0].threads == 0)
                return false;
        span = span_of(sweep);
        canvas = trib__canvas_begin(stream, width, 0);
        print_axes(&canvas, sweep, &span);
        print_points(stream, sweep);
        content.has_ideal = sweep->points[0].threads == 1;
        content.has_law = print_law(stream, sweep, &span, &content.has_band);
        content.has_beyond = print_predictions(stream, sweep, &span);
        content.is_cut = is_cut(sweep, &span);
        print_throughput(&canvas, sweep, &span, &content);
        if (width == TRIB__PLOT_WIDE)
                describe_throughput(sweep, &span, &content, plot);
        return true;
}

/* The percentiles, the lowest first. */
#define QUANTILES 5

static double quantile_of(const struct trib__latency_us *us, int k)
{
        const double values[QUANTILES] = { us->p50, us->p90, us->p99, us->p999, us->max };

        return values[k];
}

static void print_latency(const struct trib__canvas *canvas, const struct trib__sweep *sweep,
                          const bool *has)
{
        int count = 0;

        (void)fputs("$latency << EOD\n", canvas->stream);
        for (size_t i = 0; i < sweep->point_count; i++) {
                (void)fprintf(canvas->stream, "%u", sweep->points[i].threads);
                for (int k = 0; k < QUANTILES; k++) {
                        double us = quantile_of(&sweep->points[i].latency_us, k);

                        if (us > 0)
                                (void)fprintf(canvas->stream, " %.10g", us);
                        else
                                (void)fputs(" NaN", canvas->stream);
                }
                (void)fputc('\n', canvas->stream);
        }
        (void)fputs("EOD\nplot ", canvas->stream);
        for (int k = 0; k < QUANTILES; k++)
                if (has[k])
                        (void)fprintf(canvas->stream,
                                      "%s$latency using 1:%d with linespoints pt %d ps 0.7 "
                                      "lw 1.8 lc %s", count++ > 0 ? ", " : "", k + 2,
                                      (const int[]){ 7, 5, 9, 13, 6 }[k],
                                      trib__color_of(TRIB__COLOR_LATENCY + (unsigned)k).text);
        (void)fputc('\n', canvas->stream);
}

static void describe_latency(const struct trib__sweep *sweep, const bool *has,
                             struct trib__plot *plot)
{
        static const char *const names[QUANTILES] = { "half of the requests (p50)", "p90", "p99",
                                                      "p99.9", "the slowest (max)" };
        const struct trib__latency_us *first = &sweep->points[0].latency_us;
        const struct trib__latency_us *last = &sweep->points[sweep->point_count - 1].latency_us;
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));

        for (int k = 0; k < QUANTILES; k++)
                if (has[k])
                        trib__plot_legend(plot, TRIB__COLOR_LATENCY + (unsigned)k,
                                          TRIB__MARK_LINE, "%s", names[k]);
        trib__text_add(&alt, "Percentiles of the latency against threads");
        if (first->p50 > 0 && last->p50 > 0)
                trib__text_add(&alt, ": the median goes from %s to %s",
                               trib__duration_us(first->p50).text,
                               trib__duration_us(last->p50).text);
        if (first->p99 > 0 && last->p99 > 0)
                trib__text_add(&alt, ", p99 from %s to %s", trib__duration_us(first->p99).text,
                               trib__duration_us(last->p99).text);
        trib__text_add(&alt, ". The numbers are in the table.");
        (void)snprintf(plot->caption, sizeof(plot->caption),
                       "Latency of the requests against threads. The time axis is logarithmic.");
}

bool trib__plot_latency(const struct trib__results *results, size_t index,
                        struct trib__plot *plot, enum trib__plot_width width, FILE *stream)
{
        const struct trib__sweep *sweep = results->sweeps[index];
        struct trib__canvas       canvas;
        struct span               span;
        bool                      has[QUANTILES] = { false };
        double                    lowest = INFINITY, highest = 0;

        for (size_t i = 0; i < sweep->point_count; i++)
                for (int k = 0; k < QUANTILES; k++) {
                        double us = quantile_of(&sweep->points[i].latency_us, k);

                        if (!(us > 0) || !isfinite(us))
                                continue;
                        has[k] = true;
                        lowest = fmin(lowest, us);
                        highest = fmax(highest, us);
                }
        if (sweep->point_count < 2 || !(highest > 0) || sweep->points[0].threads == 0)
                return false;
        canvas = trib__canvas_begin(stream, width, width == TRIB__PLOT_WIDE ? 320 : 260);
        span = span_of(sweep);
        span.last = span.most_measured;
        span.is_log = span.last / span.first > LINEAR_RATIO;
        print_axes(&canvas, sweep, &span);
        lowest /= 1.25;
        highest *= 1.25;
        (void)fprintf(stream, "set logscale y\nset yrange [%.10g:%.10g]\n", lowest, highest);
        trib__plot_time_ticks(stream, lowest, highest);
        print_latency(&canvas, sweep, has);
        if (width == TRIB__PLOT_WIDE)
                describe_latency(sweep, has, plot);
        return true;
}

static const char *const share_names[] = { "admission", "lock",         "prepare", "submission",
                                           "queue",     "device",       "serial",  "copy",
                                           "notification", "descheduled", "notify" };

unsigned trib__share_color(const char *name, size_t place)
{
        for (unsigned i = 0; i < sizeof(share_names) / sizeof(share_names[0]); i++)
                if (strcmp(name, share_names[i]) == 0)
                        return TRIB__COLOR_SHARE + (i == 10 ? 8 : i);
        return TRIB__COLOR_SHARE + (unsigned)(place % 10);
}

static void print_shares(const struct trib__canvas *canvas, const struct trib__sweep *sweep,
                         double top)
{
        FILE                     *stream = canvas->stream;
        const struct trib__point *widest = &sweep->points[0];
        int                       shown = 0;

        (void)fprintf(stream, "set yrange [0:%.10g]\nset xrange [0.4:%zu.6]\n"
                              "set ytics ('0 %%%%' 0, '25 %%%%' 0.25, '50 %%%%' 0.5, "
                              "'75 %%%%' 0.75, '100 %%%%' 1)\n"
                              "set xlabel 'threads' textcolor %s\nset xtics (",
                      top, sweep->point_count, trib__color_of(TRIB__COLOR_TEXT).text);
        for (size_t i = 0; i < sweep->point_count; i++) {
                size_t stride = 1 + sweep->point_count / (canvas->is_narrow ? 12 : 24);

                if (sweep->points[i].share_count > widest->share_count)
                        widest = &sweep->points[i];
                if (i % stride == 0)
                        (void)fprintf(stream, "%s'%u' %zu", shown++ > 0 ? ", " : "",
                                      sweep->points[i].threads, i + 1);
        }
        (void)fputs(")\n", stream);
        for (size_t k = 0; k < widest->share_count; k++) {
                (void)fprintf(stream, "$share%zu << EOD\n", k);
                for (size_t i = 0; i < sweep->point_count; i++) {
                        const struct trib__point *point = &sweep->points[i];
                        double                    from = 0;

                        if (k >= point->share_count)
                                continue;
                        for (size_t j = 0; j < k; j++)
                                from += fmax(point->shares[j].fraction, 0);
                        if (!(point->shares[k].fraction > 0.0005))
                                continue;
                        (void)fprintf(stream, "%zu %.6f %.6f %.10g %.10g\n", i + 1,
                                      (double)(i + 1) - 0.36, (double)(i + 1) + 0.36,
                                      fmin(from, top),
                                      fmin(from + point->shares[k].fraction, top));
                }
                (void)fputs("EOD\n", stream);
        }
        (void)fputs("plot ", stream);
        for (size_t k = 0; k < widest->share_count; k++)
                (void)fprintf(stream, "%s$share%zu using 1:4:2:3:4:5 with boxxyerror lc %s lw 1 "
                                      "fs solid 1.0 border lc %s", k > 0 ? ", " : "", k,
                              trib__color_of(trib__share_color(widest->shares[k].name, k)).text,
                              trib__color_of(TRIB__COLOR_PAPER).text);
        (void)fputc('\n', stream);
}

static void describe_shares(const struct trib__sweep *sweep, struct trib__plot *plot)
{
        const struct trib__point *widest = &sweep->points[0];
        const struct trib__point *last = &sweep->points[sweep->point_count - 1];
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));

        for (size_t i = 0; i < sweep->point_count; i++)
                if (sweep->points[i].share_count > widest->share_count)
                        widest = &sweep->points[i];
        /* From the top of the pile to its floor, as it is seen. */
        for (size_t k = widest->share_count; k-- > 0;) {
                double most = 0;

                for (size_t i = 0; i < sweep->point_count; i++)
                        if (k < sweep->points[i].share_count)
                                most = fmax(most, sweep->points[i].shares[k].fraction);
                if (most > 0.0005)
                        trib__plot_legend(plot, trib__share_color(widest->shares[k].name, k),
                                          TRIB__MARK_AREA, "%s", widest->shares[k].name);
        }
        trib__text_add(&alt, "Parts of the mean request's time at each thread count; at %s",
                       trib__threads_text(last->threads).text);
        for (size_t k = 0; k < last->share_count; k++)
                if (last->shares[k].fraction >= 0.01)
                        trib__text_add(&alt, ", %s %.0f %%", last->shares[k].name,
                                       100 * last->shares[k].fraction);
        trib__text_add(&alt, ". The numbers are in the table below.");
        (void)snprintf(plot->caption, sizeof(plot->caption),
                       "Parts of the mean request's time at each thread count.");
}

bool trib__plot_shares(const struct trib__results *results, size_t index,
                       struct trib__plot *plot, enum trib__plot_width width, FILE *stream)
{
        const struct trib__sweep *sweep = results->sweeps[index];
        struct trib__canvas       canvas;
        double                    top = 1;
        bool                      has_any = false;

        for (size_t i = 0; i < sweep->point_count; i++) {
                double sum = 0;

                for (size_t k = 0; k < sweep->points[i].share_count; k++)
                        sum += fmax(sweep->points[i].shares[k].fraction, 0);
                has_any = has_any || sum > 0;
                top = fmax(top, fmin(sum, 1.5));
        }
        if (!has_any || sweep->point_count > 64)
                return false;
        canvas = trib__canvas_begin(stream, width, width == TRIB__PLOT_WIDE ? 320 : 260);
        print_shares(&canvas, sweep, top * 1.001);
        if (width == TRIB__PLOT_WIDE)
                describe_shares(sweep, plot);
        return true;
}
