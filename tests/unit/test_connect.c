/*
 * Who comes in: authorizers, API keys, signatures and $connect, at once and put off; what is said to those who do not;
 * and what later events know of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/backend/memory.h>
#include <chatroom/sigv4.h>

#include <stdio.h>

static void begin(struct gate *g, struct act *authorizer, struct act *connect, struct act *disconnect)
{
    gate_prepare(g);
    gate_new(g);
    if (authorizer)
        assert_int_equal(chatroom_authorizer(g->c, gate_act, authorizer, 100), CHATROOM_OK);
    if (connect)
        gate_route(g, "$connect", connect);
    if (disconnect)
        gate_route(g, "$disconnect", disconnect);
}

static size_t comes(struct gate *g)
{
    size_t client = wire_connect(g->wire, "/dev");

    gate_step(g);
    return client;
}

/* Refused with that status, and the words of it. */
static void assert_refused(struct gate *g, size_t client, uint16_t status, const char *type, const char *sentence)
{
    char head[128];

    assert_int_equal(wire_status(g->wire, client), status);
    assert_string_equal(wire_error_type(g->wire, client), type);
    snprintf(head, sizeof head, "{\"message\": \"%s\", \"connectionId\":\"%.16s\", \"requestId\":\"", sentence,
             wire_id(g->wire, client).bytes);
    assert_memory_equal(wire_body(g->wire, client), head, strlen(head));
    assert_string_equal(wire_body(g->wire, client) + strlen(head) + 16, "\"}");
    gate_pass(g, 1100);
    assert_int_equal(chatroom_connection_count(g->c), 0);
}

static void assert_forbidden(struct gate *g, size_t client)
{
    assert_refused(g, client, 403, "ForbiddenException", "Forbidden");
}

/* ---- coming in ---- */

static void AGW_01_without_a_connect_route_whoever_comes_is_let_in(void **state)
{
    struct gate g;

    (void)state;
    begin(&g, NULL, NULL, NULL);
    gate_start(&g);
    size_t ann = comes(&g);
    assert_int_equal(wire_status(g.wire, ann), 101);
    assert_string_equal(wire_subprotocol(g.wire, ann), "");
    gate_end(&g);
}

static void AGW_08_a_slash_behind_the_stage_is_fine_and_another_path_is_not(void **state)
{
    static const struct {
        const char *target;
        uint16_t status;
    } targets[] = {{"/dev", 101},  {"/dev/", 101},   {"/dev?x", 101}, {"/dev/?x=/y", 101},
                   {"/", 403},     {"/devel", 403},  {"/dev/x", 403}, {"/dev//", 403},
                   {"/DEV", 403},  {"//dev", 403},   {"/d%65v", 403}, {"/de", 403},
                   {"/dev#", 403}, {"/dev%2F", 403}, {"?/dev", 403},  {"/dev/@connections", 403}};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    chatroom_limits_aws(&g.config.limits);
    gate_new(&g);
    gate_start(&g);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        size_t client = wire_connect(g.wire, targets[i].target);

        gate_step(&g);
        if (wire_status(g.wire, client) != targets[i].status)
            fail_msg("%s: %u", targets[i].target, wire_status(g.wire, client));
    }
    gate_end(&g);
}

static void AGW_02_nobody_is_in_before_the_authorizer_and_then_connect_have_said_so(void **state)
{
    struct gate g;
    struct act authorizer = {.defer = true}, connect = {.defer = true}, message = {0};

    (void)state;
    begin(&g, &authorizer, &connect, NULL);
    gate_route(&g, "a", &message);
    gate_start(&g);
    size_t ann = comes(&g);
    wire_send(g.wire, ann, "{\"action\":\"a\"}");
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, ann), 0);
    assert_int_equal(connect.calls, 0);
    assert_int_equal(authorizer.event, CHATROOM_CONNECT);
    assert_string_equal(authorizer.route_key, "$connect");
    gate_resume(&authorizer);
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, ann), 0);
    assert_int_equal(connect.calls, 1);
    gate_resume(&connect);
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, ann), 101);
    gate_step(&g);
    assert_int_equal(message.calls, 1);
    assert_string_equal(authorizer.connection_id, connect.connection_id);
    assert_memory_equal(authorizer.connection_id, wire_id(g.wire, ann).bytes, 16);
    assert_string_equal(authorizer.request_id, connect.request_id);
    assert_true(authorizer.order < connect.order && connect.order < message.order);
    gate_end(&g);
}

static void AGW_03_the_status_of_a_result_lets_in_or_refuses_with_just_that(void **state)
{
    static const struct {
        uint16_t status;
        const char *type, *sentence;
    } refused[] = {{301, "", "Refused"},
                   {100, "InternalServerErrorException", "Internal server error"},
                   {401, "UnauthorizedException", "Unauthorized"},
                   {403, "ForbiddenException", "Forbidden"},
                   {418, "BadRequestException", "Refused"},
                   {429, "LimitExceededException", "Too Many Requests"},
                   {500, "InternalServerErrorException", "Internal server error"},
                   {501, "InternalServerErrorException", "Internal server error"}};
    struct gate g;
    struct chatroom_proxy_result result = {.status = 200};
    struct act connect = {.finish = &result}, disconnect = {0};

    (void)state;
    begin(&g, NULL, &connect, &disconnect);
    gate_start(&g);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        result.status = refused[i].status;
        assert_refused(&g, comes(&g), refused[i].status == 100 ? 502 : refused[i].status, refused[i].type,
                       refused[i].sentence);
    }
    result.status = 200;
    gate_connected(&g);
    result.status = 201;
    gate_connected(&g);
    assert_int_equal(disconnect.calls, 0);
    gate_end(&g);
}

static void AGW_04_a_connect_that_fails_is_502_and_one_that_takes_too_long_504(void **state)
{
    static const int results[] = {CHATROOM_EFAILED, CHATROOM_EINVAL, CHATROOM_EJSON, CHATROOM_EDENIED, 12345};
    struct gate g;
    struct act connect = {0}, disconnect = {0};

    (void)state;
    begin(&g, NULL, &connect, &disconnect);
    gate_start(&g);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        connect.result = results[i];
        assert_refused(&g, comes(&g), 502, "InternalServerErrorException", "Internal server error");
    }
    connect.defer = true;
    size_t ann = comes(&g);
    gate_pass(&g, 29000);
    assert_refused(&g, ann, 504, "GatewayTimeoutException", "Endpoint request timed out");
    gate_resume(&connect);
    gate_step(&g);
    assert_int_equal(connect.calls, 6);
    assert_int_equal(disconnect.calls, 0);
    gate_end(&g);
}

