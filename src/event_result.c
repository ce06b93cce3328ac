#include <chatroom/event.h>

#include "base64.h"
#include "token.h"

#include <chatroom/policy.h>

/* A result that is being read. */
struct reader {
    chatroom_span object;
    size_t members;
    char *buffer; /* what is left of it: every value finds room for its own length */
    struct chatroom_error *error;
};

static int malformed(struct reader *reader, const char *sentence)
{
    return chatroom_error_set(reader->error, CHATROOM_EINVAL, sentence);
}

static int open_object(struct reader *reader, chatroom_span text)
{
    struct chatroom_json_value value;

    if (chatroom_json_scan(text, &value, NULL, 0, &reader->members) != CHATROOM_OK)
        return chatroom_error_set(reader->error, CHATROOM_EJSON, "The function's result is not JSON.");
    if (value.type != CHATROOM_JSON_OBJECT)
        return malformed(reader, "The function's result is not a JSON object.");
    reader->object = value.raw;
    return CHATROOM_OK;
}

static bool is_flag(const struct chatroom_json_value *value)
{
    return value->type == CHATROOM_JSON_TRUE || value->type == CHATROOM_JSON_FALSE;
}

/* Numbers, booleans and strings. */
static bool is_scalar(const struct chatroom_json_value *value)
{
    return value->type == CHATROOM_JSON_STRING || value->type == CHATROOM_JSON_NUMBER || is_flag(value);
}

static bool is_absent(const struct chatroom_json_value *value)
{
    return value->type == CHATROOM_JSON_NONE || value->type == CHATROOM_JSON_NULL;
}

/* The text of a string. False: it is none. */
static bool take_text(struct reader *reader, const struct chatroom_json_value *value, chatroom_span *ret_text)
{
    if (chatroom_json_text(value, reader->buffer, ret_text) != CHATROOM_OK)
        return false;
    reader->buffer += value->raw.size;
    return true;
}

/* A member's name as the string value that it looks like. */
static struct chatroom_json_value name_of(const struct chatroom_json_member *member)
{
    chatroom_span quoted = chatroom_bytes(member->name.bytes - 1, member->name.size + 2);

    return (struct chatroom_json_value){CHATROOM_JSON_STRING, member->name_escaped, quoted};
}

/* Without case, as names of headers are compared. */
static bool name_is(struct reader *reader, const struct chatroom_json_member *member, const char *name)
{
    struct chatroom_json_value quoted = name_of(member);
    chatroom_span text = {NULL, 0};

    (void)chatroom_json_text(&quoted, reader->buffer, &text); /* it is a string */
    return cr_same_word(text, chatroom_str(name));
}

/* ---- proxy: its parts ---- */

enum part {
    STATUS,
    HEADERS,
    MULTI_HEADERS,
    BODY,
    IS_BASE64,
    PARTS,
};

static int find_parts(struct reader *reader, struct chatroom_json_value ret_parts[PARTS])
{
    static const char *const names[PARTS] = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"};
    size_t found = 0;

    for (size_t i = 0; i < PARTS; i++) {
        if (chatroom_json_get(reader->object, chatroom_str(names[i]), &ret_parts[i]) != CHATROOM_OK)
            return malformed(reader, "A name stands twice in the function's result.");
        found += ret_parts[i].type != CHATROOM_JSON_NONE;
    }
    if (found != reader->members)
        return malformed(reader,
                         "The function's result has a key that is not one of statusCode, headers, multiValueHeaders, "
                         "body and isBase64Encoded.");
    return CHATROOM_OK;
}

static int read_status(struct reader *reader, const struct chatroom_json_value *value, uint16_t *ret_status)
{
    chatroom_span text = value->raw;
    unsigned status = 0;

    if (value->type != CHATROOM_JSON_NUMBER && !take_text(reader, value, &text))
        return malformed(reader, "The function's result has no statusCode.");
    for (size_t i = 0; i < text.size && text.size == 3; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            break;
        status = status * 10 + (unsigned)(text.bytes[i] - '0');
    }
    if (status < 100 || status > 599)
        return malformed(reader, "The statusCode of the function's result is not a number from 100 to 599.");
    *ret_status = (uint16_t)status;
    return CHATROOM_OK;
}

/* ---- proxy: its body ---- */

static int read_body(struct reader *reader, const struct chatroom_json_value parts[PARTS],
                     struct chatroom_proxy_result *result)
{
    char *own = reader->buffer;

    if (!is_absent(&parts[IS_BASE64]) && !is_flag(&parts[IS_BASE64]))
        return malformed(reader, "isBase64Encoded in the function's result is neither true nor false.");
    if (is_absent(&parts[BODY]))
        return CHATROOM_OK;
    if (!take_text(reader, &parts[BODY], &result->body))
        return malformed(reader, "The body of the function's result is not a string.");
    result->has_body = true;
    if (parts[IS_BASE64].type == CHATROOM_JSON_TRUE && !cr_base64_decode(result->body, own, &result->body))
        return malformed(reader, "The body of the function's result is not base64, as isBase64Encoded says it is.");
    return CHATROOM_OK;
}

