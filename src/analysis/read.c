/* SPDX-License-Identifier: Apache-2.0 */
/* read.c: a file into memory, bounded, and the choice between CSV and JSON. Takes no lock. */
#include "analysis/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fault.h"

struct content {
        char  *data;
        size_t size;
        size_t capacity;
};

static trib_status fail_errno(trib_error *err, const char *path, const char *what)
{
        int  number = errno;
        char text[96];

        return trib__fail(err, number == ENOENT ? TRIB_NOT_FOUND : TRIB_IO,
                          "%.120s: cannot %s: %s", path, what,
                          trib__errno_text(number, text, sizeof(text)));
}

static bool make_room(struct content *content)
{
        size_t wanted = content->capacity == 0 ? (size_t)1 << 16 : content->capacity * 2;
        char  *bigger;

        if (content->size < content->capacity)
                return true;
        bigger = trib__alloc("analysis.file", wanted);
        if (bigger == NULL)
                return false;
        if (content->size > 0)
                memcpy(bigger, content->data, content->size);
        trib__free(content->data);
        content->data = bigger;
        content->capacity = wanted;
        return true;
}

/* Read to the end, whatever the file is (a pipe has no size), but never beyond the limit. */
static trib_status load(int fd, const char *path, struct content *content, trib_error *err)
{
        for (;;) {
                ssize_t got;

                if (!make_room(content))
                        return trib__fail(err, TRIB_OUT_OF_MEMORY, "%.120s: no memory to read it",
                                          path);
                errno = EIO;
                got = TRIB__FAULT(SYSTEM, "analysis.read")
                              ? -1
                              : read(fd, content->data + content->size,
                                     TRIB__FAULT(SYSTEM, "analysis.read_short")
                                             ? 1
                                             : content->capacity - content->size);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, path, "read");
                if (got == 0)
                        return TRIB_OK;
                content->size += (size_t)got;
                if (content->size > TRIB__CSV_BYTES_MAX)
                        return trib__fail(err, TRIB_OVERFLOW,
                                          "%.120s: larger than %zu MiB, the most that is read",
                                          path, TRIB__CSV_BYTES_MAX >> 20);
        }
}

static bool looks_like_json(const struct content *content)
{
        bool has_mark = content->size >= 3 && memcmp(content->data, "\xEF\xBB\xBF", 3) == 0;

        for (size_t i = has_mark ? 3 : 0; i < content->size; i++)
                if (memchr(" \t\r\n", content->data[i], 4) == NULL)
                        return content->data[i] == '{' || content->data[i] == '[';
        return false;
}

trib_status trib__read_file(const char *path, const struct trib__workload *workload,
                            struct trib__results *results, trib_error *err)
{
        struct content content = { NULL, 0, 0 };
        trib_status    status;
        int            fd;

        errno = EACCES;
        fd = TRIB__FAULT(SYSTEM, "analysis.open") ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, path, "open");
        status = load(fd, path, &content, err);
        (void)close(fd);
        if (status == TRIB_OK) {
                struct trib__read_input input = { content.data, content.size, path, workload };

                if (!looks_like_json(&content))
                        status = trib__read_csv(&input, results, err);
                else if (content.size > TRIB__JSON_BYTES_MAX)
                        status = trib__fail(err, TRIB_OVERFLOW,
                                            "%.120s: JSON larger than %zu MiB, the most that is "
                                            "read", path, TRIB__JSON_BYTES_MAX >> 20);
                else
                        status = trib__read_json(&input, results, err);
        }
        trib__free(content.data);
        return status;
}
