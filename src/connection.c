#include "connection.h"

#include "activity.h"
#include "everyone.h"
#include "facts.h"
#include "memory.h"
#include "names.h"
#include "rooms.h"
#include "text.h"

enum { WHO_AT = offsetof(chatroom_connection, who) };

static const uint64_t PUT_OFF_NS = 1000000000; /* until what the store refused is tried again */

/* ---- coming ---- */

static size_t at_most(size_t size, size_t most)
{
    return size < most ? size : most;
}

static size_t size_of(const chatroom_connection *connection)
{
    return WHO_AT + connection->source_size + connection->agent_size;
}

/* NULL: out of memory. */
static chatroom_connection *allocate(chatroom *c, chatroom_span source_ip, chatroom_span user_agent)
{
    size_t source = at_most(source_ip.size, UINT8_MAX), agent = at_most(user_agent.size, CR_AGENT_MOST);
    chatroom_connection *connection = cr_new(&c->alloc, WHO_AT + source + agent);

    if (!connection)
        return NULL;
    connection->source_size = (uint8_t)source;
    connection->agent_size = (uint16_t)agent;
    if (source > 0)
        memcpy(connection->who, source_ip.bytes, source);
    if (agent > 0)
        memcpy(connection->who + source, user_agent.bytes, agent);
    return connection;
}

/* Known by its id, or not there at all. */
static chatroom_connection *make(chatroom *c, const char id[CR_ID_SIZE], const struct cr_session_record *record)
{
    chatroom_connection *connection = allocate(c, record->source_ip, record->user_agent);

    if (!connection)
        return NULL;
    memcpy(connection->id, id, CR_ID_SIZE);
    connection->connected_at_ms = record->connected_at_ms;
    if (cr_facts_get(c, record->domain, record->path, record->authorizer, &connection->facts) == CHATROOM_OK &&
        cr_id_set_add(&c->connections, connection->id) == CHATROOM_OK)
        return connection;
    cr_facts_put(c, connection->facts);
    cr_free(&c->alloc, connection, size_of(connection));
    return NULL;
}

chatroom_connection *cr_connection_new(chatroom *c, void *peer, const struct cr_session_record *record)
{
    chatroom_connection *connection;
    char id[CR_ID_SIZE];

    cr_id_next(&c->ids, id);
    connection = make(c, id, record);
    if (connection)
        connection->peer = peer;
    return connection;
}

static int restore_membership(chatroom_connection *connection, struct cr_room *room)
{
    chatroom *c = cr_chatroom_of(connection);
    struct cr_membership *membership;

    if (cr_roster_reserve(&room->roster) != CHATROOM_OK)
        return CHATROOM_ENOMEM;
    membership = cr_new(&c->alloc, sizeof *membership);
    if (!membership) {
        cr_roster_release(&room->roster);
        return CHATROOM_ENOMEM;
    }
    membership->room = room;
    membership->connection = connection;
    cr_room_add(membership);
    room->expected_members++;
    return CHATROOM_OK;
}

static int restore_rooms(chatroom_connection *connection, chatroom_span rooms)
{
    chatroom_span name;
    int result = CHATROOM_OK;

    while (result == CHATROOM_OK && cr_session_next_room(&rooms, &name)) {
        struct cr_room *room = cr_rooms_find(cr_chatroom_of(connection), name);

        if (room)
            result = restore_membership(connection, room);
    }
    return result;
}

int cr_connection_restore(chatroom *c, chatroom_span id, const struct cr_session_record *record)
{
    chatroom_connection *connection = make(c, id.bytes, record);

    if (!connection)
        return CHATROOM_ENOMEM;
    connection->open = connection->gone = true;
    connection->end = (struct cr_end){.cause = CHATROOM_CAUSE_CRASH, .code = 1006};
    cr_connection_mark_ready(connection); /* frees it, should the rest fail */
    if (record->name.size > 0) {
        connection->name = cr_name_copy(c, record->name); /* of nobody who is there */
        connection->name_size = connection->name ? (uint16_t)record->name.size : 0;
    }
    if (record->name.size > 0 && !connection->name)
        return CHATROOM_ENOMEM;
    return restore_rooms(connection, record->rooms);
}

chatroom_connection *cr_connection_find(const chatroom *c, chatroom_span id)
{
    const char *found = cr_id_set_find(&c->connections, id);

    return found ? CR_CONTAINER(found, chatroom_connection, id) : NULL;
}

/* ---- being there ---- */

