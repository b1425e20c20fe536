/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: the choice of a format, and files that are whole or not there. Takes no lock. */
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fault.h"
#include "report/plot.h"
#include "report/report_priv.h"

static const struct {
        const char         *name;
        const char         *ending;
        trib__report_format format;
} formats[] = { { "text", ".txt", TRIB__REPORT_TEXT },
                { "json", ".json", TRIB__REPORT_JSON },
                { "csv", ".csv", TRIB__REPORT_CSV },
                { "md", ".md", TRIB__REPORT_MARKDOWN },
                { "html", ".html", TRIB__REPORT_HTML } };

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

bool trib__report_format_parse(const char *name, trib__report_format *out)
{
        for (size_t i = 0; i < FORMATS; i++) {
                if (strcmp(name, formats[i].name) != 0)
                        continue;
                *out = formats[i].format;
                return true;
        }
        return false;
}

trib__report_format trib__report_format_of_file(const char *path)
{
        const char *dot = strrchr(path, '.');

        for (size_t i = 0; i < FORMATS && dot != NULL; i++)
                if (strcmp(dot, formats[i].ending) == 0)
                        return formats[i].format;
        return TRIB__REPORT_TEXT;
}

static trib_status fail_errno(trib_error *err, const char *path, const char *what)
{
        int  number = errno;
        char text[96];

        return trib__fail(err, number == ENOENT ? TRIB_NOT_FOUND : TRIB_IO,
                          "%.140s: cannot %s: %s", path, what,
                          trib__errno_text(number, text, sizeof(text)));
}

struct trib__sink trib__sink_of(const struct trib__report_style *style, FILE *stream)
{
        return (struct trib__sink){ .stream = stream,
                                    .is_markdown = style->format == TRIB__REPORT_MARKDOWN,
                                    .columns = style->columns < 80 ? 80 : style->columns };
}

static trib_status write_format(const struct trib__results *results,
                                const struct trib__report_style *style, FILE *stream,
                                trib_error *err)
{
        struct trib__sink sink = trib__sink_of(style, stream);

        switch (style->format) {
        case TRIB__REPORT_JSON:
                return trib__report_json(results, stream, err);
        case TRIB__REPORT_CSV:
                return trib__report_csv(results, stream, err);
        case TRIB__REPORT_HTML:
                return trib__report_html(results, NULL, stream, err);
        case TRIB__REPORT_TEXT:
        case TRIB__REPORT_MARKDOWN:
                break;
        }
        return trib__report_pages(results, &sink, err);
}

static trib_status write_stream(const struct trib__results *results,
                                const struct trib__report_style *style, FILE *stream,
                                const char *name, trib_error *err)
{
        trib_status status;

        status = write_format(results, style, stream, err);
        if (status != TRIB_OK)
                return status;
        /* An error stays with the stream, whenever it was; what is in errno may be older. */
        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "report.flush") || fflush(stream) != 0 || ferror(stream))
                return fail_errno(err, name, "write");
        return TRIB_OK;
}

trib_status trib__report_write(const struct trib__results *results,
                               const struct trib__report_style *style, FILE *stream,
                               trib_error *err)
{
        return write_stream(results, style, stream, "the output", err);
}

/* A file that is being written beside the one that it will replace. */
struct beside {
        char   target[PATH_MAX]; /* what the path leads to, symbolic links followed */
        char   path[PATH_MAX];
        int    fd;
        bool   is_direct;        /* target is no regular file: written as it is */
};

