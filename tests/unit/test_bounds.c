/*
 * The bounds of an instance as clients meet them: of connections, of what is held back, of rates, of kinds of messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <stdio.h>

static void begin(struct gate *g, struct act *act)
{
    gate_new(g);
    gate_route(g, "$default", act);
    gate_start(g);
}

static void bounds__no_more_connections_than_there_may_be(void **state)
{
    struct act act = {0};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    g.config.limits.connections = 2;
    begin(&g, &act);
    size_t ann = gate_connected(&g);
    gate_connected(&g);
    size_t cid = wire_connect(g.wire, "/dev");
    gate_step(&g);
    assert_int_not_equal(wire_status(g.wire, cid), 101);
    assert_int_equal(chatroom_connection_count(g.c), 2);
    wire_close(g.wire, ann, 1000);
    gate_step(&g);
    gate_connected(&g);
    gate_end(&g);
}

/* Two may wait behind the one that was put off; the next is told to try again. */
static void bounds__no_more_messages_are_held_back_than_may_be(void **state)
{
    struct act act = {.defer = true};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    g.config.limits.held_messages = 3;
    begin(&g, &act);
    size_t ann = gate_connected(&g);
    for (int i = 0; i < 3; i++)
        gate_says(&g, ann, "{}");
    gate_hears_nothing(&g, ann);
    gate_says(&g, ann, "{}");
    gate_hears_nothing(&g, ann); /* answers keep the order of what they answer */
    assert_int_equal(act.calls, 1);
    for (unsigned calls = 1; calls <= 3; calls++) {
        assert_int_equal(act.calls, calls);
        act.resumed = &(struct act){0};
        gate_resume(&act);
        gate_step(&g);
    }
    assert_int_equal(act.calls, 3);
    assert_int_equal(wire_queued(g.wire, ann), 1);
    assert_non_null(strstr(wire_take(g.wire, ann), "\"message\""));
    gate_end(&g);
}

static void bounds__no_more_bytes_are_held_back_by_all_than_may_be(void **state)
{
    struct act act = {.defer = true}, ended = {0};
    struct gate g;
    char message[101];

    (void)state;
    memset(message, 'x', 100);
    message[100] = '\0';
    gate_prepare(&g);
    g.config.limits.held_bytes = 250;
    begin(&g, &act);
    size_t ann = gate_connected(&g), bob = gate_connected(&g);
    gate_says(&g, ann, message);
    gate_says(&g, ann, message);
    gate_hears_nothing(&g, ann);
    gate_says(&g, bob, message); /* 300 of all */
    assert_int_equal(wire_queued(g.wire, bob), 1);
    message[50] = '\0';
    gate_pass(&g, 1000);
    gate_says(&g, ann, message); /* just 250 */
    gate_hears_nothing(&g, ann);
    act.resumed = &ended;
    for (int i = 0; i < 3; i++) {
        gate_resume(&act);
        gate_step(&g);
    }
    wire_drain(g.wire, bob);
    message[50] = 'x';
    act.defer = false;
    gate_says(&g, bob, message);
    gate_hears_nothing(&g, bob); /* there is room again */
    gate_end(&g);
}

static void bounds__a_binary_message_is_let_in_where_it_was_asked_for(void **state)
{
    struct act act = {0};

    (void)state;
    for (int accept = 0; accept < 2; accept++) {
        struct gate g;

        act.calls = 0;
        gate_prepare(&g);
        g.config.accept_binary = accept;
        begin(&g, &act);
        size_t ann = gate_connected(&g);
        wire_send_kind(g.wire, ann, CHATROOM_BINARY_MESSAGE, chatroom_str("\x01"));
        wire_send(g.wire, ann, "{}"); /* behind one that is not, nothing is heard */
        gate_step(&g);
        assert_int_equal(act.calls, accept ? 2 : 0);
        assert_int_equal(wire_close_code(g.wire, ann), accept ? 0 : 1003);
        gate_end(&g);
    }
}

static void bounds__a_message_of_the_greatest_size_is_heard_and_one_byte_more_ends_it(void **state)
{
    static char message[102];
    struct act act = {0};
    struct gate g;

    (void)state;
    memset(message, 'x', 101);
    gate_prepare(&g);
    g.config.limits.message_bytes = 100;
    begin(&g, &act);
    size_t ann = gate_connected(&g);
    wire_send_kind(g.wire, ann, CHATROOM_TEXT_MESSAGE, chatroom_bytes(message, 100));
    gate_step(&g);
    assert_int_equal(act.calls, 1);
    wire_send_kind(g.wire, ann, CHATROOM_TEXT_MESSAGE, chatroom_bytes(message, 101));
    gate_step(&g);
    assert_int_equal(act.calls, 1);
    assert_int_equal(wire_close_code(g.wire, ann), 1009);
    gate_end(&g);
}

/* A hundred at once, and a hundred a second. */
static void bounds__bytes_have_a_rate_of_their_own(void **state)
{
    char message[91];
    struct act act = {0};
    struct gate g;

    (void)state;
    memset(message, 'x', 90);
    message[90] = '\0';
    gate_prepare(&g);
    g.config.limits.bytes_per_second = g.config.limits.bytes_burst = 100;
    begin(&g, &act);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, message);
    assert_int_equal(act.calls, 1);
    gate_says(&g, ann, message);
    assert_int_equal(act.calls, 1);
    assert_int_equal(wire_queued(g.wire, ann), 1);
    gate_pass(&g, 790);
    gate_says(&g, ann, message);
    assert_int_equal(act.calls, 1);
    gate_pass(&g, 11);
    gate_says(&g, ann, message);
    assert_int_equal(act.calls, 2);
    gate_end(&g);
}

