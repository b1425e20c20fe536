/* SPDX-License-Identifier: Apache-2.0 */
/* peaks_cache.c: the file of peaks_cache.h. Holds no state, takes no lock: two programs that write
 * at the same time each rename a whole file into place, and one of them is there in the end. */
#include "loadgen/peaks_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"

#define SCHEMA 1
#define FILE_BYTES_MAX 65536
#define FIGURE_MAX 1e21
#define TEXT_BYTES 8192

/* The members of trib_device_peaks, as they are called in the file. */
#define FIGURES(X)                                                                             \
        X(flops_f32) X(flops_medium) X(flops_f64) X(flops_f16) X(bytes_per_s)                  \
        X(submissions_per_s) X(unit_flops_f32) X(unit_flops_medium) X(unit_flops_f64)          \
        X(unit_flops_f16) X(unit_bytes_per_s) X(copy_bytes_per_s) X(unit_submissions_per_s)    \
        X(wake_ns) X(private_cache_bytes) X(private_cache_bytes_per_s) X(shared_cache_bytes)   \
        X(shared_cache_bytes_per_s) X(unit_shared_cache_bytes_per_s)

/* ---- where ------------------------------------------------------------------------------ */

/* FNV-1a, 64 bits: a short name for the file. That it is the right one is checked inside. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
        do {
                hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        } while (*text++ != '\0');
        return hash;
}

bool trib__peaks_path(const struct trib__peaks_key *key, const char *cache_home, const char *home,
                      char path[TRIB__PEAKS_PATH_BYTES])
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        char     cores[16];
        bool     has_own = cache_home != NULL && cache_home[0] == '/';
        int      length;

        (void)snprintf(cores, sizeof(cores), "%u", key->cores);
        hash = hash_text(hash, key->cpu);
        hash = hash_text(hash, key->device);
        hash = hash_text(hash, key->library);
        hash = hash_text(hash, key->tool);
        hash = hash_text(hash, key->os);
        hash = hash_text(hash, cores);
        path[0] = '\0';
        if (!has_own && (home == NULL || home[0] != '/'))
                return false;
        length = snprintf(path, TRIB__PEAKS_PATH_BYTES, "%s%s/tributary/peaks-%016" PRIx64 ".json",
                          has_own ? cache_home : home, has_own ? "" : "/.cache", hash);
        if (length > 0 && length < TRIB__PEAKS_PATH_BYTES)
                return true;
        path[0] = '\0';
        return false;
}

/* ---- reading ---------------------------------------------------------------------------- */

static trib_status refuse(const char *why, trib_error *err)
{
        return trib__fail(err, TRIB_MALFORMED, "%s", why);
}

/* What the system says no to; `number` is its reason, or 0. */
static trib_status fail_at(const char *path, const char *what, int number, trib_error *err)
{
        return trib__fail(err, TRIB_SYSTEM, "%.180s %s%s%s", path, what, number != 0 ? ": " : "",
                          number != 0 ? strerror(number) : "");
}

/* All of a file that is ours and of no unlikely size; *size bytes. */
static trib_status read_all(const char *path, char *bytes, size_t *size, trib_error *err)
{
        struct stat facts;
        trib_status status = TRIB_OK;
        int         file;

        *size = 0;
        if (TRIB__FAULT(SYSTEM, "loadgen.peaks_open"))
                return fail_at(path, "does not open", 0, err);
        file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
                return trib__fail(err, TRIB_NOT_FOUND, "there is no file");
        if (file < 0)
                return fail_at(path, "does not open", errno, err);
        if (TRIB__FAULT(SYSTEM, "loadgen.peaks_stat") || fstat(file, &facts) != 0)
                status = fail_at(path, "cannot be looked at", 0, err);
        else if (!S_ISREG(facts.st_mode))
                status = refuse("it is not a file", err);
        else if (facts.st_uid != geteuid() || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                status = refuse("others may write it", err);
        else if (facts.st_size < 1 || facts.st_size > FILE_BYTES_MAX)
                status = refuse("its size is not that of a file of peaks", err);
        while (status == TRIB_OK && *size < FILE_BYTES_MAX) {
                ssize_t got = TRIB__FAULT(SYSTEM, "loadgen.peaks_read")
                                      ? -1
                                      : read(file, bytes + *size, FILE_BYTES_MAX - *size);

                if (got < 0)
                        status = fail_at(path, "cannot be read", 0, err);
                if (got <= 0)
                        break;
                *size += (size_t)got;
        }
        (void)close(file);
        return status;
}

static bool is_text(json_t *object, const char *key, const char *expected)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL && strcmp(text, expected) == 0;
}

static bool is_key(json_t *object, const struct trib__peaks_key *key)
{
        json_t *cores = json_object_get(object, "cores");

        return is_text(object, "cpu", key->cpu) && is_text(object, "device", key->device)
               && is_text(object, "library", key->library) && is_text(object, "tool", key->tool)
               && is_text(object, "os", key->os) && json_is_integer(cores)
               && json_integer_value(cores) == (json_int_t)key->cores;
}

static bool take_figure(json_t *object, const char *key, double *out)
{
        json_t *value = json_object_get(object, key);

        *out = json_number_value(value);
        return json_is_number(value) && isfinite(*out) && *out >= 0 && *out <= FIGURE_MAX;
}

static bool take_figures(json_t *object, trib_device_peaks *out)
{
        bool is_whole = json_is_object(object);

#define TAKE(name) is_whole = is_whole && take_figure(object, #name, &out->name);
        FIGURES(TAKE)
#undef TAKE
        return is_whole && out->flops_f32 > 0 && out->bytes_per_s > 0;
}

