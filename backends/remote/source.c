#include "source.h"

#include "url.h"
#include "variables.h"

#include <chatroom/json.h>

struct reader {
    const struct chatroom_request_info *info;
    chatroom_span body;
    struct remote_text *scratch;
    remote_value_fn *each;
    void *arg;
};

/* ---- what an expression says ---- */

static const struct {
    const char *prefix;
    enum remote_source_kind kind;
} prefixes[] = {
    {"route.request.header.", REMOTE_HEADER},
    {"route.request.multivalueheader.", REMOTE_HEADERS},
    {"route.request.querystring.", REMOTE_QUERY},
    {"route.request.multivaluequerystring.", REMOTE_QUERIES},
    {"route.request.body.", REMOTE_BODY},
    {"stageVariables.", REMOTE_VARIABLE},
    {"context.", REMOTE_CONTEXT},
};

/* The facts that context.NAME gives, but for those of the authorizer. */
static const char *const facts[] = {
    "connectionId", "requestId",        "extendedRequestId", "routeKey",           "stage",
    "apiId",        "domainName",       "eventType",         "messageDirection",   "messageId",
    "connectedAt",  "requestTimeEpoch", "identity.sourceIp", "identity.userAgent",
};

static const char authorizer[] = "authorizer.";

static bool begins_with(chatroom_span text, const char *prefix)
{
    size_t size = strlen(prefix);

    return text.size > size && memcmp(text.bytes, prefix, size) == 0;
}

static chatroom_span behind(chatroom_span text, size_t size)
{
    return chatroom_bytes(text.bytes + size, text.size - size);
}

static bool is_fact(chatroom_span name)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (chatroom_span_equal(name, chatroom_str(facts[i])))
            return true;
    return begins_with(name, authorizer);
}

/*
 * One step of a path: a name up to the next '.' or '[', or an index in brackets, with the dot before or after it.
 * False: there is none, or it is no step.
 */
static bool step_of(chatroom_span *path, chatroom_span *ret_name, size_t *ret_index, bool *ret_is_index)
{
    size_t at = 0, index = 0;

    *ret_is_index = path->size > 0 && path->bytes[0] == '[';
    if (*ret_is_index) {
        for (at = 1; at < path->size && at < 8 && path->bytes[at] >= '0' && path->bytes[at] <= '9'; at++)
            index = index * 10 + (size_t)(path->bytes[at] - '0');
        if (at == 1 || at == path->size || path->bytes[at++] != ']')
            return false;
    } else {
        while (at < path->size && path->bytes[at] != '.' && path->bytes[at] != '[')
            at++;
        if (at == 0)
            return false;
    }
    *ret_index = index;
    *ret_name = chatroom_bytes(path->bytes, at);
    if (at < path->size && path->bytes[at] == '.' && ++at == path->size)
        return false; /* a dot with nothing behind it */
    *path = behind(*path, at);
    return true;
}

static bool is_path(chatroom_span path)
{
    chatroom_span name;
    size_t index;
    bool is_index;

    while (path.size > 0)
        if (!step_of(&path, &name, &index, &is_index))
            return false;
    return true;
}

static bool is_name_for(enum remote_source_kind kind, chatroom_span name)
{
    switch (kind) {
    case REMOTE_HEADER:
    case REMOTE_HEADERS:
        return remote_is_token(name);
    case REMOTE_BODY:
        return is_path(name);
    case REMOTE_CONTEXT:
        return is_fact(name);
    default:
        return true;
    }
}

bool remote_source_parse(chatroom_span expression, struct remote_source *ret_source)
{
    size_t last = expression.size - 1;

    if (expression.size >= 2 && expression.bytes[0] == '\'' && expression.bytes[last] == '\'') {
        *ret_source = (struct remote_source){REMOTE_LITERAL, chatroom_bytes(expression.bytes + 1, last - 1)};
        return true;
    }
    if (chatroom_span_equal(expression, chatroom_str("route.request.body"))) {
        *ret_source = (struct remote_source){REMOTE_BODY, chatroom_bytes(expression.bytes, 0)};
        return true;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (!begins_with(expression, prefixes[i].prefix))
            continue;
        *ret_source = (struct remote_source){prefixes[i].kind, behind(expression, strlen(prefixes[i].prefix))};
        return is_name_for(ret_source->kind, ret_source->name);
    }
    return false;
}

/* ---- what is there ---- */

static void give(struct reader *r, chatroom_span value)
{
    r->each(r->arg, value);
}

static void give_number(struct reader *r, int64_t number)
{
    remote_text_clear(r->scratch);
    remote_text_add_number(r->scratch, number);
    if (!r->scratch->failed)
        give(r, remote_text_span(r->scratch));
}

/* A string decoded, anything else as it stands in the JSON. */
static void give_json(struct reader *r, const struct chatroom_json_value *value)
{
    chatroom_span text;

    if (value->type == CHATROOM_JSON_NONE || value->type == CHATROOM_JSON_NULL)
        return;
    if (value->type != CHATROOM_JSON_STRING) {
        give(r, value->raw);
        return;
    }
    remote_text_clear(r->scratch);
    if (remote_text_reserve(r->scratch, value->raw.size) && !chatroom_json_text(value, r->scratch->bytes, &text))
        give(r, text);
}

