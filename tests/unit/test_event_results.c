#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/event.h>
#include <jansson.h>

#include "count.h"

#include <stdio.h>
#include <stdlib.h>

static const char arn[] = "arn:aws:execute-api:eu-central-1:000000000000:abcdef123/prod/$connect";

static char buffer[CHATROOM_AUTHORIZER_RESULT_MOST + 1];
static struct chatroom_error error;

/* ---- proxy ---- */

static int read_proxy(const char *text, struct chatroom_proxy_result *ret_result)
{
    error = (struct chatroom_error){0};
    return chatroom_event_read_proxy(chatroom_str(text), buffer, ret_result, &error);
}

static struct chatroom_proxy_result good_proxy(const char *text)
{
    struct chatroom_proxy_result result;

    if (read_proxy(text, &result) != CHATROOM_OK)
        fail_msg("%s: %s", text, error.text);
    return result;
}

/* Refused with a sentence, and nothing is written. */
static void assert_bad_proxy(const char *text, int code)
{
    struct chatroom_proxy_result untouched = {.status = 7}, result = untouched;

    if (read_proxy(text, &result) != code)
        fail_msg("%s", text);
    assert_int_equal(error.code, code);
    assert_int_equal(error.text[strlen(error.text) - 1], '.');
    assert_memory_equal(&result, &untouched, sizeof result);
    assert_int_equal(chatroom_event_read_proxy(chatroom_str(text), buffer, &result, NULL), code);
}

static void assert_span(chatroom_span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.bytes, text, span.size);
}

static void proxy__a_whole_result_is_read(void **state)
{
    struct chatroom_proxy_result result = good_proxy(
        " {\"statusCode\": 200, \"headers\": {\"Sec-WebSocket-Protocol\": \"chat.v1\", \"X\": \"y\"}, "
        "\"multiValueHeaders\": {\"A\": [\"b\", \"c\"]}, \"body\": \"h\\u00e9\\n\", \"isBase64Encoded\": false}\n");

    (void)state;
    assert_int_equal(result.status, 200);
    assert_true(result.has_body);
    assert_span(result.body, "h\xC3\xA9\n");
    assert_span(result.subprotocol, "chat.v1");
}

static void proxy__a_status_is_enough(void **state)
{
    struct chatroom_proxy_result result = good_proxy("{\"statusCode\":501}");

    (void)state;
    assert_int_equal(result.status, 501);
    assert_false(result.has_body);
    assert_int_equal(result.body.size, 0);
    assert_int_equal(result.subprotocol.size, 0);
}

/* Typed runtimes send every member, with null for what was not set. */
static void proxy__null_is_as_good_as_missing(void **state)
{
    struct chatroom_proxy_result result = good_proxy("{\"statusCode\":200,\"headers\":null,\"multiValueHeaders\":null,"
                                                     "\"body\":null,\"isBase64Encoded\":null}");

    (void)state;
    assert_false(result.has_body);
    result = good_proxy("{\"statusCode\":200,\"body\":\"\"}");
    assert_true(result.has_body);
    assert_int_equal(result.body.size, 0);
}

static void proxy__a_status_is_three_digits_in_either_form(void **state)
{
    static const char *const bad[] = {"99",    "600", "1000", "\"0200\"", "\"\"", "\" 200\"", "\"2x0\"",
                                      "200.0", "2e2", "-20",  "true",     "null", "[200]",    "{}"};
    char text[64];

    (void)state;
    assert_int_equal(good_proxy("{\"statusCode\":100}").status, 100);
    assert_int_equal(good_proxy("{\"statusCode\":599}").status, 599);
    assert_int_equal(good_proxy("{\"statusCode\":\"301\"}").status, 301);
    assert_int_equal(good_proxy("{\"statusCode\":\"\\u0032\\u0030\\u0031\"}").status, 201);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"statusCode\":%s}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
    }
    assert_bad_proxy("{\"body\":\"x\"}", CHATROOM_EINVAL);
}

