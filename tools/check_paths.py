#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The project's texts hold nothing of the machine that they were written on: no absolute path of
a person's folders, no scratch path, no address of a package registry or of a private host."""
import pathlib
import re
import subprocess

import checklib

PATHS = re.compile(
    r"(?<![\w.~$}/-])(/work|/farm|/root|/home/\w+|/Users/\w+|/mnt/\w+)(?:/|\b)|\.library/")
SCRATCH = re.compile(r"(?<![\w.~$}/-])/tmp/[\w.-]+")
TEMPLATE = re.compile(r"X{6}")
HOSTS = re.compile(
    r"https?://[\w.-]*(pypi\.org|pythonhosted\.org|crates\.io|npmjs\.org|anaconda\.org|"
    r"deb\.debian\.org|snapshot\.debian\.org|archive\.ubuntu\.com|docker\.io|golang\.org|"
    r"\.internal|\.local)\b|https?://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d", re.I)
OWN = "tools/check_paths.py"
IGNORED_SUFFIXES = {".npy", ".png", ".gz", ".bin", ".pyc"}


def texts(root):
    """What git keeps; without git, everything outside the build."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root,
                            capture_output=True, text=True)
    if listed.returncode == 0 and (root / ".git").exists():
        return [root / name for name in listed.stdout.split("\0") if name]
    return [path for path in sorted(root.rglob("*"))
            if not checklib.SKIPPED_FOLDERS & set(path.relative_to(root).parts)]


def check(root):
    for path in texts(root):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or path.suffix in IGNORED_SUFFIXES or name == OWN:
            continue
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            for pattern, what in ((PATHS, "a path of one machine"), (SCRATCH, "a scratch path"),
                                  (HOSTS, "an address of a registry or a private host")):
                match = pattern.search(line)
                if match and not (pattern is SCRATCH and TEMPLATE.search(line)):
                    yield f"{name}:{number}: {what}: {match.group()}"


SAMPLES = [
    ("clean texts", {
        "README.md": "Build in build/release, look into /usr/local and /proc/cpuinfo.\n"
                     "See https://www.apache.org/licenses/ and framework/work/items.\n",
        "a.c": 'char t[] = "/tmp/tributary-XXXXXX";\n'}, None),
    ("work folder", {"docs/a.md": "cd /work/main\n"}, "path of one machine"),
    ("home", {"tools/x.sh": "cat /home/someone/notes\n"}, "path of one machine"),
    ("scratch", {"docs/a.md": "see /tmp/build-x/log\n"}, "scratch path"),
    ("registry", {"a.py": "url = 'https://files.pythonhosted.org/x'\n"}, "registry"),
    ("private address", {"a.py": "http://10.1.2.3/simple\n"}, "registry"),
]

if __name__ == "__main__":
    checklib.main(check, SAMPLES)
