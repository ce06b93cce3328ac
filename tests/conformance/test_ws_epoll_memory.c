/*
 * F20: a conversation with everything in it, again and again, with another allocation of the transport's failing each
 * time, once or from there on. Whatever fails, the process lives, and afterwards a new client is served as if nothing
 * had been.
 *
 * The linker sends the transport's malloc(), calloc() and realloc() here (--wrap). With as many threads as the argument
 * says, those of the workers too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_port.h"
#include "ws_client.h"

#include <chatroom/backend/ws_epoll.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS_MOST 30000 /* until something is said not to happen any more */

static unsigned threads;
static pthread_t main_thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the next three */
static size_t countdown;                                 /* allocations until one fails; 0: none does */
static bool sticky;                                      /* ... and so do all after it */
static bool failed;
static bool inside; /* the transport works in this thread: the clients' allocations are not meant */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool count_down(void)
{
    if (countdown == 0)
        return failed && sticky;
    failed = --countdown == 0;
    return failed;
}

static bool refuses(void)
{
    bool refused;

    if (pthread_equal(pthread_self(), main_thread) && !inside)
        return false;
    pthread_mutex_lock(&lock);
    refused = count_down();
    pthread_mutex_unlock(&lock);
    return refused;
}

static void set_failure(size_t nth, bool stays)
{
    pthread_mutex_lock(&lock);
    countdown = nth;
    sticky = stays;
    failed = false;
    pthread_mutex_unlock(&lock);
}

static bool has_failed(void)
{
    bool any;

    pthread_mutex_lock(&lock);
    any = failed;
    pthread_mutex_unlock(&lock);
    return any;
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
static size_t heard; /* messages */

/* Out of memory it is the transport that has to see to it that nobody misses it. */
static void send_to_group(chatroom_span message)
{
    chatroom_frame *frame = chatroom_frame_new(NULL, CHATROOM_BINARY_MESSAGE, message, 0);

    if (frame)
        port.transport.ops->group_send(port.transport.self, group, frame);
    chatroom_frame_unref(frame);
}

static void echo(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    heard++;
    if (group && !seated &&
        port.transport.ops->group_add(port.transport.self, group, connection->peer, &seat) == CHATROOM_OK)
        seated = connection;
    if (seated)
        send_to_group(message);
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
    if (threads)
        usleep(50); /* the workers' turn */
    inside = true;
    port_turn(&port, 0);
    inside = false;
    ws_client_work(client);
}

/* ... or something has failed, and the client has been dropped. */
#define UNTIL(client, condition)                                                \
    do {                                                                        \
        int turns = 0;                                                          \
        for (; turns < TURNS_MOST && !(client)->ended && !(condition); turns++) \
            turn(client);                                                       \
        if (turns == TURNS_MOST)                                                \
            fail_msg("in vain: %s", #condition);                                \
    } while (0)

static bool has_close(struct ws_client *client)
{
    chatroom_span payload;
    uint8_t first;

    while (ws_client_take(client, &first, &payload))
        continue;
    return client->close_code != 0;
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

/* Nothing is taken when there is no memory for it, and the peer lives. */
static void offer(void)
{
    chatroom_frame *frame = chatroom_frame_new(NULL, CHATROOM_TEXT_MESSAGE, chatroom_str("x"), 0);
    int rc;

    assert_non_null(frame);
    inside = true;
    rc = port.transport.ops->offer(port.transport.self, port.connections->peer, frame);
    inside = false;
    assert_true(rc == CHATROOM_OK || rc == CHATROOM_ENOMEM || rc == CHATROOM_EGONE);
    chatroom_frame_unref(frame);
}

static void converse(struct ws_client *client)
{
    heard = 0;
    ws_client_put_request(client, "/", "");
    ws_client_put_frame(client, 0x80 | WS_TEXT, "early", 5);
    UNTIL(client, heard == 1);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "ping", 4);
    ws_client_put_frame(client, WS_TEXT, "one ", 4);
    ws_client_put_frame(client, 0x80 | WS_CONTINUATION, "message", 7);
    for (int i = 0; i < 100; i++) /* more than a turn */
        ws_client_put_frame(client, 0x80 | WS_BINARY, "", 0);
    UNTIL(client, heard == 102);
    if (port.connections)
        offer();
    if (port.connections)
        port_close(port.connections, 1001, "enough");
    UNTIL(client, has_close(client));
    ws_client_put_frame(client, 0x80 | WS_CLOSE_FRAME, "\x03\xe9", 2);
    UNTIL(client, client->ended);
}

static void ask_for_health(struct ws_client *client)
{
    static const char request[] = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

    ws_client_put(client, request, sizeof request - 1);
    UNTIL(client, client->ended);
}

static int on_wanted(struct chatroom_transport_port *of, const struct chatroom_request_head *head,
                     size_t *ret_body_bytes)
{
    (void)of;
    *ret_body_bytes = 1000;
    return chatroom_span_equal(head->target, chatroom_str("/api")) ? CHATROOM_OK : CHATROOM_ENOENT;
}

static void on_http(struct chatroom_transport_port *of, const struct chatroom_http_request *request,
                    struct chatroom_http_answer *ret_answer)
{
    static const struct chatroom_header header = {{"A", 1}, {"b", 1}};

    (void)of;
    *ret_answer = (struct chatroom_http_answer){200, &header, 1, request->body};
}

static void post(struct ws_client *client)
{
    static const char unwanted[] = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char request[] = "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

    for (int i = 0; i < 2; i++) {
        ws_client_put(client, request, sizeof request - 1);
        UNTIL(client, client->status == 100);
        client->status = 0;
        ws_client_put(client, "hello", 5);
        UNTIL(client, client->in_size == 5);
        client->status = 0;
        client->in_size = 0;
    }
    ws_client_put(client, unwanted, sizeof unwanted - 1);
    UNTIL(client, client->ended);
}

/* One run. False: there were not so many allocations. */
static bool run(size_t nth, bool stays)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct ws_client *clients[4];
    bool any;
    int rc;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    port = (struct chatroom_transport_port){
        .message = echo, .closed = on_closed, .http_wanted = on_wanted, .http = on_http};
    group = NULL;
    set_failure(nth, stays);
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
    clients[3] = begin();
    post(clients[3]);
    any = has_failed();
    set_failure(0, false);
    clients[2] = begin();
    ws_client_put_request(clients[2], "/", "");
    UNTIL(clients[2], clients[2]->status != 0);
    assert_int_equal(clients[2]->status, 101);
    for (int i = 0; i < 4; i++)
        ws_client_free(clients[i]);
    if (seated)
        port.transport.ops->group_remove(port.transport.self, group, seated->peer, &seat);
    seated = NULL;
    if (group)
        port.transport.ops->group_free(port.transport.self, group);
    port.transport.ops->close_all(port.transport.self);
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
    options.threads = threads;
    port = (struct chatroom_transport_port){0};
    group = NULL;
    assert_int_equal(chatroom_ws_epoll(&options, &port.transport, NULL), CHATROOM_OK);
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, NULL), CHATROOM_OK);
    client = begin();
    ws_client_put_request(client, "/", "");
    UNTIL(client, client->status != 0);
    assert_int_equal(port.count, 1);
    frame = chatroom_frame_new(NULL, CHATROOM_TEXT_MESSAGE, chatroom_str("x"), 0);
    set_failure(1, false);
    inside = true;
    assert_int_equal(port.transport.ops->send(port.transport.self, port.connections->peer, frame), CHATROOM_ENOMEM);
    inside = false;
    chatroom_frame_unref(frame);
    UNTIL(client, client->ended);
    for (int i = 0; i < TURNS_MOST && port.count > 0; i++)
        turn(client);
    assert_int_equal(port.count, 0);
    assert_true(client->ended);
    ws_client_free(client);
    port.transport.ops->close_all(port.transport.self);
}

