/* SPDX-License-Identifier: Apache-2.0 */
/* output.c: where a subcommand's results go: standard output, a file, a folder of files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app.h"
#include "gnuplot.h"
#include "report/plot.h"
#include "report/terminal.h"

/* A plot beside the text needs that many columns. */
#define PLOT_COLUMNS_MIN 80u

int trib_app_check_out(const char *command, const struct trib_app_common *common)
{
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status;

        if (common->out == NULL)
                return TRIB_EXIT_DONE;
        if (trib__report_is_folder(common->out))
                status = trib__report_check_folder(common->out, &err);
        else
                status = trib__report_check_file(common->out, &err);
        return status == TRIB_OK ? TRIB_EXIT_DONE : trib_app_fail(command, &err);
}

void trib_app_need_plain_out(struct trib_app_args *args, const struct trib_app_common *common)
{
        if (common->out == NULL)
                return;
        if (trib__report_is_folder(common->out))
                trib_app_misuse(args, "--out: '%.200s' is a folder; this is written to one file, "
                                      "text, .json, .csv or .md", common->out);
        else if (!common->has_format
                 && trib__report_format_of_file(common->out) == TRIB__REPORT_HTML)
                trib_app_misuse(args, "--out: '%.200s': this has no page; name a file of text, "
                                      ".json, .csv or .md", common->out);
}

int trib_app_check_file(const char *command, const char *path)
{
        trib_error err = TRIB_ERROR_INIT;

        if (path == NULL || trib__report_check_file(path, &err) == TRIB_OK)
                return TRIB_EXIT_DONE;
        return trib_app_fail(command, &err);
}

/* The width of the terminal that standard output is, or 0. */
static unsigned terminal_columns(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
                return 0;
        return size.ws_col;
}

static bool is_set(const char *name)
{
        const char *value = getenv(name);

        return value != NULL && value[0] != '\0';
}

/* By the variables of the locale alone; the program itself runs in the C locale, so that numbers
 * are written with a point. */
static bool has_utf8(void)
{
        static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *value = getenv(names[i]);

                if (value == NULL || value[0] == '\0')
                        continue;
                return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL
                       || strstr(value, "UTF8") != NULL || strstr(value, "utf-8") != NULL;
        }
        return false;
}

static int print_text(const char *command, const struct trib_app_common *common,
                      const struct trib__results *results)
{
        struct trib__report_style style = { .format = TRIB__REPORT_TEXT,
                                            .columns = terminal_columns() };
        const char *kind = getenv("TERM");
        bool        is_terminal = isatty(STDOUT_FILENO) && kind != NULL
                           && strcmp(kind, "dumb") != 0;
        struct trib__terminal terminal = { .columns = style.columns,
                                           .has_utf8 = has_utf8(),
                                           .has_color = is_terminal && !is_set("NO_COLOR") };
        bool                  has_plots = common->plot == TRIB_APP_PLOT_ALWAYS
                         || (common->plot == TRIB_APP_PLOT_AUTO && is_terminal
                             && style.columns >= PLOT_COLUMNS_MIN);
        trib_error  err = TRIB_ERROR_INIT;
        trib_status status = has_plots
                                     ? trib__report_terminal(results, &terminal, stdout, &err)
                                     : trib__report_write(results, &style, stdout, &err);

        return status == TRIB_OK ? TRIB_EXIT_DONE : trib_app_fail(command, &err);
}

/* What a file or folder needs beside the results: pictures. */
static trib_status write_page(const struct trib_app_common *common,
                              const struct trib__results *results, bool is_folder,
                              struct trib__plots *plots, trib_error *err)
{
        trib_status status = trib__plots_create(results, plots, err);

        if (status != TRIB_OK)
                return status;
        trib_gnuplot_draw(plots);
        if (is_folder)
                return trib__report_write_folder(results, plots, common->out, err);
        return trib__report_write_page(results, plots, common->out, err);
}

/* One line, as messages are: what is in a name stays harmless. */
void trib_app_say_written(const char *what, const char *path)
{
        char shown[512];

        (void)snprintf(shown, sizeof(shown), "%.500s", path);
        for (char *c = shown; *c != '\0'; c++)
                if ((unsigned char)*c < ' ' || *c == 127)
                        *c = '?';
        (void)fprintf(stderr, "tributary: wrote %s%s%s\n", what, what[0] != '\0' ? " to " : "",
                      shown);
}

static trib_status write_out(const struct trib_app_common *common,
                             const struct trib__results *results, trib_error *err)
{
        struct trib__report_style style = { .format = common->format, .columns = 0 };
        bool               is_folder = trib__report_is_folder(common->out);
        struct trib__plots plots = { 0 };
        trib_status        status;

        if (!common->has_format)
                style.format = trib__report_format_of_file(common->out);
        if (is_folder || style.format == TRIB__REPORT_HTML)
                status = write_page(common, results, is_folder, &plots, err);
        else
                status = trib__report_write_file(results, &style, common->out, err);
        if (status == TRIB_OK && !common->is_quiet) {
                trib_app_say_written(is_folder ? trib__report_folder_files() : "", common->out);
                if (plots.missing[0] != '\0')
                        (void)fprintf(stderr, "tributary: %s\n", plots.missing);
        }
        trib__plots_release(&plots);
        return status;
}

int trib_app_emit(const char *command, const struct trib_app_common *common,
                  const struct trib__results *results)
{
        struct trib__report_style style = { .format = common->format,
                                            .columns = terminal_columns() };
        trib_error                err = TRIB_ERROR_INIT;

        if (common->out != NULL && write_out(common, results, &err) != TRIB_OK)
                return trib_app_fail(command, &err);
        if (common->out != NULL && common->is_quiet)
                return TRIB_EXIT_DONE;
        /* Beside a file it is the text; a folder has every format, so --format is for this. */
        if (common->format == TRIB__REPORT_TEXT
            || (common->out != NULL && !trib__report_is_folder(common->out)))
                return print_text(command, common, results);
        if (trib__report_write(results, &style, stdout, &err) != TRIB_OK)
                return trib_app_fail(command, &err);
        return TRIB_EXIT_DONE;
}
