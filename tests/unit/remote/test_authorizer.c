/* Functions that say who may connect. */
#include "kit.h"

#include <chatroom/management.h>

#include <stdio.h>
#include <stdlib.h>

#define ALLOW                                                                                           \
    "\"policyDocument\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":\"execute-api:Invoke\"," \
    "\"Effect\":\"Allow\",\"Resource\":\"arn:aws:execute-api:eu-west-1:111122223333:api123/prod/*\"}]}"

struct round {
    struct kit kit;
    struct fake *fake;
    const char *status, *headers, *body;
    char got[8192], event[8192]; /* of the authorizer, of the route */
};

static bool reply(struct fake *fake, const struct fake_request *request, void *arg)
{
    struct round *round = arg;
    bool asks = strstr(request->body, "\"type\":\"REQUEST\"") != NULL;

    (void)fake;
    snprintf(asks ? round->got : round->event, sizeof round->got, "%s", request->body);
    return asks ? fake_reply(request, round->status, round->headers, round->body)
                : fake_reply(request, "200 OK", "", "{\"statusCode\":200,\"body\":\"hi\"}");
}

static struct round *begin(const char *const *sources, size_t count, const char *body)
{
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_remote_lambda options = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;

    assert_non_null(round);
    round->status = "200 OK";
    round->headers = "";
    round->body = body;
    round->fake = fake_new(reply, round);
    kit_open(&round->kit, NULL);
    options.endpoint = round->fake->url;
    options.function = "function";
    options.limits.timeout_ms = 200;
    if (chatroom_remote_authorizer_target(round->kit.remote, &options, sources, count, &target, &error))
        fail_msg("%s", error.text);
    assert_int_equal(chatroom_authorizer(round->kit.c, chatroom_remote_authorizer, target, 0), CHATROOM_OK);
    kit_route(&round->kit, "go", kit_lambda(&round->kit, round->fake->url));
    return round;
}

static void end(struct round *round)
{
    fake_free(round->fake);
    kit_close(&round->kit);
    free(round);
}

static void assert_status(const char *headers, const char *body, uint16_t status)
{
    struct round *round = begin(NULL, 0, body);
    uint16_t answer;

    round->headers = headers;
    kit_start(&round->kit);
    answer = kit_connect(&round->kit, "/prod");
    if (answer != status)
        fail_msg("%s gives %u", body, answer);
    assert_int_equal(round->fake->requests, 1);
    end(round);
}

static void AGW_47_missing_identity_source_is_401_without_a_call(void **state)
{
    static const char *const sources[] = {"route.request.querystring.token", "stageVariables.word"};
    static const char *const missing[] = {"route.request.header.Authorization"};
    struct round *round = begin(sources, 2, "{\"principalId\":\"me\"," ALLOW "}");

    (void)state;
    kit_start(&round->kit);
    assert_int_equal(kit_connect(&round->kit, "/prod"), 401);
    assert_int_equal(kit_connect(&round->kit, "/prod?token="), 401);
    assert_int_equal(round->fake->requests, 0);
    assert_int_equal(kit_connect(&round->kit, "/prod?token=t"), 101);
    assert_int_equal(round->fake->requests, 1);
    end(round);
    round = begin(missing, 1, "{}");
    kit_start(&round->kit);
    assert_int_equal(kit_connect(&round->kit, "/prod?token=t"), 401);
    assert_int_equal(round->fake->requests, 0);
    end(round);
}

static void AGW_48_unauthorized_is_401_and_other_errors_are_500(void **state)
{
    (void)state;
    assert_status("X-Amz-Function-Error: Unhandled\r\n", "{\"errorMessage\":\"Unauthorized\"}", 401);
    assert_status("", "{\"errorMessage\":\"Unauthorized\",\"errorType\":\"Error\"}", 401);
    assert_status("", "{\"errorMessage\":\"unauthorized\"}", 500);
    assert_status("X-Amz-Function-Error: Unhandled\r\n", "{\"errorMessage\":\"it broke\"}", 500);
    assert_status("X-Amz-Function-Error: Unhandled\r\n", "{\"principalId\":\"me\"," ALLOW "}", 500);
}

static void AGW_48_wrong_shapes_are_500(void **state)
{
    (void)state;
    assert_status("", "{\"statusCode\":401}", 500);
    assert_status("", "{" ALLOW "}", 500);
    assert_status("", "{\"principalId\":\"me\"}", 500);
    assert_status("", "null", 500);
    assert_status("", "Task timed out after 3.00 seconds", 500);
    assert_status("", "{\"principalId\":\"me\",\"context\":{\"a\":[]}," ALLOW "}", 500);
    assert_status("", "{\"principalId\":\"me\",\"context\":{\"a\":{}}," ALLOW "}", 500);
}

static void AGW_48_result_that_is_too_long_is_500(void **state)
{
    char *body = malloc(9000);

    (void)state;
    assert_non_null(body);
    memset(body, ' ', 8999);
    body[8999] = '\0';
    memcpy(body, "{\"principalId\":\"me\"," ALLOW "}", strlen("{\"principalId\":\"me\"," ALLOW "}"));
    assert_status("", body, 500);
    body[8192] = '\0';
    assert_status("", body, 101);
    free(body);
}

