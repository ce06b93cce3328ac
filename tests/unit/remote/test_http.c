/* Routes whose handlers are HTTP servers, and mocks. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

struct round {
    struct kit kit;
    struct fake *fake;
    size_t client;
    const char *status, *headers, *body;
    char head[8192], got[8192];
};

static bool reply(struct fake *fake, const struct fake_request *request, void *arg)
{
    struct round *round = arg;

    (void)fake;
    snprintf(round->head, sizeof round->head, "%s", request->head);
    snprintf(round->got, sizeof round->got, "%s", request->body);
    return fake_reply(request, round->status, round->headers, round->body);
}

/* The URL of options is a path on the fake. */
static struct round *begin(const char *key, struct chatroom_remote_http options)
{
    struct round *round = calloc(1, sizeof *round);
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;
    char url[256];

    assert_non_null(round);
    round->status = "200 OK";
    round->headers = "";
    round->body = "hi";
    round->fake = fake_new(reply, round);
    snprintf(url, sizeof url, "%s%s", round->fake->url, options.url ? options.url : "");
    options.url = url;
    kit_open(&round->kit, NULL);
    if (chatroom_remote_http(round->kit.remote, &options, &target, &error))
        fail_msg("%s", error.text);
    kit_route(&round->kit, key, target);
    kit_start(&round->kit);
    return round;
}

static struct round *begin_message(struct chatroom_remote_http options)
{
    struct round *round = begin("go", options);

    round->client = kit_client(&round->kit);
    return round;
}

static void end(struct round *round)
{
    fake_free(round->fake);
    kit_close(&round->kit);
    free(round);
}

static const char hello[] = "{\"action\":\"go\",\"name\":\"Ann\"}";
static const char oops[] = "{\"message\": \"Internal server error\", \"connectionId\":\"";

static void http__message_goes_as_it_is_with_what_an_answer_needs(void **state)
{
    struct round *round = begin_message((struct chatroom_remote_http)CHATROOM_REMOTE_HTTP);
    char value[1024], id[17];

    (void)state;
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(strncmp(round->head, "POST / HTTP/1.1\r\n", 17), 0);
    assert_string_equal(round->got, hello);
    snprintf(id, sizeof id, "%.16s", wire_id(round->kit.wire, round->client).bytes);
    assert_string_equal(fake_header(round->head, "X-Connection-Id", value), id);
    assert_int_equal(strlen(fake_header(round->head, "X-Request-Id", value)), 16);
    assert_string_equal(fake_header(round->head, "X-Event-Type", value), "MESSAGE");
    assert_string_equal(fake_header(round->head, "X-Route-Key", value), "go");
    assert_string_equal(fake_header(round->head, "X-Stage", value), "prod");
    assert_string_equal(fake_header(round->head, "X-Domain-Name", value), "chat.example");
    assert_string_equal(fake_header(round->head, "X-Callback-Url", value), "https://chat.example/prod");
    assert_string_equal(fake_header(round->head, "Content-Type", value), "application/json");
    assert_string_equal(fake_header(round->head, "Expect", value), "");
    end(round);
}

static void http__method_and_url_are_the_targets(void **state)
{
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.method = "PUT";
    options.url = "/a/../${stageVariables.word}?x=1";
    options.content_type = "text/x-chat";
    round = begin_message(options);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(strncmp(round->head, "PUT /a/../hello?x=1 HTTP/1.1\r\n", 30), 0);
    assert_says(round->head, "\r\nContent-Type: text/x-chat\r\n");
    end(round);
}

static void http__get_has_no_body(void **state)
{
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;
    char value[1024];

    (void)state;
    options.method = "GET";
    round = begin_message(options);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    assert_int_equal(strncmp(round->head, "GET / HTTP/1.1\r\n", 16), 0);
    assert_string_equal(round->got, "");
    assert_string_equal(fake_header(round->head, "Content-Type", value), "");
    end(round);
}

