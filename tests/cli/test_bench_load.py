# SPDX-License-Identifier: Apache-2.0
"""`tributary bench` under a stated load: arrivals at a rate, the highest rate that keeps a service
level, the four scenarios. What is checked is structure and agreement, never a time."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, FAILED, USAGE, check, finish, parse_json, run, start, Result  # noqa: E402

# A device of which a request takes 1 ms (2e6 FLOP at 2e9 a second), whatever the machine does.
DEVICE = ['--device', 'sim:queues=2,launch_us=0,flops=2e9,compute=none', '--workload',
          '1000x1000x1']
FAST = ['--device', 'sim:fast,compute=none', '--workload', '32x16x4']
SHORT = ['--seconds', '0.3', '--rounds', '3']
LOAD_KEYS = {'arrivals', 'rate', 'intended', 'unfinished', 'backlog_max', 'is_backlogged',
             'late_us', 'waited_us', 'generator_part', 'closed_loop_ops_per_s',
             'samples_per_query', 'queries', 'seconds', 'scenario', 'slo'}


def measure(what, *arguments):
    """The one sweep, its load and point; None when there is none."""
    result = run('bench', *arguments, '--format', 'json')
    check(result.status == DONE, what, 'status', result.status, result.err)
    results = parse_json(result.out, what)
    if results is None:
        return None
    sweep = results['sweeps'][0]
    load, point = sweep['load'], sweep['points'][0]
    check(sweep['kind'] == 'load' and len(sweep['points']) == 1, what, 'kind', sweep['kind'])
    check(set(load) >= LOAD_KEYS, what, 'keys', LOAD_KEYS - set(load))
    check(point['latency_us']['p50'] <= point['latency_us']['p99'], what, point['latency_us'])
    check(sweep['fit'] is None and sweep['saturation_threads'] is None, what, 'is no curve')
    codes = [finding['code'] for finding in results['findings']]
    check('latency-mismatch' not in codes, what, 'is judged as a closed loop', codes)
    check(results['recommendations']['latency']['threads'] is None, what, 'advises threads')
    return results, load, point, codes


# Constant arrivals: the schedule is known to the request.
got = measure('constant', *DEVICE, '--arrivals', 'constant', '--rate', '500', '--threads', '4',
              *SHORT)
if got:
    results, load, point, codes = got
    check(load['arrivals'] == 'constant' and load['rate'] == 500, 'constant', load)
    check(load['intended'] == 150, 'constant: intended', load['intended'])
    check(point['requests'] + point['errors'] + load['unfinished'] == 150, 'constant', point, load)
    check(point['latency_us']['p50'] >= 1000, 'constant: faster than the device', point)
    check(load['scenario'] is None and load['slo'] is None, 'constant', load)
    check(load['closed_loop_ops_per_s'] > 0, 'constant', load)
    check('rate-mismatch' not in codes, 'constant', codes)

# Poisson arrivals follow from the seed.
intended = []
for seed in ('1', '1', '2'):
    got = measure('poisson', *FAST, '--rate', '2000', '--threads', '2', '--seed', seed, *SHORT)
    if got:
        check(got[1]['arrivals'] == 'poisson', 'poisson is what --rate means', got[1])
        intended.append(got[1]['intended'])
check(len(intended) == 3 and intended[0] == intended[1] != intended[2], 'seed', intended)

# Four times what the device can: said so, and every request accounted for.
got = measure('overload', *DEVICE, '--arrivals', 'constant', '--rate', '8000', '--threads', '2',
              '--seconds', '0.15', '--rounds', '3')
if got:
    results, load, point, codes = got
    check('overload' in codes, 'overload', codes)
    check(load['is_backlogged'] and load['backlog_max'] > 10, 'overload', load)
    check(load['waited_us']['mean'] > 0, 'overload', load)
    check(point['requests'] + load['unfinished'] == load['intended'], 'overload', load, point)

# A service level that is kept, one that no rate keeps, one beyond any rate.
SEARCH = [*DEVICE, '--threads', '8', '--seconds', '1.2']
got = measure('slo', *SEARCH, '--slo', 'p50=400ms')
if got:
    slo = got[1]['slo']
    check(slo['end'] in ('found', 'ceiling', 'no-time'), 'slo', slo)
    check(len(slo['trials']) >= 1 and slo['confidence'] == 0.95, 'slo', slo)
    check(slo['requests_needed'] >= 1 and slo['bounds'][0]['percentile'] == 50, 'slo', slo)
    for trial in slo['trials']:
        check(trial['verdict'] in ('kept', 'broken', 'undecided'), 'trial', trial)
        check(0 <= trial['over'] <= 1 and trial['requests'] > 0, 'trial', trial)
    if slo['rate'] is not None:
        kept = [trial['rate'] for trial in slo['trials'] if trial['verdict'] == 'kept']
        check(slo['rate'] in kept, 'slo: kept', slo)
        check(slo['failed_rate'] is None or slo['failed_rate'] > slo['rate'], 'slo', slo)

got = measure('slo none', *SEARCH, '--slo', 'p50=0.5ms')
if got:
    results, load, point, codes = got
    slo = load['slo']
    # A machine that gives no time leaves it open; kept it is never.
    check(slo['end'] in ('none', 'no-time') and slo['rate'] is None, 'slo none', slo)
    check('slo-not-kept' in codes or 'slo-no-time' in codes, 'slo none', codes)
    check(all(trial['verdict'] == 'broken' for trial in slo['trials']), 'slo none', slo['trials'])

# Too slow for a verdict in the time there is: no guess, but what it would take.
result = run('bench', '--device', 'sim:queues=1,launch_us=0,flops=2e7,compute=none', '--workload',
             '1000x1000x1', '--slo', 'p99.9=1s', '--threads', '1', '--seconds', '1')
check(result.status == FAILED, 'slo slow', result.status)
check('--seconds' in result.err and 'requests' in result.err, 'slo slow', result.err)

# Scenarios.
for scenario, metric, extra in (('single-stream', 'p90_us', []),
                                ('multi-stream', 'p99_us', ['--threads', '3']),
                                ('offline', 'ops_per_s', ['--threads', '4'])):
    got = measure(scenario, *DEVICE, '--scenario', scenario, *extra, *SHORT)
    if not got:
        continue
    results, load, point, codes = got
    check(load['scenario']['name'] == scenario, scenario, load['scenario'])
    check(load['scenario']['metric'] == metric, scenario, load['scenario'])
    check(load['scenario']['value'] > 0, scenario, load['scenario'])
    check('short-run' in codes, scenario, codes)
    if scenario == 'single-stream':
        check(point['threads'] == 1 and load['arrivals'] == 'closed', scenario, point, load)
    if scenario == 'multi-stream':
        check(load['samples_per_query'] == 8, scenario, load)
        check(point['requests'] == 8 * load['queries'], scenario, point, load)
    if scenario == 'offline':
        check(load['arrivals'] == 'at-once' and load['intended'] == point['requests'], scenario,
              load, point)

got = measure('server', *SEARCH, '--scenario', 'server', '--slo', 'p50=400ms')
if got:
    check(got[1]['arrivals'] == 'poisson', 'server', got[1])
    check(got[1]['scenario']['value'] == got[1]['slo']['rate'], 'server', got[1])

# What is written is read back: the same load, the same findings, in every form.
with tempfile.TemporaryDirectory() as folder:
    first = Result(start(['bench', *SEARCH, '--slo', 'p50=0.5ms,p90=2ms', '--out', 'a.json',
                          '--quiet'], folder), folder)
    check(first.status == DONE, 'to a file', first.status, first.err)
    again = Result(start(['advise', 'a.json', '--format', 'json'], folder), folder)
    check(again.status == DONE, 'advise', again.status, again.err)
    with open(os.path.join(folder, 'a.json'), encoding='utf-8') as file:
        written = parse_json(file.read(), 'a.json')
    read = parse_json(again.out, 'advise')
    if written and read:
        check(written['sweeps'][0]['load'] == read['sweeps'][0]['load'], 'round trip',
              written['sweeps'][0]['load'], read['sweeps'][0]['load'])
        codes = [sorted(f['code'] for f in side['findings']) for side in (written, read)]
        check(codes[0] == codes[1], 'round trip', codes)
    table = Result(start(['advise', 'a.json', '--format', 'csv'], folder), folder)
    with open(os.path.join(folder, 'a.csv'), 'w', encoding='utf-8') as file:
        file.write(table.out)
    header = [line for line in table.out.splitlines() if not line.startswith('#')][0]
    check('arrivals,rate,intended,unfinished' in header, 'csv', header)
    from_table = Result(start(['advise', 'a.csv', '--format', 'json'], folder), folder)
    check(from_table.status == DONE, 'csv', from_table.status, from_table.err)
    read = parse_json(from_table.out, 'csv')
    if read:
        check(read['sweeps'][0]['kind'] == 'load', 'csv', read['sweeps'][0]['kind'])
        check(not [f for f in read['findings'] if f['code'] in ('latency-mismatch',
                                                               'ignored-columns')],
              'csv', read['findings'])
    page = Result(start(['advise', 'a.json'], folder), folder)
    check('service level' in page.out and 'rate/s' in page.out, 'text', page.out)
    page = Result(start(['advise', 'a.json', '--format', 'md'], folder), folder)
    check('| rate/s | verdict |' in page.out, 'md', page.out)

# Hostile and contradictory.
for arguments, said in (
        (['--rate', '0'], 'rate'), (['--rate', '-1'], 'rate'), (['--rate', 'nan'], 'rate'),
        (['--rate', 'inf'], 'rate'), (['--rate', '1e12'], 'rate'), (['--rate', '0x10'], 'rate'),
        (['--rate', '2'], '--seconds'), (['--arrivals', 'poisson'], '--rate'),
        (['--arrivals', 'burst', '--rate', '100'], 'constant or poisson'),
        (['--slo', 'p99'], 'p99=5ms'), (['--slo', 'p99=0ms'], 'p99=5ms'),
        (['--slo', 'p101=5ms'], 'p99=5ms'), (['--slo', 'p99=5ms,p99=6ms'], 'twice'),
        (['--slo', 'p99=5ms', '--rate', '100'], '--rate'),
        (['--slo', 'p99=5ms', '--rounds', '5'], '--rounds'),
        (['--scenario', 'stream'], 'single-stream'), (['--scenario', 'server'], '--slo'),
        (['--scenario', 'offline', '--slo', 'p99=5ms'], 'server'),
        (['--scenario', 'offline', '--rate', '100'], '--rate'),
        (['--scenario', 'single-stream', '--threads', '2'], '--threads'),
        (['--requests', '5', '--rate', '100'], '--requests')):
    result = run('bench', *arguments)
    check(result.status == USAGE, arguments, 'status', result.status, result.out, result.err)
    check(said in result.err and result.err.count('\n') == 1, arguments, result.err)
    check(result.out == '', arguments, result.out)
finish()
