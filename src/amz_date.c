#include "amz_date.h"

static const int64_t second_ms = 1000, day_s = 86400;

struct date {
    int64_t year;
    unsigned month, day, hour, minute, second; /* month and day from 1 */
};

/* Days since 1970 of the first of March of a year, which is where leap days come last. */
static int64_t days_before_march(int64_t year)
{
    return 365 * year + year / 4 - year / 100 + year / 400 - 719468;
}

/* Days from the first of March to the first of a month, both counted from March: 0 to 11. */
static unsigned days_before_month(unsigned from_march)
{
    return (153 * from_march + 2) / 5;
}

static int64_t days_of(const struct date *date)
{
    bool early = date->month <= 2; /* belongs to the year that began in March before */
    unsigned from_march = early ? date->month + 9 : date->month - 3;

    /* 400 years more, so that nothing is negative; they are 146097 days */
    return days_before_march(date->year + 400 - early) - 146097 + days_before_month(from_march) + date->day - 1;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_valid(const struct date *date)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned most;

    if (date->month < 1 || date->month > 12)
        return false;
    most = lengths[date->month - 1] + (date->month == 2 && is_leap(date->year));
    return date->day >= 1 && date->day <= most && date->hour < 24 && date->minute < 60 && date->second < 60;
}

static bool to_ms(const struct date *date, int64_t *ret_ms)
{
    if (!is_valid(date))
        return false;
    *ret_ms = (days_of(date) * day_s + date->hour * 3600 + date->minute * 60 + date->second) * second_ms;
    return true;
}

/* A text against a form: a digit for '0', anything for '?', itself for any other character. */
static bool has_form(chatroom_span text, const char *form)
{
    if (text.size != strlen(form))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (form[i] == '0' ? text.bytes[i] < '0' || text.bytes[i] > '9' : form[i] != '?' && text.bytes[i] != form[i])
            return false;
    return true;
}

static unsigned number_at(chatroom_span text, size_t at, size_t digits)
{
    unsigned number = 0;

    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (unsigned)(text.bytes[at + i] - '0');
    return number;
}

bool cr_amz_date_parse(chatroom_span text, int64_t *ret_ms)
{
    struct date date;

    if (!has_form(text, "00000000T000000Z"))
        return false;
    date.year = number_at(text, 0, 4);
    date.month = number_at(text, 4, 2);
    date.day = number_at(text, 6, 2);
    date.hour = number_at(text, 9, 2);
    date.minute = number_at(text, 11, 2);
    date.second = number_at(text, 13, 2);
    return to_ms(&date, ret_ms);
}

/* From 1; 0: it is none. */
static unsigned month_of(const char name[3])
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (unsigned i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, name, 3) == 0)
            return i + 1;
    return 0;
}

bool cr_http_date_parse(chatroom_span text, int64_t *ret_ms)
{
    static const char zone[] = " -0000";
    struct date date;
    size_t end = text.size - (sizeof zone - 1);

    if (text.size > sizeof zone && memcmp(text.bytes + end, zone, sizeof zone - 1) == 0)
        text.size = end;
    else if (text.size > 4 && memcmp(text.bytes + text.size - 4, " GMT", 4) == 0)
        text.size -= 4;
    else
        return false;
    if (!has_form(text, "???, 00 ??? 0000 00:00:00"))
        return false;
    date.day = number_at(text, 5, 2);
    date.month = month_of(text.bytes + 8);
    date.year = number_at(text, 12, 4);
    date.hour = number_at(text, 17, 2);
    date.minute = number_at(text, 20, 2);
    date.second = number_at(text, 23, 2);
    return to_ms(&date, ret_ms);
}

static void put_number(char *at, size_t digits, unsigned number)
{
    for (; digits > 0; digits--, number /= 10)
        at[digits - 1] = (char)('0' + number % 10);
}

/* days: since 1970. */
static struct date date_of(int64_t days)
{
    struct date date = {0};
    int64_t year = (days + 719468 + 146097) * 400 / 146097 + 1; /* not too small; 400 years more, as above */
    unsigned rest, from_march;

    while (days_before_march(year) - 146097 > days)
        year--;
    rest = (unsigned)(days - (days_before_march(year) - 146097));
    from_march = (5 * rest + 2) / 153;
    date.day = rest - days_before_month(from_march) + 1;
    date.month = from_march < 10 ? from_march + 3 : from_march - 9;
    date.year = year - 400 + (date.month <= 2);
    return date;
}

bool cr_amz_date_format(int64_t ms, char ret_text[CR_AMZ_DATE_SIZE])
{
    static const int64_t first_ms = -62167219200000, end_ms = 253402300800000; /* the years 0 and 10000 begin */
    int64_t from_first_s, days;
    unsigned second;
    struct date date;

    if (ms < first_ms || ms >= end_ms)
        return false;
    from_first_s = (ms - first_ms) / second_ms;
    days = from_first_s / day_s + first_ms / second_ms / day_s;
    second = (unsigned)(from_first_s % day_s);
    date = date_of(days);
    memcpy(ret_text, "00000000T000000Z", CR_AMZ_DATE_SIZE);
    put_number(ret_text, 4, (unsigned)date.year);
    put_number(ret_text + 4, 2, date.month);
    put_number(ret_text + 6, 2, date.day);
    put_number(ret_text + 9, 2, second / 3600);
    put_number(ret_text + 11, 2, second / 60 % 60);
    put_number(ret_text + 13, 2, second % 60);
    return true;
}
