#include "request.h"

#include "frame.h"
#include "memory.h"
#include "record.h"
#include "rooms.h"

#include <chatroom/utf8.h>

enum { NAME_MOST = 256, ONCE_MOST = 128, CHUNK = 1024 };

/* ---- life ---- */

static void make_id(chatroom *c, char ret_id[CR_ID_SIZE])
{
    uint64_t number[2] = {++c->id_count, 0}, words[2];

    words[0] = chatroom_hash(c->id_key, number, sizeof number);
    number[1] = 1;
    words[1] = chatroom_hash(c->id_key, number, sizeof number);
    cr_id_encode((const uint8_t *)words, ret_id);
}

static void describe(chatroom_request *request, chatroom_connection *connection)
{
    struct chatroom_request_info *info = &request->info;

    info->request_id = chatroom_bytes(request->request_id, CR_ID_SIZE);
    info->time_ms = request->c->now.wall_ms;
    if (!connection)
        return;
    info->connection_id = cr_connection_id(connection);
    info->source_ip = chatroom_bytes(connection->who, connection->source_size);
    info->user_agent = chatroom_bytes(connection->who + connection->source_size, connection->agent_size);
    info->connected_at_ms = connection->connected_at_ms;
}

static void append_to_connection(chatroom_request *request, chatroom_connection *connection)
{
    if (connection->last_request)
        connection->last_request->next = request;
    else
        connection->requests = request;
    connection->last_request = request;
}

chatroom_request *cr_request_new(chatroom *c, chatroom_connection *connection, enum chatroom_event event)
{
    chatroom_request *request = cr_new(&c->alloc, sizeof *request);

    if (!request)
        return NULL;
    request->c = c;
    request->connection = connection;
    request->effects_end = &request->effects;
    request->info.event = event;
    make_id(c, request->request_id);
    describe(request, connection);
    if (connection)
        append_to_connection(request, connection);
    else
        c->loose++;
    return request;
}

