#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure an alloc/free pair of tributary's allocators beside glibc's malloc and mimalloc.

Every contestant is a co-process (allocator DESIGN, see allocator.c for what a pair is and how it is
timed); only one of them works at any time. In each round the points (thread count, share of remote
frees) come in random order, and at each of them all contestants run one after the other in random
order. Medians of the rounds are printed, with the range over the rounds; a ratio of two thread
counts is taken within a round. Builds nothing.

Figures to reach (docs/performance.md): median pair <= 60 ns at every thread count; median at 64
threads <= 1.5 times that at 1; p99 <= 1 us where each thread has a core.

For 25 and 100 % of remote frees one thread has nobody to hand blocks to, so its ring only delays
them: all its frees are local. The ratio to 2 threads is therefore printed as well.
"""

import argparse
import json
import os
import platform
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import (Contestant, Failure, Meter, MOST_OTHER_WORK, Neighbours, parse_list, positive,
                   spread, usable_cores)

DESIGNS = ["cached", "shards8", "shards1", "mimalloc", "malloc", "floor", "loop"]
OURS = ("cached", "shards8", "shards1")
THREADS = [1, 2, 4, 8, 16, 32, 64]
REMOTE = [0, 25, 100]
MOST_NS, MOST_GROWTH, MOST_TAIL_NS = 60.0, 1.5, 1000.0
HOW_TO_GET = {"mimalloc": "apt-get install libmimalloc-dev"}


class Side(Contestant):
    """One co-process."""

    def start(self):
        answer = self.ask("check")
        self.version = answer["version"]
        self.timer_ns = float(answer["timer_ns"])

    def measure(self, threads, remote, milliseconds):
        answer = self.ask(f"run {threads} {remote} {milliseconds}")
        return {key: float(value) for key, value in answer.items()}


def mimalloc_of(options):
    """The library that was named, or lies beside the program; else the system's."""
    beside = os.path.abspath(os.path.join(options.bin, "libmimalloc.so.2"))
    return [options.mimalloc] if options.mimalloc else [beside] if os.path.exists(beside) else []


def open_sides(options):
    """Those that are here; the others are named."""
    program = os.path.abspath(os.path.join(options.bin, "allocator"))
    sides = []
    for name in options.designs:
        command = [program, name] + (["untouched"] if options.untouched else [])
        if name == "mimalloc":
            command += mimalloc_of(options)
        side = Side(name, command)
        try:
            side.start()
            sides.append(side)
        except Failure as failure:
            side.quit()
            if name in OURS:
                raise
            print(f"left out: {failure}; to get it: {HOW_TO_GET.get(name, 'build the project')}")
    return sides


def measure_all(sides, options):
    """runs[remote][name][threads][round]; what was measured until an interrupt is kept."""
    runs = {r: {s.name: {n: {} for n in options.threads} for s in sides} for r in options.remote}
    points = [(n, r) for n in options.threads for r in options.remote]
    meter = Meter(options.rounds * len(points) * len(sides))
    try:
        for number in range(options.rounds):
            for threads, remote in random.sample(points, len(points)):
                for side in random.sample(sides, len(sides)):
                    meter.step(f"round {number + 1}, {threads} threads, {remote} % remote, "
                               f"{side.name}")
                    runs[remote][side.name][threads][number] = side.measure(threads, remote,
                                                                            options.ms)
    except KeyboardInterrupt:
        print("\ninterrupted: what was measured until then")
    meter.clear()
    return runs


def column(by_round, key):
    return spread([run[key] for run in by_round.values()]) if by_round else None


def growth(by_threads, many, few):
    """Median pair at `many` over that at `few` threads, per round."""
    common = sorted(set(by_threads.get(many, {})) & set(by_threads.get(few, {})))
    ratios = [by_threads[many][r]["p50_ns"] / by_threads[few][r]["p50_ns"] for r in common
              if by_threads[few][r]["p50_ns"] > 0]
    return spread(ratios) if ratios else None


def show_growth(ratio):
    return "-" if ratio is None else \
        f"{ratio['median']:.2f} [{ratio['min']:.2f}..{ratio['max']:.2f}]"


def print_table(remote, by_name, options):
    """A block of four lines a contestant: median with its range, p90, p99, mean by CPU time."""
    few, many = options.threads[0], options.threads[-1]
    print(f"\n{remote} % remote frees: ns a pair, by number of threads")
    print(f"{'':<10}{'':<6}" + "".join(f"{n:>20}" for n in options.threads) +
          f"    {many}/{few} threads" + f"{'':<9}{many}/2 threads")
    for name, by_threads in by_name.items():
        cells = [column(by_threads[n], "p50_ns") for n in options.threads]
        line = f"{name:<10}{'p50':<6}" + "".join(
            f"{c['median']:>8.1f} [{c['min']:.0f}..{c['max']:.0f}]".rjust(20) if c else f"{'-':>20}"
            for c in cells)
        print(f"{line}    {show_growth(growth(by_threads, many, few)):<20}"
              f"{show_growth(growth(by_threads, many, 2)) if many > 2 else '':<20}".rstrip())
        for key, title in (("p90_ns", "p90"), ("p99_ns", "p99"), ("cpu_ns", "cpu")):
            cells = [column(by_threads[n], key) for n in options.threads]
            print(f"{'':<10}{title:<6}" + "".join(f"{c['median']:>20.0f}" if c else f"{'-':>20}"
                                                  for c in cells))


