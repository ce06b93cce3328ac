#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_text.h"

#include <chatroom/sigv4.h>

#include <stdlib.h>

/*
 * T28: one octet of a signed request is another one, each of them in turn, each of the 255 others: it is not good any
 * more. Two kinds of octets do not count, as the specification has it: how the digits of an escape in the query are
 * written, and white space around and within the value of a header.
 */

static const struct chatroom_sigv4_scope scope = {
    {"us-east-1", 9}, {"execute-api", 11}, INT64_C(1440938160000), 300000};

static const char *const requests[] = {
    "GET /prod/@connections/Zm9vYmFyMDEyMw=\nHost: chat.example\n\n",
    "POST /prod/%40connections/a%3D?b=2&a=%c3%bc&c=a%20b\nHost: chat.example:8080\nX-Amz-Meta: one two\n\n{\"a\":1}",
    "DELETE /\nHost: a\nContent-Type: text/plain\n\nbody",
};

static bool find(void *arg, chatroom_span access_key, chatroom_span *ret_secret, chatroom_span *ret_token)
{
    (void)arg;
    *ret_secret = chatroom_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    *ret_token = chatroom_str("token");
    return chatroom_span_equal(access_key, chatroom_str("AKIDEXAMPLE"));
}

static bool is_good(const struct http_text *http)
{
    return chatroom_sigv4_verify(&http->request, &scope, find, NULL, NULL, 0, NULL).verdict == CHATROOM_SIGV4_GOOD;
}

/* A request with its signature, every part of it in a block that can be written. */
struct signed_request {
    struct http_text http;
    char text[512], date[CHATROOM_SIGV4_DATE_SIZE], token[8], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
};

static void add(struct http_text *http, const char *name, char *value)
{
    http->headers[http->request.header_count++] = (struct chatroom_header){chatroom_str(name), chatroom_str(value)};
}

static void sign(struct signed_request *signed_request, const char *text)
{
    static const struct chatroom_sigv4_key key = {
        {"AKIDEXAMPLE", 11}, {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40}, {"token", 5}};
    struct http_text *http = &signed_request->http;

    memcpy(signed_request->text, text, strlen(text));
    memcpy(signed_request->token, "token", sizeof "token");
    http_text_read(http, chatroom_bytes(signed_request->text, strlen(text)));
    assert_int_equal(
        chatroom_sigv4_sign(&http->request, &scope, &key, signed_request->date, signed_request->authorization),
        CHATROOM_OK);
    add(http, "X-Amz-Date", signed_request->date);
    add(http, "X-Amz-Security-Token", signed_request->token);
    add(http, "Authorization", signed_request->authorization);
    assert_true(is_good(http));
}

static bool is_space(char octet)
{
    return octet == ' ' || octet == '\t';
}

static bool is_digit_of_escape(chatroom_span target, size_t at)
{
    const char *query = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;

    return query && target.bytes + at > query + 1 &&
           (target.bytes[at - 1] == '%' || (target.bytes + at > query + 2 && target.bytes[at - 2] == '%'));
}

/* Every octet of a part. Returns how many requests that made. */
static size_t alter(struct signed_request *signed_request, chatroom_span part, bool is_header)
{
    bool is_target = part.bytes == signed_request->http.request.target.bytes;
    size_t count = 0;

    for (size_t at = 0; at < part.size; at++) {
        char *octet = (char *)part.bytes + at, was = *octet;

        for (int turn = 1; turn < 256; turn++) {
            *octet = (char)(was ^ turn);
            if ((is_header && (is_space(was) || is_space(*octet))) ||
                (is_target && turn == 0x20 && is_digit_of_escape(part, at)))
                continue;
            if (is_good(&signed_request->http))
                fail_msg("\"%.*s\" is as good with %02x at %zu", (int)part.size, part.bytes, (uint8_t)*octet, at);
            count++;
        }
        *octet = was;
    }
    return count;
}

static void T28_any_changed_octet_of_a_signed_request_is_refused(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct signed_request signed_request;
        struct chatroom_sigv4_request *request = &signed_request.http.request;

        sign(&signed_request, requests[i]);
        count += alter(&signed_request, request->method, false);
        count += alter(&signed_request, request->target, false);
        count += alter(&signed_request, request->body, false);
        for (size_t h = 0; h < request->header_count; h++)
            count += alter(&signed_request, request->headers[h].value, true);
        assert_true(is_good(&signed_request.http));
    }
    assert_true(count >= 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T28_any_changed_octet_of_a_signed_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
