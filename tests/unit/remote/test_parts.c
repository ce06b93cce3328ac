/* What a remote reads by itself: names, URLs, expressions. No sockets. */
#include "kit.h"

#include "function.h"
#include "mapping.h"
#include "status.h"
#include "url.h"
#include "variables.h"

#include <stdio.h>
#include <stdlib.h>

static struct heap heap;
static struct chatroom_alloc alloc;

static int setup(void **state)
{
    (void)state;
    alloc = heap_alloc(&heap);
    return 0;
}

static void assert_span(chatroom_span span, const char *text)
{
    if (!chatroom_span_equal(span, chatroom_str(text)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)span.size, span.bytes ? span.bytes : "", text);
}

static void function__forms_give_name_and_region(void **state)
{
    static const char arn[] = "arn:aws:lambda:eu-west-1:111122223333:function:echo";
    static const struct {
        const char *text, *name, *region;
    } good[] = {
        {"echo", "echo", ""},
        {"echo:live", "echo:live", ""},
        {"my_fn-2:$LATEST", "my_fn-2:$LATEST", ""},
        {arn, arn, "eu-west-1"},
        {"arn:aws-us-gov:lambda:us-gov-west-1:1:function:f:v1", "arn:aws-us-gov:lambda:us-gov-west-1:1:function:f:v1",
         "us-gov-west-1"},
        {"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
         "arn:aws:lambda:eu-west-1:111122223333:function:echo/invocations",
         arn, "eu-west-1"},
        {"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/echo/invocations", "echo", "us-east-1"},
    };
    static const char *const bad[] = {
        "",
        ":",
        "a b",
        "a/b",
        "../x",
        "echo\n",
        "echo?",
        "${x}",
        "arn:aws:lambda:eu-west-1:1:layer:x/y",
        "name:",
        "arn:aws:lambda:evil.example/:1:function:f",
        "arn:../x:echo",
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions//invocations",
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/echo/invocations/",
        "arn:aws:apigateway:us-east-1:sqs:path/2015-03-31/functions/echo/invocations",
    };
    struct remote_function function;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(remote_function_parse(chatroom_str(good[i].text), &function));
        assert_span(function.name, good[i].name);
        assert_span(function.region, good[i].region);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_function_parse(chatroom_str(bad[i]), &function))
            fail_msg("taken: %s", bad[i]);
}

static void url__parts_are_those_of_http(void **state)
{
    static const char *const bad[] = {
        "",
        "http",
        "http:",
        "http://",
        "http:///x",
        "http://?x",
        "http://:80/",
        "ftp://a/",
        "file:///etc/passwd",
        "gopher://a/",
        "//a/b",
        "a.example",
        "http:/a",
        "http://u@a/",
        "http://u:p@a/x",
        "http://a/#f",
        "http://a/ b",
        "http://a/\r\nX: y",
        "http://a/\xc3\xa4",
        "http://a\\b/",
        "xhttp://a/",
    };
    struct remote_url url;

    (void)state;
    assert_true(remote_url_parse(chatroom_str("HTTPS://a.example:8443/x?y=http://z"), &url));
    assert_span(url.authority, "a.example:8443");
    assert_span(url.target, "/x?y=http://z");
    assert_true(remote_url_parse(chatroom_str("http://[::1]:9001"), &url));
    assert_span(url.authority, "[::1]:9001");
    assert_span(url.target, "");
    assert_true(remote_url_parse(chatroom_str("http://a?b/@"), &url));
    assert_span(url.authority, "a");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_url_parse(chatroom_str(bad[i]), &url))
            fail_msg("taken: %s", bad[i]);
}

static const struct chatroom_variable some[] = {{{"host", 4}, {"b.example", 9}}, {{"x_1", 3}, {"", 0}}};
static const struct chatroom_api api = {.id = {"api", 3}, .stage = {"prod", 4}, .variables = some, .variable_count = 2};