/* ---- proxy: its headers ---- */

static const char subprotocol_header[] = "Sec-WebSocket-Protocol";

static int read_header(struct reader *reader, bool wanted, const struct chatroom_json_value *value,
                       chatroom_span *found)
{
    if (!is_scalar(value))
        return malformed(reader,
                         "A header in the function's result has a value that is neither text nor number nor boolean.");
    if (!wanted)
        return CHATROOM_OK;
    if (!take_text(reader, value, found) || (found->size > 0 && !cr_is_token(*found)))
        return malformed(reader, "Sec-WebSocket-Protocol in the function's result is not one subprotocol.");
    return CHATROOM_OK;
}

static int read_headers(struct reader *reader, const struct chatroom_json_value *headers, chatroom_span *found)
{
    struct chatroom_json_walk walk = chatroom_json_each(headers->raw);
    struct chatroom_json_member header;
    int result = CHATROOM_OK;

    if (is_absent(headers))
        return CHATROOM_OK;
    if (headers->type != CHATROOM_JSON_OBJECT)
        return malformed(reader, "The headers of the function's result are not an object.");
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &header))
        result = read_header(reader, name_is(reader, &header, subprotocol_header), &header.value, found);
    return result;
}

static int read_multi_header(struct reader *reader, const struct chatroom_json_member *header, chatroom_span *found)
{
    struct chatroom_json_walk walk = chatroom_json_each(header->value.raw);
    bool wanted = name_is(reader, header, subprotocol_header);
    struct chatroom_json_member value;
    int result = CHATROOM_OK;

    if (header->value.type != CHATROOM_JSON_ARRAY)
        return malformed(reader, "A header in multiValueHeaders of the function's result is not an array.");
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &value))
        result = read_header(reader, wanted, &value.value, found);
    return result;
}

static int read_multi_headers(struct reader *reader, const struct chatroom_json_value *headers, chatroom_span *found)
{
    struct chatroom_json_walk walk = chatroom_json_each(headers->raw);
    struct chatroom_json_member header;
    int result = CHATROOM_OK;

    if (is_absent(headers))
        return CHATROOM_OK;
    if (headers->type != CHATROOM_JSON_OBJECT)
        return malformed(reader, "multiValueHeaders of the function's result is not an object.");
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &header))
        result = read_multi_header(reader, &header, found);
    return result;
}

int chatroom_event_read_proxy(chatroom_span text, char *buffer, struct chatroom_proxy_result *ret_result,
                              struct chatroom_error *error)
{
    struct reader reader = {.buffer = buffer, .error = error};
    struct chatroom_proxy_result read = {0};
    struct chatroom_json_value parts[PARTS];
    int result = open_object(&reader, text);

    if (result == CHATROOM_OK)
        result = find_parts(&reader, parts);
    if (result == CHATROOM_OK)
        result = read_status(&reader, &parts[STATUS], &read.status);
    if (result == CHATROOM_OK)
        result = read_body(&reader, parts, &read);
    if (result == CHATROOM_OK)
        result = read_headers(&reader, &parts[HEADERS], &read.subprotocol);
    if (result == CHATROOM_OK)
        result = read_multi_headers(&reader, &parts[MULTI_HEADERS], &read.subprotocol);
    if (result == CHATROOM_OK)
        *ret_result = read;
    return result;
}

/* ---- errors ---- */

bool chatroom_event_is_error(chatroom_span text, char *buffer, chatroom_span *ret_message)
{
    struct reader reader = {.buffer = buffer};
    struct chatroom_json_value status, message;
    chatroom_span decoded;

    if (open_object(&reader, text) != CHATROOM_OK ||
        chatroom_json_get(reader.object, chatroom_str("statusCode"), &status) != CHATROOM_OK ||
        chatroom_json_get(reader.object, chatroom_str("errorMessage"), &message) != CHATROOM_OK)
        return false;
    if (status.type != CHATROOM_JSON_NONE || !take_text(&reader, &message, &decoded))
        return false;
    if (ret_message)
        *ret_message = decoded;
    return true;
}

/* ---- authorizers ---- */

static int find(struct reader *reader, const char *name, struct chatroom_json_value *ret_value)
{
    if (chatroom_json_get(reader->object, chatroom_str(name), ret_value) != CHATROOM_OK)
        return malformed(reader, "A name stands twice in the authorizer's result.");
    return CHATROOM_OK;
}

/* A string that may be missing. */
static int read_text(struct reader *reader, const char *name, const char *sentence, chatroom_span *ret_text)
{
    struct chatroom_json_value value;
    int result = find(reader, name, &value);

    if (result == CHATROOM_OK && !is_absent(&value) && !take_text(reader, &value, ret_text))
        return malformed(reader, sentence);
    return result;
}