static trib_status open_direct(struct beside *beside, const char *path, trib_error *err)
{
        beside->is_direct = true;
        errno = EACCES;
        beside->fd = TRIB__FAULT(SYSTEM, "report.direct")
                             ? -1
                             : open(beside->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return beside->fd < 0 ? fail_errno(err, path, "write") : TRIB_OK;
}

static trib_status open_beside(struct beside *beside, const char *path, trib_error *err)
{
        struct stat old;
        bool        is_old;
        int         length;

        beside->fd = -1;
        beside->is_direct = false;
        if (strlen(path) >= sizeof(beside->target) || path[0] == '\0') {
                errno = path[0] == '\0' ? ENOENT : ENAMETOOLONG;
                return fail_errno(err, path, "write");
        }
        /* No site: where nothing is known about the target, creating the file tells why. */
        if (realpath(path, beside->target) == NULL)
                memcpy(beside->target, path, strlen(path) + 1);
        is_old = stat(beside->target, &old) == 0;
        if (path[strlen(path) - 1] == '/' || (is_old && S_ISDIR(old.st_mode))) {
                errno = EISDIR;
                return fail_errno(err, path, "write");
        }
        if (is_old && !S_ISREG(old.st_mode))
                return open_direct(beside, path, err);
        errno = EACCES;
        if (is_old && (TRIB__FAULT(SYSTEM, "report.access") || access(beside->target, W_OK) != 0))
                return fail_errno(err, path, "write");
        length = snprintf(beside->path, sizeof(beside->path), "%s.%ld.part", beside->target,
                          (long)getpid());
        if (length < 0 || (size_t)length >= sizeof(beside->path)) {
                errno = ENAMETOOLONG;
                return fail_errno(err, path, "write");
        }
        errno = EACCES;
        beside->fd = TRIB__FAULT(SYSTEM, "report.create")
                             ? -1
                             : open(beside->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (beside->fd < 0)
                return fail_errno(err, path, "write");
        if (is_old)
                (void)fchmod(beside->fd, old.st_mode & 0777);
        return TRIB_OK;
}

static void remove_beside(const struct beside *beside)
{
        if (!beside->is_direct)
                (void)unlink(beside->path);
}

/* The name is on disk only when its folder is. Some file systems cannot sync a folder; the rename
 * holds all the same, so that is no failure. */
static void sync_folder(char *target)
{
        char *slash = strrchr(target, '/');
        int   fd;

        if (slash != NULL)
                *(slash == target ? slash + 1 : slash) = '\0';
        fd = TRIB__FAULT(SYSTEM, "report.folder")
                     ? -1
                     : open(slash != NULL ? target : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return;
        (void)fsync(fd); /* No site: see above. */
        (void)close(fd);
}

/* What goes into a file: bytes, or what a function writes, which is then kept in memory, so that it
 * is known how many bytes there are before the first is written. */
struct content {
        const struct trib__report_file *file;
        const void                     *bytes;
        size_t                          size;
        char                           *held; /* of open_memstream */
        struct beside                   beside;
        bool                            is_open; /* beside is, or was */
};

static trib_status render(struct content *content, trib_error *err)
{
        const struct trib__report_file *file = content->file;
        FILE       *stream;
        trib_status status;

        if (file->write == NULL)
                return TRIB_OK;
        stream = TRIB__FAULT(ALLOCATION, "report.text")
                         ? NULL
                         : open_memstream(&content->held, &content->size);
        if (stream == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for its text");
        status = file->write(file->context, stream, err);
        /* Nothing but memory can be short here. */
        if (fclose(stream) != 0 && status == TRIB_OK)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for its text");
        content->bytes = content->held;
        return status;
}

/* Write all of it; on a failure say how much is missing. */
static trib_status write_all(int fd, const struct content *content, const char *path,
                             trib_error *err)
{
        size_t done = 0;

        while (done < content->size) {
                ssize_t put;

                errno = ENOSPC;
                put = TRIB__FAULT(SYSTEM, "report.write")
                              ? -1
                              : write(fd, (const char *)content->bytes + done,
                                      TRIB__FAULT(SYSTEM, "report.write_short")
                                              ? 1
                                              : content->size - done);
                if (put < 0 && errno != EINTR) {
                        char text[96];

                        return trib__fail(err, TRIB_IO,
                                          "%.120s: cannot write: %s: %zu of %zu bytes are missing",
                                          path, trib__errno_text(errno, text, sizeof(text)),
                                          content->size - done, content->size);
                }
                done += put > 0 ? (size_t)put : 0;
        }
        return TRIB_OK;
}

/* Write it beside its place, sync and close. The descriptor is closed in any case. */
static trib_status put_beside(struct content *content, trib_error *err)
{
        const char    *path = content->file->path;
        struct beside *beside = &content->beside;
        trib_status    status = open_beside(beside, path, err);

        if (status != TRIB_OK)
                return status;
        content->is_open = true;
        status = write_all(beside->fd, content, path, err);
        errno = EIO;
        if (status == TRIB_OK && !beside->is_direct &&
            (TRIB__FAULT(SYSTEM, "report.sync") || fsync(beside->fd) != 0))
                status = fail_errno(err, path, "write");
        errno = EIO;
        if ((close(beside->fd) != 0 || TRIB__FAULT(SYSTEM, "report.close")) && status == TRIB_OK)
                status = fail_errno(err, path, "write");
        return status;
}

static trib_status move_to_place(struct content *content, trib_error *err)
{
        struct beside *beside = &content->beside;

        if (beside->is_direct)
                return TRIB_OK;
        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "report.rename") || rename(beside->path, beside->target) != 0)
                return fail_errno(err, content->file->path, "replace");
        content->is_open = false;
        sync_folder(beside->target);
        return TRIB_OK;
}

static trib_status write_contents(struct content *contents, size_t count, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < count && status == TRIB_OK; i++)
                status = render(&contents[i], err);
        for (size_t i = 0; i < count && status == TRIB_OK; i++)
                status = put_beside(&contents[i], err);
        for (size_t i = 0; i < count && status == TRIB_OK; i++)
                status = move_to_place(&contents[i], err);
        for (size_t i = 0; i < count; i++) {
                if (contents[i].is_open)
                        remove_beside(&contents[i].beside);
                free(contents[i].held); /* of open_memstream */
        }
        return status;
}

trib_status trib__report_write_files(const struct trib__report_file *files, size_t count,
                                     trib_error *err)
{
        struct content *contents = trib__calloc("report.files", count, sizeof(*contents));
        trib_status     status;

        if (contents == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for its files");
        for (size_t i = 0; i < count; i++)
                contents[i].file = &files[i];
        status = write_contents(contents, count, err);
        trib__free(contents);
        return status;
}

struct styled {
        const struct trib__results      *results;
        const struct trib__report_style *style;
};

static trib_status write_styled(void *context, FILE *stream, trib_error *err)
{
        const struct styled *styled = context;

        return write_stream(styled->results, styled->style, stream, "the report", err);
}

trib_status trib__report_write_file(const struct trib__results *results,
                                    const struct trib__report_style *style, const char *path,
                                    trib_error *err)
{
        struct styled            styled = { results, style };
        struct trib__report_file file = { path, write_styled, &styled };

        return trib__report_write_files(&file, 1, err);
}

trib_status trib__report_write_bytes(const char *path, FILE *stream, const void *bytes,
                                     size_t size, trib_error *err)
{
        struct trib__report_file file = { path, NULL, NULL };
        struct content           content = { .file = &file, .bytes = bytes, .size = size };

        if (path != NULL)
                return write_contents(&content, 1, err);
        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "report.flush") ||
            fwrite(bytes, 1, size, stream) != size || fflush(stream) != 0)
                return fail_errno(err, "the output", "write");
        return TRIB_OK;
}

trib_status trib__report_check_file(const char *path, trib_error *err)
{
        struct beside beside;
        trib_status   status = open_beside(&beside, path, err);

        if (status != TRIB_OK)
                return status;
        (void)close(beside.fd);
        remove_beside(&beside);
        return TRIB_OK;
}
