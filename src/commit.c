#include "commit.h"

#include "frame.h"
#include "memory.h"
#include "record.h"
#include "request.h"
#include "rooms.h"

/* ---- texts of unknown length ---- */

int cr_scratch_write(chatroom *c, cr_write_fn *write, const void *what, chatroom_span *ret_text)
{
    for (;;) {
        struct chatroom_json json = chatroom_json_on(c->scratch, c->scratch_size);
        char *bigger;

        write(c, what, &json);
        if (chatroom_json_done(&json, ret_text))
            return CHATROOM_OK;
        bigger = cr_resize(&c->alloc, c->scratch, c->scratch_size, json.size * 2);
        if (!bigger)
            return CHATROOM_ENOMEM;
        c->scratch = bigger;
        c->scratch_size = json.size * 2;
    }
}

static void write_refusal(chatroom *c, const void *what, struct chatroom_json *json)
{
    c->write_refusal(c->write_refusal_arg, what, json);
}

static void write_entry(chatroom *c, const void *what, struct chatroom_json *json)
{
    c->write_entry(c->write_entry_arg, what, json);
}

/* ---- order ---- */

static void settle_later(chatroom_request *request)
{
    chatroom *c = request->c;

    request->next_settled = NULL;
    if (c->last_settled)
        c->last_settled->next_settled = request;
    else
        c->settled = request;
    c->last_settled = request;
}

static bool is_next(const chatroom_request *request)
{
    return !request->connection || request->connection->requests == request;
}

static void become_ready(chatroom_request *request)
{
    request->state = CR_READY;
    if (is_next(request))
        settle_later(request);
}

void cr_mark_ready(chatroom_connection *connection)
{
    chatroom *c = connection->c;

    if (connection->listed)
        return;
    connection->listed = true;
    connection->next_ready = NULL;
    if (c->last_ready)
        c->last_ready->next_ready = connection;
    else
        c->ready = connection;
    c->last_ready = connection;
}

/* The next of the connection may have been ready for long. */
static void leave_line(chatroom_request *request)
{
    chatroom_connection *connection = request->connection;

    if (!connection) {
        request->c->loose--;
        return;
    }
    connection->requests = request->next;
    if (!connection->requests)
        connection->last_request = NULL;
    else if (connection->requests->state == CR_READY)
        settle_later(connection->requests);
    if (request->barrier)
        connection->barriers--;
    cr_mark_ready(connection);
}

/* ---- telling the client ---- */

static void refuse(chatroom_request *request, int result)
{
    chatroom *c = request->c;
    struct chatroom_refusal refusal = {
        .result = result,
        .code = result == CHATROOM_EREFUSED && request->refusal_code ? request->refusal_code : chatroom_errword(result),
        .sentence = result == CHATROOM_EREFUSED && request->refusal_sentence ? request->refusal_sentence
                                                                             : chatroom_strerror(result),
        .connection_id = request->info.connection_id,
        .request_id = request->info.request_id,
    };
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", refusal.connection_id), CHATROOM_TEXT("request", refusal.request_id),
        CHATROOM_TEXT("route", request->info.route_key), CHATROOM_TEXT("code", chatroom_str(refusal.code))};
    chatroom_span text;

    cr_log(c, CHATROOM_LOG_INFO, "refused", fields, 4);
    if (request->info.event != CHATROOM_MESSAGE || !request->connection)
        return;
    if (cr_scratch_write(c, write_refusal, &refusal, &text) == CHATROOM_OK)
        (void)cr_request_send(request, chatroom_bytes(NULL, 0), CHATROOM_TEXT_MESSAGE, text); /* no memory: no word */
}

static void fail(chatroom_request *request, int result)
{
    cr_request_drop(request);
    request->ticket.status = result;
    if (request->info.event == CHATROOM_CONNECT && request->status < 400)
        request->status = result == CHATROOM_EREFUSED ? 403 : 502;
    refuse(request, result);
}

/* ---- to the store ---- */

struct rooms_after {
    const chatroom_request *request;
};

/* The rooms the session will be in: those it is in and does not leave, then those it joins. */
static bool room_after(void *arg, size_t n, chatroom_span *ret_room)
{
    const chatroom_request *request = ((struct rooms_after *)arg)->request;

    for (const struct cr_membership *m = request->connection->rooms; m; m = m->next) {
        bool leaves = false;

        for (const struct cr_effect *e = request->effects; e; e = e->next)
            leaves |= e->room == m->room && (e->kind == CR_LEAVE || e->kind == CR_DELETE);
        if (!leaves && n-- == 0) {
            *ret_room = cr_room_name(m->room);
            return true;
        }
    }
    for (const struct cr_effect *e = request->effects; e; e = e->next)
        if (e->kind == CR_JOIN && n-- == 0) {
            *ret_room = cr_room_name(e->room);
            return true;
        }
    return false;
}

