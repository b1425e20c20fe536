/* SPDX-License-Identifier: Apache-2.0 */
/* ref_softmax.c: y = exp(x - m) / sum of exp(x - m) along one dimension, m the maximum there.
 * NaN or +inf anywhere, or -inf everywhere, gives NaN along the whole line, as the formula has
 * it. */
#include <math.h>

#include "kernels/ref/ref.h"
#include "tensor/convert.h"

/* `count` elements from `first` on, `step` apart. */
static void softmax_line(const struct trib__ref_softmax *p, int64_t first, int64_t step,
                         int64_t count)
{
        double largest = -HUGE_VAL;
        double sum = 0.0;

        for (int64_t i = 0; i < count; i++) {
                double x = trib__load_as_f64(p->dtype, p->x, (size_t)(first + i * step));

                if (x > largest)
                        largest = x;
        }
        for (int64_t i = 0; i < count; i++)
                sum += exp(trib__load_as_f64(p->dtype, p->x, (size_t)(first + i * step)) -
                           largest);
        /* Each element is read before it is written, so that y may be x. */
        for (int64_t i = 0; i < count; i++) {
                size_t at = (size_t)(first + i * step);
                double x = trib__load_as_f64(p->dtype, p->x, at);

                trib__store_from_f64(p->dtype, p->y, at, exp(x - largest) / sum);
        }
}

trib_status trib__ref_softmax(const struct trib__ref_softmax *p)
{
        int64_t outer = 1, inner = 1;

        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        for (int d = 0; d < p->rank; d++) {
                if (d < p->axis)
                        outer *= p->shape[d];
                else if (d > p->axis)
                        inner *= p->shape[d];
        }
        for (int64_t o = 0; o < outer; o++)
                for (int64_t i = 0; i < inner; i++)
                        softmax_line(p, o * p->shape[p->axis] * inner + i, inner,
                                     p->shape[p->axis]);
        return TRIB_OK;
}
