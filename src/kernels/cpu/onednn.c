/* SPDX-License-Identifier: Apache-2.0 */
/* onednn.c: finding, opening and counting the library; OpenMP threads; failures in words.
 *
 * One process has at most one `struct trib__onednn`. One thread loads it, outside the lock (a lock
 * is never held across a library call); others wait for the end of that. The code stays mapped: an
 * OpenMP runtime and generated machine code cannot be unmapped safely.
 *
 * Lock: library_lock guards `current`, its count of references, and who loads. */
#include "kernels/cpu/onednn_priv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"

#define INSTALL_HINT                                                                    \
        "install it with apt-get: libdnnl2 (Debian 12), libdnnl3.6 (Debian 13), libdnnl3 " \
        "(Ubuntu 24.04)"

/* Debian 13 names the library by its minor version too: libdnnl.so.3.6. */
#define NEWEST_MINOR 31

static struct trib__mutex   library_lock = TRIB__MUTEX_INIT(TRIB__RANK_LIBRARY);
static struct trib__onednn *current;    /* under library_lock */
static bool                 is_loading; /* the same           */
static trib__atomic_u32     loads;      /* that ended; waited on */

trib_status trib__onednn_failed(int status, const char *what, trib_error *err)
{
        switch (status) {
        case TRIB__DNNL_OUT_OF_MEMORY:
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "onednn: no memory left for %s", what);
        case TRIB__DNNL_UNIMPLEMENTED:
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: this version or processor cannot do %s", what);
        case TRIB__DNNL_INVALID_ARGUMENTS:
                return trib__fail(err, TRIB_UNSUPPORTED, "onednn: it does not accept %s", what);
        default:
                return trib__fail(err, TRIB_DEVICE_ERROR, "onednn: %s failed with status %d",
                                  what, status);
        }
}

/* ---- opening the file ------------------------------------------------------------------- */

static void *open_file(const char *name)
{
        if (TRIB__FAULT(LIBRARY, "onednn.dlopen"))
                return NULL;
        return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* Try one of the system's names. When the file is there but cannot be loaded (a library that it
 * needs is missing, say), keep the reason. */
static void *try_name(const char *name, char *reason, size_t reason_bytes)
{
        void       *handle = open_file(name);
        const char *text;
        size_t      length = strlen(name);

        if (handle != NULL)
                return handle;
        text = dlerror();
        if (text != NULL && !(strncmp(text, name, length) == 0 && text[length] == ':' &&
                              strstr(text, "No such file") != NULL))
                (void)snprintf(reason, reason_bytes, "%s", text);
        return NULL;
}

static void *open_system(char *reason, size_t reason_bytes)
{
        char  name[32];
        void *handle = try_name("libdnnl.so.3", reason, reason_bytes);

        for (int minor = NEWEST_MINOR; handle == NULL && minor >= 0; minor--) {
                (void)snprintf(name, sizeof(name), "libdnnl.so.3.%d", minor);
                handle = try_name(name, reason, reason_bytes);
        }
        if (handle == NULL)
                handle = try_name("libdnnl.so.2", reason, reason_bytes);
        if (handle == NULL)
                handle = try_name("libdnnl.so", reason, reason_bytes);
        return handle;
}

static trib_status open_library(void **handle, trib_error *err)
{
        const char *setting = getenv("TRIB_ONEDNN");
        const char *text;
        char        reason[160] = "";

        *handle = NULL;
        if (setting != NULL && strcmp(setting, "off") == 0)
                return trib__fail(err, TRIB_NOT_FOUND,
                                  "onednn: turned off by TRIB_ONEDNN=off; unset it to use the "
                                  "library");
        if (setting != NULL && setting[0] != '/')
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "onednn: TRIB_ONEDNN is '%.100s'; it must be 'off' or an "
                                  "absolute path of the library file",
                                  setting);
        if (setting != NULL) {
                *handle = open_file(setting);
                text = *handle == NULL ? dlerror() : NULL;
                if (*handle == NULL)
                        return trib__fail(err, TRIB_NOT_FOUND,
                                          "onednn: TRIB_ONEDNN names a file that cannot be "
                                          "loaded: %s",
                                          text != NULL ? text : setting);
                return TRIB_OK;
        }
        *handle = open_system(reason, sizeof(reason));
        if (*handle != NULL)
                return TRIB_OK;
        if (reason[0] != '\0')
                return trib__fail(err, TRIB_NOT_FOUND, "onednn: installed but not loadable: %s",
                                  reason);
        return trib__fail(err, TRIB_NOT_FOUND, "oneDNN is not installed; " INSTALL_HINT);
}

