/* SPDX-License-Identifier: Apache-2.0 */
/* dlpack.c: views to and from DLPack managed tensors, without copying elements.
 *
 * A *loan* is what we hand out: the managed tensor with room for its shape and strides. */
#include "base/alloc.h"
#include "base/error.h"
#include "tensor/dlpack_abi.h"
#include "tensor/tensor_priv.h"

struct loan {
        struct DLManagedTensorVersioned managed; /* first, so that one address is both */
        void (*release)(void *context);
        void   *context;
        int64_t shape[TRIB_MAX_RANK];
        int64_t strides[TRIB_MAX_RANK];
};

static void end_loan(struct DLManagedTensorVersioned *managed)
{
        struct loan *loan;
        void (*release)(void *context);
        void *context;

        if (managed == NULL)
                return;
        loan = managed->context;
        release = loan->release;
        context = loan->context;
        trib__free(loan);
        if (release != NULL)
                release(context);
}

static struct trib__dl_dtype to_dl_dtype(trib_dtype dtype)
{
        uint8_t code = TRIB__DL_FLOAT;

        if (dtype == TRIB_I8 || dtype == TRIB_I32 || dtype == TRIB_I64)
                code = TRIB__DL_INT;
        else if (dtype == TRIB_U8)
                code = TRIB__DL_UINT;
        else if (dtype == TRIB_BF16)
                code = TRIB__DL_BFLOAT;
        else if (dtype == TRIB_BOOL)
                code = TRIB__DL_BOOL;
        return (struct trib__dl_dtype){ code, (uint8_t)(8 * trib_dtype_size(dtype)), 1 };
}

/* The dtype with that code and size, or TRIB_DTYPE_NONE. */
static trib_dtype from_dl_dtype(struct trib__dl_dtype dl)
{
#define MATCH_DTYPE(name, value, bytes, npy, text)                                            \
        if (to_dl_dtype(TRIB_##name).code == dl.code && 8 * (bytes) == dl.bits &&             \
            dl.lanes == 1)                                                                    \
                return TRIB_##name;
        TRIB_DTYPE_LIST(MATCH_DTYPE)
#undef MATCH_DTYPE
        return TRIB_DTYPE_NONE;
}

trib_status trib_tensor_to_dlpack(const trib_tensor *tensor, void (*release)(void *context),
                                  void *context, struct DLManagedTensorVersioned **out,
                                  trib_error *err)
{
        struct loan *loan;
        trib_status  status;

        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "dlpack: out is NULL");
        *out = NULL;
        status = trib_tensor_check(tensor, NULL, NULL, err);
        if (status != TRIB_OK)
                return status;
        loan = trib__calloc("dlpack.loan", 1, sizeof(*loan));
        if (loan == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a DLPack description");
        loan->release = release;
        loan->context = context;
        for (int d = 0; d < tensor->rank; d++) {
                loan->shape[d] = tensor->shape[d];
                loan->strides[d] = tensor->strides[d];
        }
        loan->managed.version = (struct trib__dl_version){ TRIB__DL_MAJOR, TRIB__DL_MINOR };
        loan->managed.context = loan;
        loan->managed.deleter = end_loan;
        loan->managed.tensor = (struct trib__dl_tensor){
                .data = tensor->data,
                .device = { TRIB__DL_CPU, 0 },
                .rank = tensor->rank,
                .dtype = to_dl_dtype(tensor->dtype),
                .shape = loan->shape,
                .strides = loan->strides,
        };
        *out = &loan->managed;
        return TRIB_OK;
}

static trib_status check_managed(const struct DLManagedTensorVersioned *managed, trib_error *err)
{
        const struct trib__dl_tensor *dl;

        if (managed == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "dlpack: the tensor is NULL");
        /* Another major version may lay out everything after the version in another way. */
        if (managed->version.major != TRIB__DL_MAJOR)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "dlpack: version %u.%u, only major version %d is known",
                                  (unsigned)managed->version.major,
                                  (unsigned)managed->version.minor, TRIB__DL_MAJOR);
        dl = &managed->tensor;
        if (dl->device.type != TRIB__DL_CPU && dl->device.type != TRIB__DL_CUDA_HOST &&
            dl->device.type != TRIB__DL_ROCM_HOST)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "dlpack: device type %d is not host memory; copy the tensor to "
                                  "the host first", (int)dl->device.type);
        if (from_dl_dtype(dl->dtype) == TRIB_DTYPE_NONE)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "dlpack: no dtype has code %d, %d bits and %d lanes",
                                  dl->dtype.code, dl->dtype.bits, dl->dtype.lanes);
        if (dl->rank > TRIB_MAX_RANK)
                return trib__fail(err, TRIB_UNSUPPORTED, "dlpack: %d dimensions, at most %d",
                                  (int)dl->rank, TRIB_MAX_RANK);
        if (dl->rank < 0 || (dl->rank > 0 && dl->shape == NULL))
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "dlpack: rank %d with%s shape",
                                  (int)dl->rank, dl->shape == NULL ? "out a" : " a");
        return TRIB_OK;
}

trib_status trib_tensor_from_dlpack(const struct DLManagedTensorVersioned *managed,
                                    trib_tensor *out, trib_error *err)
{
        const struct trib__dl_tensor *dl;
        trib_tensor                   view;
        uintptr_t                     address;
        trib_status                   status;

        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "dlpack: out is NULL");
        *out = trib__tensor_none();
        status = check_managed(managed, err);
        if (status != TRIB_OK)
                return status;
        dl = &managed->tensor;
        if (__builtin_add_overflow((uintptr_t)dl->data, dl->byte_offset, &address))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "dlpack: the byte offset does not fit");
        view = trib_tensor_from(from_dl_dtype(dl->dtype), dl->data, dl->rank, dl->shape);
        if (view.data != NULL)
                view.data = (char *)view.data + (size_t)dl->byte_offset;
        if (dl->strides != NULL)
                for (int d = 0; d < dl->rank; d++)
                        view.strides[d] = dl->strides[d];
        status = trib_tensor_check(&view, NULL, NULL, err);
        if (status != TRIB_OK) {
                trib__error_prefix(err, "dlpack");
                return status;
        }
        *out = view;
        return TRIB_OK;
}
