#include "date.h"

#include <string.h>

#define DAY_S  86400
#define LAST_S 253402300799 /* of the year 9999 */

struct day {
    unsigned year, month, day; /* from 1 */
};

/* Years begin in March here, so that the day that comes and goes is the last of one. An era has 400 of them. */
static struct day day_of(unsigned days)
{
    unsigned since = days + 719468; /* from the first of March of the year 0 to 1970 */
    unsigned era = since / 146097, in_era = since % 146097;
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153; /* 0: March */

    return (struct day){era * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9,
                        in_year - (153 * month + 2) / 5 + 1};
}

static void put_number(char *at, unsigned digits, unsigned number)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

void ws_date(int64_t wall_ms, char ret_text[WS_DATE_SIZE + 1])
{
    int64_t seconds = wall_ms < 0 ? 0 : wall_ms / 1000 < LAST_S ? wall_ms / 1000 : LAST_S;
    unsigned days = (unsigned)(seconds / DAY_S), rest = (unsigned)(seconds % DAY_S);
    struct day day = day_of(days);

    memcpy(ret_text, "DDD, dd MMM yyyy hh:mm:ss GMT", WS_DATE_SIZE + 1);
    memcpy(ret_text, &"ThuFriSatSunMonTueWed"[days % 7 * 3], 3);
    put_number(ret_text + 5, 2, day.day);
    memcpy(ret_text + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(day.month - 1) * 3], 3);
    put_number(ret_text + 12, 4, day.year);
    put_number(ret_text + 17, 2, rest / 3600);
    put_number(ret_text + 20, 2, rest / 60 % 60);
    put_number(ret_text + 23, 2, rest % 60);
}