static void read_headers(struct reader *r, chatroom_span name, bool all)
{
    const struct chatroom_request_head *head = r->info->head;
    const struct chatroom_header *last = NULL;

    for (size_t i = 0; head && i < head->header_count; i++) {
        if (!remote_same_word(head->headers[i].name, name))
            continue;
        last = &head->headers[i];
        if (all)
            give(r, last->value);
    }
    if (last && !all)
        give(r, last->value);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Into scratch, which is empty before. False: out of memory. */
static bool decode(struct remote_text *scratch, chatroom_span text)
{
    remote_text_clear(scratch);
    if (!remote_text_reserve(scratch, text.size))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.bytes[i] == '+' ? ' ' : text.bytes[i];

        if (c == '%' && text.size - i > 2 && digit(text.bytes[i + 1]) >= 0 && digit(text.bytes[i + 2]) >= 0) {
            c = (char)(digit(text.bytes[i + 1]) * 16 + digit(text.bytes[i + 2]));
            i += 2;
        }
        scratch->bytes[scratch->size++] = c;
    }
    return true;
}

/* The next "name=value" of a query, not decoded. */
static bool next_pair(chatroom_span *query, chatroom_span *ret_name, chatroom_span *ret_value)
{
    const char *end, *equals;
    size_t size;

    while (query->size > 0 && query->bytes[0] == '&')
        *query = behind(*query, 1);
    if (query->size == 0)
        return false;
    end = memchr(query->bytes, '&', query->size);
    size = end ? (size_t)(end - query->bytes) : query->size;
    equals = memchr(query->bytes, '=', size);
    *ret_name = chatroom_bytes(query->bytes, equals ? (size_t)(equals - query->bytes) : size);
    *ret_value = equals ? chatroom_bytes(equals + 1, size - ret_name->size - 1) : chatroom_bytes(NULL, 0);
    *query = behind(*query, size);
    return true;
}

static void read_query(struct reader *r, chatroom_span wanted, bool all)
{
    chatroom_span target = r->info->head ? r->info->head->target : chatroom_bytes(NULL, 0), name, value, last;
    const char *mark = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;
    chatroom_span query = mark ? behind(target, (size_t)(mark - target.bytes) + 1) : chatroom_bytes(NULL, 0);
    bool found = false;

    while (next_pair(&query, &name, &value)) {
        if (!decode(r->scratch, name) || !chatroom_span_equal(remote_text_span(r->scratch), wanted))
            continue;
        found = true;
        last = value;
        if (all && decode(r->scratch, value))
            give(r, remote_text_span(r->scratch));
    }
    if (found && !all && decode(r->scratch, last))
        give(r, remote_text_span(r->scratch));
}

static struct chatroom_json_value element(chatroom_span raw, size_t index)
{
    struct chatroom_json_walk walk = chatroom_json_each(raw);
    struct chatroom_json_member member;

    while (chatroom_json_next(&walk, &member))
        if (index-- == 0)
            return member.value;
    return (struct chatroom_json_value){0};
}

static void read_body(struct reader *r, chatroom_span path)
{
    struct chatroom_json_value value;
    chatroom_span name;
    size_t index, count;
    bool is_index;

    if (path.size == 0) {
        give(r, r->body);
        return;
    }
    if (chatroom_json_scan(r->body, &value, NULL, 0, &count))
        return;
    while (path.size > 0 && step_of(&path, &name, &index, &is_index)) {
        if (is_index && value.type == CHATROOM_JSON_ARRAY)
            value = element(value.raw, index);
        else if (is_index || value.type != CHATROOM_JSON_OBJECT || chatroom_json_get(value.raw, name, &value))
            return;
    }
    give_json(r, &value);
}

static void read_authorizer(struct reader *r, chatroom_span name)
{
    struct chatroom_json_value value;

    if (r->info->authorizer.size > 0 && !chatroom_json_get(r->info->authorizer, name, &value))
        give_json(r, &value);
}

static void give_if_any(struct reader *r, chatroom_span value)
{
    if (value.size > 0)
        give(r, value);
}

static void read_context(struct reader *r, chatroom_span name)
{
    static const char *const events[] = {"CONNECT", "MESSAGE", "DISCONNECT"};
    const struct chatroom_request_info *info = r->info;
    const struct chatroom_api none = {0}, *api = info->api ? info->api : &none;
    const chatroom_span values[] = {
        info->connection_id, info->request_id, info->request_id,  info->route_key,
        api->stage,          api->id,          info->domain_name, chatroom_str(events[info->event]),
        chatroom_str("IN"),  info->message_id, {NULL, 0},         {NULL, 0},
        info->source_ip,     info->user_agent,
    }; /* in the order of facts */

    if (begins_with(name, authorizer)) {
        read_authorizer(r, behind(name, sizeof authorizer - 1));
        return;
    }
    if (chatroom_span_equal(name, chatroom_str("connectedAt")))
        give_number(r, info->connected_at_ms);
    if (chatroom_span_equal(name, chatroom_str("requestTimeEpoch")))
        give_number(r, info->time_ms);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (chatroom_span_equal(name, chatroom_str(facts[i])))
            give_if_any(r, values[i]);
}

void remote_source_each(const struct remote_source *source, const struct chatroom_request_info *info,
                        chatroom_span body, struct remote_text *scratch, remote_value_fn *each, void *arg)
{
    struct reader r = {info, body, scratch, each, arg};
    chatroom_span value;

    switch (source->kind) {
    case REMOTE_HEADER:
    case REMOTE_HEADERS:
        read_headers(&r, source->name, source->kind == REMOTE_HEADERS);
        break;
    case REMOTE_QUERY:
    case REMOTE_QUERIES:
        read_query(&r, source->name, source->kind == REMOTE_QUERIES);
        break;
    case REMOTE_BODY:
        read_body(&r, source->name);
        break;
    case REMOTE_VARIABLE:
        if (remote_variable(info->api, source->name, &value))
            give(&r, value);
        break;
    case REMOTE_CONTEXT:
        read_context(&r, source->name);
        break;
    case REMOTE_LITERAL:
        give(&r, source->name);
        break;
    }
}
