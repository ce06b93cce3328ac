/* What is only so with threads: what holds the owner and the workers together, and what keeps them apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_port.h"
#include "ws_client.h"

#include "threaded.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#define TURNS_MOST 30000 /* of a millisecond, until something is said not to happen any more */
#define CLIENTS    4

static struct chatroom_transport_port port;
static struct ws_client *clients[CLIENTS];
static size_t client_count;
static size_t descriptors;
static size_t messages;
static size_t closed;
static bool echoes; /* at the end of the step, as a core does */
static struct {
    chatroom_connection *to; /* NULL: it is gone */
    char text[16];
} echo[8];
static size_t echo_count;

/* A member of a group, until its connection is closed. */
static struct {
    chatroom_connection *connection;
    void *group;
    struct chatroom_seat seat;
} member;

static void member_leaves(void)
{
    port.transport.ops->group_remove(port.transport.self, member.group, member.connection->peer, &member.seat);
    member.connection = NULL;
}

/* ---- threads that do not start ----------------------------------------------------------------------------------- */

static int starts_left = -1; /* -1: any number */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    if (starts_left == 0)
        return EAGAIN;
    starts_left -= starts_left > 0;
    return __real_pthread_create(thread, attributes, run, arg);
}

/* ---- both sides -------------------------------------------------------------------------------------------------- */

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

static void on_message(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message)
{
    char number[16];

    snprintf(number, sizeof number, "%zu", messages);
    if (message.size < sizeof number) /* those are numbers, in their order */
        assert_true(chatroom_span_equal(message, chatroom_str(number)));
    messages++;
    if (!echoes)
        return;
    (void)kind;
    assert_in_range(echo_count, 0, sizeof echo / sizeof echo[0] - 1);
    snprintf(echo[echo_count].text, sizeof echo[0].text, "%.*s", (int)message.size, message.bytes);
    echo[echo_count++].to = connection;
}

static void send_echoes(void)
{
    for (size_t i = 0; i < echo_count; i++)
        if (echo[i].to)
            port_send(echo[i].to, CHATROOM_TEXT_MESSAGE, chatroom_str(echo[i].text));
    echo_count = 0;
}

static void on_closed(struct chatroom_connection *connection, uint16_t code, chatroom_span reason,
                      enum chatroom_party by)
{
    (void)code;
    (void)reason;
    (void)by;
    if (member.connection == connection)
        member_leaves();
    for (size_t i = 0; i < echo_count; i++)
        if (echo[i].to == connection)
            echo[i].to = NULL;
    closed++;
}

static int make(unsigned threads, struct chatroom_error *error)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;

    options.listen = listen;
    options.listen_count = 1;
    options.threads = threads;
    port = (struct chatroom_transport_port){.message = on_message, .closed = on_closed};
    assert_int_equal(chatroom_ws_epoll(&options, &port.transport, error), CHATROOM_OK);
    return port.transport.ops->open(port.transport.self, &port, error);
}

static struct ws_threaded *transport(void)
{
    return port.transport.self;
}

static int begin(void **state)
{
    (void)state;
    descriptors = count_descriptors();
    messages = closed = echo_count = 0;
    echoes = false;
    return make(2, NULL);
}

static int end(void **state)
{
    (void)state;
    while (client_count > 0)
        ws_client_free(clients[--client_count]);
    port.transport.ops->close_all(port.transport.self);
    return port.count != 0 || count_descriptors() != descriptors;
}

static void clients_work(void)
{
    for (size_t i = 0; i < client_count; i++)
        ws_client_work(clients[i]);
}

static void turn(void)
{
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct pollfd ready = {.fd = ops->fd(port.transport.self), .events = POLLIN};

    poll(&ready, 1, 1);
    port.now.mono_ns = ws_system_ns();
    ops->step(port.transport.self, port.now);
    send_echoes();
    ops->flush(port.transport.self);
    clients_work();
}

