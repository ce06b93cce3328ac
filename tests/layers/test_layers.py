"""The checks notice: each rule is broken once, in a small tree that keeps them all."""
import pathlib
import subprocess
import tempfile
import unittest
import unittest.mock

import agw
import banned
import hardened
import faults
import includes
import needed
import symbols

TREE = {
    'include/chatroom/base.h': '#include <stdint.h>\n#include <string.h>\n',
    'include/chatroom/store.h': '#include <chatroom/base.h>\n',
    'include/chatroom/backend/lmdb.h': '#include <chatroom/store.h>\n',
    'include/chatroom/backend/memory.h': '#include <chatroom/store.h>\n',
    'src/meson.build': "core_sources = files(\n  'memory.c',\n  'map.c',\n  'sigv4.c',\n  'room.c',\n  'chat_names.c',\n  'chat.c',\n)\n",
    'src/memory.h': '#include <chatroom/base.h>\n',
    'src/memory.c': '#include "memory.h"\n#include <stdlib.h>\n',
    'src/map.h': '#include <chatroom/base.h>\n#include <uthash.h>\n',
    'src/map.c': '#include "map.h"\n#include "memory.h"\n',
    'src/sigv4.c': '#include <nettle/hmac.h>\n#include <nettle/memops.h>\n',
    'src/core.h': '#include "map.h"\n#include <chatroom/store.h>\n',
    'src/room.h': '#include "core.h"\n',
    'src/room.c': '#include "room.h"\n#include "memory.h" // with a reason\n',
    'src/chat.c': '#include <chatroom/store.h>\n#include "chat_names.h"\n',
    'src/chat_names.h': '#include <stddef.h>\n',
    'src/chat_names.c': '#include "chat_names.h"\n',
    'backends/meson.build': '',
    'backends/lmdb/lmdb.c': '#include "table.h"\n#include <chatroom/backend/lmdb.h>\n#include <lmdb.h>\n#include <unistd.h>\n',
    'backends/lmdb/table.h': '#include <chatroom/store.h>\n',
    'backends/memory/memory.c': '#include <chatroom/backend/memory.h>\n',
    'examples/tinyroom.c': '#include <chatroom/store.h>\n#include <stdio.h>\n',
    'examples/server/meson.build': "custom_target(output: 'page.h')\n",
    'examples/server/main.c': '#include "options.h"\n#include "page.h"\n#include <ini.h>\n#include <chatroom/backend/lmdb.h>\n',
    'examples/server/options.h': '#include <stdbool.h>\n',
    'tests/conformance/test_lmdb.c': '#include "suite.h"\n#include <chatroom/backend/lmdb.h>\n#include <cmocka.h>\n',
    'tests/conformance/suite.h': '#include <chatroom/store.h>\n',
}

FORBIDDEN = [  # a file, and what it may not include
    ('src/room.c', '<sys/socket.h>'),
    ('src/room.c', '<unistd.h>'),
    ('src/room.c', '<pthread.h>'),
    ('src/room.c', '<time.h>'),
    ('src/room.c', '<stdio.h>'),
    ('src/room.c', '<errno.h>'),
    ('src/room.c', '<stdlib.h>'),
    ('src/room.c', '<uthash.h>'),
    ('src/map.c', '<uthash.h>'),
    ('src/room.c', '<nettle/hmac.h>'),
    ('src/sigv4.c', '<nettle/yarrow.h>'),
    ('src/room.c', '<chatroom/backend/lmdb.h>'),
    ('src/room.c', '<chatroom/missing.h>'),
    ('src/room.c', '<chatroom/../../backends/lmdb/table.h>'),
    ('src/room.c', '"../backends/lmdb/table.h"'),
    ('src/room.c', '"missing.h"'),
    ('src/room.c', 'A_MACRO'),
    ('src/room.c', '"chat_names.h"'),
    ('src/memory.c', '"map.h"'),
    ('src/memory.h', '"map.h"'),
    ('src/map.c', '"core.h"'),
    ('src/map.c', '"room.h"'),
    ('src/core.h', '"core.h"'),
    ('src/chat.c', '"memory.h"'),
    ('src/chat_names.c', '"core.h"'),
    ('src/chat_names.h', '"map.h"'),
    ('src/stray.c', '"memory.h"'),
    ('include/chatroom/store.h', '"base.h"'),
    ('include/chatroom/store.h', '<stdio.h>'),
    ('include/chatroom/store.h', '<chatroom/backend/lmdb.h>'),
    ('include/chatroom/backend/lmdb.h', '<lmdb.h>'),
    ('backends/lmdb/lmdb.c', '"../../src/map.h"'),
    ('backends/lmdb/lmdb.c', '"map.h"'),
    ('backends/lmdb/lmdb.c', '<src/map.h>'),
    ('backends/lmdb/lmdb.c', '"../memory/memory.h"'),
    ('backends/lmdb/lmdb.c', '<chatroom/backend/memory.h>'),
    ('backends/lmdb/table.h', '<chatroom/missing.h>'),
    ('examples/tinyroom.c', '"help.h"'),
    ('examples/tinyroom.c', '<src/map.h>'),
    ('examples/server/main.c', '"../../src/map.h"'),
    ('examples/server/main.c', '"map.h"'),
    ('tests/conformance/test_lmdb.c', '"map.h"'),
    ('tests/conformance/test_lmdb.c', '"../../src/map.h"'),
    ('tests/conformance/suite.h', '<src/map.h>'),
]


