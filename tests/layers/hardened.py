"""F57: what -Dhardened=true promises of a program and its library. Usage: hardened.py PROGRAM LIBRARY"""
import re
import subprocess
import sys


def readelf(path):
    return subprocess.run(['readelf', '-hldW', '--dyn-syms', path], check=True, capture_output=True, text=True).stdout


def check(path, text):
    """Of one file, by what readelf says of it."""
    stack = re.search(r'GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+(\S+)', text)
    wrong = {
        'stands at a fixed address': not re.search(r'Type:\s+DYN', text),
        'has a stack that can be executed': not stack or 'E' in stack[1],
        'has tables that stay writable': 'GNU_RELRO' not in text or not re.search(r'BIND_NOW|FLAGS.*NOW', text),
        'has its code changed when it is loaded': 'TEXTREL' in text,
        'has a segment that can be written and executed': re.search(r'LOAD.* RWE ', text),
        'has no guard on its stack': '__stack_chk_fail' not in text,
        'calls libc without the size of what it fills': not re.search(r'__\w+_chk\b(?<!__stack_chk)', text),
    }
    return ['%s %s' % (path, what) for what, is_wrong in wrong.items() if is_wrong]


if __name__ == '__main__':
    found = [complaint for path in sys.argv[1:] for complaint in check(path, readelf(path))]
    print('\n'.join(found))
    sys.exit(1 if found else 0)
