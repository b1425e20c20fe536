#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the models of this folder with Spin, and that every seeded mutant of them is caught.

For each model: the searches of its sizes, with deadlock checking; its temporal properties on a
small size; its mutants. Fails (exit 1) when a property does not hold, a search is incomplete, a
mutant survives, or a statement that no search has reached is not explained in UNREACHED.

What is printed: stored states and transitions as Spin counts them, depth, seconds.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MB = 6144
DEPTH = 200_000


class Model:
    """sizes and large: lists of definitions; temporal: {property: (definitions, the mutant that
    it must catch on them)}; mutants: name to the definitions of a size on which it must be
    caught, by an assertion or as a deadlock."""

    def __init__(self, name, sizes, large, temporal, mutants):
        self.name, self.sizes, self.large = name, sizes, large
        self.temporal, self.mutants = temporal, mutants
        self.path = HERE / f"{name}.pml"


MODELS = [
    Model("memory",
          ["N=3", "N=4", "N=3 SHARDS=1", "N=3 B=1"],
          ["N=5 NO_DEVICE_FAULT"],
          {"L1": ("N=2", "LOST_COMPLETION")},
          {"FENCE_AT_USE": "N=3", "HOLDERS_PLAIN": "N=3", "LIST_FIRST": "N=3",
           "NO_FENCE_CHECK": "N=3", "NO_USE": "N=4 NO_DEVICE_FAULT",
           "RESERVE_LATE": "N=4 NO_DEVICE_FAULT", "SAME_GENERATION": "N=3",
           "TAKE_LATE": "N=4", "TRIM_KEEPS_COUNT": "N=3",
           "TRIM_OWN": "N=4 NO_DEVICE_FAULT"}),
    Model("streams",
          ["T=2 S=2 HANGS=1 POOLS=2 FORK=1",
           "T=2 S=2 N=2 HANGS=1", "T=2 S=1 N=2 FAULTS=1",
           "T=2 S=1 HANGS=1 FAULTS=1 POOLS=2",
           "T=2 S=1 POLICY=1 POOLS=2 LIVES=2 FORK=1",
           "T=2 S=1 POLICY=2 POOLS=2 LIVES=2",
           "T=3 S=1 POLICY=1"],
          ["T=2 S=2 N=2 HANGS=1 POOLS=2 FORK=1", "T=3 S=1 POLICY=1 POOLS=2 FORK=1"],
          {"L4": ("T=2 S=1", "LOOK_FIRST")},
          {"CLOSE_EARLY": "T=2 S=1 POOLS=2", "COUNT_LATE": "T=2 S=1", "LEASE_RACE": "T=2 S=1",
           "LOOK_FIRST": "T=2 S=1", "HUNG_IS_FREE": "T=2 S=1 HANGS=1",
           "KEEP_WAKE": "T=3 S=1 FAULTS=1", "FAIL_UNSAID": "T=3 S=1 FAULTS=1",
           "EPOCH_STAYS": "T=2 S=2 POLICY=1 POOLS=2 LIVES=2",
           "STALE_EPOCH": "T=2 S=2 POLICY=1 POOLS=2 LIVES=2",
           "NO_HOOK": "T=2 S=2 POLICY=1 POOLS=2 LIVES=2",
           "NOT_COUNTED": "T=2 S=1 POLICY=1", "NO_GENERATION": "T=2 S=1 POLICY=1",
           "FORK_UNSEEN": "T=2 S=1 FORK=1", "SHARED_TABLE": "T=2 S=1 POLICY=1 FORK=1"}),
    Model("plans",
          ["T=2 N=2 K=3", "T=2 N=2 E=2", "T=2 N=3 NB=1 CAP=2"],
          ["T=2 N=3", "T=3 N=1"],
          {"L5": ("T=2 N=1", "FAIL_UNSAID")},
          {"DONOR_NO_REF": "T=2 N=3 NB=1 K=4", "EVICT_BUILDING": "T=2 N=2",
           "EVICT_HELD": "T=3 N=1", "FAILED_STAYS": "T=2 N=2", "FAIL_UNSAID": "T=2 N=2",
           "NO_EVICTION": "T=2 N=2 K=3", "NO_UNCHARGE": "T=2 N=2",
           "NO_SECOND_LOOK": "T=2 N=2", "PUT_TWICE": "T=2 N=2", "WAITER_NO_REF": "T=2 N=2",
           "WAKE_ONE": "T=3 N=1"}),
    Model("requests",
          ["C=1 N=1 W=1", "C=1 N=2 W=1 CANCELLER=0", "C=2 N=1 W=1 CANCELLER=0 RC=1",
           "C=2 N=1 W=1 CANCELLER=0 ACTS=0"],
          ["C=1 N=1 W=2 CANCELLER=0", "C=1 N=2 W=1"],
          {"L2": ("C=1 N=1 W=1 CANCELLER=0", "LOST_SIGNAL"),
           "L3": ("C=1 N=1 W=1 CANCELLER=0", "LOST_SIGNAL")},
          {mutant: "C=1 N=1 W=1" for mutant in (
              "CANCEL_RUNNING", "CHECK_FIRST", "EARLY_DROP", "LATE_CALL", "LOSER_GOES_ON",
              "LOST_SIGNAL", "NO_QUEUE_REF", "NO_WAKE", "SCAN_FIRST", "STOP_RACE",
              "TOKEN_AT_CANCEL", "TWO_WINNERS")}),
]

