#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log.h"

#include <chatroom/json.h>
#include <chatroom/utf8.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct channel {
    struct log log;
    int ends[2]; /* read, write */
    char text[65536];
};

static void open_pipe(struct channel *c, enum chatroom_log_level level)
{
    assert_int_equal(pipe(c->ends), 0);
    fcntl(c->ends[0], F_SETFL, O_NONBLOCK);
    log_init(&c->log, c->ends[1], level, NULL);
}

static void close_pipe(struct channel *c)
{
    log_fini(&c->log);
    close(c->ends[0]);
    close(c->ends[1]);
}

/* What came so far, as a C string. */
static char *drain(struct channel *c)
{
    ssize_t size = read(c->ends[0], c->text, sizeof c->text - 1);

    c->text[size > 0 ? size : 0] = '\0';
    return c->text;
}

static chatroom_span escaped(chatroom_span text)
{
    static char buffer[LOG_TEXT_BYTES];

    return chatroom_bytes(buffer, log_escape(buffer, sizeof buffer, text));
}

static void check_escape(chatroom_span text, const char *wanted)
{
    chatroom_span got = escaped(text);

    if (!chatroom_span_equal(got, chatroom_str(wanted)))
        fail_msg("got %.*s, wanted %s", (int)got.size, got.bytes, wanted);
}

static void T21_text_of_a_peer_is_escaped(void **state)
{
    (void)state;
    check_escape(chatroom_str("plain, h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80"),
                 "plain, h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80");
    check_escape(chatroom_str("a\nb\r\t\x1b[31m\x7f"), "a\\u000ab\\u000d\\u0009\\u001b[31m\\u007f");
    check_escape(chatroom_bytes("\0x", 2), "\\u0000x");
    check_escape(chatroom_str("\"\\"), "\\\"\\\\");
    check_escape(chatroom_str("\xc2\x9b"), "\\u009b");
    check_escape(chatroom_str("\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf"), "\\u2028\\u202e\\ufeff");
    check_escape(chatroom_str("\xf3\xa0\x81\x81"), "\\ufffd");
    check_escape(chatroom_str("\xff\xc3"), "\\ufffd\\ufffd");
    check_escape(chatroom_str("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");
    check_escape(chatroom_bytes(NULL, 0), "");
}

static void T21_text_is_cut_between_characters(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(escaped(chatroom_bytes(text, sizeof text)).size, LOG_TEXT_BYTES);
    memset(text, '\n', sizeof text);
    assert_int_equal(escaped(chatroom_bytes(text, sizeof text)).size, LOG_TEXT_BYTES / 6 * 6);
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    assert_int_equal(escaped(chatroom_bytes(text, sizeof text)).size, LOG_TEXT_BYTES / 3 * 3);
}

static void T21_any_bytes_make_one_valid_line(void **state)
{
    struct channel c;
    char text[64];
    uint32_t seed = 7;

    (void)state;
    open_pipe(&c, CHATROOM_LOG_DEBUG);
    for (int round = 0; round < 3000; round++) {
        struct chatroom_log_field fields[] = {
            CHATROOM_TEXT("text", chatroom_bytes(text, sizeof text)),
            CHATROOM_NUMBER("number", round),
        };
        size_t size;

        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = (char)(seed >> (round % 2 ? 24 : 28));
        }
        log_event(&c.log, CHATROOM_LOG_INFO, "test", fields, 2);
        size = strlen(drain(&c));
        assert_true(size > 0);
        assert_int_equal(c.text[size - 1], '\n');
        assert_null(memchr(c.text, '\n', size - 1));
        assert_int_equal(chatroom_json_scan(chatroom_bytes(c.text, size - 1), NULL, NULL, 0, &size), CHATROOM_OK);
    }
    close_pipe(&c);
}

static void log__a_line_has_time_level_event_and_fields(void **state)
{
    static const struct chatroom_log_field fields[] = {
        CHATROOM_NUMBER("code", -5),
        {"text", {"x", 1}, 0},
    };
    struct channel c;
    int year, rest = 0;

    (void)state;
    open_pipe(&c, CHATROOM_LOG_INFO);
    log_event(&c.log, CHATROOM_LOG_WARN, "store_failed", fields, 2);
    log_event(&c.log, CHATROOM_LOG_DEBUG, "too_quiet", NULL, 0);
    drain(&c);
    assert_int_equal(sscanf(c.text, "{\"time\":\"%d-%*d-%*dT%*d:%*d:%*d.%*3dZ\",%n", &year, &rest), 1);
    assert_true(year >= 2024 && rest > 0);
    assert_string_equal(c.text + rest, "\"level\":\"warn\",\"event\":\"store_failed\",\"code\":-5,\"text\":\"x\"}\n");
    close_pipe(&c);
}