def plant(root, files):
    for name, text in files.items():
        path = pathlib.Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Includes(unittest.TestCase):
    def check(self, changes):
        with tempfile.TemporaryDirectory() as root:
            plant(root, {**TREE, **changes})
            return includes.Tree(root).check()

    def test_good_tree_passes(self):
        self.assertEqual(self.check({}), [])

    def test_each_forbidden_include_is_noticed(self):
        for name, include in FORBIDDEN:
            for form in ('#include %s\n', '  # include %s /* why */\n', '#\\\ninclude %s\n'):
                with self.subTest(file=name, include=form % include):
                    found = self.check({name: TREE.get(name, '') + form % include})
                    self.assertTrue(any(text.startswith(name + ': ') for text in found), found)


class Checklist(unittest.TestCase):
    LIST = ''.join('| AGW-%02d | words |\n' % item for item in range(1, 67))
    IN_C = ''.join('static void AGW_%02d_words(void **state)\n{\n}\n' % item for item in range(1, 34))
    IN_PYTHON = 'class Case:\n' + ''.join('    def test_AGW_%02d_words(self):\n        pass\n' % item for item in range(34, 67))

    def check(self, listed, in_c, in_python):
        with tempfile.TemporaryDirectory() as root:
            plant(root, {'docs/api-gateway.md': listed, 'tests/unit/test_a.c': in_c, 'tests/e2e/test_b.py': in_python})
            return [complaint[:6] for complaint in agw.check(root)]

    def test_whole_list_passes(self):
        self.assertEqual(self.check(self.LIST, self.IN_C, self.IN_PYTHON), [])

    def test_each_hole_is_noticed(self):
        for item in (1, 33):
            self.assertEqual(self.check(self.LIST, self.IN_C.replace('AGW_%02d' % item, 'words'), self.IN_PYTHON), ['AGW-%02d' % item])
        for item in (34, 66):
            self.assertEqual(self.check(self.LIST, self.IN_C, self.IN_PYTHON.replace('def test_AGW_%02d' % item, '# AGW_%02d' % item)), ['AGW-%02d' % item])
        self.assertEqual(self.check(self.LIST.replace('| AGW-07 |', '| AGW 7 |'), self.IN_C, self.IN_PYTHON), ['AGW-07'])
        self.assertEqual(self.check(self.LIST + '| AGW-67 | words |\n', self.IN_C, self.IN_PYTHON), ['AGW-67', 'AGW-67'])


class Banned(unittest.TestCase):
    def check(self, code):
        with tempfile.TemporaryDirectory() as root:
            plant(root, {'src/a.c': code})
            return banned.check(root)

    def test_each_banned_function_is_noticed(self):
        for name in banned.REASONS:
            with self.subTest(name):
                self.assertEqual(len(self.check('int f(void)\n{\n    return %s (a);\n}\n' % name)), 1)

    def test_words_members_and_longer_names_are_not(self):
        self.assertEqual(self.check('/* strcpy(a, b) */ // gets(a)\nx->random(a); y.system(b); snprintf(c); my_atoi(d); "rand()";\n'), [])

    def test_lines_are_counted(self):
        self.assertEqual(self.check('/* one\ntwo */\n"a\\"b"; strcat(a, b);\n')[0][:10], 'src/a.c:3:')


