/*
 * Least privilege: an effect that a route was not granted is refused, and the chat's routes have just what they need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"
#include "route.h"

#include "chat_names.h"

#include <stdio.h>

/* ---- each effect ---- */

struct attempt {
    const char *effect;
    uint32_t bit;
    int (*ask)(chatroom_request *request);
    int result;
};

static chatroom_span den(void)
{
    return chatroom_str("den");
}

static int ask_post(chatroom_request *request)
{
    return chatroom_request_post(request, chatroom_request_info(request)->connection_id, chatroom_str("x"));
}

static int ask_broadcast(chatroom_request *request)
{
    return chatroom_request_broadcast(request, chatroom_str("x"));
}

static int ask_tell(chatroom_request *request)
{
    return chatroom_request_tell(request, den(), chatroom_str("x"));
}

static int ask_disconnect(chatroom_request *request)
{
    return chatroom_request_disconnect(request, chatroom_request_info(request)->connection_id, 1000, chatroom_str(""));
}

static int ask_name(chatroom_request *request)
{
    return chatroom_request_set_name(request, chatroom_str("ann"));
}

static int ask_join(chatroom_request *request)
{
    return chatroom_request_join(request, den());
}

static int ask_join_new(chatroom_request *request)
{
    return chatroom_request_join(request, chatroom_str("new"));
}

static int ask_leave(chatroom_request *request)
{
    return chatroom_request_leave(request, den());
}

static int ask_create(chatroom_request *request)
{
    return chatroom_request_create_room(request, chatroom_str("new"));
}

static int ask_delete(chatroom_request *request)
{
    return chatroom_request_delete_room(request, den());
}

static int ask_publish(chatroom_request *request)
{
    return chatroom_request_publish(request, den(), chatroom_str("1"), chatroom_str(""));
}

static int no_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)request, (void)history, (void)arg;
    return CHATROOM_OK;
}

static int ask_history(chatroom_request *request)
{
    static const struct chatroom_history_query query = {0};

    return chatroom_request_history(request, den(), &query, no_page, NULL);
}

/* Refuses and close are one's own, and need no grant. */
static struct attempt attempts[] = {
    {"post", CHATROOM_MAY_POST, ask_post, 0},          {"broadcast", CHATROOM_MAY_POST, ask_broadcast, 0},
    {"tell", CHATROOM_MAY_POST, ask_tell, 0},          {"disconnect", CHATROOM_MAY_DISCONNECT, ask_disconnect, 0},
    {"name", CHATROOM_MAY_NAME, ask_name, 0},          {"join", CHATROOM_MAY_JOIN, ask_join, 0},
    {"create", CHATROOM_MAY_CREATE, ask_join_new, 0},  {"leave", CHATROOM_MAY_JOIN, ask_leave, 0},
    {"create", CHATROOM_MAY_CREATE, ask_create, 0},    {"delete", CHATROOM_MAY_DELETE, ask_delete, 0},
    {"publish", CHATROOM_MAY_PUBLISH, ask_publish, 0}, {"read", CHATROOM_MAY_READ, ask_history, 0},
};

static int try_it(chatroom_request *request, void *arg)
{
    struct attempt *attempt = arg;

    attempt->result = attempt->ask(request);
    return chatroom_request_reply(request, chatroom_str("still here"));
}

static int enter(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_join(request, den());
}

static void grants__without_its_bit_an_effect_is_refused_and_logged_and_the_rest_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof attempts / sizeof *attempts; i++) {
        struct attempt *attempt = &attempts[i / 2];
        bool granted = i % 2;
        struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
        struct gate g;
        char part[64];

        options.may = granted ? CHATROOM_MAY_ALL : CHATROOM_MAY_ALL & ~attempt->bit;
        gate_prepare(&g);
        gate_new(&g);
        assert_int_equal(chatroom_route_with(g.c, "try", try_it, attempt, &options), CHATROOM_OK);
        assert_int_equal(chatroom_route(g.c, "enter", enter, NULL), CHATROOM_OK);
        gate_start(&g);
        size_t ann = gate_connected(&g), bob = gate_connected(&g);
        gate_says(&g, attempt->ask == ask_join ? bob : ann, "{\"action\":\"enter\"}");
        gate_says(&g, ann, "{\"action\":\"try\"}");
        assert_int_equal(attempt->result, granted ? CHATROOM_OK : CHATROOM_EDENIED);
        snprintf(part, sizeof part, "route=try effect=%s", attempt->effect);
        assert_int_equal(gate_logged(&g, "not_granted", part), !granted);
        if (!granted) {
            gate_hears(&g, ann, "still here", NULL);
            gate_hears_nothing(&g, ann);
            assert_int_equal(chatroom_room_count(g.c), 1);
            assert_int_equal(chatroom_room_members(g.c, den()), 1);
            assert_true(wire_is_open(g.wire, ann));
        }
        gate_end(&g);
    }
}

