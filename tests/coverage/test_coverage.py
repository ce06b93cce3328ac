"""The report's own promises: a floor that does not hold is noticed, and so is a file that is not there."""
import unittest

from coverage import File, group_of, judge


def file(path, *lines):
    """Lines as (count, counts of branches)."""
    return File({'file': path, 'lines': [
        {'line_number': i + 1, 'count': count, 'gcovr/noncode': False, 'branches': [{'count': b} for b in branches]}
        for i, (count, branches) in enumerate(lines)]})


WHOLE = file('src/whole.c', (1, [1, 2]), (3, []))
HALF = file('src/half.c', (1, [1, 0]), (3, []))
UNREACHED = file('src/unreached.c', (1, [1, 1]), (0, []))


class Coverage(unittest.TestCase):
    def test_what_is_reached_is_good(self):
        self.assertTrue(judge([WHOLE], {'all': (100, True, ['src/*'])})[1])

    def test_a_branch_that_was_not_taken_is_below(self):
        text, good = judge([WHOLE, HALF], {'all': (100, True, ['src/*'])})
        self.assertFalse(good)
        self.assertIn('BELOW', next(line for line in text.splitlines() if 'half.c' in line))

    def test_a_line_that_was_not_reached_is_below(self):
        self.assertFalse(judge([UNREACHED], {'all': (100, True, ['src/*'])})[1])

    def test_a_floor_of_all_together_lets_one_be_lower(self):
        self.assertTrue(judge([WHOLE, HALF], {'all': (75, False, ['src/*'])})[1])
        self.assertFalse(judge([WHOLE, HALF], {'all': (75, True, ['src/*'])})[1])
        self.assertFalse(judge([WHOLE, HALF], {'all': (76, False, ['src/*'])})[1])

    def test_a_file_that_is_gone_is_noticed(self):
        self.assertFalse(judge([WHOLE], {'all': (100, True, ['src/whole.c', 'src/renamed.c'])})[1])

    def test_the_first_group_that_matches_has_the_file(self):
        groups = {'one': (100, True, ['src/half.c']), 'rest': (0, False, ['src/*'])}
        self.assertEqual(group_of('src/half.c', groups), 'one')
        self.assertEqual(group_of('src/whole.c', groups), 'rest')
        self.assertIsNone(group_of('tests/whole.c', groups))

    def test_lines_that_miss_something_are_named(self):
        self.assertEqual(HALF.missed + UNREACHED.missed, [1, 2])


if __name__ == '__main__':
    unittest.main()
