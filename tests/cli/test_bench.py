# SPDX-License-Identifier: Apache-2.0
"""`tributary bench`: one point, and the first answer of a cold start."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, FAILED, KERNELS, check, finish, parse_json, run  # noqa: E402

SHORT = ['--seconds', '0.06', '--rounds', '3']

for environment in KERNELS:
    for workload, kind in (('32x16x4', 'linear'), ('linear:32x16x4', 'linear'),
                           ('mlp:16x32x8x2', 'mlp'), ('noop', 'noop')):
        result = run('bench', '--workload', workload, '--threads', '3', *SHORT, '--format',
                     'json', environment=environment)
        check(result.status == DONE, workload, 'status', result.status, result.err)
        results = parse_json(result.out, workload)
        if results is None:
            continue
        sweep = results['sweeps'][0]
        check(len(results['sweeps']) == 1 and len(sweep['points']) == 1, workload, 'points')
        check(sweep['workload']['kind'] == kind, workload, 'kind', sweep['workload'])
        check(sweep['points'][0]['threads'] == 3, workload, 'threads', sweep['points'])
        check(sweep['points'][0]['ops_per_s'] > 0, workload, 'ops_per_s', sweep['points'])
        codes = [finding['code'] for finding in results['findings']]
        check('result-mismatch' not in codes, workload, results['findings'])

    result = run('bench', '--workload', '32x16x4', '--threads', '2', '--requests', '25',
                 '--format', 'json', environment=environment)
    results = parse_json(result.out, '--requests')
    if results is not None:
        check(results['sweeps'][0]['points'][0]['requests'] == 50, 'requests',
              results['sweeps'][0]['points'])
        check(results['run']['first_answer_ms'] > 0, 'first answer', results['run'])

result = run('bench', '--requests', '1')
check(result.status == DONE, 'cold', result.status, result.err)
check('first answer after ' in result.out, 'cold', result.out)

result = run('bench', '--workload', '32x16x4', *SHORT)
check('ops/s' in result.out and 'p99' in result.out, 'text', result.out)
check('32->16, batch 4' in result.out, 'text', result.out)
check(result.err == '', 'no bar without a terminal:', result.err)

# A thread without a stream fails at once: that is counted, and said.
result = run('bench', '--workload', '32x16x4', '--threads', '3', '--streams', '1',
             '--stream-policy', 'fail', *SHORT, '--format', 'json')
check(result.status == DONE, 'policy fail', result.status, result.err)
results = parse_json(result.out, 'policy fail')
if results is not None:
    codes = [finding['code'] for finding in results['findings']]
    check('first-error' in codes, 'policy fail', codes)

# Every result of the simulated device comes from the reference kernels: same answers.
result = run('bench', '--device', 'sim:', '--workload', '32x16x4', *SHORT)
check(result.status == DONE, 'sim', result.status, result.err)

# Standard output that cannot be written is a failure.
with open('/dev/full', 'wb') as full:
    result = run('bench', '--requests', '1', stdout=full)
check(result.status == FAILED, '/dev/full', result.status)
check(result.err.count('\n') == 1 and 'No space left' in result.err, '/dev/full', result.err)
result = run('bench', '--requests', '1', '--out', '/dev/full')
check(result.status == FAILED and result.out == '', '--out /dev/full', result.status)
check(result.err.count('\n') == 1 and 'No space left' in result.err, '--out /dev/full', result.err)
finish()
