# SPDX-License-Identifier: Apache-2.0
"""`tributary scale` on tiny workloads: the keys of the JSON are a contract; the other formats say
the same."""
import csv
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, KERNELS, TINY, check, finish, parse_json, run, run_for_file  # noqa: E402

POINT_KEYS = {'threads', 'ops_per_s', 'ops_per_s_ci95', 'speedup', 'efficiency', 'latency_us',
              'requests', 'errors', 'shares'}
SWEEP_KEYS = {'workload', 'policy', 'points', 'fit', 'saturation_threads', 'limit', 'bottleneck'}
SHARES = {'admission', 'lock', 'submission', 'queue', 'device', 'serial', 'copy', 'notification',
          'descheduled'}


def check_keys(value, keys, what):
    check(isinstance(value, dict) and keys <= set(value), what, 'lacks',
          sorted(keys - set(value or {})))


def check_point(point, what):
    check_keys(point, POINT_KEYS, what)
    check_keys(point['latency_us'], {'p50', 'p90', 'p99', 'p999', 'max'}, what)
    check(point['ops_per_s'] > 0, what, 'ops_per_s', point['ops_per_s'])
    check(point['errors'] == 0, what, 'errors', point['errors'])
    check(point['requests'] > 0, what, 'requests', point['requests'])
    check(len(point['rounds']) == 3, what, 'rounds', point.get('rounds'))
    check(set(point['shares']) == SHARES, what, 'shares', point['shares'])
    latency = point['latency_us']
    ordered = [latency[key] for key in ('p50', 'p90', 'p99', 'p999', 'max')]
    check(ordered == sorted(ordered), what, 'latency', ordered)


def check_results(results, environment):
    check_keys(results, {'schema', 'tool', 'machine', 'device', 'sweeps', 'recommendations',
                         'findings', 'run'}, 'results')
    check(results['schema'] == 1, 'schema', results['schema'])
    check(results['run']['seed'] == 7, 'run', results['run'])
    check(results['device']['name'] == 'cpu:0', 'device', results['device'])
    check(results['device']['precision'] == 'high', 'device', results['device'])
    if environment:
        check('reference' in str(results['device']), 'device without oneDNN', results['device'])
    check_keys(results['recommendations'], {'latency', 'production', 'batch'}, 'recommendations')
    for advice in results['recommendations'].values():
        check_keys(advice, {'threads', 'policy', 'why'}, 'recommendation')
    for finding in results['findings']:
        check_keys(finding, {'code', 'severity', 'text'}, 'finding')
        check(finding['code'] not in ('result-mismatch', 'request-errors', 'interrupted'),
              'finding', finding)
    codes = {finding['code'] for finding in results['findings']}
    for point in (point for sweep in results['sweeps'] for point in sweep['points']):
        check(abs(sum(point['shares'].values()) - 1) <= 0.05 or 'shares-mismatch' in codes,
              'shares that do not sum to the latency, unsaid:', point['shares'])
    check(len(results['sweeps']) == 3, len(results['sweeps']), 'sweeps')
    for sweep, threads, batch in zip(results['sweeps'], ([1, 2, 3, 4], [1, 4], [1, 4]),
                                     (4, 1, 4)):
        check_keys(sweep, SWEEP_KEYS, 'sweep')
        check(sweep['policy'] == 'direct', 'policy', sweep['policy'])
        check_keys(sweep['workload'],
                   {'kind', 'in_features', 'out_features', 'batch', 'dtype'}, 'workload')
        check(sweep['workload']['batch'] == batch, 'workload', sweep['workload'])
        check_keys(sweep['bottleneck'], {'primary', 'evidence'}, 'bottleneck')
        check([point['threads'] for point in sweep['points']] == threads, 'threads of points',
              sweep['points'])
        for point in sweep['points']:
            check_point(point, f"point of {point['threads']}")


for environment in KERNELS:
    result, text = run_for_file('result.json', 'scale', *TINY, environment=environment)
    check(result.status == DONE, 'scale status', result.status, result.err)
    check(result.err == 'tributary: wrote result.json\n', 'no bar without a terminal, and what '
          'was written:', result.err[:200])
    check(result.files == ['result.json'], 'files', result.files)
    check('Advice' in result.out, 'the text beside the file:', result.out[:300])
    results = parse_json(text or '', 'result.json')
    if results is not None:
        check_results(results, environment)

# The file's content and standard output are the same thing.
result = run('scale', *TINY, '--no-sizes', '--format', 'json')
results = parse_json(result.out, 'standard output')
check(results is not None and len(results['sweeps']) == 1, 'one sweep with --no-sizes')
check(results is not None and 'baseline' in results['sweeps'][0], 'the drift of the baseline')

result, text = run_for_file('sweep.csv', 'scale', *TINY, '--no-sizes', '--quiet')
check(result.out == '', 'with --quiet and --out:', result.out[:200])
rows = list(csv.DictReader(line for line in (text or '').splitlines() if line[:1] != '#'))
check([row['threads'] for row in rows] == ['1', '2', '3', '4'], 'CSV rows', rows)
check(text is not None and '\nthreads,ops_per_s,' in text, 'CSV header:', (text or '')[:300])

result, text = run_for_file('sizes.csv', 'scale', *TINY, '--quiet')
rows = list(csv.DictReader(line for line in (text or '').splitlines() if line[:1] != '#'))
check(len(rows) == 8, 'CSV rows with sizes', rows)
check(text is not None and 'in_features,out_features,batch,threads,ops_per_s' in text,
      'CSV header with sizes:', (text or '')[:300])

result, text = run_for_file('result.md', 'scale', *TINY, '--quiet')
check(text is not None and '| ' in text and '## ' in text, 'Markdown:', (text or '')[:300])

# What was measured can be judged again.
result, text = run_for_file('again.json', 'scale', *TINY, '--format', 'json', '--quiet')
check(result.status == DONE and text is not None, 'again', result.err)

for options in (['--device', 'sim:'], ['--streams', '1'], ['--streams', '2', '--stream-policy',
                                                              'share'],
                ['--workload', 'noop'], ['--workload', 'mlp:16x32x8x2']):
    result = run('scale', *TINY, '--no-sizes', '--format', 'json', *options)
    check(result.status == DONE, options, 'status', result.status, result.err)
    results = parse_json(result.out, options)
    if results is not None:
        check(results['sweeps'][0]['points'][0]['requests'] > 0, options, 'requests')

# A simulated device that computes nothing: no result to check, and that is said. Its limit is not
# what stops a step that runs one at a time.
result = run('scale', '--device', 'sim:queues=4,flops=1e9,compute=none,serial=linear',
             '--workload', '128x128x16', '--threads', '1,2,4', '--no-sizes', '--rounds', '3',
             '--seconds', '0.3', '--format', 'json')
check(result.status == DONE, 'compute=none status', result.status, result.err)
results = parse_json(result.out, 'compute=none')
if results is not None:
    codes = {finding['code'] for finding in results['findings']}
    check('nothing-computed' in codes, 'findings', codes)
    check('result-mismatch' not in codes, 'findings', codes)
    sweep = results['sweeps'][0]
    check(sweep['workload']['serial_steps'] == 1, 'serial steps', sweep['workload'])
finish()
