/* SPDX-License-Identifier: Apache-2.0 */
/* shape_layers.c: shapes and cost of attention and convolution. Pure functions. */
#include "base/error.h"
#include "model/shape_priv.h"

#define GREATEST INT64_C(0x7fffffff)

/* ---- attention -------------------------------------------------------------------------- */

static trib_status check_attention(const struct trib__node *node, const struct trib__shape *in,
                                   trib_error *err)
{
        const struct trib__shape *q = &in[0], *k = &in[1], *v = &in[2];
        int64_t                   heads = node->attention.heads;
        int32_t                   last = q->rank - 1;

        if (q->rank < 2 || k->rank != q->rank || v->rank != q->rank)
                return trib__shape_mismatch(node, q, q->rank != k->rank ? k : v,
                                            "q, k and v are [..., rows, heads x width]", err);
        for (int i = 0; i < 3; i++)
                for (int32_t j = 0; j < last - 1; j++)
                        if (!trib__dims_agree(in[i].dims[j], in[(i + 1) % 3].dims[j]))
                                return trib__shape_mismatch(node, &in[i], &in[(i + 1) % 3],
                                                            "the leading dimensions must be equal",
                                                            err);
        if (!trib__dims_agree(q->dims[last], k->dims[last]))
                return trib__shape_mismatch(node, q, k, "q and k must be equally wide", err);
        if (!trib__dims_agree(k->dims[last - 1], v->dims[last - 1]))
                return trib__shape_mismatch(node, k, v, "k and v must have equally many rows", err);
        for (int i = 0; i < 3; i++)
                if (in[i].dims[last] != TRIB__ANY && in[i].dims[last] % heads != 0) {
                        char text[96];

                        return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                          "attention: %s: the width must be a multiple of the %lld "
                                          "heads", trib__shape_text(&in[i], text, sizeof(text)),
                                          (long long)heads);
                }
        if (node->attention.is_causal && q->dims[last - 1] != TRIB__ANY &&
            k->dims[last - 1] != TRIB__ANY && q->dims[last - 1] > k->dims[last - 1])
                return trib__shape_mismatch(node, q, k,
                                            "causal, k must have at least as many rows as q", err);
        return TRIB_OK;
}

trib_status trib__shape_infer_attention(const struct trib__node  *node,
                                        const struct trib__shape *in, struct trib__shape *out,
                                        trib_error *err)
{
        trib_status status = check_attention(node, in, err);

        if (status != TRIB_OK)
                return status;
        *out = in[0];
        for (int32_t i = 0; i < out->rank - 2; i++)
                if (out->dims[i] == TRIB__ANY)
                        out->dims[i] = in[1].dims[i] != TRIB__ANY ? in[1].dims[i] : in[2].dims[i];
        out->dims[out->rank - 1] = in[2].dims[in[2].rank - 1];
        return TRIB_OK;
}

/* Two products and 4 a softmax, for every pair of a row of q and a row of k that it may see. */
double trib__attention_flops(const struct trib__node *node, const struct trib__shape *in)
{
        int32_t last = in[0].rank - 1;
        double  rows = (double)in[0].dims[last - 1], k_rows = (double)in[1].dims[last - 1];
        double  width = (double)in[0].dims[last], v_width = (double)in[2].dims[last];
        double  batch = trib__shape_count(&in[0]) / (rows * width);
        double  pairs = rows * k_rows;

        if (node->attention.is_causal)
                pairs -= rows * (rows - 1) / 2;
        return batch * pairs * (2 * (width + v_width) + 4 * (double)node->attention.heads);
}

/* ---- convolution ------------------------------------------------------------------------ */

static trib_status check_conv2d(const struct trib__node *node, const struct trib__shape *in,
                                trib_error *err)
{
        const struct trib__shape *x = &in[0], *w = &in[1], *b = &in[2];
        int64_t                   groups = node->conv2d.groups, channels;

        if (x->rank != 4 || w->rank != 4)
                return trib__shape_mismatch(node, x, w,
                                            "x is [batch, channels, rows, columns], w [out "
                                            "channels, channels / groups, rows, columns]", err);
        if (__builtin_mul_overflow(w->dims[1], groups, &channels) ||
            !trib__dims_agree(x->dims[1], channels) || w->dims[0] % groups != 0) {
                char one[96], two[96];

                return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                  "conv2d: %s and %s: the channels do not go together with %lld "
                                  "group%s", trib__shape_text(x, one, sizeof(one)),
                                  trib__shape_text(w, two, sizeof(two)), (long long)groups,
                                  groups == 1 ? "" : "s");
        }
        if (node->n_inputs > 2 && (b->rank != 1 || b->dims[0] != w->dims[0]))
                return trib__shape_mismatch(node, w, b, "the bias is [out channels]", err);
        return TRIB_OK;
}

/* How often the kernel fits along one dimension; 0 if it does not. Strides and so on are below
 * 2^31, so that only the sizes can be too large. */
static int64_t outputs_along(int64_t size, int64_t kernel, const struct trib__conv2d *c, int side)
{
        int64_t span;

        if (size > GREATEST || kernel > GREATEST)
                return 0;
        span = c->dilation[side] * (kernel - 1) + 1;
        if (size + 2 * c->padding[side] < span)
                return 0;
        return (size + 2 * c->padding[side] - span) / c->stride[side] + 1;
}

trib_status trib__shape_infer_conv2d(const struct trib__node *node, const struct trib__shape *in,
                                     struct trib__shape *out, trib_error *err)
{
        trib_status status = check_conv2d(node, in, err);

        if (status != TRIB_OK)
                return status;
        *out = in[0];
        out->dims[1] = in[1].dims[0];
        for (int side = 0; side < 2; side++) {
                if (out->dims[2 + side] == TRIB__ANY)
                        continue;
                out->dims[2 + side] = outputs_along(in[0].dims[2 + side], in[1].dims[2 + side],
                                                    &node->conv2d, side);
                if (out->dims[2 + side] < 1)
                        return trib__shape_mismatch(node, &in[0], &in[1],
                                                    "the kernel does not fit into the padded input",
                                                    err);
        }
        return TRIB_OK;
}
