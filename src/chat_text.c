#include "chat_text.h"

#include "chat_names.h"

enum { MEMBERS_MOST = 200 }; /* names in one answer */

/* ---- pieces ---- */

static void text(struct chatroom_json *json, const char *name, chatroom_span value)
{
    chatroom_json_name(json, name);
    chatroom_json_string(json, value);
}

static void word(struct chatroom_json *json, const char *name, const char *value)
{
    text(json, name, chatroom_str(value));
}

static void number(struct chatroom_json *json, const char *name, uint64_t value)
{
    chatroom_json_name(json, name);
    chatroom_json_number(json, (int64_t)value);
}

static void boolean(struct chatroom_json *json, const char *name, bool value)
{
    chatroom_json_name(json, name);
    chatroom_json_raw(json, chatroom_str(value ? "true" : "false"));
}

/* A string: scripts would round a number of 64 bits. */
static void epoch(struct chatroom_json *json, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    text(json, "epoch", chatroom_bytes(digits + at, sizeof digits - at));
}

/* ---- time ---- */

#define SECONDS_OF_YEAR_0    INT64_C(-62167219200)
#define SECONDS_OF_YEAR_9999 INT64_C(253402300799)

enum { DAYS_OF_400_YEARS = 146097, DAYS_BEFORE_MARCH = 60 };

static void put_digits(char *at, unsigned count, unsigned value)
{
    while (count-- > 0) {
        at[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/*
 * Gregorian date of a day counted from 0000-03-01: years begin in March, so that the leap day is a year's last and the
 * lengths of its months follow one formula.
 */
static void find_date(unsigned day, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    unsigned era = day / DAYS_OF_400_YEARS, of_era = day % DAYS_OF_400_YEARS;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_OF_400_YEARS - 1)) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153; /* 0 is March */

    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = era * 400 + year + (*ret_month <= 2 ? 1 : 0);
}

void cr_chat_time(int64_t time_ms, char ret_text[CR_CHAT_TIME_SIZE])
{
    int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0 ? 1 : 0);
    unsigned year, month, day, of_day, hour;

    if (seconds < SECONDS_OF_YEAR_0)
        seconds = SECONDS_OF_YEAR_0;
    if (seconds > SECONDS_OF_YEAR_9999)
        seconds = SECONDS_OF_YEAR_9999;
    seconds -= SECONDS_OF_YEAR_0;
    of_day = (unsigned)(seconds % 86400);
    find_date((unsigned)(seconds / 86400) - DAYS_BEFORE_MARCH + DAYS_OF_400_YEARS, &year, &month, &day);
    year -= 400; /* 400 years were added: the first days are before the first March */
    hour = of_day / 3600;
    memcpy(ret_text, "MM/DD/YYYY, hh:mm:ss AM", CR_CHAT_TIME_SIZE);
    put_digits(ret_text, 2, month);
    put_digits(ret_text + 3, 2, day);
    put_digits(ret_text + 6, 4, year);
    put_digits(ret_text + 12, 2, hour % 12 == 0 ? 12 : hour % 12);
    put_digits(ret_text + 15, 2, of_day / 60 % 60);
    put_digits(ret_text + 18, 2, of_day % 60);
    ret_text[21] = hour < 12 ? 'A' : 'P';
}

/* ---- entries ---- */

void cr_chat_write_entry(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_open(json, '{');
    chatroom_json_name(json, "message");
    chatroom_json_raw(json, entry->payload);
    text(json, "user", entry->author);
    word(json, "type", "client-message");
    text(json, "room", entry->room);
    number(json, "seq", entry->seq);
    number(json, "ts", (uint64_t)entry->time_ms);
    if (entry->id.size > 0)
        text(json, "id", entry->id);
    chatroom_json_close(json, '}');
}

static void old_entry(struct chatroom_json *json, const struct chatroom_entry *entry)
{
    char time[CR_CHAT_TIME_SIZE];

    cr_chat_time(entry->time_ms, time);
    chatroom_json_open(json, '{');
    text(json, "user", entry->author);
    chatroom_json_name(json, "content");
    chatroom_json_raw(json, entry->payload);
    text(json, "time", chatroom_bytes(time, sizeof time));
    number(json, "ts", (uint64_t)entry->time_ms);
    number(json, "seq", entry->seq);
    if (entry->id.size > 0)
        text(json, "id", entry->id);
    chatroom_json_close(json, '}');
}

