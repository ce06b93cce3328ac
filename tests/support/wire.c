#include "wire.h"

#include <assert.h>
#include <stdlib.h>

enum what { CONNECT, SEND, CLOSE, HTTP };

struct event {
    struct event *next;
    enum what what;
    size_t client;
    enum chatroom_message_kind kind;
    uint16_t code;
    const struct wire_head *head;                /* CONNECT; NULL: the usual one */
    const struct chatroom_http_request *request; /* HTTP */
    struct wire_answer *answer;
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
    char close_reason[124], error_type[64], subprotocol[64], body[1024];
    bool closing, closed, over;
    struct message *first, *last, *taken;
    size_t count, limit, offers;
    uint64_t active_ns;
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
    int watched[WIRE_WATCHED];
    size_t watched_count;
    struct chatroom_now now;
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
    wire->clients[client] = (struct client){.wire = wire, .limit = SIZE_MAX, .offers = SIZE_MAX};
    add_event(wire, CONNECT, client, target, strlen(target));
    return client;
}

size_t wire_connect_as(struct wire *wire, const char *target, const struct wire_head *head)
{
    size_t client = wire_connect(wire, target);

    wire->last->head = head;
    return client;
}

void wire_http(struct wire *wire, const struct chatroom_http_request *request, struct wire_answer *ret_answer)
{
    struct event *event = add_event(wire, HTTP, 0, NULL, 0);

    event->request = request;
    event->answer = ret_answer;
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

void wire_limit_offers(struct wire *wire, size_t client, size_t messages)
{
    wire->clients[client].offers = messages;
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

const char *wire_close_reason(const struct wire *wire, size_t client)
{
    return wire->clients[client].close_reason;
}

const char *wire_error_type(const struct wire *wire, size_t client)
{
    return wire->clients[client].error_type;
}

const char *wire_body(const struct wire *wire, size_t client)
{
    return wire->clients[client].body;
}

const char *wire_subprotocol(const struct wire *wire, size_t client)
{
    return wire->clients[client].subprotocol;
}

void wire_set_active(struct wire *wire, size_t client, uint64_t mono_ns)
{
    wire->clients[client].active_ns = mono_ns;
}

size_t wire_watched(const struct wire *wire, int fd)
{
    size_t count = 0;

    for (size_t i = 0; i < wire->watched_count; i++)
        count += wire->watched[i] == fd;
    return count;
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

static void copy(char *to, size_t size, chatroom_span text)
{
    assert(text.size < size);
    if (text.size > 0)
        memcpy(to, text.bytes, text.size);
    to[text.size] = '\0';
}

static void wire_accept(void *self, void *peer, const struct chatroom_answer *answer)
{
    struct client *client = peer;

    (void)self;
    assert(client->status == 0);
    client->status = answer->status;
    client->active_ns = client->wire->now.mono_ns;
    copy(client->subprotocol, sizeof client->subprotocol, answer->subprotocol);
    copy(client->error_type, sizeof client->error_type, answer->error_type);
    copy(client->body, sizeof client->body, answer->body);
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
    client->active_ns = client->wire->now.mono_ns;
    return CHATROOM_OK;
}

static int wire_offer(void *self, void *peer, chatroom_frame *frame)
{
    const struct client *client = peer;

    if (client->count >= client->limit || client->count >= client->offers)
        return CHATROOM_EAGAIN;
    return wire_send_frame(self, peer, frame);
}

static uint64_t wire_active_at(void *self, void *peer)
{
    (void)self;
    return ((const struct client *)peer)->active_ns;
}

static int wire_watch(void *self, int fd)
{
    struct wire *wire = self;

    if (wire->watched_count == WIRE_WATCHED || fails(wire))
        return CHATROOM_ENOMEM;
    wire->watched[wire->watched_count++] = fd;
    return CHATROOM_OK;
}

static void wire_close_peer(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    struct client *client = peer;

    (void)self;
    if (client->closing)
        return;
    client->closing = true;
    copy(client->close_reason, sizeof client->close_reason, reason);
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
    struct chatroom_request_head head = {chatroom_bytes(event->bytes, event->size), headers, 1,
                                         chatroom_str("192.0.2.1")};
    int result;

    if (event->head) {
        head.headers = event->head->headers;
        head.header_count = event->head->count;
        head.source_ip = chatroom_str(event->head->source_ip);
    }
    result =
        wire->stopped ? CHATROOM_ECLOSED : chatroom_transport_opening(wire->port, client, &head, &client->connection);
    if (result != CHATROOM_OK) {
        client->status = 503;
        client->over = true;
    } else {
        memcpy(client->id, chatroom_transport_connection_id(client->connection).bytes, sizeof client->id);
    }
}

static void take_header(struct wire_answer *answer, const struct chatroom_header *header)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {{"x-amzn-ErrorType", offsetof(struct wire_answer, error_type)},
                 {"x-amzn-RequestId", offsetof(struct wire_answer, request_id)},
                 {"Content-Type", offsetof(struct wire_answer, content_type)},
                 {"Retry-After", offsetof(struct wire_answer, retry_after)},
                 {"Allow", offsetof(struct wire_answer, allow)}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (chatroom_span_equal(header->name, chatroom_str(known[i].name)))
            copy((char *)answer + known[i].offset, WIRE_HEADER_MOST, header->value);
}

static void do_http(struct wire *wire, const struct event *event)
{
    struct wire_answer *answer = event->answer;
    struct chatroom_http_answer given;

    memset(answer, 0, sizeof *answer);
    answer->wanted = chatroom_transport_http_wanted(wire->port, &event->request->head, &answer->body_bytes);
    if (answer->wanted != CHATROOM_OK)
        return;
    chatroom_transport_http(wire->port, event->request, &given);
    answer->status = given.status;
    for (size_t i = 0; i < given.header_count; i++)
        take_header(answer, &given.headers[i]);
    copy(answer->body, sizeof answer->body, given.body);
}

static void do_close(struct client *client, uint16_t code)
{
    chatroom_connection *connection = client->connection;
    bool ours = client->closing && !client->closed && code == client->close_code;
    chatroom_span reason = chatroom_str(ours ? client->close_reason : "");

    if (!connection)
        return;
    client->closing = client->over = true;
    client->connection = NULL;
    chatroom_transport_closed(connection, code ? code : 1006, reason,
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
        client->active_ns = wire->now.mono_ns;
        if (client->connection && !client->closing)
            chatroom_transport_message(client->connection, event->kind, chatroom_bytes(event->bytes, event->size));
        return true;
    case CLOSE:
        do_close(client, event->code);
        return true;
    case HTTP:
        do_http(wire, event);
        return true;
    }
    return true;
}

static void wire_step(void *self, struct chatroom_now now)
{
    struct wire *wire = self;
    struct event *event = wire->first, *next;

    wire->now = now;
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
        .close_all = wire_close_all, .offer = wire_offer,     .active_at = wire_active_at,
        .watch = wire_watch,
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
