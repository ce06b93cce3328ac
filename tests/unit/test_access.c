#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access.h"
#include "heap.h"
#include "memory.h"

#include <stdlib.h>

static const struct chatroom_api api = {
    .id = {"chat", 4}, .stage = {"production", 10}, .region = {"us-east-1", 9}, .account_id = {"000000000000", 12}};

static struct chatroom_request_info a_message(void)
{
    struct chatroom_request_info info = {.event = CHATROOM_MESSAGE, .api = &api};

    info.route_key = chatroom_str("join");
    info.connection_id = chatroom_str("AbCdEFghIjkLmNo=");
    info.request_id = chatroom_str("BbCdEFghIjkLmNo=");
    info.message_id = chatroom_str("CbCdEFghIjkLmNo=");
    info.source_ip = chatroom_str("192.0.2.1");
    info.user_agent = chatroom_str("agent/1");
    info.time_ms = INT64_C(1701245041798);
    info.connected_at_ms = INT64_C(1701245041000);
    info.domain_name = chatroom_str("chat.example");
    info.authorizer = chatroom_str("{\"principalId\":\"user\\u00e9\\\"\",\"integrationLatency\":42,\"my-key\":\"v\","
                                   "\"admin\":true,\"none\":null,\"list\":[1],\"twice\":1,\"twice\":2}");
    return info;
}

static struct cr_access_facts all_facts(const struct chatroom_request_info *info)
{
    struct cr_access_facts facts = cr_access_facts(info);

    facts.status = 502;
    facts.response_latency_ms = 31;
    facts.error_message = chatroom_str("Internal server error");
    facts.error_response_type = chatroom_str("INTEGRATION_FAILURE");
    facts.error_validation = chatroom_str("$.a: is missing");
    facts.integration_latency_ms = 29;
    facts.integration_status = 500;
    facts.integration_call_status = 200;
    facts.integration_error = chatroom_str("boom");
    facts.integration_request_id = chatroom_str("int-1");
    facts.authorizer_latency_ms = 7;
    facts.authorizer_status = 201;
    facts.authorizer_call_status = 202;
    facts.authorizer_error = chatroom_str("denied");
    facts.authorizer_request_id = chatroom_str("auth-1");
    facts.api_key_id = chatroom_str("a1b2c3d4e5");
    return facts;
}

static struct cr_access *compiled(const char *format)
{
    struct cr_access *access = NULL;
    struct chatroom_error error;

    if (cr_access_compile(&cr_default_alloc, chatroom_str(format), &access, &error) != CHATROOM_OK)
        fail_msg("%s: %s", format, error.text);
    return access;
}

static void assert_line(const struct cr_access_facts *facts, const char *format, const char *expected)
{
    struct cr_access *access = compiled(format);
    chatroom_span line = {NULL, 0};
    char buffer[512];

    assert_true(cr_access_write(access, facts, buffer, sizeof buffer, &line));
    if (!chatroom_span_equal(line, chatroom_str(expected)))
        fail_msg("%s: %.*s, not %s", format, (int)line.size, line.bytes, expected);
    cr_access_free(access);
}

/* A variable, with "$context." before it. */
static void assert_variable(const struct cr_access_facts *facts, const char *name, const char *expected)
{
    char format[80] = "$context.";

    assert_line(facts, strcat(format, name), expected);
    strcpy(format, "<${context.");
    strcat(strcat(format, name), "}>");
    assert_line(facts, format, strcat(strcat(strcpy((char[80]){""}, "<"), expected), ">"));
}

static void access__every_variable_has_its_value(void **state)
{
    static const char *const expected[][2] = {
        {"apiId", "chat"},
        {"stage", "production"},
        {"connectedAt", "1701245041000"},
        {"connectionId", "AbCdEFghIjkLmNo="},
        {"domainName", "chat.example"},
        {"eventType", "MESSAGE"},
        {"extendedRequestId", "BbCdEFghIjkLmNo="},
        {"requestId", "BbCdEFghIjkLmNo="},
        {"messageId", "CbCdEFghIjkLmNo="},
        {"requestTime", "29/Nov/2023:08:04:01 +0000"},
        {"requestTimeEpoch", "1701245041798"},
        {"routeKey", "join"},
        {"status", "502"},
        {"responseLatency", "31"},
        {"error.message", "Internal server error"},
        {"error.messageString", "\"Internal server error\""},
        {"error.responseType", "INTEGRATION_FAILURE"},
        {"error.validationErrorString", "$.a: is missing"},
        {"integrationLatency", "29"},
        {"integration.latency", "29"},
        {"integration.status", "500"},
        {"integration.integrationStatus", "200"},
        {"integration.error", "boom"},
        {"integration.requestId", "int-1"},
        {"authorizer.latency", "7"},
        {"authorizer.integrationLatency", "7"},
        {"authorizer.status", "201"},
        {"authorizer.integrationStatus", "202"},
        {"authorizer.error", "denied"},
        {"authorizer.requestId", "auth-1"},
        {"identity.sourceIp", "192.0.2.1"},
        {"identity.userAgent", "agent/1"},
        {"identity.apiKeyId", "a1b2c3d4e5"},
        {"identity.apiKey", "**********d4e5"},
    };
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = all_facts(&info);

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_variable(&facts, expected[i][0], expected[i][1]);
}

