#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "date.h"

#include <string.h>
#include <time.h>

static void assert_date(int64_t wall_ms, const char *wanted)
{
    char text[WS_DATE_SIZE + 1];

    ws_date(wall_ms, text);
    assert_string_equal(text, wanted);
}

static void date__of_known_times(void **state)
{
    (void)state;
    assert_date(784111777000, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(784111777999, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_date(951782399000, "Mon, 28 Feb 2000 23:59:59 GMT");
    assert_date(951782400000, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_date(951868800000, "Wed, 01 Mar 2000 00:00:00 GMT");
    assert_date(4107542400000, "Mon, 01 Mar 2100 00:00:00 GMT");
    assert_date(253402300799000, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void date__that_cannot_be_written_is_the_nearest(void **state)
{
    (void)state;
    assert_date(-1, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_date(INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_date(253402300800000, "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_date(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void date__agrees_with_the_library_of_c(void **state)
{
    (void)state;
    for (int64_t s = 0; s < 253402300799; s += 86400 * 29 + 7717) {
        time_t seconds = (time_t)s;
        char wanted[64];
        struct tm parts;

        assert_non_null(gmtime_r(&seconds, &parts));
        assert_int_equal(strftime(wanted, sizeof wanted, "%a, %d %b %Y %H:%M:%S GMT", &parts), WS_DATE_SIZE);
        assert_date(s * 1000, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date__of_known_times),
        cmocka_unit_test(date__that_cannot_be_written_is_the_nearest),
        cmocka_unit_test(date__agrees_with_the_library_of_c),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