void cr_connection_mark_ready(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

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

void cr_connection_put_off(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

    if (!c->put_off)
        c->resume_ns = c->now.mono_ns + PUT_OFF_NS;
    connection->listed = true;
    connection->next_ready = c->put_off;
    c->put_off = connection;
}

uint64_t cr_connections_resume_at(const chatroom *c)
{
    if (!c->put_off)
        return CHATROOM_NEVER;
    return c->stopping ? 0 : c->resume_ns;
}

void cr_connections_resume(chatroom *c)
{
    chatroom_connection *connection = c->put_off, *next;

    if (cr_connections_resume_at(c) > c->now.mono_ns)
        return;
    c->put_off = NULL;
    for (; connection; connection = next) {
        next = connection->next_ready;
        connection->listed = false;
        cr_connection_mark_ready(connection);
    }
}

void cr_connection_close(chatroom_connection *connection, uint16_t code, chatroom_span reason)
{
    chatroom *c = cr_chatroom_of(connection);

    if (!connection->peer || connection->closing)
        return;
    connection->closing = true;
    c->transport.ops->close(c->transport.self, connection->peer, code, reason);
}

static void log_connect(const chatroom_connection *connection)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("connection", cr_connection_id(connection)),
                                                CHATROOM_TEXT("source_ip", cr_connection_source(connection)),
                                                CHATROOM_TEXT("user_agent", cr_connection_agent(connection))};

    cr_log(cr_chatroom_of(connection), CHATROOM_LOG_INFO, "connect", fields, 3);
}

static void admit(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

    log_connect(connection);
    connection->open = true;
    if (!connection->peer)
        return;
    c->open_count++;
    if (cr_everyone_enter(connection) != CHATROOM_OK)
        cr_connection_close(connection, 1013, chatroom_str("Try again later"));
}

static struct chatroom_answer answer_of(const chatroom_request *request, chatroom_span body)
{
    if (request->ticket.status == CHATROOM_OK)
        return (struct chatroom_answer){.status = 101, .subprotocol = request->subprotocol};
    return (struct chatroom_answer){
        .status = request->status, .error_type = chatroom_str(cr_text_error_type(request->status)), .body = body};
}

void cr_connection_answer(chatroom_connection *connection, const chatroom_request *request)
{
    chatroom *c = cr_chatroom_of(connection);
    chatroom_span body = cr_text_status(c, request->status, request->info.connection_id, request->info.request_id);
    struct chatroom_answer answer = answer_of(request, body);
    void *peer = connection->peer;

    if (peer)
        c->transport.ops->accept(c->transport.self, peer, &answer);
    if (answer.status == 101) {
        admit(connection);
    } else {
        connection->over = true;
        connection->peer = NULL;
    }
}

/* ---- going ---- */

void cr_connection_lose(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

    if (!connection->peer)
        return;
    for (struct cr_membership *m = connection->rooms; m; m = m->next)
        cr_roster_lose_peer(&m->room->roster, &m->member);
    cr_everyone_leave(connection);
    if (connection->open)
        c->open_count--;
    connection->peer = NULL;
}

void cr_connection_end(chatroom_connection *connection, uint16_t code, chatroom_span reason, enum chatroom_cause cause)
{
    chatroom_span kept = chatroom_bytes(reason.bytes, at_most(reason.size, CR_REASON_MOST));
    char *copy = cr_copy(&cr_chatroom_of(connection)->alloc, kept); /* no memory: no reason */

    cr_connection_lose(connection);
    connection->gone = true;
    connection->end = (struct cr_end){.code = code, .cause = (uint8_t)cause, .reason = copy};
    connection->end.reason_size = copy ? (uint16_t)kept.size : 0;
}

void cr_connection_leave_all(chatroom_connection *connection)
{
    while (connection->rooms) {
        struct cr_room *room = connection->rooms->room;

        cr_room_begin(room);
        room->unforeseen = true;
        cr_room_drop(cr_chatroom_of(connection), connection->rooms);
        cr_room_end(cr_chatroom_of(connection), room);
    }
}

static void free_end(chatroom_connection *connection)
{
    if (connection->gone)
        cr_free(&cr_chatroom_of(connection)->alloc, connection->end.reason, connection->end.reason_size + 1);
}

void cr_connection_free(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

    cr_connection_lose(connection);
    cr_connection_leave_all(connection);
    cr_activity_end(connection);
    cr_id_set_remove(&c->connections, connection->id);
    free_end(connection);
    cr_name_free(c, &c->session_claims, connection->name, connection->name_size);
    cr_facts_put(c, connection->facts);
    cr_free(&c->alloc, connection, size_of(connection));
    if (c->connections.count == 0)
        cr_activity_free_spares(c);
}
