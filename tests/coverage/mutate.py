"""Changes one thing at a time in the parsers and in what authenticates, and asks the tests whether they notice.

mutate.py BUILD [COUNT] [--seed N] [--seconds N] [--only PATTERN] [--all]

A mutant is one file with one small change: another relation, another number, a condition turned around, a statement
left out. It is compiled, linked with each of the tests that promise what the file does, and killed by the first that
fails, crashes or takes too long. What the compiler makes the same code of is no mutant; what no test could tell apart
stands in equivalent.txt, with its reason. Fails when less than FLOOR of those that are left are killed.

A seed draws the same mutants from the same files. BUILD is a build of the tests; nothing in it is changed.
"""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import random
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time

from floors import GROUPS

FLOOR = 90  # percent
MUTATED = ['parsers', 'auth']
TIME_MOST = 20  # seconds a test may take; they take less than one
CHECKED = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']  # a read beyond a buffer or a leak kills as well

# Which tests promise what a file does: of the first pattern that matches.
TESTS = [
    ('src/utf8.c', ['utf8', 'json']),
    ('src/json.c', ['json', 'json_hostile']),
    ('src/number.c', ['number', 'model']),
    ('src/schema.c', ['model']),
    ('src/model.c', ['model']),
    ('src/plain.c', ['expression']),
    ('src/expression.c', ['expression']),
    ('src/token.c', ['token']),
    ('src/query.c', ['query']),
    ('src/chat_text.c', ['chat_text', 'chat']),
    ('src/variable.c', ['access']),
    ('src/access.c', ['access']),
    ('src/names.c', ['look_alikes', 'claims']),
    ('src/claims.c', ['claims']),
    ('src/sigv4*', ['sigv4']),
    ('src/keys.c', ['connect', 'management', 'gateway', 'allocations']),
    ('src/signers.c', ['connect', 'management', 'allocations']),
    ('backends/ws_epoll/*', ['ws-{stem}', 'fuzz-http_head', 'fuzz-frames']),
    ('examples/chatroomd/ini.c', ['ini', 'options', 'gateway']),
    ('src/*', ['{stem}']),
]

SWAPS = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '==', '&&': '||', '||': '&&', '+': '-', '-': '+', '<<': '>>',
         '>>': '<<', '++': '--', '--': '++', '+=': '-=', '-=': '+=', 'true': 'false', 'false': 'true'}
OPERATOR = re.compile(r'(?<= )(<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|<|>|\+|-)(?=[ \n])|\+\+|--|\b(?:true|false)\b')
NUMBER = re.compile(r'(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)(?![\w.])')
CONDITION = re.compile(r'\b(?:if|while) \(')
STATEMENT = re.compile(r'^[ \t]+(?![ \t]|return\b|goto\b|case\b|default\b|else\b|for\b|do\b|#)[^;{}\n]*;$', re.M)


class Mutant:
    def __init__(self, path, text, start, end, new):
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = text.count('\n', 0, start) + 1
        first, last = text.rfind('\n', 0, start) + 1, text.find('\n', end)
        self.before = ' '.join(text[first:last].split())
        self.after = ' '.join((text[first:start] + new + text[end:last]).split())

    def key(self):
        return f'{self.path}: {self.before} => {self.after}'

    def __str__(self):
        return f'{self.path}:{self.line}: {self.before} => {self.after}'


def code_of(text):
    """The text with blanks for comments, strings, characters and what the preprocessor reads."""
    blank = lambda match: re.sub(r'[^\n]', ' ', match.group())
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)
    return re.sub(r'^#(?:\\\n|[^\n])*', blank, text, flags=re.M)


