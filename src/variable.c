#include "variable.h"

#include "character.h"
#include "clf.h"

/* Where a variable's value comes from. */
enum source {
    NOWHERE, /* documented, but nothing here has it */
    TEXT_OF_FACTS,
    NUMBER_OF_FACTS,
    TEXT_OF_INFO,
    TIME_OF_INFO,
    TEXT_OF_API,
    REQUEST_TIME,
    EVENT_TYPE,
    CLOSE_CODE,
    CLOSE_REASON,
    MASKED_KEY,
    QUOTED_ERROR,
    AUTHORIZER_KEY, /* the key is the format's */
};

struct cr_variable {
    const char *name; /* behind "context." */
    enum source source;
    size_t offset; /* of what the source names */
};

#define FACT(member) offsetof(struct cr_access_facts, member)
#define INFO(member) offsetof(struct chatroom_request_info, member)
#define API(member)  offsetof(struct chatroom_api, member)

/* clang-format off */
static const struct cr_variable variables[] = {
    {"apiId", TEXT_OF_API, API(id)},
    {"stage", TEXT_OF_API, API(stage)},
    {"connectedAt", TIME_OF_INFO, INFO(connected_at_ms)},
    {"connectionId", TEXT_OF_INFO, INFO(connection_id)},
    {"domainName", TEXT_OF_INFO, INFO(domain_name)},
    {"eventType", EVENT_TYPE, 0},
    {"extendedRequestId", TEXT_OF_INFO, INFO(request_id)},
    {"messageId", TEXT_OF_INFO, INFO(message_id)},
    {"requestId", TEXT_OF_INFO, INFO(request_id)},
    {"requestTime", REQUEST_TIME, 0},
    {"requestTimeEpoch", TIME_OF_INFO, INFO(time_ms)},
    {"routeKey", TEXT_OF_INFO, INFO(route_key)},
    {"disconnectStatusCode", CLOSE_CODE, 0},
    {"disconnectReason", CLOSE_REASON, 0},
    {"status", NUMBER_OF_FACTS, FACT(status)},
    {"responseLatency", NUMBER_OF_FACTS, FACT(response_latency_ms)},
    {"error.message", TEXT_OF_FACTS, FACT(error_message)},
    {"error.messageString", QUOTED_ERROR, 0},
    {"error.responseType", TEXT_OF_FACTS, FACT(error_response_type)},
    {"error.validationErrorString", TEXT_OF_FACTS, FACT(error_validation)},
    {"integrationLatency", NUMBER_OF_FACTS, FACT(integration_latency_ms)},
    {"integration.error", TEXT_OF_FACTS, FACT(integration_error)},
    {"integration.integrationStatus", NUMBER_OF_FACTS, FACT(integration_call_status)},
    {"integration.latency", NUMBER_OF_FACTS, FACT(integration_latency_ms)},
    {"integration.requestId", TEXT_OF_FACTS, FACT(integration_request_id)},
    {"integration.status", NUMBER_OF_FACTS, FACT(integration_status)},
    {"authorizer.error", TEXT_OF_FACTS, FACT(authorizer_error)},
    {"authorizer.integrationLatency", NUMBER_OF_FACTS, FACT(authorizer_latency_ms)},
    {"authorizer.integrationStatus", NUMBER_OF_FACTS, FACT(authorizer_call_status)},
    {"authorizer.latency", NUMBER_OF_FACTS, FACT(authorizer_latency_ms)},
    {"authorizer.requestId", TEXT_OF_FACTS, FACT(authorizer_request_id)},
    {"authorizer.status", NUMBER_OF_FACTS, FACT(authorizer_status)},
    {"identity.apiKey", MASKED_KEY, 0},
    {"identity.apiKeyId", TEXT_OF_FACTS, FACT(api_key_id)},
    {"identity.sourceIp", TEXT_OF_INFO, INFO(source_ip)},
    {"identity.userAgent", TEXT_OF_INFO, INFO(user_agent)},
    {"identity.accountId", NOWHERE, 0},
    {"identity.caller", NOWHERE, 0},
    {"identity.cognitoAuthenticationProvider", NOWHERE, 0},
    {"identity.cognitoAuthenticationType", NOWHERE, 0},
    {"identity.cognitoIdentityId", NOWHERE, 0},
    {"identity.cognitoIdentityPoolId", NOWHERE, 0},
    {"identity.principalOrgId", NOWHERE, 0},
    {"identity.user", NOWHERE, 0},
    {"identity.userArn", NOWHERE, 0},
    {"authenticate.error", NOWHERE, 0},
    {"authenticate.latency", NOWHERE, 0},
    {"authenticate.status", NOWHERE, 0},
    {"authorize.error", NOWHERE, 0},
    {"authorize.latency", NOWHERE, 0},
    {"authorize.status", NOWHERE, 0},
    {"waf.error", NOWHERE, 0},
    {"waf.latency", NOWHERE, 0},
    {"waf.status", NOWHERE, 0},
};
/* clang-format on */

static const struct cr_variable authorizer_key = {"authorizer.", AUTHORIZER_KEY, 0};

const struct cr_variable *cr_variable_find(chatroom_span name, chatroom_span *ret_key)
{
    size_t start = strlen(authorizer_key.name);

    *ret_key = chatroom_bytes(NULL, 0);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (chatroom_span_equal(name, chatroom_str(variables[i].name)))
            return &variables[i];
    if (name.size <= start || memcmp(name.bytes, authorizer_key.name, start) != 0)
        return NULL;
    *ret_key = chatroom_bytes(name.bytes + start, name.size - start);
    return &authorizer_key;
}