static void AGW_20_an_unknown_key_is_malformed(void **state)
{
    static const char *const bad[] = {"{\"statusCode\":200,\"message\":\"x\"}",
                                      "{\"statusCode\":200,\"StatusCode\":200}", "{\"statusCode\":200,\"\":null}",
                                      "{\"statusCode\":200,\"cookies\":[]}"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_bad_proxy(bad[i], CHATROOM_EINVAL);
    assert_int_equal(good_proxy("{\"status\\u0043ode\":200}").status, 200);
}

static void proxy__a_key_that_stands_twice_is_malformed(void **state)
{
    (void)state;
    assert_bad_proxy("{\"statusCode\":200,\"statusCode\":200}", CHATROOM_EINVAL);
    assert_bad_proxy("{\"statusCode\":200,\"body\":\"a\",\"b\\u006fdy\":\"b\"}", CHATROOM_EINVAL);
}

static void proxy__what_is_no_object_is_malformed(void **state)
{
    static const char *const bad[] = {"null", "[]", "\"ok\"", "200", "{}"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_bad_proxy(bad[i], CHATROOM_EINVAL);
}

static void proxy__a_body_is_a_string(void **state)
{
    static const char *const bad[] = {"1", "true", "{}", "[]"};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"statusCode\":200,\"body\":%s}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
    }
    assert_bad_proxy("{\"statusCode\":200,\"isBase64Encoded\":\"true\"}", CHATROOM_EINVAL);
    assert_bad_proxy("{\"statusCode\":200,\"isBase64Encoded\":1}", CHATROOM_EINVAL);
}

static void proxy__base64_is_decoded(void **state)
{
    static const struct {
        const char *text, *decoded;
    } cases[] = {{"", ""},        {"Zg==", "f"},          {"Zm8=", "fo"},
                 {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}, {"+\\/\\u002b/", "\xFB\xFF\xBF"}};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sprintf(text, "{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"%s\"}", cases[i].text);
        assert_span(good_proxy(text).body, cases[i].decoded);
    }
    assert_false(good_proxy("{\"statusCode\":200,\"isBase64Encoded\":true}").has_body);
}

static void proxy__base64_that_is_not_strict_is_malformed(void **state)
{
    static const char *const bad[] = {
        "Z",     "Zg",   "Zg=",  "Zg===", "A===",     "====", "Zm9v\\n",    "Zg= =",      " Zm9v",
        "Zm 9v", "Zh==", "Zm9=", "Z===",  "Zg==Zg==", "-_-_", "Zm9\\u00e9", "Z\\u0000==", "=Zg="};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"%s\"}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
    }
}

static void proxy__the_subprotocol_is_found_in_any_spelling(void **state)
{
    (void)state;
    assert_span(good_proxy("{\"statusCode\":200,\"headers\":{\"sec-websocket-protocol\":\"a\"}}").subprotocol, "a");
    assert_span(
        good_proxy("{\"statusCode\":200,\"headers\":{\"SEC-WEBSOCKET-PROTOCO\\u004c\":\"\\u0061\"}}").subprotocol, "a");
    assert_span(
        good_proxy("{\"statusCode\":200,\"multiValueHeaders\":{\"Sec-Websocket-Protocol\":[\"b\"]}}").subprotocol, "b");
    assert_span(good_proxy("{\"statusCode\":200,\"headers\":{\"Sec-WebSocket-Protocols\":\"a\"}}").subprotocol, "");
}

static void proxy__of_several_subprotocols_the_last_counts_and_multi_value_wins(void **state)
{
    (void)state;
    assert_span(good_proxy("{\"statusCode\":200,\"multiValueHeaders\":{\"Sec-WebSocket-Protocol\":[\"m\",\"n\"]},"
                           "\"headers\":{\"Sec-WebSocket-Protocol\":\"a\"}}")
                    .subprotocol,
                "n");
    assert_span(good_proxy("{\"statusCode\":200,\"multiValueHeaders\":{\"Sec-WebSocket-Protocol\":[]},"
                           "\"headers\":{\"Sec-WebSocket-Protocol\":\"a\",\"sec-websocket-protocol\":\"b\"}}")
                    .subprotocol,
                "b");
}

