/*
 * Messages meet routes: selection, throttles, validation, answers, time-outs and the words of errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/model.h>

#include <stdio.h>
#include <stdlib.h>

static const char forbidden[] = "{\"message\": \"Forbidden\", \"connectionId\":\"%C\", \"requestId\":\"%R\"}";
static const char failed[] = "{\"message\": \"Internal server error\", \"connectionId\":\"%C\", \"requestId\":\"%R\"}";
static const char timed_out[] =
    "{\"message\": \"Endpoint request timed out\", \"connectionId\":\"%C\", \"requestId\":\"%R\"}";
static const char too_many[] = "{\"message\": \"Too Many Requests\", \"connectionId\":\"%C\", \"requestId\":\"%R\"}";

static void begin(struct gate *g, const char *selection, const char *key, struct act *act)
{
    gate_prepare(g);
    g->config.route_selection = selection;
    gate_new(g);
    if (key)
        gate_route(g, key, act);
}

static bool has_form_of_id(const char *id)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return strlen(id) == 16 && strspn(id, alphabet) == 15 && strchr("AEIMQUYcgkosw048", id[14]) && id[15] == '=';
}

/* A text with the id of a request that no handler saw. */
static void assert_hears_of_nobody(struct gate *g, size_t client, const char *pattern)
{
    const char *heard = wire_take(g->wire, client);
    const char *at = heard ? strstr(heard, "\"requestId\":\"") : NULL;
    char wanted[256], id[17] = "";

    assert_non_null(at);
    memcpy(id, at + 13, 16);
    assert_true(has_form_of_id(id));
    snprintf(wanted, sizeof wanted, "%.*s%.16s\", \"requestId\":\"%s\"}", (int)(strstr(pattern, "%C") - pattern),
             pattern, wire_id(g->wire, client).bytes, id);
    assert_string_equal(heard, wanted);
}

/* ---- routing ---- */

static void AGW_09_the_member_of_the_message_that_is_selected_by_names_the_route(void **state)
{
    struct gate g;
    struct act a = {0}, nested = {0};

    (void)state;
    begin(&g, NULL, "a", &a);
    gate_start(&g);
    gate_says(&g, gate_connected(&g), "{\"action\":\"a\"}");
    assert_int_equal(a.calls, 1);
    assert_string_equal(a.route_key, "a");
    assert_string_equal(a.body, "{\"action\":\"a\"}");
    gate_end(&g);

    begin(&g, "$request.body.service.do", "a", &nested);
    gate_start(&g);
    gate_says(&g, gate_connected(&g), "{\"service\":{\"do\":\"a\"}}");
    assert_int_equal(nested.calls, 1);
    gate_end(&g);
}

static void AGW_10_every_row_of_the_evaluation_table_holds(void **state)
{
    static const struct {
        const char *expression, *key;
    } rows[] = {{"$request.body.op", "join"},
                {"${request.body.op}", "join"},
                {"${request.body.svc}/${request.body.op}", "chat/join"},
                {"${request.body.op}-${request.body.nope}", "join-"},
                {"$request.body.meta.room", "r1"},
                {"$request.body.l", "[x, y]"},
                {"$request.body.n", "7"},
                {"fixed", "fixed"}};
    static const char message[] =
        "{\"svc\":\"chat\",\"op\":\"join\",\"meta\":{\"room\":\"r1\"},\"n\":7,\"l\":[\"x\",\"y\"]}";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gate g;
        struct act act = {0};

        begin(&g, rows[i].expression, rows[i].key, &act);
        gate_start(&g);
        gate_says(&g, gate_connected(&g), message);
        assert_int_equal(act.calls, 1);
        gate_end(&g);
    }
}

static void AGW_11_a_path_that_is_missing_and_text_that_is_not_json_select_default(void **state)
{
    static const char *const messages[] = {"{}",
                                           "[1]",
                                           "\"a\"",
                                           "no json",
                                           "",
                                           "{\"action\":null}",
                                           "{\"action\":\"\"}",
                                           "{\"action\":\"other\"}",
                                           "{\"action\":\"a\",\"action\":\"a\"}"};
    struct gate g;
    struct act a = {0}, fallback = {0};

    (void)state;
    begin(&g, NULL, "a", &a);
    gate_route(&g, "$default", &fallback);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
        gate_says(&g, ann, messages[i]);
        assert_int_equal(fallback.calls, i + 1);
        assert_string_equal(fallback.body, messages[i]);
        assert_string_equal(fallback.route_key, "$default");
    }
    assert_int_equal(a.calls, 0);
    gate_end(&g);
}

