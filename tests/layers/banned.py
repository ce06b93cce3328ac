"""F57: functions of libc that no code of ours calls, since there is always a safer one. Usage: banned.py ROOT"""
import pathlib
import re
import sys

BANNED = {
    'strcpy strcat stpcpy sprintf vsprintf gets': 'does not know how much fits',
    'strtok strtok_r': 'writes into what it reads',
    'atoi atol atoll atof scanf fscanf': 'cannot say that it failed',
    'alloca': 'cannot fail, and ends the process instead',
    'rand srand random srandom drand48 rand_r': 'can be guessed',
    'system popen execl execlp execvp': 'asks a shell, or PATH',
    'tmpnam tempnam mktemp': 'names a file that somebody else can make first',
    'localtime ctime asctime gmtime': 'has one result for all threads',
    'setjmp longjmp': 'leaves things as they are on its way',
}
REASONS = {name: reason for names, reason in BANNED.items() for name in names.split()}
# A call, not a member's: the random() of a configuration is not libc's.
CALL = re.compile(r'(?<![\w.>])(%s)\s*\(' % '|'.join(REASONS))
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def code_of(text):
    """Without comments and strings, in the same lines."""
    return NO_CODE.sub(lambda found: '\n' * found[0].count('\n'), text)


def check(root):
    root, complaints = pathlib.Path(root), []
    for path in sorted(path for folder in ('include', 'src', 'backends', 'examples') for path in (root / folder).rglob('*.[ch]')):
        for number, line in enumerate(code_of(path.read_text(encoding='utf-8')).split('\n'), 1):
            complaints += ['%s:%d: %s() %s' % (path.relative_to(root), number, name, REASONS[name])
                           for name in CALL.findall(line)]
    return complaints


if __name__ == '__main__':
    found = check(sys.argv[1])
    print('\n'.join(found))
    sys.exit(1 if found else 0)
