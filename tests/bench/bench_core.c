/*
 * bench_core.c: what the core does for a message, between a transport that moves nothing and a store that keeps
 * nothing.
 *
 * A message to a handler that does nothing: scan, route, request, handler. A message to a room: the same through the
 * chat's handler, to the store and back, encoded once, and one call for the room's members.
 */
#include <chatroom/chatroom.h>
#include <chatroom/transport.h>

#include "measure.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEERS = 1000, STEP_MESSAGES = 32 };

/* ---- a transport that moves nothing ----------------------------------------------------------------------------- */

struct peer {
    chatroom_connection *connection;
};

struct stub {
    chatroom_transport_port *port;
    struct peer peers[PEERS];
    size_t opened, wanted;
    struct peer *sender;
    chatroom_span message;
    unsigned pending;  /* messages of the sender still to come */
    uint64_t received; /* frames, by all */
};

static int stub_open(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    (void)error;
    ((struct stub *)self)->port = port;
    return CHATROOM_OK;
}

static void stub_accept(void *self, void *peer, const struct chatroom_answer *answer)
{
    (void)self, (void)peer;
    if (answer->status != 101)
        abort();
}

static int stub_send(void *self, void *peer, chatroom_frame *frame)
{
    (void)peer, (void)frame;
    ((struct stub *)self)->received++;
    return CHATROOM_OK;
}

static void stub_close(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    (void)self, (void)peer, (void)code, (void)reason;
}

/* Everyone is in every group. */
static int stub_group_new(void *self, void **ret_group)
{
    *ret_group = self;
    return CHATROOM_OK;
}

static int stub_group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group, (void)peer, (void)seat;
    return CHATROOM_OK;
}

static void stub_group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group, (void)peer, (void)seat;
}

static void stub_group_send(void *self, void *group, chatroom_frame *frame)
{
    struct stub *stub = self;

    (void)group;
    for (size_t i = 0; i < stub->opened; i++)
        (void)stub_send(self, &stub->peers[i], frame); /* cannot fail */
}

static void stub_group_free(void *self, void *group)
{
    (void)self, (void)group;
}

static void stub_step(void *self, struct chatroom_now now)
{
    const struct chatroom_request_head head = {.target = chatroom_str("/"), .source_ip = chatroom_str("192.0.2.1")};
    struct stub *stub = self;

    (void)now;
    for (; stub->opened < stub->wanted; stub->opened++) {
        struct peer *peer = &stub->peers[stub->opened];

        if (chatroom_transport_opening(stub->port, peer, &head, &peer->connection))
            abort();
    }
    for (unsigned i = 0; i < STEP_MESSAGES && stub->pending > 0; i++, stub->pending--)
        chatroom_transport_message(stub->sender->connection, CHATROOM_TEXT_MESSAGE, stub->message);
}

static void stub_stop(void *self)
{
    (void)self;
}

static void stub_close_all(void *self)
{
    struct stub *stub = self;

    for (size_t i = 0; i < stub->opened; i++)
        chatroom_transport_closed(stub->peers[i].connection, 1006, chatroom_str(""), CHATROOM_BY_NETWORK);
}

static const struct chatroom_transport_ops stub_ops = {
    CHATROOM_TRANSPORT_OPS,
    .name = "stub",
    .open = stub_open,
    .accept = stub_accept,
    .send = stub_send,
    .close = stub_close,
    .group_new = stub_group_new,
    .group_add = stub_group_add,
    .group_remove = stub_group_remove,
    .group_send = stub_group_send,
    .group_free = stub_group_free,
    .step = stub_step,
    .stop = stub_stop,
    .close_all = stub_close_all,
};

/* ---- a store that keeps nothing --------------------------------------------------------------------------------- */

static int nothing_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    (void)self, (void)port, (void)error;
    return CHATROOM_OK;
}

