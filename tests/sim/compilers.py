#!/usr/bin/env python3
"""F58: the same seed gives the same trace, whoever compiled simulator and core.

    compilers.py PROGRAM COMMAND [--seeds N]

PROGRAM is a simulator that was built; COMMAND, such as "clang -O1", builds another one, and both run the same seeds.
Ends with 77, which is to skip, if there is no such compiler.
"""

import argparse
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import core


def hashes(program, seeds):
    result = subprocess.run([program, '--seeds', str(seeds), '--hashes', '--no-shrink'], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f'{program}:\n{result.stdout}{result.stderr}')
    return [line for line in result.stdout.splitlines() if line.startswith('seed ')]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('command', type=shlex.split)
    parser.add_argument('--seeds', type=int, default=25)
    options = parser.parse_args()
    if not shutil.which(options.command[0]):
        print(f'{options.command[0]} is not there')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        other = core.link(options.command, core.compile_all(options.command, folder).values(), folder / 'sim')
        ours, theirs = hashes(options.program, options.seeds), hashes(other, options.seeds)
    if len(ours) != options.seeds or ours != theirs:
        sys.exit('\n'.join(f'{a}\n{b}' for a, b in zip(ours, theirs) if a != b) or 'too few seeds ran')
    print(f'{len(ours)} seeds, the same hashes')


if __name__ == '__main__':
    main()
