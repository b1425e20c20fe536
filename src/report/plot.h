/* SPDX-License-Identifier: Apache-2.0 */
/* plot.h: the pictures of a report, and what holds them: a page, a folder.
 *
 * A picture is a script for gnuplot, in two sizes (for a wide and a narrow page), and words:
 * caption, legend, and what it shows for those who do not see it. Nobody here starts a process: the
 * one who has a gnuplot draws the scripts and hands back the SVG, which becomes part of a page only
 * after it was taken apart and written anew from what is known to be harmless. Its colours are
 * numbers, `rgb(1,0,k)` in gnuplot and `var(--ck)` in the page, so that the page's style sheet
 * decides.
 *
 *     results ─> trib__plots_create ─> scripts ─(gnuplot)─> trib__plots_take_svg ─> page
 *
 * Locks: none. Plots belong to one thread. */
#ifndef TRIB_REPORT_PLOT_H
#define TRIB_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <tributary/status.h>

#include "analysis/measurements.h"
#include "report/table.h"

enum trib__plot_width { TRIB__PLOT_WIDE, TRIB__PLOT_NARROW, TRIB__PLOT_WIDTHS };

#define TRIB__PLOTS_MAX 48u /* of one report; the rest is left out, and counted */
#define TRIB__LEGEND_MAX 14u

/* How a legend shows its colour. */
enum trib__mark { TRIB__MARK_POINT, TRIB__MARK_RING, TRIB__MARK_TRIANGLE, TRIB__MARK_LINE,
                  TRIB__MARK_DASHES, TRIB__MARK_AREA };

struct trib__legend {
        char            text[96];
        unsigned        color;
        enum trib__mark mark;
};

struct trib__plot {
        enum trib__figure   figure;
        size_t              index;     /* of its sweep, or ablation */
        char                caption[TRIB__TEXT_BYTES];
        char                alt[TRIB__TEXT_BYTES];
        struct trib__legend legend[TRIB__LEGEND_MAX];
        size_t              legend_count;
        char               *scripts[TRIB__PLOT_WIDTHS]; /* of open_memstream; owned */
        char               *svg[TRIB__PLOT_WIDTHS];     /* the same; NULL: not drawn */
};

struct trib__plots {
        struct trib__plot *items;   /* owned */
        size_t             count;
        size_t             left_out;
        char               missing[TRIB__TEXT_BYTES]; /* why there are none, or not all; or "" */
};

/* What: the scripts of every picture that the results, concluded before, have numbers for.
 * Ownership: the caller releases *plots, also after a failure.
 * Threads: any.   Blocks: no; up to some tenths of a second for many sweeps.
 * Errors: TRIB_OUT_OF_MEMORY.   Since: 0.1 */
TRIB_MUST_USE trib_status trib__plots_create(const struct trib__results *results,
                                             struct trib__plots *plots, trib_error *err);
void trib__plots_release(struct trib__plots *plots);

/* What: take what gnuplot drew. TRIB_INVALID_ARGUMENT: that is no SVG of the expected kind; the
 * picture stays undrawn.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__plots_take_svg(struct trib__plots *plots, size_t at,
                                               enum trib__plot_width width, const char *bytes,
                                               size_t size, trib_error *err);

/* What: the page. `plots` may be NULL.
 * Blocks: on the stream, which keeps its errors.   Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_html(const struct trib__results *results,
                                            const struct trib__plots *plots, FILE *stream,
                                            trib_error *err);

/* What: whether --out means a folder: the name ends in a slash, or it is one. */
bool trib__report_is_folder(const char *path);

/* What: whether the folder's files can be written, to be asked before a long measurement. A folder
 * that is not there is made and removed again.
 * Errors: TRIB_IO, TRIB_NOT_FOUND. */
TRIB_MUST_USE trib_status trib__report_check_folder(const char *path, trib_error *err);

/* What: results.json, tables.csv, report.md and report.html into the folder, which is made if its
 * parent is there: all of them as new ones, or all as they were. `plots` may be NULL.
 * Errors: TRIB_IO, TRIB_NOT_FOUND, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__report_write_folder(const struct trib__results *results,
                                                    const struct trib__plots *plots,
                                                    const char *path, trib_error *err);
const char *trib__report_folder_files(void); /* their names, for people */

/* What: the page alone to a file. */
TRIB_MUST_USE trib_status trib__report_write_page(const struct trib__results *results,
                                                  const struct trib__plots *plots,
                                                  const char *path, trib_error *err);

#endif