static int nothing_submit(void *self, struct chatroom_ticket *ticket)
{
    uint64_t *newest = self;

    for (size_t i = 0; i < ticket->count; i++) {
        ticket->writes[i].ret_seq = ticket->writes[i].kind == CHATROOM_APPEND ? ++*newest : *newest;
        ticket->writes[i].ret_epoch = 1;
        ticket->writes[i].ret_again = false;
    }
    chatroom_write_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static int nothing_read(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    ticket->read.ret_epoch = 1;
    chatroom_read_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static void nothing_close(void *self)
{
    (void)self;
}

static const struct chatroom_store_ops nothing_ops = {
    CHATROOM_STORE_OPS,       .name = "nothing",    .open = nothing_open,
    .submit = nothing_submit, .read = nothing_read, .close = nothing_close,
};

/* ---- an instance ------------------------------------------------------------------------------------------------ */

struct bench {
    struct stub stub;
    uint64_t newest;
    struct chatroom_now now;
    chatroom *c;
    uint64_t handled;
};

static int nothing(chatroom_request *request, void *arg)
{
    (void)request;
    ((struct bench *)arg)->handled++;
    return CHATROOM_OK;
}

static void step(struct bench *b)
{
    b->now.mono_ns += 1000000;
    if (chatroom_step(b->c, b->now))
        abort();
}

static void settle(struct bench *b)
{
    for (int i = 0; i < 8; i++)
        step(b);
}

static void say(struct bench *b, size_t sender, chatroom_span message, unsigned times)
{
    b->stub.sender = &b->stub.peers[sender];
    b->stub.message = message;
    b->stub.pending = times;
    while (b->stub.pending > 0)
        step(b);
}

/* The first of so many peers has a name of its own; all are in one room. */
static struct bench *start(size_t peers)
{
    struct bench *b = calloc(1, sizeof *b);
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error = {0};
    char name[64];

    if (!b)
        abort();
    config.transport = (struct chatroom_transport){&stub_ops, &b->stub};
    config.store = (struct chatroom_store){&nothing_ops, &b->newest};
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.limits.connections = PEERS;
    chat.rate_limits = false;
    b->stub.wanted = peers;
    b->now = (struct chatroom_now){1, 1};
    if (chatroom_new(&config, &b->c, &error) || chatroom_chat(b->c, &chat) ||
        chatroom_route(b->c, "nothing", nothing, b) || chatroom_start(b->c, b->now, &error))
        abort();
    settle(b);
    for (size_t i = 0; i < peers; i++) {
        snprintf(name, sizeof name, "{\"action\":\"register\",\"value\":\"u%zu\"}", i);
        say(b, i, chatroom_str(name), 1);
        say(b, i, chatroom_str("{\"action\":\"join-room\",\"value\":\"room\"}"), 1);
    }
    settle(b);
    return b;
}

static void end(struct bench *b)
{
    chatroom_free(b->c);
    free(b);
}

/* ---- what is measured ------------------------------------------------------------------------------------------- */

struct operation {
    struct bench *bench;
    chatroom_span message;
};

static void handle(void *arg, unsigned times)
{
    const struct operation *operation = arg;
    uint64_t before = operation->bench->handled;

    say(operation->bench, 0, operation->message, times);
    if (operation->bench->handled - before != times)
        abort();
}

static void publish(void *arg, unsigned times)
{
    const struct operation *operation = arg;
    struct bench *b = operation->bench;
    uint64_t before = b->stub.received;

    say(b, 0, operation->message, times);
    if (b->stub.received - before != (uint64_t)times * b->stub.opened)
        abort();
}

static void measure_message(const char *name, struct bench *b, measure_fn *what, const char *action, size_t size)
{
    char *text = malloc(size + 128);
    int used;

    if (!text)
        abort();
    used = sprintf(text, "{\"action\":\"%s\",\"room\":\"room\",\"value\":\"", action);
    memset(text + used, 'x', size);
    memcpy(text + used + size, "\"}", 2);
    struct operation operation = {b, chatroom_bytes(text, (size_t)used + size + 2)};

    measure(name, what, &operation, what == publish ? (unsigned)b->stub.opened : 1);
    free(text);
}

int main(void)
{
    struct bench *alone = start(1), *crowd = start(PEERS);

    measure_message("message to a handler, 64 B", alone, handle, "nothing", 64);
    measure_message("message to a handler, 1 KiB", alone, handle, "nothing", 1024);
    measure_message("message to a handler, 32 KiB", alone, handle, "nothing", 32 * 1024);
    measure_message("publish to a room of 1, 64 B", alone, publish, "dispatch", 64);
    measure_message("publish to a room of 1,000, 64 B", crowd, publish, "dispatch", 64);
    measure_message("publish to a room of 1,000, 1 KiB", crowd, publish, "dispatch", 1024);
    end(alone);
    end(crowd);
    return 0;
}
