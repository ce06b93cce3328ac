#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "head.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST "Host: a\r\n"

/* What becomes of these octets: 0 a head, a status, or -1 when more is needed. The copy makes reads beyond it show. */
static int judge(chatroom_span octets, struct ws_head *ret_head)
{
    static char *copy;
    size_t scanned = 0;
    int status = -1;

    free(copy);
    copy = malloc(octets.size ? octets.size : 1);
    memcpy(copy, octets.bytes, octets.size);
    for (size_t size = 0; size <= octets.size && status == -1; size++)
        switch (ws_head_scan(copy, size, &scanned)) { /* as if each octet came alone */
        case WS_SCAN_BAD:
            status = 400;
            break;
        case WS_SCAN_END:
            status = ws_head_parse(chatroom_bytes(copy, scanned), 100, ret_head);
            break;
        case WS_SCAN_MORE:
            assert_int_equal(scanned, size);
        }
    if (octets.size == 0) {
        free(copy);
        copy = NULL;
    }
    return status;
}

static int judge_text(const char *text)
{
    struct ws_head head;

    return judge(chatroom_str(text), &head);
}

static void assert_span(chatroom_span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.bytes, text, span.size);
}

static void head__parts_are_found(void **state)
{
    struct ws_head head;
    chatroom_span value;

    (void)state;
    assert_int_equal(
        judge(chatroom_str("GET /a/b?c=d HTTP/1.1\r\nHost: chat.example:80\r\nX-One: \t1 2\t \r\nx-one:\r\n\r\n"
                           "rest"),
              &head),
        0);
    assert_span(head.method, "GET");
    assert_span(head.target, "/a/b?c=d");
    assert_span(head.path, "/a/b");
    assert_span(head.host, "chat.example:80");
    assert_int_equal(head.field_count, 3);
    assert_span(head.fields[1].name, "X-One");
    assert_true(ws_head_field(&head, "X-ONE", 0, &value));
    assert_span(value, "1 2");
    assert_true(ws_head_field(&head, "x-one", 1, &value));
    assert_span(value, "");
    assert_false(ws_head_field(&head, "x-one", 2, &value));
    assert_false(ws_head_field(&head, "x-on", 0, &value));
    assert_false(ws_head_field(&head, "x-onf", 0, &value));
    assert_false(ws_head_field(&head, "xxone", 0, &value));
    assert_false(head.has_body);
}

static void head__absolute_target_is_brought_to_origin_form(void **state)
{
    struct ws_head head;

    (void)state;
    assert_int_equal(judge(chatroom_str("GET HTTP://b:1/x?y HTTP/1.1\r\n" HOST "\r\n"), &head), 0);
    assert_span(head.target, "/x?y");
    assert_span(head.path, "/x");
    assert_span(head.host, "b:1");
    assert_int_equal(judge(chatroom_str("GET http://b HTTP/1.1\r\n" HOST "\r\n"), &head), 0);
    assert_span(head.target, "/");
}

/* Also the table of what other parsers let through. */
static void T30_heads_that_could_be_read_in_two_ways_are_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 4 4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X-Abc: \rxTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n",
        "GET /\nHost: a\r\n\r\nbody",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\n"
        "Host: a\n\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X\x01: a\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X\xc3\xa9: a\r\n\r\n",
        "GET / HTTP/1.2\r\n" HOST "\r\n",
        "GET / HTTP/1.0\r\n" HOST "\r\n",
        "GET / HTTP/2.0\r\n" HOST "\r\n",
        "GET / HTTP/1.10\r\n" HOST "\r\n",
        "GET / HTTP/01.1\r\n" HOST "\r\n",
        "GET / http/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1 \r\n" HOST "\r\n",
        "GET /  HTTP/1.1\r\n" HOST "\r\n",
        "GET  / HTTP/1.1\r\n" HOST "\r\n",
        " GET / HTTP/1.1\r\n" HOST "\r\n",
        "\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
        "GET\t/\tHTTP/1.1\r\n" HOST "\r\n",
        "GET  HTTP/1.1\r\n" HOST "\r\n",
        "GET /\x7f HTTP/1.1\r\n" HOST "\r\n",
        "GET http://[::1/ HTTP/1.1\r\n" HOST "\r\n",
        "GET /\r\n" HOST "\r\n",
        "GET\r\n" HOST "\r\n",
        "\r\n\r\n",
        "G@T / HTTP/1.1\r\n" HOST "\r\n",
        " / HTTP/1.1\r\n" HOST "\r\n",
        "GET a HTTP/1.1\r\n" HOST "\r\n",
        "GET * HTTP/1.1\r\n" HOST "\r\n",
        "GET /a#b HTTP/1.1\r\n" HOST "\r\n",
        "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n",
        "GET /a b HTTP/1.1\r\n" HOST "\r\n",
        "GET https://a/ HTTP/1.1\r\n" HOST "\r\n",
        "GET http:///x HTTP/1.1\r\n" HOST "\r\n",
        "GET http://u@a/x HTTP/1.1\r\n" HOST "\r\n",
        "GET http:// HTTP/1.1\r\n" HOST "\r\n",
        "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "host: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (judge_text(bad[i]) != 400)
            fail_msg("taken: %s", bad[i]);
}

static void T30_nul_is_refused_wherever_it_stands(void **state)
{
    static const char good[] = "GET /x HTTP/1.1\r\n" HOST "X: abc\r\n\r\n";
    struct ws_head head;

    (void)state;
    for (size_t at = 0; at < sizeof good - 1; at++) {
        char text[sizeof good];

        memcpy(text, good, sizeof good);
        text[at] = '\0';
        assert_int_equal(judge(chatroom_bytes(text, sizeof good - 1), &head), 400);
    }
}

