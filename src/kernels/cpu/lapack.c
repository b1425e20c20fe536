/* SPDX-License-Identifier: Apache-2.0 */
/* lapack.c: see lapack.h.
 *
 * Lock: lapack_lock guards `current` and its count of references. The library is loaded outside of
 * it: two threads that load at once get the same file twice, and one of them drops its struct. */
#include "kernels/cpu/lapack.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/sync.h"

#define COLUMN_MAJOR 102
#define GREATEST INT64_C(0x7fffffff)

typedef int (*sgetrf_fn)(int layout, int m, int n, float *a, int lda, int *pivots);
typedef int (*dgetrf_fn)(int layout, int m, int n, double *a, int lda, int *pivots);

struct trib__lapack {
        /* Fixed by open. */
        void     *handle; /* of dlopen; never closed */
        sgetrf_fn sgetrf;
        dgetrf_fn dgetrf;

        /* Under the lock. */
        uint64_t references;
};

static struct trib__mutex   lapack_lock = TRIB__MUTEX_INIT(TRIB__RANK_LIBRARY);
static struct trib__lapack *current; /* under lapack_lock */

/* ---- opening ---------------------------------------------------------------------------- */

static trib_status open_file(void **handle, trib_error *err)
{
        const char *setting = getenv("TRIB_LAPACKE");
        const char *text = NULL;

        *handle = NULL;
        if (setting != NULL && strcmp(setting, "off") == 0)
                return trib__fail(err, TRIB_NOT_FOUND,
                                  "lapack: turned off by TRIB_LAPACKE=off; unset it to use the "
                                  "library");
        if (setting != NULL && setting[0] != '/')
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "lapack: TRIB_LAPACKE is '%.100s'; it must be 'off' or an "
                                  "absolute path of the library file",
                                  setting);
        if (!TRIB__FAULT(LIBRARY, "lapack.dlopen"))
                *handle = dlopen(setting != NULL ? setting : "liblapacke.so.3",
                                 RTLD_NOW | RTLD_LOCAL);
        if (*handle != NULL)
                return TRIB_OK;
        text = dlerror();
        return trib__fail(err, TRIB_NOT_FOUND,
                          "lapack: not loaded; install liblapacke and libopenblas0-pthread with "
                          "apt-get: %.200s", text != NULL ? text : "no such file");
}

/* NULL if the library has it not. */
static void *find(struct trib__lapack *lib, const char *name)
{
        return TRIB__FAULT(LIBRARY, "lapack.dlsym") ? NULL : dlsym(lib->handle, name);
}

/* What openblas_get_parallel says of an OpenBLAS that several threads may call at once. The one
 * without threads has no lock either, and gives two callers one buffer. */
#define OPENBLAS_PTHREADS 1

/* Nothing to do where the BLAS is not OpenBLAS. */
static trib_status hold_at_one_thread(struct trib__lapack *lib, trib_error *err)
{
        void *symbols[3] = { find(lib, "openblas_get_num_threads"),
                             find(lib, "openblas_set_num_threads"),
                             find(lib, "openblas_get_parallel") };
        int (*get)(void), (*parallel)(void);
        void (*set)(int);

        if (symbols[0] == NULL && symbols[1] == NULL && symbols[2] == NULL)
                return TRIB_OK;
        if (symbols[0] == NULL || symbols[1] == NULL || symbols[2] == NULL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "lapack: its OpenBLAS cannot be held at one thread per caller");
        memcpy(&get, &symbols[0], sizeof(get));
        memcpy(&set, &symbols[1], sizeof(set));
        memcpy(&parallel, &symbols[2], sizeof(parallel));
        if (parallel() != OPENBLAS_PTHREADS)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "lapack: its OpenBLAS is not one that several threads may call; "
                                  "install libopenblas0-pthread and choose it with "
                                  "update-alternatives");
        if (get() != 1)
                set(1);
        return TRIB_OK;
}

