/* SPDX-License-Identifier: Apache-2.0 */
/* plot_priv.h: writing one script. Colours are those of the page's style sheet by number. */
#ifndef TRIB_REPORT_PLOT_PRIV_H
#define TRIB_REPORT_PLOT_PRIV_H

#include "report/plot.h"

enum trib__color {
        TRIB__COLOR_MEASURED = 1,
        TRIB__COLOR_LAW,
        TRIB__COLOR_LIMIT,
        TRIB__COLOR_SATURATION,
        TRIB__COLOR_PREDICTED,
        TRIB__COLOR_IDEAL,
        TRIB__COLOR_AXIS,
        TRIB__COLOR_GRID,
        TRIB__COLOR_TEXT,
        TRIB__COLOR_PAPER,
        TRIB__COLOR_SHARE = 20,   /* and the eleven behind it */
        TRIB__COLOR_LATENCY = 40, /* and the four behind it   */
        TRIB__COLOR_LAST = 63
};

/* A canvas in pixels. */
struct trib__canvas {
        FILE    *stream;
        bool     is_narrow;
        unsigned width, height, font;
};

/* Terminal, size, axes without ticks, no legend. `height` 0: the usual. */
struct trib__canvas trib__canvas_begin(FILE *stream, enum trib__plot_width width, unsigned height);

/* "rgb '#0100kk'". */
struct trib__color_text {
        char text[16];
};
struct trib__color_text trib__color_of(unsigned color);

/* 1, 2 or 5 times a power of ten: the least such step that divides `range`, above 0, into no more
 * than so many. */
double trib__plot_step(double range, double steps);

/* What: text in gnuplot's single quotes, where nothing but the quote is special, which becomes a
 * typographic one; what is no printable UTF-8 becomes '?'. Cut behind `most` characters, shown by
 * "...". */
void trib__plot_quoted(FILE *stream, const char *text, size_t most);

/* Ticks of an axis ("x" or "y") at values from lowest to highest with steps of 1, 2 or 5 times a
 * power of ten, grouped by thousands; from decade to decade if `is_log`. */
void trib__plot_ticks(FILE *stream, const char *axis, double lowest, double highest, bool is_log);

/* The same with durations, in microseconds, on a logarithmic axis. */
void trib__plot_time_ticks(FILE *stream, double lowest, double highest);

/* Ticks of the x axis at thread counts, as many as have room. */
void trib__plot_thread_ticks(const struct trib__canvas *canvas, const double *threads,
                             size_t count, bool is_log);

/* Add a line to the legend. */
TRIB_PRINTF(4, 5)
void trib__plot_legend(struct trib__plot *plot, unsigned color, enum trib__mark mark,
                       const char *format, ...);

/* One picture, of sweep or ablation `index`: true if there are numbers for it; writes a script of
 * that width, and for the wide one fills the words. */
typedef bool trib__plot_writer(const struct trib__results *results, size_t index,
                               struct trib__plot *plot, enum trib__plot_width width, FILE *stream);

trib__plot_writer trib__plot_throughput, trib__plot_latency, trib__plot_shares;
trib__plot_writer trib__plot_sizes, trib__plot_ablation, trib__plot_load;

/* The colour of a part of a request's time, by its name; those of others by their place. */
unsigned trib__share_color(const char *name, size_t place);

/* What: gnuplot's SVG, taken apart and written anew: known elements and attributes only, without
 * fonts, ids made unique by `prefix`, colours as variables. False: it is none. */
bool trib__svg_clean(const char *bytes, size_t size, const char *prefix, FILE *stream);

#endif