static void AGW_12_a_key_matches_as_a_whole_and_in_its_own_case(void **state)
{
    static const char *const others[] = {"Join", "joi", "joins", " join", "join "};
    struct gate g;
    struct act join = {0};
    char text[64];

    (void)state;
    begin(&g, NULL, "join", &join);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(text, sizeof text, "{\"action\":\"%s\"}", others[i]);
        gate_says(&g, ann, text);
    }
    assert_int_equal(join.calls, 0);
    assert_int_equal(wire_queued(g.wire, ann), sizeof others / sizeof *others);
    gate_says(&g, ann, "{\"action\":\"j\\u006fin\"}");
    assert_int_equal(join.calls, 1);
    gate_end(&g);
}

static void AGW_13_without_a_route_it_is_forbidden_byte_for_byte_and_the_connection_stays(void **state)
{
    struct gate g;
    struct act a = {0};

    (void)state;
    begin(&g, NULL, "a", &a);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"nope\"}");
    assert_hears_of_nobody(&g, ann, forbidden);
    assert_true(wire_is_open(g.wire, ann));
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(a.calls, 1);
    gate_end(&g);
}

static void AGW_14_a_message_does_not_get_at_connect_and_disconnect(void **state)
{
    struct gate g;
    struct act connect = {0}, disconnect = {0}, fallback = {0};

    (void)state;
    begin(&g, NULL, "$connect", &connect);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"$connect\"}");
    gate_says(&g, ann, "{\"action\":\"$disconnect\"}");
    assert_int_equal(connect.calls, 1);
    assert_int_equal(disconnect.calls, 0);
    assert_int_equal(wire_queued(g.wire, ann), 2);
    gate_end(&g);

    begin(&g, NULL, "$default", &fallback);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"$disconnect\"}");
    gate_says(&g, ann, "{\"action\":\"$default\"}");
    assert_int_equal(fallback.calls, 2);
    assert_int_equal(disconnect.calls, 0);
    gate_end(&g);
}

static void AGW_15_what_was_evaluated_is_not_evaluated_again(void **state)
{
    struct gate g;
    struct act a = {0}, fallback = {0};

    (void)state;
    begin(&g, NULL, "a", &a);
    gate_route(&g, "$default", &fallback);
    gate_start(&g);
    gate_says(&g, gate_connected(&g), "{\"action\":\"$request.body.x\",\"x\":\"a\"}");
    assert_int_equal(a.calls, 0);
    assert_int_equal(fallback.calls, 1);
    gate_end(&g);

    begin(&g, "\\$default", "$default", &fallback);
    gate_start(&g);
    gate_says(&g, gate_connected(&g), "{}");
    assert_int_equal(fallback.calls, 2);
    gate_end(&g);
}

static void AGW_16_connect_and_disconnect_run_whatever_the_expression_is(void **state)
{
    static const char *const expressions[] = {NULL, "fixed", "$request.body.x[2]", "\\$default"};

    (void)state;
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct gate g;
        struct act connect = {0}, disconnect = {0};

        begin(&g, expressions[i], "$connect", &connect);
        gate_route(&g, "$disconnect", &disconnect);
        gate_start(&g);
        wire_close(g.wire, gate_connected(&g), 1000);
        gate_step(&g);
        assert_int_equal(connect.calls, 1);
        assert_int_equal(disconnect.calls, 1);
        gate_end(&g);
    }
}

static void routes__keys_have_up_to_1024_bytes_and_begin_with_no_dollar_sign_of_their_own(void **state)
{
    struct gate g;
    struct act act = {0}, fallback = {0};
    char key[1026], text[1100];

    (void)state;
    begin(&g, NULL, "$default", &fallback);
    memset(key, 'k', sizeof key);
    key[1025] = '\0';
    assert_int_equal(chatroom_route(g.c, key, gate_act, &act), CHATROOM_EINVAL);
    key[1024] = '\0';
    gate_route(&g, key, &act);
    assert_int_equal(chatroom_route(g.c, "", gate_act, &act), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(g.c, "$mine", gate_act, &act), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(g.c, "$", gate_act, &act), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(g.c, "k", NULL, &act), CHATROOM_EINVAL);
    gate_start(&g);
    assert_int_equal(chatroom_route(g.c, "k", gate_act, &act), CHATROOM_EINVAL);
    size_t ann = gate_connected(&g);
    snprintf(text, sizeof text, "{\"action\":\"%s\"}", key);
    gate_says(&g, ann, text);
    assert_int_equal(act.calls, 1);
    assert_string_equal(act.route_key, key);
    snprintf(text, sizeof text, "{\"action\":\"%sk\"}", key);
    wire_send(g.wire, ann, text);
    gate_step(&g);
    assert_int_equal(act.calls, 1);
    assert_int_equal(fallback.calls, 1);
    gate_end(&g);
}

