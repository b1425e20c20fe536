# SPDX-License-Identifier: Apache-2.0
"""What the machine checks share: finding files, telling C code from comments, and a main.

A check is a function of the project's root that yields problems, "path:line: what, and what to
do". Each check script also carries samples, small trees of files with what must be found in them,
so that `--self-test` proves that the check can fail.
"""
import bisect
import pathlib
import re
import sys
import tempfile

C_FOLDERS = ("include", "src", "apps", "tests", "examples", "bench")
SKIPPED_FOLDERS = {".git", "build", "__pycache__", "node_modules", "out"}

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.VERBOSE | re.DOTALL,
)


class Comment:
    """A comment, or a run of // lines: its text and its first and last line, from 1."""

    def __init__(self, text, first, last):
        self.text, self.first, self.last = text, first, last


class CFile:
    """A C file: `code` is its text with comments and the insides of strings blanked out, of the
    same length and lines as `text`; `comments` are in order."""

    def __init__(self, path, root):
        self.path = path
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.comments = []
        self._starts = [0] + [m.end() for m in re.finditer("\n", self.text)]
        self.code = TOKEN.sub(self._blank, self.text)
        self.lines = self.text.split("\n")
        self.code_lines = self.code.split("\n")

    def _blank(self, match):
        found = match.group()
        if match.group("comment"):
            first, last = self.line_of(match.start()), self.line_of(match.end() - 1)
            before = self.comments[-1] if self.comments else None
            if found.startswith("//") and before and before.last == first - 1:
                before.text += "\n" + found
                before.last = last
            else:
                self.comments.append(Comment(found, first, last))
            return re.sub(r"[^\n]", " ", found)
        return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]

    def line_of(self, offset):
        return bisect.bisect_right(self._starts, offset)

    def at(self, line, message):
        return f"{self.name}:{line}: {message}"


def files(root, folders, suffixes):
    """The files below the folders with those suffixes, sorted."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.suffix in suffixes and path.is_file() and not SKIPPED_FOLDERS & set(parts):
                found.append(path)
    return found


def c_files(root, *folders):
    return [CFile(path, root) for path in files(root, folders or C_FOLDERS, {".c", ".h"})]


def write_tree(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def self_test(check, samples):
    """Runs the check on each sample (what it is, tree, part of the problem that must be found, or
    None when nothing may be found). Returns how many samples it gets wrong."""
    wrong = 0
    for what, tree, expected in samples:
        with tempfile.TemporaryDirectory() as folder:
            write_tree(pathlib.Path(folder), tree)
            problems = list(check(pathlib.Path(folder)))
        if expected is None:
            is_right = not problems
        else:
            is_right = any(expected in problem for problem in problems)
        if not is_right:
            wrong += 1
            print(f"self-test: {what}: expected {expected!r}, found {problems}")
    print(f"self-test: {len(samples) - wrong} of {len(samples)} samples judged right")
    return wrong


def report(problems):
    problems = list(problems)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "no problem")
    return 1 if problems else 0


def main(check, samples):
    """check_x.py ROOT, or check_x.py --self-test."""
    if len(sys.argv) == 2 and sys.argv[1] == "--self-test":
        sys.exit(1 if self_test(check, samples) else 0)
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PROJECT | --self-test")
    sys.exit(report(check(pathlib.Path(sys.argv[1]).resolve())))
