#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How each operator's workload scales from one thread to more: throughput, and the median request.

    operators.py COMMAND [--threads 1,2] [--seconds 1] [--rounds 5] [--workloads A,B]

COMMAND is the built `tributary`. Runs at every number of threads are interleaved, round by round,
and the best round of each counts, as what else the machine does can only take away. Exits with 1
when `lu` or `sparse` at the most threads has less than 95 % of the throughput of perfect scaling.
"""
import argparse
import json
import subprocess
import sys

WORKLOADS = ("lu:256x256,lu:128x128,sparse:2048x2048x1%x32,sparse:4096x4096x0.1%x8,"
             "transformer:64x256x4,conv:32x28x28")
LEAST = 0.95


def measure(command, workload, threads, seconds):
    """Requests per second, and the median request in microseconds."""
    result = subprocess.run(
        [command, "bench", "--workload", workload, "--threads", str(threads),
         "--seconds", str(seconds), "--format", "json"],
        capture_output=True, text=True, check=True)
    point = json.loads(result.stdout)["sweeps"][0]["points"][0]
    if point["errors"]:
        raise RuntimeError(f"{workload}: {point['errors']} requests failed")
    return point["ops_per_s"], point["latency_us"]["p50"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workloads", default=WORKLOADS)
    options = parser.parse_args()
    threads = [int(number) for number in options.threads.split(",")]
    is_short = False

    print(f"{'workload':28} {'threads':>7} {'ops/s':>10} {'ratio':>6} {'p50 us':>9}")
    for workload in options.workloads.split(","):
        best = {}
        for _ in range(options.rounds):
            for count in threads:
                found = measure(options.command, workload, count, options.seconds)
                best[count] = max(best.get(count, found), found)
        for count in threads:
            ratio = best[count][0] / best[threads[0]][0] * threads[0]
            print(f"{workload:28} {count:7} {best[count][0]:10.1f} {ratio:6.2f} "
                  f"{best[count][1]:9.1f}")
        is_short |= workload.startswith(("lu", "sparse")) and ratio < LEAST * threads[-1]
    return 1 if is_short else 0


if __name__ == "__main__":
    sys.exit(main())