static void bounds__F20_a_first_message_whose_nth_allocation_fails_is_heard_or_ends_its_connection(void **state)
{
    uint64_t n, failed = 1;

    (void)state;
    for (n = 1; failed > 0; n++) {
        struct act act = {.reply = "hi"};
        struct gate g;

        gate_prepare(&g);
        begin(&g, &act);
        size_t ann = gate_connected(&g), bob = gate_connected(&g);
        gate_pass(&g, 5000); /* at rest it has nothing of its own */
        failed = g.heap.failed;
        heap_fail(&g.heap, n, UINT64_MAX);
        gate_says(&g, ann, "{}");
        heap_heal(&g.heap);
        failed = g.heap.failed - failed;
        gate_step(&g);
        if (failed == 0)
            gate_hears(&g, ann, "hi", NULL);
        else
            assert_true(wire_close_code(g.wire, ann) == 1013 || wire_queued(g.wire, ann) <= 1);
        gate_says(&g, bob, "{}");
        gate_hears(&g, bob, "hi", NULL);
        gate_end(&g);
    }
    assert_in_range(n, 3, 40);
}

static void bounds__an_empty_message_waits_like_any_other(void **state)
{
    struct act act = {.defer = true}, then = {.reply = "hi"};
    struct gate g;

    (void)state;
    gate_prepare(&g);
    begin(&g, &act);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{}");
    wire_send_kind(g.wire, ann, CHATROOM_TEXT_MESSAGE, chatroom_bytes(NULL, 0));
    gate_step(&g);
    assert_int_equal(act.calls, 1);
    act.resumed = &then;
    gate_resume(&act);
    gate_step(&g);
    assert_int_equal(act.calls, 2);
    assert_string_equal(act.body, "");
    gate_resume(&act);
    gate_step(&g);
    gate_hears(&g, ann, "hi", NULL);
    gate_hears(&g, ann, "hi", NULL);
    gate_end(&g);
}

/* Those of others are all in use, so that a message, or its refusal, needs memory of its own. */
static void bounds__F20_a_message_that_finds_nothing_spare_is_heard_or_ends_its_connection(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++)
        for (uint64_t n = 1, failed = 1; failed > 0; n++) {
            struct act act = {.defer = true}, deferred[12];
            struct gate g;

            gate_prepare(&g);
            g.config.limits.held_bytes = refused ? 24 : 10000;
            begin(&g, &act);
            size_t ann = gate_connected(&g);
            for (int i = 0; i < 12; i++) {
                gate_says(&g, gate_connected(&g), "{}");
                deferred[i] = act;
            }
            failed = g.heap.failed;
            heap_fail(&g.heap, n, UINT64_MAX);
            gate_says(&g, ann, "{}");
            heap_heal(&g.heap);
            failed = g.heap.failed - failed;
            gate_step(&g);
            assert_true(failed == 0 || n > 1 || wire_close_code(g.wire, ann) == 1013);
            assert_int_equal(act.calls, 12 + (failed == 0 && !refused));
            if (act.calls == 13)
                gate_resume(&act);
            for (int i = 0; i < 12; i++)
                gate_resume(&deferred[i]);
            gate_step(&g);
            assert_int_equal(chatroom_connection_count(g.c), wire_close_code(g.wire, ann) ? 12 : 13);
            gate_end(&g);
        }
}

static void bounds__a_host_too_long_to_be_kept_is_none(void **state)
{
    static char host[300];
    struct act act = {0};
    struct gate g;

    (void)state;
    memset(host, 'h', sizeof host);
    gate_prepare(&g);
    begin(&g, &act);
    for (size_t size = 261; size <= 262; size++) {
        const struct chatroom_header header = {chatroom_str("Host"), chatroom_bytes(host, size)};

        gate_says(&g, gate_connect_as(&g, "/dev", &header, 1), "{}");
        assert_int_equal(strlen(act.domain), size > 261 ? 0 : size);
    }
    gate_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds__no_more_connections_than_there_may_be),
        cmocka_unit_test(bounds__no_more_messages_are_held_back_than_may_be),
        cmocka_unit_test(bounds__no_more_bytes_are_held_back_by_all_than_may_be),
        cmocka_unit_test(bounds__a_binary_message_is_let_in_where_it_was_asked_for),
        cmocka_unit_test(bounds__a_message_of_the_greatest_size_is_heard_and_one_byte_more_ends_it),
        cmocka_unit_test(bounds__bytes_have_a_rate_of_their_own),
        cmocka_unit_test(bounds__F20_a_first_message_whose_nth_allocation_fails_is_heard_or_ends_its_connection),
        cmocka_unit_test(bounds__an_empty_message_waits_like_any_other),
        cmocka_unit_test(bounds__F20_a_message_that_finds_nothing_spare_is_heard_or_ends_its_connection),
        cmocka_unit_test(bounds__a_host_too_long_to_be_kept_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
