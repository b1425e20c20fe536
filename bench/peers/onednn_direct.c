/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oneDNN called directly, as its documentation advises for many threads: one primitive for all of
 * them, weights packed once in the layout that the primitive asks for, a scratchpad, a stream and
 * memory objects per thread, one library thread in each, nothing created or allocated in a request.
 *
 * Nouns. A *stage* is a primitive with the scratchpad size it wants. A workload has one main stage,
 * and for bf16 products a second one before it that converts the input.
 *
 * Words of the command line choose the formulation, so that the best one is known and not guessed:
 *   matmul (default) | inner   the primitive. Inner product is the obvious one, but in oneDNN 3.7
 *                              it was up to 22 % slower than matmul (4096->2048), never faster
 *   plain                      weights as the user has them, not packed
 *   fpmath                     medium precision by fpmath_mode instead of bf16 operands
 *   huge                       packed weights in huge pages
 *
 * oneDNN 2 and 3 differ in how descriptors are made; the section "versions" holds all of it.
 * Locks: none of ours.
 */
#include "../peer.h"

#include <oneapi/dnnl/dnnl.h>

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
        bool is_inner, is_plain, is_fpmath, is_huge;
} option;

typedef struct stage {
        dnnl_primitive_desc_t desc;
        dnnl_primitive_t primitive;
        size_t scratchpad_bytes;
} stage;

typedef struct dnnl_job {
        peer_workload load;
        dnnl_engine_t engine;
        stage main, convert; /* convert.primitive is NULL when the input needs no conversion */
        void *packed;        /* NULL when the user's weights are used as they are */
        dnnl_memory_t weights, bias;
} dnnl_job;

enum { MAX_ARGS = 5 };

typedef struct dnnl_lane {
        const dnnl_job *job;
        dnnl_stream_t stream;
        void *scratchpad, *converted;
        dnnl_memory_t in, out, narrow, scratch_main, scratch_convert;
        const float *in_data;
        float *out_data;
        dnnl_exec_arg_t args[MAX_ARGS], convert_args[MAX_ARGS];
        int n_args, n_convert_args;
} dnnl_lane;

static bool is_ok(dnnl_status_t status, const char *what)
{
        if (status != dnnl_success)
                peer_complain("%s: oneDNN status %d", what, (int)status);
        return status == dnnl_success;
}

/* --- versions --- */

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t layout_view;
typedef dnnl_memory_desc_t layout;

static layout_view view(const layout *l)
{
        return *l;
}

static bool layout_make(layout *l, int64_t rows, int64_t columns, dnnl_data_type_t type,
                        dnnl_format_tag_t tag)
{
        const dnnl_dims_t dims = {rows > 0 ? rows : columns, columns};
        return is_ok(dnnl_memory_desc_create_with_tag(l, rows > 0 ? 2 : 1, dims, type, tag),
                     "layout");
}

static void layout_free(layout *l)
{
        if (*l != NULL)
                dnnl_memory_desc_destroy(*l);
}

static dnnl_status_t linear_desc(dnnl_primitive_desc_t *desc, dnnl_engine_t engine, layout *l,
                                 dnnl_primitive_attr_t attr)
{
        if (!option.is_inner)
                return dnnl_matmul_primitive_desc_create(desc, engine, l[0], l[1], l[2], l[3],
                                                         attr);
        return dnnl_inner_product_forward_primitive_desc_create(
                desc, engine, dnnl_forward_inference, l[0], l[1], l[2], l[3], attr);
}

#else

typedef const dnnl_memory_desc_t *layout_view;
typedef dnnl_memory_desc_t layout;

static layout_view view(const layout *l)
{
        return l;
}

static bool layout_make(layout *l, int64_t rows, int64_t columns, dnnl_data_type_t type,
                        dnnl_format_tag_t tag)
{
        const dnnl_dims_t dims = {rows > 0 ? rows : columns, columns};
        return is_ok(dnnl_memory_desc_init_by_tag(l, rows > 0 ? 2 : 1, dims, type, tag), "layout");
}

static void layout_free(layout *l)
{
        (void)l;
}

