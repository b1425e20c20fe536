#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The second compiler: clang reads every file that the build compiles, with its lock analysis.

    check_clang.py PROJECT BUILD      BUILD holds compile_commands.json
    check_clang.py --self-test

Exit status 77 (a skipped test) where there is no clang.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import checklib

SKIPPED = 77
ANALYSIS = ["-fsyntax-only", "-Wthread-safety", "-Wno-unused-command-line-argument",
            "-Wno-unknown-warning-option", "-Werror"]


def clang_command(entry):
    """The build's command for a file, with clang in the compiler's place and no output."""
    words = shlex.split(entry["command"])
    kept, skip = ["clang"], False
    for word in words[1:]:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif word not in ("-c", "-MD", "-MMD"):
            kept.append(word)
    return kept + ANALYSIS


def read_file(entry):
    done = subprocess.run(clang_command(entry), cwd=entry["directory"], capture_output=True,
                          text=True)
    lines = [line for line in done.stderr.splitlines() if ": error:" in line]
    if done.returncode != 0 and not lines:
        lines = [f"{entry['file']}:1: {done.stderr.strip().splitlines()[-1]}"]
    return lines


def check(root, build):
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if pathlib.Path(entry["file"]).is_relative_to(root):
            entries.setdefault(entry["file"], entry)
    print(f"{len(entries)} files")
    if not entries:
        yield "compile_commands.json names no file of the project"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(read_file, entries.values()):
            yield from lines


LOCK = """struct __attribute__((capability("mutex"))) lock { int is_held; };
void take(struct lock *l) __attribute__((acquire_capability(*l)));
void give(struct lock *l) __attribute__((release_capability(*l)));
void work_locked(struct lock *l) __attribute__((requires_capability(*l)));
"""
SAMPLES = [
    ("locked", {"a.c": LOCK + "void f(struct lock *l);\nvoid f(struct lock *l)\n"
                "{ take(l); work_locked(l); give(l); }\n"}, None),
    ("not locked", {"a.c": LOCK + "void f(struct lock *l);\nvoid f(struct lock *l)\n"
                    "{ work_locked(l); }\n"}, "requires holding"),
    ("not given back", {"a.c": LOCK + "void f(struct lock *l);\nvoid f(struct lock *l)\n"
                        "{ take(l); }\n"}, "still held"),
    ("a warning", {"a.c": "static int f(void) { return 1; }\n"}, "unused function"),
]


def check_sample(root):
    entry = {"directory": str(root), "file": str(root / "a.c"), "command": "cc -Wall -c a.c -o a.o"}
    (root / "compile_commands.json").write_text(json.dumps([entry]))
    return check(root, root)


def main():
    if not shutil.which("clang"):
        print("no clang here")
        return SKIPPED
    if sys.argv[1:] == ["--self-test"]:
        return 1 if checklib.self_test(check_sample, SAMPLES) else 0
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    return checklib.report(check(root, build))


if __name__ == "__main__":
    sys.exit(main())