void cr_request_free(chatroom_request *request)
{
    const struct chatroom_alloc *alloc = &request->c->alloc;
    struct cr_chunk *chunk = request->chunks;

    cr_request_drop(request);
    while (chunk) {
        struct cr_chunk *next = chunk->next;

        cr_free(alloc, chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
    cr_page_fini(&request->page, alloc);
    cr_free(alloc, request, sizeof *request);
}

void *chatroom_request_memory(chatroom_request *request, size_t size)
{
    struct cr_chunk *chunk;

    if (size > SIZE_MAX - sizeof *chunk)
        return NULL;
    chunk = cr_resize(&request->c->alloc, NULL, 0, sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->next = request->chunks;
    request->chunks = chunk;
    return chunk->bytes;
}

chatroom_span cr_request_copy(chatroom_request *request, chatroom_span span)
{
    char *copy = chatroom_request_memory(request, span.size + 1);

    if (!copy)
        return chatroom_bytes(NULL, 0);
    if (span.size > 0)
        memcpy(copy, span.bytes, span.size);
    copy[span.size] = '\0';
    return chatroom_bytes(copy, span.size);
}

/* ---- what a handler sees ---- */

const struct chatroom_request_info *chatroom_request_info(const chatroom_request *request)
{
    return &request->info;
}

chatroom_span chatroom_request_body(const chatroom_request *request)
{
    return request->body;
}

chatroom *chatroom_request_chatroom(const chatroom_request *request)
{
    return request->c;
}

static void scan(chatroom_request *request)
{
    struct chatroom_json_value value;

    if (request->scanned)
        return;
    request->scanned = true;
    request->is_object = chatroom_json_scan(request->body, &value, request->members, CR_MEMBERS,
                                            &request->member_count) == CHATROOM_OK &&
                         value.type == CHATROOM_JSON_OBJECT;
}

/* Found in the scan's own list when that holds every name, none of them with an escape. */
static bool list_is_enough(const chatroom_request *request)
{
    if (request->member_count > CR_MEMBERS)
        return false;
    for (size_t i = 0; i < request->member_count; i++)
        if (request->members[i].name_escaped)
            return false;
    return true;
}

int chatroom_request_field(chatroom_request *request, const char *name, struct chatroom_json_value *ret_value)
{
    struct chatroom_json_value found = {0};
    chatroom_span wanted = chatroom_str(name);

    scan(request);
    if (!request->is_object)
        return CHATROOM_EJSON;
    if (!list_is_enough(request))
        return chatroom_json_get(request->body, wanted, ret_value);
    for (size_t i = 0; i < request->member_count; i++) {
        if (!chatroom_span_equal(request->members[i].name, wanted))
            continue;
        if (found.type != CHATROOM_JSON_NONE)
            return CHATROOM_EAMBIGUOUS;
        found = request->members[i].value;
    }
    *ret_value = found;
    return CHATROOM_OK;
}

int chatroom_request_text(chatroom_request *request, const char *name, chatroom_span *ret_text)
{
    struct chatroom_json_value value;
    char *buffer = NULL;
    int result = chatroom_request_field(request, name, &value);

    if (result != CHATROOM_OK)
        return result;
    if (value.type == CHATROOM_JSON_NONE || value.type == CHATROOM_JSON_NULL) {
        *ret_text = chatroom_bytes(NULL, 0);
        return CHATROOM_OK;
    }
    if (value.escaped && !(buffer = chatroom_request_memory(request, value.raw.size)))
        return CHATROOM_ENOMEM;
    return chatroom_json_text(&value, buffer, ret_text);
}

chatroom_span chatroom_request_session_name(const chatroom_request *request)
{
    const chatroom_connection *connection = request->connection;

    return connection ? chatroom_bytes(connection->name, connection->name_size) : chatroom_bytes(NULL, 0);
}

size_t chatroom_request_session_rooms(const chatroom_request *request)
{
    return request->connection ? request->connection->room_count : 0;
}

chatroom_span chatroom_request_session_room(const chatroom_request *request, size_t n)
{
    const struct cr_membership *membership = request->connection ? request->connection->rooms : NULL;

    for (; membership && n > 0; n--)
        membership = membership->next;
    return membership ? cr_room_name(membership->room) : chatroom_bytes(NULL, 0);
}

/* ---- effects ---- */

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
    effect->before_expected = room->expected;
    effect->before_members = room->expected_members;
    cr_room_begin(room);
    return effect;
}

void cr_effect_release(chatroom *c, struct cr_effect *effect)
{
    chatroom_frame_unref(effect->frame);
    if (effect->membership) {
        cr_roster_release(&effect->room->roster);
        cr_free(&c->alloc, effect->membership, sizeof *effect->membership);
    }
    if (effect->room)
        cr_room_end(c, effect->room);
}

void cr_request_drop(chatroom_request *request)
{
    struct cr_effect *effect = request->effects;
    struct cr_effect *backwards = NULL;

    while (effect) { /* undone from the last to the first */
        struct cr_effect *next = effect->next;

        effect->next = backwards;
        backwards = effect;
        effect = next;
    }
    for (effect = backwards; effect; effect = effect->next) {
        if (effect->room) {
            effect->room->expected = effect->before_expected;
            effect->room->expected_members = effect->before_members;
        }
        cr_effect_release(request->c, effect);
    }
    request->effects = NULL;
    request->effects_end = &request->effects;
    request->changes_session = false;
}

static int add_message(chatroom_request *request, enum cr_effect_kind what, struct cr_room *room,
                       enum chatroom_message_kind kind, chatroom_span message, chatroom_span whom)
{
    chatroom_frame *frame;
    struct cr_effect *effect;

    if (kind == CHATROOM_TEXT_MESSAGE && !chatroom_utf8_valid(message))
        return CHATROOM_EINVAL;
    frame = cr_frame_new(&request->c->alloc, kind, message, request->c->config.limits.frame_bytes);
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
    if (request->info.event != CHATROOM_MESSAGE)
        return CHATROOM_EGONE;
    return cr_request_send(request, chatroom_bytes(NULL, 0), kind, message);
}

int chatroom_request_reply(chatroom_request *request, chatroom_span text)
{
    return chatroom_request_reply_message(request, CHATROOM_TEXT_MESSAGE, text);
}

int chatroom_request_post(chatroom_request *request, chatroom_span connection_id, chatroom_span text)
{
    struct cr_map_node *node = cr_map_find(&request->c->connections, connection_id);

    if (!node || !CR_CONTAINER(node, chatroom_connection, node)->open)
        return CHATROOM_EGONE;
    return cr_request_send(request, connection_id, CHATROOM_TEXT_MESSAGE, text);
}

int chatroom_request_broadcast(chatroom_request *request, chatroom_span text)
{
    return add_message(request, CR_BROADCAST, NULL, CHATROOM_TEXT_MESSAGE, text, chatroom_bytes(NULL, 0));
}

static struct cr_room *expected_room(const chatroom *c, chatroom_span name)
{
    struct cr_room *room = cr_rooms_find(c, name);

    return room && room->expected ? room : NULL;
}

int chatroom_request_tell(chatroom_request *request, chatroom_span room_name, chatroom_span text)
{
    struct cr_room *room = expected_room(request->c, room_name);

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

static bool name_is_valid(chatroom_span name)
{
    return name.size > 0 && name.size <= NAME_MOST && chatroom_utf8_valid(name);
}

int chatroom_request_set_name(chatroom_request *request, chatroom_span name)
{
    chatroom_span copy;
    struct cr_effect *effect;

    if (!name_is_valid(name) || !request->connection)
        return CHATROOM_EINVAL;
    copy = cr_request_copy(request, name);
    effect = copy.bytes ? add(request, CR_NAME) : NULL;
    if (!effect)
        return CHATROOM_ENOMEM;
    effect->text = copy;
    request->changes_session = true;
    return CHATROOM_OK;
}

/* Room for one more; a room that was made for nothing is forgotten by begin and end. */
static int get_room(chatroom_request *request, chatroom_span name, struct cr_room **ret_room)
{
    if (!name_is_valid(name))
        return CHATROOM_EINVAL;
    if (!cr_rooms_find(request->c, name) && cr_map_count(&request->c->rooms) >= request->c->config.limits.rooms)
        return CHATROOM_ETOOBIG;
    *ret_room = cr_rooms_get(request->c, name);
    return *ret_room ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static void forget_unused(chatroom *c, struct cr_room *room)
{
    cr_room_begin(room);
    cr_room_end(c, room);
}

int chatroom_request_create_room(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room;
    int result;

    if (expected_room(request->c, name))
        return CHATROOM_EEXIST;
    result = get_room(request, name, &room);
    if (result != CHATROOM_OK)
        return result;
    if (!add_for_room(request, CR_CREATE, room)) {
        forget_unused(request->c, room);
        return CHATROOM_ENOMEM;
    }
    room->expected = true;
    room->expected_members = 0;
    return CHATROOM_OK;
}

static bool will_be_in(const chatroom_request *request, const struct cr_room *room)
{
    bool in = false;

    for (const struct cr_membership *m = request->connection->rooms; m; m = m->next)
        in |= m->room == room;
    for (const struct cr_effect *effect = request->effects; effect; effect = effect->next)
        if (effect->room == room)
            in = (in || effect->kind == CR_JOIN) && effect->kind != CR_LEAVE && effect->kind != CR_DELETE;
    return in;
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
    return CHATROOM_OK;
}

int chatroom_request_join(chatroom_request *request, chatroom_span name)
{
    const struct chatroom_limits *limits = &request->c->config.limits;
    struct cr_room *room;
    int result;

    if (!request->connection || request->info.event == CHATROOM_DISCONNECT)
        return CHATROOM_EGONE;
    result = get_room(request, name, &room);
    if (result != CHATROOM_OK)
        return result;
    if (will_be_in(request, room))
        return CHATROOM_OK;
    if (room->expected_members >= limits->room_members || request->connection->room_count >= limits->session_rooms)
        result = CHATROOM_ETOOBIG;
    else
        result = add_join(request, room);
    if (result != CHATROOM_OK) {
        forget_unused(request->c, room);
        return result;
    }
    room->expected_members = room->expected ? room->expected_members + 1 : 1;
    room->expected = true;
    request->changes_session = true;
    return CHATROOM_OK;
}

int chatroom_request_leave(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room = cr_rooms_find(request->c, name);

    if (!room || !request->connection || !will_be_in(request, room))
        return CHATROOM_ENOENT;
    if (!add_for_room(request, CR_LEAVE, room))
        return CHATROOM_ENOMEM;
    room->expected_members--;
    request->changes_session = true;
    return CHATROOM_OK;
}

int chatroom_request_delete_room(chatroom_request *request, chatroom_span name)
{
    struct cr_room *room = expected_room(request->c, name);

    if (!room)
        return CHATROOM_ENOENT;
    if (!add_for_room(request, CR_DELETE, room))
        return CHATROOM_ENOMEM;
    room->expected = false;
    room->expected_members = 0;
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

static int encode_entry(chatroom_request *request, struct cr_room *room, struct chatroom_entry *entry,
                        chatroom_span *ret_value)
{
    size_t size;
    char *bytes;

    entry->time_ms = request->c->now.wall_ms > room->newest_ms ? request->c->now.wall_ms : room->newest_ms;
    size = cr_entry_size(entry);
    bytes = chatroom_request_memory(request, size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    cr_entry_encode(entry, bytes);
    *ret_value = chatroom_bytes(bytes, size);
    room->newest_ms = entry->time_ms;
    return CHATROOM_OK;
}

int cr_request_append(chatroom_request *request, chatroom_span room_name, chatroom_span author, chatroom_span payload,
                      chatroom_span id)
{
    struct cr_room *room = expected_room(request->c, room_name);
    struct chatroom_entry entry = {.author = author, .id = id, .payload = payload};
    chatroom_span value, once;
    struct cr_effect *effect;
    size_t count;
    int result;

    if (!room)
        return CHATROOM_ENOENT;
    if (payload.size > request->c->config.limits.message_bytes)
        return CHATROOM_ETOOBIG;
    if (id.size > ONCE_MOST)
        return CHATROOM_EINVAL;
    result = chatroom_json_scan(payload, NULL, NULL, 0, &count);
    if (result == CHATROOM_OK)
        result = make_once(request, id, &once);
    if (result == CHATROOM_OK)
        result = encode_entry(request, room, &entry, &value);
    if (result != CHATROOM_OK)
        return result;
    effect = add_for_room(request, CR_PUBLISH, room);
    if (!effect)
        return CHATROOM_ENOMEM;
    effect->text = value;
    effect->once = once;
    return CHATROOM_OK;
}

int chatroom_request_publish(chatroom_request *request, chatroom_span room, chatroom_span payload, chatroom_span id)
{
    return cr_request_append(request, room, chatroom_request_session_name(request), payload, id);
}

/* ---- the answer ---- */

void chatroom_request_status(chatroom_request *request, uint16_t status)
{
    request->status = status;
}

int chatroom_request_subprotocol(chatroom_request *request, chatroom_span subprotocol)
{
    static const char others[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t i = 0; i < subprotocol.size; i++)
        if (!memchr(others, subprotocol.bytes[i], sizeof others - 1))
            return CHATROOM_EINVAL;
    if (subprotocol.size == 0)
        return CHATROOM_EINVAL;
    request->subprotocol = cr_request_copy(request, subprotocol);
    return request->subprotocol.bytes ? CHATROOM_OK : CHATROOM_ENOMEM;
}

int chatroom_request_refuse(chatroom_request *request, const char *code, const char *sentence)
{
    request->refusal_code = code;
    request->refusal_sentence = sentence;
    return CHATROOM_EREFUSED;
}
