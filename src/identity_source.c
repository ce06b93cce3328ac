#include <chatroom/event.h>

#include "query.h"
#include "token.h"

enum where {
    IN_HEADER,
    IN_QUERY,
    IN_STAGE,
    IN_CONTEXT,
};

static const char *const prefixes[] = {
    [IN_HEADER] = "route.request.header.",
    [IN_QUERY] = "route.request.querystring.",
    [IN_STAGE] = "stageVariables.",
    [IN_CONTEXT] = "context.",
};

/* What an event says of a connection that is not yet there, and which is never empty. */
static const char *const always[] = {
    "connectedAt", "connectionId", "eventType",        "extendedRequestId",
    "requestId",   "requestTime",  "requestTimeEpoch", "routeKey",
};

/* False: it has none of the four forms, or no name. */
static bool parse(chatroom_span source, enum where *ret_where, chatroom_span *ret_name)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t size = strlen(prefixes[i]);

        if (source.size <= size || memcmp(source.bytes, prefixes[i], size) != 0)
            continue;
        *ret_where = (enum where)i;
        *ret_name = chatroom_bytes(source.bytes + size, source.size - size);
        return true;
    }
    return false;
}

static bool in_header(const struct chatroom_request_head *head, chatroom_span name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (cr_same_word(head->headers[i].name, name) && head->headers[i].value.size > 0)
            return true;
    return false;
}

static bool in_query(const struct chatroom_request_head *head, chatroom_span name)
{
    chatroom_span query = cr_query_of(head->target);
    struct chatroom_header parameter;

    while (cr_query_next(&query, &parameter))
        if (cr_query_is(parameter.name, name) && parameter.value.size > 0)
            return true;
    return false;
}

static bool in_stage(const struct chatroom_api *api, chatroom_span name)
{
    for (size_t i = 0; i < api->variable_count; i++)
        if (chatroom_span_equal(api->variables[i].name, name))
            return api->variables[i].value.size > 0;
    return false;
}

static bool is_always_there(chatroom_span name)
{
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (chatroom_span_equal(name, chatroom_str(always[i])))
            return true;
    return false;
}

/* The context variables that may be empty. False: there is none of that name. */
static bool context_text(const struct chatroom_request_info *info, chatroom_span name, chatroom_span *ret_text)
{
    const struct chatroom_variable texts[] = {
        {chatroom_str("apiId"), info->api->id},
        {chatroom_str("stage"), info->api->stage},
        {chatroom_str("domainName"), info->domain_name},
        {chatroom_str("identity.sourceIp"), info->source_ip},
        {chatroom_str("identity.userAgent"), info->user_agent},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!chatroom_span_equal(name, texts[i].name))
            continue;
        *ret_text = texts[i].value;
        return true;
    }
    return false;
}

static bool in_context(const struct chatroom_request_info *info, chatroom_span name)
{
    chatroom_span text = {NULL, 0};

    (void)context_text(info, name, &text);
    return is_always_there(name) || text.size > 0;
}

static bool is_context(chatroom_span name)
{
    static const struct chatroom_api api;
    static const struct chatroom_request_info nobody = {.api = &api};
    chatroom_span text;

    return is_always_there(name) || context_text(&nobody, name, &text);
}

/* What is wrong with a source, or NULL; then both are set. */
static const char *parse_good(chatroom_span source, enum where *ret_where, chatroom_span *ret_name)
{
    if (!parse(source, ret_where, ret_name))
        return "An identity source is route.request.header.NAME, route.request.querystring.NAME, "
               "stageVariables.NAME or context.NAME.";
    if (*ret_where == IN_HEADER && !cr_is_token(*ret_name))
        return "An identity source names a header that cannot be.";
    if (*ret_where == IN_CONTEXT && !is_context(*ret_name))
        return "An identity source names a context variable that is not there when an authorizer is asked.";
    return NULL;
}

int chatroom_event_check_identity(chatroom_span source, struct chatroom_error *error)
{
    enum where where;
    chatroom_span name;
    const char *fault = parse_good(source, &where, &name);

    return fault ? chatroom_error_set(error, CHATROOM_EINVAL, fault) : CHATROOM_OK;
}

bool chatroom_event_has_identity(const struct chatroom_request_info *info, chatroom_span source)
{
    enum where where;
    chatroom_span name;

    if (parse_good(source, &where, &name))
        return false;
    switch (where) { /* not reached: any other */
    case IN_HEADER:
        return in_header(info->head, name);
    case IN_QUERY:
        return in_query(info->head, name);
    case IN_STAGE:
        return in_stage(info->api, name);
    case IN_CONTEXT:
        break;
    }
    return in_context(info, name);
}
