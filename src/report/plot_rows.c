/* SPDX-License-Identifier: Apache-2.0 */
/* plot_rows.c: pictures of rows with names: sizes at few and many threads, and variants of an
 * option. The name stands above its row, so that long ones have room. */
#include <math.h>
#include <string.h>

#include "analysis/format.h"
#include "report/plot_priv.h"

#define ROWS_MAX 24
#define ROW_PIXELS 46u
#define FRAME_PIXELS 90u

struct row {
        char   name[192];
        char   verdict[64];
        double low, middle, high; /* low = middle = high: a dot */
        bool   is_strong;
};

struct rows {
        struct row rows[ROWS_MAX];
        size_t     count;
        size_t     left_out;
};

/* A row's place: 1 is the lowest. */
static double place_of(const struct rows *rows, size_t at)
{
        return (double)(rows->count - at);
}

static struct trib__canvas begin_rows(FILE *stream, enum trib__plot_width width,
                                      const struct rows *rows)
{
        struct trib__canvas canvas = trib__canvas_begin(
                stream, width, FRAME_PIXELS + ROW_PIXELS * (unsigned)rows->count);
        size_t room = canvas.is_narrow ? 40 : 76;

        (void)fprintf(stream,
                      "set border 1\nunset ytics\nset grid noytics xtics lt 1 lw 1 lc %s\n"
                      "set yrange [0.6:%zu.75]\nset lmargin 3\nset rmargin 3\n",
                      trib__color_of(TRIB__COLOR_GRID).text, rows->count);
        for (size_t i = 0; i < rows->count; i++) {
                double above = place_of(rows, i) + 0.40;

                (void)fputs("set label ", stream);
                trib__plot_quoted(stream, rows->rows[i].name,
                                  room - strlen(rows->rows[i].verdict) / 2);
                (void)fprintf(stream, " at graph 0, first %.3f left front textcolor %s\n", above,
                              trib__color_of(TRIB__COLOR_TEXT).text);
                (void)fputs("set label ", stream);
                trib__plot_quoted(stream, rows->rows[i].verdict, 64);
                (void)fprintf(stream, " at graph 1, first %.3f right front textcolor %s\n", above,
                              trib__color_of(rows->rows[i].is_strong ? TRIB__COLOR_MEASURED
                                                                     : TRIB__COLOR_TEXT).text);
        }
        (void)fputs("$rows << EOD\n", stream);
        for (size_t i = 0; i < rows->count; i++)
                (void)fprintf(stream, "%.10g %.10g %.10g %.3f\n", rows->rows[i].low,
                              rows->rows[i].middle, rows->rows[i].high, place_of(rows, i));
        (void)fputs("EOD\n", stream);
        return canvas;
}

/* The sizes of one run from `index` on, at their fewest and most threads. */
static void collect_sizes(const struct trib__results *results, size_t index, struct rows *rows,
                          unsigned threads[2])
{
        memset(rows, 0, sizeof(*rows));
        for (size_t i = index; i < results->sweep_count; i++) {
                const struct trib__sweep *sweep = results->sweeps[i];
                const struct trib__point *first, *last;
                struct row               *row = &rows->rows[rows->count];

                if (sweep->kind != TRIB__SWEEP_SIZES || sweep->point_count == 0)
                        break;
                first = &sweep->points[0];
                last = &sweep->points[sweep->point_count - 1];
                if (first == last || !(first->ops_per_s > 0) || !(last->ops_per_s > 0))
                        continue;
                if (rows->count == ROWS_MAX) {
                        rows->left_out++;
                        continue;
                }
                if (rows->count == 0) {
                        threads[0] = first->threads;
                        threads[1] = last->threads;
                } else if (first->threads != threads[0] || last->threads != threads[1]) {
                        continue;
                }
                (void)trib__workload_text(&sweep->workload, row->name, sizeof(row->name));
                row->low = first->ops_per_s;
                row->middle = row->high = last->ops_per_s;
                (void)snprintf(row->verdict, sizeof(row->verdict), "%.2fx",
                               last->ops_per_s / first->ops_per_s);
                row->is_strong = last->ops_per_s > 1.05 * first->ops_per_s;
                rows->count++;
        }
}

static void describe_sizes(const struct rows *rows, const unsigned *threads,
                           struct trib__plot *plot)
{
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));

        trib__plot_legend(plot, TRIB__COLOR_IDEAL, TRIB__MARK_RING, "%s",
                          trib__threads_text(threads[0]).text);
        trib__plot_legend(plot, TRIB__COLOR_MEASURED, TRIB__MARK_POINT, "%s",
                          trib__threads_text(threads[1]).text);
        trib__text_add(&alt, "Throughput of each size with %u and %u threads",
                       threads[0], threads[1]);
        for (size_t i = 0; i < rows->count && trib__text_room(&alt) > 160; i++)
                trib__text_add(&alt, "%s %s: %s", i == 0 ? ":" : ";", rows->rows[i].name,
                               rows->rows[i].verdict);
        trib__text_add(&alt, ".");
        (void)snprintf(plot->caption, sizeof(plot->caption),
                       "Throughput of each size in ops/s with %u and %u threads, and their ratio. "
                       "The axis is logarithmic.%s", threads[0], threads[1],
                       rows->left_out > 0 ? " More sizes are in the table." : "");
}

bool trib__plot_sizes(const struct trib__results *results, size_t index, struct trib__plot *plot,
                      enum trib__plot_width width, FILE *stream)
{
        struct rows rows;
        unsigned    threads[2] = { 0, 0 };
        double      lowest = INFINITY, highest = 0;

