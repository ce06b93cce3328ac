#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_suite.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS_MOST 30000 /* until something is said not to happen any more */
#define TURNS_FAST 10000 /* of them without waiting; then a millisecond each: the kernel has timers of its own */
#define CLIENTS    8

static const struct client_driver *driver;
static struct chatroom_transport_port port;
static struct client *clients[CLIENTS];
static size_t client_count;
static atomic_size_t frames_alive; /* a transport may give them back on any thread */
static size_t descriptors;         /* before the test */

/* What the port heard, in the order in which it did. */
static struct {
    chatroom_connection *opening; /* waits for its answer */
    size_t messages;
    size_t octets;
    uint8_t sum; /* of the messages */
    enum chatroom_message_kind kind;
    size_t closed;
    uint16_t code;
    char reason[124];
    enum chatroom_party by;
    bool echo;
    bool inside_step;
} heard;

/* A member of a group, which has to leave it when it is told that its connection is closed. */
static struct {
    void *group; /* NULL: none */
    chatroom_connection *connection;
    struct chatroom_seat seat;
} member;

static void member_leaves(void)
{
    port.transport.ops->group_remove(port.transport.self, member.group, member.connection->peer, &member.seat);
    member.group = NULL;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void *count_frames(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    frames_alive += !memory && size > 0;
    frames_alive -= memory && size == 0;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static const struct chatroom_alloc counting = {count_frames, NULL};

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

/* ---- the port ---------------------------------------------------------------------------------------------------- */

static int send_to(chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, kind, message, 0);
    int rc;

    assert_non_null(frame);
    rc = port.transport.ops->send(port.transport.self, connection->peer, frame);
    chatroom_frame_unref(frame);
    return rc;
}

static void on_opening(struct chatroom_connection *connection, const struct chatroom_request_head *head)
{
    assert_true(heard.inside_step);
    assert_non_null(head);
    heard.opening = connection;
}

static void on_message(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    assert_true(heard.inside_step);
    assert_ptr_not_equal(connection, heard.opening); /* only after accept() */
    heard.messages++;
    heard.octets += message.size;
    heard.kind = kind;
    for (size_t i = 0; i < message.size; i++)
        heard.sum = (uint8_t)(heard.sum * 31 + (uint8_t)message.bytes[i]);
    if (heard.echo)
        assert_int_equal(send_to(connection, kind, message), CHATROOM_OK);
}

static void on_closed(struct chatroom_connection *connection, uint16_t code, chatroom_span reason,
                      enum chatroom_party by)
{
    assert_true(heard.inside_step);
    if (connection == heard.opening)
        heard.opening = NULL;
    heard.closed++;
    heard.code = code;
    heard.by = by;
    assert_in_range(reason.size, 0, 123);
    if (reason.size > 0)
        memcpy(heard.reason, reason.bytes, reason.size);
    heard.reason[reason.size] = '\0';
    if (member.group && member.connection == connection)
        member_leaves();
}

static void turn_waiting(int wait_ms)
{
    heard.inside_step = true;
    port_turn(&port, wait_ms);
    heard.inside_step = false;
    for (size_t i = 0; i < client_count; i++)
        driver->work(clients[i]);
}

static void turn(void)
{
    turn_waiting(0);
}

/* Lets both sides work until the condition holds. */
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
    for (int i = 0; i < 20; i++)
        turn();
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

static struct client *begin_client(void)
{
    struct client *client = driver->connect(&port.transport);

    assert_non_null(client);
    assert_in_range(client_count, 0, CLIENTS - 1);
    return clients[client_count++] = client;
}

static chatroom_connection *open_client(struct client **ret_client)
{
    chatroom_connection *connection;

    *ret_client = begin_client();
    UNTIL(heard.opening);
    connection = heard.opening;
    heard.opening = NULL;
    port_accept(connection);
    UNTIL(driver->state(*ret_client) == CLIENT_OPEN);
    return connection;
}

static void assert_receives(struct client *client, enum chatroom_message_kind kind, chatroom_span wanted)
{
    enum chatroom_message_kind got_kind;
    chatroom_span got = {NULL, 0};

    UNTIL(driver->receive(client, &got_kind, &got));
    assert_int_equal(got_kind, kind);
    assert_int_equal(got.size, wanted.size);
    assert_true(chatroom_span_equal(got, wanted));
}

static void assert_silent(struct client *client)
{
    enum chatroom_message_kind kind;
    chatroom_span message;

    some_turns();
    assert_false(driver->receive(client, &kind, &message));
}

static char *letters(size_t size)
{
    char *text = malloc(size);

    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (i * 7 + i / 251) % 26);
    return text;
}

