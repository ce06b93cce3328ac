"""Threats and faults are a list of ids in docs/reliability.md: each has a test named after it, or says why not.

Usage: faults.py ROOT
"""
import pathlib
import re
import sys

ITEMS = ({'T%02d' % number for number in range(1, 46)}
         | {'F%02d' % number for first, last in ((1, 12), (20, 25), (30, 36), (40, 44), (50, 58))
            for number in range(first, last + 1)})
# Id, what is required, and how it is proved: by tests of that name unless it says otherwise.
ROW = re.compile(r'^\| ([TF]\d\d) \| [^|]+ \| ([^|]+) \|$', re.M)
OTHERWISE = ('not here:', '`./dev ', 'the simulator', 'as ')
# Definitions, not mentions: a cmocka test, a method of a Python test case, a name that is made of it, or a test of meson's.
DEFINED = re.compile(r"^(?:static void (?:\w+__)?|    (?:async )?def test_|    return \"test_)([TF]\d\d)_"
                     r"|^ *test\((?:id \+ )?'([TF]\d\d)-|^ *id = \{'[\w-]+': '([TF]\d\d)', '[\w-]+': '([TF]\d\d)'\}", re.M)


def proved(folder):
    """The ids that have a test."""
    files = [path for path in folder.rglob('*') if path.suffix in ('.c', '.py') or path.name == 'meson.build']
    return {item for path in files for pair in DEFINED.findall(path.read_text(encoding='utf-8')) for item in pair if item}


def check(root):
    root = pathlib.Path(root)
    rows = ROW.findall((root / 'docs/reliability.md').read_text(encoding='utf-8'))
    listed, found = {item for item, _ in rows}, proved(root / 'tests')
    elsewhere = {item for item, how in rows if how.startswith(OTHERWISE)}
    absent = {item for item, how in rows if how.startswith('not here:')}
    return (['%s: docs/reliability.md does not list it' % item for item in sorted(ITEMS - listed)]
            + ['%s: docs/reliability.md lists it more than once' % item
               for item in sorted(listed) if [row for row, _ in rows].count(item) > 1]
            + ['%s: no test is named %s_...' % (item, item) for item in sorted((ITEMS & listed) - elsewhere - found)]
            + ['%s: there is a test, and docs/reliability.md says "not here"' % item for item in sorted(absent & found)]
            + ['%s: there is no such id' % item for item in sorted((listed | found) - ITEMS)])


if __name__ == '__main__':
    complaints = check(sys.argv[1])
    print('\n'.join(complaints))
    sys.exit(1 if complaints else 0)
