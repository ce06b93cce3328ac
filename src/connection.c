#include "connection.h"

#include "memory.h"
#include "names.h"
#include "rooms.h"

/* ---- coming ---- */

static int describe(chatroom_connection *connection, chatroom_span source_ip, chatroom_span user_agent)
{
    size_t size = source_ip.size + user_agent.size;

    connection->who = cr_resize(&connection->c->alloc, NULL, 0, size + 1);
    if (!connection->who)
        return CHATROOM_ENOMEM;
    if (source_ip.size > 0)
        memcpy(connection->who, source_ip.bytes, source_ip.size);
    if (user_agent.size > 0)
        memcpy(connection->who + source_ip.size, user_agent.bytes, user_agent.size);
    connection->source_size = source_ip.size;
    connection->agent_size = user_agent.size;
    return CHATROOM_OK;
}

/* Known by its id, which is set, or not there at all. */
static chatroom_connection *make(chatroom *c, const char id[CR_ID_SIZE], chatroom_span source_ip,
                                 chatroom_span user_agent)
{
    chatroom_connection *connection = cr_new(&c->alloc, sizeof *connection);

    if (!connection)
        return NULL;
    connection->c = c;
    memcpy(connection->id, id, CR_ID_SIZE);
    if (describe(connection, source_ip, user_agent) == CHATROOM_OK &&
        cr_map_add(&c->connections, &connection->node, cr_connection_id(connection)) == CHATROOM_OK)
        return connection;
    cr_free(&c->alloc, connection->who, source_ip.size + user_agent.size + 1);
    cr_free(&c->alloc, connection, sizeof *connection);
    return NULL;
}

chatroom_connection *cr_connection_new(chatroom *c, void *peer, chatroom_span source_ip, chatroom_span user_agent)
{
    chatroom_connection *connection;
    char id[CR_ID_SIZE];

    cr_id_next(&c->ids, id);
    if (cr_roster_reserve(&c->everyone) != CHATROOM_OK)
        return NULL;
    connection = make(c, id, source_ip, user_agent);
    if (!connection) {
        cr_roster_release(&c->everyone);
        return NULL;
    }
    connection->place_promised = true;
    connection->peer = connection->everyone.peer = peer;
    connection->connected_at_ms = c->now.wall_ms;
    return connection;
}

static int restore_membership(chatroom_connection *connection, struct cr_room *room)
{
    chatroom *c = connection->c;
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
        struct cr_room *room = cr_rooms_find(connection->c, name);

        if (room)
            result = restore_membership(connection, room);
    }
    return result;
}

int cr_connection_restore(chatroom *c, chatroom_span id, const struct cr_session_record *record)
{
    chatroom_connection *connection = make(c, id.bytes, record->source_ip, record->user_agent);

    if (!connection)
        return CHATROOM_ENOMEM;
    connection->open = connection->gone = true;
    connection->connected_at_ms = record->connected_at_ms;
    connection->cause = CHATROOM_CAUSE_CRASH;
    connection->close_code = 1006;
    cr_connection_mark_ready(connection); /* frees it, should the rest fail */
    if (record->name.size > 0) {
        connection->name = cr_name_copy(c, record->name); /* of nobody who is there */
        connection->name_size = connection->name ? record->name.size : 0;
    }
    if (record->name.size > 0 && !connection->name)
        return CHATROOM_ENOMEM;
    return restore_rooms(connection, record->rooms);
}

chatroom_connection *cr_connection_find(const chatroom *c, chatroom_span id)
{
    struct cr_map_node *node = cr_map_find(&c->connections, id);

    return node ? CR_CONTAINER(node, chatroom_connection, node) : NULL;
}

/* ---- being there ---- */

void cr_connection_mark_ready(chatroom_connection *connection)
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

void cr_connection_close(chatroom_connection *connection, uint16_t code, chatroom_span reason)
{
    chatroom *c = connection->c;

    if (!connection->peer || connection->closing)
        return;
    connection->closing = true;
    c->transport.ops->close(c->transport.self, connection->peer, code, reason);
}

static void log_connect(const chatroom_connection *connection)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", cr_connection_id(connection)),
        CHATROOM_TEXT("source_ip", chatroom_bytes(connection->who, connection->source_size)),
        CHATROOM_TEXT("user_agent", chatroom_bytes(connection->who + connection->source_size, connection->agent_size))};

    cr_log(connection->c, CHATROOM_LOG_INFO, "connect", fields, 3);
}

static void admit(chatroom_connection *connection)
{
    chatroom *c = connection->c;

    log_connect(connection);
    connection->open = true;
    if (!connection->peer)
        return;
    c->open_count++;
    connection->place_promised = false;
    cr_roster_add(&c->everyone, &connection->everyone);
    if (cr_roster_seat(&c->everyone, &connection->everyone, 0) != CHATROOM_OK)
        cr_connection_close(connection, 1013, chatroom_str("Try again later"));
}

static struct chatroom_answer answer_of(const chatroom_request *request)
{
    struct chatroom_answer answer = {.status = 101, .subprotocol = request->subprotocol};

    if (request->ticket.status == CHATROOM_OK)
        return answer;
    answer.status = request->status;
    answer.subprotocol = chatroom_bytes(NULL, 0);
    if (request->status == 403)
        answer.error_type = chatroom_str("ForbiddenException");
    answer.body = chatroom_str(request->status == 403   ? "{\"message\":\"Forbidden\"}"
                               : request->status == 404 ? "{\"message\":\"Not Found\"}"
                               : request->status < 500  ? "{\"message\":\"Refused\"}"
                               : request->status == 503 ? "{\"message\":\"Service Unavailable\"}"
                                                        : "{\"message\":\"Internal server error\"}");
    return answer;
}

void cr_connection_answer(chatroom_connection *connection, const chatroom_request *request)
{
    chatroom *c = connection->c;
    struct chatroom_answer answer = answer_of(request);
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
    chatroom *c = connection->c;

    if (!connection->peer)
        return;
    for (struct cr_membership *m = connection->rooms; m; m = m->next)
        cr_roster_lose_peer(&m->room->roster, &m->member);
    if (connection->open) {
        cr_roster_remove(&c->everyone, &connection->everyone);
        c->open_count--;
    }
    connection->peer = NULL;
}

void cr_connection_leave_all(chatroom_connection *connection)
{
    while (connection->rooms) {
        struct cr_room *room = connection->rooms->room;

        cr_room_begin(room);
        room->unforeseen = true;
        cr_room_drop(connection->c, connection->rooms);
        cr_room_end(connection->c, room);
    }
}

static void free_held(chatroom_connection *connection)
{
    struct cr_held *held = connection->held;

    while (held) {
        struct cr_held *next = held->next;

        connection->c->held_bytes -= held->size;
        cr_free(&connection->c->alloc, held, sizeof *held + held->size);
        held = next;
    }
}

void cr_connection_free(chatroom_connection *connection)
{
    chatroom *c = connection->c;
    const struct chatroom_alloc *alloc = &c->alloc;

    cr_connection_lose(connection);
    cr_connection_leave_all(connection);
    if (connection->place_promised)
        cr_roster_release(&c->everyone);
    free_held(connection);
    cr_map_remove(&c->connections, &connection->node);
    cr_free(alloc, connection->who, connection->source_size + connection->agent_size + 1);
    cr_name_free(c, &c->session_claims, connection->name, connection->name_size);
    cr_free(alloc, connection->close_reason, connection->close_reason_size + 1);
    cr_free(alloc, connection->routes, c->route_count * sizeof *connection->routes);
    cr_free(alloc, connection, sizeof *connection);
}
