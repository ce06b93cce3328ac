"""
T44: what the installed binaries load is what docs/decisions/dependencies.md says, no more and no less.
Usage: needed.py DEPENDENCIES_MD BINARY...; prints what differs.
"""
import re
import subprocess
import sys

# How a library's file is called that the page has by another name.
NAMES = {'icuuc': 'ICU', 'icui18n': 'ICU', 'icudata': 'ICU', 'lmdb': 'LMDB', 'curl': 'libcurl'}
ALWAYS = {'c', 'm', 'gcc_s'}  # of the compiler and its C library
HEADERS_ALONE = {'uthash'}


def listed(page):
    """The packages of the first table, before those that tests use alone."""
    table = page.partition('Tests only')[0]
    return set(re.findall(r'(?m)^\| ([A-Za-z]\S*) \|', table)) - {'package'}


def loaded(binary):
    text = subprocess.run(['readelf', '--dynamic', '--wide', binary], check=True, capture_output=True, text=True).stdout
    names = {re.sub(r'^lib|\.so.*|[-.0-9]+$', '', name) for name in re.findall(r'\(NEEDED\).*\[(.+)\]', text)}
    return {NAMES.get(name, name) for name in names if not name.startswith(('chatroom', 'ld-linux'))} - ALWAYS


def check(page, binaries):
    wanted = listed(page)
    found = {binary: loaded(binary) for binary in binaries}
    complaints = ['%s: loads %s, which the page does not list' % (binary, name)
                  for binary, names in found.items() for name in sorted(names - wanted)]
    unused = wanted - set().union(*found.values()) - HEADERS_ALONE
    return complaints + ['nothing loads %s, which the page lists' % name for name in sorted(unused)]


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as file:
        differences = check(file.read(), sys.argv[2:])
    print('\n'.join(differences))
    sys.exit(1 if differences else 0)