static int read_context(struct reader *reader, chatroom_span *ret_context)
{
    struct chatroom_json_value context;
    struct chatroom_json_member member;
    struct chatroom_json_walk walk;

    if (find(reader, "context", &context) != CHATROOM_OK)
        return CHATROOM_EINVAL;
    if (is_absent(&context))
        return CHATROOM_OK;
    if (context.type != CHATROOM_JSON_OBJECT)
        return malformed(reader, "The context of the authorizer's result is not an object.");
    walk = chatroom_json_each(context.raw);
    while (chatroom_json_next(&walk, &member))
        if (!is_scalar(&member.value))
            return malformed(reader,
                             "The context of the authorizer's result has a value that is neither text nor number nor "
                             "boolean.");
    *ret_context = context.raw;
    return CHATROOM_OK;
}

static int evaluate(struct reader *reader, const struct chatroom_json_value *policy, chatroom_span method_arn,
                    bool *ret_allowed)
{
    if (policy->type != CHATROOM_JSON_OBJECT)
        return malformed(reader, "The authorizer's result has no policyDocument.");
    if (chatroom_policy_check(policy->raw, reader->error) != CHATROOM_OK)
        return CHATROOM_EINVAL;
    *ret_allowed =
        chatroom_policy_evaluate(policy->raw, chatroom_str("execute-api:Invoke"), method_arn) == CHATROOM_POLICY_ALLOW;
    return CHATROOM_OK;
}

/* What the result says, by its policy or in a word. */
static int read_verdict(struct reader *reader, chatroom_span method_arn, struct chatroom_authorizer_result *read)
{
    struct chatroom_json_value word, policy;

    if (find(reader, "isAuthorized", &word) != CHATROOM_OK || find(reader, "policyDocument", &policy) != CHATROOM_OK)
        return CHATROOM_EINVAL;
    if (is_absent(&word))
        return read->principal.size > 0 ? evaluate(reader, &policy, method_arn, &read->allowed)
                                        : malformed(reader, "The authorizer's result has no principalId.");
    if (!is_absent(&policy))
        return malformed(reader, "The authorizer's result has both a policyDocument and isAuthorized.");
    if (!is_flag(&word))
        return malformed(reader, "isAuthorized in the authorizer's result is neither true nor false.");
    read->allowed = word.type == CHATROOM_JSON_TRUE;
    return CHATROOM_OK;
}

int chatroom_event_read_authorizer(chatroom_span text, chatroom_span method_arn, char *buffer,
                                   struct chatroom_authorizer_result *ret_result, struct chatroom_error *error)
{
    struct reader reader = {.buffer = buffer, .error = error};
    struct chatroom_authorizer_result read = {0};
    int result;

    if (text.size > CHATROOM_AUTHORIZER_RESULT_MOST)
        return malformed(&reader, "The authorizer's result is too long.");
    result = open_object(&reader, text);
    if (result == CHATROOM_OK)
        result = read_text(&reader, "principalId", "principalId in the authorizer's result is not a string.",
                           &read.principal);
    if (result == CHATROOM_OK)
        result = read_text(&reader, "usageIdentifierKey",
                           "usageIdentifierKey in the authorizer's result is not a string.", &read.usage_key);
    if (result == CHATROOM_OK)
        result = read_context(&reader, &read.context);
    if (result == CHATROOM_OK)
        result = read_verdict(&reader, method_arn, &read);
    if (result == CHATROOM_OK)
        *ret_result = read;
    return result;
}

/* ---- what is kept of an authorization ---- */

/* A context must not say of the authorizer what the gateway says. */
static bool is_reserved(const struct chatroom_json_member *member)
{
    struct chatroom_json_value name = name_of(member);
    char bytes[sizeof "integrationLatency"];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    chatroom_span text;

    chatroom_json_decoded(&json, &name);
    return chatroom_json_done(&json, &text) && (chatroom_span_equal(text, chatroom_str("principalId")) ||
                                                chatroom_span_equal(text, chatroom_str("integrationLatency")));
}

static void write_context_value(const struct chatroom_json_member *member, struct chatroom_json *json)
{
    chatroom_json_raw(json, name_of(member).raw);
    chatroom_json_literal(json, chatroom_str(":"));
    json->comma = false; /* its value follows */
    if (member->value.type == CHATROOM_JSON_STRING)
        chatroom_json_raw(json, member->value.raw);
    else
        chatroom_json_string(json, member->value.raw);
}

void chatroom_event_write_authorization(const struct chatroom_authorizer_result *result, int64_t latency_ms,
                                        struct chatroom_json *json)
{
    struct chatroom_json_walk walk = chatroom_json_each(result->context);
    struct chatroom_json_member member;

    chatroom_json_open(json, '{');
    if (result->principal.size > 0) {
        chatroom_json_name(json, "principalId");
        chatroom_json_string(json, result->principal);
    }
    chatroom_json_name(json, "integrationLatency");
    chatroom_json_number(json, latency_ms);
    while (chatroom_json_next(&walk, &member))
        if (!is_reserved(&member))
            write_context_value(&member, json);
    chatroom_json_close(json, '}');
}