static int fail_as_told(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_str("x"));
}

static void grants__a_handler_that_passes_the_refusal_on_fails_as_a_whole(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;

    (void)state;
    options.may = 0;
    gate_prepare(&g);
    gate_new(&g);
    assert_int_equal(chatroom_route_with(g.c, "try", fail_as_told, NULL, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"try\"}");
    assert_int_equal(wire_queued(g.wire, ann), 1);
    assert_non_null(strstr(wire_take(g.wire, ann), "Internal server error"));
    assert_true(gate_logged(&g, "refused", "code=not_granted"));
    gate_end(&g);
}

static int own(chatroom_request *request, void *arg)
{
    (void)arg;
    assert_int_equal(chatroom_request_reply(request, chatroom_str("bye")), CHATROOM_OK);
    return chatroom_request_close(request, 4000, chatroom_str("done"));
}

static int own_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)history;
    *(int *)arg = chatroom_request_broadcast(request, chatroom_str("x"));
    return chatroom_request_reply(request, chatroom_str("page"));
}

static int read_page(chatroom_request *request, void *arg)
{
    static const struct chatroom_history_query query = {0};

    return chatroom_request_history(request, den(), &query, own_page, arg);
}

static void grants__what_is_the_connections_own_needs_none_and_a_page_gives_none(void **state)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    struct gate g;
    int result = 0;

    (void)state;
    options.may = 0;
    gate_prepare(&g);
    gate_new(&g);
    assert_int_equal(chatroom_route_with(g.c, "own", own, NULL, &options), CHATROOM_OK);
    options.may = CHATROOM_MAY_READ;
    assert_int_equal(chatroom_route_with(g.c, "read", read_page, &result, &options), CHATROOM_OK);
    assert_int_equal(chatroom_route(g.c, "enter", enter, NULL), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_says(&g, ann, "{\"action\":\"enter\"}");
    gate_says(&g, ann, "{\"action\":\"read\"}");
    assert_int_equal(result, CHATROOM_EDENIED);
    gate_hears(&g, ann, "page", NULL);
    gate_says(&g, ann, "{\"action\":\"own\"}");
    gate_hears(&g, ann, "bye", NULL);
    assert_int_equal(wire_close_code(g.wire, ann), 4000);
    gate_end(&g);
}

/* ---- the chat ---- */

static int fixed_random(void *arg, void *ret_bytes, size_t size)
{
    (void)arg;
    memset(ret_bytes, 7, size);
    return CHATROOM_OK;
}

/* The store makes them, each time anew. */
static void blank_epochs(char *text)
{
    static const char name[] = "\"epoch\":\"";

    while ((text = strstr(text, name))) {
        text += sizeof name - 1;
        memmove(text, strchr(text, '"'), strlen(strchr(text, '"')) + 1);
    }
}

static void listen(struct gate *g, char *heard, size_t capacity)
{
    size_t size = strlen(heard);
    const char *text;

    for (size_t client = 0; client < 2; client++)
        while ((text = wire_take(g->wire, client)))
            size += (size_t)snprintf(heard + size, capacity - size, "%zu %s\n", client, text);
    size += (size_t)snprintf(heard + size, capacity - size, "%zu rooms\n", chatroom_room_count(g->c));
    assert_true(size < capacity);
    blank_epochs(heard);
}

