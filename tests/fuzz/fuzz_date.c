/*
 * Any octets as the date of a signed request, in both forms; eight of them as a time. What is a date is what the C
 * library makes of its fields, and is written as it was read; every second of the years 0 to 9999 comes back.
 */
#include "fuzz.h"

#include "amz_date.h"
#include "clf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_same_date(int64_t ms, const struct tm *expected)
{
    time_t second = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;

    REQUIRE(gmtime_r(&second, &tm));
    return tm.tm_year == expected->tm_year && tm.tm_mon == expected->tm_mon && tm.tm_mday == expected->tm_mday &&
           tm.tm_hour == expected->tm_hour && tm.tm_min == expected->tm_min && tm.tm_sec == expected->tm_sec;
}

/* timegm() takes any fields and moves what is over; a date is one that it leaves alone. */
static bool is_date(struct tm *fields)
{
    struct tm copy = *fields;
    time_t second = timegm(&copy);

    return fields->tm_sec < 60 && is_same_date((int64_t)second * 1000, fields);
}

static bool are_digits(const char *text, size_t from, size_t size)
{
    for (size_t i = from; i < from + size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

static int number(const char *text, size_t from, size_t size)
{
    int value = 0;

    for (size_t i = from; i < from + size; i++)
        value = value * 10 + text[i] - '0';
    return value;
}

static bool read_amz(chatroom_span text, struct tm *tm)
{
    const char *t = text.bytes;

    if (text.size != 16 || t[8] != 'T' || t[15] != 'Z' || !are_digits(t, 0, 8) || !are_digits(t, 9, 6))
        return false;
    *tm = (struct tm){.tm_year = number(t, 0, 4) - 1900,
                      .tm_mon = number(t, 4, 2) - 1,
                      .tm_mday = number(t, 6, 2),
                      .tm_hour = number(t, 9, 2),
                      .tm_min = number(t, 11, 2),
                      .tm_sec = number(t, 13, 2)};
    return is_date(tm);
}

static void check_amz(chatroom_span text)
{
    char again[CR_AMZ_DATE_SIZE];
    int64_t ms = 1;
    struct tm tm;
    bool ok = cr_amz_date_parse(text, &ms);

    REQUIRE(ok == read_amz(text, &tm));
    if (!ok)
        return;
    REQUIRE(ms % 1000 == 0 && is_same_date(ms, &tm));
    REQUIRE(cr_amz_date_format(ms, again) && memcmp(again, text.bytes, sizeof again) == 0);
}

/* Both forms of one time say the same. */
static void check_http(chatroom_span text)
{
    char again[64];
    int64_t ms;
    time_t second;
    struct tm tm;

    if (!cr_http_date_parse(text, &ms))
        return;
    second = (time_t)(ms / 1000);
    REQUIRE(ms % 1000 == 0 && gmtime_r(&second, &tm));
    REQUIRE(strftime(again, sizeof again, "%d %b %Y %H:%M:%S", &tm) > 0);
    REQUIRE(text.size >= 29);
    if (tm.tm_year >= -900) /* strftime() leaves zeros out before */
        REQUIRE(memcmp(again, text.bytes + 5, 20) == 0);
}

/* One calendar, two writers. */
static void check_iso(int64_t ms, const char *amz)
{
    char iso[CR_ISO_SIZE + 1];
    size_t at = 0;

    cr_iso(ms, iso);
    REQUIRE(strlen(iso) == CR_ISO_SIZE && iso[19] == '.' && iso[23] == 'Z');
    for (size_t i = 0; i < 19; i++)
        if (iso[i] != '-' && iso[i] != ':')
            REQUIRE(iso[i] == amz[at++]);
    REQUIRE(number(iso, 20, 3) == (int)((ms % 1000 + 1000) % 1000));
}

static void check_time(int64_t ms)
{
    static const int64_t years_ms = INT64_C(253402300800000) + INT64_C(62167219200000);
    char text[CR_AMZ_DATE_SIZE], clf[CR_CLF_SIZE + 1];
    int64_t again, inside = (int64_t)((uint64_t)ms % (uint64_t)years_ms) - INT64_C(62167219200000);

    cr_clf(ms, clf);
    REQUIRE(strlen(clf) == CR_CLF_SIZE);
    REQUIRE(cr_amz_date_format(ms, text) == (ms >= INT64_C(-62167219200000) && ms < INT64_C(253402300800000)));
    REQUIRE(cr_amz_date_format(inside, text));
    REQUIRE_WRITTEN(text, sizeof text);
    check_iso(inside, text);
    REQUIRE(cr_amz_date_parse(chatroom_bytes(text, sizeof text), &again));
    REQUIRE(again <= inside && inside - again < 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int64_t ms = 0;

    memcpy(&ms, bytes, size < sizeof ms ? size : sizeof ms);
    check_time(ms);
    check_amz(chatroom_bytes(bytes, size));
    check_http(chatroom_bytes(bytes, size));
    return 0;
}
