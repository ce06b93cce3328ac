/*
 * F20: a conversation with everything in it, again and again, with another allocation of the transport's failing each
 * time, once or from there on. Whatever fails, the process lives, and afterwards a new client is served as if nothing
 * had been.
 *
 * The linker sends the transport's malloc(), calloc() and realloc() here (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_port.h"
#include "ws_client.h"

#include <chatroom/backend/ws_epoll.h>

#include <stdlib.h>

#define TURNS 30 /* more than the conversation needs */

static size_t countdown; /* allocations until one fails; 0: none does */
static bool sticky;      /* ... and so do all after it */
static bool failed;
static bool inside; /* the transport works: the clients' allocations are not meant */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool refuses(void)
{
    if (!inside || (countdown == 0 && !failed))
        return false;
    if (countdown == 0)
        return sticky;
    failed = --countdown == 0;
    return failed;
}

void *__wrap_malloc(size_t size)
{
    return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return refuses() ? NULL : __real_realloc(memory, size);
}

/* ---- the conversation -------------------------------------------------------------------------------------------- */

static struct chatroom_transport_port port;
static void *group;
static struct chatroom_seat seat;
static chatroom_connection *seated;

static void echo(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    if (group && !seated &&
        port.transport.ops->group_add(port.transport.self, group, connection->peer, &seat) == CHATROOM_OK)
        seated = connection;
    port_send(connection, kind, message);
}

static void on_closed(struct chatroom_connection *connection, uint16_t code, chatroom_span reason,
                      enum chatroom_party by)
{
    (void)code;
    (void)reason;
    (void)by;
    if (seated == connection)
        port.transport.ops->group_remove(port.transport.self, group, connection->peer, &seat);
    seated = seated == connection ? NULL : seated;
}

static void turn(struct ws_client *client)
{
    inside = true;
    port_turn(&port, 0);
    inside = false;
    ws_client_work(client);
}

static void turns(struct ws_client *client)
{
    for (int i = 0; i < TURNS; i++)
        turn(client);
}

static struct ws_client *begin(void)
{
    char address[64];
    struct ws_client *client;

    assert_int_equal(chatroom_ws_epoll_address(&port.transport, 0, address, sizeof address), CHATROOM_OK);
    client = ws_client_new(address);
    assert_non_null(client);
    return client;
}

static void converse(struct ws_client *client)
{
    ws_client_put_request(client, "/", "");
    ws_client_put_frame(client, 0x80 | WS_TEXT, "early", 5);
    turns(client);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "ping", 4);
    ws_client_put_frame(client, WS_TEXT, "one ", 4);
    ws_client_put_frame(client, 0x80 | WS_CONTINUATION, "message", 7);
    for (int i = 0; i < 100; i++) /* more than a turn */
        ws_client_put_frame(client, 0x80 | WS_BINARY, "", 0);
    turns(client);
    if (port.connections)
        port_close(port.connections, 1001, "enough");
    turns(client);
    ws_client_put_frame(client, 0x80 | WS_CLOSE_FRAME, "\x03\xe9", 2);
    turns(client);
}

static void ask_for_health(struct ws_client *client)
{
    static const char request[] = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

    ws_client_put(client, request, sizeof request - 1);
    turns(client);
}

/* One run. False: there were not so many allocations. */
static bool run(size_t nth, bool stays)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct ws_client *clients[3];
    bool any;
    int rc;

    options.listen = listen;
    options.listen_count = 1;
    port = (struct chatroom_transport_port){.message = echo, .closed = on_closed};
    group = NULL;
    countdown = nth;
    sticky = stays;
    failed = false;
    inside = true;
    rc = chatroom_ws_epoll(&options, &port.transport, NULL);
    inside = false;
    if (rc) {
        assert_int_equal(rc, CHATROOM_ENOMEM);
        return true;
    }
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, NULL), CHATROOM_OK);
    inside = true;
    rc = port.transport.ops->group_new(port.transport.self, &group);
    inside = false;
    assert_true(rc == CHATROOM_OK || rc == CHATROOM_ENOMEM);
    clients[0] = begin();
    converse(clients[0]);
    clients[1] = begin();
    ask_for_health(clients[1]);
    any = failed;
    countdown = 0;
    failed = false;
    clients[2] = begin();
    ws_client_put_request(clients[2], "/", "");
    turns(clients[2]);
    assert_int_equal(clients[2]->status, 101);
    for (int i = 0; i < 3; i++)
        ws_client_free(clients[i]);
    port.transport.ops->close_all(port.transport.self);
    if (group)
        port.transport.ops->group_free(NULL, group);
    assert_int_equal(port.count, 0);
    return any;
}

static void F20_each_allocation_fails_once(void **state)
{
    size_t nth = 1;

    (void)state;
    while (run(nth, false))
        assert_in_range(++nth, 1, 10000);
    assert_in_range(nth, 20, 10000);
}

static void F20_each_allocation_fails_and_all_after_it(void **state)
{
    size_t nth = 1;

    (void)state;
    while (run(nth, true))
        assert_in_range(++nth, 1, 10000);
    assert_in_range(nth, 20, 10000);
}

/* It would go on without knowing what it missed. */
static void F20_who_could_not_be_sent_a_frame_is_dropped(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct ws_client *client;
    chatroom_frame *frame;

    (void)state;
    options.listen = listen;
    options.listen_count = 1;
    port = (struct chatroom_transport_port){0};
    group = NULL;
    assert_int_equal(chatroom_ws_epoll(&options, &port.transport, NULL), CHATROOM_OK);
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, NULL), CHATROOM_OK);
    client = begin();
    ws_client_put_request(client, "/", "");
    turns(client);
    assert_int_equal(port.count, 1);
    frame = chatroom_frame_new(NULL, CHATROOM_TEXT_MESSAGE, chatroom_str("x"), 0);
    countdown = 1;
    sticky = failed = false;
    inside = true;
    assert_int_equal(port.transport.ops->send(port.transport.self, port.connections->peer, frame), CHATROOM_ENOMEM);
    inside = failed = false;
    chatroom_frame_unref(frame);
    turns(client);
    assert_int_equal(port.count, 0);
    assert_true(client->ended);
    ws_client_free(client);
    port.transport.ops->close_all(port.transport.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F20_each_allocation_fails_once),
        cmocka_unit_test(F20_each_allocation_fails_and_all_after_it),
        cmocka_unit_test(F20_who_could_not_be_sent_a_frame_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
