# SPDX-License-Identifier: Apache-2.0
"""--out FOLDER/: four files, all or none; the page is well formed whatever is in the numbers; plots
where there is a gnuplot, and a word where there is none."""
import fcntl
import json
import os
import pty
import shutil
import stat
import struct
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import (DONE, FAILED, TINY, USAGE, Result, check, command, finish, run,  # noqa: E402
                     start)
from pages import Page  # noqa: E402

FILES = ['report.html', 'report.md', 'results.json', 'tables.csv']
DATA = os.path.join(os.environ.get('TRIB_SOURCE_DIR', '.'), 'examples', 'data')
THREADS = os.path.abspath(os.path.join(DATA, 'ceiling-threads.csv'))
SIZES = os.path.abspath(os.path.join(DATA, 'ceiling-sizes.csv'))
HAS_GNUPLOT = shutil.which('gnuplot') is not None
EVIL = '</style><script>alert(1)</script><img src=x onerror=alert(2)>'


def report(folder, *arguments, name='report/', environment=None):
    result = Result(start([*arguments, '--out', name], folder, environment), folder)
    where = os.path.join(folder, name)
    files = sorted(os.listdir(where)) if os.path.isdir(where) else None
    return result, files


def read(folder, name='report/report.html'):
    with open(os.path.join(folder, name), encoding='utf-8') as file:
        return file.read()


def check_page(folder, what, plots, name='report/report.html'):
    page = Page(read(folder, name))
    check(not page.problems, what, page.problems[:10])
    figures = page.counts.get('figure', 0)
    check(figures == (plots if HAS_GNUPLOT else 0), what, figures, 'figures of', plots)
    return page


def write(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def check_folder():
    with tempfile.TemporaryDirectory() as folder:
        result, files = report(folder, 'advise', THREADS, SIZES)
        check(result.status == DONE and files == FILES, 'files', files, result.err)
        check('Advice' in result.out, 'the text as well', result.out[:200])
        check(result.err.startswith('tributary: wrote results.json, tables.csv, report.md and '
                                    'report.html to report/\n'), 'said', result.err)
        page = check_page(folder, 'advise', 2)
        check('Summary' in page.text and 'In production' in page.text, 'the summary first',
              page.text[:300])
        check(page.text.index('bottleneck') < page.text.rindex('Findings'), 'order')
        check('4096->2048' in page.text, 'the sizes', page.text[:300])
        json.loads(read(folder, 'report/results.json'))
        # A second time over what is there, as a folder without the slash; silently.
        result, files = report(folder, 'advise', THREADS, '--quiet', name='report')
        check(result.status == DONE and files == FILES, 'again', files, result.err)
        check(result.out == '' and result.err == '', 'quiet', result.out, result.err)
        check('4096->2048' not in read(folder), 'the new one', '')
        # The page alone; and --format beside a folder is what standard output gets.
        result, _ = report(folder, 'advise', THREADS, name='page.html')
        check(result.status == DONE and 'tributary: wrote page.html\n' in result.err, 'page',
              result.err)
        check_page(folder, 'page', 1, 'page.html')
        result, _ = report(folder, 'advise', THREADS, '--format', 'json')
        check(json.loads(result.out)['schema'] == 1, 'format beside', result.out[:80])


def check_measured():
    for arguments in (['scale', *TINY], ['bench', '--workload', '32x16x4', '--threads', '2',
                                         '--seconds', '0.06', '--rounds', '3']):
        with tempfile.TemporaryDirectory() as folder:
            result, files = report(folder, *arguments)
            check(result.status == DONE and files == FILES, arguments[0], files, result.err)
            page = Page(read(folder))
            check(not page.problems, arguments[0], page.problems[:10])
            if HAS_GNUPLOT:
                check(page.counts.get('figure', 0) >= 1, arguments[0], 'no figure', result.err)
                check(all(len(label) > 30 for label in page.labels if label != 'Table'),
                      arguments[0], 'labels', page.labels)
            check('parallel' not in page.style and 'prefers-color-scheme: dark' in page.style,
                  'dark')


def check_hostile():
    """Names that are markup, scripts of gnuplot, and no text at all."""
    names = [EVIL, "'; set output 'owned'; system 'touch owned'; plot '", '`touch owned`',
             '@x $y \\', '"&lt;&amp;"', '{/Symbol a}_b^c~d', 'x' * 240, '%s%n%d 100 %']
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'evil.csv', 'threads,ops_per_s,model,workload,kind\n' + ''.join(
            f'{threads},{1000 * threads + 7 * threads * index},"'
            f'{name.replace(chr(34), "?")}",model,sizes\n'
            for index, name in enumerate(names) for threads in (1, 8)))
        write(folder, 'evil.json', json.dumps({
            'schema': 1, 'tool': EVIL, 'machine': {'cpu_model': EVIL}, 'device': {'name': EVIL,
                                                                                 'text': EVIL},
            'sweeps': [{'workload': {'kind': 'model', 'model': f'{name}\u202e\ufdd0'},
                        'policy': 'di<b>', 'kind': 'threads',
                        'points': [{'threads': threads, 'ops_per_s': 1000 * threads ** 0.5,
                                    'latency_us': {'p50': 1000, 'p99': 2000},
                                    'shares_us': {"<i>'\"": 10, "device": 990}}
                                   for threads in (1, 2, 4, 8)]} for name in names]}))
        for files in (['evil.csv'], ['evil.json'], ['evil.csv', 'evil.json']):
            result, written = report(folder, 'advise', *files)
            check(result.status == DONE and written == FILES, files, result.status, result.err)
            if written is None:
                continue
            page = Page(read(folder))
            check(not page.problems, files, page.problems[:10])
            check('script' not in page.counts and 'img' not in page.counts, files, page.counts)
            check('alert(1)' in page.text, files, 'the name is there as text')
            check(('left out: gnuplot' in page.text) == (not HAS_GNUPLOT), files,
                  page.text[:2000])
        check(not os.path.exists(os.path.join(folder, 'owned')), 'a name was run')
        check(sorted(os.listdir(folder)) == ['evil.csv', 'evil.json', 'report'], 'left behind',
              os.listdir(folder))


