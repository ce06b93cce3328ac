#include "request.h"

#include "activity.h"
#include "facts.h"
#include "memory.h"
#include "rooms.h"
#include "token.h"

#include <chatroom/utf8.h>

enum { CHUNK = 4096, ALIGN = 16, DETAIL_MOST = 512 };

/* ---- life ---- */

static void describe_facts(chatroom_request *request, const struct cr_facts *facts)
{
    request->info.domain_name = cr_facts_domain(facts);
    request->info.domain_path = cr_facts_path(facts);
    request->info.authorizer = cr_facts_authorizer(facts);
}

static void describe(chatroom_request *request, chatroom_connection *connection)
{
    struct chatroom_request_info *info = &request->info;

    info->request_id = chatroom_bytes(request->request_id, CR_ID_SIZE);
    info->route_key = chatroom_str("");
    info->time_ms = request->c->now.wall_ms;
    info->api = &request->c->api;
    if (info->event == CHATROOM_MESSAGE) {
        cr_id_beside(request->request_id, request->message_id);
        info->message_id = chatroom_bytes(request->message_id, CR_ID_SIZE);
    }
    if (!connection)
        return;
    describe_facts(request, connection->facts);
    info->connection_id = cr_connection_id(connection);
    info->source_ip = cr_connection_source(connection);
    info->user_agent = cr_connection_agent(connection);
    info->connected_at_ms = connection->connected_at_ms;
}

static void append(chatroom_request *request, struct cr_activity *activity)
{
    if (activity->last_request)
        activity->last_request->next = request;
    else
        activity->requests = request;
    activity->last_request = request;
    if (!activity->unsettled)
        activity->unsettled = request;
    activity->request_count++;
}

static chatroom_request *allocate(chatroom *c, chatroom_connection *connection, enum chatroom_event event)
{
    chatroom_request *request = cr_spares_take(&c->spare_requests, &c->alloc, sizeof *request);

    if (!request)
        return NULL;
    memset(request, 0, offsetof(chatroom_request, arena));
    request->free = request->arena;
    request->end = request->arena + sizeof request->arena;
    request->c = c;
    request->connection = connection;
    request->effects_end = &request->effects;
    request->info.event = event;
    request->begun_ns = c->now.mono_ns;
    return request;
}

chatroom_request *cr_request_new(chatroom *c, chatroom_connection *connection, enum chatroom_event event)
{
    struct cr_activity *activity = connection ? cr_activity_begin(connection) : NULL;
    chatroom_request *request = activity || !connection ? allocate(c, connection, event) : NULL;

    if (!request)
        return NULL;
    cr_id_next(&c->ids, request->request_id);
    describe(request, connection);
    if (activity)
        append(request, activity);
    else
        c->loose++;
    return request;
}

/* What it is, and what is known of it so far; nothing that it asked for. */
static void inherit(chatroom_request *request, const chatroom_request *from)
{
    struct chatroom_request_info *info = &request->info;

    info->route_key = from->info.route_key;
    info->two_way = from->info.two_way;
    info->time_ms = from->info.time_ms;
    info->kind = from->info.kind;
    info->close_code = from->info.close_code;
    info->close_reason = from->info.close_reason;
    info->cause = from->info.cause;
    request->route = from->route;
    request->begun_ns = from->begun_ns;
    request->asked_ns = from->asked_ns;
    request->authorized = from->authorized;
    request->authorizer_ms = from->authorizer_ms;
    request->authorizer_status = from->authorizer_status;
    request->key = from->key;
}

chatroom_request *cr_request_stand_in(chatroom_request *request)
{
    chatroom_connection *connection = request->connection;
    struct cr_activity *activity = connection->activity;
    chatroom_request *other = allocate(request->c, connection, request->info.event), **link = &activity->requests;

    if (!other)
        return NULL;
    memcpy(other->request_id, request->request_id, CR_ID_SIZE);
    describe(other, connection);
    inherit(other, request);
    while (*link != request)
        link = &(*link)->next;
    *link = other;
    other->next = request->next;
    if (activity->last_request == request)
        activity->last_request = other;
    if (activity->unsettled == request)
        activity->unsettled = other;
    other->barrier = request->barrier;
    request->barrier = false;
    request->next = NULL;
    request->connection = NULL;
    return other;
}

