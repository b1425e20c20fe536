/* SPDX-License-Identifier: Apache-2.0 */
/* beta.h: the regularised incomplete beta function, of which the distributions of Student and the
 * binomial are made. Holds no state, takes no lock. */
#ifndef TRIB_BASE_BETA_H
#define TRIB_BASE_BETA_H

/* I_x(a, b) of a and b above 0: from 0 at x <= 0 to 1 at x >= 1.
 * Threads: any.   Blocks: no. */
double trib__incomplete_beta(double x, double a, double b);

#endif
