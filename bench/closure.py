#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the parts of a request's time add up to its latency?

Measures the five sizes at 1, 2, 8 and 16 threads with `tributary scale` and compares, point by
point, the sum of the parts with the mean latency of all requests. The two come from different
readings of the clock: the parts from requests that the session takes apart, and from the scheduler's
count of the time without a core; the latency from the caller. Exit 1 if any point is off by more
than 5 %.

usage: closure.py PROGRAM [--device NAME] [--sizes LIST] [--threads LIST] [--rounds N]
                  [--seconds S] [--allow PERCENT]
       (PROGRAM: build/release/tributary)
"""

import argparse
import json
import subprocess
import sys

SIZES = "256x128x8,512x256x16,1024x512x16,2048x1024x32,4096x2048x64"
PARTS = ("admission", "lock", "submission", "queue", "device", "serial", "copy", "notification",
         "descheduled")


def sweep(options, size):
    """The points of one size."""
    run = subprocess.run(
        [options.program, "scale", "--device", options.device, "--no-sizes", "--workload", size,
         "--threads", options.threads, "--rounds", str(options.rounds), "--seconds",
         str(options.seconds), "--format", "json", "--quiet"],
        capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"closure: {size}: {run.stderr.strip()}")
    results = json.loads(run.stdout)
    findings = {found["code"] for found in results["findings"]}
    return results["sweeps"][0]["points"], "shares-mismatch" in findings


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("program")
    parser.add_argument("--device", default="cpu:0")
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--threads", default="1,2,8,16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--allow", type=float, default=5)
    options = parser.parse_args()
    worst = off = count = 0
    print(f"{'size':>14} {'threads':>7} {'latency us':>12} {'sum':>7}  of it, us:")
    for size in options.sizes.split(","):
        points, is_told = sweep(options, size)
        for point in points:
            parts = point["shares_us"]
            latency = point["latency_us"]["mean"]
            closure = 100 * sum(parts.values()) / latency
            told = ", ".join(f"{name} {parts[name]:.2f}" for name in PARTS
                             if parts[name] >= 0.005)
            print(f"{size:>14} {point['threads']:>7} {latency:>12.2f} {closure:>6.1f}%  {told}",
                  flush=True)
            worst = max(worst, abs(closure - 100))
            off += abs(closure - 100) > options.allow
            count += 1
        if is_told:
            print(f"{size:>14} the program says so itself (finding shares-mismatch)")
    print(f"{count} points, {off} off by more than {options.allow:g} %; the worst by {worst:.1f} %")
    sys.exit(1 if off or not count else 0)


if __name__ == "__main__":
    main()
