/* SPDX-License-Identifier: Apache-2.0 */
/* report_folder.c: a report as a folder of files, all of them or none. Takes no lock. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "report/plot.h"
#include "report/report_priv.h"

static const struct {
        const char         *name;
        trib__report_format format;
} files[] = { { "results.json", TRIB__REPORT_JSON },
              { "tables.csv", TRIB__REPORT_CSV },
              { "report.md", TRIB__REPORT_MARKDOWN },
              { "report.html", TRIB__REPORT_HTML } };

#define FILES (sizeof(files) / sizeof(files[0]))

static bool is_there(const char *path)
{
        struct stat facts;

        /* No site: where it cannot be told, making it tells why. */
        return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool trib__report_is_folder(const char *path)
{
        size_t length = strlen(path);

        return length > 0 && (path[length - 1] == '/' || is_there(path));
}

/* *is_new: it was not there before. */
static trib_status make_folder(const char *path, bool *is_new, trib_error *err)
{
        char text[96];

        *is_new = false;
        if (is_there(path))
                return TRIB_OK;
        errno = EACCES;
        if (!TRIB__FAULT(SYSTEM, "report.mkdir") && mkdir(path, 0777) == 0) {
                *is_new = true;
                return TRIB_OK;
        }
        if (errno == EEXIST)
                errno = ENOTDIR;
        return trib__fail(err, errno == ENOENT ? TRIB_NOT_FOUND : TRIB_IO,
                          "%.140s: cannot make the folder: %s", path,
                          trib__errno_text(errno, text, sizeof(text)));
}

static trib_status path_of(const char *folder, const char *name, char *buffer, trib_error *err)
{
        size_t length = strlen(folder);
        int    needed = snprintf(buffer, PATH_MAX, "%s%s%s", folder,
                                 length > 0 && folder[length - 1] == '/' ? "" : "/", name);

        if (needed < 0 || needed >= PATH_MAX)
                return trib__fail(err, TRIB_IO, "%.140s: the name is too long", folder);
        return TRIB_OK;
}

trib_status trib__report_check_folder(const char *path, trib_error *err)
{
        char        buffer[PATH_MAX];
        bool        is_new;
        trib_status status = make_folder(path, &is_new, err);

        for (size_t i = 0; i < FILES && status == TRIB_OK; i++) {
                status = path_of(path, files[i].name, buffer, err);
                if (status == TRIB_OK)
                        status = trib__report_check_file(buffer, err);
        }
        if (is_new)
                (void)rmdir(path);
        return status;
}

struct part {
        const struct trib__results *results;
        const struct trib__plots   *plots;
        trib__report_format         format;
        char                        path[PATH_MAX];
};

static trib_status write_part(void *context, FILE *stream, trib_error *err)
{
        const struct part        *part = context;
        struct trib__report_style style = { .format = part->format, .columns = 0 };

        if (part->format == TRIB__REPORT_HTML)
                return trib__report_html(part->results, part->plots, stream, err);
        return trib__report_write(part->results, &style, stream, err);
}

trib_status trib__report_write_folder(const struct trib__results *results,
                                      const struct trib__plots *plots, const char *path,
                                      trib_error *err)
{
        struct part              parts[FILES];
        struct trib__report_file list[FILES];
        bool                     is_new;
        trib_status              status = make_folder(path, &is_new, err);

        for (size_t i = 0; i < FILES && status == TRIB_OK; i++) {
                parts[i].results = results;
                parts[i].plots = plots;
                parts[i].format = files[i].format;
                status = path_of(path, files[i].name, parts[i].path, err);
                list[i] = (struct trib__report_file){ parts[i].path, write_part, &parts[i] };
        }
        if (status == TRIB_OK)
                status = trib__report_write_files(list, FILES, err);
        if (status != TRIB_OK && is_new)
                (void)rmdir(path);
        return status;
}

trib_status trib__report_write_page(const struct trib__results *results,
                                    const struct trib__plots *plots, const char *path,
                                    trib_error *err)
{
        struct part              part = { results, plots, TRIB__REPORT_HTML, "" };
        struct trib__report_file file = { path, write_part, &part };

        return trib__report_write_files(&file, 1, err);
}

const char *trib__report_folder_files(void)
{
        return "results.json, tables.csv, report.md and report.html";
}
