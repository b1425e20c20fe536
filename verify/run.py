#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the models of this folder with Spin, and that every seeded mutant of them is caught; then
the memory orders of the primitives (orders.py).

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

import orders

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MB = {False: 6144, True: 14336}   # of all searches; with --large
DEPTH = 200_000


class Model:
    """sizes and large: lists of definitions; temporal: {property: (definitions, the mutant that
    it must catch on them)}; mutants: name to the definitions of a size on which it must be
    caught, by an assertion or as a deadlock, or to (definitions, the property that it must be
    caught by)."""

    def __init__(self, name, sizes, large, temporal, mutants):
        self.name, self.sizes, self.large = name, sizes, large
        self.temporal, self.mutants = temporal, mutants
        self.path = HERE / f"{name}.pml"


MODELS = [
    Model("memory",
          ["N=4 SEGMENTS=1 HINTS=1", "N=3 HINTS=1", "N=3 SEGMENTS=1 U=2 FAULTS=1",
           "N=3 SEGMENTS=1 CHARGES=1 FAULTS=1", "N=3 SEGMENTS=1 SLICES=1 HINTS=1",
           "L=3 N=1"],
          ["N=4 HINTS=1", "N=4 SEGMENTS=1 U=2 FAULTS=1", "N=4 SEGMENTS=1 CHARGES=1",
           "L=3 N=2 SEGMENTS=1 TRIMS=0"],
          {"L1": ("N=2", "LOST_COMPLETION"),
           "L6": ("N=2 SEGMENTS=1 SLICES=1", "LOST_COMPLETION")},
          {"CHARGE_OUTSIDE": ("N=3 SEGMENTS=1 CHARGES=1 FAULTS=1", "S14"),
           "DONATE_LISTS_ONLY": ("N=2 SEGMENTS=1", "S14"),
           "DONATE_NO_FENCE": ("N=2 SEGMENTS=1", "S8"),
           "DONATE_OWN": ("N=2 SEGMENTS=1", "S8"),
           "FREE_PARTIAL": ("N=3 SEGMENTS=1 U=2", "S2"),
           "GATE_FORGETS": ("L=3 N=1", "S6"),
           "GATE_NO_WAKE": ("N=2 SEGMENTS=1", "S6"),
           "GENERATION_RESET": ("N=3", "S13"),
           "LATE_FENCE": ("N=3 SEGMENTS=1 NO_S14", "S8"),
           "LOOK_PAST": ("N=2 SEGMENTS=1", "S14"),
           "NO_FENCE_CHECK": ("N=4 NO_S8", "S1"),
           "NO_GATE": ("N=2 SEGMENTS=1", "S14"),
           "NO_RECORD": ("N=4 NO_S8", "S1"),
           "NO_WAIT": ("N=2 SEGMENTS=1", "S14"),
           "OWNER_IGNORED": ("N=2 SEGMENTS=1", "S7"),
           "PUSH_BY_STORE": ("N=3", "S4"),
           "PUSH_LATE": ("N=3 SEGMENTS=1", "S4"),
           "RECORD_FIRST": ("N=2 SEGMENTS=1", "S8"),
           "REF_NONATOMIC": ("N=2", "S3"),
           "RESERVE_LATE": ("N=2 SEGMENTS=1 CHARGES=1", "S9"),
           "RETAIN_BY_SLOT": ("N=3", "S13"),
           "SAME_GENERATION": ("N=3 SEGMENTS=1", "S13"),
           "STEAL": ("N=3 SEGMENTS=1", "S14"),
           "TAKE_BY_STORE": ("N=2 SEGMENTS=1", "S5"),
           "TRIM_KEEPS_COUNT": ("N=2 SEGMENTS=1", "S5"),
           "TRIM_NO_GATE": ("N=3 SEGMENTS=1", "S14"),
           "UNRESERVE_FIRST": ("N=3 SEGMENTS=1 CHARGES=1", "S9")}),
    Model("list", ["P=2", "P=3"], ["P=3 B=4 R=4"], {},
          {"PUSH_LATE": ("P=2", "S2"), "STEAL": ("P=2", "S2"),
           "TAKE_BY_STORE": ("P=2", "S2")}),
    Model("sharded",
          ["N=3", "N=4", "N=3 SHARDS=1", "N=3 B=1"],
          ["N=5 NO_DEVICE_FAULT"],
          {"L1": ("N=2", "LOST_COMPLETION")},
          {"FENCE_AT_USE": "N=3", "HOLDERS_PLAIN": "N=3", "LIST_FIRST": "N=3",
           "NO_FENCE_CHECK": "N=3", "NO_USE": "N=4 NO_DEVICE_FAULT",
           "RESERVE_LATE": "N=4 NO_DEVICE_FAULT", "SAME_GENERATION": ("N=3", "S13"),
           "TAKE_LATE": "N=4", "TRIM_KEEPS_COUNT": "N=3",
           "TRIM_OWN": "N=4 NO_DEVICE_FAULT"}),
    Model("streams",
          ["T=2 S=2 HANGS=1 POOLS=2 FORK=1", "T=2 S=1 N=2",
           "T=2 S=1 HANGS=1 FAULTS=1 DEATHS=1 POOLS=2", "T=2 S=1 DEATHS=1 PREPARES=1 FORK=1",
           "T=2 S=1 POLICY=1 POOLS=2 LIVES=2",
           "T=2 S=1 POLICY=2 POOLS=2 LIVES=2"],
          ["T=3 S=1 RACES=0", "T=2 S=1 N=2 DEATHS=1 HANGS=1 POOLS=2",
           "T=2 S=2 N=2 POLICY=1 POOLS=2 LIVES=2"],
          {"L4": ("T=2 S=1", "NO_WAKE")},
          {"ANY_GENERATION": "T=2 S=1 POOLS=2", "COUNT_STAYS": "T=2 S=1 DEATHS=1 PREPARES=1",
           "ENDLESS_TURN": "T=2 S=1 N=3", "EPOCH_STAYS": "T=2 S=1 POLICY=1 POOLS=2 LIVES=2",
           "FAIL_UNSAID": "T=2 S=1 FAULTS=1", "FORK_UNSEEN": "T=2 S=1 FORK=1",
           "HOME_UNSEEN": "T=2 S=1 POLICY=1 POOLS=2 LIVES=2", "HUNG_IS_FREE": "T=2 S=1 HANGS=1",
           "KEPT_UNSEEN": "T=2 S=1 N=2", "LAST_FIRST": "T=3 S=1", "LEAVE_SERVED": "T=2 S=1",
           "NO_HOOK": "T=2 S=1 POLICY=1 POOLS=2 LIVES=2", "NO_SECOND_LOOK": "T=2 S=1 N=2",
           "NO_WAKE": "T=2 S=1", "NOT_WANTED": "T=2 S=1", "ORPHAN_STAYS": "T=2 S=1 DEATHS=1",
           "OVERTAKE": "T=2 S=1 N=2", "SHARED_TABLE": "T=2 S=1 POLICY=1 FORK=1",
           "STALE_EPOCH": "T=2 S=1 POLICY=1 POOLS=2 LIVES=2", "UNCOUNT_FIRST": "T=2 S=1",
           "VOID_LEASED": "T=2 S=1 N=2 POOLS=2", "WORDS_FIRST": "T=2 S=1 N=2",
           "WORDS_UNSEEN": "T=2 S=1 N=2"}),
    Model("plans",
          ["T=2 N=2 K=3", "T=2 N=2 E=2", "T=2 N=3 NB=1 CAP=2"],
          ["T=2 N=3", "T=3 N=1"],
          {"L5": ("T=2 N=1", "FAIL_UNSAID")},
          {"DONOR_NO_REF": "T=2 N=3 NB=1 K=4", "EVICT_BUILDING": "T=2 N=2",
           "EVICT_HELD": "T=3 N=1", "FAILED_STAYS": "T=2 N=2", "FAIL_UNSAID": "T=2 N=2",
           "NO_EVICTION": "T=2 N=2 K=3", "NO_UNCHARGE": "T=2 N=2",
           "NO_SECOND_LOOK": "T=2 N=2", "PUT_KEEPS": "T=2 N=2", "PUT_TWICE": "T=2 N=2",
           "WAITER_NO_REF": "T=2 N=2", "WAKE_ONE": "T=3 N=1"}),
    Model("requests",
          ["C=1 N=1 W=1", "C=1 N=2 W=1 CANCELLER=0", "C=2 N=1 W=1 CANCELLER=0 RC=1",
           "C=2 N=1 W=1 CANCELLER=0 ACTS=0", "C=1 N=1 W=1 CANCELLER=0 DEATHS=2",
           "C=2 N=1 W=1 CANCELLER=0 DEATHS=1 ACTS=0 NO_DEADLINE PATIENT"],
          ["C=1 N=1 W=2 CANCELLER=0", "C=1 N=2 W=1", "C=1 N=1 W=1 DEATHS=1"],
          {"L2": ("C=1 N=1 W=1 CANCELLER=0", "LOST_SIGNAL"),
           "L3": ("C=1 N=1 W=1 CANCELLER=0", "LOST_SIGNAL")},
          {"DEATH_NO_REF": ("C=1 N=1 W=1 CANCELLER=0 DEATHS=1", "S8"),
           "DEATH_UNCOUNTED": ("C=1 N=1 W=1 CANCELLER=0 DEATHS=1", "B5"),
           "GIVE_UP_EARLY":
               ("C=2 N=1 W=1 CANCELLER=0 DEATHS=1 ACTS=0 NO_DEADLINE PATIENT", "B6"),
           } | {mutant: "C=1 N=1 W=1" for mutant in (
              "CANCEL_RUNNING", "CHECK_FIRST", "EARLY_DROP", "LATE_CALL", "LOSER_GOES_ON",
              "LOST_SIGNAL", "NO_QUEUE_REF", "NO_WAKE", "SCAN_FIRST", "STOP_RACE",
              "TOKEN_AT_CANCEL", "TWO_WINNERS")}),
]

