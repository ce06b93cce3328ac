#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "chat_text.h"

static void assert_time(int64_t time_ms, const char *wanted)
{
    char text[CR_CHAT_TIME_SIZE + 1] = "";

    cr_chat_time(time_ms, text);
    assert_string_equal(text, wanted);
}

static void chat_text__times(void **state)
{
    (void)state;
    assert_time(INT64_C(1795467901000), "11/23/2026, 09:05:01 PM");
    assert_time(INT64_C(1795467901999), "11/23/2026, 09:05:01 PM");
    assert_time(0, "01/01/1970, 12:00:00 AM");
    assert_time(-1, "12/31/1969, 11:59:59 PM");
    assert_time(-1000, "12/31/1969, 11:59:59 PM");
    assert_time(-1001, "12/31/1969, 11:59:58 PM");
    assert_time(INT64_C(43200) * 1000, "01/01/1970, 12:00:00 PM");
    assert_time(INT64_C(43199) * 1000, "01/01/1970, 11:59:59 AM");
    assert_time(INT64_C(951782400) * 1000, "02/29/2000, 12:00:00 AM");
    assert_time(INT64_C(4107542399) * 1000, "02/28/2100, 11:59:59 PM");
    assert_time(INT64_C(4107542400) * 1000, "03/01/2100, 12:00:00 AM");
    assert_time(INT64_C(253402300799) * 1000, "12/31/9999, 11:59:59 PM");
    assert_time(INT64_C(253402300800) * 1000, "12/31/9999, 11:59:59 PM");
    assert_time(INT64_C(-62167219200) * 1000, "01/01/0000, 12:00:00 AM");
    assert_time(INT64_C(-62167219201) * 1000, "01/01/0000, 12:00:00 AM");
    assert_time(INT64_MAX, "12/31/9999, 11:59:59 PM");
    assert_time(INT64_MIN, "01/01/0000, 12:00:00 AM");
}

/* The C library's calendar agrees, from the first year to the last. */
static void chat_text__times_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t seconds = INT64_C(-62167219200); seconds <= INT64_C(253402300799); seconds += 12345677) {
        time_t at = (time_t)seconds;
        struct tm parts;
        char date[64], wanted[128];

        assert_non_null(gmtime_r(&at, &parts));
        assert_true(strftime(date, sizeof date, ", %I:%M:%S ", &parts) > 0);
        snprintf(wanted, sizeof wanted, "%02d/%02d/%04d%s%s", parts.tm_mon + 1, parts.tm_mday, parts.tm_year + 1900,
                 date, parts.tm_hour < 12 ? "AM" : "PM");
        assert_time(seconds * 1000, wanted);
    }
}

static const char *written(cr_chat_write_fn *write, const void *what)
{
    static char bytes[4096];
    struct chatroom_json measured = chatroom_json_on(NULL, 0), json = chatroom_json_on(bytes, sizeof bytes - 1);

    write(&measured, what);
    write(&json, what);
    assert_true(json.size < sizeof bytes);
    assert_int_equal(measured.size, json.size);
    bytes[json.size] = '\0';
    return bytes;
}

static const struct chatroom_entry entries[] = {
    {{"a", 1}, 17, 1, INT64_C(1795467901000), {"ann", 3}, {NULL, 0}, {"\"hi\"", 4}},
    {{"a", 1}, 17, 2, INT64_C(1795467905000), {"<\"b\">", 5}, {"x1", 2}, {"\"\\u0000<b>\"", 11}},
};

static struct chatroom_history history_of(size_t count, uint64_t newest)
{
    struct chatroom_history history = {{"a", 1}, UINT64_MAX, newest, entries, count, false};

    return history;
}