/* It is copied into an answer of HTTP. */
static void proxy__a_subprotocol_that_is_no_token_is_malformed(void **state)
{
    static const char *const bad[] = {"\"a b\"", "\"a, b\"", "\"a\\r\\nX: y\"", "\"\\u0000\"", "\"\\u00e9\"",
                                      "1",       "true"};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"statusCode\":200,\"headers\":{\"Sec-WebSocket-Protocol\":%s}}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
        sprintf(text, "{\"statusCode\":200,\"multiValueHeaders\":{\"Sec-WebSocket-Protocol\":[%s]}}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
    }
}

static void proxy__headers_of_another_shape_are_malformed(void **state)
{
    static const char *const bad[] = {"\"headers\":[]",
                                      "\"headers\":\"x\"",
                                      "\"headers\":{\"a\":null}",
                                      "\"headers\":{\"a\":[\"b\"]}",
                                      "\"headers\":{\"a\":{}}",
                                      "\"multiValueHeaders\":[]",
                                      "\"multiValueHeaders\":{\"a\":\"b\"}",
                                      "\"multiValueHeaders\":1",
                                      "\"multiValueHeaders\":{\"a\":[{}]}",
                                      "\"multiValueHeaders\":{\"a\":[null]}"};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"statusCode\":200,%s}", bad[i]);
        assert_bad_proxy(text, CHATROOM_EINVAL);
    }
    assert_span(good_proxy("{\"statusCode\":200,\"headers\":{\"Sec-WebSocket-Protocol\":\"\"}}").subprotocol, "");
    good_proxy("{\"statusCode\":200,\"headers\":{\"a\":1,\"b\":true},\"multiValueHeaders\":{\"a\":[1,false,\"x\"]}}");
}

/* ---- errors ---- */

static bool is_error(const char *text, chatroom_span *ret_message)
{
    return chatroom_event_is_error(chatroom_str(text), buffer, ret_message);
}

static void AGW_44_an_error_object_is_told_from_a_result(void **state)
{
    chatroom_span message = {NULL, 0};

    (void)state;
    assert_true(is_error("{\"errorMessage\":\"it \\\"broke\\\"\",\"errorType\":\"Error\",\"trace\":[]}", &message));
    assert_span(message, "it \"broke\"");
    assert_true(is_error("{\"errorMessage\":\"\"}", NULL));
    message = chatroom_str("untouched");
    assert_false(is_error("{\"errorMessage\":\"x\",\"statusCode\":200}", &message));
    assert_false(is_error("{\"errorMessage\":1}", &message));
    assert_false(is_error("{\"errorType\":\"Error\"}", &message));
    assert_false(is_error("{\"statusCode\":200}", &message));
    assert_false(is_error("[]", &message));
    assert_span(message, "untouched");
}

static void AGW_44_what_is_no_json_is_no_result(void **state)
{
    static const char *const bad[] = {"Task timed out after 3.00 seconds", "", "{\"statusCode\":200",
                                      "{\"statusCode\":200}x"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_bad_proxy(bad[i], CHATROOM_EJSON);
        assert_false(is_error(bad[i], NULL));
    }
}

static void AGW_48_the_message_unauthorized_is_told_exactly(void **state)
{
    chatroom_span message;

    (void)state;
    assert_true(is_error("{\"errorMessage\":\"Unauth\\u006frized\"}", &message));
    assert_span(message, "Unauthorized");
}

/* ---- authorizers ---- */

static int read_authorizer(const char *text, struct chatroom_authorizer_result *ret_result)
{
    error = (struct chatroom_error){0};
    return chatroom_event_read_authorizer(chatroom_str(text), chatroom_str(arn), buffer, ret_result, &error);
}