def check_gnuplots():
    """None; one that fails, one that prints rubbish, one that attacks, one that hangs."""
    fakes = {'fails': 'exit 1', 'rubbish': 'echo rubbish', 'silent': 'exec cat >/dev/null',
             'attacks': "cat <<'END'\n<svg viewBox=\"0 0 9 9\" onload=\"alert(1)\"><script>alert(1)"
                        "</script><a href=\"javascript:alert(2)\"><text>a</text></a><image href="
                        "\"http://127.0.0.1/x\"/><rect width=\"9\" height=\"9\" fill=\"url(http://"
                        "127.0.0.1/)\" style=\"color:red\"/><foreignObject><iframe/>"
                        "</foreignObject></svg>\nEND",
             'endless': 'while :; do echo "<g>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; done',
             'hangs': 'exec sleep 100'}
    with tempfile.TemporaryDirectory() as folder:
        empty = os.path.join(folder, 'empty')
        os.mkdir(empty)
        result, files = report(folder, 'advise', THREADS, environment={'PATH': empty})
        check(result.status == DONE and files == FILES, 'no gnuplot', files, result.err)
        check('apt install gnuplot-nox' in result.err, 'no gnuplot', result.err)
        page = Page(read(folder))
        check(not page.problems and page.counts.get('figure', 0) == 0, 'no gnuplot',
              page.problems)
        check('apt install gnuplot-nox' in page.text, 'no gnuplot: said', page.text[:900])
        for name, text in fakes.items():
            place = os.path.join(folder, name)
            os.mkdir(place)
            write(place, 'gnuplot', f'#!/bin/sh\n{text}\n', 0o755)
            began = time.monotonic()
            result, files = report(folder, 'advise', THREADS, environment={
                'PATH': place + os.pathsep + os.environ['PATH']})
            check(result.status == DONE and files == FILES, name, files, result.err)
            check(time.monotonic() - began < 25, name, 'took', time.monotonic() - began)
            page = Page(read(folder))
            check(not page.problems, name, page.problems[:10])
            check('script' not in page.counts, name, page.counts)
            check(name == 'attacks' or 'left out: gnuplot' in page.text, name, page.text[:900])


