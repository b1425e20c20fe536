# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C during a measurement: everything measured so far is written, whole and valid, with the
finding `interrupted`, and the exit status is 0. Interrupted before there is anything: 1."""
import os
import pty
import select
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DEADLINE_S, DONE, FAILED, Result, check, finish, parse_json, start  # noqa: E402

# Would take more than an hour.
LONG = ['scale', '--threads', '1,2', '--workload', '32x16x4', '--no-sizes', '--rounds', '100',
        '--seconds', '1800']
# Many short rounds: some are done whenever the signal comes.
ROUNDS = ['scale', '--threads', '1,2', '--workload', '32x16x4', '--no-sizes', '--rounds', '100',
          '--seconds', '10']


def wait_for(terminal, text):
    """Read the terminal until it shows text; what was read."""
    seen = b''
    end = time.monotonic() + DEADLINE_S
    while text not in seen and time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            break
    check(text in seen, 'the bar never showed', text, 'but', seen[-300:])
    return seen


def run_until(arguments, text, number, environment=None):
    """Run with a terminal as standard error, and send a signal when the bar shows text."""
    terminal, other_end = pty.openpty()
    variables = {'TERM': 'xterm'}
    variables.update(environment or {})
    with tempfile.TemporaryDirectory() as folder:
        process = start(arguments, folder, variables, stderr=other_end)
        os.close(other_end)
        seen = wait_for(terminal, text)
        process.send_signal(number)
        result = Result(process, folder)
        # What it wrote to the terminal at last.
        while select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
        os.close(terminal)
        result.terminal = seen
        result.file_text = None
        if 'result.json' in result.files:
            with open(os.path.join(folder, 'result.json'), encoding='utf-8') as file:
                result.file_text = file.read()
        return result


try:
    for end in pty.openpty():
        os.close(end)
except OSError as failure:
    print(f'not run: no pseudo-terminal here ({failure}); mount devpts on /dev/pts')
    sys.exit(77)

for number in (signal.SIGINT, signal.SIGTERM):
    for environment in ({}, {'TRIB_ONEDNN': 'off'}):
        result = run_until([*ROUNDS, '--format', 'json'], b'round 4 of 100', number, environment)
        check(result.status == DONE, number, 'status', result.status, result.terminal[-300:])
        results = parse_json(result.out, f'{number}')
        if results is None:
            continue
        codes = [finding['code'] for finding in results['findings']]
        check('interrupted' in codes, number, 'findings', codes)
        check(results['complete'] is False, number, 'complete', results['complete'])
        for point in results['sweeps'][0]['points']:
            check(3 <= len(point['rounds']) < 100, number, 'rounds', point['rounds'])
        check(result.terminal.endswith(b'\r\x1b[K'), number, 'the bar stays on the screen:',
              result.terminal[-200:])
        check(result.files == [], number, 'left behind', result.files)

# A file is whole, and alone.
result = run_until([*ROUNDS, '--out', 'result.json'], b'round 4 of 100', signal.SIGINT)
check(result.status == DONE, 'file', result.status)
check(result.files == ['result.json'], 'left behind', result.files)
results = parse_json(result.file_text or '', 'result.json')
check(results is not None and results['complete'] is False, 'file', result.file_text)
check('interrupted' in result.out, 'text beside the file', result.out[-500:])

# Nothing measured yet: the baseline alone takes a minute.
result = run_until([*LONG, '--out', 'result.json'], b'baseline', signal.SIGINT)
check(result.status == FAILED, 'early', result.status)
check(result.out == '' and result.files == [], 'early', result.out[:200], result.files)
check(b'interrupted before anything was measured' in result.terminal, 'early',
      result.terminal[-300:])
finish()