static struct chatroom_authorizer_result good_authorizer(const char *text)
{
    struct chatroom_authorizer_result result;

    if (read_authorizer(text, &result) != CHATROOM_OK)
        fail_msg("%s: %s", text, error.text);
    return result;
}

static void assert_bad_authorizer(const char *text, int code)
{
    struct chatroom_authorizer_result untouched = {.allowed = true}, result = untouched;

    if (read_authorizer(text, &result) != code)
        fail_msg("%s", text);
    assert_int_equal(error.code, code);
    assert_int_equal(error.text[strlen(error.text) - 1], '.');
    assert_memory_equal(&result, &untouched, sizeof result);
}

#define STATEMENT(effect, resource) \
    "{\"Action\":\"execute-api:Invoke\",\"Effect\":\"" effect "\",\"Resource\":\"" resource "\"}"
#define POLICY(statements) \
    "{\"principalId\":\"user-1\",\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}}"
#define ALL   "arn:aws:execute-api:*"
#define THIS  "arn:aws:execute-api:eu-central-1:000000000000:abcdef123/prod/$connect"
#define OTHER "arn:aws:execute-api:eu-central-1:000000000000:abcdef123/test/$connect"

static void AGW_49_an_allow_must_match_and_a_deny_wins(void **state)
{
    (void)state;
    assert_true(good_authorizer(POLICY(STATEMENT("Allow", THIS))).allowed);
    assert_true(good_authorizer(POLICY(STATEMENT("Allow", ALL))).allowed);
    assert_false(good_authorizer(POLICY(STATEMENT("Allow", OTHER))).allowed);
    assert_false(good_authorizer(POLICY(STATEMENT("Deny", THIS))).allowed);
    assert_false(good_authorizer(POLICY(STATEMENT("Allow", ALL) "," STATEMENT("Deny", THIS))).allowed);
    assert_false(good_authorizer(POLICY(STATEMENT("Deny", THIS) "," STATEMENT("Allow", ALL))).allowed);
    assert_true(good_authorizer(POLICY(STATEMENT("Deny", OTHER) "," STATEMENT("Allow", ALL))).allowed);
}

static void authorizer__a_whole_result_is_read(void **state)
{
    struct chatroom_authorizer_result result = good_authorizer(
        "{\"principalId\":\"us\\u0065r\",\"usageIdentifierKey\":\"k\\n1\",\"context\":{\"a\":1,\"b\":\"c\",\"d\":true},"
        "\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[" STATEMENT("Allow", THIS) "]}}");

    (void)state;
    assert_true(result.allowed);
    assert_span(result.principal, "user");
    assert_span(result.usage_key, "k\n1");
    assert_span(result.context, "{\"a\":1,\"b\":\"c\",\"d\":true}");
}

static void authorizer__a_plain_word_will_do(void **state)
{
    struct chatroom_authorizer_result result =
        good_authorizer("{\"isAuthorized\":true,\"context\":{\"tenant\":\"t1\"}}");

    (void)state;
    assert_true(result.allowed);
    assert_int_equal(result.principal.size, 0);
    assert_span(result.context, "{\"tenant\":\"t1\"}");
    assert_false(good_authorizer("{\"isAuthorized\":false}").allowed);
    result = good_authorizer("{\"isAuthorized\":true,\"principalId\":\"p\",\"policyDocument\":null,\"context\":null}");
    assert_span(result.principal, "p");
    assert_int_equal(result.context.size, 0);
}

