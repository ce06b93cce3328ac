#include "wire.h"

#include <assert.h>
#include <stdlib.h>

enum what { CONNECT, SEND, CLOSE };

struct event {
    struct event *next;
    enum what what;
    size_t client;
    enum chatroom_message_kind kind;
    uint16_t code;
    size_t size;
    char bytes[];
};

struct message {
    struct message *next;
    char *text;
};

struct client {
    struct wire *wire;
    chatroom_connection *connection; /* NULL: not open, or closed */
    char id[16];
    uint16_t status, close_code;
    bool closing, closed, over;
    struct message *first, *last, *taken;
    size_t count, limit;
};

struct group {
    struct client *members[WIRE_CLIENTS];
    struct chatroom_seat *seats[WIRE_CLIENTS];
    size_t count;
};

struct wire {
    chatroom_transport_port *port;
    struct chatroom_transport_ops ops;
    struct event *first, *last;
    struct client clients[WIRE_CLIENTS];
    size_t count, groups;
    bool stopped;
    bool (*fails)(void *arg);
    void *fails_arg;
};

/* ---- the clients ---- */

static struct event *add_event(struct wire *wire, enum what what, size_t client, const void *bytes, size_t size)
{
    struct event *event = malloc(sizeof *event + size + 1);

    *event = (struct event){.what = what, .client = client, .kind = CHATROOM_TEXT_MESSAGE, .size = size};
    if (size > 0)
        memcpy(event->bytes, bytes, size);
    event->bytes[size] = '\0';
    if (wire->last)
        wire->last->next = event;
    else
        wire->first = event;
    wire->last = event;
    return event;
}

size_t wire_connect(struct wire *wire, const char *target)
{
    size_t client = wire->count++;

    assert(client < WIRE_CLIENTS);
    wire->clients[client] = (struct client){.wire = wire, .limit = SIZE_MAX};
    add_event(wire, CONNECT, client, target, strlen(target));
    return client;
}

void wire_send_kind(struct wire *wire, size_t client, enum chatroom_message_kind kind, chatroom_span message)
{
    add_event(wire, SEND, client, message.bytes, message.size)->kind = kind;
}

void wire_send(struct wire *wire, size_t client, const char *text)
{
    wire_send_kind(wire, client, CHATROOM_TEXT_MESSAGE, chatroom_str(text));
}

void wire_close(struct wire *wire, size_t client, uint16_t code)
{
    add_event(wire, CLOSE, client, NULL, 0)->code = code;
}

void wire_limit(struct wire *wire, size_t client, size_t messages)
{
    wire->clients[client].limit = messages;
}

void wire_set_fault(struct wire *wire, bool (*fails)(void *arg), void *arg)
{
    wire->fails = fails;
    wire->fails_arg = arg;
}

static bool fails(const struct wire *wire)
{
    return wire->fails && wire->fails(wire->fails_arg);
}

bool wire_is_open(const struct wire *wire, size_t client)
{
    return wire->clients[client].status == 101 && wire->clients[client].connection;
}

bool wire_is_over(const struct wire *wire, size_t client)
{
    return wire->clients[client].over;
}

size_t wire_queued(const struct wire *wire, size_t client)
{
    return wire->clients[client].count;
}

uint16_t wire_status(const struct wire *wire, size_t client)
{
    return wire->clients[client].status;
}

uint16_t wire_close_code(const struct wire *wire, size_t client)
{
    return wire->clients[client].close_code;
}

chatroom_span wire_id(const struct wire *wire, size_t client)
{
    return chatroom_bytes(wire->clients[client].id, sizeof wire->clients[client].id);
}

static void free_message(struct message *message)
{
    if (message)
        free(message->text);
    free(message);
}

const char *wire_take(struct wire *wire, size_t client)
{
    struct client *c = &wire->clients[client];

    free_message(c->taken);
    c->taken = c->first;
    if (!c->taken)
        return NULL;
    c->first = c->taken->next;
    if (!c->first)
        c->last = NULL;
    c->count--;
    return c->taken->text;
}

void wire_drain(struct wire *wire, size_t client)
{
    while (wire_take(wire, client))
        continue;
}

/* ---- the table ---- */

static int wire_open(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    struct wire *wire = self;

    (void)error;
    wire->port = port;
    return CHATROOM_OK;
}

static void wire_accept(void *self, void *peer, const struct chatroom_answer *answer)
{
    struct client *client = peer;

    (void)self;
    assert(client->status == 0);
    client->status = answer->status;
    if (answer->status != 101) {
        client->connection = NULL;
        client->over = true;
    }
}

static int wire_send_frame(void *self, void *peer, chatroom_frame *frame)
{
    struct client *client = peer;
    size_t size = chatroom_frame_payload_size(frame);
    struct message *message;

    (void)self;
    assert(client->connection && client->status == 101);
    if (client->closing)
        return CHATROOM_EGONE;
    if (client->count >= client->limit || fails(client->wire)) {
        client->closing =
            true; /* as a transport does with one that does not keep up: from the next step on it is gone */
        client->closed = true;
        add_event(client->wire, CLOSE, (size_t)(client - client->wire->clients), NULL, 0);
        return CHATROOM_EAGAIN;
    }
    message = calloc(1, sizeof *message);
    message->text = calloc(1, size + 1);
    chatroom_frame_payload(frame, message->text);
    if (client->last)
        client->last->next = message;
    else
        client->first = message;
    client->last = message;
    client->count++;
    return CHATROOM_OK;
}

