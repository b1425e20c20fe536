/* SPDX-License-Identifier: Apache-2.0 */
/* attention.c: see attention.h. For each head: q (scaled), k (turned) and v are gathered from rows
 * that all heads share; scores = q k'; what may not be seen becomes -inf; softmax; times v; and the
 * result goes back between the other heads'. No locks. */
#include "kernels/cpu/attention.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum part { SCORES, SOFTMAX, PRODUCT, N_PARTS };
enum array { Q, K, V, S, Y, REST, N_ARRAYS }; /* REST is the library's */

struct trib__attention_plan {
        /* Fixed by create. */
        struct trib__ref_attention shape;
        struct trib__onednn_prim  *prims[N_PARTS];
        size_t                     offsets[N_ARRAYS + 1]; /* into the scratch */
};

struct trib__attention_exec {
        const struct trib__attention_plan *plan;
        struct trib__onednn_exec          *execs[N_PARTS];
};

/* ---- create and destroy ----------------------------------------------------------------- */

/* Where each array begins, on a line of its own. */
static trib_status place_arrays(struct trib__attention_plan *plan, trib_error *err)
{
        const struct trib__ref_attention *p = &plan->shape;
        const int64_t sizes[N_ARRAYS][2] = { { p->q_rows, p->width },  { p->k_rows, p->width },
                                             { p->k_rows, p->v_width }, { p->q_rows, p->k_rows },
                                             { p->q_rows, p->v_width }, { 0, 0 } };
        size_t rest = 0;

        for (int i = 0; i < N_PARTS; i++) {
                size_t bytes = trib__onednn_prim_info(plan->prims[i])->scratch_bytes;

                rest = bytes > rest ? bytes : rest;
        }
        for (int i = 0; i < N_ARRAYS; i++) {
                size_t bytes = rest;

                if ((i < REST && (__builtin_mul_overflow(sizes[i][0], sizes[i][1], &bytes) ||
                                  __builtin_mul_overflow(bytes, sizeof(float), &bytes))) ||
                    __builtin_add_overflow(bytes, plan->offsets[i] + TRIB__ONEDNN_ALIGNMENT - 1,
                                           &bytes))
                        return trib__fail(err, TRIB_OVERFLOW,
                                          "attention: the scores of one head do not fit in memory");
                plan->offsets[i + 1] = bytes & ~(size_t)(TRIB__ONEDNN_ALIGNMENT - 1);
        }
        return TRIB_OK;
}

static trib_status make_prims(struct trib__onednn *lib, struct trib__attention_plan *plan,
                              enum trib__onednn_precision precision, trib_error *err)
{
        const struct trib__ref_attention  *p = &plan->shape;
        struct trib__onednn_matmul_params  scores = { 1, 1, p->q_rows, p->width, p->k_rows,
                                                      TRIB_F32, precision };
        struct trib__onednn_matmul_params  product = { 1, 1, p->q_rows, p->k_rows, p->v_width,
                                                       TRIB_F32, precision };
        struct trib__onednn_softmax_params softmax = { p->q_rows, p->k_rows, 1, TRIB_F32 };
        trib_status status = trib__onednn_matmul_create(lib, &scores, &plan->prims[SCORES], err);

        if (status == TRIB_OK)
                status = trib__onednn_softmax_create(lib, &softmax, &plan->prims[SOFTMAX], err);
        if (status == TRIB_OK)
                status = trib__onednn_matmul_create(lib, &product, &plan->prims[PRODUCT], err);
        return status;
}

trib_status trib__attention_create(struct trib__onednn *lib,
                                   const struct trib__ref_attention *params,
                                   enum trib__onednn_precision precision,
                                   struct trib__attention_plan **out, trib_error *err)
{
        struct trib__attention_plan *plan;
        trib_status                  status;

        *out = NULL;
        if (params->dtype != TRIB_F32)
                return trib__fail(err, TRIB_UNSUPPORTED, "attention: f32 only, not %s",
                                  trib_dtype_name(params->dtype));
        plan = trib__calloc("attention.plan", 1, sizeof(*plan));
        if (plan == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "attention: no memory left for a step");
        plan->shape = *params;
        status = make_prims(lib, plan, precision, err);
        if (status == TRIB_OK)
                status = place_arrays(plan, err);
        if (status != TRIB_OK) {
                trib__attention_destroy(plan);
                return status;
        }
        *out = plan;
        return TRIB_OK;
}

void trib__attention_destroy(struct trib__attention_plan *plan)
{
        if (plan == NULL)
                return;
        for (int i = 0; i < N_PARTS; i++)
                trib__onednn_prim_destroy(plan->prims[i]);
        trib__free(plan);
}

size_t trib__attention_scratch(const struct trib__attention_plan *plan)
{
        return plan->offsets[N_ARRAYS];
}

trib_status trib__attention_exec_create(const struct trib__attention_plan *plan,
                                        struct trib__attention_exec **out, trib_error *err)
{
        struct trib__attention_exec *exec = trib__calloc("attention.exec", 1, sizeof(*exec));
        trib_status                  status = TRIB_OK;

        *out = NULL;
        if (exec == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "attention: no memory left for a queue");
        exec->plan = plan;
        for (int i = 0; status == TRIB_OK && i < N_PARTS; i++)
                status = trib__onednn_exec_create(plan->prims[i], &exec->execs[i], err);
        if (status != TRIB_OK) {
                trib__attention_exec_destroy(exec);
                return status;
        }
        *out = exec;
        return TRIB_OK;
}