# (model, process, inlines, statement): why no search reaches it.
UNREACHED = [
    ("memory", "device", "", "-w-", "a device never ends"),
    ("memory", "thread", "push", r"w = w\[w\[w\[w\]\]\]",
     "two threads push on one list at once only in the large sizes, and in list.pml"),
    ("sharded", "device", "", "-w-", "a device never ends"),
    ("streams", "device", "", "-w-", "a device never ends"),
    ("streams", "closer", "give|unlink|unwant_all", ".",
     "close recovers orphans when no call is inside, so nobody queues"),
    ("streams", "child", "", r"\(!\(w\)\)", "a child that knows what it is takes no lock"),
    ("plans", "closer", "put|evict", r"w = \(w\+w\)",
     "when no call is inside, what is above the cache's size is idle and evicted"),
    ("requests", "worker", "queue_drop", ".",
     "the session holds the queue until its workers are joined"),
    ("requests", "worker", "died", r"!\(w\[",
     "a start is under way only while no worker has a request"),
    ("requests", "closer", "join|run_request|turn_away|win|finish|wake_word|wait_done|sleep_word|"
     "look_at_clock|touch_session|touch_queue|request_drop|queue_drop|end_request", ".",
     "join takes on itself what is left when no worker could be started; but nothing is, because "
     "a submit puts nothing into the queue before a worker has started"),
]


