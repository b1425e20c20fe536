#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure tributary beside other libraries on the same linear layers, and print ratios.

Every contestant is a co-process (bench_NAME, see peer_main.c) that waits for one line on its
standard input; only one of them works at any time. For each size, in each round, the thread counts
come in random order, and at each of them all contestants run one after the other in random order: a
ratio is taken between two runs that are neighbours in time, and the median over the rounds is what
counts. Builds nothing.

Nouns. A *size* is (in_features, out_features, batch). A *point* is a size and a thread count. A
*run* is one answer of a contestant at a point in a round.
"""

import argparse
import json
import os
import platform
import random
import shlex
import subprocess
import sys
import tempfile

SIZES = [(256, 128, 8), (512, 256, 16), (1024, 512, 16), (2048, 1024, 32), (4096, 2048, 64)]
THREADS = [1, 2, 3, 4, 6, 8, 12, 16]
OURS = "tributary"
HOW_TO_GET = {
    "tributary": "build the project: make",
    "onednn": "apt-get install libdnnl-dev",
    "openblas": "apt-get install libopenblas-dev",
    "onnxruntime": "apt-get install libonnxruntime-dev (Debian 13 and later); elsewhere see "
                   "bench/README.md",
}
FOR_INFORMATION = {"openblas"}  # faster than oneDNN itself at the smallest size
FLOOR = 0.95  # of a peer, and of any lower thread count
MOST_OTHER_WORK = 0.05  # of the machine's processor time, before we say so
WINDOW_IN_REQUESTS = 50  # a window shorter than this many requests counts too coarsely
LONGEST_WINDOW_MS = 2000


class Failure(Exception):
    """A contestant could not do what it was asked."""


class Contestant:
    """One co-process."""

    def __init__(self, name, command):
        self.name = name
        self.version = "?"
        self.error = None
        self.log = tempfile.TemporaryFile()
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, bufsize=1, env=environment)

    def ask(self, line):
        """Send a command; its answer as a dictionary."""
        try:
            self.process.stdin.write(line.strip() + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        words = shlex.split(answer)
        if not words or words[0] not in ("ok", "result"):
            raise Failure(f"{self.name}: '{line.strip()}': {answer.strip() or 'no answer'}"
                          f"{self.complaint()}")
        return dict(word.split("=", 1) for word in words[1:])

    def complaint(self):
        """The last thing on its standard error that is not known chatter of a library."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        lines = [text for text in lines if text and not text.startswith("Schema error")]
        return f" ({lines[-1]})" if lines else ""

    def load(self, size, precision):
        answer = self.ask("load {} {} {} {}".format(*size, precision))
        self.version = answer["version"]
        self.error = float(answer["error"])

    def run(self, threads, milliseconds):
        answer = self.ask(f"run {threads} {milliseconds}")
        if int(answer["mismatches"]) != 0:
            raise Failure(f"{self.name}: {threads} threads: {answer['mismatches']} results differ "
                          "from the single-threaded one")
        return {"ops_per_s": int(answer["ops"]) / float(answer["seconds"]),
                "p50_ns": float(answer["p50_ns"]), "p99_ns": float(answer["p99_ns"]),
                "cpu_ns_per_op": float(answer["cpu_ns_per_op"])}

    def quit(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


# --- statistics ---

def quantile(values, q):
    """Linear between neighbours."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values):
    return {"median": quantile(values, 0.5), "min": min(values), "max": max(values),
            "q1": quantile(values, 0.25), "q3": quantile(values, 0.75), "rounds": len(values)}


def show(s):
    return f"{s['median']:.3f} [{s['min']:.3f}..{s['max']:.3f}] iqr {s['q3'] - s['q1']:.3f}"


def verdict(s):
    if s["median"] >= FLOOR:
        return "ok"
    return f"under {FLOOR}" + (", but the rounds do not agree" if s["q3"] >= FLOOR else "")


def paired_ratios(runs, key, above, below):
    """Per round, above/below of one quantity; rounds that lack either are left out."""
    common = sorted(set(runs.get(above, {})) & set(runs.get(below, {})))
    return [runs[above][r][key] / runs[below][r][key] for r in common]


def worst_step(by_threads, is_per_cpu):
    """The pair of thread counts (lower, higher) with the lowest median throughput ratio."""
    worst = None
    counts = sorted(by_threads)
    for i, lower in enumerate(counts):
        for higher in counts[i + 1:]:
            ratios = (paired_ratios(by_threads, "cpu_ns_per_op", lower, higher) if is_per_cpu
                      else paired_ratios(by_threads, "ops_per_s", higher, lower))
            if ratios and (worst is None or quantile(ratios, 0.5) < worst["median"]):
                worst = dict(spread(ratios), lower=lower, higher=higher)
    return worst


# --- measuring ---

class Meter:
    """One line on a terminal's standard error, nothing elsewhere."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.is_shown = sys.stderr.isatty()

    def step(self, text):
        self.done += 1
        if self.is_shown:
            sys.stderr.write(f"\r\033[K{100 * self.done // max(self.total, 1):3d} %  {text}")
            sys.stderr.flush()

    def clear(self):
        if self.is_shown:
            sys.stderr.write("\r\033[K")


class Neighbours:
    """How much processor time of the machine went to work that is not ours."""

    def __init__(self, contestants):
        self.contestants = contestants
        self.begin = self.read()

    def read(self):
        """(all processor time, busy processor time, the contestants' own), in clock ticks."""
        try:
            with open("/proc/stat", encoding="ascii") as file:
                times = [int(word) for word in file.readline().split()[1:9]]
            own = 0
            for contestant in self.contestants:
                with open(f"/proc/{contestant.process.pid}/stat", encoding="ascii") as file:
                    own += sum(int(w) for w in file.read().rpartition(")")[2].split()[11:13])
            return sum(times), sum(times) - times[3] - times[4], own
        except (OSError, ValueError, IndexError):
            return 0, 0, 0

    def share(self):
        total, busy, own = (now - then for now, then in zip(self.read(), self.begin))
        return max(0.0, (busy - own) / total) if total > 0 else 0.0


def usable_cores():
    return len(os.sched_getaffinity(0))


def windows(contestants, threads, milliseconds):
    """A window per thread count: the slowest contestant must finish enough requests a thread."""
    trial_ms = max(20, milliseconds // 4)
    slowest_ms = max(c.run(1, trial_ms)["cpu_ns_per_op"] for c in contestants) / 1e6
    result = {}
    for n in threads:
        request_ms = slowest_ms * max(1.0, n / usable_cores())
        result[n] = int(min(max(milliseconds, WINDOW_IN_REQUESTS * request_ms),
                            max(milliseconds, LONGEST_WINDOW_MS)))
    return result


def measure_size(contestants, size, options, meter):
    """runs[threads][name][round]; what was measured until an interrupt is kept."""
    runs = {n: {c.name: {} for c in contestants} for n in options.threads}
    for contestant in contestants:
        contestant.load(size, options.precision)
    window = windows(contestants, options.threads, options.ms)
    try:
        for r in range(options.rounds):
            for n in random.sample(options.threads, len(options.threads)):
                for contestant in random.sample(contestants, len(contestants)):
                    meter.step("{}->{} b{}".format(*size) + f" round {r + 1} threads {n} "
                               f"{contestant.name}")
                    runs[n][contestant.name][r] = contestant.run(n, window[n])
    except KeyboardInterrupt:
        return runs, False
    return runs, True


# --- conclusions ---

def conclude(size, runs, contestants, is_per_cpu):
    """Everything that is printed and written about one size."""
    names = [c.name for c in contestants]
    first, peers = names[0], names[1:]
    points = []
    for n in sorted(runs):
        if not runs[n][first]:
            continue
        point = {"threads": n, "ratios": {}, "contestants": {}}
        for name in names:
            values = list(runs[n][name].values())
            if values:
                point["contestants"][name] = {key: spread([v[key] for v in values])
                                              for key in values[0]}
        for peer in peers:
            ratios = paired_ratios(runs[n], "ops_per_s", first, peer)
            costs = paired_ratios(runs[n], "cpu_ns_per_op", peer, first)
            if ratios:
                point["ratios"][peer] = {"ops_per_s": spread(ratios),
                                         "ops_per_cpu_s": spread(costs),
                                         "shown": spread(costs if is_per_cpu else ratios)}
        points.append(point)
    steps = {name: worst_step({n: runs[n][name] for n in runs}, is_per_cpu) for name in names}
    return {"in_features": size[0], "out_features": size[1], "batch": size[2], "points": points,
            "error": {c.name: c.error for c in contestants},
            "worst_step": {name: step for name, step in steps.items() if step}}


def print_size(result, names):
    first = names[0]
    print("\nlinear {in_features} -> {out_features}, batch {batch}".format(**result))
    print(f"{'threads':>7} {'ops/s':>11} {'p50 us':>9} {'p99 us':>9}" +
          "".join(f"   {'/ ' + peer:<32}" for peer in names[1:]).rstrip())
    for point in result["points"]:
        ours = point["contestants"][first]
        line = (f"{point['threads']:>7} {ours['ops_per_s']['median']:>11,.0f} "
                f"{ours['p50_ns']['median'] / 1e3:>9,.1f} {ours['p99_ns']['median'] / 1e3:>9,.1f}")
        for peer in names[1:]:
            ratio = point["ratios"].get(peer)
            text = show(ratio["shown"]) if ratio else "-"
            line += f"   {text:<32}"
        print(line.rstrip())
    for name, step in result["worst_step"].items():
        print(f"  {name}: {step['higher']} threads against {step['lower']}, the lowest such ratio: "
              f"{show(step)}: {verdict(step)}")
    print("  error against float64: " +
          ", ".join(f"{name} {error:.2g}" for name, error in result["error"].items()))
    print_own_cost(result, names)


def print_own_cost(result, names):
    """The difference of the medians at one thread: what a request costs beside the kernel."""
    one = next((p for p in result["points"] if p["threads"] == 1), None)
    if one is None or "onednn" not in one["contestants"] or names[0] == "onednn":
        return
    difference = (one["contestants"][names[0]]["p50_ns"]["median"] -
                  one["contestants"]["onednn"]["p50_ns"]["median"])
    print(f"  own cost of a request of {names[0]}, p50 by subtraction of onednn: "
          f"{difference:+,.0f} ns")


def shortfalls(results, names):
    """One line for everything of the first contestant that is under the floor; (text, counts)."""
    lines = []
    for result in results:
        size = "{in_features}->{out_features} b{batch}".format(**result)
        for point in result["points"]:
            for peer, ratios in point["ratios"].items():
                ratio = ratios["shown"]
                if ratio["median"] < FLOOR:
                    note = " (for information)" if peer in FOR_INFORMATION else ""
                    lines.append((f"{size}, {point['threads']} threads: {show(ratio)} of {peer}: "
                                  f"{verdict(ratio)}{note}", not note))
        step = result["worst_step"].get(names[0])
        if step and step["median"] < FLOOR:
            lines.append((f"{size}: {step['higher']} threads against {step['lower']}: "
                          f"{show(step)}: {verdict(step)}", True))
    return lines


# --- the command ---

def parse_size(text):
    try:
        size = tuple(int(part) for part in text.split("x"))
    except ValueError:
        size = ()
    if len(size) != 3 or min(size) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not INxOUTxBATCH, such as 2048x1024x32")
    return size


def parse_list(item):
    def parse(text):
        try:
            return [item(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a list with commas") from None
    return parse


def parse_peer(text):
    name, equals, command = text.partition("=")
    if not equals or not name or not command:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=COMMAND")
    return name, shlex.split(command)


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not 1 or more")
    return value


def parse_options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                epilog="example: bench.py --bin build/release/bench --quick")
    p.add_argument("--bin", default=".", help="folder of bench_tributary, bench_onednn, ...")
    p.add_argument("--contestant", type=parse_peer, action="append", default=[],
                   metavar="NAME=COMMAND",
                   help="instead of those in --bin; the first one is compared with the others")
    p.add_argument("--onnxruntime", metavar="FILE",
                   help="the library that bench_onnxruntime of --bin opens")
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--ms", type=positive, default=300, help="window of one run, at least (300)")
    p.add_argument("--sizes", type=parse_list(parse_size), default=SIZES,
                   metavar="INxOUTxBATCH,...")
    p.add_argument("--threads", type=parse_list(positive), default=THREADS, metavar="N,...")
    p.add_argument("--precision", choices=["high", "medium"], default="",
                   help="of every contestant (high, or what its command line says)")
    p.add_argument("--per-cpu-second", action="store_true",
                   help="print ratios of operations per second of processor time: steadier where "
                        "other work runs on the machine; blind to waiting")
    p.add_argument("--quick", action="store_true",
                   help="3 rounds of 100 ms at 1, 2, 4 and 8 threads, without the largest size")
    p.add_argument("--json", metavar="FILE", help="also write every figure there")
    p.add_argument("--check", action="store_true", help=f"exit 1 if anything is under {FLOOR}")
    options = p.parse_args()
    if options.quick:
        options.rounds, options.ms = 3, 100
        options.threads, options.sizes = [1, 2, 4, 8], SIZES[:4]
    options.threads = sorted(set(options.threads))
    return options


def find_contestants(options):
    """(name, command) of those that are there; those that are not are named on standard output."""
    if options.contestant:
        return options.contestant
    found = []
    for name, how in HOW_TO_GET.items():
        path = os.path.join(options.bin, "bench_" + name)
        if os.access(path, os.X_OK):
            words = [options.onnxruntime] if name == "onnxruntime" and options.onnxruntime else []
            found.append((name, [os.path.abspath(path)] + words))
        else:
            print(f"missing: {name} (no {path}); to get it: {how}")
    if found and found[0][0] != OURS:
        print(f"{OURS} is not here, so {found[0][0]} is compared with the others")
    return found


def accepts(contestant, size, precision):
    """Whether it can do the precision; one that cannot is named and left out."""
    try:
        contestant.load(size, precision)
        return True
    except Failure as failure:
        print(f"left out: {failure}")
        contestant.quit()
        return False


def write_json(path, options, contestants, results, others):
    document = {"schema": 1, "tool": "bench.py", "precision": options.precision or "default",
                "machine": {"system": platform.platform(), "cores": usable_cores(),
                            "share_of_other_work": others},
                "contestants": [{"name": c.name, "version": c.version} for c in contestants],
                "sizes": results}
    beside = path + ".part"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
    os.replace(beside, path)


def print_head(contestants, options):
    for c in contestants:
        print(f"{c.name}: {c.version}")
    print(f"{usable_cores()} cores, {options.rounds} rounds, windows of {options.ms} ms or more, "
          f"{options.precision or 'default'} precision")
    print(f"columns: {contestants[0].name}'s figures, then its operations per second "
          f"{'of processor time ' if options.per_cpu_second else ''}over each peer's: "
          "median of the rounds [min..max] and interquartile range")


def compare(contestants, options):
    """Measure and print every size; whether all is measured, and whether all is well."""
    names = [c.name for c in contestants]
    meter = Meter(len(options.sizes) * options.rounds * len(options.threads) * len(names))
    neighbours = Neighbours(contestants)
    results, is_complete = [], True
    for size in options.sizes:
        runs, is_complete = measure_size(contestants, size, options, meter)
        meter.clear()
        results.append(conclude(size, runs, contestants, options.per_cpu_second))
        print_size(results[-1], names)
        sys.stdout.flush()
        if not is_complete:
            print("\ninterrupted: what was measured until then")
            break
    lines = shortfalls(results, names)
    print("\n" + "\n".join(text for text, _ in lines or [(f"nothing under {FLOOR}", False)]))
    others = neighbours.share()
    if others > MOST_OTHER_WORK:
        print(f"\nother work took {100 * others:.0f} % of this machine's processor time: run it "
              "alone, or read --per-cpu-second")
    if options.json:
        write_json(options.json, options, contestants, results, others)
    return is_complete, not any(counts for _, counts in lines)


def main():
    options = parse_options()
    contestants = []
    try:
        for name, command in find_contestants(options):
            contestant = Contestant(name, command)
            if accepts(contestant, options.sizes[0], options.precision):
                contestants.append(contestant)
        if not contestants:
            raise Failure("no contestant to run")
        print_head(contestants, options)
        is_complete, is_well = compare(contestants, options)
        return 0 if is_complete and (is_well or not options.check) else 1
    except (Failure, OSError) as failure:
        print(f"bench.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        for contestant in contestants:
            contestant.quit()


if __name__ == "__main__":
    sys.exit(main())
