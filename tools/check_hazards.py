#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every hazard has a test that carries its number.

docs/reliability.md has one row for each of H1 to H40, in order: | H7 | hazard | promise | tests |
tools |. The tests of a row are the cases H07_... (at least one, unless the row says "does not
apply:" and why), and any others that the row wants to name. Every name in the column is a case
that is listed in a test program, or a file under tests/; every case that is called after a hazard
is in the row of its number. A mutant of a model (`memory.NO_USE`) is in verify/memory.pml.
"""
import re

import checklib

DOCUMENT = "docs/reliability.md"
HAZARDS = 40
TOOLS = ("TSan", "ASan", "Spin", "sweep", "fuzz", "deterministic", "checks")
ROW = re.compile(r"^\|\s*H(\d+)\s*\|(.*)\|\s*$")
LISTED = re.compile(r"\bTRIB_TEST\(\s*(\w+)\s*\)")
NUMBERED = re.compile(r"^H(\d+)_")
NAME = re.compile(r"`([^`]+)`")
MUTANT = re.compile(r"`(\w+)\.([A-Z0-9_]+)`")
REASON_WORDS = 4


def cases(root):
    """case -> the file that lists it."""
    found = {}
    for source in checklib.c_files(root, "tests"):
        for match in LISTED.finditer(source.code):
            found.setdefault(match.group(1), source.name)
    return found


def rows(root):
    """(line number, hazard, cells) of each row of the table."""
    path = root / DOCUMENT
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for number, line in enumerate(text.split("\n"), 1):
        match = ROW.match(line)
        if match:
            yield number, int(match.group(1)), [c.strip() for c in match.group(2).split("|")]


def check_names(root, at, hazard, column, listed):
    for name in NAME.findall(column):
        numbered = NUMBERED.match(name)
        if numbered and int(numbered.group(1)) != hazard:
            yield f"{at} H{hazard} names {name}, which is of another hazard"
        elif name.startswith("tests/"):
            if not (root / name).is_file():
                yield f"{at} H{hazard}: there is no file {name}"
        elif name not in listed:
            yield f"{at} H{hazard}: no test program lists {name}"


def check_tests(root, at, hazard, column, listed):
    own = [n for n in NAME.findall(column) if re.match(rf"H0*{hazard}_", n)]
    refusal = re.search(r"does not apply:(.*)", column)
    if refusal and len(refusal.group(1).split()) < REASON_WORDS:
        yield f"{at} H{hazard} does not say why it does not apply"
    if not own and not refusal:
        yield f"{at} H{hazard} has no test: name a case H{hazard:02}_..."
    yield from check_names(root, at, hazard, column, listed)


def check_tools(root, at, hazard, column):
    if not any(tool in column for tool in TOOLS):
        yield f"{at} H{hazard} has no tool of: {', '.join(TOOLS)}"
    for model, mutant in MUTANT.findall(column):
        path = root / "verify" / f"{model}.pml"
        if not path.is_file() or f"MUTANT_{mutant}" not in path.read_text(encoding="utf-8"):
            yield f"{at} H{hazard}: verify/{model}.pml has no mutant {mutant}"


def check(root):
    listed, seen, named = cases(root), [], {}
    for number, hazard, cells in rows(root):
        at = f"{DOCUMENT}:{number}:"
        seen.append(hazard)
        if len(cells) != 4:
            yield f"{at} H{hazard} has {len(cells) + 1} cells, must be 5"
            continue
        if not cells[0] or not cells[1]:
            yield f"{at} H{hazard} says no hazard, or no promise"
        named.setdefault(hazard, set()).update(NAME.findall(cells[2]))
        yield from check_tests(root, at, hazard, cells[2], listed)
        yield from check_tools(root, at, hazard, cells[3])
    if seen != list(range(1, HAZARDS + 1)):
        missing = sorted(set(range(1, HAZARDS + 1)) - set(seen))
        yield (f"{DOCUMENT}:1: the rows are not H1 to H{HAZARDS}, each once and in order"
               + (f"; missing: {', '.join(f'H{h}' for h in missing)}" if missing else ""))
    for case, source in sorted(listed.items()):
        numbered = NUMBERED.match(case)
        if numbered and case not in named.get(int(numbered.group(1)), set()):
            yield f"{source}:1: {case} is not in the row of its hazard in {DOCUMENT}"


def table(change=None, **cells):
    """A sound document, but for the row that `change` is about."""
    lines = ["| | hazard | promise | tests | tools |", "|---|---|---|---|---|"]
    for hazard in range(1, HAZARDS + 1):
        row = {"number": f"H{hazard}", "hazard": "x", "promise": "y",
               "tests": f"`H{hazard:02}_it_holds`", "tools": "TSan"}
        if hazard == change:
            row.update(cells)
        lines.append("| " + " | ".join(row.values()) + " |")
    return "\n".join(lines) + "\n"


PROGRAM = "TRIB_TEST_MAIN(" + ", ".join(
    f"TRIB_TEST(H{h:02}_it_holds)" for h in range(1, HAZARDS + 1)) + ", TRIB_TEST(other))\n"


def tree(document, program=PROGRAM):
    return {DOCUMENT: document, "tests/hazard/test_a.c": program,
            "tests/cli/test_b.py": "", "verify/memory.pml": "#ifdef MUTANT_NO_USE\n"}


SAMPLES = [
    ("sound", tree(table()), None),
    ("sound with more", tree(table(3, tests="`H03_it_holds` `other` `tests/cli/test_b.py`",
                                   tools="Spin: `memory.NO_USE`")), None),
    ("does not apply", tree(table(9, tests="does not apply: there is no batch to be mixed up"),
                            PROGRAM.replace("TRIB_TEST(H09_it_holds), ", "")), None),
    ("row without a test", tree(table(9, tests="")), "H9 has no test"),
    ("row with another's test", tree(table(9, tests="`H10_it_holds`")), "of another hazard"),
    ("row with a plain test only", tree(table(9, tests="`other`")), "H9 has no test"),
    ("test that does not exist", tree(table(9, tests="`H09_it_held`")), "lists H09_it_held"),
    ("test that is not listed", tree(table(), PROGRAM.replace("TRIB_TEST(H09_it_holds), ", "")
                                     + "static void H09_it_holds(void **state) {}\n"),
     "lists H09_it_holds"),
    ("test in a comment", tree(table(), PROGRAM.replace("TRIB_TEST(H09_it_holds), ",
                                                        "/* TRIB_TEST(H09_it_holds) */")),
     "lists H09_it_holds"),
    ("file that does not exist", tree(table(9, tests="`H09_it_holds` `tests/none.py`")),
     "no file tests/none.py"),
    ("test that is not in the table", tree(table(), PROGRAM.replace(
        "TRIB_TEST(other)", "TRIB_TEST(H09_it_holds_again)")), "not in the row of its hazard"),
    ("no reason", tree(table(9, tests="does not apply: no")), "does not say why"),
    ("no tool", tree(table(9, tools="luck")), "no tool of"),
    ("mutant that does not exist", tree(table(9, tools="Spin: `memory.NONE`")), "no mutant NONE"),
    ("row missing", tree(table(9, number="H8")), "missing: H9"),
    ("number past the end", tree(table() + "| H41 | x | y | `H41_x` | TSan |\n"), "each once"),
    ("cell missing", tree(table().replace("| H9 | x |", "| H9 |")), "has 4 cells"),
    ("no promise", tree(table(9, promise="")), "no promise"),
    ("no document", {"tests/a.c": PROGRAM}, "missing: H1,"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