static void variables__names_become_values(void **state)
{
    static const char *const bad[] = {"${",
                                      "${x}",
                                      "a${stageVariables.}",
                                      "${stageVariables.a-b}",
                                      "${stageVariables.host",
                                      "${stageVariables.host}${"};
    struct remote_text out = remote_text_on(&alloc);
    bool any;

    (void)state;
    assert_true(remote_variables_check(chatroom_str("http://${stageVariables.host}/${stageVariables.x_1}$}{"), &any));
    assert_true(any);
    assert_true(
        remote_variables_expand(chatroom_str("http://${stageVariables.host}/${stageVariables.x_1}$}{"), &api, &out));
    assert_span(remote_text_span(&out), "http://b.example/$}{");
    remote_text_clear(&out);
    assert_false(remote_variables_expand(chatroom_str("${stageVariables.HOST}"), &api, &out));
    assert_true(remote_variables_check(chatroom_str("plain $ { }"), &any));
    assert_false(any);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_variables_check(chatroom_str(bad[i]), &any))
            fail_msg("taken: %s", bad[i]);
    remote_text_fini(&out);
    assert_int_equal(heap.blocks, 0);
}

static void status__keys_fit_what_they_say(void **state)
{
    static const struct {
        const char *key;
        unsigned status;
        bool fits;
    } table[] = {
        {"$default", 200, true},  {"404", 404, true},        {"404", 405, false},        {"/4\\d\\d/", 404, true},
        {"/4\\d\\d/", 499, true}, {"/4\\d\\d/", 500, false}, {"/5../", 503, true},       {"/20./", 204, true},
        {"/20./", 214, false},    {"/404/", 404, true},      {"/\\d\\d\\d/", 100, true},
    };
    static const char *const bad[] = {"",         "/",        "//",        "4",    "40",       "4044", "/4\\d/",
                                      "/4\\d\\d", "4\\d\\d/", "/4\\w\\d/", "/4*/", "$DEFAULT", "4..",  "/4\\d\\d\\d/",
                                      "abc"};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(remote_status_key_valid(chatroom_str(table[i].key)));
        assert_int_equal(remote_status_key_fits(chatroom_str(table[i].key), table[i].status), table[i].fits);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_status_key_valid(chatroom_str(bad[i])))
            fail_msg("taken: %s", bad[i]);
}

/* ---- expressions ---- */

static void add_value(void *arg, chatroom_span value)
{
    struct remote_text *out = arg;

    remote_text_add_str(out, "<");
    remote_text_add(out, value);
    remote_text_add_str(out, ">");
}

