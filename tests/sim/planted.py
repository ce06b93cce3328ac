#!/usr/bin/env python3
"""Plants the bugs of planted.list in the core, one at a time, and lets the simulator look for each.

    planted.py [--seeds N] [--floor PERCENT] [--only NAME,NAME] [--cc COMMAND]

Prints a table: bug, seeds it took, the promise that broke. Fails when fewer than --floor percent were found, and when a line
of the list is not in the source exactly once.
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import core


@dataclasses.dataclass
class Bug:
    name: str
    file: str
    line: str = ''
    instead: str = ''
    sentence: str = ''

    def source(self):
        return core.root / 'src' / self.file


def read_list():
    bugs = []
    for text in (core.sim / 'planted.list').read_text().splitlines():
        mark, rest = text[:1], text[2:].strip()
        if mark == '=' and rest:
            bugs.append(Bug(*rest.split()))
        elif mark == '-':
            bugs[-1].line = rest
        elif mark == '+':
            bugs[-1].instead = rest or ';'
        elif mark == ':':
            bugs[-1].sentence = rest
    return bugs


def strays(bugs):
    """What the list says of the source that is not so."""
    for bug in bugs:
        count = sum(text.strip() == bug.line for text in bug.source().read_text().splitlines())
        if count != 1:
            yield f'{bug.name}: {bug.file} has this line {count} times: {bug.line}'
        if not bug.sentence:
            yield f'{bug.name}: nothing says what is wrong'
    if len({bug.name for bug in bugs}) < len(bugs):
        yield 'two bugs have one name'


def patched(file, bugs):
    """The source with every bug of it, each switched on by PLANTED."""
    numbers = {bug.line: (number, bug) for number, bug in bugs.items() if bug.file == file}
    lines = []
    for text in (core.root / 'src' / file).read_text().splitlines():
        number, bug = numbers.get(text.strip(), (0, None))
        lines += [f'#if PLANTED == {number}', bug.instead, '#else', text, '#endif'] if bug else [text]
    return '\n'.join(lines) + '\n'


def look(program, seeds):
    """The seed that failed and the promise that it broke; None: it was not found."""
    result = subprocess.run([program, '--seeds', str(seeds), '--no-shrink'], capture_output=True, text=True, errors='replace')
    if result.returncode == 0:
        return None
    found = re.search(r'^seed (\d+) breaks (.+?):', result.stderr, re.M)
    return (int(found[1]), found[2]) if found else (0, 'the program')


def hunt(command, folder, objects, number, bug, seeds):
    file = folder / 'src' / bug.file
    planted = core.compile_one([*command, f'-DPLANTED={number}'], file, folder / f'{bug.name}.o')
    others = [target for source, target in objects.items() if source != bug.source()]
    program = core.link(command, [*others, planted], folder / bug.name)
    found = look(program, seeds)
    program.unlink()
    return found


def report(bug, found, seeds):
    if found:
        print(f'{bug.name:28} {bug.file:13} {found[0]:5}  {found[1]}', flush=True)
    else:
        print(f'{bug.name:28} {bug.file:13}     -  not in {seeds} seeds: {bug.sentence}', flush=True)


def hunt_all(options, bugs, folder):
    command = shlex.split(options.cc) + ['-O1']
    objects = core.compile_all(command, folder / 'objects')
    (folder / 'src').mkdir()
    for file in {bug.file for bug in bugs.values()}:
        (folder / 'src' / file).write_text(patched(file, bugs))
    found = 0
    with concurrent.futures.ThreadPoolExecutor(core.workers()) as pool:
        jobs = {pool.submit(hunt, command, folder, objects, number, bug, options.seeds): bug for number, bug in bugs.items()}
        for job in concurrent.futures.as_completed(jobs):
            report(jobs[job], job.result(), options.seeds)
            found += job.result() is not None
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seeds', type=int, default=1000)
    parser.add_argument('--floor', type=int, default=95)
    parser.add_argument('--only', default='')
    parser.add_argument('--cc', default='cc')
    options = parser.parse_args()
    bugs = read_list()
    wrong = list(strays(bugs))
    if wrong:
        sys.exit('\n'.join(wrong))
    only = options.only.split(',') if options.only else [bug.name for bug in bugs]
    if unknown := set(only) - {bug.name for bug in bugs}:
        sys.exit(f'no such bugs: {unknown}')
    chosen = {number: bug for number, bug in enumerate(bugs, 1) if bug.name in only}
    with tempfile.TemporaryDirectory() as folder:
        found = hunt_all(options, chosen, pathlib.Path(folder))
    print(f'{found} of {len(chosen)} planted bugs found')
    sys.exit(found * 100 < options.floor * len(chosen))


if __name__ == '__main__':
    main()
