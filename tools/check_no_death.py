#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library never ends the process, never prints and installs no signal handler.

The one trap is TRIB__ASSERT's own, in builds that check the library's reasoning.
"""
import re

import checklib

CALLS = re.compile(
    r"(?<![\w.>])(abort|exit|_exit|_Exit|quick_exit|assert|__assert_fail|raise|kill|"
    r"signal|sigaction|atexit|on_exit|pthread_exit|pthread_kill|pthread_cancel|tgkill|"
    r"__builtin_trap|__builtin_unreachable|longjmp|"
    r"printf|vprintf|dprintf|vdprintf|puts|putchar|perror|psignal|syslog|"
    r"err|errx|warn|warnx|verr|vwarn)\s*\(")
STREAMS = re.compile(r"\b(stdout|stderr)\b")
TRAP_FILE = "src/base/assert.h"


def check(root):
    for source in checklib.c_files(root, "src"):
        for number, line in enumerate(source.code_lines, 1):
            for match in CALLS.finditer(line):
                name = match.group(1)
                if name == "__builtin_trap" and source.name == TRAP_FILE:
                    continue
                yield source.at(number, f"{name}(): return a status to the caller instead")
            for match in STREAMS.finditer(line):
                yield source.at(number, f"{match.group(1)}: the caller says where text goes")


SAMPLES = [
    ("quiet code", {
        "src/base/a.c": '/* abort() here? */\nint f(void) { snprintf(b, 1, "exit(1)"); '
                        "v->exit(1); trib__exit(2); return 1; }\n",
        "src/base/assert.h": "#define A() __builtin_trap()\n",
        "apps/tributary/main.c": "int main(void) { exit(1); }\n"}, None),
] + [
    (f"{call}", {"src/plan/a.c": f"void f(void)\n{{\n        {call};\n}}\n"}, "a.c:3:")
    for call in ("abort()", "exit (1)", "_exit(1)", "assert(x)", '(void)printf("x")',
                 'fprintf(stderr, "x")', "fputs(s, stdout)", "sigaction(1, &a, &b)",
                 "__builtin_trap()", "atexit(f)", 'perror("x")', 'dprintf(2, "x")',
                 "pthread_exit(NULL)")
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