void cr_request_free(chatroom_request *request)
{
    const struct chatroom_alloc *alloc = &request->c->alloc;
    struct cr_chunk *chunk = request->chunks;

    cr_request_drop(request);
    request->c->held_bytes -= request->held_bytes;
    for (const struct cr_lent *lent = request->lent; lent; lent = lent->next)
        cr_facts_put(request->c, lent->facts);
    while (chunk) {
        struct cr_chunk *next = chunk->next;

        cr_free(alloc, chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
    cr_page_fini(&request->history.page);
    cr_request_forget_history(request);
    cr_request_forget_scan(request);
    cr_spares_give(&request->c->spare_requests, alloc, request, sizeof *request);
}

static bool add_chunk(chatroom_request *request, size_t size)
{
    struct cr_chunk *chunk;

    if (size < CHUNK)
        size = CHUNK;
    chunk = cr_resize(&request->c->alloc, NULL, 0, sizeof *chunk + size);
    if (!chunk)
        return false;
    chunk->size = size;
    chunk->next = request->chunks;
    request->chunks = chunk;
    request->free = chunk->bytes;
    request->end = chunk->bytes + size;
    return true;
}

void *chatroom_request_memory(chatroom_request *request, size_t size)
{
    char *memory;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (size > (size_t)(request->end - request->free) && !add_chunk(request, size))
        return NULL;
    memory = request->free;
    request->free += size;
    return memory;
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

/* Every name is in the scan's own list, none of them with an escape. */
static bool list_is_enough(const struct cr_scan *scan)
{
    if (scan->count > CR_MEMBERS)
        return false;
    for (size_t i = 0; i < scan->count; i++)
        if (scan->members[i].name_escaped)
            return false;
    return true;
}

static const struct cr_scan *scan(chatroom_request *request)
{
    struct cr_scan *scan = &request->c->scan;
    struct chatroom_json_value value;

    if (scan->of == request)
        return scan;
    scan->of = request;
    scan->is_json = chatroom_json_scan(request->body, &value, scan->members, CR_MEMBERS, &scan->count) == CHATROOM_OK;
    scan->is_object = scan->is_json && value.type == CHATROOM_JSON_OBJECT;
    scan->has_all = scan->is_object && list_is_enough(scan);
    return scan;
}

bool cr_request_is_json(chatroom_request *request)
{
    return scan(request)->is_json;
}

void cr_request_forget_scan(const chatroom_request *request)
{
    if (request->c->scan.of == request)
        request->c->scan.of = NULL;
}

/* The very bytes, not their like: what is equal to them was not looked at. */
bool cr_request_has_scanned(const chatroom_request *request, chatroom_span text)
{
    const struct cr_scan *scan = &request->c->scan;

    if (scan->of != request || !scan->is_object || !request->body.bytes)
        return false;
    for (size_t i = 0; i < scan->count && i < CR_MEMBERS; i++)
        if (scan->members[i].value.raw.bytes == text.bytes && scan->members[i].value.raw.size == text.size)
            return true;
    return false;
}

int chatroom_request_field(chatroom_request *request, const char *name, struct chatroom_json_value *ret_value)
{
    const struct cr_scan *found = scan(request);
    struct chatroom_json_value value = {0};
    chatroom_span wanted = chatroom_str(name);

    if (!found->is_object)
        return CHATROOM_EJSON;
    if (!found->has_all)
        return chatroom_json_get(request->body, wanted, ret_value);
    for (size_t i = 0; i < found->count; i++) {
        if (!chatroom_span_equal(found->members[i].name, wanted))
            continue;
        if (value.type != CHATROOM_JSON_NONE)
            return CHATROOM_EAMBIGUOUS;
        value = found->members[i].value;
    }
    *ret_value = value;
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

    return connection ? cr_connection_name(connection) : chatroom_bytes(NULL, 0);
}

size_t chatroom_request_session_rooms(const chatroom_request *request)
{
    const struct cr_membership *membership = request->connection ? request->connection->rooms : NULL;
    size_t count = 0;

    for (; membership; membership = membership->next)
        count++;
    return count;
}

chatroom_span chatroom_request_session_room(const chatroom_request *request, size_t n)
{
    const struct cr_membership *membership = request->connection ? request->connection->rooms : NULL;

    for (; membership && n > 0; n--)
        membership = membership->next;
    return membership ? cr_room_name(membership->room) : chatroom_bytes(NULL, 0);
}

/* ---- the answer ---- */

static char *put(char *at, chatroom_span text)
{
    if (text.size > 0)
        memcpy(at, text.bytes, text.size);
    return at + text.size;
}

int chatroom_request_callback_url(chatroom_request *request, chatroom_span *ret_url)
{
    const struct chatroom_request_info *info = &request->info;
    chatroom_span scheme = chatroom_str(info->api->secure ? "https://" : "http://");
    bool has_path = info->domain_path.size > 0;
    char *url = chatroom_request_memory(request, scheme.size + info->domain_name.size + 1 + info->domain_path.size);
    char *at = url;

    if (!url)
        return CHATROOM_ENOMEM;
    at = put(at, scheme);
    at = put(at, info->domain_name);
    if (has_path)
        at = put(put(at, chatroom_str("/")), info->domain_path);
    *ret_url = chatroom_bytes(url, (size_t)(at - url));
    return CHATROOM_OK;
}

int chatroom_request_authorize(chatroom_request *request, chatroom_span object)
{
    chatroom *c = request->c;
    chatroom_connection *connection = request->connection;
    struct chatroom_json_value value;
    struct cr_facts *facts;
    struct cr_lent *lent;
    size_t count;
    int result;

    if (request->info.event != CHATROOM_CONNECT || request->stored)
        return CHATROOM_EGONE;
    if (object.size > CR_AUTHORIZER_MOST || chatroom_json_scan(object, &value, NULL, 0, &count) != CHATROOM_OK ||
        value.type != CHATROOM_JSON_OBJECT)
        return CHATROOM_EINVAL;
    lent = chatroom_request_memory(request, sizeof *lent);
    if (!lent)
        return CHATROOM_ENOMEM;
    result = cr_facts_get(c, request->info.domain_name, request->info.domain_path, object, &facts);
    if (result != CHATROOM_OK)
        return result;
    *lent = (struct cr_lent){.next = request->lent, .facts = connection->facts};
    request->lent = lent;
    connection->facts = facts;
    describe_facts(request, facts);
    return CHATROOM_OK;
}

int chatroom_request_usage_key(chatroom_request *request, chatroom_span key)
{
    if (request->info.event != CHATROOM_CONNECT)
        return CHATROOM_EGONE;
    request->usage_key = cr_request_copy(request, key);
    return request->usage_key.bytes ? CHATROOM_OK : CHATROOM_ENOMEM;
}

void chatroom_request_status(chatroom_request *request, uint16_t status)
{
    request->status = status;
}

/* Whether it is an element of a comma-separated list. */
static bool lists(chatroom_span list, chatroom_span wanted)
{
    size_t from = 0;

    for (size_t at = 0; at <= list.size; at++) {
        size_t end = at;

        if (at < list.size && list.bytes[at] != ',')
            continue;
        while (from < end && (list.bytes[from] == ' ' || list.bytes[from] == '\t'))
            from++;
        while (end > from && (list.bytes[end - 1] == ' ' || list.bytes[end - 1] == '\t'))
            end--;
        if (chatroom_span_equal(chatroom_bytes(list.bytes + from, end - from), wanted))
            return true;
        from = at + 1;
    }
    return false;
}

static bool is_offered(const struct chatroom_request_head *head, chatroom_span subprotocol)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (cr_same_word(head->headers[i].name, chatroom_str("sec-websocket-protocol")) &&
            lists(head->headers[i].value, subprotocol))
            return true;
    return false;
}

/* A browser will end the connection: whoever wrote the handler wants to know why. */
static void log_unoffered(const chatroom_request *request, chatroom_span subprotocol)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("connection", request->info.connection_id),
                                                CHATROOM_TEXT("subprotocol", subprotocol)};

    cr_log(request->c, CHATROOM_LOG_WARN, "subprotocol_not_offered", fields, 2);
}

int chatroom_request_subprotocol(chatroom_request *request, chatroom_span subprotocol)
{
    if (!cr_is_token(subprotocol))
        return CHATROOM_EINVAL;
    if (request->info.head && !is_offered(request->info.head, subprotocol))
        log_unoffered(request, subprotocol);
    request->subprotocol = cr_request_copy(request, subprotocol);
    return request->subprotocol.bytes ? CHATROOM_OK : CHATROOM_ENOMEM;
}

int chatroom_request_detail(chatroom_request *request, chatroom_span detail)
{
    chatroom_span copy;

    if (detail.size > DETAIL_MOST || !chatroom_utf8_valid(detail))
        return CHATROOM_EINVAL;
    copy = cr_request_copy(request, detail);
    if (!copy.bytes)
        return CHATROOM_ENOMEM;
    request->detail = copy;
    return CHATROOM_OK;
}

int chatroom_request_refuse(chatroom_request *request, const char *code, const char *sentence)
{
    request->refusal_code = code;
    request->refusal_sentence = sentence;
    return CHATROOM_EREFUSED;
}