static void source__expressions_pick_what_they_name(void **state)
{
    static const struct chatroom_header headers[] = {
        {{"X-A", 3}, {"1", 1}}, {{"x-a", 3}, {"2", 1}}, {{"Origin", 6}, {"o", 1}}};
    static const struct chatroom_request_head head = {{"/prod?a=1&b=%41+c%2&a=2&&e&%61=3", 32}, headers, 3, {"", 0}};
    static const struct chatroom_request_info info = {
        .event = CHATROOM_CONNECT,
        .connection_id = {"cid", 3},
        .request_id = {"rid", 3},
        .head = &head,
        .api = &api,
        .time_ms = 1700000000123,
        .source_ip = {"192.0.2.1", 9},
        .authorizer = {"{\"principalId\":\"me\",\"n\":\"a\\nb\",\"integrationLatency\":5}", 54}};
    static const char body[] =
        "{\"s\":\"a\\\"b\",\"n\":1.50,\"t\":true,\"z\":null,\"o\":{\"p\":[10,{\"q\":\"deep\"}]}}";
    static const struct {
        const char *expression, *values;
    } table[] = {
        {"route.request.header.X-A", "<2>"},
        {"route.request.header.origin", "<o>"},
        {"route.request.header.none", ""},
        {"route.request.multivalueheader.X-A", "<1><2>"},
        {"route.request.querystring.a", "<3>"},
        {"route.request.multivaluequerystring.a", "<1><2><3>"},
        {"route.request.querystring.b", "<A c%2>"},
        {"route.request.querystring.e", "<>"},
        {"route.request.querystring.none", ""},
        {"route.request.body.s", "<a\"b>"},
        {"route.request.body.n", "<1.50>"},
        {"route.request.body.t", "<true>"},
        {"route.request.body.z", ""},
        {"route.request.body.none", ""},
        {"route.request.body.o", "<{\"p\":[10,{\"q\":\"deep\"}]}>"},
        {"route.request.body.o.p[0]", "<10>"},
        {"route.request.body.o.p[1].q", "<deep>"},
        {"route.request.body.o.p[2]", ""},
        {"route.request.body.o[0]", ""},
        {"route.request.body.s.x", ""},
        {"stageVariables.host", "<b.example>"},
        {"stageVariables.none", ""},
        {"context.connectionId", "<cid>"},
        {"context.requestId", "<rid>"},
        {"context.extendedRequestId", "<rid>"},
        {"context.stage", "<prod>"},
        {"context.apiId", "<api>"},
        {"context.eventType", "<CONNECT>"},
        {"context.requestTimeEpoch", "<1700000000123>"},
        {"context.connectedAt", "<0>"},
        {"context.identity.sourceIp", "<192.0.2.1>"},
        {"context.identity.userAgent", ""},
        {"context.messageId", ""},
        {"context.authorizer.principalId", "<me>"},
        {"context.authorizer.n", "<a\nb>"},
        {"context.authorizer.integrationLatency", "<5>"},
        {"context.authorizer.none", ""},
        {"'a literal'", "<a literal>"},
        {"''", "<>"},
    };
    static const char *const bad[] = {
        "",
        "'",
        "x",
        "route.request.header.",
        "route.request.header.a b",
        "route.request.body.",
        "route.request.body..a",
        "route.request.body.a.",
        "route.request.body.a[",
        "route.request.body.a[x]",
        "route.request.body.a[1",
        "route.request.body.a[99999999]",
        "context.",
        "context.none",
        "context.authorizer.",
        "context.identity",
        "stageVariables.",
        "method.request.header.x",
    };
    struct remote_text out = remote_text_on(&alloc), scratch = remote_text_on(&alloc);
    struct remote_source source;

    (void)state;
    assert_int_equal(strlen(head.target.bytes), head.target.size);
    assert_int_equal(strlen(info.authorizer.bytes), info.authorizer.size);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        remote_text_clear(&out);
        if (!remote_source_parse(chatroom_str(table[i].expression), &source))
            fail_msg("not taken: %s", table[i].expression);
        remote_source_each(&source, &info, chatroom_str(body), &scratch, add_value, &out);
        if (!chatroom_span_equal(remote_text_span(&out), chatroom_str(table[i].values)))
            fail_msg("%s gives %s", table[i].expression, out.bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_source_parse(chatroom_str(bad[i]), &source))
            fail_msg("taken: %s", bad[i]);
    remote_text_fini(&out);
    remote_text_fini(&scratch);
    assert_int_equal(heap.blocks, 0);
}

static void source__name_that_stands_twice_gives_nothing(void **state)
{
    static const struct chatroom_request_info info = {.event = CHATROOM_MESSAGE};
    static const char *const bodies[] = {"{\"a\":1,\"a\":2}", "{\"a\":1", "", "[1]", "\"a\"", "{\"b\":{\"a\":1}}"};
    struct remote_text out = remote_text_on(&alloc), scratch = remote_text_on(&alloc);
    struct remote_source source;

    (void)state;
    assert_true(remote_source_parse(chatroom_str("route.request.body.a"), &source));
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        remote_source_each(&source, &info, chatroom_str(bodies[i]), &scratch, add_value, &out);
    assert_int_equal(out.size, 0);
    remote_text_fini(&out);
    remote_text_fini(&scratch);
}

static void mapping__destinations_are_checked(void **state)
{
    static const char *const bad[] = {
        "",
        "integration.request.header.",
        "integration.request.header.a b",
        "integration.request.header.Host",
        "integration.request.header.content-length",
        "integration.request.header.X-Connection-Id",
        "integration.request.header.a\r\nb",
        "integration.request.querystring.",
        "integration.request.path.x",
        "header.x",
    };
    struct remote_mapping mapping;

    (void)state;
    assert_true(remote_mapping_parse(chatroom_str("integration.request.header.X-User"), chatroom_str("'a'"), &mapping));
    assert_int_equal(mapping.place, REMOTE_IN_HEADER);
    assert_span(mapping.name, "X-User");
    assert_true(
        remote_mapping_parse(chatroom_str("integration.request.querystring.a b"), chatroom_str("'a'"), &mapping));
    assert_int_equal(mapping.place, REMOTE_IN_QUERY);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (remote_mapping_parse(chatroom_str(bad[i]), chatroom_str("'a'"), &mapping))
            fail_msg("taken: %s", bad[i]);
}