static void wire_close_peer(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    struct client *client = peer;

    (void)self, (void)reason;
    if (client->closing)
        return;
    client->closing = true;
    client->close_code = code;
    add_event(client->wire, CLOSE, (size_t)(client - client->wire->clients), NULL, 0)->code = code;
}

static int wire_group_new(void *self, void **ret_group)
{
    struct wire *wire = self;

    if (fails(wire))
        return CHATROOM_ENOMEM;
    *ret_group = calloc(1, sizeof(struct group));
    wire->groups++;
    return CHATROOM_OK;
}

static int wire_group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    struct group *g = group;

    if (fails(self))
        return CHATROOM_ENOMEM;
    seat->place = g->count;
    g->seats[g->count] = seat;
    g->members[g->count++] = peer;
    return CHATROOM_OK;
}

static void wire_group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    struct group *g = group;
    size_t place = seat->place;

    (void)self;
    assert(place < g->count && g->members[place] == peer);
    g->members[place] = g->members[--g->count];
    g->seats[place] = g->seats[g->count];
    g->seats[place]->place = place;
}

static void wire_group_send(void *self, void *group, chatroom_frame *frame)
{
    struct group *g = group;

    for (size_t i = 0; i < g->count; i++)
        (void)wire_send_frame(self, g->members[i], frame); /* a full one is on its way out */
}

static void wire_group_free(void *self, void *group)
{
    struct wire *wire = self;

    assert(((struct group *)group)->count == 0);
    wire->groups--;
    free(group);
}

static void do_connect(struct wire *wire, struct client *client, const struct event *event)
{
    const struct chatroom_header headers[] = {{chatroom_str("User-Agent"), chatroom_str("wire")}};
    const struct chatroom_request_head head = {chatroom_bytes(event->bytes, event->size), headers, 1,
                                               chatroom_str("192.0.2.1")};
    int result;

    result =
        wire->stopped ? CHATROOM_ECLOSED : chatroom_transport_opening(wire->port, client, &head, &client->connection);
    if (result != CHATROOM_OK) {
        client->status = 503;
        client->over = true;
    } else {
        memcpy(client->id, chatroom_transport_connection_id(client->connection).bytes, sizeof client->id);
    }
}

static void do_close(struct client *client, uint16_t code)
{
    chatroom_connection *connection = client->connection;
    bool ours = client->closing && !client->closed && code == client->close_code;

    if (!connection)
        return;
    client->closing = client->over = true;
    client->connection = NULL;
    chatroom_transport_closed(connection, code ? code : 1006, chatroom_str(""),
                              ours   ? CHATROOM_BY_SERVER
                              : code ? CHATROOM_BY_CLIENT
                                     : CHATROOM_BY_NETWORK);
}

/* False: not yet, it has not been answered. */
static bool happen(struct wire *wire, const struct event *event)
{
    struct client *client = &wire->clients[event->client];

    switch (event->what) {
    case CONNECT:
        do_connect(wire, client, event);
        return true;
    case SEND:
        if (client->connection && client->status == 0)
            return false;
        if (client->connection && !client->closing)
            chatroom_transport_message(client->connection, event->kind, chatroom_bytes(event->bytes, event->size));
        return true;
    case CLOSE:
        do_close(client, event->code);
        return true;
    }
    return true;
}

static void wire_step(void *self, struct chatroom_now now)
{
    struct wire *wire = self;
    struct event *event = wire->first, *next;

    (void)now;
    wire->first = wire->last = NULL;
    for (; event; event = next) {
        next = event->next;
        if (happen(wire, event)) {
            free(event);
            continue;
        }
        event->next = NULL;
        if (wire->last)
            wire->last->next = event;
        else
            wire->first = event;
        wire->last = event;
    }
}

static void wire_stop(void *self)
{
    ((struct wire *)self)->stopped = true;
}

static bool wire_busy(void *self)
{
    return ((struct wire *)self)->first != NULL;
}

static void wire_close_all(void *self)
{
    struct wire *wire = self;

    assert(wire->groups == 0);
    for (size_t i = 0; i < wire->count; i++)
        do_close(&wire->clients[i], 0);
}

/* ---- life ---- */

struct wire *wire_new(bool groups)
{
    struct wire *wire = calloc(1, sizeof *wire);

    wire->ops = (struct chatroom_transport_ops){
        CHATROOM_TRANSPORT_OPS,      .name = "wire",          .open = wire_open,
        .accept = wire_accept,       .send = wire_send_frame, .close = wire_close_peer,
        .step = wire_step,           .stop = wire_stop,       .busy = wire_busy,
        .close_all = wire_close_all,
    };
    if (groups) {
        wire->ops.group_new = wire_group_new;
        wire->ops.group_add = wire_group_add;
        wire->ops.group_remove = wire_group_remove;
        wire->ops.group_send = wire_group_send;
        wire->ops.group_free = wire_group_free;
    }
    return wire;
}

void wire_free(struct wire *wire)
{
    struct event *event = wire->first, *next;

    for (; event; event = next) {
        next = event->next;
        free(event);
    }
    for (size_t i = 0; i < wire->count; i++) {
        wire_drain(wire, i);
        free_message(wire->clients[i].taken);
    }
    free(wire);
}

struct chatroom_transport wire_transport(struct wire *wire)
{
    return (struct chatroom_transport){&wire->ops, wire};
}
