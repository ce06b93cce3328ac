#include "request.h"

#include "connection.h"
#include "memory.h"
#include "names.h"
#include "record.h"
#include "rooms.h"
#include "route.h"

#include <chatroom/utf8.h>

enum { ONCE_MOST = 128 };

static struct cr_effect *add(chatroom_request *request, enum cr_effect_kind kind)
{
    struct cr_effect *effect = chatroom_request_memory(request, sizeof *effect);

    if (!effect)
        return NULL;
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    effect->write = CR_NO_WRITE;
    *request->effects_end = effect;
    request->effects_end = &effect->next;
    return effect;
}

static struct cr_effect *add_for_room(chatroom_request *request, enum cr_effect_kind kind, struct cr_room *room)
{
    struct cr_effect *effect = add(request, kind);

    if (!effect)
        return NULL;
    effect->room = room;
    effect->request = request;
    cr_room_begin(room);
    return effect;
}

void cr_effect_release(chatroom *c, struct cr_effect *effect)
{
    chatroom_frame_unref(effect->frame);
    cr_name_free(c, &c->session_claims, effect->name, effect->text.size);
    if (effect->membership) {
        cr_roster_release(&effect->room->roster);
        cr_free(&c->alloc, effect->membership, sizeof *effect->membership);
    }
    if (effect->room) {
        cr_room_forget(effect->room, effect);
        cr_room_end(c, effect->room);
    }
}

void cr_request_forget_history(chatroom_request *request)
{
    if (request->history.room)
        cr_room_end(request->c, request->history.room);
    request->history.room = NULL;
    request->history.then = NULL;
}

void cr_request_drop(chatroom_request *request)
{
    struct cr_effect *effect = request->effects, *next;

    for (; effect; effect = next) {
        next = effect->next;
        if (effect->noted)
            effect->room->unforeseen = true;
        cr_effect_release(request->c, effect);
    }
    request->effects = NULL;
    request->effects_end = &request->effects;
    request->changes_session = false;
    if (!request->stored)
        cr_request_forget_history(request);
}

/* The next effect, from this one on, that deletes a room because nobody was to be in it. NULL: none. */
static struct cr_effect *find_clearing(struct cr_effect *effect)
{
    while (effect && !(effect->kind == CR_DELETE && effect->if_empty))
        effect = effect->next;
    return effect;
}

static bool is_under_way(const chatroom_request *request)
{
    return request->state == CR_WAITING || request->state == CR_STORING || request->state == CR_READY ||
           request->state == CR_SETTLING;
}

static bool is_behind_another(const struct cr_effect *clearing)
{
    const struct cr_effect *before = clearing->previous_noted;

    while (before && (before->request == clearing->request || !is_under_way(before->request)))
        before = before->previous_noted;
    return before != NULL;
}

bool cr_request_clears_too_soon(const chatroom_request *request)
{
    const struct cr_effect *clearing = find_clearing(request->effects);

    while (clearing && !is_behind_another(clearing))
        clearing = find_clearing(clearing->next);
    return clearing != NULL;
}

/* Somebody else is in the room, or comes. */
static bool has_others(const struct cr_room *room, const chatroom_request *request)
{
    const struct cr_effect *effect = room->first_noted;

    while (effect && (effect->kind != CR_JOIN || effect->request == request))
        effect = effect->next_noted;
    return effect || room->roster.count > (cr_room_membership(room, request->connection) ? 1u : 0u);
}

bool cr_request_clears_too_much(const chatroom_request *request)
{
    const struct cr_effect *clearing = find_clearing(request->effects);

    while (clearing && !has_others(clearing->room, request))
        clearing = find_clearing(clearing->next);
    return clearing != NULL;
}

static void doubt_room(chatroom_request *request, struct cr_room *room, bool doubtful)
{
    for (struct cr_effect *effect = request->effects; effect; effect = effect->next)
        if (effect->room == room)
            cr_room_doubt(room, effect, doubtful);
}

void cr_request_doubt(chatroom_request *request, bool doubtful)
{
    const struct cr_effect *clearing = find_clearing(request->effects);

    for (; clearing; clearing = find_clearing(clearing->next))
        doubt_room(request, clearing->room, doubtful);
}

