#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dead things are deleted: no note of work to do without an issue number, no commented-out code.

An example in a comment is welcome: indent it by four columns behind the comment's star.
"""
import re

import checklib

MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
ISSUE = re.compile(r"#\d+")
SCRIPT_SUFFIXES = {".py", ".sh", ".cmake", ".txt", ".md", ".json"}
CODE = re.compile(
    r"""^(?:
        (?:return|goto|break|continue|case)\b.*;
      | (?:\(void\)\s*)?[\w.>\[\]-]+\s*\([^.]*\)\s*;
      | [\w\s.*>\[\]-]+\s[-+*/|&^]?=\s(?:(?!\w\s+\w)[^.])*;
      | (?:static|const|struct|unsigned|int|char|float|double|void|size_t|u?int\d+_t|bool)
        \s[\w\s*,]*(?:\[.*\])?;
      | (?:\}\s*)?(?:if|for|while|switch|else|do)\b.*\{
      | \}\s*;?
      | \#\s*(?:if|ifdef|ifndef|else|endif|define|include)\b.*
    )$""", re.VERBOSE)


def comment_lines(comment):
    """(line number, text, is it an indented example) of each line of a comment."""
    for offset, line in enumerate(comment.text.split("\n")):
        line = re.sub(r"\*/\s*$", "", line).rstrip()
        star = re.match(r"\s*(/\*+|//+|\*)?(\s*)(.*)", line)
        is_example = star.group(1) is not None and len(star.group(2)) >= 4
        yield comment.first + offset, star.group(3), is_example


def check(root):
    for source in checklib.c_files(root):
        for comment in source.comments:
            for number, text, is_example in comment_lines(comment):
                if CODE.match(text) and not is_example:
                    yield source.at(number, f"commented-out code? {text}")
        for number, line in enumerate(source.code_lines, 1):
            if re.match(r"\s*#\s*if\s+0\b", line):
                yield source.at(number, "code switched off; delete it")
    texts = checklib.files(root, checklib.C_FOLDERS + ("tools", "cmake", "docs"),
                           SCRIPT_SUFFIXES | {".c", ".h"})
    for path in texts:
        for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1):
            if MARKS.search(line) and not ISSUE.search(line):
                yield (f"{path.relative_to(root).as_posix()}:{number}: "
                       f"{MARKS.search(line).group(1)} without an issue number")


SAMPLES = [
    ("live comments", {
        "src/a.c": "/* Waits for the bit; the owner\n * sets it = 1; then wakes. Returns;\n"
                   " * calls f(x), then ends the wait;\n * y = a + b or a, shapes alike;\n *     f(x);\n */\nint a; /* a count */\n"
                   f"/* {'TO' + 'DO'} #12: more. */\n"}, None),
    ("switched off", {"src/a.c": "#if 0\n#endif\n"}, "switched off"),
    ("note without number", {"src/a.c": f"/* {'TO' + 'DO'}: more */\n"}, "issue number"),
    ("note in a script", {"tools/a.py": f"# {'FIX' + 'ME'}\n"}, "issue number"),
] + [
    (f"commented out: {code}", {"src/a.c": f"int a;\n{code}\n"}, "a.c:2: commented-out")
    for code in ("// f(x);", "/* return 1; */", "// x = y + 1;", "// if (x) {", "// }",
                 "/* int a; */", "// #include <x.h>", "// (void)f(1, 2);")
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
