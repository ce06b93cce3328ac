#include "write.h"

#include "record.h"
#include "request.h"

static bool joins(const struct cr_effect *effect, const struct cr_room *room)
{
    while (effect && !(effect->kind == CR_JOIN && effect->room == room))
        effect = effect->next;
    return effect != NULL;
}

/* The rooms the session will be in: those it stays in, then those it joins. */
static bool room_after(void *arg, size_t n, chatroom_span *ret_room)
{
    const chatroom_request *request = arg;

    for (const struct cr_membership *m = request->connection->rooms; m; m = m->next)
        if (cr_request_will_be_in(request, m->room) && !joins(request->effects, m->room) && n-- == 0) {
            *ret_room = cr_room_name(m->room);
            return true;
        }
    for (const struct cr_effect *e = request->effects; e; e = e->next)
        if (e->kind == CR_JOIN && cr_request_will_be_in(request, e->room) && !joins(e->next, e->room) && n-- == 0) {
            *ret_room = cr_room_name(e->room);
            return true;
        }
    return false;
}

static int encode_session(chatroom_request *request, chatroom_span *ret_value)
{
    chatroom_connection *connection = request->connection;
    struct cr_session_record record = {
        .connected_at_ms = connection->connected_at_ms,
        .source_ip = request->info.source_ip,
        .user_agent = request->info.user_agent,
        .name = chatroom_request_session_name(request),
        .domain = request->info.domain_name,
        .path = request->info.domain_path,
        .authorizer = request->info.authorizer,
    };
    size_t size;
    char *bytes;

    for (const struct cr_effect *e = request->effects; e; e = e->next)
        if (e->kind == CR_NAME)
            record.name = e->text;
    size = cr_session_size(&record, room_after, request);
    bytes = chatroom_request_memory(request, size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    cr_session_encode(&record, room_after, request, bytes);
    *ret_value = chatroom_bytes(bytes, size);
    return CHATROOM_OK;
}

/* Whether an effect writes, and what kind of write it is. */
static bool write_kind(const struct cr_effect *effect, enum chatroom_write_kind *ret_kind)
{
    switch (effect->kind) {
    case CR_CREATE:
        *ret_kind = CHATROOM_CREATE_ROOM;
        return true;
    case CR_JOIN:
        *ret_kind = CHATROOM_WRITE_ROOM;
        return !effect->room->live ||
               effect->room->noted_deletes > 0; /* what was asked for earlier may end otherwise */
    case CR_DELETE:
        *ret_kind = CHATROOM_ERASE_ROOM;
        return true;
    case CR_PUBLISH:
        *ret_kind = CHATROOM_APPEND;
        return true;
    default:
        return false;
    }
}

static int write_of(chatroom_request *request, const struct cr_effect *effect, struct chatroom_write *write)
{
    write->key = cr_room_name(effect->room);
    if (effect->kind == CR_PUBLISH) {
        write->value = effect->text;
        write->once = effect->once;
    } else if (effect->kind != CR_DELETE) {
        uint8_t *record = chatroom_request_memory(request, CR_ROOM_RECORD_SIZE);

        if (!record)
            return CHATROOM_ENOMEM;
        cr_room_encode(effect->room->created_ms, record);
        write->value = chatroom_bytes(record, CR_ROOM_RECORD_SIZE);
    }
    return CHATROOM_OK;
}

static int write_of_session(chatroom_request *request, struct chatroom_write *write)
{
    write->key = request->info.connection_id;
    if (request->info.event == CHATROOM_DISCONNECT) {
        write->kind = CHATROOM_ERASE_SESSION;
        return CHATROOM_OK;
    }
    write->kind = CHATROOM_WRITE_SESSION;
    return encode_session(request, &write->value);
}

int cr_write_collect(chatroom_request *request)
{
    struct chatroom_ticket *ticket = &request->ticket.store;
    bool session = request->info.event != CHATROOM_MESSAGE || request->changes_session;
    size_t most = session && request->connection;
    enum chatroom_write_kind kind;
    int result = CHATROOM_OK;

    for (const struct cr_effect *e = request->effects; e; e = e->next)
        most += write_kind(e, &kind);
    if (most == 0)
        return CHATROOM_OK;
    ticket->writes = chatroom_request_memory(request, most * sizeof *ticket->writes);
    if (!ticket->writes)
        return CHATROOM_ENOMEM;
    memset(ticket->writes, 0, most * sizeof *ticket->writes);
    for (struct cr_effect *e = request->effects; e && result == CHATROOM_OK; e = e->next)
        if (write_kind(e, &kind)) {
            ticket->writes[ticket->count].kind = kind;
            e->write = ticket->count++;
            result = write_of(request, e, &ticket->writes[e->write]);
        }
    if (session && request->connection && result == CHATROOM_OK)
        result = write_of_session(request, &ticket->writes[ticket->count++]);
    return result;
}

void cr_write_stamp(chatroom_request *request)
{
    int64_t now = request->c->now.wall_ms;

    for (struct cr_effect *e = request->effects; e; e = e->next) {
        if (e->kind != CR_PUBLISH)
            continue;
        if (e->room->newest_ms < now)
            e->room->newest_ms = now;
        cr_entry_set_time((char *)e->text.bytes, e->room->newest_ms); /* in the request's memory */
    }
}
