# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: the old report stays as it is, nothing lies beside it, the exit status is not
0, and one line says where and how much is missing. On a file system of 64 KiB in memory, in a mount
namespace of its own; skipped (77) where the system allows none."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, FAILED, check, command, finish  # noqa: E402

# Fill all but one page; the old report is there before. The command's own status comes last.
SCRIPT = '''
mount -t tmpfs -o size=64k tmpfs "$1" 2>/dev/null || exit 77
cd "$1" && printf old >"$2" || exit 76
dd if=/dev/zero of=ballast bs=4096 count=64 2>/dev/null
shift
"$@" --out "$0"
status=$?
echo "status $status"
echo "files $(ls | tr '\\n' ' ')"
echo "old $(head -c 3 "$0") $(stat -c %s "$0")"
rm ballast
"$@" --out "$0" >/dev/null 2>/dev/null
echo "after $? $(stat -c %s "$0")"
'''

FOLDER_SCRIPT = '''
mount -t tmpfs -o size=64k tmpfs "$1" 2>/dev/null || exit 77
cd "$1" && mkdir all && printf old >all/results.json && printf old >all/report.md || exit 76
dd if=/dev/zero of=ballast bs=4096 count=9 2>/dev/null
shift
"$@" --out all/ >/dev/null
echo "status $?"
echo "files $(ls all | tr '\\n' ' ')"
echo "old $(head -c 3 all/results.json) $(stat -c %s all/report.md)"
'''


def run_full(name, *arguments, script=SCRIPT):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
             script.replace('"$0"', f'"{name}"').replace('"$2"', f'"{name}"'), 'sh', folder,
             command, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=150)
    return done


def main():
    data = os.path.join(os.environ.get('TRIB_SOURCE_DIR', '.'), 'examples', 'data')
    for name in ('r.json', 'r.csv', 'r.md', 'r.txt'):
        done = run_full(name, 'advise', os.path.abspath(os.path.join(data, 'ceiling-threads.csv')))
        if done.returncode == 77 or 'unshare' in done.stderr:
            print('not run: no mount namespace here')
            sys.exit(77)
        lines = dict(line.split(' ', 1) for line in done.stdout.splitlines() if ' ' in line)
        check(lines.get('status') == str(FAILED), name, 'status', done.stdout, done.stderr)
        check(lines.get('files', '').split() == ['ballast', name], name, 'left', done.stdout)
        check(lines.get('old') == 'old 3', name, 'the old report', done.stdout)
        check(name in done.stderr and 'No space left on device' in done.stderr and
              'bytes are missing' in done.stderr and done.stderr.count('\n') == 1,
              name, 'said', repr(done.stderr))
        after = lines.get('after', '1 0').split()
        check(after[0] == str(DONE) and int(after[1]) > 3, name, 'afterwards', done.stdout)
    # A folder: room for some of its files, but not for all; each stays what it was.
    done = run_full('all/results.json', 'advise', os.path.abspath(os.path.join(
        data, 'ceiling-threads.csv')), script=FOLDER_SCRIPT)
    lines = dict(line.split(' ', 1) for line in done.stdout.splitlines() if ' ' in line)
    check(lines.get('status') == str(FAILED), 'folder: status', done.stdout, done.stderr)
    check(lines.get('files', '').split() == ['report.md', 'results.json'], 'folder: left',
          done.stdout)
    check(lines.get('old') == 'old 3', 'folder: the old report', done.stdout)
    check('No space left on device' in done.stderr and done.stderr.count('\n') == 1,
          'folder: said', repr(done.stderr))
    finish()


if __name__ == '__main__':
    main()