static void routes__a_key_as_long_as_can_be_is_also_what_an_expression_selects(void **state)
{
    struct gate g;
    struct act act = {0}, fallback = {0};
    char key[1025], text[1100];

    (void)state;
    memset(key, 'k', sizeof key);
    key[1024] = '\0';
    begin(&g, "${request.body.a}${request.body.b}", key, &act);
    gate_route(&g, "$default", &fallback);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    snprintf(text, sizeof text, "{\"a\":\"k\",\"b\":\"%s\"}", key + 1);
    gate_says(&g, ann, text);
    assert_int_equal(act.calls, 1);
    snprintf(text, sizeof text, "{\"a\":\"k\",\"b\":\"%s\"}", key);
    gate_says(&g, ann, text);
    assert_int_equal(act.calls, 1);
    assert_int_equal(fallback.calls, 1);
    gate_end(&g);
}

static void routes__the_last_handler_and_options_of_a_key_count(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act first = {0}, second = {0}, third = {.reply = "third"};

    (void)state;
    options.two_way = true;
    options.per_second = 1;
    begin(&g, NULL, "a", &first);
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &second, &options), CHATROOM_OK);
    gate_route(&g, "a", &third);
    gate_route(&g, "$connect", &first);
    gate_route(&g, "$connect", &second);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (int i = 0; i < 3; i++) {
        gate_says(&g, ann, "{\"action\":\"a\"}");
        gate_hears(&g, ann, "third", NULL);
    }
    assert_false(third.two_way);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.calls, 1);
    gate_end(&g);
}

static void routes__three_hundred_of_them_are_told_apart_and_each_has_its_own_limits(void **state)
{
    static struct act acts[300];
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct chatroom_counters counters;
    struct gate g;
    char key[16], text[64];

    (void)state;
    memset(acts, 0, sizeof acts);
    options.connection_per_minute = 60;
    begin(&g, NULL, NULL, NULL);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "r%d", i);
        options.timeout_ms = (unsigned)(1000 - i);
        assert_int_equal(chatroom_route_with(g.c, key, gate_act, &acts[i], &options), CHATROOM_OK);
    }
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 300; i++) {
            snprintf(text, sizeof text, "{\"action\":\"r%d\"}", i);
            wire_send(g.wire, ann, text);
        }
    gate_step(&g);
    assert_int_equal(wire_queued(g.wire, ann), 300);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "r%d", i);
        assert_int_equal(acts[i].calls, 1);
        assert_int_equal(chatroom_counters(g.c, key, &counters), CHATROOM_OK);
        assert_int_equal(counters.latencies, 1);
        assert_int_equal(counters.client_errors, 1);
    }
    gate_end(&g);
}

static void routes__options_are_checked(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act act = {0};

    (void)state;
    begin(&g, NULL, NULL, NULL);
    options.may = CHATROOM_MAY_ALL + 1;
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_EINVAL);
    options.may = 0;
    options.size = sizeof options.size;
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_EINVAL);
    options.size = offsetof(struct chatroom_route_options, two_way);
    options.two_way = true; /* beyond what an older program has */
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    gate_says(&g, gate_connected(&g), "{\"action\":\"a\"}");
    assert_int_equal(act.calls, 1);
    assert_false(act.two_way);
    gate_end(&g);
}

/* ---- answers ---- */

static struct chatroom_proxy_result proxy(uint16_t status, const char *body)
{
    return (struct chatroom_proxy_result){.status = status, .has_body = body, .body = chatroom_str(body ? body : "")};
}

static void add_two_way(struct gate *g, const char *key, struct act *act)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    options.two_way = true;
    assert_int_equal(chatroom_route_with(g->c, key, gate_act, act, &options), CHATROOM_OK);
}