static dnnl_status_t linear_desc(dnnl_primitive_desc_t *desc, dnnl_engine_t engine, layout *l,
                                 dnnl_primitive_attr_t attr)
{
        dnnl_matmul_desc_t matmul;
        dnnl_inner_product_desc_t inner;
        dnnl_status_t status;
        if (!option.is_inner) {
                status = dnnl_matmul_desc_init(&matmul, &l[0], &l[1], &l[2], &l[3]);
                return status != dnnl_success
                               ? status
                               : dnnl_primitive_desc_create(desc, &matmul, attr, engine, NULL);
        }
        status = dnnl_inner_product_forward_desc_init(&inner, dnnl_forward_inference, &l[0], &l[1],
                                                      &l[2], &l[3]);
        return status != dnnl_success
                       ? status
                       : dnnl_primitive_desc_create(desc, &inner, attr, engine, NULL);
}

#endif

/* --- stages --- */

static bool stage_finish(stage *s)
{
        s->scratchpad_bytes = dnnl_memory_desc_get_size(
                dnnl_primitive_desc_query_md(s->desc, dnnl_query_scratchpad_md, 0));
        return is_ok(dnnl_primitive_create(&s->primitive, s->desc), "primitive");
}

static void stage_close(stage *s)
{
        if (s->primitive != NULL)
                dnnl_primitive_destroy(s->primitive);
        if (s->desc != NULL)
                dnnl_primitive_desc_destroy(s->desc);
}

static bool attr_make(dnnl_primitive_attr_t *attr, const peer_workload *w)
{
        if (!is_ok(dnnl_primitive_attr_create(attr), "attributes"))
                return false;
        bool is_set = is_ok(
                dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user),
                "scratchpad mode");
        if (is_set && w->precision == PEER_MEDIUM && option.is_fpmath)
                is_set = is_ok(dnnl_primitive_attr_set_fpmath_mode(*attr, dnnl_fpmath_mode_bf16),
                               "fpmath mode");
        if (!is_set)
                dnnl_primitive_attr_destroy(*attr);
        return is_set;
}

/* A reorder: of weights once, of inputs in each request. */
static bool reorder_make(stage *s, dnnl_engine_t engine, layout_view from, layout_view to,
                         dnnl_primitive_attr_t attr)
{
        return is_ok(dnnl_reorder_primitive_desc_create(&s->desc, from, engine, to, engine, attr),
                     "reorder") &&
               stage_finish(s);
}

static bool is_narrow(const peer_workload *w)
{
        return w->precision == PEER_MEDIUM && !option.is_fpmath;
}

/* The main stage, and the input's conversion if there is one. */
static bool stages_make(dnnl_job *j)
{
        const peer_workload *w = &j->load;
        const dnnl_data_type_t type = is_narrow(w) ? dnnl_bf16 : dnnl_f32;
        const int64_t in = w->in_features, out = w->out_features;
        const dnnl_format_tag_t by_user = option.is_inner ? dnnl_ab : dnnl_ba;
        const dnnl_format_tag_t tag = option.is_plain ? by_user : dnnl_format_tag_any;
        dnnl_primitive_attr_t attr = NULL;
        layout l[5]; /* input, weights, bias, output; fp32 input */
        memset(l, 0, sizeof l);
        bool is_made =
                attr_make(&attr, w) && layout_make(&l[0], w->batch, in, type, dnnl_ab) &&
                layout_make(&l[1], option.is_inner ? out : in, option.is_inner ? in : out, type,
                            tag) &&
                (option.is_inner ? layout_make(&l[2], 0, out, dnnl_f32, dnnl_a)
                                 : layout_make(&l[2], 1, out, dnnl_f32, dnnl_ab)) &&
                layout_make(&l[3], w->batch, out, dnnl_f32, dnnl_ab) &&
                layout_make(&l[4], w->batch, in, dnnl_f32, dnnl_ab) &&
                is_ok(linear_desc(&j->main.desc, j->engine, l, attr), "linear layer") &&
                stage_finish(&j->main) &&
                (!is_narrow(w) ||
                 reorder_make(&j->convert, j->engine, view(&l[4]), view(&l[0]), attr));
        for (size_t i = 0; i < sizeof l / sizeof *l; i++)
                layout_free(&l[i]);
        if (attr != NULL)
                dnnl_primitive_attr_destroy(attr);
        return is_made;
}

/* --- weights --- */

static void *packed_alloc(size_t bytes)
{
        const size_t page = (size_t)2 << 20;
        if (!option.is_huge)
                return peer_alloc(bytes);
        void *p = aligned_alloc(page, (bytes + page - 1) / page * page);
        if (p != NULL)
                madvise(p, (bytes + page - 1) / page * page, MADV_HUGEPAGE);
        return p;
}

