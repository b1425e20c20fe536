/* SPDX-License-Identifier: Apache-2.0 */
/* view.c: making, checking and slicing views. Nothing here reads an element. */
#include <stdbool.h>

#include "base/error.h"
#include "tensor/tensor_priv.h"
#include "tensor/view.h"

void trib__packed_strides(int rank, const int64_t *shape, int64_t *strides)
{
        uint64_t step = 1;

        for (int d = rank - 1; d >= 0; d--) {
                strides[d] = (int64_t)step;
                step *= shape[d] > 1 ? (uint64_t)shape[d] : 1;
        }
}

void trib__tensor_view(trib_tensor *tensor, trib_dtype dtype, void *data, int rank,
                       const int64_t *shape)
{
        uint64_t stride = 1; /* wraps on shapes that trib_tensor_check refuses */
        bool     is_valid = rank >= 0 && rank <= TRIB_MAX_RANK && (rank == 0 || shape != NULL);

        tensor->data = data;
        tensor->dtype = dtype;
        tensor->rank = is_valid ? rank : -1;
        for (int d = TRIB_MAX_RANK - 1; d >= 0; d--) {
                bool is_used = d < tensor->rank;

                tensor->shape[d] = is_used ? shape[d] : 0;
                tensor->strides[d] = is_used ? (int64_t)stride : 0;
                stride *= is_used && shape[d] > 1 ? (uint64_t)shape[d] : 1;
        }
}

trib_tensor trib_tensor_from(trib_dtype dtype, void *data, int rank, const int64_t *shape)
{
        trib_tensor tensor;

        trib__tensor_view(&tensor, dtype, data, rank, shape);
        return tensor;
}

trib_tensor trib_tensor_from_f32(const float *data, int rank, const int64_t *shape)
{
        return trib_tensor_from(TRIB_F32, (void *)(uintptr_t)data, rank, shape);
}

/* The bytes of the packed elements, or false when they, or the offset of an element, do not fit
 * in PTRDIFF_MAX. Dimensions are >= 0. */
static bool measure(const trib_tensor *tensor, size_t *elements, size_t *bytes)
{
        ptrdiff_t size = (ptrdiff_t)trib_dtype_size(tensor->dtype);
        ptrdiff_t total = 1, below = 0, above = 0;

        *elements = *bytes = 0;
        for (int d = 0; d < tensor->rank; d++)
                if (tensor->shape[d] == 0)
                        return true;
        for (int d = 0; d < tensor->rank; d++) {
                ptrdiff_t  reach;
                ptrdiff_t *side = tensor->strides[d] < 0 ? &below : &above;

                if (__builtin_mul_overflow(total, tensor->shape[d], &total) ||
                    __builtin_mul_overflow(tensor->strides[d], tensor->shape[d] - 1, &reach) ||
                    __builtin_mul_overflow(reach, size, &reach) ||
                    __builtin_add_overflow(*side, reach, side))
                        return false;
        }
        *elements = (size_t)total;
        if (__builtin_mul_overflow(total, size, &total) ||
            __builtin_sub_overflow(above, below, &above) ||
            __builtin_add_overflow(above, size, &above))
                return false;
        *bytes = (size_t)total;
        return true;
}

static trib_status check_form(const trib_tensor *tensor, trib_error *err)
{
        if (tensor == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "tensor: the view is NULL");
        if (tensor->rank < 0 || tensor->rank > TRIB_MAX_RANK)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "tensor: rank is %d, must be 0..%d (a view with more "
                                  "dimensions, or one that could not be made)",
                                  (int)tensor->rank, TRIB_MAX_RANK);
        if (trib_dtype_size(tensor->dtype) == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "tensor: %d is no dtype",
                                  (int)tensor->dtype);
        for (int d = 0; d < tensor->rank; d++)
                if (tensor->shape[d] < 0)
                        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                          "tensor: dimension %d is %lld, must not be negative", d,
                                          (long long)tensor->shape[d]);
        return TRIB_OK;
}

trib_status trib_tensor_check(const trib_tensor *tensor, size_t *elements, size_t *bytes,
                              trib_error *err)
{
        size_t      count, packed;
        trib_status status = check_form(tensor, err);

        if (status != TRIB_OK)
                return status;
        if (!measure(tensor, &count, &packed))
                return trib__fail(err, TRIB_OVERFLOW,
                                  "tensor: the elements of this shape and these strides do not "
                                  "fit in the address space");
        if (count != 0 && tensor->data == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "tensor: data is NULL, but there are %zu elements", count);
        if (count != 0 && (uintptr_t)tensor->data % trib_dtype_size(tensor->dtype) != 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "tensor: data is not aligned to its elements of %zu bytes",
                                  trib_dtype_size(tensor->dtype));
        if (elements != NULL)
                *elements = count;
        if (bytes != NULL)
                *bytes = packed;
        return TRIB_OK;
}

int trib_tensor_is_contiguous(const trib_tensor *tensor)
{
        uint64_t step = 1;
        bool     is_packed = true;

        if (tensor == NULL || tensor->rank < 0 || tensor->rank > TRIB_MAX_RANK)
                return 0;
        for (int d = tensor->rank - 1; d >= 0; d--) {
                if (tensor->shape[d] == 0)
                        return 1;
                if (tensor->shape[d] != 1 && (uint64_t)tensor->strides[d] != step)
                        is_packed = false;
                step *= (uint64_t)tensor->shape[d];
        }
        return is_packed;
}

trib_status trib_tensor_rows(const trib_tensor *tensor, int64_t first, int64_t rows,
                             trib_tensor *out, trib_error *err)
{
        trib_tensor part;
        size_t      elements;
        trib_status status;

        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "tensor rows: out is NULL");
        status = trib_tensor_check(tensor, &elements, NULL, err);
        if (status != TRIB_OK) {
                *out = trib__tensor_none();
                return status;
        }
        part = *tensor;
        *out = trib__tensor_none();
        if (part.rank == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "tensor rows: a scalar has no rows");
        if (first < 0 || rows < 0 || first > part.shape[0] || rows > part.shape[0] - first)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "tensor rows: %lld rows from %lld on are not inside 0..%lld",
                                  (long long)rows, (long long)first, (long long)part.shape[0]);
        part.shape[0] = rows;
        /* Without an element there may be no memory to point into, and any strides. */
        if (rows > 0 && elements > 0)
                part.data = (char *)part.data + first * part.strides[0] *
                                                        (int64_t)trib_dtype_size(part.dtype);
        *out = part;
        return TRIB_OK;
}