static void AGW_17_nothing_comes_back_from_a_one_way_route_for_any_status(void **state)
{
    static const uint16_t statuses[] = {100, 200, 204, 301, 400, 404, 500, 599};
    struct gate g;
    struct act act = {0};

    (void)state;
    begin(&g, NULL, "one", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct chatroom_proxy_result result = proxy(statuses[i], "body");

        act.finish = &result;
        gate_says(&g, ann, "{\"action\":\"one\"}");
        gate_hears_nothing(&g, ann);
    }
    assert_int_equal(act.calls, 8);
    assert_true(gate_logged(&g, "body_dropped", "route=one"));
    assert_true(wire_is_open(g.wire, ann));
    gate_end(&g);
}

static void AGW_18_the_body_comes_back_from_a_two_way_route_whatever_the_status(void **state)
{
    static const uint16_t statuses[] = {200, 500};
    struct gate g;
    struct act act = {0};
    struct chatroom_proxy_result none = proxy(200, NULL), empty = proxy(200, "");

    (void)state;
    begin(&g, NULL, NULL, NULL);
    add_two_way(&g, "two", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < 2; i++) {
        struct chatroom_proxy_result result = proxy(statuses[i], "the body");

        act.finish = &result;
        gate_says(&g, ann, "{\"action\":\"two\"}");
        gate_hears(&g, ann, "the body", NULL);
        gate_hears_nothing(&g, ann);
    }
    act.finish = &none;
    gate_says(&g, ann, "{\"action\":\"two\"}");
    act.finish = &empty;
    gate_says(&g, ann, "{\"action\":\"two\"}");
    gate_hears_nothing(&g, ann);
    assert_true(act.two_way);
    gate_end(&g);
}

static void finish__a_body_that_is_not_utf8_is_a_failure_of_the_integration(void **state)
{
    struct gate g;
    struct chatroom_proxy_result result = proxy(200, "\xff");
    struct act act = {.finish = &result};

    (void)state;
    begin(&g, NULL, NULL, NULL);
    add_two_way(&g, "two", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"two\"}");
    gate_hears(&g, ann, failed, &act);
    gate_end(&g);
}

static void AGW_19_and_23_a_handler_that_fails_is_an_internal_error_with_the_id_of_its_event(void **state)
{
    static const int results[] = {CHATROOM_EFAILED, CHATROOM_EINVAL, CHATROOM_ENOMEM, CHATROOM_EDENIED,
                                  CHATROOM_EIO,     CHATROOM_ENOENT, CHATROOM_EJSON,  12345};
    struct gate g;
    struct act one = {0}, two = {0};

    (void)state;
    begin(&g, NULL, "one", &one);
    add_two_way(&g, "two", &two);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        one.result = two.result = results[i];
        gate_says(&g, ann, "{\"action\":\"one\"}");
        gate_hears(&g, ann, failed, &one);
        gate_says(&g, ann, "{\"action\":\"two\"}");
        gate_hears(&g, ann, failed, &two);
        assert_true(gate_logged(&g, "refused", one.request_id));
    }
    assert_true(wire_is_open(g.wire, ann));
    gate_end(&g);
}

