/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.h: a tensor is a typed, shaped, strided view of memory that somebody else owns.
 *
 * trib_tensor is a plain value: copy it, keep it on the stack, throw it away. It never owns the
 * memory that it points to; that memory must outlive every use of the view.
 *
 *     float         pixels[2 * 64];
 *     trib_tensor   in = trib_tensor_from_f32(pixels, 2, (int64_t[]){ 2, 64 });
 *
 * This header is vocabulary: every layer may include it. */
#ifndef TRIBUTARY_TENSOR_H
#define TRIBUTARY_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRIB_MAX_RANK 8

/* The one list of element types: X(NAME, value, bytes, npy descriptor, text).
 * BF16 has no numpy name; its .npy files carry the 16 bits as "<u2". */
#define TRIB_DTYPE_LIST(X)              \
        X(F32, 1, 4, "<f4", "f32")      \
        X(F64, 2, 8, "<f8", "f64")      \
        X(F16, 3, 2, "<f2", "f16")      \
        X(BF16, 4, 2, "<u2", "bf16")    \
        X(I8, 5, 1, "|i1", "i8")        \
        X(U8, 6, 1, "|u1", "u8")        \
        X(I32, 7, 4, "<i4", "i32")      \
        X(I64, 8, 8, "<i8", "i64")      \
        X(BOOL, 9, 1, "|b1", "bool")

typedef enum trib_dtype {
        TRIB_DTYPE_NONE = 0,
#define TRIB_DTYPE_ENUM(name, value, bytes, npy, text) TRIB_##name = (value),
        TRIB_DTYPE_LIST(TRIB_DTYPE_ENUM)
#undef TRIB_DTYPE_ENUM
} trib_dtype;

/* A view. `strides` count elements, not bytes. rank 0 is a scalar; rank < 0 marks a view that
 * could not be made (a rank over TRIB_MAX_RANK), which every call refuses by name. */
typedef struct trib_tensor {
        void      *data;
        trib_dtype dtype;
        int32_t    rank;
        int64_t    shape[TRIB_MAX_RANK];
        int64_t    strides[TRIB_MAX_RANK];
} trib_tensor;

/* What: bytes of one element of a dtype; 0 for a number that is none.
 * Ownership: nothing.   Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API size_t trib_dtype_size(trib_dtype dtype);

/* What: the short name of a dtype ("f32"), or "?".
 * Ownership: a constant string of the library.
 * Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API const char *trib_dtype_name(trib_dtype dtype);

/* What: a contiguous (row-major) view of `data` with `rank` dimensions `shape`. Nothing is read
 * and nothing is checked but the rank: the call that uses the view checks it.
 * Ownership: `data` stays the caller's; `shape` is copied.
 * Threads: any.   Blocks: no.   Errors: none (see trib_tensor.rank).   Since: 0.1 */
TRIB_API trib_tensor trib_tensor_from(trib_dtype dtype, void *data, int rank,
                                      const int64_t *shape);

/* What: trib_tensor_from(TRIB_F32, ...). `data` may be const memory if the tensor is only read.
 * Ownership: `data` stays the caller's; `shape` is copied.
 * Threads: any.   Blocks: no.   Errors: none (see trib_tensor.rank).   Since: 0.1 */
TRIB_API trib_tensor trib_tensor_from_f32(const float *data, int rank, const int64_t *shape);

