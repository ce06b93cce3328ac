/*
 * The gateway out of memory: whichever allocation fails, and whether those after it do as well, nobody is left between
 * in and out, nothing leaks, and whoever comes later finds all as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <stdio.h>

#define ACCESS_KEY "AKIDEXAMPLE00001"
#define SECRET     "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
#define DATA       "{\"principalId\":\"ann\",\"tenant\":\"t1\"}"

static void take_line(void *arg, chatroom_span line)
{
    (void)line;
    ++*(unsigned *)arg;
}

/* ---- configuring ---- */

typedef int configure_fn(struct gate *g);

static int add_authorizer(struct gate *g)
{
    static struct act act;

    return chatroom_authorizer(g->c, gate_act, &act, 0);
}

static int add_route(struct gate *g)
{
    static struct act act;

    return chatroom_route(g->c, "a route", gate_act, &act);
}

static int add_key(struct gate *g)
{
    const struct chatroom_api_key key = {chatroom_str("id"), chatroom_str("key-of-twenty-octets"), 1, 1};

    return chatroom_add_api_key(g->c, &key, NULL);
}

static int add_credential(struct gate *g)
{
    const struct chatroom_credential credential = {chatroom_str(ACCESS_KEY), chatroom_str(SECRET),
                                                   chatroom_str("token"), chatroom_str("")};

    return chatroom_add_credential(g->c, &credential, NULL);
}

static int manage(struct gate *g)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    options.metrics_path = "/metrics";
    return chatroom_manage(g->c, &options);
}

static int map_domain(struct gate *g)
{
    return chatroom_map_domain(g->c, "chat.example", "live");
}

static int log_access(struct gate *g)
{
    static unsigned lines;

    return chatroom_access_log(g->c, "$context.requestId ${context.authorizer.x} text", take_line, &lines, NULL);
}

static void configuring__fails_as_a_whole_and_may_be_tried_again(void **state)
{
    static configure_fn *const all[] = {add_authorizer, add_route,  add_key,   add_credential,
                                        manage,         map_domain, log_access};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    gate_new(&g);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t blocks = g.heap.blocks;
        int result = CHATROOM_ENOMEM;

        for (uint64_t n = 1; result != CHATROOM_OK; n++) {
            heap_fail(&g.heap, n, 1);
            g.heap.failed = 0;
            result = all[i](&g);
            assert_int_equal(result, g.heap.failed > 0 ? CHATROOM_ENOMEM : CHATROOM_OK);
            if (result != CHATROOM_OK)
                assert_int_equal(g.heap.blocks, blocks);
            assert_true(n < 100);
        }
    }
    heap_heal(&g.heap);
    gate_start(&g);
    gate_end(&g);
}

static void configuring__an_instance_is_made_or_not(void **state)
{
    const struct chatroom_variable variables[] = {{chatroom_str("a"), chatroom_str("1")},
                                                  {chatroom_str("b"), chatroom_str("2")}};
    int result = CHATROOM_ENOMEM;

    (void)state;
    for (uint64_t n = 1; result != CHATROOM_OK; n++) {
        struct gate g;

        gate_prepare(&g);
        g.config.domain = "chat.example";
        g.config.stage_variables = variables;
        g.config.stage_variable_count = 2;
        g.c = NULL;
        heap_fail(&g.heap, n, 1);
        result = chatroom_new(&g.config, &g.c, NULL);
        assert_int_equal(result, g.heap.failed > 0 ? CHATROOM_ENOMEM : CHATROOM_OK);
        assert_true(n < 100);
        gate_end(&g);
    }
}

/* ---- a visit ---- */

struct visit {
    struct gate g;
    struct act lets_in, authorizer, connected, connect, answered, message, disconnect;
    unsigned lines;
};

static void begin(struct visit *v)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;

    memset(v, 0, sizeof *v);
    v->lets_in = (struct act){.authorize = DATA, .usage_key = "key-of-twenty-octets"};
    v->authorizer = (struct act){.defer = true, .resumed = &v->lets_in};
    v->connected = (struct act){.subprotocol = "chat", .authorize = DATA, .join = "den"};
    v->connect = (struct act){.defer = true, .resumed = &v->connected};
    v->answered = (struct act){.reply = "answer"};
    v->message = (struct act){.defer = true, .resumed = &v->answered};
    gate_prepare(&v->g);
    gate_new(&v->g);
    options.timeout_ms = 100;
    options.connection_per_minute = 60;
    assert_int_equal(chatroom_authorizer(v->g.c, gate_act, &v->authorizer, 100), CHATROOM_OK);
    assert_int_equal(chatroom_route_with(v->g.c, "$connect", gate_act, &v->connect, &options), CHATROOM_OK);
    assert_int_equal(chatroom_route_with(v->g.c, "a", gate_act, &v->message, &options), CHATROOM_OK);
    gate_route(&v->g, "$disconnect", &v->disconnect);
    assert_int_equal(
        chatroom_access_log(v->g.c, "$context.status $context.authorizer.tenant", take_line, &v->lines, NULL),
        CHATROOM_OK);
    assert_int_equal(add_key(&v->g), CHATROOM_OK);
    assert_int_equal(chatroom_require_api_key(v->g.c, CHATROOM_KEY_FROM_AUTHORIZER), CHATROOM_OK);
    gate_start(&v->g);
}