static bool execute_once(const stage *s, dnnl_engine_t engine, dnnl_memory_t from, dnnl_memory_t to)
{
        dnnl_stream_t stream;
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        if (!is_ok(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "stream"))
                return false;
        bool is_done = is_ok(dnnl_primitive_execute(s->primitive, stream, 2, args), "pack") &&
                       is_ok(dnnl_stream_wait(stream), "wait");
        dnnl_stream_destroy(stream);
        return is_done;
}

/* Put the user's weights into the layout that the main stage asked for. */
static bool weights_pack(dnnl_job *j, const float *weights)
{
        const int64_t in = j->load.in_features, out = j->load.out_features;
        layout_view wanted = dnnl_primitive_desc_query_md(j->main.desc, dnnl_query_weights_md, 0);
        layout user;
        stage pack = {.desc = NULL};
        dnnl_memory_t from = NULL;
        if (!layout_make(&user, option.is_inner ? out : in, option.is_inner ? in : out, dnnl_f32,
                         option.is_inner ? dnnl_ab : dnnl_ba))
                return false;
        j->packed = packed_alloc(dnnl_memory_desc_get_size(wanted));
        bool is_packed =
                j->packed != NULL &&
                is_ok(dnnl_memory_create(&from, view(&user), j->engine, (void *)(uintptr_t)weights),
                      "memory") &&
                is_ok(dnnl_memory_create(&j->weights, wanted, j->engine, j->packed), "memory") &&
                reorder_make(&pack, j->engine, view(&user), wanted, NULL) &&
                execute_once(&pack, j->engine, from, j->weights);
        if (from != NULL)
                dnnl_memory_destroy(from);
        stage_close(&pack);
        layout_free(&user);
        return is_packed;
}

/* --- contestant --- */

static void dnnl_job_close(void *shared)
{
        dnnl_job *j = shared;
        if (j->weights != NULL)
                dnnl_memory_destroy(j->weights);
        if (j->bias != NULL)
                dnnl_memory_destroy(j->bias);
        stage_close(&j->main);
        stage_close(&j->convert);
        if (j->engine != NULL)
                dnnl_engine_destroy(j->engine);
        free(j->packed);
        free(j);
}

static bool dnnl_job_open(const peer_workload *load, const float *weights, const float *bias,
                          void **shared)
{
        *shared = NULL;
        dnnl_job *j = peer_alloc(sizeof *j);
        if (j == NULL)
                return false;
        j->load = *load;
        omp_set_num_threads(1); /* a primitive is planned for the threads of who creates it */
        bool is_open =
                is_ok(dnnl_engine_create(&j->engine, dnnl_cpu, 0), "engine") && stages_make(j) &&
                weights_pack(j, weights) &&
                is_ok(dnnl_memory_create(
                              &j->bias,
                              dnnl_primitive_desc_query_md(j->main.desc, dnnl_query_weights_md, 1),
                              j->engine, (void *)(uintptr_t)bias),
                      "memory");
        if (!is_open) {
                dnnl_job_close(j);
                return false;
        }
        const char *kernel = "?";
        dnnl_primitive_desc_query(j->main.desc, dnnl_query_impl_info_str, 0, &kernel);
        fprintf(stderr, "onednn: kernel %s, scratchpad %zu bytes\n", kernel,
                j->main.scratchpad_bytes);
        *shared = j;
        return true;
}

static void dnnl_lane_close(void *lane)
{
        dnnl_lane *l = lane;
        dnnl_memory_t *memories[] = {&l->in, &l->out, &l->narrow, &l->scratch_main,
                                     &l->scratch_convert};
        for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
                if (*memories[i] != NULL)
                        dnnl_memory_destroy(*memories[i]);
        }
        if (l->stream != NULL)
                dnnl_stream_destroy(l->stream);
        free(l->scratchpad);
        free(l->converted);
        free(l);
}

static bool memory_make(dnnl_memory_t *memory, dnnl_engine_t engine, const stage *s,
                        dnnl_query_t what, void *data)
{
        return is_ok(dnnl_memory_create(memory, dnnl_primitive_desc_query_md(s->desc, what, 0),
                                        engine, data),
                     "memory");
}