def closing(code, at):
    """Where the bracket that opens at a place is closed."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == '(') - (code[i] == ')')
        if depth == 0:
            return i
    raise ValueError('a bracket is not closed')


def mutants_of(path, text):
    code, found = code_of(text), []
    for match in OPERATOR.finditer(code):
        found.append((match.start(), match.end(), SWAPS[match.group()]))
    for match in NUMBER.finditer(code):
        found.append((match.start(), match.end(), str(int(match.group(), 0) + 1)))
    for match in CONDITION.finditer(code):
        end = closing(code, match.end() - 1)
        found.append((match.end(), end, f'!({text[match.end():end]})'))
    for match in STATEMENT.finditer(code):
        found.append((match.start(), match.end(), ';'))
    return [Mutant(path, text, *change) for change in sorted(found)]


class Builder:
    """Compiles one file of a build and links one of its tests, elsewhere."""

    def __init__(self, build):
        self.build = build
        self.commands = {}
        for entry in json.loads((build / 'compile_commands.json').read_text()):
            path = os.path.relpath(os.path.join(entry['directory'], entry['file']), build.parent)
            self.commands.setdefault(path, shlex.split(entry['command']))
        listed = subprocess.run(['meson', 'introspect', '--tests', build], check=True, capture_output=True, text=True)
        self.tests = {test['name']: test for test in json.loads(listed.stdout) if 'e2e' not in ' '.join(test['suite'])}
        self.links = {}

    def compile(self, path, source, target, checks):
        """The object's bytes, or nothing if it is no C."""
        command = [word for word in self.commands[path] if word not in ('-g', '-Werror', '-MD')]
        for option in ('-MQ', '-MF', '-o'):
            if option in command:
                at = command.index(option)
                del command[at:at + 2]
        command = command[:command.index('-c')] + ['-O1', '-w', *checks, '-I', str((self.build.parent / path).parent), '-c', str(source), '-o',
                                                  str(target)]
        done = subprocess.run(command, cwd=self.build, capture_output=True)
        return target.read_bytes() if done.returncode == 0 else None

    def link(self, test, path, target, objects):
        if test not in self.links:
            exe = os.path.relpath(self.tests[test]['cmd'][0], self.build)
            listed = subprocess.run(['ninja', '-C', self.build, '-t', 'commands', exe], check=True, capture_output=True, text=True)
            self.links[test] = shlex.split([line for line in listed.stdout.splitlines() if f' -o {exe} ' in line][-1])
        command, own = list(self.links[test]), path.replace('/', '_') + '.o'
        command[command.index('-o') + 1] = str(target)
        command = [word for word in command if not word.endswith(own)] # where a test is made of the file itself
        command = ['libchatroom.a' if re.search(r'libchatroom\.so', word) else word for word in command]
        # What is linked first stands before the archive's own, which is then not taken from it.
        command[1:1] = [str(objects)]
        done = subprocess.run(command + CHECKED + ['-lnettle', '-llmdb', '-lwslay', '-pthread'], cwd=self.build, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def passes(self, test, exe):
        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        what = self.tests[test]
        try:
            return subprocess.run([str(exe)] + what['cmd'][1:], env={**os.environ, **what['env']}, cwd=self.build, capture_output=True,
                                  timeout=TIME_MOST, preexec_fn=limit).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def tests_of(path, known):
    names = next(tests for pattern, tests in TESTS if fnmatch.fnmatch(path, pattern))
    return [name for name in (n.format(stem=pathlib.Path(path).stem) for n in names) if name in known]


def survives(builder, path, text, original, folder):
    """None: it is no mutant; else whether no test noticed."""
    source, target, exe = folder / 'mutant.c', folder / 'mutant.o', folder / 'test'
    source.write_text(text)
    made = builder.compile(path, source, target, [])
    if made is None or made == original:
        return None
    builder.compile(path, source, target, CHECKED)
    for test in tests_of(path, builder.tests):
        builder.link(test, path, exe, target)
        if not builder.passes(test, exe):
            return False
    return True


def ask(builder, root, mutant, originals):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = (root / mutant.path).read_text()
        if mutant.path not in originals:
            (folder / 'mutant.c').write_text(text)
            originals[mutant.path] = builder.compile(mutant.path, folder / 'mutant.c', folder / 'mutant.o', [])
        changed = text[:mutant.start] + mutant.new + text[mutant.end:]
        return survives(builder, mutant.path, changed, originals[mutant.path], folder)


def check_tests(builder, root, paths):
    """What is not changed must survive, or the tests would prove nothing."""
    for path in paths:
        with tempfile.TemporaryDirectory() as name:
            if not tests_of(path, builder.tests):
                sys.exit(f'mutate: no test promises what {path} does')
            if survives(builder, path, (root / path).read_text(), b'', pathlib.Path(name)) is not True:
                sys.exit(f'mutate: the tests of {path} fail without a change')


def equivalents(path):
    """Mutants that behave as what they are made of: a line each, below a comment that says why; "..." is any text."""
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith('#')]
    return [re.compile('.*'.join(re.escape(part) for part in line.split('...'))) for line in lines]


def report(results, known):
    """Text, and the share in percent that was killed."""
    text, killed, alive = [], {}, {}
    for mutant, lived in results:
        if lived is not None and not (lived and any(same.fullmatch(mutant.key()) for same in known)):
            killed[mutant.path] = killed.get(mutant.path, 0) + (not lived)
            alive.setdefault(mutant.path, []).extend([mutant] if lived else [])
    for path in sorted(alive):
        text += [f'{path:42} {killed[path]:4} of {killed[path] + len(alive[path]):4} killed', *(f'  survived: {m}' for m in alive[path])]
    total = sum(killed.values()) + sum(map(len, alive.values()))
    return '\n'.join(text), sum(killed.values()), total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('count', type=int, nargs='?', default=300)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seconds', type=int, default=300, help='begin no mutant after these')
    parser.add_argument('--only', metavar='PATTERN', default='*')
    parser.add_argument('--all', action='store_true', help='each mutant there is')
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[2]
    builder = Builder(options.build.resolve())
    patterns = [p for group in MUTATED for p in GROUPS[group][2]]
    paths = [p for p in sorted(builder.commands) if p.endswith('.c') and fnmatch.fnmatch(p, options.only) and
             any(fnmatch.fnmatch(p, pattern) for pattern in patterns)]
    check_tests(builder, root, paths)
    every = [mutant for path in paths for mutant in mutants_of(path, (root / path).read_text())]
    chosen = every if options.all else random.Random(options.seed).sample(every, min(options.count, len(every)))
    originals, end = {}, time.monotonic() + options.seconds
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = pool.map(lambda m: (m, ask(builder, root, m, originals)) if time.monotonic() < end else None, chosen)
        results = [result for result in asked if result]
    text, killed, total = report(results, equivalents(pathlib.Path(__file__).with_name('equivalent.txt')))
    share = 100 * killed / total if total else 0
    print(text)
    print(f'mutate: seed {options.seed}: {killed} of {total} killed, {share:.1f} %; {len(results) - total} are no mutants or known to be '
          f'the same; {len(every)} there are in all; floor {FLOOR} %')
    sys.exit(share < FLOOR)


if __name__ == '__main__':
    main()