static int begin(void **state)
{
    struct chatroom_error error;

    (void)state;
    descriptors = count_descriptors();
    memset(&heard, 0, sizeof heard);
    port = (struct chatroom_transport_port){.opening = on_opening, .message = on_message, .closed = on_closed};
    client_count = 0;
    return driver->make(&port.transport, &error) || port.transport.ops->open(port.transport.self, &port, &error);
}

/* Nothing is left: of frames, connections, descriptors. */
static int end(void **state)
{
    (void)state;
    heard.inside_step = true;
    port.transport.ops->close_all(port.transport.self);
    while (client_count > 0)
        driver->free(clients[--client_count]);
    return port.count != 0 || frames_alive != 0 || count_descriptors() != descriptors;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void opening__is_answered_later_and_what_came_meanwhile_is_kept(void **state)
{
    struct client *client = begin_client();
    chatroom_connection *connection;

    (void)state;
    UNTIL(heard.opening);
    connection = heard.opening;
    some_turns();
    assert_int_equal(driver->state(client), CLIENT_OPENING);
    assert_int_equal(port.count, 1);
    heard.opening = NULL;
    port_accept(connection);
    UNTIL(driver->state(client) == CLIENT_OPEN);
    driver->send(client, CHATROOM_TEXT_MESSAGE, chatroom_str("hello"));
    UNTIL(heard.messages == 1);
}

static void opening__refusal_is_the_end_and_not_reported(void **state)
{
    struct client *client = begin_client();

    (void)state;
    UNTIL(heard.opening);
    port_refuse(heard.opening, 403, "ForbiddenException", "{\"message\":\"no\"}");
    UNTIL(driver->state(client) == CLIENT_REFUSED);
    some_turns();
    assert_int_equal(heard.closed, 0);
}

static void opening__core_that_takes_no_more_hears_nothing_of_it_again(void **state)
{
    struct client *client;

    (void)state;
    port.refuse_opening = CHATROOM_EAGAIN;
    client = begin_client();
    UNTIL(driver->state(client) == CLIENT_REFUSED);
    some_turns();
    assert_int_equal(heard.closed, 0);
}

static void opening__client_that_goes_meanwhile_is_reported_at_the_latest_when_it_is_accepted(void **state)
{
    struct client *client = begin_client();

    (void)state;
    UNTIL(heard.opening);
    driver->cut(client);
    some_turns();
    if (heard.opening)
        port_accept(heard.opening);
    heard.opening = NULL;
    UNTIL(heard.closed == 1);
    assert_int_equal(heard.code, 1006);
    assert_int_equal(heard.by, CHATROOM_BY_NETWORK);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void message__comes_whole_with_its_kind(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 4095, 4096, 4097, 16384, 65535, 65536, 131072};
    struct client *client;

    (void)state;
    open_client(&client);
    heard.echo = true;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        enum chatroom_message_kind kind = i % 2 ? CHATROOM_TEXT_MESSAGE : CHATROOM_BINARY_MESSAGE;
        char *text = letters(sizes[i]);

        driver->send(client, kind, chatroom_bytes(text, sizes[i]));
        assert_receives(client, kind, chatroom_bytes(text, sizes[i]));
        free(text);
    }
    assert_int_equal(heard.messages, sizeof sizes / sizeof sizes[0]);
}

static void message__many_at_once_keep_their_order(void **state)
{
    struct client *client;
    char number[16];

    (void)state;
    open_client(&client);
    heard.echo = true;
    for (int i = 0; i < 2000; i++) {
        snprintf(number, sizeof number, "%d", i);
        driver->send(client, CHATROOM_TEXT_MESSAGE, chatroom_str(number));
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(number, sizeof number, "%d", i);
        assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str(number));
    }
}

