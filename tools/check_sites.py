#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever the outside world can refuse passes a fault site, so that a test can make it refuse.

Three rules for src/:
- host memory comes from base/alloc.h alone, threads from base/sync.h alone;
- a system call, a call that makes a lock or a key, and a call of a foreign library has TRIB__FAULT
  (or TRIB__ONEDNN_CALL) in its reach: on its line, or on one of the four lines above. Where nothing
  is to be tried, a comment there says why: "No site: it never fails.";
- each slot of a backend's table that gives something has a site of class DEVICE of its name,
  "cpu.launch".
A call that only gives back (close, free, munmap, unlink, ..._destroy) cannot fail in a way that
anybody could act on; writing to a stdio stream keeps its error for the flush, which has a site.
"""
import re

import checklib

REACH = 4
MEMORY = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|posix_memalign|aligned_alloc|"
                    r"memalign|valloc|strdup|strndup|asprintf|vasprintf|getline|getdelim|free|"
                    r"trib__raw_\w+)\s*\(")
MEMORY_FILES = {"src/base/alloc.c", "src/base/alloc.h"}
THREAD = re.compile(r"(?<![\w.>])(pthread_create|thrd_create|clone|fork|vfork)\s*\(")
THREAD_FILES = {"src/base/sync.c"}
CALLS = re.compile(
    r"(?<![\w.>])(pthread_create|pthread_(?:mutex|cond|rwlock|barrier|condattr|mutexattr)_init|"
    r"pthread_key_create|pthread_setspecific|sem_init|"
    r"dlopen|dlsym|dlmopen|syscall|mmap|mremap|mprotect|madvise|mlock|"
    r"open|openat|openat2|creat|fopen|fdopen|freopen|open_memstream|opendir|tmpfile|mkstemp|"
    r"read|pread|readv|write|pwrite|writev|fwrite|fread|fsync|fdatasync|fflush|rename|renameat|"
    r"link|symlink|mkdir|stat|fstat|lstat|access|realpath|ftruncate|fallocate|pipe|pipe2|dup|dup2|"
    r"socket|listen|accept|accept4|connect|send|recv|poll|epoll_\w+|eventfd|timerfd_\w+|"
    r"sched_getaffinity|sched_setaffinity|sysconf|getrandom|json_load\w*|json_dump\w*)\s*\(")
LIBRARY = re.compile(r"(?:->|\.)(?:api|abi)(?:->|\.)(\w+)\s*\(|\babi->(\w+)\s*\(")
HARMLESS = re.compile(r"destroy|fini|release|version$|name$|equal$|get_size$|get_effective|"
                      r"query|pointer")
SITE = re.compile(r"\bTRIB__FAULT\s*\(|\bTRIB__ONEDNN_CALL\s*\(")
NO_SITE = re.compile(r"\bNo site: \w")
SLOTS = ("open", "alloc", "alloc_host", "compile", "queue_create", "launch", "copy", "wait_queue")
SLOT = re.compile(r"^\s*\.(\w+)\s*=\s*(\w+|\"\w+\")\s*,", re.MULTILINE)


def reached(source):
    """The lines that a site or a reason covers."""
    lines = set()
    for number, line in enumerate(source.code_lines, 1):
        if SITE.search(line):
            lines.update(range(number, number + REACH + 1))
    for comment in source.comments:
        if NO_SITE.search(re.sub(r"\s*\n\s*\*?\s*", " ", comment.text)):
            lines.update(range(comment.first, comment.last + REACH + 1))
    return lines


def check_calls(source):
    covered = reached(source)
    for number, line in enumerate(source.code_lines, 1):
        if re.match(r"\s*#", line):
            continue
        for match in MEMORY.finditer(line):
            name = match.group(1)
            may_be_raw = name.startswith("trib__raw_") and number in covered
            may_be_free = name == "free" and "open_memstream" in source.code
            if source.name not in MEMORY_FILES and not may_be_raw and not may_be_free:
                yield source.at(number, f"{name}(): use trib__alloc and friends of base/alloc.h")
        for match in THREAD.finditer(line):
            if source.name not in THREAD_FILES:
                yield source.at(number, f"{match.group(1)}(): use trib__thread_start")
        for match in CALLS.finditer(line):
            if number not in covered:
                yield source.at(number, f"{match.group(1)}() passes no fault site: TRIB__FAULT on "
                                        f"its line or at most {REACH} above, or say \"No site: why\"")
        for match in LIBRARY.finditer(line):
            name = match.group(1) or match.group(2)
            if not HARMLESS.search(name) and number not in covered:
                yield source.at(number, f"{name}(): call the library through TRIB__ONEDNN_CALL")


def check_backend(folder, sources):
    sites = {name for source in sources
             for name in re.findall(r"TRIB__FAULT\(DEVICE, \"([\w.]+)\"\)", source.text)}
    for source in sources:
        for table in re.finditer(r"struct trib__backend (\w+) = \{", source.code):
            end = source.code.index("};", table.start())
            slots = dict(SLOT.findall(source.code[table.start():end]))
            line = source.line_of(table.start())
            for slot in SLOTS:
                function = slots.get(slot, "NULL")
                shared = [other for other in SLOTS if slots.get(other) == function]
                names = {f"{folder}.{other}" for other in shared}
                if function != "NULL" and not names & sites:
                    yield source.at(line, f"slot {slot} has no site: TRIB__FAULT(DEVICE, "
                                          f"\"{folder}.{slot}\")")


def check(root):
    backends = {}
    for source in checklib.c_files(root, "src"):
        yield from check_calls(source)
        match = re.match(r"src/backend/(\w+)/", source.name)
        if match:
            backends.setdefault(match.group(1), []).append(source)
    for folder, sources in backends.items():
        yield from check_backend(folder, sources)


TABLE = "const struct trib__backend trib__x_backend = {\n        .alloc = x_alloc,\n" \
        "        .alloc_host = %s,\n        .wait_queue = NULL,\n};\n" \
        "void x_alloc(void)\n{\n        if (TRIB__FAULT(DEVICE, \"x.alloc\"))\n        return;\n}\n"

SAMPLES = [
    ("memory through the wrapper", {"src/plan/a.c": 'p = trib__alloc("a", 1); trib__free(p);\n'},
     None),
    ("memory in its home", {"src/base/alloc.c": "return malloc(1);\n"}, None),
    ("a call with a site", {
        "src/tensor/a.c": 'f = TRIB__FAULT(SYSTEM, "a") ? -1 : open(p, 0);\n'}, None),
    ("a site four lines above", {
        "src/tensor/a.c": 'if (TRIB__FAULT(SYSTEM, "a"))\n\n\n\n        read(1, p, 2);\n'}, None),
    ("a reason", {"src/tensor/a.c": "/* No site: it\n * never fails. */\nn = sysconf(1);\n"},
     None),
    ("members of that name", {"src/plan/a.c": "backend->open(x); b.free(y); slot.read (z);\n"},
     None),
    ("the library through its wrapper", {
        "src/kernels/cpu/a.c": 'TRIB__ONEDNN_CALL("x",\n        lib->api.stream_create(&s));\n'},
     None),
    ("giving back", {"src/kernels/cpu/a.c": "lib->api.stream_destroy(s); (void)close(f);\n"}, None),
    ("in a comment", {"src/plan/a.c": '/* malloc(1) */ s = "open(2)";\n'}, None),
    ("a backend with its sites", {"src/backend/x/x.c": TABLE % "x_alloc"}, None),
    ("tests may", {"tests/a.c": "malloc(1); open(p, 0);\n"}, None),
    ("raw memory", {"src/plan/a.c": "p = malloc(1);\n"}, "use trib__alloc"),
    ("raw free", {"src/plan/a.c": "free(p);\n"}, "use trib__alloc"),
    ("around the macro", {"src/plan/a.c": "p = trib__raw_alloc(1);\n"}, "use trib__alloc"),
    ("copied text", {"src/plan/a.c": "p = strdup(q);\n"}, "use trib__alloc"),
    ("a raw thread", {"src/session/a.c": 'if (TRIB__FAULT(THREAD, "a")) x = 1;\n'
                                         "pthread_create(&t, NULL, f, NULL);\n"},
     "use trib__thread_start"),
    ("a lock without a site", {"src/base/sync.c": "pthread_mutex_init(&m, NULL);\n"},
     "passes no fault site"),
    ("a site too far away", {
        "src/tensor/a.c": 'if (TRIB__FAULT(SYSTEM, "a"))\n\n\n\n\n        read(1, p, 2);\n'},
     "passes no fault site"),
    ("a system call", {"src/base/a.c": "syscall(SYS_futex, p);\n"}, "passes no fault site"),
    ("a library", {"src/base/a.c": "h = dlopen(n, 1);\n"}, "passes no fault site"),
    ("a comment without a reason", {"src/base/a.c": "/* No site: */\nh = mmap(n, 1);\n"},
     "passes no fault site"),
    ("around the library's wrapper", {"src/kernels/cpu/a.c": "lib->api.stream_create(&s);\n"},
     "TRIB__ONEDNN_CALL"),
    ("a backend without a site", {"src/backend/x/x.c": TABLE % "x_alloc_host"},
     "slot alloc_host has no site"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