static void AGW_05_the_subprotocol_is_the_handlers_and_nothing_else_is_passed_on(void **state)
{
    const struct chatroom_header offers[] = {{chatroom_str("Sec-WebSocket-Protocol"), chatroom_str("chat, mqtt")},
                                             {chatroom_str("sec-websocket-protocol"), chatroom_str("\"x,other")}};
    struct gate g;
    struct chatroom_proxy_result result = {
        .status = 200, .subprotocol = chatroom_str("mqtt"), .body = chatroom_str("b")};
    struct act connect = {0};

    (void)state;
    begin(&g, NULL, &connect, NULL);
    gate_start(&g);
    assert_string_equal(wire_subprotocol(g.wire, gate_connect_as(&g, "/dev", offers, 2)), "");
    connect.finish = &result;
    size_t ann = gate_connect_as(&g, "/dev", offers, 2);
    assert_int_equal(wire_status(g.wire, ann), 101);
    assert_string_equal(wire_subprotocol(g.wire, ann), "mqtt");
    gate_hears_nothing(&g, ann);
    connect.finish = NULL;
    connect.subprotocol = "other";
    assert_string_equal(wire_subprotocol(g.wire, gate_connect_as(&g, "/dev", offers, 2)), "other");
    assert_false(gate_logged(&g, "subprotocol_not_offered", ""));
    connect.subprotocol = "two words";
    assert_int_equal(wire_status(g.wire, gate_connect_as(&g, "/dev", offers, 2)), 502);
    gate_end(&g);
}

static void subprotocol__one_that_the_client_did_not_offer_is_passed_on_and_logged(void **state)
{
    const struct chatroom_header offers[] = {{chatroom_str("Sec-WebSocket-Protocol"), chatroom_str("chat,mqtt")}};
    static const char *const others[] = {"cha", "chat2", "Chat", "mqt", "x"};
    struct gate g;
    struct act connect = {0};

    (void)state;
    begin(&g, NULL, &connect, NULL);
    gate_start(&g);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        connect.subprotocol = others[i];
        gate_forget_log(&g);
        assert_string_equal(wire_subprotocol(g.wire, gate_connect_as(&g, "/dev", offers, 1)), others[i]);
        assert_true(gate_logged(&g, "subprotocol_not_offered", others[i]));
    }
    gate_end(&g);
}

static void AGW_06_who_was_refused_has_no_disconnect(void **state)
{
    struct gate g;
    struct act authorizer = {0}, connect = {.result = CHATROOM_EREFUSED}, disconnect = {0};

    (void)state;
    begin(&g, &authorizer, &connect, &disconnect);
    gate_start(&g);
    assert_forbidden(&g, comes(&g));
    authorizer.result = CHATROOM_EREFUSED;
    assert_forbidden(&g, comes(&g));
    assert_int_equal(connect.calls, 1);
    assert_int_equal(disconnect.calls, 0);
    gate_end(&g);
}

struct outcome {
    int calls, status;
};

static void hear(void *arg, int status)
{
    struct outcome *outcome = arg;

    outcome->calls++;
    outcome->status = status;
}

static void AGW_07_who_is_not_in_yet_cannot_be_spoken_to(void **state)
{
    struct gate g;
    struct act connect = {.defer = true};
    struct outcome posted = {0, 0}, closed = {0, 0};

    (void)state;
    begin(&g, NULL, &connect, NULL);
    gate_start(&g);
    size_t ann = comes(&g);
    assert_int_equal(chatroom_post(g.c, wire_id(g.wire, ann), chatroom_str("x"), hear, &posted), CHATROOM_OK);
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, ann), 1000, chatroom_str(""), hear, &closed),
                     CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(posted.status, CHATROOM_EGONE);
    assert_int_equal(closed.status, CHATROOM_EGONE);
    gate_resume(&connect);
    gate_step(&g);
    assert_true(wire_is_open(g.wire, ann));
    gate_hears_nothing(&g, ann);
    gate_end(&g);
}

/* ---- authorizers ---- */

static void AGW_47_the_status_that_an_authorizer_says_is_that_of_the_answer(void **state)
{
    static const struct {
        uint16_t said, status;
        int result;
        const char *type, *sentence;
    } rows[] = {{401, 401, CHATROOM_EREFUSED, "UnauthorizedException", "Unauthorized"},
                {403, 403, CHATROOM_EREFUSED, "ForbiddenException", "Forbidden"},
                {500, 500, CHATROOM_EREFUSED, "InternalServerErrorException", "Internal server error"},
                {500, 500, CHATROOM_EFAILED, "InternalServerErrorException", "Internal server error"},
                {401, 401, CHATROOM_EFAILED, "UnauthorizedException", "Unauthorized"},
                {0, 500, CHATROOM_EFAILED, "InternalServerErrorException", "Internal server error"},
                {0, 500, CHATROOM_ETIMEDOUT, "InternalServerErrorException", "Internal server error"},
                {0, 403, CHATROOM_EREFUSED, "ForbiddenException", "Forbidden"},
                {0, 403, CHATROOM_EACCES, "ForbiddenException", "Forbidden"},
                {0, 403, CHATROOM_EINVAL, "ForbiddenException", "Forbidden"},
                {0, 403, CHATROOM_ENOENT, "ForbiddenException", "Forbidden"},
                {0, 403, 12345, "ForbiddenException", "Forbidden"},
                {200, 403, CHATROOM_EREFUSED, "ForbiddenException", "Forbidden"},
                {700, 403, CHATROOM_EREFUSED, "ForbiddenException", "Forbidden"},
                {0, 503, CHATROOM_EAGAIN, "ServiceUnavailableException", "Service Unavailable"},
                {429, 429, CHATROOM_EAGAIN, "LimitExceededException", "Too Many Requests"},
                {0, 503, CHATROOM_ENOMEM, "ServiceUnavailableException", "Service Unavailable"}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct gate g;
        struct act later = {.status = rows[i / 2].said, .result = rows[i / 2].result}, connect = {0};
        struct act authorizer = {.defer = true, .resumed = &later};

        begin(&g, i % 2 ? &authorizer : &later, &connect, NULL);
        gate_start(&g);
        size_t ann = comes(&g);
        if (i % 2) {
            gate_resume(&authorizer);
            gate_step(&g);
        }
        assert_refused(&g, ann, rows[i / 2].status, rows[i / 2].type, rows[i / 2].sentence);
        assert_int_equal(connect.calls, 0);
        gate_end(&g);
    }
}

static void authorizer__what_it_says_of_a_status_is_forgotten_when_it_lets_in(void **state)
{
    struct gate g;
    struct act authorizer = {.status = 401}, connect = {0};
    struct chatroom_counters counters;

    (void)state;
    begin(&g, &authorizer, &connect, NULL);
    gate_start(&g);
    gate_connected(&g);
    assert_int_equal(chatroom_counters(g.c, "$connect", &counters), CHATROOM_OK);
    assert_int_equal(counters.integration_errors, 0);
    connect.result = CHATROOM_EFAILED;
    size_t bob = comes(&g);
    assert_int_equal(wire_status(g.wire, bob), 502);
    gate_end(&g);
}

