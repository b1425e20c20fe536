#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run every stress case at a scale, one after the other, and print one table at the end.

    stress.py --bin build/release/tests [--scale 100] [--seed 1] [NAME ...]

A case prints lines that begin with "stress: "; they are the rows of the table. NAMEs choose the
cases that have one of them in theirs. The exit status is 1 if any case failed."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

LINE = re.compile(r"stress: (?P<name>.*?): done (?P<done>\d+), wrong (?P<wrong>\d+), "
                  r"(?P<seconds>[\d.]+) s, (?P<rate>\d+)/s; resident \S+ KiB (?P<resident>\S+), "
                  r"heap (?P<heap>\S+) KiB, device (?P<device>\S+) KiB, files (?P<files>\S+), "
                  r"threads (?P<threads>[^;\s]+)(?:; (?P<more>.*))?$")
COLUMNS = [("what", "name"), ("done", "done"), ("wrong", "wrong"), ("seconds", "seconds"),
           ("per s", "rate"), ("resident KiB", "resident"), ("heap KiB", "heap"),
           ("device KiB", "device"), ("files", "files"), ("threads", "threads"), ("", "more")]


def cases(folder, wanted):
    """(program, case) of every stress test in the folder."""
    for program in sorted(folder.glob("test_stress*")):
        if not os.access(program, os.X_OK) or not program.is_file():
            continue
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        for case in listed.stdout.split():
            if not wanted or any(part in case for part in wanted):
                yield program, case


def run(program, case, environment, limit):
    """Rows that the case printed, and whether it passed."""
    rows, tail = [], []
    with subprocess.Popen([program, case], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=environment) as process:
        end = time.monotonic() + limit
        for line in process.stdout:
            match = LINE.match(line.rstrip("\n"))
            tail = tail[-20:] + [line]
            if match:
                rows.append({key: value or "" for key, value in match.groupdict().items()})
                print(line, end="", flush=True)
        try:
            status = process.wait(timeout=max(1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    if status != 0:
        print(f"{program.name} {case} FAILED with {status}:\n{''.join(tail)}", flush=True)
    return rows, status == 0


def print_table(rows):
    cells = [[title for title, _ in COLUMNS]]
    cells += [[row[key] for _, key in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(text.ljust(width) if i in (0, len(COLUMNS) - 1) else text.rjust(width)
                        for i, (text, width) in enumerate(zip(line, widths))).rstrip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--scale", default="100", help="percent of the whole")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--limit", type=float, default=7200, help="seconds for each case")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    environment = dict(os.environ, TRIB_TEST_SCALE=arguments.scale,
                       TRIB_TEST_SEED=arguments.seed)
    began = time.monotonic()
    rows, failed, count = [], [], 0
    for program, case in cases(arguments.bin, arguments.names):
        printed, is_fine = run(program, case, environment, arguments.limit)
        rows += printed
        count += 1
        if not is_fine:
            failed.append(case)
    if count == 0:
        print("there is no such case", file=sys.stderr)
        return 1
    print()
    print_table(rows)
    done = sum(int(row["done"]) for row in rows)
    wrong = sum(int(row["wrong"]) for row in rows)
    print(f"\n{count} cases, {len(failed)} failed; {done} done, {wrong} wrong, "
          f"{(time.monotonic() - began) / 60:.1f} minutes, scale {arguments.scale}, "
          f"seed {arguments.seed}, {os.cpu_count()} processors")
    for case in failed:
        print(f"failed: {case}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
