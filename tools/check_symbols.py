#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library exports what tools/symbols.txt lists, no more and no less, all named trib_*.

    check_symbols.py LIBTRIBUTARY_SO LIST [--update]
    check_symbols.py --self-test
"""
import pathlib
import subprocess
import sys
import tempfile

import checklib

HEADER = ("# Every symbol that the shared library exports. After adding one on purpose:\n"
          "#   python3 tools/check_symbols.py build/release/libtributary.so tools/symbols.txt "
          "--update\n")


def exported(library):
    listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True,
                            text=True, check=True).stdout
    symbols = (line.split()[-1].split("@")[0] for line in listed.splitlines())
    return sorted(set(symbols) - {"_init", "_fini"})


def committed(path):
    if not path.exists():
        return []
    return [line for line in path.read_text().split("\n") if line and not line.startswith("#")]


def check(library, path):
    found, wanted = exported(library), committed(path)
    for symbol in found:
        if not symbol.startswith("trib_") or symbol.startswith("trib__"):
            yield f"{symbol} is exported; public names start with trib_, others stay hidden"
        elif symbol not in wanted:
            yield f"{symbol} is exported, but not in {path.name}"
    for symbol in wanted:
        if symbol not in found:
            yield f"{symbol} is in {path.name}, but not exported"


def self_test():
    # C text, list, expected problem.
    samples = [
        ("int trib_a(void) { return 1; }", "trib_a\n", None),
        ("int trib_a(void) { return 1; } int trib_b;", "trib_a\n", "trib_b is exported, but not"),
        ("int trib_a(void) { return 1; }", "trib_a\ntrib_b\n", "trib_b is in"),
        ("int trib__a(void) { return 1; }", "trib__a\n", "stay hidden"),
        ("int a(void) { return 1; }", "a\n", "stay hidden"),
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        library, path = pathlib.Path(folder) / "libsample.so", pathlib.Path(folder) / "list.txt"
        for text, listed, expected in samples:
            path.write_text(listed)
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)],
                           input=text, text=True, check=True)
            problems = list(check(str(library), path))
            if not (any(expected in p for p in problems) if expected else not problems):
                wrong += 1
                print(f"self-test: {text}: expected {expected!r}, found {problems}")
    print(f"self-test: {len(samples) - wrong} of {len(samples)} samples judged right")
    return 1 if wrong else 0


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) == 3 and arguments[2] == "--update":
        pathlib.Path(arguments[1]).write_text(
            HEADER + "".join(f"{symbol}\n" for symbol in exported(arguments[0])))
        return 0
    if len(arguments) != 2:
        sys.exit(__doc__)
    return checklib.report(check(arguments[0], pathlib.Path(arguments[1])))


if __name__ == "__main__":
    sys.exit(main())