/* Memory objects of the thread; the data pointers are set by the first request. */
static bool lane_memories(dnnl_lane *l)
{
        const dnnl_job *j = l->job;
        const stage *first = j->convert.primitive != NULL ? &j->convert : &j->main;
        size_t bytes = j->main.scratchpad_bytes > j->convert.scratchpad_bytes
                               ? j->main.scratchpad_bytes
                               : j->convert.scratchpad_bytes;
        l->scratchpad = peer_alloc(bytes);
        if (l->scratchpad == NULL ||
            !memory_make(&l->in, j->engine, first, dnnl_query_src_md, DNNL_MEMORY_NONE) ||
            !memory_make(&l->out, j->engine, &j->main, dnnl_query_dst_md, DNNL_MEMORY_NONE) ||
            !memory_make(&l->scratch_main, j->engine, &j->main, dnnl_query_scratchpad_md,
                         l->scratchpad))
                return false;
        if (first == &j->main)
                return true;
        l->converted = peer_alloc((size_t)(j->load.batch * j->load.in_features) * 2);
        return l->converted != NULL &&
               memory_make(&l->narrow, j->engine, &j->main, dnnl_query_src_md, l->converted) &&
               memory_make(&l->scratch_convert, j->engine, &j->convert, dnnl_query_scratchpad_md,
                           l->scratchpad);
}

static void lane_args(dnnl_lane *l)
{
        const dnnl_job *j = l->job;
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, l->narrow != NULL ? l->narrow : l->in},
                                        {DNNL_ARG_WEIGHTS, j->weights},
                                        {DNNL_ARG_BIAS, j->bias},
                                        {DNNL_ARG_DST, l->out},
                                        {DNNL_ARG_SCRATCHPAD, l->scratch_main}};
        const dnnl_exec_arg_t convert_args[] = {{DNNL_ARG_FROM, l->in},
                                                {DNNL_ARG_TO, l->narrow},
                                                {DNNL_ARG_SCRATCHPAD, l->scratch_convert}};
        memcpy(l->args, args, sizeof args);
        memcpy(l->convert_args, convert_args, sizeof convert_args);
        l->n_args = 5;
        l->n_convert_args = l->narrow != NULL ? 3 : 0;
}

static bool dnnl_lane_open(void *shared, void **lane)
{
        const dnnl_job *j = shared;
        *lane = NULL;
        dnnl_lane *l = peer_alloc(sizeof *l);
        if (l == NULL)
                return false;
        l->job = j;
        omp_set_num_threads(1); /* per calling thread */
        if (!is_ok(dnnl_stream_create(&l->stream, j->engine, dnnl_stream_default_flags),
                   "stream") ||
            !lane_memories(l)) {
                dnnl_lane_close(l);
                return false;
        }
        lane_args(l);
        *lane = l;
        return true;
}

/* A user whose buffers stay the same sets the addresses once, and so do we. */
static bool point_at(dnnl_lane *l, const float *in, float *out)
{
        if (l->in_data == in && l->out_data == out)
                return true;
        l->in_data = in;
        l->out_data = out;
        return is_ok(dnnl_memory_set_data_handle(l->in, (void *)(uintptr_t)in), "input") &&
               is_ok(dnnl_memory_set_data_handle(l->out, out), "output");
}

static bool dnnl_run(void *lane, const float *in, float *out)
{
        dnnl_lane *l = lane;
        if (!point_at(l, in, out))
                return false;
        if (l->n_convert_args > 0 &&
            !is_ok(dnnl_primitive_execute(l->job->convert.primitive, l->stream, l->n_convert_args,
                                          l->convert_args),
                   "convert"))
                return false;
        return is_ok(dnnl_primitive_execute(l->job->main.primitive, l->stream, l->n_args, l->args),
                     "execute") &&
               is_ok(dnnl_stream_wait(l->stream), "wait");
}

static const char *onednn_version(void)
{
        static char text[64];
        const dnnl_version_t *v = dnnl_version();
        snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
        return text;
}

static bool set_option(const char *word)
{
        if (strcmp(word, "inner") == 0)
                option.is_inner = true;
        else if (strcmp(word, "matmul") == 0)
                option.is_inner = false;
        else if (strcmp(word, "plain") == 0)
                option.is_plain = true;
        else if (strcmp(word, "fpmath") == 0)
                option.is_fpmath = true;
        else if (strcmp(word, "huge") == 0)
                option.is_huge = true;
        else
                return false;
        return true;
}

const peer_contestant peer_this = {
        .name = "onednn",
        .version = onednn_version,
        .set_option = set_option,
        .open = dnnl_job_open,
        .close = dnnl_job_close,
        .thread_open = dnnl_lane_open,
        .thread_close = dnnl_lane_close,
        .run = dnnl_run,
};
