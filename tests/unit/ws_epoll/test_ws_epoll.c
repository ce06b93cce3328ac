/*
 * What ws_epoll does beyond the suite of any transport: HTTP, limits, deadlines, descriptors. Time is the test's own.
 * With as many threads as the argument says; without them a few tests more, which look at a loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_port.h"
#include "ws_client.h"

#include "connection.h"
#include "listener.h"
#include "threaded.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define TURNS_MOST 30000 /* until something is said not to happen any more */
#define TURNS_FAST 10000 /* of them without waiting; then a millisecond each: the kernel has timers of its own */
#define MANY       40

static struct chatroom_transport_port port;
static struct ws_client *clients[MANY];
static size_t client_count;
static size_t descriptors;     /* before the transport was made */
static size_t own_descriptors; /* of the transport, without connections */
static unsigned threads;

static struct {
    size_t messages;
    size_t messages_in_step; /* the most in one */
    size_t closed;
    uint16_t code;
    enum chatroom_party by;
    char events[1024]; /* names of log events, each followed by a blank */
    char target[5000];
    char reason[124];
    char source_ip[64];
    bool echo;
    bool hold; /* openings are not answered */
} heard;

/* A member of a group, until its connection is closed. */
static struct {
    chatroom_connection *connection;
    void *group;
    struct chatroom_seat seat;
} member;

/* ---- where connections come from --------------------------------------------------------------------------------- */

static in_addr_t pretended; /* the source of all that come, in network order; 0: as it is */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    int got = __real_accept4(fd, address, size, flags);

    if (got >= 0 && address && pretended)
        ((struct sockaddr_in *)address)->sin_addr.s_addr = pretended;
    return got;
}

/* ---- both sides -------------------------------------------------------------------------------------------------- */

static void on_opening(struct chatroom_connection *connection, const struct chatroom_request_head *head)
{
    snprintf(heard.target, sizeof heard.target, "%.*s", (int)head->target.size, head->target.bytes);
    snprintf(heard.source_ip, sizeof heard.source_ip, "%.*s", (int)head->source_ip.size, head->source_ip.bytes);
    if (!heard.hold)
        port_accept(connection);
}

static void on_message(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    heard.messages++;
    if (heard.echo)
        port_send(connection, kind, message);
}

static void note_reason(chatroom_span reason)
{
    snprintf(heard.reason, sizeof heard.reason, "%.*s", (int)reason.size, reason.bytes);
}

static void on_closed(struct chatroom_connection *connection, uint16_t code, chatroom_span reason,
                      enum chatroom_party by)
{
    note_reason(reason);
    if (member.connection == connection)
        port.transport.ops->group_remove(port.transport.self, member.group, connection->peer, &member.seat);
    heard.closed++;
    heard.code = code;
    heard.by = by;
}

static void on_log(struct chatroom_transport_port *of, const char *event, const struct chatroom_log_field *fields,
                   size_t count)
{
    size_t size = strlen(heard.events);

    (void)of;
    (void)fields;
    (void)count;
    snprintf(heard.events + size, sizeof heard.events - size, "%s ", event);
}

/* A node that says when a worker has taken it. */
struct probe {
    struct ws_node node;
    atomic_bool taken;
};

static void take_probe(struct ws_node *node)
{
    atomic_store(&((struct probe *)node)->taken, true);
}

static void probe(struct ws_worker *worker)
{
    struct probe probe = {.taken = false};

    ws_post(worker, &probe.node, take_probe, 1);
    ws_worker_flush(worker);
    while (!atomic_load(&probe.taken))
        sched_yield();
}

/* Each worker has done all of a turn that began after the call: when it takes the second probe, that turn is over. */
static void let_workers_work(void)
{
    struct ws_threaded *t = port.transport.self;

    for (unsigned i = 0; i < 3 * threads; i++)
        probe(&t->workers[i % threads]);
}

static void turn_waiting(int wait_ms)
{
    size_t before = heard.messages;

    let_workers_work();
    port_turn(&port, wait_ms);
    let_workers_work();
    if (heard.messages - before > heard.messages_in_step)
        heard.messages_in_step = heard.messages - before;
    for (size_t i = 0; i < client_count; i++)
        ws_client_work(clients[i]);
}

static void turn(void)
{
    turn_waiting(0);
}

#define UNTIL(condition)                                                   \
    do {                                                                   \
        bool holds = (condition); /* once a turn: it may take something */ \
        for (int turns = 0; !holds && turns < TURNS_MOST; turns++) {       \
            turn_waiting(turns < TURNS_FAST ? 0 : 1);                      \
            holds = (condition);                                           \
        }                                                                  \
        if (!holds)                                                        \
            fail_msg("in vain: %s", #condition);                           \
    } while (0)

static void some_turns(void)
{
    for (int i = 0; i < 10; i++)
        turn();
}

/* What is on its way arrives before the time passes. */
static void pass_ms(uint64_t ms)
{
    some_turns();
    port.skew_ns += ms * 1000000;
    some_turns();
}

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static struct chatroom_ws_epoll_options usual(void)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    return options;
}

static void start(const struct chatroom_ws_epoll_options *options)
{
    struct chatroom_error error = {0};

    descriptors = count_descriptors();
    memset(&heard, 0, sizeof heard);
    port = (struct chatroom_transport_port){
        .opening = on_opening, .message = on_message, .closed = on_closed, .log = on_log};
    client_count = 0;
    assert_int_equal(chatroom_ws_epoll(options, &port.transport, &error), CHATROOM_OK);
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, &error), CHATROOM_OK);
    own_descriptors = count_descriptors() - descriptors;
}