/* Late: it is resumed when its time is over. */
static void go_on(struct visit *v, struct act *act, unsigned before, bool late)
{
    if (act->calls == before)
        return;
    if (late)
        gate_pass(&v->g, 100);
    gate_resume(act);
    gate_step(&v->g);
}

static size_t come(struct visit *v, bool late_authorizer, bool late_connect, bool late_message)
{
    const struct chatroom_header headers[] = {{chatroom_str("Host"), chatroom_str("chat.example")},
                                              {chatroom_str("Sec-WebSocket-Protocol"), chatroom_str("chat")}};
    unsigned authorizer = v->authorizer.calls, connect = v->connect.calls, message = v->message.calls;
    size_t client = gate_connect_as(&v->g, "/dev?token=t", headers, 2);

    go_on(v, &v->authorizer, authorizer, late_authorizer);
    go_on(v, &v->connect, connect, late_connect);
    if (wire_is_open(v->g.wire, client)) {
        gate_says(&v->g, client, "{\"action\":\"a\"}");
        go_on(v, &v->message, message, late_message);
    }
    gate_step(&v->g);
    return client;
}

/* Whoever was let in knows all that the authorizer left, and has one $disconnect; others have none. */
static void go(struct visit *v, size_t client)
{
    unsigned before = v->disconnect.calls;
    uint16_t status = wire_status(v->g.wire, client);
    bool open = wire_is_open(v->g.wire, client);

    assert_in_range(status, 101, 599);
    if (open)
        assert_int_equal(chatroom_connection_count(v->g.c), 1);
    wire_close(v->g.wire, client, 1000);
    gate_pass(&v->g, 2000);
    if (open)
        assert_int_equal(v->disconnect.calls, before + 1);
    if (status != 101)
        assert_int_equal(v->disconnect.calls, 0);
    if (v->disconnect.calls > 0)
        assert_string_equal(v->disconnect.authorizer, DATA);
    assert_int_equal(chatroom_connection_count(v->g.c), 0);
    assert_true(wire_is_over(v->g.wire, client));
}

static void visit_with_failures(bool late_authorizer, bool late_connect, bool late_message, uint64_t count)
{
    static struct visit v;
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        begin(&v);
        heap_fail(&v.g.heap, n, count);
        size_t ann = come(&v, late_authorizer, late_connect, late_message);
        failed = v.g.heap.failed > 0;
        heap_heal(&v.g.heap);
        gate_step(&v.g);
        go(&v, ann);
        v.disconnect.calls = 0;
        size_t bob = come(&v, false, false, false); /* as if nothing had been */
        assert_int_equal(wire_status(v.g.wire, bob), 101);
        assert_string_equal(wire_subprotocol(v.g.wire, bob), "chat");
        assert_string_equal(v.answered.authorizer, DATA);
        assert_int_equal(v.answered.rooms, 1);
        gate_hears(&v.g, bob, "answer", NULL);
        assert_true(n < 500);
        gate_end(&v.g);
    }
}

static void visit__whose_nth_allocation_fails_is_in_or_out(void **state)
{
    (void)state;
    visit_with_failures(false, false, false, 1);
}

static void visit__without_any_memory_from_the_nth_allocation_on_is_in_or_out(void **state)
{
    (void)state;
    visit_with_failures(false, false, false, UINT64_MAX);
}

static void visit__that_takes_too_long_while_memory_fails_is_in_or_out(void **state)
{
    (void)state;
    for (int late = 0; late < 3; late++) {
        visit_with_failures(late == 0, late == 1, late == 2, 1);
        visit_with_failures(late == 0, late == 1, late == 2, 3);
    }
}

/* ---- what waits for memory ---- */

static void timeout__without_memory_to_say_so_comes_when_there_is_some(void **state)
{
    static struct visit v;

    (void)state;
    begin(&v);
    v.message.resumed = NULL;
    size_t ann = come(&v, false, false, false);
    wire_drain(v.g.wire, ann);
    gate_pass(&v.g, 60000);
    gate_says(&v.g, ann, "{\"action\":\"a\"}");
    for (uint64_t n = 1; n < 5; n++) { /* the first failure may be met by a spare */
        heap_fail(&v.g.heap, n, UINT64_MAX);
        gate_pass(&v.g, 100);
        heap_heal(&v.g.heap);
    }
    gate_pass(&v.g, 100);
    assert_int_equal(wire_queued(v.g.wire, ann) > 0 || wire_close_code(v.g.wire, ann) == 1013, true);
    gate_resume(&v.message);
    gate_step(&v.g);
    go(&v, ann);
    gate_end(&v.g);
}

/* ---- management ---- */