static int encode_session(chatroom_request *request, chatroom_span *ret_value)
{
    chatroom_connection *connection = request->connection;
    struct rooms_after after = {request};
    struct cr_session_record record = {
        .connected_at_ms = connection->connected_at_ms,
        .source_ip = request->info.source_ip,
        .user_agent = request->info.user_agent,
        .name = chatroom_request_session_name(request),
    };
    size_t size;
    char *bytes;

    for (const struct cr_effect *e = request->effects; e; e = e->next)
        if (e->kind == CR_NAME)
            record.name = e->text;
    size = cr_session_size(&record, room_after, &after);
    bytes = chatroom_request_memory(request, size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    cr_session_encode(&record, room_after, &after, bytes);
    *ret_value = chatroom_bytes(bytes, size);
    return CHATROOM_OK;
}

/* What an effect writes: false if nothing. */
static bool write_of(chatroom_request *request, const struct cr_effect *effect, struct chatroom_write *write)
{
    switch (effect->kind) {
    case CR_CREATE:
    case CR_JOIN: {
        uint8_t *record;

        if (effect->kind == CR_JOIN && effect->room->live && effect->before_expected)
            return false;
        record = chatroom_request_memory(request, CR_ROOM_RECORD_SIZE);
        if (!record)
            return false;
        cr_room_encode(effect->room->created_ms, record);
        write->kind = effect->kind == CR_CREATE ? CHATROOM_CREATE_ROOM : CHATROOM_WRITE_ROOM;
        write->value = chatroom_bytes(record, CR_ROOM_RECORD_SIZE);
        break;
    }
    case CR_DELETE:
        write->kind = CHATROOM_ERASE_ROOM;
        break;
    case CR_PUBLISH:
        write->kind = CHATROOM_APPEND;
        write->value = effect->text;
        write->once = effect->once;
        break;
    default:
        return false;
    }
    write->key = cr_room_name(effect->room);
    return true;
}

static int collect_writes(chatroom_request *request)
{
    struct chatroom_ticket *ticket = &request->ticket.store;
    size_t most = 1;
    int result = CHATROOM_OK;

    for (const struct cr_effect *e = request->effects; e; e = e->next)
        most++;
    ticket->writes = chatroom_request_memory(request, most * sizeof *ticket->writes);
    if (!ticket->writes)
        return CHATROOM_ENOMEM;
    memset(ticket->writes, 0, most * sizeof *ticket->writes);
    for (struct cr_effect *e = request->effects; e; e = e->next)
        if (write_of(request, e, &ticket->writes[ticket->count]))
            e->write = ticket->count++;
    if (request->info.event == CHATROOM_DISCONNECT || request->info.event == CHATROOM_CONNECT ||
        request->changes_session) {
        struct chatroom_write *write = &ticket->writes[ticket->count++];

        write->key = request->info.connection_id;
        write->kind = request->info.event == CHATROOM_DISCONNECT ? CHATROOM_ERASE_SESSION : CHATROOM_WRITE_SESSION;
        if (write->kind == CHATROOM_WRITE_SESSION)
            result = encode_session(request, &write->value);
    }
    return result;
}

static void wake(void *arg)
{
    chatroom *c = arg;

    if (c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
}

static void prepare_ticket(chatroom_request *request, void (*done)(struct cr_ticket *ticket))
{
    request->ticket.inbox = &request->c->inbox;
    request->ticket.wake = wake;
    request->ticket.wake_arg = request->c;
    request->ticket.done = done;
}

static void written(struct cr_ticket *ticket)
{
    chatroom_request *request = CR_CONTAINER(ticket, chatroom_request, ticket);

    if (ticket->status != CHATROOM_OK)
        fail(request, ticket->status);
    become_ready(request);
}

void cr_commit(chatroom_request *request, int result)
{
    if (result == CHATROOM_OK)
        result = collect_writes(request);
    if (result == CHATROOM_OK && request->ticket.store.count > 0) {
        request->barrier = request->changes_session || request->info.event != CHATROOM_MESSAGE;
        if (request->barrier && request->connection)
            request->connection->barriers++;
        request->state = CR_STORING;
        prepare_ticket(request, written);
        result = request->c->store.ops->submit(request->c->store.self, &request->ticket.store);
        if (result == CHATROOM_OK)
            return;
    }
    if (result != CHATROOM_OK)
        fail(request, result);
    become_ready(request);
}

/* ---- carrying out ---- */

static chatroom_connection *find_connection(const chatroom *c, chatroom_span id)
{
    struct cr_map_node *node = cr_map_find(&c->connections, id);

    return node ? CR_CONTAINER(node, chatroom_connection, node) : NULL;
}

static void send_frame(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom *c = request->c;
    chatroom_connection *to = effect->text.size > 0 ? find_connection(c, effect->text) : request->connection;

    if (to && to->peer && to->open)
        (void)c->transport.ops->send(c->transport.self, to->peer, effect->frame); /* a full queue is the transport's */
}

/* A room that this write made, or found. */
static void room_is_live(chatroom_request *request, const struct cr_effect *effect)
{
    const struct chatroom_write *write = &request->ticket.store.writes[effect->write];

    if (effect->write == CR_NO_WRITE)
        return;
    effect->room->live = true;
    effect->room->epoch = write->ret_epoch;
    effect->room->newest = write->ret_seq;
}

static void seat(chatroom_request *request, struct cr_membership *membership)
{
    chatroom *c = request->c;
    int result = cr_roster_seat(&membership->room->roster, &membership->member, 0);

    if (result != CHATROOM_OK)
        c->transport.ops->close(c->transport.self, membership->member.peer, 1013, chatroom_str("Try again later"));
}

static void join(chatroom_request *request, struct cr_effect *effect)
{
    struct cr_membership *membership = effect->membership, **link = &request->connection->rooms;

    room_is_live(request, effect);
    effect->membership = NULL; /* the room's and the connection's from now on */
    while (*link)
        link = &(*link)->next;
    *link = membership;
    request->connection->room_count++;
    membership->member.peer = request->connection->peer;
    cr_roster_add(&effect->room->roster, &membership->member);
    seat(request, membership);
}

static struct cr_membership *membership_of(const chatroom_connection *connection, const struct cr_room *room)
{
    struct cr_membership *membership = connection ? connection->rooms : NULL;

    while (membership && membership->room != room)
        membership = membership->next;
    return membership;
}

/* Everyone's roster has no history, so nobody waits in it. */
static void nobody_waits(void *arg, struct cr_member *member)
{
    (void)arg;
    (void)member;
}

static void leave(chatroom_request *request, const struct cr_effect *effect)
{
    struct cr_membership *membership = membership_of(request->connection, effect->room);

    if (membership)
        cr_room_drop(request->c, membership);
}

static void delete_room(chatroom_request *request, const struct cr_effect *effect)
{
    while (effect->room->roster.count > 0)
        cr_room_drop(request->c, CR_CONTAINER(effect->room->roster.members[0], struct cr_membership, member));
    effect->room->live = false;
}

static void announce(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom *c = request->c;
    const struct chatroom_write *write = &request->ticket.store.writes[effect->write];
    struct chatroom_entry entry;
    chatroom_frame *frame = NULL;
    chatroom_span text;

    if (write->ret_again)
        return;
    effect->room->newest = write->ret_seq;
    effect->room->epoch = write->ret_epoch;
    (void)cr_entry_decode(effect->text, &entry); /* our own encoding */
    entry.room = cr_room_name(effect->room);
    entry.epoch = write->ret_epoch;
    entry.seq = write->ret_seq;
    if (cr_scratch_write(c, write_entry, &entry, &text) == CHATROOM_OK)
        frame = cr_frame_new(&c->alloc, CHATROOM_TEXT_MESSAGE, text, c->config.limits.frame_bytes);
    if (frame)
        cr_room_say(c, effect->room, frame, entry.seq);
    else
        cr_room_interrupt(c, effect->room);
    chatroom_frame_unref(frame);
}

/* Stored already: without memory the session keeps its old name until it is named again, and the log says so. */
static void name_session(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom_connection *connection = request->connection;
    char *name = cr_copy(&request->c->alloc, effect->text);

    if (!name) {
        cr_log(request->c, CHATROOM_LOG_ERROR, "name_lost", NULL, 0);
        return;
    }
    cr_free(&request->c->alloc, connection->name, connection->name_size + 1);
    connection->name = name;
    connection->name_size = effect->text.size;
}

static void carry_out(chatroom_request *request, struct cr_effect *effect)
{
    chatroom *c = request->c;

    switch (effect->kind) {
    case CR_SEND:
        send_frame(request, effect);
        break;
    case CR_BROADCAST:
        cr_roster_send(&c->everyone, effect->frame, 0, nobody_waits, NULL);
        break;
    case CR_TELL:
        cr_room_say(c, effect->room, effect->frame, 0);
        break;
    case CR_CLOSE:
        if (request->connection && request->connection->peer)
            c->transport.ops->close(c->transport.self, request->connection->peer, effect->code, effect->text);
        break;
    case CR_NAME:
        name_session(request, effect);
        break;
    case CR_CREATE:
        room_is_live(request, effect);
        break;
    case CR_JOIN:
        join(request, effect);
        break;
    case CR_LEAVE:
        leave(request, effect);
        break;
    case CR_DELETE:
        delete_room(request, effect);
        break;
    case CR_PUBLISH:
        announce(request, effect);
        break;
    }
}

static void carry_out_all(chatroom_request *request)
{
    struct cr_effect *effect = request->effects;

    request->effects = NULL;
    request->effects_end = &request->effects;
    for (; effect; effect = effect->next) {
        carry_out(request, effect);
        cr_effect_release(request->c, effect);
    }
}

static void finish(chatroom_request *request)
{
    if (request->outcome)
        request->outcome(request->outcome_arg, request->ticket.status);
    leave_line(request);
    cr_request_free(request);
}

bool cr_commit_settle(chatroom *c)
{
    bool any = c->settled != NULL;

    while (c->settled) {
        chatroom_request *request = c->settled;

        c->settled = request->next_settled;
        if (!c->settled)
            c->last_settled = NULL;
        carry_out_all(request);
        finish(request);
    }
    return any;
}
