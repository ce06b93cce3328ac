/*
 * What CloudWatch counts, of the stage and of each route.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

static struct chatroom_counters count(const struct gate *g, const char *key)
{
    struct chatroom_counters counters;

    assert_int_equal(chatroom_counters(g->c, key, &counters), CHATROOM_OK);
    return counters;
}

static void begin(struct gate *g)
{
    gate_prepare(g);
    gate_new(g);
}

static void AGW_66_connect_count_is_of_those_for_whom_connect_was_asked(void **state)
{
    struct gate g;
    struct act authorizer = {0}, connect = {0};

    (void)state;
    begin(&g);
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 0), CHATROOM_OK);
    gate_route(&g, "$connect", &connect);
    gate_start(&g);
    gate_connected(&g);
    connect.result = CHATROOM_EREFUSED;
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    authorizer.result = CHATROOM_EREFUSED;
    wire_connect(g.wire, "/dev");
    wire_connect(g.wire, "/other");
    gate_step(&g);
    assert_int_equal(count(&g, NULL).connects, 2);
    assert_int_equal(count(&g, "$connect").connects, 2);
    assert_int_equal(count(&g, NULL).client_errors, 2);
    assert_int_equal(count(&g, "$connect").client_errors, 2);
    assert_int_equal(count(&g, NULL).integration_errors, 1);
    gate_end(&g);
}

static int tell_everyone(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_str("all"));
}

static int publish(chatroom_request *request, void *arg)
{
    int result = chatroom_request_join(request, chatroom_str("den"));

    (void)arg;
    return result ? result
                  : chatroom_request_publish(request, chatroom_str("den"), chatroom_str("1"), chatroom_str(""));
}

static void AGW_66_message_count_is_of_those_from_clients_and_to_them(void **state)
{
    struct gate g;
    struct act quiet = {0}, echo = {.reply = "x"};

    (void)state;
    begin(&g);
    gate_route(&g, "quiet", &quiet);
    gate_route(&g, "echo", &echo);
    assert_int_equal(chatroom_route(g.c, "all", tell_everyone, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(g.c, "publish", publish, NULL), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g), bob = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"quiet\"}");
    assert_int_equal(count(&g, NULL).messages, 1);
    gate_says(&g, ann, "{\"action\":\"echo\"}");
    assert_int_equal(count(&g, NULL).messages, 3);
    gate_says(&g, ann, "{\"action\":\"all\"}");
    assert_int_equal(count(&g, NULL).messages, 6);
    gate_says(&g, bob, "{\"action\":\"publish\"}");
    assert_int_equal(count(&g, NULL).messages, 8);
    gate_says(&g, bob, "{\"action\":\"nope\"}"); /* and what it is told */
    assert_int_equal(count(&g, NULL).messages, 10);
    assert_int_equal(chatroom_post(g.c, wire_id(g.wire, bob), chatroom_str("x"), NULL, NULL), CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(count(&g, NULL).messages, 11);
    assert_int_equal(count(&g, "quiet").messages, 1);
    assert_int_equal(count(&g, "echo").messages, 2);
    assert_int_equal(count(&g, "all").messages, 3);
    assert_int_equal(count(&g, "publish").messages, 2);
    gate_end(&g);
}

static void AGW_66_integration_errors_are_4xx_5xx_and_refusals(void **state)
{
    static const struct {
        uint16_t status;
        int result;
        bool integration, execution;
    } rows[] = {{200, CHATROOM_OK, false, false},     {399, CHATROOM_OK, false, false},
                {400, CHATROOM_OK, true, false},      {500, CHATROOM_OK, true, false},
                {0, CHATROOM_EREFUSED, true, false},  {0, CHATROOM_EFAILED, false, true},
                {0, CHATROOM_ETIMEDOUT, false, true}, {0, CHATROOM_EINVAL, false, true}};
    struct gate g;
    struct act act = {0};

    (void)state;
    begin(&g);
    gate_route(&g, "a", &act);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chatroom_counters before = count(&g, NULL), route = count(&g, "a");
        struct chatroom_proxy_result result = {.status = rows[i].status};

        act.finish = rows[i].status ? &result : NULL;
        act.result = rows[i].result;
        gate_says(&g, ann, "{\"action\":\"a\"}");
        assert_int_equal(count(&g, NULL).integration_errors - before.integration_errors, rows[i].integration);
        assert_int_equal(count(&g, NULL).execution_errors - before.execution_errors, rows[i].execution);
        assert_int_equal(count(&g, "a").integration_errors - route.integration_errors, rows[i].integration);
        assert_int_equal(count(&g, "a").execution_errors - route.execution_errors, rows[i].execution);
        assert_int_equal(count(&g, NULL).client_errors, before.client_errors);
        assert_int_equal(count(&g, "a").latencies, route.latencies + 1);
    }
    gate_end(&g);
}