static void AGW_21_a_handler_past_its_time_is_told_and_its_late_result_discarded(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act slow = {.defer = true, .reply = "late"}, quick = {.reply = "quick"};

    (void)state;
    options.timeout_ms = 50;
    begin(&g, NULL, "quick", &quick);
    assert_int_equal(chatroom_route_with(g.c, "slow", gate_act, &slow, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    assert_int_equal(chatroom_deadline(g.c), g.now.mono_ns + 50000000);
    wire_send(g.wire, ann, "{\"action\":\"quick\"}");
    gate_pass(&g, 49);
    gate_hears_nothing(&g, ann);
    gate_pass(&g, 1);
    gate_hears(&g, ann, timed_out, &slow);
    gate_hears(&g, ann, "quick", NULL);
    gate_resume(&slow);
    gate_step(&g);
    gate_hears_nothing(&g, ann);
    assert_int_equal(slow.calls, 1);
    assert_true(wire_is_open(g.wire, ann));
    gate_end(&g);
}

static void timeout__without_one_of_its_own_a_route_has_that_of_the_instance(void **state)
{
    struct gate g;
    struct act slow = {.defer = true};

    (void)state;
    begin(&g, NULL, "slow", &slow);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    gate_pass(&g, 28999);
    gate_hears_nothing(&g, ann);
    gate_pass(&g, 1);
    gate_hears(&g, ann, timed_out, &slow);
    gate_end(&g);
}

static void timeout__begins_anew_when_it_is_put_off_once_more(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act again = {.defer = true}, slow = {.defer = true, .resumed = &again};

    (void)state;
    options.timeout_ms = 100;
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_route_with(g.c, "slow", gate_act, &slow, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    gate_pass(&g, 99);
    gate_resume(&slow);
    gate_step(&g);
    assert_string_equal(again.body, "{\"action\":\"slow\"}");
    gate_pass(&g, 99);
    gate_hears_nothing(&g, ann);
    gate_pass(&g, 1);
    gate_hears(&g, ann, timed_out, &slow);
    gate_end(&g); /* nobody resumes it */
}

static void AGW_24_messages_of_a_connection_reach_handlers_in_their_order(void **state)
{
    struct gate g;
    struct act slow = {.defer = true}, next = {0}, last = {0};

    (void)state;
    begin(&g, NULL, "slow", &slow);
    gate_route(&g, "next", &next);
    gate_route(&g, "last", &last);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    wire_send(g.wire, ann, "{\"action\":\"slow\"}");
    wire_send(g.wire, ann, "{\"action\":\"next\"}");
    gate_says(&g, ann, "{\"action\":\"last\"}");
    assert_int_equal(next.calls + last.calls, 0);
    gate_resume(&slow);
    gate_step(&g);
    assert_int_equal(slow.calls, 2);
    assert_true(slow.order < next.order && next.order < last.order);
    gate_end(&g);
}

/* ---- validation ---- */

static int validate(void *model, chatroom_span body, struct chatroom_error *error)
{
    return chatroom_model_check(model, body, error);
}

static void AGW_22_a_message_of_another_shape_is_a_bad_body_and_no_handler_is_asked(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act act = {0};
    chatroom_model *model;
    struct chatroom_counters counters;

    (void)state;
    gate_prepare(&g);
    assert_int_equal(
        chatroom_model_new(&g.alloc,
                           chatroom_str("{\"type\":\"object\",\"required\":[\"to\"],\"properties\":{\"to\":"
                                        "{\"type\":\"string\"}}}"),
                           &model, NULL),
        CHATROOM_OK);
    gate_new(&g);
    options.validate = validate;
    options.validate_arg = model;
    assert_int_equal(chatroom_route_with(g.c, "send", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"send\",\"to\":\"bob\"}");
    assert_int_equal(act.calls, 1);
    gate_says(&g, ann, "{\"action\":\"send\",\"to\":7}");
    assert_int_equal(act.calls, 1);
    const char *heard = wire_take(g.wire, ann);
    char wanted[256], id[17] = "";
    assert_non_null(heard);
    memcpy(id, strstr(heard, "\"messageId\": \"") + 14, 16);
    assert_true(has_form_of_id(id));
    snprintf(wanted, sizeof wanted,
             "{\"message\" : \"Bad request body\", \"connectionId\": \"%.16s\", \"messageId\": \"%s\"}",
             wire_id(g.wire, ann).bytes, id);
    assert_string_equal(heard, wanted);
    assert_true(gate_logged(&g, "refused", "detail=Expected string, found number, at $.to."));
    assert_int_equal(chatroom_counters(g.c, "send", &counters), CHATROOM_OK);
    assert_int_equal(counters.client_errors, 1);
    assert_int_equal(counters.latencies, 1);
    assert_true(wire_is_open(g.wire, ann));
    chatroom_free(g.c);
    chatroom_model_free(model);
    wire_free(g.wire);
    assert_int_equal(g.heap.blocks, 0);
}

/* ---- throttles ---- */

static void AGW_54_beyond_its_routes_throttle_a_message_is_told_so_and_no_handler_asked(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act act = {0}, free = {0};

    (void)state;
    options.per_second = 2;
    options.burst = 3;
    begin(&g, NULL, "free", &free);
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g), bob = gate_connected(&g);
    for (int i = 0; i < 3; i++)
        gate_says(&g, i % 2 ? ann : bob, "{\"action\":\"a\"}");
    gate_hears_nothing(&g, ann);
    gate_hears_nothing(&g, bob);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(act.calls, 3);
    assert_true(gate_logged(&g, "refused", "code=rate_limited"));
    assert_hears_of_nobody(&g, ann, too_many);
    gate_says(&g, bob, "{\"action\":\"free\"}");
    assert_int_equal(free.calls, 1);
    gate_pass(&g, 500);
    gate_says(&g, bob, "{\"action\":\"a\"}");
    assert_int_equal(act.calls, 4);
    assert_true(wire_is_open(g.wire, ann));
    gate_end(&g);
}

static void throttle__of_the_stage_counts_connects_and_messages(void **state)
{
    struct gate g;
    struct act act = {0};

    (void)state;
    gate_prepare(&g);
    g.config.per_second = 1;
    g.config.burst = 3;
    gate_new(&g);
    gate_route(&g, "a", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_hears_nothing(&g, ann);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(act.calls, 2);
    assert_int_equal(wire_queued(g.wire, ann), 1);
    size_t bob = wire_connect(g.wire, "/dev");
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, bob), 429);
    gate_pass(&g, 1000);
    gate_connected(&g);
    gate_end(&g);
}

static void throttle__of_connect_refuses_with_429_before_anybody_is_asked(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act connect = {0}, authorizer = {0};

    (void)state;
    options.per_second = 1;
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_route_with(g.c, "$connect", gate_act, &connect, &options), CHATROOM_OK);
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    gate_start(&g);
    gate_connected(&g);
    size_t bob = wire_connect(g.wire, "/dev");
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, bob), 429);
    assert_string_equal(wire_error_type(g.wire, bob), "LimitExceededException");
    assert_int_equal(connect.calls, 1);
    assert_int_equal(authorizer.calls, 1);
    gate_end(&g);
}