static void finish(void)
{
    while (client_count > 0)
        ws_client_free(clients[--client_count]);
    port.transport.ops->close_all(port.transport.self);
    assert_int_equal(port.count, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

static struct ws_client *connect_to(size_t listener)
{
    char address[WS_LISTEN_TEXT_MOST];

    assert_int_equal(chatroom_ws_epoll_address(&port.transport, listener, address, sizeof address), CHATROOM_OK);
    clients[client_count] = ws_client_new(address);
    assert_non_null(clients[client_count]);
    return clients[client_count++];
}

static struct ws_client *open_client(void)
{
    struct ws_client *client = connect_to(0);

    ws_client_put_request(client, "/", "");
    UNTIL(client->status == 101);
    return client;
}

static struct ws_connection *connection_of_the_newest(void)
{
    return port.connections->peer;
}

static void put_text(struct ws_client *client, const char *text)
{
    ws_client_put(client, text, strlen(text));
}

/* The Close of the server's, behind anything else. */
static void expect_going_away(struct ws_client *client)
{
    chatroom_span payload = {NULL, 0};
    uint8_t first = 0;

    while (first != (0x80 | WS_CLOSE_FRAME))
        UNTIL(ws_client_take(client, &first, &payload));
    assert_int_equal(client->close_code, 1001);
    assert_true(chatroom_span_equal(chatroom_bytes(payload.bytes + 2, payload.size - 2), chatroom_str("Going away")));
}

/* The next frame of the server's. */
static void expect(struct ws_client *client, uint8_t first, const char *payload)
{
    chatroom_span got = {NULL, 0};
    uint8_t got_first = 0;

    UNTIL(ws_client_take(client, &got_first, &got));
    assert_int_equal(got_first, first);
    assert_int_equal(got.size, strlen(payload));
    assert_memory_equal(got.bytes, payload, got.size);
}

static void expect_close(struct ws_client *client, uint16_t code)
{
    chatroom_span payload;
    uint8_t first;

    while (client->close_code == 0)
        UNTIL(ws_client_take(client, &first, &payload));
    assert_int_equal(client->close_code, code);
}

static void expect_end(struct ws_client *client)
{
    UNTIL(client->ended);
    assert_false(client->reset);
}

/* ---- HTTP -------------------------------------------------------------------------------------------------------- */

static const struct chatroom_ws_file files[] = {
    {"/", "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'self'\r\n", "<p>hello", 8},
    {"/empty.js", "Content-Type: text/javascript\r\n", "", 0},
};

/* What a request gets: the status; the rest is in client->head and client->in, and the connection has ended. */
static struct ws_client *ask(const char *line, const char *fields)
{
    struct ws_client *client = connect_to(0);
    char text[4096];

    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", line, fields);
    put_text(client, text);
    expect_end(client);
    return client;
}

static void http__files_health_and_refusals(void **state)
{
    static const struct {
        const char *line, *fields;
        int status;
        const char *header, *body;
    } table[] = {
        {"GET /", "", 200, "Content-Type: text/html; charset=utf-8\r\n", "<p>hello"},
        {"GET /?x=1", "", 200, "Content-Security-Policy: default-src 'self'\r\n", "<p>hello"},
        {"HEAD /", "", 200, "Content-Length: 8\r\n", ""},
        {"GET /empty.js", "", 200, "Content-Length: 0\r\n", ""},
        {"GET /health", "", 200, "Content-Type: application/json\r\n", "{\"status\":\"ok\"}"},
        {"HEAD /health", "", 200, "Content-Length: 15\r\n", ""},
        {"POST /", "", 405, "Allow: GET, HEAD\r\n", NULL},
        {"PUT /health", "Content-Length: 3\r\n", 405, "Allow: GET, HEAD\r\n", NULL},
        {"GET /", "Content-Length: 3\r\n", 400, "", NULL},
        {"GET /", "Transfer-Encoding: chunked\r\n", 501, "", NULL},
        {"GET /", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400, "", NULL},
        {"GET /nothing", "", 404, "Content-Type: application/json\r\n", "{\"message\":\"There is nothing here.\"}"},
        {"HEAD /nothing", "", 404, "", ""},
        {"POST /nothing", "", 404, "", NULL},
        {"GET /../etc/passwd", "", 404, "", NULL},
        {"GET /empty.js/", "", 404, "", NULL},
        {"GET /socket", "", 426, "Upgrade: websocket\r\n", NULL},
        {"GET /socket?a", "", 426, "Sec-WebSocket-Version: 13\r\n", NULL},
        {"POST /socket", "", 405, "Allow: GET\r\n", NULL},
        {"GET /other", "Sec-WebSocket-Key: x\r\n", 426, "Connection: close, Upgrade\r\n", NULL},
        {"GET /", "Upgrade: websocket\r\n", 400, "", NULL},
        {"BREW /", "Upgrade: websocket\r\n", 405, "Allow: GET\r\n", NULL},
    };
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    options.files = files;
    options.file_count = 2;
    options.upgrade_path = "/socket";
    start(&options);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct ws_client *client = ask(table[i].line, table[i].fields);

        if (client->status != table[i].status || !strstr(client->head, table[i].header))
            fail_msg("%s: %s", table[i].line, client->head);
        assert_non_null(strstr(client->head, "X-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(client->head, "Connection: close"));
        if (table[i].body) {
            assert_int_equal(client->in_size, strlen(table[i].body));
            assert_memory_equal(client->in ? client->in : "", table[i].body, client->in_size);
        }
    }
    assert_int_equal(heard.target[0], '\0'); /* the core heard of none of them */
    finish();
}

static void http__answer_of_the_core_is_passed_on(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    start(&options);
    heard.hold = true;
    client = connect_to(0);
    ws_client_put_request(client, "/x?token=y", "");
    UNTIL(port.count == 1);
    assert_string_equal(heard.target, "/x?token=y");
    assert_string_equal(heard.source_ip, "127.0.0.1");
    port_refuse(port.connections, 403, "ForbiddenException", "{\"message\":\"Forbidden\"}");
    expect_end(client);
    assert_int_equal(client->status, 403);
    assert_non_null(strstr(client->head, "x-amzn-ErrorType: ForbiddenException\r\n"));
    assert_memory_equal(client->in, "{\"message\":\"Forbidden\"}", client->in_size);
    finish();
}

static void T30_octets_behind_a_refused_upgrade_are_never_read_as_another(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    start(&options);
    client = connect_to(0);
    ws_client_put_request(client, "/", "Origin: http://evil.example\r\n");
    ws_client_put_request(client, "/", "");
    expect_end(client);
    assert_int_equal(client->status, 403);
    assert_null(memmem(client->in, client->in_size, "HTTP/1.1", 8));
    finish();
}

static void accept_with_subprotocol(const char *offered, const char *chosen, const char *line)
{
    const struct chatroom_answer answer = {.status = 101, .subprotocol = chatroom_str(chosen)};
    struct ws_client *client = connect_to(0);

    ws_client_put_request(client, "/", offered);
    UNTIL(port.count == 1);
    port.transport.ops->accept(port.transport.self, port.connections->peer, &answer);
    UNTIL(client->status == 101);
    if (line)
        assert_non_null(strstr(client->head, line));
    else
        assert_null(strstr(client->head, "Sec-WebSocket-Protocol"));
    ws_client_cut(client);
    UNTIL(port.count == 0);
}

static void T31_subprotocol_is_named_if_it_is_a_token(void **state)
{
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    start(&options);
    heard.hold = true;
    accept_with_subprotocol("Sec-WebSocket-Protocol: a, chat\r\n", "chat", "Sec-WebSocket-Protocol: chat\r\n");
    accept_with_subprotocol("Sec-WebSocket-Protocol: a, chat\r\n", "other", "Sec-WebSocket-Protocol: other\r\n");
    accept_with_subprotocol("Sec-WebSocket-Protocol: a, chat\r\n", "", NULL);
    accept_with_subprotocol("", "a chat", NULL);
    accept_with_subprotocol("Sec-WebSocket-Protocol: a\r\n", "a\r\nX-Evil: 1", NULL);
    finish();
}

static void opening__frames_sent_too_early_wait_for_the_answer(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    start(&options);
    heard.hold = heard.echo = true;
    client = connect_to(0);
    ws_client_put_request(client, "/", "");
    for (int i = 0; i < 3000; i++)
        ws_client_put_frame(client, 0x80 | WS_TEXT, "early", 5);
    UNTIL(port.count == 1);
    some_turns();
    assert_int_equal(heard.messages, 0);
    port_accept(port.connections);
    for (int i = 0; i < 3000; i++)
        expect(client, 0x80 | WS_TEXT, "early");
    finish();
}

/* ---- deadlines --------------------------------------------------------------------------------------------------- */

static void T02_trickled_handshake_ends_at_the_deadline(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *silent, *slow;

    (void)state;
    start(&options);
    silent = connect_to(0);
    slow = connect_to(0);
    for (int i = 0; i < 9; i++) {
        put_text(slow, "G");
        pass_ms(1000);
        assert_false(silent->ended || slow->ended);
    }
    pass_ms(1100);
    expect_end(silent);
    expect_end(slow);
    assert_int_equal(silent->status, 0);
    assert_int_equal(slow->status, 408);
    finish();
}

static void T05_message_must_end_in_time_whatever_stands_between(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *fragments, *header;

    (void)state;
    start(&options);
    fragments = open_client();
    header = open_client();
    ws_client_put_frame(fragments, WS_TEXT, "a", 1);
    ws_client_put(header, "\x81", 1);
    for (int i = 0; i < 9; i++) {
        ws_client_put_frame(fragments, WS_CONTINUATION, "b", 1);
        ws_client_put_frame(fragments, 0x80 | WS_PING_FRAME, "p", 1);
        pass_ms(1000);
        expect(fragments, 0x80 | WS_PONG_FRAME, "p");
    }
    pass_ms(1100);
    expect_close(fragments, 1008);
    expect_close(header, 1008);
    assert_int_equal(heard.closed, 2);
    assert_int_equal(heard.by, CHATROOM_BY_SERVER);
    finish();
}

static void F31_ping_asks_for_a_sign_of_life_and_ends_without_one(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *dead, *alive;

    (void)state;
    start(&options);
    dead = open_client();
    alive = open_client();
    pass_ms(24000);
    assert_int_equal(dead->in_size, 0);
    pass_ms(1100);
    expect(dead, 0x80 | WS_PING_FRAME, "");
    expect(alive, 0x80 | WS_PING_FRAME, "");
    ws_client_put_frame(alive, 0x80 | WS_PONG_FRAME, "", 0);
    some_turns();
    pass_ms(8000);
    assert_int_equal(heard.closed, 0);
    pass_ms(2100); /* F31: 36 s after it was heard of last */
    assert_int_equal(heard.closed, 1);
    assert_int_equal(heard.code, 1006);
    assert_int_equal(heard.by, CHATROOM_BY_NETWORK);
    assert_true(dead->ended);
    assert_false(alive->ended);
    finish();
}

/* What the peers sent while the server stood still, a minute, is looked at before what is due by the clock. */
static void F41_a_pause_times_out_nobody_who_went_on(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *quiet[20], *dead, *fragments, *late;

    (void)state;
    start(&options);
    dead = open_client();
    for (size_t i = 0; i < 20; i++)
        quiet[i] = open_client();
    pass_ms(25100);
    for (size_t i = 0; i < 20; i++)
        expect(quiet[i], 0x80 | WS_PING_FRAME, "");
    fragments = open_client();
    ws_client_put_frame(fragments, WS_TEXT, "a", 1);
    late = connect_to(0);
    put_text(late, "GET /");
    some_turns();
    for (size_t i = 0; i < 20; i++)
        ws_client_put_frame(quiet[i], 0x80 | WS_PONG_FRAME, "", 0);
    ws_client_put_frame(fragments, 0x80 | WS_CONTINUATION, "b", 1);
    put_text(late, " HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < client_count; i++)
        ws_client_work(clients[i]);
    port.skew_ns += UINT64_C(60000) * 1000000;
    some_turns();
    pass_ms(1000);
    UNTIL(late->status == 404);
    assert_int_equal(heard.messages, 1);
    assert_int_equal(heard.closed, 1);
    assert_true(dead->ended);
    finish();
}

static void idle__is_without_messages_pings_do_not_help(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    options.idle_ms = 60000;
    start(&options);
    client = open_client();
    for (int i = 0; i < 5; i++) {
        pass_ms(11000);
        ws_client_put_frame(client, 0x80 | WS_PONG_FRAME, "", 0);
        some_turns();
    }
    ws_client_put_frame(client, 0x80 | WS_TEXT, "a", 1);
    some_turns();
    pass_ms(55000);
    assert_int_equal(heard.closed, 0);
    pass_ms(5100);
    expect_close(client, 1001);
    finish();
}

static void life__ends_at_its_age(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    options.life_ms = 7200000;
    options.ping_ms = 0;
    start(&options);
    client = open_client();
    pass_ms(7199000);
    assert_int_equal(heard.closed, 0);
    pass_ms(1100);
    expect_close(client, 1001);
    finish();
}

static void close__waits_for_the_answer_no_longer_than_told(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    start(&options);
    client = open_client();
    port_close(port.connections, 4000, "bye");
    expect_close(client, 4000);
    ws_client_put_frame(client, 0x80 | WS_TEXT, "on its way", 10);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "", 0);
    some_turns();
    assert_int_equal(heard.messages, 0);
    assert_int_equal(heard.closed, 0);
    pass_ms(1100);
    assert_int_equal(heard.closed, 1);
    assert_int_equal(heard.code, 4000);
    assert_true(client->ended);
    finish();
}

static void deadline__is_exact_enough_not_to_spin(void **state)
{
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    start(&options);
    for (int i = 0; i < 10; i++)
        open_client();
    for (int i = 0; i < 200;
         i++) { /* 200 deadlines: each leads to the next, and there are no more than the pings make */
        uint64_t due = port.transport.ops->deadline(port.transport.self);

        if (due == CHATROOM_NEVER)
            break;
        assert_true(due > port.now.mono_ns);
        port.skew_ns += due - port.now.mono_ns;
        some_turns();
    }
    assert_int_equal(heard.closed, 10); /* nobody answered a ping */
    assert_true(port.transport.ops->deadline(port.transport.self) == CHATROOM_NEVER);
    finish();
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void T08_ping_flood_is_closed_and_ten_a_second_are_not(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *flood, *steady;

    (void)state;
    start(&options);
    flood = open_client();
    steady = open_client();
    flood->reading = false;
    for (int i = 0; i < 1000; i++)
        ws_client_put_frame(flood, 0x80 | WS_PING_FRAME, "flood", 5);
    for (int i = 0; i < 100; i++) {
        ws_client_put_frame(steady, 0x80 | WS_PING_FRAME, "steady", 6);
        pass_ms(100);
        expect(steady, 0x80 | WS_PONG_FRAME, "steady");
    }
    assert_int_equal(heard.closed, 1);
    assert_int_equal(heard.code, 1008);
    flood->reading = true;
    for (int i = 0; i < WS_PONGS_MOST; i++)
        expect(flood, 0x80 | WS_PONG_FRAME, "flood");
    expect_close(flood, 1008);
    finish();
}

static void T09_one_step_takes_no_more_than_a_turn(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *flood, *other;

    (void)state;
    start(&options);
    other = open_client();
    flood = open_client();
    for (int i = 0; i < 20000; i++)
        ws_client_put_frame(flood, 0x80 | WS_TEXT, "", 0);
    ws_client_put_frame(other, 0x80 | WS_TEXT, "", 0);
    UNTIL(heard.messages == 20001);
    if (threads == 0) /* else it is a worker's turn, and a step hears of several */
        assert_in_range(heard.messages_in_step, WS_TURN_FRAMES, WS_TURN_FRAMES + 1);
    finish();
}

static void F30_hard_limit_resets_and_says_so(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;
    static char text[65536];
    int rc = CHATROOM_OK;

    (void)state;
    start(&options);
    client = open_client();
    client->reading = false;
    for (int i = 0; i < 100 && rc == CHATROOM_OK && heard.closed == 0; i++) {
        rc = port_send(port.connections, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text));
        if (rc == CHATROOM_OK)
            turn();
    }
    if (threads == 0) { /* else it is the worker that finds out */
        assert_int_equal(rc, CHATROOM_EAGAIN);
        assert_int_equal(port_send(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_str("x")), CHATROOM_EGONE);
        assert_int_equal(heard.closed, 0);
    }
    some_turns();
    assert_int_equal(heard.closed, 1);
    assert_int_equal(heard.code, 1006);
    assert_int_equal(heard.by, CHATROOM_BY_NETWORK);
    assert_non_null(strstr(heard.events, "slow_consumer "));
    client->reading = true;
    UNTIL(client->ended);
    assert_true(client->reset);
    finish();
}

static void F30_much_in_one_step_is_no_slow_reader(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;
    static char text[2000];

    (void)state;
    options.queue_bytes = 2 * sizeof text + 1000;
    start(&options);
    client = open_client();
    for (int i = 0; i < 20; i++)
        assert_int_equal(port_send(port.connections, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text)),
                         CHATROOM_OK);
    UNTIL(client->in_size >= 20 * sizeof text);
    assert_int_equal(heard.closed, 0);
    finish();
}

static void F30_soft_limit_gives_time_to_catch_up(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *stuck, *late;
    static char text[65536];

    (void)state;
    options.queue_bytes = 16 * 1048576;
    start(&options);
    stuck = open_client();
    late = open_client();
    stuck->reading = late->reading = false;
    for (struct chatroom_connection *c = port.connections; c; c = c->next)
        for (int i = 0; i < 200; i++) /* more than the kernel takes */
            assert_int_equal(port_send(c, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text)), CHATROOM_OK);
    some_turns();
    pass_ms(5000); /* the other half of the limit is for a slow machine: its time counts too */
    assert_int_equal(heard.closed, 0);
    late->reading = true;
    UNTIL(late->in_size > 200 * sizeof text);
    assert_int_equal(heard.closed, 0);
    pass_ms(5100);
    assert_int_equal(heard.closed, 1);
    assert_non_null(strstr(heard.events, "slow_consumer "));
    assert_false(late->ended);
    finish();
}

/* A slow reader who caught up during a pause is none. */
static void F41_a_pause_resets_no_reader_who_caught_up(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;
    static char text[65536];

    (void)state;
    options.ping_ms = 0;
    start(&options);
    client = open_client();
    client->reading = false;
    while (ws_queue_empty(&connection_of_the_newest()->out)) {
        assert_int_equal(port_send(port.connections, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text)),
                         CHATROOM_OK);
        some_turns();
    }
    client->reading = true;
    for (int i = 0; i < 100; i++)
        ws_client_work(client);
    port.skew_ns += UINT64_C(60000) * 1000000;
    some_turns();
    assert_int_equal(heard.closed, 0);
    UNTIL(ws_queue_empty(&connection_of_the_newest()->out));
    finish();
}