class Search:
    """One verification: a model, its definitions, and what came out."""

    def __init__(self, model, size, prop, mutant=None, aim=None):
        self.model, self.size, self.prop, self.mutant = model, size, prop, mutant
        self.aim, self.caught_by = aim, ""
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

    @property
    def is_killed(self):
        """The mutant is caught, by the property that it is aimed at."""
        return self.result.startswith("violated") and (
            self.aim is None or self.aim in self.caught_by.split(", "))

    def defines(self):
        defines = ["-D" + d for d in self.size.split()]
        if self.is_temporal:
            defines.append("-DLTL")
        if self.mutant:
            defines.append(f"-DMUTANT_{self.mutant}")
        return defines

    def build(self, folder, memory_mb):
        made = subprocess.run(["spin", "-a", *self.defines(), self.model.path], cwd=folder,
                              text=True, capture_output=True, check=False)
        if made.returncode != 0 or "Error" in made.stdout:
            return "spin: " + made.stdout.strip().split("\n")[0]
        kind = ["-DNXT", "-DNFAIR=4"] if self.is_temporal else ["-DSAFETY"]
        made = subprocess.run(["gcc", "-O0" if self.mutant else "-O2", "-w", "-DCOLLAPSE",
                               f"-DMEMLIM={memory_mb}", *kind, "-o", "pan", "pan.c"],
                              cwd=folder, text=True, capture_output=True, check=False)
        return "gcc: " + made.stderr.split("\n")[0] if made.returncode != 0 else ""

    def search(self, folder, limit_s):
        command = ["./pan", f"-m{DEPTH}", "-w26" if limit_s > 100 else "-w23"]
        if self.is_temporal:
            command += ["-a", "-f", "-N", self.prop]        # -f: weak fairness
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
        result = self.read(done.stdout)
        if result.startswith("violated"):
            self.caught_by = self.violated_property(folder, result)
        return result

    def violated_property(self, folder, result):
        """The name of the property at the assertion that the trail ends in."""
        if self.is_temporal:
            return self.prop
        if "invalid end state" in result:
            return {"requests": "B5", "plans": "P6"}.get(self.model.name, "S6")
        trail = next(folder.glob("*.trail"), None)
        if trail is None:
            return ""
        told = subprocess.run(["spin", "-k", trail.name, "-t", *self.defines(), self.model.path],
                              cwd=folder, text=True, capture_output=True, check=False).stdout
        at = re.search(r"pml:(\d+), Error: assertion violated", told)
        if at is None:
            return ""
        # Inside an inline, Spin does not count the lines that the preprocessor has left out.
        lines = self.model.path.read_text().split("\n")[int(at.group(1)) - 1:]
        line = next((line for line in lines if "assert(" in line), "")
        return ", ".join(re.findall(r"\b([SBPL]\d+)\b", line.partition("/*")[2]))

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
    if search.mutant and search.is_killed:
        result = f"caught by {search.caught_by}, {result}" if search.caught_by else \
            "caught, " + result
    elif search.mutant:
        result = f"SURVIVED, {search.caught_by} {result}"
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
        for mutant, on in model.mutants.items():
            size, aim = (on, None) if isinstance(on, str) else on
            yield Search(model, size, "safety", mutant, aim)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--large", action="store_true", help="the large sizes as well")
    parser.add_argument("--only", metavar="MODEL", help="one model")
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time (2)")
    parser.add_argument("--limit", type=int, default=0,
                        help="seconds of one search (300; 1800 with --large)")
    arguments = parser.parse_args()
    models = [m for m in MODELS if arguments.only in (None, m.name)]
    limit_s = arguments.limit or (1800 if arguments.large else 300)
    problems = [p for model in models for p in check_lists(model)]
    print(f"{'model':9} {'size':46} {'property':31} {'stored':>12} {'transitions':>13} "
          f"{'depth':>7} {'seconds':>7}  result")
    searches = list(plan(models, arguments))
    memory_mb = MEMORY_MB[arguments.large] // arguments.jobs
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for search in pool.map(lambda s: s.run(memory_mb, limit_s), searches):
            row(search)
    mutants = [s for s in searches if s.mutant]
    killed = [s for s in mutants if s.is_killed]
    problems += [f"{s.model.name}: {s.size}: {s.prop}: {s.result}" for s in searches
                 if not s.mutant and s.result != "holds"]
    problems += [f"{s.model.name}: mutant {s.mutant} survives on {s.size}: {s.result}"
                 for s in mutants if s not in killed]
    for model in models:
        problems += [f"unreached, and not explained: {p}" for p in unexplained(
            model, [s for s in searches if s.model is model and not s.mutant])]
    print(f"mutants killed: {len(killed)} of {len(mutants)}; "
          f"states stored: {sum(s.states for s in searches):,}")
    if arguments.only in (None, "orders"):
        wrong, caught, weaker, stronger = orders.check()
        problems += wrong
        print(f"weaker orders caught: {caught} of {weaker}; {stronger} of the code's orders are "
              "stronger than needed, and why is said")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
