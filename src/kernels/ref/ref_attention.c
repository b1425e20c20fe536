/* SPDX-License-Identifier: Apache-2.0 */
/* ref_attention.c: softmax(scale q k') v, head by head, row by row. Scores are worked out as often
 * as they are needed: for the largest, and for each block of columns of v. */
#include <math.h>

#include "kernels/ref/ref.h"
#include "tensor/convert.h"

#define COLUMNS 64

/* One row of q in one head. */
struct row {
        const struct trib__ref_attention *p;
        int64_t                           batch, head, row, visible; /* rows of k           */
};

static double score(const struct row *r, int64_t k_row)
{
        const struct trib__ref_attention *p = r->p;
        int64_t q_at = ((r->batch * p->q_rows + r->row) * p->heads + r->head) * p->width;
        int64_t k_at = ((r->batch * p->k_rows + k_row) * p->heads + r->head) * p->width;
        double  sum = 0;

        for (int64_t i = 0; i < p->width; i++)
                sum += trib__load_as_f64(p->dtype, p->q, (size_t)(q_at + i)) *
                       trib__load_as_f64(p->dtype, p->k, (size_t)(k_at + i));
        return sum * p->scale;
}

static void attend(const struct row *r)
{
        const struct trib__ref_attention *p = r->p;
        int64_t y_at = ((r->batch * p->q_rows + r->row) * p->heads + r->head) * p->v_width;
        double  largest = -HUGE_VAL;

        for (int64_t j = 0; j < r->visible; j++) {
                double s = score(r, j);

                if (s > largest)
                        largest = s;
        }
        for (int64_t first = 0; first < p->v_width; first += COLUMNS) {
                int    count = (int)(p->v_width - first < COLUMNS ? p->v_width - first : COLUMNS);
                double sums[COLUMNS] = { 0 }, total = 0;

                for (int64_t j = 0; j < r->visible; j++) {
                        int64_t v_at = ((r->batch * p->k_rows + j) * p->heads + r->head) *
                                               p->v_width + first;
                        double weight = exp(score(r, j) - largest);

                        total += weight;
                        for (int c = 0; c < count; c++)
                                sums[c] += weight *
                                           trib__load_as_f64(p->dtype, p->v, (size_t)(v_at + c));
                }
                for (int c = 0; c < count; c++)
                        trib__store_from_f64(p->dtype, p->y, (size_t)(y_at + first + c),
                                             sums[c] / total);
        }
}

trib_status trib__ref_attention(const struct trib__ref_attention *p)
{
        struct row r = { .p = p };

        if (!trib__dtype_is_float(p->dtype))
                return TRIB_UNSUPPORTED;
        for (r.batch = 0; r.batch < p->batch; r.batch++)
                for (r.head = 0; r.head < p->heads; r.head++)
                        for (r.row = 0; r.row < p->q_rows; r.row++) {
                                r.visible = p->is_causal ? r.row + 1 + p->k_rows - p->q_rows
                                                         : p->k_rows;
                                attend(&r);
                        }
        return TRIB_OK;
}
