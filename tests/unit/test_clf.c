#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void assert_written(int64_t time_ms, const char *expected)
{
    char text[CR_CLF_SIZE + 1];

    memset(text, '#', sizeof text);
    cr_clf(time_ms, text);
    assert_string_equal(text, expected);
}

/* What the C library makes of the same second. */
static void assert_as_libc(int64_t seconds)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t time = (time_t)seconds;
    struct tm tm;
    char expected[80];

    assert_non_null(gmtime_r(&time, &tm));
    snprintf(expected, sizeof expected, "%02d/%s/%04d:%02d:%02d:%02d +0000", tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    assert_written(seconds * 1000, expected);
}

static void clf__a_time_is_written_in_utc(void **state)
{
    (void)state;
    assert_written(0, "01/Jan/1970:00:00:00 +0000");
    assert_written(INT64_C(1701245041798), "29/Nov/2023:08:04:01 +0000");
    assert_written(INT64_C(951782400000), "29/Feb/2000:00:00:00 +0000");
    assert_written(INT64_C(4107542399999), "28/Feb/2100:23:59:59 +0000");
    assert_written(INT64_C(4107542400000), "01/Mar/2100:00:00:00 +0000");
}

static void AGW_36_milliseconds_are_cut_and_never_rounded_up(void **state)
{
    (void)state;
    assert_written(999, "01/Jan/1970:00:00:00 +0000");
    assert_written(1000, "01/Jan/1970:00:00:01 +0000");
    assert_written(-1, "31/Dec/1969:23:59:59 +0000");
    assert_written(-1000, "31/Dec/1969:23:59:59 +0000");
    assert_written(-1001, "31/Dec/1969:23:59:58 +0000");
}

static void AGW_36_every_day_of_two_rounds_of_the_calendar_is_as_libc_has_it(void **state)
{
    (void)state;
    for (int64_t day = -146097; day <= 146097; day++) {
        assert_as_libc(day * 86400);
        assert_as_libc(day * 86400 + 86399);
    }
}

static void clf__what_the_form_cannot_say_is_the_nearest_second_that_it_can(void **state)
{
    (void)state;
    assert_written(INT64_C(-62167219200000), "01/Jan/0000:00:00:00 +0000");
    assert_written(INT64_C(-62167219200001), "01/Jan/0000:00:00:00 +0000");
    assert_written(INT64_MIN, "01/Jan/0000:00:00:00 +0000");
    assert_written(INT64_C(253402300799999), "31/Dec/9999:23:59:59 +0000");
    assert_written(INT64_C(253402300800000), "31/Dec/9999:23:59:59 +0000");
    assert_written(INT64_MAX, "31/Dec/9999:23:59:59 +0000");
    assert_as_libc(INT64_C(-62162035200)); /* 1 March 0000, behind its leap day */
    assert_as_libc(INT64_C(-62162035201));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clf__a_time_is_written_in_utc),
        cmocka_unit_test(AGW_36_milliseconds_are_cut_and_never_rounded_up),
        cmocka_unit_test(AGW_36_every_day_of_two_rounds_of_the_calendar_is_as_libc_has_it),
        cmocka_unit_test(clf__what_the_form_cannot_say_is_the_nearest_second_that_it_can),
    };

    return cmocka_run_group_tests_name("clf", tests, NULL, NULL);
}