void trib__attention_exec_destroy(struct trib__attention_exec *exec)
{
        if (exec == NULL)
                return;
        for (int i = 0; i < N_PARTS; i++)
                trib__onednn_exec_destroy(exec->execs[i]);
        trib__free(exec);
}

/* ---- run -------------------------------------------------------------------------------- */

/* rows of `width` numbers, `step` apart, one behind the other, times `scale`. */
static void gather(const float *from, float *to, int64_t rows, int64_t width, int64_t step,
                   float scale)
{
        for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < width; j++)
                        to[i * width + j] = from[i * step + j] * scale;
}

/* The same turned: to[column][row]. */
static void gather_turned(const float *from, float *to, int64_t rows, int64_t width, int64_t step)
{
        for (int64_t first = 0; first < rows; first += 16) {
                int64_t end = first + 16 < rows ? first + 16 : rows;

                for (int64_t j = 0; j < width; j++)
                        for (int64_t i = first; i < end; i++)
                                to[j * rows + i] = from[i * step + j];
        }
}

static void hide(float *scores, int64_t q_rows, int64_t k_rows)
{
        for (int64_t i = 0; i < q_rows; i++)
                for (int64_t j = i + 1 + k_rows - q_rows; j < k_rows; j++)
                        scores[i * k_rows + j] = -INFINITY;
}

/* Not-a-number, infinity, or what is rounded to it in bf16. */
static bool is_unbounded(float number)
{
        uint32_t bits;

        memcpy(&bits, &number, sizeof(bits));
        return (bits & (UINT32_MAX >> 1)) >= UINT32_C(0x7f7f8000);
}

/* What may not be seen has a weight of 0, which such a number would turn into not-a-number: they
 * are left out of the product; whether there were any. */
static bool leave_out(float *v, int64_t count)
{
        bool was_any = false;

        for (int64_t i = 0; i < count; i++)
                if (is_unbounded(v[i])) {
                        v[i] = 0;
                        was_any = true;
                }
        return was_any;
}

/* To the rows that see them, of one head's v, whose rows are `step` apart. */
static void add_left_out(const struct trib__ref_attention *p, const float *v, int64_t step,
                         float *const arrays[])
{
        for (int64_t j = 0; j < p->k_rows; j++)
                for (int64_t c = 0; c < p->v_width; c++) {
                        float   number = v[j * step + c];
                        int64_t first = j + p->q_rows - p->k_rows;

                        for (int64_t i = first > 0 ? first : 0;
                             is_unbounded(number) && i < p->q_rows; i++)
                                arrays[Y][i * p->v_width + c] +=
                                        arrays[S][i * p->k_rows + j] * number;
                }
}

/* One head of one of the batch, gathered already. */
static trib_status attend(struct trib__attention_exec *exec, float *const arrays[],
                          trib_error *err)
{
        const struct trib__ref_attention *p = &exec->plan->shape;
        const void                       *pair[2] = { arrays[Q], arrays[K] };
        const void                       *scores[2] = { arrays[S], arrays[V] };
        trib_status                       status;

        status = trib__onednn_exec_run_inside(exec->execs[SCORES], pair, arrays[S], arrays[REST],
                                              err);
        if (status == TRIB_OK && p->is_causal)
                hide(arrays[S], p->q_rows, p->k_rows);
        if (status == TRIB_OK)
                status = trib__onednn_exec_run_inside(exec->execs[SOFTMAX], scores, arrays[S],
                                                      arrays[REST], err);
        if (status == TRIB_OK)
                status = trib__onednn_exec_run_inside(exec->execs[PRODUCT], scores, arrays[Y],
                                                      arrays[REST], err);
        return status;
}

trib_status trib__attention_run_inside(struct trib__attention_exec *exec,
                                       const void *const *inputs, void *output, void *scratch,
                                       trib_error *err)
{
        const struct trib__ref_attention *p = &exec->plan->shape;
        const int64_t                     step = p->heads * p->width;
        const int64_t                     v_step = p->heads * p->v_width;
        float                            *arrays[N_ARRAYS];
        trib_status                       status = TRIB_OK;

        for (int i = 0; i < N_ARRAYS; i++)
                arrays[i] = (float *)(void *)((char *)scratch + exec->plan->offsets[i]);
        for (int64_t i = 0; status == TRIB_OK && i < p->batch * p->heads; i++) {
                int64_t      batch = i / p->heads, head = i % p->heads;
                const float *q = (const float *)inputs[0] + batch * p->q_rows * step;
                const float *k = (const float *)inputs[1] + batch * p->k_rows * step;
                const float *v = (const float *)inputs[2] + batch * p->k_rows * v_step;
                float       *y = (float *)output + batch * p->q_rows * v_step + head * p->v_width;
                bool         is_without;

                gather(q + head * p->width, arrays[Q], p->q_rows, p->width, step,
                       (float)p->scale);
                gather_turned(k + head * p->width, arrays[K], p->k_rows, p->width, step);
                gather(v + head * p->v_width, arrays[V], p->k_rows, p->v_width, v_step, 1.0f);
                is_without = p->is_causal && leave_out(arrays[V], p->k_rows * p->v_width);
                status = attend(exec, arrays, err);
                if (status == TRIB_OK && is_without)
                        add_left_out(p, v + head * p->v_width, v_step, arrays);
                for (int64_t row = 0; status == TRIB_OK && row < p->q_rows; row++)
                        memcpy(y + row * v_step, arrays[Y] + row * p->v_width,
                               (size_t)p->v_width * sizeof(float));
        }
        return status;
}
