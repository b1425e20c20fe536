#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exported symbol answers six questions in the comment before its prototype.

What it does; who owns what; which threads may call it; whether it blocks; which errors it gives;
since which version it exists. Both ways: what the headers declare with TRIB_API is on the list
of exported symbols (tools/symbols.txt), and what is on the list is declared and explained.
"""
import re

import checklib
import check_symbols

TAGS = ("What:", "Ownership:", "Threads:", "Blocks:", "Errors:", "Since:")
DECLARATION = re.compile(r"^TRIB_API\b[^;{]*?\b(trib_\w+)\s*(?:\([^;{]*\)|\[[^\]]*\])?[^;{()]*;",
                         re.MULTILINE)


def declarations(root):
    """symbol -> (header, line, the comment that ends right before it, or None)."""
    found = {}
    for header in checklib.c_files(root, "include"):
        ends = {comment.last: comment for comment in header.comments}
        for match in DECLARATION.finditer(header.code):
            line = header.line_of(match.start())
            found[match.group(1)] = (header, line, ends.get(line - 1))
    return found


def has_answer(text, tag):
    """Whether the tag is there with words behind it, before the next tag."""
    behind = text.partition(tag)[2]
    answer = re.split("|".join(TAGS), behind)[0]
    return re.search(r"\w", answer) is not None


def check(root):
    symbols = check_symbols.committed(root / "tools" / "symbols.txt")
    found = declarations(root)
    if not symbols:
        yield "tools/symbols.txt:1: lists no symbol"
    for symbol in symbols:
        if symbol not in found:
            yield f"tools/symbols.txt:1: {symbol} has no TRIB_API prototype in include/tributary"
    for symbol, (header, line, comment) in found.items():
        if symbol not in symbols:
            yield header.at(line, f"{symbol} is declared, but tools/symbols.txt does not list it")
        if comment is None:
            yield header.at(line, f"{symbol} has no comment right before it")
            continue
        missing = [tag for tag in TAGS if not has_answer(comment.text, tag)]
        if missing:
            yield header.at(line, f"{symbol}: the comment lacks {' '.join(missing)}")


FULL = ("/* What: a thing.\n * Ownership: none. Threads: any. Blocks: no.\n"
        " * Errors: none. Since: 0.1 */\n")


def tree(header, *symbols):
    return {"include/tributary/a.h": header,
            "tools/symbols.txt": "".join(f"{symbol}\n" for symbol in symbols)}


SAMPLES = [
    ("all six", tree(FULL + "TRIB_API const char *trib_a(int (*f)(void),\n  int b);\n" + FULL +
                     "TRIB_API TRIB_MUST_USE trib_status trib_b(trib_c *d) TRIB_PRINTF(1, 2);\n",
                     "trib_a", "trib_b"), None),
    ("no comment", tree("TRIB_API int trib_a(void);\n", "trib_a"), "no comment"),
    ("comment of its neighbour", tree(
        FULL + "TRIB_API int trib_a(void);\nTRIB_API int trib_b(void);\n", "trib_a", "trib_b"),
     "trib_b has no comment"),
    ("undeclared", tree("", "trib_a"), "no TRIB_API prototype"),
    ("unlisted", tree(FULL + "TRIB_API int trib_a(void);\n" + FULL +
                      "TRIB_API int trib_b(void);\n", "trib_a"), "does not list"),
    ("empty list", tree(""), "lists no symbol"),
] + [
    ("a question without an answer", tree(
        FULL.replace("Errors: none.", "Errors:") + "TRIB_API int trib_a(void);\n", "trib_a"),
     "lacks Errors:"),
] + [
    (f"without {tag}", tree(FULL.replace(tag, "") + "TRIB_API int trib_a(void);\n", "trib_a"),
     f"lacks {tag}") for tag in TAGS
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