/* ---- targets ---- */

static void targets__options_are_checked(void **state)
{
    static const struct chatroom_remote_lambda lambdas[] = {
        {0},
        {.size = sizeof *lambdas},
        {.size = sizeof *lambdas, .function = "a b"},
        {.size = sizeof *lambdas, .function = "${x}"},
        {.size = sizeof *lambdas, .function = "f", .endpoint = "ftp://x"},
        {.size = sizeof *lambdas, .function = "f", .endpoint = "http://x/?y"},
        {.size = sizeof *lambdas, .function = "f", .serial = true},
        {.size = sizeof *lambdas, .function = "f", .qualifier = "${x}"},
        {.size = sizeof *lambdas, .function = "f", .limits = {.retries = 11}},
        {.size = sizeof *lambdas, .function = "f", .limits = {.timeout_ms = 3600001}},
    };
    static const struct chatroom_remote_mapping mappings[] = {{NULL, "'a'"}};
    static const struct chatroom_remote_response responses[] = {{"/4/", 0, NULL}, {"404", 99, NULL}, {NULL, 0, NULL}};
    static const struct chatroom_remote_http https[] = {
        {0},
        {.size = sizeof *https},
        {.size = sizeof *https, .url = "file:///etc/passwd"},
        {.size = sizeof *https, .url = "http://u:p@h/"},
        {.size = sizeof *https, .url = "http://h/", .method = "GE T"},
        {.size = sizeof *https, .url = "http://h/", .content_type = "a\r\nb"},
        {.size = sizeof *https, .url = "http://h/", .mappings = mappings, .mapping_count = 1},
        {.size = sizeof *https, .url = "http://h/", .responses = &responses[0], .response_count = 1},
        {.size = sizeof *https, .url = "http://h/", .responses = &responses[1], .response_count = 1},
        {.size = sizeof *https, .url = "http://h/", .responses = &responses[2], .response_count = 1},
    };
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS, bad;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;
    chatroom_remote *remote;

    (void)state;
    options.alloc = &alloc;
    bad = options;
    bad.calls = 0;
    assert_int_equal(chatroom_remote_new(&bad, &remote, &error), CHATROOM_EINVAL);
    bad = options;
    bad.response_bytes = 0;
    assert_int_equal(chatroom_remote_new(&bad, &remote, &error), CHATROOM_EINVAL);
    bad = options;
    bad.size = 1;
    assert_int_equal(chatroom_remote_new(&bad, &remote, &error), CHATROOM_EINVAL);
    assert_int_equal(chatroom_remote_new(&options, &remote, &error), CHATROOM_OK);
    for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; i++)
        assert_int_equal(chatroom_remote_lambda(remote, &lambdas[i], &target, &error), CHATROOM_EINVAL);
    for (size_t i = 0; i < sizeof https / sizeof *https; i++)
        assert_int_equal(chatroom_remote_http(remote, &https[i], &target, &error), CHATROOM_EINVAL);
    assert_int_equal(chatroom_remote_mock(remote, 101, NULL, &target, &error), CHATROOM_EINVAL);
    chatroom_remote_free(remote);
    chatroom_remote_free(NULL);
    assert_int_equal(heap.blocks, 0);
}

static void targets__options_of_an_older_program_are_taken(void **state)
{
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;
    chatroom_remote *remote;

    (void)state;
    options.alloc = &alloc;
    assert_int_equal(chatroom_remote_new(&options, &remote, &error), CHATROOM_OK);
    lambda.size = offsetof(struct chatroom_remote_lambda, qualifier);
    lambda.endpoint = "http://127.0.0.1:9";
    lambda.function = "f";
    lambda.qualifier = "${not looked at";
    lambda.limits.retries = 11;
    assert_int_equal(chatroom_remote_lambda(remote, &lambda, &target, &error), CHATROOM_OK);
    chatroom_remote_free(remote);
    assert_int_equal(heap.blocks, 0);
}

