# SPDX-License-Identifier: Apache-2.0
"""`tributary devices`: what there is, and what is missing for the rest, in four formats."""
import csv
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, FAILED, check, finish, parse_json, run, run_for_file  # noqa: E402

result = run('devices')
check(result.status == DONE and 'cpu:0' in result.out and 'sim:' in result.out, 'text',
      result.out, result.err)

without = run('devices', environment={'TRIB_ONEDNN': 'off'})
check(without.status == DONE and 'cpu:0' in without.out, 'without oneDNN', without.out)
check('reference' in without.out, 'without oneDNN', without.out)

result, text = run_for_file('list.json', 'devices')
check(result.status == DONE and 'cpu:0' in result.out, 'text beside the file', result.out)
listed = parse_json(text or '', 'list.json')
if listed is not None:
    check(listed['schema'] == 1, 'schema', listed)
    for device in listed['devices']:
        check({'name', 'available', 'description'} <= set(device), 'keys', device)
        check(device['available'] or device['missing'] != '', 'what is missing', device)
    names = [device['name'] for device in listed['devices']]
    check('cpu:0' in names, 'names', names)

rows = list(csv.reader(run('devices', '--format', 'csv').out.splitlines()))
check(rows[0] == ['device', 'available', 'description', 'library', 'missing'], 'CSV', rows)
check(all(len(row) == 5 for row in rows), 'CSV', rows)
result = run('devices', '--format', 'md')
check(result.out.startswith('| device |'), 'Markdown', result.out)

result = run('devices', '--device', 'cpu:0', '--format', 'csv')
check(len(result.out.splitlines()) == 2, 'one device', result.out)
result = run('devices', '--device', 'cpu:99')
check(result.status == FAILED, 'no such device', result.status, result.out)
finish()