static void access__what_is_missing_is_a_dash(void **state)
{
    static const char *const missing[] = {"apiId",
                                          "stage",
                                          "connectionId",
                                          "domainName",
                                          "extendedRequestId",
                                          "messageId",
                                          "requestId",
                                          "routeKey",
                                          "status",
                                          "responseLatency",
                                          "disconnectStatusCode",
                                          "disconnectReason",
                                          "error.message",
                                          "error.responseType",
                                          "error.validationErrorString",
                                          "integrationLatency",
                                          "integration.error",
                                          "integration.integrationStatus",
                                          "integration.latency",
                                          "integration.requestId",
                                          "integration.status",
                                          "authorizer.error",
                                          "authorizer.integrationLatency",
                                          "authorizer.integrationStatus",
                                          "authorizer.latency",
                                          "authorizer.requestId",
                                          "authorizer.status",
                                          "authorizer.principalId",
                                          "authorizer.anything",
                                          "identity.apiKey",
                                          "identity.apiKeyId",
                                          "identity.sourceIp",
                                          "identity.userAgent"};
    struct chatroom_request_info info = {.event = CHATROOM_MESSAGE};
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_variable(&facts, missing[i], "-");
    assert_variable(&facts, "error.messageString", "\"-\""); /* a string in any case */
}

static void access__what_is_documented_and_not_here_is_a_dash(void **state)
{
    static const char *const documented[] = {"identity.accountId",
                                             "identity.caller",
                                             "identity.cognitoAuthenticationProvider",
                                             "identity.cognitoAuthenticationType",
                                             "identity.cognitoIdentityId",
                                             "identity.cognitoIdentityPoolId",
                                             "identity.principalOrgId",
                                             "identity.user",
                                             "identity.userArn",
                                             "authenticate.error",
                                             "authenticate.latency",
                                             "authenticate.status",
                                             "authorize.error",
                                             "authorize.latency",
                                             "authorize.status",
                                             "waf.error",
                                             "waf.latency",
                                             "waf.status"};
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = all_facts(&info);

    (void)state;
    for (size_t i = 0; i < sizeof documented / sizeof *documented; i++)
        assert_variable(&facts, documented[i], "-");
}

static void access__an_ended_connection_has_its_close(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    info.close_code = 1001;
    info.close_reason = chatroom_str("Going away");
    assert_line(&facts, "$context.eventType $context.disconnectStatusCode $context.disconnectReason", "MESSAGE - -");
    info.event = CHATROOM_DISCONNECT;
    assert_line(&facts, "$context.eventType $context.disconnectStatusCode $context.disconnectReason",
                "DISCONNECT 1001 Going away");
    info.event = CHATROOM_CONNECT;
    assert_variable(&facts, "eventType", "CONNECT");
}

static void access__the_authorizers_values_are_text(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    assert_variable(&facts, "authorizer.principalId", "user\\u00e9\\\""); /* JSON keeps its escapes */
    assert_variable(&facts, "authorizer.admin", "true");
    assert_variable(&facts, "authorizer.none", "-");
    assert_variable(&facts, "authorizer.list", "-");
    assert_variable(&facts, "authorizer.twice", "-");
    assert_line(&facts, "${context.authorizer.my-key}", "v");
    assert_line(&facts, "$context.authorizer.my-key", "--key");
}

static void access__text_around_variables_stays(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = all_facts(&info);

    (void)state;
    assert_line(&facts, "$context.status.$context.routeKey. \\$x \\n {}\\", "502.join. $x \\n {}\\");
    assert_line(&facts, "${context.status}0$context.stage-\xc3\xa9", "5020production-\xc3\xa9");
    assert_line(&facts, "{\"ip\":\"$context.identity.sourceIp\",\"m\":$context.error.messageString}",
                "{\"ip\":\"192.0.2.1\",\"m\":\"Internal server error\"}");
    assert_line(&facts, "$context.identity.sourceIp [$context.requestTime] \"$context.eventType $context.routeKey\"",
                "192.0.2.1 [29/Nov/2023:08:04:01 +0000] \"MESSAGE join\"");
}