void cr_request_postpone(chatroom_request *request)
{
    for (struct cr_effect *effect = request->effects; effect; effect = effect->next)
        if (effect->room)
            cr_room_postpone(effect->room, effect);
}

static int add_message(chatroom_request *request, enum cr_effect_kind what, struct cr_room *room,
                       enum chatroom_message_kind kind, chatroom_span message, chatroom_span whom)
{
    chatroom_frame *frame;
    struct cr_effect *effect;

    if (kind == CHATROOM_TEXT_MESSAGE && !chatroom_utf8_valid(message))
        return CHATROOM_EINVAL;
    frame = chatroom_frame_new(&request->c->alloc, kind, message, request->c->config.limits.frame_bytes);
    if (!frame)
        return CHATROOM_ENOMEM;
    effect = room ? add_for_room(request, what, room) : add(request, what);
    if (!effect) {
        chatroom_frame_unref(frame);
        return CHATROOM_ENOMEM;
    }
    effect->frame = frame;
    effect->text = whom;
    return CHATROOM_OK;
}

int cr_request_send(chatroom_request *request, chatroom_span connection_id, enum chatroom_message_kind kind,
                    chatroom_span message)
{
    chatroom_span whom = connection_id.size > 0 ? cr_request_copy(request, connection_id) : connection_id;

    if (connection_id.size > 0 && !whom.bytes)
        return CHATROOM_ENOMEM;
    return add_message(request, CR_SEND, NULL, kind, message, whom);
}

int chatroom_request_reply_message(chatroom_request *request, enum chatroom_message_kind kind, chatroom_span message)
{
    if (kind != CHATROOM_TEXT_MESSAGE && kind != CHATROOM_BINARY_MESSAGE)
        return CHATROOM_EINVAL;
    if (request->info.event != CHATROOM_MESSAGE)
        return CHATROOM_EGONE;
    return cr_request_send(request, chatroom_bytes(NULL, 0), kind, message);
}

int chatroom_request_reply(chatroom_request *request, chatroom_span text)
{
    return chatroom_request_reply_message(request, CHATROOM_TEXT_MESSAGE, text);
}

static bool is_there(const chatroom_request *request, chatroom_span connection_id)
{
    const chatroom_connection *connection = cr_connection_find(request->c, connection_id);

    return connection && connection->open && connection->peer;
}

int chatroom_request_post(chatroom_request *request, chatroom_span connection_id, chatroom_span text)
{
    if (!cr_route_may(request, CHATROOM_MAY_POST, "post"))
        return CHATROOM_EDENIED;
    if (!is_there(request, connection_id))
        return CHATROOM_EGONE;
    return cr_request_send(request, connection_id, CHATROOM_TEXT_MESSAGE, text);
}

int chatroom_request_broadcast(chatroom_request *request, chatroom_span text)
{
    if (!cr_route_may(request, CHATROOM_MAY_POST, "broadcast"))
        return CHATROOM_EDENIED;
    return add_message(request, CR_BROADCAST, NULL, CHATROOM_TEXT_MESSAGE, text, chatroom_bytes(NULL, 0));
}

/* Handlers mostly mean a room that their session is in, and have its name from there. */
static struct cr_room *find_room(const chatroom_request *request, chatroom_span name)
{
    const struct cr_membership *membership = request->connection ? request->connection->rooms : NULL;

    for (; membership; membership = membership->next)
        if (membership->room->name == name.bytes && membership->room->name_size == name.size)
            return membership->room;
    return cr_rooms_find(request->c, name);
}

static struct cr_room *expected_room(const chatroom_request *request, chatroom_span name)
{
    struct cr_room *room = find_room(request, name);

    if (!room)
        return NULL;
    cr_room_expect(room);
    return room->expected ? room : NULL;
}

