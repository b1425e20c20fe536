/* SPDX-License-Identifier: Apache-2.0 */
/* copy.c: element by element between two views.
 *
 * A *walk* is the pair of views reduced to what matters: dimensions of 1 dropped, and neighbours
 * merged where both views step through them evenly, so that most copies are one or two loops. */
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "tensor/convert.h"
#include "tensor/tensor_priv.h"

struct walk {
        int     rank; /* 1 or more */
        int64_t shape[TRIB_MAX_RANK];
        int64_t dst_strides[TRIB_MAX_RANK];
        int64_t src_strides[TRIB_MAX_RANK];
};

/* Elements dst + i * dst_stride = src + i * src_stride, i < count, in bytes. */
struct run {
        char       *dst;
        const char *src;
        int64_t     dst_stride, src_stride, count;
        trib_dtype  dst_dtype, src_dtype;
};

/* Whether stepping `outer` is stepping `inner` count times. Unsigned, so that it may wrap: the
 * strides of a checked view cannot make a wrapped product equal. */
static bool is_even_step(int64_t outer, int64_t inner, int64_t count)
{
        return (uint64_t)outer == (uint64_t)inner * (uint64_t)count;
}

static struct walk walk_of(const trib_tensor *dst, const trib_tensor *src)
{
        struct walk walk = { 1, { 1 }, { 1 }, { 1 } };
        bool        is_first = true;

        for (int d = 0; d < src->rank; d++) {
                int last = walk.rank - 1;

                if (src->shape[d] == 1)
                        continue;
                if (!is_first &&
                    is_even_step(walk.dst_strides[last], dst->strides[d], src->shape[d]) &&
                    is_even_step(walk.src_strides[last], src->strides[d], src->shape[d])) {
                        walk.shape[last] *= src->shape[d];
                } else {
                        last += is_first ? 0 : 1;
                        walk.shape[last] = src->shape[d];
                }
                walk.dst_strides[last] = dst->strides[d];
                walk.src_strides[last] = src->strides[d];
                walk.rank = last + 1;
                is_first = false;
        }
        return walk;
}

static void copy_same(const struct run *run, size_t size)
{
        if (run->dst_stride == (int64_t)size && run->src_stride == (int64_t)size) {
                memcpy(run->dst, run->src, (size_t)run->count * size);
                return;
        }
        for (int64_t i = 0; i < run->count; i++)
                memcpy(run->dst + i * run->dst_stride, run->src + i * run->src_stride, size);
}

/* A double that rounds to any narrower format as the whole number itself does: where it does not
 * fit, cut, with the last bit set ("round to odd"). */
static double i64_for_narrowing(int64_t value)
{
        uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        int      excess = magnitude >> 53 == 0 ? 0 : 11 - __builtin_clzll(magnitude);
        uint64_t dropped = magnitude & ((UINT64_C(1) << excess) - 1);
        uint64_t kept = magnitude >> excess << excess;

        if (dropped != 0)
                kept |= UINT64_C(1) << excess;
        return value < 0 ? -(double)kept : (double)kept;
}

static void convert_run(const struct run *run)
{
        bool is_narrowed_i64 = run->src_dtype == TRIB_I64 && run->dst_dtype != TRIB_F64;

        for (int64_t i = 0; i < run->count; i++) {
                const void *from = run->src + i * run->src_stride;
                double      value = is_narrowed_i64 ? i64_for_narrowing(*(const int64_t *)from)
                                                    : trib__load_as_f64(run->src_dtype, from, 0);

                trib__store_from_f64(run->dst_dtype, run->dst + i * run->dst_stride, 0, value);
        }
}

static void walk_run(const struct walk *walk, struct run run)
{
        size_t  size = trib_dtype_size(run.dst_dtype);
        int64_t dst_size = (int64_t)size;
        int64_t src_size = (int64_t)trib_dtype_size(run.src_dtype);
        int64_t index[TRIB_MAX_RANK] = { 0 };
        int     inner = walk->rank - 1;
        int     d = inner;

        run.count = walk->shape[inner];
        run.dst_stride = walk->dst_strides[inner] * dst_size;
        run.src_stride = walk->src_strides[inner] * src_size;
        while (d >= 0) {
                if (run.dst_dtype == run.src_dtype)
                        copy_same(&run, size);
                else
                        convert_run(&run);
                for (d = inner - 1; d >= 0; d--) {
                        if (index[d] + 1 < walk->shape[d]) {
                                index[d]++;
                                run.dst += walk->dst_strides[d] * dst_size;
                                run.src += walk->src_strides[d] * src_size;
                                break;
                        }
                        run.dst -= walk->dst_strides[d] * dst_size * index[d];
                        run.src -= walk->src_strides[d] * src_size * index[d];
                        index[d] = 0;
                }
        }
}

static bool is_same_view(const trib_tensor *a, const trib_tensor *b)
{
        if (a->data != b->data || a->dtype != b->dtype)
                return false;
        for (int d = 0; d < a->rank; d++)
                if (a->shape[d] != 1 && a->strides[d] != b->strides[d])
                        return false;
        return true;
}

trib_status trib_tensor_copy(const trib_tensor *dst, const trib_tensor *src, trib_error *err)
{
        size_t      elements;
        struct walk walk;
        struct run  run;
        trib_status status = trib_tensor_check(dst, NULL, NULL, err);

        if (status == TRIB_OK)
                status = trib_tensor_check(src, &elements, NULL, err);
        if (status != TRIB_OK) {
                trib__error_prefix(err, "copy");
                return status;
        }
        if (dst->rank != src->rank)
                return trib__fail(err, TRIB_SHAPE_MISMATCH, "copy: rank is %d in src but %d in dst",
                                  (int)src->rank, (int)dst->rank);
        for (int d = 0; d < src->rank; d++)
                if (dst->shape[d] != src->shape[d])
                        return trib__fail(err, TRIB_SHAPE_MISMATCH,
                                          "copy: dimension %d is %lld in src but %lld in dst", d,
                                          (long long)src->shape[d], (long long)dst->shape[d]);
        if (elements == 0 || is_same_view(dst, src))
                return TRIB_OK;
        walk = walk_of(dst, src);
        run = (struct run){ dst->data, src->data, 0, 0, 0, dst->dtype, src->dtype };
        walk_run(&walk, run);
        return TRIB_OK;
}
