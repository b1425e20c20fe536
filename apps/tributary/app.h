/* SPDX-License-Identifier: Apache-2.0 */
/* app.h: what the subcommands share: exit status, reading options, numbers and lists, writing the
 * result. One file a subcommand: cmd_NAME.c with trib_cmd_NAME, listed in main.c.
 *
 *     int trib_cmd_example(int argc, char **argv)
 *     {
 *             struct trib_app_args args = trib_app_args_of("example", argc, argv);
 *             struct trib_app_common common = TRIB_APP_COMMON_INIT;
 *             unsigned rounds = 5;
 *
 *             while (trib_app_next(&args)) {
 *                     if (trib_app_take_common(&args, &common))
 *                             continue;
 *                     if (trib_app_is(&args, "--rounds"))
 *                             trib_app_take_unsigned(&args, 1, 1000, &rounds);
 *                     else
 *                             trib_app_unexpected(&args);
 *             }
 *             if (args.has_failed)
 *                     return TRIB_EXIT_USAGE;
 *             if (common.is_help)
 *                     return trib_app_print_help(help_text);
 *             ...
 *             return trib_app_emit("example", &common, results);
 *     }
 *
 * Messages are one line each on standard error: "tributary: example: ...". */
#ifndef TRIB_APPS_APP_H
#define TRIB_APPS_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>

#include "analysis/measurements.h"
#include "report/report.h"

enum { TRIB_EXIT_DONE = 0, TRIB_EXIT_FAILED = 1, TRIB_EXIT_USAGE = 2 };

/* The subcommands. argv[0] is the subcommand's name. */
int trib_cmd_scale(int argc, char **argv);
int trib_cmd_bench(int argc, char **argv);
int trib_cmd_devices(int argc, char **argv);
int trib_cmd_advise(int argc, char **argv);

/* The arguments of a subcommand, one after the other. "--name=value" and "--name value" are the
 * same; after "--" everything is an operand. */
struct trib_app_args {
        const char *command;
        int         argc;
        char      **argv;
        int         at;
        /* The current one: an option's name, or NULL for an operand in `operand`. */
        const char *option;
        const char *operand;
        /* Once true, a message was printed and trib_app_next gives nothing more. */
        bool        has_failed;
        /* Storage. */
        const char *attached; /* the value behind '='; NULL = none or taken */
        bool        is_operands_only;
        char        name[48];
};

struct trib_app_args trib_app_args_of(const char *command, int argc, char **argv);

/* Move to the next argument; false at the end, or after a failure. */
bool trib_app_next(struct trib_app_args *args);

/* Whether the current argument is this option. */
bool trib_app_is(const struct trib_app_args *args, const char *option);

/* The current option's value; NULL (and a message) when there is none. */
const char *trib_app_value(struct trib_app_args *args);

/* The current option's value as a number in a range, as a list such as "1,2,4" (strictly: digits
 * and commas, no duplicates), as a workload such as "2048x1024x32". False, and a message, when it
 * is none; then the out parameters are as they were. */
bool trib_app_take_unsigned(struct trib_app_args *args, unsigned lowest, unsigned highest,
                            unsigned *out);

struct trib_app_list {
        unsigned values[64];
        size_t   count;
};

bool trib_app_take_list(struct trib_app_args *args, unsigned lowest, unsigned highest,
                        struct trib_app_list *out);
bool trib_app_take_workload(struct trib_app_args *args, struct trib__workload *out);

/* Complain about the current argument, which nothing expected. */
void trib_app_unexpected(struct trib_app_args *args);

/* Complain about the arguments as a whole; sets has_failed. */
TRIB_PRINTF(2, 3)
void trib_app_misuse(struct trib_app_args *args, const char *format, ...);

/* Plots in the text: where standard output is a terminal that is wide enough, or as asked for. */
enum trib_app_plot { TRIB_APP_PLOT_AUTO, TRIB_APP_PLOT_ALWAYS, TRIB_APP_PLOT_NEVER };

/* What every subcommand understands. */
struct trib_app_common {
        const char         *device;    /* --device NAME; NULL = not given */
        const char         *out;       /* --out FILE or FOLDER; NULL = standard output */
        trib__report_format format;    /* --format */
        bool                has_format;
        bool                is_quiet;  /* --quiet: no progress, no text beside --out */
        bool                is_help;   /* --help, -h */
        enum trib_app_plot  plot;      /* --plot */
};

#define TRIB_APP_COMMON_INIT \
        { NULL, NULL, TRIB__REPORT_TEXT, false, false, false, TRIB_APP_PLOT_AUTO }

/* Whether the current argument was one of them; it is taken then. */
bool trib_app_take_common(struct trib_app_args *args, struct trib_app_common *common);

/* Print "tributary: COMMAND: MESSAGE" and return TRIB_EXIT_FAILED. */
int trib_app_fail(const char *command, const trib_error *err);

/* Print to standard output; the exit status says whether that worked. */
int trib_app_print_help(const char *text);

/* Before a long measurement: whether --out can be written. TRIB_EXIT_DONE, or a message and
 * TRIB_EXIT_FAILED. */
int trib_app_check_out(const char *command, const struct trib_app_common *common);

/* The same of one more file; NULL: there is none. */
int trib_app_check_file(const char *command, const char *path);

/* For results that have no page and no folder: misuse if --out asks for one. */
void trib_app_need_plain_out(struct trib_app_args *args, const struct trib_app_common *common);

/* "wrote PATH", or "wrote WHAT to PATH", on standard error. */
void trib_app_say_written(const char *what, const char *path);

/* Write concluded results as asked for: with --out to that file, in --format or else what the
 * file's name says, or to that folder, and as text to standard output unless --quiet; without --out
 * to standard output in --format. Says what was written on standard error, unless --quiet. Returns
 * the exit status. output.c has it, and trib_app_check_out. */
int trib_app_emit(const char *command, const struct trib_app_common *common,
                  const struct trib__results *results);

#endif