static void AGW_48_a_wrong_shape_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"statusCode\":401}",
        "{}",
        "[]",
        "\"Allow\"",
        "{\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[" STATEMENT("Allow", ALL) "]}}",
        "{\"principalId\":\"\",\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[" STATEMENT("Allow",
                                                                                                         ALL) "]}}",
        "{\"principalId\":7,\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[" STATEMENT("Allow",
                                                                                                      ALL) "]}}",
        "{\"principalId\":\"p\"}",
        "{\"principalId\":\"p\",\"policyDocument\":null}",
        "{\"principalId\":\"p\",\"policyDocument\":\"{}\"}",
        "{\"principalId\":\"p\",\"policyDocument\":{}}",
        "{\"principalId\":\"p\",\"isAuthorized\":null}",
        "{\"isAuthorized\":\"true\"}",
        "{\"isAuthorized\":1}",
        "{\"isAuthorized\":true,\"isAuthorized\":true}",
        "{\"isAuthorized\":true,\"usageIdentifierKey\":1}",
        "{\"isAuthorized\":true,\"policyDocument\":{\"Statement\":[" STATEMENT("Deny", ALL) "]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_bad_authorizer(bad[i], CHATROOM_EINVAL);
    assert_bad_authorizer("Unauthorized", CHATROOM_EJSON);
}

static void AGW_48_a_context_with_an_array_an_object_or_a_null_is_refused(void **state)
{
    static const char *const bad[] = {"{\"a\":[]}", "{\"a\":{}}", "{\"a\":null}", "{\"a\":1,\"b\":[1]}", "[]",
                                      "\"x\"",      "1"};
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sprintf(text, "{\"isAuthorized\":true,\"context\":%s}", bad[i]);
        assert_bad_authorizer(text, CHATROOM_EINVAL);
    }
}

static void authorizer__a_result_may_be_just_so_long(void **state)
{
    static char text[CHATROOM_AUTHORIZER_RESULT_MOST + 2];
    static const char start[] = "{\"isAuthorized\":true}";

    (void)state;
    memset(text, ' ', sizeof text - 1);
    memcpy(text, start, sizeof start - 1);
    assert_bad_authorizer(text, CHATROOM_EINVAL);
    text[CHATROOM_AUTHORIZER_RESULT_MOST] = '\0';
    assert_true(good_authorizer(text).allowed);
}

