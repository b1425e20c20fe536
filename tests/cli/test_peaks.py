# SPDX-License-Identifier: Apache-2.0
"""Peaks of a device: kept from run to run in the cache folder, and nowhere else; measured anew
where that folder cannot be used, or when asked for."""
import json
import os
import stat
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, check, finish, parse_json, run  # noqa: E402

RATES = ('flops_f32', 'flops_f64', 'unit_flops_f32', 'bytes_per_s', 'unit_bytes_per_s',
         'copy_bytes_per_s', 'submissions_per_s', 'unit_submissions_per_s', 'wake_us')
DEVICES = ['devices', '--device', 'cpu:0', '--format', 'json']


def peaks_of(what, *more, **environment):
    result = run(*DEVICES, *more, environment=environment)
    check(result.status == DONE and result.err == '', what, result.status, result.err)
    listed = parse_json(result.out, what)
    return listed['devices'][0]['peaks'] if listed else {}


def kept_files(folder):
    return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


with tempfile.TemporaryDirectory() as home:
    cache = os.path.join(home, 'cache')
    here = {'XDG_CACHE_HOME': cache, 'HOME': os.path.join(home, 'home')}
    first = peaks_of('first', **here)
    check(first.get('source') == 'measured' and 'age_s' not in first, 'first', first)
    check(all(first.get(rate, 0) > 0 for rate in RATES), 'rates', first)
    check(all(first[rate] >= first['unit_' + rate] for rate in ('flops_f32', 'bytes_per_s')),
          'one unit does no more than all', first)
    files = kept_files(home)
    check(len(files) == 1 and files[0].startswith(os.path.join(cache, 'tributary', 'peaks-')),
          'files', files)
    check(stat.S_IMODE(os.stat(files[0]).st_mode) == 0o600, 'mode of the file')
    check(stat.S_IMODE(os.stat(os.path.dirname(files[0])).st_mode) == 0o700, 'mode of the folder')

    # Peaks that nothing comes near, and an age: kept ones are taken. Other work is no matter.
    with open(files[0], encoding='utf-8') as file:
        text = json.load(file)
    text['measured_at'] -= 3600
    text['peaks'].update(flops_f32=1e20, bytes_per_s=1e20)
    with open(files[0], 'w', encoding='utf-8') as file:
        json.dump(text, file)
    kept = peaks_of('kept', **here)
    check(kept.get('source') == 'cached' and kept['flops_f32'] == 1e20, 'kept', kept)
    check(3600 <= kept.get('age_s', 0) < 7200, 'age', kept)
    result = run('devices', '--device', 'cpu:0', environment=here)
    check('cached (1 h)' in result.out and 'slower now' in result.out, 'text', result.out)
    check(all(len(line) <= 80 for line in result.out.splitlines()), 'width', result.out)

    # A measuring run takes the same, says so, and what its limit is.
    result = run('bench', '--workload', '64x32x4', '--quick', '--format', 'json', environment=here)
    measured = parse_json(result.out, 'bench')
    if measured is not None:
        check(measured['device']['peaks']['source'] == 'cached', 'bench', result.out[:2000])
        check(any(finding['code'] == 'slower-device' for finding in measured['findings']),
              'finding', measured['findings'])
        check([cost['name'] for cost in measured['sweeps'][0]['workload']['operators']]
              == ['linear'], 'operators', measured['sweeps'][0]['workload'])

    # Peaks that are too low are seen, and so is the wish for fresh ones.
    text['peaks'].update(flops_f32=1.0, bytes_per_s=1.0)
    with open(files[0], 'w', encoding='utf-8') as file:
        json.dump(text, file)
    risen = peaks_of('risen', **here)
    check(risen.get('source') == 'measured' and risen['flops_f32'] > 1e6, 'risen', risen)
    check(peaks_of('fresh', '--fresh-peaks', **here).get('source') == 'measured', 'fresh')

    # Broken, it is left aside and replaced.
    for broken in ('[' * 60000, '{"schema": 1}'):
        with open(files[0], 'w', encoding='utf-8') as file:
            file.write(broken)
        check(peaks_of(broken[:9], **here).get('source') == 'measured', 'broken', broken[:9])
        with open(files[0], encoding='utf-8') as file:
            check(json.load(file)['schema'] == 1, 'replaced', broken[:9])
    check(all(name.endswith('.json') for name in kept_files(cache)), 'left', kept_files(cache))

    # No place for it: no cache folder, and a home that cannot have one.
    check(peaks_of('no home', XDG_CACHE_HOME='', HOME='').get('source') == 'measured', 'no home')
    result = run('bench', '--workload', '64x32x4', '--quick',
                 environment={'XDG_CACHE_HOME': '/proc/nowhere'})
    check(result.status == DONE and 'peaks-cache' in result.out, 'unwritable', result.out)

    # In the home where nothing else is said.
    check(peaks_of('home', XDG_CACHE_HOME='relative', HOME=home).get('source') == 'measured', 'home')
    check(os.path.isdir(os.path.join(home, '.cache', 'tributary')), 'home', os.listdir(home))

# A simulated device's peaks follow from its name; a request that computes nothing has no limit on
# the processor.
with tempfile.TemporaryDirectory() as home:
    result = run('devices', '--device', 'sim:', environment={'XDG_CACHE_HOME': home})
    check(result.status == DONE and os.listdir(home) == [], 'sim', os.listdir(home))
    result = run('bench', '--workload', 'noop', '--quick', '--format', 'json',
                 environment={'XDG_CACHE_HOME': home})
    measured = parse_json(result.out, 'noop')
    if measured is not None:
        check(measured['sweeps'][0]['limit'] is None, 'noop', measured['sweeps'][0]['limit'])
        check(measured['sweeps'][0]['points'][0]['percent_of_limit'] is None, 'noop percent')
finish()