int chatroom_request_tell(chatroom_request *request, chatroom_span room_name, chatroom_span text)
{
    struct cr_room *room = expected_room(request, room_name);

    if (!cr_route_may(request, CHATROOM_MAY_POST, "tell"))
        return CHATROOM_EDENIED;
    if (!room)
        return CHATROOM_ENOENT;
    return add_message(request, CR_TELL, room, CHATROOM_TEXT_MESSAGE, text, chatroom_bytes(NULL, 0));
}

bool cr_close_is_valid(uint16_t code, chatroom_span reason)
{
    bool code_is_valid =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

    return code_is_valid && reason.size <= 123 && chatroom_utf8_valid(reason);
}

int cr_request_end_connection(chatroom_request *request, uint16_t code, chatroom_span reason)
{
    chatroom_span copy = cr_request_copy(request, reason);
    struct cr_effect *effect = copy.bytes ? add(request, CR_CLOSE) : NULL;

    if (!effect)
        return CHATROOM_ENOMEM;
    effect->code = code;
    effect->text = copy;
    return CHATROOM_OK;
}

int chatroom_request_close(chatroom_request *request, uint16_t code, chatroom_span reason)
{
    return cr_close_is_valid(code, reason) ? cr_request_end_connection(request, code, reason) : CHATROOM_EINVAL;
}

int chatroom_request_disconnect(chatroom_request *request, chatroom_span connection_id, uint16_t code,
                                chatroom_span reason)
{
    chatroom_span whom, copy;
    struct cr_effect *effect;

    if (!cr_route_may(request, CHATROOM_MAY_DISCONNECT, "disconnect"))
        return CHATROOM_EDENIED;
    if (!cr_close_is_valid(code, reason))
        return CHATROOM_EINVAL;
    if (!is_there(request, connection_id))
        return CHATROOM_EGONE;
    whom = cr_request_copy(request, connection_id);
    copy = cr_request_copy(request, reason);
    effect = whom.bytes && copy.bytes ? add(request, CR_CLOSE) : NULL;
    if (!effect)
        return CHATROOM_ENOMEM;
    effect->code = code;
    effect->text = copy;
    effect->once = whom;
    return CHATROOM_OK;
}

static bool name_is_valid(chatroom_span name)
{
    return name.size > 0 && name.size <= CHATROOM_NAME_BYTES && chatroom_utf8_valid(name);
}

int chatroom_request_set_name(chatroom_request *request, chatroom_span name)
{
    chatroom *c = request->c;
    const chatroom_connection *connection = request->connection;
    struct cr_effect *effect;
    char *copy;
    int result;

    if (!cr_route_may(request, CHATROOM_MAY_NAME, "name"))
        return CHATROOM_EDENIED;
    if (!name_is_valid(name) || !connection || request->stored)
        return CHATROOM_EINVAL;
    result = cr_name_take(c, &c->session_claims, name, connection->name, connection->name_size, &copy);
    if (result != CHATROOM_OK)
        return result;
    effect = add(request, CR_NAME);
    if (!effect) {
        cr_name_free(c, &c->session_claims, copy, name.size);
        return CHATROOM_ENOMEM;
    }
    effect->name = copy;
    effect->text = chatroom_bytes(copy, name.size);
    request->changes_session = true;
    return CHATROOM_OK;
}

/* Room for one more; a room that was made for nothing is forgotten by begin and end. */
static int get_room(chatroom_request *request, chatroom_span name, struct cr_room **ret_room)
{
    if (!name_is_valid(name) || request->stored)
        return CHATROOM_EINVAL;
    if (!cr_rooms_find(request->c, name) && cr_map_count(&request->c->rooms) >= request->c->config.limits.rooms)
        return CHATROOM_ETOOBIG;
    return cr_rooms_get(request->c, name, false, ret_room);
}

static void forget_unused(chatroom *c, struct cr_room *room)
{
    cr_room_begin(room);
    cr_room_end(c, room);
}

int chatroom_request_create_room(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room;
    struct cr_effect *effect;
    int result;

    if (!cr_route_may(request, CHATROOM_MAY_CREATE, "create"))
        return CHATROOM_EDENIED;
    if (expected_room(request, name))
        return CHATROOM_EEXIST;
    result = get_room(request, name, &room);
    if (result != CHATROOM_OK)
        return result;
    effect = add_for_room(request, CR_CREATE, room);
    if (!effect) {
        forget_unused(request->c, room);
        return CHATROOM_ENOMEM;
    }
    cr_room_note(room, effect);
    return CHATROOM_OK;
}