static void http__mappings_fill_headers_and_query(void **state)
{
    static const struct chatroom_remote_mapping mappings[] = {
        {"integration.request.header.X-Name", "route.request.body.name"},
        {"integration.request.header.X-Api", "context.apiId"},
        {"integration.request.header.X-Empty", "''"},
        {"integration.request.header.X-None", "route.request.body.none"},
        {"integration.request.querystring.user name", "route.request.body.name"},
        {"integration.request.querystring.word", "stageVariables.word"},
    };
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.mappings = mappings;
    options.mapping_count = sizeof mappings / sizeof *mappings;
    round = begin_message(options);
    kit_ask(&round->kit, round->client, "{\"action\":\"go\",\"name\":\"Ann & B\\u00fc\"}");
    assert_int_equal(strncmp(round->head, "POST /?user%20name=Ann%20%26%20B%C3%BC&word=hello HTTP/1.1\r\n", 60), 0);
    assert_says(round->head, "\r\nX-Name: Ann & B\xc3\xbc\r\n");
    assert_says(round->head, "\r\nX-Api: api123\r\n");
    assert_says(round->head, "\r\nX-Empty:\r\n");
    assert_null(strstr(round->head, "X-None"));
    end(round);
}

static void http__client_cannot_end_a_header(void **state)
{
    static const struct chatroom_remote_mapping mapping = {"integration.request.header.X-Name",
                                                           "route.request.body.name"};
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.mappings = &mapping;
    options.mapping_count = 1;
    round = begin_message(options);
    kit_ask(&round->kit, round->client, "{\"action\":\"go\",\"name\":\"a\\r\\nX-Evil: 1\\r\\n\\r\\nGET /\\u0000b\"}");
    assert_says(round->head, "\r\nX-Name: a  X-Evil: 1    GET / b\r\n");
    assert_null(strstr(round->head, "\r\nX-Evil"));
    assert_int_equal(round->fake->requests, 1);
    kit_ask(&round->kit, round->client, "{\"action\":\"go\",\"name\":\"\\r\\n\"}");
    assert_says(round->head, "\r\nX-Name:\r\n");
    end(round);
}

static void http__error_status_still_delivers_the_body(void **state)
{
    struct round *round = begin_message((struct chatroom_remote_http)CHATROOM_REMOTE_HTTP);

    (void)state;
    round->status = "500 Internal Server Error";
    round->body = "sorry";
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "sorry");
    kit_assert_logged(&round->kit, "integration_failed target=http");
    kit_assert_logged(&round->kit, "reason=status detail= http_status=500");
    end(round);
}

static void http__empty_body_sends_nothing(void **state)
{
    struct round *round = begin_message((struct chatroom_remote_http)CHATROOM_REMOTE_HTTP);

    (void)state;
    round->status = "204 No Content";
    round->body = "";
    wire_send(round->kit.wire, round->client, hello);
    while (atomic_load(&round->fake->requests) == 0)
        kit_turn(&round->kit);
    kit_turn_for(&round->kit, 30);
    assert_int_equal(wire_queued(round->kit.wire, round->client), 0);
    end(round);
}

static void http__body_that_is_not_utf8_is_an_internal_error(void **state)
{
    struct round *round = begin_message((struct chatroom_remote_http)CHATROOM_REMOTE_HTTP);

    (void)state;
    round->body = "\xff\xfe";
    assert_says(kit_ask(&round->kit, round->client, hello), oops);
    end(round);
}

static void http__responses_are_chosen_by_status(void **state)
{
    static const struct chatroom_remote_response responses[] = {
        {"404", 200, "nobody"}, {"/4\\d\\d/", 0, "your fault"}, {"/2\\d\\d/", 0, NULL}};
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.responses = responses;
    options.response_count = sizeof responses / sizeof *responses;
    round = begin_message(options);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "hi");
    round->status = "404 Not Found";
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "nobody");
    round->status = "403 Forbidden";
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "your fault");
    round->status = "500 Internal Server Error";
    assert_says(kit_ask(&round->kit, round->client, hello), oops);
    kit_assert_logged(&round->kit, "reason=no_response");
    end(round);
}

