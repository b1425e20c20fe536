# SPDX-License-Identifier: Apache-2.0
"""`scale --plan` and `--slo`: advice over threads, batches and precisions, from all settings or
from some; advise draws the same from the file."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
import command as cli  # noqa: E402
from command import DONE, USAGE, check, finish, parse_json, run  # noqa: E402

SIM = ('--device', 'sim:queues=2,launch_us=20,flops=1e9,compute=none', '--workload', '16x16x1',
       '--threads', '1,2,4', '--rounds', '3', '--seconds', '0.06')
ADVICE = {'threads', 'policy', 'batch', 'precision', 'ops_per_s', 'ops_per_s_ci95', 'p99_us', 'why',
          'cost'}


def settings_of(results):
    return {(sweep['workload']['batch'], point['threads']): len(point['rounds'])
            for sweep in results['sweeps'] for point in sweep['points']}


def check_advice(results, goals):
    advice = results['recommendations']
    check(set(advice) == goals, 'goals', set(advice))
    for goal in goals:
        check(ADVICE <= set(advice[goal]), goal, 'lacks', ADVICE - set(advice[goal]))
        check(advice[goal]['why'], goal, 'has no reason')
        if advice[goal]['threads'] is None:
            continue
        check(advice[goal]['batch'] in (1, 8, 64), goal, advice[goal])
        check(advice[goal]['precision'] == 'high', goal, advice[goal])
        low, high = advice[goal]['ops_per_s_ci95']
        check(low <= advice[goal]['ops_per_s'] <= high, goal, advice[goal])


def check_read_back(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'results.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        again = subprocess.run([cli.command, 'advise', '--format', 'json', path],
                               capture_output=True, text=True, timeout=30, check=False)
    check(again.returncode == DONE, 'advise', again.stderr)
    first, second = json.loads(text), json.loads(again.stdout)
    for key in ('recommendations', 'plan', 'objective'):
        check(first.get(key) == second.get(key), key, 'changes when read back')


# All settings: each in every window.
result = run('scale', *SIM, '--batches', '1,8,64', '--slo', 'p99=10s', '--format', 'json')
check(result.status == DONE, 'grid', result.status, result.err)
results = parse_json(result.out, 'scale')
check(settings_of(results) == {(b, t): 3 for b in (1, 8, 64) for t in (1, 2, 4)}, 'grid settings',
      settings_of(results))
check_advice(results, {'latency', 'production', 'batch', 'slo'})
check(results['plan']['batches'] == [1, 8, 64] and results['plan']['threads'] == [1, 2, 4],
      'plan', results['plan'])
check(results['objective'] == {'quantile': 0.99, 'us': 1e7}, 'objective', results['objective'])
check(results['recommendations']['slo']['threads'] is not None, 'slo', results['recommendations'])
check_read_back(result.out)

# Some of them: no setting more often than in the grid, and not all the time of the grid.
result = run('scale', *SIM, '--batches', '1,8,64', '--plan', 'adaptive', '--format', 'json')
check(result.status == DONE, 'adaptive', result.status, result.err)
results = parse_json(result.out, 'scale')
check(0 < sum(settings_of(results).values()) < 27, 'adaptive settings', settings_of(results))
check(max(settings_of(results).values()) <= 3, 'adaptive settings', settings_of(results))
check(results['plan']['spent_s'] < results['plan']['grid_s'], 'plan', results['plan'])
check_advice(results, {'latency', 'production', 'batch'})
check_read_back(result.out)

# A thread sweep takes an objective too; one that nothing keeps says what came nearest.
result = run('scale', *SIM, '--no-sizes', '--slo', 'p50=1us', '--format', 'json')
check(result.status == DONE, 'slo', result.status, result.err)
advice = parse_json(result.out, 'scale')['recommendations']['slo']
check(advice['threads'] is None and 'nothing that was measured keeps p50 of 1.00 us' in advice['why'],
      'slo', advice)
text = run('scale', *SIM, '--no-sizes', '--slo', 'p99=10s')
check('slo' in text.out and 'keeps 10.0 s' in text.out.replace('\n', ' '), 'text', text.out[-900:])

for arguments, part in ((('--plan', 'all'), 'grid or adaptive'),
                        (('--batches', '0'), 'whole number from 1'),
                        (('--batches', '1,1'), 'twice'),
                        (('--batches', '1,2', '--workload', 'noop'), 'has no batch'),
                        (('--slo', 'p98=1ms'), 'p50, p90, p99 and p99.9'),
                        (('--slo', 'p99'), '--slo')):
    result = run('scale', *arguments)
    check(result.status == USAGE, arguments, 'status', result.status)
    check(part in result.err and result.err.count('\n') == 1, arguments, 'message:', result.err)
finish()