static void old_entries(struct chatroom_json *json, const struct chatroom_history *history)
{
    chatroom_json_name(json, "messages");
    chatroom_json_open(json, '[');
    for (size_t i = 0; i < history->count; i++)
        old_entry(json, &history->entries[i]);
    chatroom_json_close(json, ']');
}

/* ---- answers ---- */

static bool write_room_name(void *arg, chatroom_span name)
{
    chatroom_json_string(arg, name);
    return true;
}

void cr_chat_write_signup(struct chatroom_json *json, const void *what)
{
    const struct cr_chat_who *who = what;

    chatroom_json_open(json, '{');
    word(json, "type", "signup");
    word(json, "updateStatus", "SUCCESS");
    chatroom_json_name(json, "rooms");
    chatroom_json_open(json, '[');
    chatroom_each_room(who->c, write_room_name, json);
    chatroom_json_close(json, ']');
    text(json, "name", who->name);
    chatroom_json_close(json, '}');
}

struct member_list {
    struct chatroom_json *json;
    size_t count;
};

static bool count_member(void *arg, chatroom_span connection_id, chatroom_span name)
{
    struct member_list *list = arg;

    (void)connection_id;
    (void)name;
    list->count++;
    return true;
}

static bool write_member(void *arg, chatroom_span connection_id, chatroom_span name)
{
    struct member_list *list = arg;

    (void)connection_id;
    chatroom_json_string(list->json, name);
    return ++list->count < MEMBERS_MOST;
}

void cr_chat_write_members(struct chatroom_json *json, const void *what)
{
    const struct cr_chat_who *who = what;
    struct member_list all = {json, 0}, written = {json, 0};

    chatroom_each_member(who->c, who->room, count_member, &all);
    chatroom_json_open(json, '{');
    word(json, "type", "members");
    text(json, "room", who->room);
    number(json, "count", all.count);
    chatroom_json_name(json, "members");
    chatroom_json_open(json, '[');
    chatroom_each_member(who->c, who->room, write_member, &written);
    chatroom_json_close(json, ']');
    chatroom_json_close(json, '}');
}

void cr_chat_write_room(struct chatroom_json *json, const void *what)
{
    const chatroom_span *room = what;

    chatroom_json_open(json, '{');
    word(json, "type", "single-room");
    text(json, "message", *room);
    chatroom_json_close(json, '}');
}

void cr_chat_write_deleted(struct chatroom_json *json, const void *what)
{
    const chatroom_span *room = what;

    chatroom_json_open(json, '{');
    word(json, "type", "delete-room");
    text(json, "room", *room);
    chatroom_json_close(json, '}');
}

void cr_chat_write_created(struct chatroom_json *json, const void *what)
{
    const struct chatroom_history *history = what;

    chatroom_json_open(json, '{');
    word(json, "transactWrite", "SUCCESS");
    word(json, "scan", "SUCCESS");
    word(json, "dispatchStatus", "SUCCESS");
    text(json, "room", history->room);
    epoch(json, history->epoch);
    chatroom_json_close(json, '}');
}

void cr_chat_write_joined(struct chatroom_json *json, const void *what)
{
    const struct chatroom_history *history = what;
    bool any = history->count > 0;

    chatroom_json_open(json, '{');
    word(json, "transactWrite", "SUCCESS");
    word(json, "scanStatus", any ? "SUCCESS" : "EMPTY");
    if (any) {
        word(json, "type", "multi-message");
        old_entries(json, history);
    }
    text(json, "room", history->room);
    epoch(json, history->epoch);
    number(json, "newest", history->newest);
    if (any)
        boolean(json, "more", history->more);
    chatroom_json_close(json, '}');
}

void cr_chat_write_history(struct chatroom_json *json, const void *what)
{
    const struct chatroom_history *history = what;

    chatroom_json_open(json, '{');
    word(json, "type", "history");
    text(json, "room", history->room);
    epoch(json, history->epoch);
    number(json, "newest", history->newest);
    boolean(json, "more", history->more);
    old_entries(json, history);
    chatroom_json_close(json, '}');
}

void cr_chat_write_hall(struct chatroom_json *json, const void *what)
{
    const chatroom_span *raw = what;

    chatroom_json_open(json, '{');
    chatroom_json_name(json, "message");
    chatroom_json_raw(json, *raw);
    word(json, "user", CR_CHAT_HALL);
    word(json, "type", "client-message");
    chatroom_json_close(json, '}');
}

void cr_chat_write_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_open(json, '{');
    word(json, "type", "error");
    word(json, "code", refusal->code);
    word(json, "message", refusal->sentence);
    text(json, "requestId", refusal->request_id);
    chatroom_json_close(json, '}');
}