static void access__a_peers_text_cannot_leave_its_line_or_its_string(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    info.user_agent = chatroom_bytes("a\"b\\c\r\n\t\x01\0z", 11);
    assert_variable(&facts, "identity.userAgent", "a\\\"b\\\\c\\r\\n\\t\\u0001\\u0000z");
    info.user_agent = chatroom_str("\xff"
                                   "a\xc3\xa9\xe2\x82\"\xed\xa0\x80");
    assert_variable(&facts, "identity.userAgent", "\\ufffda\xc3\xa9\\ufffd\\ufffd\\\"\\ufffd\\ufffd\\ufffd");
    facts.error_message = chatroom_str("a \"b\"\n");
    assert_variable(&facts, "error.messageString", "\"a \\\"b\\\"\\n\"");
    facts.error_message = chatroom_str("$context.status");
    assert_variable(&facts, "error.message", "$context.status");
}

static void access__of_a_key_little_is_told(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    facts.api_key_id = chatroom_str("short12");
    assert_variable(&facts, "identity.apiKey", "**********");
    facts.api_key_id = chatroom_str("abcde\xf0\x9d\x84\x9e"
                                    "xyz");
    assert_variable(&facts, "identity.apiKey", "**********xyz");
    facts.api_key_id = chatroom_str("eight678");
    assert_variable(&facts, "identity.apiKey", "**********t678");
}

static void access__a_line_is_cut_between_characters(void **state)
{
    static const char whole[] = "a\xc3\xa9\xf0\x9d\x84\x9e-502";
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 9, 10};
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = all_facts(&info);
    struct cr_access *access = compiled("a\xc3\xa9\xf0\x9d\x84\x9e-$context.status");

    (void)state;
    for (size_t capacity = 0; capacity <= sizeof whole - 1; capacity++) {
        char *buffer = malloc(capacity + (capacity == 0));
        size_t expected = capacity < sizeof whole - 1 ? cuts[capacity] : sizeof whole - 1;
        chatroom_span line;

        assert_non_null(buffer);
        assert_int_equal(cr_access_write(access, &facts, buffer, capacity, &line), capacity == sizeof whole - 1);
        assert_true(chatroom_span_equal(line, chatroom_bytes(whole, expected)));
        free(buffer);
    }
    cr_access_free(access);
}

static void access__a_bad_format_is_refused_with_its_place(void **state)
{
    static const char *const refused[][2] = {
        {"", "The format is empty, at the end."},
        {"$", "A \"$\" has no variable behind it (\\$ is a dollar sign), at character 1: \"$\"."},
        {"\xc3\xa9 $context.statuss x", "There is no such variable, at character 3: \"$context.statuss x\"."},
        {"$context.Status", "There is no such variable, at character 1: \"$context.Status\"."},
        {"$context.authorizer", "There is no such variable, at character 1: \"$context.authorizer\"."},
        {"$context.authorizer.", "There is no such variable, at character 1: \"$context.authorizer.\"."},
        {"$context.identity", "There is no such variable, at character 1: \"$context.identity\"."},
        {"${context.}", "There is no such variable, at character 1: \"${context.}\"."},
        {"a$context", "A variable does not begin with $context. (\\$ is a dollar sign), at character 2: \"$context\"."},
        {"$$context.status",
         "A variable does not begin with $context. (\\$ is a dollar sign), at character 1: \"$$context.status\"."},
        {"$input.body",
         "A variable does not begin with $context. (\\$ is a dollar sign), at character 1: \"$input.body\"."},
        {"${}", "A variable does not begin with $context. (\\$ is a dollar sign), at character 1: \"${}\"."},
        {"x ${context.status", "A brace is not closed, at character 4: \"{context.status\"."},
        {"a\nb", "The format holds a control character, at character 2: \"?b\"."},
        {"ab\xff", "The format is not UTF-8, at character 3: \"?\"."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cr_access *access = NULL;
        struct chatroom_error error;

        assert_int_equal(cr_access_compile(&cr_default_alloc, chatroom_str(refused[i][0]), &access, &error),
                         CHATROOM_EINVAL);
        assert_string_equal(error.text, refused[i][1]);
        assert_null(access);
    }
}

static void access__the_longest_format_is_3072_bytes(void **state)
{
    char format[CR_ACCESS_MOST + 2], buffer[CR_ACCESS_MOST];
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);
    struct cr_access *access;
    struct chatroom_error error;
    chatroom_span line;

    (void)state;
    memset(format, 'a', sizeof format);
    format[CR_ACCESS_MOST] = '\0';
    access = compiled(format);
    assert_true(cr_access_write(access, &facts, buffer, sizeof buffer, &line));
    assert_int_equal(line.size, CR_ACCESS_MOST);
    cr_access_free(access);
    assert_int_equal(cr_access_compile(&cr_default_alloc, chatroom_bytes(format, CR_ACCESS_MOST + 1), &access, &error),
                     CHATROOM_EINVAL);
}