static void send__references_are_shared_and_given_back(void **state)
{
    struct client *first, *second;
    chatroom_connection *a = open_client(&first), *b = open_client(&second);
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str("to both"), 0);

    (void)state;
    assert_non_null(frame);
    assert_int_equal(port.transport.ops->send(port.transport.self, a->peer, frame), CHATROOM_OK);
    assert_int_equal(port.transport.ops->send(port.transport.self, b->peer, frame), CHATROOM_OK);
    chatroom_frame_unref(frame);
    assert_receives(first, CHATROOM_TEXT_MESSAGE, chatroom_str("to both"));
    assert_receives(second, CHATROOM_TEXT_MESSAGE, chatroom_str("to both"));
    UNTIL(frames_alive == 0);
}

static void send__is_bounded_and_ends_with_whom_does_not_read(void **state)
{
    struct client *client, *other;
    chatroom_connection *connection = open_client(&client), *healthy = open_client(&other);
    char *text = letters(65536);
    int rc = CHATROOM_OK;

    (void)state;
    driver->stop_reading(client);
    for (int i = 0; i < 1000 && rc == CHATROOM_OK; i++)
        rc = send_to(connection, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, 65536));
    assert_int_equal(rc, CHATROOM_EAGAIN);
    free(text);
    assert_int_equal(send_to(healthy, CHATROOM_TEXT_MESSAGE, chatroom_str("well")), CHATROOM_OK);
    assert_receives(other, CHATROOM_TEXT_MESSAGE, chatroom_str("well"));
}

static int offer_to(chatroom_connection *connection, chatroom_span message)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, message, 0);
    int rc;

    assert_non_null(frame);
    rc = port.transport.ops->offer(port.transport.self, connection->peer, frame);
    chatroom_frame_unref(frame);
    return rc;
}

static void offer__at_the_limit_takes_nothing_and_who_reads_on_misses_nothing(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);
    char *text = letters(65536);
    int taken = 0, refused = 0;

    (void)state;
    if (!port.transport.ops->offer) {
        free(text);
        skip();
    }
    driver->stop_reading(client);
    while (refused < 20) { /* in a row: what is on its way makes room for a while */
        int rc = offer_to(connection, chatroom_bytes(text, 65536));

        assert_true(rc == CHATROOM_OK || rc == CHATROOM_EAGAIN);
        taken += rc == CHATROOM_OK;
        refused = rc == CHATROOM_OK ? 0 : refused + 1;
        assert_in_range(taken, 1, 1000);
        some_turns();
    }
    some_turns();
    assert_int_equal(heard.closed, 0);
    driver->read_on(client);
    for (int i = 0; i < taken; i++)
        assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, 65536));
    assert_silent(client);
    UNTIL(offer_to(connection, chatroom_bytes(text, 65536)) == CHATROOM_OK);
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, 65536));
    free(text);
}

static void offer__of_the_longest_message_fits_an_empty_queue(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);
    char *text = letters(131072);

    (void)state;
    if (!port.transport.ops->offer) {
        free(text);
        skip();
    }
    for (int i = 0; i < 3; i++) {
        UNTIL(offer_to(connection, chatroom_bytes(text, 131072)) == CHATROOM_OK);
        assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_bytes(text, 131072));
        some_turns();
    }
    free(text);
}

static void offer__keeps_its_place_among_what_is_sent_and_ends_with_close(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);

    (void)state;
    if (!port.transport.ops->offer)
        skip();
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("1")), CHATROOM_OK);
    assert_int_equal(offer_to(connection, chatroom_str("2")), CHATROOM_OK);
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("3")), CHATROOM_OK);
    port_close(connection, 1000, NULL);
    assert_int_equal(offer_to(connection, chatroom_str("4")), CHATROOM_EGONE);
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("1"));
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("2"));
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("3"));
    UNTIL(heard.closed == 1);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void close__goes_behind_what_was_queued(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);
    char *text = letters(100000);

    (void)state;
    assert_int_equal(send_to(connection, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, 100000)), CHATROOM_OK);
    port_close(connection, 4001, "because");
    port_close(connection, 4002, "again"); /* no effect */
    assert_int_equal(heard.closed, 0);     /* from a later step */
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("late")), CHATROOM_EGONE);
    assert_receives(client, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, 100000));
    free(text);
    UNTIL(driver->state(client) == CLIENT_OVER && heard.closed == 1);
    assert_int_equal(driver->close_code(client), 4001);
    assert_int_equal(heard.code, 4001);
    assert_string_equal(heard.reason, "because");
    assert_int_equal(heard.by, CHATROOM_BY_SERVER);
    some_turns();
    assert_int_equal(heard.closed, 1);
}