static void authorizer__is_asked_also_without_a_connect_route(void **state)
{
    struct gate g;
    struct act authorizer = {.authorize = "{\"principalId\":\"ann\"}"}, message = {0};

    (void)state;
    begin(&g, &authorizer, NULL, NULL);
    gate_route(&g, "a", &message);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    assert_int_equal(authorizer.calls, 1);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_string_equal(message.authorizer, "{\"principalId\":\"ann\"}");
    authorizer.result = CHATROOM_EREFUSED;
    size_t bob = comes(&g);
    assert_int_equal(wire_status(g.wire, bob), 403);
    gate_end(&g);
}

static void authorizer__is_not_asked_for_another_stage(void **state)
{
    struct gate g;
    struct act authorizer = {0};

    (void)state;
    begin(&g, &authorizer, NULL, NULL);
    gate_start(&g);
    size_t ann = wire_connect(g.wire, "/prod");
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, ann), 404);
    assert_int_equal(authorizer.calls, 0);
    gate_end(&g);
}

static void AGW_51_the_authorizer_is_asked_once_a_connection(void **state)
{
    struct gate g;
    struct act authorizer = {0}, message = {0}, disconnect = {0};

    (void)state;
    begin(&g, &authorizer, NULL, &disconnect);
    gate_route(&g, "a", &message);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_says(&g, ann, "{\"action\":\"a\"}");
    wire_close(g.wire, ann, 1000);
    gate_step(&g);
    assert_int_equal(message.calls, 2);
    assert_int_equal(disconnect.calls, 1);
    assert_int_equal(authorizer.calls, 1);
    gate_end(&g);
}

static void authorizer__that_takes_too_long_is_a_failure_and_its_late_word_discarded(void **state)
{
    struct gate g;
    struct act late = {.authorize = "{}", .join = "room"}, authorizer = {.defer = true, .resumed = &late};
    struct act connect = {0}, disconnect = {0};

    (void)state;
    begin(&g, &authorizer, &connect, &disconnect);
    gate_start(&g);
    size_t ann = comes(&g);
    gate_pass(&g, 99);
    assert_int_equal(wire_status(g.wire, ann), 0);
    gate_pass(&g, 1);
    assert_refused(&g, ann, 500, "InternalServerErrorException", "Internal server error");
    gate_resume(&authorizer);
    gate_step(&g);
    assert_int_equal(late.calls + connect.calls + disconnect.calls, 0);
    assert_int_equal(chatroom_room_count(g.c), 0);
    gate_end(&g);
}

static void deferral__of_authorizer_and_connect_each_have_their_own_time(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act authorizer = {.defer = true}, again = {.defer = true}, connect = {.defer = true, .resumed = &again};
    struct act disconnect = {0};

    (void)state;
    options.timeout_ms = 200;
    begin(&g, &authorizer, NULL, &disconnect);
    assert_int_equal(chatroom_route_with(g.c, "$connect", gate_act, &connect, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = comes(&g);
    gate_pass(&g, 99);
    gate_resume(&authorizer);
    gate_step(&g);
    gate_pass(&g, 199);
    gate_resume(&connect);
    gate_step(&g);
    gate_pass(&g, 199);
    assert_int_equal(wire_status(g.wire, ann), 0);
    gate_pass(&g, 1);
    assert_refused(&g, ann, 504, "GatewayTimeoutException", "Endpoint request timed out");
    gate_resume(&again);
    gate_step(&g);
    assert_int_equal(again.calls, 1);
    assert_int_equal(disconnect.calls, 0);
    gate_end(&g);
}

static void deferral__keeps_the_head_for_those_who_come_after(void **state)
{
    const struct chatroom_header headers[] = {{chatroom_str("X-First"), chatroom_str("first value")},
                                              {chatroom_str("Host"), chatroom_str("chat.example")}};
    struct gate g;
    struct act later = {.defer = true}, authorizer = {.defer = true, .resumed = &later};
    struct act last = {0}, connect = {.defer = true, .resumed = &last};
    const struct act *const all[] = {&authorizer, &later, &connect, &last};

    (void)state;
    begin(&g, &authorizer, &connect, NULL);
    gate_start(&g);
    size_t ann = gate_connect_as(&g, "/dev?token=t", headers, 2);
    gate_resume(&authorizer);
    gate_step(&g);
    gate_resume(&later);
    gate_step(&g);
    assert_int_equal(later.calls, 2);
    gate_resume(&connect);
    gate_step(&g);
    for (size_t i = 0; i < 4; i++) {
        assert_true(all[i]->has_head);
        assert_string_equal(all[i]->target, "/dev?token=t");
        assert_string_equal(all[i]->header, "first value");
        assert_string_equal(all[i]->source_ip, "192.0.2.7");
        assert_string_equal(all[i]->domain, "chat.example");
    }
    assert_int_equal(wire_status(g.wire, ann), 101);
    gate_end(&g);
}

static void peer__that_vanishes_while_it_is_judged_has_a_disconnect_only_if_it_was_let_in(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool in = i % 2, by_authorizer = i / 2;
        struct gate g;
        struct act verdict = {.result = in ? CHATROOM_OK : CHATROOM_EREFUSED, .authorize = "{\"a\":1}"};
        struct act slow = {.defer = true, .resumed = &verdict}, quick = {0}, disconnect = {0};

        begin(&g, by_authorizer ? &slow : &quick, by_authorizer ? &quick : &slow, &disconnect);
        gate_start(&g);
        size_t ann = comes(&g);
        wire_close(g.wire, ann, 0);
        gate_step(&g);
        assert_int_equal(disconnect.calls, 0);
        gate_resume(&slow);
        gate_pass(&g, 1);
        assert_int_equal(verdict.calls, 1);
        assert_int_equal(wire_status(g.wire, ann), 0);
        assert_int_equal(disconnect.calls, in);
        if (in) {
            assert_int_equal(disconnect.code, 1006);
            assert_int_equal(disconnect.cause, CHATROOM_CAUSE_NETWORK);
            assert_string_equal(disconnect.authorizer, "{\"a\":1}");
        }
        assert_int_equal(chatroom_connection_count(g.c), 0);
        gate_end(&g);
    }
}

static void peer__that_vanishes_while_it_is_judged_for_too_long_leaves_nothing(void **state)
{
    struct gate g;
    struct act authorizer = {.defer = true}, disconnect = {0};

    (void)state;
    begin(&g, &authorizer, NULL, &disconnect);
    gate_start(&g);
    wire_close(g.wire, comes(&g), 0);
    gate_pass(&g, 100);
    gate_resume(&authorizer);
    gate_pass(&g, 1);
    assert_int_equal(disconnect.calls, 0);
    assert_int_equal(wire_status(g.wire, 0), 0);
    gate_end(&g);
}

static void stop__while_somebody_is_judged_ends_all_the_same(void **state)
{
    struct gate g;
    struct act authorizer = {.defer = true};

    (void)state;
    begin(&g, &authorizer, NULL, NULL);
    gate_start(&g);
    comes(&g);
    gate_end(&g); /* nobody resumes it */

    begin(&g, &authorizer, NULL, NULL);
    gate_start(&g);
    comes(&g);
    gate_resume(&authorizer);
    gate_end(&g); /* resumed by the end itself */
}

/* ---- what later events know ---- */

static void AGW_39_what_the_authorizer_left_is_in_every_later_event(void **state)
{
    static const char data[] = "{\"principalId\":\"ann\",\"integrationLatency\":3,\"tenant\":\"t1\"}";

    (void)state;
    for (int deferred = 0; deferred < 2; deferred++) {
        struct gate g;
        struct act left = {.authorize = data}, authorizer = {.defer = true, .resumed = &left};
        struct act connect = {0}, message = {0}, disconnect = {0};

        begin(&g, deferred ? &authorizer : &left, &connect, &disconnect);
        gate_route(&g, "a", &message);
        gate_start(&g);
        size_t ann = comes(&g);
        if (deferred) {
            gate_resume(&authorizer);
            gate_step(&g);
        }
        gate_says(&g, ann, "{\"action\":\"a\"}");
        wire_close(g.wire, ann, 1000);
        gate_step(&g);
        assert_string_equal(left.authorizer, "");
        assert_string_equal(connect.authorizer, data);
        assert_string_equal(message.authorizer, data);
        assert_string_equal(disconnect.authorizer, data);
        gate_end(&g);
    }
}

static int replace(chatroom_request *request, void *arg)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);
    chatroom_span domain = info->domain_name, path = info->domain_path, first, second;

    (void)arg;
    assert_int_equal(chatroom_request_authorize(request, chatroom_str("{\"n\":1}")), CHATROOM_OK);
    first = info->authorizer;
    assert_int_equal(chatroom_request_authorize(request, chatroom_str("{\"n\":2}")), CHATROOM_OK);
    second = info->authorizer;
    assert_int_equal(chatroom_request_authorize(request, second), CHATROOM_OK);
    assert_int_equal(chatroom_request_authorize(request, chatroom_str("[]")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_authorize(request, chatroom_str("{")), CHATROOM_EINVAL);
    assert_int_equal(chatroom_request_authorize(request, chatroom_str("")), CHATROOM_EINVAL);
    assert_true(chatroom_span_equal(domain, chatroom_str("chat.example")));
    assert_true(chatroom_span_equal(path, chatroom_str("dev")));
    assert_true(chatroom_span_equal(first, chatroom_str("{\"n\":1}")));
    assert_true(chatroom_span_equal(second, chatroom_str("{\"n\":2}")));
    return CHATROOM_OK;
}

