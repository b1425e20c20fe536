/* SPDX-License-Identifier: Apache-2.0 */
/* app.c: options, numbers and output of the subcommands; see app.h. */
#include "app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/read.h"

struct trib_app_args trib_app_args_of(const char *command, int argc, char **argv)
{
        struct trib_app_args args;

        memset(&args, 0, sizeof(args));
        args.command = command;
        args.argc = argc;
        args.argv = argv;
        args.at = 1;
        return args;
}

void trib_app_misuse(struct trib_app_args *args, const char *format, ...)
{
        char    message[512];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        for (char *c = message; *c != '\0'; c++)
                if ((unsigned char)*c < ' ' || *c == 127)
                        *c = '?';
        (void)fprintf(stderr, "tributary: %s: %s; see 'tributary %s --help'\n", args->command,
                      message, args->command);
        args->has_failed = true;
}

bool trib_app_next(struct trib_app_args *args)
{
        const char *argument, *equals;
        size_t      length;

        if (args->has_failed)
                return false;
        if (args->attached != NULL) {
                trib_app_misuse(args, "%s takes no value", args->option);
                return false;
        }
        args->option = args->operand = NULL;
        if (args->at >= args->argc)
                return false;
        argument = args->argv[args->at++];
        if (!args->is_operands_only && strcmp(argument, "--") == 0) {
                args->is_operands_only = true;
                return trib_app_next(args);
        }
        if (args->is_operands_only || argument[0] != '-' || argument[1] == '\0') {
                args->operand = argument;
                return true;
        }
        equals = strchr(argument, '=');
        length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
        if (length >= sizeof(args->name)) {
                trib_app_misuse(args, "there is no option '%.40s...'", argument);
                return false;
        }
        memcpy(args->name, argument, length);
        args->name[length] = '\0';
        args->option = args->name;
        args->attached = equals != NULL ? equals + 1 : NULL;
        return true;
}

bool trib_app_is(const struct trib_app_args *args, const char *option)
{
        return args->option != NULL && strcmp(args->option, option) == 0;
}

const char *trib_app_value(struct trib_app_args *args)
{
        const char *value = args->attached;

        args->attached = NULL;
        if (value == NULL && args->at < args->argc)
                value = args->argv[args->at++];
        if (value == NULL || value[0] == '\0') {
                trib_app_misuse(args, "%s needs a value", args->option);
                return NULL;
        }
        return value;
}

/* Digits up to `end`, no sign, no blank; false when it is anything else or too large. */
static bool parse_digits(const char *text, size_t length, unsigned *out)
{
        unsigned value = 0;

        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9'
                    || __builtin_mul_overflow(value, 10u, &value)
                    || __builtin_add_overflow(value, (unsigned)(text[i] - '0'), &value))
                        return false;
        }
        *out = value;
        return length > 0;
}

bool trib_app_take_unsigned(struct trib_app_args *args, unsigned lowest, unsigned highest,
                            unsigned *out)
{
        const char *text = trib_app_value(args);
        unsigned    value;

        if (text == NULL)
                return false;
        if (!parse_digits(text, strlen(text), &value) || value < lowest || value > highest) {
                trib_app_misuse(args, "%s: '%.40s' is not a whole number from %u to %u",
                                args->option, text, lowest, highest);
                return false;
        }
        *out = value;
        return true;
}

static bool is_in_list(const struct trib_app_list *list, unsigned value)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->values[i] == value)
                        return true;
        return false;
}

bool trib_app_take_list(struct trib_app_args *args, unsigned lowest, unsigned highest,
                        struct trib_app_list *out)
{
        const char          *text = trib_app_value(args);
        struct trib_app_list list = { { 0 }, 0 };

        while (text != NULL) {
                size_t   length = strcspn(text, ",");
                unsigned value;

                if (!parse_digits(text, length, &value) || value < lowest || value > highest) {
                        trib_app_misuse(args,
                                        "%s: '%.*s' is not a whole number from %u to %u; a list "
                                        "is written 1,2,4",
                                        args->option, length < 40 ? (int)length : 40, text,
                                        lowest, highest);
                        return false;
                }
                if (is_in_list(&list, value)) {
                        trib_app_misuse(args, "%s: %u is in the list twice", args->option, value);
                        return false;
                }
                if (list.count == sizeof(list.values) / sizeof(list.values[0])) {
                        trib_app_misuse(args, "%s: at most %zu numbers fit", args->option,
                                        list.count);
                        return false;
                }
                list.values[list.count++] = value;
                text = text[length] == ',' ? text + length + 1 : NULL;
        }
        if (list.count == 0)
                return false;
        *out = list;
        return true;
}

bool trib_app_take_workload(struct trib_app_args *args, struct trib__workload *out)
{
        const char           *text = trib_app_value(args);
        struct trib__workload workload;

        if (text == NULL)
                return false;
        if (!trib__workload_parse(text, &workload)) {
                trib_app_misuse(args,
                                "%s: '%.40s' is not INxOUTxBATCH with numbers from 1 to 2^31-1, "
                                "such as 2048x1024x32",
                                args->option, text);
                return false;
        }
        *out = workload;
        return true;
}

void trib_app_unexpected(struct trib_app_args *args)
{
        if (args->option != NULL)
                trib_app_misuse(args, "there is no option '%.60s'", args->option);
        else
                trib_app_misuse(args, "did not expect '%.60s'", args->operand);
}

static void take_plot(struct trib_app_args *args, struct trib_app_common *common)
{
        static const char *const names[] = { "auto", "always", "never" };
        const char              *value = trib_app_value(args);

        for (int i = 0; value != NULL && i < 3; i++) {
                if (strcmp(value, names[i]) != 0)
                        continue;
                common->plot = (enum trib_app_plot)i;
                return;
        }
        if (value != NULL)
                trib_app_misuse(args, "--plot: '%.40s' is not auto, always or never", value);
}

bool trib_app_take_common(struct trib_app_args *args, struct trib_app_common *common)
{
        const char *value;

        if (trib_app_is(args, "--help") || trib_app_is(args, "-h")) {
                common->is_help = true;
        } else if (trib_app_is(args, "--quiet") || trib_app_is(args, "-q")) {
                common->is_quiet = true;
        } else if (trib_app_is(args, "--device")) {
                common->device = trib_app_value(args);
        } else if (trib_app_is(args, "--out") || trib_app_is(args, "-o")) {
                common->out = trib_app_value(args);
        } else if (trib_app_is(args, "--plot")) {
                take_plot(args, common);
        } else if (trib_app_is(args, "--format")) {
                value = trib_app_value(args);
                if (value != NULL && (!trib__report_format_parse(value, &common->format)
                                      || common->format == TRIB__REPORT_HTML))
                        trib_app_misuse(args, "--format: '%.40s' is not text, json, csv or md",
                                        value);
                common->has_format = true;
        } else {
                return false;
        }
        return true;
}

int trib_app_fail(const char *command, const trib_error *err)
{
        (void)fprintf(stderr, "tributary: %s: %s\n", command,
                      err->message[0] != '\0' ? err->message : trib_status_text(err->status));
        return TRIB_EXIT_FAILED;
}

int trib_app_print_help(const char *text)
{
        if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
                (void)fprintf(stderr, "tributary: cannot write to standard output\n");
                return TRIB_EXIT_FAILED;
        }
        return TRIB_EXIT_DONE;
}
