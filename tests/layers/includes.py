"""Who may include whom. Usage: includes.py ROOT; prints every include that breaks a rule."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|include_next|import)\b[ \t]*(.*?)[ \t]*(?:/[*/].*)?$', re.M)
# What the core may use of C: no file, clock, thread, error number or heap.
FREESTANDING = {'limits.h', 'stdarg.h', 'stdatomic.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'string.h'}
CORE_EXCEPTIONS = {('memory.c', 'stdlib.h'), ('map.h', 'uthash.h'),
                   ('sigv4.c', 'nettle/hmac.h'), ('sigv4.c', 'nettle/memops.h'), ('base64.c', 'nettle/base64.h')}


def includes(path):
    """(kind, name) of each include of a file: kind is '"' or '<', or '' for what is neither."""
    text = path.read_text(encoding='utf-8').replace('\\\n', '')
    for target in INCLUDE.findall(text):
        found = re.fullmatch(r'"([^"]+)"|<([^>]+)>', target)
        yield ('', target) if not found else ('"', found[1]) if found[1] else ('<', found[2])


def sources(folder):
    return sorted(path for path in folder.rglob('*') if path.suffix in ('.c', '.h'))


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.src = self.root / 'src'
        self.order = re.findall(r"'([\w/]+\.c)'", (self.src / 'meson.build').read_text())
        self.complaints = []

    def complain(self, path, text):
        self.complaints.append('%s: %s' % (path.relative_to(self.root), text))

    def is_public(self, name):
        return name.startswith('chatroom/') and '..' not in name and (self.root / 'include' / name).is_file()

    # ---- src

    def level(self, name, above=()):
        """Where a file of src stands; a header stands where its .c does, one without a .c just above all it includes."""
        source = name[:-2] + '.c'
        if source in self.order:
            return self.order.index(source)
        if name in above or not (self.src / name).is_file():
            return float('inf')
        below = [self.level(other, above + (name,)) for kind, other in includes(self.src / name) if kind == '"']
        return max(below, default=-1) + 0.001

    def check_core(self):
        for path in sources(self.src):
            name = str(path.relative_to(self.src))
            if name.endswith('.c') and name not in self.order:
                self.complain(path, 'not in src/meson.build')
            elif self.level(name) == float('inf'):
                self.complain(path, 'includes itself, or what is not there')
            for kind, other in includes(path):
                if not self.core_may(name, kind, other):
                    self.complain(path, 'may not include ' + other)

    def core_may(self, name, kind, other):
        is_chat = re.fullmatch(r'chat(_\w+)?\.[ch]', name)  # a customer of the public headers, which happens to be bundled
        if kind == '<':
            return (other in FREESTANDING or (name, other) in CORE_EXCEPTIONS
                    or self.is_public(other) and not other.startswith('chatroom/backend/'))
        if kind != '"' or '..' in other or not (self.src / other).is_file():
            return False
        if is_chat and not re.fullmatch(r'chat(_\w+)?\.h', other):
            return False
        return other[:-2] == name[:-2] or self.level(other) < self.level(name)

    # ---- everything on the public headers

    def check_public(self):
        for path in sources(self.root / 'include'):
            of_backend = path.parent.name == 'backend'
            for kind, other in includes(path):
                public = self.is_public(other) and (of_backend or not other.startswith('chatroom/backend/'))
                if kind != '<' or other not in FREESTANDING and not public:
                    self.complain(path, 'may not include ' + other)

    def check_customers(self, folder, backend=None, own=True):
        """Files that see public headers, packages and, when own, their folder."""
        build = folder / 'meson.build'
        generated = build.read_text() if build.is_file() else ''
        for path in sources(folder) if own else sorted(folder.glob('*.[ch]')):
            for kind, other in includes(path):
                if kind == '"':
                    good = own and '/' not in other and ((folder / other).is_file() or "'%s'" % other in generated)
                elif other.startswith('chatroom/'):
                    good = self.is_public(other)
                    if backend and other.startswith('chatroom/backend/'):
                        good = other == 'chatroom/backend/%s.h' % backend
                else:
                    good = kind == '<' and '..' not in other and not (self.root / other).exists()
                if not good:
                    self.complain(path, 'may not include ' + other)

    def check(self):
        self.check_core()
        self.check_public()
        for folder in sorted(path for path in (self.root / 'backends').iterdir() if path.is_dir()):
            self.check_customers(folder, backend=folder.name)
        examples = self.root / 'examples'
        if examples.is_dir():
            self.check_customers(examples, own=False)
            for folder in sorted(path for path in examples.iterdir() if path.is_dir()):
                self.check_customers(folder)
        conformance = self.root / 'tests/conformance'  # through the public headers alone
        if conformance.is_dir():
            self.check_customers(conformance)
        return self.complaints


if __name__ == '__main__':
    found = Tree(sys.argv[1]).check()
    print('\n'.join(found))
    sys.exit(1 if found else 0)