/* T38: golden texts, the keys of docs/chat-protocol.md and no others. */
static void chat_text__T38_golden(void **state)
{
    const chatroom_span room = chatroom_str("\"r\""), raw = chatroom_str("\"\\/\"");
    struct chatroom_history none = history_of(0, 0), one = history_of(1, 1), two = history_of(2, 2);

    (void)state;
    assert_string_equal(written(cr_chat_write_room, &room), "{\"type\":\"single-room\",\"message\":\"\\\"r\\\"\"}");
    assert_string_equal(written(cr_chat_write_deleted, &room), "{\"type\":\"delete-room\",\"room\":\"\\\"r\\\"\"}");
    assert_string_equal(written(cr_chat_write_hall, &raw),
                        "{\"message\":\"\\/\",\"user\":\"no-rooms\",\"type\":\"client-message\"}");
    assert_string_equal(
        written(cr_chat_write_created, &none),
        "{\"transactWrite\":\"SUCCESS\",\"scan\":\"SUCCESS\",\"dispatchStatus\":\"SUCCESS\",\"room\":\"a\","
        "\"epoch\":\"18446744073709551615\"}");
    assert_string_equal(written(cr_chat_write_joined, &none),
                        "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"EMPTY\",\"room\":\"a\","
                        "\"epoch\":\"18446744073709551615\",\"newest\":0}");
    assert_string_equal(
        written(cr_chat_write_joined, &one),
        "{\"transactWrite\":\"SUCCESS\",\"scanStatus\":\"SUCCESS\",\"type\":\"multi-message\",\"messages\":["
        "{\"user\":\"ann\",\"content\":\"hi\",\"time\":\"11/23/2026, 09:05:01 PM\",\"ts\":1795467901000,"
        "\"seq\":1}],\"room\":\"a\",\"epoch\":\"18446744073709551615\",\"newest\":1,\"more\":false}");
    assert_string_equal(
        written(cr_chat_write_history, &two),
        "{\"type\":\"history\",\"room\":\"a\",\"epoch\":\"18446744073709551615\",\"newest\":2,\"more\":false,"
        "\"messages\":[{\"user\":\"ann\",\"content\":\"hi\",\"time\":\"11/23/2026, 09:05:01 PM\","
        "\"ts\":1795467901000,\"seq\":1},{\"user\":\"<\\\"b\\\">\",\"content\":\"\\u0000<b>\","
        "\"time\":\"11/23/2026, 09:05:05 PM\",\"ts\":1795467905000,\"seq\":2,\"id\":\"x1\"}]}");
}

static void write_entry(struct chatroom_json *json, const void *what)
{
    cr_chat_write_entry(NULL, what, json);
}

static void write_refusal(struct chatroom_json *json, const void *what)
{
    cr_chat_write_refusal(NULL, what, json);
}

static void chat_text__T38_golden_entry_and_error(void **state)
{
    const struct chatroom_refusal refusal = {.result = CHATROOM_EREFUSED,
                                             .code = "room_exists",
                                             .sentence = "There is.",
                                             .connection_id = {"secret-connection", 17},
                                             .request_id = {"JC1dgf9yoAMCK-g=", 16}};

    (void)state;
    assert_string_equal(written(write_entry, &entries[0]),
                        "{\"message\":\"hi\",\"user\":\"ann\",\"type\":\"client-message\","
                        "\"room\":\"a\",\"seq\":1,\"ts\":1795467901000}");
    assert_string_equal(
        written(write_entry, &entries[1]),
        "{\"message\":\"\\u0000<b>\",\"user\":\"<\\\"b\\\">\",\"type\":\"client-message\",\"room\":\"a\","
        "\"seq\":2,\"ts\":1795467905000,\"id\":\"x1\"}");
    assert_string_equal(written(write_refusal, &refusal),
                        "{\"type\":\"error\",\"code\":\"room_exists\",\"message\":\"There is.\","
                        "\"requestId\":\"JC1dgf9yoAMCK-g=\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_text__times),
        cmocka_unit_test(chat_text__times_agree_with_the_c_library),
        cmocka_unit_test(chat_text__T38_golden),
        cmocka_unit_test(chat_text__T38_golden_entry_and_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