# (model, process, inlines, statement): why no search reaches it.
UNREACHED = [
    ("memory", "device", "", "-w-", "a device never ends"),
    ("streams", "device", "", "-w-", "a device never ends"),
    ("streams", "thread", "return_stream", r"w\[w\] = w",
     "who is handed a stream and has found another returns it whole: that return hangs nothing"),
    ("streams", "child", "", r"\(!\(w\)\)", "a child that knows what it is takes no lock"),
    ("requests", "worker", "queue_drop", ".",
     "the session holds the queue until its workers are joined"),
    ("requests", "closer", "join|run_request|turn_away|win|finish|wake_word|wait_done|sleep_word|"
     "look_at_clock|touch_session|touch_queue|request_drop|queue_drop", ".",
     "join takes on itself what is left when no worker could be started; but nothing is, because "
     "a submit puts nothing into the queue before a worker has started"),
]


class Search:
    """One verification: a model, its definitions, and what came out."""

    def __init__(self, model, size, prop, mutant=None):
        self.model, self.size, self.prop, self.mutant = model, size, prop, mutant
        self.states = self.transitions = self.depth = 0
        self.seconds = 0.0
        self.result, self.reached, self.unreached = "", set(), set()

    @property
    def is_temporal(self):
        return self.prop != "safety"

    def run(self, memory_mb, limit_s):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="verify-"))
        start = time.monotonic()
        try:
            self.result = self.build(folder, memory_mb) or self.search(folder, limit_s)
        finally:
            self.seconds = time.monotonic() - start
            shutil.rmtree(folder, ignore_errors=True)
        return self

    def build(self, folder, memory_mb):
        defines = ["-D" + d for d in self.size.split()]
        if self.is_temporal:
            defines.append("-DLTL")
        if self.mutant:
            defines.append(f"-DMUTANT_{self.mutant}")
        made = subprocess.run(["spin", "-a", *defines, self.model.path], cwd=folder, text=True,
                              capture_output=True, check=False)
        if made.returncode != 0 or "Error" in made.stdout:
            return "spin: " + made.stdout.strip().split("\n")[0]
        kind = ["-DNXT"] if self.is_temporal else ["-DSAFETY"]
        made = subprocess.run(["gcc", "-O2", "-w", "-DCOLLAPSE", f"-DMEMLIM={memory_mb}", *kind,
                               "-o", "pan", "pan.c"], cwd=folder, text=True,
                              capture_output=True, check=False)
        return "gcc: " + made.stderr.split("\n")[0] if made.returncode != 0 else ""

    def search(self, folder, limit_s):
        command = ["./pan", f"-m{DEPTH}", "-w26" if limit_s > 100 else "-w23"]
        if self.is_temporal:
            command += ["-a", "-N", self.prop]
        try:
            done = subprocess.run(command, cwd=folder, text=True, capture_output=True,
                                  check=False, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return f"incomplete: cut at {limit_s} s"
        if not self.is_temporal and not self.mutant:
            # A search that goes nowhere reaches nothing, and so lists all statements.
            everything = subprocess.run(["./pan", "-m2"], cwd=folder, text=True,
                                        capture_output=True, check=False)
            missed = set(unreached(done.stdout))
            self.unreached = {(s[0], *s[2:]) for s in missed}
            self.reached = {(s[0], *s[2:]) for s in set(unreached(everything.stdout)) - missed}
        return self.read(done.stdout)

    def read(self, text):
        def number(pattern):
            found = re.search(pattern, text)
            return float(found.group(1)) if found else 0

        self.states = int(number(r"([\d.e+]+) states, stored"))
        self.transitions = int(number(r"([\d.e+]+) transitions"))
        self.depth = int(number(r"depth reached (\d+)"))
        error = re.search(r"^pan:\d+: (.*?) \(at depth", text, re.MULTILINE)
        if error:
            return "violated: " + error.group(1).strip()
        if "errors: 0" not in text or re.search(r"not completed|too small|memory bound", text):
            return "incomplete"
        return "holds"


def unreached(text):
    """(process, state, line, shape of the statement) of each statement that a search has not
    reached. An inline's statements come once for each place that it is used in, with other
    arguments; their shape is the same."""
    process = None
    for line in text.split("\n"):
        head = re.match(r"unreached in (?:proctype (\S+)|(\w+))", line)
        if head:
            process = head.group(1) or head.group(2)
        found = re.match(r'\t\S*?:(\d+), state (\d+), "(.*)"', line)
        if found and process:
            shape = re.sub(r"\w+", "w", re.sub(r"D_STEP\d+", "D_STEP", found.group(3)))
            yield process, int(found.group(2)), int(found.group(1)), shape


def inlines(path):
    """The name of the inline that each line is in, "" outside."""
    names, current = {}, ""
    for number, line in enumerate(path.read_text().split("\n"), 1):
        head = re.match(r"inline (\w+)", line)
        current = head.group(1) if head else current
        names[number] = current
        if line.startswith("}"):
            current = ""
    return names


def unexplained(model, searches):
    """What no complete search of the model has reached and no line of UNREACHED explains."""
    done = [s for s in searches if s.result == "holds" and not s.is_temporal]
    never = set().union(*(s.unreached for s in done)) - set().union(*(s.reached for s in done))
    names, lines = inlines(model.path), model.path.read_text().split("\n")
    for process, line, shape in sorted(never):
        if not any(name == model.name and process == where and
                   re.fullmatch(inline, names[line]) and re.search(what, shape)
                   for name, where, inline, what, _ in UNREACHED):
            yield f"{model.name}.pml:{line}: {process}: {shape}: {lines[line - 1].strip()}"


def check_lists(model):
    """The mutants of the text and of the table are the same."""
    there = set(re.findall(r"MUTANT_(\w+)", re.sub(r"/\*.*?\*/", "", model.path.read_text(),
                                                   flags=re.DOTALL)))
    listed = set(model.mutants) | {mutant for _, mutant in model.temporal.values()}
    for name in sorted(there ^ listed):
        yield f"{model.name}.pml: mutant {name} is not in both the model and run.py"


def row(search):
    what = search.prop + (f", mutant {search.mutant}" if search.mutant else "")
    result = search.result
    if search.mutant:
        result = "caught, " + result if result.startswith("violated") else "SURVIVED, " + result
    print(f"{search.model.name:9} {search.size:46} {what:31} {search.states:12,} "
          f"{search.transitions:13,} {search.depth:7,} {search.seconds:7.1f}  {result}",
          flush=True)


def plan(models, arguments):
    for model in models:
        for size in model.sizes + (model.large if arguments.large else []):
            yield Search(model, size, "safety")
        for prop, (size, mutant) in model.temporal.items():
            yield Search(model, size, prop)
            yield Search(model, size, prop, mutant)
        for mutant, size in model.mutants.items():
            yield Search(model, size, "safety", mutant)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--large", action="store_true", help="the large sizes as well")
    parser.add_argument("--only", metavar="MODEL", help="one model")
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time (2)")
    parser.add_argument("--limit", type=int, default=0,
                        help="seconds of one search (60; 900 with --large)")
    arguments = parser.parse_args()
    models = [m for m in MODELS if arguments.only in (None, m.name)]
    limit_s = arguments.limit or (900 if arguments.large else 60)
    problems = [p for model in models for p in check_lists(model)]
    print(f"{'model':9} {'size':46} {'property':31} {'stored':>12} {'transitions':>13} "
          f"{'depth':>7} {'seconds':>7}  result")
    searches = list(plan(models, arguments))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for search in pool.map(lambda s: s.run(MEMORY_MB // arguments.jobs, limit_s), searches):
            row(search)
    mutants = [s for s in searches if s.mutant]
    killed = [s for s in mutants if s.result.startswith("violated")]
    problems += [f"{s.model.name}: {s.size}: {s.prop}: {s.result}" for s in searches
                 if not s.mutant and s.result != "holds"]
    problems += [f"{s.model.name}: mutant {s.mutant} survives on {s.size}: {s.result}"
                 for s in mutants if s not in killed]
    for model in models:
        problems += [f"unreached, and not explained: {p}" for p in unexplained(
            model, [s for s in searches if s.model is model and not s.mutant])]
    print(f"mutants killed: {len(killed)} of {len(mutants)}; "
          f"states stored: {sum(s.states for s in searches):,}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
