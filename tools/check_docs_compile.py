#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The C in README.md and docs/*.md is real: check_docs_compile.py PROJECT BUILD, or --self-test.

A ```c block with an `int main` is built against the library in BUILD and must exit with 0; one
that starts with an #include must compile. Other blocks are excerpts and are left alone.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import checklib

BLOCK = re.compile(r"^```c\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
DEADLINE_S = 60


def blocks(root):
    """(file, line of the block's first line, its text)."""
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path.exists():
            text = path.read_text(encoding="utf-8")
            for match in BLOCK.finditer(text):
                yield (path.relative_to(root).as_posix(),
                       text.count("\n", 0, match.start(1)) + 1, match.group(1))


def last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1]


def try_block(root, build, code, folder):
    """What is wrong with one block, or None."""
    source, program = folder / "block.c", folder / "block"
    source.write_text(code, encoding="utf-8")
    command = [os.environ.get("CC", "cc"), *FLAGS, f"-I{root / 'include'}", str(source)]
    has_main = re.search(r"\bint\s+main\s*\(", code) is not None
    if has_main:
        command += [f"-L{build}", f"-Wl,-rpath,{build}", "-ltributary", "-lm", "-lpthread",
                    "-o", str(program)]
    else:
        command += ["-c", "-o", str(folder / "block.o")]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if "error" in line]
        return f"does not compile: {(errors or [last_line(built.stderr)])[0]}"
    if not has_main:
        return None
    try:
        ran = subprocess.run([str(program)], cwd=folder, capture_output=True, text=True,
                             timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return f"still runs after {DEADLINE_S} s"
    if ran.returncode != 0:
        return f"exits with {ran.returncode}: {last_line(ran.stderr)}"
    return None


def check(root, build):
    tried = 0
    for name, line, code in blocks(root):
        if not re.search(r"\bint\s+main\s*\(", code) and not code.lstrip().startswith("#include"):
            continue
        tried += 1
        with tempfile.TemporaryDirectory() as folder:
            problem = try_block(root, build, code, pathlib.Path(folder))
        if problem:
            yield f"{name}:{line}: the example {problem}"
    print(f"{tried} examples tried")


def fenced(code):
    return {"README.md": f"# Text\n\n```c\n{code}```\n", "include/x.h": "int x;\n"}


SAMPLES = [
    ("runs", fenced("#include <stdio.h>\nint main(void)\n{\n return 0;\n}\n"), None),
    ("an excerpt", fenced("anything at all;\n"), None),
    ("compiles", fenced("#include <x.h>\nint *y = &x;\n"), None),
    ("fails when run", fenced("int main(void)\n{\n return 3;\n}\n"), "README.md:4: the example exits"),
    ("does not compile", fenced("#include <x.h>\nint y = z;\n"), "does not compile"),
    ("fails in docs", {"docs/a.md": "```c\nint main(void) { return 1; }\n```\n"}, "docs/a.md:2"),
]


def main():
    if sys.argv[1:] == ["--self-test"]:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cc", "-shared", "-x", "c", "-", "-o", f"{folder}/libtributary.so"],
                           input="", text=True, check=True)
            build = pathlib.Path(folder)
            return 1 if checklib.self_test(lambda root: check(root, build), SAMPLES) else 0
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    return checklib.report(check(root, build))


if __name__ == "__main__":
    sys.exit(main())
