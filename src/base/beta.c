/* SPDX-License-Identifier: Apache-2.0 */
/* beta.c: see beta.h. */
#include "base/beta.h"

#include <math.h>

#define FRACTION_STEPS 100000 /* it needs about the root of the larger parameter */
#define TINY 1e-300 /* in place of a denominator of 0 */

/* lgamma writes a global; lgamma_r does not. */
static double log_gamma(double x)
{
        int sign;

        return lgamma_r(x, &sign);
}

/* The continued fraction of the function, by Lentz's method. */
static double beta_fraction(double x, double a, double b)
{
        double c = 1, d = 1 - (a + b) * x / (a + 1), value;

        d = 1 / (fabs(d) < TINY ? TINY : d);
        value = d;
        for (int m = 1; m <= FRACTION_STEPS; m++) {
                double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
                double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
                double steps[2] = { even, odd }, last = 0;

                for (int i = 0; i < 2; i++) {
                        d = 1 + steps[i] * d;
                        d = 1 / (fabs(d) < TINY ? TINY : d);
                        c = 1 + steps[i] / c;
                        c = fabs(c) < TINY ? TINY : c;
                        last = c * d;
                        value *= last;
                }
                if (fabs(last - 1) < 1e-14)
                        break;
        }
        return value;
}

double trib__incomplete_beta(double x, double a, double b)
{
        double front;

        if (x <= 0 || x >= 1)
                return x <= 0 ? 0 : 1;
        front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x)
                    + b * log1p(-x));
        if (x < (a + 1) / (a + b + 2))
                return front * beta_fraction(x, a, b) / a;
        return 1 - front * beta_fraction(1 - x, b, a) / b;
}
