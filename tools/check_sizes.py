#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small enough to hold in the head: limits on files, functions, parameters and lines.

Also what makes files easy to find and tell apart: unique names, the licence line first, no tabs.
A public header may have the name of the folder header behind it (tributary/tensor.h and
tensor/tensor.h).
"""
import json
import re
import subprocess

import checklib

FILE_LINES = 1000
FUNCTION_LINES = 80
KERNEL_LINES = 150
PARAMETERS = 6
COLUMNS = 100
LICENCE = "SPDX-License-Identifier: Apache-2.0"


def parameter_count(signature):
    """Parameters of "(int a, void (*f)(int, int))"."""
    inside = signature.strip()[1:-1].strip()
    while True:
        flat = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", inside)
        if flat == inside:
            break
        inside = flat
    if inside in ("", "void"):
        return 0
    return inside.count(",") + 1


def functions(root, sources):
    """Each function and prototype of the sources, as ctags sees it."""
    command = ["ctags", "--output-format=json", "--fields=+neS", "--kinds-C=fp",
               "--language-force=C", "-I", "TRIB__REQUIRES+,TRIB__ACQUIRES+,TRIB__RELEASES+",
               "--sort=no", "-f", "-", "-L", "-"]
    listed = subprocess.run(command, input="\n".join(source.name for source in sources), cwd=root,
                            capture_output=True, text=True, check=True).stdout
    return [tag for tag in map(json.loads, listed.splitlines()) if tag.get("_type") == "tag"]


def function_problems(root, sources):
    for tag in functions(root, sources):
        where, name = f"{tag['path']}:{tag['line']}", tag["name"]
        limit = KERNEL_LINES if tag["path"].startswith("src/kernels/") else FUNCTION_LINES
        lines = tag.get("end", tag["line"]) - tag["line"] + 1
        if tag["kind"] == "function" and lines > limit:
            yield f"{where}: {name} has {lines} lines; the limit is {limit}: split it"
        count = parameter_count(tag.get("signature", "()"))
        if count > PARAMETERS:
            yield (f"{where}: {name} has {count} parameters; the limit is {PARAMETERS}: "
                   "pass a struct")


def line_problems(source):
    if len(source.lines) - 1 > FILE_LINES:
        yield source.at(1, f"{len(source.lines) - 1} lines; the limit is {FILE_LINES}: split it")
    if LICENCE not in source.lines[0]:
        yield source.at(1, f"the first line must be /* {LICENCE} */")
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS:
            yield source.at(number, f"{len(line)} columns; the limit is {COLUMNS}")
        if "\t" in line:
            yield source.at(number, "a tab; indent with spaces")
        if line != line.rstrip():
            yield source.at(number, "spaces at the end of the line")


def name_problems(sources):
    seen = {}
    for source in sources:
        is_public = source.name.startswith("include/")
        key = (source.path.name, is_public)
        if key in seen:
            yield source.at(1, f"{seen[key]} has the same file name")
        seen[key] = source.name
    for (name, is_public), path in sorted(seen.items()):
        internal = seen.get((name, False))
        folder_header = f"src/{name[:-2]}/{name}"
        if is_public and internal and internal != folder_header:
            yield f"{path}:1: {internal} has the same file name"


def check(root):
    sources = checklib.c_files(root)
    for source in sources:
        yield from line_problems(source)
    yield from name_problems(sources)
    if sources:
        yield from function_problems(root, sources)


def c_file(body):
    return f"/* {LICENCE} */\n{body}"


def long_function(lines):
    return c_file("int f(void)\n{\n" + "        g();\n" * (lines - 3) + "}\n")


SAMPLES = [
    ("within the limits", {
        "src/base/a.c": long_function(80),
        "src/kernels/ref/k.c": long_function(150).replace("f(", "k("),
        "src/base/b.c": c_file("int h(int a, int b, int c, int d, int (*e)(int, int), int f)\n"
                               "{\n        return a;\n}\n"),
        "include/tributary/tensor.h": c_file(""), "src/tensor/tensor.h": c_file(""),
    }, None),
    ("long function", {"src/base/a.c": long_function(81)}, "f has 81 lines"),
    ("long kernel", {"src/kernels/ref/a.c": long_function(151)}, "f has 151 lines"),
    ("long file", {"src/base/a.c": c_file("\n" * 1000)}, "1001 lines"),
    ("seven parameters", {
        "src/base/a.c": c_file("void f(int a, int b, int c, int d, int e, int g, int h)\n"
                               "{\n}\n")}, "7 parameters"),
    ("seven parameters of a prototype", {
        "src/base/a.h": c_file("void f(int a, int b, int c, int d, int e, int g, int h);\n")},
     "7 parameters"),
    ("long line", {"src/base/a.c": c_file("/*" + "x" * 100 + "*/\n")}, "104 columns"),
    ("one name twice", {"src/base/a.c": c_file(""), "src/plan/a.c": c_file("")}, "same file name"),
    ("public header named as an internal one", {
        "include/tributary/a.h": c_file(""), "src/plan/a.h": c_file("")}, "same file name"),
    ("no licence", {"src/base/a.c": "int a;\n"}, "first line"),
    ("tab", {"src/base/a.c": c_file("\tint a;\n")}, "a tab"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
