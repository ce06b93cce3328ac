/*
 * Plain HTTP over sockets, on a core that answers some: bodies, order, limits, deadlines. Time is the test's own. With
 * as many threads as the argument says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_port.h"
#include "ws_client.h"

#include "threaded.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>

#define TURNS_MOST 30000 /* until something is said not to happen any more */
#define TURNS_FAST 10000 /* of them without waiting; then a millisecond each */
#define CLIENTS    210
#define BODY_MOST  131072

static struct chatroom_transport_port port;
static struct ws_client *clients[CLIENTS];
static size_t client_count;
static size_t descriptors, own_descriptors;
static unsigned threads;

/* What the core was asked, and what it says. */
static struct {
    size_t wanted, requests;
    char method[16], target[64], host[32];
    char *body; /* a copy; NULL: there was none */
    size_t body_size;
    bool cut;
    struct chatroom_http_answer answer;
    bool echoes; /* the body of the request */
} core;

static chatroom_span name_of(size_t number)
{
    static char text[32];

    return chatroom_bytes(text, (size_t)snprintf(text, sizeof text, "answer %zu", number));
}

/* It answers to "/api" and below. */
static int on_wanted(struct chatroom_transport_port *of, const struct chatroom_request_head *head,
                     size_t *ret_body_bytes)
{
    (void)of;
    core.wanted++;
    if (head->target.size < 4 || memcmp(head->target.bytes, "/api", 4) != 0)
        return CHATROOM_ENOENT;
    *ret_body_bytes = BODY_MOST;
    return CHATROOM_OK;
}

static void copy_text(char *ret_text, size_t size, chatroom_span text)
{
    snprintf(ret_text, size, "%.*s", (int)text.size, text.bytes);
}

static void on_http(struct chatroom_transport_port *of, const struct chatroom_http_request *request,
                    struct chatroom_http_answer *ret_answer)
{
    (void)of;
    core.requests++;
    copy_text(core.method, sizeof core.method, request->method);
    copy_text(core.target, sizeof core.target, request->head.target);
    core.host[0] = '\0';
    for (size_t i = 0; i < request->head.header_count; i++)
        if (chatroom_span_equal(request->head.headers[i].name, chatroom_str("Host")))
            copy_text(core.host, sizeof core.host, request->head.headers[i].value);
    if (request->head.source_ip.size > 0) /* else it has gone already */
        assert_true(chatroom_span_equal(request->head.source_ip, chatroom_str("127.0.0.1")));
    core.cut = request->cut;
    core.body_size = request->body.size;
    free(core.body);
    core.body = request->body.size > 0 ? malloc(request->body.size) : NULL;
    if (core.body)
        memcpy(core.body, request->body.bytes, request->body.size);
    *ret_answer = core.answer;
    if (core.echoes)
        ret_answer->body = request->body;
    else if (!core.answer.body.bytes)
        ret_answer->body = name_of(core.requests);
}

static void on_closed(struct chatroom_connection *connection, uint16_t code, chatroom_span reason,
                      enum chatroom_party by)
{
    (void)connection;
    (void)code;
    (void)reason;
    (void)by;
}

/* ---- both sides -------------------------------------------------------------------------------------------------- */

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

/* Each worker has done all of a turn that began after the call. */
static void let_workers_work(void)
{
    struct ws_threaded *t = port.transport.self;

    for (unsigned i = 0; i < 3 * threads; i++)
        probe(&t->workers[i % threads]);
}

