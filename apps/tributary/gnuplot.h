/* SPDX-License-Identifier: Apache-2.0 */
/* gnuplot.h: draws the plots of a report by the gnuplot of this machine, if there is one. */
#ifndef TRIB_APPS_GNUPLOT_H
#define TRIB_APPS_GNUPLOT_H

#include "report/plot.h"

/* Draw every plot. What could not be drawn stays so, and plots->missing says why and what to do;
 * that is no failure. Blocks for some tenths of a second, and never longer than the deadlines of
 * gnuplot.c. */
void trib_gnuplot_draw(struct trib__plots *plots);

#endif