        collect_sizes(results, index, &rows, threads);
        if (rows.count < 2)
                return false;
        for (size_t i = 0; i < rows.count; i++) {
                lowest = fmin(lowest, fmin(rows.rows[i].low, rows.rows[i].high));
                highest = fmax(highest, fmax(rows.rows[i].low, rows.rows[i].high));
        }
        lowest /= 1.3;
        highest *= 1.3;
        (void)begin_rows(stream, width, &rows);
        (void)fprintf(stream, "set logscale x\nset xrange [%.10g:%.10g]\n", lowest, highest);
        trib__plot_ticks(stream, "x", lowest, highest, true);
        (void)fprintf(stream,
                      "plot $rows using 1:4:($3-$1):(0) with vectors nohead lw 2 lc %s, "
                      "$rows using 1:4 with points pt 6 ps 0.9 lw 1.5 lc %s, "
                      "$rows using 3:4 with points pt 7 ps 0.9 lc %s\n",
                      trib__color_of(TRIB__COLOR_IDEAL).text,
                      trib__color_of(TRIB__COLOR_IDEAL).text,
                      trib__color_of(TRIB__COLOR_MEASURED).text);
        if (width == TRIB__PLOT_WIDE)
                describe_sizes(&rows, threads, plot);
        return true;
}

/* Each variant but the first, at each thread count at which it can be compared with that. */
static void collect_variants(const struct trib__ablation *ablation, struct rows *rows)
{
        memset(rows, 0, sizeof(*rows));
        for (size_t i = 1; i < ablation->variant_count; i++) {
                const struct trib__variant *variant = &ablation->variants[i];

                for (size_t k = 0; k < variant->sweep->point_count; k++) {
                        const struct trib__point      *point = &variant->sweep->points[k];
                        const struct trib__difference *difference = &point->difference;
                        struct row                    *row = &rows->rows[rows->count];

                        if (!difference->is_present || !isfinite(difference->percent)
                            || !isfinite(difference->ci95[0]) || !isfinite(difference->ci95[1]))
                                continue;
                        if (rows->count == ROWS_MAX) {
                                rows->left_out++;
                                continue;
                        }
                        (void)snprintf(row->name, sizeof(row->name), "%.40s, not %.40s, at %s",
                                       variant->value, ablation->variants[0].value,
                                       trib__threads_text(point->threads).text);
                        if (difference->is_shown)
                                (void)snprintf(row->verdict, sizeof(row->verdict), "%+.1f %%",
                                               difference->percent);
                        else
                                (void)snprintf(row->verdict, sizeof(row->verdict),
                                               "no difference shown");
                        row->is_strong = difference->is_shown;
                        row->low = difference->ci95[0];
                        row->middle = difference->percent;
                        row->high = difference->ci95[1];
                        rows->count++;
                }
        }
}

static void describe_variants(const struct trib__ablation *ablation, const struct rows *rows,
                              struct trib__plot *plot)
{
        struct trib__text alt = trib__text_of(plot->alt, sizeof(plot->alt));

        trib__plot_legend(plot, TRIB__COLOR_MEASURED, TRIB__MARK_POINT,
                          "difference in throughput");
        trib__plot_legend(plot, TRIB__COLOR_MEASURED, TRIB__MARK_LINE, "its 95 %% interval");
        trib__text_add(&alt, "Difference in throughput to %s=%s", ablation->option,
                       ablation->variants[0].value);
        for (size_t i = 0; i < rows->count && trib__text_room(&alt) > 160; i++)
                trib__text_add(&alt, "%s %s: %s", i == 0 ? ":" : ";", rows->rows[i].name,
                               rows->rows[i].verdict);
        trib__text_add(&alt, ".");
        (void)snprintf(plot->caption, sizeof(plot->caption),
                       "Difference in throughput to %.60s=%.60s, in percent. An interval that "
                       "crosses zero shows no difference.%s", ablation->option,
                       ablation->variants[0].value,
                       rows->left_out > 0 ? " More variants are in the table." : "");
}

bool trib__plot_ablation(const struct trib__results *results, size_t index,
                         struct trib__plot *plot, enum trib__plot_width width, FILE *stream)
{
        const struct trib__ablation *ablation = results->ablations[index];
        struct rows                  rows;
        double                       lowest = -1, highest = 1, most = 0, room;

        collect_variants(ablation, &rows);
        if (rows.count == 0)
                return false;
        for (size_t i = 0; i < rows.count; i++)
                most = fmax(most, fabs(rows.rows[i].middle));
        /* A wide interval leaves the picture, or the others would be dots. */
        most = 20 + 2.5 * most;
        for (size_t i = 0; i < rows.count; i++) {
                lowest = fmin(lowest, fmax(rows.rows[i].low, -most));
                highest = fmax(highest, fmin(rows.rows[i].high, most));
        }
        room = 0.05 * (highest - lowest);
        (void)begin_rows(stream, width, &rows);
        (void)fprintf(stream,
                      "set xrange [%.10g:%.10g]\nset xlabel 'percent' textcolor %s\n"
                      "set arrow 1 from first 0, graph 0 to first 0, graph 1 nohead lw 1.2 lc %s\n",
                      lowest - room, highest + room, trib__color_of(TRIB__COLOR_TEXT).text,
                      trib__color_of(TRIB__COLOR_AXIS).text);
        trib__plot_ticks(stream, "x", lowest - room, highest + room, false);
        (void)fprintf(stream,
                      "plot $rows using 2:4:1:3 with xerrorbars pt 7 ps 0.9 lw 1.8 lc %s\n",
                      trib__color_of(TRIB__COLOR_MEASURED).text);
        if (width == TRIB__PLOT_WIDE)
                describe_variants(ablation, &rows, plot);
        return true;
}
