#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Open loop and service levels against queueing theory, on a simulated device of known times.

The device serves each request in 1 ms on one of c executors: with Poisson arrivals that is M/D/c.
Its mean wait at a rate, and the highest rate that keeps a percentile, are computed here (c servers
in first come, first served order, by Lindley's recursion over many arrivals) and compared with what
`tributary bench` measures. The device's thread wakes up late by what the system makes of it, which
adds to the measured latency.

usage: load.py COMMAND [SECONDS]   (build/release/tributary; of each search, 60)
"""

import heapq
import json
import math
import random
import subprocess
import sys

SERVICE_MS = 1.0
ARRIVALS = 300000


def latencies(servers, rate, count=ARRIVALS, seed=1):
    """Of each request, ms, after the first tenth."""
    source = random.Random(seed)
    free = [0.0] * servers
    now, out = 0.0, []
    for _ in range(count):
        now += source.expovariate(rate / 1000)
        start = max(now, heapq.heappop(free))
        heapq.heappush(free, start + SERVICE_MS)
        out.append(start + SERVICE_MS - now)
    return sorted(out[count // 10:])


def rate_for(servers, quantile, bound_ms):
    """The highest rate at which the quantile is within the bound."""
    low, high = 0.0, servers * 1000 / SERVICE_MS
    for _ in range(9):
        middle = (low + high) / 2
        found = latencies(servers, middle)
        if found[math.ceil(quantile * len(found)) - 1] <= bound_ms:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def measure(command, servers, *arguments):
    device = f"sim:queues={servers},launch_us=0,flops=2e9,compute=none"
    run = subprocess.run([command, "bench", "--device", device, "--workload", "1000x1000x1",
                          "--threads", str(16 * servers), "--format", "json", "--quiet",
                          *arguments], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit("load: " + run.stderr)
    sweep = json.loads(run.stdout)["sweeps"][0]
    return sweep["load"], sweep["points"][0]


def compare_waits(command):
    print("| executors | of capacity | mean latency, theory | measured | p99, theory | measured "
          "| woke late, mean |")
    print("|---|---|---|---|---|---|---|")
    for servers, part in ((1, 0.3), (1, 0.5), (1, 0.7), (4, 0.7)):
        rate = part * servers * 1000 / SERVICE_MS
        load, point = measure(command, servers, "--arrivals", "poisson", "--rate", f"{rate:g}",
                              "--seconds", "10")
        found = latencies(servers, rate)
        print(f"| {servers} | {part:.0%} | {sum(found) / len(found):.2f} ms "
              f"| {point['latency_us']['mean'] / 1000:.2f} ms "
              f"| {found[int(0.99 * len(found))]:.2f} ms "
              f"| {point['latency_us']['p99'] / 1000:.2f} ms "
              f"| {load['late_us']['mean'] / 1000:.3f} ms |", flush=True)


def compare_rates(command, seconds):
    print("| executors | bound | rate, theory | kept | part of it | not kept | end | trials "
          "| seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for servers, percentile, bound in ((1, 99, 5), (1, 90, 5), (1, 99, 12), (1, 50, 2), (4, 99, 3),
                                       (4, 90, 2)):
        load, _ = measure(command, servers, "--slo", f"p{percentile}={bound}ms", "--seconds",
                          str(seconds))
        slo = load["slo"]
        truth = rate_for(servers, percentile / 100, bound)
        kept, failed = slo["rate"] or 0, slo["failed_rate"] or 0
        print(f"| {servers} | p{percentile} {bound} ms | {truth:.0f}/s | {kept:.0f}/s "
              f"| {kept / truth:.2f} | {failed:.0f}/s | {slo['end']} | {len(slo['trials'])} "
              f"| {slo['seconds']:.0f} |", flush=True)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else 60
    compare_waits(sys.argv[1])
    print()
    compare_rates(sys.argv[1], seconds)


if __name__ == "__main__":
    main()