/* ---- facts ---- */

static void AGW_35_and_37_times_and_ids_of_events_are_as_promised(void **state)
{
    struct gate g;
    struct act connect = {0}, message = {0}, again = {0}, disconnect = {0};

    (void)state;
    begin(&g, NULL, "$connect", &connect);
    gate_route(&g, "a", &message);
    gate_route(&g, "b", &again);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_pass(&g, 1500);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_says(&g, ann, "{\"action\":\"b\"}");
    wire_close(g.wire, ann, 1000);
    gate_pass(&g, 1000);
    const struct act *const all[] = {&connect, &message, &again, &disconnect};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(all[i]->calls, 1);
        assert_int_equal(all[i]->connected_at_ms, connect.connected_at_ms);
        assert_true(all[i]->connected_at_ms <= all[i]->time_ms);
        assert_true(has_form_of_id(all[i]->request_id));
        assert_true(has_form_of_id(all[i]->connection_id));
        assert_string_equal(all[i]->connection_id, connect.connection_id);
        assert_int_equal(has_form_of_id(all[i]->message_id), all[i]->event == CHATROOM_MESSAGE);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(all[i]->request_id, all[j]->request_id);
    }
    assert_string_not_equal(message.message_id, message.request_id);
    assert_string_not_equal(message.message_id, again.message_id);
    assert_string_equal(connect.message_id, "");
    gate_end(&g);
}

static void AGW_38_a_close_is_told_with_its_code_reason_and_cause(void **state)
{
    struct gate g;
    struct act disconnect = {0};

    (void)state;
    begin(&g, NULL, "$disconnect", &disconnect);
    gate_start(&g);
    size_t ann = gate_connected(&g), bob = gate_connected(&g), cid = gate_connected(&g);
    wire_close(g.wire, ann, 1005);
    gate_step(&g);
    assert_int_equal(disconnect.code, 1005);
    assert_int_equal(disconnect.cause, CHATROOM_CAUSE_CLIENT);
    wire_close(g.wire, bob, 0);
    gate_step(&g);
    assert_int_equal(disconnect.code, 1006);
    assert_int_equal(disconnect.cause, CHATROOM_CAUSE_NETWORK);
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, cid), 4001, chatroom_str("Away with you"), NULL, NULL),
                     CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(disconnect.code, 4001);
    assert_string_equal(disconnect.reason, "Away with you");
    assert_int_equal(disconnect.cause, CHATROOM_CAUSE_SERVER);
    gate_end(&g);
}