static void closed__by_the_client_with_its_code(void **state)
{
    struct client *client;

    (void)state;
    open_client(&client);
    driver->send(client, CHATROOM_TEXT_MESSAGE, chatroom_str("last words"));
    driver->close(client, 4003);
    UNTIL(heard.closed == 1 && driver->state(client) == CLIENT_OVER);
    assert_int_equal(heard.messages, 1);
    assert_int_equal(heard.code, 4003);
    assert_int_equal(heard.by, CHATROOM_BY_CLIENT);
}

static void closed__by_the_network_is_1006(void **state)
{
    struct client *client;

    (void)state;
    open_client(&client);
    driver->cut(client);
    UNTIL(heard.closed == 1);
    assert_int_equal(heard.code, 1006);
    assert_int_equal(heard.by, CHATROOM_BY_NETWORK);
}

static void stop__lets_nobody_in_and_nobody_down(void **state)
{
    struct client *client, *late;

    (void)state;
    open_client(&client);
    heard.echo = true;
    port.transport.ops->stop(port.transport.self);
    port.transport.ops->stop(port.transport.self);
    late = driver->connect(&port.transport);
    for (int i = 0; late && i < 20; i++) {
        turn();
        driver->work(late);
    }
    assert_true(!late || driver->state(late) != CLIENT_OPEN);
    driver->free(late);
    assert_null(heard.opening);
    driver->send(client, CHATROOM_TEXT_MESSAGE, chatroom_str("still here"));
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("still here"));
}

static void close_all__ends_everyone(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);

    (void)state;
    begin_client();
    UNTIL(heard.opening);
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("never flushed")), CHATROOM_OK);
    /* end() does it, and counts what is left */
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static void send_to_group(void *group, const char *text)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str(text), 0);

    assert_non_null(frame);
    port.transport.ops->group_send(port.transport.self, group, frame);
    chatroom_frame_unref(frame);
}

static void group__everyone_in_it_hears_the_same(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct client *in[3];
    chatroom_connection *connections[3];
    struct chatroom_seat seats[3];
    void *group;

    (void)state;
    if (!ops->group_new)
        skip();
    assert_int_equal(ops->group_new(port.transport.self, &group), CHATROOM_OK);
    send_to_group(group, "to nobody");
    for (int i = 0; i < 3; i++) {
        connections[i] = open_client(&in[i]);
        assert_int_equal(ops->group_add(port.transport.self, group, connections[i]->peer, &seats[i]), CHATROOM_OK);
    }
    send_to_group(group, "one");
    send_to_group(group, "two");
    for (int i = 0; i < 3; i++) {
        assert_receives(in[i], CHATROOM_TEXT_MESSAGE, chatroom_str("one"));
        assert_receives(in[i], CHATROOM_TEXT_MESSAGE, chatroom_str("two"));
    }
    ops->group_remove(port.transport.self, group, connections[0]->peer, &seats[0]);
    send_to_group(group, "three");
    assert_receives(in[1], CHATROOM_TEXT_MESSAGE, chatroom_str("three"));
    assert_receives(in[2], CHATROOM_TEXT_MESSAGE, chatroom_str("three"));
    assert_silent(in[0]);
    ops->group_remove(port.transport.self, group, connections[2]->peer, &seats[2]);
    send_to_group(group, "four");
    assert_receives(in[1], CHATROOM_TEXT_MESSAGE, chatroom_str("four"));
    assert_silent(in[2]);
    ops->group_remove(port.transport.self, group, connections[1]->peer, &seats[1]);
    ops->group_free(port.transport.self, group);
}

