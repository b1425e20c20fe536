# SPDX-License-Identifier: Apache-2.0
"""`scale --ablate`: what an option is worth; every format says it, advise reads it back, and what
there is not is refused by name."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
import command as cli  # noqa: E402
from command import DONE, USAGE, check, finish, parse_json, run  # noqa: E402

SHORT = ('--threads', '1,2', '--workload', '16x16x1', '--rounds', '3', '--seconds', '0.03',
         '--no-sizes')
SIM = ('--device', 'sim:queues=2,launch_us=20,compute=none')


def advise(*arguments):
    return subprocess.run([cli.command, 'advise', *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


def check_difference(difference, what):
    low, high = difference['percent_ci95']
    check(low <= difference['percent'] <= high, what, difference)
    check(difference['is_shown'] == (low > 0 or high < 0), what, difference)
    check(difference['rounds'] == 3, what, difference)


def check_ablation(ablation, option, values):
    check(ablation['option'] == option, 'option', ablation['option'])
    check(ablation['note'] is None, option, ablation['note'])
    check([variant['value'] for variant in ablation['variants']] == values, option, 'values')
    for i, variant in enumerate(ablation['variants']):
        check([point['threads'] for point in variant['points']] == [1, 2], option, variant)
        for point in variant['points']:
            what = f'{option}={variant["value"]}'
            check(len(point['rounds']) == 3 and point['ops_per_s'] > 0, what, point)
            check((point['difference'] is None) == (i == 0), what, 'difference')
            if i > 0:
                check_difference(point['difference'], what)


result = run('scale', *SIM, *SHORT, '--ablate', 'streams=1,2', '--ablate', 'wait=spin,block,hybrid',
             '--ablate', 'allocator.shards=1,8,none', '--format', 'json')
check(result.status == DONE, 'status', result.status, result.err)
results = parse_json(result.out, 'scale')
ablations = results['ablations']
check(len(ablations) == 3, 'ablations', len(ablations))
check_ablation(ablations[0], 'streams', ['1', '2'])
check_ablation(ablations[1], 'wait', ['spin', 'block', 'hybrid'])
check_ablation(ablations[2], 'allocator.shards', ['1', '8', 'none'])

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'results.json')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(result.out)
    again = advise('--format', 'json', path)
    check(again.returncode == DONE, 'advise', again.stderr)
    check(json.loads(again.stdout)['ablations'] == ablations, 'ablations change when read back')
    for format, parts in (('text', ['Ablation: wait', 'to first']),
                          ('md', ['## Ablation: streams', '|']),
                          ('csv', ['# ablation,option,value', '# ablation,streams,2,2,'])):
        text = advise('--format', format, path)
        for part in parts:
            check(part in text.stdout, format, 'lacks', part)
    # The comments of the CSV are no sweeps.
    table = os.path.join(folder, 'results.csv')
    check(advise('--out', table, '--quiet', path).returncode == DONE, 'csv')
    check(len(json.loads(advise('--format', 'json', table).stdout)['sweeps']) == 1, 'csv sweeps')

# An option that makes no difference on a device says so, and no variant is measured.
result = run('scale', *SHORT, '--ablate', 'wait=spin,block', '--format', 'json')
check(result.status == DONE, 'cpu', result.status, result.err)
ablation = parse_json(result.out, 'scale')['ablations'][0]
check('not applicable' in ablation['note'] and not ablation['variants'], 'wait on cpu', ablation)

# A value that a device has not: the others are measured.
result = run('scale', *SIM, *SHORT, '--ablate', 'precision=high,medium', '--format', 'json')
check(result.status == DONE, 'precision', result.status, result.err)
variants = parse_json(result.out, 'scale')['ablations'][0]['variants']
check('not applicable' in variants[1]['note'] and not variants[1]['points'], 'medium', variants[1])
check(variants[0]['points'], 'high', variants[0])

for value, part in (('colour=red,blue', 'allocator.shards, streams, wait or precision'),
                    ('streams', 'NAME=VALUE'),
                    ('streams=', 'a whole number from 1 to 64'),
                    ('streams=0,1', 'a whole number from 1 to 64'),
                    ('streams=1,65', 'a whole number from 1 to 64'),
                    ('streams=1', 'two values'),
                    ('streams=1,1', 'twice'),
                    ('wait=spin,sleep', "spin, block or hybrid, not 'sleep'"),
                    ('allocator.shards=1,2', '1, 8 or none'),
                    ('precision=high,low', 'high or medium')):
    result = run('scale', '--ablate', value)
    check(result.status == USAGE, value, 'status', result.status)
    check(part in result.err and result.err.count('\n') == 1, value, 'message:', result.err)
result = run('scale', '--ablate', 'wait=spin,block', '--ablate', 'wait=spin,hybrid')
check(result.status == USAGE and 'twice' in result.err, 'twice:', result.err)
finish()