static void authorize__what_was_borrowed_before_stays_until_the_handler_returns(void **state)
{
    const struct chatroom_header host = {chatroom_str("Host"), chatroom_str("chat.example")};
    struct gate g;
    struct act message = {0};

    (void)state;
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_route(g.c, "$connect", replace, NULL), CHATROOM_OK);
    gate_route(&g, "a", &message);
    gate_start(&g);
    size_t ann = gate_connect_as(&g, "/dev", &host, 1);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_string_equal(message.authorizer, "{\"n\":2}");
    assert_string_equal(message.domain, "chat.example");
    assert_string_equal(message.path, "dev");
    gate_end(&g);
}

static int authorize_much(chatroom_request *request, void *arg)
{
    static char object[8194];

    (void)arg;
    memset(object, ' ', sizeof object);
    object[0] = '{';
    object[8192] = '}';
    assert_int_equal(chatroom_request_authorize(request, chatroom_bytes(object, 8193)), CHATROOM_EINVAL);
    object[8191] = '}';
    return chatroom_request_authorize(request, chatroom_bytes(object, 8192));
}

static int authorize_late(chatroom_request *request, void *arg)
{
    *(int *)arg = chatroom_request_authorize(request, chatroom_str("{}"));
    return CHATROOM_OK;
}

static void authorize__takes_8192_bytes_and_only_on_connect(void **state)
{
    struct gate g;
    struct act message = {0};
    int late = 0;

    (void)state;
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_authorizer(g.c, authorize_much, NULL, 0), CHATROOM_OK);
    gate_route(&g, "a", &message);
    assert_int_equal(chatroom_route(g.c, "late", authorize_late, &late), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"late\"}");
    assert_int_equal(late, CHATROOM_EGONE);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(strlen(message.authorizer), 8192);
    gate_end(&g);
}

static void facts__of_those_who_come_alike_are_kept_apart_from_all_others(void **state)
{
    static const char *const hosts[] = {"a.example", "b.example", "a.example:8080", ""};
    static const char *const data[] = {"{\"n\":1}", "{\"n\":2}", NULL};
    struct gate g;
    struct act authorizer = {0}, message = {0};
    size_t clients[12];

    (void)state;
    begin(&g, &authorizer, NULL, NULL);
    gate_route(&g, "a", &message);
    gate_start(&g);
    for (size_t i = 0; i < 12; i++) {
        const struct chatroom_header host = {chatroom_str("hOST"), chatroom_str(hosts[i % 4])};

        authorizer.authorize = data[i / 4];
        clients[i] = gate_connect_as(&g, "/dev", &host, 1);
    }
    for (size_t i = 0; i < 12; i += 5) {
        wire_close(g.wire, clients[i], 1000);
        gate_step(&g);
    }
    for (size_t i = 0; i < 12; i++) {
        if (i % 5 == 0)
            continue;
        gate_says(&g, clients[i], "{\"action\":\"a\"}");
        assert_string_equal(message.domain, hosts[i % 4]);
        assert_string_equal(message.authorizer, data[i / 4] ? data[i / 4] : "");
    }
    gate_end(&g);
}