/* All that is heard of a visit in which every route is needed. key NULL: with every grant. */
static void visit(const char *key, uint32_t without, char *heard, size_t capacity, bool *ret_denied)
{
    static const struct {
        size_t client;
        const char *text;
    } script[] = {
        {0, "{\"action\":\"register\",\"value\":\"ann\"}"},
        {1, "{\"action\":\"register\",\"value\":\"bob\"}"},
        {0, "{\"action\":\"dispatch\",\"name\":\"" CR_CHAT_HALL "\",\"value\":\"hello hall\"}"},
        {0, "{\"action\":\"new-room\",\"value\":\"a\"}"},
        {1, "{\"action\":\"join-room\",\"value\":\"a\"}"},
        {0, "{\"action\":\"dispatch\",\"name\":\"ann\",\"room\":\"a\",\"value\":\"hello room\"}"},
        {1, "{\"action\":\"history\"}"},
        {1, "{\"action\":\"members\"}"},
        {1, "{\"action\":\"join-room\",\"value\":\"b\"}"}, /* which it makes */
        {0, "{\"action\":\"join-room\",\"value\":\"b\"}"}, /* and takes a along */
        {1, "{\"action\":\"leave-room\"}"},
        {0, "{\"action\":\"leave-room\"}"}, /* the last one */
        {0, "{\"action\":\"new-room\",\"value\":\"c\"}"},
        {0, "{\"action\":\"new-room\",\"value\":\"d\"}"}, /* and takes c along */
        {0, "{\"action\":\"nonsense\"}"},
    };
    struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
    struct gate g;

    options.mode = CHATROOM_CHAT_BOTH;
    heard[0] = '\0';
    gate_prepare(&g);
    g.config.random = fixed_random;
    gate_new(&g);
    assert_int_equal(chatroom_chat(g.c, &options), CHATROOM_OK);
    if (key)
        cr_route_find(g.c, chatroom_str(key))->options.may &= ~without;
    gate_start(&g);
    gate_connected(&g);
    gate_connected(&g);
    for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
        gate_says(&g, script[i].client, script[i].text);
        listen(&g, heard, capacity);
    }
    wire_close(g.wire, 0, 1000);
    gate_step(&g);
    listen(&g, heard, capacity);
    *ret_denied = gate_logged(&g, "not_granted", "");
    gate_end(&g);
}

static const struct {
    const char *key;
    uint32_t may;
} table[] = {
    {"$default", 0},
    {"$disconnect", CHATROOM_MAY_JOIN | CHATROOM_MAY_DELETE | CHATROOM_MAY_POST},
    {"dispatch", CHATROOM_MAY_POST | CHATROOM_MAY_PUBLISH},
    {"register", CHATROOM_MAY_NAME},
    {"new-room", CHATROOM_MAY_JOIN | CHATROOM_MAY_DELETE | CHATROOM_MAY_POST | CHATROOM_MAY_CREATE | CHATROOM_MAY_READ},
    {"join-room",
     CHATROOM_MAY_JOIN | CHATROOM_MAY_DELETE | CHATROOM_MAY_POST | CHATROOM_MAY_CREATE | CHATROOM_MAY_READ},
    {"leave-room", CHATROOM_MAY_JOIN | CHATROOM_MAY_DELETE | CHATROOM_MAY_POST},
    {"history", CHATROOM_MAY_READ},
    {"members", 0},
};

static void grants__each_route_of_the_chat_has_what_it_needs_and_needs_what_it_has(void **state)
{
    static char all[65536], less[65536];
    bool denied;

    (void)state;
    visit(NULL, 0, all, sizeof all, &denied);
    assert_false(denied);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint32_t bit = 1; bit < CHATROOM_MAY_ALL; bit <<= 1) {
            bool needed = table[i].may & bit;

            visit(table[i].key, bit, less, sizeof less, &denied);
            if (denied != needed || (strcmp(all, less) != 0) != needed)
                fail_msg("%s, %u: %s", table[i].key, bit, less);
        }
}

static void grants__of_the_chats_routes_are_those_of_the_table_in_every_mode(void **state)
{
    (void)state;
    for (enum chatroom_chat_mode mode = CHATROOM_CHAT_SIMPLE; mode <= CHATROOM_CHAT_BOTH; mode++) {
        struct chatroom_chat_options options = CHATROOM_CHAT_OPTIONS;
        struct gate g;

        options.mode = mode;
        gate_prepare(&g);
        gate_new(&g);
        assert_int_equal(chatroom_chat(g.c, &options), CHATROOM_OK);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            const struct cr_route *route = cr_route_find(g.c, chatroom_str(table[i].key));

            assert_true(route || mode == CHATROOM_CHAT_SIMPLE);
            if (route)
                assert_int_equal(route->options.may, table[i].may);
        }
        gate_start(&g);
        gate_end(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants__without_its_bit_an_effect_is_refused_and_logged_and_the_rest_holds),
        cmocka_unit_test(grants__a_handler_that_passes_the_refusal_on_fails_as_a_whole),
        cmocka_unit_test(grants__what_is_the_connections_own_needs_none_and_a_page_gives_none),
        cmocka_unit_test(grants__each_route_of_the_chat_has_what_it_needs_and_needs_what_it_has),
        cmocka_unit_test(grants__of_the_chats_routes_are_those_of_the_table_in_every_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
