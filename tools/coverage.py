#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py BUILD: executed lines and branches of each file of src/, from gcov's JSON.

A line or branch counts as executed when any object that contains it (the library is compiled once
for the tests and once for the command) executed it.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile


def measurements(build):
    """gcov's record of each source file, over all objects of the build, executed or not."""
    counters = [str(path) for path in build.rglob("*.gcno")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--hash-filenames",
                        *counters], cwd=folder, capture_output=True, check=True)
        for path in sorted(pathlib.Path(folder).glob("*.gcov.json.gz")):
            yield from json.loads(gzip.open(path).read())["files"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    lines, branches = (collections.defaultdict(lambda: collections.defaultdict(bool))
                       for _ in range(2))
    for record in measurements(build):
        path = (root / record["file"]).resolve()
        if not path.is_relative_to(root / "src"):
            continue
        name = path.relative_to(root).as_posix()
        for line in record["lines"]:
            number = line["line_number"]
            lines[name][number] |= line["count"] > 0
            for index, branch in enumerate(line["branches"]):
                branches[name][number, index] |= branch["count"] > 0
    if not lines:
        sys.exit("coverage.py: nothing was executed below src/; run the tests of this build first")
    print(f"{'file':<40} {'lines':>13} {'branches':>13}")
    total = collections.Counter()
    for name in sorted(lines):
        row = []
        for kind, found in (("lines", lines[name]), ("branches", branches[name])):
            done, count = sum(found.values()), len(found)
            total[kind, "done"] += done
            total[kind, "all"] += count
            row.append(f"{done:>4}/{count:<4} {100 * done / max(count, 1):>3.0f}")
        print(f"{name:<40} {row[0]:>13} {row[1]:>13}")
    for kind in ("lines", "branches"):
        done, count = total[kind, "done"], total[kind, "all"]
        print(f"{kind}: {done} of {count}, {100 * done / max(count, 1):.1f} %")


if __name__ == "__main__":
    main()