class Hardened(unittest.TestCase):
    GOOD = ['-O2', '-fPIE', '-pie', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-Wl,-z,relro,-z,now,-z,noexecstack']

    def check(self, *flags):
        code = '#include <string.h>\nint main(int n, char **a) { char b[64]; strncpy(b, a[n - 1], (size_t)n); return b[n]; }\n'
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'a.c')
            path.write_text(code)
            subprocess.run(['cc', '-w', '-U_FORTIFY_SOURCE', *flags, 'a.c', '-o', 'a'], cwd=folder, check=True)
            return hardened.check('a', hardened.readelf(folder + '/a'))

    def test_hardened_program_passes(self):
        self.assertEqual(self.check(*self.GOOD), [])

    def test_what_is_missing_is_noticed(self):
        for flags, what in ((['-no-pie', '-fno-pie'], 'fixed address'), (['-fno-stack-protector'], 'no guard'),
                            (['-U_FORTIFY_SOURCE'], 'without the size'), (['-Wl,-z,norelro,-z,lazy'], 'stay writable'),
                            (['-Wl,-z,execstack'], 'can be executed')):
            with self.subTest(what):
                found = self.check(*self.GOOD, *flags)
                self.assertTrue(any(what in text for text in found), found)
class Faults(unittest.TestCase):
    ROWS = {item: '| %s | words | words |' % item for item in faults.ITEMS}
    TESTS = {item: 'static void %s_words(void **state)\n' % item for item in faults.ITEMS}

    def check(self, rows, tests):
        with tempfile.TemporaryDirectory() as root:
            plant(root, {'docs/reliability.md': '\n'.join(rows) + '\n', 'tests/unit/test_a.c': ''.join(tests)})
            return [complaint[:3] for complaint in faults.check(root)]

    def without(self, item):
        return [test for name, test in self.TESTS.items() if name != item]

    def with_row(self, item, how):
        return {**self.ROWS, item: '| %s | words | %s |' % (item, how)}.values()

    def test_whole_list_passes(self):
        self.assertEqual(self.check(self.ROWS.values(), self.TESTS.values()), [])

    def test_each_kind_of_test_counts(self):
        for test in ('    def test_F42_words(self):\n', "test('F42-words', program)\n"):
            with tempfile.TemporaryDirectory() as root:
                plant(root, {'docs/reliability.md': '\n'.join(self.ROWS.values()) + '\n', 'tests/unit/test_a.c': ''.join(self.without('F42')),
                             'tests/e2e/test_b.py': test if 'def' in test else '', 'tests/sim/meson.build': test if 'def' not in test else ''})
                self.assertEqual(faults.check(root), [])

    def test_each_hole_is_noticed(self):
        self.assertEqual(self.check(self.ROWS.values(), self.without('T07')), ['T07'])
        self.assertEqual(self.check(self.ROWS.values(), [*self.without('T07'), '/* T07_words */\n']), ['T07'])
        self.assertEqual(self.check([row for item, row in self.ROWS.items() if item != 'F09'], self.TESTS.values()), ['F09'])
        self.assertEqual(self.check([*self.ROWS.values(), self.ROWS['F09']], self.TESTS.values()), ['F09'])
        self.assertEqual(self.check([*self.ROWS.values(), '| F99 | words | words |'], self.TESTS.values()), ['F99'])

    def test_what_is_proved_otherwise_needs_no_test(self):
        self.assertEqual(self.check(self.with_row('F50', '`./dev sanitize`'), self.without('F50')), [])
        self.assertEqual(self.check(self.with_row('T22', 'not here: words'), self.without('T22')), [])
        self.assertEqual(self.check(self.with_row('T22', 'not here: words'), self.TESTS.values()), ['T22'])