static void log__fields_that_do_not_fit_are_left_out_whole(void **state)
{
    struct chatroom_log_field fields[100];
    struct channel c;
    char text[300];
    size_t size;

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 100; i++)
        fields[i] = (struct chatroom_log_field)CHATROOM_TEXT("key", chatroom_bytes(text, sizeof text));
    open_pipe(&c, CHATROOM_LOG_INFO);
    log_event(&c.log, CHATROOM_LOG_INFO, "big", fields, 100);
    size = strlen(drain(&c));
    assert_true(size > 3000 && size <= LOG_LINE_BYTES);
    assert_int_equal(chatroom_json_scan(chatroom_bytes(c.text, size - 1), NULL, NULL, 0, &size), CHATROOM_OK);
    close_pipe(&c);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* Far more than a pipe holds; a blocked write would hang the test. */
static void F25_a_full_pipe_drops_lines_and_counts_them(void **state)
{
    static char all[1 << 20];
    struct channel c;
    size_t size = 0, lost;
    ssize_t got;
    const char *told;

    (void)state;
    open_pipe(&c, CHATROOM_LOG_INFO);
    for (int i = 0; i < 20000; i++)
        log_event(&c.log, CHATROOM_LOG_INFO, "flood", NULL, 0);
    lost = c.log.lost;
    assert_true(lost > 0 && lost < 20000);
    while ((got = read(c.ends[0], all + size, sizeof all - size - 1)) > 0)
        size += (size_t)got;
    assert_int_equal(count_lines(all), 20000 - lost);
    log_event(&c.log, CHATROOM_LOG_INFO, "after", NULL, 0);
    drain(&c);
    told = strstr(c.text, "\"event\":\"log_lost\",\"lines\":");
    assert_non_null(told);
    assert_int_equal(strtoul(told + strlen("\"event\":\"log_lost\",\"lines\":"), NULL, 10), lost);
    assert_non_null(strstr(c.text, "\"event\":\"after\""));
    assert_int_equal(count_lines(c.text), 2);
    close_pipe(&c);
}

static void F25_a_full_socket_does_not_block_either(void **state)
{
    struct log log;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    log_init(&log, ends[1], CHATROOM_LOG_INFO, NULL);
    for (int i = 0; i < 20000; i++)
        log_event(&log, CHATROOM_LOG_INFO, "flood", NULL, 0);
    assert_true(log.lost > 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    log_event(&log, CHATROOM_LOG_INFO, "nobody_reads", NULL, 0);
    log_fini(&log);
    close(ends[1]);
}

static void log__what_others_share_stays_blocking(void **state)
{
    struct channel c;

    (void)state;
    open_pipe(&c, CHATROOM_LOG_INFO);
    assert_true(c.log.owned);
    assert_int_equal(fcntl(c.ends[1], F_GETFL) & O_NONBLOCK, 0);
    close_pipe(&c);
}

static void log__the_journal_gets_priorities_and_nobody_else(void **state)
{
    struct channel c;
    struct stat st;
    char stream[64];

    (void)state;
    assert_int_equal(pipe(c.ends), 0);
    assert_int_equal(fstat(c.ends[1], &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    log_init(&c.log, c.ends[1], CHATROOM_LOG_INFO, stream);
    log_event(&c.log, CHATROOM_LOG_ERROR, "test", NULL, 0);
    assert_memory_equal(drain(&c), "<3>{", 4);
    log_fini(&c.log);
    log_init(&c.log, c.ends[1], CHATROOM_LOG_INFO, "1:1");
    log_event(&c.log, CHATROOM_LOG_ERROR, "test", NULL, 0);
    assert_memory_equal(drain(&c), "{\"time", 6);
    close_pipe(&c);
}

static void log__a_closed_standard_error_is_survived(void **state)
{
    struct log log;

    (void)state;
    log_init(&log, -1, CHATROOM_LOG_INFO, NULL);
    log_event(&log, CHATROOM_LOG_ERROR, "test", NULL, 0);
    assert_int_equal(log.lost, 1);
    log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T21_text_of_a_peer_is_escaped),
        cmocka_unit_test(T21_text_is_cut_between_characters),
        cmocka_unit_test(T21_any_bytes_make_one_valid_line),
        cmocka_unit_test(log__a_line_has_time_level_event_and_fields),
        cmocka_unit_test(log__fields_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(F25_a_full_pipe_drops_lines_and_counts_them),
        cmocka_unit_test(F25_a_full_socket_does_not_block_either),
        cmocka_unit_test(log__what_others_share_stays_blocking),
        cmocka_unit_test(log__the_journal_gets_priorities_and_nobody_else),
        cmocka_unit_test(log__a_closed_standard_error_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
