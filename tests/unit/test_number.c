#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "number.h"

/* Each is less than the next. Those of a row are equal. */
static const char *const rising[][4] = {
    {"-1e99999999999999999999"},
    {"-1e400", "-10e399"},
    {"-123456789012345678901234567890.5"},
    {"-123456789012345678901234567890"},
    {"-10", "-1e1", "-1.0E+1", "-100e-1"},
    {"-9.999"},
    {"-1"},
    {"-0.5", "-5e-1", "-0.050e1"},
    {"-1e-400"},
    {"0", "-0", "0.000", "0e99999999999999999999"},
    {"1e-99999999999999999999"},
    {"0.049"},
    {"0.05", "5e-2", "0.0500"},
    {"0.1"},
    {"0.5"},
    {"1", "1.0", "10e-1", "0.1e1"},
    {"1.00000000000000000000000000000001"},
    {"9"},
    {"10", "1e1", "10.0", "0.00001e6"},
    {"10.01", "1001e-2"},
    {"100", "1e2"},
    {"100.5", "1005e-1", "1.005e+2"},
    {"9007199254740992"},
    {"9007199254740993"},
    {"1e400", "0.1e401"},
    {"1e99999999999999999999"},
};

enum { ROWS = sizeof rising / sizeof *rising };

static int compare(const char *a, const char *b)
{
    int order = cr_number_compare(chatroom_str(a), chatroom_str(b));

    return (order > 0) - (order < 0);
}

static void number__any_two_are_compared_without_rounding(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS * 4; i++)
        for (int j = 0; j < ROWS * 4; j++) {
            const char *a = rising[i / 4][i % 4], *b = rising[j / 4][j % 4];

            if (a && b && compare(a, b) != (i / 4 > j / 4) - (i / 4 < j / 4))
                fail_msg("%s and %s: %d", a, b, compare(a, b));
        }
}

static void number__an_integer_has_nothing_behind_its_point(void **state)
{
    static const char *const integers[] = {"0",      "-0",  "0.0",   "0e-5",     "1",       "1.0",  "10e-1",
                                           "1.50e1", "100", "1e400", "-123.000", "100.5e1", "0.5e1"};
    static const char *const others[] = {"0.5", "-1.5", "1e-1", "100.05", "100.05e1", "15e-1", "1e-400", "0.05e1"};

    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        assert_true(cr_number_is_integer(chatroom_str(integers[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(cr_number_is_integer(chatroom_str(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number__any_two_are_compared_without_rounding),
        cmocka_unit_test(number__an_integer_has_nothing_behind_its_point),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