#define UNTIL_AFTER(work, condition)                        \
    do {                                                    \
        int turns = 0;                                      \
        for (; !(condition) && turns < TURNS_MOST; turns++) \
            work;                                           \
        if (turns == TURNS_MOST)                            \
            fail_msg("in vain: %s", #condition);            \
    } while (0)
#define UNTIL(condition) UNTIL_AFTER(turn(), condition)

/* The first is of the first worker, the second of the second: each comes to the one that has fewest. */
static struct chatroom_connection *open_client(struct ws_client **ret_client)
{
    char address[64];

    assert_int_equal(chatroom_ws_epoll_address(&port.transport, 0, address, sizeof address), CHATROOM_OK);
    *ret_client = clients[client_count++] = ws_client_new(address);
    assert_non_null(*ret_client);
    ws_client_put_request(*ret_client, "/", "");
    UNTIL((*ret_client)->status == 101);
    return port.connections;
}

static void expect(struct ws_client *client, uint8_t first, const char *payload)
{
    chatroom_span got = {NULL, 0};
    uint8_t got_first = 0;

    UNTIL(ws_client_take(client, &got_first, &got));
    assert_int_equal(got_first, first);
    assert_true(chatroom_span_equal(got, chatroom_str(payload)));
}

/* ---- a worker that is held --------------------------------------------------------------------------------------- */

struct hold {
    struct ws_node node;
    pthread_mutex_t lock;
    atomic_bool held;
    atomic_bool over;
};

static void take_hold(struct ws_node *node)
{
    struct hold *hold = (struct hold *)node;

    atomic_store(&hold->held, true);
    pthread_mutex_lock(&hold->lock);
    pthread_mutex_unlock(&hold->lock);
    atomic_store(&hold->over, true);
}

static void hold_worker(struct hold *hold, size_t n)
{
    *hold = (struct hold){.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&hold->lock);
    ws_post(&transport()->workers[n], &hold->node, take_hold, 1);
    ws_worker_flush(&transport()->workers[n]);
    UNTIL_AFTER(poll(NULL, 0, 1), atomic_load(&hold->held));
}

static void release_worker(struct hold *hold)
{
    pthread_mutex_unlock(&hold->lock);
    UNTIL_AFTER(poll(NULL, 0, 1), atomic_load(&hold->over));
    pthread_mutex_destroy(&hold->lock);
}

/* ---- mailboxes --------------------------------------------------------------------------------------------------- */

#define NODES 100000

struct number {
    struct ws_node node;
    size_t value;
};

struct exchange {
    struct ws_mailbox mailbox;
    struct number *numbers;
    atomic_size_t wakes;
};

static size_t next_number;

static void take_number(struct ws_node *node)
{
    assert_int_equal(((struct number *)node)->value, next_number);
    next_number++;
}

static void *put_numbers(void *arg)
{
    struct exchange *exchange = arg;
    struct ws_nodes nodes = {NULL, NULL, 0};

    for (size_t i = 0; i < NODES; i++) {
        exchange->numbers[i].value = i;
        ws_nodes_add(&nodes, &exchange->numbers[i].node, take_number, 1);
        if (i % 7 == 6 || i == NODES - 1)
            atomic_fetch_add(&exchange->wakes, ws_mailbox_put(&exchange->mailbox, &nodes));
    }
    return NULL;
}

/* Each time that the receiver sleeps, one of those who put something in is told to wake it. */
static void mailbox__brings_all_in_order_and_wakes_who_sleeps(void **state)
{
    struct exchange exchange = {.numbers = calloc(NODES, sizeof(struct number))};
    struct ws_nodes nodes = {NULL, NULL, 0};
    size_t sleeps = 0;
    pthread_t thread;

    (void)state;
    assert_non_null(exchange.numbers);
    next_number = 0;
    ws_mailbox_init(&exchange.mailbox);
    assert_int_equal(pthread_create(&thread, NULL, put_numbers, &exchange), 0);
    while (next_number < NODES) {
        if (ws_mailbox_sleep(&exchange.mailbox)) {
            sleeps++;
            UNTIL_AFTER(poll(NULL, 0, 1), atomic_load(&exchange.wakes) == sleeps);
        }
        ws_mailbox_take(&exchange.mailbox, &nodes, false);
        ws_nodes_run(&nodes);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(exchange.wakes, sleeps);
    ws_mailbox_fini(&exchange.mailbox);
    free(exchange.numbers);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static void fence__pong_and_close_come_behind_the_answer_to_what_came_before(void **state)
{
    struct ws_client *client;

    (void)state;
    echoes = true;
    open_client(&client);
    ws_client_put_frame(client, 0x80 | WS_TEXT, "0", 1);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "ping", 4);
    ws_client_put_frame(client, 0x80 | WS_TEXT, "1", 1);
    ws_client_put_frame(client, 0x80 | WS_CLOSE_FRAME, "\x03\xe8", 2);
    expect(client, 0x80 | WS_TEXT, "0");
    expect(client, 0x80 | WS_PONG_FRAME, "ping");
    expect(client, 0x80 | WS_TEXT, "1");
    expect(client, 0x80 | WS_CLOSE_FRAME, "\x03\xe8");
    UNTIL(closed == 1);
}

static void fence__who_sends_no_more_gets_the_answer_to_what_it_sent(void **state)
{
    struct ws_client *client;

    (void)state;
    echoes = true;
    open_client(&client);
    ws_client_put_frame(client, 0x80 | WS_TEXT, "0", 1);
    ws_client_work(client);
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
    expect(client, 0x80 | WS_TEXT, "0");
    UNTIL(closed == 1 && client->ended);
}

static void fence__of_one_who_goes_meanwhile_is_no_harm(void **state)
{
    (void)state;
    echoes = true;
    for (int i = 0; i < 50; i++) {
        struct ws_client *client;

        open_client(&client);
        messages = 0;
        ws_client_put_frame(client, 0x80 | WS_TEXT, "0", 1);
        ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "", 0);
        ws_client_work(client);
        if (i % 2)
            poll(NULL, 0, 1);
        ws_client_cut(client);
        UNTIL(closed == (size_t)i + 1);
        ws_client_free(clients[--client_count]);
    }
}

/* ---- neither runs away from the other ---------------------------------------------------------------------------- */

static void full__worker_takes_no_more_input_than_the_owner_can_hear_and_loses_none(void **state)
{
    struct ws_worker *worker = &transport()->workers[0];
    struct ws_client *client;
    size_t sent = 0, before = 0;
    char number[16];

    (void)state;
    open_client(&client);
    for (; sent < 200000; sent++) /* as nodes some 10 MB */
        ws_client_put_frame(client, 0x80 | WS_TEXT, number, (size_t)snprintf(number, sizeof number, "%zu", sent));
    UNTIL_AFTER((poll(NULL, 0, 1), clients_work()), atomic_load(&worker->unheard) >= WS_WAITING_MOST);
    for (int i = 0; i < 100; i++) { /* the owner does not come, the client goes on */
        poll(NULL, 0, 1);
        clients_work();
    }
    before = atomic_load(&worker->unheard);
    assert_in_range(before, WS_WAITING_MOST, WS_WAITING_MOST + WS_TURN_FRAMES * 128);
    ws_client_put_frame(client, 0x80 | WS_PING_FRAME, "end", 3);
    UNTIL(messages == sent);
    expect(client, 0x80 | WS_PONG_FRAME, "end");
    assert_int_equal(atomic_load(&worker->unheard), 0);
}

static void behind__owner_hears_nothing_while_a_worker_has_much_to_do(void **state)
{
    static char text[20000];
    struct ws_client *first, *second;
    chatroom_frame *frame = chatroom_frame_new(NULL, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text), 0);
    const struct chatroom_transport_ops *ops = port.transport.ops;
    struct hold hold;
    size_t size = 0;

    (void)state;
    assert_non_null(frame);
    member.connection = open_client(&first);
    open_client(&second);
    assert_int_equal(ops->group_new(port.transport.self, &member.group), CHATROOM_OK);
    assert_int_equal(ops->group_add(port.transport.self, member.group, member.connection->peer, &member.seat),
                     CHATROOM_OK);
    turn();
    UNTIL(!ops->busy(port.transport.self));
    hold_worker(&hold, 0);
    for (; size < WS_WAITING_MOST; size += sizeof text)
        ops->group_send(port.transport.self, member.group, frame);
    turn();
    ws_client_put_frame(second, 0x80 | WS_TEXT, "0", 1);
    for (int i = 0; i < 50; i++)
        turn();
    assert_int_equal(messages, 0);
    release_worker(&hold);
    UNTIL(messages == 1);
    UNTIL(closed == 1 || first->in_size >= size); /* unless it did not keep up either */
    if (member.connection)
        member_leaves();
    ops->group_free(port.transport.self, member.group);
    chatroom_frame_unref(frame);
}