static void group__member_that_closes_is_passed_over(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct client *first, *second;
    chatroom_connection *a = open_client(&first), *b = open_client(&second);
    struct chatroom_seat seat;
    void *group;

    (void)state;
    if (!ops->group_new)
        skip();
    assert_int_equal(ops->group_new(port.transport.self, &group), CHATROOM_OK);
    member.group = group;
    member.connection = a;
    assert_int_equal(ops->group_add(port.transport.self, group, a->peer, &member.seat), CHATROOM_OK);
    assert_int_equal(ops->group_add(port.transport.self, group, b->peer, &seat), CHATROOM_OK);
    port_close(a, 1000, NULL);
    send_to_group(group, "to the other");
    assert_receives(second, CHATROOM_TEXT_MESSAGE, chatroom_str("to the other"));
    assert_silent(first);
    ops->group_remove(port.transport.self, group, b->peer, &seat);
    if (member.group)
        member_leaves();
    ops->group_free(port.transport.self, group);
}

static uint64_t active_at(const chatroom_connection *connection)
{
    return port.transport.ops->active_at(port.transport.self, connection->peer);
}

/* A second passes, and nothing happens in it. Returns when it is over. */
static uint64_t pass_a_second(const chatroom_connection *connection)
{
    some_turns();
    port.skew_ns += 1000000000;
    some_turns();
    assert_true(active_at(connection) < port.now.mono_ns - 500000000);
    return port.now.mono_ns;
}

static void active_at__moves_with_messages_of_both_directions_and_of_groups(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct client *client, *other;
    chatroom_connection *connection = open_client(&client), *idle = open_client(&other);
    struct chatroom_seat seat;
    uint64_t since, begun;
    void *group;

    (void)state;
    if (!ops->active_at)
        skip();
    begun = since = pass_a_second(connection);
    driver->send(client, CHATROOM_TEXT_MESSAGE, chatroom_str("up"));
    UNTIL(active_at(connection) >= since);
    since = pass_a_second(connection);
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("down")), CHATROOM_OK);
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("down"));
    UNTIL(active_at(connection) >= since);
    if (ops->group_new) {
        assert_int_equal(ops->group_new(port.transport.self, &group), CHATROOM_OK);
        assert_int_equal(ops->group_add(port.transport.self, group, connection->peer, &seat), CHATROOM_OK);
        for (int i = 0; i < 2; i++) { /* the second time it may be known to the group */
            since = pass_a_second(connection);
            send_to_group(group, "to all");
            assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("to all"));
            UNTIL(active_at(connection) >= since);
        }
        ops->group_remove(port.transport.self, group, connection->peer, &seat);
        ops->group_free(port.transport.self, group);
    }
    assert_true(active_at(idle) < begun);
}

/*
 * Any calls in any order, in one tick and over several: each peer hears what the calls say, in their order. The calls
 * come from a counter that is stirred, and a model says what each should hear.
 */
#define MIXED_CLIENTS 3
#define MIXED_GROUPS  2
#define MIXED_CALLS   2000

struct mixed {
    struct client *client;
    chatroom_connection *connection;
    struct chatroom_seat seats[MIXED_GROUPS];
    bool in[MIXED_GROUPS];
    int due[MIXED_CALLS]; /* numbers of the messages that are on their way to it */
    int due_count;
};

static void expect_number(struct mixed *one, int number)
{
    one->due[one->due_count++] = number;
}

static void mixed_group(struct mixed *all, void *group, int of, int number)
{
    char text[16];

    snprintf(text, sizeof text, "%d", number);
    for (int i = 0; i < MIXED_CLIENTS; i++)
        if (all[i].in[of])
            expect_number(&all[i], number);
    send_to_group(group, text);
}

static void mixed_send(struct mixed *one, int number)
{
    char text[16];

    snprintf(text, sizeof text, "%d", number);
    expect_number(one, number);
    assert_int_equal(send_to(one->connection, CHATROOM_TEXT_MESSAGE, chatroom_str(text)), CHATROOM_OK);
}