/* Below the soft limit, but nothing of it is read. */
static void F30_who_takes_nothing_is_reset_after_a_while(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;
    static char text[65536];

    (void)state;
    options.ping_ms = 0;
    start(&options);
    client = open_client();
    client->reading = false;
    while (ws_queue_empty(&connection_of_the_newest()->out)) {
        assert_int_equal(port_send(port.connections, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text)),
                         CHATROOM_OK);
        some_turns();
    }
    assert_in_range(connection_of_the_newest()->out.charge, 1, options.queue_soft_bytes);
    pass_ms(9900);
    assert_int_equal(heard.closed, 0);
    pass_ms(200);
    assert_int_equal(heard.closed, 1);
    assert_non_null(strstr(heard.events, "slow_consumer "));
    finish();
}

static void F22_output_of_all_together_is_bounded_and_who_has_most_goes(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *greedy, *modest;
    struct chatroom_connection *most, *less;
    static char text[65536];
    int rc = CHATROOM_OK;

    (void)state;
    options.queue_bytes = options.queue_soft_bytes = 64 * 1048576;
    options.output_bytes = 1048576;
    start(&options);
    modest = open_client();
    less = port.connections;
    greedy = open_client();
    most = port.connections;
    greedy->reading = modest->reading = false;
    while (rc == CHATROOM_OK && ws_queue_empty(&((struct ws_connection *)less->peer)->out)) {
        rc = port_send(less, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text));
        turn();
    }
    for (int i = 0; i < 1000 && rc == CHATROOM_OK && heard.closed == 0; i++) {
        rc = port_send(most, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text));
        turn();
    }
    some_turns();
    assert_int_equal(heard.closed, 1);
    assert_ptr_equal(port.connections, less);
    assert_null(less->next);
    assert_non_null(strstr(heard.events, "slow_consumer "));
    finish();
}