static void access__without_memory_nothing_is_left_behind(void **state)
{
    struct heap heap = {0};
    struct chatroom_alloc alloc = heap_alloc(&heap);
    struct cr_access *access = NULL;
    struct chatroom_error error;
    chatroom_span format = chatroom_str("$context.status ${context.authorizer.a b}");

    (void)state;
    heap_fail(&heap, 1, 1);
    assert_int_equal(cr_access_compile(&alloc, format, &access, &error), CHATROOM_ENOMEM);
    assert_int_equal(error.code, CHATROOM_ENOMEM);
    assert_null(access);
    assert_int_equal(cr_access_compile(&alloc, format, &access, NULL), CHATROOM_OK);
    assert_int_equal(heap.blocks, 1);
    cr_access_free(access);
    assert_int_equal(heap.blocks, 0);
    cr_access_free(NULL);
}

static void access__a_name_ends_at_what_is_no_letter_digit_or_underscore(void **state)
{
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    info.authorizer = chatroom_str("{\"az_AZ09\":\"v\"}");
    assert_line(&facts, "$context.authorizer.az_AZ09", "v");
    assert_line(&facts, "$context.authorizer.az_AZ09/", "v/");
    assert_line(&facts, "$context.authorizer.az_AZ09:", "v:");
    assert_line(&facts, "$context.authorizer.az_AZ09@", "v@");
    assert_line(&facts, "$context.authorizer.az_AZ09[", "v[");
    assert_line(&facts, "$context.authorizer.az_AZ09`", "v`");
    assert_line(&facts, "$context.authorizer.az_AZ09{", "v{");
    assert_line(&facts, "$context.authorizer.az_AZ09..", "v..");
}

static void access__a_name_that_is_like_anothers_is_none(void **state)
{
    static const char *const bad[] = {
        "$context.authorizerXprincipalId", "$context.authorizer.", "$context.authorizer",
        "${context.authorizer.}",          "$context.stageX",      "$context.someOtherVariable"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cr_access *access = NULL;

        assert_int_equal(cr_access_compile(&cr_default_alloc, chatroom_str(bad[i]), &access, NULL), CHATROOM_EINVAL);
        assert_null(access);
    }
}

static void access__octets_that_are_no_text_are_replaced_and_the_rest_stays(void **state)
{
    static const char *const rows[][2] = {{"a\xffz", "a\\ufffdz"},
                                          {"\xff", "\\ufffd"},
                                          {"a\xc3", "a\\ufffd"},
                                          {"\xff\"\xff\xc3\xa4\n", "\\ufffd\\\"\\ufffd\xc3\xa4\\n"}};
    struct chatroom_request_info info = a_message();
    struct cr_access_facts facts = cr_access_facts(&info);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        info.user_agent = chatroom_str(rows[i][0]);
        assert_variable(&facts, "identity.userAgent", rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access__every_variable_has_its_value),
        cmocka_unit_test(access__what_is_missing_is_a_dash),
        cmocka_unit_test(access__what_is_documented_and_not_here_is_a_dash),
        cmocka_unit_test(access__an_ended_connection_has_its_close),
        cmocka_unit_test(access__the_authorizers_values_are_text),
        cmocka_unit_test(access__text_around_variables_stays),
        cmocka_unit_test(access__a_peers_text_cannot_leave_its_line_or_its_string),
        cmocka_unit_test(access__of_a_key_little_is_told),
        cmocka_unit_test(access__a_line_is_cut_between_characters),
        cmocka_unit_test(access__a_bad_format_is_refused_with_its_place),
        cmocka_unit_test(access__the_longest_format_is_3072_bytes),
        cmocka_unit_test(access__without_memory_nothing_is_left_behind),
        cmocka_unit_test(access__a_name_ends_at_what_is_no_letter_digit_or_underscore),
        cmocka_unit_test(access__a_name_that_is_like_anothers_is_none),
        cmocka_unit_test(access__octets_that_are_no_text_are_replaced_and_the_rest_stays),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