/* F20: each allocation of making a remote and its targets fails in turn. */
static void targets__memory_that_runs_out_leaves_nothing(void **state)
{
    static const struct chatroom_sigv4_key key = {{"AK", 2}, {"secret", 6}, {"", 0}};
    static const struct chatroom_remote_mapping mapping = {"integration.request.header.X", "context.connectionId"};
    static const struct chatroom_remote_response response = {"404", 200, "none"};
    static const char *const sources[] = {"route.request.querystring.token"};
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_remote_http http = CHATROOM_REMOTE_HTTP;
    unsigned failures = 0;

    (void)state;
    options.alloc = &alloc;
    options.ca_file = "/nowhere";
    lambda.endpoint = "http://127.0.0.1:9";
    lambda.function = "f";
    lambda.qualifier = "q";
    lambda.region = "r";
    lambda.serial = true;
    lambda.key = &key;
    http.url = "http://127.0.0.1:9";
    http.mappings = &mapping;
    http.mapping_count = 1;
    http.responses = &response;
    http.response_count = 1;
    for (uint64_t n = 1;; n++) {
        struct chatroom_error error = {0, ""};
        chatroom_remote_target *target;
        chatroom_remote *remote = NULL;
        int result;

        heap_fail(&heap, n, 1);
        result = chatroom_remote_new(&options, &remote, &error);
        if (result == CHATROOM_OK)
            result = chatroom_remote_lambda(remote, &lambda, &target, &error);
        if (result == CHATROOM_OK)
            result = chatroom_remote_authorizer_target(remote, &lambda, sources, 1, &target, &error);
        if (result == CHATROOM_OK)
            result = chatroom_remote_http(remote, &http, &target, &error);
        if (result == CHATROOM_OK)
            result = chatroom_remote_mock(remote, 200, "body", &target, &error);
        heap_heal(&heap);
        chatroom_remote_free(remote);
        assert_int_equal(heap.blocks, 0);
        if (result == CHATROOM_OK)
            break;
        assert_int_equal(result, CHATROOM_ENOMEM);
        assert_int_equal(error.code, CHATROOM_ENOMEM);
        failures++;
    }
    assert_true(failures > 20);
}

/* ---- T42 ---- */

static void *searching(void *arg, void *memory, size_t old_size, size_t size)
{
    size_t *found = arg;
    void *bigger = size > 0 ? malloc(size) : NULL;

    if (size > 0 && !bigger)
        return NULL;
    if (bigger && memory)
        memcpy(bigger, memory, old_size < size ? old_size : size);
    if (memory)
        *found += memmem(memory, old_size, "planted-", 8) != NULL;
    free(memory);
    return bigger;
}

static void T42_targets_give_no_secret_back_to_the_heap(void **state)
{
    static const struct chatroom_sigv4_key key = {{"AK", 2}, {"planted-secret", 14}, {"planted-token", 13}};
    struct chatroom_remote_lambda lambda = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    struct chatroom_error error = {0, ""};
    chatroom_remote_target *target;
    chatroom_remote *remote;
    size_t found = 0;
    const struct chatroom_alloc own = {searching, &found};

    (void)state;
    options.alloc = &own;
    lambda.endpoint = "http://127.0.0.1:9";
    lambda.function = "f";
    lambda.region = "us-east-1";
    lambda.key = &key;
    assert_int_equal(chatroom_remote_new(&options, &remote, &error), CHATROOM_OK);
    assert_int_equal(chatroom_remote_lambda(remote, &lambda, &target, &error), CHATROOM_OK);
    chatroom_remote_free(remote);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(function__forms_give_name_and_region),
        cmocka_unit_test(url__parts_are_those_of_http),
        cmocka_unit_test(variables__names_become_values),
        cmocka_unit_test(status__keys_fit_what_they_say),
        cmocka_unit_test(source__expressions_pick_what_they_name),
        cmocka_unit_test(source__name_that_stands_twice_gives_nothing),
        cmocka_unit_test(mapping__destinations_are_checked),
        cmocka_unit_test(targets__options_are_checked),
        cmocka_unit_test(targets__options_of_an_older_program_are_taken),
        cmocka_unit_test(targets__memory_that_runs_out_leaves_nothing),
        cmocka_unit_test(T42_targets_give_no_secret_back_to_the_heap),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
