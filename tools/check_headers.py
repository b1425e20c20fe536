#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles by itself: all as C11, the public ones also as C++17 (skipped, and said
so, where there is no C++ compiler)."""
import concurrent.futures
import os
import shutil
import subprocess

import checklib

COMMON = ["-fsyntax-only", "-Iinclude", "-Isrc", "-Wall", "-Wextra", "-Wundef", "-Wshadow",
          "-Wconversion", "-Wformat=2", "-Werror"]
C = ["-x", "c", "-std=c11", "-D_GNU_SOURCE", "-Wstrict-prototypes", *COMMON]
CXX = ["-x", "c++", "-std=c++17", *COMMON]


def compile_alone(root, compiler, flags, header):
    """The first error of a file that holds nothing but this header, or None."""
    where = header.relative_to(root).as_posix()
    name = where.split("/", 1)[1]
    text = f"#include <{name}>\n" if where.startswith("include/") else f'#include "{name}"\n'
    done = subprocess.run([compiler, *flags, "-"], cwd=root, input=text, capture_output=True,
                          text=True)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    return f"{where}:1: not alone under {flags[2]}: {(errors or ['no message'])[0]}"


def check(root):
    c, cxx = os.environ.get("CC", "cc"), os.environ.get("CXX", "g++")
    jobs = []
    for header in checklib.files(root, ("include", "src"), {".h"}):
        jobs.append((root, c, C, header))
        if header.relative_to(root).parts[0] == "include" and shutil.which(cxx):
            jobs.append((root, cxx, CXX, header))
    if not shutil.which(cxx):
        print(f"no {cxx}: headers are not tried as C++")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for problem in pool.map(lambda job: compile_alone(*job), jobs):
            if problem:
                yield problem


SAMPLES = [
    ("complete headers", {
        "include/tributary/a.h": "#include <stddef.h>\nsize_t f(int a);\n",
        "src/base/b.h": '#include <tributary/a.h>\nstatic inline size_t g(void) { return f(1); }\n',
    }, None),
    ("a type from nowhere", {"src/base/b.h": "size_t f(int a);\n"}, "src/base/b.h:1: not alone"),
    ("C only", {"include/tributary/a.h": "int f(int class);\n"}, "c++17"),
    ("a warning", {"src/base/b.h": "int f();\n"}, "c11"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
