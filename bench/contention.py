#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who calls the system, and who allocates, in the steady state: traced from outside.

Runs the program contention (see contention.c) under strace, which stops a thread only when it calls
the system: a request that calls it not at all is not slowed. Every thread marks the beginning and
the end of its window; calls between its marks are counted by who made them, by the first frame of
the call stack that is not the C library's: "ours" is libtributary.so. Sleeping and giving up the
core are left out: the program itself does so where a partner is behind; a lock never does.

Fails (exit 1) if in the window the library called futex at all (its mutexes and its waits call it
when they meet somebody, and only then), or if it allocated device memory or host memory, or if a
result was wrong. The work is run without strace as well, because a tracer changes who meets whom;
the counts of memory must be 0 there too.

Needs strace with stack traces (Debian's has them), and a system that lets it trace.
"""

import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

OURS = "libtributary.so"
BEGINS, ENDS = "window begins", "window ends"
# Between the caller and the C library: this program's front of malloc, and the locks' own calls.
FRONTS = {"contention": {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"},
          OURS: {"trib__lock", "trib__unlock", "trib__raw_alloc", "trib__raw_aligned"}}
UNSEEN = "sched_yield,nanosleep,clock_nanosleep"
MOST_CALLERS = 6  # shown
MOST_SECONDS = 300
COUNTS = ("device_allocations", "heap_ours", "wrong")


class Failure(Exception):
    """The work could not be run or traced."""


def short(command):
    return " ".join(os.path.basename(word) if "/" in word else word for word in command)


def run(command, prefix=()):
    """The line of figures that the program prints."""
    try:
        done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False,
                              timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"{short(command)}: not done after {MOST_SECONDS} s") from None
    if done.returncode != 0 or not done.stdout.startswith("mode="):
        lines = (done.stderr.strip() or done.stdout.strip() or "no answer").splitlines()
        raise Failure(f"{short(command)}: {lines[-1]}")
    words = dict(word.split("=", 1) for word in done.stdout.split())
    return {key: value if key == "mode" else float(value) for key, value in words.items()}


def calls_of(path):
    """(call, frames) of each call in the window of one thread; None if it has no window."""
    calls, is_inside, has_window = [], False, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(" > "):
                if is_inside and calls:
                    calls[-1][1].append(line[3:].strip())
            elif BEGINS in line:
                is_inside = has_window = True
                calls = []
            elif ENDS in line:
                is_inside = False
                break
            elif is_inside and re.match(r"[a-z_0-9]+\(", line):
                calls.append((line.partition("(")[0], []))
    if calls and calls[0][0] == "write":
        calls.pop(0)
    return calls if has_window else None


def caller(frames):
    """(file, function) of the first frame outside of the C library and of FRONTS."""
    for frame in frames:
        found = re.match(r"(\S+?)\(([^+)]*)", frame)
        if not found:
            continue
        name = os.path.basename(found.group(1))
        is_front = any(name.startswith(file) and found.group(2) in functions
                       for file, functions in FRONTS.items())
        if not is_front and not re.match(r"(libc|ld-linux[^.]*|libpthread|\[vdso\])\b", name):
            return name, found.group(2) or "?"
    return "unknown", "?"


def trace(command):
    """The program's figures, and {(call, file, function): times} of all windows."""
    with tempfile.TemporaryDirectory() as folder:
        figures = run(command, ["strace", "--seccomp-bpf", "-f", "-ff", "-k", "-qq", "-e",
                                "trace=!" + UNSEEN, "-o", os.path.join(folder, "thread")])
        counts, windows = collections.Counter(), 0
        for path in glob.glob(os.path.join(folder, "thread.*")):
            calls = calls_of(path)
            if calls is None:
                continue
            windows += 1
            for call, frames in calls:
                counts[(call, *caller(frames))] += 1
    if windows != figures["threads"]:
        raise Failure(f"{short(command)}: {windows} windows seen of {figures['threads']:.0f}")
    return figures, counts


def show_calls(counts):
    """Every caller, by file; ours with its functions."""
    if not counts:
        print("  system calls in the windows: none")
        return
    by_file = collections.Counter()
    for (call, file, _), times in counts.items():
        by_file[(call, file)] += times
    print("  system calls in the windows: " +
          ", ".join(f"{times} {call} of {file}" for (call, file), times in by_file.most_common()))
    ours = [(times, call, function) for (call, file, function), times in counts.items()
            if file.startswith(OURS)]
    for times, call, function in sorted(ours, reverse=True)[:MOST_CALLERS]:
        print(f"    ours: {times} {call} from {function}")


def check(name, command, is_traceable):
    """Run once with and once without the tracer; print; whether all is 0 that must be."""
    is_well = True
    results = [("", run(command), None)]
    if is_traceable:
        results.append((", traced",) + trace(command))
    for how, figures, counts in results:
        print(f"{name}{how}: {figures['done']:,.0f} on {figures['threads']:.0f} threads in "
              f"{figures['seconds']:.1f} s: {figures['wrong']:.0f} wrong, "
              f"{figures['device_allocations']:.0f} device allocations, host allocations: "
              f"{figures['heap_ours']:.0f} of ours, {figures['heap_others']:,.0f} of other "
              "libraries")
        is_well = is_well and all(figures[key] == 0 for key in COUNTS)
        if counts is None:
            continue
        show_calls(counts)
        ours = sum(times for (call, file, _), times in counts.items()
                   if call == "futex" and file.startswith(OURS))
        print(f"  contended futexes of ours: {ours} ({1e6 * ours / figures['done']:.1f} in 10^6)")
        is_well = is_well and ours == 0
    return is_well


def can_trace():
    """Whether strace is here and may trace; says why not."""
    if shutil.which("strace") is None:
        print("not traced: strace is not here (apt-get install strace)")
        return False
    done = subprocess.run(["strace", "--seccomp-bpf", "-f", "-k", "-qq", "-o", "/dev/null", "true"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("not traced: strace may not trace here: " + (done.stderr.strip() or "no reason"))
    return done.returncode == 0


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                epilog="example: contention.py --bin build/release/bench")
    p.add_argument("--bin", default=os.path.dirname(os.path.abspath(__file__)),
                   help="folder of the program contention")
    p.add_argument("--threads", type=int, default=16)
    p.add_argument("--total", type=int, default=1000000, help="requests, and pairs (10^6)")
    p.add_argument("--shards", default="0", choices=["0", "1", "8"],
                   help="allocator of the pairs: 0 = caches per stream (the shipped one)")
    p.add_argument("--quick", action="store_true", help="a tenth of it")
    options = p.parse_args()
    if options.quick:
        options.total //= 10
    return options


def main():
    options = parse_options()
    program = os.path.abspath(os.path.join(options.bin, "contention"))
    threads, total = str(options.threads), str(options.total)
    try:
        is_traceable = can_trace()
        is_well = check("requests of mixed shapes", [program, "infer", threads, total],
                        is_traceable)
        for remote in (0, 25, 100):
            is_well &= check(f"pairs, {remote} % remote",
                             [program, "pairs", threads, total, str(remote), options.shards],
                             is_traceable)
    except (Failure, OSError) as failure:
        print(f"contention.py: {failure}", file=sys.stderr)
        return 1
    print("steady state: " + ("nothing of ours slept, and nothing was allocated"
                              if is_well else "NOT as it must be: see above"))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
