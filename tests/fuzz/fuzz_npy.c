/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_npy.c: any bytes as a .npy file. What loads must be a sound view, and must load again, the
 * same, after it was saved. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tributary/tensor.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
        if (!holds)
                abort();
}

static void check_saved(const trib_tensor *tensor, size_t bytes)
{
        char        path[64];
        trib_tensor back;

        (void)snprintf(path, sizeof(path), "%s/trib-fuzz-%ld.npy", P_tmpdir, (long)getpid());
        require(trib_npy_save(path, tensor, NULL) == TRIB_OK);
        require(trib_npy_load(path, &back, NULL) == TRIB_OK);
        require(back.dtype == tensor->dtype && back.rank == tensor->rank);
        require(memcmp(back.shape, tensor->shape, sizeof(back.shape)) == 0);
        require(memcmp(back.data, tensor->data, bytes) == 0);
        trib_npy_free(&back);
        require(unlink(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static unsigned long runs;
        char                 path[64];
        trib_tensor          tensor;
        trib_error           err = TRIB_ERROR_INIT;
        size_t               bytes;
        int                  file = memfd_create("npy", MFD_CLOEXEC);

        require(file >= 0 && write(file, data, size) == (ssize_t)size);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        if (trib_npy_load(path, &tensor, &err) == TRIB_OK) {
                require(trib_tensor_check(&tensor, NULL, &bytes, NULL) == TRIB_OK);
                require(trib_tensor_is_contiguous(&tensor) && bytes < size);
                /* Saving syncs a file: now and then is enough for the search to stay fast. */
                if (runs++ % 64 == 0)
                        check_saved(&tensor, bytes);
                trib_npy_free(&tensor);
        } else {
                require(tensor.rank == -1 && tensor.data == NULL);
                require(err.status != TRIB_OK && err.message[0] != '\0');
        }
        require(close(file) == 0);
        return 0;
}
