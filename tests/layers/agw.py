"""The checklist of what API Gateway does has 66 items: each needs a test named after it. Usage: agw.py FOLDER_OF_TESTS"""
import pathlib
import re
import sys

ITEMS = range(1, 67)
# Definitions, not mentions: a cmocka test, or a method of a Python test case.
DEFINITION = re.compile(r'^(?:static void |    (?:async )?def test_)AGW_(\d\d)_\w+\((?:void \*\*state|self)\)', re.M)


def proved(folder):
    """The items that have a test."""
    return {int(item) for path in pathlib.Path(folder).rglob('*') if path.suffix in ('.c', '.py')
            for item in DEFINITION.findall(path.read_text(encoding='utf-8'))}


def main(folder):
    found = proved(folder)
    missing = [item for item in ITEMS if item not in found]
    unknown = sorted(found - set(ITEMS))
    for item in missing:
        print('AGW-%02d: no test is named AGW_%02d_...' % (item, item))
    for item in unknown:
        print('AGW-%02d: the checklist has no such item' % item)
    return 1 if missing or unknown else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