/* ---- writing ---- */

static void write_words(struct chatroom_json *out, const char *words)
{
    chatroom_json_literal(out, chatroom_str(words));
}

static void write_missing(struct chatroom_json *out)
{
    write_words(out, "-");
}

/* A peer's text: it may hold anything. */
static void escape(struct chatroom_json *out, chatroom_span text)
{
    size_t from = 0;

    for (size_t at = 0; at < text.size;) {
        size_t size = cr_character_size(chatroom_bytes(text.bytes + at, text.size - at));

        at += size;
        if (size > 0)
            continue;
        chatroom_json_escaped(out, chatroom_bytes(text.bytes + from, at - from));
        write_words(out, "\\ufffd");
        from = ++at;
    }
    if (from < text.size)
        chatroom_json_escaped(out, chatroom_bytes(text.bytes + from, text.size - from));
}

static void write_text(struct chatroom_json *out, chatroom_span text)
{
    if (text.size == 0)
        write_missing(out);
    else if (chatroom_utf8_valid(text))
        chatroom_json_escaped(out, text);
    else
        escape(out, text);
}

static void write_number(struct chatroom_json *out, int64_t number)
{
    out->comma = false;
    chatroom_json_number(out, number);
}

static void write_measure(struct chatroom_json *out, int64_t number)
{
    if (number == CR_ACCESS_NONE)
        write_missing(out);
    else
        write_number(out, number);
}

static void write_request_time(struct chatroom_json *out, int64_t time_ms)
{
    char text[CR_CLF_SIZE + 1];

    cr_clf(time_ms, text);
    write_words(out, text);
}

static void write_quoted(struct chatroom_json *out, chatroom_span text)
{
    write_words(out, "\"");
    write_text(out, text);
    write_words(out, "\"");
}

/* So much of an id that its owner knows which, and nobody can tell another. */
static void write_masked(struct chatroom_json *out, chatroom_span id)
{
    size_t from = id.size >= 8 ? id.size - 4 : id.size;

    if (id.size == 0) {
        write_missing(out);
        return;
    }
    while (from < id.size && cr_character_continues(id.bytes[from]))
        from++;
    write_words(out, "**********");
    if (from < id.size)
        write_text(out, chatroom_bytes(id.bytes + from, id.size - from));
}

/* What stands between the quotes of a valid JSON string is escaped already. */
static void write_authorizer(struct chatroom_json *out, chatroom_span authorizer, chatroom_span key)
{
    struct chatroom_json_value value = {.type = CHATROOM_JSON_NONE};

    if (authorizer.size > 0 && chatroom_json_get(authorizer, key, &value) != CHATROOM_OK)
        value.type = CHATROOM_JSON_NONE;
    switch (value.type) {
    case CHATROOM_JSON_STRING:
        chatroom_json_literal(out, chatroom_bytes(value.raw.bytes + 1, value.raw.size - 2));
        break;
    case CHATROOM_JSON_NUMBER:
    case CHATROOM_JSON_TRUE:
    case CHATROOM_JSON_FALSE:
        chatroom_json_literal(out, value.raw);
        break;
    default:
        write_missing(out);
        break;
    }
}

static const char *event_type(enum chatroom_event event)
{
    return event == CHATROOM_CONNECT ? "CONNECT" : event == CHATROOM_MESSAGE ? "MESSAGE" : "DISCONNECT";
}

static chatroom_span span_at(const void *start, size_t offset)
{
    chatroom_span nothing = {NULL, 0};

    return start ? *(const chatroom_span *)((const char *)start + offset) : nothing;
}

static int64_t number_at(const void *start, size_t offset)
{
    return *(const int64_t *)((const char *)start + offset);
}

void cr_variable_write(struct chatroom_json *out, const struct cr_variable *variable, chatroom_span key,
                       const struct cr_access_facts *facts)
{
    const struct chatroom_request_info *info = facts->info;
    bool gone = info->event == CHATROOM_DISCONNECT;

    switch (variable->source) { /* not reached: any other */
    case NOWHERE:
        write_missing(out);
        break;
    case TEXT_OF_FACTS:
        write_text(out, span_at(facts, variable->offset));
        break;
    case NUMBER_OF_FACTS:
        write_measure(out, number_at(facts, variable->offset));
        break;
    case TEXT_OF_INFO:
        write_text(out, span_at(info, variable->offset));
        break;
    case TIME_OF_INFO:
        write_number(out, number_at(info, variable->offset));
        break;
    case TEXT_OF_API:
        write_text(out, span_at(info->api, variable->offset));
        break;
    case REQUEST_TIME:
        write_request_time(out, info->time_ms);
        break;
    case EVENT_TYPE:
        write_words(out, event_type(info->event));
        break;
    case CLOSE_CODE:
        write_measure(out, gone ? info->close_code : CR_ACCESS_NONE);
        break;
    case CLOSE_REASON:
        write_text(out, gone ? info->close_reason : chatroom_bytes(NULL, 0));
        break;
    case MASKED_KEY:
        write_masked(out, facts->api_key_id);
        break;
    case QUOTED_ERROR:
        write_quoted(out, facts->error_message);
        break;
    case AUTHORIZER_KEY:
        write_authorizer(out, info->authorizer, key);
        break;
    }
}