/* ---- symbols ---------------------------------------------------------------------------- */

static trib_status find_symbol(void *handle, const char *name, void *function, trib_error *err)
{
        char  full[80];
        void *symbol = NULL;

        (void)snprintf(full, sizeof(full), "dnnl_%s", name);
        if (!TRIB__FAULT(LIBRARY, "onednn.dlsym"))
                symbol = dlsym(handle, full);
        if (symbol == NULL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: the library has no function %s; it is not one that "
                                  "we can use",
                                  full);
        memcpy(function, &symbol, sizeof(symbol));
        return TRIB_OK;
}

static trib_status bind_common(struct trib__onednn *lib, trib_error *err)
{
        const struct {
                const char *name;
                void       *function;
        } table[] = {
#define API_ROW(result, name, arguments) { #name, &lib->api.name },
                TRIB__ONEDNN_API(API_ROW)
#undef API_ROW
        };
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]) && status == TRIB_OK; i++)
                status = find_symbol(lib->handle, table[i].name, table[i].function, err);
        return status;
}

static trib_status bind_own(struct trib__onednn *lib, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; lib->abi->own_names[i] != NULL && status == TRIB_OK; i++)
                status = find_symbol(lib->handle, lib->abi->own_names[i], &lib->own[i], err);
        return status;
}

/* The OpenMP functions that the library itself calls: its references were resolved in the global
 * scope first (a program's own runtime), then in what the library was linked with. */
static void bind_openmp(struct trib__onednn *lib)
{
        void *get, *set;

        if (TRIB__FAULT(LIBRARY, "onednn.openmp"))
                return;
        get = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
        set = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
        if (get == NULL || set == NULL) {
                /* No site: the one above stands for all four. */
                get = dlsym(lib->handle, "omp_get_max_threads");
                set = dlsym(lib->handle, "omp_set_num_threads");
        }
        if (get == NULL || set == NULL)
                return;
        memcpy(&lib->omp_get_max_threads, &get, sizeof(get));
        memcpy(&lib->omp_set_num_threads, &set, sizeof(set));
}

/* ---- what it is ------------------------------------------------------------------------- */

static trib_status check_version(struct trib__onednn *lib, trib_error *err)
{
        const struct trib__dnnl_version *version = lib->api.version();

        (void)snprintf(lib->info.version, sizeof(lib->info.version), "%d.%d.%d", version->major,
                       version->minor, version->patch);
        if (version->major == trib__onednn_v2.major &&
            version->minor >= trib__onednn_v2.minor_least)
                lib->abi = &trib__onednn_v2;
        else if (version->major == trib__onednn_v3.major)
                lib->abi = &trib__onednn_v3;
        else
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: version %s is installed; versions 2.6 to 2.7 and 3.x "
                                  "can be used",
                                  lib->info.version);
        lib->info.has_openmp = version->cpu_runtime == TRIB__DNNL_RUNTIME_OPENMP;
        if (!lib->info.has_openmp && version->cpu_runtime != TRIB__DNNL_RUNTIME_SEQUENTIAL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: version %s is built for threads that cannot be held "
                                  "at one per caller; use a build for OpenMP",
                                  lib->info.version);
        return TRIB_OK;
}

static void describe(struct trib__onednn *lib)
{
        int      isa = lib->api.get_effective_cpu_isa();
        void    *symbol = NULL;
        Dl_info  found;

        lib->info.isa = lib->abi->isa_name(isa);
        lib->info.has_bf16 = (isa & TRIB__DNNL_ISA_AVX512_BF16) == TRIB__DNNL_ISA_AVX512_BF16;
        lib->info.has_amx = (isa & lib->abi->isa_amx) == lib->abi->isa_amx;

        memcpy(&symbol, &lib->api.version, sizeof(symbol));
        if (dladdr(symbol, &found) == 0 || found.dli_fname == NULL)
                found.dli_fname = "libdnnl.so";
        (void)snprintf(lib->info.path, sizeof(lib->info.path), "%s", found.dli_fname);
}

/* ---- load, open, close ------------------------------------------------------------------ */

static void unload(struct trib__onednn *lib)
{
        if (lib == NULL)
                return;
        if (lib->engine != NULL)
                (void)lib->api.engine_destroy(lib->engine);
        trib__free(lib);
}