static void domain__is_the_configured_one_or_what_the_client_asked_for_without_the_schemes_port(void **state)
{
    static const struct {
        const char *configured, *host, *domain;
        bool secure;
    } rows[] = {{NULL, "a.example", "a.example", false},          {NULL, "a.example:80", "a.example", false},
                {NULL, "a.example:443", "a.example:443", false},  {NULL, "a.example:443", "a.example", true},
                {NULL, "a.example:8080", "a.example:8080", true}, {NULL, "", "", false},
                {"b.example", "a.example", "b.example", false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct chatroom_header host = {chatroom_str("Host"), chatroom_str(rows[i].host)};
        struct gate g;
        struct act connect = {0};

        gate_prepare(&g);
        g.config.domain = rows[i].configured;
        g.config.secure = rows[i].secure;
        gate_new(&g);
        gate_route(&g, "$connect", &connect);
        gate_start(&g);
        gate_connect_as(&g, "/dev", &host, 1);
        assert_string_equal(connect.domain, rows[i].domain);
        gate_end(&g);
    }
}

static int tell_url(chatroom_request *request, void *arg)
{
    chatroom_span url;

    (void)arg;
    assert_int_equal(chatroom_request_callback_url(request, &url), CHATROOM_OK);
    return chatroom_request_reply(request, url);
}

static void AGW_65_on_a_mapped_domain_the_callback_url_has_its_key_and_no_stage(void **state)
{
    static const struct {
        const char *host, *target;
        uint16_t status;
        const char *url;
    } rows[] = {{"other.example", "/dev", 101, "https://other.example/dev"},
                {"chat.example", "/live", 101, "https://chat.example/live"},
                {"CHAT.example", "/live/?x", 101, "https://CHAT.example/live"},
                {"chat.example", "/dev", 404, NULL},
                {"chat.example", "/livest", 404, NULL},
                {"bare.example", "/", 101, "https://bare.example"},
                {"bare.example", "/dev", 404, NULL},
                {"z.example", "/azAZ09$-_.+!*'()/", 101, "https://z.example/azAZ09$-_.+!*'()"},
                {"chat.example", "live", 404, NULL},
                {"chat.example", "xlive", 404, NULL},
                {"chat.example:443", "/live", 101, "https://chat.example/live"},
                {"chat.example:80", "/live", 404, NULL},
                {"other.example", "/live", 404, NULL}};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    g.config.secure = true;
    gate_new(&g);
    assert_int_equal(chatroom_map_domain(g.c, "chat.example", "live"), CHATROOM_OK);
    assert_int_equal(chatroom_map_domain(g.c, "Chat.Example", "other"), CHATROOM_EEXIST);
    assert_int_equal(chatroom_map_domain(g.c, "bare.example", ""), CHATROOM_OK);
    assert_int_equal(chatroom_map_domain(g.c, "", "x"), CHATROOM_EINVAL);
    assert_int_equal(chatroom_map_domain(g.c, "x.example/y", "x"), CHATROOM_EINVAL);
    for (const char *c = "/:@[`{?#% \x7f\"\\,"; *c; c++)
        assert_int_equal(chatroom_map_domain(g.c, "x.example", (char[]){'a', *c, '\0'}), CHATROOM_EINVAL);
    for (const char *c = "/?#@\\\" \x7f\x80\x1f"; *c; c++)
        assert_int_equal(chatroom_map_domain(g.c, (char[]){'x', *c, '\0'}, "x"), CHATROOM_EINVAL);
    assert_int_equal(chatroom_map_domain(g.c, "z.example", "azAZ09$-_.+!*'()"), CHATROOM_OK);
    assert_int_equal(chatroom_map_domain(g.c, NULL, "x"), CHATROOM_EINVAL);
    assert_int_equal(chatroom_map_domain(g.c, "x.example", NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_route(g.c, "url", tell_url, NULL), CHATROOM_OK);
    gate_start(&g);
    assert_int_equal(chatroom_map_domain(g.c, "late.example", "x"), CHATROOM_EINVAL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct chatroom_header host = {chatroom_str("Host"), chatroom_str(rows[i].host)};
        size_t client = gate_connect_as(&g, rows[i].target, &host, 1);

        if (wire_status(g.wire, client) != rows[i].status)
            fail_msg("%s%s: %u", rows[i].host, rows[i].target, wire_status(g.wire, client));
        if (!rows[i].url)
            continue;
        gate_says(&g, client, "{\"action\":\"url\"}");
        gate_hears(&g, client, rows[i].url, NULL);
    }
    gate_end(&g);
}

/* ---- after a crash ---- */

/* The memory store, and what it would have left behind of one session. */
struct shelf {
    struct chatroom_store inner;
    char id[16], record[16384];
    size_t size;
    bool there;
};

static int shelf_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    const struct shelf *shelf = self;
    int result = shelf->inner.ops->open(shelf->inner.self, port, error);

    if (result == CHATROOM_OK && shelf->there)
        result = chatroom_store_found_session(port, chatroom_bytes(shelf->id, sizeof shelf->id),
                                              chatroom_bytes(shelf->record, shelf->size));
    return result;
}

static int shelf_submit(void *self, struct chatroom_ticket *ticket)
{
    struct shelf *shelf = self;

    for (size_t i = 0; i < ticket->count; i++) {
        const struct chatroom_write *write = &ticket->writes[i];

        if (write->kind == CHATROOM_WRITE_SESSION) {
            assert_in_range(write->value.size, 1, sizeof shelf->record);
            memcpy(shelf->id, write->key.bytes, sizeof shelf->id);
            memcpy(shelf->record, write->value.bytes, write->value.size);
            shelf->size = write->value.size;
        }
        shelf->there = write->kind == CHATROOM_WRITE_SESSION || (shelf->there && write->kind != CHATROOM_ERASE_SESSION);
    }
    return shelf->inner.ops->submit(shelf->inner.self, ticket);
}

static int shelf_read(void *self, struct chatroom_ticket *ticket)
{
    struct shelf *shelf = self;

    return shelf->inner.ops->read(shelf->inner.self, ticket);
}

static void shelf_close(void *self)
{
    struct shelf *shelf = self;

    shelf->inner.ops->close(shelf->inner.self);
}

static const struct chatroom_store_ops shelf_ops = {CHATROOM_STORE_OPS,     .name = "shelf",    .open = shelf_open,
                                                    .submit = shelf_submit, .read = shelf_read, .close = shelf_close};

static void prepare_on(struct gate *g, struct shelf *shelf)
{
    gate_prepare(g);
    shelf->inner = g->config.store;
    g->config.store = (struct chatroom_store){&shelf_ops, shelf};
    gate_new(g);
}

static void AGW_39_after_a_crash_as_well_the_last_event_knows_what_the_authorizer_left(void **state)
{
    static const char data[] = "{\"principalId\":\"ann\",\"tenant\":\"t1\"}";
    const struct chatroom_header host = {chatroom_str("Host"), chatroom_str("chat.example:8080")};
    static struct shelf shelf;
    struct gate g;
    struct act authorizer = {.authorize = data}, connect = {0}, disconnect = {0}, rename = {.join = "den"};

    (void)state;
    memset(&shelf, 0, sizeof shelf);
    prepare_on(&g, &shelf);
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    gate_route(&g, "$connect", &connect);
    gate_route(&g, "$disconnect", &disconnect);
    gate_route(&g, "rewrite", &rename);
    gate_start(&g);
    gate_says(&g, gate_connect_as(&g, "/dev", &host, 1), "{\"action\":\"rewrite\"}");
    gate_end(&g);
    assert_true(shelf.there);
    assert_int_equal(disconnect.calls, 0);

    prepare_on(&g, &shelf);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    gate_step(&g);
    assert_int_equal(disconnect.calls, 1);
    assert_int_equal(disconnect.cause, CHATROOM_CAUSE_CRASH);
    assert_true(gate_logged(&g, "disconnect", "cause=crash"));
    assert_string_equal(disconnect.authorizer, data);
    assert_string_equal(disconnect.connection_id, connect.connection_id);
    assert_string_equal(disconnect.domain, "chat.example:8080");
    assert_string_equal(disconnect.path, "dev");
    assert_string_equal(disconnect.source_ip, "192.0.2.7");
    assert_int_equal(disconnect.connected_at_ms, connect.connected_at_ms);
    assert_false(shelf.there);
    gate_end(&g);
}

static void restart__a_session_of_the_first_form_of_record_is_read(void **state)
{
    static const char record[] = "\1\x10\x20\0\0\0\0\0\0\t\0\0\000192.0.2.9\2\0\0\0ua\3\0\0\0ann";
    static struct shelf shelf;
    struct gate g;
    struct act disconnect = {0};

    (void)state;
    memset(&shelf, 0, sizeof shelf);
    memcpy(shelf.id, "AAAAAAAAAAAAAAA=", 16);
    memcpy(shelf.record, record, sizeof record - 1);
    shelf.size = sizeof record - 1;
    shelf.there = true;
    prepare_on(&g, &shelf);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    gate_step(&g);
    assert_int_equal(disconnect.calls, 1);
    assert_int_equal(disconnect.connected_at_ms, 0x2010);
    assert_string_equal(disconnect.source_ip, "192.0.2.9");
    assert_string_equal(disconnect.domain, "");
    assert_string_equal(disconnect.authorizer, "");
    gate_end(&g);
}

/* ---- API keys ---- */

static void add_key(struct gate *g, const char *id, const char *value, unsigned per_second, unsigned burst)
{
    const struct chatroom_api_key key = {chatroom_str(id), chatroom_str(value), per_second, burst};

    assert_int_equal(chatroom_add_api_key(g->c, &key, NULL), CHATROOM_OK);
}

static size_t comes_with_key(struct gate *g, const char *value)
{
    const struct chatroom_header header = {chatroom_str("X-API-Key"), chatroom_str(value)};

    return gate_connect_as(g, "/dev", &header, 1);
}

static void AGW_53_a_key_that_is_required_must_be_there_and_known(void **state)
{
    const struct chatroom_header twice[] = {{chatroom_str("x-api-key"), chatroom_str("key-of-twenty-octets")},
                                            {chatroom_str("x-api-key"), chatroom_str("key-of-twenty-octets")}};
    struct gate g;
    struct act authorizer = {0}, connect = {0};

    (void)state;
    begin(&g, &authorizer, &connect, NULL);
    add_key(&g, "first", "key-of-twenty-octets", 0, 0);
    add_key(&g, "second", "another-of-twenty-octets", 0, 0);
    assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_IN_HEADER), CHATROOM_OK);
    gate_start(&g);
    assert_forbidden(&g, comes(&g));
    assert_forbidden(&g, comes_with_key(&g, ""));
    assert_forbidden(&g, comes_with_key(&g, "key-of-twenty-octetz"));
    assert_forbidden(&g, comes_with_key(&g, "key-of-twenty-octet"));
    assert_forbidden(&g, comes_with_key(&g, "key-of-twenty-octetss"));
    assert_forbidden(&g, gate_connect_as(&g, "/dev", twice, 2));
    assert_int_equal(connect.calls, 0);
    assert_int_equal(wire_status(g.wire, comes_with_key(&g, "key-of-twenty-octets")), 101);
    assert_int_equal(wire_status(g.wire, comes_with_key(&g, "another-of-twenty-octets")), 101);
    assert_int_equal(connect.calls, 2);
    assert_true(authorizer.order < connect.order);
    gate_end(&g);
}