static void F30_member_of_a_group_that_does_not_read_goes_alone(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *stuck, *healthy;
    const struct chatroom_transport_ops *ops;
    struct chatroom_seat seat;
    static char text[20000];
    chatroom_frame *frame = chatroom_frame_new(NULL, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text), 0);
    void *group;
    size_t sent = 0;

    (void)state;
    start(&options);
    ops = port.transport.ops;
    assert_int_equal(ops->group_new(port.transport.self, &group), CHATROOM_OK);
    stuck = open_client();
    member.connection = port.connections;
    member.group = group;
    assert_int_equal(ops->group_add(port.transport.self, group, port.connections->peer, &member.seat), CHATROOM_OK);
    healthy = open_client();
    assert_int_equal(ops->group_add(port.transport.self, group, port.connections->peer, &seat), CHATROOM_OK);
    stuck->reading = false;
    while (heard.closed == 0 && sent < 1000) {
        for (int i = 0; i < 5; i++, sent++) /* more than one tape takes */
            ops->group_send(port.transport.self, group, frame);
        some_turns();
        if (heard.closed == 0 && threads == 0)
            assert_in_range(((struct ws_connection *)port.connections->next->peer)->out.charge, 0, options.queue_bytes);
    }
    assert_int_equal(heard.closed, 1);
    assert_non_null(strstr(heard.events, "slow_consumer "));
    UNTIL(healthy->in_size >= sent * (sizeof text + 4));
    assert_false(healthy->ended);
    member.connection = NULL;
    ops->group_remove(port.transport.self, group, port.connections->peer, &seat);
    chatroom_frame_unref(frame);
    ops->group_free(port.transport.self, group);
    finish();
}

