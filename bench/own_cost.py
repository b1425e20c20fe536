#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our own cost per request: time by the clock, instructions by callgrind.

Instructions are the difference between two runs of different length, divided by the difference in
requests, so that opening and closing do not count. They are the figure to watch: the same on every
run, whatever else the machine does. Needs valgrind (apt-get install valgrind) for them.

usage: own_cost.py PROGRAM   (build/release/bench/own_cost)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def instructions(program, requests):
    """All instructions of a run."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind",
             "--callgrind-out-file=" + os.path.join(folder, "out"), program, str(requests)],
            capture_output=True, text=True, check=False)
    found = re.search(r"refs:\s+([\d,]+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit("own_cost: callgrind failed:\n" + run.stderr)
    return int(found.group(1).replace(",", ""))


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    program = sys.argv[1]
    print(subprocess.run([program, "5000000"], capture_output=True, text=True,
                         check=True).stdout.strip())
    if shutil.which("valgrind") is None:
        print("instructions: not counted: valgrind is not here (apt-get install valgrind)")
        return
    few, many = 10000, 60000
    count = (instructions(program, many) - instructions(program, few)) / (many - few)
    print(f"instructions per request, the loop and the operator included: {count:.0f}")


if __name__ == "__main__":
    main()
