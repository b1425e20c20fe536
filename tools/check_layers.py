#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Folders are layers: a file includes its own folder and folders of a lower rank, nothing else.

Also: `*_priv.h` stays in its folder, an include names its folder, the tools (loadgen, analysis,
report) and the command stand on the public headers and the foundation only, and two devices of
the backend folder do not know each other.
"""
import re

import checklib

RANKS = {
    "base": 1, "tensor": 2, "model": 3, "kernels": 4, "import": 4, "backend": 5, "memory": 6,
    "stream": 7, "plan": 8, "batch": 9, "tributary": 10, "session": 10, "analysis": 11,
    "loadgen": 11, "report": 12, "apps": 13, "examples": 14,
}
VOCABULARY = {"status.h", "tensor.h", "operator.h"}
TOOLS = {"loadgen", "analysis", "report"}
# Where a folder may look, when rank alone would allow more.
VISIBLE = {
    "analysis": {"base", "vocabulary"},
    "loadgen": {"base", "tensor", "vocabulary", "tributary"},
    "report": {"base", "tensor", "vocabulary", "tributary"} | TOOLS,
    "apps": {"base", "tensor", "vocabulary", "tributary"} | TOOLS,
    "examples": {"vocabulary", "tributary"},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
# Ways around: an include of a macro's value, a declaration by hand of what a header declares
# (the linker's own names are in no header).
HIDDEN = re.compile(r'^[ \t]*#[ \t]*include[ \t]+\w', re.MULTILINE)
BY_HAND = re.compile(r'^(?!static\b)(?:extern\b(?![^;]*\b__st(?:art|op)_)[^;{=]*;|(?:[a-z_]\w*[ \t*]+)+trib_\w+\([^;{}]*\)'
                     r'[^;{}()]*;)', re.MULTILINE)


def folder_of(parts):
    """The layer of a file, from its path in the project."""
    if parts[0] == "src":
        return parts[1]
    return {"include": "tributary"}.get(parts[0], parts[0])


def judge(source, folder, parts, bracket, target):
    """The problem with one include of `target`, or None."""
    to = target.split("/")
    if to[0] == "tributary":
        to_folder = "vocabulary" if to[-1] in VOCABULARY else "tributary"
        if bracket == '"':
            return f'include public headers as <{target}>'
    elif to[0] in RANKS:
        to_folder = to[0]
        if bracket == "<":
            return f'include internal headers as "{target}"'
    elif ".." in to:
        return f"{target} leaves its folder; name the header from the root of the includes"
    elif bracket == "<":
        return None
    elif parts[0] == "src":
        return f'"{target}" does not name its folder: write "{"/".join(parts[1:-1])}/..."'
    elif folder in ("apps", "examples") and len(to) == 1:
        return None
    else:
        return f'"{target}" is in no layer that tools/check_layers.py knows'
    if to_folder == folder:
        if folder == "backend" and len(parts) > 3 and len(to) > 2 and parts[2] != to[1]:
            return f'device {parts[2]} must not know device {to[1]}'
        return None
    if source.endswith(".h") and parts[0] == "include" and to_folder != "vocabulary":
        return f"a public header includes public headers only, not {target}"
    if to[-1].endswith("_priv.h"):
        return f"{target} is private to its folder"
    if folder in VISIBLE:
        if to_folder not in VISIBLE[folder]:
            return f"{folder} must not know {to_folder}"
        return None
    rank, to_rank = RANKS[folder], RANKS.get(to_folder, 0)
    if to_folder == "tributary" and folder == "session":
        return None
    if to_rank >= rank:
        return f"{folder} (rank {rank}) includes {target} (rank {to_rank}): ranks point down"
    return None


def check(root):
    for source in checklib.c_files(root, "include", "src", "apps", "examples"):
        parts = source.name.split("/")
        folder = folder_of(parts)
        if folder not in RANKS:
            yield source.at(1, f"folder {folder} has no rank in tools/check_layers.py")
            continue
        for match in INCLUDE.finditer(source.text):
            if not source.code[match.start():match.end()].strip():
                continue
            problem = judge(source.name, folder, parts, match.group(1), match.group(2))
            if problem:
                yield source.at(source.line_of(match.start(1)), problem)
        for match in HIDDEN.finditer(source.code):
            yield source.at(source.line_of(match.start()), "an include must name its header")
        for match in BY_HAND.finditer(source.code) if source.name.endswith(".c") else ():
            yield source.at(source.line_of(match.start()),
                            "declared by hand; include the header that declares it")


def include(*lines):
    return "".join(f"#include {line}\n" for line in lines)


SAMPLES = [
    ("downward includes", {
        "src/plan/plan.c": include('"plan/plan_priv.h"', '"base/alloc.h"', "<stdio.h>",
                                   "<tributary/status.h>"),
        "src/session/infer.c": include("<tributary/session.h>", '"batch/batch.h"'),
        "include/tributary/device.h": include("<tributary/status.h>"),
        "apps/tributary/main.c": include('"report/report.h"', "<tributary/device.h>",
                                         '"command.h"'),
    }, None),
    ("a comment that names an include", {
        "src/base/a.c": '/* Say:\n#include "plan/plan.h"\n*/\n'}, None),
    ("upward include", {"src/plan/plan.c": include('"batch/batch.h"')}, "ranks point down"),
    ("equal rank", {"src/kernels/a.c": include('"import/onnx.h"')}, "ranks point down"),
    ("public header from below", {
        "src/backend/cpu/a.c": include("<tributary/device.h>")}, "ranks point down"),
    ("another folder's private header", {
        "src/plan/a.c": include('"stream/stream_priv.h"')}, "private to its folder"),
    ("bare file name", {"src/plan/a.c": include('"plan.h"')}, "does not name its folder"),
    ("public header that shows internals", {
        "include/tributary/a.h": include('"base/alloc.h"')}, "public headers only"),
    ("analysis that knows devices", {
        "src/analysis/a.c": include("<tributary/device.h>")}, "must not know"),
    ("command that reaches into the engine", {
        "apps/tributary/a.c": include('"plan/plan.h"')}, "must not know"),
    ("one device that knows another", {
        "src/backend/cpu/a.c": include('"backend/sim/sim.h"')}, "must not know device"),
    ("declared by hand", {
        "src/base/a.c": "extern int trib__plan_count;\n"}, "declared by hand"),
    ("a function declared by hand", {
        "src/base/a.c": "void trib__plan_run(struct plan *plan);\n"}, "declared by hand"),
    ("definitions and calls", {
        "src/base/a.c": "extern int __start_sites[];\nint trib__a(int b)\n{\n        return trib__c(b);\n}\n"
                        "static int d(void);\n"}, None),
    ("include of a macro", {"src/base/a.c": "#include PLAN_HEADER\n"}, "must name its header"),
    ("a way around by the parent folder", {
        "src/base/a.c": include("<../src/plan/plan.h>")}, "leaves its folder"),
    ("folder without a rank", {"src/misc/a.c": ""}, "has no rank"),
    ("example that uses internals", {
        "examples/x/a.c": include('"base/alloc.h"')}, "must not know"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
