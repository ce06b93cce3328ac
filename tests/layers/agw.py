"""What API Gateway does is a list of 66 items in docs/api-gateway.md: each has a test named after it. Usage: agw.py ROOT"""
import pathlib
import re
import sys

ITEMS = set(range(1, 67))
LISTED = re.compile(r'^\| AGW-(\d\d) \|', re.M)
# Definitions, not mentions: a cmocka test, or a method of a Python test case.
DEFINED = re.compile(r'^(?:static void |    (?:async )?def test_)AGW_(\d\d)_\w+\((?:void \*\*state|self)\)', re.M)


def numbers(pattern, text):
    return {int(item) for item in pattern.findall(text)}


def proved(folder):
    """The items that have a test."""
    files = [path for path in folder.rglob('*') if path.suffix in ('.c', '.py')]
    return set().union(*[numbers(DEFINED, path.read_text(encoding='utf-8')) for path in files])


def check(root):
    root = pathlib.Path(root)
    listed, found = numbers(LISTED, (root / 'docs/api-gateway.md').read_text(encoding='utf-8')), proved(root / 'tests')
    return (['AGW-%02d: docs/api-gateway.md does not list it' % item for item in sorted(ITEMS - listed)]
            + ['AGW-%02d: no test is named AGW_%02d_...' % (item, item) for item in sorted((ITEMS | listed) - found)]
            + ['AGW-%02d: there is no such item' % item for item in sorted((listed | found) - ITEMS)])


if __name__ == '__main__':
    complaints = check(sys.argv[1])
    print('\n'.join(complaints))
    sys.exit(1 if complaints else 0)