static trib_status load_into(struct trib__lapack *lib, trib_error *err)
{
        trib_status status = open_file(&lib->handle, err);
        void       *single, *twice;

        if (status != TRIB_OK)
                return status;
        single = find(lib, "LAPACKE_sgetrf_work");
        twice = find(lib, "LAPACKE_dgetrf_work");
        if (single == NULL || twice == NULL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "lapack: the library has no LAPACKE_sgetrf_work and "
                                  "LAPACKE_dgetrf_work; it is not one that we can use");
        memcpy(&lib->sgetrf, &single, sizeof(single));
        memcpy(&lib->dgetrf, &twice, sizeof(twice));
        return hold_at_one_thread(lib, err);
}

/* Make `fresh` the one of the process, unless another thread was first. */
static struct trib__lapack *publish(struct trib__lapack *fresh)
{
        struct trib__lapack *mine;

        trib__lock(&lapack_lock);
        if (current == NULL)
                current = fresh;
        current->references++;
        mine = current;
        trib__unlock(&lapack_lock);
        if (mine != fresh)
                trib__free(fresh);
        return mine;
}

trib_status trib__lapack_open(struct trib__lapack **out, trib_error *err)
{
        struct trib__lapack *lib;
        trib_status          status;

        trib__lock(&lapack_lock);
        *out = current;
        if (current != NULL)
                current->references++;
        trib__unlock(&lapack_lock);
        if (*out != NULL)
                return TRIB_OK;
        lib = trib__calloc("lapack.library", 1, sizeof(*lib));
        if (lib == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "lapack: no memory left to open it");
        status = load_into(lib, err);
        if (status != TRIB_OK) {
                trib__free(lib);
                return status;
        }
        *out = publish(lib);
        return TRIB_OK;
}

void trib__lapack_close(struct trib__lapack *lib)
{
        bool is_last;

        if (lib == NULL)
                return;
        trib__lock(&lapack_lock);
        is_last = --lib->references == 0;
        if (is_last)
                current = NULL;
        trib__unlock(&lapack_lock);
        if (is_last)
                trib__free(lib);
}

/* ---- running ---------------------------------------------------------------------------- */

/* What the library wrote as whole numbers from 1 into the line of pivots becomes numbers of the
 * dtype from 0, in place: from the end, as those of f64 are wider. */
static void convert_pivots(void *line, int64_t count, trib_dtype dtype)
{
        for (int64_t i = count; i-- > 0;) {
                int32_t pivot;

                memcpy(&pivot, (char *)line + (size_t)i * sizeof(pivot), sizeof(pivot));
                if (dtype == TRIB_F32)
                        ((float *)line)[i] = (float)(pivot - 1);
                else
                        ((double *)line)[i] = (double)(pivot - 1);
        }
}

trib_status trib__lapack_lu(const struct trib__lapack *lib, const struct trib__ref_lu *p,
                            char *packed, trib_error *err)
{
        size_t size = trib_dtype_size(p->dtype);
        char  *line = packed + (size_t)p->m * (size_t)p->n * size;
        int    m = (int)p->m, n = (int)p->n, info = -1;

        if (p->m > GREATEST || p->n > GREATEST)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "lapack: no factorisation of a matrix of more than 2^31 - 1 rows "
                                  "or columns");
        if (TRIB__FAULT(LIBRARY, "lapack.getrf"))
                info = -1;
        else if (p->dtype == TRIB_F32)
                info = lib->sgetrf(COLUMN_MAJOR, m, n, (void *)packed, m, (void *)line);
        else
                info = lib->dgetrf(COLUMN_MAJOR, m, n, (void *)packed, m, (void *)line);
        /* Positive: a pivot is 0, and the factors are right all the same. */
        if (info < 0)
                return trib__fail(err, TRIB_DEVICE_ERROR,
                                  "lapack: the factorisation of a matrix of %d rows and %d columns "
                                  "failed with %d", m, n, info);
        convert_pivots(line, m < n ? m : n, p->dtype);
        return TRIB_OK;
}
