/*
 * What a message may cost in allocations of the core: as many for a room of one as for a room of hundreds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include <stdio.h>

#include "heap.h"
#include "wire.h"

enum { WARM_UP = 64, MEASURED = 32, EACH_MOST = 8 };

struct server {
    struct heap heap;
    struct chatroom_alloc alloc;
    struct wire *wire;
    struct chatroom_now now;
    chatroom *c;
};

static void run(struct server *s)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(chatroom_step(s->c, s->now), CHATROOM_OK);
}

static void start(struct server *s, bool groups)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error = {0, ""};

    *s = (struct server){.now = {1000000000, INT64_C(1795467901000)}};
    s->alloc = heap_alloc(&s->heap);
    s->wire = wire_new(groups);
    config.alloc = &s->alloc;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.transport = wire_transport(s->wire);
    chat.rate_limits = false;
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &s->c, &error), CHATROOM_OK);
    assert_int_equal(chatroom_chat(s->c, &chat), CHATROOM_OK);
    assert_int_equal(chatroom_start(s->c, s->now, &error), CHATROOM_OK);
}

static void stop(struct server *s)
{
    chatroom_free(s->c);
    wire_free(s->wire);
    assert_int_equal(s->heap.blocks, 0);
}

static void join(struct server *s, size_t client)
{
    char text[64];

    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"u%zu\"}", client);
    wire_send(s->wire, client, text);
    wire_send(s->wire, client, "{\"action\":\"join-room\",\"value\":\"den\"}");
}

static void publish(struct server *s, size_t members)
{
    wire_send(s->wire, 0, "{\"action\":\"dispatch\",\"room\":\"den\",\"value\":\"hello\"}");
    run(s);
    for (size_t i = 0; i < members; i++) {
        assert_int_equal(wire_queued(s->wire, i), 1);
        wire_drain(s->wire, i);
    }
}

/* How often the core allocates for some messages to a room of so many. */
static uint64_t allocations(size_t members, bool groups)
{
    struct server s;
    uint64_t before;

    start(&s, groups);
    for (size_t i = 0; i < members; i++)
        wire_connect(s.wire, "/");
    run(&s);
    for (size_t i = 0; i < members; i++)
        join(&s, i);
    run(&s);
    assert_int_equal(chatroom_room_members(s.c, chatroom_str("den")), members);
    for (size_t i = 0; i < members; i++)
        wire_drain(s.wire, i);
    for (int i = 0; i < WARM_UP; i++)
        publish(&s, members);
    before = s.heap.asked;
    for (int i = 0; i < MEASURED; i++)
        publish(&s, members);
    before = s.heap.asked - before;
    stop(&s);
    return before;
}

static void publish__to_a_room_of_any_size_allocates_a_constant_number_of_times(void **state)
{
    uint64_t alone = allocations(1, true);

    (void)state;
    assert_in_range(alone, 0, MEASURED * EACH_MOST);
    assert_int_equal(allocations(10, true), alone);
    assert_int_equal(allocations(100, true), alone);
    assert_int_equal(allocations(500, true), alone);
}

static void publish__without_groups_allocates_no_more(void **state)
{
    uint64_t alone = allocations(1, false);

    (void)state;
    assert_in_range(alone, 0, MEASURED * EACH_MOST);
    assert_int_equal(allocations(500, false), alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish__to_a_room_of_any_size_allocates_a_constant_number_of_times),
        cmocka_unit_test(publish__without_groups_allocates_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
