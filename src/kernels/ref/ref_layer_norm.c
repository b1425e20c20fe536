/* SPDX-License-Identifier: Apache-2.0 */
/* ref_layer_norm.c: y = (x - mean) / sqrt(variance + epsilon) * scale + shift, row by row; the
 * variance is that of the whole row (divided by its length), in two passes. */
#include <math.h>

#include "kernels/ref/ref.h"
#include "tensor/convert.h"

static void normalise_row(const struct trib__ref_layer_norm *p, size_t first)
{
        size_t length = (size_t)p->length;
        double sum = 0.0, squares = 0.0;
        double mean, deviation;

        for (size_t i = 0; i < length; i++)
                sum += trib__load_as_f64(p->dtype, p->x, first + i);
        mean = sum / (double)length;
        for (size_t i = 0; i < length; i++) {
                double off = trib__load_as_f64(p->dtype, p->x, first + i) - mean;

                squares += off * off;
        }
        deviation = sqrt(squares / (double)length + p->epsilon);
        /* Each element is read before it is written, so that y may be x. */
        for (size_t i = 0; i < length; i++) {
                double y = (trib__load_as_f64(p->dtype, p->x, first + i) - mean) / deviation;

                if (p->scale != NULL)
                        y *= trib__load_as_f64(p->dtype, p->scale, i);
                if (p->shift != NULL)
                        y += trib__load_as_f64(p->dtype, p->shift, i);
                trib__store_from_f64(p->dtype, p->y, first + i, y);
        }
}

trib_status trib__ref_layer_norm(const struct trib__ref_layer_norm *p)
{
        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int64_t row = 0; row < p->rows; row++)
                normalise_row(p, (size_t)(row * p->length));
        return TRIB_OK;
}