static void AGW_41_each_connection_has_one_disconnect_whose_result_is_ignored(void **state)
{
    static const int results[] = {CHATROOM_OK, CHATROOM_EREFUSED, CHATROOM_EFAILED, CHATROOM_ENOMEM};
    struct gate g;
    struct act disconnect = {0};

    (void)state;
    begin(&g, NULL, "$disconnect", &disconnect);
    gate_start(&g);
    for (unsigned i = 0; i < 4; i++) {
        size_t ann = gate_connected(&g);

        disconnect.result = results[i];
        wire_close(g.wire, ann, 1000);
        wire_close(g.wire, ann, 1000);
        gate_step(&g);
        gate_pass(&g, 2000);
        assert_int_equal(disconnect.calls, i + 1);
        assert_int_equal(chatroom_connection_count(g.c), 0);
    }
    disconnect.result = CHATROOM_OK;
    disconnect.defer = true;
    wire_close(g.wire, gate_connected(&g), 1000);
    gate_pass(&g, 1);
    gate_pass(&g, 29000);
    assert_int_equal(disconnect.calls, 5);
    gate_resume(&disconnect);
    gate_pass(&g, 1);
    assert_int_equal(disconnect.calls, 5);
    gate_end(&g);
}

/* ---- errors with their cause ---- */