bool cr_request_will_be_in(const chatroom_request *request, const struct cr_room *room)
{
    bool in = cr_room_membership(room, request->connection) && room->noted_deletes == 0;

    for (const struct cr_effect *effect = request->effects; effect; effect = effect->next)
        if (effect->room == room)
            in = (in || effect->kind == CR_JOIN) && effect->kind != CR_LEAVE && effect->kind != CR_DELETE;
    return in;
}

/* A deleted room is not counted off before it is gone: a limit may be met too early, never too late. */
static size_t rooms_after(const chatroom_request *request)
{
    size_t count = chatroom_request_session_rooms(request);

    for (const struct cr_effect *effect = request->effects; effect; effect = effect->next)
        count += (effect->kind == CR_JOIN) - (effect->kind == CR_LEAVE);
    return count;
}

static int add_join(chatroom_request *request, struct cr_room *room)
{
    struct cr_membership *membership = cr_new(&request->c->alloc, sizeof *membership);
    struct cr_effect *effect;

    if (!membership)
        return CHATROOM_ENOMEM;
    if (cr_roster_reserve(&room->roster) != CHATROOM_OK) {
        cr_free(&request->c->alloc, membership, sizeof *membership);
        return CHATROOM_ENOMEM;
    }
    effect = add_for_room(request, CR_JOIN, room);
    if (!effect) {
        cr_roster_release(&room->roster);
        cr_free(&request->c->alloc, membership, sizeof *membership);
        return CHATROOM_ENOMEM;
    }
    membership->room = room;
    membership->connection = request->connection;
    effect->membership = membership;
    cr_room_note(room, effect);
    return CHATROOM_OK;
}

static bool may_join(const chatroom_request *request, chatroom_span name)
{
    return cr_route_may(request, CHATROOM_MAY_JOIN, "join") &&
           (expected_room(request, name) || cr_route_may(request, CHATROOM_MAY_CREATE, "create"));
}

int chatroom_request_join(chatroom_request *request, chatroom_span name)
{
    const struct chatroom_limits *limits = &request->c->config.limits;
    struct cr_room *room;
    int result;

    if (!may_join(request, name))
        return CHATROOM_EDENIED;
    if (!request->connection || request->info.event == CHATROOM_DISCONNECT)
        return CHATROOM_EGONE;
    result = get_room(request, name, &room);
    if (result != CHATROOM_OK)
        return result;
    if (cr_request_will_be_in(request, room))
        return CHATROOM_OK;
    cr_room_expect(room);
    if (room->expected_members >= limits->room_members || rooms_after(request) >= limits->session_rooms)
        result = CHATROOM_ETOOBIG;
    else
        result = add_join(request, room);
    if (result != CHATROOM_OK) {
        forget_unused(request->c, room);
        return result;
    }
    request->changes_session = true;
    return CHATROOM_OK;
}

int chatroom_request_leave(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room = cr_rooms_find(request->c, name);
    struct cr_effect *effect;

    if (!cr_route_may(request, CHATROOM_MAY_JOIN, "leave"))
        return CHATROOM_EDENIED;
    if (request->stored)
        return CHATROOM_EINVAL;
    if (!room || !request->connection || !cr_request_will_be_in(request, room))
        return CHATROOM_ENOENT;
    effect = add_for_room(request, CR_LEAVE, room);
    if (!effect)
        return CHATROOM_ENOMEM;
    cr_room_note(room, effect);
    request->changes_session = true;
    return CHATROOM_OK;
}

int chatroom_request_delete_room(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room = expected_room(request, name);
    struct cr_effect *effect;

    if (!cr_route_may(request, CHATROOM_MAY_DELETE, "delete"))
        return CHATROOM_EDENIED;
    if (request->stored)
        return CHATROOM_EINVAL;
    if (!room)
        return CHATROOM_ENOENT;
    effect = add_for_room(request, CR_DELETE, room);
    if (!effect)
        return CHATROOM_ENOMEM;
    effect->if_empty = room->expected_members == 0;
    cr_room_note(room, effect);
    return CHATROOM_OK;
}