class Symbols(unittest.TestCase):
    def check(self, core='', backend='', other='', header=''):
        """The complaints about a library of three objects."""
        good = '__attribute__((visibility("hidden"))) void *cr_hidden(void *p, unsigned long n);' \
               'void *cr_hidden(void *p, unsigned long n) { return __builtin_memset(p, 0, n); }' \
               'static const char *const words[] = {"a", "b"};' \
               'const char *chatroom_word(int i); const char *chatroom_word(int i) { return words[i]; }'
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (('src_room', good + core), ('backends_lmdb_lmdb', backend),
                               ('backends_ws_epoll_loop', other)):
                pathlib.Path(folder, name + '.c').write_text(text + '\n')
                subprocess.run(['cc', '-w', '-O1', '-fPIC', '-c', name + '.c', '-o', name + '.o'], cwd=folder, check=True)
            names = ['src_room.o', 'backends_lmdb_lmdb.o', 'backends_ws_epoll_loop.o']
            subprocess.run(['ar', 'rc', 'lib.a', *names], cwd=folder, check=True)
            subprocess.run(['cc', '-shared', '-o', 'lib.so', *names], cwd=folder, check=True)
            pathlib.Path(folder, 'include').mkdir()
            pathlib.Path(folder, 'include/word.h').write_text('CHATROOM_API const char *chatroom_word(int i);\n' + header)
            return symbols.check(folder + '/lib.a', folder + '/lib.so', folder + '/include')

    def assert_noticed(self, text, **sources):
        found = self.check(**sources)
        self.assertTrue(any(text in complaint for complaint in found), found)

    def test_good_library_passes(self):
        self.assertEqual(self.check(backend='int chatroom_open(void); int socket(int, int, int);'
                                            'int chatroom_open(void) { return socket(1, 1, 0); }'), [])

    def test_system_calls_in_the_core_are_noticed(self):
        for name in ('socket', 'open', 'time', 'clock_gettime', 'pthread_create', 'printf', 'malloc', '__errno_location',
                     'nettle_yarrow256_init'):
            with self.subTest(name):
                self.assert_noticed('the core may not use ' + name,
                                    core='int %s(); int chatroom_do(void) { return %s(); }' % (name, name))

    def test_core_that_uses_a_backend_is_noticed(self):
        self.assert_noticed('the core may not use chatroom_open', backend='int chatroom_open(void) { return 1; }',
                            core='int chatroom_open(void); int chatroom_do(void) { return chatroom_open(); }')

    def test_state_is_noticed(self):
        for where in ('core', 'backend'):
            for text in ('static int counter;', 'static int counter = 7;', 'static _Thread_local int counter;'):
                with self.subTest(where=where, text=text):
                    self.assert_noticed('has state: counter',
                                        **{where: text + 'int chatroom_count(void) { return counter++; }'})

    def test_backend_that_uses_what_the_core_hides_is_noticed(self):
        self.assert_noticed('reaches into src: cr_hidden',
                            backend='void *cr_hidden(void *, unsigned long);'
                                    'void *chatroom_do(void *p) { return cr_hidden(p, 1); }')

    def test_backend_that_uses_another_is_noticed(self):
        hidden = '__attribute__((visibility("hidden"))) '
        self.assert_noticed('reaches into ws_epoll: ws_hidden', other=hidden + 'int ws_hidden(void) { return 1; }',
                            backend='int ws_hidden(void); int chatroom_do(void) { return ws_hidden(); }')

    def test_declaration_without_its_function_is_noticed(self):
        for header in ('CHATROOM_API int chatroom_gone(void);', 'CHATROOM_API void *\nchatroom_gone(int a,\n int b);'):
            with self.subTest(header):
                self.assert_noticed('lacks chatroom_gone', header=header)

    def test_export_without_the_prefix_is_noticed(self):
        self.assert_noticed('exports room_make', core='int room_make(void); int room_make(void) { return 1; }')


class Needed(unittest.TestCase):
    def test_T44_a_package_too_many_or_too_few_is_noticed(self):
        page = '| package | for |\n|---|---|\n| wslay | frames |\n| uthash | tables |\n\nTests only\n| cmocka | tests |\n'
        self.assertEqual(needed.listed(page), {'wslay', 'uthash'})
        with unittest.mock.patch.object(needed, 'loaded', lambda binary: {'wslay'}):
            self.assertEqual(needed.check(page, ['one']), [])
        with unittest.mock.patch.object(needed, 'loaded', lambda binary: {'wslay', 'ssl'}):
            self.assertEqual(needed.check(page, ['one']), ['one: loads ssl, which the page does not list'])
        with unittest.mock.patch.object(needed, 'loaded', lambda binary: set()):
            self.assertEqual(needed.check(page, ['one']), ['nothing loads wslay, which the page lists'])


if __name__ == '__main__':
    unittest.main()
