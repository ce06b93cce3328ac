/*
 * The access log: one line for each request that is through, however it ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <stdio.h>

struct lines {
    char text[32][512];
    unsigned count;
};

static void take_line(void *arg, chatroom_span line)
{
    struct lines *lines = arg;

    assert_true(lines->count < 32 && line.size < sizeof lines->text[0]);
    memcpy(lines->text[lines->count], line.bytes, line.size);
    lines->text[lines->count++][line.size] = '\0';
}

static void log_as(struct gate *g, struct lines *lines, const char *format)
{
    memset(lines, 0, sizeof *lines);
    assert_int_equal(chatroom_access_log(g->c, format, take_line, lines, NULL), CHATROOM_OK);
}

static void begin(struct gate *g, struct lines *lines, const char *format)
{
    gate_prepare(g);
    gate_new(g);
    log_as(g, lines, format);
}

static void assert_line(struct lines *lines, const char *wanted)
{
    assert_int_equal(lines->count, 1);
    assert_string_equal(lines->text[0], wanted);
    lines->count = 0;
}

static void line__of_each_event_says_what_it_was_and_how_it_ended(void **state)
{
    struct lines lines;
    struct gate g;
    struct act connect = {0}, ok = {0}, fails = {.result = CHATROOM_EFAILED};

    (void)state;
    begin(&g, &lines, "$context.eventType $context.routeKey $context.status $context.error.responseType");
    gate_route(&g, "$connect", &connect);
    gate_route(&g, "ok", &ok);
    gate_route(&g, "fails", &fails);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    assert_line(&lines, "CONNECT $connect 200 -");
    gate_says(&g, ann, "{\"action\":\"ok\"}");
    assert_line(&lines, "MESSAGE ok 200 -");
    gate_says(&g, ann, "{\"action\":\"fails\"}");
    assert_line(&lines, "MESSAGE fails 500 INTEGRATION_FAILURE");
    gate_says(&g, ann, "{\"action\":\"nope\"}");
    assert_int_equal(lines.count, 1);
    assert_string_equal(strchr(lines.text[0], '4'), "403 ACCESS_DENIED");
    lines.count = 0;
    wire_close(g.wire, ann, 1000);
    gate_step(&g);
    assert_line(&lines, "DISCONNECT $disconnect 200 -");
    gate_end(&g);
}

static void line__of_a_refused_connect_has_the_status_of_the_answer(void **state)
{
    static const struct {
        int result;
        uint16_t said;
        const char *line;
    } rows[] = {{CHATROOM_EREFUSED, 0, "CONNECT 403 DEFAULT_4XX"},
                {CHATROOM_EREFUSED, 401, "CONNECT 401 UNAUTHORIZED"},
                {CHATROOM_EFAILED, 0, "CONNECT 502 INTEGRATION_FAILURE"},
                {CHATROOM_ELIMIT, 0, "CONNECT 429 THROTTLED"}};
    struct lines lines;
    struct gate g;
    struct act connect = {0};

    (void)state;
    begin(&g, &lines, "$context.eventType $context.status $context.error.responseType");
    gate_route(&g, "$connect", &connect);
    gate_start(&g);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        connect.result = rows[i].result;
        connect.status = rows[i].said;
        wire_connect(g.wire, "/dev");
        gate_step(&g);
        assert_line(&lines, rows[i].line);
    }
    wire_connect(g.wire, "/other");
    gate_step(&g);
    assert_int_equal(lines.count, 1);
    gate_end(&g);
}

static void line__has_the_statuses_and_times_of_authorizer_and_integration(void **state)
{
    const struct chatroom_api_key key = {chatroom_str("plan-key-one"), chatroom_str("key-of-twenty-octets"), 0, 0};
    struct lines lines;
    struct gate g;
    struct chatroom_proxy_result result = {.status = 201};
    struct act lets_in = {.authorize = "{\"tenant\":\"t1\"}", .usage_key = "key-of-twenty-octets"};
    struct act authorizer = {.defer = true, .resumed = &lets_in};
    struct act done = {.finish = &result}, connect = {.defer = true, .resumed = &done};

    (void)state;
    begin(&g, &lines,
          "$context.authorizer.status $context.authorizer.latency $context.integration.status "
          "$context.integration.latency $context.authorizer.tenant $context.status $context.identity.apiKeyId");
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    assert_int_equal(chatroom_add_api_key(g.c, &key, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_FROM_AUTHORIZER), CHATROOM_OK);
    gate_route(&g, "$connect", &connect);
    gate_start(&g);
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    gate_pass(&g, 30);
    gate_resume(&authorizer);
    gate_step(&g);
    gate_pass(&g, 70);
    gate_resume(&connect);
    gate_step(&g);
    assert_int_equal(lines.count, 1);
    assert_memory_equal(lines.text[0], "200 30 201 70 t1 201 ", 21);
    assert_null(strstr(lines.text[0], "key-of-twenty-octets"));
    gate_end(&g);
}

static void line__of_what_took_too_long_knows_when_it_began_and_who_let_it_in(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct lines lines;
    struct gate g;
    struct act authorizer = {.authorize = "{\"tenant\":\"t1\"}"}, connect = {.defer = true};

    (void)state;
    options.timeout_ms = 50;
    begin(&g, &lines,
          "$context.status $context.error.responseType $context.responseLatency $context.integration.latency "
          "$context.authorizer.status $context.authorizer.tenant");
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    assert_int_equal(chatroom_route_with(g.c, "$connect", gate_act, &connect, &options), CHATROOM_OK);
    gate_start(&g);
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    gate_pass(&g, 50);
    assert_line(&lines, "504 INTEGRATION_TIMEOUT 50 50 200 t1");
    gate_resume(&connect);
    gate_pass(&g, 1);
    assert_int_equal(lines.count, 0);
    gate_end(&g);
}

static void line__of_an_authorizer_that_failed_has_its_status(void **state)
{
    struct lines lines;
    struct gate g;
    struct act authorizer = {.defer = true};

    (void)state;
    begin(&g, &lines,
          "$context.status $context.authorizer.status $context.authorizer.latency $context.integration.status");
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 20), CHATROOM_OK);
    gate_start(&g);
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    gate_pass(&g, 20);
    assert_line(&lines, "500 500 20 -");
    authorizer.defer = false;
    authorizer.result = CHATROOM_EREFUSED;
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    assert_line(&lines, "403 403 0 -");
    gate_end(&g);
}

static int reject_all(void *arg, chatroom_span body, struct chatroom_error *error)
{
    (void)arg, (void)body;
    return chatroom_error_set(error, CHATROOM_EINVAL, "It says \"no\".");
}

static void line__of_a_bad_body_says_what_was_wrong(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct lines lines;
    struct gate g;
    struct act act = {0};

    (void)state;
    options.validate = reject_all;
    begin(
        &g, &lines,
        "$context.status $context.error.responseType $context.error.validationErrorString $context.integration.status");
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    lines.count = 0;
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_line(&lines, "400 BAD_REQUEST_BODY It says \\\"no\\\". -");
    gate_end(&g);
}

static void line__of_a_result_has_the_status_that_the_integration_gave(void **state)
{
    struct lines lines;
    struct gate g;
    struct chatroom_proxy_result result = {.status = 503};
    struct act act = {.finish = &result};

    (void)state;
    begin(&g, &lines, "$context.status $context.integration.status");
    gate_route(&g, "a", &act);
    gate_route(&g, "$disconnect", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    lines.count = 0;
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_line(&lines, "503 503");
    wire_close(g.wire, ann, 1000);
    gate_step(&g);
    assert_line(&lines, "503 503");
    gate_end(&g);
}

static void log__is_not_written_for_what_the_host_asks_for(void **state)
{
    struct lines lines;
    struct gate g;

    (void)state;
    begin(&g, &lines, "$context.eventType");
    gate_start(&g);
    assert_int_equal(chatroom_publish(g.c, chatroom_str("room"), chatroom_str("host"), chatroom_str("1"), NULL, NULL),
                     CHATROOM_OK);
    assert_int_equal(chatroom_post(g.c, chatroom_str("x"), chatroom_str("1"), NULL, NULL), CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(lines.count, 0);
    gate_end(&g);
}

static void log__is_configured_before_the_start_and_the_last_format_counts(void **state)
{
    struct chatroom_error error = {0, ""};
    struct lines lines, others;
    struct gate g;

    (void)state;
    begin(&g, &others, "$context.eventType");
    assert_int_equal(chatroom_access_log(g.c, "$context.nonsense", take_line, &lines, &error), CHATROOM_EINVAL);
    assert_string_not_equal(error.text, "");
    assert_int_equal(chatroom_access_log(g.c, NULL, take_line, &lines, &error), CHATROOM_EINVAL);
    assert_int_equal(chatroom_access_log(g.c, "x", NULL, &lines, &error), CHATROOM_EINVAL);
    log_as(&g, &lines, "$context.connectionId");
    gate_start(&g);
    assert_int_equal(chatroom_access_log(g.c, "x", take_line, &lines, &error), CHATROOM_EINVAL);
    size_t ann = gate_connected(&g);
    assert_int_equal(lines.count, 1);
    assert_memory_equal(lines.text[0], wire_id(g.wire, ann).bytes, 16);
    assert_int_equal(others.count, 0);
    gate_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line__of_each_event_says_what_it_was_and_how_it_ended),
        cmocka_unit_test(line__of_a_refused_connect_has_the_status_of_the_answer),
        cmocka_unit_test(line__has_the_statuses_and_times_of_authorizer_and_integration),
        cmocka_unit_test(line__of_what_took_too_long_knows_when_it_began_and_who_let_it_in),
        cmocka_unit_test(line__of_an_authorizer_that_failed_has_its_status),
        cmocka_unit_test(line__of_a_bad_body_says_what_was_wrong),
        cmocka_unit_test(line__of_a_result_has_the_status_that_the_integration_gave),
        cmocka_unit_test(log__is_not_written_for_what_the_host_asks_for),
        cmocka_unit_test(log__is_configured_before_the_start_and_the_last_format_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
