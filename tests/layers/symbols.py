"""
What the binaries may need and show. Usage: symbols.py STATIC_LIBRARY SHARED_LIBRARY INCLUDE [OTHERS_HEADER]...; prints every
symbol that breaks a rule. INCLUDE is the folder of the public headers, of which OTHERS_HEADER belong to another library; for
such a library it is its header.

The core, whose objects have names that begin with src_, needs nothing from below but memory and has no state of its own;
no backend needs what the core hides, nor another backend's; the shared library shows chatroom_* and nothing else, and all that the public headers declare.
"""
import pathlib
import re
import subprocess
import sys

# clang makes bcmp of memcmp; a distribution's flags make the fortified copies and the stack guard
FROM_LIBC = re.compile(r'(__)?(memcpy|memset|memcmp|bcmp|memmove|memchr|strlen|strncmp|realloc|free|abort)(_chk)?'
                       r'|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_')
# hashes over memory of the caller's, a comparison in constant time, and base64
FROM_NETTLE = re.compile(r'nettle_(hmac_)?sha256_(init|set_key|update|digest)|nettle_memeql_sec|nettle_base64_\w+')
# the one function of a host that the core names: the default that CHATROOM_CONFIG fills in
PUBLIC_DEFAULT = 'chatroom_os_random'
READ_ONLY = re.compile(r'\.(text|rodata|data\.rel\.ro|debug|init_array|fini_array|note|eh_frame|comment)\b')


def nm(*arguments):
    return subprocess.run(['nm', *arguments], check=True, capture_output=True, text=True).stdout


def objects(library):
    """{object: (defined, undefined)} of an archive: defined is {name: (class, section)}, undefined a set of names."""
    found, defined, undefined = {}, {}, set()
    for line in nm('--format=sysv', library).splitlines():
        start = re.fullmatch(r'.*\[(.+)\]:', line)
        if start:
            defined, undefined = found.setdefault(start[1], ({}, set()))
            continue
        column = [part.strip() for part in line.split('|')]
        if len(column) != 7:
            continue
        if column[2] in 'Uw':
            undefined.add(column[0])
        else:
            defined[column[0]] = (column[2], column[6])
    return found


def part_of(name):
    """src, or the folder of a backend."""
    found = re.match(r'(src)_|backends_([a-z]+(?:_epoll|_icu)?)_', name)
    return found and (found[1] or found[2])


def allowed(symbol):
    return symbol == PUBLIC_DEFAULT or FROM_LIBC.fullmatch(symbol) or FROM_NETTLE.fullmatch(symbol)


def state(defined):
    return sorted(name for name, (kind, section) in defined.items()
                  if kind == 'C' or section.startswith('.') and not READ_ONLY.match(section))


def declared(include, others):
    """What the headers of the library declare: all in a folder but the others, or the one header."""
    include = pathlib.Path(include)
    for header in sorted(set(include.rglob('*.h') if include.is_dir() else [include]) - {pathlib.Path(p) for p in others}):
        yield from re.findall(r'^CHATROOM_API[^;(]*?\b(\w+)\(', header.read_text(), re.M)


def check(static_library, shared_library, include, *others):
    complaints = []
    members = objects(static_library)
    homes = {symbol: part_of(name) for name, (defined, _) in members.items()
             for symbol, (kind, _) in defined.items() if kind.isupper()}
    if pathlib.Path(include).is_dir() and 'src' not in homes.values():
        complaints.append('%s: no object of the core' % static_library)
    for name, (defined, undefined) in sorted(members.items()):
        home = part_of(name)
        if home is None:
            complaints.append('%s: neither of the core nor of a backend' % name)
        complaints += ['%s: has state: %s' % (name, symbol) for symbol in state(defined)]
        for symbol in sorted(undefined):
            if home == 'src' and homes.get(symbol) != 'src' and not allowed(symbol):
                complaints.append('%s: the core may not use %s' % (name, symbol))
            if home != 'src' and homes.get(symbol, home) != home and not symbol.startswith('chatroom_'):
                complaints.append('%s: reaches into %s: %s' % (name, homes[symbol], symbol))
    exported = {line.split()[0] for line in
                nm('--dynamic', '--defined-only', '--format=posix', shared_library).splitlines()}
    complaints += ['%s: exports %s' % (shared_library, name) for name in sorted(exported) if not name.startswith('chatroom_')]
    complaints += ['%s: lacks %s' % (shared_library, name) for name in declared(include, others) if name not in exported]
    return complaints


if __name__ == '__main__':
    found = check(*sys.argv[1:])
    print('\n'.join(found))
    sys.exit(1 if found else 0)
