/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the command `tributary`: finds the subcommand and hands over. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app.h"

static const struct {
        const char *name;
        int       (*run)(int argc, char **argv);
        const char *text;
} subcommands[] = {
        { "scale", trib_cmd_scale, "how a model scales over threads, where it stops, what to use" },
        { "bench", trib_cmd_bench, "one workload under one fixed setting" },
        { "devices", trib_cmd_devices, "what can be used on this machine, what is missing" },
        { "advise", trib_cmd_advise, "the conclusions of scale, from a CSV or JSON of numbers" },
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static int print_usage(void)
{
        char   text[1024];
        size_t used;

        used = (size_t)snprintf(text, sizeof(text),
                                "tributary: inference from many threads on one device, and where "
                                "the ceiling is\n\n"
                                "usage: tributary COMMAND [OPTION]...\n\n");
        for (size_t i = 0; i < SUBCOMMANDS; i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "  %-8s %s\n",
                                         subcommands[i].name, subcommands[i].text);
        (void)snprintf(text + used, sizeof(text) - used,
                       "\n"
                       "Each has its own --help. --version prints the version.\n"
                       "Exit status: 0 done, 1 failed, 2 wrong usage.\n\n"
                       "example: tributary scale --quick\n");
        return trib_app_print_help(text);
}

int main(int argc, char **argv)
{
        char text[64];

        /* A file that may get no larger (ulimit -f) is then an error as a full disk is. */
        (void)signal(SIGXFSZ, SIG_IGN);
        if (argc < 2) {
                (void)fprintf(stderr, "tributary: a command is missing; see 'tributary --help'\n");
                return TRIB_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0
            || strcmp(argv[1], "help") == 0)
                return print_usage();
        if (strcmp(argv[1], "--version") == 0) {
                (void)snprintf(text, sizeof(text), "tributary %s\n", trib_version());
                return trib_app_print_help(text);
        }
        for (size_t i = 0; i < SUBCOMMANDS; i++)
                if (strcmp(argv[1], subcommands[i].name) == 0)
                        return subcommands[i].run(argc - 1, argv + 1);
        (void)fprintf(stderr, "tributary: there is no command '%.40s'; see 'tributary --help'\n",
                      argv[1]);
        return TRIB_EXIT_USAGE;
}
