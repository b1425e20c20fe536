#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the memory orders of the code's primitives, by trying everything that C11 allows.

Spin explores one order of steps for all threads. Here each thread has a view of its own: for each
word, the oldest value that it may still read. A store adds a value to its word; a load may read
any value that is not older than the thread's view; a release gives the thread's view along with
the value, an acquire that reads it joins it to its own. Read-modify-writes read the value that
theirs follows, and pass on the view that it came with (a release sequence). Plain data has to be
read and written in an order that the views know: what is not is a data race, and an error. Loads
do not see stores of their own future (no cycles of program order and reads-from), and sequentially
consistent accesses are not used by these primitives.

Each test is a few threads around one primitive. The order of each access comes out of the source:
SITES names the file, the function and the call. A mutant is one order made weaker; it must be
caught, or be in STRONGER with the reason why the code's order is more than it needs.
"""
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEAKER = {"acqrel": ("acquire", "release"), "acquire": ("relaxed",), "release": ("relaxed",),
          "relaxed": ()}

# name: (file, function, call up to the order, call after it)
SITES = {
    "push": ("src/memory/cached.c", "push", r"trib__cas_", r"_ptr\(pushed, "),
    "take all": ("src/memory/cached.c", "sort_pushed", r"trib__exchange_",
                 r"_ptr\(&cache->pushed"),
    "drop": ("src/memory/memory.c", "trib__memory_release", r"trib__cas_",
             r"_u64\(&block->state"),
    "use": ("src/memory/memory.c", "trib__memory_use", r"trib__fetch_or_",
            r"_u64\(&block->use_mask"),
    "mask": ("src/memory/*.c", "trib__fences_take", r"trib__load_", r"_u64\(&block->use_mask"),
    "enter": ("src/memory/cached.c", "is_in", r"trib__cas_", r"_u32\(&cache->owner"),
    "leave": ("src/memory/cached.c", "leave", r"trib__store_", 
              r"_u32\(&memory->caches\[stream\]\.owner"),
    "submit": ("src/stream/*.c", "trib__stream_next_value", r"trib__store_",
               r"_u64\(&stream->timeline->submitted"),
    "fence": ("src/memory/*.c", "trib__fences_take", r"trib__load_",
              r"_u64\(&memory->params\.timelines\[l\]\.submitted"),
    "complete": ("src/backend/cpu/cpu.c", None, r"trib__store_", r"_u64\(&queue->timeline"),
    "completed": ("src/backend/*/*.c", r"\w*completed", r"trib__load_",
                  r"_u64\(&queue->timeline"),
    "hand out": ("src/memory/memory.c", "hand_out", r"trib__store_", r"_u64\(&block->state"),
    "find": ("src/memory/memory.c", "find", r"trib__load_", r"_u64\(&block->state"),
    "gate enter": ("src/base/sync.c", "trib__gate_enter", r"trib__cas_", r"_u32\(&gate->state"),
    "gate again": ("src/base/sync.c", "trib__gate_enter", r"trib__exchange_",
                   r"_u32\(&gate->state"),
    "gate leave": ("src/base/sync.c", "trib__gate_leave", r"trib__exchange_",
                   r"_u32\(&gate->state"),
    "chunk": ("src/memory/*.c", "trib__slot_take", r"trib__store_", r"_ptr\(&memory->chunks"),
    "slot": ("src/memory/*.c", "trib__slot_at", r"trib__load_", r"_ptr\(&memory->chunks"),
}

# (test, site, weaker order): why it is not caught.
STRONGER = {
    ("list", "take all", "acquire"): "nothing is published by taking; atomic.h has no weaker door",
    ("timeline", "fence", "relaxed"):
        "the drop has ordered the holder's submits before the last one's look",
    ("timeline", "submit", "relaxed"):
        "likewise; the work itself goes to the device through its queue",
    ("gate", "gate again", "acquire"): "nothing is published by entering",
    ("gate", "gate leave", "release"): "nothing is read by leaving",
}


def orders_of_the_code():
    """{site: order}, and what is wrong with the table."""
    found, problems = {}, []
    for name, (pattern, function, before, after) in SITES.items():
        orders = set()
        for path in sorted(ROOT.glob(pattern)):
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
            if function:
                body = re.search(r"^\w[^\n;]*\b" + function + r"\([^;{]*\)\s*\{.*?^\}", text,
                                 re.MULTILINE | re.DOTALL)
                text = body.group(0) if body else ""
            orders |= set(re.findall(before + r"(\w+?)" + after, re.sub(r"\(\s+", "(", text)))
        if len(orders) == 1:
            found[name] = orders.pop()
        else:
            problems.append(f"orders: {name}: {sorted(orders) or 'nothing'} in {pattern}, "
                            f"{function or 'any function'}: one order is wanted")
    return found, problems


# --- programs ---

class Program:
    """Instructions of one thread. Words and values may be functions of the registers."""

    def __init__(self):
        self.code, self.labels = [], {}

    def __getattr__(self, kind):
        def add(*operands):
            self.code.append((kind, *operands))
            return self
        return add

    def label(self, name):
        self.labels[name] = len(self.code)
        return self


def of(registers, operand):
    return operand(registers) if callable(operand) else operand


class Race(Exception):
    """Or whatever else must not be."""


# --- the machine ---

class Machine:
    """A state is (threads, words, plain): threads: (pc, registers, view); words: for each word
    its values in order, each (value, view that came with it or None, follows: a
    read-modify-write of the value before it); plain: (value, version). A view has a number for
    each word (the position), each plain word (the version) and each plain word and thread (how
    often it has read)."""

    def __init__(self, words, plain, programs, final):
        self.words, self.plain = list(words), list(plain)
        self.programs, self.final = programs, final
        self.w = {name: i for i, name in enumerate(self.words)}
        self.p = {name: i for i, name in enumerate(self.plain)}
        self.n = len(programs)
        size = len(self.words) + len(self.plain) * (1 + self.n)
        zero = (0,) * size
        self.start = (tuple((0, (), zero) for _ in programs),
                      tuple(((v, None, False),) for v in words.values()),
                      tuple((v, 0) for v in plain.values()))

    def version_at(self, i):
        return len(self.words) + i

    def reads_at(self, i, t):
        return len(self.words) + len(self.plain) * (1 + t) + i

    @staticmethod
    def join(a, b):
        return a if b is None else tuple(map(max, a, b))

    def explore(self):
        """(states, what is wrong or None)."""
        seen, todo = {self.start}, [self.start]
        while todo:
            state = todo.pop()
            moved = False
            for t in range(self.n):
                try:
                    for after in self.steps(state, t):
                        moved = True
                        if after not in seen:
                            seen.add(after)
                            todo.append(after)
                except Race as race:
                    return len(seen), str(race)
            if not moved:
                wrong = self.stuck_or_wrong(state)
                if wrong:
                    return len(seen), wrong
        return len(seen), None

    def stuck_or_wrong(self, state):
        threads, words, plain = state
        for t, (pc, _, _) in enumerate(threads):
            if pc < len(self.programs[t].code):
                return f"thread {t} waits for ever"
        last = {name: words[i][-1][0] for name, i in self.w.items()}
        last |= {name: plain[i][0] for name, i in self.p.items()}
        registers = [dict(r) for _, r, _ in threads]
        return None if self.final(last, registers) else f"at the end: {last} {registers}"

    def steps(self, state, t):
        threads, words, plain = state
        pc, registers, view = threads[t]
        program = self.programs[t]
        if pc >= len(program.code):
            return
        r = dict(registers)
        kind, *operands = program.code[pc]

        def after(new_view, new_pc=pc + 1, new_words=words, new_plain=plain, others=threads,
                  **changed):
            local = tuple(sorted((r | changed).items()))
            row = tuple((new_pc, local, new_view) if i == t else thread
                        for i, thread in enumerate(others))
            return row, new_words, new_plain

        if kind == "unless":
            yield after(view, pc + 1 if of(r, operands[0]) else program.labels[operands[1]])
        elif kind == "check":
            if not operands[0](r):
                raise Race(f"thread {t}: {operands[1]}: {r}")
            yield after(view)
        elif kind == "set":
            yield after(view, **{operands[0]: of(r, operands[1])})
        elif kind in ("read", "write"):
            yield self.access_plain(after, kind, operands, r, t, state)
        else:
            yield from self.access(after, kind, operands, r, view, words, threads)

    def access_plain(self, after, kind, operands, r, t, state):
        threads, _, plain = state
        view = threads[t][2]
        name = of(r, operands[1] if kind == "read" else operands[0])
        i = self.p[name]
        value, version = plain[i]
        new = list(view)
        if view[self.version_at(i)] != version:
            raise Race(f"thread {t}: race: {kind} of {name} beside a write")
        if kind == "read":
            new[self.reads_at(i, t)] += 1
            return after(tuple(new), **{operands[0]: value})
        for other in range(self.n):
            at = self.reads_at(i, other)
            if threads[other][2][at] != view[at]:
                raise Race(f"thread {t}: race: write of {name} beside a read")
        new[self.version_at(i)] = version + 1
        changed = plain[:i] + ((of(r, operands[1]), version + 1),) + plain[i + 1:]
        return after(tuple(new), new_plain=changed)

    def access(self, after, kind, operands, r, view, words, threads):
        if kind == "load":          # load register word order
            target, name, order = operands
        elif kind == "await_":      # await_ register word condition order
            target, name, condition, order = operands
        elif kind == "store":       # store word value order
            name, value, order = operands
        elif kind == "swap":        # swap register word function order
            target, name, function, order = operands
        else:                       # cas ok seen word value order: expects the register seen
            target, seen, name, value, order = operands
        i = self.w[of(r, name)]
        values = words[i]
        acquires = order in ("acquire", "acqrel")
        if kind == "store":
            for at in range(view[i] + 1, len(values) + 1):
                if at < len(values) and values[at][2]:
                    continue        # nothing comes between a read-modify-write and what it read
                yield self.insert(after, i, at, of(r, value), None, order, view, words, threads, {})
            return
        for at in range(view[i], len(values)):
            value_there, with_it, _ = values[at]
            own = view[:i] + (at,) + view[i + 1:]
            joined = self.join(own, with_it) if acquires else own
            if kind in ("load", "await_"):
                if kind == "load" or condition(value_there, r):
                    yield after(joined, **{target: value_there})
                continue
            if kind == "cas" and value_there != of(r, lambda x: x[seen]):
                # It fails: a relaxed look, or an acquire one for acqrel.
                yield after(joined if order == "acqrel" else own,
                            **{target: False, seen: value_there})
                continue
            if at + 1 < len(values) and values[at + 1][2]:
                continue            # somebody's read-modify-write follows this one already
            new = of(r, value) if kind == "cas" else function(value_there, r)
            result = {target: True} if kind == "cas" else {target: value_there}
            yield self.insert(after, i, at + 1, new, with_it, order, joined, words, threads,
                              result, True)

    def insert(self, after, i, at, value, with_it, order, view, words, threads, result,
               follows=False):
        """A new value of word i at position `at`; later ones move up in all views."""
        own = view[:i] + (at,) + view[i + 1:]

        def shift(old):
            return old if old is None or old[i] < at else old[:i] + (old[i] + 1,) + old[i + 1:]

        given = own if order in ("release", "acqrel") else None
        with_it = shift(with_it)
        if with_it is not None:
            given = self.join(given, with_it) if given else with_it
        changed = [tuple((v, shift(w), f) for v, w, f in word) for word in words]
        changed[i] = changed[i][:at] + ((value, given, follows),) + changed[i][at:]
        others = tuple((pc, regs, shift(seen)) for pc, regs, seen in threads)
        return after(own, new_words=tuple(changed), others=others, **result)


# --- tests: each gives a machine for the orders o ---

def pushed_list(o):
    def pusher(block):
        return (Program().write(f"used{block}", 1).load("h", "head", "relaxed").label("again")
                .write(f"next{block}", lambda r: r["h"])
                .cas("ok", "h", "head", block, o["push"]).unless(lambda r: r["ok"], "again"))

    owner = (Program().set("rounds", 0).set("taken", 0).label("round")
             .swap("b", "head", lambda value, r: 0, o["take all"]).label("block")
             .unless(lambda r: r["b"] != 0, "empty")
             .read("used", lambda r: f"used{r['b']}")
             .check(lambda r: r["used"] == 1, "a block whose user is not done")
             .read("next", lambda r: f"next{r['b']}")
             .write(lambda r: f"next{r['b']}", 9).write(lambda r: f"used{r['b']}", 0)
             .set("taken", lambda r: r["taken"] + r["b"]).set("b", lambda r: r["next"])
             .unless(False, "block").label("empty")
             .set("rounds", lambda r: r["rounds"] + 1)
             .unless(lambda r: r["rounds"] == 2, "round"))

    def all_there(last, registers):
        left, b = 0, last["head"]
        while b != 0:
            left, b = left + b, last[f"next{b}"]
        return registers[2]["taken"] + left == 3

    return Machine({"head": 0}, {"next1": 0, "next2": 0, "used1": 0, "used2": 0},
                   [pusher(1), pusher(2), owner], all_there)


def drop(program, o):
    return (program.load("s", "state", o["find"]).label("drop")
            .cas("ok", "s", "state", lambda r: r["s"] - 1, o["drop"])
            .unless(lambda r: r["ok"], "drop").unless(lambda r: r["s"] == 1, "end"))


def last_drop(o):
    def holder(t):
        mine = (Program().write(f"part{t}", 1)
                .swap("was", "mask", lambda value, r: value | 1 << t, o["use"]))
        return (drop(mine, o).load("mask", "mask", o["mask"])
                .check(lambda r: r["mask"] == 3, "a use that the last holder does not see")
                .read("a", "part0").read("b", "part1").write("part0", 0).write("part1", 0)
                .label("end"))

    return Machine({"state": 2, "mask": 0}, {"part0": 0, "part1": 0}, [holder(0), holder(1)],
                   lambda last, _: last["state"] == 0)


def owner_word(o):
    def thread():
        return (Program().set("none", 0).label("again").set("none", 0)
                .cas("ok", "none", "owner", 1, o["enter"]).unless(lambda r: r["ok"], "again")
                .read("x", "list").write("list", lambda r: r["x"] + 1)
                .store("owner", 0, o["leave"]))

    return Machine({"owner": 0}, {"list": 0}, [thread(), thread(), thread()],
                   lambda last, _: last["list"] == 3)


def timeline(o):
    def last_part(program):
        return (drop(program, o).load("fence", "submitted", o["fence"])
                .await_("done", "completed", lambda value, r: value >= r["fence"], o["completed"])
                .write("block", 0).label("end"))

    user = (Program().write("arguments", 1).store("submitted", 1, o["submit"])
            .store("queue", 1, "release"))
    device = (Program().await_("q", "queue", lambda value, r: value == 1, "acquire")
              .read("a", "arguments").read("b", "block").write("block", 5)
              .store("completed", 1, o["complete"]))
    return Machine({"state": 2, "submitted": 0, "queue": 0, "completed": 0},
                   {"arguments": 0, "block": 0},
                   [last_part(user), last_part(Program()), device], lambda last, _: True)


def handing_out(o):
    giver = (Program().store("address", 5, "relaxed").store("state", 1, o["hand out"]))
    guesser = (Program().load("s", "state", o["find"]).unless(lambda r: r["s"] == 1, "end")
               .load("a", "address", "relaxed")
               .check(lambda r: r["a"] == 5, "a live block's address of before").label("end"))
    return Machine({"address": 0, "state": 0}, {}, [giver, guesser], lambda last, _: True)


def gate(o):
    def thread():
        return (Program().set("seen", 0).cas("ok", "seen", "gate", 1, o["gate enter"])
                .unless(lambda r: not r["ok"], "in").label("again")
                .swap("seen", "gate", lambda value, r: 2, o["gate again"])
                .unless(lambda r: r["seen"] != 0, "in")
                .await_("seen", "gate", lambda value, r: value != 2, "relaxed")
                .unless(False, "again").label("in")
                .read("x", "inside").write("inside", lambda r: r["x"] + 1)
                .swap("seen", "gate", lambda value, r: 0, o["gate leave"]))

    return Machine({"gate": 0}, {"inside": 0}, [thread(), thread()],
                   lambda last, _: last["inside"] == 2)


def chunk(o):
    maker = Program().write("slot", 1).store("chunks", 1, o["chunk"])
    finder = (Program().load("c", "chunks", o["slot"]).unless(lambda r: r["c"] == 1, "end")
              .read("s", "slot").label("end"))
    return Machine({"chunks": 0}, {"slot": 0}, [maker, finder], lambda last, _: True)


# name: (test, the sites that it is about, what they do)
TESTS = {
    "list": (pushed_list, ("push", "take all"), "remote free: push and take all"),
    "last drop": (last_drop, ("drop",), "the last holder sees every use"),
    "owner word": (owner_word, ("enter", "leave"), "a cache goes from thread to thread"),
    "timeline": (timeline, ("drop", "submit", "fence", "complete", "completed"),
                 "a fence covers the work of others; what is past it is done"),
    "hand out": (handing_out, ("hand out", "find"), "a handle that names a block sees its address"),
    "gate": (gate, ("gate enter", "gate again", "gate leave"), "one at a time moves memory"),
    "chunk": (chunk, ("chunk", "slot"), "slots are filled in before they are found"),
}


def check(jobs_done=print):
    """Print all tests; (problems, caught, mutants, stronger)."""
    orders, problems = orders_of_the_code()
    caught = mutants = stronger = 0
    if problems:
        return problems, 0, 0, 0
    jobs_done(f"{'primitive':11} {'orders':78} {'states':>9} {'seconds':>7}  result")
    for name, (build, sites, _) in TESTS.items():
        for site, weaker in [(None, None)] + [(s, w) for s in sites for w in WEAKER[orders[s]]]:
            start = time.monotonic()
            states, wrong = build(orders | ({site: weaker} if site else {})).explore()
            what = ", ".join(f"{s} {orders[s]}" for s in sites) if site is None else \
                f"mutant: {site} {weaker}"
            result = wrong or "holds"
            if site is None and wrong:
                problems.append(f"orders: {name}: {wrong}")
            elif site is not None and (name, site, weaker) in STRONGER:
                result += "; " + STRONGER[name, site, weaker]
                stronger += 1
                if wrong:
                    problems.append(f"orders: {name}: {site} {weaker} is in STRONGER, but {wrong}")
            elif site is not None:
                mutants += 1
                caught += wrong is not None
                result = "caught, " + wrong if wrong else "SURVIVED"
                if not wrong:
                    problems.append(f"orders: {name}: mutant {site} {weaker} survives")
            jobs_done(f"{name:11} {what:78} {states:9,} {time.monotonic() - start:7.1f}  {result}")
    return problems, caught, mutants, stronger


def main():
    problems, caught, mutants, stronger = check()
    print(f"orders: mutants caught: {caught} of {mutants}; stronger than needed: {stronger}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