static trib_status take_root(json_t *root, const struct trib__peaks_key *key, int64_t now_s,
                             trib_device_peaks *out, double *age_s, trib_error *err)
{
        json_t *schema = json_object_get(root, "schema"), *when;

        if (!json_is_integer(schema) || json_integer_value(schema) != SCHEMA)
                return refuse("it is of another version", err);
        if (!is_key(json_object_get(root, "key"), key))
                return refuse("it is of another machine", err);
        when = json_object_get(root, "measured_at");
        if (!json_is_integer(when) || json_integer_value(when) < 0
            || json_integer_value(when) > now_s)
                return refuse("it is from the future", err);
        if (!take_figures(json_object_get(root, "peaks"), out))
                return refuse("its figures are not peaks", err);
        *age_s = (double)(now_s - json_integer_value(when));
        return TRIB_OK;
}

trib_status trib__peaks_load(const char *path, const struct trib__peaks_key *key, int64_t now_s,
                             trib_device_peaks *out, double *age_s, trib_error *err)
{
        char         bytes[FILE_BYTES_MAX];
        size_t       size;
        json_error_t why;
        json_t      *root;
        trib_status  status;

        memset(out, 0, sizeof(*out));
        *age_s = 0;
        status = read_all(path, bytes, &size, err);
        if (status != TRIB_OK)
                return status;
        if (TRIB__FAULT(LIBRARY, "loadgen.peaks_parse"))
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to read it");
        root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
        if (root == NULL)
                return refuse("it is not JSON", err);
        status = take_root(root, key, now_s, out, age_s, err);
        json_decref(root);
        if (status != TRIB_OK)
                memset(out, 0, sizeof(*out));
        return status;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* The text of the file; how long it is, or 0 when memory is short or it does not fit. */
static size_t write_text(const struct trib__peaks_key *key, int64_t now_s,
                         const trib_device_peaks *peaks, char text[TEXT_BYTES])
{
        json_t *figures = json_object(), *root;
        size_t  length = 0;

#define PUT(name) (void)json_object_set_new(figures, #name, json_real(peaks->name));
        FIGURES(PUT)
#undef PUT
        root = json_pack("{s:i, s:I, s:{s:s, s:s, s:s, s:s, s:s, s:i}, s:o}", "schema", SCHEMA,
                         "measured_at", (json_int_t)now_s, "key", "cpu", key->cpu, "device",
                         key->device, "library", key->library, "tool", key->tool, "os", key->os,
                         "cores", (int)key->cores, "peaks", figures);
        if (root != NULL && !TRIB__FAULT(LIBRARY, "loadgen.peaks_dump"))
                length = json_dumpb(root, text, TEXT_BYTES, JSON_INDENT(2));
        json_decref(root);
        return length <= TEXT_BYTES ? length : 0;
}

/* The folder that `path` lies in, and the one above it, for us alone if they are made here. */
static trib_status make_folders(const char *path, trib_error *err)
{
        char        folder[TRIB__PEAKS_PATH_BYTES];
        struct stat facts;
        char       *end;

        (void)snprintf(folder, sizeof(folder), "%s", path);
        end = strrchr(folder, '/');
        *end = '\0';
        end = strrchr(folder, '/');
        if (end != NULL && end != folder) {
                *end = '\0';
                /* No site: what matters is whether the next one can be made. */
                (void)mkdir(folder, 0700);
                *end = '/';
        }
        if (TRIB__FAULT(SYSTEM, "loadgen.peaks_folder"))
                return fail_at(folder, "cannot be made", 0, err);
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
                return fail_at(folder, "cannot be made", errno, err);
        if (TRIB__FAULT(SYSTEM, "loadgen.peaks_folder_stat") || lstat(folder, &facts) != 0
            || !S_ISDIR(facts.st_mode) || facts.st_uid != geteuid()
            || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return fail_at(folder, "is no folder of the user's alone", 0, err);
        return TRIB_OK;
}

static bool write_all(int file, const char *text, size_t left)
{
        while (left > 0) {
                bool    is_refused = TRIB__FAULT(SYSTEM, "loadgen.peaks_write");
                ssize_t done = is_refused ? -1 : write(file, text, left);

                if (done <= 0)
                        return false;
                text += done;
                left -= (size_t)done;
        }
        return true;
}

static trib_status write_beside(const char *path, const char *text, size_t length,
                                trib_error *err)
{
        char beside[TRIB__PEAKS_PATH_BYTES + 32];
        bool is_whole;
        int  file, number = 0;

        (void)snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
        /* One of the same name is of a process that ended before its time. */
        (void)unlink(beside);
        if (TRIB__FAULT(SYSTEM, "loadgen.peaks_create"))
                return fail_at(path, "cannot be written", 0, err);
        file = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0)
                return fail_at(path, "cannot be written", errno, err);
        is_whole = write_all(file, text, length);
        is_whole = close(file) == 0 && is_whole;
        if (is_whole && !TRIB__FAULT(SYSTEM, "loadgen.peaks_rename")) {
                if (rename(beside, path) == 0)
                        return TRIB_OK;
                number = errno;
        }
        (void)unlink(beside);
        return fail_at(path, "cannot be written", number, err);
}

trib_status trib__peaks_store(const char *path, const struct trib__peaks_key *key, int64_t now_s,
                              const trib_device_peaks *peaks, trib_error *err)
{
        char        text[TEXT_BYTES];
        size_t      length = write_text(key, now_s, peaks, text);
        trib_status status;

        if (length == 0)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for its text");
        status = make_folders(path, err);
        return status == TRIB_OK ? write_beside(path, text, length, err) : status;
}
