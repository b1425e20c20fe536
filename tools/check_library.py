#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The built shared library: check_library.py LIBTRIBUTARY_SO, or --self-test.

It runs no code when it is loaded or unloaded, stays loaded, is hardened, needs only the C library
(vendor libraries are opened at run time), imports nothing that ends the process or prints, and
is smaller than 2 MB when stripped.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import checklib

STRIPPED_BYTES = 2_000_000
POINTER_BYTES = 8
NEEDED = re.compile(r"lib(c|m|dl|pthread|rt|gcc_s)\.so\.\d+|ld-linux[\w.-]*\.so\.\d+")
FORBIDDEN = {"abort", "exit", "_exit", "_Exit", "quick_exit", "__assert_fail", "raise", "kill",
             "signal", "sigaction", "atexit", "printf", "__printf_chk", "puts", "putchar",
             "perror", "stdout", "stderr"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def load_time_code(library):
    """crt's frame_dummy and __do_global_dtors_aux are one pointer each; more is somebody's."""
    sections = output("readelf", "-SW", library)
    for name, size in re.findall(r"\] (\.(?:init_array|fini_array|ctors|dtors))\S*\s+\w+\s+"
                                 r"\w+\s+\w+\s+(\w+)", sections):
        if int(size, 16) > POINTER_BYTES:
            count = int(size, 16) // POINTER_BYTES - 1
            yield f"{name}: {count} function(s) run at load or unload; make them explicit calls"


def linking(library):
    dynamic = output("readelf", "-dW", library)
    headers = output("readelf", "-lW", library)
    for flag in ("NOW", "NODELETE"):
        if not re.search(rf"FLAGS_1\).*\b{flag}\b", dynamic):
            yield f"not linked with -z {flag.lower()}"
    if "TEXTREL" in dynamic:
        yield "has text relocations"
    if "GNU_RELRO" not in headers:
        yield "not linked with -z relro"
    if re.search(r"GNU_STACK.*RWE", headers):
        yield "asks for an executable stack"
    if "Library soname: [libtributary.so.0]" not in dynamic:
        yield "the soname is not libtributary.so.0"
    for needed in re.findall(r"Shared library: \[([^]]+)\]", dynamic):
        if not NEEDED.fullmatch(needed):
            yield f"needs {needed}; open it at run time instead"


def imports(library):
    for line in output("nm", "-D", "--undefined-only", library).splitlines():
        name = line.split()[-1].split("@")[0]
        if name in FORBIDDEN:
            yield f"calls {name}"


def size(library):
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "stripped.so"
        subprocess.run(["strip", "-o", stripped, library], check=True)
        size_now = stripped.stat().st_size
    print(f"stripped: {size_now} bytes")
    if size_now >= STRIPPED_BYTES:
        yield f"{size_now} bytes when stripped; the limit is {STRIPPED_BYTES}"


def check(library):
    yield from load_time_code(library)
    yield from linking(library)
    yield from imports(library)
    yield from size(library)


GOOD_FLAGS = ["-Wl,-z,now,-z,nodelete,-z,relro", "-Wl,-soname,libtributary.so.0"]
# What it is, C text, flags, expected problem.
SAMPLES = [
    ("sound", "int f(void) { return 1; }", GOOD_FLAGS, None),
    ("constructor", "__attribute__((constructor)) static void f(void) {}", GOOD_FLAGS,
     ".init_array: 1 function"),
    ("destructor", "__attribute__((destructor)) static void f(void) {}", GOOD_FLAGS,
     ".fini_array: 1 function"),
    ("lazily bound", "int f(void) { return 1; }", GOOD_FLAGS[1:] + ["-Wl,-z,lazy"], "-z now"),
    ("can be unloaded", "int f(void) { return 1; }", GOOD_FLAGS[1:] + ["-Wl,-z,now"],
     "-z nodelete"),
    ("aborts", "void abort(void); void f(void) { abort(); }", GOOD_FLAGS, "calls abort"),
    ("needs a library", "int json_delete(void); int f(void) { return json_delete(); }",
     GOOD_FLAGS + ["-Wl,--no-as-needed", "-ljansson"], "needs libjansson"),
    ("big", "char const f[2000000] = { 1 };", GOOD_FLAGS, "when stripped"),
]


def self_test():
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        library = str(pathlib.Path(folder) / "libsample.so")
        for what, text, flags, expected in SAMPLES:
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", library,
                            *flags], input=text, text=True, check=True)
            problems = list(check(library))
            if not (any(expected in p for p in problems) if expected else not problems):
                wrong += 1
                print(f"self-test: {what}: expected {expected!r}, found {problems}")
    print(f"self-test: {len(SAMPLES) - wrong} of {len(SAMPLES)} samples judged right")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} LIBTRIBUTARY_SO | --self-test")
    sys.exit(self_test() if sys.argv[1] == "--self-test" else checklib.report(check(sys.argv[1])))