static void T12_connects_beyond_the_rate_are_told_to_come_again(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    options.connects_per_second = 1;
    options.connects_burst = 3;
    start(&options);
    for (int i = 0; i < 3; i++)
        open_client();
    client = connect_to(0);
    ws_client_put_request(client, "/", "");
    expect_end(client);
    assert_int_equal(client->status, 429);
    assert_non_null(strstr(client->head, "Retry-After: "));
    assert_non_null(strstr(heard.events, "refused_opening "));
    pass_ms(1100);
    open_client();
    finish();
}

static void expect_refusal(unsigned status)
{
    struct ws_client *client = connect_to(0);

    ws_client_put_request(client, "/", "");
    expect_end(client);
    assert_int_equal(client->status, status);
    assert_non_null(strstr(client->head, "Retry-After: "));
}

static void T35_connects_of_one_address_beyond_its_rate_are_refused_and_cost_others_nothing(void **state)
{
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    options.connects_per_second = 1;
    options.connects_burst = 3;
    options.address_connects_per_second = 1;
    options.address_connects_burst = 2;
    start(&options);
    pretended = inet_addr("192.0.2.1");
    open_client();
    open_client();
    for (int i = 0; i < 5; i++)
        expect_refusal(429);
    pretended = inet_addr("192.0.2.2");
    open_client(); /* all together had one left */
    pass_ms(1100);
    pretended = inet_addr("192.0.2.1");
    open_client();
    pretended = 0;
    finish();
}

static void T35_connections_of_one_address_are_bounded(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *first;

    (void)state;
    options.address_connections = 2;
    start(&options);
    pretended = inet_addr("192.0.2.1");
    first = open_client();
    open_client();
    expect_refusal(429);
    ws_client_cut(first);
    UNTIL(heard.closed == 1);
    open_client();
    pretended = 0;
    finish();
}

static void T02_unfinished_handshakes_are_bounded(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client, *waiting[3];

    (void)state;
    options.opening_most = 3;
    start(&options);
    for (int i = 0; i < 3; i++)
        waiting[i] = connect_to(0);
    some_turns();
    client = connect_to(0);
    expect_end(client);
    assert_int_equal(client->status, 503);
    assert_non_null(strstr(client->head, "Retry-After: "));
    ws_client_put_request(waiting[0], "/", "");
    UNTIL(waiting[0]->status == 101);
    open_client(); /* there is room again */
    finish();
}

static void F21_without_descriptors_accepting_pauses_and_goes_on(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct rlimit before, few;
    struct ws_client *client;

    (void)state;
    start(&options);
    client = open_client();
    heard.echo = true;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 5; i++)
        ws_client_put_request(connect_to(0), "/", "");
    few = before;
    few.rlim_cur = (rlim_t)clients[client_count - 1]->fd + 1; /* all that are lower are in use */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    some_turns();
    assert_non_null(strstr(heard.events, "accept_paused "));
    assert_true(port.transport.ops->deadline(port.transport.self) > port.now.mono_ns); /* it does not spin */
    ws_client_put_frame(client, 0x80 | WS_TEXT, "alive", 5);
    expect(client, 0x80 | WS_TEXT, "alive");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    pass_ms(150);
    UNTIL(clients[client_count - 1]->status == 101);
    finish();
}

static size_t count_events(const char *name)
{
    size_t count = 0;

    for (const char *at = heard.events; (at = strstr(at, name)); at += strlen(name))
        count++;
    return count;
}

static void F21_shortage_is_told_when_it_begins_and_when_it_is_over(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct rlimit before, few;

    (void)state;
    start(&options);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 30; i++) /* more than find an end at the reserve */
        connect_to(0);
    few = before;
    few.rlim_cur = (rlim_t)clients[client_count - 1]->fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 20; i++)
        pass_ms(110);
    assert_int_equal(count_events("accept_paused "), 1);
    assert_int_equal(count_events("accept_resumed "), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    pass_ms(110);
    assert_int_equal(count_events("accept_resumed "), 0); /* it might begin again at once */
    assert_true(port.transport.ops->deadline(port.transport.self) <= port.now.mono_ns + 1000000000);
    pass_ms(1000);
    assert_int_equal(count_events("accept_paused "), 1);
    assert_int_equal(count_events("accept_resumed "), 1);
    pass_ms(5000);
    assert_int_equal(count_events("accept_resumed "), 1);
    finish();
}

static void connection__is_small_and_inherits_its_socket_options(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    int value = 0, fd;
    socklen_t size = sizeof value;

    (void)state;
    start(&options);
    open_client();
    fd = connection_of_the_newest()->fd;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    assert_int_not_equal(value, 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &size), 0);
    assert_int_equal(value, 16384);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &size), 0);
    assert_in_range(value, 65536, 2 * 65536);
    assert_in_range(sizeof(struct ws_connection), 0, 224);
    assert_null(connection_of_the_newest()->held);
    assert_null(connection_of_the_newest()->in.partial);
    assert_null(connection_of_the_newest()->out.tail);
    finish();
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