static void ask(struct gate *g, const char *method, const char *target, struct wire_answer *answer)
{
    const struct chatroom_http_request request = {.method = chatroom_str(method),
                                                  .head = {chatroom_str(target), NULL, 0, chatroom_str("::1")},
                                                  .body = chatroom_str("hello")};

    wire_http(g->wire, &request, answer);
    assert_int_equal(chatroom_step(g->c, g->now), CHATROOM_OK);
}

static void management__answers_whatever_fails_and_a_post_costs_nobody_the_connection(void **state)
{
    static const struct {
        const char *method, *path;
        uint16_t good;
    } calls[] = {{"POST", NULL, 200},
                 {"GET", NULL, 200},
                 {"DELETE", NULL, 204},
                 {"POST", "/dev/@connections/x", 400},
                 {"GET", "/dev/@connections/AAAAAAAAAAAAAAA=", 410},
                 {"PUT", "/dev/@connections/x", 404},
                 {"POST", "/other/@connections/x", 403},
                 {"GET", "/metrics", 200}};
    static struct wire_answer answer;
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    (void)state;
    options.unsigned_loopback = true;
    options.metrics_path = "/metrics";
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool failed = true;

        for (uint64_t n = 1; failed; n++) {
            struct gate g;
            char path[64];

            gate_prepare(&g);
            gate_new(&g);
            assert_int_equal(chatroom_manage(g.c, &options), CHATROOM_OK);
            gate_start(&g);
            size_t ann = gate_connected(&g);
            snprintf(path, sizeof path, "/dev/@connections/%.16s", wire_id(g.wire, ann).bytes);
            heap_fail(&g.heap, n, 1);
            ask(&g, calls[i].method, calls[i].path ? calls[i].path : path, &answer);
            failed = g.heap.failed > 0;
            heap_heal(&g.heap);
            if (!failed || calls[i].good >= 204)
                assert_int_equal(answer.status, calls[i].good);
            else
                assert_in_range(answer.status, 500, 503);
            assert_int_equal(strlen(answer.request_id), 16);
            gate_step(&g);
            if (strcmp(calls[i].method, "DELETE") != 0)
                assert_true(wire_is_open(g.wire, ann));
            assert_int_equal(wire_queued(g.wire, ann), i == 0 && answer.status == 200);
            assert_true(n < 100);
            gate_end(&g);
        }
    }
}

static void verbs__for_c_say_what_failed(void **state)
{
    struct gate g;

    (void)state;
    gate_prepare(&g);
    gate_new(&g);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    heap_fail(&g.heap, 1, 3);
    assert_int_equal(chatroom_post(g.c, wire_id(g.wire, ann), chatroom_str("x"), NULL, NULL), CHATROOM_ENOMEM);
    assert_int_equal(chatroom_get_connection(g.c, wire_id(g.wire, ann), NULL, NULL), CHATROOM_ENOMEM);
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, ann), 1000, chatroom_str(""), NULL, NULL),
                     CHATROOM_ENOMEM);
    heap_heal(&g.heap);
    gate_step(&g);
    assert_true(wire_is_open(g.wire, ann));
    gate_hears_nothing(&g, ann);
    gate_end(&g);
}

/* ---- what a message costs ---- */

static int all_is_well(void *arg, chatroom_span body, struct chatroom_error *error)
{
    (void)arg, (void)body, (void)error;
    return CHATROOM_OK;
}

static uint64_t cost_of_messages(bool guarded)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act act = {0};
    uint64_t before;

    gate_prepare(&g);
    if (guarded) {
        g.config.per_second = 1000;
        g.config.burst = 1000;
        options.per_second = options.burst = 1000;
        options.validate = all_is_well;
    }
    gate_new(&g);
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (int i = 0; i < 8; i++)
        gate_says(&g, ann, "{\"action\":\"a\"}");
    before = g.heap.asked;
    for (int i = 0; i < 32; i++)
        gate_says(&g, ann, "{\"action\":\"a\"}");
    before = g.heap.asked - before;
    assert_int_equal(act.calls, 40);
    gate_end(&g);
    return before;
}

static void messages__through_selection_throttle_and_validation_allocate_nothing(void **state)
{
    (void)state;
    assert_int_equal(cost_of_messages(false), 0);
    assert_int_equal(cost_of_messages(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuring__fails_as_a_whole_and_may_be_tried_again),
        cmocka_unit_test(configuring__an_instance_is_made_or_not),
        cmocka_unit_test(visit__whose_nth_allocation_fails_is_in_or_out),
        cmocka_unit_test(visit__without_any_memory_from_the_nth_allocation_on_is_in_or_out),
        cmocka_unit_test(visit__that_takes_too_long_while_memory_fails_is_in_or_out),
        cmocka_unit_test(timeout__without_memory_to_say_so_comes_when_there_is_some),
        cmocka_unit_test(management__answers_whatever_fails_and_a_post_costs_nobody_the_connection),
        cmocka_unit_test(verbs__for_c_say_what_failed),
        cmocka_unit_test(messages__through_selection_throttle_and_validation_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