static void send__on_its_way_is_bounded_without_asking_the_worker(void **state)
{
    static char text[65536];
    struct chatroom_connection *connection;
    struct ws_client *client;
    struct hold hold;
    size_t sent = 0;
    int rc;

    (void)state;
    connection = open_client(&client);
    hold_worker(&hold, 0);
    while ((rc = port_send(connection, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text))) == CHATROOM_OK)
        assert_in_range(++sent, 1, 17); /* 1 MiB, and what the kernel would take */
    assert_int_equal(rc, CHATROOM_EAGAIN);
    assert_int_equal(port_send(connection, CHATROOM_TEXT_MESSAGE, chatroom_str("x")), CHATROOM_EGONE);
    assert_int_equal(closed, 0);
    release_worker(&hold);
    UNTIL(closed == 1);
}

static void offer__is_bounded_without_asking_the_worker_and_the_peer_stays(void **state)
{
    static char text[65536];
    struct chatroom_connection *connection;
    struct ws_client *client;
    struct hold hold;
    size_t sent = 0;
    int rc;

    (void)state;
    connection = open_client(&client);
    hold_worker(&hold, 0);
    while ((rc = port_offer(connection, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text))) == CHATROOM_OK)
        assert_in_range(++sent, 1, 4); /* the soft limit is 256 KiB */
    assert_int_equal(rc, CHATROOM_EAGAIN);
    assert_in_range(sent, 2, 4);
    release_worker(&hold);
    UNTIL(client->in_size >= sent * (sizeof text + 10));
    UNTIL(!port.transport.ops->busy(port.transport.self));
    assert_int_equal(closed, 0);
    assert_int_equal(port_offer(connection, CHATROOM_BINARY_MESSAGE, chatroom_bytes(text, sizeof text)), CHATROOM_OK);
    UNTIL(client->in_size == (sent + 1) * (sizeof text + 10));
}

