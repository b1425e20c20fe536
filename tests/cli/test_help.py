# SPDX-License-Identifier: Apache-2.0
"""Help and version: on standard output, on one screen, with an example."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
from command import DONE, check, finish, run  # noqa: E402

LINES, COLUMNS = 40, 80


def check_screen(result, what):
    lines = result.out.splitlines()
    check(result.status == DONE, what, 'status', result.status)
    check(result.err == '', what, 'standard error:', result.err)
    check(0 < len(lines) <= LINES, what, 'has', len(lines), 'lines')
    for line in lines:
        check(len(line) <= COLUMNS, what, 'line of', len(line), 'columns:', line)
    check('usage: tributary' in result.out, what, 'has no usage')
    check('example: tributary' in result.out, what, 'has no example')


for arguments in (['--help'], ['-h'], ['help']):
    result = run(*arguments)
    check_screen(result, arguments)
    for subcommand in ('scale', 'bench', 'devices', 'advise'):
        check(subcommand in result.out, arguments, 'does not name', subcommand)

for subcommand in ('scale', 'bench', 'devices', 'advise'):
    result = run(subcommand, '--help')
    check_screen(result, subcommand)
    for option in ('--format', '--out', '--quiet'):
        check(option in result.out, subcommand, '--help does not name', option)
    # Help wins over what else is asked for, and nothing is measured.
    check(run(subcommand, '--help', '--quiet').out == result.out, subcommand, 'help and --quiet')

version = run('--version')
check(version.status == DONE, 'version status', version.status)
check(version.out.startswith('tributary ') and version.out.count('\n') == 1, 'version:',
      repr(version.out))
finish()
