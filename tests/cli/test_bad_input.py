# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear line on standard error, nothing on standard output, no file left behind,
exit status 2 for wrong usage and 1 for what could not be done."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import FAILED, USAGE, check, finish, run  # noqa: E402

# Arguments, exit status, what the line must say.
CASES = [
    ([], USAGE, 'a command is missing'),
    (['nosuch'], USAGE, "'nosuch'"),
    (['--nosuch'], USAGE, "'--nosuch'"),
    (['scale', '--nosuch'], USAGE, "'--nosuch'"),
    (['scale', 'extra'], USAGE, "'extra'"),
    (['scale', '--threads', '0'], USAGE, "'0'"),
    (['scale', '--threads', '1,0'], USAGE, "'0'"),
    (['scale', '--threads', '1000000'], USAGE, "'1000000'"),
    (['scale', '--threads', '99999999999999999999'], USAGE, '--threads'),
    (['scale', '--threads', '-1'], USAGE, "'-1'"),
    (['scale', '--threads', ''], USAGE, '--threads'),
    (['scale', '--threads', ','], USAGE, '--threads'),
    (['scale', '--threads', '1,,2'], USAGE, '--threads'),
    (['scale', '--threads', '1,1'], USAGE, 'twice'),
    (['scale', '--threads'], USAGE, 'needs a value'),
    (['scale', '--sizes', ''], USAGE, '--sizes'),
    (['scale', '--sizes', '1x1x1,'], USAGE, '--sizes'),
    (['scale', '--sizes', '1x0x1'], USAGE, 'out_features is 0'),
    (['scale', '--format', 'xml'], USAGE, "'xml'"),
    (['scale', '--quick=yes'], USAGE, 'takes no value'),
    (['scale', '--rounds', '2'], USAGE, "'2'"),
    (['scale', '--rounds', '101'], USAGE, "'101'"),
    (['scale', '--seconds', '0'], USAGE, "'0'"),
    (['scale', '--seconds', 'nan'], USAGE, "'nan'"),
    (['scale', '--seconds', 'inf'], USAGE, "'inf'"),
    (['scale', '--seconds', '-1'], USAGE, "'-1'"),
    (['scale', '--seconds', '1e300'], USAGE, "'1e300'"),
    (['scale', '--seed', '-1'], USAGE, "'-1'"),
    (['scale', '--seed', '18446744073709551616'], USAGE, '--seed'),
    (['scale', '--precision', 'low'], USAGE, "'low'"),
    (['scale', '--streams', '0'], USAGE, "'0'"),
    (['scale', '--streams', '65'], USAGE, "'65'"),
    (['scale', '--stream-policy', 'queue'], USAGE, "'queue'"),
    (['scale', '--device', 'nosuch:0', '--quick'], FAILED, 'nosuch:0'),
    (['scale', '--out', 'no/such/folder/x.json', '--quick'], FAILED, 'no/such/folder/x.json'),
    (['scale', '--out', '/dev/null/', '--quick'], FAILED, 'directory'),
    (['bench', '--threads', '0'], USAGE, "'0'"),
    (['bench', '--threads', '1000000'], USAGE, "'1000000'"),
    (['bench', '--workload', '0x4x1'], USAGE, 'in_features is 0'),
    (['bench', '--workload', '-4x4x1'], USAGE, "'-4x4x1'"),
    (['bench', '--workload', '4x4'], USAGE, "'4x4'"),
    (['bench', '--workload', '4x4x4x4'], USAGE, "'4x4x4x4'"),
    (['bench', '--workload', '4.5x4x4'], USAGE, "'4.5x4x4'"),
    (['bench', '--workload', '4294967296x4294967296x1'], USAGE, 'in_features is 4294967296'),
    (['bench', '--workload', '2147483647x2147483647x1'], FAILED, 'does not fit'),
    (['bench', '--workload', '2147483647x2147483647x2147483647'], FAILED, 'does not fit'),
    (['bench', '--workload', '2147483647x500000x1'], FAILED, 'GiB of memory'),
    (['bench', '--workload', 'mlp:2147483647x500000x1x1'], FAILED, 'GiB of memory'),
    (['bench', '--requests', '0'], USAGE, "'0'"),
    (['bench', '--requests', '1', '--seconds', '1'], USAGE, '--requests'),
    (['bench', '--device', ''], USAGE, '--device'),
    (['bench', '--device', '%s%s%n'], FAILED, '%s%s%n'),
    (['bench', '--device', 'x' * 5000], FAILED, 'xxx'),
    (['bench', '--' + 'x' * 5000], USAGE, 'xxx'),
    (['bench', '--workload', 'x' * 5000], USAGE, 'xxx'),
    (['devices', '--format', 'yaml'], USAGE, "'yaml'"),
    (['devices', '--device', 'nosuch'], FAILED, "'nosuch'"),
    (['devices', '--out', 'no/such/folder/x'], FAILED, 'no/such/folder/x'),
]

for arguments, status, said in CASES:
    result = run(*arguments)
    what = repr(' '.join(arguments))[:120]
    check(result.status == status, what, 'status', result.status, 'not', status)
    check(result.out == '', what, 'standard output:', result.out[:200])
    check(result.err.count('\n') == 1 and result.err.endswith('\n'), what, 'standard error:',
          result.err)
    check(result.err.startswith('tributary: '), what, 'standard error:', result.err)
    check(said in result.err, what, 'does not say', repr(said), 'but', result.err)
    check(result.files == [], what, 'left behind', result.files)
finish()