static void F20_who_could_not_be_offered_a_frame_lives(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct ws_client *client;
    chatroom_frame *frame;
    chatroom_span payload;
    uint8_t first;

    (void)state;
    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    port = (struct chatroom_transport_port){0};
    group = NULL;
    assert_int_equal(chatroom_ws_epoll(&options, &port.transport, NULL), CHATROOM_OK);
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, NULL), CHATROOM_OK);
    client = begin();
    ws_client_put_request(client, "/", "");
    UNTIL(client, client->status != 0);
    frame = chatroom_frame_new(NULL, CHATROOM_TEXT_MESSAGE, chatroom_str("x"), 0);
    set_failure(1, false);
    inside = true;
    assert_int_equal(port.transport.ops->offer(port.transport.self, port.connections->peer, frame), CHATROOM_ENOMEM);
    assert_int_equal(port.transport.ops->offer(port.transport.self, port.connections->peer, frame), CHATROOM_OK);
    inside = false;
    chatroom_frame_unref(frame);
    UNTIL(client, ws_client_take(client, &first, &payload));
    assert_int_equal(payload.size, 1);
    for (int i = 0; i < 20; i++)
        turn(client);
    assert_int_equal(client->in_size, 0);
    assert_int_equal(port.count, 1);
    ws_client_free(client);
    port.transport.ops->close_all(port.transport.self);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F20_each_allocation_fails_once),
        cmocka_unit_test(F20_each_allocation_fails_and_all_after_it),
        cmocka_unit_test(F20_who_could_not_be_sent_a_frame_is_dropped),
        cmocka_unit_test(F20_who_could_not_be_offered_a_frame_lives),
    };

    threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    main_thread = pthread_self();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