def check_refused():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'file', 'x')
        for name, said in (('file/', 'Not a directory'), ('none/report/', 'No such file'),
                           ('/dev/null/', 'Not a directory')):
            for arguments in (['advise', THREADS], ['bench', '--requests', '1']):
                result, _ = report(folder, *arguments, name=name)
                check(result.status == FAILED and said in result.err
                      and result.err.count('\n') == 1, arguments[0], name, result.status,
                      result.err)
        check(sorted(os.listdir(folder)) == ['file'], 'left behind', os.listdir(folder))
        # What cannot be read as an option.
        result = run('advise', THREADS, '--plot', 'perhaps')
        check(result.status == USAGE and '--plot' in result.err, '--plot', result.err)
        if os.geteuid() == 0:
            return # may write everywhere
        os.mkdir(os.path.join(folder, 'closed'), mode=0o555)
        result, files = report(folder, 'advise', THREADS, name='closed/')
        check(result.status == FAILED and 'Permission denied' in result.err, 'closed', result.err)
        check(files == [], 'closed', files)
        os.chmod(os.path.join(folder, 'closed'), stat.S_IRWXU)


def check_closed_for_root():
    """The same for one who may write everywhere: a file that nobody can replace."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, 'report', 'report.html'))
        result, files = report(folder, 'advise', THREADS)
        check(result.status == FAILED and 'Is a directory' in result.err, 'blocked', result.err)
        check(files == ['report.html'], 'all or none', files)


def check_text():
    """Plots as text: on request anywhere, without colour where there is no terminal."""
    utf8 = run('advise', THREADS, '--plot', 'always', environment={'LC_ALL': 'C.UTF-8'})
    plain = run('advise', THREADS, '--plot', 'always', environment={'LC_ALL': 'C'})
    never = run('advise', THREADS, '--plot', 'never')
    usual = run('advise', THREADS)
    check('\u25cf measured' in utf8.out, 'UTF-8', utf8.out[:1500])
    check('o measured' in plain.out and plain.out.isascii(), 'ASCII', plain.out[:1500])
    check('measured  ' not in never.out and never.out == usual.out, 'never', never.out[:900])
    for result in (utf8, plain):
        check('\033' not in result.out, 'no colour without a terminal')
        longest = max(len(line) for line in result.out.splitlines())
        check(longest <= 100, 'wider than the page:', longest)


def on_terminal(columns, **environment):
    """What the command prints on a terminal of its own."""
    child, end = pty.fork()
    if child == 0:
        os.environ.pop('NO_COLOR', None)
        os.environ.update({'TERM': 'xterm', 'LC_ALL': 'C.UTF-8', **environment})
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 40, columns, 0, 0))
        os.execv(command, [command, 'advise', THREADS])
    text = b''
    try:
        while data := os.read(end, 1 << 16):
            text += data
    except OSError:
        pass # its other end was closed
    os.waitpid(child, 0)
    os.close(end)
    return text.decode()


def check_terminal():
    try:
        wide = on_terminal(100)
    except OSError as error:
        print(f'not tried: plots on a terminal: {error}')
        return
    check('\u25cf' in wide and '\033[38;5;' in wide, 'wide', wide[:1500])
    plain = on_terminal(100, NO_COLOR='1')
    check('\u25cf' in plain and '\033' not in plain, 'NO_COLOR', plain[:1500])
    check('\u25cf' not in on_terminal(79), 'narrow')
    check('\u25cf' not in on_terminal(100, TERM='dumb'), 'dumb')


check_folder()
check_measured()
check_hostile()
check_gnuplots()
check_refused()
check_closed_for_root()
check_text()
check_terminal()
if not HAS_GNUPLOT:
    print('without plots: gnuplot is not here')
finish()