static void close__of_ours_is_not_lost_while_the_peer_goes_on_sending(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    static char text[65536];
    struct ws_client *client;

    (void)state;
    start(&options);
    client = open_client();
    client->reading = false;
    ws_client_put_frame(client, 0x83, "reserved", 8);
    for (int i = 0; i < 10; i++)
        ws_client_put_frame(client, 0x80 | WS_BINARY, text, sizeof text);
    UNTIL(client->out_size == 0 && heard.closed == 1);
    assert_int_equal(heard.messages, 0);
    assert_int_equal(heard.code, 1002);
    assert_int_equal(heard.by, CHATROOM_BY_SERVER);
    assert_non_null(strstr(heard.events, "protocol_error "));
    client->reading = true;
    expect_close(client, 1002);
    expect_end(client);
    finish();
}

/* That the transport has not closed. */
static size_t connections(void)
{
    size_t count = count_descriptors() - descriptors - own_descriptors;

    for (size_t i = 0; i < client_count; i++)
        count -= clients[i]->fd >= 0;
    return count;
}

static void close__draining_ends_after_so_many_octets_or_so_long(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    static char text[65536];
    struct ws_client *client;

    (void)state;
    start(&options);
    client = open_client();
    ws_client_put_frame(client, 0x83, "reserved", 8);
    expect_close(client, 1002);
    expect_end(client);
    assert_int_equal(connections(), 1);
    for (int i = 0; i < 40; i++)
        ws_client_put_frame(client, 0x80 | WS_BINARY, text, sizeof text);
    UNTIL(connections() == 0);
    client = open_client();
    ws_client_put_frame(client, 0x83, "reserved", 8);
    expect_end(client);
    pass_ms(900);
    assert_int_equal(connections(), 1);
    pass_ms(200);
    assert_int_equal(connections(), 0);
    finish();
}

static void close__server_ends_tcp_first(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    start(&options);
    client = open_client();
    ws_client_put_frame(client, 0x80 | WS_CLOSE_FRAME, "\x03\xe8", 2);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "", 0);
    expect_close(client, 1000);
    expect_end(client); /* without having ended its own side */
    assert_int_equal(client->in_size, 0);
    assert_int_equal(heard.by, CHATROOM_BY_CLIENT);
    finish();
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

static void listener__all_families_at_once(void **state)
{
    char folder[] = "/tmp/ws_epoll.XXXXXX", path[64];
    struct chatroom_ws_epoll_options options = usual();
    const char *addresses[3] = {"127.0.0.1:0", "[::1]:0", path};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "unix:%s/socket", folder);
    options.listen = addresses;
    options.listen_count = 3;
    start(&options);
    for (size_t i = 0; i < 3; i++) {
        struct ws_client *client = connect_to(i);

        ws_client_put_request(client, "/", "");
        UNTIL(client->status == 101);
        assert_string_equal(heard.source_ip, i == 0 ? "127.0.0.1" : i == 1 ? "::1" : "");
    }
    port.transport.ops->stop(port.transport.self);
    assert_int_not_equal(access(path + 5, F_OK), 0);
    assert_int_equal(rmdir(folder), 0);
    finish();
}

static int try_listen(const char *address, struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options options = usual();
    struct chatroom_transport transport;
    int rc;

    options.listen = &address;
    rc = chatroom_ws_epoll(&options, &transport, error);
    if (rc)
        return rc;
    rc = transport.ops->open(transport.self, &port, error);
    transport.ops->close_all(transport.self);
    return rc;
}

static void listener__stale_socket_file_is_replaced_a_live_one_is_not(void **state)
{
    char folder[] = "/tmp/ws_epoll.XXXXXX", path[64];
    struct chatroom_ws_epoll_options options = usual();
    union ws_socket_address address;
    struct chatroom_error error;
    const char *only = path;
    socklen_t size;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "unix:%s/socket", folder);
    size = ws_listen_parse(path, &address);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &address.any, size), 0);
    close(fd); /* its file stays */
    options.listen = &only;
    start(&options);
    assert_int_equal(try_listen(path, &error), CHATROOM_EADDRINUSE);
    assert_int_equal(access(path + 5, F_OK), 0);
    open_client();
    finish();
    fd = creat(path + 5, 0600); /* not a socket: it is nobody's to remove */
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(try_listen(path, &error), CHATROOM_EADDRINUSE);
    assert_int_equal(unlink(path + 5), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void listener__failures_have_a_code_and_a_sentence(void **state)
{
    static const char *const bad[] = {
        "",         "127.0.0.1",    "127.0.0.1:",      "127.0.0.1:x", "127.0.0.1:65536", "localhost:1",
        "[::1]",    "[::1:80",      "::1:80",          ":80",         "unix:",           "127.0.0.1:-1",
        "1.2.3:80", "[1.2.3.4]:80", "127.0.0.1:080000"};
    struct chatroom_ws_epoll_options options = usual();
    struct chatroom_error error = {0};
    char address[64];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(try_listen(bad[i], &error), CHATROOM_EINVAL);
        assert_non_null(strstr(error.text, bad[i]));
    }
    assert_int_equal(try_listen("192.0.2.1:0", &error), CHATROOM_EADDRNOTAVAIL);
    assert_string_equal(error.text, "Cannot listen on 192.0.2.1:0: it is not an address of this machine.");
    assert_int_equal(try_listen("unix:/nowhere/at/all", &error), CHATROOM_EADDRNOTAVAIL);
    start(&options);
    assert_int_equal(chatroom_ws_epoll_address(&port.transport, 0, address, sizeof address), CHATROOM_OK);
    assert_int_equal(try_listen(address, &error), CHATROOM_EADDRINUSE);
    assert_non_null(strstr(error.text, address));
    assert_int_equal(chatroom_ws_epoll_address(&port.transport, 0, address, 5), CHATROOM_ETOOBIG);
    assert_int_equal(chatroom_ws_epoll_address(&port.transport, 1, address, sizeof address), CHATROOM_ENOENT);
    finish();
}

