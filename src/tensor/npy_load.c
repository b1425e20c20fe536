/* SPDX-License-Identifier: Apache-2.0 */
/* npy_load.c: a .npy file into fresh memory. The memory asked for is never more than the file
 * has: its size is compared with the header before anything is allocated for it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/npy_priv.h"
#include "tensor/tensor_priv.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "elements of .npy files are read and written as they lie in memory: little-endian only"
#endif

struct source {
        const char *path;
        int         descriptor;
        size_t      size; /* of the whole file */
        size_t      at;
};

static trib_status fail_io(const struct source *file, const char *what, int errnum,
                           trib_error *err)
{
        char text[64];

        return trib__fail(err, errnum == ENOENT ? TRIB_NOT_FOUND : TRIB_IO, "cannot %s %s: %s",
                          what, file->path, trib__errno_text(errnum, text, sizeof(text)));
}

static trib_status open_source(struct source *file, trib_error *err)
{
        struct stat status;

        errno = EACCES;
        /* Non-blocking, so that a pipe of that name is refused and not waited for. */
        file->descriptor = TRIB__FAULT(SYSTEM, "npy.open")
                                   ? -1
                                   : open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file->descriptor < 0)
                return fail_io(file, "open", errno, err);
        if (TRIB__FAULT(SYSTEM, "npy.stat") || fstat(file->descriptor, &status) != 0)
                return fail_io(file, "examine", EIO, err);
        if (!S_ISREG(status.st_mode))
                return trib__fail(err, TRIB_IO, "cannot read %s: it is no regular file",
                                  file->path);
        file->size = (size_t)status.st_size;
        return TRIB_OK;
}

static trib_status read_bytes(struct source *file, void *out, size_t bytes, trib_error *err)
{
        size_t done = 0;

        while (done < bytes) {
                ssize_t got;

                errno = EIO;
                got = TRIB__FAULT(SYSTEM, "npy.read")
                              ? -1
                              : read(file->descriptor, (char *)out + done,
                                     TRIB__FAULT(SYSTEM, "npy.read_short") ? 1 : bytes - done);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_io(file, "read", errno, err);
                if (got == 0)
                        return trib__fail(err, TRIB_MALFORMED,
                                          "npy: offset %zu: the file ends early", file->at + done);
                done += (size_t)got;
        }
        file->at += bytes;
        return TRIB_OK;
}

static trib_status read_header(struct source *file, struct trib__npy_header *header,
                               trib_error *err)
{
        unsigned char prefix[TRIB__NPY_PREFIX_MAX];
        char         *text;
        size_t        size = file->size < 8 ? file->size : 8;
        trib_status   status = read_bytes(file, prefix, size, err);

        /* 8 bytes tell the format, and the format how many more there are. */
        if (status == TRIB_OK && size == 8) {
                size_t whole = prefix[6] == 1 ? 10 : 12;

                if (whole > file->size)
                        whole = file->size;
                status = read_bytes(file, prefix + 8, whole - 8, err);
                size = whole;
        }
        if (status == TRIB_OK)
                status = trib__npy_read_prefix(prefix, size, header, err);
        if (status != TRIB_OK)
                return status;
        if (header->text_bytes > file->size - header->prefix_bytes)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset 8: a header of %zu bytes, but the file has %zu",
                                  header->text_bytes, file->size);
        text = trib__alloc("npy.header", header->text_bytes);
        if (text == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a .npy header");
        status = read_bytes(file, text, header->text_bytes, err);
        if (status == TRIB_OK)
                status = trib__npy_read_text(text, header, err);
        trib__free(text);
        return status;
}

/* The packed C-order view without memory, and its size, which must be what the file has left. */
static trib_status plan_elements(const struct source *file, const struct trib__npy_header *header,
                                 trib_tensor *plan, size_t *bytes, trib_error *err)
{
        static const char stand_in[16] __attribute__((aligned(16)));

        *plan = trib_tensor_from(header->dtype, (void *)(uintptr_t)stand_in, header->rank,
                                 header->shape);
        if (trib_tensor_check(plan, NULL, bytes, NULL) != TRIB_OK)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset %zu: the shape is of more bytes than there can be",
                                  header->prefix_bytes);
        if (*bytes != file->size - file->at)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset %zu: the shape needs %zu bytes of elements, but "
                                  "the file has %zu", file->at, *bytes, file->size - file->at);
        return TRIB_OK;
}

/* Give `memory`, the elements in Fortran order, back in C order as *out. */
static trib_status reorder(const trib_tensor *plan, void *memory, size_t bytes, trib_tensor *out,
                           trib_error *err)
{
        trib_tensor from = *plan, to = *plan;
        int64_t     step = 1;
        trib_status status;

        from.data = memory;
        for (int d = 0; d < from.rank; d++) {
                from.strides[d] = step;
                step *= from.shape[d] > 1 ? from.shape[d] : 1;
        }
        to.data = trib__aligned("npy.reorder", 64, bytes);
        if (to.data == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "no memory to reorder %zu bytes of elements", bytes);
        status = trib_tensor_copy(&to, &from, err);
        if (status != TRIB_OK) {
                trib__free(to.data);
                return status;
        }
        *out = to;
        return TRIB_OK;
}

static trib_status load(struct source *file, trib_tensor *out, trib_error *err)
{
        struct trib__npy_header header;
        trib_tensor             plan;
        size_t                  bytes;
        void                   *memory;
        trib_status             status = read_header(file, &header, err);

        if (status == TRIB_OK)
                status = plan_elements(file, &header, &plan, &bytes, err);
        if (status != TRIB_OK)
                return status;
        memory = trib__aligned("npy.elements", 64, bytes);
        if (memory == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %zu bytes of elements",
                                  bytes);
        status = read_bytes(file, memory, bytes, err);
        if (status == TRIB_OK && header.is_fortran && header.rank > 1 && bytes > 0) {
                status = reorder(&plan, memory, bytes, out, err);
                trib__free(memory);
                return status;
        }
        if (status != TRIB_OK) {
                trib__free(memory);
                return status;
        }
        plan.data = memory;
        *out = plan;
        return TRIB_OK;
}

trib_status trib_npy_load(const char *path, trib_tensor *out, trib_error *err)
{
        struct source file = { path, -1, 0, 0 };
        trib_status   status;

        if (out == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "npy load: out is NULL");
        *out = trib__tensor_none();
        if (path == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "npy load: path is NULL");
        status = open_source(&file, err);
        if (status == TRIB_OK)
                status = load(&file, out, err);
        if (status == TRIB_MALFORMED || status == TRIB_UNSUPPORTED || status == TRIB_OUT_OF_MEMORY)
                trib__error_prefix(err, "%s", path);
        if (file.descriptor >= 0)
                (void)close(file.descriptor);
        return status;
}

void trib_npy_free(trib_tensor *tensor)
{
        if (tensor == NULL)
                return;
        trib__free(tensor->data);
        *tensor = trib__tensor_none();
}