static void T30_hosts(void **state)
{
    static const char *const good[] = {
        "a",      "a:80",    "a.b-c_d~e",   "127.0.0.1:8080",   "[::1]",        "[::1]:80", "a:", "%41",
        "[::1]:", "a:12345", "[::1]:12345", "[::ffff:1.2.3.4]", "a!$&'()*+,;=b"};
    static const char *const bad[] = {"a b",      "a/b",      "a@b",      "a:b",  "[::1",  "::1",   "[::1]x",
                                      "[::1]80",  "[]",       "a:123456", ":80",  "a,b c", "a\\b",  "a?b",
                                      "a#b",      "[::g%]",   "a:80:80",  "<a>",  "[-1]",  "[g:]x", "[::1]:123456",
                                      "[::1]:8x", "[::1]::8", "a:8/",     "a:8:", "[1-2]"};
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        if (judge_text(text) != 0)
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        if (judge_text(text) != 400)
            fail_msg("taken: %s", bad[i]);
    }
}

static void head__bodies_are_noticed(void **state)
{
    static const struct {
        const char *fields;
        size_t body;
        bool encoding;
    } table[] = {
        {"", 0, false},
        {"Content-Length: 0\r\n", 0, false},
        {"Content-Length: 000\r\n", 0, false},
        {"Content-Length: 7\r\n", 7, false},
        {"Content-Length: 00131072\r\n", 131072, false},
        {"Content-Length: 18446744073709551614\r\n", SIZE_MAX - 1, false},
        {"Content-Length: 18446744073709551615\r\n", SIZE_MAX, false},
        {"Content-Length: 18446744073709551616\r\n", SIZE_MAX, false},
        {"Content-Length: 18446744073709551620\r\n", SIZE_MAX, false},
        {"Content-Length: 99999999999999999999999999\r\n", SIZE_MAX, false},
        {"Transfer-Encoding: chunked\r\n", 0, true},
        {"transfer-encoding: gzip\r\n", 0, true},
    };
    struct ws_head head;
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "%s\r\n", table[i].fields);
        assert_int_equal(judge(chatroom_str(text), &head), 0);
        assert_true(head.body_size == table[i].body);
        assert_int_equal(head.has_body, table[i].body > 0);
        assert_int_equal(head.has_transfer_encoding, table[i].encoding);
    }
}

static void T02_limits_on_target_and_fields(void **state)
{
    char text[4096];
    int size;

    (void)state;
    snprintf(text, sizeof text, "GET /%099d HTTP/1.1\r\n" HOST "\r\n", 0);
    assert_int_equal(judge_text(text), 0);
    snprintf(text, sizeof text, "GET /%0100d HTTP/1.1\r\n" HOST "\r\n", 0);
    assert_int_equal(judge_text(text), 414);
    snprintf(text, sizeof text, "GET /%0100d\r\n" HOST "\r\n", 0); /* without a version */
    assert_int_equal(judge_text(text), 414);
    snprintf(text, sizeof text, "GET /%099d\r\n" HOST "\r\n", 0);
    assert_int_equal(judge_text(text), 400);
    size = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < WS_FIELDS_MOST; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "X: %d\r\n", i);
    snprintf(text + size, sizeof text - (size_t)size, "\r\n");
    assert_int_equal(judge_text(text), 0);
    snprintf(text + size, sizeof text - (size_t)size, "X: 1\r\n\r\n");
    assert_int_equal(judge_text(text), 431);
}

static void head__is_incomplete_at_every_cut(void **state)
{
    static const char good[] = "GET /x HTTP/1.1\r\n" HOST "X: abc\r\n\r\n";
    struct ws_head head;

    (void)state;
    for (size_t size = 0; size < sizeof good - 1; size++)
        assert_int_equal(judge(chatroom_bytes(good, size), &head), -1);
    assert_int_equal(judge(chatroom_bytes(good, sizeof good - 1), &head), 0);
    judge(chatroom_str(""), &head); /* frees the copy */
}

static void head__lists_have_their_elements_whatever_stands_around_them(void **state)
{
    static const char *const with[] = {"upgrade", "Upgrade", " keep-alive ,\tUPGRADE\t", ",,upgrade,", "a, upgrade, b"};
    static const char *const without[] = {"", ",", "upgraded", "up grade", "\"upgrade\"", "upgrade;q=1", "x-upgrade"};
    struct ws_head head = {.field_count = 1, .fields = {{chatroom_str("Connection"), {NULL, 0}}}};

    (void)state;
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        head.fields[0].value = chatroom_str(with[i]);
        assert_true(ws_head_lists(&head, "connection", "upgrade"));
        assert_false(ws_head_lists(&head, "connections", "upgrade"));
    }
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        head.fields[0].value = chatroom_str(without[i]);
        assert_false(ws_head_lists(&head, "connection", "upgrade"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head__parts_are_found),
        cmocka_unit_test(head__absolute_target_is_brought_to_origin_form),
        cmocka_unit_test(T30_heads_that_could_be_read_in_two_ways_are_refused),
        cmocka_unit_test(T30_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(T30_hosts),
        cmocka_unit_test(head__bodies_are_noticed),
        cmocka_unit_test(T02_limits_on_target_and_fields),
        cmocka_unit_test(head__lists_have_their_elements_whatever_stands_around_them),
        cmocka_unit_test(head__is_incomplete_at_every_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