static void options__that_make_no_sense_are_named(void **state)
{
    static const char *const origins[] = {"*", "https://a"}, *const bad[] = {"chat.example"};
    static const struct chatroom_ws_file wrong[] = {{"page", NULL, "", 0}, {"/page", "Content-Type: x", "", 0}};
    struct chatroom_ws_epoll_options options = usual();
    struct chatroom_transport transport;
    struct chatroom_error error;

    (void)state;
    options.message_bytes = 0;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    assert_string_equal(error.text, "message_bytes must not be 0.");
    options = usual();
    options.queue_bytes = (size_t)1 << 30;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    assert_string_equal(error.text, "queue_bytes must be less than 1 GiB.");
    options = usual();
    options.message_bytes = 0;
    options = usual();
    options.listen_count = 0;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    options = usual();
    options.origins = origins;
    options.origin_count = 2;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    options.origin_count = 1;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_OK);
    transport.ops->close_all(transport.self); /* without having been opened */
    options.origins = bad;
    assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    for (size_t i = 0; i < 2; i++) {
        options = usual();
        options.files = &wrong[i];
        options.file_count = 1;
        assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
    }
}

static void options__of_null_are_named(void **state)
{
    static const char *const none[] = {NULL};
    struct chatroom_transport transport;
    struct chatroom_error error;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct chatroom_ws_epoll_options options = usual();

        switch (i) {
        case 0:
            options.listen = NULL;
            break;
        case 1:
            options.listen = none;
            options.listen_count = 1;
            break;
        case 2:
            options.origin_count = 1;
            break;
        case 3:
            options.origins = none;
            options.origin_count = 1;
            break;
        case 4:
            options.file_count = 1;
            break;
        default:
            options.size = 0;
        }
        assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
        assert_true(strlen(error.text) > 10);
    }
}

static void options__of_the_cloud_service(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;
    static char text[32769];

    (void)state;
    chatroom_ws_epoll_aws(&options);
    start(&options);
    client = open_client();
    ws_client_put_frame(client, 0x80 | WS_BINARY, text, 32768);
    UNTIL(heard.messages == 1);
    ws_client_put_frame(client, 0x80 | WS_BINARY, text, 32769);
    expect_close(client, 1009);
    client = open_client();
    pass_ms(599000);
    assert_int_equal(client->in_size, 0); /* no pings of its own */
    pass_ms(1100);
    expect_close(client, 1001);
    finish();
}

/* ---- what API Gateway does (section 10 of its sheet) ------------------------------------------------------------- */

static void start_as_aws(void)
{
    struct chatroom_ws_epoll_options options = usual();

    chatroom_ws_epoll_aws(&options);
    start(&options);
}

static void put_fragments(struct ws_client *client, size_t size)
{
    static char text[32768];

    for (uint8_t first = WS_TEXT; size > 0; first = WS_CONTINUATION) {
        size_t part = size < sizeof text ? size : sizeof text;

        memset(text, 'x', sizeof text);
        size -= part;
        ws_client_put_frame(client, first | (size == 0 ? 0x80 : 0), text, part);
    }
}

static void AGW_26_frames_of_32768_and_messages_of_131072_are_the_most(void **state)
{
    static char text[32769];
    struct ws_client *client;

    (void)state;
    start_as_aws();
    memset(text, 'x', sizeof text);
    client = open_client();
    ws_client_put_frame(client, 0x80 | WS_TEXT, text, 32768);
    UNTIL(heard.messages == 1);
    ws_client_put_frame(client, 0x80 | WS_TEXT, text, 32769);
    expect_close(client, 1009);
    client = open_client();
    put_fragments(client, 131072);
    UNTIL(heard.messages == 2);
    put_fragments(client, 131073);
    expect_close(client, 1009);
    client = open_client();
    ws_client_put_frame(client, WS_TEXT, "x", 1);
    ws_client_put_frame(client, 0x80 | WS_CONTINUATION, text, 32769); /* the limit is of each frame */
    expect_close(client, 1009);
    assert_int_equal(heard.messages, 2);
    UNTIL(heard.closed == 3);
    finish();
}

static void AGW_28_idle_ends_with_1001_and_a_message_of_either_direction_restarts_it(void **state)
{
    struct ws_client *client;

    (void)state;
    start_as_aws();
    client = open_client();
    pass_ms(599000);
    ws_client_put_frame(client, 0x80 | WS_TEXT, "up", 2);
    pass_ms(599000);
    assert_int_equal(heard.closed, 0);
    assert_int_equal(port_send(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_str("down")), CHATROOM_OK);
    pass_ms(599000);
    assert_int_equal(heard.closed, 0);
    assert_int_equal(port_offer(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_str("down")), CHATROOM_OK);
    pass_ms(599000);
    assert_int_equal(heard.closed, 0);
    assert_int_equal(heard.messages, 1);
    pass_ms(1100);
    expect_going_away(client);
    UNTIL(heard.closed == 1);
    assert_int_equal(heard.code, 1001);
    assert_string_equal(heard.reason, "Going away");
    assert_int_equal(heard.by, CHATROOM_BY_SERVER);
    finish();
}

static void AGW_28_control_frames_and_parts_of_a_message_do_not_restart_it(void **state)
{
    struct ws_client *client;
    uint64_t before;

    (void)state;
    start_as_aws();
    client = open_client();
    some_turns();
    before = port.transport.ops->active_at(port.transport.self, port.connections->peer);
    for (int i = 0; i < 59; i++) {
        pass_ms(10000);
        ws_client_put_frame(client, 0x80 | (i % 2 ? WS_PING_FRAME : WS_PONG_FRAME), "", 0);
    }
    pass_ms(5000);
    ws_client_put_frame(client, WS_TEXT, "begun", 5);
    some_turns();
    assert_int_equal(heard.closed, 0);
    assert_true(port.transport.ops->active_at(port.transport.self, port.connections->peer) == before);
    pass_ms(5100);
    expect_going_away(client);
    finish();
}

static void AGW_29_life_ends_though_it_is_busy(void **state)
{
    struct ws_client *client;

    (void)state;
    start_as_aws();
    heard.echo = true;
    client = open_client();
    for (int i = 0; i < 71; i++) {
        ws_client_put_frame(client, 0x80 | WS_TEXT, "busy", 4);
        expect(client, 0x80 | WS_TEXT, "busy");
        pass_ms(100000);
    }
    ws_client_put_frame(client, 0x80 | WS_TEXT, "busy", 4);
    expect(client, 0x80 | WS_TEXT, "busy");
    assert_int_equal(heard.closed, 0);
    pass_ms(100100);
    expect_going_away(client);
    UNTIL(heard.closed == 1);
    assert_string_equal(heard.reason, "Going away");
    finish();
}

static struct ws_client *open_long(size_t size)
{
    struct ws_client *client = connect_to(0);
    char target[4098];

