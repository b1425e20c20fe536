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

/* Bits of a floating point number. */
typedef uint32_t __attribute__((may_alias)) bits32;
typedef uint64_t __attribute__((may_alias)) bits64;

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
                          "lapack: not loaded; install liblapacke and libopenblas0-serial with "
                          "apt-get: %.200s", text != NULL ? text : "no such file");
}

/* NULL if the library has it not. */
static void *find(struct trib__lapack *lib, const char *name)
{
        return TRIB__FAULT(LIBRARY, "lapack.dlsym") ? NULL : dlsym(lib->handle, name);
}

/* Nothing to do where the BLAS is not OpenBLAS, or has one thread anyway. */
static trib_status hold_at_one_thread(struct trib__lapack *lib, trib_error *err)
{
        void *symbols[2] = { find(lib, "openblas_get_num_threads"),
                             find(lib, "openblas_set_num_threads") };
        int (*get)(void);
        void (*set)(int);

        if (symbols[0] == NULL && symbols[1] == NULL)
                return TRIB_OK;
        if (symbols[0] == NULL || symbols[1] == NULL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "lapack: its OpenBLAS cannot be held at one thread per caller");
        memcpy(&get, &symbols[0], sizeof(get));
        memcpy(&set, &symbols[1], sizeof(set));
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

/* Numbers grow by 2 at most in each step of the elimination, and in practice by little in all:
 * below these, nothing overflows but in matrices made for it. */
#define SAFE_F32 UINT32_C(0x5e800000)           /* 2^62  */
#define SAFE_F64 UINT64_C(0x5fe0000000000000)   /* 2^511 */

/* Whether every number is finite and of a size that leaves room. Not-a-number and infinity have
 * the greatest bits of all. */
static bool is_safe(const void *a, size_t count, trib_dtype dtype)
{
        uint32_t most32 = 0;
        uint64_t most64 = 0;

        for (size_t i = 0; dtype == TRIB_F32 && i < count; i++) {
                uint32_t bits = ((const bits32 *)a)[i] & (UINT32_MAX >> 1);

                most32 = bits > most32 ? bits : most32;
        }
        for (size_t i = 0; dtype == TRIB_F64 && i < count; i++) {
                uint64_t bits = ((const bits64 *)a)[i] & (UINT64_MAX >> 1);

                most64 = bits > most64 ? bits : most64;
        }
        return most32 <= SAFE_F32 && most64 <= SAFE_F64;
}

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

static trib_status factorise(const struct trib__lapack *lib, const struct trib__ref_lu *p,
                             char *packed, trib_error *err)
{
        size_t size = trib_dtype_size(p->dtype);
        char  *line = packed + (size_t)p->m * (size_t)p->n * size;
        int    m = (int)p->m, n = (int)p->n, info = -1;

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

trib_status trib__lapack_lu(const struct trib__lapack *lib, const struct trib__ref_lu *p,
                            trib_error *err)
{
        size_t      size = trib_dtype_size(p->dtype), elements = (size_t)p->m * (size_t)p->n;
        trib_status status = TRIB_OK;

        if ((p->dtype != TRIB_F32 && p->dtype != TRIB_F64) || p->m > GREATEST || p->n > GREATEST)
                return trib__fail(err, TRIB_UNSUPPORTED, "lapack: no factorisation of %s",
                                  trib_dtype_name(p->dtype));
        for (int64_t i = 0; status == TRIB_OK && i < p->batch; i++) {
                char *packed = (char *)p->packed +
                               (size_t)i * (elements + (size_t)p->m) * size;

                if (!is_safe((const char *)p->a + (size_t)i * elements * size, elements,
                             p->dtype)) {
                        trib__ref_lu_one(p, i);
                        continue;
                }
                trib__ref_lu_pack(p, i);
                status = factorise(lib, p, packed, err);
        }
        return status;
}
