# SPDX-License-Identifier: Apache-2.0
"""--trace FILE: requests with their parts, streams, stages and counters, in order, nested and
balanced, within a bound."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
import traces  # noqa: E402
from command import DONE, FAILED, TINY, Result, check, finish, start  # noqa: E402

RECORDS_MAX = 32768
SHORT = ['--seconds', '0.06', '--rounds', '3']


def run_traced(*arguments, name='trace.json'):
    with tempfile.TemporaryDirectory() as folder:
        result = Result(start([*arguments, '--trace', name], folder), folder)
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            return result, None
        with open(path, encoding='utf-8') as file:
            return result, json.load(file)


def slices(trace, category):
    return [event for event in trace['traceEvents']
            if event['ph'] == 'X' and event['cat'] == category]


def check_trace(what, threads, *arguments):
    result, trace = run_traced(*arguments)
    check(result.status == DONE and trace is not None, what, result.status, result.err)
    if trace is None:
        return None
    check(not traces.problems(trace), what, traces.problems(trace))
    requests = slices(trace, 'request')
    other = trace['otherData']
    check(0 < len(requests) <= RECORDS_MAX, what, 'requests', len(requests))
    check(int(other['requests_recorded']) == len(requests), what, other, len(requests))
    check(f"tributary: the trace holds {len(requests)} requests" in result.err, what, result.err)
    check('tributary: wrote trace.json\n' in result.err, what, result.err)
    check(len({event['tid'] for event in requests}) == threads, what, 'threads',
          {event['tid'] for event in requests})
    seen = sum(event['args']['requests'] for event in slices(trace, 'stage'))
    check(seen == len(requests) + int(other['requests_left_out']), what, 'counted', seen, other)
    # The parts leave nothing out, but of a few requests that were not measured.
    total = sum(event['dur'] for event in requests)
    parts = sum(event['dur'] for event in slices(trace, 'wait') + slices(trace, 'work'))
    check(0.9 * total < parts <= total * 1.000001, what, 'parts', parts, 'of', total)
    stages = slices(trace, 'stage')
    check(any('round 1 of' in event['name'] for event in stages), what, 'stages',
          [event['name'] for event in stages][:5])
    check(slices(trace, 'device') != [], what, 'streams')
    return trace


check_trace('bench', 3, 'bench', '--workload', '64x64x8', '--threads', '3', *SHORT)
check_trace('scale', 4, 'scale', *TINY)
sim = check_trace('sim', 4, 'bench', '--device', 'sim:queues=2,flops=1e9', '--workload',
                  '64x64x8', '--threads', '4', *SHORT)
if sim is not None:
    names = {event['name'] for event in slices(sim, 'work') + slices(sim, 'wait')}
    check({'submission', 'device', 'queue'} <= names, 'parts of the simulated device', names)
    # What a stream ran is the part of a request that the device had it; both end together.
    ends = {round(event['ts'] + event['dur'], 2) for event in slices(sim, 'work')
            if event['name'] == 'device'}
    runs = slices(sim, 'device')
    found = sum(round(event['ts'] + event['dur'], 2) in ends for event in runs)
    check(found >= 0.9 * len(runs), 'of', len(runs), 'on streams,', found, 'are of requests')

# A trace that cannot be written is known before anything is measured; without the option there is
# none, and the file's name is not touched.
result, trace = run_traced('bench', *SHORT, name='nowhere/trace.json')
check(result.status == FAILED and trace is None and result.err.count('\n') == 1, 'nowhere',
      result.err)
result, trace = run_traced('bench', '--workload', '32x16x4', *SHORT, '--quiet')
check(result.err == '' and trace is not None, 'quiet', result.err)
finish()