static void AGW_66_client_errors_are_what_was_refused_before_anybody_was_asked(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act act = {0};

    (void)state;
    gate_prepare(&g);
    g.config.limits.messages_per_second = 1;
    g.config.limits.messages_burst = 3;
    gate_new(&g);
    options.per_second = 1;
    assert_int_equal(chatroom_route_with(g.c, "a", gate_act, &act, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"a\"}");
    gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(count(&g, "a").client_errors, 1);
    assert_int_equal(count(&g, NULL).client_errors, 1);
    gate_says(&g, ann, "{\"action\":\"nope\"}");
    assert_int_equal(count(&g, NULL).client_errors, 2);
    for (int i = 0; i < 4; i++) /* beyond the connection's own rate: only one of them is answered */
        gate_says(&g, ann, "{\"action\":\"a\"}");
    assert_int_equal(wire_queued(g.wire, ann), 3);
    assert_int_equal(count(&g, NULL).client_errors, 6);
    assert_int_equal(count(&g, NULL).messages, 10);
    assert_int_equal(count(&g, "a").latencies, 1);
    gate_end(&g);
}

static void latency__is_that_of_the_integration_also_of_one_that_did_not_answer(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    struct act slow = {.defer = true};

    (void)state;
    begin(&g);
    options.timeout_ms = 100;
    assert_int_equal(chatroom_route_with(g.c, "slow", gate_act, &slow, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    gate_pass(&g, 40);
    gate_resume(&slow);
    gate_step(&g);
    assert_int_equal(count(&g, "slow").latencies, 1);
    assert_int_equal(count(&g, "slow").latency_ms, 40);
    gate_says(&g, ann, "{\"action\":\"slow\"}");
    gate_pass(&g, 100);
    assert_int_equal(count(&g, "slow").latencies, 2);
    assert_int_equal(count(&g, "slow").latency_ms, 140);
    assert_int_equal(count(&g, "slow").execution_errors, 1);
    assert_int_equal(count(&g, NULL).execution_errors, 1);
    gate_resume(&slow);
    gate_step(&g);
    assert_int_equal(count(&g, "slow").latencies, 2);
    gate_end(&g);
}

static void authorizer__that_takes_too_long_is_counted_once_and_as_no_integration(void **state)
{
    struct gate g;
    struct act authorizer = {.defer = true}, connect = {0};

    (void)state;
    begin(&g);
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &authorizer, 10), CHATROOM_OK);
    gate_route(&g, "$connect", &connect);
    gate_start(&g);
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    gate_pass(&g, 10);
    gate_resume(&authorizer);
    gate_step(&g);
    assert_int_equal(count(&g, NULL).client_errors, 1);
    assert_int_equal(count(&g, "$connect").client_errors, 1);
    assert_int_equal(count(&g, NULL).latencies, 0);
    assert_int_equal(count(&g, NULL).connects, 0);
    gate_end(&g);
}

static void counters__of_a_route_that_is_not_there_are_not_there(void **state)
{
    struct chatroom_counters counters;
    struct gate g;
    struct act act = {0};

    (void)state;
    begin(&g);
    gate_route(&g, "a", &act);
    assert_int_equal(chatroom_counters(g.c, "b", &counters), CHATROOM_ENOENT);
    assert_int_equal(chatroom_counters(g.c, "", &counters), CHATROOM_ENOENT);
    assert_int_equal(chatroom_counters(g.c, "a", &counters), CHATROOM_OK);
    gate_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_66_connect_count_is_of_those_for_whom_connect_was_asked),
        cmocka_unit_test(AGW_66_message_count_is_of_those_from_clients_and_to_them),
        cmocka_unit_test(AGW_66_integration_errors_are_4xx_5xx_and_refusals),
        cmocka_unit_test(AGW_66_client_errors_are_what_was_refused_before_anybody_was_asked),
        cmocka_unit_test(latency__is_that_of_the_integration_also_of_one_that_did_not_answer),
        cmocka_unit_test(authorizer__that_takes_too_long_is_counted_once_and_as_no_integration),
        cmocka_unit_test(counters__of_a_route_that_is_not_there_are_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