static void AGW_49_deny_and_no_match_are_403(void **state)
{
    (void)state;
    assert_status("",
                  "{\"principalId\":\"me\",\"policyDocument\":{\"Statement\":{\"Action\":\"*\",\"Effect\":\"Deny\","
                  "\"Resource\":\"*\"}}}",
                  403);
    assert_status("",
                  "{\"principalId\":\"me\",\"policyDocument\":{\"Statement\":{\"Action\":\"execute-api:Invoke\","
                  "\"Effect\":\"Allow\",\"Resource\":\"arn:aws:execute-api:*:*:api123/dev/*\"}}}",
                  403);
}

static void authorizer__its_event_is_that_of_a_request_authorizer(void **state)
{
    struct round *round = begin(NULL, 0, "{\"principalId\":\"me\"," ALLOW "}");

    (void)state;
    kit_start(&round->kit);
    assert_int_equal(kit_connect(&round->kit, "/prod?a=b"), 101);
    assert_says(round->got, "\"type\":\"REQUEST\"");
    assert_says(round->got, "\"methodArn\":\"arn:aws:execute-api:eu-west-1:111122223333:api123/prod/$connect\"");
    assert_says(round->got, "\"queryStringParameters\":{\"a\":\"b\"}");
    end(round);
}

static void AGW_39_and_51_context_is_in_later_events_without_another_call(void **state)
{
    struct round *round =
        begin(NULL, 0, "{\"principalId\":\"me\",\"context\":{\"tenant\":\"t1\",\"level\":3,\"admin\":true}," ALLOW "}");
    size_t client;

    (void)state;
    kit_start(&round->kit);
    client = kit_client(&round->kit);
    assert_string_equal(kit_ask(&round->kit, client, "{\"action\":\"go\"}"), "hi");
    assert_says(round->event, "\"authorizer\":{\"principalId\":\"me\",\"integrationLatency\":");
    assert_says(round->event, "\"tenant\":\"t1\",\"level\":\"3\",\"admin\":\"true\"");
    assert_int_equal(round->fake->requests, 2);
    end(round);
}

static void AGW_53_key_of_the_result_is_looked_up(void **state)
{
    static const struct {
        const char *body;
        uint16_t status;
    } table[] = {
        {"{\"principalId\":\"me\",\"usageIdentifierKey\":\"key-0123456789-abcdefg\"," ALLOW "}", 101},
        {"{\"principalId\":\"me\",\"usageIdentifierKey\":\"another-0123456789-abc\"," ALLOW "}", 403},
        {"{\"principalId\":\"me\"," ALLOW "}", 403},
    };
    const struct chatroom_api_key key = {chatroom_str("plan"), chatroom_str("key-0123456789-abcdefg"), 0, 0};
    struct chatroom_error error;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct round *round = begin(NULL, 0, table[i].body);

        assert_int_equal(chatroom_add_api_key(round->kit.c, &key, &error), CHATROOM_OK);
        assert_int_equal(chatroom_require_api_key(round->kit.c, CHATROOM_KEY_FROM_AUTHORIZER), CHATROOM_OK);
        kit_start(&round->kit);
        assert_int_equal(kit_connect(&round->kit, "/prod"), table[i].status);
        end(round);
    }
}

static bool hang(struct fake *fake, const struct fake_request *request, void *arg)
{
    (void)arg;
    return fake_hang(fake, request, -1);
}

static void authorizer__that_does_not_answer_is_500(void **state)
{
    struct round *round = begin(NULL, 0, "");

    (void)state;
    round->fake->answer = hang;
    kit_start(&round->kit);
    assert_int_equal(kit_connect(&round->kit, "/prod"), 500);
    kit_assert_logged(&round->kit, "authorizer_failed target=function");
    kit_assert_logged(&round->kit, "reason=timeout");
    end(round);
}

static void authorizer__identity_sources_are_checked(void **state)
{
    static const char *const bad[] = {"route.request.body.x", "'literal'", "", "context.none"};
    struct chatroom_remote_lambda options = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error;
    chatroom_remote_target *target;
    struct kit kit;

    (void)state;
    kit_open(&kit, NULL);
    options.endpoint = "http://127.0.0.1:9";
    options.function = "function";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(chatroom_remote_authorizer_target(kit.remote, &options, &bad[i], 1, &target, &error),
                         CHATROOM_EINVAL);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_47_missing_identity_source_is_401_without_a_call),
        cmocka_unit_test(AGW_48_unauthorized_is_401_and_other_errors_are_500),
        cmocka_unit_test(AGW_48_wrong_shapes_are_500),
        cmocka_unit_test(AGW_48_result_that_is_too_long_is_500),
        cmocka_unit_test(AGW_49_deny_and_no_match_are_403),
        cmocka_unit_test(AGW_39_and_51_context_is_in_later_events_without_another_call),
        cmocka_unit_test(AGW_53_key_of_the_result_is_looked_up),
        cmocka_unit_test(authorizer__its_event_is_that_of_a_request_authorizer),
        cmocka_unit_test(authorizer__that_does_not_answer_is_500),
        cmocka_unit_test(authorizer__identity_sources_are_checked),
    };

    return cmocka_run_group_tests(tests, kit_setup, NULL);
}
