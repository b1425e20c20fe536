#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Atomic operations go through base/atomic.h, and every use says why its order is enough.

The reason is a comment on the same line or one that reaches into the four lines above, with
"pairs with" or the order's name and a colon ("Relaxed: a guess; the CAS decides", "Relaxed, both: ..."):
the name of the order that is used, not of another one.
"""
import re

import checklib

RAW = re.compile(r"\b(atomic_\w+|__atomic_\w+|__sync_\w+|_Atomic|memory_order_\w+)\b"
                 r"|#\s*include\s*<(stdatomic\.h)>")
RAW_FILES = re.compile(r"^src/base/(atomic\.h|os_\w+\.[ch])$")
USE = re.compile(r"\b(trib__(?:load|store|exchange|cas|fetch|or|and|add|sub|fence)\w*_"
                 r"(relaxed|acquire|release|acqrel|seqcst)\w*)\s*\(")
REASON = re.compile(r"\bpairs with\b|\b(?:Relaxed|Acquire|Release|AcqRel|SeqCst)"
                    r"(?:, (?:all of them|both|again))?:")
NAMES = {"relaxed": "Relaxed", "acquire": "Acquire", "release": "Release", "acqrel": "AcqRel",
         "seqcst": "SeqCst"}
REACH = 4


def reasons(source):
    """line -> the reasons that cover it: "pairs with", or names of orders."""
    covering = {}
    for comment in source.comments:
        found = {re.match(r"[\w ]*", match.group()).group()
                 for match in REASON.finditer(re.sub(r"\s*\n\s*\*?\s*", " ", comment.text))}
        for line in range(comment.first, comment.last + REACH + 1) if found else ():
            covering.setdefault(line, set()).update(found)
    return covering


def check(root):
    for source in checklib.c_files(root, "src", "apps"):
        is_raw_file = RAW_FILES.match(source.name) is not None
        covering = reasons(source)
        for number, line in enumerate(source.code_lines, 1):
            for match in RAW.finditer(line) if not is_raw_file else ():
                yield source.at(number, f"{match.group(1) or match.group(2)}: use base/atomic.h")
            if source.name == "src/base/atomic.h":
                continue
            for match in USE.finditer(line):
                accepted = {"pairs with", NAMES[match.group(2)]}
                if not accepted & covering.get(number, set()):
                    yield source.at(number, f"{match.group(1)}: say why this order is enough, in a "
                                            f"comment at most {REACH} lines above")


def use(lines_between):
    return {"src/plan/a.c": "/* Relaxed: a guess. */\n" + "\n" * lines_between +
                            "x = trib__load_relaxed_u32(&a);\n"}


SAMPLES = [
    ("reason above", use(3), None),
    ("reason on the line", {
        "src/plan/a.c": "trib__store_release_u64(&a, 1); /* Release: for take. */\n"}, None),
    ("reason that wraps", {
        "src/plan/a.c": "/* Taken by the reader, pairs\n * with its acquire, and so on,\n * and so"
                        "\n * on\n * for\n * lines. */\ntrib__fetch_or_release_u64(&a, 1);\n"}, None),
    ("raw in its home", {"src/base/atomic.h": "_Atomic(int) a; atomic_load(&a);\n"}, None),
    ("names that only look raw", {"src/plan/a.c": "trib__atomic_u32 a;\n"}, None),
    ("reason too far away", use(4), "say why"),
    ("comment without a reason", {
        "src/plan/a.c": "/* loads */\nx = trib__load_acquire_ptr(&a);\n"}, "say why"),
    ("the reason of another order", {
        "src/plan/a.c": "/* Acquire: sees the job. */\nx = trib__load_relaxed_u32(&a);\n"},
     "say why"),
    ("reason in a string", {
        "src/plan/a.c": 's = "Relaxed: x";\nx = trib__cas_acquire_u32(&a, &b, 1);\n'}, "say why"),
    ("raw operation", {"src/plan/a.c": "atomic_fetch_add(&a, 1);\n"}, "use base/atomic.h"),
    ("raw builtin", {"src/plan/a.c": "__atomic_load_n(&a, 0);\n"}, "use base/atomic.h"),
    ("raw type", {"src/plan/a.h": "_Atomic int a;\n"}, "use base/atomic.h"),
    ("raw header", {"src/plan/a.h": "#include <stdatomic.h>\n"}, "use base/atomic.h"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