static void AGW_53_a_key_from_the_authorizer_works_and_one_in_the_header_then_does_not(void **state)
{
    struct gate g;
    struct act authorizer = {.usage_key = "key-of-twenty-octets"}, connect = {0};

    (void)state;
    for (int deferred = 0; deferred < 2; deferred++) {
        struct act slow = {.defer = true, .resumed = &authorizer};

        authorizer.usage_key = "key-of-twenty-octets";
        begin(&g, deferred ? &slow : &authorizer, &connect, NULL);
        add_key(&g, "first", "key-of-twenty-octets", 0, 0);
        assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_FROM_AUTHORIZER), CHATROOM_OK);
        gate_start(&g);
        size_t ann = comes(&g);
        if (deferred) {
            gate_resume(&slow);
            gate_step(&g);
        }
        assert_int_equal(wire_status(g.wire, ann), 101);
        authorizer.usage_key = NULL;
        size_t bob = comes_with_key(&g, "key-of-twenty-octets");
        if (deferred) {
            gate_resume(&slow);
            gate_step(&g);
        }
        assert_int_equal(wire_status(g.wire, bob), 403);
        gate_end(&g);
    }
}

static void AGW_53_a_key_in_the_header_is_seen_also_after_a_deferred_authorizer(void **state)
{
    struct gate g;
    struct act authorizer = {.defer = true};

    (void)state;
    begin(&g, &authorizer, NULL, NULL);
    add_key(&g, "first", "key-of-twenty-octets", 0, 0);
    assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_IN_HEADER), CHATROOM_OK);
    gate_start(&g);
    size_t ann = comes_with_key(&g, "key-of-twenty-octets");
    gate_resume(&authorizer);
    gate_step(&g);
    assert_int_equal(wire_status(g.wire, ann), 101);
    gate_end(&g);
}

static void keys__beyond_the_throttle_of_its_plan_a_connect_is_429(void **state)
{
    struct gate g;

    (void)state;
    begin(&g, NULL, NULL, NULL);
    add_key(&g, "slow", "key-of-twenty-octets", 2, 3);
    add_key(&g, "free", "another-of-twenty-octets", 0, 0);
    assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_IN_HEADER), CHATROOM_OK);
    gate_start(&g);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wire_status(g.wire, comes_with_key(&g, "key-of-twenty-octets")), 101);
    size_t dan = comes_with_key(&g, "key-of-twenty-octets");
    assert_int_equal(wire_status(g.wire, dan), 429);
    assert_string_equal(wire_error_type(g.wire, dan), "LimitExceededException");
    assert_true(gate_logged(&g, "api_key_throttled", "api_key=slow"));
    assert_false(gate_logged(&g, "api_key_throttled", "key-of-twenty-octets"));
    assert_true(gate_logged(&g, "refused", "code=rate_limited"));
    assert_int_equal(wire_status(g.wire, comes_with_key(&g, "another-of-twenty-octets")), 101);
    gate_pass(&g, 500);
    assert_int_equal(wire_status(g.wire, comes_with_key(&g, "key-of-twenty-octets")), 101);
    gate_end(&g);
}

static void keys__are_checked_when_they_are_added(void **state)
{
    struct chatroom_api_key key = {chatroom_str("id"), chatroom_str("key-of-twenty-octets"), 0, 0};
    struct chatroom_error error = {0, ""};
    struct gate g;
    char value[130];

    (void)state;
    memset(value, 'v', sizeof value);
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_OK);
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EEXIST);
    key.value.size = 19;
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EINVAL);
    key.value = chatroom_bytes(value, 129);
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EINVAL);
    key.value.size = 128;
    key.id.size = 0;
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EINVAL);
    key.id = chatroom_bytes(value, 65);
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EINVAL);
    key.id.size = 64;
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_OK);
    key.value.size = 20;
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_OK);
    assert_int_equal(chatroom_require_api_key(g.c, (enum chatroom_api_key_source)7), CHATROOM_EINVAL);
    gate_start(&g);
    key.value.size = 100;
    assert_int_equal(chatroom_add_api_key(g.c, &key, &error), CHATROOM_EINVAL);
    assert_int_equal(chatroom_require_api_key(g.c, CHATROOM_KEY_IN_HEADER), CHATROOM_EINVAL);
    gate_end(&g);
}

