/* SPDX-License-Identifier: Apache-2.0 */
/* npy_save.c: a view into a .npy file. The file is written under another name in the target's
 * folder, synced, and renamed; on any failure it is removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "tensor/npy_priv.h"
#include "tensor/tensor_priv.h"

#define DRAFT_NAME_BYTES 40 /* of ".trib-" 16 digits ".tmp" and more */

/* The file that becomes the target. */
struct draft {
        const char *target;
        char       *path;
        size_t      folder_bytes; /* of path, with the '/' */
        int         descriptor;
};

static trib_status fail_io(const struct draft *draft, const char *what, int errnum,
                           trib_error *err)
{
        char text[64];

        return trib__fail(err, TRIB_IO, "cannot %s %s: %s", what, draft->target,
                          trib__errno_text(errnum, text, sizeof(text)));
}

static trib_status draft_open(struct draft *draft, trib_error *err)
{
        uint64_t seed = trib__now() ^ (uint64_t)getpid() << 40;

        for (int attempt = 0; attempt < 100; attempt++) {
                (void)snprintf(draft->path + draft->folder_bytes, DRAFT_NAME_BYTES,
                               ".trib-%016llx.tmp",
                               (unsigned long long)(seed + (uint64_t)attempt));
                errno = EACCES;
                draft->descriptor = TRIB__FAULT(SYSTEM, "npy.create")
                                            ? -1
                                            : open(draft->path,
                                                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
                if (draft->descriptor >= 0)
                        return TRIB_OK;
                if (errno != EEXIST)
                        break;
        }
        return fail_io(draft, "create a file beside", errno, err);
}

static trib_status draft_write(struct draft *draft, const void *data, size_t bytes,
                               trib_error *err)
{
        size_t done = 0;

        while (done < bytes) {
                ssize_t put;

                errno = ENOSPC;
                put = TRIB__FAULT(SYSTEM, "npy.write")
                              ? -1
                              : write(draft->descriptor, (const char *)data + done,
                                      TRIB__FAULT(SYSTEM, "npy.write_short") ? 1 : bytes - done);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0) {
                        char text[64];

                        return trib__fail(err, TRIB_IO,
                                          "cannot write %s: %s: %zu of %zu bytes are missing",
                                          draft->target,
                                          trib__errno_text(errno, text, sizeof(text)),
                                          bytes - done, bytes);
                }
                done += (size_t)put;
        }
        return TRIB_OK;
}

/* Sync, close and rename. The descriptor is closed in any case. */
static trib_status draft_finish(struct draft *draft, trib_error *err)
{
        int descriptor = draft->descriptor;
        int folder;

        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "npy.sync") || fsync(descriptor) != 0)
                return fail_io(draft, "write", errno, err);
        draft->descriptor = -1;
        if (close(descriptor) != 0 || TRIB__FAULT(SYSTEM, "npy.close"))
                return fail_io(draft, "write", errno, err);
        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "npy.rename") || rename(draft->path, draft->target) != 0)
                return fail_io(draft, "rename the new file to", errno, err);
        /* The file is whole and in its place. That its name outlives a power cut needs the
         * folder's own sync, which not every file system offers: so without a complaint. */
        memcpy(draft->path + draft->folder_bytes, ".", 2);
        folder = TRIB__FAULT(SYSTEM, "npy.folder")
                         ? -1
                         : open(draft->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
                (void)fsync(folder); /* No site: see above. */
                (void)close(folder);
        }
        return TRIB_OK;
}

static trib_status write_file(const char *target, const trib_tensor *packed, size_t bytes,
                              trib_error *err)
{
        char         header[TRIB__NPY_WRITTEN_MAX];
        const char  *slash = strrchr(target, '/');
        struct draft draft = { target, NULL, slash == NULL ? 0 : (size_t)(slash - target) + 1, -1 };
        trib_status  status;

        draft.path = trib__alloc("npy.path", draft.folder_bytes + DRAFT_NAME_BYTES);
        if (draft.path == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to save %s", target);
        memcpy(draft.path, target, draft.folder_bytes);
        status = draft_open(&draft, err);
        if (status != TRIB_OK)
                goto fail_open;
        status = draft_write(&draft, header, trib__npy_write_header(packed, header), err);
        if (status == TRIB_OK)
                status = draft_write(&draft, packed->data, bytes, err);
        if (status == TRIB_OK)
                status = draft_finish(&draft, err);
        if (draft.descriptor >= 0)
                (void)close(draft.descriptor);
        if (status != TRIB_OK)
                (void)unlink(draft.path);
fail_open:
        trib__free(draft.path);
        return status;
}

/* A rename would replace a device, a pipe or the like by a plain file. */
static trib_status check_target(const char *path, trib_error *err)
{
        struct stat status;

        /* No site: when nothing is known about the target, creating the file will tell. */
        if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
                return trib__fail(err, TRIB_IO, "cannot write %s: it is no regular file", path);
        return TRIB_OK;
}

trib_status trib_npy_save(const char *path, const trib_tensor *tensor, trib_error *err)
{
        trib_tensor packed;
        size_t      bytes;
        void       *memory = NULL;
        trib_status status;

        if (path == NULL)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "npy save: path is NULL");
        status = trib_tensor_check(tensor, NULL, &bytes, err);
        if (status == TRIB_OK)
                status = check_target(path, err);
        if (status != TRIB_OK)
                return status;
        packed = *tensor;
        if (!trib_tensor_is_contiguous(tensor)) {
                memory = trib__aligned("npy.pack", 64, bytes);
                if (memory == NULL)
                        return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to save %s", path);
                packed = trib_tensor_from(tensor->dtype, memory, tensor->rank, tensor->shape);
                status = trib_tensor_copy(&packed, tensor, err);
        }
        if (status == TRIB_OK)
                status = write_file(path, &packed, bytes, err);
        trib__free(memory);
        return status;
}
