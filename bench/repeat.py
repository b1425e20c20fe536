#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same command several times: do its medians stay within their own 95 % intervals?

    bench/repeat.py build/tributary [--runs 2] [-- ARGUMENT...]

Runs `tributary scale` with the arguments (--quick when there are none) and holds each run against
the next: of all points, the share whose second median lies in the first's interval, and the other
way round. An interval that is wide enough holds anything, so the median half width is printed too.
Exit status 0 when the share is 90 % or more, 1 otherwise."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

WANTED = 0.90


def measure(command, arguments, folder, run):
    path = os.path.join(folder, f'{run}.json')
    subprocess.run([command, 'scale', *arguments, '--quiet', '--out', path], check=True)
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def points_of(results):
    points = {}
    for sweep in results['sweeps']:
        workload = sweep['workload']
        key = (sweep['kind'], sweep['policy'], sweep.get('precision'), workload['kind'],
               workload.get('in_features'), workload.get('out_features'), workload.get('batch'))
        for point in sweep['points']:
            if point['ops_per_s_ci95'] is not None:
                points[key + (point['threads'],)] = point
    return points


def is_inside(point, interval):
    return interval[0] <= point['ops_per_s'] <= interval[1]


def name_of(key):
    return f'{key[0]} {key[3]} {key[4]}x{key[5]}x{key[6]}, {key[7]} threads'


def compare(first, second, is_verbose):
    """Pairs seen, pairs inside, half widths in percent."""
    seen = inside = 0
    widths = []
    for key, a in sorted(first.items(), key=str):
        b = second.get(key)
        if b is None:
            continue
        for one, other in ((a, b), (b, a)):
            interval = one['ops_per_s_ci95']
            is_in = is_inside(other, interval)
            seen += 1
            inside += is_in
            widths.append(50 * (interval[1] - interval[0]) / one['ops_per_s'])
            if is_verbose and not is_in:
                print(f'  outside: {name_of(key)}: {other["ops_per_s"]:.0f}, not in '
                      f'[{interval[0]:.0f}, {interval[1]:.0f}] '
                      f'({100 * (other["ops_per_s"] / one["ops_per_s"] - 1):+.2f} %)')
    return seen, inside, widths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog='what follows -- are arguments of tributary scale')
    parser.add_argument('command')
    parser.add_argument('--runs', type=int, default=2)
    parser.add_argument('--verbose', action='store_true')
    given = sys.argv[1:]
    split = given.index('--') if '--' in given else len(given)
    options = parser.parse_args(given[:split])
    arguments = given[split + 1:] or ['--quick']
    seen = inside = 0
    widths = []
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(options.command, arguments, folder, i) for i in range(options.runs)]
    runs = [points_of(one) for one in results]
    busy = sum(any(finding['code'] == 'busy-machine' for finding in one['findings'])
               for one in results)
    for first, second in zip(runs, runs[1:]):
        more = compare(first, second, options.verbose)
        seen, inside, widths = seen + more[0], inside + more[1], widths + more[2]
    if seen == 0:
        print('no point has an interval')
        return 1
    widths.sort()
    share = inside / seen
    print(f'scale {" ".join(arguments)}, {options.runs} runs: {inside} of {seen} medians in the '
          f'interval of the other run ({100 * share:.1f} %, wanted {100 * WANTED:.0f} %); half '
          f'widths: median {widths[len(widths) // 2]:.2f} %, largest {widths[-1]:.2f} %')
    if busy:
        print(f'{busy} of the runs found the machine busy with other programs: this shows little')
    return 0 if share >= WANTED else 1


if __name__ == '__main__':
    sys.exit(main())