/* ---- signatures ---- */

#define ACCESS_KEY "AKIDEXAMPLE00001"
#define SECRET     "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"

static void add_credential(struct gate *g, const char *access_key, const char *policy)
{
    const struct chatroom_credential credential = {
        .access_key = chatroom_str(access_key), .secret = chatroom_str(SECRET), .policy = chatroom_str(policy)};

    assert_int_equal(chatroom_add_credential(g->c, &credential, NULL), CHATROOM_OK);
}

static void begin_signed(struct gate *g)
{
    begin(g, NULL, NULL, NULL);
    add_credential(g, ACCESS_KEY, "");
    assert_int_equal(chatroom_authorize_signatures(g->c), CHATROOM_OK);
}

static size_t comes_signed(struct gate *g, const char *target, const char *access_key, int64_t off_ms)
{
    struct chatroom_header headers[4] = {{chatroom_str("Host"), chatroom_str("chat.example")}};
    const struct chatroom_sigv4_request request = {
        .method = chatroom_str("GET"), .target = chatroom_str(target), .headers = headers, .header_count = 1};
    const struct chatroom_sigv4_scope scope = {chatroom_str("us-east-1"), chatroom_str("execute-api"),
                                               g->now.wall_ms + off_ms, 0};
    const struct chatroom_sigv4_key key = {chatroom_str(access_key), chatroom_str(SECRET), chatroom_str("")};
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];

    assert_int_equal(chatroom_sigv4_sign(&request, &scope, &key, date, authorization), CHATROOM_OK);
    headers[1] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(date)};
    headers[2] = (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(authorization)};
    headers[3] = (struct chatroom_header){chatroom_str("Upgrade"), chatroom_str("websocket")};
    return gate_connect_as(g, target, headers, 4);
}

static void signatures__who_signs_with_a_key_that_is_there_is_let_in_and_nobody_else(void **state)
{
    const struct chatroom_header host = {chatroom_str("Host"), chatroom_str("chat.example")};
    struct gate g;

    (void)state;
    begin_signed(&g);
    gate_start(&g);
    assert_forbidden(&g, gate_connect_as(&g, "/dev", &host, 1));
    assert_forbidden(&g, comes_signed(&g, "/dev", "AKIDEXAMPLE00002", 0));
    assert_forbidden(&g, comes_signed(&g, "/dev", ACCESS_KEY, -302000));
    assert_forbidden(&g, comes_signed(&g, "/dev", ACCESS_KEY, 302000));
    assert_int_equal(wire_status(g.wire, comes_signed(&g, "/dev?room=a%20b", ACCESS_KEY, -290000)), 101);
    gate_end(&g);
}

static void AGW_52_a_presigned_url_is_good_and_an_altered_one_is_not(void **state)
{
    static const char url[] =
        "/dev?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE00001%2F20261123%2Fus-east-1%2Fexecute-api%"
        "2F"
        "aws4_request&X-Amz-Date=20261123T210501Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&room=den&X-Amz-Signature="
        "2e4143ecbedfd2738d0c3db965980ebecb42480ff83531d27727fc69f451998a";
    const struct chatroom_header headers[] = {{chatroom_str("Host"), chatroom_str("chat.example")},
                                              {chatroom_str("Upgrade"), chatroom_str("websocket")}};
    const struct chatroom_header other = {chatroom_str("Host"), chatroom_str("chat.example.org")};
    char altered[sizeof url];
    struct gate g;

    (void)state;
    begin_signed(&g);
    gate_start(&g);
    assert_int_equal(wire_status(g.wire, gate_connect_as(&g, url, headers, 2)), 101);
    memcpy(altered, url, sizeof url);
    memcpy(strstr(altered, "room=den"), "room=dem", 8);
    assert_int_equal(wire_status(g.wire, gate_connect_as(&g, altered, headers, 2)), 403);
    assert_int_equal(wire_status(g.wire, gate_connect_as(&g, url, &other, 1)), 403);
    gate_pass(&g, 301000);
    assert_int_equal(wire_status(g.wire, gate_connect_as(&g, url, headers, 2)), 403);
    gate_end(&g);
}

static void AGW_49_and_50_the_signers_policy_says_whether_it_may_connect(void **state)
{
#define POLICY(effect, resource)                                                                                       \
    "{\"Effect\":\"" effect                                                                                            \
    "\",\"Action\":\"execute-api:Invoke\",\"Resource\":\"arn:aws:execute-api:us-east-1:000000000000:chatroom" resource \
    "\"}"
    static const struct {
        const char *policy;
        uint16_t status;
    } rows[] = {
        {"{\"Statement\":" POLICY("Allow", "/dev/$connect") "}", 101},
        {"{\"Statement\":" POLICY("Allow", "/dev/*") "}", 101},
        {"{\"Statement\":" POLICY("Allow", "/dev/*/*") "}", 403},
        {"{\"Statement\":" POLICY("Allow", "/prod/*") "}", 403},
        {"{\"Statement\":" POLICY("Deny", "/dev/*") "}", 403},
        {"{\"Statement\":[" POLICY("Allow", "/*") "," POLICY("Deny", "/dev/$connect") "]}", 403},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"execute-api:ManageConnections\",\"Resource\":\"*\"}}", 403},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"execute-api:*\",\"Resource\":\"*\"}}", 101}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gate g;

        begin(&g, NULL, NULL, NULL);
        add_credential(&g, ACCESS_KEY, rows[i].policy);
        assert_int_equal(chatroom_authorize_signatures(g.c), CHATROOM_OK);
        gate_start(&g);
        size_t ann = comes_signed(&g, "/dev", ACCESS_KEY, 0);
        if (wire_status(g.wire, ann) != rows[i].status)
            fail_msg("%s: %u", rows[i].policy, wire_status(g.wire, ann));
        gate_end(&g);
    }
}