    memset(target, 'x', sizeof target);
    target[0] = '/';
    put_text(client, "GET ");
    ws_client_put(client, target, size);
    put_text(client, " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    UNTIL(client->status != 0);
    return client;
}

static void AGW_31_url_of_more_than_4096_characters_is_refused(void **state)
{
    (void)state;
    start_as_aws();
    assert_int_equal(open_long(4096)->status, 101);
    assert_int_equal(strlen(heard.target), 4096);
    assert_int_equal(open_long(4097)->status, 414);
    finish();
}

/* Offers it so many until none is taken any more. Returns how many were. */
static size_t fill(chatroom_span text)
{
    size_t taken = 0;

    for (int refused = 0; refused < 10;) { /* in a row: what is on its way makes room for a while */
        int rc = port_offer(port.connections, CHATROOM_TEXT_MESSAGE, text);

        assert_true(rc == CHATROOM_OK || rc == CHATROOM_EAGAIN);
        taken += rc == CHATROOM_OK;
        refused = rc == CHATROOM_OK ? 0 : refused + 1;
        assert_in_range(taken, 1, 1000);
        some_turns();
    }
    return taken;
}

static void AGW_61_post_to_who_does_not_read_is_refused_and_nothing_is_lost(void **state)
{
    static char text[100000];
    struct ws_client *client;
    chatroom_span payload;
    uint8_t first;
    size_t taken;

    (void)state;
    start_as_aws();
    client = open_client();
    client->reading = false;
    taken = fill(chatroom_bytes(text, sizeof text));
    pass_ms(9000); /* it is not about to be reset: it is below the soft limit, and has write_ms */
    assert_int_equal(port_offer(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, sizeof text)),
                     CHATROOM_EAGAIN);
    assert_int_equal(heard.closed, 0);
    client->reading = true;
    for (size_t i = 0; i < taken; i++) {
        UNTIL(ws_client_take(client, &first, &payload));
        assert_int_equal(payload.size, sizeof text);
    }
    some_turns();
    assert_int_equal(client->in_size, 0);
    assert_int_equal(port_offer(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, sizeof text)),
                     CHATROOM_OK);
    UNTIL(ws_client_take(client, &first, &payload));
    assert_int_equal(heard.closed, 0);
    finish();
}

/* A room's message does not end a connection because of posts to it. */
static void offer__leaves_room_for_what_is_sent(void **state)
{
    static char text[65536];
    struct ws_client *client;

    (void)state;
    start_as_aws();
    client = open_client();
    client->reading = false;
    fill(chatroom_bytes(text, sizeof text));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(port_send(port.connections, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, sizeof text)),
                         CHATROOM_OK);
        some_turns();
    }
    assert_int_equal(heard.closed, 0);
    finish();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__files_health_and_refusals),
        cmocka_unit_test(http__answer_of_the_core_is_passed_on),
        cmocka_unit_test(T30_octets_behind_a_refused_upgrade_are_never_read_as_another),
        cmocka_unit_test(T31_subprotocol_is_named_if_it_is_a_token),
        cmocka_unit_test(opening__frames_sent_too_early_wait_for_the_answer),
        cmocka_unit_test(T02_trickled_handshake_ends_at_the_deadline),
        cmocka_unit_test(T05_message_must_end_in_time_whatever_stands_between),
        cmocka_unit_test(F31_ping_asks_for_a_sign_of_life_and_ends_without_one),
        cmocka_unit_test(F41_a_pause_times_out_nobody_who_went_on),
        cmocka_unit_test(idle__is_without_messages_pings_do_not_help),
        cmocka_unit_test(life__ends_at_its_age),
        cmocka_unit_test(close__waits_for_the_answer_no_longer_than_told),
        cmocka_unit_test(T08_ping_flood_is_closed_and_ten_a_second_are_not),
        cmocka_unit_test(T09_one_step_takes_no_more_than_a_turn),
        cmocka_unit_test(F30_hard_limit_resets_and_says_so),
        cmocka_unit_test(F30_member_of_a_group_that_does_not_read_goes_alone),
        cmocka_unit_test(F30_much_in_one_step_is_no_slow_reader),
        cmocka_unit_test(F30_soft_limit_gives_time_to_catch_up),
        cmocka_unit_test(T35_connects_of_one_address_beyond_its_rate_are_refused_and_cost_others_nothing),
        cmocka_unit_test(T35_connections_of_one_address_are_bounded),
        cmocka_unit_test(T12_connects_beyond_the_rate_are_told_to_come_again),
        cmocka_unit_test(T02_unfinished_handshakes_are_bounded),
        cmocka_unit_test(F21_without_descriptors_accepting_pauses_and_goes_on),
        cmocka_unit_test(F21_shortage_is_told_when_it_begins_and_when_it_is_over),
        cmocka_unit_test(close__of_ours_is_not_lost_while_the_peer_goes_on_sending),
        cmocka_unit_test(close__draining_ends_after_so_many_octets_or_so_long),
        cmocka_unit_test(close__server_ends_tcp_first),
        cmocka_unit_test(listener__all_families_at_once),
        cmocka_unit_test(listener__stale_socket_file_is_replaced_a_live_one_is_not),
        cmocka_unit_test(listener__failures_have_a_code_and_a_sentence),
        cmocka_unit_test(options__that_make_no_sense_are_named),
        cmocka_unit_test(options__of_null_are_named),
        cmocka_unit_test(options__of_the_cloud_service),
        cmocka_unit_test(AGW_26_frames_of_32768_and_messages_of_131072_are_the_most),
        cmocka_unit_test(AGW_28_idle_ends_with_1001_and_a_message_of_either_direction_restarts_it),
        cmocka_unit_test(AGW_28_control_frames_and_parts_of_a_message_do_not_restart_it),
        cmocka_unit_test(AGW_29_life_ends_though_it_is_busy),
        cmocka_unit_test(AGW_31_url_of_more_than_4096_characters_is_refused),
        cmocka_unit_test(AGW_61_post_to_who_does_not_read_is_refused_and_nothing_is_lost),
        cmocka_unit_test(offer__leaves_room_for_what_is_sent),
    };
    const struct CMUnitTest tests_of_the_owners_loop[] = {
        cmocka_unit_test(F30_who_takes_nothing_is_reset_after_a_while),
        cmocka_unit_test(F41_a_pause_resets_no_reader_who_caught_up),
        cmocka_unit_test(F22_output_of_all_together_is_bounded_and_who_has_most_goes),
        cmocka_unit_test(deadline__is_exact_enough_not_to_spin),
        cmocka_unit_test(connection__is_small_and_inherits_its_socket_options),
    };

    threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    if (cmocka_run_group_tests(tests, NULL, NULL))
        return 1;
    return threads ? 0 : cmocka_run_group_tests(tests_of_the_owners_loop, NULL, NULL);
}