/* The connection's id and the client's: the same id of somebody else is another one. */
static int make_once(chatroom_request *request, chatroom_span id, chatroom_span *ret_once)
{
    char *once;

    *ret_once = chatroom_bytes(NULL, 0);
    if (id.size == 0)
        return CHATROOM_OK;
    once = chatroom_request_memory(request, CR_ID_SIZE + id.size);
    if (!once)
        return CHATROOM_ENOMEM;
    if (request->connection)
        memcpy(once, request->connection->id, CR_ID_SIZE);
    else
        memset(once, '-', CR_ID_SIZE);
    memcpy(once + CR_ID_SIZE, id.bytes, id.size);
    *ret_once = chatroom_bytes(once, CR_ID_SIZE + id.size);
    return CHATROOM_OK;
}

/* Its time is set when it goes to the store. */
static int encode_entry(chatroom_request *request, const struct chatroom_entry *entry, chatroom_span *ret_value)
{
    size_t size;
    char *bytes;

    size = cr_entry_size(entry);
    bytes = chatroom_request_memory(request, size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    cr_entry_encode(entry, bytes);
    *ret_value = chatroom_bytes(bytes, size);
    return CHATROOM_OK;
}

static int check_json(chatroom_request *request, chatroom_span payload)
{
    size_t count;

    return cr_request_has_scanned(request, payload) ? CHATROOM_OK : chatroom_json_scan(payload, NULL, NULL, 0, &count);
}

static int append(chatroom_request *request, chatroom_span room_name, const struct chatroom_entry *entry, bool is_json)
{
    struct cr_room *room = expected_room(request, room_name);
    chatroom_span value, once;
    struct cr_effect *effect;
    int result;

    if (request->stored)
        return CHATROOM_EINVAL;
    if (!room)
        return CHATROOM_ENOENT;
    if (entry->payload.size > request->c->config.limits.message_bytes)
        return CHATROOM_ETOOBIG;
    if (entry->id.size > ONCE_MOST || !chatroom_utf8_valid(entry->id))
        return CHATROOM_EINVAL;
    result = is_json ? CHATROOM_OK : check_json(request, entry->payload);
    if (result == CHATROOM_OK)
        result = make_once(request, entry->id, &once);
    if (result == CHATROOM_OK)
        result = encode_entry(request, entry, &value);
    if (result != CHATROOM_OK)
        return result;
    effect = add_for_room(request, CR_PUBLISH, room);
    if (!effect)
        return CHATROOM_ENOMEM;
    effect->text = value;
    effect->once = once;
    return CHATROOM_OK;
}

int cr_request_append(chatroom_request *request, chatroom_span room, chatroom_span author, chatroom_span json)
{
    return append(request, room, &(struct chatroom_entry){.author = author, .payload = json}, true);
}

int chatroom_request_publish(chatroom_request *request, chatroom_span room, chatroom_span payload, chatroom_span id)
{
    struct chatroom_entry entry = {.author = chatroom_request_session_name(request), .id = id, .payload = payload};

    if (!cr_route_may(request, CHATROOM_MAY_PUBLISH, "publish"))
        return CHATROOM_EDENIED;
    return append(request, room, &entry, false);
}

int chatroom_request_history(chatroom_request *request, chatroom_span room_name,
                             const struct chatroom_history_query *query, chatroom_history_fn *then, void *arg)
{
    struct cr_room *room = expected_room(request, room_name);

    if (!cr_route_may(request, CHATROOM_MAY_READ, "read"))
        return CHATROOM_EDENIED;
    if (!query || !then || request->stored || request->history.room)
        return CHATROOM_EINVAL;
    if (!room)
        return CHATROOM_ENOENT;
    request->history = (struct cr_history){.room = room, .query = *query, .then = then, .then_arg = arg};
    cr_room_begin(room); /* stays until the request ends */
    return CHATROOM_OK;
}