static void credentials__are_checked_when_they_are_added(void **state)
{
    static const char *const bad_keys[] = {"",
                                           "AKIDEXAMPLE0001",
                                           "AKIDEXAMPLE/0001",
                                           "AKIDEXAMPLE 0001",
                                           "AKIDEXAMPLE:0001",
                                           "AKIDEXAMPLE@0001",
                                           "AKIDEXAMPLE[0001",
                                           "AKIDEXAMPLE`0001",
                                           "AKIDEXAMPLE{0001"};
    struct chatroom_credential credential = {.access_key = chatroom_str(ACCESS_KEY), .secret = chatroom_str(SECRET)};
    struct chatroom_error error = {0, ""};
    struct gate g;
    struct act authorizer = {0};

    (void)state;
    begin(&g, NULL, NULL, NULL);
    assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_OK);
    assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_EEXIST);
    for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
        credential.access_key = chatroom_str(bad_keys[i]);
        assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_EINVAL);
    }
    credential.access_key = chatroom_str("AKIDEXAMPLE00002");
    credential.secret = chatroom_str("");
    assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_EINVAL);
    credential.secret = chatroom_str(SECRET);
    credential.policy = chatroom_str("{\"Statement\":7}");
    assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_EINVAL);
    assert_string_not_equal(error.text, "");
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    assert_int_equal(chatroom_authorize_signatures(g.c), CHATROOM_EEXIST);
    gate_start(&g);
    credential.policy = chatroom_str("");
    assert_int_equal(chatroom_add_credential(g.c, &credential, &error), CHATROOM_EINVAL);
    gate_end(&g);
}

static void credentials__have_their_longest_parts(void **state)
{
    static char text[5000];
    static const struct {
        size_t key, secret, token;
        int result;
    } rows[] = {
        {16, 1, 0, CHATROOM_OK},        {128, 256, 4096, CHATROOM_OK}, {15, 1, 0, CHATROOM_EINVAL},
        {129, 1, 0, CHATROOM_EINVAL},   {17, 0, 0, CHATROOM_EINVAL},   {17, 257, 0, CHATROOM_EINVAL},
        {17, 1, 4097, CHATROOM_EINVAL}, {17, 256, 4096, CHATROOM_OK},
    };
    struct gate g;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "azAZ09_", 7);
    begin(&g, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct chatroom_credential credential = {.access_key = chatroom_bytes(text, rows[i].key),
                                                       .secret = chatroom_bytes(text, rows[i].secret),
                                                       .token = chatroom_bytes(text, rows[i].token)};

        assert_int_equal(chatroom_add_credential(g.c, &credential, NULL), rows[i].result);
    }
    gate_start(&g);
    gate_end(&g);
}

/* What a policy is asked about has at most 1024 bytes; of more than that nobody is the owner. */
static void AGW_50_a_resource_too_long_to_be_asked_about_is_not_allowed(void **state)
{
    static const size_t rest = sizeof "arn:aws:execute-api:us-east-1::chatroom/dev/$connect" - 1;
    static char account[1100];

    (void)state;
    for (size_t size = 1024 - rest; size <= 1025 - rest; size++) {
        struct gate g;

        memset(account, '7', size);
        gate_prepare(&g);
        g.config.account_id = account;
        gate_new(&g);
        add_credential(&g, ACCESS_KEY, "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}");
        assert_int_equal(chatroom_authorize_signatures(g.c), CHATROOM_OK);
        gate_start(&g);
        assert_int_equal(wire_status(g.wire, comes_signed(&g, "/dev", ACCESS_KEY, 0)), size + rest > 1024 ? 403 : 101);
        gate_end(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_01_without_a_connect_route_whoever_comes_is_let_in),
        cmocka_unit_test(AGW_08_a_slash_behind_the_stage_is_fine_and_another_path_is_not),
        cmocka_unit_test(AGW_02_nobody_is_in_before_the_authorizer_and_then_connect_have_said_so),
        cmocka_unit_test(AGW_03_the_status_of_a_result_lets_in_or_refuses_with_just_that),
        cmocka_unit_test(AGW_04_a_connect_that_fails_is_502_and_one_that_takes_too_long_504),
        cmocka_unit_test(AGW_05_the_subprotocol_is_the_handlers_and_nothing_else_is_passed_on),
        cmocka_unit_test(subprotocol__one_that_the_client_did_not_offer_is_passed_on_and_logged),
        cmocka_unit_test(AGW_06_who_was_refused_has_no_disconnect),
        cmocka_unit_test(AGW_07_who_is_not_in_yet_cannot_be_spoken_to),
        cmocka_unit_test(AGW_47_the_status_that_an_authorizer_says_is_that_of_the_answer),
        cmocka_unit_test(authorizer__what_it_says_of_a_status_is_forgotten_when_it_lets_in),
        cmocka_unit_test(authorizer__is_asked_also_without_a_connect_route),
        cmocka_unit_test(authorizer__is_not_asked_for_another_stage),
        cmocka_unit_test(AGW_51_the_authorizer_is_asked_once_a_connection),
        cmocka_unit_test(authorizer__that_takes_too_long_is_a_failure_and_its_late_word_discarded),
        cmocka_unit_test(deferral__of_authorizer_and_connect_each_have_their_own_time),
        cmocka_unit_test(deferral__keeps_the_head_for_those_who_come_after),
        cmocka_unit_test(peer__that_vanishes_while_it_is_judged_has_a_disconnect_only_if_it_was_let_in),
        cmocka_unit_test(peer__that_vanishes_while_it_is_judged_for_too_long_leaves_nothing),
        cmocka_unit_test(stop__while_somebody_is_judged_ends_all_the_same),
        cmocka_unit_test(AGW_39_what_the_authorizer_left_is_in_every_later_event),
        cmocka_unit_test(authorize__what_was_borrowed_before_stays_until_the_handler_returns),
        cmocka_unit_test(authorize__takes_8192_bytes_and_only_on_connect),
        cmocka_unit_test(facts__of_those_who_come_alike_are_kept_apart_from_all_others),
        cmocka_unit_test(domain__is_the_configured_one_or_what_the_client_asked_for_without_the_schemes_port),
        cmocka_unit_test(AGW_65_on_a_mapped_domain_the_callback_url_has_its_key_and_no_stage),
        cmocka_unit_test(AGW_39_after_a_crash_as_well_the_last_event_knows_what_the_authorizer_left),
        cmocka_unit_test(restart__a_session_of_the_first_form_of_record_is_read),
        cmocka_unit_test(AGW_53_a_key_that_is_required_must_be_there_and_known),
        cmocka_unit_test(AGW_53_a_key_from_the_authorizer_works_and_one_in_the_header_then_does_not),
        cmocka_unit_test(AGW_53_a_key_in_the_header_is_seen_also_after_a_deferred_authorizer),
        cmocka_unit_test(keys__beyond_the_throttle_of_its_plan_a_connect_is_429),
        cmocka_unit_test(keys__are_checked_when_they_are_added),
        cmocka_unit_test(signatures__who_signs_with_a_key_that_is_there_is_let_in_and_nobody_else),
        cmocka_unit_test(AGW_52_a_presigned_url_is_good_and_an_altered_one_is_not),
        cmocka_unit_test(AGW_49_and_50_the_signers_policy_says_whether_it_may_connect),
        cmocka_unit_test(credentials__are_checked_when_they_are_added),
        cmocka_unit_test(credentials__have_their_longest_parts),
        cmocka_unit_test(AGW_50_a_resource_too_long_to_be_asked_about_is_not_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