static void http__default_response_is_for_what_no_other_fits(void **state)
{
    static const struct chatroom_remote_response responses[] = {{"$default", 0, "whatever"}, {"/5../", 0, "broken"}};
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.responses = responses;
    options.response_count = sizeof responses / sizeof *responses;
    round = begin_message(options);
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "whatever");
    round->status = "503 Service Unavailable";
    assert_string_equal(kit_ask(&round->kit, round->client, hello), "broken");
    end(round);
}

static void http__connect_is_answered_with_the_servers_status(void **state)
{
    static const struct chatroom_remote_mapping mappings[] = {
        {"integration.request.header.X-Token", "route.request.querystring.token"}};
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;
    char value[1024];

    (void)state;
    options.mappings = mappings;
    options.mapping_count = 1;
    round = begin("$connect", options);
    assert_int_equal(kit_connect(&round->kit, "/prod?token=a%20b"), 101);
    assert_says(round->head, "\r\nX-Token: a b\r\n");
    assert_string_equal(fake_header(round->head, "X-Event-Type", value), "CONNECT");
    assert_string_equal(fake_header(round->head, "Content-Length", value), "0");
    round->status = "403 Forbidden";
    assert_int_equal(kit_connect(&round->kit, "/prod"), 403);
    round->status = "302 Found";
    round->headers = "Location: http://127.0.0.1:1/\r\n";
    assert_int_equal(kit_connect(&round->kit, "/prod"), 302);
    end(round);
}

static void http__missing_variable_is_an_internal_error(void **state)
{
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;
    struct round *round;

    (void)state;
    options.url = "/${stageVariables.none}";
    round = begin_message(options);
    assert_says(kit_ask(&round->kit, round->client, hello), oops);
    kit_assert_logged(&round->kit, "reason=no_variable");
    assert_int_equal(round->fake->requests, 0);
    end(round);
}

static void mock__says_always_the_same(void **state)
{
    struct kit kit;
    struct chatroom_error error;
    chatroom_remote_target *yes, *no;
    size_t client;

    (void)state;
    kit_open(&kit, NULL);
    assert_int_equal(chatroom_remote_mock(kit.remote, 200, "pong", &yes, &error), CHATROOM_OK);
    assert_int_equal(chatroom_remote_mock(kit.remote, 418, NULL, &no, &error), CHATROOM_OK);
    kit_route(&kit, "ping", yes);
    kit_route(&kit, "$connect", yes);
    kit_start(&kit);
    client = kit_client(&kit);
    assert_string_equal(kit_ask(&kit, client, "{\"action\":\"ping\"}"), "pong");
    kit_close(&kit);
    kit_open(&kit, NULL);
    assert_int_equal(chatroom_remote_mock(kit.remote, 418, NULL, &no, &error), CHATROOM_OK);
    kit_route(&kit, "$connect", no);
    kit_start(&kit);
    assert_int_equal(kit_connect(&kit, "/prod"), 418);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__message_goes_as_it_is_with_what_an_answer_needs),
        cmocka_unit_test(http__method_and_url_are_the_targets),
        cmocka_unit_test(http__get_has_no_body),
        cmocka_unit_test(http__mappings_fill_headers_and_query),
        cmocka_unit_test(http__client_cannot_end_a_header),
        cmocka_unit_test(http__error_status_still_delivers_the_body),
        cmocka_unit_test(http__empty_body_sends_nothing),
        cmocka_unit_test(http__body_that_is_not_utf8_is_an_internal_error),
        cmocka_unit_test(http__responses_are_chosen_by_status),
        cmocka_unit_test(http__default_response_is_for_what_no_other_fits),
        cmocka_unit_test(http__connect_is_answered_with_the_servers_status),
        cmocka_unit_test(http__missing_variable_is_an_internal_error),
        cmocka_unit_test(mock__says_always_the_same),
    };

    return cmocka_run_group_tests(tests, kit_setup, NULL);
}
