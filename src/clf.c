#include "clf.h"

#include <string.h>

static const int64_t day_seconds = 86400;
/* 1 January 0000, 00:00:00, and 31 December 9999, 23:59:59. */
static const int64_t first_second = -62167219200, last_second = 253402300799;

struct date {
    unsigned year;
    unsigned month, day; /* from 0 */
};

static int64_t whole_seconds(int64_t time_ms)
{
    int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0);

    return seconds < first_second ? first_second : seconds > last_second ? last_second : seconds;
}

/*
 * Of a count of days since 1 March of the year -400, which leaves none negative. Years begin in March here, so that the
 * leap day is the last of its year; 400 of them are one round of the calendar.
 */
static struct date date_of(uint64_t days)
{
    uint64_t round = days / 146097, day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* from March */
    struct date date;

    date.day = (unsigned)(of_year - (153 * month + 2) / 5);
    date.month = (unsigned)(month < 10 ? month + 2 : month - 10);
    date.year = (unsigned)(400 * round + year + (date.month < 2) - 400);
    return date;
}

static char *put(char *to, unsigned number, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--, number /= 10)
        to[i - 1] = (char)('0' + number % 10);
    return to + digits;
}

static char *put_after(char *to, char separator, unsigned number, unsigned digits)
{
    *to = separator;
    return put(to + 1, number, digits);
}

void cr_clf(int64_t time_ms, char ret_text[CR_CLF_SIZE + 1])
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    /* From 1 March -400 on, 719468 + 146097 days before 1970. */
    uint64_t seconds = (uint64_t)(whole_seconds(time_ms) + (719468 + 146097) * day_seconds);
    struct date date = date_of(seconds / (uint64_t)day_seconds);
    unsigned second = (unsigned)(seconds % (uint64_t)day_seconds);
    char *at = put(ret_text, date.day + 1, 2);

    *at++ = '/';
    memcpy(at, months + 3 * date.month, 3);
    at = put_after(at + 3, '/', date.year, 4);
    at = put_after(at, ':', second / 3600, 2);
    at = put_after(at, ':', second / 60 % 60, 2);
    at = put_after(at, ':', second % 60, 2);
    memcpy(at, " +0000", 7);
}
