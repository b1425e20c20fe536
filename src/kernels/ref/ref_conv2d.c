/* SPDX-License-Identifier: Apache-2.0 */
/* ref_conv2d.c: two-dimensional convolution as it is defined, element of y by element of y. */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_priv.h"
#include "tensor/convert.h"

/* The products of one channel, for the output at row, column. */
static double one_channel(const struct trib__ref_conv2d *p, int64_t x_at, int64_t w_at,
                          const int64_t position[2])
{
        const struct trib__conv2d *g = &p->geometry;
        double                     sum = 0;

        for (int64_t i = 0; i < p->kernel[0]; i++) {
                int64_t row = position[0] * g->stride[0] - g->padding[0] + i * g->dilation[0];

                if (row < 0 || row >= p->in[0])
                        continue;
                for (int64_t j = 0; j < p->kernel[1]; j++) {
                        int64_t column = position[1] * g->stride[1] - g->padding[1] +
                                         j * g->dilation[1];

                        if (column < 0 || column >= p->in[1])
                                continue;
                        sum += trib__load_as_f64(p->dtype, p->x,
                                                 (size_t)(x_at + row * p->in[1] + column)) *
                               trib__load_as_f64(p->dtype, p->w,
                                                 (size_t)(w_at + i * p->kernel[1] + j));
                }
        }
        return sum;
}

static void one_plane(const struct trib__ref_conv2d *p, int64_t batch, int64_t out_channel)
{
        int64_t in_group = p->in_channels / p->geometry.groups;
        int64_t group = out_channel / (p->out_channels / p->geometry.groups);
        int64_t x_plane = p->in[0] * p->in[1], w_plane = p->kernel[0] * p->kernel[1];
        int64_t x_at = (batch * p->in_channels + group * in_group) * x_plane;
        int64_t w_at = out_channel * in_group * w_plane;
        int64_t y_at = (batch * p->out_channels + out_channel) * p->out[0] * p->out[1];

        for (int64_t i = 0; i < p->out[0] * p->out[1]; i++) {
                const int64_t position[2] = { i / p->out[1], i % p->out[1] };
                double        sum = 0;

                for (int64_t c = 0; c < in_group; c++)
                        sum += one_channel(p, x_at + c * x_plane, w_at + c * w_plane, position);
                if (p->b != NULL)
                        sum += trib__load_as_f64(p->dtype, p->b, (size_t)out_channel);
                trib__store_from_f64(p->dtype, p->y, (size_t)(y_at + i),
                                     trib__ref_apply(p->activation, sum));
        }
}

trib_status trib__ref_conv2d(const struct trib__ref_conv2d *p)
{
        if (!trib__dtype_is_float(p->dtype) ||
            (p->activation != TRIB__OP_COUNT && !trib__ref_is_unary(p->activation)))
                return TRIB_UNSUPPORTED;
        for (int64_t batch = 0; batch < p->batch; batch++)
                for (int64_t channel = 0; channel < p->out_channels; channel++)
                        one_plane(p, batch, channel);
        return TRIB_OK;
}