def is_met(ok):
    return "yes" if ok else "NO"


def verdicts(runs, name, options):
    """Per share of remote frees: a printed line, and whether the two figures hold."""
    few, many = options.threads[0], options.threads[-1]
    all_met = True
    for remote in options.remote:
        by_threads = runs[remote][name]
        medians = {n: column(by_threads[n], "p50_ns") for n in options.threads if by_threads[n]}
        tails = {n: column(by_threads[n], "p99_ns") for n in options.threads
                 if by_threads[n] and n <= usable_cores()}
        ratio = growth(by_threads, many, few)
        if not medians or ratio is None:
            continue
        worst = max(medians, key=lambda n: medians[n]["median"])
        least = column(runs[remote].get("floor", {}).get(worst, {}), "p50_ns")
        floor = f"; floor there {least['median']:.1f}" if least else ""
        is_fast, is_flat = medians[worst]["median"] <= MOST_NS, ratio["median"] <= MOST_GROWTH
        all_met = all_met and is_fast and is_flat
        text = (f"{name}, {remote} % remote: p50 <= {MOST_NS:.0f} ns: {is_met(is_fast)} (worst "
                f"{medians[worst]['median']:.1f} at {worst}{floor}); {many} threads <= "
                f"{MOST_GROWTH} x {few}: {is_met(is_flat)} ({ratio['median']:.2f})")
        if tails:
            worst = max(tails, key=lambda n: tails[n]["median"])
            is_short = tails[worst]["median"] <= MOST_TAIL_NS
            text += (f"; p99 <= 1 us up to {max(tails)} threads: {is_met(is_short)} (worst "
                     f"{tails[worst]['median']:.0f} at {worst})")
        print(text)
    return all_met


def write_json(options, sides, runs, others):
    document = {"schema": 1, "tool": "allocator.py", "touched": not options.untouched,
                "machine": {"system": platform.platform(), "cores": usable_cores(),
                            "share_of_other_work": others},
                "contestants": [{"name": s.name, "version": s.version} for s in sides],
                "runs": runs}
    beside = options.json + ".part"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
    os.replace(beside, options.json)


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                epilog="example: allocator.py --bin build/release/bench --quick")
    p.add_argument("--bin", default=os.path.dirname(os.path.abspath(__file__)),
                   help="folder of the program allocator")
    p.add_argument("--mimalloc", metavar="FILE", help="the library, if not the system's")
    p.add_argument("--designs", type=parse_list(str), default=DESIGNS, metavar="NAME,...",
                   help=",".join(DESIGNS))
    p.add_argument("--threads", type=parse_list(positive), default=THREADS, metavar="N,...",
                   help="1 or even numbers up to 64")
    p.add_argument("--remote", type=parse_list(int), default=REMOTE, metavar="PERCENT,...",
                   help="of 0, 25, 50, 100")
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--ms", type=positive, default=150, help="window of one run (150)")
    p.add_argument("--untouched", action="store_true",
                   help="without writing the first line, and without the call for the address")
    p.add_argument("--quick", action="store_true", help="3 rounds of 40 ms at 1, 2, 8, 64 threads")
    p.add_argument("--json", metavar="FILE", help="also write every figure of every round there")
    p.add_argument("--check", action="store_true",
                   help="exit 1 if the shipped design (cached) misses a figure")
    options = p.parse_args()
    if options.quick:
        options.rounds, options.ms, options.threads = 3, 40, [1, 2, 8, 64]
    options.threads = sorted(set(options.threads))
    return options


def print_head(sides, options):
    for side in sides:
        print(f"{side.name}: {side.version}")
    cores = usable_cores()
    pair = ("create, release" if options.untouched
            else "create, address, first line written, release")
    print(f"{cores} cores, {options.rounds} rounds, windows of {options.ms} ms; reading the clock "
          f"costs {sides[0].timer_ns:.0f} ns (taken off)")
    print(f"a pair of tributary is: {pair}; of 512 B to 256 KiB, 16 blocks live a thread")
    print("cpu: mean by the thread's own clock. floor: a list of one size with one line a block, "
          "the least that a remote\nfree can do. loop: no allocator, the cost of measuring; not "
          "taken off")
    if options.threads[-1] > cores:
        print(f"more than {cores} threads share the cores: a thread that is not running is seen in "
              "p99 at most; p50 and cpu are the allocator's")


def main():
    options = parse_options()
    sides = []
    try:
        sides = open_sides(options)
        if not sides:
            raise Failure("no contestant to run")
        print_head(sides, options)
        neighbours = Neighbours(sides)
        runs = measure_all(sides, options)
        others = neighbours.share()
        for remote in options.remote:
            print_table(remote, runs[remote], options)
        print()
        is_well = True
        for side in sides:
            if side.name in OURS:
                met = verdicts(runs, side.name, options)
                is_well = is_well and (met or side.name != "cached")
        if others > MOST_OTHER_WORK:
            print(f"\nother work took {100 * others:.0f} % of this machine's processor time: run "
                  "it alone, or compare within a row of the table only with care")
        if options.json:
            write_json(options, sides, runs, others)
        return 0 if is_well or not options.check else 1
    except (Failure, OSError) as failure:
        print(f"allocator.py: {failure}", file=sys.stderr)
        return 1
    finally:
        for side in sides:
            side.quit()


if __name__ == "__main__":
    sys.exit(main())