static void mixed_move(struct mixed *one, void *group, int of)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;

    one->in[of] = !one->in[of];
    if (one->in[of])
        assert_int_equal(ops->group_add(port.transport.self, group, one->connection->peer, &one->seats[of]),
                         CHATROOM_OK);
    else
        ops->group_remove(port.transport.self, group, one->connection->peer, &one->seats[of]);
}

static void mixed_check(struct mixed *one)
{
    char text[16];

    for (int i = 0; i < one->due_count; i++) {
        snprintf(text, sizeof text, "%d", one->due[i]);
        assert_receives(one->client, CHATROOM_TEXT_MESSAGE, chatroom_str(text));
    }
    one->due_count = 0;
}

static void group__calls_of_all_kinds_are_heard_in_their_order(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct mixed all[MIXED_CLIENTS] = {0};
    void *groups[MIXED_GROUPS];
    uint32_t dice = 1;

    (void)state;
    if (!ops->group_new)
        skip();
    for (int i = 0; i < MIXED_GROUPS; i++)
        assert_int_equal(ops->group_new(port.transport.self, &groups[i]), CHATROOM_OK);
    for (int i = 0; i < MIXED_CLIENTS; i++)
        all[i].connection = open_client(&all[i].client);
    for (int number = 0; number < MIXED_CALLS; number++) {
        struct mixed *one;
        int of;

        dice = dice * 1664525 + 1013904223;
        one = &all[(dice >> 8) % MIXED_CLIENTS];
        of = (int)((dice >> 12) % MIXED_GROUPS);
        switch ((dice >> 16) % 16) {
        case 0:
        case 1:
            mixed_move(one, groups[of], of);
            break;
        case 2:
            for (int i = 0; i < MIXED_CLIENTS; i++)
                mixed_check(&all[i]);
            break;
        case 3:
        case 4:
        case 5:
            mixed_send(one, number);
            break;
        default:
            mixed_group(all, groups[of], of, number);
        }
    }
    for (int i = 0; i < MIXED_CLIENTS; i++) {
        mixed_check(&all[i]);
        assert_silent(all[i].client);
        for (int of = 0; of < MIXED_GROUPS; of++)
            if (all[i].in[of])
                mixed_move(&all[i], groups[of], of);
    }
    for (int i = 0; i < MIXED_GROUPS; i++)
        ops->group_free(port.transport.self, groups[i]);
}

static void group__freed_while_something_is_due_is_still_heard(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct client *client;
    chatroom_connection *connection = open_client(&client);
    struct chatroom_seat seat;
    void *group;

    (void)state;
    if (!ops->group_new)
        skip();
    assert_int_equal(ops->group_new(port.transport.self, &group), CHATROOM_OK);
    assert_int_equal(ops->group_add(port.transport.self, group, connection->peer, &seat), CHATROOM_OK);
    send_to_group(group, "the last");
    send_to_group(group, "words");
    ops->group_remove(port.transport.self, group, connection->peer, &seat);
    ops->group_free(port.transport.self, group);
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("the last"));
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("words"));
}

