#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "answer.h"

#include <stdlib.h>

#define DATE  "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
#define SNIFF "X-Content-Type-Options: nosniff\r\n"

static void assert_text(const struct ws_answer *answer, const char *wanted)
{
    char *text = malloc(ws_answer_most(answer)); /* as long as it may be, not longer */
    size_t size;

    assert_non_null(text);
    size = ws_answer_write(answer, 0, text);
    assert_in_range(size, 1, ws_answer_most(answer));
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(text, wanted, size);
    free(text);
}

static void answer__has_what_belongs_to_it(void **state)
{
    const struct ws_answer plain = {.status = 200, .body = chatroom_str("hello")},
                           last = {.status = 426, .fields = "Upgrade: websocket\r\n", .close = true},
                           none = {.status = 204}, odd = {.status = 599, .close = true};

    (void)state;
    assert_text(&plain, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" SNIFF DATE "\r\n");
    assert_text(&last, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n" SNIFF DATE
                       "Connection: close, Upgrade\r\n\r\n");
    assert_text(&none, "HTTP/1.1 204 No Content\r\n" SNIFF DATE "\r\n");
    assert_text(&odd, "HTTP/1.1 599 Server Error\r\nContent-Length: 0\r\n" SNIFF DATE "Connection: close\r\n\r\n");
}

static void answer__leaves_out_headers_that_could_break_it(void **state)
{
    const struct chatroom_header headers[] = {
        {chatroom_str("A"), chatroom_str("1")},
        {chatroom_str("B"), chatroom_str("x\r\nEvil: 1")},
        {chatroom_str("C"), chatroom_str("x\nEvil: 1")},
        {chatroom_str("D"), chatroom_bytes("x\0y", 3)},
        {chatroom_str("E F"), chatroom_str("1")},
        {chatroom_str("G:"), chatroom_str("1")},
        {chatroom_str(""), chatroom_str("1")},
        {chatroom_str("H\r\nEvil"), chatroom_str("1")},
        {chatroom_str("content-LENGTH"), chatroom_str("77")},
        {chatroom_str("Transfer-Encoding"), chatroom_str("chunked")},
        {chatroom_str("Connection"), chatroom_str("close")},
        {chatroom_str("Date"), chatroom_str("today")},
        {chatroom_str("Z"), chatroom_str("")},
    };
    const struct ws_answer answer = {
        .status = 200, .headers = headers, .header_count = sizeof headers / sizeof headers[0]};

    (void)state;
    assert_text(&answer, "HTTP/1.1 200 OK\r\nA: 1\r\nZ: \r\nContent-Length: 0\r\n" SNIFF DATE "\r\n");
}

static void answer__fits_what_is_said_to_be_enough(void **state)
{
    static char name[5000], value[100000];
    const struct chatroom_header headers[] = {{chatroom_bytes(name, sizeof name), chatroom_bytes(value, sizeof value)}};
    struct ws_answer answer = {.status = 431, .headers = headers, .header_count = 1, .close = true};
    char *text;

    (void)state;
    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value);
    answer.body.size = SIZE_MAX;
    text = malloc(ws_answer_most(&answer));
    assert_non_null(text);
    assert_in_range(ws_answer_write(&answer, INT64_MAX, text), sizeof name + sizeof value, ws_answer_most(&answer));
    free(text);
}

static void status__is_one_of_a_final_answer(void **state)
{
    (void)state;
    assert_int_equal(ws_answer_status(200), 200);
    assert_int_equal(ws_answer_status(599), 599);
    assert_int_equal(ws_answer_status(199), 500);
    assert_int_equal(ws_answer_status(600), 500);
    assert_int_equal(ws_answer_status(0), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer__has_what_belongs_to_it),
        cmocka_unit_test(answer__leaves_out_headers_that_could_break_it),
        cmocka_unit_test(answer__fits_what_is_said_to_be_enough),
        cmocka_unit_test(status__is_one_of_a_final_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
