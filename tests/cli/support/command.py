# SPDX-License-Identifier: Apache-2.0
"""Running the command, each time in a process and a folder of its own, with a deadline."""
import json
import os
import signal
import subprocess
import sys
import tempfile

DEADLINE_S = 50
DONE, FAILED, USAGE = 0, 1, 2

# What the command keeps from run to run, for this test alone: never in the home of who runs it.
cache = tempfile.TemporaryDirectory()

failures = []
command = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None


def check(condition, *what):
    """Note a failure, with everything that helps to see why."""
    if not condition:
        failures.append(' '.join(str(part) for part in what))
        print('FAIL:', failures[-1], file=sys.stderr)


def finish():
    """The end of every test."""
    print(f'{len(failures)} failures')
    sys.exit(1 if failures else 0)


def heed_interrupts():
    """A shell may have made us ignore Ctrl-C, and a child would inherit it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(arguments, folder, environment=None, **streams):
    variables = dict(os.environ, XDG_CACHE_HOME=cache.name)
    variables.update(environment or {})
    streams.setdefault('stdout', subprocess.PIPE)
    streams.setdefault('stderr', subprocess.PIPE)
    return subprocess.Popen([command, *arguments], cwd=folder, env=variables,
                            stdin=subprocess.DEVNULL, preexec_fn=heed_interrupts, **streams)


class Result:
    """How a run ended: status, out, err (text), files left behind."""

    def __init__(self, process, folder):
        out, err = process.communicate(timeout=DEADLINE_S)
        self.status = process.returncode
        self.out = (out or b'').decode()
        self.err = (err or b'').decode()
        self.files = sorted(os.listdir(folder))


def run(*arguments, environment=None, **streams):
    with tempfile.TemporaryDirectory() as folder:
        return Result(start(arguments, folder, environment, **streams), folder)


def run_for_file(name, *arguments, environment=None):
    """Run with --out NAME; the result and the file's text, or None."""
    with tempfile.TemporaryDirectory() as folder:
        result = Result(start([*arguments, '--out', name], folder, environment), folder)
        path = os.path.join(folder, name)
        text = None
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                text = file.read()
        return result, text


def parse_json(text, what):
    try:
        return json.loads(text)
    except ValueError as error:
        check(False, what, 'is not JSON:', error, repr(text[:200]))
        return None


# Small enough for any machine, with and without oneDNN.
TINY = ['--threads', '1,2,3,4', '--workload', '32x16x4', '--sizes', '16x16x1,32x16x4',
        '--seconds', '0.06', '--rounds', '3', '--seed', '7']
KERNELS = [{}, {'TRIB_ONEDNN': 'off'}]
