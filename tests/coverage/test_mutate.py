"""What is changed, and what is left alone: a mutant in a comment or a string would never be killed."""
import pathlib
import re
import tempfile
import unittest

from mutate import code_of, equivalents, mutants_of, report, tests_of

SOURCE = '''\
#include "x.h"
#define MOST 7
/* a < b, and 1 */
static bool f(int a)
{
    const char *text = "a < 3 && b";

    if (a < 3 && text[0] == '<')
        g(a);
    return true;
}
'''


def changed(text):
    return [' '.join((text[:m.start] + m.new + text[m.end:]).split('\n')[m.line - 1].split()) for m in mutants_of('f.c', text)]


class Mutate(unittest.TestCase):
    def test_text_and_comments_are_no_code(self):
        self.assertEqual(len(code_of(SOURCE)), len(SOURCE))
        self.assertEqual([m.line for m in mutants_of('f.c', SOURCE) if m.line < 8], [6])

    def test_each_operator_number_condition_and_statement_is_changed_once(self):
        self.assertEqual(changed(SOURCE), [
            ';', "if (!(a < 3 && text[0] == '<'))", "if (a <= 3 && text[0] == '<')", "if (a < 4 && text[0] == '<')",
            "if (a < 3 || text[0] == '<')", "if (a < 3 && text[1] == '<')", "if (a < 3 && text[0] != '<')", ';', 'return false;'])

    def test_a_mutant_is_known_by_its_lines(self):
        mutant = next(m for m in mutants_of('f.c', SOURCE) if m.new == '<=')
        self.assertEqual(mutant.key(), "f.c: if (a < 3 && text[0] == '<') => if (a <= 3 && text[0] == '<')")

    def test_who_survives_is_named_and_counted_unless_it_is_known_to_be_the_same(self):
        one, two, three = mutants_of('f.c', SOURCE)[:3]
        text, killed, total = report([(one, False), (two, True), (three, None)], [])
        self.assertEqual((killed, total), (1, 2))
        self.assertIn(f'survived: {two}', text)
        self.assertEqual(report([(one, False), (two, True)], [re.compile(re.escape(two.key()))])[1:], (1, 1))

    def test_a_known_one_that_is_killed_counts(self):
        one = mutants_of('f.c', SOURCE)[0]
        self.assertEqual(report([(one, False)], [re.compile('.*')])[1:], (1, 1))

    def test_what_is_known_to_be_the_same_is_read_from_lines_with_gaps(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / 'equivalent.txt'
            path.write_text('# why\na.c: x(...) => y*\n\n')
            known = equivalents(path)
        self.assertEqual(len(known), 1)
        self.assertTrue(known[0].fullmatch('a.c: x(1, 2) => y*'))
        self.assertFalse(known[0].fullmatch('a.c: x(1, 2) => y'))

    def test_tests_that_are_not_there_are_not_asked(self):
        self.assertEqual(tests_of('src/json.c', {'json'}), ['json'])
        self.assertEqual(tests_of('src/policy.c', {'policy', 'json'}), ['policy'])


if __name__ == '__main__':
    unittest.main()