/* What: checks a view (rank, dtype, dimensions >= 0, no overflow of the byte count or of the
 * offset of an element, data present and aligned to an element unless empty) and gives its element
 * count and the bytes that its elements take when packed. Strides may be 0 or negative.
 * `elements` and `bytes` may be NULL.
 * Ownership: nothing is kept.   Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OVERFLOW.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_tensor_check(const trib_tensor *tensor, size_t *elements,
                                                     size_t *bytes, trib_error *err);

/* What: 1 if the elements lie packed in row-major order, else 0. Dimensions of 1 and empty
 * tensors do not break contiguity.
 * Ownership: nothing.   Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API int trib_tensor_is_contiguous(const trib_tensor *tensor);

/* What: the view of rows [first, first + rows) of dimension 0.
 * Ownership: the result views the same memory.   Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT if the rows are not inside the tensor, and those of
 * trib_tensor_check; *out is then rank -1.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_tensor_rows(const trib_tensor *tensor, int64_t first,
                                                    int64_t rows, trib_tensor *out,
                                                    trib_error *err);

/* What: copies element by element between two views of equal shape, any strides, converting
 * between dtypes (to integers: rounded to nearest even and clamped, NaN becomes 0; to bf16 and
 * f16: rounded to nearest even; to bool: 1 unless zero). Between equal dtypes the bits are kept.
 * Ownership: nothing is kept. The two views must not overlap unless they are the same.
 * Threads: any, on views that no other thread writes.   Blocks: no.
 * Errors: TRIB_SHAPE_MISMATCH, TRIB_INVALID_ARGUMENT, TRIB_OVERFLOW.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_tensor_copy(const trib_tensor *dst,
                                                    const trib_tensor *src, trib_error *err);

/* What: reads a NumPy .npy file (format 1.0, 2.0 or 3.0, little-endian, C or Fortran order, the
 * dtypes of TRIB_DTYPE_LIST but bf16) into fresh memory. The file is treated as hostile.
 * Ownership: *out views memory that the caller gives back with trib_npy_free.
 * Threads: any.   Blocks: on the file system.
 * Errors: TRIB_NOT_FOUND, TRIB_IO, TRIB_MALFORMED (with the offset), TRIB_UNSUPPORTED,
 * TRIB_OUT_OF_MEMORY; *out is then rank -1 with no memory.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_npy_load(const char *path, trib_tensor *out,
                                                 trib_error *err);

/* What: gives back what trib_npy_load made, and clears the view. NULL and cleared views are fine.
 * Ownership: ends the caller's.   Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API void trib_npy_free(trib_tensor *tensor);

/* What: writes a view to a .npy file (format 1.0, C order), beside the target first and renamed
 * when whole, so that no partial file is ever seen. bf16 is written as "<u2".
 * Ownership: nothing is kept.   Threads: any.   Blocks: on the file system.
 * Errors: TRIB_IO (a target that is no regular file too), TRIB_INVALID_ARGUMENT, TRIB_OVERFLOW,
 * TRIB_OUT_OF_MEMORY; what was at `path` is then as before.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_npy_save(const char *path, const trib_tensor *tensor,
                                                 trib_error *err);

/* The DLPack exchange struct, version 1.x; its definition is in the dlpack.h of that standard. */
struct DLManagedTensorVersioned;

/* What: describes a host view as a DLPack v1 managed tensor (device CPU, no copy).
 * Ownership: *out belongs to the consumer, who calls its `deleter` once. The deleter frees the
 * description only and then calls `release(context)` if it is not NULL; until then the memory
 * behind the view must stay.
 * Threads: any; the deleter may run on any thread.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OVERFLOW, TRIB_OUT_OF_MEMORY; *out is then NULL.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_tensor_to_dlpack(const trib_tensor *tensor,
                                                         void (*release)(void *context),
                                                         void *context,
                                                         struct DLManagedTensorVersioned **out,
                                                         trib_error *err);

/* What: a view of a DLPack v1 managed tensor in host memory, without a copy.
 * Ownership: `managed` stays the caller's, who calls its deleter after the last use of the view.
 * Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT and TRIB_OVERFLOW (no tensor, or one that trib_tensor_check
 * refuses), TRIB_UNSUPPORTED (major version other than 1, a device that is not the host, lanes, a
 * dtype that we do not have, a rank over TRIB_MAX_RANK); *out is then rank -1.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_tensor_from_dlpack(
        const struct DLManagedTensorVersioned *managed, trib_tensor *out, trib_error *err);

#ifdef __cplusplus
}
#endif
#endif