/* ---- the threads ------------------------------------------------------------------------------------------------- */

struct mask {
    struct ws_node node;
    atomic_bool taken;
    sigset_t blocked;
};

static void take_mask(struct ws_node *node)
{
    struct mask *mask = (struct mask *)node;

    pthread_sigmask(SIG_BLOCK, NULL, &mask->blocked);
    atomic_store(&mask->taken, true);
}

static void thread__blocks_all_signals_and_the_owner_does_not(void **state)
{
    struct mask mask = {.taken = false};
    sigset_t mine;

    (void)state;
    ws_post(&transport()->workers[1], &mask.node, take_mask, 1);
    ws_worker_flush(&transport()->workers[1]);
    UNTIL_AFTER(poll(NULL, 0, 1), atomic_load(&mask.taken));
    assert_int_equal(sigismember(&mask.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&mask.blocked, SIGINT), 1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void F23_thread_that_cannot_be_started_is_a_sentence_and_leaves_nothing(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    for (int count = 0; count < 3; count++) {
        struct chatroom_error error = {0};

        starts_left = count;
        assert_int_equal(make(3, &error), CHATROOM_ESYSTEM);
        assert_string_equal(error.text, "Cannot start a thread: Resource temporarily unavailable.");
        port.transport.ops->close_all(port.transport.self);
        assert_int_equal(count_descriptors(), before);
    }
    starts_left = -1;
}

static void options__threads_are_bounded(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_transport made;
    struct chatroom_error error;

    (void)state;
    options.listen = listen;
    options.listen_count = 1;
    options.threads = 65;
    assert_int_equal(chatroom_ws_epoll(&options, &made, &error), CHATROOM_EINVAL);
    assert_string_equal(error.text, "threads must not be more than 64.");
    options.threads = 64;
    assert_int_equal(chatroom_ws_epoll(&options, &made, &error), CHATROOM_OK);
    made.ops->close_all(made.self);                                     /* without having been opened */
    options.size = offsetof(struct chatroom_ws_epoll_options, threads); /* a program that does not know of them */
    assert_int_equal(chatroom_ws_epoll(&options, &made, &error), CHATROOM_OK);
    assert_non_null(made.ops->due);
    made.ops->close_all(made.self);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailbox__brings_all_in_order_and_wakes_who_sleeps),
        TEST(fence__pong_and_close_come_behind_the_answer_to_what_came_before),
        TEST(fence__who_sends_no_more_gets_the_answer_to_what_it_sent),
        TEST(fence__of_one_who_goes_meanwhile_is_no_harm),
        TEST(full__worker_takes_no_more_input_than_the_owner_can_hear_and_loses_none),
        TEST(behind__owner_hears_nothing_while_a_worker_has_much_to_do),
        TEST(send__on_its_way_is_bounded_without_asking_the_worker),
        TEST(offer__is_bounded_without_asking_the_worker_and_the_peer_stays),
        TEST(thread__blocks_all_signals_and_the_owner_does_not),
        cmocka_unit_test(F23_thread_that_cannot_be_started_is_a_sentence_and_leaves_nothing),
        cmocka_unit_test(options__threads_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
