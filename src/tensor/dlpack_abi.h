/* SPDX-License-Identifier: Apache-2.0 */
/* dlpack_abi.h: the memory layout of DLPack, version 1.x, an exchange standard for tensors
 * (https://dmlc.github.io/dlpack/latest/c_api.html). Only what we use; names of our own, but for
 * the tag that the public header declares. */
#ifndef TRIB_DLPACK_ABI_H
#define TRIB_DLPACK_ABI_H

#include <stddef.h>
#include <stdint.h>

#define TRIB__DL_MAJOR 1
#define TRIB__DL_MINOR 0

/* Device types. The last two are host memory that a GPU can reach. */
#define TRIB__DL_CPU 1
#define TRIB__DL_CUDA_HOST 3
#define TRIB__DL_ROCM_HOST 11

/* Element type codes. */
#define TRIB__DL_INT 0
#define TRIB__DL_UINT 1
#define TRIB__DL_FLOAT 2
#define TRIB__DL_BFLOAT 4
#define TRIB__DL_BOOL 6

struct trib__dl_version {
        uint32_t major;
        uint32_t minor;
};

struct trib__dl_device {
        int32_t type;
        int32_t id;
};

struct trib__dl_dtype {
        uint8_t  code;
        uint8_t  bits;
        uint16_t lanes;
};

struct trib__dl_tensor {
        void                  *data;
        struct trib__dl_device device;
        int32_t                rank;
        struct trib__dl_dtype  dtype;
        int64_t               *shape;
        int64_t               *strides; /* in elements; NULL: packed, row-major */
        uint64_t               byte_offset;
};

struct DLManagedTensorVersioned {
        struct trib__dl_version version;
        void                   *context;
        void (*deleter)(struct DLManagedTensorVersioned *self);
        uint64_t               flags;
        struct trib__dl_tensor tensor;
};

#if UINTPTR_MAX == UINT64_MAX
_Static_assert(offsetof(struct trib__dl_tensor, device) == 8, "DLPack layout");
_Static_assert(offsetof(struct trib__dl_tensor, rank) == 16, "DLPack layout");
_Static_assert(offsetof(struct trib__dl_tensor, dtype) == 20, "DLPack layout");
_Static_assert(offsetof(struct trib__dl_tensor, shape) == 24, "DLPack layout");
_Static_assert(offsetof(struct trib__dl_tensor, strides) == 32, "DLPack layout");
_Static_assert(offsetof(struct trib__dl_tensor, byte_offset) == 40, "DLPack layout");
_Static_assert(sizeof(struct trib__dl_tensor) == 48, "DLPack layout");
_Static_assert(offsetof(struct DLManagedTensorVersioned, context) == 8, "DLPack layout");
_Static_assert(offsetof(struct DLManagedTensorVersioned, deleter) == 16, "DLPack layout");
_Static_assert(offsetof(struct DLManagedTensorVersioned, flags) == 24, "DLPack layout");
_Static_assert(offsetof(struct DLManagedTensorVersioned, tensor) == 32, "DLPack layout");
_Static_assert(sizeof(struct DLManagedTensorVersioned) == 80, "DLPack layout");
#endif

#endif