static void assert_authorization(const char *text, int64_t latency_ms, const char *expected)
{
    char bytes[1024];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    struct chatroom_authorizer_result result = good_authorizer(text);
    chatroom_span written;
    json_t *parsed;

    chatroom_event_write_authorization(&result, latency_ms, &json);
    assert_true(chatroom_json_done(&json, &written));
    assert_span(written, expected);
    parsed = json_loadb(written.bytes, written.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
}

static void AGW_39_an_authorization_has_its_context_as_strings(void **state)
{
    (void)state;
    assert_authorization(
        "{\"isAuthorized\":true,\"principalId\":\"a\\\"b\",\"context\":{\"s\":\"x\\n\",\"n\":-1.50e2, "
        "\"t\" : true,\"f\":false,\"q\\\"\":\"\"}}",
        42,
        "{\"principalId\":\"a\\\"b\",\"integrationLatency\":42,\"s\":\"x\\n\",\"n\":\"-1.50e2\",\"t\":\"true\","
        "\"f\":\"false\",\"q\\\"\":\"\"}");
    assert_authorization("{\"isAuthorized\":true}", 0, "{\"integrationLatency\":0}");
    assert_authorization("{\"isAuthorized\":true,\"context\":{}}", 1, "{\"integrationLatency\":1}");
}

static void authorizer__a_context_cannot_name_another_principal(void **state)
{
    (void)state;
    assert_authorization(
        "{\"isAuthorized\":true,\"principalId\":\"p\",\"context\":{\"principalId\":\"root\","
        "\"principal\\u0049d\":\"root\",\"integrationLatency\":7,\"principalIds\":1,\"integrationLatency2\":2,\"\":3,"
        "\"a longer name than either\":4}}",
        3,
        "{\"principalId\":\"p\",\"integrationLatency\":3,\"principalIds\":\"1\",\"integrationLatency2\":\"2\","
        "\"\":\"3\",\"a longer name than either\":\"4\"}");
    assert_authorization("{\"isAuthorized\":true,\"context\":{\"principalId\":\"root\"}}", 3,
                         "{\"integrationLatency\":3}");
}

/* ---- memory ---- */

static void event_results__nothing_is_allocated(void **state)
{
    struct chatroom_proxy_result proxy;
    struct chatroom_authorizer_result authorizer;
    struct chatroom_json none = chatroom_json_on(NULL, 0);
    uint64_t before = count_calls();

    (void)state;
    read_proxy("{\"statusCode\":200,\"body\":\"Zg==\",\"isBase64Encoded\":true,\"headers\":{\"a\":\"b\"}}", &proxy);
    read_proxy("{\"errorMessage\":\"x\"}", &proxy);
    is_error("{\"errorMessage\":\"x\\n\"}", NULL);
    read_authorizer(POLICY(STATEMENT("Allow", ALL)), &authorizer);
    chatroom_event_write_authorization(&authorizer, 1, &none);
    assert_int_equal(count_calls(), before);
    assert_true(none.size > 0);
}

static void event_results__a_name_that_stands_twice_is_no_result_of_either_kind(void **state)
{
    static const char *const names[] = {"principalId", "usageIdentifierKey", "context", "isAuthorized",
                                        "policyDocument"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sprintf(text, "{\"%s\":null,\"principalId\":\"p\",\"isAuthorized\":true,\"%s\":null}", names[i], names[i]);
        assert_bad_authorizer(text, CHATROOM_EINVAL);
    }
    assert_false(is_error("{\"errorMessage\":\"x\",\"errorMessage\":\"x\"}", NULL));
    assert_false(is_error("{\"statusCode\":null,\"errorMessage\":\"x\",\"statusCode\":null}", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxy__a_whole_result_is_read),
        cmocka_unit_test(proxy__a_status_is_enough),
        cmocka_unit_test(proxy__null_is_as_good_as_missing),
        cmocka_unit_test(proxy__a_status_is_three_digits_in_either_form),
        cmocka_unit_test(AGW_20_an_unknown_key_is_malformed),
        cmocka_unit_test(proxy__a_key_that_stands_twice_is_malformed),
        cmocka_unit_test(proxy__what_is_no_object_is_malformed),
        cmocka_unit_test(proxy__a_body_is_a_string),
        cmocka_unit_test(proxy__base64_is_decoded),
        cmocka_unit_test(proxy__base64_that_is_not_strict_is_malformed),
        cmocka_unit_test(proxy__the_subprotocol_is_found_in_any_spelling),
        cmocka_unit_test(proxy__of_several_subprotocols_the_last_counts_and_multi_value_wins),
        cmocka_unit_test(proxy__a_subprotocol_that_is_no_token_is_malformed),
        cmocka_unit_test(proxy__headers_of_another_shape_are_malformed),
        cmocka_unit_test(AGW_44_an_error_object_is_told_from_a_result),
        cmocka_unit_test(AGW_44_what_is_no_json_is_no_result),
        cmocka_unit_test(AGW_48_the_message_unauthorized_is_told_exactly),
        cmocka_unit_test(AGW_49_an_allow_must_match_and_a_deny_wins),
        cmocka_unit_test(authorizer__a_whole_result_is_read),
        cmocka_unit_test(authorizer__a_plain_word_will_do),
        cmocka_unit_test(AGW_48_a_wrong_shape_is_refused),
        cmocka_unit_test(AGW_48_a_context_with_an_array_an_object_or_a_null_is_refused),
        cmocka_unit_test(authorizer__a_result_may_be_just_so_long),
        cmocka_unit_test(AGW_39_an_authorization_has_its_context_as_strings),
        cmocka_unit_test(authorizer__a_context_cannot_name_another_principal),
        cmocka_unit_test(event_results__nothing_is_allocated),
        cmocka_unit_test(event_results__a_name_that_stands_twice_is_no_result_of_either_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
