/* SPDX-License-Identifier: Apache-2.0 */
/* npy_priv.h: the header of a .npy file, apart from files.
 *
 *     "\x93NUMPY" major minor length   prefix: 10 bytes (format 1.0) or 12 (2.0, 3.0)
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }   spaces, newline
 *     elements */
#ifndef TRIB_NPY_PRIV_H
#define TRIB_NPY_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include <tributary/tensor.h>

#define TRIB__NPY_PREFIX_MAX 12
#define TRIB__NPY_HEADER_LIMIT 65536 /* longer texts are refused: numpy writes some 100 bytes */
#define TRIB__NPY_WRITTEN_MAX 512    /* of what trib__npy_write_header writes */

struct trib__npy_header {
        size_t     prefix_bytes;
        size_t     text_bytes; /* after the prefix; the elements follow */
        trib_dtype dtype;
        bool       is_fortran;
        int        rank;
        int64_t    shape[TRIB_MAX_RANK];
};

/* The first `size` bytes of a file (up to TRIB__NPY_PREFIX_MAX); sets prefix_bytes, text_bytes. */
trib_status trib__npy_read_prefix(const unsigned char *bytes, size_t size,
                                  struct trib__npy_header *header,
                                  trib_error *err) TRIB_MUST_USE;

/* The text_bytes bytes after the prefix; sets the rest. */
trib_status trib__npy_read_text(const char *text, struct trib__npy_header *header,
                                trib_error *err) TRIB_MUST_USE;

/* Writes prefix and text for a checked view; returns their length, a multiple of 64. */
size_t trib__npy_write_header(const trib_tensor *tensor, char out[TRIB__NPY_WRITTEN_MAX]);

#endif