static void detail__clients_see_the_cause_only_if_the_configuration_says_so(void **state)
{
    struct gate g;
    struct act act = {.result = CHATROOM_EFAILED};

    (void)state;
    gate_prepare(&g);
    g.config.debug_refusals = true;
    gate_new(&g);
    gate_route(&g, "a", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_hears(&g, ann,
               "{\"message\": \"Internal server error\", \"connectionId\":\"%C\", \"requestId\":\"%R\", "
               "\"detail\":\"What the route calls failed.\"}",
               &act);
    gate_end(&g);
}

/* ---- stopping ---- */

static void stop__gives_handlers_half_of_its_time_and_the_rest_to_who_has_gone(void **state)
{
    struct gate g;
    struct act slow = {.defer = true, .reply = "late"}, gone = {.defer = true};

    (void)state;
    begin(&g, NULL, "slow", &slow);
    gate_route(&g, "$disconnect", &gone);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    wire_send(g.wire, ann, "{\"action\":\"slow\"}");
    gate_step(&g);
    chatroom_stop(g.c);
    gate_pass(&g, 4999);
    gate_hears_nothing(&g, ann);
    assert_true(wire_is_open(g.wire, ann));
    assert_true(chatroom_deadline(g.c) <= g.now.mono_ns + 1000000);
    gate_pass(&g, 1);
    gate_hears(&g, ann, timed_out, &slow);
    gate_step(&g);
    assert_int_equal(slow.calls, 1); /* what was held back is told so */
    assert_int_equal(wire_close_code(g.wire, ann), 1001);
    assert_int_equal(gone.calls, 1);
    gate_pass(&g, 4000);
    gate_resume(&gone);
    gate_step(&g);
    assert_true(chatroom_stopped(g.c));
    gate_resume(&slow);
    gate_end(&g);
    assert_false(gate_logged(&g, "sessions_left", ""));
}

static void stop__says_how_many_sessions_are_left_to_the_next_start(void **state)
{
    struct gate g;
    struct act gone = {.defer = true};

    (void)state;
    begin(&g, NULL, "$disconnect", &gone);
    gate_start(&g);
    gate_connected(&g);
    gate_connected(&g);
    chatroom_stop(g.c);
    gate_pass(&g, 1);
    gate_pass(&g, 10000);
    assert_true(chatroom_stopped(g.c));
    gate_end(&g);
    assert_true(gate_logged(&g, "sessions_left", "sessions=2"));
}

static int fail_for_a_reason(chatroom_request *request, void *arg)
{
    const char *too_long = arg;

    assert_int_equal(chatroom_request_detail(request, chatroom_bytes("\xff", 1)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_detail(request, chatroom_bytes(too_long, 513)), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_detail(request, chatroom_str("The table is full.")), CHATROOM_OK);
    return CHATROOM_EFAILED;
}

static void debug_refusals__a_handler_may_say_why(void **state)
{
    char too_long[513];
    struct gate g;

    (void)state;
    memset(too_long, 'x', sizeof too_long);
    gate_prepare(&g);
    g.config.debug_refusals = true;
    gate_new(&g);
    assert_int_equal(chatroom_route(g.c, "a", fail_for_a_reason, too_long), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_non_null(strstr(wire_take(g.wire, ann), ", \"detail\":\"The table is full.\"}"));
    assert_true(gate_logged(&g, "refused", "The table is full."));
    gate_end(&g);
}

/* ---- configuration ---- */

static void config__a_domain_too_long_to_be_stored_is_refused(void **state)
{
    struct gate g;
    struct chatroom_error error = {0, ""};
    char domain[300];

    (void)state;
    memset(domain, 'd', sizeof domain);
    domain[262] = '\0';
    gate_prepare(&g);
    g.config.domain = domain;
    assert_int_equal(chatroom_new(&g.config, &g.c, &error), CHATROOM_EINVAL);
    assert_string_not_equal(error.text, "");
    wire_free(g.wire);
    assert_int_equal(g.heap.blocks, 0);

    gate_prepare(&g);
    domain[261] = '\0';
    g.config.domain = domain;
    gate_new(&g);
    gate_start(&g);
    gate_connected(&g);
    gate_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_09_the_member_of_the_message_that_is_selected_by_names_the_route),
        cmocka_unit_test(AGW_10_every_row_of_the_evaluation_table_holds),
        cmocka_unit_test(AGW_11_a_path_that_is_missing_and_text_that_is_not_json_select_default),
        cmocka_unit_test(AGW_12_a_key_matches_as_a_whole_and_in_its_own_case),
        cmocka_unit_test(AGW_13_without_a_route_it_is_forbidden_byte_for_byte_and_the_connection_stays),
        cmocka_unit_test(AGW_14_a_message_does_not_get_at_connect_and_disconnect),
        cmocka_unit_test(AGW_15_what_was_evaluated_is_not_evaluated_again),
        cmocka_unit_test(AGW_16_connect_and_disconnect_run_whatever_the_expression_is),
        cmocka_unit_test(routes__keys_have_up_to_1024_bytes_and_begin_with_no_dollar_sign_of_their_own),
        cmocka_unit_test(routes__a_key_as_long_as_can_be_is_also_what_an_expression_selects),
        cmocka_unit_test(routes__the_last_handler_and_options_of_a_key_count),
        cmocka_unit_test(routes__three_hundred_of_them_are_told_apart_and_each_has_its_own_limits),
        cmocka_unit_test(routes__options_are_checked),
        cmocka_unit_test(AGW_17_nothing_comes_back_from_a_one_way_route_for_any_status),
        cmocka_unit_test(AGW_18_the_body_comes_back_from_a_two_way_route_whatever_the_status),
        cmocka_unit_test(finish__a_body_that_is_not_utf8_is_a_failure_of_the_integration),
        cmocka_unit_test(AGW_19_and_23_a_handler_that_fails_is_an_internal_error_with_the_id_of_its_event),
        cmocka_unit_test(AGW_21_a_handler_past_its_time_is_told_and_its_late_result_discarded),
        cmocka_unit_test(timeout__without_one_of_its_own_a_route_has_that_of_the_instance),
        cmocka_unit_test(timeout__begins_anew_when_it_is_put_off_once_more),
        cmocka_unit_test(AGW_24_messages_of_a_connection_reach_handlers_in_their_order),
        cmocka_unit_test(AGW_22_a_message_of_another_shape_is_a_bad_body_and_no_handler_is_asked),
        cmocka_unit_test(AGW_54_beyond_its_routes_throttle_a_message_is_told_so_and_no_handler_asked),
        cmocka_unit_test(throttle__of_the_stage_counts_connects_and_messages),
        cmocka_unit_test(throttle__of_connect_refuses_with_429_before_anybody_is_asked),
        cmocka_unit_test(AGW_35_and_37_times_and_ids_of_events_are_as_promised),
        cmocka_unit_test(AGW_38_a_close_is_told_with_its_code_reason_and_cause),
        cmocka_unit_test(AGW_41_each_connection_has_one_disconnect_whose_result_is_ignored),
        cmocka_unit_test(detail__clients_see_the_cause_only_if_the_configuration_says_so),
        cmocka_unit_test(stop__gives_handlers_half_of_its_time_and_the_rest_to_who_has_gone),
        cmocka_unit_test(stop__says_how_many_sessions_are_left_to_the_next_start),
        cmocka_unit_test(debug_refusals__a_handler_may_say_why),
        cmocka_unit_test(config__a_domain_too_long_to_be_stored_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