/* Make and drop one small primitive, so that the library's own first-use set-up (its primitive
 * cache among others) is done by one thread, before others can meet in it. */
static trib_status warm_up(struct trib__onednn *lib, trib_error *err)
{
        const float                       one = 1;
        struct trib__onednn_prim         *prim;
        struct trib__onednn_linear_params params = {
                .m = 1, .k = 1, .n = 1, .dtype = TRIB_F32, .weights_are_nk = true, .weights = &one
        };
        trib_status status = trib__onednn_linear_create(lib, &params, &prim, err);

        if (status == TRIB_OK)
                trib__onednn_prim_destroy(prim);
        return status;
}

static trib_status load_into(struct trib__onednn *lib, trib_error *err)
{
        trib_status status = open_library(&lib->handle, err);
        int         failed;

        if (status == TRIB_OK)
                status = bind_common(lib, err);
        if (status == TRIB_OK)
                status = check_version(lib, err);
        if (status == TRIB_OK)
                status = bind_own(lib, err);
        if (status != TRIB_OK)
                return status;
        if (lib->info.has_openmp)
                bind_openmp(lib);
        if (lib->info.has_openmp && lib->omp_set_num_threads == NULL)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "onednn: its OpenMP runtime has no omp_set_num_threads");
        describe(lib);
        failed = TRIB__ONEDNN_CALL("engine_create", lib->api.engine_create(
                                                            &lib->engine,
                                                            TRIB__DNNL_ENGINE_CPU, 0));
        if (failed != TRIB__DNNL_SUCCESS)
                return trib__onednn_failed(failed, "the creation of its CPU engine", err);
        return warm_up(lib, err);
}

/* The open library with one more reference; or NULL, and then the caller is the one that loads it.
 * Others wait for it: the library's first use must be one thread's (warm_up). */
static struct trib__onednn *take_or_load(void)
{
        struct trib__onednn *lib;
        bool                 is_mine = false;
        uint32_t             seen;

        for (;;) {
                trib__lock(&library_lock);
                /* Relaxed: it changes under the lock; a change after this look ends the wait. */
                seen = trib__load_relaxed_u32(&loads);
                lib = current;
                if (lib != NULL) {
                        lib->references++;
                } else if (!is_loading) {
                        is_loading = true;
                        is_mine = true;
                }
                trib__unlock(&library_lock);
                if (lib != NULL || is_mine)
                        return lib;
                (void)trib__word_wait(&loads, seen, TRIB__NEVER);
        }
}

/* The load has ended: `fresh` is the open library, or NULL and the next thread tries. */
static void end_load(struct trib__onednn *fresh)
{
        trib__lock(&library_lock);
        current = fresh;
        if (fresh != NULL)
                fresh->references = 1;
        is_loading = false;
        /* Relaxed: under the lock, as where it is read. */
        (void)trib__fetch_add_relaxed_u32(&loads, 1);
        trib__unlock(&library_lock);
        trib__word_wake(&loads, UINT32_MAX >> 1);
}

trib_status trib__onednn_open(struct trib__onednn **out, trib_error *err)
{
        struct trib__onednn *fresh;
        trib_status          status = TRIB_OK;

        *out = take_or_load();
        if (*out != NULL)
                return TRIB_OK;
        fresh = trib__calloc("onednn.library", 1, sizeof(*fresh));
        if (fresh == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "onednn: no memory left to open it");
        else
                status = load_into(fresh, err);
        if (status != TRIB_OK) {
                unload(fresh);
                fresh = NULL;
        }
        end_load(fresh);
        *out = fresh;
        return status;
}

void trib__onednn_close(struct trib__onednn *lib)
{
        bool is_last;

        if (lib == NULL)
                return;
        trib__lock(&library_lock);
        is_last = --lib->references == 0;
        if (is_last)
                current = NULL;
        trib__unlock(&library_lock);
        if (is_last)
                unload(lib);
}

const struct trib__onednn_info *trib__onednn_info(const struct trib__onednn *lib)
{
        return &lib->info;
}

int trib__onednn_enter(const struct trib__onednn *lib)
{
        int previous = 1;

        if (lib->omp_get_max_threads != NULL)
                previous = lib->omp_get_max_threads();
        if (previous != 1)
                lib->omp_set_num_threads(1);
        return previous;
}

void trib__onednn_leave(const struct trib__onednn *lib, int previous)
{
        if (previous != 1)
                lib->omp_set_num_threads(previous);
}