static void due__counts_those_to_whom_flush_writes(void **state)
{
    struct client *first, *second;
    chatroom_connection *a = open_client(&first), *b = open_client(&second);

    (void)state;
    if (!port.transport.ops->due)
        skip();
    some_turns();
    assert_int_equal(port.transport.ops->due(port.transport.self), 0);
    assert_int_equal(send_to(a, CHATROOM_TEXT_MESSAGE, chatroom_str("x")), CHATROOM_OK);
    assert_int_equal(send_to(a, CHATROOM_TEXT_MESSAGE, chatroom_str("y")), CHATROOM_OK);
    assert_int_equal(port.transport.ops->due(port.transport.self), 1);
    assert_int_equal(send_to(b, CHATROOM_TEXT_MESSAGE, chatroom_str("x")), CHATROOM_OK);
    assert_int_equal(port.transport.ops->due(port.transport.self), 2);
    some_turns();
    assert_int_equal(port.transport.ops->due(port.transport.self), 0);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void *wake(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        port.transport.ops->wake(port.transport.self);
    return NULL;
}

static void wake__makes_fd_readable_until_the_next_step(void **state)
{
    struct pollfd ready = {.events = POLLIN};
    pthread_t thread;

    (void)state;
    if (!port.transport.ops->wake || !port.transport.ops->fd)
        skip();
    ready.fd = port.transport.ops->fd(port.transport.self);
    assert_int_equal(poll(&ready, 1, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(poll(&ready, 1, 0), 1);
    turn();
    assert_int_equal(poll(&ready, 1, 0), 0);
}

static void watch__makes_fd_readable_while_the_descriptor_is(void **state)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct pollfd ready = {.events = POLLIN};
    int ends[2];
    char octet;

    (void)state;
    if (!ops->watch || !ops->fd)
        skip();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ops->watch(port.transport.self, ends[0]), CHATROOM_OK);
    ready.fd = ops->fd(port.transport.self);
    some_turns();
    assert_int_equal(poll(&ready, 1, 0), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (int i = 0; i < 3; i++) { /* step() leaves it alone */
        assert_int_equal(poll(&ready, 1, 0), 1);
        turn();
    }
    assert_int_equal(read(ends[0], &octet, 1), 1);
    assert_int_equal(poll(&ready, 1, 0), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(poll(&ready, 1, 0), 1);
    close(ends[0]); /* it is not watched any more */
    assert_int_equal(poll(&ready, 1, 0), 0);
    close(ends[1]);
    assert_int_equal(ops->watch(port.transport.self, -1), CHATROOM_ESYSTEM);
}

static void busy__until_what_was_queued_is_written(void **state)
{
    struct client *client;
    chatroom_connection *connection = open_client(&client);

    (void)state;
    if (!port.transport.ops->busy)
        skip();
    UNTIL(!port.transport.ops->busy(port.transport.self));
    assert_int_equal(send_to(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("x")), CHATROOM_OK);
    assert_true(port.transport.ops->busy(port.transport.self));
    assert_receives(client, CHATROOM_TEXT_MESSAGE, chatroom_str("x"));
    UNTIL(!port.transport.ops->busy(port.transport.self)); /* with threads it may be a moment until that is known */
}

static void deadline__idle_transport_does_not_spin(void **state)
{
    struct client *client;

    (void)state;
    if (!port.transport.ops->deadline)
        skip();
    open_client(&client);
    some_turns();
    assert_true(port.transport.ops->deadline(port.transport.self) > port.now.mono_ns);
}

int transport_suite(const char *name, const struct client_driver *of)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(opening__is_answered_later_and_what_came_meanwhile_is_kept),
        TEST(opening__refusal_is_the_end_and_not_reported),
        TEST(opening__core_that_takes_no_more_hears_nothing_of_it_again),
        TEST(opening__client_that_goes_meanwhile_is_reported_at_the_latest_when_it_is_accepted),
        TEST(message__comes_whole_with_its_kind),
        TEST(message__many_at_once_keep_their_order),
        TEST(send__references_are_shared_and_given_back),
        TEST(send__is_bounded_and_ends_with_whom_does_not_read),
        TEST(offer__at_the_limit_takes_nothing_and_who_reads_on_misses_nothing),
        TEST(offer__of_the_longest_message_fits_an_empty_queue),
        TEST(offer__keeps_its_place_among_what_is_sent_and_ends_with_close),
        TEST(close__goes_behind_what_was_queued),
        TEST(closed__by_the_client_with_its_code),
        TEST(closed__by_the_network_is_1006),
        TEST(stop__lets_nobody_in_and_nobody_down),
        TEST(close_all__ends_everyone),
        TEST(group__everyone_in_it_hears_the_same),
        TEST(group__member_that_closes_is_passed_over),
        TEST(group__calls_of_all_kinds_are_heard_in_their_order),
        TEST(group__freed_while_something_is_due_is_still_heard),
        TEST(active_at__moves_with_messages_of_both_directions_and_of_groups),
        TEST(due__counts_those_to_whom_flush_writes),
        TEST(wake__makes_fd_readable_until_the_next_step),
        TEST(watch__makes_fd_readable_while_the_descriptor_is),
        TEST(busy__until_what_was_queued_is_written),
        TEST(deadline__idle_transport_does_not_spin),
    };

    driver = of;
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
