#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "amz_date.h"

#define FIRST_S (-62167219200) /* 0000-01-01 */
#define END_S   253402300800   /* 10000-01-01 */

/* From one to the other in steps. */
static void compare_with_libc(int64_t from_s, int64_t end_s, int64_t step_s)
{
    for (int64_t seconds = from_s; seconds < end_s; seconds += step_s) {
        time_t at = seconds;
        struct tm tm;
        char text[CR_AMZ_DATE_SIZE], expected[64];
        int64_t back;

        assert_non_null(gmtime_r(&at, &tm));
        snprintf(expected, sizeof expected, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_true(cr_amz_date_format(seconds * 1000 + 999, text));
        assert_memory_equal(text, expected, sizeof text);
        assert_true(cr_amz_date_parse(chatroom_bytes(text, sizeof text), &back));
        assert_int_equal(back, seconds * 1000);
    }
}

static void amz_date__days_are_those_of_libc(void **state)
{
    (void)state;
    compare_with_libc(FIRST_S, END_S, 11 * 86400 - 1);
    compare_with_libc(INT64_C(-2240524800), INT64_C(4386441600), 86400 - 1); /* the years 1899 to 2108 */
}

static void amz_date__other_years_have_no_text(void **state)
{
    char text[CR_AMZ_DATE_SIZE];

    (void)state;
    assert_true(cr_amz_date_format(FIRST_S * 1000, text));
    assert_true(cr_amz_date_format(END_S * 1000 - 1, text));
    assert_false(cr_amz_date_format(FIRST_S * 1000 - 1, text));
    assert_false(cr_amz_date_format(END_S * 1000, text));
    assert_false(cr_amz_date_format(INT64_MIN, text));
    assert_false(cr_amz_date_format(INT64_MAX, text));
}

static void amz_date__what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "20150830T123600",
        "20150830T123600z",
        "20150830t123600Z",
        "20150830T123600Z ",
        " 20150830T123600Z",
        "2015-08-30T12:36:00Z",
        "20150830123600Z0",
        "20150010T000000Z",
        "20151310T000000Z",
        "20150800T000000Z",
        "20150832T000000Z",
        "20150431T000000Z",
        "20150229T000000Z",
        "19000229T000000Z",
        "20150830T240000Z",
        "20150830T126000Z",
        "20150830T123660Z",
        "+0150830T123600Z",
        "2015083:T123600Z",
        "2015083/T123600Z",
        "20150830T12360:Z",
        ":0150830T123600Z",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(cr_amz_date_parse(chatroom_str(texts[i]), &ms));
    assert_true(cr_amz_date_parse(chatroom_str("20000229T000000Z"), &ms));
    assert_true(cr_amz_date_parse(chatroom_str("20160229T000000Z"), &ms));
}

static void amz_date__the_form_of_http_is_read(void **state)
{
    static const char *const wrong[] = {
        "",
        "Sun, 30 Aug 2015 12:36:00 UTC",
        "Sun, 30 aug 2015 12:36:00 GMT",
        "Sun, 30 Xyz 2015 12:36:00 GMT",
        "Sun, 30 Aug 2015 12:36:00 -0100",
        "Sun, 30 Aug 2015 12:36:00 -0001",
        "Sun, 30 Aug 2015 12:36:00 +0000",
        "Sun, 30 Aug 2015 12:36:00  0000",
        "Sun, 30 Aug 2015 12:36:00",
        " GMT",
        " -0000",
        "Sun, 31 Feb 2015 12:36:00 GMT",
        "Sunday, 30-Aug-15 12:36:00 GMT",
        "Sun Aug 30 12:36:00 2015",
        "Sun, 30 Aug 2015 12:36:00 GMT ",
    };
    int64_t ms;

    (void)state;
    assert_true(cr_http_date_parse(chatroom_str("Sun, 30 Aug 2015 12:36:00 GMT"), &ms));
    assert_int_equal(ms, 1440938160000);
    assert_true(cr_http_date_parse(chatroom_str("Sun, 30 Aug 2015 12:36:00 -0000"), &ms));
    assert_int_equal(ms, 1440938160000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(cr_http_date_parse(chatroom_str(wrong[i]), &ms));
}

static void amz_date__months_have_their_lengths(void **state)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char text[32];
    int64_t ms;

    (void)state;
    for (unsigned month = 0; month <= 13; month++)
        for (unsigned day = 0; day <= 32; day++) {
            bool good = month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1];

            snprintf(text, sizeof text, "2015%02u%02uT235959Z", month, day);
            assert_int_equal(cr_amz_date_parse(chatroom_str(text), &ms), good);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amz_date__days_are_those_of_libc),     cmocka_unit_test(amz_date__other_years_have_no_text),
        cmocka_unit_test(amz_date__what_is_no_date_is_refused), cmocka_unit_test(amz_date__the_form_of_http_is_read),
        cmocka_unit_test(amz_date__months_have_their_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