static void turn_waiting(int wait_ms)
{
    let_workers_work();
    port_turn(&port, wait_ms);
    let_workers_work();
    for (size_t i = 0; i < client_count; i++)
        ws_client_work(clients[i]);
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
        turn_waiting(0);
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

/* That the transport has not closed. */
static size_t connections(void)
{
    size_t count = count_descriptors() - descriptors - own_descriptors;

    for (size_t i = 0; i < client_count; i++)
        count -= clients[i]->fd >= 0;
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
    memset(&core, 0, sizeof core);
    core.answer.status = 200;
    port = (struct chatroom_transport_port){
        .http_wanted = on_wanted, .http = on_http, .closed = on_closed, .wall_ms = 784111777000};
    client_count = 0;
    assert_int_equal(chatroom_ws_epoll(options, &port.transport, &error), CHATROOM_OK);
    assert_int_equal(port.transport.ops->open(port.transport.self, &port, &error), CHATROOM_OK);
    own_descriptors = count_descriptors() - descriptors;
}

static void start_usual(void)
{
    struct chatroom_ws_epoll_options options = usual();

    start(&options);
}

static void finish(void)
{
    while (client_count > 0)
        ws_client_free(clients[--client_count]);
    port.transport.ops->close_all(port.transport.self);
    free(core.body);
    assert_int_equal(port.count, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

static struct ws_client *connect_to(size_t listener)
{
    char address[128];

    assert_int_equal(chatroom_ws_epoll_address(&port.transport, listener, address, sizeof address), CHATROOM_OK);
    assert_in_range(client_count, 0, CLIENTS - 1);
    clients[client_count] = ws_client_new(address);
    assert_non_null(clients[client_count]);
    return clients[client_count++];
}

static void put_text(struct ws_client *client, const char *text)
{
    ws_client_put(client, text, strlen(text));
}

static void put_request(struct ws_client *client, const char *line, const char *fields)
{
    char text[2048];

    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", line, fields);
    put_text(client, text);
}

static void put_post(struct ws_client *client, size_t size)
{
    char field[64];

    snprintf(field, sizeof field, "Content-Length: %zu\r\n", size);
    put_request(client, "POST /api", field);
}

static char *letters(size_t size)
{
    char *text = malloc(size);

    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (i * 7 + i / 251) % 26);
    return text;
}

/* The next answer, with its head in client->head and that body, behind nothing else. */
static void expect(struct ws_client *client, int status, chatroom_span body)
{
    UNTIL(client->status != 0);
    assert_int_equal(client->status, status);
    client->status = 0;
    UNTIL(client->in_size >= body.size);
    assert_memory_equal(client->in ? client->in : "", body.bytes ? body.bytes : "", body.size);
    memmove(client->in, client->in + body.size, client->in_size - body.size);
    client->in_size -= body.size; /* where the next one is found */
}

static void expect_text(struct ws_client *client, int status, const char *body)
{
    expect(client, status, chatroom_str(body));
}

static void assert_has(const struct ws_client *client, const char *text)
{
    if (!strstr(client->head, text))
        fail_msg("no %s in %s", text, client->head);
}

static void assert_lacks(const struct ws_client *client, const char *text)
{
    if (strstr(client->head, text))
        fail_msg("%s in %s", text, client->head);
}

static void expect_end(struct ws_client *client)
{
    UNTIL(client->ended);
    assert_false(client->reset);
    assert_int_equal(client->in_size, 0);
}

/* ---- requests and answers ---------------------------------------------------------------------------------------- */

static void request__is_told_whole_and_gets_the_answer_of_the_core(void **state)
{
    const struct chatroom_header headers[] = {{chatroom_str("Content-Type"), chatroom_str("application/json")},
                                              {chatroom_str("x-amzn-ErrorType"), chatroom_str("GoneException")}};
    struct ws_client *client;

    (void)state;
    start_usual();
    core.answer = (struct chatroom_http_answer){410, headers, 2, chatroom_str("{}")};
    client = connect_to(0);
    put_request(client, "DELETE /api/x%3D?y=z", "");
    expect_text(client, 410, "{}");
    assert_string_equal(core.method, "DELETE");
    assert_string_equal(core.target, "/api/x%3D?y=z");
    assert_string_equal(core.host, "a");
    assert_int_equal(core.body_size, 0);
    assert_string_equal(client->head, "HTTP/1.1 410 Gone\r\nContent-Type: application/json\r\n"
                                      "x-amzn-ErrorType: GoneException\r\nContent-Length: 2\r\n"
                                      "X-Content-Type-Options: nosniff\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    core.answer = (struct chatroom_http_answer){.status = 999, .body = chatroom_str("?")};
    put_request(client, "GET /api", "");
    expect_text(client, 500, "?");
    assert_false(client->ended);
    finish();
}

static void request__that_the_core_does_not_want_is_answered_as_ever(void **state)
{
    static const struct {
        const char *line, *fields;
        int status;
    } table[] = {{"GET /other", "", 404},
                 {"POST /other", "Content-Length: 3\r\n", 400},
                 {"GET /other", "Sec-WebSocket-Key: x\r\n", 426},
                 {"POST /api", "Transfer-Encoding: chunked\r\n", 501},
                 {"POST /api", "Content-Length: 1\r\nContent-Length: 1\r\n", 400},
                 {"POST /api", "Content-Length: -1\r\n", 400},
                 {"GET /health", "", 200}};

    (void)state;
    start_usual();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ws_client *client = connect_to(0);

        put_request(client, table[i].line, table[i].fields);
        UNTIL(client->ended);
        assert_int_equal(client->status, table[i].status);
        assert_has(client, "Connection: close");
        assert_has(client, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    }
    assert_int_equal(core.requests, 0);
    finish();
}

static void request__of_http_1_0_is_refused(void **state)
{
    struct ws_client *client;

    (void)state;
    start_usual();
    client = connect_to(0);
    put_text(client, "GET /api HTTP/1.0\r\nHost: a\r\n\r\n");
    UNTIL(client->ended);
    assert_int_equal(client->status, 400);
    assert_int_equal(core.wanted, 0);
    finish();
}

static void answer__to_head_and_with_204_has_no_body(void **state)
{
    struct ws_client *client;

    (void)state;
    start_usual();
    core.answer.body = chatroom_str("hello");
    client = connect_to(0);
    put_request(client, "HEAD /api", "");
    expect_text(client, 200, "");
    assert_has(client, "Content-Length: 5\r\n");
    core.answer.status = 204;
    put_request(client, "DELETE /api", "");
    expect_text(client, 204, "");
    assert_has(client, "HTTP/1.1 204 No Content\r\n");
    assert_lacks(client, "Content-Length");
    core.answer.status = 200;
    put_request(client, "GET /api", "");
    expect_text(client, 200, "hello");
    finish();
}

static void upgrade__may_follow_a_plain_request(void **state)
{
    struct ws_client *client;
    chatroom_span payload;
    uint8_t first;

    (void)state;
    start_usual();
    client = connect_to(0);
    put_request(client, "GET /api", "");
    ws_client_put_request(client, "/", "");
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "p", 1);
    expect_text(client, 200, "answer 1");
    UNTIL(client->status == 101);
    assert_has(client, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    UNTIL(ws_client_take(client, &first, &payload));
    assert_int_equal(first, 0x80 | WS_PONG_FRAME);
    pass_ms(61000); /* no request is waited for */
    assert_int_equal(port.count, 1);
    finish();
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

static void body__comes_whole_in_whatever_pieces(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 8192, 20000, BODY_MOST};
    static const size_t pieces[] = {0, 1, 1400};

    (void)state;
    start_usual();
    core.echoes = true;
    for (size_t p = 0; p < 3; p++) {
        struct ws_client *client = connect_to(0);

        client->piece = pieces[p];
        for (size_t i = 0; i < (pieces[p] == 1 ? 3 : 6); i++) {
            char *text = letters(sizes[i]);

            put_post(client, sizes[i]);
            ws_client_put(client, text, sizes[i]);
            expect(client, 200, chatroom_bytes(text, sizes[i]));
            assert_int_equal(core.body_size, sizes[i]);
            assert_false(core.cut);
            free(text);
        }
    }
    assert_int_equal(core.requests, 6 + 3 + 6);
    finish();
}

static void body__longer_than_wanted_is_not_read_and_the_answer_arrives(void **state)
{
    char *text = letters(1000000);

    (void)state;
    start_usual();
    core.answer.status = 413;
    for (int i = 0; i < 3; i++) {
        struct ws_client *client = connect_to(0);
        const size_t sizes[] = {BODY_MOST + 1, 1000000, SIZE_MAX};

        put_post(client, sizes[i]);
        if (i < 2)
            ws_client_put(client, text, sizes[i]);
        UNTIL(client->ended);
        assert_false(client->reset);
        assert_int_equal(client->status, 413);
        assert_has(client, "Connection: close\r\n");
        assert_true(core.cut);
        assert_int_equal(core.body_size, 0);
        assert_int_equal(core.requests, i + 1);
    }
    free(text);
    finish();
}

static void expect__is_answered_with_100_before_the_body(void **state)
{
    struct ws_client *client;

    (void)state;
    start_usual();
    core.echoes = true;
    client = connect_to(0);
    for (int i = 0; i < 2; i++) {
        put_request(client, "POST /api", "Content-Length: 5\r\nExpect: 100-continue\r\n");
        expect_text(client, 100, "");
        assert_string_equal(client->head, "HTTP/1.1 100 Continue\r\n\r\n");
        put_text(client, "hello");
        expect_text(client, 200, "hello");
    }
    put_request(client, "POST /api", "Content-Length: 5\r\nExpect: 100-Continue\r\n");
    put_text(client, "hello"); /* it has not waited */
    expect_text(client, 200, "hello");
    put_request(client, "POST /api", "Content-Length: 131073\r\nExpect: 100-continue\r\n");
    core.echoes = false;
    core.answer.status = 413;
    expect_text(client, 413, "answer 4");
    expect_end(client);
    finish();
}

static void body__of_all_connections_is_bounded(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    size_t shares = threads ? threads : 1, refused = 0;
    char *text = letters(100000);

    (void)state;
    options.body_bytes = 150000 * shares;
    start(&options);
    for (size_t i = 0; i < shares + 1; i++) { /* one share has two */
        struct ws_client *client = connect_to(0);

        put_post(client, 100001);
        ws_client_put(client, text, 100000);
        UNTIL(client->out_size == 0);
        some_turns();
        UNTIL(client->status != 0 || i < shares);
        refused += client->status == 503;
        assert_int_equal(client->status, i < shares ? 0 : 503);
    }
    assert_int_equal(refused, 1);
    put_text(clients[0], "x");
    expect_text(clients[0], 200, "answer 1");
    put_post(clients[0], 100000); /* what it held is free again */
    ws_client_put(clients[0], text, 100000);
    expect_text(clients[0], 200, "answer 2");
    free(text);
    finish();
}

static void client__that_goes_meanwhile_is_no_harm(void **state)
{
    (void)state;
    start_usual();
    for (int i = 0; i < 100; i++) {
        struct ws_client *client = connect_to(0);

        put_post(client, i % 3 == 0 ? 10 : 5);
        put_text(client, "hello");
        for (int turns = i % 7; turns > 0; turns--) {
            port_turn(&port, 0);
            ws_client_work(client);
        }
        ws_client_cut(client);
        UNTIL(connections() == 0);
        ws_client_free(clients[--client_count]);
    }
    finish();
}

/* ---- one after the other ----------------------------------------------------------------------------------------- */

static void pipelined__requests_are_answered_in_their_order(void **state)
{
    struct ws_client *client;
    char text[32];

    (void)state;
    start_usual();
    client = connect_to(0);
    for (int i = 0; i < 300; i++) {
        put_post(client, 3);
        put_text(client, "abc");
    }
    for (int i = 1; i <= 300; i++) {
        snprintf(text, sizeof text, "answer %d", i);
        expect_text(client, 200, text);
        assert_int_equal(core.body_size, 3);
    }
    finish();
}

static void pipelined__requests_wait_until_the_answer_before_is_read(void **state)
{
    struct ws_client *client;
    char *text = letters(500000);
    size_t before;

    (void)state;
    start_usual();
    core.answer.body = chatroom_bytes(text, 500000);
    client = connect_to(0);
    client->reading = false;
    for (int i = 0; i < 50; i++)
        put_request(client, "GET /api", "");
    some_turns();
    before = core.requests;
    some_turns();
    assert_int_equal(core.requests, before);
    assert_in_range(before, 1, 20);
    client->reading = true;
    for (int i = 0; i < 50; i++)
        expect(client, 200, chatroom_bytes(text, 500000));
    assert_int_equal(core.requests, 50);
    client->reading = false;
    for (int i = 0; i < 50; i++)
        put_request(client, "GET /api", "");
    pass_ms(10100); /* write_ms */
    UNTIL(connections() == 0);
    free(text);
    finish();
}

static void close__is_what_the_client_asks_for(void **state)
{
    struct ws_client *client;

    (void)state;
    start_usual();
    client = connect_to(0);
    put_request(client, "GET /api", "");
    put_request(client, "GET /api", "Connection: x, Close\r\n");
    put_request(client, "GET /api", "");
    expect_text(client, 200, "answer 1");
    assert_lacks(client, "Connection:");
    expect_text(client, 200, "answer 2");
    assert_has(client, "Connection: close\r\n");
    expect_end(client);
    assert_int_equal(core.requests, 2);
    finish();
}

/* ---- deadlines --------------------------------------------------------------------------------------------------- */

static void keep_alive__ends_after_its_time_without_a_request(void **state)
{
    struct ws_client *client;

    (void)state;
    start_usual();
    client = connect_to(0);
    for (int i = 1; i <= 3; i++) {
        char text[32];

        put_request(client, "GET /api", "");
        snprintf(text, sizeof text, "answer %d", i);
        expect_text(client, 200, text);
        pass_ms(59000);
        assert_false(client->ended);
    }
    pass_ms(1100);
    expect_end(client);
    assert_int_equal(connections(), 0);
    finish();
}

static void T02_trickled_request_ends_at_the_deadline_from_its_first_octet(void **state)
{
    struct ws_client *head, *body;

    (void)state;
    start_usual();
    head = connect_to(0);
    body = connect_to(0);
    put_request(head, "GET /api", "");
    expect_text(head, 200, "answer 1");
    put_request(body, "GET /api", "");
    expect_text(body, 200, "answer 2");
    pass_ms(30000);
    put_text(head, "G");
    put_post(body, 100);
    for (int i = 0; i < 9; i++) {
        pass_ms(1000);
        put_text(head, "E");
        put_text(body, "b");
        some_turns();
        assert_false(head->ended || body->ended);
    }
    pass_ms(1100);
    UNTIL(head->ended && body->ended);
    assert_int_equal(head->status, 408);
    assert_int_equal(body->status, 408);
    assert_int_equal(core.requests, 2);
    pass_ms(1100);
    assert_int_equal(connections(), 0);
    finish();
}

/* ---- who may come in --------------------------------------------------------------------------------------------- */

static void idle__longest_goes_when_there_is_no_room_for_another(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *first, *second, *third;

    (void)state;
    options.opening_most = 2;
    start(&options);
    first = connect_to(0);
    put_request(first, "GET /api", "");
    expect_text(first, 200, "answer 1");
    second = connect_to(0);
    put_request(second, "GET /api", "");
    expect_text(second, 200, "answer 2");
    some_turns();
    put_request(first, "GET /api", ""); /* now the second has waited longest */
    expect_text(first, 200, "answer 3");
    some_turns();
    third = connect_to(0);
    put_request(third, "GET /api", "");
    expect_text(third, 200, "answer 4");
    expect_end(second);
    assert_false(first->ended);
    put_text(third, "GET /api"); /* both are busy */
    put_text(first, "GET /api");
    some_turns();
    second = connect_to(0);
    put_request(second, "GET /api", "");
    if (threads == 0) { /* else the owner knows it a request later */
        UNTIL(second->ended);
        assert_int_equal(second->status, 503);
    }
    finish();
}

static void idle__that_has_begun_its_next_request_gets_the_answer_to_it(void **state)
{
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *first, *second;

    (void)state;
    if (threads == 0)
        skip(); /* one whose request has begun is not in the line */
    options.opening_most = 1;
    start(&options);
    first = connect_to(0);
    put_request(first, "GET /api", "");
    expect_text(first, 200, "answer 1");
    put_text(first, "GET /api HTTP/1.1\r\n");
    some_turns();
    second = connect_to(0);
    put_request(second, "GET /api", "");
    expect_text(second, 200, "answer 2");
    put_text(first, "Host: a\r\n\r\n");
    expect_text(first, 200, "answer 3");
    assert_has(first, "Connection: close\r\n");
    expect_end(first);
    put_request(second, "GET /api", "");
    expect_text(second, 200, "answer 4");
    assert_lacks(second, "Connection:");
    finish();
}

static void idle__many_come_and_go_and_the_count_stays_right(void **state)
{
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    options.opening_most = 5;
    start(&options);
    for (size_t i = 1; i <= 100; i++) {
        struct ws_client *client = connect_to(0);

        put_request(client, "GET /api", "");
        UNTIL(client->status == 200);
        some_turns();
        if (i % 10 == 0)
            ws_client_cut(client);
    }
    UNTIL(connections() <= 5);
    for (size_t i = 0; i < client_count; i++)
        if (!clients[i]->ended)
            ws_client_cut(clients[i]);
    UNTIL(connections() == 0);
    UNTIL(((struct ws_door *)port.transport.self)->opening_count == 0);
    finish();
}

static void apart__listener_serves_the_cores_requests_alone(void **state)
{
    static const char *const apart[] = {"127.0.0.1:0"};
    static const struct chatroom_ws_file files[] = {{"/", NULL, "page", 4}};
    static const struct {
        size_t listener;
        const char *line, *fields;
        int status;
    } table[] = {
        {0, "GET /", "", 200},       {0, "GET /health", "", 200},
        {0, "GET /api", "", 404},    {1, "GET /", "", 404},
        {1, "GET /health", "", 404}, {1, "GET /api", "Connection: close\r\n", 200},
        {1, "GET /other", "", 404},  {0, "GET /socket", "", 426},
        {1, "GET /socket", "", 404}, {1, "GET /api", "Upgrade: websocket\r\n", 404},
    };
    struct chatroom_ws_epoll_options options = usual();
    struct ws_client *client;

    (void)state;
    options.http_listen = apart;
    options.http_listen_count = 1;
    options.http_apart = true;
    options.files = files;
    options.file_count = 1;
    options.upgrade_path = "/socket";
    start(&options);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        client = connect_to(table[i].listener);
        put_request(client, table[i].line, table[i].fields);
        UNTIL(client->ended);
        if (client->status != table[i].status)
            fail_msg("%s on %zu: %s", table[i].line, table[i].listener, client->head);
    }
    client = connect_to(1);
    ws_client_put_request(client, "/", "");
    UNTIL(client->ended);
    assert_int_equal(client->status, 404);
    client = connect_to(0);
    ws_client_put_request(client, "/", "");
    UNTIL(client->status == 101);
    assert_int_equal(core.requests, 1);
    finish();
}

static void apart__listener_beside_one_that_serves_all(void **state)
{
    static const char *const apart[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = usual();

    (void)state;
    options.http_listen = apart;
    options.http_listen_count = 1;
    start(&options);
    for (size_t i = 0; i < 2; i++) {
        char text[32];
        struct ws_client *client = connect_to(i);

        put_request(client, "GET /api", "");
        snprintf(text, sizeof text, "answer %zu", i + 1);
        expect_text(client, 200, text);
    }
    finish();
}

static void options__of_http_that_make_no_sense_are_named(void **state)
{
    static const char *const bad[] = {"nowhere"}, *const none[] = {NULL};
    struct chatroom_transport transport;
    struct chatroom_error error;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct chatroom_ws_epoll_options options = usual();

        options.http_listen_count = i < 3;
        options.http_listen = i == 0 ? NULL : i == 1 ? bad : none;
        options.http_apart = i == 3;
        if (i == 4)
            options.keep_alive_ms = 0;
        if (i == 5)
            options.body_bytes = 0;
        assert_int_equal(chatroom_ws_epoll(&options, &transport, &error), CHATROOM_EINVAL);
        assert_true(strlen(error.text) > 10);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request__is_told_whole_and_gets_the_answer_of_the_core),
        cmocka_unit_test(request__that_the_core_does_not_want_is_answered_as_ever),
        cmocka_unit_test(request__of_http_1_0_is_refused),
        cmocka_unit_test(answer__to_head_and_with_204_has_no_body),
        cmocka_unit_test(upgrade__may_follow_a_plain_request),
        cmocka_unit_test(body__comes_whole_in_whatever_pieces),
        cmocka_unit_test(body__longer_than_wanted_is_not_read_and_the_answer_arrives),
        cmocka_unit_test(expect__is_answered_with_100_before_the_body),
        cmocka_unit_test(body__of_all_connections_is_bounded),
        cmocka_unit_test(client__that_goes_meanwhile_is_no_harm),
        cmocka_unit_test(pipelined__requests_are_answered_in_their_order),
        cmocka_unit_test(pipelined__requests_wait_until_the_answer_before_is_read),
        cmocka_unit_test(close__is_what_the_client_asks_for),
        cmocka_unit_test(keep_alive__ends_after_its_time_without_a_request),
        cmocka_unit_test(T02_trickled_request_ends_at_the_deadline_from_its_first_octet),
        cmocka_unit_test(idle__longest_goes_when_there_is_no_room_for_another),
        cmocka_unit_test(idle__that_has_begun_its_next_request_gets_the_answer_to_it),
        cmocka_unit_test(idle__many_come_and_go_and_the_count_stays_right),
        cmocka_unit_test(apart__listener_serves_the_cores_requests_alone),
        cmocka_unit_test(apart__listener_beside_one_that_serves_all),
        cmocka_unit_test(options__of_http_that_make_no_sense_are_named),
    };

    threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
