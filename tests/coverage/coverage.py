"""Shows how much of each group of files the tests reached, by branch and by line; fails where it is below a floor.

coverage.py BUILD [--missed PATTERN]   reads what a build with -Db_coverage=true left behind when its tests ran; with
a pattern it shows the lines with branches that were not taken of the files that match. The whole report, line by line,
is BUILD/coverage/index.html.
"""
import argparse
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

from floors import GROUPS, OTHERS, REASON, REASONS_MOST


class Share:
    """So many of so many."""

    def __init__(self, hit=0, total=0):
        self.hit, self.total = hit, total

    def __add__(self, other):
        return Share(self.hit + other.hit, self.total + other.total)

    def percent(self):
        return 100 * self.hit / self.total if self.total else 100

    def __str__(self):
        return f'{self.percent():6.2f} % {self.hit:6}/{self.total:<6}'


class File:
    def __init__(self, report):
        lines = [line for line in report['lines'] if not line['gcovr/noncode']]
        self.path = report['file']
        self.branches = Share(sum(b['count'] > 0 for line in lines for b in line['branches']), sum(len(line['branches']) for line in lines))
        self.lines = Share(sum(line['count'] > 0 for line in lines), len(lines))
        self.missed = [line['line_number'] for line in lines if line['count'] == 0 or any(b['count'] == 0 for b in line['branches'])]

    def below(self, floor):
        return min(self.branches.percent(), self.lines.percent()) < floor


def group_of(path, groups):
    return next((name for name, (_, _, patterns) in groups.items() if any(fnmatch.fnmatch(path, p) for p in patterns)), None)


def judge(files, groups):
    """The report's text, and whether every floor holds."""
    text, good = [], True
    for name, (floor, each, patterns) in groups.items():
        members = [file for file in files if group_of(file.path, groups) == name]
        branches = sum((file.branches for file in members), Share())
        lines = sum((file.lines for file in members), Share())
        low = [file for file in members if file.below(floor)]
        below = bool(low) if each else min(branches.percent(), lines.percent()) < floor
        unknown = [p for p in patterns if not any(fnmatch.fnmatch(file.path, p) for file in files)]
        good = good and not below and not unknown
        text.append(f'{name:44} branches {branches} lines {lines} floor {floor} %' + (' of each file' if each else ''))
        text += [f'  {file.path:42} branches {file.branches} lines {file.lines}' + (' BELOW' if each and file in low else '') for file in members]
        text += [f'  {pattern}: there is no such file in the report' for pattern in unknown]
        text += [f'  {name} BELOW its floor'] if below else []
    return '\n'.join(text), good


def reasons(root, files):
    """Lines that say why a branch of theirs is never taken."""
    found = []
    for file in files:
        for number, line in enumerate((root / file.path).read_text().splitlines(), 1):
            if re.search(REASON, line):
                found.append(f'{file.path}:{number}: {line.strip()}')
    return found


def measure(root, build):
    folder = build / 'coverage'
    folder.mkdir(exist_ok=True)
    report = folder / 'coverage.json'
    subprocess.run(
        ['gcovr', '--root', root, '--object-directory', build, '-j', '2', '--json', report, '--html-details', folder / 'index.html',
         '--filter', 'src/', '--filter', 'include/', '--filter', 'backends/', '--filter', 'examples/chatroomd/',
         '--exclude-branches-by-pattern', f'.*(\\bassert\\(|{OTHERS}|{REASON})'], check=True, cwd=root)
    return [File(file) for file in json.loads(report.read_text())['files']]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--missed', metavar='PATTERN')
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[2]
    files = sorted(measure(root, options.build.resolve()), key=lambda file: file.path)
    text, good = judge(files, GROUPS)
    print(text)
    given = reasons(root, files)
    print(f'{len(given)} lines say why a branch of theirs is not reached; {REASONS_MOST} may', *given, sep='\n  ')
    for file in files if options.missed else []:
        if fnmatch.fnmatch(file.path, options.missed):
            source = (root / file.path).read_text().splitlines()
            print(*(f'{file.path}:{number}: {source[number - 1]}' for number in file.missed), sep='\n')
    if len(given) > REASONS_MOST:
        good = False
    print('coverage: every floor holds' if good else 'coverage: BELOW', f'({options.build}/coverage/index.html)')
    sys.exit(not good)


if __name__ == '__main__':
    main()
